"""The networks of the reference recipe (Chen, Konrad, Ishwar 2018, and the authors' released code).

Deviation: the discriminator's last activations are left to the losses, which take logits.
"""

import keras
from keras import layers

from vgan_tf.backends import BatchNormalization
from vgan_tf.networks.layers import (
    SMALLEST_MAP,
    discriminator_heads,
    generator_filters,
    image_input,
    posterior_heads,
    stage_filters,
)

DROPOUT = 0.3
DISCRIMINATOR_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.8


def encoder(config):
    """Image -> mean and log-variance: stride-2 convolutions with batch norm, dropout and LeakyReLU."""
    image = x = image_input(config)
    for filters in stage_filters(config.encoder_filters, config.image_size):  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, config.kernel_size, strides=2, padding="same")(x)
        x = BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
        x = layers.Dropout(DROPOUT, seed=config.seed)(x)
        x = layers.LeakyReLU(0.2)(x)
    posterior = posterior_heads(layers.Flatten()(x), config.latent_dim, bounded=True)
    return keras.Model(image, posterior, name="encoder")


def generator(config, identity_count):
    """Latent and target code -> image: a dense layer, then stride-2 transposed convolutions, ReLU before batch norm."""
    latent = keras.Input((config.latent_dim,), name="latent")
    target = keras.Input((identity_count,), name="target")
    x = layers.Concatenate()([latent, target])
    x = layers.Dense(SMALLEST_MAP**2 * 128, activation="relu")(x)
    x = layers.Reshape((SMALLEST_MAP, SMALLEST_MAP, 128))(x)
    for filters in generator_filters(config):  # 4 -> 8 -> 16 -> 32
        x = layers.Conv2DTranspose(filters, config.kernel_size, strides=2, padding="same", activation="relu")(x)
        x = BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    last = layers.Conv2DTranspose(
        3, config.kernel_size, strides=2, padding="same", activation="tanh", name="protected", dtype="float32"
    )
    return keras.Model([latent, target], last(x), name="generator")


def discriminator(config, identity_count, expression_count):
    """Image -> logits of real, identity, expression: stride-2 convolutions without batch norm, one dense layer."""
    image = x = image_input(config)
    maps = []
    for filters in stage_filters(config.discriminator_filters, config.image_size):  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, config.kernel_size, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
        maps.append(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(256)(layers.Flatten()(x)))
    x = layers.Dropout(DISCRIMINATOR_DROPOUT, seed=config.seed)(x)
    heads = discriminator_heads(x, identity_count, expression_count, config.conditional_real_fake)
    return keras.Model(image, [*heads, *maps[1:]], name="discriminator")
