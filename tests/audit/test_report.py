"""The page of an audit, from a made-up evaluation: what it says, and that nothing missing or unknown breaks it."""

import base64
import copy
import functools
import io
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from PIL import Image

from vgan_tf.audit.report import headline, plots, report_html, results, words
from vgan_tf.labels import EXPRESSIONS

VOID = ("meta", "img", "br")


def figure(accuracy, half_width=0.04, **more):
    interval = [max(0.0, accuracy - half_width), min(1.0, accuracy + half_width)]
    return {"accuracy": accuracy, "interval": interval, **more}


def scenario(**accuracies):
    attackers = {name.replace("_", " "): figure(accuracy) for name, accuracy in accuracies.items()}
    name = max(attackers, key=lambda one: attackers[one]["accuracy"])
    return {"strongest": {"attacker": name, **attackers[name]}, "attackers": attackers}


def pairs(**values):
    attackers = {
        name.replace("_", " "): {
            "auc": auc,
            "interval": [auc - 0.03, auc + 0.03],
            "eer": 1 - auc,
            "tar_at_far_1_percent": 0.02,
            "tar_at_far_0_1_percent": 0.001,
            "pairs": 4000,
        }
        for name, auc in values.items()
    }
    name = max(attackers, key=lambda one: attackers[one]["auc"])
    return {"strongest": {"attacker": name, **attackers[name]}, "attackers": attackers}


def questions(**p_values):
    return {
        name: {
            "answered": p_value <= 0.01,
            "p_value": p_value,
            "error": 0.01,
            "attacker": f"the best at {name}",
            "attackers": 30,
            "least_seen": 0.032 if name == "named" else None,
        }
        for name, p_value in p_values.items()
    }


def motion(within, intensity, yaw, pitch, gaze):
    return {
        "within_expression_r2": within,
        "intensity_within_r2": intensity,
        "yaw_r2": yaw,
        "pitch_r2": pitch,
        "gaze_r2": gaze,
    }


def prototypes():
    """The evaluation of one picture for each expression: the release tells nothing, the encoder knows the person."""
    evaluation = example() | {
        "verdict": "no leak found",
        "reason": "none of 60 attacks tells more than nothing; an advantage of 3.2 points would have been seen",
        "questions": questions(named=0.3, named_from_several=0.4, linked=0.3, member=0.6),
        "release": {"kind": "prototypes", "name": "prototypes:1", "discrete": True, "codes": 7},
        "averaging": {"images of 4 pictures": figure(0.21, 0.07, attacker="ridge on pixels", chance=0.2)},
        "inversion": None,
        "robustness": None,
    }
    release = scenario(**{"table of codes": 0.18, "table of codes, expression known": 0.19})
    evaluation["privacy"] = {
        "scenario_1": scenario(CNN=0.18),
        "scenario_2": scenario(CNN=0.21),
        "scenario_3": evaluation["privacy"]["scenario_3"],
        "release": release | {"g_test": {"p_value": 0.4321}},
    }
    evaluation["utility"] |= {
        "better_than_table": False,
        "distinct_pictures_per_target": 7,
        "beats_table": {"motion": [-0.09, 0.01], "expression": [-0.02, 0.01]},
    }
    return evaluation


def vectors():
    """The evaluation of vectors that leave the device in place of pictures."""
    evaluation = example() | {"release": {"kind": "unknown", "name": "unknown", "discrete": False, "codes": None}}
    evaluation |= {"robustness": None, "encoder": None, "averaging": None, "transfer": None}
    evaluation["privacy"] = {"scenario_1": None, "scenario_2": None, "scenario_3": None} | {
        "release": scenario(MLP_on_release=0.48)
    }
    evaluation["utility"] = {
        "expression_from_latent": {"logistic on release": figure(0.9)},
        "motion": evaluation["utility"]["motion"],
    }
    return evaluation


def example():
    """An evaluation with every part filled."""
    people, expressions = ((np.eye(count, dtype=int) * 40 + 10).tolist() for count in (6, 7))
    evaluation = {
        "verdict": "leaks",
        "reason": "who it is can be found out from one picture (ridge on pixels, p = 0.0005)",
        "questions": questions(named=0.0005, named_from_several=0.0005, reconstructed=0.4, linked=0.3, member=0.6),
        "encoder": {
            "verdict": "leaks",
            "reason": "who it is can be found out from one picture (large MLP on mean, p = 0.0005)",
            "questions": questions(named=0.0005, linked=0.0005, reconstructed=0.02, named_from_several=0.0005),
        },
        "release": {"kind": "noise", "name": "noise:0.5", "discrete": False, "codes": None},
        "n_train": 3570,
        "n_test": 840,
        "cross_fitted": True,
        "identities": ["<b>Ann</b>", "Bea", "Cy", "Di", "Eva", "Finn"],
        "expressions": list(EXPRESSIONS),
        "chance": 0.2,
        "chance_uninformed": 1 / 6,
        "chance_expression": 1 / 7,
        "target_policy": "exclude-true",
        "quick": False,
        "seeds": [0, 1],
        "privacy": {
            "scenario_1": scenario(small_CNN=0.152, middle_CNN=0.149, large_CNN=0.17, ridge_on_pixels=0.16),
            "scenario_2": scenario(
                small_CNN=0.24,
                middle_CNN=0.27,
                large_CNN=0.29,
                ridge_on_pixels=0.4127,
                ridge_on_lowest_bits=0.16,
                CNN_on_bit_planes=0.18,
                nearest_neighbours_on_components=0.244,
            ),
            "scenario_3": scenario(
                logistic_on_mean=0.19,
                small_MLP_on_mean=0.42,
                large_MLP_on_mean=0.5048,
                boosting_on_mean=0.37,
                nearest_neighbours_on_mean=0.341,
                logistic_on_sample=0.2,
                small_MLP_on_sample=0.39,
                large_MLP_on_sample=0.448,
                boosting_on_sample=0.3,
                nearest_neighbours_on_sample=0.319,
            ),
            "release": scenario(logistic_on_release=0.18, MLP_on_release=0.31),
        },
        "averaging": {
            "images of 4 pictures": figure(0.45, 0.07, chance=0.2)
            | {"attacker": "ridge on pixels", "attackers": {"small CNN": figure(0.301, 0.07)}, "groups": 150},
            "images of 16 pictures": figure(0.6, 0.12, attacker="ridge on pixels", chance=0.21),
            "images of 64 pictures": figure(0.65, 0.2, attacker="ridge on pixels", chance=0.3),
            "images of all pictures": figure(0.66, 0.4, attacker="ridge on pixels", chance=0.4, pictures=140),
            "release of 16 pictures": figure(0.4, 0.12, attacker="MLP on release", chance=0.21),
            "latents of 4 pictures": figure(0.49, 0.07, attacker="large MLP on mean"),
            "latents of 4 pictures, by average and spread": figure(0.47, 0.07, attacker="logistic"),
        },
        "robustness": {
            "JPEG, quality 50": figure(0.38, attacker="ridge on pixels"),
            "blur of 2 pixels": figure(0.35, attacker="ridge on pixels"),
            "noise of 8 levels": figure(0.33, attacker="ridge on pixels"),
        },
        "linkability": {
            "chance": 0.5,
            "test": {
                "people": 6,
                "resampled": "images",
                "images": pairs(embedding=0.51, pixels=0.5),
                "release": pairs(cosine=0.52),
                "latents": pairs(cosine=0.62),
            },
            "strangers": {
                "images": pairs(embedding=0.51),
                "release": pairs(cosine=0.51),
                "latents": pairs(cosine=0.53),
            },
        },
        "open_set": {
            "people": 8,
            "chance": 1 / 8,
            "images": scenario(embedding=0.14),
            "latents": scenario(cosine=0.15),
        },
        "inversion": {
            "chance": 0.2,
            "originals": {
                "recognised": figure(0.99, 0.01),
                "attackers": {"logistic": figure(0.99, 0.01)},
                "chance": 0.17,
            },
            "class_mean": {"recognised": figure(0.18), "error_levels": 26.0, "chance": 0.17},
            "from_latent": {"recognised": figure(0.3, attacker="logistic"), "error_levels": 24.5},
            "from_protected": {"recognised": figure(0.28, attacker="logistic"), "error_levels": 25.1},
        },
        "membership": {
            "images": pairs(threshold_on_error=0.55),
            "identities": pairs(threshold_on_error=0.52),
        },
        "controls": {
            "positive": {
                "originals": {"middle CNN": figure(1.0, 0.006), "ridge on pixels": figure(0.998)},
                "components": {"logistic": figure(1.0, 0.006)},
                "hidden_in_lowest_bits": {"ridge on lowest bits": figure(1.0, 0.006)},
                "subverted_generator": {"CNN on bit planes": figure(0.97), "large CNN": figure(0.4)},
                "hidden_in_latent": {"large MLP": figure(0.98)},
                "checks": {
                    "identity, learnt from originals": {"before": figure(0.17), "after": figure(0.171)},
                    "expression, learnt from originals": {"before": figure(0.875), "after": figure(0.877)},
                    "largest_change": 3,
                },
                "required": 0.5833,
                "ok": True,
            },
            "negative": {
                "attackers": {
                    name: {"mean": mean, "standard_error": 0.003, "ok": True}
                    for name, mean in (("middle CNN", 0.165), ("ridge on pixels", 0.167), ("logistic on mean", 0.164))
                },
                "permutations": 20,
                "ok": True,
            },
            "ok": True,
        },
        "utility": {
            "original_to_original": figure(0.995, 0.006),
            "original_to_protected": figure(0.875),
            "protected_to_protected": figure(0.993, 0.006),
            "protected_to_original": figure(0.673),
            "target_success": figure(1.0, 0.006),
            "original_to_targets": figure(0.99, 0.01),
            "kept": {"expression": 0.884},
            "n_test": 630,
            "per_expression": {name: figure(0.9, 0.06) for name in EXPRESSIONS},
            "intensity_r2": {
                "original": 0.851,
                "protected_by_original": 0.557,
                "protected": 0.817,
                "by_expression_alone": 0.742,
            },
            "motion": {
                "original": motion(0.91, 0.9, 0.94, 0.88, 0.7),
                "protected": motion(0.46, 0.41, 0.52, 0.37, 0.2),
                "name_only": motion(0.0, 0.0, 0.0, 0.0, 0.0),
                "table": motion(0.08, 0.3, 0.01, -0.02, 0.0),
            },
            "table": {
                "pictures": 168,
                "one_each": {
                    "expression": figure(0.93),
                    "target_success": figure(1.0, 0.006),
                    "motion": motion(0, 0, 0, 0, 0),
                },
                "strengths": {
                    "expression": figure(0.961),
                    "target_success": figure(0.998, 0.006),
                    "motion": motion(0.08, 0.3, 0.01, -0.02, 0.0),
                },
            },
            "beats_table": {"motion": [0.35, 0.41], "expression": [-0.11, -0.06]},
            "better_than_table": True,
            "distinct_pictures_per_target": 140,
            "quality": {
                "kid": {"protected_against_originals": {"value": 0.0123, "interval": [0.011, 0.0136]}},
                "extractor": "a network of another kind, described at length",
                "sharpness": 0.83,
                "precision": 0.71,
                "recall": 0.52,
                "smoothness": None,
                "diversity_over_targets": {"between_targets": {"value": 0.83, "interval": [0.82, 0.84]}},
            },
            "agreement": figure(0.93),
            "expression_from_latent": {"logistic on mean": figure(1.0, 0.006)},
        },
        "not_attacked": ["faces in video, frame after frame", "attackers with a hundred times the computing"],
        "confusions": {"scenario_1": people, "scenario_2": people, "original_to_protected": expressions},
        "notes": ["Intervals are bootstrapped by person."],
        "seconds": 512.3,
    }
    apart = {"ridge on pixels, from fresh images": figure(0.36), "ridge on pixels, across targets": figure(0.31)}
    evaluation["privacy"]["scenario_2"]["attackers"] |= apart
    evaluation["privacy"]["scenario_3"]["attackers"]["logistic on mean, from fresh images"] = figure(0.34)
    return evaluation


class Page(HTMLParser):
    """Checks that tags nest, and keeps the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(html)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.texts.append(text)


def page_of(evaluation, pictures=None):
    return Page(report_html(evaluation, pictures)).text


def test_the_headline_says_which_question_is_answered_by_what_leaves_the_device():
    verdict, release, table, encoder = headline(example())
    assert verdict.startswith("It leaks: who it is can be found out from one picture, and from several of one person. ")
    assert "in 41 of 100 protected pictures; guessing gets 17 of 100, and 20 of 100 if" in verdict
    assert "(ridge on pixels, 95 % interval 37.3 to 45.3 %)" in verdict and "latent" not in verdict
    assert "the strongest named 60 of 100 (16 pictures: ridge on pixels; guessing 21 of 100;" in verdict
    assert "the latent with noise added" in release and "(noise:0.5)" in release
    assert "in motion it beats the table by 0.35 to 0.41 of R²" in table
    assert "in the expression the table beats it by 6.0 to 11.0 points" in table
    assert "by its latents, who it is can be found out" in encoder and "gets at the encoder" in encoder
    linked = example() | {"questions": questions(named=0.3, linked=0.0005)}
    linked["linkability"]["test"]["images"] = pairs(embedding=0.62)
    verdict = headline(linked)[0]
    assert verdict.startswith("It leaks: two pictures can be told to be of one person. ")
    assert (
        "who it is" not in verdict
        and "“Are two pictures of the same person?” (62 of 100, guessing 50 of 100)" in verdict
    )


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("leaks", "It leaks, and it is no better than a table of 168 pictures: who it is can be found out from one"),
        ("no leak found", "No leak found by these attackers, but it is no better than a table of 168 pictures. "),
        (
            "inconclusive",
            "Inconclusive: whether it leaks is not known, and it is no better than a table of 168",
        ),
    ],
)
def test_the_first_sentence_says_what_is_no_better_than_a_table(verdict, sentence):
    evaluation = prototypes() | {"verdict": verdict}
    if verdict == "leaks":
        evaluation["questions"] = questions(named=0.0005)
    assert headline(evaluation)[0].startswith(sentence)
    page = page_of(evaluation)
    assert sentence.strip() in page and "in motion it does not beat the table (-0.09 to 0.01 of R²" in page
    for better in (True, None):
        evaluation["utility"]["better_than_table"] = better
        assert "no better than" not in headline(evaluation)[0]


def test_why_it_is_not_known_to_be_better_than_a_table():
    evaluation = example()
    evaluation["utility"] |= {"motion": None, "better_than_table": None, "beats_table": {"motion": None}}
    said = "Whether it is better than a table of 168 pictures is not known: this data does not say how the faces move."
    assert headline(evaluation)[2] == said and said in page_of(evaluation)
    evaluation["utility"]["better_than_table"] = False
    assert headline(evaluation)[2].startswith("How much motion it keeps is not known")
    assert "what is kept was not measured" in headline(example() | {"utility": None})[2]


def test_an_encoder_that_knows_more_than_the_release_is_told_apart():
    evaluation = prototypes()
    html = report_html(evaluation)
    text = Page(html).text
    boxes = re.findall(r'<div class="verdict (\w+)">', html)
    assert boxes == ["unsure", "leaks"]
    device, encoder = text[text.rindex("What leaves the device") :].split("What the encoder knows")[:2]
    assert "III. Trained on latents" not in device and "large MLP on mean" not in device
    assert "Trained on the release" in device and "one of 7 pictures of its target identity" in text
    assert "Verdict on the encoder: leaks." in encoder and "III. Trained on latents" in encoder
    assert "II. Trained on protected pictures" not in encoder.split("What a table of pictures has not")[0]
    assert "p = 0.4321" in text
    evaluation["encoder"]["verdict"] = "no leak found"
    assert "The encoder itself: no leak found in its latents." in page_of(evaluation)
    assert "Its latent leaves the device as it is" in headline(example() | {"release": {"kind": "latent"}})[3]


def test_questions_are_rows_with_what_would_have_been_seen():
    text = page_of(example())
    assert "Who is it, from one picture? yes 0.0005 0.0100 30 the best at named" in text
    assert "Was a picture, or a person, used in training? no 0.6000 0.0100 30 the best at member" in text
    assert "An advantage over guessing of 3.2 points in naming people from one picture would have" in text
    evaluation = prototypes()
    evaluation["questions"]["named"]["least_seen"] = None
    text = page_of(evaluation)
    assert "Who is it, from a reconstruction of the original? not asked" in text
    assert "No advantage in naming people was sure to be seen" in text


def test_the_table_of_pictures_stands_beside_what_is_kept():
    text = page_of(example())
    row = "Protected 87.5 % 0.41 0.46 0.52 0.37 0.20 100.0 % 140 0.83".replace(" %", "\N{NO-BREAK SPACE}%")
    assert " ".join(row.split()) in text
    assert "Table, several strengths 96.1 % 0.30 0.08 0.01 -0.02 0.00 99.8 % - real" in text
    assert "Expression's name alone - 0.00" in text and "Kept of the expression: 88.4 %" in text
    evaluation = example()
    for one in evaluation["utility"]["motion"].values():
        one["gaze_r2"] = None
    for one in ("one_each", "strengths"):
        evaluation["utility"]["table"][one]["motion"]["gaze_r2"] = None
    text = page_of(evaluation)
    assert "Not known here: gaze." in text and "Yaw Pitch Target identity" in text


def test_vectors_are_reported_without_pictures():
    text = page_of(vectors())
    assert "a list of numbers; no picture" in text and "No pictures leave the device." in text
    assert "in 48 of 100 releases" in text and "No other attack names people from one picture" in text
    assert "The target identity: not measured, no pictures leave the device." in text
    assert "Whoever has a protected picture" not in text and "What the encoder itself knows was not judged" in text
    assert "I. Trained on originals Not attacked: no pictures leave the device." in text


def test_averaging_is_drawn_over_the_number_of_pictures_from_one_on():
    html = report_html(example())
    start = html.index("Each number of pictures has its own rate")
    drawn = html[start : html.index("</svg>", start)]
    texts = [text.replace("\N{NO-BREAK SPACE}", " ") for text in re.findall(r"<text[^>]*>([^<]+)</text>", drawn)]
    assert texts[3:] == ["1", "41.3 %", "4", "45.0 %", "16", "60.0 %", "64", "65.0 %", "all (140)", "66.0 %"]
    assert "latents, by average and spread, known to the encoder alone" in Page(html).text.lower()


def test_attackers_on_fresh_images_and_across_targets_are_families_of_their_own():
    families = {one.key: one.groups for one in results.families(example())}
    assert {title: [one.share for one in group] for title, group in families["fresh"].items()} == {
        "protected pictures": [0.36],
        "latents": [0.34],
    }
    assert [one.name for one in families["transfer"]["protected pictures"]] == ["ridge on pixels"]
    assert [one.name for one in families["fresh"]["latents"]] == ["logistic on mean"]
    assert len(families["scenario_2"][""]) == 7 and len(families["scenario_3"][""]) == 10


def test_what_the_encoder_knows_is_no_attack_on_what_leaves_the_device():
    found = {one.key: one for one in results.families(example())}
    device, encoder = ([one.name for one in found["averaging"].results(side)] for side in (False, True))
    assert "16 pictures: MLP on release" in device and "4 pictures: ridge on pixels" in device and len(device) == 5
    assert encoder == ["4 pictures: large MLP on mean", "4 pictures: logistic"]
    assert [one.share for one in found["inversion"].results(True)] == [0.3]
    released = {one.key: one for one in results.families(example() | {"release": {"kind": "latent"}})}
    assert [one.share for one in released["inversion"].results()] == [0.3, 0.28]
    assert not released["scenario_3"].results() and not found["scenario_3"].results()
    assert found["scenario_2"].results() and not found["scenario_2"].results(encoder=True)


def test_the_headline_without_latents_and_without_a_leak():
    evaluation = example() | {"verdict": "no leak found", "chance": 1 / 6, "averaging": None, "inversion": None}
    evaluation |= {"questions": questions(named=0.3), "encoder": None, "reason": "none of 12 attacks tells more"}
    evaluation["privacy"] = {"scenario_1": scenario(CNN=0.18), "scenario_2": scenario(CNN=0.17), "scenario_3": None}
    evaluation["transfer"] = evaluation["robustness"] = None
    text = headline(evaluation)[0]
    assert "No leak found" in text and "trained on original pictures named the right person in 18 of 100" in text
    assert "guessing gets 17 of 100." in text and "None of 12 attacks tells more. This is no guarantee" in text
    assert "not judged" in headline(evaluation)[3]
    assert "Do not rely on it: too few." in headline(evaluation | {"verdict": "inconclusive", "reason": "too few"})[0]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 of 100"),
        (0.004, "fewer than 1 of 100"),
        (0.41, "41 of 100"),
        (0.997, "more than 99 of 100"),
        (1.0, "100 of 100"),
    ],
)
def test_shares_are_not_rounded_to_certainty(share, text):
    assert words.of_100(share) == text


def test_a_full_page_is_self_contained_escaped_and_says_everything():
    random = np.random.default_rng(0)
    pictures = {
        "gallery": random.integers(0, 256, (3, 5, 16, 16, 3), dtype=np.uint8),
        "gallery_targets": ["<i>Bea</i>", "Cy"],
        "inversion": {
            name: random.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8) for name in ("originals", "from_latent")
        },
    }
    html = report_html(example(), pictures)
    assert not re.findall(r"(?:src|href)=['\"](?!data:|#)", html) and "<script" not in html and "url(" not in html
    assert "<metadata" not in html
    assert "<b>Ann" not in html and "&lt;b&gt;Ann" in html and "<i>Bea" not in html
    assert html.count("data:image/png") == 3 + 2
    text = Page(html).text
    for kind in results.KINDS.values():
        assert kind.title in text and f"{kind.title}: {kind.absent}" not in text
    for said in (
        "50.5 %",
        "37.3 to 45.3 %",
        "frame after frame",
        "distance, protected against originals 0.0123 [0.011, 0.0136]",
        "An anonymizer that cheats",
        "The usual checks pass, yet the attackers above find the name in 97.0 % of its pictures.",
        "recall 0.52",
        "512.3",
        "Attackers learn from 3570 pictures and are tested on 840, each by those who learnt from others of them: 6",
        "Tested on 630 pictures.",
        "87.7 %",
        "3 of 255",
        "between targets 0.83 [0.82, 0.84]",
        "guessing 50.0 %; people: 6; resampled: images.",
    ):
        assert said.lower() in text.lower()
    assert "not attacked:" not in text.lower() and "not measured" not in text


@pytest.mark.parametrize("size", [32, 64, 128])
def test_pictures_of_any_size_are_shown_as_they_are(size):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, size, size, 3), dtype=np.uint8)
    html = report_html(example(), {"gallery": images, "inversion": {"originals": images[0]}})
    rows = [
        Image.open(io.BytesIO(base64.b64decode(one))) for one in re.findall(r"data:image/png;base64,([^\"]+)", html)
    ]
    assert len(rows) == 3 and {row.height for row in rows} == {size}
    np.testing.assert_array_equal(np.asarray(rows[1])[:, :size], images[1, 0])
    np.testing.assert_array_equal(np.asarray(rows[1])[:, -size:], images[1, -1])


def test_the_same_figures_give_the_same_page_whatever_the_users_settings():
    first = report_html(example())
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "lines.linewidth": 9}):
        assert report_html(example()) == first


def test_plots_follow_the_style_sheet_and_show_what_they_are_given():
    rows = [plots.Row("<b> $x$", 0.5, (0.4, 0.6), 0.25, "a note"), plots.Row("y", 2.0, None, 0.25, alarm=True)]
    svg = plots.dot_chart(rows)
    texts = [one.text for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [
        "guessing 25.0 %",
        "<b> $x$",
        "a note",
        "50.0 %",
        "40.0 to 60.0 %",
        "y",
        "200.0 %",
        "0 %",
        "50 %",
        "100 %",
    ]
    assert "var(--bad)" in svg and "#01020" not in svg
    assert "guessing" not in plots.dot_chart([rows[0], rows[1]._replace(chance=0.5)])
    assert plots.dot_chart(rows) == svg


def test_checks_that_see_the_cheat_are_not_said_to_pass():
    evaluation = example()
    evaluation["controls"]["positive"]["checks"]["identity, learnt from originals"]["after"] = figure(0.4)
    assert "usual checks pass" not in page_of(evaluation) and "40.0" in page_of(evaluation)


def test_failed_controls_are_named():
    evaluation = example()
    evaluation["controls"] |= {"ok": False, "failed": ["hidden in latent"]}
    assert "Controls failed (hidden in latent): where attackers find nothing, that means nothing." in page_of(
        evaluation
    )
    evaluation["controls"]["failed"] = ["negative"]
    assert "A control failed: do not rely on the figures." in page_of(evaluation)


def paths_in(node, depth=3):
    for key, child in node.items():
        yield (key,)
        if depth > 1 and isinstance(child, dict):
            yield from ((key, *rest) for rest in paths_in(child, depth - 1))


def test_missing_and_null_parts_are_said_to_be_so(monkeypatch):
    full = example()
    # The same plots stand in most of these pages.
    chart, dots = functools.cache(plots.dot_chart), functools.cache(plots.hundred_dots)
    line = functools.cache(plots.line_chart)
    monkeypatch.setattr(plots, "dot_chart", lambda rows, *name: chart(tuple(rows), *name))
    monkeypatch.setattr(plots, "line_chart", lambda rows: line(tuple(rows)))
    monkeypatch.setattr(plots, "hundred_dots", dots)
    for path in paths_in(full):
        for change in ("missing", "null"):
            evaluation = copy.deepcopy(full)
            node = evaluation
            for key in path[:-1]:
                node = node[key]
            del node[path[-1]]
            if change == "null":
                node[path[-1]] = None
            report_html(evaluation)
            headline(evaluation)
    assert "Which stranger is it: the data has no other people." in page_of(full | {"open_set": None})
    strangers = page_of(full | {"linkability": full["linkability"] | {"strangers": None}})
    assert "Strangers: not attacked: the data has no other people." in strangers
    assert "the encoder's latents were not given" in page_of(full | {"privacy": full["privacy"] | {"scenario_3": None}})
    assert "Nothing was attacked" in page_of({})


def test_unknown_attackers_families_and_measures_appear():
    evaluation = copy.deepcopy(example())
    evaluation["privacy"]["scenario_2"]["attackers"]["an <oracle>"] = figure(0.9)
    evaluation["gait"] = {"attackers": {"walker": figure(0.33)}}
    evaluation["utility"]["gaze_kept"] = {"left": 0.4567}
    html = report_html(evaluation)
    assert "an &lt;oracle&gt;" in html
    assert "90 of 100 protected pictures" in headline(evaluation)[0]
    evaluation["privacy"]["side door"] = {"attackers": {"lock pick": figure(0.95)}}
    assert "named the right person in 95 of 100 cases" in headline(evaluation)[0]
    text = Page(html).text
    assert "Gait" in text and "walker" in text and "Gaze kept" in text and "0.4567" in text
