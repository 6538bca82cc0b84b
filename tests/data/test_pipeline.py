"""The way from a FaceSet to batches: order and augmentation are functions of seed and iteration."""

import itertools

import numpy as np
import pytest
from helpers import noise_faces, tiny_config

from vgan_tf.data.pipeline import augment, evaluation_batches, training_batches

PLAIN = {"augment_shift_px": 0, "augment_light": 0.0, "augment_flip": False}


def take(dataset, count):
    return [(images, labels["identity"], labels["expression"]) for images, labels in itertools.islice(dataset, count)]


def equal(first, second):
    return all(np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


def test_training_batches_show_every_image_once_a_pass_with_its_labels():
    faces = noise_faces()
    batches = take(training_batches(faces, tiny_config(batch_size=14, **PLAIN)), 6)
    index = {image.tobytes(): number for number, image in enumerate(faces.images)}
    seen = []
    for images, identity, expression in batches:
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
    people = [np.unique(identity) for _, identity, _ in batches]
    assert max(map(len, people)) == 2, "the 112 images of two people are four whole batches"
    first, second = (
        [index[image.tobytes()] for images, _, _ in half for image in np.rint((images + 1) * 127.5).astype(np.uint8)]
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
    changes = {"augment_shift_px": 2, "augment_light": 0.1, "augment_flip": True, "batch_people": people}
    faces, config = noise_faces(), tiny_config(batch_size=16, seed=4, **changes)
    whole = take(training_batches(faces, config), 7)
    assert equal(whole[first_step:], take(training_batches(faces, config, first_step), 7 - first_step))
    assert not equal(whole, take(training_batches(faces, config.replace(seed=5)), 7))


def test_a_batch_larger_than_the_data_is_all_of_it():
    faces = noise_faces(per_cell=1)
    assert take(training_batches(faces, tiny_config(batch_size=500)), 1)[0][0].shape == (21, 64, 64, 3)


def test_evaluation_batches_show_the_images_in_order_and_unchanged():
    faces = noise_faces(per_cell=1)
    batches = take(evaluation_batches(faces, 8), 10)
    assert [len(images) for images, _, _ in batches] == [8, 8, 5]
    images, identity, expression = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    np.testing.assert_allclose(images, faces.images / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(identity, faces.identity)
    np.testing.assert_array_equal(expression, faces.expression)


def augmented(changes, seed=0):
    images = np.random.default_rng(1).uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32)
    return images, augment(images, tiny_config(**{**PLAIN, **changes}), np.random.default_rng(seed))


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

    images, lit = augmented({"augment_light": 0.2})
    assert lit.shape == images.shape and abs(lit).max() <= 1 and (lit != images).any()
    assert abs(lit - images).max() <= 0.4 + 1e-6
