"""Changes to training images that leave the person: shift, light, a covered patch."""

import numpy as np

from vgan_tf.images import to_float

COVERED_SHARE = 0.5  # of the images


def shift_light_and_cover(images, random):
    """Shift each image by up to 1/16 of its side, change its light a little, and cover a patch of every second one.

    uint8 images `(n, height, width, 3)` -> float32, same shape, about [-1, 1].
    """
    count, height, width, _ = images.shape
    most_down, most_right = height // 16, width // 16
    downs = random.integers(-most_down, most_down + 1, count) + most_down
    rights = random.integers(-most_right, most_right + 1, count) + most_right
    padded = np.pad(images, [(0, 0), (most_down, most_down), (most_right, most_right), (0, 0)], "edge")
    shifted = np.stack(
        [
            image[down : down + height, right : right + width]
            for image, down, right in zip(padded, downs, rights, strict=True)
        ]
    )
    contrast = random.uniform(0.9, 1.1, (count, 1, 1, 1)).astype(np.float32)
    brightness = random.uniform(-0.1, 0.1, (count, 1, 1, 1)).astype(np.float32)
    lit = to_float(shifted)
    lit *= contrast
    lit += brightness
    side = max(1, height // 5)
    tops, lefts = random.integers(0, height - side + 1, count), random.integers(0, width - side + 1, count)
    for index in np.flatnonzero(random.random(count) < COVERED_SHARE):
        lit[index, tops[index] : tops[index] + side, lefts[index] : lefts[index] + side] = 0
    return lit
