"""From light to a picture: what each part of a camera does, and that nothing else does."""

import dataclasses

import numpy as np
import pytest

from vgan_tf.data.heads import backgrounds, camera, occluders
from vgan_tf.data.heads.appearance import BACKGROUNDS, OCCLUDERS, Light, Nuisance

EVEN = Nuisance(lights=(Light((0.0, 0.0, 1.0), strength=0.5),), sky=(0.5,) * 3, ground=(0.5,) * 3)  # white reflects 1


def grey(light, alpha=1.0, size=32):
    """A picture of one light, premultiplied: float32 `(size, size, 4)`."""
    picture = np.full((size, size, 4), light * alpha, np.float32)
    picture[..., 3] = alpha
    return picture


def disc(size=64):
    """A red disc before nothing."""
    x, y = np.meshgrid(*2 * (np.linspace(-1, 1, size),))
    alpha = np.clip((0.6 - np.hypot(x, y)) * size / 2, 0, 1).astype(np.float32)
    return alpha[..., None] * np.array((0.4, 0.1, 0.1, 1.0), np.float32)


def level(light):
    """What the default camera makes of a light below the shoulder of its curve."""
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("light", (0.0, 0.002, 0.02, 0.18, 0.5, 0.69))
def test_default_is_nothing_but_the_tone_curve(light):
    image = camera.take(grey(light, alpha=0.5), Nuisance())
    assert image.shape == (32, 32, 4) and image.dtype == np.uint8
    assert np.ptp(image.reshape(-1, 4), axis=0).max() == 0
    assert abs(int(image[0, 0, 0]) - level(light)) <= 1 and image[0, 0, 3] == 128


def test_highlights_are_compressed_and_do_not_wrap():
    levels = [int(camera.take(grey(light), Nuisance())[0, 0, 0]) for light in (0.7, 1.0, 1.5, 3.0, 50.0)]
    assert levels == sorted(levels) and 238 <= levels[1] <= 246 and levels[-1] == 255


def test_picture_is_left_as_it_was():
    picture = disc()
    before = picture.copy()
    camera.take(picture, dataclasses.replace(EVEN, background="plain", occluder="mug", exposure=1.0))
    assert (picture == before).all()


def test_exposure_and_white_balance_are_gains_of_light():
    image = camera.take(grey(0.1), Nuisance(exposure=1.0, white_balance=(1.0, 0.5, 2.0)))
    assert np.abs(image[0, 0, :3] - [level(0.2), level(0.1), level(0.4)]).max() <= 1


def test_contrast_turns_about_the_middle_and_saturation_fades_to_grey():
    plain, strong = (camera.take(disc(), Nuisance(contrast=contrast)) for contrast in (1.0, 1.2))
    middle = (32, 32, slice(3))
    assert np.abs(strong[middle] - (127.5 + 1.2 * (plain[middle] - 127.5))).max() <= 1
    faded = camera.take(disc(), Nuisance(saturation=0.0))[middle]
    assert np.ptp(faded) <= 1 and abs(faded[0] - plain[middle] @ [0.299, 0.587, 0.114]) <= 1


def test_alpha_is_the_head_and_background_fills_the_rest():
    without = camera.take(disc(), EVEN)
    image = camera.take(
        disc(), dataclasses.replace(EVEN, background="plain", background_colours=((0.0, 0.0, 1.0),) * 2)
    )
    assert (image[..., 3] == without[..., 3]).all()
    assert (image[without[..., 3] == 255] == without[without[..., 3] == 255]).all()
    assert image[0, 0, 2] > 200 and image[0, 0, :2].max() == 0 and without[0, 0].max() == 0


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_background_is_a_function_of_its_seed_at_any_size(kind):
    nuisances = [
        dataclasses.replace(EVEN, background=kind, background_seed=seed, background_colours=((0.6,) * 3, (0.3,) * 3))
        for seed in range(4)
    ]
    for size in (37, 64):
        pictures = [backgrounds.draw(nuisance, size) for nuisance in nuisances]
        assert all(picture.shape == (3, size, size) and picture.dtype == np.float32 for picture in pictures)
        assert all(np.isfinite(picture).all() and picture.min() >= 0 for picture in pictures)
        assert (backgrounds.draw(nuisances[0], size) == pictures[0]).all()
        assert len({picture.tobytes() for picture in pictures}) == 4


@pytest.mark.parametrize("kind", ("clutter", "outdoors"))
def test_lens_blurs_the_background_alone(kind):
    sharp, soft = (
        dataclasses.replace(EVEN, background=kind, background_blur=blur, background_seed=3) for blur in (0.005, 0.05)
    )
    edges = [np.abs(np.diff(backgrounds.draw(nuisance, 128))).mean() for nuisance in (sharp, soft)]
    assert edges[1] < 0.7 * edges[0]
    inside = disc(128)[..., 3] == 1
    assert (camera.take(disc(128), sharp)[inside] == camera.take(disc(128), soft)[inside]).all()


def test_background_is_lit_as_the_face_is():
    dim = dataclasses.replace(
        EVEN, background="plain", lights=(Light((0, 0, 1), (1.0, 0.5, 0.5), 0.2),), sky=(0,) * 3, ground=(0,) * 3
    )
    ratio = backgrounds.draw(dim, 32) / backgrounds.draw(dataclasses.replace(EVEN, background="plain"), 32)
    assert np.allclose(ratio, np.array([0.2, 0.1, 0.1])[:, None, None], rtol=1e-4)


def test_blur_spreads_a_head_before_nothing_without_a_dark_edge():
    sharp, soft = camera.take(disc(), Nuisance()), camera.take(disc(), Nuisance(blur=0.04))
    alpha = soft[..., 3].astype(int)
    assert ((alpha > 0) & (alpha < 255)).sum() > 3 * ((sharp[..., 3] > 0) & (sharp[..., 3] < 255)).sum()
    assert abs(alpha.mean() - sharp[..., 3].mean()) < 1.5
    assert np.abs(soft[alpha > 40][:, :3].astype(int) - sharp[32, 32, :3]).max() <= 4


@pytest.mark.parametrize("angle, axis", [(0.0, 1), (90.0, 0)])
def test_motion_blurs_along_its_angle_only(angle, axis):
    picture = grey(0.0, size=64)
    picture[20:44, 20:44, :3] = 0.5
    nuisance = dataclasses.replace(EVEN, background="plain", motion_blur=0.1, motion_blur_angle=angle)
    image = camera.take(picture, nuisance)[..., 0].astype(int)
    steps = [np.abs(np.diff(image, axis=side)).max() for side in (axis, 1 - axis)]
    assert steps[0] < 60 and steps[1] > 150


def test_noise_has_its_strength_and_its_seed():
    first, second = (
        camera.take(grey(0.2, size=128), Nuisance(noise=8.0, seed=seed)).astype(float)[..., :3] for seed in (1, 2)
    )
    assert np.abs(first.std(axis=(0, 1)) - 8).max() < 0.6
    assert abs(first.mean() - level(0.2)) < 1
    assert np.corrcoef(first[..., 1].ravel(), second[..., 1].ravel())[0, 1] < 0.1


def test_jpeg_costs_more_at_a_lower_quality():
    nuisance = dataclasses.replace(EVEN, background="clutter", background_seed=1)
    clean = camera.take(disc(), nuisance).astype(int)
    loss = {}
    for quality in (30, 95):
        image = camera.take(disc(), dataclasses.replace(nuisance, jpeg=quality))
        loss[quality] = np.abs(image - clean).mean()
        assert (image[..., 3] == clean[..., 3]).all()
    assert loss[30] > 2 * loss[95] > 0


@pytest.mark.parametrize("kind", OCCLUDERS[1:])
def test_occluder_hides_the_head_where_it_is(kind):
    picture = grey(0.3, size=96)
    nuisance = dataclasses.replace(EVEN, occluder=kind, occluder_y=0.1, occluder_size=0.24, seed=5)
    cover, shadow = occluders.draw(nuisance, 96)
    assert cover.shape == (4, 96, 96) and shadow.shape == (96, 96) and shadow.min() >= 0 and shadow.max() <= 0.51
    opacity = cover[3]
    assert 0.03 < opacity.mean() < 0.5 if kind != "strand" else 0.005 < opacity.mean() < 0.3
    rows, columns = np.nonzero(opacity > 0.5)
    assert abs(columns.mean() / 96 - 0.5) < 0.2 and abs(rows.mean() / 96 - 0.6) < 0.3
    image = camera.take(picture, nuisance)
    assert np.abs(image[..., 3] - 255 * (1 - opacity)).max() <= 1
    assert (image == camera.take(picture, nuisance)).all()
    assert (image != camera.take(picture, dataclasses.replace(nuisance, seed=6))).any()
    far = (opacity == 0) & (shadow == 0)
    assert far.any() and (image[far] == camera.take(picture, EVEN)[far]).all()


def test_occluder_out_of_the_picture_hides_nothing():
    nuisance = dataclasses.replace(EVEN, occluder="mask", occluder_x=5.0)
    assert (camera.take(disc(), nuisance) == camera.take(disc(), EVEN)).all()


def test_occluder_has_its_colour_and_the_light_of_the_scene():
    blue = dataclasses.replace(EVEN, occluder="mask", occluder_colour=(0.2, 0.3, 0.9), seed=1)
    cover = occluders.draw(blue, 64)[0]
    inside = cover[:, cover[3] > 0.99].mean(axis=1)
    assert inside[2] > 3 * inside[0]
    bright = dataclasses.replace(blue, lights=(Light((0.0, 0.0, 1.0), strength=1.5),))
    assert np.allclose(occluders.draw(bright, 64)[0][:3], 2 * cover[:3], rtol=1e-4)


def test_light_on_a_white_surface():
    nuisance = Nuisance(lights=(Light((0, 3, 4), (1.0, 0.5, 0.0), 2.0),), sky=(0.2,) * 3, ground=(0.1,) * 3)
    assert np.allclose(occluders.light_on(nuisance, (0, 0, 1)), [0.15 + 1.6, 0.15 + 0.8, 0.15])
    assert np.allclose(occluders.light_on(nuisance, (0, 1, 0)), [0.2 + 1.2, 0.2 + 0.6, 0.2])
    assert np.allclose(occluders.light_on(nuisance, (0, 0, -1)), 0.15)
