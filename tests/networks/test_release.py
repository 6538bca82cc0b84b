"""What is between encoder and generator: two looks, thresholds that know what strengths imply, and prototypes."""

import numpy as np
import pytest

from vgan_tf.data.pipeline import mirrored_motion
from vgan_tf.networks.release import (
    MOST_GAIN,
    Winner,
    fit_mirror,
    fit_prototypes,
    fit_threshold,
    mirror_network,
    prototype_network,
    threshold_network,
)


def firm(numbers, threshold):
    """Firm shrinkage as its authors write it: 0, a line three times as steep, the number itself."""
    size = np.abs(numbers)
    between = np.sign(numbers) * 3 * (size - threshold)
    return np.where(size <= threshold, 0, np.where(size >= 1.5 * threshold, numbers, between))


def moving_faces(count=2000, read=0.8, seed=0):
    """Motion of two strengths and three numbers that follow them but for a rest; and that read with errors."""
    random = np.random.default_rng(seed)
    strengths = np.eye(3)[np.arange(count) % 3][:, :2] * random.uniform(0.5, 1.1, (count, 1))
    others = strengths @ [[0.5, 0.1, 0.0], [0.0, 0.3, -0.4]] + random.normal(scale=0.03, size=(count, 3))
    motion = np.concatenate([strengths, others], axis=1).astype(np.float32)
    return motion, (read * motion + random.normal(scale=0.02, size=motion.shape)).astype(np.float32)


def test_two_looks_at_a_face_are_averaged_as_of_the_face():
    names = ["joy", "yaw", "roll", "motion_eyeBlink_L", "motion_jawLeft", "motion_eyeBlink_R", "motion_jawRight"]
    face, error = np.random.default_rng(0).normal(size=(2, 20, 7)).astype(np.float32)
    turned = face[:, [0, 1, 2, 5, 6, 3, 4]] * np.float32([1, -1, -1, 1, 1, 1, 1])
    network = mirror_network(7)
    np.testing.assert_array_equal(network([face, turned]), face)  # knows nothing yet
    fit_mirror(network, *mirrored_motion(names))
    np.testing.assert_allclose(network([face, turned]), face, atol=1e-6)
    np.testing.assert_allclose(network([face + error, turned]), face + error / 2, atol=1e-6)
    assert not network.trainable_variables


@pytest.mark.parametrize("strengths", [0, 2])
def test_a_threshold_that_knows_nothing_takes_each_number_by_itself(strengths):
    latents = np.random.default_rng(0).normal(scale=0.4, size=(500, 5)).astype(np.float32)
    network = threshold_network(5, 0.2, strengths)
    np.testing.assert_allclose(network(latents), firm(latents, 0.2), atol=1e-6)
    assert not network.trainable_variables


def test_what_strengths_imply_is_spared_by_the_threshold():
    motion, latents = moving_faces()
    network = threshold_network(5, 0.2, 2)
    fit_threshold(network, motion, latents)
    released = np.asarray(network(latents))
    np.testing.assert_allclose(released[:, :2], firm(latents[:, :2], 0.2), atol=1e-6)
    implied = np.linalg.lstsq(motion[:, :2], motion[:, 2:], rcond=None)[0]
    spread, read = (np.sqrt(np.square(numbers[:, :2]).mean(axis=0)) for numbers in (motion, released))
    assert (spread / read > 1.1).all()
    wanted = firm(latents[:, 2:] - released[:, :2] @ implied, 0.2) + (released[:, :2] * spread / read) @ implied
    np.testing.assert_allclose(released[:, 2:], wanted, atol=1e-5)
    # Of 0.1 for each strength of 1, which the plain threshold takes away, all is left.
    with_first = motion[:, 0] > 0
    plain = np.asarray(threshold_network(5, 0.2, 2)(latents))
    assert np.abs(plain[with_first, 3]).max() < 0.01
    np.testing.assert_allclose(released[with_first, 3].mean(), motion[with_first, 3].mean(), rtol=0.1)


def test_what_strengths_do_not_imply_stays_where_it_is_large():
    motion, latents = moving_faces()
    network = threshold_network(5, 0.2, 2)
    fit_threshold(network, motion, latents)
    blinking = latents[:1].copy()
    blinking[0, 4] += 1
    np.testing.assert_allclose(network(blinking) - network(latents[:1]), [[0, 0, 0, 0, 1]], atol=0.1)
    at_rest = np.zeros((1, 5), np.float32)
    np.testing.assert_array_equal(network(at_rest), at_rest)


@pytest.mark.parametrize(("read", "gain"), [(0.0, 1.0), (0.3, MOST_GAIN), (2.0, 1.0)])
def test_strengths_that_are_hardly_read_are_not_drawn_without_bounds(read, gain):
    motion, latents = moving_faces(read=read)
    network = threshold_network(5, 0.2, 2)
    fit_threshold(network, motion, latents)
    strong = np.array([[1.0, 0, 0.5, 0.1, 0]], np.float32)
    np.testing.assert_allclose(np.asarray(network(strong))[0, 2:], gain * np.array([0.5, 0.1, 0.0]), atol=0.02)


def clouds(count=300, seed=0):
    """Latents of three labels, apart in two of four dimensions, strong to different degrees; (latents, labels)."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    latents = random.normal(scale=0.05, size=(count, 4))
    directions = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    latents[:, :2] += directions[labels] * random.uniform(1, 2, count)[:, None]
    return latents, labels


def chosen_by(weights, latents):
    """The numbers of the prototypes that a network with these weights chooses."""
    network = prototype_network(latents.shape[1], len(weights[1]))
    network.set_weights(weights)
    found = np.asarray(network(latents.astype(np.float32)))
    return np.abs(found[:, None] - weights[2]).sum(axis=2).argmin(axis=1), found


def test_the_winner_is_the_first_of_the_highest():
    scores = np.array([[0.0, 2.0, 1.0], [3.0, 3.0, 1.0], [-3.0, -2.0, -1.0]], np.float32)
    np.testing.assert_array_equal(Winner()(scores), [[0, 1, 0], [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("each", [1, 2, 3])
def test_prototypes_are_means_by_label_and_strength(each):
    latents, labels = clouds()
    weights = fit_prototypes(latents, labels, 3, each)
    assert [array.shape for array in weights] == [(4, 3 * each), (3 * each,), (3 * each, 4)]
    strength = np.linalg.norm(latents[:, :2], axis=1)
    for label in range(3):
        rows = np.flatnonzero(labels == label)
        parts = np.array_split(rows[np.argsort(strength[rows])], each)
        wanted = np.stack([latents[part].mean(axis=0) for part in parts])
        np.testing.assert_allclose(weights[2][label * each : (label + 1) * each], wanted, atol=0.05)
    chosen, found = chosen_by(weights, latents)
    assert (chosen // each == labels).mean() > 0.99 and set(chosen) == set(range(3 * each))
    np.testing.assert_array_equal(found, weights[2][chosen])  # exactly, not nearly


def test_units_and_directions_of_the_latent_do_not_matter():
    latents, labels = clouds()
    turned = latents @ np.random.default_rng(1).normal(size=(4, 4)) * 100 + 7
    one, other = (chosen_by(fit_prototypes(some, labels, 3, 2), some)[0] for some in (latents, turned))
    assert (one == other).mean() > 0.98


def test_a_latent_that_does_not_vary_is_no_failure():
    weights = fit_prototypes(np.ones((6, 2)), np.arange(6) % 2, 2, 1)
    assert all(np.isfinite(array).all() for array in weights)
    np.testing.assert_allclose(weights[2], 1)
