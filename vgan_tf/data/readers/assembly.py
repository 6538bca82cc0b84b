"""From images with names to a checked `FaceSet`: the end that every reader shares."""

import difflib

import numpy as np
from PIL import Image

from vgan_tf.data.faces import FaceSet
from vgan_tf.errors import InputError
from vgan_tf.images import square
from vgan_tf.labels import EXPRESSIONS, expression_order

PARTS = ("train", "validation", "test")

# What data sets call an expression -> our label. Contempt is in CK+ and RaFD only and keeps its name.
SYNONYMS = {
    "angry": "anger",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "happy": "joy",
    "happiness": "joy",
    "sad": "sadness",
    "surprised": "surprise",
    "contemptuous": "contempt",
}
KNOWN_EXPRESSIONS = (*EXPRESSIONS, "contempt")


def expression_name(name):
    """Our label for an expression: lower case, synonyms resolved ("Happiness" -> "joy")."""
    name = str(name).strip().lower()
    return SYNONYMS.get(name, name)


def assemble(source, images, identity_names, expression_names, paths, clips, parts, truth=None, skipped=()):
    """Turn images and the names of their labels into a `FaceSet`, checking the labels.

    Args:
        source: str that names the source in error messages.
        images: uint8 `(n, size, size, 3)`.
        identity_names, expression_names, paths, clips, parts: `n` str each.
        truth: name -> `n` numbers, or None.
        skipped: lines for `FaceSet.skipped`.

    Raises:
        InputError: an empty or suspect label, or fewer than two identities or expressions.
    """
    identity_names = [str(name).strip() for name in identity_names]
    expression_names = [expression_name(name) for name in expression_names]
    _check_names(source, identity_names, expression_names, paths)
    identities = tuple(sorted(set(identity_names)))
    expressions = expression_order(expression_names)
    identity_index = {name: index for index, name in enumerate(identities)}
    expression_index = {name: index for index, name in enumerate(expressions)}
    return FaceSet(
        images=images,
        identity=np.array([identity_index[name] for name in identity_names], np.int64),
        expression=np.array([expression_index[name] for name in expression_names], np.int64),
        identities=identities,
        expressions=expressions,
        paths=tuple(paths),
        clip=np.array(clips, dtype=np.str_),
        part=np.array(parts, dtype=np.str_),
        truth={name: np.asarray(values, np.float32) for name, values in (truth or {}).items()},
        skipped=tuple(skipped),
    )


def _check_names(source, identity_names, expression_names, paths):
    for path, identity, expression in zip(paths, identity_names, expression_names, strict=True):
        if not identity or not expression:
            raise InputError(f"{source}: {path} has an empty identity or expression; fill it in or remove the image")
    identities, expressions = set(identity_names), set(expression_names)
    if {expression_name(name) for name in identities} <= set(KNOWN_EXPRESSIONS):
        raise InputError(
            f"{source}: the identities are called {', '.join(sorted(identities))}; "
            "put identities first and expressions second (IDENTITY/EXPRESSION)"
        )
    if len(identities) < 2:
        raise InputError(f"{source}: only one identity ({identity_names[0]}); at least 2 are needed")
    if len(expressions) < 2:
        raise InputError(f"{source}: only one expression ({expression_names[0]}); at least 2 are needed")
    # A set may have expressions of its own, but a misspelt or stray label must not become a class.
    for unknown in sorted(expressions - set(KNOWN_EXPRESSIONS)):
        example = paths[expression_names.index(unknown)]
        for meant in difflib.get_close_matches(unknown, (*KNOWN_EXPRESSIONS, *SYNONYMS), n=1, cutoff=0.75):
            meant = expression_name(meant)
            raise InputError(f"{source}: unknown expression {unknown!r} ({example}); rename it, perhaps to {meant!r}")
        shown_by = {i for i, e in zip(identity_names, expression_names, strict=True) if e == unknown}
        if len(shown_by) < 2:
            raise InputError(
                f"{source}: unknown expression {unknown!r} ({example}), shown by one identity only; "
                f"rename it to one of {', '.join(KNOWN_EXPRESSIONS)}, or remove it"
            )


def part_name(name, where):
    """Our name of a split part ("val" and "valid" mean validation); InputError for any other word."""
    name = str(name).strip().lower()
    name = "validation" if name in ("val", "valid") else name
    if name not in PARTS:
        raise InputError(f"{where}: split {name!r} is none of {', '.join(PARTS)}")
    return name


def resize(images, size):
    """Bring uint8 `(n, height, width, 3)` to `(n, size, size, 3)`: central square, scaled; no copy if it fits."""
    if images.shape[1:3] == (size, size):
        return np.ascontiguousarray(images)
    result = np.empty((len(images), size, size, 3), np.uint8)
    for index, image in enumerate(images):
        result[index] = square(Image.fromarray(np.ascontiguousarray(image)), size)
    return result
