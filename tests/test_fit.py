"""docs/examples/fit_your_own_data.py runs as it stands, and does what docs/fit.md says."""

import runpy

import keras
import numpy as np
import pytest
from helpers import ROOT

from vgan_tf.images import read_image


@pytest.mark.filterwarnings("ignore:.*compile.*was not called")
def test_the_example_trains_on_its_own_images_and_protects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = runpy.run_path(str(ROOT / "docs" / "examples" / "fit_your_own_data.py"))
    model, history = state["model"], state["history"].history
    assert len(history["val_generator_loss"]) == state["EPOCHS"] == len(history["learning_rate"])
    columns = {metric.name for metric in model.metrics}
    assert set(history) == columns | {f"val_{name}" for name in columns} | {"learning_rate"}
    assert np.isfinite([values for values in history.values()]).all()
    assert state["identities"] == ["ada", "ben", "cleo"] and len(state["expressions"]) == 7
    seen, labels = next(iter(state["validation_batches"]))
    first = state["paths"][state["validation"][0]]
    np.testing.assert_allclose(seen[0], read_image(first, state["size"]) / 127.5 - 1, atol=1e-6)
    assert state["identities"][labels["identity"][0]] == first.parts[-3]
    assert state["expressions"][labels["expression"][0]] == first.parts[-2]

    best = model.evaluate(state["validation_batches"], return_dict=True, verbose=0)["generator_loss"]
    assert best == pytest.approx(min(history["val_generator_loss"]), rel=1e-5)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for number, image in enumerate(loaded.protect(state["images"], target="ada")):
        np.testing.assert_array_equal(read_image(tmp_path / "protected" / f"{number}.png", state["size"]), image)

    page = (ROOT / "docs" / "fit.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in columns), "docs/fit.md misses a column"
