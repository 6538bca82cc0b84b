"""Accuracies with their intervals, chance levels, confusion matrices, and the verdict: pure functions of numbers."""

import math
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
WIDEST_HALF_WIDTH_AT_CHANCE = 0.05


def wilson(correct, total, confidence=CONFIDENCE):
    """Wilson score interval of a proportion.

    Args:
        correct: successes, 0..total (a mean over several runs need not be whole).
        total: trials, at least 1.
        confidence: two-sided coverage in (0, 1).

    Returns:
        `(low, high)`, both in [0, 1].
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half_width = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def accuracy_figure(truth, predictions):
    """Accuracy of one or several runs on the same examples.

    The interval is Wilson's at the mean accuracy with the number of examples, not of examples times runs: more runs
    on the same examples tell about the attacker, not about other examples.

    Args:
        truth: int `(n,)`.
        predictions: int `(n,)`, or a list of such, one for each run.

    Returns:
        {"accuracy", "interval": [low, high]}, and with several runs "lowest" and "highest".
    """
    runs = np.atleast_2d(predictions)
    accuracies = (runs == np.asarray(truth)).mean(axis=1)
    mean = float(accuracies.mean())
    figure = {"accuracy": mean, "interval": list(wilson(mean * runs.shape[1], runs.shape[1]))}
    if len(runs) > 1:
        figure |= {"lowest": float(accuracies.min()), "highest": float(accuracies.max())}
    return figure


def paired_difference(first, second, confidence=CONFIDENCE):
    """How much more often the first of two readers is right than the second, on the same examples.

    The interval is Agresti and Min's (2005, adjusted Wald: half an example added to each of the four outcomes), which
    holds its coverage where the two hardly differ.

    Args:
        first, second: bool `(n,)`, whether each reading was right.
        confidence: two-sided coverage in (0, 1).

    Returns:
        {"difference": share, "interval": [low, high]}, in [-1, 1].
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    only_first, only_second = (first & ~second).sum() + 0.5, (second & ~first).sum() + 0.5
    total = len(first) + 2
    centre = (only_first - only_second) / total
    spread = math.sqrt(only_first + only_second - (only_first - only_second) ** 2 / total) / total
    half_width = NormalDist().inv_cdf(0.5 + confidence / 2) * spread
    return {
        "difference": float(first.mean() - second.mean()),
        "interval": [max(-1.0, float(centre - half_width)), min(1.0, float(centre + half_width))],
    }


def frequencies(labels, classes):
    """Share of each of `classes` labels: float `(classes,)` summing to 1."""
    return np.bincount(labels, minlength=classes) / len(labels)


def chance(labels, classes):
    """Accuracy of the best guess without looking: the larger of 1/classes and the commonest label's share."""
    return float(max(1 / classes, frequencies(labels, classes).max()))


def informed_chance(labels, classes, target_policy):
    """Accuracy of the best guess by one who reads the target identity, but nothing else, from a protected image.

    Under "exclude-true" the target is never the truth and so rules out one identity: the guess is the commonest
    identity, or the second where the target is the commonest. With equal shares this is 1 / (classes - 1).
    """
    if target_policy != "exclude-true":
        return chance(labels, classes)
    second, first = np.sort(frequencies(labels, classes))[-2:]
    return float(max(1 / (classes - 1), first + second / (classes - 1)))


def confusion(truth, predictions, classes):
    """Counts, int `(classes, classes)`: row the truth, column the prediction."""
    return np.bincount(np.asarray(truth) * classes + np.asarray(predictions), minlength=classes**2).reshape(
        classes, classes
    )


def r_squared(truth, predictions):
    """1 - squared error / squared deviation from the mean; 1 is perfect, 0 as good as the mean. None if constant."""
    truth = np.asarray(truth, dtype=np.float64)
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - predictions) ** 2).sum()) / spread if spread > 0 else None


def verdict(figures, chance_level, test_count, controls_ok):
    """Judge the identity attacks.

    "inconclusive" where the controls failed or the test set is too small (at chance, the 95 % interval reaches more
    than 5 points to a side); else "leaks" where any attacker's lower bound lies above chance, at a confidence corrected
    for the number of attackers (Bonferroni), since the best of many is taken; else "no leak found".

    Args:
        figures: accuracy figures of all attackers over all scenarios.
        chance_level: accuracy that tells nothing.
        test_count: test images.
        controls_ok: whether the controls came out as they must.

    Returns:
        `(verdict, reason)`, str.
    """
    low, high = wilson(chance_level * test_count, test_count)
    if not controls_ok:
        return "inconclusive", "a control failed: these attackers cannot be trusted on this data"
    if (high - low) / 2 > WIDEST_HALF_WIDTH_AT_CHANCE:
        return "inconclusive", f"{test_count} test images are too few: an interval at chance spans {high - low:.0%}"
    corrected = 1 - (1 - CONFIDENCE) / max(1, len(figures))
    above = [
        figure for figure in figures if wilson(figure["accuracy"] * test_count, test_count, corrected)[0] > chance_level
    ]
    if above:
        return "leaks", f"{len(above)} of {len(figures)} attacks read the identity better than chance"
    return "no leak found", f"none of {len(figures)} attacks read the identity better than chance"
