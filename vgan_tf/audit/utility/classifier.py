"""Networks that say what they see in a picture, or in a release: the expression, the face, and the motion."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers.networks import mlp
from vgan_tf.audit.dump import Images
from vgan_tf.audit.utility.motion import expression_means, fit_motion, motion_scale
from vgan_tf.images import to_float

LAYERS = ((24, 3, 2), (48, 3, 2), (96, 3, 2), (128, 3, 2))  # finer at first than the attackers'
MOST_STEPS = 700  # on pictures of `STEPS_FOR` pixels; larger ones are given more, as they have more pixels
QUICK_MOST_STEPS = 120
STEPS_FOR = 64
PATIENCE = 4
MOTION_WEIGHT = 0.3  # of the squared error, beside the cross-entropies
OF_TARGETS_SHARE = 0.2  # of the references, to test on
NOBODY = -1  # in place of a face that is not learnt


class Sets(NamedTuple):
    """Who learns from what, and is tested on what.

    Attributes:
        learnt: `Images` that classifiers learn from.
        tested: `Images` that trained neither classifiers nor, but for a part without references, the generator.
        of_targets: `Images` of the targets, of which no classifier learnt; `id` counts targets. None if there are none.
    """

    learnt: Images
    tested: Images
    of_targets: Images | None


def learnt_and_tested(dump):
    """`Sets` of a dump: all of `dump.tested`, or its test part where classifiers learn from the rest of it.

    Where there are counterparts, those of the test part are `of_targets`: what they do was not learnt from.
    """
    if dump.references is not None:
        apart = held_back(dump.references, OF_TARGETS_SHARE, seed=0)
        return Sets(dump.references.rows(~apart), dump.tested, dump.references.rows(apart))
    tested = dump.test if dump.people_held_out else dump.tested
    return Sets(dump.train, tested, tested if dump.people_are_targets else dump.test.of_targets)


def held_back(images, share, seed):
    """Mark about `share` of some `Images`, of each expression, whole clips together: bool `(n,)`."""
    units = np.arange(len(images)) if images.clip is None else np.unique(images.clip, return_inverse=True)[1]
    first = np.unique(units, return_index=True)[1]  # an image of each
    return attackers.stratified_sample(images.ep[first], share, seed)[units]


def shown(images, source):
    """What classifiers see of some `Images`: originals, or protected pictures, or what is released in their place."""
    if source == "original":
        return images.x
    return images.r if images.p is None else images.p


class Prediction(NamedTuple):
    """What a classifier sees in `n` pictures.

    Attributes:
        expression: int64 `(n,)`.
        certainty: float32 `(n,)`, log-probability of that expression.
        face: int64 `(n,)`, or None where no faces were learnt.
        motion: float64 `(n, m)` in the units of the truth, or None where no motion was learnt.
        deviation: float64 `(n, m)`, of the motion from the mean of its expression, whichever that is; or None.
    """

    expression: np.ndarray
    certainty: np.ndarray
    face: np.ndarray | None
    motion: np.ndarray | None
    deviation: np.ndarray | None

    def rows(self, rows):
        """The predictions at `rows`."""
        return Prediction(*(None if column is None else column[rows] for column in self))


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained network, and a regression of motion.

    Attributes:
        features_of: uint8 images -> the network's last hidden layer, float32 `(n, d)`; or releases -> standardised.
        logits_of: features -> the network's outputs, float32 `(n, values)`.
        classes: how many of the values are expressions and faces.
        predict_motion: features -> motion and its deviations, float64 `(n, 2 * m)`; or None.
        learnt: `Images` it learnt from; of originals also from their counterparts, where they have any.
        held_back: bool, which of them only decided when to stop.
        motion_names: of what it predicts, or ().
    """

    features_of: Callable
    logits_of: Callable
    classes: tuple
    predict_motion: Callable | None
    learnt: Images
    held_back: np.ndarray
    motion_names: tuple

    def predict(self, values):
        """`Prediction` of uint8 images, or float32 releases."""
        features = self.features_of(values)
        expressions, faces, _ = np.split(self.logits_of(features), np.cumsum(self.classes), axis=1)
        motion = deviation = None
        if self.predict_motion is not None:
            motion, deviation = np.split(self.predict_motion(features), 2, axis=1)
        certainty = expressions.max(axis=1) - np.logaddexp.reduce(expressions, axis=1)
        face = faces.argmax(axis=1) if faces.size else None
        return Prediction(expressions.argmax(axis=1), certainty, face, motion, deviation)


def train_classifier(dump, learnt, source, seed, quick=False):
    """Train one network to predict the expression, the face shown, and the true motion where it is known.

    Motion is then read off its last hidden layer by kernel ridge regression: on originals of 64 pixels, drawn, in a
    quick audit, R-squared within an expression was 0.85 by it and 0.66 by the network's own output (after 1500 steps
    0.94 and 0.90); by regression from a network that had learnt no motion 0.77. It is read off releases themselves:
    that was as good as from a hidden layer, or better.

    Where originals have counterparts, these are learnt from too, but for the regression, and faces from them alone, as
    the originals show no targets. The steps are then doubled: as many originals are seen as of protected pictures.

    Args:
        dump: `Dump`, for the names of what is learnt.
        learnt: `Images` to learn from.
        source: "original" or "protected": protected pictures or, where there are none, what is released.
        seed: decides the start of the network, and the images that decide when to stop.

    Returns:
        `Classifier`. The face is the identity in originals, or the target in their counterparts; and the target in
        protected pictures, if it is known.
    """
    count, images, kinds, faces, names = len(learnt), learnt, 1, learnt.c, dump.targets
    if source == "original" and learnt.counterpart is not None:
        images, kinds = dataclasses.replace(learnt, id=np.full(count, NOBODY)).joined(learnt.of_targets), 2
        faces = images.id
    elif source == "original":
        faces, names = learnt.id, dump.identities if dump.references is None else dump.targets
    classes = len(dump.expressions), 0 if faces is None else len(names)
    columns = [images.ep] if faces is None else [images.ep, faces]
    motion = images.motion
    if motion is not None:
        deviations = motion - expression_means(motion, images.ep)
        columns.append(deviations / motion_scale(motion, dump.motion_names))
    labels, values = np.column_stack(columns).astype(np.float32), shown(images, source)
    outputs = sum(classes) + (0 if motion is None else motion.shape[1])
    validation = held_back(learnt, attackers.VALIDATION_SHARE, seed)
    train = _train_on_pictures if values.dtype == np.uint8 else _train_on_releases
    steps = kinds * (QUICK_MOST_STEPS if quick else MOST_STEPS)
    watched = np.tile(validation, kinds)
    features_of, logits_of = train(
        outputs,
        *(attackers.Examples(values[rows], labels[rows]) for rows in (~watched, watched)),
        functools.partial(_loss, classes),
        seed,
        steps,
    )
    predict_motion, motion_names = None, ()
    if motion is not None:
        truth, motion_names = np.column_stack([motion, deviations])[:count], dump.motion_names
        predict_motion = fit_motion(features_of(values[:count]), truth, validation, seed, quick)
    return Classifier(features_of, logits_of, classes, predict_motion, learnt, validation, motion_names)


def _train_on_pictures(outputs, train, validation, loss, seed, steps):
    shape, augment = train.features.shape[1:], attackers.shift_light_and_cover
    network = attackers.cnn(shape, outputs, seed, LAYERS)
    steps = steps * max(1, shape[0] * shape[1] // STEPS_FOR**2)
    attackers.train_network(network, train, validation, loss, seed, steps, augment, patience=PATIENCE)
    last_hidden = tf.function(keras.Model(network.input, network.layers[-3].output), reduce_retracing=True)
    weights, offsets = network.layers[-1].get_weights()
    return (
        lambda images: attackers.in_batches(lambda batch: last_hidden(to_float(batch)).numpy(), images),
        lambda features: features @ weights + offsets,
    )


def _train_on_releases(outputs, train, validation, loss, seed, steps):
    mean, spread = train.features.mean(axis=0), train.features.std(axis=0)
    spread[spread == 0] = 1

    def standardised(releases):
        return (releases - mean) / spread

    parts = (attackers.Examples(standardised(part.features), part.labels) for part in (train, validation))
    network = mlp(train.features.shape[1:], outputs, seed)
    return standardised, attackers.train_network(network, *parts, loss, seed, steps)


def _loss(classes, outputs, labels):
    """Cross-entropies of expression and face, on average, and the mean squared error of motion; 0 for NOBODY's face."""
    losses, first = [], 0
    for column, count in enumerate(count for count in classes if count):
        truth, logits = tf.cast(labels[:, column], tf.int32), outputs[:, first : first + count]
        errors = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(truth, 0), logits)
        losses.append(tf.where(truth == NOBODY, 0.0, errors))
        first += count
    total = tf.add_n(losses) / len(losses)
    if outputs.shape[1] > first:
        errors = tf.square(outputs[:, first:] - labels[:, len(losses) :])
        total += MOTION_WEIGHT * tf.reduce_mean(errors, axis=1)
    return total
