"""A `.tflite` file compared with the Keras part that it was made from, on held-out images."""

import math

import numpy as np

from vgan_tf.errors import VerificationError
from vgan_tf.images import to_uint8
from vgan_tf.ondevice.lite import PICTURES, LiteModel

from .convert import INTEGER_RECIPES
from .inspection import operators, problems

# Limits of the mean and of the largest difference. Each is the sum of steps of the output's resolution and a share of
# the spread of its values. The presets tiny, edge, demo and paper, freshly initialised or trained, needed these shares
# at most: float32 none, float16 0.001 and 0.001, dynamic 0.02 and 0.66, int8 and qat 0.2 and 1.6 (a trained `paper`,
# whose activations have far outliers; without it the mean needed 0.04). A file that gives grey, or the answer to
# another input, differs by 1 to 1.4 times the spread on average. Of pictures the largest difference is of means over
# squares: a sharp outline that 8 bits move by a pixel differs by up to 255 levels there, and nobody sees it.
LIMITS = {
    "float32": ((0.01, 1e-4), (1, 1e-3)),
    "float16": ((0.05, 0.005), (1, 0.02)),
    "dynamic": ((0.3, 0.1), (2, 1)),
    "int8": ((1, 0.25), (4, 3)),
    "qat": ((1, 0.25), (4, 3)),
}
# With prototypes, rounding may move a latent between two of them to the other one, so the largest difference has no
# limit. The mean shows how often this happens, and `scoring` measures what it costs.
DISCRETE_LIMITS = {recipe: ((1, 0.25), (0, math.inf)) for recipe in LIMITS} | {"float32": LIMITS["float32"]}
PATCH = 8  # side in pixels of the squares over which the largest difference of pictures is limited
# Pictures are compared in levels of 0 to 255; a latent has the prior's standard deviation of 1; a place is in
# shares of the picture's side.
RESOLUTION = {"protected": 1.0, "probabilities": 1 / 256, "latent": 1e-3, "place": 0.01}
# The scale of each tensor of an integer file, and the zero points that it may have (pictures: grey).
SCALES = {
    "image": (2 / 255, (127, 128)),
    "target": (1 / 255, (0,)),
    "protected": (2 / 255, (127, 128)),
    "probabilities": (1 / 255, (0,)),
}
SCALE_TOLERANCE = 0.01


def verify(content, part, recipe, examples):
    """Check a file: what it contains, its signature, its scales, and its outputs on examples.

    Args:
        content: bytes of the file.
        part: keras.Model that it was made from.
        recipe: what it was made by; decides the limits.
        examples: {input name: float32 `(n, ...)`} as the part takes them, held out from calibration and training.

    Returns:
        {output name: {"largest": x, "mean": x}}: absolute differences, pictures in levels of 0 to 255.

    Raises:
        VerificationError: one line for each failed check, with its value and its limit.
    """
    failed = [f"inspection: {problem}" for problem in problems(content, recipe)]
    if failed:
        raise VerificationError("\n".join(failed))
    model = LiteModel(content)
    failed = _signature_failures(model, part)
    if failed:
        raise VerificationError("\n".join(failed))
    if recipe in INTEGER_RECIPES:
        failed = _scale_failures(model)
    limits = DISCRETE_LIMITS if "ARG_MAX" in operators(content) else LIMITS
    differences, found = _compare(model, part, limits[recipe], examples)
    if failed + found:
        raise VerificationError("\n".join(failed + found))
    return differences


def _signature_failures(model, part):
    wanted = {tensor.name: tuple(tensor.shape) for tensor in part.inputs}
    wanted |= {name: tuple(tensor.shape) for name, tensor in part.output.items()}
    found = {name: tensor.shape for name, tensor in (model.inputs | model.outputs).items()}
    return [] if found == wanted else [f"signature: the file has {found}, the Keras model {wanted}"]


def _scale_failures(model):
    failed = []
    for name, tensor in (model.inputs | model.outputs).items():
        if name not in SCALES:
            continue
        scale, zero_points = SCALES[name]
        if not abs(tensor.scale / scale - 1) <= SCALE_TOLERANCE:
            failed.append(f"scale of {name}: {tensor.scale:.6f}; {scale:.6f} within {SCALE_TOLERANCE:.0%} is needed")
        if tensor.zero_point not in zero_points:
            allowed = " or ".join(map(str, zero_points))
            failed.append(f"zero point of {name}: {tensor.zero_point}; {allowed} is needed")
    return failed


def _compare(model, part, limits, examples):
    stored = {name: to_uint8(values) if name in PICTURES else values for name, values in examples.items()}
    try:
        results = model.run(**stored)
    except FloatingPointError as error:
        return {}, [f"finite values: {error}"]
    differences, failed = {}, []
    for name, reference in part(examples, training=False).items():
        reference = np.asarray(reference)
        reference = (to_uint8(reference) if name in PICTURES else reference).astype(np.float64)
        spread = np.abs(reference - reference.mean(axis=0)).mean()
        difference = results[name] - reference
        differences[name] = {"largest": float(np.abs(difference).max()), "mean": float(np.abs(difference).mean())}
        values = {f"mean difference of {name}": differences[name]["mean"]}
        if name in PICTURES:
            values[f"largest difference of {name} in squares of {PATCH} pixels"] = np.abs(_patches(difference)).max()
        else:
            values[f"largest difference of {name}"] = differences[name]["largest"]
        for (what, value), (steps, share) in zip(values.items(), limits, strict=True):
            allowed = steps * RESOLUTION[name] + share * spread
            if not value <= allowed:
                failed.append(f"{what}: {value:.4g}; at most {allowed:.4g} is allowed")
    return differences, failed


def _patches(pictures):
    """Means over squares of `PATCH` pixels: (n, side, side, channels) -> (n, side / PATCH, side / PATCH, channels)."""
    count, side, _, channels = pictures.shape
    return pictures.reshape(count, side // PATCH, PATCH, side // PATCH, PATCH, channels).mean(axis=(2, 4))
