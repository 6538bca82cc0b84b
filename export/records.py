"""The export folder: its files, `export.json`, label lists and pages."""

import hashlib
import json
import platform
from pathlib import Path

import ai_edge_litert
import keras
import numpy as np
import tensorflow as tf

import vgan_tf
from vgan_tf.errors import InputError
from vgan_tf.files import replacing, write_json, write_text
from vgan_tf.images import write_image
from vgan_tf.ondevice.lite import LiteModel
from vgan_tf.run import open_run

from .convert import RECIPES
from .inspection import operators
from .pages import export_page, model_card
from .parts import PARTS
from .scoring import not_shown


def versions():
    """{package: version} of everything that decides the bytes of a file."""
    return {
        "vgan_tf": vgan_tf.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "ai_edge_litert": ai_edge_litert.__version__,
    }


def earlier_data(run):
    """What the weights of a run learnt from before it began, by `config.start`: list of SOURCEs, the latest first.

    In place of that of a run that is no longer there, its folder.
    """
    sources = []
    while run.config.start:
        try:
            run = open_run(run.config.start)
        except InputError:
            return [*sources, run.config.start]
        sources.append(run.config.data)
    return sources


def audit_of(run):
    """What the audit of a run found, of its `evaluation/evaluation.json`, or None where that is not of these weights.

    Args:
        run: Run.

    Returns:
        {"verdict", "reason", "questions", "encoder", "release", "quick", "n_test", "target_policy", "table_pictures",
        "better_than_table", "beats_table", "distinct_pictures_per_target"}, as there.

    Raises:
        InputError: the file is damaged.
    """
    path = run.folder / "evaluation" / "evaluation.json"
    if not path.exists():
        return None
    try:
        evaluation = json.loads(path.read_text(encoding="utf-8"))
        if evaluation.get("weights_sha256") != run.weights_sha256():
            return None
        utility = evaluation["utility"]
        names = ("verdict", "reason", "questions", "encoder", "release", "quick", "n_test", "target_policy")
        found = {name: evaluation[name] for name in names}
        found |= {name: utility[name] for name in ("better_than_table", "beats_table", "distinct_pictures_per_target")}
        return {**found, "table_pictures": (utility["table"] or {}).get("pictures")}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}: {error}); audit again or remove it") from None


def describe(content, part_name, recipe, difference, figures):
    """The record of one file in `export.json`, JSON types only."""
    model = LiteModel(content)
    return {
        "part": part_name,
        "recipe": recipe,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "inputs": {name: _tensor(tensor) for name, tensor in model.inputs.items()},
        "outputs": {name: _tensor(tensor) for name, tensor in model.outputs.items()},
        "operators": operators(content),
        "difference": difference,
        "figures": figures,
        "not_shown": not_shown(figures) if figures else None,
    }


def write_export(out, record, contents, sheet):
    """Write an export folder. `export.json` is removed first and written last, so that no mixture looks complete.

    Model files of an earlier export that this one lacks are removed; anything else in the folder stays.

    Args:
        out: folder.
        record: dict for `export.json`.
        contents: {file name: bytes} of the files in `record`.
        sheet: uint8 `(height, width, 3)`, picture of the target identities.
    """
    out = Path(out)
    (out / "export.json").unlink(missing_ok=True)
    for name in (f"{part}_{recipe}.tflite" for part in PARTS for recipe in RECIPES):
        if name not in contents:
            (out / name).unlink(missing_ok=True)
    for name, content in contents.items():
        with replacing(out / name) as temporary:
            temporary.write_bytes(content)
    write_text(out / "labels.txt", "".join(f"{name}\n" for name in record["expressions"]))
    write_text(out / "identities.txt", "".join(f"{name}\n" for name in record["identities"]))
    write_image(out / "identities.jpg", sheet)
    write_text(out / "EXPORT.md", export_page(record))
    write_text(out / "MODEL_CARD.md", model_card(record))
    write_json(out / "export.json", record)


def _tensor(tensor):
    return {
        "shape": list(tensor.shape),
        "dtype": np.dtype(tensor.dtype).name,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }
