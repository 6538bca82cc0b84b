"""The run folder: loading needs nothing else, and nothing half-written is ever left in it."""

import csv
import dataclasses
import errno
import json
import re
import shutil

import numpy as np
import pytest
from helpers import ROOT, noise_faces, tiny_config, values_of

from vgan_tf import load_run
from vgan_tf.errors import InputError
from vgan_tf.images import write_image
from vgan_tf.run import Run, open_run, require_new


@pytest.fixture
def copy(trained_folder, tmp_path):
    return shutil.copytree(trained_folder, tmp_path / "copy")


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def compiled(run):
    model = run.build_model()
    model.compile(total_steps=run.config.epochs * run.steps_per_epoch)
    return model


def test_a_trained_run_holds_all_that_the_interface_promises(trained_folder, trained_model):
    names = {path.name for path in trained_folder.iterdir()}
    assert names == {
        "config.json",
        "model.weights.h5",
        "expression.weights.h5",
        "checkpoints",
        "history.csv",
        "samples",
    }
    stored = json.loads((trained_folder / "config.json").read_text())
    assert stored["image_size"] == 64 and len(stored["data_fingerprint"]) == 64 and "tensorflow" in stored["versions"]
    assert [path.name for path in sorted((trained_folder / "samples").iterdir())] == [
        f"epoch_000{epoch}.png" for epoch in (1, 2, 3)
    ]
    assert [epoch for epoch, _ in open_run(trained_folder).checkpoints()] == [2, 3]
    with open(trained_folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    metrics = {metric.name for metric in trained_model.metrics}
    assert set(rows[0]) == {"epoch", "seconds", *metrics, *(f"val_{name}" for name in metrics)}
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]


def test_weights_survive_saving_and_loading_bit_for_bit(trained_folder, trained_model, tmp_path):
    images = noise_faces().images[:6]
    protected = trained_model.protect(images, seed=1)
    run = dataclasses.replace(open_run(trained_folder), folder=tmp_path)
    assert (run.build_model().protect(images, seed=1) != protected).any(), "the weights did not matter"
    run.save_config()
    run.save_weights(trained_model)
    np.testing.assert_array_equal(load_run(tmp_path).protect(images, seed=1), protected)
    assert open_run(tmp_path) == run


def test_a_checkpoint_restores_weights_optimizers_and_random_states(trained_folder, tmp_path):
    run = dataclasses.replace(open_run(trained_folder), folder=tmp_path)
    shutil.copytree(trained_folder / "checkpoints", tmp_path / "checkpoints")
    model = compiled(run)
    assert run.restore_checkpoint(model) == 3
    assert int(model.generator_optimizer.iterations) == 3 * run.steps_per_epoch == 30
    trained = load_run(trained_folder)
    for restored, loaded in zip(values_of(model.weights), values_of(trained.weights), strict=True):
        np.testing.assert_array_equal(restored, loaded)
    assert (model.seed_generator.state.numpy() != trained.seed_generator.state.numpy()).any()
    for epoch in (4, 5):
        run.save_checkpoint(model, epoch)
    assert [epoch for epoch, _ in run.checkpoints()] == [4, 5]


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda run: truncate(run / "model.weights.h5"), "model.weights.h5"),
        (lambda run: (run / "model.weights.h5").write_bytes(b""), "model.weights.h5"),
        (lambda run: (run / "model.weights.h5").unlink(), "model.weights.h5"),
        (lambda run: truncate(run / "config.json"), "config.json"),
        (lambda run: (run / "config.json").write_text("[]"), "config.json"),
        (lambda run: (run / "config.json").write_text('{"config": {}}'), "config.json"),
        (lambda run: (run / "config.json").write_bytes(b"\xff\xfe"), "config.json"),
        (lambda run: (run / "config.json").unlink(), "not a run folder"),
    ],
)
def test_a_damaged_run_is_refused_with_its_path(copy, damage, named):
    damage(copy)
    with pytest.raises(InputError) as error:
        load_run(copy)
    assert named in str(error.value) and str(copy) in str(error.value) and len(str(error.value).splitlines()) == 1


def test_weights_of_another_model_are_refused(copy):
    stored = json.loads((copy / "config.json").read_text())
    stored["config"]["latent_dim"] += 1
    (copy / "config.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="model.weights.h5"):
        load_run(copy)
    run = open_run(copy)
    with pytest.raises(InputError, match="epoch_00003.npz"):
        run.restore_checkpoint(compiled(run))


def test_a_truncated_checkpoint_is_refused_with_its_path_and_the_one_before_serves(copy):
    run = open_run(copy)
    model = compiled(run)
    _, newest = run.checkpoints()[-1]
    truncate(newest)
    before = values_of(model.variables)
    with pytest.raises(InputError, match="epoch_00003.npz"):
        run.restore_checkpoint(model)
    assert all(np.array_equal(a, b) for a, b in zip(before, values_of(model.variables), strict=True))
    newest.unlink()
    assert run.restore_checkpoint(model) == 2


def test_a_full_disk_leaves_every_file_as_it_was(copy, trained_model, monkeypatch):
    run, before = open_run(copy), files_of(copy)
    model = compiled(run)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vgan_tf.files.os.fsync", full)
    for write in (
        lambda: run.save_config(),
        lambda: run.save_weights(model),
        lambda: run.save_checkpoint(model, 4),
        lambda: run.write_history([{"epoch": 1}]),
        lambda: write_image(copy / "samples" / "epoch_0001.png", np.zeros((64, 64, 3), np.uint8)),
    ):
        with pytest.raises(OSError, match="No space"):
            write()
        assert files_of(copy) == before


def test_a_folder_that_holds_a_run_or_is_a_file_is_not_overwritten(copy, tmp_path):
    require_new(tmp_path / "new")
    for taken, reason in ((copy, "--resume"), (copy / "config.json", "is a file")):
        with pytest.raises(InputError, match=reason):
            require_new(taken)


def test_a_run_without_checkpoint_starts_from_its_seed(tmp_path):
    run = Run(tmp_path, tiny_config(), ("ann", "bob"), ("joy", "fear"), "", 1)
    first, second = compiled(run), compiled(run)
    assert run.restore_checkpoint(first) == 0 and run.read_history(9) == []
    for a, b in zip(values_of(first.weights), values_of(second.weights), strict=True):
        np.testing.assert_array_equal(a, b)
    other = dataclasses.replace(run, config=run.config.replace(seed=1)).build_model()
    assert (other.encoder.weights[0].numpy() != first.encoder.weights[0].numpy()).any()


def test_nothing_unpickles():
    forbidden = re.compile(
        r"^\s*(?:import|from)\s+(?:c?[Pp]ickle|joblib|dill|cloudpickle)\b|allow_pickle\s*=\s*True", re.M
    )
    sources = [path for path in ROOT.rglob("*.py") if not path.is_relative_to(ROOT / "tests")]
    sources = [path for path in sources if not {"build", ".venv"} & set(path.relative_to(ROOT).parts)]
    assert len(sources) > 20
    assert [str(path) for path in sources if forbidden.search(path.read_text(encoding="utf-8"))] == []
