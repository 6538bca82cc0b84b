"""Inversion: the original comes back where it is shown, and no more than its expression where it is not."""

import dataclasses

import numpy as np
import pytest
from small_dumps import PEOPLE, of_people_held_out, released, silent, small_dump

from vgan_tf.audit import evidence
from vgan_tf.audit.attacks.inversion import PICTURES, inversion


def test_what_shows_the_person_is_painted_and_recognised():
    figures, pictures, of_sides = inversion(released(small_dump("same")), [0, 1], True, silent)
    assert figures["originals"]["recognised"]["accuracy"] > 0.95
    for name in ("from_protected", "from_release", "from_latent"):
        assert figures[name]["recognised"]["interval"][0] > 0.9
        assert figures[name]["error_levels"] < 0.7 * figures["class_mean"]["error_levels"]
    assert figures["from_release"] == figures["from_latent"]
    assert set(pictures) == {"originals", "protected", "class_mean", "from_protected", "from_release", "from_latent"}
    assert all(one.shape == (PICTURES, 16, 16, 3) and one.dtype == np.uint8 for one in pictures.values())
    assert all(one.p_value <= 0.001 for one in of_sides.values())
    assert (of_sides["device"].attackers, of_sides["encoder"].attackers) == (4, 2)


def test_what_shows_only_target_and_expression_paints_the_mean_face():
    figures, _, of_sides = inversion(small_dump("rendered", test=360), [0], True, silent)
    assert figures["chance"] == pytest.approx(1 / PEOPLE) and figures["from_release"] is None
    mean = figures["class_mean"]
    for name in ("from_protected", "from_latent"):
        assert all(abs(one["accuracy"] - 1 / PEOPLE) < 0.08 for one in figures[name]["attackers"].values())
        assert figures[name]["error_levels"] > 0.95 * mean["error_levels"]
    assert abs(mean["recognised"]["accuracy"] - 1 / PEOPLE) < 0.08
    assert all(one.p_value > 0.05 for one in of_sides.values())


def test_what_is_recognised_is_as_sure_as_there_are_clips():
    dump = dataclasses.replace(small_dump("same", 240, 120), fresh=None)
    clips = np.arange(120) // (6 * PEOPLE) * PEOPLE + dump.test.id
    of_clips = dataclasses.replace(
        dump,
        train=dataclasses.replace(dump.train, clip=np.arange(240)),
        test=dataclasses.replace(dump.test, clip=240 + clips),
    )
    alone, together = (inversion(one, [0], True, silent)[0] for one in (dump, of_clips))
    for name in ("originals", "class_mean", "from_protected", "from_latent"):
        first, second = (one[name]["recognised"] for one in (alone, together))
        assert second["interval_over"] == "clips" and second["clusters"] == len(np.unique(clips))
        assert second["accuracy"] == first["accuracy"] and np.ptp(second["interval"]) > np.ptp(first["interval"])


def test_without_latents_or_pictures_they_are_left_out():
    dump = dataclasses.replace(small_dump("same", 120, 60), fresh=None, strangers=None)
    figures, pictures, of_sides = inversion(dump.without("mu", "z"), [0], True, silent)
    assert figures["from_latent"] is None and "from_latent" not in pictures and of_sides["encoder"] is None
    figures, pictures, of_sides = inversion(released(dump).without("p", "c", "mu", "z"), [0], True, silent)
    assert figures["from_protected"] is None and set(pictures) == {"originals", "class_mean", "from_release"}
    assert figures["from_release"]["recognised"]["interval"][0] > 0.8 and of_sides["device"].p_value <= 0.001


def test_people_held_out_are_all_tested_by_those_who_learnt_from_others_of_their_images():
    dump = of_people_held_out(small_dump("same"))
    assert len(dump.tested) == 180 and len(dump.rounds) == 3
    figures, _, of_sides = inversion(dump, [0], True, silent)
    assert figures["from_protected"]["recognised"]["interval"][0] > 0.9
    assert of_sides["device"].p_value <= 0.001 and of_sides["device"].attackers == 2


def test_a_code_behind_which_the_encoder_knows_who_it_is():
    codes = np.eye(3, dtype=np.float32)
    dump = released(small_dump("same", 240, 120), lambda images: codes[images.ep])
    figures, _, of_sides = inversion(dataclasses.replace(dump.without("p"), discrete=True), [0], True, silent)
    assert of_sides["device"].p_value > 0.05 and of_sides["encoder"].p_value <= 0.001
    assert figures["from_release"]["error_levels"] == pytest.approx(figures["class_mean"]["error_levels"], rel=0.02)


def test_where_nothing_is_shown_evidence_is_as_rare_as_it_should_be(monkeypatch):
    monkeypatch.setattr(evidence, "PERMUTATIONS", 200)
    p_values = []
    for seed in range(40):
        dump = released(of_people_held_out(small_dump("rendered", 30, 30, 180, seed=seed))).without("p", "mu", "z")
        p_values.append(inversion(dump, [0], True, silent)[2]["device"].p_value)
    assert sum(p <= 0.05 for p in p_values) <= 4 and np.mean(p_values) < 0.7


def test_a_target_that_is_never_the_person_is_no_reconstruction():
    dump = released(small_dump("rendered", 240, 240)).without("p", "mu", "z")
    random = np.random.default_rng(0)

    def never_the_person(images):
        if images.identities != dump.identities:
            return images
        targets = (images.id + random.integers(1, PEOPLE, len(images))) % PEOPLE
        # The release names the target, and so rules one person out.
        return dataclasses.replace(images, c=targets, r=np.eye(PEOPLE, 12, dtype=np.float32)[targets])

    excluding = dataclasses.replace(dump.changed(never_the_person), target_policy="exclude-true")
    figures, _, of_sides = inversion(excluding, [0], True, silent)
    assert figures["chance"] == pytest.approx(1 / (PEOPLE - 1), abs=0.01)
    assert of_sides["device"].p_value > 0.05
