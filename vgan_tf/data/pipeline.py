"""From a `FaceSet` to the batches that `fit` takes.

The order of the images and every random augmentation are functions of (seed, iteration), so that training may stop
after any epoch and go on as if it had not.
"""

import numpy as np
import tensorflow as tf


def training_batches(faces, config, first_step=0):
    """An endless dataset of augmented training batches.

    Args:
        faces: FaceSet of the training part.
        config: Config; its batch_size, seed and augment_* are used.
        first_step: iterations already trained; the batches go on from there.

    Returns:
        tf.data.Dataset of `(images, {"identity", "expression"})`: float32 `(batch, 64, 64, 3)` in [-1, 1], int32.
    """
    batch_size = min(config.batch_size, len(faces))

    def indices():
        step = first_step
        per_pass = len(faces) // batch_size
        while True:
            # One permutation a pass; what does not fill a batch is left out of that pass.
            order = np.random.default_rng((config.seed, step // per_pass)).permutation(len(faces))
            for position in range(step % per_pass, per_pass):
                yield order[position * batch_size : (position + 1) * batch_size], step
                step += 1

    batches = tf.data.Dataset.from_generator(
        indices,
        output_signature=(tf.TensorSpec((batch_size,), tf.int64), tf.TensorSpec((), tf.int64)),
    )
    take = _gatherer(faces)

    def load(index, step):
        images, labels = take(index)
        return augment(images, config, tf.stack([tf.cast(config.seed, tf.int64), step])), labels

    return batches.map(load, num_parallel_calls=1).prefetch(4)


def evaluation_batches(faces, batch_size):
    """The images once, in order, not augmented; same elements as `training_batches`, the last batch may be smaller."""
    take = _gatherer(faces)
    return tf.data.Dataset.range(len(faces)).batch(batch_size).map(take).prefetch(2)


def augment(images, config, seed):
    """Shift and mirror the images and change their light, as configured.

    Args:
        images: float32 `(batch, 64, 64, 3)` in [-1, 1].
        config: Config.
        seed: int64 `(2,)`.

    Returns:
        the same shape and range.
    """
    seeds = tf.unstack(tf.random.split(tf.cast(seed, tf.int32), 4))
    batch_size, size = tf.shape(images)[0], images.shape[1]
    if config.augment_shift_px:
        # One shift for the whole batch: as good over many batches, and a slice is much cheaper than a gather.
        shift = config.augment_shift_px
        padded = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]], "SYMMETRIC")
        top_left = tf.random.stateless_uniform((2,), seeds[0], 0, 2 * shift + 1, tf.int32)
        images = padded[:, top_left[0] : top_left[0] + size, top_left[1] : top_left[1] + size]
        images = tf.ensure_shape(images, (None, size, size, 3))
    if config.augment_flip:
        flip = tf.random.stateless_uniform((batch_size, 1, 1, 1), seeds[1]) < 0.5
        images = tf.where(flip, images[:, :, ::-1], images)
    if config.augment_light:
        limit = config.augment_light
        contrast = tf.random.stateless_uniform((batch_size, 1, 1, 1), seeds[2], 1 - limit, 1 + limit)
        brightness = tf.random.stateless_uniform((batch_size, 1, 1, 1), seeds[3], -limit, limit)
        images = tf.clip_by_value(images * contrast + brightness, -1.0, 1.0)
    return images


def _gatherer(faces):
    images = tf.constant(faces.images)
    identity = tf.constant(faces.identity, tf.int32)
    expression = tf.constant(faces.expression, tf.int32)

    def take(index):
        batch = tf.cast(tf.gather(images, index), tf.float32) / 127.5 - 1.0
        return batch, {"identity": tf.gather(identity, index), "expression": tf.gather(expression, index)}

    return take
