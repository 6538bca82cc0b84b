"""What each part of the renderer is worth on real photographs: `python benchmarks/rendered_people.py MODEL FOLDER`.

The same small classifier of expressions, the encoder of `edge` with its linear head, learns from rendered people, all
parts there or one left out, and is tested on FOLDER, photographs named PERSON_neutral.jpg and PERSON_smiling.jpg, and
on other faces (`--others`, any source of vgan_tf.data). With `--protected RUN` the first classifier, which knows
nothing of the run, also reads the photographs as that protects them. Nothing is chosen by them: epochs and the cut of
the photographs stand below. The last line is JSON.
"""

import argparse
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from vgan_tf.commands import quiet_libraries
from vgan_tf.data import load_faces
from vgan_tf.data.heads import drawing, motions, nuisances
from vgan_tf.data.heads.appearance import Nuisance
from vgan_tf.data.heads.dataset import Heads
from vgan_tf.data.heads.model import load_model
from vgan_tf.data.heads.preparation import ENVIRONMENT
from vgan_tf.data.heads.renderer import Renderer
from vgan_tf.files import replacing
from vgan_tf.labels import EXPRESSIONS
from vgan_tf.ondevice.people.compositing import head_square
from vgan_tf.ondevice.pictures import Square

SIZE, SHIFT = 128, 4  # pixels
BATCH_SIZE = 32
NAMES = ("images", "labels", "truth")
DRAWS = 2000  # of the bootstrap over people
# Of a photograph: the middle and the side of the square that shows a face as rendered pictures do, from the distance of
# the eyes' corners and that from eyes to mouth in both; and how far the squares beside it are moved, in shares of the
# photograph's side, and how much larger or smaller they are. Predictions are means over them and their mirrors.
MIDDLE, SIDE, MOVED, LARGER = (0.5, 0.523), 0.43, 0.015, 1.06


def _person(**fields):
    return lambda person, motion, nuisance: (dataclasses.replace(person, **fields), motion, nuisance)


def _nuisance(**fields):
    return lambda person, motion, nuisance: (person, motion, dataclasses.replace(nuisance, **fields))


def _still(person, motion, nuisance):
    """Neutral faces are at rest, without small movements, talking and blinks."""
    return person, dataclasses.replace(motion, weights=()) if motion.expression == "neutral" else motion, nuisance


_CANONICAL = Nuisance()
PARTS = {
    "nothing": lambda *circumstances: circumstances,
    "hair": _person(hair_style="bald"),
    "beards": _person(facial_hair="none"),
    "skin": _person(redness=0.0, pores=0.0, moles=0.0, freckles=0.0, blotches=0.0, age_lines=0.0, eye_rings=0.0),
    "make-up": _person(eye_shadow=0.0, lip_stick=0.0),
    "glasses and covers": _person(glasses="none", head_cover="none"),
    "resting faces": _person(rest=()),
    "movements of neutral faces": _still,
    "lights": _nuisance(lights=_CANONICAL.lights, sky=_CANONICAL.sky, ground=_CANONICAL.ground),
    "shadow": _nuisance(shadow=0.0),
    "backgrounds": _nuisance(background="plain", background_colours=((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
    "occluders": _nuisance(occluder="none"),
    "camera": _nuisance(
        exposure=0.0,
        white_balance=(1.0, 1.0, 1.0),
        contrast=1.0,
        saturation=1.0,
        blur=0.0,
        motion_blur=0.0,
        noise=0.0,
        jpeg=0,
    ),
    "framing": _nuisance(
        scale=nuisances.SCALE, shift_x=0.0, shift_y=nuisances.SHIFT_Y, view_angle=20.0, camera_height=0.0
    ),
}


def draw(model, part, heads, start, stop):
    """Render pictures `start` up to `stop`.

    Returns:
        uint8 `(n, SIZE, SIZE, 3)`; int64 `(n,)`, the index of each one's expression; float32 `(n, parameters)`, what
        the face does, as `motions.TRUTH` names it.
    """
    renderer, images, labels, truth = Renderer(load_model(model)), [], [], []
    for number in range(start, stop):
        person, motion, nuisance = heads.circumstances(renderer, number)
        circumstances = PARTS[part](person, motion, nuisance)
        images.append(drawing.draw(renderer, *circumstances, SIZE)[:, :, :3])
        labels.append(EXPRESSIONS.index(circumstances[1].expression))
        truth.append(motions.truth_of(circumstances[1]))
    return np.stack(images), np.array(labels), np.stack(truth)


def rendered(arguments, part):
    """All pictures for one part left out, by a process for each core; kept in the folder `--keep`, and found there."""
    folder = Path(arguments.keep) / part.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, arguments.images, (os.cpu_count() or 1) + 1).astype(int)
    shares = [folder / f"{start}.npz" for start in bounds[:-1]]
    if not all(share.exists() for share in shares):
        call = [sys.executable, __file__, arguments.model, arguments.photographs, "--keep", arguments.keep]
        call += ["--part", part, "--people", str(arguments.people), "--seed", str(arguments.seed), "--draw"]
        environment = {**os.environ, **ENVIRONMENT}
        workers = [
            subprocess.Popen([*call, str(start), str(stop), share], env=environment)
            for start, stop, share in zip(bounds, bounds[1:], shares, strict=False)
        ]
        if any([worker.wait() for worker in workers]):
            raise SystemExit(f"{part}: rendering failed")
    loaded = [np.load(share) for share in shares]
    return tuple(np.concatenate([share[name] for share in loaded]) for name in NAMES)


def train(images, labels, truth, epochs, seed):
    """Train the encoder of `edge` by itself, as a run begins: PPRLVGAN whose latent is read by its own linear head."""
    from vgan_tf import PPRLVGAN, backends
    from vgan_tf.config import edge_with_counterparts
    from vgan_tf.data.faces import FaceSet
    from vgan_tf.data.pipeline import encoder_batches, latent_names

    backends.make_deterministic()
    count, blank = len(images), np.full(len(images), "", dtype=str)
    names = dict(zip(motions.TRUTH, truth.T, strict=True))
    faces = FaceSet(images, np.zeros(count, int), labels, ("all",), EXPRESSIONS, (), blank, blank, names)
    config = edge_with_counterparts().replace(
        epochs=epochs,
        encoder_epochs=epochs,
        warmup_epochs=0,
        motion_dim=len(latent_names(faces)),
        latent_dim=len(latent_names(faces)),
        protection_threshold=0.0,  # its latents are read as they are, of one look
        protection_mirrored=False,
        augment_shift_px=SHIFT,
        batch_size=BATCH_SIZE,
        precision="bfloat16",
        seed=seed,
    )
    model, steps = PPRLVGAN(config, ("one", "other"), EXPRESSIONS), count // config.batch_size
    model.compile(total_steps=steps * epochs)
    model.enter("encoder")
    batches = encoder_batches(faces, config)
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False)
    return model


def probabilities(model, images):
    """Means over the pictures of the last but four axes: float64 `(n, expressions)` of uint8 `(n, cuts, s, s, 3)`."""
    import keras

    latents = model.encode(images.reshape(-1, SIZE, SIZE, 3), seed=None)
    seen = keras.ops.softmax(model.latent_expression_head(latents)).numpy()
    return seen.reshape(*images.shape[:2], -1).mean(axis=1).astype(np.float64)


def photographs(folder):
    """(paths, uint8 `(n, cuts, SIZE, SIZE, 3)`, whether each smiles)."""
    paths, smiling = find_photographs(folder)
    cuts = []
    for path in paths:
        with Image.open(path) as image:
            cuts.append(cuts_of(image))
    return paths, np.stack(cuts), smiling


def protected_by(folder, paths):
    """Photographs as the run in a folder makes them: uint8 `(n, targets, 2, SIZE, SIZE, 3)`, mirror images second."""
    from vgan_tf.run import load_run

    run, images = load_run(folder), middles(paths, SIZE)
    made = np.stack([run.protect(images, name, seed=0) for name in run.identities], axis=1)
    if run.config.alpha:
        made = faces_of(made.reshape(-1, SIZE, SIZE, 3)).reshape(made.shape)
    return np.stack([made, made[..., ::-1, :]], axis=2)


def faces_of(heads):
    """Of whole heads the square in which an encoder sees a face, as classifiers know it: uint8 `(n, SIZE, SIZE, 3)`."""
    head = head_square(Square(0, 0, 1))
    face = np.subtract((0, 0, 1, 1), head[:2] * 2) * SIZE / head.side
    where = (SIZE, SIZE), Image.Resampling.BICUBIC, face.tolist()
    return np.stack([np.asarray(Image.fromarray(one).resize(*where)) for one in heads])


def find_photographs(folder):
    """(paths, whether each smiles: bool `(n,)`)."""
    paths = sorted(path for path in Path(folder).iterdir() if path.stem.endswith(("_neutral", "_smiling")))
    if not paths:
        raise SystemExit(f"{folder}: no photographs named PERSON_neutral and PERSON_smiling")
    return paths, np.array([path.stem.endswith("_smiling") for path in paths])


def cut(image, size, place=(0, 0), larger=1):
    """The square of a photograph that shows the face as rendered pictures do, or one beside it: uint8."""
    image = ImageOps.exif_transpose(image).convert("RGB")
    box = [(MIDDLE[axis] + place[axis] + sign * SIDE * larger / 2) * image.width for sign in (-1, 1) for axis in (0, 1)]
    return np.asarray(image.resize((size, size), Image.Resampling.BOX, tuple(box)))


def middles(paths, size):
    """That square of each photograph, not moved: uint8 `(n, size, size, 3)`."""
    squares = []
    for path in paths:
        with Image.open(path) as image:
            squares.append(cut(image, size))
    return np.stack(squares)


def cuts_of(image):
    places = itertools.product((-MOVED, 0, MOVED), (-MOVED, 0, MOVED), (1 / LARGER, 1, LARGER))
    squares = [cut(image, SIZE, place, larger) for *place, larger in places]
    return np.stack([one for square in squares for one in (square, square[:, ::-1])])


def figures_of(scores, neutral, smiling):
    """(smile AUC, share of neutral called neutral, share of smiling called joy), each a mean over the targets.

    Args:
        scores: float `(photographs, targets, expressions)`, probabilities.
        neutral, smiling: rows of photographs.
    """
    joy, rest = EXPRESSIONS.index("joy"), EXPRESSIONS.index("neutral")
    lead, called = np.log(scores[..., joy]) - np.log(scores[..., rest]), scores.argmax(axis=2)
    ahead = lead[smiling][:, None] - lead[neutral][None]
    return (
        float(((ahead > 0) + 0.5 * (ahead == 0)).mean()),
        float((called[neutral] == rest).mean()),
        float((called[smiling] == joy).mean()),
    )


def with_interval(scores, person, smiling):
    """{name: value and 95 % of a bootstrap over people}."""
    of_person, random = [np.flatnonzero(person == one) for one in np.unique(person)], np.random.default_rng(0)

    def figures(rows):
        return figures_of(scores, rows[~smiling[rows]], rows[smiling[rows]])

    drawn = [
        figures(np.concatenate([of_person[one] for one in random.integers(len(of_person), size=len(of_person))]))
        for _ in range(DRAWS)
    ]
    names = ("smile_auc", "neutral_called_neutral", "smiling_called_joy")
    spread = np.percentile(drawn, [2.5, 97.5], axis=0).T.round(3).tolist()
    values = figures(np.arange(len(person)))
    return {
        name: {"value": round(value, 4), "interval": interval}
        for name, value, interval in zip(names, values, spread, strict=True)
    }


def people_of(paths):
    """Numbers of the people that photographs show: int64 `(n,)`."""
    return np.unique([path.stem.rpartition("_")[0] for path in paths], return_inverse=True)[1]


def measure(model, shots, others):
    """The figures of one classifier, and what it sees in each photograph."""
    paths, images, smiling = shots
    seen = probabilities(model, images)
    figures = with_interval(seen[:, None], people_of(paths), smiling)
    if others is not None:
        predicted = probabilities(model, np.asarray(others.images)[:, None]).argmax(axis=1)
        figures["others_accuracy"] = round(float((predicted == others.expression).mean()), 4)
    return figures, seen


def mistakes(shots, seen, path):
    """A sheet of the photographs that are misread, with what is seen in them."""
    paths, images, smiling = shots
    truth = np.where(smiling, EXPRESSIONS.index("joy"), EXPRESSIONS.index("neutral"))
    wrong = np.flatnonzero(seen.argmax(axis=1) != truth)
    side, columns = 144, 8
    rows = max(1, -(-len(wrong) // columns))
    sheet = Image.new("RGB", (columns * side, rows * (side + 18)), "white")
    write = ImageDraw.Draw(sheet)
    for place, number in enumerate(wrong):
        x, y = place % columns * side, place // columns * (side + 18)
        with Image.open(paths[number]) as image:
            sheet.paste(Image.fromarray(cut(image, side)), (x, y))
        label = EXPRESSIONS[seen[number].argmax()]
        write.text((x + 3, y + side + 3), f"{paths[number].stem}: {label} {seen[number].max():.0%}", "black")
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a clone of ICT-FaceKit")
    parser.add_argument("photographs", metavar="FOLDER")
    parser.add_argument("--others", metavar="SOURCE", help="further faces to test on")
    parser.add_argument("--without", metavar="PART,...", default="nothing", help=f"all, or some of: {', '.join(PARTS)}")
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--images", type=int, default=24000)
    parser.add_argument("--epochs", type=int, default=12, help="passes over the pictures, for each classifier")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sheet", metavar="FILE", help="for the photographs that the first classifier misreads")
    parser.add_argument("--protected", metavar="RUN", help="a run by which photographs are protected, and then read")
    parser.add_argument("--keep", metavar="FOLDER", required=True, help="for the rendered pictures")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--draw", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.draw:
        start, stop, path = arguments.draw
        heads = Heads(arguments.model, arguments.people, arguments.seed)
        arrays = draw(arguments.model, arguments.part, heads, int(start), int(stop))
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **dict(zip(NAMES, arrays, strict=True)))
        return
    shots = photographs(arguments.photographs)
    others = load_faces(arguments.others, SIZE) if arguments.others else None
    results = {}
    for part in list(PARTS) if arguments.without == "all" else arguments.without.split(","):
        pictures, start = rendered(arguments, part), time.process_time()
        model = train(*pictures, arguments.epochs, arguments.seed)
        seconds = time.process_time() - start
        results[part], seen = measure(model, shots, others)
        results[part]["cpu_minutes"] = round(seconds / 60, 1)
        if arguments.sheet and len(results) == 1:
            mistakes(shots, seen, arguments.sheet)
        if arguments.protected and len(results) == 1:
            paths, _, smiling = shots
            made = protected_by(arguments.protected, paths)
            seen = probabilities(model, made.reshape(-1, *made.shape[2:])).reshape(*made.shape[:2], -1)
            results[part]["protected"] = with_interval(seen, people_of(paths), smiling)
        print(f"without {part}: {results[part]}", flush=True)
    print(json.dumps({"people": arguments.people, "images": arguments.images, "without": results}))


if __name__ == "__main__":
    with quiet_libraries():
        main()
