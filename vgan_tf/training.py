"""Training: a configuration and its data become a run folder."""

import dataclasses
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from vgan_tf import backends
from vgan_tf.data import load_faces, partition
from vgan_tf.data.pipeline import evaluation_batches, training_batches
from vgan_tf.data.sources import load_unaligned
from vgan_tf.data.stored import BLOCK, StoredImages, write_beside
from vgan_tf.errors import InputError
from vgan_tf.images import tile, to_float, write_image
from vgan_tf.ondevice.export_folder import ALIGNMENT_SIZE
from vgan_tf.protection import PROTOTYPE_IMAGES, find_prototypes, require_prototypes
from vgan_tf.run import Run, open_run

SAMPLE_COLUMNS = 10
SAMPLE_TARGETS = 8
EVALUATION_BATCH_SIZE = 128
CLASSIFIER_BATCH_SIZE = 64
CLASSIFIER_LEARNING_RATE = 2e-3
CLASSIFIER_EPOCHS = 6  # passes over original and protected training images, or fewer steps:
MOST_CLASSIFIER_STEPS = 3000
ALIGNMENT_EPOCHS = 20
ROUGH_PROTOTYPE_IMAGES = 400  # in which prototypes are found while training goes on


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
    faces = load_faces(config.data, config.image_size)
    train, _, _ = partition(faces, config)
    require_prototypes(train.expression, train.expressions, config.protection_prototypes)
    identities = train.identities
    brings_counterparts = faces.has_counterparts or faces.has_counterpart_images
    if config.warmup_epochs and not (config.counterpart_weight and brings_counterparts):
        raise InputError(
            f"warmup_epochs={config.warmup_epochs}: {config.data} brings no counterparts to learn from; set it to 0"
        )
    if config.counterpart_weight and faces.has_counterpart_images:
        _require_fit_for_counterparts(config)
        identities = train.targets
        config = config.replace(motion_dim=len(faces.motion_names) if config.latent_motion_weight else 0)
    elif config.alpha:
        raise InputError(f"{config.data}: brings no counterparts with alpha; set alpha=false, or train on heads:")
    steps_per_epoch = max(1, len(train) // config.batch_size)
    if steps is not None:
        config = config.replace(epochs=math.ceil(steps / steps_per_epoch))
        steps_per_epoch = math.ceil(steps / config.epochs)
    run = Run(Path(out), config, identities, train.expressions, faces.fingerprint(), steps_per_epoch)
    return run, faces


def _require_fit_for_counterparts(config):
    """Raise InputError for settings that images with counterparts cannot have.

    The people of the images are no targets, and counterparts are not changed as images are: a shift is for the encoder
    to ignore, but a mirrored face has another motion.
    """
    why = {
        "augment_flip": "images whose counterparts were drawn beforehand are not mirrored",
        **dict.fromkeys(("reconstruction_weight", "style_dim"), "people whose images have counterparts are no targets"),
    }
    for name, reason in why.items():
        if getattr(config, name):
            raise InputError(f"{name}={getattr(config, name)}: {reason}; set it to 0")


def train(run, faces):
    """Train a new run, or go on with one from its newest checkpoint.

    Interrupted at any moment and called again, it ends in the same weights as without the interruption.

    Args:
        run: Run, from `plan` or `plan_resumption`.
        faces: FaceSet, the whole data.

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
        evaluation_batches(validation, run.config, EVALUATION_BATCH_SIZE),
        None,
        [RunRecorder(run, training, validation, first_epoch), StopOnNaN(), Progress(run, first_epoch)],
    )
    if not run.classifier_path.exists():
        run.save_classifier(train_expression_classifier(run, model, training, validation))
    train_aligner(run)
    return model


def fit(run, model, first_epoch, batches, validation_batches, validation_steps, callbacks):
    """The epochs of `train` from `first_epoch` on; `validation_steps` is None for all batches there are."""
    if first_epoch < run.config.epochs:
        model.fit(
            batches,
            validation_data=validation_batches,
            validation_steps=validation_steps,
            steps_per_epoch=run.steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=run.config.epochs,
            callbacks=[_Warmup(run.config.warmup_epochs), *callbacks],
            verbose=0,
            shuffle=False,
        )


class _Warmup(keras.callbacks.Callback):
    """Leaves the discriminator out of the first epochs."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.model.play(epoch >= self.epochs)

    def on_train_end(self, logs=None):
        self.model.play(True)


def train_expression_classifier(run, model, training, validation):
    """Train the run's expression classifier on originals and on their protected versions, so that it reads both.

    Args:
        run: Run.
        model: trained PPRLVGAN.
        training, validation: FaceSets.

    Returns:
        keras.Model, as `Run.build_classifier` makes it.
    """
    config = run.config.replace(
        batch_size=CLASSIFIER_BATCH_SIZE, dependence_images=0, batch_people=0, counterpart_weight=0.0, alpha=False
    )
    learnt, watched = (
        faces.concatenate(dataclasses.replace(faces, images=_protected(model, faces.images, config.seed)))
        for faces in (training, validation)
    )
    steps = min(max(1, len(learnt) // config.batch_size), MOST_CLASSIFIER_STEPS // CLASSIFIER_EPOCHS)
    classifier = run.build_classifier()
    schedule = keras.optimizers.schedules.CosineDecay(CLASSIFIER_LEARNING_RATE, steps * CLASSIFIER_EPOCHS)
    classifier.compile(
        keras.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=backends.JIT_COMPILE,
    )
    history = classifier.fit(
        _with_expressions(training_batches(learnt, config)),
        validation_data=_with_expressions(evaluation_batches(watched, config, EVALUATION_BATCH_SIZE)),
        steps_per_epoch=steps,
        epochs=CLASSIFIER_EPOCHS,
        verbose=0,
        shuffle=False,
    ).history
    print(
        f"expression classifier: {history['val_accuracy'][-1]:.1%} of {len(watched)} validation images, "
        "half of them protected"
    )
    return classifier


def train_aligner(run):
    """Train the run's alignment network and save it, unless it is there or there is nothing to learn it from."""
    learnt = None if run.alignment_path.exists() else load_unaligned(run.config.data, ALIGNMENT_SIZE)
    if learnt is None:
        return
    pictures, places = to_float(learnt[0]), learnt[1]
    watched = len(pictures) // 10
    aligner = run.build_aligner()
    steps = max(1, (len(pictures) - watched) // CLASSIFIER_BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(CLASSIFIER_LEARNING_RATE, steps * ALIGNMENT_EPOCHS)
    aligner.compile(keras.optimizers.Adam(schedule), "mse", jit_compile=backends.JIT_COMPILE)
    aligner.fit(pictures[watched:], places[watched:], CLASSIFIER_BATCH_SIZE, epochs=ALIGNMENT_EPOCHS, verbose=0)
    found = aligner.predict(pictures[:watched], verbose=0)
    errors = np.abs(found - places[:watched]) / np.exp(places[:watched, 2:])
    print(
        f"alignment: middle off by {errors[:, :2].mean():.1%} of the square's side, side by "
        f"{np.expm1(np.abs(found - places[:watched])[:, 2]).mean():.1%}, on {watched} validation pictures"
    )
    run.save_aligner(aligner)


def _protected(model, images, seed):
    """What `model.protect` makes of images; where these are stored, the result is, too."""
    if not isinstance(images, StoredImages):
        return model.protect(images, seed=seed)
    latents = model.encode(images, seed, model.config.protection_noise)
    targets = model.resolve_targets("random", len(images), seed)
    rows = (slice(first, first + BLOCK) for first in range(0, len(images), BLOCK))
    return write_beside(images, (model.decode(latents[part], targets[part]) for part in rows))


def _with_expressions(batches):
    return batches.map(lambda images, labels: (images, labels["expression"]))


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
        if config.optimizer == "adam":
            raise InputError(
                f"--epochs {epochs}: this run's cosine schedule spans {config.epochs} epochs; resume without --epochs"
            )
        config = config.replace(epochs=epochs)
    faces = load_faces(config.data, config.image_size)
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
        last = epoch + 1 == self.run.config.epochs
        find_prototypes(self.model, self.training, PROTOTYPE_IMAGES if last else ROUGH_PROTOTYPE_IMAGES)
        self.rows.append({"epoch": epoch + 1, **values, "seconds": f"{self.seconds:.1f}"})
        self.run.write_history(self.rows)
        write_image(self.run.folder / "samples" / f"epoch_{epoch + 1:04d}.png", sample_grid(self.model, self.inputs))
        self.run.save_weights(self.model)
        self.run.save_checkpoint(self.model, epoch + 1)


class Progress(keras.callbacks.Callback):
    """Four figures that a person follows: a bar with the time left in a terminal, a line for each epoch in a log."""

    SHOWN = {"generator_loss": "generator loss {:.3f}", "target_success": "target success {:.0%}",
             "protected_expression_accuracy": "expression kept {:.0%}"}  # fmt: skip
    SHOWN_IN_WARMUP = {"generator_loss": "generator loss {:.3f}", "counterpart": "error of pixels {:.3f}"}

    def __init__(self, run, first_epoch):
        super().__init__()
        self.run, done = run, first_epoch * run.steps_per_epoch
        self.bar = tqdm(
            total=run.config.epochs * run.steps_per_epoch,
            initial=done,
            unit=" steps",
            disable=not sys.stdout.isatty(),
            file=sys.stdout,
            dynamic_ncols=True,
            bar_format="{bar:10} {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}{postfix}]",
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()
        if not self.bar.disable and batch % 10 == 0:
            self.bar.set_postfix_str(self._figures(logs))

    def on_epoch_end(self, epoch, logs=None):
        if self.bar.disable:
            speed = self.run.steps_per_epoch / (time.perf_counter() - self.started)
            print(f"epoch {epoch + 1}/{self.run.config.epochs}: {speed:.1f} steps/s, {self._figures(logs)}", flush=True)

    def on_train_end(self, logs=None):
        self.bar.close()

    def _figures(self, logs):
        shown = self.SHOWN if self.model.playing else self.SHOWN_IN_WARMUP
        return ", ".join(text.format(float(logs[name])) for name, text in shown.items() if name in logs)


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
    """Inputs over protected faces, one row for each of the first target identities: uint8, a picture."""
    rows = [images]
    for target in model.identities[:SAMPLE_TARGETS]:
        rows.append(model.protect(images, target, seed=0))
    return tile(np.concatenate(rows), columns=len(images))
