"""Runs, a sweep and baselines come to one plot, and what was measured is not measured again."""

import csv
import dataclasses
import functools
import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from helpers import run_script

from vgan_tf.comparison import frontier, sweep
from vgan_tf.comparison.plot import frontier_figure, frontier_svg, pareto
from vgan_tf.comparison.table import markdown_table, point
from vgan_tf.errors import InputError

pytestmark = pytest.mark.usefixtures("few_companions")


def figure(accuracy):
    return {"accuracy": accuracy, "interval": [max(0.0, accuracy - 0.03), min(1.0, accuracy + 0.03)]}


def evaluation(identity=0.4, latent=0.5, by_originals=0.8, by_protected=0.9):
    def scenario(**attackers):
        return {"attackers": {name: figure(accuracy) for name, accuracy in attackers.items()}}

    return {
        "privacy": {
            "scenario_1": scenario(CNN=0.2),
            "scenario_2": scenario(CNN=0.3, ridge=identity),
            "scenario_3": None if latent is None else scenario(MLP=0.99),
            "release": None if latent is None else scenario(logistic=latent),
        },
        "utility": {
            "original_to_protected": figure(by_originals),
            "protected_to_protected": figure(by_protected),
            "target_success": None if latent is None else figure(0.95),
            "motion": {"protected": {"within_expression_r2": by_protected - 0.1, "intensity_within_r2": None}},
            "distinct_pictures_per_target": 7,
        },
    }


def result(points):
    levels = {"chance": 1 / 6, "chance_expression": 1 / 7, "n_test": 630, "people": 6}
    return {**levels, "quick": True, "seeds": [0], "left_out": ["k-same-10"], "points": points}


@pytest.fixture
def measurements(monkeypatch):
    """Replace attackers and classifiers by fixed figures, load a run once; the list of the dumps that were measured."""
    seen = []

    def identity_attacks(dump, seeds, quick, progress, decode):
        assert (decode is None) == (dump.train.mu is None), "the generator of runs alone"
        seen.append(dump)
        right = np.eye(len(dump.identities))[dump.tested.id]
        return {
            name: {"attacker": [right]} if name != "scenario_3" else {} for name in frontier.reidentification.SCENARIOS
        }

    def utility_figures(dump, seeds, quick, progress, of_originals):
        assert not quick, "the classifiers of a full audit"
        of_originals.setdefault(0, None)
        return evaluation(latent=dump.test.mu if dump.test.mu is None else 0.5)["utility"], {}

    monkeypatch.setattr(frontier, "load_run", functools.cache(frontier.load_run))
    monkeypatch.setattr(frontier.reidentification, "identity_attacks", identity_attacks)
    monkeypatch.setattr(frontier, "utility_figures", utility_figures)
    monkeypatch.setattr(frontier, "train_classifier", lambda dump, learnt, source, seed: None)
    monkeypatch.setattr(frontier, "table_dumps", lambda dump, classifier: {})  # test_baselines.py has them
    return seen


def test_a_point_is_the_strongest_attack_on_what_leaves_the_device():
    one = point("run", "runs", [evaluation()])
    assert (one["identity"]["attacker"], one["identity"]["accuracy"]) == ("logistic", 0.5)
    assert (one["identity_from_images"]["attacker"], one["identity_from_images"]["accuracy"]) == ("ridge", 0.4)
    assert one["identity_from_release"] == one["identity"] and one["identity_from_latents"]["accuracy"] == 0.99
    assert one["expression"]["original"]["accuracy"] == 0.8 and one["expression"]["protected"]["accuracy"] == 0.9
    without = point("blur-1", "blur", [evaluation(latent=None)])
    assert without["identity"] == without["identity_from_images"] and without["identity_from_latents"] is None
    assert without["identity_from_release"] is None and without["target_success"] is None
    assert one["motion"] == {"r_squared": pytest.approx(0.8), "interval": None} and one["strength"] is None
    assert one["pictures"] == 7


def test_runs_of_several_seeds_are_one_point_whose_interval_covers_their_spread():
    shares = (0.40, 0.44, 0.48)
    one = point("run", "runs", [evaluation(identity=share, by_protected=share + 0.4) for share in shares])
    images = one["identity_from_images"]
    assert (one["runs"], images["lowest"], images["highest"]) == (3, 0.40, 0.48)
    assert images["accuracy"] == pytest.approx(0.44) and images["attacker"] == "ridge"
    # Student's 4.30265 times 0.04 / sqrt(3), and the 0.03 of the test set.
    assert images["interval"] == pytest.approx([0.44 - 0.10378, 0.44 + 0.10378], abs=1e-4)
    assert one["identity_from_release"]["interval"] == pytest.approx([0.47, 0.53])
    motion = one["motion"]
    assert motion["r_squared"] == pytest.approx(0.74)
    assert motion["interval"] == pytest.approx([0.74 - 0.09937, 0.74 + 0.09937], abs=1e-4)
    table = markdown_table(result([one, point("blur-1", "blur", [evaluation(1.0, None)])]))
    lines = table.splitlines()
    assert "target success" in lines[0] and "motion" in lines[0] and "strength" not in lines[0]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[2].startswith("| run (3 seeds) |")
    assert "44.0 [33.6, 54.4]" in lines[2] and "0.74 [0.64, 0.84]" in lines[2]
    assert lines[3].startswith("| blur-1 ") and " - |" in lines[3] and "k-same-10" in table


def test_a_run_and_baselines_are_measured_once_and_plotted(trained_folder, measurements, tmp_path):
    out, names = tmp_path / "frontier", "blur-1,k-same-2,k-same-10,label-only"
    found = frontier.compare([trained_folder], out, names)
    assert [one["name"] for one in found["points"]] == [trained_folder.name, "blur-1", "k-same-2", "label-only"]
    assert found["left_out"] == ["k-same-10"] and found["quick"] is True
    assert all(one["identity"]["accuracy"] == 1 for one in found["points"]) and len(measurements) == 4
    assert measurements[0].test.mu is not None and measurements[1].test.mu is None
    assert json.loads((out / "frontier.json").read_text()) == found
    with open(out / "frontier.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["series"] for row in rows] == ["runs", "blur", "k-same", "label only"]
    assert float(rows[0]["identity"]) == 1 and float(rows[0]["expression_trained_on_original"]) == 0.8
    assert float(rows[0]["target_success"]) == 0.95 and rows[1]["target_success"] == rows[1]["target_success_low"] == ""
    assert (out / "frontier.md").read_text(encoding="utf-8") == markdown_table(found)
    ElementTree.parse(out / "frontier.svg")

    assert frontier.compare([trained_folder], out, names) == found and len(measurements) == 4
    frontier.compare([trained_folder], out, "blur-1", quick=False)
    assert len(measurements) == 6


def copies_with_seeds(folder, out, seeds):
    """Copies of a run folder whose configurations have other seeds: list of Paths."""
    folders = [out / f"{folder.name}-seed{seed}" for seed in seeds]
    for copy, seed in zip(folders, seeds, strict=True):
        shutil.copytree(folder, copy)
        record = json.loads((copy / "config.json").read_text())
        record["config"]["seed"] = seed
        (copy / "config.json").write_text(json.dumps(record))
    return folders


def test_runs_of_other_seeds_are_put_together_and_need_no_baselines(trained_folder, measurements, tmp_path):
    folders = [trained_folder, *copies_with_seeds(trained_folder, tmp_path, (1, 2))]
    found = frontier.compare(folders, tmp_path / "out", baselines="none")
    assert len(measurements) == 3 and len(found["points"]) == 1
    assert (found["points"][0]["runs"], found["points"][0]["name"]) == (3, trained_folder.name)
    again = tmp_path / "again"
    shutil.copytree(folders[1], again)
    with pytest.raises(InputError, match="same configuration and seed"):
        frontier.compare([*folders, again], tmp_path / "out", baselines="none")


def test_a_run_with_noise_on_its_latents_is_a_series(trained_folder, measurements, tmp_path):
    releases = ["noise:0.001", "noise:9"]
    found = frontier.compare([trained_folder], tmp_path / "out", "none", releases)
    names = [(one["series"], one["name"]) for one in found["points"]]
    name = trained_folder.name
    assert names == [("runs", name), *((f"{name} release", release) for release in releases)]
    plain, little, much = measurements
    assert np.array_equal(little.test.mu, plain.test.mu) and much.release == "noise:9"
    assert np.abs(little.test.r - plain.test.mu).max() < 0.01 and np.std(much.test.r - plain.test.mu) > 8
    errors = [np.abs(one.test.p.astype(int) - plain.test.p).mean() for one in (little, much)]
    assert errors[0] < 1 < errors[1] and np.array_equal(plain.test.c, much.test.c)
    assert f"| {name} release=noise:9 " in (tmp_path / "out" / "frontier.md").read_text(encoding="utf-8")


def test_every_run_is_measured_with_each_release(trained_folder, measurements, tmp_path):
    folders = [trained_folder, *copies_with_seeds(trained_folder, tmp_path, [1])]
    releases = ["latent", "prototypes:1", "prototypes:3"]
    found = frontier.compare(folders, tmp_path / "out", "none", releases)
    assert [(one["name"], one["runs"]) for one in found["points"]] == [
        (trained_folder.name, 2),
        *((release, 2) for release in releases),
    ]
    own, latent, one, three = (measurements[number : number + 2] for number in (0, 2, 4, 6))
    for number in range(2):
        np.testing.assert_array_equal(latent[number].test.p, own[number].test.p)
        for dump, most in ((one[number], 7), (three[number], 21)):
            assert 1 < len(dump.codes) <= most and np.array_equal(dump.test.c, own[number].test.c)
            assert len(np.unique(dump.test.mu, axis=0)) > most


def test_dumps_stand_beside_runs(trained_folder, measurements, tmp_path):
    dump = frontier.source_dump(frontier.named([trained_folder])[0])[0].without("c", "mu", "z", "r")
    inverted = dump.changed(lambda images: dataclasses.replace(images, p=255 - images.x))
    inverted.save(tmp_path / "inverted.npz")
    paths = [tmp_path / "inverted.npz", trained_folder]
    found = frontier.compare(paths, tmp_path / "out", "label-only", ["prototypes:1"])
    assert [one["name"] for one in found["points"]] == [trained_folder.name, "prototypes:1", "inverted", "label-only"]
    np.testing.assert_array_equal(measurements[2].test.p, 255 - dump.test.x)

    alone = frontier.compare(paths[:1], tmp_path / "alone", "label-only")
    assert [one["name"] for one in alone["points"]] == ["inverted", "label-only"]
    np.testing.assert_array_equal(measurements[-1].test.x, dump.test.x)
    with pytest.raises(InputError, match="--release"):
        frontier.compare(paths[:1], tmp_path / "alone", "none", ["latent"])
    with pytest.raises(InputError, match="other originals"):
        darker = dataclasses.replace(inverted.test, x=inverted.test.x // 2)
        dataclasses.replace(inverted, test=darker).save(tmp_path / "darker.npz")
        frontier.compare([trained_folder, tmp_path / "darker.npz"], tmp_path / "out", "none")
    with pytest.raises(InputError, match="no such file"):
        frontier.compare([trained_folder, tmp_path / "missing.npz"], tmp_path / "out", "none")


def test_names_of_runs_and_dumps():
    def names(*paths):
        return [(one.series, one.name) for one in frontier.named(paths)]

    prefixed = ["edge-seed0", "edge-seed1", "demo-seed0", "a-last"]
    assert names("a/edge/seed0", "a/edge/seed1", "a/demo/seed0", "a/last") == [("runs", one) for one in prefixed]
    assert names("a/c.d.npz", "a/demo/seed0", "a/last") == [("runs", "seed0"), ("runs", "last"), ("runs", "c.d")]
    assert names("out/kl_weight=0.5", "out/kl_weight=2") == [("kl_weight", "0.5"), ("kl_weight", "2")]
    assert names("out/seed=0", "out/seed=1") == [("runs", "out-seed=0"), ("runs", "out-seed=1")]
    assert names("a/kl_weight=2", "b/kl_weight=2") == [("a-kl_weight", "2"), ("b-kl_weight", "2")]
    assert frontier.name_of_group(["out-seed=0", "out-seed=1"]) == "out"
    assert frontier.name_of_group(["demo-seed=0", "demo-seed=1"]) == frontier.name_of_group(["demo", "demo1"]) == "demo"
    assert frontier.name_of_group(["first", "second"]) == "first" and frontier.name_of_group(["edge-2"]) == "edge-2"


def test_a_runs_own_evaluation_serves_where_it_is_of_the_same_kind(trained_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained_folder, folder)
    (run,) = frontier.named([folder])
    settings = {"seeds": [0], "quick": False}
    assert frontier.evaluated(run, settings) is None
    path = folder / "evaluation" / "evaluation.json"
    path.parent.mkdir(exist_ok=True)
    kind = {**evaluation(), **settings, "target_policy": "uniform"}
    for given in ({"data": "other"}, {"strangers": "others", "data": None}):
        path.write_text(json.dumps({**kind, "given": given}))
        assert frontier.evaluated(run, settings) is None, "of other data"
    path.write_text(json.dumps(kind))
    assert frontier.evaluated(run, settings) is None, "an older audit does not say"
    path.write_text(json.dumps({**kind, "given": {"data": None, "strangers": None}}))
    assert frontier.evaluated(run, settings)["utility"] == evaluation()["utility"]
    assert frontier.evaluated(run, {"seeds": [0, 1], "quick": False}) is None
    path.write_text(json.dumps({**kind, "quick": True, "given": {"data": None}}))
    assert frontier.evaluated(run, {"seeds": [0], "quick": True}) is None, "its classifiers learnt little"
    path.write_text(json.dumps({**kind, "given": {"data": None}}))
    newer = path.stat().st_mtime + 10
    os.utime(folder / "model.weights.h5", (newer, newer))
    assert frontier.evaluated(run, settings) is None


def test_runs_of_other_data_and_unknown_baselines_and_releases_are_refused(trained_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained_folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "data_fingerprint": "another"}))
    with pytest.raises(InputError, match="other data"):
        frontier.compare([trained_folder, other], tmp_path / "out")
    with pytest.raises(InputError, match="'mist'"):
        frontier.compare([trained_folder], tmp_path / "out", "mist")
    for wrong in ("noise:little", "noise:0", "noise:-1", "noise:inf", "noise:nan", "prototypes:1.5", "blur:1"):
        with pytest.raises(InputError, match=wrong):
            frontier.compare([trained_folder], tmp_path / "out", "none", [wrong])
    assert not (tmp_path / "out").exists()


def test_runs_of_a_sweep_are_compared_and_measured_once(measurements, tmp_path, monkeypatch, capsys):
    def train(run, faces):
        run.save_config()
        run.save_weights(run.build_model())
        run.classifier_path.write_bytes(b"")

    monkeypatch.setattr(sweep.training, "train", train)
    arguments = ("sweep", "kl_weight=1,2", "--preset", "tiny", "--epochs", 1, "--out", tmp_path)
    assert run_script("vgan_tf", *arguments) == 0
    printed = capsys.readouterr().out
    assert "| kl_weight=1 " in printed and "| kl_weight=2 " in printed and "k-same" not in printed
    assert f"plot: {tmp_path / 'frontier.svg'}" in printed and len(measurements) == 2
    assert run_script("vgan_tf", *arguments) == 0
    assert "kl_weight=1: trained already" in capsys.readouterr().out and len(measurements) == 2

    folders = sorted(tmp_path.glob("kl_weight=*"))
    options = ("--baselines", "blur-1", "--release", "latent,noise:1", "--out", tmp_path)
    assert run_script("vgan_tf", "compare", *folders, *options) == 0
    printed = capsys.readouterr().out
    for name in ("kl_weight=1", "kl_weight=2 release=latent", "kl_weight=2 release=noise:1", "blur-1"):
        assert f"| {name} " in printed
    assert len(measurements) == 2 + 4 + 1
    assert run_script("vgan_tf", "compare", *folders, "--release", "blur:1", "--out", tmp_path) == 2


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
    assert "kl_weight=1" in markdown_table(result(points))


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
        guessed = 2 if "Motion" in axes.get_title("left") else 3
        assert len(labels) == len(points) + guessed, "with the aim and what guessing gets"
        boxes = [one.get_window_extent() for one in labels]
        for number, box in enumerate(boxes):
            crossed = [other.get_text() for other, its in zip(labels, boxes, strict=True) if box.overlaps(its)]
            assert crossed == [labels[number].get_text()]
            assert figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1)


def test_the_frontier_is_what_nothing_beats():
    places = [(1, 1), (3, 5), (2, 3), (4, 5), (3, 2), (2, 3), (1, 0)]
    assert pareto(places) == [(1, 1), (2, 3), (3, 5)]
