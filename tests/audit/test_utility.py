"""Classifiers of expression, and regressions of intensity and pose, on images whose contents are known."""

import dataclasses
import json

import numpy as np
import pytest
from small_dumps import of_people_held_out, silent, small_dump

from vgan_tf.audit.utility import expression as utility
from vgan_tf.audit.utility.motion import fit_motion


def with_truth(dump):
    """The same with an intensity and a yaw that brighten originals, of which protected images keep the intensity."""
    random, changes = np.random.default_rng(1), {}
    for part in ("train", "test"):
        count = len(getattr(dump, f"id_{part}"))
        intensity, yaw = random.uniform(0, 1, count), random.uniform(-30, 30, count)
        still = random.uniform(-5, 5, (count, 2))  # pitch and roll show nowhere
        changes[f"intensity_{part}"] = intensity.astype(np.float32)
        changes[f"pose_{part}"] = np.column_stack([yaw, still]).astype(np.float32)
        for key, contents in (("x", (intensity, (yaw + 30) / 60)), ("p", (intensity, np.zeros(count)))):
            images = getattr(dump, f"{key}_{part}").copy()
            images[:, :4] = (60 + 150 * contents[0])[:, None, None, None]
            images[:, 13:] = (60 + 150 * contents[1])[:, None, None, None]
            changes[f"{key}_{part}"] = images
    return dataclasses.replace(dump, **changes)


@pytest.fixture(scope="module")
def measured():
    dump = with_truth(small_dump("rendered", train=600, test=240))
    dump = dataclasses.replace(dump, clip_train=np.arange(600) // 8, clip_test=1000 + np.arange(240) // 4)
    return dump, *utility.utility_figures(dump, [0], quick=True, progress=silent)


def test_expressions_are_read_alike_from_both(measured):
    dump, figures, predictions = measured
    for test in utility.PER_EXPRESSION_TESTS:
        assert len(predictions[test]) == 1 and figures[test]["accuracy"] > 0.9
        assert figures[test]["interval_over"] == "clips" and figures[test]["clusters"] == 60
        recalls = [figures["per_expression"][label][test]["accuracy"] for label in dump.expressions]
        weights = np.bincount(dump.test.ep)
        assert np.average(recalls, weights=weights) == pytest.approx(figures[test]["accuracy"])
    assert figures["target_success"]["accuracy"] > 0.7
    for ceiling in figures["ceiling"].values():
        assert ceiling["accuracy"] > 0.9 and ceiling["interval_over"] == "pictures" and ceiling["clusters"] <= 18
    assert figures["agreement"]["classifier_of_originals"]["accuracy"] > 0.85
    assert figures["expression_from_latent"]["logistic on mean"]["accuracy"] > 0.9
    json.dumps(figures, allow_nan=False)


def test_what_protected_images_keep_is_read_and_what_they_lost_is_not(measured):
    intensity, pose = measured[1]["intensity_r2"], measured[1]["pose_r2"]
    assert intensity["original"] > 0.8 and intensity["protected"] > 0.8
    assert intensity["by_expression_alone"] < 0.1
    assert pose["yaw"]["original"] > 0.8 and pose["yaw"]["protected"] < 0.1
    assert pose["roll"]["original"] < 0.1  # not shown: nothing can be said of it


def test_classifiers_for_held_out_people_learn_from_the_references():
    dump = of_people_held_out(small_dump("rendered", train=600, test=60, others=240))
    assert not dump.people_are_targets
    blank = dataclasses.replace(dump, x_train=dump.train.x * 0, p_train=dump.train.p * 0)
    for one in (dump, blank):
        figures, _ = utility.utility_figures(one, [0], quick=True, progress=silent)
        assert figures["target_success"]["accuracy"] > 0.7
        assert figures["original_to_protected"]["accuracy"] > 0.9
        assert figures["protected_to_protected"]["accuracy"] > 0.9
    without, _ = utility.utility_figures(dataclasses.replace(dump, references=None), [0], quick=True, progress=silent)
    assert without["target_success"] is None, "nobody knows the targets' faces"


def test_pictures_from_labels_alone_tell_no_person():
    dump = small_dump("same", train=120, test=60)
    images, rows = utility.from_labels_alone(dump)
    np.testing.assert_array_equal(images, dump.train.p[rows])
    np.testing.assert_array_equal(dump.train.ep[rows], dump.test.ep)
    np.testing.assert_array_equal(dump.train.c[rows], dump.test.c)
    labels = np.stack([dump.test.ep, dump.test.c, rows])
    assert len(np.unique(labels, axis=1).T) == len(np.unique(labels[:2], axis=1).T), "one picture for each"
    without = dataclasses.replace(dump, c_train=None, c_test=None, target_policy="unknown")
    assert len(np.unique(utility.from_labels_alone(without)[1])) == 3
    assert utility.from_labels_alone(dataclasses.replace(dump, ep_train=dump.train.ep * 0)) is None


def test_a_dump_of_images_and_labels_alone():
    dump = dataclasses.replace(
        small_dump("same", train=120, test=60),
        **{f"{name}_{part}": None for name in ("c", "mu", "z") for part in ("train", "test")},
        fresh=None,
        strangers=None,
    )
    figures, _ = utility.utility_figures(dump, [0], quick=True, progress=silent)
    absent = ("target_success", "intensity_r2", "pose_r2", "quality")
    assert all(figures[name] is None for name in absent) and figures["expression_from_latent"] == {}
    assert figures["original_to_original"]["interval_over"] == "images"


def test_each_value_of_motion_gets_its_own_regularisation():
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 10)).astype(np.float32)
    truth = np.column_stack([features[:, 0] * 3 + 50, random.normal(size=400)])
    held_back = np.arange(400) % 5 == 0
    predicted = fit_motion(features[:300], truth[:300], held_back[:300], 0)(features[300:])
    assert np.corrcoef(predicted[:, 0], truth[300:, 0])[0, 1] > 0.9 and abs(predicted[:, 0].mean() - 50) < 1
    assert predicted[:, 1].std() < truth[:, 1].std()
