"""Attackers in closed form or nearly so: ridge regression, with and without a kernel, and logistic regression."""

import functools

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.attackers.interface import Examples
from vgan_tf.images import to_float

MOST_RIDGE_EXAMPLES = 8000  # its kernel matrix grows with the square of this
OTHER_EXPRESSION = 0.2  # how much an example of another expression counts, where the expression is known


def _fit_pixels(transform, train, validation, classes, seed, quick):
    """Ridge regression from pixels to one-hot labels: linear, and a different kind of attacker from any network."""
    train = _limited(train, seed)

    def flat(images):
        return transform(images[:, ::2, ::2] if quick else images).reshape(len(images), -1)

    features = flat(train.features)
    mean = features.mean(axis=0)
    features -= mean
    validation_kernel = (flat(validation.features) - mean) @ features.T
    # Weaker regularisation would be lost in the rounding of a singular kernel.
    strengths = (3e-6, 3e-5, 3e-4, 3e-3)
    weights, offsets, _ = _ridge(features @ features.T, train, validation_kernel, validation, classes, strengths)
    pixel_weights = features.T @ weights  # (pixels, tasks * classes)
    return lambda others: ((flat(others) - mean) @ pixel_weights + offsets).reshape(len(others), -1, classes)


def _lowest_bits(images):
    return (images & 1) * np.float32(2) - 1


fit_pixel_ridge = functools.partial(_fit_pixels, to_float)
fit_lowest_bit_ridge = functools.partial(_fit_pixels, _lowest_bits)  # where a label may hide that no eye sees


def _fit_kernel_ridge(knows_expression, train, validation, classes, seed, quick):
    """Ridge regression in the space of a Gaussian kernel on standardised features, the kernel's width chosen too.

    With `knows_expression` the last feature is the expression, and examples of another one count little.
    """
    train = _limited(train, seed)

    def split(features):
        return (features[:, :-1], features[:, -1]) if knows_expression else (features, np.zeros(len(features)))

    known, expressions = split(train.features)
    scaler = StandardScaler().fit(known)
    known = scaler.transform(known)

    def kernel(features, width):
        others, theirs = split(features)
        others = scaler.transform(others)
        distances = (others**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * others @ known.T
        similar = np.exp(-distances / (width * known.shape[1]), dtype=np.float32)
        if knows_expression:
            similar *= np.where(theirs[:, None] == expressions, np.float32(1), np.float32(OTHER_EXPRESSION))
        return similar

    fitted, strengths = [], (1e-6, 1e-5, 1e-4, 1e-3)
    for width in (2.0,) if quick else (1.0, 4.0):
        kernels = kernel(train.features, width), kernel(validation.features, width)
        fitted.append((width, *_ridge(kernels[0], train, kernels[1], validation, classes, strengths)))
    width, weights, offsets, _ = max(fitted, key=lambda one: one[3])  # the validation accuracy
    return lambda others: (kernel(others, width) @ weights + offsets).reshape(len(others), -1, classes)


fit_kernel_ridge = functools.partial(_fit_kernel_ridge, False)
fit_kernel_ridge_of_expression = functools.partial(_fit_kernel_ridge, True)


def _limited(examples, seed):
    rows = np.sort(np.random.default_rng(seed).permutation(len(examples.features))[:MOST_RIDGE_EXAMPLES])
    return Examples(examples.features[rows], examples.labels[rows])


def _ridge(gram, train, validation_kernel, validation, classes, strengths):
    """Ridge regression in its dual form, the strength (a share of the kernel's trace) chosen for each task.

    Returns:
        weights `(n, tasks * classes)`, offsets `(tasks * classes,)`, and the validation accuracy over all tasks.
    """
    trace = float(np.trace(gram)) or 1.0  # all images may have the same lowest bits
    targets = np.eye(classes, dtype=np.float32)[train.labels].reshape(len(gram), -1)  # (n, tasks * classes)
    offsets = targets.mean(axis=0)
    candidates, accuracies = [], []
    for strength in strengths:
        damped = gram + np.eye(len(gram), dtype=np.float32) * np.float32(strength * trace)
        candidates.append(cho_solve(cho_factor(damped, overwrite_a=True), targets - offsets))
        guesses = (validation_kernel @ candidates[-1] + offsets).reshape(len(validation_kernel), -1, classes)
        accuracies.append((guesses.argmax(axis=2) == validation.labels).mean(axis=0))
    best = np.argmax(accuracies, axis=0)  # (tasks,)
    shaped = np.stack(candidates).reshape(len(candidates), len(gram), -1, classes)
    weights = shaped[best, :, np.arange(len(best))].transpose(1, 0, 2).reshape(len(gram), -1)
    return weights, offsets, float(np.max(accuracies, axis=0).mean())


def fit_logistic(train, validation, classes, seed, quick):
    """Multinomial logistic regression on standardised features, its strength chosen for each task.

    All tasks are fitted together: their losses share no weight, and one pass over the features serves them all.
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

    def log_probabilities(others):
        logits = scores(with_constant(others), weights)
        return logits - logsumexp(logits, axis=2, keepdims=True)

    return log_probabilities
