"""Latency of exported files: one face at a time, on the CPU, at one and at two threads.

    python benchmarks/latency.py EXPORT_FOLDER

Beside them, in the same rounds, stands the anonymizer of preset `paper`, with untrained weights: in LiteRT, and in ONNX
Runtime where it is installed. A ratio is the reference's time by the file's. Take figures from an idle machine: other
work delays long calls more than short ones, and so raises the ratios. The last line is JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import references  # noqa: E402

from vgan_tf.commands import run_command  # noqa: E402
from vgan_tf.errors import InputError  # noqa: E402
from vgan_tf.ondevice.lite import LiteModel  # noqa: E402

THREADS = (1, 2)
WARM_UP_CALLS = 5
CALLS_PER_ROUND = 30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="export folder, as python -m export writes it")
    parser.add_argument("--rounds", type=int, default=10, help=f"of {CALLS_PER_ROUND} timed calls each")
    parser.add_argument("--no-reference", action="store_true", help="time the folder's files alone")
    arguments = parser.parse_args()
    run_command(lambda: report(arguments.folder, arguments.rounds, not arguments.no_reference))


def report(folder, rounds, with_references):
    """Measure and print: a table, then JSON of `files`, `references` and `ratios`, each by name and thread count.

    Raises:
        InputError: no exported file in the folder, one that cannot be loaded, or less than one round.
    """
    if rounds < 1:
        raise InputError(f"--rounds {rounds}: must be at least 1")
    paths = sorted(folder.glob("*.tflite"))
    if not paths:
        raise InputError(f"{folder}: no .tflite file in it; python -m export writes some")
    anonymizers = [path.name for path in paths if path.name.startswith("anonymizer_")]
    with tempfile.TemporaryDirectory() as scratch:
        beside = write_references(identity_count(folder, anonymizers), Path(scratch)) if with_references else {}
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


def identity_count(folder, anonymizers):
    """Length of the target code that the folder's anonymizers take."""
    if not anonymizers:
        raise InputError(f"{folder}: no anonymizer to compare with the reference; give --no-reference")
    return LiteModel(folder / anonymizers[0]).inputs["target"].shape[1]


def write_references(identities, folder):
    """Write the reference's files; return {name: path}. ONNX is left out, with a line, where it is not installed."""
    print(f"paper_*: the anonymizer of preset paper, {identities} identities, untrained weights")
    model = references.reference_anonymizer(identities)
    paths = [folder / "paper_float32.tflite"]
    references.write_tflite(model, paths[0])
    if missing := references.missing_packages():
        print(f"no ONNX Runtime: {', '.join(missing)} not installed; pip install -e '.[benchmark]' adds it")
    else:
        paths += [folder / "paper_float32.onnx", folder / "paper_int8.onnx"]
        references.write_onnx(model, paths[1])
        references.quantize_onnx(paths[1], paths[2], identities)
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
