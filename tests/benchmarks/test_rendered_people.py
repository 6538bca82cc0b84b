"""benchmarks/rendered_people.py: its classifier is the encoder as a run begins with it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from vgan_tf.data.heads import motions
from vgan_tf.labels import EXPRESSIONS


@pytest.fixture
def rendered_people(monkeypatch):
    pytest.importorskip("moderngl", reason="no moderngl (pip install -e '.[heads]')")
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import rendered_people

    return rendered_people


def test_its_classifier_learns_and_reads(rendered_people):
    random = np.random.default_rng(0)
    labels = np.arange(64) % len(EXPRESSIONS)
    images = np.repeat(np.uint8(36 * labels)[:, None], 128 * 128 * 3, axis=1).reshape(64, 128, 128, 3)
    truth = random.normal(0, 0.1, (64, len(motions.TRUTH))).astype(np.float32)
    model = rendered_people.train(images, labels, truth, epochs=1, seed=0)
    assert int(model.encoder_optimizer.iterations) == 2
    shares = rendered_people.probabilities(model, images[:7, None])
    assert shares.shape == (7, 7) and np.allclose(shares.sum(axis=1), 1) and shares.std(axis=0).max() > 1e-4


class Darkening:
    """A run that darkens pictures, for each target by so much."""

    identities, config = ("ann", "bob"), SimpleNamespace(alpha=False)

    def protect(self, images, target, seed):
        return images // (2 + self.identities.index(target))


def test_photographs_are_read_as_a_run_protects_them(rendered_people, tmp_path, monkeypatch):
    monkeypatch.setattr("vgan_tf.run.load_run", lambda folder: Darkening())
    paths = [tmp_path / f"person{number}_neutral.png" for number in range(3)]
    for number, path in enumerate(paths):
        ramp = np.linspace(40 * number, 250, 300).astype(np.uint8)
        Image.fromarray(np.stack([np.tile(ramp, (300, 1))] * 3, axis=2)).save(path)
    made = rendered_people.protected_by("run", paths)
    assert made.shape == (3, 2, 2, 128, 128, 3)
    np.testing.assert_array_equal(made[:, :, 1], made[:, :, 0, :, ::-1])
    with Image.open(paths[2]) as image:
        np.testing.assert_array_equal(made[2, 1, 0], rendered_people.cut(image, 128) // 3)
    monkeypatch.setattr(Darkening, "config", SimpleNamespace(alpha=True))
    heads = rendered_people.protected_by("run", paths)
    # Two thirds of a head's width are the face's.
    np.testing.assert_allclose(heads[0, 0, 0, 64, [0, -1], 0], made[0, 0, 0, 64, [21, 106], 0], atol=2)
