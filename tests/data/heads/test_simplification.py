"""Fewer triangles: of the same vertices, of the same shape, and with all that other code looks up."""

import numpy as np
import pytest
from made_up import head_model

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.simplification import COARSE, simplified

MODEL = head_model()


@pytest.fixture(scope="module")
def triangles():
    return simplified(MODEL)


def skin_of(triangles):
    return triangles[(triangles < parts.HEAD.stop).all(axis=1)]


def areas(triangles):
    a, b, c = (MODEL.neutral[triangles[:, corner]] for corner in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def test_far_fewer_triangles_none_of_them_degenerate_or_twice(triangles):
    assert triangles.dtype == np.int32 and triangles.shape[1] == 3
    assert triangles.min() >= 0 and triangles.max() < parts.VERTICES
    assert 1000 < len(skin_of(triangles)) < 0.5 * len(skin_of(MODEL.triangles))
    corners = np.sort(triangles, axis=1)
    assert (np.diff(corners, axis=1) > 0).all() and len(np.unique(corners, axis=0)) == len(triangles)
    np.testing.assert_array_equal(triangles, simplified(MODEL))


def test_larger_cells_leave_fewer_triangles(triangles):
    assert 100 < len(skin_of(simplified(MODEL, 3))) < 0.7 * len(skin_of(triangles))


def test_landmarks_and_lashes_stay(triangles):
    used = np.unique(skin_of(MODEL.triangles))
    assert set(MODEL.landmarks) & set(used) <= set(triangles.ravel().tolist())
    lashes = [one[(one >= parts.LASHES.start).all(axis=1)] for one in (MODEL.triangles, triangles)]
    np.testing.assert_array_equal(*lashes)


def test_parts_stay_apart(triangles):
    ends = [part.stop for part in (parts.HEAD, parts.MOUTH_SOCKET, parts.EYE_SOCKETS, parts.GUMS, parts.TEETH,
                                   parts.LEFT_EYE, parts.LEFT_IRIS, parts.RIGHT_EYE, parts.RIGHT_IRIS)]  # fmt: skip
    part = np.searchsorted(ends, triangles, side="right")
    assert (np.ptp(part, axis=1) == 0).all() and set(part.ravel().tolist()) == set(range(10))


def test_the_skin_keeps_its_place_and_its_area_and_nothing_sticks_out(triangles):
    skin, before = skin_of(triangles), skin_of(MODEL.triangles)
    # Middles of sides and triangles are near the surface, so no triangle spans a hollow or leaves the head.
    corners = MODEL.neutral[skin]
    middles = np.concatenate([corners.mean(axis=1), *(corners[:, [k, k - 1]].mean(axis=1) for k in range(3))])[::11]
    surface = np.concatenate([MODEL.neutral[: parts.HEAD.stop], MODEL.neutral[before].mean(axis=1)[::2]])
    far = [np.sqrt(((surface - middle) ** 2).sum(axis=1).min()) for middle in middles]
    assert max(far) < COARSE + 0.1
    assert areas(skin).sum() == pytest.approx(areas(before).sum(), rel=0.05)
    # They face the way they did: the volume that they enclose is the same.
    volumes = [np.einsum("ij,ij->", one[:, 0], np.cross(one[:, 1], one[:, 2])) for one in map(
        MODEL.neutral.astype(np.float64).__getitem__, (skin, before))]  # fmt: skip
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    reach, whole = (np.ptp(MODEL.neutral[np.unique(one)], axis=0) for one in (skin, before))
    assert reach == pytest.approx(whole, abs=COARSE)


def test_it_is_finest_at_eyes_and_lips(triangles):
    skin = skin_of(triangles)
    middle, marks = MODEL.neutral[skin].mean(axis=1), MODEL.neutral[MODEL.landmarks]
    size = areas(skin)
    places = marks[48:68].mean(axis=0), marks[36:42].mean(axis=0)
    near = [np.linalg.norm(middle - place, axis=1) < 2 for place in places]
    back = middle[:, 2] < 0
    for one in near:
        assert np.median(size[one]) < 0.5 * np.median(size[back])
