"""Who is rendered: people drawn at random, and the same for the same seed and number."""

import functools

import numpy as np

from vgan_tf.data.heads.appearance import CLOTHES, Person
from vgan_tf.data.heads.cast import CAST
from vgan_tf.data.heads.motions import rest

MODES = 60  # of identity, that people differ in; later ones cannot be seen at 128 pixels
# Of each of the first modes, in cm, root mean square over the vertices of face and head; half of it for the first,
# which is size.
MODE_SIZES = np.array([
    0.235, 0.315, 0.189, 0.238, 0.170, 0.138, 0.129, 0.097, 0.087, 0.100, 0.065, 0.084,
    0.072, 0.058, 0.067, 0.057, 0.050, 0.051, 0.048, 0.053, 0.029, 0.041, 0.045, 0.040,
])  # fmt: skip
FROM_CAST = 0.5  # cm: farther than 19 of 20 people are from the nearest of 400
MODE_LIMIT = 2.2  # standard deviations
# Along these modes jaw, cheeks and nose grow broader and longer, lips and eyes smaller, each in units of how it varies.
MASCULINE = np.array([-0.80, 0.07, 0.31, 0.16, 0.10, -0.21, -0.18, -0.12, 0.14, 0.03, -0.16, 0.11])
# Linear RGB, from the palest to the darkest.
_SKINS = np.array([
    (0.74, 0.52, 0.43), (0.66, 0.43, 0.33), (0.56, 0.34, 0.24), (0.45, 0.26, 0.17), (0.33, 0.18, 0.115),
    (0.22, 0.115, 0.072), (0.13, 0.066, 0.043), (0.075, 0.040, 0.029),
])  # fmt: skip
_DARK_HAIR = ((0.012, 0.010, 0.009), (0.020, 0.014, 0.011), (0.038, 0.023, 0.015))
_LIGHT_HAIR = (
    (0.085, 0.045, 0.024),
    (0.17, 0.095, 0.048),
    (0.36, 0.22, 0.10),
    (0.50, 0.36, 0.19),
    (0.22, 0.065, 0.022),
)
_BROWN_EYES = ((0.030, 0.014, 0.008), (0.075, 0.036, 0.016), (0.11, 0.060, 0.024))
_LIGHT_EYES = ((0.10, 0.20, 0.30), (0.16, 0.24, 0.28), (0.11, 0.16, 0.09), (0.15, 0.11, 0.045))
_WOMEN_HAIR = {
    "long": 5,
    "bob": 4,
    "tied": 4,
    "fringe": 2,
    "side_part": 2,
    "bun": 2,
    "curls": 3,
    "short": 1,
    "stubble": 0.4,
}
_MEN_HAIR = {
    "short": 6,
    "side_part": 4,
    "stubble": 3,
    "receding": 2,
    "bald": 2,
    "curls": 1.5,
    "fringe": 1,
    "long": 0.7,
    "tied": 0.4,
}
_BEARDS = {"none": 5, "stubble": 3, "beard": 2, "moustache": 0.8, "goatee": 1}


def _choice(random, weighted):
    weights = np.array(list(weighted.values()), float)
    return list(weighted)[int(random.choice(len(weights), p=weights / weights.sum()))]


@functools.lru_cache(maxsize=1024)
def person(seed, index):
    """Draw one person.

    Args:
        seed: int >= 0.
        index: int >= 0; the person does not depend on how many others there are.

    Returns:
        Person.
    """
    random = np.random.default_rng([seed, 31, index])
    man = random.random() < 0.5
    age = float(random.triangular(18, 28, 80))
    old = (age - 18) / 62
    darkness = float(random.uniform(0, 1)) ** 1.15
    place = darkness * (len(_SKINS) - 1)
    skin = np.array([np.interp(place, np.arange(len(_SKINS)), column) for column in _SKINS.T])
    skin = skin * random.uniform(0.92, 1.08) * (1 + random.uniform(-1, 1) * np.array([0.0, 0.05, 0.10]))
    pale = darkness < 0.45
    hair_colour = np.array((_LIGHT_HAIR if pale and random.random() < 0.6 else _DARK_HAIR)[random.integers(3)])
    if pale and random.random() < 0.25:
        hair_colour = np.array(_LIGHT_HAIR[random.integers(len(_LIGHT_HAIR))])
    brow_colour = hair_colour * random.uniform(0.35, 0.7)
    if random.random() < 0.04:  # dyed
        hair_colour = random.uniform(0.02, 0.45, 3)
    grey = float(np.clip(random.normal((old - 0.45) * 2.2, 0.25), 0, 1)) if random.random() < 0.75 else 0.0
    styles = dict(_MEN_HAIR if man else _WOMEN_HAIR)
    if darkness > 0.55:
        styles |= {"afro": 4, "curls": 4, "stubble": 5 if man else 1.5, "fringe": 0.2}
    if man and old > 0.4:
        styles |= {"receding": 8 * old, "bald": 7 * old}
    # Lips have less of the skin's own dye: pink on pale skin, on dark skin from as dark to much lighter.
    mouth = np.random.default_rng([seed, 32, index])
    lips = skin * (0.72, 0.38, 0.46) * random.uniform(0.75, 1.05)
    lips = lips * (np.array(_SKINS[0]) / skin) ** mouth.uniform(0.05, 0.6)
    stick = 0.0
    if not man and random.random() < 0.45:
        stick = float(random.uniform(0.2, 1.0))
        strong = random.uniform(0.12, 0.5) * np.array([1.0, random.uniform(0.10, 0.4), random.uniform(0.15, 0.45)])
        lips = lips * (1 - stick) + strong * stick
    covers = {"none": 20, "cap": 1, "beanie": 1} | ({} if man else {"scarf": 1.2})
    weights = _shape(random, man)
    while distance_to_cast(weights) < FROM_CAST:
        weights = _shape(random, man)
    return Person(
        seed=int(random.integers(2**31)),
        shape=tuple(enumerate(weights.round(4).tolist())),
        rest=rest(seed, index),
        skin=_colour(skin),
        redness=float(random.uniform(0.1, 0.9)),
        pores=float(random.uniform(0.15, 0.9)),
        moles=float(random.uniform(0, 0.7) ** 2),
        freckles=float(random.uniform(0.3, 1)) if pale and random.random() < 0.2 else 0.0,
        blotches=float(random.uniform(0.05, 0.5)),
        age_lines=float(np.clip(old * random.uniform(0.7, 1.5) + random.normal(0.1, 0.1), 0, 1)),
        shine=float(random.uniform(0.15, 1.4)),
        eye_shadow=float(random.uniform(0.2, 0.9)) if not man and random.random() < 0.35 else 0.0,
        eye_rings=float(np.clip(random.normal(0.3 + 0.3 * old, 0.2), 0, 1)),
        lip_colour=_colour(lips),
        lip_stick=stick,
        lower_lip=float(mouth.uniform(0.0, 0.5) + darkness * mouth.uniform(0.0, 0.7)),
        lip_shine=float(mouth.uniform(0.0, 1.2)),
        brow_colour=_colour(np.minimum(brow_colour * (1 - 0.6 * grey) + 0.07 * grey, 0.4 * skin.mean())),
        brow_thickness=float(np.clip(random.normal(1.15 if man else 0.9, 0.22), 0.55, 1.7)),
        brow_density=float(random.uniform(0.7, 1.0)),
        brow_height=float(np.clip(random.normal(-0.12, 0.15), -0.3, 0.3)),
        brow_tilt=float(np.clip(random.normal(0, 0.14), -0.3, 0.3)),
        lash_length=float(random.uniform(0.1, 0.5) if man else random.uniform(0.4, 1.0)),
        eye_colour=_colour((_LIGHT_EYES if pale and random.random() < 0.6 else _BROWN_EYES)[random.integers(3)]),
        iris_size=float(random.uniform(0.92, 1.08)),
        hair_style=_choice(random, styles),
        hair_colour=_colour(hair_colour),
        hair_volume=float(random.uniform(0.2, 0.9)),
        hair_grey=grey,
        hairline=float(np.clip(random.normal(0.3 if man else 0.0, 0.4), -1, 1)),
        facial_hair=_choice(random, _BEARDS) if man else "none",
        glasses=_choice(random, {"none": 4, "round": 0.6, "square": 0.6}),
        glasses_colour=_colour(random.choice([(0.01, 0.01, 0.012), (0.06, 0.03, 0.015), (0.3, 0.28, 0.25)])),
        head_cover=_choice(random, covers),
        head_cover_colour=_cloth(random),
        clothes=CLOTHES[random.integers(len(CLOTHES))],
        clothes_colour=_cloth(random),
    )  # fmt: skip


def _shape(random, man):
    weights = random.standard_normal(MODES) * random.uniform(0.75, 1.1)
    weights[: len(MASCULINE)] += MASCULINE * (random.uniform(0.0, 1.0) if man else random.uniform(-1.4, -0.2))
    return np.clip(weights, -MODE_LIMIT, MODE_LIMIT)


def distance_to_cast(weights):
    """How far a shape, `(MODES,)`, is from the nearest of the cast: see `shape_distance`."""
    return shape_distance(weights, _cast_shapes()).min()


def shape_distance(weights, others):
    """Distances of shapes, `(..., modes)`, in cm: root mean square over the head's vertices, by the first modes."""
    first = len(MODE_SIZES)
    return np.sqrt((((weights[..., :first] - others[..., :first]) * MODE_SIZES) ** 2).sum(axis=-1))


@functools.cache
def _cast_shapes():
    shapes = np.zeros((len(CAST), MODES))
    for row, one in zip(shapes, CAST.values(), strict=True):
        for mode, weight in one.shape:
            row[mode] = weight
    return shapes


def _cloth(random):
    """Mostly muted colours, many of them grey, black or white."""
    light = random.choice([random.uniform(0.01, 0.06), random.uniform(0.05, 0.3), random.uniform(0.5, 0.8)])
    return _colour(light * (1 + random.choice([0.03, 0.25, 0.8]) * random.uniform(-1, 1, 3)))


def _colour(values):
    return tuple(np.clip(np.asarray(values, float), 0.004, 0.95).round(4).tolist())
