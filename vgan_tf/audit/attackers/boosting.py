"""An attacker of decision trees, each grown on what those before it got wrong."""

import itertools

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

SMALLEST_PROBABILITY = 1e-6


def fit_boosting(train, validation, classes, seed, quick):
    """Gradient-boosted trees, their number chosen for each task; tasks one by one."""
    with threadpool_limits(1, "openmp"):  # Its threads wait busily for one another.
        labels = zip(train.labels.T, validation.labels.T, strict=True)
        tasks = [_fit_task(train.features, validation.features, *columns, seed, quick) for columns in labels]

    def score(others):
        result = np.full((len(others), len(tasks), classes), np.log(SMALLEST_PROBABILITY), np.float32)
        for task, (model, count) in enumerate(tasks):
            probabilities = next(itertools.islice(model.staged_predict_proba(others), count, None))
            result[:, task, model.classes_] = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
        return result

    return score


def _fit_task(features, validation_features, labels, validation_labels, seed, quick):
    """(fitted model, how many of its trees come before the last to use)."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=20 if quick else 100, early_stopping=False, random_state=seed
    ).fit(features, labels)
    accuracies = [(guesses == validation_labels).mean() for guesses in model.staged_predict(validation_features)]
    return model, int(np.argmax(accuracies))
