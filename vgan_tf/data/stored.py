"""Images that stay in a file and are read as they are asked for, in place of an array that fills the memory."""

import hashlib
import json
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
VERSION = 1  # of what decoding makes of a picture


class StoredImages:
    """Images in files, uint8 `(n, height, width, 3)`: enough of an array for `FaceSet.images`.

    An int reads one image. A slice or an array of indices gives other StoredImages, which have read nothing yet;
    `np.asarray` reads them. Files are read, not mapped, so that what was read does not count as memory of the process.

    Args:
        files: list of (binary file, offset of its first image in bytes, number of images).
        shape: `(height, width, 3)`.
        rows: int64 `(n,)`, numbers of the images, counted through all files; None for all of them in order.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, files, shape, rows=None):
        self._files = list(files)
        self._starts = np.cumsum([0, *(count for _, _, count in self._files)])
        self._rows = np.arange(self._starts[-1]) if rows is None else rows
        self._lock = threading.Lock()
        self.shape = (len(self._rows), *shape)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            return self._read(self._rows[[index]])[0]
        return StoredImages(self._files, self.shape[1:], self._rows[index])

    def __array__(self, dtype=None, copy=None):
        images = self._read(self._rows)
        return images if dtype is None else images.astype(dtype, copy=False)

    def concatenate(self, other):
        """These images followed by those of other StoredImages."""
        rows = np.concatenate([self._rows, other._rows + self._starts[-1]])
        return StoredImages(self._files + other._files, self.shape[1:], rows)

    def _read(self, rows):
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        sources = np.searchsorted(self._starts, rows, side="right") - 1
        with self._lock:
            for image, row, source in zip(images, rows.tolist(), sources.tolist(), strict=True):
                file, offset, _ = self._files[source]
                file.seek(offset + (row - int(self._starts[source])) * image.nbytes)
                if file.readinto(image) != image.nbytes:
                    raise InputError(f"{file.name}: truncated; delete it and start again")
        return images


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
        InputError: the images need a file and there is no room for it.
    """
    shape = (count, size, size, 3)
    if count * size * size * 3 <= IN_MEMORY_BYTES:
        images = np.empty(shape, np.uint8)
        return images, read(0, images)
    path = cache_folder() / "images" / f"{_digest((str(VERSION), str(shape), *describe()))}.npy"
    notes_path = path.with_suffix(".json")
    if not (path.exists() and notes_path.exists()):
        _check_room(path, shape)
        notes = []

        def blocks():
            for first in range(0, count, BLOCK):
                block = np.empty((min(BLOCK, count - first), *shape[1:]), np.uint8)
                notes.extend(read(first, block))
                yield block

        with replacing(path) as temporary, open(temporary, "wb") as file:
            _write_npy(file, shape, blocks())
            write_json(notes_path, notes)
    return open_npy(path), json.loads(notes_path.read_text(encoding="utf-8"))


def open_npy(path):
    """The images of an .npy file as StoredImages."""
    file = open(path, "rb", buffering=0)  # noqa: SIM115 - it is open for as long as the images are
    try:
        version = np.lib.format.read_magic(file)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = reader(file)
    except (ValueError, KeyError):
        raise InputError(f"{path}: damaged; delete it and start again") from None
    if len(shape) != 4 or fortran or dtype != np.uint8 or path.stat().st_size != file.tell() + np.prod(shape):
        raise InputError(f"{path}: damaged; delete it and start again")
    return StoredImages([(file, file.tell(), shape[0])], shape[1:])


def write_beside(images, blocks):
    """Keep images that belong to stored ones: in a nameless file of the cache folder that goes with the process.

    Args:
        images: StoredImages, whose shape the new ones have.
        blocks: iterable of uint8 `(m, height, width, 3)`, all together as many as `images`.

    Returns:
        StoredImages.
    """
    _check_room(cache_folder() / "images" / "temporary", images.shape)
    file = tempfile.TemporaryFile(dir=cache_folder() / "images", buffering=0)  # noqa: SIM115
    for block in blocks:
        file.write(np.ascontiguousarray(block).data)
    return StoredImages([(file, 0, len(images))], images.shape[1:])


def _write_npy(file, shape, blocks):
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks:
        file.write(block.data)


def _check_room(path, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    needed, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(
            f"{path.parent}: {needed / 2**30:.1f} GiB of decoded images do not fit, {free / 2**30:.1f} GiB are free; "
            "make room, or name another place in XDG_CACHE_HOME"
        )


def _digest(lines):
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()[:32]


def stamp(path):
    """A line that changes when a file does: name, bytes, time of the last change."""
    status = os.stat(path)
    return f"{path} {status.st_size} {status.st_mtime_ns}"
