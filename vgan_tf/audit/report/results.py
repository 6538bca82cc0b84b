"""`evaluation.json` read as families of attacks, strongest attacker first.

The families known here have words for a reader; a key that is not known here but holds figures becomes a family of its
own, named after the key. What is missing or null becomes a reason.
"""

import re
from typing import NamedTuple

SHARES = ("accuracy", "auc")
AUC_OF_GUESSING = 0.5
NO_ATTACKS = ("privacy", "controls", "utility", "confusions", "headline", "strongest")
COMPARISONS = ("class_mean", "originals")
READS_CODES = re.compile(r"latent|\bon (mean|sample|average)")
# Attackers of scenarios II and III that are families of their own to a reader: how their names end.
SET_APART = {", from fresh images": "fresh", ", across targets": "transfer"}
SETS_APART_FROM = {"scenario_2": "images", "scenario_3": "latents"}
NOT_RUN = "this audit did not run it"


class Result(NamedTuple):
    """One attacker.

    Attributes:
        name: in words.
        share: of right answers, or the AUC.
        interval: (low, high), or None.
        chance: what guessing gets, or None where it is not known.
        figure: as in the evaluation.
        reads_codes: whether it reads latent codes, not pictures.
        compared: whether it is no attack, but stands beside the attacks to compare them with.
    """

    name: str
    share: float
    interval: tuple | None
    chance: float | None
    figure: dict
    reads_codes: bool = False
    compared: bool = False

    @property
    def above_chance(self):
        return None not in (self.interval, self.chance) and self.interval[0] > self.chance


class Kind(NamedTuple):
    """Words for a family: `who` "named the right person in 41 of 100 `things`" where it `names` people at all."""

    title: str
    question: str
    how: str
    absent: str = NOT_RUN
    who: str = "An attacker"
    things: str = "cases"
    names: bool = False


class Family(NamedTuple):
    """Results of one kind of attack.

    Attributes:
        key, kind: of the attack.
        groups: {title ("" where there is one group alone): list of `Result`, the highest share first}.
        absent: {title of a missing part ("" for all of it): why}.
        about: {title: what else is known of a group, {name: number or text}}.
    """

    key: str
    kind: Kind
    groups: dict
    absent: dict
    about: dict

    @property
    def results(self):
        attacks = (one for group in self.groups.values() for one in group if not one.compared)
        return sorted(attacks, key=lambda one: -one.share)


KINDS = {
    "scenario_1": Kind(
        "I. Learns from originals",
        "Learnt from originals",
        "The attacker has original pictures with names, learns the faces from them, and then reads protected pictures. "
        "Much published work stops here, but this attacker is weak: it sees the face that was put on.",
        who="An attacker who learnt from original pictures",
        things="protected pictures",
        names=True,
    ),
    "scenario_2": Kind(
        "II. Learns from protected pictures",
        "Learnt from protected pictures",
        "The attacker has got protected pictures together with the true names, of people who told, for instance, and "
        "learns from them what the protection leaves behind.",
        who="An attacker who learnt from protected pictures with the true names",
        things="protected pictures",
        names=True,
    ),
    "scenario_3": Kind(
        "III. Learns from latent codes",
        "Read from latent codes",
        "The attacker holds the encoder, the part that turns a picture into a short list of numbers (its latent code), "
        "and learns from such codes. A code that never leaves the device cannot be read. But in a clean anonymizer a "
        "protected picture tells no more than its code, so that a code that tells nothing protects all that follows.",
        "there are no latent codes",
        who="An attacker who holds the encoder and learnt from its latent codes",
        things="latent codes",
        names=True,
    ),
    "fresh": Kind(
        "Learns from fresh pictures",
        "Learnt from fresh pictures",
        "An anonymizer hides best the pictures that it was trained on, and who learns from those may learn too little. "
        "This attacker learns from further pictures of the same people, which trained nothing.",
        "the data has no further pictures of the same people",
        who="An attacker who learnt from fresh pictures of the same people",
        names=True,
    ),
    "averaging": Kind(
        "Several pictures of one person",
        "From several pictures together",
        "The attacker knows that some protected pictures show one person, and reads them together: what each of them "
        "tells faintly adds up.",
        "no person has pictures enough",
        who="An attacker who reads several protected pictures of one person together",
        names=True,
    ),
    "transfer": Kind(
        "Other target faces",
        "Under other target faces",
        "The attacker learns from pictures that were given some target faces, and reads pictures that were given "
        "others. If this works, the trace does not depend on the face that was put on.",
        "which face was put on is not known",
        who="An attacker who learnt from pictures with other target faces",
        things="protected pictures",
        names=True,
    ),
    "robustness": Kind(
        "After compression, blur and noise",
        "After JPEG, blur or noise",
        "Pictures seldom travel untouched. The attacker learns from protected pictures after the changes named here, "
        "and reads such pictures. A trace hidden in the finest detail vanishes with them; one in the shape of the face "
        "stays.",
        who="An attacker who reads protected pictures after such changes",
        things="pictures",
        names=True,
    ),
    "linkability": Kind(
        "Are two pictures of the same person?",
        "Are two pictures of the same person?",
        "No names here: the attacker sees one pair of protected pictures that show the same person, and one that shows "
        "two persons, and says which is which. Pictures that can be linked can be collected, and one slip names all. "
        "The tables tell how many pairs it finds when only 1 % or 0.1 % of the others may be taken for one by mistake.",
    ),
    "open_set": Kind(
        "Which stranger is it?",
        "Which stranger is it?",
        "The people here were seen by neither the anonymizer nor the attacker in training. The attacker has a few "
        "pictures of each and finds the one who is shown.",
        "the data has no other people",
    ),
    "inversion": Kind(
        "Can the original be brought back?",
        "From an original drawn again",
        "The attacker learns to draw the original again, and readers who know the originals name the person in the "
        "drawing. Who recognises no more people than in the mean face of the expression has got back no face.",
        who="An attacker who draws the original again",
        names=True,
    ),
    "membership": Kind(
        "Was it used in training?",
        "Was it used in training?",
        "The attacker sees one picture (or person) that trained the anonymizer and one that did not, and says which is "
        "which. That a person was in the training data can itself be a secret. The tables tell how many it finds when "
        "only 1 % or 0.1 % of the others may be named by mistake.",
        "it is not known which pictures trained the anonymizer",
    ),
}
GROUPS = {
    "images": "protected pictures",
    "latents": "latent codes",
    "test": "known people",
    "strangers": "strangers",
    "identities": "people",
    "from_latent": "drawn from the latent code",
    "from_protected": "drawn from the protected picture",
    "class_mean": "for comparison, the mean face of the expression",
    "originals": "for comparison, the originals as they were",
}
MEMBERSHIP_GROUPS = {"images": "training pictures", "identities": "training people"}
ABSENT_GROUPS = {
    "latents": "there are no latent codes",
    "from_latent": "there are no latent codes",
    "strangers": "the data has no other people",
    "identities": "the data has no other people",
    "images": "it is not known which pictures trained the anonymizer",
}


def families(evaluation):
    """All families of attacks, known ones first: list of `Family`; those without results say why in `absent`."""
    privacy = evaluation.get("privacy") or {}
    found = {key: node for key, node in evaluation.items() if key not in NO_ATTACKS} | _set_apart(privacy)
    chance = evaluation.get("chance")
    listed = [_family(key, kind, found, chance) for key, kind in KINDS.items()]
    for key in found:
        if key not in KINDS:
            title = capital(plain(key))
            listed.append(_family(key, Kind(title, title, "", names=key in privacy), found, chance))
    return [one for one in listed if one.key in KINDS or one.groups]


def _set_apart(privacy):
    """The scenarios, some of whose attackers become scenarios of their own: a dict like `privacy`."""
    scenarios = dict(privacy)
    for scenario, kind in SETS_APART_FROM.items():
        if not (privacy.get(scenario) or {}).get("attackers"):
            continue
        kept = dict(privacy[scenario]["attackers"])
        for name in privacy[scenario]["attackers"]:
            for ending, family in SET_APART.items():
                if name.endswith(ending):
                    groups = scenarios.get(family) or {}
                    others = (groups.get(kind) or {}).get("attackers", {})
                    here = {"attackers": others | {name.removesuffix(ending): kept.pop(name)}}
                    scenarios[family] = groups | {kind: here}
        scenarios[scenario] = {"attackers": kept}
    return scenarios


def _family(key, kind, found, chance):
    groups, absent, about = {}, {}, {}
    if found.get(key) is None:
        return Family(key, kind, groups, {"": kind.absent if key in found else NOT_RUN}, about)
    words = MEMBERSHIP_GROUPS if key == "membership" else {}
    for path, name, level, figure in figures(found[key], chance):
        title = ", ".join(words.get(part, plain(part)) for part in path)
        codes = key == "scenario_3" or bool(READS_CODES.search(" ".join((*path, name, str(figure.get("attacker"))))))
        result = _result(plain(name), level, figure)._replace(reads_codes=codes, compared=name in COMPARISONS)
        groups.setdefault(title, []).append(result)
        about[title] = _about(found[key], path)
    for path in _missing(found[key]):
        title = ", ".join(words.get(part, plain(part)) for part in path)
        absent[title] = ABSENT_GROUPS.get(path[-1], "not given")
    if not groups and not absent:
        absent[""] = kind.absent
    groups = {title: sorted(group, key=lambda one: -one.share) for title, group in groups.items()}
    return Family(key, kind, groups, absent, about)


def figures(node, chance=None, path=()):
    """Find all figures in nested dicts: yield (path of groups, name, chance that holds there, figure).

    A dict is a figure where it holds an accuracy or an AUC. "strongest" only repeats one of its neighbours, and
    "recognised", the best of its neighbours, stands for them all.
    """
    if not isinstance(node, dict):
        return
    if share(node) is not None:
        *groups, name = path or ("",)
        yield tuple(groups), name, node.get("chance", chance if "accuracy" in node else AUC_OF_GUESSING), node
        return
    chance = node.get("chance", chance)  # of accuracies
    if share(node.get("recognised")) is not None:
        about = {key: one for key, one in node.items() if is_number(one)}
        yield from figures({**about, **node["recognised"]}, chance, path)
        return
    for key, child in node.items():
        if key == "strongest" and "attackers" in node:
            continue
        yield from figures(child, chance, path if key in ("attackers", "strongest") else (*path, key))


def _missing(node, path=()):
    """Paths of the parts that are null although their neighbours are dicts."""
    if not isinstance(node, dict) or share(node) is not None:
        return
    for key, child in node.items():
        if child is None and any(isinstance(one, dict) or one is None for name, one in node.items() if name != key):
            yield (*path, key)
        yield from _missing(child, (*path, key))


def _about(node, path):
    """The numbers and texts that stand beside a group and above it: {name in words: value}."""
    about = {}
    for part in ("", *path):
        node = node.get(part, node) if part else node
        about |= {
            plain(key): one for key, one in node.items() if key != "chance" and isinstance(one, (int, float, str))
        }
    return about


def share(node):
    """The accuracy or the AUC of a figure; None where there is none."""
    return next((node[key] for key in SHARES if is_number(node.get(key))), None) if isinstance(node, dict) else None


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _result(name, chance, figure):
    if figure.get("attacker"):
        name = f"{name}: {figure['attacker']}" if name else figure["attacker"]
    return Result(name, share(figure), interval_of(figure), chance, figure)


def interval_of(figure):
    return tuple(figure["interval"]) if figure.get("interval") else None


def plain(key):
    """A key as words: "hidden_in_latent" -> "hidden in latent"; group keys have their own."""
    return GROUPS.get(key, str(key).replace("_", " "))


def capital(text):
    return text[:1].upper() + text[1:]


def strongest(evaluation, pictures_only=False):
    """The attack that names most people, of all or of those on pictures: (`Family`, `Result`), or None without any."""
    candidates = [
        (family, result)
        for family in families(evaluation)
        if family.kind.names
        for result in family.results
        if not (pictures_only and result.reads_codes)
    ]
    return max(candidates, key=lambda one: one[1].share, default=None)
