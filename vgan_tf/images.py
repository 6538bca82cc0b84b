"""Pictures in and out: the one place that crops, scales, normalises and writes them.

NumPy and Pillow only, so that training, audit and on-device code share it.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vgan_tf.errors import InputError
from vgan_tf.files import replacing

ALIGNMENT_SIZE = 64  # side of the pictures that an alignment network sees
# A generated head with alpha: the side of its picture, and how far the picture's middle lies below that of the square
# that the encoder sees, both in shares of that square's side.
HEAD_SCALE, HEAD_SHIFT = 1.5, -0.09


def read_image(path, size):
    """Read a picture, turn it upright, cut out its central square and scale it.

    Args:
        path: file that Pillow can read; grey, palette and alpha pictures become RGB.
        size: side of the result in pixels.

    Returns:
        uint8 `(size, size, 3)`, RGB.

    Raises:
        InputError: the file is missing or is no whole picture.
    """
    return square(open_upright(path), size)


def open_upright(path):
    """Read a picture and turn it upright: a whole PIL picture in the mode of its file; errors as for `read_image`.

    Args:
        path: file, or an open one.
    """
    name = path if isinstance(path, (str, os.PathLike)) else "the picture"
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: a folder, not an image; name the image") from None
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        raise InputError(f"{name}: not a readable image ({error}); replace or remove it") from None


def square(picture, size):
    """Return the central square of a PIL picture, scaled: uint8 `(size, size, 3)`, RGB."""
    picture = to_eight_bits(picture).convert("RGB")
    if picture.size != (size, size):
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(picture, dtype=np.uint8)


def to_eight_bits(picture):
    """A PIL picture of 16 bits scaled to 8, any other as it is: Pillow's own conversion clips at 255."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture


def to_float(images):
    """uint8 [0, 255] -> float32 [-1, 1], same shape; an array that lies on an accelerator stays there."""
    if not hasattr(images, "__array_namespace__"):
        images = np.asarray(images)
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_uint8(images):
    """float [-1, 1] (values outside are clipped) -> uint8 [0, 255], same shape."""
    return np.clip(np.rint((np.asarray(images, dtype=np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def write_image(path, image):
    """Write a uint8 `(height, width, 3)` array as a picture with no metadata, atomically.

    Raises:
        InputError: the file's ending is none of a picture.
    """
    if Image.registered_extensions().get(Path(path).suffix.lower()) not in Image.SAVE:
        raise InputError(f"{path}: not the name of a picture; give one that ends in .png")
    with replacing(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary)


def tile(images, columns, gap=0):
    """Lay pictures out row by row on white.

    Args:
        images: uint8 `(n, height, width, 3)`.
        columns: pictures in a row.
        gap: pixels between pictures.

    Returns:
        uint8 `(rows * (height + gap) - gap, columns * (width + gap) - gap, 3)`.
    """
    images = np.asarray(images, dtype=np.uint8)
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def enlarge(image, factor=4):
    """Scale a uint8 `(height, width, 3)` picture up smoothly."""
    height, width, _ = image.shape
    return np.asarray(Image.fromarray(image).resize((width * factor, height * factor), Image.Resampling.BICUBIC))
