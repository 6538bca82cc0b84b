"""What tests of followed faces share: an export of stubs, and faces that are found wherever one looks."""

import pytest
from helpers import stub_files, write_export

from vgan_tf.ondevice.people import live, tracking
from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.pictures import Square


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("exports") / "stubs", stub_files())


@pytest.fixture
def found(monkeypatch):
    """Whatever is searched has the faces of this list."""
    faces = [Face(Square(60, 30, 40), [58, 28, 44, 44], 0.9)]
    for module in (live, tracking):
        monkeypatch.setattr(module, "find_faces", lambda picture, sides=None: list(faces))
    return faces
