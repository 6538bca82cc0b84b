"""Latency of exported files: one face at a time, on the CPU, at one and at two threads.

    python benchmarks/latency.py MODEL_DIR

Beside them, in the same rounds, stands the anonymizer of preset `paper`, with untrained weights: in LiteRT where
TensorFlow is installed, and in ONNX Runtime where that is. A ratio is the reference's time by the file's. Take figures
from an idle machine: other work delays long calls more than short ones, and so raises the ratios. The last line is
JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402
import references  # noqa: E402

from vgan_tf.commands import run_command  # noqa: E402
from vgan_tf.config import preset  # noqa: E402
from vgan_tf.errors import InputError  # noqa: E402
from vgan_tf.ondevice.lite import LiteModel  # noqa: E402

THREADS = (1, 2)
WARM_UP_CALLS = 5
ROUNDS = 10
CALLS_PER_ROUND = 30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="MODEL_DIR", help="export folder, as python -m export writes it")
    arguments = parser.parse_args()
    run_command(lambda: report(arguments.folder))


def report(folder, rounds=ROUNDS, with_references=True):
    """Measure and print: a table, then JSON of `files`, `references` and `ratios`, each by name and thread count.

    Raises:
        InputError: no exported file in the folder, or one that cannot be loaded.
    """
    paths = sorted(folder.glob("*.tflite"))
    if not paths:
        raise InputError(f"{folder}: no .tflite file in it; python -m export writes some")
    anonymizers = [path.name for path in paths if path.name.startswith("anonymizer_")]
    with tempfile.TemporaryDirectory() as scratch:
        beside = write_references(folder / anonymizers[0], Path(scratch)) if with_references and anonymizers else {}
        models = {path.name: path for path in paths} | beside
        calls = {(name, threads): prepare(path, threads) for name, path in models.items() for threads in THREADS}
        milliseconds = measure(calls, rounds)
        results = {
            name: {str(threads): summary(milliseconds[name, threads], path.stat().st_size) for threads in THREADS}
            for name, path in models.items()
        }
    ratios = {
        name: {
            reference: {count: ratio(results[reference][count], results[name][count]) for count in results[name]}
            for reference in beside
        }
        for name in anonymizers
    }
    print_table(results, ratios)
    parts = {"files": {path.name: results[path.name] for path in paths}}
    parts["references"] = {name: results[name] for name in beside}
    print(json.dumps(parts | {"ratios": ratios, "rounds": rounds, "calls_per_round": CALLS_PER_ROUND}))


def write_references(anonymizer, folder):
    """Write what the anonymizer is compared with, of its size and identities; {name: path}, with a line on what is not.

    Only packages that are installed are used.
    """
    if missing := references.missing("tensorflow", "keras"):
        print(f"no reference: {missing} not installed")
        return {}
    inputs = LiteModel(anonymizer).inputs
    size, identities = inputs["image"].shape[1], inputs["target"].shape[1]
    print(f"paper_*: the anonymizer of preset paper, {size} pixels, {identities} identities, untrained weights")
    model = references.reference_anonymizer(identities, preset("paper").replace(image_size=size))
    paths = [folder / "paper_float32.tflite"]
    references.write_tflite(model, paths[0])
    if missing := references.missing(*references.ONNX_PACKAGES):
        print(f"no ONNX Runtime: {missing} not installed; pip install 'pprl-vgan[benchmark]' adds it")
    else:
        paths += [folder / "paper_float32.onnx", folder / "paper_int8.onnx"]
        references.write_onnx(model, paths[1])
        references.quantize_onnx(model, paths[1], paths[2])
    return {path.name: path for path in paths}


def prepare(path, threads):
    """A function that runs the model once, on inputs that are in place already."""
    return prepare_onnx(path, threads) if path.suffix == ".onnx" else prepare_tflite(path, threads)


def prepare_tflite(path, threads):
    """As `prepare`, for a `.tflite` file, which is checked first."""
    from ai_edge_litert.interpreter import Interpreter

    LiteModel(path)
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], random_input(details["shape"], details["dtype"]))
    return interpreter.invoke


def prepare_onnx(path, threads):
    """As `prepare`, for an ONNX file of float32 inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for value in session.get_inputs():
        binding.bind_cpu_input(value.name, random_input((1, *value.shape[1:]), np.float32))
    binding.bind_output(session.get_outputs()[0].name)
    return lambda: session.run_with_iobinding(binding)


def random_input(shape, dtype):
    """Uniform noise: over all values of an integer type, in [-1, 1] for floats."""
    random = np.random.default_rng(0)
    if np.issubdtype(dtype, np.integer):
        ends = np.iinfo(dtype)
        return random.integers(ends.min, ends.max, shape, dtype, endpoint=True)
    return random.uniform(-1, 1, shape).astype(dtype)


def measure(calls, rounds):
    """Time every call in every round, so that what else the machine does hits all alike; {key: milliseconds}."""
    milliseconds = {key: [] for key in calls}
    for _ in range(rounds):
        for key, call in calls.items():
            for _ in range(WARM_UP_CALLS):
                call()
            for _ in range(CALLS_PER_ROUND):
                start = time.perf_counter()
                call()
                milliseconds[key].append(1000 * (time.perf_counter() - start))
    return milliseconds


def summary(milliseconds, size_bytes):
    """Median and quartiles of all calls."""
    low, median, high = np.percentile(milliseconds, (25, 50, 75))
    return {
        "latency_ms": round(float(median), 4),
        "quartiles_ms": [round(float(low), 4), round(float(high), 4)],
        "size_bytes": size_bytes,
    }


def ratio(reference, result):
    """How many times as long the reference takes."""
    return round(reference["latency_ms"] / result["latency_ms"], 2)


def print_table(results, ratios):
    """One line a model: size, median latency and quartiles at one and two threads; an anonymizer's ratios at both."""
    rows = [["", "KiB", *(f"ms, threads={threads}" for threads in THREADS)]]
    rows[0] += [f"x {reference}" for reference in next(iter(ratios.values()), {})]
    for name, result in results.items():
        row = [name, f"{result['1']['size_bytes'] / 1024:.0f}"]
        row += ["{:.2f} ({:.2f}-{:.2f})".format(r["latency_ms"], *r["quartiles_ms"]) for r in result.values()]
        row += [" / ".join(f"{x:.1f}" for x in by_threads.values()) for by_threads in ratios.get(name, {}).values()]
        rows.append(row + [""] * (len(rows[0]) - len(row)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip())


if __name__ == "__main__":
    main()
