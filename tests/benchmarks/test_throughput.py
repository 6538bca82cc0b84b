"""benchmarks/throughput.py: it trains a preset as the package has it now. Nothing is timed here."""

import pytest
from helpers import ROOT

from vgan_tf.errors import InputError


def test_its_figures_are_of_the_preset_and_the_batch_that_it_was_given(monkeypatch, eagerly):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from throughput import measure

    figures = measure("tiny", batch_size=4, steps=1)
    assert (figures["preset"], figures["image_size"], figures["batch_size"], figures["steps"]) == ("tiny", 64, 4, 1)
    assert figures["best"] == figures["images_per_second"] > 0
    with pytest.raises(InputError, match="steps 0: must be at least 1"):
        measure("tiny", batch_size=4, steps=0)
