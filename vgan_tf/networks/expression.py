"""The expression classifier that ships beside the anonymizer."""

import keras
from keras import layers

from vgan_tf.networks import edge
from vgan_tf.networks.layers import image_input

DROPOUT = 0.3


def expression_classifier(config, expression_count):
    """Image -> probabilities of the expressions, by layers like those of the edge encoder.

    Args:
        config: Config.
        expression_count: classes.

    Returns:
        functional keras.Model "expression": image `(batch, image_size, image_size, 3)` in [-1, 1] -> probabilities
        `(batch, expression_count)`.
    """
    image = image_input(config)
    x = layers.Dropout(DROPOUT, seed=config.seed)(edge.features(image, config, config.classifier_filters))
    return keras.Model(image, layers.Dense(expression_count, "softmax", name="probabilities")(x), name="expression")


def start_from_encoder(classifier, encoder, latent_head):
    """Have a classifier read what an encoder and the head on its latent do, if it has the encoder's layers.

    Args:
        classifier: of `expression_classifier`.
        encoder: of `networks.build`, likewise with a mean of the posterior named "z_mean".
        latent_head: of `latent_classifier`, on the latent.

    Returns:
        whether it has, and now does.
    """
    kinds = layers.Conv2D, layers.BatchNormalization
    own, others = ([layer for layer in one.layers if isinstance(layer, kinds)] for one in (classifier, encoder))
    shapes = [[[tuple(v.shape) for v in layer.weights] for layer in network] for network in (own, others)]
    if shapes[0] != shapes[1]:
        return False
    for layer, other in zip(own, others, strict=True):
        layer.set_weights(other.get_weights())
    (kernel, bias), (outer, last) = encoder.get_layer("z_mean").get_weights(), latent_head.layers[-1].get_weights()
    classifier.get_layer("probabilities").set_weights([kernel @ outer, bias @ outer + last])
    return True
