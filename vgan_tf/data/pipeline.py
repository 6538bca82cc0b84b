"""From a `FaceSet` to the batches that `fit` takes, in NumPy: images, labels, target identities, counterparts.

The order of the images, their targets and every random augmentation are functions of (seed, iteration), so that
training may stop after any epoch and go on as if it had not.
"""

import functools

import keras
import numpy as np

from vgan_tf.data.faces import ANGLES, FARTHEST_GAZE, MIRRORED
from vgan_tf.images import to_float

# What counts as 1 of a parameter of motion, by how its name begins: tens of degrees, and weights of blendshapes. Those
# that move a face most have the smallest units, chosen by eye. All others have 1.
DEGREES = 10
UNITS = {
    **dict.fromkeys(ANGLES, DEGREES),
    "gaze": DEGREES / FARTHEST_GAZE,
    "motion_jawOpen": 0.25,
    "motion_mouth": 0.5,
    "motion_eyeBlink": 0.5,
}

ALIGNMENT_SHIFT = 10  # pixels


class Batches(keras.utils.PyDataset):
    """Batches made as they are asked for.

    Args:
        load: number of a batch -> `(images, labels)`.
        count: how many there are; None for no end.
    """

    def __init__(self, load, count=None):
        super().__init__()
        self.load, self.count = load, count

    @property
    def num_batches(self):
        return self.count

    def __getitem__(self, number):
        return self.load(number)

    def map(self, change):
        """The same batches as `change(images, labels)` makes them."""
        return Batches(lambda number: change(*self.load(number)), self.count)


def training_batches(faces, config, first_step=0, share=(0, 1)):
    """An endless dataset of augmented training batches.

    Args:
        faces: FaceSet of the training part.
        config: Config. A batch holds batch_size + dependence_images images, at most all there are.
        first_step: iterations already trained; the batches go on from there.
        share: (number, count), for the part with this number of each batch that is cut into so many, equal in images
            that are played with and in those that are encoded only.

    Returns:
        Batches of `(images, labels)`: images float32 `(batch, size, size, 3)` in [-1, 1]; labels "identity",
        "expression" and "target", int32 `(batch,)`, and, where `config.counterpart_weight` asks for them and the source
        can draw them, "counterpart", float32 like the images that are played with, or with alpha (`with_alpha`). Where
        counterparts were drawn beforehand targets are theirs. With `config.motion_dim`, "motion" as of `motion_of`.
    """
    batch_size = min(config.batch_size + config.dependence_images, len(faces))
    per_pass = len(faces) // batch_size
    players = min(config.batch_size, batch_size)
    own_players = _share(0, players, share)
    own = np.concatenate([own_players, _share(players, batch_size, share)])
    prepared = _prepared(faces, config)
    with_counterparts = config.counterpart_weight > 0 and faces.has_counterparts and not prepared

    @functools.lru_cache(maxsize=2)
    def order(one_pass):
        # One permutation a pass; what does not fill a batch is left out of that pass.
        random = np.random.default_rng((config.seed, one_pass))
        shuffled = random.permutation(len(faces))
        if not 0 < config.batch_people < len(faces.identities):
            return shuffled
        group = random.permutation(len(faces.identities))[faces.identity[shuffled]] // config.batch_people
        batches = shuffled[np.argsort(group, kind="stable")][: per_pass * batch_size].reshape(per_pass, batch_size)
        return random.permuted(random.permutation(batches), axis=1).ravel()

    def load(number):
        step = first_step + number
        one_pass, position = divmod(step, per_pass)
        rows = order(one_pass)[position * batch_size : (position + 1) * batch_size]
        images, labels = _take(faces, rows[own], config)
        # Drawn for the whole batch, so that parts of it have the same targets and the same augmentation.
        augment = augmentation(config, batch_size, np.random.default_rng((config.seed, step, 1)))
        random = np.random.default_rng((config.seed, step, 2))
        if prepared:
            labels |= _beforehand(faces, rows[own], config)
            return augment(images, own), labels
        targets = draw_targets(faces.identity[rows], len(faces.identities), config.true_target_fraction, random)
        labels["target"] = targets[own].astype(np.int32)
        if with_counterparts:
            counterparts = faces.subset(rows[own_players]).counterparts(targets[own_players])
            labels["counterpart"] = augment(to_float(counterparts), own_players)
        return augment(images, own), labels

    return Batches(load)


def encoder_batches(faces, config, first_step=0):
    """Batches as of `training_batches` for the encoder alone: without counterparts, every other one mirrored.

    With a face, "motion" is mirrored, too: what its left half does, the right half of a mirrored face does.
    """
    plain = training_batches(faces, config.replace(counterpart_weight=0.0, alpha=False), first_step)
    order, signs = mirrored_motion(latent_names(faces))

    def load(number):
        images, labels = plain[number]
        if np.random.default_rng((config.seed, first_step + number, 4)).random() < 0.5:
            images = images[:, :, ::-1]
            if "motion" in labels:
                labels["motion"] = labels["motion"][:, order] * signs
        return images, labels

    return Batches(load)


def joined_batches(faces, pairs, config, first_step=0):
    """An endless dataset of batches of which one half has counterparts drawn beforehand and the other one none.

    Args:
        faces: FaceSet of the half without; its targets are drawn from those of the pairs.
        pairs: FaceSet of the half with counterparts.
        config, first_step: as of `training_batches`.

    Returns:
        Batches as of `training_batches`, with "paired", float32 `(batch,)`: 1 where there is a counterpart; elsewhere
        counterpart and motion are 0. Identities are counted in each half by itself.
    """
    count = config.batch_size // 2
    own_config = config.replace(batch_size=count, counterpart_weight=0.0, alpha=False, motion_dim=0)
    own_batches = training_batches(faces, own_config, first_step)
    paired_batches = training_batches(pairs, config.replace(batch_size=config.batch_size - count), first_step)

    def load(number):
        (own, own_labels), (images, labels) = own_batches[number], paired_batches[number]
        random = np.random.default_rng((config.seed, first_step + number, 3))
        own_labels["target"] = random.integers(0, len(pairs.targets), len(own)).astype(np.int32)
        joined = {"paired": np.repeat(np.float32([1, 0]), [len(images), len(own)])}
        for name, values in labels.items():
            rest = own_labels.get(name)
            rest = np.zeros((len(own), *values.shape[1:]), values.dtype) if rest is None else rest
            joined[name] = _namespace(values).concatenate([values, rest])
        return _namespace(images).concatenate([images, own]), joined

    return Batches(load)


def alignment_batches(pictures, places, batch_size, seed):
    """An endless dataset of pictures moved by up to `ALIGNMENT_SHIFT` pixels, half of them mirrored, and their places.

    Args:
        pictures: uint8 `(n, size, size, 3)`.
        places: float32 `(n, 3)`, as of `networks.alignment`.
        batch_size: pictures in a batch, at most n.
        seed: int.

    Returns:
        Batches of (float32 `(batch, size, size, 3)` in [-1, 1], float32 `(batch, 3)`).
    """
    size, most = pictures.shape[1], ALIGNMENT_SHIFT
    per_pass = len(pictures) // batch_size

    def load(number):
        one_pass, position = divmod(number, per_pass)
        order = np.random.default_rng((seed, one_pass)).permutation(len(pictures))
        rows = order[position * batch_size : (position + 1) * batch_size]
        random = np.random.default_rng((seed, number, 1))
        padded = np.pad(pictures[rows], [(0, 0), (most, most), (most, most), (0, 0)], "edge")
        corners = random.integers(0, 2 * most + 1, (batch_size, 2))
        moved = np.stack([one[y : y + size, x : x + size] for one, (y, x) in zip(padded, corners, strict=True)])
        found = places[rows].copy()
        found[:, :2] -= (corners[:, ::-1] - most) / np.float32(size)
        mirrored = random.random(batch_size) < 0.5
        moved[mirrored], found[mirrored, 0] = moved[mirrored, :, ::-1], -found[mirrored, 0]
        return to_float(moved), found

    return Batches(load)


def evaluation_batches(faces, config, batch_size):
    """The images once, in order, not augmented; the last batch may be smaller. Elements as of `training_batches`.

    Targets are the same at each pass and whatever the size of the batches; counterparts only if drawn beforehand.
    """
    random = np.random.default_rng((config.seed, 2))
    targets = draw_targets(faces.identity, len(faces.identities), config.true_target_fraction, random)

    def load(number):
        rows = np.arange(len(faces))[number * batch_size : (number + 1) * batch_size]
        images, labels = _take(faces, rows, config)
        if _prepared(faces, config):
            return images, {**labels, **_beforehand(faces, rows, config)}
        return images, {**labels, "target": targets[rows].astype(np.int32)}

    return Batches(load, count=-(-len(faces) // batch_size))


def draw_targets(identity, count, true_fraction, random):
    """Draw target identities, uniform over all `count`, and the true one for a share `true_fraction` of the images.

    Args:
        identity: int `(n,)`.
        random: numpy.random.Generator.

    Returns:
        int64 `(n,)`.
    """
    targets = random.integers(0, count, len(identity))
    return np.where(random.random(len(identity)) < true_fraction, identity, targets)


def augmentation(config, batch_size, random):
    """Draw one shift and, for each image of a batch, whether it is mirrored.

    Args:
        config: Config; its augment_* are used.
        batch_size: images in the batch.
        random: numpy.random.Generator.

    Returns:
        function (images, rows) -> images of the same shape: float32 `(m, size, size, 3)` in [-1, 1], `m` images at
        these rows of the batch. A counterpart is changed as its image is.
    """
    # One shift for the whole batch: as good over many batches.
    shift = config.augment_shift_px
    top, left = random.integers(0, 2 * shift + 1, 2) if shift else (0, 0)
    mirrored = random.random((batch_size, 1, 1, 1)) < (0.5 if config.augment_flip else 0.0)

    def augment(images, rows):
        size = images.shape[1]
        own = _namespace(images)
        padded = own.pad(images, [(0, 0), (shift, shift), (shift, shift), (0, 0)], "symmetric")
        images = padded[:, top : top + size, left : left + size]
        return own.where(mirrored[rows], images[:, :, ::-1], images) if config.augment_flip else images

    return augment


def with_alpha(pictures):
    """Counterparts as the game compares them.

    Args:
        pictures: uint8 `(n, size, size, 4)`, RGB and alpha.

    Returns:
        float32 of that shape in [-1, 1]: the head before middle grey, and alpha.
    """
    values = to_float(pictures)
    colours, alpha = values[..., :3], values[..., 3:]
    return _namespace(values).concatenate([colours * ((alpha + 1) / 2), alpha], axis=-1)


def latent_names(faces):
    """The columns of `motion_of`: strengths of all expressions but "neutral", then the other parameters of motion."""
    strengths = [name for name in faces.expressions if name != "neutral"]
    return strengths + [name for name in faces.motion_names if name not in ("intensity", "asymmetry")]


def mirrored_motion(names):
    """What a mirror makes of motion: (int64 order, float32 signs), so that it is `values[:, order] * signs`."""
    swapped = {"_L": "_R", "_R": "_L", "Left": "Right", "Right": "Left"}
    order, signs = [], []
    for name in names:
        other = next((name.removesuffix(end) + swapped[end] for end in swapped if name.endswith(end)), name)
        order.append(names.index(other if other in names else name))
        signs.append(-1.0 if name in MIRRORED else 1.0)
    return np.array(order, np.int64), np.array(signs, np.float32)


def unit_of(name):
    """What counts as 1 of a parameter of motion: float, of `UNITS`."""
    return next((value for start, value in UNITS.items() if name.startswith(start)), 1)


def motion_of(faces, rows):
    """What faces do, all in about one range: what the latent becomes.

    Returns:
        float32 `(n, parameters)`, columns as of `latent_names`: strengths, 1 where the truth does not tell the
        intensity, and the rest in UNITS.
    """
    shown = np.asarray(faces.expressions)[faces.expression[rows]]
    intensity = faces.truth["intensity"][rows] if "intensity" in faces.truth else 1.0
    columns = [
        intensity * (shown == name) if name in faces.expressions else faces.truth[name][rows] / unit_of(name)
        for name in latent_names(faces)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _prepared(faces, config):
    """Whether batches bring counterparts that were drawn beforehand."""
    return config.counterpart_weight > 0 and faces.has_counterpart_images


def _beforehand(faces, rows, config):
    """Labels of rows that counterparts drawn beforehand give."""
    counterparts = with_alpha(faces.counterpart_images[rows])
    return {
        "target": faces.counterpart_target[rows].astype(np.int32),
        "counterpart": counterparts if config.alpha else counterparts[..., :3],
    }


def _namespace(images):
    """NumPy, or what takes its place for an array on an accelerator."""
    return images.__array_namespace__()


def _share(first, end, share):
    number, count = share
    return np.arange(first + number * (end - first) // count, first + (number + 1) * (end - first) // count)


def _take(faces, rows, config):
    labels = {name: getattr(faces, name)[rows].astype(np.int32) for name in ("identity", "expression")}
    if config.motion_dim:
        labels["motion"] = motion_of(faces, rows)
    return to_float(faces.images[rows]), labels
