"""From images with names to a checked `FaceSet`: the end that every reader shares."""

import difflib
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgan_tf.data.faces import FaceSet
from vgan_tf.errors import InputError
from vgan_tf.images import square
from vgan_tf.labels import EXPRESSIONS, expression_order

SPLITS = ("train", "validation", "test")

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


class Row(NamedTuple):
    """One image of a source, beside its pixels. `path` is relative to the source, with forward slashes."""

    path: str
    identity: str
    expression: str
    clip: str = ""
    split: str = ""
    truth: dict | None = None  # name -> number


def expression_name(name):
    """Our label for an expression: lower case, synonyms resolved ("Happiness" -> "joy")."""
    name = name.strip().lower()
    return SYNONYMS.get(name, name)


def assemble(source, images, rows, skipped=()):
    """Turn images and what is known of them into a `FaceSet`, checking the labels.

    Args:
        source: str or Path that names the source in error messages.
        images: uint8 `(n, size, size, 3)`.
        rows: `n` Rows, all with the same kinds of truth.
        skipped: lines for `FaceSet.skipped`.

    Raises:
        InputError: an empty or suspect label, or fewer than two identities or expressions.
    """
    paths, identity_names, expression_names, clips, splits, truths = zip(*rows, strict=True)
    identity_names = [name.strip() for name in identity_names]
    expression_names = [expression_name(name) for name in expression_names]
    _check_names(source, identity_names, expression_names, paths)
    identities, expressions = tuple(sorted(set(identity_names))), expression_order(expression_names)
    identity_index = {name: index for index, name in enumerate(identities)}
    return FaceSet(
        images=images,
        identity=np.array([identity_index[name] for name in identity_names], np.int64),
        expression=np.array([expressions.index(name) for name in expression_names], np.int64),
        identities=identities,
        expressions=expressions,
        paths=paths,
        clip=np.array(clips, np.str_),
        split=np.array(splits, np.str_),
        truth={name: np.array([truth[name] for truth in truths], np.float32) for name in truths[0] or ()},
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


def split_name(name, where):
    """Our name of what an image is for: train, validation ("val", "valid") or test; InputError for any other word."""
    name = name.strip().lower()
    name = "validation" if name in ("val", "valid") else name
    if name not in SPLITS:
        raise InputError(f"{where}: split {name!r} is none of {', '.join(SPLITS)}")
    return name


def resize(images, size):
    """Bring uint8 `(n, height, width, 3)` to `(n, size, size, 3)`: central square, scaled; no copy if it fits."""
    if images.shape[1:3] == (size, size):
        return np.ascontiguousarray(images)
    result = np.empty((len(images), size, size, 3), np.uint8)
    for index, image in enumerate(images):
        result[index] = square(Image.fromarray(np.ascontiguousarray(image)), size)
    return result
