"""`python -m vgan_tf recognize` on whole pictures, and the forms in which it tells what it found."""

import csv
import io
import json

import numpy as np
import pytest
from helpers import run_script, stub_files, write_export
from PIL import ExifTags, Image

from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS, PROGRAMS
from vgan_tf.ondevice import expression_reader
from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.pictures import Square
from vgan_tf.ondevice.readings import as_csv, as_json, as_line, check_labels, drawn_over, renamed

SHARES = dict(zip(EXPRESSIONS, (0.05, 0.0, 0.1, 0.6, 0.2, 0.0, 0.05), strict=True))
READING = {"path": "a, b.png", "box": [20, 30.5, 40, 40], "expression": SHARES, "dominant": "joy"}
FRAME = {"path": "c.mp4", "frame": 12, "time": 0.48, "face": 1, **{k: READING[k] for k in READING if k != "path"}}


MOTION = {"strengths": {"anger": 0.1, "joy": 0.8}, "pose": [-12.0, 3.14, 0.0], "gaze": [5.0, -2.0]}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("exports") / "stubs", stub_files())


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A dark picture with one bright face, which is found; its file has a name in its metadata."""
    pixels = np.zeros((120, 200, 3), np.uint8)
    pixels[40:80, 100:140] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Jane Doe"
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif)
    faces = [Face(Square(100, 40, 40), [98.0, 38.0, 44.0, 44.0], 0.9)]
    monkeypatch.setattr(expression_reader, "find_faces", lambda picture: list(faces))
    return faces


def test_faces_are_found_and_their_own_pixels_read(export, photo, tmp_path, capsys):
    assert run_script("vgan_tf", "recognize", tmp_path / "photo.jpg", "--model", export, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["box"] == [98.0, 38.0, 44.0, 44.0] and found["dominant"] == "surprise"  # the stub's word for bright
    photo.clear()
    assert run_script("vgan_tf", "recognize", tmp_path / "photo.jpg", "--model", export) == 1
    assert "photo.jpg: no face found" in capsys.readouterr().err


def test_lines():
    assert as_line(READING) == "a, b.png joy 0.600"
    assert as_line(FRAME) == "c.mp4 frame 12 0.480 s face 1 joy 0.600"


@pytest.mark.parametrize("readings", [[READING], [FRAME], [READING, FRAME]])
def test_a_table_holds_all_that_was_read(readings):
    rows = list(csv.DictReader(io.StringIO(as_csv(readings))))
    assert len(rows) == len(readings)
    for row, reading in zip(rows, readings, strict=True):
        assert row["path"] == reading["path"] and row["dominant"] == "joy"
        assert row.get("frame", "") == str(reading.get("frame", ""))
        assert [float(row[name]) for name in ("x", "y", "width", "height")] == reading["box"]
        assert {name: float(row[name]) for name in EXPRESSIONS} == SHARES
    assert json.loads(as_json(readings)) == readings
    assert as_csv([]) == "path,x,y,width,height,dominant"


def test_where_the_latent_is_the_motion_it_is_told(photo, tmp_path, capsys):
    """The stub's latent is the brightness of the rows of a picture, here 1 for all of them."""
    names = ["joy", "yaw", "gaze_x", "gaze_y"]
    export = write_export(tmp_path / "export", stub_files(), latent_names=names)
    command = ("vgan_tf", "recognize", tmp_path / "photo.jpg", "--model", export)
    assert run_script(*command, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["strengths"] == pytest.approx({"joy": 1}, abs=0.02)
    assert found["gaze"] == pytest.approx([10, 10], abs=0.2) and "pose" not in found  # pitch and roll are not told
    assert run_script(*command, "--csv", "--labels", "deepface") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert float(row["strength_happy"]) == found["strengths"]["joy"] and float(row["gaze_y"]) == found["gaze"][1]
    without = {name: content for name, content in stub_files().items() if not name.startswith("encoder")}
    export = write_export(tmp_path / "without", without, latent_names=names)
    assert run_script(*command[:4], export, "--json") == 0
    assert "gaze" not in json.loads(capsys.readouterr().out)[0]


def test_what_a_latent_says_in_degrees():
    names = ["anger", "joy", "yaw", "pitch", "roll", "gaze_x", "gaze_y", "motion_jawOpen"]
    latent = np.float32([-0.2, 0.8, -1.2, 0.31, 0, 0.5, -0.2, 9])
    assert expression_reader.motion_of(latent, names, ("anger", "joy", "neutral")) == {
        "strengths": {"anger": 0.0, "joy": 0.8},
        "pose": [-12.0, 3.1, 0.0],
        "gaze": [5.0, -2.0],
    }
    assert expression_reader.motion_of(latent[:2], ["a", "b"], ("joy",)) == {"strengths": {}}


def test_lines_tables_and_labels_of_motion():
    reading = {**READING, **MOTION}
    assert as_line(reading) == "a, b.png joy 0.600 strength 0.80 yaw -12.0 pitch 3.1 roll 0.0 gaze 5.0 -2.0"
    (row,) = csv.DictReader(io.StringIO(as_csv([reading])))
    assert list(row)[-7:] == ["strength_anger", "strength_joy", "yaw", "pitch", "roll", "gaze_x", "gaze_y"]
    assert [float(row[name]) for name in list(row)[-7:]] == [0.1, 0.8, -12, 3.1, 0, 5, -2]
    assert renamed([reading], "deepface")[0]["strengths"] == {"angry": 0.1, "happy": 0.8}


@pytest.mark.parametrize("program", PROGRAMS)
def test_other_programs_labels_and_order(program):
    names, order = PROGRAMS[program]
    (changed,) = renamed([READING], program)
    assert tuple(changed["expression"]) == order and changed["dominant"] == names["joy"]
    assert all(changed["expression"][names[label]] == share for label, share in SHARES.items())
    check_labels(EXPRESSIONS, program)
    for others in ((*EXPRESSIONS, "contempt"), EXPRESSIONS[1:]):
        with pytest.raises(InputError, match="with other expressions"):
            check_labels(others, program)


def test_the_command_gives_them(export, photo, tmp_path, capsys):
    command = ("vgan_tf", "recognize", tmp_path / "photo.jpg", "--model", export, "--labels", "deepface")
    assert run_script(*command, "--csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert {"angry", "happy", "sad"} <= set(row)
    assert run_script(*command, "--csv", "--json") == 2


def test_an_overlay_shows_the_face_and_keeps_no_metadata(export, photo, tmp_path):
    over = tmp_path / "over.jpg"
    command = ("vgan_tf", "recognize", tmp_path / "photo.jpg", "--model", export)
    assert run_script(*command, "--overlay", over) == 0
    with Image.open(over) as picture:
        after = np.asarray(picture).astype(int)
        assert not picture.getexif()
    with Image.open(tmp_path / "photo.jpg") as picture:
        changed = np.abs(after - np.asarray(picture)).max(axis=-1) > 60
    assert changed[38, 100:140].mean() > 0.9 and changed[18:36, 98:150].any() and not changed[100:].any()
    assert run_script(*command, "--overlay", tmp_path / "photo.jpg") == 2  # an input is never written over


@pytest.mark.parametrize("box", [[20, 30, 60, 60], [0, 0, 119, 79], [110, 2, 40, 90], [-30, -30, 60, 60]])
def test_what_is_drawn_stays_in_the_picture(box):
    picture = np.zeros((80, 120, 3), np.uint8)
    drawn = drawn_over(picture, [{**READING, "box": box}])
    assert drawn.shape == picture.shape and (drawn > 200).all(axis=-1).any() and not picture.any()


def test_faces_in_a_video_are_read_frame_by_frame(export, tmp_path, monkeypatch, capsys):
    av = pytest.importorskip("av")
    from vgan_tf.ondevice.people import tracking

    face = Face(Square(40, 20, 40), [40.0, 20.0, 40.0, 40.0], 0.9)
    monkeypatch.setattr(tracking, "find_faces", lambda picture, sides: [face])
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for level in (10, 10, 250, 250):
            frame = av.VideoFrame.from_ndarray(np.full((96, 160, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    command = ("vgan_tf", "recognize", tmp_path / "clip.mkv", "--model", export)
    assert run_script(*command, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [reading["frame"] for reading in found] == [0, 1, 2, 3]
    assert [reading["time"] for reading in found] == pytest.approx([0, 0.04, 0.08, 0.12])
    assert [reading["dominant"] for reading in found] == ["anger", "anger", "surprise", "surprise"]
    assert run_script(*command, "--overlay", tmp_path / "over.png") == 2
    assert "--crops and --overlay are for pictures" in capsys.readouterr().err
