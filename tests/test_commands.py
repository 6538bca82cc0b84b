"""The doors: exit status, one line on stderr for wrong input, nothing written where nothing was asked for."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, run_script
from PIL import Image

from vgan_tf.images import write_image

SMALL = ("--preset", "tiny", "--steps", "1")


@pytest.fixture
def loaded(trained_model, monkeypatch):
    """Verbs get the trained model without loading it from its folder."""
    monkeypatch.setattr("vgan_tf.run.load_run", lambda folder: trained_model)


@pytest.fixture
def pictures(tmp_path, faces):
    """Paths of two faces, and of a file that is none."""
    for name, image in zip(("a.png", "b.png"), faces.images[[0, 10]], strict=True):
        write_image(tmp_path / name, image)
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:1000])
    return tmp_path / "a.png", tmp_path / "b.png", tmp_path / "broken.png"


def check_refused(capsys, status, named, expected_status=2):
    error = capsys.readouterr().err
    assert status == expected_status and error.startswith("error: ") and str(named) in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--preset", "nope"), "'nope'"),
        (("--preset", "tiny", "--set", "no_such_key=1"), "no_such_key"),
        (("--preset", "tiny", "--set", "kl_weight=much"), "kl_weight='much'"),
        (("--preset", "tiny", "--set", "kl_weight"), "key=value"),
        (("--preset", "tiny", "--batch-size", "0"), "batch_size=0"),
        (("--preset", "tiny", "--epochs", "-1"), "epochs=-1"),
        (("--preset", "tiny", "--steps", "0"), "steps=0"),
        (("--preset", "tiny", "--data", "no/such/folder"), "no/such/folder"),
        (("--preset", "tiny", "--data", "avatars:people=3"), "people"),
        (("--preset", "tiny", "--set", "split=clip"), "split by clip"),
        (("--resume",), "not a run folder"),
        (("--resume", "--seed", "0"), "--seed with --resume"),
        (("--resume", "--set", "kl_weight=0.1"), "--set with --resume"),
    ],
)
def test_train_refuses_wrong_input(arguments, named, tmp_path, capsys):
    check_refused(capsys, run_script("train.py", *arguments, "--out", tmp_path / "run"), named)
    assert not os.listdir(tmp_path)


def test_train_refuses_a_folder_that_holds_a_run_or_is_a_file(trained_folder, tmp_path, capsys):
    before = {path: path.stat().st_mtime_ns for path in trained_folder.rglob("*")}
    check_refused(capsys, run_script("train.py", *SMALL, "--out", trained_folder), "--resume")
    assert {path: path.stat().st_mtime_ns for path in trained_folder.rglob("*")} == before
    (tmp_path / "file").touch()
    check_refused(capsys, run_script("train.py", *SMALL, "--out", tmp_path / "file"), "is a file")


def test_a_dry_run_writes_nothing_and_flags_reach_the_configuration(tmp_path, capsys):
    flags = ("--seed", "7", "--batch-size", "9", "--set", "augment_flip=false", "batch_size=11")
    assert run_script("train.py", *SMALL, *flags, "--out", tmp_path / "run", "--dry-run") == 0
    printed = capsys.readouterr()
    assert all(text in printed.out for text in ("seed=7", "batch_size=11", "augment_flip=false"))
    assert "210 images, 3 target identities, 7 expressions" in printed.out and not printed.err
    assert not os.listdir(tmp_path)


def test_a_full_disk_ends_with_status_1_and_one_line(tmp_path, capsys, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vgan_tf.files.os.fsync", full)
    check_refused(capsys, run_script("train.py", *SMALL, "--out", tmp_path / "run"), "No space left", 1)
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("no/such/run",), "no/such/run"),
        (("{run}", "--target-policy", "fixed:nobody"), "nobody"),
        (("{run}", "--target-policy", "never"), "never"),
        (("{run}", "--data", "no/such/data"), "no/such/data"),
        (("--external", "no/such.npz", "--out", "{out}"), "no/such.npz"),
        (("--external", "no/such", "no/other", "--out", "{out}"), "no/such"),
    ],
)
def test_evaluate_refuses_wrong_input(arguments, named, trained_folder, few_companions, tmp_path, capsys):
    arguments = [text.format(run=trained_folder, out=tmp_path / "out") for text in arguments]
    check_refused(capsys, run_script("evaluate.py", *arguments), named)
    assert not (trained_folder / "evaluation").exists() and not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("morph", "run", "{a}", "{b}", "--target", "nobody", "-o", "{out}.gif"), "'nobody'"),
        (("morph", "run", "{a}", "{broken}", "--target", "ada", "-o", "{out}.gif"), "broken.png"),
        (("morph", "run", "{a}", "missing.png", "--target", "ada", "-o", "{out}.gif"), "missing.png: no such file"),
        (("morph", "run", "{a}", "{b}", "--target", "ada", "--frames", "1", "-o", "{out}.gif"), "frames=1"),
        (("morph", "run", "{a}", "{b}", "--target", "ada", "-o", "{out}.mp4"), "out.mp4"),
        (("complete", "run", "{a}", "--mask", "nose", "-o", "{out}.png"), "'nose'"),
        (("complete", "run", "{broken}", "-o", "{out}.png"), "broken.png"),
        (("complete", "run", "{a}", "--target", "nobody", "-o", "{out}.png"), "'nobody'"),
        (("complete", "run", "{a}", "-o", "{out}"), "ends in .png"),
        (("synthesize", "run", "--target", "nobody", "-o", "{out}"), "'nobody'"),
        (("synthesize", "run", "--count", "0", "-o", "{out}"), "count=0"),
    ],
)
def test_verbs_refuse_wrong_input(arguments, named, loaded, pictures, tmp_path, capsys):
    a, b, broken = pictures
    arguments = [text.format(a=a, b=b, broken=broken, out=tmp_path / "out") for text in arguments]
    check_refused(capsys, run_script("vgan_tf", *arguments), named)
    assert not list(tmp_path.glob("out*"))


def test_verbs_refuse_a_folder_without_run(pictures, tmp_path, capsys):
    a, b, _ = pictures
    for arguments in (
        ("morph", tmp_path, a, b, "--target", "ada", "-o", tmp_path / "out.gif"),
        ("complete", tmp_path, a, "-o", tmp_path / "out.png"),
        ("synthesize", tmp_path, "-o", tmp_path / "out"),
    ):
        check_refused(capsys, run_script("vgan_tf", *arguments), "not a run folder")


def test_verbs_write_what_they_say(loaded, pictures, tmp_path, capsys):
    a, b, _ = pictures
    out = tmp_path / "out"
    assert run_script("vgan_tf", "morph", "run", a, b, "--target", "ada", "--frames", 4, "-o", out / "morph.gif") == 0
    assert run_script("vgan_tf", "morph", "run", a, b, "--target", "ada", "--frames", 4, "-o", out / "frames") == 0
    assert run_script("vgan_tf", "synthesize", "run", "--count", 2, "-o", out / "sheet.png") == 0
    assert run_script("vgan_tf", "synthesize", "run", "--target", "ben", "--count", 2, "-o", out / "faces") == 0
    assert run_script("vgan_tf", "complete", "run", a, "--mask", "0,0,9,9", "-o", out / "complete.jpg") == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 5 and not printed.err
    assert len(list((out / "frames").iterdir())) == 4
    assert [path.name for path in sorted((out / "faces").iterdir())] == ["ben_000.png", "ben_001.png"]
    sizes = [Image.open(out / name).size for name in ("morph.gif", "sheet.png", "complete.jpg")]
    assert sizes == [(256, 256), (256, 384), (512, 256)]
    frames = [np.asarray(Image.open(path)) for path in sorted((out / "frames").iterdir())]
    assert all(frame.shape == (64, 64, 3) for frame in frames)


def test_help_and_light_imports_load_nothing_heavy():
    code = """
import contextlib, io, runpy, sys
import vgan_tf, vgan_tf.config, vgan_tf.data, vgan_tf.images, vgan_tf.files, vgan_tf.applications, vgan_tf.__main__
verbs = ("protect", "recognize", "morph", "complete", "synthesize", "render")
commands = [(runpy.run_path, "train.py"), (runpy.run_path, "evaluate.py")]
commands += [(runpy.run_module, "export"), (runpy.run_module, "vgan_tf")]
commands += [(runpy.run_module, "vgan_tf", verb) for verb in verbs]
for run, name, *verb in commands:
    sys.argv = [name, *verb, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            run(name, run_name="__main__")
        except SystemExit as ending:
            assert ending.code == 0
    assert out.getvalue().startswith("usage: ")
    if name == "vgan_tf" and not verb:
        assert all(f"\\n    {verb}" in out.getvalue() for verb in verbs)
print(sorted({"tensorflow", "keras", "tf_keras", "sklearn", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_public_names_load_on_first_use():
    import vgan_tf

    for name in vgan_tf.__all__:
        assert getattr(vgan_tf, name)
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = vgan_tf.nothing_here
