"""Membership inference: did this image, or this person, train the generator?

The attacker holds a candidate's original, its protected image and, where there is one, its latent. It learns what gives
members away on half of the candidates and is tested on the other half. Not tried: attacks that train many generators to
compare with (LiRA) or that ask the generator for further outputs.
"""

import dataclasses
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import take
from vgan_tf.audit.attacks.pairs import FEWEST_PEOPLE as FEWEST_RESAMPLED_PEOPLE
from vgan_tf.audit.dump import PARTS, joined
from vgan_tf.audit.roc import Ranking, area, auc, hits_at, table
from vgan_tf.audit.statistics import CONFIDENCE, effective_count, middle, wilson

CHANCE = 0.5
REPLICATES = 200
CONFIDENCE_FOLDS = 3
PEOPLE_SPLITS = 6
FEWEST_IMAGES = 40  # members, and others
FEWEST_PEOPLE = 4
MOST_IMAGES = 4000  # members, and others
QUICK_MOST_IMAGES = 1200


class Candidates(NamedTuple):
    """Images that may have trained the generator; arrays as in `Dump`, and whether each did (bool)."""

    x: np.ndarray
    p: np.ndarray
    id: np.ndarray
    ep: np.ndarray
    c: np.ndarray | None
    latent: np.ndarray | None
    clip: np.ndarray | None
    member: np.ndarray


def membership(dump, seeds, quick=False, progress=print):
    """Attack the membership of images and of people.

    Members among images are those that `trained_train` marks; the others are the rest of the train part, the test part
    and fresh images. Members among people are the known people, by images that were not trained on; the others are
    strangers, and the attacker is tested on people other than those it learnt from. Where the known people were held
    out, members are those of `references`, by images that were trained on too, and the others are the known people.

    Returns:
        {"chance": 0.5, "images": kind, "identities": kind}, each with "originals_alone", the AUC of an attacker that
        sees no output of the generator, and must be at chance if the comparison is fair. A figure is
        {"auc", "interval" (95 %, bootstrap of images, or of clips where they are known; for identities of people, or,
        with fewer than 20 of either kind, that of as many images as there are people: wide, as one person's images say
        much the same), "tpr_at_fpr_1_percent", "tpr_at_fpr_0_1_percent", each with "..._interval" (Wilson's over
        images, or over clips, the threshold taken as given; all None where the others are too few to define the rate),
        "members", "others"}; for identities also "people_auc", the AUC of mean scores of people, "member_people",
        "other_people".
    """
    result = {"chance": CHANCE, "images": None, "identities": None}
    for what, by_person in (("images", False), ("people", True)):
        candidates = (_person_candidates if by_person else _image_candidates)(dump, seeds[0], quick)
        if candidates is None:
            progress(f"membership: of {what} left out, too few members or others are known")
        else:
            result["identities" if by_person else what] = _attack(candidates, seeds, quick, progress, by_person)
    return result


def _image_candidates(dump, seed, quick):
    if dump.trained is None:
        return None
    sets = [
        _candidates(dump.images("train"), dump.trained, dump.train.clip),
        _candidates(dump.images("test"), False, dump.test.clip),
    ]
    if dump.fresh is not None:
        clip = None
        if dump.train.clip is not None:  # Fresh images come from no clip: each is one of its own.
            clip = 1 + max(dump.train.clip.max(), dump.test.clip.max()) + np.arange(len(dump.fresh.id))
        sets.append(_candidates(dump.fresh, False, clip))
    return _joined(sets, seed, quick)


def _person_candidates(dump, seed, quick):
    known_people_trained = dump.people_are_targets and (dump.trained is None or dump.trained.any())
    if dump.references is not None:
        dump = dataclasses.replace(dump, strangers=None).of_targets()
        members = dump.sets(*PARTS)
    elif dump.strangers is not None and known_people_trained:
        members = dump.sets("test", "fresh")
    else:
        return None
    members = [_candidates(images, True) for images in members]
    others = _candidates(dump.strangers, False)
    others = others._replace(id=others.id + len(dump.identities))
    if min(len(np.unique(members[0].id)), len(np.unique(others.id))) < FEWEST_PEOPLE:
        return None
    return _balanced(_joined([*members, others], seed, quick), seed)


def _candidates(images, member, clip=None):
    latent = images.z if images.mu is None else images.mu
    member = np.broadcast_to(member, images.id.shape)
    return Candidates(images.x, images.p, images.id, images.ep, images.c, latent, clip, member)


def _joined(sets, seed, quick):
    """All sets as one, a limited number of members and others each; None with too few of either."""
    everything = Candidates(*(joined(column) for column in zip(*sets, strict=True)))
    order = np.random.default_rng(seed).permutation(len(everything.id))
    most = QUICK_MOST_IMAGES if quick else MOST_IMAGES
    kept = [order[everything.member[order] == kind][:most] for kind in (True, False)]
    return None if min(map(len, kept)) < FEWEST_IMAGES else take(everything, np.sort(np.concatenate(kept)))


def _balanced(candidates, seed):
    """As many images of each person: otherwise those of whom there are few would be recognised by that."""
    if candidates is None:
        return None
    order = np.random.default_rng(seed).permutation(len(candidates.id))
    rows = [order[candidates.id[order] == person] for person in np.unique(candidates.id)]
    fewest = min(map(len, rows))
    return take(candidates, np.sort(np.concatenate([one[:fewest] for one in rows])))


def _attack(candidates, seeds, quick, progress, by_person):
    """Figures of all attackers, and of one that sees the originals alone."""
    what = "people" if by_person else "images"
    figures, originals = {}, []
    for seed in seeds:
        progress(f"membership of {what}: signals")
        views = _views(candidates, seed, quick, by_person)
        folds = _folds(candidates, seed, by_person)
        for name, features in views.items():
            learners = {name: _discriminant}
            if name == "all signals":
                learners = {name: _logistic} if quick else {name: _logistic, f"{name}, boosting": _boosted_trees}
            for attacker, learner in learners.items():
                scores = _scores(learner(seed), features, candidates.member, folds)
                figures.setdefault(attacker, []).append(_figure(scores, candidates, seed, by_person))
        progress(f"membership of {what}: originals alone")
        values = embeddings.pixels(candidates.x, True)
        features = embeddings.fit_components(values, seed).transform(values)
        scores = _scores(_discriminant(seed), features, candidates.member, folds)
        originals.append(auc(scores, candidates.member))
    return {**table(figures, "auc"), "originals_alone": float(np.mean(originals))}


def _views(candidates, seed, quick, by_person):
    """What attackers learn from: {name: float `(n, d)`}."""
    protected = {}
    for name, values_of in (("protected image", embeddings.pixels), ("lowest bits", embeddings.lowest_bits)):
        values = values_of(candidates.p, quick)
        protected[f"components of {name}"] = embeddings.fit_components(values, seed).transform(values)
    signals = _signals(candidates, protected["components of protected image"], seed, by_person)
    views = {name: signal[:, None] for name, signal in signals.items()}
    views["all signals"] = np.column_stack(list(signals.values()))
    views |= protected
    if candidates.latent is not None:
        views["latent"] = np.column_stack([candidates.latent, np.square(candidates.latent)])
    return views


def _signals(candidates, components, seed, by_person):
    """What members may differ in, one number an image: {name: float `(n,)`}."""
    rows = np.array_split(np.arange(len(candidates.id)), max(1, len(candidates.id) // 1000))
    distance = np.concatenate(
        [np.abs(candidates.x[part].astype(np.int16) - candidates.p[part]).mean(axis=(1, 2, 3)) for part in rows]
    )
    signals = {"distance of protected and original": distance}
    if candidates.c is not None and not by_person:
        own = candidates.c == candidates.id
        if own.any() and not own.all():
            signals["distance where the target is the person"] = np.where(own, distance, distance[own].mean())
    sources = {"protected image": components}
    if candidates.latent is not None:
        sources["latent"] = candidates.latent
        signals["length of latent"] = np.linalg.norm(candidates.latent, axis=1)
    for name, features in sources.items():
        scaled = StandardScaler().fit_transform(features)
        signals[f"expression read from {name}"] = _confidence(scaled, candidates.ep, candidates.id, seed, by_person)
        if not by_person:
            signals[f"person read from {name}"] = _confidence(scaled, candidates.id, candidates.id, seed, by_person)
        centred = scaled - embeddings.group_means(scaled, candidates.ep)
        signals[f"rarity of {name}"] = np.square(embeddings.whitened(centred)).mean(axis=1)
        if not by_person:  # a person's other images would be the nearest
            nearest = NearestNeighbors(n_neighbors=min(6, len(scaled) - 1)).fit(scaled).kneighbors()[0]
            signals[f"nearest neighbour of {name}"] = nearest[:, 0]
            signals[f"neighbourhood of {name}"] = nearest.mean(axis=1)
    return signals


def _confidence(features, labels, people, seed, by_person):
    """Margin of the true label under a classifier that never saw the image (nor, `by_person`, its person): `(n,)`."""
    if by_person:
        folds = GroupKFold(min(CONFIDENCE_FOLDS, len(np.unique(people)))).split(features, labels, people)
    else:
        folds = StratifiedKFold(CONFIDENCE_FOLDS, shuffle=True, random_state=seed).split(features, labels)
    margins = np.zeros(len(labels))
    for learnt, tested in folds:
        known = np.unique(labels[learnt])
        if len(known) < 2:
            continue
        classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features[learnt], labels[learnt])
        scores = classifier.decision_function(features[tested])
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        truth = known == labels[tested, None]
        best_other = np.where(truth, -np.inf, scores).max(axis=1)
        margins[tested] = np.where(truth.any(axis=1), np.where(truth, scores, 0).sum(axis=1) - best_other, 0)
    return margins


def _folds(candidates, seed, by_person):
    """Which candidates are tested by an attacker that learns from the rest: list of bool `(n,)`."""
    random = np.random.default_rng(seed)
    if not by_person:
        half = np.zeros(len(candidates.id), bool)
        for kind in (True, False):
            rows = random.permutation(np.flatnonzero(candidates.member == kind))
            half[rows[: len(rows) // 2]] = True
        return [half, ~half]
    folds = []
    for _ in range(PEOPLE_SPLITS):
        kinds = [random.permutation(np.unique(candidates.id[candidates.member == kind])) for kind in (True, False)]
        tested = np.isin(candidates.id, np.concatenate([people[: len(people) // 2] for people in kinds]))
        folds += [tested, ~tested]
    return folds


def _discriminant(seed):
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])


def _logistic(seed):
    return LogisticRegression(C=0.1, max_iter=300, class_weight="balanced")


def _boosted_trees(seed):
    return HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, class_weight="balanced", random_state=seed)


def _scores(model, features, member, folds):
    """Mean score of each candidate over the folds that test it: float `(n,)`.

    A score is the share of the others of the fold that score lower (equal ones half), so that folds are comparable.
    """
    totals, times = np.zeros(len(member)), np.zeros(len(member))
    for tested in folds:
        scaler = StandardScaler().fit(features[~tested])
        with threadpool_limits(1, "openmp"):  # on so few examples the threads of trees mostly wait for one another
            model.fit(scaler.transform(features[~tested]), member[~tested])
        raw = model.decision_function(scaler.transform(features[tested]))
        reference = np.sort(raw[~member[tested]])
        below = np.searchsorted(reference, raw, "left") + np.searchsorted(reference, raw, "right")
        totals[tested] += below / 2 / len(reference)
        times[tested] += 1
    return totals / np.maximum(times, 1)


def _figure(scores, candidates, seed, by_person):
    member, clips = candidates.member, candidates.clip
    ranking = Ranking(scores, member)
    curve = ranking.curve()
    units = candidates.id if by_person else np.arange(len(member)) if clips is None else clips
    names, units = np.unique(units, return_inverse=True)
    of_unit = np.zeros(len(names), bool)
    of_unit[units] = member
    counts = int(of_unit.sum()), int((~of_unit).sum())
    if by_person and min(counts) < FEWEST_RESAMPLED_PEOPLE:
        interval = auc_interval(area(curve), *counts)
    else:
        # A clip may hold images of both kinds.
        strata = [np.flatnonzero(of_unit == k) for k in (True, False)] if clips is None else [np.arange(len(names))]
        drawn = (times[units] for times in _resampled(strata, len(names), seed))
        interval = middle([area(ranking.curve(one)) for one in drawn if one[member].any() and one[~member].any()])
    figure = {"auc": area(curve), "interval": interval}
    for name, rate in (("1_percent", 0.01), ("0_1_percent", 0.001)):
        hits, total = hits_at(curve, rate, int((~member).sum())), float(member.sum())
        if hits is not None and clips is not None:
            found = scores[member] > np.quantile(scores[~member], 1 - rate)
            total = effective_count(found.astype(float), clips[member])
        figure[f"tpr_at_fpr_{name}"] = hits
        figure[f"tpr_at_fpr_{name}_interval"] = None if hits is None else list(wilson(hits * total, total))
    figure |= {"members": int(member.sum()), "others": int((~member).sum())}
    if by_person:
        means = np.bincount(units, scores) / np.bincount(units)
        figure |= {"people_auc": auc(means, of_unit), "member_people": counts[0], "other_people": counts[1]}
    return figure


def _resampled(strata, count, seed):
    """How often each of `count` units is drawn, each stratum with replacement, `REPLICATES` times: float `(count,)`."""
    random = np.random.default_rng(seed)
    for _ in range(REPLICATES):
        times = np.zeros(count)
        for rows in strata:
            times[rows] = np.bincount(random.integers(0, len(rows), len(rows)), minlength=len(rows))
        yield times


def auc_interval(auc, positives, negatives):
    """Hanley and McNeil's (1982) interval of an AUC by its counts: [low, high] in [0, 1].

    Half a pair is added to each side, so that an AUC of 1 of few has an interval too.
    """
    total = positives * negatives
    auc = (auc * total + 0.5) / (total + 1)
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (first - auc**2) + (negatives - 1) * (second - auc**2)
    half_width = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance / total)
    return [max(0.0, auc - half_width), min(1.0, auc + half_width)]
