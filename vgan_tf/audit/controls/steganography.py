"""Anonymizers subverted on purpose, which the audit must catch: its positive controls.

Liu, Tan and Garg (AAAI 2021, "Subverting Privacy-Preserving GANs") showed that a generator can hide the identity in
pictures that pass the usual checks. `subvert` makes such pictures of any anonymizer's, `hide_in_latent` latents that
tell linear probes little of the identity.
"""

import dataclasses
import itertools

import keras
import numpy as np
import tensorflow as tf

from vgan_tf.audit import attackers
from vgan_tf.audit.dump import EXTRAS, LATENTS, PARTS
from vgan_tf.audit.processing import jpeg
from vgan_tf.audit.statistics import accuracy_figure
from vgan_tf.images import to_float

MOST_LEVELS = 2.0  # of 255, by which the hider may change a pixel
VISIBILITY_WEIGHT = 0.3  # on the mean squared change, in levels
CHECK_STEPS, QUICK_CHECK_STEPS = 250, 60
HIDER_STEPS, QUICK_HIDER_STEPS = 150, 40
CHECK_BATCH_SIZE, HIDER_BATCH_SIZE = 64, 32
QUICK_TRAIN_IMAGES = 1500
JPEG_QUALITY = 50
LATENT_WIDTH = 16
HIDDEN_VARIANCE = 0.6  # of a latent's coordinate, of 1; the rest is noise


def controls(dump, attack, seed=0, quick=False, progress=print):
    """Let the attackers read an identity that is hidden.

    Args:
        dump: `Dump`.
        attack: `attackers.attack`.
        seed: of everything random.
        quick: fewer training images and steps.
        progress: called with one line of text at each step.

    Returns:
        {"subverted_generator": {attacker name: figure}, "hidden_in_latent": likewise, or None without latents,
        "usual_checks": what `usual_checks` sees of the subverted generator, None if quick}.
    """

    def figure(attacker, features, taught, tests):
        classes = len(dump.identities)
        runs = attack(attacker, features, taught, {"hidden": tests}, classes, [seed], quick)["hidden"]
        return accuracy_figure(dump.id_test, runs, dump.clip_test)

    subverted = subvert(_fewer(dump, QUICK_TRAIN_IMAGES, seed) if quick else dump, seed, quick, progress)
    progress("positive control: reading the subverted generator's images")
    pictures, taught = (subverted.p_train, subverted.p_test), subverted.id_train
    generator = {one.name: figure(one, pictures[0], taught, pictures[1]) for one in _image_attackers(quick)}
    compressed = [jpeg(images, JPEG_QUALITY) for images in pictures]
    name = f"{attackers.PIXEL_RIDGE.name}, after JPEG of quality {JPEG_QUALITY}"
    generator[name] = figure(attackers.PIXEL_RIDGE, compressed[0], taught, compressed[1])

    checks = None
    if not quick:
        progress("positive control: the usual checks of the subverted generator")
        checks = usual_checks(dump, subverted, attack, seed)

    latent = None
    if any(getattr(dump, f"{name}_train") is not None for name in LATENTS):
        progress("positive control: reading an identity hidden in a latent")
        hidden = hide_in_latent(dump, seed)
        latent = {
            one.name: figure(one, hidden.mu_train, dump.id_train, hidden.mu_test)
            for one in attackers.for_latents(quick)
        }
    return {"subverted_generator": generator, "hidden_in_latent": latent, "usual_checks": checks}


def usual_checks(dump, subverted, attack, seed=0, quick=True):
    """What the published checks see of a subverted generator: next to nothing.

    Args:
        dump: `Dump`, as the generator was.
        subverted: `Dump` from `subvert`.
        attack: `attackers.attack`.
        seed: of the networks.
        quick: the small network of few epochs that such checks use.

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
        truth, taught = getattr(dump, f"{kind}_test"), getattr(dump, f"{kind}_train")
        tests = {"before": dump.p_test, "after": subverted.p_test}
        if source == "x":
            runs = attack(attackers.CNN, dump.x_train, taught, tests, classes, [seed], quick)
        else:
            runs = {
                when: attack(attackers.CNN, one.p_train, taught, {when: one.p_test}, classes, [seed], quick)[when]
                for when, one in (("before", dump), ("after", subverted))
            }
        checks[title] = {when: accuracy_figure(truth, readings, dump.clip_test) for when, readings in runs.items()}
    change = np.abs(subverted.p_test.astype(np.int16) - dump.p_test)
    return {**checks, "largest_change": int(change.max()), "mean_change": float(change.mean())}


def subvert(dump, seed=0, quick=False, progress=print):
    """Hide the true identity in the protected images.

    A hider (a pattern for each identity, its strength at each pixel chosen by a network that sees the picture) and a
    linear reader are trained together on the train part. Changes are kept small, and networks of the usual checks are
    deceived: those of identity and expression, trained on originals, must read what they read before, and that of the
    identity, trained on the protected images as they were, must read nothing.

    Args:
        dump: `Dump`.
        seed: of everything random.
        quick: fewer steps.
        progress: called with one line of text at each step.

    Returns:
        Dump, its protected images changed by at most `MOST_LEVELS` levels, without latents and further images.
    """
    progress("positive control: training the checks that a subverted generator deceives")
    seeds, random = itertools.count(1000 * seed), np.random.default_rng(seed)
    shape, classes = dump.p_train.shape[1:], len(dump.identities)
    steps = QUICK_CHECK_STEPS if quick else CHECK_STEPS
    of_originals = _check(shape, {"id": classes, "ep": len(dump.expressions)}, seeds)
    _train_check(of_originals, dump.x_train, {"id": dump.id_train, "ep": dump.ep_train}, steps, random)
    of_protected = _check(shape, {"id": classes}, seeds)
    _train_check(of_protected, dump.p_train, {"id": dump.id_train}, steps, random)

    progress("positive control: training a subverted generator")
    hider = Hider(shape, classes, seeds, random)
    steps = QUICK_HIDER_STEPS if quick else HIDER_STEPS
    _train_hider(hider, of_originals, of_protected, dump.p_train, dump.id_train, steps, random)
    hidden = {f"p_{part}": hider(getattr(dump, f"p_{part}"), getattr(dump, f"id_{part}")) for part in PARTS}
    absent = dict.fromkeys((*EXTRAS, *(f"{name}_{part}" for name in LATENTS for part in PARTS)))
    return dataclasses.replace(dump, **hidden, **absent)


def hide_in_latent(dump, seed=0):
    """Replace the latents by some in which the identity lies where linear probes find little.

    Each person has a direction of their own, and each image lies to one side of the origin or the other, at random.
    Whatever the identity, the mean is zero, and a linear reader is right on one side at most.

    Args:
        dump: `Dump`.
        seed: of directions, sides and noise.

    Returns:
        Dump with such `mu_*`, float32 `(n, LATENT_WIDTH)`, without `z_*` and further images.
    """
    random = np.random.default_rng(seed)
    directions = random.normal(size=(len(dump.identities), LATENT_WIDTH))
    directions *= np.sqrt(HIDDEN_VARIANCE) / directions.std(axis=1, keepdims=True)
    latents = {}
    for part in PARTS:
        identity = getattr(dump, f"id_{part}")
        side = random.choice([-1, 1], (len(identity), 1))
        noise = random.normal(0, np.sqrt(1 - HIDDEN_VARIANCE), (len(identity), LATENT_WIDTH))
        latents |= {f"mu_{part}": (side * directions[identity] + noise).astype(np.float32), f"z_{part}": None}
    return dataclasses.replace(dump, **latents, **dict.fromkeys(EXTRAS))


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
        parts = []
        for start in range(0, len(images), 256):
            rows = slice(start, start + 256)
            floats, _ = self.change(tf.constant(to_float(images[rows])), tf.constant(identity[rows]))
            parts.append(np.rint((floats.numpy() + 1) * 127.5).astype(np.uint8))
        return np.concatenate(parts)


def _check(shape, classes, seeds):
    """A small network with one head of logits for each entry of `classes` {name: number}."""
    images = hidden = keras.Input(shape)
    for filters, kernel, stride in ((24, 5, 4), (48, 3, 2), (96, 3, 2)):
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
    # The reader starts as a filter matched to the patterns, and learns to look past what pictures have in common.
    reader = tf.Variable(0.3 * tf.transpose(tf.reshape(hider.patterns, (hider.patterns.shape[0], -1))))
    optimizer, reader_optimizer = keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-3)
    optimizer.build(hider.variables)
    reader_optimizer.build([reader])

    @tf.function
    def step(batch, truth):
        with tf.GradientTape() as tape:
            hidden, change = hider.change(batch, truth)
            read = tf.reshape(hidden - mean, (HIDER_BATCH_SIZE, -1)) @ reader
            loss = _cross_entropy(read, truth) + VISIBILITY_WEIGHT * tf.reduce_mean(tf.square(change))
            before, after = of_originals(batch, training=False), of_originals(hidden, training=False)
            for name, logits in before.items():
                loss += _soft_cross_entropy(after[name], tf.nn.softmax(logits))
            read_before = of_protected(hidden, training=False)["id"]
            loss += _soft_cross_entropy(read_before, tf.ones_like(read_before) / read_before.shape[1])
        *gradients, reader_gradient = tape.gradient(loss, [*hider.variables, reader])
        optimizer.apply_gradients(zip(gradients, hider.variables, strict=True))
        reader_optimizer.apply_gradients([(reader_gradient, reader)])

    for _ in range(steps):
        rows = random.integers(0, len(images), HIDER_BATCH_SIZE)
        step(tf.constant(to_float(images[rows])), tf.constant(identity[rows]))


def _cross_entropy(logits, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def _soft_cross_entropy(logits, probabilities):
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=probabilities, logits=logits))


def _image_attackers(quick):
    """Those that see every pixel: a network for all places alike misses a pattern of few levels."""
    return (attackers.PIXEL_RIDGE,) if quick else (attackers.PIXEL_RIDGE, attackers.LOWEST_BIT_RIDGE)


def _fewer(dump, count, seed):
    """The dump with at most `count` training images, without further ones."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(dump.id_train))[:count])
    names = [field.name for field in dataclasses.fields(dump) if field.name.endswith("_train")]
    taken = {name: getattr(dump, name)[rows] for name in names if getattr(dump, name) is not None}
    return dataclasses.replace(dump, **taken, **dict.fromkeys(EXTRAS))
