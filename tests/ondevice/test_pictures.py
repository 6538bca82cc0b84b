"""Whole pictures on the device: faces cut out and covered, boxes, transparency."""

import itertools

import numpy as np
import pytest
from PIL import ExifTags, Image

from vgan_tf.errors import InputError
from vgan_tf.ondevice.pictures import cut, open_picture, paste, square_around, to_rgb


@pytest.mark.parametrize(
    "box",
    [[10, 20, 30, 50], [0, 0, 100, 80], [-20, -10, 50, 60], [70.5, 40.2, 60.7, 33.3], [5, 5, 1, 1], [99, 79, 1, 9]],
)
def test_nothing_of_a_box_shows_through_what_is_pasted(box):
    """Whatever stood within the box, the result is the same; beyond the soft edge the picture is untouched."""
    random = np.random.default_rng(0)
    pasted = Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    first = random.integers(0, 256, (80, 100, 3), dtype=np.uint8)
    rows, columns = np.mgrid[:80, :100]
    x, y, w, h = box
    # Pixels that the box touches at all.
    inside = (columns + 1 > x) & (columns < x + w) & (rows + 1 > y) & (rows < y + h)
    assert inside.any()
    second = np.where(inside[..., None], 255 - first, first)
    square = square_around(box, 100, 80)
    results = [first.copy(), second.copy()]
    for result in results:
        paste(result, pasted, square)
    np.testing.assert_array_equal(*results)
    margin = max(1, round(0.1 * square.side))
    far = np.maximum(
        np.maximum(square.left - columns, columns - square.left - square.side + 1),
        np.maximum(square.top - rows, rows - square.top - square.side + 1),
    )
    np.testing.assert_array_equal(results[0][far > margin], first[far > margin])


def test_a_square_covers_its_box_and_is_cut_out_of_what_there_is():
    picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    assert square_around([10, 20, 30, 50], 100, 80) == (0, 20, 50)
    np.testing.assert_array_equal(cut(picture, square_around([10, 20, 30, 50], 100, 80)), picture[20:70, :50])
    beyond = cut(picture, square_around([-10, -10, 40, 40], 100, 80))
    np.testing.assert_array_equal(beyond[10:, 10:], picture[:30, :30])
    assert (beyond[:11, :11] == picture[0, 0]).all()
    for (x, y), size in itertools.product([(0.4, 3.7), (50.5, 20.0)], (1, 7.3, 40)):
        left, top, side = square_around([x, y, size, size / 2], 100, 80)
        assert left <= x and top <= y and left + side >= x + size and top + side >= y + size / 2


@pytest.mark.parametrize(
    "box",
    [
        [1, 2, 3],
        [1, 2, 3, "4"],
        "1,2,3,4",
        None,
        [[1, 2], [3, 4]],
        [0, 0, 0, 10],
        [0, 0, 10, -10],
        [100, 0, 10, 10],
        [-10, 0, 10, 10],
        [0, 0, float("nan"), 10],
        [0, 0, float("inf"), 10],
        [0, 0, 10, 10**400],
        [-400, -400, 800, 800],
    ],
)
def test_bad_boxes_are_refused(box):
    with pytest.raises(InputError, match="box"):
        square_around(box, 100, 80)


def test_what_transparency_hides_stays_hidden(tmp_path):
    erased = np.full((20, 20, 4), 200, np.uint8)
    erased[:, :10, 3] = 0
    Image.fromarray(erased).save(tmp_path / "erased.png")
    shown = to_rgb(open_picture(tmp_path / "erased.png"))
    assert (shown[:, :10] == 255).all()
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "palette.gif", transparency=0)
    assert (to_rgb(open_picture(tmp_path / "palette.gif")) == 255).all()
    deep = Image.fromarray(np.full((4, 4), 0x8000, np.uint16))
    assert (to_rgb(deep) == 128).all()


def test_bytes_of_a_file_are_a_picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    content = (tmp_path / "turned.png").read_bytes()
    np.testing.assert_array_equal(to_rgb(open_picture(content)), np.rot90(pixels, -1))
    for damaged in (content[:-200], b"", b"no picture"):
        with pytest.raises(InputError, match="^the picture: not a readable image"):
            open_picture(damaged)
