"""Linking: are two protected images, or vectors, of the same person? And open set: which of several strangers is it?

The attacker learns from images of known people (the train part, and fresh images where there are any) and is asked
about images that were not trained on: of the same people ("test"), and of people whom neither generator nor attacker
saw ("strangers"). What is released is also compared with originals of other images: does it belong to this face?
"""

import functools
from typing import NamedTuple

import numpy as np

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import gather, release_is_mean
from vgan_tf.audit.attacks.pairs import (
    FEWEST_PEOPLE,
    make_pairs,
    pair_figures,
    pair_statistics,
    resampled,
    times_drawn,
)
from vgan_tf.audit.evidence import combined, evidence, exchanged, strata_of
from vgan_tf.audit.roc import table
from vgan_tf.audit.statistics import middle, strongest_of

CHANCE = 0.5
REPLICATES = 200
QUICK_REPLICATES = 60
QUICK_KNOWN_IMAGES = 2000
GALLERY_PICTURES = 5
PROBE_PICTURES = 5
GALLERIES = 20
LANDMARKS = 600  # examples that span the kernel of the regression to originals
KINDS = ("images", "release", "latents")
SIDES = {"device": ("images", "release"), "encoder": ("latents",)}  # what leaves the device, what the encoder knows
METHODS = {
    "plain": embeddings.fit_plain,
    "whitened": embeddings.fit_whitened,
    "network": embeddings.fit_network,
    "ridge": embeddings.fit_ridge,
}
REGRESSION = "regression to originals"  # beside METHODS
OF_VECTORS = ("plain", "whitened", "network", REGRESSION)


class Attack(NamedTuple):
    """What one attacker makes of the images that are tested.

    kinds: those of KINDS that it is given. with_originals: whether it compares what is released with originals. runs:
    for each of its trainings {"test" and "strangers": `(vectors, others)`, float32 `(n, d)`}; the others are those of
    originals, or the vectors again.
    """

    kinds: tuple
    with_originals: bool
    runs: list


def linking(dump, seeds, quick=False, progress=print):
    """Linking and open set, which share their embeddings.

    Where the people of the dump were held out, strangers are linked, and named, by an attacker who knows the targets.

    Returns:
        ({"linkability", "open_set"}, {"device", "encoder": Evidence of what leaves the device, and of what the encoder
        knows, or None}).
    """
    attacks = embed(dump, seeds, quick, progress)
    links, found = linkability(dump, seeds, quick, progress, attacks)
    if dump.references is not None:
        dump = dump.of_targets()
        attacks = embed(dump, seeds, quick, progress)
        of_strangers, more = linkability(dump, seeds, quick, progress, attacks, ("strangers",))
        links["strangers"], found = of_strangers["strangers"], found + more
    named, more = open_set(dump, seeds, quick, progress, attacks)
    found += more
    return {"linkability": links, "open_set": named}, {side: combined([one[side] for one in found]) for side in SIDES}


def embed(dump, seeds, quick=False, progress=print):
    """Embeddings of all tested images by all attackers: {attacker: `Attack`}."""
    attacks = {}

    def add(name, kinds, vectors, others=None):
        runs = {tested: (one, (others or vectors)[tested]) for tested, one in vectors.items()}
        attacks.setdefault(name, Attack(kinds, others is not None, [])).runs.append(runs)

    for seed in seeds:
        progress("linking: originals")
        known_faces, faces, as_faces = _faces(dump, seed, quick)
        for name, kinds, gathered, methods in _features(dump, seed, quick, progress):
            if name == "pixels":
                vectors = {tested: as_faces(one.features) for tested, one in gathered.tests.items()}
                add("pixels, taken for originals", kinds, vectors, faces)
            move = embeddings.without_targets(gathered.known)
            known = gathered.known._replace(features=move(gathered.known.features, gathered.known.c))
            tests = {tested: move(one.features, one.c) for tested, one in gathered.tests.items()}
            for method in methods:
                if method == REGRESSION:
                    apply = embeddings.fit_regression(known.features, known_faces, seed, 1.0, LANDMARKS)
                else:
                    apply = METHODS[method](known, seed)
                vectors = {tested: apply(features) for tested, features in tests.items()}
                add(f"{name}, {method}", kinds, vectors, faces if method == REGRESSION else None)
    return attacks


def _faces(dump, seed, quick):
    """Originals as embeddings: those of the known people, {test: those tested}, and how pixels become one."""
    originals = gather(dump, "x", QUICK_KNOWN_IMAGES if quick else None)
    originals = originals.described(functools.partial(embeddings.pixels, quick=quick))
    components = embeddings.fit_components(originals.known.features, seed)
    originals = originals.described(components.transform)
    apply = embeddings.fit_whitened(originals.known, seed)
    faces = originals.described(apply)
    tests = {tested: one.features for tested, one in faces.tests.items()}
    return faces.known.features, tests, lambda values: apply(components.transform(values))


def _features(dump, seed, quick, progress):
    """What embeddings are learnt from: (name, kinds, Gathered, methods)."""
    most = QUICK_KNOWN_IMAGES if quick else None
    mean_is_released = release_is_mean(dump)
    vectors = {key: (f"latent {name}", ("latents",)) for key, name in dump.latents.items() if key == "mu" or not quick}
    if mean_is_released:
        vectors["mu"] = "latent mean", ("release", "latents")
    elif dump.train.r is not None:
        vectors["r"] = "release", ("release",)
    for key, (name, kinds) in vectors.items():
        progress(f"linking: {name}")
        yield name, kinds, gather(dump, key, most), OF_VECTORS
    if dump.train.p is None:
        return
    gathered = gather(dump, "p", most)
    for name, values_of in (("pixels", embeddings.pixels), ("lowest bits", embeddings.lowest_bits)):
        progress(f"linking: {name}")
        values = gathered.described(functools.partial(values_of, quick=quick))
        yield name, ("images",), values, ("ridge",)
        components = embeddings.fit_components(values.known.features, seed)
        methods = OF_VECTORS if name == "pixels" else ("plain", "whitened")
        yield f"components of {name}", ("images",), values.described(components.transform), methods


def linkability(dump, seeds, quick, progress, attacks, tests=("test", "strangers")):
    """Tell pairs of one person from pairs of two.

    The images of a pair show the same expression and, where clips are known, come from different ones. The target must
    not inform: the AUC is computed within each expression and pair of targets ("stratum"), and is the mean over these,
    weighted by their pairs of one person. An attacker who sees targets and expressions alone has exactly one half.

    Returns:
        ({"chance": 0.5, "test": result, "strangers": result or None}, list of {"device", "encoder": Evidence or None}).
        A result is {"images", "release", "latents": kind or None, "people", "resampled"}, None without pairs of both
        sorts. A figure is {"auc", "interval" (95 %, bootstrap of the people where there are 20 or more, else of the
        clips, or images, of each: it is then over other images of these people, not over other people), "eer",
        "tar_at_far_1_percent", "tar_at_far_0_1_percent" (None where too few pairs of two people define it; all three of
        one threshold for all strata, pairs of two people weighted to be as frequent in each as those of one), "pairs",
        "auc_across_targets", "auc_same_target", "auc_across_expressions" (None where there are no such pairs)}.
    """
    replicates = QUICK_REPLICATES if quick else REPLICATES
    result, found = {"chance": CHANCE, "test": None, "strangers": None}, []
    for tested in tests:
        images = getattr(dump, tested)
        if images is None:
            continue
        figures, units, labels = {}, None, np.concatenate([images.id[None], images.id[_exchanges(images)]])
        for with_originals in (False, True):
            chosen = {name: one for name, one in attacks.items() if one.with_originals == with_originals}
            pairs = make_pairs(images, images.clip, seeds[0], with_originals) if chosen else None
            if pairs is None:
                continue
            progress(f"linking: pairs of {tested}" + (" with originals" if with_originals else ""))
            weights = resampled(pairs, seeds[0], replicates)
            ranks = {}
            for name, one in chosen.items():
                figures[name], ranks[name] = pair_figures([run[tested] for run in one.runs], pairs, weights)
            statistics = pair_statistics(pairs, np.stack(list(ranks.values())), labels)
            found.append(_evidence(chosen, tested, statistics, labels))
            count = len(np.unique(pairs.people))
            units = "people" if count >= FEWEST_PEOPLE else "images" if images.clip is None else "clips"
        if not figures:
            progress(f"linking: no comparable pairs in {tested}")
            continue
        result[tested] = {"people": count, "resampled": units}
        for kind in KINDS:
            result[tested][kind] = table({n: one for n, one in figures.items() if kind in attacks[n].kinds}, "auc")
    return result, found


def open_set(dump, seeds, quick, progress, attacks):
    """Recognise strangers by their similarity to a few pictures of each, with attackers that never saw them.

    The gallery holds `GALLERY_PICTURES` pictures of each stranger from one half of them, what is released of them, or
    originals. A probe is what is released of a picture of the other half, and of another clip; then the halves change
    places. "accuracy_of_5_pictures" is that of five of one stranger together. Ties share the credit.

    The evidence is the best of either half, in which names are exchanged: where a picture is in the gallery once and a
    probe the next time, being right in both is not independent.

    Returns:
        (None without strangers, else {"people", "chance", "gallery_pictures", "images", "release", "latents": kind or
        None}, list as from `linkability`). A figure is {"accuracy", "interval", "accuracy_of_5_pictures"}: accuracy is
        the mean over `GALLERIES` random galleries, the interval (95 %) that of one gallery and one sample of probes,
        drawn from these strangers (from 20 on, strangers are drawn too).
    """
    if dump.strangers is None:
        return None, []
    progress("open set: galleries of strangers")
    images, pictures = dump.strangers, {"images": "protected images", "release": "vectors", "latents": "latents"}
    names, people = np.unique(images.id, return_inverse=True)
    half, draws = _galleries(people, images.clip, seeds[0])
    if not all(len(rows) for held, _, _ in draws for rows in held):
        progress("open set: too few pictures of strangers")
        return None, []
    labels = np.concatenate([people[None], exchanged(people, 2 * strata_of(images) + half, images.clip)])
    attacks = {
        f"{name}; gallery of {'originals' if one.with_originals else pictures[one.kinds[0]]}": one
        for name, one in attacks.items()
    }
    right, together = np.full((len(attacks), GALLERIES, len(people)), np.nan), [[] for _ in attacks]
    statistics = np.zeros((2, len(labels), len(attacks)))  # with the galleries of either half
    for draw, (held, probes, groups) in enumerate(draws):
        credits = np.zeros((len(attacks), len(probes), len(names)))
        for number, attack in enumerate(attacks.values()):
            for run in attack.runs:
                vectors, others = run["strangers"]
                templates = np.stack([others[rows].mean(axis=0) for rows in held]).T
                credits[number] += _credit(vectors[probes] @ templates) / len(attack.runs)
                of_groups = _credit(vectors[groups].mean(axis=1) @ templates)
                together[number].extend(of_groups[np.arange(len(groups)), people[groups[:, 0]]])
            right[number, draw, probes] = credits[number, np.arange(len(probes)), people[probes]]
        for person in range(len(names)):
            said = (labels[:, probes] == person).astype(np.float32)
            statistics[draw % 2] += said @ credits[:, :, person].T.astype(np.float32) / len(probes)
    statistics = np.round(np.concatenate(statistics / (GALLERIES / 2), axis=1), 6)
    random = np.random.default_rng(seeds[0])
    drawn = random.integers(GALLERIES, size=REPLICATES)
    clips = np.arange(len(people)) if images.clip is None else images.clip
    times = np.stack([times_drawn(people, clips, random) for _ in drawn])
    figures = {
        name: {
            "accuracy": float(np.nanmean(one)),
            "interval": _interval(one[drawn], times),
            "accuracy_of_5_pictures": float(np.mean(several)) if several else None,
        }
        for name, one, several in zip(attacks, right, together, strict=True)
    }
    tables = {
        kind: strongest_of({name: one for name, one in figures.items() if kind in attacks[name].kinds})
        for kind in KINDS
    }
    result = {"people": len(names), "chance": 1 / len(names), "gallery_pictures": GALLERY_PICTURES, **tables}
    return result, [_evidence(attacks, "strangers", statistics, labels)]


def _exchanges(images):
    """Whose names the images get in each exchange: rows, int64 `(PERMUTATIONS, n)`."""
    return exchanged(np.arange(len(images)), strata_of(images), images.clip)


def _evidence(attacks, tested, statistics, labels):
    """{"device", "encoder": Evidence or None}.

    Args:
        attacks: {name: Attack}.
        tested: for the names.
        statistics: float `(1 + PERMUTATIONS, attacks)`, the observed one first; or several such, side by side.
        labels: int `(1 + PERMUTATIONS, n)`. Where no exchange changes them there is no evidence.
    """
    found = {}
    for side, kinds in SIDES.items():
        chosen = np.array([bool(set(kinds) & set(one.kinds)) for one in attacks.values()])
        columns = np.flatnonzero(np.tile(chosen, statistics.shape[1] // len(chosen)))
        found[side] = None
        if len(columns) and (labels != labels[0]).any():
            named = [f"{list(attacks)[column % len(attacks)]} ({tested})" for column in columns]
            one = evidence(named, statistics[0, columns], statistics[1:, columns])
            found[side] = one._replace(attackers=int(chosen.sum()))
    return found


def _galleries(people, clip, seed):
    """Galleries of one half of each person's pictures, then of the other.

    Returns:
        (which half, int `(n,)`; list of (rows of each person, rows of probes, rows of groups `(groups,
        PROBE_PICTURES)`), from either half in turn).
    """
    random = np.random.default_rng(seed)
    units = np.arange(len(people)) if clip is None else clip
    half, draws = np.zeros(len(people), int), []
    rows_of = [np.flatnonzero(people == person) for person in range(people.max() + 1)]
    for rows in rows_of:
        own = random.permutation(np.unique(units[rows]))
        half[rows] = np.isin(units[rows], own[: len(own) // 2])
    for draw in range(GALLERIES):
        held, groups = [], [np.empty((0, PROBE_PICTURES), int)]
        for rows in rows_of:
            rows = random.permutation(rows)
            in_gallery = half[rows] == draw % 2
            held.append(rows[in_gallery][:GALLERY_PICTURES])
            rows = rows[~in_gallery]
            groups.append(rows[: len(rows) // PROBE_PICTURES * PROBE_PICTURES].reshape(-1, PROBE_PICTURES))
        probes = np.flatnonzero(half != draw % 2)
        draws.append((held, probes, np.concatenate(groups)))
    return half, draws


def _interval(right, times):
    """Interval of the mean of `right`, float `(replicates, n)` or NaN where not tested, with images drawn `times`."""
    seen = ~np.isnan(right)
    accuracies = (np.where(seen, right, 0) * times).sum(axis=1) / np.maximum(1, (seen * times).sum(axis=1))
    low, high = middle(accuracies)
    # Rounded down in the ninth digit, so that a rounding error above chance is not taken for a leak.
    return [float(np.floor(low * 1e9) / 1e9), high]


def _credit(scores):
    """1 for the highest score of a row, a share of it where several tie, else 0: float64, same shape."""
    best = scores >= scores.max(axis=1, keepdims=True) - 1e-7
    return best / best.sum(axis=1, keepdims=True)
