"""The same model on TensorFlow and on JAX: the same first steps, and runs that either reads."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from first_steps import STEPS, first_steps, new_model
from helpers import ROOT, noise_faces

from vgan_tf import load_run
from vgan_tf.run import load_expression_classifier, open_run


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory, trained_folder):
    """A folder in which tests/first_steps.py has run, in a process without TensorFlow."""
    folder = tmp_path_factory.mktemp("jax")
    new_model().save_weights(folder / "first.weights.h5")
    shutil.copytree(trained_folder, folder / "tensorflow")
    command = [sys.executable, str(ROOT / "tests" / "first_steps.py"), str(folder)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_first_steps_are_the_same_on_both(on_jax):
    model = new_model()
    model.load_weights(on_jax / "first.weights.h5")
    expected = first_steps(model)
    with np.load(on_jax / "first_steps.npz") as found:
        assert set(found.files) == set(expected) and found["iterations"] == STEPS
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_either_backend_reads_the_runs_of_the_other_and_goes_on_with_its_own(on_jax, trained_model):
    stored = json.loads((on_jax / "run" / "config.json").read_text())
    assert stored["backend"] == "jax" and {"jax", "keras"} <= set(stored["versions"])
    with np.load(on_jax / "protected.npz") as protected:
        np.testing.assert_array_equal(protected["jax"], protected["resumed"])
        for name, model in (("jax", load_run(on_jax / "run")), ("tensorflow", trained_model)):
            images = noise_faces(size=model.config.image_size).images[:6]
            assert abs(protected[name].astype(int) - model.protect(images, seed=1)).max() <= 1
        images = noise_faces(size=32).images[:6]
        read = load_expression_classifier(on_jax / "run")(images / np.float32(127.5) - 1)
        np.testing.assert_allclose(protected["expression"], read, atol=1e-4)


def test_a_checkpoint_of_the_other_backend_can_be_gone_on_with(on_jax):
    run = open_run(on_jax / "run")
    model = run.build_model()
    model.compile(total_steps=4)
    assert run.restore_checkpoint(model) == 2 and int(model.discriminator_optimizer.iterations) == 4
    for restored, loaded in zip(model.weights, load_run(run.folder).weights, strict=True):
        np.testing.assert_array_equal(restored, loaded)
