"""Glasses, fitted to eyes, nose and ears."""

import numpy as np

from vgan_tf.data.heads.model import FACE, LASHES
from vgan_tf.data.heads.piece import SKIN, join, sheet, tube

_CORNERS = 22  # of a rim
_PANTOSCOPIC, _WRAP = 0.10, 0.08  # slopes of a lens: its top forward, its outer edge back


def glasses(person, model, head):
    """The pieces of a person's glasses: the frame and two lenses.

    Args:
        person: Person; `glasses` is not "none".
        model: HeadModel.
        head: float32 `(v, 3)`, the person's head at rest.

    Returns:
        list of Piece.
    """
    generator = np.random.default_rng([person.seed, 21])
    kind = ("thick", "thin", "tortoise")[generator.integers(3)]
    marks = head[model.landmarks]
    right_eye, left_eye = marks[36:42].mean(0), marks[42:48].mean(0)
    distance = (left_eye[0] - right_eye[0]) / 2
    middle = (left_eye[0] + right_eye[0]) / 2
    centre_x = 1.05 * distance
    half_width = min(generator.uniform(0.69, 0.84) * distance, centre_x - 0.85)
    square = person.glasses == "square"
    half_height = half_width * (generator.uniform(0.68, 0.84) if square else generator.uniform(0.92, 1.0))
    centre_y = (left_eye[1] + right_eye[1]) / 2 - 0.12 * half_height
    exponent = 3.6 if square else 2.1
    width = {"thick": generator.uniform(0.38, 0.55), "thin": 0.17, "tortoise": 0.36}[kind]
    depth = 0.22 if kind == "thin" else 0.35

    def slope(u, v):
        """How far a lens lies forward of its middle, u outward and v up of it."""
        return _PANTOSCOPIC * v - _WRAP * u - 0.012 * u * u

    # The plane of the lenses lies in front of all skin and lashes behind them.
    near = np.concatenate([head[FACE], head[LASHES]])
    u = np.abs(near[:, 0] - middle) - centre_x
    v = near[:, 1] - centre_y
    behind = (np.abs(u) / (half_width + width)) ** exponent + (np.abs(v) / (half_height + width)) ** exponent < 1
    plane = np.max((near[:, 2] - slope(u, v))[behind], initial=marks[27, 2] - 0.5) + 0.12 + depth / 2

    angles = 2 * np.pi * np.arange(_CORNERS) / _CORNERS
    bend = 2 / exponent
    u = half_width * np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** bend
    v = half_height * np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** bend
    u = u * (1 + 0.06 * v / half_height)  # narrower below
    colour, spots = np.array(person.glasses_colour), np.ones(_CORNERS)
    if kind == "thin":
        colour = 0.35 * colour + 0.65 * np.array(((0.30, 0.30, 0.31), (0.42, 0.29, 0.12))[generator.integers(2)])
    elif kind == "tortoise":
        colour, spots = np.array((0.11, 0.040, 0.012)), generator.uniform(0.25, 1.5, _CORNERS)
    width_around = width * np.where(v > 0, 1.1, 0.8)  # a frame is thicker above
    parts, lenses = [], []
    for side in (-1, 1):
        rim = np.stack([middle + side * (centre_x + u), centre_y + v, plane + slope(u, v)], 1)[::side]
        parts.append(tube(rim, (0, 0, 1), width_around[::side], depth, colour * spots[:, None], closed=True))
        glass = np.stack([np.broadcast_to(rim.mean(0), rim.shape), rim])
        lenses.append(sheet(glass, (0.06, 0.07, 0.08)))

    parts.append(_bridge(head, middle, centre_x - half_width, centre_y + 0.3 * half_height, plane, width, colour))
    hinge = np.array([centre_x + half_width + 0.3 * width, centre_y + 0.5 * half_height, 0.0])
    hinge[2] = plane + slope(half_width, 0.5 * half_height)
    for side in (-1, 1):
        path = _temple(model, head, side, middle, hinge)
        thickness = 0.16 if kind == "thin" else 0.28
        parts.append(tube(path, (side, 0, 0), 0.2 if kind == "thin" else 0.5, thickness, colour))
    return [join(parts, shine=0.7), join(lenses, shine=0.2, opacity=0.12)]


def _bridge(head, middle, half, height, plane, width, colour):
    """The bar over the nose, `half` long to each side; it bends forward where the nose is in its way."""
    across = np.linspace(-1, 1, 7)
    nose = head[FACE]
    nose = nose[(np.abs(nose[:, 0] - middle) < half) & (np.abs(nose[:, 1] - height - 0.2) < 0.45)]
    forward = max(0.25, np.max(nose[:, 2], initial=-99.0) + 0.3 - plane)
    arch = 1 - across**4
    path = np.stack([middle + half * across, height + 0.2 * arch, plane + forward * arch], 1)
    return tube(path, (0, 0, 1), width, 0.28, colour)


def _temple(model, head, side, middle, hinge):
    """Path of a temple, from the hinge (of the left side) over the ear and down behind it."""
    neutral, skin = model.neutral[SKIN], head[SKIN]
    ears = (np.abs(neutral[:, 0]) > 8.2) & (np.abs(neutral[:, 1]) < 7)
    out = side * (skin[:, 0] - middle)
    ear = skin[ears & (out > 0)]
    top = ear[:, 1].max() + 0.1
    back = ear[np.argmax(ear[:, 1]), 2]
    along = np.array([0.0, 0.03, 0.2, 0.4, 0.6, 0.8, 1.0])
    path = np.stack([np.zeros(7), hinge[1] + (top - hinge[1]) * along, hinge[2] + (back - hinge[2]) * along], 1)
    path = np.concatenate([path, path[-1] + np.array([[0, -0.6, -0.9], [0, -2.2, -1.4]])])
    skull = skin[~ears & (out > 4)]
    clear = np.zeros(len(path))
    for number, point in enumerate(path):
        beside = (np.abs(skull[:, 1] - point[1]) < 0.6) & (np.abs(skull[:, 2] - point[2]) < 0.9)
        clear[number] = np.max(np.abs(skull[beside, 0] - middle), initial=0) + 0.3
    straight = np.interp(np.arange(len(path)), [1, 6], [hinge[0] + 0.25, clear[6]])
    straight[0] = hinge[0]
    straight[7:] = 0
    path[:, 0] = middle + side * np.maximum(straight, np.where(path[:, 2] < hinge[2] - 1, clear, 0))
    return path
