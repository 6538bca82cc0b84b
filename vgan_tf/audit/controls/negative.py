"""Negative control: attackers find nothing where there is nothing."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.statistics import chance, frequencies

FLOOR = 0.02
MOST_EXAMPLES = 1500


def negative_control(dump, seed, quick=False, progress=print):
    """Check that attackers who learn from shuffled labels are at chance.

    Each attacker learns several labellings at once of at most `MOST_EXAMPLES` images, and is tested on the true labels.
    (One labelling would not do: images that look alike get the same prediction.) It passes where the mean accuracy is
    within three standard errors (at least 2 points) of what a constant guess may earn, from the share of the rarest
    test identity to chance.

    Returns:
        {"attackers": {name: {"mean", "standard_error", "permutations", "ok"}}, "permutations": the most, "ok"}.
    """
    classes = len(dump.identities)
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(dump.train.id))[:MOST_EXAMPLES])
    cases = [(one, one.name, dump.train.p, dump.test.p) for one in attackers.for_images(quick)]
    for key, latent in list(dump.latents.items())[:1]:
        arrays = getattr(dump, f"{key}_train"), getattr(dump, f"{key}_test")
        cases += [(one, f"{one.name} on {latent}", *arrays) for one in attackers.for_latents(quick)]
    most = max(one.permutations for one in (*attackers.for_images(quick), *attackers.for_latents(quick)))
    shuffled = np.stack([random.permutation(dump.train.id)[rows] for _ in range(most)], axis=1)
    low, high = float(frequencies(dump.test.id, classes).min()), chance(dump.test.id, classes)

    figures = {}
    for attacker, name, learnt, tests in cases:
        progress(f"negative control: {name}")
        labels = shuffled[:, : attacker.permutations]
        predict = attackers.train(attacker, learnt[rows], labels, classes, seed, quick)
        accuracies = (predict(tests) == dump.test.id[:, None]).mean(axis=0)  # (permutations,)
        mean, error = float(accuracies.mean()), float(accuracies.std(ddof=1) / np.sqrt(len(accuracies)))
        margin = max(3 * error, FLOOR)
        ok = low - margin <= mean <= high + margin
        figures[name] = {"mean": mean, "standard_error": error, "permutations": len(accuracies), "ok": ok}
    return {"attackers": figures, "permutations": most, "ok": all(one["ok"] for one in figures.values())}
