"""Data larger than memory: files in place of arrays change no number, and shards bring back what was written."""

import dataclasses
import json
import os
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import noise_faces, tiny_config, values_of
from PIL import Image

from vgan_tf import training
from vgan_tf.data import load_faces, stored
from vgan_tf.data.shards import read_shards, write_shards
from vgan_tf.data.stored import StoredImages
from vgan_tf.data.tfrecords import crc32c, decode_example, encode_example, read_records, write_records
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

    monkeypatch.setattr("vgan_tf.data.readers.sources.read_image", None)
    assert same_faces(load_faces(folder), in_memory), "decoded twice"
    monkeypatch.undo()


def test_a_changed_picture_is_decoded_again(tmp_path, small_memory):
    folder = write_folder(tmp_path / "data", noise_faces())
    before = load_faces(folder).fingerprint()
    Image.new("RGB", (64, 64)).save(folder / "id1" / "joy" / "0.png")
    assert load_faces(folder).fingerprint() != before and len(list(small_memory.glob("*.npy"))) == 2


def test_a_damaged_file_of_decoded_images_and_a_full_disk_are_said(tmp_path, small_memory, monkeypatch):
    folder = write_folder(tmp_path / "data", noise_faces())
    faces = load_faces(folder)
    (file,) = small_memory.glob("*.npy")
    os.truncate(file, 1000)
    with pytest.raises(InputError, match="truncated; delete it"):
        np.asarray(faces.images)
    with pytest.raises(InputError, match="damaged; delete it"):
        load_faces(folder)
    file.unlink()
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match="do not fit, .* XDG_CACHE_HOME"):
        load_faces(folder)


def test_training_from_a_file_ends_in_the_weights_of_training_from_memory(tmp_path, small_memory, eagerly):
    faces = noise_faces()
    write_shards(faces, tmp_path / "shards", per_shard=10)
    weights = []
    for name, data in (("memory", faces), ("file", load_faces(tmp_path / "shards"))):
        augmented = {"augment_flip": True, "augment_light": 0.1}
        config = tiny_config(epochs=1, classifier_epochs=1, protection_prototypes=1, **augmented)
        run = Run(tmp_path / name, config, data.identities, data.expressions, data.fingerprint(), steps_per_epoch=1)
        model = training.train(run, data)
        weights.append(values_of([*model.weights, *load_expression_classifier(run.folder).weights]))
    assert isinstance(data.images, StoredImages)
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.parametrize("limit", [0, 2**30])
def test_shards_bring_back_what_was_written(tmp_path, small_memory, monkeypatch, limit):
    faces = load_faces("avatars:identities=3,images=42,seed=1")
    faces = dataclasses.replace(faces, part=np.array(["test", "train"] * 21), clip=np.array(["ä", ""] * 21))
    assert write_shards(faces, tmp_path / "shards", per_shard=10) == 5
    monkeypatch.setattr(stored, "IN_MEMORY_BYTES", limit)
    for _ in range(2):
        read = load_faces(tmp_path / "shards")
        assert isinstance(read.images, np.ndarray if limit else StoredImages) and same_faces(read, faces)
    assert json.loads((tmp_path / "shards" / "shards.json").read_text())["fingerprint"] == faces.fingerprint()
    assert same_faces(load_faces(f"shards:{tmp_path / 'shards'}"), faces)


def test_interrupted_writing_starts_again_and_spares_what_is_not_its_own(tmp_path, monkeypatch):
    faces, folder = noise_faces(), tmp_path / "shards"
    with monkeypatch.context() as patch:
        patch.setattr("vgan_tf.data.shards.write_json", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_shards(faces, folder, per_shard=5)
    with pytest.raises(InputError):
        load_faces(folder)
    write_shards(faces, folder, per_shard=20)
    assert len(os.listdir(folder)) == 4 and same_faces(read_shards(folder), faces)
    with pytest.raises(InputError, match="already holds shards"):
        write_shards(faces, folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        write_shards(faces, tmp_path / "mine")
    with pytest.raises(InputError, match="at least 1"):
        write_shards(faces, tmp_path / "none", per_shard=0)


def spoil_index(folder, **changes):
    path = folder / "shards.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def drop_a_record(path):
    write_records(path, list(read_records(path))[:-1])


def repeat_a_record(path):
    records = list(read_records(path))
    write_records(path, [*records, records[-1]])


def relabel(path):
    write_records(path, [{**record, "expression": 7} for record in read_records(path)])


def rename_a_feature(path):
    write_records(path, [{("who" if k == "identity" else k): v for k, v in r.items()} for r in read_records(path)])


LAST = "shard-00002.tfrecord"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: os.truncate(folder / LAST, 30000), f"{LAST}: truncated or damaged"),
        (lambda folder: flip_a_byte(folder / LAST), f"{LAST}: truncated or damaged"),
        (lambda folder: (folder / LAST).write_bytes(b"text"), f"{LAST}: truncated or damaged"),
        (lambda folder: (folder / LAST).unlink(), f"{LAST}: missing"),
        (lambda folder: drop_a_record(folder / LAST), f"{LAST}: 1 records of the 2"),
        (lambda folder: repeat_a_record(folder / LAST), f"{LAST}: more than the 2 records"),
        (lambda folder: relabel(folder / LAST), f"{LAST}: record 1 has expression 7, but shards.json names 7"),
        (lambda folder: rename_a_feature(folder / LAST), f"{LAST}: no 'identity'"),
        (lambda folder: spoil_index(folder, images=43), "shards.json: damaged"),
        (lambda folder: spoil_index(folder, identities=None), "shards.json: damaged"),
        (lambda folder: spoil_index(folder, shards=[{"file": "../x", "images": 42}]), "shards.json: damaged"),
        (lambda folder: spoil_index(folder, version=2), "shards.json: not vgan_tf shards of version 1"),
        (lambda folder: (folder / "shards.json").write_text("{"), "shards.json: damaged"),
    ],
)
def test_what_is_wrong_with_shards_is_one_line(tmp_path, spoil, message):
    write_shards(noise_faces(), tmp_path, per_shard=20)
    spoil(tmp_path)
    with pytest.raises(InputError) as error:
        load_faces(tmp_path)
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1


def test_records_are_those_of_tensorflow(tmp_path):
    import tensorflow as tf

    assert [crc32c(data) for data in (b"", b"a", b"abc", b"123456789")] == [0, 0xC1D04330, 0x364B3FB7, 0xE3069283]
    example = {
        "image": bytes(range(256)) * 5,
        "identity": 300,
        "none": 0,
        "path": "ä/b".encode(),
        "empty": b"",
        "yaw": -1.5,
    }
    write_records(tmp_path / "ours", [example] * 3)
    theirs = [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / "ours"))]
    features = tf.train.Example.FromString(theirs[0]).features.feature
    assert features["image"].bytes_list.value[0] == example["image"] and features["yaw"].float_list.value[0] == -1.5
    assert features["identity"].int64_list.value[0] == 300
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in theirs:
            writer.write(tf.train.Example.FromString(record).SerializeToString())
    assert list(read_records(tmp_path / "theirs")) == [example] * 3


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x05abc", b"\x0b", struct.pack("<Q", 2**63), encode_example({"a": 1})[:-1]]
)
def test_bytes_that_are_no_example_are_refused(data):
    with pytest.raises(ValueError):
        decode_example(data)
