"""Membership: found where a generator marks what trained it, and nowhere else."""

import dataclasses

import numpy as np
import pytest
from small_dumps import PEOPLE, of_people_held_out, silent, small_dump

from vgan_tf.audit.attacks.membership import auc_interval, membership


@pytest.fixture(scope="module")
def dump():
    return small_dump("rendered", train=900, test=300, others=300)


def test_nothing_is_found_where_nothing_is_marked(dump):
    found = membership(dump, [0], True, silent)
    images, people = found["images"], found["identities"]
    assert (images["strongest"]["members"], images["strongest"]["others"]) == (450, 1050)
    assert all(abs(one["auc"] - 0.5) < 0.1 for one in images["attackers"].values())
    assert abs(images["originals_alone"] - 0.5) < 0.1
    assert (people["strongest"]["member_people"], people["strongest"]["other_people"]) == (PEOPLE, PEOPLE)
    # Twelve people say little, and the interval must say so.
    assert all(low < 0.5 < high for low, high in (one["interval"] for one in people["attackers"].values()))


def test_a_generator_that_marks_training_images_is_caught(dump):
    mark = np.random.default_rng(1).integers(-5, 6, dump.train.p.shape[1:])
    marked = (dump.train.p + mark * dump.trained[:, None, None, None]).clip(0, 255).astype(np.uint8)
    images = membership(dataclasses.replace(dump, p_train=marked), [0], True, silent)["images"]
    strongest = images["strongest"]
    assert strongest["auc"] > 0.95 and strongest["interval"][0] > 0.9
    assert strongest["tpr_at_fpr_1_percent"] > 0.5 and strongest["tpr_at_fpr_1_percent_interval"][0] > 0.4
    assert strongest["tpr_at_fpr_0_1_percent"] is None and strongest["tpr_at_fpr_0_1_percent_interval"] is None
    assert abs(images["originals_alone"] - 0.5) < 0.1


def test_images_of_one_clip_count_together(dump):
    train, test = (np.arange(len(labels)) * 30 // len(labels) for labels in (dump.train.id, dump.test.id))
    clips = {"clip_train": train, "clip_test": 30 + test}
    bright = 12 * (dump.trained & (train % 3 == 0))  # every third clip with members gives them away
    marked = (dump.train.p + bright[:, None, None, None]).clip(0, 255).astype(np.uint8)
    marked = dataclasses.replace(dump, p_train=marked, fresh=None)
    alone, together = (
        membership(one, [0], True, silent)["images"]["attackers"]["components of protected image"]
        for one in (marked, dataclasses.replace(marked, **clips))
    )
    assert alone["auc"] == together["auc"] > 0.55 and alone["members"] == together["members"]
    assert np.diff(together["interval"]) > 1.5 * np.diff(alone["interval"])
    hits = [one["tpr_at_fpr_1_percent_interval"] for one in (alone, together)]
    assert np.diff(hits[1]) > 1.5 * np.diff(hits[0])


def test_an_encoder_that_memorised_its_people_is_caught(dump):
    known = {name: dataclasses.replace(dump.fresh, mu=2 * dump.fresh.mu) for name in ("fresh",)}
    people = membership(dataclasses.replace(dump, mu_test=2 * dump.test.mu, **known), [0], True, silent)["identities"]
    strongest = people["strongest"]
    assert strongest["auc"] > 0.9 and strongest["interval"][0] > 0.5 and strongest["people_auc"] == 1


def test_people_held_out_are_no_members(dump):
    held_out = of_people_held_out(dump)
    known = dataclasses.replace(held_out.references, mu=2 * held_out.references.mu)
    for one, least in ((held_out, 0.4), (dataclasses.replace(held_out, references=known), 0.9)):
        people = membership(one, [0], True, silent)["identities"]
        assert people["strongest"]["auc"] > least and people["strongest"]["members"] == people["strongest"]["others"]
        assert least > 0.5 or all(
            low < 0.5 < high for low, high in (x["interval"] for x in people["attackers"].values())
        )
    untrained = dataclasses.replace(dump, trained=np.zeros(len(dump.train.id), bool))
    assert membership(untrained, [0], True, silent)["identities"] is None, "nobody trained it"
    others = dataclasses.replace(dump, targets=("v", "w", "x", "y", "z", "zz"), trained=None)
    assert membership(others, [0], True, silent)["identities"] is None, "others than the targets"


def test_interval_of_an_area_by_its_counts():
    # For one half of 6 and 8: variance (1/4 + 12 (1/3 - 1/4)) / 48.
    low, high = auc_interval(0.5, 6, 8)
    assert (low, high) == pytest.approx((0.5 - 1.95996 * 0.161374, 0.5 + 1.95996 * 0.161374), abs=1e-4)
    assert 0.9 < auc_interval(1.0, 6, 8)[0] < 1


def test_unknown_training_images_and_missing_strangers_are_left_out(dump):
    lines = []
    found = membership(dataclasses.replace(dump, trained=None, strangers=None), [0], True, lines.append)
    assert found["images"] is None and found["identities"] is None and len(lines) == 2
