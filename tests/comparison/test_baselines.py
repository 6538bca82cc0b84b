"""Each baseline does to a picture what its name says, and no more."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.audit import Dump, Extra
from vgan_tf.comparison import baselines
from vgan_tf.errors import InputError

PEOPLE, EXPRESSIONS = 3, 2


def make_faces(people=PEOPLE, images=4, size=20, seed=0):
    random = np.random.default_rng(seed)
    identity, expression, _ = (a.ravel() for a in np.mgrid[:people, :EXPRESSIONS, :images])
    pixels = random.integers(0, 256, (len(identity), size, size, 3), dtype=np.uint8)
    return baselines.Faces(pixels, identity, expression)


@pytest.fixture
def faces():
    return make_faces()


def test_every_baseline_gives_pictures_of_the_same_shape(faces):
    for name, protect in baselines.BASELINES.items():
        if name != "k-same-10" and name != "k-same-5":
            protected = protect(faces, faces)
            assert protected.dtype == np.uint8 and protected.shape == faces.images.shape, name
            np.testing.assert_array_equal(protected, protect(faces, faces))
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
    protected = baselines.pixelate(faces.images, cell=8)  # 20 = 8 + 8 + 4
    for rows in (slice(0, 8), slice(8, 16), slice(16, 20)):
        for columns in (slice(0, 8), slice(16, 20)):
            cells = faces.images[:, rows, columns].reshape(len(protected), -1, 3).mean(axis=1)
            assert np.abs(protected[:, rows, columns] - cells[:, None, None]).max() <= 0.51


def test_blur_keeps_the_mean_and_loses_detail(faces):
    blurred = [baselines.BASELINES[f"blur-{sigma}"](faces, faces) for sigma in (1, 2, 4)]
    details = [np.diff(images.astype(int), axis=1).std() for images in blurred]
    assert np.diff(faces.images.astype(int), axis=1).std() > details[0] > details[1] > details[2]
    assert blurred[1].mean() == pytest.approx(faces.images.mean(), abs=2)
    even = faces._replace(images=np.full_like(faces.images, 70))
    np.testing.assert_array_equal(baselines.BASELINES["blur-4"](even, even), even.images)


def test_noise_has_its_deviation():
    grey = make_faces(size=40)
    grey = grey._replace(images=np.full_like(grey.images, 128))
    assert baselines.BASELINES["noise-16"](grey, grey).std() == pytest.approx(16, rel=0.05)


def test_unprotected_faces_are_the_originals(faces):
    np.testing.assert_array_equal(baselines.BASELINES["unprotected"](faces, faces), faces.images)


@pytest.mark.parametrize("k", [2, 3])
def test_k_same_pictures_are_shared_by_k_people_of_one_expression(faces, k):
    protected = baselines.k_same(faces, k)
    for picture in np.unique(protected, axis=0):
        same = (protected == picture).all(axis=(1, 2, 3))
        assert len(np.unique(faces.identity[same])) >= k and len(np.unique(faces.expression[same])) == 1
    if k == 3:  # every cluster is whole
        for picture in np.unique(protected, axis=0):
            same = (protected == picture).all(axis=(1, 2, 3))
            np.testing.assert_allclose(faces.images[same].mean(axis=0), picture, atol=0.51)


def test_k_same_joins_the_nearest_others():
    greys = np.array([10, 100, 14, 104, 200, 206], np.uint8)
    people = np.array([0, 0, 1, 1, 0, 1])
    faces = baselines.Faces(np.tile(greys[:, None, None, None], (1, 4, 4, 3)), people, np.zeros(6, int))
    assert baselines.k_same(faces, 2)[:, 0, 0, 0].tolist() == [12, 102, 12, 102, 203, 203]
    with pytest.raises(InputError, match="k-same needs 3 people"):
        baselines.k_same(faces, 3)


def test_label_only_depends_on_the_expression_alone(faces):
    protected = baselines.label_only(faces, faces)
    for expression in range(EXPRESSIONS):
        same = faces.expression == expression
        mean = faces.images[same].mean(axis=0)
        assert np.abs(protected[same] - mean).max() <= 0.51
    with pytest.raises(InputError, match="expression number 1"):
        baselines.label_only(faces, baselines.Faces(*(values[faces.expression == 0] for values in faces)))


def test_a_baseline_dump_has_no_latents_and_protects_further_images(faces):
    test, fresh = make_faces(seed=1), make_faces(seed=2)
    latents = np.zeros((len(faces.images), 2), np.float32)
    dump = Dump(
        x_train=faces.images,
        x_test=test.images,
        p_train=faces.images,
        p_test=test.images,
        id_train=faces.identity,
        id_test=test.identity,
        ep_train=faces.expression,
        ep_test=test.expression,
        c_train=faces.identity,
        c_test=test.identity,
        mu_train=latents,
        mu_test=latents,
        fresh=Extra(fresh.images, fresh.images, fresh.identity, fresh.expression, mu=latents),
    )
    blurred = baselines.baseline_dump(dump, "blur-2")
    assert blurred.train.mu is None and blurred.test.c is None and not blurred.trained.any()
    for protected, originals in ((blurred.test.p, test), (blurred.fresh.p, fresh)):
        np.testing.assert_array_equal(protected, baselines.BASELINES["blur-2"](originals, faces))
    np.testing.assert_array_equal(blurred.test.x, test.images)
    clips = np.arange(len(test.images)) // 3
    of_clips = dataclasses.replace(dump, clip_train=clips, clip_test=clips)
    np.testing.assert_array_equal(baselines.baseline_dump(of_clips, "blur-2").clip_test, clips)
    labels = baselines.baseline_dump(dump, "label-only")
    np.testing.assert_array_equal(labels.test.p, labels.train.p)  # the same labels in the same order
    baselines.baseline_dump(dump, "k-same-2")
    one_person = dataclasses.replace(dump, fresh=dataclasses.replace(dump.fresh, id=np.zeros_like(fresh.identity)))
    for impossible, name in ((dump, "k-same-5"), (one_person, "k-same-2")):
        with pytest.raises(InputError, match="k-same needs"):
            baselines.baseline_dump(impossible, name)


def test_baselines_are_named_in_a_list_or_all_together():
    assert baselines.baseline_names("all") == list(baselines.BASELINES) and len(baselines.BASELINES) == 17
    assert baselines.baseline_names("none") == []
    assert baselines.baseline_names("blur-1,label-only") == ["blur-1", "label-only"]
    for wrong in ("mist", "blur-1,mist", "blur-1,none", ""):
        with pytest.raises(InputError, match="give all, none, or some of unprotected, blur-1"):
            baselines.baseline_names(wrong)
