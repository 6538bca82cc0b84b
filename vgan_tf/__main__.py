"""The verbs: `python -m vgan_tf protect|recognize|morph|complete|synthesize|shards ...`."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf import applications
from vgan_tf.commands import run_command
from vgan_tf.errors import InputError
from vgan_tf.files import replacing
from vgan_tf.images import enlarge, read_image, tile, write_image

FRAME_MS = 70
END_FRAME_MS = 600


def parse():
    parser = argparse.ArgumentParser(prog="python -m vgan_tf", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    protect = verbs.add_parser("protect", help="give faces another identity, on the device")
    _add_lite_options(protect)
    protect.add_argument("-o", dest="out", metavar="OUT", required=True, help="a file for one picture, else a folder")
    protect.add_argument(
        "--target",
        metavar="NAME|random|fixed:SEED",
        default="random",
        help="the identity shown: this one, one drawn anew for each face (default), or one that a secret decides",
    )
    protect.add_argument(
        "--faces",
        metavar="FILE.json",
        help='boxes of faces in whole pictures: {"photo.jpg": [[x, y, w, h], ...]}; without it, inputs are face crops',
    )
    protect.add_argument(
        "--on-missed-face",
        choices=("refuse", "blur"),
        help="with --faces: leave out a picture without boxes (default), or blur it to its mean colour",
    )
    protect.add_argument("--noise", type=float, default=0.0, help="noise on the latent, in the prior's deviations")
    protect.add_argument("--seed", type=int, help="repeat random targets and noise: for tests, as both can be guessed")
    protect.set_defaults(command=run_protect)

    recognize = verbs.add_parser("recognize", help="read expressions, on the device")
    _add_lite_options(recognize)
    recognize.add_argument("--json", action="store_true", help="print one JSON list")
    recognize.set_defaults(command=run_recognize)

    morph = verbs.add_parser("morph", help="from one expression to another, at one identity")
    morph.add_argument("run", metavar="RUN")
    morph.add_argument("first", metavar="A", help="picture with the first expression")
    morph.add_argument("last", metavar="B", help="picture with the last expression")
    morph.add_argument("--target", metavar="NAME", required=True, help="the identity shown")
    morph.add_argument("--frames", type=int, default=24)
    morph.add_argument("-o", dest="out", metavar="FILE.gif|DIR", required=True)
    morph.set_defaults(command=run_morph)

    complete = verbs.add_parser("complete", help="fill in a hidden region")
    complete.add_argument("run", metavar="RUN")
    complete.add_argument("image", metavar="IMAGE")
    complete.add_argument("--mask", default="mouth", help="mouth, eyes, left, right or x0,y0,x1,y1 of 64")
    complete.add_argument("--target", metavar="NAME|same", default="same", help="whose region is filled in")
    complete.add_argument("-o", dest="out", metavar="FILE", required=True, help="masked and completed, side by side")
    complete.set_defaults(command=run_complete)

    synthesize = verbs.add_parser("synthesize", help="faces without any input")
    synthesize.add_argument("run", metavar="RUN")
    synthesize.add_argument("--target", metavar="NAME|all", default="all")
    synthesize.add_argument("--count", type=int, default=8, help="faces for each target")
    synthesize.add_argument("--seed", type=int, default=0)
    synthesize.add_argument("-o", dest="out", metavar="DIR|FILE.png", required=True)
    synthesize.set_defaults(command=run_synthesize)

    shards = verbs.add_parser("shards", help="copy a data set into TFRecord shards, which train.py --data reads")
    shards.add_argument("source", metavar="SOURCE", help="as for train.py --data; see docs/data.md")
    shards.add_argument("-o", dest="out", metavar="DIR", required=True)
    shards.add_argument("--per-shard", type=int, default=8192, metavar="N", help="images in a file")
    shards.set_defaults(command=run_shards)
    return parser.parse_args()


def _add_lite_options(verb):
    verb.add_argument("inputs", metavar="INPUT", nargs="+", help="pictures, or folders of pictures")
    verb.add_argument("--model", metavar="DIR", help="export folder; without it, the weights shipped with the package")
    verb.add_argument("--recipe", help="int8, qat, dynamic, float16 or float32; without it, the first that is there")
    verb.add_argument("--threads", type=int, default=1)


def run_protect(arguments):
    """Protect pictures with exported files; imports no TensorFlow."""
    from vgan_tf.ondevice.commands import protect

    protect(arguments)


def run_recognize(arguments):
    """Print expressions, read with exported files; imports no TensorFlow."""
    from vgan_tf.ondevice.commands import recognize

    recognize(arguments)


def run_morph(arguments):
    """Write a GIF that goes there and back, or the frames one by one."""
    model = _load(arguments.run)
    first, last = read_image(arguments.first), read_image(arguments.last)
    frames = applications.morph(model, first, last, arguments.target, arguments.frames)
    out = Path(arguments.out)
    if out.suffix.lower() == ".gif":
        write_gif(out, frames)
    else:
        _write_numbered(out, "frame", frames)
    print(f"wrote {out}: {len(frames)} frames as {arguments.target}")


def run_complete(arguments):
    """Write the masked and the completed image side by side."""
    box = applications.parse_mask(arguments.mask)
    image = read_image(arguments.image)
    masked, completed, identity = applications.complete(_load(arguments.run), image, box, arguments.target)
    write_image(arguments.out, enlarge(tile([masked, completed], columns=2)))
    print(f"wrote {arguments.out}: masked and completed as {identity}")


def run_synthesize(arguments):
    """Write one sheet, a row for each target, or the faces one by one."""
    model = _load(arguments.run)
    targets = model.identities if arguments.target == "all" else (arguments.target,)
    faces = {name: applications.synthesize(model, name, arguments.count, arguments.seed) for name in targets}
    out = Path(arguments.out)
    if out.suffix.lower() == ".png":
        write_image(out, enlarge(tile(np.concatenate(list(faces.values())), columns=arguments.count), factor=2))
    else:
        for name, images in faces.items():
            _write_numbered(out, name, images)
    print(f"wrote {out}: {arguments.count} faces for each of {len(targets)} targets")


def run_shards(arguments):
    """Write a data set as TFRecord shards; imports no TensorFlow."""
    from vgan_tf.data import load_faces
    from vgan_tf.data.shards import write_shards

    faces = load_faces(arguments.source)
    for line in faces.skipped:
        print(f"skipped: {line}")
    count = write_shards(faces, arguments.out, arguments.per_shard)
    print(f"wrote {arguments.out}: {len(faces)} images in {count} shards")


def write_gif(path, frames):
    """Write frames as an endless GIF, forwards and back, resting at both ends, atomically.

    Args:
        path: Path.
        frames: uint8 `(n, height, width, 3)`.
    """
    pictures = [Image.fromarray(enlarge(frame)) for frame in frames]
    pictures += pictures[-2:0:-1]
    durations = [FRAME_MS] * len(pictures)
    durations[0] = durations[len(frames) - 1] = END_FRAME_MS
    with replacing(path) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def _write_numbered(folder, stem, images):
    if folder.suffix:
        raise InputError(f"{folder}: cannot write that kind of file; name a folder, or one of the kinds in --help")
    for index, image in enumerate(images):
        write_image(folder / f"{stem}_{index:03d}.png", image)


def _load(run):
    from vgan_tf.run import load_run

    return load_run(run)


if __name__ == "__main__":
    parsed = parse()
    run_command(lambda: parsed.command(parsed))
