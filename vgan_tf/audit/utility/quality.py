"""Do protected images look like pictures of faces, and do different targets look different?"""

import numpy as np

from vgan_tf.audit.dump import joined
from vgan_tf.audit.processing import blur
from vgan_tf.audit.statistics import middle

EXTRACTOR = (
    "last hidden layer of a network trained here to classify identity and expression of originals; not Inception: not "
    "comparable with other papers' figures"
)
BLURS = (0.5, 1, 2, 4)  # pixels
MOST_IMAGES = 1200
QUICK_MOST_IMAGES = 600
FEWEST_IMAGES = 80  # below, a subset of a half would hold fewer than 20
SUBSETS = 100
BOOTSTRAP_DRAWS = 200


def quality_figures(dump, features_of, seed, quick=False, progress=print):
    """Kernel inception distance (Binkowski et al. 2018), but from a network trained on these faces; and diversity.

    Only images that trained neither generator nor network are used: the test part and, where there are any, fresh
    images. They are halved at random. Originals of the second half are the reference. Compared with it are originals of
    the first half (the floor), their protected versions, and blurred ones.

    `features_of`: uint8 images -> features, float32 `(n, d)`.

    Returns:
        {"kid": {"protected_against_originals", "originals_against_originals": distance, "blurred_against_originals":
        {"by 1 pixels": distance, ...}}, "extractor", "images", "subset_images", "diversity_over_targets": figures of
        `diversity`, or None without targets}; None where the images are too few. A distance is {"value", "interval"}:
        the mean over subsets and what 95 % of them lie between; its unit follows the extractor.
    """
    sets = dump.sets("test", "fresh")
    originals, protected, people, targets = (
        joined([getattr(one, name) for one in sets]) for name in ("x", "p", "id", "c")
    )
    random = np.random.default_rng(seed)
    rows = random.permutation(len(people))[: QUICK_MOST_IMAGES if quick else MOST_IMAGES]
    if len(rows) < FEWEST_IMAGES:
        return None
    progress("quality: distances of features")
    half = len(rows) // 2
    first, second = rows[:half], rows[half : 2 * half]
    reference = features_of(originals[second])
    centre = reference.mean(axis=0)
    scale = float(np.sqrt(np.square(reference - centre).mean())) or 1.0

    def features(images):
        return (features_of(images) - centre) / scale

    subset = half // 2
    subsets = [[random.permutation(half)[:subset] for _ in range(2)] for _ in range(SUBSETS)]
    reference, known = features(originals[second]), features(originals[first])
    kid = {
        "protected_against_originals": kernel_distance(features(protected[first]), reference, subsets),
        "originals_against_originals": kernel_distance(known, reference, subsets),
        "blurred_against_originals": {
            f"by {pixels} pixels": kernel_distance(features(blur(originals[first], pixels)), reference, subsets)
            for pixels in BLURS
        },
    }
    spread = None
    if targets is not None:
        used = rows[: 2 * half]
        pictures = np.concatenate([known, reference]), features(protected[used])
        spread = diversity(*pictures, people[used], targets[used], seed)
    return {
        "kid": kid,
        "extractor": EXTRACTOR,
        "images": half,
        "subset_images": subset,
        "diversity_over_targets": spread,
    }


def kernel_distance(some, others, subsets):
    """Unbiased squared maximum mean discrepancy under the kernel (x . y / d + 1)^3.

    Args:
        some, others: float `(n, d)`.
        subsets: pairs of rows `(m,)` of `some` and of `others`.

    Returns:
        {"value": mean over the subsets, "interval": [low, high] of the middle 95 % of them}. It is 0 on average for
        pictures of the same distribution, so that single values may be negative.
    """
    kernels = [_kernel(one, other) for one, other in ((some, some), (others, others), (some, others))]
    values = [
        _mean_off_diagonal(kernels[0][np.ix_(one, one)])
        + _mean_off_diagonal(kernels[1][np.ix_(other, other)])
        - 2 * kernels[2][np.ix_(one, other)].mean()
        for one, other in subsets
    ]
    return {"value": float(np.mean(values)), "interval": middle(values)}


def _kernel(some, others):
    return (some @ others.T / some.shape[1] + 1).astype(np.float64) ** 3


def _mean_off_diagonal(kernel):
    count = len(kernel)
    return (kernel.sum() - np.trace(kernel)) / (count * (count - 1))


def diversity(originals, protected, people, targets, seed):
    """How far protected images lie apart, in mean distances between originals of different people.

    `originals`, `protected`: float `(n, d)` features of the same pictures.

    Returns:
        {"between_targets": of different people under different targets (1 where the targets look as different as
        people), "within_one_target": of different people under one target, "originals_of_one_person": to compare with
        the latter; each {"value", "interval" (95 %, bootstrap of the pictures)}, None without such pairs}.
    """
    strangers, same_target = people[:, None] != people, targets[:, None] == targets
    distances = _distances(originals), _distances(protected)
    kinds = {
        "between_targets": (distances[1], strangers & ~same_target),
        "within_one_target": (distances[1], strangers & same_target),
        "originals_of_one_person": (distances[0], ~strangers & ~np.eye(len(people), dtype=bool)),
    }
    random = np.random.default_rng(seed)
    draws = random.multinomial(len(people), np.full(len(people), 1 / len(people)), BOOTSTRAP_DRAWS)
    weights = np.concatenate([np.ones((1, len(people))), draws]).astype(np.float32)  # the pictures as they are, first
    unit = _weighted_means(distances[0], strangers, weights)
    figures = {}
    for name, (distance, pairs) in kinds.items():
        values = _weighted_means(distance, pairs, weights) / unit
        known = np.isfinite(values)
        figures[name] = {"value": float(values[0]), "interval": middle(values[1:][known[1:]])} if known[0] else None
    return figures


def _distances(features):
    squares = np.square(features).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0))


def _weighted_means(distances, pairs, weights):
    """Mean distance over the pairs under each row of weights, NaN where no pair has any."""
    sums, counts = (
        np.einsum("kn,kn->k", weights @ one.astype(np.float32), weights) for one in (distances * pairs, pairs)
    )
    return np.divide(sums, counts, out=np.full(len(sums), np.nan, np.float32), where=counts > 0)
