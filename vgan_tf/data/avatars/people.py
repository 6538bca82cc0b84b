"""Sampling who is drawn, what the face does, and how the picture is taken."""

import functools

import numpy as np

from vgan_tf.data.avatars.appearance import HAIR_STYLES, Identity, Motion, Nuisance
from vgan_tf.data.avatars.canvas import BLACK, WHITE, mix

NAMES = (
    "ada", "ben", "cleo", "dov", "esra", "finn", "greta", "hugo", "ines", "jonas", "kira", "leo", "maya",
    "nils", "olga", "paul", "quinn", "rosa", "sami", "tara", "umut", "vera", "wim", "xenia", "yuri", "zoe",
)  # fmt: skip
CAST = NAMES[:6]

_SKINS = (
    (250, 216, 190), (132, 86, 60), (228, 178, 136), (102, 64, 46), (244, 196, 172), (176, 120, 82), (206, 152, 110),
    (156, 104, 72),
)  # fmt: skip
_HAIR_COLOURS = (
    (36, 28, 30), (226, 184, 96), (96, 56, 32), (184, 76, 34), (172, 170, 172), (58, 38, 28), (148, 98, 56),
    (120, 40, 52),
)  # fmt: skip
_EYE_COLOURS = ((84, 54, 32), (64, 124, 172), (72, 130, 78), (112, 84, 48), (106, 120, 132))
_SHIRTS = ((60, 104, 150), (176, 62, 62), (74, 130, 92), (230, 190, 90), (92, 76, 130), (60, 62, 70), (220, 220, 216))
_FACIAL_HAIR = ("none", "beard", "none", "moustache", "none", "goatee", "none", "stubble")
_FRECKLES = (False, False, True, False)
_GLASSES = ("none", "round", "none", "none", "square", "none")
_RANGES = {  # pixels; jaw is a ratio
    "face_width": (19.5, 23.0),
    "jaw": (0.74, 0.94),
    "chin_width": (6.5, 12.0),
    "chin": (25.8, 28.2),
    "ear_size": (3.6, 5.6),
    "brow_thickness": (1.8, 3.8),
    "brow_length": (9.0, 12.5),
    "brow_height": (7.6, 9.2),
    "brow_tilt": (-0.8, 0.8),
    "eye_spacing": (9.4, 11.4),
    "eye_width": (5.6, 7.0),
    "eye_height": (3.3, 4.5),
    "eye_tilt": (-0.8, 0.9),
    "iris": (2.8, 3.5),
    "nose_width": (3.0, 5.6),
    "nose_length": (7.8, 10.4),
    "mouth_width": (8.0, 10.4),
    "lip_thickness": (1.4, 3.0),
}
_TRAITS = ("skin", "hair_colour", "eye_colour", "shirt", "hair_style", "facial_hair", "glasses", "freckles", *_RANGES)
_STRATA = 6  # sections of each range; one person after another takes the next free one


@functools.cache
def identity(seed, index):
    """Sample one person.

    Each trait runs through all its values in a random order before any comes again, so even a few people differ much.

    Args:
        seed: int >= 0.
        index: int >= 0; the person does not depend on how many others there are.

    Returns:
        Identity.
    """

    def pick(trait, values):
        block, place = divmod(index, len(values))
        order = np.random.default_rng([seed, 1, _TRAITS.index(trait), block]).permutation(len(values))
        return values[order[place]]

    generator = np.random.default_rng([seed, 2, index])
    measures = {
        name: float(low + (high - low) * (pick(name, range(_STRATA)) + generator.random()) / _STRATA)
        for name, (low, high) in _RANGES.items()
    }
    skin = pick("skin", _SKINS)
    facial_hair = pick("facial_hair", _FACIAL_HAIR)
    hair_style = pick("hair_style", HAIR_STYLES)
    if hair_style in ("fringe", "waves", "buns"):
        facial_hair = "none"
    hair_colour = pick("hair_colour", _HAIR_COLOURS)
    if sum(abs(a - b) for a, b in zip(hair_colour, skin, strict=True)) < 60:
        # Hair the colour of the skin would hide its own outline.
        hair_colour = mix(hair_colour, WHITE, 0.5) if sum(hair_colour) > 420 else mix(hair_colour, BLACK, 0.6)
    painted = facial_hair == "none" and hair_style in ("fringe", "waves", "buns", "long", "afro")
    lips = ((196, 44, 62), (176, 60, 104), (206, 84, 72))[generator.integers(3)] if painted else (176, 82, 80)
    return Identity(
        skin=skin,
        hair_colour=hair_colour,
        eye_colour=pick("eye_colour", _EYE_COLOURS),
        shirt_colour=pick("shirt", _SHIRTS),
        lip_colour=mix(lips, skin, 0.1 if painted else 0.35),
        hair_style=hair_style,
        facial_hair=facial_hair,
        glasses=pick("glasses", _GLASSES),
        freckles=pick("freckles", _FRECKLES),
        lashes=painted,
        **measures,
    )


def circumstances(seed, number, expression):
    """Sample what makes picture `number` of a data set besides its person: a Motion and a Nuisance."""
    generator = np.random.default_rng([seed, 3, number])
    # The order of the draws settles the pictures of a seed: do not change it.
    intensity = 0.0 if expression == "neutral" else float(generator.uniform(0.45, 1.0))
    top = generator.uniform(80, 215) + generator.uniform(-35, 35, 3)
    yaw, pitch, roll = (float(generator.uniform(-limit, limit)) for limit in (18, 9, 7))
    scale = float(generator.uniform(0.95, 1.09))
    shift = tuple(generator.uniform(-1.5, 1.5, 2).tolist())
    gaze, light = (float(generator.uniform(-1, 1)) for _ in range(2))
    brightness = float(generator.uniform(0.86, 1.08))
    asymmetry = float(generator.uniform(-0.15, 0.15))
    background = (tuple(top.tolist()), tuple(np.clip(top + generator.uniform(-40, 30), 20, 245).tolist()))
    noise, noise_seed = float(generator.uniform(0, 3)), int(generator.integers(2**31))
    motion = Motion(expression, intensity, yaw, pitch, roll, gaze, asymmetry)
    return motion, Nuisance(scale, shift, light, brightness, background, noise, noise_seed)


def names(count, numbered=False):
    """Names of the first `count` people, sorted and unique: first names for up to 26, else person000 and so on."""
    if count <= len(NAMES) and not numbered:
        return NAMES[:count]
    width = max(3, len(str(count - 1)))
    return tuple(f"person{index:0{width}d}" for index in range(count))


@functools.cache
def places(count, numbered=False):
    """Name -> index of the person."""
    return {name: index for index, name in enumerate(names(count, numbered))}
