"""Training: fixed by its seed, unharmed by a kill, stopped by NaN, and honest about what it was given."""

import csv
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    ROOT,
    STUB_IDENTITIES,
    TINY_RUN,
    counterpart_config,
    faces_with_counterparts,
    make_model,
    noise_batch,
    noise_faces,
    tiny_config,
    values_of,
)

from vgan_tf import callbacks, load_run, protection, training
from vgan_tf.data.pipeline import latent_names
from vgan_tf.errors import InputError
from vgan_tf.images import to_float
from vgan_tf.protection import with_release
from vgan_tf.run import Run, load_aligner, load_expression_classifier, open_run

TRAIN_CLASSIFIER = training.train_expression_classifier


@pytest.fixture(autouse=True)
def the_game_alone(monkeypatch):
    """No pictures between epochs, and an expression classifier that has learnt nothing: these would cost most."""
    monkeypatch.setattr(callbacks, "sample_grid", lambda model, images: images[0])
    monkeypatch.setattr(training, "train_expression_classifier", lambda run, *_: run.build_classifier())


@pytest.fixture
def classifier(the_game_alone, monkeypatch):
    """One pass over the images for the expression classifier after all."""
    monkeypatch.setattr(training, "CLASSIFIER_EPOCHS", 1)
    monkeypatch.setattr(training, "train_expression_classifier", TRAIN_CLASSIFIER)


def new_run(folder, **changes):
    faces = noise_faces()
    config = tiny_config(epochs=1, **changes)
    return Run(folder, config, faces.identities, faces.expressions, faces.fingerprint(), steps_per_epoch=1), faces


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(values_of(first.weights), values_of(second.weights), strict=True))


def test_a_seed_fixes_the_weights_and_only_the_training_part_is_trained_on(tmp_path, eagerly, monkeypatch):
    fed = []
    batches = training.training_batches
    monkeypatch.setattr(
        training, "training_batches", lambda faces, *a, **k: fed.append(faces) or batches(faces, *a, **k)
    )
    first, second = (training.train(*new_run(tmp_path / name)) for name in ("a", "b"))
    assert same(first, second)
    one, other = (new_run(tmp_path / "c", seed=seed)[0].build_model() for seed in (0, 1))
    assert not same(one, first) and not same(one, other)
    assert same(first, load_run(tmp_path / "a"))
    train, validation, test = training.partition(noise_faces(), first.config)
    assert fed[0].fingerprint() == train.fingerprint()
    parts = [{image.tobytes() for image in part.images} for part in (train, validation, test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 42


def test_a_run_starts_from_the_weights_of_another(tmp_path, eagerly):
    alone = {"encoder_epochs": 1, "latent_expression_weight": 1.0}
    first = training.train(*new_run(tmp_path / "first", **alone))
    run, faces = new_run(tmp_path / "second", start=str(tmp_path / "first"), seed=5, **alone)
    begun = run.build_model()
    begun.compile(total_steps=1)
    assert run.restore_checkpoint(begun) == 0 and same(first, begun)
    assert int(begun.encoder_optimizer.iterations) == 0 and not values_of(begun.encoder_optimizer.variables)[2].any()
    second = training.train(run, faces)
    assert same(first.generator, second.generator) and not same(first.encoder, second.encoder)
    with pytest.raises(InputError, match="first: its identities differ from those of this run's data"):
        dataclasses.replace(run, identities=("ann", *run.identities[1:])).starting_model()
    with pytest.raises(InputError, match="model.weights.h5: truncated, or weights of another model"):
        dataclasses.replace(run, config=run.config.replace(latent_dim=3)).starting_model()
    with pytest.raises(InputError, match="nowhere: not a run folder"):
        training.plan(run.config.replace(data="avatars:images=84", start="nowhere"), tmp_path / "third")


def test_a_run_trained_in_bfloat16_computes_in_float32_when_loaded(tmp_path, eagerly):
    trained = training.train(*new_run(tmp_path / "run", precision="bfloat16", style_dim=3))
    assert trained.encoder.layers[1].compute_dtype == "bfloat16"
    loaded = load_run(tmp_path / "run")
    assert same(trained, loaded)
    assert {layer.compute_dtype for layer in loaded.encoder.layers} == {"float32"}


def test_the_classifier_learns_originals_and_protected_images_and_goes_with_the_weights(
    classifier, tmp_path, eagerly, monkeypatch
):
    run, faces = new_run(tmp_path / "run", dependence_images=8, batch_people=2)
    learnt, sizes = [], []
    batches = training.training_batches

    def spy(faces, config, **options):
        learnt.append(faces)
        sizes.append(config.batch_size + config.dependence_images)
        return batches(faces, config, **options)

    monkeypatch.setattr(training, "training_batches", spy)
    model = training.train(run, faces)
    train, _, _ = training.partition(faces, run.config)
    game, both = learnt
    assert sizes == [16, training.CLASSIFIER_BATCH_SIZE]
    assert game.fingerprint() == train.fingerprint()
    np.testing.assert_array_equal(both.images[: len(train)], train.images)
    np.testing.assert_array_equal(both.images[len(train) :], model.protect(train.images, seed=run.config.seed))
    np.testing.assert_array_equal(both.expression, np.tile(train.expression, 2))
    assert same(load_expression_classifier(run.folder), load_expression_classifier(run.folder))
    run.save_weights(model)
    with pytest.raises(InputError, match="expression.weights.h5: missing.*--resume"):
        load_expression_classifier(run.folder)


def contents(weights_file):
    arrays = {}
    with h5py.File(weights_file) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_a_killed_run_resumes_to_the_same_weights_and_history(trained_folder, tmp_path):
    killed = tmp_path / "killed"
    command = [sys.executable, str(ROOT / "train.py"), *TINY_RUN, "--out", str(killed)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not list(killed.glob("checkpoints/epoch_*.npz")):
        time.sleep(0.005)
    process.kill()
    _, stderr = process.communicate()
    assert process.returncode == -signal.SIGKILL, stderr.decode()
    assert len(open_run(killed).checkpoints()) < 3
    resume = [sys.executable, str(ROOT / "train.py"), "--out", str(killed), "--resume"]
    subprocess.run(resume, cwd=ROOT, check=True, capture_output=True)
    for name in ("model.weights.h5", "expression.weights.h5"):
        resumed, uninterrupted = contents(killed / name), contents(trained_folder / name)
        assert resumed.keys() == uninterrupted.keys()
        assert all(np.array_equal(resumed[key], values) for key, values in uninterrupted.items())
    rows, expected = history(killed), history(trained_folder)
    assert len(rows) == len(expected) == 3
    for row, wanted in zip(rows, expected, strict=True):
        # The weights are the same bit for bit; reported means may differ in the last digit between processes.
        assert {k: float(v) for k, v in row.items()} == pytest.approx(
            {k: float(v) for k, v in wanted.items()}, rel=1e-5
        )


def test_a_loss_that_is_not_finite_stops_training_and_spares_the_last_checkpoint(trained_folder, tmp_path, eagerly):
    copy = shutil.copytree(trained_folder, tmp_path / "copy")
    run, faces = training.plan_resumption(copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.suffix in (".npz", ".h5")}
    # Epochs of two steps, and more of them, so that the rate has not come to its end after the 30 steps behind it.
    config = run.config.replace(epochs=40, learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        training.train(dataclasses.replace(run, config=config, steps_per_epoch=2), faces)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.suffix in (".npz", ".h5")} == before
    assert not list(copy.rglob(".partial-*")) and len(history(copy)) == 3


def test_nan_in_the_data_stops_fit():
    images, labels = noise_batch(4)
    images = tf.tensor_scatter_nd_update(images, [[0, 0, 0, 0]], [np.nan])
    with pytest.raises(FloatingPointError, match="after batch 1 "):
        make_model(tiny_config()).fit(
            tf.data.Dataset.from_tensors((images, labels)), callbacks=[callbacks.StopOnNaN()], verbose=0
        )


def test_nan_is_told_at_the_end_of_an_epoch_if_not_before():
    watch, logs = callbacks.StopOnNaN(), {"kl": np.float32(np.nan)}
    watch.on_train_batch_end(1, logs)
    with pytest.raises(FloatingPointError, match="kl is nan after epoch 4;"):
        watch.on_epoch_end(3, logs)


def test_a_number_of_steps_overrides_the_epochs(tmp_path):
    config = tiny_config(batch_size=16, data="avatars:identities=3,images=210,seed=1")
    run, faces = training.plan(config, tmp_path / "run")
    train, _, _ = training.partition(faces, config)
    assert run.steps_per_epoch == len(train) // 16 and run.config.epochs == config.epochs
    for steps in (1, 5, 25):
        run, _ = training.plan(config, tmp_path / "run", steps)
        assert steps <= run.config.epochs * run.steps_per_epoch < steps + run.config.epochs
    with pytest.raises(InputError, match="steps"):
        training.plan(config, tmp_path / "run", 0)
    assert not os.listdir(tmp_path), "planning wrote something"


def planned(config, folder):
    """A plan of epochs of one step."""
    run, faces = training.plan(config, folder)
    return dataclasses.replace(run, steps_per_epoch=1), faces


@pytest.fixture
def counterparts(monkeypatch):
    """84 faces with counterparts drawn beforehand, whatever source is asked for."""
    faces = faces_with_counterparts()
    monkeypatch.setattr(training, "load_faces", lambda source, size: faces)
    return faces


def test_with_counterparts_their_targets_are_the_identities_and_validation_has_them_too(
    counterparts, tmp_path, eagerly
):
    run, faces = planned(counterpart_config(), tmp_path / "run")
    assert run.identities == STUB_IDENTITIES and run.config.motion_dim == 8 and faces is counterparts
    training.train(run, faces)
    encoder, game = history(run.folder)
    for row, names in ((encoder, ["latent_motion"]), (game, ["counterpart", "gradient", "features"])):
        for name in names:
            assert float(row[name]) > 0 and float(row[f"val_{name}"]) > 0
    loaded = load_run(run.folder)
    assert loaded.identities == STUB_IDENTITIES and loaded.config.latent_dim == 8
    assert loaded.decode_with_alpha(loaded.encode(faces.images[:2]), [0, 2]).shape == (2, 64, 64, 4)
    implied, drawn = (np.asarray(loaded.threshold.get_layer(name).kernel) for name in ("implied", "drawn"))
    assert np.any(drawn) and same(with_release(loaded, f"threshold:{run.config.protection_threshold}", faces), loaded)
    ratio = np.linalg.norm(drawn.reshape(4, 6, 8), axis=(0, 2)) / np.linalg.norm(implied.reshape(4, 6, 8), axis=(0, 2))
    assert (ratio > 0.999).all() and (ratio < 2.001).all()
    still = training.plan(counterpart_config(latent_motion_weight=0.0), tmp_path / "still")[0]
    assert still.config.motion_dim == 0 and still.latent_names == ()
    names = tuple(latent_names(faces))
    assert open_run(run.folder).latent_names == run.latent_names == names and len(names) == 8


def test_with_counterparts_a_run_interrupted_in_every_stage_ends_as_one_that_was_not(
    counterparts, tmp_path, eagerly, monkeypatch
):
    """Within the encoder's stage and the game, and on the way to the warmup and to the game."""
    config = counterpart_config(augment_flip=False, epochs=5, encoder_epochs=2, warmup_epochs=1)
    whole = training.train(*planned(config, tmp_path / "whole"))
    run, faces = planned(config, tmp_path / "cut")

    def save_and_die(self, model, epoch, save=Run.save_checkpoint):
        save(self, model, epoch)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save_checkpoint", save_and_die)
        for epoch in range(1, 5):
            with pytest.raises(KeyboardInterrupt):
                training.train(run, faces)
            assert run.checkpoints()[-1][0] == epoch
            run, faces = training.plan_resumption(tmp_path / "cut")
    assert run.identities == STUB_IDENTITIES
    assert same(whole, training.train(run, faces))
    assert history(tmp_path / "cut") == history(tmp_path / "whole")


def test_without_counterpart_weight_the_people_are_the_targets_as_ever(counterparts, tmp_path, eagerly):
    config = counterpart_config(alpha=False, counterpart_weight=0.0, epochs=1)
    run, faces = training.plan(config, tmp_path / "run", steps=1)
    assert run.identities == counterparts.identities and run.config.motion_dim == 0
    model = training.train(run, faces)
    assert model.protect(faces.images[:2], "id11").shape == (2, 64, 64, 3)
    assert float(history(run.folder)[0]["val_counterpart"]) == 0


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"augment_flip": True}, "are not mirrored"),
        ({"reconstruction_weight": 1.0}, "are no targets"),
        ({"style_dim": 4}, "are no targets"),
    ],
    ids=["flip", "reconstruction", "style"],
)
def test_what_images_with_counterparts_cannot_have(counterparts, tmp_path, changes, why):
    ((name, value),) = changes.items()
    with pytest.raises(InputError, match=f"{name}={value}: .*{why}; set it to 0"):
        training.plan(counterpart_config(**changes), tmp_path / "run")
    training.plan(counterpart_config(alpha=False, counterpart_weight=0.0, **changes), tmp_path / "run")


def test_a_run_that_starts_from_another_keeps_its_encoder_of_which_the_classifier_begins(
    counterparts, classifier, tmp_path, eagerly, monkeypatch
):
    first = training.train(*planned(counterpart_config(), tmp_path / "first"))
    changed = {"encoder_epochs": 0, "warmup_epochs": 1, "epochs": 2, "start": str(tmp_path / "first"), "seed": 4}
    begun, start = [], training.start_from_encoder
    monkeypatch.setattr(training, "start_from_encoder", lambda *networks: begun.append(networks) or start(*networks))
    second = training.train(*planned(counterpart_config(**changed), tmp_path / "second"))
    assert same(first.encoder, second.encoder) and same(first.latent_expression_head, second.latent_expression_head)
    assert not same(first.generator, second.generator) and not same(first.discriminator, second.discriminator)
    assert begun[0][1:] == (second.encoder, second.latent_expression_head)


def test_in_the_warmup_the_discriminator_rests_and_then_it_plays(counterparts, tmp_path):
    run, faces = planned(counterpart_config(epochs=3, encoder_epochs=1, warmup_epochs=1), tmp_path / "run")
    model = training.train(run, faces)
    _, warmup, game = history(run.folder)
    for name in ("discriminator_loss", "features"):
        assert (
            float(warmup[name])
            == float(warmup[f"val_{name}"])
            == 0
            < min(float(game[name]), float(game[f"val_{name}"]))
        )
    for name in ("identity_accuracy", "target_success"):
        assert float(warmup[name]) == float(warmup[f"val_{name}"]) == 0
    assert float(warmup["counterpart"]) > 0 < float(warmup["val_counterpart"])
    assert int(model.discriminator_optimizer.iterations) == 1
    assert int(model.generator_optimizer.iterations) == 2 and model.stage == "game"


def test_at_first_the_encoder_learns_alone(counterparts, tmp_path, eagerly):
    run, faces = planned(counterpart_config(epochs=2, encoder_epochs=1), tmp_path / "run")
    fresh = run.build_model()
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([same(getattr(fresh, name), getattr(self.model, name)) for name in ("encoder", "generator")])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "StopOnNaN", Watch)
        training.train(run, faces)
    assert seen == [[False, True], [False, False]]
    alone, game = history(run.folder)
    for name in ("counterpart", "discriminator_loss", "features"):
        assert float(alone[name]) == float(alone[f"val_{name}"]) == 0 < float(game[name]), name
    for name in ("kl", "latent_motion", "latent_expression"):
        assert float(alone[name]) > 0 < float(alone[f"val_{name}"]), name


def test_the_aligner_finds_where_a_head_is_and_how_large(counterparts, tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    places = np.stack([*random.uniform(-0.2, 0.2, (2, 600)), np.log(random.uniform(0.3, 1, 600))], axis=1)
    y, x = np.mgrid[:32, :32] / 31 - 0.5
    discs = np.hypot(x - places[:, :1, None], y - places[:, 1:2, None]) < np.exp(places[:, 2:, None]) / 2
    noise = random.integers(0, 60, (600, 32, 32, 3))
    pictures = (noise + 120 * discs[..., None]).astype(np.uint8), places.astype(np.float32)
    monkeypatch.setattr(training, "load_unaligned", lambda source, size: pictures)
    monkeypatch.setattr(training, "ALIGNMENT_EPOCHS", 25)
    monkeypatch.setattr("vgan_tf.run.ALIGNMENT_SIZE", 32)
    monkeypatch.setattr("vgan_tf.data.pipeline.ALIGNMENT_SHIFT", 5)
    run, _ = training.plan(counterpart_config(), tmp_path / "run")
    run.save_config()
    training.train_aligner(run)
    errors = np.abs(load_aligner(run.folder).predict(to_float(pictures[0][:60]), verbose=0) - places[:60])
    assert (errors.mean(axis=0) < (0.07, 0.07, 0.12)).all()  # guessing: 0.1, 0.1, 0.3
    second = dataclasses.replace(run, folder=tmp_path / "second", config=run.config.replace(start=str(run.folder)))
    monkeypatch.setattr(training, "load_unaligned", None)
    second.save_config()
    training.train_aligner(second)
    assert same(load_aligner(second.folder), load_aligner(run.folder))


def test_an_encoder_with_nothing_to_learn_is_refused(counterparts, tmp_path):
    nothing = {"latent_motion_weight": 0.0, "latent_expression_weight": 0.0}
    with pytest.raises(InputError, match="encoder_epochs=1: .*latent_expression_weight"):
        training.plan(counterpart_config(encoder_epochs=1, **nothing), tmp_path / "run")
    with pytest.raises(InputError, match="encoder_epochs=0: .*knows the motion.*start=RUN"):
        training.plan(counterpart_config(encoder_epochs=0), tmp_path / "run")


@pytest.fixture
def own_and_pairs(monkeypatch):
    """Own images, 42 of noise, and the faces with counterparts as "heads:"."""
    sources = {"own": noise_faces(per_cell=4), "heads:": faces_with_counterparts()}
    for module in (training, protection):
        monkeypatch.setattr(module, "load_faces", lambda source, size: sources[source])
    monkeypatch.setattr(training, "load_unaligned", lambda source, size: None)
    return sources


def test_own_images_join_those_with_counterparts_and_both_teach(own_and_pairs, classifier, tmp_path, eagerly):
    config = counterpart_config(data="own", pairs="heads:")
    run, faces = planned(config, tmp_path / "run")
    assert run.identities == STUB_IDENTITIES and faces is own_and_pairs["own"] and run.config.motion_dim == 8
    learnt = len(training.partition(own_and_pairs["heads:"], config)[0])
    assert training.plan(config, tmp_path)[0].steps_per_epoch == 2 * learnt // config.batch_size
    model = training.train(run, faces)
    _, row = history(run.folder)
    assert float(row["counterpart"]) > 0 < float(row["val_counterpart"])
    assert model.protect(faces.images[:2], "bob").shape == (2, 64, 64, 3)
    assert open_run(run.folder).config.pairs == "heads:"
    assert np.any(model.threshold.get_layer("drawn").kernel), "the motion of pairs says what strengths imply"
    again, _ = planned(config, tmp_path / "again")
    assert same(model, training.train(again, faces))


def test_with_pairs_the_generator_draws_the_motion_of_pairs_alone(own_and_pairs, tmp_path, monkeypatch):
    config = counterpart_config(data="own", pairs="heads:", epochs=3, encoder_epochs=1, warmup_epochs=1)
    run, faces = planned(config, tmp_path / "run")
    seen = {}

    def note(run, model, epochs, batches, *_):
        seen[epochs] = batches[0][1]

    monkeypatch.setattr(training, "fit", note)
    training.train(run, faces)
    assert [set(labels) >= {"paired"} for labels in seen.values()] == [True, False, True]
    assert list(seen) == [(0, 1), (1, 2), (2, 3)] and np.abs(seen[1, 2]["motion"][:, 6:]).min() > 0


def test_pairs_that_cannot_be_used_are_refused(own_and_pairs, tmp_path):
    for changes, why in (
        ({"pairs": "own"}, "pairs=own: brings no counterparts"),
        ({"pairs": "heads:", "counterpart_weight": 0.0, "alpha": False}, "counterpart_weight is 0"),
        ({"pairs": "heads:", "dependence_images": 4}, "dependence_images=0"),
    ):
        with pytest.raises(InputError, match=why):
            training.plan(counterpart_config(data="own", **changes), tmp_path / "run")
    own_and_pairs["own"] = dataclasses.replace(own_and_pairs["own"], expressions=tuple("abcdefg"))
    with pytest.raises(InputError, match="those of own are a, b, c, d, e, f, g; they must be the same"):
        training.plan(counterpart_config(data="own", pairs="heads:"), tmp_path / "run")


def test_alpha_and_a_warmup_without_counterparts_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "load_faces", lambda source, size: noise_faces())
    with pytest.raises(
        InputError, match="warmup_epochs=1: photos brings no counterparts of a known motion.*set it to 0"
    ):
        unknown = counterpart_config(data="photos", alpha=False, encoder_epochs=1, warmup_epochs=1)
        training.plan(unknown, tmp_path / "run")
    with pytest.raises(
        InputError, match="photos: brings no counterparts with alpha; set alpha=false, or train on heads"
    ):
        training.plan(counterpart_config(data="photos"), tmp_path / "run")
    assert training.plan(counterpart_config(alpha=False), tmp_path / "run")[0].identities == ("id0", "id1", "id2")


def test_data_that_the_game_cannot_use_leaves_no_run_behind(tmp_path):
    run = dataclasses.replace(new_run(tmp_path / "run")[0], identities=("ann",))
    with pytest.raises(InputError, match="at least two"):
        training.train(run, noise_faces(identities=1))
    assert not os.listdir(tmp_path)


def test_resuming_refuses_other_data_and_another_length_of_a_cosine_schedule(trained_folder, tmp_path):
    copy = shutil.copytree(trained_folder, tmp_path / "copy")
    with pytest.raises(InputError, match="cosine"):
        training.plan_resumption(copy, epochs=5)
    run, faces = training.plan_resumption(copy, epochs=3)
    assert run.fingerprint == faces.fingerprint()
    dataclasses.replace(run, fingerprint="0" * 64).save_config()
    with pytest.raises(InputError, match="another fingerprint"):
        training.plan_resumption(copy)
    constant = run.config.replace(optimizer="rmsprop")
    dataclasses.replace(run, config=constant).save_config()
    assert training.plan_resumption(copy, epochs=5)[0].config.epochs == 5


def test_a_split_by_subject_keeps_whole_people_for_the_test():
    faces = noise_faces(identities=6)
    train, validation, test = training.partition(faces, tiny_config(split="subject", test_fraction=0.34))
    assert len(train.identities) == 4 and train.identities == validation.identities
    assert set(train.identities).isdisjoint(test.identities) and len(test.identities) == 2
    assert set(np.unique(train.identity)) == {0, 1, 2, 3} and set(np.unique(test.identity)) == {0, 1}
