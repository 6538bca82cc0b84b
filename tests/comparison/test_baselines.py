"""Each baseline does to a picture what its name says, and no more."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.audit import Dump, Images
from vgan_tf.audit.utility.classifier import train_classifier
from vgan_tf.comparison import baselines
from vgan_tf.errors import InputError

PEOPLE, EXPRESSIONS = 3, 2


def make_faces(people=PEOPLE, images=4, size=20, seed=0):
    random = np.random.default_rng(seed)
    identity, expression, _ = (a.ravel() for a in np.mgrid[:people, :EXPRESSIONS, :images])
    pixels = random.integers(0, 256, (len(identity), size, size, 3), dtype=np.uint8)
    return Images(x=pixels, p=pixels, id=identity, ep=expression, identities=tuple(map(str, range(people))))


def protect(name, faces, train=None):
    """What a baseline makes of faces, `train` being the training part."""
    train = faces if train is None else train
    return baselines.BASELINES[name](Dump(train=train, test=train))(faces)


@pytest.fixture
def faces():
    return make_faces()


def test_every_baseline_gives_pictures_of_the_same_shape(faces):
    for name in baselines.BASELINES:
        if name != "k-same-10" and name != "k-same-5":
            protected = protect(name, faces)
            assert protected.dtype == np.uint8 and protected.shape == faces.x.shape, name
            np.testing.assert_array_equal(protected, protect(name, faces))
    assert set(baselines.BASELINES) >= {
        "unprotected",
        "blur-1",
        "blur-8",
        "pixelate-4",
        "noise-16",
        "k-same-2",
        "label-only",
    }


def test_pixelation_is_the_mean_of_each_cell(faces):
    protected = baselines.pixelate(faces.x, cell=8)  # 20 = 8 + 8 + 4
    for rows in (slice(0, 8), slice(8, 16), slice(16, 20)):
        for columns in (slice(0, 8), slice(16, 20)):
            cells = faces.x[:, rows, columns].reshape(len(protected), -1, 3).mean(axis=1)
            assert np.abs(protected[:, rows, columns] - cells[:, None, None]).max() <= 0.51


def test_blur_keeps_the_mean_and_loses_detail(faces):
    blurred = [protect(f"blur-{sigma}", faces) for sigma in (1, 2, 4)]
    details = [np.diff(images.astype(int), axis=1).std() for images in blurred]
    assert np.diff(faces.x.astype(int), axis=1).std() > details[0] > details[1] > details[2]
    assert blurred[1].mean() == pytest.approx(faces.x.mean(), abs=2)
    even = dataclasses.replace(faces, x=np.full_like(faces.x, 70))
    np.testing.assert_array_equal(protect("blur-4", even), even.x)


def test_noise_has_its_deviation():
    grey = make_faces(size=40)
    grey = dataclasses.replace(grey, x=np.full_like(grey.x, 128))
    assert protect("noise-16", grey).std() == pytest.approx(16, rel=0.05)


def test_unprotected_faces_are_the_originals(faces):
    np.testing.assert_array_equal(protect("unprotected", faces), faces.x)


@pytest.mark.parametrize("k", [2, 3])
def test_k_same_pictures_are_shared_by_k_people_of_one_expression(faces, k):
    protected = baselines.k_same(faces, k)
    for picture in np.unique(protected, axis=0):
        same = (protected == picture).all(axis=(1, 2, 3))
        assert len(np.unique(faces.id[same])) >= k and len(np.unique(faces.ep[same])) == 1
    if k == 3:  # every cluster is whole
        for picture in np.unique(protected, axis=0):
            same = (protected == picture).all(axis=(1, 2, 3))
            np.testing.assert_allclose(faces.x[same].mean(axis=0), picture, atol=0.51)


def test_k_same_joins_the_nearest_others():
    greys = np.array([10, 100, 14, 104, 200, 206], np.uint8)
    people = np.array([0, 0, 1, 1, 0, 1])
    faces = Images(x=np.tile(greys[:, None, None, None], (1, 4, 4, 3)), id=people, ep=np.zeros(6, int))
    assert baselines.k_same(faces, 2)[:, 0, 0, 0].tolist() == [12, 102, 12, 102, 203, 203]
    with pytest.raises(InputError, match="k-same needs 3 people"):
        baselines.k_same(faces, 3)


def test_label_only_depends_on_the_expression_alone(faces):
    protected = baselines.label_only(faces, faces)
    for expression in range(EXPRESSIONS):
        same = faces.ep == expression
        mean = faces.x[same].mean(axis=0)
        assert np.abs(protected[same] - mean).max() <= 0.51
    with pytest.raises(InputError, match="expression number 1"):
        baselines.label_only(faces, faces.rows(faces.ep == 0))


def test_a_baseline_dump_has_no_latents_and_protects_further_images(faces):
    sets = {"train": faces, "test": make_faces(seed=1), "fresh": make_faces(seed=2)}
    known = {
        name: dataclasses.replace(one, c=one.id, mu=np.zeros((len(one), 2), np.float32)) for name, one in sets.items()
    }
    dump = Dump(**known, trained=np.ones(len(faces), bool))
    blurred = baselines.baseline_dump(dump, "blur-2")
    assert blurred.train.mu is None and blurred.test.c is None and blurred.trained is None
    assert (blurred.release, len(blurred.tested)) == ("blur-2", len(dump.tested))
    for name in ("test", "fresh"):
        np.testing.assert_array_equal(getattr(blurred, name).p, protect("blur-2", sets[name]))
    np.testing.assert_array_equal(blurred.test.x, sets["test"].x)
    clips = np.arange(len(faces)) // 3
    with_clips = {name: dataclasses.replace(known[name], clip=clips) for name in ("train", "test")}
    of_clips = dataclasses.replace(dump, **with_clips)
    np.testing.assert_array_equal(baselines.baseline_dump(of_clips, "blur-2").test.clip, clips)
    labels = baselines.baseline_dump(dump, "label-only")
    np.testing.assert_array_equal(labels.test.p, labels.train.p)  # the same labels in the same order
    baselines.baseline_dump(dump, "k-same-2")
    one_person = dataclasses.replace(known["fresh"], id=np.zeros(len(faces), int))
    for impossible, name in ((dump, "k-same-5"), (dataclasses.replace(dump, fresh=one_person), "k-same-2")):
        with pytest.raises(InputError, match="k-same needs"):
            baselines.baseline_dump(impossible, name)
    held_out = dataclasses.replace(dump, fresh=None, trained=np.zeros(len(faces), bool))
    assert baselines.baseline_dump(held_out, "blur-2").people_held_out, "as many images are tested as of the run"


def test_tables_show_stored_pictures_of_the_target():
    """Of the expression that a classifier sees; the release says which, and nothing of the target."""
    parts = {part: make_faces(images=20, size=16, seed=seed) for seed, part in enumerate(("train", "test"))}
    random = np.random.default_rng(0)
    dump = Dump(**{part: dataclasses.replace(one, c=random.permutation(one.id)) for part, one in parts.items()})
    classifier = train_classifier(dump, dump.train, "original", seed=0, quick=True)
    for (name, one), strengths in zip(baselines.table_dumps(dump, classifier).items(), (1, 4), strict=True):
        assert one.release == name and one.discrete and one.train.mu is None and len(one.tested) == len(dump.tested)
        assert one.test.r.shape[1] == EXPRESSIONS * strengths and (one.test.r.sum(axis=1) == 1).all()
        labels = zip(dump.train.x, zip(dump.train.id.tolist(), dump.train.ep.tolist(), strict=True), strict=True)
        stored = {image.tobytes(): label for image, label in labels}
        shown = [stored[image.tobytes()] for image in one.test.p]
        assert [target for target, _ in shown] == one.test.c.tolist()
        assert [expression for _, expression in shown] == (one.test.r.argmax(axis=1) // strengths).tolist()


def test_baselines_are_named_in_a_list_or_all_together():
    assert baselines.baseline_names("all") == list(baselines.BASELINES) and len(baselines.BASELINES) == 17
    assert baselines.baseline_names("none") == []
    assert baselines.baseline_names("blur-1,label-only") == ["blur-1", "label-only"]
    for wrong in ("mist", "blur-1,mist", "blur-1,none", ""):
        with pytest.raises(InputError, match="give all, none, or some of unprotected, blur-1"):
            baselines.baseline_names(wrong)
