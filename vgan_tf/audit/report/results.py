"""`evaluation.json` as families of attacks, the strongest attacker first.

A key that is not known here but holds figures becomes a family of its own, named after the key. What is missing or null
becomes a reason.
"""

import re
from typing import NamedTuple

SHARES = ("accuracy", "auc")
AUC_OF_GUESSING = 0.5
NO_ATTACKS = ("privacy", "controls", "utility", "confusions", "questions", "encoder", "release")
COMPARISONS = ("class_mean", "originals")
# Attackers of the scenarios that the page shows as families of their own: what their names hold.
SET_APART = {", from fresh images": "fresh", ", across targets": "transfer"}
SETS_APART_FROM = {"scenario_2": "images", "scenario_3": "latents", "release": "release"}
TOGETHER = re.compile(r"(\w+) of (\w+ pictures)(.*)")  # how the results of averaging are called
NOT_RUN = "this audit did not run it"
NO_PICTURES = "no pictures leave the device"
NO_LATENTS = "the encoder's latents were not given"


class Kind(NamedTuple):
    """Words for a family, and which of `evidence.QUESTIONS` it asks, or None.

    Where people are named: `who` "named the right person in 41 of 100 `things`".
    """

    title: str
    who: str = "An attacker"
    things: str = "cases"
    question: str | None = "named"
    absent: str = NOT_RUN


class Result(NamedTuple):
    """One attacker.

    Attributes:
        name: in words.
        share: of right answers, or the AUC.
        interval: (low, high), or None.
        chance: the rate of guessing, or None where it is not known.
        figure: as in the evaluation.
        encoder: whether it is given what the encoder knows (its latents), and not what leaves the device.
        compared: whether it is no attack, but a figure to compare the attacks with.
    """

    name: str
    share: float
    interval: tuple | None
    chance: float | None
    figure: dict
    encoder: bool = False
    compared: bool = False

    @property
    def above_chance(self):
        return None not in (self.interval, self.chance) and self.interval[0] > self.chance

    @property
    def advantage(self):
        """What is certain of the share, above guessing: so a few large sets of pictures do not count by luck.

        Where nothing is certain, less than nothing, and the more the higher the share.
        """
        above = [end - (self.chance or 0) for end in (self.share, *(self.interval or ())[:1])]
        return min(above) if min(above) > 0 else above[0] - 1


class Family(NamedTuple):
    """Results of one kind of attack.

    Attributes:
        key, kind: of the attack.
        groups: {title ("" where there is only one group): list of `Result`, the highest share first; of averaging the
            fewest pictures first}.
        absent: {title of a missing group ("" for the whole family): why}.
        about: {title: further numbers and texts of a group, {name: value}}.
    """

    key: str
    kind: Kind
    groups: dict
    absent: dict
    about: dict

    def results(self, encoder=False):
        """The attacks on what leaves the device, or on what the encoder knows, the strongest first."""
        attacks = (one for group in self.groups.values() for one in group if not one.compared)
        return sorted((one for one in attacks if one.encoder == encoder), key=lambda one: -one.advantage)


KINDS = {
    "scenario_1": Kind(
        "I. Trained on originals",
        "An attacker trained on original pictures",
        "protected pictures",
        absent=NO_PICTURES,
    ),
    "scenario_2": Kind(
        "II. Trained on protected pictures",
        "An attacker trained on protected pictures with the true names",
        "protected pictures",
        absent=NO_PICTURES,
    ),
    "release": Kind(
        "Trained on the release",
        "An attacker trained on the release with the true names",
        "releases",
        absent="what protected pictures are made from was not given",
    ),
    "scenario_3": Kind(
        "III. Trained on latents",
        "An attacker who holds the encoder and was trained on its latents",
        "latents",
        absent=NO_LATENTS,
    ),
    "fresh": Kind(
        "Trained on fresh pictures",
        "An attacker trained on fresh pictures of the same people",
        absent="the data has no further pictures of the same people, or they are among those of the attackers above",
    ),
    "averaging": Kind(
        "Several pictures of one person",
        "An attacker who is given several pictures of one person together",
        question="named_from_several",
        absent="nobody has enough pictures",
    ),
    "transfer": Kind(
        "Other target identities",
        "An attacker trained on pictures with other target identities",
        "protected pictures",
        absent="the target identities are not known",
    ),
    "robustness": Kind(
        "After compression, blur and noise",
        "An attacker who is given protected pictures after compression, blur or noise",
        "pictures",
        absent=NO_PICTURES,
    ),
    "linkability": Kind("Are two pictures of the same person?", question="linked"),
    "open_set": Kind("Which stranger is it?", question="linked", absent="the data has no other people"),
    "inversion": Kind("Can the original be reconstructed?", question="reconstructed"),
    "membership": Kind(
        "Was it used in training?",
        question="member",
        absent="it is not known which pictures the anonymizer was trained on",
    ),
}
GROUPS = {
    "images": "protected pictures",
    "latents": "latents",
    "test": "known people",
    "strangers": "strangers",
    "identities": "people",
    "from_latent": "reconstructed from the latent",
    "from_release": "reconstructed from the release",
    "from_protected": "reconstructed from the protected picture",
    "class_mean": "for comparison, the mean face of the expression",
    "originals": "for comparison, the originals",
    "classifier_of_originals": "classifier trained on originals",
    "classifier_of_protected": "classifier trained on protected",
    "a_classifier_for_each": "a classifier for each, trained on its own kind",
}
MEMBERSHIP_GROUPS = {"images": "training pictures", "identities": "training people"}
ABSENT_GROUPS = {
    "latents": NO_LATENTS,
    "from_latent": NO_LATENTS,
    "from_protected": NO_PICTURES,
    "strangers": "the data has no other people",
    "identities": "the data has no other people",
    "images": "it is not known which pictures the anonymizer was trained on",
}


def families(evaluation):
    """All families of attacks, known ones first: list of `Family`; those without results say why in `absent`."""
    privacy, kind = evaluation.get("privacy") or {}, (evaluation.get("release") or {}).get("kind")
    nodes = {key: node for key, node in evaluation.items() if key not in NO_ATTACKS} | privacy
    unknown = {key: capital(plain(key)) for key in nodes if key not in KINDS}
    kinds = KINDS | {key: Kind(title, question="named" if key in privacy else None) for key, title in unknown.items()}
    listed = {key: Family(key, one, {}, {}, {}) for key, one in kinds.items()}
    for key, node in nodes.items():
        words = MEMBERSHIP_GROUPS if key == "membership" else {}
        for path, name, level, figure in figures(node, evaluation.get("chance")):
            text = " ".join((*path, name, str(figure.get("attacker"))))
            # Where the latent itself is released, a reconstruction from it is one from the release, and so on.
            released = "release" in text or kind == "latent" and key in ("inversion", "membership")
            encoder = key == "scenario_3" or "latent" in text and not released
            family, title = listed[key], ", ".join(words.get(part, plain(part)) for part in path)
            apart = next((one for one in SET_APART if one in name), None)
            together = TOGETHER.fullmatch(name) if key == "averaging" else None
            if apart and key in SETS_APART_FROM:
                family, title = listed[SET_APART[apart]], plain(SETS_APART_FROM[key])
                name = name.replace(f"{apart},", "").replace(apart, "")
            elif together:
                title, name = plain(together[1]) + together[3], together[2]
            label = ": ".join(filter(None, (plain(name), figure.get("attacker"))))
            result = Result(label, share(figure), interval_of(figure), level, figure, encoder, name in COMPARISONS)
            family.groups.setdefault(title, []).append(result)
            family.about[title] = _about(node, path)
        for path in _missing(node):
            title = ", ".join(words.get(part, plain(part)) for part in path)
            if path[-1] != "g_test":  # only of a release that takes a few values
                listed[key].absent[title] = ABSENT_GROUPS.get(path[-1], "not given")
    for key, family in listed.items():
        for group in family.groups.values():
            group.sort(key=_pictures if key == "averaging" else lambda one: -one.share)
        if not family.groups and not family.absent:
            family.absent[""] = family.kind.absent if key in nodes else NOT_RUN
    return [one for key, one in listed.items() if key in KINDS or one.groups]


def _pictures(result):
    """How many pictures an attacker is given together; all of them come last."""
    count = result.name.split()[0]
    return int(count) if count.isdigit() else float("inf")


def figures(node, chance=None, path=()):
    """Find all figures in nested dicts: yield (path of groups, name, rate of guessing, figure).

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
        if not (key == "strongest" and "attackers" in node):
            yield from figures(child, chance, path if key in ("attackers", "strongest") else (*path, key))


def _missing(node, path=()):
    """Paths of the entries that are null although they stand beside dicts."""
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


def interval_of(figure):
    return tuple(figure["interval"]) if figure.get("interval") else None


def plain(key):
    """A key as words: "hidden_in_latent" -> "hidden in latent"; group keys have their own."""
    return GROUPS.get(key, str(key).replace("_", " "))


def capital(text):
    return text[:1].upper() + text[1:]
