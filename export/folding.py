"""A functional Keras model as a flat list of plain layers, batch norm folded away.

Quantization-aware training needs it in this form: no model within a model, no batch norm, and every weight an array
that another process can read.
"""

from collections import Counter
from typing import NamedTuple

import keras
import numpy as np

from vgan_tf.errors import InputError

WEIGHTED = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "Dense")


class Layer(NamedTuple):
    """One layer, in words that Keras 3 and tf_keras share.

    Attributes:
        name: unique; equal models give equal names, whatever Keras called their layers.
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
    a depthwise convolution of kernel 1. Both compute what the model does. Dropout disappears.

    Args:
        part: functional `keras.Model` with named inputs and outputs; it may hold other functional models.

    Returns:
        FlatModel of Conv2D, Conv2DTranspose, DepthwiseConv2D and Dense (each with a bias, and `activation` "relu" or
        "linear"), LeakyReLU, Activation ("relu", "tanh", "softmax"), UpSampling2D, Concatenate, Reshape, Flatten and
        Winner.

    Raises:
        InputError: the model has a layer, or a setting of one, that is not known here.
    """
    inputs = {tensor.name: tuple(tensor.shape[1:]) for tensor in part.inputs}
    layers = []
    made_by = _flatten(part, list(inputs), layers)
    names = sorted(part.output) if isinstance(part.output, dict) else part.output_names
    return _join(FlatModel(inputs, tuple(layers), dict(zip(names, made_by, strict=True))))


def _flatten(model, arguments, layers):
    """Append a model's layers to `layers`; return the names of those that make its outputs."""
    known = {id(tensor): name for tensor, name in zip(model.inputs, arguments, strict=True)}

    def name_of(tensor):
        if id(tensor) not in known:
            operation, node_index, _ = tensor._keras_history
            node = operation._inbound_nodes[node_index]
            sources = [name_of(source) for source in node.input_tensors]
            if isinstance(operation, keras.Model):
                made_by = _flatten(operation, sources, layers)
            else:
                made_by = [_append(operation, node.input_tensors[0].shape, sources, layers)]
            for result, name in zip(node.output_tensors, made_by, strict=True):
                known[id(result)] = name
        return known[id(tensor)]

    return [name_of(tensor) for tensor in model.outputs]


def _append(operation, shape, sources, layers):
    """Append what a Keras layer does to a tensor of that shape; return the name of the last layer appended."""
    for kind, settings, weights in _describe(operation, shape):
        weights = tuple(np.asarray(weight, np.float32) for weight in weights)
        layers.append(Layer(f"layer_{len(layers):02d}", kind, settings, tuple(sources), weights))
        sources = [layers[-1].name]
    return sources[0]


def _describe(layer, shape):
    """A Keras layer as a list of (kind, settings, weights), its activation apart; empty if it does nothing."""
    kind = type(layer).__name__
    if kind in WEIGHTED:
        return [(kind, _weighted_settings(layer, kind), _kernel_and_bias(layer, kind)), *_activation(layer)]
    if kind == "BatchNormalization" and layer.axis in (-1, len(shape) - 1):
        scale = (layer.gamma if layer.scale else 1.0) / np.sqrt(layer.moving_variance + layer.epsilon)
        offset = (layer.beta if layer.center else 0.0) - layer.moving_mean * scale
        return [(kind, {"rank": len(shape)}, [scale, offset])]
    if kind == "ReLU" and layer.max_value is None and not layer.negative_slope and not layer.threshold:
        return [("Activation", {"activation": "relu"}, [])]
    if kind == "LeakyReLU":
        return [(kind, {"negative_slope": float(layer.negative_slope)}, [])]
    if kind == "Activation":
        return _activation(layer)
    if kind == "UpSampling2D" and layer.interpolation == "nearest" and layer.data_format == "channels_last":
        return [(kind, {"size": list(layer.size)}, [])]
    if kind == "Concatenate" and layer.axis == -1:
        return [(kind, {}, [])]
    if kind == "Reshape":
        return [(kind, {"target_shape": list(layer.target_shape)}, [])]
    if kind in ("Flatten", "Winner"):
        return [(kind, {}, [])]
    if kind == "Dropout":
        return []
    raise InputError(
        f"layer {layer.name} ({kind}): the export knows no such layer, or not so set up; see export.folding"
    )


def _weighted_settings(layer, kind):
    if kind == "Dense":
        return {"units": layer.units, "activation": "linear"}
    if layer.data_format != "channels_last" or set(layer.dilation_rate) != {1} or getattr(layer, "groups", 1) != 1:
        raise InputError(f"layer {layer.name} ({kind}): the export knows no dilation, groups or channels first")
    count = "depth_multiplier" if kind == "DepthwiseConv2D" else "filters"
    return {
        count: getattr(layer, count),
        "kernel_size": list(layer.kernel_size),
        "strides": list(layer.strides),
        "padding": layer.padding,
        "activation": "linear",
    }


def _kernel_and_bias(layer, kind):
    kernel = np.asarray(layer.kernel)
    if layer.use_bias:
        return [kernel, layer.bias]
    axes = {"Conv2DTranspose": [2], "DepthwiseConv2D": [2, 3]}.get(kind, [-1])
    return [kernel, np.zeros(np.prod([kernel.shape[axis] for axis in axes]))]


def _activation(layer):
    name = keras.activations.serialize(layer.activation)
    if name not in ("linear", "relu", "tanh", "softmax"):
        raise InputError(f"layer {layer.name}: activation {name} is unknown to the export; see export.folding")
    return [] if name == "linear" else [("Activation", {"activation": name}, [])]


def _join(flat):
    """Give each weighted layer the batch norm or ReLU that alone reads it; make the other batch norms convolutions."""
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
        elif layer.kind == "Activation" and layer.settings["activation"] == "relu" and linear:
            layer = before._replace(settings={**before.settings, "activation": "relu"})
        elif layer.kind == "BatchNormalization":
            scale, offset = layer.weights
            if before is not None:
                # ReLU lets a positive factor through. With it in the weights before, what passes between the two is of
                # one size in all channels, and the kernel here is 1 or -1: 8 bits then hold both well.
                joined[before.name] = _rescaled(before, np.abs(scale), 0.0)
                scale = np.sign(scale)
            layer = _pointwise(layer, scale, offset)
        joined[layer.name] = layer
        now[name] = layer.name
    layers = [plain for layer in joined.values() for plain in _without_dense(layer)]
    return FlatModel(flat.inputs, tuple(layers), {name: now[made_by] for name, made_by in flat.outputs.items()})


def _without_dense(layer):
    """A dense layer as a convolution on one pixel: it then has, wherever it runs, a scale for each output channel."""
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


def _rescaled(layer, scale, offset):
    """A weighted layer whose result is scaled and shifted by channel; with ReLU: scale not negative, offset 0."""
    kernel, bias = layer.weights
    if layer.kind == "Conv2DTranspose":
        kernel = kernel * scale[:, None]  # (height, width, output channels, input channels)
    elif layer.kind == "DepthwiseConv2D":
        kernel = kernel * scale.reshape(kernel.shape[2:])  # (height, width, input channels, multiplier)
    else:
        kernel = kernel * scale
    return layer._replace(weights=(kernel, bias * scale + np.float32(offset)))


def _pointwise(layer, scale, offset):
    """Scale and shift by channel, as a depthwise convolution."""
    if layer.settings["rank"] != 4:
        raise InputError("batch norm after the activation of a dense layer: unknown to the export")
    settings = {"depth_multiplier": 1, "kernel_size": [1, 1], "strides": [1, 1], "padding": "same"}
    kernel = scale.reshape(1, 1, -1, 1)
    return layer._replace(
        kind="DepthwiseConv2D", settings={**settings, "activation": "linear"}, weights=(kernel, offset)
    )
