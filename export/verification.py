"""A `.tflite` file against the Keras part that it was made of, on images that neither has seen."""

import math
from typing import NamedTuple

import numpy as np

from vgan_tf.errors import VerificationError
from vgan_tf.images import to_uint8
from vgan_tf.networks.prototypes import Winner
from vgan_tf.ondevice.lite import PICTURES, LiteModel

from .convert import INTEGER_RECIPES
from .inspection import problems


class Limit(NamedTuple):
    """What a difference may be: `steps` of the output's resolution and a `share` of how far its values spread."""

    steps: float
    share: float


# (mean, largest) difference. The presets tiny, edge, demo and paper, freshly initialised or trained, needed, beyond the
# steps, these shares at most: float32 none, float16 0.001 and 0.001, dynamic 0.02 and 0.66, int8 and qat 0.2 and 1.6
# (a trained `paper`, whose activations have far outliers; without it the mean needed 0.04). A file that gives grey, or
# the answer to another input, differs by 1 to 1.4 times the spread on average.
LIMITS = {
    "float32": (Limit(0.01, 1e-4), Limit(1, 1e-3)),
    "float16": (Limit(0.05, 0.005), Limit(1, 0.02)),
    "dynamic": (Limit(0.3, 0.1), Limit(2, 1)),
    "int8": (Limit(1, 0.25), Limit(4, 3)),
    "qat": (Limit(1, 0.25), Limit(4, 3)),
}
# With prototypes, a latent that lies between two may go to the other one, which says nothing against the file; how many
# do shows in the mean, and what it costs is measured with the figures (`scoring`).
DISCRETE_LIMITS = {recipe: (Limit(1, 0.25), Limit(0, math.inf)) for recipe in LIMITS} | {"float32": LIMITS["float32"]}
# Pictures are compared in levels of 0 to 255; a latent has the prior's standard deviation of 1.
RESOLUTION = {"protected": 1.0, "probabilities": 1 / 256, "latent": 1e-3}
# What one stored step of an integer file must mean, and what may be stored for the value 0 (pictures: grey).
SCALES = {
    "image": (2 / 255, (127, 128)),
    "target": (1 / 255, (0,)),
    "protected": (2 / 255, (127, 128)),
    "probabilities": (1 / 255, (0,)),
}
SCALE_TOLERANCE = 0.01


def verify(content, part, recipe, examples):
    """Check a file: what stands in it, its signature, its scales, and its outputs on examples.

    Args:
        content: bytes of the file.
        part: keras.Model that it was made of.
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
    limits = DISCRETE_LIMITS if any(isinstance(layer, Winner) for layer in part.layers) else LIMITS
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
        difference = np.abs(results[name] - reference)
        differences[name] = {"largest": float(difference.max()), "mean": float(difference.mean())}
        for kind, limit in zip(("mean", "largest"), limits, strict=True):
            value, allowed = differences[name][kind], limit.steps * RESOLUTION[name] + limit.share * spread
            if not value <= allowed:
                failed.append(f"{kind} difference of {name}: {value:.4g}; at most {allowed:.4g} is allowed")
    return differences, failed
