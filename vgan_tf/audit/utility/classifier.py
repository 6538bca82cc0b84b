"""Networks that say what they see in a picture, or in a release: the expression, the face, and the motion."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from vgan_tf.audit import attackers
from vgan_tf.audit.utility.motion import motion_scale
from vgan_tf.images import to_float

LAYERS = ((24, 3, 2), (48, 3, 2), (96, 3, 2), (128, 3, 2))  # finer at first than the attackers'
HIDDEN_UNITS = 256  # of each of two layers, where a release is read and not a picture
MOST_STEPS = 1500
QUICK_MOST_STEPS = 250
MOTION_WEIGHT = 1.0  # of the squared error, beside the cross-entropies


class Prediction(NamedTuple):
    """What a classifier sees in `n` pictures.

    Attributes:
        expression: int64 `(n,)`.
        certainty: float32 `(n,)`, log-probability of that expression.
        face: int64 `(n,)`, or None where no faces were learnt.
        motion: float64 `(n, m)` in the units of the truth, or None where no motion was learnt.
    """

    expression: np.ndarray
    certainty: np.ndarray
    face: np.ndarray | None
    motion: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained network.

    Attributes:
        predict: uint8 images, or float32 releases -> `Prediction`.
        features_of: the same -> its last hidden layer, float32 `(n, d)`.
    """

    predict: Callable
    features_of: Callable


def train_classifier(dump, learnt, source, seed, quick=False):
    """Train one network to predict the expression, the face shown, and the true motion where it is known.

    Args:
        dump: `Dump`, for the names of what is learnt.
        learnt: `Images` to learn from.
        source: "original" or "protected": protected pictures or, where there are none, what is released.
        seed: decides the start of the network, and the images that decide when to stop.

    Returns:
        `Classifier`. The face is the identity in originals and the target in protected pictures, if it is known.
    """
    faces, names = (learnt.id, _people(dump)) if source == "original" else (learnt.c, dump.targets)
    classes = len(dump.expressions), 0 if faces is None else len(names)
    columns = [learnt.ep] if faces is None else [learnt.ep, faces]
    if learnt.motion is not None:
        mean, scale = learnt.motion.mean(axis=0), motion_scale(learnt.motion, dump.motion_names)
        columns.append((learnt.motion - mean) / scale)
    labels, features = np.column_stack(columns).astype(np.float32), released(learnt, source)
    validation = held_back(learnt, attackers.VALIDATION_SHARE, seed)
    parts = [attackers.Examples(features[rows], labels[rows]) for rows in (~validation, validation)]
    outputs = sum(classes) + labels.shape[1] - sum(1 for count in classes if count)
    options = {"seed": seed, "most_steps": QUICK_MOST_STEPS if quick else MOST_STEPS}
    if features.dtype == np.uint8:
        prepare, network, hidden = to_float, attackers.cnn(features.shape[1:], outputs, seed, LAYERS), -3
        options["augment"] = attackers.shift_light_and_cover
    else:
        centre, spread = parts[0].features.mean(axis=0), parts[0].features.std(axis=0)
        spread[spread == 0] = 1
        network, hidden = _dense_network(features.shape[1], outputs, seed), -2

        def prepare(releases):
            return (releases - centre) / spread

    outputs_of = attackers.train_network(network, *parts, _loss(*classes), prepare=prepare, **options)
    last_hidden = tf.function(keras.Model(network.input, network.layers[hidden].output), reduce_retracing=True)

    def predict(features):
        expressions, faces, motion = np.split(outputs_of(features), np.cumsum(classes), axis=1)
        highest = expressions.max(axis=1)
        return Prediction(
            expressions.argmax(axis=1),
            highest - np.logaddexp.reduce(expressions, axis=1),
            faces.argmax(axis=1) if faces.size else None,
            motion * scale + mean if motion.size else None,
        )

    return Classifier(
        predict, lambda features: attackers.in_batches(lambda batch: last_hidden(prepare(batch)).numpy(), features)
    )


def released(images, source):
    """What a classifier sees of some `Images`: originals, or protected pictures, or releases where there are none."""
    if source == "original":
        return images.x
    return images.r if images.p is None else images.p


def held_back(images, share, seed):
    """Mark about `share` of some `Images`, of each expression, whole clips together: bool `(n,)`."""
    units = np.arange(len(images)) if images.clip is None else np.unique(images.clip, return_inverse=True)[1]
    first = np.unique(units, return_index=True)[1]  # an image of each
    return attackers.stratified_sample(images.ep[first], share, seed)[units]


def _people(dump):
    """Names of those whom `dump.classifier_images` show."""
    return dump.identities if dump.references is None else dump.targets


def _loss(expressions, faces):
    """Cross-entropies of the two, on average, and the mean squared error of motion."""

    def loss(outputs, labels):
        losses, first = [], 0
        for column, count in enumerate(count for count in (expressions, faces) if count):
            truth, logits = tf.cast(labels[:, column], tf.int32), outputs[:, first : first + count]
            losses.append(tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits))
            first += count
        total = tf.add_n(losses) / len(losses)
        if outputs.shape[1] > first:
            errors = tf.square(outputs[:, first:] - labels[:, len(losses) :])
            total += MOTION_WEIGHT * tf.reduce_mean(errors, axis=1)
        return total

    return loss


def _dense_network(width, outputs, seed):
    """Float32 `(batch, width)` -> `(batch, outputs)`."""
    seeds = itertools.count(seed * 1000)
    features = hidden = keras.Input((width,))
    for _ in range(2):
        start = keras.initializers.HeNormal(next(seeds))
        hidden = keras.layers.Dense(HIDDEN_UNITS, activation="relu", kernel_initializer=start)(hidden)
    start = keras.initializers.GlorotUniform(next(seeds))
    return keras.Model(features, keras.layers.Dense(outputs, kernel_initializer=start)(hidden))
