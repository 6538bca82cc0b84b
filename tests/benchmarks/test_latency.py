"""The latency benchmark: what it prints, and that its references are the network they claim to be. Nothing is timed."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, STUB_IDENTITIES, lite_file, small_paper_config, stub_parts, write_export

from vgan_tf.config import preset

SCRIPT = str(ROOT / "benchmarks" / "latency.py")


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    parts = stub_parts()
    files = {f"{part}_float32.tflite": lite_file(parts[part]) for part in ("anonymizer", "expression")}
    return write_export(tmp_path_factory.mktemp("latency") / "export", files)


def test_last_line_is_json_of_each_file_and_thread_count(benchmarks, export, capsys):
    import latency

    latency.report(export, rounds=1, with_references=False)
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(result["files"]) == {"anonymizer_float32.tflite", "expression_float32.tflite"}
    for name, by_threads in result["files"].items():
        assert set(by_threads) == {"1", "2"}
        for figures in by_threads.values():
            low, high = figures["quartiles_ms"]
            assert 0 < low <= figures["latency_ms"] <= high
            assert figures["size_bytes"] == (export / name).stat().st_size
    assert result["references"] == {} and result["ratios"] == {"anonymizer_float32.tflite": {}}


@pytest.mark.parametrize(("name", "said"), [("empty", "no .tflite file"), ("damaged", "not a .tflite file")])
def test_bad_input_is_one_line(name, said, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "expression_int8.tflite").write_bytes(b"no model")
    done = subprocess.run([sys.executable, SCRIPT, str(tmp_path / name)], capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_only_the_folders_own_files_without_tensorflow(benchmarks, export, tmp_path, monkeypatch, capsys):
    import latency

    monkeypatch.setattr(latency.references, "missing", lambda *packages: ", ".join(packages))
    assert latency.write_references(export / "anonymizer_float32.tflite", tmp_path) == {}
    assert "no reference: tensorflow, keras not installed" in capsys.readouterr().out


def test_rounds_take_turns_and_warm_up(benchmarks):
    import latency

    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    milliseconds = latency.measure(calls, rounds=2)
    turn = latency.WARM_UP_CALLS + latency.CALLS_PER_ROUND
    assert "".join(order) == ("a" * turn + "b" * turn) * 2
    assert {name: len(values) for name, values in milliseconds.items()} == {
        name: 2 * latency.CALLS_PER_ROUND for name in "ab"
    }


def test_summary_and_ratio(benchmarks):
    import latency

    fast, slow = latency.summary([1.0, 2.0, 3.0, 4.0, 100.0], 10), latency.summary([6.0] * 3, 20)
    assert fast == {"latency_ms": 3.0, "quartiles_ms": [2.0, 4.0], "size_bytes": 10}
    assert latency.ratio(slow, fast) == 2.0


def test_reference_is_the_full_paper_anonymizer(benchmarks):
    import references

    model = references.reference_anonymizer(len(STUB_IDENTITIES), preset("paper"))
    assert [value.name for value in model.inputs] == ["image", "target"]
    assert model.inputs[0].shape == (1, 64, 64, 3) and model.inputs[1].shape == (1, 3)
    kernels = sorted(tuple(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel_size"))
    assert len(kernels) == 8 and {kernel[:2] for kernel in kernels} == {(5, 5)}
    assert max(kernel[2] * kernel[3] for kernel in kernels) == 256 * 128


def test_onnx_files_equal_the_keras_model(benchmarks, tmp_path):
    import references

    if references.missing(*references.ONNX_PACKAGES):
        pytest.skip("no ONNX packages (pip install -e '.[benchmark]')")
    import onnxruntime

    model = references.reference_anonymizer(3, small_paper_config())
    random = np.random.default_rng(0)
    for weights in model.weights:  # Batch norm must matter, and the picture must not be all grey.
        shape = weights.shape
        scale = 2 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.3
        weights.assign(abs(random.normal(1, 0.3, shape)) if "var" in weights.name else random.normal(0, scale, shape))
    image = random.uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    target = np.eye(3, dtype=np.float32)[:1]
    expected = model([image, target])["protected"].numpy()
    assert expected.std() > 0.1
    references.write_onnx(model, tmp_path / "float32.onnx")
    references.quantize_onnx(model, tmp_path / "float32.onnx", tmp_path / "int8.onnx")
    for name, limit in (("float32", 1e-4), ("int8", 0.1)):
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx")
        (given,) = session.run(None, {"image": image, "target": target})
        assert abs(given - expected).max() < limit, name
    assert (tmp_path / "int8.onnx").stat().st_size < (tmp_path / "float32.onnx").stat().st_size
