"""The appendix: how it was measured, every figure, confusion matrices, settings and seconds."""

from html import escape

from vgan_tf.audit.report import plots, words
from vgan_tf.audit.report.attacks import RATES
from vgan_tf.audit.report.kept import EXPRESSION_TESTS, numbers
from vgan_tf.audit.report.results import KINDS, SHARES, Result, capital, interval_of, is_number, plain, share

SHOWN_ELSEWHERE = ("attacker", "interval", "chance", *SHARES)
METHOD = (
    "Every attacker is trained after the anonymizer was finished, on its own, and tested on pictures that it did not "
    "learn from. What it must choose (when to stop, how strongly to regularise) it chooses on a part held back from "
    "its own training pictures. Attackers of different kinds are used: a linear one has read what networks did not.",
    "The headline is the strongest of all attackers on the test pictures. A maximum over many is biased upwards: the "
    "cautious side. The verdict corrects its confidence for the number of attacks.",
    "Guessing is what the best constant guess earns. Where the face that was put on is never the person's own, reading "
    "it rules one person out; informed guessing is what that alone earns. Only what lies above it is a leak.",
    "A 95 % interval is made so that, over many audits with other test pictures, 95 of 100 such intervals hold the "
    "true figure. It tells how far the test pictures limit the figure, not what a stronger attacker would reach.",
    "Where names are not the question the figure is the share of right answers when shown one case of each kind (the "
    "area under the ROC curve): 50 % is guessing.",
)


def appendix(evaluation, families):
    notes = "".join(f"<li>{escape(str(note))}</li>" for note in (*METHOD, *(evaluation.get("notes") or ())))
    return f"<h3>Method and statistics</h3><ul>{notes}</ul>" + "".join(
        (_attack_tables(families), _confusions(evaluation), _utility(evaluation), _settings(evaluation))
    )


def _attack_tables(families):
    parts = ["<h3>All attackers</h3>"]
    for family in families:
        for title, results in family.groups.items():
            heading = f"{family.kind.title} ({title})" if title else family.kind.title
            levels = " or ".join(sorted({words.percent(result.chance) for result in results}))
            about = "; ".join((f"guessing {levels}", *(f"{name}: {one}" for name, one in family.about[title].items())))
            parts.append(
                f"<h4>{escape(heading)}</h4><p class='soft'>{escape(words.sentence(about))}</p>{_attack_table(results)}"
            )
    return "".join(parts)


def _with_others(results):
    """Each result, and below one that stands for several attackers the others."""
    for result in results:
        yield result
        for name, figure in (result.figure.get("attackers") or {}).items():
            if name != result.figure.get("attacker") and share(figure) is not None:
                label = f"{result.name.removesuffix(str(result.figure.get('attacker')))}{name}"
                yield Result(label, share(figure), interval_of(figure), result.chance, figure)


def _attack_table(results):
    results = list(_with_others(results))
    extra = dict.fromkeys(
        key
        for result in results
        for key, value in result.figure.items()
        if key not in SHOWN_ELSEWHERE and is_number(value)
    )
    rows = [
        (
            result.name,
            words.percent(result.share),
            words.span(result.interval),
            *(_cell(key, result.figure.get(key)) for key in extra),
        )
        for result in results
    ]
    titles = [RATES[key][0] if key in RATES else capital(plain(key)) for key in extra]
    return plots.table(("Attacker", "Right", "95 % interval", *titles), rows)


def _cell(key, value):
    if value is None:
        return "-"
    is_share = key in RATES or key.startswith(("accuracy", "auc", "lowest", "highest"))
    return words.percent(value) if is_share else f"{value:.5g}"


def _confusions(evaluation):
    confusions = {key: counts for key, counts in (evaluation.get("confusions") or {}).items() if counts}
    if not confusions:
        return ""
    parts = []
    for key, counts in confusions.items():
        labels = evaluation.get("expressions" if key in EXPRESSION_TESTS else "identities") or ()
        if len(labels) != len(counts):
            labels = [str(number) for number in range(len(counts))]
        title = f"Expression: {EXPRESSION_TESTS[key]}" if key in EXPRESSION_TESTS else _attack_title(key)
        parts.append(f"<div><h4>{escape(title)}</h4>{plots.confusion_matrix(counts, labels)}</div>")
    return (
        "<h3>What is taken for what</h3><p class='soft'>Rows: truth. Columns: reading. Percent of each row.</p>"
        f"<div class='matrices'>{''.join(parts)}</div>"
    )


def _attack_title(key):
    return f"Person: {KINDS[key].title} (strongest attacker)" if key in KINDS else capital(plain(key))


def _utility(evaluation):
    rows = list(numbers(evaluation.get("utility") or {}))
    return "<h3>What is kept, all figures</h3>" + plots.table(("", "Value"), rows) if rows else ""


def _settings(evaluation):
    simple = {
        key: ", ".join(map(str, value)) if isinstance(value, list) else value
        for key, value in evaluation.items()
        if key not in ("notes", "not_attacked", "reason")
        and (
            value is None
            or not isinstance(value, (dict, list))
            or all(not isinstance(one, (dict, list)) for one in value)
        )
        and not isinstance(value, dict)
    }
    rows = [
        (capital(plain(key)), f"{value:.5g}" if isinstance(value, float) else value) for key, value in simple.items()
    ]
    return "<h3>Settings and time</h3>" + plots.table(("", ""), rows)
