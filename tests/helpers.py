"""What several test files share: small models and data, weights before and after, and commands run in this process."""

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import runpy
import sys
from pathlib import Path

import numpy as np

from vgan_tf.config import Config, edge_with_counterparts, preset
from vgan_tf.data import FaceSet
from vgan_tf.files import write_json
from vgan_tf.labels import EXPRESSIONS

ROOT = Path(__file__).resolve().parents[1]
# The run that `trained_folder` holds, and that others repeat bit for bit.
TINY_RUN = ("--preset", "tiny", "--epochs", "3")


def tiny_config(**changes):
    """The preset `tiny`, in batches of 8."""
    return preset("tiny").replace(batch_size=8).replace(**changes)


def counterpart_config(**changes):
    """`edge` for data with counterparts, with few channels and pictures of 64 pixels, in batches of 8."""
    few = {name: getattr(preset("tiny"), name) for name in vars(Config()) if name.endswith("_filters")}
    small = {"preset": "tiny", "image_size": 64, "latent_dim": 8, "batch_size": 8}
    small |= {"epochs": 2, "encoder_epochs": 1, "warmup_epochs": 0, "generator_bumps": 4, "augment_shift_px": 0}
    return edge_with_counterparts().replace(**few, **small).replace(**changes)


def small_paper_config(**changes):
    """The paper's recipe and architecture with few channels."""
    small = {"latent_dim": 8, "encoder_filters": (4, 4, 4, 4), "discriminator_filters": (4, 4, 4, 4)}
    return Config(**small, generator_filters=(4, 4, 4), batch_size=8).replace(**changes)


def noise_faces(identities=3, per_cell=2, seed=0, size=64):
    """A FaceSet of uniform noise: `per_cell` images of each identity with each of the seven expressions."""
    identity, expression, number = (a.ravel() for a in np.mgrid[:identities, : len(EXPRESSIONS), :per_cell])
    count = len(identity)
    return FaceSet(
        images=np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8),
        identity=identity.astype(np.int64),
        expression=expression.astype(np.int64),
        identities=tuple(f"id{i}" for i in range(identities)),
        expressions=EXPRESSIONS,
        paths=tuple(f"{i}/{e}/{n}.png" for i, e, n in zip(identity, expression, number, strict=True)),
        clip=np.full(count, ""),
        split=np.full(count, ""),
        truth={},
    )


def faces_with_counterparts(people=12, seed=0):
    """`noise_faces` of many people with counterparts of noise on three targets who are not among them.

    The counterparts have alpha; the truth has two parameters of motion and one that is none.
    """
    faces, random = noise_faces(people, per_cell=1, seed=seed), np.random.default_rng(seed + 1)
    count = len(faces)
    truth = {"yaw": random.normal(0, 10, count), "gaze_x": random.normal(0, 1, count), "scale": np.ones(count)}
    return dataclasses.replace(
        faces,
        truth={name: values.astype(np.float32) for name, values in truth.items()},
        counterpart_images=random.integers(0, 256, (count, 64, 64, 4), dtype=np.uint8),
        counterpart_target=random.integers(0, len(STUB_IDENTITIES), count),
        targets=STUB_IDENTITIES,
    )


def noise_batch(count=8, seed=0):
    """One training batch: float32 images in [-1, 1] and int32 labels of 3 identities and 7 expressions, as tensors."""
    import tensorflow as tf

    random = np.random.default_rng(seed)
    labels = {"identity": np.arange(count) % 3, "expression": random.integers(0, 7, count)}
    images = random.uniform(-1, 1, (count, 64, 64, 3)).astype(np.float32)
    return tf.constant(images), {name: tf.constant(values, tf.int32) for name, values in labels.items()}


def make_model(config, **compile_options):
    """A compiled PPRLVGAN of three identities that runs eagerly, which saves the tracing."""
    import keras

    from vgan_tf import PPRLVGAN

    keras.utils.set_random_seed(config.seed)
    model = PPRLVGAN(config, ("ann", "bob", "cid"), EXPRESSIONS)
    model.compile(total_steps=100, run_eagerly=True, **compile_options)
    return model


@contextlib.contextmanager
def running_eagerly():
    """Run tf.functions without tracing them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def values_of(variables):
    """Copies of the values of Keras variables."""
    return [variable.numpy().copy() for variable in variables]


def unchanged(before, variables):
    """For each variable, whether it still has the value it had before."""
    return [np.array_equal(old, new) for old, new in zip(before, values_of(variables), strict=True)]


def run_script(name, *arguments):
    """Run `NAME.py` of the repository's root, or the module `vgan_tf`, as a command; return its exit status."""
    old, sys.argv = sys.argv, [name, *map(str, arguments)]
    try:
        if name == "vgan_tf":
            runpy.run_module(name, run_name="__main__")
        else:
            runpy.run_path(str(ROOT / name), run_name="__main__")
    except SystemExit as ending:
        return ending.code or 0
    finally:
        sys.argv = old
    return 0


STUB_IDENTITIES = ("ann", "bob", "cid")
STUB_LATENT_DIM = 4


def stub_parts(size=64, alpha=False):
    """{part: function of float32 tensors}: an export's parts without weights, quick to convert.

    The picture is a ramp whose steepness tells the target, shifted by the brightness of the input, all that the latent
    holds. The brighter a picture, the later in the list its expression. With `alpha` the left half is not head and
    grey, and the pixels of the right half are half head.
    """
    import tensorflow as tf

    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32).reshape(1, size, 1, 1) * np.ones(
        (1, size, size, 3), np.float32
    )

    def generate(latent, target):
        steepness = tf.reduce_sum(target * tf.constant([[0.4, 0.8, 1.2]]))
        picture = ramp * steepness + 0.3 * tf.reduce_mean(latent)
        if alpha:
            share = np.repeat([0.0, 0.5], size // 2).astype(np.float32).reshape(1, 1, size, 1) * np.ones_like(ramp)
            picture = tf.concat([picture * share, 2 * share[..., :1] - 1], axis=-1)
        return {"protected": picture}

    def encode(image):
        return {"latent": tf.reduce_mean(tf.reshape(image, (1, STUB_LATENT_DIM, -1)), axis=2)}

    def read(image):
        places = tf.range(len(EXPRESSIONS), dtype=tf.float32)[None]
        return {"probabilities": tf.nn.softmax(-((places - 3.0 - 3.0 * tf.reduce_mean(image)) ** 2))}

    return {
        "anonymizer": lambda image, target: generate(encode(image)["latent"], target),
        "encoder": encode,
        "generator": generate,
        "expression": read,
    }


def lite_file(function, size=64):
    """Bytes of a float32 `.tflite` file of a function without weights; its arguments name an export's inputs."""
    import tensorflow as tf

    shapes = {"image": (1, size, size, 3), "target": (1, len(STUB_IDENTITIES)), "latent": (1, STUB_LATENT_DIM)}
    names = inspect.signature(function).parameters
    inputs = {name: tf.TensorSpec(shapes[name], tf.float32, name=name) for name in names}
    traced = tf.function(function).get_concrete_function(**inputs)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module()).convert()


@functools.cache
def stub_files(size=64, alpha=False):
    """{file name: bytes} of `stub_parts`; `write_export` makes a folder of them."""
    return {f"{part}_float32.tflite": lite_file(function, size) for part, function in stub_parts(size, alpha).items()}


def write_export(
    folder,
    files,
    identities=STUB_IDENTITIES,
    expressions=EXPRESSIONS,
    latent_dim=STUB_LATENT_DIM,
    image_size=64,
    **more,
):
    """Write {file name: bytes} as an export folder with what the device reads of `export.json`; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    records = {}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        part, recipe = name.removesuffix(".tflite").split("_")
        records[name] = {"part": part, "recipe": recipe, "sha256": hashlib.sha256(content).hexdigest()}
    labels = {"identities": list(identities), "expressions": list(expressions)}
    sizes = {"image_size": image_size, "latent_dim": latent_dim}
    write_json(folder / "export.json", {**labels, **sizes, **more, "files": records})
    return folder
