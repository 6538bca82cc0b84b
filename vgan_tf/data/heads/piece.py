"""Geometry beside the head: what a piece is, and sheets and tubes to make it of."""

import dataclasses

import numpy as np

from vgan_tf.data.heads.model import FACE, HEAD

SKIN = slice(FACE.start, HEAD.stop)


@dataclasses.dataclass(frozen=True)
class Piece:
    """A thing that a person wears, in model space.

    Attributes:
        positions: float32 `(n, 3)`, centimetres. Normals are smooth over shared vertices.
        triangles: int32 `(t, 3)`, counter-clockwise from outside.
        colours: float32 `(n, 3)`, linear RGB in [0, 1].
        shine: 0 to 1.
        follows: "head" turns with the head; "torso" turns as the neck does, by height: with the head at its top, not at
            all at its base and below.
        opacity: 0 to 1.
    """

    positions: np.ndarray
    triangles: np.ndarray
    colours: np.ndarray
    shine: float = 0.0
    follows: str = "head"
    opacity: float = 1.0


def sheet(points, colour, closed=True, **settings):
    """A Piece from a grid of points.

    Args:
        points: `(rows, columns, 3)`; seen from outside, the next row is below and the next column to the right.
        colour: `(3,)`, or `(rows, columns, 3)`.
        closed: whether the last column meets the first.
        settings: Piece's shine, follows, opacity.
    """
    points = np.asarray(points)
    rows, columns = points.shape[:2]
    last = columns if closed else columns - 1
    first = np.arange(rows - 1)[:, None] * columns + np.arange(last)
    right = np.arange(rows - 1)[:, None] * columns + (np.arange(last) + 1) % columns
    below, across = first + columns, right + columns
    # Diagonals are mirrored, as bodies are: else colours fray on one side only.
    half = (np.arange(last) < last / 2)[:, None]
    upper = np.where(half, np.stack([first, below, across], -1), np.stack([first, below, right], -1))
    lower = np.where(half, np.stack([first, across, right], -1), np.stack([right, below, across], -1))
    return Piece(
        points.reshape(-1, 3).astype(np.float32),
        np.concatenate([upper.reshape(-1, 3), lower.reshape(-1, 3)]).astype(np.int32),
        np.clip(np.broadcast_to(colour, points.shape), 0, 1).reshape(-1, 3).astype(np.float32),
        **settings,
    )


def tube(path, up, width, depth, colour, closed=False, **settings):
    """A Piece: a bar of four sides along a path.

    Args:
        path: `(n, 3)`.
        up: `(3,)` or `(n, 3)`, roughly where the bar's depth is measured, not along the path.
        width: across the path and `up`, a number or `(n,)`.
        depth: along `up`, likewise.
        colour: `(3,)` or `(n, 3)`.
        closed: whether the path ends where it began (its first point is not repeated).
        settings: Piece's shine, follows, opacity.
    """
    path = np.asarray(path, float)
    before, after = np.roll(path, 1, 0), np.roll(path, -1, 0)
    if not closed:
        before[0], after[-1] = path[0], path[-1]
    along = _unit(after - before)
    side = _unit(np.cross(along, np.broadcast_to(up, path.shape)))
    up = np.cross(side, along)
    side *= np.reshape(width, (-1, 1)) / 2
    up = up * np.reshape(depth, (-1, 1)) / 2
    corners = np.stack([path + side + up, path + side - up, path - side - up, path - side + up], 1)
    colours = np.broadcast_to(np.reshape(colour, (-1, 1, 3)), (len(path), 4, 3))
    if closed:
        corners, colours = np.concatenate([corners, corners[:1]]), np.concatenate([colours, colours[:1]])
    else:  # caps
        ends = [np.repeat(corners[i].mean(0)[None, None], 4, 1) for i in (0, -1)]
        corners = np.concatenate([ends[0], corners, ends[1]])
        colours = np.concatenate([colours[:1], colours, colours[-1:]])
    return sheet(corners, colours, **settings)


def join(pieces, **settings):
    """One Piece of several."""
    starts = np.cumsum([0] + [len(piece.positions) for piece in pieces])
    return Piece(
        np.concatenate([piece.positions for piece in pieces]),
        np.concatenate([piece.triangles + start for piece, start in zip(pieces, starts, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([piece.colours for piece in pieces]),
        **settings,
    )


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
