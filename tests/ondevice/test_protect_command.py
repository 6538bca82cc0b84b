"""`python -m vgan_tf protect` and `recognize`: what is written, what is refused, and how it is said."""

import io
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, run_script, stub_files, write_export
from PIL import ExifTags, Image, PngImagePlugin

from vgan_tf.errors import InputError
from vgan_tf.ondevice import Protector
from vgan_tf.ondevice.commands import match_boxes, read_boxes


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("exports") / "stubs", stub_files())


@pytest.fixture
def photos(tmp_path):
    """A folder of two photos of noise and a text file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("one.png", "two.png"):
        Image.fromarray(random.integers(0, 256, (100, 160, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def protect(export, *arguments):
    """Run `protect` on crops, unless the arguments say which faces are meant."""
    faces = () if {"--crops", "--faces"} & set(arguments) else ("--crops",)
    return run_script("vgan_tf", "protect", "--model", export, *arguments, *faces)


def complaints(capsys):
    """The lines on stderr that are this program's (LiteRT says there that it runs on the CPU)."""
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def write_boxes(path, boxes):
    path.write_text(json.dumps(boxes))
    return path


def test_a_crop_becomes_one_file_and_several_a_folder(export, photos, tmp_path, capsys):
    assert protect(export, photos / "one.png", "-o", tmp_path / "out.png", "--target", "bob") == 0
    expected = np.asarray(Protector(export).protect(photos / "one.png", "bob"))
    np.testing.assert_array_equal(pixels(tmp_path / "out.png"), expected)
    assert protect(export, photos, "-o", tmp_path / "out", "--target", "bob") == 0
    assert names(tmp_path / "out") == ["one.png", "two.png"]
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "one.png"), expected)
    assert protect(export, photos / "two.png", "-o", tmp_path / "out2", "--target", "fixed:d") == 0
    np.testing.assert_array_equal(pixels(tmp_path / "out2" / "two.png"), pixels(tmp_path / "out" / "two.png"))
    assert complaints(capsys) == []


@pytest.mark.parametrize("size", [32, 128])
def test_pictures_have_the_models_size(photos, tmp_path, size):
    export = write_export(tmp_path / "export", stub_files(size), image_size=size)
    assert protect(export, photos / "one.png", "-o", tmp_path / "out.png", "--target", "bob") == 0
    expected = np.asarray(Protector(export).protect(photos / "one.png", "bob"))
    assert expected.shape == (size, size, 3)
    np.testing.assert_array_equal(pixels(tmp_path / "out.png"), expected)
    boxes = write_boxes(tmp_path / "boxes.json", {"two.png": [[30, 30, 30, 40]]})
    assert protect(export, photos / "two.png", "-o", tmp_path / "whole.png", "--faces", boxes) == 0
    before, after = pixels(photos / "two.png"), pixels(tmp_path / "whole.png")
    assert (np.ptp(after[30:70, 25:65], axis=2) <= 1).all() and (after[80:] == before[80:]).all()


def test_without_o_the_output_stands_beside_its_input(export, photos, tmp_path, capsys, monkeypatch):
    Image.new("RGB", (80, 80), "red").save(tmp_path / "photo.jpg")
    assert protect(export, photos, tmp_path / "photo.jpg", photos / "one.png", "--crops") == 0
    assert names(tmp_path) == ["photo.jpg", "photo_protected.png", "photos", "photos_protected"]
    assert names(tmp_path / "photos_protected") == ["one.png", "two.png"]
    assert names(photos) == ["notes.txt", "one.png", "two.png"]
    monkeypatch.chdir(photos)
    (tmp_path / "photos_protected" / "one.png").unlink()
    assert protect(export, ".", "--target", "bob") == 0
    assert names(photos) == ["notes.txt", "one.png", "two.png"]
    expected = np.asarray(Protector(export).protect(photos / "one.png", "bob"))
    np.testing.assert_array_equal(pixels(tmp_path / "photos_protected" / "one.png"), expected)
    assert protect(export, "one.png") == 0 and protect(export, "one.png") == 0
    assert names(photos) == ["notes.txt", "one.png", "one_protected.png", "two.png"]
    assert complaints(capsys) == []
    before = (photos / "one_protected.png").read_bytes()
    assert protect(export, "one.png", "one_protected.png") == 2
    (line,) = complaints(capsys)
    assert "overwrite an input" in line and (photos / "one_protected.png").read_bytes() == before


def test_neither_verb_imports_tensorflow(export, photos, tmp_path):
    code = """
import runpy, sys
try:
    runpy.run_module("vgan_tf", run_name="__main__")
finally:
    print(*sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "tf_keras", "jax", "torch"}))
"""
    for verb, more in (("protect", ["--crops", "-o", tmp_path / "out.png"]), ("recognize", ["--crops"])):
        command = [sys.executable, "-c", code, verb, photos / "one.png", "--model", export, *more]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stdout.splitlines()[-1] == ""


def test_a_bad_input_does_not_stop_the_others(export, photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    (tmp_path / "empty").mkdir()
    inputs = (tmp_path / "missing.png", photos, tmp_path / "empty", photos / "notes.txt")
    assert protect(export, *inputs, "-o", tmp_path / "out") == 2
    assert names(tmp_path / "out") == ["one.png", "two.png"]
    lines = complaints(capsys)
    assert len(lines) == 4
    for line, name in zip(lines, ("missing.png", "broken.jpg", "empty", "notes.txt"), strict=True):
        assert name in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "dora"), "target 'dora'"),
        (("--target", "fixed:"), "without a secret"),
        (("--on-missed-face", "black"), "with --crops each picture is a face"),
        (("--model", "nowhere"), "nowhere: not an export folder"),
    ],
)
def test_wrong_options_are_refused_in_one_line(export, photos, tmp_path, capsys, options, message):
    assert protect(export, photos, "-o", tmp_path / "out", *options) == 2
    (line,) = complaints(capsys)
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [("--crops", "--faces", "boxes.json"), ("--on-missed-face", "black"), ("--noise", "1"), ("--seed", "1")],
)
def test_options_that_do_not_exist_are_refused(export, photos, tmp_path, options):
    assert protect(export, photos, "-o", tmp_path / "out", *options) == 2
    assert not (tmp_path / "out").exists()


def test_names_never_collide_and_inputs_are_never_overwritten(export, photos, tmp_path, capsys):
    before = {path: path.read_bytes() for path in photos.iterdir()}
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (64, 64), "red").save(other / "one.jpg")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.png").symlink_to(photos / "one.png")
    for arguments, message in (
        ((photos, other, "-o", tmp_path / "out"), "both would become"),
        ((photos, "-o", photos), "overwrite an input"),
        ((photos / "one.png", "-o", photos / "one.png"), "overwrite an input"),
        ((photos / "one.png", "-o", tmp_path / "link.png"), "overwrite an input"),
        ((photos / "one.png", "-o", tmp_path / "sub" / ".." / "photos"), "overwrite an input"),
        ((photos, "-o", tmp_path / "out.png"), "name a folder"),
        ((photos / "one.png", "-o", tmp_path / "out.xyz"), "out.xyz"),
    ):
        assert protect(export, *arguments) != 0
        (line,) = complaints(capsys)
        assert message in line
    assert {path: path.read_bytes() for path in photos.iterdir()} == before
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.png").exists()


def photo_with_metadata(path):
    """Write a JPEG with a profile, a comment and EXIF that holds a place and a thumbnail; return the thumbnail."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8))
    small = io.BytesIO()
    picture.resize((32, 20)).save(small, "JPEG")
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    # Pillow writes no thumbnails: append their directory by hand, and point the end of the first one to it.
    tiff = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, first)
    struct.pack_into(order + "I", tiff, first + 2 + 12 * entries, len(tiff))
    start, size = len(tiff) + 2 + 2 * 12 + 4, len(small.getvalue())
    tiff += struct.pack(order + "H HHII HHII I", 2, 0x0201, 4, 1, start, 0x0202, 4, 1, size, 0) + small.getvalue()
    picture.save(path, exif=b"Exif\0\0" + bytes(tiff), icc_profile=b"a profile", comment=b"taken at home")
    with Image.open(path) as written:
        assert written.getexif().get_ifd(0x8825) and written.getexif().get_ifd(ExifTags.IFD.IFD1)[0x0202] == size
    return small.getvalue()


def png_with_metadata(path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "taken at home")
    info.add_itxt("XML:com.adobe.xmp", "taken at home")
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (100, 160, 3), dtype=np.uint8))
    picture.save(path, pnginfo=info, icc_profile=b"a profile")


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("mode", ["crop", "boxes", "black"])
def test_no_metadata_survives(export, tmp_path, ending, mode):
    thumbnail = photo_with_metadata(tmp_path / "photo.jpg")
    assert thumbnail in (tmp_path / "photo.jpg").read_bytes()
    png_with_metadata(tmp_path / "photo.png")
    for source in ("photo.jpg", "photo.png"):
        boxes = write_boxes(tmp_path / "boxes.json", {source: [[20, 20, 40, 40]] if mode == "boxes" else []})
        more = () if mode == "crop" else ("--faces", boxes, "--on-missed-face", "black")
        out = tmp_path / f"out.{ending}"
        assert protect(export, tmp_path / source, "-o", out, *more) == 0
        for trace in (b"taken at home", b"Exif", b"a profile", thumbnail[-60:-20]):
            assert trace not in out.read_bytes()
        with Image.open(out) as written:
            assert not dict(written.getexif())
            assert set(written.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_boxes_are_replaced_and_the_rest_stays(export, photos, tmp_path):
    boxes = write_boxes(tmp_path / "boxes.json", {"one.png": [[30, 30, 30, 40], [150, 80, 40, 40]]})
    assert protect(export, photos / "one.png", "-o", tmp_path / "out.png", "--faces", boxes, "--target", "cid") == 0
    before, after = pixels(photos / "one.png"), pixels(tmp_path / "out.png")
    assert after.shape == before.shape
    np.testing.assert_array_equal(after[:20], before[:20])
    np.testing.assert_array_equal(after[:60, 80:], before[:60, 80:])
    # The stub's picture is grey and smooth, the photo is noise.
    for region in (after[30:70, 25:65], after[80:, 150:]):
        assert (np.ptp(region, axis=2) <= 1).all() and (np.ptp(region, axis=1) <= 1).all()


@pytest.mark.parametrize("second", [[30, 30, 40, 40], [50, 45, 40, 40], [60, 32, 32, 32]])
def test_where_boxes_meet_nothing_shows_through(export, tmp_path, second):
    """All pixels within either box are the model's: its grey ramps, whatever the order of the boxes."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8)).save(tmp_path / "in.png")
    for order in ([[30, 30, 40, 40], second], [second, [30, 30, 40, 40]]):
        boxes = write_boxes(tmp_path / "boxes.json", {"in.png": order})
        assert protect(export, tmp_path / "in.png", "-o", tmp_path / "out.png", "--faces", boxes) == 0
        after = pixels(tmp_path / "out.png").astype(int)
        for x, y, w, h in order:
            assert (np.ptp(after[y : y + h, x : x + w], axis=2) <= 1).all()


def test_a_missed_face_is_refused(export, photos, tmp_path, capsys):
    boxes = write_boxes(tmp_path / "boxes.json", {"two.png": [[10, 10, 50, 50]], "one.png": []})
    assert protect(export, photos, "-o", tmp_path / "out", "--faces", boxes) == 1
    assert names(tmp_path / "out") == ["two.png"]
    (line,) = complaints(capsys)
    assert "one.png" in line and "boxes.json" in line and "black" in line
    (photos / "broken.jpg").write_bytes(b"broken")
    boxes = write_boxes(tmp_path / "boxes.json", {"broken.jpg": [[10, 10, 50, 50]]})
    assert protect(export, photos, "-o", tmp_path / "out2", "--faces", boxes) == 2
    assert not (tmp_path / "out2").exists()


def test_a_picture_with_a_missed_face_is_blacked_out_on_demand(export, photos, tmp_path):
    boxes = write_boxes(tmp_path / "boxes.json", {"two.png": [[10, 10, 50, 50]]})
    out = tmp_path / "out"
    assert protect(export, photos, "-o", out, "--faces", boxes, "--on-missed-face", "black") == 0
    assert pixels(out / "one.png").shape == (100, 160, 3) and not pixels(out / "one.png").any()
    assert pixels(out / "two.png").any()


def test_a_face_that_fails_takes_its_picture_with_it(export, photos, tmp_path, capsys):
    """One box of two is bad: nothing of the picture is written, not even a black one."""
    boxes = write_boxes(
        tmp_path / "boxes.json", {"one.png": [[10, 10, 50, 50], [500, 0, 10, 10]], "two.png": [[0, 0, 9, 9]]}
    )
    out = tmp_path / "out"
    assert protect(export, photos, "-o", out, "--faces", boxes, "--on-missed-face", "black") == 2
    assert names(out) == ["two.png"]
    (line,) = complaints(capsys)
    assert "one.png" in line and "500" in line


def test_boxes_are_those_of_the_upright_picture(export, tmp_path):
    upright = np.random.default_rng(0).integers(0, 256, (160, 100, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera lay on its side: shown, the picture is turned by a quarter.
    Image.fromarray(np.rot90(upright)).save(tmp_path / "in.png", exif=exif)
    boxes = write_boxes(tmp_path / "boxes.json", {"in.png": [[20, 110, 40, 40]]})
    assert protect(export, tmp_path / "in.png", "-o", tmp_path / "out.png", "--faces", boxes) == 0
    after = pixels(tmp_path / "out.png")
    np.testing.assert_array_equal(after[:100], upright[:100])
    assert (np.ptp(after[110:150, 20:60], axis=2) <= 1).all()


def test_names_in_the_boxes_file(export, photos, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (90, 90), "red").save(other / "one.jpg")
    Image.new("RGB", (90, 90), "blue").save(photos / "one.jpg")
    (photos / "one.png").unlink()
    (photos / "two.png").unlink()
    box = [[5, 5, 32, 32]]
    by_path = {str(other / "one.jpg"): box, f"{photos}/./one.jpg": [[53, 53, 32, 32]]}
    boxes = write_boxes(tmp_path / "boxes.json", by_path)
    for folder, changed, same in ((other, (20, 20), (70, 70)), (photos, (70, 70), (20, 20))):
        assert protect(export, folder, "-o", tmp_path / "out", "--faces", boxes) == 0
        before, after = pixels(folder / "one.jpg"), pixels(tmp_path / "out" / "one.png")
        assert (after[changed] != before[changed]).any() and (after[same] == before[same]).all()
    # One name for two pictures: nobody can say whose the boxes are.
    boxes = write_boxes(tmp_path / "boxes.json", {"one.jpg": box})
    with pytest.raises(InputError, match="could be either"):
        match_boxes(read_boxes(boxes), [other / "one.jpg", photos / "one.jpg"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"one.png": [10, 10, 5, 5]}',
        '{"one.png": [[10, 10, 5]]}',
        '{"one.png": [[10, 10, 5, "5"]]}',
        '{"one.png": [[10, 10, 5, NaN]]}',
        '{"one.png": [{"x": 1}]}',
        '{"one.png": null}',
        '{"one.png": [[10, 10, 5, 5]], "one.png": []}',
        '{"one.png": [[10, 10, 5, 5]], "./one.png": []}',
    ],
)
def test_a_bad_file_of_boxes_is_refused_before_anything_is_written(export, photos, tmp_path, capsys, text):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(text)
    assert protect(export, photos, "-o", tmp_path / "out", "--faces", boxes) == 2
    (line,) = complaints(capsys)
    assert "boxes.json" in line
    assert not (tmp_path / "out").exists()
    assert protect(export, photos, "-o", tmp_path / "out", "--faces", tmp_path / "none.json") == 2


def test_recognize_prints_a_line_for_each_face(export, tmp_path, capsys):
    for name, level in (("dark", 0), ("bright", 255)):
        Image.new("RGB", (90, 50), (level,) * 3).save(tmp_path / f"{name}.png")
    paths = [tmp_path / "dark.png", tmp_path / "bright.png"]
    assert run_script("vgan_tf", "recognize", *paths, "--crops", "--model", export) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [[str(paths[0]), "anger"], [str(paths[1]), "surprise"]]
    assert all(0.3 < float(line[2]) <= 1 for line in lines)

    assert (
        run_script("vgan_tf", "recognize", *paths, tmp_path / "missing.png", "--crops", "--model", export, "--json")
        == 2
    )
    written = capsys.readouterr()
    found = json.loads(written.out)
    assert [face["path"] for face in found] == [str(path) for path in paths]
    assert [face["dominant"] for face in found] == ["anger", "surprise"]
    assert all(face["box"] == [20, 0, 50, 50] for face in found)
    assert all(sum(face["expression"].values()) == pytest.approx(1) for face in found)
    assert "missing.png" in written.err


def test_random_targets_differ_from_face_to_face(export, tmp_path):
    count = 40
    picture = np.random.default_rng(0).integers(0, 256, (60, 60 * count, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "in.png")
    boxes = write_boxes(tmp_path / "boxes.json", {"in.png": [[60 * index + 10, 10, 40, 40] for index in range(count)]})
    assert protect(export, tmp_path / "in.png", "-o", tmp_path / "out.png", "--faces", boxes) == 0
    after = pixels(tmp_path / "out.png").astype(int)
    contrasts = {round(np.ptp(after[10:50, 60 * index + 30]) / 50) for index in range(count)}
    assert contrasts == {1, 2, 3}, "one for each of the stub's three targets"
