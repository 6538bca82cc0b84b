"""What protected images are still good for: expression and target, and by the same classifiers motion and quality."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.statistics import accuracy_figure
from vgan_tf.audit.utility.motion import fit_motion, motion_figures, true_motion
from vgan_tf.audit.utility.quality import quality_figures

SOURCES = {"original": "x", "protected": "p"}
CEILINGS = {"original": "classifier_of_originals", "protected": "classifier_of_protected"}
PER_EXPRESSION_TESTS = ("original_to_protected", "protected_to_protected", "original_to_original")


def utility_figures(dump, seeds, quick=False, progress=print):
    """Train classifiers on originals and on protected images, and test both on both.

    A classifier is one network that learns two labels at once: the expression, and the face shown (the identity in
    originals, the target in protected images). It learns from `dump.classifier_images`.

    Intensity, pose and quality are from the first seed.

    Returns:
        `(figures, predictions)`. predictions: "original_to_protected" and so on (trained on the first, tested on the
        second) -> list of int64 `(n_test,)`. figures: each of these -> accuracy figure; "target_success": share of
        protected images that the classifier of originals takes for their target, or None; "per_expression":
        {label: {"original_to_protected", "protected_to_protected", "original_to_original": figure}}; "agreement": how
        often both versions get the same expression, from the "classifier_of_originals" or from "a_classifier_for_each";
        "intensity_r2" and "pose_r2": {"yaw": ..., ...} of `motion_figures`, or None where the truth is unknown;
        "quality" of `quality_figures`; "expression_from_latent" of `latent_expression`; "ceiling":
        {"classifier_of_originals", "classifier_of_protected": figure} of the expression on pictures
        `from_labels_alone`, over those pictures, or None.
    """
    predictions, of_targets, of_motion, of_ceiling = {}, [], {}, {}
    tests = {name: getattr(dump, f"{key}_test") for name, key in SOURCES.items()}
    motion, ceiling = true_motion(dump, "train"), from_labels_alone(dump)
    quality = None
    for source, key in SOURCES.items():
        progress(f"utility: classifier of {source} images")
        for seed in seeds:
            predict, features_of, held_back = train_classifier(dump, source, seed, quick)
            predicted = {test: predict(images) for test, images in tests.items()}
            for test, columns in predicted.items():
                predictions.setdefault(f"{source}_to_{test}", []).append(columns[:, 0])
            if ceiling is not None:
                of_ceiling.setdefault(CEILINGS[source], []).append(predict(ceiling[0])[:, 0])
            if source == "original" and dump.test.c is not None and dump.shows_targets:
                of_targets.append(predicted["protected"][:, 1])
            if seed != seeds[0]:
                continue
            if motion is not None:
                progress(f"utility: intensity and pose, from {source} images")
                learnt = features_of(getattr(dump, f"{key}_train"))
                predict_motion = fit_motion(learnt, motion, held_back, seed, quick)
                of_motion[source] = {test: predict_motion(features_of(images)) for test, images in tests.items()}
            if source == "original":
                quality = quality_figures(dump, features_of, seed, quick, progress)
    figures = {name: accuracy_figure(dump.test.ep, runs, dump.test.clip) for name, runs in predictions.items()}
    figures["target_success"] = accuracy_figure(dump.test.c, of_targets, dump.test.clip) if of_targets else None
    figures["per_expression"] = per_expression(dump, predictions)
    figures["agreement"] = agreement(dump, predictions)
    figures["intensity_r2"], figures["pose_r2"] = motion_figures(dump, of_motion) if of_motion else (None, None)
    figures["quality"] = quality
    figures["expression_from_latent"] = latent_expression(dump, seeds, quick)
    figures["ceiling"] = {
        name: accuracy_figure(dump.test.ep, runs, ceiling[1], over="pictures") for name, runs in of_ceiling.items()
    } or None
    return figures, predictions


def from_labels_alone(dump):
    """One and the same protected picture for all test images of an expression and a target: it identifies no person.

    It is the training picture nearest to the mean of those of this expression and target (of this expression, where
    there is none of the target, or where targets are not known).

    Returns:
        uint8 `(n_test, height, width, 3)` and the row of the train part each is, int64 `(n_test,)`; or None where an
        expression is not in the train part.
    """
    if not np.isin(dump.test.ep, dump.train.ep).all():
        return None
    target_train, target_test = (
        np.zeros_like(labels) if targets is None else targets
        for labels, targets in ((dump.train.ep, dump.train.c), (dump.test.ep, dump.test.c))
    )
    chosen = np.empty(len(dump.test.ep), np.int64)
    for expression, target in np.unique(np.stack([dump.test.ep, target_test]), axis=1).T:
        of_expression = dump.train.ep == expression
        alike = of_expression & (target_train == target)
        rows = np.flatnonzero(alike if alike.any() else of_expression)
        pictures = dump.train.p[rows].astype(np.float32)
        nearest = rows[np.square(pictures - pictures.mean(axis=0)).sum(axis=(1, 2, 3)).argmin()]
        chosen[(dump.test.ep == expression) & (target_test == target)] = nearest
    return dump.train.p[chosen], chosen


def train_classifier(dump, source, seed, quick):
    """Train a network to predict the expression and the face shown.

    `source`: "original" or "protected", what it learns from.

    Returns:
        predict: images -> int64 `(n, tasks)`, expression first and then, unless protected images have no known
        targets, the face shown; features_of: images -> float32 `(n, d)`, last hidden layer; and the examples of the
        train part to hold back from regressions of motion, bool `(n,)`: those that decided when to stop.
    """
    learnt = dump.classifier_images
    held_back, validation = (
        attackers.stratified_sample(labels, attackers.VALIDATION_SHARE, seed) for labels in (dump.train.ep, learnt.ep)
    )
    faces = learnt.id if source == "original" else learnt.c
    labels = np.stack([learnt.ep] if faces is None else [learnt.ep, faces], axis=1)
    images = getattr(learnt, SOURCES[source])
    parts = [attackers.Examples(images[rows], labels[rows]) for rows in (~validation, validation)]
    classes = max(len(dump.expressions), len(dump.identities), len(dump.targets))
    return *attackers.train_classifier(*parts, classes, seed, quick), held_back


def per_expression(dump, predictions):
    """Share of the images of each expression that are recognised as it: {label: {test: figure}}."""
    figures = {}
    for index, label in enumerate(dump.expressions):
        rows = dump.test.ep == index
        if rows.any():
            clips = None if dump.test.clip is None else dump.test.clip[rows]
            figures[label] = {
                test: accuracy_figure(dump.test.ep[rows], [one[rows] for one in predictions[test]], clips)
                for test in PER_EXPRESSION_TESTS
            }
    return figures


def agreement(dump, predictions):
    """How often an original and its protected version get the same expression: {classifiers: figure}."""
    before = predictions["original_to_original"]
    return {
        name: accuracy_figure(
            np.ones(len(dump.test.ep)), [one == other for one, other in zip(before, after, strict=True)], dump.test.clip
        )
        for name, after in (
            ("classifier_of_originals", predictions["original_to_protected"]),
            ("a_classifier_for_each", predictions["protected_to_protected"]),
        )
    }


def latent_expression(dump, seeds, quick=False):
    """Predict the expression from latents, without a network if quick: {"logistic on mean": figure, ...}, or empty."""
    figures = {}
    for key, latent in dump.latents.items():
        arrays = getattr(dump, f"{key}_train"), dump.train.ep, getattr(dump, f"{key}_test")
        for attacker in (attackers.LOGISTIC,) if quick else (attackers.LOGISTIC, attackers.MLP):
            runs = attackers.attack(attacker, *arrays, len(dump.expressions), seeds, quick)
            figures[f"{attacker.name} on {latent}"] = accuracy_figure(dump.test.ep, runs, dump.test.clip)
    return figures
