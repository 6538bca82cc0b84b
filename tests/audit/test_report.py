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


def example():
    """An evaluation with every part filled."""
    people, expressions = ((np.eye(count, dtype=int) * 40 + 10).tolist() for count in (6, 7))
    evaluation = {
        "verdict": "leaks",
        "reason": "9 of 40 attacks read the identity better than chance",
        "n_train": 3570,
        "n_test": 630,
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
                large_MLP_on_average_of_16_samples=0.5,
                logistic_on_average_of_16_samples=0.21,
            ),
        },
        "averaging": {
            "images of 4 pictures": figure(0.45, 0.07)
            | {"attacker": "ridge on pixels", "attackers": {"small CNN": figure(0.301, 0.07)}, "groups": 150},
            "latents of 4 pictures": figure(0.49, 0.07, attacker="large MLP on mean"),
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
                "images": pairs(embedding=0.56, pixels=0.5),
                "latents": pairs(cosine=0.62),
            },
            "strangers": {"images": pairs(embedding=0.51), "latents": pairs(cosine=0.53)},
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
            "ceiling": {"classifier_of_originals": figure(1.0, 0.006), "classifier_of_protected": figure(1.0, 0.006)},
            "per_expression": {name: figure(0.9, 0.06) for name in EXPRESSIONS},
            "intensity_r2": {
                "original": 0.851,
                "protected_by_original": 0.557,
                "protected": 0.817,
                "by_expression_alone": 0.742,
            },
            "pose_r2": {"yaw": 0.64, "pitch": 0.31, "roll": 0.72},
            "quality": {
                "kid": {"protected_against_originals": {"value": 0.0123, "interval": [0.011, 0.0136]}},
                "extractor": "a network of another kind, described at length",
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


def test_the_headline_is_the_strongest_attack_and_the_one_on_pictures():
    text = headline(example())
    assert "It leaks" in text and "50 of 100 latent codes; guessing gets 17 of 100, and 20 of 100 if" in text
    assert "large MLP on mean, 95 % interval 46.5 to 54.5 %" in text
    assert "from pictures alone, the strongest named 45 of 100 (images of 4 pictures: ridge on pixels)." in text


def test_attackers_on_fresh_images_and_across_targets_are_families_of_their_own():
    families = {one.key: one.groups for one in results.families(example())}
    assert {title: [one.share for one in group] for title, group in families["fresh"].items()} == {
        "protected pictures": [0.36],
        "latent codes": [0.34],
    }
    assert [one.name for one in families["transfer"]["protected pictures"]] == ["ridge on pixels"]
    assert len(families["scenario_2"][""]) == 7 and len(families["scenario_3"][""]) == 12


def test_the_headline_without_latents_and_without_a_leak():
    evaluation = example() | {"verdict": "no leak found", "chance": 1 / 6, "averaging": None, "inversion": None}
    evaluation["privacy"] = {"scenario_1": scenario(CNN=0.18), "scenario_2": scenario(CNN=0.17), "scenario_3": None}
    evaluation["transfer"] = evaluation["robustness"] = None
    text = headline(evaluation)
    assert "No leak found" in text and "trained on original pictures named the right person in 18 of 100" in text
    assert "guessing gets 17 of 100." in text and "no guarantee" in text and "latent" not in text
    assert "“Are two pictures of the same person?” (62 of 100, guessing 50 of 100)" in text
    assert "Do not rely on it: too few." in headline(evaluation | {"verdict": "inconclusive", "reason": "too few"})


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
        "46.5 to 54.5 %",
        "frame after frame",
        "distance, protected against originals 0.0123 [0.011, 0.0136]",
        "An anonymizer that cheats",
        "The usual checks pass, yet the attackers above find the name in 97.0 % of its pictures.",
        "one picture for each expression",
        "512.3",
        "87.7 %",
        "3 of 255",
        "yaw",
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


def paths_in(node, depth=3):
    for key, child in node.items():
        yield (key,)
        if depth > 1 and isinstance(child, dict):
            yield from ((key, *rest) for rest in paths_in(child, depth - 1))


def test_missing_and_null_parts_are_said_to_be_so(monkeypatch):
    full = example()
    # The same plots stand in most of these pages.
    chart, dots = functools.cache(plots.dot_chart), functools.cache(plots.hundred_dots)
    monkeypatch.setattr(plots, "dot_chart", lambda rows, *name: chart(tuple(rows), *name))
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
    assert "Which stranger is it: the data has no other people." in page_of(full | {"open_set": None})
    strangers = page_of(full | {"linkability": full["linkability"] | {"strangers": None}})
    assert "Strangers: not attacked: the data has no other people." in strangers
    assert "there are no latent codes" in page_of(full | {"privacy": full["privacy"] | {"scenario_3": None}})
    assert "Nothing was attacked" in page_of({})


def test_unknown_attackers_families_and_measures_appear():
    evaluation = copy.deepcopy(example())
    evaluation["privacy"]["scenario_2"]["attackers"]["an <oracle>"] = figure(0.9)
    evaluation["gait"] = {"attackers": {"walker": figure(0.33)}}
    evaluation["utility"]["gaze_kept"] = {"left": 0.4567}
    html = report_html(evaluation)
    assert "an &lt;oracle&gt;" in html
    assert "90 of 100 protected pictures" in headline(evaluation)
    evaluation["privacy"]["side door"] = {"attackers": {"lock pick": figure(0.95)}}
    assert "named the right person in 95 of 100 cases" in headline(evaluation)
    text = Page(html).text
    assert "Gait" in text and "walker" in text and "Gaze kept" in text and "0.4567" in text
