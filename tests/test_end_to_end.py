"""From drawn faces to a protected picture at other sizes than 64 pixels, which all other tests have."""

import json

import numpy as np
import pytest
from helpers import running_eagerly
from PIL import Image

from export import export_run
from vgan_tf import load_run, preset, training
from vgan_tf.applications import complete, parse_mask
from vgan_tf.evaluation.audits import evaluate_run
from vgan_tf.images import write_image
from vgan_tf.ondevice import ExpressionReader, Protector


@pytest.mark.parametrize("size", [32, 128])
def test_a_run_is_trained_audited_exported_and_protects(size, few_companions, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CLASSIFIER_EPOCHS", 1)
    config = preset("tiny").replace(image_size=size, data="avatars:identities=3,images=63,seed=1", style_dim=2)
    run, faces = training.plan(config, tmp_path / "run", steps=2)
    assert faces.images.shape == (63, size, size, 3)
    with running_eagerly():
        training.train(run, faces)
    model = load_run(run.folder)
    assert json.loads((run.folder / "config.json").read_text())["image_size"] == size
    assert model.protect(faces.images[:2], "ada").shape == (2, size, size, 3)
    _, completed, _ = complete(model, faces.images[0], parse_mask("mouth", size), "same")
    changed = np.argwhere((completed != faces.images[0]).any(axis=-1))
    assert changed.min(axis=0)[0] >= 40 * size // 64 - 1 and changed.max(axis=0)[0] <= 55 * size // 64

    if size == 32:  # An audit takes minutes at 128; audit/test_sizes.py has its parts at that size.
        result, out = evaluate_run(run.folder, quick=True, progress=lambda line: None)
        assert result["n_test"] == len(training.partition(faces, config)[2]) + 84, "fresh ones are drawn"
        assert result["verdict"] in ("leaks", "inconclusive") and result["release"]["kind"] == "latent"
        assert any("inverted generator" in name for name in result["privacy"]["scenario_2"]["attackers"])
        assert (out / "summary.txt").read_text().count("%") > 3

    export_run(run.folder, tmp_path / "export", ("int8",), progress=lambda line: None, score=False)
    assert json.loads((tmp_path / "export" / "export.json").read_text())["image_size"] == size
    write_image(tmp_path / "face.png", faces.images[0])
    protected = Protector(tmp_path / "export").protect(tmp_path / "face.png", target="ada")
    assert isinstance(protected, Image.Image) and protected.size == (size, size)
    (read,) = ExpressionReader(tmp_path / "export").read(protected)
    assert sum(read["expression"].values()) == pytest.approx(1, abs=0.05)
