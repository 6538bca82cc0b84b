"""What a person wears: glasses, head covers, earrings, clothes on a torso."""

import numpy as np

from vgan_tf.data.heads.clothes import body
from vgan_tf.data.heads.covers import cover
from vgan_tf.data.heads.glasses import glasses
from vgan_tf.data.heads.piece import SKIN, Piece, join, tube

__all__ = ["Piece", "pieces"]


def pieces(person, model, head):
    """Geometry beside the head of one person.

    Args:
        person: Person; also `seed` settles cuts, patterns, sizes and whether there are earrings.
        model: HeadModel.
        head: float32 `(v, 3)`, the person's head at rest in model space.

    Returns:
        list of Piece; opaque ones first.
    """
    worn = body(person, model, head)
    if person.head_cover != "none":
        worn += cover(person, model, head)
    if person.head_cover != "scarf" and np.random.default_rng([person.seed, 20]).random() < 0.2:
        worn.append(_earrings(person, model, head))
    if person.glasses != "none":
        worn += glasses(person, model, head)
    return worn


def _earrings(person, model, head):
    """Two rings at the lobes."""
    generator = np.random.default_rng([person.seed, 24])
    radius = generator.choice([0.28, 0.7, 1.3])
    colour = ((0.75, 0.52, 0.18), (0.7, 0.7, 0.72))[generator.integers(2)]
    turn = 2 * np.pi * np.arange(12) / 12
    skin, neutral = head[SKIN], model.neutral[SKIN]
    rings = []
    for side in (-1, 1):
        ear = skin[(side * neutral[:, 0] > 7.9) & (np.abs(neutral[:, 1]) < 7)]
        lobe = ear[np.argmin(ear[:, 1])] + (side * 0.1, 0.2, 0.1)
        ring = lobe + radius * np.stack([0.15 * side * np.sin(turn), np.cos(turn) - 1, np.sin(turn)], 1)
        rings.append(tube(ring, (1, 0, 0), 0.2, 0.2, colour, closed=True))
    return join(rings, shine=0.9)
