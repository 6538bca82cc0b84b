"""Morphing, completion and synthesis on the trained tiny model."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import run_script
from PIL import Image

from vgan_tf import applications
from vgan_tf.errors import InputError
from vgan_tf.labels import EXPRESSIONS


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
    x0, y0, x1, y1 = box = applications.parse_mask(mask, 64)
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


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        (32, [(9, 20, 24, 28), (5, 10, 27, 18), (0, 0, 16, 32), (16, 0, 32, 32)]),
        (64, [(18, 40, 47, 55), (10, 20, 54, 36), (0, 0, 32, 64), (32, 0, 64, 64)]),
        (128, [(36, 80, 94, 110), (20, 40, 108, 72), (0, 0, 64, 128), (64, 0, 128, 128)]),
    ],
)
def test_named_masks_are_shares_of_the_picture(size, boxes):
    """The mouth at 64 pixels is the authors'."""
    assert [applications.parse_mask(name, size) for name in ("mouth", "eyes", "left", "right")] == boxes
    assert applications.parse_mask(f"0,3,{size},9", size) == (0, 3, size, 9)
    with pytest.raises(InputError, match=f"<= {size}"):
        applications.parse_mask(f"0,3,{size + 1},9", size)


class BrightnessModel:
    """Stands for a PPRLVGAN of any size: the latent is a picture's mean, and decoded it is a picture of that level."""

    identities = ("ada", "ben")
    prototypes = None

    def __init__(self, size):
        self.size = size
        self.config = SimpleNamespace(latent_dim=1, image_size=size, motion_dim=0, alpha=False)

    def encode(self, images):
        assert images.shape[1:] == (self.size, self.size, 3)
        return images.mean(axis=(1, 2, 3))[:, None].astype(np.float32)

    def decode(self, latents, targets):
        return np.broadcast_to(latents.astype(np.uint8)[..., None, None], (len(targets), self.size, self.size, 3))

    def resolve_targets(self, target, count):
        return np.full(count, self.identities.index(target))

    def read_identity(self, images):
        return np.ones(len(images), int)


@pytest.mark.parametrize("mask", ["nose", "1,2,3", "1,2,3,x", "10,0,10,5", "0,0,65,64", "-1,0,5,5", "9,9,3,12"])
def test_bad_masks_are_refused(mask):
    with pytest.raises(InputError, match="mask"):
        applications.parse_mask(mask, 64)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_verbs_work_at_the_models_size(tmp_path, monkeypatch, size):
    monkeypatch.setattr("vgan_tf.run.load_run", lambda folder: BrightnessModel(size))
    Image.new("RGB", (80, 80), (40, 40, 40)).save(tmp_path / "dark.png")
    Image.new("RGB", (80, 80), (240, 240, 240)).save(tmp_path / "bright.png")
    ends = (tmp_path / "dark.png", tmp_path / "bright.png")
    assert run_script("vgan_tf", "morph", "run", *ends, "--target", "ada", "--frames", 3, "-o", tmp_path / "out") == 0
    frames = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "out").iterdir())]
    assert [frame.shape for frame in frames] == [(size, size, 3)] * 3
    assert [int(frame[0, 0, 0]) for frame in frames] == [40, 140, 240]

    out = tmp_path / "complete.png"
    assert run_script("vgan_tf", "complete", "run", ends[0], "--mask", "left", "-o", out) == 0
    completed = np.asarray(Image.open(out))[:, 4 * size :, 0]  # Beside the masked one, both enlarged four times.
    assert completed.shape == (4 * size, 4 * size)
    # Half of the encoder's input is 40, half the grey of the mask, 128.
    assert (completed[:, 8 : 2 * size - 8] == 84).all() and (completed[:, 2 * size + 8 :] == 40).all()

    assert run_script("vgan_tf", "synthesize", "run", "--count", 3, "-o", tmp_path / "sheet.png") == 0
    assert Image.open(tmp_path / "sheet.png").size == (3 * 2 * size, 2 * 2 * size)


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


def test_a_head_with_alpha_completes_the_face_where_it_lies():
    """The head's picture shows 1.5 times as much as the encoder sees, and a little more above it."""
    head = np.full((64, 64, 4), (128, 128, 128, 0), np.uint8)
    head[28:40, 24:40] = 200, 100, 50, 255
    model = SimpleNamespace(
        config=SimpleNamespace(alpha=True),
        encode=lambda images: images[:, 0, 0],
        resolve_targets=lambda target, count: np.zeros(count, int),
        decode_with_alpha=lambda latents, targets: head[None],
    )
    masked, completed, _ = applications.complete(model, np.full((64, 64, 3), 7, np.uint8), (0, 0, 64, 64), "ada")
    assert (completed[24:36, 24:40] == (200, 100, 50)).all()  # of rows 28 to 40 and columns 24 to 40
    np.testing.assert_array_equal(completed[50:], masked[50:])


@pytest.mark.parametrize("source", ["avatars:counterparts=1", "heads:MODEL,people=9"])
def test_where_the_latent_is_the_motion_it_is_drawn_as_the_data_draw_it(source):
    config = SimpleNamespace(motion_dim=10, pairs="", data=source)
    model = SimpleNamespace(config=config, resolve_targets=lambda *_: None, decode=lambda latents, _: latents)
    latents = applications.synthesize(model, "ada", 70, seed=2)
    strengths = latents[:, :6]
    shown = np.arange(70) % 7
    assert latents.shape[1] == (10 if source.startswith("avatars") else 55)
    neutral = EXPRESSIONS.index("neutral")
    assert (strengths[shown == neutral] == 0).all() and (strengths.max(axis=1)[shown != neutral] >= 0.3).all()
    assert (np.count_nonzero(strengths, axis=1) == (shown != neutral)).all()
    np.testing.assert_array_equal(latents, applications.synthesize(model, "ada", 70, seed=2))
    assert (latents != applications.synthesize(model, "ada", 70, seed=3)).any()
    config.data = "faces/"
    with pytest.raises(InputError, match="faces/: tells no motions to draw"):
        applications.synthesize(model, "ada", 1)


@pytest.mark.parametrize(("frames", "pictures"), [(2, 2), (5, 8)])
def test_a_gif_goes_there_and_back_and_rests_at_its_ends(tmp_path, frames, pictures):
    images = np.stack([np.full((64, 64, 3), 40 * index, np.uint8) for index in range(frames)])
    applications.write_gif(tmp_path / "morph.gif", images)
    with Image.open(tmp_path / "morph.gif") as gif:
        assert gif.n_frames == pictures and gif.info["loop"] == 0
        durations, values = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            durations.append(gif.info["duration"])
            values.append(gif.convert("RGB").getpixel((9, 9))[0])
    assert durations[0] == durations[frames - 1] == max(durations)
    assert values == [40 * index for index in [*range(frames), *range(frames - 2, 0, -1)]]
