"""From a Keras part to the bytes of a `.tflite` file, by TensorFlow's converter (all recipes but "qat")."""

import tempfile

import keras
import tensorflow as tf
from keras import layers

from .folding import fold
from .parts import Mirror

RECIPES = ("float32", "float16", "dynamic", "int8", "qat")
INTEGER_RECIPES = ("int8", "qat")


class Winner(layers.Layer):
    """The model's layer of that name. Keras's own argmax has an operator that TFLite lacks."""

    def call(self, scores):
        return tf.gather(tf.eye(scores.shape[-1]), tf.argmax(scores, axis=-1, output_type=tf.int32))


class DepthToSpace(layers.Layer):
    """Four channels in a row become a square of two by two pixels: `(batch, n, n, 4 c)` -> `(batch, 2 n, 2 n, c)`."""

    def call(self, maps):
        return tf.nn.depth_to_space(maps, 2)


OWN_LAYERS = {"Winner": Winner, "DepthToSpace": DepthToSpace, "Mirror": Mirror}


def convert(part, recipe, calibration):
    """Convert one part.

    float32: as it is. float16: weights stored in half precision, computed in float32. dynamic: weights int8, inputs and
    outputs float32, large operations computed in int8. int8: everything int8, after calibration; inputs and outputs
    uint8.

    Args:
        part: keras.Model from `build_parts`.
        recipe: any of RECIPES but "qat".
        calibration: {input name: float32 `(n, ...)`}, real examples; used by int8 alone.

    Returns:
        bytes of the file: builtin operators only, one signature with the part's input and output names.
    """
    with tempfile.TemporaryDirectory() as folder:
        _save(part, folder)
        return convert_saved(folder, recipe, calibration)


def convert_saved(folder, recipe, calibration):
    """Convert a SavedModel's "serving_default" signature; see `convert`."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if recipe != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if recipe == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if recipe == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        count = len(next(iter(calibration.values())))
        converter.representative_dataset = lambda: (
            {name: values[index : index + 1] for name, values in calibration.items()} for index in range(count)
        )
    return converter.convert()


def _save(part, folder):
    model = _build(fold(part))
    # Keras's export archive: a plain tf.Module would leave the variables unfrozen in the file.
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [{tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in model.inputs}]
    archive.add_endpoint("serving_default", lambda inputs: model(inputs, training=False), signature)
    archive.write_out(folder, verbose=False)


def _build(flat):
    """A FlatModel as a Keras model of batch 1. Its layers' names go into the file, so they depend on nothing else."""
    inputs = [keras.Input(shape, batch_size=1, name=name) for name, shape in flat.inputs.items()]
    tensors = {tensor.name: tensor for tensor in inputs}
    for layer in flat.layers:
        sources = [tensors[name] for name in layer.inputs]
        kind = OWN_LAYERS.get(layer.kind) or getattr(layers, layer.kind)
        made = kind(**layer.settings, name=layer.name)
        tensors[layer.name] = made(sources if len(sources) > 1 else sources[0])
        made.set_weights(layer.weights)
    return keras.Model(inputs, {name: tensors[made_by] for name, made_by in flat.outputs.items()}, name="part")
