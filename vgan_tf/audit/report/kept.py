"""What is kept of the pictures, and the controls that say whether the attackers can be believed."""

from html import escape

from vgan_tf.audit.report import plots
from vgan_tf.audit.report.results import capital, figures, interval_of, is_number, plain, share
from vgan_tf.audit.report.words import percent

EXPRESSION_TESTS = {
    "original_to_original": "learnt from originals, reads originals",
    "original_to_protected": "learnt from originals, reads protected",
    "protected_to_protected": "learnt from protected, reads protected",
    "protected_to_original": "learnt from protected, reads originals",
}
MOST_UNSEEN = 0.05  # by which what a check reads may differ before and after, if it passes
UTILITY = {
    "ceiling": (
        "For comparison: one picture for each expression",
        "If an anonymizer only wrote down the name of the expression, and then showed one and the same picture for it, "
        "under each face that can be put on, nobody could tell who was in front of the camera. The expression would be "
        "read as often as this. So an anonymizer that leaks must be worth it by what such a picture lacks, such as how "
        "strong the expression is and where the head is turned.",
    ),
    "target_success": (
        "The face that was put on",
        "How often a reader of originals takes a protected picture for the person whose face was to be put on.",
    ),
    "per_expression": ("Each expression", "How often each expression is still read."),
    "agreement": (
        "The same reading before and after",
        "How often a reader says the same of a protected picture as of its original.",
    ),
    "intensity_r2": (
        "How strong the expression is",
        "R²: 1 is perfect, 0 is no better than always saying the mean. The last row needs no picture, only the "
        "expression: what goes beyond it was read from the face.",
    ),
    "pose_r2": (
        "Where the head is turned",
        "R² of the angles: 1 is perfect, 0 is no better than always saying the mean.",
    ),
    "quality": (
        "Do they look like pictures of faces?",
        "Distance between the protected pictures and the originals as a small network trained here sees them; 0 is the "
        "same. Compare it only with figures from the same features.",
    ),
    "diversity": (
        "Do different targets look different?",
        "How far protected pictures lie apart as the same network sees them, where 1 is the mean distance of originals "
        "of different people. Between targets it is near 1 where the targets look as different as people do.",
    ),
    "expression_from_latent": ("Expression, read from the latent code", "For whoever works on the codes alone."),
}
NAMES = {
    "original": "learnt from originals, reads originals",
    "protected_by_original": "learnt from originals, reads protected",
    "protected": "learnt from protected, reads protected",
    "by_expression_alone": "only the true expression, no picture",
    "kid": "distance",
    "images": "pictures on each side",
    "subset_images": "pictures of a subset",
}
POSITIVE = {
    "originals": (
        "Pictures that are not protected",
        "Attackers on pictures read originals. If they could not name people there, naming nobody would mean nothing.",
    ),
    "components": (
        "Numbers that describe unprotected pictures",
        "Attackers on latent codes read a summary of the originals in as many numbers.",
    ),
    "hidden_in_lowest_bits": (
        "A name hidden in the lowest bits",
        "The true name is written into the last bit of each pixel of protected pictures, where no eye sees it.",
    ),
    "subverted_generator": (
        "An anonymizer that cheats",
        "A network is trained to hide the true name in pictures that look protected, past the usual checks.",
    ),
    "hidden_in_latent": (
        "A name hidden in the latent code",
        "The true name is hidden among the numbers of the latent code.",
    ),
}


def utility_section(evaluation):
    utility = evaluation.get("utility")
    if not utility:
        return "<p class='none'>Not measured: this audit did not run it.</p>"
    tests = [(title, utility[key]) for key, title in EXPRESSION_TESTS.items() if share(utility.get(key)) is not None]
    if "diversity_over_targets" in (utility.get("quality") or {}):
        quality = dict(utility["quality"])
        utility = {**utility, "diversity": quality.pop("diversity_over_targets"), "quality": quality}
    parts = []
    if tests:
        parts.append(
            "<h3>The expression</h3><p>A network learns to read the expression, from originals or from protected "
            "pictures, and reads pictures of both kinds.</p>"
            + plots.dot_chart(
                [plots.Row(title, share(one), interval_of(one)) for title, one in tests],
                evaluation.get("chance_expression"),
            )
        )
    keys = [*UTILITY, *(key for key in utility if key not in UTILITY and key not in EXPRESSION_TESTS)]
    return "".join(parts) + "".join(_measure(key, utility.get(key), key in utility) for key in keys)


def _measure(key, node, run):
    """A part of the utility, known or not: figures as a chart, other numbers as a table."""
    title, text = UTILITY.get(key, (capital(plain(key)), ""))
    if not node and not is_number(node):
        reason = "the truth is not known in this data" if run else "this audit did not run it"
        return f"<p class='none'>{escape(title.rstrip('?'))}: not measured, {reason}.</p>"
    found = [(", ".join((*map(plain, path), plain(name))), one) for path, name, _, one in figures(node)]
    parts = [f"<h3>{escape(title)}</h3>" + (f"<p>{escape(text)}</p>" if text else "")]
    if found:
        rows = [plots.Row(name or plain(key), share(one), interval_of(one)) for name, one in found]
        parts.append(plots.dot_chart(rows))
    else:
        parts.append(plots.table(("", "Value"), list(numbers(node, key))))
    return "".join(parts)


def numbers(node, name=""):
    """The numbers in nested dicts, as they stand in a table: yield (name, text); texts are left out."""
    if isinstance(node, dict) and set(node) == {"value", "interval"}:
        ends = ", ".join(f"{end:.3g}" for end in node["interval"])
        yield name, f"{node['value']:.3g} [{ends}]"
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from (
                (f"{NAMES.get(key, plain(key))}{', ' if rest else ''}{rest}", text) for rest, text in numbers(child)
            )
    elif is_number(node):
        yield name, f"{node:.4g}"
    elif isinstance(node, list) and node and all(map(is_number, node)):
        yield name, " to ".join(f"{one:.4g}" for one in node)
    elif node is None:
        yield name, "-"


def controls_section(evaluation):
    controls = evaluation.get("controls")
    if not controls:
        return "<p class='none'>Not checked: this audit ran no controls. Do not rely on its figures.</p>"
    state = (
        "All controls came out as they must." if controls.get("ok") else "A control failed: do not rely on the figures."
    )
    return (
        f"<p><b>{state}</b> Attackers that find nothing may be safe pictures or bad attackers. So the attackers are "
        "tried where the answer is known: where the name is there they must find it, and where it is not they must "
        "not.</p>" + _positive(controls.get("positive")) + _negative(controls.get("negative"), evaluation)
    )


def _positive(positive):
    if not positive:
        return "<p class='none'>Nothing was hidden to be found: no positive control.</p>"
    rows = []
    for key, node in positive.items():
        if _is_before_and_after(node):
            continue
        found = [(name, one) for _, name, _, one in figures(node)]
        if not found:
            continue
        name, best = max(found, key=lambda one: share(one[1]))
        title, _ = POSITIVE.get(key, (capital(plain(key)), ""))
        note = best.get("attacker", "" if name in ("", key) else plain(name))
        rows.append(plots.Row(title, share(best), interval_of(best), note=note))
    texts = "".join(f"<li><b>{title}.</b> {text}</li>" for key, (title, text) in POSITIVE.items() if positive.get(key))
    missing = "".join(
        f"<p class='none'>{escape(title)}: not tried.</p>"
        for key, (title, _) in POSITIVE.items()
        if not positive.get(key)
    )
    return (
        f"<h3>What is there is found{_state(positive)}</h3><ul>{texts}</ul>"
        f"{plots.dot_chart(rows, positive.get('required'), 'needed')}{missing}"
        + "".join(_checks(node, positive) for node in positive.values() if _is_before_and_after(node))
    )


def _is_before_and_after(node):
    return isinstance(node, dict) and any(map(_is_pair, node.values()))


def _is_pair(node):
    return isinstance(node, dict) and None not in (share(node.get("before")), share(node.get("after")))


def _checks(node, positive):
    """What the usual checks see of an anonymizer that cheats: right answers before and after the name was hidden."""
    pairs = {name: (share(one["before"]), share(one["after"])) for name, one in node.items() if _is_pair(one)}
    named = max((after for name, (_, after) in pairs.items() if name.startswith("identity")), default=0.0)
    caught = max((share(one) for _, _, _, one in figures(positive.get("subverted_generator"))), default=0.0)
    verdict = ""
    if max(abs(after - before) for before, after in pairs.values()) <= MOST_UNSEEN and named < caught / 2:
        verdict = (
            f"<p><b>The usual checks pass, yet the attackers above read the name in {percent(caught)} of its pictures."
            "</b> An anonymizer that has only passed such checks may carry every name.</p>"
        )
    rows = [
        (name, *(percent(share(one.get(when))) for when in ("before", "after")))
        for name, one in node.items()
        if isinstance(one, dict)
    ]
    change = node.get("largest_change")
    text = f" No pixel changed by more than {change:g} of 255 levels." if is_number(change) else ""
    return (
        "<h4>What a published check would have said of the anonymizer that cheats</h4><p>The usual check: one network "
        "learns names, or expressions, and reads the pictures, here before and after the true name was hidden in them."
        f"{text}</p>{plots.table(('Usual check', 'Before', 'After the name was hidden'), rows)}{verdict}"
    )


def _negative(negative, evaluation):
    if not negative or not negative.get("attackers"):
        return "<p class='none'>No attacker learnt from shuffled names: no negative control.</p>"
    rows = [_shuffled(name, one) for name, one in negative["attackers"].items() if one and is_number(one.get("mean"))]
    times = f", {negative['permutations']} times," if negative.get("permutations") else ""
    mark = evaluation.get("chance_uninformed") or evaluation.get("chance")
    return (
        f"<h3>Where there is nothing, nothing is found{_state(negative)}</h3><p>The attackers learn from names that "
        f"were dealt out at random{times} and must come out near guessing. Whiskers: three standard errors of the "
        f"mean.</p>{plots.dot_chart(rows, mark)}"
    )


def _shuffled(name, figure):
    mean, error = figure["mean"], figure.get("standard_error")
    interval = None if error is None else (max(0.0, mean - 3 * error), min(1.0, mean + 3 * error))
    return plots.Row(name, mean, interval, alarm=not figure.get("ok", True))


def _state(control):
    return {True: ": in order", False: ": failed"}.get(control.get("ok"), "")
