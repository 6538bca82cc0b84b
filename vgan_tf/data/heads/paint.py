"""Where on a face lips, brows, beard and lines are: maps over the front of the model, looked up by its shaders.

A vertex of the neutral model at (x, y) looks up the place (x, y) of a map, whatever the person's shape and motion are.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

MAP_SIZE = 512
LEFT, RIGHT, BOTTOM, TOP = -10.0, 10.0, -10.0, 13.0  # cm, of the maps
WINDOW = LEFT, BOTTOM, 1 / (RIGHT - LEFT), 1 / (TOP - BOTTOM)  # as shaders take it
NOISE_SIZE = 256


def maps(model):
    """Paint the maps of a model.

    Returns:
        list of two uint8 arrays `(MAP_SIZE, MAP_SIZE, 4)`, the lowest row first:
        lips, brows (1 along their middle), upper lids up to the brows, below the eyes;
        cheeks and nose, beard, moustache, lines of age.
    """
    marks = model.neutral[model.landmarks][:, :2]
    lips = _polygon(_smooth(marks[48:60]), 0.09)
    brows = np.maximum(_brow(marks[17:22]), _brow(marks[22:27]))
    lids = np.maximum(*(_upper_lid(marks[eye], marks[brow]) for eye, brow in _EYES))
    rings = np.maximum(*(_below_eye(marks[eye]) for eye, _ in _EYES))
    cheeks = np.maximum.reduce([_blob(side * 4.6, -0.6, 2.6, 2.0) for side in (-1, 1)] + [_blob(0, 0.3, 1.5, 1.5)])
    return [
        _stack(lips, brows, lids, rings),
        _stack(cheeks, *_beard(marks, lips), _lines(marks)),
    ]


_EYES = ((slice(36, 42), slice(17, 22)), (slice(42, 48), slice(22, 27)))


def noise():
    """Four independent fields of smooth noise that tile: uint8 `(NOISE_SIZE, NOISE_SIZE, 4)`, mean about 128."""
    random = np.random.default_rng(7)
    channels = []
    for _ in range(4):
        spectrum = np.fft.fft2(random.standard_normal((NOISE_SIZE, NOISE_SIZE)))
        frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(NOISE_SIZE) * NOISE_SIZE] * 2))
        field = np.fft.ifft2(spectrum * np.exp(-((frequency / 60) ** 2))).real
        channels.append(np.clip(field / field.std() * 42 + 128, 0, 255))
    return np.stack(channels, axis=-1).astype(np.uint8)


def _pixels(points):
    x = (np.asarray(points)[:, 0] - LEFT) / (RIGHT - LEFT) * MAP_SIZE
    y = (TOP - np.asarray(points)[:, 1]) / (TOP - BOTTOM) * MAP_SIZE
    return np.stack([x, y], axis=1)


def _grid():
    x = LEFT + (np.arange(MAP_SIZE) + 0.5) / MAP_SIZE * (RIGHT - LEFT)
    y = TOP - (np.arange(MAP_SIZE) + 0.5) / MAP_SIZE * (TOP - BOTTOM)
    return np.meshgrid(x, y)


def _stack(*fields):
    """Fields in [0, 1], the highest row first -> uint8, the lowest row first."""
    return np.ascontiguousarray(np.stack([np.clip(field, 0, 1) * 255 for field in fields], axis=-1)[::-1], np.uint8)


def _polygon(points, soft):
    """1 within a polygon, with an edge of `soft` centimetres."""
    image = Image.new("L", (MAP_SIZE, MAP_SIZE))
    ImageDraw.Draw(image).polygon([tuple(p) for p in _pixels(points)], fill=255)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(soft / (RIGHT - LEFT) * MAP_SIZE)), np.float32) / 255


def _smooth(points, times=3):
    """Round the corners of a closed polygon (Chaikin)."""
    for _ in range(times):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1).reshape(-1, 2)
    return points


def _curve(points, count=60):
    """A polyline with `count` points along a line through `points`, rounded."""
    places = np.linspace(0, len(points) - 1, count)
    line = np.stack([np.interp(places, np.arange(len(points)), column) for column in np.asarray(points).T], axis=1)
    kernel = np.ones(9) / 9
    padded = np.pad(line, ((4, 4), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)


def _distance(line):
    """Distance to a polyline, and how far along it (0 to 1) the nearest point is: two `(MAP_SIZE, MAP_SIZE)`."""
    x, y = _grid()
    best, along = np.full(x.shape, np.inf), np.zeros(x.shape)
    for number, (px, py) in enumerate(line):
        distance = (x - px) ** 2 + (y - py) ** 2
        nearer = distance < best
        best, along = np.where(nearer, distance, best), np.where(nearer, number / (len(line) - 1), along)
    return np.sqrt(best), along


def _brow(points):
    """1 along the middle of a brow; falls to 0.5 where a usual brow ends, to 0 at twice that."""
    line = points if points[0, 0] < 0 else points[::-1]  # from the temple to the nose
    line = line + np.array([0.0, -0.12])
    distance, along = _distance(_curve(line))
    # Pointed at the temple, full near the nose.
    width = 0.10 + 0.30 * np.clip(along / 0.55, 0, 1) - 0.05 * np.clip((along - 0.8) / 0.2, 0, 1)
    return np.clip(1 - 0.5 * distance / width, 0, 1)


def _upper_lid(eye, brow):
    """1 on the upper lid, fading towards the brow."""
    x, y = _grid()
    centre, width = eye.mean(axis=0), np.ptp(eye[:, 0])
    low, high = eye[1:3, 1].mean(), brow[:, 1].mean()
    across = np.clip(1.15 - np.abs(x - centre[0]) / width * 1.7, 0, 1)
    return across * np.clip(1 - (y - low) / (high - low), 0, 1) * (y > eye[:, 1].mean() - 0.1)


def _below_eye(eye):
    centre, width = eye.mean(axis=0), np.ptp(eye[:, 0])
    return _blob(centre[0] * 0.95, eye[4:6, 1].mean() - 0.55, width * 0.55, 0.5)


def _blob(x0, y0, width, height):
    x, y = _grid()
    return np.exp(-(((x - x0) / width) ** 2) - ((y - y0) / height) ** 2)


def _beard(marks, lips):
    """(beard, moustache): 1 where they grow."""
    x, y = _grid()
    nose, mouth, chin = marks[33], marks[[48, 54]].mean(axis=0), marks[8]
    # From the ears down along the cheeks: the upper edge falls from the temples to the corners of the mouth.
    heights = np.array([-0.9, -0.7, 0.4, 0.9, 0.5, 0.8 - mouth[1], 3.6 - mouth[1]])  # meets the moustache
    edge = mouth[1] + np.interp(np.abs(x), [0, 1.0, 2.3, 3.1, 4.3, 6.3, 7.6], heights)
    beard = 1 / (1 + np.exp((y - edge) / 0.28))
    under = np.clip((y - (chin[1] - 1.8 + 0.1 * x**2)) / 1.4, 0, 1)  # gone on the neck
    half = np.abs(x) / 2.9
    line = nose[1] - 0.62 - 0.75 * half**2
    moustache = (
        np.exp(-(((y - line) / 0.50) ** 2)) * np.clip((1.02 - half) / 0.15, 0, 1) * (0.55 + 0.45 * np.abs(half) ** 0.5)
    )
    bare = 1 - np.clip(lips * 1.3, 0, 1)
    return beard * under * bare, np.clip(moustache * 1.25, 0, 1) * bare


def _lines(marks):
    """Lines of age, 1 at their depth: across the forehead, at the corners of the eyes, from nose to mouth."""
    lines = np.zeros((MAP_SIZE, MAP_SIZE))

    def add(points, width, strength):
        distance, along = _distance(_curve(np.asarray(points)))
        fade = np.clip(np.minimum(along, 1 - along) * 5, 0, 1)
        np.maximum(lines, strength * fade * np.exp(-((distance / width) ** 2)), out=lines)

    for height in (7.7, 8.5, 9.3):
        add(
            [
                (-3.6, height - 0.25),
                (-1.5, height + 0.1),
                (0, height - 0.08),
                (1.5, height + 0.1),
                (3.6, height - 0.25),
            ],
            0.09,
            0.7,
        )
    for side in (-1, 1):
        wing, corner = marks[31 if side < 0 else 35], marks[48 if side < 0 else 54]
        outer = np.array([corner[0] + side * 0.75, corner[1] - 0.25])
        add([wing + (side * 0.5, 0.75), (wing + outer) / 2 + (side * 0.75, 0.35), outer], 0.16, 1.0)
        add([corner + (side * 0.15, -0.25), corner + (side * 0.45, -1.2)], 0.12, 0.5)
        eye = marks[36 if side < 0 else 45]
        for rise in (-0.5, 0.0, 0.5):
            add([eye + (side * 0.45, rise * 0.35), eye + (side * 1.35, rise * 1.3 - 0.1)], 0.06, 0.6)
        add([(side * 0.3, 5.3), (side * 0.38, 6.5)], 0.08, 0.5)
        inner = marks[39 if side < 0 else 42]
        add([inner + (side * 0.1, -0.45), inner + (side * 1.2, -1.0), inner + (side * 2.2, -1.0)], 0.1, 0.5)
    return lines
