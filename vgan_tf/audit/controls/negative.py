"""Negative control: attackers find nothing where there is nothing."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import Seen, attack
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
    rows = np.sort(random.permutation(len(dump.train))[:MOST_EXAMPLES])
    cases = [(attackers.for_images(quick), "", "p")] if dump.train.p is not None else []
    latents = [("mu", "mean"), ("r", "release")] if dump.codes is None else [("mu", "mean")]
    key, title = next((one for one in latents if getattr(dump.train, one[0]) is not None), (None, None))
    if key:
        cases.append((attackers.for_latents(quick), f" on {title}", key))
    most = max((one.permutations for chosen, _, _ in cases for one in chosen), default=0)
    shuffled = np.stack([random.permutation(dump.train.id)[rows] for _ in range(most)], axis=1) if most else None
    low, high = float(frequencies(dump.test.id, classes).min()), chance(dump.test.id, classes)

    figures = {}
    for chosen, ending, key in cases:
        learnt = Seen(getattr(dump.train, key)[rows], dump.train.ep[rows])
        tests = [Seen(getattr(dump.test, key), dump.test.ep)]
        for count in sorted({one.permutations for one in chosen}):
            alike = [one for one in chosen if one.permutations == count]
            arguments = alike, learnt, shuffled[:, :count], tests, classes, seed, quick
            scores = attack(*arguments, lambda name, ending=ending: progress(f"negative control: {name}{ending}"))
            for name, (found,) in scores.items():
                accuracies = (found.argmax(axis=2) == dump.test.id[:, None]).mean(axis=0)  # (permutations,)
                mean, error = float(accuracies.mean()), float(accuracies.std(ddof=1) / np.sqrt(len(accuracies)))
                margin = max(3 * error, FLOOR)
                figures[name + ending] = {
                    "mean": mean,
                    "standard_error": error,
                    "permutations": len(accuracies),
                    "ok": low - margin <= mean <= high + margin,
                }
    return {"attackers": figures, "permutations": most, "ok": all(one["ok"] for one in figures.values())}
