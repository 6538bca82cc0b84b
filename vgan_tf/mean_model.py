"""A trained model as it acts on the device: the latent's mean, in Keras or as exported files, and with noise on it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from vgan_tf.config import Config
from vgan_tf.errors import InputError
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.targets import resolve_targets, target_codes


@dataclasses.dataclass(frozen=True)
class MeanModel:
    """A model that protects without noise, as on the device, with the methods of `PPRLVGAN` that an audit needs.

    Attributes:
        config, identities, expressions: those of the run.
        anonymize: (uint8 images `(n, 64, 64, 3)`, int targets `(n,)`) -> uint8 images.
        encode_mean: uint8 images -> float32 latents `(n, latent_dim)`.
    """

    config: Config
    identities: tuple
    expressions: tuple
    anonymize: Callable
    encode_mean: Callable

    @classmethod
    def of_keras(cls, model):
        """A PPRLVGAN that decodes the latent's mean."""
        return cls(
            model.config,
            model.identities,
            model.expressions,
            lambda images, targets: model.decode(model.encode(images), targets),
            model.encode,
        )

    @classmethod
    def of_files(cls, run, anonymizer, encoder):
        """Two exported files.

        Args:
            run: Run that they were exported from.
            anonymizer, encoder: LiteModels.
        """

        def anonymize(images, targets):
            codes = target_codes(targets, len(run.identities))
            return anonymizer.run(image=images, target=codes)["protected"]

        return cls(
            run.config,
            run.identities,
            run.expressions,
            anonymize,
            lambda images: encoder.run(image=images)["latent"],
        )

    def resolve_targets(self, target, count, seed=0):
        return resolve_targets(target, count, self.identities, seed)

    def protect(self, images, target="random", seed=0):
        return self.anonymize(images, self.resolve_targets(target, len(images), seed))

    def encode(self, images, seed=None):
        """The latent's mean; with a seed a draw, whose noise has the prior's std times `protection_noise`."""
        means = self.encode_mean(images)
        return means if seed is None else self._draw(means, seed)

    def protect_and_encode(self, images, targets, seed):
        """What `protect`, `encode` and `encode` with the seed give; as that of PPRLVGAN."""
        means = self.encode_mean(images)
        return self.anonymize(images, targets), means, self._draw(means, seed)

    def _draw(self, means, seed):
        noise = np.random.default_rng(seed).standard_normal(means.shape, np.float32)
        return means + np.float32(self.config.protection_noise) * noise


@dataclasses.dataclass(frozen=True)
class NoisyModel(MeanModel):
    """A model that protects as the device does when asked for noise: by a draw of `encode`.

    Attributes:
        decode: (float32 latents `(n, latent_dim)`, int targets `(n,)`) -> uint8 images.
    """

    decode: Callable

    @classmethod
    def of_keras(cls, model, noise):
        """A PPRLVGAN with noise on its latents, in standard deviations of the prior as in `ondevice.Protector`."""
        mean = dict(vars(MeanModel.of_keras(model)), config=model.config.replace(protection_noise=noise))
        return cls(**mean, decode=model.decode)

    def protect(self, images, target="random", seed=0):
        return self.decode(self.encode(images, seed), self.resolve_targets(target, len(images), seed))

    def protect_and_encode(self, images, targets, seed):
        means = self.encode_mean(images)
        drawn = self._draw(means, seed)
        return self.decode(drawn, targets), means, drawn


def load_exported(run, folder, recipe=None):
    """The anonymizer and encoder files of an export of a run.

    Args:
        run: Run.
        folder: export folder.
        recipe: which files; without it the one that a device would take.

    Returns:
        MeanModel.

    Raises:
        InputError: no such files, or not exported from this run.
    """
    export = open_export(folder)
    if export.weights_sha256 != run.weights_sha256():
        # Another split may have trained them on what would be the test images here.
        raise InputError(f"{folder}: not exported from {run.folder} as it is now; export it again")
    return MeanModel.of_files(run, *(export.model(part, recipe) for part in ("anonymizer", "encoder")))
