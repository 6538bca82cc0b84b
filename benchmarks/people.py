"""What the limits of faces in whole pictures, and the smoothing of videos, are worth: `python benchmarks/people.py`.

Rendered people, whose truth is known, in an export whose latent is the motion. `limits`: how often the expression is
read rightly from faces that are turned, tilted, small or covered, and how well covered ones can be told. `clips`: how
much latents, places and pictures tremble from frame to frame, and how well latents follow the truth, as seen, with the
smoothing of files, and with that of live frames; the pictures beside the input and beside the target rendered from the
truth. The last line is JSON.
"""

import argparse
import dataclasses
import json
import os
import tempfile
from pathlib import Path

from vgan_tf.data.heads.preparation import ENVIRONMENT

os.environ |= {**ENVIRONMENT, "KERAS_BACKEND": "numpy"}  # nothing is trained here

import av
import numpy as np
from PIL import Image

from vgan_tf.data.heads import clips, drawing, motions, nuisances, people
from vgan_tf.data.heads.cast import CAST
from vgan_tf.data.heads.dataset import CANONICAL, Heads
from vgan_tf.data.heads.model import load_model
from vgan_tf.data.heads.renderer import Renderer
from vgan_tf.data.pipeline import unit_of
from vgan_tf.labels import EXPRESSIONS
from vgan_tf.ondevice import ExpressionReader, Protector, open_export
from vgan_tf.ondevice.people.finding import find_faces
from vgan_tf.ondevice.people.live import Live
from vgan_tf.ondevice.people.smoothing import smoothed
from vgan_tf.ondevice.people.tracking import COPIES
from vgan_tf.ondevice.people.video import follow, followed

SEED, SIZE, SHARE = 977, 256, 0.42  # SHARE: of a picture's side, that the face's square takes
HEIGHT, WIDTH, RATE = 360, 640, 25  # of clips
NEUTRAL = 0.25  # strength of the strongest expression, below which a latent says neutral
SWAY_PIXELS, SWAY_HZ = 60, 0.5  # of a head that moves before a camera
COVERS = "mask", "hand", "mug", "phone", "strand"


class Scenes:
    """Rendered people, one in each picture, with something around the head.

    Args:
        model: clone of ICT-FaceKit.
    """

    def __init__(self, model):
        self.renderer, self.heads = Renderer(load_model(model)), Heads(str(model), 100000, SEED)

    def draw(self, number, cover="none", **pose):
        """Draw picture `number`: (uint8 `(SIZE, SIZE, 3)`, Motion)."""
        motion = dataclasses.replace(self.heads.motion(number), **pose)
        person, nuisance = people.person(SEED, number), self.heads.nuisance(number)
        other = number
        while cover != "none" and nuisance.occluder != cover:
            other += 1
            nuisance = self.heads.nuisance(other)
        size = SHARE * nuisances.SCALE / nuisance.scale
        middle = {"shift_x": 0.0, "shift_y": nuisances.SHIFT_Y * SHARE, "scale": SHARE * nuisances.SCALE}
        nuisance = dataclasses.replace(
            nuisance,
            occluder=cover,
            occluder_x=(nuisance.occluder_x - nuisance.shift_x) * size,
            occluder_y=(nuisance.occluder_y - nuisance.shift_y) * size + middle["shift_y"],
            occluder_size=nuisance.occluder_size * size,
            **middle,
        )
        landmarks = self.renderer.landmarks(person, motion, nuisance) if cover == "mask" else None
        nuisance = nuisances.fitted(nuisance, person, landmarks)
        return drawing.draw(self.renderer, person, motion, nuisance, SIZE)[:, :, :3], motion

    def clip(self, number, path):
        """Write clip `number` as a video of H.264, with a sensor's noise: its truth, a Motion for each frame."""
        person, nuisance = people.person(SEED, number), nuisances.nuisance(SEED, number)
        steady = {"occluder": "none", "noise": 0.0, "jpeg": 0, "motion_blur": 0.0, "scale": SHARE * nuisances.SCALE}
        steady |= {"shift_x": 0.0, "shift_y": nuisances.SHIFT_Y * SHARE}
        nuisance = nuisances.fitted(dataclasses.replace(nuisance, **steady), person)
        random, truth = np.random.default_rng(number), clips.clip(SEED, number, RATE)
        around = random.integers(60, 200, (9, 16, 3)).repeat(HEIGHT // 9, 0).repeat(WIDTH // 16, 1)
        top, left = (HEIGHT - SIZE) // 2, (WIDTH - SIZE) // 2
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=RATE, options={"crf": "23"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for motion in truth:
                frame = around.astype(float)
                head = drawing.draw(self.renderer, person, motion, nuisance, SIZE)[:, :, :3]
                frame[top : top + SIZE, left : left + SIZE] = head
                frame = np.clip(frame + random.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            out.mux(stream.encode())
        return truth

    def target(self, name, motion, size):
        """One of the cast doing that, as a generator that makes no error would draw it: PIL picture with alpha."""
        return Image.fromarray(drawing.draw(self.renderer, CAST[name], motion, CANONICAL, size))


def measure_limits(scenes, export, count):
    """{what is the matter: figures}, `count` pictures of each."""
    protector, reader = Protector(export), ExpressionReader(export)
    plain = [scenes.draw(number) for number in range(count)]
    cases = {"plain": plain}
    for turn in (15, 25, 35, 45, 55, 65, 75):
        cases[f"turned {turn}"] = [scenes.draw(n, yaw=float(turn if n % 2 else -turn)) for n in range(count)]
    for tilt in (10, 20, 30, 40):
        cases[f"tilted {tilt}"] = [(_turned(image, tilt if n % 2 else -tilt), m) for n, (image, m) in enumerate(plain)]
    for side in (16, 24, 32, 40, 60):
        cases[f"{side} pixels"] = [(_smaller(image, side / (SHARE * SIZE)), motion) for image, motion in plain]
    for cover in COVERS:
        cases[cover] = [scenes.draw(number, cover) for number in range(count)]
    seen = {name: [_look(protector, reader, *one) for one in case] for name, case in cases.items()}
    figures = {}
    for name, rows in seen.items():
        rows = [row for row in rows if row]
        figures[name] = {"found": len(rows), "right": _mean(rows, "right")}
        figures[name] |= {
            key: round(float(np.median([abs(row[key]) for row in rows])), 2) for key in ("turned", "tilted")
        }
        for key in ("score", "disagreement"):
            figures[name][f"auc_{key}"] = _auc([row[key] for row in seen["plain"] if row], [row[key] for row in rows])
        print(name, figures[name])
    return figures


def _look(protector, reader, image, motion):
    """What is read of the surest face of a picture, on grey: dict, empty where there is none."""
    pad = (2 * SIZE - len(image)) // 2
    picture = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), constant_values=127)
    faces = find_faces(picture)[:1]
    if not faces:
        return {}
    strengths = protector.encode(picture, faces)[0][: len(EXPRESSIONS) - 1]
    names = [*protector.latent_names[: len(strengths)], "neutral"]
    said = names[int(np.argmax([*strengths, NEUTRAL]))]
    before = reader.read_faces(picture, faces)[0]["expression"]
    after = reader.read_faces(protector.replace_faces(picture, faces, ["random"], True)[0], faces)[0]["expression"]
    return {
        "right": said == motion.expression,
        "turned": faces[0].turned,
        "tilted": faces[0].tilted,
        "score": -faces[0].score,
        "disagreement": sum(abs(before[name] - after[name]) for name in before) / 2,
    }


class Rendering(Protector):
    """A Protector that renders the target in place of generating it: what a generator without errors would give."""

    def __init__(self, scenes, export):
        super().__init__(export)
        self.scenes, self.size = scenes, open_export(export).image_size

    def heads(self, picture, faces, targets, black=False, latents=None, alpha=False):
        """As there, but `latents` is a list of Motion."""
        heads = [self.scenes.target(*one, self.size) for one in zip(targets, latents, strict=True)]
        return heads, [""] * len(heads)


class Noting(Protector):
    """A Protector that keeps the first face of each picture and what it was to do, as a list of (Face, latent)."""

    def __init__(self, export):
        super().__init__(export)
        self.noted = []

    def replace_faces(self, picture, faces, targets, black=False, latents=None, style="head"):
        self.noted.append((faces[0], latents[0]))
        return super().replace_faces(picture, faces, targets, black, latents, style)


def measure_clips(scenes, export, count):
    """{"seen", "smoothed" or "live": figures}, over `count` clips."""
    protector, rendering = Noting(export), Rendering(scenes, export)
    if others := set(protector.identities) - set(CAST):
        raise SystemExit(f"{', '.join(sorted(others))}: not of the cast that comes with the package")
    kinds = "seen", "smoothed", "live"
    latents, places = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}
    flicker, truths, behind = {kind: [] for kind in ("input", "rendered", *kinds)}, [], []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.mp4"
            truth = scenes.clip(number, path)
            tracks, frames = follow(path)
            shown = [(frame, dict(faces)[0]) for _, frame, faces in followed(path, tracks, frames, "") if faces]
        pictures, faces = zip(*shown, strict=True)
        truth = truth[tracks[0].first :][: len(shown)]
        truths.append(_as_latents(truth, protector.latent_names))
        target = protector.identities[number % len(protector.identities)]
        x, y, w, h = np.mean([face.box for face in faces], axis=0).round().astype(int)
        region = np.s_[y : y + h, x : x + w]
        flicker["input"].append(_tremble([picture[region] for picture in pictures]))
        perfect = [
            rendering.replace_faces(picture, [face], [target], True, [motion])[0][region]
            for (picture, face), motion in zip(shown, truth, strict=True)
        ]
        flicker["rendered"].append(_tremble(perfect))
        seen = np.concatenate([protector.encode(*one) for one in zip(pictures, zip(faces), strict=True)])
        for kind, values in {"seen": seen, "smoothed": smoothed(seen, RATE)}.items():
            replaced = [
                protector.replace_faces(picture, [face], [target], True, value[None])[0][region]
                for (picture, face), value in zip(shown, values, strict=True)
            ]
            flicker[kind].append(_tremble(replaced))
            latents[kind].append(values)
        replaced, now, values = _as_they_come(protector, target, pictures)
        flicker["live"].append(_tremble([one[region] for one in replaced]))
        latents["live"].append(values)
        found = [find_faces(picture, COPIES)[0] for picture in pictures]
        side = np.mean([face.square.side for face in faces])
        for kind, one in {"seen": found, "smoothed": faces, "live": now}.items():
            places[kind].append(100 * _tremble(_middles(one)) / side)
        sway = np.rint(SWAY_PIXELS * np.sin(2 * np.pi * SWAY_HZ * np.arange(len(pictures)) / RATE)).astype(int)
        swaying = [np.roll(picture, by, axis=1) for picture, by in zip(pictures, sway, strict=True)]
        now = _as_they_come(protector, target, swaying)[1]
        behind.append(100 * np.abs(_middles(now)[:, 0] - sway - _middles(faces)[:, 0]).mean() / side)
    moved = np.concatenate([truth - truth.mean(0) for truth in truths])
    own = np.mean([_tremble(truth) for truth in truths])
    figures = {kind: {"flicker": _rounded(flicker[kind])} for kind in ("input", "rendered")}
    for kind in kinds:
        read = np.concatenate([one - one.mean(0) for one in latents[kind]])
        follows = {n: correlation(read[:, i], moved[:, i]) for i, n in enumerate(protector.latent_names)}
        told = [n for i, n in enumerate(protector.latent_names) if moved[:, i].std() > 0.05]
        blinks = [follows[n] for n in told if "eyeBlink" in n]
        figures[kind] = {
            "flicker": _rounded(flicker[kind]),
            "tremble": _rounded([_tremble(one) / own for one in latents[kind]]),
            "correlation": _rounded([follows[n] for n in told]),
            "correlation_of_blinks": _rounded(blinks) if blinks else None,
            "lag_ms": _rounded([_lag_ms(*one) for one in zip(latents[kind], truths, strict=True)]),
            "tremble_of_places_percent": _rounded(places[kind]),
        }
        print(kind, figures[kind])
    figures["live"]["behind_a_sway_percent"] = _rounded(behind)
    return figures


def _as_they_come(protector, target, pictures):
    """Frames protected by `Live`: (list of pictures, Faces, latents `(n, d)`)."""
    protector.noted = []
    replaced = list(Live(protector, target).protect_frames(pictures, RATE))
    faces, latents = zip(*protector.noted, strict=True)
    return replaced, faces, np.stack(latents)


def _middles(faces):
    """Middles of the faces' squares: float `(n, 2)`, in pixels."""
    squares = [face.square for face in faces]
    return np.array([(square.left + square.side / 2, square.top + square.side / 2) for square in squares])


def correlation(read, truth):
    """Of two series, float `(n,)`; 0 where one of them stands still, as a latent below its threshold does."""
    return np.corrcoef(read, truth)[0, 1] if read.std() and truth.std() else 0.0


def _lag_ms(read, truth):
    """How long after the truth latents come: the delay of the truth with which they correlate best."""
    frames = np.arange(len(truth))

    def match(lag):
        delayed = np.stack([np.interp(frames - lag * RATE / 1000, frames, one) for one in truth.T], axis=1)
        return np.corrcoef((read - read.mean(0)).ravel(), (delayed - delayed.mean(0)).ravel())[0, 1]

    return max(range(0, 400, 5), key=match)


def _as_latents(truth, names):
    """Motions as latents say them: float32 `(n, d)`."""
    rows = []
    for motion in truth:
        values = dict(zip(motions.TRUTH, motions.truth_of(motion), strict=True))
        values |= {name: motion.intensity * (motion.expression == name) for name in EXPRESSIONS}
        rows.append([values[name] / unit_of(name) for name in names])
    return np.float32(rows)


def _tremble(values):
    """Mean absolute second difference over time."""
    return float(np.abs(np.diff(np.asarray(values, np.float32), 2, axis=0)).mean())


def _turned(image, degrees):
    return np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(127,) * 3))


def _smaller(image, share):
    side = max(2, 2 * round(share * SIZE / 2))
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def _auc(plain, others):
    """The share of pairs in which the other one has the larger value."""
    plain, others = np.array(plain), np.array(others)[:, None]
    return round(float((others > plain).mean() + (others == plain).mean() / 2), 2) if len(others) else None


def _mean(rows, key):
    return round(float(np.mean([row[key] for row in rows])), 2) if rows else None


def _rounded(values):
    return round(float(np.mean(values)), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("limits", "clips"))
    parser.add_argument("model", metavar="CLONE", help="clone of ICT-FaceKit")
    parser.add_argument("--export", metavar="DIR", help="export folder; without it, the weights shipped")
    parser.add_argument("--count", type=int, help="pictures of each kind (default 100), or clips (default 8)")
    arguments = parser.parse_args()
    if not open_export(arguments.export).latent_names:
        parser.error("the latent of this export has no meaning of its own; name another one with --export")
    scenes = Scenes(arguments.model)
    if arguments.what == "limits":
        figures = measure_limits(scenes, arguments.export, arguments.count or 100)
    else:
        figures = measure_clips(scenes, arguments.export, arguments.count or 8)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
