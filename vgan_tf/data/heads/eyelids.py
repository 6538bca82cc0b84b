"""Lids that fit the eyes of whoever has them: blendshapes and identity modes know nothing of each other."""

import numpy as np

from vgan_tf.data.heads import model as parts

_UPPER, _LOWER = [37, 38, 43, 44], [41, 40, 47, 46]  # landmarks on the edges of the lids
_REACH = 2.3  # cm from the middle of an eye, within which skin and lashes are of its lids
_SKIN_THICKNESS = 0.03  # cm


class Eyelids:
    """The lids of one head model.

    Args:
        model: `HeadModel`.
    """

    def __init__(self, model):
        self._upper, self._lower = model.landmarks[_UPPER], model.landmarks[_LOWER]
        self._height = self._opening(model.neutral)
        loose = np.r_[parts.FACE, parts.LASHES]
        self._eyes = []
        for eye in (parts.LEFT_EYE, parts.RIGHT_EYE):
            middle, _ = _ball(model.neutral[eye])
            near = np.linalg.norm(model.neutral[loose] - middle, axis=1) < _REACH
            self._eyes.append((eye, loose[near]))

    def balls(self, head):
        """(middle `(3,)`, radius) of a head's left and of its right eyeball, which no blendshape moves."""
        return [_ball(head[eye]) for eye, _ in self._eyes]

    def opening(self, head):
        """How high a person's eyes are open at rest, over the model's: multiply the weights of eyeBlink by it.

        A weight that closes the model's eyes leaves those of some people open, and takes other lids to the cheek.

        Args:
            head: float32 `(v, 3)`, without blendshapes.

        Returns:
            float, 0.6 to 1.5.
        """
        return float(np.clip(self._opening(head) / max(self._height, 1e-6), 0.6, 1.5))

    def clear(self, vertices, balls):
        """Move lids out of the eyeballs, which half-closed ones would cut: a weight moves a vertex on a straight line.

        Args:
            vertices: float32 `(v, 3)`, with blendshapes; changed in place.
            balls: of the same head, see `balls`.
        """
        for (middle, radius), (_, lids) in zip(balls, self._eyes, strict=True):
            radius += _SKIN_THICKNESS
            away = vertices.take(lids, axis=0) - middle
            distances = np.sqrt(np.einsum("ij,ij->i", away, away))
            inside = (distances < radius) & (away[:, 2] > 0.3 * radius)  # what is deeper holds the ball from behind
            vertices[lids[inside]] = middle + away[inside] * (radius / distances[inside])[:, None]

    def _opening(self, vertices):
        return float((vertices[self._upper] - vertices[self._lower])[:, 1].mean())


def _ball(vertices):
    """(middle, radius) of an eyeball."""
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    return middle, np.sqrt(((vertices - middle) ** 2).sum(axis=1).max())
