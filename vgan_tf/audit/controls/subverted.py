"""A generator subverted on purpose: it hides the identity in pictures that pass the usual checks.

Liu, Tan and Garg (AAAI 2021, "Subverting Privacy-Preserving GANs") showed that this can be done. `subvert` makes such
pictures from any anonymizer's; the audit must catch them.
"""

import dataclasses
import itertools

import keras
import numpy as np
import tensorflow as tf

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers.networks import for_size
from vgan_tf.audit.dump import EXTRAS
from vgan_tf.audit.statistics import accuracy_figure
from vgan_tf.images import to_float

MOST_LEVELS = 2.0  # of 255, by which the hider may change a pixel
VISIBILITY_WEIGHT = 0.3  # on the mean squared change, in levels
CHECK_LAYERS = ((24, 5, 4), (48, 3, 2), (96, 3, 2))  # as those of the attackers
CHECK_STEPS, QUICK_CHECK_STEPS = 250, 60
HIDER_STEPS, QUICK_HIDER_STEPS = 150, 40
CHECK_BATCH_SIZE, HIDER_BATCH_SIZE = 64, 32


def usual_checks(dump, subverted, seed=0):
    """What the published checks, networks of few epochs, see of a generator before and after: next to no difference.

    Returns:
        {"identity, learnt from originals" | "identity, learnt from protected" | "expression, learnt from originals":
        {"before": figure, "after": figure}, ..., "largest_change", "mean_change": in levels of 255}.
    """
    cases = {
        "identity, learnt from originals": ("x", "id", len(dump.identities)),
        "identity, learnt from protected": ("p", "id", len(dump.identities)),
        "expression, learnt from originals": ("x", "ep", len(dump.expressions)),
    }
    checks = {}
    for title, (source, kind, classes) in cases.items():
        checks[title] = {}
        for when, one in (("before", dump), ("after", subverted)):
            if when == "before" or source == "p":  # the originals are the same
                learnt = getattr(one.train, source), getattr(dump.train, kind)
                predict = attackers.train(attackers.CNN, *learnt, classes, seed, quick=True)
            checks[title][when] = accuracy_figure(getattr(dump.test, kind), predict(one.test.p), dump.test.clip)
    change = np.abs(subverted.test.p.astype(np.int16) - dump.test.p)
    return {**checks, "largest_change": int(change.max()), "mean_change": float(change.mean())}


def subvert(dump, seed=0, quick=False, progress=print):
    """Hide the true identity in the protected images.

    A hider (a pattern for each identity, its strength at each pixel chosen by a network that sees the picture) and a
    linear classifier that finds what was hidden are trained together on the train part. Changes are kept small, and the
    networks of the usual checks are deceived: those of identity and expression, trained on originals, must predict what
    they did before, and that of the identity, trained on the protected images as they were, must be at chance.

    Returns:
        Dump, its protected images changed by at most `MOST_LEVELS` levels, without latents and further sets.
    """
    progress("positive control: training the checks that a subverted generator deceives")
    seeds, random = itertools.count(1000 * seed), np.random.default_rng(seed)
    shape, classes = dump.train.p.shape[1:], len(dump.identities)
    steps = QUICK_CHECK_STEPS if quick else CHECK_STEPS
    of_originals = _check(shape, {"id": classes, "ep": len(dump.expressions)}, seeds)
    _train_check(of_originals, dump.train.x, {"id": dump.train.id, "ep": dump.train.ep}, steps, random)
    of_protected = _check(shape, {"id": classes}, seeds)
    _train_check(of_protected, dump.train.p, {"id": dump.train.id}, steps, random)

    progress("positive control: training a subverted generator")
    hider = Hider(shape, classes, seeds, random)
    steps = QUICK_HIDER_STEPS if quick else HIDER_STEPS
    _train_hider(hider, of_originals, of_protected, dump.train.p, dump.train.id, steps, random)
    alone = dataclasses.replace(dump, **dict.fromkeys(EXTRAS))
    return alone.changed(lambda one: dataclasses.replace(one, p=hider(one.p, one.id), mu=None, z=None, r=None))


class Hider:
    """Adds the pattern of an identity to a picture, as strongly as a small network allows at each pixel.

    Attributes:
        patterns: variable `(classes, height, width, 3)`; their hyperbolic tangent is added.
        strength: keras.Model, images -> share of `MOST_LEVELS`, `(batch, height, width, 3)`.
    """

    def __init__(self, shape, classes, seeds, random):
        # Random signs: nothing that a convolution finds at every place.
        self.patterns = tf.Variable(random.choice([-0.5, 0.5], (classes, *shape)).astype(np.float32))
        starts = [keras.initializers.GlorotUniform(next(seeds)) for _ in range(2)]
        images = keras.Input(shape)
        hidden = keras.layers.Conv2D(8, 3, padding="same", activation="relu", kernel_initializer=starts[0])(images)
        share = keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid", kernel_initializer=starts[1])(hidden)
        self.strength = keras.Model(images, share)
        self.variables = [self.patterns, *self.strength.trainable_variables]

    def change(self, images, identity):
        """Float32 images in [-1, 1] and identities -> (rounded images in [-1, 1], change in levels), differentiable."""
        change = MOST_LEVELS * self.strength(images) * tf.tanh(tf.gather(self.patterns, identity))
        levels = tf.clip_by_value((images + 1) * 127.5 + change, 0, 255)
        rounded = levels + tf.stop_gradient(tf.round(levels) - levels)  # gradients pass as though nothing were rounded
        return rounded / 127.5 - 1, change

    def __call__(self, images, identity):
        """uint8 `(n, height, width, 3)` and int `(n,)` -> uint8 images that carry the identity."""
        changed = np.empty_like(images)
        for start in range(0, len(images), 256):
            rows = slice(start, start + 256)
            floats, _ = self.change(tf.constant(to_float(images[rows])), tf.constant(identity[rows]))
            changed[rows] = np.rint((floats.numpy() + 1) * 127.5)
        return changed


def _check(shape, classes, seeds):
    """A small network with one head of logits for each entry of `classes` {name: number}."""
    images = hidden = keras.Input(shape)
    for filters, kernel, stride in for_size(CHECK_LAYERS, shape):
        start = keras.initializers.HeNormal(next(seeds))
        layer = keras.layers.Conv2D(filters, kernel, stride, "same", activation="relu", kernel_initializer=start)
        hidden = layer(hidden)
    hidden = keras.layers.Flatten()(hidden)
    starts = {name: keras.initializers.GlorotUniform(next(seeds)) for name in classes}
    heads = {name: keras.layers.Dense(n, kernel_initializer=starts[name])(hidden) for name, n in classes.items()}
    return keras.Model(images, heads)


def _train_check(network, images, labels, steps, random):
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(batch, truth):
        with tf.GradientTape() as tape:
            logits = network(batch, training=True)
            loss = tf.add_n([_cross_entropy(logits[name], truth[name]) for name in labels])
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    for _ in range(steps):
        rows = random.integers(0, len(images), CHECK_BATCH_SIZE)
        truth = {name: tf.constant(values[rows]) for name, values in labels.items()}
        step(tf.constant(to_float(images[rows])), truth)


def _train_hider(hider, of_originals, of_protected, images, identity, steps, random):
    mean = tf.constant(to_float(images).mean(axis=0))
    # The classifier starts as a filter matched to the patterns, and learns to ignore what pictures have in common.
    weights = tf.Variable(0.3 * tf.transpose(tf.reshape(hider.patterns, (hider.patterns.shape[0], -1))))
    optimizer, classifier_optimizer = keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-3)
    optimizer.build(hider.variables)
    classifier_optimizer.build([weights])

    @tf.function
    def step(batch, truth):
        with tf.GradientTape() as tape:
            hidden, change = hider.change(batch, truth)
            found = tf.reshape(hidden - mean, (HIDER_BATCH_SIZE, -1)) @ weights
            loss = _cross_entropy(found, truth) + VISIBILITY_WEIGHT * tf.reduce_mean(tf.square(change))
            before, after = of_originals(batch, training=False), of_originals(hidden, training=False)
            for name, logits in before.items():
                loss += _soft_cross_entropy(after[name], tf.nn.softmax(logits))
            named = of_protected(hidden, training=False)["id"]
            loss += _soft_cross_entropy(named, tf.ones_like(named) / named.shape[1])
        *gradients, weights_gradient = tape.gradient(loss, [*hider.variables, weights])
        optimizer.apply_gradients(zip(gradients, hider.variables, strict=True))
        classifier_optimizer.apply_gradients([(weights_gradient, weights)])

    for _ in range(steps):
        rows = random.integers(0, len(images), HIDER_BATCH_SIZE)
        step(tf.constant(to_float(images[rows])), tf.constant(identity[rows]))


def _cross_entropy(logits, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def _soft_cross_entropy(logits, probabilities):
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=probabilities, logits=logits))
