"""Each attacker reads what is there, nothing from shuffled labels, and the same twice."""

import numpy as np
import pytest

from vgan_tf.audit import attackers

CLASSES = 4


@pytest.fixture(scope="module")
def images():
    """Noise of middle contrast over one faint pattern per class: (images uint8 (480, 16, 16, 3), labels)."""
    random = np.random.default_rng(0)
    labels = np.arange(480) % CLASSES
    patterns = random.normal(0, 25, (CLASSES, 16, 16, 3))
    pixels = 128 + patterns[labels] + random.normal(0, 25, (480, 16, 16, 3))
    return pixels.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def latents():
    random = np.random.default_rng(1)
    labels = np.arange(480) % CLASSES
    centres = random.normal(0, 1.5, (CLASSES, 12))
    return (centres[labels] + random.normal(size=(480, 12))).astype(np.float32), labels


def accuracy(attacker, data, shuffled=False, tasks=8):
    features, labels = data
    random = np.random.default_rng(2)
    taught = labels[:320]
    if shuffled:
        taught = np.stack([random.permutation(taught) for _ in range(tasks)], axis=1)
    read = attackers.train(attacker, features[:320], taught, CLASSES, seed=0, quick=True)(features[320:])
    assert read.shape == ((160, tasks) if shuffled else (160,))
    return float((read == (labels[320:, None] if shuffled else labels[320:])).mean())


@pytest.mark.parametrize("attacker", attackers.IMAGE_ATTACKERS, ids=lambda one: one.name)
def test_image_attackers(attacker, images):
    pixels, labels = images
    if attacker is attackers.LOWEST_BIT_RIDGE:
        patterns = np.random.default_rng(3).integers(0, 2, (CLASSES, 16, 16, 3), dtype=np.uint8)
        images = (pixels & 254) | patterns[labels], labels
    assert accuracy(attacker, images) > 0.8
    assert 0.1 < accuracy(attacker, images, shuffled=True) < 0.4


@pytest.mark.parametrize("attacker", attackers.LATENT_ATTACKERS, ids=lambda one: one.name)
def test_latent_attackers(attacker, latents):
    assert accuracy(attacker, latents) > 0.9
    assert 0.1 < accuracy(attacker, latents, shuffled=True) < 0.4


@pytest.mark.parametrize("attacker", attackers.IMAGE_ATTACKERS, ids=lambda one: one.name)
def test_images_that_are_all_alike_tell_nothing(attacker):
    assert accuracy(attacker, (np.full((480, 16, 16, 3), 120, np.uint8), np.arange(480) % CLASSES)) == 0.25


def test_ridge_survives_the_rounding_of_a_singular_kernel():
    looks = np.random.default_rng(0).integers(0, 7, 2400)
    greys = (30 * looks + 30).astype(np.uint8)
    images = np.broadcast_to(greys[:, None, None, None], (2400, 32, 32, 3))
    readings = attackers.train(attackers.PIXEL_RIDGE, images, looks % CLASSES, CLASSES, seed=0)(images)
    assert all(np.ptp(readings[looks == look]) == 0 for look in range(7))


@pytest.mark.parametrize("attacker", (attackers.CNN, attackers.PIXEL_RIDGE), ids=lambda one: one.name)
def test_the_same_seed_reads_the_same(attacker, images):
    pixels, labels = images
    first, second = (
        attackers.train(attacker, pixels[:320], labels[:320], CLASSES, 5, True)(pixels[320:]) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_held_back_part_is_stratified():
    labels = np.repeat([0, 1, 2], [100, 20, 1])
    marked = attackers.stratified_part(labels, 0.15, seed=0)
    assert np.bincount(labels[marked], minlength=3).tolist() == [15, 3, 0]
