"""Whole audits of anonymizers whose leaks are known, and audits that are interrupted."""

import dataclasses
import itertools
import json
import re
import threading

import numpy as np
import pytest
from small_dumps import of_people_held_out, silent, small_dump

from vgan_tf.audit import Dump, Images, audit, conductor
from vgan_tf.audit.attacks import codes, reidentification
from vgan_tf.audit.controls import subverted
from vgan_tf.audit.report import report_html
from vgan_tf.errors import InputError
from vgan_tf.evaluation.audits import summary

PEOPLE, EXPRESSIONS, SIZE = 10, 3, 16
NAMES = ("<b>Ann</b>", "Bea", "Cy", "Di", "Ed", "Fay", "Gil", "Hal", "Ian", "Joy")


def make_dump(kind, train=600, test=600, seed=0):
    """A dump of patterns: the identity in the left half, the expression in the right.

    Args:
        kind: "same" (protected is original, latents hold the person), "rendered" (protected images show the target and
            the expression, latents the expression), or "table" (each protected image is one stored original of the
            target and the expression; the release is the expression; the encoder's own latents hold the person).
    """
    random = np.random.default_rng(seed)
    faces = random.integers(30, 220, (PEOPLE, SIZE, SIZE // 2, 3))
    moods = random.integers(30, 220, (EXPRESSIONS, SIZE, SIZE // 2, 3))

    def draw(identity, expression):
        pixels = np.concatenate([faces[identity], moods[expression]], axis=2)
        return (pixels + random.integers(-20, 21, pixels.shape)).astype(np.uint8)

    stored = draw(*(one.ravel() for one in np.mgrid[:PEOPLE, :EXPRESSIONS]))

    def part(count):
        identity, expression = np.arange(count) % PEOPLE, random.integers(0, EXPRESSIONS, count)
        target = random.integers(0, PEOPLE, count)
        originals = draw(identity, expression)
        latents = np.eye(16)[expression] * 3 + random.normal(size=(count, 16))
        if kind != "rendered":
            latents += np.eye(16)[identity + EXPRESSIONS] * 5
        protected = {
            "same": lambda: originals,
            "rendered": lambda: draw(target, expression),
            "table": lambda: stored[target * EXPRESSIONS + expression],
        }[kind]()
        released = np.eye(EXPRESSIONS)[expression] if kind == "table" else latents
        return Images(
            x=originals,
            p=protected,
            id=identity,
            ep=expression,
            c=target,
            mu=latents.astype(np.float32),
            r=released.astype(np.float32),
            motion=random.random((count, 1)).astype(np.float32),
        )

    return Dump(
        train=part(train),
        test=part(test),
        identities=NAMES,
        expressions=("joy", "fear", "anger"),
        target_policy="uniform",
        release="prototypes:1" if kind == "table" else "latent",
        discrete=kind == "table",
        motion_names=("intensity",),
    )


def with_strangers(dump, kind):
    """The same with images of further people, protected alike."""
    others = make_dump(kind, 240, 20, seed=5).train
    return dataclasses.replace(dump, strangers=dataclasses.replace(others, identities=tuple("abcdefghij")))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Steps of an audit one after another: the test processes take the cores already."""
    monkeypatch.setattr(conductor, "WORKERS", 1)


def test_an_anonymizer_that_does_nothing_leaks_in_every_attack(tmp_path):
    dump = with_strangers(make_dump("same", 400, 200), "same")
    evaluation = audit(dump, tmp_path, quick=True, progress=silent, about={"given": {"data": None}})
    assert evaluation["verdict"] == "leaks" and evaluation["encoder"]["verdict"] == "leaks"
    for question in ("named", "named_from_several", "reconstructed", "linked"):
        assert evaluation["questions"][question]["answered"], question
    shares = {name: one["strongest"]["accuracy"] for name, one in evaluation["privacy"].items()}
    assert set(shares) == {"scenario_1", "scenario_2", "scenario_3", "release"} and min(shares.values()) > 0.95
    for one in (evaluation["averaging"]["images of 4 pictures"], *evaluation["robustness"].values()):
        assert one["accuracy"] > 0.95
    assert evaluation["open_set"]["images"]["strongest"]["accuracy"] > 0.9
    assert evaluation == json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert evaluation["utility"]["target_success"]["accuracy"] < 0.5 and evaluation["given"] == {"data": None}
    assert summary(evaluation).startswith("It leaks") and "who it is can be found out" in summary(evaluation)
    assert not (tmp_path / "unfinished").exists()


def test_a_rendering_of_target_and_expression_does_not_leak_and_is_reported(tmp_path):
    dump = make_dump("rendered", test=1200)  # With fewer, too small an advantage would go unseen.
    pictures = {"gallery": np.stack([dump.test.x[:3], dump.test.p[:3]]), "gallery_targets": ["Bea"]}
    evaluation = audit(dump, tmp_path, quick=True, progress=silent, pictures=pictures)
    assert evaluation["verdict"] == "no leak found", evaluation["reason"]
    assert evaluation["controls"]["ok"] and evaluation["controls"]["failed"] == []
    assert evaluation["release"] == {"kind": "latent", "name": "latent", "discrete": False, "codes": None}
    assert (evaluation["n_train"], evaluation["n_test"], evaluation["cross_fitted"]) == (600, 1200, False)
    assert evaluation["questions"]["named"]["least_seen"] < 0.05
    utility = evaluation["utility"]
    tests = [f"{one}_to_{other}" for one in ("original", "protected") for other in ("original", "protected")]
    assert min(utility[name]["accuracy"] for name in tests) > 0.9
    assert utility["target_success"]["accuracy"] > 0.9
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Ann" in page and "No leak found" in page
    again = report_html(json.loads((tmp_path / "evaluation.json").read_text()), pictures)
    text = [re.sub(r"<figure.*?</figure>", "", one, flags=re.DOTALL).split() for one in (page, again)]
    assert text[0] == text[1], "evaluation.json carries all but the pictures"


def test_a_table_of_pictures_does_not_leak_but_is_no_better_than_one_and_its_encoder_leaks(tmp_path):
    evaluation = audit(make_dump("table", test=1000), tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "no leak found", evaluation["reason"]
    assert evaluation["encoder"]["verdict"] == "leaks"
    assert evaluation["release"] == {"kind": "prototypes", "name": "prototypes:1", "discrete": True, "codes": 3}
    utility = evaluation["utility"]
    assert utility["better_than_table"] is False and utility["distinct_pictures_per_target"] == 3
    assert utility["motion"]["protected"]["intensity_within_r2"] < 0.1
    first = summary(evaluation).split(".")[0]
    assert f"no better than a table of {utility['table']['pictures']} pictures" in " ".join(first.split())
    assert "encoder" in summary(evaluation)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What leaves the device" in page and "What the encoder knows" in page


def test_one_person_s_misread_anger_leaks(tmp_path):
    """A code that is disgust for half of one person's anger, and right for all others."""
    dump = make_dump("table")
    random = np.random.default_rng(0)

    def misread(images):
        rows = (images.id == 3) & (images.ep == 2) & (random.random(len(images)) < 0.5)
        code = np.where(rows, 1, images.ep)
        stored = {
            (c, e): images.p[(images.c == c) & (images.ep == e)][0] for c in range(PEOPLE) for e in range(EXPRESSIONS)
        }
        pictures = np.stack([stored[c, e] for c, e in zip(images.c, code, strict=True)])
        return dataclasses.replace(images, p=pictures, r=np.eye(EXPRESSIONS, dtype=np.float32)[code], mu=None)

    evaluation = audit(dump.changed(misread), tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "leaks" and evaluation["questions"]["named"]["answered"]
    release = evaluation["privacy"]["release"]
    assert release["g_test"]["p_value"] < 0.001
    assert set(release["attackers"]) == set(codes.TABLES)
    assert evaluation["questions"]["named"]["attacker"] in ("G-test of codes", *codes.TABLES)
    assert evaluation["encoder"] is None and evaluation["privacy"]["scenario_3"] is None


def test_people_held_out_are_audited_whole(tmp_path):
    dump = of_people_held_out(small_dump("rendered", train=480, test=60, others=480))
    evaluation = audit(dump, tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] != "leaks", evaluation["reason"]
    assert evaluation["identities"] == list("ghijkl") and evaluation["n_test"] == 480
    assert evaluation["cross_fitted"] and evaluation["n_train"] == 320
    assert any("pretrained" in name for name in evaluation["privacy"]["scenario_2"]["attackers"])
    assert evaluation["utility"]["target_success"]["accuracy"] > 0.9
    linked = evaluation["linkability"]
    assert linked["test"]["people"] == linked["strangers"]["people"] == evaluation["open_set"]["people"] == 6
    assert evaluation["membership"]["images"] is None
    members = evaluation["membership"]["identities"]["strongest"]
    assert (members["member_people"], members["other_people"]) == (6, 6)


def test_a_subverted_generator_leaks(tmp_path):
    changed = subverted.subvert(make_dump("rendered"), seed=0, quick=True, progress=silent)
    evaluation = audit(changed, tmp_path, quick=True, progress=silent)
    assert evaluation["verdict"] == "leaks" and evaluation["questions"]["named"]["answered"]
    assert evaluation["privacy"]["scenario_2"]["strongest"]["interval"][0] > 0.15
    assert evaluation["privacy"]["scenario_3"] is None and evaluation["privacy"]["release"] is None


@pytest.mark.parametrize("kind", ("same", "rendered"))
def test_vectors_that_are_released_without_pictures_are_audited(kind, tmp_path):
    """Landmarks or blendshape weights, say."""
    dump = with_strangers(make_dump(kind, 400, 300), kind).without("p", "c", "mu")
    evaluation = audit(dump, tmp_path, quick=True, progress=silent)
    assert (evaluation["verdict"] == "leaks") == (kind == "same"), evaluation["reason"]
    assert (
        evaluation["privacy"]["scenario_1"] is evaluation["privacy"]["scenario_2"] is evaluation["robustness"] is None
    )
    assert evaluation["privacy"]["release"]["strongest"]["interval"][0 if kind == "same" else 1] > 0.1
    assert "{" not in re.sub(r"<style.*?</style>", "", (tmp_path / "report.html").read_text(), flags=re.DOTALL)
    assert summary(evaluation)


def test_names_that_mean_nothing_are_read_at_chance():
    dump, random = make_dump("same", 600, 300), np.random.default_rng(0)
    shuffled = dump.changed(lambda images: dataclasses.replace(images, id=random.permutation(images.id)))
    found = reidentification.identity_attacks(shuffled, [0], quick=True, progress=silent)
    for name in reidentification.SCENARIOS:
        shares = [(runs[0].argmax(axis=1) == shuffled.tested.id).mean() for runs in found[name].values()]
        assert max(shares) < 1 / PEOPLE + 0.08
        assert reidentification.naming(shuffled, found[name]).p_value > 0.01


def test_an_interrupted_audit_goes_on(tmp_path, monkeypatch):
    dump, called = make_dump("rendered", 40, 20), []

    def part(name):
        return lambda *arguments: (
            called.append(name) or ({"name": name}, {"originals": np.zeros((1, 4, 4, 3), np.uint8)})
        )

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(conductor, "STEPS", {"first": part("first"), "inversion": interrupted})
    monkeypatch.setattr(conductor, "_evaluation", lambda *arguments: {"verdict": "leaks", "reason": str(arguments[3])})
    with pytest.raises(KeyboardInterrupt):
        audit(dump, tmp_path, progress=silent)
    assert not (tmp_path / "evaluation.json").exists()
    monkeypatch.setattr(conductor, "STEPS", {name: part(name) for name in ("first", "inversion")})
    lines = []
    evaluation = audit(dump, tmp_path, progress=lines.append)
    assert called == ["first", "inversion"] and "'name': 'first'" in evaluation["reason"]
    assert lines[0] == "first: found, measured before" and not (tmp_path / "unfinished").exists()

    monkeypatch.setattr(conductor, "STEPS", {"first": part("first"), "inversion": interrupted})
    with pytest.raises(KeyboardInterrupt):
        audit(dump, tmp_path, progress=silent)
    monkeypatch.setattr(conductor, "STEPS", {name: part(name) for name in ("first", "inversion")})
    audit(dump, tmp_path, quick=True, progress=silent)
    assert sorted(called[3:]) == ["first", "inversion"], "other settings are another audit"


def test_when_one_part_of_an_audit_fails_the_others_end(tmp_path, monkeypatch):
    failing, ended, lines = threading.Event(), [], []

    def endless(dump, seeds, quick, progress, decode):
        try:
            for number in itertools.count():
                progress(f"step {number}")
                failing.set()
        finally:
            ended.append("endless")

    def fails(*arguments):
        failing.wait()
        raise InputError("no room left")

    monkeypatch.setattr(conductor, "WORKERS", 2)
    monkeypatch.setattr(conductor, "STEPS", {"endless": endless, "fails": fails})
    with pytest.raises(InputError, match="no room left"):
        audit(make_dump("rendered", 40, 20), tmp_path, progress=lines.append)
    assert lines[0] == "step 0" and ended == ["endless"]
