"""What an attacker is, and how one is trained and put to work."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

VALIDATION_SHARE = 0.15
LATENT_NAMES = {"mu": "mean", "z": "sample"}  # of the arrays of a dump


class Examples(NamedTuple):
    """features: uint8 `(n, height, width, 3)` or float32 `(n, d)`; labels: int64 `(n, tasks)`."""

    features: np.ndarray
    labels: np.ndarray


class Attacker(NamedTuple):
    """A name for the tables; the function described in `vgan_tf.audit.attackers`; and labellings it learns at once.

    `permutations` is how many shuffled labellings the negative control gives it: fewer where each is paid for.
    """

    name: str
    fit: Callable
    permutations: int = 20


def train_scores(attacker, features, labels, classes, seed, quick=False):
    """Fit an attacker, part of the examples held back for its choices.

    Args:
        attacker: `Attacker`.
        features: uint8 images or float32 latents, `n` of them.
        labels: int `(n,)` or `(n, tasks)`.
        classes: number of classes.
        seed: decides the split and everything random in the attacker.
        quick: cheaper training.

    Returns:
        score: features -> `(m, classes)`, or `(m, tasks, classes)` where `labels` had tasks; the highest is the
        reading, and sums over pictures of one person are that person's scores.
    """
    columns = labels.reshape(len(labels), -1)
    held_back = stratified_part(columns[:, 0], VALIDATION_SHARE, seed)
    fit_part = Examples(features[~held_back], columns[~held_back])
    score = attacker.fit(fit_part, Examples(features[held_back], columns[held_back]), classes, seed, quick)
    return lambda others: score(others).reshape(len(others), *labels.shape[1:], classes)


def train(attacker, features, labels, classes, seed, quick=False):
    """As `train_scores`, but predict: features -> int64 `(m,)`, or `(m, tasks)` where `labels` had tasks."""
    score = train_scores(attacker, features, labels, classes, seed, quick)
    return lambda others: score(others).argmax(axis=-1)


def attack_scores(attacker, features, labels, tests, classes, seeds, quick):
    """Train an attacker once for each seed and let it read several test sets.

    Args:
        attacker, features, labels, classes, quick: as for `train_scores`.
        tests: name of test set -> features.
        seeds: ints.

    Returns:
        name of test set -> list of scores `(m, classes)`, one for each seed.
    """
    scores = {name: [] for name in tests}
    for seed in seeds:
        score = train_scores(attacker, features, labels, classes, seed, quick)
        for name, test_features in tests.items():
            scores[name].append(score(test_features))
    return scores


def attack(attacker, features, labels, tests, classes, seeds, quick):
    """As `attack_scores`, but int64 predictions `(m,)`."""
    scores = attack_scores(attacker, features, labels, tests, classes, seeds, quick)
    return {name: [one.argmax(axis=-1) for one in runs] for name, runs in scores.items()}


def stratified_part(labels, share, seed):
    """Mark about `share` of each class, at random and at least one of every class of two or more: bool `(n,)`."""
    random = np.random.default_rng(seed)
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(len(members) - 1, max(1, round(share * len(members))))
        marked[random.permutation(members)[:count]] = True
    return marked
