"""What protected images are still good for: expression, target and motion, beside what a table of pictures keeps."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.statistics import accuracy_figure, paired_difference
from vgan_tf.audit.utility.classifier import learnt_and_tested, shown, train_classifier
from vgan_tf.audit.utility.motion import Motion, motion_scale
from vgan_tf.audit.utility.quality import quality_figures
from vgan_tf.audit.utility.tables import STRENGTHS, table_of

SOURCES = ("original", "protected")
PER_EXPRESSION_TESTS = ("original_to_protected", "protected_to_protected", "original_to_original")
FEWEST_PEOPLE = 20  # of whom a bootstrap takes whole people


def utility_figures(dump, seeds, quick=False, progress=print, of_originals=None):
    """Train classifiers on originals and on protected images, test both on both, and compare with tables of pictures.

    A classifier is one network that learns the expression, the face shown (the identity in originals, the target in
    protected images) and the motion where it is known. Who learns from what: `learnt_and_tested`. Where vectors are
    released and no pictures, "protected" is what is released, and figures that need a picture are None.

    Tables and quality are from the first seed. `of_originals`: dict, seed -> classifier of originals; those in it are
    used, those missing are trained and added. It may serve dumps that differ in the protected images alone.

    Returns:
        `(figures, predictions)`. predictions: "original_to_protected" and so on (trained on the first, tested on the
        second) -> list of int64 `(n,)`, expressions of the images tested. figures:
        "original_to_original" and so on -> accuracy figure, or None;
        "n_test": images tested;
        "target_success": share of protected images that the classifier of originals takes for their target, or None;
        "original_to_targets": accuracy of the classifier of originals on real images of the targets, or None;
        "kept": {"expression": accuracy "original_to_protected" / "original_to_targets"}, or None;
        "per_expression": {label: {"original_to_protected", "protected_to_protected", "original_to_original": figure}};
        "agreement": how often both versions get the same expression, from the "classifier_of_originals" or from
        "a_classifier_for_each";
        "motion": {"original", "protected", "name_only", "table" (that of more strengths): figures of `Motion.figures`},
        or None where the truth is unknown;
        "intensity_r2": {"original", "protected_by_original", "protected", "by_expression_alone": R-squared}, or None;
        "expression_from_latent" of `latent_expression`;
        "quality" of `quality_figures`;
        "distinct_pictures_per_target": how many different pictures the images tested become, on average over targets;
        "table", "beats_table", "better_than_table": of `compare_with_tables`.
    """
    sets = learnt_and_tested(dump)
    tested, truth, found, to_targets = sets.tested, None, {}, []
    if sets.learnt.motion is not None and tested.motion is not None:
        scale = motion_scale(sets.learnt.motion, dump.motion_names)
        truth = Motion(tested.motion, tested.ep, dump.motion_names, scale)
    quality, of_originals = None, {} if of_originals is None else of_originals
    for source in SOURCES:
        progress(f"utility: classifier of {source} images")
        tests = SOURCES if tested.p is not None else (source,)
        for seed in seeds:
            classifier = of_originals.get(seed) if source == "original" else None
            if classifier is None:
                classifier = train_classifier(dump, sets.learnt, source, seed, quick)
            if source == "original":
                of_originals[seed] = classifier
            for test in tests:
                found.setdefault(f"{source}_to_{test}", []).append(classifier.predict(shown(tested, test)))
            if source == "protected":
                continue
            if seed == seeds[0]:
                progress("utility: tables of pictures")
                seen = found["original_to_original"][0]
                tables = {name: table_of(dump, count, classifier=classifier) for name, count in STRENGTHS.items()}
                codes = {name: table.codes(tested, seen) for name, table in tables.items()}
                on_tables = {name: [] for name in tables}
                if tested.p is not None:
                    quality = quality_figures(sets, classifier.features_of, seed, quick, progress)
            for name, table in tables.items():
                on_tables[name].append(classifier.predict(table.pictures).rows(codes[name]))
            if sets.of_targets is tested:
                to_targets.append(found["original_to_original"][-1].expression)
            elif sets.of_targets is not None:
                to_targets.append(classifier.predict(sets.of_targets.x).expression)
    pictures = picture_numbers(dump, tested)
    clusters = {"original": clusters_of(tested), "protected": clusters_of(tested, pictures)}
    predictions = {name: [one.expression for one in runs] for name, runs in found.items()}
    figures = {"n_test": len(tested), "target_success": None, "original_to_targets": None, "kept": None}
    for name in (f"{source}_to_{test}" for source in SOURCES for test in SOURCES):
        runs = predictions.get(name)
        figures[name] = accuracy_figure(tested.ep, runs, *clusters[name.split("_to_")[1]]) if runs else None
    if tested.p is not None and tested.c is not None and dump.shows_targets:
        faces = [one.face for one in found["original_to_protected"]]
        figures["target_success"] = accuracy_figure(tested.c, faces, *clusters["protected"])
    if to_targets:
        figures["original_to_targets"] = accuracy_figure(sets.of_targets.ep, to_targets, sets.of_targets.clip)
        if tested.p is not None and figures["original_to_targets"]["accuracy"]:
            shares = [figures[name]["accuracy"] for name in ("original_to_protected", "original_to_targets")]
            figures["kept"] = {"expression": shares[0] / shares[1]}
    figures["per_expression"] = per_expression(dump, tested, predictions, pictures)
    figures["agreement"] = agreement(predictions, clusters["protected"])
    figures |= compare_with_tables(dump, tested, truth, found, tables, codes, on_tables, pictures)
    figures["motion"] = figures["intensity_r2"] = None
    if truth is not None:
        figures["motion"] = {
            **{source: _motion_figures(truth, found[f"{source}_to_{source}"]) for source in SOURCES},
            "name_only": truth.figures(truth.by_name, np.zeros_like(truth.by_name)),
            "table": figures["table"]["strengths"]["motion"],
        }
        if "intensity" in dump.motion_names:
            figures["intensity_r2"] = intensity_figures(truth, found)
    figures["distinct_pictures_per_target"] = _distinct_per_target(tested, pictures)
    figures["quality"] = quality
    figures["expression_from_latent"] = latent_expression(dump, sets, seeds, quick)
    return figures, predictions


def picture_numbers(dump, images):
    """Which of the different protected pictures, or releases, each of some `Images` became: int64 `(n,)`.

    Where the release is discrete and targets are known, these decide it, whatever the last bits of the pictures.
    """
    if dump.codes is not None and images.c is not None:
        return np.unique(dump.code(images) * len(dump.targets) + images.c, return_inverse=True)[1]
    return numbered(shown(images, "protected"))


def numbered(values):
    """Numbers for examples, the same for those that are equal bit by bit: int64 `(n,)`."""
    known = {}
    return np.array([known.setdefault(one.tobytes(), len(known)) for one in values])


def clusters_of(images, *numberings):
    """What images are right or wrong together by, as `accuracy_figure` takes it: (int `(n,)` or None, its name).

    The clips where they are known, or pictures where fewer are different, by one of `numberings`, int64 `(n,)`.
    """
    kinds = [(images.clip, "clips")] if images.clip is not None else []
    kinds += [(numbers, "pictures") for numbers in numberings]
    clusters, over = min(kinds, key=lambda one: len(np.unique(one[0])), default=(None, "images"))
    if clusters is None or (over == "pictures" and len(np.unique(clusters)) == len(images)):
        return None, "images"
    return clusters, over


def per_expression(dump, tested, predictions, pictures):
    """Share of the images of each expression that are recognised as it: {label: {test: figure, or None}}."""
    figures = {}
    for index, label in enumerate(dump.expressions):
        rows = tested.ep == index
        if rows.any():
            images = tested.rows(rows)
            clusters = {"original": clusters_of(images), "protected": clusters_of(images, pictures[rows])}
            figures[label] = {
                test: accuracy_figure(
                    images.ep, [one[rows] for one in predictions[test]], *clusters[test.split("_")[2]]
                )
                if test in predictions
                else None
                for test in PER_EXPRESSION_TESTS
            }
    return figures


def agreement(predictions, clusters):
    """How often an original and its protected version get the same expression: {classifiers: figure, or None}."""
    before, figures = predictions["original_to_original"], {}
    for name, test in (
        ("classifier_of_originals", "original_to_protected"),
        ("a_classifier_for_each", "protected_to_protected"),
    ):
        same = [one == other for one, other in zip(before, predictions.get(test, ()), strict=False)]
        figures[name] = accuracy_figure(np.ones(len(before[0])), same, *clusters) if same else None
    return figures


def intensity_figures(truth, found):
    """R-squared of the intensity over all images, as `utility_figures` has it."""
    cases = {
        "original": "original_to_original",
        "protected_by_original": "original_to_protected",
        "protected": "protected_to_protected",
    }
    figures = {
        name: truth.intensity_r2([one.motion for one in found[test]]) if test in found else None
        for name, test in cases.items()
    }
    return {**figures, "by_expression_alone": truth.intensity_r2(truth.by_name)}


def _motion_figures(truth, runs):
    return truth.figures([one.motion for one in runs], [one.deviation for one in runs])


def compare_with_tables(dump, tested, truth, found, tables, codes, on_tables, pictures):
    """What two tables of pictures keep, and whether the protected images keep more.

    What a table keeps of the motion is what its codes tell, exactly: the mean motion of the tested images of each code.
    So nothing that is predicted from the codes alone comes nearer to the truth of these images. (Means of training
    images would tell less than that: the classifier is surer of images that it learnt from.)

    Args:
        truth: `Motion` of the images tested, or None.
        found: {"original_to_protected" and so on: list of `Prediction`}.
        tables: {name: `Table`}.
        codes: {name: int64 `(n,)`, which of its pictures each image gets}.
        on_tables: {name: list of what classifiers of originals predict of these pictures}.
        pictures: of `picture_numbers`.

    Returns:
        {"table": {"pictures": number of those in the larger table, "one_each" and "strengths": {"expression": figure of
        the classifiers of originals, "target_success": figure or None, "motion": of `Motion.figures` or None,
        "distinct_pictures_per_target"}},
        "beats_table": 95 % of what is kept more than by the better table: {"motion": [low, high] of
        "within_expression_r2" or None, "expression": [low, high], by the first classifier of originals},
        "better_than_table": whether it is so of the motion beyond the interval; False, too, where the motion is not
        known but pictures repeat like those of a table; None where that is not so}.
    """
    figures, deviations = {"pictures": max(len(table.pictures) for table in tables.values())}, {}
    shows_targets = tested.c is not None and dump.shows_targets
    for name, runs in on_tables.items():
        stored = numbered(tables[name].pictures)[codes[name]]
        clusters = clusters_of(tested, stored)
        motion = None
        if truth is not None:
            # Targets are drawn at random, and tell nothing of the motion.
            _, expression_and_strength = np.unique(codes[name] % tables[name].pictures_of_each, return_inverse=True)
            deviations[name] = _means(truth.truth - truth.by_name, expression_and_strength)
            motion = truth.figures(_means(truth.truth, expression_and_strength), deviations[name])
        figures[name] = {
            "expression": accuracy_figure(tested.ep, [one.expression for one in runs], *clusters),
            "target_success": accuracy_figure(tested.c, [one.face for one in runs], *clusters)
            if shows_targets
            else None,
            "motion": motion,
            "distinct_pictures_per_target": tables[name].pictures_of_each,
        }
    best = max(on_tables, key=lambda name: figures[name]["expression"]["accuracy"])
    ours = found["original_to_protected" if tested.p is not None else "protected_to_protected"][0]
    right = [one.expression == tested.ep for one in (ours, on_tables[best][0])]
    over = clusters_of(tested, pictures, numbered(tables[best].pictures)[codes[best]])[0]
    beats = {"motion": None, "expression": paired_difference(*right, over)["interval"]}
    if truth is not None:
        most = max(deviations, key=lambda name: figures[name]["motion"]["within_expression_r2"] or 0)
        protected = [one.deviation for one in found["protected_to_protected"]]
        beats["motion"] = truth.difference(protected, deviations[most], _units(tested))
    repeated = len(np.unique(pictures)) <= min(figures["pictures"], len(tested) // 2)
    better = False if dump.discrete or repeated else None
    if beats["motion"] is not None:
        better = beats["motion"][0] > 0
    return {"table": figures, "beats_table": beats, "better_than_table": better}


def _means(values, groups):
    """The mean of the values of each one's group: float `(n, m)`."""
    counts = np.bincount(groups)
    return np.stack([np.bincount(groups, column) / counts for column in values.T], axis=1)[groups]


def _units(images):
    """What a bootstrap takes whole: people where there are `FEWEST_PEOPLE`, clips where they are known, else images."""
    if len(np.unique(images.id)) >= FEWEST_PEOPLE:
        return images.id
    return np.arange(len(images)) if images.clip is None else images.clip


def _distinct_per_target(tested, pictures):
    """Different pictures for each target, on average: int where it is one, else float."""
    targets = np.zeros(len(tested), np.int64) if tested.c is None else tested.c
    mean = float(np.mean([len(np.unique(pictures[targets == target])) for target in np.unique(targets)]))
    return int(mean) if mean.is_integer() else mean


def latent_expression(dump, sets, seeds, quick=False):
    """Predict the expression from latents and from the release: {"logistic on mean": figure, ...}, or empty.

    Without a network if quick. A release that is the mean itself gets its figures.
    """
    figures, kinds = {}, {**dump.latents, **({} if dump.train.r is None else {"r": "release"})}
    chosen = (attackers.LOGISTIC,) if quick else (attackers.LOGISTIC, attackers.MLP)
    for key, name in kinds.items():
        learnt, tested = getattr(sets.learnt, key), getattr(sets.tested, key)
        if key == "r" and "mu" in kinds and np.array_equal(tested, sets.tested.mu):
            figures |= {f"{one.name} on {name}": figures[f"{one.name} on {kinds['mu']}"] for one in chosen}
            continue
        clusters = clusters_of(sets.tested, numbered(tested))
        for attacker in chosen:
            runs = [
                attackers.train(attacker, learnt, sets.learnt.ep, len(dump.expressions), seed, quick)(tested)
                for seed in seeds
            ]
            figures[f"{attacker.name} on {name}"] = accuracy_figure(sets.tested.ep, runs, *clusters)
    return figures
