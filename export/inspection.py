"""What a `.tflite` file contains: its operators, its types, and what should not be there."""

from collections import Counter

import numpy as np
from ai_edge_litert.schema_py_generated import BuiltinOperator, Model, ModelT, TensorType

from .convert import INTEGER_RECIPES

UNWANTED = {
    **dict.fromkeys(("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"), "a variable was not frozen"),
    "SHAPE": "the shape is computed at each call",
}
FLOATS = (TensorType.FLOAT16, TensorType.FLOAT32, TensorType.FLOAT64)

_OPERATOR_NAMES = {code: name for name, code in vars(BuiltinOperator).items() if not name.startswith("_")}


def read(content):
    """The file's flatbuffer as objects: `ai_edge_litert.schema_py_generated.ModelT`."""
    return ModelT.InitFromObj(Model.GetRootAsModel(content, 0))


def operators(content):
    """How many of each operator the file has: {"CONV_2D": 9, ...}, sorted by name."""
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
    model, counts = read(content), operators(content)
    found = [f"{counts[name]} x {name}: {problem}" for name, problem in UNWANTED.items() if name in counts]
    found += [f"operator {name} is none of the builtin ones" for name in counts if ":" in name]
    if len(model.subgraphs) != 1:
        found.append(f"{len(model.subgraphs)} graphs where one is needed")
    for graph in model.subgraphs:
        found += _shape_problems(graph) + _value_problems(model, graph)
        if recipe in INTEGER_RECIPES:
            found += _float_problems(model, graph)
    return found


def _operator_names(model):
    names = []
    for code in model.operatorCodes:
        # Codes above 127 do not fit the older of the two fields.
        name = _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        names.append(f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name)
    return names


def _shape_problems(graph):
    return [
        f"tensor {tensor.name.decode()}: its shape is not fixed"
        for tensor in graph.tensors
        if tensor.shapeSignature is not None and -1 in tensor.shapeSignature
    ]


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
