"""Latents smoothed over time."""

import numpy as np

from vgan_tf.ondevice.people.smoothing import smoothed


def test_tremble_goes_and_a_jump_stays_where_it_was():
    random = np.random.default_rng(0)
    truth = np.repeat([0.0, 1.0], 50)[:, None] * np.float32([[1, -2]])
    seen = (truth + random.normal(0, 0.05, truth.shape)).astype(np.float32)
    result = smoothed(seen, 25)
    assert result.shape == seen.shape and result.dtype == np.float32
    assert np.abs(np.diff(result[5:40], 2, axis=0)).mean() < 0.35 * np.abs(np.diff(seen[5:40], 2, axis=0)).mean()
    assert np.abs(result - truth).mean() < 0.05
    middle = result[:, 0] - 0.5
    assert middle[46] < -0.2 and middle[53] > 0.2  # it lags neither way


def test_what_does_not_change_stays():
    still = np.full((9, 3), 0.7, np.float32)
    np.testing.assert_allclose(smoothed(still, 30), still, atol=1e-6)
    assert smoothed(still[:1], 25).tolist() == still[:1].tolist()


def test_at_half_the_frames_it_smooths_as_much_in_a_second():
    times = np.arange(0, 4, 0.02)
    slow = np.sin(2 * np.pi * 0.5 * times)[:, None].astype(np.float32)
    np.testing.assert_allclose(smoothed(slow, 50)[::2], smoothed(slow[::2], 25), atol=0.08)
