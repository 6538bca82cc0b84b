"""The verbs `protect` and `recognize`. A file that fails gets one line on stderr, and the others go on."""

import argparse
import contextlib
import glob
import hashlib
import json
import math
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.images import write_image
from vgan_tf.labels import PROGRAMS
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.ondevice.expression_reader import ExpressionReader
from vgan_tf.ondevice.jobs import Journal, Outcome, settled, table
from vgan_tf.ondevice.people.camera import camera_number, protect_camera
from vgan_tf.ondevice.people.fitness import UnfitFace, named
from vgan_tf.ondevice.people.live import Live, raw_frames, write_raw
from vgan_tf.ondevice.people.review import Review
from vgan_tf.ondevice.people.video import is_video, output_suffix, protect_video, read_video
from vgan_tf.ondevice.pictures import as_box, open_picture, to_rgb
from vgan_tf.ondevice.protector import Protector
from vgan_tf.ondevice.readings import as_csv, as_json, as_line, check_labels, drawn_over, renamed

PROTECTED_NAME = "_protected(_[0-9]+)?$"  # of the stem of an output beside its input


def add_verbs(verbs):
    """Add the verbs to the argparse subparsers of `python -m vgan_tf`."""
    verb = verbs.add_parser("protect", help="give faces in pictures and videos another identity, on this device")
    inputs = (
        "pictures or videos, folders of them, - for raw frames from stdin to stdout, or camera (camera:1 is the second)"
    )
    _add_shared_options(verb, inputs)
    size_help = "of raw frames, RGB of 24 bits, as ffmpeg writes and reads them; or to ask the camera for"
    verb.add_argument("--size", metavar="WxH", help=size_help)
    out_help = (
        "a file for one input, else a folder; without it, NAME_protected beside the input. For a camera a video file, "
        "or - for raw frames to stdout; without it, a window"
    )
    verb.add_argument("-o", dest="out", metavar="OUT", help=out_help)
    watch_help = (
        "protect what is in the folder INPUT, and what comes to it or changes, until Ctrl-C; not NAME_protected, nor "
        "what is in its folders"
    )
    verb.add_argument("--watch", action="store_true", help=watch_help)
    target_help = "the identity shown: a name, one drawn for each face (default), or one chosen by a secret"
    verb.add_argument("--target", metavar="NAME|random|fixed:SEED", default="random", help=target_help)
    faces = verb.add_mutually_exclusive_group()
    faces.add_argument("--crops", action="store_true", help="the central square of each picture is a face")
    faces_help = 'boxes of the faces in whole pictures: {"photo.jpg": [[x, y, width, height], ...]}'
    faces.add_argument("--faces", metavar="FILE.json", help=faces_help)
    missed_help = "a picture without a face, or with one that cannot be protected well: not written (default), or black"
    verb.add_argument("--on-missed-face", choices=("refuse", "black"), help=missed_help)
    style_help = (
        "head: all of it is replaced, hair too (default); face: its oval, while hair and outline stay, which still "
        "tell who it is; crop: each protected head alone, as a square picture"
    )
    verb.add_argument("--style", choices=("head", "face", "crop"), help=style_help)
    review_help = "write a sheet of protected pictures and frames, to be looked through for faces that were missed"
    verb.add_argument("--review", metavar="FILE", help=review_help)
    verb.set_defaults(command=protect)

    verb = verbs.add_parser("recognize", help="print the expressions of faces, on this device")
    _add_shared_options(verb, "pictures or videos, or folders of them")
    verb.add_argument("--crops", action="store_true", help="the central square of each picture is a face")
    forms = verb.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON list")
    forms.add_argument("--csv", action="store_true", help="print a table with a line for each face")
    verb.add_argument("--labels", choices=tuple(PROGRAMS), help="labels, and their order, of another program")
    overlay_help = "write the picture with boxes and expressions drawn over it; a folder for several"
    verb.add_argument("--overlay", metavar="FILE", help=overlay_help)
    verb.set_defaults(command=recognize)


def _add_shared_options(verb, inputs):
    verb.add_argument("inputs", metavar="INPUT", nargs="+", help=inputs)
    verb.add_argument("--model", metavar="DIR", help="export folder; without it, the weights shipped with the package")


class _Job(NamedTuple):
    """What the files of one command share; destinations: {Path of an input: Path of its output}."""

    protector: Protector
    arguments: argparse.Namespace
    destinations: dict
    boxes: dict | None = None
    review: Review | None = None
    journal: Journal | None = None


def protect(arguments):
    """Protect the faces of pictures and videos, found, given by boxes or cropped already, and write one file for each.

    Args:
        arguments: parsed command line of `protect`.

    Raises:
        InputError: something that concerns all files is wrong: model, target, names of files, boxes.
        SystemExit: status 2 where a file could not be read or written, else 1 where one was refused: it has no face, or
            one that cannot be protected well.
    """
    if arguments.size or any(given == "-" or camera_number(given) is not None for given in arguments.inputs):
        _protect_live(arguments)
        return
    if arguments.on_missed_face and arguments.crops:
        raise InputError("--on-missed-face: with --crops each picture is a face; leave one of them out")
    if arguments.style and arguments.crops:
        raise InputError("--style: with --crops each picture is a face; leave one of them out")
    protector = Protector(arguments.model)
    protector.choose(arguments.target)  # A wrong target ends the command before anything is written.
    outcomes = _watch(protector, arguments) if arguments.watch else _protect_files(protector, arguments)
    states = {outcome.state for outcome in outcomes.values()}
    if states - {"written"}:
        sys.exit(2 if "failed" in states else 1)


def _protect_files(protector, arguments):
    """Protect the files that are named: {Path: Outcome}."""
    destinations = name_outputs(arguments.inputs, arguments.out)
    boxes = None if arguments.faces is None else match_boxes(read_boxes(arguments.faces), destinations)
    review = _review(arguments.review, destinations)
    several = len(destinations) > 1
    # What is whole already could not be shown for review.
    folders = {path.parent for path in destinations.values()}
    journal = Journal(_settings(protector, arguments), folders) if several and review is None else None
    job = _Job(protector, arguments, destinations, boxes, review, journal)
    outcomes = {path: _protect_file(job, path) for path in destinations}
    if journal:
        journal.end()
    if several:
        print(table(outcomes))
    if review is not None:
        review.write(arguments.review)
        print(f"wrote {arguments.review}{f', without {review.left_out} for want of room' if review.left_out else ''}")
    return outcomes


def _watch(protector, arguments):
    """Protect what is in a folder, comes to it or changes, until Ctrl-C: {Path: Outcome}.

    The journal stays, so that a watch that starts again leaves alone what is whole.
    """
    for option in ("faces", "review"):
        if getattr(arguments, option):
            raise InputError(f"--{option}: not with --watch, which knows no files yet; leave it out")
    folder = Path(arguments.inputs[0])
    if len(arguments.inputs) != 1 or not folder.is_dir():
        raise InputError(f"{arguments.inputs[-1]}: --watch takes one folder that is there; make it first")
    out = _beside(folder) if arguments.out is None else Path(arguments.out)
    if (_is_picture(out) or is_video(out)) and not out.is_dir():
        raise InputError(f"{out}: names one file, but there may be several; name a folder")
    if out.resolve() == folder.resolve():
        raise InputError(f"{out}: is the folder that is watched; give another -o, which may be in it")
    job = _Job(protector, arguments, {}, journal=Journal(_settings(protector, arguments), {out}))
    print(f"watching {folder}; protected files go to {out}; Ctrl-C ends", flush=True)
    outcomes = {}
    with contextlib.suppress(KeyboardInterrupt):
        for path in settled(folder, lambda path: _is_input(path) and not re.search(PROTECTED_NAME, path.stem)):
            job.destinations[path] = out / f"{path.stem}{_ending(path)}"
            outcomes[path] = _protect_file(job, path)
            if outcomes[path].state != "written":
                del job.destinations[path]
    print(table(outcomes))
    return outcomes


def _protect_live(arguments):
    """Protect raw frames from stdin, written to stdout, or what a camera films."""
    given, number = arguments.inputs[0], camera_number(arguments.inputs[0])
    if len(arguments.inputs) > 1 or given != "-" and number is None:
        raise InputError("--size: for - or camera, which must be the one input; leave it or the others out")
    unused = {"crops": "--crops", "faces": "--faces", "watch": "--watch"}
    unused |= {"on_missed_face": "--on-missed-face", "review": "--review"}
    unused |= {"out": "-o"} if given == "-" else {}
    for name, option in unused.items():
        if getattr(arguments, name):
            what = "raw frames, which go to stdout" if given == "-" else "a camera"
            raise InputError(f"{option}: not with {what}; leave it out")
    if arguments.style == "crop":
        raise InputError("--style crop: for pictures; with frames take head or face")
    size = None
    if given == "-" or arguments.size:
        match = re.fullmatch("([1-9][0-9]*)x([1-9][0-9]*)", arguments.size or "", re.ASCII)
        if not match or math.prod(map(int, match.groups())) > Image.MAX_IMAGE_PIXELS:
            raise InputError(f"--size {arguments.size}: frames need WIDTHxHEIGHT in pixels, as 1280x720")
        size = tuple(map(int, match.groups()))
    live = Live(Protector(arguments.model), arguments.target, arguments.style or "head")
    if number is None:
        for frame in live.protect_frames(raw_frames(sys.stdin.buffer, *size)):
            write_raw(sys.stdout.buffer, frame)
        return
    count, seconds = protect_camera(live, number, arguments.out, size)
    # What stdout holds are frames, where they go there.
    print(f"protected {count} frames in {seconds:.1f} s", file=sys.stderr if arguments.out == "-" else sys.stdout)


def _settings(protector, arguments):
    """What outputs depend on, without the secret of a target: dict."""
    target = arguments.target if arguments.target == "random" else protector.choose(arguments.target)
    faces = arguments.faces and hashlib.sha256(Path(arguments.faces).read_bytes()).hexdigest()
    files = {name: record["sha256"] for name, record in open_export(arguments.model).files.items()}
    chosen = {name: getattr(arguments, name) for name in ("crops", "on_missed_face", "style")}
    return {"files": files, "target": target, "faces": faces, **chosen}


def _review(path, destinations):
    """An empty Review, or None where none is asked for."""
    if path is None:
        return None
    path = Path(path)
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise InputError(f"{path}: --review needs the name of a picture; give one that ends in .jpg or .png")
    others = [*destinations, *destinations.values()]
    if path in others or path.exists() and any(one.exists() and path.samefile(one) for one in others):
        raise InputError(f"{path}: --review would overwrite an input or an output; give another name")
    return Review()


def _protect_file(job, path):
    """Protect one file, and say what became of it: Outcome."""
    destination = job.destinations[path]
    outcome = job.journal and job.journal.before(path, destination)
    if outcome is not None:
        return outcome._replace(why=outcome.why or "whole before this job")
    try:
        files, outcome = (_protect_video if is_video(path) else _protect_picture)(job, path)
    except InputError as error:
        outcome = Outcome("failed", why=str(error))
    if outcome.state != "written":
        advice = "" if outcome.state == "failed" else "; not written (--on-missed-face black writes black)"
        _complain(path, f"{outcome.why}{advice}")
        return outcome
    print(f"wrote {', '.join(map(str, files))}{f': {outcome.why}' if outcome.why else ''}", flush=True)
    if job.journal and files == [destination]:
        job.journal.add(path, destination, outcome)
    return outcome


def _protect_video(job, path):
    """Protect one video and write it, unless it is to be refused: (list of Path that were written, Outcome)."""
    arguments, (out,) = job.arguments, _files(job, path, 1)
    if arguments.crops or job.boxes is not None or arguments.style == "crop":
        raise InputError("a video; --crops, --faces and --style crop are for pictures")
    black, style = arguments.on_missed_face == "black", arguments.style or "head"
    counts = protect_video(job.protector, path, out, arguments.target, black, style, job.review)
    if not counts and not black:
        return [], Outcome("refused", why="no face found")
    total = sum(counts, Counter())
    shown = sum(total.values())
    why = [f"a face is black {number} times in {shown}, {reason}" for reason, number in total.items() if reason]
    protected = sum(bool(count[""]) for count in counts)
    return [out], Outcome("written", len(counts), protected, "; ".join(why))


def _protect_picture(job, path):
    """Protect one picture and write it, unless it is to be refused: (list of Path that were written, Outcome)."""
    if job.arguments.crops:
        results, outcome = [job.protector.protect(path, job.arguments.target)], Outcome("written", 1, 1)
    else:
        picture = to_rgb(open_picture(path))
        boxes = None if job.boxes is None else job.boxes[path]
        results, outcome = _replaced(job.protector, picture, job.arguments, boxes)
    files = _files(job, path, len(results))
    for file, result in zip(files, results, strict=True):
        write_image(file, np.asarray(result))
        if job.review is not None:
            job.review.add(np.asarray(result), f"{file.name}\n{outcome.protected} of {outcome.faces} faces protected")
    return files, outcome


def _files(job, path, count):
    """Names of the files that one becomes: its own, numbered where there are several."""
    name = job.destinations[path]
    files = [name] if count == 1 else [name.with_stem(f"{name.stem}_{number}") for number in range(1, count + 1)]
    others = {str(name).casefold() for other, out in job.destinations.items() if other != path for name in (other, out)}
    for file in files:
        if str(file).casefold() in others:
            raise InputError(f"{path}: it or one of its faces would become {file}, as another file; protect it apart")
    return files


def _replaced(protector, picture, arguments, boxes):
    """The picture with its faces replaced, or each head by itself, or nothing: (list of pictures, Outcome)."""
    faces, black = protector.find(picture, boxes), arguments.on_missed_face == "black"
    targets = [arguments.target] * len(faces)
    if not faces:
        why = "no face found" if boxes is None else f"no face in {arguments.faces}"
        if not black:
            return [], Outcome("refused", why=why)
        return [np.zeros_like(picture)], Outcome("written", why=f"{why}, all black")
    try:
        if arguments.style == "crop":
            results, reasons = protector.heads(picture, faces, targets, black)
        else:
            result, reasons = protector.replace_faces(picture, faces, targets, black, style=arguments.style or "head")
            results = [result]
    except UnfitFace as error:
        return [], Outcome("refused", len(faces), why=str(error))
    why = [f"{named(face)} is black: {reason}" for face, reason in zip(faces, reasons, strict=True) if reason]
    return results, Outcome("written", len(faces), len(faces) - len(why), "; ".join(why))


def recognize(arguments):
    """Print the expression of each face, found or cropped already: a line for each, a JSON list or a CSV table.

    Args:
        arguments: parsed command line of `recognize`.

    Raises:
        InputError: something that concerns all files is wrong: model, labels, names of files.
        SystemExit: status 2 where a file could not be read, else 1 where one has no face.
    """
    reader = ExpressionReader(arguments.model)
    if arguments.labels:
        check_labels(reader.expressions, arguments.labels)
    overlays = name_outputs(arguments.inputs, arguments.overlay) if arguments.overlay else {}
    found, bad, missed = [], 0, 0
    for path in dict.fromkeys(path for given in expand(arguments.inputs) for path in list_files(given)):
        try:
            readings = _read(reader, path, arguments)
        except InputError as error:
            bad += 1
            _complain(path, str(error))
            continue
        if not readings:
            missed += 1
            _complain(path, "no face found")
        found += readings
        if not arguments.json and not arguments.csv:
            for reading in readings:
                print(as_line(reading))
        if path in overlays:
            write_image(overlays[path], drawn_over(to_rgb(open_picture(path)), readings))
    if arguments.json or arguments.csv:
        print((as_json if arguments.json else as_csv)(found))
    if bad or missed:
        sys.exit(2 if bad else 1)


def _read(reader, path, arguments):
    """What is read in one file: list of dicts."""
    if is_video(path) and (arguments.crops or arguments.overlay):
        raise InputError("a video; --crops and --overlay are for pictures")
    if is_video(path):
        readings = read_video(reader, path)
    else:
        readings = reader.read(path) if arguments.crops else reader.read_people(path)
    readings = [{"path": str(path), **reading} for reading in readings]
    return renamed(readings, arguments.labels) if arguments.labels else readings


def expand(inputs):
    """Paths of inputs: list of Path. A name that no file has may be a pattern, as "photos/*.jpg"."""
    paths = []
    for given in inputs:
        paths += [given] if os.path.lexists(given) else sorted(glob.glob(str(given), recursive=True)) or [given]
    return [Path(path) for path in paths]


def list_files(path):
    """The pictures and videos that a path means: a file itself, or those directly in a folder.

    A folder without any is returned itself, so that opening it gives the error.
    """
    children = sorted(path.iterdir()) if path.is_dir() else []
    return [child for child in children if _is_input(child)] or [path]


def name_outputs(inputs, out=None):
    """Decide which file each picture and video is written to.

    Args:
        inputs: paths of pictures, videos and folders.
        out: a file for one input, or a folder; None: beside each input, NAME_protected.png, .mp4, .mov or
            .mkv, or FOLDER_protected/.

    Returns:
        {Path of an input: Path of its output}.

    Raises:
        InputError: two inputs would get one name, an output would overwrite an input, or one file is named for
            several inputs.
    """
    inputs = expand(inputs)
    several = len(inputs) > 1 or inputs[0].is_dir()
    if out is not None and several and (_is_picture(Path(out)) or is_video(out)) and not Path(out).is_dir():
        raise InputError(f"{out}: names one file, but there may be several; name a folder")
    destinations = {}
    for given in inputs:
        place = _beside(given) if out is None else Path(out)
        is_file = place.suffix and not place.is_dir() and not (given.is_dir() if out is None else several)
        for path in list_files(given):
            destinations.setdefault(path, place if is_file else place / f"{path.stem}{_ending(path)}")
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
    return Path(f"{given}_protected") if given.is_dir() else given.with_name(f"{given.stem}_protected{_ending(given)}")


def _ending(path):
    return output_suffix(path) if is_video(path) else ".png"


def _is_picture(path):
    return Image.registered_extensions().get(path.suffix.lower()) in Image.OPEN


def _is_input(path):
    return (_is_picture(path) or is_video(path)) and not path.name.startswith(".") and path.is_file()


def _file_identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _complain(path, message):
    line = message if str(path) in message else f"{path}: {message}"
    print(f"error: {' '.join(line.split())}", file=sys.stderr)
