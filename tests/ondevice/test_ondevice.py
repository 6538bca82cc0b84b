"""The on-device classes: what they load, what they refuse, and that no original pixel comes back."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, STUB_IDENTITIES, lite_file, make_model, stub_files, tiny_config, write_export
from PIL import Image

from export.convert import convert
from export.parts import build_parts
from vgan_tf.errors import InputError
from vgan_tf.images import read_image, to_float, to_uint8
from vgan_tf.labels import EXPRESSIONS
from vgan_tf.networks.expression import expression_classifier
from vgan_tf.ondevice import ExpressionReader, LiteModel, Protector, fixed_target, open_export
from vgan_tf.ondevice import export_folder as export_folder_module
from vgan_tf.ondevice.protector import cut_out

HEAVY = {"tensorflow", "keras", "tf_keras", "jax", "torch"}


@pytest.fixture
def export(tmp_path):
    """An export folder of the stubs, which a test may damage."""
    return write_export(tmp_path / "export", stub_files())


@pytest.fixture(params=[32, 64, 128])
def sized_export(request, tmp_path):
    """(an export folder of the stubs, the side of their pictures in pixels)."""
    folder = write_export(tmp_path / "export", stub_files(request.param), image_size=request.param)
    return folder, request.param


@pytest.fixture(scope="module")
def face():
    return np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def pixels(picture, size=64):
    assert picture.size == (size, size) and picture.mode == "RGB"
    return np.asarray(picture)


@pytest.fixture
def given(monkeypatch):
    """The pictures that models were run on, one after another: uint8 `(size, size, 3)`."""
    pictures, run = [], LiteModel.run
    monkeypatch.setattr(
        LiteModel, "run", lambda self, **arrays: pictures.extend(arrays["image"]) or run(self, **arrays)
    )
    return pictures


@pytest.fixture(scope="module")
def converted(tmp_path_factory, faces):
    """({recipe: export folder} of converted networks of the preset tiny, as initialised, and the Keras parts)."""
    model = make_model(tiny_config())
    parts = build_parts(model, expression_classifier(model.config, len(EXPRESSIONS)))
    images = to_float(faces.images[:40])
    images[:, 0, :2] = [[[-1.0], [1.0]]] * np.ones(3)  # Each with black and white, as an int8 file's range needs.
    inputs = {"image": images, "target": np.eye(3, dtype=np.float32)[np.arange(40) % 3]}
    folders = {}
    for recipe in ("float32", "int8"):
        files = {}
        for part in ("anonymizer", "expression"):
            calibration = {tensor.name: inputs[tensor.name] for tensor in parts[part].inputs}
            files[f"{part}_{recipe}.tflite"] = convert(parts[part], recipe, calibration)
        folder = tmp_path_factory.mktemp("exports") / recipe
        folders[recipe] = write_export(folder, files, latent_dim=model.config.latent_dim)
    return folders, parts


@pytest.mark.parametrize(("recipe", "levels", "share"), [("float32", 1, 1e-5), ("int8", 12, 0.1)])
def test_files_do_what_the_networks_did(converted, faces, recipe, levels, share):
    folders, parts = converted
    protector, reader = Protector(folders[recipe]), ExpressionReader(folders[recipe])
    target = np.float32([[0, 1, 0]])
    for image in faces.images[40:46]:
        batch = to_float(image[None])
        protected = to_uint8(parts["anonymizer"]({"image": batch, "target": target})["protected"])[0].astype(int)
        assert np.abs(pixels(protector.protect(image, "bob")) - protected).max() <= levels
        expected = np.asarray(parts["expression"]({"image": batch})["probabilities"])[0]
        (found,) = reader.read(image)
        np.testing.assert_allclose(list(found["expression"].values()), expected, atol=share)
        assert sum(found["expression"].values()) == pytest.approx(1.0, abs=1e-9)


def test_it_runs_without_tensorflow(export, tmp_path, face):
    Image.fromarray(face).save(tmp_path / "face.png")
    code = f"""
import sys
from pathlib import Path
from vgan_tf.ondevice import ExpressionReader, Protector
assert Protector({str(export)!r}).protect({str(tmp_path / "face.png")!r}).size == (64, 64)
assert ExpressionReader({str(export)!r}).read({str(tmp_path / "face.png")!r})
print(*sorted({{name.split(".")[0] for name in sys.modules}} & {HEAVY!r}))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_the_preferred_recipe_is_the_smallest_there(tmp_path):
    content = stub_files()["expression_float32.tflite"]
    for recipes in (("float32", "float16", "dynamic", "qat", "int8"), ("float32", "qat"), ("float16", "dynamic")):
        files = {f"expression_{recipe}.tflite": content for recipe in recipes}
        folder = write_export(tmp_path / "-".join(recipes), files)
        for recipe in recipes[:-1]:
            (folder / f"expression_{recipe}.tflite").unlink()
        open_export(folder).model("expression")
        with pytest.raises(InputError, match="no such file"):
            open_export(folder).model("expression", recipes[0])


def test_what_is_not_there_is_refused_with_what_is(export):
    for part, recipe in (("expression", "int8"), ("expression", "int4"), ("painter", None), ("", None)):
        with pytest.raises(InputError, match="there are anonymizer_float32.tflite, encoder_float32.tflite"):
            open_export(export).model(part, recipe)


def test_without_a_folder_it_opens_the_shipped_weights(export, tmp_path, monkeypatch):
    monkeypatch.setattr(export_folder_module, "SHIPPED", export)
    assert open_export().folder == export
    monkeypatch.setattr(export_folder_module, "SHIPPED", tmp_path / "none")
    with pytest.raises(InputError, match="ships no weights.*--model"):
        Protector()


@pytest.mark.parametrize(
    "changes",
    [
        {"identities": "ann"},
        {"identities": []},
        {"identities": ["ann", "ann", "bob"]},
        {"expressions": [1, 2]},
        {"latent_dim": "wide"},
        {"image_size": "large"},
        {"files": ["anonymizer_float32.tflite"]},
        {"files": {"../anonymizer_float32.tflite": {"part": "anonymizer", "recipe": "float32", "sha256": "0" * 64}}},
        {"files": {"anonymizer_float32.tflite": {"part": "anonymizer", "recipe": "float32", "sha256": None}}},
        {"files": {"anonymizer_float32.tflite": {"part": "anonymizer", "recipe": "float32", "sha256": ""}}},
        {"files": {"anonymizer_float32.tflite": {}}},
        {"files": None},
    ],
)
def test_a_damaged_record_is_refused(export, changes):
    record = json.loads((export / "export.json").read_text())
    (export / "export.json").write_text(json.dumps({**record, **changes}))
    with pytest.raises(InputError, match=r"export\.json: damaged"):
        open_export(export)


def test_no_record_or_half_a_record_is_refused(export, tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path, export / "export.json"):
        with pytest.raises(InputError, match="not an export folder"):
            open_export(folder)
    text = (export / "export.json").read_text()
    for content in (text[: len(text) // 2], "", "[]", "null"):
        (export / "export.json").write_text(content)
        with pytest.raises(InputError, match="damaged"):
            open_export(export)


def test_files_that_do_not_belong_are_refused(export):
    path = export / "anonymizer_float32.tflite"
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for content in (whole[:-100], b"", bytes(changed), stub_files()["encoder_float32.tflite"]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="anonymizer_float32.tflite: damaged or changed"):
            Protector(export)
    path.unlink()
    with pytest.raises(InputError, match="anonymizer_float32.tflite: no such file"):
        Protector(export)


@pytest.mark.parametrize(
    "labels",
    [
        {"identities": ("ann", "bob")},
        {"expressions": EXPRESSIONS[:6]},
        {"latent_dim": 5},
        {"image_size": 128},
        {"alpha": True},
    ],
    ids=lambda labels: next(iter(labels)),
)
def test_the_record_must_fit_the_files(tmp_path, labels):
    export = open_export(write_export(tmp_path / "export", stub_files(), **labels))
    refused = []
    for part in ("anonymizer", "encoder", "generator", "expression"):
        try:
            export.model(part)
        except InputError as error:
            assert "as export.json says" in str(error)
            refused.append(part)
    expected = {
        "identities": ["anonymizer", "generator"],
        "expressions": ["expression"],
        "latent_dim": ["encoder", "generator"],
        "image_size": ["anonymizer", "encoder", "generator", "expression"],
        "alpha": ["anonymizer", "generator"],
    }
    assert refused == expected[next(iter(labels))]


def test_a_file_under_another_parts_name_is_refused(tmp_path):
    files = {"anonymizer_float32.tflite": stub_files()["expression_float32.tflite"]}
    with pytest.raises(InputError, match="as export.json says"):
        Protector(write_export(tmp_path / "export", files))


def test_protecting_shows_the_target_and_keeps_the_latent(sized_export, face):
    export, size = sized_export
    protector = Protector(export)
    assert protector.identities == STUB_IDENTITIES
    shown = {name: pixels(protector.protect(face, name), size).astype(int) for name in STUB_IDENTITIES}
    contrast = [np.ptp(shown[name]) for name in STUB_IDENTITIES]
    assert contrast[0] < contrast[1] < contrast[2]
    np.testing.assert_array_equal(protector.protect(face, "bob"), shown["bob"])
    brighter = pixels(protector.protect(face // 2 + 128, "bob"), size)
    assert brighter.mean() > shown["bob"].mean() + 10
    with pytest.raises(InputError, match="target 'dora': must be random, fixed:SECRET or one of ann, bob, cid"):
        protector.protect(face, "dora")


def test_a_head_is_given_before_grey_or_cut_out(export, tmp_path, face):
    protector = Protector(write_export(tmp_path / "alpha", stub_files(alpha=True), alpha=True))
    plain = pixels(Protector(export).protect(face, "bob")).astype(float)
    before_grey = pixels(protector.protect(face, "bob")).astype(float)
    assert (before_grey[:, :32] == 128).all()
    np.testing.assert_allclose(before_grey[:, 32:], 127.5 + (plain[:, 32:] - 127.5) / 2, atol=1.01)
    picture = protector.protect(face, "bob", alpha=True)
    assert picture.mode == "RGBA" and picture.size == (64, 64) and picture.info == {}
    cut_out = np.asarray(picture)
    assert (cut_out[:, :32] == [128, 128, 128, 0]).all() and (cut_out[:, 32:, 3] == 128).all()
    np.testing.assert_allclose(cut_out[:, 32:, :3], plain[:, 32:], atol=2)
    grey = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    np.testing.assert_allclose(np.asarray(Image.alpha_composite(grey, picture))[..., :3], before_grey, atol=2)
    with pytest.raises(InputError, match="alpha=True: the pictures of this export have no alpha"):
        Protector(export).protect(face, alpha=True)


def test_a_colour_that_alpha_cannot_hold_is_clipped():
    picture = np.uint8([[[255, 0, 128, 255], [255, 0, 100, 102], [140, 128, 128, 1], [9, 9, 9, 0]]])
    found = cut_out(picture)
    assert found.dtype == np.uint8
    assert found.tolist() == [[[255, 0, 128, 255], [255, 0, 59, 102], [255, 255, 255, 1], [128, 128, 128, 0]]]


def test_random_targets_are_drawn_anew_for_each_picture(export, face):
    """Also for single pictures: nothing repeats from one protector to the next."""

    def shown(protector):
        return [np.ptp(pixels(protector.protect(face))) for _ in range(60)]

    first = shown(Protector(export))
    assert len(set(first)) == len(STUB_IDENTITIES)
    assert first != shown(Protector(export))
    assert len({np.ptp(pixels(Protector(export).protect(face))) for _ in range(40)}) == len(STUB_IDENTITIES)


def test_a_named_target_gives_the_same_pixels_each_time(export, face):
    assert len({Protector(export).protect(face, "cid").tobytes() for _ in range(4)}) == 1


def test_a_fixed_target_is_decided_by_its_secret_alone(export):
    names = [f"person{index}" for index in range(40)]
    chosen = [fixed_target(f"secret {index}", names) for index in range(1000)]
    assert len(set(chosen)) == 40
    assert chosen == [fixed_target(f"secret {index}", names[::-1]) for index in range(1000)]
    fewer = [fixed_target(f"secret {index}", names[:-1]) for index in range(1000)]
    assert all(new == old for old, new in zip(chosen, fewer, strict=True) if old != names[-1])
    # As computed apart from this package: the choice must never change under a user's feet.
    known = {"a": "ann", "d": "bob", "c": "cid", "ключ": "ann"}
    assert {secret: fixed_target(secret, STUB_IDENTITIES) for secret in known} == known
    assert Protector(export).choose("fixed:d") == "bob"
    with pytest.raises(InputError, match="without a secret"):
        Protector(export).choose("fixed:")


def broken_anonymizers():
    """{what it does: function of image and target}."""
    import tensorflow as tf

    def spread(image):
        return tf.zeros_like(image) + tf.reduce_mean(image)

    return {
        "not finite": lambda image, target: spread(image) * tf.reduce_sum(target) / tf.reduce_min(0.0 * target),
        "of one colour": lambda image, target: spread(image) + 0.0 * tf.reduce_sum(target),
        "back unprotected": lambda image, target: image + 0.004 * tf.reduce_sum(target),
    }


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("reason", ["not finite", "of one colour", "back unprotected"])
def test_a_face_that_was_not_protected_never_gets_out(tmp_path, face, reason, alpha):
    import tensorflow as tf

    function = broken_anonymizers()[reason]
    # An alpha that differs from pixel to pixel makes no face of what is none.
    parts = [tf.constant(to_float(face[None, ..., :1]))] if alpha else []
    anonymizer = lite_file(lambda image, target: {"protected": tf.concat([function(image, target), *parts], axis=-1)})
    files = {**stub_files(), "anonymizer_float32.tflite": anonymizer}
    protector = Protector(write_export(tmp_path / "export", files, alpha=alpha))
    for target in ("random", "ann", "fixed:1"):
        with pytest.raises(InputError, match=reason):
            protector.protect(face, target, alpha)


def test_what_is_no_picture_is_refused(export, tmp_path, face):
    Image.fromarray(face).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:4000])
    (tmp_path / "text.png").write_text("no picture")
    half = Image.open(tmp_path / "cut.png")
    paths = [tmp_path / "missing.png", tmp_path / "cut.png", str(tmp_path / "text.png"), tmp_path, half]
    values = [None, 3, b"bytes", [[1]], face / 255.0, face[..., :1], face[..., 0], face[:0], face.astype(np.int32)]
    for use in (Protector(export).protect, ExpressionReader(export).read):
        for image in paths + values:
            with pytest.raises(InputError):
                use(image)


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("size", [(64, 64), (90, 50)])
def test_paths_and_pictures_are_prepared_alike(sized_export, given, tmp_path, mode, size):
    export, model_size = sized_export
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # A quarter turn.
    grey = Image.fromarray(random.integers(0, 256, size[::-1], dtype=np.uint8))
    picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 256) if mode == "I;16" else grey.convert(mode)
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    picture.save(path, exif=exif)
    with Image.open(path) as opened:
        for use in (Protector(export).protect, ExpressionReader(export).read):
            for image in (path, opened, str(path)):
                use(image)
    expected = read_image(path, model_size)
    assert expected.shape == (model_size, model_size, 3) and len(given) == 6
    for image in given:
        np.testing.assert_array_equal(image, expected)


def test_a_protected_picture_carries_nothing_along(export, tmp_path, face):
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.fromarray(face).save(tmp_path / "photo.jpg", exif=exif, comment=b"at home", icc_profile=b"profile")
    with Image.open(tmp_path / "photo.jpg") as photo:
        for image in (photo, tmp_path / "photo.jpg"):
            protected = Protector(export).protect(image)
            assert protected.info == {} and not dict(protected.getexif())


def test_reading_gives_shares_of_each_expression(sized_export):
    reader = ExpressionReader(sized_export[0])
    dark, bright = (reader.read(np.full((50, 90, 3), level, np.uint8)) for level in (0, 255))
    for found, dominant in ((dark, "anger"), (bright, "surprise")):
        (one,) = found
        assert list(one) == ["box", "expression", "dominant"] and one["box"] == [20, 0, 50, 50]
        assert tuple(one["expression"]) == EXPRESSIONS and one["dominant"] == dominant
        assert one["expression"][dominant] == max(one["expression"].values())
        assert sum(one["expression"].values()) == pytest.approx(1.0, abs=1e-9)
    json.dumps(dark)


def test_reading_boxes_reads_each_face(export, tmp_path):
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[20:80, 120:180] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # Upside down: the boxes are those of the upright picture.
    Image.fromarray(picture[::-1, ::-1]).save(tmp_path / "picture.png", exif=exif)
    boxes = [[0, 0, 60, 100], [120.0, 25, 60, 50], np.array([-20, 10, 60, 60])]
    found = ExpressionReader(export).read(tmp_path / "picture.png", boxes)
    assert [one["dominant"] for one in found] == ["anger", "surprise", "anger"]
    assert [one["box"] for one in found] == [[0, 0, 60, 100], [120, 25, 60, 50], [-20, 10, 60, 60]]
    assert ExpressionReader(export).read(picture, []) == []
    json.dumps(found)


@pytest.mark.parametrize("shares", ["zero", "negative", "not finite"])
def test_what_are_no_shares_is_refused(tmp_path, face, shares):
    import tensorflow as tf

    def read(image):
        mean = tf.reduce_mean(image) + tf.zeros((1, len(EXPRESSIONS)))
        bad = {"zero": 0.0 * mean, "negative": mean - 5.0, "not finite": mean / (0.0 * mean)}
        return {"probabilities": bad[shares]}

    reader = ExpressionReader(write_export(tmp_path / "export", {"expression_float32.tflite": lite_file(read)}))
    with pytest.raises(InputError, match="no probabilities|not finite"):
        reader.read(face)


def test_the_shipped_weights_protect_and_read_rendered_faces():
    assert sum(path.stat().st_size for path in export_folder_module.SHIPPED.iterdir()) < 12_000_000
    export, protector, reader = open_export(), Protector(), ExpressionReader()
    assert export.alpha and {file["recipe"] for file in export.files.values()} == {"int8", "float32", "dynamic"}
    assert len(export.latent_names) == export.latent_dim and "gaze_x" in export.latent_names
    # Four people of each expression, whom nothing learnt from, with their heads anywhere in the picture.
    sheet = np.asarray(Image.open(Path(__file__).parent / "rendered_faces.jpg"))
    faces = sheet.reshape(7, 128, 4, 128, 3).swapaxes(1, 2).reshape(28, 128, 128, 3)
    truth = np.repeat(EXPRESSIONS, 4)
    protected = [protector.protect(face, protector.identities[index % 16]) for index, face in enumerate(faces)]
    for pictures, least in ((faces, 0.55), (protected, 0.4)):  # guessing: 0.14
        read = [reader.read(picture)[0]["dominant"] for picture in pictures]
        assert np.mean(np.array(read) == truth) > least
    one, other = (np.asarray(protector.protect(faces[0], name), int) for name in protector.identities[:2])
    assert np.abs(one - other).mean() > 10
