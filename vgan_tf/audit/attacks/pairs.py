"""Pairs of images: of one person or of two, where neither target nor expression tells which."""

from typing import NamedTuple

import numpy as np

from vgan_tf.audit.roc import Ranking, StratifiedRanking, equal_error_rate, hits_at
from vgan_tf.audit.statistics import middle

MOST_IMAGES = 1500  # their pairs grow with the square of this
MOST_FACES = 1000  # likewise; twice as many pairs
FEWEST_PEOPLE = 20  # with fewer, their images are resampled instead, as they cannot stand for other people
CHUNK = 4096  # pairs whose labels are exchanged at once


class Pairs(NamedTuple):
    """Pairs of images of one test.

    rows: int64 `(m,)` of the images used; people, clips: `(m,)` their persons and clips, one each where clips are not
    known. first, second: int64 `(pairs,)` into rows; same: bool, whether of one person; stratum: int64, which pair of
    targets and which expression; same_target: bool, or None without targets. across: `(first, second, same, stratum)`
    of pairs of different expressions, None where none are asked for. with_originals: whether the second of a pair is an
    original.
    """

    rows: np.ndarray
    people: np.ndarray
    clips: np.ndarray
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    stratum: np.ndarray
    same_target: np.ndarray | None
    across: tuple | None
    with_originals: bool


def make_pairs(people, clip, seed, with_originals=False):
    """The pairs to be judged, or None where no stratum holds pairs of one person and of two.

    Args:
        people: `id`, `ep`, `c` as `Images` have them.
        clip: int `(n,)`, or None.
        seed: decides which images are taken where there are too many.
        with_originals: pair what was released for one image with the originals of others. The target of the first alone
            is then known.
    """
    most = MOST_FACES if with_originals else MOST_IMAGES
    rows = np.sort(np.random.default_rng(seed).permutation(len(people.id))[:most])
    person, expression = people.id[rows], people.ep[rows]
    clips = np.arange(len(rows)) if clip is None else clip[rows]
    first, second = np.nonzero(clips[:, None] != clips)
    if not with_originals:
        first, second = first[first < second], second[first < second]
    same = person[first] == person[second]
    cell, same_target = expression, None
    if people.c is not None:
        cell = expression * (int(people.c.max()) + 1) + people.c[rows]
        same_target = None if with_originals else people.c[rows][first] == people.c[rows][second]
    if with_originals:
        stratum = cell[first]
    else:
        stratum = np.minimum(cell[first], cell[second]) * (int(cell.max()) + 1) + np.maximum(cell[first], cell[second])
    alike = expression[first] == expression[second]
    columns = (first, second, same, stratum, same_target)
    kept, others = ([None if one is None else one[chosen] for one in columns] for chosen in (alike, ~alike))
    kept[3] = np.unique(kept[3], return_inverse=True)[1]
    if not (np.bincount(kept[3], kept[2]) * np.bincount(kept[3], ~kept[2])).any():
        return None
    return Pairs(rows, person, clips, *kept, None if with_originals else tuple(others[:4]), with_originals)


def pair_figures(embedded, pairs, weights):
    """Figures of one attacker, and what `pair_statistics` takes of it.

    Args:
        embedded: for each of its trainings `(vectors, others)`, float32 `(n, d)`: a pair is as alike as the vector of
            its first image and the other of its second.
        pairs: `Pairs`.
        weights: of the pairs in bootstrap replicates, from `resampled`.

    Returns:
        (list of figures, float32 `(pairs,)`: ranks within strata, centred, the mean over trainings). A figure has the
        AUC within strata with its interval, and rates over all strata at one threshold.
    """
    matched, figures, ranks = _matched(pairs), [], []
    for vectors, others in embedded:
        vectors, others = vectors[pairs.rows], others[pairs.rows]
        scores = _products(vectors, others, pairs.first, pairs.second)
        ranking = StratifiedRanking(scores, pairs.same, pairs.stratum)
        ranks.append(ranking.centred_ranks())
        curve = Ranking(scores, pairs.same).curve(matched)
        areas = [ranking.area(one) for one in weights]
        strangers = int((matched[~pairs.same] > 0).sum())
        figure = {
            "auc": ranking.area(),
            "interval": middle([one for one in areas if not np.isnan(one)]),
            "eer": equal_error_rate(curve),
            "tar_at_far_1_percent": hits_at(curve, 0.01, strangers),
            "tar_at_far_0_1_percent": hits_at(curve, 0.001, strangers),
            "pairs": int((matched > 0).sum()),
            "auc_across_targets": None,
            "auc_same_target": None,
            "auc_across_expressions": None,
        }
        if pairs.same_target is not None:
            figure["auc_across_targets"] = _or_none(ranking.area((~pairs.same_target).astype(float)))
            figure["auc_same_target"] = _or_none(ranking.area(pairs.same_target.astype(float)))
        if pairs.across is not None and len(pairs.across[0]):
            first, second, same, stratum = pairs.across
            across = StratifiedRanking(_products(vectors, others, first, second), same, stratum)
            figure["auc_across_expressions"] = _or_none(across.area())
        figures.append(figure)
    return figures, np.mean(ranks, axis=0, dtype=np.float32)


def pair_statistics(pairs, ranks, labels):
    """The AUC within strata of each attacker, for each exchange of the people of the images.

    Of pairs with originals, the people of what was released are exchanged, and not those of the originals.

    Args:
        pairs: `Pairs`.
        ranks: float32 `(attackers, pairs)`, from `pair_figures`.
        labels: int `(exchanges, n)`, who each of all `n` images is said to show.

    Returns:
        float64 `(exchanges, attackers)`, rounded, since equal ones must be found equal.
    """
    truth = np.unique(pairs.people, return_inverse=True)
    exchanged = np.searchsorted(truth[0], labels[:, pairs.rows].T)  # (m, exchanges)
    exchanged = np.ascontiguousarray(exchanged, np.min_scalar_type(len(truth[0])))
    order = np.argsort(pairs.stratum, kind="stable")
    bounds = np.append(0, np.cumsum(np.bincount(pairs.stratum)))
    ranks = np.concatenate([ranks, np.ones((1, len(order)), np.float32)])  # the last row counts
    above, counted = np.zeros((len(ranks) - 1, len(labels))), np.zeros(len(labels))
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        sums = np.zeros((len(ranks), len(labels)))
        for chunk in np.split(order[start:stop], range(CHUNK, stop - start, CHUNK)):
            second = pairs.second[chunk]
            others = truth[1][second][:, None] if pairs.with_originals else exchanged[second]
            sums += ranks[:, chunk] @ (exchanged[pairs.first[chunk]] == others).astype(np.float32)
        positive, negative = sums[-1], stop - start - sums[-1]
        above += np.divide(sums[:-1], negative, out=np.zeros_like(above), where=negative > 0)
        counted += np.where(negative > 0, positive, 0)
    return np.round(0.5 + above / np.maximum(counted, 1), 6).T


def resampled(pairs, seed, replicates):
    """Weights of the pairs in each bootstrap replicate: uint16 `(replicates, pairs)`."""
    random = np.random.default_rng(seed)
    _, people = np.unique(pairs.people, return_inverse=True)
    weights = np.empty((replicates, len(pairs.first)), np.uint16)
    for row in weights:
        times = times_drawn(people, pairs.clips, random).astype(np.uint16)
        row[:] = times[pairs.first] * times[pairs.second]
        # A person drawn twice is two people with the same pictures; pairs between the two say nothing.
        if people.max() + 1 >= FEWEST_PEOPLE:
            row[pairs.same] = times[pairs.first[pairs.same]]
    return weights


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


def _products(vectors, others, first, second):
    return np.einsum("ij,ij->i", vectors[first], others[second])


def _matched(pairs):
    """Weigh pairs of two people so that each stratum is as frequent among them as among pairs of one person."""
    genuine = np.bincount(pairs.stratum, pairs.same)
    impostors = np.bincount(pairs.stratum, ~pairs.same)
    ratio = np.divide(genuine, impostors, out=np.zeros_like(genuine), where=impostors > 0)
    return np.where(pairs.same, impostors[pairs.stratum] > 0, ratio[pairs.stratum])


def _or_none(value):
    return None if np.isnan(value) else value
