"""Embeddings: vectors that are alike for two images of one person, learnt on known people and used on any.

Two steps: *features* (principal components of pixels or of lowest bits, released vectors, latents), and an *embedding*
of the features, learnt from known people. The attacker sees the target of a protected image and can predict its
expression. So the mean of the target is subtracted, and images are compared within the predicted expression: neither
hides the person any more.
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
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.dump import EXTRAS, PARTS, joined

COMPONENTS = 64
MOST_SIDE = 64  # a larger picture is reduced to 64 to 127 pixels
MOST_RIDGE_EXAMPLES = 2500


class People(NamedTuple):
    """features: float32 `(n, d)`; id, ep: int64 `(n,)`; c: int64 `(n,)` targets, or None."""

    features: np.ndarray
    id: np.ndarray
    ep: np.ndarray
    c: np.ndarray | None


class Gathered(NamedTuple):
    """What an attacker sees: features of known people, and of the people of each test.

    tests: name -> `People`, "test" and, where there are strangers, "strangers".
    """

    known: People
    tests: dict

    def described(self, features_of):
        """The same with other features; `features_of`: array -> float32 `(n, d)`."""
        known = self.known._replace(features=features_of(self.known.features))
        return Gathered(known, {n: one._replace(features=features_of(one.features)) for n, one in self.tests.items()})


def take(columns, rows):
    """These rows of a NamedTuple of arrays, of which some may be None."""
    return columns._make(None if column is None else column[rows] for column in columns)


def gather(dump, key, most=None):
    """The array `key` ("x", "p", "r", "mu", "z") of known people (train part and fresh images) and of those tested.

    At most `most` of the known images are taken, evenly spaced and the same for every key. Targets are left out where
    some are unknown.

    Returns:
        `Gathered`, or None where the dump lacks the array.
    """
    if getattr(dump.train, key) is None:
        return None
    columns, known = (key, "id", "ep", "c"), dump.sets("train", "fresh")
    people = People(*(joined([getattr(images, name) for images in known]) for name in columns))
    if most is not None and len(people.id) > most:
        people = take(people, np.linspace(0, len(people.id) - 1, most).astype(int))
    names = ("test",) if dump.strangers is None else ("test", "strangers")
    tests = {name: People(*(getattr(getattr(dump, name), column) for column in columns)) for name in names}
    if any(one.c is None for one in tests.values()):
        people = people._replace(c=None)
    return Gathered(people, tests)


def release_is_mean(dump):
    """Whether the encoder's own mean is released, bit for bit, so that one attack is on both."""
    return dump.train.r is not None and all(
        images.mu is not None and np.array_equal(images.r, images.mu) for images in dump.sets(*PARTS, *EXTRAS)
    )


def pixels(images, quick=False):
    """uint8 images -> float32 `(n, values)` in [0, 255], of at most `MOST_SIDE` pixels a side; `quick` halves it."""
    size = _step(images, quick)
    count, height, width, _ = images.shape
    values = images[:, : height // size * size, : width // size * size].astype(np.float32)
    if size > 1:
        values = values.reshape(count, height // size, size, width // size, size, 3).mean(axis=(2, 4))
    return values.reshape(count, -1)


def lowest_bits(images, quick=False):
    """uint8 images -> float32 `(n, values)`, each -1 or 1, of as many rows and columns as `pixels`, evenly spaced."""
    step = _step(images, quick)
    return ((images[:, ::step, ::step] & 1) * np.float32(2) - 1).reshape(len(images), -1)


def _step(images, quick):
    side = min(images.shape[1:3])
    return max(1, side // MOST_SIDE) * (2 if quick and side >= 32 else 1)


def fit_components(values, seed, count=COMPONENTS):
    """Fit the leading principal components of float `(n, values)`: PCA model."""
    model = PCA(min(count, *values.shape), svd_solver="randomized", random_state=seed, iterated_power=3)
    with np.errstate(invalid="ignore"):  # images that are all the same have no variance
        return model.fit(values)


def without_targets(known, strength=20):
    """Learn the mean of each target: move, (features, c) -> features less the mean of their target.

    Means of targets with few images are shrunk to the mean of all, as if `strength` images of it were added to each.
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


def fit_expressions(features, labels):
    """Linear classifier of the expression: features -> int64 `(n,)`."""
    if len(np.unique(labels)) == 1:
        return lambda others: np.full(len(others), labels[0])
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features, labels).predict


def fit_plain(known, seed):
    """The features themselves, centred and scaled together: similarity without learning."""
    centre = known.features.mean(axis=0)
    return lambda features: unit(features - centre)


def fit_whitened(known, seed):
    """Features scaled, within the predicted expression, so that what varies in one person's images counts little."""
    scaler = StandardScaler().fit(known.features)
    scaled = scaler.transform(known.features)
    predict = fit_expressions(scaled, known.ep)
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
        kind = np.searchsorted(expressions, predict(others))
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
    """Deviations from a mean, scaled to equal spread in all directions: same shape."""
    return deviations @ _whitening(deviations)


def _whitening(deviations):
    """Symmetric whitening matrix `(d, d)`; it rotates nothing, so that expressions stay comparable."""
    covariance = ledoit_wolf(deviations, assume_centered=True)[0]
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(values.clip(1e-6 * max(values[-1], 1e-12))) @ vectors.T).astype(np.float32)


def fit_network(known, seed):
    """Posteriors over the known people of a network with one hidden layer."""
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
    """Scores of ridge regression on all values, centred: linear, sees what leading components leave out."""
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
    """Ridge regression with a Nyström-approximated Gaussian kernel: predict, float32 `(n, d)` -> like `targets`."""
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    distinct = np.unique(scaled, axis=0)  # equal landmarks, as of a release of few values, would span nothing
    count = min(landmarks, len(distinct))
    kernel = Nystroem(gamma=0.3 / features.shape[1], n_components=count, random_state=seed).fit(distinct)
    model = Ridge(strength).fit(kernel.transform(scaled), targets)
    return lambda others: model.predict(kernel.transform(scaler.transform(others))).astype(np.float32)


def unit(vectors):
    """Vectors scaled to length 1, zero vectors left as they are: float32, same shape."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 1e-9, lengths, 1)).astype(np.float32)
