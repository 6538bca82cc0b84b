"""Images that stay in a file and are read as they are asked for, in place of an array that fills the memory."""

import hashlib
import json
import math
import os
import shutil
import tempfile
import threading

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.files import cache_folder, replacing, write_json

# More bytes of decoded images than this stay in a file of the cache folder.
IN_MEMORY_BYTES = 2**30
BLOCK = 1024  # images decoded or copied at a time
VERSION = 2  # of the file, and of what decoding makes of a picture


class StoredImages:
    """Images in files of nothing but their bytes, uint8 `(n, height, width, 3 or 4)`: enough of an array for FaceSet.

    An int reads one image. A slice or an array of indices gives other StoredImages, which have read nothing yet;
    `np.asarray` reads them. Files are read, not mapped: what is read of a mapped file counts as memory of the process,
    and an array of indices copies what it picks from a map.

    Args:
        files: list of (binary file, number of images in it).
        shape: `(height, width, channels)`.
        rows: int64 `(n,)`, numbers of the images, counted through all files; None for all of them in order.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, files, shape, rows=None):
        self._files = files
        self._starts = np.cumsum([0, *(count for _, count in files)])
        self._rows = np.arange(self._starts[-1]) if rows is None else rows
        self._lock = threading.Lock()
        self.shape = (len(self._rows), *shape)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            return np.asarray(self[[index]])[0]
        return StoredImages(self._files, self.shape[1:], self._rows[index])

    def __array__(self, dtype=None, copy=None):
        images = np.empty(self.shape, np.uint8)
        sources = np.searchsorted(self._starts, self._rows, side="right") - 1
        with self._lock:
            for image, row, source in zip(images, self._rows.tolist(), sources.tolist(), strict=True):
                file, _ = self._files[source]
                file.seek((row - int(self._starts[source])) * image.nbytes)
                if file.readinto(image) != image.nbytes:
                    raise InputError(f"{file.name}: truncated; delete it and start again")
        return images if dtype is None else images.astype(dtype, copy=False)

    def concatenate(self, other):
        """These images followed by those of other StoredImages."""
        rows = np.concatenate([self._rows, other._rows + self._starts[-1]])
        return StoredImages(self._files + other._files, self.shape[1:], rows)


def concatenate(first, second):
    """Images of either kind, one after the other; stored ones stay where they are."""
    if isinstance(first, StoredImages) and isinstance(second, StoredImages):
        return first.concatenate(second)
    return np.concatenate([first, second])


def hold(count, size, read, describe):
    """Read images into memory or, where they are too many, into a file of the cache folder that a later call finds.

    Args:
        count: number of images.
        size: their side in pixels.
        read: function (first, block) that fills `block`, uint8 `(m, size, size, 3)`, with the images from number
            `first` on, and returns a list of `m` notes on them (JSON values).
        describe: function without arguments -> iterable of str, which change when the images or the notes would.

    Returns:
        (images, notes): an array or StoredImages, and the `count` notes.

    Raises:
        InputError: the images need a file and there is no room for it, or the file of an earlier call is damaged.
    """
    shape = (count, size, size, 3)
    if count * size * size * 3 <= IN_MEMORY_BYTES:
        images = np.empty(shape, np.uint8)
        return images, read(0, images)
    digest = hashlib.sha256(f"{VERSION} {shape}".encode())
    for line in describe():
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    path = cache_folder() / "images" / f"{digest.hexdigest()[:32]}.rgb"
    notes_path = path.with_suffix(".json")
    if not (path.exists() and notes_path.exists()):
        check_room(path.parent, math.prod(shape), "decoded images")
        notes = []
        with replacing(path) as temporary, open(temporary, "wb") as file:
            for first in range(0, count, BLOCK):
                block = np.empty((min(BLOCK, count - first), *shape[1:]), np.uint8)
                notes.extend(read(first, block))
                file.write(block)
            write_json(notes_path, notes)  # before the images take their name: with it, both are whole
    return open_images(path, shape), json.loads(notes_path.read_text(encoding="utf-8"))


def open_images(path, shape):
    """The images of a file: an array, or StoredImages where they would fill the memory.

    Args:
        path: Path of a file of nothing but their bytes.
        shape: `(n, height, width, channels)`.

    Raises:
        InputError: the file has another number of bytes.
    """
    if path.stat().st_size != math.prod(shape):
        raise InputError(f"{path}: damaged; delete it and start again")
    if math.prod(shape) <= IN_MEMORY_BYTES:
        return np.fromfile(path, np.uint8).reshape(shape)
    file = open(path, "rb", buffering=0)  # noqa: SIM115 - it is open for as long as the images are
    return StoredImages([(file, shape[0])], shape[1:])


def write_beside(images, blocks):
    """Keep images that belong to stored ones: in a nameless file of the cache folder that goes with the process.

    Args:
        images: StoredImages, whose shape the new ones have.
        blocks: iterable of uint8 `(m, height, width, 3)`, all together as many as `images`.

    Returns:
        StoredImages.
    """
    folder = cache_folder() / "images"
    check_room(folder, math.prod(images.shape), "decoded images")
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
    for block in blocks:
        file.write(np.ascontiguousarray(block))
    return StoredImages([(file, len(images))], images.shape[1:])


def check_room(folder, needed, what):
    """Make the folder; InputError where its disk has fewer free bytes than `needed` for `what`."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder}: {needed / 2**30:.1f} GiB of {what} do not fit, {free / 2**30:.1f} GiB are free; "
            "make room, or name another place in XDG_CACHE_HOME"
        )


def stamp(path):
    """A line that changes when a file does: name, bytes, time of the last change."""
    status = os.stat(path)
    return f"{path} {status.st_size} {status.st_mtime_ns}"
