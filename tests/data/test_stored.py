"""Data larger than memory: files in place of arrays change no number."""

import dataclasses
import os
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import noise_faces, tiny_config, values_of
from PIL import Image

from vgan_tf import training
from vgan_tf.data import load_faces, stored
from vgan_tf.data.readers import files
from vgan_tf.data.stored import StoredImages
from vgan_tf.errors import InputError
from vgan_tf.run import Run, load_expression_classifier


@pytest.fixture
def small_memory(monkeypatch, tmp_path):
    """Have every data set count as larger than memory; returns where the decoded images go."""
    monkeypatch.setattr(stored, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(stored, "BLOCK", 16)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vgan_tf" / "images"


def write_folder(root, faces):
    for image, i, e, path in zip(faces.images, faces.identity, faces.expression, faces.paths, strict=True):
        name = root / faces.identities[i] / faces.expressions[e] / path.rsplit("/", 1)[1]
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(name)
    return root


def same_faces(first, second):
    for field in dataclasses.fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            a, b = list(a.values()), list(b.values())
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=field.name)
    assert first.fingerprint() == second.fingerprint()
    return True


def test_a_folder_larger_than_memory_is_decoded_once_and_is_the_same_data(tmp_path, small_memory, monkeypatch):
    folder = write_folder(tmp_path / "data", noise_faces())
    (folder / "id0" / "anger" / "broken.png").write_bytes(b"no picture")
    with monkeypatch.context() as patch:
        patch.setattr(stored, "IN_MEMORY_BYTES", 2**30)
        in_memory = load_faces(folder)
    faces = load_faces(folder)
    assert isinstance(faces.images, StoredImages) and isinstance(in_memory.images, np.ndarray)
    assert len(faces) == 42 and "broken.png" in faces.skipped[0] and same_faces(faces, in_memory)
    odd = np.arange(42) % 2 == 1
    assert isinstance(faces.subset(odd).images, StoredImages) and same_faces(faces.subset(odd), in_memory.subset(odd))
    part, whole = faces.subset([7, 3, 3]), in_memory.subset([7, 3, 3])
    assert same_faces(part.concatenate(faces).subset([1, 9, 44]), whole.concatenate(in_memory).subset([1, 9, 44]))

    monkeypatch.setattr(files, "read_image", None)
    assert same_faces(load_faces(folder), in_memory), "decoded twice"
    monkeypatch.undo()


def test_a_changed_picture_is_decoded_again(tmp_path, small_memory):
    folder = write_folder(tmp_path / "data", noise_faces())
    before = load_faces(folder).fingerprint()
    Image.new("RGB", (64, 64)).save(folder / "id1" / "joy" / "0.png")
    assert load_faces(folder).fingerprint() != before and len(list(small_memory.glob("*.rgb"))) == 2


def test_a_damaged_file_of_decoded_images_and_a_full_disk_are_said(tmp_path, small_memory, monkeypatch):
    folder = write_folder(tmp_path / "data", noise_faces())
    faces = load_faces(folder)
    (file,) = small_memory.glob("*.rgb")
    os.truncate(file, 1000)
    with pytest.raises(InputError, match="truncated; delete it"):
        np.asarray(faces.images)
    with pytest.raises(InputError, match="damaged; delete it"):
        load_faces(folder)
    file.unlink()
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match="do not fit, .* XDG_CACHE_HOME"):
        load_faces(folder)


def test_interrupted_decoding_leaves_nothing_and_starts_again(tmp_path, small_memory, monkeypatch):
    folder, read_image = write_folder(tmp_path / "data", noise_faces()), files.read_image

    def stopped(path, size):
        if path.parts[-3] == "id1":  # the second of three people: a block is written by then
            raise KeyboardInterrupt
        return read_image(path, size)

    with monkeypatch.context() as patch:
        patch.setattr(files, "read_image", stopped)
        with pytest.raises(KeyboardInterrupt):
            load_faces(folder)
    assert not list(small_memory.iterdir())
    np.testing.assert_array_equal(np.asarray(load_faces(folder).images), noise_faces().images)


def test_training_from_a_file_ends_in_the_weights_of_training_from_memory(tmp_path, small_memory, eagerly, monkeypatch):
    monkeypatch.setattr(training, "CLASSIFIER_EPOCHS", 1)
    faces = load_faces(write_folder(tmp_path / "data", noise_faces()))
    in_memory, weights = dataclasses.replace(faces, images=np.asarray(faces.images)), []
    for name, data in (("memory", in_memory), ("file", faces)):
        config = tiny_config(epochs=1, protection_prototypes=1, augment_flip=True)
        run = Run(tmp_path / name, config, data.identities, data.expressions, data.fingerprint(), steps_per_epoch=1)
        model = training.train(run, data)
        weights.append(values_of([*model.weights, *load_expression_classifier(run.folder).weights]))
    assert isinstance(faces.images, StoredImages)
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
