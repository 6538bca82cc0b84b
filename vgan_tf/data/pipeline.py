"""From a `FaceSet` to the batches that `fit` takes, in NumPy.

The order of the images and every random augmentation are functions of (seed, iteration), so that training may stop
after any epoch and go on as if it had not.
"""

import functools

import keras
import numpy as np

from vgan_tf.images import to_float


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
        config: Config; its batch_size, dependence_images, batch_people, seed and augment_* are used. A batch holds
            batch_size + dependence_images images, at most all there are.
        first_step: iterations already trained; the batches go on from there.
        share: (number, count), for the part with this number of each batch that is cut into so many, equal in images
            that are played with and in those that are encoded only.

    Returns:
        Batches of `(images, {"identity", "expression"})`: float32 `(batch, 64, 64, 3)` in [-1, 1], int32.
    """
    batch_size = min(config.batch_size + config.dependence_images, len(faces))
    per_pass = len(faces) // batch_size
    players = min(config.batch_size, batch_size)
    part = np.concatenate([_part(0, players, share), _part(players, batch_size, share)])

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
        one_pass, position = divmod(first_step + number, per_pass)
        batch = order(one_pass)[position * batch_size : (position + 1) * batch_size]
        images, labels = _take(faces, batch[part])
        random = np.random.default_rng((config.seed, first_step + number, 1))
        return augment(images, config, random, batch_size, part), labels

    return Batches(load)


def evaluation_batches(faces, batch_size):
    """The images once, in order, not augmented; same elements as `training_batches`, the last batch may be smaller."""
    return Batches(
        lambda number: _take(faces, slice(number * batch_size, (number + 1) * batch_size)),
        count=-(-len(faces) // batch_size),
    )


def augment(images, config, random, batch_size=None, part=slice(None)):
    """Shift and mirror the images and change their light, as configured.

    Args:
        images: float32 `(batch, 64, 64, 3)` in [-1, 1].
        config: Config.
        random: numpy.random.Generator.
        batch_size, part: where the images are one part of a batch, its size and the part's places in it: they are
            changed as in the whole batch.

    Returns:
        the same shape and range.
    """
    batch_size, size = batch_size or len(images), images.shape[1]

    def draw(low, high):
        return random.uniform(low, high, (batch_size, 1, 1, 1))[part].astype(np.float32)

    if config.augment_shift_px:
        # One shift for the whole batch: as good over many batches.
        shift = config.augment_shift_px
        top, left = random.integers(0, 2 * shift + 1, 2)
        padded = np.pad(images, [(0, 0), (shift, shift), (shift, shift), (0, 0)], "symmetric")
        images = padded[:, top : top + size, left : left + size]
    if config.augment_flip:
        images = np.where(draw(0, 1) < 0.5, images[:, :, ::-1], images)
    if config.augment_light:
        limit = config.augment_light
        contrast, brightness = draw(1 - limit, 1 + limit), draw(-limit, limit)
        images = np.clip(images * contrast + brightness, -1.0, 1.0)
    return images


def _part(first, end, share):
    number, count = share
    return np.arange(first + number * (end - first) // count, first + (number + 1) * (end - first) // count)


def _take(faces, index):
    labels = {"identity": faces.identity[index], "expression": faces.expression[index]}
    return to_float(faces.images[index]), {name: values.astype(np.int32) for name, values in labels.items()}
