"""Following faces through a video, so that none shows in a frame where it was not found."""

from typing import NamedTuple

import numpy as np

from vgan_tf.ondevice.people.finding import Face, find_faces, overlap
from vgan_tf.ondevice.pictures import Square

EVERY = 5  # frames, of which one is searched where nothing happens
STEADY = 0.6  # overlap, as intersection over union, of a face with itself in the searched frame before; below, all are
SAME = 0.2  # overlap from which two finds are one face
COPIES = 320, 640  # longest sides of the frames when they are searched
CUT = 30  # of 255 levels, mean difference between two frames of different shots
STRIDE = 16  # every so many pixels are compared for that
MARGIN = 0.1  # by which a box grows on each side in frames that were not searched, as a share of its side
SMOOTHED = 4.0  # deviation in frames of the weights with which squares and poses are averaged over time


class Track(NamedTuple):
    """One face in the frames of one shot.

    first: number of its first frame. faces: list of Face, one for each frame from there.
    """

    first: int
    faces: list


def find_tracks(frames, held, find=lambda frame: find_faces(frame, COPIES)):
    """Find the faces of a video.

    One frame in `EVERY` is searched, and both ends of each shot; all between two where a face has appeared, gone or
    moved far. A face that is missing for a while is taken to move evenly; before it is first found and after it is last
    found it is taken to be there for `held` frames, but not beyond the cuts of the video.

    Args:
        frames: iterable of uint8 `(height, width, 3)`, RGB; a few are held in memory at a time.
        held: int, frames.
        find: picture -> list of Face.

    Returns:
        (list of Track in the order of their first frames; number of frames, int).
    """
    searched, cuts, waiting, before, last, count = {}, [0], [], None, [], 0
    for number, frame in enumerate(frames):
        seen = frame[::STRIDE, ::STRIDE].astype(np.int16)
        if before is not None and (seen.shape != before.shape or np.abs(seen - before).mean() > CUT):
            if waiting:  # the last frame of a shot is always searched, and so is the first one of the next
                _search(waiting, last, searched, find)
            waiting, last = [], []
            cuts.append(number)
        before, count = seen, number + 1
        waiting.append((number, frame))
        if number % EVERY == 0 or cuts[-1] == number:
            last = _search(waiting, last, searched, find)
            waiting = []
    if waiting:
        _search(waiting, last, searched, find)
    tracks = []
    for start, end in zip(cuts, [*cuts[1:], count], strict=True):
        tracks += _tracks({n: searched[n] for n in sorted(searched) if start <= n < end}, start, end, held)
    return sorted(tracks, key=lambda track: track.first), count


def _search(waiting, last, searched, find):
    """Search the last of the waiting frames, and the others where its faces are not those found before: its faces."""
    number, frame = waiting[-1]
    faces = searched[number] = find(frame)
    pairs = paired([face.box for face in last], [face.box for face in faces], STEADY)
    if not len(pairs) == len(last) == len(faces):
        for number, frame in waiting[:-1]:
            searched[number] = find(frame)
    return faces


def paired(old, new, least):
    """Pair boxes that overlap, the most overlapping first: dict, place in `new` -> place in `old`."""
    overlaps = sorted(((overlap(a, b), i, j) for i, a in enumerate(old) for j, b in enumerate(new)), reverse=True)
    pairs = {}
    for share, i, j in overlaps:
        if share >= least and j not in pairs and i not in pairs.values():
            pairs[j] = i
    return pairs


def _tracks(searched, start, end, held):
    """Tracks of the frames of one shot, from `start` up to `end`; `searched`: frame -> list of Face."""
    lines = []  # lists of (frame, Face)
    for number, faces in searched.items():
        current = [line for line in lines if number - line[-1][0] <= 2 * held + EVERY]
        pairs = paired([line[-1][1].box for line in current], [face.box for face in faces], SAME)
        for place, face in enumerate(faces):
            if place in pairs:
                current[pairs[place]].append((number, face))
            else:
                lines.append([(number, face)])
    return [_filled(line, max(start, line[0][0] - held), min(end, line[-1][0] + held + 1)) for line in lines]


def _filled(line, first, end):
    """A Track of the frames from `first` up to `end` from (frame, Face) pairs of some of them."""
    found, frames = [number for number, _ in line], np.arange(first, end)
    values = [
        (
            face.square.left + face.square.side / 2,
            face.square.top + face.square.side / 2,
            face.square.side,
            face.turned,
            face.tilted,
            *face.box,
        )
        for _, face in line
    ]
    between = np.stack([np.interp(frames, found, column) for column in np.transpose(values)], axis=1)
    reach = np.arange(-round(3 * SMOOTHED), round(3 * SMOOTHED) + 1)
    weights = np.exp(-((reach / SMOOTHED) ** 2) / 2)
    # Beyond its ends what moves moves on.
    padded = np.pad(between[:, :5], ((len(reach) // 2,) * 2, (0, 0)), mode="reflect", reflect_type="odd")
    places = np.stack([np.convolve(one, weights / weights.sum(), "valid") for one in padded.T], axis=1)
    scores, faces = {number: face.score for number, face in line}, []
    for number, place, (left, top, width, height) in zip(frames, places, between[:, 5:], strict=True):
        x, y, side, turned, tilted = place.tolist()
        grown = 0.0 if number in scores else MARGIN
        box = [left - grown * width, top - grown * height, (1 + 2 * grown) * width, (1 + 2 * grown) * height]
        square = Square(x - side / 2, y - side / 2, max(1.0, side))
        faces.append(Face(square, [float(value) for value in box], scores.get(number, 0.0), turned, tilted))
    return Track(first, faces)
