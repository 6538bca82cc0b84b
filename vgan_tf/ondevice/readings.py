"""What `recognize` finds: printed as lines, JSON or CSV, in the words of other programs, or drawn over the picture."""

import csv
import io
import json

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgan_tf.errors import InputError
from vgan_tf.labels import PROGRAMS
from vgan_tf.ondevice.expression_reader import ANGLES

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
        reading = {**reading, "expression": shares, "dominant": names[reading["dominant"]]}
        if "strengths" in reading:
            strengths = {names[label]: strength for label, strength in reading["strengths"].items()}
            reading["strengths"] = {label: strengths[label] for label in order if label in strengths}
        changed.append(reading)
    return changed


def as_line(reading):
    """`face.png joy 0.931`; in a video `clip.mp4 frame 12 0.480 s face 0 joy 0.931`.

    Where a model tells more, then ` strength 0.80 yaw -12.0 pitch 3.1 roll 0.4 gaze 5.0 -2.0`, angles in degrees.
    """
    where = [reading["path"]]
    if "frame" in reading:
        where += ["frame", str(reading["frame"]), f"{reading['time']:.3f}", "s", "face", str(reading["face"])]
    line = [*where, reading["dominant"], f"{reading['expression'][reading['dominant']]:.3f}"]
    if reading.get("strengths"):
        line += ["strength", f"{max(reading['strengths'].values()):.2f}"]
    if "pose" in reading:
        line += [f"{name} {value:.1f}" for name, value in zip(ANGLES["pose"], reading["pose"], strict=True)]
    if "gaze" in reading:
        line += ["gaze", *(f"{value:.1f}" for value in reading["gaze"])]
    return " ".join(line)


def as_json(readings):
    """A list of dicts, as deepface and fer give one."""
    return json.dumps(readings, indent=2)


def as_csv(readings):
    """A line for each face: where it is, the dominant expression, and the probability of each.

    Where a model tells more, then the strength of each, as strength_joy, and pose and gaze in degrees.
    """
    place = [name for name in PLACE if any(name in reading for reading in readings)] or ["path"]
    labels = list(readings[0]["expression"]) if readings else []
    strengths = list(readings[0].get("strengths", ())) if readings else []
    angles = [name for name in ANGLES if readings and name in readings[0]]
    further = [f"strength_{name}" for name in strengths] + [column for name in angles for column in ANGLES[name]]
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow([*place, *BOX, "dominant", *labels, *further])
    for reading in readings:
        where = [reading.get(name, "") for name in place]
        shares = [f"{reading['expression'][label]:.4f}" for label in labels]
        box = [f"{value:g}" for value in reading["box"]]
        more = [f"{reading['strengths'][name]:.3f}" for name in strengths]
        more += [f"{value:.1f}" for name in angles for value in reading[name]]
        table.writerow([*where, *box, reading["dominant"], *shares, *more])
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
