"""Controls that say whether to believe the attackers: they find what is there, and nothing where nothing is."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import LATENT_NAMES, attack
from vgan_tf.audit.statistics import accuracy_figure, chance, frequencies

NEGATIVE_FLOOR = 0.02
MOST_SHUFFLED_EXAMPLES = 1500


def positive_control(dump, original_predictions, seed, quick=False, progress=print):
    """Check that the attackers find an identity that is there.

    The image attackers read the original test images, as if protected images were the originals; those on latents read
    principal components of the originals; and those on bits read protected images in whose lowest bits the identity
    has been hidden. Each of the three kinds is in order where its best attacker's lower bound covers at least half the
    way from chance to 1.

    Args:
        dump: `Dump`.
        original_predictions: {attacker name: list of predictions} of the original test images.
        seed: of the attackers and of the hidden patterns.
        quick: cheaper attackers.
        progress: called with one line of text at each step.

    Returns:
        {"originals", "components" (with latents), "hidden_in_lowest_bits": {attacker: figure}, "required", "ok"}.
    """
    classes = len(dump.identities)
    level = chance(dump.id_test, classes)
    required = level + (1 - level) / 2

    def figure(runs):
        return accuracy_figure(dump.id_test, runs, dump.clip_test)

    def figures(chosen, learnt, read):
        tests = {"test": read}
        return {
            one.name: figure(attack(one, learnt, dump.id_train, tests, classes, [seed], quick)["test"])
            for one in chosen
        }

    kinds = {"originals": {name: figure(runs) for name, runs in original_predictions.items()}}

    progress("positive control: identity hidden in the lowest bits")
    on_bits = [one for one in attackers.for_images(quick) if one in attackers.BIT_ATTACKERS]
    kinds["hidden_in_lowest_bits"] = figures(
        on_bits,
        hide_in_lowest_bits(dump.p_train, dump.id_train, classes, seed),
        hide_in_lowest_bits(dump.p_test, dump.id_test, classes, seed),
    )
    if dump.mu_train is not None or dump.z_train is not None:
        progress("positive control: attackers on latents")
        project = attackers.principal_components(dump.x_train, seed, quick)
        kinds["components"] = figures(attackers.for_latents(quick), project(dump.x_train), project(dump.x_test))
    best = [max(figure["interval"][0] for figure in one.values()) for one in kinds.values()]
    return {**kinds, "required": required, "ok": min(best) >= required}


def hide_in_lowest_bits(images, labels, classes, seed):
    """Replace the lowest bit of every value by the label's own random pattern; uint8 images in and out."""
    patterns = np.random.default_rng(seed).integers(0, 2, (classes, *images.shape[1:]), dtype=np.uint8)
    return (images & 254) | patterns[labels]


def negative_control(dump, seed, quick=False, progress=print):
    """Check that attackers who learn from shuffled labels read nothing.

    Each attacker learns several labellings at once (one would not do: all images of a look fall together) of at most
    `MOST_SHUFFLED_EXAMPLES` images, and is tested on the true labels. It is in order where the mean accuracy is within
    three standard errors (at least 2 points) of what one constant guess may earn, from the share of the rarest test
    identity to chance. Quick leaves out the network on images.

    Returns:
        {"attackers": {name: {"mean", "standard_error", "permutations", "ok"}}, "permutations": the most, "ok"}.
    """
    classes = len(dump.identities)
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(dump.id_train))[:MOST_SHUFFLED_EXAMPLES])
    most = max(one.permutations for one in (*attackers.for_images(quick), *attackers.for_latents(quick)))
    shuffled = np.stack([random.permutation(dump.id_train)[rows] for _ in range(most)], axis=1)
    low = float(frequencies(dump.id_test, classes).min())
    high = chance(dump.id_test, classes)

    chosen = [one for one in attackers.for_images(quick) if not (quick and one is attackers.CNN)]
    cases = [(one, one.name, dump.p_train, dump.p_test) for one in chosen]
    for key, latent in LATENT_NAMES.items():
        if getattr(dump, f"{key}_train") is not None:
            arrays = getattr(dump, f"{key}_train"), getattr(dump, f"{key}_test")
            cases += [(one, f"{one.name} on {latent}", *arrays) for one in attackers.for_latents(quick)]
            break
    figures = {}
    for attacker, name, train_features, test_features in cases:
        progress(f"negative control: {name}")
        labels = shuffled[:, : attacker.permutations]
        predict = attackers.train(attacker, train_features[rows], labels, classes, seed, quick)
        accuracies = (predict(test_features) == dump.id_test[:, None]).mean(axis=0)  # (permutations,)
        error = float(accuracies.std(ddof=1) / np.sqrt(len(accuracies)))
        margin = max(3 * error, NEGATIVE_FLOOR)
        mean = float(accuracies.mean())
        ok = low - margin <= mean <= high + margin
        figures[name] = {"mean": mean, "standard_error": error, "permutations": len(accuracies), "ok": ok}
    return {"attackers": figures, "permutations": most, "ok": all(one["ok"] for one in figures.values())}
