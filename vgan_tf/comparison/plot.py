"""The frontier as one SVG, for screen and print, in colour or not: no script, no font, nothing fetched."""

from itertools import pairwise

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from vgan_tf.audit.report.plots import REPRODUCIBLE, svg_text
from vgan_tf.comparison.table import TABLE_SERIES

INK, GUIDE, OURS = "#2b2f36", "#8b919b", "#b3202c"
# Colour and marker of each series of baselines: they differ in black and white too. Every other series is ours.
BASELINES = {
    "none": (INK, "X"),
    "label only": (INK, "*"),
    TABLE_SERIES: (INK, "s"),
    "blur": ("#1b5f99", "^"),
    "pixelation": ("#6440b0", "v"),
    "noise": ("#0f6a5c", "P"),
    "k-same": ("#855600", "D"),
}
CEILINGS = ("label only", TABLE_SERIES)  # beat all, and keep nothing of a picture but the name of its expression
COLOURS = dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
EXPRESSION_AXIS = "expressions classified correctly (more is better)"
PANELS = {  # what is drawn: title, name of the axis
    "original": ("Expression classified by a network trained on originals", EXPRESSION_AXIS),
    "protected": ("Expression classified by a network trained on protected pictures", EXPRESSION_AXIS),
    "motion": (
        "Motion beyond the expression's name, read by a network trained on protected pictures",
        "R² within an expression (more is better; 0: the name alone)",
    ),
}
RIGHT_MARGIN = 140  # of a panel, in pixels, for the labels of what names everybody
# Where a label may stand: the distance of its edge from the point in pixels, to a side (0: centred) and up or down.
SIDEWAYS = (9, -9, 18, 34, -34, 0, -70, 70, -120)
UPWARDS = range(-147, 148, 7)


@style.context(["default", REPRODUCIBLE, COLOURS, {"font.size": 11.5}])
def frontier_svg(result):
    """Draw what is kept over the strongest identity attack: a panel for the expression and, where known, for motion.

    The points of each series that no other point of it beats are joined, and so are those of all but the ceiling.

    Args:
        result: dict as in `frontier.json`.

    Returns:
        str, an SVG document.
    """
    return svg_text(frontier_figure(result))


def frontier_figure(result):
    """The plot of `frontier_svg` as a matplotlib figure, whose labels are annotations."""
    figure = Figure(figsize=(1000 / 72, 1150 / 72), dpi=72, facecolor="white")
    figure.text(0.08, 0.968, "Expression kept, against identity given away", size=19, weight="bold")
    # Where motion is known it tells more than the second classifier.
    motion_known = any(one["motion"] for one in result["points"])
    for panel, bottom in zip(("original", "motion" if motion_known else "protected"), (0.555, 0.11), strict=True):
        axes = figure.add_axes((0.08, bottom, 0.77, 0.365))
        axes.set_title(PANELS[panel][0], loc="left", weight="bold", pad=14)
        _panel(axes, result, panel)
    attackers = "quick attackers" if result["quick"] else "all attackers"
    notes = [
        f"Strongest of all attacks on one picture or what it was made from ({attackers}, {result['n_test']} test "
        f"pictures of {result['people']} people). Bars: 95 % intervals.",
        "Thin lines: points that no other of their series beats in both respects. Broad line: the same of all points "
        "but label-only and the tables.",
        "A table: stored real pictures of the target, chosen by a classifier of expressions.",
    ]
    if any(one["identity"] != one["identity_from_images"] for one in result["points"]):
        notes.append("Hollow: the strongest attack on pictures alone, where one on the release is stronger.")
    figure.text(0.08, 0.06, "\n".join(notes), va="top", linespacing=1.4)
    return figure


def _panel(axes, result, panel):
    level, expression_level = result["chance"], 0.0 if panel == "motion" else result["chance_expression"]
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel=PANELS[panel][1])
    axes.set_xlabel("people named correctly by the strongest attack (less is better)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(0.25))
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(color=GUIDE, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.axvline(level, color=INK, linestyle="--", linewidth=1)
    axes.axhline(expression_level, color=INK, linestyle="--", linewidth=1)
    about = {"style": "italic", "textcoords": "offset points"}
    arrow = {"arrowstyle": "->", "color": INK}
    guides = [
        axes.annotate("guessing a person", (level, 0), (6, 6), **about),
        *(
            []
            if panel == "motion"
            else [axes.annotate("guessing an expression", (level, expression_level), (6, 5), **about)]
        ),
        axes.annotate("the aim", (level, 1), (-20, -20), ha="right", arrowprops=arrow, **about),
    ]
    series, labels, lines = {}, [], [[(level, 0), (level, 1)]]
    for one in result["points"]:
        kept = one["motion"] if panel == "motion" else one["expression"][panel]
        if kept is None:
            continue
        place = one["identity"]["accuracy"], max(0.0, kept.get("accuracy", kept.get("r_squared")))
        labels.append((_text(one, one["series"] in series), place, one["series"]))
        series.setdefault(one["series"], []).append(place)
        lines += _draw_point(axes, one, kept["interval"], place)
    best = pareto([place for name, members in series.items() if name not in CEILINGS for place in members])
    axes.plot(*np.transpose(best), color=GUIDE, alpha=0.3, linewidth=9, solid_capstyle="round", zorder=1)
    for name, members in series.items():
        lines.append(pareto(members))
        axes.plot(*np.transpose(lines[-1]), color=BASELINES.get(name, (OURS,))[0], linewidth=1.6, alpha=0.75)
    _label_points(axes, labels, lines, guides)


def pareto(places):
    """Those of some `(x, y)` that no other beats in both respects, from left to right: less x is better, and more y."""
    front = []
    for place in sorted(set(places), key=lambda one: (one[0], -one[1])):
        if not front or place[1] > front[-1][1]:
            front.append(place)
    return front


def _draw_point(axes, one, interval, place):
    """Draw a point with its intervals, and hollow where pictures alone give less away: the lines that it covers."""
    colour, marker = BASELINES.get(one["series"], (OURS, "o" if one["series"] == "runs" else "s"))
    (x, y), hollow = place, (one["identity_from_images"] or one["identity"])["accuracy"]
    (left, right), (down, up) = one["identity"]["interval"], np.clip(interval or (y, y), 0, 1)
    bars = [[(left, y), (right, y)], [(x, down), (x, up)]]
    for bar in bars:
        axes.plot(*zip(*bar, strict=True), color=colour, alpha=0.7, linewidth=1.4, clip_on=False)
    size = {"marker": marker, "markersize": 13 if marker == "*" else 9, "color": colour, "clip_on": False}
    if abs(hollow - x) > 0.015:
        bars.append([(hollow, y), place])
        axes.plot([hollow, x], [y, y], ":", color=colour, linewidth=1)
        axes.plot(hollow, y, markerfacecolor="white", markeredgewidth=1.5, zorder=3, **size)
    axes.plot(*place, markeredgewidth=0, zorder=3, **size)
    return bars


def _label_points(axes, labels, lines, guides):
    """Write names beside the points, each where it is freest, with a line to its point where it is far.

    Args:
        labels: list of (name, place `(x, y)`, series).
        lines: lists of places, which labels avoid.
        guides: texts that labels avoid.
    """
    panel = axes.get_window_extent()
    bounds = np.array([[panel.x0 + 4, panel.y0 + 2], [panel.x1 + RIGHT_MARGIN, panel.y1 + 12]])
    taken = [one.get_window_extent().get_points() for one in guides]
    for line in lines:
        ends = axes.transData.transform(line)
        taken += [(end - 7, end + 7) for end in ends]
        for first, last in pairwise(ends):
            steps = np.linspace(first, last, 1 + int(np.abs(last - first).max() // 6))
            taken += [(step - 1.5, step + 1.5) for step in steps]
    for text, place, series in sorted(labels, key=lambda one: one[2] in BASELINES):  # ours get the best places
        properties = {"color": BASELINES.get(series, (OURS,))[0], "weight": "normal" if series in BASELINES else "bold"}
        properties["bbox"] = {"facecolor": "white", "alpha": 0.7, "pad": 0, "linewidth": 0}
        label = axes.annotate(text, place, (0, 0), textcoords="offset points", annotation_clip=False, **properties)
        point, (width, height) = axes.transData.transform(place), label.get_window_extent().size
        offsets = np.array(
            [
                (side - width * (0.5 if side == 0 else side < 0), up - height / 2)
                for side in SIDEWAYS
                for up in UPWARDS
                if side or abs(up) > 12
            ]
        )
        low, high, others = point + offsets, point + offsets + (width, height), np.array(taken)
        outside = np.maximum(0, bounds[0] - low) + np.maximum(0, high - bounds[1])
        covered = np.minimum(high[:, None], others[:, 1]) - np.maximum(low[:, None], others[:, 0])
        distance = np.maximum(0, np.maximum(offsets, -offsets - (width, 0)))[:, 0] + np.abs(offsets[:, 1] + height / 2)
        best = np.argmin(1000 * outside.sum(1) + 10 * covered.clip(0).prod(2).sum(1) + distance)
        label.set_position(offsets[best])
        taken.append((low[best], high[best]))
        near = np.clip(0, offsets[best] + (-2, 3), offsets[best] + (width + 2, height - 3))
        if np.hypot(*near) > 12:
            line = {"arrowstyle": "-", "color": properties["color"], "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", place, near, textcoords="offset points", annotation_clip=False, arrowprops=line)


def _text(one, follows):
    """The label of a point: the first of a sweep by its setting too, "latent dependence 0", the others "2", "5"."""
    if one["series"] == "runs" and one["runs"] > 1:
        return f"{one['name']}, {one['runs']} seeds"
    if one["series"] in BASELINES or one["series"] == "runs" or follows:
        return one["name"]
    return f"{one['series'].removesuffix('_weight').replace('_', ' ')} {one['name']}"
