"""Looks: random changes of what the encoder sees in training, so that it knows what to ignore in people it never saw.

Colour and proportions are drawn once for each person of a batch, anew in each batch: they make another person of them,
whom the penalty of dependence on the identity compares with the others. Light and occlusion are drawn for each image.
What is generated is compared with the images as they were.
"""

import keras
from keras import ops

OCCLUDED_SHARE = 0.5  # of the images, where there is occlusion


def change_looks(images, identity, config, seed):
    """The images as the encoder is to see them in training.

    Args:
        images: float32 `(batch, 64, 64, 3)` in [-1, 1].
        identity: int `(batch,)`: images of one identity get the same colour and proportions.
        config: Config; its look_* are used, and a look whose setting is 0 draws nothing.
        seed: keras.random.SeedGenerator.

    Returns:
        the same shape and range.
    """
    if config.look_scale:
        rows, columns = (_interpolation(images.shape[axis], identity, config.look_scale, seed) for axis in (1, 2))
        images = ops.einsum("bij,bjwc->biwc", rows, images)
        images = ops.einsum("bkw,biwc->bikc", columns, images)
    if config.look_colour:
        contrast, brightness = (_of_each_person(identity, config.look_colour, 3, seed)[:, None, None] for _ in range(2))
        images = ops.clip(images * (1.0 + contrast) + brightness, -1.0, 1.0)
    if config.look_light:
        images = ops.clip((images + 1.0) * (1.0 + _slope(images, config.look_light, seed)) - 1.0, -1.0, 1.0)
    if config.look_occlusion:
        covered = _patch(images, config.look_occlusion, seed)
        colour = keras.random.uniform((ops.shape(images)[0], 1, 1, 3), -1.0, 1.0, seed=seed)
        images = ops.where(covered, colour, images)
    return images


def _of_each_person(identity, limit, count, seed):
    """float32 `(batch, count)`, uniform in [-limit, limit], the same where the identity is the same."""
    # A number for each image, of which each takes that of the first image of its person.
    drawn = keras.random.uniform((ops.shape(identity)[0], count), -limit, limit, seed=seed)
    same = ops.equal(identity[:, None], identity[None, :])
    return ops.take(drawn, ops.argmax(ops.cast(same, "int32"), axis=-1), axis=0)


def _interpolation(size, identity, limit, seed):
    """Matrices `(batch, size, size)` that draw one axis anew: larger or smaller, its middle moved and spread."""
    scale, move, spread = ops.split(_of_each_person(identity, limit, 3, seed), 3, axis=-1)
    place = ops.linspace(-1.0, 1.0, size)[None, :]
    bulge = 1.0 - ops.square(place)  # The ends stay.
    source = place * (1.0 + scale + spread * bulge) + move * bulge
    source = (ops.clip(source, -1.0, 1.0) + 1.0) * (0.5 * (size - 1))
    pixels = ops.arange(size, dtype="float32")[None, None, :]
    return ops.maximum(0.0, 1.0 - ops.abs(source[:, :, None] - pixels))


def _slope(images, limit, seed):
    """float32 `(batch, height, width, 1)` in [-limit, limit]: light from one side, of a strength of its own."""
    count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
    level, down, right = (keras.random.uniform((count, 1, 1, 1), -limit / 3, limit / 3, seed=seed) for _ in range(3))
    y, x = ops.linspace(-1.0, 1.0, height)[None, :, None, None], ops.linspace(-1.0, 1.0, width)[None, None, :, None]
    return level + down * y + right * x


def _patch(images, largest, seed):
    """bool `(batch, height, width, 1)`: a rectangle of every second image, sides up to so large a share."""
    count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]

    def within(size):
        side = keras.random.uniform((count, 1), 0.0, largest, seed=seed)
        start = keras.random.uniform((count, 1), 0.0, 1.0, seed=seed) * (1.0 - side)
        place = (ops.arange(size, dtype="float32")[None, :] + 0.5) / size
        return ops.logical_and(place >= start, place < start + side)

    rows, columns = within(height)[:, :, None, None], within(width)[:, None, :, None]
    some = keras.random.uniform((count, 1, 1, 1), seed=seed) < OCCLUDED_SHARE
    return ops.logical_and(ops.logical_and(rows, columns), some)
