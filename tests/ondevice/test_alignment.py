"""Alignment on the device: the square that shows a face, and what uses it."""

import numpy as np
import pytest
from helpers import lite_file, stub_files, write_export

from vgan_tf.errors import InputError
from vgan_tf.ondevice import Protector, open_export
from vgan_tf.ondevice.alignment import Aligner, aligner_of
from vgan_tf.ondevice.pictures import Square, cut

BRIGHT = 255


class Seeing:
    """In place of an alignment model: finds a white square exactly, as far as 64 pixels show it."""

    def run(self, image):
        rows, columns = np.nonzero((image[0] > BRIGHT // 2).all(axis=2))
        side = (len(np.unique(rows)) + len(np.unique(columns))) / 2 / len(image[0])
        middle = [(values.mean() + 0.5) / len(image[0]) - 0.5 for values in (columns, rows)]
        return {"place": np.float32([[*middle, np.log(side)]])}


class Giving:
    def __init__(self, *place):
        self.place = np.float32([place])

    def run(self, image):
        return {"place": self.place}


def aligner(model):
    one = Aligner.__new__(Aligner)
    one._model = model
    return one


@pytest.mark.parametrize("face", [Square(60, 90, 80), Square(20, 130, 120), Square(100, 100, 200)])
def test_the_square_of_the_face_is_found_wherever_it_lies(face):
    picture = np.zeros((300, 320, 3), np.uint8)
    picture[face.top : face.top + face.side, face.left : face.left + face.side] = BRIGHT
    found = aligner(Seeing()).align(picture, Square(10, 0, 300))
    assert np.abs(np.array(found) - face).max() <= 2
    assert cut(picture, found).shape == (found.side, found.side, 3)


@pytest.mark.parametrize("place", [(50, -50, 9), (-50, 50, -9)])
def test_one_round_moves_a_square_so_far_and_no_farther(place):
    square = aligner(Giving(*place)).align(np.zeros((100, 100, 3), np.uint8), Square(0, 0, 100))
    assert 1 <= square.side <= 1.3**2 * 100 + 1
    assert abs(square.left) < 200 and abs(square.top) < 200


def files_with_alignment(place):
    def alignment(image):
        return {"place": image[:, 0, 0, :] * 0 + np.float32([place])}

    return {**stub_files(), "alignment_float32.tflite": lite_file(alignment)}


def test_protect_shows_the_model_the_aligned_face(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    folder = write_export(tmp_path / "aligned", files_with_alignment((0.25, 0.25, np.log(0.5))))
    plain = write_export(tmp_path / "plain", stub_files())
    assert aligner_of(open_export(plain)) is None
    # The lower right quarter, and of that the same again.
    quarter = np.ascontiguousarray(picture[90:, 90:])
    name = Protector(plain).identities[0]
    aligned = Protector(folder).protect(picture, name)
    assert np.array_equal(np.asarray(aligned), np.asarray(Protector(plain).protect(quarter, name)))
    assert not np.array_equal(np.asarray(aligned), np.asarray(Protector(plain).protect(picture, name)))


def test_an_alignment_that_is_no_number_is_an_error(tmp_path):
    folder = write_export(tmp_path / "export", files_with_alignment((np.nan, 0, 0)))
    with pytest.raises(InputError, match="place"):
        Protector(folder).protect(np.full((64, 64, 3), 9, np.uint8))
