"""Membership inference: did this image, or this person, train the generator?

The attacker holds a candidate's original and what is released of it, a protected image or a vector; one who has the
encoder holds its latent too. It learns what gives members away on half of the candidates and is tested on the other
half. Not tried: attacks that train many generators to compare with (LiRA) or that ask the generator for further
outputs.
"""

import dataclasses
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from vgan_tf.audit.attacks import embeddings
from vgan_tf.audit.attacks.embeddings import release_is_mean, take
from vgan_tf.audit.attacks.pairs import FEWEST_PEOPLE as FEWEST_RESAMPLED_PEOPLE
from vgan_tf.audit.dump import PARTS, joined
from vgan_tf.audit.evidence import combined, evidence, exchanged
from vgan_tf.audit.roc import Ranking, area, auc, hits_at, table
from vgan_tf.audit.statistics import CONFIDENCE, effective_count, middle, wilson

CHANCE = 0.5
REPLICATES = 200
CONFIDENCE_FOLDS = 3
PEOPLE_SPLITS = 6
FEWEST_IMAGES = 40  # members, and others
FEWEST_PEOPLE = 4
FEWEST_EXCHANGES = 100  # ways to choose the members among people: with fewer, nothing can be shown
MOST_IMAGES = 4000  # members, and others
QUICK_MOST_IMAGES = 1200
RIDGE = 0.05  # times the variance of a feature
SIDES = ("device", "encoder")  # what leaves the device, what the encoder knows


class Candidates(NamedTuple):
    """Images that may have trained the generator; arrays as in `Images`, and whether each did (bool).

    r is None where it is the latent.
    """

    x: np.ndarray
    p: np.ndarray | None
    id: np.ndarray
    ep: np.ndarray
    c: np.ndarray | None
    r: np.ndarray | None
    latent: np.ndarray | None
    clip: np.ndarray | None
    member: np.ndarray


class View(NamedTuple):
    """What an attacker learns from: float `(n, d)`, and which of SIDES has it."""

    features: np.ndarray
    sides: tuple


def membership(dump, seeds, quick=False, progress=print):
    """Attack the membership of images and of people.

    Members among images are those that `trained` marks; the others are the rest of the train part, the test part and
    fresh images. Members among people are the known people, by images that were not trained on; the others are
    strangers, and the attacker is tested on people other than those it learnt from. Where the known people were held
    out, members are those of `references`, by images that were trained on too, and the others are the known people.

    Returns:
        ({"chance": 0.5, "images": kind, "identities": kind}, {"device", "encoder": Evidence of what leaves the device,
        and of what the encoder knows, or None}). A kind also has "originals_alone", the AUC of an attacker that sees
        nothing released, and must be at chance if the comparison is fair. A figure is {"auc", "interval" (95 %,
        bootstrap of images, or of clips where they are known; for identities of people, or, with fewer than 20 of
        either kind, that of as many images as there are people: wide, as one person's images say much the same),
        "tpr_at_fpr_1_percent", "tpr_at_fpr_0_1_percent", each with "..._interval" (Wilson's over images, or over clips,
        the threshold taken as given; all None where the others are too few to define the rate), "members", "others"};
        for identities also "people_auc", the AUC of mean scores of people, "member_people", "other_people".
    """
    result, found = {"chance": CHANCE, "images": None, "identities": None}, []
    latent_sides = SIDES if release_is_mean(dump) else ("encoder",)
    for what, by_person in (("images", False), ("people", True)):
        candidates = (_person_candidates if by_person else _image_candidates)(dump, seeds[0], quick)
        if candidates is None:
            progress(f"membership: of {what} left out, too few members or others are known")
            continue
        attack = _attack_people if by_person else _attack_images
        figures, of_sides = attack(candidates, latent_sides, seeds, quick, progress)
        result["identities" if by_person else what] = figures
        found.append(of_sides)
    return result, {side: combined([one[side] for one in found]) for side in SIDES}


def _image_candidates(dump, seed, quick):
    if dump.trained is None:
        return None
    sets = [
        _candidates(dump, dump.train, dump.trained, dump.train.clip),
        _candidates(dump, dump.test, False, dump.test.clip),
    ]
    if dump.fresh is not None:
        clip = None
        if dump.train.clip is not None:  # Fresh images come from no clip: each is one of its own.
            clip = 1 + max(dump.train.clip.max(), dump.test.clip.max()) + np.arange(len(dump.fresh))
        sets.append(_candidates(dump, dump.fresh, False, clip))
    return _joined(sets, seed, quick)


def _person_candidates(dump, seed, quick):
    known_people_trained = dump.people_are_targets if dump.trained is None else dump.trained.any()
    if dump.references is not None:
        dump = dataclasses.replace(dump, strangers=None).of_targets()
        members = dump.sets(*PARTS)
    elif dump.strangers is not None and known_people_trained:
        members = dump.sets("test", "fresh")
    else:
        return None
    members = [_candidates(dump, images, True) for images in members]
    others = _candidates(dump, dump.strangers, False)
    others = others._replace(id=others.id + len(dump.identities))
    if min(len(np.unique(members[0].id)), len(np.unique(others.id))) < FEWEST_PEOPLE:
        return None
    return _balanced(_joined([*members, others], seed, quick), seed)


def _candidates(dump, images, member, clip=None):
    latent = images.z if images.mu is None else images.mu
    r = None if release_is_mean(dump) else images.r
    member = np.broadcast_to(member, images.id.shape)
    return Candidates(images.x, images.p, images.id, images.ep, images.c, r, latent, clip, member)


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


def _attack_images(candidates, latent_sides, seeds, quick, progress):
    """Figures of attackers of images, and {"device", "encoder": Evidence or None}.

    The attackers of each half learnt from the labels of the other: that they are right in both is not independent. So
    the evidence is the best of either half, in which labels are exchanged for themselves.
    """
    half = _half(candidates, seeds[0])
    folds = [half, ~half]
    if any(len(np.unique(candidates.member[one])) < 2 for one in folds):
        progress("membership of images: left out, as members and others cannot be halved")
        return None, dict.fromkeys(SIDES)
    figures, scores_of, sides_of, originals = {}, {}, {}, []
    for seed in seeds:
        progress("membership of images: signals")
        for name, view in _views(candidates, latent_sides, seed, quick, False).items():
            learners = {name: _discriminant}
            if name.startswith("all signals"):
                learners = {name: _logistic} if quick else {name: _logistic, f"{name}, boosting": _boosted_trees}
            for attacker, learner in learners.items():
                scores = _scores(learner(seed), view.features, candidates.member, folds)
                figures.setdefault(attacker, []).append(_figure(scores, candidates, seed, False))
                scores_of.setdefault(attacker, []).append(scores)
                sides_of[attacker] = view.sides
        progress("membership of images: originals alone")
        features = _components(embeddings.pixels(candidates.x, True), seed)
        originals.append(auc(_scores(_discriminant(seed), features, candidates.member, folds), candidates.member))
    labels = _exchanged_members(candidates, half)
    found = {}
    for side in SIDES:
        names = [name for name, sides in sides_of.items() if side in sides]
        halves = [
            _areas(np.stack([np.mean(scores_of[n], axis=0) for n in names]), labels, fold) for fold in folds if names
        ]
        found[side] = _evidence(np.concatenate(halves, axis=1), names, "an image") if names else None
    return {**table(figures, "auc"), "originals_alone": float(np.mean(originals))}, found


def _attack_people(candidates, latent_sides, seeds, quick, progress):
    """Figures of attackers of people, and {"device", "encoder": Evidence or None}.

    People are few, so that halves of them could show nothing. All is learnt anew from each exchange instead, which
    linear attackers allow.
    """
    people, owner = np.unique(candidates.id, return_inverse=True)
    member = np.zeros(len(people), bool)
    member[owner] = candidates.member
    labels = np.concatenate([member[None], exchanged(member, np.zeros(len(people), int))]).astype(float)
    figures, statistics, sides_of, originals = {}, {}, {}, []
    for seed in seeds:
        progress("membership of people: signals")
        folds = _people_folds(len(people), seed)
        for name, view in _views(candidates, latent_sides, seed, quick, True).items():
            scores, statistic = _people_scores(view.features, owner, labels, folds)
            figures.setdefault(name, []).append(_figure(scores, candidates, seed, True))
            statistics.setdefault(name, []).append(statistic)
            sides_of[name] = view.sides
        progress("membership of people: originals alone")
        features = _components(embeddings.pixels(candidates.x, True), seed)
        originals.append(auc(_people_scores(features, owner, labels[:1], folds)[0], candidates.member))
    found = {}
    enough = math.comb(len(people), int(member.sum())) >= FEWEST_EXCHANGES
    for side in SIDES:
        names = [name for name, sides in sides_of.items() if side in sides]
        columns = [np.mean(statistics[name], axis=0) for name in names]
        found[side] = _evidence(np.stack(columns, axis=1), names, "a person") if names and enough else None
    return {**table(figures, "auc"), "originals_alone": float(np.mean(originals))}, found


def _evidence(statistics, names, what):
    """Evidence of attackers, of each of whom there may be several columns; the first row is the observed one."""
    columns = [f"{name}, of {what}" for name in names] * (statistics.shape[1] // len(names))
    found = evidence(columns, statistics[0], statistics[1:])
    return found._replace(attackers=len(names))


def _exchanged_members(candidates, half):
    """Who is said to be a member: bool `(1 + PERMUTATIONS, n)`, the truth first.

    Members are exchanged within half, person and expression: whole clips where clips are known. Where some clip holds
    both, images are exchanged within their clip.
    """
    clips, strata = candidates.clip, np.stack([half, candidates.id, candidates.ep])
    if clips is not None and _mixed(candidates):
        strata, clips = clips[None], None
    strata = np.unique(strata, axis=1, return_inverse=True)[1].ravel()
    member = candidates.member.astype(int)
    return np.concatenate([member[None], exchanged(member, strata, clips)]).astype(bool)


def _mixed(candidates):
    """Whether any clip holds members and others."""
    clips = np.unique(candidates.clip, return_inverse=True)[1]
    shares = np.bincount(clips, candidates.member) / np.bincount(clips)
    return bool(((shares > 0) & (shares < 1)).any())


def _half(candidates, seed):
    """Half of the candidates, of members and of others, clips kept whole: bool `(n,)`."""
    random = np.random.default_rng(seed)
    units = np.arange(len(candidates.id)) if candidates.clip is None else candidates.clip
    half = np.zeros(len(units), bool)
    members = np.unique(units[candidates.member])
    for names in (members, np.setdiff1d(units, members)):
        names = random.permutation(names)
        half |= np.isin(units, names[: len(names) // 2])
    return half


def _areas(scores, labels, fold):
    """AUC of each row of scores `(attackers, n)` in a fold, for each row of labels: float `(exchanges, attackers)`."""
    ranks = rankdata(scores[:, fold], axis=1)
    ranks = (ranks - ranks.mean(axis=1, keepdims=True)).astype(np.float32)
    said = labels[:, fold].astype(np.float32)
    members = said.sum(axis=1, keepdims=True)
    pairs = members * (fold.sum() - members)
    return np.round(0.5 + said @ ranks.T / np.maximum(pairs, 1), 6)


def _people_folds(count, seed):
    """Which people are tested by an attacker that learns from the rest: list of bool `(count,)`."""
    random, folds = np.random.default_rng(seed), []
    for _ in range(PEOPLE_SPLITS):
        tested = np.zeros(count, bool)
        tested[random.permutation(count)[: count // 2]] = True
        folds += [tested, ~tested]
    return folds


def _people_scores(features, owner, labels, folds):
    """Ridge regression of membership, for many labellings at once.

    Args:
        features: float `(n, d)`.
        owner: int `(n,)`, whose each image is, from 0 to `people - 1`.
        labels: float `(labellings, people)`, 1 for members.
        folds: from `_people_folds`.

    Returns:
        (scores of the images by the first labelling, float `(n,)`; for each labelling, by how much the mean score of
        members exceeds that of others, in standard deviations over people: float `(labellings,)`).
    """
    people = labels.shape[1]
    shown = np.eye(people)[owner]  # (n, people)
    counts = shown.sum(axis=0)
    totals, of_people = np.zeros(len(features)), np.zeros((people, len(labels)))
    for tested in folds:
        images = tested[owner]
        scaled = StandardScaler().fit(features[~images]).transform(features).astype(float)
        sums = shown.T @ scaled  # (people, d)
        learnt = labels[:, ~tested] - (labels[:, ~tested] @ counts[~tested] / counts[~tested].sum())[:, None]
        gram = scaled[~images].T @ scaled[~images] + RIDGE * (~images).sum() * np.eye(scaled.shape[1])
        weights = np.linalg.solve(gram, sums[~tested].T @ learnt.T)  # (d, labellings)
        spread = np.sqrt(np.einsum("dl,dl->l", weights, np.atleast_2d(np.cov(scaled[images].T)) @ weights))
        weights /= np.where(spread > 1e-9, spread, np.inf)
        centre = scaled[images].mean(axis=0)
        totals[images] += (scaled[images] - centre) @ weights[:, 0]
        of_people[tested] += (sums[tested] / counts[tested, None] - centre) @ weights
    members = labels.T  # (people, labellings)
    of_people -= of_people.mean(axis=0)
    difference = (of_people * members).sum(axis=0) / members.sum(axis=0)
    difference -= (of_people * (1 - members)).sum(axis=0) / (1 - members).sum(axis=0)
    spread = of_people.std(axis=0)
    return totals, np.round(np.divide(difference, spread, out=np.zeros_like(spread), where=spread > 1e-9), 6)


def _views(candidates, latent_sides, seed, quick, by_person):
    """What attackers learn from: {name: View}."""
    sources = {}
    if candidates.p is not None:
        for name, values_of in (("protected image", embeddings.pixels), ("lowest bits", embeddings.lowest_bits)):
            sources[name] = View(_components(values_of(candidates.p, quick), seed), ("device",))
    if candidates.r is not None:
        sources["release"] = View(candidates.r, ("device",))
    if candidates.latent is not None:
        sources["latent"] = View(candidates.latent, latent_sides)
    views = _signals(candidates, sources, seed, by_person)
    of_side = {side: [name for name, view in views.items() if side in view.sides] for side in SIDES}
    if of_side["device"] == of_side["encoder"]:
        groups = {"all signals": ("device", SIDES)}
    else:
        groups = {"all signals": ("device", ("device",)), "all signals of the latent": ("encoder", ("encoder",))}
    for name, (side, sides) in groups.items():
        if of_side[side]:
            views[name] = View(np.column_stack([views[one].features for one in of_side[side]]), sides)
    for name, source in sources.items():
        if name in ("release", "latent"):
            views[name] = source._replace(features=np.column_stack([source.features, np.square(source.features)]))
        else:
            views[f"components of {name}"] = source
    return views


def _components(values, seed):
    return embeddings.fit_components(values, seed).transform(values)


def _signals(candidates, sources, seed, by_person):
    """What members may differ in, one number an image: {name: View}."""
    signals = {}
    if candidates.p is not None:
        rows = np.array_split(np.arange(len(candidates.id)), max(1, len(candidates.id) // 1000))
        distance = np.concatenate(
            [np.abs(candidates.x[part].astype(np.int16) - candidates.p[part]).mean(axis=(1, 2, 3)) for part in rows]
        )
        signals["distance of protected and original"] = distance, ("device",)
        if candidates.c is not None and not by_person:
            own = candidates.c == candidates.id
            if own.any() and not own.all():
                only_own = np.where(own, distance, distance[own].mean())
                signals["distance where the target is the person"] = only_own, ("device",)
    for name, (features, sides) in sources.items():
        if name == "lowest bits":
            continue
        if name in ("release", "latent"):
            signals[f"length of {name}"] = np.linalg.norm(features, axis=1), sides
        scaled = StandardScaler().fit_transform(features)
        read = _confidence(scaled, candidates.ep, candidates.id, seed, by_person)
        signals[f"expression read from {name}"] = read, sides
        if not by_person:
            read = _confidence(scaled, candidates.id, candidates.id, seed, by_person)
            signals[f"person read from {name}"] = read, sides
        centred = scaled - embeddings.group_means(scaled, candidates.ep)
        signals[f"rarity of {name}"] = np.square(embeddings.whitened(centred)).mean(axis=1), sides
        if not by_person:  # a person's other images would be the nearest
            nearest = NearestNeighbors(n_neighbors=min(6, len(scaled) - 1)).fit(scaled).kneighbors()[0]
            signals[f"nearest neighbour of {name}"] = nearest[:, 0], sides
            signals[f"neighbourhood of {name}"] = nearest.mean(axis=1), sides
    return {name: View(signal[:, None], sides) for name, (signal, sides) in signals.items()}


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
