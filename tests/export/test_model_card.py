"""The model card says what the record says: every figure, and of a missing one that it is missing."""

import copy

import pytest

from export.model_card import model_card

PICTURE = {"shape": [1, 64, 64, 3], "dtype": "uint8", "scale": 2 / 255, "zero_point": 128}
PROBABILITIES = {"shape": [1, 7], "dtype": "float32", "scale": 0.0, "zero_point": 0}


def figure(accuracy, low, high, **more):
    return {**more, "accuracy": accuracy, "interval": [low, high]}


@pytest.fixture
def record():
    """A record with an anonymizer and an expression classifier of one recipe each, and one refused file."""
    return {
        "run": "faces",
        "preset": "edge",
        "data": "avatars:identities=2,images=4200,seed=1",
        "data_fingerprint": "f00d" * 16,
        "identities": ["ann", "bob"],
        "expressions": ["anger", "joy"],
        "image_size": 64,
        "latent_dim": 17,
        "versions": {"tensorflow": "2.21.0"},
        "chance": {"identity": 0.507, "expression": 0.143},
        "files": {
            "anonymizer_int8.tflite": {
                "part": "anonymizer",
                "recipe": "int8",
                "bytes": 1234567,
                "sha256": "a" * 64,
                "inputs": {"image": PICTURE},
                "outputs": {"protected": PICTURE},
                "operators": {"CONV_2D": 9},
                "difference": {"protected": {"largest": 31.5, "mean": 2.75}},
                "figures": {
                    "expression_accuracy": figure(0.8125, 0.784, 0.8384),
                    "scenario_2": figure(0.4321, 0.394, 0.471, attacker="ridge on pixels"),
                    "worse_than_keras": {"scenario_2": {"difference": -0.0123, "interval": [-0.031, 0.0074]}},
                },
            },
            "expression_float32.tflite": {
                "part": "expression",
                "recipe": "float32",
                "bytes": 99,
                "sha256": "b" * 64,
                "inputs": {"image": {**PICTURE, "dtype": "float32", "scale": 0.0, "zero_point": 0}},
                "outputs": {"probabilities": PROBABILITIES},
                "operators": {"CONV_2D": 4},
                "difference": {"probabilities": {"largest": 0.000125, "mean": 3.5e-06}},
                "figures": None,
            },
        },
        "reference": {"anonymizer": {"expression_accuracy": figure(0.8765, 0.851, 0.9)}, "encoder": {}},
        "refused": {"anonymizer_qat.tflite": "17.5 levels off, 12 are allowed\nscale of image: 0.5"},
    }


def row(card, *beginning):
    """The one table row that starts with these cells."""
    (found,) = [line for line in card.splitlines() if line.startswith(f"| {' | '.join(beginning)} |")]
    return found


def test_every_figure_of_the_record_stands_in_the_card(record):
    card = model_card(record)
    measured = card.split("### Anonymizer")[1].split("### Expression")[0].splitlines()
    assert (
        "| `anonymizer_int8.tflite` | 81.2 % [78.4, 83.8] | 43.2 % [39.4, 47.1] (attacker: ridge on pixels) |"
        in measured
    )
    assert "| `anonymizer_int8.tflite` | -1.2 points [-3.1, 0.7] |" in measured
    assert "| Keras model | 87.6 % [85.1, 90.0] | not measured |" in measured
    assert "Right by chance: identity 50.7 %, expression 14.3 %." in card
    assert row(card, "`anonymizer_int8.tflite`", "protected, in levels of 0 to 255").endswith("| 31.5 | 2.75 |")
    assert row(card, "`expression_float32.tflite`", "probabilities").endswith("| 0.000125 | 3.5e-06 |")
    assert "1,234,567" in row(card, "`anonymizer_int8.tflite`", "int8") and "a" * 64 in card and "b" * 64 in card
    assert "- `anonymizer_qat.tflite`: 17.5 levels off, 12 are allowed; scale of image: 0.5" in card
    for text in ("`faces`", "`edge`", record["data"], record["data_fingerprint"], "ann, bob", "anger, joy", "| 17 |"):
        assert text in card


def test_what_can_be_decoded_is_said_where_it_is_limited(record):
    for none in ({}, {"prototypes": 0}):
        assert "that can be decoded" not in model_card({**record, **none})
    card = model_card({**record, "prototypes": 4})
    count = 4 * len(record["expressions"])
    assert row(card, "latents that can be decoded").startswith(f"| latents that can be decoded | {count}, 4 of each")
    assert f"at most {count.bit_length() - 1:.1f} bits" in card


def test_what_is_missing_is_said_to_be_missing(record):
    assert "- `expression_float32.tflite`: not measured" in model_card(record)
    for file in record["files"].values():
        file["figures"] = file["difference"] = None
    del record["chance"], record["data"]
    record["reference"] = None
    card = model_card(record)
    assert "- Keras model: not measured\n- `anonymizer_int8.tflite`: not measured" in card
    assert "Right by chance: identity not measured, expression not measured." in card
    assert row(card, "data") == "| data | its source is not in the record |"
    assert row(card, "`expression_float32.tflite`", "probabilities").endswith("| not measured | not measured |")
    assert " %" not in card.split("## What was measured")[1].split("\n", 4)[4]


def test_a_leak_is_named(record):
    assert "Whether" not in model_card(record) and "**The identity leaks**" not in model_card(record)
    record["chance"]["identity"] = 0.39
    assert "**The identity leaks**: the whole interval lies above chance for `anonymizer_int8.tflite`." in model_card(
        record
    )
    del record["files"]["anonymizer_int8.tflite"]["figures"]["scenario_2"]
    assert "Whether the identity leaks: not measured." in model_card(record)


def test_a_figure_of_an_unknown_name_is_shown_as_it_is(record):
    figures = record["files"]["anonymizer_int8.tflite"]["figures"]
    figures |= {"linkability_auc": 0.51234, "by_light": {"dim": figure(0.6, 0.5, 0.7), "bright": None}}
    card = model_card(record)
    assert "linkability auc" in card and "| 0.5123 |" in card
    assert "| `anonymizer_int8.tflite` | 60.0 % [50.0, 70.0] | not measured |" in card


def test_the_card_warns_and_leaves_the_record_alone(record):
    before = copy.deepcopy(record)
    card = model_card(record)
    assert record == before
    for warning in ("legal sense", "A guarantee.", "closed set", "64 x 64 pixels", "on purpose", "MIT"):
        assert warning in card
    record["refused"] = {}
    assert "None was refused." in model_card(record)
