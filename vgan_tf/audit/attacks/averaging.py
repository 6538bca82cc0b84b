"""Averaging: re-identification from several pictures of one person at once."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import attack
from vgan_tf.audit.attacks.reidentification import scenario_figures
from vgan_tf.audit.statistics import chance

PICTURES = 4
GROUPS = 400  # of each person to learn from, drawn at random: a picture may be in several


def averaging_attacks(dump, attacks, seeds, quick=False, progress=print):
    """Attack several pictures of one person at once: scores are summed over them, and latents averaged.

    The test images of each person are put into groups at random, each image into one; the rest is left out. Frames of
    one clip tell little more than one of them, so where clips are known the images of a group come from different clips
    of a bundle, as far as they go. No clip is in two bundles, so the interval is over bundles: over other clips. On
    latents further attackers learn from the mean and the spread of many groups of the train part (and fresh images).

    `attacks`: what `identity_attacks` returned.

    Returns:
        "images of 4 pictures", and with latents "latents of 4 pictures" -> figure of the strongest with "attacker",
        "attackers": {name: figure}, "groups": their number and "chance"; None where no person has so many test images.
        With clips a figure's "clusters" counts bundles.
    """
    progress(f"identity: from {PICTURES} pictures of one person")
    groups, bundles = groups_of(dump.test.id, PICTURES, seeds[0], dump.test.clip)
    if not len(groups):
        return None

    def summed(*tests):
        return {
            f"{name}, from originals" if test == "scenario_1" else name: [
                one[groups].sum(axis=1).argmax(axis=1) for one in runs
            ]
            for test in tests
            for name, runs in attacks["scores"][test].items()
        }

    predictions = {"images": summed("scenario_1", "scenario_2"), "latents": summed("scenario_3")}
    for key, latent in dump.latents.items():
        known = dump.sets("train", "fresh")
        learnt, labels = (np.concatenate([getattr(one, name) for one in known]) for name in (key, "id"))
        tests = mean_and_spread(getattr(dump, f"{key}_test"), groups)
        for attacker in attackers.FRESH_LATENT_ATTACKERS:
            runs = []
            for seed in seeds:
                drawn = random_groups(labels, PICTURES, GROUPS, seed)
                arrays = mean_and_spread(learnt, drawn), labels[drawn[:, 0]], tests
                runs += attack(attacker, *arrays, len(dump.identities), [seed], quick)
            predictions["latents"][f"{attacker.name} on average and spread of {latent}s"] = runs
    return {
        f"{kind} of {PICTURES} pictures": {
            **found["strongest"],
            "attackers": found["attackers"],
            "groups": len(groups),
            "chance": chance_of_groups(dump, groups),
        }
        for kind, by_attacker in predictions.items()
        if (found := scenario_figures(dump.test.id[groups[:, 0]], by_attacker, bundles))
    }


def chance_of_groups(dump, groups):
    """Accuracy of the best guess about groups by one who knows all their targets, but nothing else.

    Where the target is never the true identity, each target of a group rules one out.
    """
    level = chance(dump.test.id[groups[:, 0]], len(dump.identities))
    if dump.known_policy != "exclude-true":
        return level
    remaining = [len(dump.identities) - len(np.unique(targets)) for targets in dump.test.c[groups]]
    return max(level, float(np.mean(1 / np.array(remaining))))


def groups_of(labels, count, seed, clips=None):
    """Put examples into groups of one label, each into one group at most.

    The clips of a label are dealt into bundles of `count`, or a few more, and a group takes examples of one bundle, of
    as many of its clips as have any left.

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
