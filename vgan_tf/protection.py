"""From a trained model to what leaves the device: encode, release, decode.

The *release* is what the generator is given for a picture: the latent, the latent with noise or without what is small
in it, or the nearest of a few prototypes. Prototypes are a few latents of each expression, means over training images.
With them only the number of a prototype goes on, so that a protected face, and the latent that leaves the encoder on a
device, tell no more than log2(prototypes) bits of a picture.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from keras import ops

from vgan_tf.config import Config
from vgan_tf.data import load_faces, partition
from vgan_tf.data.pipeline import latent_names, mirrored_motion, motion_of
from vgan_tf.errors import InputError
from vgan_tf.images import to_float, to_uint8
from vgan_tf.networks.layers import sample_latent
from vgan_tf.networks.release import fit_mirror, fit_prototypes, fit_threshold, require_prototypes
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.targets import resolve_targets, target_codes

RELEASE_IMAGES = 4000  # in which prototypes, or what a threshold is to spare, are found
BATCH_SIZE = 128


class Release(NamedTuple):
    """What leaves the device: kind "latent", "noise", "threshold" or "prototypes"; amount: its number, or 0."""

    kind: str
    amount: float = 0.0

    def __str__(self):
        return self.kind if self.kind == "latent" else f"{self.kind}:{self.amount:g}"


def parse_release(text):
    """Turn "latent", "noise:L", "threshold:T" or "prototypes:K" into a Release; InputError for anything else."""
    kind, colon, number = text.partition(":")
    try:
        if kind == "latent" and not colon:
            return Release("latent")
        if kind in ("noise", "threshold") and 0 < float(number) < float("inf"):
            return Release(kind, float(number))
        if kind == "prototypes" and int(number) > 0:
            return Release("prototypes", int(number))
    except ValueError:
        pass
    raise InputError(
        f"release {text!r}: must be latent, noise:L (L deviations of the prior, above 0), threshold:T "
        "(numbers below T become 0) or prototypes:K (K of each expression, from 1)"
    )


def release_of(config):
    """What a configuration releases, as for `parse_release`, or "sample:L": a posterior sample, its noise L-fold."""
    if config.protection_prototypes:
        return f"prototypes:{config.protection_prototypes}"
    if config.protection_threshold:
        return f"threshold:{config.protection_threshold:g}"
    return f"sample:{config.protection_noise:g}" if config.protection_noise else "latent"


class Protected(NamedTuple):
    """What becomes of some images.

    pictures: uint8 `(n, size, size, 3)`, protected. released: float32 `(n, latent_dim)`, what the generator was given.
    means, samples: float32 `(n, latent_dim)`, the encoder's own means and one sample of each, or None where a file does
    not give them.
    """

    pictures: np.ndarray
    released: np.ndarray
    means: np.ndarray | None
    samples: np.ndarray | None


class Protection:
    """What a trained `PPRLVGAN` does with images. Its networks, configuration and labels are the model's."""

    def adapt(self, images, expression, motion=None, mirrored=None):
        """Find what the release needs, after training: prototypes, or what strengths imply, and what a mirror does.

        Args:
            images: training images, as for `encode`.
            expression: int `(n,)`.
            motion: float `(n, latent_dim)`, as of `data.pipeline.motion_of`, where the latent is the motion.
            mirrored: (order, signs) as of `data.pipeline.mirrored_motion`; without it, or without
                `config.protection_mirrored`, faces are read once.

        Raises:
            InputError: an expression with fewer images than it is to have prototypes.
        """
        each = self.config.protection_prototypes
        spares = bool(self.config.protection_threshold and self.config.motion_dim) and motion is not None
        if each:
            require_prototypes(expression, self.expressions, each)
        if self.mirror is not None and mirrored is not None:
            fit_mirror(self.mirror, *mirrored)
        if not (each or spares):
            return
        means, _ = self._posterior(images)
        if each:
            self.prototypes.set_weights(fit_prototypes(means, np.asarray(expression), len(self.expressions), each))
        if spares:
            fit_threshold(self.threshold, motion, means)

    def encode(self, images, seed=None, noise=1.0):
        """The latent of images, as protection decodes it: the nearest prototype, where there are some.

        Args:
            images: uint8 `(n, image_size, image_size, 3)`, or float32 of that shape in [-1, 1].
            seed: int for one draw of the posterior, None for its mean.
            noise: scale of the draw's noise.

        Returns:
            float32 `(n, latent_dim)`.
        """
        means, log_vars = self._posterior(images)
        return self.released(means if seed is None else sample_latent(means, log_vars, seed, noise))

    def released(self, latents):
        """What is released of latents, as the configuration says: with its threshold, or the nearest prototypes.

        Args:
            latents: float32 `(n, latent_dim)`.

        Returns:
            float32 of the same shape.

        Raises:
            InputError: there are to be prototypes, but `adapt` has not found them.
        """
        if self.prototypes is not None and not any(np.any(weights) for weights in self.prototypes.get_weights()):
            raise InputError("protection_prototypes: none found yet; call model.adapt(images, expression) after fit")
        return ops.convert_to_numpy(self._released(latents))

    def _released(self, latents):
        for step in (self.threshold, self.prototypes):
            latents = latents if step is None else step(latents)
        return latents

    def decode(self, latents, targets):
        """The faces of target identities with the expression of latents.

        Args:
            latents: float32 `(n, latent_dim)`.
            targets: int `(n,)`, indices into `identities`.

        Returns:
            uint8 `(n, image_size, image_size, 3)`; where the model gives alpha, before grey.
        """
        return np.ascontiguousarray(self.decode_with_alpha(latents, targets)[..., :3])

    def decode_with_alpha(self, latents, targets):
        """As `decode`, with alpha as fourth channel where the model gives it: the share of a pixel that is the head."""
        codes = target_codes(targets, len(self.identities))
        latents = np.asarray(latents, np.float32)
        batches = (slice(first, first + BATCH_SIZE) for first in range(0, len(latents), BATCH_SIZE))
        return np.concatenate(
            [to_uint8(self.generator([latents[rows], codes[rows]], training=False)) for rows in batches]
        )

    def protect(self, images, target="random", seed=None):
        """Replace the identity of faces and keep their expression.

        Args:
            images: uint8 `(n, image_size, image_size, 3)`, or float32 of that shape in [-1, 1].
            target: name of a target identity, "random" for one drawn for each image, or int `(n,)` of indices.
            seed: of the random targets and, where `config.protection_noise` is above 0, of the latent's noise; None
                for others at each call.

        Returns:
            uint8 `(n, image_size, image_size, 3)`.

        Raises:
            InputError: unknown target, or images of another shape or type.
        """
        self._check_images(images)
        seed = np.random.SeedSequence().generate_state(1)[0] >> 1 if seed is None else seed
        targets = self.resolve_targets(target, len(images), seed)
        return self.decode(self.encode(images, int(seed), self.config.protection_noise), targets)

    def protect_and_encode(self, images, targets, seed):
        """What `protect` gives, what it was made from and what the encoder knows, by one pass through the encoder.

        Args:
            images: as for `encode`.
            targets: int `(n,)`.
            seed: int.

        Returns:
            Protected.
        """
        means, log_vars = self._posterior(images)
        used, drawn = (sample_latent(means, log_vars, seed, noise) for noise in (self.config.protection_noise, 1.0))
        released = self.released(used)
        return Protected(self.decode(released, targets), released, means, ops.convert_to_numpy(drawn))

    @property
    def release(self):
        """`release_of` its configuration."""
        return release_of(self.config)

    def read_identity(self, images):
        """The identity that D2 sees in images: int64 `(n,)`; images as for `encode`."""
        self._check_images(images)
        pictures = _as_floats(images)
        if self.config.alpha:
            pictures = np.concatenate([pictures, np.ones_like(pictures[..., :1])], axis=-1)
        _, identity_logits, *_ = self.discriminator(pictures, training=False)
        return ops.convert_to_numpy(identity_logits).argmax(axis=-1)

    def resolve_targets(self, target, count, seed=0):
        """Turn a target's name, "random", or an int array into int64 `(count,)`; else raise InputError."""
        return resolve_targets(target, count, self.identities, seed)

    def _posterior(self, images):
        self._check_images(images)
        batches = (images[first : first + BATCH_SIZE] for first in range(0, len(images), BATCH_SIZE))
        encoded = [self._read(_as_floats(batch)) for batch in batches]
        means, log_vars = zip(*encoded, strict=True)
        return (np.concatenate([ops.convert_to_numpy(part) for part in parts]) for parts in (means, log_vars))

    def _read(self, images):
        """Means and log-variances of the posterior, of float images; with `mirror`, means of two looks."""
        means, log_vars = self.encoder(images, training=False)
        if self.mirror is not None:
            means = self.mirror([means, self.encoder(images[:, :, ::-1], training=False)[0]])
        return means, log_vars

    def _check_images(self, images):
        size = self.config.image_size
        if np.ndim(images) != 4 or np.shape(images)[1:] != (size, size, 3) or not len(images):
            raise InputError(f"images of shape {np.shape(images)}: expected (n, {size}, {size}, 3), n at least 1")


@dataclasses.dataclass(frozen=True)
class DeviceModel:
    """A trained model as it acts on the device, by the methods of `PPRLVGAN` that an audit needs.

    Attributes:
        config, identities, expressions: those of the run.
        release: what leaves the device, as for `parse_release`.
        encode: uint8 images `(n, size, size, 3)` -> what is released, before noise, float32 `(n, latent_dim)`.
        posterior: (images, seed) -> the encoder's own means and one sample of each, or None for either.
        render: (the images, latents, int targets `(n,)`) -> uint8 images `(n, size, size, 3)`.
        decode: (latents, targets) -> uint8 images, the generator alone.
    """

    config: Config
    identities: tuple
    expressions: tuple
    release: str
    encode: Callable
    posterior: Callable
    render: Callable
    decode: Callable

    @classmethod
    def of_keras(cls, model, release=None):
        """A PPRLVGAN without the noise of its own posterior.

        `release`, of kind "noise", adds noise to its latents, in standard deviations of the prior.
        """

        def posterior(images, seed):
            means, log_vars = model._posterior(images)
            return means, ops.convert_to_numpy(sample_latent(means, log_vars, seed, 1.0))

        config = model.config.replace(protection_noise=0.0)
        return cls(
            config=config,
            identities=model.identities,
            expressions=model.expressions,
            release=release_of(config) if release is None else str(release),
            encode=model.encode,
            posterior=posterior,
            render=lambda _, latents, targets: model.decode(latents, targets),
            decode=model.decode,
        )

    @classmethod
    def of_files(cls, run, folder):
        """The anonymizer, encoder and generator files of an export of a Run, those that a device would take.

        Raises:
            InputError: no such files, or not exported from this run.
        """
        export = open_export(folder)
        if export.weights_sha256 != run.weights_sha256():
            # Another split may have trained them on what would be the test images here.
            raise InputError(f"{folder}: not exported from {run.folder} as it is now; export it again")
        anonymizer, encoder, generator = (export.model(part) for part in ("anonymizer", "encoder", "generator"))

        def code(targets):
            return target_codes(targets, len(run.identities))

        def encode(images):
            return encoder.run(image=images)["latent"]

        prototypes = run.config.protection_prototypes
        return cls(
            config=run.config,
            identities=run.identities,
            expressions=run.expressions,
            release=release_of(run.config.replace(protection_noise=0.0)),
            encode=encode,
            # With prototypes, the encoder's file gives one of them and not its own latent.
            posterior=lambda images, seed: (None if prototypes else encode(images), None),
            render=lambda images, _, targets: anonymizer.run(image=images, target=code(targets))["protected"][..., :3],
            decode=lambda latents, targets: generator.run(latent=latents, target=code(targets))["protected"][..., :3],
        )

    def resolve_targets(self, target, count, seed=0):
        """As that of PPRLVGAN."""
        return resolve_targets(target, count, self.identities, seed)

    def protect(self, images, target="random", seed=0):
        """As that of PPRLVGAN."""
        return self.protect_and_encode(images, self.resolve_targets(target, len(images), seed), seed)[0]

    def protect_and_encode(self, images, targets, seed):
        """As that of PPRLVGAN."""
        released = self.encode(images)
        kind, _, amount = self.release.partition(":")
        if kind == "noise":
            noise = np.random.default_rng(seed).standard_normal(released.shape, np.float32)
            released = released + np.float32(amount) * noise
        return Protected(self.render(images, released, targets), released, *self.posterior(images, seed))


def with_release(model, release, faces):
    """A trained model that releases something else.

    Args:
        model: PPRLVGAN.
        release: text as for `parse_release`.
        faces: FaceSet, the whole data that it was trained on; what the release needs is found in its training part.

    Returns:
        PPRLVGAN, or DeviceModel with noise.

    Raises:
        InputError: no such release, or too few images of an expression.
    """
    release = parse_release(release)
    config = model.config.replace(
        protection_noise=0.0,
        protection_prototypes=int(release.amount) if release.kind == "prototypes" else 0,
        protection_threshold=release.amount if release.kind == "threshold" else 0.0,
    )
    changed = type(model)(config, model.identities, model.expressions)
    for layer in changed.layers:
        if layer.weights and layer.name not in ("prototypes", "threshold"):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    find_release(changed, images_for_release(config, partition(faces, config)[0]))
    return DeviceModel.of_keras(changed, release) if release.kind == "noise" else changed


def images_for_release(config, training):
    """The training images that know what `find_release` needs: the FaceSet `training`, or that of the run's pairs."""
    if config.pairs and _needs_motion(config):
        return partition(load_faces(config.pairs, config.image_size), config)[0]
    return training


def _needs_motion(config):
    """Whether `adapt` is to know what faces do."""
    return bool(config.motion_dim and (config.protection_threshold or config.protection_mirrored))


def find_release(model, training, most=RELEASE_IMAGES):
    """Have a model `adapt`, if it is to, to about `most` images of the training part, or to fewer."""
    config, count = model.config, len(model.expressions)
    if config.protection_prototypes or _needs_motion(config):
        order = np.random.default_rng(config.seed).permutation(len(training))
        each = -(-most // count)  # however rare an expression is
        chosen = [order[training.expression[order] == label][:each] for label in range(count)]
        some = training.subset(np.sort(np.concatenate(chosen)))
        motion = mirrored = None
        if _needs_motion(config):
            motion, mirrored = motion_of(some, np.arange(len(some))), mirrored_motion(latent_names(some))
        model.adapt(np.asarray(some.images), some.expression, motion, mirrored)


def _as_floats(images):
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return to_float(images)
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"images of dtype {images.dtype}: expected uint8, or float in [-1, 1]")
    if not np.isfinite(images).all() or np.abs(images).max() > 1.0001:
        raise InputError("float images must be finite and in [-1, 1]; divide uint8 images by 127.5 and subtract 1")
    return images.astype(np.float32)
