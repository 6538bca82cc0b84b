"""Folders of images: which layout they follow, and the row (path, identity, expression, ...) of each image."""

import collections
import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vgan_tf.data.readers.assembly import KNOWN_EXPRESSIONS, Row, expression_name
from vgan_tf.errors import InputError

IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm"))


class Layout(NamedTuple):
    """How a data set names its images: a pattern that a whole relative path fits, and the same in words."""

    pattern: re.Pattern
    rule: str


LAYOUTS = {
    "ferg": Layout(
        re.compile(r"(?:.*/)?(?P<identity>[^/]+)/(?P=identity)_(?P<expression>[^/]+)/[^/]+"),
        "NAME/NAME_EXPRESSION/IMAGE",
    ),
    "mug": Layout(
        re.compile(
            r"(?:.*/)?(?P<identity>\d{3})/(?:session\d+/)?(?P<expression>[A-Za-z]+)/(?:take\d+\w*/[^/]+|img_\d+\.\w+)"
        ),
        "SUBJECT/EXPRESSION/takeN/IMAGE or SUBJECT/EXPRESSION/img_N.jpg, with SUBJECT of three digits",
    ),
    "jaffe": Layout(
        re.compile(r"(?:.*/)?(?P<identity>[A-Z]{2})\.(?P<expression>AN|DI|FE|HA|NE|SA|SU)\d+\.\d+\.[\w.]+"),
        "file names like KA.AN1.39.tiff",
    ),
    "ck": Layout(
        re.compile(r"(?:.*/)?(?P<identity>S\d{3})_(?P<sequence>\d{3})_(?P<frame>\d+)\.\w+"),
        "file names like S010_004_00000017.png",
    ),
    "kdef": Layout(
        re.compile(
            r"(?:.*/)?[AB](?P<identity>[FM]\d{2})(?P<expression>AF|AN|DI|HA|NE|SA|SU)(?P<angle>FL|HL|S|HR|FR)\.\w+",
            re.IGNORECASE,
        ),
        "file names like AF01ANS.JPG",
    ),
    "rafd": Layout(
        re.compile(
            r"(?:.*/)?Rafd(?P<angle>\d{3})_(?P<identity>\d+)_[A-Za-z]+_[A-Za-z]+_(?P<expression>[a-z]+)_[a-z]+\.\w+"
        ),
        "file names like Rafd090_01_Caucasian_female_angry_frontal.jpg",
    ),
    "folders": Layout(re.compile(r"(?P<identity>[^/]+)/(?P<expression>[^/]+)/[^/]+"), "IDENTITY/EXPRESSION/IMAGE"),
}

EXPRESSION_CODES = {
    "AF": "fear",
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "joy",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
# A full profile hides half of the expression: straight and half profile only.
ANGLES = {"kdef": ("S", "HL", "HR"), "rafd": ("045", "090", "135")}
# These two files bear such names in KDEF as distributed; their angle cannot be known.
KDEF_MISNAMED = frozenset(("AF31V.JPG", "AM31H.JPG"))
CK_EXPRESSIONS = ("neutral", "anger", "contempt", "disgust", "fear", "joy", "sadness", "surprise")
CK_PEAK_FRAMES = 3


def natural_key(path):
    """Sorting key that puts img_2 before img_10; total, so that the order never depends on the file system."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", path)], path


def list_images(root):
    """Find the images below `root`; hidden and macOS resource folders are left out.

    Returns:
        (relative paths, naturally sorted; {relative folder without image or subfolder: whether it holds files}).

    Raises:
        InputError: there is no image.
    """
    images, barren = [], {}
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__MACOSX"]
        names = [name for name in names if not name.startswith(".")]
        relative = Path(folder).relative_to(root)
        found = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
        images += [(relative / name).as_posix() for name in found]
        if not found and not subfolders:
            barren[relative.as_posix()] = bool(names)
    if not images:
        raise InputError(f"{root}: no image found ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(images, key=natural_key), barren


def check_no_empty_class(root, paths, barren):
    """Raise InputError if a folder stands where images of a class should be but holds none (see `list_images`)."""
    class_depths = {path.count("/") for path in paths}
    for folder, has_files in sorted(barren.items()):
        # A folder of notes beside the identities is no class folder; an empty one, or one as deep as the classes, is.
        if not has_files or folder.count("/") + 1 in class_depths:
            raise InputError(f"{root}: class folder {folder} holds no image; fill or remove it")


def recognise_layout(root, paths):
    """Name the layout that at least half of `paths` follow, or return None.

    Raises:
        InputError: several data sets' layouts fit.
    """
    share = {name: sum(1 for path in paths if layout.pattern.fullmatch(path)) for name, layout in LAYOUTS.items()}
    fitting = [name for name in LAYOUTS if name != "folders" and 2 * share[name] >= len(paths)]
    if len(fitting) > 1:
        raise InputError(f"{root}: fits the layouts {' and '.join(fitting)}; name one, for example {fitting[0]}:{root}")
    if fitting:
        return fitting[0]
    stripped = _without_common_folder(paths)
    fits = sum(1 for path in stripped if LAYOUTS["folders"].pattern.fullmatch(path))
    return "folders" if 2 * fits >= len(paths) else None


def read_layout(root, name, paths):
    """Rows of the images at `paths` by the layout `name`.

    Returns:
        (list of Row, list of lines about images left out on purpose).

    Raises:
        InputError: a path breaks the layout's rule; CK+ without labels.
    """
    layout = LAYOUTS[name]
    fitted = _without_common_folder(paths) if name == "folders" else paths
    matches, left_out = [], []
    for path, text in zip(paths, fitted, strict=True):
        match = layout.pattern.fullmatch(text)
        if match:
            matches.append((path, match))
        elif name == "kdef" and PurePosixPath(path).name.upper() in KDEF_MISNAMED:
            left_out.append(f"{path}: misnamed in KDEF itself, left out")
        else:
            raise InputError(f"{root}: {path} breaks the rule of {name} ({layout.rule}); rename or remove it")
    if name == "ck":
        return _ck_rows(root, matches)
    rows, profiles = [], 0
    for path, match in matches:
        if name in ANGLES and match["angle"].upper() not in ANGLES[name]:
            profiles += 1
            continue
        identity, expression = match["identity"], match["expression"]
        if name in ("jaffe", "kdef"):
            identity, expression = identity.upper(), EXPRESSION_CODES[expression.upper()]
        clip = PurePosixPath(path).parent.as_posix() if name == "mug" else ""
        rows.append(Row(path, identity, expression, clip))
    if profiles:
        left_out.append(f"{root}: {profiles} full-profile images left out")
    return rows, left_out


def _without_common_folder(paths):
    """Drop leading folders that all paths share, as long as IDENTITY/EXPRESSION/IMAGE remains."""
    while all(path.count("/") > 2 for path in paths) and len({path.split("/", 1)[0] for path in paths}) == 1:
        paths = [path.split("/", 1)[1] for path in paths]
    return paths


def _ck_rows(root, matches):
    """CK+: the first frame of a labelled sequence is neutral, its last three show the labelled expression.

    Where there are no label files, the folder names the expression (the "CK+48" form: peak frames only).
    """
    labels = _ck_labels(root)
    folders = {expression_name(PurePosixPath(path).parent.name) for path, _ in matches}
    if not labels and folders <= set(KNOWN_EXPRESSIONS):
        return [
            Row(path, match["identity"], PurePosixPath(path).parent.name, f"{match['identity']}_{match['sequence']}")
            for path, match in matches
        ], []
    if not labels:
        raise InputError(f"{root}: no *_emotion.txt found; put CK+'s Emotion folder beside cohn-kanade-images")
    sequences = collections.defaultdict(list)
    for path, match in matches:
        sequences[match["identity"], match["sequence"]].append((int(match["frame"]), path))
    rows, unlabelled = [], 0
    for (identity, sequence), frames in sequences.items():
        if (identity, sequence) not in labels:
            unlabelled += 1
            continue
        paths = [path for _, path in sorted(frames)]
        clip = f"{identity}_{sequence}"
        rows.append(Row(paths[0], identity, "neutral", clip))
        rows += [Row(path, identity, labels[identity, sequence], clip) for path in paths[1:][-CK_PEAK_FRAMES:]]
    left_out = [f"{root}: {unlabelled} sequences without an emotion label left out"] if unlabelled else []
    return rows, left_out


def _ck_labels(root):
    """(subject, sequence) -> expression, from `S010_004_00000017_emotion.txt` below or beside `root`."""
    files = sorted(Path(root).rglob("*_emotion.txt")) or sorted(Path(root).resolve().parent.glob("Emotion*/*/*/*.txt"))
    labels = {}
    for file in files:
        identity, sequence, *_ = file.name.split("_")
        text = file.read_text(encoding="ascii", errors="replace").strip()
        try:
            label = float(text)
            labels[identity, sequence] = CK_EXPRESSIONS[[float(i) for i in range(8)].index(label)]
        except ValueError:
            raise InputError(f"{file}: emotion label {text!r} is no whole number from 0 to 7") from None
    return labels
