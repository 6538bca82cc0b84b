"""What is between encoder and generator when a trained model protects: mirror images, a threshold, or prototypes.

All are networks whose weights no training step changes; they are found in training images once encoder and generator
have learnt (`protection.Protection.adapt`).
"""

import keras
import numpy as np
from keras import layers, ops
from keras.initializers import Constant

from vgan_tf.errors import InputError

WHOLE = 1.5  # thresholds from which on firm shrinkage leaves a number as it is
MOST_GAIN = 2.0  # with which what an encoder reads is drawn, however little that is
RIDGE = 1e-3  # share of the mean variance, added to each, so that a covariance can be inverted


def mirror_network(latent_dim):
    """Latents `(batch, latent_dim)` of faces and of their mirror images -> their mean, as of the faces.

    Two looks at a face misread it less than one. The kernel of "mean" is that of the first latent alone before
    `fit_mirror`.
    """
    latents = [keras.Input((latent_dim,), name=name) for name in ("latent", "mirrored")]
    first = np.concatenate([np.eye(latent_dim), np.zeros((latent_dim, latent_dim))])
    return keras.Model(latents, _dense("mean", first)(layers.Concatenate()(latents)), name="mirror", trainable=False)


def fit_mirror(network, order, signs):
    """Tell a network of `mirror_network` what a mirror makes of latents: see `data.pipeline.mirrored_motion`."""
    eye = np.eye(len(order))
    network.get_layer("mean").set_weights([np.concatenate([eye, eye[:, order] * signs]) / 2])


def threshold_network(latent_dim, threshold, strengths=0):
    """Latent `(batch, latent_dim)` -> the same without what is small in it: firm shrinkage (Gao and Bruce 1997).

    A number becomes 0 up to the threshold, and stays as it is from `WHOLE` thresholds on. Where the first numbers are
    the strengths of expressions, what these imply of the others (a linear map of them, after the threshold) is taken
    out of the others first and added again afterwards: a smile is one thing, not twenty small movements, each lost.

    Args:
        latent_dim: int.
        threshold: above 0.
        strengths: how many of the first numbers are strengths, as of `data.pipeline.latent_names`; 0 for none.

    Returns:
        keras.Model "threshold" of layers that every runtime has. Its last two kernels, "implied" and "drawn", are 0
        before `fit_threshold`: each number stands for itself then.
    """
    latent = rest = keras.Input((latent_dim,), name="latent")
    if strengths:
        inward, bias, _ = _shrinkage(strengths, threshold)
        read = np.concatenate([inward, np.zeros((latent_dim - strengths, inward.shape[1]))])
        hinges = layers.ReLU()(_dense("strengths", read, bias)(latent))
        rest = layers.Add()([latent, _dense("implied", np.zeros((len(bias), latent_dim)))(hinges)])
    inward, bias, outward = _shrinkage(latent_dim, threshold)
    shrunk = _dense("shrunk", outward)(layers.ReLU()(_dense("hinges", inward, bias)(rest)))
    if strengths:
        shrunk = layers.Add()([shrunk, _dense("drawn", np.zeros((hinges.shape[1], latent_dim)))(hinges)])
    return keras.Model(latent, shrunk, name="threshold", trainable=False)


def _dense(name, kernel, bias=None):
    """A dense layer of these weights at first, float `(n, m)` and `(m,)`."""
    return layers.Dense(
        kernel.shape[1],
        use_bias=bias is not None,
        kernel_initializer=Constant(kernel),
        bias_initializer="zeros" if bias is None else Constant(bias),
        name=name,
        dtype="float32",
    )


def _shrinkage(size, threshold):
    """Firm shrinkage of `size` numbers as relu(x @ inward + bias) @ outward: (inward, bias, outward)."""
    steep = WHOLE / (WHOLE - 1)
    signs, eye = np.array([1.0, 1.0, -1.0, -1.0]), np.eye(size)
    bias = -threshold * np.array([1.0, WHOLE, 1.0, WHOLE])
    back = signs * np.array([steep, 1 - steep, steep, 1 - steep])
    return np.kron(signs[None], eye), np.repeat(bias, size), np.kron(back[:, None], eye)


def fit_threshold(network, motion, latents):
    """Find what strengths imply: the linear map from them to the other numbers with the least squared error.

    What is read off faces varies less than what they do. So what is added again is larger than what was taken out, by
    the ratio of the two spreads, one for each strength.

    Args:
        network: as of `threshold_network`, with strengths; its weights are set.
        motion, latents: float `(n, latent_dim)`, what training faces do, and what the encoder reads off them.
    """
    layer = network.get_layer
    count = layer("implied").kernel.shape[0] // 4
    implied = np.zeros((count, motion.shape[1]))
    implied[:, count:] = np.linalg.lstsq(motion[:, :count], motion[:, count:], rcond=None)[0]
    released = ops.convert_to_numpy(network(latents))
    true, read = (np.sqrt(np.mean(np.square(numbers[:, :count]), axis=0)) for numbers in (motion, released))
    gain = np.clip(np.divide(true, read, out=np.ones(count), where=read > 0), 1.0, MOST_GAIN)
    _, _, outward = _shrinkage(count, 1.0)
    layer("implied").set_weights([-outward @ implied])
    layer("drawn").set_weights([outward @ (gain[:, None] * implied)])


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
