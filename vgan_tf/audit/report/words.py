"""Figures in plain words, and no more than the figures support."""

from vgan_tf.audit.report.results import capital, families, strongest

VERDICTS = {
    "leaks": "It leaks: who is in the picture can be found out.",
    "no leak found": "No leak found by these attackers.",
    "inconclusive": "Inconclusive: these figures allow no judgement.",
}


def of_100(share):
    """A share as "41 of 100"; never "0" or "100" unless it is so exactly."""
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


def named(family, result):
    """What an attack that names people came to: "An attacker who ... named the right person in 41 of 100 pictures"."""
    return f"{family.kind.who} named the right person in {of_100(result.share)} {family.kind.things}"


def is_informed(chance, evaluation):
    """Whether a level of guessing is that of one who reads which face was put on, and gains by it."""
    blind = evaluation.get("chance_uninformed")
    return None not in (chance, blind) and chance == evaluation.get("chance") and chance > blind + 1e-9


def guessing(chance, evaluation):
    """What one gets without looking, and with a look at the target alone: "guessing gets 17 of 100"."""
    if chance is None:
        return "what guessing gets is not known"
    if not is_informed(chance, evaluation):
        return f"guessing gets {of_100(chance)}"
    blind = of_100(evaluation["chance_uninformed"])
    return f"guessing gets {blind}, and {of_100(chance)} if one rules out the face that was put on"


def findings(evaluation):
    """The strongest attack, the strongest on pictures alone, and what the verdict makes of them: list of sentences."""
    best = strongest(evaluation)
    if best is None:
        return [sentence(evaluation.get("reason") or "no attack names people")]
    family, result = best
    attacks = sum(len(one.results) for one in families(evaluation) if one.kind.names)
    interval = f", 95 % interval {span(result.interval)}" if result.interval else ""
    lines = [f"{named(family, result)}; {guessing(result.chance, evaluation)}."]
    lines.append(f"This is the strongest of {attacks} attacks that name people ({result.name}{interval}).")
    pictures = strongest(evaluation, pictures_only=True)
    if result.reads_codes and pictures:
        share = of_100(pictures[1].share)
        lines.append(f"Without the codes, from pictures alone, the strongest named {share} ({pictures[1].name}).")
    if evaluation.get("verdict") == "no leak found":
        lines.append("What lies above guessing there is within luck. That is no guarantee against other attackers.")
    elif evaluation.get("verdict") == "inconclusive":
        lines.append(f"Do not rely on it: {evaluation.get('reason') or 'no reason was given'}.")
    others = [one for one in families(evaluation) if not one.kind.names and one.results and one.results[0].above_chance]
    answered = ", ".join(
        f"“{one.kind.question}” ({of_100(one.results[0].share)}, guessing {of_100(one.results[0].chance)})"
        for one in others
    )
    if answered:
        lines.append(f"Other questions that are answered better than by guessing: {answered}.")
    return lines


def headline(evaluation):
    """The verdict and the strongest attack in a few sentences of plain text, for a terminal.

    Args:
        evaluation: dict as in `evaluation.json`; parts may be missing.
    """
    verdict = evaluation.get("verdict") or "inconclusive"
    return " ".join([VERDICTS.get(verdict, sentence(verdict)), *findings(evaluation)])
