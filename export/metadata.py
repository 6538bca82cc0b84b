"""Model metadata inside a `.tflite` file: what its tensors mean, and their labels.

MediaPipe, Android Studio and others use it to prepare pictures and to name results. The tables are those of TFLite
Support's metadata_schema.fbs (identifier M001), written with `flatbuffers`; the number before a field is its place in
the schema's table. Label files follow the flatbuffer as a zip archive, which LiteRT ignores.
"""

import io
import zipfile

import flatbuffers
import numpy as np
from ai_edge_litert.schema_py_generated import Model, TensorType
from flatbuffers.number_types import Uint32Flags
from flatbuffers.table import Table

from vgan_tf import __version__
from vgan_tf.errors import InputError

IDENTIFIER, ENTRY = b"M001", "TFLITE_METADATA"
# LiteRT reads weights in place, so they may move only by a multiple of this many bytes.
ALIGNMENT = 16
# Members of the schema's unions and enumerations.
FEATURE_PROPERTIES, IMAGE_PROPERTIES, NORMALIZATION_OPTIONS, TENSOR_AXIS_LABELS = 1, 2, 1, 2
COLOR_SPACES = {3: 1, 4: 0}  # by channels: RGB, and "unknown" for RGB with alpha, which the schema has no name for

MODELS = {
    "anonymizer": "Turns a face into a chosen person's face with the same expression.",
    "encoder": "Reads from a face the latent that the generator draws from.",
    "generator": "Draws a chosen person's face with the expression that a latent holds.",
    "expression": "Reads the expression of a face, original or protected.",
    "alignment": "Finds in a picture of a head the square that the other models are to be shown.",
}
TENSORS = {
    "image": "One upright face, RGB; for the alignment model a picture that holds a head. Pixels are normalized to "
    "pixel / 127.5 - 1.",
    "target": "Weight of each identity: 1 for the person to be shown, 0 for all others.",
    "latent": "Mean of the latent: what the anonymizer keeps of a face.",
    "protected": "The protected face, RGB. Pixels are (value + 1) * 127.5.",
    "protected with alpha": "The protected head before middle grey, RGB, and alpha, how much of a pixel is the head. "
    "Pixels are (value + 1) * 127.5.",
    "probabilities": "Probability of each expression.",
    "place": "How far the square's middle is to the right of the picture's and below it, and the logarithm of its "
    "side, in shares of the picture's side.",
}
# (mean, std): (value - mean) / std turns pixels into [-1, 1] for the input, and [-1, 1] into pixels for the output.
NORMALIZATION = {"image": (127.5, 127.5), "protected": (-1.0, 1 / 127.5)}
RANGES = {"image": (-1.0, 1.0), "protected": (-1.0, 1.0), "target": (0.0, 1.0), "probabilities": (0.0, 1.0)}
LABEL_FILES = {"target": "identities.txt", "probabilities": "labels.txt"}


def add_metadata(content, part, labels=()):
    """Write into a converted model what its tensors mean.

    The model's own bytes stay as they are and only move back in the file.

    Args:
        content: bytes of a `.tflite` file with one signature and no such metadata.
        part: "anonymizer", "encoder", "generator" or "expression".
        labels: names along the axis of `target` (anonymizer, generator: identities) or of `probabilities` (expression
            classifier: expressions); none for an encoder.

    Returns:
        bytes of the file with metadata; the same for the same arguments.

    Raises:
        InputError: the labels are not as many as the axis is long, or one is not a line.
    """
    inputs, outputs = _signature(Model.GetRootAs(content))
    files = {}
    for name, tensor in (inputs | outputs).items():
        if name in LABEL_FILES:
            if len(labels) != (length := tensor.ShapeAsNumpy()[-1]):
                raise InputError(f"{part}: {len(labels)} labels for the {length} values of {name}; give one for each")
            files[LABEL_FILES[name]] = labels
    if unfit := [label for label in labels if label.splitlines() != [label]]:
        raise InputError(f"{part}: the label {unfit[0]!r} is not one line of text; rename it")
    return _with_files(_with_metadata(content, _metadata(part, inputs, outputs)), files)


def _signature(model):
    """The input and output tensors by their names in the signature, in the order of the graph, as metadata needs."""
    graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    entries = [signature.Inputs(index) for index in range(signature.InputsLength())]
    entries += [signature.Outputs(index) for index in range(signature.OutputsLength())]
    names = {entry.TensorIndex(): entry.Name().decode() for entry in entries}
    sides = (graph.InputsAsNumpy().tolist(), graph.OutputsAsNumpy().tolist())
    return [{names[index]: graph.Tensors(index) for index in side} for side in sides]


def _metadata(part, inputs, outputs):
    """The flatbuffer of the metadata."""
    builder = flatbuffers.Builder()
    graph = {  # SubGraphMetadata: 2 input_tensor_metadata, 3 output_tensor_metadata
        2: _vector(builder, [_tensor(builder, *item) for item in inputs.items()]),
        3: _vector(builder, [_tensor(builder, *item) for item in outputs.items()]),
    }
    model = {  # ModelMetadata: 0 name, 1 description, 2 version, 3 subgraph_metadata, 5 license, 7 min_parser_version
        0: builder.CreateString(f"PPRL-VGAN {part}"),
        1: builder.CreateString(MODELS[part]),
        2: builder.CreateString(__version__),
        3: _vector(builder, [_table(builder, graph)]),
        5: builder.CreateString("MIT"),
        7: builder.CreateString("1.0.0"),
    }
    builder.Finish(_table(builder, model), IDENTIFIER)
    return bytes(builder.Output())


def _tensor(builder, name, tensor):
    # TensorMetadata: 0 name, 1 description, 3 content, 4 process_units, 5 stats (of stored values), 6 associated_files.
    channels = tensor.ShapeAsNumpy()[-1]
    meaning = TENSORS[f"{name} with alpha" if name == "protected" and channels == 4 else name]
    fields = {0: builder.CreateString(name), 1: builder.CreateString(meaning)}
    if name in NORMALIZATION:
        mean, std = NORMALIZATION[name]
        options = _table(builder, {0: _float(builder, mean), 1: _float(builder, std)})
        fields[4] = _vector(builder, [_table(builder, {1: options}, enums={0: NORMALIZATION_OPTIONS})])
        properties = _table(builder, {}, enums={0: COLOR_SPACES[channels]})
        fields[3] = _table(builder, {1: properties}, enums={0: IMAGE_PROPERTIES})
    else:
        fields[3] = _table(builder, {1: _table(builder, {})}, enums={0: FEATURE_PROPERTIES})
    if name in RANGES:
        minimum, maximum = (0.0, 255.0) if tensor.Type() == TensorType.UINT8 else RANGES[name]
        fields[5] = _table(builder, {0: _float(builder, maximum), 1: _float(builder, minimum)})
    if name in LABEL_FILES:
        file = {0: builder.CreateString(LABEL_FILES[name])}
        fields[6] = _vector(builder, [_table(builder, file, enums={2: TENSOR_AXIS_LABELS})])
    return _table(builder, fields)


def _with_metadata(content, metadata):
    """Put a new root (Model) before a model's bytes, with one more buffer and one more entry of metadata.

    References in a flatbuffer point forward only, so the new root can refer to the old tables and weights in place.
    """
    content += bytes(-len(content) % ALIGNMENT)
    old = _root(content)
    builder = flatbuffers.Builder(2 * len(content))
    builder.CreateByteVector(content)

    def offset(position):
        return len(content) - position  # Counted from the end, where the old bytes are now.

    builder.StartVector(1, len(metadata), ALIGNMENT)
    for byte in reversed(metadata):
        builder.PrependByte(byte)
    buffer = _table(builder, {0: builder.EndVector()})  # Buffer: 0 data
    buffers = [offset(table.Pos) for table in _tables(old, 4)]
    entry = {0: builder.CreateString(ENTRY)}  # Metadata: 0 name, 1 buffer
    entries = [offset(table.Pos) for table in _tables(old, 6)] + [_table(builder, entry, counts={1: len(buffers)})]
    model = {slot: offset(_position(old, slot)) for slot in range(1, 10) if _position(old, slot)}
    model |= {4: _vector(builder, [*buffers, buffer]), 6: _vector(builder, entries)}  # Model: 4 buffers, 6 metadata
    builder.Finish(_table(builder, model, counts={0: old.GetSlot(4, 0, Uint32Flags)}), b"TFL3")  # Model: 0 version
    return bytes(builder.Output())


def _with_files(content, files):
    """Append files of one name a line as a zip archive, uncompressed and dated 1980: the same names, the same bytes."""
    stream = io.BytesIO(content)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "w") as archive:
        for name, lines in files.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, "".join(f"{line}\n" for line in lines))
    return stream.getvalue()


def _table(builder, offsets, enums=None, counts=None):
    """Write a table from {place: value} of its references, its 8-bit and its unsigned 32-bit numbers."""
    enums, counts = enums or {}, counts or {}
    builder.StartObject(max([*offsets, *enums, *counts], default=-1) + 1)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in counts.items():
        builder.PrependUint32Slot(slot, number, 0)
    for slot, number in enums.items():
        builder.PrependInt8Slot(slot, number, 0)
    return builder.EndObject()


def _vector(builder, offsets):
    """Write a vector of references."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _float(builder, value):
    """Write a vector of one float, which counts for all channels."""
    return builder.CreateNumpyVector(np.array([value], np.float32))


def _root(content):
    return Table(content, int.from_bytes(content[:4], "little"))


def _position(table, slot):
    """Where the table, vector or string of a field begins; None for an empty field."""
    field = table.Offset(4 + 2 * slot)
    return table.Indirect(table.Pos + field) if field else None


def _tables(table, slot):
    """The tables of a vector; none for an empty field."""
    field = table.Offset(4 + 2 * slot)
    starts = [table.Vector(field) + 4 * index for index in range(table.VectorLen(field))] if field else []
    return [Table(table.Bytes, table.Indirect(start)) for start in starts]
