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
    assert statistics.confusion([0, 0, 1], [0, 1, 1], 2).tolist() == [[1, 1], [0, 1]]


def test_r_squared():
    assert statistics.r_squared([0.0, 1.0], np.array([0.0, 1.0])) == 1.0
    assert statistics.r_squared([0.0, 1.0], np.array([0.5, 0.5])) == 0.0
    assert statistics.r_squared([0.5, 0.5], np.array([0.5, 0.5])) is None


def figures(*accuracies):
    return [{"accuracy": accuracy} for accuracy in accuracies]


@pytest.mark.parametrize(
    ("accuracies", "test_count", "controls_ok", "expected"),
    [
        ((0.12, 0.9), 600, True, "leaks"),
        ((0.12, 0.13), 600, True, "no leak found"),
        ((0.12, 0.9), 600, False, "inconclusive"),
        ((0.12, 0.9), 60, True, "inconclusive"),
        # 15.6 % of 600 clears 12.5 % as the only attack (lower bound 12.9 %), not as the best of twenty.
        ((0.156,), 600, True, "leaks"),
        ((0.156, *[0.12] * 19), 600, True, "no leak found"),
    ],
)
def test_verdict(accuracies, test_count, controls_ok, expected):
    assert statistics.verdict(figures(*accuracies), 0.125, test_count, controls_ok)[0] == expected


def test_a_paired_difference_counts_only_where_two_readers_differ():
    right = np.array([True] * 8 + [False] * 2)
    same = statistics.paired_difference(right, right)
    assert same["difference"] == 0 and same["interval"][0] == -same["interval"][1] != 0
    # 3 and 1 of 10 differ: centre (3.5 - 1.5) / 12, spread sqrt(5 - 4 / 12) / 12, z = 1.95996.
    first, second = np.array([1, 1, 1, 0] + [1] * 6, bool), np.array([0, 0, 0, 1] + [1] * 6, bool)
    figure = statistics.paired_difference(first, second)
    assert figure["difference"] == pytest.approx(0.2)
    assert figure["interval"] == pytest.approx([-0.18617, 0.51950], abs=1e-4)
