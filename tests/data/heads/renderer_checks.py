"""Pictures of rendered heads: functions of what they show, with alpha, landmarks and light where they belong.

All are of a made-up head. They need OpenGL by EGL, as the renderer does.
"""

import dataclasses

import numpy as np
import pytest
from made_up import head_model

from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.appearance import GLASSES, HAIR_STYLES, HEAD_COVERS, Light, Motion, Nuisance, Person
from vgan_tf.errors import InputError

SIZE = 128
NOBODY = Person(hair_style="bald", clothes="t_shirt")
BLUE_LIPS = dataclasses.replace(NOBODY, lip_colour=(0.0, 0.0, 1.0), lip_stick=1.0)
GREEN_EYES = dataclasses.replace(NOBODY, eye_colour=(0.0, 1.0, 0.0))
STILL = Motion()
PLAIN = Nuisance(shadow=0.0)
FAR = dataclasses.replace(PLAIN, view_angle=12.0)
DARK = Nuisance(lights=(), sky=(0, 0, 0), ground=(0, 0, 0), shadow=0.0)


def moving_model():
    """The made-up head with a jaw that opens, lids that close, and a first mode that widens it by a tenth."""
    model = head_model()
    shapes, modes = model.shapes.copy(), model.modes.copy()
    below = (model.neutral[:, 1] < -3.4) & (model.neutral[:, 1] > -7.6) & (np.arange(parts.VERTICES) < parts.FACE.stop)
    shapes[model.shape_names.index("jawOpen"), below, 1] = -2
    shapes[model.shape_names.index("mouthPucker"), model.landmarks[48:68], 2] = 1
    modes[0, :, 0] = 0.1 * model.neutral[:, 0]
    return dataclasses.replace(model, shapes=shapes, modes=modes)


MODEL = moving_model()


def new_renderer():
    pytest.importorskip("moderngl", reason="no moderngl (the extra heads)")
    from vgan_tf.data.heads.renderer import Renderer

    try:
        return Renderer(MODEL)
    except InputError as error:
        if "libegl1" not in str(error):
            raise
        pytest.skip("no EGL (libegl1 and libgl1-mesa-dri)")


@pytest.fixture(scope="module")
def renderer():
    return new_renderer()


def middle_of(mask):
    """Mean x and y of the pixels of a mask, in shares of the side."""
    assert mask.sum() >= 3
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / len(mask)


def lips_in(picture):
    return (picture[..., 2] > 1.5 * picture[..., 0]) & (picture[..., 2] > 0.05)


def irises_in(picture):
    return (picture[..., 1] > 1.3 * picture[..., 0]) & (picture[..., 1] > 1.3 * picture[..., 2])


def around(marks, margin):
    """Mask of the pixels in the box of some landmarks, so many pixels larger."""
    low, high = marks.min(axis=0) * SIZE - margin, marks.max(axis=0) * SIZE + margin
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    return (columns > low[0]) & (columns < high[0]) & (rows > low[1]) & (rows < high[1])


def test_where_all_is_painted_nothing_else_shows(renderer, monkeypatch):
    from vgan_tf.data.heads import renderer as module

    person = Person(skin=(0.3, 0.2, 0.1), redness=0.9, blotches=0.5, shine=1.0, hair_style="receding", hairline=-1)
    whole = module._painted_whole
    monkeypatch.setattr(module, "_painted_whole", lambda neutral, extra: whole(neutral, extra) & (neutral[:, 0] > 2))
    np.testing.assert_allclose(*(one.render(person, STILL, FAR, SIZE) for one in (renderer, new_renderer())), atol=1e-5)


def test_a_picture_is_a_function_of_its_arguments(renderer, monkeypatch):
    from vgan_tf.data.heads import renderer as module

    people = [
        Person(seed=k, hair_style=HAIR_STYLES[2 + k], glasses=GLASSES[k % 3], shape=((0, 0.3 * k),)) for k in range(4)
    ]
    motions = [Motion(yaw=10.0 * k, gaze_x=0.2 * k, weights=(("jawOpen", 0.2 * k),)) for k in range(4)]
    nuisances = [Nuisance(shift_x=0.02 * k, lights=Nuisance().lights[: k % 3], shadow=k / 3) for k in range(4)]
    sizes = (64, 50, 128, 64)
    pictures = [renderer.render(*one) for one in zip(people, motions, nuisances, sizes, strict=True)]
    kept = [picture.tobytes() for picture in pictures]
    assert len(set(kept)) == 4
    monkeypatch.setattr(module, "PEOPLE_KEPT", 2)  # so that each has been dropped before it comes again
    second = new_renderer()
    for one in (second, renderer, second):
        for k in (2, 0, 3, 1):
            assert one.render(people[k], motions[k], nuisances[k], sizes[k]).tobytes() == kept[k]
            np.testing.assert_array_equal(
                one.landmarks(people[k], motions[k], nuisances[k]),
                renderer.landmarks(people[k], motions[k], nuisances[k]),
            )
    # What was handed out is not drawn over.
    assert [picture.tobytes() for picture in pictures] == kept


@pytest.mark.parametrize("size", [32, 50, 128])
def test_a_head_is_drawn_before_nothing(renderer, size):
    person = Person(hair_style="bob", glasses="round")
    picture = renderer.render(person, STILL, Nuisance(), size)
    assert picture.shape == (size, size, 4) and picture.dtype == np.float32
    alpha = picture[..., 3]
    assert picture.min() >= 0 and alpha.max() <= 1
    assert (alpha[: size // 32] == 0).all() and (alpha[: size // 2, [0, -1]] == 0).all()
    assert (picture[alpha == 0] == 0).all()
    face = renderer.landmarks(person, STILL, Nuisance())[[27, 30, 33, 51, 57, 8]] * size
    for x, y in face:
        assert alpha[int(y), int(x)] == pytest.approx(1, abs=1e-3)  # also behind glasses
    # As large in every size.
    assert alpha.mean() == pytest.approx(renderer.render(person, STILL, Nuisance(), 96)[..., 3].mean(), abs=0.02)


def test_heads_turn_as_motions_say(renderer):
    def points(**pose):
        return renderer.landmarks(NOBODY, Motion(**pose), PLAIN)

    nose, ears, chin = 30, [0, 16], 8
    still = points()
    assert still.shape == (68, 2) and still.dtype == np.float32
    assert still[nose, 0] == pytest.approx(0.5, abs=0.02) and still[chin, 1] > still[nose, 1] > still[27, 1]
    assert still[0, 0] < 0.4 and still[16, 0] > 0.6  # the person's right is left in the picture

    def ahead(marks):
        return marks[nose] - marks[ears].mean(axis=0)

    assert ahead(points(yaw=25))[0] > ahead(still)[0] + 0.08 and ahead(points(yaw=-25))[0] < ahead(still)[0] - 0.08
    assert ahead(points(pitch=15))[1] < ahead(still)[1] - 0.04 and ahead(points(pitch=-15))[1] > ahead(still)[1] + 0.04
    rolled = points(roll=15)
    across = rolled[16] - rolled[0]
    assert np.rad2deg(np.arctan2(across[1], across[0])) == pytest.approx(15, abs=1)  # clockwise


@pytest.mark.parametrize(
    "motion, nuisance",
    [
        (STILL, PLAIN),
        (Motion(yaw=25), PLAIN),
        (Motion(yaw=-20, pitch=12, roll=-10), PLAIN),
        (Motion(pitch=-15, roll=15), PLAIN),
        (Motion(weights=(("mouthPucker", 1.0),)), PLAIN),
        (STILL, dataclasses.replace(PLAIN, scale=1.3, shift_x=0.06, shift_y=-0.07)),
        (Motion(yaw=15), dataclasses.replace(PLAIN, scale=0.8, view_angle=45.0, camera_height=12.0)),
    ],
)
def test_landmarks_are_where_things_are_drawn(renderer, motion, nuisance):
    marks = renderer.landmarks(BLUE_LIPS, motion, nuisance)
    odd = lips_in(renderer.render(BLUE_LIPS, motion, nuisance, 101))
    assert middle_of(odd) == pytest.approx(marks[48:60].mean(axis=0), abs=1.2 / 101)
    mask = lips_in(renderer.render(BLUE_LIPS, motion, nuisance, SIZE))
    lips = marks[48:60]
    assert middle_of(mask) == pytest.approx(lips.mean(axis=0), abs=1.2 / SIZE)
    columns = np.nonzero(mask.any(axis=0))[0]
    assert (columns.min() / SIZE, (columns.max() + 1) / SIZE) == pytest.approx(
        (lips[:, 0].min(), lips[:, 0].max()), abs=2.5 / SIZE
    )
    assert not (mask & ~around(lips, 3)).any()


def test_framing_is_as_documented(renderer):
    def points(**frame):
        return renderer.landmarks(NOBODY, STILL, dataclasses.replace(FAR, **frame))

    still = points()
    assert points(shift_x=0.07, shift_y=0.05) - still == pytest.approx(np.tile([0.07, 0.05], (68, 1)), abs=1e-5)
    assert points(scale=1.3) - 0.5 == pytest.approx(1.3 * (still - 0.5), abs=0.02)
    # A higher camera sees the nose lower against the ears, a short lens sees it larger.
    assert (points(camera_height=12) - still)[30, 1] > (points(camera_height=12) - still)[[0, 16], 1].max() + 0.02
    wide = points(view_angle=50)
    assert np.ptp(wide[31:36, 0]) / np.ptp(wide[:17, 0]) > 1.1 * np.ptp(still[31:36, 0]) / np.ptp(still[:17, 0])
    alpha = renderer.render(NOBODY, STILL, FAR, SIZE)[..., 3]
    moved = renderer.render(NOBODY, STILL, dataclasses.replace(FAR, shift_x=8 / SIZE, shift_y=-4 / SIZE), SIZE)[..., 3]
    assert np.abs(moved[:-8, 8:] - alpha[4:-4, :-8]).max() < 0.02


def test_gaze_moves_the_irises_and_nothing_else(renderer):
    still = renderer.render(GREEN_EYES, STILL, PLAIN, SIZE)
    marks = renderer.landmarks(GREEN_EYES, STILL, PLAIN)
    eyes = [around(marks[36:42], 5), around(marks[42:48], 5)]
    for field, axis, sign in (("gaze_x", 0, 1), ("gaze_y", 1, -1)):
        for amount in (1, -1):
            picture = renderer.render(GREEN_EYES, Motion(**{field: amount}), PLAIN, SIZE)
            changed = (picture != still).any(axis=2)
            assert changed.any() and not (changed & ~(eyes[0] | eyes[1])).any()
            for eye in eyes:
                way = middle_of(irises_in(picture) & eye) - middle_of(irises_in(still) & eye)
                assert way[axis] * sign * amount > 1.2 / SIZE and abs(way[1 - axis]) < 0.8 / SIZE


def test_faces_do_what_motion_and_rest_say(renderer):
    still = renderer.landmarks(NOBODY, STILL, FAR)
    opened = renderer.landmarks(NOBODY, Motion(weights=(("jawOpen", 0.5),)), FAR)
    down = (opened - still)[:, 1] * 30
    assert down[[7, 8, 9, 57]] == pytest.approx(np.ones(4), abs=0.15) and down[[27, 30, 36, 51]] == pytest.approx(0)
    resting = dataclasses.replace(NOBODY, rest=(("jawOpen", 0.25),))
    both = renderer.landmarks(resting, Motion(weights=(("jawOpen", 0.25),)), FAR)
    assert both == pytest.approx(opened, abs=1e-5)
    picture = renderer.render(NOBODY, Motion(weights=(("jawOpen", 0.5),)), FAR, SIZE)
    changed = (picture != renderer.render(NOBODY, STILL, FAR, SIZE)).any(axis=2)
    assert changed.any() and not (changed & around(still[17:27], 0)).any()


def test_people_have_their_own_heads(renderer):
    wide = dataclasses.replace(NOBODY, shape=((0, 1.5), (1, 2.0)))
    np.testing.assert_array_equal(renderer.head_of(NOBODY), MODEL.neutral)
    np.testing.assert_allclose(renderer.head_of(wide), MODEL.neutral * (1.15, 1, 1), rtol=1e-5, atol=1e-5)
    widths = [np.ptp(renderer.landmarks(person, STILL, FAR)[:17, 0]) for person in (NOBODY, wide)]
    assert widths[1] == pytest.approx(1.15 * widths[0], rel=0.01)


def test_light_comes_from_where_it_is_and_adds_up(renderer):
    def picture(*lights, **fields):
        return renderer.render(NOBODY, STILL, dataclasses.replace(DARK, lights=lights, **fields), SIZE)[..., :3]

    left, right = Light((-0.8, 0.2, 0.5), (1, 0.5, 0.25), 0.7), Light((0.8, 0.2, 0.5), (0.2, 0.4, 1), 0.5)
    from_left, from_right = picture(left), picture(right)
    half = SIZE // 2
    assert from_left[:, :half].mean() > 2 * from_left[:, half:].mean()
    assert from_right[:, half:].mean() > 2 * from_right[:, :half].mean()
    assert (picture() == 0).all() and renderer.render(NOBODY, STILL, DARK, SIZE)[..., 3].mean() > 0.2
    np.testing.assert_allclose(picture(left, right), from_left + from_right, atol=4e-3)
    np.testing.assert_allclose(picture(dataclasses.replace(left, strength=0.35)), from_left / 2, atol=4e-3)
    assert from_left[..., 2].mean() < 0.2 * from_left[..., 0].mean()  # it has the light's colour
    above, below = picture(sky=(1, 1, 1)), picture(ground=(1, 1, 1))
    marks = renderer.landmarks(NOBODY, STILL, DARK) * SIZE
    forehead, neck = (int(marks[19, 1]) - 18, half), (int(marks[8, 1]) + 2, half)
    from_above, neck_from_above = (above[place].mean() / below[place].mean() for place in (forehead, neck))
    assert from_above > 1.7 and from_above > 1.3 * neck_from_above


def test_shadow_takes_the_first_light_only(renderer):
    def picture(shadow, *directions):
        lights = tuple(Light(direction) for direction in directions)
        return renderer.render(NOBODY, STILL, dataclasses.replace(DARK, lights=lights, shadow=shadow), SIZE)

    above, front = (0.0, 0.9, 0.45), (0.0, 0.0, 1.0)
    open_light, half, full = (picture(shadow, above) for shadow in (0.0, 0.5, 1.0))
    marks = renderer.landmarks(NOBODY, STILL, DARK) * SIZE
    neck, forehead = (int(marks[8, 1]) + 6, SIZE // 2), (int(marks[19, 1]) - 12, SIZE // 2)
    below = slice(int(marks[8, 1]) + 3, int(marks[8, 1]) + 10), slice(60, 68)
    left = full[below][..., 0] / open_light[below][..., 0]
    assert open_light[below][..., 0].min() > 0.05 and left.min() < 0.3 and left.mean() < 0.65
    np.testing.assert_allclose(full[forehead], open_light[forehead], rtol=0.02)
    assert (full <= open_light + 2e-3).all() and (full[..., 3] == open_light[..., 3]).all()
    np.testing.assert_allclose(half[..., :3], (full + open_light)[..., :3] / 2, atol=3e-3)
    # The second light shines into the shadow of the first.
    lit = picture(1.0, above, front)[neck] - full[neck]
    np.testing.assert_allclose(lit[:3], picture(0.0, front)[neck][:3], atol=4e-3)


FIELDS = {  # field -> another value, landmarks around which the picture may change, so many pixels farther
    "brow_height": (0.3, slice(17, 27), 5),
    "brow_tilt": (0.3, slice(17, 27), 6),
    "brow_thickness": (1.7, slice(17, 27), 5),
    "brow_density": (0.3, slice(17, 27), 5),
    "brow_colour": ((0.5, 0.3, 0.1), slice(17, 27), 5),
    "lip_colour": ((0.1, 0.1, 0.5), slice(48, 60), 4),
    "lip_stick": (1.0, slice(48, 60), 4),
    "eye_colour": ((0.1, 0.3, 0.5), slice(36, 48), 5),
    "iris_size": (1.15, slice(36, 48), 5),
    "eye_shadow": (1.0, slice(17, 48), 5),
    "eye_rings": (0.9, slice(36, 48), 14),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_changes_what_it_is_about_and_nothing_else(renderer, field):
    value, marks, margin = FIELDS[field]
    first, second = (
        renderer.render(person, STILL, PLAIN, SIZE)
        for person in (NOBODY, dataclasses.replace(NOBODY, **{field: value}))
    )
    changed = np.abs(first - second).max(axis=2)
    there = around(renderer.landmarks(NOBODY, STILL, PLAIN)[marks], margin)
    assert changed[there].max() > 0.02 and changed[~there].max() < 0.012
    np.testing.assert_array_equal(first[..., 3], second[..., 3])


def test_a_higher_brow_is_higher(renderer):
    dark = dataclasses.replace(NOBODY, brow_colour=(0, 0, 0), brow_density=1.0)
    there = around(renderer.landmarks(NOBODY, STILL, PLAIN)[17:27], 6)
    bare = renderer.render(dataclasses.replace(dark, brow_density=0.0, brow_colour=NOBODY.skin), STILL, PLAIN, SIZE)

    def brows(**fields):
        picture = renderer.render(dataclasses.replace(dark, **fields), STILL, PLAIN, SIZE)
        return there & (picture[..., 0] < 0.6 * bare[..., 0])

    pixel = 1 / 30  # shares of the side in a centimetre
    assert (middle_of(brows(brow_height=-0.3)) - middle_of(brows(brow_height=0.3)))[1] == pytest.approx(
        0.6 * pixel, rel=0.3
    )
    assert brows(brow_thickness=1.6).sum() > 1.3 * brows(brow_thickness=0.7).sum()
    tilted = brows(brow_tilt=0.3)
    marks = renderer.landmarks(NOBODY, STILL, PLAIN)
    outer, inner = around(marks[17:19], 6), around(marks[20:22], 6)
    rise = middle_of(brows() & outer) - middle_of(tilted & outer)
    assert rise[1] > 0.1 * pixel and rise[1] > (middle_of(brows() & inner) - middle_of(tilted & inner))[1] + 0.1 * pixel


def test_skins_have_the_persons_colour_and_marks(renderer):
    def skin(**fields):
        return renderer.render(dataclasses.replace(NOBODY, **fields), STILL, PLAIN, SIZE)[..., :3]

    marks = renderer.landmarks(NOBODY, STILL, PLAIN) * SIZE
    usual = skin()
    x, y = marks[19]
    forehead = slice(int(y) - 16, int(y) - 8), slice(50, 78)
    dark = skin(skin=(0.075, 0.04, 0.029))
    assert dark[forehead].mean() < 0.3 * usual[forehead].mean()
    for field in ("pores", "moles", "freckles", "blotches", "age_lines", "redness", "shine"):
        assert np.abs(skin(**{field: 1.0}) - skin(**{field: 0.0})).max() > 0.01, field
    uneven, even = (skin(blotches=value, pores=value)[forehead][..., 0].std() for value in (1.0, 0.0))
    assert uneven > 1.5 * even
    other = skin(seed=1)
    assert 0.001 < np.abs(other[forehead] - usual[forehead]).mean() < 0.1
    red, pale = (skin(redness=value)[int(marks[33, 1]) - 4 : int(marks[33, 1]) + 6, 40:46] for value in (1.0, 0.0))
    assert red[..., 0].mean() / red[..., 1].mean() > 1.1 * pale[..., 0].mean() / pale[..., 1].mean()


def test_beards_are_where_they_grow(renderer):
    bare = renderer.render(NOBODY, STILL, PLAIN, SIZE)
    marks = renderer.landmarks(NOBODY, STILL, PLAIN) * SIZE
    between = slice(int(marks[33, 1]) + 1, int(marks[51, 1]))
    chin = slice(int(marks[57, 1]) + 3, int(marks[57, 1]) + 10)

    def shade(kind):
        """How much darker it is above the lips, below them, and on the cheeks."""
        picture = renderer.render(
            dataclasses.replace(NOBODY, facial_hair=kind, hair_colour=(0.01, 0.01, 0.01)), STILL, PLAIN, SIZE
        )
        darker = 1 - picture[..., :3].mean(axis=2) / np.maximum(bare[..., :3].mean(axis=2), 1e-6)
        return darker[between, 58:70].mean(), darker[chin, 60:68].mean(), darker[chin, 44:50].mean()

    assert shade("none") == pytest.approx((0, 0, 0), abs=0.01)
    stubble, moustache, goatee, beard = (shade(kind) for kind in ("stubble", "moustache", "goatee", "beard"))
    assert min(stubble) > 0.1 and min(beard) > 0.4
    assert moustache[0] > 0.4 and max(moustache[1:]) < 0.5 * moustache[0]
    assert min(goatee[:2]) > 0.4 and goatee[2] < 0.6 * goatee[1]


def test_every_hair_style_and_cover_shows(renderer):
    def picture(**fields):
        return renderer.render(dataclasses.replace(NOBODY, hair_colour=(0, 0, 0.4), **fields), STILL, PLAIN, SIZE)

    bald = picture()
    top = slice(0, int(renderer.landmarks(NOBODY, STILL, PLAIN)[19, 1] * SIZE) - 8)
    drawn = {style: picture(hair_style=style) for style in HAIR_STYLES if style != "bald"}
    for style, one in drawn.items():
        assert lips_in(one)[top].sum() > 150, style
        assert (one[..., 3] == bald[..., 3]).all() == (style == "stubble")
    assert len({one.tobytes() for one in drawn.values()}) == len(HAIR_STYLES) - 1
    for cover in HEAD_COVERS[1:]:
        one = picture(hair_style="afro", head_cover=cover, head_cover_colour=(0.6, 0, 0))
        red = (one[..., 0] > 3 * one[..., 2]) & (one[..., 0] > 3 * one[..., 1]) & (one[..., 3] > 0.9)
        assert red[top].sum() > 300, cover
    grey = picture(hair_style="afro", hair_grey=1.0)
    assert lips_in(grey)[top].sum() < 0.2 * lips_in(drawn["afro"])[top].sum()


@pytest.mark.parametrize("hair", [{"hair_style": "long"}, {"hair_style": "short", "facial_hair": "beard"}])
def test_hair_without_strands_is_the_same_but_smoother(renderer, hair):
    def picture(strands):
        one = Person(**hair, hair_colour=(0.3, 0.2, 0.1), hair_strands=strands)
        return renderer.render(one, STILL, PLAIN, SIZE)[..., :3].astype(float)

    strands, smooth = picture(1.0), picture(0.25)
    rough = [np.abs(np.diff(one, axis=axis)).mean() for one in (strands, smooth) for axis in (0, 1)]
    assert rough[2] < 0.97 * rough[0] and rough[3] < 0.95 * rough[1]
    assert abs(strands.mean() - smooth.mean()) < 0.02 * strands.mean()


def test_a_machine_without_opengl_is_told_what_to_install(monkeypatch):
    moderngl = pytest.importorskip("moderngl", reason="no moderngl (the extra heads)")
    from vgan_tf.data.heads.renderer import Renderer

    def refuse(**settings):
        raise Exception("no display:\n  eglInitialize failed")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    with pytest.raises(InputError) as error:
        Renderer(MODEL)
    assert str(error.value) == (
        "heads: no OpenGL 3.3 by EGL on this machine; install libegl1 and libgl1-mesa-dri (Debian, Ubuntu) "
        "(no display: eglInitialize failed)"
    )
