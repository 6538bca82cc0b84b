"""The built-in faces: balanced, reproducible, cached, expressive at any size, and drawn again on other people."""

import dataclasses
import hashlib

import numpy as np
import pytest
from helpers import noise_faces
from PIL import Image

from vgan_tf.data import avatars, companions, load_faces
from vgan_tf.data.avatars import appearance, dataset, people
from vgan_tf.data.avatars.appearance import Identity, Motion, Nuisance
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def faces():
    return avatars.load(64, identities=4, images=150, seed=7, cache=False, processes=1)


def test_set_is_whole_and_balanced(faces):
    assert faces.images.shape == (150, 64, 64, 3) and faces.images.dtype == np.uint8
    cells = np.bincount(faces.identity * 7 + faces.expression, minlength=28)
    assert cells.min() >= 5 and cells.max() <= 6
    assert len(set(faces.paths)) == len(faces) == len(faces.clip) == len(faces.split)
    assert faces.identities == tuple(sorted(faces.identities)) and faces.expressions == EXPRESSIONS
    neutral = faces.expression == EXPRESSIONS.index("neutral")
    assert set(faces.truth) == set(dataset.TRUTH)
    assert (faces.truth["intensity"][neutral] == 0).all() and (faces.truth["intensity"][~neutral] >= 0.45).all()
    assert all(values.dtype == np.float32 and values.shape == (150,) for values in faces.truth.values())


@pytest.mark.parametrize(
    "identities, seed, start, stop, images, truth",
    [
        (6, 1, 0, 84, "3d5998a2fda0954b19b9845da55aaf78", "271e66a548662ba2a1786cd17020e697"),
        (24, 7, 100, 220, "b2b1474bf6feecc0b685131623d27823", "4cc0cd9ce18bcbf926bb50f670ab35ed"),
        (2, 3, 0, 28, "b5ef62ca85d0f562b7cef7723979081e", "a55cc489adb6f9d7121dbb782bc5996f"),
    ],
)
def test_pictures_of_64_pixels_never_change(identities, seed, start, stop, images, truth):
    drawn = avatars.Avatars(identities, seed).draw(start, stop, 64)
    assert [hashlib.sha256(array.tobytes()).hexdigest()[:32] for array in drawn] == [images, truth]


def test_same_seed_same_bytes_however_it_is_drawn(faces):
    several = avatars.load(64, identities=4, images=150, seed=7, cache=False, processes=2)
    assert several.fingerprint() == faces.fingerprint()
    assert all((several.truth[name] == faces.truth[name]).all() for name in dataset.TRUTH)
    other = avatars.load(64, identities=4, images=28, seed=8, cache=False)
    assert (other.images != faces.images[:28]).any()


def scaled(images, size, method=Image.Resampling.BOX):
    return np.stack([Image.fromarray(image).resize((size, size), method) for image in images]).astype(float)


def enlarge(images):
    return scaled(images, 128, Image.Resampling.BICUBIC).astype(np.uint8)


def detail(images):
    return np.abs(images - enlarge(scaled(images, 64).astype(np.uint8)).astype(float)).mean()


def test_other_sizes_show_the_same_in_more_or_less_detail():
    small, middle, large = (load_faces("avatars:identities=4,images=28,seed=7", size) for size in (32, 64, 128))
    assert small.images.shape == (28, 32, 32, 3) and large.images.shape == (28, 128, 128, 3)
    reduced = [small.images.astype(float), scaled(middle.images, 32), scaled(large.images, 32)]
    nearest = min(np.abs(reduced[0][i] - reduced[0][j]).mean() for i in range(28) for j in range(i))
    for other in reduced[1:]:
        assert np.abs(other - reduced[0]).mean(axis=(1, 2, 3)).max() < nearest / 2
    # An enlargement has less detail beyond 64 pixels; counterparts have no noise that could pass for it.
    enlarged = enlarge(middle.counterparts(middle.identity))
    assert detail(large.counterparts(large.identity)) > 1.5 * detail(enlarged)


def test_cache_is_used_and_redrawn_when_damaged(tmp_path):
    options = {"identities": 2, "images": 14, "seed": 3}
    first = avatars.load(64, **options)
    (file,) = tmp_path.rglob("*.npz")
    altered = 255 - first.images
    np.savez(file, images=altered, truth=np.zeros((14, len(dataset.TRUTH)), np.float32))
    assert (avatars.load(64, **options).images == altered).all()
    assert avatars.load(32, **options).images.shape[1] == 32
    file.write_bytes(file.read_bytes()[:5000])
    assert avatars.load(64, **options).fingerprint() == first.fingerprint()
    assert file.stat().st_size > 14 * 64 * 64 * 3


@pytest.mark.parametrize(
    "options, named",
    [
        ("identities=0", "identities=0: must be a whole number of at least 1"),
        ("identities=6,images=41", "images=41: must be a whole number of at least 42"),
        ("people=3", "unknown option 'people'; the options are identities, images, seed"),
        ("images=1.5", "images must be a whole number, not '1.5'"),
        ("seed=-1", "seed must be a whole number, not '-1'"),
    ],
)
def test_bad_options_are_named(options, named):
    with pytest.raises(InputError, match=named):
        load_faces(f"avatars:{options}")


def test_names_are_sorted_and_unique():
    for count in (1, 26, 27, 1200):
        assert len(set(people.names(count))) == count and list(people.names(count)) == sorted(people.names(count))


def test_first_people_differ_in_hair_skin_and_colour():
    first = [people.identity(1, index) for index in range(6)]
    for trait in ("hair_style", "skin", "hair_colour"):
        assert len({getattr(person, trait) for person in first}) == 6


def drawn(person, expression, size=64, **motion):
    return avatars.draw_face(person, Motion(expression, **motion), Nuisance(), size)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_every_style_draws_and_every_expression_moves_the_face(size):
    person = Identity()
    assert (drawn(person, "fear", size, intensity=0.0) == drawn(person, "neutral", size)).all()
    pictures = [drawn(person, name, size).astype(float) for name in EXPRESSIONS]
    for i in range(7):
        for j in range(i):
            assert np.abs(pictures[i] - pictures[j]).mean() > 2.0, (EXPRESSIONS[i], EXPRESSIONS[j])
    for field, styles in (
        ("hair_style", appearance.HAIR_STYLES),
        ("facial_hair", appearance.FACIAL_HAIR),
        ("glasses", appearance.GLASSES),
    ):
        different = {drawn(dataclasses.replace(person, **{field: s}), "joy", size).tobytes() for s in styles}
        assert len(different) == len(styles)


def test_drawing_refuses_what_it_cannot_show():
    with pytest.raises(InputError, match="expression='smirk'"):
        drawn(Identity(), "smirk")
    with pytest.raises(InputError, match="intensity=1.5"):
        drawn(Identity(), "joy", intensity=1.5)


def test_the_counterpart_on_the_same_person_differs_in_the_nuisance_only(faces):
    for index in (3, 26):
        motion, nuisance = people.circumstances(7, index, EXPRESSIONS[faces.expression[index]])
        person = people.identity(7, int(faces.identity[index]))
        np.testing.assert_array_equal(faces.images[index], avatars.draw_face(person, motion, nuisance, 64))
        (counterpart,) = faces.subset([index]).counterparts(faces.identity[[index]])
        np.testing.assert_array_equal(counterpart, avatars.draw_face(person, motion, Nuisance(), 64))
        assert (counterpart != faces.images[index]).any()


def test_counterparts_have_the_motion_of_the_image_and_the_face_of_the_target(faces):
    index, targets = [3, 26, 26], np.array([2, 0, 1])
    counterparts = faces.subset(index).counterparts(targets)
    for picture, number, target in zip(counterparts, index, targets, strict=True):
        motion, _ = people.circumstances(7, number, EXPRESSIONS[faces.expression[number]])
        expected = avatars.draw_face(people.identity(7, int(target)), motion, Nuisance(), 64)
        np.testing.assert_array_equal(picture, expected)
    np.testing.assert_array_equal(faces.subset(index).counterparts(targets), counterparts)


def test_counterparts_survive_subset_among_and_concatenate(faces):
    ben, cleo = faces.identities[1:3]
    some = faces.subset(faces.identity >= 2)
    wanted = some.subset([0, 5]).counterparts([1, 2])
    fewer = some.among(("dov", "cleo", "ben")).subset([0, 5])
    assert fewer.identities[2] == ben and fewer.identities[1] == cleo
    np.testing.assert_array_equal(fewer.counterparts([2, 1]), wanted)
    later = avatars.load(64, identities=4, images=28, seed=7, first=150, cache=False)
    joined = some.concatenate(later)
    np.testing.assert_array_equal(joined.subset([0, 5]).counterparts([1, 2]), wanted)
    (last,) = joined.subset([len(joined) - 1]).counterparts([0])
    (same,) = later.subset([27]).counterparts([0])
    np.testing.assert_array_equal(last, same)
    with pytest.raises(InputError, match="no person 'zoe'"):
        fewer.among(("cleo", "dov", "zoe")).counterparts([2, 2])


def test_images_that_were_read_have_no_counterparts(faces):
    other = avatars.load(64, identities=4, images=28, seed=8, cache=False)
    assert faces.has_counterparts and not faces.concatenate(other).has_counterparts
    read = noise_faces()
    assert not read.has_counterparts and not read.subset([0]).concatenate(read).has_counterparts
    with pytest.raises(InputError, match="read, not drawn") as error:
        read.counterparts(read.identity)
    assert "\n" not in str(error.value)


def test_further_pictures_are_of_the_same_people_and_strangers_of_others(few_companions):
    source = "avatars:identities=2,images=28,seed=3"
    whole = load_faces("avatars:identities=2,images=42,seed=3", 32)
    later = load_faces("avatars:identities=2,images=14,seed=3,first=28", 32)
    np.testing.assert_array_equal(later.images, whole.images[28:])
    np.testing.assert_array_equal(later.identity, whole.identity[28:])
    assert later.paths == whole.paths[28:]
    fresh, strangers = companions(source, 32)
    np.testing.assert_array_equal(fresh.images[:14], later.images)
    assert fresh.identities == whole.identities and not set(strangers.identities) & set(whole.identities)
    assert len(fresh) == 2 * 28 and np.bincount(strangers.identity).tolist() == [7] * len(strangers.identities) == [
        7,
        7,
    ]
    assert companions("somewhere/else", 32) == (None, None)
    assert fresh.images.shape[1:] == strangers.images.shape[1:] == (32, 32, 3)


def test_counterparts_drawn_beforehand_are_those_that_the_set_can_draw():
    options = {"identities": 4, "images": 56, "seed": 7, "cache": False}
    faces = avatars.load(64, **options, counterparts=True, processes=1)
    plain = avatars.load(64, **options, processes=1)
    assert (faces.images == plain.images).all() and not plain.has_counterpart_images
    assert faces.counterpart_images.shape == (56, 64, 64, 4) and (faces.counterpart_images[..., 3] == 255).all()
    assert set(faces.counterpart_target) == set(range(6)) and not set(faces.targets) & set(faces.identities)
    for row in (0, 29, 55):
        name = faces.targets[faces.counterpart_target[row]]
        assert (faces.drawn_by.counterpart(row, name, 64) == faces.counterpart_images[row, ..., :3]).all()
    several = avatars.load(64, **options, counterparts=True, processes=2)
    assert (several.counterpart_images == faces.counterpart_images).all()


def test_counterparts_are_cached_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = {"identities": 4, "images": 28, "seed": 7}
    first = avatars.load(64, **options, counterparts=True)
    assert not avatars.load(64, **options).has_counterpart_images
    assert avatars.load(64, **options, counterparts=True).fingerprint() == first.fingerprint()
