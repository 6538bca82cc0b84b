"""Losses: pure functions of tensors, one value per example, shape `(batch,)`.

Weighting and averaging over the batch happen once, in `PPRLVGAN.discriminator_loss` and `PPRLVGAN.generator_loss`.
"""

import numpy as np
from keras import ops

KERNEL_RATES = (0.5, 2.0, 8.0, 32.0)  # of exp(-rate * squared distance a dimension), latents of unit deviation


def real_fake(logits, targets):
    """Binary cross-entropy of D1 (Chen et al. 2018, eq. 3 and 4).

    Args:
        logits: float `(batch, 1)`, positive for "real".
        targets: float `(batch,)` in [0, 1], 1 for real.

    Returns:
        float `(batch,)`; log 2 where the logit is 0.
    """
    return ops.binary_crossentropy(targets, ops.squeeze(logits, axis=-1), from_logits=True)


def classification(logits, labels):
    """Cross-entropy of a class label: D2, D3 and the heads on the latent.

    Args:
        logits: float `(batch, classes)`.
        labels: int `(batch,)`.

    Returns:
        float `(batch,)`; log(classes) where all logits are equal.
    """
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def kl_divergence(z_mean, z_log_var):
    """KL(q(f|I) || N(0, I)), summed over the latent.

    Args:
        z_mean, z_log_var: float `(batch, latent_dim)`; log-variance, not log-deviation.

    Returns:
        float `(batch,)`; 0 for mean 0 and log-variance 0.
    """
    return 0.5 * ops.sum(ops.square(z_mean) + ops.exp(z_log_var) - 1.0 - z_log_var, axis=-1)


def reconstruction(images, outputs):
    """Mean absolute error over pixels and channels, the middle of the picture counting most.

    In a face crop the expression is in the middle; background and hair would otherwise take up most of a small latent.

    Args:
        images, outputs: float `(batch, height, width, channels)`.

    Returns:
        float `(batch,)`; 1 where every pixel is off by 1.
    """
    weights = ops.convert_to_tensor(_centre_weights(images.shape[1], images.shape[2]))
    return ops.mean(weights * ops.abs(images - outputs), axis=(1, 2, 3))


def gradient_difference(images, outputs):
    """Mean absolute error of the differences between neighbouring pixels (Mathieu et al. 2016), weighted likewise.

    Args:
        images, outputs: float `(batch, height, width, channels)`.

    Returns:
        float `(batch,)`.
    """
    errors, weights, total = images - outputs, _centre_weights(images.shape[1], images.shape[2]), 0.0
    for axis in (1, 2):
        # Slices would do, but for their gradients, which take four times as long as all the rest. The first row has no
        # neighbour.
        inner, length = weights.copy(), weights.shape[axis]
        np.moveaxis(inner, axis, 0)[0] = 0
        steps = ops.abs(errors - ops.roll(errors, 1, axis))
        total = total + ops.mean(ops.convert_to_tensor(inner) * steps, axis=(1, 2, 3)) * length / (length - 1)
    return total


def regression(predicted, truth):
    """Squared error, summed over what is predicted.

    Args:
        predicted, truth: float `(batch, size)`.

    Returns:
        float `(batch,)`.
    """
    return ops.sum(ops.square(predicted - truth), axis=-1)


def feature_matching(real_maps, fake_maps):
    """Mean absolute difference of feature maps, summed over the maps (Larsen et al. 2016).

    Args:
        real_maps, fake_maps: lists of float `(batch, height, width, channels)`; no gradient flows into the real ones.

    Returns:
        float `(batch,)`.
    """
    return sum(
        ops.mean(ops.abs(ops.cast(ops.stop_gradient(real) - fake, "float32")), axis=(1, 2, 3))
        for real, fake in zip(real_maps, fake_maps, strict=True)
    )


def label_dependence(codes, labels, within=None):
    """How much more alike the codes of one label are than those of different ones, as the latents of one person.

    The expected value is the maximum mean discrepancy between the labels' codes (Gretton et al. 2012), here with
    Gaussian kernels of `KERNEL_RATES` and a linear one: 0 where the code's distribution is the same for every label.
    Unlike an adversary's loss it cannot be outrun: there is no network that would have to keep up with the encoder.
    The estimate is as good as the batch is large.

    With `within` only codes of the same such label are compared, and where their group lies does not count: people
    are then told apart, or not, within one expression. What an attacker reads off the differences between people there
    is small beside the distances between expressions, and drowns in an estimate over all of them.

    Args:
        codes: float `(batch, size)`. Each dimension is scaled to unit deviation first: an attacker would do so.
        labels: int `(batch,)`.
        within: int `(batch,)`, or None.

    Returns:
        float `(batch,)`, whose mean over the batch is the estimate; it is unbiased and so may be negative.
    """
    same = _same(labels)
    compared = ops.ones_like(same) if within is None else _same(within)
    centres = ops.matmul(compared, codes) / ops.sum(compared, axis=-1, keepdims=True)
    inner, distances = _inner_and_distances(codes - centres)
    kernel = inner + sum(ops.exp(-rate * distances) for rate in KERNEL_RATES)
    alike = compared * same - ops.eye(ops.shape(same)[0], dtype=same.dtype)
    return _mean_over_pairs(kernel, alike) - _mean_over_pairs(kernel, compared * (1.0 - same))


def _same(labels):
    """float `(batch, batch)`: 1 for pairs of the same label."""
    return ops.cast(ops.equal(labels[:, None], labels[None, :]), "float32")


def _inner_and_distances(codes):
    """Inner products and squared distances a dimension, `(batch, batch)`, of codes scaled to unit deviation."""
    scale = ops.stop_gradient(ops.std(codes, axis=0)) + 1e-4
    codes = (codes - ops.mean(codes, axis=0)) / scale
    inner = ops.matmul(codes, ops.transpose(codes)) / codes.shape[-1]
    squares = ops.diagonal(inner)
    return inner, squares[:, None] + squares[None, :] - 2.0 * inner


def _mean_over_pairs(kernel, chosen):
    """Rows `(batch,)` whose mean is the mean of `kernel` over the chosen pairs; 0 where there are none."""
    count = ops.cast(ops.shape(kernel)[0], kernel.dtype)
    return count * ops.sum(chosen * kernel, axis=-1) / ops.maximum(ops.sum(chosen), 1.0)


def _centre_weights(height, width):
    """float32 `(1, height, width, 1)`, mean 1: highest a little below the centre, low beyond brows and mouth."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    weights = 0.05 + np.exp(-((x / 0.38) ** 2) - ((y - 0.07) / 0.45) ** 2)
    return (weights / weights.mean()).astype(np.float32)[None, :, :, None]
