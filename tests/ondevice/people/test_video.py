"""Videos: every face covered in every frame, sound kept, nothing else of the file."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from helpers import run_script, stub_files, write_export
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.ondevice import Protector
from vgan_tf.ondevice.people import review, tracking, video
from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.people.video import protect_video
from vgan_tf.ondevice.pictures import Square

av = pytest.importorskip("av")
RED = 200, 40, 40  # of the pictures; the stub's protected faces are grey
FACE = Face(Square(60, 30, 40), [58, 28, 44, 44], 0.9)


def write_clip(path, frames=12, size=(160, 120), sound=True, times=None, rotation=0, picture=True, codec="aac"):
    """A clip of red frames, white at the top, with a title and a place in its metadata."""
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": "Jane Doe", "location": "+48.1+011.5/", "comment": "home"})
        if picture:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.metadata["title"] = "Jane Doe"
            if rotation:
                stream.set_display_rotation(rotation)
        if sound:
            audio = container.add_stream(codec, rate=44100)
            audio.layout = "mono"
        for number in range(frames):
            if picture:
                pixels = np.full((size[1], size[0], 3), RED, np.uint8)
                pixels[:8] = 255
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                if times:
                    frame.pts, frame.time_base = times[number], Fraction(1, 25)
                container.mux(stream.encode(frame))
            if sound:
                tone = (np.sin(np.arange(1764) * (0.05 + 0.001 * number)) * 8000).astype(np.int16)[None]
                frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 44100, number * 1764, Fraction(1, 44100)
                container.mux(audio.encode(frame))
        for stream in container.streams:
            container.mux(stream.encode())
    return path


def frames_of(path):
    with av.open(str(path)) as container:
        return [
            (float(frame.time), frame.to_ndarray(format="rgb24").astype(int)) for frame in container.decode(video=0)
        ]


def sound_of(path):
    with av.open(str(path)) as container:
        return [(float(p.pts * p.time_base), bytes(p)) for p in container.demux(audio=0) if p.dts is not None]


def is_red(pixels):
    return (np.abs(pixels - RED).max(axis=-1) < 30).mean()


def test_faces_are_covered_in_every_frame_and_sound_and_times_are_kept(export, found, tmp_path):
    times = [0, 1, 2, 5, 6, 9, 10, 11, 12, 20, 21, 22]  # frames of uneven length
    clip = write_clip(tmp_path / "in.mp4", times=times)
    assert protect_video(Protector(export), clip, tmp_path / "out.mp4") == [{"": 12}]
    before, after = frames_of(clip), frames_of(tmp_path / "out.mp4")
    assert [time for time, _ in after] == [time for time, _ in before]
    for _, frame in after:
        assert frame.shape == (120, 160, 3) and is_red(frame[28:72, 58:102]) == 0 and is_red(frame[10:, :40]) == 1
    assert sound_of(tmp_path / "out.mp4") == sound_of(clip)


def test_nothing_else_of_the_file_is_kept(export, found, tmp_path):
    for name, out in (("in.mp4", "out.mp4"), ("in.mkv", "out.mkv"), ("in.mov", "out.mov")):
        clip = write_clip(tmp_path / name)
        assert b"Jane Doe" in clip.read_bytes()
        protect_video(Protector(export), clip, tmp_path / out)
        content = (tmp_path / out).read_bytes()
        assert not any(word in content for word in (b"Jane Doe", b"+48.1", b"home"))
        with av.open(str(tmp_path / out)) as container:
            assert [stream.type for stream in container.streams] == ["video", "audio"]


def test_a_turned_video_is_protected_as_it_is_seen(export, found, tmp_path):
    clip = write_clip(tmp_path / "in.mp4", rotation=90, sound=False)
    with av.open(str(clip)) as container:
        assert next(container.decode(video=0)).rotation == 90
    protect_video(Protector(export), clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    pixels = frame.to_ndarray(format="rgb24").astype(int)
    assert frame.rotation == 0 and pixels.shape == (160, 120, 3) and is_red(pixels[28:72, 58:102]) == 0
    assert (pixels[100:, 2:6] > 200).all() and is_red(pixels[100:, 12:]) == 1  # counterclockwise: its top is left


def test_a_face_that_cannot_be_protected_is_black(export, found, tmp_path, monkeypatch):
    def fail(*_):
        raise InputError("no")

    protector = Protector(export)
    monkeypatch.setattr(protector, "_protected", fail)
    protect_video(protector, write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    assert all(frame[30:70, 60:100].max() < 40 for _, frame in frames_of(tmp_path / "out.mp4"))


def test_frames_in_which_a_face_cannot_be_protected_well_show_it_black(export, found, tmp_path, capsys):
    found[0] = found[0]._replace(turned=1.5)
    clip = write_clip(tmp_path / "in.mp4")
    assert run_script("vgan_tf", "protect", clip, "--model", export) == 0
    assert "a face is black 12 times in 12, turned away by more than about 45 degrees" in capsys.readouterr().out
    for _, frame in frames_of(tmp_path / "in_protected.mp4"):
        assert frame[32:68, 62:98].max() < 40 and is_red(frame[10:, :40]) == 1


def test_a_video_without_a_face_is_refused_or_black(export, found, tmp_path, capsys):
    found.clear()
    clip = write_clip(tmp_path / "in.mov")
    assert run_script("vgan_tf", "protect", clip, "--model", export) == 1
    assert "no face found; not written" in capsys.readouterr().err and not (tmp_path / "in_protected.mov").exists()
    assert run_script("vgan_tf", "protect", clip, "--model", export, "--on-missed-face", "black") == 0
    assert all(frame.max() < 20 for _, frame in frames_of(tmp_path / "in_protected.mov"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda clip: clip.write_bytes(clip.read_bytes()[:-3000]), "not a readable video"),
        (lambda clip: clip.write_bytes(b""), "not a readable video"),
        (lambda clip: clip.write_bytes(b"\0" * 4000), "not a readable video"),
        (lambda clip: clip.write_bytes(clip.read_bytes().replace(b"avc1", b"zzzz")), "of a kind that cannot be read"),
        (lambda clip: write_clip(clip, picture=False), "no video in it"),
        (lambda clip: clip.unlink(), "no such file"),
    ],
)
def test_damaged_videos_give_one_line_and_no_file(export, found, tmp_path, capsys, damage, reason):
    clip = write_clip(tmp_path / "in.mp4")
    damage(clip)
    assert run_script("vgan_tf", "protect", clip, "--model", export) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert str(clip) in line and reason in line
    assert {path.name for path in tmp_path.iterdir()} <= {"in.mp4"}


@pytest.mark.parametrize("frames", [11, 13])
def test_a_file_that_changes_between_the_two_readings_is_refused(export, found, tmp_path, monkeypatch, frames):
    tracks = video.find_tracks

    def and_then_it_changes(*arguments):
        done = tracks(*arguments)
        write_clip(tmp_path / "in.mp4", frames=frames)
        return done

    monkeypatch.setattr(video, "find_tracks", and_then_it_changes)
    with pytest.raises(InputError, match="other frames than when it was searched"):
        protect_video(Protector(export), write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_without_room_for_the_output_it_is_named_and_nothing_is_left(export, found, tmp_path, capsys):
    resource = pytest.importorskip("resource")
    clip, limits = write_clip(tmp_path / "in.mp4", frames=60), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        assert run_script("vgan_tf", "protect", clip, "--model", export) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "in_protected.mp4: cannot be written (" in line
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_the_sound_of_a_camera_is_kept(export, found, tmp_path, codec):
    clip = write_clip(tmp_path / "in.mov", codec=codec)
    assert run_script("vgan_tf", "protect", clip, "--model", export) == 0
    assert sound_of(tmp_path / "in_protected.mov") == sound_of(clip)


def test_only_videos_that_can_be_written_are_named(export, found, tmp_path, capsys):
    clip = write_clip(tmp_path / "in.mp4", frames=1)
    assert run_script("vgan_tf", "protect", clip, "-o", tmp_path / "out.png", "--model", export) == 2
    assert "ends in .mp4, .mov or .mkv" in capsys.readouterr().err and not (tmp_path / "out.png").exists()


def test_frames_too_large_are_refused_before_they_are_decoded(export, found, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MOST_PIXELS", 100)
    with pytest.raises(InputError, match="160x120 pixels are too large"):
        protect_video(Protector(export), write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4")


def test_a_folder_of_pictures_and_videos(export, found, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vgan_tf.ondevice.protector.find_faces", lambda picture: list(found))
    folder = tmp_path / "holiday"
    folder.mkdir()
    write_clip(folder / "a.webm.mkv", frames=3)
    Image.fromarray(np.full((120, 160, 3), RED, np.uint8)).save(folder / "b.png")
    (folder / "c.mp4").write_bytes(b"no video")
    assert run_script("vgan_tf", "protect", folder, "--model", export) == 2
    shown = capsys.readouterr()
    *_, first, second, third, last = shown.out.splitlines()
    assert first.split() == [str(folder / "a.webm.mkv"), "1", "1"] and second.split() == [
        str(folder / "b.png"),
        "1",
        "1",
    ]
    assert third.split()[:4] == [str(folder / "c.mp4"), "0", "0", "failed:"] and "not a readable video" in third
    assert last == "3 files: 2 written, 0 refused, 1 failed; 2 of 2 faces protected" and "c.mp4" in shown.err
    assert sorted(path.name for path in (tmp_path / "holiday_protected").iterdir()) == ["a.webm.mkv", "b.png"]
    assert run_script("vgan_tf", "protect", folder / "a.webm.mkv", "--crops", "--model", export) == 2
    assert "--crops, --faces and --style crop are for pictures" in capsys.readouterr().err


def test_where_the_latent_tells_motion_it_is_smoothed_over_time(found, tmp_path, monkeypatch):
    """The stub shows the latent as brightness: a frame that is read wrongly does not flash, nor lags what stays."""
    names = ["joy", "yaw", "gaze_x", "motion_jawOpen"]
    files = stub_files() | {"generator_int8.tflite": b"not used, as it would flicker"}
    export = write_export(tmp_path / "export", files, latent_names=names)
    encode = Protector.encode
    seen = []

    def trembling(self, picture, faces):
        seen.append(encode(self, picture, faces))
        return np.full((len(faces), 4), 0.9 if len(seen) == 6 else 0.0, np.float32)

    monkeypatch.setattr(Protector, "encode", trembling)
    protect_video(Protector(export), write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", "bob")
    levels = [frame[40:60, 70:90].mean() for _, frame in frames_of(tmp_path / "out.mp4")]
    assert len(seen) == 12 and seen[0].shape == (1, 4)
    assert 2 < np.argmax(levels) < 9 and np.ptp(levels) < 0.8 * 0.3 * 0.9 * 127.5


def test_a_sheet_shows_protected_frames_where_faces_come_go_or_are_weak(export, monkeypatch, tmp_path, capsys):
    weak = FACE._replace(score=0.3)
    numbers = iter(range(100))

    def find(picture, sides=None):
        number = next(numbers)
        return [] if not 4 <= number < 10 else [weak if number == 6 else FACE]

    monkeypatch.setattr(tracking, "find_faces", find)
    monkeypatch.setattr(tracking, "EVERY", 1)
    monkeypatch.setattr(video, "HELD_SECONDS", 0.04)
    clip, sheet = write_clip(tmp_path / "in.mp4"), tmp_path / "sheet.png"
    assert run_script("vgan_tf", "protect", clip, "--review", sheet, "--model", export) == 0
    assert f"wrote {sheet}" in capsys.readouterr().out
    with Image.open(sheet) as picture:
        assert picture.size == (4 * review.WIDTH, 2 * (review.HEIGHT + review.CAPTION))
        cells = np.asarray(picture).astype(int)
    # Frames 0, 2 (before), 3 (begins), 6 (weak), 10 (ends), 11 (after); protected ones are grey where the face was.
    faces = [cells[y + 100 : y + 120, x + 150 : x + 170] for y in (0, 272) for x in (0, 320, 640, 960)]
    assert [is_red(face) > 0.9 for face in faces] == [True, True, False, False, False, True, False, False]
    for name in (clip, tmp_path / "in_protected.mp4", tmp_path / "sheet.txt"):
        assert run_script("vgan_tf", "protect", clip, "--review", name, "--model", export) == 2
        assert "--review" in capsys.readouterr().err


def test_frames_to_see():
    faces = [FACE] + [FACE._replace(score=0.0)] * 20 + [FACE] * 5
    assert review.frames_to_see([tracking.Track(3, faces)], 300, 25) == {
        0: [],
        2: ["before face 0"],
        3: ["face 0 begins"],
        13: ["face 0 not found for 21 frames"],
        28: ["face 0 ends"],
        29: ["after face 0"],
        250: [],
    }
    assert review.frames_to_see([], 10, 25) == {0: []}


def test_a_full_sheet_says_how_many_are_left_out(monkeypatch):
    monkeypatch.setattr(review, "MOST", 2)
    sheet = review.Review()
    for _ in range(5):
        sheet.add(np.zeros((10, 10, 3), np.uint8), "frame")
    assert sheet.left_out == 3


def test_without_pyav_one_line_says_what_to_do(export, tmp_path, monkeypatch, capsys):
    clip = write_clip(tmp_path / "in.mp4", frames=1)
    monkeypatch.setitem(sys.modules, "av", None)
    assert run_script("vgan_tf", "protect", clip, "--model", export) == 2
    assert "pip install 'pprl-vgan[people]'" in capsys.readouterr().err
