"""Lids that close over any eye, and stay outside it."""

import numpy as np
import pytest

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.eyelids import Eyelids

LEFT, RIGHT = (3, 3, 8), (-3, 3, 8)


@pytest.fixture
def head_model():
    """Two balls of radius 1.5, a lid of nine vertices before the left one, all else far behind."""
    neutral = np.zeros((parts.VERTICES, 3), np.float32)
    neutral[:, 2] = -20
    directions = np.random.default_rng(0).standard_normal((770, 3))
    directions[:6] = np.vstack([np.eye(3), -np.eye(3)])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for part, middle in ((parts.LEFT_EYE, LEFT), (parts.RIGHT_EYE, RIGHT)):
        neutral[part] = middle + 1.5 * directions
    neutral[:9] = (3, 4, 9.6) + 0.05 * np.random.default_rng(1).standard_normal((9, 3))
    neutral[9] = 3, 3, 6.8  # within the ball, at its back
    landmarks = np.arange(100, 168)
    neutral[landmarks[[37, 38, 43, 44]]] = 0, 4, -20
    neutral[landmarks[[40, 41, 46, 47]]] = 0, 3, -20
    return parts.HeadModel(neutral, np.zeros((1, 3), np.int32), (), np.zeros((0, 1, 3)), np.zeros((0, 1, 3)), landmarks)


def test_opening_is_that_of_the_person_over_the_models(head_model):
    lids = Eyelids(head_model)
    head = head_model.neutral.copy()
    assert lids.opening(head) == pytest.approx(1)
    head[head_model.landmarks[[37, 38, 43, 44]], 1] = 4.25
    assert lids.opening(head) == pytest.approx(1.25)
    head[head_model.landmarks[[37, 38, 43, 44]], 1] = 9
    assert lids.opening(head) == 1.5


def test_lids_leave_the_ball_and_nothing_else_moves(head_model):
    vertices = head_model.neutral.copy()
    vertices[:9] -= (0, 0.6, 0.4)  # half-closed: into the ball
    before = vertices.copy()
    lids = Eyelids(head_model)
    lids.clear(vertices, lids.balls(head_model.neutral))
    away = vertices[:9] - LEFT
    assert np.linalg.norm(away, axis=1) == pytest.approx(np.full(9, 1.53), abs=1e-3)
    straight = before[:9] - LEFT
    assert np.abs(np.cross(away, straight)).max() < 1e-4  # outwards
    assert (vertices[9:] == before[9:]).all()
