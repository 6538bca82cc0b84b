"""Distances of features: of the like, of the unlike, and by hand."""

import dataclasses

import numpy as np
import pytest
from small_dumps import of_people_held_out, silent, small_dump

from vgan_tf.audit.utility import quality
from vgan_tf.audit.utility.classifier import learnt_and_tested


def describe(images):
    """Pixels in place of a network's hidden layer."""
    return images.reshape(len(images), -1).astype(np.float32)


def figures_of(dump):
    return quality.quality_figures(learnt_and_tested(dump), describe, 0, quick=True, progress=silent)


def test_kernel_distance_by_hand():
    some, others = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    # (1 * 2 + 1)^3 = 27 within some, (0 + 1)^3 = 1 within others; across: 1, 8, 1, 27, on average 9.25.
    rows = np.arange(2)
    distance = quality.kernel_distance(some, others, [(rows, rows)])
    assert distance["value"] == pytest.approx(27 + 1 - 2 * 9.25) and distance["interval"] == [distance["value"]] * 2


def test_quality_of_originals_is_the_floor_and_of_other_faces_is_far():
    same, rendered = (figures_of(small_dump(kind)) for kind in ("same", "rendered"))
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
    # Both are drawn as real images are.
    for figures in (same, rendered):
        assert figures["precision"] > 0.8 and figures["recall"] > 0.8
        assert figures["sharpness"] == pytest.approx(1, abs=0.2) and figures["smoothness"] is None


def test_faces_that_are_all_one_have_no_diversity_and_are_far_from_originals():
    dump = small_dump("rendered").changed_pictures(lambda pictures: np.full_like(pictures, 128))
    figures = figures_of(dump)
    assert figures["diversity_over_targets"]["between_targets"]["value"] < 0.01
    kid = figures["kid"]
    assert kid["protected_against_originals"]["interval"][0] > kid["originals_against_originals"]["interval"][1]
    assert figures["sharpness"] == figures["recall"] == 0


def test_too_few_images_or_no_targets_give_no_figures():
    assert figures_of(small_dump("same", test=30, others=30)) is None
    unknown = dataclasses.replace(small_dump("same").without("c"), target_policy="unknown")
    absent = ("diversity_over_targets", "precision", "recall", "sharpness", "smoothness")
    assert all(figures_of(unknown)[name] is None for name in absent)


def test_protected_pictures_of_held_out_people_are_compared_with_the_targets():
    dump = of_people_held_out(small_dump("rendered"))
    figures = figures_of(dump)
    assert figures["precision"] > 0.7 and figures["sharpness"] == pytest.approx(1, abs=0.2)
    strangers = dataclasses.replace(dump, train=dataclasses.replace(dump.train, p=dump.train.x))
    strangers = dataclasses.replace(strangers, test=dataclasses.replace(dump.test, p=dump.test.x))
    assert figures_of(strangers)["precision"] < 0.6 * figures["precision"], "they show themselves, who are no targets"


def test_precision_and_recall_by_hand():
    made, real = np.array([[0.0], [1], [2], [3], [100]]), np.array([[0.0], [1], [2], [3], [4]])
    # The third nearest of a real one is at most 4 away, of a made one of 0 to 3 at most 3, of 100 it is 99 away.
    assert quality.precision_and_recall(made, real) == (0.8, 1.0)
    assert quality.precision_and_recall(made, real + 300) == (0.0, 0.0)
    assert quality.precision_and_recall(made * 0, real + 0.5)[1] == 0, "one picture has no reach"


def test_sharpness_is_less_where_pictures_are_blurred():
    sets = learnt_and_tested(small_dump("rendered", train=60, test=60))
    images = sets.tested
    halved = dataclasses.replace(images, p=(images.x // 2), c=images.id)
    assert quality.sharpness(halved, images) == pytest.approx(0.25, abs=0.01)
    flat = dataclasses.replace(halved, p=np.where((images.id == 0)[:, None, None, None], images.x, 7).astype(np.uint8))
    assert quality.sharpness(flat, images) == pytest.approx(1 / 6), "the mean over targets"


def test_smoothness_compares_neighbouring_frames_of_one_clip_and_target():
    dump = small_dump("same", train=60, test=60)
    grey = np.array([0, 2, 4, 50, 54, 90], np.uint8)
    kept = dataclasses.replace(
        dump.test.rows(slice(6)),
        x=np.broadcast_to(grey[:, None, None, None], (6, 16, 16, 3)).copy(),
        p=np.broadcast_to(3 * grey[:, None, None, None] // 2, (6, 16, 16, 3)).copy(),
        c=np.array([1, 1, 1, 1, 1, 2]),
        clip=np.array([5, 5, 5, 7, 7, 7]),
    )
    assert quality.smoothness(kept) == pytest.approx(1.5)
    assert quality.smoothness(dataclasses.replace(kept, p=kept.p * 0)) == 0
    assert quality.smoothness(dataclasses.replace(kept, clip=np.arange(6))) is None
    assert quality.smoothness(dataclasses.replace(kept, clip=None)) is None
