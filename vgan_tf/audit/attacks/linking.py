"""Linking: are two protected images, or latents, of the same person? And open set: which of several strangers is it?

The attacker learns from images of known people (the train part, and fresh images where there are any) and is asked
about images that were not trained on: of the same people ("test"), and of people whom neither generator nor attacker
saw ("strangers").
"""

import functools

import numpy as np

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import People, gather
from vgan_tf.audit.attacks.pairs import FEWEST_PEOPLE, make_pairs, pair_figure, times_drawn
from vgan_tf.audit.roc import table
from vgan_tf.audit.statistics import middle

CHANCE = 0.5
REPLICATES = 200
QUICK_REPLICATES = 60
QUICK_KNOWN_IMAGES = 2000
GALLERY_PICTURES = 5
PROBE_PICTURES = 5
GALLERIES = 20
LANDMARKS = 600  # examples that span the kernel of the regression to originals
METHODS = {
    "plain": embeddings.fit_plain,
    "whitened": embeddings.fit_whitened,
    "network": embeddings.fit_network,
    "ridge": embeddings.fit_ridge,
}


def linking(dump, seeds, quick=False, progress=print):
    """Linking and open set, which share their embeddings: {"linkability", "open_set"}.

    Where the people of the dump were held out, strangers are linked, and named, by an attacker who knows the targets.
    """
    embedded = embed(dump, seeds, quick, progress)
    links = linkability(dump, seeds, quick, progress, embedded)
    if dump.references is not None:
        dump = dump.of_targets()
        embedded = embed(dump, seeds, quick, progress)
        links["strangers"] = linkability(dump, seeds, quick, progress, embedded)["strangers"]
    return {"linkability": links, "open_set": open_set(dump, seeds, quick, progress, embedded)}


def embed(dump, seeds, quick=False, progress=print):
    """Embeddings of all tested images by all attackers.

    Returns:
        {"images" or "latents": {attacker: [{"test" and "strangers": float32 `(n, d)`} for each seed]}}.
    """
    embedded = {"images": {}, "latents": {}}
    for kind, names in embedded.items():
        for seed in seeds:
            for features, gathered, methods in _features(dump, kind, seed, quick, progress):
                move = embeddings.without_targets(gathered.known)
                known = gathered.known._replace(features=move(gathered.known.features, gathered.known.c))
                for method in methods:
                    apply = METHODS[method](known, seed)
                    vectors = {name: apply(move(one.features, one.c)) for name, one in gathered.tests.items()}
                    names.setdefault(f"{features}, {method}", []).append(vectors)
    return embedded


def linkability(dump, seeds, quick, progress, embedded):
    """Tell pairs of one person from pairs of two.

    The images of a pair show the same expression and, where clips are known, come from different ones. The target must
    not inform: pairs of two people are weighted so that each pair of targets is as frequent among them as among pairs
    of one person. An attacker who sees targets and expressions alone has an AUC of exactly one half.

    Returns:
        {"chance": 0.5, "test": result, "strangers": result or None}, where a result is {"images": kind, "latents": kind
        or None, "people", "resampled"}, None without pairs of both sorts. A figure is {"auc", "interval" (95 %,
        bootstrap of the people where there are 20 or more, else of the clips, or images, of each: it is then over other
        images of these people, not over other people), "eer", "tar_at_far_1_percent", "tar_at_far_0_1_percent" (None
        where too few pairs of two people define it), "pairs", "auc_across_targets", "auc_same_target",
        "auc_across_expressions" (None where there are no such pairs)}.
    """
    replicates = QUICK_REPLICATES if quick else REPLICATES
    result = {"chance": CHANCE, "test": None, "strangers": None}
    for tested, clip in (("test", dump.test.clip), ("strangers", None)):
        images = dump.images(tested)
        if images is None:
            continue
        pairs = make_pairs(People(None, images.id, images.ep, images.c), clip, seeds[0])
        if pairs is None:
            progress(f"linking: no comparable pairs in {tested}")
            continue
        progress(f"linking: pairs of {tested}")
        count = len(np.unique(pairs.people))
        units = "people" if count >= FEWEST_PEOPLE else "images" if clip is None else "clips"
        result[tested] = {"people": count, "resampled": units}
        for kind, names in embedded.items():
            figures = {
                name: [pair_figure(one[tested], pairs, seeds[0], replicates) for one in runs]
                for name, runs in names.items()
            }
            result[tested][kind] = table(figures, "auc")
    return result


def open_set(dump, seeds, quick, progress, embedded):
    """Recognise strangers by their similarity to a few pictures of each, with attackers that never saw them.

    The gallery holds `GALLERY_PICTURES` pictures of each stranger: protected ones, or originals. The probe is another
    protected picture; "accuracy_of_5_pictures" is that of five of one stranger together. Ties share the credit.

    Returns:
        None without strangers, else {"people", "chance", "gallery_pictures", "images": kind, "latents": kind or None}.
        A figure is {"accuracy", "interval", "accuracy_of_5_pictures"}: accuracy is the mean over `GALLERIES` random
        galleries, the interval (95 %) that of one gallery and one sample of probes, drawn from these strangers (from
        20 on, strangers are drawn too).
    """
    if dump.strangers is None:
        return None
    people = dump.strangers.id
    figures = {"images": {}, "latents": {}}
    for kind, gallery in (("images", "protected images"), ("latents", "latents")):
        for name, runs in embedded[kind].items():
            figures[kind][f"{name}; gallery of {gallery}"] = [
                _rank_figure(one["strangers"], one["strangers"], people, seeds[0]) for one in runs
            ]
    for seed in seeds:
        for name, gallery, probes in _against_originals(dump, seed, quick, progress):
            figure = _rank_figure(gallery, probes, people, seeds[0])
            figures["images"].setdefault(f"{name}; gallery of originals", []).append(figure)
    count = len(np.unique(people))
    tables = {kind: table(one, "accuracy") for kind, one in figures.items()}
    return {"people": count, "chance": 1 / count, "gallery_pictures": GALLERY_PICTURES, **tables}


def _features(dump, kind, seed, quick, progress):
    """What embeddings are learnt from: (name, Gathered, names of METHODS)."""
    if kind == "latents":
        for key, name in dump.latents.items():
            if key == "mu" or not quick:
                progress(f"linking: latent {name}")
                yield f"latent {name}", gather(dump, key), ("plain", "whitened", "network")
        return
    gathered = gather(dump, "p", QUICK_KNOWN_IMAGES if quick else None)
    for name, values_of in (("pixels", embeddings.pixels), ("lowest bits", embeddings.lowest_bits)):
        progress(f"linking: {name}")
        values = gathered.described(functools.partial(values_of, quick=quick))
        yield name, values, ("ridge",)
        components = embeddings.fit_components(values.known.features, seed)
        methods = ("plain", "whitened", "network") if name == "pixels" else ("plain", "whitened")
        yield f"components of {name}", values.described(components.transform), methods


def _against_originals(dump, seed, quick, progress):
    """Embeddings of strangers' originals and of their protected images in one space: (name, gallery, probes)."""
    progress("open set: gallery of originals")
    most = QUICK_KNOWN_IMAGES if quick else None
    originals, protected = (
        gather(dump, key, most).described(functools.partial(embeddings.pixels, quick=quick)) for key in ("x", "p")
    )
    components = embeddings.fit_components(originals.known.features, seed)
    originals, as_originals = (one.described(components.transform) for one in (originals, protected))
    protected = protected.described(embeddings.fit_components(protected.known.features, seed).transform)
    move = embeddings.without_targets(protected.known)
    moved = move(protected.known.features, protected.known.c)
    probes = move(protected.tests["strangers"].features, dump.strangers.c)

    apply = embeddings.fit_whitened(originals.known, seed)
    gallery = apply(originals.tests["strangers"].features)
    yield "components of pixels, taken for originals", gallery, apply(as_originals.tests["strangers"].features)
    predict = embeddings.fit_regression(moved, apply(originals.known.features), seed, 1.0, LANDMARKS)
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
        times = times_drawn(people, np.arange(len(people)), random)
        seen = ~np.isnan(one)
        accuracies.append((one[seen] * times[seen]).sum() / max(1, times[seen].sum()))
    low, high = middle(accuracies)
    return {
        "accuracy": float(np.nanmean(right)),
        # Rounded down in the ninth digit, so that a rounding error above chance is not taken for a leak.
        "interval": [float(np.floor(low * 1e9) / 1e9), high],
        "accuracy_of_5_pictures": float(np.mean(grouped)) if grouped else None,
    }


def _credit(scores, truth):
    """1 where the truth has the highest score alone, a share where it ties, else 0: float `(n,)`."""
    best = scores >= scores.max(axis=1, keepdims=True) - 1e-7
    return best[np.arange(len(truth)), truth] / best.sum(axis=1)
