"""Attackers: classifiers of different kinds that try to read a label from images or from latents.

An attacker is `Attacker(name, fit)`, where

    fit(train, validation, classes, seed, quick) -> predict

`train` and `validation` are `Examples`; `predict(features)` returns int64 `(n, tasks)`. Validation examples serve for
every choice (when to stop, how strongly to regularise) and for nothing else. Tasks are independent labellings of the
same features, one column each: a real attack has one, the negative control has one for each permutation, so that a
network or a factorisation is paid for once. To add an attacker, write such a `fit` and add a line to a tuple below.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from vgan_tf.images import to_float

VALIDATION_SHARE = 0.15
MOST_RIDGE_EXAMPLES = 8000  # its kernel matrix grows with the square of this
PRINCIPAL_COMPONENTS = 64
FULL_LAYERS = ((24, 3, 2), (48, 3, 2), (96, 3, 2), (120, 3, 2))  # filters, kernel, stride
QUICK_LAYERS = ((32, 5, 4), (64, 3, 2), (128, 3, 2))


class Examples(NamedTuple):
    """features: uint8 `(n, height, width, 3)` or float32 `(n, d)`; labels: int64 `(n, tasks)`."""

    features: np.ndarray
    labels: np.ndarray


class Attacker(NamedTuple):
    """A name for the tables, and the function described at the head of this module."""

    name: str
    fit: Callable


def train(attacker, features, labels, classes, seed, quick=False):
    """Fit an attacker, part of the examples held back for its choices.

    Args:
        attacker: `Attacker`.
        features: uint8 images or float32 latents, `n` of them.
        labels: int `(n,)` or `(n, tasks)`.
        classes: number of classes.
        seed: decides the split and everything random in the attacker.
        quick: cheaper training.

    Returns:
        predict: features -> int64 `(m,)`, or `(m, tasks)` where `labels` had tasks.
    """
    columns = labels.reshape(len(labels), -1)
    held_back = stratified_part(columns[:, 0], VALIDATION_SHARE, seed)
    fit_part = Examples(features[~held_back], columns[~held_back])
    predict = attacker.fit(fit_part, Examples(features[held_back], columns[held_back]), classes, seed, quick)
    return lambda others: predict(others).reshape(len(others), *labels.shape[1:])


def stratified_part(labels, share, seed):
    """Mark about `share` of each class, at random and at least one of every class of two or more: bool `(n,)`."""
    random = np.random.default_rng(seed)
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(len(members) - 1, max(1, round(share * len(members))))
        marked[random.permutation(members)[:count]] = True
    return marked


def fit_cnn(train, validation, classes, seed, quick):
    """A small convolutional network on the pixels, with random shifts and brightness."""
    return train_cnn(train, validation, classes, seed, quick)[0]


def train_cnn(train, validation, classes, seed, quick):
    """Train the network of `fit_cnn`: predict, and describe: uint8 images -> its hidden layer, float32 `(n, d)`."""
    network = small_cnn(
        train.features.shape[1:], train.labels.shape[1] * classes, seed, QUICK_LAYERS if quick else FULL_LAYERS
    )
    predict = fit_network(
        network,
        train,
        validation,
        seed,
        epochs=8 if quick else 18,
        patience=2 if quick else 4,
        augment=shift_and_brighten,
    )
    last_hidden = tf.function(keras.Model(network.input, network.layers[-3].output), reduce_retracing=True)
    return predict, lambda images: _in_batches(last_hidden, images)


def small_cnn(shape, outputs, seed, layers):
    """Float32 images in [-1, 1] -> logits `(batch, outputs)`; `layers`: filters, kernel and stride of each."""
    seeds = itertools.count(seed * 1000)
    image = hidden = keras.Input(shape)
    for filters, kernel, stride in layers:
        start = keras.initializers.HeNormal(next(seeds))
        hidden = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, kernel_initializer=start)(
            hidden
        )
        hidden = keras.layers.BatchNormalization(momentum=0.9)(hidden)
        hidden = keras.layers.ReLU()(hidden)
    hidden = keras.layers.Flatten()(hidden)
    hidden = keras.layers.Dropout(0.3, seed=next(seeds))(hidden)
    start = keras.initializers.GlorotUniform(next(seeds))
    return keras.Model(image, keras.layers.Dense(outputs, kernel_initializer=start)(hidden))


def fit_mlp(train, validation, classes, seed, quick):
    """Two hidden layers on standardised features."""
    scaler = StandardScaler().fit(train.features)
    seeds = itertools.count(seed * 1000)
    features = hidden = keras.Input(train.features.shape[1:])
    for _ in range(2):
        start = keras.initializers.HeNormal(next(seeds))
        hidden = keras.layers.Dense(256, activation="relu", kernel_initializer=start)(hidden)
        hidden = keras.layers.Dropout(0.3, seed=next(seeds))(hidden)
    start = keras.initializers.GlorotUniform(next(seeds))
    network = keras.Model(
        features, keras.layers.Dense(train.labels.shape[1] * classes, kernel_initializer=start)(hidden)
    )
    predict = fit_network(
        network,
        Examples(scaler.transform(train.features), train.labels),
        Examples(scaler.transform(validation.features), validation.labels),
        seed,
        epochs=15 if quick else 40,
        patience=3 if quick else 6,
    )
    return lambda others: predict(scaler.transform(others))


def fit_network(network, train, validation, seed, epochs, patience, augment=None, batch_size=64):
    """Train a network until validation stops improving, and keep its best weights.

    Args:
        network: `keras.Model`, float32 features -> logits `(batch, tasks * classes)`.
        train, validation: `Examples`.
        seed: of the order of the examples and of the augmentation.
        epochs: at most so many; the learning rate falls to zero over them.
        patience: epochs without a lower validation loss before stopping.
        augment: (uint8 images, Generator) -> float32 images, or None.
        batch_size: examples a step.

    Returns:
        predict: features -> int64 `(n, tasks)`.
    """
    random = np.random.default_rng(seed)
    tasks = train.labels.shape[1]
    steps = max(1, len(train.features) // batch_size)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, epochs * steps))
    optimizer.build(network.trainable_variables)

    def loss_of(features, labels, training):
        logits = network(features, training=training)
        logits = tf.reshape(logits, (tf.shape(logits)[0], tasks, logits.shape[1] // tasks))
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    @tf.function(reduce_retracing=True)
    def step(features, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(features, labels, training=True)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    @tf.function(reduce_retracing=True)
    def logits_of(features):
        return network(features, training=False)

    def predict_logits(features):
        return _in_batches(logits_of, features).reshape(len(features), tasks, -1)

    best_loss, best_weights, waited = np.inf, network.get_weights(), 0
    for _ in range(epochs):
        order = random.permutation(len(train.features))
        for rows in np.array_split(order, steps):
            features = augment(train.features[rows], random) if augment else _as_float(train.features[rows])
            step(tf.constant(features), tf.constant(train.labels[rows]))
        loss = _cross_entropy(predict_logits(validation.features), validation.labels)
        if loss < best_loss - 1e-3:
            best_loss, best_weights, waited = loss, network.get_weights(), 0
        else:
            waited += 1
            if waited >= patience:
                break
    network.set_weights(best_weights)
    return lambda others: predict_logits(others).argmax(axis=2)


def shift_and_brighten(images, random):
    """Shift each image by up to 1/16 of its side, edges repeated, and change its brightness and contrast a little.

    Args:
        images: uint8 `(n, height, width, 3)`.
        random: `numpy.random.Generator`.

    Returns:
        float32, same shape, about [-1, 1].
    """
    count, height, width, _ = images.shape
    rows = np.arange(height) + random.integers(-(height // 16), height // 16 + 1, (count, 1))
    columns = np.arange(width) + random.integers(-(width // 16), width // 16 + 1, (count, 1))
    shifted = images[
        np.arange(count)[:, None, None],
        rows.clip(0, height - 1)[:, :, None],
        columns.clip(0, width - 1)[:, None, :],
    ]
    contrast = random.uniform(0.9, 1.1, (count, 1, 1, 1)).astype(np.float32)
    brightness = random.uniform(-0.1, 0.1, (count, 1, 1, 1)).astype(np.float32)
    return to_float(shifted) * contrast + brightness


def fit_pixel_ridge(train, validation, classes, seed, quick):
    """Ridge regression from pixels to one-hot labels: linear, and a different kind of attacker from any network."""
    return _fit_ridge(to_float, train, validation, classes, seed, quick)


def fit_lowest_bit_ridge(train, validation, classes, seed, quick):
    """Ridge regression on the lowest bit of each pixel, where a label may hide from all who look at the picture."""
    return _fit_ridge(lambda images: (images & 1) * np.float32(2) - 1, train, validation, classes, seed, quick)


def _fit_ridge(transform, train, validation, classes, seed, quick):
    """Ridge regression in its dual form, the strength chosen for each task by validation accuracy."""
    if len(train.features) > MOST_RIDGE_EXAMPLES:
        rows = np.sort(np.random.default_rng(seed).permutation(len(train.features))[:MOST_RIDGE_EXAMPLES])
        train = Examples(train.features[rows], train.labels[rows])

    def flat(images):
        return transform(images[:, ::2, ::2] if quick else images).reshape(len(images), -1)

    features = flat(train.features)
    mean = features.mean(axis=0)
    features -= mean
    gram = features @ features.T
    trace = float(np.trace(gram)) or 1.0  # all images may have the same lowest bits
    targets = np.eye(classes, dtype=np.float32)[train.labels].reshape(len(gram), -1)  # (n, tasks * classes)
    offsets = targets.mean(axis=0)

    def scores(kernel, weights):
        return (kernel @ weights + offsets).reshape(len(kernel), -1, classes)

    validation_kernel = (flat(validation.features) - mean) @ features.T
    candidates, accuracies = [], []
    for strength in (3e-6, 3e-5, 3e-4, 3e-3):  # less is lost in the rounding of a singular kernel
        damped = gram + np.eye(len(gram), dtype=np.float32) * np.float32(strength * trace)
        candidates.append(cho_solve(cho_factor(damped, overwrite_a=True), targets - offsets))
        guesses = scores(validation_kernel, candidates[-1]).argmax(axis=2)
        accuracies.append((guesses == validation.labels).mean(axis=0))
    best = np.argmax(accuracies, axis=0)  # (tasks,)
    tasks = np.arange(len(best))
    weights = np.stack(candidates).reshape(len(candidates), len(gram), -1, classes)[best, :, tasks]
    weights = weights.transpose(1, 0, 2).reshape(len(gram), -1)
    pixel_weights = features.T @ weights  # (pixels, tasks * classes)

    def predict(others):
        return ((flat(others) - mean) @ pixel_weights + offsets).reshape(len(others), -1, classes).argmax(axis=2)

    return predict


def fit_component_neighbours(train, validation, classes, seed, quick):
    """Nearest neighbours among the principal components of the pixels."""
    project = principal_components(train.features, seed, quick)
    parts = (Examples(project(part.features), part.labels) for part in (train, validation))
    predict = fit_neighbours(*parts, classes, seed, quick)
    return lambda others: predict(project(others))


def principal_components(images, seed, quick=False):
    """Fit the leading principal components of images: project, uint8 images -> float32 `(n, components)`."""

    def flat(others):
        return to_float(others[:, ::2, ::2] if quick else others).reshape(len(others), -1)

    count = min(PRINCIPAL_COMPONENTS, *flat(images).shape)
    model = PCA(count, svd_solver="randomized", random_state=seed).fit(flat(images))
    return lambda others: model.transform(flat(others))


def fit_neighbours(train, validation, classes, seed, quick):
    """Vote of the nearest neighbours on standardised features, their number chosen for each task."""
    scaler = StandardScaler().fit(train.features)
    counts = [count for count in (1, 5, 15, 45) if count <= len(train.features)]
    index = NearestNeighbors(n_neighbors=counts[-1]).fit(scaler.transform(train.features))
    one_hot = np.eye(classes, dtype=np.float32)

    def votes(features):
        nearest = index.kneighbors(scaler.transform(features), return_distance=False)
        return [one_hot[train.labels[nearest[:, :count]]].sum(axis=1).argmax(axis=2) for count in counts]

    accuracies = [(guesses == validation.labels).mean(axis=0) for guesses in votes(validation.features)]
    best = np.argmax(accuracies, axis=0)  # (tasks,)
    return lambda others: np.take_along_axis(np.stack(votes(others)), best[None, None, :], axis=0)[0]


def fit_logistic(train, validation, classes, seed, quick):
    """Multinomial logistic regression on standardised features, its strength chosen for each task.

    All tasks are minimised together: their losses share no weight, and one pass over the features serves them all.
    """
    scaler = StandardScaler().fit(train.features)

    def with_constant(features):
        return np.pad(scaler.transform(features), ((0, 0), (0, 1)), constant_values=1.0).astype(np.float64)

    features = with_constant(train.features)
    targets = np.eye(classes)[train.labels]  # (n, tasks, classes)

    def scores(others, weights):
        return (others @ weights.reshape(features.shape[1], -1)).reshape(len(others), -1, classes)

    def loss_and_gradient(weights, strength):
        logits = scores(features, weights)
        logits -= logits.max(axis=2, keepdims=True)
        exponentials = np.exp(logits)
        sums = exponentials.sum(axis=2, keepdims=True)
        loss = (np.log(sums).sum() - (logits * targets).sum()) / len(features) + strength / 2 * weights @ weights
        residuals = (exponentials / sums - targets).reshape(len(features), -1)
        return loss, (features.T @ residuals).ravel() / len(features) + strength * weights

    validation_features = with_constant(validation.features)
    candidates, accuracies = [np.zeros(features.shape[1] * targets[0].size)], []
    for strength in (1e-1, 1e-3) if quick else (1e-1, 1e-2, 1e-3, 1e-4):  # each starts where the one before ended
        options = {"maxiter": 60 if quick else 200}
        result = minimize(loss_and_gradient, candidates[-1], (strength,), "L-BFGS-B", jac=True, options=options)
        candidates.append(result.x)
        accuracies.append((scores(validation_features, result.x).argmax(axis=2) == validation.labels).mean(axis=0))
    best = np.argmax(accuracies, axis=0)  # (tasks,)
    shaped = np.stack(candidates[1:]).reshape(len(accuracies), features.shape[1], len(best), classes)
    weights = np.stack([shaped[choice, :, task] for task, choice in enumerate(best)], axis=1).ravel()
    return lambda others: scores(with_constant(others), weights).argmax(axis=2)


def _in_batches(function, features, batch_size=256):
    starts = range(0, len(features), batch_size)
    return np.concatenate([function(_as_float(features[start : start + batch_size])) for start in starts])


def _as_float(features):
    return to_float(features) if features.dtype == np.uint8 else np.asarray(features, dtype=np.float32)


def _cross_entropy(logits, labels):
    """Mean cross-entropy of logits `(n, tasks, classes)` at labels `(n, tasks)`."""
    shifted = logits - logits.max(axis=2, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=2))
    return float((log_sums - np.take_along_axis(shifted, labels[:, :, None], axis=2)[:, :, 0]).mean())


CNN = Attacker("CNN", fit_cnn)
PIXEL_RIDGE = Attacker("ridge on pixels", fit_pixel_ridge)
LOWEST_BIT_RIDGE = Attacker("ridge on lowest bits", fit_lowest_bit_ridge)
COMPONENT_NEIGHBOURS = Attacker("nearest neighbours on components", fit_component_neighbours)
LOGISTIC = Attacker("logistic", fit_logistic)
MLP = Attacker("MLP", fit_mlp)
NEIGHBOURS = Attacker("nearest neighbours", fit_neighbours)

IMAGE_ATTACKERS = (CNN, PIXEL_RIDGE, LOWEST_BIT_RIDGE, COMPONENT_NEIGHBOURS)
LATENT_ATTACKERS = (LOGISTIC, MLP, NEIGHBOURS)
