"""The networks of the reference recipe (Chen, Konrad, Ishwar 2018, and the authors' released code).

Deviation: the discriminator's last activations are left to the losses, which take logits.
"""

import keras
from keras import layers

from vgan_tf.networks.layers import IMAGE_SHAPE, discriminator_heads, posterior_heads


def encoder(config):
    """Image -> mean and log-variance: stride-2 convolutions with batch norm, dropout and LeakyReLU."""
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    for filters in config.encoder_filters:  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, config.kernel_size, strides=2, padding="same")(x)
        x = layers.BatchNormalization(momentum=config.batch_norm_momentum)(x)
        x = layers.Dropout(config.dropout, seed=config.seed)(x)
        x = layers.LeakyReLU(0.2)(x)
    posterior = posterior_heads(layers.Flatten()(x), config.latent_dim, config.bounded_posterior)
    return keras.Model(image, posterior, name="encoder")


def generator(config, identity_count):
    """Latent and target code -> image: a dense layer, then stride-2 transposed convolutions, ReLU before batch norm."""
    latent = keras.Input((config.latent_dim,), name="latent")
    target = keras.Input((identity_count,), name="target")
    x = layers.Concatenate()([latent, target])
    x = layers.Dense(4 * 4 * 128, activation="relu")(x)
    x = layers.Reshape((4, 4, 128))(x)
    for filters in config.generator_filters:  # 4 -> 8 -> 16 -> 32
        x = layers.Conv2DTranspose(filters, config.kernel_size, strides=2, padding="same", activation="relu")(x)
        x = layers.BatchNormalization(momentum=config.batch_norm_momentum)(x)
    last = layers.Conv2DTranspose(
        3, config.kernel_size, strides=2, padding="same", activation="tanh", name="protected", dtype="float32"
    )
    return keras.Model([latent, target], last(x), name="generator")


def discriminator(config, identity_count, expression_count):
    """Image -> logits of real, identity, expression: stride-2 convolutions without batch norm, one dense layer."""
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    maps = []
    for filters in config.discriminator_filters:  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, config.kernel_size, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
        maps.append(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(256)(layers.Flatten()(x)))
    x = layers.Dropout(config.discriminator_dropout, seed=config.seed)(x)
    heads = discriminator_heads(x, identity_count, expression_count, config.conditional_real_fake)
    return keras.Model(image, [*heads, *maps[1:]], name="discriminator")
