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


def test_confusion_is_least_where_every_class_is_as_likely():
    logits = np.float32([[7, 7, 7], [math.log(2), 0, 0], [20, 0, 0]])
    check(
        losses.confusion(logits),
        [math.log(3), math.log(4) - math.log(2) / 3, 20 * 2 / 3 + math.log1p(2 * math.exp(-20))],
    )


def test_kl_divergence_sums_over_the_latent():
    z_mean = np.float32([[0, 0], [1, -2], [0, 0]])
    z_log_var = np.float32([[0, 0], [0, 0], [math.log(4), 0]])
    check(losses.kl_divergence(z_mean, z_log_var), [0, 2.5, 0.5 * (4 - 1 - math.log(4))])


def test_reconstruction_averages_over_pixels_and_channels():
    images = np.zeros((2, 64, 64, 3), np.float32)
    outputs = images.copy()
    outputs[1, :32, :, 0] = -0.6
    check(losses.reconstruction(images, outputs), [0, 0.1])
