"""What is held or hangs before a face: a hand, a mug, a strand of hair, a mask or scarf, a phone."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vgan_tf.data.avatars.canvas import smooth

# The light of each level of sRGB: float32 (256,).
_LEVELS = np.arange(256) / 255
LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)


def light_on(nuisance, normal):
    """Light that a white surface reflects: a light of strength 1, straight before it, makes it 1.

    Args:
        normal: (3,), of unit length: right of the picture, up, towards the camera.

    Returns:
        float32 `(3,)`, linear RGB.
    """
    sky, ground = np.array(nuisance.sky), np.array(nuisance.ground)
    total = ground + (sky - ground) * (0.5 + 0.5 * normal[1])
    for light in nuisance.lights:
        facing = sum(a * b for a, b in zip(light.direction, normal, strict=True)) / math.hypot(*light.direction)
        total = total + np.array(light.colour) * (light.strength * max(facing, 0.0))
    return total.astype(np.float32)


def draw(nuisance, size):
    """Draw the occluder that a nuisance names, in the light that falls on the face from the front.

    Returns:
        (cover, shadow): float32 `(4, size, size)`, linear RGB premultiplied by alpha, and float32 `(size, size)`, how
        much of the light on what is close behind it is taken.
    """
    generator = np.random.default_rng([nuisance.seed, 1])
    canvas = _Canvas(nuisance, size, generator)
    kinds = {"hand": _hand, "mug": _mug, "strand": _strand, "mask": _mask, "phone": _phone}
    kinds[nuisance.occluder](canvas, np.array(nuisance.occluder_colour), np.array(nuisance.occluder_skin), generator)
    blur = size * generator.uniform(0.003, 0.007)
    cover, shadow = np.zeros((4, size, size), np.float32), np.zeros((size, size), np.float32)
    box = canvas.picture.getbbox()
    if not box:
        return cover, shadow
    # Only where it is; the margin is for blur and shadow, and what is drawn is twice as large.
    margin = 2 * math.ceil(0.08 * size)
    left, top = (max(edge - margin, 0) // 2 for edge in box[:2])
    right, bottom = (min(edge + margin, 2 * size) // 2 for edge in box[2:])
    picture = canvas.picture.crop((2 * left, 2 * top, 2 * right, 2 * bottom)).convert("RGBa").reduce(2)
    picture = picture.filter(ImageFilter.GaussianBlur(blur))
    alpha = picture.getchannel("a")
    colours = np.ascontiguousarray(np.asarray(picture.convert("RGBA")).transpose(2, 0, 1))
    place = np.s_[..., top:bottom, left:right]
    opacity = colours[3] * np.float32(1 / 255)
    cover[place][3] = opacity
    cover[place][:3] = LINEAR.take(colours[:3]) * opacity * light_on(nuisance, (0.0, 0.0, 1.0))[:, None, None]
    across, down = 0.03 * size * canvas.light
    alpha = alpha.filter(ImageFilter.BoxBlur(0.025 * size))
    alpha = alpha.transform(alpha.size, Image.Transform.AFFINE, (1, 0, across, 0, 1, down))
    shadow[place] = np.asarray(alpha) * np.float32(0.5 / 255)
    return cover, shadow


class _Canvas:
    """A picture of twice the size, drawn on in units of the occluder: x to the right, y down, the origin its middle."""

    def __init__(self, nuisance, size, generator):
        self.picture = Image.new("RGBA", (2 * size, 2 * size))
        self.draw = ImageDraw.Draw(self.picture)
        self.unit = 2 * size * nuisance.occluder_size
        lean = {"hand": 25, "mug": 14, "strand": 10, "mask": 3, "phone": 12}[nuisance.occluder]
        angle = math.radians(nuisance.occluder_angle + generator.normal(0, 1) * lean)
        # Left hands and right hands, and handles on either side.
        flip = generator.choice((-1, 1))
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        self.turn = turn * self.unit * ((flip,), (1,))
        self.middle = 2 * size * np.array((0.5 + nuisance.occluder_x, 0.5 + nuisance.occluder_y))
        # Right and down of the picture, the length of the part across the view.
        x, y, z = nuisance.lights[0].direction if nuisance.lights else (0.0, 1.0, 1.0)
        self.light = np.array((x, -y)) / math.hypot(x, y, z)

    def place(self, points):
        return (np.asarray(points, dtype=float) @ self.turn + self.middle).ravel().tolist()

    def fill(self, points, colour):
        self.draw.polygon(self.place(points), fill=_paint(colour))

    def line(self, points, colour, width, opacity=255):
        pixels = max(1, round(width * self.unit))
        self.draw.line(self.place(points), _paint(colour, opacity), pixels)

    def tube(self, points, radius, colour):
        """A round thing along a line, lit from the first light: strokes, each narrower, lighter and nearer to it."""
        path = np.array(self.place(points)).reshape(-1, 2)
        for share in (0.0, 0.4, 0.8):
            half = radius * self.unit * (1 - 0.75 * share)
            placed = path + self.light * (0.5 * share * radius * self.unit)
            stroke = _paint(colour * (0.68 + 0.38 * share) + (0.03 * (1 - share), 0, 0))
            self.draw.line(placed.ravel().tolist(), stroke, max(1, round(2 * half)))
            for x, y in placed.tolist():
                self.draw.ellipse((x - half, y - half, x + half, y + half), stroke)


def _paint(colour, opacity=255):
    """RGB in about [0, 1] -> what Pillow takes."""
    return (*(int(255 * min(max(channel, 0.0), 1.0)) for channel in np.asarray(colour).tolist()), opacity)


def _finger(canvas, base, angle, length, radius, colour, nail=True):
    """A finger from its base: `angle` is clockwise from up; it bends a little on its way."""
    bend = 0.14
    steps = [
        (math.sin(angle + bend * k) * share * length, -math.cos(angle + bend * k) * share * length)
        for k, share in enumerate((0.45, 0.3, 0.25))
    ]
    path = np.concatenate([[base], np.cumsum(steps, axis=0) + base])
    canvas.tube(path, radius, colour)
    for joint in path[1:3]:
        across = np.array((math.cos(angle), math.sin(angle))) * 0.55 * radius
        canvas.line((joint - across, joint + across), colour * 0.82, 0.025)
    if nail:
        along = np.array((math.sin(angle + 2 * bend), -math.cos(angle + 2 * bend)))
        across = np.array((-along[1], along[0]))
        turns = np.linspace(0, 2 * math.pi, 12)[:, None]
        canvas.fill(path[-1] + np.cos(turns) * along * radius * 0.7 + np.sin(turns) * across * radius * 0.5,
                    colour * 0.8 + (0.2, 0.15, 0.14))  # fmt: skip


def _hand(canvas, colour, skin, generator):
    """The back of a hand, its wrist downwards."""
    canvas.tube(((0.02, 0.75), (0.1, 3.0)), 0.32, skin)
    apart = generator.uniform(0.02, 0.12)
    canvas.tube(((-0.3, 0.62), (-0.56, 0.25), (-0.72 - apart, -0.08)), 0.15, skin)
    palm = smooth(
        np.array([(-0.5, 0.0), (0.0, -0.12), (0.5, 0.02), (0.48, 0.6), (0.25, 0.95), (-0.25, 0.95), (-0.5, 0.5)])
    )
    for share in (0.0, 0.15, 0.3, 0.45, 0.6, 0.75):
        canvas.fill((palm - (0, 0.4)) * (1 - 0.6 * share) + (0, 0.4), skin * (0.8 + 0.24 * share))
    lengths, bases = (0.86, 1.0, 0.94, 0.72), ((-0.37, 0.08), (-0.12, 0.0), (0.13, 0.01), (0.37, 0.1))
    for k in (0, 3, 1, 2):
        angle = (k - 1.5) * apart + generator.normal(0, 0.04) - 0.14
        _finger(canvas, bases[k], angle, lengths[k] * generator.uniform(0.85, 1.0), 0.135, skin)


def _mug(canvas, colour, skin, generator):
    """A mug with its handle, often with the fingers that hold it."""
    canvas.tube(smooth(np.array([(0.55, -0.4), (1.0, -0.35), (1.02, 0.3), (0.55, 0.42)]), False), 0.1, colour)
    turns = np.linspace(-math.pi / 2, math.pi / 2, 15)
    sides = np.sin(turns) * 0.62
    lit = canvas.light[0] * np.sign(canvas.turn[0, 0])
    dip = 0.1 * np.cos(turns)  # of the front of its rims, seen from a little above
    for k in range(14):
        shade = 0.5 + 0.55 * max(0.0, math.cos(turns[k] + 0.1 - lit)) ** 1.3
        left, right = sides[k], sides[k + 1]
        body = ((left, -0.78 + dip[k]), (right, -0.78 + dip[k + 1]), (right, 0.75 + dip[k + 1]), (left, 0.75 + dip[k]))
        canvas.fill(body, colour * shade)
    around = np.linspace(0, 2 * math.pi, 24)
    rim = np.stack([0.62 * np.cos(around), 0.1 * np.sin(around)], axis=1) - (0, 0.78)
    canvas.fill(rim, colour * 0.45)
    canvas.line(rim, colour * 1.1 + 0.06, 0.05)
    if generator.random() < 0.5:
        band = generator.random(3)
        canvas.fill(
            np.concatenate([np.stack([sides, 0.1 + dip], 1), np.stack([sides, 0.3 + dip], 1)[::-1]]), band * 0.8
        )
    if generator.random() < 0.6:
        for k in range(4):
            canvas.tube(((-1.0, 0.5 - 0.3 * k), (-0.45, 0.48 - 0.3 * k), (0.1 - 0.05 * k, 0.52 - 0.3 * k)), 0.15, skin)
        canvas.tube(((-0.95, 0.1), (-1.3, 2.0)), 0.5, skin)


def _strand(canvas, colour, skin, generator):
    """Hair that has fallen across the face."""
    x = np.linspace(-1, 1, 9)
    bow, sweep = generator.uniform(-0.35, 0.35), generator.uniform(0.2, 0.9)
    for _ in range(generator.integers(14, 40)):
        start, end = generator.normal(0, 0.05), generator.normal(0, 0.16)
        wave = generator.normal(0, 0.03)
        across = start + (end - start) * (x + 1) / 2 + sweep * x / 2 + bow * (1 - x**2) + wave * np.sin(4 * x)
        stop = generator.integers(6, 10)
        hair = np.stack([across, 1.1 * x + 0.15], axis=1)[:stop]
        canvas.line(hair, colour * generator.uniform(0.5, 1.5), generator.uniform(0.008, 0.03), 220)


_MASK = np.array([
    (0.0, -0.66), (0.22, -0.6), (0.5, -0.4), (0.98, -0.32), (0.98, 0.12), (0.76, 0.53), (0.38, 0.76), (0.0, 0.82),
    (-0.38, 0.76), (-0.76, 0.53), (-0.98, 0.12), (-0.98, -0.32), (-0.5, -0.4), (-0.22, -0.6),
])  # fmt: skip
_SCARF = np.array([
    (0.0, -0.6), (0.6, -0.48), (1.05, -0.2), (1.22, 0.5), (1.25, 1.2), (1.5, 2.0), (1.6, 3.0), (-1.6, 3.0), (-1.5, 2.0),
    (-1.25, 1.2), (-1.22, 0.5), (-1.05, -0.2), (-0.6, -0.48),
])  # fmt: skip


def _mask(canvas, colour, skin, generator):
    """A medical mask with its folds and loops, or a scarf: its middle belongs between nose and mouth."""
    x = np.linspace(-1, 1, 11)
    if generator.random() < 0.7:
        for side in (-1, 1):
            canvas.line(((0.95 * side, -0.3), (1.3 * side, -0.5)), colour * 0.5 + 0.45, 0.04)
            canvas.line(((0.92 * side, 0.2), (1.3 * side, -0.2)), colour * 0.5 + 0.45, 0.04)
        _dome(canvas, smooth(_MASK), (0.0, -0.1), colour)
        for y in (-0.2, 0.08, 0.36):
            half = 0.95 if y < 0.2 else 0.8
            fold = np.stack([half * x, y + 0.1 * (1 - x**2)], axis=1)
            canvas.line(fold, colour * 0.72, 0.035)
            canvas.line(fold + (0, 0.05), colour * 1.1, 0.03)
        top = smooth(_MASK[[11, 12, 13, 0, 1, 2, 3]], False)
        canvas.line(top * (0.97, 1) + (0, 0.06), colour * 0.8, 0.025)
    else:
        canvas.fill(smooth(_SCARF), colour * 0.9)
        for _ in range(16):
            y, bow, lean = generator.uniform(-0.4, 2.4), generator.uniform(0.1, 0.5), generator.normal(0, 0.15)
            for step, shade in enumerate((0.8, 0.7, 0.85, 1.0, 1.06)):
                fold = np.stack([0.95 * x, y + 0.04 * step + bow * (1 - x**2) + lean * x], axis=1)
                canvas.line(fold, colour * shade, 0.05)


def _dome(canvas, outline, top, colour):
    """Fill an outline, lighter towards its highest place, which the light moves."""
    top = np.array(top) + 0.25 * canvas.light * (np.sign(canvas.turn[0, 0]), 1)
    for share in (0.0, 0.12, 0.24, 0.36, 0.48, 0.6, 0.72, 0.84):
        canvas.fill(top + (outline - top) * (1 - 0.75 * share), colour * (0.74 + 0.35 * share))


def _phone(canvas, colour, skin, generator):
    """The back of a phone, and the fingers that hold it."""
    corner = np.linspace(0, math.pi / 2, 5)
    quarter = np.stack([np.cos(corner), np.sin(corner)], axis=1) * 0.1 + (0.38, 0.9)
    outline = np.concatenate([quarter, quarter[::-1] * (-1, 1), quarter * -1, quarter[::-1] * (1, -1)])
    canvas.fill(outline * (1.05, 1.02), colour * 0.45)
    canvas.fill(outline, colour)
    canvas.fill(((-0.46, -0.2), (0.1, -0.96), (0.38, -0.96), (-0.46, 0.3)), colour * 1.12 + 0.02)  # what it mirrors
    for x, y in ((-0.27, -0.78), (-0.27, -0.52)):
        canvas.tube(((x, y), (x, y + 0.01)), 0.12, np.array((0.12, 0.12, 0.13)))
    for k in range(4):
        canvas.tube(((0.75, 0.3 + 0.24 * k), (0.45, 0.26 + 0.24 * k), (0.12 + 0.04 * k, 0.28 + 0.24 * k)), 0.12, skin)
    canvas.tube(((0.7, 0.9), (0.9, 3.0)), 0.38, skin)
