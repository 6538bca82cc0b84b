"""Whole pictures: open them upright, cut faces out, paste protected faces over them."""

import io
import itertools
import math
import os
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from vgan_tf.errors import InputError
from vgan_tf.images import open_upright, to_eight_bits

FEATHER = 0.1  # Width of the soft edge around a pasted square, as a share of its side.


class Square(NamedTuple):
    """A square of a picture, in pixels; it may lie between them, and reach over the picture's edges."""

    left: float
    top: float
    side: float


def open_picture(source):
    """Open a picture and turn it upright.

    Args:
        source: path, bytes of a picture file, PIL picture, or uint8 array `(height, width, 3)`, RGB.

    Returns:
        PIL picture, whole in memory, in the mode of its file.

    Raises:
        InputError: the file is missing or not a whole picture, or the value is none of the above.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or 0 in source.shape:
            raise InputError(f"image of {source.dtype} {source.shape}: must be uint8 (height, width, 3), RGB")
        return Image.fromarray(source)
    if isinstance(source, bytes):
        return open_upright(io.BytesIO(source))
    if not isinstance(source, (str, os.PathLike, Image.Image)):
        raise InputError(
            f"image of type {type(source).__name__}: must be a path, bytes, a PIL picture or a uint8 array"
        )
    if not isinstance(source, Image.Image):
        return open_upright(source)
    try:
        return ImageOps.exif_transpose(source)
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise InputError(f"{source}: not a readable image ({error}); replace or remove it") from None


def to_rgb(picture):
    """A PIL picture of any mode -> uint8 `(height, width, 3)`.

    Transparent pixels become white: an editor may have left there the colours of a person who was erased.
    """
    picture = to_eight_bits(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.array(picture.convert("RGB"))


def as_box(value):
    """Return a box [x, y, w, h] as a list of Python numbers.

    Raises:
        InputError: the value is not four finite numbers.
    """
    try:
        numbers = np.asarray(value)
    except ValueError:
        numbers = np.empty(0)
    if numbers.shape != (4,) or numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        raise InputError(f"box {value}: must be four numbers, [x, y, width, height] in pixels")
    return numbers.tolist()


def square_around(box, width, height):
    """The smallest square of whole pixels around a box's centre that covers the box.

    Args:
        box: x, y, w, h in pixels; it may reach over the picture's edges.
        width, height: of the picture.

    Returns:
        Square.

    Raises:
        InputError: the box is not four numbers, is empty, lies outside the picture, or is over twice its size.
    """
    numbers = as_box(box)
    x, y, w, h = numbers
    inside = x < width and y < height and x + w > 0 and y + h > 0
    if not inside or min(w, h) <= 0 or max(w, h) > 2 * max(width, height):
        raise InputError(f"box {numbers}: must have a size and lie within the {width}x{height} picture")
    half = max(w, h) / 2
    left, top = math.floor(x + w / 2 - half), math.floor(y + h / 2 - half)
    return Square(left, top, max(math.ceil(x + w / 2 + half) - left, math.ceil(y + h / 2 + half) - top))


def square_with(square, box):
    """The smallest square of whole pixels that holds a Square and a box [x, y, w, h], about in their middle."""
    x, y, w, h = box
    left, top = math.floor(min(square.left, x)), math.floor(min(square.top, y))
    width = math.ceil(max(square.left + square.side, x + w)) - left
    height = math.ceil(max(square.top + square.side, y + h)) - top
    side = max(width, height)
    return Square(left - (side - width) // 2, top - (side - height) // 2, side)


def cut(picture, square):
    """The pixels of which a square has a part: uint8 `(n, m, 3)`; beyond the picture its edge is repeated."""
    height, width, _ = picture.shape
    left, top, right, bottom = pixels_of(square)
    if min(left, top) >= 0 and right <= width and bottom <= height:
        return picture[top:bottom, left:right].copy()
    rows, columns = np.clip(np.arange(top, bottom), 0, height - 1), np.clip(np.arange(left, right), 0, width - 1)
    return picture[rows[:, None], columns]


def pixels_of(square):
    """Ends of the pixels of which a square has a part: left, top, right, bottom."""
    left, top, side = square
    return math.floor(left), math.floor(top), math.ceil(left + side), math.ceil(top + side)


def central_square(width, height):
    """The largest square in the middle of a picture."""
    side = min(width, height)
    return Square((width - side) // 2, (height - side) // 2, side)


def scaled(picture, square, size):
    """What a square of a picture shows, scaled: uint8 `(size, size, 3)`."""
    left, top, side = square[0] % 1, square[1] % 1, square.side
    seen = Image.fromarray(cut(picture, square))
    box = left, top, min(left + side, seen.width), min(top + side, seen.height)
    return np.asarray(seen.resize((size, size), Image.Resampling.LANCZOS, box))


def paste(picture, face, square):
    """Cover a square of a picture, in place.

    Nothing of the picture remains within the square. A margin outside it fades from the face's edge to the picture.

    Args:
        picture: uint8 `(height, width, 3)`, changed.
        face: PIL picture, scaled to the square.
        square: Square.
    """
    height, width, _ = picture.shape
    left, top, side = square
    margin = max(1, round(FEATHER * side))
    face = np.asarray(face.resize((side, side), Image.Resampling.BICUBIC))

    def parts(start, length):
        """The places before, within and behind the square, as far as the picture goes."""
        ends = start - margin, start, start + side, start + side + margin
        return [np.arange(max(0, a), min(length, b)) for a, b in itertools.pairwise(ends)]

    above, beside, below = parts(top, height)
    before, within, behind = parts(left, width)
    if len(beside) and len(within):
        inside = slice(beside[0], beside[-1] + 1), slice(within[0], within[-1] + 1)
        picture[inside] = face[inside[0].start - top :, inside[1].start - left :][: len(beside), : len(within)]
    around = np.concatenate([before, within, behind])
    for rows, columns in ((above, around), (below, around), (beside, before), (beside, behind)):
        nearest_rows, nearest_columns = np.clip(rows, top, top + side - 1), np.clip(columns, left, left + side - 1)
        distance = np.maximum(abs(rows - nearest_rows)[:, None], abs(columns - nearest_columns))
        share = (1.0 - distance / (margin + 1.0)).astype(np.float32)[..., None]
        region = np.ix_(rows, columns)
        covering = face[nearest_rows[:, None] - top, nearest_columns - left].astype(np.float32)
        picture[region] = np.rint(share * covering + (1 - share) * picture[region]).astype(np.uint8)
