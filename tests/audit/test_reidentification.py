"""Attacks with fresh images, across targets, on several pictures of one person, and after processing."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.audit import Dump, Extra, attackers, processing
from vgan_tf.audit.attacks import averaging, reidentification
from vgan_tf.audit.statistics import wilson

PEOPLE, SIZE = 4, 16
SETTINGS = (PEOPLE, [0], True)


def silent(line):
    pass


def make_dump(strength, train=320, test=160, fresh=240, latent_noise=1.0):
    """Protected images that show their target, and faintly (`strength`) the person; latents likewise."""
    random = np.random.default_rng(0)
    faces = random.integers(60, 190, (PEOPLE, SIZE, SIZE, 3))
    traces = random.normal(0, 1, (PEOPLE, SIZE // 4, SIZE // 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    centres = random.normal(0, 1, (PEOPLE, 6))
    parts = {}
    for part, count in (("train", train), ("test", test), ("fresh", fresh)):
        person, target = np.arange(count) % PEOPLE, random.integers(0, PEOPLE, count)
        noise = random.normal(0, 8, (count, SIZE, SIZE, 3))
        latents = strength * centres[person] + latent_noise * random.normal(size=(count, 6))
        parts[part] = {
            "x": (faces[person] + noise).clip(0, 255).astype(np.uint8),
            "p": (faces[target] + strength * traces[person] + noise).clip(0, 255).astype(np.uint8),
            "id": person,
            "ep": random.integers(0, 2, count),
            "c": target,
            "mu": latents.astype(np.float32),
            "z": latents.astype(np.float32),
        }
    return Dump(
        **{f"{name}_{part}": values for part in ("train", "test") for name, values in parts[part].items()},
        fresh=Extra(**parts["fresh"]),
        identities=tuple("abcd"),
        expressions=("joy", "fear"),
        target_policy="uniform",
    )


@pytest.fixture(scope="module")
def leaking():
    return make_dump(2.0)


@pytest.fixture(scope="module")
def attacks(leaking):
    return reidentification.identity_attacks(leaking, [0], quick=True, progress=silent)


def accuracy(dump, scores):
    return float((scores[0].argmax(axis=1) == dump.test.id).mean())


def test_attackers_from_fresh_images_learn_from_nothing_else(leaking):
    spoilt = dataclasses.replace(leaking, p_train=np.zeros_like(leaking.train.p), mu_train=leaking.train.mu * 0)
    for key, attacker in (("p", attackers.PIXEL_RIDGE), ("mu", attackers.LOGISTIC)):
        first, second = (reidentification.attack_from_fresh(attacker, key, one, *SETTINGS) for one in (leaking, spoilt))
        np.testing.assert_array_equal(first[0], second[0])
        assert accuracy(leaking, first) > 0.8


def test_without_fresh_images_no_test_image_is_read_by_who_learnt_from_it(leaking):
    """An attacker that knows its training images by heart and guesses 0 elsewhere must guess 0 everywhere."""

    def by_heart(train, validation, classes, seed, quick):
        known = {one.tobytes(): label for one, label in zip(train.features, train.labels[:, 0], strict=True)}
        return lambda others: np.eye(classes)[[[known.get(one.tobytes(), 0)] for one in others]]

    alone = dataclasses.replace(leaking, fresh=None)
    scores = reidentification.attack_from_fresh(attackers.Attacker("by heart", by_heart), "p", alone, *SETTINGS)
    assert not scores[0].argmax(axis=1).any()
    assert accuracy(alone, reidentification.attack_from_fresh(attackers.PIXEL_RIDGE, "p", alone, *SETTINGS)) > 0.8


def test_a_trace_that_every_target_carries_is_read_across_targets(leaking):
    assert accuracy(leaking, reidentification.attack_across_targets(attackers.PIXEL_RIDGE, leaking, *SETTINGS)) > 0.8
    clean = make_dump(0.0)
    scores = reidentification.attack_across_targets(attackers.PIXEL_RIDGE, clean, *SETTINGS)
    assert 0.1 < accuracy(clean, scores) < 0.4
    fixed = np.zeros_like(leaking.fresh.c)
    for extra in (dataclasses.replace(leaking.fresh, c=None), dataclasses.replace(leaking.fresh, c=fixed)):
        one_target = dataclasses.replace(leaking, fresh=extra)
        assert reidentification.attack_across_targets(attackers.PIXEL_RIDGE, one_target, *SETTINGS) is None


def test_all_scenarios_and_what_is_left_out(leaking, attacks):
    names = set(attacks["scenario_2"])
    assert {one.name for one in attackers.QUICK_IMAGE_ATTACKERS} <= names == set(attacks["scores"]["scenario_2"])
    assert {
        f"{attackers.PIXEL_RIDGE.name}, from fresh images",
        f"{attackers.PIXEL_RIDGE.name}, across targets",
    } <= names
    figures = reidentification.scenario_figures(leaking.test.id, attacks["scenario_2"])
    assert figures["strongest"]["accuracy"] > 0.8
    figures = reidentification.scenario_figures(leaking.test.id, attacks["original"])
    assert figures["strongest"]["accuracy"] > 0.95
    assert any("sample" in name for name in attacks["scenario_3"]) and not reidentification.left_out(leaking)
    bare = dataclasses.replace(
        leaking,
        fresh=None,
        c_train=None,
        c_test=None,
        **{f"{n}_{p}": None for n in ("mu", "z") for p in ("train", "test")},
    )
    assert len(reidentification.left_out(bare)) == 3


def test_four_pictures_of_one_person_tell_more_than_one():
    dump = make_dump(1.0, latent_noise=1.5)
    attacks = reidentification.identity_attacks(dump, [0], quick=True, progress=silent)
    figures = averaging.averaging_attacks(dump, attacks, [0], quick=True, progress=silent)
    for kind, test in (("latents", "scenario_3"), ("images", "scenario_2")):
        figure = figures[f"{kind} of 4 pictures"]
        alone = reidentification.scenario_figures(dump.test.id, attacks[test])["strongest"]["accuracy"]
        assert figure["accuracy"] > alone + 0.05 and figure["groups"] == 40 and figure["chance"] == 0.25
        assert figure["attacker"] in figure["attackers"]


def test_targets_that_are_never_the_truth_rule_out_more_in_groups():
    test = np.arange(160) % PEOPLE
    excluded = (test + 1 + np.arange(160) // PEOPLE % 2) % PEOPLE  # two others in turn
    dump = dataclasses.replace(make_dump(0.0), c_test=excluded, target_policy="exclude-true")
    groups = np.arange(160).reshape(-1, 4, PEOPLE).transpose(0, 2, 1).reshape(-1, 4)
    assert averaging.chance_of_groups(dump, groups) == 1 / 2
    assert averaging.chance_of_groups(dataclasses.replace(dump, target_policy="uniform"), groups) == 1 / 4


def test_groups_hold_one_person_and_each_picture_once():
    labels = np.repeat([0, 1, 2], [9, 4, 3])
    groups, bundles = averaging.groups_of(labels, 4, seed=0)
    assert labels[groups].tolist() == [[0] * 4, [0] * 4, [1] * 4] and len(np.unique(groups)) == 12 and bundles is None
    drawn = averaging.random_groups(labels, 4, 10, seed=0)
    assert drawn.shape == (20, 4) and all(len(set(group)) == 4 and len(set(labels[group])) == 1 for group in drawn)


def test_groups_take_turns_among_the_clips_of_a_bundle_and_bundles_share_none():
    labels, clips = np.repeat([0, 1], [90, 12]), np.concatenate([np.repeat(np.arange(9), 10), np.repeat([9, 10], 6)])
    groups, bundles = averaging.groups_of(labels, 4, 0, clips)
    assert len(np.unique(groups)) == groups.size == 100  # 50 and 40 of label 0 make whole groups of 4 but for two
    assert all(len(np.unique(labels[group])) == 1 for group in groups)
    clips_of = [set(clips[groups[bundles == bundle]].ravel()) for bundle in range(3)]
    assert [len(one) for one in clips_of] == [5, 4, 2] and not set.intersection(*clips_of[:2])
    assert all(len(set(clips[group])) == 4 for group in groups[bundles == 1])


def test_intervals_are_as_wide_as_clips_are_few(leaking, attacks):
    """Clips that are known by heart, or not at all: their images are not independent, nor groups of them."""
    clips = np.repeat(np.arange(40), 4)
    person = (np.arange(40) % PEOPLE)[clips]
    known = np.where(clips % 5 < 4, person, (person + 1) % PEOPLE)
    dump = dataclasses.replace(leaking, id_test=person, clip_train=np.arange(320), clip_test=clips)
    scores = {name: {} for name in reidentification.SCENARIOS} | {"scenario_1": {"by heart": [np.eye(PEOPLE)[known]]}}
    averaged = averaging.averaging_attacks(dump, {"scores": scores}, [0], quick=True, progress=silent)
    treated = reidentification.robustness_attacks(dump, attacks, [0], quick=True, progress=silent)
    for figure, count, clusters in (
        (averaged["images of 4 pictures"], 40, 8),
        (averaged["latents of 4 pictures"], 40, 8),
        *((one, 160, 40) for one in treated.values()),
    ):
        assert (figure["interval_over"], figure["clusters"]) == ("clips", clusters)
        assert np.ptp(figure["interval"]) > np.ptp(wilson(figure["accuracy"] * count, count))


def test_a_coarse_trace_survives_what_pictures_meet_on_their_way(leaking, attacks):
    figures = reidentification.robustness_attacks(leaking, attacks, [0], quick=True, progress=silent)
    assert set(figures) == set(processing.QUICK_PROCESSINGS)
    assert all(figure["accuracy"] > 0.6 and figure["attacker"] in figure["attackers"] for figure in figures.values())


def test_processing_of_known_images():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    for name, process in processing.PROCESSINGS.items():
        processed = process(images, 0)
        assert processed.dtype == np.uint8 and processed.shape == images.shape and (processed != images).any(), name
        np.testing.assert_array_equal(processed, process(images, 0))
    assert processing.quantise(np.array([0, 7, 8, 255], np.uint8), 5).tolist() == [4, 4, 12, 252]
    grey = np.full((1, 16, 16, 3), 128, np.uint8)
    assert (processing.blur(grey, 1.0) == 128).all() and (processing.jpeg(grey, 75) == 128).all()
    assert processing.add_noise(np.full((4, 32, 32, 3), 128, np.uint8), 10.0, 0).std() == pytest.approx(10, abs=0.4)
