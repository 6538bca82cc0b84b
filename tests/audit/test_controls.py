"""Controls fail where attackers are blind or see what they should not."""

import dataclasses
import json

import numpy as np
import pytest

from vgan_tf.audit import Dump, Images, attackers
from vgan_tf.audit.controls import negative, positive

PEOPLE, SIZE = 4, 16


def silent(line):
    pass


@pytest.fixture(scope="module")
def dump():
    random = np.random.default_rng(0)
    faces = random.integers(60, 190, (PEOPLE, SIZE, SIZE, 3))
    parts = {}
    for part, count in (("train", 320), ("test", 320)):
        person = np.arange(count) % PEOPLE
        images = (faces[person] + random.normal(0, 10, (count, SIZE, SIZE, 3))).astype(np.uint8)
        noise = random.integers(0, 256, images.shape, dtype=np.uint8)
        latents = random.normal(size=(count, 5)).astype(np.float32)
        parts[part] = Images(x=images, p=noise, mu=latents, id=person, ep=person % 2)
    return Dump(**parts)


def by_all(predictions):
    """The same predictions by every quick attacker on images."""
    return {one.name: [predictions] for one in attackers.QUICK_IMAGE_ATTACKERS}


def test_attackers_that_see_pass_and_blind_ones_fail(dump):
    seeing, blind = by_all(dump.test.id), by_all(np.zeros(len(dump.test), np.int64))
    figures = positive.positive_control(dump, seeing, 0, quick=True, progress=silent)
    assert figures["ok"] and figures["required"] == pytest.approx(0.625)
    assert {"originals", "hidden_in_lowest_bits", "components"} < set(figures)
    assert figures["failed"] == []
    assert not positive.positive_control(dump, blind, 0, quick=True, progress=silent)["ok"]
    # Each kind of attacker for itself: what linear ones see does not excuse a blind network.
    one_blind = seeing | {attackers.SMALL_CNN.name: blind[attackers.SMALL_CNN.name]}
    figures = positive.positive_control(dump, one_blind, 0, quick=True, progress=silent)
    assert not figures["ok"] and figures["failed"] == ["network on originals"]


def test_what_controls_find_is_less_sure_where_images_of_a_clip_are_right_together(dump):
    clips = np.repeat(np.arange(40), 8)
    by_heart = by_all(np.where(clips % 5 < 4, dump.test.id, (dump.test.id + 1) % PEOPLE))
    of_clips = dataclasses.replace(
        dump,
        train=dataclasses.replace(dump.train, clip=100 + np.arange(320)),
        test=dataclasses.replace(dump.test, clip=clips),
    )
    found = [positive.positive_control(one, by_heart, 0, quick=True, progress=silent) for one in (dump, of_clips)]
    json.dumps(found, allow_nan=False)
    for kind in ("originals", "hidden_in_lowest_bits", "components"):
        alone, together = (next(iter(one[kind].values())) for one in found)
        assert together["accuracy"] == alone["accuracy"] and together["interval_over"] == "clips"
        assert np.ptp(together["interval"]) > 1.5 * np.ptp(alone["interval"])


def test_hidden_bits_change_the_picture_by_one_level_at_most(dump):
    hidden = positive.hide_in_lowest_bits(dump.test.p, dump.test.id, PEOPLE, seed=1)
    assert np.abs(hidden.astype(int) - dump.test.p).max() == 1
    assert (hidden[dump.test.id == 0] & 1).std(axis=0).max() == 0, "one pattern for each person"


def test_shuffled_labels_are_read_at_chance_and_a_cheat_is_caught(dump, monkeypatch):
    figures = negative.negative_control(dump, 0, quick=True, progress=silent)
    assert figures["ok"] and figures["permutations"] == 20
    assert {f"{one.name} on mean" for one in attackers.QUICK_LATENT_ATTACKERS} < set(figures["attackers"])

    def cheat(train, validation, classes, seed, quick):
        truth = dict(zip((one.tobytes() for one in dump.test.p), dump.test.id, strict=True))
        return lambda others: np.tile(
            np.eye(classes)[[truth[one.tobytes()] for one in others]][:, None], (1, train.labels.shape[1], 1)
        )

    monkeypatch.setattr(attackers, "QUICK_IMAGE_ATTACKERS", (attackers.Attacker("cheat", cheat, "network"),))
    figures = negative.negative_control(dump, 0, quick=True, progress=silent)
    assert not figures["ok"] and not figures["attackers"]["cheat"]["ok"]
