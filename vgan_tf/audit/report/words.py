"""Figures in plain words, and no more than the figures support."""

from vgan_tf.audit.evidence import QUESTIONS
from vgan_tf.audit.report.results import capital, families

# How the first sentence begins, and how it goes on where the run is no better than a table of pictures.
VERDICTS = {
    "leaks": ("It leaks", "and it is"),
    "no leak found": ("No leak found by these attackers", "but it is"),
    "inconclusive": ("Inconclusive: whether it leaks is not known", "and it is"),
}
RELEASES = {
    "latent": "the latent as the encoder gives it",
    "noise": "the latent with noise added",
    "threshold": "the latent without what is small in it",
    "prototypes": "one of {codes} codes",
    "unknown": "something that is not named",
}


def of_100(share):
    """A share as "41 of 100"; never "0" or "100" unless it is exactly that."""
    count = round(100 * share)
    if count == 0 and share > 0:
        return "fewer than 1 of 100"
    if count == 100 and share < 1:
        return "more than 99 of 100"
    return f"{count} of 100"


def percent(share):
    return "-" if share is None else f"{100 * share:.1f} %"


def span(interval):
    """An interval of shares as "37.5 to 45.2 %"."""
    return "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def sentence(text):
    """With a capital and a full stop."""
    return capital(str(text)) + ("" if str(text).endswith((".", "!", "?")) else ".")


def is_informed(chance, evaluation):
    """Whether a rate of guessing is that of someone who rules out the target identity, and gains by it."""
    blind = evaluation.get("chance_uninformed")
    return None not in (chance, blind) and chance == evaluation.get("chance") and chance > blind + 1e-9


def guessing(chance, evaluation):
    """The rate of guessing, blind and with the target identity ruled out: "guessing gets 17 of 100"."""
    if chance is None:
        return "the rate of guessing is not known"
    if not is_informed(chance, evaluation):
        return f"guessing gets {of_100(chance)}"
    blind = of_100(evaluation["chance_uninformed"])
    return f"guessing gets {blind}, and {of_100(chance)} if the target identity is ruled out"


def strongest(attacks, question="named", encoder=False):
    """Of all families, the attack that answers a question best: (`Family`, `Result`), or None.

    `encoder`: of what the encoder knows, and not of what leaves the device.
    """
    candidates = [
        (family, result) for family in attacks if family.kind.question == question for result in family.results(encoder)
    ]
    return max(candidates, key=lambda one: one[1].advantage, default=None)


def first_sentence(evaluation):
    """The verdict on what leaves the device: which question is answered, and whether a table of pictures does as well.

    Args:
        evaluation: dict as in `evaluation.json`; parts may be missing.
    """
    verdict = evaluation.get("verdict") or "inconclusive"
    text, and_it_is = VERDICTS.get(verdict, (capital(str(verdict)), "and it is"))
    if (evaluation.get("utility") or {}).get("better_than_table") is False:
        text += f", {and_it_is} no better than {a_table(evaluation)}"
    if verdict == "leaks":
        text += f": {answers(evaluation) or evaluation.get('reason') or 'no reason was given'}"
    return sentence(text)


def answers(judged):
    """What can be found out by a verdict with "questions", in words; "" where nothing can."""
    questions = (judged or {}).get("questions") or {}
    found = {name: text for name, text in QUESTIONS.items() if (questions.get(name) or {}).get("answered")}
    if {"named", "named_from_several"} <= set(found):
        found["named"] += ", and from several of one person"
        del found["named_from_several"]
    return "; ".join(found.values())


def a_table(evaluation):
    """The largest table of pictures that stands in for the anonymizer: "a table of 42 pictures"."""
    count = ((evaluation.get("utility") or {}).get("table") or {}).get("pictures")
    return f"a table of {count} pictures" if count else "a table of pictures"


def only_vectors(evaluation):
    """Whether what leaves the device is numbers alone, and no picture."""
    privacy = evaluation.get("privacy") or {}
    return bool(privacy.get("release")) and privacy.get("scenario_1") is None and privacy.get("scenario_2") is None


def release_sentence(evaluation):
    """What leaves the device for one picture, by name."""
    release = evaluation.get("release")
    if not release:
        return "What leaves the device for one picture is not recorded."
    kind, codes = release.get("kind") or "unknown", release.get("codes")
    text = RELEASES.get(kind, f"“{kind}”").format(codes=codes or "a few")
    if release.get("discrete") and kind != "prototypes":
        text += f" (it takes {codes or 'a few'} values)"
    if only_vectors(evaluation):
        text = f"a list of numbers{'' if kind == 'unknown' else f', {text}'}; no picture"
    elif kind == "unknown":
        text = "a protected picture; what it was made from is not named"
    else:
        text += ", and the picture of the target identity that is made from it"
    name = release.get("name") or kind
    text = f"What leaves the device for one picture: {text}{'' if name == 'unknown' else f' ({name})'}."
    distinct = (evaluation.get("utility") or {}).get("distinct_pictures_per_target")
    if release.get("discrete") and distinct:
        text += f" A protected picture is one of {distinct:.4g} pictures of its target identity."
    return text


def encoder_sentences(evaluation):
    """What the encoder knows, and when that matters: list of sentences."""
    encoder, released = evaluation.get("encoder"), (evaluation.get("release") or {}).get("kind") == "latent"
    if not encoder:
        return ["What the encoder itself knows was not judged: its latents were not given."]
    reason = encoder.get("reason") or "no reason was given"
    if encoder.get("verdict") == "no leak found":
        return ["The encoder itself: no leak found in its latents."]
    if encoder.get("verdict") == "leaks":
        lines = [f"The encoder itself knows more than the expression: by its latents, {answers(encoder) or reason}."]
    else:
        lines = [f"The encoder itself: inconclusive; {reason}."]
    if released:
        return [*lines, "Its latent leaves the device as it is."]
    return [
        *lines,
        "Its latents stay on the device.",
        "They matter if someone gets at the encoder, or if what is released is changed.",
    ]


def table_sentence(evaluation):
    """By how much the anonymizer beats the tables of pictures in each utility, or why that is not known."""
    utility = evaluation.get("utility") or {}
    beats, name = utility.get("beats_table") or {}, a_table(evaluation)
    motion, expression = beats.get("motion"), beats.get("expression")
    parts = [_beats("motion", motion, 1, ".2f", "of R² within the expression")] if motion else []
    parts += [_beats("the expression", expression, 100, ".1f", "points")] if expression else []
    lines = [f"Against {name}: {'; '.join(parts)} (95 % intervals)."] if parts else []
    if utility.get("better_than_table") is None:
        lines.insert(0, f"Whether it is better than {name} is not known: {_why_unknown(utility)}.")
    elif not motion:
        lines.append(f"How much motion it keeps is not known: {_why_unknown(utility)}.")
    return " ".join(lines)


def _beats(name, interval, scale, digits, unit):
    """One utility: the interval of what is kept more than by the better of the two tables."""
    low, high = (format(scale * end, digits) for end in interval)
    if interval[0] > 0:
        return f"in {name} it beats the table by {low} to {high} {unit}"
    if interval[1] < 0:
        return f"in {name} the table beats it by {high[1:]} to {low[1:]} {unit}"
    return f"in {name} it does not beat the table ({low} to {high} {unit})"


def _why_unknown(utility):
    if not utility:
        return "what is kept was not measured"
    if not utility.get("table"):
        return "no table could be made of this data"
    if not utility.get("motion"):
        return "this data does not say how the faces move"
    return "it was not compared"


def findings(evaluation, attacks):
    """The strongest attacks on what leaves the device, and what the verdict makes of them: list of sentences.

    Args:
        evaluation: dict as in `evaluation.json`.
        attacks: its `families`.
    """
    lines, verdict = [], evaluation.get("verdict") or "inconclusive"
    best, several = strongest(attacks), strongest(attacks, "named_from_several")
    if best:
        kind, result = best[0].kind, best[1]
        count = sum(len(one.results()) for one in attacks if one.kind.question == "named")
        interval = f", 95 % interval {span(result.interval)}" if result.interval else ""
        lines += [
            f"{kind.who} named the right person in {of_100(result.share)} {kind.things}; "
            f"{guessing(result.chance, evaluation)}.",
            f"This is the strongest of {count} attacks that name people from one picture ({result.name}{interval})."
            if count > 1
            else f"No other attack names people from one picture ({result.name}{interval}).",
        ]
    if several:
        result = several[1]
        interval = f"; 95 % interval {span(result.interval)}" if result.interval else ""
        chance = "not known" if result.chance is None else of_100(result.chance)
        lines.append(
            f"From several pictures of one person together, the strongest named {of_100(result.share)} "
            f"({result.name}; guessing {chance}{interval})."
        )
    if verdict == "no leak found":
        reason = f"{sentence(evaluation['reason'])} " if evaluation.get("reason") else ""
        lines.append(f"{reason}This is no guarantee against other attackers.")
    elif verdict == "inconclusive":
        lines.append(f"Do not rely on it: {evaluation.get('reason') or 'no reason was given'}.")
    questions = evaluation.get("questions") or {}
    answered = ", ".join(
        f"“{family.kind.title}” ({of_100(result.share)}, guessing {of_100(result.chance)})"
        for family in attacks
        if (questions.get(family.kind.question) or {}).get("answered") and not family.kind.question.startswith("named")
        for result in family.results()[:1]
    )
    if answered:
        lines.append(f"How well other questions are answered: {answered}.")
    return lines


def headline(evaluation):
    """The verdict, the strongest attacks, the release, the tables and the encoder as paragraphs of plain text.

    Args:
        evaluation: dict as in `evaluation.json`; parts may be missing.

    Returns:
        list of str: the first is on the verdict.
    """
    return [
        " ".join([first_sentence(evaluation), *findings(evaluation, families(evaluation))]),
        release_sentence(evaluation),
        table_sentence(evaluation),
        " ".join(encoder_sentences(evaluation)),
    ]
