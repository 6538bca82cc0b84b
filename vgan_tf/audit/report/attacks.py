"""The attacks: one chart over all of them, then for each family what it is and a chart of its attackers."""

from html import escape

from vgan_tf.audit.report import plots, words
from vgan_tf.audit.report.results import capital, is_number, plain

MOST_ROWS = 10
# Further figures of an attack on pairs: what they are called, and what guessing gets.
RATES = {
    "eer": ("Equal error rate", 0.5),
    "tar_at_far_1_percent": ("Found at 1 % false alarms", 0.01),
    "tar_at_far_0_1_percent": ("Found at 0.1 % false alarms", 0.001),
    "tpr_at_fpr_1_percent": ("Found at 1 % false alarms", 0.01),
    "tpr_at_fpr_0_1_percent": ("Found at 0.1 % false alarms", 0.001),
}
PICTURE_ROWS = {
    "original": "original",
    "originals": "original",
    "protected": "protected",
    "from_latent": "drawn from the latent code",
    "from_protected": "drawn from the protected picture",
    "class_mean": "mean face of the expression",
}


def at_a_glance(families):
    """The strongest attacker of each family beside what guessing gets there."""
    attacked = [family for family in families if family.results]
    if not attacked:
        return "<p class='none'>Nothing was attacked.</p>"
    parts = [
        "<p>How often the strongest attacker of each kind is right. The dashed line is what guessing gets: the nearer "
        "the dot lies to it, the better the protection. Red: the whole interval lies above guessing. (Of many "
        "attackers one may do so by luck. The verdict allows for that.)</p>"
    ]
    for heading, names in (("Who is in the picture?", True), ("Other questions", False)):
        rows = [_row(one.results[0], one.kind.question) for one in attacked if one.kind.names == names]
        if rows:
            parts.append(f"<h3>{heading}</h3>{plots.dot_chart(rows)}")
    return "".join(parts)


def attack_sections(evaluation, families, inversion=None):
    """A paragraph and a chart for each family; `inversion` as for `report_html`."""
    return "".join(
        _section(family, evaluation, inversion if family.key == "inversion" else None) for family in families
    )


def _section(family, evaluation, inversion):
    parts = [f"<h3>{escape(family.kind.title)}</h3>"]
    if family.groups and family.kind.how:
        parts.append(f"<p>{escape(family.kind.how)}</p>")
    for title, results in family.groups.items():
        if title:
            parts.append(f"<h4>{escape(capital(title))}</h4>")
        levels = {result.chance for result in results}
        mark = levels.pop() if len(levels) == 1 else None
        name = "informed guessing" if words.is_informed(mark, evaluation) else "guessing"
        parts.append(plots.dot_chart([_row(result) for result in results[:MOST_ROWS]], mark, name))
        if len(results) > MOST_ROWS:
            parts.append(f"<p class='soft'>Weaker ones, in the appendix: {len(results) - MOST_ROWS}.</p>")
        parts.append(_rates(results[0]))
    if inversion:
        rows = [(PICTURE_ROWS.get(name, plain(name)), images) for name, images in inversion.items()]
        parts.append(plots.picture_rows(rows, "Originals, and what the attacker made of them."))
    for part, reason in family.absent.items():
        title = f"{capital(part)}: not" if part else "Not"
        parts.append(f"<p class='none'>{escape(f'{title} attacked: {reason}')}.</p>")
    return "".join(parts)


def _row(result, question=None):
    name, note = (result.name, _error(result)) if question is None else (question, result.name)
    return plots.Row(
        name, result.share, result.interval, result.chance, note, result.above_chance and not result.compared
    )


def _error(result):
    error = result.figure.get("error_levels")
    return f"off by {error:.1f} of 255 levels" if is_number(error) else ""


def _rates(result):
    """What the strongest attacker of a group finds where it may raise few false alarms, where that was measured."""
    rows = [
        (name, words.percent(result.figure[key]), words.percent(level))
        for key, (name, level) in RATES.items()
        if is_number(result.figure.get(key))
    ]
    return plots.table((f"Strongest: {result.name}", "Attacker", "Guessing"), rows) if rows else ""
