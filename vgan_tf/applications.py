"""The paper's applications (Chen et al. 2018, section 4): morphing, completion, synthesis without input."""

from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.files import replacing
from vgan_tf.images import enlarge, read_image, tile, write_image
from vgan_tf.ondevice.people.compositing import head_square
from vgan_tf.ondevice.pictures import Square
from vgan_tf.ondevice.protector import cut_out

# Named regions of a face: x0, y0, x1, y1 as shares of the picture's side. The mouth is the authors'.
MASKS = {
    "mouth": (18 / 64, 40 / 64, 47 / 64, 55 / 64),
    "eyes": (10 / 64, 20 / 64, 54 / 64, 36 / 64),
    "left": (0, 0, 1 / 2, 1),
    "right": (1 / 2, 0, 1, 1),
}
HIDDEN = 128  # The grey that the encoder sees in place of a masked region: 0 in [-1, 1].
FRAME_MS = 70
END_FRAME_MS = 600


def add_verbs(verbs):
    """Add `morph`, `complete` and `synthesize` to the argparse subparsers of `python -m vgan_tf`."""
    verb = verbs.add_parser("morph", help="move from one expression to another, at one identity")
    verb.add_argument("run", metavar="RUN", help="run folder")
    verb.add_argument("first", metavar="A", help="picture with the first expression")
    verb.add_argument("last", metavar="B", help="picture with the last expression")
    verb.add_argument("--target", metavar="NAME", required=True, help="the identity shown")
    verb.add_argument("--frames", type=int, default=24)
    verb.add_argument("-o", dest="out", metavar="FILE.gif|DIR", required=True)
    verb.set_defaults(command=run_morph)

    verb = verbs.add_parser("complete", help="fill in a hidden region of a face")
    verb.add_argument("run", metavar="RUN", help="run folder")
    verb.add_argument("image", metavar="IMAGE")
    mask_help = f"{', '.join(MASKS)}, or x0,y0,x1,y1 in pixels of the model's pictures"
    verb.add_argument("--mask", default="mouth", help=mask_help)
    verb.add_argument("--target", metavar="NAME|same", default="same", help="the identity that fills the region")
    verb.add_argument("-o", dest="out", metavar="FILE", required=True, help="masked and completed, side by side")
    verb.set_defaults(command=run_complete)

    verb = verbs.add_parser("synthesize", help="make faces without any input picture")
    verb.add_argument("run", metavar="RUN", help="run folder")
    verb.add_argument("--target", metavar="NAME|all", default="all")
    verb.add_argument("--count", type=int, default=8, help="faces for each target")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("-o", dest="out", metavar="DIR|FILE.png", required=True)
    verb.set_defaults(command=run_synthesize)


def run_morph(arguments):
    """Write a GIF that goes there and back, or the frames one by one."""
    model = _load(arguments.run)
    first, last = (read_image(path, model.config.image_size) for path in (arguments.first, arguments.last))
    frames = morph(model, first, last, arguments.target, arguments.frames)
    out = Path(arguments.out)
    if out.suffix.lower() == ".gif":
        write_gif(out, frames)
    else:
        _write_numbered(out, "frame", frames)
    print(f"wrote {out}: {len(frames)} frames as {arguments.target}")


def run_complete(arguments):
    """Write the masked and the completed image side by side."""
    model = _load(arguments.run)
    size = model.config.image_size
    image, box = read_image(arguments.image, size), parse_mask(arguments.mask, size)
    masked, completed, identity = complete(model, image, box, arguments.target)
    write_image(arguments.out, enlarge(tile([masked, completed], columns=2)))
    print(f"wrote {arguments.out}: masked and completed as {identity}")


def run_synthesize(arguments):
    """Write one sheet with a row for each target, or the faces one by one."""
    model = _load(arguments.run)
    targets = model.identities if arguments.target == "all" else (arguments.target,)
    faces = {name: synthesize(model, name, arguments.count, arguments.seed) for name in targets}
    out = Path(arguments.out)
    if out.suffix.lower() == ".png":
        write_image(out, enlarge(tile(np.concatenate(list(faces.values())), columns=arguments.count), factor=2))
    else:
        for name, images in faces.items():
            _write_numbered(out, name, images)
    print(f"wrote {out}: {arguments.count} faces for each of {len(targets)} targets")


def morph(model, first, last, target, frames):
    """Move from one image's expression to another's at one target identity: linear in the latent's mean.

    Args:
        model: PPRLVGAN.
        first, last: uint8 `(size, size, 3)`.
        target: name of a target identity.
        frames: number of pictures, at least 2, both ends included.

    Returns:
        uint8 `(frames, size, size, 3)`.
    """
    if frames < 2:
        raise InputError(f"frames={frames}: a morph needs at least 2, its two ends")
    ends = model.encode(np.stack([first, last]))
    share = np.linspace(0.0, 1.0, frames, dtype=np.float32)[:, None]
    latents = (1.0 - share) * ends[0] + share * ends[1]
    return model.decode(latents, model.resolve_targets(target, frames))


def parse_mask(text, size):
    """Turn a region's name or "x0,y0,x1,y1" into a box of a picture.

    Args:
        text: one of MASKS, or four numbers in pixels, the far edges excluded.
        size: side of the picture in pixels.

    Returns:
        x0, y0, x1, y1: ints.

    Raises:
        InputError: the text is neither, or the box is empty or not within the picture.
    """
    if text in MASKS:
        return tuple(round(size * share) for share in MASKS[text])
    try:
        x0, y0, x1, y1 = (int(number) for number in text.split(","))
    except ValueError:
        raise InputError(f"mask {text!r}: must be {', '.join(MASKS)} or x0,y0,x1,y1 in pixels") from None
    if not (0 <= x0 < x1 <= size and 0 <= y0 < y1 <= size):
        raise InputError(f"mask {text!r}: needs 0 <= x0 < x1 <= {size} and 0 <= y0 < y1 <= {size}")
    return x0, y0, x1, y1


def complete(model, image, box, target):
    """Hide a region, encode the masked image, decode it, and paste back the region alone.

    Args:
        model: PPRLVGAN.
        image: uint8 `(size, size, 3)`.
        box: x0, y0, x1, y1 in pixels, the far edges excluded.
        target: name of a target identity, or "same": the identity that D2 recognises in the masked image.

    Returns:
        (uint8 `(size, size, 3)` masked image, uint8 `(size, size, 3)` completed image, name of the identity used).
    """
    x0, y0, x1, y1 = box
    masked = image.copy()
    masked[y0:y1, x0:x1] = HIDDEN
    if target == "same":
        target = model.identities[int(model.read_identity(masked[None])[0])]
    latent, targets = model.encode(masked[None]), model.resolve_targets(target, 1)
    if model.config.alpha:
        synthesis = _laid_over(masked, model.decode_with_alpha(latent, targets)[0])
    else:
        synthesis = model.decode(latent, targets)[0]
    completed = image.copy()
    completed[y0:y1, x0:x1] = synthesis[y0:y1, x0:x1]
    return masked, completed, target


def _laid_over(picture, head):
    """A generated head, with alpha, where the face was that the encoder saw: uint8 `(size, size, 3)`."""
    left, top, side = (round(number) for number in head_square(Square(0, 0, len(picture))))
    head = Image.fromarray(cut_out(head)).resize((side, side), Image.Resampling.BICUBIC)
    result = Image.fromarray(picture)
    result.paste(head, (left, top), head)
    return np.asarray(result)


def synthesize(model, target, count, seed=0):
    """Faces without any input.

    Their latents are drawn from the prior N(0, I), or from the prototypes where the model has some, or, where the
    latent is the motion, as the data that it learnt from draws motions.

    The authors draw with std 1.649, which follows from their third reading of the encoder's output; we take the prior's
    own std, 1.

    Args:
        model: PPRLVGAN.
        target: name of a target identity.
        count: how many.
        seed: of the latents; the same seed gives the same expressions for every target.

    Returns:
        uint8 `(count, size, size, 3)`.

    Raises:
        InputError: no such target, or the latent is the motion and the model learnt from files.
    """
    if count < 1:
        raise InputError(f"count={count}: must be at least 1")
    random = np.random.default_rng(seed)
    if model.config.motion_dim:
        from vgan_tf.data.pipeline import motion_of
        from vgan_tf.data.sources import sample_motions

        source = model.config.pairs or model.config.data
        faces = sample_motions(source, count, seed)
        if faces is None:
            raise InputError(f"{source}: tells no motions to draw; protect or morph pictures instead")
        latents = motion_of(faces, np.arange(count))
    elif model.prototypes is None:
        latents = random.standard_normal((count, model.config.latent_dim)).astype(np.float32)
    else:
        prototypes = model.released(model.prototypes.get_weights()[-1])
        latents = prototypes[random.integers(0, len(prototypes), count)]
    return model.decode(latents, model.resolve_targets(target, count))


def write_gif(path, frames):
    """Write frames as an endless GIF that goes forwards and back and rests at both ends, atomically.

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
