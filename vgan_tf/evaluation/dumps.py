"""Dumps: what an attacker may see of a run, of its exported files, or of anyone's anonymizer, as arrays."""

import dataclasses
from pathlib import Path

import numpy as np

from vgan_tf.audit import Dump, Images
from vgan_tf.data import companions, partition, split
from vgan_tf.data.pipeline import with_alpha
from vgan_tf.data.stored import BLOCK
from vgan_tf.errors import InputError
from vgan_tf.images import to_uint8

# Held-out people, in a split by subject, are attacked by one who has the other part of their images.
HELD_OUT_TEST_FRACTION = 0.3
EXTERNAL_TEST_FRACTION = 0.3


def drawn_companions(config):
    """FaceSets of fresh images and of strangers for a run on drawn faces, or None for each.

    Held-out people, in a split by subject, are strangers already.
    """
    return (None, None) if config.split == "subject" else companions(config.data, config.image_size)


def make_dump(
    model, faces, target_policy="uniform", most_images=None, fresh=None, strangers=None, people_held_out=False
):
    """Protect a data set and gather what an attacker may see.

    Args:
        model: PPRLVGAN or DeviceModel.
        faces: FaceSet, the whole data; it is split as the model's configuration says.
        target_policy: as for `evaluate_run`.
        most_images: of each part, drawn at random; None for all.
        fresh: FaceSet of the same people in pictures that trained nothing, or None.
        strangers: FaceSet of people that are not in the data, or None.
        people_held_out: whether nobody in `faces` was trained on, which goes without saying in a split by subject.

    Returns:
        Dump. Its train part is everything but the test part; `trained_train` marks what trained the generator. Of
        held-out people both parts hold images; where they were held out by a split by subject, `references` are of the
        others, if these are the targets. The counterparts of `faces` are in it where they show the targets.
    """
    config = model.config
    _check_labels(model, faces)
    if people_held_out:
        test = faces
    else:
        train, validation, test = partition(faces, config)
    by_subject = config.split == "subject" and not people_held_out
    people_held_out = people_held_out or by_subject
    people_are_targets = not people_held_out and faces.identities == model.identities
    known = not people_held_out and (bool(config.pairs) or model.identities in (faces.identities, faces.targets))
    if target_policy == "exclude-true" and not people_are_targets:
        target_policy = "uniform"  # Nobody's true identity is a target.
    if people_held_out:
        held_out = split(test, "image", HELD_OUT_TEST_FRACTION, seed=config.seed).test
        parts = {"train": test.subset(np.setdiff1d(np.arange(len(test)), held_out)), "test": test.subset(held_out)}
    else:
        parts = {"train": train.concatenate(validation), "test": test}
    motion, clips = faces.motion_names, np.unique(faces.clip)
    sets, trained = {}, None
    for number, (part, subset) in enumerate(parts.items()):
        seed = config.seed + 1 + number
        kept = _draw_rows(subset, most_images, seed)
        if part == "train":
            trained = kept < len(train) if known else np.zeros(len(kept), bool)
        subset = subset.subset(kept)
        sets[part] = _protect(model, subset, target_policy, seed, motion)
        if clips.size > 1:
            sets[part] = dataclasses.replace(sets[part], clip=np.searchsorted(clips, subset.clip))
    known_targets = by_subject and train.identities == model.identities
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
            policy = "uniform" if part == "strangers" else target_policy
            sets[part] = _protect(model, subset, policy, seed, motion)
    return Dump(
        **sets,
        trained=trained,
        identities=parts["test"].identities,
        expressions=model.expressions,
        targets=model.identities,
        target_policy=target_policy,
        release=model.release,
        discrete=model.release.startswith("prototypes"),
        motion_names=motion,
    )


def _draw_rows(faces, most, seed):
    """At most so many rows of a FaceSet, in order; all for None."""
    return np.sort(np.random.default_rng(seed).permutation(len(faces))[:most])


def _protect(model, faces, target_policy, seed, motion):
    """What an attacker may see of a FaceSet; `motion`: names of the truth that tell what a face does."""
    targets = draw_targets(model, faces, target_policy, seed)
    protected = model.protect_and_encode(faces.images, targets, seed)
    known = bool(motion) and all(name in faces.truth for name in motion)
    paired = faces.has_counterpart_images and faces.targets == model.identities
    return Images(
        x=np.asarray(faces.images),
        p=protected.pictures,
        mu=protected.means,
        z=protected.samples,
        r=protected.released,
        c=targets,
        id=faces.identity,
        ep=faces.expression,
        motion=np.stack([faces.truth[name] for name in motion], axis=1) if known else None,
        counterpart=_before_grey(faces.counterpart_images) if paired else None,
        counterpart_id=faces.counterpart_target if paired else None,
        identities=faces.identities,
    )


def _before_grey(pictures):
    """Pictures with alpha, `(n, size, size, 4)`, as protected ones are: uint8 `(n, size, size, 3)`."""
    blocks = (np.asarray(pictures[first : first + BLOCK]) for first in range(0, len(pictures), BLOCK))
    return np.concatenate([to_uint8(with_alpha(block)[..., :3]) for block in blocks])


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
    """Match two FaceSets image by image, by path without the file's ending; returns a Dump of pictures alone."""
    stems = [[str(Path(path).with_suffix("")) for path in faces.paths] for faces in (originals, protected)]
    where = {stem: index for index, stem in enumerate(stems[1])}
    missing = [stem for stem in stems[0] if stem not in where]
    if missing:
        raise InputError(f"{len(missing)} originals have no protected version, first: {missing[0]}; names must match")
    matched = protected.images[[where[stem] for stem in stems[0]]]
    test = split(originals, "image", EXTERNAL_TEST_FRACTION).test
    parts = {}
    for part, index in (("train", np.setdiff1d(np.arange(len(originals)), test)), ("test", test)):
        faces = originals.subset(index)
        parts[part] = Images(x=np.asarray(faces.images), p=matched[index], id=faces.identity, ep=faces.expression)
    return Dump(**parts, identities=originals.identities, expressions=originals.expressions)


def _check_labels(model, faces):
    if faces.expressions != model.expressions:
        raise InputError(
            f"the data's expressions are {', '.join(faces.expressions)}; the model's are {', '.join(model.expressions)}"
        )
