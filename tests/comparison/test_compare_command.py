"""The arguments of the commands `compare` and `sweep`."""

import argparse
import subprocess
import sys

import pytest
from helpers import ROOT

from vgan_tf.comparison import frontier
from vgan_tf.comparison.commands import add_verbs


def run(*arguments):
    parser = argparse.ArgumentParser()
    add_verbs(parser.add_subparsers(required=True))
    parsed = parser.parse_args([str(argument) for argument in arguments])
    parsed.command(parsed)


def test_compare_passes_its_arguments_on(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(frontier, "compare", lambda *given, **options: seen.append((given, options)) or {})
    monkeypatch.setattr("vgan_tf.comparison.table.markdown_table", lambda result: "the table")
    run("compare", "a", "b.npz", "--out", "x")
    run("compare", "a", "--out", "x", "--baselines", "none", "--release", "noise:1,latent", "--full")
    assert seen == [
        ((["a", "b.npz"], "x", "all", []), {"quick": True}),
        ((["a"], "x", "none", ["noise:1", "latent"]), {"quick": False}),
    ]
    assert capsys.readouterr().out.startswith("the table\nplot: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "run"), "--out"),
        (("compare", "--out", "x"), "RUN|DUMP"),
        (("compare", "run", "--out", "x", "--frontier"), "--frontier"),
        (("sweep", "kl_weight=1", "--out", "x"), "--preset"),
        (("sweep", "--preset", "tiny", "--out", "x"), "KEY=VALUE"),
    ],
)
def test_missing_and_unknown_arguments_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(*arguments)
    assert message in capsys.readouterr().err


def test_the_commands_load_no_large_library_before_they_run():
    code = "import sys, vgan_tf.comparison.commands; print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
