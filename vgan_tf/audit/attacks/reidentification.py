"""Re-identification: who is in a protected image? In three scenarios, and after processing.

I: the attacker learns from originals and attacks protected images. II: it learns from protected images with their true
identities. III: it holds the encoder and learns from latents. All are tested on the test part only.
"""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import attack, attack_scores, train_scores
from vgan_tf.audit.processing import PROCESSINGS, QUICK_PROCESSINGS
from vgan_tf.audit.statistics import accuracy_figure, strongest_of

FOLDS = 5
SCENARIOS = ("scenario_1", "scenario_2", "scenario_3")


def identity_attacks(dump, seeds, quick=False, progress=print):
    """Run all attacks of the three scenarios.

    Returns:
        test name -> {attacker name: list of predictions}, for the tests "scenario_1", "scenario_2", "scenario_3" (empty
        without latents) and "original" (attackers of scenario I on original test images); and "scores" -> the same with
        float32 scores `(n_test, classes)` in place of predictions.
    """
    scores = {name: {} for name in (*SCENARIOS, "original")}
    _image_attacks(scores, dump, seeds, quick, progress)
    for key, latent in dump.latents.items():
        progress(f"identity: from the latent {latent}")
        _latent_attacks(scores["scenario_3"], key, latent, dump, seeds, quick)
    predictions = {
        test: {name: [one.argmax(axis=1) for one in runs] for name, runs in by_attacker.items()}
        for test, by_attacker in scores.items()
    }
    return {**predictions, "scores": scores}


def _image_attacks(scores, dump, seeds, quick, progress):
    settings = len(dump.identities), seeds, quick
    for attacker in attackers.for_images(quick):
        progress(f"identity: {attacker.name}, from originals")
        for seed in seeds:
            score = train_scores(attacker, dump.train.x, dump.train.id, len(dump.identities), seed, quick)
            for test, images in (("scenario_1", dump.test.p), ("original", dump.test.x)):
                scores[test].setdefault(attacker.name, []).append(score(images))
        progress(f"identity: {attacker.name}, from protected images")
        arrays = dump.train.p, dump.train.id, dump.test.p
        scores["scenario_2"][attacker.name] = attack_scores(attacker, *arrays, *settings)
    for attacker in attackers.QUICK_FRESH_IMAGE_ATTACKERS if quick else attackers.FRESH_IMAGE_ATTACKERS:
        name = f"{attacker.name}, from fresh images"
        progress(f"identity: {name}")
        scores["scenario_2"][name] = attack_from_fresh(attacker, "p", dump, *settings)
    for attacker in attackers.TRANSFER_ATTACKERS:
        name = f"{attacker.name}, across targets"
        progress(f"identity: {name}")
        runs = attack_across_targets(attacker, dump, *settings)
        if runs is not None:
            scores["scenario_2"][name] = runs


def _latent_attacks(scores, key, latent, dump, seeds, quick):
    settings = len(dump.identities), seeds, quick
    arrays = getattr(dump, f"{key}_train"), dump.train.id, getattr(dump, f"{key}_test")
    for attacker in attackers.for_latents(quick):
        scores[f"{attacker.name} on {latent}"] = attack_scores(attacker, *arrays, *settings)
    for attacker in attackers.FRESH_LATENT_ATTACKERS:
        name = f"{attacker.name} on {latent}, from fresh images"
        scores[name] = attack_from_fresh(attacker, key, dump, *settings)


def attack_from_fresh(attacker, key, dump, classes, seeds, quick):
    """Attack the test part by an attacker that learnt from images which did not train the anonymizer.

    An encoder trained against an adversary hides the identity best on the images that trained it, so an attacker who
    learns from those may learn too little. Without fresh images each fifth of the test part is attacked by an attacker
    that learnt from the other four, and from training images that did not train the anonymizer.

    `key` is "p", "mu" or "z", the rest as for `attackers.attack`.

    Returns:
        list of float32 scores `(n_test, classes)`, one for each seed.
    """
    tests, truth = getattr(dump, f"{key}_test"), dump.test.id
    if dump.fresh is not None:
        return attack_scores(attacker, getattr(dump.fresh, key), dump.fresh.id, tests, classes, seeds, quick)
    unseen = np.zeros(len(dump.train.id), bool) if dump.trained is None else ~dump.trained
    unseen_features, unseen_labels = getattr(dump, f"{key}_train")[unseen], dump.train.id[unseen]
    runs = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(truth))
        runs.append(np.empty((len(truth), classes), np.float32))
        for fold in np.array_split(order, FOLDS):
            others = np.setdiff1d(order, fold)
            features = np.concatenate([unseen_features, tests[others]])
            labels = np.concatenate([unseen_labels, truth[others]])
            runs[-1][fold] = train_scores(attacker, features, labels, classes, seed, quick)(tests[fold])
    return runs


def attack_across_targets(attacker, dump, classes, seeds, quick):
    """Attack images of each half of the targets by an attacker that learnt from images of the other half.

    What it finds does not depend on one target: it passes through the anonymizer whatever the target. The mean image of
    each target, which anyone sees without knowing a name, is subtracted before.

    Returns:
        list of float32 scores `(n_test, classes)`, one for each seed; None where targets are not known, or a half of
        them leaves a person without images to learn from.
    """
    if not _has_targets(dump):
        return None
    known = dump.images("train") if dump.fresh is None else dump.fresh
    images, tests = without_target_means(known.p, known.c), without_target_means(dump.test.p, dump.test.c)
    runs = []
    for seed in seeds:
        halves = np.array_split(np.random.default_rng(seed).permutation(len(dump.targets)), 2)
        runs.append(np.zeros((len(dump.test.id), classes), np.float32))
        for learnt_targets, tested_targets in (halves, halves[::-1]):
            learnt, tested = np.isin(known.c, learnt_targets), np.isin(dump.test.c, tested_targets)
            if np.bincount(known.id[learnt], minlength=classes).min() < 2:
                return None
            if tested.any():
                score = train_scores(attacker, images[learnt], known.id[learnt], classes, seed, quick)
                runs[-1][tested] = score(tests[tested])
    return runs


def without_target_means(images, targets):
    """Subtract the mean image of each target, and add grey: uint8 images in and out."""
    results = np.empty_like(images)
    for target in np.unique(targets):
        same = targets == target
        deviations = images[same] - images[same].mean(axis=0, dtype=np.float32)
        results[same] = np.clip(np.rint(deviations + 128), 0, 255)
    return results


def _has_targets(dump):
    known = dump.test.c is not None and (dump.fresh is None or dump.fresh.c is not None)
    return known and len(np.unique(dump.test.c)) > 1


def scenario_figures(truth, predictions, clusters=None):
    """{"strongest": figure with "attacker", "attackers": {name: figure}}, or None without attackers."""
    return strongest_of({name: accuracy_figure(truth, runs, clusters) for name, runs in predictions.items()})


def robustness_attacks(dump, attacks, seeds, quick=False, progress=print):
    """Attack protected images after common processing, by attackers trained on images processed alike.

    Of the `attacks` that `identity_attacks` returned, the two attackers (quick: one) with the highest accuracy on
    protected images are taken, but none that is too costly for so many trainings; with the first seed.

    Returns:
        name of the processing -> figure of the strongest with "attacker", and "attackers": {name: figure}.
    """
    runs_of = attacks["scenario_2"]
    candidates = [one for one in attackers.for_images(quick) if one not in attackers.COSTLY_ATTACKERS]
    candidates.sort(key=lambda one: accuracy_figure(dump.test.id, runs_of[one.name])["accuracy"], reverse=True)
    figures, seed = {}, seeds[0]
    for name in QUICK_PROCESSINGS if quick else PROCESSINGS:
        progress(f"identity: after {name}")
        process = PROCESSINGS[name]
        arrays = process(dump.train.p, seed), dump.train.id, process(dump.test.p, seed + 1)
        predictions = {
            one.name: attack(one, *arrays, len(dump.identities), [seed], quick)
            for one in candidates[: 1 if quick else 2]
        }
        found = scenario_figures(dump.test.id, predictions, dump.test.clip)
        figures[name] = {**found["strongest"], "attackers": found["attackers"]}
    return figures


def left_out(dump):
    """The attacks of this module that the dump's data does not allow: list of sentences."""
    sentences = []
    if dump.fresh is None:
        sentences.append(
            "No fresh images of the same people were given: attackers “from fresh images” learnt from folds of the "
            "test images instead."
        )
    if not _has_targets(dump):
        sentences.append("The targets are not known, or all the same: no attack across targets.")
    if not dump.latents:
        sentences.append("No latents were given: none was attacked.")
    return sentences
