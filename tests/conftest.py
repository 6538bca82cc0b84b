"""Fixtures that several test files share."""

import subprocess
import sys

import pytest
from helpers import ROOT, TINY_RUN


def pytest_unconfigure(config):
    """End with what was skipped and what runs it: the last line of all."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    reasons = dict.fromkeys(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        print(f"{len(skipped)} tests skipped, which .ci/run runs: {'; '.join(reasons)}")


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory):
    """Keep the drawn faces of this session to itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory):
    """A run folder of the tiny preset, trained by train.py. Copy it before changing anything in it.

    Trained in a process of its own, as other tests repeat it bit for bit.
    """
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    command = [sys.executable, str(ROOT / "train.py"), *TINY_RUN, "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (folder.parent / "printed.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def trained_model(trained_folder):
    """The model of `trained_folder`."""
    from vgan_tf import load_run

    return load_run(trained_folder)


@pytest.fixture(scope="session")
def exported(trained_folder, tmp_path_factory):
    """An int8 export of `trained_folder`, not scored, beside a file of the user's: (folder, record, progress lines)."""
    from export import export_run
    from vgan_tf.files import write_text

    out = tmp_path_factory.mktemp("export")
    lines = []
    write_text(out / "notes.txt", "mine\n")
    record = export_run(trained_folder, out, ("int8",), progress=lines.append, score=False)
    return out, record, lines


@pytest.fixture(scope="session")
def faces():
    """The data of the tiny preset: 210 drawn faces of three people."""
    from vgan_tf import preset
    from vgan_tf.data import load_faces

    return load_faces(preset("tiny").data)


@pytest.fixture
def eagerly():
    """Run tf.functions without tracing them, which costs more than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
