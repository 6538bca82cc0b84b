"""What rendered people wear: well-formed, the same twice, off the skin, over the skull, and joined to the neck."""

import itertools

import numpy as np
import pytest

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.accessories import pieces
from vgan_tf.data.heads.appearance import CLOTHES, GLASSES, HEAD_COVERS, Person
from vgan_tf.data.heads.piece import SKIN

ROWS, COLUMNS = 76, 148  # of the skin of a made-up head


def made_up_model():
    """A HeadModel of rounds: skull, ears, nose, neck and the beginning of the shoulders."""
    row = np.linspace(0, 1, ROWS)[:, None]
    angle = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
    y = np.interp(row, [0, 0.75, 0.9, 1], [14.5, -7.5, -12, -15]) + 0 * angle
    radius = np.where(y > -7.5, 7.6 * np.sqrt(np.maximum(1 - ((y - 3.5) / 11.2) ** 4, 0)), 0)
    radius = np.maximum(radius, np.interp(-y, [5, 6, 11, 15], [0, 5.5, 6.5, 12]))
    depth = np.interp(row, [0.75, 0.9, 1], [1.25, 0.9, 0.62])  # of its width
    ear = (np.abs(y - 1) < 3) & (np.abs(np.sin(angle)) > 0.98)
    nose = np.exp(-(((y - 0.5) / 1.5) ** 2) - (8 * np.sin(angle / 2)) ** 2)
    x, z = (radius + 1.4 * ear) * np.sin(angle), (depth * radius + 2 * nose) * np.cos(angle)
    y = y - np.maximum(0, np.cos(angle)) * np.interp(row, [0.85, 1], [0, 4])
    neutral = np.zeros((parts.VERTICES, 3), np.float32)
    neutral[SKIN] = np.stack([x, y, z], -1).reshape(-1, 3)
    first = np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS)
    right = np.arange(ROWS - 1)[:, None] * COLUMNS + (np.arange(COLUMNS) + 1) % COLUMNS
    triangles = [np.stack([first, first + COLUMNS, right], -1), np.stack([right, first + COLUMNS, right + COLUMNS], -1)]
    along = np.linspace(-1, 1, 17)
    wanted = np.zeros((68, 2))
    wanted[:17] = np.stack([7.3 * np.sin(1.5 * along), -7.2 + 10.9 * np.abs(along) ** 1.6], 1)
    wanted[17:27] = [(x, 6.0) for x in (-5.8, -4.9, -3.8, -2.4, -1.2, 1.2, 2.4, 3.8, 4.9, 5.8)]
    wanted[27:36] = [
        (0, 3.7),
        (0, 2.6),
        (0, 1.6),
        (0, 0.4),
        (-1.2, -1.1),
        (-0.6, -1.1),
        (0, -1.1),
        (0.6, -1.1),
        (1.2, -1.1),
    ]
    eye = np.array([(-1.4, 0), (-0.7, 0.5), (0.7, 0.5), (1.4, 0), (0.7, -0.5), (-0.7, -0.5)])
    wanted[36:42], wanted[42:48] = eye + (-3.1, 3.4), eye + (3.1, 3.4)
    wanted[48:] = (0, -3.4)
    front = np.flatnonzero(neutral[SKIN, 2] > 0)
    nearest = np.linalg.norm(neutral[front, None, :2] - wanted, axis=-1).argmin(0)
    empty = np.zeros((0, parts.VERTICES, 3), np.float32)
    return parts.HeadModel(
        neutral,
        np.concatenate([t.reshape(-1, 3) for t in triangles]).astype(np.int32),
        (),
        empty,
        empty,
        front[nearest],
    )


MODEL = made_up_model()
HEADS = [MODEL.neutral * np.float32(scale) for scale in ((1, 1, 1), (1.1, 0.96, 1.05), (0.93, 1.05, 0.98))]


def farthest(positions, triangles, centre, points):
    """How far the surface lies from the centre towards each point, in distances of that point."""
    corner = positions[triangles[:, 0]] - centre
    one, two = (positions[triangles[:, k]] - positions[triangles[:, 0]] for k in (1, 2))
    reach = []
    for point in points - centre:
        cross = np.cross(point, two)
        scale = (cross * one).sum(1)
        scale = np.where(np.abs(scale) < 1e-9, np.inf, scale)
        u = -(cross * corner).sum(1) / scale
        other = np.cross(-corner, one)
        v, t = (other * point).sum(1) / scale, (other * two).sum(1) / scale
        reach.append(np.max(np.where((u > -1e-4) & (v > -1e-4) & (u + v < 1 + 1e-4), t, 0)))
    return np.array(reach)


@pytest.mark.parametrize("clothes,cover", list(itertools.product(CLOTHES, HEAD_COVERS)))
def test_pieces_are_well_formed_and_the_same_twice(clothes, cover):
    for seed, glasses in enumerate(GLASSES):
        person = Person(seed=seed, clothes=clothes, head_cover=cover, glasses=glasses)
        first, second = (pieces(person, MODEL, HEADS[seed]) for _ in range(2))
        assert sum(len(piece.triangles) for piece in first) < 6600
        for piece, again in zip(first, second, strict=True):
            for name, dtype in (("positions", np.float32), ("triangles", np.int32), ("colours", np.float32)):
                values = getattr(piece, name)
                assert values.dtype == dtype and values.ndim == 2 and values.shape[1] == 3
                np.testing.assert_array_equal(values, getattr(again, name))
            assert np.isfinite(piece.positions).all() and len(piece.colours) == len(piece.positions)
            assert piece.triangles.min() >= 0 and piece.triangles.max() < len(piece.positions)
            assert piece.colours.min() >= 0 and piece.colours.max() <= 1
            assert piece.follows in ("head", "torso") and 0 <= piece.shine <= 1
            assert piece.opacity == 1 or piece is first[-1]


@pytest.mark.parametrize("cover", HEAD_COVERS[1:])
@pytest.mark.parametrize("head", HEADS, ids=["usual", "wide", "narrow"])
def test_covers_hide_the_skull_and_leave_the_face(cover, head):
    shell = pieces(Person(head_cover=cover, clothes="jumper"), MODEL, head)
    shell = [piece for piece in shell if piece.follows == "head"]
    marks, skin = head[MODEL.landmarks], head[SKIN]
    centre = np.array([0, marks[19, 1], 0])
    hidden = skin[skin[:, 1] > marks[19, 1] + 4.3][::7]
    assert len(hidden) > 100
    assert farthest(shell[0].positions, shell[0].triangles, centre, hidden).min() > 1.01
    for piece in shell:
        x, y, z = piece.positions.T
        face = (np.abs(x) < 4.5) & (y < marks[19, 1]) & (y > marks[48, 1])
        assert not (face & (z > 3) & (z < 11)).any()


def test_scarf_hides_ears_and_neck():
    shell, drape = pieces(Person(head_cover="scarf"), MODEL, HEADS[0])[-2:]
    assert shell.follows == "head" and drape.follows == "torso"
    ears = MODEL.neutral[SKIN][np.abs(MODEL.neutral[SKIN, 0]) > 8.2]
    ears = ears[ears[:, 1] > -3]
    assert farthest(shell.positions, shell.triangles, np.array([0, 2.5, 0]), ears).min() > 1
    neck = MODEL.neutral[SKIN][MODEL.neutral[SKIN, 1] < -11]
    for point in neck[::23]:
        axis = np.array([0, point[1], 0])
        assert farthest(drape.positions, drape.triangles, axis, point[None])[0] > 1


@pytest.mark.parametrize("shape", GLASSES[1:])
@pytest.mark.parametrize("seed", range(4))
def test_glasses_clear_the_face_and_reach_over_the_ears(shape, seed):
    for head in HEADS:
        frame, lenses = pieces(Person(seed=seed, glasses=shape), MODEL, head)[-2:]
        assert lenses.opacity < 0.2 and len(frame.triangles) + len(lenses.triangles) < 1000
        assert frame.follows == lenses.follows == "head"
        marks, face = head[MODEL.landmarks], head[parts.FACE]
        for eye, side in ((36, -1), (42, 1)):
            lens = lenses.positions[lenses.positions[:, 0] * side > 0]
            middle, reach = lens.mean(0), np.ptp(lens[:, 0]) / 2
            assert np.abs(middle - marks[eye : eye + 6].mean(0))[:2].max() < 0.8
            near = face[(np.linalg.norm(face[:, :2] - middle[:2], axis=1) < 0.7 * reach) & (face[:, 2] > 0)]
            assert len(near) > 5
            slope = np.linalg.lstsq(np.c_[lens[:, :2], np.ones(len(lens))], lens[:, 2], rcond=None)[0]
            assert (near[:, 2] < near[:, :2] @ slope[:2] + slope[2]).all()
        ears = head[SKIN][np.abs(MODEL.neutral[SKIN, 0]) > 8.2]
        assert frame.positions[:, 2].min() < ears[ears[:, 1] > -3, 2].mean()


@pytest.mark.parametrize("clothes", CLOTHES)
def test_torso_joins_the_neck_and_is_as_wide_as_a_person(clothes):
    for seed, head in enumerate(HEADS):
        body = pieces(Person(seed=seed, clothes=clothes), MODEL, head)
        body = [piece for piece in body if piece.follows == "torso"]
        everything = np.concatenate([piece.positions for piece in body])
        assert everything[:, 1].min() < -44 and 36 < np.ptp(everything[:, 0]) < 52
        edge = head[SKIN][-COLUMNS:]  # the model ends here; something reaches over it, above and below
        for point in edge[::8]:
            beside = np.linalg.norm(everything - point, axis=1) < 4
            assert everything[beside, 1].max() > point[1] and everything[beside, 1].min() < point[1]
        assert everything[:, 1].max() > edge[:, 1].max() + 1


def test_clothes_differ_by_seed_and_most_are_plain():
    colour = np.array(Person().clothes_colour)
    plain = 0
    for seed in range(100):
        cloth = pieces(Person(seed=seed), MODEL, HEADS[0])[0]
        ratio = cloth.colours / colour
        plain += np.ptp(ratio, axis=1).max() < 1e-4
    assert 45 <= plain <= 75


def test_earrings_are_some_peoples_and_hang_at_the_ears():
    counts = [len(pieces(Person(seed=seed), MODEL, HEADS[0])) for seed in range(60)]
    assert 3 <= sum(count > min(counts) for count in counts) <= 24
    rings = pieces(Person(seed=int(np.argmax(counts))), MODEL, HEADS[0])[-1].positions
    assert (np.abs(rings[:, 0]) > 7).all() and (rings[:, 1] < 0).all() and (rings[:, 1] > -7).all()
