"""Rendered people as a data set: which picture has which number, and who does what in it."""

import bisect
import dataclasses
import functools

import numpy as np

from vgan_tf.data.faces import FaceSet
from vgan_tf.data.heads import clips, drawing, motions, nuisances, people, preparation
from vgan_tf.data.heads.appearance import Nuisance
from vgan_tf.data.heads.cast import CAST, load_cast
from vgan_tf.data.heads.model import load_model
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS

SWITCHES = {"clips": 0, "counterparts": 1, "other_lights": 0}
OPTIONS = {"people": 400, "images": 24000, "size": 0, "seed": 1, "first": 0, **SWITCHES}
DEFAULT_SIZE = 128
TAKEN = ("scale", "shift_x", "shift_y", "exposure")  # what of the nuisance is told as truth
TRUTH = (*motions.TRUTH, *TAKEN)
# What an audit renders beyond the data, without counterparts: whole rounds of the seven expressions.
FRESH_IMAGES, MOST_FRESH_ROUNDS = 2800, 40
STRANGERS, STRANGER_ROUNDS = 60, 4
UNALIGNED_IMAGES = 10000  # to learn alignment from
CANONICAL = Nuisance()
PLAIN = 128  # grey behind a counterpart without alpha
_TARGET_STREAM = 77  # keeps the draw of targets apart from the other draws of the same seed and number


@dataclasses.dataclass(frozen=True)
class Heads:
    """The pictures of `people` rendered people, drawn from `seed`: any picture can be drawn from its number.

    Picture i shows person i % people; each run of 7 x people pictures holds every person with every expression once,
    and also less than one run has all expressions equally often. With `clips` the pictures are the frames of one clip
    after another, of one person each. With `other_lights` the lights are such as the pictures without it never have,
    with `unaligned` heads lie anywhere.
    """

    model: str  # folder, as for `load_model`
    people: int
    seed: int
    clips: bool = False
    other_lights: bool = False
    unaligned: bool = False
    cast: tuple = tuple(CAST.items())  # (name, Person) pairs, on whom counterparts are drawn

    def __post_init__(self):
        for name in set(self.names) & set(dict(self.cast)):
            raise InputError(f"heads: {name!r} of the cast is also one of the {self.people} people; name it otherwise")

    @property
    def names(self):
        """Names of the people: tuple, sorted."""
        width = max(3, len(str(self.people - 1)))
        return tuple(f"person{index:0{width}d}" for index in range(self.people))

    def recording(self, number):
        """(clip, frame of it) of a picture; without clips each picture is a recording of its own."""
        return _place(self.seed, number) if self.clips else (number, 0)

    def identity(self, number):
        """Which of the people a picture shows: index."""
        return self.recording(number)[0] % self.people

    def motion(self, number):
        """What the face does: Motion."""
        recording, frame = self.recording(number)
        if self.clips:
            return _clip(self.seed, recording)[frame]
        expression = EXPRESSIONS[(number // self.people + number) % len(EXPRESSIONS)]
        return motions.sample_motion(self.seed, number, expression)

    def nuisance(self, number):
        """How the picture was taken, the same for all frames of a clip: Nuisance."""
        return nuisances.nuisance(self.seed, self.recording(number)[0], self.other_lights, self.unaligned)

    def target(self, number):
        """Whom of the cast the counterpart shows, the same for all frames of a clip: index."""
        random = np.random.default_rng([self.seed, self.recording(number)[0], _TARGET_STREAM])
        return int(random.integers(len(self.cast)))

    def circumstances(self, renderer, number):
        """What makes a picture: its Person, Motion and Nuisance, which suits these two."""
        person, motion = people.person(self.seed, self.identity(number)), self.motion(number)
        nuisance = self.nuisance(number)
        covered = nuisance.occluder == "mask"
        landmarks = renderer.landmarks(person, motion, nuisance) if covered else None
        return person, motion, nuisances.fitted(nuisance, person, landmarks)

    def draw(self, renderer, number, size, counterpart):
        """Draw one picture.

        Args:
            renderer: Renderer.
            number: of the picture.
            size: side in pixels.
            counterpart: whether to draw the same motion on the picture's target, too.

        Returns:
            dict of "images", uint8 `(size, size, 3)`; "labels", float32 `(1 + len(TRUTH),)`, the expression's index and
            the truth; "counterparts", uint8 `(size, size, 4)`, RGB and alpha, before nothing.
        """
        person, motion, nuisance = self.circumstances(renderer, number)
        taken = [getattr(nuisance, name) for name in TAKEN]
        labels = np.array([EXPRESSIONS.index(motion.expression), *motions.truth_of(motion), *taken], np.float32)
        drawn = {"images": drawing.draw(renderer, person, motion, nuisance, size)[:, :, :3], "labels": labels}
        if counterpart:
            _, target = self.cast[self.target(number)]
            drawn["counterparts"] = drawing.draw(renderer, target, motion, CANONICAL, size)
        return drawn

    def counterpart(self, number, name, size):
        """The motion of a picture on one of the people or of the cast, before grey: uint8 `(size, size, 3)`."""
        cast = dict(self.cast)
        if name not in cast and name not in self.names:
            raise InputError(f"heads: no person {name!r} among the {self.people} of this set, nor in the cast")
        person = cast[name] if name in cast else people.person(self.seed, self.names.index(name))
        picture = drawing.draw(_renderer(self.model), person, self.motion(number), CANONICAL, size)
        alpha = picture[:, :, 3:] / np.float32(255)
        return np.rint(PLAIN + (picture[:, :, :3] - np.float32(PLAIN)) * alpha).astype(np.uint8)


def load(
    size,
    model,
    people,
    images,
    seed,
    first=0,
    clips=False,
    counterparts=True,
    other_lights=False,
    cast=None,
    processes=None,
):
    """Render the data set, or find it prepared in `cache_folder()`.

    Args:
        size: side of the pictures in pixels.
        model: folder of the 3D model, see `load_model`.
        people: number of people, int >= 1.
        images: number of pictures, int >= people.
        seed: int >= 0; another seed gives other people. The same seed gives the same bytes.
        first: number of the first picture, int >= 0: sets that do not overlap show the same people in other pictures.
        clips: whether the pictures are frames of clips.
        counterparts: whether to draw a counterpart of each picture, on one of the cast.
        other_lights: whether the lights are such as pictures without this option never have.
        cast: file of target identities, see `load_cast`; None takes ours.
        processes: worker processes to render in; None takes one for each core. The pictures do not depend on it.

    Returns:
        FaceSet with paths in FERG's layout and `truth` of TRUTH. Its images stay in their file where they are many.

    Raises:
        InputError: an option is out of range, the model or the cast cannot be read, no picture can be rendered here, no
            room.
    """
    for name, value, low in (
        ("people", people, 1),
        ("images", images, max(people, len(EXPRESSIONS))),
        ("seed", seed, 0),
        ("first", first, 0),
        ("size", size, 32),
    ):
        if value < low:
            raise InputError(f"heads: {name}={value}: must be a whole number of at least {low}")
    heads = Heads(str(model), people, seed, bool(clips), bool(other_lights), cast=_cast(cast))
    return _load(heads, np.arange(first, first + images), size, bool(counterparts), processes)


def load_companions(size, model, people, images, seed, first=0, other_lights=False, cast=None, **_):
    """FaceSets for an audit of a model trained on `load` with these options: its people in other pictures; others."""
    end, same = first + images, {"other_lights": bool(other_lights), "cast": _cast(cast)}
    heads, everybody = (Heads(str(model), count, seed, **same) for count in (people, people + STRANGERS))
    one_round = len(EXPRESSIONS) * people
    rounds = min(MOST_FRESH_ROUNDS, max(1, FRESH_IMAGES // one_round))
    # Of very many people, the first few are enough.
    fresh = [n for n in range(end, end + rounds * one_round) if n % people < FRESH_IMAGES // len(EXPRESSIONS)]
    strange = range(end, end + STRANGER_ROUNDS * len(EXPRESSIONS) * everybody.people)
    strange = [number for number in strange if number % everybody.people >= people]
    others = _load(everybody, np.array(strange), size, counterparts=False)
    return _load(heads, np.array(fresh), size, counterparts=False), others.among(everybody.names[people:])


def load_unaligned(size, model, people, images, seed, first=0, **_):
    """Pictures of the people of `load` in which heads lie anywhere, and where.

    Args:
        size: side of the pictures in pixels.
        model, people, images, seed, first: as for `load`.

    Returns:
        (uint8 `(n, size, size, 3)`; float32 `(n, 3)`: in each of them, the square in which `load` shows the face, as
        `networks.alignment` gives it).
    """
    heads = Heads(str(model), people, seed, unaligned=True)
    numbers = np.arange(first + images, first + images + UNALIGNED_IMAGES)
    faces = _load(heads, numbers, size, counterparts=False)
    side = faces.truth["scale"] / nuisances.SCALE
    down = faces.truth["shift_y"] - nuisances.SHIFT_Y * side
    places = np.stack([faces.truth["shift_x"], down, np.log(side)], axis=1)
    return np.asarray(faces.images), places.astype(np.float32)


def parse_source(text):
    """`MODEL,people=400,seed=1` -> the arguments of `load`, "size" 0 where it is left open.

    Raises:
        InputError: no model, an unknown option, or no whole number.
    """
    model, *items = text.split(",")
    if not model or model.partition("=")[0] in OPTIONS:
        raise InputError("heads: name a clone of ICT-FaceKit first, as in heads:../ICT-FaceKit,people=400,images=24000")
    options = {**OPTIONS, "cast": None}
    for item in filter(None, items):
        key, _, value = item.partition("=")
        if key not in options:
            raise InputError(f"heads: unknown option {key!r}; the options are {', '.join(options)}")
        if key == "cast":
            options[key] = value
            continue
        if not (value.isascii() and value.isdecimal()):
            raise InputError(f"heads: {key} must be a whole number, not {value!r}")
        if key in SWITCHES and value not in ("0", "1"):
            raise InputError(f"heads: {key} must be 0 or 1, not {value}")
        options[key] = int(value)
    return {"model": model, **options}


def agreed_size(named, asked):
    """The side to render: the option `size` (0 where it is left open) or the one asked for; both must agree."""
    if named and asked and named != asked:
        raise InputError(f"heads: size={named}, but pictures of {asked} pixels are asked for; leave size out, or agree")
    return named or asked or DEFAULT_SIZE


def _cast(path):
    return tuple((CAST if path is None else load_cast(path)).items())


def _load(heads, numbers, size, counterparts, processes=None):
    prepared = preparation.prepare(heads, numbers, size, counterparts, 1 + len(TRUTH), processes)
    expression = prepared.labels[:, 0].astype(np.int64)
    recordings = [heads.recording(number) for number in numbers.tolist()]
    identity = np.array([recording % heads.people for recording, _ in recordings], np.int64)
    names, paths = heads.names, []
    for n, i, e, (recording, frame) in zip(numbers.tolist(), identity, expression, recordings, strict=True):
        folder = f"{names[i]}_{EXPRESSIONS[e]}"
        place = f"{recording:05d}_{frame:03d}" if heads.clips else f"{n // (heads.people * len(EXPRESSIONS)):05d}"
        paths.append(f"{names[i]}/{folder}/{folder}_{place}.png")
    return FaceSet(
        images=prepared.images,
        identity=identity,
        expression=expression,
        identities=names,
        expressions=EXPRESSIONS,
        paths=tuple(paths),
        clip=np.array([f"clip{recording:05d}" if heads.clips else "" for recording, _ in recordings]),
        split=np.full(len(numbers), "", dtype=str),
        truth={name: prepared.labels[:, 1 + column].copy() for column, name in enumerate(TRUTH)},
        number=numbers,
        drawn_by=heads,
        counterpart_images=prepared.counterparts,
        counterpart_target=np.array([heads.target(n) for n in numbers.tolist()]) if counterparts else None,
        targets=tuple(name for name, _ in heads.cast) if counterparts else (),
    )


@functools.lru_cache(maxsize=64)
def _clip(seed, number):
    return clips.clip(seed, number)


@functools.cache
def _clip_starts(seed):
    """Numbers of the first frames of the clips as far as `_place` has counted."""
    return [0]


def _place(seed, number):
    """(clip, frame of it) of a frame counted through all clips."""
    starts = _clip_starts(seed)
    while starts[-1] <= number:
        starts.append(starts[-1] + len(_clip(seed, len(starts) - 1)))
    clip = bisect.bisect_right(starts, number) - 1
    return clip, number - starts[clip]


@functools.lru_cache(maxsize=1)
def _renderer(model):
    from vgan_tf.data.heads.renderer import Renderer

    return Renderer(load_model(model))
