"""The built-in data: a cast of drawn people with seven expressions each, without download or foreign licence."""

import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vgan_tf.data.avatars import drawing
from vgan_tf.data.avatars.appearance import HAIR_STYLES, Identity, Nuisance
from vgan_tf.data.avatars.canvas import BLACK, WHITE, mix
from vgan_tf.data.faces import FaceSet
from vgan_tf.errors import InputError
from vgan_tf.files import cache_folder, replacing
from vgan_tf.images import IMAGE_SIZE
from vgan_tf.labels import EXPRESSIONS

NAMES = (
    "ada", "ben", "cleo", "dov", "esra", "finn", "greta", "hugo", "ines", "jonas", "kira", "leo", "maya",
    "nils", "olga", "paul", "quinn", "rosa", "sami", "tara", "umut", "vera", "wim", "xenia", "yuri", "zoe",
)  # fmt: skip
TRUTH = ("intensity", "yaw", "pitch", "roll", "scale", "light", "gaze")

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
_STRATA = 6  # parts of each range, of which each person takes another
_MIN_IMAGES_PER_PROCESS = 250  # starting a process costs about as much as drawing these


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


def nuisance(generator):
    """Sample how a picture is taken from a NumPy generator: a Nuisance."""
    top = generator.uniform(80, 215) + generator.uniform(-35, 35, 3)
    return Nuisance(
        yaw=float(generator.uniform(-18, 18)),
        pitch=float(generator.uniform(-9, 9)),
        roll=float(generator.uniform(-7, 7)),
        scale=float(generator.uniform(0.95, 1.09)),
        shift=tuple(generator.uniform(-1.5, 1.5, 2).tolist()),
        gaze=float(generator.uniform(-1, 1)),
        light=float(generator.uniform(-1, 1)),
        brightness=float(generator.uniform(0.86, 1.08)),
        asymmetry=float(generator.uniform(-0.15, 0.15)),
        background=(tuple(top.tolist()), tuple(np.clip(top + generator.uniform(-40, 30), 20, 245).tolist())),
        noise=float(generator.uniform(0, 3)),
        noise_seed=int(generator.integers(2**31)),
    )


def names(count):
    """Names of the first `count` people, sorted and unique: first names for up to 26, else person000 and so on."""
    if count <= len(NAMES):
        return NAMES[:count]
    width = max(3, len(str(count - 1)))
    return tuple(f"person{index:0{width}d}" for index in range(count))


def load(identities=6, images=4200, seed=1, first=0, cache=True, processes=None):
    """Draw the built-in data set, or read it from the cache.

    Image i shows person i % identities; the expression changes every `identities` images. So each run of
    7 x identities images holds every person with every expression once, and all are balanced up to one image.

    Args:
        identities: number of people, int >= 1.
        images: number of images, int >= 7 x identities.
        seed: int >= 0; another seed is another cast. The same seed gives the same bytes.
        first: number of the first image, int >= 0: sets that do not overlap show the same people in other pictures.
        cache: keep the pictures in `$XDG_CACHE_HOME/vgan_tf` (else `~/.cache/vgan_tf`) and look for them there.
        processes: worker processes to draw in; None takes one for each core. The pictures do not depend on it.

    Returns:
        FaceSet with paths in FERG's layout and `truth` of TRUTH: intensity in [0, 1] (0 for neutral), yaw, pitch and
        roll in degrees, scale, light and gaze in [-1, 1].

    Raises:
        InputError: an option is out of range.
    """
    _check("identities", identities, 1)
    _check("images", images, len(EXPRESSIONS) * identities)
    _check("seed", seed, 0)
    _check("first", first, 0)
    if processes is not None:
        _check("processes", processes, 1)
    start = f"-first{first}" if first else ""
    file = cache_folder() / f"avatars-v{drawing.VERSION}-identities{identities}-images{images}-seed{seed}{start}.npz"
    drawn = _read(file, images) if cache else None
    if drawn is None:
        drawn = _draw_in_processes(seed, identities, first, images, processes)
        if cache:
            try:
                _write(file, *drawn)
            except OSError as error:
                warnings.warn(f"{file}: could not cache the avatars ({error})", stacklevel=2)
    pictures, truth = drawn
    index = np.arange(first, first + images)
    people = names(identities)
    identity_index, expression_index = index % identities, index // identities % len(EXPRESSIONS)
    paths = []
    for number, (person, expression) in enumerate(zip(identity_index, expression_index, strict=True), start=first):
        clip = f"{people[person]}_{EXPRESSIONS[expression]}"
        paths.append(f"{people[person]}/{clip}/{clip}_{number // (identities * len(EXPRESSIONS)):05d}.png")
    return FaceSet(
        images=pictures,
        identity=identity_index.astype(np.int64),
        expression=expression_index.astype(np.int64),
        identities=people,
        expressions=EXPRESSIONS,
        paths=tuple(paths),
        clip=np.full(images, "", dtype=str),
        part=np.full(images, "", dtype=str),
        truth={name: truth[:, column].copy() for column, name in enumerate(TRUTH)},
    )


def draw(seed, identities, start, stop):
    """Draw images `start` to `stop` of the set; image i shows person i % identities.

    The expression changes every `identities` images, so that each run of 7 x identities images is balanced.

    Returns:
        (images, truth): uint8 `(stop - start, 64, 64, 3)` and float32 `(stop - start, len(TRUTH))`.
    """
    people = [identity(seed, index) for index in range(min(identities, stop))]
    images = np.empty((stop - start, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    truth = np.empty((stop - start, len(TRUTH)), np.float32)
    for row, index in enumerate(range(start, stop)):
        generator = np.random.default_rng([seed, 3, index])
        expression = EXPRESSIONS[index // identities % len(EXPRESSIONS)]
        intensity = 0.0 if expression == "neutral" else float(generator.uniform(0.45, 1.0))
        conditions = nuisance(generator)
        images[row] = drawing.draw_face(people[index % identities], expression, intensity, conditions)
        truth[row] = (intensity, *(getattr(conditions, name) for name in TRUTH[1:]))
    return images, truth


def _check(name, value, least):
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"avatars: {name}={value!r}: must be a whole number of at least {least}")


def _write(file, images, truth):
    with replacing(file) as temporary:
        np.savez(temporary, images=images, truth=truth)


def _read(file, count):
    """The images and truth of a file, or None where it is missing, damaged or of another size."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            images, truth = stored["images"], stored["truth"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None
    whole = images.shape == (count, IMAGE_SIZE, IMAGE_SIZE, 3) and truth.shape == (count, len(TRUTH))
    return (images, truth) if whole and images.dtype == np.uint8 and truth.dtype == np.float32 else None


def _draw_in_processes(seed, identities, first, count, processes):
    """`draw` split over processes.

    They are started as commands, not through multiprocessing: a fork would copy TensorFlow's threads half-way, and
    a spawn would import the user's main script again.
    """
    if processes is None:
        processes = min(os.cpu_count() or 1, count // _MIN_IMAGES_PER_PROCESS)
    if processes <= 1:
        return draw(seed, identities, first, first + count)
    bounds = [first + count * k // processes for k in range(processes + 1)]
    root = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{start}.npz" for start in bounds[:-1]]
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "vgan_tf.data.avatars.cast", *map(str, (seed, identities, start, stop, file))],
                env=environment,
            )
            for start, stop, file in zip(bounds, bounds[1:], files, strict=False)
        ]
        try:
            failed = [worker.args for worker in workers if worker.wait()]
        finally:
            for worker in workers:
                worker.kill()
        if failed:
            raise RuntimeError(f"drawing avatars failed in: {' '.join(failed[0])}")
        parts = [_read(file, stop - start) for start, stop, file in zip(bounds, bounds[1:], files, strict=False)]
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


if __name__ == "__main__":
    _write(sys.argv[5], *draw(*map(int, sys.argv[1:5])))
