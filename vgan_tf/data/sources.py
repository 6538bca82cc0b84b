"""From the name of a source to labelled faces: drawn or rendered here, or read from files."""

import os

import numpy as np

from vgan_tf.data import avatars
from vgan_tf.data.faces import FaceSet
from vgan_tf.data.heads import motions
from vgan_tf.data.readers import read_files
from vgan_tf.labels import EXPRESSIONS

DEFAULT_SIZE = 64


def load_faces(source, size=None):
    """Draw, render or read labelled faces.

    Args:
        source: `avatars` (with options: `avatars:identities=6,images=4200,seed=1`), `heads:MODEL` with the folder of a
            3D model (with options: `heads:MODEL,people=400,images=24000,seed=1`), a folder of images, an .npz, HDF5,
            .mat or CSV file, or `FORMAT:PATH`, where the content does not tell the format (docs/data.md).
        size: side of the images in pixels. Avatars and heads are drawn for it; images that are read are cropped to
            their central square and scaled. None takes 64, for heads their own `size` or 128.

    Returns:
        FaceSet, its images in natural order of their paths (or in the order of the table or the array).

    Raises:
        InputError: the source is missing, of no known format, or breaks a rule of its format.
    """
    prefix, _, options = os.fspath(source).partition(":")
    if prefix == "heads":
        heads, options = _heads(options, size)
        return heads.load(**options)
    size = size or DEFAULT_SIZE
    if prefix == "avatars":
        return avatars.load(size, **avatars.parse_options(options))
    return read_files(os.fspath(source), size)


def companions(source, size=None):
    """Further images for an audit of a model that was trained on `source`, where the source can draw them.

    Args:
        source, size: as for `load_faces`.

    Returns:
        (FaceSet of the same people in other pictures, FaceSet of other people), or (None, None).
    """
    prefix, _, options = os.fspath(source).partition(":")
    if prefix == "heads":
        heads, options = _heads(options, size)
        return heads.load_companions(**options)
    if prefix == "avatars":
        return avatars.load_companions(size or DEFAULT_SIZE, **avatars.parse_options(options))
    return None, None


def load_unaligned(source, size):
    """Pictures to learn alignment from, of the people of a source that can render them.

    Returns:
        (uint8 `(n, size, size, 3)`, float32 `(n, 3)`, the places of the faces) of `heads.dataset.load_unaligned`; or
        None.
    """
    prefix, _, options = os.fspath(source).partition(":")
    if prefix != "heads":
        return None
    heads, options = _heads(options, None)
    return heads.load_unaligned(**{**options, "size": size})


def sample_motions(source, count, seed):
    """What faces do in a source that is drawn or rendered here, without a picture of them.

    Returns:
        FaceSet of `count` blank pictures of one pixel, all expressions in turn; or None for other sources.
    """
    kind, blank = os.fspath(source).partition(":")[0], np.full(count, "", dtype=str)
    expression = np.arange(count) % len(EXPRESSIONS)
    names = [EXPRESSIONS[label] for label in expression]
    if kind == "heads":
        drawn = [motions.truth_of(motions.sample_motion(seed, number, name)) for number, name in enumerate(names)]
        truth = dict(zip(motions.TRUTH, np.transpose(drawn), strict=True))
    elif kind == "avatars":
        drawn = [vars(avatars.people.circumstances(seed, number, name)[0]) for number, name in enumerate(names)]
        truth = {name: np.array([one[name] for one in drawn]) for name in avatars.dataset.TRUTH if name in drawn[0]}
    else:
        return None
    pictures, nobody = np.zeros((count, 1, 1, 3), np.uint8), np.zeros(count, np.int64)
    return FaceSet(pictures, nobody, expression, ("nobody",), EXPRESSIONS, ("",) * count, blank, blank, truth)


def brings_counterparts(source):
    """Whether `load_faces` gives a counterpart of each image, drawn beforehand; reads nothing."""
    prefix, _, options = os.fspath(source).partition(":")
    if prefix == "avatars":
        return bool(avatars.parse_options(options)["counterparts"])
    return prefix == "heads" and bool(_heads(options, None)[1]["counterparts"])


def shows_others(source, known):
    """Whether a source shows none of the people of a known one: certain of drawn people of another seed alone."""
    (kind, _, options), (known_kind, _, known_options) = (os.fspath(one).partition(":") for one in (source, known))
    if kind != known_kind or kind not in ("heads", "avatars"):
        return False
    parse = avatars.parse_options if kind == "avatars" else lambda text: _heads(text, None)[1]
    return parse(options)["seed"] != parse(known_options)["seed"]


def _heads(text, size):
    """(the module that renders, the arguments of its functions)."""
    # Imported where it is asked for, as it needs packages that no other source does.
    from vgan_tf.data.heads import dataset

    options = dataset.parse_source(text)
    return dataset, {**options, "size": dataset.agreed_size(options["size"], size)}
