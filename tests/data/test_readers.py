"""load_faces: every format is recognised and read, and what is wrong is said before the first batch."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from vgan_tf.data import load_faces
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS


def draw(path, value=100, size=(64, 64), mode="RGB"):
    """Write a plain picture of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value,) * 3 if mode == "RGB" else value).save(path)


def make_ferg(root, identities=("ann", "bob"), expressions=("anger", "joy"), count=3):
    for i, identity in enumerate(identities):
        for e, expression in enumerate(expressions):
            for n in range(count):
                folder = f"{identity}_{expression}"
                draw(root / identity / folder / f"{folder}_{n + 1}.png", 40 * i + 20 * e + n)
    return root


def arrays(count=8, side=64):
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return images, np.arange(count) % 2, np.arange(count) // 2 % 4


def labels_of(faces):
    """[(path, identity, expression)] with names in place of indices."""
    return [
        (path, faces.identities[i], faces.expressions[e])
        for path, i, e in zip(faces.paths, faces.identity, faces.expression, strict=True)
    ]


def test_ferg_layout_in_natural_order_with_every_label_beside_its_own_image(tmp_path):
    faces = load_faces(make_ferg(tmp_path / "FERG_DB_256", count=11))
    assert faces.identities == ("ann", "bob") and faces.expressions == ("anger", "joy")
    assert faces.images.shape == (44, 64, 64, 3) and faces.images.dtype == np.uint8
    assert [path.rsplit("_", 1)[1] for path in faces.paths[:11]] == [f"{n}.png" for n in range(1, 12)]
    for image, path, i, e in zip(faces.images, faces.paths, faces.identity, faces.expression, strict=True):
        number = int(path.rsplit("_", 1)[1].split(".")[0])
        assert (image == 40 * i + 20 * e + number - 1).all()
    assert load_faces(tmp_path).paths[0] == "FERG_DB_256/ann/ann_anger/ann_anger_1.png"
    for size in (32, 128):
        scaled = load_faces(tmp_path, size)
        assert scaled.images.shape == (44, size, size, 3)
        np.testing.assert_array_equal(scaled.images[:, 0, 0], faces.images[:, 0, 0])


def test_labels_csv_adds_the_truth_of_each_image(tmp_path):
    make_ferg(tmp_path, count=2)
    rows = [
        f"{i}/{i}_{e}/{i}_{e}_{n}.png,{i},{e},{n},0.{n},{n * 10},plain"
        for i in ("bob", "ann")
        for e in ("joy", "anger")
        for n in (2, 1)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["path,identity,expression,n,intensity,yaw,background", *rows]))
    faces = load_faces(tmp_path)
    assert sorted(faces.truth) == ["intensity", "yaw"]
    assert faces.truth["yaw"].tolist() == [10, 20] * 4 and faces.truth["yaw"].dtype == np.float32
    wrong = rows[0].replace(",bob,joy,", ",bob,anger,")
    (tmp_path / "labels.csv").write_text("\n".join(["path,identity,expression,n,intensity,yaw,bg", wrong, *rows[1:]]))
    with pytest.raises(InputError, match="correct one"):
        load_faces(tmp_path)


def test_plain_folders_below_a_common_folder_with_synonyms(tmp_path):
    for identity in ("x", "y"):
        for expression in ("Happy", "afraid", "surprised"):
            draw(tmp_path / "all" / "of" / "them" / identity / expression / "1.jpg")
    faces = load_faces(tmp_path)
    assert faces.identities == ("x", "y") and faces.expressions == ("fear", "joy", "surprise")


@pytest.mark.parametrize("middle", ["", "session1/"])
def test_mug_takes_are_clips(tmp_path, middle):
    for subject in ("001", "002"):
        for expression in ("happiness", "anger"):
            for take in ("take000", "take001"):
                for frame in range(2):
                    draw(tmp_path / "subjects3" / subject / f"{middle}{expression}" / take / f"img_{frame:04d}.jpg")
    faces = load_faces(tmp_path)
    assert faces.identities == ("001", "002") and faces.expressions == ("anger", "joy")
    assert len(set(faces.clip)) == 8 and faces.clip[0] == f"subjects3/001/{middle}anger/take000"


def test_mug_without_takes(tmp_path):
    for subject in ("001", "002"):
        for expression in ("fear", "anger"):
            draw(tmp_path / subject / expression / "img_0000.jpg")
    assert load_faces(tmp_path).clip[0] == "001/anger"


def test_jaffe_names(tmp_path):
    for name in ("KA.AN1.39.tiff", "KA.HA2.30.tiff", "YM.NE1.49.tiff"):
        draw(tmp_path / name, size=(256, 256), mode="L")
    assert labels_of(load_faces(tmp_path)) == [
        ("KA.AN1.39.tiff", "KA", "anger"),
        ("KA.HA2.30.tiff", "KA", "joy"),
        ("YM.NE1.49.tiff", "YM", "neutral"),
    ]


def test_ck_takes_first_frame_as_neutral_and_last_three_as_peak(tmp_path):
    for subject, sequence, frames in (("S010", "004", 6), ("S011", "001", 3), ("S011", "002", 5)):
        for frame in range(1, frames + 1):
            draw(tmp_path / f"cohn-kanade-images/{subject}/{sequence}/{subject}_{sequence}_{frame:08d}.png")
    (tmp_path / "Emotion/S011/002").mkdir(parents=True)  # unlabelled: the folder is there, the file is not
    for subject, sequence, frame, label in (("S010", "004", 6, 2), ("S011", "001", 3, 5)):
        file = tmp_path / f"Emotion/{subject}/{sequence}/{subject}_{sequence}_{frame:08d}_emotion.txt"
        file.parent.mkdir(parents=True)
        file.write_text(f"   {label:.7e}\n")
    faces = load_faces(tmp_path)
    assert [(path[-6:-4], label) for path, _, label in labels_of(faces)] == [
        ("01", "neutral"),
        ("04", "contempt"),
        ("05", "contempt"),
        ("06", "contempt"),
        ("01", "neutral"),
        ("02", "joy"),
        ("03", "joy"),
    ]
    assert set(faces.clip) == {"S010_004", "S011_001"}
    assert len(faces.skipped) == 1 and "1 sequences without" in faces.skipped[0]
    assert len(load_faces(tmp_path / "cohn-kanade-images")) == 7
    file.write_text("9.0")
    with pytest.raises(InputError, match="0 to 7"):
        load_faces(tmp_path)


def test_ck48_takes_the_expression_from_the_folder(tmp_path):
    for expression in ("happy", "contempt"):
        for subject in ("S010", "S011"):
            draw(tmp_path / f"CK+48/{expression}/{subject}_004_00000017.png")
    assert load_faces(tmp_path).expressions == ("contempt", "joy")


def test_kdef_and_rafd_leave_full_profiles_out(tmp_path):
    for name in ("AF01ANS", "BF01SUHL", "AM02HAHR", "AM02NEFR", "AF31V"):
        draw(tmp_path / "kdef" / name[:4] / f"{name}.JPG")
    faces = load_faces(tmp_path / "kdef")
    assert [(i, e) for _, i, e in labels_of(faces)] == [("F01", "anger"), ("M02", "joy"), ("F01", "surprise")]
    assert len(faces.skipped) == 2
    for name in ("090_01_Caucasian_female_angry_frontal", "045_02_Kid_male_contemptuous_left"):
        draw(tmp_path / "rafd" / f"Rafd{name}.jpg")
    draw(tmp_path / "rafd" / "Rafd180_02_Kid_male_happy_left.jpg")
    faces = load_faces(tmp_path / "rafd")
    assert faces.identities == ("01", "02") and faces.expressions == ("anger", "contempt")


def test_csv_with_split_clip_and_truth(tmp_path):
    for name in "abcd":
        draw(tmp_path / "pictures" / f"{name}.png", size=(90, 64))
    table = tmp_path / "faces.csv"
    table.write_text(
        "path,identity,expression,split,clip,intensity,note\n"
        "pictures/d.png,eve,sad,train,v1,0.25,x\npictures/a.png,eve,joy,val,v2,1,\n"
        "pictures/b.png,tom,sad,train,v3,0,1\npictures/c.png,tom,joy,test,v4,0.5,1\n"
    )
    faces = load_faces(str(table))
    assert faces.paths == ("pictures/d.png", "pictures/a.png", "pictures/b.png", "pictures/c.png")
    assert faces.split.tolist() == ["train", "validation", "train", "test"]
    assert faces.clip.tolist() == ["v1", "v2", "v3", "v4"]
    assert list(faces.truth) == ["intensity"] and faces.truth["intensity"].tolist() == [0.25, 1, 0, 0.5]


def test_npz_with_names_and_resizing(tmp_path):
    images, identity, expression = arrays(side=80)
    names = np.array(["tom", "eve"])
    np.savez(tmp_path / "f.npz", x=images, id=identity, ep=expression, identities=names)
    faces = load_faces(tmp_path / "f.npz", size=32)
    assert faces.images.shape == (8, 32, 32, 3) and faces.identities == ("eve", "tom")
    assert [faces.identities[i] for i in faces.identity] == names[identity].tolist()
    assert [faces.expressions[e] for e in faces.expression] == [EXPRESSIONS[e] for e in expression]


@pytest.mark.parametrize("order", ["python", "authors", "matlab"])
def test_hdf5_in_every_order_of_axes(tmp_path, order):
    h5py = pytest.importorskip("h5py")
    images, identity, expression = arrays()
    images = np.concatenate([images, images[:, :, :, ::-1]])[:, :, :60]  # not square: a swap of axes would show
    identity, expression = np.tile(identity, 2), np.tile(expression, 2)
    with h5py.File(tmp_path / "faces.mat", "w", userblock_size=512) as file:
        if order == "python":
            file.update({"images": images, "identity": identity, "expression": expression})
        else:
            # h5py shows MATLAB's arrays with their axes reversed; labels count from 1.
            stored = images.T if order == "authors" else np.moveaxis(images, 0, -1).T
            group = file.create_group("imdb")
            group.update({"id": identity[None] + 1.0, "ep": expression[None] + 1.0, "images": stored})
            group["set"] = (np.arange(16)[None] > 11).astype(float)
            if order == "matlab":
                group["images"].attrs["MATLAB_class"] = np.bytes_("uint8")
    faces = load_faces(tmp_path / "faces.mat", size=60)
    np.testing.assert_array_equal(faces.images, images[:, 2:62])
    np.testing.assert_array_equal(faces.identity, identity)
    assert [faces.expressions[e] for e in faces.expression] == [EXPRESSIONS[e] for e in expression]
    assert order == "python" or faces.split.tolist() == ["train"] * 12 + ["test"] * 4


def test_unreadable_images_are_skipped_and_listed_up_to_a_share(tmp_path):
    make_ferg(tmp_path, count=20)
    (tmp_path / "ann/ann_joy/ann_joy_3.png").write_bytes(b"no picture")
    faces = load_faces(tmp_path)
    assert len(faces) == 79 and "ann/ann_joy/ann_joy_3.png" not in faces.paths
    assert len(faces.skipped) == 1 and faces.skipped[0].startswith("ann/ann_joy/ann_joy_3.png: not a readable")
    for n in range(4, 9):
        (tmp_path / f"bob/bob_joy/bob_joy_{n}.png").write_bytes(b"")
    with pytest.raises(InputError, match="6 of 80 images .*ann_joy_3.png"):
        load_faces(tmp_path)


def test_wrong_folders_say_what_is_wrong(tmp_path):
    def fails(root, match):
        with pytest.raises(InputError, match=match) as raised:
            load_faces(root)
        assert "\n" not in str(raised.value)

    fails(tmp_path / "nowhere", "nowhere: no such")
    fails(f"furg:{tmp_path}", "FORMAT:PATH knows ferg")
    (tmp_path / "empty").mkdir()
    fails(tmp_path / "empty", "no image found")
    root = make_ferg(tmp_path / "stray")
    draw(root / "bob" / "ann_joy" / "ann_joy_1.png")
    fails(root, "bob/ann_joy/ann_joy_1.png breaks the rule of ferg")
    (make_ferg(tmp_path / "hollow") / "bob" / "bob_fear").mkdir()
    fails(tmp_path / "hollow", "class folder bob/bob_fear holds no image")
    (make_ferg(tmp_path / "rotten", count=60) / "bob/bob_fear").mkdir()
    (tmp_path / "rotten/bob/bob_fear/bob_fear_1.png").write_bytes(b"x")
    fails(tmp_path / "rotten", "class folder bob/bob_fear holds no readable image")
    fails(make_ferg(tmp_path / "typo", expressions=("joy", "angre")), "unknown expression 'angre'.*'anger'")
    root = make_ferg(tmp_path / "own", expressions=("joy", "grumpy"))
    assert load_faces(root).expressions == ("grumpy", "joy")
    draw(root / "ann/ann_zzz/1.png")
    fails(root, "unknown expression 'zzz'.*one identity only")
    fails(make_ferg(tmp_path / "single", identities=("ann",)), "only one identity")
    fails(make_ferg(tmp_path / "moody", expressions=("joy",)), "only one expression")
    for expression in ("anger", "joy"):
        draw(tmp_path / "swapped" / expression / "ann" / "1.png")
    fails(tmp_path / "swapped", "identities first")
    draw(tmp_path / "mixed" / "KA.AN1.39.tiff")
    draw(tmp_path / "mixed" / "AF01ANS.JPG")
    fails(tmp_path / "mixed", "jaffe and kdef; name one, for example jaffe:")
    draw(tmp_path / "flat" / "1.png")
    fails(tmp_path / "flat", "fits no known layout")


def test_wrong_tables_say_what_is_wrong(tmp_path):
    draw(tmp_path / "a.png")
    for text, match in (
        ("path,identity\na.png,x\n", "neither .npz nor HDF5"),
        ("path,identity,expression\n", "no rows"),
        ("path,identity,expression\na.png,x\n", "row 2"),
        ("path,identity,expression\na.png,x,joy\na.png,y,fear\n", "row 3 repeats a.png"),
        ("path,identity,expression\nb.png,x,joy\n", "b.png does not exist"),
        ("path,identity,expression,split\na.png,x,joy,tset\n", "row 2: split 'tset'"),
        ("path,identity,expression\na.png,,joy\n", "empty identity"),
    ):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(InputError, match=match):
            load_faces(tmp_path / "t.csv")


def test_wrong_arrays_say_what_is_wrong(tmp_path):
    images, identity, expression = arrays()
    good = {"images": images, "identity": identity, "expression": expression}
    for change, match in (
        ({"images": images[:7]}, r"shape \(7, 64, 64, 3\) for 8 labels"),
        ({"images": images[..., 0]}, "channels last"),
        ({"images": np.moveaxis(images, -1, 1)}, "channels last"),
        ({"images": images / 255.0}, "expected uint8"),
        ({"expression": expression + 4}, "label 7 is out of range, 0 to 6"),
        ({"identity": identity - 1}, "whole numbers"),
        ({"identities": np.array(["eve"])}, "out of range, 0 to 0"),
        ({"expression": expression[:5]}, "there are 8 images"),
        ({"identity": np.array([None] * 8)}, "without objects"),
        ({"label": expression}, "could each be the expression"),
    ):
        np.savez(tmp_path / "f.npz", **{**good, **change})
        with pytest.raises(InputError, match=match):
            load_faces(tmp_path / "f.npz")
    np.savez(tmp_path / "f.npz", images=images, who=identity)
    with pytest.raises(InputError, match="found images, who, accepted are identity, id"):
        load_faces(tmp_path / "f.npz")
    (tmp_path / "old.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform" + bytes(200))
    with pytest.raises(InputError, match="-v7.3"):
        load_faces(tmp_path / "old.mat")


def test_missing_h5py_is_said(tmp_path, monkeypatch):
    (tmp_path / "f.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match="needs the package h5py"):
        load_faces(tmp_path / "f.h5")


def test_importing_the_data_package_leaves_tensorflow_and_h5py_alone():
    code = "import sys, vgan_tf.data; sys.exit(bool({'tensorflow', 'keras', 'h5py'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
