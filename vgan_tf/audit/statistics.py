"""Accuracies with their intervals, chance levels, confusion matrices: pure functions of numbers."""

import math
from statistics import NormalDist

import numpy as np
from scipy.stats import t as student
from sklearn.metrics import confusion_matrix

CONFIDENCE = 0.95
BOOTSTRAP_DRAWS = 1000


def _quantile(confidence, freedom=None):
    """How far a two-sided interval reaches: of the normal distribution, or of Student's with `freedom`."""
    below = 0.5 + confidence / 2
    return NormalDist().inv_cdf(below) if freedom is None else float(student.ppf(below, freedom))


def wilson(correct, total):
    """Wilson score interval of a proportion: `(low, high)`, both in [0, 1].

    `correct` of `total` trials succeeded; a mean over several runs need not be whole.
    """
    z, share = _quantile(CONFIDENCE), correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half_width = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def accuracy_figure(truth, predictions, clusters=None, over="clips"):
    """Accuracy of one or several runs on the same examples.

    The interval is Wilson's at the mean accuracy with the number of examples, not of examples times runs: more runs on
    the same examples tell nothing about other examples. Examples of one cluster are right or wrong together, so with
    clusters it takes `effective_count` examples and Student's quantile for the number of clusters, and is never
    narrower. (In simulation, with 6 to 60 clusters, it covers the truth at 93 to 99.8 %, once at 88 %; percentiles of
    the bootstrap at 60 to 96 %.)

    Args:
        truth: int `(n,)`.
        predictions: int `(n,)`, or a list of such, one for each run.
        clusters: int `(n,)`, which clip each example is from, or None for independent images.
        over: what the clusters are, for "interval_over".

    Returns:
        {"accuracy", "interval": [low, high], "interval_over": "images" or `over`}, with several runs "lowest" and
        "highest", and with clusters "clusters" (their number) and "effective_images".
    """
    right = np.atleast_2d(predictions) == np.asarray(truth)
    accuracies = right.mean(axis=1)
    figure = {"accuracy": float(accuracies.mean())}
    if clusters is not None:
        figure["clusters"] = len(np.unique(clusters))
        figure["effective_images"] = effective_count(right.mean(axis=0), clusters)
    figure["interval"] = list(_interval(figure, right.shape[1]))
    figure["interval_over"] = "images" if clusters is None else over
    if len(right) > 1:
        figure |= {"lowest": float(accuracies.min()), "highest": float(accuracies.max())}
    return figure


def strongest_of(figures, key="accuracy"):
    """{"strongest": the figure with the highest `key`, and "attacker"; "attackers": figures}, None without any."""
    if not figures:
        return None
    name = max(figures, key=lambda one: figures[one][key])
    return {"strongest": {"attacker": name, **figures[name]}, "attackers": figures}


def middle(values):
    """[low, high] of the middle 95 % of the values."""
    return np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()


def _interval(figure, test_count):
    """Interval of a figure of `accuracy_figure` over `test_count` examples: `(low, high)`."""
    if "effective_images" not in figure:
        return wilson(figure["accuracy"] * test_count, test_count)
    # Few clusters say little about how much they differ: Student's quantile is to the normal one as a smaller count.
    shrink = _quantile(CONFIDENCE) / _quantile(CONFIDENCE, max(1, figure["clusters"] - 1))
    count = figure["effective_images"] * shrink**2
    return wilson(figure["accuracy"] * count, count)


def interval_over_runs(values, intervals=()):
    """Interval of the mean over runs that differ in the seed of their training alone: (low, high), not clipped.

    Two uncertainties are added in quadrature, below and above apart. That of the test images is the mean distance
    between the mean and the ends of the runs' own intervals; it is not divided by the number of runs, as all are tested
    on the same images, or on others of the same few people. That of the seeds is Student's interval of the mean, from
    the runs' spread. (In simulation, with 2 to 5 runs on 600 images, it covers the truth at 94 to 100 %.)

    `intervals`: the `(low, high)` of each of the `values`, two at least; without them the seeds alone count.
    """
    mean, quantile = float(np.mean(values)), _quantile(CONFIDENCE, len(values) - 1)
    of_seeds = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    low, high = np.mean(intervals, axis=0) if len(intervals) else (mean, mean)
    return mean - math.hypot(mean - low, of_seeds), mean + math.hypot(high - mean, of_seeds)


def effective_count(scores, clusters):
    """Independent examples whose mean would vary as much as that of clustered ones, by a bootstrap of whole clusters.

    `scores`, float `(n,)` in [0, 1]: the share of the runs that were right. At most the number of examples and at least
    one; where all are right, or all wrong, clusters cannot be seen to differ and each counts once.
    """
    number, mean = len(np.unique(clusters)), float(np.mean(scores))
    if number == 1 or mean in (0.0, 1.0):
        return float(number)
    variance, independent = _variance_over_clusters(scores, clusters), mean * (1 - mean)
    return float(max(1.0, min(len(scores), independent / max(variance, independent / len(scores)))))


def _variance_over_clusters(scores, clusters):
    """Variance of the mean score over samples of as many whole clusters, two or more, drawn with replacement."""
    _, clusters = np.unique(clusters, return_inverse=True)
    counts, sums = np.bincount(clusters), np.bincount(clusters, scores)
    number = len(counts)
    draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), BOOTSTRAP_DRAWS)
    return float((draws @ sums / (draws @ counts)).var()) * number / (number - 1)


def paired_difference(first, second, clusters=None):
    """How much more often the first of two classifiers is right than the second, on the same examples.

    The interval is Agresti and Min's (2005, adjusted Wald: half an example added to each of the four outcomes), which
    holds its coverage where the two hardly differ. With clusters it is as much wider as the mean varies more over
    samples of whole clusters than over independent examples (never narrower), by Student's quantile for their number;
    where the two never differ, or there is one cluster, each cluster counts as one example.

    Args:
        first, second: bool `(n,)`, whether each prediction was right, or float `(n,)` in [0, 1], how far.
        clusters: int `(n,)`, which clip each example is from, or None for independent examples.

    Returns:
        {"difference": share, "interval": [low, high]}, in [-1, 1].
    """
    differences = np.asarray(first, float) - np.asarray(second, float)
    total, added = len(differences) + 2, differences.sum()
    centre = float(added / total)
    spread = math.sqrt(np.square(differences).sum() + 1 - added**2 / total) / total
    quantile = _quantile(CONFIDENCE)
    if clusters is not None:
        number, count = len(np.unique(clusters)), len(differences)
        independent = float(differences.var()) / count
        effect = count / number
        if number > 1 and independent > 0:
            effect = max(1.0, _variance_over_clusters(differences, clusters) / independent)
        spread *= math.sqrt(effect)
        quantile = _quantile(CONFIDENCE, max(1, number - 1))
    low, high = float(centre - quantile * spread), float(centre + quantile * spread)
    return {"difference": float(differences.mean()), "interval": [max(-1.0, low), min(1.0, high)]}


def frequencies(labels, classes):
    """Share of each of `classes` labels: float `(classes,)` summing to 1."""
    return np.bincount(labels, minlength=classes) / len(labels)


def chance(labels, classes):
    """Accuracy of the best constant guess: the larger of 1/classes and the commonest label's share."""
    return float(max(1 / classes, frequencies(labels, classes).max()))


def informed_chance(labels, classes, target_policy):
    """Accuracy of the best guess by one who knows the target identity, and nothing else, of a protected image.

    Under "exclude-true" the target is never the truth and so rules out one identity: the guess is the commonest
    identity, or the second where the target is the commonest. With equal shares this is 1 / (classes - 1).
    """
    if target_policy != "exclude-true":
        return chance(labels, classes)
    second, first = np.sort(frequencies(labels, classes))[-2:]
    return float(max(1 / (classes - 1), first + second / (classes - 1)))


def confusion(truth, predictions, classes):
    """Counts, lists `(classes, classes)`: row the truth, column the prediction."""
    return confusion_matrix(truth, predictions, labels=range(classes)).tolist()


def r_squared(truth, predictions):
    """1 - squared error / squared deviation from the mean; 1 is perfect, 0 as good as the mean. None if constant."""
    truth = np.asarray(truth, dtype=np.float64)
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - predictions) ** 2).sum()) / spread if spread > 0 else None
