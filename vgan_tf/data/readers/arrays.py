"""Arrays of images in .npz, HDF5 and MATLAB v7.3 files."""

import zipfile
import zlib

import numpy as np

from vgan_tf.data.readers.assembly import Row, assemble, resize, split_name
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS

# Accepted names of each array, in lower case. "imdb", "id", "ep", "set" are those of the authors' MATLAB file.
KEYS = {
    "images": ("images", "image", "x", "data", "imdb"),
    "identity": ("identity", "id", "y_id", "subject"),
    "expression": ("expression", "ep", "y_ep", "emotion", "label", "labels"),
    "identities": ("identities", "identity_names"),
    "expressions": ("expressions", "expression_names"),
    "clip": ("clip",),
    "split": ("split", "set", "part"),
}


def read_npz(path, size):
    """Read a `FaceSet` from an .npz file (see docs/data.md for the keys); pickled objects are refused."""
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not an .npz file; save it with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = _find(path, archive.files)
            arrays = {role: archive[name] for role, name in names.items()}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a readable .npz of plain arrays ({error}); save it without objects") from None
    return _faces(path, arrays, False, size)


def read_hdf5(path, size):
    """Read a `FaceSet` from an HDF5 file or a MATLAB v7.3 .mat file, whose axes h5py sees reversed."""
    try:
        import h5py
    except ImportError:
        raise InputError(f"{path}: reading HDF5 needs the package h5py; install it, or convert to .npz") from None
    try:
        with h5py.File(path, "r") as file:
            found = {}
            file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
            # MATLAB keeps the contents of cells and objects in groups of its own, #refs# and #subsystem#.
            names = _find(path, [name for name in found if not name.startswith("#")])
            images = found[names["images"]]
            # A file made by MATLAB counts from 1 and comes with its axes reversed, even if it lost MATLAB's attributes.
            matlab = "MATLAB_class" in images.attrs or (images.shape[:1] == (3,) and images.shape[-1] != 3)
            arrays = {}
            for role, name in names.items():
                text = h5py.check_string_dtype(found[name].dtype)
                arrays[role] = np.asarray(found[name].asstr()[()], np.str_) if text else found[name][()]
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file ({error})") from None
    return _faces(path, arrays, matlab, size)


def _find(path, available):
    """Role -> name of the array that plays it; groups in front of a name do not matter."""
    names = {}
    for role, accepted in KEYS.items():
        matching = [name for name in available if name.rsplit("/", 1)[-1].lower() in accepted]
        if len(matching) > 1:
            raise InputError(f"{path}: {', '.join(sorted(matching))} could each be the {role}; keep one of them")
        if matching:
            names[role] = matching[0]
    for role in ("images", "identity", "expression"):
        if role not in names:
            raise InputError(
                f"{path}: no array for the {role}; found {', '.join(sorted(available)) or 'nothing'}, "
                f"accepted are {', '.join(KEYS[role])}"
            )
    return names


def _faces(path, arrays, matlab, size):
    for role, array in arrays.items():
        if array.dtype == object or array.dtype.kind not in "uifbSU":
            raise InputError(f"{path}: {role} holds objects ({array.dtype}); store plain numbers or text")
    identity, expression = arrays["identity"], arrays["expression"]
    count = identity.size
    images = _upright(path, arrays["images"], count, matlab)
    for role in ("identity", "expression", "clip", "split"):
        if role in arrays and (arrays[role].size != count or max(arrays[role].shape, default=0) != count):
            raise InputError(f"{path}: {role} has shape {arrays[role].shape}, but there are {count} images")
    identity_names = _label_names(path, "identity", identity, arrays.get("identities"), matlab)
    names = arrays.get("expressions", np.array(EXPRESSIONS))
    expression_names = _label_names(path, "expression", expression, names, matlab)
    clips = _text(arrays["clip"]) if "clip" in arrays else [""] * count
    splits = _splits(path, arrays["split"]) if "split" in arrays else [""] * count
    paths = [f"{path.name}[{index}]" for index in range(count)]
    rows = [Row(*values) for values in zip(paths, identity_names, expression_names, clips, splits, strict=True)]
    return assemble(path, resize(images, size), rows)


def _upright(path, images, count, matlab):
    """Bring images to uint8 `(n, height, width, 3)`."""
    images = images.T if matlab else images
    if matlab and images.ndim == 4 and images.shape[2:] == (3, count):
        images = np.moveaxis(images, -1, 0)  # (height, width, 3, n) is MATLAB's other habit
    if images.ndim != 4 or images.shape[-1] != 3 or len(images) != count or 0 in images.shape:
        raise InputError(
            f"{path}: images have shape {images.shape} for {count} labels; "
            f"expected ({count}, height, width, 3), RGB with the channels last"
        )
    if images.dtype != np.uint8:
        whole = images.dtype.kind in "uif" and images.min() >= 0 and 1 < images.max() <= 255
        if not whole or (images.dtype.kind == "f" and not np.array_equal(images, np.rint(images))):
            raise InputError(f"{path}: images are {images.dtype}; expected uint8, 0 to 255")
        images = images.astype(np.uint8)
    return images


def _text(array):
    array = np.ravel(array)
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in array.tolist()]


def _whole_numbers(path, role, array):
    values = np.ravel(array).astype(np.float64)
    if not np.array_equal(values, np.rint(values)) or values.min() < 0:
        raise InputError(f"{path}: {role} must be whole numbers from 0; got {values.min():g} to {values.max():g}")
    return values.astype(np.int64)


def _label_names(path, role, labels, names, matlab):
    if labels.dtype.kind in "SU":
        return _text(labels)
    labels = _whole_numbers(path, role, labels)
    if names is None:
        width = len(str(labels.max()))
        return [f"{label:0{width}d}" for label in labels]
    names = _text(names)
    first = 1 if matlab and labels.min() >= 1 else 0
    if labels.max() - first >= len(names):
        raise InputError(
            f"{path}: {role} label {labels.max()} is out of range, {first} to {len(names) - 1 + first}; "
            f"correct it, or list the names in {KEYS['identities' if role == 'identity' else 'expressions'][0]}"
        )
    return [names[label - first] for label in labels]


def _splits(path, array):
    if array.dtype.kind in "SU":
        names = _text(array)
        return [split_name(name, path) for name in names] if any(names) else names
    values = _whole_numbers(path, "split", array)
    # The authors' file has 0 and 1; MatConvNet's form of it has 1, 2 and 3.
    meaning = ("train", "test") if 0 in values else ("", "train", "validation", "test")
    if values.max() >= len(meaning):
        raise InputError(f"{path}: split must be 0 (train) and 1 (test), or 1, 2, 3 (train, validation, test)")
    return [meaning[value] for value in values]
