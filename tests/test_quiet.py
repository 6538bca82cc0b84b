"""Commands print their own lines alone: nothing of TensorFlow, XLA, cuDNN, oneDNN or LiteRT on either stream."""

import os
import re
import subprocess
import sys

import pytest
from helpers import ROOT
from PIL import Image

CHATTER = re.compile(r"absl|cuda|cudnn|onednn|xla|xnnpack|warning|deprecat|retracing|^[IWE]0000", re.IGNORECASE | re.M)
NOISY = """
import logging, os, subprocess, sys, warnings
from vgan_tf.commands import run_command
from vgan_tf.errors import InputError
def command():
    os.write(2, b"I0000 native\\n")
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'child\\\\n')"])
    warnings.warn("from a library")
    logging.getLogger("tensorflow").warning("retracing")
    print("own", file=sys.stderr)
    {ending}
run_command(command)
"""


def run(*command, **changes):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"} | changes
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def noisy(ending, **changes):
    return run("-c", NOISY.format(ending=ending), **changes)


def test_what_libraries_print_is_hidden():
    done = noisy("pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "own\n")
    done = noisy("raise InputError('wrong')")
    assert (done.returncode, done.stderr) == (2, "own\nerror: wrong\n")


def test_it_is_shown_where_nobody_expected_the_error():
    done = noisy("raise KeyError('bug')")
    assert done.returncode == 1 and "own\nI0000 native\nchild\nTraceback" in done.stderr and "KeyError" in done.stderr


def test_a_crash_of_native_code_shows_where_python_was():
    done = noisy("os.abort()")
    assert done.returncode < 0 and "Aborted" in done.stderr and "in command" in done.stderr


def test_it_is_shown_where_asked_for():
    done = noisy("pass", TF_CPP_MIN_LOG_LEVEL="0")
    for said in ("I0000 native", "child", "from a library", "retracing", "own"):
        assert said in done.stderr


def test_training_is_quiet(trained_folder):
    printed = (trained_folder.parent / "printed.txt").read_text(encoding="utf-8")
    assert "trained: " in printed and not CHATTER.search(printed)


# Without the scoring, which takes long.
EXPORT = """
import functools
from vgan_tf.commands import quiet_libraries
with quiet_libraries():
    import export.pipeline
    from export.__main__ import main
export.pipeline.export_run = functools.partial(export.pipeline.export_run, score=False)
main()
"""


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (("-c", EXPORT, "{run}", "--out", "{out}", "--recipes", "int8"), 0, "exported: "),
        (("evaluate.py", "{run}", "--target-policy", "fixed:nobody", "--out", "{out}"), 2, "error: "),
        (("-m", "vgan_tf", "synthesize", "{run}", "--count", "1", "-o", "{out}/faces.png"), 0, "wrote "),
        (("-m", "vgan_tf", "protect", "{face}", "--crops", "-o", "{out}/protected.png"), 0, "wrote "),
        (("-m", "vgan_tf", "recognize", "{face}", "--crops"), 0, "face.png"),
        (("benchmarks/throughput.py", "--preset", "tiny", "--batch-size", "8", "--steps", "1"), 0, "images_per_second"),
    ],
    ids=lambda value: None,
)
def test_commands_are_quiet(command, status, said, trained_folder, faces, tmp_path):
    Image.fromarray(faces.images[0]).save(tmp_path / "face.png")
    places = {"run": trained_folder, "out": tmp_path / "out", "face": tmp_path / "face.png"}
    done = run(*(text if text == EXPORT else text.format(**places) for text in command))
    printed = done.stdout + done.stderr
    assert done.returncode == status and said in printed and not CHATTER.search(printed), printed
    assert len(done.stderr.splitlines()) == (status != 0)
