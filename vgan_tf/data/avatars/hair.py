"""Hair on and around the face."""

import math

import numpy as np

from vgan_tf.data.avatars.canvas import BLACK, WHITE, T, between, circle, head_outline, mirrored, mix, points, smooth

# Hair on the skull: style -> (thickness, how far down its outer edge reaches, right to left the points of the
# hairline: x in half widths of the face, y in pixels).
_CAPS = {
    "crop": (1.6, -2, (
        (0.97, -2), (0.9, -12), (0.66, -18), (0.25, -19), (-0.25, -19), (-0.66, -18), (-0.9, -12), (-0.97, -2),
    )),
    "receding": (1.2, 1, (
        (0.97, 1), (0.86, -8), (0.82, -16), (0.4, -24.5), (-0.4, -24.5), (-0.82, -16), (-0.86, -8), (-0.97, 1),
    )),
    "buns": (1.0, -3, (
        (0.97, -3), (0.88, -12), (0.6, -19), (0, -22), (-0.6, -19), (-0.88, -12), (-0.97, -3),
    )),
    "part": (2.2, -1, (
        (0.98, -1), (0.92, -11), (0.7, -15), (0.1, -16.5), (-0.3, -19), (-0.52, -24), (-0.85, -14), (-0.97, -1),
    )),
    "spikes": (1.4, -3, (
        (0.97, -3), (0.9, -12), (0.6, -18), (0.3, -15.5), (0.1, -19), (-0.15, -15.5), (-0.4, -19), (-0.9, -12),
        (-0.97, -3),
    )),
    "fringe": (3.0, 14, (
        (1.0, 15), (0.9, 10), (0.84, -4), (0.8, -14.2), (0.3, -14.6), (-0.3, -14.6), (-0.8, -14.2), (-0.84, -4),
        (-0.9, 10), (-1.0, 15),
    )),
    "long": (2.6, 6, (
        (1.02, 30), (0.92, 12), (0.9, -8), (0.7, -16), (0, -25), (-0.7, -16), (-0.9, -8), (-0.92, 12), (-1.02, 30),
    )),
    "waves": (2.6, 6, (
        (1.02, 12), (0.92, 4.8), (0.9, -8), (0.58, -16), (-0.4, -25), (-0.82, -16), (-0.9, -8), (-0.92, 4.8),
        (-1.02, 12),
    )),
}  # fmt: skip


def facial_hair(canvas, identity, outline, lips):
    """Draw beard or moustache around the lips (edges as `drawing` computes them), inside the outline of the head."""
    if identity.facial_hair == "none":
        return
    x, top, _, _, bottom = lips
    colour = mix(identity.hair_colour, identity.skin, 0.12)
    moustache = between(1.12 * x, top - 0.6 - 2.4 * (1 - np.abs(T) ** 1.5), top + 1.0 - 0.6 * np.abs(T))
    if identity.facial_hair in ("beard", "stubble"):
        width = identity.face_width
        cheek = points((-0.9 * width, 4), (-0.72 * width, 8), (-1.25 * x[-1], 11), (-0.5 * x[-1], top[8] - 2.2))
        line = np.concatenate([cheek, (cheek * (-1, 1))[::-1]])
        region = np.concatenate([outline[outline[:, 1] > 1], smooth(line, False)])
        if identity.facial_hair == "stubble":
            canvas.soft([region], colour, 0.42, 1.2, 0, 6)
            return
        canvas.soft([region], mix(colour, BLACK, 0.25), 1.0, 0.8, 0, 6)
        canvas.soft([circle(0, bottom[8] + 5.5, 7, 3)], mix(colour, WHITE, 0.2), 0.6, 2.0)
    elif identity.facial_hair == "goatee":
        chin = outline[:, 1].max()
        canvas.soft([circle(0, (bottom[8] + chin + 1) / 2, 4.6, 1 + (chin - bottom[8]) / 2)], colour, 1.0, 0.6, 1)
    canvas.fill(moustache, colour, 2)


def hair_behind(canvas, identity):
    """Draw the hair that falls behind the head."""
    width, style = identity.face_width, identity.hair_style
    colour = mix(identity.hair_colour, BLACK, 0.3)
    shapes = []
    if style == "long":
        half = points((0, -31), (0.7 * width, -28), (width + 4, -14), (width + 5, 8), (width + 6, 40))
        shapes = [smooth(mirrored(half), False)]
    elif style == "waves":
        half = points(
            (0, -31), (0.8 * width, -29), (width + 5, -16), (width + 3, -4), (width + 7, 7), (width + 4, 16),
            (width + 7, 26), (0.5 * width, 30),
        )  # fmt: skip
        shapes = [smooth(mirrored(half))]
    elif style == "fringe":
        half = points((0, -31), (0.75 * width, -28), (width + 4, -15), (width + 5, 6), (width + 3, 19), (6, 20))
        shapes = [smooth(mirrored(half))]
    elif style == "afro":
        shapes = _cloud(0, -11, width + 5, 20, 20, 4.5)
    elif style == "buns":
        shapes = [circle(side * 14, -25.5, 8, 7.5) for side in (-1, 1)]
    for shape in shapes:
        canvas.fill(shape, colour, -5, 0)
    if style == "buns":
        canvas.soft([circle(side * 14, -27.5, 4, 3) for side in (-1, 1)], mix(colour, WHITE, 0.35), 0.8, 1.5, -5, 0)


def hair_in_front(canvas, identity):
    """Draw the hair on the head, with a shadow under its edge, a few strands and a shine."""
    style, colour = identity.hair_style, identity.hair_colour
    if style == "bald":
        return
    shapes = [_cap(identity, *_CAPS[style])] if style in _CAPS else []
    shapes += _locks(identity)
    canvas.soft([shape + (0, 1.4) for shape in shapes], mix(identity.skin, (40, 8, 14), 0.5), 0.6, 1.0)
    for shape in shapes:
        canvas.fill(shape, colour)
    for strand in _strands(identity):
        canvas.line(strand, mix(colour, BLACK, 0.35), 0.8)
    shine = [circle(-4, -24, 9, 1.8)]
    if style == "afro":
        shine = [circle(-6, -26, 8, 3)]
    elif style in ("long", "waves"):
        shine = [circle(side * 12, -21, 5, 2) for side in (-1, 1)]
    if style != "receding":
        canvas.soft(shine, mix(colour, WHITE, 0.45), 0.75, 1.6)


def _cap(identity, thickness, lowest, hairline):
    outline = head_outline(identity, 0.0, thickness)
    above = outline[outline[:, 1] < lowest]
    above = above[np.argsort(np.arctan2(above[:, 0], -above[:, 1]))]  # left to right over the crown
    return np.concatenate([above, smooth(points(*hairline) * (identity.face_width, 1), False)])


def _cloud(x, y, radius_x, radius_y, count, size):
    """An ellipse and `count` circles along it."""
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    edge = [circle(x + radius_x * math.sin(a), y - radius_y * math.cos(a), size) for a in angles]
    return [circle(x, y, radius_x, radius_y), *edge]


def _locks(identity):
    """Outlines of the hair that stands out from the skull."""
    width = identity.face_width
    if identity.hair_style == "part":
        return [smooth(points((-12, -25), (-8, -31), (4, -33), (16, -29), (21, -20), (10, -18), (-6, -20)))]
    if identity.hair_style == "spikes":
        return [
            points((6.2 * k - 5, abs(k) - 21), (7.44 * k + 1.5, 1.6 * abs(k) - 35), (6.2 * k + 5, abs(k) - 21))
            for k in range(-3, 4)
        ]
    if identity.hair_style == "afro":
        temples = [circle(side * (width - 0.6), y, 3.2) for side in (-1, 1) for y in (-17, -12, -7)]
        return _cloud(0, -24, 0.84 * width, 5.5, 14, 3.6) + temples
    return []


def _strands(identity):
    """Lines that show how the hair is combed."""
    width = identity.face_width
    if identity.hair_style == "buns":
        return [points((0, -28), (0, -22.5))]
    if identity.hair_style == "part":
        right, left = points((-11, -24), (2, -25), (14, -18)), points((-10, -26), (4, -29), (17, -23))
        return [smooth(right, False), smooth(left, False)]
    if identity.hair_style == "fringe":
        return [points((0.45 * x * width, -22), (0.52 * x * width, -15)) for x in (-1.2, -0.4, 0.4, 1.2)]
    if identity.hair_style == "long":
        return [points((0, -25), (0, -30))]
    if identity.hair_style == "waves":
        return [points((-0.4 * width, -25), (-0.28 * width, -30))]
    return []
