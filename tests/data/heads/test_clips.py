"""Motion over time: from neutral to an apex and back, without a jump but of lids and eyes."""

import numpy as np
import pytest

from vgan_tf.data.heads import clips, motions
from vgan_tf.labels import EXPRESSIONS


def values(frames, name):
    return np.array([getattr(frame, name) for frame in frames])


def weights(frames, name):
    return np.array([dict(frame.weights).get(name, 0.0) for frame in frames])


def runs(held):
    """Lengths of the runs of True that neither begin nor end with the array."""
    edges = np.flatnonzero(np.diff(held.astype(int)))
    edges = edges[1:] if held[0] else edges
    return np.diff(edges)[::2]


@pytest.fixture(scope="module")
def sampled():
    return [clips.clip(2, number) for number in range(70)]


def test_a_clip_is_settled_by_seed_and_number(sampled):
    assert clips.clip(2, 9) == sampled[9] != clips.clip(3, 9)
    assert [max(frames, key=lambda frame: frame.intensity).expression for frames in sampled[:14]] == [*EXPRESSIONS] * 2
    shown = clips.clip(2, 9, expression="joy")
    assert {frame.expression for frame in shown} == {"neutral", "joy"} and len(shown) == len(sampled[9])


def test_a_faster_camera_sees_the_same(sampled):
    for number in range(7):
        fast = clips.clip(2, number, frames_per_second=50)[::2]
        assert fast[: len(sampled[number])] == sampled[number] and len(fast) - len(sampled[number]) in (0, 1)


def test_from_neutral_to_apex_and_back(sampled):
    for number, frames in enumerate(sampled):
        intensities = values(frames, "intensity")
        assert 50 <= len(frames) <= 100 and intensities[0] == 0 and intensities[-1] < clips.NEUTRAL_BELOW
        if EXPRESSIONS[number % 7] == "neutral":
            assert (intensities == 0).all()
            continue
        assert 0.4 <= intensities.max() <= 1.25
        top = intensities.argmax()
        assert (np.diff(intensities[: top + 1]) >= 0).all() and (np.diff(intensities[top:]) <= 1e-9).all()
        onset = np.count_nonzero((intensities[:top] > 0) & (intensities[:top] < 0.999 * intensities.max())) / 25
        assert 0.2 < onset < 0.8
        for frame in frames:
            shown = frame.intensity >= clips.NEUTRAL_BELOW
            assert frame.expression == (EXPRESSIONS[number % 7] if shown else "neutral")
            assert frame.second == "neutral" or 0 < frame.second_intensity < frame.intensity


def test_nothing_jumps_but_lids_and_eyes(sampled):
    for frames in sampled:
        for name in motions.MOTION_SHAPES:
            if not name.startswith("eye"):
                assert np.abs(np.diff(weights(frames, name))).max() < 0.4
        for name, most in (("yaw", 6), ("pitch", 4), ("roll", 3)):
            assert np.abs(np.diff(values(frames, name))).max() < most


def test_blinks_and_gaze_shifts_are_short():
    seen = [clips.clip(4, number, frames_per_second=200, expression="neutral") for number in range(12)]
    closed = np.concatenate([runs(weights(frames, "eyeBlink_L") > 0.45) for frames in seen]) / 200
    assert len(closed) > 6 and closed.min() > 0.05 and closed.max() < 0.25
    moves = np.concatenate([runs(np.diff(values(frames, "gaze_x")) != 0) for frames in seen]) / 200
    assert len(moves) > 20 and moves.min() > 0.02 and moves.max() < 0.09


def test_some_talk():
    rates = []
    for number in range(60):
        frames = clips.clip(6, number, frames_per_second=100, expression="neutral")
        lips = sum(weights(frames, name) for name in ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDown_L"))
        if np.ptp(lips) > 0.25:
            turns = np.diff(np.sign(np.diff(lips)[np.abs(np.diff(lips)) > 1e-4])) != 0
            rates.append(np.count_nonzero(turns))
    assert 10 < len(rates) < 40 and np.median(rates) >= 2
