"""The generator inverted: from a protected image and its target back to what it was made from.

An attacker who has the generator makes as many pairs of release and picture as it likes, and trains a network to go
back. On a continuous release this is the strongest attack on pictures that is known.
"""

import numpy as np
import tensorflow as tf

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers.interface import Examples, Seen, attack
from vgan_tf.audit.attackers.networks import MEDIUM_LAYERS, cnn, train_network

PAIRS, QUICK_PAIRS = 8000, 2000
STEPS, QUICK_STEPS = 1500, 250
VALIDATION_PAIRS = 500
JITTER = 0.2  # of a drawn release, in standard deviations of each of its values
MOST_MIXED = 0.5  # of one image's release in another's


def inversion_scores(dump, decode, seed, quick=False):
    """Scores of `tested` by attackers on what the inverted generator gives: {name: float32 `(n_tested, classes)`}.

    Args:
        decode: (float32 releases `(n, e)`, int targets `(n,)`) -> uint8 images.
    """
    tested, classes = dump.tested, len(dump.identities)
    invert = inverted(dump, decode, seed, quick)
    chosen = attackers.QUICK_LATENT_ATTACKERS
    scores = {one.name: np.empty((len(tested), classes), np.float32) for one in chosen}
    for learnt, rows in dump.rounds:
        known = Seen(invert(learnt.p, learnt.c), learnt.ep)
        seen = [Seen(invert(tested.p[rows], tested.c[rows]), tested.ep[rows])]
        for name, found in attack(chosen, known, learnt.id, seen, classes, seed, quick).items():
            scores[name][rows] = found[0]
    return scores


def inverted(dump, decode, seed, quick=False):
    """Train a network on pairs that the generator makes of releases like those of the train part, and any targets.

    It has a last layer for each target, as the attacker knows which one was used.

    Returns:
        (uint8 images, int targets) -> float32 releases `(n, e)`, standardised.
    """
    random = np.random.default_rng(seed)
    releases, count, width = dump.train.r, QUICK_PAIRS if quick else PAIRS, dump.train.r.shape[1]
    centre, scale = releases.mean(axis=0), releases.std(axis=0) + 1e-6
    first, second = releases[random.integers(0, len(releases), (2, count))]
    share = random.uniform(0, MOST_MIXED, (count, 1))
    drawn = first + share * (second - first) + JITTER * scale * random.standard_normal(first.shape)
    targets = random.integers(0, len(dump.targets), count)
    pictures = decode(drawn.astype(np.float32), targets)
    labels = np.column_stack([targets, (drawn - centre) / scale]).astype(np.float32)

    def of_target(outputs, target):
        return tf.gather(tf.reshape(outputs, (-1, len(dump.targets), width)), target, batch_dims=1)

    def loss(outputs, labels):
        found = of_target(outputs, tf.cast(labels[:, 0], tf.int32))
        return tf.reduce_mean(tf.square(found - labels[:, 1:]), axis=1)

    network = cnn(pictures.shape[1:], len(dump.targets) * width, seed, MEDIUM_LAYERS)
    parts = [
        Examples(pictures[rows], labels[rows]) for rows in (slice(VALIDATION_PAIRS, None), slice(VALIDATION_PAIRS))
    ]
    outputs_of = train_network(network, *parts, loss, seed, QUICK_STEPS if quick else STEPS)
    return lambda images, targets: of_target(outputs_of(images), targets.astype(np.int32)).numpy()
