"""Draw the contact sheets of docs/results/heads.md.

python benchmarks/heads_sheets.py ICT-FaceKit -o docs/results/pictures
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf.data.heads import clips, drawing, motions, people
from vgan_tf.data.heads.appearance import Motion
from vgan_tf.data.heads.cast import CAST
from vgan_tf.data.heads.dataset import CANONICAL, Heads
from vgan_tf.data.heads.model import load_model
from vgan_tf.data.heads.renderer import Renderer
from vgan_tf.labels import EXPRESSIONS

SIZE = 128
SEED = 7
BEHIND = 200  # grey behind what has no background
STRENGTHS = (0.4, 0.8, 1.2)
FRAMES_PER_SECOND = 25


class Sheets:
    """Draws sheets: uint8 `(rows * size, columns * size, 3)`.

    Args:
        folder: of the 3D model, see `load_model`.
    """

    def __init__(self, folder):
        self.renderer = Renderer(load_model(folder))
        self.heads = Heads(folder, 400, SEED)

    def people(self):
        """Fifty people at rest, in even light."""
        return sheet([self.plain(people.person(SEED, index), Motion()) for index in range(50)], 10)

    def cast(self):
        """The sixteen target identities."""
        return sheet([self.plain(person, Motion(), 192) for person in CAST.values()], 8)

    def motions(self):
        """The seven expressions, from slight to larger than life, on two people."""
        rows = [
            [self.plain(person, _shown(expression, variant, strength)) for expression in EXPRESSIONS]
            for person, variant in ((people.person(SEED, 48), 0), (CAST["dagny"], 2))
            for strength in STRENGTHS
        ]
        return sheet(sum(rows, []), len(EXPRESSIONS))

    def counterparts(self):
        """Pictures of eight strangers; below each, its motion on five of the cast."""
        numbers = range(400, 408)
        rows = [[self.picture(number) for number in numbers]]
        for name in ("amara", "bruno", "chiyo", "dagny", "otto"):
            rows.append([self.plain(CAST[name], self.heads.motion(number)) for number in numbers])
        return sheet(sum(rows, []), len(numbers))

    def nuisances(self):
        """Fifty pictures of a data set as they are."""
        return sheet([self.picture(number) for number in range(50)], 10)

    def picture(self, number, size=SIZE):
        """A picture of the data set."""
        return drawing.draw(self.renderer, *self.heads.circumstances(self.renderer, number), size)[:, :, :3]

    def plain(self, person, motion, size=SIZE):
        """One person before plain grey, in even light."""
        picture = drawing.draw(self.renderer, person, motion, CANONICAL, size).astype(np.float32)
        share = picture[:, :, 3:] / 255
        return np.rint(BEHIND + (picture[:, :, :3] - BEHIND) * share).astype(np.uint8)

    def sequences(self):
        """Frames of two clips: lists of uint8 `(size, size, 3)`, 25 a second."""
        shown = ((people.person(SEED, 5), 3, "joy"), (CAST["amara"], 9, "surprise"))
        return [
            [self.plain(person, motion) for motion in clips.clip(SEED, number, FRAMES_PER_SECOND, expression)]
            for person, number, expression in shown
        ]


def _shown(expression, variant, strength):
    """An expression by one of its recipes."""
    total, recipes = {}, motions.RECIPES[expression]
    motions.add(total, recipes[variant % len(recipes)], strength)
    return Motion(expression=expression, intensity=strength, weights=motions.settle(total))


def sheet(pictures, columns):
    """Pictures side by side, from the upper left: list of uint8 `(s, s, 3)` -> `(rows * s, columns * s, 3)`."""
    rows = [np.concatenate(pictures[start : start + columns], axis=1) for start in range(0, len(pictures), columns)]
    return np.concatenate(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a clone of ICT-FaceKit")
    parser.add_argument("-o", "--out", metavar="FOLDER", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    sheets = Sheets(arguments.model)
    for name in ("people", "cast", "motions", "counterparts", "nuisances"):
        Image.fromarray(getattr(sheets, name)()).save(arguments.out / f"heads_{name}.jpg", quality=88)
    sequences = sheets.sequences()
    chosen = [[one[place] for place in np.linspace(0, len(one) - 1, 12).astype(int)] for one in sequences]
    Image.fromarray(sheet(sum(chosen, []), 12)).save(arguments.out / "heads_sequence.jpg", quality=88)
    shown = range(0, min(map(len, sequences)), 2)
    frames = [Image.fromarray(sheet([one[k] for one in sequences], 2)) for k in shown]
    palette = [frame.quantize(128, dither=Image.Dither.NONE) for frame in frames]
    duration = 2000 // FRAMES_PER_SECOND
    path = arguments.out / "heads_sequence.gif"
    palette[0].save(path, save_all=True, append_images=palette[1:], duration=duration, loop=0)


if __name__ == "__main__":
    main()
