"""Attackers that look for the most similar examples, and the principal components of images that some work on."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.attackers.interface import Examples
from vgan_tf.images import to_float

PRINCIPAL_COMPONENTS = 64


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


def on_components(fit):
    """An attacker on features, made to work on the principal components of images."""

    def fit_components(train, validation, classes, seed, quick):
        project = principal_components(train.features, seed, quick)
        parts = (Examples(project(part.features), part.labels) for part in (train, validation))
        score = fit(*parts, classes, seed, quick)
        return lambda others: score(project(others))

    return fit_components


def principal_components(images, seed, quick=False):
    """Fit the leading principal components of images: project, uint8 images -> float32 `(n, components)`."""

    def flat(others):
        return to_float(others[:, ::2, ::2] if quick else others).reshape(len(others), -1)

    count = min(PRINCIPAL_COMPONENTS, *flat(images).shape)
    model = PCA(count, svd_solver="randomized", random_state=seed).fit(flat(images))
    return lambda others: model.transform(flat(others))
