"""A sweep trains a run for each value, and trains none twice."""

import pytest

from vgan_tf.comparison import sweep
from vgan_tf.errors import InputError
from vgan_tf.run import open_run


def test_a_sweep_trains_what_is_missing(tmp_path, monkeypatch):
    trained = []

    def train(run, faces):
        trained.append((run.folder.name, run.config.latent_dependence_weight, run.config.epochs))
        run.save_config()
        run.classifier_path.write_bytes(b"")

    monkeypatch.setattr(sweep.training, "train", train)
    values = "latent_dependence_weight=0,2.5"
    folders = sweep.sweep(values, "tiny", tmp_path, epochs=1)
    assert folders == [tmp_path / "latent_dependence_weight=0", tmp_path / "latent_dependence_weight=2.5"]
    assert trained == [("latent_dependence_weight=0", 0.0, 1), ("latent_dependence_weight=2.5", 2.5, 1)]
    assert open_run(folders[1]).config.latent_dependence_weight == 2.5
    (folders[0] / "expression.weights.h5").unlink()
    sweep.sweep("latent_dependence_weight=0,2.5,5", "tiny", tmp_path, epochs=1)
    assert [name.rpartition("=")[2] for name, _, _ in trained[2:]] == ["0", "5"]
    with pytest.raises(InputError, match="another configuration"):
        sweep.sweep(values, "tiny", tmp_path, epochs=2)
    for wrong in ("latent_dependence_weight", "no_such_weight=1", "latent_dependence_weight=1,-1"):
        with pytest.raises(InputError):
            sweep.sweep(wrong, "tiny", tmp_path)
    assert len(trained) == 4
