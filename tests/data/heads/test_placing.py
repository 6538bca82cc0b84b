"""Rotations and projections of rendered heads, by what a picture must show of them."""

import itertools

import numpy as np
import pytest

from vgan_tf.data.heads import placing
from vgan_tf.data.heads.appearance import Light, Motion, Nuisance

POSES = [Motion(yaw=y, pitch=p, roll=r) for y, p, r in itertools.product((-30, 0, 20), (-20, 0, 10), (-15, 0, 8))]


def seen(point, nuisance, turn):
    """Where a point of the world is in the picture, in shares of its side, and how deep, -1 to 1: `(3,)`."""
    clip = placing.camera(nuisance, turn)[0] @ np.append(point, 1)
    return clip[:3] / clip[3] * (0.5, -0.5, 1) + (0.5, 0.5, 0)


def placed(point, turn):
    return turn @ (np.asarray(point) - placing.PIVOT) + placing.PIVOT


def test_heads_turn_as_their_fields_say():
    nose = np.array([0, 0, 1])
    np.testing.assert_array_equal(placing.turning(Motion()), np.eye(3))
    assert placing.turning(Motion(yaw=30)) @ nose == pytest.approx([0.5, 0, np.sqrt(0.75)])  # to the right
    assert placing.turning(Motion(pitch=30)) @ nose == pytest.approx([0, 0.5, np.sqrt(0.75)])  # up
    assert placing.turning(Motion(roll=30)) @ (0, 1, 0) == pytest.approx([0.5, np.sqrt(0.75), 0])  # clockwise
    for motion in POSES:
        turn = placing.turning(motion)
        assert turn.dtype == np.float32 and turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)
        assert np.linalg.det(turn) == pytest.approx(1)
        # A head that rolls looks where it looked, but for the roll in the picture.
        upright = placing.turning(Motion(yaw=motion.yaw, pitch=motion.pitch)) @ nose
        assert (turn @ nose)[2] == pytest.approx(upright[2], abs=1e-6)


def test_the_middle_of_a_head_is_where_the_picture_has_it_whatever_the_pose():
    for motion, down in itertools.product(POSES, (-10, 0, 15)):
        turn = placing.turning(motion)
        nuisance = Nuisance(shift_x=0.1, shift_y=-0.05, scale=1.3, view_angle=35, camera_height=down)
        assert seen(placed(placing.MIDDLE, turn), nuisance, turn)[:2] == pytest.approx([0.6, 0.45], abs=1e-5)


@pytest.mark.parametrize("view_angle", [12, 20, 50])
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.35])
def test_a_picture_shows_so_many_centimetres(view_angle, scale):
    turn, nuisance = np.eye(3), Nuisance(view_angle=view_angle, scale=scale)
    half = placing.HEIGHT / 2 / scale
    assert seen(placing.MIDDLE + (half, 0, 0), nuisance, turn)[:2] == pytest.approx([1, 0.5], abs=1e-5)
    assert seen(placing.MIDDLE + (0, half, 0), nuisance, turn)[:2] == pytest.approx([0.5, 0], abs=1e-5)
    # What is nearer to the camera is drawn before what is behind, and all of a head is drawn.
    depths = [seen(placing.MIDDLE + (0, 0, z), nuisance, turn)[2] for z in (10, 0, -18)]
    assert -1 < depths[0] < depths[1] < depths[2] < 1


def test_a_short_lens_shows_the_nose_larger_and_a_high_camera_shows_it_lower():
    turn, nose = np.eye(3), placing.MIDDLE + (0, 0, 8)

    def width(nuisance):
        return seen(nose + (1, 0, 0), nuisance, turn)[0] - seen(nose, nuisance, turn)[0]

    assert width(Nuisance(view_angle=50)) > 1.15 * width(Nuisance(view_angle=12))
    heights = [seen(nose, Nuisance(camera_height=down), turn)[1] for down in (-10, 0, 15)]
    assert heights[0] < 0.45 < heights[1] < 0.55 < heights[2]


def test_the_camera_is_where_the_projection_has_its_eye():
    for down in (-10, 0, 15):
        projection, eye = placing.camera(Nuisance(camera_height=down), np.eye(3))
        assert (projection @ np.append(eye, 1))[[0, 1, 3]] == pytest.approx(np.zeros(3), abs=1e-4)
        distance = np.linalg.norm(eye - placing.MIDDLE)
        above = distance * np.sin(np.deg2rad(down))
        assert distance > 40 and eye[1] - placing.MIDDLE[1] == pytest.approx(above, abs=1e-3)


def test_lights_are_three_of_length_one():
    lights = tuple(Light((0, 0, k + 2.0), (0.5, 1, 0), k + 1.0) for k in range(4))
    directions, colours = placing.lights(Nuisance(lights=lights[:1]))
    assert directions.tolist() == [[0, 0, 1]] * 3 and colours.tolist() == [[0.5, 1, 0], [0, 0, 0], [0, 0, 0]]
    directions, colours = placing.lights(Nuisance(lights=lights))
    assert colours[:, 1].tolist() == [1, 2, 3] and np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(3))


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 1, 0), (0, -1, 0), (-0.6, 0.48, 0.64)])
def test_a_light_sees_the_whole_head_and_what_is_nearer_to_it_first(direction):
    for motion in POSES[::4]:
        turn = placing.turning(motion)
        view = placing.shadow_view(direction, turn)
        around = np.random.default_rng(0).standard_normal((200, 3))
        head = np.array([0, 2, 0]) + 11.5 * around / np.linalg.norm(around, axis=1, keepdims=True)
        points = np.array([placed(point, turn) for point in head])
        places = np.hstack([points, np.ones((200, 1))]) @ view.T
        assert np.abs(places[:, :3]).max() < 1 and (places[:, 3] == 1).all()
        towards = view @ (*(np.array(direction) * 5.0), 0)
        assert towards[:2] == pytest.approx([0, 0], abs=1e-6) and towards[2] < -0.1
