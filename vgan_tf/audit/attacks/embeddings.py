"""Vectors whose likeness tells people apart: learnt from images of known people, used on any.

A pipeline of two steps. *Features* are what is looked at: principal components of pixels or of lowest bits, latents,
the hidden layer of a network. An *embedding* of features is learnt from known people. The attacker sees the target of
a protected image and can read its expression, so the mean of the target is taken away, and likeness is measured within
the expression read: neither hides the person any longer.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COMPONENTS = 64
MOST_RIDGE_EXAMPLES = 2500


class People(NamedTuple):
    """features: float32 `(n, d)`; id, ep: int64 `(n,)`; c: int64 `(n,)` targets, or None."""

    features: np.ndarray
    id: np.ndarray
    ep: np.ndarray
    c: np.ndarray | None


def joined(parts):
    """Arrays one after another, or None where one of them is None."""
    return None if any(part is None for part in parts) else np.concatenate(parts)


def pixels(images, quick=False):
    """uint8 images -> float32 `(n, values)` in [0, 255]; `quick` averages blocks of 2 x 2."""
    values = images.astype(np.float32)
    if quick and min(images.shape[1:3]) >= 32:
        count, height, width, _ = images.shape
        values = values[:, : height // 2 * 2, : width // 2 * 2]
        values = values.reshape(count, height // 2, 2, width // 2, 2, 3).mean(axis=(2, 4))
    return values.reshape(len(images), -1)


def lowest_bits(images, quick=False):
    """uint8 images -> float32 `(n, values)`, each -1 or 1; `quick` takes every second row and column."""
    values = images[:, ::2, ::2] if quick and min(images.shape[1:3]) >= 32 else images
    return ((values & 1) * np.float32(2) - 1).reshape(len(images), -1)


def fit_components(values, seed, count=COMPONENTS):
    """Fit the leading principal components of float `(n, values)`: PCA model."""
    model = PCA(min(count, *values.shape), svd_solver="randomized", random_state=seed, iterated_power=3)
    with np.errstate(invalid="ignore"):  # images that are all alike have no variance to share out
        return model.fit(values)


def without_targets(known, strength=20):
    """Learn the mean of each target: move, (features, c) -> features less what their target explains.

    Targets of few images are drawn to the mean of all, as if `strength` images of it were added to each.
    """
    if known.c is None:
        return lambda features, c: features
    centre = known.features.mean(axis=0)
    means = np.zeros((known.c.max() + 1, known.features.shape[1]), np.float32)
    np.add.at(means, known.c, known.features - centre)
    means /= np.bincount(known.c)[:, None] + np.float32(strength)

    def move(features, c):
        seen = c < len(means)
        return features - centre - np.where(seen[:, None], means[np.where(seen, c, 0)], 0)

    return move


def read_expressions(features, labels):
    """Linear reader of the expression: features -> int64 `(n,)`."""
    if len(np.unique(labels)) == 1:
        return lambda others: np.full(len(others), labels[0])
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features, labels).predict


def fit_plain(known, seed):
    """The features themselves, centred and scaled together: what likeness tells without learning."""
    centre = known.features.mean(axis=0)
    return lambda features: unit(features - centre)


def fit_whitened(known, seed):
    """Within the expression read, directions in which one person's images differ count little, the others much."""
    scaler = StandardScaler().fit(known.features)
    scaled = scaler.transform(known.features)
    read = read_expressions(scaled, known.ep)
    expressions = np.unique(known.ep)
    groups = [known.ep == expression for expression in expressions]
    means = np.stack([scaled[rows].mean(axis=0) for rows in groups])
    deviations = np.concatenate(
        [
            scaled[rows & (known.id == person)] - scaled[rows & (known.id == person)].mean(axis=0)
            for rows in groups
            for person in np.unique(known.id[rows])
        ]
    )
    kinds = np.repeat(expressions, [rows.sum() for rows in groups])
    enough = 2 * scaled.shape[1]
    pooled = _whitening(deviations)
    own = [_whitening(deviations[kinds == one]) if (kinds == one).sum() >= enough else pooled for one in expressions]

    def embed(features):
        others = scaler.transform(features)
        kind = np.searchsorted(expressions, read(others))
        embedded = np.empty_like(others)
        for index in np.unique(kind):
            rows = kind == index
            embedded[rows] = (others[rows] - means[index]) @ own[index]
        return unit(embedded)

    return embed


def group_means(features, labels):
    """For each row the mean of the rows of its label: same shape."""
    _, groups = np.unique(labels, return_inverse=True)
    means = np.zeros((groups.max() + 1, features.shape[1]))
    np.add.at(means, groups, features)
    return (means / np.bincount(groups)[:, None])[groups]


def whitened(deviations):
    """Deviations from a mean, of equal spread in all directions: same shape."""
    return deviations @ _whitening(deviations)


def _whitening(deviations):
    """Symmetric matrix that makes deviations round, `(d, d)`; it turns nothing, so that kinds stay comparable."""
    covariance = ledoit_wolf(deviations, assume_centered=True)[0]
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(values.clip(1e-6 * max(values[-1], 1e-12))) @ vectors.T).astype(np.float32)


def fit_network(known, seed):
    """Posteriors of a network of one hidden layer over the known people: alike where it takes both for the same."""
    scaler = StandardScaler().fit(known.features)
    network = MLPClassifier(
        hidden_layer_sizes=(128,),
        alpha=1e-2,
        learning_rate_init=2e-3,
        early_stopping=np.bincount(known.id)[np.unique(known.id)].min() >= 10,
        n_iter_no_change=6,
        max_iter=60,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the budget
        network.fit(scaler.transform(known.features), known.id)
    return lambda features: network.predict_proba(scaler.transform(features)).astype(np.float32)


def fit_ridge(known, seed):
    """Scores of ridge regression on all values, centred: linear, sees what no leading component shows."""
    rows = np.random.default_rng(seed).permutation(len(known.id))[:MOST_RIDGE_EXAMPLES]
    features, centre = known.features[rows], known.features[rows].mean(axis=0)
    features = features - centre
    people = np.unique(known.id)
    targets = (known.id[rows, None] == people).astype(np.float32)
    strength = 3e-4 * float(np.square(features).sum()) or 1.0
    model = Ridge(strength, solver="cholesky").fit(features, targets)

    def embed(others):
        scores = model.predict(others - centre)
        return unit(scores - scores.mean(axis=1, keepdims=True))

    return embed


def fit_regression(features, targets, seed, strength, landmarks):
    """Ridge regression with a Gaussian kernel spanned by some examples: predict, float32 `(n, d)` -> like `targets`."""
    scaler = StandardScaler().fit(features)
    count = min(landmarks, len(features))
    kernel = Nystroem(gamma=0.3 / features.shape[1], n_components=count, random_state=seed)
    model = make_pipeline(scaler, kernel, Ridge(strength)).fit(features, targets)
    return lambda others: model.predict(others).astype(np.float32)


def unit(vectors):
    """Vectors of length 1, and those of no length left as they are: float32, same shape."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 1e-9, lengths, 1)).astype(np.float32)
