"""Quantization-aware training: a part as an 8-bit file that was trained to be one."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from vgan_tf.errors import InputError

from .folding import fold


class QuantizationError(RuntimeError):
    """Quantization-aware training of a part failed; the message is one line."""


def convert_qat(part, examples, steps=100, seed=0):
    """Train a copy of a part to give in 8 bits what the part gives, and convert it.

    Runs in a process of its own (see qat_worker). The same call gives the same bytes on the same machine.

    Args:
        part: functional `keras.Model` with named inputs and outputs, as from `build_parts`.
        examples: {input name: float32 `(n, ...)`}, training data as the part takes it. Rows of different inputs are
            combined freely.
        steps: batches of 32 to train for.
        seed: of the choice of examples.

    Returns:
        bytes of a `.tflite` file: uint8 inputs and outputs, batch 1, one signature with the part's names.

    Raises:
        InputError: examples do not fit the part, or the export does not support one of its layers.
        QuantizationError: training or conversion failed.
    """
    flat = fold(part)
    for name, shape in flat.inputs.items():
        if name not in examples or examples[name].shape[1:] != shape or not len(examples[name]):
            given = examples[name].shape if name in examples else "none"
            raise InputError(f"examples of {name}: {given}; expected (n, {', '.join(map(str, shape))})")
    layers = [{**layer._asdict(), "weights": len(layer.weights)} for layer in flat.layers]
    task = {**flat._asdict(), "layers": layers, "steps": steps, "seed": seed}
    arrays = {f"example/{name}": np.asarray(examples[name], np.float32) for name in flat.inputs}
    arrays |= {f"{layer.name}/{number}": w for layer in flat.layers for number, w in enumerate(layer.weights)}
    with tempfile.TemporaryDirectory(prefix="qat-") as temporary:
        folder = Path(temporary)
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
        np.savez(folder / "arrays.npz", **arrays)
        _run_worker(folder, part.name)
        return (folder / "model.tflite").read_bytes()


def _run_worker(folder, name):
    command = [sys.executable, str(Path(__file__).with_name("qat_worker.py")), str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    # The worker ends when its stdin is closed, which also happens when this process is killed.
    with subprocess.Popen(command, text=True, errors="replace", **pipes) as worker:
        lines = worker.stderr.read().strip().splitlines() or ["no message"]
        worker.wait()
    if worker.returncode < 0:
        raise QuantizationError(f"{name}: quantization-aware training was killed by signal {-worker.returncode}")
    if worker.returncode:
        raise QuantizationError(f"{name}: quantization-aware training failed: {lines[-1]}")
