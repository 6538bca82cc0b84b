"""Linking: are two protected images, or latents, of the same person? And who of several strangers is it?

The attacker learns from images of known people (the train part, and fresh images where there are any) and is asked
about images that trained nothing: of the same people ("test"), and of people whom neither generator nor attacker saw
("strangers").

Tried on drawn faces, under a trained generator (two sets of strangers) and under five simple anonymizers: posteriors of
a network over the known people linked these best of all where the generator had been trained on them, but strangers
worse than whitened components or ridge regression, by 0.04 to 0.14 of area under the curve. The last hidden layer of a
convolutional network linked nobody better, strangers worse by 0.02 to 0.16, and is not used.
"""

from typing import NamedTuple

import numpy as np

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import People
from vgan_tf.audit.attacks.pairs import CONFIDENCE, FEWEST_PEOPLE, drawn_within, make_pairs, pair_figure
from vgan_tf.audit.roc import table

CHANCE = 0.5
REPLICATES = 200
QUICK_REPLICATES = 60
QUICK_KNOWN_IMAGES = 2000
GALLERY_PICTURES = 5
PROBE_PICTURES = 5
GALLERIES = 20
LANDMARKS = 600  # examples that span the kernel of the regression to originals
LATENTS = {"mu": "mean", "z": "sample"}
METHODS = {
    "plain": embeddings.fit_plain,
    "whitened": embeddings.fit_whitened,
    "network": embeddings.fit_network,
    "ridge": embeddings.fit_ridge,
}


class Attack(NamedTuple):
    """What one attacker sees: features of known people, and of the people of each test.

    tests: name -> `People`, "test" and, where there are strangers, "strangers".
    """

    known: People
    tests: dict


def embed(dump, seeds, quick=False, progress=print):
    """Embeddings of all tested images by all attackers, which `linkability` and `open_set` share.

    Returns:
        {"images" or "latents": {attacker: [{"test" and "strangers": float32 `(n, d)`} for each seed]}}.
    """
    embedded = {}
    for kind in ("images", "latents"):
        embedded[kind] = {}
        for seed in seeds:
            for name, vectors in _embedded(dump, kind, seed, quick, progress):
                embedded[kind].setdefault(name, []).append(vectors)
    return embedded


def linkability(dump, seeds, quick=False, progress=print, embedded=None):
    """Tell pairs of one person from pairs of two.

    The images of a pair show the same expression and, where clips are known, come from different ones. The target must
    not inform: pairs of two people are weighted so that each pair of targets is as frequent among them as among pairs
    of one person. A reader of targets and expressions alone has an AUC of exactly one half.

    Args:
        dump: `Dump`.
        seeds: ints, one training of each attacker for each; figures are means over them.
        quick: cheaper attackers.
        progress: called with one line of text at each step.
        embedded: what `embed` gives, or None to embed here.

    Returns:
        {"chance": 0.5, "test": part, "strangers": part or None}, where a part is {"images": kind, "latents": kind or
        None, "people", "resampled"} and a kind is {"strongest": figure with "attacker", "attackers": {name: figure}};
        a part without a pair of either sort is None. A figure is {"auc", "interval" (95 %, bootstrap of the people
        where there are 20 or more, else of the clips, or images, of each: it then speaks of other images of these
        people, not of other people), "eer", "tar_at_far_1_percent", "tar_at_far_0_1_percent" (None where too few pairs
        of two people define it), "pairs", "auc_across_targets", "auc_same_target", "auc_across_expressions" (None
        where there are no such pairs)}.
    """
    embedded = embedded or embed(dump, seeds, quick, progress)
    replicates = QUICK_REPLICATES if quick else REPLICATES
    result = {"chance": CHANCE, "test": None, "strangers": None}
    for part, people, clip in _parts(dump):
        pairs = make_pairs(people, clip, seeds[0])
        if pairs is None:
            progress(f"linking: no comparable pairs in {part}")
            continue
        progress(f"linking: pairs of {part}")
        count = len(np.unique(pairs.people))
        units = "people" if count >= FEWEST_PEOPLE else "images" if clip is None else "clips"
        result[part] = {"people": count, "resampled": units}
        for kind, names in embedded.items():
            figures = {
                name: [pair_figure(one[part], pairs, seeds[0], replicates) for one in runs]
                for name, runs in names.items()
            }
            result[part][kind] = table(figures, "auc")
    return result


def open_set(dump, seeds, quick=False, progress=print, embedded=None):
    """Recognise strangers by their likeness to a few pictures of each, with attackers that never saw them.

    The gallery holds `GALLERY_PICTURES` pictures of each stranger: protected ones, or originals. The probe is another
    protected picture; "accuracy_of_5_pictures" is that of five of one stranger together. Ties share the credit.

    Returns:
        None without strangers, else {"people", "chance", "gallery_pictures", "images": kind, "latents": kind or None}.
        A figure is {"accuracy", "interval", "accuracy_of_5_pictures"}: accuracy is the mean over `GALLERIES` random
        galleries, the interval (95 %) that of one gallery and one sample of probes, drawn from these strangers (from
        20 on, strangers are drawn too).
    """
    strangers = dump.strangers
    if strangers is None:
        return None
    embedded = embedded or embed(dump, seeds, quick, progress)
    figures = {"images": {}, "latents": {}}
    for kind, gallery in (("images", "protected images"), ("latents", "latents")):
        for name, runs in embedded[kind].items():
            figures[kind][f"{name}; gallery of {gallery}"] = [
                _rank_figure(one["strangers"], one["strangers"], strangers.id, seeds[0]) for one in runs
            ]
    for seed in seeds:
        for name, gallery, probes in _against_originals(dump, seed, quick, progress):
            figure = _rank_figure(gallery, probes, strangers.id, seeds[0])
            figures["images"].setdefault(f"{name}; gallery of originals", []).append(figure)
    people = len(np.unique(strangers.id))
    tables = {kind: table(one, "accuracy") for kind, one in figures.items()}
    return {"people": people, "chance": 1 / people, "gallery_pictures": GALLERY_PICTURES, **tables}


def _parts(dump):
    """Who is tested: (name, Part without features, clips or None)."""
    yield "test", People(None, dump.id_test, dump.ep_test, dump.c_test), dump.clip_test
    if dump.strangers is not None:
        extra = dump.strangers
        yield "strangers", People(None, extra.id, extra.ep, extra.c), None


def gather(dump, key, most=None):
    """Arrays `key` ("x", "p", "mu", "z") of known people and of those tested, with their labels: `Attack` or None.

    Of the known, at most `most` rows are taken, evenly spaced and the same for every key.
    """
    if getattr(dump, f"{key}_train") is None:
        return None
    known = [(getattr(dump, f"{key}_train"), dump.id_train, dump.ep_train, dump.c_train)]
    if dump.fresh is not None:
        known.append((getattr(dump.fresh, key), dump.fresh.id, dump.fresh.ep, dump.fresh.c))
    columns = [embeddings.joined(column) for column in zip(*known, strict=True)]
    if most is not None and len(columns[0]) > most:
        rows = np.linspace(0, len(columns[0]) - 1, most).astype(int)
        columns = [None if column is None else column[rows] for column in columns]
    tests = {
        name: people._replace(features=getattr(dump, f"{key}_test") if name == "test" else getattr(dump.strangers, key))
        for name, people, _ in _parts(dump)
    }
    if any(people.c is None for people in tests.values()):
        columns[3] = None
    return Attack(People(*columns), tests)


def _described(gathered, describe):
    """The same with other features; `describe`: array -> float32 `(n, d)`."""
    known = gathered.known._replace(features=describe(gathered.known.features))
    tests = {name: people._replace(features=describe(people.features)) for name, people in gathered.tests.items()}
    return Attack(known, tests)


def _views(dump, kind, seed, quick, progress):
    """What attackers look at: (name, Attack, names of METHODS)."""
    if kind == "latents":
        for key, name in LATENTS.items():
            gathered = gather(dump, key) if key == "mu" or not quick else None
            if gathered is not None:
                progress(f"linking: latent {name}")
                yield f"latent {name}", gathered, ("plain", "whitened", "network")
        return
    gathered = gather(dump, "p", QUICK_KNOWN_IMAGES if quick else None)
    for name, values_of in (("pixels", embeddings.pixels), ("lowest bits", embeddings.lowest_bits)):
        progress(f"linking: {name}")
        values = _described(gathered, lambda images, values_of=values_of: values_of(images, quick))
        yield name, values, ("ridge",)
        components = embeddings.fit_components(values.known.features, seed)
        methods = ("plain", "whitened", "network") if name == "pixels" else ("plain", "whitened")
        yield f"components of {name}", _described(values, components.transform), methods


def _embedded(dump, kind, seed, quick, progress):
    """Embeddings of the tested images by every attacker: (name, {name of test: float32 `(n, d)`})."""
    for view, gathered, methods in _views(dump, kind, seed, quick, progress):
        move = embeddings.without_targets(gathered.known)
        known = gathered.known._replace(features=move(gathered.known.features, gathered.known.c))
        for method in methods:
            embed = METHODS[method](known, seed)
            yield (
                f"{view}, {method}",
                {name: embed(move(people.features, people.c)) for name, people in gathered.tests.items()},
            )


def _against_originals(dump, seed, quick, progress):
    """Embeddings of strangers' originals and of their protected images in one space: (name, gallery, probes)."""
    progress("open set: gallery of originals")
    strangers = dump.strangers
    originals, protected = (
        _described(
            gather(dump, key, QUICK_KNOWN_IMAGES if quick else None), lambda images: embeddings.pixels(images, quick)
        )
        for key in ("x", "p")
    )
    components = embeddings.fit_components(originals.known.features, seed)
    originals = _described(originals, components.transform)
    as_originals = _described(protected, components.transform)
    protected = _described(protected, embeddings.fit_components(protected.known.features, seed).transform)
    move = embeddings.without_targets(protected.known)
    moved = move(protected.known.features, protected.known.c)
    probes = move(protected.tests["strangers"].features, strangers.c)

    embed = embeddings.fit_whitened(originals.known, seed)
    gallery = embed(originals.tests["strangers"].features)
    yield "components of pixels, taken for originals", gallery, embed(as_originals.tests["strangers"].features)
    predict = embeddings.fit_regression(moved, embed(originals.known.features), seed, 1.0, LANDMARKS)
    yield "components of pixels, regression to originals", gallery, predict(probes)


def _rank_figure(gallery, probes, people, seed):
    """Share of probes, and of groups of probes, nearest to the right person's gallery."""
    random = np.random.default_rng(seed)
    names, people = np.unique(people, return_inverse=True)
    right, grouped = np.full((GALLERIES, len(people)), np.nan), []
    for draw in range(GALLERIES):
        order = random.permutation(len(people))
        held = [order[people[order] == person][:GALLERY_PICTURES] for person in range(len(names))]
        templates = np.stack([gallery[rows].mean(axis=0) for rows in held])
        others = np.setdiff1d(order, np.concatenate(held))
        right[draw, others] = _credit(probes[others] @ templates.T, people[others])
        for person in range(len(names)):
            rows = random.permutation(others[people[others] == person])
            groups = rows[: len(rows) // PROBE_PICTURES * PROBE_PICTURES].reshape(-1, PROBE_PICTURES)
            if len(groups):
                scores = probes[groups].mean(axis=1) @ templates.T
                grouped.extend(_credit(scores, np.full(len(groups), person)))
    accuracies = []
    for _ in range(REPLICATES):
        one = right[random.integers(GALLERIES)]
        if len(names) >= FEWEST_PEOPLE:
            times = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))[people]
        else:
            times = drawn_within(people, np.arange(len(people)), random)
        seen = ~np.isnan(one)
        accuracies.append((one[seen] * times[seen]).sum() / max(1, times[seen].sum()))
    low, high = np.quantile(accuracies, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {
        "accuracy": float(np.nanmean(right)),
        # Downwards in the ninth digit: a sum of shares that ends a hair above chance is no knowledge.
        "interval": [float(np.floor(low * 1e9) / 1e9), float(high)],
        "accuracy_of_5_pictures": float(np.mean(grouped)) if grouped else None,
    }


def _credit(scores, truth):
    """1 where the truth has the highest score alone, a share where it ties, else 0: float `(n,)`."""
    best = scores >= scores.max(axis=1, keepdims=True) - 1e-7
    return best[np.arange(len(truth)), truth] / best.sum(axis=1)
