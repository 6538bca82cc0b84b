"""Frames protected as they come, from a pipe or a program."""

import io
import types

import numpy as np
import pytest
from helpers import run_script, stub_files, write_export

from vgan_tf.errors import InputError
from vgan_tf.ondevice import Live, Protector
from vgan_tf.ondevice.people import live
from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.people.live import HELD_FRAMES
from vgan_tf.ondevice.pictures import Square

SIZE = 120, 160, 3


@pytest.fixture
def pipe(monkeypatch):
    """Run `protect -` on bytes: (exit status, bytes written)."""

    def run(export, content, *more):
        out = io.BytesIO()
        out.isatty = lambda: False
        monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
        monkeypatch.setattr("sys.stdout", types.SimpleNamespace(buffer=out, write=None, flush=lambda: None))
        return run_script("vgan_tf", "protect", "-", *more, "--model", export), out.getvalue()

    return run


@pytest.fixture
def replaced(monkeypatch):
    """What `Protector.replace_faces` was called with, frame by frame: list of (faces, targets, latents)."""
    calls, replace = [], Protector.replace_faces

    def note(self, picture, faces, targets, black, latents, style):
        calls.append((faces, targets, latents))
        return replace(self, picture, faces, targets, black, latents, style)

    monkeypatch.setattr(Protector, "replace_faces", note)
    return calls


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE), dtype=np.uint8)


def test_frames_go_in_and_come_out_protected(export, found, pipe):
    frames = noise(3)
    status, written = pipe(export, frames.tobytes(), "--size", "160x120")
    after = np.frombuffer(written, np.uint8).reshape(frames.shape)
    assert status == 0 and (np.ptp(after[:, 28:72, 58:102].astype(int), axis=-1) <= 1).all()
    np.testing.assert_array_equal(after[:, 90:], frames[:, 90:])


def test_a_target_is_drawn_once_where_a_face_first_shows_well(export, replaced, monkeypatch):
    seen, plain = [], Face(Square(60, 30, 40), [62, 35, 36, 30], 0.9)
    faces = iter([plain._replace(turned=1.2), plain, plain, plain._replace(turned=1.2)])
    monkeypatch.setattr(live, "find_faces", lambda frame, copies: [next(faces)])

    def choose(self, target, picture=None, face=None, faces=()):
        if face is not None and target == "random":
            seen.append(face.turned)
            return "bob"
        return target

    monkeypatch.setattr(Protector, "choose", choose)
    list(Live(Protector(export)).protect_frames(noise(4)))
    assert [targets for _, targets, _ in replaced] == [["random"], ["bob"], ["bob"], ["bob"]]
    assert seen[1:] == [0.0]  # the first, turned away, is black whatever is drawn for it


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "frames need WIDTHxHEIGHT"),
        (("--size", "160"), "frames need WIDTHxHEIGHT"),
        (("--size", "0x120"), "frames need WIDTHxHEIGHT"),
        (("--size", "99999x99999"), "frames need WIDTHxHEIGHT"),
        (("--size", "160x120", "-o", "out.mp4"), "-o: not with raw frames"),
        (("--size", "160x120", "--on-missed-face", "black"), "--on-missed-face: not with raw frames"),
        (("--size", "160x120", "--style", "crop"), "--style crop: for pictures"),
        (("--size", "160x120", "--target", "dora"), "target 'dora'"),
        (("photo.png", "--size", "160x120"), "the one input"),
    ],
)
def test_wrong_use_is_refused_before_a_frame_is_read(export, found, pipe, capsys, options, reason):
    status, written = pipe(export, noise(1).tobytes(), *options)
    assert status == 2 and written == b"" and reason in capsys.readouterr().err


def test_a_frame_that_is_cut_off_is_not_written(export, found, pipe, capsys):
    status, written = pipe(export, noise(2).tobytes()[:-1], "--size", "160x120")
    assert status == 2 and len(written) == np.prod(SIZE)
    assert "ends within frame 1, after 57599 of 57600 bytes" in capsys.readouterr().err


def test_a_missed_face_stays_covered_for_a_while_with_the_same_target(export, found, replaced):
    protector, frames = Protector(export), noise(HELD_FRAMES + 4)
    one = Live(protector)
    shown = [one.protect(frames[0])]
    found.clear()
    shown += [one.protect(frame) for frame in frames[1 : HELD_FRAMES + 1]]
    used = [target for _, targets, _ in replaced for target in targets]
    assert len(used) == HELD_FRAMES + 1 and len(set(used)) == 1 and used[0] in protector.identities
    for after in shown[1:]:  # nor does the rim show, if it moves
        assert (np.ptp(after[24:76, 54:106].astype(int), axis=-1) <= 1).all()
    np.testing.assert_array_equal(one.protect(frames[-1]), frames[-1])


def test_places_and_motion_do_not_tremble_and_what_must_be_covered_follows_at_once(
    found, replaced, tmp_path, monkeypatch
):
    export = write_export(tmp_path / "export", stub_files(), latent_names=["joy", "yaw", "gaze_x", "motion_jawOpen"])
    face, random = found[0], np.random.default_rng(0)
    read = random.normal(0, 0.1, (50, 1, 4)).astype(np.float32)
    places = np.array([[60, 30, 40]]) + random.normal(0, 1, (50, 3))
    places[40:, 0] += 20  # it jumps, by half of its side
    latents = iter(read)
    monkeypatch.setattr(Protector, "encode", lambda self, picture, faces: next(latents))

    def frames():
        for (left, top, side), frame in zip(places.tolist(), noise(50), strict=True):
            found[0] = face._replace(square=Square(left, top, side), box=[left, top, side, side])
            yield frame

    list(Live(Protector(export)).protect_frames(frames(), 25))
    tremble = lambda values: np.abs(np.diff(values, 2, axis=0)).mean()  # noqa: E731
    squares = np.array([faces[0].square for faces, _, _ in replaced])
    assert tremble(squares[:40]) < 0.4 * tremble(places[:40])
    assert np.abs(squares[20:40].mean(axis=0) - (60, 30, 40)).max() < 1 and squares[43, 0] > 75
    assert [faces[0].box[0] for faces, _, _ in replaced] == places[:, 0].tolist()
    assert all(one.dtype == np.float32 and one.shape == (1, 4) for _, _, one in replaced)
    assert tremble([one for _, _, one in replaced]) < 0.4 * tremble(read)


def test_frames_are_protected_one_by_one(export, found):
    taken = []
    frames = (taken.append(number) or frame for number, frame in enumerate(noise(3)))
    protected = Live(Protector(export), "bob").protect_frames(frames)
    assert taken == [] and next(protected).shape == SIZE and taken == [0] and len(list(protected)) == 2


@pytest.mark.parametrize("frame", [noise(1)[0].astype(np.float32), noise(1)[0][..., :2], noise(1)[0][:0]])
def test_what_is_no_frame_is_refused(export, found, frame):
    with pytest.raises(InputError, match="must be uint8"):
        Live(Protector(export)).protect(frame)


def test_a_wrong_target_is_refused_before_any_frame(export):
    with pytest.raises(InputError, match="target 'dora'"):
        Live(Protector(export), "dora")


def test_an_unfit_face_is_black(export, found):
    found[0] = found[0]._replace(turned=2.0)
    assert not Live(Protector(export)).protect(noise(1)[0])[30:70, 60:100].any()
