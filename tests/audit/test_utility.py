"""Classifiers of expression, face and motion on images whose contents are known, and tables of pictures beside them."""

import dataclasses
import json

import numpy as np
import pytest
from small_dumps import EXPRESSIONS, PEOPLE, of_people_held_out, silent, small_dump, with_counterparts

from vgan_tf.audit.utility import expression as utility
from vgan_tf.audit.utility.classifier import learnt_and_tested
from vgan_tf.audit.utility.motion import Motion, fit_motion, motion_scale
from vgan_tf.audit.utility.tables import table_of

MOTION_NAMES = ("intensity", "yaw", "roll")


def with_motion(dump, kept):
    """The same with an intensity and a yaw that brighten originals, of which protected images have the share `kept`.

    Counterparts, where there are some, have them as originals.

    The intensity has another mean in each expression. The roll shows nowhere.
    """
    random = np.random.default_rng(1)

    def moving(images):
        count = len(images)
        intensity, yaw, roll = random.uniform(0, 1, count), random.uniform(-30, 30, count), random.normal(0, 5, count)
        columns = np.column_stack([images.ep + intensity, yaw, roll]).astype(np.float32)
        pictures = {name: getattr(images, name) for name in ("x", "p", "counterpart")}
        pictures = {name: one.copy() for name, one in pictures.items() if one is not None}
        for name, one in pictures.items():
            share = kept if name == "p" else 1
            for rows, value in ((slice(0, 4), intensity), (slice(13, 16), (yaw + 30) / 60)):
                one[:, rows] = (135 + 150 * share * (value - 0.5))[:, None, None, None]
        return dataclasses.replace(images, **pictures, motion=columns)

    return dataclasses.replace(dump, motion_names=MOTION_NAMES).changed(moving)


@pytest.fixture(scope="module")
def following():
    """A generator that follows the motion, in clips of four or more images: (dump, figures, predictions)."""
    dump = with_motion(small_dump("rendered", train=600, test=240), kept=1)
    clips = {"train": np.arange(600) // 8, "test": 1000 + np.arange(240) // 4}
    changes = {part: dataclasses.replace(getattr(dump, part), clip=clip) for part, clip in clips.items()}
    dump = dataclasses.replace(dump, **changes, fresh=None)
    return dump, *utility.utility_figures(dump, [0], quick=True, progress=silent)


@pytest.fixture(scope="module")
def table_as_anonymizer():
    """Protected images are those of a table with two strengths: (dump, figures)."""
    dump = with_motion(small_dump("rendered", train=600, test=240), kept=1)
    table = table_of(dump, 2, quick=True)

    def protect(images):
        pictures, codes = table.protect(images)
        return dataclasses.replace(images, p=pictures, r=np.eye(len(table.pictures), dtype=np.float32)[codes])

    dump = dataclasses.replace(dump, discrete=True, release="table").changed(protect)
    return dump, utility.utility_figures(dump, [0], quick=True, progress=silent)[0]


def test_expressions_are_read_alike_from_both(following):
    dump, figures, predictions = following
    for test in utility.PER_EXPRESSION_TESTS:
        assert len(predictions[test]) == 1 and figures[test]["accuracy"] > 0.9
        assert figures[test]["interval_over"] == "clips" and figures[test]["clusters"] == 60
        recalls = [figures["per_expression"][label][test]["accuracy"] for label in dump.expressions]
        weights = np.bincount(dump.test.ep)
        assert np.average(recalls, weights=weights) == pytest.approx(figures[test]["accuracy"])
    assert figures["target_success"]["accuracy"] > 0.7
    assert figures["agreement"]["classifier_of_originals"]["accuracy"] > 0.85
    assert figures["expression_from_latent"]["logistic on mean"]["accuracy"] > 0.9
    assert figures["original_to_targets"]["accuracy"] == figures["original_to_original"]["accuracy"]
    assert figures["kept"]["expression"] == pytest.approx(1, abs=0.1)
    json.dumps(figures, allow_nan=False)


def test_a_generator_that_follows_motion_beats_the_table(following):
    dump, figures, _ = following
    motion, table = figures["motion"], figures["table"]
    for source in ("original", "protected"):
        assert motion[source]["intensity_within_r2"] > 0.8 and motion[source]["yaw_r2"] > 0.8
        assert 0.5 < motion[source]["within_expression_r2"] < 0.8, "the roll shows nowhere"
        assert motion[source]["pitch_r2"] is None and motion[source]["gaze_r2"] is None
    assert motion["name_only"]["within_expression_r2"] == motion["name_only"]["intensity_within_r2"] == 0
    assert abs(motion["name_only"]["yaw_r2"]) < 0.1
    assert table["pictures"] == PEOPLE * EXPRESSIONS * 4
    assert table["one_each"]["motion"]["within_expression_r2"] < 0.1
    assert table["strengths"]["motion"] == motion["table"] and motion["table"]["intensity_within_r2"] > 0.7
    assert table["one_each"]["expression"]["accuracy"] > 0.9 and table["one_each"]["target_success"]["accuracy"] > 0.9
    gain = motion["protected"]["within_expression_r2"] - motion["table"]["within_expression_r2"]
    low, high = figures["beats_table"]["motion"]
    assert 0 < low < gain < high and figures["better_than_table"] is True
    low, high = figures["beats_table"]["expression"]
    assert low < 0 < high
    intensity = figures["intensity_r2"]
    assert intensity["protected"] > 0.9 and 0.7 < intensity["by_expression_alone"] < intensity["protected"]
    assert figures["distinct_pictures_per_target"] == len(dump.test) / PEOPLE


def test_a_table_as_anonymizer_is_no_better_than_a_table(table_as_anonymizer):
    dump, figures = table_as_anonymizer
    assert figures["better_than_table"] is False and figures["beats_table"]["motion"][0] < 0
    assert figures["motion"]["protected"]["within_expression_r2"] < figures["motion"]["table"]["within_expression_r2"]
    assert figures["distinct_pictures_per_target"] <= EXPRESSIONS * 2
    shown = len(np.unique(dump.tested.p.reshape(len(dump.tested), -1), axis=0))
    for name in ("original_to_protected", "protected_to_protected", "target_success"):
        assert figures[name]["interval_over"] == "pictures" and figures[name]["clusters"] == shown
    assert figures["original_to_original"]["interval_over"] == "images"
    assert figures["table"]["one_each"]["expression"]["interval_over"] == "pictures"
    assert figures["n_test"] == len(dump.tested) == 420
    json.dumps(figures, allow_nan=False)


def test_pictures_that_repeat_are_no_better_than_a_table_where_motion_is_unknown(table_as_anonymizer):
    dump = dataclasses.replace(table_as_anonymizer[0].without("motion", "r"), discrete=False)
    figures, _ = utility.utility_figures(dump, [0], quick=True, progress=silent)
    assert figures["motion"] is None and figures["beats_table"]["motion"] is None
    assert figures["better_than_table"] is False


def test_classifiers_for_held_out_people_learn_from_the_references():
    dump = of_people_held_out(small_dump("rendered", train=600, test=60, others=240))
    assert not dump.people_are_targets
    sets = learnt_and_tested(dump)
    assert len(sets.learnt) + len(sets.of_targets) == 600 and len(sets.tested) == 240
    blank = dataclasses.replace(dump, train=dataclasses.replace(dump.train, x=dump.train.x * 0, p=dump.train.p * 0))
    figures, predictions = utility.utility_figures(blank, [0], quick=True, progress=silent)
    right = predictions["original_to_protected"][0] == blank.tested.ep
    assert right[120:].mean() > 0.9 and figures["original_to_targets"]["accuracy"] > 0.9
    assert figures["better_than_table"] is None, "continuous, and the motion is not known"
    without, _ = utility.utility_figures(dataclasses.replace(dump, references=None), [0], quick=True, progress=silent)
    assert without["target_success"] is None and without["original_to_targets"] is None, (
        "nobody knows the targets' faces"
    )
    assert without["table"]["pictures"] == EXPRESSIONS * 4


def test_faces_are_learnt_from_counterparts_alone_where_originals_show_no_targets():
    dump = with_motion(with_counterparts(of_people_held_out(small_dump("rendered", train=900, others=900))), kept=1)
    assert dump.people_held_out and not dump.people_are_targets and len(dump.tested) == 900
    sets = learnt_and_tested(dump)
    assert len(sets.learnt) == len(sets.tested) == 450
    np.testing.assert_array_equal(sets.of_targets.x, dump.test.counterpart)
    figures, _ = utility.utility_figures(dump, [0], quick=True, progress=silent)
    assert figures["target_success"]["accuracy"] > 0.8 and figures["original_to_targets"]["accuracy"] > 0.9
    assert figures["original_to_original"]["accuracy"] > 0.9
    assert figures["kept"]["expression"] == pytest.approx(1, abs=0.1)
    for source in ("original", "protected"):
        assert figures["motion"][source]["intensity_within_r2"] > 0.6 and figures["motion"][source]["yaw_r2"] > 0.6
    quality = figures["quality"]
    assert quality["precision"] > 0.6 and quality["sharpness"] == pytest.approx(1, abs=0.2)
    near, far = (quality["kid"][f"protected_against_{what}"]["value"] for what in ("targets", "originals"))
    assert near < 0.5 * far
    assert figures["table"]["one_each"]["target_success"]["accuracy"] > 0.8


def test_a_table_holds_counterparts_and_is_cut_by_what_is_seen_in_originals():
    dump = with_motion(with_counterparts(of_people_held_out(small_dump("rendered", train=900, others=900))), kept=1)
    table = table_of(dump, 2, quick=True)
    learnt = dump.train
    where = [np.flatnonzero((learnt.counterpart == picture).all(axis=(1, 2, 3)))[0] for picture in table.pictures]
    expected = np.indices((PEOPLE, EXPRESSIONS, 2)).reshape(3, -1)
    np.testing.assert_array_equal(learnt.counterpart_id[where], expected[0])
    np.testing.assert_array_equal(learnt.ep[where], expected[1])
    assert len(table.classifier.held_back) == len(learnt)
    shares = np.bincount(table.codes(dump.test) % 2) / len(dump.test)
    assert shares[0] == pytest.approx(0.5, abs=0.12), "both strengths come as often"


def test_images_that_classifiers_learn_from_are_not_tested():
    dump = small_dump("rendered", train=120, test=60)
    untrained = dataclasses.replace(dump, trained=np.zeros(120, bool))
    assert len(untrained.tested) == 180 and len(learnt_and_tested(untrained).tested) == 60
    clips = of_people_held_out(dump)
    clips = dataclasses.replace(clips, references=dataclasses.replace(clips.references, clip=np.arange(120) // 6))
    sets = learnt_and_tested(clips)
    assert len(sets.of_targets) and not set(sets.learnt.clip) & set(sets.of_targets.clip)


def test_a_table_holds_real_images_of_the_targets(following):
    dump = following[0]
    table = table_of(dump, 2, quick=True)
    where = [np.flatnonzero((dump.train.x == picture).all(axis=(1, 2, 3)))[0] for picture in table.pictures]
    expected = np.indices((PEOPLE, EXPRESSIONS, 2)).reshape(3, -1)
    np.testing.assert_array_equal(dump.train.id[where], expected[0])
    np.testing.assert_array_equal(dump.train.ep[where], expected[1])
    strength = dump.train.motion[where, 0].reshape(-1, 2)
    assert (strength[:, 0] < strength[:, 1]).all()
    codes = table.codes(dump.test)
    np.testing.assert_array_equal(codes // table.pictures_of_each, dump.test.c)
    within = dump.test.motion[:, 0] - dump.test.ep
    assert within[codes % 2 == 1].mean() - within[codes % 2 == 0].mean() > 0.3
    pictures, same_codes = table.protect(dump.test)
    np.testing.assert_array_equal(same_codes, codes)
    np.testing.assert_array_equal(pictures, table.pictures[codes])


def test_a_table_where_targets_lack_an_expression_or_nobody_knows_them():
    dump = small_dump("rendered", train=240, test=60).without("motion")
    lacking = dump.train.rows(~((dump.train.id == 2) & (dump.train.ep == 1)))
    lacking = dataclasses.replace(dump, train=lacking, trained=None)
    table = table_of(lacking, 1, quick=True)
    where = [np.flatnonzero((lacking.train.x == picture).all(axis=(1, 2, 3)))[0] for picture in table.pictures]
    assert (lacking.train.id[where] == np.arange(PEOPLE).repeat(EXPRESSIONS)).all()
    unknown = dataclasses.replace(dump.without("c"), target_policy="unknown")
    table = table_of(unknown, 4, quick=True)
    assert len(table.pictures) == EXPRESSIONS * 4 and not table.shows_targets
    assert table.codes(unknown.test).max() < len(table.pictures)


def test_a_dump_of_images_and_labels_alone():
    dump = dataclasses.replace(
        small_dump("same", train=120, test=60).without("c", "mu", "z"),
        fresh=None,
        strangers=None,
        target_policy="unknown",
    )
    figures, _ = utility.utility_figures(dump, [0], quick=True, progress=silent)
    absent = ("target_success", "motion", "intensity_r2", "quality", "better_than_table")
    assert all(figures[name] is None for name in absent) and figures["expression_from_latent"] == {}
    assert figures["original_to_original"]["interval_over"] == "images"
    assert figures["distinct_pictures_per_target"] == 60


def test_vectors_are_judged_without_pictures():
    dump = with_motion(small_dump("rendered", train=600, test=240), kept=1)
    dump = dump.changed(
        lambda images: dataclasses.replace(images, r=np.column_stack([images.mu, images.motion[:, :2]]))
    )
    dump = dump.without("p", "z", "c")
    figures, predictions = utility.utility_figures(dump, [0], quick=True, progress=silent)
    assert set(predictions) == {"original_to_original", "protected_to_protected"}
    assert figures["protected_to_protected"]["accuracy"] > 0.9
    assert figures["expression_from_latent"]["logistic on release"]["accuracy"] > 0.9
    assert figures["motion"]["protected"]["intensity_within_r2"] > 0.6 and figures["better_than_table"] is True
    absent = ("original_to_protected", "protected_to_original", "target_success", "kept", "quality")
    assert all(figures[name] is None for name in absent)
    json.dumps(figures, allow_nan=False)


def test_each_value_of_motion_gets_its_own_regularisation():
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 10)).astype(np.float32)
    truth = np.column_stack([features[:, 0] * 3 + 50, random.normal(size=400)])
    held_back = np.arange(400) % 5 == 0
    predicted = fit_motion(features[:300], truth[:300], held_back[:300], 0)(features[300:])
    assert np.corrcoef(predicted[:, 0], truth[300:, 0])[0, 1] > 0.9 and abs(predicted[:, 0].mean() - 50) < 1
    assert predicted[:, 1].std() < truth[:, 1].std()


def test_motion_by_hand():
    names = ("intensity", "jaw", "brow", "gaze_x")
    truth = np.array([[0.0, 0, 0, -2], [2, 4, 0, 2], [4, 0, 0, 2], [6, 4, 0, -2]])
    # Intensity varies by 5 and gaze by 4, each in its own unit; jaw and brow share the root of (4 + 0) / 2.
    np.testing.assert_allclose(motion_scale(truth, names), np.sqrt([5, 2, 2, 4]))
    motion = Motion(truth, np.array([0, 0, 1, 1]), names, motion_scale(truth, names))
    np.testing.assert_allclose(motion.by_name, [[1, 2, 0, 0]] * 2 + [[5, 2, 0, 0]] * 2)
    # Within expressions: of the intensity 4 / 5, of the jaw 16 / 2, of the gaze 16 / 4; in all 12.8.
    deviation = np.zeros((4, 4))
    deviation[:, 1] = truth[:, 1] - 2
    figures = motion.figures(motion.by_name, deviation)
    assert figures["within_expression_r2"] == pytest.approx(8 / 12.8)
    assert figures["intensity_within_r2"] == 0 and figures["gaze_r2"] == 0 and figures["yaw_r2"] is None
    assert motion.intensity_r2(motion.by_name) == pytest.approx(1 - 4 / 20)
    twice = motion.figures([motion.by_name] * 2, [deviation, np.zeros((4, 4))])
    assert twice["within_expression_r2"] == pytest.approx(4 / 12.8), "the mean over two trainings"
    # Each image alone has as much of the jaw: 2 of its 2 + 0.2 + 1.
    assert motion.difference(deviation, np.zeros((4, 4)), np.arange(4)) == pytest.approx([2 / 3.2] * 2)


def test_pictures_are_told_apart_bit_by_bit():
    np.testing.assert_array_equal(utility.numbered(np.array([[1, 2], [3, 4], [1, 2]], np.uint8)), [0, 1, 0])
    images = small_dump("same", train=60, test=60).test
    assert utility.clusters_of(images) == utility.clusters_of(images, np.arange(60)) == (None, "images")
    clips = dataclasses.replace(images, clip=np.arange(60) // 10)
    assert utility.clusters_of(clips, np.arange(60) // 4)[1] == "clips"
    assert utility.clusters_of(clips, np.arange(60) // 20)[1] == "pictures"
