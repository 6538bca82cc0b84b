"""Averaging: re-identification from several pictures of one person at once."""

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import Seen, attack
from vgan_tf.audit.attacks.reidentification import FRESH, excluded, predictions_of
from vgan_tf.audit.evidence import combined, naming_evidence
from vgan_tf.audit.statistics import accuracy_figure, chance, strongest_of

SIZES = (4, 16, 64, None)  # pictures; None: all of a person
DESCRIBED_SIZES = (4, 16)
GROUPS = 200  # of each person to learn from, drawn at random: a picture may be in several
KINDS = {"images": ("scenario_1", "scenario_2"), "release": ("release",), "latents": ("scenario_3",)}
DESCRIBED = {"release": "r", "latents": "mu"}  # arrays of which groups are also described by average and spread


def averaging_attacks(dump, found, seeds, quick=False, progress=print):
    """Attack several pictures of one person at once: scores are summed over them, and latents averaged.

    The images of each person are put into groups at random, each image into one; the rest is left out. Frames of one
    clip tell little more than one of them, so where clips are known the images of a group come from different clips of
    a bundle, as far as they go. No clip is in two bundles, so the interval is over bundles: over other clips. On the
    release and on latents further attackers learn from the mean and the spread of many groups.

    Args:
        found: what `identity_attacks` returned.

    Returns:
        (figures, evidence). figures: "images of 4 pictures", "release of 16 pictures", "latents of all pictures",
        "release of 4 pictures, by average and spread" and so on -> figure of the strongest with "attacker",
        "attackers": {name: figure}, "groups": their number, "pictures" and "chance"; those are left out for which
        nobody has enough images; None without any. With clips a figure's "clusters" counts bundles. evidence:
        {"device": Evidence of images and release, "encoder": that of latents}, each None without any.
    """
    figures, evidence, tested = {}, {"device": [], "encoder": []}, dump.tested
    ruled_out = excluded(dump, tested)

    def judge(kind, title, predictions, groups, bundles):
        truth = tested.id[[rows[0] for rows in groups]]
        if not predictions or len(np.unique(truth)) < 2:
            return
        together = None if ruled_out is None else np.stack([ruled_out[rows].any(axis=0) for rows in groups])
        one = strongest_of({name: accuracy_figure(truth, runs, bundles) for name, runs in predictions.items()})
        figures[title] = {
            **one["strongest"],
            "attackers": one["attackers"],
            "groups": len(groups),
            "pictures": int(np.median([len(rows) for rows in groups])),
            "chance": _chance(truth, together, len(dump.identities)),
        }
        named = {f"{name}, {title}": runs for name, runs in predictions.items()}
        crossed = dump.people_held_out or any(FRESH in name for name in named)
        known = naming_evidence(truth, named, np.zeros(len(truth), int), bundles, together, crossed)
        evidence["encoder" if kind == "latents" else "device"].append(known)

    for size in SIZES:
        progress(f"identity: from {size or 'all'} pictures of one person")
        groups, bundles = groups_of(tested.id, size, seeds[0], tested.clip)
        for kind, tests in KINDS.items() if groups else ():
            title = f"{kind} of {size or 'all'} pictures"
            judge(kind, title, predictions_of(_summed(found, tests, groups)), groups, bundles)
    for kind, key in DESCRIBED.items():
        if getattr(tested, key) is None or (kind == "release" and dump.codes is not None):
            continue
        for size in DESCRIBED_SIZES:
            scores, groups, bundles = _by_average_and_spread(dump, key, size, seeds, quick)
            title = f"{kind} of {size} pictures, by average and spread"
            judge(kind, title, predictions_of(scores), groups, bundles)
    return figures or None, {side: combined(several) for side, several in evidence.items()}


def _summed(found, tests, groups):
    """{attacker: list of scores `(groups, classes)`}, summed over the images of each group."""
    return {
        f"{name}, from originals" if test == "scenario_1" else name: [
            np.stack([one[rows].sum(axis=0) for rows in groups]) for one in runs
        ]
        for test in tests
        for name, runs in found[test].items()
    }


def _by_average_and_spread(dump, key, size, seeds, quick):
    """Scores by attackers who learn from the mean and the spread of many groups, and are tested on groups of others.

    Returns:
        {name: list of `(groups, classes)`}, the groups, and the bundle of each; groups are of images of one round.
    """
    classes, tested, scores, groups, bundles = len(dump.identities), dump.tested, {}, [], []
    for learnt, rows in dump.rounds:
        clips = None if tested.clip is None else tested.clip[rows]
        here, bundle = groups_of(tested.id[rows], size, seeds[0], clips)
        if not here:
            continue
        groups += [rows[one] for one in here]
        if bundle is not None:
            bundles.append(bundle + (bundles[-1].max() + 1 if bundles else 0))
        seen = [Seen(mean_and_spread(getattr(tested, key)[rows], here), np.zeros(len(here), int))]
        for number, seed in enumerate(seeds):
            drawn = random_groups(learnt.id, size, GROUPS, seed)
            if len(np.unique(learnt.id[drawn[:, :1]])) < 2:
                return {}, [], None
            known = Seen(mean_and_spread(getattr(learnt, key), drawn), np.zeros(len(drawn), int))
            arguments = attackers.FRESH_LATENT_ATTACKERS, known, learnt.id[drawn[:, 0]], seen, classes, seed, quick
            for name, (found,) in attack(*arguments).items():
                scores.setdefault(name, [[] for _ in seeds])[number].append(found)
    joined = {name: [np.concatenate(parts) for parts in runs] for name, runs in scores.items()}
    return joined, groups, np.concatenate(bundles) if bundles else None


def _chance(truth, ruled_out, classes):
    """Accuracy of the best guess about groups by one who knows all their targets, but nothing else.

    Where the target is never the true identity, each target of a group rules one out.
    """
    level = chance(truth, classes)
    return level if ruled_out is None else max(level, float(np.mean(1 / (~ruled_out).sum(axis=1))))


def groups_of(labels, count, seed, clips=None):
    """Put examples into groups of one label, each into one group at most.

    The clips of a label are dealt into bundles of `count`, or a few more, and a group takes examples of one bundle, of
    as many of its clips as have any left. With `count` None all examples of a label are one group.

    Returns:
        list of int `(count,)`, indices; and the bundle of each group, int `(groups,)`, None without clips.
    """
    random, groups, bundles = np.random.default_rng(seed), [], []
    clip_of = np.zeros(len(labels)) if clips is None else clips
    number = 0
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        names = random.permutation(np.unique(clip_of[members]))
        for bundle in np.array_split(names, max(1, len(names) // count) if count else 1):
            chosen = _in_turns(members[np.isin(clip_of[members], bundle)], clip_of)
            whole = len(chosen) // count if count else 1
            groups += np.array_split(chosen[: whole * count], whole) if count and whole else [chosen] * (not count)
            bundles += [number] * whole
            number += 1
    return groups, None if clips is None else np.array(bundles)


def _in_turns(members, clips):
    """Indices in another order, one of each clip, then the next of each, and so on."""
    turns = np.empty(len(members), np.int64)
    for clip in np.unique(clips[members]):
        rows = clips[members] == clip
        turns[rows] = np.arange(rows.sum())
    return members[np.argsort(turns, kind="stable")]


def random_groups(labels, count, groups, seed):
    """Draw `groups` groups of `count` different examples for each label that has so many: int `(n, count)` indices."""
    random, drawn = np.random.default_rng(seed), [np.zeros((0, count), np.int64)]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) >= count:
            order = random.random((groups, len(members))).argsort(axis=1)[:, :count]
            drawn.append(members[order])
    return np.concatenate(drawn)


def mean_and_spread(latents, groups):
    """Mean and standard deviation of each group: float32 `(groups, 2 * d)`."""
    described = [np.concatenate([latents[rows].mean(axis=0), latents[rows].std(axis=0)]) for rows in groups]
    return np.array(described, np.float32).reshape(len(groups), -1)
