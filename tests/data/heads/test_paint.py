"""Maps of the face: what is painted lies where the landmarks say."""

import numpy as np
import pytest
from made_up import head_model

from vgan_tf.data.heads import paint

MODEL = head_model()
MARKS = MODEL.neutral[MODEL.landmarks]


@pytest.fixture(scope="module")
def fields():
    """Name -> map, float `(MAP_SIZE, MAP_SIZE)` in [0, 1]."""
    maps = paint.maps(MODEL)
    for one in maps:
        assert one.dtype == np.uint8 and one.shape == (paint.MAP_SIZE, paint.MAP_SIZE, 4)
        assert one.flags.c_contiguous
    names = ("lips", "brows", "lids", "rings", "cheeks", "beard", "moustache", "lines")
    return dict(zip(names, np.concatenate(maps, axis=2).transpose(2, 0, 1) / 255, strict=True))


def at(field, x, y):
    """What a shader finds at a place of the neutral model, in centimetres."""
    left, bottom, per_width, per_height = paint.WINDOW
    column, row = (x - left) * per_width * paint.MAP_SIZE, (y - bottom) * per_height * paint.MAP_SIZE
    return field[int(row), int(column)]


def test_lips_are_within_their_landmarks(fields):
    x, y = MARKS[48:60, :2].mean(axis=0)
    assert at(fields["lips"], x, y) == 1
    for outside in ((x, y + 1.8), (x, y - 1.8), (x + 3.2, y), (x - 3.2, y)):
        assert at(fields["lips"], *outside) == 0


def test_brows_run_along_theirs(fields):
    for marks in (MARKS[18:21], MARKS[23:26]):
        x, y = marks[:, :2].mean(axis=0)
        assert at(fields["brows"], x, y - 0.12) > 0.8
        assert at(fields["brows"], x, y + 1.2) == at(fields["brows"], x, y - 1.5) == 0
    assert at(fields["brows"], 0, MARKS[21, 1]) < 0.2


def test_lids_are_above_the_eyes_and_rings_below(fields):
    for marks in (MARKS[36:42], MARKS[42:48]):
        x, y = marks[:, :2].mean(axis=0)
        assert at(fields["lids"], x, y + 0.7) > 0.6 and at(fields["lids"], x, y - 0.7) == 0
        assert at(fields["rings"], x, y - 1.0) > 0.8 and at(fields["rings"], x, y + 1.0) < 0.05


def test_beards_grow_below_the_mouth_and_moustaches_between_it_and_the_nose(fields):
    nose, lips = MARKS[33, 1], MARKS[48:60, 1]
    between = (nose + lips.max()) / 2
    assert at(fields["moustache"], 0.6, between) > 0.5 and at(fields["beard"], 0.6, between) < 0.2
    assert at(fields["beard"], 0, lips.min() - 1.2) > 0.7 and at(fields["moustache"], 0, lips.min() - 1.2) < 0.1
    for field in ("beard", "moustache"):
        assert at(fields[field], 0, lips.mean()) == 0  # none on the lips
        assert at(fields[field], 0, 8) == at(fields[field], 0, MARKS[8, 1] - 2.2) == 0


def test_cheeks_are_beside_the_nose_and_lines_where_age_draws_them(fields):
    assert at(fields["cheeks"], 4.6, -0.6) > 0.95 and at(fields["cheeks"], -4.6, -0.6) > 0.95
    assert at(fields["cheeks"], 0, 9) < 0.05
    forehead = [at(fields["lines"], 0.5, y) for y in np.linspace(7, 10, 60)]
    assert max(forehead) > 0.5 and min(forehead) < 0.1
    assert at(fields["lines"], 0, -6.5) == 0
    corner = [at(fields["lines"], x, MARKS[45, 1]) for x in np.linspace(MARKS[45, 0], MARKS[45, 0] + 2, 40)]
    assert max(corner) > 0.4


def test_a_face_of_two_like_halves_is_painted_so(fields):
    for name, field in fields.items():
        assert np.abs(field - field[:, ::-1]).max() < 0.25 and np.abs(field - field[:, ::-1]).mean() < 0.004, name
        assert 0.001 < field.mean() < 0.4, name


def test_noise_tiles_and_its_four_fields_are_of_their_own():
    noise = paint.noise()
    assert noise.dtype == np.uint8 and noise.shape == (paint.NOISE_SIZE, paint.NOISE_SIZE, 4)
    np.testing.assert_array_equal(noise, paint.noise())
    values = noise.astype(float)
    assert values.mean(axis=(0, 1)) == pytest.approx(np.full(4, 127.5), abs=1)
    assert values.std(axis=(0, 1)) == pytest.approx(np.full(4, 42), abs=1.5)
    correlation = np.corrcoef(values.reshape(-1, 4).T)
    assert np.abs(correlation - np.eye(4)).max() < 0.03
    for axis in (0, 1):  # across the edge it goes on as it does within
        steps = np.abs(values - np.roll(values, 1, axis=axis)).mean(axis=(1 - axis, 2))
        assert steps[0] < 1.3 * steps.mean() < 45
