"""The checks of the renderer, in a process of their own: none may render that has loaded TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = Path(__file__).with_name("renderer_checks.py")


def test_the_renderer_holds_its_checks():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--noconftest", CHECKS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKS.parents[3])
    if done.returncode == 0 and " passed" not in done.stdout:
        pytest.skip("no OpenGL by EGL here (moderngl, libegl1 and libgl1-mesa-dri)")
    assert done.returncode == 0, done.stdout


def test_beside_tensorflow_nothing_is_rendered():
    pytest.importorskip("moderngl", reason="no moderngl (the extra heads)")
    code = "import tensorflow\nfrom vgan_tf.data.heads.renderer import Renderer\nRenderer(None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKS.parents[3])
    assert done.returncode == 1 and "a process that has loaded TensorFlow" in done.stderr.splitlines()[-1]
