"""The way from a FaceSet to batches: order and augmentation are functions of seed and iteration."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers import counterpart_config, faces_with_counterparts, noise_faces, tiny_config

from vgan_tf.data import load_faces
from vgan_tf.data.pipeline import (
    augmentation,
    draw_targets,
    encoder_batches,
    evaluation_batches,
    joined_batches,
    latent_names,
    mirrored_motion,
    motion_of,
    training_batches,
    with_alpha,
)
from vgan_tf.images import to_float
from vgan_tf.labels import EXPRESSIONS

PLAIN = {"augment_shift_px": 0, "augment_flip": False}


def take(dataset, count):
    return [
        (images, labels["identity"], labels["expression"], labels["target"])
        for images, labels in itertools.islice(dataset, count)
    ]


def equal(first, second):
    return all(np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


def test_training_batches_show_every_image_once_a_pass_with_its_labels():
    faces = noise_faces()
    batches = take(training_batches(faces, tiny_config(batch_size=14, **PLAIN)), 6)
    index = {image.tobytes(): number for number, image in enumerate(faces.images)}
    seen = []
    for images, identity, expression, _ in batches:
        assert images.dtype == np.float32 and -1 <= images.min() < -0.99 and 0.99 < images.max() <= 1
        numbers = [index[image.tobytes()] for image in np.rint((images + 1) * 127.5).astype(np.uint8)]
        np.testing.assert_array_equal(identity, faces.identity[numbers])
        np.testing.assert_array_equal(expression, faces.expression[numbers])
        seen += numbers
    first, second = seen[:42], seen[42:]
    assert sorted(first) == sorted(second) == list(range(42)) and first != second


def test_batches_of_few_people_show_no_image_twice_and_everybody():
    faces = noise_faces(identities=7, per_cell=8)  # 56 images a person
    config = tiny_config(batch_size=28, batch_people=2, **PLAIN)
    index = {image.tobytes(): number for number, image in enumerate(faces.images)}
    batches = take(training_batches(faces, config), 28)
    people = [np.unique(identity) for _, identity, *_ in batches]
    assert max(map(len, people)) == 2, "the 112 images of two people are four whole batches"
    first, second = (
        [index[image.tobytes()] for images, *_ in half for image in np.rint((images + 1) * 127.5).astype(np.uint8)]
        for half in (batches[:14], batches[14:])
    )
    assert sorted(first) == sorted(second) == list(range(392)) and first != second
    assert {tuple(one) for one in people[:14]} != {tuple(one) for one in people[14:]}, "other groups in each pass"
    assert equal(
        take(training_batches(faces, config.replace(batch_people=7)), 3),
        take(training_batches(faces, config.replace(batch_people=0)), 3),
    )


@pytest.mark.parametrize("people", [0, 2])
@pytest.mark.parametrize("first_step", [1, 5])
def test_training_batches_go_on_from_any_iteration(first_step, people):
    changes = {"augment_shift_px": 2, "augment_flip": True, "batch_people": people}
    faces, config = noise_faces(), tiny_config(batch_size=16, seed=4, **changes)
    whole = take(training_batches(faces, config), 7)
    assert equal(whole[first_step:], take(training_batches(faces, config, first_step), 7 - first_step))
    assert not equal(whole, take(training_batches(faces, config.replace(seed=5)), 7))


def test_a_batch_larger_than_the_data_is_all_of_it():
    faces = noise_faces(per_cell=1)
    assert take(training_batches(faces, tiny_config(batch_size=500)), 1)[0][0].shape == (21, 64, 64, 3)


def test_evaluation_batches_show_the_images_in_order_and_unchanged():
    faces = noise_faces(per_cell=1)
    batches = take(evaluation_batches(faces, tiny_config(), 8), 10)
    assert [len(images) for images, *_ in batches] == [8, 8, 5]
    images, identity, expression, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    np.testing.assert_allclose(images, faces.images / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(identity, faces.identity)
    np.testing.assert_array_equal(expression, faces.expression)


def augmented(changes, seed=0):
    images = np.random.default_rng(1).uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32)
    augment = augmentation(tiny_config(**{**PLAIN, **changes}), len(images), np.random.default_rng(seed))
    return images, augment(images, np.arange(len(images)))


def test_each_augmentation_does_what_it_says_and_no_more():
    images, same = augmented({})
    np.testing.assert_array_equal(same, images)

    images, flipped = augmented({"augment_flip": True})
    mirrored = [bool((out == image[:, ::-1]).all()) for image, out in zip(images, flipped, strict=True)]
    kept = [bool((out == image).all()) for image, out in zip(images, flipped, strict=True)]
    assert any(mirrored) and any(kept) and all(a != b for a, b in zip(mirrored, kept, strict=True))

    offsets = set()
    for seed in range(12):
        images, shifted = augmented({"augment_shift_px": 2}, seed)
        y, x = next(
            (y, x)
            for y in range(-2, 3)
            for x in range(-2, 3)
            if (shifted[:, 2:-2, 2:-2] == images[:, 2 + y : 62 + y, 2 + x : 62 + x]).all()
        )
        offsets.add((y, x))
    assert len(offsets) > 4


def test_targets_are_uniform_but_for_the_share_that_is_the_true_identity():
    identity = np.arange(6000) % 3
    for fraction, true_share in ((0.0, 1 / 3), (0.5, 0.5 + 0.5 / 3)):
        targets = draw_targets(identity, 3, fraction, np.random.default_rng(0))
        offset = np.bincount((targets - identity) % 3, minlength=3) / len(identity)
        np.testing.assert_allclose(offset, [true_share, (1 - true_share) / 2, (1 - true_share) / 2], atol=0.03)


def test_validation_targets_do_not_depend_on_the_size_of_the_batches():
    faces = noise_faces()
    wholes = [np.concatenate([b[3] for b in take(evaluation_batches(faces, tiny_config(), n), 50)]) for n in (5, 16)]
    np.testing.assert_array_equal(*wholes)
    assert len(wholes[0]) == len(faces) and len(np.unique(wholes[0])) == 3


def test_a_batch_carries_the_counterparts_of_the_images_that_are_played_with():
    faces = load_faces("avatars:identities=3,images=42,seed=1", 32)
    changes = {"batch_size": 6, "dependence_images": 6, "counterpart_weight": 1.0, **PLAIN}
    images, labels = training_batches(faces, tiny_config(**changes))[3]
    rows = [int(np.flatnonzero((to_float(faces.images) == image).all(axis=(1, 2, 3)))[0]) for image in images[:6]]
    wanted = faces.subset(rows).counterparts(labels["target"][:6])
    np.testing.assert_array_equal(labels["counterpart"], to_float(wanted))
    assert labels["target"].shape == (12,)
    mirrored = tiny_config(**{**changes, "augment_flip": True})
    _, flipped = training_batches(faces, mirrored)[3]
    turned = (flipped["counterpart"] == labels["counterpart"][:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (flipped["counterpart"] == labels["counterpart"]).all(axis=(1, 2, 3))
    assert turned.any() and kept.any() and (turned | kept).all(), "a counterpart is mirrored as its image is"
    without = tiny_config(**{**changes, "counterpart_weight": 0.0})
    assert "counterpart" not in training_batches(faces, without)[0][1]
    assert "counterpart" not in training_batches(noise_faces(), tiny_config(**changes))[0][1]


def test_a_counterpart_is_the_head_before_middle_grey():
    pictures = np.uint8([[[[255, 0, 51, 255], [255, 0, 51, 51], [255, 0, 51, 0]]]])
    found = with_alpha(pictures)
    assert found.dtype == np.float32 and found.shape == pictures.shape
    np.testing.assert_allclose(found[0, 0], [[1, -1, -0.6, 1], [0.2, -0.2, -0.12, -0.6], [0, 0, 0, -1]], atol=1e-6)


def test_motion_is_what_the_face_does_with_angles_and_gaze_in_tens_of_degrees():
    faces = faces_with_counterparts()
    found = motion_of(faces, [5, 2])
    assert found.dtype == np.float32
    assert latent_names(faces) == [name for name in EXPRESSIONS if name != "neutral"] + ["yaw", "gaze_x"]
    wanted = np.stack([faces.truth["yaw"] / 10, 3 * faces.truth["gaze_x"]], axis=1)[[5, 2]]
    np.testing.assert_allclose(found[:, 6:], wanted, rtol=1e-6)
    shown = np.array([name == np.array(EXPRESSIONS)[faces.expression[[5, 2]]] for name in latent_names(faces)[:6]]).T
    np.testing.assert_array_equal(found[:, :6], shown)
    names = ("intensity", "asymmetry", "motion_jawOpen", "motion_mouthSmile_L", "motion_browDown_R")
    known = dataclasses.replace(faces, truth={name: np.full(len(faces), 0.5, np.float32) for name in names})
    np.testing.assert_array_equal(motion_of(known, [5])[0, 6:], [2, 1, 0.5])
    np.testing.assert_array_equal(motion_of(known, [5, 2])[:, :6], shown / 2)


def rows_of(faces, images):
    """Which of the faces these images are."""
    index = {image.tobytes(): number for number, image in enumerate(faces.images)}
    return [index[image.tobytes()] for image in np.rint((images + 1) * 127.5).astype(np.uint8)]


@pytest.mark.parametrize("make", [training_batches, lambda faces, config: evaluation_batches(faces, config, 8)])
def test_batches_bring_counterparts_drawn_beforehand_with_their_targets_and_the_motion(make):
    faces, config = faces_with_counterparts(), counterpart_config(motion_dim=8)
    images, labels = make(faces, config)[1]
    rows = rows_of(faces, images)
    assert set(labels) == {"identity", "expression", "target", "counterpart", "motion"} and len(rows) == 8
    np.testing.assert_array_equal(labels["identity"], faces.identity[rows])
    np.testing.assert_array_equal(labels["target"], faces.counterpart_target[rows])
    counterparts = with_alpha(faces.counterpart_images[rows])
    np.testing.assert_array_equal(labels["counterpart"], counterparts)
    np.testing.assert_array_equal(labels["motion"], motion_of(faces, rows))
    _, labels = make(faces, counterpart_config(alpha=False))[1]
    np.testing.assert_array_equal(labels["counterpart"], counterparts[..., :3])
    assert "motion" not in labels
    _, labels = make(faces, counterpart_config(alpha=False, counterpart_weight=0.0))[1]
    assert set(labels) == {"identity", "expression", "target"}


@pytest.mark.parametrize("make", [training_batches, encoder_batches, evaluation_batches])
def test_images_on_an_accelerator_make_the_same_batches_there(make):
    jax = pytest.importorskip("jax")
    faces = faces_with_counterparts()
    names = ("images", "counterpart_images")
    near = dataclasses.replace(faces, **{name: jax.numpy.asarray(getattr(faces, name)) for name in names})
    more = {"batch_size": 5} if make is evaluation_batches else {}
    config = counterpart_config(motion_dim=8, augment_shift_px=3)
    for number in range(3):
        (images, labels), (same, others) = (make(one, config=config, **more)[number] for one in (faces, near))
        assert isinstance(same, jax.Array) and isinstance(images, np.ndarray)
        np.testing.assert_allclose(images, same, atol=1e-6)
        assert set(labels) == set(others)
        for name, values in labels.items():
            np.testing.assert_allclose(values, others[name], atol=1e-6)
            assert isinstance(others[name], jax.Array) == (name == "counterpart")


def test_the_encoders_batches_are_mirrored_with_their_motion_or_not_at_all():
    faces = faces_with_counterparts()
    config = counterpart_config(motion_dim=8)
    plain, mirrored = training_batches(faces, config), 0
    for number in range(8):
        (images, labels), (seen, known) = plain[number], encoder_batches(faces, config)[number]
        assert "counterpart" not in known
        flipped = not np.array_equal(images, seen)
        mirrored += flipped
        np.testing.assert_array_equal(seen[:, :, ::-1] if flipped else seen, images)
        signs = np.repeat([1, -1 if flipped else 1], [6, 2])
        np.testing.assert_array_equal(signs * known["motion"], labels["motion"])
        np.testing.assert_array_equal(encoder_batches(faces, config, number)[0][0], seen)
    assert 0 < mirrored < 8


def test_a_mirror_swaps_the_sides_of_a_face():
    names = ["yaw", "pitch", "motion_eyeBlink_L", "motion_jawOpen", "motion_eyeBlink_R", "motion_jawLeft"]
    names += ["gaze_x", "gaze_y", "motion_jawRight"]
    order, signs = mirrored_motion(names)
    assert [names[place] for place in order] == [
        *("yaw", "pitch", "motion_eyeBlink_R", "motion_jawOpen", "motion_eyeBlink_L", "motion_jawRight"),
        *("gaze_x", "gaze_y", "motion_jawLeft"),
    ]
    assert signs.tolist() == [-1, 1, 1, 1, 1, 1, -1, 1, 1]
    assert mirrored_motion([])[0].size == 0


def test_without_counterpart_weight_the_people_of_the_images_are_the_targets():
    faces, config = faces_with_counterparts(), counterpart_config(alpha=False, counterpart_weight=0.0, batch_size=80)
    targets = [labels["target"] for _, labels in itertools.islice(training_batches(faces, config), 5)]
    assert np.unique(targets).tolist() == list(range(12))


def test_parts_of_a_batch_bring_the_counterparts_of_their_own_images():
    faces, config = faces_with_counterparts(), counterpart_config(dependence_images=4)
    whole_images, whole = training_batches(faces, config)[2]
    parts = [training_batches(faces, config, share=(number, 2))[2] for number in range(2)]
    for images, labels in parts:
        rows = rows_of(faces, images)
        np.testing.assert_array_equal(labels["counterpart"], with_alpha(faces.counterpart_images[rows]))
        assert len(rows) == 6
    assert sorted(rows_of(faces, whole_images)) == sorted(row for part in parts for row in rows_of(faces, part[0]))
    assert len(whole["counterpart"]) == 12


def test_joined_batches_are_half_pairs_and_half_own_images():
    own, pairs = noise_faces(seed=5), faces_with_counterparts()
    config = counterpart_config(motion_dim=8, batch_size=9)
    batches, of_pairs = joined_batches(own, pairs, config), training_batches(pairs, config.replace(batch_size=5))
    for number in (0, 3):
        images, labels = batches[number]
        wanted, wanted_labels = of_pairs[number]
        assert labels["paired"].tolist() == [1] * 5 + [0] * 4 and images.shape == (9, 64, 64, 3)
        np.testing.assert_array_equal(images[:5], wanted)
        for name, values in wanted_labels.items():
            np.testing.assert_array_equal(labels[name][:5], values)
        known = to_float(own.images)
        assert all((known == image).all(axis=(1, 2, 3)).any() for image in images[5:])
        assert not labels["counterpart"][5:].any() and not labels["motion"][5:].any()
        assert labels["counterpart"].shape == (9, 64, 64, 4) and set(labels["target"]) <= {0, 1, 2}
    later = joined_batches(own, pairs, config, first_step=3)[0]
    np.testing.assert_array_equal(later[0], batches[3][0])
    np.testing.assert_array_equal(later[1]["target"], batches[3][1]["target"])
