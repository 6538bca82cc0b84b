"""Networks shaped for phones: small convolutions of kernel 3, batch norm where it folds into a convolution.

Deviations from the paper: kernel 3, fewer channels, upsampling and convolution in place of transposed convolution
(slow on LiteRT, and it leaves a checkerboard), batch norm before the activation, a small latent.
"""

import keras
from keras import layers

from vgan_tf.networks.layers import IMAGE_SHAPE, discriminator_heads, posterior_heads


def encoder(config):
    """Image -> mean and log-variance: convolutions of stride 2."""
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    for filters in config.encoder_filters:  # 64 -> 32 -> 16 -> 8 -> 4
        x = _convolve(x, filters, config, strides=2)
    x = layers.Dropout(config.dropout, seed=config.seed)(layers.Flatten()(x))
    return keras.Model(image, posterior_heads(x, config), name="encoder")


def generator(config, identity_count):
    """Latent and target code -> image: a dense layer, then upsampling and convolution."""
    latent = keras.Input((config.latent_dim,), name="latent")
    target = keras.Input((identity_count,), name="target")
    first, *others = config.generator_filters
    x = layers.Concatenate()([latent, target])
    x = layers.Dense(4 * 4 * first, use_bias=False)(x)
    x = layers.LeakyReLU(0.2)(layers.BatchNormalization(momentum=config.batch_norm_momentum)(x))
    x = layers.Reshape((4, 4, first))(x)
    for filters in others:  # 4 -> 8 -> 16 -> 32
        x = _convolve(layers.UpSampling2D()(x), filters, config)
    x = layers.Conv2D(3, 3, padding="same")(layers.UpSampling2D()(x))  # 32 -> 64
    return keras.Model([latent, target], layers.Activation("tanh", name="protected")(x), name="generator")


def discriminator(config, identity_count, expression_count):
    """Image -> logits of real, identity, expression, and feature maps. It stays off the phone.

    Kernel 4: one that the stride divides weighs all pixels alike, so its gradient draws no checkerboard.
    """
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    maps = []
    for filters in config.discriminator_filters:  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
        maps.append(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(128)(layers.Flatten()(x)))
    x = layers.Dropout(config.discriminator_dropout, seed=config.seed)(x)
    heads = discriminator_heads(x, identity_count, expression_count)
    return keras.Model(image, [*heads, *maps[1:]], name="discriminator")


def _convolve(x, filters, config, strides=1):
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=config.batch_norm_momentum)(x)
    return layers.LeakyReLU(0.2)(x)
