"""The built-in faces: balanced, reproducible, cached, and expressive."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.data import companions, load_faces
from vgan_tf.data.avatars import appearance, drawing
from vgan_tf.data.avatars import cast as avatars
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def faces():
    return avatars.load(identities=4, images=150, seed=7, cache=False, processes=1)


def test_set_is_whole_and_balanced(faces):
    assert faces.images.shape == (150, 64, 64, 3) and faces.images.dtype == np.uint8
    cells = np.bincount(faces.identity * 7 + faces.expression, minlength=28)
    assert cells.min() >= 5 and cells.max() <= 6
    assert len(set(faces.paths)) == len(faces) == len(faces.clip) == len(faces.part)
    assert faces.identities == tuple(sorted(faces.identities)) and faces.expressions == EXPRESSIONS
    neutral = faces.expression == EXPRESSIONS.index("neutral")
    assert set(faces.truth) == set(avatars.TRUTH)
    assert (faces.truth["intensity"][neutral] == 0).all() and (faces.truth["intensity"][~neutral] >= 0.45).all()
    assert all(values.dtype == np.float32 and values.shape == (150,) for values in faces.truth.values())


def test_same_seed_same_bytes_however_it_is_drawn(faces):
    several = avatars.load(identities=4, images=150, seed=7, cache=False, processes=2)
    assert several.fingerprint() == faces.fingerprint()
    assert all((several.truth[name] == faces.truth[name]).all() for name in avatars.TRUTH)
    other = avatars.load(identities=4, images=28, seed=8, cache=False)
    assert (other.images != faces.images[:28]).any()


def test_cache_is_used_and_redrawn_when_damaged(faces):
    first = avatars.load(identities=2, images=14, seed=3)
    (file,) = avatars.cache_folder().glob("*.npz")
    altered = 255 - first.images
    np.savez(file, images=altered, truth=np.zeros((14, len(avatars.TRUTH)), np.float32))
    assert (avatars.load(identities=2, images=14, seed=3).images == altered).all()
    file.write_bytes(file.read_bytes()[:5000])
    assert avatars.load(identities=2, images=14, seed=3).fingerprint() == first.fingerprint()
    assert file.stat().st_size > 14 * 64 * 64 * 3


@pytest.mark.parametrize(
    "options, named",
    [
        ({"identities": 0}, "identities=0"),
        ({"identities": 6, "images": 41}, "images=41: must be a whole number of at least 42"),
        ({"seed": -1}, "seed=-1"),
        ({"images": 99.5}, "images=99.5"),
        ({"processes": 0}, "processes=0"),
    ],
)
def test_bad_options_are_named(options, named):
    with pytest.raises(InputError, match=named):
        avatars.load(**options)


def test_names_are_sorted_and_unique():
    for count in (1, 26, 27, 1200):
        assert len(set(avatars.names(count))) == count and list(avatars.names(count)) == sorted(avatars.names(count))


def test_first_people_differ_in_hair_skin_and_colour():
    people = [avatars.identity(1, index) for index in range(6)]
    for trait in ("hair_style", "skin", "hair_colour"):
        assert len({getattr(person, trait) for person in people}) == 6


def test_every_style_draws_and_every_expression_moves_the_face():
    person = appearance.Identity()
    neutral = drawing.draw_face(person, "neutral")
    assert (drawing.draw_face(person, "fear", 0.0) == neutral).all()
    drawn = [drawing.draw_face(person, name).astype(float) for name in EXPRESSIONS]
    for i in range(7):
        for j in range(i):
            assert np.abs(drawn[i] - drawn[j]).mean() > 2.0, (EXPRESSIONS[i], EXPRESSIONS[j])
    for field, styles in (
        ("hair_style", appearance.HAIR_STYLES),
        ("facial_hair", appearance.FACIAL_HAIR),
        ("glasses", appearance.GLASSES),
    ):
        looks = {drawing.draw_face(dataclasses.replace(person, **{field: s}), "joy").tobytes() for s in styles}
        assert len(looks) == len(styles)


def test_drawing_refuses_what_it_cannot_show():
    with pytest.raises(InputError, match="expression='smirk'"):
        drawing.draw_face(appearance.Identity(), "smirk")
    with pytest.raises(InputError, match="intensity=1.5"):
        drawing.draw_face(appearance.Identity(), "joy", 1.5)


def test_further_pictures_are_of_the_same_people_and_strangers_of_others():
    source = "avatars:identities=2,images=28,seed=3"
    whole = load_faces("avatars:identities=2,images=42,seed=3")
    later = load_faces("avatars:identities=2,images=14,seed=3,first=28")
    np.testing.assert_array_equal(later.images, whole.images[28:])
    np.testing.assert_array_equal(later.identity, whole.identity[28:])
    assert later.paths == whole.paths[28:]
    fresh, strangers = companions(source)
    np.testing.assert_array_equal(fresh.images[:14], later.images)
    assert fresh.identities == whole.identities and not set(strangers.identities) & set(whole.identities)
    assert len(strangers.identities) == 8 and np.bincount(strangers.identity).tolist() == [70] * 8
    assert companions("somewhere/else") == (None, None)
