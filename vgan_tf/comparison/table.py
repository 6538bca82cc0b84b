"""The points of the frontier as figures: what is taken from evaluations, seeds put together, CSV and Markdown."""

import csv

import numpy as np

from vgan_tf.audit.report.words import percent
from vgan_tf.audit.statistics import interval_over_runs
from vgan_tf.comparison.baselines import LADDERS
from vgan_tf.files import replacing

SOURCES = ("original", "protected")  # of the pictures that a classifier of the expression is trained on
TABLE_SERIES = "tables of pictures"
DEVICE_SCENARIOS = ("scenario_1", "scenario_2", "release")  # what leaves the device
HEADINGS = {
    "identity_from_images": "identity, images",
    "identity_from_release": "identity, release",
    "identity_from_latents": "identity, encoder",
    "expression_trained_on_original": "expression, orig.",
    "expression_trained_on_protected": "expression, prot.",
    "target_success": "target success",
    "motion": "motion",
    "strength": "strength",
    "pictures": "pictures",
}


def point(name, series, evaluations):
    """What the plot and the tables show of one run, or of several that differ in their seed alone.

    Args:
        name, series: of the point.
        evaluations: dicts as `evaluation.json` has them, one for each run.

    Returns:
        {"name", "series", "runs": their number, "identity": figure of the strongest attack on what leaves the device,
        with its "attacker" and "scenario", "identity_from_images", "identity_from_release", "identity_from_latents":
        likewise, of protected images, of the release, and of what the encoder knows, None where there is none,
        "expression": {"original" | "protected": figure of the classifier trained on such images}, "target_success":
        figure, or None without targets, "motion", "strength": figures of all motion and of the expression's strength
        within an expression, from protected pictures, or None where the truth is not known, "pictures": distinct
        pictures for each target}. A figure has "accuracy" (of motion "r_squared") and "interval"; over several runs it
        is the mean, of attacks that of each run's strongest, with "lowest" and "highest".
    """
    utilities = [evaluation["utility"] for evaluation in evaluations]

    def strongest(*scenarios):
        attacks = [_attacks(evaluation["privacy"], scenarios) for evaluation in evaluations]
        return _strongest(attacks) if all(attacks) else None

    def motion(key):
        values = [((utility.get("motion") or {}).get("protected") or {}).get(key) for utility in utilities]
        return _known([None if value is None else {"r_squared": value} for value in values])

    pictures = [utility.get("distinct_pictures_per_target") for utility in utilities]
    return {
        "name": name,
        "series": series,
        "runs": len(evaluations),
        "identity": strongest(*DEVICE_SCENARIOS),
        "identity_from_images": strongest("scenario_1", "scenario_2"),
        "identity_from_release": strongest("release"),
        "identity_from_latents": strongest("scenario_3"),
        "expression": {source: over_runs([one[f"{source}_to_protected"] for one in utilities]) for source in SOURCES},
        "target_success": _known([utility.get("target_success") for utility in utilities]),
        "motion": motion("within_expression_r2"),
        "strength": motion("intensity_within_r2"),
        "pictures": None if None in pictures else float(np.mean(pictures)),
    }


def over_runs(figures):
    """The figure of several runs that differ in their seed alone; of one run its own.

    Args:
        figures: dicts with "accuracy" and "interval", or with "r_squared" alone.
    """
    key = "accuracy" if "accuracy" in figures[0] else "r_squared"
    values, intervals = [one[key] for one in figures], [one["interval"] for one in figures if "interval" in one]
    if len(values) == 1:
        return {"interval": None, **figures[0]}
    low, high = interval_over_runs(values, intervals)
    least = 0.0 if key == "accuracy" else -np.inf
    mean = {key: float(np.mean(values)), "interval": [max(least, low), min(1.0, high)]}
    return {**mean, "lowest": min(values), "highest": max(values)}


def _known(figures):
    return None if any(one is None for one in figures) else over_runs(figures)


def _attacks(privacy, scenarios):
    """Figures of all attackers of some scenarios, each with its "attacker" and "scenario"."""
    return [
        {"attacker": attacker, "scenario": scenario, **figure}
        for scenario in scenarios
        for attacker, figure in ((privacy.get(scenario) or {}).get("attackers") or {}).items()
    ]


def _strongest(attacks):
    """Over the runs, the figure of the strongest attack of each."""
    best = [max(run, key=lambda one: one["accuracy"]) for run in attacks]
    names = {key: "; ".join(dict.fromkeys(one[key] for one in best)) for key in ("attacker", "scenario")}
    return {**over_runs(best), **names}


def columns(one):
    """The figures of a point as the tables show them: {key of HEADINGS: figure or None}."""
    return {
        **{key: one[key] for key in HEADINGS if key.startswith("identity")},
        **{f"expression_trained_on_{source}": figure for source, figure in one["expression"].items()},
        "target_success": one["target_success"],
        "motion": one["motion"],
        "strength": one["strength"],
        "pictures": None if one["pictures"] is None else {"count": one["pictures"]},
    }


def write_table(path, points):
    """Write the points as CSV: each figure with the ends of its interval and the lowest and highest of the runs."""
    rows = []
    for one in points:
        row = {"series": one["series"], "name": one["name"], "runs": one["runs"]}
        for title, figure in {"identity": one["identity"], **columns(one)}.items():
            figure = figure or {}
            low, high = figure.get("interval") or ("", "")
            row |= {title: _value(figure), f"{title}_low": low, f"{title}_high": high}
            row |= {f"{title}_{end}": figure.get(end, "") for end in ("lowest", "highest")}
        rows.append({**row, "attacker": one["identity"]["attacker"], "scenario": one["identity"]["scenario"]})
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def markdown_table(result):
    """The points as a Markdown table that also reads as plain text, least identity first, and what it means: str.

    Args:
        result: dict as in `frontier.json`.
    """
    points = sorted(result["points"], key=lambda one: one["identity"]["accuracy"])
    shown = [key for key in HEADINGS if any(columns(one)[key] for one in points)]
    rows = [["", *(HEADINGS[key] for key in shown)]]
    rows += [[full_name(one), *(_cell(columns(one)[key]) for key in shown)] for one in points]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    lines = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in rows]
    return "\n".join([*lines, "", *notes(result)]) + "\n"


def notes(result):
    """What one must know to understand the table: list of sentences."""
    kind = "quick attackers" if result["quick"] else "all attackers"
    sentences = [
        f"Percent, of motion and strength R²; in brackets 95 % intervals. Identity: the strongest attack ({kind}) on "
        "one protected picture, on what it was made from (the release), and on what the encoder knows; guessing gets "
        f"{percent(result['chance'])}, and {percent(result['chance_expression'])} of the expressions. Expression: by a "
        "network trained on originals, or on protected pictures. Motion and strength: of all motion, and of the "
        "expression's strength, what is read in protected pictures beyond the expression's name. Pictures: how many "
        f"different ones there are of a target. {result['n_test']} test pictures of {result['people']} people.",
        "A table shows a stored real picture of the target for the expression that a classifier sees. What is no "
        "better than a table is of no use.",
    ]
    if any(one["runs"] > 1 for one in result["points"]):
        sentences.append(
            "Where a number of seeds is named: the mean over so many runs, and an interval that covers test pictures "
            "and seeds."
        )
    if result["left_out"]:
        sentences.append(f"Left out, as the data does not allow it: {', '.join(result['left_out'])}.")
    return sentences


def full_name(one):
    """The name of a point with its setting and its number of runs."""
    name = f"{one['series']}={one['name']}" if one["series"] not in (*LADDERS, TABLE_SERIES, "runs") else one["name"]
    return name if one["runs"] == 1 else f"{name} ({one['runs']} seeds)"


def _value(figure):
    return next((figure[key] for key in ("accuracy", "r_squared", "count") if key in figure), "")


def _cell(figure):
    if figure is None:
        return "-"
    scale, digits = (100, 1) if "accuracy" in figure else (1, 0 if "count" in figure else 2)
    value, *ends = (f"{scale * one:.{digits}f}" for one in (_value(figure), *(figure.get("interval") or ())))
    return f"{value} [{', '.join(ends)}]" if ends else value
