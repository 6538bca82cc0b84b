"""The expression classifier that ships beside the anonymizer."""

import keras
from keras import layers

from vgan_tf.networks.layers import BatchNormalization, image_input, stage_filters

BATCH_NORM_MOMENTUM = 0.9
DROPOUT = 0.3


def expression_classifier(config, expression_count):
    """Image -> probabilities of the expressions: convolutions of stride 2, batch norm where it folds.

    Args:
        config: Config.
        expression_count: classes.

    Returns:
        functional keras.Model "expression": image `(batch, image_size, image_size, 3)` in [-1, 1] -> probabilities
        `(batch, expression_count)`.
    """
    image = x = image_input(config)
    for filters in stage_filters(config.classifier_filters, config.image_size):  # 64 -> 32 -> 16 -> 8 -> 4
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
        x = layers.ReLU()(x)
    x = layers.Dropout(DROPOUT, seed=config.seed)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(expression_count, "softmax", name="probabilities")(x), name="expression")
