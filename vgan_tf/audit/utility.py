"""What protected images are still good for: expression, its intensity, and the wished-for target identity."""

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit import attackers
from vgan_tf.audit.scenarios import LATENT_NAMES, attack
from vgan_tf.audit.statistics import accuracy_figure, r_squared

SOURCES = {"original": "x", "protected": "p"}


def expression_utility(dump, seeds, quick=False, progress=print):
    """Train expression readers on originals and on protected images, and test each on both.

    Args:
        dump: `Dump`.
        seeds: ints, one training for each.
        quick: cheaper training.
        progress: called with one line of text before each training.

    Returns:
        `(predictions, intensity)`: "original_to_protected" and so on (trained on the first, tested on the second) ->
        list of predictions; and the figures of `intensity_figures`, or None without true intensities.
    """
    predictions, intensity = {}, {}
    tests = {name: getattr(dump, f"{key}_test") for name, key in SOURCES.items()}
    for source, key in SOURCES.items():
        images = getattr(dump, f"{key}_train")
        progress(f"expression: CNN, from {source} images")
        for seed in seeds:
            held_back = attackers.stratified_part(dump.ep_train, attackers.VALIDATION_SHARE, seed)
            fit_part, validation = (
                attackers.Examples(images[rows], dump.ep_train[rows, None]) for rows in (~held_back, held_back)
            )
            predict, describe = attackers.train_cnn(fit_part, validation, len(dump.expressions), seed, quick)
            for test, test_images in tests.items():
                predictions.setdefault(f"{source}_to_{test}", []).append(predict(test_images)[:, 0])
            if dump.intensity_train is not None and seed == seeds[0]:
                read = intensity_reader(describe(images), dump.intensity_train, held_back, seed)
                intensity[source] = {test: read(describe(test_images)) for test, test_images in tests.items()}
    return predictions, intensity_figures(dump, intensity) if intensity else None


def intensity_reader(features, intensity, held_back, seed):
    """Kernel ridge regression from the expression network's last hidden layer to the true intensity.

    Args:
        features: float32 `(n, d)`.
        intensity: float32 `(n,)`.
        held_back: bool `(n,)`, the examples that choose the ridge's strength.
        seed: chooses the examples where there are too many for the kernel matrix.

    Returns:
        read: features -> float `(m,)`.
    """
    scaler = StandardScaler().fit(features[~held_back])
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~held_back))[: attackers.MOST_RIDGE_EXAMPLES]
    mean = intensity[rows].mean()
    scaled, scaled_held_back = scaler.transform(features[rows]), scaler.transform(features[held_back])
    models = [
        KernelRidge(alpha=strength, kernel="rbf", gamma=0.3 / features.shape[1]).fit(scaled, intensity[rows] - mean)
        for strength in (0.01, 0.1, 1.0)
    ]
    best = min(models, key=lambda one: np.square(one.predict(scaled_held_back) + mean - intensity[held_back]).sum())
    return lambda others: best.predict(scaler.transform(others)) + mean


def intensity_figures(dump, readings):
    """R-squared of intensity readings on the test part.

    Args:
        dump: `Dump` with intensities.
        readings: {"original" or "protected" that the reader was trained on: {the same, tested on: float `(n_test,)`}}.

    Returns:
        {"original", "protected_by_original", "protected"}: R-squared, null where the true intensity is constant; and
        "by_expression_alone", what the mean intensity of the true expression explains without a look at the face.
    """
    truth, labels = dump.intensity_test, dump.ep_test
    counts = np.maximum(1, np.bincount(dump.ep_train, minlength=len(dump.expressions)))
    means = np.bincount(dump.ep_train, dump.intensity_train, len(dump.expressions)) / counts
    return {
        "original": r_squared(truth, readings["original"]["original"]),
        "protected_by_original": r_squared(truth, readings["original"]["protected"]),
        "protected": r_squared(truth, readings["protected"]["protected"]),
        "by_expression_alone": r_squared(truth, means[labels]),
    }


def latent_expression(dump, seeds, quick=False):
    """Read the expression from latents: {"logistic on mean": figure, ...}, empty without latents."""
    figures = {}
    for key, latent in LATENT_NAMES.items():
        if getattr(dump, f"{key}_train") is None:
            continue
        for attacker in (attackers.LOGISTIC, attackers.MLP):
            arrays = getattr(dump, f"{key}_train"), dump.ep_train, {"test": getattr(dump, f"{key}_test")}
            runs = attack(attacker, *arrays, len(dump.expressions), seeds, quick)["test"]
            figures[f"{attacker.name} on {latent}"] = accuracy_figure(dump.ep_test, runs)
    return figures
