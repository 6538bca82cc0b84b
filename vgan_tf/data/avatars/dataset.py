"""The built-in data set: drawn people with seven expressions each, without download or foreign licence."""

import dataclasses
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vgan_tf.data.avatars import drawing, people
from vgan_tf.data.avatars.appearance import Nuisance
from vgan_tf.data.faces import FaceSet
from vgan_tf.errors import InputError
from vgan_tf.files import cache_folder, replacing
from vgan_tf.labels import EXPRESSIONS

OPTIONS = {"identities": 6, "images": 4200, "seed": 1, "first": 0, "counterparts": 0}
TRUTH = ("intensity", "yaw", "pitch", "roll", "scale", "light", "gaze")
# Of each person, what an audit draws beyond the data: whole rounds of the seven expressions.
FRESH_IMAGES = 280
STRANGERS, STRANGER_IMAGES = 8, 70
MIN_IMAGES_PER_PROCESS = 250  # starting a process costs about as much as drawing these
CANONICAL = Nuisance()
CAST_SEED = 33  # of the target identities that counterparts drawn beforehand show
_TARGET_STREAM = 77  # keeps the draw of targets apart from the other draws of the same seed and number


@dataclasses.dataclass(frozen=True)
class Avatars:
    """The pictures of `identities` people, drawn from `seed`: any picture can be drawn from its number.

    Picture i shows person i % identities; the expression changes every `identities` pictures. So each run of
    7 x identities pictures holds every person with every expression once. With `counterparts` each comes with its
    motion on one of a cast.
    """

    identities: int
    seed: int
    counterparts: bool = False

    def labels(self, number):
        """(identity, expression) of a picture, or of an array of numbers: indices."""
        return number % self.identities, number // self.identities % len(EXPRESSIONS)

    def draw(self, start, stop, size):
        """Draw the pictures from `start` up to `stop`.

        Returns:
            (images, truth): uint8 `(stop - start, size, size, 3)` and float32 `(stop - start, len(TRUTH))`; and, if
            asked for, counterparts, uint8 `(stop - start, size, size, 4)`, their alpha 255.
        """
        images = np.empty((stop - start, size, size, 3), np.uint8)
        truth = np.empty((stop - start, len(TRUTH)), np.float32)
        counterparts = np.full((stop - start, size, size, 4), 255, np.uint8) if self.counterparts else None
        for row, number in enumerate(range(start, stop)):
            motion, nuisance = self._circumstances(number)
            person = people.identity(self.seed, self.labels(number)[0])
            images[row] = drawing.draw_face(person, motion, nuisance, size)
            known = {**vars(motion), **vars(nuisance)}
            truth[row] = [known[name] for name in TRUTH]
            if self.counterparts:
                target = people.identity(CAST_SEED, self.target(number))
                counterparts[row, ..., :3] = drawing.draw_face(target, motion, CANONICAL, size)
        return (images, truth, counterparts) if self.counterparts else (images, truth)

    def target(self, number):
        """Whom of the cast the counterpart of a picture shows: index."""
        return int(np.random.default_rng([self.seed, number, _TARGET_STREAM]).integers(len(people.CAST)))

    def counterpart(self, number, name, size):
        """Draw the motion of a picture on the person called `name`: uint8 `(size, size, 3)`; see FaceSet."""
        place, seed = people.places(self.identities, self.counterparts).get(name), self.seed
        if self.counterparts and name in people.CAST:
            place, seed = people.CAST.index(name), CAST_SEED
        if place is None:
            raise InputError(f"avatars: no person {name!r} among the {self.identities} of this set")
        motion, _ = self._circumstances(number)
        return drawing.draw_face(people.identity(seed, place), motion, CANONICAL, size)

    def _circumstances(self, number):
        return people.circumstances(self.seed, number, EXPRESSIONS[self.labels(number)[1]])


def load(size, identities, images, seed, first=0, counterparts=False, cache=True, processes=None):
    """Draw the built-in data set, or read it from the cache.

    Args:
        size: side of the pictures in pixels.
        identities: number of people, int >= 1.
        images: number of pictures, int >= 7 x identities.
        seed: int >= 0; another seed gives other people. The same seed gives the same bytes.
        first: number of the first picture, int >= 0: sets that do not overlap show the same people in other pictures.
        counterparts: whether to draw the motion of each picture on one of six people of a cast, who are not among
            these, before a plain background in even light.
        cache: keep the pictures in `cache_folder()` and look for them there.
        processes: worker processes to draw in; None takes one for each core. The pictures do not depend on it.

    Returns:
        FaceSet with paths in FERG's layout and `truth` of TRUTH: intensity in [0, 1] (0 for neutral), yaw, pitch and
        roll in degrees, scale, light and gaze in [-1, 1]. It can draw counterparts.

    Raises:
        InputError: an option is out of range.
    """
    least = {"identities": 1, "images": len(EXPRESSIONS) * identities, "seed": 0, "first": 0}
    for (name, low), value in zip(least.items(), (identities, images, seed, first), strict=True):
        if value < low:
            raise InputError(f"avatars: {name}={value}: must be a whole number of at least {low}")
    avatars = Avatars(identities, seed, bool(counterparts))
    options = f"identities{identities}-images{images}-seed{seed}-first{first}-size{size}"
    options += "-counterparts" if counterparts else ""
    file = cache_folder() / f"avatars-v{drawing.VERSION}-{options}.npz"
    drawn = _read(file, images, size, avatars) if cache else None
    if drawn is None:
        drawn = _draw_in_processes(avatars, first, images, size, processes)
        if cache:
            try:
                write(file, *drawn)
            except OSError as error:
                warnings.warn(f"{file}: could not cache the avatars ({error})", stacklevel=2)
    pictures, truth, *paired = drawn
    number = np.arange(first, first + images)
    identity, expression = avatars.labels(number)
    names = people.names(identities, numbered=avatars.counterparts)  # first names are those of the cast
    paths = []
    for n, i, e in zip(number.tolist(), identity, expression, strict=True):
        folder = f"{names[i]}_{EXPRESSIONS[e]}"
        paths.append(f"{names[i]}/{folder}/{folder}_{n // (identities * len(EXPRESSIONS)):05d}.png")
    return FaceSet(
        images=pictures,
        identity=identity.astype(np.int64),
        expression=expression.astype(np.int64),
        identities=names,
        expressions=EXPRESSIONS,
        paths=tuple(paths),
        clip=np.full(images, "", dtype=str),
        split=np.full(images, "", dtype=str),
        truth={name: truth[:, column].copy() for column, name in enumerate(TRUTH)},
        number=number,
        drawn_by=avatars,
        counterpart_images=paired[0] if counterparts else None,
        counterpart_target=np.array([avatars.target(n) for n in number.tolist()]) if counterparts else None,
        targets=people.CAST if counterparts else (),
    )


def parse_options(text):
    """`identities=6,seed=1` -> OPTIONS with these changes; InputError for an unknown option or no whole number."""
    options = dict(OPTIONS)
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in options:
            raise InputError(f"avatars: unknown option {key!r}; the options are {', '.join(options)}")
        if not (value.isascii() and value.isdecimal()):
            raise InputError(f"avatars: {key} must be a whole number, not {value!r}")
        options[key] = int(value)
    return options


def load_companions(size, identities, images, seed, first, counterparts=False):
    """FaceSets for an audit of a model trained on `load` with these options: its people in other pictures; others."""
    drawn = first + images
    fresh = load(size, identities, FRESH_IMAGES * identities, seed, drawn)
    everybody = identities + STRANGERS
    others = load(size, everybody, STRANGER_IMAGES * everybody, seed, drawn)
    others = others.subset(others.identity >= identities)
    return fresh, others.among(others.identities[identities:])


def write(file, images, truth, counterparts=None):
    """Write what `Avatars.draw` gives."""
    more = {} if counterparts is None else {"counterparts": counterparts}
    with replacing(file) as temporary:
        np.savez(temporary, images=images, truth=truth, **more)


def _read(file, count, size, avatars):
    """What a file holds of `Avatars.draw`, or None where it is missing, damaged or of another size."""
    wanted = {"images": (np.uint8, (count, size, size, 3)), "truth": (np.float32, (count, len(TRUTH)))}
    if avatars.counterparts:
        wanted["counterparts"] = np.uint8, (count, size, size, 4)
    try:
        with np.load(file, allow_pickle=False) as stored:
            drawn = tuple(stored[name] for name in wanted)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None
    return drawn if [(one.dtype, one.shape) for one in drawn] == list(wanted.values()) else None


def _draw_in_processes(avatars, first, count, size, processes):
    """`Avatars.draw` split over processes.

    They are started as commands, not through multiprocessing: a fork would copy TensorFlow's threads half-way, and
    a spawn would import the user's main script again.
    """
    processes = processes or min(os.cpu_count() or 1, count // MIN_IMAGES_PER_PROCESS)
    if processes <= 1:
        return avatars.draw(first, first + count, size)
    bounds = [first + count * k // processes for k in range(processes + 1)]
    root = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    numbers = (int(value) for value in dataclasses.astuple(avatars))
    command = [sys.executable, "-m", "vgan_tf.data.avatars", *map(str, numbers)]
    with tempfile.TemporaryDirectory() as folder:
        shares = [(start, stop, Path(folder) / f"{start}.npz") for start, stop in zip(bounds, bounds[1:], strict=False)]
        workers = [
            subprocess.Popen([*command, str(start), str(stop), str(size), file], env=environment)
            for start, stop, file in shares
        ]
        try:
            failed = [worker.args for worker in workers if worker.wait()]
        finally:
            for worker in workers:
                worker.kill()
        if failed:
            raise RuntimeError(f"drawing avatars failed in: {' '.join(map(str, failed[0]))}")
        drawn = [_read(file, stop - start, size, avatars) for start, stop, file in shares]
    return tuple(np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
