"""The identity attacks of the three threat scenarios, and what becomes of them with more pictures or worse ones.

I: the attacker learns from originals and attacks protected images. II: it learns from protected images with their true
identities. III: it holds the encoder and learns from latents. All are tested on the test part only.
"""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import LATENT_NAMES, attack, attack_scores
from vgan_tf.audit.processing import PROCESSINGS, QUICK_PROCESSINGS
from vgan_tf.audit.statistics import accuracy_figure, chance

FOLDS = 5
PICTURES_OF_ONE_PERSON = 4
GROUPS_OF_ONE_PERSON = 400  # to learn from; drawn at random, a picture may be in several
SCENARIOS = ("scenario_1", "scenario_2", "scenario_3")


def identity_attacks(dump, seeds, quick=False, progress=print):
    """Run all attacks of the three scenarios.

    Args:
        dump: `Dump`.
        seeds: ints, one training of each attacker for each.
        quick: cheaper attackers.
        progress: called with one line of text before each attack.

    Returns:
        test name -> {attacker name: list of predictions}, for the tests "scenario_1", "scenario_2", "scenario_3" (empty
        without latents) and "original" (attackers of scenario I reading original test images); and "scores" -> the same
        with float32 scores `(n_test, classes)` in place of predictions.
    """
    scores = {name: {} for name in (*SCENARIOS, "original")}
    _image_attacks(scores, dump, seeds, quick, progress)
    for key, latent in LATENT_NAMES.items():
        if getattr(dump, f"{key}_train") is not None:
            _latent_attacks(scores["scenario_3"], key, latent, dump, seeds, quick, progress)
    predictions = {
        test: {name: [one.argmax(axis=1) for one in runs] for name, runs in by_attacker.items()}
        for test, by_attacker in scores.items()
    }
    return {**predictions, "scores": scores}


def _image_attacks(scores, dump, seeds, quick, progress):
    settings = len(dump.identities), seeds, quick
    for attacker in attackers.for_images(quick):
        progress(f"identity: {attacker.name}, from originals")
        tests = {"scenario_1": dump.p_test, "original": dump.x_test}
        for test, runs in attack_scores(attacker, dump.x_train, dump.id_train, tests, *settings).items():
            scores[test][attacker.name] = runs
        progress(f"identity: {attacker.name}, from protected images")
        tests = {"scenario_2": dump.p_test}
        runs = attack_scores(attacker, dump.p_train, dump.id_train, tests, *settings)["scenario_2"]
        scores["scenario_2"][attacker.name] = runs
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


def _latent_attacks(scores, key, latent, dump, seeds, quick, progress):
    progress(f"identity: from the latent {latent}")
    settings = len(dump.identities), seeds, quick
    learnt, read = getattr(dump, f"{key}_train"), {"test": getattr(dump, f"{key}_test")}
    for attacker in attackers.for_latents(quick):
        runs = attack_scores(attacker, learnt, dump.id_train, read, *settings)["test"]
        scores[f"{attacker.name} on {latent}"] = runs
    for attacker in attackers.FRESH_LATENT_ATTACKERS:
        name = f"{attacker.name} on {latent}, from fresh images"
        scores[name] = attack_from_fresh(attacker, key, dump, *settings)


def attack_from_fresh(attacker, key, dump, classes, seeds, quick):
    """Attack the test part by an attacker that learnt from images which did not train the anonymizer.

    An encoder trained against an adversary hides the identity best on the images that trained it, so an attacker who
    learns from those may learn too little. Without fresh images each fifth of the test part is read by an attacker that
    learnt from the other four, and from training images that did not train the anonymizer.

    Args:
        attacker, classes, seeds, quick: as for `attackers.attack`.
        key: "p", "mu" or "z".
        dump: `Dump`.

    Returns:
        list of float32 scores `(n_test, classes)`, one for each seed.
    """
    read, truth = getattr(dump, f"{key}_test"), dump.id_test
    if dump.fresh is not None:
        learnt, labels = getattr(dump.fresh, key), dump.fresh.id
        return attack_scores(attacker, learnt, labels, {"test": read}, classes, seeds, quick)["test"]
    unseen = np.zeros(len(dump.id_train), bool) if dump.trained_train is None else ~dump.trained_train
    unseen_features, unseen_labels = getattr(dump, f"{key}_train")[unseen], dump.id_train[unseen]
    runs = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(truth))
        scores = np.empty((len(truth), classes), np.float32)
        for fold in np.array_split(order, FOLDS):
            others = np.setdiff1d(order, fold)
            features = np.concatenate([unseen_features, read[others]])
            labels = np.concatenate([unseen_labels, truth[others]])
            tests = {"fold": read[fold]}
            scores[fold] = attack_scores(attacker, features, labels, tests, classes, [seed], quick)["fold"][0]
        runs.append(scores)
    return runs


def attack_across_targets(attacker, dump, classes, seeds, quick):
    """Attack images of each half of the targets by an attacker that learnt from images of the other half.

    What it reads lies not in the looks of one target: it passes through the anonymizer whatever the target. The mean
    image of each target, which anyone sees without knowing a name, is taken away before.

    Returns:
        list of float32 scores `(n_test, classes)`, one for each seed; None where targets are not known, or a half of
        them leaves a person without images to learn from.
    """
    if not _has_targets(dump):
        return None
    taught = (dump.p_train, dump.id_train, dump.c_train)
    images, labels, targets = taught if dump.fresh is None else (dump.fresh.p, dump.fresh.id, dump.fresh.c)
    images, test_images = without_looks(images, targets), without_looks(dump.p_test, dump.c_test)
    runs = []
    for seed in seeds:
        halves = np.array_split(np.random.default_rng(seed).permutation(len(dump.targets)), 2)
        scores = np.zeros((len(dump.id_test), classes), np.float32)
        for learnt_targets, read_targets in (halves, halves[::-1]):
            learnt, read = np.isin(targets, learnt_targets), np.isin(dump.c_test, read_targets)
            if np.bincount(labels[learnt], minlength=classes).min() < 2:
                return None
            if read.any():
                tests = {"half": test_images[read]}
                half = attack_scores(attacker, images[learnt], labels[learnt], tests, classes, [seed], quick)["half"]
                scores[read] = half[0]
        runs.append(scores)
    return runs


def without_looks(images, targets):
    """Take the mean image of each target away, and put grey in its place: uint8 images in and out."""
    results = np.empty_like(images)
    for target in np.unique(targets):
        same = targets == target
        deviations = images[same] - images[same].mean(axis=0, dtype=np.float32)
        results[same] = np.clip(np.rint(deviations + 128), 0, 255)
    return results


def _has_targets(dump):
    known = dump.c_test is not None and (dump.fresh is None or dump.fresh.c is not None)
    return known and len(np.unique(dump.c_test)) > 1


def scenario_figures(truth, predictions, clusters=None):
    """{"strongest": figure with "attacker", "attackers": {name: figure}}, or None without attackers."""
    if not predictions:
        return None
    figures = {name: accuracy_figure(truth, runs, clusters) for name, runs in predictions.items()}
    strongest = max(figures, key=lambda name: figures[name]["accuracy"])
    return {"strongest": {"attacker": strongest, **figures[strongest]}, "attackers": figures}


def averaging_attacks(dump, attacks, seeds, quick=False, progress=print):
    """Attack several pictures of one person at once: scores are summed over them, and latents averaged.

    The test images of each person are put into groups at random, each image into one; the rest is left out. Where clips
    are known a group takes its pictures from different clips of a bundle, as far as they go: frames of one clip tell
    little more than one of them. No clip is in two bundles, so the interval is over bundles, and speaks of other clips.
    On latents further attackers learn from the mean and the spread of many groups of the training part, drawn from all
    its images.

    Args:
        dump: `Dump`.
        attacks: what `identity_attacks` returned.
        seeds: ints as for `identity_attacks`; the first draws the groups.
        quick: cheaper attackers.
        progress: called with one line of text at each step.

    Returns:
        "images of 4 pictures", and with latents "latents of 4 pictures" -> figure of the strongest with "attacker",
        "attackers": {name: figure}, "groups": their number and "chance"; None where no person has so many test images.
        With clips a figure's "clusters" counts bundles.
    """
    count = PICTURES_OF_ONE_PERSON
    progress(f"identity: from {count} pictures of one person")
    classes = len(dump.identities)
    groups, bundles = groups_of(dump.id_test, count, seeds[0], dump.clip_test)
    if not len(groups):
        return None
    truth = dump.id_test[groups[:, 0]]

    def summed(*tests):
        return {
            f"{name}, from originals" if test == "scenario_1" else name: [
                one[groups].sum(axis=1).argmax(axis=1) for one in runs
            ]
            for test in tests
            for name, runs in attacks["scores"][test].items()
        }

    predictions = {"images": summed("scenario_1", "scenario_2"), "latents": summed("scenario_3")}
    for key, latent in LATENT_NAMES.items():
        learnt, labels = getattr(dump, f"{key}_train"), dump.id_train
        if learnt is None:
            continue
        if dump.fresh is not None:
            learnt, labels = np.concatenate([learnt, getattr(dump.fresh, key)]), np.concatenate([labels, dump.fresh.id])
        tests = {"test": mean_and_spread(getattr(dump, f"{key}_test"), groups)}
        for attacker in attackers.FRESH_LATENT_ATTACKERS:
            runs = []
            for seed in seeds:
                drawn = random_groups(labels, count, GROUPS_OF_ONE_PERSON, seed)
                arrays = mean_and_spread(learnt, drawn), labels[drawn[:, 0]], tests
                runs += attack(attacker, *arrays, classes, [seed], quick)["test"]
            predictions["latents"][f"{attacker.name} on average and spread of {latent}s"] = runs
    return {
        f"{kind} of {count} pictures": {
            **found["strongest"],
            "attackers": found["attackers"],
            "groups": len(groups),
            "chance": chance_of_groups(dump, groups),
        }
        for kind, by_attacker in predictions.items()
        if (found := scenario_figures(truth, by_attacker, bundles))
    }


def chance_of_groups(dump, groups):
    """Accuracy of the best guess about groups by one who reads all their targets, but nothing else.

    Where the target is never the true identity, each target of a group rules one out.
    """
    level = chance(dump.id_test[groups[:, 0]], len(dump.identities))
    if dump.target_policy != "exclude-true" or dump.c_test is None:
        return level
    remaining = [len(dump.identities) - len(np.unique(targets)) for targets in dump.c_test[groups]]
    return max(level, float(np.mean(1 / np.array(remaining))))


def groups_of(labels, count, seed, clips=None):
    """Put examples into groups of one label, each into one group at most.

    The clips of a label are dealt into bundles of `count`, or a few more, and a group takes examples of one bundle, of
    as many of its clips as have any left.

    Args:
        labels: int `(n,)`.
        count: examples of a group.
        seed: of the groups.
        clips: int `(n,)`, which clip each example is from, or None.

    Returns:
        Indices, int `(groups, count)`; and the bundle of each group, int `(groups,)`, None without clips.
    """
    random, groups, bundles = np.random.default_rng(seed), [], []
    clip_of = np.zeros(len(labels)) if clips is None else clips
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        names = random.permutation(np.unique(clip_of[members]))
        for bundle in np.array_split(names, max(1, len(names) // count)):
            chosen = _in_turns(members[np.isin(clip_of[members], bundle)], clip_of)
            groups.append(chosen[: len(chosen) // count * count].reshape(-1, count))
            bundles.append(np.full(len(groups[-1]), len(bundles)))
    return np.concatenate(groups), None if clips is None else np.concatenate(bundles)


def _in_turns(members, clips):
    """Indices in another order, one of each clip, then the next of each, and so on."""
    turns = np.empty(len(members), np.int64)
    for clip in np.unique(clips[members]):
        rows = clips[members] == clip
        turns[rows] = np.arange(rows.sum())
    return members[np.argsort(turns, kind="stable")]


def random_groups(labels, count, groups, seed):
    """Draw `groups` groups of `count` different examples for each label that has so many: int `(n, count)` indices."""
    random, drawn = np.random.default_rng(seed), []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) >= count:
            order = random.random((groups, len(members))).argsort(axis=1)[:, :count]
            drawn.append(members[order])
    return np.concatenate(drawn)


def mean_and_spread(latents, groups):
    """Mean and standard deviation of each group: float32 `(groups, 2 * d)`."""
    members = latents[groups]  # (groups, count, d)
    return np.concatenate([members.mean(axis=1), members.std(axis=1)], axis=1)


def robustness_attacks(dump, attacks, seeds, quick=False, progress=print):
    """Attack protected images after what pictures meet on their way, by attackers trained on images treated alike.

    Args:
        dump: `Dump`.
        attacks: what `identity_attacks` returned: its two attackers (quick: one) that read protected images best do it
            here, those aside that cost too much for so many trainings.
        seeds: ints, of which the first is used.
        quick: fewer treatments.
        progress: called with one line of text at each step.

    Returns:
        name of the treatment -> figure of the strongest with "attacker", and "attackers": {name: figure}.
    """
    runs_of = attacks["scenario_2"]
    candidates = [one for one in attackers.for_images(quick) if one not in attackers.COSTLY_ATTACKERS]
    candidates.sort(key=lambda one: accuracy_figure(dump.id_test, runs_of[one.name])["accuracy"], reverse=True)
    figures, seed = {}, seeds[0]
    for name in QUICK_PROCESSINGS if quick else PROCESSINGS:
        progress(f"identity: after {name}")
        process = PROCESSINGS[name]
        learnt, read = process(dump.p_train, seed), {"test": process(dump.p_test, seed + 1)}
        found = scenario_figures(
            dump.id_test,
            {
                one.name: attack(one, learnt, dump.id_train, read, len(dump.identities), [seed], quick)["test"]
                for one in candidates[: 1 if quick else 2]
            },
            dump.clip_test,
        )
        figures[name] = {**found["strongest"], "attackers": found["attackers"]}
    return figures


def left_out(dump):
    """What of this module's attacks the dump gives no ground for: list of sentences."""
    sentences = []
    if dump.fresh is None:
        sentences.append(
            "No fresh images of the same people were given: attackers “from fresh images” learnt from parts of the "
            "test images instead."
        )
    if not _has_targets(dump):
        sentences.append("The targets are not known, or all the same: no attack across targets.")
    if dump.mu_train is None and dump.z_train is None:
        sentences.append("No latents were given: none was attacked.")
    return sentences
