"""Scores of a yes-or-no question: area under the curve, equal error rate, hits at few false alarms."""

import math

import numpy as np

from vgan_tf.audit.statistics import strongest_of

FEWEST_FALSE_ALARMS = 5  # a rate that fewer examples than this define is no rate


class Ranking:
    """Examples sorted by score, so that the curve can be computed for many weightings of the same examples.

    scores: float `(n,)`, higher where the answer is rather yes. positive: bool `(n,)`, where it is yes.
    """

    def __init__(self, scores, positive):
        self.order = np.argsort(-scores, kind="stable")
        self.positive = np.asarray(positive, bool)[self.order]
        fallen = scores[self.order]
        # Examples of equal score are accepted together.
        self.ends = np.append(np.flatnonzero(fallen[1:] != fallen[:-1]), len(fallen) - 1)

    def curve(self, weights=None):
        """False-alarm and hit rates at every threshold, strictest first and from (0, 0): two float `(m,)`.

        `weights`: float `(n,)` in the order in which the examples were given, or None for equal ones.
        """
        weights = np.ones(len(self.order)) if weights is None else weights[self.order]
        hits = np.cumsum(weights * self.positive)[self.ends]
        false_alarms = np.cumsum(weights * ~self.positive)[self.ends]
        return np.append(0.0, false_alarms / false_alarms[-1]), np.append(0.0, hits / hits[-1])


class StratifiedRanking:
    """As `Ranking`, for areas within strata. stratum: int `(n,)`."""

    def __init__(self, scores, positive, stratum):
        self.order = np.lexsort((scores, stratum))
        scores, self.stratum = scores[self.order], np.unique(stratum[self.order], return_inverse=True)[1]
        self.positive = np.asarray(positive, bool)[self.order]
        opens = np.append(True, (scores[1:] != scores[:-1]) | (self.stratum[1:] != self.stratum[:-1]))
        bounds = np.append(np.flatnonzero(opens), len(scores))
        group = np.cumsum(opens) - 1  # of equal scores in one stratum
        self.first, self.last = bounds[group], bounds[group + 1]
        self.bounds = np.append(0, np.cumsum(np.bincount(self.stratum)))
        self.rows = np.flatnonzero(self.positive)
        self.strata = self.stratum[self.rows]

    def centred_ranks(self):
        """Rank of each example within its stratum less the mean rank there, ties averaged: float32 `(n,)`.

        Their sum over the positive examples of a stratum, divided by the numbers of positive and of other ones, is by
        how much the area there exceeds one half.
        """
        middles = (self.bounds[:-1] + self.bounds[1:])[self.stratum]
        ranks = np.empty(len(self.order), np.float32)
        ranks[self.order] = (self.first + self.last - middles) / 2
        return ranks

    def area(self, weights=None):
        """Mean over the strata of the area under the curve, weighted by their positive examples.

        `weights` as for `Ranking.curve`. Strata without positive or without other examples are left out; NaN where all
        are. Rounded like `area`.
        """
        weights = np.ones(len(self.order)) if weights is None else weights[self.order]
        others = np.append(0.0, np.cumsum(np.where(self.positive, 0.0, weights)))
        in_stratum = np.diff(others[self.bounds])[self.strata]
        below = (others[self.first[self.rows]] + others[self.last[self.rows]]) / 2 - others[self.bounds[self.strata]]
        shares = np.divide(below, in_stratum, out=np.zeros_like(below), where=in_stratum > 0)
        weights = np.where(in_stratum > 0, weights[self.rows], 0)
        return round(float(weights @ shares / weights.sum()), 9) if weights.any() else math.nan


def area(curve):
    """Area under a curve: the chance that a random yes scores above a random no, ties counted half.

    Rounded, since a rounding error above one half would be taken for a leak.
    """
    false_alarms, hits = curve
    return round(float(((hits[1:] + hits[:-1]) / 2 * np.diff(false_alarms)).sum()), 9)


def equal_error_rate(curve):
    """Error where as many yes are missed as no are taken for yes; between thresholds, interpolated."""
    false_alarms, hits = curve
    difference = false_alarms - (1 - hits)  # rises from -1 to 1
    after = int(np.argmax(difference >= 0))
    step = -difference[after - 1] / (difference[after] - difference[after - 1])
    return float(false_alarms[after - 1] + step * (false_alarms[after] - false_alarms[after - 1]))


def hits_at(curve, rate, negatives):
    """Hit rate at a false-alarm rate, interpolated (an attacker without knowledge hits at `rate`).

    None where `negatives` examples give fewer than `FEWEST_FALSE_ALARMS` false alarms at this rate.
    """
    if negatives * rate < FEWEST_FALSE_ALARMS:
        return None
    false_alarms, hits = curve
    # Of several thresholds with the same false alarms, np.interp must see the one with the most hits.
    last = np.append(np.flatnonzero(np.diff(false_alarms)), len(false_alarms) - 1)
    return float(np.interp(rate, false_alarms[last], hits[last]))


def auc(scores, positive):
    """Area under the curve of scores `(n,)` for a yes-or-no answer, bool `(n,)`."""
    return area(Ranking(scores, positive).curve())


def table(figures, key):
    """`strongest_of` the means of {name: figures of each seed}, or None without attackers."""
    return strongest_of({name: mean_figure(runs) for name, runs in figures.items()}, key)


def mean_figure(runs):
    """Figure by figure, the mean over trainings."""
    return {
        key: runs[0][key]
        if runs[0][key] is None or isinstance(runs[0][key], int)
        else np.mean([one[key] for one in runs], axis=0).tolist()
        for key in runs[0]
    }
