"""`Dump`: the arrays that an audit judges, from our model, its exported files or anyone's anonymizer."""

import dataclasses
import zipfile

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.files import replacing

PARTS = ("train", "test")
EXTRAS = ("fresh", "strangers", "references")
LATENTS = {"mu": "mean", "z": "sample"}  # of the latent's distribution, as attackers' names have it
REQUIRED = ("x", "p", "id", "ep")
TRUTH = ("intensity", "pose", "clip")  # of the train and test parts alone
COLUMNS = (*REQUIRED, "c", *LATENTS)  # of each part and of each `Extra`
REFERENCES_TEST_SHARE = 5  # one in so many


@dataclasses.dataclass(frozen=True)
class Extra:
    """A set of images and what is known of them; attributes as those of `Dump`.

    `c` counts the dump's targets, `id` the set's own `identities`.
    """

    x: np.ndarray
    p: np.ndarray
    id: np.ndarray
    ep: np.ndarray
    c: np.ndarray | None = None
    mu: np.ndarray | None = None
    z: np.ndarray | None = None
    identities: tuple = ()


def joined(arrays):
    """Arrays one after another, or None where one of them is None."""
    return None if any(array is None for array in arrays) else np.concatenate(arrays)


def take(columns, rows):
    """These rows of a NamedTuple of arrays, of which some may be None."""
    return columns._make(None if column is None else column[rows] for column in columns)


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
        fresh: `Extra`, images of the same people that were not trained on (`id` counts `identities`), or None.
        strangers: `Extra`, images of people who are nowhere else in the dump and were not trained on, or None.
        references: `Extra`, images of the target identities (`id` counts `targets`), given where the people of the
            train and test parts were held out from training. Classifiers of expression and target learn from them.
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
    references: Extra | None = None
    trained_train: np.ndarray | None = None
    identities: tuple = ()
    expressions: tuple = ()
    targets: tuple = ()
    target_policy: str = "unknown"

    def __post_init__(self):
        values = {"target_policy": str(self.target_policy)}
        for names, kind in (("identities", "id"), ("expressions", "ep")):
            values[names] = tuple(map(str, getattr(self, names)))
            labels = [np.asarray(getattr(self, f"{kind}_{part}")) for part in PARTS]
            if not values[names] and all(one.dtype.kind in "iu" and one.size for one in labels):
                values[names] = tuple(map(str, range(int(max(one.max() for one in labels)) + 1)))
        values["targets"] = tuple(map(str, self.targets)) or values["identities"]
        self._set(values)
        for part in PARTS:
            arrays = {name: getattr(self, f"{name}_{part}") for name in (*COLUMNS, *TRUTH)}
            checked = self._checked(part, arrays, self.identities)
            self._set({f"{name}_{part}": array for name, array in checked.items()})
        for part in EXTRAS:
            extra = getattr(self, part)
            if extra is not None:
                names = {"fresh": self.identities, "references": self.targets}.get(part)
                names = names or tuple(map(str, extra.identities))
                if len(names) < 2:
                    raise InputError(f"dump: {part} needs identities, two names or more")
                checked = self._checked(part, {name: getattr(extra, name) for name in COLUMNS}, names)
                self._set({part: Extra(**checked, identities=names)})
        trained, count = self.trained_train, len(self.x_train)
        if trained is not None and (trained.dtype != bool or trained.shape != (count,)):
            raise InputError(f"dump: trained_train is {trained.dtype} {trained.shape}; give bool ({count},)")
        excluding = self.target_policy == "exclude-true" and self.c_test is not None and self.people_are_targets
        if excluding and (self.c_test == self.id_test).any():
            raise InputError("dump: target_policy is exclude-true but some c_test equal id_test; correct the policy")
        if min(len(np.unique(self.id_train)), len(np.unique(self.id_test))) < 2:
            raise InputError("dump: id_train and id_test must hold at least two identities each; add people")

    def _set(self, values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _checked(self, part, arrays, identities):
        """The arrays of a set, {name: array or None}, checked and with the types of the docstring."""
        checked, count = {}, len(arrays["x"])
        classes = {"id": len(identities), "ep": len(self.expressions), "c": len(self.targets), "clip": None}
        other = "test" if part == "train" else "train"
        for name, array in arrays.items():
            title, matching = f"{name}_{part}", getattr(self, f"{name}_{other}")
            if (array is None) != (matching is None) and (part in PARTS or name in LATENTS):
                raise InputError(f"dump: {title} and {name}_{other} must be given together; add the other one")
            if array is None and name not in REQUIRED:
                checked[name] = None
            elif name in ("x", "p"):
                expected = (count, *self.x_train.shape[1:3], 3)
                if array.dtype != np.uint8 or array.shape != expected or not count:
                    given = f"{array.dtype} {array.shape}"
                    raise InputError(f"dump: {title} is {given}; give uint8 {expected}, one image or more")
                checked[name] = array
            elif name in classes:
                checked[name] = _labels(title, array, count, classes[name])
            else:
                width = 3 if name == "pose" else matching.shape[-1]
                checked[name] = _floats(title, array, (count,) if name == "intensity" else (count, width))
        return checked

    @property
    def people_are_targets(self):
        """Whether `c` and `id` count the same people."""
        return self.targets == self.identities

    @property
    def classifier_images(self):
        """`Extra` that classifiers of expression and target learn from: `references`, else the train part."""
        return self.images("train") if self.references is None else self.references

    @property
    def shows_targets(self):
        """Whether originals in `classifier_images` show the targets, so that a classifier can learn them."""
        return self.people_are_targets or self.references is not None

    @property
    def latents(self):
        """{"mu": "mean", "z": "sample"}, those that the dump has."""
        return {key: name for key, name in LATENTS.items() if getattr(self, f"{key}_train") is not None}

    @property
    def known_policy(self):
        """`target_policy`, or "unknown" without targets: what nobody sees rules nobody out."""
        return "unknown" if self.c_test is None else self.target_policy

    def images(self, name):
        """The part "train" or "test", or one of the further sets, as `Extra`, or None."""
        if name in EXTRAS:
            return getattr(self, name)
        return Extra(**{column: getattr(self, f"{column}_{name}") for column in COLUMNS}, identities=self.identities)

    def sets(self, *names):
        """Those of the named `images` that the dump has: list."""
        return [images for images in map(self.images, names) if images is not None]

    def of_targets(self):
        """The dump of an attacker who knows the target identities alone.

        Returns:
            Dump whose train and test parts are those of `references`. Its strangers are those of this dump or, where
            there are none, the people of this dump's train and test parts, who were held out.
        """
        both = self.images("train"), self.references
        columns = [name for name in COLUMNS if all(getattr(one, name) is not None for one in both)]
        tested = np.arange(len(self.references.id)) % REFERENCES_TEST_SHARE == 0
        known = {
            f"{name}_{part}": getattr(self.references, name)[rows]
            for part, rows in (("train", ~tested), ("test", tested))
            for name in columns
        }
        strangers = self.strangers
        if strangers is None:
            held_out = {name: np.concatenate([getattr(self, f"{name}_{part}") for part in PARTS]) for name in columns}
            strangers = Extra(**held_out, identities=self.identities)
        return Dump(**known, strangers=strangers, identities=self.targets, expressions=self.expressions)

    def without(self, *names):
        """The same without these of "c", "mu" and "z", in all of its sets."""
        changes = dict.fromkeys(f"{name}_{part}" for name in names for part in PARTS)
        for part in EXTRAS:
            if getattr(self, part) is not None:
                changes[part] = dataclasses.replace(getattr(self, part), **dict.fromkeys(names))
        return dataclasses.replace(self, **changes)

    @classmethod
    def load(cls, path):
        """Read an `.npz`; keys as the attributes, `names` also read as `identities`; optional keys may be missing.

        An `Extra` is stored as `x_fresh` and so on.

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
        columns, extras = [field.name for field in dataclasses.fields(Extra)], {}
        for part in EXTRAS:
            found = {name: arrays[f"{name}_{part}"] for name in columns if f"{name}_{part}" in arrays}
            extras |= {part: found} if found else {}
        needed = [f"{name}_{part}" for name in REQUIRED for part in (*PARTS, *extras)]
        missing = [name for name in needed if name not in arrays]
        if missing:
            raise InputError(f"{path}: lacks {', '.join(missing)}; add these arrays")
        names = {field.name for field in dataclasses.fields(cls)} - set(EXTRAS)
        values = {name: array for name, array in arrays.items() if name in names}
        return cls(**values, **{part: Extra(**found) for part, found in extras.items()})

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


def _floats(name, array, shape):
    """float32 values, checked."""
    if array.dtype.kind != "f" or array.shape != shape:
        raise InputError(f"dump: {name} is {array.dtype} {array.shape}; give floats {shape}")
    if not np.isfinite(array).all():
        raise InputError(f"dump: {name} holds NaN or infinity; the model that made it is broken")
    return array.astype(np.float32)


def _labels(name, labels, count, classes=None):
    """int64 labels, checked; `classes`: they count from 0 to one less."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise InputError(f"dump: {name} is {labels.dtype} {labels.shape}; give integers ({count},)")
    if classes is not None and (labels.min() < 0 or labels.max() >= classes):
        raise InputError(
            f"dump: {name} holds labels {labels.min()} to {labels.max()}; {classes} names allow 0 to {classes - 1}"
        )
    return labels.astype(np.int64)
