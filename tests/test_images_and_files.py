"""Pictures in and out, labels, and files that are whole or not there."""

import errno

import numpy as np
import pytest
from PIL import Image

from vgan_tf import labels
from vgan_tf.errors import InputError
from vgan_tf.files import replacing, write_json, write_text
from vgan_tf.images import enlarge, read_image, tile, to_float, to_uint8, write_image


def test_reading_crops_the_centre_scales_and_turns_upright(tmp_path):
    picture = np.zeros((128, 192, 3), np.uint8)
    picture[:, 32:160] = (200, 100, 50)
    picture[:64, 32:160] = (10, 20, 30)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    image = read_image(tmp_path / "wide.png", 64)
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    assert (abs(image[:28, 4:60] - np.float32([10, 20, 30])) <= 1).all()
    assert (abs(image[36:, 4:60] - np.float32([200, 100, 50])) <= 1).all()

    exif = Image.Exif()
    exif[0x0112] = 3  # Upside down.
    Image.fromarray(picture).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png", 64), image[::-1])


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    grey = np.zeros((64, 64), np.uint8)
    grey[:, 32:] = 255
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 128)
    else:
        picture = Image.fromarray(grey).convert("RGB" if mode == "CMYK" else mode)
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    (picture.convert("CMYK") if mode == "CMYK" else picture).save(path)
    image = read_image(path, 64)
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    white = 127 if mode == "I;16" else 255
    assert (image[:, :32] == 0).all() and (abs(image[:, 32:].astype(int) - white) <= 1).all()


def test_what_is_no_picture_is_refused_with_its_path(tmp_path):
    whole = tmp_path / "whole.png"
    write_image(whole, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    cut, text = tmp_path / "cut.png", tmp_path / "text.png"
    cut.write_bytes(whole.read_bytes()[:3000])
    text.write_text("no picture")
    for path in (cut, text, tmp_path, tmp_path / "missing.png"):
        with pytest.raises(InputError, match=path.name):
            read_image(path, 64)


def test_no_metadata_survives_reading_and_writing(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    exif.get_ifd(0x8769)[0x9286] = b"comment"
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 64), (90, 120, 60)).save(photo, exif=exif, comment=b"taken at home", icc_profile=b"profile")
    assert b"taken at home" in photo.read_bytes() and Image.open(photo).getexif().get_ifd(0x8825)
    for name in ("out.png", "out.jpg"):
        write_image(tmp_path / name, read_image(photo, 64))
        with Image.open(tmp_path / name) as written:
            assert not dict(written.getexif())
            assert not set(written.info) & {"exif", "comment", "icc_profile", "XML:com.adobe.xmp", "photoshop"}
        assert b"taken at home" not in (tmp_path / name).read_bytes() and b"Exif" not in (tmp_path / name).read_bytes()


def test_writing_is_lossless_for_png_and_names_what_it_cannot_write(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    write_image(tmp_path / "folder" / "image.png", image)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "folder" / "image.png")), image)
    for name in ("image.xyz", "image"):
        with pytest.raises(InputError, match=name):
            write_image(tmp_path / name, image)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_floats_and_bytes_convert_into_each_other_exactly():
    every = np.arange(256, dtype=np.uint8)
    floats = to_float(every)
    assert floats.dtype == np.float32 and floats[0] == -1 and floats[255] == 1
    np.testing.assert_array_equal(to_uint8(floats), every)
    np.testing.assert_array_equal(to_uint8([-3.0, 3.0]), [0, 255])


def test_tiles_stand_row_by_row_on_white():
    images = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = tile(images, columns=2, gap=1)
    assert sheet.shape == (5, 7, 3)
    assert (sheet[:2, :3] == 10).all() and (sheet[:2, 4:] == 20).all() and (sheet[3:, :3] == 30).all()
    assert (sheet[2] == 255).all() and (sheet[3:, 4:] == 255).all()
    assert enlarge(images[0], factor=3).shape == (6, 9, 3)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(OSError, match="No space"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "new.txt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    with pytest.raises(ValueError):
        write_json(path, {"loss": float("nan")})
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"] and path.read_text() == "old"


def test_other_programs_labels_cover_ours():
    for table, order in (
        (labels.DEEPFACE, labels.DEEPFACE_ORDER),
        (labels.FER, labels.FER_ORDER),
        (labels.EMOTIEFFLIB_7, labels.EMOTIEFFLIB_7_ORDER),
        (labels.PY_FEAT, labels.PY_FEAT_ORDER),
    ):
        assert tuple(table) == labels.EXPRESSIONS and sorted(table.values()) == sorted(order)
    assert labels.expression_order(["joy", "anger", "joy"]) == ("anger", "joy")
    assert labels.expression_order(["joy", "contempt", "anger"]) == ("anger", "contempt", "joy")
