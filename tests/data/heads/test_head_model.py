"""The reader of ICT-FaceKit: a small clone of the same form, whole, damaged, and read once only."""

import json

import numpy as np
import pytest

from vgan_tf.data.heads import model
from vgan_tf.data.heads.model import load_model
from vgan_tf.errors import InputError

VERTICES, MODES, LISTED = 5, 3, ("mouthSmile_L", "jawOpen")
FACES = ("f 1/1 2/2 3/3 4/4", "f 3/3 4/4 5/5")


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(model, "VERTICES", VERTICES)
    monkeypatch.setattr(model, "MODES", MODES)
    monkeypatch.setattr(model, "UNLISTED_SHAPES", ("cheekRaiser_L",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def vertices_of(name):
    return np.random.default_rng(list(name.encode())).normal(0, 5, (VERTICES, 3)).round(5)


@pytest.fixture
def clone(tmp_path):
    """A clone whose neutral is `vertices_of("generic_neutral_mesh")`, and so on."""
    root = tmp_path / "ICT-FaceKit" / "FaceXModel"
    root.mkdir(parents=True)
    shapes = ("cheekRaiser_L", *LISTED)
    for name in ("generic_neutral_mesh", *(f"identity{mode:03d}" for mode in range(MODES)), *shapes):
        lines = ["# a comment", "mtllib x.mtl", *("v {} {} {}".format(*xyz) for xyz in vertices_of(name)), "vt 0 0"]
        (root / f"{name}.obj").write_text("\n".join([*lines, "usemtl skin", *FACES]) + "\n")
    index = {"expressions": LISTED, "idx_to_landmark_verts": [number % VERTICES for number in range(68)]}
    (root / "vertex_indices.json").write_text(json.dumps(index))
    return root.parent


def assert_equal(first, second):
    assert first.shape_names == second.shape_names
    for name in ("neutral", "triangles", "shapes", "modes", "landmarks"):
        a, b = getattr(first, name), getattr(second, name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_clone_is_read_with_quads_split_and_differences_from_the_neutral(clone):
    read = load_model(clone)
    neutral = vertices_of("generic_neutral_mesh")
    assert read.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [2, 3, 4]] and read.triangles.dtype == np.int32
    np.testing.assert_allclose(read.neutral, neutral, rtol=1e-6)
    assert read.shape_names == ("cheekRaiser_L", "jawOpen", "mouthSmile_L")
    names = [*read.shape_names, *(f"identity{mode:03d}" for mode in range(MODES))]
    for name, differences in zip(names, [*read.shapes, *read.modes], strict=True):
        np.testing.assert_allclose(differences, vertices_of(name) - neutral, atol=0.01)
    assert read.landmarks.shape == (68,) and read.landmarks[6] == 1
    assert read.neutral.dtype == read.shapes.dtype == read.modes.dtype == np.float32


def test_a_clone_is_read_once_and_again_when_a_file_changed_or_the_copy_is_damaged(clone, tmp_path, monkeypatch):
    read = load_model(clone)
    (copy,) = (tmp_path / "cache").rglob("*.npz")
    with monkeypatch.context() as patch:
        patch.setattr(model, "read_obj", None)
        assert_equal(load_model(clone), read)
    copy.write_bytes(copy.read_bytes()[:300])
    assert_equal(load_model(clone), read)
    stamp = model.model_stamp(clone)
    jaw = clone / "FaceXModel" / "jawOpen.obj"
    jaw.write_text(jaw.read_text().replace(".", "1."))
    assert model.model_stamp(clone) != stamp
    assert (load_model(clone).shapes[1] != read.shapes[1]).any()


def test_a_folder_with_all_in_one_file_gives_the_same_model(clone, tmp_path):
    read = load_model(clone)
    neutral = vertices_of("generic_neutral_mesh").astype(np.float32)
    names = {"expr": read.shape_names, "ident": [f"identity{mode:03d}" for mode in range(MODES)]}
    differences = {
        key: np.stack([vertices_of(name).astype(np.float32) - neutral for name in names[key]]) for key in names
    }
    whole = {
        "neutral": neutral,
        "tris": read.triangles,
        "expr_names": np.array(read.shape_names),
        "landmarks": read.landmarks,
        **differences,
    }
    np.savez(tmp_path / "arrays.npz", **whole)
    assert_equal(load_model(tmp_path), read)
    np.savez(tmp_path / "arrays.npz", **{name: whole[name] for name in whole if name != "ident"})
    with pytest.raises(InputError, match="arrays.npz: no whole model .*ident"):
        load_model(tmp_path)
    np.savez(tmp_path / "arrays.npz", **{**whole, "neutral": neutral[:4]})
    with pytest.raises(InputError, match="4 vertices, but ICT-FaceKit has 5"):
        load_model(tmp_path)


def edit(name, old, new):
    """A function that replaces text in a file of a clone."""

    def change(root):
        path = root / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return change


def remove(*names):
    return lambda root: [(root / name).unlink() for name in names]


@pytest.mark.parametrize(
    "damage, said",
    [
        (remove("generic_neutral_mesh.obj"), "no clone of ICT-FaceKit: FaceXModel/generic_neutral_mesh.obj is missing"),
        (remove("vertex_indices.json"), "no clone of ICT-FaceKit: FaceXModel/vertex_indices.json is missing"),
        (remove("identity001.obj", "jawOpen.obj"), "half a clone .*: 2 of 6 .* first FaceXModel/identity001.obj"),
        (remove("cheekRaiser_L.obj"), "half a clone .*: 1 of 6 .* first FaceXModel/cheekRaiser_L.obj"),
        (edit("vertex_indices.json", "idx_to_landmark_verts", "landmarks"), "vertex_indices.json: no index"),
        (edit("vertex_indices.json", "{", "["), "vertex_indices.json: no index"),
        (edit("jawOpen.obj", "v ", "v x"), "jawOpen.obj: line 3: 'v x.*' has not three numbers"),
        (edit("jawOpen.obj", "v ", "v nan "), "jawOpen.obj: line 3: 'v nan .*' has not three numbers"),
        (edit("identity002.obj", "v ", "w "), "identity002.obj: 4 vertices, but ICT-FaceKit has 5: another model"),
        (
            edit("generic_neutral_mesh.obj", "4/4", "9/4"),
            "mesh.obj: line 10: .* has not three or four vertices from 1 to 5",
        ),
        (edit("generic_neutral_mesh.obj", " 3/3 4/4", ""), "mesh.obj: line 10: 'f 1/1 2/2' has not three or four"),
    ],
)
def test_what_is_wrong_with_a_clone_is_said_in_one_line(clone, damage, said):
    damage(clone / "FaceXModel")
    with pytest.raises(InputError, match=said) as error:
        load_model(clone)
    assert "\n" not in str(error.value)


def test_what_is_no_clone_is_said(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder; name a clone of ICT-FaceKit"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no clone of ICT-FaceKit: FaceXModel/generic_neutral_mesh.obj is missing"):
        load_model(tmp_path)
