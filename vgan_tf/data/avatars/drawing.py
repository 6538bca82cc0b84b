"""Drawing one stylised face from its identity, its motion and the nuisance of the picture.

NumPy and Pillow only, so that worker processes start fast.
"""

import dataclasses

import numpy as np

from vgan_tf.data.avatars.appearance import ACTIONS, Actions
from vgan_tf.data.avatars.canvas import (
    BLACK,
    CIRCLE,
    WHITE,
    Canvas,
    T,
    between,
    circle,
    curve,
    head_outline,
    mix,
    points,
    smooth,
)
from vgan_tf.data.avatars.hair import facial_hair, hair_behind, hair_in_front
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS

VERSION = 2  # raise it whenever a pixel changes: cached drawings of other versions are not used


def draw_face(identity, motion, nuisance, size):
    """Draw one face.

    Args:
        identity: Identity.
        motion: Motion.
        nuisance: Nuisance.
        size: side of the picture in pixels, at least 32 for a face that can be recognised.

    Returns:
        uint8 `(size, size, 3)`, RGB.

    Raises:
        InputError: the expression is unknown or the intensity out of range.
    """
    if motion.expression not in ACTIONS:
        raise InputError(f"expression={motion.expression!r}: must be one of {', '.join(EXPRESSIONS)}")
    if not 0.0 <= motion.intensity <= 1.0:
        raise InputError(f"intensity={motion.intensity!r}: must lie in [0, 1]")
    full = dataclasses.asdict(ACTIONS[motion.expression])
    actions = Actions(**{name: motion.intensity * value for name, value in full.items()})
    canvas = Canvas(identity, motion, nuisance, size)
    outline = head_outline(identity, actions.jaw_drop)
    lips = _lips(identity, actions, motion.asymmetry)
    strengths = {side: 1.0 - side * motion.asymmetry for side in (-1, 1)}
    hair_behind(canvas, identity)
    _head(canvas, identity, actions, outline)
    _nose(canvas, identity, actions)
    facial_hair(canvas, identity, outline, lips)
    _mouth(canvas, identity, actions, lips)
    for side, strength in strengths.items():
        _eye(canvas, identity, actions, side, strength, motion.gaze)
    hair_in_front(canvas, identity)
    _glasses(canvas, identity)
    for side, strength in strengths.items():
        _brow(canvas, identity, actions, side, strength)
    return canvas.finish()


def _head(canvas, identity, actions, outline):
    skin, shade = identity.skin, mix(identity.skin, (64, 12, 20), 0.3)
    canvas.fill(points((-30, 40), (-28, 32), (-12, 27), (12, 27), (28, 32), (30, 40)), identity.shirt_colour, -6, 0)
    canvas.fill(points((-10, 14), (10, 14), (11, 30), (0, 36), (-11, 30)), shade, -4, 0)
    for side in (-1, 1):
        ear = circle(side * (identity.face_width + 0.4), 0.5, 0.62 * identity.ear_size, identity.ear_size)
        canvas.fill(ear, mix(skin, shade, 0.35), -3, 0)
        canvas.fill((ear - ear.mean(0)) * 0.55 + ear.mean(0), shade, -3, 0)
    canvas.fill(outline, mix(skin, shade, 0.55), 0, 0)
    lit = outline * (0.84, 0.88) + (2.4 * canvas.nuisance.light, -0.6)
    canvas.soft([lit], skin, 1.0, 2.6, 2, 0)
    canvas.soft([circle(2.5 * canvas.nuisance.light, -19, 10, 5)], mix(skin, WHITE, 0.5), 0.5, 2.5)
    rise = 2.2 * actions.cheeks
    blush = mix(skin, (224, 84, 80), 0.2 + 0.3 * sum(skin) / 765)
    cheeks = [circle(side * 13.2, 8.2 - rise, 4.4 + actions.cheeks, 3.4) for side in (-1, 1)]
    canvas.soft(cheeks, blush, 0.5 + 0.4 * actions.cheeks, 1.8)
    sockets = [circle(side * identity.eye_spacing, -6.5, identity.eye_width + 1.5, 4.4) for side in (-1, 1)]
    canvas.soft(sockets, shade, 0.35, 1.6)
    if identity.freckles:
        for x, y in ((-15, 5), (-12.5, 7.5), (-10, 5.5), (-7.8, 8), (15, 5), (12.5, 7.5), (10, 5.5), (7.8, 8)):
            canvas.fill(circle(x, y - rise, 0.75), mix(skin, (130, 50, 20), 0.6))


def _nose(canvas, identity, actions):
    skin, width = identity.skin, identity.nose_width * (1 + 0.2 * actions.nose_wrinkle)
    shade = mix(skin, (80, 20, 30), 0.42)
    tip = identity.nose_length - 2.6 - 2.4 * actions.nose_wrinkle
    away = -1 if canvas.nuisance.light > 0 else 1
    bridge = points((0.4 * away, -7), (1.6 * away, -5), (0.8 * width * away, tip), (0, tip))
    canvas.soft([bridge, circle(0, tip + 1.6, width + 0.6, 1.6)], shade, 0.75, 1.1, 2)
    canvas.fill(circle(0, tip - 0.2, 0.62 * width, 2.5), mix(skin, shade, 0.12), 4)
    canvas.soft([circle(-0.25 * away * width, tip - 1.0, 1.4, 1.6)], mix(skin, WHITE, 0.7), 0.9, 0.8, 4)
    for side in (-1, 1):
        canvas.fill(circle(side * 0.5 * width, tip + 1.5, 0.28 * width, 0.85), mix(shade, BLACK, 0.5), 3)
        wing = points((0.86 * width, tip - 1.4), (1.08 * width, tip + 0.6), (0.8 * width, tip + 2))
        canvas.line(smooth(wing * (side, 1), False), shade, 0.8, 3)
        if actions.nose_wrinkle > 0.15:
            deep = mix(skin, mix(shade, BLACK, 0.35), min(1.0, 0.2 + actions.nose_wrinkle))
            for k in (0, 1):
                crease = points((1.2 + k, -4.5 + 2.8 * k), (3.8 + k, -3.2 + 2.8 * k)) * (side, 1)
                canvas.line(crease, deep, 0.9, 2)
        fold = max(actions.cheeks, 0.9 * actions.nose_wrinkle)
        if fold > 0.15:
            start, end = points((width + 1.0, tip + 0.5), (identity.mouth_width + 2.8 + actions.corner_out, 13.0))
            bend = (start + end) / 2 + (1.4, -1.0)
            canvas.line(smooth(np.stack([start, bend, end]) * (side, 1), False), mix(skin, shade, fold), 0.9, 1)


def _lips(identity, actions, asymmetry):
    """x and the four edges of the lips: outer upper, inner upper, inner lower, outer lower; each `(17,)`."""
    half = identity.mouth_width + actions.corner_out
    x = half * T
    corner = 14.0 - actions.corner_up * (1.0 - asymmetry * T)
    power = 2.0 + 4.0 * actions.square
    hump = (1 - np.abs(T) ** power) ** (1 - 0.4 * actions.square) * (1 + 0.75 * actions.sneer * T)
    bend = 1 - T**2
    rest = corner + (14.0 - actions.lip_middle - corner) * bend
    upper = rest - actions.upper_lip * hump
    lower = rest + actions.jaw_drop * hump
    lips = (1 - np.abs(T) ** 3) * identity.lip_thickness
    bow = 1 - 0.3 * np.exp(-((T / 0.18) ** 2))
    return x, upper - 0.8 * lips * bow - 0.25, upper, lower, lower + 1.05 * lips + 0.25


def _mouth(canvas, identity, actions, lips):
    x, top, upper, lower, bottom = lips
    lip, dark = identity.lip_colour, mix(identity.lip_colour, (60, 10, 20), 0.65)
    canvas.soft([circle(0, bottom[8] + 2.2, 5.0, 1.2)], mix(identity.skin, (80, 20, 30), 0.42), 0.6, 1.0, 1)
    canvas.fill(between(x, top, bottom), lip, 1)
    canvas.fill(between(x, top, np.minimum(upper + 0.2, bottom)), mix(lip, dark, 0.35), 1)
    if (lower - upper).max() > 0.8:
        canvas.fill(between(0.97 * x, upper, lower), (72, 16, 26), 1)
        tongue = np.maximum(upper, lower - 0.38 * actions.jaw_drop * np.clip(1 - (T / 0.75) ** 2, 0, 1))
        canvas.fill(between(0.97 * x, tongue, lower), (206, 88, 92), 1)
        for teeth in (
            (upper, np.minimum(upper + actions.upper_teeth, lower)),
            (np.maximum(lower - actions.lower_teeth, upper), lower),
        ):
            canvas.fill(between(0.93 * x, *teeth), (246, 242, 232), 1)
        if actions.lower_teeth and actions.upper_teeth:
            canvas.line(curve(0.93 * x, (upper + lower) / 2), (120, 84, 84), 0.6, 1)
    else:
        canvas.line(curve(x, upper), dark, 1.1, 1)
    canvas.soft([circle(-1, bottom[8] - 0.5 * identity.lip_thickness, 2.6, 0.5)], mix(lip, WHITE, 0.6), 0.8, 0.6, 1)


def _eye(canvas, identity, actions, side, strength, gaze):
    skin, height = identity.skin, identity.eye_height
    opening = 1 + strength * actions.upper_lid - (0.2 * actions.sneer if side > 0 else 0)
    x = side * identity.eye_spacing + identity.eye_width * T
    middle = -4.0 - identity.eye_tilt * side * T
    lens = 1 - np.abs(T) ** 2.4
    crease = middle - 1.75 * height * max(1.0, opening) * lens - 0.3
    upper = middle - 1.15 * height * max(opening, 0.2) * lens
    lower = middle + 0.85 * height * (1 - strength * actions.lower_lid) * lens
    rim = mix(skin, (60, 20, 30), 0.75)
    canvas.fill(between(x, crease, upper), mix(skin, rim, 0.28))
    canvas.fill(between(x, upper, lower), (250, 249, 246))
    canvas.fill(between(x, upper, np.minimum(upper + 1.0, lower)), (206, 204, 210))
    pupil = (side * identity.eye_spacing + 1.9 * gaze, -4.1 + 1.1 * actions.gaze_down)
    for radius, colour in (
        (identity.iris, mix(identity.eye_colour, BLACK, 0.55)),
        (0.84 * identity.iris, identity.eye_colour),
        (0.48 * identity.iris, BLACK),
    ):
        disc = circle(*pupil, radius)
        disc[:, 1] = np.clip(disc[:, 1], np.interp(disc[:, 0], x, upper), np.interp(disc[:, 0], x, lower))
        canvas.fill(disc, colour)
    if upper[8] < -5.2:  # the lid leaves room for a reflection
        canvas.fill(circle(pupil[0] + 0.9, pupil[1] - 1.0, 0.85), WHITE)
    canvas.line(curve(x, upper), mix(rim, BLACK, 0.75), 1.5 if identity.lashes else 1.0)
    canvas.line(curve(x, lower)[2:-2], mix(skin, rim, 0.8), 0.6)
    if identity.lashes:
        corner = points((x[side * 8 + 8], upper[side * 8 + 8]))
        canvas.line(np.concatenate([corner, corner + (1.8 * side, -1.6)]), BLACK, 0.9)
    if actions.lower_lid > 0.2:
        canvas.line(curve(x, lower + 1.6)[3:-3], mix(skin, rim, min(0.5, 0.8 * actions.lower_lid)), 0.7)


def _brow(canvas, identity, actions, side, strength):
    inner_x = identity.eye_spacing - 0.5 * identity.brow_length - strength * actions.brow_together
    outer_x = identity.eye_spacing + 0.62 * identity.brow_length
    base = -4.0 - identity.brow_height
    inner = base + 0.6 - strength * actions.brow_inner
    outer = base + 1.2 - identity.brow_tilt - strength * actions.brow_outer
    middle = (0.45 * inner + 0.55 * outer) - 1.3 - actions.brow_arch
    brow = smooth(points((inner_x, inner), (0.4 * inner_x + 0.6 * outer_x, middle), (outer_x, outer)), False)
    thickness = 0.5 * identity.brow_thickness * np.linspace(1.0, 0.35, len(brow))
    edges = between(brow[:, 0], brow[:, 1] - thickness, brow[:, 1] + thickness)
    canvas.fill(edges * (side, 1), mix(identity.hair_colour, (34, 20, 16), 0.5), 2)


def _glasses(canvas, identity):
    if identity.glasses == "none":
        return
    half_width = identity.eye_spacing - 1.6
    if identity.glasses == "square":
        colour, thickness = (34, 32, 40), 1.5
        frame = np.sign(CIRCLE) * np.sqrt(np.abs(CIRCLE)) * (half_width, 6.6)
    else:
        colour, thickness = (150, 104, 40), 1.0
        frame = CIRCLE * (half_width, half_width - 0.6)
    for side in (-1, 1):
        rim = frame + (side * identity.eye_spacing, -3.4)
        canvas.line(np.concatenate([rim, rim[:2]]), colour, thickness, 3)
        arm = points((side * (identity.eye_spacing + half_width), -4.5), (side * identity.face_width, -3.5))
        canvas.line(arm, colour, thickness, 2)
    canvas.line(smooth(points((-1.6, -4), (0, -4.8), (1.6, -4)), False), colour, thickness, 4)
