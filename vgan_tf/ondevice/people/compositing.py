"""Laying protected heads over the heads of a picture."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgan_tf.images import HEAD_SCALE, HEAD_SHIFT
from vgan_tf.ondevice.pictures import Square

NEAR = 0.05  # how far a gap shows the very pixels beside it, as a share of its width; farther in, their means
SMOOTHED = 0.2  # half the length over which these are taken, likewise
GREY = np.float32(127.5)  # of a gap with nothing beside it
OVAL, RIM = 1.0, 0.12  # of a face that is replaced alone: its size and its soft edge, in shares of its box
HAIR = 0.3  # how far a gap reaches above the square of a head, for hair put up and hats, in shares of its side
NECK = 0.15  # the lowest share of a head's picture, in which it fades into what is below


class Gap(NamedTuple):
    """A rectangle of a picture, in pixels; it may reach over the picture's edges."""

    left: int
    top: int
    width: int
    height: int


def head_square(square):
    """The square that a generated head with alpha fills, where an encoder saw `square`: Square."""
    side = round(square.side * HEAD_SCALE)
    middle = square.left + square.side / 2, square.top + (0.5 + HEAD_SHIFT) * square.side
    return Square(round(middle[0] - side / 2), round(middle[1] - side / 2), max(1, side))


def gap_of(square, box):
    """What is taken out of the picture for a head that fills `square`, and wherever `box` [x, y, w, h] lies: Gap."""
    x, y, w, h = box
    left, top = min(square.left, math.floor(x)), min(square.top - round(HAIR * square.side), math.floor(y))
    right, bottom = max(square.left + square.side, math.ceil(x + w)), max(square.top + square.side, math.ceil(y + h))
    return Gap(left, top, right - left, bottom - top)


def lay_over(picture, heads):
    """Replace heads: first nothing of them is left, then the protected ones are laid over the gaps.

    A gap is filled by what the picture shows beside it, smoothed; no pixel within it has a part in that.

    Args:
        picture: uint8 `(height, width, 3)`.
        heads: list of (PIL picture with alpha, Square that it fills, box [x, y, w, h] of what must not be left).

    Returns:
        uint8 `(height, width, 3)`.
    """
    height, width, _ = picture.shape
    covered = np.zeros((height, width), bool)
    gaps = [gap_of(square, box) for _, square, box in heads]
    for gap in gaps:
        covered[_inside(gap, picture)] = True
    filled = picture.astype(np.float32)
    for gap in gaps:
        _fill(filled, gap, covered)
    # Who is larger is nearer.
    for head, square, _ in sorted(heads, key=lambda one: one[1].side):
        rows, columns = _inside(Gap(square.left, square.top, square.side, square.side), picture)
        pixels = head.convert("RGBA").resize((square.side,) * 2, Image.Resampling.BICUBIC)
        pixels = np.asarray(pixels, np.float32)[
            rows.start - square.top : rows.stop - square.top, columns.start - square.left : columns.stop - square.left
        ]
        below = (square.top + square.side - np.arange(rows.start, rows.stop)) / (NECK * square.side)
        share = pixels[..., 3:] / 255 * np.minimum(1, below)[:, None, None]
        filled[rows, columns] = share * pixels[..., :3] + (1 - share) * filled[rows, columns]
    return np.rint(filled).clip(0, 255).astype(np.uint8)


def faces_only(picture, replaced, faces, whole):
    """Keep of replaced heads the oval of the face, and around it hair and outline of the original.

    Args:
        picture, replaced: uint8 `(height, width, 3)`: the original, and the same with its heads replaced.
        faces: list of Face.
        whole: list of Gap, of what stays replaced as a whole.

    Returns:
        uint8 `(height, width, 3)`. Within the ovals no pixel of the original has a part.
    """
    height, width, _ = picture.shape
    share = np.zeros((height, width, 1), np.float32)
    for face in faces:
        x, y, w, h = face.box
        rows, columns = (np.arange(length, dtype=np.float32)[:, None] + 0.5 for length in (height, width))
        down, right = (rows - y - h / 2) / (OVAL * h / 2), (columns.T - x - w / 2) / (OVAL * w / 2)
        distance = np.sqrt(down**2 + right**2)  # 1 on the oval
        share = np.maximum(share, np.clip(1 + (1 - distance) / RIM, 0, 1)[..., None])
    for gap in whole:
        share[_inside(gap, picture)] = 1
    return np.rint(share * replaced + (1 - share) * picture).astype(np.uint8)


def _inside(gap, picture):
    """The rows and columns of a gap that lie in the picture: two slices."""
    height, width, _ = picture.shape
    return (
        slice(max(0, min(gap.top, height)), max(0, min(gap.top + gap.height, height))),
        slice(max(0, min(gap.left, width)), max(0, min(gap.left + gap.width, width))),
    )


def _fill(filled, gap, covered):
    """Fill a gap by what lies along its four sides, each side's part falling with the distance from it; in place."""
    rows, columns = _inside(gap, filled)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y, x = np.mgrid[rows, columns].astype(np.float32)
    total, weights = np.full((*y.shape, 3), 1e-6 * GREY, np.float32), np.full((*y.shape, 1), 1e-6, np.float32)
    for axis, place, distance in (
        (0, rows.start - 1, y - rows.start + 1),
        (0, rows.stop, rows.stop - y),
        (1, columns.start - 1, x - columns.start + 1),
        (1, columns.stop, columns.stop - x),
    ):
        if not 0 <= place < filled.shape[axis]:
            continue
        across = (place, columns) if axis == 0 else (rows, place)
        line, shown = filled[across], ~covered[across]
        if not shown.any():
            continue
        distance = distance[..., None]
        near = np.exp(-distance / (NEAR * gap.width))
        line, smooth = (np.expand_dims(one, axis) for one in (line, _smoothed(line, shown)))
        near = near * np.expand_dims(shown, axis)[..., None]  # what another head hides is not shown
        weight = 1 / np.square(distance)
        total += weight * (near * line + (1 - near) * smooth)
        weights += weight
    filled[rows, columns] = total / weights


def _smoothed(line, shown):
    """Means of the pixels around each pixel of a line, of those that are `shown`: float32 `(n, 3)`."""
    kernel = np.ones(2 * round(SMOOTHED * len(line)) + 1, np.float32)
    count = np.convolve(shown.astype(np.float32), kernel, "same")[:, None]
    sums = np.stack([np.convolve(channel, kernel, "same") for channel in (line * shown[:, None]).T], axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), line[shown].mean(axis=0))
