"""The base install, from a wheel in an environment of its own: a device protects and recognizes without TensorFlow."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest
from helpers import ROOT
from PIL import Image

SHARED = ("base", "train", "audit", "export", "heads", "people")  # what requirements.txt holds
LARGEST_BYTES = 150e6


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the tree, as building writes into it."""
    folder = tmp_path_factory.mktemp("wheel")
    if pip("download", "--no-deps", "--dest", folder / "reached", "tqdm").returncode:
        pytest.skip("no package index (give it a network)")
    for name in ("vgan_tf", "export"):
        shutil.copytree(ROOT / name, folder / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree")
    built = pip("wheel", "--no-deps", "--wheel-dir", folder, folder / "tree")
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment's folder, with the wheel and its base dependencies."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder)
    done = pip("--python", folder / "bin" / "python", "install", wheel)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run(installed, tmp_path):
    """A function that runs a program of the environment in an empty folder, without the repository in sight."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KERAS_BACKEND")}

    def run(program, *arguments):
        command = [str(installed / "bin" / program), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_requirements_are_those_of_the_extras():
    tomllib = pytest.importorskip("tomllib", reason="no tomllib (Python 3.11 or later)")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {"base": project["dependencies"], **project["optional-dependencies"]}
    declared = {line for extra in SHARED for line in extras[extra] if not line.startswith("pprl-vgan[")}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(declared) == sorted(line for line in lines if line and not line.startswith("#"))


def test_wheel_holds_every_module_the_weights_the_page_and_the_shaders(wheel):
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "vgan_tf").rglob("*.py")}
    wanted |= {f"vgan_tf/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "export").rglob("*.py")}
    page = [path for path in (ROOT / "export" / "web").rglob("*") if path.is_file()]
    wanted |= {f"vgan_tf/{path.relative_to(ROOT).as_posix()}" for path in page}
    for pattern in ("ondevice/weights/*", "data/heads/shaders/*", "data/heads/*.json"):
        wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "vgan_tf").glob(pattern)}
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_base_is_light_and_without_tensorflow(installed):
    (packages,) = installed.glob("lib/python*/site-packages")
    names = {re.split(r"-\d", path.name)[0].lower() for path in packages.glob("*.dist-info")}
    assert {"pprl_vgan", "numpy", "pillow", "ai_edge_litert"} <= names
    assert not [name for name in names if re.match("tensorflow|keras|tf_keras|torch|jax|scipy|scikit", name)]
    assert sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) < LARGEST_BYTES


@pytest.mark.parametrize("program", [("vgan-tf",), ("python", "-m", "vgan_tf")])
def test_base_protects_and_recognizes(program, run, faces, tmp_path):
    Image.fromarray(faces.images[0]).save(tmp_path / "face.png")
    done = run(*program, "protect", "face.png", "--crops", "-o", "protected.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert Image.open(tmp_path / "protected.png").size[0] >= 64
    done = run(*program, "recognize", "protected.png", "--crops")
    assert (done.returncode, done.stderr) == (0, "")
    assert any(name in done.stdout for name in faces.expressions)


def test_a_command_names_its_missing_extra(run, tmp_path):
    shutil.copy(ROOT / "train.py", tmp_path)
    done = run("python", "train.py", "--preset", "tiny", "--out", "run")
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == 'error: training needs the extra "train": pip install "pprl-vgan[train]"\n'
    assert not (tmp_path / "run").exists()
