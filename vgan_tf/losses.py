"""Losses: pure functions of tensors, one value per example, shape `(batch,)`.

Weighting and averaging over the batch happen once, in `PPRLVGAN.discriminator_loss` and `PPRLVGAN.generator_loss`.
"""

from keras import ops


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


def confusion(logits):
    """Cross-entropy from the uniform distribution to the predicted one: least where every class is as likely.

    Args:
        logits: float `(batch, classes)`.

    Returns:
        float `(batch,)`, at least log(classes).
    """
    return -ops.mean(ops.log_softmax(logits, axis=-1), axis=-1)


def kl_divergence(z_mean, z_log_var):
    """KL(q(f|I) || N(0, I)), summed over the latent.

    Args:
        z_mean, z_log_var: float `(batch, latent_dim)`; log-variance, not log-deviation.

    Returns:
        float `(batch,)`; 0 for mean 0 and log-variance 0.
    """
    return 0.5 * ops.sum(ops.square(z_mean) + ops.exp(z_log_var) - 1.0 - z_log_var, axis=-1)


def reconstruction(images, outputs):
    """Mean absolute error over pixels and channels.

    Args:
        images, outputs: float `(batch, height, width, 3)`.

    Returns:
        float `(batch,)`.
    """
    return ops.mean(ops.abs(images - outputs), axis=(1, 2, 3))
