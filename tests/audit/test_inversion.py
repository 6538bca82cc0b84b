"""Inversion: the original comes back where it is shown, and no more than its expression where it is not."""

import dataclasses

import numpy as np
import pytest
from small_dumps import PEOPLE, silent, small_dump

from vgan_tf.audit.attacks.inversion import PICTURES, inversion


def test_what_shows_the_person_is_painted_and_recognised():
    figures, pictures = inversion(small_dump("same"), [0, 1], True, silent)
    assert figures["originals"]["recognised"]["accuracy"] > 0.95
    for name in ("from_protected", "from_latent"):
        assert figures[name]["recognised"]["interval"][0] > 0.9
        assert figures[name]["error_levels"] < 0.7 * figures["class_mean"]["error_levels"]
    assert set(pictures) == {"originals", "protected", "class_mean", "from_protected", "from_latent"}
    assert all(one.shape == (PICTURES, 16, 16, 3) and one.dtype == np.uint8 for one in pictures.values())


def test_what_shows_only_target_and_expression_paints_the_mean_face():
    figures, _ = inversion(small_dump("rendered", test=360), [0], True, silent)
    assert figures["chance"] == pytest.approx(1 / PEOPLE)
    mean = figures["class_mean"]
    for name in ("from_protected", "from_latent"):
        assert all(abs(one["accuracy"] - 1 / PEOPLE) < 0.08 for one in figures[name]["attackers"].values())
        assert figures[name]["error_levels"] > 0.95 * mean["error_levels"]
    assert abs(mean["recognised"]["accuracy"] - 1 / PEOPLE) < 0.08


def test_what_is_recognised_is_as_sure_as_there_are_clips():
    dump = small_dump("same", 240, 120)
    of_clips = dataclasses.replace(dump, clip_train=np.arange(240), clip_test=100 + np.arange(120) // 6)
    alone, together = (inversion(one, [0], True, silent)[0] for one in (dump, of_clips))
    for name in ("originals", "class_mean", "from_protected", "from_latent"):
        first, second = (one[name]["recognised"] for one in (alone, together))
        assert second["interval_over"] == "clips" and second["clusters"] == 20
        assert second["accuracy"] == first["accuracy"] and np.ptp(second["interval"]) > np.ptp(first["interval"])


def test_without_latents_they_are_left_out():
    none = dict.fromkeys(("mu_train", "mu_test", "z_train", "z_test"))
    dump = dataclasses.replace(small_dump("same", 120, 60), fresh=None, strangers=None, **none)
    figures, pictures = inversion(dump, [0], True, silent)
    assert figures["from_latent"] is None and "from_latent" not in pictures
