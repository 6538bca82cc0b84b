"""Export: every recipe agrees with Keras, and a file that is wrong is caught, named and kept out of the folder."""

import dataclasses
import functools
import json
import runpy
import shutil
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    STUB_IDENTITIES,
    counterpart_config,
    faces_with_counterparts,
    make_model,
    noise_faces,
    small_paper_config,
    tiny_config,
)
from PIL import Image

from export import export_run, pipeline, verification
from export.convert import convert, convert_saved
from export.examples import draw_examples, for_calibration, inputs_of
from export.inspection import operators, problems, read
from export.metadata import add_metadata
from export.parts import PARTS, build_parts
from export.records import audit_of, earlier_data
from export.verification import verify
from vgan_tf import training
from vgan_tf.data import load_faces
from vgan_tf.errors import InputError, VerificationError
from vgan_tf.files import write_json
from vgan_tf.images import to_uint8
from vgan_tf.networks import alignment_network, expression_classifier
from vgan_tf.networks.release import fit_mirror, fit_threshold, threshold_network
from vgan_tf.ondevice import Protector, open_export
from vgan_tf.ondevice.alignment import aligner_of, face_of
from vgan_tf.ondevice.lite import LiteModel
from vgan_tf.protection import DeviceModel
from vgan_tf.run import load_run, open_run


@functools.cache
def cut(config):
    """Parts of an untrained model whose batch norm has learnt something, and examples for them."""
    model = make_model(config)
    classifier = expression_classifier(config, len(model.expressions))
    size, random = config.image_size, np.random.default_rng(1)
    faces = noise_faces()
    faces = dataclasses.replace(faces, images=random.integers(0, 256, (len(faces), size, size, 3), dtype=np.uint8))
    aligner = alignment_network(64)
    for network in (model.encoder, model.generator, classifier, aligner):
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
                layer.gamma.assign(random.uniform(0.5, 2.0, layer.gamma.shape))
                layer.beta.assign(random.normal(0, 0.5, layer.beta.shape))
    model.adapt(faces.images, faces.expression)
    return model, build_parts(model, classifier, aligner), draw_examples(model, faces, 42, seed=0)


def tiny():
    return cut(tiny_config())


def made(cut_out, part_name, recipe, **changed):
    """(bytes, part, its examples); `changed` replaces examples in the calibration alone."""
    _, parts, examples = cut_out
    part = parts[part_name]
    calibration = {**inputs_of(part, for_calibration(examples)), **changed}
    return convert(part, recipe, calibration), part, inputs_of(part, examples)


@functools.cache
def tiny_file(part_name, recipe):
    """(bytes, part, its examples) of the tiny preset."""
    return made(tiny(), part_name, recipe)


def refusal(content, part, recipe, examples):
    with pytest.raises(VerificationError) as error:
        verify(content, part, recipe, examples)
    return str(error.value)


def test_an_outline_may_move_by_a_pixel_but_no_square_may_differ():
    random = np.random.default_rng(0)
    pictures = random.uniform(-1, 1, (4, 64, 64, 4)).astype(np.float32)
    moved, other = to_uint8(pictures), to_uint8(pictures)
    moved[:, 20] = 255 - moved[:, 20]  # a line of one pixel, by up to 255 levels
    other[0, 8:16, 8:16] = np.where(other[0, 8:16, 8:16].mean() < 128, 255, 0)

    def failures(result):
        model = types.SimpleNamespace(run=lambda **_: {"protected": result.astype(float)})
        part = lambda examples, training: {"protected": pictures}  # noqa: E731
        return verification._compare(model, part, ((1, 0.25), (1, 1)), {})[1]

    assert failures(moved) == []
    (message,) = failures(other)
    assert message.startswith("largest difference of protected in squares of 8 pixels: ")


def test_parts_do_what_the_model_does_without_noise():
    model, parts, examples = tiny()
    images, targets = to_uint8(examples["image"]), examples["target"].argmax(axis=1)
    np.testing.assert_allclose(
        parts["encoder"]({"image": examples["image"]})["latent"], model.encode(images), atol=1e-6
    )
    for name in ("anonymizer", "generator"):
        protected = to_uint8(parts[name](inputs_of(parts[name], examples))["protected"])
        assert np.abs(protected.astype(int) - model.decode(model.encode(images), targets)).max() <= 1
    for part in parts.values():
        assert all(tensor.shape[0] == 1 for tensor in part.inputs) and part.inputs[0].dtype == "float32"
        assert not any(isinstance(layer, keras.Model) for layer in part.layers)


@pytest.mark.parametrize(
    ("part_name", "recipe"),
    [*((name, "int8") for name in PARTS), *(("encoder", recipe) for recipe in ("float32", "float16", "dynamic"))],
)
def test_each_file_agrees_with_its_part(part_name, recipe):
    content, part, examples = tiny_file(part_name, recipe)
    verify(content, part, recipe, examples)
    left = {"MUL", "TILE", "SHAPE"} & set(operators(content))
    assert not left, "batch norm not folded"


@pytest.mark.parametrize("part_name", ["anonymizer", "generator"])
def test_integer_files_with_alpha_give_it_as_fourth_channel(part_name):
    cut_out = cut(counterpart_config())
    model = cut_out[0]
    content, part, examples = made(cut_out, part_name, "int8")
    content = add_metadata(content, part_name, model.identities)
    verify(content, part, "int8", examples)
    stored = {name: to_uint8(values) if name == "image" else values for name, values in examples.items()}
    found = LiteModel(content).run(**stored)["protected"]
    wanted = model.decode_with_alpha(cut_out[2]["latent"], examples["target"].argmax(axis=1))
    assert found.shape == wanted.shape == (42, 64, 64, 4) and wanted[..., 3].std() > 1
    assert np.abs(found.astype(int) - wanted)[..., 3].mean() < max(1, 0.1 * wanted[..., 3].std())


@pytest.mark.parametrize(
    ("part_name", "recipe"),
    [*(("encoder", recipe) for recipe in ("float32", "float16", "dynamic", "int8")), ("anonymizer", "int8")],
)
def test_files_with_prototypes_give_nothing_else(part_name, recipe):
    content, part, examples = made(cut(tiny_config(protection_prototypes=2)), part_name, recipe)
    verify(content, part, recipe, examples)
    assert not problems(content, recipe) and operators(content)["ARG_MAX"] == 1
    one_target = {**examples, "target": examples["target"][:1].repeat(42, axis=0)} if "target" in examples else examples
    stored = {name: to_uint8(values) if name == "image" else values for name, values in one_target.items()}
    (found,) = LiteModel(content).run(**stored).values()
    assert 1 < len(np.unique(found.reshape(42, -1), axis=0)) <= 14


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_files_with_a_threshold_leave_out_what_is_small(recipe):
    latents = cut(tiny_config())[2]["latent"]
    threshold = float(np.quantile(np.abs(latents), 0.7))
    content, part, examples = made(cut(tiny_config(protection_threshold=threshold)), "encoder", recipe)
    verify(content, part, recipe, examples)
    found = LiteModel(content).run(image=to_uint8(examples["image"]))["latent"]
    small = np.abs(latents) < 0.9 * threshold
    np.testing.assert_array_equal(found[small], 0)
    assert (np.abs(found) > threshold).sum() > 10


@pytest.mark.parametrize("recipe", ["float32", "int8", "dynamic"])
@pytest.mark.parametrize("part_name", ["encoder", "anonymizer"])
def test_files_read_mirror_images_too_and_spare_what_strengths_imply(part_name, recipe):
    cut_out = cut(counterpart_config(motion_dim=8, protection_threshold=0.1))
    model, _, examples = cut_out
    images, random = to_uint8(examples["image"]), np.random.default_rng(0)
    fit_mirror(model.mirror, np.array([0, 1, 2, 3, 4, 5, 7, 6]), np.float32([1, 1, 1, 1, 1, 1, -1, -1]))
    latents, _ = model._posterior(images)
    motion = random.normal(size=(42, 8))
    motion[:, 6:] = motion[:, :6] @ random.normal(size=(6, 2))
    fit_threshold(model.threshold, motion, latents)
    content, part, examples = made(cut_out, part_name, recipe)
    verify(content, part, recipe, examples)
    if part_name == "encoder":
        found, wanted = LiteModel(content).run(image=images)["latent"], model.encode(images)
        without = np.asarray(threshold_network(8, 0.1)(latents))
        assert np.abs(found - wanted).mean() < 0.1 * np.abs(wanted - without)[:, 6:].mean()
    assert operators(content)["REVERSE_V2"] == 1


def test_a_file_that_chooses_other_prototypes_is_refused():
    cut_out = cut(tiny_config(protection_prototypes=1))
    content, part, examples = made(cut_out, "encoder", "float32")
    model = cut_out[0]
    kernel, bias, prototypes = model.prototypes.get_weights()
    model.prototypes.set_weights([kernel, bias, prototypes[::-1]])
    assert refusal(content, part, "float32", examples).startswith("mean difference of latent: ")


def test_the_papers_networks_convert():
    content, part, examples = made(cut(small_paper_config()), "generator", "int8")
    verify(content, part, "int8", examples)
    assert operators(content)["TRANSPOSE_CONV"] == 4


def test_the_same_weights_give_the_same_bytes():
    built_again = cut.__wrapped__(tiny_config())
    assert made(built_again, "generator", "int8")[0] == tiny_file("generator", "int8")[0]


def test_integer_files_take_pixels_and_255():
    for part_name in ("anonymizer", "generator", "expression"):
        model = LiteModel(tiny_file(part_name, "int8")[0])
        tensors = model.inputs | model.outputs
        assert {tensor.dtype for tensor in tensors.values()} == {np.uint8}
        if "target" in tensors:
            assert tensors["target"].scale == pytest.approx(1 / 255) and tensors["target"].zero_point == 0
        if "image" in tensors:
            assert tensors["image"].scale == pytest.approx(2 / 255, rel=0.01)


def test_a_file_with_swapped_inputs_is_refused():
    _, parts, examples = cut(tiny_config(latent_dim=3))
    latent, target = (keras.Input((3,), batch_size=1, name=name) for name in ("latent", "target"))
    part = parts["generator"]
    outputs = keras.Function(part.inputs, part.output).call([target, latent])
    content = convert(keras.Model([latent, target], outputs), "float32", None)
    message = refusal(content, part, "float32", inputs_of(part, examples))
    assert message.startswith("mean difference of protected: ") and "is allowed" in message


def test_a_file_with_other_names_than_its_part_is_refused():
    _, parts, every_example = tiny()
    part = parts["encoder"]
    other = keras.Model(part.inputs, {"code": part.output["latent"]})
    content = convert(other, "float32", None)
    message = refusal(content, part, "float32", inputs_of(part, every_example))
    assert message.startswith("signature: ") and "code" in message


def test_a_file_whose_variables_are_not_frozen_is_refused(tmp_path):
    _, parts, every_example = tiny()
    part = parts["encoder"]

    class Plain(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 64, 64, 3), tf.float32, name="image")])
        def serve(self, image):
            return part(image, training=False)

    module = Plain()
    module.part = part
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    content = convert_saved(tmp_path, "float32", None)
    assert "READ_VARIABLE: a variable was not frozen" in refusal(
        content, part, "float32", inputs_of(part, every_example)
    )


@pytest.mark.parametrize("wrong", [lambda image: (image + 1) / 2, lambda image: (image + 1) * 127.5])
def test_a_file_calibrated_in_other_units_is_refused(wrong):
    content, part, examples = made(tiny(), "encoder", "int8", image=wrong(for_calibration(tiny()[2])["image"]))
    message = refusal(content, part, "int8", examples)
    assert "scale of image" in message and "mean difference of latent" in message


def test_an_edited_scale_inside_a_file_is_refused():
    content, part, examples = tiny_file("expression", "int8")
    model = read(content)
    (graph,) = model.subgraphs
    convolution = next(op for op in graph.operators if len(op.inputs) == 3)
    tensor = graph.tensors[convolution.outputs[0]]
    tensor.quantization.scale = [30 * tensor.quantization.scale[0]]
    message = refusal(write(model), part, "int8", examples)
    assert message.startswith("mean difference of probabilities: ")


def write(model):
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_file_that_gives_no_finite_numbers_is_refused():
    model, parts, every_example = tiny()
    part, examples = parts["encoder"], inputs_of(parts["encoder"], every_example)
    layer = model.encoder.get_layer("z_mean")
    kernel = layer.kernel.numpy()
    try:
        layer.kernel.assign(np.full_like(kernel, np.nan))
        broken = convert(part, "float32", None)
        layer.kernel.assign(np.full_like(kernel, 3e38))
        overflowing = convert(part, "float32", None)
    finally:
        layer.kernel.assign(kernel)
    assert "holds values that are not finite" in refusal(broken, part, "float32", examples)
    assert refusal(overflowing, part, "float32", examples).startswith("finite values")


def test_inspection_names_what_does_not_belong():
    content = tiny_file("encoder", "float32")[0]
    found = problems(content, "int8")
    assert "4 x LEAKY_RELU: runs in float in an integer file" in found
    assert any("is not uint8" in problem for problem in found)
    image = keras.Input((64, 64, 3), name="image")
    transposed = keras.layers.Conv2DTranspose(3, 2, strides=2, padding="same")(image)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, {"picture": transposed}))
    found = problems(converter.convert(), "float32")
    assert any("SHAPE" in problem for problem in found) and any("not fixed" in problem for problem in found)


def test_an_export_folder_holds_what_its_record_says(exported, trained_model):
    out, record, lines = exported
    files = {f"{part}_int8.tflite" for part in PARTS if part != "alignment"}  # avatars are drawn aligned
    pages = {"export.json", "EXPORT.md", "MODEL_CARD.md", "labels.txt", "identities.txt", "identities.jpg"}
    assert {path.name for path in out.iterdir()} == files | pages and set(record["files"]) == files
    assert (out / "identities.txt").read_text().split() == list(trained_model.identities)
    assert (out / "labels.txt").read_text().split() == list(trained_model.expressions)
    page = (out / "EXPORT.md").read_text()
    for name, file in record["files"].items():
        assert f"`{name}` | {file['bytes']:,}" in page and any(line.startswith(f"{name}: ") for line in lines)
        assert open_export(out).model(file["part"], file["recipe"]).inputs.keys() == file["inputs"].keys()
        assert file["operators"] == operators((out / name).read_bytes()) and file["figures"] is None
    assert record["alpha"] is open_export(out).alpha is False
    with Image.open(out / "identities.jpg") as sheet:
        assert sheet.size == (3 * 128 + 2 * 4, 128 + 20) and not sheet.getexif()


def test_a_run_with_counterparts_is_exported_with_alpha_and_used_in_rgb(tmp_path, eagerly, monkeypatch):
    faces = faces_with_counterparts()
    for module in (training, pipeline):
        monkeypatch.setattr(module, "load_faces", lambda source, size: faces)
    random = np.random.default_rng(0)
    unaligned = random.integers(0, 256, (80, 64, 64, 3), dtype=np.uint8), random.normal(0, 0.1, (80, 3))
    monkeypatch.setattr(training, "load_unaligned", lambda source, size: unaligned)
    for network in ("CLASSIFIER", "ALIGNMENT"):
        monkeypatch.setattr(training, f"{network}_EPOCHS", 1)
    run, _ = training.plan(counterpart_config(epochs=1), tmp_path / "run", steps=1)
    training.train(run, faces)
    record = export_run(run.folder, tmp_path / "out", ("float32",), progress=lambda line: None, score=False)
    assert json.loads((tmp_path / "out" / "export.json").read_text()) == record
    assert record["alpha"] is True and record["identities"] == list(STUB_IDENTITIES)
    export, model = open_export(tmp_path / "out"), load_run(run.folder)
    assert export.alpha and export.model("generator").outputs["protected"].shape == (1, 64, 64, 4)
    images, targets = faces.images[:3], np.array([0, 1, 2])
    wanted = model.decode_with_alpha(model.encode(images), targets)
    device = DeviceModel.of_files(run, tmp_path / "out")
    pictures = device.protect(images, targets)
    assert pictures.shape == (3, 64, 64, 3) and np.abs(pictures.astype(int) - wanted[..., :3]).max() <= 1
    assert device.decode(device.encode(images), targets).shape == (3, 64, 64, 3)
    protector, face = Protector(tmp_path / "out"), face_of(Image.fromarray(images[1]), 64, aligner_of(export))
    np.testing.assert_array_equal(protector.protect(images[1], "bob"), device.protect(face[None], targets[1:2])[0])
    cut_out = np.asarray(protector.protect(images[1], "bob", alpha=True))
    wanted = model.decode_with_alpha(model.encode(face[None]), targets[1:2])[0]
    assert np.abs(cut_out[..., 3].astype(int) - wanted[..., 3]).max() <= 1
    page = (tmp_path / "out" / "EXPORT.md").read_text()
    assert "[1, 64, 64, 4]" in page and "alpha=True" in page


def test_a_second_export_replaces_the_first_and_leaves_other_files(exported, trained_folder, monkeypatch, tmp_path):
    out = tmp_path / "again"
    out.mkdir()
    for path in exported[0].iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    (out / "notes.txt").write_text("mine\n")
    real = pipeline.convert

    def convert_badly(part, recipe, calibration):
        return real(part, "int8" if part.name == "encoder" else recipe, calibration)

    def two_parts(*networks):
        return {name: part for name, part in build_parts(*networks).items() if name in ("encoder", "generator")}

    monkeypatch.setattr(pipeline, "convert", convert_badly)
    monkeypatch.setattr(pipeline, "build_parts", two_parts)
    with pytest.raises(VerificationError, match="encoder_float32.tflite: refused: .*latent: .*allowed"):
        export_run(trained_folder, out, ("float32",), progress=lambda line: None, score=False)
    record = json.loads((out / "export.json").read_text())
    assert {path.name for path in out.glob("*.tflite")} == set(record["files"]) == {"generator_float32.tflite"}
    assert list(record["refused"]) == ["encoder_float32.tflite"] and (out / "notes.txt").read_text() == "mine\n"


def test_killed_midway_the_folder_does_not_look_whole(exported, trained_folder, monkeypatch, tmp_path):
    out = tmp_path / "killed"
    out.mkdir()
    (out / "export.json").write_bytes((exported[0] / "export.json").read_bytes())

    def killed(record):
        raise KeyboardInterrupt

    monkeypatch.setattr("export.records.model_card", killed)
    monkeypatch.setattr(pipeline, "build_parts", lambda *networks: {"encoder": build_parts(*networks)["encoder"]})
    with pytest.raises(KeyboardInterrupt):
        export_run(trained_folder, out, ("float32",), progress=lambda line: None, score=False)
    assert not (out / "export.json").exists() and (out / "encoder_float32.tflite").exists()
    assert not list(out.glob(".partial-*"))


def test_the_record_names_the_data_that_were_used(exported, trained_folder, monkeypatch, tmp_path):
    record, other = exported[1], "avatars:identities=3,images=42,seed=9"
    own = (record["training_data"], record["training_data_fingerprint"])
    assert own == (record["data"], record["data_fingerprint"])
    monkeypatch.setattr(pipeline, "build_parts", lambda *networks: {"encoder": build_parts(*networks)["encoder"]})
    changed = export_run(trained_folder, tmp_path, ("float32",), other, progress=lambda line: None, score=False)
    assert (changed["training_data"], changed["training_data_fingerprint"]) == own
    assert (changed["data"], changed["data_fingerprint"]) == (other, load_faces(other).fingerprint())
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert all(f"`{value}`" in card for value in (*own, other, changed["data_fingerprint"]))


def test_what_weights_learnt_from_before_is_found_by_where_runs_started(trained_folder, tmp_path):
    first = open_run(trained_folder)
    assert earlier_data(first) == []
    second = dataclasses.replace(first, folder=tmp_path / "two", config=first.config.replace(start=str(trained_folder)))
    second.save_config()
    third = dataclasses.replace(second, config=first.config.replace(data="own", start=str(second.folder)))
    assert earlier_data(third) == [first.config.data, first.config.data]
    (second.folder / "config.json").unlink()
    assert earlier_data(third) == [str(second.folder)]


def test_the_record_has_the_audit_of_these_weights_alone(trained_folder, tmp_path):
    run = dataclasses.replace(open_run(trained_folder), folder=tmp_path)
    shutil.copy(trained_folder / "model.weights.h5", tmp_path)
    assert audit_of(run) is None
    names = ("verdict", "reason", "questions", "encoder", "release", "quick", "n_test", "target_policy")
    utility = {
        "table": {"pictures": 56},
        "better_than_table": None,
        "beats_table": {},
        "distinct_pictures_per_target": 7,
    }
    evaluation = {**dict.fromkeys(names, 1), "utility": utility, "weights_sha256": run.weights_sha256()}
    write_json(tmp_path / "evaluation" / "evaluation.json", evaluation)
    found = audit_of(run)
    assert set(found) == {*names, "table_pictures", *utility} - {"table"} and found["table_pictures"] == 56
    write_json(tmp_path / "evaluation" / "evaluation.json", {**evaluation, "weights_sha256": "0"})
    assert audit_of(run) is None
    del evaluation["verdict"]
    write_json(tmp_path / "evaluation" / "evaluation.json", evaluation)
    with pytest.raises(InputError, match="evaluation.json: damaged .*verdict.*; audit again or remove it"):
        audit_of(run)


def run_export(*arguments):
    old, sys.argv = sys.argv, ["export", *map(str, arguments)]
    try:
        runpy.run_module("export", run_name="__main__")
    except SystemExit as ending:
        return ending.code
    finally:
        sys.argv = old
    return 0


def test_the_command_ends_with_the_status_of_its_outcome(trained_folder, few_companions, tmp_path, monkeypatch, capfd):
    for arguments, named in (
        ((trained_folder, "--recipes", "int4"), "'int4'"),
        ((trained_folder, "--recipes", "int8,int8"), "each once"),
        ((tmp_path / "nothing",), "not a run folder"),
        ((trained_folder, "--data", tmp_path / "nothing"), "nothing"),
    ):
        assert run_export(*arguments, "--out", tmp_path / "out") == 2
        error = capfd.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") and named in error
    assert not (tmp_path / "out").exists()

    def refuse(content, part, recipe, examples):
        raise VerificationError("scale of image: 1; 2 is needed\nmean difference of latent: 3; at most 1 is allowed")

    monkeypatch.setattr(pipeline, "verify", refuse)
    monkeypatch.setattr(pipeline, "build_parts", lambda *networks: {"encoder": build_parts(*networks)["encoder"]})
    monkeypatch.setattr(pipeline, "Trial", lambda *arguments: None)
    assert run_export(trained_folder, "--out", tmp_path / "out", "--recipes", "float32") == 1
    written = capfd.readouterr()
    assert written.out == "encoder_float32.tflite: refused\n"
    assert [line.split("refused: ")[1] for line in written.err.splitlines()] == [
        "scale of image: 1; 2 is needed",
        "mean difference of latent: 3; at most 1 is allowed",
    ]
    assert not list((tmp_path / "out").glob("*.tflite"))


def test_unknown_recipes_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="'int4': must be one of float32, float16, dynamic, int8, qat"):
        export_run(tmp_path / "nothing", tmp_path / "out", ("int4",))
