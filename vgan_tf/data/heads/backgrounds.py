"""What is behind a head: walls, studio paper, rooms, gardens and streets, as blurred as the lens has them."""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vgan_tf.data.heads.occluders import LINEAR, light_on

_BOOKS = np.array([
    (0.46, 0.24, 0.2), (0.22, 0.3, 0.42), (0.85, 0.8, 0.7), (0.27, 0.34, 0.27), (0.15, 0.14, 0.15), (0.55, 0.42, 0.3),
])  # fmt: skip
_LEAVES = np.array([(0.1, 0.14, 0.08), (0.15, 0.22, 0.1), (0.28, 0.36, 0.17), (0.42, 0.48, 0.26), (0.58, 0.58, 0.36)])
_SKIES = np.array([(0.42, 0.62, 0.9), (0.7, 0.82, 0.95), (0.88, 0.9, 0.93), (0.8, 0.8, 0.78)])


def draw(nuisance, size):
    """Draw the background that a nuisance names, in the light that falls on the face from the front.

    Returns:
        float32 `(size, size, 3)`, linear RGB; bright windows and skies are above 1.
    """
    generator = np.random.default_rng(nuisance.background_seed)
    colours = np.array(nuisance.background_colours)
    if nuisance.background == "plain":
        picture = LINEAR[np.round(255 * colours[0]).astype(np.uint8)]
    elif nuisance.background == "gradient":
        angle = generator.uniform(0, 2 * np.pi)
        x, y = _grid(size)
        share = np.clip(0.5 + 0.6 * (np.cos(angle) * x + np.sin(angle) * y), 0, 1)
        picture = _linear(colours[0] + share[..., None] * (colours[1] - colours[0]))
    elif nuisance.background == "noise":
        share = _clouds(generator, size, generator.uniform(0.3, 0.65))
        picture = _linear(colours[0] + share[..., None] * (colours[1] - colours[0]))
    else:
        # What is out of focus needs no pixels: half of them are faster drawn and blurred.
        side = size if nuisance.background_blur * size < 1.5 else size // 2
        canvas = Image.new("RGB", (side, side))
        (_room if nuisance.background == "clutter" else _outdoors)(generator, canvas, colours)
        canvas = canvas.filter(ImageFilter.GaussianBlur(max(0.6, nuisance.background_blur * side)))
        if side != size:
            canvas = canvas.resize((size, size), Image.Resampling.BILINEAR)
        uneven = np.float32(0.85) + np.float32(0.3) * _clouds(generator, size, 0.5)  # nothing real is of one colour
        picture = _GLOWING.take(np.asarray(canvas)) * uneven[..., None]
    return picture * _falloff(generator, size)[..., None] * light_on(nuisance, (0.0, 0.0, 1.0))


# What is nearly white in a room or a street is a source of light.
_GLOWING = (LINEAR * (1 + np.clip((np.arange(256) - 225) / 30, 0, 1))).astype(np.float32)


@functools.cache
def _grid(size):
    """x and y of the pixels, from -1 to 1: float32 `(1, size)` and `(size, 1)`."""
    line = np.linspace(-1, 1, size, dtype=np.float32)
    return line[None, :], line[:, None]


def _linear(colours):
    return LINEAR.take((255 * np.clip(colours, 0, 1)).astype(np.uint8))


def _falloff(generator, size):
    """A pool of light somewhere behind the head, darker away from it: float32 `(size, size)`, about 1."""
    x, y = _grid(size)
    middle_x, middle_y = generator.normal(0, 0.4, 2).astype(np.float32)
    strength = np.float32(generator.uniform(0.02, 0.22) if generator.random() < 0.8 else generator.uniform(0.2, 0.45))
    slope = np.float32(generator.normal(0, 0.08))
    pool = (x - middle_x) ** 2 + (y - middle_y) ** 2
    return (np.float32(1.08) + slope * x) / (1 + strength * pool)


def _clouds(generator, size, rough):
    """Noise of several octaves, each `rough` times as strong as the one before: float32 `(size, size)`, about 0 to 1."""
    side = int(generator.integers(2, 6))
    value, amplitude = generator.random((side, side), np.float32), 1.0
    while side < size:
        side = min(2 * side, size)
        amplitude *= rough
        value = np.asarray(Image.fromarray(value).resize((side, side), Image.Resampling.BILINEAR))
        value = value + np.float32(amplitude) * (generator.random((side, side), np.float32) - np.float32(0.5))
    return value


def _paint(colour):
    """RGB in about [0, 1] -> what Pillow takes."""
    return tuple(int(255 * min(max(channel, 0.0), 1.0)) for channel in colour)


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
        x = left
        while x < left + width:
            thick, tall = generator.uniform(0.012, 0.05) * side, generator.uniform(0.45, 0.9) * depth
            if generator.random() < 0.85:
                book = (x, shelf + depth - tall, x + thick, shelf + depth)
                draw.rectangle(book, _paint(_some(generator, _BOOKS, 0.05)))
            x += thick
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
        width, height = generator.uniform(0.1, 0.5, 2) * size
        draw.ellipse(_box(leaf_x, leaf_y, width, height, side), _paint(_some(generator, _LEAVES, 0.02)))


def _foliage(generator, canvas, middle, spread):
    """A tree, a hedge or a wood: leaves as noise of several octaves, with holes where other noise has them."""
    side = canvas.width
    x, y = _grid(side)
    far = ((x - 2 * middle[0] + 1) / (2 * spread[0])) ** 2 + ((y - 2 * middle[1] + 1) / (2 * spread[1])) ** 2
    dense = _clouds(generator, side, 0.75) - far * np.float32(0.5)
    light = _clouds(generator, side, 0.8)
    dark, bright = np.sort(generator.choice(len(_LEAVES), 2, replace=False))
    steps = np.linspace(0, 1, 256)[:, None]
    palette = (255 * np.clip(_LEAVES[dark] + (_LEAVES[bright] - _LEAVES[dark]) * 1.3 * steps, 0, 1)).astype(np.uint8)
    leaves = palette.take((255 * np.clip(light, 0, 1)).astype(np.uint8), axis=0)
    canvas.paste(Image.fromarray(leaves), mask=Image.fromarray((255 * np.clip(8 * dense - 1, 0, 1)).astype(np.uint8)))


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
            house = _some(generator, colours, 0.03)
            draw.rectangle((x * side, top * side, (x + width) * side, side), _paint(house))
            for row in np.arange(top + 0.05, 1, generator.uniform(0.08, 0.16)):
                for column in np.arange(x + 0.03, x + width - 0.05, generator.uniform(0.07, 0.12)):
                    draw.rectangle(_box(column + 0.02, row, 0.04, 0.05, side), _paint(house * 0.45))
            x += width
    ground = _some(generator, np.concatenate([_LEAVES[2:4], [(0.5, 0.49, 0.47)]]), 0.02)
    draw.rectangle((0, max(horizon, 0.55) * side, side, side), _paint(ground))
    for _ in range(generator.integers(1, 4)):  # trees and hedges
        middle = generator.uniform((0, 0), (1, horizon))
        spread = generator.uniform(0.15, 0.6, 2)
        if generator.random() < 0.3:
            draw.rectangle(_box(middle[0], 0.7, 0.05, 0.6, side), _paint((0.24, 0.19, 0.15)))
        _foliage(generator, canvas, middle, spread)
    if generator.random() < 0.3:
        _people(generator, draw, side, colours[0])
