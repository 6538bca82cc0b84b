"""Labelled faces from files, recognised by their content. The formats: docs/data.md."""

import collections
import concurrent.futures
import os
import zipfile
from pathlib import Path

from vgan_tf.data.readers.arrays import read_hdf5, read_npz
from vgan_tf.data.readers.assembly import assemble, expression_name
from vgan_tf.data.readers.layouts import LAYOUTS, check_no_empty_class, list_images, read_layout, recognise_layout
from vgan_tf.data.readers.tables import REQUIRED_COLUMNS, read_table, table_columns
from vgan_tf.data.stored import hold, stamp
from vgan_tf.errors import InputError
from vgan_tf.images import read_image

FORMATS = (*LAYOUTS, "csv", "npz", "hdf5")
LARGEST_UNREADABLE_SHARE = 0.05
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_files(source, size):
    """Read a folder of images or a file of arrays or of paths; see `load_faces`."""
    prefix, colon, rest = source.partition(":")
    path, name = (Path(rest).expanduser(), prefix) if colon and prefix in FORMATS else (Path(source).expanduser(), "")
    if not path.exists():
        hint = f"; FORMAT:PATH knows {', '.join(FORMATS)}" if colon and not name else ""
        raise InputError(f"{path}: no such file or folder{hint}")
    if path.is_dir():
        return _read_folder(path, name, size)
    name = name or _recognise_file(path)
    if name == "npz":
        return read_npz(path, size)
    if name == "hdf5":
        return read_hdf5(path, size)
    if name == "csv":
        return _read_rows(path, path.parent, read_table(path), [], size)
    raise InputError(f"{path}: the format {name} is a folder, this is a file")


def _recognise_file(path):
    with open(path, "rb") as file:
        head = file.read(2048)
    # HDF5 may stand behind a user block of 512 bytes or more; MATLAB v7.3 writes its own header there.
    if any(head[start:].startswith(HDF5_SIGNATURE) for start in (0, 512, 1024)):
        return "hdf5"
    if head.startswith(b"MATLAB 5.0"):
        raise InputError(f"{path}: a MATLAB file older than v7.3; save it again with save(..., '-v7.3')")
    if zipfile.is_zipfile(path):
        return "npz"
    if set(REQUIRED_COLUMNS) <= set(table_columns(path)):
        return "csv"
    raise InputError(
        f"{path}: neither .npz nor HDF5 nor a CSV with the columns {', '.join(REQUIRED_COLUMNS)}; "
        "convert it, or name a folder of images"
    )


def _read_folder(root, name, size):
    table = root / "labels.csv"
    has_table = table.is_file() and set(REQUIRED_COLUMNS) <= set(table_columns(table))
    if name in ("npz", "hdf5") or (name == "csv" and not has_table):
        wanted = "labels.csv with the columns path, identity, expression" if name == "csv" else f"{name} file"
        raise InputError(f"{root}: a folder, in which no {wanted} is read; name the file itself")
    paths, barren = list_images(root)
    name = name or recognise_layout(root, paths) or ("csv" if has_table else "")
    if not name:
        rules = "; ".join(f"{key}: {layout.rule}" for key, layout in LAYOUTS.items())
        raise InputError(f"{root}: {paths[0]} fits no known layout; rename ({rules}) or write a labels.csv")
    if name == "csv":
        return _read_rows(table, root, read_table(table), [], size)
    if name in ("ferg", "mug", "folders"):
        check_no_empty_class(root, paths, barren)
    rows, left_out = read_layout(root, name, paths)
    if has_table:
        rows = _with_table(table, rows)
    return _read_rows(root, root, rows, left_out, size)


def _with_table(table, rows):
    """Add what labels.csv says beyond the layout: ground truth, split, clip. Both must agree on the labels."""
    listed = {row.path: row for row in read_table(table)}
    merged = []
    for row in rows:
        known = listed.get(row.path)
        if known is None:
            raise InputError(f"{table}: no row for {row.path}; add it, or remove the image")
        if (known.identity, expression_name(known.expression)) != (row.identity, expression_name(row.expression)):
            raise InputError(
                f"{table}: {row.path} is {known.identity}, {known.expression} here, "
                f"but {row.identity}, {row.expression} by its folder; correct one"
            )
        merged.append(row._replace(clip=known.clip or row.clip, split=known.split, truth=known.truth))
    return merged


def _read_rows(source, root, rows, left_out, size):
    """Decode the images of `rows`, paths relative to `root`, in parallel: Pillow releases the interpreter lock."""
    if not rows:
        raise InputError(f"{source}: no usable image; {left_out[0] if left_out else 'all were left out'}")
    for row in rows:
        if not (root / row.path).is_file():
            raise InputError(f"{source}: {row.path} does not exist; correct the path or remove it")

    def decode(first, block):
        def one(index):
            path = root / rows[first + index].path
            try:
                block[index] = read_image(path, size)
            except InputError as error:
                return f"{rows[first + index].path}: {str(error).removeprefix(f'{path}: ')}"
            return ""

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(one, range(len(block))))

    images, failures = hold(len(rows), size, decode, lambda: (stamp((root / row.path).absolute()) for row in rows))
    kept = [index for index, failure in enumerate(failures) if not failure]
    unreadable = [failure for failure in failures if failure]
    if unreadable:
        _check_unreadable(source, rows, kept, unreadable)
        images, rows = images[kept], [rows[index] for index in kept]
    return assemble(source, images, rows, [*unreadable, *left_out])


def _check_unreadable(source, rows, kept, unreadable):
    folders = collections.Counter(os.path.dirname(row.path) for row in rows)
    readable = collections.Counter(os.path.dirname(rows[index].path) for index in kept)
    for folder in folders:
        if folder and not readable[folder]:
            raise InputError(f"{source}: class folder {folder} holds no readable image; first {unreadable[0]}")
    if len(unreadable) > LARGEST_UNREADABLE_SHARE * len(rows):
        raise InputError(
            f"{source}: {len(unreadable)} of {len(rows)} images are unreadable "
            f"(at most {LARGEST_UNREADABLE_SHARE:.0%} may be); first {unreadable[0]}"
        )
