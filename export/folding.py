"""A functional Keras model as a flat list of plain layers, batch norm folded away.

Quantization-aware training needs this form: no batch norm, and every weight an array that another process can read.
"""

from collections import Counter
from typing import NamedTuple

import keras
import numpy as np

from vgan_tf.errors import InputError

WEIGHTED = ("Conv2D", "Conv2DTranspose", "Dense")
PLAIN = ("channels_last", 1, 1, 1)  # data format, dilation, groups: the only ones that a convolution may have


class Layer(NamedTuple):
    """One layer, described by what Keras 3 and tf_keras have in common.

    Attributes:
        name: unique. Equal models give equal names, whatever Keras called their layers.
        kind: class name in `keras.layers`.
        settings: constructor arguments, JSON types.
        inputs: names of layers or of the model's inputs.
        weights: float32 kernel and bias of a convolution or dense layer, else nothing.
    """

    name: str
    kind: str
    settings: dict
    inputs: tuple
    weights: tuple = ()


class FlatModel(NamedTuple):
    """A model as layers in an order in which they can run.

    Attributes:
        inputs: {name: shape without the batch}.
        layers: tuple of Layer.
        outputs: {name: name of the layer that makes it}.
    """

    inputs: dict
    layers: tuple
    outputs: dict


def fold(part):
    """Flatten a functional model for inference and fold its batch norm.

    Batch norm right after a convolution or dense layer goes into its weights. Batch norm after an activation becomes
    a depthwise convolution of kernel 1, as rescaling does. A dense layer becomes a convolution, and so do ramps and a
    transposed convolution of kernel 4 and stride 2. All compute what the model does. Dropout disappears.

    Args:
        part: functional `keras.Model` with named inputs and a dict of outputs, no model inside it.

    Returns:
        FlatModel of Conv2D, Conv2DTranspose and DepthwiseConv2D (each with a bias, and `activation` "relu", "relu6" or
        "linear"), LeakyReLU, Activation ("relu", "relu6", "tanh", "softmax"), Concatenate, Add, Multiply,
        AveragePooling2D, Reshape, Flatten, Winner, Mirror, ZeroPadding2D, DepthToSpace and Cropping2D.

    Raises:
        InputError: the model has a layer, or a setting of one, that the export does not support.
    """
    known = {id(tensor): tensor.name for tensor in part.inputs}
    layers = []

    def name_of(tensor):
        if id(tensor) not in known:
            operation, node_index, _ = tensor._keras_history
            sources = operation._inbound_nodes[node_index].input_tensors
            names = tuple(name_of(source) for source in sources)
            for kind, settings, weights in _describe(operation, sources[0].shape):
                weights = tuple(np.asarray(weight, np.float32) for weight in weights)
                layers.append(Layer(f"layer_{len(layers):02d}", kind, settings, names, weights))
                names = (layers[-1].name,)
            known[id(tensor)] = names[0]
        return known[id(tensor)]

    outputs = {name: name_of(tensor) for name, tensor in part.output.items()}
    return _join(FlatModel({tensor.name: tuple(tensor.shape[1:]) for tensor in part.inputs}, tuple(layers), outputs))


def _describe(layer, shape):
    """A Keras layer as a list of (kind, settings, weights), its activation apart; empty if it does nothing."""
    kind = type(layer).__name__
    if kind == "Dense":
        return [(kind, {"activation": "linear"}, _kernel_and_bias(layer, layer.units)), *_activation(layer)]
    if kind == "Ramps":
        return [("Dense", {"activation": "linear"}, [layer.kernel, layer.bias])]
    if kind in WEIGHTED and (layer.data_format, *layer.dilation_rate, getattr(layer, "groups", 1)) == PLAIN:
        settings = {
            "filters": layer.filters,
            "kernel_size": list(layer.kernel_size),
            "strides": list(layer.strides),
            "padding": layer.padding,
            "activation": "linear",
        }
        return [(kind, settings, _kernel_and_bias(layer, layer.filters)), *_activation(layer)]
    if kind == "BatchNormalization" and layer.axis in (-1, len(shape) - 1):
        scale = (layer.gamma if layer.scale else 1.0) / np.sqrt(layer.moving_variance + layer.epsilon)
        offset = (layer.beta if layer.center else 0.0) - layer.moving_mean * scale
        return [(kind, {"rank": len(shape)}, [scale, offset])]
    if kind == "Rescaling":
        weights = [np.full(shape[-1], number, np.float32) for number in (layer.scale, layer.offset)]
        return [("BatchNormalization", {"rank": len(shape)}, weights)]
    if kind == "ReLU" and layer.max_value in (None, 6.0) and not layer.negative_slope and not layer.threshold:
        return [("Activation", {"activation": "relu6" if layer.max_value else "relu"}, [])]
    if kind == "LeakyReLU":
        return [(kind, {"negative_slope": float(layer.negative_slope)}, [])]
    if kind == "Activation":
        return _activation(layer)
    if kind == "Reshape":
        return [(kind, {"target_shape": list(layer.target_shape)}, [])]
    if kind in ("Flatten", "Add", "Multiply", "Winner", "Mirror") or (kind == "Concatenate" and layer.axis == -1):
        return [(kind, {}, [])]
    if kind == "AveragePooling2D" and (layer.padding, layer.pool_size) == ("valid", layer.strides):
        return [(kind, {"pool_size": list(layer.pool_size)}, [])]
    if kind == "Dropout":
        return []
    raise InputError(f"layer {layer.name} ({kind}): the export knows no such layer, or not with its settings")


def _kernel_and_bias(layer, channels):
    return [layer.kernel, layer.bias if layer.use_bias else np.zeros(channels)]


def _activation(layer):
    name = keras.activations.serialize(layer.activation)
    if name not in ("linear", "relu", "tanh", "softmax"):
        raise InputError(f"layer {layer.name}: the export knows no activation {name}")
    return [] if name == "linear" else [("Activation", {"activation": name}, [])]


def _join(flat):
    """Join a weighted layer with the batch norm or ReLU after it, where nothing else takes its result.

    Every other batch norm becomes a convolution.
    """
    uses = Counter([name for layer in flat.layers for name in layer.inputs] + list(flat.outputs.values()))
    joined = {}
    now = {name: name for name in flat.inputs}  # the name under which a layer's result is found
    for layer in flat.layers:
        name = layer.name
        before = joined.get(now[layer.inputs[0]])
        if before is not None and (before.kind not in WEIGHTED or uses[layer.inputs[0]] > 1):
            before = None
        linear = before is not None and before.settings["activation"] == "linear"
        layer = layer._replace(inputs=tuple(now[name] for name in layer.inputs))
        if layer.kind == "BatchNormalization" and linear:
            layer = _rescaled(before, *layer.weights)
        elif layer.kind == "Activation" and layer.settings["activation"] in ("relu", "relu6") and linear:
            layer = before._replace(settings={**before.settings, **layer.settings})
        elif layer.kind == "BatchNormalization":
            scale, offset = layer.weights
            if before is not None and before.settings["activation"] == "relu":
                # A positive factor can move through ReLU into the weights before it. All channels between the two
                # layers then have the same range, and the kernel here is 1 or -1: 8 bits hold both well.
                joined[before.name] = _rescaled(before, np.abs(scale), 0.0)
                scale = np.sign(scale)
            layer = _pointwise(layer, scale, offset)
        joined[layer.name] = layer
        now[name] = layer.name
    layers = [one for layer in joined.values() for plain in _without_dense(layer) for one in _without_doubling(plain)]
    return FlatModel(flat.inputs, tuple(layers), {name: now[made_by] for name, made_by in flat.outputs.items()})


def _without_dense(layer):
    """A dense layer as a convolution on one pixel, so that its kernel has one scale for each output channel."""
    if layer.kind != "Dense":
        return [layer]
    kernel, bias = layer.weights
    pixel, convolution = f"{layer.name}_pixel", f"{layer.name}_convolution"
    settings = {"filters": len(bias), "kernel_size": [1, 1], "strides": [1, 1], "padding": "valid"}
    settings["activation"] = layer.settings["activation"]
    return [
        Layer(pixel, "Reshape", {"target_shape": [1, 1, len(kernel)]}, layer.inputs),
        Layer(convolution, "Conv2D", settings, (pixel,), (kernel[None, None], bias)),
        Layer(layer.name, "Flatten", {}, (convolution,)),
    ]


def _without_doubling(layer):
    """A transposed convolution that doubles a map as a plain one, whose channels are then laid out in squares.

    It has the same weights and gives the same numbers, and LiteRT runs it in 8 bits in a tenth of the time
    (docs/export.md).
    """
    settings = layer.settings
    shape = (settings.get("kernel_size"), settings.get("strides"), settings.get("padding"))
    if layer.kind != "Conv2DTranspose" or shape != ([4, 4], [2, 2], "same"):
        return [layer]
    # Along one axis, inputs j - 1 and j decide outputs 2j - 1 and 2j, from j = 0 to beyond the last input: the first
    # with factors 2 and 0 of the kernel, the second with 3 and 1. The outermost outputs are beyond the edges.
    kernel, bias = layer.weights
    outputs, inputs = kernel.shape[2:]
    kernel = kernel.reshape(2, 2, 2, 2, outputs, inputs)[::-1, :, ::-1]  # (input, output, input, output, ...)
    kernel = kernel.transpose(0, 2, 5, 1, 3, 4).reshape(2, 2, inputs, 4 * outputs)
    padded, convolution, doubled = (f"{layer.name}_{part}" for part in ("padded", "convolution", "doubled"))
    plain = {"filters": 4 * outputs, "kernel_size": [2, 2], "strides": [1, 1], "padding": "valid"}
    plain["activation"] = settings["activation"]
    return [
        Layer(padded, "ZeroPadding2D", {"padding": 1}, layer.inputs),
        Layer(convolution, "Conv2D", plain, (padded,), (kernel, np.tile(bias, 4))),
        Layer(doubled, "DepthToSpace", {}, (convolution,)),
        Layer(layer.name, "Cropping2D", {"cropping": 1}, (doubled,)),
    ]


def _rescaled(layer, scale, offset):
    """A weighted layer whose result is scaled and shifted by channel; with ReLU: scale not negative, offset 0."""
    kernel, bias = layer.weights
    # The kernel of a Conv2DTranspose is (height, width, output channels, input channels).
    kernel = kernel * (scale[:, None] if layer.kind == "Conv2DTranspose" else scale)
    return layer._replace(weights=(kernel, bias * scale + np.float32(offset)))


def _pointwise(layer, scale, offset):
    """Scale and shift by channel, as a depthwise convolution."""
    if layer.settings["rank"] != 4:
        raise InputError("the export knows no batch norm after the activation of a dense layer")
    settings = {"depth_multiplier": 1, "kernel_size": [1, 1], "strides": [1, 1], "padding": "same"}
    kernel = scale.reshape(1, 1, -1, 1)
    return layer._replace(
        kind="DepthwiseConv2D", settings={**settings, "activation": "linear"}, weights=(kernel, offset)
    )
