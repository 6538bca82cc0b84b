"""People drawn at random: the same twice, within what their fields allow, and as different as people are."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.data.heads import people
from vgan_tf.data.heads.appearance import CLOTHES, FACIAL_HAIR, GLASSES, HAIR_STYLES, HEAD_COVERS, Person
from vgan_tf.data.heads.cast import CAST
from vgan_tf.data.heads.motions import MOTION_SHAPES, REST_LIMIT

DRAWN = [people.person(1, number) for number in range(400)]
SHARES = (
    "redness", "pores", "moles", "freckles", "blotches", "age_lines", "eye_shadow", "eye_rings", "lip_stick",
    "brow_density", "lash_length", "hair_volume", "hair_grey",
)  # fmt: skip
RANGES = {
    **dict.fromkeys(SHARES, (0, 1)),
    "shine": (0, 1.5),
    "lower_lip": (0, 1.2),
    "lip_shine": (0, 1.2),
    "brow_thickness": (0.4, 1.7),
    "brow_height": (-0.3, 0.3),
    "brow_tilt": (-0.3, 0.3),
    "iris_size": (0.85, 1.15),
    "hairline": (-1, 1),
}
CHOICES = {
    "hair_style": HAIR_STYLES,
    "facial_hair": FACIAL_HAIR,
    "glasses": GLASSES,
    "head_cover": HEAD_COVERS,
    "clothes": CLOTHES,
}
COLOURS = ("skin", "lip_colour", "brow_colour", "eye_colour", "hair_colour", "glasses_colour", "head_cover_colour",
           "clothes_colour")  # fmt: skip


def shapes(drawn):
    """Weights of their modes: `(n, MODES)`."""
    return np.array([[weight for _, weight in person.shape] for person in drawn])


def values(name):
    return np.array([getattr(person, name) for person in DRAWN])


def test_a_person_depends_on_seed_and_number_alone():
    assert [people.person(1, number) for number in (399, 0, 7)] == [DRAWN[399], DRAWN[0], DRAWN[7]]
    others = {people.person(seed, number) for seed in (2, 3) for number in range(50)}
    assert len({*DRAWN, *others}) == 500 and len({person.seed for person in {*DRAWN, *others}}) == 500
    assert len({person.skin for person in DRAWN}) > 390 and len({person.rest for person in DRAWN}) == 400


@pytest.mark.parametrize("name", RANGES)
def test_numbers_are_within_their_range_and_spread_over_it(name):
    low, high = RANGES[name]
    assert low <= values(name).min() and values(name).max() <= high
    assert len(set(values(name).tolist())) > 30 and values(name).std() > 0.05 * (high - low)


def test_colours_are_linear_rgb():
    for name in COLOURS:
        assert values(name).shape == (400, 3) and values(name).min() > 0 and values(name).max() < 1, name


def test_every_field_is_named_above():
    fields = {field.name for field in dataclasses.fields(Person)}
    assert fields == {*RANGES, *CHOICES, *COLOURS, "seed", "shape", "rest", "hair_strands"}
    assert all(person.hair_strands == 1 for person in DRAWN)  # the cast's hair alone is smoother


@pytest.mark.parametrize("name", CHOICES)
def test_every_kind_occurs_and_no_other(name):
    kinds, counts = np.unique(values(name), return_counts=True)
    assert set(kinds) == set(CHOICES[name]) and counts.min() >= 4


def test_what_goes_together():
    bearded, covered = values("facial_hair") != "none", values("head_cover") != "none"
    assert 0.15 < bearded.mean() < 0.4 and covered.mean() < 0.25
    assert (values("lip_stick")[bearded] == 0).all() and (values("eye_shadow")[bearded] == 0).all()
    assert not (bearded & np.isin(values("hair_style"), ("bun", "bob"))).any()
    assert not (bearded & (values("head_cover") == "scarf")).any()
    assert (values("lip_stick") > 0).mean() > 0.15
    grey, lined = values("hair_grey") > 0.5, values("age_lines")
    assert lined[grey].mean() > lined[~grey].mean() + 0.2
    brightness = values("skin").mean(axis=1)
    afro = values("hair_style") == "afro"
    assert brightness[afro].mean() < 0.5 * brightness.mean()
    assert (values("brow_colour").mean(axis=1)[~grey] < values("skin").mean(axis=1)[~grey]).mean() > 0.9


def test_skins_are_of_all_tones():
    brightness = values("skin").mean(axis=1)
    share, _ = np.histogram(brightness, [0, 0.08, 0.16, 0.25, 0.35, 0.45, 1])
    assert share.min() > 0.05 * 400
    red, green, blue = values("skin").T
    assert (red > green).all() and (green > blue).all()


def test_lips_are_darker_than_pale_skin_and_redder_and_many_lighter_than_dark_skin():
    skin, lips, bare = values("skin"), values("lip_colour"), values("lip_stick") == 0
    brightness = skin.mean(axis=1)
    dark, pale = bare & (brightness < 0.12), bare & (brightness > 0.45)
    lighter = lips.mean(axis=1) > brightness
    assert dark.sum() > 20 < pale.sum() and not lighter[pale].any() and 0.1 < lighter[dark].mean() < 0.9
    assert ((lips[:, 0] / lips[:, 1])[bare] > (skin[:, 0] / skin[:, 1])[bare]).all()
    assert values("lower_lip")[dark].mean() > values("lower_lip")[pale].mean() + 0.15


def test_shapes_are_of_unit_variance_and_rest_is_slight():
    weights = shapes(DRAWN)
    assert weights.shape == (400, people.MODES) and np.abs(weights).max() <= people.MODE_LIMIT
    assert [mode for mode, _ in DRAWN[5].shape] == list(range(people.MODES))
    plain = weights[:, len(people.MASCULINE) :]
    assert plain.std(axis=0) == pytest.approx(np.full(plain.shape[1], 0.92), abs=0.2)
    assert np.abs(plain.mean(axis=0)).max() < 0.2
    bearded = values("facial_hair") != "none"
    assert np.corrcoef(weights[:, : len(people.MASCULINE)] @ people.MASCULINE, bearded)[0, 1] > 0.25
    for person in DRAWN:
        names, strengths = zip(*person.rest, strict=True)
        assert set(names) <= {*MOTION_SHAPES, "mouthClose"} and 0 < np.abs(strengths).max() <= REST_LIMIT


def test_distance_is_the_root_mean_square_of_what_modes_do():
    one, other = np.zeros(people.MODES), np.zeros(people.MODES)
    other[[0, 2]] = 2, -1
    assert people.shape_distance(one, other) == pytest.approx(np.hypot(2 * 0.235, 0.189))
    other[people.MODES - 1] = 2  # too late a mode to be seen
    assert people.shape_distance(np.stack([one, other]), other) == pytest.approx([np.hypot(2 * 0.235, 0.189), 0])
    member = np.zeros(people.MODES)
    for mode, weight in CAST["otto"].shape:
        member[mode] = weight
    assert people.distance_to_cast(member) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_is_as_near_to_the_cast_as_people_are_to_each_other(seed):
    weights = shapes([people.person(seed, number) for number in range(400)])
    between = people.shape_distance(weights[:, None], weights[None])
    np.fill_diagonal(between, np.inf)
    nearest_neighbour = np.median(between.min(axis=1))
    nearest_of_cast = np.array([
        people.shape_distance(weights, np.array([weight for _, weight in member.shape])).min()
        for member in CAST.values()
    ])  # fmt: skip
    assert len(nearest_of_cast) == 16 and nearest_of_cast.min() >= people.FROM_CAST - 1e-3
    assert nearest_of_cast.min() > nearest_neighbour


def test_brows_are_darker_than_skin_whatever_the_hair():
    drawn = [people.person(3, index) for index in range(300)]
    assert max(one.hair_grey for one in drawn) > 0.9  # grey hair on pale skin, the hardest case, is among them
    assert all(np.mean(one.brow_colour) <= 0.4 * np.mean(one.skin) + 0.005 for one in drawn)
