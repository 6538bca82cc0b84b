"""benchmarks/strong_readers.py: what its figures say of readings that are known."""

import dataclasses
import sys

import numpy as np
import pytest
from helpers import ROOT, faces_with_counterparts

from vgan_tf.data.pipeline import latent_names, motion_of


@pytest.fixture
def readers(monkeypatch):
    pytest.importorskip("moderngl", reason="no moderngl (pip install -e '.[heads]')")
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import strong_readers

    return strong_readers


@pytest.fixture
def faces():
    faces, random = faces_with_counterparts(), np.random.default_rng(3)
    truth = {**faces.truth, "intensity": random.uniform(0.4, 1.2, len(faces)).astype(np.float32)}
    return dataclasses.replace(faces, truth=truth)


def values(found):
    for figure in found.values():
        low, high = figure["interval"]
        assert low <= figure["value"] <= high
    return {name: figure["value"] for name, figure in found.items()}


KINDS = ("strength within", "all motion within", "yaw", "gaze")


def test_a_perfect_reading_and_one_that_says_nothing(readers, faces):
    true = motion_of(faces, np.arange(len(faces)))
    perfect = values(readers.figures(faces.expression, true, faces))
    assert perfect == {"expression": 1.0, **dict.fromkeys(KINDS, 1.0)}
    still = values(readers.figures(0 * faces.expression, 0 * true + true.mean(axis=0), faces))
    assert still["expression"] == pytest.approx(1 / 7, abs=1e-3)
    assert [still[name] for name in KINDS] == pytest.approx([0, 0, 0, 0], abs=1e-3)


def test_half_of_a_movement_and_what_the_name_gives_for_nothing(readers, faces):
    true = motion_of(faces, np.arange(len(faces)))
    assert values(readers.figures(faces.expression, true / 2, faces))["all motion within"] == pytest.approx(0.75)
    # Off by another amount for each expression.
    biased = true + np.repeat(faces.expression[:, None] * 0.3, true.shape[1], axis=1).astype(np.float32)
    found = values(readers.figures(faces.expression, biased, faces))
    assert found["strength within"] == found["all motion within"] == 1 > found["yaw"]


def test_strengths_count_where_an_expression_is_shown(readers, faces):
    true = motion_of(faces, np.arange(len(faces)))
    neutral = faces.expression == faces.expressions.index("neutral")
    shouting = true.copy()
    shouting[neutral, : len(faces.expressions) - 1] = 5
    assert values(readers.figures(faces.expression, shouting, faces))["strength within"] == 1
    shouting[~neutral, latent_names(faces).index("joy")] += 1  # also where another expression is shown
    assert values(readers.figures(faces.expression, shouting, faces))["strength within"] == 1


def test_heads_are_read_in_the_framing_of_faces(readers, faces):
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8)[:, None], (2, 128, 1, 3))
    faces = dataclasses.replace(faces, counterpart_images=np.concatenate([ramp, 255 + 0 * ramp[..., :1]], axis=3))
    (first, _) = readers.counterparts(faces)
    assert first.shape == (128, 128, 3)
    np.testing.assert_allclose(first[64, [0, -1], 0], ramp[0, 64, [21, 106], 0], atol=2)
