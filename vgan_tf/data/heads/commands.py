"""The command `python -m vgan_tf render`: rendered people as a folder of pictures."""

import concurrent.futures
import csv
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf.data.stored import BLOCK
from vgan_tf.errors import InputError


def add_verbs(verbs):
    """Add `render` to the subparsers of `python -m vgan_tf`."""
    verb = verbs.add_parser("render", help="render people who do not exist, in a folder of pictures")
    verb.add_argument("--model", metavar="CLONE", required=True, help="clone of ICT-FaceKit")
    verb.add_argument("--people", type=int, default=40, metavar="N")
    verb.add_argument("--images", type=int, default=2800, metavar="M", help="pictures of all people together")
    verb.add_argument("--size", type=int, default=128, metavar="S", help="side in pixels")
    verb.add_argument("--seed", type=int, default=1, metavar="K", help="another seed gives other people")
    verb.add_argument("-o", dest="out", metavar="DIR", required=True, help="a new folder")
    verb.add_argument(
        "--counterparts", action="store_true", help="in DIR_counterparts, the same motions on people of the cast"
    )
    verb.add_argument("--cast", metavar="FILE", help="people on whom to draw counterparts, in place of ours")
    verb.add_argument("--clips", action="store_true", help="frames of clips, 25 a second, in place of single pictures")
    verb.set_defaults(command=run_render)


def run_render(arguments):
    """Render, then write the pictures; both folders take their names when they are whole."""
    out = Path(arguments.out)
    beside = out.with_name(f"{out.name}_counterparts")
    for folder in (out, beside) if arguments.counterparts else (out,):
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise InputError(f"{folder}: exists and is not empty; name a new folder, or remove it")
    from vgan_tf.data.heads import dataset

    names = ("model", "people", "images", "seed", "clips", "counterparts", "cast")
    options = {name: getattr(arguments, name) for name in names}
    faces = dataset.load(arguments.size, **options)
    if arguments.counterparts:
        # Labelled as what they show, so that they can be read as faces, too.
        shown = [faces.targets[target] for target in faces.counterpart_target]
        paths = [
            f"{name}/{name}_{faces.expressions[expression]}/{path.rpartition('/')[2]}"
            for name, expression, path in zip(shown, faces.expression, faces.paths, strict=True)
        ]
        # Its light and framing are the canonical ones: of the image's truth, its motion holds.
        truth = {name: faces.truth[name] for name in faces.motion_names}
        _write_folder(beside, faces, faces.counterpart_images, paths, shown, {"image": faces.paths, **truth})
    shown = [faces.identities[identity] for identity in faces.identity]
    _write_folder(out, faces, faces.images, faces.paths, shown, faces.truth)
    print(f"wrote {out}: {len(faces)} pictures of {arguments.people} people")
    if arguments.counterparts:
        print(f"wrote {beside}: the motion of each on one of {len(faces.targets)} people of the cast")


def _write_folder(folder, faces, images, paths, shown, further):
    """Write PNG files and labels.csv.

    Args:
        folder: Path.
        faces: FaceSet, whose expressions and clips the pictures have.
        images: uint8 `(n, size, size, 3 or 4)`.
        paths: of the files, relative to the folder.
        shown: name of the person in each picture.
        further: name of a column -> its `n` cells.
    """
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    try:
        for path in sorted({path.rpartition("/")[0] for path in paths}):
            (partial / path).mkdir(parents=True)
        # Pillow releases the interpreter lock while it compresses.
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for first in range(0, len(images), BLOCK):
                block = np.asarray(images[first : first + BLOCK])
                files = [partial / path for path in paths[first : first + BLOCK]]
                list(pool.map(lambda image, file: Image.fromarray(image).save(file), block, files))
        columns = {
            "path": paths,
            "identity": shown,
            "expression": [faces.expressions[expression] for expression in faces.expression],
            "clip": faces.clip.tolist(),
            **further,
        }
        with open(partial / "labels.csv", "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(columns)
            table.writerows(zip(*columns.values(), strict=True))
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
