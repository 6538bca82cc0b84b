"""The network that finds, in a picture of a head, the square that shows the face as encoders are used to."""

import keras
from keras import layers

from vgan_tf.backends import BatchNormalization

FILTERS = (16, 32, 64, 96)
BATCH_NORM_MOMENTUM = 0.95


def alignment_network(size):
    """Picture -> place of the square: convolutions of stride 2, batch norm where it folds.

    Args:
        size: side of the picture in pixels.

    Returns:
        functional keras.Model "alignment": image `(batch, size, size, 3)` in [-1, 1] -> place `(batch, 3)`: how far the
        square's middle lies to the right of the picture's and below it, and the logarithm of its side, all in shares of
        the picture's side.
    """
    image = x = keras.Input((size, size, 3), name="image")
    for filters in FILTERS:  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))
    x = layers.Dense(64, use_bias=False)(layers.Flatten()(x))
    # Without batch norm here, all units but one died in the first steps, and only the size was found.
    x = layers.ReLU()(BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))
    return keras.Model(image, layers.Dense(3, name="place")(x), name="alignment")
