"""Runs, a sweep and baselines come to one plot, and what was measured is not measured again."""

import csv
import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from helpers import run_script

from vgan_tf.comparison import frontier
from vgan_tf.comparison.plot import frontier_figure, frontier_svg, pareto
from vgan_tf.comparison.table import markdown_table, point
from vgan_tf.errors import InputError
from vgan_tf.run import open_run


def figure(accuracy):
    return {"accuracy": accuracy, "interval": [max(0.0, accuracy - 0.03), min(1.0, accuracy + 0.03)]}


def evaluation(identity=0.4, latent=0.5, by_originals=0.8, by_protected=0.9):
    def scenario(**attackers):
        return {"attackers": {name: figure(accuracy) for name, accuracy in attackers.items()}}

    return {
        "privacy": {
            "scenario_1": scenario(CNN=0.2),
            "scenario_2": scenario(CNN=0.3, ridge=identity),
            "scenario_3": None if latent is None else scenario(MLP=latent),
        },
        "utility": {
            "original_to_protected": figure(by_originals),
            "protected_to_protected": figure(by_protected),
            "target_success": None if latent is None else figure(0.95),
            "intensity_r2": {"protected_by_original": 0.5, "protected": by_protected - 0.1},
        },
    }


def result(points):
    levels = {"chance": 1 / 6, "chance_expression": 1 / 7, "n_test": 630, "people": 6}
    return {**levels, "quick": True, "seeds": [0], "left_out": ["k-same-10"], "points": points}


@pytest.fixture
def measurements(monkeypatch):
    """Replace attackers and readers by fixed figures; the list of the dumps that were measured."""
    seen = []

    def identity_attacks(dump, seeds, quick, progress):
        seen.append(dump)
        return {
            name: {"attacker": [dump.id_test]} if name != "scenario_3" else {}
            for name in frontier.reidentification.SCENARIOS
        }

    def utility_figures(dump, seeds, quick, progress):
        return evaluation(latent=dump.mu_test if dump.mu_test is None else 0.5)["utility"], {}

    monkeypatch.setattr(frontier.reidentification, "identity_attacks", identity_attacks)
    monkeypatch.setattr(frontier.utility, "utility_figures", utility_figures)
    return seen


def test_a_point_is_the_strongest_attack_and_the_strongest_on_images():
    one = point("run", "runs", [evaluation()])
    assert (one["identity"]["attacker"], one["identity"]["accuracy"]) == ("MLP", 0.5)
    assert (one["identity_from_images"]["attacker"], one["identity_from_images"]["accuracy"]) == ("ridge", 0.4)
    assert one["expression"]["original"]["accuracy"] == 0.8 and one["expression"]["protected"]["accuracy"] == 0.9
    without = point("blur-1", "blur", [evaluation(latent=None)])
    assert without["identity"] == without["identity_from_images"] and without["identity_from_latents"] is None
    assert one["identity_from_latents"] == one["identity"] and without["target_success"] is None
    assert one["intensity_r2"]["original"] == {"r_squared": 0.5, "interval": None}


def test_runs_of_several_seeds_are_one_point_whose_interval_covers_their_spread():
    shares = (0.40, 0.44, 0.48)
    one = point("run", "runs", [evaluation(identity=share, by_protected=share + 0.4) for share in shares])
    images = one["identity_from_images"]
    assert (one["runs"], images["lowest"], images["highest"]) == (3, 0.40, 0.48)
    assert images["accuracy"] == pytest.approx(0.44) and images["attacker"] == "ridge"
    # Student's 4.30265 times 0.04 / sqrt(3), and the 0.03 of the test set.
    assert images["interval"] == pytest.approx([0.44 - 0.10378, 0.44 + 0.10378], abs=1e-4)
    assert one["identity_from_latents"]["interval"] == pytest.approx([0.47, 0.53])
    intensity = one["intensity_r2"]["protected"]
    assert intensity["r_squared"] == pytest.approx(0.74)
    assert intensity["interval"] == pytest.approx([0.74 - 0.09937, 0.74 + 0.09937], abs=1e-4)
    table = markdown_table(result([one, point("blur-1", "blur", [evaluation(1.0, None)])]))
    lines = table.splitlines()
    assert (
        "target success" in lines[0] and "intensity, prot." in lines[0] and len({len(line) for line in lines[:4]}) == 1
    )
    assert lines[2].startswith("| run (3 seeds) |")
    assert "44.0 [33.6, 54.4]" in lines[2] and "0.74 [0.64, 0.84]" in lines[2]
    assert lines[3].startswith("| blur-1 ") and " - |" in lines[3] and "k-same-10" in table


def test_a_run_and_baselines_are_measured_once_and_plotted(trained_folder, measurements, tmp_path):
    out = tmp_path / "frontier"
    found, _ = frontier.frontier([trained_folder], out, "blur-1,k-same-2,k-same-10,label-only", progress=print)
    assert [one["name"] for one in found["points"]] == [trained_folder.name, "blur-1", "k-same-2", "label-only"]
    assert found["left_out"] == ["k-same-10"] and found["quick"] is True
    assert all(one["identity"]["accuracy"] == 1 for one in found["points"]) and len(measurements) == 4
    assert measurements[0].mu_test is not None and measurements[1].mu_test is None
    assert json.loads((out / "frontier.json").read_text()) == found
    with open(out / "frontier.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["series"] for row in rows] == ["runs", "blur", "k-same", "label only"]
    assert float(rows[0]["identity"]) == 1 and float(rows[0]["expression_trained_on_original"]) == 0.8
    assert float(rows[0]["target_success"]) == 0.95 and rows[1]["target_success"] == rows[1]["target_success_low"] == ""
    assert (out / "frontier.md").read_text(encoding="utf-8") == frontier.frontier_summary(found)
    ElementTree.parse(out / "frontier.svg")

    again, _ = frontier.frontier([trained_folder], out, "blur-1,k-same-2,k-same-10,label-only", progress=print)
    assert again == found and len(measurements) == 4
    frontier.frontier([trained_folder], out, "blur-1", quick=False)
    assert len(measurements) == 6


def test_runs_of_other_seeds_are_put_together_and_need_no_baselines(trained_folder, measurements, tmp_path):
    folders = [trained_folder]
    for seed in (1, 2):
        folders.append(tmp_path / f"{trained_folder.name}-seed{seed}")
        shutil.copytree(trained_folder, folders[-1])
        record = json.loads((folders[-1] / "config.json").read_text())
        record["config"]["seed"] = seed
        (folders[-1] / "config.json").write_text(json.dumps(record))
    found, _ = frontier.frontier(folders, tmp_path / "out", baselines="", progress=print)
    assert len(measurements) == 3 and len(found["points"]) == 1
    assert (found["points"][0]["runs"], found["points"][0]["name"]) == (3, trained_folder.name)
    again = tmp_path / "again"
    shutil.copytree(folders[1], again)
    with pytest.raises(InputError, match="same configuration and seed"):
        frontier.frontier([*folders, again], tmp_path / "out", baselines="")


def test_a_run_with_noise_on_its_latents_is_a_series(trained_folder, measurements, tmp_path):
    found, out = frontier.frontier([trained_folder], tmp_path / "out", baselines="", noise="0.001,9", progress=print)
    names = [(one["series"], one["name"]) for one in found["points"]]
    assert names == [("runs", trained_folder.name), ("latent_noise", "0.001"), ("latent_noise", "9")]
    plain, little, much = measurements
    assert little.mu_test is None and little.strangers.mu is None and little.z_train is not None
    assert np.abs(little.z_test - plain.mu_test).max() < 0.01 and np.std(much.z_test - plain.mu_test) > 8
    errors = [np.abs(one.p_test.astype(int) - plain.p_test).mean() for one in (little, much)]
    assert errors[0] < 1 < errors[1] and np.array_equal(plain.c_test, much.c_test)
    assert "latent noise 0.001" in (out / "frontier.svg").read_text(encoding="utf-8")
    for wrong in ("little", "0", "-1", "inf", "nan"):
        with pytest.raises(InputError, match="--noise"):
            frontier.frontier([trained_folder], tmp_path / "out", noise=wrong)


def test_a_run_with_prototypes_is_a_series(trained_folder, measurements, tmp_path):
    found, out = frontier.frontier([trained_folder], tmp_path / "out", baselines="", prototypes="0,1,3", progress=print)
    names = [(one["series"], one["name"]) for one in found["points"]]
    assert names == [("runs", trained_folder.name), ("prototypes", "0"), ("prototypes", "1"), ("prototypes", "3")]
    plain, none, one, three = measurements
    np.testing.assert_array_equal(none.p_test, plain.p_test)
    for dump, most in ((one, 7), (three, 21)):
        every = np.concatenate([dump.mu_train, dump.mu_test, dump.z_test, dump.strangers.mu])
        assert 1 < len(np.unique(every, axis=0)) <= most and np.array_equal(dump.c_test, plain.c_test)
    assert "prototypes=3" in (out / "frontier.md").read_text(encoding="utf-8")
    for wrong in ("few", "-1", "1.5", "1,"):
        with pytest.raises(InputError, match="--prototypes"):
            frontier.frontier([trained_folder], tmp_path / "out", prototypes=wrong)


def test_names_of_runs():
    folders = [frontier.Path(one) for one in ("a/edge/seed0", "a/edge/seed1", "a/demo/seed0", "a/last")]
    names = frontier.short_names(folders)
    assert names == ["edge-seed0", "edge-seed1", "demo-seed0", "a-last"]
    assert frontier.short_names(folders[1:]) == ["seed1", "seed0", "last"]
    assert frontier.name_of_group(["demo-seed=0", "demo-seed=1"]) == frontier.name_of_group(["demo", "demo1"]) == "demo"
    assert frontier.name_of_group(["first", "second"]) == "first" and frontier.name_of_group(["edge-2"]) == "edge-2"


def test_a_runs_own_evaluation_serves_where_it_is_of_the_same_kind(trained_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained_folder, folder)
    settings = {"seeds": [0], "quick": True}
    assert frontier.evaluated(folder, settings) is None
    path = folder / "evaluation" / "evaluation.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**evaluation(), **settings, "target_policy": "uniform"}))
    assert frontier.evaluated(folder, settings)["utility"] == evaluation()["utility"]
    assert frontier.evaluated(folder, {"seeds": [0], "quick": False}) is None
    assert frontier.evaluated(folder, {"seeds": [0, 1], "quick": True}) is None
    newer = path.stat().st_mtime + 10
    os.utime(folder / "model.weights.h5", (newer, newer))
    assert frontier.evaluated(folder, settings) is None


def test_a_sweep_trains_what_is_missing(tmp_path, monkeypatch):
    trained = []

    def train(run, faces):
        trained.append((run.folder.name, run.config.latent_dependence_weight, run.config.epochs))
        run.save_config()
        run.classifier_path.write_bytes(b"")

    monkeypatch.setattr(frontier.training, "train", train)
    sweep = "latent_dependence_weight=0,2.5"
    key, folders = frontier.train_sweep(sweep, "tiny", tmp_path, epochs=1)
    assert key == "latent_dependence_weight" and list(folders) == ["0", "2.5"]
    assert trained == [("latent_dependence_weight=0", 0.0, 1), ("latent_dependence_weight=2.5", 2.5, 1)]
    assert open_run(folders["2.5"]).config.latent_dependence_weight == 2.5
    (folders["0"] / "expression.weights.h5").unlink()
    frontier.train_sweep("latent_dependence_weight=0,2.5,5", "tiny", tmp_path, epochs=1)
    assert [name.rpartition("=")[2] for name, _, _ in trained[2:]] == ["0", "5"]
    with pytest.raises(InputError, match="another configuration"):
        frontier.train_sweep(sweep, "tiny", tmp_path, epochs=2)
    for wrong in ("latent_dependence_weight", "no_such_weight=1", "latent_dependence_weight=1,-1"):
        with pytest.raises(InputError):
            frontier.train_sweep(wrong, "tiny", tmp_path)
    assert len(trained) == 4


def test_runs_of_other_data_and_unknown_baselines_are_refused(trained_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained_folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "data_fingerprint": "another"}))
    with pytest.raises(InputError, match="other data"):
        frontier.frontier([trained_folder, other], tmp_path / "out")
    with pytest.raises(InputError, match="'mist'"):
        frontier.frontier([trained_folder], tmp_path / "out", "mist")
    with pytest.raises(InputError, match="--sweep"):
        frontier.frontier([], tmp_path / "out")


def test_baselines_are_audited_each_into_its_folder(trained_folder, tmp_path, monkeypatch):
    audited = {}

    def audit(dump, out, **options):
        audited[out.name] = (dump, options)
        return {"verdict": "leaks"}

    monkeypatch.setattr(frontier, "audit", audit)
    results = frontier.audit_baselines([trained_folder], "none,pixelate-8", tmp_path, quick=True)
    assert list(results) == list(audited) == ["none", "pixelate-8"]
    dump, options = audited["none"]
    assert (dump.p_test == dump.x_test).all() and options == {"quick": True}
    dump.save(tmp_path / "dump.npz")
    frontier.audit_baselines([tmp_path / "dump.npz"], "label-only", tmp_path, external=True)
    assert len({image.tobytes() for image in audited["label-only"][0].p_test}) == 7


def test_the_plot_names_every_point_once_in_each_panel_and_escapes():
    points = [point("a<b$", "runs", [evaluation()])]
    points += [point(value, "kl_weight", [evaluation(share, None)]) for value, share in (("0", 0.9), ("1", 0.6))]
    for name, series in (("none", "none"), ("blur-1", "blur"), ("blur-2", "blur"), ("label-only", "label only")):
        points.append(point(name, series, [evaluation(1.0, None, 0.9)]))
    figure, svg = frontier_figure(result(points)), frontier_svg(result(points))
    for axes in figure.axes:
        texts = [text.get_text() for text in axes.texts]
        for label in ("a<b$", "kl 0", "1", "the aim", "none", "blur-1", "blur-2", "label-only", "guessing a person"):
            assert texts.count(label) == 1, label
    assert not re.search(r"<script|(?:href=.|url\()(?!#)|<metadata", svg) and "Hollow" in svg
    ElementTree.fromstring(svg)
    with matplotlib.rc_context({"font.size": 30}):
        assert frontier_svg(result(points)) == svg
    without_latents = [point("none", "none", [evaluation(latent=None)])]
    assert "Hollow" not in frontier_svg(result(without_latents))
    assert "kl_weight=1" in frontier.frontier_summary(result(points))


def test_labels_of_many_points_overlap_nowhere_and_stay_on_the_plot():
    shares = {"none": (1.0, 0.9), "label-only": (0.17, 1.0)}
    shares |= {f"{kind}-{step}": (1.0, 0.9 - step / 10) for kind in ("blur", "pixelate") for step in range(5)}
    shares |= {f"noise-{step}": (1 - 0.1 * step, 0.95 - 0.2 * step) for step in range(4)}
    series = {"pixelate": "pixelation", "label": "label only"}
    points = [
        point("a run", "runs", [evaluation(0.41, 0.54, 0.94)] * 3),
        point("edge", "runs", [evaluation(0.22, 0.31, 0.92)]),
    ]
    points += [point(str(w), "kl_weight", [evaluation(0.3 + w / 10, 0.4 + w / 10, 0.94 - w / 100)]) for w in range(5)]
    for name, (identity, expression) in shares.items():
        kind = name.partition("-")[0]
        points.append(point(name, series.get(kind, kind), [evaluation(identity, None, expression)]))
    assert len(points) > 20
    figure = frontier_figure(result(points))
    for axes in figure.axes:
        labels = [one for one in axes.texts if one.get_text()]
        assert len(labels) == len(points) + 3, "with the aim and what guessing gets"
        boxes = [one.get_window_extent() for one in labels]
        for number, box in enumerate(boxes):
            crossed = [other.get_text() for other, its in zip(labels, boxes, strict=True) if box.overlaps(its)]
            assert crossed == [labels[number].get_text()]
            assert figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1)


def test_the_frontier_is_what_nothing_beats():
    places = [(1, 1), (3, 5), (2, 3), (4, 5), (3, 2), (2, 3), (1, 0)]
    assert pareto(places) == [(1, 1), (2, 3), (3, 5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--frontier", "run", "--out", "x"), "one of them"),
        (("--frontier",), "--out"),
        (("run", "--baseline", "none"), "--out"),
        (("run", "--sweep", "kl_weight=1"), "--frontier"),
        (("--frontier", "--sweep", "kl_weight=1", "--out", "x", "--noise", "1"), "--frontier RUN"),
        (("--frontier", "run", "--out", "x", "--epochs", "1"), "--sweep"),
        (("run", "--prototypes", "1,2"), "one whole number"),
        (("run", "--prototypes", "1", "--baseline", "none", "--out", "x"), "no --baseline"),
        (("--frontier", "--sweep", "kl_weight=1", "--out", "x", "--prototypes", "1"), "--frontier RUN"),
        (("--frontier", "run", "--out", "x", "--no-baselines", "--baseline", "blur-1"), "one of them"),
    ],
)
def test_flags_that_do_not_fit_are_refused(arguments, message, capsys):
    assert run_script("evaluate.py", *arguments) == 2
    assert message in capsys.readouterr().err
