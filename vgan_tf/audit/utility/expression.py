"""What protected images are still good for: expression, its intensity, head pose, looks, and the wished-for target."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit import attackers
from vgan_tf.audit.statistics import accuracy_figure, r_squared
from vgan_tf.audit.utility.quality import quality_figures

SOURCES = {"original": "x", "protected": "p"}
PER_EXPRESSION_TESTS = ("original_to_protected", "protected_to_protected", "original_to_original")
POSE_ANGLES = ("yaw", "pitch", "roll")
MOST_KERNEL_EXAMPLES = 4000  # its kernel matrix grows with the square of this
QUICK_MOST_KERNEL_EXAMPLES = 1500


def utility_figures(dump, seeds, quick=False, progress=print):
    """Train readers on originals and on protected images, and measure what they still read.

    A reader is one network that learns two things at once: the expression, and the face it sees (the identity in
    originals, the target in protected images). Readers of both kinds read images of both kinds. They learn from
    `dump.lessons`.

    Args:
        dump: `Dump`.
        seeds: ints, one training of each reader for each; intensity, pose and quality are from the first.
        quick: cheaper training.
        progress: called with one line of text at each step.

    Returns:
        `(figures, predictions)`. predictions: "original_to_protected" and so on (trained on the first, tested on the
        second) -> list of int64 `(n_test,)`. figures: each of these -> accuracy figure; "target_success": share of
        protected images that the reader of originals takes for their target, or None; "per_expression":
        {label: {"original_to_protected", "protected_to_protected", "original_to_original": figure}}; "agreement": how
        often a reader says the same of both versions ("reader_of_originals"), or each reader of its own
        ("a_reader_for_each"); "intensity_r2" and "pose_r2": {"yaw": ..., ...} of `trait_figures`, or None where the
        truth is unknown; "quality" of `quality_figures`; "expression_from_latent" of `latent_expression`; "ceiling":
        {"reader_of_originals", "reader_of_protected": figure} of the expression on pictures `from_labels_alone`, over
        those pictures, or None.
    """
    predictions, target_readings, trait_readings, drawn_readings = {}, [], {}, {}
    tests = {name: getattr(dump, f"{key}_test") for name, key in SOURCES.items()}
    traits, drawn = _traits(dump, "train"), from_labels_alone(dump)
    quality = None
    for source, key in SOURCES.items():
        images = getattr(dump, f"{key}_train")
        progress(f"utility: reader of {source} images")
        for seed in seeds:
            predict, describe, held_back = train_reader(dump, source, seed, quick)
            readings = {test: predict(test_images) for test, test_images in tests.items()}
            for test, columns in readings.items():
                predictions.setdefault(f"{source}_to_{test}", []).append(columns[:, 0])
            if drawn is not None:
                drawn_readings.setdefault(source, []).append(predict(drawn[0])[:, 0])
            if source == "original" and dump.c_test is not None and dump.shows_targets:
                target_readings.append(readings["protected"][:, 1])
            if seed != seeds[0]:
                continue
            if traits is not None:
                progress(f"utility: intensity and pose, from {source} images")
                read = trait_reader(describe(images), traits, held_back, seed, quick)
                trait_readings[source] = {test: read(describe(test_images)) for test, test_images in tests.items()}
            if source == "original":
                quality = quality_figures(dump, describe, seed, quick, progress)
    figures = {name: accuracy_figure(dump.ep_test, runs, dump.clip_test) for name, runs in predictions.items()}
    figures["target_success"] = (
        accuracy_figure(dump.c_test, target_readings, dump.clip_test) if target_readings else None
    )
    figures["per_expression"] = per_expression(dump, predictions)
    figures["agreement"] = agreement(dump, predictions)
    figures["intensity_r2"], figures["pose_r2"] = (
        trait_figures(dump, trait_readings) if trait_readings else (None, None)
    )
    figures["quality"] = quality
    figures["expression_from_latent"] = latent_expression(dump, seeds, quick)
    figures["ceiling"] = None
    if drawn is not None:
        figures["ceiling"] = {
            reader: accuracy_figure(dump.ep_test, drawn_readings[source], drawn[1], over="pictures")
            for source, reader in (("original", "reader_of_originals"), ("protected", "reader_of_protected"))
        }
    return figures, predictions


def from_labels_alone(dump):
    """One and the same protected picture for all test images of an expression and a target: it can tell no person.

    It is the training picture nearest to the mean of those of this expression and target (of this expression, where
    there is none of the target, or where targets are not known).

    Returns:
        uint8 `(n_test, height, width, 3)` and the row of the training part each is, int64 `(n_test,)`; or None where
        an expression is not in the training part.
    """
    if not np.isin(dump.ep_test, dump.ep_train).all():
        return None
    target_train, target_test = (
        np.zeros_like(labels) if targets is None else targets
        for labels, targets in ((dump.ep_train, dump.c_train), (dump.ep_test, dump.c_test))
    )
    chosen = np.empty(len(dump.ep_test), np.int64)
    for expression, target in np.unique(np.stack([dump.ep_test, target_test]), axis=1).T:
        of_expression = dump.ep_train == expression
        alike = of_expression & (target_train == target)
        rows = np.flatnonzero(alike if alike.any() else of_expression)
        pictures = dump.p_train[rows].astype(np.float32)
        nearest = rows[np.square(pictures - pictures.mean(axis=0)).sum(axis=(1, 2, 3)).argmin()]
        chosen[(dump.ep_test == expression) & (target_test == target)] = nearest
    return dump.p_train[chosen], chosen


def train_reader(dump, source, seed, quick):
    """Train a network to read the expression and the face shown.

    Args:
        dump: `Dump`.
        source: "original" or "protected", what it learns from.
        seed, quick: as for any attacker.

    Returns:
        predict: images -> int64 `(n, tasks)`, expression first and then, unless protected images have no known
        targets, the face shown; describe: images -> float32 `(n, d)`, last hidden layer; and the examples of the
        training part to hold back from readers of other traits, bool `(n,)`: those that decided when to stop.
    """
    learnt = dump.lessons
    held_back, checked = (
        attackers.stratified_part(labels, attackers.VALIDATION_SHARE, seed) for labels in (dump.ep_train, learnt.ep)
    )
    faces = learnt.id if source == "original" else learnt.c
    labels = np.stack([learnt.ep] if faces is None else [learnt.ep, faces], axis=1)
    images = getattr(learnt, SOURCES[source])
    parts = [attackers.Examples(images[rows], labels[rows]) for rows in (~checked, checked)]
    classes = max(len(dump.expressions), len(dump.identities), len(dump.targets))
    return *attackers.train_reader_cnn(*parts, classes, seed, quick), held_back


def per_expression(dump, predictions):
    """Share of the images of each expression that are read as it: {label: {test: figure}}."""
    figures = {}
    for index, label in enumerate(dump.expressions):
        rows = dump.ep_test == index
        if rows.any():
            clips = None if dump.clip_test is None else dump.clip_test[rows]
            figures[label] = {
                test: accuracy_figure(dump.ep_test[rows], [one[rows] for one in predictions[test]], clips)
                for test in PER_EXPRESSION_TESTS
            }
    return figures


def agreement(dump, predictions):
    """How often an original and its protected version are read alike, rightly or wrongly: {readers: figure}."""
    before = predictions["original_to_original"]
    return {
        name: accuracy_figure(
            np.ones(len(dump.ep_test)), [one == other for one, other in zip(before, after, strict=True)], dump.clip_test
        )
        for name, after in (
            ("reader_of_originals", predictions["original_to_protected"]),
            ("a_reader_for_each", predictions["protected_to_protected"]),
        )
    }


def _traits(dump, part):
    """True intensity and pose, those that are known, as columns: float64 `(n, traits)`, or None."""
    known = [getattr(dump, f"{name}_{part}") for name in ("intensity", "pose")]
    known = [array for array in known if array is not None]
    return np.column_stack(known).astype(np.float64) if known else None


def trait_reader(features, truth, held_back, seed, quick=False):
    """Kernel ridge regression from a reader's last hidden layer to several true values at once.

    Args:
        features: float32 `(n, d)`.
        truth: float `(n, traits)`.
        held_back: bool `(n,)`, the examples that choose the ridge's strength, for each trait.
        seed: chooses the examples where there are too many for the kernel matrix.
        quick: fewer examples.

    Returns:
        read: features -> float `(m, traits)`.
    """
    scaler = StandardScaler().fit(features[~held_back])
    most = QUICK_MOST_KERNEL_EXAMPLES if quick else MOST_KERNEL_EXAMPLES
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~held_back))[:most]
    known, mean = scaler.transform(features[rows]), truth[rows].mean(axis=0)

    def kernel(others):
        return rbf_kernel(others, known, gamma=0.3 / features.shape[1])

    gram, checked = kernel(known), kernel(scaler.transform(features[held_back]))
    candidates = [
        cho_solve(cho_factor(gram + strength * np.eye(len(gram), dtype=gram.dtype)), truth[rows] - mean)
        for strength in (0.01, 0.1, 1.0)
    ]
    errors = [np.square(checked @ weights + mean - truth[held_back]).sum(axis=0) for weights in candidates]
    best = np.argmin(errors, axis=0)  # (traits,)
    weights = np.stack(candidates)[best, :, np.arange(len(best))].T
    return lambda others: kernel(scaler.transform(others)) @ weights + mean


def trait_figures(dump, readings):
    """R-squared of intensity and pose readings on the test part.

    Args:
        dump: `Dump` with intensities, poses or both.
        readings: {"original" or "protected" that the reader was trained on: {the same, tested on: `(n_test, traits)`}}.

    Returns:
        `(intensity, pose)`, None where unknown. intensity: {"original", "protected_by_original", "protected":
        R-squared, null where the truth is constant; "by_expression_alone": what the mean of the true expression tells
        without a look at the face}. pose: {"yaw", "pitch", "roll": the same}. Where "original" is low, the reader
        cannot read the trait, and a low "protected" says nothing.
    """
    known, truth = _traits(dump, "train"), _traits(dump, "test")
    counts = np.maximum(1, np.bincount(dump.ep_train, minlength=len(dump.expressions)))
    figures = [
        {
            "original": r_squared(truth[:, column], readings["original"]["original"][:, column]),
            "protected_by_original": r_squared(truth[:, column], readings["original"]["protected"][:, column]),
            "protected": r_squared(truth[:, column], readings["protected"]["protected"][:, column]),
            "by_expression_alone": r_squared(
                truth[:, column],
                (np.bincount(dump.ep_train, known[:, column], len(dump.expressions)) / counts)[dump.ep_test],
            ),
        }
        for column in range(truth.shape[1])
    ]
    intensity = None if dump.intensity_test is None else figures.pop(0)
    return intensity, dict(zip(POSE_ANGLES, figures, strict=True)) if figures else None


def latent_expression(dump, seeds, quick=False):
    """Read the expression from latents, without a network if quick: {"logistic on mean": figure, ...}, or empty."""
    figures = {}
    for key, latent in attackers.LATENT_NAMES.items():
        if getattr(dump, f"{key}_train") is None:
            continue
        for attacker in (attackers.LOGISTIC,) if quick else (attackers.LOGISTIC, attackers.MLP):
            arrays = getattr(dump, f"{key}_train"), dump.ep_train, {"test": getattr(dump, f"{key}_test")}
            runs = attackers.attack(attacker, *arrays, len(dump.expressions), seeds, quick)["test"]
            figures[f"{attacker.name} on {latent}"] = accuracy_figure(dump.ep_test, runs, dump.clip_test)
    return figures
