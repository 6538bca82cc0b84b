"""Quantization-aware training: a part as an 8-bit file that was trained to be one."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from vgan_tf.errors import InputError

from .folding import fold

DEFAULT_STEPS = 100
CHECKED_EXAMPLES = 4


class QuantizationError(RuntimeError):
    """Quantization-aware training of a part failed; the message is one line."""


def convert_qat(part, examples, steps=DEFAULT_STEPS, seed=0):
    """Train a copy of a part, by what the part itself gives, to run in 8 bits, and convert it.

    Runs in a process of its own (see qat_worker). The same call gives the same bytes on the same machine.

    Args:
        part: functional `keras.Model` with one named output and named inputs, as from `build_parts`.
        examples: {input name: float32 `(n, ...)`}, training data as the part takes it. Rows of different inputs are
            combined freely.
        steps: batches of 32 to train for.
        seed: of the choice of examples.

    Returns:
        bytes of a `.tflite` file: uint8 inputs and outputs, batch 1, one signature with the part's names.

    Raises:
        InputError: examples do not fit the part, or it has a layer that is not known.
        QuantizationError: training or conversion failed.
    """
    flat = fold(part)
    if steps < 0:
        raise InputError(f"steps={steps}: must not be negative")
    for name, shape in flat.inputs.items():
        if name not in examples or examples[name].shape[1:] != shape or not len(examples[name]):
            given = examples[name].shape if name in examples else "none"
            raise InputError(f"examples of {name}: {given}; expected (n, {', '.join(map(str, shape))})")
    examples = {name: np.asarray(examples[name], np.float32) for name in flat.inputs}
    description = {
        "inputs": flat.inputs,
        "layers": [{key: value for key, value in layer._asdict().items() if key != "weights"} for layer in flat.layers],
        "outputs": flat.outputs,
        "steps": steps,
        "seed": seed,
    }
    arrays = {f"example/{name}": values for name, values in examples.items()} | _expected(part, flat, examples)
    for layer in flat.layers:
        if layer.weights:
            arrays[f"{layer.name}/kernel"], arrays[f"{layer.name}/bias"] = layer.weights
    with tempfile.TemporaryDirectory(prefix="qat-") as temporary:
        folder = Path(temporary)
        (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
        np.savez(folder / "arrays.npz", **arrays)
        _run_worker(folder, part.name)
        return (folder / "model.tflite").read_bytes()


def _expected(part, flat, examples):
    """What the part gives on the first examples, one by one as it takes them, for the worker to check its copy by."""
    count = min(CHECKED_EXAMPLES, *map(len, examples.values()))
    rows = [part([values[index : index + 1] for values in examples.values()], training=False) for index in range(count)]
    rows = [row if isinstance(row, dict) else {name: row for name in flat.outputs} for row in rows]
    return {f"expected/{name}": np.concatenate([row[name] for row in rows]) for name in flat.outputs}


def _run_worker(folder, name):
    command = [sys.executable, str(Path(__file__).with_name("qat_worker.py")), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if result.returncode < 0:
        raise QuantizationError(f"{name}: quantization-aware training was killed by signal {-result.returncode}")
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise QuantizationError(f"{name}: quantization-aware training failed: {lines[-1]}")
