"""An export folder: what `python -m export` writes, and all that a device needs."""

import dataclasses
import json
import re
from pathlib import Path

from vgan_tf.errors import InputError
from vgan_tf.images import ALIGNMENT_SIZE
from vgan_tf.ondevice.lite import LiteModel

SHIPPED = Path(__file__).parent / "weights"
# Where no recipe is named, the first of these that the folder has: the smallest and fastest on phones come first.
RECIPES = ("int8", "qat", "dynamic", "float16", "float32")


@dataclasses.dataclass(frozen=True)
class Export:
    """An export folder's `export.json`.

    Attributes:
        folder: Path.
        identities: names of the target identities, in the order of the target code.
        expressions: names of the expressions, in the order of the probabilities.
        image_size: side of the models' pictures in pixels.
        latent_dim: numbers in a latent.
        files: {file name: its record}, with "part", "recipe" and "sha256" in each.
        alpha: whether protected pictures have alpha as fourth channel.
        weights_sha256: digest of the weights that the files were made from; "" where the record lacks it.
        latent_names: what each number of the latent says: strengths of expressions, angles of the head and of gaze in
            tens of degrees, and weights of blendshapes ("motion_..."); empty where training has given them no meaning.
    """

    folder: Path
    identities: tuple
    expressions: tuple
    image_size: int
    latent_dim: int
    files: dict
    alpha: bool = False
    weights_sha256: str = ""
    latent_names: tuple = ()

    def model(self, part, recipe=None):
        """Load one file and check its checksum and its shapes.

        Args:
            part: "anonymizer", "encoder", "generator", "expression" or "alignment".
            recipe: one of RECIPES; None takes the first of them that the folder has.

        Returns:
            LiteModel.

        Raises:
            InputError: the folder has no such file, or the file is missing, damaged, or not of this export.
        """
        names = [f"{part}_{one}.tflite" for one in RECIPES if recipe in (None, one)]
        name = next((name for name in names if name in self.files), None)
        if name is None:
            wanted = f"{part}_{recipe}.tflite" if recipe else f"{part} model"
            raise InputError(f"{self.folder}: no {wanted}; there are {', '.join(sorted(self.files)) or 'no files'}")
        model = LiteModel(self.folder / name, sha256=self.files[name]["sha256"])
        found = {key: tensor.shape for key, tensor in (model.inputs | model.outputs).items()}
        if found != (expected := self._shapes(part)):
            raise InputError(f"{self.folder / name}: has {found}, not {expected} as export.json says; export again")
        return model

    def _shapes(self, part):
        image, target = (1, self.image_size, self.image_size, 3), (1, len(self.identities))
        protected = (*image[:3], 4 if self.alpha else 3)
        latent, probabilities = (1, self.latent_dim), (1, len(self.expressions))
        return {
            "anonymizer": {"image": image, "target": target, "protected": protected},
            "encoder": {"image": image, "latent": latent},
            "generator": {"latent": latent, "target": target, "protected": protected},
            "expression": {"image": image, "probabilities": probabilities},
            "alignment": {"image": (1, ALIGNMENT_SIZE, ALIGNMENT_SIZE, 3), "place": (1, 3)},
        }[part]


def open_export(folder=None):
    """Read an export folder's `export.json`.

    Args:
        folder: str or Path; None opens the weights shipped with the package.

    Returns:
        Export.

    Raises:
        InputError: the folder holds no export, or its `export.json` is damaged.
    """
    if folder is None and not (SHIPPED / "export.json").exists():
        raise InputError("this installation ships no weights; name an export folder (--model DIR)")
    folder = SHIPPED if folder is None else Path(folder)
    path = folder / "export.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Export(
            folder=folder,
            identities=_labels(record, "identities"),
            expressions=_labels(record, "expressions"),
            image_size=int(record["image_size"]),
            latent_dim=int(record["latent_dim"]),
            files={name: _checked(name, entry) for name, entry in record["files"].items()},
            alpha=bool(record.get("alpha", False)),
            weights_sha256=str(record.get("weights_sha256", "")),
            latent_names=_labels(record, "latent_names") if record.get("latent_names") else (),
        )
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: not an export folder (no export.json); python -m export makes one") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}: {error}); copy it again or export again") from None


def _labels(record, key):
    labels = record[key]
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        raise ValueError(f"{key} is no list of names")
    if len(set(labels)) != len(labels):
        raise ValueError(f"{key} has a name twice")
    return tuple(labels)


def _checked(name, entry):
    if name != f"{entry['part']}_{entry['recipe']}.tflite":
        raise ValueError(f"{name} is not the file of {entry['part']}, {entry['recipe']}")
    if not re.fullmatch("[0-9a-f]{64}", entry["sha256"]):
        raise ValueError(f"{name} has no SHA-256 checksum")
    return entry
