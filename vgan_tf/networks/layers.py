"""What the architectures share: the one sampler, the discriminator's heads, the classifier on a latent."""

import math

import keras
import numpy as np
from keras import layers, ops

SMALLEST_MAP = 4  # side of the feature maps where encoders end and generators begin
RAMPS_STD = 0.03  # of what Ramps read off their input at first
FILTERS_LISTED_FOR = 64  # side of the pictures that the configuration's lists of filters are for


def image_input(config, channels=3):
    """The input of a network that sees pictures: `(batch, image_size, image_size, channels)` in [-1, 1]."""
    return keras.Input((config.image_size, config.image_size, channels), name="image")


def output_channels(config):
    """Channels of the generator's pictures: RGB, and alpha if the configuration asks for it."""
    return 4 if config.alpha else 3


def stage_filters(filters, image_size):
    """The channels of the stages of an encoder, one for each halving of the picture down to `SMALLEST_MAP`.

    A resolution keeps its channels whatever the size of the picture: a smaller picture leaves out the first stages, a
    larger one has more in front, each with half the channels of the next.

    Args:
        filters: channels for pictures of `FILTERS_LISTED_FOR` pixels, from the largest map to the smallest.
        image_size: side of the pictures.

    Returns:
        tuple of int.
    """
    more = int(math.log2(image_size / FILTERS_LISTED_FOR))
    if more <= 0:
        return tuple(filters[-more:])
    return (*(max(1, filters[0] >> halvings) for halvings in range(more, 0, -1)), *filters)


def generator_filters(config):
    """The channels of a generator's stages, from the smallest map to the largest; see `stage_filters`."""
    return stage_filters(config.generator_filters[::-1], config.image_size)[::-1]


def sample_latent(z_mean, z_log_var, seed, noise=1.0):
    """Draw f = mean + noise * std * epsilon, epsilon ~ N(0, I).

    The authors' code reads its second encoder output in three ways; here it is the log-variance everywhere.

    Args:
        z_mean, z_log_var: float `(batch, latent_dim)`.
        seed: int or keras.random.SeedGenerator.
        noise: scale of the noise; 0 returns the mean.

    Returns:
        float `(batch, latent_dim)`.
    """
    epsilon = keras.random.normal(ops.shape(z_mean), seed=seed)
    return z_mean + noise * ops.exp(0.5 * z_log_var) * epsilon


def posterior_heads(features, size, bounded=False):
    """Dense mean and log-variance of a posterior: two `(batch, size)` tensors."""
    z_mean = layers.Dense(size, name="z_mean", dtype="float32")(features)
    z_log_var = layers.Dense(size, name="z_log_var_raw", dtype="float32")(features)
    # The second form only keeps exp(log-variance) finite, whatever the weights do.
    return z_mean, ops.sigmoid(z_log_var) if bounded else 6.0 * ops.tanh(z_log_var / 6.0)


def discriminator_heads(features, identity_count, expression_count, conditional=False):
    """D1, D2 and D3 as logits: `(batch, 1)`, `(batch, identity_count)`, `(batch, expression_count)`.

    Where D1 is conditional its logits are `(batch, 1 + identity_count + expression_count)`: one for any face, then what
    each identity and each expression adds to it (Miyato and Koyama 2018, a projection discriminator).
    """
    conditions = conditional * (identity_count + expression_count)
    return [
        layers.Dense(1 + conditions, name="real_logits", dtype="float32")(features),
        layers.Dense(identity_count, name="identity_logits", dtype="float32")(features),
        layers.Dense(expression_count, name="expression_logits", dtype="float32")(features),
    ]


class Ramps(layers.Layer):
    """Ramps along one axis of a map: `(batch, n)` -> `(batch, side * count)`.

    Each is p x + q, x the place along the axis from -1 to 1, p and q read linearly off the input. As a whole that is a
    dense layer whose kernel is of few numbers.

    Args:
        side: places along the axis.
        count: ramps, side by side at each place.
        zeros: float `(count,)`, where the ramps cross 0 at first.
        slope: of the ramps at first.
    """

    def __init__(self, side, count, zeros, slope, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.side, self.count = side, count
        self.zeros, self.slope = np.asarray(zeros, np.float32), float(slope)
        self.places = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)[:, None]

    def build(self, input_shape):
        small = keras.initializers.RandomNormal(stddev=RAMPS_STD)
        self.steepness = self.add_weight((input_shape[-1], self.count), small, name="steepness")
        self.shift = self.add_weight((input_shape[-1], self.count), small, name="shift")
        first = keras.initializers.Constant
        self.steepness_bias = self.add_weight((self.count,), first(self.slope), name="steepness_bias")
        self.shift_bias = self.add_weight((self.count,), first(-self.slope * self.zeros), name="shift_bias")

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    @property
    def kernel(self):
        """Of the dense layer that this is: float `(n, side * count)`."""
        kernel = self.steepness[:, None] * self.places + self.shift[:, None]
        return ops.reshape(kernel, (-1, self.side * self.count))

    @property
    def bias(self):
        """Of the dense layer that this is: float `(side * count,)`."""
        return ops.reshape(self.steepness_bias * self.places + self.shift_bias, (-1,))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.side * self.count)


def latent_classifier(latent_dim, classes):
    """A linear classifier on the latent: `(batch, latent_dim)` -> logits `(batch, classes)`."""
    latent = keras.Input((latent_dim,), name="latent")
    return keras.Model(latent, layers.Dense(classes, name="logits")(latent), name="latent_classifier")
