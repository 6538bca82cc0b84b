"""The verbs `protect` and `recognize` on files. A bad input gets its line on stderr, and the others go on."""

import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.images import write_image
from vgan_tf.ondevice.expression_reader import ExpressionReader
from vgan_tf.ondevice.pictures import as_box, cut, obscure, open_picture, paste, square_around, to_rgb
from vgan_tf.ondevice.protector import Protector


def protect(arguments):
    """Protect face crops, or the boxes of faces in whole pictures, and write one picture for each.

    Args:
        arguments: what `python -m vgan_tf protect` was given.

    Raises:
        InputError: what concerns all pictures: model, target, names, boxes.
        SystemExit: status 2 where a picture could not be protected, else 1 where one was left out as it has no boxes.
    """
    if arguments.on_missed_face and not arguments.faces:
        raise InputError("--on-missed-face: is about pictures without boxes; give the boxes with --faces FILE.json")
    protector = Protector(arguments.model, arguments.recipe, arguments.threads, arguments.noise, arguments.seed)
    target = arguments.target if arguments.target == "random" else protector.choose(arguments.target)
    paths = list_pictures(arguments.inputs)
    destinations = name_outputs(arguments.inputs, paths, arguments.out)
    boxes = None if arguments.faces is None else match_boxes(read_boxes(arguments.faces), paths)

    bad, missed = 0, 0
    for path, destination in zip(paths, destinations, strict=True):
        try:
            if boxes is None:
                image = np.asarray(protector.protect(path, target))
            elif boxes[path]:
                image = protect_boxes(protector, to_rgb(open_picture(path)), boxes[path], target)
            elif arguments.on_missed_face == "blur":
                image = obscure(to_rgb(open_picture(path)))
            else:
                missed += 1
                _complain(path, f"no face in {arguments.faces}; not written (--on-missed-face blur would blur it)")
                continue
        except InputError as error:
            bad += 1
            _complain(path, str(error))
            continue
        write_image(destination, image)
        print(f"wrote {destination}")
    if bad or missed:
        sys.exit(2 if bad else 1)


def protect_boxes(protector, picture, boxes, target):
    """Replace each face of a picture.

    All faces are cut out of the original, and each square is covered whole: within the boxes only the model's pixels
    remain, also where squares overlap. A soft edge lies outside the square.

    Args:
        protector: Protector.
        picture: uint8 `(height, width, 3)`.
        boxes: list of [x, y, w, h].
        target: as in `Protector.protect`; a random one is drawn for each face.

    Returns:
        uint8 `(height, width, 3)`.
    """
    height, width, _ = picture.shape
    squares = [square_around(box, width, height) for box in boxes]
    faces = [protector.protect(cut(picture, square), target) for square in squares]
    protected = picture.copy()
    for face, square in zip(faces, squares, strict=True):
        paste(protected, face, square)
    return protected


def recognize(arguments):
    """Print the expression of each face crop: a line for each, or one JSON list.

    Args:
        arguments: what `python -m vgan_tf recognize` was given.

    Raises:
        InputError: the model cannot be used.
        SystemExit: status 2 where a picture could not be read.
    """
    reader = ExpressionReader(arguments.model, arguments.recipe, arguments.threads)
    found, bad = [], 0
    for path in list_pictures(arguments.inputs):
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


def list_pictures(inputs):
    """The pictures meant by paths: files as they are; of a folder the pictures directly in it, by their endings.

    A folder without pictures stands for itself, to be refused in its turn.
    """
    paths = []
    for path in map(Path, inputs):
        children = sorted(path.iterdir()) if path.is_dir() else []
        paths += [child for child in children if _names_picture(child) and child.is_file()] or [path]
    return list(dict.fromkeys(paths))


def name_outputs(inputs, paths, out):
    """Where each picture is written: `out` itself for one input file, else `out/NAME.png`.

    Raises:
        InputError: two pictures would get one name, a name is an input's own, or a file is named for several.
    """
    out = Path(out)
    one_file = len(inputs) == 1 and not Path(inputs[0]).is_dir()
    if not one_file and not out.is_dir() and _names_picture(out):
        raise InputError(f"{out}: names one picture, but there may be several; name a folder")
    if one_file and out.suffix and not out.is_dir():
        destinations = [out]
    else:
        destinations = [out / f"{path.stem}.png" for path in paths]
    originals = {_file_identity(path) for path in paths if path.exists()}
    taken = {}
    for path, destination in zip(paths, destinations, strict=True):
        # Some file systems take upper and lower case for the same.
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
    """The boxes of each picture: those under its path, else under its base name, else none.

    Raises:
        InputError: a base name stands for two of the pictures, so that one would get the other's boxes.
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
        # Only the last list would count, and the faces of the others would be left as they are.
        raise ValueError("names a picture twice")
    return entries


def _names_picture(path):
    return Image.registered_extensions().get(path.suffix.lower()) in Image.OPEN and not path.name.startswith(".")


def _file_identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _complain(path, message):
    line = message if str(path) in message else f"{path}: {message}"
    print(f"error: {' '.join(line.split())}", file=sys.stderr)
