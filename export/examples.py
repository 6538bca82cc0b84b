"""Inputs for the parts, from real images."""

import numpy as np
from PIL import Image

from vgan_tf.images import to_float, to_uint8
from vgan_tf.targets import target_codes


def draw_examples(model, faces, count, seed):
    """Inputs of all parts, for up to `count` of the faces.

    Args:
        model: PPRLVGAN.
        faces: FaceSet.
        count: images at most.
        seed: of the choice of images. Every identity is a target equally often.

    Returns:
        {"image": `(n, s, s, 3)` in [-1, 1], "target": `(n, identities)` one-hot, "latent": `(n, latent_dim)`, the mean
        for that image}, float32.
    """
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(faces))[:count])
    images = np.asarray(faces.images[chosen])
    identities = len(model.identities)
    return {
        "image": to_float(images),
        "target": target_codes(random.permutation(len(chosen)) % identities, identities),
        "latent": model.encode(images),
    }


def for_calibration(examples):
    """The same examples, with one black and one white value in the first image.

    Calibration sets the range of an int8 file's input. It must be 0 to 255 even where no face has black or white.
    """
    images = examples["image"].copy()
    images[0].flat[images[0].argmin()] = -1.0
    images[0].flat[images[0].argmax()] = 1.0
    return {**examples, "image": images}


def inputs_of(part, examples):
    """The examples that a part takes, by name.

    An alignment model is shown the same faces: each somewhere in a picture, smaller, and what is around it repeated.
    """
    size = part.inputs[0].shape[1]
    if part.name != "alignment":
        return {tensor.name: examples[tensor.name] for tensor in part.inputs}
    return {"image": np.stack([_unaligned(image, size, number) for number, image in enumerate(examples["image"])])}


def _unaligned(image, size, number):
    random = np.random.default_rng(number)
    side = len(image)
    margins = random.integers(0, side // 2 + 1, 4).reshape(2, 2)
    pixels = np.pad(to_uint8(image), [*margins.tolist(), (0, 0)], "reflect")
    return to_float(np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)))
