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
from vgan_tf.audit.evidence import Evidence, combined, judge
from vgan_tf.audit.notebook import Notebook
from vgan_tf.audit.report import report_html
from vgan_tf.audit.utility import expression
from vgan_tf.audit.utility.classifier import learnt_and_tested
from vgan_tf.backends import require_tensorflow
from vgan_tf.files import write_json, write_text

NOTES = (
    "The verdict is about what leaves the device: a protected picture, or the release that it was made from.",
    "It tests the best of all attackers of a kind at once, by exchanging names among images of one expression and "
    "target, so that the luck of many attackers is no leak.",
    "The strongest attacker is chosen by test accuracy: the maximum over attackers overestimates each, which is the "
    "cautious side.",
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


def audit(dump, out, seeds=1, quick=False, progress=print, pictures=None, decode=None, about=None):
    """Attack the identity, measure the utility, check both by controls, and write the results.

    Interrupted and called again with the same arguments, it goes on after the last finished step.

    Args:
        dump: `Dump`.
        out: folder for `evaluation.json` and `report.html`; created.
        seeds: trainings of each attacker, with seeds 0, 1, ...
        quick: cheaper attackers, for a first look.
        progress: called with one line of text at each step.
        pictures: for the report, as `report.report_html` takes them; those of reconstructions are added.
        decode: (float32 releases `(n, e)`, int targets `(n,)`) -> uint8 images: the anonymizer's generator, for
            attackers who have it too; None where it cannot be had.
        about: further entries of `evaluation.json`, {name: JSON type}, or None.

    Returns:
        dict as written to `evaluation.json`.
    """
    require_tensorflow("the audit")
    start = time.monotonic()
    out, runs = Path(out), list(range(seeds))
    settings = {"seeds": runs, "quick": quick, "decode": decode is not None}
    notebook = Notebook(out / "unfinished", dump, settings, progress)

    def work(name, tell):
        return notebook.part(name, lambda: STEPS[name](dump, runs, quick, tell, decode))

    # Threads of the linear algebra wait busily for one another and for TensorFlow's: one is faster on shared cores.
    with threadpool_limits(1, "blas"):
        found = _side_by_side(STEPS, work, progress)
    evaluation = _evaluation(dump, runs, quick, {name: result for name, (result, _) in found.items()}, decode)
    evaluation |= about or {}
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


def _identity_step(dump, seeds, quick, progress, decode):
    """Re-identification in the three scenarios, and what is built on its attackers."""
    scores = reidentification.identity_attacks(dump, seeds, quick, progress, decode)
    privacy = {name: reidentification.scenario_figures(dump, scores[name]) for name in reidentification.SCENARIOS}
    on_device = [reidentification.naming(dump, scores[name]) for name in ("scenario_1", "scenario_2", "release")]
    on_device.append(reidentification.code_dependence(dump))
    if on_device[-1]:
        privacy["release"]["g_test"] = {"p_value": on_device[-1].p_value}
    robustness, after = reidentification.robustness_attacks(dump, scores, seeds, quick, progress)
    several, of_several = averaging.averaging_attacks(dump, scores, seeds, quick, progress)
    strongest = {name: scores[name][one["strongest"]["attacker"]] for name, one in privacy.items() if one}
    original = reidentification.predictions_of(scores["original"])
    return {
        "privacy": privacy,
        "averaging": several,
        "robustness": robustness,
        "positive": positive.positive_control(dump, original, seeds[0], quick, progress),
        "confusions": _confusions(dump.tested.id, reidentification.predictions_of(strongest), dump.identities),
        "evidence": _stored(
            named={
                "device": combined([*on_device, after]),
                "encoder": reidentification.naming(dump, scores["scenario_3"]),
            },
            named_from_several=of_several,
        ),
    }, {}


def _controls_step(dump, seeds, quick, progress, decode):
    return {
        "subverted": positive.subverted_controls(dump, seeds[0], quick, progress),
        "negative": negative.negative_control(dump, seeds[0], quick, progress),
    }, {}


def _utility_step(dump, seeds, quick, progress, decode):
    figures, predictions = expression.utility_figures(dump, seeds, quick, progress)
    tested = learnt_and_tested(dump).tested
    return {"figures": figures, "confusions": _confusions(tested.ep, predictions, dump.expressions)}, {}


def _inversion_step(dump, seeds, quick, progress, decode):
    figures, pictures, found = inversion.inversion(dump, seeds, quick, progress)
    return {"figures": figures, "evidence": _stored(reconstructed=found)}, pictures


def _linking_step(dump, seeds, quick, progress, decode):
    figures, found = linking.linking(dump, seeds, quick, progress)
    return {"figures": figures, "evidence": _stored(linked=found)}, {}


def _membership_step(dump, seeds, quick, progress, decode):
    figures, found = membership.membership(dump, seeds, quick, progress)
    return {"figures": figures, "evidence": _stored(member=found)}, {}


def _confusions(truth, runs, names):
    return {name: statistics.confusion(truth, predictions[0], len(names)) for name, predictions in runs.items()}


def _stored(**questions):
    """{question: {"device" or "encoder": Evidence or None}} as JSON types."""
    return {
        question: {side: one and one.to_json() for side, one in found.items()} for question, found in questions.items()
    }


# Each gives its figures and its pictures. Longest first, so that the threads end together.
STEPS = {
    "utility": _utility_step,
    "identity": _identity_step,
    "controls": _controls_step,
    "inversion": _inversion_step,
    "linkage": _linking_step,
    "membership": _membership_step,
}
WORKERS = 2  # Much of each step keeps a single core busy.


def _evaluation(dump, seeds, quick, results, decode):
    """What goes into `evaluation.json`, but for the time it took."""
    identity, utility = results["identity"], results["utility"]
    level = statistics.informed_chance(dump.tested.id, len(dump.identities), dump.known_policy)
    controls = _controls(identity["positive"], results["controls"], level)
    outcome = {side: _judged(results, side, level, controls["failed"]) for side in ("device", "encoder")}
    kind = dump.release.partition(":")[0]
    return {
        **outcome["device"],
        "encoder": outcome["encoder"] if dump.latents else None,
        "release": {
            "kind": kind,
            "name": dump.release,
            "discrete": dump.discrete,
            "codes": None if dump.codes is None else len(dump.codes),
        },
        "n_train": max(len(learnt) for learnt, _ in dump.rounds),
        "n_test": len(dump.tested),
        "cross_fitted": dump.people_held_out,
        "identities": list(dump.identities),
        "expressions": list(dump.expressions),
        "chance": level,
        "chance_uninformed": statistics.chance(dump.tested.id, len(dump.identities)),
        "chance_expression": statistics.chance(dump.tested.ep, len(dump.expressions)),
        "target_policy": dump.target_policy,
        "quick": quick,
        "seeds": seeds,
        "privacy": identity["privacy"],
        "averaging": identity["averaging"],
        "robustness": identity["robustness"],
        **results["linkage"]["figures"],
        "inversion": results["inversion"]["figures"],
        "membership": results["membership"]["figures"],
        "controls": controls,
        "utility": utility["figures"],
        "confusions": {**identity["confusions"], **utility["confusions"]},
        "not_attacked": [*_left_out(dump, decode), *NEVER_ATTACKED],
        "notes": list(NOTES),
    }


def _judged(results, side, level, failed):
    """The verdict on what leaves the device, or on what the encoder knows: as of `evidence.judge`."""
    stored = {question: one for result in results.values() for question, one in result.get("evidence", {}).items()}
    found = {question: one[side] and Evidence.from_json(one[side]) for question, one in stored.items()}
    return judge(found, {"named": level}, failed)


def _controls(plain, results, level):
    """All controls together. An identity hidden on purpose is found where an attacker's lower bound is above chance."""
    hidden = {kind: results["subverted"][kind] for kind in ("subverted_generator", "hidden_in_latent")}
    hidden = {kind: figures for kind, figures in hidden.items() if figures}
    missed = [
        kind.replace("_", " ")
        for kind, figures in hidden.items()
        if max(one["interval"][0] for one in figures.values()) <= level
    ]
    failed, negative_ok = [*plain["failed"], *missed], results["negative"]["ok"]
    return {
        "positive": {**plain, **hidden, "ok": not failed, "usual_checks": results["subverted"]["usual_checks"]},
        "negative": results["negative"],
        "failed": [*failed, *([] if negative_ok else ["negative"])],
        "ok": not failed and negative_ok,
    }


def _left_out(dump, decode):
    lines = reidentification.left_out(dump, decode)
    if dump.strangers is None and dump.references is None:
        lines.append("No strangers were given: people whom neither the anonymizer nor the attacker knows.")
    if dump.trained is None:
        lines.append("Which images trained the anonymizer is not known: no membership of images was attacked.")
    return lines
