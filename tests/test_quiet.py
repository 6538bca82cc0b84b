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


def test_exporting_is_quiet(exported):
    _, record, lines = exported
    assert len(lines) == len(record["files"]) + 1 and lines[-1].startswith("exported: ")
    assert not CHATTER.search("\n".join(lines))


# One after another in one process, as importing TensorFlow takes most of the time. None imports it before it runs:
# test_commands.py.
WITH_TENSORFLOW = """
import runpy, sys
for sys.argv in (
    ["evaluate", "{run}", "--data", "{out}", "--out", "{out}"],
    ["vgan_tf", "synthesize", "{run}", "--count", "1", "-o", "{out}/faces.png"],
):
    try:
        runpy.run_module(sys.argv[0], run_name="__main__")
    except SystemExit as ending:
        print("status", ending.code)
"""


@pytest.mark.parametrize(
    ("command", "said", "error"),
    [
        (("-c", WITH_TENSORFLOW), r"auditing .*\nstatus 2\nwrote .*faces\.png.*\n", r"error: .*out.*\n"),
        (("-m", "vgan_tf", "protect", "{face}", "--crops", "-o", "{out}/protected.png"), r"wrote .*\n", ""),
        (("-m", "vgan_tf", "recognize", "{face}", "--crops"), r".*face\.png.*\n", ""),
    ],
    ids=lambda value: None,
)
def test_commands_are_quiet(command, said, error, trained_folder, faces, tmp_path):
    Image.fromarray(faces.images[0]).save(tmp_path / "face.png")
    places = {"run": trained_folder, "out": tmp_path / "out", "face": tmp_path / "face.png"}
    done = run(*(text.format(**places) for text in command))
    assert done.returncode == 0 and re.fullmatch(said, done.stdout), done.stdout + done.stderr
    assert re.fullmatch(error, done.stderr) and not CHATTER.search(done.stdout + done.stderr), done.stderr
