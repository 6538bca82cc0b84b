"""Motion: the intensity of the expression and the head's pose, predicted from images where the truth is known."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.statistics import r_squared

POSE_ANGLES = ("yaw", "pitch", "roll")
MOST_KERNEL_EXAMPLES = 4000  # its kernel matrix grows with the square of this
QUICK_MOST_KERNEL_EXAMPLES = 1500


def true_motion(dump, part):
    """True intensity and pose, those that are known, as columns: float64 `(n, values)`, or None."""
    known = [getattr(dump, f"{name}_{part}") for name in ("intensity", "pose")]
    known = [array for array in known if array is not None]
    return np.column_stack(known).astype(np.float64) if known else None


def fit_motion(features, truth, held_back, seed, quick=False):
    """Kernel ridge regression from a classifier's last hidden layer to several true values at once.

    Args:
        features: float32 `(n, d)`.
        truth: float `(n, values)`.
        held_back: bool `(n,)`, the examples that choose the strength of the regularisation, for each value.

    Returns:
        predict: features -> float `(m, values)`.
    """
    scaler = StandardScaler().fit(features[~held_back])
    most = QUICK_MOST_KERNEL_EXAMPLES if quick else MOST_KERNEL_EXAMPLES
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~held_back))[:most]
    known, mean = scaler.transform(features[rows]), truth[rows].mean(axis=0)

    def kernel(others):
        return rbf_kernel(others, known, gamma=0.3 / features.shape[1])

    gram, checked = kernel(known), kernel(scaler.transform(features[held_back]))
    candidates = [
        cho_solve(cho_factor(gram + strength * np.eye(len(gram), dtype=gram.dtype)), truth[rows] - mean)
        for strength in (0.01, 0.1, 1.0)
    ]
    errors = [np.square(checked @ weights + mean - truth[held_back]).sum(axis=0) for weights in candidates]
    best = np.argmin(errors, axis=0)  # (values,)
    weights = np.stack(candidates)[best, :, np.arange(len(best))].T
    return lambda others: kernel(scaler.transform(others)) @ weights + mean


def motion_figures(dump, predictions):
    """R-squared of intensity and pose on the test part.

    `predictions`: {"original" or "protected", learnt from: {the same, tested on: `(n_test, values)`}}.

    Returns:
        `(intensity, pose)`, None where unknown. intensity: {"original", "protected_by_original", "protected":
        R-squared, null where the truth is constant; "by_expression_alone": that of the mean of the true expression,
        which needs no image}. pose: {"yaw", "pitch", "roll": the same}. Where "original" is low, the value cannot be
        predicted even from originals, and a low "protected" says nothing.
    """
    known, truth = true_motion(dump, "train"), true_motion(dump, "test")
    counts = np.maximum(1, np.bincount(dump.train.ep, minlength=len(dump.expressions)))[:, None]
    sums = [np.bincount(dump.train.ep, column, len(dump.expressions)) for column in known.T]
    cases = {
        "original": predictions["original"]["original"],
        "protected_by_original": predictions["original"]["protected"],
        "protected": predictions["protected"]["protected"],
        "by_expression_alone": (np.stack(sums, axis=1) / counts)[dump.test.ep],
    }
    figures = [
        {name: r_squared(truth[:, column], values[:, column]) for name, values in cases.items()}
        for column in range(truth.shape[1])
    ]
    intensity = None if dump.intensity_test is None else figures.pop(0)
    return intensity, dict(zip(POSE_ANGLES, figures, strict=True)) if figures else None
