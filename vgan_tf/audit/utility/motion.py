"""Motion: what a face does beyond the name of its expression, predicted where the truth is known."""

import numpy as np

from vgan_tf.audit.statistics import BOOTSTRAP_DRAWS, middle

OWN_UNITS = ("intensity", "yaw", "pitch", "roll")  # and gaze; all others share one unit


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
    sharing = np.array([name not in OWN_UNITS and not name.startswith("gaze") for name in names])
    if sharing.any():
        variances[sharing] = variances[sharing].mean()
    return np.sqrt(np.where(variances > 0, variances, 1))


class Motion:
    """The true motion of some tested images, to compare predictions with."""

    def __init__(self, truth, expression, names, scale):
        """Keep what all comparisons share.

        Args:
            truth: float `(n, m)`.
            expression: int64 `(n,)`, the true ones.
            names: of the parameters.
            scale: float `(m,)`, of `motion_scale` of the training images.
        """
        self.truth, self.scale, self.names = truth.astype(np.float64), scale, np.array(names)
        self.by_name = np.zeros_like(self.truth)
        for label in np.unique(expression):
            self.by_name[expression == label] = self.truth[expression == label].mean(axis=0)
        self._overall = self._errors(np.broadcast_to(self.truth.mean(axis=0), self.truth.shape))
        self._within = self._errors(self.by_name)

    def figures(self, predictions):
        """How much of the motion some predictions have.

        Args:
            predictions: float `(n, m)`, or a list of such, one for each training.

        Returns:
            {"within_expression_r2": what of the deviations from the expression's mean is predicted, 1 for all and 0 for
            nothing beyond the expression's name: 1 - sum of squared errors / sum of squared deviations, over all
            parameters as `motion_scale` weighs them; "intensity_within_r2": the same of the intensity alone;
            "yaw_r2", "pitch_r2", "gaze_r2" (all of its columns): of the deviations from the overall mean}; None where
            not known or constant. The mean over the trainings.
        """
        errors, intensity = self._errors(predictions), self.names == "intensity"
        gaze = np.array([name.startswith("gaze") for name in self.names])
        return {
            "within_expression_r2": _r_squared(errors, self._within),
            "intensity_within_r2": _r_squared(errors[:, intensity], self._within[:, intensity]),
            "yaw_r2": self._overall_r_squared(errors, self.names == "yaw"),
            "pitch_r2": self._overall_r_squared(errors, self.names == "pitch"),
            "gaze_r2": self._overall_r_squared(errors, gaze),
        }

    def intensity_r2(self, predictions):
        """R-squared of the intensity, its deviations counted from the overall mean: float, or None."""
        return self._overall_r_squared(self._errors(predictions), self.names == "intensity")

    def difference(self, first, second, units):
        """By how much `within_expression_r2` of the first predictions is above that of the second: 95 %, [low, high].

        A bootstrap of whole `units`, int `(n,)`: images, clips or people. None where there is nothing to predict.
        """
        if not self._within.sum() > 0:
            return None
        gains = (self._errors(second) - self._errors(first)).sum(axis=1)
        units = np.unique(units, return_inverse=True)[1]
        gains, deviations = np.bincount(units, gains), np.bincount(units, self._within.sum(axis=1))
        number = len(gains)
        draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), BOOTSTRAP_DRAWS)
        totals = draws @ deviations
        return middle((draws @ gains)[totals > 0] / totals[totals > 0])

    def _errors(self, predictions):
        """Squared errors, scaled, the mean over trainings: `(n, m)`."""
        predictions = np.asarray(predictions).reshape(-1, *self.truth.shape)
        return np.square((predictions - self.truth) / self.scale).mean(axis=0)

    def _overall_r_squared(self, errors, columns):
        return _r_squared(errors[:, columns], self._overall[:, columns])


def _r_squared(errors, deviations):
    return float(1 - errors.sum() / deviations.sum()) if deviations.sum() > 0 else None
