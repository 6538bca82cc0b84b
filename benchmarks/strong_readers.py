"""What strong readers find in protected pictures: `python benchmarks/strong_readers.py RUN --learn SOURCE --test ...`.

The audit's readers learn from the few people whom it tests. These learn from the many people of `--learn`, by the
network and the training of rendered_people.py: one from originals, one from what the run makes of them. Both read
what other people, those of `--test`, do: in originals, in protected pictures, and in the counterparts, real pictures of
the same targets. Sources are rendered people with counterparts. The last line is JSON.
"""

import argparse
import json
import time

import numpy as np
from rendered_people import SIZE, faces_of, train

from vgan_tf.audit.utility.motion import expression_means, motion_scale
from vgan_tf.commands import quiet_libraries
from vgan_tf.data import load_faces
from vgan_tf.data.heads import motions
from vgan_tf.data.pipeline import latent_names, motion_of, unit_of, with_alpha
from vgan_tf.images import to_uint8

DRAWS = 2000  # of the bootstrap over people
BLOCK = 1000  # images that are protected at once


def protected(run, faces, targets):
    """What a run makes of faces, as classifiers know them: uint8 `(n, SIZE, SIZE, 3)`."""
    made = []
    for first in range(0, len(faces), BLOCK):
        rows = slice(first, first + BLOCK)
        pictures = run.protect(np.asarray(faces.images[rows]), targets[rows], seed=first)
        made.append(faces_of(pictures) if run.config.alpha else pictures)
    return np.concatenate(made)


def counterparts(faces):
    """The faces' counterparts before middle grey, as classifiers know them: uint8 `(n, SIZE, SIZE, 3)`."""
    return faces_of(to_uint8(with_alpha(np.asarray(faces.counterpart_images))[..., :3]))


def learn(images, faces, epochs, seed):
    """A reader that has learnt from images of what `faces` do."""
    truth = np.stack([faces.truth[name] for name in motions.TRUTH], axis=1).astype(np.float32)
    return train(images, faces.expression, truth, epochs, seed)


def read(reader, images):
    """(expressions, int64 `(n,)`; motion as of `motion_of`, float32 `(n, parameters)`)."""
    latents = reader.encode(images, seed=None)
    return np.asarray(reader.latent_expression_head(latents)).argmax(axis=1), latents


def figures(expression, latents, faces):
    """How well expressions and motion were read, each with 95 % of a bootstrap over people.

    Motion is judged by R-squared. Within an expression its name is given to the reading for nothing: the mean of each
    is taken out of truth and reading, and parameters are weighed as the audit weighs them (`motion_scale`).

    Args:
        expression, latents: as of `read`.
        faces: FaceSet with the truth.
    """
    names, rows = latent_names(faces), np.arange(len(faces))
    column = np.array([names.index(name) if name in names else 0 for name in faces.expressions])[faces.expression]
    told = faces.expression != faces.expressions.index("neutral")  # whose strength the latent says
    strength = [told * values[rows, column] for values in (motion_of(faces, rows), latents)]
    moved_names = [name for name in names if name not in faces.expressions]
    true, moved = np.stack([faces.truth[name] for name in moved_names], axis=1), np.isin(names, moved_names)
    said = latents[:, moved] * [unit_of(name) for name in moved_names]
    scale = motion_scale(true, moved_names)

    def within(values):
        return values - expression_means(values, faces.expression)

    # Of each image: what is summed up, and what that is to be divided by.
    sums = {
        "expression": (expression == faces.expression, np.ones(len(faces))),
        "strength within": ((within(strength[0]) - within(strength[1])) ** 2, within(strength[0]) ** 2),
        "all motion within": [(values / scale) ** 2 for values in (within(true) - within(said), within(true))],
    }
    for kind in ("yaw", "pitch", "roll", "gaze"):
        those = [name.startswith(kind) for name in moved_names]
        if not any(those):
            continue
        sums[kind] = [values[:, those] ** 2 for values in (true - said, true - true.mean(axis=0))]
    people, number = np.unique(faces.identity, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(people), np.full(len(people), 1 / len(people)), DRAWS)
    found = {}
    for name, parts in sums.items():
        parts = [np.bincount(number, part.reshape(len(faces), -1).sum(axis=1)) for part in parts]
        value, values = parts[0].sum() / parts[1].sum(), drawn @ parts[0] / (drawn @ parts[1])
        if name != "expression":
            value, values = 1 - value, 1 - values
        spread = np.percentile(values, [2.5, 97.5])
        found[name] = {"value": round(float(value), 3), "interval": spread.round(3).tolist()}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="run folder")
    parser.add_argument("--learn", metavar="SOURCE", required=True)
    parser.add_argument("--test", metavar="SOURCE", required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    from vgan_tf.run import load_run

    run = load_run(arguments.run)
    learnt, tested = (load_faces(source, SIZE) for source in (arguments.learn, arguments.test))
    shown = {
        "originals": np.asarray(tested.images),
        "protected": protected(run, tested, tested.counterpart_target),
        "targets": counterparts(tested),
    }
    results = {}
    for kind in ("originals", "protected"):
        images = np.asarray(learnt.images)
        if kind == "protected":
            targets = np.random.default_rng(arguments.seed).integers(0, len(run.identities), len(learnt))
            images = protected(run, learnt, targets)
        start = time.process_time()
        reader = learn(images, learnt, arguments.epochs, arguments.seed)
        results[kind] = {"cpu_minutes": round((time.process_time() - start) / 60, 1)}
        for name, pictures in shown.items():
            results[kind][name] = figures(*read(reader, pictures), tested)
            print(f"learnt from {kind}, reads {name}: {results[kind][name]}", flush=True)
    print(json.dumps({"run": arguments.run, "learnt": arguments.learn, "tested": arguments.test, "readers": results}))


if __name__ == "__main__":
    with quiet_libraries():
        main()
