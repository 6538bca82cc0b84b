"""What an attacker is, and how one is trained and put to work."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vgan_tf.audit.attackers.components import principal_components

VALIDATION_SHARE = 0.15


class Examples(NamedTuple):
    """features: uint8 `(n, height, width, 3)` or float32 `(n, d)`; labels: int64 `(n, tasks)`."""

    features: np.ndarray
    labels: np.ndarray


class Seen(NamedTuple):
    """What an attacker may see of some images.

    values: uint8 `(n, height, width, 3)`, or float32 `(n, d)`. expression: int64 `(n,)`, the true one.
    """

    values: np.ndarray
    expression: np.ndarray


class Attacker(NamedTuple):
    """One way to predict labels.

    Attributes:
        name: for the tables.
        fit: the function described in `vgan_tf.audit.attackers`.
        kind: "network", "linear", "similarity", "trees" or "bits": what is tried in the same way.
        on_components: whether it works on principal components of images, not on pixels.
        knows_expression: whether the true expression is the last of its features.
        permutations: how many shuffled labellings the negative control gives it: fewer where each costs a training.
    """

    name: str
    fit: Callable
    kind: str
    on_components: bool = False
    knows_expression: bool = False
    permutations: int = 20


def train_scores(attacker, features, labels, classes, seed, quick=False):
    """Fit an attacker, some of the examples held back for its choices.

    Args:
        features: uint8 images or float32 latents, `n` of them, as the attacker takes them.
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


def attack(chosen, learnt, labels, tests, classes, seed, quick=False, progress=None):
    """Train attackers on the same examples, which share what they compute of them, and put them to work.

    Args:
        chosen: `Attacker`s.
        learnt: `Seen`, to learn from.
        labels: as for `train_scores`.
        tests: list of `Seen`.
        progress: called with the name of each attacker, or None.

    Returns:
        {attacker name: list of its scores for each of `tests`, as of `train_scores`}.
    """
    project, found = None, {}
    components = {}  # by position: the examples learnt from, then each test

    def features(attacker, number, seen):
        values = seen.values
        if attacker.on_components:
            if number not in components:
                components[number] = project(seen.values)
            values = components[number]
        return np.column_stack([values, seen.expression]).astype(np.float32) if attacker.knows_expression else values

    for attacker in chosen:
        if progress:
            progress(attacker.name)
        if attacker.on_components and project is None:
            project = principal_components(learnt.values, seed, quick)
        score = train_scores(attacker, features(attacker, 0, learnt), labels, classes, seed, quick)
        found[attacker.name] = [score(features(attacker, number, seen)) for number, seen in enumerate(tests, 1)]
    return found


def stratified_sample(labels, share, seed):
    """Mark about `share` of each class, at random and at least one of every class of two or more: bool `(n,)`."""
    random = np.random.default_rng(seed)
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(len(members) - 1, max(1, round(share * len(members))))
        marked[random.permutation(members)[:count]] = True
    return marked
