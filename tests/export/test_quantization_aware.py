"""Folding and quantization-aware training: the same function in fewer layers, then the same picture in 8 bits."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from helpers import ROOT, counterpart_config, make_model, small_paper_config, tiny_config
from keras import layers

from export.convert import OWN_LAYERS
from export.folding import fold
from export.inspection import operators, problems
from export.parts import build_parts
from export.quantization_aware import QuantizationError, convert_qat
from vgan_tf.errors import InputError
from vgan_tf.images import to_float, to_uint8
from vgan_tf.networks import expression_classifier
from vgan_tf.networks.release import fit_mirror, fit_prototypes
from vgan_tf.ondevice.lite import LiteModel


def parts_of(config, latent_gain=1):
    """The parts of an untrained model whose batch norms have seen something, negative factors among it.

    With a latent gain above 1 its pictures differ more from one another.
    """
    model, classifier = make_model(config), expression_classifier(config, 7)
    random = np.random.default_rng(0)
    mean = model.encoder.get_layer("z_mean").kernel
    mean.assign(latent_gain * mean)
    for layer in [*model.encoder.layers, *model.generator.layers, *classifier.layers]:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(random.uniform(-1.5, 1.5, layer.gamma.shape))
            layer.beta.assign(random.normal(size=layer.beta.shape))
            layer.moving_mean.assign(random.normal(scale=0.2, size=layer.beta.shape))
            layer.moving_variance.assign(random.uniform(0.05, 0.2, layer.beta.shape))
    last = classifier.get_layer("probabilities").kernel
    last.assign(0.05 * last)  # so that no probability is 1
    if model.mirror is not None:
        fit_mirror(model.mirror, np.arange(config.latent_dim)[::-1], -np.ones(config.latent_dim))
    if model.prototypes is not None:
        latents = random.normal(size=(70, model.config.latent_dim))
        model.prototypes.set_weights(fit_prototypes(latents, np.arange(70) % 7, 7, 2))
    return build_parts(model, classifier)


def examples_for(part, count, seed=0):
    """Smooth random pictures that differ from one another, one-hot targets, normal latents."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    every = {
        "image": to_float(coarse.repeat(8, axis=1).repeat(8, axis=2)),
        "target": np.eye(3, dtype=np.float32)[np.arange(count) % 3],
        "latent": random.normal(size=(count, 8)).astype(np.float32),
    }
    return {tensor.name: every[tensor.name] for tensor in part.inputs}


def evaluate(part, examples):
    """The part's one output on each example."""
    count = len(next(iter(examples.values())))
    rows = [part({name: values[i : i + 1] for name, values in examples.items()}) for i in range(count)]
    return np.concatenate([next(iter(row.values())) for row in rows])


def rebuild(flat):
    """A FlatModel as a Keras model."""
    inputs = {name: keras.Input(shape, name=name) for name, shape in flat.inputs.items()}
    tensors = dict(inputs)
    for layer in flat.layers:
        sources = [tensors[name] for name in layer.inputs]
        made = (OWN_LAYERS.get(layer.kind) or getattr(layers, layer.kind))(**layer.settings)
        tensors[layer.name] = made(sources if len(sources) > 1 else sources[0])
        if layer.weights:
            made.set_weights(layer.weights)
    return keras.Model(inputs, {name: tensors[made_by] for name, made_by in flat.outputs.items()})


@pytest.mark.parametrize(
    "config", [tiny_config(), small_paper_config(), counterpart_config(motion_dim=8)], ids=["edge", "paper", "motion"]
)
def test_folding_changes_nothing_but_the_layers(config):
    for part in parts_of(config).values():
        examples = examples_for(part, 3)
        flat = fold(part)
        wanted = evaluate(part, examples)
        assert wanted.std(axis=0).max() > 0.001
        # Processors add up in another order: on one kind of them a single pixel was off by 0.00015.
        np.testing.assert_allclose(evaluate(rebuild(flat), examples), wanted, atol=5e-4)
        assert not {"BatchNormalization", "Dropout", "Functional", "Dense"} & {layer.kind for layer in flat.layers}


def test_a_transposed_convolution_that_doubles_becomes_a_plain_one_of_the_same_weights():
    maps = keras.Input((5, 3, 2), name="image")
    transposed = layers.Conv2DTranspose(4, 4, strides=2, padding="same", activation="relu")
    part = keras.Model(maps, {"protected": transposed(maps)})
    random = np.random.default_rng(0)
    transposed.set_weights([random.normal(size=(4, 4, 4, 2)), random.normal(size=4)])
    flat = fold(part)
    assert [layer.kind for layer in flat.layers] == ["ZeroPadding2D", "Conv2D", "DepthToSpace", "Cropping2D"]
    assert flat.layers[1].weights[0].size == transposed.kernel.numpy().size
    examples = {"image": random.normal(size=(2, 5, 3, 2)).astype(np.float32)}
    np.testing.assert_allclose(evaluate(rebuild(flat), examples), evaluate(part, examples), atol=1e-5)
    kept = {layer.kind for layer in fold(parts_of(small_paper_config())["generator"]).layers}
    assert "Conv2DTranspose" in kept and "DepthToSpace" not in kept


def test_batch_norm_after_relu_becomes_a_convolution_that_only_flips_and_shifts():
    flat = fold(parts_of(small_paper_config())["generator"])
    kernels = [layer.weights[0] for layer in flat.layers if layer.kind == "DepthwiseConv2D"]
    assert len(kernels) == 3
    assert {1.0, -1.0} == set(np.concatenate(kernels, axis=None))


def test_batch_norm_relu_and_dropout_go_into_the_convolution_before_them():
    image = keras.Input((6, 6, 4), name="image")
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(8, 3, padding="same")(image))
    x = layers.Flatten()(layers.Dropout(0.5)(layers.ReLU()(x)))
    part = keras.Model(image, {"latent": layers.Dense(4)(x)})
    part.get_layer("norm").set_weights([np.linspace(low, 2, 8) for low in (-1, 0.5, 1, 0.1)])
    examples = {"image": np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype(np.float32)}
    flat = fold(part)
    assert [layer.kind for layer in flat.layers] == ["Conv2D", "Flatten", "Reshape", "Conv2D", "Flatten"]
    np.testing.assert_allclose(evaluate(rebuild(flat), examples), evaluate(part, examples), atol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        layers.PReLU(name="odd"),
        layers.Conv2D(2, 3, dilation_rate=2, name="odd"),
        layers.Conv2D(2, 3, groups=2, name="odd"),
    ],
)
def test_an_unknown_layer_is_refused_by_name(layer):
    image = keras.Input((6, 6, 4), name="image")
    with pytest.raises(InputError, match=f"layer odd \\({type(layer).__name__}\\).*knows no"):
        fold(keras.Model(image, {"latent": layer(image)}))


def test_equal_models_fold_alike_whatever_keras_called_their_layers():
    first, second = (fold(parts_of(tiny_config())["encoder"]) for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]


@pytest.fixture(scope="module")
def trained():
    """The paper's anonymizer, trained for 8 bits twice, at once, in the same way."""
    part = parts_of(small_paper_config(), latent_gain=20)["anonymizer"]
    with ThreadPoolExecutor(2) as pool:
        files = list(pool.map(lambda _: convert_qat(part, examples_for(part, 48), steps=4, seed=3), range(2)))
    return part, files


def test_the_same_call_gives_the_same_bytes(trained):
    _, (first, second) = trained
    assert first == second


def test_the_file_is_all_integers(trained):
    _, (content, _) = trained
    assert problems(content, "qat") == []
    histogram = operators(content)
    assert histogram["TRANSPOSE_CONV"] == 4 and histogram["DEPTHWISE_CONV_2D"] == 3
    model = LiteModel(content)
    assert model.inputs["image"].scale == pytest.approx(2 / 255, rel=0.01)
    assert model.inputs["image"].zero_point in (127, 128)
    assert model.outputs["protected"].scale == pytest.approx(2 / 255, rel=0.01)
    assert model.inputs["target"].scale == pytest.approx(1 / 255, rel=0.01)


def test_a_file_with_prototypes_is_all_integers_and_gives_nothing_else():
    part = parts_of(tiny_config(protection_prototypes=2), latent_gain=30)["encoder"]
    content = convert_qat(part, examples_for(part, 64), steps=3)
    assert problems(content, "qat") == [] and operators(content)["ARG_MAX"] == 1
    found = LiteModel(content).run(image=to_uint8(examples_for(part, 64, seed=1)["image"]))["latent"]
    assert 1 < len(np.unique(found, axis=0)) <= 14


def test_a_file_that_reads_mirror_images_too_is_all_integers_and_gives_what_the_part_gives():
    part = parts_of(counterpart_config(motion_dim=8, protection_threshold=0.0), latent_gain=20)["encoder"]
    content = convert_qat(part, examples_for(part, 48), steps=2)
    assert problems(content, "qat") == [] and operators(content)["REVERSE_V2"] == 1
    examples = examples_for(part, 8, seed=1)
    wanted, given = evaluate(part, examples), LiteModel(content).run(image=to_uint8(examples["image"]))["latent"]
    assert np.abs(given - wanted).mean() < 0.15 * wanted.std(axis=0).mean()


def test_a_file_with_alpha_is_all_integers_and_draws_what_the_part_draws():
    part = parts_of(counterpart_config(), latent_gain=20)["generator"]
    content = convert_qat(part, examples_for(part, 48), steps=2)
    histogram = operators(content)
    assert problems(content, "qat") == [] and "TRANSPOSE_CONV" not in histogram and histogram["DEPTH_TO_SPACE"] == 5
    examples = examples_for(part, 8, seed=1)
    wanted = to_uint8(evaluate(part, examples)).astype(float)
    given = LiteModel(content).run(**examples)["protected"].astype(float)
    assert given.shape == wanted.shape == (8, 64, 64, 4) and wanted.std(axis=0).mean() > 5
    assert np.abs(given - wanted).mean() < 0.15 * wanted.std(axis=0).mean()


def test_the_file_draws_what_the_part_draws(trained):
    part, (content, _) = trained
    examples = examples_for(part, 8, seed=1)
    wanted = to_uint8(evaluate(part, examples)).astype(float)
    stored = {"image": to_uint8(examples["image"]), "target": examples["target"]}
    given = LiteModel(content).run(**stored)["protected"].astype(float)
    assert wanted.std(axis=0).mean() > 5
    assert np.abs(given - wanted).mean() < 0.15 * wanted.std(axis=0).mean()


def test_a_failed_worker_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    part = parts_of(tiny_config())["encoder"]
    left = tmp_path / "left"
    left.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(left))
    for script, message in [
        ("echo 'Traceback' >&2; echo 'ValueError: no such op' >&2; exit 1", "encoder.*failed: ValueError: no such op$"),
        ("kill -9 $$", "encoder.*killed by signal 9"),
    ]:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        monkeypatch.setattr("sys.executable", str(python))
        with pytest.raises(QuantizationError, match=message):
            convert_qat(part, examples_for(part, 2), steps=0)
    assert list(left.iterdir()) == []


PARENT = """
import sys
import keras
import numpy as np
from export.quantization_aware import convert_qat

sys.executable = sys.argv[1]
image = keras.Input((8,), batch_size=1, name="latent")
part = keras.Model(image, {"latent": keras.layers.Dense(4)(image)})
convert_qat(part, {"latent": np.ones((4, 8), np.float32)}, steps=10**9)
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    left, pipe, python = tmp_path / "left", tmp_path / "pipe", tmp_path / "python"
    left.mkdir()
    os.mkfifo(pipe)
    # The worker holds the pipe open, so the pipe reaches its end only when the worker has ended.
    python.write_text(f'#!/bin/sh\nexec 3>{pipe}\necho $$ >&3\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    environment = {**os.environ, "TMPDIR": str(left)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(python)], cwd=ROOT, env=environment)
    worker = None
    try:
        assert select.select([reading], [], [], 300)[0], "the worker did not start"
        worker = int(os.read(reading, 100))
        parent.kill()
        assert select.select([reading], [], [], 300)[0] and os.read(reading, 100) == b"", "the worker went on"
        worker = None
        assert list(left.iterdir()) == []
    finally:
        parent.kill()
        parent.wait()
        os.close(reading)
        if worker is not None:
            os.kill(worker, signal.SIGKILL)


def test_wrong_examples_are_refused_before_any_process_starts(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    part = parts_of(tiny_config())["anonymizer"]
    examples = examples_for(part, 2)
    with pytest.raises(InputError, match="examples of target: none"):
        convert_qat(part, {"image": examples["image"]})
    with pytest.raises(InputError, match=r"examples of image: \(2, 32, 64, 3\); expected \(n, 64, 64, 3\)"):
        convert_qat(part, {**examples, "image": examples["image"][:, :32]})
