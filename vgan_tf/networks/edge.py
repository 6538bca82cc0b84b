"""Networks shaped for phones: small convolutions of kernel 3, batch norm where it folds into a convolution.

Deviations from the paper: kernel 3, fewer channels, transposed convolutions of kernel 4 (they learn faces in about half
the steps of upsampling and convolution: docs/results/history.md), batch norm before the activation, a small latent.
"""

import keras
import numpy as np
from keras import layers
from keras.initializers import RandomNormal

from vgan_tf.backends import BatchNormalization
from vgan_tf.networks.layers import (
    SMALLEST_MAP,
    Ramps,
    discriminator_heads,
    generator_filters,
    image_input,
    output_channels,
    posterior_heads,
    stage_filters,
)

BATCH_NORM_MOMENTUM = 0.9
DISCRIMINATOR_DROPOUT = 0.3
LARGEST_DEEP_MAP = 16  # side of the largest map on which an encoder may have several convolutions
STYLE_CELLS = 8  # side of the copy of the image that the style is read from
FINE_FILTERS = 12  # maps at the picture's full size
BUMP_FEATURES = (128, 64)  # units of the dense layers that bumps are read off
BUMP_HALF_WIDTH = 0.3  # of bumps at first, in halves of the picture's side
BUMP_MIDDLES = ((-0.6, 0.4), (-0.5, 0.5))  # rows and columns between which they lie at first: the face of a counterpart


def encoder(config):
    """Image -> mean and log-variance."""
    image = image_input(config)
    return keras.Model(
        image, posterior_heads(features(image, config, config.encoder_filters), config.latent_dim), name="encoder"
    )


def features(image, config, filters_listed):
    """What is read off an image, `(batch, n)`: convolutions of stride 2, on small maps further ones.

    Args:
        image: as of `image_input`.
        config: Config.
        filters_listed: channels, as for `stage_filters`.
    """
    x = image
    for filters in stage_filters(filters_listed, config.image_size):  # 64 -> 32 -> 16 -> 8 -> 4
        x = _through(_normalised(layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)), x)
        if x.shape[1] <= LARGEST_DEEP_MAP:
            for _ in range(config.encoder_depth - 1):
                x = _through(_normalised(layers.Conv2D(filters, 3, padding="same", use_bias=False)), x)
    return layers.Flatten()(x)


def style_encoder(config):
    """Image -> mean and log-variance of its style, from a copy too coarse for the details of an expression."""
    image = image_input(config)
    x = layers.Flatten()(layers.AveragePooling2D(config.image_size // STYLE_CELLS)(image))
    x = BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(layers.Dense(96, use_bias=False)(x))
    return keras.Model(image, posterior_heads(layers.LeakyReLU(0.2)(x), config.style_dim), name="style_encoder")


def generators(config, identity_count):
    """Two generators of the same layers: a dense layer, then transposed convolutions, with bumps beside their maps.

    Returns:
        (generator, styled generator): latent, target code -> image; and, with a style as third input, the same image
        where the style is 0. None for the second without a style.
    """
    latent = keras.Input((config.latent_dim,), name="latent")
    target = keras.Input((identity_count,), name="target")
    code = layers.Concatenate()([latent, target])
    first, *others = generator_filters(config)
    dense = layers.Dense(SMALLEST_MAP**2 * first, use_bias=False)
    reshape = layers.Reshape((SMALLEST_MAP, SMALLEST_MAP, first))
    beginning = [BatchNormalization(momentum=BATCH_NORM_MOMENTUM), layers.ReLU(), reshape]
    stages = [  # 4 -> 8 -> 16 -> 32
        [
            layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False),
            BatchNormalization(momentum=BATCH_NORM_MOMENTUM),
            layers.ReLU(),  # a part of the convolution once exported: 8 bits need not hold what it takes away
        ]
        for filters in others
    ]
    # 32 -> 64. The pixels of two by two have kernels of their own: with nothing behind them, hair shows stripes.
    coarse = layers.Conv2DTranspose(output_channels(config), 4, strides=2, padding="same")
    fine = [
        layers.Conv2DTranspose(FINE_FILTERS, 4, strides=2, padding="same", use_bias=False),
        BatchNormalization(momentum=BATCH_NORM_MOMENTUM),
        layers.ReLU(),
        # Small at first: large parts of two branches that cancel out are what 8 bits hold badly.
        layers.Conv2D(output_channels(config), 3, padding="same", kernel_initializer=RandomNormal(stddev=1e-3)),
    ]
    protected = layers.Activation("tanh", name="protected", dtype="float32")
    maps = bump_maps(code, config) if config.generator_bumps else {}

    def image(x):
        x = _through(beginning, x)
        for stage in stages:
            x = _through(stage, x)
            if x.shape[1] in maps:
                x = layers.Concatenate()([x, maps[x.shape[1]]])
        return protected(layers.Add()([coarse(x), _through(fine, x)]))

    x = dense(code)
    plain = keras.Model([latent, target], image(x), name="generator")
    if not config.style_dim:
        return plain, None
    style = keras.Input((config.style_dim,), name="style")
    x = layers.Add()([x, layers.Dense(SMALLEST_MAP**2 * first, use_bias=False, name="style_in")(style)])
    return plain, keras.Model([latent, target, style], image(x), name="styled_generator")


def bump_maps(code, config):
    """Maps with one bump each, whose place, widths and height are read off the code: {side: maps}.

    So convolutions need not carry places from map to map. Along each axis a bump is a parabola, u (6 - u) / 9, over the
    stretch on which a ramp u is between 0 and 6: of layers that 8 bits hold well, unlike a Gaussian's exponents.

    Args:
        code: latent and target code, `(batch, n)`.
        config: Config.

    Returns:
        dict of a quarter and an eighth of the picture's side to `(batch, side, side, generator_bumps)`.
    """
    count, side = config.generator_bumps, config.image_size // 4
    x = code
    for units in BUMP_FEATURES:
        x = _through(_normalised(layers.Dense(units, use_bias=False)), x)
    maps = layers.Reshape((1, 1, count))(layers.Dense(count, bias_initializer="ones")(x))
    random = np.random.default_rng(config.seed)
    for shape, (low, high) in zip(((1, side, count), (side, 1, count)), BUMP_MIDDLES[::-1], strict=True):
        slope = 3 / BUMP_HALF_WIDTH
        ramps = Ramps(side, count, random.uniform(low, high, count) - BUMP_HALF_WIDTH, slope)(x)
        ramps = layers.Reshape(shape)(layers.ReLU(max_value=6.0)(ramps))
        maps = layers.Multiply()([maps, layers.Multiply()([ramps, layers.Rescaling(-1 / 9, 6 / 9)(ramps)])])
    return {side: maps, side // 2: layers.AveragePooling2D(2)(maps)}


def discriminator(config, identity_count, expression_count):
    """Image -> logits of real, identity, expression, and feature maps. It stays off the phone.

    Kernel 4: one that the stride divides weighs all pixels alike, so its gradient draws no checkerboard.
    """
    image = x = image_input(config, output_channels(config))
    maps = []
    for filters in stage_filters(config.discriminator_filters, config.image_size):  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
        maps.append(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(128)(layers.Flatten()(x)))
    x = layers.Dropout(DISCRIMINATOR_DROPOUT, seed=config.seed)(x)
    heads = discriminator_heads(x, identity_count, expression_count, config.conditional_real_fake)
    return keras.Model(image, [*heads, *maps[1:]], name="discriminator")


def _normalised(layer):
    return [layer, BatchNormalization(momentum=BATCH_NORM_MOMENTUM), layers.LeakyReLU(0.2)]


def _through(stages, x):
    for layer in stages:
        x = layer(x)
    return x
