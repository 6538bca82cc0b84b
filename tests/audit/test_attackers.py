"""Each attacker reads what is there, nothing from shuffled labels, and the same twice."""

import numpy as np
import pytest

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import networks
from vgan_tf.audit.attackers.networks import bit_planes
from vgan_tf.audit.controls.positive import hide_in_lowest_bits

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


def scores(attacker, data, learnt=None, seed=0):
    """Of the last 160 of 480 examples, by an attacker who learnt from the others: `(160, ..., CLASSES)`."""
    features, labels = data
    expression = np.arange(480) % 3
    known, asked = (attackers.Seen(features[rows], expression[rows]) for rows in (slice(320), slice(320, None)))
    learnt = labels[:320] if learnt is None else learnt
    return attackers.attack([attacker], known, learnt, [asked], CLASSES, seed, quick=True)[attacker.name][0]


def accuracy(attacker, data, shuffled=False):
    labels, random = data[1], np.random.default_rng(2)
    tasks = min(8, attacker.permutations)
    learnt = np.stack([random.permutation(labels[:320]) for _ in range(tasks)], axis=1) if shuffled else None
    named = scores(attacker, data, learnt).argmax(axis=-1)
    assert named.shape == ((160, tasks) if shuffled else (160,))
    return float((named == (labels[320:, None] if shuffled else labels[320:])).mean())


@pytest.mark.parametrize("attacker", attackers.IMAGE_ATTACKERS, ids=lambda one: one.name)
def test_image_attackers(attacker, images):
    if attacker in attackers.BIT_ATTACKERS:
        images = hide_in_lowest_bits(*images, CLASSES, seed=3), images[1]
    assert accuracy(attacker, images) > 0.8
    assert 0.1 < accuracy(attacker, images, shuffled=True) < 0.4


@pytest.mark.parametrize("attacker", attackers.LATENT_ATTACKERS, ids=lambda one: one.name)
def test_latent_attackers(attacker, latents):
    assert accuracy(attacker, latents) > 0.9
    assert 0.1 < accuracy(attacker, latents, shuffled=True) < 0.4


@pytest.mark.parametrize("attacker", attackers.QUICK_IMAGE_ATTACKERS, ids=lambda one: one.name)
def test_images_that_are_all_alike_tell_nothing(attacker):
    found = accuracy(attacker, (np.full((480, 16, 16, 3), 120, np.uint8), np.arange(480) % CLASSES))
    assert 0.22 < found < 0.28


@pytest.mark.parametrize("attacker", (attackers.KERNEL_RIDGE, attackers.BOOSTING, attackers.MLP), ids=lambda o: o.name)
def test_what_no_line_separates_is_read_too(attacker):
    latents = np.random.default_rng(0).normal(size=(1200, 4)).astype(np.float32)
    labels = (latents[:, 0] * latents[:, 1] > 0).astype(int)
    linear, curved = (
        (attackers.train(one, latents[:900], labels[:900], 2, seed=0)(latents[900:]) == labels[900:]).mean()
        for one in (attackers.LOGISTIC, attacker)
    )
    assert linear < 0.6 and curved > 0.85


def test_scores_of_pictures_of_one_person_add_up(latents):
    features, labels = latents
    noisy = features + np.random.default_rng(0).normal(0, 4, features.shape).astype(np.float32)
    for attacker in attackers.LATENT_ATTACKERS:
        found = scores(attacker, (noisy, labels))
        assert found.shape == (160, CLASSES)
        alone = (found.argmax(axis=1) == labels[320:]).mean()
        together = found.reshape(10, 4, CLASSES, CLASSES).sum(axis=1).argmax(axis=2)  # (10 groups, 4 people)
        assert (together == np.arange(CLASSES)).mean() > alone


def test_ridge_survives_the_rounding_of_a_singular_kernel():
    faces = np.random.default_rng(0).integers(0, 7, 2400)
    greys = (30 * faces + 30).astype(np.uint8)
    images = np.broadcast_to(greys[:, None, None, None], (2400, 32, 32, 3))
    readings = attackers.train(attackers.PIXEL_RIDGE, images, faces % CLASSES, CLASSES, seed=0)(images)
    assert all(np.ptp(readings[faces == face]) == 0 for face in range(7))


@pytest.mark.parametrize("attacker", (attackers.CNN, attackers.PIXEL_RIDGE, attackers.BOOSTING), ids=lambda o: o.name)
def test_the_same_seed_reads_the_same(attacker, images, latents):
    features, labels = latents if attacker is attackers.BOOSTING else images
    first, second = (scores(attacker, (features, labels), seed=5) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_label_that_training_lacks_is_never_read(latents):
    features, labels = latents
    known = labels != 2
    for attacker in (one for one in attackers.LATENT_ATTACKERS if not one.knows_expression):
        read = attackers.train(attacker, features[known], labels[known], CLASSES, 0, True)(features)
        assert (read[known] == labels[known]).mean() > 0.9 and not (read == 2).any()


def test_an_attacker_that_is_never_right_on_its_validation_examples_still_predicts(latents):
    features, labels = latents
    train, validation = (
        attackers.Examples(features[rows], labels[rows][:, None]) for rows in (labels < 2, labels == 2)
    )
    for attacker in (one for one in attackers.LATENT_ATTACKERS if not one.knows_expression):
        score = attacker.fit(train, validation, CLASSES, 0, True)
        assert (score(features[labels < 2]).argmax(axis=2) == train.labels).mean() > 0.8


def test_networks_keep_their_best_weights_and_stop():
    """Labels that nothing tells end the training early, and the loss kept is that of the best epoch."""
    import keras

    random = np.random.default_rng(0)
    train, validation = (
        attackers.Examples(random.normal(size=(count, 6)).astype(np.float32), random.integers(0, 3, (count, 1)))
        for count in (300, 200)
    )
    features = keras.Input((6,))
    hidden = keras.layers.Dense(64, "relu", kernel_initializer=keras.initializers.HeNormal(0))(features)
    network = keras.Model(features, keras.layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(1))(hidden))
    steps = []
    score = attackers.fit_network(
        network, train, validation, 0, most_steps=3000, augment=lambda rows, _: steps.append(len(rows)) or rows
    )
    assert len(steps) < 1500 and set(steps) == {64}, "it must stop long before the last step"
    found = score(validation.features)
    np.testing.assert_allclose(np.exp(found).sum(axis=2), 1, rtol=1e-5)
    assert -np.take_along_axis(found, validation.labels[:, :, None], axis=2).mean() < 1.3  # ln 3 is 1.10


def test_few_images_are_learnt_in_as_many_steps_as_many():
    """588 images once gave a network 100 steps."""
    random, steps = np.random.default_rng(0), []
    features = random.normal(size=(90, 6)).astype(np.float32)
    labels = (features[:, :1] > 0).astype(np.int64)
    parts = attackers.Examples(features[:70], labels[:70]), attackers.Examples(features[70:], labels[70:])
    network = networks.mlp((6,), 2, 0)
    score = attackers.fit_network(network, *parts, 0, 400, augment=lambda rows, _: steps.append(len(rows)) or rows)
    assert 150 < len(steps) <= 400 and set(steps) == {64}
    assert (score(features[70:]).argmax(axis=2) == labels[70:]).mean() > 0.8


def test_attackers_share_components_and_one_uses_the_expression():
    """Each person misread in a way of their own: only who knows what the expression was can tell."""
    random = np.random.default_rng(0)
    person, expression = random.integers(0, CLASSES, 900), random.integers(0, CLASSES, 900)
    shown = (person + expression) % CLASSES
    values = (np.eye(CLASSES)[shown] * 3 + random.normal(size=(900, CLASSES))).astype(np.float32)
    seen = [attackers.Seen(values[rows], expression[rows]) for rows in (slice(600), slice(600, None))]
    chosen = attackers.KERNEL_RIDGE, attackers.KERNEL_RIDGE_OF_EXPRESSION
    found = attackers.attack(chosen, seen[0], person[:600], seen[1:], CLASSES, 0, True)
    right = {name: (one.argmax(axis=1) == person[600:]).mean() for name, (one,) in found.items()}
    assert right["kernel ridge"] < 0.35 and right["kernel ridge, expression known"] > 0.8


def test_bit_planes_count_from_the_highest():
    image = np.array([[[[129, 0, 255]]]], np.uint8)
    planes = bit_planes(image)[0, 0, 0]
    assert planes.tolist() == [1, -1, -1, -1, -1, -1, -1, 1, *[-1] * 8, *[1] * 8]


def test_augmentation_keeps_the_picture_about_as_it_was():
    images = np.full((40, 16, 16, 3), 200, np.uint8)
    changed = attackers.shift_light_and_cover(images, np.random.default_rng(0))
    assert changed.shape == images.shape and changed.dtype == np.float32
    covered = (changed == 0).all(axis=3).sum(axis=(1, 2))
    assert set(covered) == {0, 9} and 8 < (covered == 9).sum() < 32
    assert np.ptp(changed.max(axis=(1, 2, 3))) > 0.1


def test_held_back_part_is_stratified():
    labels = np.repeat([0, 1, 2], [100, 20, 1])
    marked = attackers.stratified_sample(labels, 0.15, seed=0)
    assert np.bincount(labels[marked], minlength=3).tolist() == [15, 3, 0]
