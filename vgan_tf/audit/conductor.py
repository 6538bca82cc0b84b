"""The audit: arrays in, figures out. It knows nothing of any model.

from vgan_tf.audit import Dump, audit
evaluation = audit(Dump.load("dump.npz"), "out")
"""

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from pathlib import Path

from threadpoolctl import threadpool_limits

from vgan_tf.audit import attackers, statistics
from vgan_tf.audit.attacks import inversion, linkage, membership, scenarios
from vgan_tf.audit.controls import controls, steganography
from vgan_tf.audit.dump import Dump, Extra
from vgan_tf.audit.notebook import Notebook
from vgan_tf.audit.report import report_html
from vgan_tf.audit.utility import expression as utility
from vgan_tf.backends import require_tensorflow
from vgan_tf.files import write_json, write_text

__all__ = ["Dump", "Extra", "audit"]

NOTES = (
    "The strongest attacker is chosen by test accuracy: the maximum over attackers overestimates each, which is the "
    "cautious side. The verdict corrects its confidence for the number of attackers.",
    "Intervals are at 95 %: Wilson's over test images, or wider, over clips, where the clips are known.",
    "With several seeds an accuracy is the mean over them, its interval that of one run.",
    "No formal guarantee follows.",
)
# What no attack here tries; `left_out` adds what this data gave no ground for.
NEVER_ATTACKED = (
    "Attackers with far more data or larger networks than two processor cores train in minutes.",
    "Attackers who know the exact training images (likelihood-ratio attacks need many shadow models).",
    "Whatever lies outside the face crop: backgrounds, file names, times, accounts.",
)


def audit(dump, out, seeds=1, quick=False, progress=print, seed=0, pictures=None):
    """Attack the identity, measure the utility, check both by controls, and write what came out.

    Interrupted and called again with the same arguments, it goes on after the last finished part.

    Args:
        dump: `Dump`.
        out: folder for `evaluation.json` and `report.html`; created.
        seeds: trainings of each attacker, with seeds `seed`, `seed + 1`, ...
        quick: cheaper attackers, for a first look.
        progress: called with one line of text at each step.
        seed: first seed.
        pictures: for the report, as `report.report_html` takes them; those of reconstructions are added.

    Returns:
        dict as written to `evaluation.json`.
    """
    require_tensorflow("the audit")
    start = time.monotonic()
    out, runs = Path(out), list(range(seed, seed + seeds))
    notebook = Notebook(out / "unfinished", dump, {"seeds": runs, "quick": quick}, progress)

    def work(name, tell):
        return notebook.part(name, lambda: PARTS[name](dump, runs, quick, tell))

    # Threads of the linear algebra wait busily for one another and for TensorFlow's: one is faster on shared cores.
    with threadpool_limits(1, "blas"):
        found = _side_by_side(PARTS, work, progress)
    results = {name: result for name, (result, _) in found.items()}
    evaluation = _evaluation(dump, runs, quick, results)
    evaluation["seconds"] = round(time.monotonic() - start, 1)
    write_json(out / "evaluation.json", evaluation)
    pictures = {**(pictures or {}), "inversion": found["inversion"][1]}
    write_text(out / "report.html", report_html(evaluation, pictures))
    notebook.close()
    progress(f"verdict: {evaluation['verdict']}: {evaluation['reason']} ({evaluation['seconds']:.0f} s)")
    return evaluation


def _side_by_side(names, work, progress):
    """Work on each name in `WORKERS` threads, in order: {name: what `work(name, progress)` gives}.

    When one fails, or this is interrupted, the others end at their next line of progress.
    """
    stopping = threading.Event()

    def tell(line):
        if stopping.is_set():
            raise CancelledError
        progress(line)

    with ThreadPoolExecutor(WORKERS) as pool:
        running = {name: pool.submit(work, name, tell) for name in names}
        try:
            for ended in wait(running.values(), return_when=FIRST_EXCEPTION).done:
                ended.result()  # raises what one failed with
        finally:
            stopping.set()
            for one in running.values():
                one.cancel()
    return {name: one.result() for name, one in running.items()}


def _identity_part(dump, seeds, quick, progress):
    """The three scenarios and what grows out of them."""
    attacks = scenarios.identity_attacks(dump, seeds, quick, progress)
    clusters = dump.clip_test
    privacy = {
        name: scenarios.scenario_figures(dump.id_test, attacks[name], clusters)
        for name in ("scenario_1", "scenario_2", "scenario_3")
    }
    count = len(dump.identities)
    return {
        "privacy": privacy,
        "averaging": scenarios.averaging_attacks(dump, attacks, seeds, quick, progress),
        "robustness": scenarios.robustness_attacks(dump, attacks, seeds, quick, progress),
        "positive": controls.positive_control(dump, attacks["original"], seeds[0], quick, progress),
        "confusions": {
            name: statistics.confusion(dump.id_test, attacks[name][one["strongest"]["attacker"]][0], count).tolist()
            for name, one in privacy.items()
            if one
        },
    }, {}


def _controls_part(dump, seeds, quick, progress):
    """Leaks that were put there, and labels that mean nothing."""
    return {
        "subverted": steganography.controls(dump, attackers.attack, seeds[0], quick, progress),
        "negative": controls.negative_control(dump, seeds[0], quick, progress),
    }, {}


def _linkage_part(dump, seeds, quick, progress):
    """Linking and open set; where people were held out, strangers are judged by one who knows the targets."""
    embedded = linkage.embed(dump, seeds, quick, progress)
    links = linkage.linkability(dump, seeds, quick, progress, embedded)
    if dump.taught is not None:
        dump = dump.of_targets()
        embedded = linkage.embed(dump, seeds, quick, progress)
        links["strangers"] = linkage.linkability(dump, seeds, quick, progress, embedded)["strangers"]
    return {"linkability": links, "open_set": linkage.open_set(dump, seeds, quick, progress, embedded)}, {}


def _utility_part(dump, seeds, quick, progress):
    figures, predictions = utility.utility_figures(dump, seeds, quick, progress)
    confusions = {
        name: statistics.confusion(dump.ep_test, runs[0], len(dump.expressions)).tolist()
        for name, runs in predictions.items()
    }
    return {"figures": figures, "confusions": confusions}, {}


# Longest first, so that the threads end together.
PARTS = {
    "utility": _utility_part,
    "identity": _identity_part,
    "controls": _controls_part,
    "inversion": inversion.inversion,
    "linkage": _linkage_part,
    "membership": lambda *arguments: (membership.membership(*arguments), {}),
}
WORKERS = 2  # Much of each part keeps a single core busy.


def _evaluation(dump, seeds, quick, results):
    """What goes into `evaluation.json`, but for the time it took."""
    identity, subverted = results["identity"], dict(results["controls"]["subverted"])
    checks = {"usual_checks": subverted.pop("usual_checks")}
    # Without targets nothing is ruled out by them, whatever the policy was.
    policy = "unknown" if dump.c_test is None else dump.target_policy
    level = statistics.informed_chance(dump.id_test, len(dump.identities), policy)
    positive = {**identity["positive"], **{name: figures for name, figures in subverted.items() if figures}}
    caught = [max(one["interval"][0] for one in figures.values()) for figures in subverted.values() if figures]
    positive["ok"] = positive["ok"] and min(caught, default=1.0) > level
    negative = results["controls"]["negative"]
    controls_ok = positive["ok"] and negative["ok"]
    attacks = {
        "averaging": identity["averaging"],
        "robustness": identity["robustness"],
        **results["linkage"],
        "inversion": results["inversion"],
        "membership": results["membership"],
    }
    figures = [one for scenario in identity["privacy"].values() if scenario for one in scenario["attackers"].values()]
    verdict, reason = statistics.verdict(figures, level, len(dump.id_test), controls_ok, _families(attacks, level))
    return {
        "verdict": verdict,
        "reason": reason,
        "n_train": len(dump.id_train),
        "n_test": len(dump.id_test),
        "identities": list(dump.identities),
        "expressions": list(dump.expressions),
        "chance": level,
        "chance_uninformed": statistics.chance(dump.id_test, len(dump.identities)),
        "chance_expression": statistics.chance(dump.ep_test, len(dump.expressions)),
        "target_policy": dump.target_policy,
        "quick": quick,
        "seeds": seeds,
        "privacy": identity["privacy"],
        **attacks,
        "controls": {"positive": positive | checks, "negative": negative, "ok": controls_ok},
        "utility": results["utility"]["figures"],
        "confusions": {**identity["confusions"], **results["utility"]["confusions"]},
        "not_attacked": [*_left_out(dump), *NEVER_ATTACKED],
        "notes": list(NOTES),
    }


def _families(attacks, level):
    """The attacks beyond the three scenarios, as the verdict takes them; averaging and treatments attack names too."""
    families = [
        statistics.Family(name, list((attacks[name] or {}).values()), level, "accuracy")
        for name in ("averaging", "robustness")
    ]
    for where in ("test", "strangers"):
        for one in _kinds(attacks["linkability"][where]):
            families.append(statistics.Family(f"linking, {where}", list(one["attackers"].values()), 0.5))
    for one in _kinds(attacks["open_set"]):
        chance = attacks["open_set"]["chance"]
        families.append(statistics.Family("open set", list(one["attackers"].values()), chance, "accuracy"))
    for what in ("images", "identities"):
        if attacks["membership"][what]:
            ones = list(attacks["membership"][what]["attackers"].values())
            families.append(statistics.Family(f"membership of {what}", ones, 0.5))
    return families


def _kinds(part):
    return [part[kind] for kind in ("images", "latents") if part and part[kind]]


def _left_out(dump):
    lines = scenarios.left_out(dump)
    if dump.strangers is None and dump.taught is None:
        lines.append("No strangers were given: people whom neither the anonymizer nor the attacker knows.")
    if dump.trained_train is None:
        lines.append("Which images trained the anonymizer is not known: no membership of images was attacked.")
    return lines
