"""Inputs for the parts, from real images."""

import numpy as np

from vgan_tf.images import to_float
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
    """The examples that a part takes, by name."""
    return {tensor.name: examples[tensor.name] for tensor in part.inputs}
