"""Charts, tables and pictures as HTML and inline SVG: pure functions that return str and escape what they are given."""

import base64
import io
from html import escape
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgan_tf.audit.report.words import percent, span
from vgan_tf.images import tile

MOST_LABELS_IN_MATRIX = 12
PICTURE_GAP = 2


class Row(NamedTuple):
    """A line of a chart: `value`, `interval` and `chance` in [0, 1] (values outside are drawn at the edge)."""

    name: str
    value: float
    interval: tuple | None = None
    chance: float | None = None
    note: str = ""
    alarm: bool = False


def dot_chart(rows, mark=None, mark_name="guessing"):
    """Values from 0 to 1 as dots with their intervals, one row each, labelled.

    Only the track is SVG, in percentages of its width: names wrap and nothing is scaled, on a phone or on a desk.

    Args:
        rows: `Row`s, in their order; one with `alarm` is drawn full and red, others hollow.
        mark: where a dashed line runs through all rows, or None: then each row has its own `chance`.
        mark_name: what the line means.
    """
    parts = []
    if mark is not None:
        place, anchor = _label_place(mark)
        label = f"{escape(mark_name)} {percent(mark)}"
        parts.append(
            f"<li class='head'><div><svg aria-hidden='true'><text x='{place}' y='13' "
            f"text-anchor='{anchor}'>{label}</text></svg></div></li>"
        )
    for row in rows:
        level = row.chance if mark is None else mark
        low_high = f"<i>{span(row.interval)}</i>" if row.interval else ""
        note = f"<small>{escape(row.note)}</small>" if row.note else ""
        parts.append(
            f"<li{' class=above' if row.alarm else ''}><span>{escape(row.name)}{note}</span>"
            f"<div>{_track(row, level)}</div><span><b>{percent(row.value)}</b>{low_high}</span></li>"
        )
    ticks = "".join(
        f"<text x='{100 * tick:g}%' y='13' text-anchor='{anchor}'>{100 * tick:g} %</text>"
        for tick, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )
    parts.append(f"<li class='axis'><div><svg aria-hidden='true'>{ticks}</svg></div></li>")
    return f"<ul class='chart'>{''.join(parts)}</ul>"


def _track(row, level):
    shapes = ["<line class='track' x1='0' x2='100%' y1='50%' y2='50%'/>"]
    if level is not None:
        shapes.append(f"<line class='guess' x1='{_place(level)}' x2='{_place(level)}' y1='0' y2='100%'/>")
    if row.interval:
        low, high = (_place(end) for end in row.interval)
        shapes.append(f"<line class='whisker' x1='{low}' x2='{high}' y1='50%' y2='50%'/>")
    shapes.append(f"<circle class='dot' cx='{_place(row.value)}' cy='50%' r='5'/>")
    return f"<svg aria-hidden='true'>{''.join(shapes)}</svg>"


def _place(value):
    return f"{100 * min(1.0, max(0.0, value)):.2f}%"


def _label_place(value):
    """Where a label above `value` starts so that it stays inside: (x, text-anchor)."""
    if value < 0.2:
        return "0%" if value < 0.05 else _place(value - 0.03), "start"
    return (_place(value), "middle") if value < 0.8 else ("100%", "end")


def hundred_dots(share, chance):
    """A hundred dots: what guessing gets grey, what the attacker gets beyond it full, the rest hollow."""
    guessed, read = round(100 * chance), round(100 * share)
    dots = []
    for number in range(100):
        colour = "var(--guess)" if number < min(guessed, read) else "var(--bad)" if number < read else "none"
        dots.append(
            f"<circle cx='{10 + number % 20 * 20}' cy='{10 + number // 20 * 20}' r='7.5' fill='{colour}' "
            f"stroke='{'var(--guess)' if colour == 'none' else colour}' stroke-width='1.5'/>"
        )
    label = f"{read} of 100 named rightly, {guessed} of 100 by guessing"
    return f"<svg viewBox='0 0 400 100' role='img' aria-label='{label}'>{''.join(dots)}</svg>"


def table(headings, rows, emphasised=()):
    """Rows of text cells; those whose number is in `emphasised` are bold."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr{' style=font-weight:600' if number in emphasised else ''}>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def confusion_matrix(counts, labels):
    """Percent of each row: a table, or a grey picture where there are many labels."""
    counts = np.asarray(counts, dtype=np.float64)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    if len(labels) > MOST_LABELS_IN_MATRIX:
        grey = np.repeat((255 * (1 - shares)).astype(np.uint8)[:, :, None], 3, axis=2)
        return f"<img class='map' src='{data_uri(grey)}' alt='confusion matrix'><p class='soft'>Darker is more.</p>"
    head = "".join(f"<th><span>{escape(label)}</span></th>" for label in labels)
    body = "".join(
        f"<tr><th>{escape(label)}</th>"
        + "".join(f"<td style='background:rgba(var(--cell),{share:.2f})'>{100 * share:.0f}</td>" for share in row)
        + "</tr>"
        for label, row in zip(labels, shares, strict=True)
    )
    return f"<div class='scroll'><table class='matrix'><thead><tr><th></th>{head}</tr></thead>{body}</table></div>"


def picture_rows(rows, caption):
    """Rows of pictures with a label each: `rows` of (label, uint8 `(n, height, width, 3)`)."""
    body = "".join(
        f"<div><span>{escape(str(label))}</span>"
        f"<img src='{data_uri(tile(images, len(images), gap=PICTURE_GAP))}' alt='{escape(str(label))}'></div>"
        for label, images in rows
    )
    return f"<figure class='pictures'>{body}<figcaption>{escape(caption)}</figcaption></figure>"


def data_uri(image):
    """A uint8 `(height, width, 3)` picture as a PNG inside an address."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
