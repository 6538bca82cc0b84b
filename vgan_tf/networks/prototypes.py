"""Prototypes: a few latents for each expression, of which the nearest is decoded in place of the latent itself.

Of what the encoder found in an image only the number of a prototype goes on, so that a protected face, and the latent
that leaves the encoder on a device, tell no more than that: log2(prototypes) bits, whoever the image shows.
"""

import keras
import numpy as np
from keras import layers, ops

from vgan_tf.errors import InputError

RIDGE = 1e-3  # share of the mean variance, added to each, so that a covariance can be inverted


@keras.saving.register_keras_serializable("vgan_tf")
class Winner(layers.Layer):
    """Scores `(batch, n)` -> 1 for the highest of a row, the first of several, and 0 for the others."""

    def call(self, scores):
        return ops.take(ops.eye(scores.shape[-1]), ops.argmax(scores, axis=-1), axis=0)

    def compute_output_shape(self, shape):
        return shape


def prototype_network(latent_dim, count):
    """Latent `(batch, latent_dim)` -> the nearest of `count` prototypes, the same shape; nothing in it is trained.

    Its weights, all 0 before `fit_prototypes`: kernel `(latent_dim, count)` and bias `(count,)` of the linear scores,
    prototypes `(count, latent_dim)`.
    """
    latent = keras.Input((latent_dim,), name="latent")
    scores = layers.Dense(count, kernel_initializer="zeros", name="scores")(latent)
    chosen = layers.Dense(latent_dim, use_bias=False, kernel_initializer="zeros", name="prototypes")(Winner()(scores))
    return keras.Model(latent, chosen, name="prototypes", trainable=False)


def require_prototypes(expression, names, each):
    """Raise InputError where an expression has fewer images, int labels `(n,)`, than it is to have prototypes."""
    for name, count in zip(names, np.bincount(expression, minlength=len(names)), strict=True):
        if count < each:
            raise InputError(
                f"protection_prototypes={each}: only {count} training images of {name} to find them in; "
                "give more, or set a lower number (0 for none)"
            )


def fit_prototypes(latents, labels, classes, each):
    """Means of latents by label and strength, and the linear discriminant that chooses among them (Fisher 1936).

    The strength of a latent is its label's score, by a discriminant among the labels whose scores add up to 0; each
    label's latents are cut into `each` parts of equal size by it.

    Args:
        latents: float `(n, latent_dim)`.
        labels: int `(n,)`, each of `range(classes)` at least `each` times.
        classes, each: how many labels, and prototypes for each.

    Returns:
        [kernel, bias, prototypes] as `prototype_network` has them, float32; prototype `label * each + part`.
    """
    latents = np.asarray(latents, np.float64)
    means = np.stack([latents[labels == label].mean(axis=0) for label in range(classes)])
    kernel, bias = _discriminant(latents, means[labels], means)
    strength = (latents @ kernel + bias)[np.arange(len(latents)), labels]
    groups = np.empty(len(latents), np.int64)
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        rank = np.argsort(np.argsort(strength[rows], kind="stable"), kind="stable")
        groups[rows] = label * each + rank * each // len(rows)
    prototypes = np.stack([latents[groups == group].mean(axis=0) for group in range(classes * each)])
    kernel, bias = _discriminant(latents, prototypes[groups], prototypes)
    return [np.asarray(array, np.float32) for array in (kernel, bias, prototypes)]


def _discriminant(latents, centres, means):
    """Kernel and bias of scores, highest for the nearest mean as measured by the covariance around the own centres."""
    covariance = np.atleast_2d(np.cov((latents - centres).T, bias=True))
    covariance += np.eye(len(covariance)) * (RIDGE * np.trace(covariance) / len(covariance) + 1e-12)
    kernel = np.linalg.solve(covariance, means.T)
    bias = -0.5 * np.sum(means.T * kernel, axis=0)
    # What all scores have in common decides nothing, and 8 bits hold the rest the better without it.
    return kernel - kernel.mean(axis=1, keepdims=True), bias - bias.mean()
