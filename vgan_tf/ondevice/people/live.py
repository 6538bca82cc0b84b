"""Frames protected one by one, as they come: from a camera, a pipe, a program. What comes later is not known."""

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.ondevice.people.finding import find_faces
from vgan_tf.ondevice.people.fitness import reason_against
from vgan_tf.ondevice.people.smoothing import OneEuro
from vgan_tf.ondevice.people.tracking import COPIES, MARGIN, SAME, paired
from vgan_tf.ondevice.pictures import Square, open_picture

HELD_FRAMES = 10  # in which a face that is missed is taken to stay where it was
RATE = 25  # frames a second, where nobody says
# Of the filter of places, as of smoothing.py; the speed is in sides of the face's square a second.
RESTING_HZ, HZ_PER_SPEED = 0.5, 10.0


class Live:
    """Protects all faces of frames that follow one another, as they come.

    Each frame is searched, so that a face is covered from the first frame in which it is found. It has one target for
    as long as it is followed. Its place and, where the latent says what a face does, that too are smoothed over the
    frames so far. Where a face cannot be protected well it is covered by black. One thread at a time may use an object.

        for protected in Live(Protector()).protect_frames(frames):
            ...

    Args:
        protector: Protector.
        target, style: as for `Protector.replace_faces`.

    Raises:
        InputError: an unknown target.
    """

    def __init__(self, protector, target="random", style="head"):
        protector.choose(target)
        self._protector, self._target, self._style = protector, target, style
        self._followed = []

    def protect(self, frame, seconds=1 / RATE):
        """Protect the next frame.

        Args:
            frame: uint8 `(height, width, 3)`, RGB.
            seconds: since the frame before.

        Returns:
            uint8 of the same shape.

        Raises:
            InputError: the frame is no such array; or as for `find_faces` and `Protector.encode`. The frame must not be
                shown then.
        """
        open_picture(frame)  # Raises where it is none.
        found = find_faces(frame, COPIES)
        pairs = paired([one.face.box for one in self._followed], [face.box for face in found], SAME)
        current = []
        for place, face in enumerate(found):
            known = place in pairs
            one = self._followed[pairs[place]] if known else _Followed(face)
            one.see(face, seconds)
            if one.target is None and not reason_against(one.face):  # else it is black
                one.target = self._protector.choose(self._target, frame, one.face, found)
            current.append(one)
        for place, one in enumerate(self._followed):
            if place not in pairs.values() and one.missed < HELD_FRAMES:
                one.miss()
                current.append(one)
        self._followed, latents = current, None
        faces, targets = [one.face for one in current], [one.target or self._target for one in current]
        if faces and self._protector.latent_names:
            read = self._protector.encode(frame, faces)
            smooth = [one.latents.step(latent, seconds) for one, latent in zip(current, read, strict=True)]
            latents = np.float32(smooth)
        return self._protector.replace_faces(frame, faces, targets, True, latents, self._style)[0]

    def protect_frames(self, frames, rate=RATE):
        """Protect frames that follow one another.

        Args:
            frames: iterable of uint8 `(height, width, 3)`, RGB.
            rate: frames a second.

        Yields:
            uint8 of the same shape, for each frame before the next one is asked for.

        Raises:
            InputError: as for `protect`.
        """
        for frame in frames:
            yield self.protect(frame, 1 / rate)


class _Followed:
    """One face that is followed: where it was last, its target, and in how many frames it was missed since."""

    def __init__(self, face):
        self.face, self.target, self.missed, self.latents = face, None, 0, OneEuro()
        self._places = OneEuro(RESTING_HZ, HZ_PER_SPEED / face.square.side)

    def see(self, face, seconds):
        """It was found. What is covered, its box, follows at once."""
        left, top, side = face.square
        x, y, side = self._places.step([left + side / 2, top + side / 2, side], seconds).tolist()
        self.face = face._replace(square=Square(x - side / 2, y - side / 2, max(1.0, side)))
        self.missed = 0

    def miss(self):
        """It was not found, and may have moved a little."""
        if not self.missed:
            x, y, w, h = self.face.box
            box = [x - MARGIN * w, y - MARGIN * h, (1 + 2 * MARGIN) * w, (1 + 2 * MARGIN) * h]
            self.face = self.face._replace(box=box)
        self.missed += 1


def raw_frames(source, width, height):
    """Raw frames, RGB of 24 bits without headers, as ffmpeg writes them.

    Args:
        source: binary file, read to its end.
        width, height: of the frames, in pixels.

    Yields:
        uint8 `(height, width, 3)`.

    Raises:
        InputError: the source ends within a frame.
    """
    size, count = 3 * width * height, 0
    while content := source.read(size):
        if len(content) != size:
            raise InputError(f"-: ends within frame {count}, after {len(content)} of {size} bytes; is --size right?")
        yield np.frombuffer(content, np.uint8).reshape(height, width, 3)
        count += 1


def write_raw(sink, frame):
    """Write one frame, uint8 `(height, width, 3)`, as `raw_frames` reads it.

    Raises:
        InputError: nobody reads the sink any more.
    """
    try:
        sink.write(frame.tobytes())
        sink.flush()
    except BrokenPipeError:
        raise InputError("-: nobody reads the protected frames any more") from None
