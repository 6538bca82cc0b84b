"""What a face shows at rest is taken out of what it does."""

import numpy as np

from vgan_tf.ondevice.people.resting import without_rest

NAMES = "joy", "fear", "yaw", "gaze_x", "motion_jawOpen"
REST = np.array([0.15, -0.1, 0.0, 0.0, 0.2], np.float32)


def moving():
    """A face that looks aside, and smiles for a while: `(50, 5)`."""
    latents = np.tile(np.float32([0, 0, 0.7, -0.3, 0]), (50, 1))
    latents[20:40, [0, 4]] = 0.9, 0.5
    return latents


def test_rest_is_taken_out_and_motion_stays():
    np.testing.assert_allclose(without_rest(moving() + REST, NAMES), moving(), atol=1e-6)


def test_an_expression_that_is_held_throughout_is_none_of_rest():
    held = moving()[20:40]
    np.testing.assert_array_equal(without_rest(held, NAMES), held)


def test_few_frames_and_latents_without_strengths():
    np.testing.assert_allclose(without_rest(REST[None], NAMES), 0, atol=1e-6)
    np.testing.assert_allclose(without_rest(REST[None, 2:], NAMES[2:]), 0, atol=1e-6)
