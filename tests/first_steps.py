"""The first steps of `tiny`, on whichever backend Keras has: as a script, on JAX and without TensorFlow.

    python tests/first_steps.py FOLDER

takes them from the weights and to the arrays in FOLDER, then trains a run there, interrupted and not.
"""

import dataclasses
import os
import shutil
import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # Compiling takes most of the time.
    # What was compiled for the first run serves the resumed one, too.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(sys.argv[1]) / "compiled")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"
    sys.modules["tensorflow"] = None  # Importing it fails, as where it is not installed.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import pytest
from helpers import noise_faces, tiny_config

from vgan_tf import PPRLVGAN, load_run, training
from vgan_tf.data.pipeline import evaluation_batches
from vgan_tf.run import Run, load_expression_classifier

STEPS = 2
# Half of a batch of eight is encoded only.
SETTINGS = {
    "image_size": 32,  # Smaller networks compile sooner.
    "batch_size": 4,
    "dependence_images": 4,
    "style_dim": 3,
    "conditional_real_fake": True,
    "protection_prototypes": 1,
}


class Draws:
    """In place of `keras.random`: the same numbers on every backend, and at every step."""

    def begin(self):
        self.generator = np.random.default_rng(5)

    def normal(self, shape, seed):
        return self.generator.normal(size=as_ints(shape)).astype(np.float32)

    def uniform(self, shape, minval=0.0, maxval=1.0, seed=None):
        return self.generator.uniform(minval, maxval, as_ints(shape)).astype(np.float32)

    def randint(self, shape, minval, maxval, seed):
        return self.generator.integers(minval, maxval, as_ints(shape)).astype(np.int32)


def as_ints(shape):
    return tuple(int(length) for length in shape)


class Recorder(keras.callbacks.Callback):
    """Keeps what each step reports, and begins the draws anew before each."""

    def __init__(self, draws):
        super().__init__()
        self.draws, self.logs = draws, {}

    def on_train_batch_begin(self, batch, logs=None):
        self.draws.begin()

    def on_test_batch_begin(self, batch, logs=None):
        self.draws.begin()

    def on_train_batch_end(self, batch, logs=None):
        self.logs |= {f"step {batch + 1}: {name}": float(value) for name, value in logs.items()}

    def on_test_end(self, logs=None):
        self.logs |= {f"validation: {name}": float(value) for name, value in logs.items()}


def first_steps(model):
    """Train a model on noise for `STEPS` steps and validate it.

    The optimizers have momentum, so that the second step shows whether their slots were kept, and go slowly, so that
    rounding does not grow: at a tenfold rate the losses explode, and say nothing of who computed them.

    Returns:
        {name: number or array}: what each step reports, and the weights afterwards.
    """
    draws = Draws()
    recorder = Recorder(draws)
    optimizers = [keras.optimizers.SGD(0.005, momentum=0.9) for _ in range(2)]
    model.compile(*optimizers, run_eagerly=keras.backend.backend() == "tensorflow")
    batches = evaluation_batches(noise_faces(size=32).subset(np.arange(8 * STEPS)), model.config, 8)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("normal", "uniform", "randint"):
            patch.setattr(keras.random, name, getattr(draws, name))
        model.fit(batches, validation_data=batches, callbacks=[recorder], verbose=0, shuffle=False)
    weights = {f"weights {number}: {v.name}": np.asarray(v) for number, v in enumerate(model.weights)}
    return recorder.logs | weights | {"iterations": int(model.discriminator_optimizer.iterations)}


def new_model():
    """The preset `tiny`, with all that `edge` has, without dropout, whose draws are out of reach."""
    keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vgan_tf.networks.edge.DISCRIMINATOR_DROPOUT", 0.0)
        return PPRLVGAN(tiny_config(**SETTINGS), ("ann", "bob", "cid"), noise_faces().expressions)


def main(folder):
    model = new_model()
    model.load_weights(folder / "first.weights.h5")
    np.savez(folder / "first_steps.npz", **first_steps(model))

    faces, config = noise_faces(size=32), tiny_config(**SETTINGS, epochs=2)
    training.CLASSIFIER_EPOCHS = 1
    run = Run(folder / "run", config, faces.identities, faces.expressions, faces.fingerprint(), steps_per_epoch=2)
    trained = training.train(run, faces)
    resumed = dataclasses.replace(run, folder=shutil.copytree(run.folder, folder / "resumed"))
    resumed.checkpoints()[-1][1].unlink()
    training.train_expression_classifier = lambda run, *_: run.build_classifier()
    training.train(resumed, faces)
    protected = {"jax": trained, "resumed": load_run(resumed.folder), "tensorflow": load_run(folder / "tensorflow")}
    images = {name: noise_faces(size=model.config.image_size).images[:6] for name, model in protected.items()}
    arrays = {name: model.protect(images[name], seed=1) for name, model in protected.items()}
    arrays["expression"] = np.asarray(load_expression_classifier(run.folder)(faces.images[:6] / np.float32(127.5) - 1))
    np.savez(folder / "protected.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
