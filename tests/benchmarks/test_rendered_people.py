"""benchmarks/rendered_people.py: its classifier is the encoder as a run begins with it."""

import sys

import numpy as np
import pytest
from helpers import ROOT

from vgan_tf.data.heads import motions
from vgan_tf.labels import EXPRESSIONS


def test_its_classifier_learns_and_reads(monkeypatch):
    pytest.importorskip("moderngl", reason="no moderngl (pip install -e '.[heads]')")
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import rendered_people

    random = np.random.default_rng(0)
    labels = np.arange(64) % len(EXPRESSIONS)
    images = np.repeat(np.uint8(36 * labels)[:, None], 128 * 128 * 3, axis=1).reshape(64, 128, 128, 3)
    truth = random.normal(0, 0.1, (64, len(motions.TRUTH))).astype(np.float32)
    model = rendered_people.train(images, labels, truth, epochs=1, seed=0)
    assert int(model.encoder_optimizer.iterations) == 2
    shares = rendered_people.probabilities(model, images[:7, None])
    assert shares.shape == (7, 7) and np.allclose(shares.sum(axis=1), 1) and shares.std(axis=0).max() > 1e-4
