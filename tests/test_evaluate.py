"""evaluate.py: its flags, and what it prints."""

import pytest
from helpers import run_script

from vgan_tf.evaluation import audits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of them"),
        (("run", "--external", "dump.npz", "--out", "x"), "one of them"),
        (("--external", "dump.npz"), "--external needs --out"),
        (("--external", "dump.npz", "--out", "x", "--release", "latent"), "--release belongs to a RUN"),
        (("--external", "dump.npz", "--out", "x", "--on-device", "export"), "--on-device belongs to a RUN"),
        (("run", "--frontier", "--out", "x"), "--frontier"),
        (("run", "--baseline", "all", "--out", "x"), "--baseline"),
    ],
)
def test_flags_that_do_not_fit_are_refused(arguments, message, capsys):
    assert run_script("evaluate.py", *arguments) == 2
    assert message in capsys.readouterr().err


def test_flags_reach_the_audit_and_its_table_is_printed(tmp_path, monkeypatch, capsys):
    calls = []

    def evaluate_run(run, **options):
        calls.append((run, options))
        return {}, tmp_path

    def evaluate_external(paths, out, **options):
        calls.append((paths, out, options))
        return {}, tmp_path

    monkeypatch.setattr(audits, "evaluate_run", evaluate_run)
    monkeypatch.setattr(audits, "evaluate_external", evaluate_external)
    monkeypatch.setattr(audits, "summary", lambda result: "identity 20 %")
    assert run_script("evaluate.py", "run", "--quick", "--release", "noise:1", "--dump", "dump.npz") == 0
    table = f"identity 20 %\nreport: {tmp_path / 'report.html'}\n"
    printed = capsys.readouterr().out
    assert printed.startswith("auditing run: cheapest attacker of each kind, seeds=1\n") and printed.endswith(table)
    run, options = calls[0]
    assert run == "run" and options["quick"] and options["release"] == "noise:1" and options["dump_path"] == "dump.npz"
    assert options["target_policy"] == "uniform" and options["data"] is options["on_device"] is None
    assert run_script("evaluate.py", "--external", "a", "b", "--out", tmp_path, "--seeds", 3) == 0
    assert calls[1] == (["a", "b"], str(tmp_path), {"seeds": 3, "quick": False})
    assert capsys.readouterr().out.startswith("auditing a b: all attackers, seeds=3\n")
