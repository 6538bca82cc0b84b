"""What goes onto the phone: four small inference-only models cut out of a trained run."""

import keras
from keras import layers

from vgan_tf.networks.layers import IMAGE_SHAPE

PARTS = ("anonymizer", "encoder", "generator", "expression")


def build_parts(model, classifier):
    """Cut the networks into the parts that are exported; they share the weights.

    Anonymizer and encoder use the latent's mean, or the prototype nearest to it where the model has some, without
    noise: the same face and target give the same picture, and that picture is what an audit of the files judges.

    Args:
        model: PPRLVGAN.
        classifier: keras.Model "expression", image -> probabilities.

    Returns:
        {name: functional keras.Model}, flat (no model inside a model), batch 1, all float32; pictures in [-1, 1]:
        anonymizer: image `(1, 64, 64, 3)`, target `(1, identities)` -> protected `(1, 64, 64, 3)`;
        encoder: image -> latent `(1, latent_dim)`; generator: latent, target -> protected;
        expression: image -> probabilities `(1, expressions)`.
    """
    image = keras.Input(IMAGE_SHAPE, batch_size=1, name="image")
    latent = keras.Input((model.config.latent_dim,), batch_size=1, name="latent")
    target = keras.Input((len(model.identities),), batch_size=1, name="target")
    # Changes no code in [0, 1]. Without it an int8 file would give the code the scale of the latent it is joined to.
    code = layers.ReLU(name="code")(target)
    encoded = _inline(model.encoder, [image])
    if model.prototypes is not None:
        encoded = _inline(model.prototypes, [encoded])
    return {
        "anonymizer": _part("anonymizer", [image, target], protected=_inline(model.generator, [encoded, code])),
        "encoder": _part("encoder", [image], latent=encoded),
        "generator": _part("generator", [latent, target], protected=_inline(model.generator, [latent, code])),
        "expression": _part("expression", [image], probabilities=_inline(classifier, [image])),
    }


def _part(name, inputs, **outputs):
    return keras.Model(inputs, outputs, name=name)


def _inline(network, inputs):
    """The first output of a functional model on other inputs, called layer by layer, so that the graph stays flat."""
    return keras.Function(network.inputs, network.outputs[0]).call(inputs)
