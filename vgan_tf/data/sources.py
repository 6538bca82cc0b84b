"""From the name of a source to labelled faces: drawn here, or read from files."""

import os

from vgan_tf.data import avatars
from vgan_tf.data.readers import read_files


def load_faces(source, size=64):
    """Draw or read labelled faces.

    Args:
        source: `avatars` (with options: `avatars:identities=6,images=4200,seed=1`), a folder of images, an .npz, HDF5,
            .mat or CSV file, or `FORMAT:PATH`, where the content does not tell the format (docs/data.md).
        size: side of the images in pixels. Avatars are drawn for it; images that are read are cropped to their central
            square and scaled.

    Returns:
        FaceSet, its images in natural order of their paths (or in the order of the table or the array).

    Raises:
        InputError: the source is missing, of no known format, or breaks a rule of its format.
    """
    options = _avatar_options(source)
    return read_files(os.fspath(source), size) if options is None else avatars.load(size, **options)


def companions(source, size=64):
    """Further images for an audit of a model that was trained on `source`, where the source can draw them.

    Args:
        source, size: as for `load_faces`.

    Returns:
        (FaceSet of the same people in other pictures, FaceSet of other people), or (None, None).
    """
    options = _avatar_options(source)
    return (None, None) if options is None else avatars.load_companions(size, **options)


def _avatar_options(source):
    """The options of a source that is drawn, else None."""
    prefix, _, options = os.fspath(source).partition(":")
    return avatars.parse_options(options) if prefix == "avatars" else None
