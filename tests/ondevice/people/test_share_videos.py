"""docs/examples/share_videos.py runs as it stands, but for the audit itself, which takes minutes."""

import runpy

import numpy as np
from helpers import ROOT
from test_video import RED, frames_of, is_red, write_clip

from vgan_tf.evaluation import audits
from vgan_tf.ondevice.people import tracking


def test_the_example_protects_audits_and_writes_the_table(found, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for person in ("ann", "bob"):
        for expression in ("joy", "neutral"):
            (tmp_path / "clips" / person / expression).mkdir(parents=True)
            write_clip(tmp_path / "clips" / person / expression / "1.mp4", frames=3, sound=False)
    write_clip(tmp_path / "clips" / "bob" / "neutral" / "2.mp4", frames=3, sound=False, size=(64, 64))
    find = tracking.find_faces
    monkeypatch.setattr(tracking, "find_faces", lambda frame, sides: find(frame) if frame.shape[1] == 160 else [])
    audited = {}
    figure = {"attacker": "ridge", "accuracy": 0.5, "interval": [0.25, 0.75]}

    def audit(dump, out, **options):
        audited.update(dump=dump, **options)
        utility = {name: figure for name in ("original_to_original", "original_to_protected")}
        privacy = {f"scenario_{number}": {"strongest": figure} for number in (1, 2)}
        return {"verdict": "inconclusive", "chance": 0.5, "privacy": privacy, "utility": utility}

    monkeypatch.setattr(audits, "audit", audit)
    monkeypatch.setattr(audits, "summary", lambda result: result["verdict"])
    runpy.run_path(str(ROOT / "docs" / "examples" / "share_videos.py"))

    shared = sorted(str(path.relative_to(tmp_path / "shared")) for path in (tmp_path / "shared").rglob("*.mp4"))
    assert shared == [f"{person}/{expression}/1.mp4" for person in ("ann", "bob") for expression in ("joy", "neutral")]
    assert all(is_red(frame[40:60, 70:90]) == 0 for _, frame in frames_of(tmp_path / "shared" / shared[0]))
    dump = audited["dump"]
    assert audited["quick"] and dump.identities == ("ann", "bob") and dump.expressions == ("joy", "neutral")
    for part, expression in ((dump.train, 0), (dump.test, 1)):
        assert part.id.tolist() == [0, 1] and part.ep.tolist() == [expression] * 2 and part.x.shape == (2, 128, 128, 3)
        assert np.abs(part.x[:, 60:70, 60:70].astype(int) - RED).max() < 12 and is_red(part.p[:, 60:70, 60:70]) == 0
    assert len({*dump.train.clip, *dump.test.clip}) == 4
    table = (tmp_path / "audit" / "table.md").read_text()
    assert "2 people, 4 of 5 clips shared, 0 of 12 faces black. Audit of 2 frames: **inconclusive**" in table
    assert "| naming, learnt from originals | ridge | 50.0% [25.0%, 75.0%] |" in table
    assert "bob/neutral/2.mp4: no face found" in capsys.readouterr().out
