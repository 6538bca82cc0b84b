"""What rendered people wear: well-formed, the same twice, off the skin, over the skull, and joined to the neck."""

import itertools

import numpy as np
import pytest
from made_up import farthest, head_model

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.accessories import pieces
from vgan_tf.data.heads.appearance import CLOTHES, GLASSES, HEAD_COVERS, Person
from vgan_tf.data.heads.piece import SKIN

MODEL = head_model()
HEADS = [MODEL.neutral * np.float32(scale) for scale in ((1, 1, 1), (1.1, 0.96, 1.05), (0.93, 1.05, 0.98))]


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
        assert frame.positions[:, 2].min() < ears[ears[:, 1] > -3, 2].max() - 1


def lower_edge():
    """Vertices where the model ends, as no second triangle meets their edge."""
    triangles = MODEL.triangles[(MODEL.triangles < SKIN.stop).all(1)]
    edges, counts = np.unique(
        np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)), axis=0, return_counts=True
    )
    edge = np.unique(edges[counts == 1])
    return edge[MODEL.neutral[edge, 1] < 0]


@pytest.mark.parametrize("clothes", CLOTHES)
def test_torso_joins_the_neck_and_is_as_wide_as_a_person(clothes):
    for seed, head in enumerate(HEADS):
        body = pieces(Person(seed=seed, clothes=clothes), MODEL, head)
        body = [piece for piece in body if piece.follows == "torso"]
        everything = np.concatenate([piece.positions for piece in body])
        assert everything[:, 1].min() < -44 and 36 < np.ptp(everything[:, 0]) < 52
        edge = head[lower_edge()]  # something reaches over it, above and below
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
