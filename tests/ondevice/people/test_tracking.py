"""Faces followed through frames that are not all searched."""

import numpy as np
import pytest

from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.people.tracking import EVERY, MARGIN, find_tracks
from vgan_tf.ondevice.pictures import Square


def face(left, top=10, side=40, score=0.9):
    return Face(Square(left, top, side), [left, top, side, side], score)


def follow(count, faces, held=0, shade=lambda number: 100):
    """Tracks of frames whose faces a function of the frame's number gives; also the numbers of those searched."""
    searched = []

    def find(frame):
        searched.append(int(frame[1, 1, 0]))
        return faces(searched[-1])

    frames = []
    for number in range(count):
        frames.append(np.full((64, 320, 3), shade(number), np.uint8))
        frames[-1][1, 1] = number  # between the pixels that are compared to find cuts
    tracks, found = find_tracks(iter(frames), held, find)
    assert found == count
    return tracks, searched


def spans(tracks):
    return [(track.first, track.first + len(track.faces)) for track in tracks]


def test_a_steady_face_is_covered_in_all_frames_though_few_are_searched():
    tracks, searched = follow(23, lambda number: [face(50 + number)])
    assert spans(tracks) == [(0, 23)] and searched == [0, EVERY, 2 * EVERY, 3 * EVERY, 4 * EVERY, 22]
    for number, one in enumerate(tracks[0].faces):
        grown = 0 if number in searched else MARGIN * 40
        np.testing.assert_allclose(one.box, [50 + number - grown, 10 - grown, 40 + 2 * grown, 40 + 2 * grown])
        assert one.square == pytest.approx((50 + number, 10, 40))  # between pixels, too


def test_around_a_face_that_appears_goes_or_jumps_every_frame_is_searched():
    def faces(number):
        return [face(20 if number < 12 else 45)] if 7 <= number < 18 else []

    tracks, searched = follow(25, faces)
    assert set(range(5, 21)) <= set(searched) and spans(tracks) == [(7, 18)]
    assert [one.box[0] for one in tracks[0].faces] == [20] * 5 + [45] * 6


def test_a_face_is_held_before_it_was_found_and_after_and_in_between():
    def faces(number):
        return [] if number < 10 or 15 <= number < 25 or number > 30 else [face(number)]

    tracks, _ = follow(40, faces, held=6)
    assert spans(tracks) == [(4, 37)]
    lefts = [one.square.left for one in tracks[0].faces]
    assert np.abs(np.diff(lefts)).max() <= 2 and abs(lefts[20 - 4] - 20) <= 1  # moves on where it was missed


def test_a_cut_ends_faces_and_nothing_is_held_beyond_it():
    tracks, searched = follow(20, lambda number: [face(20)], held=6, shade=lambda number: 200 if number >= 8 else 40)
    assert spans(tracks) == [(0, 8), (8, 20)] and 8 in searched


def test_up_to_a_cut_all_is_covered_however_short_a_face_is_held():
    tracks, searched = follow(10, lambda number: [face(20)], shade=lambda number: 200 if number >= 8 else 40)
    assert spans(tracks) == [(0, 8), (8, 10)] and {7, 8} <= set(searched)


def test_frames_of_another_size_are_another_shot():
    frames = [np.zeros((64, 320, 3), np.uint8)] * 6 + [np.zeros((96, 160, 3), np.uint8)] * 6
    tracks, count = find_tracks(iter(frames), 4, lambda frame: [face(20)])
    assert spans(tracks) == [(0, 6), (6, 12)] and count == 12


def test_two_faces_stay_apart():
    def faces(number):
        return [face(20 + number), face(120 - number, score=0.5)]

    tracks, _ = follow(21, faces)
    assert spans(tracks) == [(0, 21)] * 2
    ends = sorted(track.faces[-1].square.left for track in tracks)
    assert abs(ends[0] - 40) <= 3 and abs(ends[1] - 100) <= 3


def test_between_searched_frames_the_pose_is_taken_to_change_evenly():
    tracks, searched = follow(11, lambda number: [face(50)._replace(turned=number / 10, tilted=-2.0 * number)])
    assert searched == [0, 5, 10]
    np.testing.assert_allclose([one.turned for one in tracks[0].faces[4:7]], [0.4, 0.5, 0.6], atol=0.02)
    np.testing.assert_allclose([one.tilted for one in tracks[0].faces[4:7]], [-8, -10, -12], atol=0.4)


def test_of_nothing_there_is_nothing():
    assert find_tracks(iter([]), 5, None) == ([], 0)
    assert follow(7, lambda number: [])[0] == []
