"""Neck, shoulders and chest, and what is worn on them."""

import numpy as np

from vgan_tf.data.heads.model import HEAD
from vgan_tf.data.heads.piece import join, sheet, tube

_COLUMNS = 48  # around the body; column 0 is in front, the next one to its left
_NECK_ROWS = 13  # of the model's own surface, from its edge up
# Below the model's edge: half width, z in front, z behind, y at the side, in front, behind; then how much of the edge's
# own shape is left.
_BODY = np.array(
    [
        (12.4, 5.8, -9.2, -14.2, -19.3, -14.9, 1.0), (14.6, 6.3, -9.8, -15.1, -20.4, -16.0, 0.7),
        (16.8, 6.8, -10.3, -16.3, -21.6, -17.4, 0.4), (18.8, 7.3, -10.7, -17.9, -23.0, -19.0, 0.2),
        (20.4, 7.7, -11.0, -19.7, -24.4, -20.8, 0.1), (21.4, 8.1, -11.2, -21.8, -25.8, -22.8, 0.0),
        (22.0, 8.4, -11.4, -24.2, -27.4, -25.0, 0.0), (22.2, 8.8, -11.5, -26.6, -29.2, -27.4, 0.0),
        (22.2, 9.1, -11.5, -29.2, -31.2, -30.0, 0.0), (22.1, 9.4, -11.5, -31.8, -33.4, -32.6, 0.0),
        (22.0, 9.5, -11.4, -34.8, -35.8, -35.4, 0.0), (21.9, 9.5, -11.3, -38.0, -38.6, -38.4, 0.0),
        (21.9, 9.4, -11.2, -42.0, -42.2, -42.0, 0.0), (21.9, 9.2, -11.0, -47.0, -47.0, -47.0, 0.0),
    ]
)  # fmt: skip
# A neckline's height in front and behind, how much it rises to each side for a centimetre of width, and how round it is
# in the middle.
_NECKLINES = {
    "t_shirt": (-18.7, -11.8, 0.55, 4.0), "v_neck": (-24.5, -11.5, 0.85, 0.5), "shirt": (-18.8, -9.6, 0.75, 0.5),
    "jumper": (-15.2, -9.4, 0.28, 4.0), "hood": (-19.4, -11.4, 0.6, 3.0),
}  # fmt: skip


def body(person, model, head):
    """The pieces of a person below the head: bare skin, and clothes.

    Args:
        person: Person.
        model: HeadModel.
        head: float32 `(v, 3)`, the person's head at rest.

    Returns:
        list of Piece, all of which follow the torso.
    """
    generator = np.random.default_rng([person.seed, 23])
    surface = skin_below(model, head, generator.uniform(0.88, 0.99))
    kind = person.clothes
    covered = person.head_cover == "scarf"
    if covered and kind in ("shirt", "hood"):
        kind = "t_shirt"  # collar and hood would show through the scarf
    colour = np.array(person.clothes_colour)
    cloth, shades = _cloth(surface, _neckline(surface, kind, generator), colour, kind, generator)
    parts = [sheet(cloth, shades, follows="torso")]
    if covered:
        return parts
    edge = cloth[0]
    if kind != "jumper":
        parts.append(sheet(surface[_NECK_ROWS - 4 : _NECK_ROWS + 5], person.skin, shine=0.3, follows="torso"))
    if kind == "shirt":
        parts += _collar(surface, edge, colour, generator)
    else:
        parts.append(_band(edge, shades[0], 1.7) if kind == "jumper" else _band(edge, 0.85 * shades[0], 0.55))
    if kind == "hood":
        parts += _hood(surface, edge, colour, generator)
    return parts


def _neck_rings(model):
    """Vertices of the model's skin in rings: those of its open lower edge first, then their neighbours, and so on.

    Returns:
        list of `_NECK_ROWS` int arrays.
    """
    triangles = model.triangles[(model.triangles < HEAD.stop).all(1)]
    triangles = triangles[(model.neutral[triangles, 1] < 0).all(1)]
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    codes, counts = np.unique(edges[:, 0].astype(np.int64) * HEAD.stop + edges[:, 1], return_counts=True)
    border = np.unique(np.concatenate(np.divmod(codes[counts == 1], HEAD.stop)))
    border = border[model.neutral[border, 1] < -11]
    seen = np.zeros(HEAD.stop, bool)
    seen[border] = True
    rings = [border]
    for _ in range(_NECK_ROWS - 1):
        touched = seen[triangles].any(1)
        grown = seen.copy()
        grown[triangles[touched]] = True
        rings.append(np.flatnonzero(grown & ~seen))
        seen = grown
    return rings


def skin_below(model, head, width):
    """Skin from the neck down to the chest.

    Returns:
        `(rows, columns, 3)`; the first `_NECK_ROWS` rows lie on the model's neck, the last of them on its lower edge.
    """
    azimuth = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    rows = []
    for ring in _neck_rings(model)[::-1]:
        points = head[ring]
        flat = points[:, ::2]
        low, high = flat.min(0), flat.max(0)
        around = np.arctan2(*((flat - (low + high) / 2) / (high - low)).T)
        order = np.argsort(around)
        rows.append(
            np.stack([np.interp(azimuth, around[order], points[order, k], period=2 * np.pi) for k in range(3)], 1)
        )
    edge = rows[-1]
    scale = edge[:, 0].max() / _BODY[0, 0]
    drop = np.array([0, edge[0, 1] - _BODY[0, 4], 0])
    deeper = np.array([0, 0, (edge[0, 2] - _BODY[0, 1] + edge[_COLUMNS // 2, 2] - _BODY[0, 2]) / 2])
    grown = np.linspace(1, width, 6)
    first = None
    for number, (half, front, back, side_y, front_y, back_y, kept) in enumerate(_BODY):
        # Rings are rounded boxes.
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        exponent = np.interp(number, [0, 5], [2.5, 3.2])
        corner = (np.abs(sine) ** exponent + np.abs(cosine) ** exponent) ** (-1 / exponent)
        across, along = corner * sine, corner * cosine
        middle, depth = (front + back) / 2, (front - back) / 2
        share = np.abs(across) ** 2.2
        height = np.where(cosine > 0, front_y, back_y) * (1 - share) + side_y * share
        size = scale ** (1 - 0.5 * min(number, 5) / 5) * grown[min(number, 5)]
        points = np.stack([half * size * across, height, middle + depth * size**0.5 * along], 1) + drop + deeper
        if first is None:
            first = points
        else:
            rows.append(points + kept * (edge - first))
    return np.array(rows)


def _neckline(surface, kind, generator):
    """The row of the surface, with a fraction, where cloth begins in each column: `(columns,)`."""
    front, back, rise, bend = _NECKLINES[kind]
    edge = surface[_NECK_ROWS - 1]
    behind = np.clip((edge[0, 2] - surface[..., 2]) / (edge[0, 2] - edge[_COLUMNS // 2, 2]), 0, 1)
    line = front + (back - front) * behind + edge[0, 1] - _BODY[0, 4]
    line += rise * (np.hypot(surface[..., 0], bend) - bend)
    if kind in ("t_shirt", "v_neck", "hood"):
        line += generator.uniform(-0.9, 0.5)
    above = surface[..., 1] - line
    row = np.maximum(1, np.argmax(above < 0, axis=0))
    columns = np.arange(_COLUMNS)
    upper, lower = above[row - 1, columns], above[row, columns]
    return row - 1 + np.clip(upper / np.maximum(upper - lower, 1e-6), 0, 1)


def points_at(surface, rows):
    """Points of the surface at fractional rows `(r, columns)`."""
    rows = np.clip(rows, 0, len(surface) - 1.001)
    low = rows.astype(int)
    part = (rows - low)[..., None]
    columns = np.arange(_COLUMNS)
    return surface[low, columns] * (1 - part) + surface[low + 1, columns] * part


def outward(points):
    """Unit normals of a closed grid `(rows, columns, 3)`, pointing away from the body."""
    down = np.gradient(points, axis=0)
    around = np.roll(points, -1, 1) - np.roll(points, 1, 1)
    normals = np.cross(down, around)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)


def _cloth(surface, neckline, colour, kind, generator):
    """Points and colours of the garment, from the neckline down."""
    share = np.linspace(0, 1, 24)[:, None] ** 1.4
    rows = neckline + share * (len(surface) - 1 - neckline)
    points = points_at(surface, rows)
    normals = outward(points)
    phase = generator.uniform(0, 6.28, 6)
    azimuth = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    x, y = points[..., 0], points[..., 1]
    folds = np.sin(0.55 * y + 3.0 * np.cos(azimuth + phase[0]) + phase[1]) * np.sin(2 * azimuth + phase[2])
    folds = folds + 0.6 * np.sin(5 * azimuth + 0.35 * y + phase[3]) + 0.4 * np.sin(0.9 * x + 0.4 * y + phase[4])
    # Arms hang beside the chest: a crease from the armpits down, before and behind, where there is no skin below.
    crease = np.zeros(_COLUMNS)
    for columns in (np.arange(_COLUMNS // 4), np.arange(_COLUMNS // 4, _COLUMNS // 2)):
        column = columns[np.argmin(np.abs(x[-1, columns] - 0.74 * x[-1].max()))]
        crease[[column, -column]] = 1
    arm = crease * np.clip((rows - _NECK_ROWS - 4.5) / 3, 0, 1)
    begun = np.clip(share * 6, 0, 1)
    loose = 0.35 + {"jumper": 0.45, "hood": 0.6, "shirt": 0.15}.get(kind, 0.1) * begun
    offset = loose + 0.16 * folds * begun - 1.8 * arm
    points = points + offset[..., None] * normals
    shade = (1 + 0.09 * folds * begun) * (1 - 0.5 * arm)
    if kind == "shirt":
        shade = shade * (0.6 + 0.4 * np.clip(share * 12, 0, 1))  # below the collar
    shades = _pattern(points, colour, kind, generator) * shade[..., None]
    return points, shades


def _pattern(points, colour, kind, generator):
    """Colours of a garment: plain, stripes, another colour on the shoulders, or a print on the chest."""
    y = points[..., 1]
    other = np.clip(generator.uniform(0.02, 0.8) + generator.uniform(-0.25, 0.25, 3), 0.01, 0.9)
    drawn, period = generator.random(), generator.uniform(4.5, 8)
    columns = np.broadcast_to(np.arange(_COLUMNS), y.shape)
    if drawn < 0.6:
        part = np.zeros(y.shape)
    elif drawn < 0.8 and kind == "shirt":
        part = 0.6 * (columns % 2)
    elif drawn < 0.85:
        part = np.clip(generator.uniform(0.2, 0.6) + np.cos(2 * np.pi * y / period), 0, 1)
    elif drawn < 0.93:  # another colour on the shoulders
        part = np.clip((y + 23) / 0.8, 0, 1)
    else:
        part = ((columns + 4) % _COLUMNS < 9) & (y < -26) & (y > -37)
    part = np.asarray(part, float)[..., None]
    return colour * (1 - part) + other * part


def _band(edge, colour, height):
    """A rounded hem along the neckline `(columns, 3)`."""
    middle = edge.mean(0)
    away = edge - middle
    away[:, 1] = 0
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    return tube(edge, away, height, 0.5, colour, closed=True, follows="torso")


def _collar(surface, edge, colour, generator):
    """A shirt's collar: it stands up, folds over and ends in two points; and the button placket below."""
    columns = np.arange(1, _COLUMNS)  # it is open in front, at column 0
    ring, angle = edge[columns], 2 * np.pi * columns / _COLUMNS
    front = np.clip(np.cos(angle), 0, 1)[:, None] ** 3
    away = ring - edge.mean(0)
    away[:, 1] = 0
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    up = np.array([0, 1.0, 0])
    top = ring + up * (2.3 - 1.3 * front) + 0.1 * away
    fold = top + 0.5 * away - 0.1 * up
    long = generator.uniform(1.5, 3.2)
    point = np.sign(np.sin(angle))[:, None] * (generator.uniform(1.2, 2.4), 0, 0) - (0, long, -0.8)
    fall = ring + 1.25 * away - 0.8 * up + front * point
    rows = np.stack([ring - 0.4 * up, top, fold, (fold + fall) / 2 + 0.25 * away, fall])
    shades = np.array([0.6, 0.85, 1.15, 1.1, 0.8])[:, None, None] * colour
    collar = sheet(rows, np.broadcast_to(shades, rows.shape), closed=False, follows="torso")
    line = np.concatenate([edge[:1] + (0, 0.9, 0), surface[_NECK_ROWS + 1 :: 2, 0]]) + (0, 0, 0.75)
    return [collar, tube(line, (0, 0, 1), 2.2, 0.3, 1.08 * colour, follows="torso")]


def _hood(surface, edge, colour, generator):
    """A hood that lies behind the neck, and its strings."""
    columns = np.arange(3, _COLUMNS - 2)
    path, angle = edge[columns], 2 * np.pi * columns / _COLUMNS
    behind = 0.5 - 0.5 * np.cos(angle)
    radius = (0.6 + 2.2 * behind**1.5) * generator.uniform(0.85, 1.15)
    away = np.stack([np.sin(angle), 0.0 * angle, np.cos(angle)], 1)
    centre = path + away * (0.8 * radius)[:, None] + np.array([0, 0.5, 0]) * radius[:, None]
    turn = 2 * np.pi * np.arange(6) / 6
    points = centre[:, None] + radius[:, None, None] * (
        np.cos(turn)[None, :, None] * away[:, None] * 0.9 + np.sin(turn)[None, :, None] * np.array([0, 0.85, 0])
    )
    shades = np.broadcast_to(colour * (0.95 + 0.12 * np.sin(turn + 0.8))[None, :, None], points.shape).copy()
    shades *= 1 + 0.08 * np.sin(9 * angle + generator.uniform(0, 6))[:, None, None]
    parts = [sheet(points[:, ::-1], shades, follows="torso")]
    strings = []
    for side in (-1, 1):
        line = surface[_NECK_ROWS - 1 : _NECK_ROWS + 6, 0] + (2.6 * side, 0, 1.0)
        strings.append(tube(line, (0, 0, 1), 0.45, 0.4, np.array((0.75, 0.73, 0.7))))
    return [*parts, join(strings, follows="torso")]
