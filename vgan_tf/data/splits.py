"""Dividing a `FaceSet` into train, validation and test; fixed by a seed."""

import dataclasses

import numpy as np

from vgan_tf.errors import InputError

SPLITS = ("image", "clip", "subject", "given")
VALIDATION_FRACTION = 0.05  # of what is not test: watched during training


@dataclasses.dataclass(frozen=True)
class Split:
    """Indices into a `FaceSet`: sorted int64 arrays, disjoint, none empty, together all images."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def partition(faces, config):
    """Split a data set as configured.

    The target identities are those of the training images: in a split by subject the test images show others.

    Args:
        faces: FaceSet.
        config: Config; its split, test_fraction and seed are used.

    Returns:
        (train, validation, test): FaceSets.
    """
    index = split(faces, config.split, config.test_fraction, seed=config.seed)
    train, validation, test = (faces.subset(part) for part in (index.train, index.validation, index.test))
    if config.split == "subject":
        train, validation, test = (
            part.among([part.identities[i] for i in np.unique(owner.identity)])
            for part, owner in ((train, train), (validation, train), (test, test))
        )
    return train, validation, test


def split(faces, by="image", test_fraction=0.15, validation_fraction=VALIDATION_FRACTION, seed=0):
    """Divide faces into train, validation and test.

    Every pair of identity and expression that has at least two images keeps one in train, even if validation or test
    grows smaller than asked ("subject": among the training identities; "given": as far as validation is drawn here).

    A clip that shows several identities holds counterparts, pictures of one motion. Drawing by image keeps them
    together, so that no motion of a test image was trained on; "subject" does not, as there the identities decide.

    Args:
        faces: FaceSet.
        by: "image" draws images, stratified by identity and expression (the paper's 85/15: frames of one video fall
            on both sides, which flatters); "clip" keeps each clip whole; "subject" holds whole identities out for
            test; "given" follows `faces.split`.
        test_fraction: share of all images (of the identities for "subject") in test, between 0 and 1, exclusive.
        validation_fraction: share of the rest in validation, likewise; drawn by clip for "clip", else by image.
            Unused where the source marks its own validation images.
        seed: int >= 0.

    Returns:
        Split.

    Raises:
        InputError: `by` is unknown, a fraction out of range, clips or marks are missing, or one of the three is empty.
    """
    if by not in SPLITS:
        raise InputError(f"split by {by!r} is unknown; choose one of {', '.join(SPLITS)}")
    for name, fraction in (("test_fraction", test_fraction), ("validation_fraction", validation_fraction)):
        if not 0.0 < fraction < 1.0:
            raise InputError(f"{name} is {fraction}; it must lie between 0 and 1, exclusive")
    generator = np.random.Generator(np.random.PCG64(seed))
    everything = np.arange(len(faces))
    groups = _groups(faces, by)
    validation = np.array([], np.int64)
    if by == "given":
        _check_marks(faces)
        test, validation = np.flatnonzero(faces.split == "test"), np.flatnonzero(faces.split == "validation")
    elif by == "subject":
        test = _held_out_identities(faces, test_fraction, generator)
    else:
        test = _draw(faces, everything, groups, test_fraction, generator)
    rest = np.setdiff1d(everything, test)
    if not len(validation):
        validation = _draw(faces, rest, groups, validation_fraction, generator)
    train = np.setdiff1d(rest, validation)
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        if not len(part):
            raise InputError(
                f"split by {by} leaves {name} empty ({len(faces)} images); give more images or clips for each "
                "identity and expression, change the fractions, or split otherwise"
            )
    return Split(train, validation, test)


def _draw(faces, available, groups, fraction, generator):
    """Draw whole groups out of `available` until they hold `fraction` of its images; returns sorted image indices.

    Within each stratum (identity and expression) the groups stand in random order at equal distances on a line from
    0 to 1, the strata shifted at random against each other: any stretch from 0 then holds each stratum's share.
    """
    cell = faces.identity * len(faces.expressions) + faces.expression
    in_cell = np.bincount(cell)
    left = np.bincount(cell[available], minlength=len(in_cell))
    order = available[np.argsort(groups[available], kind="stable")]
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    stratum = np.array([np.bincount(cell[group]).argmax() for group in members])
    shift = generator.random(len(in_cell))
    chance = generator.random(len(members))
    position = np.empty(len(members))
    for value in np.unique(stratum):
        inside = np.flatnonzero(stratum == value)
        rank = np.argsort(np.argsort(chance[inside], kind="stable"), kind="stable")
        position[inside] = (rank + shift[value]) / len(inside)
    wanted, drawn, count = fraction * len(available), [], 0
    for index in np.argsort(position, kind="stable"):
        group = members[index]
        if count and count + len(group) / 2 > wanted:
            break
        touched, taken = np.unique(cell[group], return_counts=True)
        if np.all((left[touched] > taken) | (in_cell[touched] == 1)):
            left[touched] -= taken
            drawn.append(group)
            count += len(group)
    return np.sort(np.concatenate(drawn)) if drawn else np.array([], np.int64)


def _groups(faces, by):
    """int64 `(n,)`: equal numbers for images that must stay together."""
    marked = faces.clip != ""
    if by == "clip" and not marked.all():
        without = int(np.sum(~marked))
        raise InputError(f"split by clip: {without} of {len(faces)} images have no clip; split by image or subject")
    clip = np.unique(faces.clip, return_inverse=True)[1].reshape(-1)
    if by == "clip":
        return clip
    shown = np.unique(np.stack([clip, faces.identity]), axis=1)[0]  # each clip once for each of its identities
    shared = marked & (np.bincount(shown)[clip] > 1)
    return np.where(shared, len(faces) + clip, np.arange(len(faces)))


def _held_out_identities(faces, fraction, generator):
    count = len(faces.identities)
    held_out = max(1, int(fraction * count + 0.5))
    if count - held_out < 2:
        raise InputError(
            f"split by subject: {held_out} of {count} identities for test leave fewer than 2 to train on; "
            "lower test_fraction or split by image"
        )
    chosen = np.argsort(generator.random(count), kind="stable")[:held_out]
    return np.flatnonzero(np.isin(faces.identity, chosen))


def _check_marks(faces):
    without = int(np.sum(faces.split == ""))
    if without:
        raise InputError(
            f"split as given: {without} of {len(faces)} images have no train, validation or test mark; "
            "add a split column or split by image"
        )
    for part in ("train", "test"):
        if not np.any(faces.split == part):
            raise InputError(f"split as given: no image is marked {part}; mark some or split by image")
