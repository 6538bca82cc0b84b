"""What the encoder sees in training: colour and proportions of each person, light and occlusion of each image."""

import keras
import numpy as np
import pytest
from helpers import noise_faces, tiny_config

from vgan_tf.looks import change_looks

LOOKS = {"look_colour": 0.3, "look_scale": 0.12, "look_light": 0.5, "look_occlusion": 0.4}


def changed(images, identity, seed=0, **looks):
    """`change_looks` on NumPy arrays."""
    generator = keras.random.SeedGenerator(seed)
    return np.asarray(change_looks(images, np.asarray(identity, np.int32), tiny_config(**looks), generator))


def smooth_images(count):
    """The same picture `count` times, without edges: float32 in [-0.5, 0.5], a different slope in each channel."""
    y, x = np.meshgrid(np.linspace(-0.5, 0.5, 64), np.linspace(-0.5, 0.5, 64), indexing="ij")
    return np.repeat(np.stack([y, x, 0.5 * (x + y)], axis=-1)[None], count, axis=0).astype(np.float32)


def test_without_looks_images_stay_and_nothing_is_drawn():
    images = noise_faces().images[:4] / np.float32(127.5) - 1
    generator = keras.random.SeedGenerator(3)
    before = generator.state.numpy().copy()
    np.testing.assert_array_equal(change_looks(images, np.zeros(4, np.int32), tiny_config(), generator), images)
    np.testing.assert_array_equal(generator.state, before)


@pytest.mark.parametrize("name", ["look_colour", "look_scale"])
def test_one_person_of_a_batch_gets_one_look_and_each_another(name):
    identity = [2, 0, 2, 1, 0]
    first = changed(smooth_images(5), identity, **{name: 0.1})
    for i in range(5):
        for j in range(i):
            assert np.array_equal(first[i], first[j]) == (identity[i] == identity[j])
    assert np.abs(changed(smooth_images(5), identity, seed=1, **{name: 0.1}) - first).mean(axis=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("name", ["look_light", "look_occlusion"])
def test_each_image_gets_its_own_light_and_occlusion(name):
    found = changed(smooth_images(40), np.zeros(40), **{name: 0.5})
    different = [not np.array_equal(found[i], found[j]) for i in range(40) for j in range(i)]
    assert np.mean(different) > 0.6  # Every second one is not covered: three quarters of the pairs differ.


def test_colour_is_a_contrast_and_a_brightness_of_each_channel():
    images = smooth_images(1)
    found = changed(images, [0], look_colour=0.3)
    lines = [np.polyfit(images[0, ..., c].ravel(), found[0, ..., c].ravel(), 1) for c in range(3)]
    for channel, (contrast, brightness) in enumerate(lines):
        assert 0.7 <= contrast <= 1.3 and -0.3 <= brightness <= 0.3
        np.testing.assert_allclose(found[0, ..., channel], images[0, ..., channel] * contrast + brightness, atol=1e-5)
    assert len({round(float(value), 4) for line in lines for value in line}) == 6


def test_scale_moves_and_stretches_both_axes_and_invents_no_colour():
    images = smooth_images(200)
    found = changed(images, np.arange(200), look_scale=0.1)
    assert found.min() >= -0.5 - 1e-6 and found.max() <= 0.5 + 1e-6
    down, right = found[:, 31, 31, 0], found[:, 31, 31, 1]  # Where the middle's colours come from.
    for moved in (down, right):
        assert 0.04 < np.abs(moved).max() <= 0.06 and np.abs(moved).mean() > 0.015
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.3
    # Rows stay rows: the first channel depends on the height alone, the second on the width alone.
    np.testing.assert_allclose(found[..., 0], found[:, :, :1, 0].repeat(64, axis=2), atol=1e-5)
    np.testing.assert_allclose(found[..., 1], found[:, :1, :, 1].repeat(64, axis=1), atol=1e-5)


def test_light_comes_from_a_side_and_leaves_black_black():
    images = np.zeros((50, 64, 64, 3), np.float32)
    images[:, :, :32] = -1
    found = changed(images, np.zeros(50), look_light=0.5)
    assert (found[:, :, :32] == -1).all()
    gain = found[:, :, 32:] + 1
    assert 0.5 <= gain.min() < 0.8 and 1.2 < gain.max() <= 1.5
    assert np.ptp(gain, axis=1).max() > 0.2 and np.ptp(gain, axis=-1).max() == 0


def test_every_second_image_is_covered_by_one_flat_rectangle():
    images = np.random.default_rng(0).uniform(-1, 1, (400, 64, 64, 3)).astype(np.float32)
    covered = (changed(images, np.zeros(400), look_occlusion=0.4) != images).any(axis=-1)
    assert 0.4 < covered.any(axis=(1, 2)).mean() < 0.6
    for mask in covered:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert rows.sum() <= 0.4 * 64 + 1 and columns.sum() <= 0.4 * 64 + 1
        np.testing.assert_array_equal(mask, rows[:, None] & columns[None, :])
    assert covered.any(axis=2).sum(axis=1).max() > 20


def test_images_stay_in_their_range():
    images = noise_faces().images / np.float32(127.5) - 1
    found = changed(images, noise_faces().identity, **LOOKS)
    assert found.dtype == np.float32 and found.shape == images.shape and np.abs(found).max() <= 1
