"""Linking and naming strangers: at the ceiling where the person is shown, at chance where it is not."""

import dataclasses

import numpy as np
import pytest
from small_dumps import PEOPLE, of_people_held_out, silent, small_dump

from vgan_tf.audit.attacks import embeddings, linking
from vgan_tf.audit.attacks.pairs import make_pairs, pair_figure
from vgan_tf.audit.roc import Ranking, area, equal_error_rate, hits_at


@pytest.fixture(scope="module")
def same():
    dump = small_dump("same")
    found = linking.linking(dump, [0], True, silent)
    return found["linkability"], found["open_set"]


@pytest.fixture(scope="module")
def rendered():
    dump = small_dump("rendered")
    found = linking.linking(dump, [0], True, silent)
    return found["linkability"], found["open_set"]


def replace_images(dump, images_of):
    """The dump with `images_of(originals, targets)` for its protected images."""
    extras = {
        name: dataclasses.replace(extra, p=images_of(extra.x, extra.c))
        for name, extra in (("fresh", dump.fresh), ("strangers", dump.strangers))
    }
    parts = {
        f"p_{part}": images_of(getattr(dump, f"x_{part}"), getattr(dump, f"c_{part}")) for part in ("train", "test")
    }
    return dataclasses.replace(dump, **parts, **extras)


def test_images_and_latents_that_show_the_person_are_linked(same):
    links, _ = same
    for part in ("test", "strangers"):
        assert links[part]["people"] == PEOPLE and links[part]["resampled"] == "images"
        for kind in ("images", "latents"):
            strongest = links[part][kind]["strongest"]
            assert strongest["auc"] > 0.97 and strongest["interval"][0] > 0.9 and strongest["eer"] < 0.1


def test_strangers_that_are_shown_are_named_from_protected_and_from_original_galleries(same):
    _, named = same
    assert named["people"] == PEOPLE and named["chance"] == pytest.approx(1 / PEOPLE)
    assert named["latents"]["strongest"]["accuracy"] > 0.95
    for gallery in ("protected images", "originals"):
        found = [one["accuracy"] for name, one in named["images"]["attackers"].items() if name.endswith(gallery)]
        assert max(found) > 0.8


def test_a_rendering_of_target_and_expression_cannot_be_linked_or_named(rendered):
    links, named = rendered
    for part in ("test", "strangers"):
        for kind in ("images", "latents"):
            figures = links[part][kind]["attackers"].values()
            assert all(abs(figure["auc"] - 0.5) < 0.06 for figure in figures)
            assert np.mean([low <= 0.5 <= high for low, high in (figure["interval"] for figure in figures)]) > 0.5
    for kind in ("images", "latents"):
        assert all(abs(one["accuracy"] - 1 / PEOPLE) < 0.1 for one in named[kind]["attackers"].values())


def test_images_that_are_all_alike_tell_nothing():
    dump = replace_images(small_dump("rendered", 120, 90, 90), lambda images, targets: np.full_like(images, 7))
    dump = dataclasses.replace(dump, clip_train=np.arange(120), clip_test=np.arange(90) // 2)
    found = linking.linking(dump, [0], True, silent)
    for one in found["linkability"]["test"]["images"]["attackers"].values():
        assert one["auc"] == pytest.approx(0.5) and one["eer"] == pytest.approx(0.5)
        assert one["tar_at_far_1_percent"] == pytest.approx(0.01) and one["tar_at_far_0_1_percent"] is None
    for name, one in found["open_set"]["images"]["attackers"].items():
        assert "original" in name or one["accuracy"] == pytest.approx(1 / PEOPLE)
        assert "original" in name or one["interval"][0] <= 1 / PEOPLE


def test_a_target_that_is_never_the_person_does_not_inform():
    dump = small_dump("rendered")
    random = np.random.default_rng(0)
    targets = (dump.test.id + random.choice([1, 1, 1, 2, 5], len(dump.test.id))) % PEOPLE
    people = embeddings.People(None, dump.test.id, dump.test.ep, targets)
    pairs = make_pairs(people, None, 0)
    embedded = np.eye(PEOPLE, dtype=np.float32)[targets]  # an attacker who reads the target and nothing else
    scores = (embedded[pairs.first] * embedded[pairs.second]).sum(axis=1)
    assert area(Ranking(scores, pairs.same).curve()) > 0.6
    figure = pair_figure(embedded, pairs, 0, 20)
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
    alone, together = (pair_figure(vectors, make_pairs(shown, one, 0), 0, 60) for one in (np.arange(240), clips))
    assert np.ptp(together["interval"]) > 1.3 * np.ptp(alone["interval"])


def test_replicates_without_any_pair_of_one_person_do_not_count():
    # Of two images a person, every fourth replicate draws one image of each twice, and so has no such pair.
    pairs = make_pairs(embeddings.People(None, np.array([0, 0, 1, 1]), np.zeros(4, int), None), None, 0)
    vectors = embeddings.unit(np.random.default_rng(0).normal(size=(4, 3)))
    assert np.isfinite(pair_figure(vectors, pairs, 0, 60)["interval"]).all()


def test_many_people_are_resampled_themselves():
    people = np.repeat(np.arange(30), 4)
    pairs = make_pairs(embeddings.People(None, people, np.zeros(120, int), None), None, 0)
    noisy = np.eye(30)[people] + np.random.default_rng(0).normal(0, 0.5, (120, 30))
    figure = pair_figure(embeddings.unit(noisy), pairs, 0, 60)
    assert figure["interval"][0] < figure["auc"] < figure["interval"][1] < 1


def test_people_held_out_are_strangers_to_one_who_knows_the_targets():
    dump = of_people_held_out(small_dump("same"))
    known = dump.of_targets()
    assert len(known.train.id) + len(known.test.id) == 360 and len(known.strangers.id) == 180
    assert known.identities == tuple("abcdef") and known.strangers.identities == tuple("ghijkl")
    found = linking.linking(dump, [0], True, silent)
    strangers = found["linkability"]["strangers"]
    assert min(strangers[kind]["strongest"]["auc"] for kind in ("images", "latents")) > 0.97
    assert found["open_set"]["latents"]["strongest"]["accuracy"] > 0.95
    untargeted = of_people_held_out(small_dump("same", 24, 12, 24))
    untargeted = dataclasses.replace(
        untargeted, references=dataclasses.replace(untargeted.references, c=None)
    ).of_targets()
    assert untargeted.train.c is untargeted.strangers.c is None and untargeted.train.mu is not None


def test_without_strangers_or_latents_their_parts_are_left_out():
    dump = dataclasses.replace(
        small_dump("rendered", 120, 90, 60),
        strangers=None,
        fresh=None,
        **dict.fromkeys(("mu_train", "mu_test", "z_train", "z_test", "c_train", "c_test")),
    )
    found = linking.linking(dump, [0], True, silent)
    links = found["linkability"]
    assert links["strangers"] is None and links["test"]["latents"] is None and links["test"]["images"]
    assert found["open_set"] is None


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
