"""The page: what the templates need of an evaluation, as rows of plots and tables."""

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from vgan_tf.audit.evidence import POWER
from vgan_tf.audit.report import plots, words
from vgan_tf.audit.report.results import (
    KINDS,
    SHARES,
    Result,
    capital,
    families,
    figures,
    interval_of,
    is_number,
    plain,
    share,
)
from vgan_tf.images import tile

MOST_ROWS = 10  # of a plot; weaker attackers stand in the appendix
MOST_LABELS_IN_MATRIX = 12
MOST_UNSEEN = 0.05  # by which the figures of a usual check may differ before and after, if it passes
EXPRESSION_TESTS = {
    "original_to_original": "trained on originals, tested on originals",
    "original_to_protected": "trained on originals, tested on protected",
    "protected_to_protected": "trained on protected, tested on protected",
    "protected_to_original": "trained on protected, tested on originals",
    "original_to_targets": "trained on originals, tested on other originals of the target identities",
}
# Figures of utility that stand elsewhere: beside those of tables of pictures.
ELSEWHERE = ("motion", "table", "beats_table", "better_than_table", "distinct_pictures_per_target", "kept", "n_test")
MOTION = {
    "intensity_within_r2": "Strength within an expression",
    "within_expression_r2": "All motion within an expression",
    "yaw_r2": "Yaw",
    "pitch_r2": "Pitch",
    "gaze_r2": "Gaze",
}
ASKED = {
    "named": "Who is it, from one picture?",
    "named_from_several": "Who is it, from several pictures of one person?",
    "reconstructed": "Who is it, from a reconstruction of the original?",
    "linked": "Are two pictures of one person?",
    "member": "Was a picture, or a person, used in training?",
}
# Further figures of an attack on pairs: what they are called, and what guessing gets.
RATES = {
    "eer": ("Equal error rate", 0.5),
    "tar_at_far_1_percent": ("Found at 1 % false alarms", 0.01),
    "tar_at_far_0_1_percent": ("Found at 0.1 % false alarms", 0.001),
    "tpr_at_fpr_1_percent": ("Found at 1 % false alarms", 0.01),
    "tpr_at_fpr_0_1_percent": ("Found at 0.1 % false alarms", 0.001),
}
NAMES = {
    "original": EXPRESSION_TESTS["original_to_original"],
    "protected_by_original": EXPRESSION_TESTS["original_to_protected"],
    "protected": EXPRESSION_TESTS["protected_to_protected"],
    "by_expression_alone": "only the true expression, no picture",
    "kid": "distance",
    "images": "pictures on each side",
    "subset_images": "pictures of a subset",
}
POSITIVE = {
    "originals": "Pictures that are not protected",
    "components": "Numbers that describe unprotected pictures",
    "hidden_in_lowest_bits": "A name hidden in the lowest bits",
    "subverted_generator": "An anonymizer that cheats",
    "hidden_in_latent": "A name hidden in the latent",
}
TEMPLATES = Environment(
    loader=PackageLoader("vgan_tf.audit.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {one.__name__: one for one in (plain, capital, words.percent, words.span, words.sentence)}
# Of a group of averaging: where the same is attacked in single pictures.
SCENARIOS_OF = {
    "protected pictures": ("scenario_1", "scenario_2"),
    "release": ("release",),
    "latents": ("scenario_3",),
}
GLANCE = {
    "Who is in the picture?": ("named", "named_from_several", "reconstructed"),
    "Other questions": ("linked", "member", None),
}


def report_html(evaluation, pictures=None):
    """Lay an audit out as one self-contained page, from `evaluation.json` and pictures alone.

    Args:
        evaluation: dict as in `evaluation.json`; the page says of a part that is missing or null that it is.
        pictures: dict, each entry optional, or None:
            "gallery": uint8 `(1 + targets, n, height, width, 3)`, inputs and below them their protected versions.
            "gallery_targets": names of the targets, one for each row of the gallery but the first.
            "inversion": {name of a row, such as "originals" or "from_latent": uint8 `(n, height, width, 3)`}.

    Returns:
        str, a whole HTML document.
    """
    attacks, pictures = families(evaluation), pictures or {}
    best, controls = words.strongest(attacks), evaluation.get("controls") or {}
    gallery, names = pictures.get("gallery"), [f"as {name}" for name in pictures.get("gallery_targets") or ()]
    names = ["original", *(names or ["protected"] * (0 if gallery is None else len(gallery) - 1))]
    html = TEMPLATES.get_template("report.html").render(
        evaluation=evaluation,
        verdict=evaluation.get("verdict") or "inconclusive",
        encoder=evaluation.get("encoder") or {},
        words=words,
        findings=words.findings(evaluation, attacks),
        best=best and best[1],
        families=attacks,
        glance=lambda encoder: _glance(attacks, encoder),
        questions=_questions,
        gallery=None if gallery is None else list(zip(names, gallery, strict=True)),
        inversion=[
            (plain(name).removeprefix("for comparison, "), images)
            for name, images in (pictures.get("inversion") or {}).items()
        ],
        tests=_tests(evaluation),
        measures=_measures(evaluation.get("utility") or {}),
        table_rows=_against_tables(evaluation),
        only_vectors=words.only_vectors(evaluation),
        controls=controls,
        most_rows=MOST_ROWS,
        positive_titles=POSITIVE,
        positive=_positive(controls.get("positive") or {}),
        usual_checks=_usual_checks(controls.get("positive") or {}),
        negative=_negative(controls.get("negative") or {}, evaluation),
        confusions=_confusions(evaluation),
        kept=list(_numbers(evaluation.get("utility") or {})),
        settings=_settings(evaluation),
        chart=plots.dot_chart,
        line=plots.line_chart,
        dots=plots.hundred_dots,
        address=plots.data_uri,
        strip=lambda images: plots.data_uri(tile(images, len(images), gap=2)),
        attack_rows=lambda group: [_row(one) for one in group[:MOST_ROWS]],
        rows_together=lambda title, group: _together(evaluation, title, group),
        attack_table=_attack_table,
        rates=_rates,
        levels=lambda group: " or ".join(sorted({words.percent(one.chance) for one in group})),
        mark_name=lambda chance: "informed guessing" if words.is_informed(chance, evaluation) else "guessing",
    )
    return html.replace(" %", "\N{NO-BREAK SPACE}%")


def _row(result, family=None):
    """A result as a row of a plot, named after its attacker or, where it stands for its whole family, after that."""
    error = result.figure.get("error_levels")
    note = f"mean error {error:.1f} of 255 levels" if is_number(error) else ""
    name, note = (family, result.name) if family else (result.name, note)
    alarm = result.above_chance and not result.compared
    return plots.Row(name, result.share, result.interval, result.chance, note, alarm)


def _glance(attacks, encoder):
    """The strongest attack of each kind on what leaves the device, or on what the encoder knows: {heading: rows}."""
    return {
        heading: [
            _row(family.results(encoder)[0], family.kind.title)
            for family in attacks
            if family.kind.question in asked and family.results(encoder)
        ]
        for heading, asked in GLANCE.items()
    }


def _together(evaluation, title, group):
    """The strongest attacker over the number of pictures that it is given together, from one on: rows of a plot."""
    privacy, rows = evaluation.get("privacy") or {}, []
    alone = [(privacy.get(name) or {}).get("strongest") for name in SCENARIOS_OF.get(title, ())]
    alone = [one for one in alone if share(one) is not None]
    if alone:
        best = max(alone, key=share)
        group = [Result("1", share(best), interval_of(best), evaluation.get("chance"), best), *group]
    for one in group:
        count = one.name.split()[0]
        if count == "all" and "pictures" in one.figure:
            count = f"all ({one.figure['pictures']})"
        rows.append(plots.Row(count, one.share, one.interval, one.chance, alarm=one.above_chance))
    return rows


def _questions(judged):
    """The questions that were asked, by a verdict that has them: rows of a table; and what would have been seen."""
    rows, questions = [], (judged or {}).get("questions") or {}
    for key, title in {**ASKED, **{key: capital(plain(key)) for key in questions if key not in ASKED}}.items():
        one = questions.get(key)
        if not one:
            rows.append((title, "not asked", "-", "-", "-", "-"))
            continue
        answer = "yes" if one.get("answered") else "no"
        chances = (f"{one[name]:.4f}" if is_number(one.get(name)) else "-" for name in ("p_value", "error"))
        rows.append((title, answer, *chances, one.get("attackers") or "-", one.get("attacker") or "-"))
    named = questions.get("named") or {}
    least, seen = (
        named.get("least_seen"),
        "No advantage in naming people was sure to be seen: too few pictures are tested.",
    )
    if is_number(least):
        seen = (
            f"An advantage over guessing of {100 * least:.1f} points in naming people from one picture would have been "
            f"seen in {100 * POWER:.0f} % of such audits."
        )
    return rows, seen if named else ""


def _against_tables(evaluation):
    """Originals, protected pictures and tables of pictures side by side, without the columns that nothing is known of.

    Returns:
        (headings, rows, headings that were left out).
    """
    utility, expressions = evaluation.get("utility") or {}, evaluation.get("expressions") or ()
    motion, table = utility.get("motion") or {}, utility.get("table") or {}
    one_each, strengths = table.get("one_each") or {}, table.get("strengths") or {}
    sharpness = (utility.get("quality") or {}).get("sharpness")
    rows = {
        "Originals": (utility.get("original_to_original"), motion.get("original"), None, None, "real"),
        "Protected": (
            utility.get("original_to_protected"),
            motion.get("protected"),
            utility.get("target_success"),
            utility.get("distinct_pictures_per_target"),
            f"{sharpness:.2f}" if is_number(sharpness) else None,
        ),
        "Table, one picture each": (
            one_each.get("expression"),
            one_each.get("motion"),
            one_each.get("target_success"),
            one_each.get("distinct_pictures_per_target", len(expressions) or None),
            "real",
        ),
        "Table, several strengths": (
            strengths.get("expression"),
            strengths.get("motion") or motion.get("table"),
            strengths.get("target_success"),
            strengths.get("distinct_pictures_per_target"),
            "real",
        ),
        "Expression's name alone": (None, motion.get("name_only"), None, None, None),
    }
    headings = ("Expression", *MOTION.values(), "Target identity", "Pictures for each target", "Sharpness")
    cells = {
        name: (
            words.percent(share(expression)),
            *(f"{moved[key]:.2f}" if is_number((moved or {}).get(key)) else "-" for key in MOTION),
            words.percent(share(target)),
            f"{distinct:.4g}" if is_number(distinct) else "-",
            sharp or "-",
        )
        for name, (expression, moved, target, distinct, sharp) in rows.items()
    }
    known = [any(row[column] not in ("-", "real") for row in cells.values()) for column in range(len(headings))]
    shown = [column for column, one in enumerate(known) if one]
    return (
        ("", *(headings[column] for column in shown)),
        [(name, *(row[column] for column in shown)) for name, row in cells.items() if {*row} - {"-", "real"}],
        [heading for heading, one in zip(headings, known, strict=True) if not one],
    )


def _rates(figure):
    """What an attacker finds where it may raise few false alarms, where that was measured: rows of a table."""
    return [
        (name, words.percent(figure[key]), words.percent(level))
        for key, (name, level) in RATES.items()
        if is_number(figure.get(key))
    ]


def _tests(evaluation):
    """The four tests of the expression: rows of a plot."""
    utility, level = evaluation.get("utility") or {}, evaluation.get("chance_expression")
    return [
        plots.Row(title, share(utility[key]), interval_of(utility[key]), level)
        for key, title in EXPRESSION_TESTS.items()
        if share(utility.get(key)) is not None
    ]


def _measures(utility):
    """Whatever else is kept: {key: None, or (rows of a plot, rows of a table where there is no plot)}."""
    utility = {key: node for key, node in utility.items() if key not in (*EXPRESSION_TESTS, *ELSEWHERE)}
    if "diversity_over_targets" in (utility.get("quality") or {}):
        quality = dict(utility["quality"])
        utility |= {"diversity": quality.pop("diversity_over_targets"), "quality": quality}
    measures = {}
    for key, node in utility.items():
        rows = [
            plots.Row(", ".join(map(plain, (*path, name))) or plain(key), share(one), interval_of(one))
            for path, name, _, one in figures(node)
        ]
        found = rows or list(_numbers(node, key))
        measures[key] = (rows, found) if found and node is not None else None
    return measures


def _numbers(node, name=""):
    """The numbers in nested dicts, as they stand in a table: yield (name, text); texts are left out."""
    if isinstance(node, dict) and set(node) == {"value", "interval"}:
        yield name, f"{node['value']:.3g} [{', '.join(f'{end:.3g}' for end in node['interval'])}]"
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from ((f"{NAMES.get(key, plain(key))}{rest and ', '}{rest}", text) for rest, text in _numbers(child))
    elif is_number(node):
        yield name, f"{node:.4g}"
    elif isinstance(node, list) and node and all(map(is_number, node)):
        yield name, " to ".join(f"{one:.4g}" for one in node)
    elif node is None:
        yield name, "-"


def _positive(positive):
    """The strongest attacker on each control where a name can be found: {key: row of a plot}."""
    rows = {}
    for key, node in positive.items():
        found = [] if _pairs(node) else [(one, name) for _, name, _, one in figures(node)]
        if found:
            best, name = max(found, key=lambda one: share(one[0]))
            note = best.get("attacker", "" if name in ("", key) else plain(name))
            title = POSITIVE.get(key, capital(plain(key)))
            rows[key] = plots.Row(title, share(best), interval_of(best), positive.get("required"), note)
    return rows


def _pairs(node):
    """The checks of a node that were made before and after a name was hidden: {name: (share before, share after)}."""
    nodes = node.items() if isinstance(node, dict) else ()
    pairs = {name: (share(one.get("before")), share(one.get("after"))) for name, one in nodes if isinstance(one, dict)}
    return {name: pair for name, pair in pairs.items() if None not in pair}


def _usual_checks(positive):
    """What the usual checks say of an anonymizer that cheats, or None where they were not made.

    Returns:
        {"rows": of a table, "largest_change": of a pixel, in levels, or None, "caught": how often the attackers of this
        audit find the name where the usual checks pass, else None}.
    """
    node = next(filter(_pairs, positive.values()), None)
    if node is None:
        return None
    pairs, change = _pairs(node), node.get("largest_change")
    named = max((after for name, (_, after) in pairs.items() if name.startswith("identity")), default=0.0)
    caught = max((share(one) for _, _, _, one in figures(positive.get("subverted_generator"))), default=0.0)
    passed = max(abs(after - before) for before, after in pairs.values()) <= MOST_UNSEEN and named < caught / 2
    return {
        "rows": [(name, *map(words.percent, pair)) for name, pair in pairs.items()],
        "largest_change": f"{change:g}" if is_number(change) else None,
        "caught": caught if passed else None,
    }


def _negative(negative, evaluation):
    """Attackers trained on shuffled names: rows of a plot, with intervals of three standard errors."""
    level = evaluation.get("chance_uninformed") or evaluation.get("chance")
    rows = []
    for name, one in (negative.get("attackers") or {}).items():
        if one and is_number(one.get("mean")):
            mean, error = one["mean"], 3 * (one.get("standard_error") or 0.0)
            interval = (max(0.0, mean - error), min(1.0, mean + error)) if error else None
            rows.append(plots.Row(name, mean, interval, level, alarm=not one.get("ok", True)))
    return rows


def _attack_table(group):
    """All attackers of a group, with those that a result stands for: (headings, rows) of a table."""
    lines = []
    for one in group:
        lines.append((one.name, one.figure))
        best, others = str(one.figure.get("attacker")), one.figure.get("attackers") or {}
        lines += [(one.name.removesuffix(best) + name, other) for name, other in others.items() if name != best]
    lines = [(name, figure) for name, figure in lines if share(figure) is not None]
    extra = {key: None for _, figure in lines for key, value in figure.items() if is_number(value)}
    extra = [key for key in extra if key not in ("chance", *SHARES)]
    titles = [RATES[key][0] if key in RATES else capital(plain(key)) for key in extra]
    rows = [
        (name, words.percent(share(figure)), words.span(interval_of(figure)), *(_cell(key, figure) for key in extra))
        for name, figure in lines
    ]
    return ("Attacker", "Right", "95 % interval", *titles), rows


def _cell(key, figure):
    is_share = key in RATES or key.startswith(("accuracy", "auc", "lowest", "highest"))
    return words.percent(figure.get(key)) if is_share or figure.get(key) is None else f"{figure[key]:.5g}"


def _confusions(evaluation):
    """Confusion matrices: list of (title, labels, shares of each row, a grey picture of them where they are many)."""
    found = []
    for key, counts in (evaluation.get("confusions") or {}).items():
        if not counts:
            continue
        of, names = "Expression", evaluation.get("expressions")
        title = EXPRESSION_TESTS.get(key)
        if title is None:
            of, names = "Person", evaluation.get("identities")
            title = f"{KINDS[key].title} (strongest attacker)" if key in KINDS else plain(key)
        labels = names if len(names or ()) == len(counts) else list(map(str, range(len(counts))))
        shares = np.asarray(counts) / np.maximum(1, np.sum(counts, axis=1, keepdims=True))
        grey = np.repeat((255 * (1 - shares)).astype(np.uint8)[:, :, None], 3, axis=2)
        found.append((f"{of}: {title}", labels, shares.tolist(), grey if len(labels) > MOST_LABELS_IN_MATRIX else None))
    return found


def _settings(evaluation):
    """The single values and lists of an evaluation: rows of a table."""
    rows = []
    for key, value in evaluation.items():
        nested = value if isinstance(value, list) else [value]
        if key in ("notes", "not_attacked", "reason") or any(isinstance(one, (dict, list)) for one in nested):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        rows.append((capital(plain(key)), f"{text:.5g}" if isinstance(text, float) else text))
    return rows
