"""Frames protected one by one, as they come: from a pipe, say. What comes later is not known."""

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.ondevice.people.finding import find_faces
from vgan_tf.ondevice.people.tracking import COPIES, MARGIN, SAME, paired

HELD_FRAMES = 10  # in which a face that is missed is taken to stay where it was


class Live:
    """Protects all faces of frames that follow one another.

    Each frame is searched, so that a face is covered from the first frame in which it is found. It has one target for
    as long as it is followed. Where one cannot be protected well it is covered by black.

    Args:
        protector: Protector.
        target, style: as for `Protector.replace_faces`.
    """

    def __init__(self, protector, target="random", style="head"):
        self._protector, self._target, self._style = protector, target, style
        self._followed = []  # (Face, target, frames in which it was missed)

    def protect(self, frame):
        """Protect the next frame: uint8 `(height, width, 3)`, RGB -> uint8 of the same shape.

        Raises:
            InputError: as for `find_faces`.
        """
        found = find_faces(frame, COPIES)
        pairs = paired([face.box for face, _, _ in self._followed], [face.box for face in found], SAME)
        current = []
        for place, face in enumerate(found):
            target = self._followed[pairs[place]][1] if place in pairs else self._protector.choose(self._target)
            current.append((face, target, 0))
        for place, (face, target, missed) in enumerate(self._followed):
            if place not in pairs.values() and missed < HELD_FRAMES:
                current.append((face if missed else _grown(face), target, missed + 1))
        self._followed = current
        faces, targets = [face for face, _, _ in current], [target for _, target, _ in current]
        return self._protector.replace_faces(frame, faces, targets, True, style=self._style)[0]


def protect_raw(live, source, sink, width, height):
    """Protect raw frames, RGB of 24 bits without headers, as ffmpeg writes and reads them.

    Args:
        live: Live.
        source, sink: binary files, read to its end and written.
        width, height: of the frames, in pixels.

    Returns:
        number of frames, int.

    Raises:
        InputError: the source ends within a frame, or nobody reads the sink any more.
    """
    size, count = 3 * width * height, 0
    while content := source.read(size):
        if len(content) != size:
            raise InputError(f"-: ends within frame {count}, after {len(content)} of {size} bytes; is --size right?")
        frame = np.frombuffer(content, np.uint8).reshape(height, width, 3)
        try:
            sink.write(live.protect(frame).tobytes())
            sink.flush()
        except BrokenPipeError:
            raise InputError("-: nobody reads the protected frames any more") from None
        count += 1
    return count


def _grown(face):
    """A face that may have moved since it was seen."""
    x, y, w, h = face.box
    return face._replace(box=[x - MARGIN * w, y - MARGIN * h, (1 + 2 * MARGIN) * w, (1 + 2 * MARGIN) * h])
