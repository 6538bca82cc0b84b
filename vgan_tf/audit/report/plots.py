"""Plots as inline SVG by matplotlib, in the colours of the style sheet, and pictures as data addresses."""

import base64
import io
import textwrap
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib import style
from matplotlib.figure import Figure
from PIL import Image

from vgan_tf.audit.report.words import percent, span

# Stand for variables of the style sheet, so that a plot follows it in the dark and in print.
INK, SOFT, TRACK, GUESS, DOT, BAD, GROUND = VARIABLES = [f"#01020{number}" for number in range(7)]
NAMES = ("ink", "soft", "faint", "guess", "dot", "bad", "ground")
# The same figures give the same bytes, whatever the user's own settings of matplotlib are.
REPRODUCIBLE = {"svg.hashsalt": "vgan_tf", "svg.fonttype": "path", "text.parse_math": False}
INLINE = style.context(
    ["default", REPRODUCIBLE, {"svg.fonttype": "none", "font.size": 12, "font.family": "sans-serif"}]
)
WIDTH = 400  # of a plot, in its own pixels
LETTERS_IN_NAME = 34
LINE, ROW = 15, 30  # heights: a line of text, and the track with the space below it


class Row(NamedTuple):
    """A row of a plot: `value`, `interval` and `chance` in [0, 1] (values outside are drawn at the edge)."""

    name: str
    value: float
    interval: tuple | None = None
    chance: float | None = None
    note: str = ""
    alarm: bool = False


def svg_text(figure):
    """A figure as the text of an SVG element, without a date or other traces of when and where it was made."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = file.getvalue()
    return text[text.index("<svg") :].replace('pt"', '"', 2)  # width and height in pixels


def _inline(figure):
    text = svg_text(figure)
    for colour, name in zip(VARIABLES, NAMES, strict=True):
        text = text.replace(colour, f"var(--{name})")
    return Markup(text)


def _figure(height):
    """A figure of `WIDTH` by `height` pixels, and axes over it that count pixels from the top."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


@INLINE
def dot_chart(rows, mark_name="guessing"):
    """Values from 0 to 1 as dots with their intervals and the rate of guessing, each below its name.

    Args:
        rows: `Row`s, in their order; one with `alarm` is drawn full and red, others hollow.
        mark_name: name of the dashed line, which is labelled where all rows share one `chance`.
    """
    names = [textwrap.wrap(row.name, LETTERS_IN_NAME) for row in rows]
    heights = [LINE * (len(name) + bool(row.note)) + ROW for name, row in zip(names, rows, strict=True)]
    levels = {row.chance for row in rows} - {None}
    head = 24 if len(levels) == 1 else 4
    figure, axes = _figure(head + sum(heights) + 14)
    if len(levels) == 1:
        level = levels.pop()
        side = "left" if level < 0.25 else "center" if level < 0.75 else "right"
        label = f"{mark_name} {percent(level)}"
        axes.text(max(0, level - 0.03 * (side == "left")), 11, label, color=SOFT, size=11, ha=side)
    top = head
    for row, name, height in zip(rows, names, heights, strict=True):
        middle, colour = top + height - ROW + 12, BAD if row.alarm else DOT
        for number, line in enumerate([*name, *[row.note] * bool(row.note)]):
            size, ink = (12, INK) if number < len(name) else (11, SOFT)
            axes.text(0, top + 12 + LINE * number, line, color=ink, size=size)
        axes.text(0.72, top + 12, percent(row.value), color=BAD if row.alarm else INK, ha="right", weight="bold")
        axes.text(1, top + 12, span(row.interval) if row.interval else "", color=SOFT, size=11, ha="right")
        value, *interval = np.clip([row.value, *(row.interval or (row.value, row.value))], 0, 1)
        axes.plot([0, 1], [middle, middle], color=TRACK, linewidth=5, solid_capstyle="round", clip_on=False)
        if row.chance is not None:
            axes.plot([row.chance] * 2, [middle - 9, middle + 9], "--", color=GUESS, linewidth=1.6, clip_on=False)
        axes.plot(interval, [middle, middle], color=colour, linewidth=2.4, clip_on=False)
        fill = {"markerfacecolor": BAD if row.alarm else GROUND, "markeredgewidth": 2.2}
        axes.plot(value, middle, "o", color=colour, markersize=8, clip_on=False, **fill)
        top += height
    for share, side in ((0, "left"), (0.5, "center"), (1, "right")):
        axes.text(share, top + 10, f"{share:.0%}".replace("%", " %"), color=SOFT, size=11, ha=side)
    return _inline(figure)


@INLINE
def line_chart(rows):
    """Values from 0 to 1 over the number of pictures, each with its interval and its own rate of guessing (dashed).

    Args:
        rows: `Row`s from left to right; their names stand below.
    """
    height, foot = 190, 40
    figure, axes = _figure(height)
    places = (np.arange(len(rows)) + 0.5) / len(rows)

    def level(share):
        return 22 + (height - foot - 22) * (1 - np.clip(share, 0, 1))

    for share in (0, 0.5, 1):
        axes.plot([0, 1], [level(share)] * 2, color=TRACK, linewidth=1, clip_on=False)
        axes.text(0, level(share) - 3, f"{share:.0%}".replace("%", " %"), color=SOFT, size=11)
    axes.plot(places, [level(row.value) for row in rows], color=DOT, linewidth=1.6, clip_on=False)
    half = 0.3 / len(rows)
    for place, row in zip(places, rows, strict=True):
        colour = BAD if row.alarm else DOT
        ends = [level(end) for end in row.interval or (row.value, row.value)]
        axes.plot([place] * 2, ends, color=colour, linewidth=2.4, clip_on=False)
        if row.chance is not None:
            across = [place - half, place + half]
            axes.plot(across, [level(row.chance)] * 2, "--", color=GUESS, linewidth=1.6, clip_on=False)
        fill = {"markerfacecolor": BAD if row.alarm else GROUND, "markeredgewidth": 2.2}
        axes.plot(place, level(row.value), "o", color=colour, markersize=8, clip_on=False, **fill)
        axes.text(place, height - 22, row.name, color=INK, size=11, ha="center")
        shown = percent(row.value)
        axes.text(place, height - 6, shown, color=BAD if row.alarm else INK, size=11, ha="center", weight="bold")
    return _inline(figure)


@INLINE
def hundred_dots(share, chance):
    """A hundred dots: grey for guessing, full for what the attacker names beyond it, hollow for the rest."""
    guessed, read = round(100 * chance), round(100 * share)
    figure, axes = _figure(110)
    numbers = np.arange(100)
    for first, last, fill, edge in (
        (0, min(guessed, read), GUESS, GUESS),
        (min(guessed, read), read, BAD, BAD),
        (read, 100, "none", GUESS),
    ):
        dots = numbers[first:last]
        places = ((dots % 20 + 0.5) / 20, dots // 20 * 22 + 11)
        axes.scatter(*places, s=15**2, facecolor=fill, edgecolor=edge, linewidth=1.5, clip_on=False)
    return _inline(figure)


def data_uri(image):
    """A uint8 `(height, width, 3)` picture as a PNG inside an address."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
