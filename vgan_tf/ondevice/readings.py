"""What `recognize` finds: printed as lines, JSON or CSV, in the words of other programs, or drawn over the picture."""

import csv
import io
import json

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgan_tf.errors import InputError
from vgan_tf.labels import PROGRAMS

PLACE = "path", "frame", "time", "face"  # the last three are of videos: the frame, its second, which face it is
BOX = "x", "y", "width", "height"
GREEN = 0, 140, 70
LINE, TEXT = 0.02, 0.15  # width of a line and height of a text, in shares of the box's width
LEAST_TEXT = 9  # pixels


def check_labels(expressions, program):
    """Raise InputError unless a model's expressions are those that another program has labels for."""
    if set(expressions) != set(PROGRAMS[program][0]):
        raise InputError(f"--labels {program}: not for a model with other expressions ({', '.join(expressions)})")


def renamed(readings, program):
    """Readings in another program's labels and order.

    Args:
        readings: list of dicts as `ExpressionReader.read` gives them, of a model that `check_labels` allows.
        program: key of `labels.PROGRAMS`.
    """
    names, order = PROGRAMS[program]
    changed = []
    for reading in readings:
        shares = {names[label]: share for label, share in reading["expression"].items()}
        shares = {label: shares[label] for label in order}
        changed.append({**reading, "expression": shares, "dominant": names[reading["dominant"]]})
    return changed


def as_line(reading):
    """`face.png joy 0.931`; in a video `clip.mp4 frame 12 0.480 s face 0 joy 0.931`."""
    where = [reading["path"]]
    if "frame" in reading:
        where += ["frame", str(reading["frame"]), f"{reading['time']:.3f}", "s", "face", str(reading["face"])]
    return " ".join([*where, reading["dominant"], f"{reading['expression'][reading['dominant']]:.3f}"])


def as_json(readings):
    """A list of dicts, as deepface and fer give one."""
    return json.dumps(readings, indent=2)


def as_csv(readings):
    """A line for each face: where it is, the dominant expression, and the probability of each."""
    place = [name for name in PLACE if any(name in reading for reading in readings)] or ["path"]
    labels = list(readings[0]["expression"]) if readings else []
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow([*place, *BOX, "dominant", *labels])
    for reading in readings:
        where = [reading.get(name, "") for name in place]
        shares = [f"{reading['expression'][label]:.4f}" for label in labels]
        box = [f"{value:g}" for value in reading["box"]]
        table.writerow([*where, *box, reading["dominant"], *shares])
    return written.getvalue().rstrip("\n")


def drawn_over(picture, readings):
    """Boxes and expressions over a picture: uint8 `(height, width, 3)` -> uint8 of the same shape."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for reading in readings:
        left, top, w, h = reading["box"]
        width, font = max(1, round(LINE * w)), ImageFont.load_default(max(LEAST_TEXT, round(TEXT * w)))
        draw.rectangle((left, top, left + w, top + h), outline=GREEN, width=width)
        text = f"{reading['dominant']} {100 * reading['expression'][reading['dominant']]:.0f} %"
        _, _, right, bottom = draw.textbbox((0, 0), text, font=font)
        # Above the box where there is room, else within it; never out of the picture.
        x = min(max(0, left), max(0, canvas.width - right - 2 * width))
        y = top - bottom - 2 * width if top >= bottom + 2 * width else max(0, top)
        draw.rectangle((x, y, x + right + 2 * width, y + bottom + 2 * width), fill=GREEN)
        draw.text((x + width, y + width), text, "white", font)
    return np.asarray(canvas)
