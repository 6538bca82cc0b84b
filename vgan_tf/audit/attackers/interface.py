"""What an attacker is, and how one is trained and put to work."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

VALIDATION_SHARE = 0.15


class Examples(NamedTuple):
    """features: uint8 `(n, height, width, 3)` or float32 `(n, d)`; labels: int64 `(n, tasks)`."""

    features: np.ndarray
    labels: np.ndarray


class Attacker(NamedTuple):
    """A name for the tables; the function described in `vgan_tf.audit.attackers`; and labellings it learns at once.

    `permutations` is how many shuffled labellings the negative control gives it: fewer where each costs a training.
    """

    name: str
    fit: Callable
    permutations: int = 20


def train_scores(attacker, features, labels, classes, seed, quick=False):
    """Fit an attacker, some of the examples held back for its choices.

    Args:
        features: uint8 images or float32 latents, `n` of them.
        labels: int `(n,)` or `(n, tasks)`, from 0 to `classes - 1`.
        seed: decides the split and everything random in the attacker.

    Returns:
        score: features -> `(m, classes)`, or `(m, tasks, classes)` where `labels` had tasks. The highest score is the
        prediction, and the scores of several pictures of one person may be added up.
    """
    columns = labels.reshape(len(labels), -1)
    held_back = stratified_sample(columns[:, 0], VALIDATION_SHARE, seed)
    parts = (Examples(features[rows], columns[rows]) for rows in (~held_back, held_back))
    score = attacker.fit(*parts, classes, seed, quick)
    return lambda others: score(others).reshape(len(others), *labels.shape[1:], classes)


def train(attacker, features, labels, classes, seed, quick=False):
    """As `train_scores`, but predict: features -> int64 `(m,)`, or `(m, tasks)` where `labels` had tasks."""
    score = train_scores(attacker, features, labels, classes, seed, quick)
    return lambda others: score(others).argmax(axis=-1)


def attack_scores(attacker, features, labels, tests, classes, seeds, quick):
    """Train an attacker once for each of `seeds`: list of its scores `(m, classes)` for the features `tests`."""
    return [train_scores(attacker, features, labels, classes, seed, quick)(tests) for seed in seeds]


def attack(attacker, features, labels, tests, classes, seeds, quick):
    """As `attack_scores`, but int64 predictions `(m,)`."""
    return [one.argmax(axis=1) for one in attack_scores(attacker, features, labels, tests, classes, seeds, quick)]


def stratified_sample(labels, share, seed):
    """Mark about `share` of each class, at random and at least one of every class of two or more: bool `(n,)`."""
    random = np.random.default_rng(seed)
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(len(members) - 1, max(1, round(share * len(members))))
        marked[random.permutation(members)[:count]] = True
    return marked
