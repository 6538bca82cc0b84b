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
        images, outputs: float `(batch, height, width, 3)`.

    Returns:
        float `(batch,)`; 1 where every pixel is off by 1.
    """
    weights = ops.convert_to_tensor(_centre_weights(images.shape[1], images.shape[2]))
    return ops.mean(weights * ops.abs(images - outputs), axis=(1, 2, 3))


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


def latent_cycle(latent, cycled):
    """Mean absolute difference between a latent and what the encoder reads in the face made from it.

    Args:
        latent, cycled: float `(batch, latent_dim)`; no gradient flows into the first.

    Returns:
        float `(batch,)`.
    """
    return ops.mean(ops.abs(ops.stop_gradient(latent) - cycled), axis=-1)


def identity_dependence(z_mean, identity):
    """How much more alike the latents of one person are than those of different people.

    The expected value is the maximum mean discrepancy between the identities' latents (Gretton et al. 2012), here with
    Gaussian kernels of `KERNEL_RATES` and a linear one: 0 where the latent's distribution is the same for every
    identity. Unlike an adversary's loss it cannot be outrun: there is no network that would have to keep up with the
    encoder. Wide kernels see where a person's latents lie as a whole, narrow ones how they differ from others' within
    one expression. The estimate is as good as the batch is large.

    Args:
        z_mean: float `(batch, latent_dim)`. Each dimension is scaled to unit deviation first: an attacker would do so.
        identity: int `(batch,)`.

    Returns:
        float `(batch,)`, whose mean over the batch is the estimate; it is unbiased and so may be negative.
    """
    scale = ops.stop_gradient(ops.std(z_mean, axis=0)) + 1e-4
    z = (z_mean - ops.mean(z_mean, axis=0)) / scale
    inner = ops.matmul(z, ops.transpose(z)) / z.shape[-1]  # (batch, batch)
    squares = ops.diagonal(inner)
    distances = squares[:, None] + squares[None, :] - 2.0 * inner
    kernel = inner + sum(ops.exp(-rate * distances) for rate in KERNEL_RATES)
    same = ops.cast(ops.equal(identity[:, None], identity[None, :]), z.dtype)
    alike = same - ops.eye(ops.shape(z)[0], dtype=z.dtype)
    return _mean_over_pairs(kernel, alike) - _mean_over_pairs(kernel, 1.0 - same)


def _mean_over_pairs(kernel, chosen):
    """Rows `(batch,)` whose mean is the mean of `kernel` over the chosen pairs; 0 where there are none."""
    count = ops.cast(ops.shape(kernel)[0], kernel.dtype)
    return count * ops.sum(chosen * kernel, axis=-1) / ops.maximum(ops.sum(chosen), 1.0)


def _centre_weights(height, width):
    """float32 `(1, height, width, 1)`, mean 1: highest a little below the centre, between eyes and mouth."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    weights = 0.05 + np.exp(-((x / 0.55) ** 2) - ((y - 0.1) / 0.6) ** 2)
    return (weights / weights.mean()).astype(np.float32)[None, :, :, None]
