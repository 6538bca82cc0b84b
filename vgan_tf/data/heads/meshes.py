"""Triangles of a mesh: their normals, their order, those of a part."""

import numpy as np


class Normals:
    """Smooth normals of a mesh whose triangles stay.

    Args:
        triangles: int `(t, 3)`.
    """

    def __init__(self, triangles):
        self.triangles = np.ascontiguousarray(triangles)
        corners = self.triangles.ravel()
        order = np.argsort(corners, kind="stable")
        self.of_triangle = order // 3
        self.vertices, self.starts = np.unique(corners[order], return_index=True)

    def of(self, positions, normals=None):
        """Normals at positions.

        Args:
            positions: float `(v, 3)`.
            normals: where to put them, float `(v, 3)`; None for a new array.

        Returns:
            float `(v, 3)`, of length 1; those of vertices that no triangle has are 0, or as they were in `normals`.
        """
        a, b, c = (positions[self.triangles[:, corner]] for corner in range(3))
        u, w = b - a, c - a
        faces = np.empty_like(u)
        faces[:, 0] = u[:, 1] * w[:, 2] - u[:, 2] * w[:, 1]
        faces[:, 1] = u[:, 2] * w[:, 0] - u[:, 0] * w[:, 2]
        faces[:, 2] = u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]
        normals = np.zeros_like(positions) if normals is None else normals
        sums = np.add.reduceat(faces[self.of_triangle], self.starts, axis=0)
        sums /= np.maximum(np.sqrt(np.einsum("ij,ij->i", sums, sums)), 1e-12)[:, None]
        normals[self.vertices] = sums
        return normals


def in_order(triangles, place):
    """Triangles in an order in which neighbours follow each other, so that a vertex just placed serves again."""
    middle = place[triangles].mean(axis=1)
    cells = np.clip((middle + 25) / 50 * 64, 0, 63).astype(np.int64)
    code = np.zeros(len(triangles), np.int64)
    for bit in range(6):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return triangles[np.argsort(code, kind="stable")]


def within(triangles, *ranges):
    """Triangles whose vertices are within some ranges."""
    first = triangles[:, 0]
    return triangles[np.any([(first >= part.start) & (first < part.stop) for part in ranges], axis=0)]
