"""What faces do: expressions that can be told apart, resting faces that are none, and faces that stay whole."""

import numpy as np
import pytest

from vgan_tf.data.faces import MOTION, MOTION_PREFIXES
from vgan_tf.data.heads import motions
from vgan_tf.data.heads.appearance import Motion
from vgan_tf.labels import EXPRESSIONS

COUNT = 300
SHOWN = [name for name in EXPRESSIONS if name != "neutral"]


@pytest.fixture(scope="module")
def sampled():
    return {name: [motions.sample_motion(5, number, name) for number in range(COUNT)] for name in EXPRESSIONS}


def truth(sample, name):
    return np.array([motions.truth_of(motion)[motions.TRUTH.index(name)] for motion in sample])


def vector(weights):
    weights = dict(weights)
    return np.array([weights.get(name, 0.0) for name in motions.MOTION_SHAPES])


def test_recipes_use_known_shapes_in_several_ways():
    assert tuple(motions.RECIPES) == EXPRESSIONS
    for recipe in [*motions.SPEECH, *motions.HABITS, *(way for ways in motions.RECIPES.values() for way in ways)]:
        assert set(recipe) <= {*motions.PAIRED, *motions.SINGLE}
    assert all(len(motions.RECIPES[name]) >= 4 for name in SHOWN) and motions.RECIPES["neutral"] == ({},)


def test_a_motion_is_settled_by_seed_and_number(sampled):
    assert motions.sample_motion(5, 17, "fear") == sampled["fear"][17]
    assert len(set(sampled["joy"])) == COUNT
    assert motions.sample_motion(6, 17, "fear") != sampled["fear"][17]


def test_strengths(sampled):
    for name in SHOWN:
        strengths = truth(sampled[name], "intensity")
        assert strengths.min() >= 0.3 and strengths.max() <= 1.25 and np.ptp(strengths) > 0.8
        blended = [motion for motion in sampled[name] if motion.second != "neutral"]
        assert 0.15 * COUNT < len(blended) < 0.35 * COUNT
        assert all(0 < motion.second_intensity <= 0.5 * motion.intensity for motion in blended)
        assert all(motion.second != name for motion in blended)
    assert {(motion.intensity, motion.second, motion.second_intensity) for motion in sampled["neutral"]} == {
        (0.0, "neutral", 0.0)
    }


def test_expressions_are_told_apart_by_their_recipes(sampled):
    ways, names = [], []
    for name in SHOWN:
        for recipe in motions.RECIPES[name]:
            total = {}
            motions.add(total, recipe)
            ways.append(vector(total) / np.linalg.norm(vector(total)))
            names.append(name)
    for name in SHOWN:
        strong = [vector(motion.weights) for motion in sampled[name] if motion.intensity > 0.5]
        read = [names[place] for place in (np.array(strong) @ np.array(ways).T).argmax(1)]
        assert read.count(name) > 0.85 * len(read)


def test_neutral_faces_blink_and_talk_and_yet_show_nothing(sampled):
    faces = np.array([vector(motion.weights) for motion in sampled["neutral"]])
    closed = truth(sampled["neutral"], "motion_eyeBlink_L") > 0.6
    assert 0.04 < closed.mean() < 0.13
    assert 0.08 < (truth(sampled["neutral"], "motion_jawOpen") > 0.08).mean() < 0.35
    assert (np.abs(faces) > 0.01).any(0).all()  # tensions of every kind
    for shape, most in (("browDown_L", 0.4), ("mouthSmile_L", 0.3), ("mouthFrown_L", 0.3), ("noseSneer_L", 0.3)):
        assert truth(sampled["neutral"], f"motion_{shape}").max() < most


def test_head_and_gaze_keep_within_bounds_and_tell_no_expression(sampled):
    for name, limit, spread in (("yaw", 35, 13), ("pitch", 20, 7), ("roll", 15, 5), ("gaze_x", 1, 0.26)):
        values = np.concatenate([truth(sampled[expression], name) for expression in EXPRESSIONS])
        assert np.abs(values).max() <= limit and values.std() == pytest.approx(spread, rel=0.15)
        assert (truth(sampled["anger"], name) == truth(sampled["joy"], name)).all()


def test_lids_follow_the_gaze():
    assert {name: weight for name, weight in motions.lids(0.5, -0.4).items() if weight} == {
        "eyeLookOut_L": 0.5,
        "eyeLookIn_R": 0.5,
        "eyeLookDown_L": 0.4,
        "eyeLookDown_R": 0.4,
    }
    motion = next(motion for motion in (motions.sample_motion(1, n, "neutral") for n in range(99)) if motion.gaze_y < 0)
    assert dict(motion.weights)["eyeLookDown_L"] == -motion.gaze_y


def test_asymmetry_spares_the_lids():
    total = {"jawOpen": 0.1}
    motions.add(total, dict(mouthSmile=0.6, eyeBlink=0.4, jawOpen=0.2), 0.5, asymmetry=0.5)
    assert total == pytest.approx(
        {"jawOpen": 0.2, "mouthSmile_L": 0.45, "mouthSmile_R": 0.15, "eyeBlink_L": 0.2, "eyeBlink_R": 0.2}
    )


def test_settled_weights_are_what_a_face_can_do():
    def settled(*parts):
        return dict(motions.settle(*parts))

    assert settled({"eyeBlink_L": 0.9}, (("eyeBlink_L", 0.5),)) == {"eyeBlink_L": 1.1}
    assert settled({"eyeBlink_L": 1.0, "eyeLookDown_L": 1.0})["eyeBlink_L"] == pytest.approx(0.6)
    assert settled({"eyeBlink_R": 0.4, "eyeWide_R": 0.5, "eyeWide_L": 0.5}) == pytest.approx(
        {"eyeBlink_R": 0.4, "eyeWide_R": 0.3, "eyeWide_L": 0.5}
    )
    assert settled({"mouthSmile_L": -0.3, "mouthSmile_R": 2.0, "browInnerUp_L": -2.0}) == {
        "mouthSmile_R": 1.3,
        "browInnerUp_L": -0.9,
    }
    assert settled({"mouthClose": 0.05}) == {"mouthClose": 0.05}
    assert settled({"mouthClose": 0.05, "jawOpen": 0.3}) == {"jawOpen": 0.3}
    assert settled({"mouthRollLower": 0.5, "mouthLowerDown_L": 0.4})["mouthLowerDown_L"] == pytest.approx(0.2)
    assert settled({"mouthPucker": 0.5, "mouthSmile_L": 0.5})["mouthPucker"] == pytest.approx(0.35)
    assert settled() == {}


def test_people_rest_in_their_own_ways():
    faces = [motions.rest(3, person) for person in range(COUNT)]
    assert motions.rest(3, 7) == faces[7] and len(set(faces)) == COUNT
    assert all(0 < abs(weight) <= motions.REST_LIMIT for face in faces for _, weight in face)
    closed = [dict(face) for face in faces if "mouthClose" in dict(face)]
    assert 0.5 < len(closed) / COUNT < 0.95
    assert not any({"jawOpen", "mouthLowerDown_L", "mouthUpperUp_R"} & set(face) for face in closed)
    names = {name for face in faces for name, _ in face}
    assert {"browDown_L", "browInnerUp_R", "eyeBlink_L", "mouthFrown_L", "mouthSmile_R", "mouthPress_L"} <= names


def test_truth_is_what_a_data_set_calls_motion():
    assert all(name in MOTION or name.startswith(MOTION_PREFIXES) for name in motions.TRUTH)
    motion = Motion(
        "joy", 0.7, weights=(("mouthSmile_R", 0.5), ("eyeLookUp_L", 0.3)), asymmetry=-0.2, yaw=12, gaze_y=0.3
    )
    values = motions.truth_of(motion)
    assert values.dtype == np.float32 and values.shape == (len(motions.TRUTH),)
    told = {name: value for name, value in zip(motions.TRUTH, values.tolist(), strict=True) if value}
    assert told == pytest.approx(
        {"intensity": 0.7, "asymmetry": -0.2, "yaw": 12, "gaze_y": 0.3, "motion_mouthSmile_R": 0.5}
    )
