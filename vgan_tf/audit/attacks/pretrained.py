"""Attackers pretrained on the people of the training set, and put to work on people who were held out.

A network learns to name the former, of whom there are many images; what its last hidden layer says of held-out people
is what two small attackers then learn from.
"""

import keras
import numpy as np
import tensorflow as tf

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers.augmentation import shift_light_and_cover
from vgan_tf.audit.attackers.interface import VALIDATION_SHARE, Examples, Seen, attack, stratified_sample
from vgan_tf.audit.attackers.networks import MEDIUM_LAYERS, as_float, cnn, fit_network, in_batches, mlp

SOURCES = {"p": "protected images", "r": "release"}


def pretrained_scores(dump, seed, quick, progress=print):
    """Scores of `tested`, by attackers pretrained on `references`: {name: float32 `(n_tested, classes)`}.

    Empty where there are no references. A discrete release is left out: its tables say all.
    """
    scores, tested, classes = {}, dump.tested, len(dump.identities)
    for key, title in SOURCES.items():
        if dump.references is None or getattr(dump.references, key) is None or (key == "r" and dump.codes is not None):
            continue
        progress(f"identity: pretrained on the people in training, {title}")
        features_of = _pretrain(getattr(dump.references, key), dump.references.id, seed, quick)
        for learnt, rows in dump.rounds:
            known = Seen(features_of(getattr(learnt, key)), learnt.ep)
            seen = [Seen(features_of(getattr(tested, key)[rows]), tested.ep[rows])]
            chosen = (*attackers.FRESH_LATENT_ATTACKERS, attackers.KERNEL_RIDGE_OF_EXPRESSION)
            for name, found in attack(chosen, known, learnt.id, seen, classes, seed, quick).items():
                full = f"{name}, pretrained on the people in training, {title}"
                scores.setdefault(full, np.empty((len(tested), classes), np.float32))[rows] = found[0]
    return scores


def _pretrain(values, people, seed, quick):
    """Train a network to name people: values -> its last hidden layer, float32 `(n, d)`."""
    classes, labels = int(people.max()) + 1, people[:, None]
    held_back = stratified_sample(people, VALIDATION_SHARE, seed)
    parts = [Examples(values[rows], labels[rows]) for rows in (~held_back, held_back)]
    if values.dtype == np.uint8:
        network = cnn(values.shape[1:], classes, seed, MEDIUM_LAYERS)
        fit_network(network, *parts, seed, 120 if quick else 1200, augment=shift_light_and_cover)
    else:
        network = mlp(values.shape[1:], classes, seed)
        fit_network(network, *parts, seed, 500 if quick else 2500)
    last_hidden = tf.function(keras.Model(network.input, network.layers[-3].output), reduce_retracing=True)
    return lambda others: in_batches(lambda batch: last_hidden(as_float(batch)), others)
