"""Distances of features: of the like, of the unlike, and by hand."""

import numpy as np
import pytest
from small_dumps import silent, small_dump

from vgan_tf.audit.utility import quality


def describe(images):
    """Pixels in place of a network's hidden layer."""
    return images.reshape(len(images), -1).astype(np.float32)


def test_kernel_distance_by_hand():
    some, others = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    # (1 * 2 + 1)^3 = 27 within some, (0 + 1)^3 = 1 within others; across: 1, 8, 1, 27, on average 9.25.
    rows = np.arange(2)
    distance = quality.kernel_distance(some, others, [(rows, rows)])
    assert distance["value"] == pytest.approx(27 + 1 - 2 * 9.25) and distance["interval"] == [distance["value"]] * 2


def test_quality_of_originals_is_the_floor_and_of_other_faces_is_far():
    same, rendered = (
        quality.quality_figures(small_dump(kind), describe, 0, quick=True, progress=silent)
        for kind in ("same", "rendered")
    )
    for figures in (same, rendered):
        low, high = figures["kid"]["originals_against_originals"]["interval"]
        assert low < 0 < high
        blurred = [one["value"] for one in figures["kid"]["blurred_against_originals"].values()]
        assert blurred == sorted(blurred) and blurred[-1] > high
    assert same["kid"]["protected_against_originals"] == same["kid"]["originals_against_originals"]
    assert same["images"] == 180 and same["subset_images"] == 90
    # Protected images that are the originals show the same variety whatever the target.
    spread = same["diversity_over_targets"]
    assert spread["between_targets"]["value"] == pytest.approx(1, abs=0.05)
    assert spread["within_one_target"]["value"] == pytest.approx(1, abs=0.05)
    spread = rendered["diversity_over_targets"]
    assert spread["between_targets"]["value"] == pytest.approx(1, abs=0.15)
    assert spread["within_one_target"]["interval"][1] < spread["between_targets"]["interval"][0]
    assert spread["within_one_target"]["value"] == pytest.approx(spread["originals_of_one_person"]["value"], abs=0.1)


def test_faces_that_are_all_one_have_no_diversity_and_are_far_from_originals():
    dump = small_dump("rendered")
    for images in (dump.test.p, dump.fresh.p):
        images[:] = 128
    figures = quality.quality_figures(dump, describe, 0, quick=True, progress=silent)
    assert figures["diversity_over_targets"]["between_targets"]["value"] < 0.01
    kid = figures["kid"]
    assert kid["protected_against_originals"]["interval"][0] > kid["originals_against_originals"]["interval"][1]


def test_too_few_images_or_no_targets_give_no_figures():
    few = small_dump("same", test=30, others=30)
    assert quality.quality_figures(few, describe, 0, progress=silent) is None
