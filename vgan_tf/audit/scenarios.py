"""The identity attacks of the three threat scenarios, and the controls that say whether to believe them.

I: the attacker learns from originals and attacks protected images. II: it learns from protected images with their true
identities. III: it holds the encoder and learns from latents. All are tested on the test part only.
"""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.statistics import accuracy_figure, chance, frequencies

PERMUTATIONS = 20
FRESH_FOLDS = 5
NEGATIVE_FLOOR = 0.02
LATENT_NAMES = {"mu": "mean", "z": "sample"}


def attack(attacker, features, labels, tests, classes, seeds, quick):
    """Train an attacker once for each seed and let it read several test sets.

    Returns:
        name of test set -> list of int64 predictions, one for each seed.
    """
    predictions = {name: [] for name in tests}
    for seed in seeds:
        predict = attackers.train(attacker, features, labels, classes, seed, quick)
        for name, test_features in tests.items():
            predictions[name].append(predict(test_features))
    return predictions


def attack_fresh(attacker, test_features, test_labels, unseen_features, unseen_labels, classes, seeds, quick):
    """Attack each fifth of the test part by an attacker that learnt from the other four and from unseen images.

    An encoder trained against an adversary hides the identity best on the images that trained it, so an attacker who
    learns from those may learn too little. This one learns from none of them, and is still never tested on its own.

    Returns:
        list of int64 predictions `(n_test,)`, one for each seed.
    """
    runs = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(test_labels))
        predictions = np.empty(len(test_labels), np.int64)
        for fold in np.array_split(order, FRESH_FOLDS):
            others = np.setdiff1d(order, fold)
            predict = attackers.train(
                attacker,
                np.concatenate([unseen_features, test_features[others]]),
                np.concatenate([unseen_labels, test_labels[others]]),
                classes,
                seed,
                quick,
            )
            predictions[fold] = predict(test_features[fold])
        runs.append(predictions)
    return runs


def identity_attacks(dump, seeds, quick=False, progress=print):
    """Run all attacks of the three scenarios.

    Args:
        dump: `Dump`.
        seeds: ints, one training of each attacker for each.
        quick: cheaper attackers.
        progress: called with one line of text before each attack.

    Returns:
        test name -> {attacker name: list of predictions}, for the tests "scenario_1", "scenario_2", "scenario_3" (empty
        without latents) and "original" (attackers of scenario I reading original test images).
    """
    classes, labels = len(dump.identities), dump.id_train
    unseen = np.zeros(len(labels), bool) if dump.trained_train is None else ~dump.trained_train
    predictions = {"scenario_1": {}, "scenario_2": {}, "scenario_3": {}, "original": {}}

    def fresh(attacker, train_features, test_features):
        return attack_fresh(
            attacker, test_features, dump.id_test, train_features[unseen], labels[unseen], classes, seeds, quick
        )

    for attacker in attackers.IMAGE_ATTACKERS:
        progress(f"identity: {attacker.name}, from originals")
        tests = {"scenario_1": dump.p_test, "original": dump.x_test}
        for test, runs in attack(attacker, dump.x_train, labels, tests, classes, seeds, quick).items():
            predictions[test][attacker.name] = runs
        progress(f"identity: {attacker.name}, from protected images")
        tests = {"scenario_2": dump.p_test}
        runs = attack(attacker, dump.p_train, labels, tests, classes, seeds, quick)["scenario_2"]
        predictions["scenario_2"][attacker.name] = runs
    name = f"{attackers.PIXEL_RIDGE.name}, from fresh images"
    predictions["scenario_2"][name] = fresh(attackers.PIXEL_RIDGE, dump.p_train, dump.p_test)

    for key, latent in LATENT_NAMES.items():
        train_latents, test_latents = getattr(dump, f"{key}_train"), getattr(dump, f"{key}_test")
        if train_latents is None:
            continue
        progress(f"identity: from the latent {latent}")
        for attacker in attackers.LATENT_ATTACKERS:
            tests = {"scenario_3": test_latents}
            runs = attack(attacker, train_latents, labels, tests, classes, seeds, quick)["scenario_3"]
            predictions["scenario_3"][f"{attacker.name} on {latent}"] = runs
        name = f"{attackers.LOGISTIC.name} on {latent}, from fresh images"
        predictions["scenario_3"][name] = fresh(attackers.LOGISTIC, train_latents, test_latents)
    return predictions


def scenario_figures(truth, predictions):
    """{"strongest": figure with "attacker", "attackers": {name: figure}}, or None without attackers."""
    if not predictions:
        return None
    figures = {name: accuracy_figure(truth, runs) for name, runs in predictions.items()}
    strongest = max(figures, key=lambda name: figures[name]["accuracy"])
    return {"strongest": {"attacker": strongest, **figures[strongest]}, "attackers": figures}


def positive_control(dump, original_predictions, seed, quick=False, progress=print):
    """Check that the attackers find an identity that is there.

    The image attackers read the original test images; those on latents read principal components of the originals; and
    the one on lowest bits reads protected images in whose lowest bits the identity has been hidden. Each of the three
    kinds is in order where its best attacker's lower bound covers at least half the way from chance to 1.

    Returns:
        {"originals", "components" (with latents), "hidden_in_lowest_bits": {attacker: figure}, "required", "ok"}.
    """
    classes = len(dump.identities)
    level = chance(dump.id_test, classes)
    required = level + (1 - level) / 2
    kinds = {"originals": {name: accuracy_figure(dump.id_test, runs) for name, runs in original_predictions.items()}}

    progress("positive control: identity hidden in the lowest bits")
    patterns = np.random.default_rng(seed).integers(0, 2, (classes, *dump.p_train.shape[1:]), dtype=np.uint8)
    attacker = attackers.LOWEST_BIT_RIDGE
    tests = {"hidden": (dump.p_test & 254) | patterns[dump.id_test]}
    hiding = (dump.p_train & 254) | patterns[dump.id_train]
    runs = attack(attacker, hiding, dump.id_train, tests, classes, [seed], quick)["hidden"]
    kinds["hidden_in_lowest_bits"] = {attacker.name: accuracy_figure(dump.id_test, runs)}

    if dump.mu_train is not None or dump.z_train is not None:
        progress("positive control: attackers on latents")
        project = attackers.principal_components(dump.x_train, seed, quick)
        features, tests = project(dump.x_train), {"components": project(dump.x_test)}
        kinds["components"] = {
            attacker.name: accuracy_figure(
                dump.id_test, attack(attacker, features, dump.id_train, tests, classes, [seed], quick)["components"]
            )
            for attacker in attackers.LATENT_ATTACKERS
        }
    best = [max(figure["interval"][0] for figure in figures.values()) for figures in kinds.values()]
    return {**kinds, "required": required, "ok": min(best) >= required}


def negative_control(dump, seed, quick=False, progress=print):
    """Check that attackers who learn from shuffled labels read nothing.

    Each attacker learns `PERMUTATIONS` labellings at once (one would not do: all images of a look fall together) and
    is tested on the true labels. It is in order where the mean accuracy is within three standard errors (at least 2
    points) of what one constant guess may earn, from the share of the rarest test identity to chance.

    Returns:
        {"attackers": {name: {"mean", "standard_error", "ok"}}, "permutations", "ok"}.
    """
    classes = len(dump.identities)
    random = np.random.default_rng(seed)
    shuffled = np.stack([random.permutation(dump.id_train) for _ in range(PERMUTATIONS)], axis=1)
    low = float(frequencies(dump.id_test, classes).min())
    high = chance(dump.id_test, classes)

    image_attackers = [one for one in attackers.IMAGE_ATTACKERS if not (quick and one is attackers.CNN)]
    cases = [(attacker, attacker.name, dump.p_train, dump.p_test) for attacker in image_attackers]
    for key, latent in LATENT_NAMES.items():
        if getattr(dump, f"{key}_train") is not None:
            arrays = getattr(dump, f"{key}_train"), getattr(dump, f"{key}_test")
            cases += [(attacker, f"{attacker.name} on {latent}", *arrays) for attacker in attackers.LATENT_ATTACKERS]
            break
    figures = {}
    for attacker, name, train_features, test_features in cases:
        progress(f"negative control: {name}")
        predict = attackers.train(attacker, train_features, shuffled, classes, seed, quick)
        accuracies = (predict(test_features) == dump.id_test[:, None]).mean(axis=0)  # (permutations,)
        error = float(accuracies.std(ddof=1) / np.sqrt(PERMUTATIONS))
        margin = max(3 * error, NEGATIVE_FLOOR)
        mean = float(accuracies.mean())
        figures[name] = {"mean": mean, "standard_error": error, "ok": low - margin <= mean <= high + margin}
    return {"attackers": figures, "permutations": PERMUTATIONS, "ok": all(one["ok"] for one in figures.values())}
