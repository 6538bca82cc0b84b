"""The target identities: sixteen people who do not exist, drawn to please and to differ.

They are in `cast.json`: name -> fields of `Person` that differ from its defaults. A file of that form makes a user's
own. No person that `people` draws comes near one of them.
"""

import dataclasses
import json
from pathlib import Path

from vgan_tf.data.heads.appearance import CLOTHES, FACIAL_HAIR, GLASSES, HAIR_STYLES, HEAD_COVERS, Person
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
    path = Path(path)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        people = {name: _person(f"{path}: {name}", fields) for name, fields in sorted(entries.items())}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a JSON file of people (docs/data.md)") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: no cast: {error}") from None
    if not people:
        raise InputError(f"{path}: names nobody; a cast needs one person or more")
    return people


def _person(where, fields):
    for name, value in fields.items():
        if name not in _DEFAULTS:
            raise InputError(f"{where}: no field {name!r}; there are {', '.join(_DEFAULTS)}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise InputError(f"{where}: {name} is {value!r}; give one of {', '.join(_CHOICES[name])}")
        of_a_kind = isinstance(value, type(_DEFAULTS[name])) or (
            isinstance(value, (int, float, list)) and name not in _CHOICES
        )
        if not of_a_kind or isinstance(value, list) != isinstance(_DEFAULTS[name], tuple):
            raise InputError(f"{where}: {name} is {value!r}; give a value such as {_DEFAULTS[name]!r}")
    return Person(**{name: _tuples(value) for name, value in fields.items()})


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


CAST = load_cast(Path(__file__).with_name("cast.json"))
