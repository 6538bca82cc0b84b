"""Inversion: reconstruct the original from what is released, or from the latent, and recognise who it shows.

By kernel regression onto the principal components of originals (docs/audit.md says how it compares to a network). A
regression predicts the mean of what is possible: where the identity is unknown, the mean face of the expression.
"""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import release_is_mean
from vgan_tf.audit.attacks.reidentification import excluded
from vgan_tf.audit.evidence import combined, naming_evidence, strata_of
from vgan_tf.audit.statistics import accuracy_figure, chance, informed_chance, strongest_of

COMPONENTS = 128
LANDMARKS = 1500  # examples that span the kernel
QUICK_LANDMARKS = 500
RIDGE = 0.01
PICTURES = 8


def inversion(dump, seeds, quick=False, progress=print):
    """Reconstruct originals that were not learnt from, and let classifiers trained on originals name them.

    Returns:
        `(figures, pictures, found)`. Figures: {"chance", "originals" (the classifiers on originals: what they could
        do), "class_mean" (the mean original of the true expression: what the expression alone gives), "from_protected",
        "from_release" (as "from_latent" where that is released), "from_latent" (None where the dump lacks what it is
        from)}, each {"recognised": {"attacker", "accuracy", "interval"} of the best classifier, "attackers": {name:
        figure}, "error_levels": mean absolute error in levels of 0..255, "chance"}.
        Pictures: {"originals", "protected", "class_mean", "from_protected", "from_release", "from_latent" where there
        is one}, uint8 `(k, height, width, 3)`, the same tested images, of different people and expressions.
        found: {"device", "encoder": Evidence of what leaves the device, and of what the encoder knows, or None}.
    """
    tested, rounds = dump.tested, dump.rounds
    progress("inversion: components of originals, and classifiers of them")
    model = embeddings.fit_components(_flat(dump.train.x), seeds[0], COMPONENTS)
    components = model.transform(_flat(tested.x))
    learners = [(known, rows, model.transform(_flat(known.x))) for known, rows in rounds]
    classifiers = [_classifiers(originals, known.id) for known, _, originals in learners]
    shown = _shown(tested, len(dump.identities), len(dump.expressions))
    level = chance(tested.id, len(dump.identities))
    informed = informed_chance(tested.id, len(dump.identities), dump.known_policy)
    pictures = {"originals": tested.x[shown]}
    if tested.p is not None:
        pictures["protected"] = tested.p[shown]

    def figure(name, runs, chance_level):
        """The figure of reconstructions, and who they are said to show: {classifier: predictions of each run}."""
        images = [model.inverse_transform(one).clip(0, 255).reshape(tested.x.shape) for one in runs]
        pictures[name] = np.rint(images[0][shown]).astype(np.uint8) if name != "originals" else pictures[name]
        said = {classifier: [] for classifier in classifiers[0]}
        for one in runs:
            for classifier, predictions in said.items():
                predictions.append(np.empty(len(tested), np.int64))
                for (_, rows, _), round_classifiers in zip(learners, classifiers, strict=True):
                    predictions[-1][rows] = round_classifiers[classifier](one[rows])
        found = strongest_of({one: accuracy_figure(tested.id, runs, tested.clip) for one, runs in said.items()})
        error_levels = float(np.mean([np.abs(one - tested.x).mean() for one in images]))
        table = {"recognised": found["strongest"], "attackers": found["attackers"]}
        return table | {"error_levels": error_levels, "chance": chance_level}, said

    result = {"chance": informed, "originals": figure("originals", [components], level)[0]}
    means = np.empty_like(components)
    for known, rows, originals in learners:
        for expression in np.unique(tested.ep[rows]):
            alike = known.ep == expression
            of_expression = originals[alike if alike.any() else slice(None)].mean(axis=0)
            means[rows[tested.ep[rows] == expression]] = of_expression
    result["class_mean"] = figure("class_mean", [means], level)[0]

    ruled_out = excluded(dump, tested)
    sources = {"from_protected": ("p", informed), "from_release": ("r", informed), "from_latent": ("mu", level)}
    if dump.train.mu is None:
        sources["from_latent"] = "z", level
    mean_is_released = release_is_mean(dump)
    found = {}
    for name, (key, chance_level) in sources.items():
        result[name] = found[name] = None
        if getattr(dump.train, key) is None or (name == "from_release" and mean_is_released):
            continue
        title = name.replace("_", " ")
        progress(f"inversion: {title}")
        runs = [_reconstructed(learners, tested, key, seed, quick) for seed in seeds]
        result[name], said = figure(name, runs, chance_level)
        found[name] = _evidence(tested, rounds, {f"{title}, {one}": runs for one, runs in said.items()}, ruled_out)
    if mean_is_released:
        for one in (result, found, pictures):
            one["from_release"] = one["from_latent"]
    device = combined([found["from_protected"], found["from_release"]])
    return result, pictures, {"device": device, "encoder": found["from_latent"]}


def _flat(images):
    return images.astype(np.float32).reshape(len(images), -1)


def _evidence(tested, rounds, predictions, ruled_out):
    """Evidence of the best of any round; each learnt from the others' names, so they are not right independently."""
    found = []
    for _, rows in rounds:
        images = tested.rows(rows)
        said = {name: [one[rows] for one in runs] for name, runs in predictions.items()}
        names = None if ruled_out is None else ruled_out[rows]
        found.append(naming_evidence(images.id, said, strata_of(images), images.clip, names))
    return combined(found)._replace(attackers=len(predictions))


def _reconstructed(learners, tested, key, seed, quick):
    """Components of the tested originals, from an array of theirs: float32 `(n, components)`."""
    landmarks = QUICK_LANDMARKS if quick else LANDMARKS
    results = np.empty((len(tested), learners[0][2].shape[1]), np.float32)
    for known, rows, originals in learners:
        features, others = getattr(known, key), getattr(tested, key)[rows]
        if key == "p":
            features, others = _protected_features(known, tested.rows(rows), seed, quick)
        results[rows] = embeddings.fit_regression(features, originals, seed, RIDGE, landmarks)(others)
    return results


def _protected_features(known, tested, seed, quick):
    """Components of protected images less the mean of their targets: of the known, and of the tested images."""
    values, others = (embeddings.pixels(images.p, quick) for images in (known, tested))
    model = embeddings.fit_components(values, seed)
    people = embeddings.People(model.transform(values), known.id, known.ep, known.c if tested.c is not None else None)
    move = embeddings.without_targets(people)
    return move(people.features, people.c), move(model.transform(others), tested.c)


def _classifiers(components, people):
    """Classifiers of the identity, trained on components of originals: {name: components -> int64 `(n,)`}."""
    linear = LinearDiscriminantAnalysis().fit(components, people)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(components, people)
    return {"discriminant on components": linear.predict, "logistic on components": logistic.predict}


def _shown(tested, people, expressions):
    """Rows of a few tested images, of people and expressions in turn."""
    chosen = []
    for number in range(min(PICTURES, len(tested))):
        person, expression = number % people, number % expressions
        misses = (tested.id != person).astype(int) + (tested.ep != expression)
        misses[chosen] = 3
        chosen.append(int(np.argmin(misses)))
    return np.array(chosen)
