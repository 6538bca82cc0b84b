"""From a square that holds a head to the one that shows its face as the encoder is used to."""

import math

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.images import ALIGNMENT_SIZE
from vgan_tf.images import square as square_of
from vgan_tf.ondevice.pictures import Square, central_square, scaled, to_rgb

ROUNDS = 2  # the second one looks closer
FARTHEST, SMALLEST, LARGEST = (
    0.35,
    0.25,
    1.3,
)  # that one round may move the middle, and change the side, in shares of it


def aligner_of(export):
    """The Aligner of an export folder, or None where it has no alignment model."""
    return Aligner(export) if any(one["part"] == "alignment" for one in export.files.values()) else None


def face_of(picture, size, aligner=None):
    """The face in the central square of a PIL picture, aligned if there is an Aligner: uint8 `(size, size, 3)`, RGB."""
    if aligner is None:
        return square_of(picture, size)
    pixels = to_rgb(picture)
    return scaled(pixels, aligner.align(pixels, central_square(*picture.size)), size)


class Aligner:
    """Finds the face in pictures of heads.

    Args:
        export: Export that has an "alignment" model.
    """

    def __init__(self, export):
        self._model = export.model("alignment")

    def align(self, picture, square):
        """Find the square to show.

        Args:
            picture: uint8 `(height, width, 3)`, RGB.
            square: Square that holds one head, or its face.

        Returns:
            Square; it may reach over the picture's edges.

        Raises:
            InputError: the model gave no place.
        """
        for _ in range(ROUNDS):
            seen = scaled(picture, square, ALIGNMENT_SIZE)
            try:
                place = self._model.run(image=seen[None])["place"][0].astype(float)
            except FloatingPointError as error:
                raise InputError(str(error)) from None
            right, down = np.clip(place[:2], -FARTHEST, FARTHEST)
            side = square.side * float(np.clip(math.exp(min(place[2], 1.0)), SMALLEST, LARGEST))
            x, y = (start + (0.5 + moved) * square.side for start, moved in zip(square[:2], (right, down), strict=True))
            square = Square(round(x - side / 2), round(y - side / 2), max(1, round(side)))
        return square
