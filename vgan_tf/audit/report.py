"""The audit as one self-contained HTML page: inline style, pictures inside, no script, for phone and desk."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from vgan_tf.images import tile

COLUMNS = 6
MOST_TARGETS = 6
MOST_LABELS_IN_TABLE = 12
SCENARIOS = {
    "scenario_1": ("I. Learns from originals", "The attacker has originals with names, and reads protected images."),
    "scenario_2": ("II. Learns from protected images", "The attacker has protected images with the true names."),
    "scenario_3": ("III. Learns from latents", "The attacker holds the encoder, and reads its latents."),
}
EXPRESSION_TESTS = {
    "original_to_original": "originals, tested on originals",
    "original_to_protected": "originals, tested on protected",
    "protected_to_protected": "protected, tested on protected",
    "protected_to_original": "protected, tested on originals",
}
POSITIVE_KINDS = {
    "originals": "identity read from originals",
    "hidden_in_lowest_bits": "identity hidden in the lowest bits",
    "components": "identity read from components of originals, by attackers on latents",
}
VERDICTS = {
    "leaks": "It leaks: the identity can be read.",
    "no leak found": "No leak found by these attackers.",
    "inconclusive": "Inconclusive: these figures allow no judgement.",
}
STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1c1e21;--soft:#5f6570;--line:#d9dce1;--bar:90,120,200;--bad:#b3261e;
--good:#1d6b3a;--unsure:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--ink:#e6e8eb;--soft:#9aa1ac;--line:#363a41;--bar:120,150,235;
--bad:#ff8a80;--good:#7fd49b;--unsure:#f0bf5f}}
*{box-sizing:border-box}body{margin:0 auto;max-width:760px;padding:16px;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.2em 0}
h2{font-size:1.2rem;margin:2em 0 .4em;border-top:1px solid var(--line);padding-top:.8em}
h3{font-size:1rem;margin:1.4em 0 .2em}p{margin:.4em 0}.soft,figcaption{color:var(--soft);font-size:.875rem}
.verdict{border-left:5px solid;padding:.3em 0 .3em .8em;margin:1em 0}.verdict b{font-size:1.15rem}
.leaks{border-color:var(--bad)}.leaks b{color:var(--bad)}.none{border-color:var(--good)}.none b{color:var(--good)}
.unsure{border-color:var(--unsure)}.unsure b{color:var(--unsure)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.3em .5em;border-bottom:1px solid var(--line);vertical-align:top}
td+td,th+th{text-align:right;white-space:nowrap}.strongest{font-weight:600}
.matrix{width:auto}.matrix th,.matrix td{padding:.25em;text-align:center;font-size:.75rem;border:1px solid var(--line);
min-width:2.1em;font-weight:400;vertical-align:middle;white-space:nowrap}.matrix tr>th:first-child{text-align:right}
.matrix thead th span{writing-mode:vertical-rl}
figure{margin:.8em 0}img{display:block;width:100%;max-width:560px;height:auto}
.map{max-width:320px;image-rendering:pixelated}
svg{display:block;width:100%;max-width:430px;height:auto;margin:.6em 0;font:12px system-ui,sans-serif}
svg text{fill:currentColor}
"""


def report_html(evaluation, confusions, dump, gallery=None, gallery_targets=()):
    """Lay the audit out as a page.

    Args:
        evaluation: dict as in `evaluation.json`.
        confusions: {name of scenario or expression test: int `(classes, classes)`, row the truth}.
        dump: `Dump`, for its pictures.
        gallery: uint8 `(1 + targets, n, height, width, 3)`, inputs and below them each under every target, or None.
        gallery_targets: names of the targets of `gallery`.

    Returns:
        str, a whole HTML document.
    """
    kind = {"leaks": "leaks", "no leak found": "none", "inconclusive": "unsure"}[evaluation["verdict"]]
    quick = "<p><b>Quick run: weaker attackers. Do not rely on it.</b></p>" if evaluation["quick"] else ""
    sections = (
        f"<h1>Privacy audit</h1><div class='verdict {kind}'><b>{VERDICTS[evaluation['verdict']]}</b>"
        f"<p>{_sentence(evaluation['reason'])}</p></div>{quick}<p class='soft'>{evaluation['n_train']} training and "
        f"{evaluation['n_test']} test images, {len(evaluation['identities'])} identities, "
        f"{len(evaluation['expressions'])} expressions; target policy: {escape(evaluation['target_policy'])}; "
        f"seeds: {', '.join(map(str, evaluation['seeds']))}.</p>",
        _privacy(evaluation),
        _pictures(dump, gallery, gallery_targets),
        _utility(evaluation),
        _controls(evaluation["controls"]),
        _confusion_section(confusions, evaluation),
        _method(evaluation),
    )
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
        "content='width=device-width, initial-scale=1'><title>Privacy audit</title>"
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(sections) + "\n</body></html>\n"
    )


def _privacy(evaluation):
    parts = [
        "<h2>Can the identity be read?</h2>"
        f"<p>Without looking, an attacker is right {_percent(evaluation['chance'])} of the time (red marks). "
        "The nearer to that, the better the protection. Bars: accuracy; whiskers: 95 % interval.</p>"
    ]
    for key, (title, text) in SCENARIOS.items():
        scenario = evaluation["privacy"][key]
        parts.append(f"<h3>{title}</h3><p class='soft'>{text}</p>")
        if scenario is None:
            parts.append("<p>Not attacked: there are no latents.</p>")
            continue
        parts.append(_bars(scenario["attackers"], evaluation["chance"]))
        parts.append(_figure_table("Attacker", scenario["attackers"], scenario["strongest"]["attacker"]))
    return "".join(parts)


def _bars(figures, chance):
    """Draw accuracies from 0 to 1 as bars with whiskers and the chance line: inline SVG."""
    left, width, row = 6, 348, 34
    height = row * len(figures) + 20
    shapes = []
    for number, (name, figure) in enumerate(figures.items()):
        top = row * number
        low, high = (left + width * end for end in figure["interval"])
        shapes.append(
            f"<text x='{left}' y='{top + 12}'>{escape(name)}</text>"
            f"<rect x='{left}' y='{top + 17}' width='{width * figure['accuracy']:.1f}' height='10' "
            "fill='rgb(var(--bar))'/>"
            f"<path d='M{low:.1f} {top + 22}H{high:.1f}M{low:.1f} {top + 18}v8M{high:.1f} {top + 18}v8' "
            "stroke='currentColor' stroke-width='1.5' fill='none'/>"
        )
    ticks = "".join(
        f"<text x='{left + width * share}' y='{height - 3}' text-anchor='{anchor}' opacity='.7'>{share:.0%}</text>"
        for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    line = left + width * chance
    marks = "".join(f"M{line:.1f} {row * number + 14}v16" for number in range(len(figures)))
    return (
        f"<svg viewBox='0 0 360 {height}' role='img' aria-label='accuracy of each attacker'>{''.join(shapes)}"
        f"<path d='{marks}' stroke='var(--bad)' stroke-width='2'/>{ticks}</svg>"
    )


def _utility(evaluation):
    utility = evaluation["utility"]
    tests = {title: utility[name] for name, title in EXPRESSION_TESTS.items()}
    tests |= {f"latents: {name}": figure for name, figure in utility["expression_from_latent"].items()}
    parts = [
        "<h2>What are the images still good for?</h2><h3>Expression</h3>"
        f"<p class='soft'>Guessing is right {_percent(evaluation['chance_expression'])} of the time.</p>",
        _figure_table("Reader learns from", tests),
    ]
    if utility["target_success"]:
        parts.append(
            "<h3>Target identity</h3><p class='soft'>How often a reader of originals takes a protected image for its "
            "target.</p>" + _figure_table("Test", {"target success": utility["target_success"]})
        )
    if utility["intensity_r2"]:
        titles = {
            "original": "originals, tested on originals",
            "protected_by_original": "originals, tested on protected",
            "protected": "protected, tested on protected",
            "by_expression_alone": "only the true expression, no image",
        }
        rows = [
            (title, "-" if value is None else f"{value:.2f}")
            for title, value in ((titles[name], value) for name, value in utility["intensity_r2"].items())
        ]
        parts.append(
            "<h3>Intensity of the expression</h3><p class='soft'>R²: 1 is perfect, 0 no better than the mean.</p>"
            + _table(("Reader learns from", "R²"), rows)
        )
    return "".join(parts)


def _controls(controls):
    positive, negative = controls["positive"], controls["negative"]
    rows = [
        (title, max(figures, key=lambda name: figures[name]["accuracy"]), max(f["accuracy"] for f in figures.values()))
        for title, figures in ((title, positive.get(name)) for name, title in POSITIVE_KINDS.items())
        if figures
    ]
    shuffled = [
        (name, _percent(one["mean"]), f"± {_percent(one['standard_error'])}", "yes" if one["ok"] else "no")
        for name, one in negative["attackers"].items()
    ]
    return (
        "<h2>Can these figures be trusted?</h2>"
        f"<p>{'Yes: both controls' if controls['ok'] else 'No: not all controls'} came out as they must.</p>"
        f"<h3>Positive: attackers find what is there ({'in order' if positive['ok'] else 'failed'})</h3>"
        f"<p class='soft'>Each lower bound must reach {_percent(positive['required'])}.</p>"
        + _table(
            ("What is there", "Best accuracy"),
            [(f"{title} ({name})", _percent(accuracy)) for title, name, accuracy in rows],
        )
        + f"<h3>Negative: shuffled labels teach nothing ({'in order' if negative['ok'] else 'failed'})</h3>"
        f"<p class='soft'>Mean of {negative['permutations']} shuffles.</p>"
        + _table(("Attacker", "Mean", "Error", "In order"), shuffled)
    )


def _pictures(dump, gallery, gallery_targets):
    parts = ["<h2>How does it look?</h2>"]
    if gallery is not None:
        inputs, count = np.asarray(gallery), np.shape(gallery)[1]
        names = ", ".join(escape(str(name)) for name in gallery_targets)
        sheet = tile(inputs.reshape(-1, *inputs.shape[2:]), count, gap=2)
        parts.append(_figure(sheet, f"First row: inputs. Below, each under the target: {names}."))
    if dump.c_test is None:
        groups = {"Originals over their protected versions": np.arange(len(dump.x_test))}
    else:
        groups = {
            f"Target {dump.identities[target]}: originals over their protected versions": np.flatnonzero(
                dump.c_test == target
            )
            for target in np.unique(dump.c_test)[:MOST_TARGETS]
        }
    for caption, rows in groups.items():
        rows = rows[np.linspace(0, len(rows) - 1, min(COLUMNS, len(rows))).astype(int)]
        sheet = tile(np.concatenate([dump.x_test[rows], dump.p_test[rows]]), len(rows), gap=2)
        parts.append(_figure(sheet, escape(caption), len(rows) / COLUMNS))
    return "".join(parts)


def _confusion_section(confusions, evaluation):
    titles = {
        name: f"Identity, {title} ({evaluation['privacy'][name]['strongest']['attacker']})"
        for name, (title, _) in SCENARIOS.items()
        if name in confusions
    } | {name: f"Expression, learnt from {title}" for name, title in EXPRESSION_TESTS.items()}
    parts = ["<h2>What is taken for what?</h2><p class='soft'>Rows: truth. Columns: reading. Percent of each row.</p>"]
    for name, title in titles.items():
        labels = evaluation["identities" if name in SCENARIOS else "expressions"]
        parts.append(f"<h3>{escape(title)}</h3>{_confusion_matrix(confusions[name], labels)}")
    return "".join(parts)


def _confusion_matrix(counts, labels):
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    if len(labels) > MOST_LABELS_IN_TABLE:
        grey = np.repeat((255 * (1 - shares)).astype(np.uint8)[:, :, None], 3, axis=2)
        return f"<img class='map' src='{_data_uri(grey)}' alt='confusion matrix'><p class='soft'>Darker is more.</p>"
    head = "".join(f"<th><span>{escape(label)}</span></th>" for label in labels)
    body = "".join(
        f"<tr><th>{escape(label)}</th>"
        + "".join(f"<td style='background:rgba(var(--bar),{share:.2f})'>{100 * share:.0f}</td>" for share in row)
        + "</tr>"
        for label, row in zip(labels, shares, strict=True)
    )
    return f"<div class='wide'><table class='matrix'><thead><tr><th></th>{head}</tr></thead>{body}</table></div>"


def _method(evaluation):
    notes = "".join(f"<li>{escape(note)}</li>" for note in evaluation["notes"])
    return (
        "<h2>Method and limits</h2><p>Attacked: images, by a convolutional network, ridge regression on pixels and on "
        "their lowest bits, and nearest neighbours on principal components; latents (mean and one sample), by logistic "
        "regression, a two-layer network and nearest neighbours. The attackers named “from fresh images” learn from "
        "images that did not train the generator: each fifth of the test part is read by one that learnt from the "
        "rest. All choices are made on a validation part of the attacker's training data.</p>"
        "<p>Not attacked: averages of several samples or images of one person, linking two images of a stranger, "
        "reconstruction of the original, membership in the training data, images after JPEG, blur or noise, and "
        "attackers with far more data or computing.</p>"
        f"<ul>{notes}</ul><p class='soft'>Took {evaluation['seconds']:.0f} s.</p>"
    )


def _figure_table(heading, figures, strongest=None):
    rows = []
    for name, figure in figures.items():
        low, high = figure["interval"]
        accuracy = _percent(figure["accuracy"])
        if "lowest" in figure:
            accuracy += f" ({100 * figure['lowest']:.1f} to {100 * figure['highest']:.1f})"
        rows.append((name, accuracy, f"{100 * low:.1f} to {100 * high:.1f}"))
    return _table((heading, "Accuracy", "95 % interval"), rows, strongest)


def _table(headings, rows, emphasised=None):
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr{' class=strongest' if row[0] == emphasised else ''}>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead>{body}</table></div>"


def _figure(sheet, caption, share_of_width=1.0):
    style = f" style='width:{100 * share_of_width:.0f}%'" if share_of_width < 1 else ""
    return f"<figure><img src='{_data_uri(sheet)}' alt=''{style}><figcaption>{caption}</figcaption></figure>"


def _data_uri(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _percent(share):
    return f"{100 * share:.1f} %"


def _sentence(text):
    return escape(text[:1].upper() + text[1:]) + "."
