"""A `.tflite` file as a function on arrays: NumPy and LiteRT only."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from vgan_tf.errors import InputError
from vgan_tf.images import to_float, to_uint8

PICTURES = ("image", "protected")


class Tensor(NamedTuple):
    """An input or output of a file: real value = scale * (stored - zero_point); scale 0 where it is stored as float."""

    index: int
    shape: tuple
    dtype: type
    scale: float
    zero_point: int


class LiteModel:
    """One exported model, batch 1, whatever types it stores.

    The caller gives and gets pictures ("image", "protected") as uint8 RGB, protected ones with alpha where the file has
    it: a file that takes uint8 gets the pixels as they are, a float file gets them in [-1, 1]. All other values (target
    codes, latents, probabilities) are float32.

    Args:
        source: path of a `.tflite` file, or its bytes.
        sha256: hexadecimal digest that the file must have, or None.

    Attributes:
        inputs, outputs: {name: Tensor}, as in the file's one signature.

    Raises:
        InputError: the file is missing, damaged, not the one expected, or has no signature.
    """

    def __init__(self, source, sha256=None):
        self._name = name = "model" if isinstance(source, bytes) else source
        content = source if isinstance(source, bytes) else _read(Path(source))
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{name}: damaged or changed since it was exported (another checksum); copy it again")
        if content[4:8] != b"TFL3":
            raise InputError(f"{name}: not a .tflite file; copy it again or export again")
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=1)  # A second thread gains nothing.
            self._interpreter.allocate_tensors()
            signatures = self._interpreter.get_signature_list()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{name}: LiteRT cannot load it ({error}); copy it again or export again") from None
        if len(signatures) != 1:
            raise InputError(f"{name}: {len(signatures)} signatures where one is needed; export it with this package")
        (key,) = signatures
        runner = self._interpreter.get_signature_runner(key)
        self.inputs = {name: _tensor(details) for name, details in sorted(runner.get_input_details().items())}
        self.outputs = {name: _tensor(details) for name, details in sorted(runner.get_output_details().items())}

    def run(self, **arrays):
        """Run the model on each of n examples.

        Args:
            arrays: one array `(n, ...)` for each input, by name, n at least 1; pictures uint8, all others float.

        Returns:
            {output name: array `(n, ...)`}; pictures uint8, all others float32.

        Raises:
            InputError: an input is missing, unknown, or of another shape or type.
            FloatingPointError: an output is not finite.
        """
        if set(arrays) != set(self.inputs):
            raise InputError(f"inputs {', '.join(sorted(arrays))}: the model takes {', '.join(self.inputs)}")
        stored = {name: _store(name, np.asarray(array), self.inputs[name]) for name, array in arrays.items()}
        counts = {len(array) for array in stored.values()}
        if len(counts) != 1 or 0 in counts:
            raise InputError(f"inputs of {sorted(counts)} examples: give the same number of each, at least one")
        results = {name: [] for name in self.outputs}
        for index in range(counts.pop()):
            for name, array in stored.items():
                self._interpreter.set_tensor(self.inputs[name].index, array[index : index + 1])
            self._interpreter.invoke()
            for name, tensor in self.outputs.items():
                value = self._interpreter.get_tensor(tensor.index)[0]
                if not np.isfinite(value).all():
                    raise FloatingPointError(f"{self._name}: its output {name} is not finite; export it again")
                results[name].append(value)
        return {name: _restore(name, np.stack(values), self.outputs[name]) for name, values in results.items()}


def quantize(values, tensor):
    """Real float values -> the tensor's integers, as LiteRT rounds and saturates."""
    ends = np.iinfo(tensor.dtype)
    return np.clip(np.rint(values / tensor.scale) + tensor.zero_point, ends.min, ends.max).astype(tensor.dtype)


def dequantize(stored, tensor):
    """The tensor's integers -> float32."""
    return (stored.astype(np.float32) - tensor.zero_point) * np.float32(tensor.scale)


def _read(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; python -m export makes it") from None


def _tensor(details):
    scale, zero_point = details["quantization"]
    return Tensor(details["index"], tuple(details["shape"].tolist()), details["dtype"], float(scale), int(zero_point))


def _store(name, array, tensor):
    if array.shape[1:] != tensor.shape[1:]:
        raise InputError(f"{name} of shape {array.shape}: expected (n, {', '.join(map(str, tensor.shape[1:]))})")
    if name in PICTURES:
        if array.dtype != np.uint8:
            raise InputError(f"{name} of dtype {array.dtype}: expected uint8 RGB")
        return array if tensor.dtype == np.uint8 else to_float(array)
    array = array.astype(np.float32)
    return array if tensor.scale == 0 else quantize(array, tensor)


def _restore(name, stored, tensor):
    if name in PICTURES:
        return stored if stored.dtype == np.uint8 else to_uint8(stored)
    return stored if tensor.scale == 0 else dequantize(stored, tensor)
