"""Rendered people as a data set: labels, counterparts, preparation in many processes, and the command `render`.

A fake renderer fills pictures with numbers that tell person, motion and framing; the last test renders in earnest.
"""

import csv
import dataclasses
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ROOT, run_script
from made_up import write_model
from PIL import Image

from vgan_tf.data import companions, load_faces
from vgan_tf.data.heads import camera, clips, dataset, motions, nuisances, people, preparation
from vgan_tf.data.heads.cast import CAST, load_cast
from vgan_tf.data.sources import shows_others
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS

FAKE = """
import os, sys, time, types
import numpy as np
from vgan_tf.errors import InputError

class Renderer:
    def __init__(self, model):
        if os.environ.get("FAKE_FAILURE") == "input":
            raise InputError("no EGL here: install libegl1 and libgl1-mesa-dri (Debian, Ubuntu)")
        if os.environ.get("FAKE_FAILURE") == "bug":
            raise KeyError("bug")

    def render(self, person, motion, nuisance, size):
        time.sleep(float(os.environ.get("FAKE_SECONDS", 0)))
        values = [person.seed % 251, motion.yaw, motion.intensity, nuisance.scale]
        picture = np.zeros((size, size, 4), np.float32)
        picture[4:-4, 4:-4, :3] = np.modf(np.abs(values[:3]))[0] * 0.8 + values[0] / 2000
        picture[4:-4, 4:-4, 3] = 1
        picture[8, 8, :3] = nuisance.scale / 2
        return picture

    def landmarks(self, person, motion, nuisance):
        return np.random.default_rng(0).random((68, 2))

sys.modules["vgan_tf.data.heads.renderer"] = types.ModuleType("vgan_tf.data.heads.renderer")
sys.modules["vgan_tf.data.heads.renderer"].Renderer = Renderer
"""


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A folder with a made-up model."""
    folder = tmp_path_factory.mktemp("model")
    write_model(folder)
    return folder


@pytest.fixture
def faked(tmp_path, monkeypatch):
    """Render with the fake, here and in worker processes, into a cache of this test's own; returns its folder."""
    folder = tmp_path / "fake"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "vgan_tf.data.heads.renderer", raising=False)
    exec(FAKE, {})
    yield tmp_path / "cache" / "vgan_tf" / "heads"
    sys.modules.pop("vgan_tf.data.heads.renderer")
    dataset._renderer.cache_clear()


@pytest.fixture
def here(faked, monkeypatch):
    """Render in this process, the last share first."""

    def render(partial, processes, count, plan):
        for share in reversed(range(processes)):
            preparation.render_share(partial, share, processes)

    monkeypatch.setattr(preparation, "_render_in_processes", render)
    monkeypatch.setattr(preparation, "BLOCK", 8)
    return faked


def load(model_folder, size=32, people=4, images=60, seed=7, **options):
    return dataset.load(size, model_folder, people, images, seed, **options)


def renderer():
    return sys.modules["vgan_tf.data.heads.renderer"].Renderer(None)


def taken(person, motion, nuisance):
    """The picture of one of the people, of 32 pixels, as the set should hold it."""
    nuisance = nuisances.fitted(nuisance, person, renderer().landmarks(person, motion, nuisance))
    return camera.take(renderer().render(person, motion, nuisance, 32), nuisance)[:, :, :3]


def same_faces(first, second):
    """Assert that two sets are equal in all that they hold."""
    for field in dataclasses.fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            a, b = list(a.values()), list(b.values())
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=field.name)


def test_each_picture_shows_who_it_says_doing_what_it_says(here, model_folder):
    faces = load(model_folder)
    assert faces.images.shape == (60, 32, 32, 3) and faces.counterpart_images.shape == (60, 32, 32, 4)
    assert np.array_equal(faces.identity, np.arange(60) % 4) and faces.identities[3] == "person003"
    assert faces.targets == tuple(CAST) and len(set(faces.counterpart_target.tolist())) > 5
    for row in (0, 17, 59):
        motion = motions.sample_motion(7, row, EXPRESSIONS[faces.expression[row]])
        nuisance = nuisances.nuisance(7, row)
        np.testing.assert_array_equal(faces.images[row], taken(people.person(7, row % 4), motion, nuisance))
        target = CAST[faces.targets[faces.counterpart_target[row]]]
        counterpart = renderer().render(target, motion, dataset.CANONICAL, 32)
        np.testing.assert_array_equal(faces.counterpart_images[row], camera.take(counterpart, dataset.CANONICAL))
        truth = dict(zip(motions.TRUTH, motions.truth_of(motion), strict=True))
        assert all(faces.truth[name][row] == value for name, value in truth.items())
        assert faces.truth["scale"][row] == np.float32(nuisance.scale)
    assert faces.motion_names == list(motions.TRUTH)


def test_expressions_are_balanced_for_each_person_and_where_nobody_comes_twice(here, model_folder):
    cells = np.zeros((4, 7), int)
    faces = load(model_folder, images=56)
    np.add.at(cells, (faces.identity, faces.expression), 1)
    assert (cells == 2).all() and len(set(faces.paths)) == 56
    once = load(model_folder, people=35, images=35, counterparts=False)
    assert np.bincount(once.expression).tolist() == [5] * 7 and not once.has_counterpart_images
    assert once.targets == ()


def test_a_set_is_the_same_however_it_is_prepared_and_prepared_once(here, model_folder, monkeypatch):
    faces = load(model_folder, processes=3)
    (folder,) = [path for path in here.iterdir() if path.is_dir()]
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "_render_in_processes", None)
        same_faces(load(model_folder), faces)
    later = load(model_folder, images=20, first=40)
    same_faces(later, faces.subset(np.arange(40, 60)))
    (folder / "images").unlink()
    (folder / "images").write_bytes(b"short")
    with pytest.raises(InputError, match="images: damaged; delete it"):
        load(model_folder)
    monkeypatch.setattr(dataset.drawing, "VERSION", 0)
    same_faces(load(model_folder, processes=1), faces)
    assert load(model_folder, seed=8).fingerprint() != faces.fingerprint()


def test_sets_larger_than_memory_stay_in_their_files(here, model_folder, monkeypatch):
    faces = load(model_folder)
    monkeypatch.setattr("vgan_tf.data.stored.IN_MEMORY_BYTES", 0)
    stored = load(model_folder)
    assert not isinstance(stored.images, np.ndarray) and not isinstance(stored.counterpart_images, np.ndarray)
    same_faces(stored, faces)
    same_faces(stored.subset([9, 2]).concatenate(stored.subset([4])), faces.subset([9, 2, 4]))
    assert stored.fingerprint() == faces.fingerprint()


def test_counterparts_drawn_beforehand_survive_subset_and_concatenate_and_count_in_the_fingerprint(here, model_folder):
    faces = load(model_folder)
    some = faces.subset(faces.identity == 2)
    np.testing.assert_array_equal(some.counterpart_images, faces.counterpart_images[faces.identity == 2])
    joined = faces.subset([0, 1]).concatenate(faces.subset([5]))
    same_faces(joined, faces.subset([0, 1, 5]))
    without = faces.concatenate(load(model_folder, images=20, first=60, counterparts=False))
    assert not without.has_counterpart_images and without.counterpart_target is None and without.targets == ()
    assert without.drawn_by == faces.drawn_by and without.number[-1] == 79
    other = faces.counterpart_images.copy()
    other[3, 9, 9, 0] ^= 1
    assert dataclasses.replace(faces, counterpart_images=other).fingerprint() != faces.fingerprint()
    bare = dataclasses.replace(faces, counterpart_images=None, counterpart_target=None, targets=())
    assert bare.fingerprint() not in (faces.fingerprint(), bare.subset([0]).fingerprint())


def test_counterparts_can_be_drawn_on_anybody(here, model_folder):
    faces = load(model_folder).subset([5, 8])
    cast = list(CAST)[3]
    motion = motions.sample_motion(7, 5, EXPRESSIONS[faces.expression[0]])
    drawn = faces.drawn_by.counterpart(5, cast, 32)
    picture = camera.take(renderer().render(CAST[cast], motion, dataset.CANONICAL, 32), dataset.CANONICAL)
    assert drawn.shape == (32, 32, 3) and (drawn[0] == dataset.PLAIN).all()
    np.testing.assert_array_equal(drawn[6:-6, 6:-6], picture[6:-6, 6:-6, :3])
    np.testing.assert_array_equal(faces.counterparts([1, 3])[0], faces.drawn_by.counterpart(5, "person001", 32))
    with pytest.raises(InputError, match="no person 'zoe' among the 4"):
        faces.drawn_by.counterpart(5, "zoe", 32)


def test_a_cast_of_ones_own_takes_the_place_of_ours(here, model_folder, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"zoe": {"seed": 5, "skin": [0.1, 0.2, 0.3]}, "abe": {"seed": 6, "shape": [[3, 1.5]]}}))
    source = f"heads:{model_folder},people=4,images=60,seed=7"
    ours, faces = load_faces(source, 32), load_faces(f"{source},cast={file}", 32)
    mine = load_cast(file)
    assert faces.targets == ("abe", "zoe") and set(faces.counterpart_target.tolist()) == {0, 1}
    np.testing.assert_array_equal(faces.images, ours.images)
    for row in (0, 33):
        motion = motions.sample_motion(7, row, EXPRESSIONS[faces.expression[row]])
        target = mine[faces.targets[faces.counterpart_target[row]]]
        picture = camera.take(renderer().render(target, motion, dataset.CANONICAL, 32), dataset.CANONICAL)
        np.testing.assert_array_equal(faces.counterpart_images[row], picture)
    assert faces.drawn_by != ours.drawn_by and faces.fingerprint() != ours.fingerprint()
    assert companions(f"{source},cast={file}", 32)[0].drawn_by == faces.drawn_by
    assert (faces.drawn_by.counterpart(5, "zoe", 32) != faces.drawn_by.counterpart(5, "abe", 32)).any()
    same_faces(load(model_folder, cast=str(file)), faces)
    file.write_text(json.dumps({"zoe": {"seed": 9}, "abe": {"seed": 6, "shape": [[3, 1.5]]}}))
    changed = load(model_folder, cast=str(file))
    is_zoe = faces.counterpart_target == 1
    differ = (changed.counterpart_images != faces.counterpart_images).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(differ, is_zoe)
    file.write_text(json.dumps({"person003": {}}))
    with pytest.raises(InputError, match="'person003' of the cast is also one of the 4 people"):
        load(model_folder, cast=str(file))


def test_clips_are_frames_of_one_person_in_one_light(here, model_folder):
    faces = load(model_folder, people=3, images=300, clips=True)
    starts = np.flatnonzero(np.r_[True, faces.clip[1:] != faces.clip[:-1]])
    assert len(starts) >= 3 and faces.clip[0] == "clip00000" and len(set(faces.paths)) == 300
    for name, start, stop in zip(range(3), starts, [*starts[1:], 300], strict=False):
        one, frames = slice(start, stop), clips.clip(7, name)
        assert set(faces.identity[one]) == {name % 3} and stop - start == len(frames)
        assert len(set(faces.truth["scale"][one])) == 1 and len(set(faces.counterpart_target[one])) == 1
        expressions = [EXPRESSIONS.index(frame.expression) for frame in frames]
        assert faces.expression[one].tolist() == expressions
        np.testing.assert_array_equal(faces.truth["yaw"][one], np.float32([frame.yaw for frame in frames]))
    later = load(model_folder, people=3, images=30, clips=True, first=120)
    same_faces(later, faces.subset(np.arange(120, 150)))


def test_the_source_takes_options_and_renders_for_the_size_that_is_asked_for(here, model_folder):
    faces = load_faces(f"heads:{model_folder},people=4,images=60,seed=7", 32)
    same_faces(faces, load(model_folder))
    own = load_faces(f"heads:{model_folder},people=4,images=8,size=48,counterparts=0")
    assert own.images.shape == (8, 48, 48, 3) and own.drawn_by.seed == dataset.OPTIONS["seed"]
    assert load_faces(f"heads:{model_folder},people=4,images=8,counterparts=0").images.shape[1] == 128
    assert (
        load_faces(f"heads:{model_folder},people=4,images=8,size=48,counterparts=0", 48).fingerprint()
        == own.fingerprint()
    )


@pytest.mark.parametrize(
    "options, said",
    [
        ("people=0", "people=0: must be a whole number of at least 1"),
        ("people=40,images=39", "images=39: must be a whole number of at least 40"),
        ("identities=3", "unknown option 'identities'; the options are people, images, size, seed"),
        ("images=1.5", "images must be a whole number, not '1.5'"),
        ("cast=", ": Is a directory; give a JSON file of people"),
        ("clips=2", "clips must be 0 or 1, not 2"),
        ("size=128", "size=128, but pictures of 64 pixels are asked for"),
    ],
)
def test_bad_options_are_named(model_folder, options, said):
    with pytest.raises(InputError, match=said):
        load_faces(f"heads:{model_folder},{options}", 64)


def test_other_lights_are_such_as_the_rest_never_has_and_all_else_stays(here, model_folder):
    source = f"heads:{model_folder},people=4,images=28,seed=7"
    plain, other = load_faces(source, 32), load_faces(f"{source},other_lights=1", 32)
    for name in ("intensity", "yaw", "scale"):
        np.testing.assert_array_equal(plain.truth[name], other.truth[name])
    np.testing.assert_array_equal(plain.counterpart_images, other.counterpart_images)
    assert plain.drawn_by != other.drawn_by and plain.drawn_by.nuisance(3) == nuisances.nuisance(7, 3)
    assert other.drawn_by.nuisance(3) == nuisances.nuisance(7, 3, held_out=True) != nuisances.nuisance(7, 3)
    same_faces(load_faces(f"{source},other_lights=0", 32), plain)


def test_rendered_people_of_another_seed_are_others():
    assert shows_others("heads:model,people=60,seed=7,other_lights=1", "heads:model,seed=1")
    assert not shows_others("heads:model,people=60,first=24000", "heads:model,seed=1")
    assert not shows_others("heads:model,seed=7", "avatars:seed=1") and not shows_others("folder", "heads:model")


def test_a_source_without_a_model_is_refused():
    for source in ("heads:", "heads", "heads:people=3"):
        with pytest.raises(InputError, match="heads: name a clone of ICT-FaceKit first"):
            load_faces(source)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        load_faces("heads:nowhere")


def test_further_pictures_are_of_the_same_people_and_strangers_of_others(here, model_folder, monkeypatch):
    monkeypatch.setattr(dataset, "FRESH_IMAGES", 84)
    source = f"heads:{model_folder},people=4,images=28,seed=7"
    fresh, strangers = companions(source, 32)
    assert len(fresh) == 84 and fresh.number.min() == 28 and not fresh.has_counterpart_images
    same_faces(fresh, load(model_folder, images=84, first=28, counterparts=False))
    assert fresh.drawn_by == load_faces(source, 32).drawn_by
    assert len(strangers.identities) == 60 and not set(strangers.identities) & set(fresh.identities)
    assert np.bincount(strangers.identity).tolist() == [28] * 60
    number = int(strangers.number[0])
    person = people.person(7, number % 64)
    motion = motions.sample_motion(7, number, EXPRESSIONS[strangers.expression[0]])
    nuisance = nuisances.nuisance(7, number)
    np.testing.assert_array_equal(strangers.images[0], taken(person, motion, nuisance))


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_preparation_looks_like_nothing_and_goes_on_where_it_was(faked, model_folder, tmp_path, monkeypatch):
    source = f"heads:{model_folder},people=4,images=400,seed=7"
    code = f"from vgan_tf.data import load_faces; load_faces({source!r}, 32)"
    command = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "FAKE_SECONDS": "0.002"})
    wait_for(lambda: any(1 in path.read_bytes() for path in faked.glob(".partial-*/done")))
    command.kill()
    command.wait()
    (partial,) = faked.glob(".partial-*")
    state = (partial / "done").read_bytes()
    assert 0 in state and [path.name for path in faked.iterdir() if not path.name.startswith(".")] == ["lock"]
    written = []
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "_render_in_processes", lambda p, *rest: preparation.render_share(p, 0, 1))
        whole, patch_draw = dataset.Heads.draw, lambda *args: written.append(args[2]) or whole(*args)
        patch.setattr(dataset.Heads, "draw", patch_draw)
        faces = load_faces(source, 32)
    assert len(written) <= 100 * state.count(0) < 400
    assert not list(faked.glob(".partial-*"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    same_faces(load_faces(source, 32), faces)


def test_what_a_worker_cannot_do_is_said_in_one_line(faked, model_folder, tmp_path, monkeypatch, capfd):
    out = tmp_path / "out"
    render = ("vgan_tf", "render", "--model", model_folder, "--people", 2, "--images", 8, "--size", 32, "-o", out)
    monkeypatch.setenv("FAKE_FAILURE", "input")
    assert run_script(*render) == 2
    said = capfd.readouterr().err.splitlines()
    assert said[-1] == "error: no EGL here: install libegl1 and libgl1-mesa-dri (Debian, Ubuntu)" and len(said) == 2
    monkeypatch.setenv("FAKE_FAILURE", "bug")
    with pytest.raises(RuntimeError, match="(?s)rendering failed in: .*KeyError: 'bug'"):
        load(model_folder, images=8)
    assert not out.exists() and [path.name for path in faked.iterdir() if not path.name.startswith(".")] == ["lock"]


def test_a_missing_package_is_said(model_folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "vgan_tf.data.heads.renderer", raising=False)
    monkeypatch.setitem(sys.modules, "moderngl", None)
    assert (
        run_script("vgan_tf", "render", "--model", model_folder, "--people", 1, "--images", 7, "-o", tmp_path / "o")
        == 1
    )
    assert capfd.readouterr().err == 'error: rendering people needs the extra "heads": pip install "pprl-vgan[heads]"\n'


def test_a_full_disk_is_said_before_and_in_the_middle_and_what_was_rendered_stays(here, model_folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
        with pytest.raises(InputError, match="of rendered pictures do not fit, .* XDG_CACHE_HOME"):
            load(model_folder)
    write, rows = preparation._write, []

    def full(file, item_bytes, row, picture):
        rows.append(row)
        short = SimpleNamespace(name=file.name, seek=file.seek, write=lambda content: file.write(content[:10]))
        write(short if len(rows) == 100 else file, item_bytes, row, picture)

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "_write", full)
        with pytest.raises(InputError, match="the disk is full; make room and start again") as error:
            load(model_folder)
    assert "\n" not in str(error.value)
    (partial,) = here.glob(".partial-*")
    assert 1 in (partial / "done").read_bytes()
    monkeypatch.setattr(preparation, "_write", lambda *row: rows.append(row) or write(*row))
    rows.clear()
    faces = load(model_folder)
    assert 0 < len(rows) < 3 * 60
    monkeypatch.setattr(dataset.drawing, "VERSION", 0)
    same_faces(load(model_folder), faces)


def test_render_writes_a_folder_that_is_read_with_the_same_truth(here, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    render = ["vgan_tf", "render", "--model", model_folder, "--people", 4, "--images", 60, "--size", 32, "--seed", 7]
    assert run_script(*render, "-o", out, "--counterparts") == 0
    assert capsys.readouterr().out.splitlines()[0] == f"wrote {out}: 60 pictures of 4 people"
    drawn, read = load(model_folder), load_faces(out, 32)
    order = np.array([drawn.paths.index(path) for path in read.paths])
    assert len(order) == 60 and read.identities == drawn.identities
    wanted = drawn.subset(order)
    for name in ("images", "identity", "expression", "clip"):
        np.testing.assert_array_equal(getattr(read, name), getattr(wanted, name))
    assert read.truth.keys() == wanted.truth.keys()
    assert all(np.array_equal(read.truth[name], wanted.truth[name]) for name in read.truth)

    beside = tmp_path / "out_counterparts"
    with open(beside / "labels.csv", encoding="utf-8") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    for row in (0, 33):
        listed = rows[drawn.paths[row]]
        assert listed["identity"] == drawn.targets[drawn.counterpart_target[row]]
        with Image.open(beside / listed["path"]) as picture:
            assert picture.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(picture), drawn.counterpart_images[row])
    targets = load_faces(beside, 32)
    assert set(targets.identities) <= set(CAST) and "yaw" in targets.truth and "scale" not in targets.truth
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run_script(*render, "-o", out) == 2
    assert "out: exists and is not empty; name a new folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_render_writes_clips_and_nothing_that_looks_whole_when_it_fails(
    here, model_folder, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    render = ["vgan_tf", "render", "--model", model_folder, "--people", 2, "--images", 150, "--size", 32, "--seed", 7]
    with monkeypatch.context() as patch:
        save, saved = Image.Image.save, []

        def full(picture, path):
            saved.append(path)
            if len(saved) > 100:
                raise OSError(28, "No space left on device", str(path))
            save(picture, path)

        patch.setattr(Image.Image, "save", full)
        assert run_script(*render, "--clips", "-o", out) == 1
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists() and not list(tmp_path.glob(".partial-*"))
    assert run_script(*render, "--clips", "-o", out) == 0
    read = load_faces(out, 32)
    assert len(read) == 150 and set(read.clip) >= {"clip00000", "clip00001"}


def test_in_earnest_the_bytes_do_not_depend_on_how_many_render(model_folder, tmp_path, monkeypatch):
    pytest.importorskip("moderngl", reason="no moderngl (the extra heads)")
    monkeypatch.setattr(preparation, "BLOCK", 4)
    sets = []
    for processes in (1, 2):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / str(processes)))
        try:
            sets.append(load(model_folder, size=32, people=2, images=8, processes=processes))
        except InputError as error:
            if "libegl1" not in str(error):
                raise
            pytest.skip("no EGL (libegl1 and libgl1-mesa-dri)")
    same_faces(*sets)
    faces, alpha = sets[0], sets[0].counterpart_images[..., 3]
    assert (alpha[:, 0, 0] == 0).all() and (alpha.max(axis=(1, 2)) == 255).all()
    assert len({image.tobytes() for image in faces.images}) == 8
