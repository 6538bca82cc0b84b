"""Positive controls: attackers find an identity that is there, plain or hidden on purpose."""

import dataclasses

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import attack
from vgan_tf.audit.controls.subverted import subvert, usual_checks
from vgan_tf.audit.dump import EXTRAS, PARTS
from vgan_tf.audit.processing import jpeg
from vgan_tf.audit.statistics import accuracy_figure, chance

QUICK_TRAIN_IMAGES = 1500
JPEG_QUALITY = 50
LATENT_WIDTH = 16
HIDDEN_VARIANCE = 0.6  # of a latent's coordinate, of 1; the rest is noise


def _figures(dump, chosen, learnt, tests, seed, quick):
    """{attacker: figure} of the attackers `chosen`, each trained on the features `learnt` of the train part."""
    arrays = learnt, dump.train.id, tests, len(dump.identities)
    return {
        one.name: accuracy_figure(dump.test.id, attack(one, *arrays, [seed], quick), dump.test.clip) for one in chosen
    }


def positive_control(dump, original_predictions, seed, quick=False, progress=print):
    """Check that the attackers find an identity that is there.

    The image attackers attack the original test images, as if protected images were the originals; those on latents
    attack principal components of the originals; and those on bits attack protected images in whose lowest bits the
    identity has been hidden. Each of the three kinds passes where its best attacker's lower bound covers at least half
    the way from chance to 1.

    `original_predictions`: {attacker name: list of predictions} of the original test images.

    Returns:
        {"originals", "components" (with latents), "hidden_in_lowest_bits": {attacker: figure}, "required", "ok"}.
    """
    classes = len(dump.identities)
    level = chance(dump.test.id, classes)
    required = level + (1 - level) / 2
    kinds = {
        "originals": {
            name: accuracy_figure(dump.test.id, runs, dump.test.clip) for name, runs in original_predictions.items()
        }
    }
    progress("positive control: identity hidden in the lowest bits")
    on_bits = [one for one in attackers.for_images(quick) if one in attackers.BIT_ATTACKERS]
    hidden = [
        hide_in_lowest_bits(getattr(dump, f"p_{part}"), getattr(dump, f"id_{part}"), classes, seed) for part in PARTS
    ]
    kinds["hidden_in_lowest_bits"] = _figures(dump, on_bits, *hidden, seed, quick)
    if dump.latents:
        progress("positive control: attackers on latents")
        project = attackers.principal_components(dump.train.x, seed, quick)
        components = project(dump.train.x), project(dump.test.x)
        kinds["components"] = _figures(dump, attackers.for_latents(quick), *components, seed, quick)
    best = [max(figure["interval"][0] for figure in one.values()) for one in kinds.values()]
    return {**kinds, "required": required, "ok": min(best) >= required}


def hide_in_lowest_bits(images, labels, classes, seed):
    """Replace the lowest bit of every value by the label's own random pattern; uint8 images in and out."""
    patterns = np.random.default_rng(seed).integers(0, 2, (classes, *images.shape[1:]), dtype=np.uint8)
    return (images & 254) | patterns[labels]


def subverted_controls(dump, seed=0, quick=False, progress=print):
    """Let the attackers find an identity that an anonymizer subverted on purpose hides.

    Returns:
        {"subverted_generator": {attacker name: figure}, "hidden_in_latent": likewise, or None without latents,
        "usual_checks": what `usual_checks` sees of the subverted generator, None if quick}.
    """
    subverted = subvert(_fewer(dump, QUICK_TRAIN_IMAGES, seed) if quick else dump, seed, quick, progress)
    progress("positive control: attacking the subverted generator's images")
    # Those that treat each pixel apart: a convolution, the same at all places, misses a pattern of few levels.
    chosen = (attackers.PIXEL_RIDGE,) if quick else (attackers.PIXEL_RIDGE, attackers.LOWEST_BIT_RIDGE)
    generator = _figures(subverted, chosen, subverted.train.p, subverted.test.p, seed, quick)
    compressed = [jpeg(images, JPEG_QUALITY) for images in (subverted.train.p, subverted.test.p)]
    for name, figure in _figures(subverted, [attackers.PIXEL_RIDGE], *compressed, seed, quick).items():
        generator[f"{name}, after JPEG of quality {JPEG_QUALITY}"] = figure

    checks = None
    if not quick:
        progress("positive control: the usual checks of the subverted generator")
        checks = usual_checks(dump, subverted, seed)

    latent = None
    if dump.latents:
        progress("positive control: attacking an identity hidden in a latent")
        hidden = hide_in_latent(dump, seed)
        latent = _figures(dump, attackers.for_latents(quick), hidden.train.mu, hidden.test.mu, seed, quick)
    return {"subverted_generator": generator, "hidden_in_latent": latent, "usual_checks": checks}


def hide_in_latent(dump, seed=0):
    """Replace the latents by some in which the identity is hidden from linear classifiers.

    Each person has a direction of their own, and each image lies to one side of the origin or the other, at random.
    Whatever the identity, the mean is zero, and a linear classifier is right on one side at most.

    Returns:
        Dump with such `mu_*`, float32 `(n, LATENT_WIDTH)`, without `z_*` and further images.
    """
    random = np.random.default_rng(seed)
    directions = random.normal(size=(len(dump.identities), LATENT_WIDTH))
    directions *= np.sqrt(HIDDEN_VARIANCE) / directions.std(axis=1, keepdims=True)
    latents = {}
    for part in PARTS:
        identity = getattr(dump, f"id_{part}")
        side = random.choice([-1, 1], (len(identity), 1))
        noise = random.normal(0, np.sqrt(1 - HIDDEN_VARIANCE), (len(identity), LATENT_WIDTH))
        latents |= {f"mu_{part}": (side * directions[identity] + noise).astype(np.float32), f"z_{part}": None}
    return dataclasses.replace(dump, **latents, **dict.fromkeys(EXTRAS))


def _fewer(dump, count, seed):
    """The dump with at most `count` training images, without further sets."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(dump.train.id))[:count])
    names = [field.name for field in dataclasses.fields(dump) if field.name.endswith("_train")]
    taken = {name: getattr(dump, name)[rows] for name in names if getattr(dump, name) is not None}
    return dataclasses.replace(dump, **taken, **dict.fromkeys(EXTRAS))
