"""Fixtures that several test files share."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from helpers import ROOT, TINY_RUN, running_eagerly

from vgan_tf.files import write_json

# The test processes take whole files, in this order. What costs most comes first, so that none has to end it alone.
COSTLY_FIRST = (
    "test_training.py", "test_export.py", "test_model.py", "test_conductor.py", "test_frontier.py", "test_utility.py",
    "test_end_to_end.py", "test_quantization_aware.py", "test_scoring.py", "test_backends.py", "test_distribution.py",
    "test_page.py", "test_evaluation.py", "test_protection.py", "test_dataset.py", "test_avatars.py", "test_install.py",
)  # fmt: skip
# The command without the scoring, which takes long.
EXPORT = """
import functools
from vgan_tf.commands import quiet_libraries
with quiet_libraries():
    import export.pipeline
    from export.__main__ import main
export.pipeline.export_run = functools.partial(export.pipeline.export_run, score=False)
main()
"""


def pytest_collection_modifyitems(items):
    """Put the files of `COSTLY_FIRST` in front."""
    places = {name: place for place, name in enumerate(COSTLY_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


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


def made_once(tmp_path_factory, name, *command):
    """The folder `name` that a Python command writes to its --out, beside printed.txt, what it printed.

    Whichever test process is first runs the command, others wait for it; each gets a copy of its own.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    made, ended = shared / "made" / name, shared / "made" / f"{name}.json"
    try:
        made.mkdir(parents=True)
    except FileExistsError:
        while not ended.exists():
            time.sleep(0.1)
    else:
        whole = [sys.executable, *map(str, command), "--out", str(made / name)]
        done = subprocess.run(whole, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        (made / "printed.txt").write_text(done.stdout, encoding="utf-8")
        write_json(ended, done.returncode)
    printed = (made / "printed.txt").read_text(encoding="utf-8")
    assert json.loads(ended.read_text(encoding="utf-8")) == 0, printed
    return shutil.copytree(made, tmp_path_factory.mktemp("made") / "own") / name


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory):
    """A run folder of the tiny preset, trained by train.py. Copy it before changing anything in it.

    Trained in a process of its own, as other tests repeat it bit for bit.
    """
    return made_once(tmp_path_factory, "tiny", "train.py", *TINY_RUN)


@pytest.fixture(scope="session")
def trained_model(trained_folder):
    """The model of `trained_folder`."""
    from vgan_tf import load_run

    return load_run(trained_folder)


@pytest.fixture(scope="session")
def exported(trained_folder, tmp_path_factory):
    """An int8 export of `trained_folder` by the command, not scored: (folder, record, lines that it printed)."""
    out = made_once(tmp_path_factory, "export", "-c", EXPORT, trained_folder, "--recipes", "int8")
    lines = (out.parent / "printed.txt").read_text(encoding="utf-8").splitlines()
    return out, json.loads((out / "export.json").read_text(encoding="utf-8")), lines


@pytest.fixture(scope="session")
def faces():
    """The data of the tiny preset: 210 drawn faces of three people."""
    from vgan_tf import preset
    from vgan_tf.data import load_faces

    return load_faces(preset("tiny").data)


@pytest.fixture
def eagerly():
    """Run tf.functions without tracing them, which costs more than a few steps."""
    with running_eagerly():
        yield


@pytest.fixture
def few_companions(monkeypatch):
    """Have an audit of drawn faces draw a tenth of the further images: 84 fresh ones of three people, and 14."""
    from vgan_tf.data.avatars import dataset

    for name, count in (("FRESH_IMAGES", 28), ("STRANGERS", 2), ("STRANGER_IMAGES", 7)):
        monkeypatch.setattr(dataset, name, count)
