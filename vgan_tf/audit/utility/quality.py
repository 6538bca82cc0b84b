"""Do protected images look like pictures of faces, and do different targets look different?"""

import numpy as np

from vgan_tf.audit import attackers
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
NEIGHBOURS = 3


def quality_figures(sets, features_of, seed, quick=False, progress=print):
    """How protected pictures look, beside originals and beside real pictures of the targets.

    Distances are kernel inception distances (Binkowski et al. 2018), but from a network trained on these faces. Only
    images that trained no network here are compared. Those tested are halved at random. Originals of the second half
    are the reference. Compared with it are originals of the first half (the floor), their protected versions, and
    blurred ones.

    Precision and recall are those of Kynkaanniemi et al. (2019), by the same network: the share of protected pictures
    that lie among real ones of the targets, and the share of these that lie among protected pictures. Real ones are
    originals of the second half or, where others are tested, images of the targets that were kept apart. Of these there
    is a distance, too, if they are as many.

    Args:
        sets: `Sets`.
        features_of: uint8 images -> features, float32 `(n, d)`.

    Returns:
        {"kid": {"protected_against_originals", "originals_against_originals": distance, "blurred_against_originals":
        {"by 1 pixels": distance, ...}, "protected_against_targets": distance or None}, "extractor", "images",
        "subset_images", "diversity_over_targets": figures of `diversity`, or None without targets, "precision" and
        "recall": shares, "sharpness" of `sharpness`: None where targets are not known, "smoothness" of `smoothness`};
        None where the images are too few. A distance is {"value", "interval"}: the mean over subsets and what 95 % of
        them lie between; its unit follows the extractor.
    """
    tested, real = sets.tested, sets.of_targets
    random = np.random.default_rng(seed)
    rows = random.permutation(len(tested))[: QUICK_MOST_IMAGES if quick else MOST_IMAGES]
    if len(rows) < FEWEST_IMAGES:
        return None
    progress("quality: distances of features")
    half = len(rows) // 2
    first, second = rows[:half], rows[half : 2 * half]
    reference = features_of(tested.x[second])
    centre = reference.mean(axis=0)
    scale = float(np.sqrt(np.square(reference - centre).mean())) or 1.0

    def features(images):
        return (features_of(images) - centre) / scale

    subset = half // 2
    subsets = [[random.permutation(half)[:subset] for _ in range(2)] for _ in range(SUBSETS)]
    reference, known, protected = (reference - centre) / scale, features(tested.x[first]), features(tested.p[first])
    kid = {
        "protected_against_originals": kernel_distance(protected, reference, subsets),
        "originals_against_originals": kernel_distance(known, reference, subsets),
        "blurred_against_originals": {
            f"by {pixels} pixels": kernel_distance(features(blur(tested.x[first], pixels)), reference, subsets)
            for pixels in BLURS
        },
        "protected_against_targets": None,
    }
    figures = {"kid": kid, "extractor": EXTRACTOR, "images": half, "subset_images": subset}
    figures |= {name: None for name in ("diversity_over_targets", "precision", "recall", "sharpness")}
    if tested.c is not None:
        used = rows[: 2 * half]
        pictures = np.concatenate([known, reference]), np.concatenate([protected, features(tested.p[second])])
        figures["diversity_over_targets"] = diversity(*pictures, tested.id[used], tested.c[used], seed)
        if real is not None:
            figures["sharpness"] = sharpness(tested, real)
            shown = np.isin(real.id, tested.c)
            if real is tested:
                among = reference[shown[second]]
            else:
                among = features(real.x[random.permutation(np.flatnonzero(shown))[:half]])
                if len(among) == half:
                    kid["protected_against_targets"] = kernel_distance(protected, among, subsets)
            count = min(len(among), len(protected))
            if count > NEIGHBOURS:
                figures["precision"], figures["recall"] = precision_and_recall(protected[:count], among[:count])
    figures["smoothness"] = smoothness(tested)
    return figures


def precision_and_recall(made, real):
    """How many of each lie among the others: nearer to one of them than its third nearest neighbour of its own kind.

    `made`, `real`: float `(n, d)` features, as many of both.
    """
    between = _distances(made, real)
    reach = [np.partition(_distances(one, one), NEIGHBOURS, axis=1)[:, NEIGHBOURS] for one in (made, real)]
    lying = [(distances <= far).any(axis=1) for distances, far in ((between, reach[1]), (between.T, reach[0]))]
    return float(lying[0].mean()), float(lying[1].mean())


def sharpness(tested, real):
    """Gradient energy of protected pictures over that of real images of their target, on average over targets.

    Gradient energy is the mean squared difference of neighbouring pixels. 1 is as sharp as the real images.

    Args:
        tested: `Images` with `p` and `c`.
        real: `Images` whose `id` counts the same people as `c`.

    Returns:
        float, or None where no target has real images.
    """
    energies, of_real = (attackers.in_batches(_gradient_energy, images) for images in (tested.p, real.x))
    ratios = [
        energies[tested.c == target].mean() / of_real[real.id == target].mean()
        for target in np.intersect1d(tested.c, real.id)
        if of_real[real.id == target].any()
    ]
    return float(np.mean(ratios)) if ratios else None


def _gradient_energy(images):
    images = images.astype(np.float32)
    return sum(np.square(np.diff(images, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2))


def smoothness(tested):
    """Change between neighbouring frames of protected clips over that of the originals: float, or None without clips.

    Change is the mean absolute difference in grey levels. Frames of a clip stand in their order; those neighbours count
    that have the same target. 1 is as smooth as the originals, and more is less smooth.
    """
    if tested.clip is None:
        return None
    same = tested.clip[1:] == tested.clip[:-1]
    if tested.c is not None:
        same &= tested.c[1:] == tested.c[:-1]
    before = np.flatnonzero(same)
    grey = (
        attackers.in_batches(lambda batch: batch.mean(axis=3, dtype=np.float32), one) for one in (tested.p, tested.x)
    )
    changes = [float(np.abs(one[before + 1] - one[before]).mean()) if len(before) else 0.0 for one in grey]
    return changes[0] / changes[1] if changes[1] else None


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
    distances = _distances(originals, originals), _distances(protected, protected)
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


def _distances(some, others):
    squares = [np.square(one).sum(axis=1) for one in (some, others)]
    return np.sqrt(np.maximum(squares[0][:, None] + squares[1] - 2 * some @ others.T, 0))


def _weighted_means(distances, pairs, weights):
    """Mean distance over the pairs under each row of weights, NaN where no pair has any."""
    sums, counts = (
        np.einsum("kn,kn->k", weights @ one.astype(np.float32), weights) for one in (distances * pairs, pairs)
    )
    return np.divide(sums, counts, out=np.full(len(sums), np.nan, np.float32), where=counts > 0)
