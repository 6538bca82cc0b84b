"""Which faces can be protected well, and why others cannot.

The limits were measured on rendered people, whose truth is known (docs/on-device.md).
"""

from vgan_tf.errors import InputError

LEAST_SIDE = 32  # pixels of the square that the encoder sees; at 24, 57 % of expressions are read rightly, of 85 %
MOST_TURNED = 1.0  # as of `finding.turn_of`, a turn of about 45 degrees; pictures for training end at 35
MOST_TILTED = 20  # degrees, as of `finding.tilt_of`; pictures for training end at 15


class UnfitFace(InputError):
    """A face was found that cannot be protected well."""


def reason_against(face):
    """Why a face cannot be protected well: str, a short plain sentence; "" where it can.

    Args:
        face: Face.
    """
    if face.square.side < LEAST_SIDE:
        return f"smaller than {LEAST_SIDE} pixels"
    if face.turned > MOST_TURNED:
        return "turned away by more than about 45 degrees"
    if abs(face.tilted) > MOST_TILTED:
        return f"tilted by more than {MOST_TILTED} degrees"
    return ""


def named(face):
    """A face in words, by its place: str."""
    x, y, width, height = (round(value) for value in face.box)
    return f"the face at x={x}, y={y} of {width}x{height} pixels"
