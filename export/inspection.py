"""What stands in a `.tflite` file: its operators, its types, and what should not be there."""

from collections import Counter

import numpy as np
from ai_edge_litert.schema_py_generated import BuiltinOperator, Model, ModelT, TensorType

from .convert import INTEGER_RECIPES

# Inputs and outputs of each part, by name.
SIGNATURES = {
    "anonymizer": ({"image", "target"}, {"protected"}),
    "encoder": ({"image"}, {"latent"}),
    "generator": ({"latent", "target"}, {"protected"}),
    "expression": ({"image"}, {"probabilities"}),
}
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
FLOATS = (TensorType.FLOAT16, TensorType.FLOAT32, TensorType.FLOAT64)

_OPERATOR_NAMES = {code: name for name, code in vars(BuiltinOperator).items() if not name.startswith("_")}


def read(content):
    """The file's flatbuffer as objects: `ai_edge_litert.schema_py_generated.ModelT`."""
    return ModelT.InitFromObj(Model.GetRootAsModel(content, 0))


def operators(content):
    """How often each operator stands in the file: {"CONV_2D": 9, ...}, sorted by name."""
    model = read(content)
    names = _operator_names(model)
    return dict(sorted(Counter(names[op.opcodeIndex] for graph in model.subgraphs for op in graph.operators).items()))


def problems(content, recipe):
    """What in a file would make it wrong or slow on a device.

    Args:
        content: bytes of a `.tflite` file.
        recipe: what it was made by.

    Returns:
        list of str, one line each; empty for a good file.
    """
    model = read(content)
    found = [f"{count} x {name}: a variable was not frozen" for name, count in _count(content, VARIABLES)]
    found += [f"{count} x {name}: the shape is computed at each call" for name, count in _count(content, ("SHAPE",))]
    found += [f"operator {name} is none of the builtin ones" for name in operators(content) if ":" in name]
    if len(model.subgraphs) != 1:
        found.append(f"{len(model.subgraphs)} graphs where one is needed")
    for graph in model.subgraphs:
        found += _shape_problems(graph) + _value_problems(model, graph)
        if recipe in INTEGER_RECIPES:
            found += _float_problems(model, graph)
    return found + _signature_problems(model)


def _operator_names(model):
    names = []
    for code in model.operatorCodes:
        # Codes above 127 do not fit the older of the two fields.
        name = _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        names.append(f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name)
    return names


def _count(content, names):
    return [(name, count) for name, count in operators(content).items() if name in names]


def _shape_problems(graph):
    found = []
    for tensor in graph.tensors:
        if tensor.shapeSignature is not None and -1 in tensor.shapeSignature:
            found.append(f"tensor {tensor.name.decode()}: its shape is not fixed")
    for index in (*graph.inputs, *graph.outputs):
        shape = graph.tensors[index].shape
        if shape is None or not len(shape) or shape[0] != 1:
            found.append(f"tensor {graph.tensors[index].name.decode()}: batch is not 1")
    return found


def _value_problems(model, graph):
    found = []
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if data is not None and tensor.type in (TensorType.FLOAT16, TensorType.FLOAT32):
            kind = np.float16 if tensor.type == TensorType.FLOAT16 else np.float32
            if not np.isfinite(np.asarray(data, np.uint8).view(kind)).all():
                found.append(f"constant {tensor.name.decode()}: holds values that are not finite")
    return found


def _float_problems(model, graph):
    names = _operator_names(model)
    in_float = Counter(
        names[op.opcodeIndex]
        for op in graph.operators
        if any(graph.tensors[index].type in FLOATS for index in (*op.inputs, *op.outputs) if index >= 0)
    )
    found = [f"{count} x {name}: runs in float in an integer file" for name, count in sorted(in_float.items())]
    for index in (*graph.inputs, *graph.outputs):
        if graph.tensors[index].type != TensorType.UINT8:
            found.append(f"tensor {graph.tensors[index].name.decode()}: is not uint8")
    return found


def _signature_problems(model):
    if len(model.signatureDefs or ()) != 1:
        return [f"{len(model.signatureDefs or ())} signatures where one is needed"]
    (signature,) = model.signatureDefs
    names = tuple({tensor.name.decode() for tensor in side} for side in (signature.inputs, signature.outputs))
    if names in SIGNATURES.values():
        return []
    inputs, outputs = (", ".join(sorted(side)) for side in names)
    return [f"signature {inputs} -> {outputs}: none of the parts has it"]
