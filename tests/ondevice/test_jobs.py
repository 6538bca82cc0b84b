"""Jobs of several files: the table at their end, jobs that were interrupted, patterns, leftovers."""

import os
import shutil
import types

import numpy as np
import pytest
from helpers import run_script, stub_files, write_export
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.files import replacing
from vgan_tf.ondevice import commands, jobs, protector
from vgan_tf.ondevice.jobs import JOURNAL, Journal, Outcome, table
from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.pictures import Square


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("exports") / "stubs", stub_files())


@pytest.fixture
def photos(tmp_path):
    """A folder of four photos of noise."""
    folder, random = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png", "d.png"):
        Image.fromarray(random.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def stopped(export, photos, monkeypatch):
    """A job over `photos` that was killed while it wrote the third one; `written` counts those written from then on."""
    write, written = commands.write_image, []

    def until_killed(path, image):
        if path.name == "c.png":
            raise KeyboardInterrupt
        write(path, image)

    def count(path, image):
        written.append(path.name)
        write(path, image)

    monkeypatch.setattr(commands, "write_image", until_killed)
    assert job(export, photos) != 0
    monkeypatch.setattr(commands, "write_image", count)
    return written


def job(export, photos, *more):
    return run_script("vgan_tf", "protect", photos, "--model", export, "--crops", *more)


def outputs(photos):
    return sorted(path.name for path in (photos.parent / "photos_protected").iterdir())


def test_a_job_that_was_stopped_goes_on_where_it_was(export, photos, stopped, capsys):
    assert outputs(photos) == [JOURNAL, "a.png", "b.png"]
    before = (photos.parent / "photos_protected" / "a.png").read_bytes()
    assert job(export, photos) == 0
    assert stopped == ["c.png", "d.png"] and outputs(photos) == ["a.png", "b.png", "c.png", "d.png"]
    assert (photos.parent / "photos_protected" / "a.png").read_bytes() == before
    shown = capsys.readouterr().out.splitlines()
    assert [line.endswith("1  whole before this job") or line.split()[2:] == ["1"] for line in shown[-5:-1]] == [
        True
    ] * 4
    assert shown[-1] == "4 files: 4 written, 0 refused, 0 failed; 4 of 4 faces protected"
    # One that came to its end is done anew.
    assert job(export, photos) == 0 and stopped[2:] == ["a.png", "b.png", "c.png", "d.png"]


def test_a_job_with_another_target_or_model_does_not_go_on(export, photos, stopped, tmp_path):
    assert job(export, photos, "--target", "bob") == 0
    assert stopped == ["a.png", "b.png", "c.png", "d.png"]


def test_inputs_and_outputs_that_changed_are_done_anew(export, photos, stopped):
    Image.new("RGB", (64, 64), "red").save(photos / "a.png")
    (photos.parent / "photos_protected" / "b.png").write_bytes(b"cut off")
    assert job(export, photos) == 0
    assert stopped == ["a.png", "b.png", "c.png", "d.png"]


def test_a_journal_that_was_cut_off_or_is_none_does_no_harm(tmp_path):
    one, other = tmp_path / "in.png", tmp_path / "out.png"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    Journal({"a": 1}, {tmp_path}).add(one, other, Outcome("written", 2, 1, "why"))
    file = tmp_path / JOURNAL
    file.write_text(file.read_text() + '\n{"stamps": ["in.p')
    again = Journal({"a": 1}, {tmp_path})
    assert again.before(one, other) == Outcome("written", 2, 1, "why")
    again.add(one, other, Outcome("written", 3, 3))
    assert Journal({"a": 1}, {tmp_path}).before(one, other) == Outcome("written", 3, 3)
    assert Journal({"a": 2}, {tmp_path}).before(one, other) is None and not file.exists()
    for content in (b"", b"\xff\xfe", b"{}\n[]"):
        file.write_bytes(content)
        assert Journal({"a": 1}, {tmp_path}).before(one, other) is None


def test_a_secret_is_not_written_down(export, photos, stopped, monkeypatch):
    def kill(path, image):
        raise KeyboardInterrupt

    write = commands.write_image
    monkeypatch.setattr(
        commands, "write_image", lambda path, image: (kill if path.name == "b.png" else write)(path, image)
    )
    job(export, photos, "--target", "fixed:my dog")
    journal = (photos.parent / "photos_protected" / JOURNAL).read_text()
    assert "a.png" in journal and "dog" not in journal and any(name in journal for name in ("ann", "bob", "cid"))


def test_the_table_tells_of_each_file_what_became_of_it(export, photos, monkeypatch, capsys):
    good = Face(Square(10, 10, 40), [10, 10, 40, 40], 0.9)
    found = {"a.png": [good, good._replace(square=Square(50, 10, 20))], "b.png": [], "c.png": [good]}
    names = iter(("a.png", "b.png", "c.png"))
    monkeypatch.setattr(protector, "find_faces", lambda picture: found[next(names)])
    (photos / "d.png").write_bytes(b"no picture")
    assert run_script("vgan_tf", "protect", photos, "--model", export) == 2
    head, a, b, c, d, last = (line.split() for line in capsys.readouterr().out.splitlines()[-6:])
    assert head == ["file", "faces", "protected"]
    assert a[1:4] == ["2", "0", "refused:"] and a[-3:] == ["than", "32", "pixels"]
    assert b[1:] == ["0", "0", "refused:", "no", "face", "found"]
    assert c[1:] == ["1", "1"] and d[1:4] == ["0", "0", "failed:"]
    assert " ".join(last) == "4 files: 1 written, 2 refused, 1 failed; 1 of 3 faces protected"


def test_columns_are_as_wide_as_what_stands_in_them():
    lines = table({"a": Outcome("written", 1, 1), "longer name": Outcome("written", 12, 11, "why")}).splitlines()
    assert lines[:3] == [
        "file         faces  protected",
        "a                1          1",
        "longer name     12         11  why",
    ]


def test_names_may_be_patterns(export, photos, tmp_path):
    pattern = photos / "[ab].png"
    assert run_script("vgan_tf", "protect", pattern, "--crops", "-o", tmp_path / "out", "--model", export) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    Image.new("RGB", (64, 64), "red").save(photos / "[ab].png")  # a file of that very name comes first
    assert commands.expand([pattern]) == [pattern]
    assert commands.expand([tmp_path / "none*"]) == [tmp_path / "none*"]


def test_what_a_killed_process_left_is_removed_when_the_same_file_is_written(tmp_path):
    left, other = tmp_path / ".partial-x-out.png", tmp_path / ".partial-x-more.png"
    for path in (left, other):
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    with replacing(tmp_path / "out.png") as first:
        first.write_bytes(b"first")
        assert not left.exists() and other.exists()
        with replacing(tmp_path / "out.png") as second:  # another process still writes the first one
            second.write_bytes(b"second")
        assert first.exists() and (tmp_path / "out.png").read_bytes() == b"second"
    assert (tmp_path / "out.png").read_bytes() == b"first"
    with pytest.raises(InputError), replacing(tmp_path / "out.png"):
        raise InputError("no")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-x-more.png", "out.png"]


@pytest.fixture
def watch(export, photos, monkeypatch, capsys):
    """Watch `photos` while something happens at each look but the first, then Ctrl-C: (status, names written)."""

    def watch(*happens, more=("--crops",)):
        now, happens = [0.0], list(happens)

        def sleep(seconds):
            now[0] += seconds
            if not happens:
                raise KeyboardInterrupt
            happens.pop(0)()

        monkeypatch.setattr(jobs, "time", types.SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
        status = run_script("vgan_tf", "protect", "--watch", photos, "--model", export, *more)
        lines = capsys.readouterr().out.splitlines()
        return status, [line.rpartition("/")[2] for line in lines if line.startswith("wrote ")], lines

    return watch


def nothing():
    """Happens while a file settles, which takes as many looks as `SETTLING`."""


SETTLING = [nothing] * round(jobs.SETTLED_SECONDS / jobs.LOOK_SECONDS)


def test_a_watched_folder_is_protected_as_it_fills(photos, watch):
    def grow(*names):
        for name in names:
            with open(photos / name, "ab") as file:
                file.write(b"more")

    def come():
        shutil.copy(photos / "a.png", photos / "e.png")
        shutil.copy(photos / "a.png", photos / "e_protected.png")
        shutil.copy(photos / "a.png", photos / ".hidden.png")
        (photos / "inner").mkdir()
        shutil.copy(photos / "a.png", photos / "inner" / "f.png")

    (photos / "d.png").unlink()
    status, written, lines = watch(nothing, lambda: grow("b.png"), *SETTLING, come, *SETTLING, nothing)
    assert status == 0 and written == ["a.png", "c.png", "b.png", "e.png"] and outputs(photos)[1:] == sorted(written)
    assert lines[-1] == "4 files: 4 written, 0 refused, 0 failed; 4 of 4 faces protected"
    # A later watch goes on, a changed file is done anew, and with another target all are.
    assert watch(*SETTLING, lambda: grow("a.png"), *SETTLING)[1] == ["a.png"]
    assert len(watch(*SETTLING, more=("--crops", "--target", "bob"))[1]) == 4


def test_what_fails_in_a_watched_folder_is_not_tried_again_until_it_changes(photos, watch, capsys, monkeypatch):
    whole, said = (photos / "b.png").read_bytes(), []
    monkeypatch.setattr(commands, "_complain", lambda path, why: said.append(path.name))
    for name in ("a.png", "c.png", "d.png"):
        (photos / name).unlink()
    (photos / "b.png").write_bytes(b"no picture")
    status, written, _ = watch(*SETTLING * 2, lambda: (photos / "b.png").write_bytes(whole), *SETTLING)
    assert status == 0 and said == ["b.png"] and written == ["b.png"]
    (photos / "b.png").write_bytes(b"none")
    status, written, lines = watch(*SETTLING)
    assert status == 2 and said == ["b.png"] * 2 and written == [] and lines[-1].startswith("1 files: 0 written")


def test_two_files_of_a_watched_folder_do_not_become_one(photos, watch, monkeypatch):
    said = []
    monkeypatch.setattr(commands, "_complain", lambda path, why: said.append((path.name, why)))
    Image.new("RGB", (64, 64), "red").save(photos / "a.jpg")
    status, written, _ = watch(*SETTLING)
    assert status == 2 and written == ["a.png", "b.png", "c.png", "d.png"]
    assert said[0][0] == "a.png" and "as another file" in said[0][1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{photos}/a.png",), "takes one folder"),
        (("{photos}/none",), "takes one folder"),
        (("{photos}", "{photos}"), "takes one folder"),
        (("{photos}", "-o", "{photos}"), "the folder that is watched"),
        (("{photos}", "-o", "out.png"), "names one file"),
        (("{photos}", "--faces", "boxes.json"), "--faces: not with --watch"),
        (("{photos}", "--review", "sheet.png"), "--review: not with --watch"),
    ],
)
def test_a_watch_that_cannot_be_meant_is_refused(export, photos, capsys, arguments, reason):
    arguments = [argument.format(photos=photos) for argument in arguments]
    assert run_script("vgan_tf", "protect", "--watch", *arguments, "--model", export) == 2
    assert reason in capsys.readouterr().err
