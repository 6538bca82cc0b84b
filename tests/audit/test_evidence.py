"""Permutation tests: right as often as they should be, however many attackers, clips or excluded targets."""

import numpy as np
import pytest

from vgan_tf.audit import evidence

PEOPLE = 10


def case(count, seed, expressions=4):
    random = np.random.default_rng(seed)
    return random, np.arange(count) % PEOPLE, random.integers(0, expressions, count)


def knowing(truth, share, random):
    """Guesses that are the truth in this share, and anything in the rest."""
    return [np.where(random.random(len(truth)) < share, truth, random.integers(0, PEOPLE, len(truth)))]


def test_exchange_keeps_labels_within_strata_and_clips_whole():
    labels, strata = np.array([0, 1, 2, 3, 4, 5]), np.array([0, 0, 0, 1, 1, 1])
    many = evidence.exchanged(labels, strata)
    assert many.shape == (evidence.PERMUTATIONS, 6)
    assert (np.sort(many[:, :3], axis=1) == [0, 1, 2]).all() and (np.sort(many[:, 3:], axis=1) == [3, 4, 5]).all()
    shares = [(many[:, 0] == label).mean() for label in range(3)]
    assert min(shares) > 0.28 and max(shares) < 0.39
    np.testing.assert_array_equal(many, evidence.exchanged(labels, strata))
    clips, people = np.repeat(np.arange(6), 5), np.repeat([0, 1, 2, 0, 1, 2], 5)
    of_clips = evidence.exchanged(people, np.zeros(30, int), clips).reshape(-1, 6, 5)
    assert (np.ptp(of_clips, axis=2) == 0).all()


def test_attackers_who_know_nothing_are_called_leaks_as_rarely_as_said():
    p_values = []
    for seed in range(100):
        random, truth, strata = case(150, seed)
        attackers = {str(number): knowing(truth, 0.0, random) for number in range(20)}
        p_values.append(evidence.naming_evidence(truth, attackers, strata).p_value)
    assert (np.array(p_values) <= 0.05).mean() <= 0.11  # 5 % expected, of 100
    assert (np.array(p_values) <= 0.5).mean() > 0.35


def test_what_the_expression_tells_is_no_leak():
    random, truth, expression = case(600, 0)
    often = np.where(random.random(600) < 0.6, expression, truth)  # some people show one expression more than others
    assert evidence.naming_evidence(truth, {"by expression": [often % PEOPLE]}, often).p_value > 0.01
    assert evidence.naming_evidence(truth, {"by expression": [often % PEOPLE]}, np.zeros(600, int)).p_value < 0.001


def test_one_that_knows_is_found_among_many_that_do_not():
    random, truth, strata = case(800, 1)
    attackers = {str(number): knowing(truth, 0.0, random) for number in range(40)}
    found = evidence.naming_evidence(truth, {**attackers, "knowing": knowing(truth, 0.08, random)}, strata)
    assert found.attacker == "knowing" and found.p_value < 0.01 and found.attackers == 41
    alone = evidence.naming_evidence(truth, {"always the same": [np.zeros(800, int)]}, strata)
    assert alone.p_value == 1 and evidence.least_seen(alone, 1 / PEOPLE, 0.01) > 0.03
    assert evidence.naming_evidence(truth, {}, strata) is None


def test_frames_of_a_clip_count_once():
    random = np.random.default_rng(0)
    p_values = []
    for _ in range(60):
        people, frames = np.arange(40) % PEOPLE, 10
        guesses = random.integers(0, PEOPLE, 40)  # one for each clip, and the same in all its frames
        truth, clips = np.repeat(people, frames), np.repeat(np.arange(40), frames)
        guesses = {"of clips": [np.repeat(guesses, frames)]}
        one = np.zeros(len(truth), int)
        p_values.append([evidence.naming_evidence(truth, guesses, one, only).p_value for only in (clips, None)])
    with_clips, without = (np.array(p_values) <= 0.05).mean(axis=0)
    assert with_clips <= 0.12 < without


def test_rounds_that_learn_from_one_another_are_no_more_often_called_leaks():
    """Each image is named after those most like it: two that are alike are right together."""
    p_values = []
    for seed in range(80):
        random, truth, strata = case(150, seed, expressions=1)
        truth = truth % 3
        looks, part = random.normal(size=(150, 3)), random.permutation(150) % 3
        distances = np.square(looks[:, None] - looks).sum(axis=2)
        distances[part[:, None] == part] = np.inf  # learnt from images of the other rounds
        votes = np.eye(3)[truth[np.argsort(distances, axis=1)[:, :5]]].sum(axis=1) + 0.1 * random.random((150, 3))
        guess = {"neighbours": [votes.argmax(axis=1)]}
        p_values.append(
            [evidence.naming_evidence(truth, guess, strata, crossed=crossed).p_value for crossed in (True, False)]
        )
    crossed, plain = (np.array(p_values) <= 0.05).mean(axis=0)
    assert crossed <= 0.075 and crossed <= plain


def test_who_is_ruled_out_by_the_target_is_no_news():
    random, truth, _ = case(900, 2)
    target = (truth + random.integers(1, PEOPLE, 900)) % PEOPLE
    guess = (target + random.integers(1, PEOPLE, 900)) % PEOPLE  # anybody but the target
    ruled_out = target[:, None] == np.arange(PEOPLE)
    assert evidence.naming_evidence(truth, {"rules out": [guess]}, np.zeros(900, int), None, ruled_out).p_value > 0.02
    some = evidence.naming_evidence(truth, {"knows": knowing(truth, 0.1, random)}, np.zeros(900, int), None, ruled_out)
    assert some.p_value < 0.001


def test_codes_that_depend_on_the_person_are_seen():
    random, truth, expression = case(840, 3)
    codes = expression.copy()
    assert evidence.dependence_evidence("G", codes, truth, expression).p_value == 1
    codes[(truth == 4) & (expression == 0) & (random.random(840) < 0.5)] = 1
    found = evidence.dependence_evidence("G", codes, truth, expression)
    assert found.p_value < 0.001 and found.attacker == "G" and found.spread == 0
    both = evidence.combined([found, named(840, 0.0)])
    assert evidence.least_seen(both, 1 / PEOPLE, 0.0125) < 0.06, "accuracies alone say what advantage is seen"
    anybody = np.where((expression == 0) & (random.random(840) < 0.3), 1, expression)
    assert evidence.dependence_evidence("G", anybody, truth, expression).p_value > 0.02


def test_evidence_joined_is_of_the_best_and_survives_json():
    random, truth, strata = case(500, 4)
    weak, strong = (
        evidence.naming_evidence(truth, {n: knowing(truth, s, random)}, strata) for n, s in (("a", 0), ("b", 0.2))
    )
    both = evidence.combined([weak, None, strong])
    assert both.attacker == "b" and both.attackers == 2 and (both.null >= strong.null).all()
    again = evidence.Evidence.from_json(both.to_json())
    assert again.p_value == both.p_value and again.spread == both.spread
    assert evidence.combined([None, None]) is None


def test_the_least_advantage_seen_is_seen_as_often_as_said():
    count, chance = 840, 1 / PEOPLE
    random, truth, strata = case(count, 5)
    found = evidence.naming_evidence(truth, {str(n): knowing(truth, 0.0, random) for n in range(20)}, strata)
    least = evidence.least_seen(found, chance, 0.0125)
    assert 0.03 < least < 0.06
    bar = np.quantile(found.null, 1 - 0.0125)
    seen = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        one = evidence.naming_evidence(truth, {"one": knowing(truth, least / (1 - chance), random)}, strata)
        seen.append(one.score >= bar)
    assert 0.75 <= np.mean(seen) <= 1


def named(count, share, seed=6):
    random, truth, strata = case(count, seed)
    attackers = {"knows": knowing(truth, share, random)} | {str(n): knowing(truth, 0.0, random) for n in range(9)}
    return evidence.naming_evidence(truth, attackers, strata)


@pytest.mark.parametrize(
    ("count", "share", "failed", "expected"),
    [
        (1400, 0.0, [], "no leak found"),
        (200, 0.0, [], "inconclusive"),
        (200, 0.9, [], "leaks"),  # a leak that is proven is a leak, however few the images
        (840, 0.3, ["network on originals"], "leaks"),  # even by attackers that are weak elsewhere
        (840, 0.0, ["network on originals"], "inconclusive"),
        (840, 0.3, ["negative"], "inconclusive"),  # they see what they should not
    ],
)
def test_the_verdict(count, share, failed, expected):
    judged = evidence.judge({"named": named(count, share), "linked": None}, {"named": 1 / PEOPLE}, failed)
    assert judged["verdict"] == expected, judged
    assert set(judged["questions"]) == {"named"}
    question = judged["questions"]["named"]
    assert question["answered"] == (share > 0) and question["attackers"] == 10
    if expected == "leaks":
        assert evidence.QUESTIONS["named"] in judged["reason"] and "knows" in judged["reason"]
    if failed and expected == "inconclusive":
        assert failed[0] in judged["reason"]
    if count == 200 and not share:
        assert "would have gone unseen" in judged["reason"] and question["least_seen"] > 0.05


def test_the_verdict_says_which_question_was_answered():
    random = np.random.default_rng(0)
    null = random.normal(size=(evidence.PERMUTATIONS, 3))
    linked = evidence.evidence(["a", "b", "c"], [0.0, 8.0, 0.0], null)
    judged = evidence.judge({"named": named(1400, 0.0), "linked": linked}, {"named": 1 / PEOPLE})
    assert judged["verdict"] == "leaks" and judged["reason"].startswith(evidence.QUESTIONS["linked"])
    assert "who it is" not in judged["reason"]
    assert judged["questions"]["linked"]["error"] == pytest.approx(0.025)
