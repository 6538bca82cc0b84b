"""Training: a configuration and its data become a run folder."""

import dataclasses
import functools
import math
from pathlib import Path

import keras
import numpy as np

from vgan_tf import backends
from vgan_tf.callbacks import Progress, RunRecorder, Stages, StopOnNaN
from vgan_tf.data import load_faces, partition
from vgan_tf.data.pipeline import (
    alignment_batches,
    encoder_batches,
    evaluation_batches,
    joined_batches,
    latent_names,
    training_batches,
)
from vgan_tf.data.sources import load_unaligned
from vgan_tf.data.stored import BLOCK, StoredImages, write_beside
from vgan_tf.errors import InputError
from vgan_tf.images import ALIGNMENT_SIZE, to_float
from vgan_tf.networks.expression import start_from_encoder
from vgan_tf.networks.release import require_prototypes
from vgan_tf.run import Run, load_aligner, open_run

EVALUATION_BATCH_SIZE = 128
CLASSIFIER_BATCH_SIZE = 64
CLASSIFIER_LEARNING_RATE = 2e-3
FINE_TUNING_RATE = 5e-4  # of a classifier that starts from an encoder
CLASSIFIER_EPOCHS = 6  # passes over original and protected training images, or fewer steps:
MOST_CLASSIFIER_STEPS = 3000
ALIGNMENT_EPOCHS = 40


def plan(config, out, steps=None):
    """Load the data and settle what depends on it, writing nothing.

    Args:
        config: Config.
        out: run folder to be.
        steps: iterations to train, at least; overrides `config.epochs`.

    Returns:
        (Run, FaceSet).

    Raises:
        InputError: the data cannot be used, has too few images of an expression, `steps` is below 1, or `config.start`
            does not fit.
    """
    if steps is not None and steps < 1:
        raise InputError(f"steps={steps}: must be at least 1")
    faces = load_faces(config.data, config.image_size)
    train, _, _ = partition(faces, config)
    require_prototypes(train.expression, train.expressions, config.protection_prototypes)
    identities, paired, names = train.identities, faces, ()
    if config.pairs:
        paired = _load_pairs(config, faces)
    if config.encoder_epochs and not (config.latent_expression_weight or config.latent_motion_weight):
        raise InputError(
            f"encoder_epochs={config.encoder_epochs}: the encoder would learn nothing by itself; give "
            "latent_expression_weight or latent_motion_weight, or set it to 0"
        )
    if config.counterpart_weight and paired.has_counterpart_images:
        _require_fit_for_counterparts(config)
        identities = paired.targets
        if config.latent_motion_weight and paired.motion_names:
            names = tuple(latent_names(paired))
            config = config.replace(motion_dim=len(names), latent_dim=len(names))
            if not (config.encoder_epochs or config.start):
                raise InputError(
                    f"encoder_epochs=0: {config.pairs or config.data} knows the motion, which the encoder learns by "
                    "itself; set it above 0, or start=RUN for one that has learnt"
                )
    elif config.alpha:
        raise InputError(f"{config.data}: brings no counterparts with alpha; set alpha=false, or train on heads:")
    if config.warmup_epochs and not config.motion_dim:
        raise InputError(
            f"warmup_epochs={config.warmup_epochs}: {config.pairs or config.data} brings no counterparts of a known "
            "motion to learn from, or a weight of theirs is 0; set it to 0"
        )
    # With pairs an epoch is a pass over the larger set, each of which has half of a batch.
    images = 2 * max(len(train), len(partition(paired, config)[0])) if config.pairs else len(train)
    steps_per_epoch = max(1, images // config.batch_size)
    if steps is not None:
        config = config.replace(epochs=math.ceil(steps / steps_per_epoch))
        steps_per_epoch = math.ceil(steps / config.epochs)
    run = Run(Path(out), config, identities, train.expressions, faces.fingerprint(), steps_per_epoch, names)
    if config.start:
        run.starting_model()  # what does not fit is said before anything is written
    return run, faces


def _load_pairs(config, faces):
    """The FaceSet of `config.pairs`, which must have counterparts drawn beforehand and the expressions of `faces`."""
    pairs = load_faces(config.pairs, config.image_size)
    if not pairs.has_counterpart_images or not config.counterpart_weight:
        raise InputError(f"pairs={config.pairs}: brings no counterparts, or counterpart_weight is 0; name heads:MODEL")
    if pairs.expressions != faces.expressions:
        raise InputError(
            f"pairs={config.pairs}: its expressions are {', '.join(pairs.expressions)}; "
            f"those of {config.data} are {', '.join(faces.expressions)}; they must be the same"
        )
    if config.dependence_images or config.batch_size < 2:
        raise InputError("pairs: needs dependence_images=0, and a batch_size of at least 2")
    return pairs


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
    config, compared, own = run.config, validation, _near(training)
    alone, drawn, played = (
        functools.partial(make, own) for make in (encoder_batches, training_batches, training_batches)
    )
    if config.pairs:
        paired, compared, _ = partition(_load_pairs(config, faces), config)
        near = _near(paired)
        alone = played = functools.partial(joined_batches, own, near)
        drawn = functools.partial(training_batches, near)  # own images have no true motion to draw
    early = config.encoder_epochs + config.warmup_epochs
    recorder = RunRecorder(run, training, validation, first_epoch)
    validation_batches = evaluation_batches(_near(compared), config, EVALUATION_BATCH_SIZE)
    for end, make in ((config.encoder_epochs, alone), (early, drawn), (config.epochs, played)):
        end = min(end, config.epochs)
        if first_epoch < end:
            batches = make(config=config, first_step=first_epoch * run.steps_per_epoch)
            watching = [StopOnNaN(), recorder, Progress(run, first_epoch)]
            fit(run, model, (first_epoch, end), batches, validation_batches, None, watching)
            first_epoch = end
    if not run.classifier_path.exists():
        if config.pairs:
            training, validation = training.joined(paired), validation.joined(compared)
        run.save_classifier(train_expression_classifier(run, model, training, validation))
    train_aligner(run)
    return model


def fit(run, model, epochs, batches, validation_batches, validation_steps, callbacks):
    """Epochs of `train`, (from, up to); `validation_steps` is None for all batches there are."""
    first_epoch, end = epochs
    if first_epoch < end:
        model.fit(
            batches,
            validation_data=validation_batches,
            validation_steps=validation_steps,
            steps_per_epoch=run.steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=end,
            callbacks=[Stages(), *callbacks],
            verbose=0,
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
    config = run.config.replace(
        batch_size=CLASSIFIER_BATCH_SIZE,
        dependence_images=0,
        batch_people=0,
        counterpart_weight=0.0,
        motion_dim=0,
        alpha=False,
    )
    learnt, watched = (
        faces.concatenate(dataclasses.replace(faces, images=_protected(model, faces.images, config.seed)))
        for faces in (training, validation)
    )
    steps = min(max(1, len(learnt) // config.batch_size), MOST_CLASSIFIER_STEPS // CLASSIFIER_EPOCHS)
    classifier, rate = run.build_classifier(), CLASSIFIER_LEARNING_RATE
    learnt_before = config.encoder_epochs or config.start
    if learnt_before and start_from_encoder(classifier, model.encoder, model.latent_expression_head):
        rate = FINE_TUNING_RATE
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps * CLASSIFIER_EPOCHS)
    classifier.compile(
        keras.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=backends.JIT_COMPILE,
    )
    history = classifier.fit(
        _with_expressions(training_batches(_near(learnt), config)),
        validation_data=_with_expressions(evaluation_batches(_near(watched), config, EVALUATION_BATCH_SIZE)),
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
    """Train the run's alignment network and save it, unless it is there or there is nothing to learn it from.

    That of the run to start from is taken over: it sees no more than where a face is.
    """
    if run.alignment_path.exists():
        return
    if run.config.start and (known := load_aligner(run.config.start)) is not None:
        run.save_aligner(known)
        return
    learnt = load_unaligned(run.config.pairs or run.config.data, ALIGNMENT_SIZE)
    if learnt is None:
        return
    pictures, places = learnt
    watched = len(pictures) // 10
    aligner, count = run.build_aligner(), len(pictures) - watched
    batch_size = min(CLASSIFIER_BATCH_SIZE, count)
    steps = count // batch_size
    schedule = keras.optimizers.schedules.CosineDecay(CLASSIFIER_LEARNING_RATE, steps * ALIGNMENT_EPOCHS)
    aligner.compile(keras.optimizers.Adam(schedule), "mse", jit_compile=backends.JIT_COMPILE)
    batches = alignment_batches(pictures[watched:], places[watched:], batch_size, run.config.seed)
    aligner.fit(batches, steps_per_epoch=steps, epochs=ALIGNMENT_EPOCHS, verbose=0, shuffle=False)
    found = aligner.predict(to_float(pictures[:watched]), verbose=0)
    errors = np.abs(found - places[:watched]) / np.exp(places[:watched, 2:])
    print(
        f"alignment: middle off by {errors[:, :2].mean():.1%} of the square's side, side by "
        f"{np.expm1(np.abs(found - places[:watched])[:, 2]).mean():.1%}, on {watched} validation pictures"
    )
    run.save_aligner(aligner)


def _near(faces):
    """The same set with its images where batches of them are made."""
    pictures = ("images", "counterpart_images") if faces.has_counterpart_images else ("images",)
    return dataclasses.replace(faces, **{name: backends.near(getattr(faces, name)) for name in pictures})


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
    return dataclasses.replace(run, config=config), faces
