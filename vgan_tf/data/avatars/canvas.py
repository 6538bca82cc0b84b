"""Curves, colours, and a picture on which they are drawn in head coordinates.

Head coordinates are pixels of a 64x64 picture, whatever size is drawn: the origin lies between the eyes and the nose,
x points to the right of the picture, y down. Features lie on a domed head, so that turning the head moves them by
their depth.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SUPERSAMPLE = 3
DOME = 14.0  # depth of the middle of the face before its outline, pixels
HEAD_HEIGHT = 29.0  # half of it, pixels
WHITE, BLACK = (255, 255, 255), (20, 14, 16)
T = np.sin(np.linspace(-math.pi / 2, math.pi / 2, 17))  # -1 to 1, closer together at the ends
_ANGLES = np.linspace(0.0, 2 * math.pi, 24, endpoint=False)
CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_STEPS = np.linspace(0, 1, 5, endpoint=False)[None, :, None]


def mix(first, second, share):
    """Colour `share` of the way from the first to the second RGB colour."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def points(*pairs):
    """(x, y), ... -> float `(n, 2)`."""
    return np.array(pairs, dtype=float)


def curve(x, y):
    """Two arrays `(n,)` -> `(n, 2)`."""
    return np.array((x, y)).T


def mirrored(half):
    """Close the right half of an outline (from the top down) with its mirror image."""
    return np.concatenate([half, (half * (-1, 1))[::-1]])


def smooth(points, closed=True):
    """Catmull-Rom curve through the points, five steps for each."""
    before, after = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    around = np.concatenate([before, points, after])
    a, b, c, d = around[:-3, None], around[1:-2, None], around[2:-1, None], around[3:, None]
    t = _STEPS
    path = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    path = path.reshape(-1, 2)
    return path if closed else np.concatenate([path, points[-1:]])


def between(x, upper, lower):
    """Outline of the region between two curves over the same x."""
    return np.concatenate([curve(x, upper), curve(x, lower)[::-1]])


def circle(x, y, radius_x, radius_y=None):
    """A circle or an ellipse, `(24, 2)`."""
    return CIRCLE * (radius_x, radius_x if radius_y is None else radius_y) + (x, y)


def head_outline(identity, jaw_drop, grow=0.0):
    """The skull from the crown to the chin, which the jaw takes along."""
    width, drop = identity.face_width + grow, 0.42 * jaw_drop
    jaw = identity.jaw * width
    half = points(
        (0.0, -28.0 - grow), (0.62 * width, -25.0 - grow), (0.95 * width, -14.0), (width, -2.0), (0.97 * width, 7.0),
        (jaw, 16.0 + 0.5 * drop), (max(identity.chin_width, 0.5 * jaw), identity.chin - 3.5 + drop + grow),
        (0.45 * identity.chin_width, identity.chin - 0.4 + drop + grow),
    )  # fmt: skip
    return smooth(mirrored(half))


class Canvas:
    """A supersampled picture that is drawn on in head coordinates.

    Each drawing method takes points `(n, 2)`, an RGB colour, and the depth of what it draws: `relief` pixels before
    the outline of the head, or, where `dome` is not 0, before a face domed by that much.
    """

    def __init__(self, identity, motion, nuisance, size):
        self.nuisance, self.size = nuisance, size
        self.unit = size / 64  # pixels of the picture in one unit of head coordinates
        yaw, pitch, roll = (math.radians(angle) for angle in (motion.yaw, motion.pitch, motion.roll))
        zoom = nuisance.scale * SUPERSAMPLE * self.unit
        tilt = zoom * np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
        self.flat = np.diag([math.cos(yaw), math.cos(pitch)]) @ tilt
        self.deep = np.array([math.sin(yaw), math.sin(pitch)]) @ tilt
        self.centre = SUPERSAMPLE * (size / 2 + self.unit * np.array(nuisance.shift))
        self.curvature = np.array([identity.face_width, HEAD_HEIGHT]) ** -2.0
        side = size * SUPERSAMPLE
        top, bottom = (np.array(colour, dtype=float) for colour in nuisance.background)
        gradient = top + (bottom - top) * np.linspace(0, 1, 8)[:, None, None]
        self.picture = Image.fromarray(gradient.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
        self.draw = ImageDraw.Draw(self.picture)

    def place(self, points, relief=0.0, dome=DOME):
        """Head coordinates `(n, 2)` -> coordinates `(n, 2)` of the supersampled picture."""
        depth = relief + dome * np.maximum(1 - points**2 @ self.curvature, 0)[:, None] if dome else relief
        return points @ self.flat + (depth * self.deep + self.centre)

    def fill(self, points, colour, relief=0.0, dome=DOME):
        """Fill the inside of an outline."""
        self.draw.polygon(self.place(points, relief, dome).ravel().tolist(), fill=colour)

    def line(self, points, colour, width, relief=0.0, dome=DOME):
        """Draw an open line."""
        pixels = max(1, round(width * SUPERSAMPLE * self.nuisance.scale * self.unit))
        self.draw.line(self.place(points, relief, dome).ravel().tolist(), fill=colour, width=pixels, joint="curve")

    def soft(self, outlines, colour, opacity, blur, relief=0.0, dome=DOME):
        """Fill several outlines with blurred edges; masked at the final resolution, where blurring is cheap."""
        mask = Image.new("L", (self.size, self.size))
        draw = ImageDraw.Draw(mask)
        for points in outlines:
            placed = self.place(points, relief, dome) / SUPERSAMPLE
            draw.polygon(placed.ravel().tolist(), fill=round(255 * min(opacity, 1.0)))
        mask = mask.filter(ImageFilter.GaussianBlur(blur * self.unit))
        box = mask.getbbox()
        if box:
            left, top, right, bottom = (SUPERSAMPLE * edge for edge in box)
            mask = mask.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box)
            self.picture.paste(colour, (left, top, right, bottom), mask)

    def finish(self):
        """Light the picture from one side, reduce it and add noise: uint8 `(size, size, 3)`."""
        nuisance = self.nuisance
        image = np.asarray(self.picture.reduce(SUPERSAMPLE), dtype=np.float32)
        across = np.clip(np.linspace(-1.5, 1.5, self.size, dtype=np.float32), -1, 1)
        down = np.linspace(1.05, 0.95, self.size, dtype=np.float32)
        lit = nuisance.brightness * down[:, None] * (1 + np.float32(0.28 * nuisance.light) * across)
        image = image * lit[:, :, None]
        if nuisance.noise:
            generator = np.random.default_rng(nuisance.noise_seed)
            image += np.float32(nuisance.noise) * generator.standard_normal(image.shape, dtype=np.float32)
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)
