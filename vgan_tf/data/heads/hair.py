"""Hair as geometry: a solid shape over the scalp, thin shells of strands around it, and a curtain where it is long."""

import functools
from typing import NamedTuple

import numpy as np

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.meshes import Normals


class Style(NamedTuple):
    """Lengths in centimetres at a volume of 0.5."""

    top: float  # thickness on the top
    sides: float
    fuzz: float = 0.3  # of loose strands around it
    curl: float = 0.0
    lumps: float = 0.0  # how uneven
    hairline: float = 0.0  # of the forehead, added to the person's
    forward: float = 0.0  # how far it stands over the forehead
    part: float = 0.0  # more on one side than on the other
    curtain: float | None = None  # height of the lower end of what hangs
    knot: tuple = ()  # (height, depth, radius) of a bun


STYLES = {
    "bald": None,
    "stubble": None,
    "short": Style(1.1, 0.5, 0.35, lumps=0.15, forward=0.3),
    "receding": Style(0.7, 0.5, 0.3, lumps=0.1, hairline=2.6),
    "side_part": Style(1.7, 0.6, 0.3, lumps=0.3, forward=0.4, part=0.8),
    "fringe": Style(1.2, 1.0, 0.3, lumps=0.2, hairline=-2.5, curtain=None),
    "afro": Style(4.2, 3.4, 0.9, 1.0, 0.35, forward=0.8),
    "curls": Style(2.4, 2.2, 0.7, 0.7, 0.45, forward=0.8, curtain=-3.0),
    "bob": Style(1.3, 1.1, 0.25, lumps=0.15, curtain=-6.0),
    "long": Style(1.2, 1.0, 0.3, lumps=0.15, curtain=-17.0),
    "tied": Style(0.7, 0.5, 0.2, lumps=0.08),
    "bun": Style(0.8, 0.6, 0.2, lumps=0.1, knot=(15.2, -4.0, 2.7)),
}
CURL = {name: style.curl for name, style in STYLES.items() if style}
SHELLS = 2
# Height of the hair's lower edge, by the angle from the front: forehead, temples, ears, neck.
_EDGE_ANGLES = np.deg2rad([0, 20, 38, 50, 58, 64, 72, 95, 108, 120, 140, 180])
_EDGE_HEIGHTS = np.array([10.0, 10.3, 9.9, 7.8, 5.4, 2.6, 2.2, 3.4, 2.4, -0.6, -3.8, -4.8])
_EDGE_SLOPES = np.gradient(_EDGE_HEIGHTS, 9.0 * _EDGE_ANGLES)  # of a head of 9 cm to each side


def mesh(person, model, head):
    """The hair of a person.

    Args:
        person: `Person`.
        model: `HeadModel`.
        head: float32 `(v, 3)`, the person's head at rest.

    Returns:
        None, or (positions, normals, places, extra, triangles, solid): float32 `(n, 3)` three times, `(n, 4)`, int
        `(t, 3)`, from the outermost inwards, and how many of them, the last, are solid. They face outwards; what is
        seen from both sides is there twice. extra: along a strand, across strands, level of the shell (0 solid, 1
        outermost) and thinness.
    """
    style = STYLES[person.hair_style]
    if style is None or person.head_cover in ("scarf", "beanie"):
        return None
    random = np.random.default_rng([person.seed, 21])
    volume = 0.5 + person.hair_volume
    if person.head_cover == "cap":  # presses it down
        style = style._replace(top=0.2, sides=min(style.sides, 0.6), fuzz=0.2, lumps=0.0, forward=0.0, knot=())
    pieces = [_cap(person, model, head, style, volume, random)]
    if style.curtain is not None:
        pieces.append(_curtain(head, style, volume, random))
    if style.knot and person.head_cover == "none":
        pieces.append(_knot(head, style, random))
    starts = np.cumsum([0, *(len(piece[0]) for piece in pieces)])
    arrays = [np.concatenate([piece[column] for piece in pieces]).astype(np.float32) for column in range(4)]
    solid, loose = ([piece[4 + k] + start for piece, start in zip(pieces, starts, strict=False)] for k in (0, 1))
    triangles = np.concatenate(loose + solid)
    return (*arrays, triangles, sum(map(len, solid)))


def bare_forehead(person):
    """How much higher than usual the roots of the hair begin over the forehead, in cm."""
    style = STYLES[person.hair_style]
    return person.hairline + (max(style.hairline, 0.0) if style else 0.0) + 0.8 * _parted(person)


def _parted(person):
    """Whether hair that hangs is parted, and not cut over the forehead."""
    style = STYLES[person.hair_style]
    return style is not None and style.curtain is not None and style.curl == 0 and person.seed % 5 != 2


class _Scalp(NamedTuple):
    """A grid over the scalp: each of its points is a mean of vertices of the model."""

    vertices: np.ndarray  # int `(n, 3)`
    shares: np.ndarray  # float `(n, 3)`
    triangles: np.ndarray  # of the points
    place: np.ndarray  # of the points, on the neutral
    angle: np.ndarray  # from the front
    along: np.ndarray
    across: np.ndarray

    def on(self, head):
        """The points on a head, float32 `(v, 3)` -> float64 `(n, 3)`."""
        return np.einsum("nk,nkd->nd", self.shares, head[self.vertices])


_kept = []  # of the last model


def _scalp(model):
    """Where hair may grow: a little more than what the longest fringe covers."""
    if not any(one is model for one, _ in _kept):
        _kept.clear()
        place = model.neutral[: parts.HEAD.stop].astype(np.float64)
        x, y, z = np.abs(place[:, 0]), place[:, 1], place[:, 2]
        ear = (x > 7.9) & (y < 4.6) & (y > -3.0) & (z > -3.5)
        skull = np.flatnonzero((y > -7.5) & ~ear)
        outward = _outward(place[skull])
        rows, columns = 26, 44
        polar, around = np.meshgrid(
            np.linspace(0.02, 2.05, rows), np.linspace(-np.pi, np.pi, columns), indexing="ij"
        )  # from the crown, round it from the front
        directions = np.stack(
            [np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1
        ).reshape(-1, 3)
        turn = np.deg2rad(15)  # the crown lies behind the top
        directions = directions @ np.array(
            [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]
        )
        nearness = directions @ outward.T
        nearest = np.argsort(-nearness, axis=1)[:, :3]
        distance = np.arccos(np.clip(np.take_along_axis(nearness, nearest, axis=1), -1, 1))
        shares = 1 / (distance + 1e-3)
        shares /= shares.sum(axis=1, keepdims=True)
        vertices = skull[nearest]
        place = np.einsum("nk,nkd->nd", shares, place[vertices])
        angle = np.arctan2(np.abs(place[:, 0]), place[:, 2] + 1.0)
        edge = np.interp(angle, _EDGE_ANGLES, _EDGE_HEIGHTS) - 3.2 * (angle < np.deg2rad(60)) - 0.6
        triangles = _grid_triangles(rows, columns)
        triangles = triangles[(place[:, 1] > edge)[triangles].all(axis=1)]
        along, across = polar.ravel() * 8.0, around.ravel() * 6.0
        _kept.append((model, _Scalp(vertices, shares, triangles, place, angle, along, across)))
    return _kept[0][1]


def _outward(points):
    centre = points - np.array([0, 3.0, -1.5])
    return centre / np.linalg.norm(centre, axis=1, keepdims=True)


def roots(place):
    """Where hair has its roots, and ears.

    Args:
        place: float `(v, 3)`, on the neutral.

    Returns:
        float32 `(v, 3)`: height over the edge of the hair in cm, negative where none grows; how much the hairline of a
        person counts; 1 on ears.
    """
    x, y, z = np.abs(place[:, 0]), place[:, 1], place[:, 2]
    angle = np.arctan2(x, z + 1.0)
    ear = _smooth_step(7.4, 8.2, x) * _smooth_step(-2.6, -1.0, y) * (1 - _smooth_step(4.4, 6.0, y)) * (z > -4)
    height = y - np.interp(angle, _EDGE_ANGLES, _EDGE_HEIGHTS) - 9 * ear
    height[(y < -6) | ((z > 8.5) & (y < 7))] = -9
    return np.stack([height, 1 - _smooth_step(0.7, 1.08, angle), ear], axis=1).astype(np.float32)


def _smooth_step(low, high, value):
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _waves(random, points, size):
    """A smooth random field over points `(n, 3)`, about -1 to 1: a few waves of wavelengths around `size`."""
    total = np.zeros(len(points))
    for _ in range(8):
        direction = random.standard_normal(3)
        direction *= 2 * np.pi / size / np.linalg.norm(direction) * random.uniform(0.6, 1.4)
        total += np.sin(points @ direction + random.uniform(0, 7))
    return total / 4


def _cap(person, model, head, style, volume, random):
    scalp = _scalp(model)
    place, points = scalp.place, scalp.on(head)
    edge = np.interp(scalp.angle, _EDGE_ANGLES, _EDGE_HEIGHTS)
    front = 1 - _smooth_step(np.deg2rad(40), np.deg2rad(62), scalp.angle)
    uneven = 0.25 * _waves(random, place, 2.2) + 0.10 * _waves(random, place, 0.9)
    inside = place[:, 1] - edge - front * (style.hairline + person.hairline)
    inside = inside / np.hypot(1, np.interp(scalp.angle, _EDGE_ANGLES, _EDGE_SLOPES)) + uneven  # from the nearest edge
    side = 1.0 if person.seed % 2 else -1.0
    if style.hairline < 0:  # a fringe is longer on one side
        inside = inside + 0.13 * front * side * place[:, 0]
    parted = _parted(person)
    parting = side * 0.2 * (person.seed // 5 % 11)  # cm from the middle
    from_parting = place[:, 0] - parting
    if parted:  # opens over the forehead
        inside = inside + front * (0.3 - 1.2 * np.exp(-((from_parting / 2.2) ** 2)))
    outward = _outward(points)
    height = _smooth_step(4.0, 11.0, place[:, 1])
    thick = (style.sides + (style.top - style.sides) * height) * volume
    if style.curl > 0.5:  # a wall of curls, up to its edge
        inside = inside + 0.6
    thick = thick * (1 + style.part * 0.5 * np.tanh((place[:, 0] * side + 2.5) / 1.5) * height)
    thick = thick * (1 + style.lumps * _waves(random, place, 3.5))
    width = np.interp(style.top, [1, 3], [2.0, 0.6]) + 2.0 * (1 - front) * (style.top < 2)
    taper = _smooth_step(0.4, width + 0.8, inside)
    solid = points + outward * (0.12 + np.maximum(thick, 0.1) * taper)[:, None]
    stand = style.forward * volume * front * _smooth_step(0.6, 2.2, inside) * (1 - _smooth_step(2.2, 5.5, inside))
    solid += stand[:, None] * np.array([0.0, 0.15, 1.0])
    thin = 1 - _smooth_step(-0.5, 0.6, inside)
    along, across = scalp.along, scalp.across + (style.part * 1.5 * side * place[:, 0] * height)
    if parted:  # combed from the parting to both sides
        along, across = np.abs(from_parting), np.arctan2(place[:, 1] - 2.0, place[:, 2] + 1.0) * 8
        solid -= outward * (0.35 * np.exp(-((from_parting / 0.7) ** 2)))[:, None]
    levels = np.arange(SHELLS + 1) / SHELLS
    positions = np.concatenate(
        [solid + outward * (style.fuzz * volume * level * (0.3 + 0.7 * taper))[:, None] for level in levels]
    )
    count = len(points)
    extra = np.stack(
        [
            np.tile(along, SHELLS + 1),
            np.tile(across, SHELLS + 1),
            np.repeat(levels, count),
            np.tile(thin, SHELLS + 1),
        ],
        axis=1,
    )
    kept = scalp.triangles[(inside[scalp.triangles] > -0.4).any(axis=1)]
    outside = Normals(kept).of(solid)
    # Where it stands out its inside is seen.
    edge = kept if style.curl > 0.5 else kept[(inside[kept] < 2.5).any(axis=1)]
    loose = np.concatenate([kept + count * level for level in range(SHELLS, 0, -1)])
    kept = np.concatenate([kept, edge[:, ::-1]])
    normals = np.tile(outside, (SHELLS + 1, 1))
    return positions, normals, np.tile(place, (SHELLS + 1, 1)), extra, kept, loose


def _curtain(head, style, volume, random):
    """What hangs from the temples round the back, in three layers."""
    top_half = head[parts.HEAD]
    top_half = top_half[top_half[:, 1] > 4]
    wide, back = np.abs(top_half[:, 0]).max(), top_half[:, 2].min()
    thick = style.sides * volume + 0.15
    around, down = 40, 16
    first = np.deg2rad(random.uniform(46, 62))
    angles = np.linspace(-(np.pi - first), np.pi - first, around) + np.pi  # 0 is the front
    heights = np.linspace(8.5, style.curtain, down)
    angle, height = np.meshgrid(angles, heights)
    fallen = _smooth_step(5.0, style.curtain, height) if style.curtain < 5 else height * 0
    ends = random.uniform(-0.8, 0.8, around)
    height = height + fallen * ends * (0.6 if style.curl else 0.35)
    # Follows the skull at its upper end, hangs below; a bob turns inwards at its end, long hair spreads on shoulders.
    skull = np.sqrt(np.clip(1 - ((height - 4.5) / 11.0) ** 2, 0.35, 1))
    hanging = np.where(height < 4.5, 1.0, skull)
    spread = (
        np.interp(height, [-20, -13, -6, 4.5], [1.28, 1.10, 0.98, 1.0]) if style.curtain < -10 else 1 - 0.10 * fallen**2
    )
    spread = spread + style.curl * 0.16 * fallen
    over_ears = 1.3 * np.exp(-(((height - 1.0) / 3.5) ** 2))
    radius_x, radius_z = (wide - 0.6 + thick + over_ears) * hanging * spread, (-1.0 - back + thick) * hanging * spread
    rim = np.minimum(np.arange(around), np.arange(around)[::-1]) / (around - 1)
    under = 1 - 0.15 * np.maximum(1 - rim / 0.12, 0) * _smooth_step(2.0, 7.0, height)  # the cap
    radius_x, radius_z = radius_x * under, radius_z * under
    layers = []
    for layer, level in enumerate((0.0, 0.45, 0.9)):
        points = np.stack(
            [np.sin(angle) * (radius_x + 0.3 * layer), height, -1.0 + np.cos(angle) * (radius_z + 0.3 * layer)], axis=-1
        )
        flat = points.reshape(-1, 3)
        lumps = style.lumps + 0.5 * style.curl
        outward = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1).reshape(-1, 3)
        flat = (
            flat + outward * (lumps * volume * _waves(np.random.default_rng(layer), flat * (1, 0.3, 1), 3.0))[:, None]
        )
        thin = np.maximum(1 - rim / 0.08, 0)[None, :] * 0.4 + _smooth_step(0.8, 1.0, fallen) * 0.45
        along = (9.0 - height).ravel() + 6.0
        across = (angle * 7.0).ravel()
        extra = np.stack([along, across, np.full(len(flat), level), thin.ravel()], axis=1)
        layers.append((flat, outward, flat, extra))
    arrays = [np.concatenate([one[column] for one in layers]) for column in range(4)]
    grid = _grid_triangles(down, around)
    both = np.concatenate([grid, grid[:, ::-1]])
    return (*arrays, both, np.concatenate([both + around * down * layer for layer in range(len(layers) - 1, 0, -1)]))


@functools.cache
def _grid_triangles(rows, columns):
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    below = corner + columns
    return np.concatenate(
        [np.stack([corner, below, corner + 1], axis=1), np.stack([corner + 1, below, below + 1], axis=1)]
    )


def _knot(head, style, random):
    """A bun."""
    height, depth, radius = style.knot
    top = head[parts.HEAD][:, 1].max() - 14.5
    rows, columns = 12, 20
    polar, around = np.meshgrid(
        np.linspace(0.05, np.pi - 0.05, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij"
    )
    outward = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], axis=-1)
    outward = outward.reshape(-1, 3)
    size = radius * (1 + 0.12 * _waves(random, outward * 3, 2.0))
    points = outward * size[:, None] * (1.1, 0.85, 1.0) + (0, height + top, depth)
    extra = np.stack([(polar * 3).ravel(), (around * 5).ravel(), np.zeros(len(points)), np.zeros(len(points))], axis=1)
    grid = _grid_triangles(rows, columns)
    return points, outward, points, extra, np.concatenate([grid, grid[:, ::-1]]), grid[:0]
