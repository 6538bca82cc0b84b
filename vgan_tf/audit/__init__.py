"""The audit: arrays in, figures out. It knows nothing of any model.

from vgan_tf.audit import Dump, audit
evaluation = audit(Dump.load("dump.npz"), "out")
"""

import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from vgan_tf.audit import attackers, scenarios, statistics, utility
from vgan_tf.audit.dump import Dump, Extra
from vgan_tf.audit.report import report_html
from vgan_tf.files import write_json, write_text

__all__ = ["Dump", "Extra", "audit"]

NOTES = (
    "The strongest attacker is chosen by test accuracy: the maximum over attackers overestimates each, which is the "
    "cautious side. The verdict corrects its confidence for the number of attackers.",
    "Intervals are Wilson's at 95 %, for independent test images; frames of one video are not independent.",
    "With several seeds an accuracy is the mean over them, its interval that of one run.",
    "Closed set: every attacked identity is known to the attacker. No formal guarantee follows.",
)


def audit(dump, out, seeds=1, quick=False, progress=print, seed=0, gallery=None, gallery_targets=()):
    """Attack the identity, measure the utility, check both by controls, and write what came out.

    Args:
        dump: `Dump`.
        out: folder for `evaluation.json` and `report.html`; created.
        seeds: trainings of each attacker, with seeds `seed`, `seed + 1`, ...
        quick: cheaper attackers, for a first look.
        progress: called with one line of text at each step.
        seed: first seed.
        gallery: pictures for the report, or None: uint8 `(1 + targets, n, height, width, 3)`, inputs and then the same
            inputs under each target.
        gallery_targets: names of the targets in `gallery`.

    Returns:
        dict as written to `evaluation.json`.
    """
    # Threads of the linear algebra wait busily for one another and for TensorFlow's: one is faster on shared cores.
    with threadpool_limits(1, "blas"):
        evaluation, confusions = _figures(dump, seeds, quick, progress, seed)
    write_json(Path(out) / "evaluation.json", evaluation)
    write_text(Path(out) / "report.html", report_html(evaluation, confusions, dump, gallery, gallery_targets))
    progress(f"verdict: {evaluation['verdict']}: {evaluation['reason']} ({evaluation['seconds']:.0f} s)")
    return evaluation


def _figures(dump, seeds, quick, progress, seed):
    """The evaluation, and the confusion matrices that only the report shows."""
    start = time.monotonic()
    runs = list(range(seed, seed + seeds))
    # Without targets nothing is ruled out by them, whatever the policy was.
    policy = "unknown" if dump.c_test is None else dump.target_policy
    chance = statistics.informed_chance(dump.id_test, len(dump.identities), policy)

    attacks = scenarios.identity_attacks(dump, runs, quick, progress)
    positive = scenarios.positive_control(dump, attacks["original"], seed, quick, progress)
    negative = scenarios.negative_control(dump, seed, quick, progress)
    expression, intensity = utility.expression_utility(dump, runs, quick, progress)
    target_readings = attacks["scenario_1"][attackers.CNN.name]

    privacy = {
        name: scenarios.scenario_figures(dump.id_test, attacks[name])
        for name in ("scenario_1", "scenario_2", "scenario_3")
    }
    figures = [figure for one in privacy.values() if one for figure in one["attackers"].values()]
    controls_ok = positive["ok"] and negative["ok"]
    verdict, reason = statistics.verdict(figures, chance, len(dump.id_test), controls_ok)
    evaluation = {
        "verdict": verdict,
        "reason": reason,
        "n_train": len(dump.id_train),
        "n_test": len(dump.id_test),
        "identities": list(dump.identities),
        "expressions": list(dump.expressions),
        "chance": chance,
        "chance_uninformed": statistics.chance(dump.id_test, len(dump.identities)),
        "chance_expression": statistics.chance(dump.ep_test, len(dump.expressions)),
        "target_policy": dump.target_policy,
        "quick": quick,
        "seeds": runs,
        "privacy": privacy,
        "controls": {"positive": positive, "negative": negative, "ok": controls_ok},
        "utility": {
            **{name: statistics.accuracy_figure(dump.ep_test, readings) for name, readings in expression.items()},
            "target_success": (
                None if dump.c_test is None else statistics.accuracy_figure(dump.c_test, target_readings)
            ),
            "intensity_r2": intensity,
            "expression_from_latent": utility.latent_expression(dump, runs, quick),
        },
        "notes": list(NOTES),
        "seconds": round(time.monotonic() - start, 1),
    }
    return evaluation, _confusions(dump, attacks, privacy, expression)


def _confusions(dump, attacks, privacy, expression):
    """Counts of the first run: strongest attackers of each scenario, and the four expression tests."""
    counts = {
        name: statistics.confusion(dump.id_test, attacks[name][one["strongest"]["attacker"]][0], len(dump.identities))
        for name, one in privacy.items()
        if one
    }
    for name, readings in expression.items():
        counts[name] = statistics.confusion(dump.ep_test, readings[0], len(dump.expressions))
    return counts
