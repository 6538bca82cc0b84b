"""Figures in plain words, and no more than the figures support."""

from vgan_tf.audit.report.results import capital, families

VERDICTS = {
    "leaks": "It leaks: who is in the picture can be found out.",
    "no leak found": "No leak found by these attackers.",
    "inconclusive": "Inconclusive: these figures allow no judgement.",
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


def strongest(attacks, pictures_only=False):
    """Of all families, or of attacks on pictures, the attack that names most people: (`Family`, `Result`), or None."""
    candidates = [
        (family, result)
        for family in attacks
        if family.kind.names
        for result in family.results
        if not (pictures_only and result.reads_codes)
    ]
    return max(candidates, key=lambda one: one[1].share, default=None)


def findings(evaluation, attacks):
    """The strongest attack, the strongest on pictures alone, and what the verdict makes of them: list of sentences.

    Args:
        evaluation: dict as in `evaluation.json`.
        attacks: its `families`.
    """
    best = strongest(attacks)
    if best is None:
        return [sentence(evaluation.get("reason") or "no attack names people")]
    (kind, result), pictures = (best[0].kind, best[1]), strongest(attacks, pictures_only=True)
    count = sum(len(one.results) for one in attacks if one.kind.names)
    interval = f", 95 % interval {span(result.interval)}" if result.interval else ""
    lines = [
        f"{kind.who} named the right person in {of_100(result.share)} {kind.things}; "
        f"{guessing(result.chance, evaluation)}.",
        f"This is the strongest of {count} attacks that name people ({result.name}{interval}).",
    ]
    if result.reads_codes and pictures:
        named = of_100(pictures[1].share)
        lines.append(f"Without the codes, from pictures alone, the strongest named {named} ({pictures[1].name}).")
    if evaluation.get("verdict") == "no leak found":
        lines.append("What lies above guessing here can be luck. This is no guarantee against other attackers.")
    elif evaluation.get("verdict") == "inconclusive":
        lines.append(f"Do not rely on it: {evaluation.get('reason') or 'no reason was given'}.")
    answered = ", ".join(
        f"“{one.kind.title}” ({of_100(one.results[0].share)}, guessing {of_100(one.results[0].chance)})"
        for one in attacks
        if not one.kind.names and one.results and one.results[0].above_chance
    )
    if answered:
        lines.append(f"Other questions that attackers answer better than by guessing: {answered}.")
    return lines


def headline(evaluation):
    """The verdict and the strongest attack in a few sentences of plain text, for a terminal.

    Args:
        evaluation: dict as in `evaluation.json`; parts may be missing.
    """
    verdict = evaluation.get("verdict") or "inconclusive"
    return " ".join([VERDICTS.get(verdict, sentence(verdict)), *findings(evaluation, families(evaluation))])
