"""`Dump`: the arrays that an audit judges, from our model, its exported files or anyone's anonymizer."""

import dataclasses
import functools
import zipfile

import numpy as np
from scipy.spatial import KDTree

from vgan_tf.errors import InputError
from vgan_tf.files import replacing

PARTS = ("train", "test")
EXTRAS = ("fresh", "strangers", "references")
LATENTS = {"mu": "mean", "z": "sample"}  # of the encoder's distribution, as attackers' names have it
COUNTERPARTS = ("counterpart", "counterpart_id")
COLUMNS = ("x", "id", "ep", "p", "c", "mu", "z", "r", "motion", "clip", *COUNTERPARTS)
REQUIRED = ("x", "id", "ep")
OF_ALL_SETS = ("p", "mu", "z", "r")  # what one set has, all have
ROUNDS = 3  # of images that trained nothing, each tested by attackers who learnt from the others
REFERENCES_TEST_SHARE = 5  # one in so many


@dataclasses.dataclass(frozen=True)
class Images:
    """A set of images and what is known of them, in the same order in every array.

    Attributes:
        x: uint8 `(n, height, width, 3)`, RGB originals.
        id, ep: int64 `(n,)`, indices into `identities` and the dump's expressions.
        p: uint8, shape of `x`, protected images; None where what is released is no picture.
        c: int64 `(n,)`, target identities used, indices into the dump's targets, or None.
        mu, z: float32 `(n, d)`, the encoder's own means and one sampled latent, or None.
        r: float32 `(n, e)`, the release: what the generator was given for `p`, or None.
        motion: float32 `(n, m)`, true motion parameters (the dump has their names), or None.
        clip: int64 `(n,)`, the video clip of each image, numbered through all sets, or None.
        counterpart: uint8, shape of `x`, a real picture of one of the targets that does what the image does, or None.
        counterpart_id: int64 `(n,)`, whom it shows: indices into the dump's targets; None where `counterpart` is.
        identities: names of the people.
    """

    x: np.ndarray
    id: np.ndarray
    ep: np.ndarray
    p: np.ndarray | None = None
    c: np.ndarray | None = None
    mu: np.ndarray | None = None
    z: np.ndarray | None = None
    r: np.ndarray | None = None
    motion: np.ndarray | None = None
    clip: np.ndarray | None = None
    counterpart: np.ndarray | None = None
    counterpart_id: np.ndarray | None = None
    identities: tuple = ()

    def __len__(self):
        return len(self.x)

    @property
    def of_targets(self):
        """The counterparts as `Images`, whose `id` counts targets; None where there are none."""
        if self.counterpart is None:
            return None
        return Images(self.counterpart, self.counterpart_id, self.ep, motion=self.motion, clip=self.clip)

    def without(self, *names):
        """The same without these columns."""
        return dataclasses.replace(self, **dict.fromkeys(names))

    def rows(self, rows):
        """The images at `rows`: int or bool array, or slice."""
        arrays = {name: getattr(self, name) for name in COLUMNS}
        taken = {name: None if array is None else array[rows] for name, array in arrays.items()}
        return dataclasses.replace(self, **taken)

    def joined(self, *others):
        """These images and those of other sets of the same people; what one set lacks, the whole lacks."""
        columns = {name: joined([getattr(one, name) for one in (self, *others)]) for name in COLUMNS}
        return dataclasses.replace(self, **columns)


def joined(arrays):
    """Arrays one after another, or None where one of them is None."""
    return None if any(array is None for array in arrays) else np.concatenate(arrays)


@dataclasses.dataclass(frozen=True)
class Dump:
    """Originals, their protected versions and what is known of them; checked when made.

    Attributes:
        train, test: `Images` of the same people. The attackers learn from `train`; see `rounds`.
        fresh: `Images` of these people that trained nothing, or None.
        strangers: `Images` of people who are nowhere else in the dump and trained nothing, or None.
        references: `Images` of the target identities (`id` counts `targets`), given where the people of the train and
            test parts were held out from training. Classifiers of expression and target learn from them.
        trained: bool `(n,)`, True where an image of `train` trained the generator, or None if unknown.
        identities, expressions: names. targets: likewise; `identities` unless given.
        target_policy: "uniform", "exclude-true", "fixed:NAME", or "unknown".
        release: names what leaves the device, such as "latent", "noise:0.5" or "prototypes:1"; "unknown" if not given.
        discrete: whether `r` takes a few values only.
        motion_names: of the columns of `motion`. "intensity" is the strength of the expression; "yaw", "pitch", "roll"
            the head's pose; names that begin with "gaze" the gaze.
    """

    train: Images
    test: Images
    fresh: Images | None = None
    strangers: Images | None = None
    references: Images | None = None
    trained: np.ndarray | None = None
    identities: tuple = ()
    expressions: tuple = ()
    targets: tuple = ()
    target_policy: str = "unknown"
    release: str = "unknown"
    discrete: bool = False
    motion_names: tuple = ()

    def __post_init__(self):
        values = {"target_policy": str(self.target_policy), "release": str(self.release)}
        values |= {"discrete": bool(self.discrete), "motion_names": tuple(map(str, self.motion_names))}
        for names, kind in (("identities", "id"), ("expressions", "ep")):
            values[names] = tuple(map(str, getattr(self, names)))
            labels = [np.asarray(getattr(getattr(self, part), kind)) for part in PARTS]
            if not values[names] and all(one.dtype.kind in "iu" and one.size for one in labels):
                values[names] = tuple(map(str, range(int(max(one.max() for one in labels)) + 1)))
        values["targets"] = tuple(map(str, self.targets)) or values["identities"]
        self._set(values)
        names = {
            "train": self.identities,
            "test": self.identities,
            "fresh": self.identities,
            "references": self.targets,
        }
        for part in (*PARTS, *EXTRAS):
            images = getattr(self, part)
            if images is not None:
                own = names.get(part) or tuple(map(str, images.identities or range(int(images.id.max()) + 1)))
                self._set({part: self._checked(part, dataclasses.replace(images, identities=own))})
        if self.train.p is None and self.train.r is None:
            raise InputError("dump: neither p nor r; give protected images, or the vectors that are released")
        trained, count = self.trained, len(self.train)
        if trained is not None and (trained.dtype != bool or trained.shape != (count,)):
            raise InputError(f"dump: trained_train is {trained.dtype} {trained.shape}; give bool ({count},)")
        excluding = self.target_policy == "exclude-true" and self.test.c is not None and self.people_are_targets
        if excluding and (self.test.c == self.test.id).any():
            raise InputError("dump: target_policy is exclude-true but some c_test equal id_test; correct the policy")
        if min(len(np.unique(self.train.id)), len(np.unique(self.test.id))) < 2:
            raise InputError("dump: id_train and id_test must hold at least two identities each; add people")

    def _set(self, values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _checked(self, part, images):
        """The arrays of a set with the types of the docstring, checked."""
        checked, count = {}, len(images.x)
        classes = {"id": len(images.identities), "ep": len(self.expressions), "clip": None}
        classes |= dict.fromkeys(("c", "counterpart_id"), len(self.targets))
        other = "test" if part == "train" else "train"
        for name in COLUMNS:
            title, array, matching = f"{name}_{part}", getattr(images, name), getattr(getattr(self, other), name)
            if (array is None) != (matching is None) and (part in PARTS or name in OF_ALL_SETS):
                raise InputError(f"dump: {title} and {name}_{other} must be given together; add the other one")
            if array is None and name not in REQUIRED:
                continue
            if name in ("x", "p", "counterpart"):
                expected = (count, *self.train.x.shape[1:3], 3)
                if array.dtype != np.uint8 or array.shape != expected or not count:
                    given = f"{array.dtype} {array.shape}"
                    raise InputError(f"dump: {title} is {given}; give uint8 {expected}, one image or more")
                checked[name] = array
            elif name in classes:
                checked[name] = _labels(title, array, count, classes[name])
            else:
                width = len(self.motion_names) if name == "motion" else np.shape(matching)[-1]
                checked[name] = _floats(title, array, (count, width))
        if (images.counterpart is None) != (images.counterpart_id is None):
            raise InputError(
                f"dump: counterpart_{part} and counterpart_id_{part} must be given together; add the other"
            )
        return dataclasses.replace(images, **checked)

    @functools.cached_property
    def tested(self):
        """`Images` that attackers are tested on: all of the dump's people that trained nothing.

        The test part, fresh images that are as well known as those, and the train part where `people_held_out`.
        """
        known = [name for name in COLUMNS if getattr(self.test, name) is not None and name not in COUNTERPARTS]
        if self.people_held_out:
            sets = [self.train, self.test]
        elif self.fresh is not None and all(getattr(self.fresh, name) is not None for name in known if name != "clip"):
            fresh = self.fresh
            if self.test.clip is not None:  # each of them a clip of its own
                first = 1 + max(self.train.clip.max(), self.test.clip.max())
                fresh = dataclasses.replace(fresh, clip=first + np.arange(len(fresh)))
            sets = [self.test, fresh]
        else:
            sets = [self.test]
        sets = [one.without(*COUNTERPARTS) for one in sets]  # no attacker needs them
        return sets[0].joined(*sets[1:])

    @functools.cached_property
    def rounds(self):
        """Who learns from what, and is tested on what: list of (`Images` to learn from, int rows of `tested`).

        The attackers learn from `train` and are tested on all of `tested`. Where `people_held_out`, each part of
        `tested` is tested by attackers who learnt from the others.
        """
        return self.unseen_rounds if self.people_held_out else [(self.train, np.arange(len(self.tested)))]

    @functools.cached_property
    def unseen_rounds(self):
        """As `rounds`, but the attackers learn from images that trained nothing: all of them, but those tested."""
        more = [] if self.people_held_out or self.trained is None else [self.train.rows(~self.trained)]
        rounds = []
        for rows in _dealt(self.tested, ROUNDS):
            others = self.tested.rows(np.setdiff1d(np.arange(len(self.tested)), rows))
            rounds.append((others.joined(*(one for one in more if len(one))), rows))
        return rounds

    @property
    def people_held_out(self):
        """Whether no image of the dump's people trained anything."""
        return self.references is not None or (self.trained is not None and not self.trained.any())

    @property
    def people_are_targets(self):
        """Whether `c` and `id` count the same people."""
        return self.targets == self.identities

    @property
    def shows_targets(self):
        """Whether some images show the targets, so that a classifier can learn them."""
        return self.people_are_targets or self.references is not None or self.train.counterpart is not None

    @property
    def latents(self):
        """{"mu": "mean", "z": "sample"}, those that the dump has: what the encoder knows."""
        return {key: name for key, name in LATENTS.items() if getattr(self.train, key) is not None}

    @functools.cached_property
    def codes(self):
        """The values that a discrete release takes, float32 `(codes, e)`; None where it is continuous or not given."""
        if not self.discrete or self.train.r is None:
            return None
        return np.unique(np.concatenate([images.r for images in self.sets(*PARTS, *EXTRAS)]), axis=0)

    def code(self, images):
        """Which of `codes` was released for each image: int64 `(n,)`."""
        return KDTree(self.codes).query(images.r)[1]

    @property
    def known_policy(self):
        """`target_policy`, or "unknown" without targets: what nobody sees rules nobody out."""
        return "unknown" if self.test.c is None else self.target_policy

    def sets(self, *names):
        """Those of the named sets that the dump has: list of `Images`."""
        return [images for images in (getattr(self, name) for name in names) if images is not None]

    def of_targets(self):
        """The dump of an attacker who knows the target identities alone.

        Returns:
            Dump whose train and test parts are those of `references`. Its strangers are those of this dump or, where
            there are none, the people of this dump's train and test parts, who were held out.
        """
        tested = np.arange(len(self.references)) % REFERENCES_TEST_SHARE == 0
        # What one of them lacks, neither may have.
        both = self.train, self.references
        lacking = {name: None for name in COLUMNS if any(getattr(one, name) is None for one in both)}
        references = dataclasses.replace(self.references, **lacking)
        strangers = self.train.joined(self.test) if self.strangers is None else self.strangers
        return dataclasses.replace(
            self,
            train=references.rows(~tested),
            test=references.rows(tested),
            fresh=None,
            strangers=dataclasses.replace(strangers, **lacking),
            references=None,
            trained=None,
            identities=self.targets,
            target_policy="unknown",
        )

    def changed(self, change):
        """The same with `change(images)` in place of the `Images` of each set."""
        present = {part: getattr(self, part) for part in (*PARTS, *EXTRAS)}
        changes = {part: change(images) for part, images in present.items() if images is not None}
        return dataclasses.replace(self, **changes)

    def changed_pictures(self, change):
        """The same with `change(p)` in place of the protected images of each set."""
        return self.changed(lambda images: dataclasses.replace(images, p=change(images.p)))

    def without(self, *names):
        """The same without these columns, in all of its sets."""
        return self.changed(lambda images: images.without(*names))

    @classmethod
    def load(cls, path):
        """Read an `.npz`: `x_train`, `p_test`, `c_fresh` and so on, `trained_train`, and the names as the attributes.

        Optional keys may be missing; `names` is read as `identities` too, and other keys are ignored.

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
        sets = {}
        for part in (*PARTS, *EXTRAS):
            found = {name: arrays[f"{name}_{part}"] for name in COLUMNS if f"{name}_{part}" in arrays}
            if found or part in PARTS:
                sets[part] = found | {"identities": tuple(arrays.get(f"identities_{part}", ()))}
        missing = [f"{name}_{part}" for name in REQUIRED for part, found in sets.items() if name not in found]
        if missing:
            raise InputError(f"{path}: lacks {', '.join(missing)}; add these arrays")
        about = {"trained_train": "trained"}
        about |= {field.name: field.name for field in dataclasses.fields(cls) if field.name not in (*sets, *EXTRAS)}
        values = {about[name]: array for name, array in arrays.items() if name in about and name != "trained"}
        return cls(**values, **{part: Images(**found) for part, found in sets.items()})

    def save(self, path):
        """Write a compressed `.npz` atomically; absent arrays are left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values["trained_train"] = values.pop("trained")
        for part in (*PARTS, *EXTRAS):
            images = values.pop(part)
            if images is not None:
                values |= {f"{name}_{part}": getattr(images, name) for name in COLUMNS}
                if part in EXTRAS:
                    values[f"identities_{part}"] = images.identities
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file, **{name: np.asarray(value) for name, value in values.items() if value is not None}
            )


def _dealt(images, count):
    """Rows of images in `count` parts, with as many of each person and expression in each, and clips kept whole."""
    random = np.random.default_rng(0)
    units = np.arange(len(images)) if images.clip is None else np.unique(images.clip, return_inverse=True)[1]
    first = np.unique(units, return_index=True)[1]  # an image of each unit
    order = random.permutation(len(first))
    order = order[np.lexsort((images.ep[first[order]], images.id[first[order]]))]  # stable: random within a group
    part = np.empty(len(first), np.int64)
    part[order] = np.arange(len(first)) % count
    return [np.flatnonzero(part[units] == number) for number in range(count)]


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
