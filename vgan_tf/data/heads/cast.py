"""The target identities: sixteen people who do not exist, drawn to please and to differ.

They are in `cast.json`: name -> fields of `Person` that differ from its defaults. A file of that form makes a user's
own. No person that `people` draws comes near one of them.
"""

import dataclasses
import json
import re
from pathlib import Path

from vgan_tf.data.heads.appearance import CLOTHES, FACIAL_HAIR, GLASSES, HAIR_STYLES, HEAD_COVERS, Person
from vgan_tf.data.heads.model import MODES
from vgan_tf.data.heads.motions import MOTION_SHAPES
from vgan_tf.errors import InputError

_CHOICES = {
    "hair_style": HAIR_STYLES,
    "facial_hair": FACIAL_HAIR,
    "glasses": GLASSES,
    "head_cover": HEAD_COVERS,
    "clothes": CLOTHES,
}
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Person)}


def load_cast(path):
    """Read target identities from a JSON file: name -> fields of `Person`.

    Returns:
        dict: name -> Person, sorted by name.

    Raises:
        InputError: the file is missing, not of this form, or names a field or a value that there is not.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a JSON file of people (docs/data.md)") from None
    except ValueError as error:
        raise InputError(f"{path}: no JSON: {error}") from None
    try:
        return cast_of(entries)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def cast_of(entries):
    """What a cast's file says, dict: name -> dict of fields -> the people, as `load_cast` returns them."""
    if not isinstance(entries, dict) or not all(isinstance(fields, dict) for fields in entries.values()):
        raise InputError('no cast; give {"name": {"field": value, ...}, ...} (docs/data.md)')
    if not entries:
        raise InputError("names nobody; a cast needs one person or more")
    return {name: _person(name, entries[name]) for name in sorted(entries)}


def _person(person, fields):
    if not re.fullmatch(r"\w[\w -]*", person):  # a folder is named by it
        raise InputError(f"{person!r} is no name; give letters and digits")
    for name, value in fields.items():
        if name not in _DEFAULTS:
            raise InputError(f"{person}: no field {name!r}; there are {', '.join(_DEFAULTS)}")
        wanted = _wanted(name, value)
        if wanted:
            raise InputError(f"{person}: {name} is {json.dumps(value)}; give {wanted}")
    return Person(**{name: _tuples(value) for name, value in fields.items()})


def _wanted(name, value):
    """What a field takes, where a value from JSON is none of it; else None."""
    if name in _CHOICES:
        return None if value in _CHOICES[name] else f"one of {', '.join(_CHOICES[name])}"
    if name == "seed":
        return None if _is_whole(value) else "a whole number of at least 0"
    if name == "shape":
        good = _are_pairs(value) and all(_is_whole(mode) and mode < MODES for mode, _ in value)
        return None if good else f"[mode, weight] pairs, modes from 0 to {MODES - 1}"
    if name == "rest":
        good = _are_pairs(value) and all(shape in MOTION_SHAPES for shape, _ in value)
        return None if good else f"[blendshape, weight] pairs, blendshapes such as {MOTION_SHAPES[0]}"
    if isinstance(_DEFAULTS[name], tuple):
        good = isinstance(value, list | tuple) and len(value) == 3 and all(_is_number(v) and 0 <= v <= 1 for v in value)
        return None if good else "three numbers from 0 to 1: linear R, G, B"
    return None if _is_number(value) else f"a number such as {_DEFAULTS[name]}"


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6  # so no NaN either


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_pairs(value):
    lists = list | tuple
    return isinstance(value, lists) and all(isinstance(v, lists) and len(v) == 2 and _is_number(v[1]) for v in value)


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


CAST = load_cast(Path(__file__).with_name("cast.json"))
