"""Pairs of images: of one person or of two, where neither target nor expression tells which."""

from typing import NamedTuple

import numpy as np

from vgan_tf.audit.roc import Ranking, area, auc, equal_error_rate, hits_at
from vgan_tf.audit.statistics import middle

MOST_IMAGES = 1500  # their pairs grow with the square of this
FEWEST_PEOPLE = 20  # with fewer, their images are resampled instead, as they cannot stand for other people


class Pairs(NamedTuple):
    """Pairs of images of one test.

    rows: int64 `(m,)` of the images used; people, clips: `(m,)` their persons and clips, one each where clips are not
    known. first, second: int64 `(pairs,)` into rows; same: bool, whether of one person; stratum: int64, which pair of
    targets and which expression; same_target: bool, or None without targets. across: `(first, second, same)` of pairs
    of different expressions.
    """

    rows: np.ndarray
    people: np.ndarray
    clips: np.ndarray
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    stratum: np.ndarray
    same_target: np.ndarray | None
    across: tuple


def make_pairs(people, clip, seed):
    """The pairs to be judged, or None where no stratum holds pairs of one person and of two."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(people.id))[:MOST_IMAGES])
    person, expression = people.id[rows], people.ep[rows]
    clips = np.arange(len(rows)) if clip is None else clip[rows]
    first, second = np.triu_indices(len(rows), 1)
    apart = clips[first] != clips[second]
    first, second = first[apart], second[apart]
    alike = expression[first] == expression[second]
    across = first[~alike], second[~alike], person[first[~alike]] == person[second[~alike]]
    first, second = first[alike], second[alike]
    stratum, same_target = expression[first], None
    if people.c is not None:
        targets = np.sort([people.c[rows][first], people.c[rows][second]], axis=0)
        count = int(people.c.max()) + 1
        stratum = (stratum * count + targets[0]) * count + targets[1]
        same_target = targets[0] == targets[1]
    stratum = np.unique(stratum, return_inverse=True)[1]
    same = person[first] == person[second]
    both = np.bincount(stratum, same) * np.bincount(stratum, ~same)
    kept = both[stratum] > 0
    if not kept.any():
        return None
    values = (first, second, same, stratum, same_target)
    return Pairs(rows, person, clips, *(None if value is None else value[kept] for value in values), across)


def pair_figure(embedded, pairs, seed, replicates):
    """AUC with its interval, and the rates, of one training."""
    vectors = embedded[pairs.rows]
    scores = np.einsum("ij,ij->i", vectors[pairs.first], vectors[pairs.second])
    ranking = Ranking(scores, pairs.same)
    curve = ranking.curve(_matched(pairs, np.ones(len(scores))))
    resampled = (_matched(pairs, weights) for weights in _resampled(pairs, seed, replicates))
    areas = [area(ranking.curve(weights)) for weights in resampled if weights.any()]
    strangers = int((~pairs.same).sum())
    figure = {
        "auc": area(curve),
        "interval": middle(areas),
        "eer": equal_error_rate(curve),
        "tar_at_far_1_percent": hits_at(curve, 0.01, strangers),
        "tar_at_far_0_1_percent": hits_at(curve, 0.001, strangers),
        "pairs": len(scores),
        "auc_across_targets": None,
        "auc_same_target": None,
    }
    if pairs.same_target is not None:
        for name, chosen in (("across_targets", ~pairs.same_target), ("same_target", pairs.same_target)):
            weights = _matched(pairs, chosen.astype(float))
            if weights.any():
                figure[f"auc_{name}"] = area(ranking.curve(weights))
    first, second, same = pairs.across
    different = len(np.unique(same)) == 2
    across = np.einsum("ij,ij->i", vectors[first], vectors[second])
    return figure | {"auc_across_expressions": auc(across, same) if different else None}


def _matched(pairs, weights):
    """Weigh pairs of two people so that each stratum is as frequent among them as among pairs of one person."""
    genuine = np.bincount(pairs.stratum, weights * pairs.same)
    impostors = np.bincount(pairs.stratum, weights * ~pairs.same)
    ratio = np.divide(genuine, impostors, out=np.zeros_like(genuine), where=impostors > 0)
    usable = impostors[pairs.stratum] > 0
    return weights * np.where(pairs.same, usable, ratio[pairs.stratum])


def _resampled(pairs, seed, replicates):
    """Weights of the pairs in each bootstrap replicate."""
    random = np.random.default_rng(seed)
    _, people = np.unique(pairs.people, return_inverse=True)
    for _ in range(replicates):
        times = times_drawn(people, pairs.clips, random)
        both = times[pairs.first] * times[pairs.second]
        # A person drawn twice is two people with the same pictures; pairs between the two say nothing.
        drawn = both if people.max() + 1 < FEWEST_PEOPLE else np.where(pairs.same, times[pairs.first], both)
        yield drawn.astype(float)


def times_drawn(people, clips, random):
    """How often each image is drawn in a bootstrap replicate: int64 `(n,)`.

    People (int `(n,)`, from 0 on) are drawn where there are `FEWEST_PEOPLE` of them, else the clips of each person.
    """
    count = people.max() + 1
    if count >= FEWEST_PEOPLE:
        return np.bincount(random.integers(0, count, count), minlength=count)[people]
    times = np.zeros(len(people), np.int64)
    for person in range(count):
        rows = np.flatnonzero(people == person)
        names, clip_of = np.unique(clips[rows], return_inverse=True)
        times[rows] = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))[clip_of]
    return times
