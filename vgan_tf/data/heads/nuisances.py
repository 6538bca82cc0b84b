"""Sampling how a picture is taken: light, place, framing, camera and what is in the way."""

import dataclasses
import math

import numpy as np

from vgan_tf.data.heads.appearance import Light, Nuisance
from vgan_tf.data.heads.occluders import light_on
from vgan_tf.images import HEAD_SCALE, HEAD_SHIFT

# Places and their share of the pictures.
_PLACES = {"studio": 0.35, "room": 0.25, "window": 0.14, "outdoors": 0.12, "ceiling": 0.05, "screen": 0.09}
# Of the first light, in each place: degrees to the side, degrees up, warmth (-1 is a blue sky, 1 a candle); the light
# from all around and the second light as shares of all light; brightness of the picture.
_LIGHT = {
    "studio": ((0, 45), (0, 45), (-0.15, 0.15), (0.3, 0.7), (0.15, 0.45), (0.85, 1.2)),
    "room": ((15, 75), (5, 55), (0.0, 0.7), (0.12, 0.42), (0.0, 0.25), (0.7, 1.1)),
    "window": ((50, 75), (0, 40), (-0.4, 0.2), (0.06, 0.28), (0.0, 0.12), (0.65, 1.0)),
    "outdoors": ((0, 75), (25, 60), (-0.1, 0.4), (0.25, 0.8), (0.0, 0.1), (0.8, 1.2)),
    "ceiling": ((0, 30), (45, 60), (0.0, 0.6), (0.2, 0.4), (0.0, 0.2), (0.6, 1.0)),
    "screen": ((0, 30), (-10, 20), (-0.6, 0.1), (0.1, 0.4), (0.0, 0.3), (0.35, 0.7)),
}
# Lights that training never has: from beyond 80 degrees to the side or from below, of stronger colours.
_HELD_OUT_LIGHTS = (
    ((80, 105), (0, 50), (-0.9, 0.9), (0.15, 0.35), (0.0, 0.1), (0.7, 1.0)),
    ((0, 60), (-50, -20), (-0.9, 0.9), (0.15, 0.4), (0.0, 0.1), (0.6, 1.0)),
    ((80, 100), (0, 30), (-0.9, 0.9), (0.1, 0.3), (0.3, 0.45), (0.7, 1.0)),
)
_BACKGROUNDS = {  # plain, gradient, noise, clutter, outdoors
    "studio": (0.62, 0.24, 0.09, 0.05, 0.0),
    "room": (0.25, 0.06, 0.07, 0.62, 0.0),
    "window": (0.25, 0.1, 0.1, 0.55, 0.0),
    "outdoors": (0.04, 0.03, 0.08, 0.0, 0.85),
    "ceiling": (0.25, 0.05, 0.05, 0.65, 0.0),
    "screen": (0.3, 0.2, 0.1, 0.4, 0.0),
}
# Normals of forehead, nose, cheeks and chin, on which a picture is exposed.
_FACE = ((0.0, 0.5, 0.87), (0.0, 0.0, 1.0), (-0.6, 0.0, 0.8), (0.6, 0.0, 0.8), (0.0, -0.3, 0.95))
_LOOSE_HAIR = ("side_part", "fringe", "curls", "bob", "long", "tied")
SCALE, SHIFT_Y = HEAD_SCALE, HEAD_SHIFT  # of an aligned face
_AVERAGE_SKIN = 0.28  # grey of it, in linear light
_LUMA = np.array((0.2126, 0.7152, 0.0722))


def nuisance(seed, number, held_out=False, unaligned=False):
    """Sample how one picture is taken.

    Args:
        seed: int >= 0.
        number: int >= 0, of the picture.
        held_out: Take the lights from ranges that training never has: a first light beyond 80 degrees to the side, or
            more than 20 degrees from below, of stronger colours. In training it is within 75 degrees to the side and
            from 10 below to 60 above. All else is as without, but for the white balance, which follows the light.
        unaligned: Have the head anywhere and of any size, as a detector finds it. All else is as without.

    Returns:
        Nuisance.
    """
    # The order of the draws settles the pictures of a seed: do not change it.
    generator = np.random.default_rng([seed, 11, number])
    place = str(generator.choice(list(_PLACES), p=list(_PLACES.values())))
    lights = _lights(np.random.default_rng([seed, 12, number]), place, held_out)
    frame = _frame(generator)
    if unaligned:
        frame |= _anywhere(np.random.default_rng([seed, 13, number]))
    return Nuisance(
        **lights,
        **_background(generator, place),
        **frame,
        **_camera(generator, place, lights),
        **_occluder(generator, frame),
        seed=int(generator.integers(2**31)),
    )


def _uniform(generator, limits):
    return float(generator.uniform(*limits))


def _normal(generator, mean, deviation, low, high):
    return float(np.clip(generator.normal(mean, deviation), low, high))


def _colour(warmth):
    """Colour of a light of about the same strength, from a blue sky (-1) to a candle (1): linear RGB."""
    return np.array((1 + 0.3 * warmth, 1.0, 1 - 0.45 * warmth))


def _tuple(values):
    return tuple(float(value) for value in values)


def _lights(generator, place, held_out):
    """One to three lights and light from all around, as bright together as the place has it."""
    ranges = _HELD_OUT_LIGHTS[generator.integers(len(_HELD_OUT_LIGHTS))] if held_out else _LIGHT[place]
    aside, up, warmth, around, second, brightness = (_uniform(generator, limits) for limits in ranges)
    side = int(generator.choice((-1, 1)))

    def light(aside, up, warmth, strength):
        aside, up = math.radians(aside), math.radians(up)
        direction = (math.sin(aside) * math.cos(up), math.sin(up), math.cos(aside) * math.cos(up))
        return Light(_tuple(direction), _tuple(_colour(warmth)), float(strength))

    lights = [light(side * aside, up, warmth, 1 - around - second)]
    if second > 0.08:
        other = warmth + generator.normal(0, 0.8 if held_out else 0.2)
        lights.append(light(-side * _uniform(generator, (20, 75)), _uniform(generator, (-5, 40)),
                            float(np.clip(other, -0.9, 0.9)), second))  # fmt: skip
    if generator.random() < 0.2:  # from behind, on hair and cheeks
        behind = int(generator.choice((-1, 1))) * _uniform(generator, (110, 150))
        lights.append(light(behind, _uniform(generator, (0, 50)), warmth, _uniform(generator, (0.2, 0.9))))
    steepness = _uniform(generator, (0.1, 0.35))  # of the light from all around, from above over from below
    air = _colour(0.5 * warmth + generator.normal(0, 0.12)) * around
    sky, floor = air * (1 + steepness), air * (1 - steepness) * _colour(_uniform(generator, (0, 0.3)))
    unscaled = Nuisance(lights=tuple(lights), sky=_tuple(sky), ground=_tuple(floor))
    gain = brightness / np.mean([light_on(unscaled, normal) @ _LUMA for normal in _FACE])
    return {
        "lights": tuple(Light(one.direction, one.colour, float(one.strength * gain)) for one in lights),
        "sky": _tuple(sky * gain),
        "ground": _tuple(floor * gain),
        "shadow": _uniform(generator, (0.3, 0.9)),
    }


def _background(generator, place):
    """What is behind, in colours that walls and studio paper have."""
    kind = ("plain", "gradient", "noise", "clutter", "outdoors")[generator.choice(5, p=_BACKGROUNDS[place])]
    dark = 0.4 if place == "screen" else 0.15
    paint = generator.choice(4, p=(0.36, 0.24, dark, 0.4 - dark))
    grey = _uniform(generator, ((0.84, 0.99), (0.4, 0.8), (0.04, 0.25), (0.3, 0.8))[paint])
    first = grey + generator.normal(0, 0.08 if paint == 3 else 0.015, 3)
    second = first * _uniform(generator, (0.5, 1.0)) + generator.normal(0, 0.04, 3)
    if kind in ("noise", "clutter", "outdoors") or generator.random() < 0.2:
        second = generator.uniform(0.1, 0.8) + generator.normal(0, 0.06, 3)
    if kind == "noise" and generator.random() < 0.6:  # more often cloth, plaster or studio canvas than marble
        second = first + generator.normal(0, 0.12)
    focus = float(generator.choice(3, p=(0.35, 0.4, 0.25)))  # deep as in a webcam, of a phone, of a portrait lens
    return {
        "background": kind,
        "background_colours": (_tuple(np.clip(first, 0, 1)), _tuple(np.clip(second, 0, 1))),
        "background_blur": _uniform(generator, ((0.004, 0.01), (0.01, 0.025), (0.025, 0.06))[int(focus)]),
        "background_seed": int(generator.integers(2**31)),
    }


def _frame(generator):
    """Face and ears, from the hairline to below the chin, as steadily as alignment leaves them."""
    scale = float(generator.triangular(1.3, SCALE, 1.7))
    return {
        "scale": scale,
        "shift_x": _normal(generator, 0, 0.02, -0.06, 0.06),
        "shift_y": _normal(generator, SHIFT_Y, 0.02, -0.15, -0.03),
        "view_angle": float(np.exp(generator.uniform(np.log(12), np.log(45)))),
        "camera_height": _normal(generator, 2, 5, -10, 15),
    }


def _anywhere(generator):
    """From the face alone to twice a whole head, and up to a fifth of the picture beside its middle."""
    return {
        "scale": float(np.exp(generator.uniform(np.log(0.5), np.log(1.8)))),
        "shift_x": float(generator.uniform(-0.2, 0.2)),
        "shift_y": float(generator.uniform(-0.2, 0.2)),
    }


def _camera(generator, place, lights):
    """Exposure, white balance that takes out part of the light's colour, and what lens, sensor and file do."""
    seen = light_on(Nuisance(**lights), (0.0, 0.0, 1.0)).astype(float)
    balance = (seen @ _LUMA / seen) ** generator.uniform(0.4, 1.0) * np.exp(generator.normal(0, 0.03, 3))
    noisy = 3.0 if place == "screen" else 1.2
    blur = abs(generator.normal(0, 0.004)) if generator.random() < 0.55 else 0.0
    noise = generator.exponential(noisy) if generator.random() < 0.6 else 0.0
    return {
        "exposure": _normal(generator, 0.3, 0.4, -1.0, 1.3),
        "white_balance": _tuple(balance / (balance @ _LUMA)),
        "contrast": _normal(generator, 1.02, 0.08, 0.8, 1.25),
        "saturation": 0.0 if generator.random() < 0.06 else _normal(generator, 1.0, 0.13, 0.6, 1.4),
        "blur": float(min(blur, 0.012)),
        "motion_blur": _uniform(generator, (0.006, 0.03)) if generator.random() < 0.05 else 0.0,
        "motion_blur_angle": _uniform(generator, (0, 180)),
        "noise": float(min(noise, 12.0)),
        "jpeg": int(generator.integers(30, 96)) if generator.random() < 1 / 3 else 0,
    }


def _occluder(generator, frame):
    """Something in the way, in 12 of 100 pictures, where people have such things."""
    if generator.random() >= 0.12:
        return {}
    kind = str(generator.choice(("hand", "mug", "strand", "mask", "phone"), p=(0.3, 0.15, 0.25, 0.2, 0.1)))
    side = int(generator.choice((-1, 1)))
    skin = np.array((0.86, 0.66, 0.55)) + np.array((-0.44, -0.38, -0.34)) * generator.random()
    colour = skin
    if kind == "hand":
        x, y, size = side * generator.uniform(0.05, 0.3), generator.uniform(0.1, 0.4), (0.24, 0.34)
    elif kind == "mug":
        x, y, size = side * generator.uniform(0.0, 0.15), generator.uniform(0.24, 0.36), (0.16, 0.22)
        colour = generator.uniform(0.15, 0.95) + generator.normal(0, 0.12, 3)
    elif kind == "strand":
        x, size = side * generator.uniform(0.02, 0.2), (0.22, 0.36)
        y = generator.uniform(-0.08, 0.02)  # so that it begins at the hairline
        colour = np.array((0.5, 0.36, 0.22)) * generator.uniform(0.15, 1.5)
    elif kind == "mask":
        x, y, size = 0.0, 0.2, (0.22, 0.245)
        colours = ((0.62, 0.78, 0.88), (0.93, 0.94, 0.95), (0.2, 0.2, 0.21), generator.uniform(0.1, 0.9, 3))
        colour = np.array(colours[generator.choice(4, p=(0.35, 0.25, 0.2, 0.2))])
    else:
        x, y, size = side * generator.uniform(0.15, 0.35), generator.uniform(0.05, 0.35), (0.2, 0.28)
        colour = generator.uniform(0.06, 0.8) + generator.normal(0, 0.04, 3)
    return {
        "occluder": kind,
        "occluder_x": float(frame["scale"] * x + frame["shift_x"]),
        "occluder_y": float(frame["scale"] * y + frame["shift_y"]),
        "occluder_size": float(frame["scale"] * generator.uniform(*size)),
        "occluder_colour": _tuple(np.clip(colour, 0.02, 0.98)),
        "occluder_skin": _tuple(skin),
    }


def fitted(nuisance, person, landmarks=None):
    """The same nuisance, fitted to who is there.

    Hands have the person's skin, and strands the person's hair, if it is long enough. A mask sits. The exposure makes
    up for a part of the skin's tone, as a camera's does.

    Args:
        nuisance: Nuisance.
        person: Person.
        landmarks: the 68 of the face in the picture, `(68, 2)` in shares of its side, as `Renderer.landmarks` has them;
            needed only where the occluder is a mask. Without them a mask sits as on a head that looks straight ahead.

    Returns:
        Nuisance.
    """
    # A hand is a little paler than a face, and a few strands are lighter than the whole hair.
    changes = {"occluder_skin": _srgb(np.array(person.skin) * 1.05)}
    makes_up = np.random.default_rng([nuisance.seed, 3]).uniform(0, 0.3)  # nothing in a studio, much in a phone
    stops = math.log2(max(np.dot(person.skin, _LUMA), 0.02) / _AVERAGE_SKIN)
    changes["exposure"] = nuisance.exposure - makes_up * stops
    if nuisance.occluder == "strand" and (person.head_cover != "none" or person.hair_style not in _LOOSE_HAIR):
        changes["occluder"] = "none"
    elif nuisance.occluder == "strand":
        grey = person.hair_grey
        changes["occluder_colour"] = _srgb((np.array(person.hair_colour) * (1 - grey) + 0.32 * grey) * 1.2)
    if nuisance.occluder == "mask" and landmarks is not None:
        (left, right), mouth = landmarks[[36, 45]], landmarks[[51, 57]].mean(axis=0) - 0.5
        changes |= {
            "occluder_x": float(mouth[0]),
            "occluder_y": float(mouth[1]),
            "occluder_angle": math.degrees(math.atan2(right[1] - left[1], right[0] - left[0])),
            "occluder_size": 0.47 * float(np.hypot(*(landmarks[16] - landmarks[0]))),
        }
    return dataclasses.replace(nuisance, **changes)


def _srgb(colour):
    """Linear RGB -> sRGB, both in [0, 1]."""
    colour = np.clip(colour, 0, 1)
    return _tuple(np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055))
