"""split: disjoint and whole, stratified, fixed by the seed, and honest about what it cannot do."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.data import FaceSet, split
from vgan_tf.errors import InputError


def make_faces(identities=4, expressions=3, per_cell=20, clips_per_cell=5):
    identity, expression, number = (
        axis.ravel() for axis in np.mgrid[:identities, :expressions, :per_cell].astype(np.int64)
    )
    clip = [f"{i}-{e}-{n % clips_per_cell}" for i, e, n in zip(identity, expression, number, strict=True)]
    return FaceSet(
        images=np.zeros((len(identity), 4, 4, 3), np.uint8),
        identity=identity,
        expression=expression,
        identities=tuple(f"id{i}" for i in range(identities)),
        expressions=("anger", "joy", "neutral", "sadness")[:expressions],
        paths=tuple(str(n) for n in range(len(identity))),
        clip=np.array(clip),
        split=np.array([""] * len(identity)),
        truth={},
    )


def cell_counts(faces, index):
    cells = faces.identity[index] * len(faces.expressions) + faces.expression[index]
    return np.bincount(cells, minlength=len(faces.identities) * len(faces.expressions))


@pytest.mark.parametrize("by", ["image", "clip", "subject"])
def test_parts_are_sorted_disjoint_and_cover_everything(by):
    faces = make_faces()
    parts = split(faces, by, seed=3)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together) == list(range(len(faces))) and parts.train.dtype == np.int64
    assert all(np.all(np.diff(part) > 0) for part in (parts.train, parts.validation, parts.test))


def test_by_image_gives_every_cell_its_share():
    faces = make_faces()
    parts = split(faces, validation_fraction=0.1)
    assert set(cell_counts(faces, parts.test)) == {3}  # 15 % of 20
    assert len(parts.validation) == 20 and set(cell_counts(faces, parts.validation)) <= {1, 2}  # 10 % of 204


def test_seed_fixes_the_split():
    faces = make_faces(identities=2, expressions=2, per_cell=5)
    first, again, other = (split(faces, validation_fraction=0.1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.test, again.test)
    np.testing.assert_array_equal(first.validation, again.validation)
    assert not np.array_equal(first.test, other.test)
    # Known values: the same on every platform.
    assert (first.test.tolist(), first.validation.tolist()) == ([7, 11, 16], [4, 8])


def test_no_cell_of_two_is_emptied_and_small_cells_still_share():
    for seed in range(10):
        faces = make_faces(per_cell=2)
        parts = split(faces, test_fraction=0.4, validation_fraction=0.4, seed=seed)
        assert cell_counts(faces, parts.train).min() == 1
        faces = make_faces(identities=10, per_cell=1)
        parts = split(faces, test_fraction=0.2, validation_fraction=0.1, seed=seed)
        assert len(parts.test) == 6 and len(parts.validation) == 2


def test_by_clip_keeps_clips_whole_and_leaves_every_cell_in_train():
    faces = make_faces()
    parts = split(faces, "clip", test_fraction=0.2, validation_fraction=0.25)
    clips = [set(faces.clip[part]) for part in (parts.train, parts.validation, parts.test)]
    assert not (clips[0] & clips[1] or clips[0] & clips[2] or clips[1] & clips[2])
    assert set(cell_counts(faces, parts.test)) == {4} and set(cell_counts(faces, parts.validation)) == {4}
    with pytest.raises(InputError, match="validation empty|test empty"):
        split(make_faces(clips_per_cell=1), "clip")
    unclipped = dataclasses.replace(faces, clip=np.where(np.arange(len(faces)) < 5, "", faces.clip))
    with pytest.raises(InputError, match="5 of 240 images have no clip"):
        split(unclipped, "clip")


@pytest.mark.parametrize("by", ["image", "clip"])
def test_counterparts_stay_together(by):
    faces = make_faces(clips_per_cell=20)
    # Motion 0 to 19 of each expression is shown by all four identities.
    motion = np.array([clip.partition("-")[2] for clip in faces.clip])
    paired = dataclasses.replace(faces, clip=motion)
    parts = split(paired, by)
    motions = [set(motion[part]) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, motions)) == len(set(motion)) == 60
    assert len(parts.test) == 36 and len(parts.validation) == 12
    # Without marks, or with marks that one identity alone has, drawing by image is as it ever was.
    alone, unmarked = split(faces), split(dataclasses.replace(faces, clip=np.full(len(faces), "")))
    np.testing.assert_array_equal(alone.test, unmarked.test)
    assert not set(motion[alone.test]).isdisjoint(motion[alone.train])


def test_by_subject_holds_whole_identities_out():
    faces = make_faces(identities=8)
    parts = split(faces, "subject", test_fraction=0.25)
    held_out = set(faces.identity[parts.test])
    assert len(held_out) == 2 and len(parts.test) == 2 * 60
    assert held_out.isdisjoint(faces.identity[parts.train]) and held_out.isdisjoint(faces.identity[parts.validation])
    assert set(faces.identity[parts.validation]) == set(faces.identity[parts.train])
    with pytest.raises(InputError, match="fewer than 2"):
        split(make_faces(identities=2), "subject")


def test_given_parts_are_followed():
    faces = make_faces()
    with pytest.raises(InputError, match="240 of 240 images have no"):
        split(faces, "given")
    number = np.arange(len(faces))
    marked = dataclasses.replace(faces, split=np.where(number % 4 == 0, "test", "train"))
    parts = split(marked, "given", validation_fraction=0.1)
    np.testing.assert_array_equal(parts.test, number[::4])
    assert len(parts.validation) == 18 and cell_counts(faces, parts.validation).max() <= 2
    marked = dataclasses.replace(faces, split=np.where(number % 4 == 1, "validation", marked.split))
    np.testing.assert_array_equal(split(marked, "given").validation, number[1::4])
    with pytest.raises(InputError, match="no image is marked test"):
        split(dataclasses.replace(faces, split=np.full(len(faces), "train")), "given")


def test_wrong_arguments_are_named():
    faces = make_faces()
    with pytest.raises(InputError, match="choose one of image, clip, subject, given"):
        split(faces, "person")
    for name in ("test_fraction", "validation_fraction"):
        for fraction in (0.0, 1.0, -0.1, float("nan")):
            with pytest.raises(InputError, match=f"{name} is"):
                split(faces, **{name: fraction})
    with pytest.raises(InputError, match="empty"):
        split(faces.subset(np.arange(2)))
