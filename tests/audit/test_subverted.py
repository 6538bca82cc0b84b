"""A subverted anonymizer passes the usual checks, and the audit's attackers catch it."""

import numpy as np
import pytest

from vgan_tf.audit import Dump, Images, attackers
from vgan_tf.audit.controls import positive, subverted

PEOPLE, EXPRESSIONS, SIZE = 4, 3, 32


def silent(line):
    pass


@pytest.fixture(scope="module")
def clean():
    """A dump of patterns whose protected images show a random target in place of the person."""
    random = np.random.default_rng(0)
    faces = random.integers(30, 220, (PEOPLE, 8, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    moods = random.integers(30, 220, (EXPRESSIONS, 8, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)

    def draw(identity, expression):
        pixels = np.concatenate([faces[identity], moods[expression]], axis=2)
        return (pixels + random.integers(-4, 5, pixels.shape)).astype(np.uint8)

    parts = {}
    for part, count in (("train", 400), ("test", 200)):
        identity, expression = np.arange(count) % PEOPLE, random.integers(0, EXPRESSIONS, count)
        target = random.integers(0, PEOPLE, count)
        parts[part] = Images(
            x=draw(identity, expression),
            p=draw(target, expression),
            id=identity,
            ep=expression,
            c=target,
            mu=random.normal(size=(count, 8)).astype(np.float32),
        )
    return Dump(**parts)


@pytest.fixture(scope="module")
def changed(clean):
    return subverted.subvert(clean, seed=0, quick=True, progress=silent)


def test_the_hidden_identity_is_invisible_and_passes_the_usual_checks(clean, changed):
    change = np.abs(changed.test.p.astype(int) - clean.test.p)
    assert 0 < change.max() <= subverted.MOST_LEVELS
    assert changed.test.p.dtype == np.uint8 and changed.test.mu is None and changed.strangers is None
    np.testing.assert_array_equal(changed.train.x, clean.train.x)
    checks = subverted.usual_checks(clean, changed)
    for title in ("identity, learnt from originals", "expression, learnt from originals"):
        assert abs(checks[title]["after"]["accuracy"] - checks[title]["before"]["accuracy"]) < 0.05
    assert checks["expression, learnt from originals"]["after"]["accuracy"] > 0.9
    assert checks["largest_change"] == change.max() and checks["mean_change"] == pytest.approx(change.mean())


def test_hiding_is_repeatable(clean, changed):
    again = subverted.subvert(clean, seed=0, quick=True, progress=silent)
    np.testing.assert_array_equal(again.test.p, changed.test.p)


def test_attackers_catch_the_hidden_identity(clean):
    figures = positive.subverted_controls(clean, quick=True, progress=silent)
    assert figures.pop("usual_checks") is None, "a first look leaves them out"
    read = {kind: {name: one["accuracy"] for name, one in found.items()} for kind, found in figures.items()}
    assert read["subverted_generator"]["ridge on pixels"] > 0.9
    assert "ridge on pixels, after JPEG of quality 50" in read["subverted_generator"]
    faced = {one.kind for one in attackers.QUICK_IMAGE_ATTACKERS if one.name in read["subverted_generator"]}
    assert faced == {one.kind for one in attackers.QUICK_IMAGE_ATTACKERS}
    assert read["hidden_in_latent"]["logistic"] < 0.6 and max(read["hidden_in_latent"].values()) > 0.9
    predict = attackers.train(attackers.PIXEL_RIDGE, clean.train.p, clean.train.id, PEOPLE, 0, True)
    assert (predict(clean.test.p) == clean.test.id).mean() < 0.4


def test_hidden_latents_have_the_same_mean_whatever_the_identity(clean):
    hidden = positive.hide_in_latent(clean)
    assert hidden.train.mu.shape == (400, positive.LATENT_WIDTH) and hidden.train.z is None
    for person in range(PEOPLE):
        values = hidden.train.mu[hidden.train.id == person]
        assert np.abs(values.mean(axis=0)).max() < 0.6 and values.var() == pytest.approx(1, abs=0.3)
        strongest = np.linalg.eigvalsh(np.cov(values.T))[-1]
        assert strongest > 5  # all along one direction, where noise alone would have a variance of about 1
