"""What a trained model releases: the latent, with noise, without what is small in it, or one of a few prototypes."""

import dataclasses

import keras
import numpy as np
import pytest
from helpers import counterpart_config, make_model, noise_faces, tiny_config

from vgan_tf import callbacks, load_run, training
from vgan_tf.applications import synthesize
from vgan_tf.data.splits import partition
from vgan_tf.errors import InputError
from vgan_tf.protection import (
    Release,
    find_release,
    parse_release,
    with_release,
)
from vgan_tf.run import Run


@pytest.fixture(scope="module")
def with_two(trained_model, faces):
    """The trained model with two prototypes of each of seven expressions."""
    return with_release(trained_model, "prototypes:2", faces)


def test_protected_faces_are_as_few_as_the_prototypes(with_two, trained_model, faces):
    codes = with_two.encode(faces.images)
    assert 7 < len(np.unique(codes, axis=0)) <= 14 < len(np.unique(trained_model.encode(faces.images), axis=0))
    protected = with_two.protect(faces.images, "ada")
    assert len(np.unique(protected.reshape(len(protected), -1), axis=0)) <= 14
    np.testing.assert_array_equal(protected, with_two.decode(codes, with_two.resolve_targets("ada", len(codes))))
    found = with_two.protect_and_encode(faces.images, np.zeros(len(faces), int), 0)
    np.testing.assert_array_equal(found.released, codes)
    for own in (found.means, found.samples):  # what the encoder knows, whatever is released
        assert len(np.unique(own, axis=0)) > 100
    np.testing.assert_allclose(found.means, trained_model.encode(faces.images), atol=1e-5)
    assert len(np.unique(with_two.encode(faces.images, seed=1), axis=0)) <= 14


def test_the_networks_stay_and_none_is_as_before(with_two, trained_model, faces):
    none = with_release(with_two, "latent", faces)
    assert none.config == trained_model.config and none.prototypes is None
    for model in (with_two, none):
        for name in ("encoder", "generator", "discriminator", "latent_expression_head"):
            for one, other in zip(getattr(model, name).weights, getattr(trained_model, name).weights, strict=True):
                np.testing.assert_array_equal(one, other)
    images = faces.images[:5]
    np.testing.assert_array_equal(none.protect(images, seed=2), trained_model.protect(images, seed=2))


def test_prototypes_come_from_the_training_part_alone(trained_model, faces):
    train, _, test = partition(faces, trained_model.config)
    seen = []
    changed = dataclasses.replace(faces, images=faces.images.copy())
    kept = {image.tobytes() for image in train.images}
    for row, image in enumerate(faces.images):
        if image.tobytes() not in kept:
            changed.images[row] = 255 - image
            seen.append(row)
    assert len(seen) >= len(test)
    one, other = (with_release(trained_model, "prototypes:1", some).prototypes for some in (faces, changed))
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_images_without_input_are_prototypes_too(with_two):
    made = synthesize(with_two, "ben", 40)
    assert 7 < len(np.unique(made.reshape(40, -1), axis=0)) <= 14
    np.testing.assert_array_equal(made, synthesize(with_two, "ben", 40))


def test_calling_the_model_decodes_the_prototypes(with_two, faces):
    images, code = faces.images[:6], np.eye(3, dtype=np.float32)[[0] * 6]
    called = np.asarray(with_two([images / np.float32(127.5) - 1, code]))
    assert np.abs((called + 1) * 127.5 - with_two.protect(images, "ada")).max() <= 1


def test_one_file_holds_the_prototypes_too(with_two, faces, tmp_path):
    with_two.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded.protect(faces.images[:20], seed=1), with_two.protect(faces.images[:20], seed=1)
    )


def test_without_prototypes_found_or_images_to_find_them_there_is_one_line():
    faces, model = noise_faces(), make_model(tiny_config(protection_prototypes=7))
    for use in (model.protect, model.encode):
        with pytest.raises(InputError, match="call model.adapt"):
            use(faces.images)
    with pytest.raises(InputError, match="protection_prototypes=7: only 6 training images of anger"):
        model.adapt(faces.images, faces.expression)
    make_model(tiny_config()).adapt(faces.images, faces.expression)  # has none, needs none


def test_a_rare_expression_has_its_prototypes_and_a_missing_one_is_said_before_training(faces, monkeypatch, tmp_path):
    rows = np.flatnonzero(faces.expression == 6)[2:]
    few = faces.subset(np.setdiff1d(np.arange(len(faces)), rows))
    model = make_model(tiny_config(protection_prototypes=2))
    find_release(model, few, most=21)
    assert len(np.unique(model.prototypes.get_weights()[2], axis=0)) == 14
    monkeypatch.setattr(training, "load_faces", lambda source, size: few)
    with pytest.raises(InputError, match="protection_prototypes=3: only [012] training images of surprise"):
        training.plan(tiny_config(protection_prototypes=3), tmp_path / "run")


def test_a_run_is_trained_resumed_and_loaded_with_its_prototypes(tmp_path, eagerly, monkeypatch):
    monkeypatch.setattr(training, "CLASSIFIER_EPOCHS", 1)
    monkeypatch.setattr(callbacks, "ROUGH_RELEASE_IMAGES", 7)  # of an epoch on the way, not of the last one
    faces = noise_faces(per_cell=3)
    config = tiny_config(protection_prototypes=1, epochs=2)
    run = Run(tmp_path / "run", config, faces.identities, faces.expressions, faces.fingerprint(), 1)
    trained = training.train(run, faces)
    assert len(np.unique(trained.encode(faces.images), axis=0)) <= 7
    weights = trained.prototypes.get_weights()
    for one, other in zip(weights, with_release(trained, "prototypes:1", faces).prototypes.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    run.checkpoints()[-1][1].unlink()
    training.train(run, faces)
    loaded = load_run(run.folder)
    for one, other in zip(weights, loaded.prototypes.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.protect(faces.images, seed=1), trained.protect(faces.images, seed=1))


def test_noise_is_drawn_anew_by_the_seed_and_costs_the_latent(trained_model, faces):
    noisy = with_release(trained_model, "noise:2", faces)
    images, targets = faces.images[:40], np.zeros(40, int)
    found = noisy.protect_and_encode(images, targets, 3)
    np.testing.assert_allclose(found.means, trained_model.encode(images), atol=1e-5)
    assert 1.8 < np.std(found.released - found.means) < 2.2
    np.testing.assert_array_equal(found.pictures, trained_model.decode(found.released, targets))
    np.testing.assert_array_equal(found.pictures, noisy.protect_and_encode(images, targets, 3).pictures)
    assert (found.pictures != noisy.protect_and_encode(images, targets, 4).pictures).any()
    assert noisy.release == "noise:2"


def test_a_threshold_leaves_out_what_is_small_and_draws_nothing(trained_model, faces):
    images, targets = faces.images[:40], np.zeros(40, int)
    threshold = float(np.median(np.abs(trained_model.encode(images))))
    without = with_release(trained_model, f"threshold:{threshold}", faces)
    found = without.protect_and_encode(images, targets, 3)
    size = np.abs(found.means)
    np.testing.assert_array_equal(found.released[size <= threshold], 0)
    np.testing.assert_allclose(found.released[size >= 1.5 * threshold], found.means[size >= 1.5 * threshold], atol=1e-5)
    between = (size > threshold) & (size < 1.5 * threshold)
    expected = 3 * (size - threshold) * np.sign(found.means)
    np.testing.assert_allclose(found.released[between], expected[between], atol=1e-5)
    assert between.any() and (size >= 1.5 * threshold).any()
    np.testing.assert_array_equal(found.pictures, trained_model.decode(found.released, targets))
    np.testing.assert_array_equal(found.pictures, without.protect_and_encode(images, targets, 4).pictures)
    called = np.asarray(without([images / np.float32(127.5) - 1, np.eye(3, dtype=np.float32)[targets]]))
    assert np.abs((called + 1) * 127.5 - found.pictures).max() <= 1


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_face_and_its_mirror_image_are_read_as_one(faces, mirrored):
    model = make_model(counterpart_config(motion_dim=8, protection_mirrored=mirrored, protection_threshold=0.0))
    order, signs = np.array([0, 1, 2, 3, 5, 4, 6, 7]), np.float32([1, 1, 1, 1, 1, 1, -1, 1])
    images = faces.images[:40]
    once = model.encode(images)
    motion = np.random.default_rng(0).normal(size=(40, 8))
    model.adapt(images, faces.expression[:40], motion, (order, signs))
    means, turned = (model.protect_and_encode(one, np.zeros(40, int), 3).means for one in (images, images[:, :, ::-1]))
    # Whatever an encoder makes of one side and of the other.
    difference = np.abs(turned - means[:, order] * signs).max()
    assert difference < 1e-5 if mirrored else difference > 1e-3
    assert (np.abs(model.encode(images) - once).max() > 1e-3) or not mirrored
    called = np.asarray(model([images / np.float32(127.5) - 1, np.eye(3, dtype=np.float32)[np.zeros(40, int)]]))
    shown = (called[..., :3] + 1) * 127.5
    assert np.abs(shown - model.decode(model.encode(images), np.zeros(40, int))).max() <= 1


def test_releases_as_text():
    for text, release in (
        ("latent", Release("latent")),
        ("noise:0.5", Release("noise", 0.5)),
        ("threshold:0.2", Release("threshold", 0.2)),
        ("prototypes:2", Release("prototypes", 2)),
    ):
        assert parse_release(text) == release and str(release) == text
    for text in ("", "latent:1", "noise", "noise:0", "noise:-1", "noise:inf", "noise:much", "threshold:0", "threshold",
                 "prototypes:0", "prototypes:1.5", "table"):  # fmt: skip
        with pytest.raises(InputError, match="must be latent, noise:L"):
            parse_release(text)
