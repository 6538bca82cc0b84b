"""The dump: what it checks, keeps and finds again in a file."""

import dataclasses

import numpy as np
import pytest
from small_dumps import of_people_held_out, small_dump, with_counterparts

from vgan_tf.audit import Dump
from vgan_tf.audit.dump import COLUMNS, PARTS
from vgan_tf.errors import InputError


def tiny(**changes):
    """24 and 12 images of six people, with motion and strangers."""
    dump = small_dump("same", 24, 12, 24)
    random = np.random.default_rng(0)
    moved = {"motion_names": ("intensity", "yaw")}
    for part in PARTS:
        images = getattr(dump, part)
        moved[part] = dataclasses.replace(images, motion=random.random((len(images), 2)).astype(np.float32))
    return dataclasses.replace(dump, **moved | {"fresh": None} | changes)


def test_a_file_keeps_what_is_there_and_leaves_out_what_is_not(tmp_path):
    dump = tiny(trained=None).without("z")
    dump.save(tmp_path / "dump.npz")
    loaded = Dump.load(tmp_path / "dump.npz")
    assert loaded.train.z is None and loaded.trained is None and loaded.fresh is None
    about = ("identities", "expressions", "target_policy", "release", "discrete", "motion_names")
    assert all(getattr(loaded, name) == getattr(dump, name) for name in about)
    for part in (*PARTS, "strangers"):
        for name in COLUMNS:
            given, found = getattr(getattr(dump, part), name), getattr(getattr(loaded, part), name)
            assert given is found is None or np.array_equal(given, found), (part, name)
    with np.load(tmp_path / "dump.npz", allow_pickle=False) as archive:
        assert {"x_train", "motion_test", "motion_names", "release", "discrete", "p_strangers"} <= set(archive)


def test_further_images_and_targets_come_through_a_file(tmp_path):
    dump = of_people_held_out(small_dump("rendered", 24, 12, 24))
    dump = dataclasses.replace(dump, trained=np.zeros(12, bool))
    for images in (dump.train, dump.test):
        assert images.identities == tuple("ghijkl")
    dump.save(tmp_path / "dump.npz")
    loaded = Dump.load(tmp_path / "dump.npz")
    assert loaded.targets == loaded.references.identities == tuple("abcdef") and not loaded.people_are_targets
    assert loaded.people_held_out and not loaded.trained.any()
    np.testing.assert_array_equal(loaded.references.p, dump.references.p)


def test_counterparts_come_through_a_file_and_are_no_attackers_business(tmp_path):
    dump = with_counterparts(of_people_held_out(small_dump("rendered", 24, 12, 24)))
    dump.save(tmp_path / "dump.npz")
    loaded = Dump.load(tmp_path / "dump.npz")
    for part in PARTS:
        found, given = getattr(loaded, part), getattr(dump, part)
        np.testing.assert_array_equal(found.of_targets.x, given.counterpart)
        np.testing.assert_array_equal(found.of_targets.id, given.counterpart_id)
    assert loaded.shows_targets and loaded.people_held_out and not loaded.people_are_targets
    assert len(loaded.tested) == 24 and loaded.tested.counterpart is None
    assert all(learnt.counterpart is None for learnt, _ in loaded.rounds)
    known = tiny()
    known = dataclasses.replace(known, fresh=known.strangers.rows(slice(6)))
    sets = {part: getattr(known, part) for part in PARTS}
    sets = {part: dataclasses.replace(one, counterpart=one.x, counterpart_id=one.id) for part, one in sets.items()}
    assert len(dataclasses.replace(known, **sets).tested) == len(known.tested) == 12
    with pytest.raises(InputError, match="counterpart_train and counterpart_id_train must be given together"):
        dump.without("counterpart_id")


def test_a_dump_without_some_arrays_lacks_them_in_every_part():
    dump = of_people_held_out(small_dump("rendered", 24, 12, 24))
    bare = dump.without("c", "mu")
    assert bare.train.c is bare.test.mu is None and bare.test.z is not None and bare.references.z is not None
    assert bare.references.c is bare.references.mu is None and bare.strangers is None
    assert dump.of_targets().identities == tuple("abcdef") and len(dump.of_targets().strangers) == 24


def test_fresh_images_are_tested_where_as_much_is_known_of_them():
    dump = small_dump("same", 24, 12, 24)
    assert len(dump.tested) == 36
    assert len(dataclasses.replace(dump, fresh=dataclasses.replace(dump.fresh, c=None)).tested) == 12
    clips = {
        part: dataclasses.replace(getattr(dump, part), clip=np.arange(n) // 4)
        for part, n in (("train", 24), ("test", 12))
    }
    tested = dataclasses.replace(dump, **clips).tested
    assert len(np.unique(tested.clip)) == 3 + 24


def test_codes_are_numbered():
    codes = np.array([[0, 1], [1, 0], [0, 1]], np.float32)
    dump = tiny().changed(lambda one: dataclasses.replace(one, r=codes[np.arange(len(one)) % 3]))
    assert dump.codes is None
    discrete = dataclasses.replace(dump, discrete=True)
    np.testing.assert_array_equal(discrete.codes, codes[:2])
    assert discrete.code(discrete.test)[:3].tolist() == [0, 1, 0]


def test_foreign_dump_without_names_gets_numbers(tmp_path):
    dump = tiny()
    foreign = {
        f"{name}_{part}": getattr(getattr(dump, part), name) for name in ("x", "p", "id", "ep") for part in PARTS
    }
    np.savez(tmp_path / "foreign.npz", **foreign)
    loaded = Dump.load(tmp_path / "foreign.npz")
    assert loaded.identities == tuple("012345") and loaded.expressions == ("0", "1", "2")
    assert loaded.target_policy == "unknown" and loaded.release == "unknown"
    vectors = {name: values for name, values in foreign.items() if not name.startswith("p_")}
    np.savez(tmp_path / "vectors.npz", **vectors, r_train=np.zeros((24, 5)), r_test=np.zeros((12, 5)))
    loaded = Dump.load(tmp_path / "vectors.npz")
    assert loaded.train.p is None and loaded.test.r.dtype == np.float32
    np.savez(tmp_path / "nothing.npz", **vectors)
    with pytest.raises(InputError, match="neither p nor r"):
        Dump.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("test", {"x": np.zeros((12, 16, 16, 3), np.float32)}, "x_test is float32"),
        ("train", {"p": np.zeros((23, 16, 16, 3), np.uint8)}, r"p_train is uint8 \(23, 16, 16, 3\)"),
        ("test", {"id": np.full(12, 6)}, "id_test holds labels 6 to 6"),
        ("train", {"ep": np.zeros(24)}, "ep_train is float64"),
        ("test", {"mu": np.full((12, 12), np.nan, np.float32)}, "mu_test holds NaN"),
        ("test", {"c": None}, "c_train and c_test"),
        ("strangers", {"p": None}, "p_strangers and p_train"),
        ("test", {"motion": np.zeros((12, 3), np.float32)}, r"motion_test is float32 \(12, 3\); give floats \(12, 2\)"),
        ("train", {"clip": np.zeros(24, int)}, "clip_train and clip_test"),
        ("test", {"counterpart": np.zeros((12, 16, 16, 4), np.uint8)}, "counterpart_train and counterpart_test"),
        ("test", {"id": np.zeros(12, int)}, "at least two identities"),
    ],
)
def test_what_does_not_fit_is_refused(part, change, message):
    dump = tiny()
    with pytest.raises(InputError, match=message):
        dataclasses.replace(dump, **{part: dataclasses.replace(getattr(dump, part), **change)})


def test_what_is_said_of_the_images_must_fit():
    with pytest.raises(InputError, match="trained_train is bool"):
        tiny(trained=np.ones(3, bool))
    with pytest.raises(InputError, match="exclude-true"):
        tiny(target_policy="exclude-true")


def test_unreadable_dumps_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "part.npz", x_train=np.zeros(1))
    for name, message in (("none", "no such file"), ("text", "not a readable"), ("part", "lacks x_test, id_train")):
        with pytest.raises(InputError, match=message):
            Dump.load(tmp_path / f"{name}.npz")
