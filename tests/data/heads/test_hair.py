"""Hair: well-formed, over the crown, as long and as thick as its style says, the same twice."""

import dataclasses

import numpy as np
import pytest
from made_up import farthest, head_model

from vgan_tf.data.heads import hair
from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.appearance import HAIR_STYLES, Person
from vgan_tf.data.heads.piece import SKIN

MODEL = head_model()
HEADS = [MODEL.neutral * np.float32(scale) for scale in ((1, 1, 1), (1.1, 0.96, 1.05), (0.93, 1.05, 0.98))]
BARE = ("bald", "stubble")
DRAWN = [style for style in HAIR_STYLES if style not in BARE]


def mesh(style, head=HEADS[0], **fields):
    return hair.mesh(Person(hair_style=style, **fields), MODEL, head)


def solid_of(made):
    """(positions, triangles) of what casts a shadow."""
    positions, _, _, _, triangles, solid = made
    return positions, triangles[len(triangles) - solid :]


def test_there_is_a_style_for_each_name():
    assert set(hair.STYLES) == set(HAIR_STYLES) and set(hair.CURL) == set(DRAWN)


@pytest.mark.parametrize("style", BARE)
def test_bare_heads_have_none(style):
    assert mesh(style) is None


@pytest.mark.parametrize("style", DRAWN)
def test_hair_is_well_formed_and_a_function_of_the_person(style):
    for head, seed in zip(HEADS, range(3), strict=True):
        made, again = mesh(style, head, seed=seed), mesh(style, head, seed=seed)
        positions, normals, places, extra, triangles, solid = made
        count = len(positions)
        for array, columns in ((positions, 3), (normals, 3), (places, 3), (extra, 4)):
            assert array.shape == (count, columns) and array.dtype == np.float32 and np.isfinite(array).all()
        assert triangles.shape[1] == 3 and triangles.min() >= 0 and triangles.max() < count
        assert 0 < solid < len(triangles) < 20000
        lengths = np.linalg.norm(normals[np.unique(triangles)], axis=1)
        assert lengths == pytest.approx(np.ones(len(lengths)), abs=1e-3)
        # The outermost come first, and only what is solid casts a shadow.
        levels = extra[triangles, 2].max(axis=1)
        assert (levels[-solid:] == 0).all() and (levels[:-solid] > 0).all()
        assert extra[:, 2].min() >= 0 and extra[:, 2].max() <= 1
        for one, other in zip(made, again, strict=True):
            np.testing.assert_array_equal(one, other)
        other = mesh(style, head, seed=seed + 10)
        assert len(other[0]) != count or (other[0] != positions).any()


@pytest.mark.parametrize("style", DRAWN)
def test_hair_covers_the_crown_and_leaves_the_face(style):
    for head in HEADS:
        positions, triangles = solid_of(mesh(style, head, seed=3))
        skull = head[SKIN]
        crown = skull[(MODEL.neutral[SKIN, 1] > 11) & (MODEL.neutral[SKIN, 2] < 3)][::37]
        assert len(crown) > 20
        assert farthest(positions, triangles, np.array([0, 3, -1.5]), crown).min() > 1
        used = positions[np.unique(triangles)]
        x, y, z = used.T
        brows = head[MODEL.landmarks[17:27], 1].mean()
        assert not ((np.abs(x) < 4) & (y < brows - 1) & (y > -7) & (z > 4)).any()


def test_styles_are_as_long_as_their_names():
    lowest = {style: mesh(style)[0][np.unique(mesh(style)[4])][:, 1].min() for style in DRAWN}
    assert lowest["long"] < lowest["bob"] - 8 and lowest["bob"] < lowest["short"] - 0.5
    assert -18.5 < lowest["long"] < -15.5 and lowest["afro"] > -8
    highest = {style: solid_of(mesh(style))[0][:, 1].max() for style in DRAWN}
    assert highest["afro"] > highest["short"] + 1.5 and highest["bun"] > highest["tied"] + 1.5
    # From the front a receding hairline is higher, and a fringe lower.
    front = {}
    for style in ("receding", "short", "fringe"):
        positions, triangles = solid_of(mesh(style))
        points = positions[np.unique(triangles)]
        front[style] = points[(np.abs(points[:, 0]) < 3) & (points[:, 2] > 5), 1].min()
    assert front["fringe"] < front["short"] - 1 < front["receding"] - 2


def test_volume_hairline_and_a_cap_count():
    def top(**fields):
        return solid_of(mesh("curls", **fields))[0][:, 1].max()

    assert top(hair_volume=0.2) < top(hair_volume=0.5) - 0.4 < top(hair_volume=0.9) - 0.8
    assert top(head_cover="cap") < top(hair_volume=0.0) - 0.5

    def front(hairline):
        positions, triangles = solid_of(mesh("short", hairline=hairline))
        points = positions[np.unique(triangles)]
        return points[(np.abs(points[:, 0]) < 3) & (points[:, 2] > 5), 1].min()

    assert front(-1.0) < front(0.0) < front(1.0)
    assert len(mesh("bun", head_cover="cap")[0]) < len(mesh("bun")[0])
    for cover in ("scarf", "beanie"):
        assert all(mesh(style, head_cover=cover) is None for style in DRAWN)


def test_hair_follows_the_head_and_the_model():
    positions, wide = solid_of(mesh("short"))[0], solid_of(mesh("short", HEADS[1]))[0]
    assert np.ptp(wide[:, 0]) == pytest.approx(1.1 * np.ptp(positions[:, 0]), rel=0.04)
    larger = dataclasses.replace(MODEL, neutral=MODEL.neutral * np.float32(1.02))
    for model in (larger, MODEL, larger):  # what is kept of one model is not used for another
        made = hair.mesh(Person(), model, model.neutral)
        assert (made[2].max() > mesh("short")[2].max() * 1.005) == (model is larger)


def test_roots_are_on_the_scalp_and_ears_are_ears():
    height, counts, ear = hair.roots(MODEL.neutral).T
    x, y, z = MODEL.neutral.T
    assert height.dtype == np.float32 and len(height) == parts.VERTICES
    skin = np.arange(parts.VERTICES) < parts.HEAD.stop
    assert (height[skin & (y > 12)] > 0).all()
    assert (height[skin & (np.abs(x) < 4) & (z > 6) & (y < 7)] < 0).all() and (height[y < -6] == -9).all()
    assert (ear[skin & (np.abs(x) > 8.3) & (np.abs(y) < 0.9)] == 1).all() and (ear[np.abs(x) < 7.4] == 0).all()
    assert set(np.unique(counts[skin & (z > 5) & (np.abs(x) < 2)])) == {1} and (counts[skin & (z < -5)] == 0).all()


def test_a_forehead_is_barer_where_hair_recedes_or_is_parted():
    short = Person(hair_style="short", hairline=0.1, seed=0)
    assert hair.bare_forehead(short) == 0.1
    assert hair.bare_forehead(dataclasses.replace(short, hair_style="receding")) > 2
    assert hair.bare_forehead(dataclasses.replace(short, hair_style="fringe")) == 0.1  # covered, not shorn
    long = {hair.bare_forehead(dataclasses.replace(short, hair_style="long", seed=seed)) for seed in range(20)}
    assert len(long) == 2 and min(long) == 0.1
