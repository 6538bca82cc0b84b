"""Metadata in exported files: what is written is read back, the model is untouched, and MediaPipe understands it."""

import zipfile

import numpy as np
import pytest

from export.convert import convert
from export.metadata import add_metadata, read_metadata
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
    code = layers.UpSampling2D(64)(layers.Reshape((1, 1, 3))(layers.Dense(3)(target)))
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


def test_wrong_use_is_refused(anonymizer):
    with pytest.raises(InputError, match="7 labels for the 3 values of target"):
        add_metadata(anonymizer, "anonymizer", EXPRESSIONS)
    with pytest.raises(InputError, match="not one line"):
        add_metadata(anonymizer, "anonymizer", ("ann", "bob\nby", "cid"))
    with pytest.raises(ValueError, match="already"):
        add_metadata(add_metadata(anonymizer, "anonymizer", IDENTITIES), "anonymizer", IDENTITIES)
    with pytest.raises(InputError, match="no metadata"):
        read_metadata(anonymizer)


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
