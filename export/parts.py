"""What runs on the device: inference-only models cut out of a trained run."""

import keras
from keras import layers, ops

PARTS = ("anonymizer", "encoder", "generator", "expression", "alignment")


class Mirror(layers.Layer):
    """Pictures `(batch, height, width, channels)` as in a mirror."""

    def call(self, images):
        return ops.flip(images, axis=2)


def build_parts(model, classifier, aligner=None):
    """Cut the networks into the parts that are exported; they share the weights.

    Anonymizer and encoder use the latent's mean without noise, of the face and its mirror image where the model reads
    both, with the model's threshold, or the nearest prototype where it has prototypes: the same face and target always
    give the same picture.

    Args:
        model: PPRLVGAN.
        classifier: keras.Model "expression", image -> probabilities.
        aligner: keras.Model "alignment", smaller image -> place; or None.

    Returns:
        {name: functional keras.Model}, flat (no model inside a model), batch 1, all float32; pictures in [-1, 1] of the
        encoder's size s:
        anonymizer: image `(1, s, s, 3)`, target `(1, identities)` -> protected `(1, s, s, 3)`, or `(1, s, s, 4)` where
        the model gives alpha: RGB of the head before middle grey, and how much of a pixel is the head;
        encoder: image -> latent `(1, latent_dim)`; generator: latent, target -> protected;
        expression: image -> probabilities `(1, expressions)`; alignment, where there is one: image of its own size ->
        place `(1, 3)`, as `networks.alignment` says.
    """
    image = keras.Input(model.encoder.input_shape[1:], batch_size=1, name="image")
    latent = keras.Input((model.config.latent_dim,), batch_size=1, name="latent")
    target = keras.Input((len(model.identities),), batch_size=1, name="target")
    # This changes no target in [0, 1]. Without it an int8 file would store the target with the scale of the latent.
    code = layers.ReLU(name="code")(target)
    encoded = _inline(model.encoder, [image])
    if model.mirror is not None:
        encoded = _inline(model.mirror, [encoded, _inline(model.encoder, [Mirror()(image)])])
    if model.threshold is not None:
        encoded = _inline(model.threshold, [encoded])
    if model.prototypes is not None:
        encoded = _inline(model.prototypes, [encoded])
    parts = {
        name: keras.Model(inputs, outputs, name=name)
        for name, inputs, outputs in (
            ("anonymizer", [image, target], {"protected": _inline(model.generator, [encoded, code])}),
            ("encoder", [image], {"latent": encoded}),
            ("generator", [latent, target], {"protected": _inline(model.generator, [latent, code])}),
            ("expression", [image], {"probabilities": _inline(classifier, [image])}),
        )
    }
    if aligner is not None:
        image = keras.Input(aligner.input_shape[1:], batch_size=1, name="image")
        parts["alignment"] = keras.Model(image, {"place": _inline(aligner, [image])}, name="alignment")
    return parts


def _inline(network, inputs):
    """The first output of a functional model on other inputs, called layer by layer, so that the graph stays flat."""
    return keras.Function(network.inputs, network.outputs[0]).call(inputs)
