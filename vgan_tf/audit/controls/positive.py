"""Positive controls: attackers find an identity that is there, plain or hidden on purpose."""

import dataclasses

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import Seen, attack, principal_components
from vgan_tf.audit.controls.subverted import subvert, usual_checks
from vgan_tf.audit.dump import EXTRAS
from vgan_tf.audit.processing import jpeg
from vgan_tf.audit.statistics import accuracy_figure, chance

QUICK_TRAIN_IMAGES = 1000
JPEG_QUALITY = 50
LATENT_WIDTH = 16
HIDDEN_VARIANCE = 0.6  # of a latent's coordinate, of 1; the rest is noise


def _figures(dump, chosen, learnt, tests, seed, quick):
    """{attacker: figure} of the attackers `chosen`, who learn from the features `learnt` of the train part."""
    known, seen = Seen(learnt, dump.train.ep), [Seen(tests, dump.test.ep)]
    scores = attack(chosen, known, dump.train.id, seen, len(dump.identities), seed, quick)
    return {
        name: accuracy_figure(dump.test.id, found.argmax(axis=1), dump.test.clip) for name, (found,) in scores.items()
    }


def positive_control(dump, original_predictions, seed, quick=False, progress=print):
    """Check that the attackers find an identity that is there.

    Attackers on images attack original images, as if protected images were the originals; those on latents attack
    principal components of the originals; and those on bits attack protected images in whose lowest bits the identity
    has been hidden. Each kind of attacker passes by itself, where the lower bound of its best covers at least half the
    way from chance to 1.

    Args:
        original_predictions: {attacker name: list of predictions} for originals of `dump.tested`; empty without
            protected images, when no attacker on images is used.

    Returns:
        {"originals", "components" (with latents or a continuous release), "hidden_in_lowest_bits" (with protected
        images): {attacker: figure}, "required", "failed": the kinds that did not pass, in words, "ok"}.
    """
    classes = len(dump.identities)
    level = chance(dump.tested.id, classes)
    required = level + (1 - level) / 2
    cases, passed = {}, {}
    if original_predictions:
        of_originals = {
            name: accuracy_figure(dump.tested.id, runs, dump.tested.clip) for name, runs in original_predictions.items()
        }
        progress("positive control: identity hidden in the lowest bits")
        on_bits = [one for one in attackers.for_images(quick) if one in attackers.BIT_ATTACKERS]
        hidden = [hide_in_lowest_bits(part.p, part.id, classes, seed) for part in (dump.train, dump.test)]
        on_images = [one for one in attackers.for_images(quick) if one not in on_bits]
        cases["originals"] = of_originals, on_images
        cases["hidden_in_lowest_bits"] = _figures(dump, on_bits, *hidden, seed, quick), on_bits
    if dump.latents or (dump.train.r is not None and dump.codes is None):
        progress("positive control: attackers on latents")
        project = principal_components(dump.train.x, seed, quick)
        components, chosen = [project(part.x) for part in (dump.train, dump.test)], attackers.for_latents(quick)
        cases["components"] = _figures(dump, chosen, *components, seed, quick), chosen
    for case, (figures, chosen) in cases.items():
        for kind in dict.fromkeys(one.kind for one in chosen):
            best = max(figures[one.name]["interval"][0] for one in chosen if one.kind == kind)
            passed[f"{kind} on {case.replace('_', ' ')}"] = best >= required
    return {
        **{case: figures for case, (figures, _) in cases.items()},
        "required": required,
        "failed": [name for name, one in passed.items() if not one],
        "ok": all(passed.values()),
    }


def hide_in_lowest_bits(images, labels, classes, seed):
    """Replace the lowest bit of every value by the label's own random pattern; uint8 images in and out."""
    patterns = np.random.default_rng(seed).integers(0, 2, (classes, *images.shape[1:]), dtype=np.uint8)
    return (images & 254) | patterns[labels]


def subverted_controls(dump, seed=0, quick=False, progress=print):
    """Let every kind of attacker look for an identity that an anonymizer subverted on purpose hides.

    Returns:
        {"subverted_generator": {attacker name: figure}, or None without protected images; "hidden_in_latent": likewise,
        or None without latents and release; "usual_checks": what `usual_checks` sees of the subverted generator, None
        if quick or without protected images}.
    """
    generator, checks, latent = None, None, None
    if dump.train.p is not None:
        subverted = subvert(_fewer(dump, QUICK_TRAIN_IMAGES, seed) if quick else dump, seed, quick, progress)
        progress("positive control: attacking the subverted generator's images")
        kinds = {}
        for one in attackers.for_images(quick):
            kinds.setdefault(one.kind, one)
        chosen = list(dict.fromkeys([attackers.PIXEL_RIDGE, attackers.LOWEST_BIT_RIDGE, *kinds.values()]))
        generator = _figures(subverted, chosen, subverted.train.p, subverted.test.p, seed, quick)
        compressed = [jpeg(images, JPEG_QUALITY) for images in (subverted.train.p, subverted.test.p)]
        for name, figure in _figures(subverted, [attackers.PIXEL_RIDGE], *compressed, seed, quick).items():
            generator[f"{name}, after JPEG of quality {JPEG_QUALITY}"] = figure
        if not quick:
            progress("positive control: the usual checks of the subverted generator")
            checks = usual_checks(dump, subverted, seed)
    if dump.latents or dump.train.r is not None:
        progress("positive control: attacking an identity hidden in a latent")
        hidden = hide_in_latent(dump, seed)
        latent = _figures(dump, attackers.for_latents(quick), hidden.train.mu, hidden.test.mu, seed, quick)
    return {"subverted_generator": generator, "hidden_in_latent": latent, "usual_checks": checks}


def hide_in_latent(dump, seed=0):
    """Replace the latents by some in which the identity is hidden from linear classifiers.

    Each person has a direction of their own, and each image lies to one side of the origin or the other, at random.
    Whatever the identity, the mean is zero, and a linear classifier is right on one side at most.

    Returns:
        Dump with such `mu`, float32 `(n, LATENT_WIDTH)`, without `z`, `r` and further images.
    """
    random = np.random.default_rng(seed)
    directions = random.normal(size=(len(dump.identities), LATENT_WIDTH))
    directions *= np.sqrt(HIDDEN_VARIANCE) / directions.std(axis=1, keepdims=True)

    def hide(images):
        side = random.choice([-1, 1], (len(images), 1))
        noise = random.normal(0, np.sqrt(1 - HIDDEN_VARIANCE), (len(images), LATENT_WIDTH))
        latents = (side * directions[images.id] + noise).astype(np.float32)
        return dataclasses.replace(images, mu=latents, z=None, r=None, p=images.x)

    alone = dataclasses.replace(dump, **dict.fromkeys(EXTRAS))
    return alone.changed(hide)


def _fewer(dump, count, seed):
    """The dump with at most `count` training images, without further sets."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(dump.train))[:count])
    trained = None if dump.trained is None else dump.trained[rows]
    return dataclasses.replace(dump, train=dump.train.rows(rows), trained=trained, **dict.fromkeys(EXTRAS))
