"""Morphing, completion and synthesis on the trained tiny model."""

import numpy as np
import pytest
from PIL import Image

from vgan_tf import applications
from vgan_tf.__main__ import write_gif
from vgan_tf.errors import InputError


def close(first, second):
    """Equal but for the rounding of another batch size."""
    return np.abs(first.astype(int) - second).max() <= 1


def test_a_morph_begins_and_ends_at_the_decoded_ends(trained_model, faces):
    first, last = faces.images[0], faces.images[10]
    frames = applications.morph(trained_model, first, last, "ben", 5)
    assert frames.shape == (5, 64, 64, 3) and frames.dtype == np.uint8
    means = trained_model.encode(np.stack([first, last]))
    targets = trained_model.resolve_targets("ben", 3)
    ends = trained_model.decode(np.stack([means[0], means.mean(axis=0), means[1]]), targets)
    assert close(frames[[0, 2, 4]], ends) and (ends[0] != ends[2]).any()
    with pytest.raises(InputError, match="frames=1"):
        applications.morph(trained_model, first, last, "ben", 1)


@pytest.mark.parametrize("mask", ["mouth", "eyes", "left", "right", "3,5,20,64"])
def test_completion_changes_the_masked_region_alone(trained_model, faces, mask):
    image = faces.images[3]
    x0, y0, x1, y1 = box = applications.parse_mask(mask)
    masked, completed, name = applications.complete(trained_model, image, box, "same")
    assert name in trained_model.identities
    inside = np.zeros((64, 64), bool)
    inside[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(completed[~inside], image[~inside])
    np.testing.assert_array_equal(masked[~inside], image[~inside])
    assert (masked[inside] == applications.HIDDEN).all()
    changed = image.copy()
    changed[inside] = 255 - changed[inside]
    again = applications.complete(trained_model, changed, box, "same")[1]
    np.testing.assert_array_equal(again, completed), "the hidden region was seen"
    other = next(identity for identity in trained_model.identities if identity != name)
    assert applications.complete(trained_model, image, box, other)[2] == other


def test_the_mouths_mask_is_the_authors():
    assert applications.parse_mask("mouth") == (18, 40, 47, 55)


@pytest.mark.parametrize("mask", ["nose", "1,2,3", "1,2,3,x", "10,0,10,5", "0,0,65,64", "-1,0,5,5", "9,9,3,12"])
def test_bad_masks_are_refused(mask):
    with pytest.raises(InputError, match="mask"):
        applications.parse_mask(mask)


def test_synthesis_is_fixed_by_its_seed(trained_model):
    first = applications.synthesize(trained_model, "ada", 4, seed=1)
    assert first.shape == (4, 64, 64, 3)
    np.testing.assert_array_equal(first, applications.synthesize(trained_model, "ada", 4, seed=1))
    assert (first != applications.synthesize(trained_model, "ada", 4, seed=2)).any()
    assert (first != applications.synthesize(trained_model, "ben", 4, seed=1)).any()
    assert close(first[:2], applications.synthesize(trained_model, "ada", 2, seed=1))
    with pytest.raises(InputError, match="count=0"):
        applications.synthesize(trained_model, "ada", 0)
    with pytest.raises(InputError, match="nobody"):
        applications.synthesize(trained_model, "nobody", 1)


@pytest.mark.parametrize(("frames", "pictures"), [(2, 2), (5, 8)])
def test_a_gif_goes_there_and_back_and_rests_at_its_ends(tmp_path, frames, pictures):
    images = np.stack([np.full((64, 64, 3), 40 * index, np.uint8) for index in range(frames)])
    write_gif(tmp_path / "morph.gif", images)
    with Image.open(tmp_path / "morph.gif") as gif:
        assert gif.n_frames == pictures and gif.info["loop"] == 0
        durations, values = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            durations.append(gif.info["duration"])
            values.append(gif.convert("RGB").getpixel((9, 9))[0])
    assert durations[0] == durations[frames - 1] == max(durations)
    assert values == [40 * index for index in [*range(frames), *range(frames - 2, 0, -1)]]
