"""Training: a configuration and its data become a run folder."""

import dataclasses
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np

from vgan_tf import backends
from vgan_tf.data import load_faces, partition
from vgan_tf.data.pipeline import evaluation_batches, training_batches
from vgan_tf.data.stored import BLOCK, StoredImages, write_beside
from vgan_tf.errors import InputError
from vgan_tf.images import tile, write_image
from vgan_tf.model import NETWORKS, PPRLVGAN
from vgan_tf.networks import require_prototypes
from vgan_tf.run import Run, open_run

SAMPLE_COLUMNS = 10
SAMPLE_TARGETS = 8
EVALUATION_BATCH_SIZE = 128
CLASSIFIER_BATCH_SIZE = 64
CLASSIFIER_LEARNING_RATE = 2e-3
MOST_ADAPTED, ROUGHLY_ADAPTED = 4000, 400  # images in which prototypes are found


def plan(config, out, steps=None):
    """Load the data and settle what depends on it, writing nothing.

    Args:
        config: Config.
        out: run folder to be.
        steps: iterations to train, at least; overrides `config.epochs`.

    Returns:
        (Run, FaceSet).

    Raises:
        InputError: the data cannot be used, has too few images of an expression, or `steps` is below 1.
    """
    if steps is not None and steps < 1:
        raise InputError(f"steps={steps}: must be at least 1")
    faces = load_faces(config.data)
    train, _, _ = partition(faces, config)
    require_prototypes(train.expression, train.expressions, config.protection_prototypes)
    steps_per_epoch = config.steps_per_epoch or max(1, len(train) // config.batch_size)
    if steps is not None:
        config = config.replace(epochs=math.ceil(steps / steps_per_epoch))
        steps_per_epoch = math.ceil(steps / config.epochs)
    run = Run(Path(out), config, train.identities, train.expressions, faces.fingerprint(), steps_per_epoch)
    return run, faces


def train(run, faces, tensorboard=False):
    """Train a new run, or go on with one from its newest checkpoint.

    Interrupted at any moment and called again, it ends in the same weights as without the interruption.

    Args:
        run: Run, from `plan` or `plan_resumption`.
        faces: FaceSet, the whole data.
        tensorboard: also write TensorBoard logs into the run folder.

    Returns:
        the trained PPRLVGAN.

    Raises:
        InputError: the data is not the run's.
        FloatingPointError: a loss is no longer finite.
    """
    backends.make_deterministic()
    training, validation, _ = partition(faces, run.config)
    model = run.build_model()
    model.compile(total_steps=run.config.epochs * run.steps_per_epoch)
    run.save_config()
    first_epoch = run.restore_checkpoint(model)
    fit(
        run,
        model,
        first_epoch,
        training_batches(training, run.config, first_step=first_epoch * run.steps_per_epoch),
        evaluation_batches(validation, EVALUATION_BATCH_SIZE),
        None,
        [RunRecorder(run, training, validation, first_epoch), StopOnNaN()],
        tensorboard,
    )
    if not run.classifier_path.exists():
        run.save_classifier(train_expression_classifier(run, model, training, validation))
    return model


def fit(run, model, first_epoch, batches, validation_batches, validation_steps, callbacks, tensorboard=False):
    """The epochs of `train` from `first_epoch` on; `validation_steps` is None for all batches there are."""
    if tensorboard:
        callbacks = [*callbacks, keras.callbacks.TensorBoard(run.folder / "tensorboard", profile_batch=0)]
    if first_epoch < run.config.epochs:
        model.fit(
            batches,
            validation_data=validation_batches,
            validation_steps=validation_steps,
            steps_per_epoch=run.steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=run.config.epochs,
            callbacks=callbacks,
            verbose=1 if sys.stdout.isatty() else 2,
            shuffle=False,
        )


def train_expression_classifier(run, model, training, validation):
    """Train the run's expression classifier on originals and on their protected versions, so that it reads both.

    Args:
        run: Run.
        model: trained PPRLVGAN.
        training, validation: FaceSets.

    Returns:
        keras.Model, as `Run.build_classifier` makes it.
    """
    config = run.config
    learnt, watched = (
        faces.concatenate(dataclasses.replace(faces, images=_protected(model, faces.images, config.seed)))
        for faces in (training, validation)
    )
    config = config.replace(batch_size=CLASSIFIER_BATCH_SIZE)
    steps = max(1, len(learnt) // config.batch_size)
    classifier = run.build_classifier()
    schedule = keras.optimizers.schedules.CosineDecay(CLASSIFIER_LEARNING_RATE, steps * config.classifier_epochs)
    classifier.compile(
        keras.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=backends.JIT_COMPILE,
    )
    print("expression classifier")
    classifier.fit(
        _with_expressions(training_batches(learnt, config)),
        validation_data=_with_expressions(evaluation_batches(watched, EVALUATION_BATCH_SIZE)),
        steps_per_epoch=steps,
        epochs=config.classifier_epochs,
        verbose=1 if sys.stdout.isatty() else 2,
        shuffle=False,
    )
    return classifier


def _protected(model, images, seed):
    """What `model.protect` makes of images; where these are stored, the result is, too."""
    if not isinstance(images, StoredImages):
        return model.protect(images, seed=seed)
    latents = model.encode_for_protection(images, seed)
    targets = model.resolve_targets("random", len(images), seed)
    rows = (slice(first, first + BLOCK) for first in range(0, len(images), BLOCK))
    return write_beside(images, (model.decode(latents[part], targets[part]) for part in rows))


def _with_expressions(batches):
    return batches.map(lambda images, labels: (images, labels["expression"]))


def adapt(model, training, most=MOST_ADAPTED):
    """Find a model's prototypes, if it is to have some, in the training part: in about `most` images, or fewer."""
    if model.config.protection_prototypes:
        order = np.random.default_rng(model.config.seed).permutation(len(training))
        each = -(-most // len(model.expressions))  # however rare an expression is
        chosen = [order[training.expression[order] == label][:each] for label in range(len(model.expressions))]
        some = training.subset(np.sort(np.concatenate(chosen)))
        model.adapt(np.asarray(some.images), some.expression)


def with_prototypes(model, faces, each):
    """A trained model that protects with so many prototypes of each expression, found in its training part.

    Args:
        model: PPRLVGAN.
        faces: FaceSet, the whole data that it was trained on.
        each: as `config.protection_prototypes`; 0 for none.

    Returns:
        PPRLVGAN of the same networks.

    Raises:
        InputError: too few images of an expression.
    """
    changed = PPRLVGAN(model.config.replace(protection_prototypes=each), model.identities, model.expressions)
    for name in NETWORKS:
        if getattr(model, name) is not None:
            getattr(changed, name).set_weights(getattr(model, name).get_weights())
    adapt(changed, partition(faces, model.config)[0])
    return changed


def plan_resumption(out, epochs=None):
    """Open a run to go on with.

    Args:
        out: run folder.
        epochs: a new total number of epochs, or None for the run's own.

    Returns:
        (Run, FaceSet).

    Raises:
        InputError: no run there, its data has changed, or its schedule does not allow another length.
    """
    run = open_run(out)
    config = run.config
    if epochs is not None and epochs != config.epochs:
        if config.learning_rate_schedule == "cosine":
            raise InputError(
                f"--epochs {epochs}: this run's cosine schedule spans {config.epochs} epochs; resume without --epochs"
            )
        config = config.replace(epochs=epochs)
    faces = load_faces(config.data)
    if faces.fingerprint() != run.fingerprint:
        raise InputError(f"{config.data}: not the data that {out} was trained on (another fingerprint)")
    return Run(run.folder, config, run.identities, run.expressions, run.fingerprint, run.steps_per_epoch), faces


class RunRecorder(keras.callbacks.Callback):
    """After each epoch: prototypes, a row of history.csv, the sample grid, the weights and, last, the checkpoint."""

    def __init__(self, run, training, validation, first_epoch):
        super().__init__()
        self.run, self.training = run, training
        self.rows = run.read_history(first_epoch)
        self.seconds = float(self.rows[-1]["seconds"]) if self.rows else 0.0
        columns = np.linspace(0, len(validation) - 1, min(SAMPLE_COLUMNS, len(validation))).astype(int)
        self.inputs = np.asarray(validation.images[columns])

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.started
        values = {name: f"{value:.9g}" for name, value in sorted(logs.items())}
        # On the way the prototypes are for the sample grid and whoever looks in; a rougher guess does.
        adapt(self.model, self.training, MOST_ADAPTED if epoch + 1 == self.run.config.epochs else ROUGHLY_ADAPTED)
        self.rows.append({"epoch": epoch + 1, **values, "seconds": f"{self.seconds:.1f}"})
        self.run.write_history(self.rows)
        write_image(self.run.folder / "samples" / f"epoch_{epoch + 1:04d}.png", sample_grid(self.model, self.inputs))
        self.run.save_weights(self.model)
        self.run.save_checkpoint(self.model, epoch + 1)


class StopOnNaN(keras.callbacks.Callback):
    """Raise as soon as a loss is not finite; the last checkpoint stays as it was."""

    def on_train_batch_end(self, batch, logs=None):
        for name, value in logs.items():
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"{name} is {float(value)} after batch {batch + 1} of this epoch; lower the learning rates, "
                    "then train again (the last checkpoint is whole)"
                )


def sample_grid(model, images):
    """Inputs over protected faces, one row for each of the first target identities: uint8 `(rows * 64, n * 64, 3)`."""
    rows = [images]
    for target in model.identities[:SAMPLE_TARGETS]:
        rows.append(model.protect(images, target))
    return tile(np.concatenate(rows), columns=len(images))
