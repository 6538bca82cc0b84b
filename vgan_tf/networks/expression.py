"""The expression classifier that ships beside the anonymizer."""

import keras
from keras import layers

from vgan_tf.networks.layers import IMAGE_SHAPE


def expression_classifier(config, expression_count):
    """Image -> probabilities of the expressions: convolutions of stride 2, batch norm where it folds.

    Args:
        config: Config.
        expression_count: classes.

    Returns:
        functional keras.Model "expression": image `(batch, 64, 64, 3)` in [-1, 1] -> probabilities
        `(batch, expression_count)`.
    """
    image = x = keras.Input(IMAGE_SHAPE, name="image")
    for filters in config.classifier_filters:  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=config.batch_norm_momentum)(x)
        x = layers.ReLU()(x)
    x = layers.Dropout(config.discriminator_dropout, seed=config.seed)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(expression_count, "softmax", name="probabilities")(x), name="expression")
