"""`Dump`: the arrays that an audit judges, from our model, its exported files or anyone's anonymizer."""

import dataclasses
import zipfile

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.files import replacing

PARTS = ("train", "test")
EXTRAS = ("fresh", "strangers", "taught")
IMAGES = ("x", "p")
LABELS = ("id", "ep")
LATENTS = ("mu", "z")
COLUMNS = (*IMAGES, *LABELS, "c", *LATENTS)  # of each part and of each `Extra`
TAUGHT_TEST_SHARE = 5  # one in so many


@dataclasses.dataclass(frozen=True)
class Extra:
    """Further images, of the same people or of others; attributes as those of `Dump`.

    `c` counts the dump's targets, `id` this part's own identities.
    """

    x: np.ndarray
    p: np.ndarray
    id: np.ndarray
    ep: np.ndarray
    c: np.ndarray | None = None
    mu: np.ndarray | None = None
    z: np.ndarray | None = None
    identities: tuple = ()


@dataclasses.dataclass(frozen=True)
class Dump:
    """Originals, their protected versions and what is known of them; checked when made.

    Attributes, each for `train` and `test`, in the same order in every array of a part:
        x_*: uint8 `(n, height, width, 3)`, RGB originals.
        p_*: uint8, same shape, protected images.
        id_*, ep_*: int64 `(n,)`, indices into `identities` and `expressions`.
        c_*: int64 `(n,)`, target identities used, indices into `targets`, or None.
        mu_*, z_*: float32 `(n, d)`, latent means and one sampled latent, or None where there is no latent.
        intensity_*: float32 `(n,)`, true intensity of the expression, or None.
        pose_*: float32 `(n, 3)`, true yaw, pitch and roll of the head in degrees, or None.
        clip_*: int64 `(n,)`, the video clip of each image, the same numbers in both parts, or None.

    Further attributes:
        fresh: `Extra` of the same people that trained nothing (its `id` counts `identities`), or None.
        strangers: `Extra` of people that are in no other part, and trained nothing, or None.
        taught: `Extra` of the targets (its `id` counts `targets`), where the people of the other parts are none: what
            readers of the expression and of the target learn from, or None.
        trained_train: bool `(n,)`, True where a training image trained the generator, or None if unknown.
        identities, expressions: names. targets: likewise; `identities` unless given.
        target_policy: "uniform", "exclude-true", "fixed:NAME", or "unknown".
    """

    x_train: np.ndarray
    x_test: np.ndarray
    p_train: np.ndarray
    p_test: np.ndarray
    id_train: np.ndarray
    id_test: np.ndarray
    ep_train: np.ndarray
    ep_test: np.ndarray
    c_train: np.ndarray | None = None
    c_test: np.ndarray | None = None
    mu_train: np.ndarray | None = None
    mu_test: np.ndarray | None = None
    z_train: np.ndarray | None = None
    z_test: np.ndarray | None = None
    intensity_train: np.ndarray | None = None
    intensity_test: np.ndarray | None = None
    pose_train: np.ndarray | None = None
    pose_test: np.ndarray | None = None
    clip_train: np.ndarray | None = None
    clip_test: np.ndarray | None = None
    fresh: Extra | None = None
    strangers: Extra | None = None
    taught: Extra | None = None
    trained_train: np.ndarray | None = None
    identities: tuple = ()
    expressions: tuple = ()
    targets: tuple = ()
    target_policy: str = "unknown"

    def __post_init__(self):
        for names, kind in (("identities", "id"), ("expressions", "ep")):
            labels = _integers(getattr(self, f"{kind}_train")), _integers(getattr(self, f"{kind}_test"))
            given = tuple(str(name) for name in getattr(self, names))
            if not given and all(part is not None and part.size for part in labels):
                given = tuple(str(index) for index in range(int(max(part.max() for part in labels)) + 1))
            object.__setattr__(self, names, given)
        object.__setattr__(self, "targets", tuple(map(str, self.targets)) or self.identities)
        object.__setattr__(self, "target_policy", str(self.target_policy))
        for part in PARTS:
            self._check_part(part)
        for name in ("c", *LATENTS, "intensity", "pose", "clip"):
            if (getattr(self, f"{name}_train") is None) != (getattr(self, f"{name}_test") is None):
                raise InputError(f"dump: {name}_train and {name}_test must be given together; add the other one")
        for name in LATENTS:
            if getattr(self, f"{name}_train") is not None:
                widths = getattr(self, f"{name}_train").shape[1], getattr(self, f"{name}_test").shape[1]
                if widths[0] != widths[1]:
                    raise InputError(f"dump: {name}_train and {name}_test differ in width ({widths[0]}, {widths[1]})")
        for part in EXTRAS:
            if getattr(self, part) is not None:
                object.__setattr__(self, part, self._checked_extra(part))
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise InputError(
                f"dump: x_train and x_test differ in size {self.x_train.shape[1:]}, {self.x_test.shape[1:]}"
            )
        excluding = self.target_policy == "exclude-true" and self.c_test is not None and self.people_are_targets
        if excluding and (self.c_test == self.id_test).any():
            raise InputError("dump: target_policy is exclude-true but some c_test equal id_test; correct the policy")
        if min(len(np.unique(self.id_train)), len(np.unique(self.id_test))) < 2:
            raise InputError("dump: id_train and id_test must hold at least two identities each; add people")

    @property
    def people_are_targets(self):
        """Whether `c` and `id` count the same people."""
        return self.targets == self.identities

    @property
    def lessons(self):
        """`Extra` that readers of the expression and of the target learn from: `taught`, else the training part."""
        if self.taught is not None:
            return self.taught
        return Extra(**{name: getattr(self, f"{name}_train") for name in COLUMNS})

    @property
    def shows_targets(self):
        """Whether originals in `lessons` show the targets, so that a reader can know them."""
        return self.people_are_targets or self.taught is not None

    def of_targets(self):
        """The dump of one who knows the people of `taught` alone.

        Returns:
            Dump whose train and test parts are those of `taught`; its strangers are those of this one or, where there
            are none, the people of its train and test part, who were held out.
        """
        columns = [
            name
            for name in COLUMNS
            if getattr(self, f"{name}_train") is not None and getattr(self.taught, name) is not None
        ]
        tested = np.arange(len(self.taught.id)) % TAUGHT_TEST_SHARE == 0
        known = {
            f"{name}_{part}": getattr(self.taught, name)[rows]
            for part, rows in (("train", ~tested), ("test", tested))
            for name in columns
        }
        strangers = self.strangers
        if strangers is None:
            held_out = {name: np.concatenate([getattr(self, f"{name}_{part}") for part in PARTS]) for name in columns}
            strangers = Extra(**held_out, identities=self.identities)
        return Dump(**known, strangers=strangers, identities=self.targets, expressions=self.expressions)

    def without(self, *names):
        """The same without these of "c", "mu" and "z", in all of its parts."""
        changes = dict.fromkeys(f"{name}_{part}" for name in names for part in PARTS)
        for part in EXTRAS:
            if getattr(self, part) is not None:
                changes[part] = dataclasses.replace(getattr(self, part), **dict.fromkeys(names))
        return dataclasses.replace(self, **changes)

    def _check_part(self, part):
        images = getattr(self, f"x_{part}")
        for name in IMAGES:
            array = getattr(self, f"{name}_{part}")
            if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3:
                raise InputError(
                    f"dump: {name}_{part} is {array.dtype} {array.shape}; give uint8 (n, height, width, 3)"
                )
            if array.shape != images.shape or not len(array):
                raise InputError(f"dump: {name}_{part} has shape {array.shape}, x_{part} {images.shape}; give one each")
        for name, classes in (("id", self.identities), ("ep", self.expressions), ("c", self.targets)):
            self._check_labels(f"{name}_{part}", len(images), len(classes))
        for name, dimensions in (("mu", 2), ("z", 2), ("intensity", 1), ("pose", 2)):
            array = getattr(self, f"{name}_{part}")
            if array is not None:
                object.__setattr__(self, f"{name}_{part}", _floats(f"{name}_{part}", array, dimensions, len(images)))
        pose = getattr(self, f"pose_{part}")
        if pose is not None and pose.shape[1] != 3:
            raise InputError(f"dump: pose_{part} has {pose.shape[1]} columns; give yaw, pitch and roll")
        self._check_labels(f"clip_{part}", len(images), None)
        trained = self.trained_train
        if part == "train" and trained is not None and (trained.dtype != bool or trained.shape != (len(images),)):
            raise InputError(f"dump: trained_train is {trained.dtype} {trained.shape}; give bool ({len(images)},)")

    def _checked_extra(self, part):
        extra = getattr(self, part)
        names = {"fresh": self.identities, "taught": self.targets}.get(part) or tuple(map(str, extra.identities))
        count = len(extra.x)
        if part == "strangers" and len(names) < 2:
            raise InputError("dump: strangers needs identities, two names or more")
        values = {"identities": names}
        for name in IMAGES:
            array = getattr(extra, name)
            if array.dtype != np.uint8 or array.shape != (count, *self.x_train.shape[1:]) or not count:
                raise InputError(f"dump: {name}_{part} is {array.dtype} {array.shape}; give uint8 images like x_train")
        for name, classes in (("id", len(names)), ("ep", len(self.expressions)), ("c", len(self.targets))):
            labels = _integers(getattr(extra, name))
            if getattr(extra, name) is None and name == "c":
                continue
            if labels is None or labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
                raise InputError(f"dump: {name}_{part}: give {count} integers from 0 to {classes - 1}")
            values[name] = labels
        for name in LATENTS:
            array, known = getattr(extra, name), getattr(self, f"{name}_train")
            if (array is None) != (known is None):
                raise InputError(f"dump: {name}_{part} and {name}_train must be given together; add the other one")
            if array is not None:
                values[name] = _floats(f"{name}_{part}", array, 2, count)
                if array.shape[1] != known.shape[1]:
                    raise InputError(f"dump: {name}_{part} is {array.shape[1]} wide, {name}_train {known.shape[1]}")
        return dataclasses.replace(extra, **values)

    def _check_labels(self, name, count, classes):
        labels = _integers(getattr(self, name))
        if getattr(self, name) is None and name.startswith(("c_", "clip_")):
            return
        if labels is None or labels.shape != (count,):
            given = np.asarray(getattr(self, name))
            raise InputError(f"dump: {name} is {given.dtype} {given.shape}; give integers ({count},)")
        if classes is not None and (labels.min() < 0 or labels.max() >= classes):
            raise InputError(
                f"dump: {name} holds labels {labels.min()} to {labels.max()}; {classes} names allow 0 to {classes - 1}"
            )
        object.__setattr__(self, name, labels)

    @classmethod
    def load(cls, path):
        """Read an `.npz`; keys as the attributes, `names` also read as `identities`; optional keys may be missing.

        Raises:
            InputError: no such file, no `.npz`, a required key missing, or arrays that do not fit together.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
            raise InputError(f"{path}: not a readable .npz of plain arrays ({error})") from None
        if "names" in arrays:
            arrays.setdefault("identities", arrays["names"])
        fields = {field.name: field for field in dataclasses.fields(cls)}
        missing = [
            name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in arrays
        ]
        if missing:
            raise InputError(f"{path}: lacks {', '.join(missing)}; add these arrays")
        values = {name: array for name, array in arrays.items() if name in fields and name not in EXTRAS}
        for part in EXTRAS:
            found = {
                field.name: arrays[f"{field.name}_{part}"]
                for field in dataclasses.fields(Extra)
                if f"{field.name}_{part}" in arrays
            }
            if found:
                lacking = [name for name in ("x", "p", "id", "ep") if name not in found]
                if lacking:
                    raise InputError(
                        f"{path}: lacks {', '.join(f'{name}_{part}' for name in lacking)}; add these arrays"
                    )
                values[part] = Extra(**found)
        return cls(**values)

    def save(self, path):
        """Write a compressed `.npz` atomically; absent arrays are left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for part in EXTRAS:
            extra = values.pop(part)
            if extra is not None:
                values |= {f"{field.name}_{part}": getattr(extra, field.name) for field in dataclasses.fields(extra)}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file, **{name: np.asarray(value) for name, value in values.items() if value is not None}
            )


def _floats(name, array, dimensions, count):
    """float32 values, checked."""
    if array.dtype.kind != "f" or array.ndim != dimensions or len(array) != count:
        raise InputError(f"dump: {name} is {array.dtype} {array.shape}; give {dimensions}-d floats, one row an image")
    if not np.isfinite(array).all():
        raise InputError(f"dump: {name} holds NaN or infinity; the model that made it is broken")
    return array.astype(np.float32)


def _integers(labels):
    """int64 labels, or None where `labels` is None or holds no whole numbers."""
    if labels is None or np.asarray(labels).dtype.kind not in "iu":
        return None
    return np.asarray(labels).astype(np.int64)
