"""What taking out a resting face is worth in videos: `python benchmarks/resting.py ICT-FaceKit`.

Rendered clips of several people, each clip in another light. With what a face shows at rest and without it: how well
the latents follow the truth, and how often they tell whose clip it is to someone who knows all other clips. The last
line is JSON.
"""

import argparse
import dataclasses
import json
import os

from vgan_tf.data.heads.preparation import ENVIRONMENT

os.environ |= {**ENVIRONMENT, "KERAS_BACKEND": "numpy"}  # nothing is trained here

import numpy as np
from people import NEUTRAL, RATE, SEED, _as_latents, correlation

from vgan_tf.data.heads import clips, drawing, nuisances, people
from vgan_tf.data.heads.model import load_model
from vgan_tf.data.heads.renderer import Renderer
from vgan_tf.labels import EXPRESSIONS
from vgan_tf.ondevice import open_export
from vgan_tf.ondevice.people.resting import without_rest
from vgan_tf.ondevice.people.smoothing import smoothed

PEOPLE, CLIPS = 10, 6  # CLIPS: of each person
STRENGTHS = len(EXPRESSIONS) - 1  # the first numbers of a latent
SHOWN, HELD = 0.4, 0.8  # greatest strength of clips that show an expression; the share of it that holds it
RIDGE = 10.0  # penalty of the ridge regression that names people
TENTHS = 0.1, 0.5, 0.9  # quantiles of a clip's latents, by which people may be named, too
ANGLES = "yaw", "pitch", "roll", "gaze_x", "gaze_y"


def read_clips(renderer, export):
    """[(person, latents smoothed over time, true latents)], latents float `(frames, d)`."""
    encoder, seen = export.model("encoder"), []
    for number in range(PEOPLE * CLIPS):
        which = number // CLIPS
        person = people.person(SEED, 100 + which)
        plain = {"occluder": "none", "noise": 0.0, "jpeg": 0, "motion_blur": 0.0}
        nuisance = dataclasses.replace(nuisances.nuisance(SEED, 5000 + number), **plain)
        nuisance = nuisances.fitted(nuisance, person)
        truth = clips.clip(SEED, 1000 + number, RATE)
        frames = [drawing.draw(renderer, person, motion, nuisance, export.image_size)[..., :3] for motion in truth]
        latents = smoothed(encoder.run(image=np.stack(frames))["latent"], RATE)
        seen.append((which, latents, _as_latents(truth, export.latent_names)))
    return seen


def measure(seen, names, change):
    """Figures of clips as of `read_clips` whose latents are changed by a function: dict."""
    who, truths = np.array([one[0] for one in seen]), [one[2] for one in seen]
    changed = [change(one[1]) for one in seen]
    latents, truth = np.concatenate(changed), np.concatenate(truths)
    moved = [i for i in range(len(names)) if names[i] not in ANGLES and truth[:, i].std() > 0.05]
    errors = ((latents - truth) ** 2).mean(axis=0) / truth.var(axis=0).clip(1e-9)
    held = []
    for _, read, true in seen:
        strength = true[:, :STRENGTHS].max(axis=1)
        if strength.max() > SHOWN:
            rows = strength > HELD * strength.max()
            held.append((_said(change(read[rows])) == _said(true[rows])).mean())
    looks = np.stack([np.concatenate([one.mean(axis=0), *np.quantile(one, TENTHS, axis=0)]) for one in changed])
    figures = {
        "r2": np.mean(1 - errors[moved]),
        "correlation": np.mean([correlation(latents[:, i], truth[:, i]) for i in moved]),
        "expression": (_said(latents) == _said(truth)).mean(),
        "expression_held": np.mean(held),
        "named_by_means": named(looks[:, : len(names)], who),
        "named_by_all": named(looks, who),
    }
    return {name: round(float(value), 3) for name, value in figures.items()}


def named(looks, who):
    """How often a clip's person is named by someone who knows all clips but one of each person: the better of two."""
    right = {"nearest mean": [], "ridge": []}
    clip = np.arange(len(who)) % CLIPS
    for number in range(CLIPS):
        known, asked = clip != number, clip == number
        middle, spread = looks[known].mean(axis=0), looks[known].std(axis=0) + 1e-6
        known_looks, asked_looks = (looks[known] - middle) / spread, (looks[asked] - middle) / spread
        means = np.stack([known_looks[who[known] == one].mean(axis=0) for one in range(PEOPLE)])
        distance = ((asked_looks[:, None] - means) ** 2).sum(axis=2)
        right["nearest mean"] += (distance.argmin(axis=1) == who[asked]).tolist()
        code = np.eye(PEOPLE)[who[known]] - 1 / PEOPLE
        weights = np.linalg.solve(known_looks.T @ known_looks + RIDGE * np.eye(looks.shape[1]), known_looks.T @ code)
        right["ridge"] += ((asked_looks @ weights).argmax(axis=1) == who[asked]).tolist()
    return max(np.mean(one) for one in right.values())


def _said(latents):
    """The strongest expression of each latent, neutral where all are weak: int `(n,)`."""
    strengths = latents[:, :STRENGTHS]
    return np.where(strengths.max(axis=1) > NEUTRAL, strengths.argmax(axis=1), STRENGTHS)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", metavar="CLONE", help="clone of ICT-FaceKit")
    parser.add_argument("--export", metavar="DIR", help="export folder; without it, the weights shipped")
    arguments = parser.parse_args()
    export = open_export(arguments.export)
    if not export.latent_names:
        parser.error("the latent of this export has no meaning of its own; name another one with --export")
    seen = read_clips(Renderer(load_model(arguments.model)), export)
    figures = {
        "as_read": measure(seen, export.latent_names, lambda latents: latents),
        "without_rest": measure(seen, export.latent_names, lambda latents: without_rest(latents, export.latent_names)),
        "chance": 1 / PEOPLE,
        "clips": len(seen),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
