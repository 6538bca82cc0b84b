"""CSV tables of images: columns path, identity, expression, optionally split and clip, and numbers (ground truth)."""

import csv
import math

from vgan_tf.data.readers.assembly import Row, split_name
from vgan_tf.errors import InputError

REQUIRED_COLUMNS = ("path", "identity", "expression")
# "n" numbers the images of a class: a counter, no property of the picture.
PLAIN_COLUMNS = frozenset((*REQUIRED_COLUMNS, "split", "clip", "n"))


def table_columns(path):
    """Column names of a CSV file; empty if it is no text."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, skipinitialspace=True), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def read_table(path):
    """Rows of a CSV file; paths in it stay relative to its folder.

    Every other column whose cells are all finite numbers becomes ground truth of that name.

    Raises:
        InputError: a column is missing, the table is empty, a path or a split is wrong.
    """
    columns = table_columns(path)
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; the columns are {', '.join(columns) or 'none'}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            cells = list(csv.DictReader(file, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a UTF-8 CSV table ({error}); save it as UTF-8") from None
    if not cells:
        raise InputError(f"{path}: the table has no rows")
    for number, row in enumerate(cells, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path}: row {number} has not {len(columns)} cells like the header")
    numeric = [name for name in columns if name not in PLAIN_COLUMNS and all(_is_number(row[name]) for row in cells)]
    has_split = any(row.get("split") for row in cells)
    rows, seen = [], set()
    for number, row in enumerate(cells, start=2):
        if row["path"] in seen:
            raise InputError(f"{path}: row {number} repeats {row['path']}; list every image once")
        seen.add(row["path"])
        split = split_name(row["split"], f"{path}: row {number}") if has_split else ""
        truth = {name: float(row[name]) for name in numeric}
        rows.append(Row(row["path"], row["identity"], row["expression"], row.get("clip", ""), split, truth))
    return rows


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
