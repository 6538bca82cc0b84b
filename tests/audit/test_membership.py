"""Membership: found where a generator marks what trained it, and nowhere else."""

import dataclasses

import numpy as np
import pytest
from small_dumps import PEOPLE, of_people_held_out, released, silent, small_dump

from vgan_tf.audit import evidence
from vgan_tf.audit.attacks.membership import Candidates, _exchanged_members, _half, auc_interval, membership


@pytest.fixture(scope="module")
def dump():
    return small_dump("rendered", train=900, test=300, others=300)


def with_protected(dump, images):
    return dataclasses.replace(dump, train=dataclasses.replace(dump.train, p=images.clip(0, 255).astype(np.uint8)))


def with_longer_latents(dump, *sets):
    images = {name: getattr(dump, name) for name in sets}
    return dataclasses.replace(dump, **{n: dataclasses.replace(one, mu=2 * one.mu) for n, one in images.items()})


def test_nothing_is_found_where_nothing_is_marked(dump):
    found, of_sides = membership(dump, [0], True, silent)
    images, people = found["images"], found["identities"]
    assert (images["strongest"]["members"], images["strongest"]["others"]) == (450, 1050)
    assert all(abs(one["auc"] - 0.5) < 0.1 for one in images["attackers"].values())
    assert abs(images["originals_alone"] - 0.5) < 0.1
    assert (people["strongest"]["member_people"], people["strongest"]["other_people"]) == (PEOPLE, PEOPLE)
    # Twelve people say little, and the interval must say so.
    assert all(low < 0.5 < high for low, high in (one["interval"] for one in people["attackers"].values()))
    assert all(one.p_value > 0.05 for one in of_sides.values())


def test_a_generator_that_marks_training_images_is_caught(dump):
    mark = np.random.default_rng(1).integers(-5, 6, dump.train.p.shape[1:])
    marked = with_protected(dump, dump.train.p + mark * dump.trained[:, None, None, None])
    found, of_sides = membership(marked, [0], True, silent)
    images = found["images"]
    strongest = images["strongest"]
    assert strongest["auc"] > 0.95 and strongest["interval"][0] > 0.9
    assert strongest["tpr_at_fpr_1_percent"] > 0.5 and strongest["tpr_at_fpr_1_percent_interval"][0] > 0.4
    assert strongest["tpr_at_fpr_0_1_percent"] is None and strongest["tpr_at_fpr_0_1_percent_interval"] is None
    assert abs(images["originals_alone"] - 0.5) < 0.1
    assert of_sides["device"].p_value <= 0.001 and of_sides["encoder"].p_value > 0.05


def test_images_of_one_clip_count_together(dump):
    train, test = (np.arange(len(images)) * 30 // len(images) for images in (dump.train, dump.test))
    bright = 12 * (dump.trained & (train % 3 == 0))  # every third clip with members gives them away
    alone = dataclasses.replace(
        with_protected(dump, dump.train.p + bright[:, None, None, None].astype(int)), fresh=None
    )
    together = dataclasses.replace(
        alone,
        train=dataclasses.replace(alone.train, clip=train),
        test=dataclasses.replace(alone.test, clip=30 + test),
    )
    alone, together = (
        membership(one, [0], True, silent)[0]["images"]["attackers"]["components of protected image"]
        for one in (alone, together)
    )
    assert alone["auc"] > 0.55 and together["auc"] > 0.55 and alone["members"] == together["members"]
    assert np.diff(together["interval"]) > 1.5 * np.diff(alone["interval"])
    hits = [one["tpr_at_fpr_1_percent_interval"] for one in (alone, together)]
    assert np.diff(hits[1]) > 1.5 * np.diff(hits[0])


def test_an_encoder_that_memorised_its_people_is_caught(dump):
    known = with_longer_latents(dump, "test", "fresh")
    for one, sides in ((known, {"encoder"}), (released(known), {"encoder", "device"})):
        found, of_sides = membership(dataclasses.replace(one, trained=None), [0], True, silent)
        strongest = found["identities"]["strongest"]
        assert strongest["auc"] > 0.9 and strongest["interval"][0] > 0.5 and strongest["people_auc"] == 1
        # Of twelve people, six are members: 924 ways to choose them.
        assert {side for side, one in of_sides.items() if one.p_value < 0.005} == sides


def test_people_held_out_are_no_members(dump):
    held_out = of_people_held_out(dump)
    for one, least in ((held_out, 0.4), (with_longer_latents(held_out, "references"), 0.9)):
        found, of_sides = membership(one, [0], True, silent)
        people = found["identities"]
        assert people["strongest"]["auc"] > least and people["strongest"]["members"] == people["strongest"]["others"]
        intervals = [one["interval"] for one in people["attackers"].values()]
        assert least > 0.5 or all(low < 0.5 < high for low, high in intervals)
        assert (of_sides["encoder"].p_value < 0.005) == (least > 0.5) and of_sides["device"].p_value > 0.05
    untrained = dataclasses.replace(dump, trained=np.zeros(len(dump.train), bool))
    assert membership(untrained, [0], True, silent)[0]["identities"] is None, "nobody trained it"
    others = dataclasses.replace(dump, targets=("v", "w", "x", "y", "z", "zz"), trained=None)
    assert membership(others, [0], True, silent)[0]["identities"] is None, "others than the targets"
    others = dataclasses.replace(others, trained=dump.trained)
    assert membership(others, [0], True, silent)[0]["identities"], "no targets, but trained on"


def test_vectors_without_pictures_are_attacked_and_a_release_of_few_values_breaks_nothing(dump):
    codes = np.eye(3, dtype=np.float32)
    for vectors_of in (lambda images: images.mu, lambda images: codes[images.ep], lambda images: codes[0 * images.ep]):
        vectors = released(dump, vectors_of).without("p", "mu", "z")
        found, of_sides = membership(vectors, [0], True, silent)
        for kind in ("images", "identities"):
            names = set(found[kind]["attackers"])
            assert {"release", "length of release", "all signals"} <= names
            assert not any("latent" in name or "protected" in name for name in names)
        assert of_sides["encoder"] is None and of_sides["device"].p_value > 0.05


def test_where_nothing_is_marked_evidence_is_as_rare_as_it_should_be(monkeypatch):
    monkeypatch.setattr(evidence, "PERMUTATIONS", 200)
    p_values = []
    for seed in range(40):
        vectors = released(small_dump("rendered", 180, 60, 60, seed=seed)).without("p", "mu", "z")
        p_values.append(membership(vectors, [0], True, silent)[1]["device"].p_value)
    assert sum(p <= 0.05 for p in p_values) <= 4 and np.mean(p_values) < 0.7


def test_members_are_exchanged_within_clips_that_hold_both_and_else_as_whole_clips():
    random = np.random.default_rng(0)
    clips, none = np.repeat(np.arange(20), 3), [None] * 4
    for member in (random.random(20).repeat(3) < 0.5, random.random(60) < 0.5):
        candidates = Candidates(*none[:2], np.zeros(60, int), np.zeros(60, int), *none[:3], clips, member)
        half = _half(candidates, 0)
        assert all(len(np.unique(half[clips == clip])) == 1 for clip in range(20)) and 0.3 < half.mean() < 0.7
        for said in _exchanged_members(candidates, half)[:20]:
            assert said[half].sum() == member[half].sum()
            if len(np.unique(member[:3])) == 1 and (member == member.reshape(20, 3)[:, :1].repeat(3, 1).ravel()).all():
                assert all(len(set(said[clips == clip])) == 1 for clip in range(20))
            else:
                assert (np.bincount(clips, said) == np.bincount(clips, member)).all()


def test_interval_of_an_area_by_its_counts():
    # For one half of 6 and 8: variance (1/4 + 12 (1/3 - 1/4)) / 48.
    low, high = auc_interval(0.5, 6, 8)
    assert (low, high) == pytest.approx((0.5 - 1.95996 * 0.161374, 0.5 + 1.95996 * 0.161374), abs=1e-4)
    assert 0.9 < auc_interval(1.0, 6, 8)[0] < 1


def test_unknown_training_images_and_missing_strangers_are_left_out(dump):
    lines = []
    found, of_sides = membership(dataclasses.replace(dump, trained=None, strangers=None), [0], True, lines.append)
    assert found["images"] is None and found["identities"] is None and len(lines) == 2
    assert of_sides == {"device": None, "encoder": None}
