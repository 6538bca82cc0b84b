"""The dump's checks, and whole audits of anonymizers whose leaks are known."""

import dataclasses
import itertools
import json
import re
import threading

import numpy as np
import pytest
from small_dumps import of_people_held_out, silent, small_dump

from vgan_tf.audit import Dump, Extra, audit, conductor
from vgan_tf.audit.attacks import reidentification
from vgan_tf.audit.controls import positive, subverted
from vgan_tf.audit.report import report_html
from vgan_tf.audit.report.page import EXPRESSION_TESTS
from vgan_tf.errors import InputError

PEOPLE, EXPRESSIONS, SIZE = 4, 3, 16


def make_dump(kind, train=360, test=320, seed=0):
    """A dump of patterns: identity in the left half, expression in the right; `kind` "same" or "rendered"."""
    random = np.random.default_rng(seed)
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


def with_strangers(dump, kind):
    """The same with images of four further people, protected alike."""
    others = make_dump(kind, 240, 4, seed=5)
    extra = {name: getattr(others, f"{name}_train") for name in ("x", "p", "id", "ep", "c", "mu")}
    return dataclasses.replace(dump, strangers=Extra(**extra, identities=("Eve", "Flo", "Gus", "Hal")))


def named(evaluation):
    """Shares of the strongest attackers that name people, by attack."""
    shares = {name: one["strongest"]["accuracy"] for name, one in evaluation["privacy"].items()}
    shares |= {name: one["accuracy"] for name, one in evaluation["averaging"].items()}
    shares |= {name: one["accuracy"] for name, one in evaluation["robustness"].items()}
    inverted = {name: evaluation["inversion"][name] for name in ("from_protected", "from_latent")}
    return shares | {name: one["recognised"]["accuracy"] for name, one in inverted.items() if one}


def test_an_anonymizer_that_does_nothing_leaks_in_every_attack(tmp_path):
    evaluation = audit(with_strangers(make_dump("same"), "same"), tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "leaks"
    assert min(named(evaluation).values()) > 0.95
    for part in ("test", "strangers"):
        assert evaluation["linkability"][part]["images"]["strongest"]["auc"] > 0.95
    assert evaluation["open_set"]["images"]["strongest"]["accuracy"] > 0.95
    assert evaluation == json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert evaluation["utility"]["target_success"]["accuracy"] < 0.5
    assert not (tmp_path / "unfinished").exists()


def test_a_rendering_of_target_and_expression_does_not_leak_and_is_reported(tmp_path):
    dump = make_dump("rendered")
    pictures = {"gallery": np.stack([dump.test.x[:3], dump.test.p[:3]]), "gallery_targets": ["Bea"]}
    evaluation = audit(dump, tmp_path, quick=True, progress=silent, pictures=pictures)
    assert evaluation["verdict"] == "no leak found", evaluation["reason"]
    assert evaluation["controls"]["ok"]
    utility = evaluation["utility"]
    assert min(utility[name]["accuracy"] for name in EXPRESSION_TESTS) > 0.9
    assert utility["target_success"]["accuracy"] > 0.9
    assert utility["intensity_r2"]["original"] > 0.8
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Ann" in page and "No leak found" in page
    again = report_html(json.loads((tmp_path / "evaluation.json").read_text()), pictures)
    text = [re.sub(r"<figure.*?</figure>", "", one, flags=re.DOTALL).split() for one in (page, again)]
    assert text[0] == text[1], "evaluation.json carries all but the pictures"


def test_people_held_out_are_audited_whole(tmp_path):
    dump = of_people_held_out(small_dump("rendered", train=600, test=60, others=600))
    evaluation = audit(dump, tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "no leak found", evaluation["reason"]
    assert evaluation["identities"] == list("ghijkl") and evaluation["n_test"] == 300
    assert evaluation["utility"]["target_success"]["accuracy"] > 0.9
    linked = evaluation["linkability"]
    assert linked["test"]["people"] == linked["strangers"]["people"] == evaluation["open_set"]["people"] == 6
    assert evaluation["membership"]["images"] is None
    members = evaluation["membership"]["identities"]["strongest"]
    assert (members["member_people"], members["other_people"]) == (6, 6)


def test_a_subverted_generator_leaks(tmp_path):
    dump = dataclasses.replace(make_dump("rendered"), mu_train=None, mu_test=None)
    changed = subverted.subvert(dump, seed=0, quick=True, progress=silent)
    evaluation = audit(changed, tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "leaks"
    assert evaluation["privacy"]["scenario_2"]["strongest"]["interval"][0] > 0.35
    assert evaluation["privacy"]["scenario_3"] is None


def test_names_that_mean_nothing_are_read_at_chance():
    dump = make_dump("same")
    random = np.random.default_rng(0)
    shuffled = {f"id_{part}": random.permutation(getattr(dump, f"id_{part}")) for part in ("train", "test")}
    attacks = reidentification.identity_attacks(dataclasses.replace(dump, **shuffled), [0], quick=True, progress=silent)
    for name in ("scenario_1", "scenario_2", "scenario_3"):
        shares = [(runs[0] == shuffled["id_test"]).mean() for runs in attacks[name].values()]
        assert max(shares) < 1 / PEOPLE + 0.1


def test_an_interrupted_audit_goes_on(tmp_path, monkeypatch):
    dump, called = make_dump("rendered", 24, 12), []

    def part(name):
        return lambda *arguments: (
            called.append(name) or ({"name": name}, {"originals": np.zeros((1, 4, 4, 3), np.uint8)})
        )

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(conductor, "STEPS", {"first": part("first"), "inversion": interrupted})
    monkeypatch.setattr(conductor, "_evaluation", lambda *arguments: {"verdict": "leaks", "reason": str(arguments[-1])})
    with pytest.raises(KeyboardInterrupt):
        audit(dump, tmp_path, progress=silent)
    assert not (tmp_path / "evaluation.json").exists()
    monkeypatch.setattr(conductor, "STEPS", {name: part(name) for name in ("first", "inversion")})
    lines = []
    evaluation = audit(dump, tmp_path, progress=lines.append)
    assert called == ["first", "inversion"] and "'name': 'first'" in evaluation["reason"]
    assert lines[0] == "first: found, from an audit that was interrupted" and not (tmp_path / "unfinished").exists()

    monkeypatch.setattr(conductor, "STEPS", {"first": part("first"), "inversion": interrupted})
    with pytest.raises(KeyboardInterrupt):
        audit(dump, tmp_path, progress=silent)
    monkeypatch.setattr(conductor, "STEPS", {name: part(name) for name in ("first", "inversion")})
    audit(dump, tmp_path, quick=True, progress=silent)
    assert sorted(called[3:]) == ["first", "inversion"], "other settings are another audit"


def test_when_one_part_of_an_audit_fails_the_others_end(tmp_path, monkeypatch):
    failing, ended, lines = threading.Event(), [], []

    def endless(dump, seeds, quick, progress):
        try:
            for number in itertools.count():
                progress(f"step {number}")
                failing.set()
        finally:
            ended.append("endless")

    def fails(*arguments):
        failing.wait()
        raise InputError("no room left")

    monkeypatch.setattr(conductor, "STEPS", {"endless": endless, "fails": fails})
    with pytest.raises(InputError, match="no room left"):
        audit(make_dump("rendered", 24, 12), tmp_path, progress=lines.append)
    assert lines[0] == "step 0" and ended == ["endless"]


def test_attackers_that_cannot_read_originals_fail_the_positive_control():
    dump = make_dump("same")
    blind = {"medium CNN": [np.zeros(len(dump.test.id), np.int64)]}
    assert not positive.positive_control(dump, blind, 0, quick=True, progress=silent)["ok"]


def test_dump_round_trip_keeps_what_is_there_and_leaves_out_what_is_not(tmp_path):
    dump = make_dump("same", 24, 12)
    dump.save(tmp_path / "dump.npz")
    loaded = Dump.load(tmp_path / "dump.npz")
    assert loaded.train.z is None and loaded.trained is None
    assert (loaded.identities, loaded.target_policy) == (dump.identities, "uniform")
    for name in ("x_train", "p_test", "id_test", "mu_test", "intensity_train"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(dump, name))


def test_further_images_and_truth_come_through_a_file(tmp_path):
    dump = with_strangers(make_dump("same", 24, 12), "same")
    fresh = dataclasses.replace(dump.strangers, identities=())
    clips = {"clip_train": np.arange(24) // 4, "clip_test": np.arange(12) // 4}
    targets = {"targets": ("Ida", "Jon", "Kim", "Lea", "Mia"), "c_test": np.full(12, 4)}
    references = dataclasses.replace(fresh, id=fresh.id + 1)
    dump = dataclasses.replace(dump, fresh=fresh, references=references, **clips, **targets)
    dump.save(tmp_path / "dump.npz")
    loaded = Dump.load(tmp_path / "dump.npz")
    assert loaded.strangers.identities == ("Eve", "Flo", "Gus", "Hal") and loaded.fresh.identities == dump.identities
    for name in ("x", "p", "id", "ep", "c", "mu"):
        np.testing.assert_array_equal(getattr(loaded.strangers, name), getattr(dump.strangers, name))
    assert loaded.fresh.z is None and list(loaded.test.clip) == list(dump.test.clip)
    assert loaded.targets == loaded.references.identities == dump.targets and loaded.references.id.max() == 4
    assert list(loaded.test.c) == [4] * 12 and not loaded.people_are_targets


def test_a_dump_without_some_arrays_lacks_them_in_every_part():
    dump = of_people_held_out(small_dump("rendered", 24, 12, 24))
    bare = dump.without("c", "mu")
    assert bare.train.c is bare.test.mu is None and bare.test.z is not None and bare.references.z is not None
    assert bare.references.c is bare.references.mu is None and bare.strangers is None


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
        ({"p_train": np.zeros((23, 16, 16, 3), np.uint8)}, r"p_train is uint8 \(23, 16, 16, 3\)"),
        ({"id_test": np.full(12, 4)}, "id_test holds labels 4 to 4"),
        ({"ep_train": np.zeros(24)}, "ep_train is float64"),
        ({"mu_test": np.full((12, 8), np.nan, np.float32)}, "mu_test holds NaN"),
        ({"c_test": None}, "c_train and c_test"),
        ({"trained_train": np.ones(3, bool)}, "trained_train is bool"),
        (
            {"pose_test": np.zeros((12, 2), np.float32), "pose_train": np.zeros((24, 2), np.float32)},
            r"pose_train is float32 \(24, 2\); give floats \(24, 3\)",
        ),
        ({"clip_train": np.zeros(24, int)}, "clip_train and clip_test"),
        ({"strangers": Extra(*(np.zeros(2, np.uint8) for _ in range(4)))}, "strangers needs identities"),
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
