"""Caps, beanies and headscarves: shells over the skull."""

import numpy as np

from vgan_tf.data.heads.clothes import outward, points_at, skin_below
from vgan_tf.data.heads.piece import SKIN, join, sheet

_COLUMNS, _ROWS = 48, 14


def cover(person, model, head):
    """The pieces of a person's head cover.

    Args:
        person: Person; `head_cover` is not "none".
        model: HeadModel.
        head: float32 `(v, 3)`, the person's head at rest.

    Returns:
        list of Piece.
    """
    return {"cap": _cap, "beanie": _beanie, "scarf": _scarf}[person.head_cover](person, model, head)


def _cap(person, model, head):
    generator = np.random.default_rng([person.seed, 22])
    colour = np.array(person.head_cover_colour)
    skin, ears, centre = _skull(model, head)
    azimuth = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    ear_top = skin[ears, 1].max()
    rim = _rim(
        azimuth, front=np.radians(72), side=np.pi / 2 + np.arctan2(centre[1] - ear_top - 0.2, 8), back=np.radians(120)
    )
    directions, radius = _shell(skin[~ears], centre, (0, 1, 0), (0, 0, 1), rim)
    share = np.linspace(0, 1, _ROWS + 1)[:, None]
    crown = 0.9 * np.sin(np.pi * share**0.8) * (0.5 + 0.5 * np.cos(azimuth)) + 0.3 * (1 - share)
    points = _sealed(centre, directions, radius + 0.45 + crown)
    seams = np.where(np.arange(_COLUMNS) % 8 == 4, 0.8, 1.0)[None, :, None]
    shades = np.broadcast_to(colour * seams, points.shape).copy()
    second = generator.uniform(0.02, 0.9, 3)
    if generator.random() < 0.3:  # a front panel of another colour
        shades[:, np.cos(azimuth) > 0.62] = second
    brim = second if generator.random() < 0.25 else colour
    return [sheet(points, shades), _visor(points[-2], azimuth, generator.uniform(5.6, 6.8), brim)]


def _skull(model, head):
    """Skin `(n, 3)`, which of it is ears, bool `(n,)`, and the middle of the skull at the height of the brows."""
    brow, skin = head[model.landmarks[[19, 24]], 1].mean(), head[SKIN]
    front = skin[np.abs(skin[:, 1] - brow) < 1, 2].max()
    return skin, _ears(model), np.array([0, brow, front - 9.5])


def _visor(rim, azimuth, length, colour):
    """The visor before the front of a rim `(columns, 3)`: an upper and a lower sheet."""
    across = np.linspace(-1, 1, 15)
    edge = np.stack(
        [np.interp(across * np.radians(58), _signed(azimuth), rim[_order(azimuth), k]) for k in range(3)], 1
    )
    forward = np.linspace(0, 1, 5)[:, None]
    reach = length * np.sqrt(1 - across**2)
    line = edge[:, 2].max() - edge[:, 2]
    points = np.repeat(edge[None], 5, 0)
    points[..., 2] += -0.2 + forward * (reach + 0.35 * line * (1 - across**2))
    points[..., 0] *= 1 - 0.03 * forward
    points[..., 1] += 0.1 - forward * reach * (0.3 + 0.25 * across**2)
    below = points - np.array([0, 0.22, 0])
    lower = sheet(below[:, ::-1], 0.7 * np.asarray(colour), closed=False)
    border = sheet(np.stack([points[-1], below[-1]]), colour, closed=False)
    return join([sheet(points, colour, closed=False), lower, border])


def _beanie(person, model, head):
    generator = np.random.default_rng([person.seed, 22])
    colour = np.array(person.head_cover_colour)
    skin, ears, centre = _skull(model, head)
    azimuth = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    cut = generator.uniform(-1.2, 0.3)  # how far it covers the ears
    side = np.pi / 2 + np.arctan2(centre[1] - skin[ears, 1].max() - cut, 8)
    rim = _rim(azimuth, front=np.radians(generator.uniform(72, 78)), side=side, back=np.radians(122))
    directions, radius = _shell(skin, centre, (0, 1, 0), (0, 0, 1), rim)
    share = np.linspace(0, 1, _ROWS + 1)[:, None]
    slouch = generator.uniform(0.2, 2.4)
    top = 0.5 + 0.5 * np.cos(np.pi * np.minimum(share / 0.75, 1))
    radius = radius + 0.5 + slouch * top * (1 - 0.4 * share * np.cos(azimuth))
    cuff = share >= 0.72
    radius = radius + 0.4 * (np.clip((share - 0.66) / 0.06, 0, 1) if generator.random() < 0.75 else 0)
    points = _sealed(centre, directions, radius)
    ribs = np.where(np.arange(_COLUMNS) % 2, 0.82, 1.06)[None, :, None]
    wool = ribs * np.where(cuff, 1.08, 1.0)[..., None] * generator.uniform(0.93, 1.07, (_ROWS + 1, _COLUMNS, 1))
    wool = np.concatenate([wool, wool[-1:]])
    parts = [sheet(points, colour * wool)]
    if generator.random() < 0.3:
        tone = colour if generator.random() < 0.5 else np.array((0.7, 0.68, 0.64))
        parts.append(_ball(points[0, 0] + (0, 1.2, 0), generator.uniform(1.8, 2.5), tone, generator))
    return parts


def _ball(centre, radius, colour, generator):
    """A pompom."""
    polar, azimuth = np.linspace(0.05, 3.1, 7)[:, None], 2 * np.pi * np.arange(12) / 12
    round_ = np.stack(
        [np.sin(polar) * np.sin(azimuth), np.cos(polar) * np.ones(12), np.sin(polar) * np.cos(azimuth)], -1
    )
    uneven = generator.uniform(0.88, 1.12, (7, 12, 1))
    return sheet(centre + radius * uneven * round_, colour * uneven)


def _scarf(person, model, head):
    generator = np.random.default_rng([person.seed, 22])
    colour = np.array(person.head_cover_colour)
    marks, skin = head[model.landmarks], head[SKIN]
    chin, brow = marks[8], marks[[19, 24], 1].mean()
    front = skin[np.abs(skin[:, 1] - brow) < 1, 2].max()
    centre = np.array([0, marks[36:48, 1].mean() - 1, front - 9.5])
    # The opening: along the jaw, below the chin, and up over the forehead.
    height = generator.uniform(2.6, 3.8)
    jaw = marks[0:17].copy()
    jaw[:, 0] *= 1.02
    jaw[:, 2] -= 0.8
    jaw[:, 1:] -= np.array([0.7, 1.0]) * np.clip((marks[0, 1] - jaw[:, 1:2]) / (marks[0, 1] - chin[1]), 0, 1)
    forehead = np.array(
        [
            [6.9, brow, front - 6.0], [5.9, brow + 0.5 * height, front - 4.0], [3.4, brow + 0.85 * height, front - 2.0],
            [0, brow + height, front - 1.2],
        ]
    )  # fmt: skip
    opening = np.concatenate([jaw, forehead, forehead[2::-1] * (-1, 1, 1)]) - centre
    pole, start = _unit(np.array([0, 0.25, -1.0])), _unit(np.array([0, 1.0, 0.25]))
    polar, around = _angles(opening, pole, start)
    azimuth = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    order = np.argsort(around)
    rim = np.interp(azimuth, around[order], polar[order], period=2 * np.pi)
    for _ in range(2):
        rim = (np.roll(rim, 1) + 2 * rim + np.roll(rim, -1)) / 4
    directions, radius = _shell(skin[skin[:, 1] > chin[1] - 0.3], centre, pole, start, rim)
    phase = generator.uniform(0, 6.28, 4)
    share = np.linspace(0, 1, _ROWS + 1)[:, None]
    folds = 0.5 * np.sin(3 * azimuth + 5 * share + phase[0]) + 0.5 * np.sin(7 * azimuth - 6 * share + phase[1])
    points = _sealed(centre, directions, radius + 0.75 + 0.2 * folds * np.sin(np.pi * share))
    shade = np.concatenate([1 + 0.15 * folds, 0.8 + 0 * folds[-1:]])[..., None]
    band = 0.75 if generator.random() < 0.4 else 1.0  # a cap worn under it shows at the edge
    shade[-2:] *= band
    return [sheet(points, colour * shade), _drape(model, head, marks, colour, generator)]


def _drape(model, head, marks, colour, generator):
    """The part of a scarf that falls from chin and nape to the shoulders."""
    chin = marks[8]
    surface = skin_below(model, head, 0.92)
    azimuth = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS
    sine, cosine = np.sin(azimuth), np.cos(azimuth)
    # It begins inside the part over the skull, and leaves the neck's shape for that of the shoulders.
    back = surface[0, _COLUMNS // 2, 2] - 1
    depth = np.where(cosine > 0, chin[2] - 1.5, -back)
    top = np.stack([(marks[14, 0] - 0.2) * sine, chin[1] + 0.6 + 1.2 * (1 - cosine), depth * cosine], 1)
    share = np.linspace(0, 1, _ROWS + 1)[:, None]
    below = points_at(surface, 4 + (12.5 + generator.uniform(0, 2.5)) * share + 0 * azimuth)
    slip = generator.uniform(-0.8, 0.8)
    phase = generator.uniform(0, 6.28, 2)
    # Cloth hangs in arcs: folds run across and slip to one side.
    folds = np.sin(13 * share**0.8 + 2.4 * np.cos(azimuth + slip) + phase[0])
    folds = folds + 0.5 * np.sin(8 * azimuth + 6 * share + phase[1])
    loose = 1.0 + 0.8 * np.sin(np.pi * share) + 0.28 * folds * np.sin(np.pi * np.clip(share + 0.1, 0, 0.5))
    below = below + loose[..., None] * outward(below)
    tight = (share**0.7)[..., None]
    points = top * (1 - tight) + below * tight
    return sheet(points, colour * (1 + 0.13 * folds - 0.3 * (1 - share) ** 3)[..., None], follows="torso")


def _ears(model):
    neutral = model.neutral[SKIN]
    return (np.abs(neutral[:, 0]) > 8.2) & (np.abs(neutral[:, 1]) < 7)


def _rim(azimuth, front, side, back):
    """Polar angle of a rim that is `front` at azimuth 0, `side` at both sides and `back` behind."""
    cosine = np.cos(azimuth)
    return side + np.where(cosine > 0, front - side, back - side) * cosine**2


def _signed(azimuth):
    return np.sort((azimuth + np.pi) % (2 * np.pi) - np.pi)


def _order(azimuth):
    return np.argsort((azimuth + np.pi) % (2 * np.pi) - np.pi)


def _angles(points, pole, start):
    """Polar angle and azimuth of points `(n, 3)` about a pole; azimuth 0 is towards `start`."""
    pole, start = np.asarray(pole, float), np.asarray(start, float)
    unit = _unit(points)
    return (
        np.arccos(np.clip(unit @ pole, -1, 1)),
        np.arctan2(unit @ np.cross(pole, start), unit @ start) % (2 * np.pi),
    )


def _shell(skin, centre, pole, start, rim):
    """A smooth surface over skin.

    Args:
        skin: `(n, 3)`, points to be covered.
        centre: `(3,)`, inside the head.
        pole: unit `(3,)`, from where rows of the surface are counted.
        start: unit `(3,)`, square to the pole, at column 0.
        rim: `(columns,)`, polar angle where the surface ends.

    Returns:
        tuple: unit directions `(rows + 1, columns, 3)` and distances `(rows + 1, columns)` from the centre, at least as
        far as the skin.
    """
    pole, start = np.asarray(pole, float), np.asarray(start, float)
    polar, around = _angles(skin - centre, pole, start)
    column = around * _COLUMNS / (2 * np.pi)
    row = polar / np.interp(
        around, np.append(np.arange(_COLUMNS), _COLUMNS) * 2 * np.pi / _COLUMNS, np.append(rim, rim[0])
    )
    row *= _ROWS
    use = row < _ROWS + 0.6
    low_row, low_column = row[use].astype(int), column[use].astype(int)
    distance = np.linalg.norm(skin[use] - centre, axis=1)
    radius = np.zeros((_ROWS + 2, _COLUMNS))
    for down in (0, 1):
        for right in (0, 1):
            np.maximum.at(radius, (low_row + down, (low_column + right) % _COLUMNS), distance)
    radius = radius[: _ROWS + 1]
    radius[0] = radius[0].max()
    while (empty := radius == 0).any() and not empty.all():
        count = _around(~empty)
        radius = np.where(empty & (count > 0), _around(radius) / np.maximum(count, 1), radius)
    smooth = radius
    for _ in range(6):
        smooth = np.maximum(radius - 0.3, _around(smooth) / _around(np.ones_like(smooth)))
        smooth[0] = max(smooth[1].mean(), smooth[1].max() - 0.2)
    azimuth, angle = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS, np.linspace(0, 1, _ROWS + 1)[:, None] * rim
    side = np.cross(pole, start)
    flat = np.sin(angle)[..., None] * (np.cos(azimuth)[:, None] * start + np.sin(azimuth)[:, None] * side)
    return flat + np.cos(angle)[..., None] * pole, smooth


def _sealed(centre, directions, radius):
    """Points of a shell `(rows + 2, columns, 3)`; a last row, inside the skin, closes the gap under its edge."""
    points = centre + directions * radius[..., None]
    return np.concatenate([points, centre + directions[-1:] * (radius[-1:, :, None] - 1.5)])


def _around(values):
    """Sum over the 3 by 3 neighbours; columns wrap, rows do not."""
    values = np.asarray(values, float)
    wide = np.pad(values + np.roll(values, 1, 1) + np.roll(values, -1, 1), ((1, 1), (0, 0)))
    return wide[:-2] + wide[1:-1] + wide[2:]


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
