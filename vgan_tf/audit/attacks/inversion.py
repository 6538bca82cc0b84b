"""Inversion: paint the original from the latent or from the protected image, and recognise who was painted.

Measured on drawn faces, from latents: kernel regression onto the principal components of originals painted closer, and
was recognised more often, than a small convolutional decoder stopped at fifty times the cost. From protected images no
convolutional network was tried. A regression paints the mean of what may have been: where the identity is unknown, the
mean face of the expression.
"""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.linkage import gather
from vgan_tf.audit.statistics import accuracy_figure, chance, informed_chance

COMPONENTS = 128
LANDMARKS = 1500  # examples that span the kernel
QUICK_LANDMARKS = 500
RIDGE = 0.01
PICTURES = 8


def inversion(dump, seeds, quick=False, progress=print):
    """Reconstruct test originals and let readers of originals name them.

    Args:
        dump: `Dump`.
        seeds: ints, one training of each regression for each; accuracies are means over them.
        quick: smaller regressions at half the resolution.
        progress: called with one line of text at each step.

    Returns:
        `(figures, pictures)`. Figures: {"chance", "originals" (the readers on originals: what they could do),
        "class_mean" (the mean original of the true expression: what the expression alone gives), "from_protected",
        "from_latent" (None without latents)}, each {"recognised": {"attacker", "accuracy", "interval"} of the best
        reader, "attackers": {name: figure}, "error_levels": mean absolute error in levels of 0..255, "chance"}.
        Pictures: {"originals", "protected", "class_mean", "from_protected", "from_latent" where there is one}, uint8
        `(k, height, width, 3)`, the same test images, of different people and expressions.
    """
    progress("inversion: components of originals, and readers of them")
    known = gather(dump, "x").known
    shape = dump.x_test.shape
    model = embeddings.fit_components(embeddings.pixels(known.features), seeds[0], COMPONENTS)
    painted = model.transform(embeddings.pixels(known.features))
    readers = _readers(painted, known.id)
    shown = _shown(dump)
    policy = "unknown" if dump.c_test is None else dump.target_policy
    level = chance(dump.id_test, len(dump.identities))
    informed = informed_chance(dump.id_test, len(dump.identities), policy)
    pictures = {"originals": dump.x_test[shown], "protected": dump.p_test[shown]}

    def figure(name, runs, chance_level):
        images = [model.inverse_transform(components).clip(0, 255).reshape(shape) for components in runs]
        pictures[name] = np.rint(images[0][shown]).astype(np.uint8)
        figures = {
            reader: accuracy_figure(dump.id_test, [read(components) for components in runs], dump.clip_test)
            for reader, read in readers.items()
        }
        best = max(figures, key=lambda reader: figures[reader]["accuracy"])
        return {
            "recognised": {"attacker": best, **figures[best]},
            "attackers": figures,
            "error_levels": float(np.mean([np.abs(one - dump.x_test).mean() for one in images])),
            "chance": chance_level,
        }

    tests = model.transform(embeddings.pixels(dump.x_test))
    result = {"chance": informed, "originals": figure("originals_by_components", [tests], level)}
    del pictures["originals_by_components"]
    means = np.zeros((len(dump.expressions), painted.shape[1]), np.float32)
    for expression in range(len(means)):
        rows = known.ep == expression
        means[expression] = painted[rows if rows.any() else slice(None)].mean(axis=0)
    result["class_mean"] = figure("class_mean", [means[dump.ep_test]], level)

    progress("inversion: from protected images")
    runs = [_regress(_protected_features(dump, seed, quick), painted, seed, quick) for seed in seeds]
    result["from_protected"] = figure("from_protected", runs, informed)
    result["from_latent"] = None
    latents = gather(dump, "mu") or gather(dump, "z")
    if latents is not None:
        progress("inversion: from latents")
        features = latents.known.features, latents.tests["test"].features
        runs = [_regress(features, painted, seed, quick) for seed in seeds]
        result["from_latent"] = figure("from_latent", runs, level)
    return result, pictures


def _protected_features(dump, seed, quick):
    """Components of protected images less the mean of their targets: of the known, and of the test images."""
    gathered = gather(dump, "p")
    known = gathered.known
    model = embeddings.fit_components(embeddings.pixels(known.features, quick), seed)
    move = embeddings.without_targets(
        known._replace(features=model.transform(embeddings.pixels(known.features, quick)))
    )
    return tuple(
        move(model.transform(embeddings.pixels(people.features, quick)), people.c)
        for people in (known, gathered.tests["test"])
    )


def _regress(features, targets, seed, quick):
    """Learn targets from the features of known people, and give those of the test people."""
    count = QUICK_LANDMARKS if quick else LANDMARKS
    return embeddings.fit_regression(features[0], targets, seed, RIDGE, count)(features[1])


def _readers(components, people):
    """Readers of the identity, taught on components of originals: {name: components -> int64 `(n,)`}."""
    linear = LinearDiscriminantAnalysis().fit(components, people)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(components, people)
    return {"discriminant on components": linear.predict, "logistic on components": logistic.predict}


def _shown(dump):
    """Rows of a few test images, of people and expressions in turn."""
    chosen = []
    for number in range(min(PICTURES, len(dump.id_test))):
        wanted = number % len(dump.identities), number % len(dump.expressions)
        misses = (dump.id_test != wanted[0]).astype(int) + (dump.ep_test != wanted[1])
        misses[chosen] = 3
        chosen.append(int(np.argmin(misses)))
    return np.array(chosen)
