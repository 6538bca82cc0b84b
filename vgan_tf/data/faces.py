"""`FaceSet`: labelled faces, the form in which every data source reaches training and audit."""

import dataclasses
import hashlib

import numpy as np

from vgan_tf.data import stored
from vgan_tf.errors import InputError

# Names of ground truth that tell what a face does: these, and those that begin so.
MOTION = ("intensity", "asymmetry", "yaw", "pitch", "roll")
MOTION_PREFIXES = ("gaze", "motion_")
ANGLES = ("yaw", "pitch", "roll")  # of MOTION, in degrees
FARTHEST_GAZE = 30.0  # degrees, where gaze is 1
MIRRORED = ("asymmetry", "yaw", "roll", "gaze", "gaze_x")  # which change their sign in a mirror
# Fields of a FaceSet with a value for each image, or None.
OPTIONAL = ("number", "counterpart_images", "counterpart_target")


@dataclasses.dataclass(frozen=True)
class FaceSet:
    """Labelled faces.

    Attributes:
        images: uint8 `(n, size, size, 3)`, RGB; StoredImages where they would fill the memory.
        identity: int64 `(n,)`, indices into `identities`.
        expression: int64 `(n,)`, indices into `expressions`.
        identities: names of the identities, sorted.
        expressions: names of the expressions (`vgan_tf.labels.expression_order`).
        paths: where each image came from, `n` str, relative to the source.
        clip: str array `(n,)`, the video clip of each image ("" where the source has none).
        split: str array `(n,)`, "train", "validation" or "test" where the source prescribes it, else "".
        truth: name -> float32 `(n,)`, ground truth such as "intensity" in [0, 1] or "yaw" in degrees.
        number: int64 `(n,)`, which picture of `drawn_by` each image is; None where `drawn_by` is.
        drawn_by: what drew the images and can draw more: an object that compares equal where it draws the same, with
            `counterpart(number, name of an identity, size)`, the motion (what the face does: expression, gaze, head
            pose) of a picture on another identity. None where images were read.
        counterpart_images: uint8 `(n, size, size, 4)`, RGB and alpha, or StoredImages: the motion of each image on one
            of `targets`, drawn beforehand, in even light before nothing. None where the source has none.
        counterpart_target: int64 `(n,)`, indices into `targets`; None where `counterpart_images` is.
        targets: names of the identities that `counterpart_images` show; they need not be among `identities`.
        skipped: one line for each image that could not be read, or group of images that the format leaves out.
    """

    images: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    identities: tuple
    expressions: tuple
    paths: tuple
    clip: np.ndarray
    split: np.ndarray
    truth: dict
    number: np.ndarray | None = None
    drawn_by: object | None = None
    skipped: tuple = ()
    counterpart_images: np.ndarray | None = None
    counterpart_target: np.ndarray | None = None
    targets: tuple = ()

    def __len__(self):
        return len(self.images)

    def subset(self, index):
        """The same set reduced to the images at `index` (int or bool array); label lists stay whole."""
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index)
        return dataclasses.replace(
            self,
            images=self.images[index],
            identity=self.identity[index],
            expression=self.expression[index],
            paths=tuple(self.paths[i] for i in index),
            clip=self.clip[index],
            split=self.split[index],
            truth={name: values[index] for name, values in self.truth.items()},
            **{name: None if getattr(self, name) is None else getattr(self, name)[index] for name in OPTIONAL},
        )

    def concatenate(self, other):
        """This set followed by another one with the same label lists and the same kinds of truth.

        Counterparts drawn beforehand are kept where both have them, of the same targets.
        """
        drawn = self.drawn_by is not None and self.drawn_by == other.drawn_by
        paired = self.has_counterpart_images and other.has_counterpart_images and self.targets == other.targets
        arrays = ["identity", "expression", "clip", "split", *(["number"] if drawn else [])]
        images = ["images"]
        if paired:
            arrays.append("counterpart_target")
            images.append("counterpart_images")
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in arrays}
        joined |= {name: stored.concatenate(getattr(self, name), getattr(other, name)) for name in images}
        return dataclasses.replace(
            self,
            **{**dict.fromkeys(OPTIONAL), **joined},
            paths=self.paths + other.paths,
            truth={name: np.concatenate([values, other.truth[name]]) for name, values in self.truth.items()},
            drawn_by=self.drawn_by if drawn else None,
            targets=self.targets if paired else (),
        )

    def joined(self, other):
        """This set followed by one of other people with the same expressions; without truth and counterparts."""
        identities = tuple(dict.fromkeys(self.identities + other.identities))
        return dataclasses.replace(self.among(identities), truth={}).concatenate(
            dataclasses.replace(other.among(identities), truth={})
        )

    def among(self, identities):
        """The same set with `identities` as its list of identities; each of its images must be of one of them."""
        names = np.asarray(self.identities)[self.identity]
        order = {name: index for index, name in enumerate(identities)}
        return dataclasses.replace(
            self, identities=tuple(identities), identity=np.array([order[name] for name in names], np.int64)
        )

    @property
    def has_counterpart_images(self):
        """Whether a counterpart of each image was drawn beforehand."""
        return self.counterpart_images is not None

    @property
    def has_counterparts(self):
        """Whether `counterparts` can draw."""
        return self.drawn_by is not None

    def counterparts(self, targets):
        """Draw what each face does on another identity, in even light, before a plain background, in the middle.

        Args:
            targets: int `(n,)`, indices into `identities`, one for each image.

        Returns:
            uint8 `(n, size, size, 3)`, the same for the same images and targets.

        Raises:
            InputError: these images were read, not drawn.
        """
        if not self.has_counterparts:
            raise InputError("these images were read, not drawn: there are no counterparts on other identities")
        pictures = np.empty((len(self), *self.images.shape[1:]), np.uint8)
        for row, (number, target) in enumerate(zip(self.number.tolist(), targets, strict=True)):
            pictures[row] = self.drawn_by.counterpart(number, self.identities[target], self.images.shape[1])
        return pictures

    @property
    def motion_names(self):
        """The names in `truth` that are motion: list."""
        return [name for name in self.truth if name in MOTION or name.startswith(MOTION_PREFIXES)]

    def fingerprint(self):
        """SHA-256 (hex) of images, labels, names and counterparts drawn beforehand: the same data has the same."""
        digest = hashlib.sha256(repr((self.identities, self.expressions, self.images.shape)).encode())
        _update(digest, self.images)
        for array in (self.identity, self.expression):
            digest.update(np.ascontiguousarray(array))
        if self.has_counterpart_images:
            digest.update(repr(self.targets).encode())
            digest.update(np.ascontiguousarray(self.counterpart_target))
            _update(digest, self.counterpart_images)
        return digest.hexdigest()


def _update(digest, images):
    for first in range(0, len(images), stored.BLOCK):
        digest.update(np.ascontiguousarray(images[first : first + stored.BLOCK]))
