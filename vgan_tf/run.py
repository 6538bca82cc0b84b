"""The run folder: what training leaves behind, and all that loading a model needs."""

import csv
import dataclasses
import hashlib
import json
import platform
import zipfile
from pathlib import Path

import keras
import numpy as np
import PIL

from vgan_tf import backends
from vgan_tf.config import Config
from vgan_tf.errors import InputError
from vgan_tf.files import replacing, write_json
from vgan_tf.images import ALIGNMENT_SIZE
from vgan_tf.model import PPRLVGAN
from vgan_tf.networks import alignment_network, expression_classifier

CHECKPOINTS_KEPT = 2


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder's `config.json`.

    Attributes:
        folder: Path.
        config: Config.
        identities, expressions: label lists of the model.
        fingerprint: `FaceSet.fingerprint` of the whole data.
        steps_per_epoch: batches in an epoch.
        latent_names: what each number of the latent says, as of `data.pipeline.latent_names`; empty where training has
            given them no meaning.
    """

    folder: Path
    config: Config
    identities: tuple
    expressions: tuple
    fingerprint: str
    steps_per_epoch: int
    latent_names: tuple = ()

    @property
    def weights_path(self):
        return self.folder / "model.weights.h5"

    @property
    def classifier_path(self):
        return self.folder / "expression.weights.h5"

    @property
    def alignment_path(self):
        return self.folder / "alignment.weights.h5"

    @property
    def history_path(self):
        return self.folder / "history.csv"

    def save_config(self):
        """Write `config.json`."""
        write_json(
            self.folder / "config.json",
            {
                "config": self.config.to_dict(),
                "identities": list(self.identities),
                "expressions": list(self.expressions),
                "latent_names": list(self.latent_names),
                "image_size": self.config.image_size,
                "seed": self.config.seed,
                "data_fingerprint": self.fingerprint,
                "steps_per_epoch": self.steps_per_epoch,
                "backend": keras.backend.backend(),
                "versions": {
                    "python": platform.python_version(),
                    keras.backend.backend(): backends.VERSION,
                    "keras": keras.__version__,
                    "numpy": np.__version__,
                    "pillow": PIL.__version__,
                },
            },
        )

    def build_model(self, kind=PPRLVGAN):
        """A freshly initialised model of class `kind`, its weights decided by the configuration's seed."""
        keras.utils.set_random_seed(self.config.seed)
        return kind(self.config, self.identities, self.expressions)

    def starting_model(self):
        """A model with the weights of the run that `config.start` names.

        Raises:
            InputError: no run there, its targets, expressions or latent differ, or its weights cannot be read.
        """
        other = open_run(self.config.start)
        for what in ("identities", "expressions", "latent_names"):
            if getattr(other, what) != getattr(self, what):
                raise InputError(f"start={self.config.start}: its {what} differ from those of this run's data")
        return _with_weights(self.build_model(), other.weights_path, "the run has not finished an epoch")

    def build_classifier(self):
        """A freshly initialised expression classifier, its weights decided by the configuration's seed."""
        keras.utils.set_random_seed(self.config.seed)
        return expression_classifier(self.config, len(self.expressions))

    def save_weights(self, model):
        """Write `model.weights.h5`; a classifier that learnt from the faces of older weights goes."""
        with replacing(self.weights_path) as temporary:
            model.save_weights(temporary)
        self.classifier_path.unlink(missing_ok=True)

    def weights_sha256(self):
        """Digest of `model.weights.h5`, hexadecimal: tells which training a file comes from."""
        return hashlib.sha256(self.weights_path.read_bytes()).hexdigest()

    def save_classifier(self, classifier):
        """Write `expression.weights.h5`."""
        with replacing(self.classifier_path) as temporary:
            classifier.save_weights(temporary)

    def build_aligner(self):
        """A freshly initialised alignment network, its weights decided by the configuration's seed."""
        keras.utils.set_random_seed(self.config.seed)
        return alignment_network(ALIGNMENT_SIZE)

    def save_aligner(self, aligner):
        """Write `alignment.weights.h5`."""
        with replacing(self.alignment_path) as temporary:
            aligner.save_weights(temporary)

    def checkpoints(self):
        """Checkpoints, oldest first: list of (epoch, Path)."""
        found = (self.folder / "checkpoints").glob("epoch_*.npz")
        return sorted((int(path.stem.removeprefix("epoch_")), path) for path in found)

    def save_checkpoint(self, model, epoch):
        """Write everything that training changes: weights, optimizer slots, random states; keep the latest two."""
        arrays = {f"v{index:04d}": np.asarray(v) for index, v in enumerate(_training_state(model))}
        with replacing(self.folder / "checkpoints" / f"epoch_{epoch:05d}.npz") as temporary:
            np.savez(temporary, **arrays)
        for _, old in self.checkpoints()[:-CHECKPOINTS_KEPT]:
            old.unlink()

    def restore_checkpoint(self, model):
        """Load the newest checkpoint into a compiled model, or before the first one the weights of `config.start`.

        Returns:
            int: epochs trained so far; 0 when there is no checkpoint yet.

        Raises:
            InputError: the file is damaged or belongs to another model.
        """
        if not self.checkpoints():
            if self.config.start:
                model.set_weights(self.starting_model().get_weights())
            return 0
        epoch, path = self.checkpoints()[-1]
        state = _training_state(model)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                values = [arrays[f"v{index:04d}"] for index in range(len(arrays.files))]
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: damaged checkpoint ({error}); delete it to go on from the one before") from None
        if [value.shape for value in values] != [tuple(variable.shape) for variable in state]:
            raise InputError(f"{path}: a checkpoint of another model; its configuration differs from config.json")
        for variable, value in zip(state, values, strict=True):
            variable.assign(value)
        return epoch

    def read_history(self, epochs):
        """The rows of `history.csv` up to an epoch, as dicts of str."""
        if not self.history_path.exists():
            return []
        with open(self.history_path, newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if int(row["epoch"]) <= epochs]

    def write_history(self, rows):
        """Write `history.csv`, one row an epoch."""
        with replacing(self.history_path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[-1]))
            writer.writeheader()
            writer.writerows(rows)


def _training_state(model):
    optimizers = model.generator_optimizer, model.discriminator_optimizer, model.encoder_optimizer
    return [*model.variables, *(variable for one in optimizers if one for variable in one.variables)]


def open_run(folder):
    """Read a run folder's `config.json`.

    Args:
        folder: str or Path.

    Returns:
        Run.

    Raises:
        InputError: the folder holds no run, or its `config.json` is damaged or of another version.
    """
    path = Path(folder) / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Run(
            folder=Path(folder),
            config=Config.from_dict(values["config"]),
            identities=tuple(values["identities"]),
            expressions=tuple(values["expressions"]),
            fingerprint=values["data_fingerprint"],
            steps_per_epoch=values["steps_per_epoch"],
            latent_names=tuple(values.get("latent_names", ())),
        )
    except FileNotFoundError:
        raise InputError(f"{folder}: not a run folder (no config.json); train.py makes one") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}: {error}); train again or restore it") from None


def load_run(folder):
    """Load the trained model of a run folder.

    Args:
        folder: str or Path.

    Returns:
        PPRLVGAN, with `config`, `identities` and `expressions` set; it computes in float32 whatever it was trained in.

    Raises:
        InputError: no run there, or its weights are missing, truncated or of another model.
    """
    run = open_run(folder)
    run = dataclasses.replace(run, config=run.config.replace(precision="float32"))
    return _with_weights(run.build_model(), run.weights_path, "the run has not finished an epoch")


def load_expression_classifier(folder):
    """Load the expression classifier of a run folder.

    Args:
        folder: str or Path.

    Returns:
        keras.Model: images float32 `(n, image_size, image_size, 3)` in [-1, 1] -> probabilities `(n, expressions)`.

    Raises:
        InputError: no run there, or the classifier's weights are missing, truncated or of another model.
    """
    run = open_run(folder)
    return _with_weights(run.build_classifier(), run.classifier_path, "the run has not been trained to its end")


def load_aligner(folder):
    """Load the alignment network of a run folder.

    Args:
        folder: str or Path.

    Returns:
        keras.Model as of `networks.alignment`, or None where the run's data gave nothing to learn it from.

    Raises:
        InputError: no run there, or the weights are truncated or of another model.
    """
    run = open_run(folder)
    if not run.alignment_path.exists():
        return None
    return _with_weights(run.build_aligner(), run.alignment_path, "")


def _with_weights(model, path, why_missing):
    if not path.exists():
        raise InputError(f"{path}: missing; {why_missing} (train.py --resume goes on)")
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path}: truncated, or weights of another model ({reason})") from None
    return model


def require_new(folder):
    """Refuse a folder that already holds a run, or is a file.

    Raises:
        InputError: training there would overwrite something.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; --out names a folder")
    if (folder / "config.json").exists():
        raise InputError(f"{folder}: already holds a run; add --resume to go on with it, or give another --out")
