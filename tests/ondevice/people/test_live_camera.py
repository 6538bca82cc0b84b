"""What a camera films, protected: recorded, shown, given on; a stand-in films, as there is none where tests run."""

import io
import signal
import threading
import types

import numpy as np
import pytest
from helpers import run_script
from test_video import frames_of, is_red, write_clip

from vgan_tf.errors import InputError
from vgan_tf.ondevice.people import camera, live
from vgan_tf.ondevice.people.live import Live

cv2 = pytest.importorskip("cv2")
FACE = np.s_[28:72, 58:102]


class Filming:
    """Stands in for `cv2.VideoCapture`. The next frame comes once the one before was protected."""

    def __init__(self):
        self.frames, self.used, self.ready = [], [], threading.Semaphore(1)

    def __call__(self, number):
        self.used.append(number)
        return self

    def set(self, name, length):
        self.used.append((name, length))

    def read(self):
        self.ready.acquire(timeout=60)
        return (True, self.frames.pop(0)[..., ::-1]) if self.frames else (False, None)

    def release(self):
        self.used.append("released")


@pytest.fixture
def filming(monkeypatch, found):
    """A camera that films five red frames."""
    filming, protect = Filming(), Live.protect
    filming.frames = [np.full((120, 160, 3), (200, 40, 40), np.uint8) for _ in range(5)]

    def then_the_next(self, frame, seconds):
        try:
            return protect(self, frame, seconds)
        finally:
            filming.ready.release()

    monkeypatch.setattr(cv2, "VideoCapture", filming)
    monkeypatch.setattr(Live, "protect", then_the_next)
    return filming


@pytest.fixture
def at_frame(monkeypatch, filming):
    """Have a function called while that frame is searched for faces."""

    def at_frame(number, then):
        find, searched = live.find_faces, []

        def find_or_not(*arguments):
            searched.append(1)
            if len(searched) == number:
                filming.ready.release(9)  # whatever comes, the camera goes on
                then()
            return find(*arguments)

        monkeypatch.setattr(live, "find_faces", find_or_not)

    return at_frame


def film(export, *more):
    return run_script("vgan_tf", "protect", *more, "--model", export)


def test_a_camera_is_recorded_until_it_ends(export, filming, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    assert film(export, "camera:1", "--size", "160x120", "-o", out) == 0
    sizes = [(cv2.CAP_PROP_FRAME_WIDTH, 160), (cv2.CAP_PROP_FRAME_HEIGHT, 120)]
    assert filming.used == [1, *sizes, "released"] and "protected 5 frames in" in capsys.readouterr().out
    times, frames = zip(*frames_of(out), strict=True)
    assert len(frames) == 5 and times[0] == 0 and (np.diff(times) > 0).all()
    assert all(is_red(frame[FACE]) == 0 and is_red(frame[:, :40]) == 1 for frame in frames)


def test_times_are_those_at_which_frames_were_filmed(tmp_path):
    seconds = [0.0, 0.04, 0.5, 0.61, 2.3]
    with camera.recorded(tmp_path / "out.mkv") as write:
        for number, second in enumerate(seconds):
            write(second, np.full((120, 160, 3), 50 * number, np.uint8))
    times, frames = zip(*frames_of(tmp_path / "out.mkv"), strict=True)
    np.testing.assert_allclose(times, seconds, atol=2e-3)
    np.testing.assert_allclose([frame.mean() for frame in frames], [0, 50, 100, 150, 200], atol=3)


def test_ctrl_c_ends_a_recording_that_is_whole(export, at_frame, tmp_path):
    at_frame(3, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    assert film(export, "camera", "-o", tmp_path / "out.mp4") == 0
    assert len(frames_of(tmp_path / "out.mp4")) == 2 and signal.getsignal(signal.SIGINT) == before


def test_a_second_ctrl_c_leaves_nothing(export, at_frame, tmp_path, monkeypatch, capsys):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    try:
        at_frame(3, lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)])
        assert film(export, "camera", "-o", tmp_path / "out.mp4") == 1
    finally:
        signal.signal(signal.SIGINT, before)
    assert "nothing half-written was left" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "kept"), [(1, 0), (3, 2)])
def test_a_frame_that_fails_ends_it_and_is_not_written(export, at_frame, tmp_path, capsys, number, kept):
    def fail():
        raise InputError("cannot be searched")

    at_frame(number, fail)
    assert film(export, "camera", "-o", tmp_path / "out.mov") == 2
    assert "error: cannot be searched" in capsys.readouterr().err
    assert len(frames_of(tmp_path / "out.mov")) == 2 if kept else not list(tmp_path.iterdir())


def test_frames_are_given_on_raw(export, filming, monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", types.SimpleNamespace(buffer=out, write=None, flush=lambda: None))
    assert film(export, "camera", "-o", "-") == 0
    frames = np.frombuffer(out.getvalue(), np.uint8).reshape(5, 120, 160, 3).astype(int)
    assert all(is_red(frame[FACE]) == 0 and (frame[90:] == (200, 40, 40)).all() for frame in frames)


@pytest.mark.parametrize(("key", "open_windows"), [(ord("q"), 1), (27, 1), (-1, 0)])
def test_the_window_shows_protected_frames_until_a_key_or_it_is_closed(
    export, at_frame, monkeypatch, key, open_windows
):
    pictures, closed = [], []
    monkeypatch.setattr(camera, "has_screen", lambda: True)
    for name in ("namedWindow", "resizeWindow"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, picture: pictures.append(picture.astype(int)))
    monkeypatch.setattr(cv2, "waitKey", lambda _: key if len(pictures) == 3 else -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: open_windows if len(pictures) == 3 else 1)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: closed.append(1))
    at_frame(3, lambda: None)
    assert film(export, "camera") == 0
    assert len(pictures) == 3 and closed
    for picture in pictures:
        assert is_red(picture[FACE][..., ::-1]) == 0 and is_red(picture[:90, :40, ::-1]) == 1
        assert (picture[100:].max(axis=2) > 250).any(), "frames a second"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("camera",), "no screen to show it on"),
        (("camera", "-o", "out.png"), "ends in .mp4, .mov or .mkv"),
        (("camera", "-o", "out.mp4", "--crops"), "--crops: not with a camera"),
        (("camera", "-o", "out.mp4", "--watch"), "--watch: not with a camera"),
        (("camera", "-o", "out.mp4", "--style", "crop"), "--style crop"),
        (("camera", "-o", "out.mp4", "--size", "big"), "frames need WIDTHxHEIGHT"),
        (("camera", "-o", "out.mp4", "--target", "dora"), "target 'dora'"),
        (("camera", "photo.png"), "must be the one input"),
    ],
)
def test_wrong_use_is_refused_before_the_camera_is_opened(export, filming, monkeypatch, capsys, arguments, reason):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert film(export, *arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert reason in line and filming.used == []


def test_no_camera_or_one_of_another_size_gives_one_line(export, filming, tmp_path, capsys):
    filming.ready.release(9)
    assert film(export, "camera", "--size", "640x480", "-o", tmp_path / "out.mp4") == 2
    assert "--size 640x480: the camera gives 160x120" in capsys.readouterr().err
    filming.frames.clear()
    assert film(export, "camera:7", "-o", tmp_path / "out.mp4") == 2
    assert "camera:7: gives no picture; plug it in" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_newest_frame_counts():
    """Frame 0 is taken; 1 to 3 come while it is worked on."""
    taken, all_came, go_on = (threading.Event() for _ in range(3))
    numbers = iter(range(9))

    def read():
        number = next(numbers)
        {1: taken.wait, 4: lambda: (all_came.set(), go_on.wait())}.get(number, lambda: None)()
        return None if number == 4 else np.full((1, 1, 3), (number, 10, 20), np.uint8)

    frames = camera.newest(read, threading.Event())
    seconds, frame = next(frames)
    assert seconds == 0 and frame.tolist() == [[[20, 10, 0]]]  # RGB
    taken.set()
    all_came.wait()
    later, frame = next(frames)
    go_on.set()
    assert later > 0 and frame[0, 0, 2] == 3 and list(frames) == []


def test_what_reading_raises_is_not_swallowed():
    def read():
        raise cv2.error("broken")

    with pytest.raises(cv2.error, match="broken"):
        list(camera.newest(read, threading.Event()))


def test_opencv_reads_what_is_filmed(tmp_path):
    """A file in a camera's place: its frames come until it ends."""
    clip = write_clip(tmp_path / "in.mp4", sound=False)
    with camera.opened(str(clip)) as read:
        *_, (_, last) = camera.newest(read, threading.Event())
    assert last.shape == (120, 160, 3) and is_red(last[10:].astype(int)) == 1
