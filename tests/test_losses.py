"""Losses against values computed by hand; one value per example."""

import math

import numpy as np
from keras import ops

from vgan_tf import losses


def check(values, expected):
    values = ops.convert_to_numpy(values)
    assert values.shape == (len(expected),)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)


def test_real_fake():
    logits = np.float32([[0], [0], [2], [-2], [2], [1]])
    targets = np.float32([1, 0, 1, 1, 0, 0.9])
    right, wrong = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
    smoothed = 0.9 * math.log1p(math.exp(-1)) + 0.1 * math.log1p(math.exp(1))
    check(losses.real_fake(logits, targets), [math.log(2), math.log(2), right, wrong, wrong, smoothed])


def test_classification():
    logits = np.float32([[0, 0, 0, 0], [math.log(5), 0, 0, 0], [math.log(5), 0, 0, 0]])
    labels = np.int32([3, 0, 1])
    check(losses.classification(logits, labels), [math.log(4), math.log(8 / 5), math.log(8)])


def test_kl_divergence_sums_over_the_latent():
    z_mean = np.float32([[0, 0], [1, -2], [0, 0]])
    z_log_var = np.float32([[0, 0], [0, 0], [math.log(4), 0]])
    check(losses.kl_divergence(z_mean, z_log_var), [0, 2.5, 0.5 * (4 - 1 - math.log(4))])


def test_reconstruction_averages_over_pixels_and_channels_and_minds_the_middle():
    images = np.zeros((4, 64, 64, 3), np.float32)
    outputs = images.copy()
    outputs[1] = -0.6
    outputs[2, :8, :8] = 1.0
    outputs[3, 32:40, 28:36] = 1.0
    corner, middle = (float(value) for value in losses.reconstruction(images, outputs)[2:])
    check(losses.reconstruction(images, outputs), [0, 0.6, corner, middle])
    assert 0 < 4 * corner < middle


def test_gradient_difference_compares_neighbours_and_minds_the_middle():
    images = np.zeros((4, 2, 2, 3), np.float32)
    outputs = images + 0.7  # Off by the same everywhere: no edge is wrong.
    outputs[1, :, 1] += 0.4
    outputs[2, 1] += 0.4
    outputs[3] += np.float32([[0, 0.4], [0.4, 0.8]])[..., None]
    top, bottom = (0.05 + math.exp(-((1 / 0.38) ** 2) - (y / 0.45) ** 2) for y in (1.07, 0.93))
    lower_half = 0.4 * 2 * bottom / (top + bottom)
    check(losses.gradient_difference(images, outputs), [0, 0.4, lower_half, 0.4 + lower_half])


def test_regression_sums_over_what_is_predicted():
    check(losses.regression(np.float32([[1, 2], [0, 0]]), np.float32([[1, 2], [3, -1]])), [0, 10])


def test_feature_matching_sums_over_the_maps():
    maps = [np.zeros((2, 4, 4, 3), np.float32), np.ones((2, 2, 2, 5), np.float32)]
    check(losses.feature_matching(maps, [maps[0] + 0.5, maps[1] - 0.25]), [0.75, 0.75])


def mean_dependence(z, identity):
    values = losses.label_dependence(z.astype(np.float32), identity)
    assert values.shape == (len(z),)
    return float(np.mean(values))


def test_label_dependence_is_zero_on_average_where_the_latent_ignores_the_identity():
    generator = np.random.default_rng(0)
    identity = generator.integers(0, 3, 64).astype(np.int32)
    chance = [mean_dependence(generator.standard_normal((64, 4)), identity) for _ in range(50)]
    assert abs(np.mean(chance)) < 3 * np.std(chance) / np.sqrt(50)
    shifted = generator.standard_normal((64, 4))
    shifted[:, 0] += identity
    widened = generator.standard_normal((64, 4)) * (1 + 5 * (identity[:, None] == 0))  # one mean for all identities
    for dependent in (shifted, 0.01 * shifted, widened):
        assert mean_dependence(dependent, identity) > 4 * np.std(chance)


def test_label_dependence_within_groups_ignores_where_the_groups_lie():
    generator = np.random.default_rng(0)
    identity, expression = (generator.integers(0, 3, 256).astype(np.int32) for _ in range(2))

    def dependence(codes):
        return float(np.mean(losses.label_dependence(codes.astype(np.float32), identity, within=expression)))

    chance = [dependence(generator.standard_normal((256, 4)) + 50 * expression[:, None]) for _ in range(30)]
    assert abs(np.mean(chance)) < 3 * np.std(chance) / np.sqrt(30)
    # Each person is off in another direction for each expression, by little beside the distance of the expressions.
    apart = generator.standard_normal((256, 4)) + 50 * expression[:, None]
    apart[:, 0] += (identity + expression) % 3
    assert dependence(apart) > 4 * np.std(chance)
    assert mean_dependence(apart, identity) < dependence(apart) / 4


def test_dependence_of_a_batch_without_pairs_is_finite():
    assert np.isfinite(mean_dependence(np.ones((2, 3)), np.int32([0, 1])))
