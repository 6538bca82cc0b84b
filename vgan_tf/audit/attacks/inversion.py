"""Inversion: reconstruct the original from the latent or from the protected image, and recognise who it shows.

By kernel regression onto the principal components of originals (docs/audit.md says how it compares to a network). A
regression predicts the mean of what is possible: where the identity is unknown, the mean face of the expression.
"""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import gather
from vgan_tf.audit.statistics import accuracy_figure, chance, informed_chance, strongest_of

COMPONENTS = 128
LANDMARKS = 1500  # examples that span the kernel
QUICK_LANDMARKS = 500
RIDGE = 0.01
PICTURES = 8


def inversion(dump, seeds, quick=False, progress=print):
    """Reconstruct test originals and let classifiers trained on originals name them.

    Returns:
        `(figures, pictures)`. Figures: {"chance", "originals" (the classifiers on originals: what they could do),
        "class_mean" (the mean original of the true expression: what the expression alone gives), "from_protected",
        "from_latent" (None without latents)}, each {"recognised": {"attacker", "accuracy", "interval"} of the best
        classifier, "attackers": {name: figure}, "error_levels": mean absolute error in levels of 0..255, "chance"}.
        Pictures: {"originals", "protected", "class_mean", "from_protected", "from_latent" where there is one}, uint8
        `(k, height, width, 3)`, the same test images, of different people and expressions.
    """
    progress("inversion: components of originals, and classifiers of them")
    known = gather(dump, "x").known
    model = embeddings.fit_components(_flat(known.features), seeds[0], COMPONENTS)
    originals = model.transform(_flat(known.features))
    classifiers = _classifiers(originals, known.id)
    shown = _shown(dump)
    level = chance(dump.test.id, len(dump.identities))
    informed = informed_chance(dump.test.id, len(dump.identities), dump.known_policy)
    pictures = {"originals": dump.test.x[shown], "protected": dump.test.p[shown]}

    def figure(name, runs, chance_level):
        images = [model.inverse_transform(one).clip(0, 255).reshape(dump.test.x.shape) for one in runs]
        if name not in pictures:
            pictures[name] = np.rint(images[0][shown]).astype(np.uint8)
        found = strongest_of(
            {
                classifier: accuracy_figure(dump.test.id, [predict(one) for one in runs], dump.test.clip)
                for classifier, predict in classifiers.items()
            }
        )
        return {
            "recognised": found["strongest"],
            "attackers": found["attackers"],
            "error_levels": float(np.mean([np.abs(one - dump.test.x).mean() for one in images])),
            "chance": chance_level,
        }

    result = {"chance": informed, "originals": figure("originals", [model.transform(_flat(dump.test.x))], level)}
    means = np.zeros((len(dump.expressions), originals.shape[1]), np.float32)
    for expression in range(len(means)):
        rows = known.ep == expression
        means[expression] = originals[rows if rows.any() else slice(None)].mean(axis=0)
    result["class_mean"] = figure("class_mean", [means[dump.test.ep]], level)

    progress("inversion: from protected images")
    runs = [_reconstructed(*_protected_features(dump, seed, quick), originals, seed, quick) for seed in seeds]
    result["from_protected"] = figure("from_protected", runs, informed)
    result["from_latent"] = None
    if dump.latents:
        progress("inversion: from latents")
        latents = gather(dump, next(iter(dump.latents)))
        features = latents.known.features, latents.tests["test"].features
        runs = [_reconstructed(*features, originals, seed, quick) for seed in seeds]
        result["from_latent"] = figure("from_latent", runs, level)
    return result, pictures


def _flat(images):
    return images.astype(np.float32).reshape(len(images), -1)


def _protected_features(dump, seed, quick):
    """Components of protected images less the mean of their targets: of the known, and of the test images."""
    values = gather(dump, "p").described(lambda images: embeddings.pixels(images, quick))
    known, tests = values.described(embeddings.fit_components(values.known.features, seed).transform)
    move = embeddings.without_targets(known)
    return tuple(move(people.features, people.c) for people in (known, tests["test"]))


def _reconstructed(known, tests, originals, seed, quick):
    """Components of the test originals, from features of theirs: learnt from known people."""
    landmarks = QUICK_LANDMARKS if quick else LANDMARKS
    return embeddings.fit_regression(known, originals, seed, RIDGE, landmarks)(tests)


def _classifiers(components, people):
    """Classifiers of the identity, trained on components of originals: {name: components -> int64 `(n,)`}."""
    linear = LinearDiscriminantAnalysis().fit(components, people)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(components, people)
    return {"discriminant on components": linear.predict, "logistic on components": logistic.predict}


def _shown(dump):
    """Rows of a few test images, of people and expressions in turn."""
    chosen = []
    for number in range(min(PICTURES, len(dump.test.id))):
        person, expression = number % len(dump.identities), number % len(dump.expressions)
        misses = (dump.test.id != person).astype(int) + (dump.test.ep != expression)
        misses[chosen] = 3
        chosen.append(int(np.argmin(misses)))
    return np.array(chosen)
