"""Dumps: what an attacker may see of a run, of its exported files, or of anyone's anonymizer, as arrays."""

from pathlib import Path

import numpy as np

from vgan_tf.audit import Dump, Extra
from vgan_tf.data import companions, partition, split
from vgan_tf.errors import InputError

POSE = ("yaw", "pitch", "roll")
# Held-out people, in a split by subject, are attacked by one who has the other part of their images.
HELD_OUT_TEST_FRACTION = 0.3
EXTERNAL_TEST_FRACTION = 0.3


def drawn_companions(config):
    """FaceSets of fresh images and of strangers for a run on drawn faces, or None for each.

    Held-out people, in a split by subject, are strangers already.
    """
    return (None, None) if config.split == "subject" else companions(config.data, config.image_size)


def make_dump(model, faces, target_policy="uniform", most_images=None, fresh=None, strangers=None):
    """Protect a data set and gather what an attacker may see.

    Args:
        model: PPRLVGAN or DeviceModel.
        faces: FaceSet, the whole data; it is split as the model's configuration says.
        target_policy: as for `evaluate_run`.
        most_images: of each part, drawn at random; None for all.
        fresh: FaceSet of the same people in pictures that trained nothing, or None.
        strangers: FaceSet of people that are not in the data, or None.

    Returns:
        Dump. Its train part is everything but the test part; `trained_train` marks what trained the generator. In a
        split by subject both parts are of the held-out people, and its `references` are of the others, the targets.
    """
    config = model.config
    _check_labels(model, faces)
    train, validation, test = partition(faces, config)
    held_out_people = config.split == "subject"
    known = not held_out_people and faces.identities == model.identities
    if target_policy == "exclude-true" and not known:
        target_policy = "uniform"  # Nobody's true identity is a target.
    if held_out_people:
        held_out = split(test, "image", HELD_OUT_TEST_FRACTION, seed=config.seed).test
        parts = {"train": test.subset(np.setdiff1d(np.arange(len(test)), held_out)), "test": test.subset(held_out)}
    else:
        parts = {"train": train.concatenate(validation), "test": test}
    arrays, clip_names = {}, np.unique(faces.clip)
    for number, (part, subset) in enumerate(parts.items()):
        seed = config.seed + 1 + number
        kept = _draw_rows(subset, most_images, seed)
        if part == "train":
            arrays["trained_train"] = known & (kept < len(train))
        subset = subset.subset(kept)
        seen, truth = _protect(model, subset, target_policy, seed), _truth(subset)
        if clip_names.size > 1:
            truth["clip"] = np.searchsorted(clip_names, subset.clip)
        arrays |= {f"{name}_{part}": values for name, values in {**seen, **truth}.items()}
    known_targets = held_out_people and train.identities == model.identities
    extras = {
        "fresh": fresh if known else None,
        "strangers": strangers,
        "references": train.concatenate(validation) if known_targets else None,
    }
    for number, (part, subset) in enumerate(extras.items()):
        if subset is not None:
            _check_labels(model, subset)
            seed = config.seed + 3 + number
            subset = subset.subset(_draw_rows(subset, most_images, seed))
            seen = _protect(model, subset, "uniform" if part == "strangers" else target_policy, seed)
            arrays[part] = Extra(**seen, identities=subset.identities)
    return Dump(
        **arrays,
        identities=parts["test"].identities,
        expressions=model.expressions,
        targets=model.identities,
        target_policy=target_policy,
    )


def _draw_rows(faces, most, seed):
    """At most so many rows of a FaceSet, in order; all for None."""
    return np.sort(np.random.default_rng(seed).permutation(len(faces))[:most])


def _protect(model, faces, target_policy, seed):
    targets = draw_targets(model, faces, target_policy, seed)
    protected, means, drawn = model.protect_and_encode(faces.images, targets, seed)
    return {
        "x": np.asarray(faces.images),
        "p": protected,
        "mu": means,
        "z": drawn,
        "c": targets,
        "id": faces.identity,
        "ep": faces.expression,
    }


def _truth(faces):
    """What is known of the images beyond their labels, as a Dump names it."""
    truth = {"intensity": faces.truth["intensity"]} if "intensity" in faces.truth else {}
    if set(POSE) <= set(faces.truth):
        truth["pose"] = np.stack([faces.truth[name] for name in POSE], axis=1)
    return truth


def draw_targets(model, faces, target_policy, seed):
    """Choose a target identity for each image: int64 `(n,)`; an unknown policy raises InputError."""
    count, random = len(model.identities), np.random.default_rng(seed)
    if target_policy == "uniform":
        return random.integers(0, count, len(faces))
    if target_policy == "exclude-true":
        return (faces.identity + random.integers(1, count, len(faces))) % count
    if target_policy.startswith("fixed:"):
        return model.resolve_targets(target_policy.removeprefix("fixed:"), len(faces))
    raise InputError(f"target policy {target_policy!r}: must be uniform, exclude-true or fixed:NAME")


def pair_dump(originals, protected):
    """Match two FaceSets image by image, by path without the file's ending; returns a Dump without latents."""
    stems = [[str(Path(path).with_suffix("")) for path in faces.paths] for faces in (originals, protected)]
    where = {stem: index for index, stem in enumerate(stems[1])}
    missing = [stem for stem in stems[0] if stem not in where]
    if missing:
        raise InputError(f"{len(missing)} originals have no protected version, first: {missing[0]}; names must match")
    matched = protected.images[[where[stem] for stem in stems[0]]]
    test = split(originals, "image", EXTERNAL_TEST_FRACTION).test
    arrays = {}
    for part, index in (("train", np.setdiff1d(np.arange(len(originals)), test)), ("test", test)):
        arrays |= {
            f"x_{part}": originals.images[index],
            f"p_{part}": matched[index],
            f"id_{part}": originals.identity[index],
            f"ep_{part}": originals.expression[index],
        }
    return Dump(**arrays, identities=originals.identities, expressions=originals.expressions)


def _check_labels(model, faces):
    if faces.expressions != model.expressions:
        raise InputError(
            f"the data's expressions are {', '.join(faces.expressions)}; the model's are {', '.join(model.expressions)}"
        )
