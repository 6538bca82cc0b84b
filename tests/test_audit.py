"""The dump's checks, and whole audits of anonymizers whose leaks are known."""

import dataclasses
import json

import numpy as np
import pytest

from vgan_tf.audit import Dump, audit, scenarios
from vgan_tf.audit.report import report_html
from vgan_tf.audit.report.kept import EXPRESSION_TESTS
from vgan_tf.errors import InputError

PEOPLE, EXPRESSIONS, SIZE = 4, 3, 16


def make_dump(kind, train=360, test=320):
    """A dump of patterns: identity in the left half, expression in the right; `kind` "same" or "rendered"."""
    random = np.random.default_rng(0)
    faces = random.integers(30, 220, (PEOPLE, SIZE, SIZE // 2, 3))
    moods = random.integers(30, 220, (EXPRESSIONS, SIZE, SIZE // 2, 3))

    def draw(identity, expression):
        pixels = np.concatenate([faces[identity], moods[expression]], axis=2)
        return (pixels + random.integers(-20, 21, pixels.shape)).astype(np.uint8)

    arrays = {}
    for part, count in (("train", train), ("test", test)):
        identity, expression = np.arange(count) % PEOPLE, random.integers(0, EXPRESSIONS, count)
        target = random.integers(0, PEOPLE, count)
        originals = draw(identity, expression)
        latents = np.eye(8)[expression] * 3 + random.normal(size=(count, 8))
        if kind == "same":
            latents += np.eye(8)[identity + EXPRESSIONS] * 5
        arrays |= {
            f"x_{part}": originals,
            f"p_{part}": originals if kind == "same" else draw(target, expression),
            f"id_{part}": identity,
            f"ep_{part}": expression,
            f"c_{part}": target,
            f"mu_{part}": latents.astype(np.float32),
            f"intensity_{part}": (expression / 2).astype(np.float32),
        }
    names = ("<b>Ann</b>", "Bea", "Cy", "Di")
    return Dump(**arrays, identities=names, expressions=("joy", "fear", "anger"), target_policy="uniform")


def silent(line):
    pass


def test_an_anonymizer_that_does_nothing_leaks(tmp_path):
    evaluation = audit(make_dump("same"), tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "leaks"
    assert all(one["strongest"]["accuracy"] > 0.95 for one in evaluation["privacy"].values())
    assert evaluation == json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert evaluation["utility"]["target_success"]["accuracy"] < 0.5


def test_a_rendering_of_target_and_expression_does_not_leak_and_is_reported(tmp_path):
    dump = make_dump("rendered")
    pictures = {"gallery": np.stack([dump.x_test[:3], dump.p_test[:3]]), "gallery_targets": ["Bea"]}
    evaluation = audit(dump, tmp_path, quick=True, progress=silent, pictures=pictures)
    assert evaluation["verdict"] == "no leak found"
    assert evaluation["controls"]["ok"]
    utility = evaluation["utility"]
    assert min(utility[name]["accuracy"] for name in EXPRESSION_TESTS) > 0.9
    assert utility["target_success"]["accuracy"] > 0.9
    assert utility["intensity_r2"]["original"] > 0.8
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Ann" in page and "No leak found" in page
    assert page == report_html(json.loads((tmp_path / "evaluation.json").read_text()), pictures)


def test_attackers_that_cannot_read_originals_fail_the_positive_control():
    dump = make_dump("same")
    blind = {"CNN": [np.zeros(len(dump.id_test), np.int64)]}
    assert not scenarios.positive_control(dump, blind, 0, quick=True, progress=silent)["ok"]


def test_dump_round_trip_keeps_what_is_there_and_leaves_out_what_is_not(tmp_path):
    dump = make_dump("same", 24, 12)
    dump.save(tmp_path / "dump.npz")
    loaded = Dump.load(tmp_path / "dump.npz")
    assert loaded.z_train is None and loaded.trained_train is None
    assert (loaded.identities, loaded.target_policy) == (dump.identities, "uniform")
    for name in ("x_train", "p_test", "id_test", "mu_test", "intensity_train"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(dump, name))


def test_foreign_dump_without_names_gets_numbers(tmp_path):
    dump = make_dump("same", 24, 12)
    required = [field.name for field in dataclasses.fields(Dump) if field.default is dataclasses.MISSING]
    np.savez(tmp_path / "foreign.npz", **{name: getattr(dump, name) for name in required})
    loaded = Dump.load(tmp_path / "foreign.npz")
    assert loaded.identities == ("0", "1", "2", "3") and loaded.expressions == ("0", "1", "2")
    assert loaded.target_policy == "unknown"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_test": np.zeros((12, 16, 16, 3), np.float32)}, "x_test is float32"),
        ({"p_train": np.zeros((23, 16, 16, 3), np.uint8)}, "p_train has shape"),
        ({"id_test": np.full(12, 4)}, "id_test holds labels 4 to 4"),
        ({"ep_train": np.zeros(24)}, "ep_train is float64"),
        ({"mu_test": np.full((12, 8), np.nan, np.float32)}, "mu_test holds NaN"),
        ({"c_test": None}, "c_train and c_test"),
        ({"trained_train": np.ones(3, bool)}, "trained_train is bool"),
        ({"target_policy": "exclude-true"}, "exclude-true"),
    ],
)
def test_dump_refuses_what_does_not_fit(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(make_dump("same", 24, 12), **change)


def test_unreadable_dumps_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "part.npz", x_train=np.zeros(1))
    for name, message in (("none", "no such file"), ("text", "not a readable"), ("part", "lacks x_test")):
        with pytest.raises(InputError, match=message):
            Dump.load(tmp_path / f"{name}.npz")
