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
        "latent_names": [],
        "alpha": False,
        "prototypes": 0,
        "threshold": 0.2,
        "mirrored": True,
        "earlier_data": ["first", "runs/gone"],
        "noise": 0.0,
        "audit": None,
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
                    "scenario_2": figure(0.4321, 0.394, 0.471, "clips", attacker="ridge on pixels", p_value=0.03),
                    "worse_than_keras": {"scenario_2": {"difference": -0.0123, "interval": [-0.031, 0.0174]}},
                    "clips": 46,
                },
                "not_shown": ["scenario_2: -1.2% worse, at most +1.7%"],
            },
            "expression_float32.tflite": {
                "part": "expression",
                "recipe": "float32",
                "bytes": 99,
                "sha256": "b" * 64,
                "difference": {"probabilities": {"largest": 0.000125, "mean": 3.5e-06}},
                "figures": None,
                "not_shown": None,
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
        "| 43.2% [39.4%, 47.1%] (ridge on pixels, p = 0.0300, interval over clips); -1.2 [-3.1, +1.7] |"
    ) in measured
    assert "| Keras model | 87.6% [85.1%, 90.0%] | not measured | not measured |" in measured
    assert "images that trained nothing, 46 clips, with the 95 % interval" in card
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


def test_the_export_page_says_how_to_use_alpha_where_there_is_one(record):
    page = export_page(record)
    assert "alpha" not in page and row(page, "`image`, `protected`: [1, 128, 128, 3]")
    page = export_page({**record, "alpha": True})
    assert row(page, "`image`: [1, 128, 128, 3]") and row(page, "`protected`: [1, 128, 128, 4]")
    assert 'protect("photo.png", target="ann", alpha=True).save("head.png")' in page
    assert "\n\n\n" not in page and "before middle grey (128)" in page


def test_the_number_of_possible_latents_is_given_where_it_is_limited(record):
    card = model_card(record)
    assert "that can be decoded" not in card and "Head pose and light are partly kept" in card
    card = model_card({**record, "prototypes": 4})
    count = 4 * len(record["expressions"])
    begin = f"| different latents that can be decoded | {count}, 4 of each"
    assert row(card, "different latents that can be decoded").startswith(begin)
    assert f"at most {count.bit_length() - 1:.1f} bits" in card and "Head pose" not in card


def test_what_is_left_out_of_a_latent_is_on_the_card(record):
    assert row(model_card(record), "what is left out of a latent").endswith("numbers below 0.2: they become 0 |")
    knowing = row(model_card({**record, "latent_names": ["joy", "yaw"]}), "what is left out of a latent")
    assert knowing.endswith("numbers below 0.2, but for what the strengths of expressions imply: they become 0 |")
    assert "left out of a latent" not in model_card({**record, "threshold": 0.0})
    assert "read | twice" in model_card(record)
    assert "read | twice" not in model_card({**record, "mirrored": False})


def test_what_weights_had_learnt_from_before_is_on_the_card(record):
    assert row(model_card(record), "what the weights had learnt from before").endswith("| `first`, `runs/gone` |")
    assert "learnt from before" not in model_card({**record, "earlier_data": []})


def test_what_a_latent_says_is_on_the_card_where_it_is_known(record):
    assert "what its numbers say" not in model_card(record)
    card = model_card({**record, "latent_names": ["joy", "yaw"]})
    assert row(card, "what its numbers say (angles in tens of degrees)").endswith("| joy, yaw |")
    assert "gaze and mouth are kept, too: on purpose" in card and "partly kept" not in card


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
    assert "not measured." not in model_card(record)
    leak = "**The identity leaks**: attackers name more than by exchanged names for `anonymizer_int8.tflite`."
    assert leak in model_card(record)
    figures = record["files"]["anonymizer_int8.tflite"]["figures"]
    figures["scenario_2"]["p_value"] = 0.06
    assert leak not in model_card(record) and "No attack names more than by exchanged names." in model_card(record)
    del figures["scenario_2"]
    assert "Whether the identity leaks was not measured." in model_card(record)


def test_of_which_files_a_loss_was_not_excluded_is_said(record):
    line = "- `anonymizer_int8.tflite`: scenario_2: -1.2% worse, at most +1.7%"
    assert line in export_page(record).splitlines()
    record["files"]["anonymizer_int8.tflite"]["not_shown"] = []
    assert "too few" not in export_page(record)


def test_noise_that_the_files_lack_is_said_on_both_pages(record):
    for page in (export_page, model_card):
        assert "noise is not in the files" not in page(record)
        assert "**The noise is not in the files.**" in page({**record, "noise": 1.0})
        assert "noise of scale 1." in page({**record, "noise": 1.0})


AUDIT = {
    "verdict": "no leak found",
    "reason": "none of 111 attacks tells more than nothing",
    "questions": {
        "named": {
            "answered": False,
            "p_value": 0.25,
            "error": 0.0125,
            "attacker": "logistic on mean",
            "attackers": 30,
            "least_seen": 0.04,
        }
    },
    "encoder": {"verdict": "leaks", "reason": "who it is can be found out", "questions": {}},
    "release": {"kind": "prototypes", "name": "prototypes:1", "discrete": True, "codes": 7},
    "quick": True,
    "n_test": 840,
    "target_policy": "uniform",
    "table_pictures": 56,
    "better_than_table": False,
    "beats_table": {"motion": [-0.123, 0.012], "expression": [-0.0342, 0.0012]},
    "distinct_pictures_per_target": 7,
}


def verdict_of(record, **changed):
    """The section of the card that has the verdict."""
    card = model_card({**record, "audit": {**AUDIT, **changed}})
    return card.split("## Verdict of the audit\n\n")[1].split("## Intended use")[0]


def test_the_card_has_the_verdict_of_the_runs_audit(record):
    verdict = verdict_of(record)
    assert verdict.splitlines()[:2] == [
        "**No better than a table of 56 pictures**, which need no generator.",
        "**No leak found**: none of 111 attacks tells more than nothing. This is said of what leaves the device for a "
        "picture:",
    ]
    for text in (
        "`prototypes:1`, one of 7 codes. 840 images were tested; target policy: uniform. It was a quick audit",
        "| who it is can be found out from one picture | not shown | 0.2500 | 0.0125 | logistic on mean, of 30 |",
        "What the encoder knows: leaks: who it is can be found out.",
        "95 % intervals: -0.12 to +0.01 of R² in motion, -0.034 to +0.001 of the accuracy of the expression.",
        "shown in 7 different pictures.",
    ):
        assert text in " ".join(verdict.split())


def test_the_card_compares_with_a_table_as_far_as_is_known(record):
    better = verdict_of(record, better_than_table=True, quick=False, encoder=None)
    assert "It is better than a table of 56 pictures." in better and "No better" not in better
    assert "quick" not in better and "encoder knows" not in better
    unknown = verdict_of(record, better_than_table=None, beats_table={"motion": None, "expression": [0.01, 0.02]})
    assert "Whether it is better than a table of 56 pictures is not known" in unknown and "R²" not in unknown


def test_a_run_without_an_audit_is_said_to_have_none(record):
    card = model_card(record)
    assert "**Not audited**: no audit of this run with these weights was found." in card
    assert "`python evaluate.py RUN` makes one" in card


def test_the_card_warns_and_leaves_the_record_alone(record):
    before = copy.deepcopy(record)
    card = model_card(record)
    assert record == before
    for warning in ("legal sense", "A guarantee.", "closed set", "128 x 128 pixels", "on purpose", "MIT"):
        assert warning in card
