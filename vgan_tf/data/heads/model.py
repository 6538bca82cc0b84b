"""The 3D face model: read from a clone of ICT-FaceKit, and its parts."""

import dataclasses

import numpy as np

VERTICES = 26719
# Vertex ranges of the model's parts.
FACE = slice(0, 9409)
HEAD = slice(9409, 11248)  # and neck
MOUTH_SOCKET = slice(11248, 13294)
EYE_SOCKETS = slice(13294, 14062)
GUMS = slice(14062, 17039)  # and tongue
TEETH = slice(17039, 21451)
LEFT_EYE = slice(21451, 22221)
LEFT_IRIS = slice(22221, 23021)
RIGHT_EYE = slice(23021, 23791)
RIGHT_IRIS = slice(23791, 24591)
EYE_FILM = slice(24591, 25351)  # where lids meet the eyes
LASHES = slice(25351, 26719)


@dataclasses.dataclass(frozen=True)
class HeadModel:
    """ICT-FaceKit: a head of `VERTICES` vertices, in centimetres; y is up, z is where it looks, its left is at +x.

    Attributes:
        neutral: float32 `(v, 3)`.
        triangles: int32 `(t, 3)`.
        shape_names: names of the `e` blendshapes of expression.
        shapes: float32 `(e, v, 3)`, differences from the neutral at weight 1.
        modes: float32 `(m, v, 3)`, differences of the identity modes, at weight 1: one standard deviation.
        landmarks: int64 `(68,)`, vertices of the usual 68 landmarks.
    """

    neutral: np.ndarray
    triangles: np.ndarray
    shape_names: tuple
    shapes: np.ndarray
    modes: np.ndarray
    landmarks: np.ndarray
