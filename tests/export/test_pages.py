"""The pages say what the record says: every figure, and which figures are missing."""

import copy

import pytest

from export.pages import export_page, model_card


def figure(accuracy, low, high, over="images", **more):
    return {**more, "accuracy": accuracy, "interval": [low, high], "interval_over": over}


@pytest.fixture
def record():
    """A record with an anonymizer and an expression classifier of one recipe each, and one refused file."""
    return {
        "run": "faces",
        "preset": "edge",
        "training_data": "avatars:identities=2,images=4200,seed=1",
        "training_data_fingerprint": "f00d" * 16,
        "data": "elsewhere",
        "data_fingerprint": "beef" * 16,
        "identities": ["ann", "bob"],
        "expressions": ["anger", "joy"],
        "image_size": 128,
        "latent_dim": 17,
        "prototypes": 0,
        "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        "chance": {"identity": 0.507, "expression": 0.143},
        "files": {
            "anonymizer_int8.tflite": {
                "part": "anonymizer",
                "recipe": "int8",
                "bytes": 1234567,
                "sha256": "a" * 64,
                "difference": {"protected": {"largest": 31.5, "mean": 2.75}},
                "figures": {
                    "expression_accuracy": figure(0.8125, 0.784, 0.8384),
                    "scenario_2": figure(0.4321, 0.394, 0.471, "clips", attacker="ridge on pixels"),
                    "worse_than_keras": {"scenario_2": {"difference": -0.0123, "interval": [-0.031, 0.0074]}},
                },
            },
            "expression_float32.tflite": {
                "part": "expression",
                "recipe": "float32",
                "bytes": 99,
                "sha256": "b" * 64,
                "difference": {"probabilities": {"largest": 0.000125, "mean": 3.5e-06}},
                "figures": None,
            },
        },
        "reference": {"anonymizer": {"expression_accuracy": figure(0.8765, 0.851, 0.9)}, "encoder": {}},
        "refused": {"anonymizer_qat.tflite": "17.5 levels off, 12 are allowed\nscale of image: 0.5"},
    }


def row(page, beginning):
    """The one table row that starts with this cell."""
    (found,) = [line for line in page.splitlines() if line.startswith(f"| {beginning} |")]
    return found


def test_every_figure_of_the_record_is_in_the_card(record):
    card = model_card(record)
    measured = card.split("### Anonymizer")[1].split("### Expression")[0].splitlines()
    assert measured[2].split(" | ")[1:] == [
        "expression recognized in protected faces",
        "protected face recognized as its target",
        "identity recognized in protected faces |",
    ]
    assert (
        "| `anonymizer_int8.tflite` | 81.2% [78.4%, 83.8%] | not measured "
        "| 43.2% [39.4%, 47.1%] (ridge on pixels, interval over clips); -1.2 [-3.1, +0.7] |"
    ) in measured
    assert "| Keras model | 87.6% [85.1%, 90.0%] | not measured | not measured |" in measured
    assert "By chance, 50.7% of identities and 14.3% of expressions are right." in card
    for text in ("`faces`", "`edge`", record["data"], record["data_fingerprint"], "ann, bob", "anger, joy", "| 17 |"):
        assert text in card
    for text in (record["training_data"], record["training_data_fingerprint"], "tensorflow 2.21.0, keras 3.15.1 |"):
        assert text in card


def test_the_export_page_has_a_row_for_each_file(record):
    page = export_page(record)
    made = row(page, "`anonymizer_int8.tflite`").split(" | ")
    assert made[1:4] == ["1,234,567", "31.5 of 255 levels", "2.75"]
    assert made[4].startswith("expression accuracy 81.2% [78.4%, 83.8%];") and "scenario 2 43.2% [39.4%, 47.1%]" in page
    assert row(page, "`expression_float32.tflite`").endswith("| 99 | 0.000125 in probability | 3.5e-06 | |")
    refused = "| `anonymizer_qat.tflite` | refused | | | 17.5 levels off, 12 are allowed; scale of image: 0.5 |"
    assert row(page, "`anonymizer_qat.tflite`") == refused
    for text in ("[1, 128, 128, 3]", "[1, 2], in the order of identities.txt", "[1, 17]", 'target="ann"'):
        assert text in page


def test_the_number_of_possible_latents_is_given_where_it_is_limited(record):
    card = model_card(record)
    assert "that can be decoded" not in card and "Head pose and light are partly kept" in card
    card = model_card({**record, "prototypes": 4})
    count = 4 * len(record["expressions"])
    begin = f"| different latents that can be decoded | {count}, 4 of each"
    assert row(card, "different latents that can be decoded").startswith(begin)
    assert f"at most {count.bit_length() - 1:.1f} bits" in card and "Head pose" not in card


def test_what_is_missing_is_said_to_be_missing(record):
    assert row(model_card(record), "`expression_float32.tflite`").endswith("| not measured | not measured |")
    for file in record["files"].values():
        file["figures"] = None
    record["chance"] = record["reference"] = None
    card = model_card(record)
    for name in ("Keras model", "`anonymizer_int8.tflite`"):
        assert f"| {name} | not measured | not measured | not measured |" in card
    assert "Nothing was measured." in card
    assert "%" not in card.split("## Results")[1].replace("95 %", "")


def test_a_leak_is_named(record):
    assert "not measured." not in model_card(record) and "**The identity leaks**" not in model_card(record)
    record["chance"]["identity"] = 0.39
    leak = "**The identity leaks**: the whole interval is above chance for `anonymizer_int8.tflite`."
    assert leak in model_card(record)
    del record["files"]["anonymizer_int8.tflite"]["figures"]["scenario_2"]
    assert "Whether the identity leaks was not measured." in model_card(record)


def test_the_card_warns_and_leaves_the_record_alone(record):
    before = copy.deepcopy(record)
    card = model_card(record)
    assert record == before
    for warning in ("legal sense", "A guarantee.", "closed set", "128 x 128 pixels", "on purpose", "MIT"):
        assert warning in card
