"""An attacker that looks for the most similar examples."""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler


def fit_neighbours(train, validation, classes, seed, quick):
    """Vote of the nearest neighbours on standardised features, their number chosen for each task."""
    scaler = StandardScaler().fit(train.features)
    counts = [count for count in (1, 5, 15, 45) if count <= len(train.features)]
    index = NearestNeighbors(n_neighbors=counts[-1]).fit(scaler.transform(train.features))
    one_hot = np.eye(classes, dtype=np.float32)

    def scores(features):
        nearest = index.kneighbors(scaler.transform(features), return_distance=False)
        votes = [one_hot[train.labels[nearest[:, :count]]].sum(axis=1) for count in counts]  # each (n, tasks, classes)
        return [np.log((vote + 0.5) / (count + 0.5 * classes)) for vote, count in zip(votes, counts, strict=True)]

    accuracies = [(one.argmax(axis=2) == validation.labels).mean(axis=0) for one in scores(validation.features)]
    best = np.argmax(accuracies, axis=0)  # (tasks,)
    return lambda others: np.take_along_axis(np.stack(scores(others)), best[None, None, :, None], axis=0)[0]
