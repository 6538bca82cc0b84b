"""Everything in the audit takes the size of the images from the dump. tests/test_end_to_end.py runs whole audits."""

import numpy as np
import pytest
from small_dumps import silent, small_dump

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import networks
from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.inversion import inversion
from vgan_tf.audit.controls import subverted
from vgan_tf.audit.utility import classifier


def test_networks_reconstructions_and_controls_at_128_pixels(monkeypatch):
    monkeypatch.setattr(subverted, "QUICK_CHECK_STEPS", 10)
    monkeypatch.setattr(subverted, "QUICK_HIDER_STEPS", 5)
    dump = small_dump("same", 120, 36, 60, size=128)
    changed = subverted.subvert(dump, 0, True, silent)
    assert 0 < np.abs(changed.test.p.astype(int) - dump.test.p).max() <= subverted.MOST_LEVELS
    figures, pictures, _ = inversion(dump, [0], True, silent)
    assert figures["from_protected"]["recognised"]["accuracy"] > 0.9
    assert pictures["from_protected"].shape[1:] == (128, 128, 3)
    predict = attackers.train(attackers.SMALL_CNN, dump.train.x, dump.train.ep, 3, 0, True)
    assert (predict(dump.test.x) == dump.test.ep).mean() > 0.6


@pytest.mark.parametrize("size", (32, 64, 128, 256))
def test_networks_end_at_four_rows_or_fewer_whatever_the_size(size):
    for layers in (networks.MEDIUM_LAYERS, networks.BIT_LAYERS, classifier.LAYERS, subverted.CHECK_LAYERS):
        deeper = networks.for_size(layers, (size, size, 3))
        assert size // int(np.prod([stride for _, _, stride in deeper])) == min(4, size // 16)
        assert deeper[: len(layers)] == layers and set(deeper[len(layers) :]) <= {layers[-1]}
    network = networks.cnn((size, size, 3), 5, 0, networks.SMALL_LAYERS)
    assert network.layers[-3].output.shape[1] == 64 * min(4, size // 16) ** 2


def test_networks_of_images_that_are_not_square_or_no_power_of_two():
    assert networks.for_size(networks.SMALL_LAYERS, (96, 48, 3))[3:] == (networks.SMALL_LAYERS[-1],)
    images = np.random.default_rng(0).integers(0, 256, (40, 20, 28, 3), dtype=np.uint8)
    predict = attackers.train(attackers.CNN, images, np.arange(40) % 2, 2, 0, quick=True)
    assert predict(images).shape == (40,)


def test_embeddings_see_at_most_sixty_four_pixels_a_side():
    for size, side, quick_side in ((16, 16, 16), (32, 32, 16), (64, 64, 32), (128, 64, 32)):
        images = np.full((2, size, size, 3), 201, np.uint8)
        for quick, expected in ((False, side), (True, quick_side)):
            for values in (embeddings.pixels(images, quick), embeddings.lowest_bits(images, quick)):
                assert values.shape == (2, expected * expected * 3)
        assert (embeddings.pixels(images) == 201).all() and (embeddings.lowest_bits(images) == 1).all()
