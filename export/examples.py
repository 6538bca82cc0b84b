"""Inputs for the parts, made of real images."""

import numpy as np

from vgan_tf.images import to_float
from vgan_tf.targets import target_codes


def draw_examples(model, faces, count, seed):
    """Inputs of all parts, for up to `count` of the faces.

    Args:
        model: PPRLVGAN.
        faces: FaceSet.
        count: images at most.
        seed: of the choice of images; the targets go round all identities.

    Returns:
        {"image": `(n, 64, 64, 3)` in [-1, 1], "target": `(n, identities)` one-hot, "latent": `(n, latent_dim)`, the
        mean for that image}, float32.
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
    """The same examples, one of whose images reaches from -1 to 1.

    An int8 file takes the range of its calibration for the range of its input: 0 to 255 must be all of it, even where
    the faces have no black or no white.
    """
    images = examples["image"].copy()
    images[0].flat[images[0].argmin()] = -1.0
    images[0].flat[images[0].argmax()] = 1.0
    return {**examples, "image": images}


def inputs_of(part, examples):
    """The examples that a part takes, by name."""
    return {tensor.name: examples[tensor.name] for tensor in part.inputs}
