"""From a run to the arrays that the audit judges."""

import dataclasses
import shutil

import numpy as np
import pytest
from helpers import make_model, noise_faces, tiny_config
from PIL import Image

from vgan_tf import PPRLVGAN
from vgan_tf.audit import Dump
from vgan_tf.data import partition
from vgan_tf.errors import InputError
from vgan_tf.evaluation import audits, dumps
from vgan_tf.images import write_image
from vgan_tf.ondevice import open_export
from vgan_tf.protection import DeviceModel, Release

pytestmark = pytest.mark.usefixtures("few_companions")


def names_of(images):
    return {image.tobytes() for image in images}


@pytest.fixture(scope="module")
def dump(trained_model, faces):
    return dumps.make_dump(trained_model, faces)


def test_a_dump_has_the_arrays_of_the_interface(dump, trained_model, tmp_path):
    assert len(dump.train.x) + len(dump.test.x) == 210
    for part in (dump.train, dump.test):
        count = len(part)
        assert part.x.dtype == part.p.dtype == np.uint8 and part.x.shape == part.p.shape == (count, 64, 64, 3)
        for latents in (part.mu, part.z, part.r):
            assert latents.dtype == np.float32 and latents.shape == (count, trained_model.config.latent_dim)
        for labels in (part.id, part.ep, part.c):
            assert labels.shape == (count,) and np.issubdtype(labels.dtype, np.integer)
        np.testing.assert_array_equal(part.p, trained_model.protect(part.x, part.c))
        np.testing.assert_array_equal(part.mu, trained_model.encode(part.x))
        np.testing.assert_array_equal(part.r, part.mu)
        assert set(part.c) == {0, 1, 2} and (part.z != part.mu).any()
        assert part.motion.shape == (count, 5) and part.motion[:, 0].max() <= 1
    assert dump.motion_names == ("intensity", "yaw", "pitch", "roll", "gaze"), "light and framing are no motion"
    dump.save(tmp_path / "dump.npz")
    with np.load(tmp_path / "dump.npz", allow_pickle=False) as arrays:
        parts = ("x", "p", "c", "mu", "z", "r", "id", "ep", "motion")
        assert {f"{name}_{part}" for name in parts for part in ("train", "test")} <= set(arrays)
        assert str(arrays["release"]) == "latent" and not arrays["discrete"]


def test_the_test_part_is_the_runs_own_and_trained_nothing(dump, trained_model, faces):
    train, validation, test = partition(faces, trained_model.config)
    np.testing.assert_array_equal(dump.test.x, test.images)
    np.testing.assert_array_equal(dump.test.id, test.identity)
    np.testing.assert_array_equal(dump.test.ep, test.expression)
    assert names_of(dump.train.x[dump.trained]) == names_of(train.images)
    assert names_of(dump.train.x[~dump.trained]) == names_of(validation.images)
    assert names_of(dump.test.x).isdisjoint(names_of(dump.train.x))


def test_target_policies(trained_model, faces):
    draw = lambda policy, seed=0: dumps.draw_targets(trained_model, faces, policy, seed)  # noqa: E731
    uniform, excluding = draw("uniform"), draw("exclude-true")
    assert (np.bincount(uniform) > 45).all() and (uniform == faces.identity).any()
    assert not (excluding == faces.identity).any() and (np.bincount(excluding) > 45).all()
    np.testing.assert_array_equal(uniform, draw("uniform"))
    assert (uniform != draw("uniform", seed=1)).any()
    assert set(draw("fixed:cleo")) == {2}
    for policy in ("fixed:nobody", "random"):
        with pytest.raises(InputError):
            draw(policy)
    assert dumps.make_dump(trained_model, faces, "exclude-true").target_policy == "exclude-true"


def test_a_dump_holds_what_protecting_and_encoding_give(trained_model, faces):
    for model in (
        trained_model,
        DeviceModel.of_keras(trained_model),
        DeviceModel.of_keras(trained_model, Release("noise", 2.0)),
    ):
        dump = dumps.make_dump(model, faces)
        for part, seed in ((dump.train, model.config.seed + 1), (dump.test, model.config.seed + 2)):
            np.testing.assert_array_equal(part.p, model.protect(part.x, part.c, seed=seed))
            found = model.protect_and_encode(part.x, part.c, seed)
            for given, expected in zip((part.r, part.mu, part.z), found[1:], strict=True):
                np.testing.assert_array_equal(given, expected)
            np.testing.assert_array_equal(part.mu, trained_model.encode(part.x))


def test_a_split_by_subject_audits_people_never_trained_on():
    config = tiny_config(split="subject", test_fraction=0.34)
    faces = noise_faces(identities=6, per_cell=3)
    train, _, test = partition(faces, config)
    model = PPRLVGAN(config, train.identities, train.expressions)
    dump = dumps.make_dump(model, faces)
    assert dump.identities == test.identities and set(dump.identities).isdisjoint(model.identities)
    assert names_of(dump.train.x) | names_of(dump.test.x) == names_of(test.images)
    assert names_of(dump.train.x).isdisjoint(names_of(dump.test.x))
    assert not dump.trained.any() and dump.people_held_out and not dump.people_are_targets
    assert len(dump.tested) == len(test) and sorted(np.concatenate([rows for _, rows in dump.rounds])) == list(
        range(len(test))
    )
    assert dump.targets == model.identities and set(dump.train.c) == set(range(4))
    assert names_of(dump.references.x) == names_of(faces.images) - names_of(test.images)
    np.testing.assert_array_equal(dump.references.id[: len(train)], train.identity)
    fewer = dumps.make_dump(model, faces, most_images=12)
    assert len(fewer.train.x) == len(fewer.test.x) == len(fewer.references.x) == 12
    assert names_of(fewer.references.x) < names_of(dump.references.x)


def of_others(targets, per_cell=3):
    """Noise of three people who are no targets, with the motion of each on one of the targets, drawn beforehand."""
    faces, random = noise_faces(per_cell=per_cell), np.random.default_rng(5)
    return dataclasses.replace(
        faces,
        counterpart_images=random.integers(0, 256, (len(faces), 64, 64, 4), dtype=np.uint8),
        counterpart_target=random.integers(0, len(targets), len(faces)),
        targets=targets,
    )


def test_counterparts_drawn_beforehand_are_the_pictures_of_the_targets():
    model = make_model(tiny_config())
    faces = of_others(model.identities)
    dump = dumps.make_dump(model, faces, "exclude-true", fresh=noise_faces(per_cell=1, seed=1))
    assert dump.identities == faces.identities and dump.targets == model.identities and not dump.people_are_targets
    train, validation, test = partition(faces, model.config)
    assert names_of(dump.train.x[dump.trained]) == names_of(train.images), "they trained it, though they are no targets"
    assert dump.target_policy == "uniform" and len(dump.fresh) == 21 and not dump.people_held_out
    np.testing.assert_array_equal(dump.test.counterpart_id, test.counterpart_target)
    red, alpha = test.counterpart_images[..., 0].astype(float), test.counterpart_images[..., 3] / 255
    assert np.abs(dump.test.counterpart[..., 0] - (127.5 + alpha * (red - 127.5))).max() < 0.51, "before middle grey"
    other = dumps.make_dump(model, dataclasses.replace(faces, targets=("x", "y", "z")))
    assert other.test.counterpart is None and not other.trained.any() and not other.shows_targets


def test_people_held_out_by_hand_are_attacked_in_all_their_images():
    model = make_model(tiny_config())
    faces = of_others(model.identities)
    dump = dumps.make_dump(model, faces, fresh=noise_faces(per_cell=1, seed=1), people_held_out=True)
    assert dump.people_held_out and not dump.trained.any() and dump.references is None and dump.fresh is None
    assert names_of(dump.tested.x) == names_of(faces.images) and len(dump.test) == pytest.approx(0.3 * 63, abs=2)
    assert sorted(np.concatenate([rows for _, rows in dump.rounds])) == list(range(63))
    assert dump.shows_targets and dump.train.of_targets.id.max() < 3


def test_people_that_the_model_does_not_know_are_no_targets():
    strangers = dataclasses.replace(noise_faces(per_cell=3), identities=("x", "y", "z"))
    dump = dumps.make_dump(make_model(tiny_config()), strangers, "exclude-true")
    assert dump.identities == ("x", "y", "z") and dump.references is None and not dump.people_are_targets
    assert dump.target_policy == "uniform" and not dump.trained.any()


def test_expressions_that_the_model_does_not_know_are_refused():
    faces = dataclasses.replace(noise_faces(), expressions=tuple("abcdefg"))
    with pytest.raises(InputError, match="expressions"):
        dumps.make_dump(make_model(tiny_config()), faces)


def test_a_run_is_audited_on_its_own_data_with_its_dump_and_pictures(trained_folder, tmp_path, monkeypatch):
    audited = {}

    def audit(dump, out, **options):
        audited.update(dump=dump, out=out, options=options)
        return {}

    monkeypatch.setattr(audits, "audit", audit)
    monkeypatch.setattr(audits, "summary", lambda result: "the table")
    result, out = audits.evaluate_run(
        trained_folder, out=tmp_path / "out", dump_path=tmp_path / "dump.npz", target_policy="fixed:ada", quick=True
    )
    assert result == {} and out == audited["out"] == tmp_path / "out" and audited["options"]["quick"] is True
    written = Dump.load(tmp_path / "dump.npz")
    np.testing.assert_array_equal(written.test.p, audited["dump"].test.p)
    assert written.target_policy == "fixed:ada" and not written.test.c.any()
    assert (out / "summary.txt").read_text(encoding="utf-8") == "the table\n"
    assert len(list((out / "inputs").glob("*.png"))) == 7
    audits.evaluate_run(trained_folder, out=tmp_path / "two", release="prototypes:2")
    dump = audited["dump"]
    assert (dump.release, dump.discrete) == ("prototypes:2", True) and 1 < len(dump.codes) <= 14
    np.testing.assert_array_equal(dump.codes[dump.code(dump.test)], dump.test.r)
    assert len(np.unique(dump.train.mu, axis=0)) > 100  # the encoder's own
    audits.evaluate_run(
        trained_folder, out=tmp_path / "three", release="noise:2", strangers="avatars:identities=2,images=14"
    )
    assert 1.8 < np.std(audited["dump"].test.r - audited["dump"].test.mu) < 2.2
    assert audited["options"]["about"]["given"]["strangers"] == "avatars:identities=2,images=14"
    assert audits.results_folder("run", release="prototypes:2").name == "evaluation_prototypes_2"
    with monkeypatch.context() as patch:
        others = of_others(tuple(written.targets))
        patch.setattr(audits, "load_faces", lambda source, size: others)
        for held_out in (False, True):
            patch.setattr(audits, "shows_others", lambda *sources, held_out=held_out: held_out)
            audits.evaluate_run(trained_folder, data="rendered", out=tmp_path / "four")
            assert audited["dump"].people_held_out == held_out
            assert len(audited["dump"].tested) == (63 if held_out else len(audited["dump"].test))
    with pytest.raises(InputError, match="--release with --on-device"):
        audits.evaluate_run(trained_folder, on_device=tmp_path, release="prototypes:1")
    with pytest.raises(InputError, match="not the data"):
        monkeypatch.setattr(audits, "load_faces", lambda source, size: noise_faces())
        audits.evaluate_run(trained_folder, out=tmp_path / "out")


def test_two_folders_are_paired_by_name():
    originals = noise_faces(per_cell=4)
    count = len(originals)
    order = np.random.default_rng(0).permutation(count)
    paths = tuple(path.replace(".png", ".jpg") for path in originals.paths)
    protected = dataclasses.replace(originals, images=255 - originals.images, paths=paths).subset(order)
    dump = dumps.pair_dump(originals, protected)
    assert len(dump.train.x) + len(dump.test.x) == count and dump.test.mu is None and dump.test.c is None
    np.testing.assert_array_equal(dump.train.p, 255 - dump.train.x)
    np.testing.assert_array_equal(dump.test.p, 255 - dump.test.x)
    assert names_of(dump.train.x).isdisjoint(names_of(dump.test.x))

    missing = protected.paths[5].removesuffix(".jpg")
    with pytest.raises(InputError, match=f"1 originals have no protected version, first: {missing}"):
        dumps.pair_dump(originals, protected.subset(np.arange(count) != 5))
    with pytest.raises(InputError, match="3 paths"):
        audits.evaluate_external(["a", "b", "c"], "out")


@pytest.mark.parametrize(("side", "size"), [(128, 128), (100, 64), (20, 32)])
def test_folders_are_audited_at_the_size_of_their_pictures(side, size, tmp_path, monkeypatch):
    audited = {}
    monkeypatch.setattr(audits, "audit", lambda dump, out, **options: audited.update(dump=dump) or {})
    monkeypatch.setattr(audits, "summary", lambda result: "the table")
    faces = noise_faces(per_cell=3)
    for folder in ("originals", "protected"):
        for path, image in zip(faces.paths, faces.images, strict=True):
            write_image(tmp_path / folder / path, np.asarray(Image.fromarray(image).resize((side, side))))
    (tmp_path / "protected" / faces.paths[0]).write_bytes(b"no picture")
    (tmp_path / "originals" / faces.paths[0]).unlink()
    audits.evaluate_external([tmp_path / "originals", tmp_path / "protected"], tmp_path / "out")
    assert audited["dump"].test.p.shape[1:] == (size, size, 3)


def test_on_the_device_the_arrays_come_from_the_files(trained_folder, exported, tmp_path, monkeypatch):
    audited = {}
    monkeypatch.setattr(audits, "audit", lambda dump, out, **options: audited.update(dump=dump) or {})
    monkeypatch.setattr(audits, "summary", lambda result: "the table")
    _, out = audits.evaluate_run(trained_folder, on_device=exported[0])
    dump, export = audited["dump"], open_export(exported[0])
    assert out == trained_folder / "evaluation_on_device"
    codes = np.eye(3, dtype=np.float32)[dump.test.c]
    files = {part: export.model(part, "int8") for part in ("anonymizer", "encoder")}
    np.testing.assert_array_equal(dump.test.p, files["anonymizer"].run(image=dump.test.x, target=codes)["protected"])
    np.testing.assert_array_equal(dump.test.mu, files["encoder"].run(image=dump.test.x)["latent"])
    np.testing.assert_array_equal(dump.test.r, dump.test.mu)
    assert dump.test.z is None and dump.release == "latent"
    shutil.rmtree(out)

    other = shutil.copytree(trained_folder, tmp_path / "other")
    (other / "model.weights.h5").write_bytes(b"another training")
    with pytest.raises(InputError, match="not exported from .*other"):
        audits.evaluate_run(other, on_device=exported[0])


def test_the_summary_says_verdict_release_tables_and_figures_in_a_hundred_columns():
    def figure(accuracy, **more):
        return {"accuracy": accuracy, "interval": [accuracy - 0.03, accuracy + 0.03], **more}

    def scenario(accuracy, attacker):
        return {"strongest": figure(accuracy, attacker=attacker), "attackers": {attacker: figure(accuracy)}}

    named = {"answered": True, "p_value": 0.0005, "error": 0.05, "attacker": "MLP on mean", "attackers": 9}
    result = {
        "verdict": "no leak found",
        "reason": "none of 60 attacks tells more than nothing",
        "questions": {"named": named | {"answered": False, "p_value": 0.4, "least_seen": 0.03}},
        "encoder": {"verdict": "leaks", "reason": "", "questions": {"named": named | {"least_seen": 0.03}}},
        "release": {"kind": "prototypes", "name": "prototypes:1", "discrete": True, "codes": 7},
        "chance": 1 / 6,
        "privacy": {
            "scenario_1": scenario(0.17, "small CNN"),
            "scenario_2": scenario(
                0.18, "kernel ridge on components, expression known, from images that trained nothing"
            ),
            "scenario_3": scenario(0.48, "MLP on mean"),
            "release": scenario(0.16, "table of codes"),
        },
        "averaging": {
            "images of 4 pictures": figure(0.19, attacker="ridge on pixels", chance=0.2),
            "release of 4 pictures": figure(0.21, attacker="table of codes", chance=0.2),
            "latents of 4 pictures": figure(0.66, attacker="MLP on mean", chance=0.2),
            "images of 16 pictures": figure(0.23, attacker="ridge on pixels", chance=0.25),
        },
        "utility": {
            "original_to_original": figure(0.95),
            "original_to_protected": figure(0.91),
            "protected_to_original": figure(0.28),
            "target_success": None,
            "motion": {
                "original": {"within_expression_r2": 0.9},
                "protected": {"within_expression_r2": 0.004},
                "table": {"within_expression_r2": None},
            },
            "table": {"pictures": 42},
            "beats_table": {"motion": [-0.02, 0.01], "expression": [0.01, 0.05]},
            "better_than_table": False,
            "distinct_pictures_per_target": 7,
        },
    }
    lines = audits.summary(result).splitlines()
    assert max(map(len, lines)) <= 100
    first = [
        next(number for number, line in enumerate(lines) if text in line)
        for text in (
            "No leak found by these attackers, but it is no better than a table of 42 pictures.",
            "one of 7 codes",
            "in motion it does not beat the table",
            "The encoder itself knows more than the expression",
            "chance of naming the right person",
        )
    ]
    assert first == sorted(first)
    table = {line[:70].strip(): line[70:].strip() for line in lines[first[-1] :]}
    assert table["identity, from the release (table of codes)"] == "16.0%  [13.0%, 19.0%]"
    assert table["identity, scenario III, the encoder (MLP on mean)"] == "48.0%  [45.0%, 51.0%]"
    assert table["identity, 4 pictures together (table of codes; chance 20.0%)"] == "21.0%  [18.0%, 24.0%]"
    assert table["identity, 16 pictures together (ridge on pixels; chance 25.0%)"] == "23.0%  [20.0%, 26.0%]"
    assert table["expression, originals; trained on protected"] == "28.0%  [25.0%, 31.0%]"
    assert table["motion within the expression, protected"] == "0.00  R²"
    assert not any("target identity reached" in name or "table of pictures" in name for name in table)
