"""Linking and naming strangers: at the ceiling where the person is shown, at chance where it is not."""

import dataclasses

import numpy as np
import pytest
from small_dumps import EXPRESSIONS, PEOPLE, of_people_held_out, released, silent, small_dump

from vgan_tf.audit import evidence
from vgan_tf.audit.attacks import embeddings, linking
from vgan_tf.audit.attacks.pairs import make_pairs, pair_figures, pair_statistics, resampled
from vgan_tf.audit.roc import Ranking, StratifiedRanking, area, auc, equal_error_rate, hits_at


@pytest.fixture(scope="module")
def same():
    return linking.linking(released(small_dump("same")), [0], True, silent)


@pytest.fixture(scope="module")
def rendered():
    return linking.linking(released(small_dump("rendered")), [0], True, silent)


def figure_of(vectors, pairs, replicates):
    [figure], _ = pair_figures([(vectors, vectors)], pairs, resampled(pairs, 0, replicates))
    return figure


def test_images_and_latents_that_show_the_person_are_linked(same):
    links = same[0]["linkability"]
    for part in ("test", "strangers"):
        assert links[part]["people"] == PEOPLE and links[part]["resampled"] == "images"
        for kind in linking.KINDS:
            strongest = links[part][kind]["strongest"]
            assert strongest["auc"] > 0.97 and strongest["interval"][0] > 0.9 and strongest["eer"] < 0.1


def test_strangers_that_are_shown_are_named_from_protected_and_from_original_galleries(same):
    named = same[0]["open_set"]
    assert named["people"] == PEOPLE and named["chance"] == pytest.approx(1 / PEOPLE)
    assert named["latents"]["strongest"]["accuracy"] > 0.95 and named["release"] == named["latents"]
    for gallery in ("protected images", "originals"):
        found = [one["accuracy"] for name, one in named["images"]["attackers"].items() if name.endswith(gallery)]
        assert max(found) > 0.8


def test_a_rendering_of_target_and_expression_cannot_be_linked_or_named(rendered):
    links, named = rendered[0].values()
    for part in ("test", "strangers"):
        for kind in linking.KINDS:
            figures = links[part][kind]["attackers"].values()
            assert all(abs(figure["auc"] - 0.5) < 0.06 for figure in figures)
            assert np.mean([low <= 0.5 <= high for low, high in (figure["interval"] for figure in figures)]) > 0.5
    for kind in linking.KINDS:
        assert all(abs(one["accuracy"] - 1 / PEOPLE) < 0.1 for one in named[kind]["attackers"].values())


def test_what_shows_the_person_is_evidence_and_a_rendering_is_none(same, rendered):
    assert all(one.p_value <= 0.001 for one in same[1].values())
    assert all(one.p_value > 0.05 for one in rendered[1].values())
    assert same[1]["device"].attackers > same[1]["encoder"].attackers


def test_images_that_are_all_alike_tell_nothing():
    dump = small_dump("rendered", 120, 90, 90).changed(
        lambda images: dataclasses.replace(images, p=np.full_like(images.p, 7))
    )
    clips = {}
    for part, count in (("train", 120), ("test", 90)):
        images = getattr(dump, part)
        clips[part] = dataclasses.replace(images, clip=np.arange(count) // (2 * PEOPLE) * PEOPLE + images.id)
    found, of_sides = linking.linking(dataclasses.replace(dump, **clips), [0], True, silent)
    for name, one in found["linkability"]["test"]["images"]["attackers"].items():
        if "originals" not in name:
            assert one["auc"] == pytest.approx(0.5) and one["eer"] == pytest.approx(0.5)
            assert one["tar_at_far_1_percent"] == pytest.approx(0.01) and one["tar_at_far_0_1_percent"] is None
    for one in found["open_set"]["images"]["attackers"].values():
        assert one["interval"][0] <= 1 / PEOPLE
    assert of_sides["device"].p_value > 0.05


def test_a_target_that_is_never_the_person_does_not_inform():
    dump = small_dump("rendered")
    random = np.random.default_rng(0)
    targets = (dump.test.id + random.choice([1, 1, 1, 2, 5], len(dump.test.id))) % PEOPLE
    people = embeddings.People(None, dump.test.id, dump.test.ep, targets)
    pairs = make_pairs(people, None, 0)
    embedded = np.eye(PEOPLE, dtype=np.float32)[targets]  # an attacker who reads the target and nothing else
    scores = (embedded[pairs.first] * embedded[pairs.second]).sum(axis=1)
    assert area(Ranking(scores, pairs.same).curve()) > 0.6
    figure = figure_of(embedded, pairs, 20)
    assert figure["auc"] == 0.5 and figure["interval"] == [0.5, 0.5]


def test_pairs_leave_out_images_of_one_clip_and_different_expressions():
    person, expression, clip = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 2, 2])
    pairs = make_pairs(embeddings.People(None, person, expression, None), clip, 0)
    found = {tuple(sorted(pair)) for pair in zip(pairs.rows[pairs.first], pairs.rows[pairs.second], strict=True)}
    assert found == {(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)}
    assert make_pairs(embeddings.People(None, person, np.arange(5), None), None, 0) is None


def test_intervals_of_linking_are_wider_where_images_of_a_clip_are_alike():
    random = np.random.default_rng(0)
    people, clips = np.repeat(np.arange(4), 60), np.repeat(np.arange(48), 5)
    vectors = embeddings.unit(np.eye(4)[people] + random.normal(0, 1, (48, 4))[clips])
    shown = embeddings.People(None, people, np.zeros(240, int), None)
    alone, together = (figure_of(vectors, make_pairs(shown, one, 0), 60) for one in (np.arange(240), clips))
    assert np.ptp(together["interval"]) > 1.3 * np.ptp(alone["interval"])


def test_replicates_without_any_pair_of_one_person_do_not_count():
    # Of two images a person, every fourth replicate draws one image of each twice, and so has no such pair.
    pairs = make_pairs(embeddings.People(None, np.array([0, 0, 1, 1]), np.zeros(4, int), None), None, 0)
    vectors = embeddings.unit(np.random.default_rng(0).normal(size=(4, 3)))
    assert np.isfinite(figure_of(vectors, pairs, 60)["interval"]).all()


def test_many_people_are_resampled_themselves():
    people = np.repeat(np.arange(30), 4)
    pairs = make_pairs(embeddings.People(None, people, np.zeros(120, int), None), None, 0)
    noisy = np.eye(30)[people] + np.random.default_rng(0).normal(0, 0.5, (120, 30))
    figure = figure_of(embeddings.unit(noisy), pairs, 60)
    assert figure["interval"][0] < figure["auc"] < figure["interval"][1] < 1


def test_people_held_out_are_strangers_to_one_who_knows_the_targets():
    dump = of_people_held_out(small_dump("same"))
    known = dump.of_targets()
    assert len(known.train) + len(known.test) == 360 and len(known.strangers) == 180
    assert known.identities == tuple("abcdef") and known.strangers.identities == tuple("ghijkl")
    found, of_sides = linking.linking(dump, [0], True, silent)
    strangers = found["linkability"]["strangers"]
    assert min(strangers[kind]["strongest"]["auc"] for kind in ("images", "latents")) > 0.97
    assert found["open_set"]["latents"]["strongest"]["accuracy"] > 0.95
    assert all(one.p_value <= 0.001 for one in of_sides.values())
    untargeted = of_people_held_out(small_dump("same", 24, 12, 24))
    references = dataclasses.replace(untargeted.references, c=None)
    untargeted = dataclasses.replace(untargeted, references=references).of_targets()
    assert untargeted.train.c is untargeted.strangers.c is None and untargeted.train.mu is not None


def test_without_strangers_or_latents_their_parts_are_left_out():
    dump = dataclasses.replace(small_dump("rendered", 120, 90, 60), strangers=None, fresh=None).without("mu", "z", "c")
    found, of_sides = linking.linking(dump, [0], True, silent)
    links = found["linkability"]
    assert links["strangers"] is None and links["test"]["images"]
    assert links["test"]["latents"] is links["test"]["release"] is None
    assert found["open_set"] is None and of_sides["encoder"] is None and of_sides["device"].attackers > 5


def vectors_alone(kind, *counts, seed=0):
    """A dump of vectors without pictures or targets."""
    return released(small_dump(kind, *counts, seed=seed)).without("p", "c", "mu", "z")


def test_vectors_without_pictures_are_linked_with_one_another_and_with_faces():
    found, of_sides = linking.linking(vectors_alone("same"), [0], True, silent)
    assert of_sides["encoder"] is None and of_sides["device"].p_value <= 0.001
    for part in ("test", "strangers"):
        result = found["linkability"][part]
        assert result["images"] is result["latents"] is None
        attackers = result["release"]["attackers"]
        assert set(attackers) == {f"release, {method}" for method in linking.OF_VECTORS}
        assert attackers["release, regression to originals"]["interval"][0] > 0.7
    with_faces = found["open_set"]["release"]["attackers"]["release, regression to originals; gallery of originals"]
    assert with_faces["interval"][0] > 1 / PEOPLE


def test_vectors_of_pure_expression_are_linked_with_nothing(monkeypatch):
    monkeypatch.setattr(evidence, "PERMUTATIONS", 200)
    p_values = []
    for seed in range(40):
        found, of_sides = linking.linking(vectors_alone("rendered", 90, 60, 60, seed=seed), [0], True, silent)
        p_values.append(of_sides["device"].p_value)
    assert found["linkability"]["test"]["release"]["strongest"]["auc"] < 0.65
    assert sum(p <= 0.05 for p in p_values) <= 4 and np.mean(p_values) < 0.7


@pytest.mark.parametrize("values", (1, EXPRESSIONS))
def test_a_release_of_few_values_breaks_nothing(values):
    codes = np.eye(EXPRESSIONS, dtype=np.float32)
    dump = released(small_dump("rendered", 120, 90, 60), lambda images: codes[images.ep % values])
    dump = dataclasses.replace(dump, discrete=True).without("p")
    found, of_sides = linking.linking(dump, [0], True, silent)
    plain = found["linkability"]["test"]["release"]["attackers"]["release, plain"]
    assert plain["auc"] == 0.5 and plain["interval"] == [0.5, 0.5]
    assert of_sides["device"].p_value > 0.05 and of_sides["encoder"] is not None


def test_exchanged_areas_are_those_of_pairs_made_anew():
    random = np.random.default_rng(0)
    shown = embeddings.People(None, random.integers(0, 4, 40), random.integers(0, 2, 40), random.integers(0, 3, 40))
    vectors = random.normal(size=(40, 3)).astype(np.float32)
    for with_originals in (False, True):
        pairs = make_pairs(shown, None, 0, with_originals)
        _, ranks = pair_figures([(vectors, vectors)], pairs, resampled(pairs, 0, 1))
        labels = np.stack([shown.id, *(random.permutation(shown.id) for _ in range(3))])
        areas = pair_statistics(pairs, ranks[None], labels)[:, 0]
        scores = (vectors[pairs.first] * vectors[pairs.second]).sum(axis=1)
        for said, found in zip(labels, areas, strict=True):
            same = said[pairs.first] == (shown.id if with_originals else said)[pairs.second]
            total, weighted = 0, 0.0
            for stratum in np.unique(pairs.stratum):
                rows = pairs.stratum == stratum
                if same[rows].any() and not same[rows].all():
                    weighted += same[rows].sum() * auc(scores[rows], same[rows])
                    total += same[rows].sum()
            assert found == pytest.approx(weighted / total, abs=1e-5)


def test_probes_are_of_no_clip_that_is_in_a_gallery():
    people, clips = np.repeat(np.arange(3), 24), np.arange(72) // 4
    half, draws = linking._galleries(people, clips, 0)
    assert len(draws) == linking.GALLERIES and np.bincount(half).tolist() == [36, 36]
    for number, (held, probes, groups) in enumerate(draws):
        assert [len(rows) for rows in held] == [5, 5, 5] and set(groups.ravel()) <= set(probes)
        assert set(half[probes]) == {1 - number % 2} and set(half[np.concatenate(held)]) == {number % 2}
        assert not set(clips[half == 0]) & set(clips[half == 1]) and len(set(people[probes])) == 3


def test_curves_computed_by_hand():
    scores, positive = np.array([4.0, 3.0, 3.0, 1.0]), np.array([True, True, False, False])
    curve = Ranking(scores, positive).curve()
    assert curve[0].tolist() == [0, 0, 0.5, 1] and curve[1].tolist() == [0, 0.5, 1, 1]
    assert area(curve) == 0.875
    assert equal_error_rate(curve) == pytest.approx(0.25)
    assert hits_at(curve, 0.25, negatives=100) == pytest.approx(0.75)
    assert hits_at(curve, 0.01, negatives=499) is None and hits_at(curve, 0.01, negatives=500) is not None
    weighted = Ranking(scores, positive).curve(np.array([3.0, 1.0, 1.0, 0.0]))
    assert area(weighted) == pytest.approx(0.875)  # hits 3 of 4 before the tie of the fourth
    stratum = np.array([0, 0, 1, 1, 1])
    ranking = StratifiedRanking(np.array([2.0, 1, 5, 5, 0]), np.array([True, False, True, False, False]), stratum)
    assert ranking.area() == pytest.approx((1 + 0.75) / 2)
    assert ranking.area(np.array([1, 1, 3, 1, 0])) == pytest.approx((1 + 3 * 0.5) / 4)
    assert ranking.centred_ranks().tolist() == [0.5, -0.5, 0.5, 0.5, -1.0]
    assert np.isnan(ranking.area(np.array([1, 0, 0, 1, 1])))
