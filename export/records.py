"""The export folder: its files, `export.json`, and what a reader needs (EXPORT.md, labels, model card)."""

import hashlib
import platform
from pathlib import Path

import ai_edge_litert
import keras
import numpy as np
import tensorflow as tf

import vgan_tf
from vgan_tf.files import replacing, write_json, write_text
from vgan_tf.images import IMAGE_SIZE
from vgan_tf.ondevice.lite import LiteModel

from .convert import RECIPES
from .inspection import operators
from .model_card import model_card
from .parts import PARTS

UNITS = {"protected": "of 255 levels", "latent": "in the latent", "probabilities": "in probability"}

USAGE = """## Use

Pictures are RGB, {size} x {size} pixels, one upright face that fills the square. Each file takes one example at a time
and has one signature; its inputs and outputs go by name.

| input or output | float32, float16, dynamic | int8, qat |
|---|---|---|
| `image`, `protected`: [1, {size}, {size}, 3] | float32 in [-1, 1]: pixel / 127.5 - 1 | uint8: the pixel |
| `target`: [1, {identities}], in the order of identities.txt | float32: 1.0 at one, else 0.0 | uint8: 255, else 0 |
| `probabilities`: [1, {expressions}], in the order of labels.txt | float32 | uint8: 256 times as much |
| `latent`: [1, {latent_dim}] | float32 | uint8: scale * (stored - zero point), both in export.json |

```python
from vgan_tf.ondevice import ExpressionReader, Protector  # NumPy, Pillow and LiteRT; no TensorFlow

Protector("DIR").protect("photo.png", target="{first}").save("protected.png")
print(ExpressionReader("DIR").read("photo.png"))
```
"""


def versions():
    """{package: version} of what decides the bytes of a file."""
    return {
        "vgan_tf": vgan_tf.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "ai_edge_litert": ai_edge_litert.__version__,
    }


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
    }


def write_export(out, record, contents):
    """Write an export folder; `export.json` goes first and comes last, so that no mixture ever looks whole.

    Files of an earlier export that this one does not have are removed; anything else in the folder stays.

    Args:
        out: folder.
        record: dict for `export.json`.
        contents: {file name: bytes} of the files in `record`.
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
    write_text(out / "EXPORT.md", export_page(record))
    write_text(out / "MODEL_CARD.md", model_card(record))
    write_json(out / "export.json", record)


def export_page(record):
    """EXPORT.md: a table of the files, and how to use them."""
    lines = [
        f"# Export of the run `{record['run']}`\n",
        "Each file beside the Keras model, on the same held-out images: how far its output is off, at most and on "
        "average, and what its outputs score. MODEL_CARD.md has the figures of the Keras model too.\n",
        "| file | bytes | largest difference | mean difference | figures |",
        "|---|---|---|---|---|",
    ]
    for name, file in record["files"].items():
        ((output, difference),) = file["difference"].items()
        largest, mean = f"{difference['largest']:.3g} {UNITS[output]}", f"{difference['mean']:.3g}"
        lines.append(f"| `{name}` | {file['bytes']:,} | {largest} | {mean} | {_figures(file['figures'])} |")
    for name, reason in record["refused"].items():
        lines.append(f"| `{name}` | refused | | | {'; '.join(reason.splitlines())} |")
    usage = USAGE.format(
        size=IMAGE_SIZE,
        identities=len(record["identities"]),
        expressions=len(record["expressions"]),
        latent_dim=record["latent_dim"],
        first=record["identities"][0],
    )
    return "\n".join(lines) + "\n\n" + usage


def _figures(figures):
    return "; ".join(
        f"{name.replace('_', ' ')} {value['accuracy']:.1%} [{value['interval'][0]:.1%}, {value['interval'][1]:.1%}]"
        for name, value in (figures or {}).items()
        if "accuracy" in value
    )


def _tensor(tensor):
    return {
        "shape": list(tensor.shape),
        "dtype": np.dtype(tensor.dtype).name,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }
