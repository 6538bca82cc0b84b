"""Re-identification: who is in a protected image? In three scenarios, from what is released, and after processing.

I: the attacker learns from originals and attacks protected images. II: it learns from protected images with their true
identities. III: it holds the encoder and learns from what that knows. Beside III it may hold the release alone. Images,
and who learns from which, are the dump's `tested` and `rounds`.
"""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import Seen, attack
from vgan_tf.audit.attacks import codes, generator, pretrained
from vgan_tf.audit.evidence import combined, dependence_evidence, naming_evidence, strata_of
from vgan_tf.audit.processing import PROCESSINGS, QUICK_PROCESSINGS
from vgan_tf.audit.statistics import accuracy_figure, strongest_of

SCENARIOS = ("scenario_1", "scenario_2", "scenario_3", "release")
FRESH = ", from fresh images"  # in the names of those who learnt from these, in rounds


def identity_attacks(dump, seeds, quick=False, progress=print, decode=None):
    """Run all attacks on single pictures, and what was made with them.

    Args:
        decode: (float32 releases `(n, e)`, int targets `(n,)`) -> uint8 images, the anonymizer's generator, which an
            attacker may have too; None where it cannot be had.

    Returns:
        {test: {attacker name: list of float32 scores `(n_tested, classes)`, one for each seed}} for the tests
        "scenario_1" and "scenario_2" (empty without protected images), "scenario_3" (without latents), "release"
        (without it) and "original" (attackers of scenario I on originals).
    """
    found = {name: {} for name in (*SCENARIOS, "original")}
    for seed in seeds:
        if dump.train.p is not None:
            _attack_images(found, dump, seed, quick, progress)
        _attack_latents(found, dump, seed, quick, progress)
        if dump.train.p is not None and dump.codes is None and decode is not None:
            progress("identity: inverting the generator")
            for name, scores in generator.inversion_scores(dump, decode, seed, quick).items():
                found["scenario_2"].setdefault(f"inverted generator, {name}", []).append(scores)
        for name, scores in pretrained.pretrained_scores(dump, seed, quick, progress).items():
            test = "scenario_2" if name.endswith("protected images") else "release"
            found[test].setdefault(name, []).append(scores)
    return found


def predictions_of(scores):
    """{attacker: list of scores} -> {attacker: list of int64 predictions}."""
    return {name: [one.argmax(axis=1) for one in runs] for name, runs in scores.items()}


def scores_over_rounds(chosen, dump, rounds, keys, tests, seed, quick, progress=None):
    """Scores of `tested` by attackers who learnt in `rounds`.

    Args:
        chosen: attackers.
        keys: name of the array that is learnt from.
        tests: names of the arrays that are attacked.

    Returns:
        list, for each of `tests`, of {attacker name: float32 `(n_tested, classes)`}.
    """
    tested, classes = dump.tested, len(dump.identities)
    scores = [{one.name: np.empty((len(tested), classes), np.float32) for one in chosen} for _ in tests]
    for learnt, rows in rounds:
        known = Seen(getattr(learnt, keys), learnt.ep)
        seen = [Seen(getattr(tested, test)[rows], tested.ep[rows]) for test in tests]
        for name, found in attack(chosen, known, learnt.id, seen, classes, seed, quick, progress).items():
            for by_attacker, one in zip(scores, found, strict=True):
                by_attacker[name][rows] = one
    return scores


def _attack_images(found, dump, seed, quick, progress):
    def tell(source):
        return lambda name: progress(f"identity: {name}, from {source}")

    def add(test, by_attacker, ending=""):
        for name, scores in by_attacker.items():
            found[test].setdefault(name + ending, []).append(scores)

    chosen, arguments = attackers.for_images(quick), (seed, quick)
    first, original = scores_over_rounds(chosen, dump, dump.rounds, "x", ("p", "x"), *arguments, tell("originals"))
    add("scenario_1", first)
    add("original", original)
    add("scenario_2", *scores_over_rounds(chosen, dump, dump.rounds, "p", ("p",), *arguments, tell("protected images")))
    if not dump.people_held_out:
        fresh = attackers.QUICK_FRESH_IMAGE_ATTACKERS if quick else attackers.FRESH_IMAGE_ATTACKERS
        tells = tell("images that trained nothing")
        scores = scores_over_rounds(fresh, dump, dump.unseen_rounds, "p", ("p",), *arguments, tells)
        add("scenario_2", *scores, FRESH)
    for attacker in attackers.TRANSFER_ATTACKERS:
        progress(f"identity: {attacker.name}, across targets")
        scores = scores_across_targets(attacker, dump, *arguments)
        if scores is not None:
            add("scenario_2", {attacker.name: scores}, ", across targets")


def _attack_latents(found, dump, seed, quick, progress):
    """Attack what the encoder knows, and the release: where they are the same, once."""
    done = {}
    for key, name in {**dump.latents, "r": "release"}.items():
        test = "release" if key == "r" else "scenario_3"
        values = getattr(dump.tested, key)
        if values is None:
            continue
        progress(f"identity: from the {'release' if key == 'r' else f'latent {name}'}")
        if key == "r" and dump.codes is not None:
            scores = codes.table_scores(dump)
        else:
            same = next((one for one in done if np.array_equal(getattr(dump.tested, one), values)), None)
            scores = done[key] = done[same] if same else _latent_scores(dump, key, seed, quick)
        for attacker, one in scores.items():
            title = attacker if key == "r" and dump.codes is not None else f"{attacker} on {name}"
            found[test].setdefault(title, []).append(one)


def _latent_scores(dump, key, seed, quick):
    chosen = attackers.for_latents(quick)
    scores = scores_over_rounds(chosen, dump, dump.rounds, key, (key,), seed, quick)[0]
    if not dump.people_held_out:
        fresh = attackers.FRESH_LATENT_ATTACKERS
        more = scores_over_rounds(fresh, dump, dump.unseen_rounds, key, (key,), seed, quick)[0]
        scores |= {f"{name}{FRESH},": one for name, one in more.items()}
    return scores


def scores_across_targets(attacker, dump, seed, quick):
    """Attack images of each half of the targets by an attacker that learnt from images of the other half.

    What it finds does not depend on one target: it passes through the anonymizer whatever the target. The mean image of
    each target in the images to learn from, for which no name is needed, is subtracted before.

    Returns:
        float32 scores `(n_tested, classes)`; None where targets are not known, or a half of them leaves a person
        without images to learn from.
    """
    tested, classes = dump.tested, len(dump.identities)
    if tested.c is None or len(np.unique(tested.c)) < 2:
        return None
    halves = np.array_split(np.random.default_rng(seed).permutation(len(dump.targets)), 2)
    scores = np.zeros((len(tested), classes), np.float32)
    for learnt, rows in dump.rounds:
        known = without_target_means(learnt.p, learnt.c, learnt.p, learnt.c)
        attacked = without_target_means(tested.p[rows], tested.c[rows], learnt.p, learnt.c)
        for learnt_targets, tested_targets in (halves, halves[::-1]):
            chosen, asked = np.isin(learnt.c, learnt_targets), np.isin(tested.c[rows], tested_targets)
            if np.bincount(learnt.id[chosen], minlength=classes).min() < 2:
                return None
            if asked.any():
                seen = [Seen(attacked[asked], tested.ep[rows][asked])]
                known_here = Seen(known[chosen], learnt.ep[chosen])
                found = attack([attacker], known_here, learnt.id[chosen], seen, classes, seed, quick)
                scores[rows[asked]] = found[attacker.name][0]
    return scores


def without_target_means(images, targets, known, known_targets):
    """Subtract the mean of each target's `known` images, and add grey: uint8 images in and out.

    Images of a target of which none is known lose the mean of all.
    """
    results = np.empty_like(images)
    for target in np.unique(targets):
        same, theirs = targets == target, known_targets == target
        mean = (known[theirs] if theirs.any() else known).mean(axis=0, dtype=np.float32)
        results[same] = np.clip(np.rint(images[same] - mean + 128), 0, 255)
    return results


def scenario_figures(dump, scores):
    """{"strongest": figure with "attacker", "attackers": {name: figure}}, or None without attackers."""
    tested = dump.tested
    figures = {name: accuracy_figure(tested.id, runs, tested.clip) for name, runs in predictions_of(scores).items()}
    return strongest_of(figures)


def naming(dump, scores):
    """Evidence of attackers with these scores, or None without any."""
    tested, ruled_out, found = dump.tested, excluded(dump, dump.tested), []
    for crossed in (False, True):
        chosen = {name: runs for name, runs in scores.items() if crossed == (dump.people_held_out or FRESH in name)}
        arguments = predictions_of(chosen), strata_of(tested), tested.clip, ruled_out, crossed
        found.append(naming_evidence(tested.id, *arguments))
    if found[0] and found[1]:  # What an attacker must know to be seen is that of those who are not tested in rounds.
        found[1] = found[1]._replace(spread=0.0)
    return combined(found)


def excluded(dump, images):
    """Whom the targets of images rule out: bool `(n, people)`, or None where they rule nobody out."""
    if dump.known_policy != "exclude-true" or not dump.people_are_targets:
        return None
    return images.c[:, None] == np.arange(len(dump.identities))


def code_dependence(dump):
    """Evidence that the code of a discrete release depends on the person within the true expression, or None."""
    if dump.codes is None:
        return None
    tested = dump.tested
    return dependence_evidence("G-test of codes", dump.code(tested), tested.id, tested.ep, tested.clip)


def robustness_attacks(dump, found, seeds, quick=False, progress=print):
    """Attack protected images after common processing, by attackers trained on images processed alike.

    Of those in scenario II the two attackers (quick: one) with the highest accuracy are taken, but none that is too
    costly for so many trainings; with the first seed.

    Args:
        found: what `identity_attacks` returned.

    Returns:
        ({name of the processing: figure of the strongest with "attacker", and "attackers": {name: figure}}, Evidence);
        (None, None) without protected images.
    """
    if dump.train.p is None:
        return None, None
    seed, truth = seeds[0], dump.tested.id
    chosen = [one for one in attackers.for_images(quick) if one not in attackers.COSTLY_ATTACKERS]
    chosen.sort(key=lambda one: (found["scenario_2"][one.name][0].argmax(axis=1) == truth).mean(), reverse=True)
    figures, everything = {}, {}
    for name in QUICK_PROCESSINGS if quick else PROCESSINGS:
        progress(f"identity: after {name}")
        process = PROCESSINGS[name]
        processed = dump.changed_pictures(lambda images, process=process: process(images, seed))
        scores = scores_over_rounds(chosen[: 1 if quick else 2], processed, processed.rounds, "p", ("p",), seed, quick)[
            0
        ]
        one = scenario_figures(dump, {attacker: [score] for attacker, score in scores.items()})
        figures[name] = {**one["strongest"], "attackers": one["attackers"]}
        everything |= {f"{attacker}, after {name}": [score] for attacker, score in scores.items()}
    return figures, naming(dump, everything)


def left_out(dump, decode=None):
    """The attacks of this module that the dump's data does not allow: list of sentences."""
    sentences = []
    if dump.fresh is None and not dump.people_held_out:
        sentences.append(
            "No fresh images of the same people were given: attackers “from fresh images” learnt from folds of the "
            "test images instead."
        )
    if dump.tested.c is None or len(np.unique(dump.tested.c)) < 2:
        sentences.append("The targets are not known, or all the same: no attack across targets.")
    if not dump.latents:
        sentences.append("No latents of the encoder were given: what it knows was not attacked.")
    if dump.train.r is None:
        sentences.append("What the generator was given was not: the release was attacked through pictures alone.")
    if dump.codes is None and decode is None and dump.train.p is not None:
        sentences.append("The generator was not given: no attack inverted it.")
    if dump.references is None and dump.people_held_out:
        sentences.append("No images of the people in training were given: no attacker was pretrained on them.")
    return sentences
