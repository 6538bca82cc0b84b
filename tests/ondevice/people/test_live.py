"""Raw frames from a pipe, protected as they come."""

import io
import types

import numpy as np
import pytest
from helpers import run_script

from vgan_tf.ondevice import Protector
from vgan_tf.ondevice.people.live import HELD_FRAMES, Live

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


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE), dtype=np.uint8)


def test_frames_go_in_and_come_out_protected(export, found, pipe):
    frames = noise(3)
    status, written = pipe(export, frames.tobytes(), "--size", "160x120")
    after = np.frombuffer(written, np.uint8).reshape(frames.shape)
    assert status == 0 and (np.ptp(after[:, 28:72, 58:102].astype(int), axis=-1) <= 1).all()
    np.testing.assert_array_equal(after[:, 90:], frames[:, 90:])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "need WIDTHxHEIGHT"),
        (("--size", "160"), "need WIDTHxHEIGHT"),
        (("--size", "0x120"), "need WIDTHxHEIGHT"),
        (("--size", "99999x99999"), "need WIDTHxHEIGHT"),
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


def test_a_missed_face_stays_covered_for_a_while_with_the_same_target(export, found, monkeypatch):
    protector, used, replace = Protector(export), [], Protector.replace_faces

    def note(self, picture, faces, targets, *more, **options):
        used.extend(targets)
        return replace(self, picture, faces, targets, *more, **options)

    monkeypatch.setattr(Protector, "replace_faces", note)
    one, frames = Live(protector), noise(HELD_FRAMES + 4)
    shown = [one.protect(frames[0])]
    found.clear()
    shown += [one.protect(frame) for frame in frames[1 : HELD_FRAMES + 1]]
    assert len(used) == HELD_FRAMES + 1 and len(set(used)) == 1 and used[0] in protector.identities
    for after in shown[1:]:  # nor does the rim show, if it moves
        assert (np.ptp(after[24:76, 54:106].astype(int), axis=-1) <= 1).all()
    np.testing.assert_array_equal(one.protect(frames[-1]), frames[-1])


def test_an_unfit_face_is_black(export, found):
    found[0] = found[0]._replace(turned=2.0)
    assert not Live(Protector(export)).protect(noise(1)[0])[30:70, 60:100].any()
