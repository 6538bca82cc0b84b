"""Metadata in exported files: what is written is read back, the model is untouched, and MediaPipe understands it."""

import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import Model
from flatbuffers.number_types import Float32Flags, Int8Flags
from flatbuffers.table import Table

from export.convert import convert
from export.metadata import add_metadata
from vgan_tf.errors import InputError
from vgan_tf.images import to_float
from vgan_tf.labels import EXPRESSIONS
from vgan_tf.ondevice.lite import LiteModel

IDENTITIES = ("ann", "bob", "zoë")


def noise(count, seed=0):
    """uint8 pictures that reach both ends of the range."""
    images = np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    images[0, 0, 0, :2] = 0, 255
    return images


def read_metadata(content):
    """What `add_metadata` wrote, read by the places of the fields in metadata_schema.fbs."""
    model = Model.GetRootAs(content)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    (buffer,) = (entry.Buffer() for entry in entries if entry.Name() == b"TFLITE_METADATA")
    written = model.Buffers(buffer).DataAsNumpy().tobytes()
    assert written[4:8] == b"M001"
    root = Table(written, int.from_bytes(written[:4], "little"))
    (graph,) = tables(root, 3)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inputs, outputs = ({text(one, 0): read_tensor(one, archive) for one in tables(graph, side)} for side in (2, 3))
    return {"name": text(root, 0), "license": text(root, 5), "inputs": inputs, "outputs": outputs}


def read_tensor(tensor, archive):
    units, files = tables(tensor, 4), tables(tensor, 6)
    options = child(units[0], 1) if units else None
    return {
        "description": text(tensor, 1),
        "content": {1: "feature", 2: "image"}[child(tensor, 3).GetSlot(4, 0, Int8Flags)],
        "color_space": ("unknown", "RGB", "grey")[child(child(tensor, 3), 1).GetSlot(4, 0, Int8Flags)],
        "mean": number(options, 0),
        "std": number(options, 1),
        "minimum": number(child(tensor, 5), 1),
        "maximum": number(child(tensor, 5), 0),
        "labels": tuple(archive.read(text(files[0], 0)).decode().splitlines()) if files else None,
    }


def tables(table, slot):
    field = table.Offset(4 + 2 * slot)
    starts = [table.Vector(field) + 4 * index for index in range(table.VectorLen(field))] if field else []
    return [Table(table.Bytes, table.Indirect(start)) for start in starts]


def child(table, slot):
    field = table.Offset(4 + 2 * slot)
    return Table(table.Bytes, table.Indirect(table.Pos + field)) if field else None


def text(table, slot):
    return table.String(table.Pos + table.Offset(4 + 2 * slot)).decode()


def number(table, slot):
    return table and float(table.GetVectorAsNumpy(Float32Flags, table.Offset(4 + 2 * slot))[0])


@pytest.fixture(scope="module")
def parts():
    """Two small models with the tensors' names of an expression classifier and of an anonymizer."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3), batch_size=1, name="image")
    target = keras.Input((len(IDENTITIES),), batch_size=1, name="target")
    features = layers.Flatten()(layers.Conv2D(8, 5, strides=8, activation="relu")(image))
    probabilities = layers.Dense(len(EXPRESSIONS), "softmax")(features)
    code = layers.Conv2DTranspose(3, 64, strides=64)(layers.Reshape((1, 1, 3))(layers.Dense(3)(target)))
    protected = layers.Conv2D(3, 1)(layers.Concatenate()([image, code]))
    return {
        "expression": keras.Model([image], {"probabilities": probabilities}),
        "anonymizer": keras.Model([image, target], {"protected": layers.Activation("tanh")(protected)}),
    }


@pytest.fixture(scope="module", params=["float32", "int8"])
def classifier(request, parts):
    """The expression classifier as a file, before and after metadata was added."""
    plain = convert(parts["expression"], request.param, {"image": to_float(noise(8))})
    return plain, add_metadata(plain, "expression", EXPRESSIONS)


@pytest.fixture(scope="module")
def anonymizer(parts):
    return convert(parts["anonymizer"], "float32", {})


def test_the_model_itself_stays_as_it_is(classifier):
    plain, described = classifier
    images = noise(3, seed=1)
    before, after = LiteModel(plain), LiteModel(described)
    assert (before.inputs, before.outputs) == (after.inputs, after.outputs)
    np.testing.assert_array_equal(
        before.run(image=images)["probabilities"], after.run(image=images)["probabilities"], strict=True
    )
    assert described.index(plain) % 16 == 0
    assert described == add_metadata(plain, "expression", EXPRESSIONS)


def test_a_classifier_tells_its_normalization_and_labels(classifier):
    plain, described = classifier
    metadata = read_metadata(described)
    image, probabilities = metadata["inputs"]["image"], metadata["outputs"]["probabilities"]
    assert metadata["name"] == "PPRL-VGAN expression" and metadata["license"] == "MIT"
    assert (image["content"], image["mean"], image["std"], image["labels"]) == ("image", 127.5, 127.5, None)
    assert probabilities["labels"] == EXPRESSIONS
    assert (probabilities["content"], probabilities["mean"]) == ("feature", None)
    stored = LiteModel(plain).inputs["image"].dtype
    assert (image["minimum"], image["maximum"]) == ((0, 255) if stored == np.uint8 else (-1, 1))


def test_labels_lie_in_the_file_as_a_plain_zip(classifier, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(classifier[1])
    with zipfile.ZipFile(path) as archive:
        (entry,) = archive.infolist()
        assert (entry.filename, entry.compress_type) == ("labels.txt", zipfile.ZIP_STORED)
        assert archive.read(entry).decode() == "".join(f"{name}\n" for name in EXPRESSIONS)


def test_an_anonymizer_names_its_targets_and_takes_pictures_back_to_pixels(anonymizer):
    metadata = read_metadata(add_metadata(anonymizer, "anonymizer", IDENTITIES))
    assert metadata["inputs"]["target"]["labels"] == IDENTITIES
    protected = metadata["outputs"]["protected"]
    ends = (np.array([-1.0, 1.0]) - protected["mean"]) / protected["std"]
    np.testing.assert_allclose(ends, [0, 255], atol=1e-3)
    assert protected["color_space"] == metadata["inputs"]["image"]["color_space"] == "RGB"
    assert "alpha" not in protected["description"]


def test_a_picture_with_alpha_is_not_taken_for_rgb(parts):
    import keras

    part = parts["anonymizer"]
    alpha = keras.layers.Conv2D(4, 1)(part.output["protected"])
    content = convert(keras.Model(part.inputs, {"protected": alpha}), "float32", {})
    described = read_metadata(add_metadata(content, "anonymizer", IDENTITIES))
    image, protected = described["inputs"]["image"], described["outputs"]["protected"]
    assert (protected["content"], protected["color_space"], image["color_space"]) == ("image", "unknown", "RGB")
    assert "alpha" in protected["description"]
    assert (protected["mean"], protected["std"]) == pytest.approx((-1.0, 1 / 127.5))


def test_wrong_use_is_refused(anonymizer):
    with pytest.raises(InputError, match="7 labels for the 3 values of target"):
        add_metadata(anonymizer, "anonymizer", EXPRESSIONS)
    with pytest.raises(InputError, match="not one line"):
        add_metadata(anonymizer, "anonymizer", ("ann", "bob\nby", "cid"))


def test_mediapipe_classifies_with_our_labels(classifier):
    mediapipe = pytest.importorskip(
        "mediapipe", reason="no MediaPipe (pip install --no-deps mediapipe opencv-python-headless)"
    )
    tasks = mediapipe.tasks
    options = tasks.vision.ImageClassifierOptions(base_options=tasks.BaseOptions(model_asset_buffer=classifier[1]))
    images = noise(3, seed=2)
    ours = LiteModel(classifier[1]).run(image=images)["probabilities"]
    with tasks.vision.ImageClassifier.create_from_options(options) as theirs:
        for image, expected in zip(images, ours, strict=True):
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
            (head,) = theirs.classify(picture).classifications
            found = {category.category_name: category.score for category in head.categories}
            assert set(found) == set(EXPRESSIONS)
            np.testing.assert_allclose([found[name] for name in EXPRESSIONS], expected, atol=1e-5)
