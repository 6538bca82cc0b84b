"""Networks shaped for phones: few and cheap operations, batch norm where it folds into a convolution.

Deviations from the paper: kernel 3, fewer channels, no transposed convolution (slow on LiteRT), batch norm before the
activation, a smaller latent.
"""

import keras
from keras import layers

from vgan_tf.networks.layers import IMAGE_SHAPE, DepthToSpace, discriminator_heads, posterior_heads


def encoder(config):
    """Image -> mean and log-variance: a convolution, then depthwise-separable convolutions, all of stride 2."""
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    first, *others = config.encoder_filters
    x = layers.Conv2D(first, 3, strides=2, padding="same", use_bias=False)(x)  # 64 -> 32
    x = _normalise_and_activate(x, config)
    for filters in others:  # 32 -> 16 -> 8 -> 4
        x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
        x = _normalise_and_activate(x, config)
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = _normalise_and_activate(x, config)
    x = layers.Dropout(config.dropout, seed=config.seed)(layers.Flatten()(x))
    return keras.Model(image, posterior_heads(x, config), name="encoder")


def generator(config, identity_count):
    """Latent and target code -> image: pointwise convolutions, depth to space, depthwise convolutions."""
    latent = keras.Input((config.latent_dim,), name="latent")
    target = keras.Input((identity_count,), name="target")
    first, *others = config.generator_filters
    x = layers.Concatenate()([latent, target])
    x = layers.Dense(4 * 4 * first, use_bias=False)(x)
    x = _normalise_and_activate(x, config)
    x = layers.Reshape((4, 4, first))(x)
    for filters in others:  # 4 -> 8 -> 16 -> 32
        x = DepthToSpace()(layers.Conv2D(4 * filters, 1, use_bias=False)(x))
        x = _normalise_and_activate(x, config)
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = _normalise_and_activate(x, config)
    x = layers.Conv2D(12, 3, padding="same")(x)
    x = layers.Activation("tanh", name="protected")(DepthToSpace()(x))  # 32 -> 64
    return keras.Model([latent, target], x, name="generator")


def discriminator(config, identity_count, expression_count):
    """Image -> logits of real, identity, expression. It stays off the phone, so it is the paper's with kernel 3."""
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    for filters in config.discriminator_filters:  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(128)(layers.Flatten()(x)))
    x = layers.Dropout(config.discriminator_dropout, seed=config.seed)(x)
    return keras.Model(image, discriminator_heads(x, identity_count, expression_count), name="discriminator")


def _normalise_and_activate(x, config):
    x = layers.BatchNormalization(momentum=config.batch_norm_momentum)(x)
    return layers.LeakyReLU(0.2)(x)
