"""Statistics of the audit against values computed by hand."""

import numpy as np
import pytest

from vgan_tf.audit import statistics


def test_wilson_interval_of_known_proportions():
    # z = 1.95996: for 8 of 10, centre (0.8 + z²/20) / (1 + z²/10) = 0.71674, half width 0.22658.
    assert statistics.wilson(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-4)
    assert statistics.wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-4)  # z² / (n + z²)
    assert statistics.wilson(10, 10)[1] == pytest.approx(1.0)


def test_repeated_runs_do_not_narrow_the_interval():
    truth = np.array([0, 1, 0, 1])
    one = statistics.accuracy_figure(truth, np.array([0, 1, 0, 0]))
    two = statistics.accuracy_figure(truth, [np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])])
    assert one["accuracy"] == two["accuracy"] == 0.75
    assert one["interval"] == two["interval"]
    assert (two["lowest"], two["highest"]) == (0.5, 1.0)


def test_an_interval_over_runs_covers_test_images_and_seeds():
    # Two runs: Student's quantile is 12.706, the standard error 0.01; the ends lie 0.03 and 0.04 off on average.
    low, high = statistics.interval_over_runs([0.4, 0.42], [(0.37, 0.44), (0.39, 0.46)])
    assert low == pytest.approx(0.41 - np.hypot(0.03, 0.12706), abs=1e-5)
    assert high == pytest.approx(0.41 + np.hypot(0.04, 0.12706), abs=1e-5)
    assert statistics.interval_over_runs([0.4] * 3, [(0.37, 0.44)] * 3) == pytest.approx((0.37, 0.44))
    # Three: 4.30265 / sqrt(3) of a deviation of 0.1.
    assert statistics.interval_over_runs([0.4, 0.5, 0.6]) == pytest.approx((0.5 - 0.24842, 0.5 + 0.24842), abs=1e-4)


def test_chance_is_the_commonest_label_and_an_excluded_target_informs():
    balanced = np.repeat(np.arange(4), 5)
    assert statistics.chance(balanced, 4) == 0.25
    assert statistics.chance(np.array([0, 0, 0, 1]), 2) == 0.75
    assert statistics.informed_chance(balanced, 4, "uniform") == 0.25
    assert statistics.informed_chance(balanced, 4, "exclude-true") == pytest.approx(1 / 3)
    # Guess 0 unless the target is 0, then 1: right for all of 0 (.6) and, of 1 (.3), where the target is 0 (half).
    skewed = np.repeat([0, 1, 2], [6, 3, 1])
    assert statistics.informed_chance(skewed, 3, "exclude-true") == pytest.approx(0.6 + 0.3 / 2)


def test_confusion_rows_are_the_truth():
    assert statistics.confusion([0, 0, 1], [0, 1, 1], 2) == [[1, 1], [0, 1]]


def test_r_squared():
    assert statistics.r_squared([0.0, 1.0], np.array([0.0, 1.0])) == 1.0
    assert statistics.r_squared([0.0, 1.0], np.array([0.5, 0.5])) == 0.0
    assert statistics.r_squared([0.5, 0.5], np.array([0.5, 0.5])) is None


def test_a_paired_difference_counts_only_where_two_readers_differ():
    right = np.array([True] * 8 + [False] * 2)
    same = statistics.paired_difference(right, right)
    assert same["difference"] == 0 and same["interval"][0] == -same["interval"][1] != 0
    # 3 and 1 of 10 differ: centre (3.5 - 1.5) / 12, spread sqrt(5 - 4 / 12) / 12, z = 1.95996.
    first, second = np.array([1, 1, 1, 0] + [1] * 6, bool), np.array([0, 0, 0, 1] + [1] * 6, bool)
    figure = statistics.paired_difference(first, second)
    assert figure["difference"] == pytest.approx(0.2)
    assert figure["interval"] == pytest.approx([-0.18617, 0.51950], abs=1e-4)


def test_a_paired_difference_over_clips_is_wider_where_whole_clips_differ():
    first, clips = np.ones(400, bool), np.repeat(np.arange(40), 10)

    def width(second, clusters):
        figure = statistics.paired_difference(first, second, clusters)
        assert figure["difference"] == pytest.approx(1 - second.mean())
        return np.diff(figure["interval"])[0]

    together = np.repeat(np.arange(40) % 4 > 0, 10)  # the second fails in every fourth clip
    apart = np.arange(400) % 4 > 0
    assert width(together, clips) == pytest.approx(np.sqrt(10) * width(together, None), rel=0.1)
    assert width(apart, clips) == pytest.approx(width(apart, None), rel=0.05)
    assert width(first, clips) > 2 * width(first, None), "forty clips without a difference are no 400 images"


def test_clips_that_are_right_or_wrong_together_count_once_each():
    truth, clips = np.zeros(400, int), np.repeat(np.arange(40), 10)
    together = np.repeat(np.arange(40) % 4 == 0, 10).astype(int)  # wrong in every fourth clip
    figure = statistics.accuracy_figure(truth, together, clips)
    assert (figure["interval_over"], figure["clusters"], figure["accuracy"]) == ("clips", 40, 0.75)
    assert figure["effective_images"] == pytest.approx(40, rel=0.15)
    # Nearly Wilson's for 30 of 40, a little wider for Student's quantile (2.02 in place of 1.96).
    assert figure["interval"] == pytest.approx(statistics.wilson(30, 40), abs=0.03)
    assert figure == statistics.accuracy_figure(truth, together, clips)


def test_clusters_never_narrow_the_interval():
    truth, people = np.zeros(400, int), np.repeat(np.arange(40), 10)
    alike = np.tile([0, 0, 0, 1, 0, 0, 0, 1, 0, 1], 40)  # 7 of 10 of every person
    independent = statistics.accuracy_figure(truth, alike)
    figure = statistics.accuracy_figure(truth, alike, people, over="people")
    assert figure["effective_images"] == 400 and figure["interval_over"] == "people"
    assert figure["interval"][0] < independent["interval"][0] and figure["interval"][1] > independent["interval"][1]
    # All right: nothing shows how clusters differ, and 40 of them are no 400 images.
    perfect = statistics.accuracy_figure(truth, truth, people)
    assert perfect["effective_images"] == 40 and 0.85 < perfect["interval"][0] < 0.93


def test_intervals_over_clusters_cover_the_truth():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        rates = random.beta(1.5, 4.5, 12)  # of 12 clips, 0.25 on average
        right = random.random((12, 15)) < rates[:, None]
        low, high = statistics.accuracy_figure(np.ones(180), right.ravel(), np.repeat(np.arange(12), 15))["interval"]
        covered.append(low <= 0.25 <= high)
    assert np.mean(covered) > 0.9  # 95 % wished for; Wilson's over images covers 70 %
