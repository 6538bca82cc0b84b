"""The page itself, and its first parts: the verdict, the pictures, and what was not attacked."""

from html import escape

from vgan_tf.audit.report import plots, words
from vgan_tf.audit.report.appendix import appendix
from vgan_tf.audit.report.attacks import at_a_glance, attack_sections
from vgan_tf.audit.report.kept import controls_section, utility_section
from vgan_tf.audit.report.results import families, strongest
from vgan_tf.audit.report.style import STYLE

CLASSES = {"leaks": "leaks", "no leak found": "clean"}


def report_html(evaluation, pictures=None):
    """Lay an audit out as one self-contained page, from `evaluation.json` and pictures alone.

    Args:
        evaluation: dict as in `evaluation.json`; a part that is missing or null is said to be so.
        pictures: dict, each entry optional, or None:
            "gallery": uint8 `(1 + targets, n, height, width, 3)`, inputs and below them their protected versions.
            "gallery_targets": names of the targets, one for each row of the gallery but the first.
            "inversion": {name of a row, such as "originals" or "from_latent": uint8 `(n, height, width, 3)`}.

    Returns:
        str, a whole HTML document.
    """
    pictures = pictures or {}
    attacks = families(evaluation)
    sections = (
        ("glance", "At a glance", at_a_glance(attacks)),
        ("pictures", "How does it look?", _gallery(pictures.get("gallery"), pictures.get("gallery_targets", ()))),
        ("attacks", "What was attacked, and how?", attack_sections(evaluation, attacks, pictures.get("inversion"))),
        ("not-attacked", "What was not attacked?", _not_attacked(evaluation, attacks)),
        ("kept", "What are the pictures still good for?", utility_section(evaluation)),
        ("controls", "Can these attackers be trusted?", controls_section(evaluation)),
        ("appendix", "Appendix: method and all figures", appendix(evaluation, attacks)),
    )
    contents = "".join(f"<li><a href='#{name}'>{title}</a></li>" for name, title, _ in sections)
    body = "\n".join(f"<section id='{name}'><h2>{title}</h2>{content}</section>" for name, title, content in sections)
    body = f"<h1>Privacy audit</h1>{_verdict(evaluation)}<ul class='contents'>{contents}</ul>\n{body}"
    body = body.replace(" %", "\N{NO-BREAK SPACE}%")
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
        "content='width=device-width, initial-scale=1'><title>Privacy audit</title>"
        f"<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _verdict(evaluation):
    verdict = evaluation.get("verdict") or "inconclusive"
    title = words.VERDICTS.get(verdict, words.sentence(verdict))
    text = "".join(f"<p>{escape(line)}</p>" for line in words.findings(evaluation))
    kind = CLASSES.get(verdict, "unsure")
    warning = "<p class='warning'><b>Quick run: weaker attackers. Do not rely on it.</b></p>"
    return (
        f"<div class='verdict {kind}'><b>{escape(title)}</b>{text}{_numbers(evaluation)}</div>"
        f"{warning if evaluation.get('quick') else ''}<p class='soft'>{escape(_material(evaluation))}</p>"
    )


def _numbers(evaluation):
    """The strongest attack as a hundred dots and in figures, beside what guessing gets."""
    best = strongest(evaluation)
    if best is None:
        return ""
    result, policy = best[1], evaluation.get("target_policy") or "unknown"
    facts = [("Strongest attack", words.percent(result.share))]
    if result.interval:
        facts.append(("95 % interval", words.span(result.interval)))
    if evaluation.get("chance_uninformed") is not None:
        facts.append(("Guessing", words.percent(evaluation["chance_uninformed"])))
    if result.chance is not None:
        facts.append((f"Informed guessing (targets: {policy})", words.percent(result.chance)))
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in facts)
    dots = plots.hundred_dots(result.share, result.chance or 0.0)
    return (
        f"{dots}<p class='soft'>Of a hundred: grey, what guessing gets; red, what the strongest attacker names beyond "
        f"that; hollow, not named.</p><dl class='facts'>{listed}</dl>"
    )


def _material(evaluation):
    parts = [
        f"{evaluation[key]} {name}"
        for key, name in (("n_train", "training"), ("n_test", "test"))
        if evaluation.get(key)
    ]
    text = f"{' and '.join(parts)} pictures" if parts else "Pictures"
    for key in ("identities", "expressions"):
        if evaluation.get(key):
            text += f", {len(evaluation[key])} {'people' if key == 'identities' else key}"
    return text + "."


def _gallery(gallery, targets):
    if gallery is None:
        return "<p class='none'>No pictures were given.</p>"
    targets = [f"as {name}" for name in targets] or ["protected"] * (len(gallery) - 1)
    caption = "First row: originals. Below: the same pictures, protected"
    caption += "; each row shows the face that was put on." if targets[0] != "protected" else "."
    return plots.picture_rows(list(zip(["original", *targets], gallery, strict=True)), caption)


def _not_attacked(evaluation, attacks):
    lines = [words.sentence(line) for line in evaluation.get("not_attacked") or ()]
    for family in attacks:
        for part, reason in family.absent.items():
            title = f"{family.kind.title} ({part})" if part else family.kind.title
            lines.append(f"{title.rstrip('?.')}: {reason}.")
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        "<p>What was not tried cannot be called safe. A stronger attacker than these, with more pictures or more "
        f"computing, may read more.</p><ul>{listed}</ul>"
    )
