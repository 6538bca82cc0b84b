"""Sampling how pictures are taken: a function of seed and number, within what its fields allow, and in true shares."""

import dataclasses
import math

import numpy as np
import pytest

from vgan_tf.data.heads import occluders
from vgan_tf.data.heads.appearance import BACKGROUNDS, OCCLUDERS, Nuisance, Person
from vgan_tf.data.heads.nuisances import fitted, nuisance

COUNT = 1500


@pytest.fixture(scope="module")
def sample():
    return [nuisance(3, number) for number in range(COUNT)]


def first_light(one):
    """Degrees to the side and up of the first light."""
    x, y, z = one.lights[0].direction
    return abs(math.degrees(math.atan2(x, z))), math.degrees(math.asin(y))


def test_each_is_a_function_of_seed_and_number(sample):
    assert nuisance(3, 77) == sample[77]
    assert len(set(sample)) == COUNT and nuisance(4, 77) != sample[77]


def test_fields_hold_plain_values_within_their_ranges(sample):
    ranges = {
        "scale": (1.3, 1.7), "shift_x": (-0.06, 0.06), "shift_y": (-0.15, -0.03), "view_angle": (12, 45),
        "camera_height": (-10, 15), "blur": (0, 0.012), "motion_blur": (0, 0.03), "noise": (0, 12), "jpeg": (0, 95),
        "shadow": (0.3, 0.9), "background_blur": (0, 0.06), "contrast": (0.8, 1.25), "saturation": (0, 1.4),
    }  # fmt: skip
    for name, (low, high) in ranges.items():
        values = [getattr(one, name) for one in sample]
        assert low <= min(values) and max(values) <= high, name
        assert max(values) - min(values) > 0.6 * (high - low), name
    plain = {int, float, str, tuple}
    for one in sample[:50]:
        assert {type(value) for value in dataclasses.asdict(one).values()} <= plain
        assert all(type(value) is float for light in one.lights for value in (*light.direction, light.strength))
    assert {one.background for one in sample} == set(BACKGROUNDS)
    assert {one.occluder for one in sample} == set(OCCLUDERS)


def test_shares(sample):
    shares = {
        "grey": (np.mean([one.saturation == 0 for one in sample]), 0.06),
        "jpeg": (np.mean([one.jpeg > 0 for one in sample]), 1 / 3),
        "occluder": (np.mean([one.occluder != "none" for one in sample]), 0.12),
        "motion_blur": (np.mean([one.motion_blur > 0 for one in sample]), 0.05),
    }
    for name, (share, expected) in shares.items():
        assert abs(share - expected) < 4 * math.sqrt(expected / COUNT), name
    assert all(one.jpeg == 0 or one.jpeg >= 30 for one in sample)


def test_light_is_frontal_and_exposes_a_face(sample):
    aside, up = np.array([first_light(one) for one in sample]).T
    assert aside.max() <= 75.1 and up.min() >= -10.1 and up.max() <= 60.1
    assert all(1 <= len(one.lights) <= 3 for one in sample)
    front = [float(occluders.light_on(one, (0.0, 0.0, 1.0)).mean()) * 2**one.exposure for one in sample]
    assert 0.9 < np.median(front) < 1.4 and np.percentile(front, 3) > 0.35 and np.percentile(front, 97) < 2.6
    sides = np.array([
        [occluders.light_on(one, (side, 0.0, 0.6)).mean() for side in (-0.8, 0.8)] for one in sample
    ])  # fmt: skip
    uneven = np.abs(np.log2(sides[:, 0] / sides[:, 1]))
    assert 0.35 < np.mean(uneven < 0.5) < 0.6  # flat, as of a studio
    assert 0.08 < np.mean(uneven > 1.6) < 0.35  # from the side


def test_held_out_lights_are_elsewhere_and_all_else_is_the_same(sample):
    for number in range(200):
        one = nuisance(3, number, held_out=True)
        aside, up = first_light(one)
        assert aside >= 79.9 or up <= -19.9
        for field in dataclasses.fields(Nuisance):
            if field.name not in ("lights", "sky", "ground", "shadow", "white_balance"):
                assert getattr(one, field.name) == getattr(sample[number], field.name), field.name


def test_hands_and_strands_are_the_persons_own():
    person = Person(skin=(0.2, 0.1, 0.06), hair_style="long", hair_colour=(0.3, 0.1, 0.02))
    hand = fitted(Nuisance(occluder="hand"), person)
    assert np.allclose(
        occluders.LINEAR[np.rint(255 * np.array(hand.occluder_skin)).astype(int)], person.skin, atol=0.02
    )
    strand = fitted(Nuisance(occluder="strand"), person)
    assert strand.occluder == "strand" and strand.occluder_colour[0] > 2 * strand.occluder_colour[2]
    assert fitted(Nuisance(occluder="strand"), dataclasses.replace(person, hair_style="bald")).occluder == "none"
    assert fitted(Nuisance(occluder="strand"), dataclasses.replace(person, head_cover="cap")).occluder == "none"


def test_exposure_makes_up_for_a_part_of_the_skin():
    dark, pale = (
        np.array([fitted(Nuisance(seed=seed), Person(skin=(grey,) * 3)).exposure for seed in range(100)])
        for grey in (0.07, 0.56)
    )
    made_up = dark - pale  # of three stops
    assert made_up.min() >= 0 and made_up.max() <= 0.9 and made_up.std() > 0.15


def test_mask_covers_mouth_and_nose_of_a_turned_head_and_leaves_the_eyes():
    angle = math.radians(12)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    places = {0: (-0.24, -0.05), 16: (0.24, -0.05), 33: (0, 0.125), 36: (-0.15, -0.07), 45: (0.15, -0.07),
              51: (0, 0.18), 57: (0, 0.23)}  # fmt: skip
    landmarks = np.full((68, 2), np.nan, np.float32)
    for number, place in places.items():
        landmarks[number] = np.array(place) @ turn + (0.55, 0.52)
    mask = fitted(Nuisance(occluder="mask"), Person(), landmarks)
    assert mask.occluder_angle == pytest.approx(12, abs=0.01) and mask.occluder_size == pytest.approx(0.2256, abs=1e-3)
    for seed in range(12):
        opacity = occluders.draw(dataclasses.replace(mask, seed=seed), 128)[0][3]
        seen = {number: opacity[tuple((landmarks[number, ::-1] * 128).astype(int))] for number in (33, 36, 45, 51, 57)}
        assert seen[33] > 0.9 and seen[51] > 0.9 and seen[57] > 0.9 and seen[36] == 0 == seen[45]
