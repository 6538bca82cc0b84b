"""Whether attackers know more than nothing: permutation tests of the best of many attackers, and the verdict on them.

If what is released tells nobody who is shown, then names may be exchanged among the test images of one expression and
target, and the attackers, whose predictions stay as they are, are right as often as before. So the names are exchanged
many times, at random. An attack counts by how far its figure lies above the mean of these, in their standard deviations
("score"); and the best of all attackers counts by how often the best of them has so high a score by exchange (max-T,
Westfall and Young 1993). However many attackers there are, one that tells nothing is called a leak as rarely.
"""

import functools
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

PERMUTATIONS = 2000
ERROR = 0.05  # the share of anonymizers that tell nothing which may be called leaking, over all questions together
POWER = 0.95  # with which an advantage must be seen; in simulation (docs/audit.md) it is seen somewhat more rarely
MOST_UNSEEN = 0.05  # an advantage in accuracy: where more would go unseen, nothing is said to be free of leaks
# What attackers are asked -> what is said where they can answer.
QUESTIONS = {
    "named": "who it is can be found out from one picture",
    "named_from_several": "who it is can be found out from several pictures of one person",
    "reconstructed": "the original can be reconstructed well enough to be named",
    "linked": "two pictures can be told to be of one person",
    "member": "it can be told whether a picture, or a person, was used in training",
}


class Evidence(NamedTuple):
    """What the best of some attackers achieves.

    Attributes:
        attacker: the one with the highest score.
        score: its own.
        null: float `(PERMUTATIONS,)`, the highest score of any of them in each exchange.
        spread: standard deviation of the accuracy of one who guesses; 0 where the figures are no accuracies.
        attackers: their number.
    """

    attacker: str
    score: float
    null: np.ndarray
    spread: float
    attackers: int

    @property
    def p_value(self):
        """How often the best attacker scores as high where there is nothing to be known."""
        return float((1 + (self.null >= self.score - 1e-9).sum()) / (1 + len(self.null)))

    def to_json(self):
        return {**self._asdict(), "null": np.round(self.null, 4).tolist()}

    @classmethod
    def from_json(cls, record):
        return cls(**{**record, "null": np.array(record["null"])})


def evidence(names, observed, null):
    """Evidence of attackers' figures.

    Args:
        names: of the attackers.
        observed: float `(attackers,)`, figures that are higher where they know more.
        null: float `(PERMUTATIONS, attackers)`, the same after each exchange.
    """
    observed, null = np.asarray(observed, float), np.asarray(null, float)
    mean, spread = null.mean(axis=0), null.std(axis=0)
    varied = spread > 1e-12
    scale = np.where(varied, spread, np.inf)  # one that is right as often whatever is exchanged knows nothing
    scores = (observed - mean) / scale
    best = int(scores.argmax())
    return Evidence(names[best], float(scores[best]), ((null - mean) / scale).max(axis=1), 0.0, len(names))


def combined(several):
    """Evidence of all attackers of several; None entries are left out, and None is returned where no other is left.

    Exchanges of the same images are the same in each. Others are independent, which makes the test more cautious.
    """
    several = [one for one in several if one is not None]
    if not several:
        return None
    best = max(several, key=lambda one: one.score)
    null = np.max([one.null for one in several], axis=0)
    spread = max(one.spread for one in several)
    return Evidence(best.attacker, best.score, null, spread, sum(one.attackers for one in several))


def exchanged(labels, strata, clusters=None):
    """Labels exchanged at random within strata, whole clusters together: int32 `(PERMUTATIONS, n)`, always the same.

    Args:
        labels: int `(n,)`, the same within a cluster.
        strata: int `(n,)`, the same within a cluster.
        clusters: int `(n,)`, which clip each example is from, or None for independent ones.
    """
    units = np.arange(len(labels)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    columns = (np.ascontiguousarray(one, np.int64).tobytes() for one in (labels, strata, units))
    return _exchanged(PERMUTATIONS, *columns)


@functools.lru_cache(maxsize=4)  # Several attacks are tested on the same images.
def _exchanged(count, *columns):
    labels, strata, units = (np.frombuffer(column, np.int64) for column in columns)
    random, first = np.random.default_rng(0), np.unique(units, return_index=True)[1]
    own, stratum = labels[first], np.unique(strata[first], return_inverse=True)[1]
    by_stratum = np.argsort(stratum, kind="stable")
    shuffled = np.empty((count, len(first)), np.int32)
    for number in range(count):
        # Sorted by stratum, and at random within one.
        shuffled[number, np.argsort(stratum + random.random(len(first)))] = own[by_stratum]
    return shuffled[:, units]


def strata_of(images):
    """What may be known of each of some `Images` without knowing who it is: expression and target, as int64 `(n,)`.

    Where clips are known, the expression alone: whole clips are exchanged, and a clip may have several targets.
    """
    if images.c is None or images.clip is not None:
        return images.ep
    return images.ep * (int(images.c.max()) + 1) + images.c


def naming_evidence(truth, predictions, strata, clusters=None, excluded=None, crossed=False):
    """Evidence of attackers who name people.

    Where examples are tested in rounds, each by those who learnt from the others, two that look alike are right
    together or wrong together: each is counted twice. The accuracy then varies by up to the root of two more than
    exchange shows, and is taken to vary so much. (Simulated with tables, class means and neighbours: 1.1 to 1.3.)

    Args:
        truth: int `(n,)`.
        predictions: {attacker: list of int `(n,)`, one for each of its trainings}.
        strata: int `(n,)`, within which names are exchanged.
        clusters: int `(n,)`, the clips, or None.
        excluded: bool `(n, people)`, names that each example is known not to have, or None.
        crossed: whether the examples were tested in such rounds.

    Returns:
        Evidence, or None without attackers.
    """
    if not predictions:
        return None
    labels = np.concatenate([np.asarray(truth)[None], exchanged(truth, strata, clusters)])  # (1 + exchanges, n)
    hits, possible = np.zeros((len(labels), len(predictions)), np.float32), np.zeros(len(labels), np.float32)
    for person in np.unique(truth):
        shown = (labels == person).astype(np.float32)
        allowed = np.ones(len(truth), np.float32) if excluded is None else ~excluded[:, person]
        said = np.stack([np.mean([one == person for one in runs], axis=0) for runs in predictions.values()])
        hits += shown @ (said * allowed).astype(np.float32).T
        possible += shown @ np.asarray(allowed, np.float32)
    accuracies = hits / np.maximum(possible, 1)[:, None]
    null = accuracies[1:]
    if crossed:
        mean = null.mean(axis=0)
        null = mean + math.sqrt(2) * (null - mean)
    # Of one who guesses at random: the attackers at hand may all say the same of an expression and target.
    chance = float(np.square(np.bincount(truth) / len(truth)).sum())
    count = len(truth) if clusters is None else len(np.unique(clusters))
    spread = math.sqrt((2 if crossed else 1) * chance * (1 - chance) / count)
    return evidence(list(predictions), accuracies[0], null)._replace(spread=spread)


def dependence_evidence(name, values, truth, strata, clusters=None):
    """Evidence of a G-test: whether a few values depend on the person within strata.

    Args:
        name: for the table.
        values: int `(n,)` from 0 on, which value was released for each image.
        truth, strata, clusters: as for `naming_evidence`.
    """
    labels = np.concatenate([np.asarray(truth)[None], exchanged(truth, strata, clusters)])
    _, cells = np.unique(np.stack([strata, values]), axis=1, return_inverse=True)
    cells, people = cells.ravel(), int(truth.max()) + 1
    statistics = np.empty(len(labels))
    for row, one in enumerate(labels):
        counts = np.bincount(cells * people + one, minlength=(cells.max() + 1) * people)
        counts = counts[counts > 0]
        # Of G = 2 sum(observed log(observed / expected)), what changes when names are exchanged within strata.
        statistics[row] = 2 * (counts * np.log(counts)).sum()
    return evidence([name], statistics[:1], statistics[1:, None])


def least_seen(found, chance, error):
    """The smallest advantage in accuracy that `found` would have shown with probability `POWER`: float, or inf.

    Args:
        found: Evidence of attackers who name people.
        chance: accuracy that tells nothing.
        error: p-value up to which an attack counts.
    """
    if not found.spread:
        return math.inf
    bar = max(float(np.quantile(found.null, 1 - error)), NormalDist().inv_cdf(1 - error)) * found.spread
    # The accuracy varies as over so many independent images.
    count = chance * (1 - chance) / found.spread**2
    z = NormalDist().inv_cdf(POWER)
    for advantage in np.arange(0.001, 1 - chance, 0.001):
        accuracy = chance + advantage
        if advantage - z * math.sqrt(accuracy * (1 - accuracy) / count) >= bar:
            return float(advantage)
    return math.inf


def judge(found, chances, failed=()):
    """The verdict on what attackers achieve.

    "leaks" where any of the questions is answered better than by exchange, each at its share of `ERROR` (Bonferroni
    over questions): so it is for any number of images. Else "inconclusive" where a control failed, or an advantage
    of more than `MOST_UNSEEN` in naming people from one picture would go unseen by this test. Else "no leak
    found".

    Args:
        found: {question: Evidence, or None where it was not asked}; see QUESTIONS.
        chances: {question: accuracy that tells nothing}, of those about names.
        failed: the controls that failed, in words. With "negative" among them, not even a leak is believed.

    Returns:
        {"verdict", "reason": str, "questions": {question: {"answered", "p_value", "error": the p-value up to which it
        counts as answered, "attacker", "attackers": their number, "least_seen": the advantage in accuracy that would
        have been seen, or None}}}.
    """
    asked = {name: one for name, one in found.items() if one is not None}
    error = ERROR / max(1, len(asked))
    questions = {}
    for name, one in asked.items():
        seen = least_seen(one, chances[name], error) if name in chances else math.inf
        questions[name] = {
            "answered": one.p_value <= error,
            "p_value": one.p_value,
            "error": error,
            "attacker": one.attacker,
            "attackers": one.attackers,
            "least_seen": seen if math.isfinite(seen) else None,
        }
    answered = [name for name, one in questions.items() if one["answered"]]
    unseen = (questions.get("named") or {}).get("least_seen")
    if answered and "negative" not in failed:
        best = [
            f"{QUESTIONS[name]} ({questions[name]['attacker']}, p = {asked[name].p_value:.4f})" for name in answered
        ]
        outcome = "leaks", "; ".join(best)
    elif failed:
        outcome = (
            "inconclusive",
            f"these attackers cannot be trusted on this data: failed controls: {', '.join(failed)}",
        )
    elif unseen is None or unseen > MOST_UNSEEN:
        least = "any advantage" if unseen is None else f"an advantage of less than {100 * unseen:.1f} points"
        outcome = "inconclusive", f"{least} in naming people would have gone unseen; more test images are needed"
    else:
        count = sum(one.attackers for one in asked.values())
        seen = f"an advantage of {100 * unseen:.1f} points in naming people from one picture would have been seen"
        outcome = "no leak found", f"none of {count} attacks tells more than nothing; {seen}"
    return {"verdict": outcome[0], "reason": outcome[1], "questions": questions}
