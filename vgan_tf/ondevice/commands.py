"""The verbs `protect` and `recognize`. A picture that fails gets one line on stderr, and the others go on."""

import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.images import write_image
from vgan_tf.ondevice.expression_reader import ExpressionReader
from vgan_tf.ondevice.pictures import as_box
from vgan_tf.ondevice.protector import Protector


def add_verbs(verbs):
    """Add the verbs to the argparse subparsers of `python -m vgan_tf`."""
    verb = verbs.add_parser("protect", help="give faces in pictures another identity, on this device")
    _add_shared_options(verb)
    out_help = "a file for one picture, else a folder; without it, NAME_protected beside the input"
    verb.add_argument("-o", dest="out", metavar="OUT", help=out_help)
    target_help = "the identity shown: a name, one drawn for each face (default), or one chosen by a secret"
    verb.add_argument("--target", metavar="NAME|random|fixed:SEED", default="random", help=target_help)
    faces = verb.add_mutually_exclusive_group()
    faces.add_argument("--crops", action="store_true", help="the central square of each picture is a face")
    faces_help = 'boxes of the faces in whole pictures: {"photo.jpg": [[x, y, width, height], ...]}'
    faces.add_argument("--faces", metavar="FILE.json", help=faces_help)
    missed_help = "a picture without a face is not written (default), or written all black"
    verb.add_argument("--on-missed-face", choices=("refuse", "black"), help=missed_help)
    verb.set_defaults(command=protect)

    verb = verbs.add_parser("recognize", help="print the expressions of faces, on this device")
    _add_shared_options(verb)
    verb.add_argument("--crops", action="store_true", help="the central square of each picture is a face (default)")
    verb.add_argument("--json", action="store_true", help="print one JSON list")
    verb.set_defaults(command=recognize)


def _add_shared_options(verb):
    verb.add_argument("inputs", metavar="INPUT", nargs="+", help="pictures, or folders of pictures")
    verb.add_argument("--model", metavar="DIR", help="export folder; without it, the weights shipped with the package")


def protect(arguments):
    """Protect the faces of pictures, found, given by boxes or cropped already, and write one picture for each.

    Args:
        arguments: parsed command line of `protect`.

    Raises:
        InputError: something that concerns all pictures is wrong: model, target, names of files, boxes.
        SystemExit: status 2 where a picture could not be protected, else 1 where one without a face was not written.
    """
    if arguments.on_missed_face and arguments.crops:
        raise InputError("--on-missed-face: with --crops each picture is a face; leave one of them out")
    protector, target = Protector(arguments.model), arguments.target
    protector.choose(target)  # A wrong target ends the command before anything is written.
    destinations = name_outputs(arguments.inputs, arguments.out)
    boxes = None if arguments.faces is None else match_boxes(read_boxes(arguments.faces), destinations)

    bad, missed = 0, 0
    for path, destination in destinations.items():
        try:
            count = 1
            if arguments.crops:
                image = np.asarray(protector.protect(path, target))
            else:
                image, count = protector.protect_people(path, target, None if boxes is None else boxes[path])
                image = np.asarray(image)
            if not count and arguments.on_missed_face == "black":
                image = np.zeros_like(image)
            elif not count:
                missed += 1
                where = "no face found" if boxes is None else f"no face in {arguments.faces}"
                _complain(path, f"{where}; not written (--on-missed-face black writes it black)")
                continue
        except InputError as error:
            bad += 1
            _complain(path, str(error))
            continue
        write_image(destination, image)
        print(f"wrote {destination}")
    if bad or missed:
        sys.exit(2 if bad else 1)


def recognize(arguments):
    """Print the expression of each face crop: a line for each, or one JSON list.

    Args:
        arguments: parsed command line of `recognize`.

    Raises:
        InputError: the model cannot be used.
        SystemExit: status 2 where a picture could not be read.
    """
    reader = ExpressionReader(arguments.model)
    found, bad = [], 0
    for path in dict.fromkeys(path for given in arguments.inputs for path in list_pictures(Path(given))):
        try:
            faces = reader.read(path)
        except InputError as error:
            bad += 1
            _complain(path, str(error))
            continue
        found += [{"path": str(path), **face} for face in faces]
        if not arguments.json:
            for face in faces:
                print(f"{path} {face['dominant']} {face['expression'][face['dominant']]:.3f}")
    if arguments.json:
        print(json.dumps(found, indent=2))
    if bad:
        sys.exit(2)


def list_pictures(path):
    """The pictures that a path means: a file itself, or the picture files directly in a folder.

    A folder without pictures is returned itself, so that opening it gives the error.
    """
    children = sorted(path.iterdir()) if path.is_dir() else []
    return [child for child in children if _names_picture(child) and child.is_file()] or [path]


def name_outputs(inputs, out=None):
    """Decide which file each picture is written to.

    Args:
        inputs: paths of pictures and folders.
        out: a file for one picture, or a folder; None: beside each input, NAME_protected.png or FOLDER_protected/.

    Returns:
        {Path of a picture: Path of its output}.

    Raises:
        InputError: two pictures would get one name, an output would overwrite an input, or one file is named for
            several pictures.
    """
    inputs = [Path(given) for given in inputs]
    several = len(inputs) > 1 or inputs[0].is_dir()
    if out is not None and several and _names_picture(Path(out)) and not Path(out).is_dir():
        raise InputError(f"{out}: names one picture, but there may be several; name a folder")
    destinations = {}
    for given in inputs:
        place = _beside(given) if out is None else Path(out)
        is_file = place.suffix and not place.is_dir() and not (given.is_dir() if out is None else several)
        for path in list_pictures(given):
            destinations.setdefault(path, place if is_file else place / f"{path.stem}.png")
    originals = {_file_identity(path) for path in destinations if path.exists()}
    taken = {}
    for path, destination in destinations.items():
        # Some file systems treat upper and lower case as the same.
        other = taken.setdefault(str(destination).casefold(), path)
        if other != path:
            raise InputError(f"{other} and {path}: both would become {destination}; rename one or protect it apart")
        if destination.exists() and _file_identity(destination) in originals:
            raise InputError(f"{destination}: would overwrite an input; give another -o")
    return destinations


def read_boxes(path):
    """Read a JSON file of face boxes, in pixels of the upright pictures.

    Returns:
        {Path of a picture, or its base name: list of [x, y, w, h]}.

    Raises:
        InputError: the file is missing, damaged, of another form, or names a picture twice.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_by_path)
        return {name: [as_box(box) for box in boxes] for name, boxes in entries.items()}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f'{path}: {error}; it must be {{"photo.jpg": [[x, y, width, height], ...], ...}}') from None


def match_boxes(boxes, paths):
    """Find the boxes of each picture: those listed under its path, else those under its base name, else none.

    Raises:
        InputError: two pictures have one base name in the list, so that one would get the other's boxes.
    """
    matched, users = {}, {}
    for path in paths:
        key = path if path in boxes else Path(path.name)
        if key in boxes and users.setdefault(key, path) != path:
            raise InputError(f"{users[key]} and {path}: {key} in --faces could be either; give their paths there")
        matched[path] = boxes.get(key, [])
    return matched


def _by_path(pairs):
    entries = {Path(name): boxes for name, boxes in pairs}
    if len(entries) != len(pairs):
        # JSON keeps the last list only; the faces of the others would stay unprotected.
        raise ValueError("names a picture twice")
    return entries


def _beside(given):
    if given.name in ("", ".."):  # Such as ".": the folder's own name is needed.
        given = given.resolve()
    return Path(f"{given}_protected") if given.is_dir() else given.with_name(f"{given.stem}_protected.png")


def _names_picture(path):
    return Image.registered_extensions().get(path.suffix.lower()) in Image.OPEN and not path.name.startswith(".")


def _file_identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _complain(path, message):
    line = message if str(path) in message else f"{path}: {message}"
    print(f"error: {' '.join(line.split())}", file=sys.stderr)
