"""Fewer triangles than the model has, where a picture cannot show more: at 128 pixels a face has two for each pixel."""

import numpy as np

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.meshes import Normals

COARSE, FINE, FINEST = 0.75, 0.22, 0.14  # cm: sides of the cells in which one vertex stands for all


def simplified(model, larger=1):
    """Triangles between fewer of the model's vertices.

    Vertices of one cell whose normals point alike become the one nearest to their mean. Landmarks and lashes stay;
    cells are small at eyes, nose and lips.

    Args:
        model: HeadModel.
        larger: float > 0 by which all cells are larger.

    Returns:
        int32 `(t, 3)`.
    """
    place, number = model.neutral, np.arange(len(model.neutral))
    cell = np.full(len(place), COARSE)
    for part in (parts.MOUTH_SOCKET, parts.GUMS, parts.TEETH, parts.LEFT_EYE, parts.RIGHT_EYE):
        cell[part] = 2 * FINE
    cell[parts.TEETH] = FINE
    marks, face = place[model.landmarks], number < parts.FACE.stop

    def near(points, distance):
        return face & (np.linalg.norm(place[:, None] - points, axis=2).min(axis=1) < distance)

    eyes = [marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)]
    cell[near(marks[[27, 30, 31, 33, 35, 48, 51, 54, 57]], 2.0) | near(eyes, 2.6)] = FINE
    cell[near(eyes, 1.75) & (np.abs(place[:, 1] - eyes[0][1]) < 0.75) | near(marks[48:68], 0.5)] = FINEST
    kept = (number >= parts.LASHES.start) & (number < parts.LASHES.stop)
    kept[model.landmarks] = True
    # What lies in one cell and looks another way is another side: of an ear, of a nostril.
    sides = (Normals(model.triangles).of(place.astype(np.float64)) > 0) @ (1, 2, 4)
    sides[(np.abs(place[:, 0]) < 6.5) & (cell == COARSE)] = 0
    teeth = (number >= parts.TEETH.start) & (number < parts.TEETH.stop)
    sides[~(face | (number < parts.HEAD.stop) | teeth)] = 0
    part = np.searchsorted([one.stop for one in _PARTS], number, side="right")
    keys = np.column_stack([np.floor(place / (larger * cell[:, None])), sides, part]).astype(np.int64)
    keys[kept] = np.column_stack([number[kept]] + [np.full(kept.sum(), -1)] * 4)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.ravel()
    counts = np.bincount(group)
    means = np.stack([np.bincount(group, column) / counts for column in place.T], axis=1)
    order = np.lexsort((np.linalg.norm(place - means[group], axis=1), group))
    stands_for = order[np.append(0, np.cumsum(counts)[:-1])]
    triangles = stands_for[group][model.triangles]
    whole = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 2] != triangles[:, 0])
    )
    triangles = triangles[whole]
    _, first = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    return triangles[np.sort(first)].astype(np.int32)


_PARTS = (
    parts.FACE, parts.HEAD, parts.MOUTH_SOCKET, parts.EYE_SOCKETS, parts.GUMS, parts.TEETH, parts.LEFT_EYE,
    parts.LEFT_IRIS, parts.RIGHT_EYE, parts.RIGHT_IRIS, parts.EYE_FILM, parts.LASHES,
)  # fmt: skip
