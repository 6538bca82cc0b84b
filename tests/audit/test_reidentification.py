"""Attacks with fresh images, across targets, on several pictures of one person, and after processing."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.audit import Dump, Images, attackers, evidence, processing
from vgan_tf.audit.attacks import averaging, codes, generator, pretrained, reidentification
from vgan_tf.audit.statistics import wilson

PEOPLE, SIZE = 4, 16
SETTINGS = (0, True)


def silent(line):
    pass


def make_dump(strength, train=320, test=160, fresh=240, latent_noise=1.0):
    """Protected images that show their target, and faintly (`strength`) the person; latents likewise."""
    random = np.random.default_rng(0)
    faces = random.integers(60, 190, (PEOPLE, SIZE, SIZE, 3))
    traces = random.normal(0, 1, (PEOPLE, SIZE // 4, SIZE // 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    centres = random.normal(0, 1, (PEOPLE, 6))
    parts = {}
    for part, count in (("train", train), ("test", test), ("fresh", fresh)):
        person, target = np.arange(count) % PEOPLE, random.integers(0, PEOPLE, count)
        noise = random.normal(0, 8, (count, SIZE, SIZE, 3))
        latents = strength * centres[person] + latent_noise * random.normal(size=(count, 6))
        parts[part] = {
            "x": (faces[person] + noise).clip(0, 255).astype(np.uint8),
            "p": (faces[target] + strength * traces[person] + noise).clip(0, 255).astype(np.uint8),
            "id": person,
            "ep": random.integers(0, 2, count),
            "c": target,
            "mu": latents.astype(np.float32),
            "z": latents.astype(np.float32),
        }
    return Dump(
        **{part: Images(**values, r=values["mu"]) for part, values in parts.items()},
        identities=tuple("abcd"),
        expressions=("joy", "fear"),
        target_policy="uniform",
    )


@pytest.fixture(scope="module")
def leaking():
    return make_dump(2.0)


@pytest.fixture(scope="module")
def attacks(leaking):
    return reidentification.identity_attacks(leaking, [0], quick=True, progress=silent)


def accuracy(dump, scores):
    return float((scores.argmax(axis=1) == dump.tested.id).mean())


def over_rounds(attacker, dump, rounds, key="p"):
    return reidentification.scores_over_rounds([attacker], dump, rounds, key, (key,), *SETTINGS)[0][attacker.name]


def test_all_images_that_trained_nothing_are_tested(leaking):
    assert len(leaking.tested) == 160 + 240 and [len(learnt) for learnt, _ in leaking.rounds] == [320]
    held_out = dataclasses.replace(leaking, fresh=None, trained=np.zeros(320, bool))
    assert held_out.people_held_out and len(held_out.tested) == 320 + 160
    rows = np.concatenate([rows for _, rows in held_out.rounds])
    assert sorted(rows) == list(range(480)) and held_out.rounds is held_out.unseen_rounds
    for learnt, rows in held_out.rounds:
        shown = {image.tobytes() for image in held_out.tested.x[rows]}
        assert len(learnt) == 320 and shown.isdisjoint({image.tobytes() for image in learnt.x})
        assert np.bincount(held_out.tested.id[rows]).tolist() == [40] * PEOPLE


def test_clips_are_not_cut_by_rounds(leaking):
    clips = np.repeat(np.arange(80), 6)
    parts = {"train": clips[:320], "test": clips[320:]}
    changed = {name: dataclasses.replace(getattr(leaking, name), clip=clip) for name, clip in parts.items()}
    held_out = dataclasses.replace(leaking, **changed, fresh=None, trained=np.zeros(320, bool))
    for learnt, rows in held_out.rounds:
        assert set(learnt.clip).isdisjoint(held_out.tested.clip[rows])


def test_attackers_from_fresh_images_learn_from_nothing_else(leaking):
    spoilt = {"p": np.zeros_like(leaking.train.p), "mu": leaking.train.mu * 0}
    spoilt = dataclasses.replace(leaking, train=dataclasses.replace(leaking.train, **spoilt))
    for key, attacker in (("p", attackers.PIXEL_RIDGE), ("mu", attackers.LOGISTIC)):
        first, second = (over_rounds(attacker, one, one.unseen_rounds, key) for one in (leaking, spoilt))
        np.testing.assert_array_equal(first, second)
        assert accuracy(leaking, first) > 0.8


def test_no_image_is_named_by_who_learnt_from_it(leaking):
    """An attacker that knows its training images by heart and guesses 0 elsewhere must guess 0 everywhere."""

    def by_heart(train, validation, classes, seed, quick):
        known = {one.tobytes(): label for one, label in zip(train.features, train.labels[:, 0], strict=True)}
        return lambda others: np.eye(classes)[[[known.get(one.tobytes(), 0)] for one in others]]

    attacker = attackers.Attacker("by heart", by_heart, "similarity")
    held_out = dataclasses.replace(leaking, fresh=None, trained=np.zeros(320, bool))
    for dump in (leaking, dataclasses.replace(leaking, fresh=None), held_out):
        for rounds in (dump.rounds, dump.unseen_rounds):
            assert not over_rounds(attacker, dump, rounds).argmax(axis=1).any()
        assert accuracy(dump, over_rounds(attackers.PIXEL_RIDGE, dump, dump.unseen_rounds)) > 0.8


def test_a_trace_that_every_target_carries_is_read_across_targets(leaking):
    assert accuracy(leaking, reidentification.scores_across_targets(attackers.PIXEL_RIDGE, leaking, *SETTINGS)) > 0.8
    clean = make_dump(0.0)
    scores = reidentification.scores_across_targets(attackers.PIXEL_RIDGE, clean, *SETTINGS)
    assert 0.1 < accuracy(clean, scores) < 0.4
    for c in (None, 0):
        one_target = leaking.changed(lambda one, c=c: dataclasses.replace(one, c=c if c is None else one.c * 0))
        assert reidentification.scores_across_targets(attackers.PIXEL_RIDGE, one_target, *SETTINGS) is None


def test_means_of_targets_come_from_images_to_learn_from():
    known = np.array([10, 30, 200], np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    images = np.full((2, 2, 2, 3), 50, np.uint8)
    moved = reidentification.without_target_means(images, np.array([0, 7]), known, np.array([0, 0, 1]))
    assert moved[0, 0, 0, 0] == 50 - 20 + 128 and moved[1, 0, 0, 0] == 50 - 80 + 128


def test_all_scenarios_and_what_is_left_out(leaking, attacks):
    names = set(attacks["scenario_2"])
    assert {one.name for one in attackers.QUICK_IMAGE_ATTACKERS} <= names
    assert {
        f"{attackers.PIXEL_RIDGE.name}, from fresh images",
        f"{attackers.PIXEL_RIDGE.name}, across targets",
    } <= names
    for test in ("scenario_2", "scenario_3", "release"):
        assert reidentification.scenario_figures(leaking, attacks[test])["strongest"]["accuracy"] > 0.8, test
        assert reidentification.naming(leaking, attacks[test]).p_value < 0.001
    assert reidentification.scenario_figures(leaking, attacks["original"])["strongest"]["accuracy"] > 0.95
    assert any("sample" in name for name in attacks["scenario_3"])
    assert any("expression known" in name for name in attacks["release"])
    # The release is the mean here: attacked once.
    for name in attackers.QUICK_LATENT_ATTACKERS:
        np.testing.assert_array_equal(
            attacks["release"][f"{name.name} on release"][0], attacks["scenario_3"][f"{name.name} on mean"][0]
        )
    assert not reidentification.left_out(leaking, decode=lambda releases, targets: None)
    bare = dataclasses.replace(leaking, fresh=None).without("c", "mu", "z", "r")
    assert len(reidentification.left_out(bare)) == 5


def test_vectors_without_pictures_are_attacked(leaking):
    vectors = leaking.without("p", "c", "mu", "z")
    attacks = reidentification.identity_attacks(vectors, [0], quick=True, progress=silent)
    assert not any(attacks[name] for name in ("scenario_1", "scenario_2", "scenario_3", "original"))
    assert reidentification.scenario_figures(vectors, attacks["release"])["strongest"]["accuracy"] > 0.8
    assert reidentification.robustness_attacks(vectors, attacks, [0], quick=True, progress=silent) == (None, None)


def coded_dump(misread, count=840):
    """Seven expressions as seven codes; anger (0) of person 0 is misread as disgust (1) in this share.

    The images are of people held out, and say nothing.
    """
    random = np.random.default_rng(0)
    person, expression = np.arange(count) % 10, np.arange(count) // 10 % 7
    shown = np.where((person == 0) & (expression == 0) & (random.random(count) < misread), 1, expression)
    target = random.integers(0, 3, count)
    pictures = (40 + 10 * shown + 70 * target)[:, None, None, None] * np.ones((1, 4, 4, 3))
    images = Images(
        x=random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8),
        p=pictures.astype(np.uint8),
        id=person,
        ep=expression,
        c=target,
        r=np.eye(7, dtype=np.float32)[shown],
    )
    return Dump(
        train=images.rows(slice(count // 2)),
        test=images.rows(slice(count // 2, None)),
        trained=np.zeros(count // 2, bool),
        targets=tuple("xyz"),
        release="prototypes:1",
        discrete=True,
    )


def test_misread_anger_is_found_by_the_table_and_by_who_knows_the_expression():
    dump = coded_dump(misread=0.5)
    assert len(dump.codes) == 7 and (dump.code(dump.tested) == dump.tested.r[:, ::-1].argmax(axis=1)).all()
    assert reidentification.code_dependence(dump).p_value < 0.001
    scores = codes.table_scores(dump)
    misread = (dump.tested.ep == 0) & (dump.tested.r[:, 1] == 1)
    assert misread.sum() >= 3
    known = scores["table of codes, expression known"][misread].argmax(axis=1)
    assert (known == 0).mean() > 0.9, "who is angry and looks disgusted is person 0"
    assert (scores["table of codes"][misread].argmax(axis=1) == 0).mean() <= (known == 0).mean()
    features = np.column_stack([dump.tested.r, dump.tested.ep])
    learnt = attackers.train(attackers.KERNEL_RIDGE_OF_EXPRESSION, features, dump.tested.id, 10, 0, True)
    assert (learnt(features)[misread] == 0).mean() > 0.9
    clean = coded_dump(misread=0.0)
    assert reidentification.code_dependence(clean).p_value == 1
    assert reidentification.naming(clean, {n: [s] for n, s in codes.table_scores(clean).items()}).p_value > 0.01


def test_tables_count_exactly():
    dump = coded_dump(misread=1.0)
    learnt, rows = dump.rounds[0]
    scores = np.exp(codes.table_scores(dump)["table of codes"][rows])
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    joy = dump.tested.rows(rows).ep == 3
    same = learnt.ep == 3
    prior = (np.bincount(learnt.id, minlength=10) + codes.STRENGTH / 10) / (len(learnt) + codes.STRENGTH)
    expected = (np.bincount(learnt.id[same], minlength=10) + codes.STRENGTH * prior) / (same.sum() + codes.STRENGTH)
    np.testing.assert_allclose(scores[joy], np.tile(expected, (joy.sum(), 1)), rtol=1e-5)


def test_the_generator_is_inverted():
    """Pictures in which direct attackers see little tell all to who can go back to what they were made from."""
    random = np.random.default_rng(0)
    directions, bases = random.normal(0, 30, (4, 16, 16, 3)), random.integers(90, 160, (3, 16, 16, 3))

    def decode(releases, targets):
        signs = np.array([1, -1, 0.5])[targets][:, None]  # each target shows the release in its own way
        return (bases[targets] + np.einsum("nd,dijc->nijc", releases * signs, directions)).clip(0, 255).astype(np.uint8)

    count = 300
    target, person = random.integers(0, 3, count), np.arange(count) % PEOPLE
    release = (0.5 * random.normal(size=(count, 4)) + np.eye(4)[person]).astype(np.float32)
    images = Images(
        x=np.zeros((count, 16, 16, 3), np.uint8),
        p=decode(release, target),
        id=person,
        ep=person * 0,
        c=target,
        r=release,
    )
    dump = Dump(train=images.rows(slice(200)), test=images.rows(slice(200, None)), targets=tuple("xyz"))
    again = generator.inverted(dump, decode, 0, quick=True)(dump.test.p, dump.test.c)
    for column in range(4):
        assert np.corrcoef(again[:, column], dump.test.r[:, column])[0, 1] > 0.7
    attacks = reidentification.identity_attacks(dump, [0], quick=True, progress=silent, decode=decode)
    inverted = {name: one for name, one in attacks["scenario_2"].items() if name.startswith("inverted generator, ")}
    assert len(inverted) == len(attackers.QUICK_LATENT_ATTACKERS)
    assert max(accuracy(dump, one[0]) for one in inverted.values()) > 0.7


def test_who_was_pretrained_on_others_needs_few_images(leaking):
    """Held-out people, of whom there are few images, by attackers who know many others."""
    few = dataclasses.replace(
        leaking,
        train=leaking.test.rows(slice(40)),
        test=leaking.test.rows(slice(40, 80)),
        fresh=None,
        references=leaking.train,
    )
    found = pretrained.pretrained_scores(few, 0, quick=True, progress=silent)
    assert {name.rpartition(", ")[2] for name in found} == {"protected images", "release"}
    assert max(accuracy(few, scores) for scores in found.values()) > 0.8
    assert pretrained.pretrained_scores(leaking, 0, quick=True, progress=silent) == {}
    discrete = dataclasses.replace(few, discrete=True)
    assert not any(name.endswith("release") for name in pretrained.pretrained_scores(discrete, 0, True, silent))


def test_several_pictures_of_one_person_tell_more_than_one():
    dump = make_dump(1.0, latent_noise=1.5)
    attacks = reidentification.identity_attacks(dump, [0], quick=True, progress=silent)
    figures, found = averaging.averaging_attacks(dump, attacks, [0], quick=True, progress=silent)
    for kind, test in (("latents", "scenario_3"), ("images", "scenario_2"), ("release", "release")):
        figure = figures[f"{kind} of 4 pictures"]
        alone = reidentification.scenario_figures(dump, attacks[test])["strongest"]["accuracy"]
        assert figure["accuracy"] > alone + 0.05 and figure["groups"] == 100 and figure["chance"] == 0.25
        assert figure["attacker"] in figure["attackers"]
        assert (
            figures[f"{kind} of 64 pictures"]["groups"] == 4 and figures[f"{kind} of all pictures"]["pictures"] == 100
        )
    assert figures["release of 16 pictures, by average and spread"]["accuracy"] > 0.9
    assert found["device"].p_value < 0.001 and found["encoder"].p_value < 0.001


def test_targets_that_are_never_the_truth_rule_out_more_in_groups():
    base = make_dump(0.0)
    turn = np.arange(160) // PEOPLE % 2  # two others in turn
    test = dataclasses.replace(base.test, c=(base.test.id + 1 + turn) % PEOPLE)
    dump = dataclasses.replace(base, test=test, fresh=None, target_policy="exclude-true")
    groups = np.arange(160).reshape(-1, 4, PEOPLE).transpose(0, 2, 1).reshape(-1, 4)
    ruled_out = reidentification.excluded(dump, dump.tested)
    together = np.stack([ruled_out[rows].any(axis=0) for rows in groups])
    assert averaging._chance(dump.tested.id[groups[:, 0]], together, PEOPLE) == 1 / 2
    assert reidentification.excluded(dataclasses.replace(dump, target_policy="uniform"), dump.tested) is None
    # One who guesses anybody but the target is right in a third, and that is no leak.
    random = np.random.default_rng(0)
    guess = (dump.tested.c + random.integers(1, PEOPLE, 160)) % PEOPLE
    assert reidentification.naming(dump, {"rules out": [np.eye(PEOPLE)[guess]]}).p_value > 0.01


def test_groups_hold_one_person_and_each_picture_once():
    labels = np.repeat([0, 1, 2], [9, 4, 3])
    groups, bundles = averaging.groups_of(labels, 4, seed=0)
    assert [len(rows) for rows in averaging.groups_of(labels, None, seed=0)[0]] == [9, 4, 3]
    groups = np.array(groups)
    assert labels[groups].tolist() == [[0] * 4, [0] * 4, [1] * 4] and len(np.unique(groups)) == 12 and bundles is None
    drawn = averaging.random_groups(labels, 4, 10, seed=0)
    assert drawn.shape == (20, 4) and all(len(set(group)) == 4 and len(set(labels[group])) == 1 for group in drawn)


def test_groups_take_turns_among_the_clips_of_a_bundle_and_bundles_share_none():
    labels, clips = np.repeat([0, 1], [90, 12]), np.concatenate([np.repeat(np.arange(9), 10), np.repeat([9, 10], 6)])
    groups, bundles = averaging.groups_of(labels, 4, 0, clips)
    groups = np.array(groups)
    assert len(np.unique(groups)) == groups.size == 100  # 50 and 40 of label 0 make whole groups of 4 but for two
    assert all(len(np.unique(labels[group])) == 1 for group in groups)
    clips_of = [set(clips[groups[bundles == bundle]].ravel()) for bundle in range(3)]
    assert [len(one) for one in clips_of] == [5, 4, 2] and not set.intersection(*clips_of[:2])
    assert all(len(set(clips[group])) == 4 for group in groups[bundles == 1])


def test_intervals_are_as_wide_as_clips_are_few(leaking, attacks):
    """Clips that are known by heart, or not at all: their images are not independent, nor groups of them."""
    clips = np.repeat(np.arange(40), 4)
    person = (np.arange(40) % PEOPLE)[clips]
    known = np.where(clips % 5 < 4, person, (person + 1) % PEOPLE)
    test = dataclasses.replace(leaking.test, id=person, clip=clips)
    train = dataclasses.replace(leaking.train, clip=100 + np.arange(320))
    dump = dataclasses.replace(leaking, train=train, test=test, fresh=None)
    scores = {name: {} for name in reidentification.SCENARIOS} | {"scenario_1": {"by heart": [np.eye(PEOPLE)[known]]}}
    averaged, _ = averaging.averaging_attacks(dump, scores, [0], quick=True, progress=silent)
    own = reidentification.identity_attacks(dump, [0], quick=True, progress=silent)
    treated, _ = reidentification.robustness_attacks(dump, own, [0], quick=True, progress=silent)
    for figure, count, clusters in (
        (averaged["images of 4 pictures"], 40, 8),
        (averaged["latents of 4 pictures, by average and spread"], 40, 8),
        *((one, 160, 40) for one in treated.values()),
    ):
        assert (figure["interval_over"], figure["clusters"]) == ("clips", clusters)
        assert np.ptp(figure["interval"]) > np.ptp(wilson(figure["accuracy"] * count, count))


def test_a_coarse_trace_survives_what_pictures_meet_on_their_way(leaking, attacks):
    figures, found = reidentification.robustness_attacks(leaking, attacks, [0], quick=True, progress=silent)
    assert set(figures) == set(processing.QUICK_PROCESSINGS) and isinstance(found, evidence.Evidence)
    assert all(figure["accuracy"] > 0.6 and figure["attacker"] in figure["attackers"] for figure in figures.values())
    assert found.p_value < 0.001 and ", after " in found.attacker


def test_processing_of_known_images():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    for name, process in processing.PROCESSINGS.items():
        processed = process(images, 0)
        assert processed.dtype == np.uint8 and processed.shape == images.shape and (processed != images).any(), name
        np.testing.assert_array_equal(processed, process(images, 0))
    assert processing.quantise(np.array([0, 7, 8, 255], np.uint8), 5).tolist() == [4, 4, 12, 252]
    grey = np.full((1, 16, 16, 3), 128, np.uint8)
    assert (processing.blur(grey, 1.0) == 128).all() and (processing.jpeg(grey, 75) == 128).all()
    assert processing.add_noise(np.full((4, 32, 32, 3), 128, np.uint8), 10.0, 0).std() == pytest.approx(10, abs=0.4)
