"""Motion: what a face does beyond the name of its expression, predicted from images where the truth is known."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.statistics import BOOTSTRAP_DRAWS, middle

OWN_UNITS = ("intensity", "yaw", "pitch", "roll")  # and gaze; all others share one unit
MOST_KERNEL_EXAMPLES = 4000  # its kernel matrix grows with the square of this
QUICK_MOST_KERNEL_EXAMPLES = 1500


def motion_scale(truth, names):
    """What motion parameters are divided by before they are compared: float64 `(m,)`, above 0.

    Intensity, yaw, pitch, roll and gaze have different units: each is divided by its own standard deviation. Others,
    such as the weights of blendshapes, share a unit and count by their variance: they are divided by the root of their
    mean variance, so that small movements which nobody sees do not drown the rest.

    Args:
        truth: float `(n, m)`.
        names: of the parameters.
    """
    variances = truth.var(axis=0, dtype=np.float64)
    sharing = np.array([name not in OWN_UNITS and not name.startswith("gaze") for name in names], bool)
    if sharing.any():
        variances[sharing] = variances[sharing].mean()
    return np.sqrt(np.where(variances > 0, variances, 1))


def expression_means(motion, expression):
    """The mean motion of all images of the expression of each: float64, shape of `motion`."""
    means = np.empty(motion.shape)
    for label in np.unique(expression):
        means[expression == label] = motion[expression == label].mean(axis=0, dtype=np.float64)
    return means


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


class Motion:
    """The true motion of some images, with which predictions are compared.

    Attributes:
        truth: float64 `(n, m)`.
        by_name: float64 `(n, m)`, the mean of the true expression of each: what its name alone tells.
    """

    def __init__(self, truth, expression, names, scale):
        """Prepare comparisons.

        Args:
            truth: float `(n, m)`.
            expression: int64 `(n,)`, the true ones.
            names: of the parameters.
            scale: float64 `(m,)`, `motion_scale` of the training images.
        """
        self.truth, self.by_name = truth.astype(np.float64), expression_means(truth, expression)
        self._scale = scale
        self._columns = {name: np.array(names) == name for name in OWN_UNITS}
        self._columns["gaze"] = np.array([name.startswith("gaze") for name in names])
        self._within = self._errors(self.by_name)  # (n, m), as are all errors
        self._overall = self._errors(np.broadcast_to(self.truth.mean(axis=0), self.truth.shape))

    def figures(self, motion, deviation):
        """R-squared of predictions: 1 minus squared error over squared deviation; 1 is perfect.

        Within expressions the name of the true expression is given to every prediction for nothing: what counts is the
        predicted deviation from its mean, so that 0 is nothing beyond the name, and misreading the name costs nothing.

        Args:
            motion, deviation: as `Prediction` has them, float `(n, m)`; or lists of them, one for each training.

        Returns:
            {"within_expression_r2": of all parameters together, weighed as `motion_scale` says; "intensity_within_r2";
            "yaw_r2", "pitch_r2", "gaze_r2" (all its columns together), not within expressions}: the mean over the
            trainings; None where the truth is unknown or constant.
        """
        within, overall = self._errors(self.by_name + np.asarray(deviation)), self._errors(motion)
        intensity = self._columns["intensity"]
        poses = {f"{name}_r2": self._columns[name] for name in ("yaw", "pitch", "gaze")}
        return {
            "within_expression_r2": _r_squared(within, self._within),
            "intensity_within_r2": _r_squared(within[:, intensity], self._within[:, intensity]),
            **{name: _r_squared(overall[:, those], self._overall[:, those]) for name, those in poses.items()},
        }

    def intensity_r2(self, motion):
        """R-squared of the intensity, not within expressions: float, or None."""
        those = self._columns["intensity"]
        return _r_squared(self._errors(motion)[:, those], self._overall[:, those])

    def difference(self, first, second, units):
        """By how much "within_expression_r2" of some deviations is above that of others: 95 %, [low, high].

        A bootstrap of whole `units`, int `(n,)`: images, clips or people. None where there is nothing to predict.
        """
        first, second = (
            self._errors(self.by_name + np.asarray(deviation)).sum(axis=1) for deviation in (first, second)
        )
        units, within = np.unique(units, return_inverse=True)[1], self._within.sum(axis=1)
        if not within.any():
            return None
        number = units.max() + 1
        draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), BOOTSTRAP_DRAWS)
        gains, totals = draws @ np.bincount(units, second - first), draws @ np.bincount(units, within)
        return middle(gains[totals > 0] / totals[totals > 0])

    def _errors(self, predictions):
        """Squared errors in units of the scale, on average over trainings."""
        predictions = np.reshape(predictions, (-1, *self.truth.shape))
        return np.square((predictions - self.truth) / self._scale).mean(axis=0)


def _r_squared(errors, deviations):
    total = float(deviations.sum())
    return 1.0 - float(errors.sum()) / total if total > 0 else None
