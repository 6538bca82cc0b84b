"""Quantization-aware training of one flat model, as a process of its own: `python qat_worker.py FOLDER`.

tensorflow-model-optimization switches the whole process to tf_keras, so this script imports nothing of the package. It
reads what `quantization_aware.convert_qat` wrote to FOLDER, and writes `model.tflite` there. It ends with its stdin.
"""

import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_model_optimization as tfmot  # noqa: E402
import tf_keras  # noqa: E402

BATCH_SIZE = 32
LEARNING_RATE = 3e-5
RANGE_BATCHES = 8
RANGE_SAMPLE = 5000  # values of a layer from each batch
# Candidate ranges, as shares of the values' full range. Smaller shares lower the mean error of pictures slightly, but
# triple the largest error.
RANGE_SHARES = np.linspace(0.75, 1, 11)
# The pixel p means (p - 127.5) * 2 / 255, which needs a zero point of 127.5. A file reads (p - 128) * 2 / 255 instead,
# and LiteRT's tanh writes steps of 1 / 128. The student learns to correct this half level.
IMAGE_RANGE = (-128 * 2 / 255, 127 * 2 / 255)
FIXED_RANGES = {"tanh": (-1.0, 127 / 128), "softmax": (0.0, 255 / 256), "relu6": (0.0, 6.0)}
# Layers that only move or average values and keep their scale.
MOVING = ("AveragePooling2D", "Reshape", "Flatten", "ZeroPadding2D", "DepthToSpace", "Cropping2D")


class Int8Config(tfmot.quantization.keras.QuantizeConfig):
    """A layer's kernel, if it has one, in 8 bits, and its result in 8 bits of a fixed range.

    tfmot's own configs estimate ranges by a moving average that takes thousands of steps to settle, and they leave tanh
    and softmax in float.

    Args:
        kernel: name of the layer's kernel attribute, or None.
        per_channel: whether each output channel of the kernel has its own scale. The converter fails on this for
            transposed convolutions.
        ends: (low, high) of the result, or None to keep the scale of the layer's input.
    """

    def __init__(self, kernel=None, per_channel=False, ends=None):
        self.kernel, self.per_channel, self.ends = kernel, per_channel, ends

    def get_weights_and_quantizers(self, layer):
        quantizer = tfmot.quantization.keras.quantizers.LastValueQuantizer(
            num_bits=8, per_axis=self.per_channel, symmetric=True, narrow_range=True
        )
        return [(getattr(layer, self.kernel), quantizer)] if self.kernel else []

    def set_quantize_weights(self, layer, quantize_weights):
        for weight in quantize_weights:
            setattr(layer, self.kernel, weight)

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        if self.ends is None:
            return []
        return [tfmot.quantization.keras.quantizers.FixedQuantizer(8, *self.ends, narrow_range=False)]

    def get_config(self):
        return {"kernel": self.kernel, "per_channel": self.per_channel, "ends": self.ends}


class Winner(tf_keras.layers.Layer):
    """The model's layer of that name; in training its gradient is that of a softmax."""

    def call(self, scores, training=None):
        chosen = tf.gather(tf.eye(scores.shape[-1]), tf.argmax(scores, axis=-1, output_type=tf.int32))
        if not training:
            return chosen
        soft = tf.nn.softmax(scores)
        return soft + tf.stop_gradient(chosen - soft)


class DepthToSpace(tf_keras.layers.Layer):
    """The model's layer of that name."""

    def call(self, maps):
        return tf.nn.depth_to_space(maps, 2)


class Mirror(tf_keras.layers.Layer):
    """The model's layer of that name."""

    def call(self, images):
        return tf.reverse(images, [2])


OWN_LAYERS = {"Winner": Winner, "DepthToSpace": DepthToSpace, "Mirror": Mirror}


def build_clone(task):
    """The model in tf_keras and float: inputs by name -> {layer name: its result} of all layers."""
    inputs, tensors = _connect(task, _make, lambda name, tensor: tensor)
    return tf_keras.Model(inputs, {layer["name"]: tensors[layer["name"]] for layer in task["layers"]})


def build_student(task, ranges):
    """The model as it runs in 8 bits, to be trained: inputs by name -> {output name: its result}.

    Args:
        task: dict from `convert_qat`.
        ranges: {input or layer name: (low, high)}, as from `find_ranges`.
    """

    def quantized(layer):
        kernel = {"DepthwiseConv2D": "depthwise_kernel"}.get(layer["kind"], "kernel")
        config = Int8Config(
            kernel=kernel if layer["weights"] else None,
            per_channel=layer["kind"] == "Conv2D",
            ends=ranges.get(layer["name"]),
        )
        return tfmot.quantization.keras.QuantizeWrapperV2(_make(layer), config, name=layer["name"])

    def stored(name, tensor):
        layer = tf_keras.layers.Activation("linear")
        config = Int8Config(ends=ranges[name])
        return tfmot.quantization.keras.QuantizeWrapperV2(layer, config, name=f"{name}_stored")(tensor)

    inputs, tensors = _connect(task, quantized, stored)
    return tf_keras.Model(inputs, {name: tensors[made_by] for name, made_by in task["outputs"].items()})


def _connect(task, make, prepare):
    inputs = {name: tf_keras.Input(shape, name=name) for name, shape in task["inputs"].items()}
    tensors = {name: prepare(name, tensor) for name, tensor in inputs.items()}
    for layer in task["layers"]:
        sources = [tensors[source] for source in layer["inputs"]]
        tensors[layer["name"]] = make(layer)(sources if len(sources) > 1 else sources[0])
    return inputs, tensors


def _make(layer):
    settings = dict(layer["settings"])
    if settings.get("activation") == "relu6":
        settings["activation"] = tf.nn.relu6  # tf_keras knows no such name
    if layer["kind"] == "LeakyReLU":
        settings["alpha"] = settings.pop("negative_slope")
    if layer["weights"]:
        first = "depthwise_initializer" if layer["kind"] == "DepthwiseConv2D" else "kernel_initializer"
        kernel, bias = layer["weights"]
        # The converter drops a bias of zeros and then leaves that transposed convolution and its ReLU in float.
        bias = np.where(bias == 0, np.float32(1e-12), bias)
        constant = tf_keras.initializers.Constant
        settings |= {first: constant(kernel), "bias_initializer": constant(bias)}
    kind = OWN_LAYERS.get(layer["kind"]) or getattr(tf_keras.layers, layer["kind"])
    return kind(**settings, name=layer["name"])


def find_ranges(task, clone):
    """The range that the 8 bits of each input and layer cover: {name: (low, high)}.

    Some ranges are fixed by LiteRT or by the file format. Other inputs and outputs get the full range of the examples.
    Every other layer gets the candidate with the least mean squared error after the next activation.
    """
    random = np.random.default_rng(task["seed"])
    samples = {layer["name"]: [] for layer in task["layers"]}
    reach = dict.fromkeys(samples, (0.0, 0.0))
    for _ in range(RANGE_BATCHES):
        for name, values in clone(draw_batch(task, random)).items():
            values = values.numpy().ravel()
            samples[name].append(values[random.integers(0, values.size, RANGE_SAMPLE)])
            reach[name] = _reach([*reach[name], values.min(), values.max()])
    ranges = {name: IMAGE_RANGE if name == "image" else _reach(array) for name, array in task["examples"].items()}
    for layer in task["layers"]:
        name, activation = layer["name"], layer["settings"].get("activation")
        function = _next_function(task, name)
        if activation in FIXED_RANGES:
            ranges[name] = FIXED_RANGES[activation]
        elif layer["kind"] == "Mirror":  # Unlike of those that move, the converter must be told.
            ranges[name] = ranges[layer["inputs"][0]]
        elif layer["kind"] not in MOVING:
            ranges[name] = (
                _best_range(np.concatenate(samples[name]), reach[name], function) if function else reach[name]
            )
    return ranges


def draw_batch(task, random):
    """A batch of examples. Each input is drawn independently, so that any face may come with any target."""
    arrays = sorted(task["examples"].items())
    return {name: tf.constant(array[random.integers(0, len(array), BATCH_SIZE)]) for name, array in arrays}


def _reach(values):
    """The range of an array, 0 always in it, and never empty."""
    low, high = min(0.0, float(np.min(values))), max(0.0, float(np.max(values)))
    return (low, max(high, low + 1e-6))


def _best_range(values, reach, function):
    wanted = function(values)

    def error(ends):
        step = (ends[1] - ends[0]) / 255
        zero_point = np.rint(-ends[0] / step)
        rounded = (np.clip(np.rint(values / step) + zero_point, 0, 255) - zero_point) * step
        return np.mean(np.square(function(rounded) - wanted))

    return min(((reach[0] * below, reach[1] * above) for below in RANGE_SHARES for above in RANGE_SHARES), key=error)


def _next_function(task, name):
    """The activation after a layer, as a function on arrays; the identity if there is none; None for an output."""
    followers = [layer for layer in task["layers"] if name in layer["inputs"]]
    if len(followers) != 1:
        return np.asarray if followers else None
    (follower,) = followers
    if follower["kind"] in MOVING:
        return _next_function(task, follower["name"])
    if follower["kind"] == "LeakyReLU":
        return lambda values: np.where(values > 0, values, follower["settings"]["negative_slope"] * values)
    return np.tanh if follower["settings"].get("activation") == "tanh" else np.asarray


def distill(task, clone, student):
    """Train the student to give what the clone gives on the examples."""
    outputs = {name: (made_by, _loss(task, made_by)) for name, made_by in task["outputs"].items()}
    optimizer = tf_keras.optimizers.Adam(
        tf_keras.optimizers.schedules.CosineDecay(LEARNING_RATE, max(1, task["steps"]))
    )

    @tf.function
    def train_step(batch):
        wanted = clone(batch)
        with tf.GradientTape() as tape:
            given = student(as_stored(batch), training=True)
            loss = tf.add_n([loss(wanted[made_by], given[name]) for name, (made_by, loss) in outputs.items()])
        gradients = tape.gradient(loss, student.trainable_variables)
        optimizer.apply_gradients(zip(gradients, student.trainable_variables, strict=True))
        return loss

    random = np.random.default_rng(task["seed"])
    for number in range(task["steps"]):
        loss = float(train_step(draw_batch(task, random)))
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss} in step {number + 1}")
    student(as_stored(draw_batch(task, random)), training=True)  # Updates the kernels' scales after the last step.


def as_stored(batch):
    """A batch with the values that a file reads: pictures are half a level lower, see IMAGE_RANGE."""
    return {name: values - 1 / 255 if name == "image" else values for name, values in batch.items()}


def _loss(task, made_by):
    (layer,) = (layer for layer in task["layers"] if layer["name"] == made_by)
    activation = layer["settings"].get("activation")
    if activation == "tanh":  # in levels of the picture; 128 * (given + 1) is what the file stores
        return lambda wanted, given: tf.reduce_mean(tf.abs(127.5 * (wanted + 1) - 128 * (given + 1)))
    if activation == "softmax":  # half a step of 1 / 256 keeps the logarithm finite
        return lambda wanted, given: -tf.reduce_mean(tf.reduce_sum(wanted * tf.math.log(given + 1 / 512), -1))
    return lambda wanted, given: tf.reduce_mean(tf.square(wanted - given))


def convert(task, student, folder):
    """The student as bytes of a `.tflite` file: uint8 inputs and outputs, batch 1, one signature."""
    signature = {name: tf.TensorSpec((1, *shape), tf.float32, name=name) for name, shape in task["inputs"].items()}
    infer = tf.function(lambda **batch: student(batch, training=False)).get_concrete_function(**signature)
    # Saving the student itself takes long, because each of its layers saves functions.
    module = tf.Module()
    module.kept = student.variables
    tf.saved_model.save(module, str(folder / "student"), signatures=infer)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "student"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def main(folder):
    """Read FOLDER/task.json and arrays.npz, train, write FOLDER/model.tflite."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        task["examples"] = {name: arrays[f"example/{name}"] for name in task["inputs"]}
        for layer in task["layers"]:
            layer["weights"] = [arrays[f"{layer['name']}/{number}"] for number in range(layer["weights"])]
    tf_keras.utils.set_random_seed(task["seed"])
    tf.config.experimental.enable_op_determinism()
    clone = build_clone(task)
    student = build_student(task, find_ranges(task, clone))
    distill(task, clone, student)
    (folder / "model.tflite").write_bytes(convert(task, student, folder))


def end_with_parent(folder):
    """Wait for the end of stdin, which the parent holds open as long as it lives; then remove the folder and exit."""
    os.read(0, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    work_folder = Path(sys.argv[1])
    threading.Thread(target=end_with_parent, args=(work_folder,), daemon=True).start()
    try:
        main(work_folder)
    except Exception as error:
        traceback.print_exc()
        # The parent shows only the last line, and messages of the converter have many.
        raise SystemExit(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from None
