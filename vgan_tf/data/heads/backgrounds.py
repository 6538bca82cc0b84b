"""What is behind a head: walls, studio paper, rooms, gardens and streets, as blurred as the lens has them."""

import functools
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vgan_tf.data.heads.occluders import LINEAR, light_on

_BOOKS = np.array([
    (0.46, 0.24, 0.2), (0.22, 0.3, 0.42), (0.85, 0.8, 0.7), (0.27, 0.34, 0.27), (0.15, 0.14, 0.15), (0.55, 0.42, 0.3),
])  # fmt: skip
_LEAVES = np.array([(0.1, 0.14, 0.08), (0.15, 0.22, 0.1), (0.28, 0.36, 0.17), (0.42, 0.48, 0.26), (0.58, 0.58, 0.36)])
_HOUSES = np.array([(0.55, 0.38, 0.32), (0.7, 0.68, 0.64), (0.75, 0.66, 0.52), (0.45, 0.47, 0.5), (0.85, 0.84, 0.8)])
_SKIES = np.array([(0.42, 0.62, 0.9), (0.7, 0.82, 0.95), (0.88, 0.9, 0.93), (0.8, 0.8, 0.78)])


def draw(nuisance, size):
    """Draw the background that a nuisance names, in the light that falls on the face from the front.

    Returns:
        float32 `(3, size, size)`, linear RGB; bright windows and skies are above 1.
    """
    generator = np.random.default_rng(nuisance.background_seed)
    first, second = np.array(nuisance.background_colours, np.float32)
    light = light_on(nuisance, (0.0, 0.0, 1.0))[:, None, None] * _falloff(generator, size)
    if nuisance.background == "plain":
        light *= _linear(first)[:, None, None]
    elif nuisance.background in ("gradient", "noise"):
        if nuisance.background == "gradient":
            angle = generator.uniform(0, 2 * math.pi)
            x, y = _grid(size)
            share = np.clip(0.5 + np.float32(0.6 * math.cos(angle)) * x + np.float32(0.6 * math.sin(angle)) * y, 0, 1)
        else:
            share = _clouds(generator, size, generator.uniform(0.3, 0.65))
        light *= _linear(first[:, None, None] + share * (second - first)[:, None, None])
    else:
        # What is out of focus needs no pixels: half of them are faster drawn and blurred. Leaves have too many.
        sharp = nuisance.background == "clutter" and nuisance.background_blur * size < 1.5
        side = size if sharp else size // 2
        canvas = Image.new("RGB", (side, side))
        (_room if nuisance.background == "clutter" else _outdoors)(generator, canvas, (first, second))
        canvas = canvas.filter(ImageFilter.GaussianBlur(max(0.6, nuisance.background_blur * side)))
        if side != size:
            canvas = canvas.resize((size, size), Image.Resampling.BILINEAR)
        # Nothing real is of one colour.
        uneven = Image.fromarray(generator.uniform(0.88, 1.12, (8, 8)).astype(np.float32))
        light *= np.asarray(uneven.resize((size, size), Image.Resampling.BICUBIC))
        light *= _GLOWING.take(np.ascontiguousarray(np.asarray(canvas).transpose(2, 0, 1)))
    return light


_LEVELS = np.linspace(0, 1, 256)
# What is nearly white in a room or a street is a source of light.
_GLOWING = (LINEAR * (1 + np.clip((255 * _LEVELS - 225) / 30, 0, 1))).astype(np.float32)


@functools.cache
def _grid(size):
    """x and y of the pixels, from -1 to 1: float32 `(1, size)` and `(size, 1)`."""
    line = np.linspace(-1, 1, size, dtype=np.float32)
    return line[None, :], line[:, None]


def _linear(colours):
    return LINEAR.take((255 * colours).astype(np.int32), mode="clip")


def _falloff(generator, size):
    """A pool of light somewhere behind the head, darker away from it: float32 `(size, size)`, about 1."""
    x, y = _grid(size)
    middle_x, middle_y = generator.normal(0, 0.4, 2).astype(np.float32)
    strength = np.float32(generator.uniform(0.02, 0.22) if generator.random() < 0.8 else generator.uniform(0.2, 0.45))
    slope = np.float32(generator.normal(0, 0.08))
    pool = (x - middle_x) ** 2 + (y - middle_y) ** 2
    return (np.float32(1.08) + slope * x) / (1 + strength * pool)


def _clouds(generator, size, rough):
    """Noise of several octaves, each `rough` times as strong as the last: float32 `(size, size)`, about 0 to 1."""
    side = int(generator.integers(2, 6))
    value, amplitude = generator.random((side, side), np.float32), 1.0
    while side < size // 2:
        side = min(2 * side, size // 2)
        amplitude *= rough
        value = np.asarray(Image.fromarray(value).resize((side, side), Image.Resampling.BILINEAR))
        value = value + np.float32(amplitude) * (generator.random((side, side), np.float32) - np.float32(0.5))
    return np.asarray(Image.fromarray(value).resize((size, size), Image.Resampling.BILINEAR))


def _paint(colour):
    """RGB in about [0, 1] -> what Pillow takes."""
    return tuple(int(255 * min(max(channel, 0.0), 1.0)) for channel in np.asarray(colour).tolist())


def _some(generator, palette, spread=0.05):
    """A colour near one of a palette, lighter or darker."""
    return palette[generator.integers(len(palette))] * generator.uniform(0.7, 1.25) + generator.normal(0, spread, 3)


def _room(generator, canvas, colours):
    """A wall, and what stands and hangs before it."""
    side = canvas.width
    draw = ImageDraw.Draw(canvas)
    wall, other = colours
    draw.rectangle((0, 0, side, side), _paint(wall))
    if generator.random() < 0.35:  # a corner, with the other wall in other light
        edge, lean = generator.uniform(0.1, 0.9), generator.uniform(-0.06, 0.06)
        shape = [(edge * side, 0), (side, 0), (side, side), ((edge + lean) * side, side)]
        draw.polygon(shape, _paint(wall * generator.uniform(0.75, 1.1)))
    if generator.random() < 0.25:  # a ceiling with its lamps
        height = generator.uniform(0.05, 0.25)
        draw.rectangle((0, 0, side, height * side), _paint(wall * 0.4 + 0.5))
        for place in generator.random(generator.integers(0, 4)):
            draw.rectangle(_box(place, height * 0.4, 0.12, 0.03, side), (255, 255, 250))
    things = (_shelf, _window, _window, _frames, _plant, _lamp, _people, _furniture, _furniture, _curtain)
    for place in generator.permutation(len(things))[: generator.integers(2, 6)]:
        things[place](generator, draw, side, other)
    if generator.random() < 0.3:  # the back of a chair or a sofa
        top = generator.uniform(0.6, 0.85) * side
        left, right = sorted(generator.uniform(-0.3, 1.3, 2) * side)
        draw.rounded_rectangle((left, top, right + 1, 2 * side), 0.08 * side, _paint(_some(generator, _BOOKS)))


def _box(x, y, width, height, side):
    return (x - width / 2) * side, (y - height / 2) * side, (x + width / 2) * side, (y + height / 2) * side


def _shelf(generator, draw, side, colour):
    left, width = generator.uniform(-0.2, 0.8) * side, generator.uniform(0.25, 0.8) * side
    depth, top = generator.uniform(0.12, 0.24) * side, generator.uniform(-0.1, 0.3) * side
    wood = _paint(colour * generator.uniform(0.5, 1.2))
    draw.rectangle((left, top, left + width, side), _paint(colour * 0.45))
    for shelf in np.arange(top, side, depth):
        thick = generator.uniform(0.012, 0.05, int(width / (0.03 * side)) + 1) * side
        books = _BOOKS[generator.integers(len(_BOOKS), size=len(thick))] * generator.uniform(0.6, 1.2, (len(thick), 1))
        tops = shelf + depth * generator.uniform(0.1, 0.7, len(thick))
        x = left + np.cumsum(thick) - thick
        for edge, high, size, book in zip(x.tolist(), tops.tolist(), thick.tolist(), books.tolist(), strict=True):
            if edge < left + width:
                draw.rectangle((edge, high, edge + size, shelf + depth), _paint(book))
        draw.rectangle((left, shelf + depth - 1, left + width, shelf + depth + 0.012 * side), wood)


def _window(generator, draw, side, colour):
    x, y = generator.choice((generator.uniform(0, 0.2), generator.uniform(0.8, 1.0))), generator.uniform(0.1, 0.45)
    width, height = generator.uniform(0.25, 0.55), generator.uniform(0.5, 0.9)
    box = _box(x, y, width, height, side)
    frame = _paint(np.full(3, generator.uniform(0.3, 0.9)))
    draw.rectangle(box, _paint(_some(generator, _SKIES, 0.02) * 1.2))
    if generator.random() < 0.5:  # blinds, or what is outside
        for line in np.arange(box[1], box[3], max(0.03 * side, 2)):
            draw.line((box[0], line, box[2], line), frame, max(1, side // 100))
    else:
        draw.rectangle(
            (box[0], box[3] - generator.uniform(0.1, 0.3) * side, *box[2:]), _paint(_some(generator, _LEAVES))
        )
    for line in np.linspace(box[0], box[2], generator.integers(2, 4)):
        draw.line((line, box[1], line, box[3]), frame, max(1, side // 50))
    draw.rectangle(box, None, frame, max(1, side // 40))


def _frames(generator, draw, side, colour):
    for _ in range(generator.integers(1, 5)):
        box = _box(*generator.uniform((0, 0), (1, 0.5)), *generator.uniform(0.1, 0.3, 2), side)
        draw.rectangle(
            box, _paint(_some(generator, _BOOKS)), _paint(np.full(3, generator.random())), max(1, side // 50)
        )


def _plant(generator, draw, side, colour):
    x, y, size = generator.uniform(0, 1), generator.uniform(0.3, 0.9), generator.uniform(0.05, 0.18)
    draw.rectangle(_box(x, y + size, size, size, side), _paint(colour))
    for leaf_x, leaf_y in generator.normal((x, y), size, (40, 2)).tolist():
        width, height = generator.uniform(0.2, 0.6, 2) * size
        draw.ellipse(_box(leaf_x, leaf_y, width, height, side), _paint(_some(generator, _LEAVES, 0.02)))


def _lamp(generator, draw, side, colour):
    x, y = generator.uniform((0, 0), (1, 0.5))
    draw.line((x * side, y * side, x * side, side), _paint(colour * 0.4), max(1, side // 64))
    size = generator.uniform(0.04, 0.14)
    draw.ellipse(_box(x, y, 1.8 * size, 1.8 * size, side), _paint((0.95, 0.8, 0.55)))
    draw.ellipse(_box(x, y, size, size, side), (255, 250, 235))


def _people(generator, draw, side, colour):
    for _ in range(generator.integers(1, 4)):
        x, y, size = generator.uniform(0, 1), generator.uniform(0.25, 0.6), generator.uniform(0.04, 0.09)
        body = (x * side, (y + 3 * size) * side)
        clothes, skin = _some(generator, _BOOKS, 0.05), np.array((0.75, 0.57, 0.47)) * generator.uniform(0.4, 1.1)
        draw.rounded_rectangle(
            (body[0] - 2 * size * side, (y + 1.4 * size) * side, body[0] + 2 * size * side, 1.2 * side),
            size * side, _paint(clothes),
        )  # fmt: skip
        draw.rectangle(_box(x, y + size, 0.8 * size, 1.4 * size, side), _paint(skin * 0.7))
        draw.ellipse(_box(x, y - 0.2 * size, 1.8 * size, 2.5 * size, side), _paint(skin * 0.2))
        draw.ellipse(_box(x, y + 0.15 * size, 1.5 * size, 2.1 * size, side), _paint(skin))


def _furniture(generator, draw, side, colour):
    """A cupboard, a door, a screen, a board: a large rectangle with lines and a handle."""
    x, y = generator.uniform((0, 0.3), (1, 1))
    width, height = generator.uniform((0.2, 0.3), (0.6, 1.0))
    box = _box(x, y, width, height, side)
    body = _some(generator, np.concatenate([colour[None], _BOOKS]), 0.03)
    draw.rectangle(box, _paint(body), _paint(body * 0.6), max(1, side // 64))
    for line in np.linspace(box[0], box[2], generator.integers(2, 5))[1:-1]:
        draw.line((line, box[1], line, box[3]), _paint(body * 0.65), max(1, side // 80))
    for line in np.linspace(box[1], box[3], generator.integers(2, 5))[1:-1]:
        draw.line((box[0], line, box[2], line), _paint(body * 0.7), max(1, side // 80))


def _curtain(generator, draw, side, colour):
    left, width = generator.uniform(-0.1, 0.9), generator.uniform(0.15, 0.5)
    cloth = _some(generator, colour[None], 0.05)
    for x in np.arange(left, left + width, 0.02):
        shade = 0.85 + 0.2 * np.sin(60 * x + 4 * np.sin(9 * x))
        draw.rectangle((x * side, 0, (x + 0.03) * side, side), _paint(cloth * shade))


def _outdoors(generator, canvas, colours):
    """Sky, trees or houses, and the ground."""
    side = canvas.width
    draw = ImageDraw.Draw(canvas)
    sky = _SKIES[generator.integers(len(_SKIES))]
    horizon = generator.uniform(0.3, 0.9)
    for y in np.linspace(0, horizon, 8):
        draw.rectangle((0, y * side, side, side), _paint(sky + (0.9 - sky) * (0.7 * y / horizon)))
    if generator.random() < 0.4:  # houses
        x = generator.uniform(-0.3, 0.0)
        while x < 1:
            width, top = generator.uniform(0.15, 0.5), generator.uniform(-0.2, horizon)
            house = _some(generator, _HOUSES, 0.02)
            draw.rectangle((x * side, top * side, (x + width) * side, side), _paint(house))
            for row in np.arange(top + 0.05, 1, generator.uniform(0.08, 0.16)):
                for column in np.arange(x + 0.03, x + width - 0.05, generator.uniform(0.07, 0.12)):
                    draw.rectangle(_box(column + 0.02, row, 0.04, 0.05, side), _paint(house * 0.45))
            x += width
    ground = _some(generator, np.concatenate([_LEAVES[2:4], [(0.5, 0.49, 0.47)]]), 0.02)
    draw.rectangle((0, max(horizon, 0.55) * side, side, side), _paint(ground))
    # Trees and hedges: leaves are noise of several octaves, with holes where other noise has them.
    leaves, holes = _clouds(generator, side, 0.8), _clouds(generator, side, 0.75)
    x, y = _grid(side)
    for _ in range(generator.integers(1, 4)):
        middle, spread = generator.uniform((-1, -1), (1, 2 * horizon - 1)), generator.uniform(0.3, 1.2, 2)
        trunk, top = (0.5 + 0.5 * middle[0]) * side, (0.5 + 0.5 * middle[1]) * side
        thick, foot = 0.04 * side * spread[0], (max(horizon, 0.55) + generator.uniform(0.02, 0.2)) * side
        draw.rectangle((trunk - thick, top, trunk + thick, max(foot, top)), _paint((0.24, 0.19, 0.15)))
        (x_0, y_0), (width, height) = middle.astype(np.float32), spread.astype(np.float32)
        far = ((x - x_0) / width) ** 2 + ((y - y_0) / height) ** 2
        dense = 0.3 + np.float32(0.5) * (np.roll(holes, generator.integers(side), 1) - far)
        dark, bright = _LEAVES[np.sort(generator.choice(len(_LEAVES), 2, replace=False))]
        palette = (255 * np.clip(dark + (bright - dark) * 1.3 * _LEVELS[:, None], 0, 1)).astype(np.uint8)
        tree = palette.take((255 * leaves).astype(np.int32), axis=0, mode="clip")
        canvas.paste(Image.fromarray(tree), mask=Image.fromarray((255 * np.clip(8 * dense - 1, 0, 1)).astype(np.uint8)))
    if generator.random() < 0.3:
        _people(generator, draw, side, colours[0])
