"""Drawing one stylised face from explicit parameters: who it is, what it expresses, how it was photographed.

Head coordinates are in pixels of the final 64x64 picture: the origin lies between the eyes and the nose, x to the
right of the picture, y down. Features lie on a domed head, so that turning the head moves them by their depth.
NumPy and Pillow only, so that worker processes start fast.
"""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vgan_tf.errors import InputError
from vgan_tf.images import IMAGE_SIZE
from vgan_tf.labels import EXPRESSIONS

VERSION = 1  # raise it whenever a pixel changes: cached drawings of other versions are not used
SUPERSAMPLE = 3
DOME = 14.0  # depth of the middle of the face before its outline, pixels

HAIR_STYLES = ("crop", "long", "afro", "bald", "fringe", "part", "bun", "spikes", "waves", "receding")
FACIAL_HAIR = ("none", "beard", "moustache", "goatee", "stubble")
GLASSES = ("none", "round", "square")

_T = np.linspace(-1.0, 1.0, 17)
_ANGLES = np.linspace(0.0, 2 * math.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_WHITE, _BLACK = (255, 255, 255), (20, 14, 16)


@dataclasses.dataclass(frozen=True)
class Identity:
    """How one person looks at rest. Colours are RGB in [0, 255], lengths are pixels of the 64x64 picture."""

    skin: tuple = (232, 184, 150)
    hair_colour: tuple = (70, 44, 30)
    eye_colour: tuple = (84, 60, 40)
    lip_colour: tuple = (190, 96, 92)
    shirt_colour: tuple = (70, 110, 150)
    hair_style: str = "crop"
    facial_hair: str = "none"
    glasses: str = "none"
    freckles: bool = False
    lashes: bool = False
    face_width: float = 21.5  # half the head at the cheeks
    jaw: float = 0.85  # width of the jaw over that of the cheeks
    chin_width: float = 9.0
    chin: float = 27.0
    ear_size: float = 4.5
    brow_thickness: float = 2.6
    brow_length: float = 11.0
    brow_height: float = 8.4  # above the eyes
    brow_tilt: float = 0.0
    eye_spacing: float = 10.4  # from the middle of the face to the middle of an eye
    eye_width: float = 6.4
    eye_height: float = 3.9
    eye_tilt: float = 0.0
    iris: float = 3.2
    nose_width: float = 4.0
    nose_length: float = 9.0
    mouth_width: float = 9.2
    lip_thickness: float = 2.2


@dataclasses.dataclass(frozen=True)
class Actions:
    """What the muscles of a face do, in pixels unless noted; all 0 at rest."""

    brow_inner: float = 0.0  # inner ends of the brows up
    brow_outer: float = 0.0  # outer ends up
    brow_together: float = 0.0
    brow_arch: float = 0.0
    upper_lid: float = 0.0  # opening of the eye, as a share of its height; negative droops
    lower_lid: float = 0.0  # lower lid up, same unit
    cheeks: float = 0.0  # raised cheeks, 0 to 1
    nose_wrinkle: float = 0.0  # 0 to 1
    corner_up: float = 0.0
    corner_out: float = 0.0
    lip_middle: float = 0.0  # middle of the closed mouth up
    upper_lip: float = 0.0  # upper lip raised off the teeth
    jaw_drop: float = 0.0
    square: float = 0.0  # mouth opening from lens (0) to rectangle (1)
    sneer: float = 0.0  # one side of the upper lip and of the eyes more than the other, 0 to 1
    upper_teeth: float = 0.0
    lower_teeth: float = 0.0
    gaze_down: float = 0.0


ACTIONS = {
    "anger": Actions(
        brow_inner=-5.0, brow_outer=2.2, brow_together=2.6, upper_lid=-0.25, lower_lid=0.3, nose_wrinkle=0.35,
        corner_up=-1.2, corner_out=0.6, upper_lip=2.4, jaw_drop=3.2, square=1.0, upper_teeth=2.8, lower_teeth=2.8,
    ),
    "disgust": Actions(
        brow_inner=-3.4, brow_outer=-1.2, brow_together=1.4, upper_lid=-0.42, lower_lid=0.55, cheeks=0.5,
        nose_wrinkle=1.0, corner_up=-2.6, lip_middle=2.2, upper_lip=2.6, sneer=1.0, upper_teeth=2.2,
    ),
    "fear": Actions(
        brow_inner=5.6, brow_outer=0.8, brow_together=2.4, upper_lid=0.42, lower_lid=-0.1, corner_up=-2.0,
        corner_out=3.2, upper_lip=0.8, jaw_drop=5.0, square=0.8, upper_teeth=1.2, lower_teeth=1.8,
    ),
    "joy": Actions(
        brow_inner=0.8, brow_outer=1.6, brow_arch=0.8, upper_lid=-0.1, lower_lid=0.55, cheeks=1.0, corner_up=4.6,
        corner_out=3.4, jaw_drop=6.0, upper_lip=0.4, upper_teeth=3.2,
    ),
    "neutral": Actions(),
    "sadness": Actions(
        brow_inner=4.4, brow_outer=-3.0, brow_together=1.2, upper_lid=-0.42, corner_up=-4.4, corner_out=-0.6,
        lip_middle=1.6, gaze_down=1.0,
    ),
    "surprise": Actions(
        brow_inner=5.4, brow_outer=5.4, brow_arch=1.6, upper_lid=0.48, lower_lid=-0.15, corner_out=-3.6,
        upper_lip=1.6, jaw_drop=9.6,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Nuisance:
    """How the picture was taken; tells nothing of identity or expression.

    Angles are degrees: yaw > 0 turns to the right of the picture, pitch > 0 nods down, roll > 0 tilts clockwise.
    gaze is in [-1, 1] (left to right), light in [-1, 1] (its sign is the side it comes from, its size its strength).
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift: tuple = (0.0, 0.0)
    gaze: float = 0.0
    light: float = 0.0
    brightness: float = 1.0
    asymmetry: float = 0.0  # the left side of the picture acts this share more than the right
    background: tuple = ((150, 170, 190), (190, 200, 210))  # colours at the top and at the bottom
    noise: float = 0.0  # standard deviation in grey levels
    noise_seed: int = 0


def draw_face(identity, expression, intensity=1.0, nuisance=Nuisance()):
    """Draw one face.

    Args:
        identity: Identity.
        expression: one of `vgan_tf.labels.EXPRESSIONS`.
        intensity: float in [0, 1]; at 0 every expression is the neutral face.
        nuisance: Nuisance.

    Returns:
        uint8 `(64, 64, 3)`, RGB.

    Raises:
        InputError: the expression is unknown or the intensity out of range.
    """
    if expression not in ACTIONS:
        raise InputError(f"expression={expression!r}: must be one of {', '.join(EXPRESSIONS)}")
    if not 0.0 <= intensity <= 1.0:
        raise InputError(f"intensity={intensity!r}: must lie in [0, 1]")
    full = dataclasses.asdict(ACTIONS[expression])
    actions = Actions(**{name: intensity * value for name, value in full.items()})
    canvas = _Canvas(identity, nuisance)
    _hair_behind(canvas, identity)
    _head(canvas, identity, actions)
    _nose(canvas, identity, actions)
    _facial_hair(canvas, identity, actions)
    _mouth(canvas, identity, actions)
    for side in (-1, 1):
        strength = 1.0 - side * nuisance.asymmetry
        _eye(canvas, identity, actions, side, strength, nuisance.gaze)
    _hair_in_front(canvas, identity)
    for side in (-1, 1):
        _brow(canvas, identity, actions, side, 1.0 - side * nuisance.asymmetry)
    _glasses(canvas, identity)
    return canvas.finish()


def mix(first, second, share):
    """Colour `share` of the way from the first to the second RGB colour."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def _points(*pairs):
    return np.array(pairs, dtype=float)


def _mirrored(half):
    """Close the right half of an outline (from the top down) with its mirror image."""
    return np.concatenate([half, (half * (-1, 1))[::-1]])


def _smooth(points, closed=True, steps=5):
    """Catmull-Rom curve through the points."""
    around = (
        np.concatenate([points[-1:], points, points[:2]])
        if closed
        else np.concatenate([points[:1], points, points[-1:]])
    )
    a, b, c, d = around[:-3, None], around[1:-2, None], around[2:-1, None], around[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def _between(x, upper, lower):
    """Outline of the region between two curves over the same x."""
    return np.concatenate([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]])


class _Canvas:
    """A supersampled picture that is drawn on in head coordinates."""

    def __init__(self, identity, nuisance):
        self.nuisance = nuisance
        self.width = identity.face_width
        yaw, pitch, roll = (math.radians(a) for a in (nuisance.yaw, nuisance.pitch, nuisance.roll))
        self.turn = (math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch))
        zoom = nuisance.scale * SUPERSAMPLE
        self.matrix = zoom * np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
        self.centre = SUPERSAMPLE * (np.array([IMAGE_SIZE / 2, IMAGE_SIZE / 2]) + nuisance.shift)
        side = IMAGE_SIZE * SUPERSAMPLE
        top, bottom = (np.array(colour, dtype=float) for colour in nuisance.background)
        gradient = top + (bottom - top) * np.linspace(0, 1, 8)[:, None, None]
        self.picture = Image.fromarray(gradient.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
        self.draw = ImageDraw.Draw(self.picture)

    def place(self, points, relief=0.0, dome=DOME):
        """Head coordinates `(n, 2)` -> picture coordinates `(n, 2)`, supersampled."""
        x, y = points[:, 0], points[:, 1]
        depth = relief + dome * np.clip(1 - (x / self.width) ** 2 - (y / 29.0) ** 2, 0, 1)
        cos_yaw, sin_yaw, cos_pitch, sin_pitch = self.turn
        turned = np.stack([x * cos_yaw + depth * sin_yaw, y * cos_pitch + depth * sin_pitch], axis=1)
        return turned @ self.matrix + self.centre

    def fill(self, points, colour, relief=0.0, dome=DOME):
        self.draw.polygon(self.place(points, relief, dome).ravel().tolist(), fill=colour)

    def line(self, points, colour, width, relief=0.0, dome=DOME):
        pixels = max(1, round(width * SUPERSAMPLE * self.nuisance.scale))
        self.draw.line(self.place(points, relief, dome).ravel().tolist(), fill=colour, width=pixels, joint="curve")

    def soft(self, shapes, colour, opacity, blur, relief=0.0, dome=DOME):
        """Fill shapes with blurred edges; drawn at the final resolution, where blurring is cheap."""
        mask = Image.new("L", (IMAGE_SIZE, IMAGE_SIZE))
        draw = ImageDraw.Draw(mask)
        for points in shapes:
            placed = self.place(points, relief, dome) / SUPERSAMPLE
            draw.polygon(placed.ravel().tolist(), fill=round(255 * min(opacity, 1.0)))
        mask = mask.filter(ImageFilter.GaussianBlur(blur)).resize(self.picture.size, Image.Resampling.BILINEAR)
        self.picture.paste(colour, (0, 0), mask)

    def finish(self):
        """Light the picture from one side, reduce it, add noise."""
        nuisance = self.nuisance
        image = np.asarray(self.picture.reduce(SUPERSAMPLE), dtype=np.float32)
        across = np.linspace(-1, 1, IMAGE_SIZE, dtype=np.float32)
        lit = nuisance.brightness * (1 + 0.32 * nuisance.light * np.clip(1.5 * across, -1, 1))[None, :, None]
        image = image * lit * np.linspace(1.05, 0.95, IMAGE_SIZE, dtype=np.float32)[:, None, None]
        if nuisance.noise:
            generator = np.random.default_rng(nuisance.noise_seed)
            image = image + nuisance.noise * generator.standard_normal(image.shape, dtype=np.float32)
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _circle(x, y, radius_x, radius_y=None):
    return _CIRCLE * (radius_x, radius_x if radius_y is None else radius_y) + (x, y)


def _outline(identity, jaw_drop, grow=0.0):
    """The skull from the crown to the chin, which the jaw takes along."""
    width, drop = identity.face_width + grow, 0.42 * jaw_drop
    jaw = identity.jaw * width
    half = _points(
        (0.0, -28.0 - grow), (0.62 * width, -25.0 - grow), (0.95 * width, -14.0), (width, -2.0), (0.97 * width, 7.0),
        (jaw, 16.0 + 0.5 * drop), (max(identity.chin_width, 0.5 * jaw), identity.chin - 3.5 + drop + grow),
        (0.45 * identity.chin_width, identity.chin - 0.4 + drop + grow),
    )  # fmt: skip
    return _smooth(_mirrored(half))


def _head(canvas, identity, actions):
    skin, shade = identity.skin, mix(identity.skin, (90, 30, 40), 0.3)
    canvas.fill(_points((-30, 40), (-28, 32), (-12, 27), (12, 27), (28, 32), (30, 40)), identity.shirt_colour, -6, 0)
    canvas.fill(_points((-10, 14), (10, 14), (11, 30), (0, 36), (-11, 30)), shade, -4, 0)
    for side in (-1, 1):
        ear = _circle(side * (identity.face_width + 0.4), 0.5, 0.62 * identity.ear_size, identity.ear_size)
        canvas.fill(ear, mix(skin, shade, 0.35), -3, 0)
        canvas.fill((ear - ear.mean(0)) * 0.55 + ear.mean(0), shade, -3, 0)
    outline = _outline(identity, actions.jaw_drop)
    canvas.fill(outline, mix(skin, shade, 0.55), 0, 0)
    lit = outline * (0.84, 0.88) + (2.4 * canvas.nuisance.light, -0.6)
    canvas.soft([lit], skin, 1.0, 2.6, 2, 0)
    canvas.soft([_circle(2.5 * canvas.nuisance.light, -19, 10, 5)], mix(skin, _WHITE, 0.5), 0.5, 2.5)
    rise = 2.2 * actions.cheeks
    cheeks = [_circle(side * 13.2, 8.2 - rise, 4.4 + actions.cheeks, 3.4) for side in (-1, 1)]
    canvas.soft(cheeks, mix(skin, (226, 80, 80), 0.5), 0.5 + 0.4 * actions.cheeks, 1.8)
    sockets = [_circle(side * identity.eye_spacing, -6.5, identity.eye_width + 1.5, 4.4) for side in (-1, 1)]
    canvas.soft(sockets, shade, 0.35, 1.6)
    if identity.freckles:
        for x, y in ((-15, 5), (-12.5, 7.5), (-10, 5.5), (-7.8, 8), (15, 5), (12.5, 7.5), (10, 5.5), (7.8, 8)):
            canvas.fill(_circle(x, y - rise, 0.75), mix(skin, (130, 50, 20), 0.6))


def _nose(canvas, identity, actions):
    skin, width = identity.skin, identity.nose_width * (1 + 0.2 * actions.nose_wrinkle)
    shade = mix(skin, (80, 20, 30), 0.42)
    tip = identity.nose_length - 2.6 - 2.4 * actions.nose_wrinkle
    away = -1 if canvas.nuisance.light > 0 else 1
    bridge = _points((0.4 * away, -7), (1.6 * away, -5), (0.8 * width * away, tip), (0, tip))
    canvas.soft([bridge, _circle(0, tip + 1.6, width + 0.6, 1.6)], shade, 0.75, 1.1, 2)
    canvas.fill(_circle(0, tip - 0.2, 0.62 * width, 2.5), mix(skin, shade, 0.12), 4)
    canvas.soft([_circle(-0.25 * away * width, tip - 1.0, 1.4, 1.6)], mix(skin, _WHITE, 0.7), 0.9, 0.8, 4)
    for side in (-1, 1):
        canvas.fill(_circle(side * 0.5 * width, tip + 1.5, 0.28 * width, 0.85), mix(shade, _BLACK, 0.5), 3)
        wing = _smooth(
            _points((0.86 * width, tip - 1.4), (1.08 * width, tip + 0.6), (0.8 * width, tip + 2)) * (side, 1), False
        )
        canvas.line(wing, shade, 0.8, 3)
        if actions.nose_wrinkle > 0.15:
            deep = mix(skin, mix(shade, _BLACK, 0.35), min(1.0, 0.2 + actions.nose_wrinkle))
            for k in (0, 1):
                crease = _points((1.2 + k, -4.5 + 2.8 * k), (3.8 + k, -3.2 + 2.8 * k)) * (side, 1)
                canvas.line(crease, deep, 0.9, 2)
        fold = max(actions.cheeks, 0.9 * actions.nose_wrinkle)
        if fold > 0.15:
            start, end = _points((width + 1.0, tip + 0.5), (identity.mouth_width + 2.8 + actions.corner_out, 13.0))
            bend = (start + end) / 2 + (1.4, -1.0)
            canvas.line(_smooth(np.stack([start, bend, end]) * (side, 1), False), mix(skin, shade, fold), 0.9, 1)


def _mouth_curves(identity, actions, asymmetry):
    """x and the four edges of the lips: outer upper, inner upper, inner lower, outer lower; each `(17,)`."""
    half = identity.mouth_width + actions.corner_out
    x = half * _T
    corner = 14.0 - actions.corner_up * (1.0 - asymmetry * _T)
    power = 2.0 + 4.0 * actions.square
    hump = (1 - np.abs(_T) ** power) * (1 + 0.75 * actions.sneer * _T)
    bend = 1 - _T**2
    rest = corner + (14.0 - actions.lip_middle - corner) * bend
    upper = rest - actions.upper_lip * hump
    lower = rest + actions.jaw_drop * hump
    lips = (1 - np.abs(_T) ** 3) * identity.lip_thickness
    bow = 1 - 0.3 * np.exp(-((_T / 0.18) ** 2))
    return x, upper - 0.8 * lips * bow - 0.25, upper, lower, lower + 1.05 * lips + 0.25


def _mouth(canvas, identity, actions):
    x, top, upper, lower, bottom = _mouth_curves(identity, actions, canvas.nuisance.asymmetry)
    lip, dark = identity.lip_colour, mix(identity.lip_colour, (60, 10, 20), 0.65)
    canvas.soft([_circle(0, bottom[8] + 2.2, 5.0, 1.2)], mix(identity.skin, (80, 20, 30), 0.42), 0.6, 1.0, 1)
    canvas.fill(_between(x, top, bottom), lip, 1)
    canvas.fill(_between(x, top, np.minimum(upper + 0.2, bottom)), mix(lip, dark, 0.35), 1)
    inside = (0.97 * x, upper, lower)
    if (lower - upper).max() > 0.8:
        canvas.fill(_between(*inside), (72, 16, 26), 1)
        tongue = np.maximum(upper, lower - 0.38 * actions.jaw_drop * np.clip(1 - (_T / 0.75) ** 2, 0, 1))
        canvas.fill(_between(0.97 * x, tongue, lower), (206, 88, 92), 1)
        for teeth in (
            (upper, np.minimum(upper + actions.upper_teeth, lower)),
            (np.maximum(lower - actions.lower_teeth, upper), lower),
        ):
            canvas.fill(_between(0.93 * x, *teeth), (246, 242, 232), 1)
        if actions.lower_teeth and actions.upper_teeth:
            canvas.line(np.stack([0.93 * x, (upper + lower) / 2], 1), (120, 84, 84), 0.6, 1)
    else:
        canvas.line(np.stack([x, upper], 1), dark, 1.1, 1)
    canvas.soft([_circle(-1, bottom[8] - 0.5 * identity.lip_thickness, 2.6, 0.5)], mix(lip, _WHITE, 0.6), 0.8, 0.6, 1)


def _eye(canvas, identity, actions, side, strength, gaze):
    opening = 1 + strength * actions.upper_lid - (0.2 * actions.sneer if side > 0 else 0)
    height, width = identity.eye_height, identity.eye_width
    tilt = -identity.eye_tilt * side * _T
    x = side * identity.eye_spacing + width * _T
    middle = -4.0 + tilt
    lens = 1 - np.abs(_T) ** 2.4
    upper = middle - 1.15 * height * max(opening, 0.2) * lens
    lower = middle + 0.85 * height * (1 - strength * actions.lower_lid) * lens
    rim = mix(identity.skin, (60, 20, 30), 0.75)
    canvas.fill(
        _between(x, middle - 1.75 * height * max(1.0, opening) * lens - 0.3, upper), mix(identity.skin, rim, 0.28), 0
    )
    canvas.fill(_between(x, upper, lower), (250, 249, 246))
    canvas.fill(_between(x, upper, np.minimum(upper + 1.0, lower)), (206, 204, 210))

    def clipped(radius, share=1.0):
        disc = _circle(side * identity.eye_spacing + 1.9 * gaze, -4.1 + 1.1 * actions.gaze_down, radius * share)
        disc[:, 1] = np.clip(disc[:, 1], np.interp(disc[:, 0], x, upper), np.interp(disc[:, 0], x, lower))
        return disc

    canvas.fill(clipped(identity.iris), mix(identity.eye_colour, _BLACK, 0.55))
    canvas.fill(clipped(identity.iris, 0.84), identity.eye_colour)
    canvas.fill(clipped(identity.iris, 0.48), _BLACK)
    glint = clipped(0.85) + (0.9, -1.0)
    if upper[8] < -5.2:
        canvas.fill(glint, _WHITE)
    canvas.line(np.stack([x, upper], 1), mix(rim, _BLACK, 0.75), 1.5 if identity.lashes else 1.0)
    canvas.line(np.stack([x, lower], 1)[2:-2], mix(identity.skin, rim, 0.8), 0.6)
    if identity.lashes:
        end = 16 if side > 0 else 0
        flick = _points((0, 0), (1.8 * side, -1.6)) + (x[end], upper[end])
        canvas.line(flick, _BLACK, 0.9)
    if actions.lower_lid > 0.2:
        bag = np.stack([x, lower + 1.6], 1)[3:-3]
        canvas.line(bag, mix(identity.skin, rim, 0.5 * min(1.0, 1.6 * actions.lower_lid)), 0.7)


def _brow(canvas, identity, actions, side, strength):
    inner_x = identity.eye_spacing - 0.5 * identity.brow_length - strength * actions.brow_together
    outer_x = identity.eye_spacing + 0.62 * identity.brow_length
    base = -4.0 - identity.brow_height
    inner = base + 0.6 - strength * actions.brow_inner
    outer = base + 1.2 - identity.brow_tilt - strength * actions.brow_outer
    middle = (0.45 * inner + 0.55 * outer) - 1.3 - actions.brow_arch
    curve = _smooth(_points((inner_x, inner), (0.4 * inner_x + 0.6 * outer_x, middle), (outer_x, outer)), False)
    taper = identity.brow_thickness * np.linspace(1.0, 0.35, len(curve)) * 0.5
    colour = mix(identity.hair_colour, _BLACK, 0.3)
    canvas.fill(
        np.concatenate([curve - np.stack([0 * taper, taper], 1), (curve + np.stack([0 * taper, taper], 1))[::-1]])
        * (side, 1),
        colour,
        2,
    )


def _facial_hair(canvas, identity, actions):
    if identity.facial_hair == "none":
        return
    x, top, _, _, bottom = _mouth_curves(identity, actions, canvas.nuisance.asymmetry)
    colour = mix(identity.hair_colour, identity.skin, 0.12)
    moustache = _between(1.12 * x, top - 0.6 - 2.4 * (1 - np.abs(_T) ** 1.5), top + 1.0 - 0.6 * np.abs(_T))
    if identity.facial_hair in ("beard", "stubble"):
        outline = _outline(identity, actions.jaw_drop, 0.8 if identity.facial_hair == "beard" else 0.0)
        width = identity.face_width
        cheek = _points((-0.9 * width, 4), (-0.72 * width, 8), (-1.25 * x[-1], 11), (-0.5 * x[-1], top[8] - 2.2))
        line = np.concatenate([cheek, (cheek * (-1, 1))[::-1]])
        region = np.concatenate([outline[outline[:, 1] > 1], _smooth(line, False)])
        if identity.facial_hair == "stubble":
            canvas.soft([region], colour, 0.42, 1.2, 0, 6)
            return
        canvas.soft([region], mix(colour, _BLACK, 0.25), 1.0, 0.8, 0, 6)
        canvas.soft([_circle(0, bottom[8] + 5.5, 7, 3)], mix(colour, _WHITE, 0.2), 0.6, 2.0)
    elif identity.facial_hair == "goatee":
        chin = identity.chin + 0.42 * actions.jaw_drop
        canvas.soft([_circle(0, (bottom[8] + chin + 1) / 2, 4.6, 1 + (chin - bottom[8]) / 2)], colour, 1.0, 0.6, 1)
    canvas.fill(moustache, colour, 2)


def _cap(identity, grow, ends, hairline):
    """Hair from one temple over the crown to the other, above a hairline (right to left, x in face widths)."""
    outline = _outline(identity, 0.0, grow)
    above = outline[outline[:, 1] < ends]
    above = above[np.argsort(np.arctan2(above[:, 0], -above[:, 1]))]
    edge = _smooth(np.array(hairline, dtype=float) * (identity.face_width, 1), False)
    return np.concatenate([above, edge])


def _bumps(x, y, radius_x, radius_y, count, size):
    """A cloud-like outline: circles along an ellipse, and the ellipse."""
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return [_circle(x, y, radius_x, radius_y)] + [
        _circle(x + radius_x * math.sin(a), y - radius_y * math.cos(a), size) for a in angles
    ]


def _hair_behind(canvas, identity):
    width, style = identity.face_width, identity.hair_style
    colour = mix(identity.hair_colour, _BLACK, 0.3)
    shapes = []
    if style == "long":
        half = _points((0, -31), (0.7 * width, -28), (width + 4, -14), (width + 5, 8), (width + 6, 40))
        shapes = [_smooth(_mirrored(half), False)]
    elif style == "waves":
        half = _points(
            (0, -31), (0.8 * width, -29), (width + 5, -16), (width + 3, -4), (width + 7, 7), (width + 4, 16),
            (width + 7, 26), (0.5 * width, 30),
        )  # fmt: skip
        shapes = [_smooth(_mirrored(half))]
    elif style == "fringe":
        half = _points((0, -31), (0.75 * width, -28), (width + 4, -15), (width + 5, 6), (width + 3, 19), (6, 20))
        shapes = [_smooth(_mirrored(half))]
    elif style == "afro":
        shapes = _bumps(0, -11, width + 5, 20, 20, 4.5)
    elif style == "bun":
        shapes = [_circle(side * 14, -25.5, 8, 7.5) for side in (-1, 1)]
    for shape in shapes:
        canvas.fill(shape, colour, -5, 0)
    if style == "bun":
        canvas.soft([_circle(side * 14, -27.5, 4, 3) for side in (-1, 1)], mix(colour, _WHITE, 0.35), 0.8, 1.5, -5, 0)


def _hair_in_front(canvas, identity):
    width, style, colour = identity.face_width, identity.hair_style, identity.hair_colour
    dark = mix(colour, _BLACK, 0.35)
    shapes, strands, shine = [], [], [_circle(-4, -24, 9, 1.8)]
    if style == "bald":
        return
    if style == "crop":
        hairline = [
            (0.97, -2),
            (0.9, -12),
            (0.66, -18),
            (0.25, -19),
            (-0.25, -19),
            (-0.66, -18),
            (-0.9, -12),
            (-0.97, -2),
        ]
        shapes = [_cap(identity, 1.6, -2, hairline)]
    elif style == "receding":
        hairline = [
            (0.97, 1),
            (0.86, -8),
            (0.82, -16),
            (0.4, -24.5),
            (-0.4, -24.5),
            (-0.82, -16),
            (-0.86, -8),
            (-0.97, 1),
        ]
        shapes, shine = [_cap(identity, 1.2, 1, hairline)], []
    elif style == "bun":
        hairline = [(0.97, -3), (0.88, -12), (0.6, -19), (0, -22), (-0.6, -19), (-0.88, -12), (-0.97, -3)]
        shapes = [_cap(identity, 1.0, -3, hairline)]
        strands = [_points((0, -28), (0, -22.5))]
    elif style == "part":
        hairline = [
            (0.98, -1),
            (0.92, -11),
            (0.7, -15),
            (0.1, -16.5),
            (-0.3, -19),
            (-0.52, -24),
            (-0.85, -14),
            (-0.97, -1),
        ]
        crest = _smooth(_points((-12, -25), (-8, -31), (4, -33), (16, -29), (21, -20), (10, -18), (-6, -20)))
        shapes = [_cap(identity, 2.2, -1, hairline), crest]
        strands = [
            _smooth(_points((-11, -24), (2, -25), (14, -18)), False),
            _smooth(_points((-10, -26), (4, -29), (17, -23)), False),
        ]
    elif style == "spikes":
        hairline = [
            (0.97, -3),
            (0.9, -12),
            (0.6, -18),
            (0.3, -15.5),
            (0.1, -19),
            (-0.15, -15.5),
            (-0.4, -19),
            (-0.9, -12),
            (-0.97, -3),
        ]
        shapes = [_cap(identity, 1.4, -3, hairline)]
        for k in range(-3, 4):
            base = 6.2 * k
            shapes.append(
                _points((base - 5, -21 + abs(k)), (base * 1.2 + 1.5, -35 + 1.6 * abs(k)), (base + 5, -21 + abs(k)))
            )
    elif style == "afro":
        shapes = _bumps(0, -24, 0.84 * width, 5.5, 14, 3.6)
        shapes += [_circle(side * (width - 0.6), y, 3.2) for side in (-1, 1) for y in (-17, -12, -7)]
        shine = [_circle(-6, -26, 8, 3)]
    elif style == "fringe":
        hairline = [
            (1.0, 15),
            (0.9, 10),
            (0.84, -4),
            (0.8, -14.2),
            (0.3, -14.6),
            (-0.3, -14.6),
            (-0.8, -14.2),
            (-0.84, -4),
            (-0.9, 10),
            (-1.0, 15),
        ]
        shapes = [_cap(identity, 3.0, 14, hairline)]
        strands = [_points((0.45 * x * width, -22), (0.52 * x * width, -15)) for x in (-1.2, -0.4, 0.4, 1.2)]
    elif style in ("long", "waves"):
        peak = 0.0 if style == "long" else -0.4
        low = 30 if style == "long" else 12
        hairline = [
            (1.02, low),
            (0.92, 0.4 * low),
            (0.9, -8),
            (0.7 + 0.3 * peak, -16),
            (peak, -25),
            (-0.7 + 0.3 * peak, -16),
            (-0.9, -8),
            (-0.92, 0.4 * low),
            (-1.02, low),
        ]
        shapes = [_cap(identity, 2.6, 6, hairline)]
        strands = [_points((peak * width, -25), (peak * width * 0.7, -30))]
        shine = [_circle(side * 12, -21, 5, 2) for side in (-1, 1)]
    for shape in shapes:
        canvas.fill(shape, colour)
    for strand in strands:
        canvas.line(strand, dark, 0.8)
    if shine:
        canvas.soft(shine, mix(colour, _WHITE, 0.45), 0.75, 1.6)


def _glasses(canvas, identity):
    if identity.glasses == "none":
        return
    colour = (34, 32, 40) if identity.glasses == "square" else (150, 104, 40)
    power = 0.5 if identity.glasses == "square" else 1.0
    frame = np.sign(_CIRCLE) * np.abs(_CIRCLE) ** power
    width = 1.5 if identity.glasses == "square" else 1.0
    radius = identity.eye_spacing - 1.6
    for side in (-1, 1):
        rim = frame * (radius, 6.6 if power < 1 else radius - 0.6) + (side * identity.eye_spacing, -3.4)
        canvas.line(np.concatenate([rim, rim[:2]]), colour, width, 3)
        arm = _points((side * (identity.eye_spacing + radius), -4.5), (side * identity.face_width, -3.5))
        canvas.line(arm, colour, width, 2)
    canvas.line(_smooth(_points((-1.6, -4), (0, -4.8), (1.6, -4)), False), colour, width, 4)
