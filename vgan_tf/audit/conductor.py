"""The audit, step by step: attacks, controls and utility, then the verdict, `evaluation.json` and the report.

To add an attack: a module in `attacks/`, a step in `STEPS`, and its figures among the `attacks` of `_evaluation`.
"""

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from pathlib import Path

from threadpoolctl import threadpool_limits

from vgan_tf.audit import statistics
from vgan_tf.audit.attacks import averaging, inversion, linking, membership, reidentification
from vgan_tf.audit.controls import negative, positive
from vgan_tf.audit.notebook import Notebook
from vgan_tf.audit.report import report_html
from vgan_tf.audit.utility import expression
from vgan_tf.backends import require_tensorflow
from vgan_tf.files import write_json, write_text

NOTES = (
    "The strongest attacker is chosen by test accuracy: the maximum over attackers overestimates each, which is the "
    "cautious side. The verdict corrects its confidence for the number of attackers.",
    "Intervals are at 95 %: Wilson's over test images, or wider, over clips, where the clips are known.",
    "With several seeds an accuracy is the mean over them, its interval that of one run.",
    "No formal guarantee follows.",
)
# What no attack here tries; `_left_out` adds what this data does not allow.
NEVER_ATTACKED = (
    "Attackers with far more data or larger networks than two processor cores train in minutes.",
    "Attackers who know the exact training images (likelihood-ratio attacks need many shadow models).",
    "Whatever lies outside the face crop: backgrounds, file names, times, accounts.",
)


def audit(dump, out, seeds=1, quick=False, progress=print, pictures=None):
    """Attack the identity, measure the utility, check both by controls, and write the results.

    Interrupted and called again with the same arguments, it goes on after the last finished step.

    Args:
        dump: `Dump`.
        out: folder for `evaluation.json` and `report.html`; created.
        seeds: trainings of each attacker, with seeds 0, 1, ...
        quick: cheaper attackers, for a first look.
        progress: called with one line of text at each step.
        pictures: for the report, as `report.report_html` takes them; those of reconstructions are added.

    Returns:
        dict as written to `evaluation.json`.
    """
    require_tensorflow("the audit")
    start = time.monotonic()
    out, runs = Path(out), list(range(seeds))
    notebook = Notebook(out / "unfinished", dump, {"seeds": runs, "quick": quick}, progress)

    def work(name, tell):
        return notebook.part(name, lambda: STEPS[name](dump, runs, quick, tell))

    # Threads of the linear algebra wait busily for one another and for TensorFlow's: one is faster on shared cores.
    with threadpool_limits(1, "blas"):
        found = _side_by_side(STEPS, work, progress)
    evaluation = _evaluation(dump, runs, quick, {name: result for name, (result, _) in found.items()})
    evaluation["seconds"] = round(time.monotonic() - start, 1)
    write_json(out / "evaluation.json", evaluation)
    pictures = {**(pictures or {}), "inversion": found["inversion"][1]}
    write_text(out / "report.html", report_html(evaluation, pictures))
    notebook.close()
    progress(f"verdict: {evaluation['verdict']}: {evaluation['reason']} ({evaluation['seconds']:.0f} s)")
    return evaluation


def _side_by_side(names, work, progress):
    """Run `work(name, progress)` for each name in `WORKERS` threads, in order: {name: its result}.

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


def _identity_step(dump, seeds, quick, progress):
    """Re-identification in the three scenarios, and what is built on its attackers."""
    attacks = reidentification.identity_attacks(dump, seeds, quick, progress)
    privacy = {
        name: reidentification.scenario_figures(dump.test.id, attacks[name], dump.test.clip)
        for name in reidentification.SCENARIOS
    }
    strongest = {name: attacks[name][one["strongest"]["attacker"]] for name, one in privacy.items() if one}
    return {
        "privacy": privacy,
        "averaging": averaging.averaging_attacks(dump, attacks, seeds, quick, progress),
        "robustness": reidentification.robustness_attacks(dump, attacks, seeds, quick, progress),
        "positive": positive.positive_control(dump, attacks["original"], seeds[0], quick, progress),
        "confusions": _confusions(dump.test.id, strongest, dump.identities),
    }, {}


def _controls_step(dump, seeds, quick, progress):
    return {
        "subverted": positive.subverted_controls(dump, seeds[0], quick, progress),
        "negative": negative.negative_control(dump, seeds[0], quick, progress),
    }, {}


def _utility_step(dump, seeds, quick, progress):
    figures, predictions = expression.utility_figures(dump, seeds, quick, progress)
    return {"figures": figures, "confusions": _confusions(dump.test.ep, predictions, dump.expressions)}, {}


def _confusions(truth, runs, names):
    return {name: statistics.confusion(truth, predictions[0], len(names)) for name, predictions in runs.items()}


# Each gives its figures and its pictures. Longest first, so that the threads end together.
STEPS = {
    "utility": _utility_step,
    "identity": _identity_step,
    "controls": _controls_step,
    "inversion": inversion.inversion,
    "linkage": lambda *arguments: (linking.linking(*arguments), {}),
    "membership": lambda *arguments: (membership.membership(*arguments), {}),
}
WORKERS = 2  # Much of each step keeps a single core busy.


def _evaluation(dump, seeds, quick, results):
    """What goes into `evaluation.json`, but for the time it took."""
    identity, utility = results["identity"], results["utility"]
    level = statistics.informed_chance(dump.test.id, len(dump.identities), dump.known_policy)
    controls = _controls(identity["positive"], results["controls"], level)
    attacks = {
        "averaging": identity["averaging"],
        "robustness": identity["robustness"],
        **results["linkage"],
        "inversion": results["inversion"],
        "membership": results["membership"],
    }
    figures = [one for scenario in identity["privacy"].values() if scenario for one in scenario["attackers"].values()]
    verdict, reason = statistics.verdict(figures, level, len(dump.test.id), controls["ok"], _families(attacks, level))
    return {
        "verdict": verdict,
        "reason": reason,
        "n_train": len(dump.train.id),
        "n_test": len(dump.test.id),
        "identities": list(dump.identities),
        "expressions": list(dump.expressions),
        "chance": level,
        "chance_uninformed": statistics.chance(dump.test.id, len(dump.identities)),
        "chance_expression": statistics.chance(dump.test.ep, len(dump.expressions)),
        "target_policy": dump.target_policy,
        "quick": quick,
        "seeds": seeds,
        "privacy": identity["privacy"],
        **attacks,
        "controls": controls,
        "utility": utility["figures"],
        "confusions": {**identity["confusions"], **utility["confusions"]},
        "not_attacked": [*_left_out(dump), *NEVER_ATTACKED],
        "notes": list(NOTES),
    }


def _controls(plain, results, level):
    """All controls together. An identity hidden on purpose is found where an attacker's lower bound is above chance."""
    hidden = {kind: results["subverted"][kind] for kind in ("subverted_generator", "hidden_in_latent")}
    hidden = {kind: figures for kind, figures in hidden.items() if figures}
    found = [max(one["interval"][0] for one in figures.values()) for figures in hidden.values()]
    ok = plain["ok"] and min(found) > level
    usual_checks = results["subverted"]["usual_checks"]
    return {
        "positive": {**plain, **hidden, "ok": ok, "usual_checks": usual_checks},
        "negative": results["negative"],
        "ok": ok and results["negative"]["ok"],
    }


def _families(attacks, level):
    """The attacks beyond the three scenarios, as the verdict takes them."""
    groups = [(name, list((attacks[name] or {}).values()), level, "accuracy") for name in ("averaging", "robustness")]
    for name, tables, chance, key in (
        *((f"linking, {tested}", attacks["linkability"][tested], 0.5, "auc") for tested in ("test", "strangers")),
        ("open set", attacks["open_set"], (attacks["open_set"] or {}).get("chance"), "accuracy"),
    ):
        kinds = [tables[kind] for kind in ("images", "latents")] if tables else []
        groups += [(name, list(kind["attackers"].values()), chance, key) for kind in kinds if kind]
    for what in ("images", "identities"):
        if attacks["membership"][what]:
            figures = list(attacks["membership"][what]["attackers"].values())
            groups.append((f"membership of {what}", figures, 0.5, "auc"))
    return [statistics.Family(*group) for group in groups]


def _left_out(dump):
    lines = reidentification.left_out(dump)
    if dump.strangers is None and dump.references is None:
        lines.append("No strangers were given: people whom neither the anonymizer nor the attacker knows.")
    if dump.trained is None:
        lines.append("Which images trained the anonymizer is not known: no membership of images was attacked.")
    return lines
