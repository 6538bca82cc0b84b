"""A trained model as it acts on the device, in Keras or as exported files, with noise on the latent or without."""

import dataclasses
from collections.abc import Callable

import numpy as np

from vgan_tf.config import Config
from vgan_tf.errors import InputError
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.targets import resolve_targets, target_codes


@dataclasses.dataclass(frozen=True)
class DeviceModel:
    """What the device does with images, by the methods of `PPRLVGAN` that an audit needs.

    Attributes:
        config, identities, expressions: those of the run.
        encode_mean: uint8 images `(n, 64, 64, 3)` -> float32 latents `(n, latent_dim)`.
        render: (the images, latents, int targets `(n,)`) -> uint8 images `(n, 64, 64, 3)`.
        noisy: whether a draw of the latent is rendered, as when `ondevice.Protector` is asked for noise.
    """

    config: Config
    identities: tuple
    expressions: tuple
    encode_mean: Callable
    render: Callable
    noisy: bool = False

    @classmethod
    def of_keras(cls, model, noise=None):
        """A PPRLVGAN, and the noise on its latents in standard deviations of the prior, or None."""
        config = model.config if noise is None else model.config.replace(protection_noise=noise)
        return cls(
            config,
            model.identities,
            model.expressions,
            model.encode,
            lambda images, latents, targets: model.decode(latents, targets),
            noisy=noise is not None,
        )

    @classmethod
    def of_files(cls, run, anonymizer, encoder):
        """Two exported files.

        Args:
            run: Run that they were exported from.
            anonymizer, encoder: LiteModels.
        """

        def anonymize(images, latents, targets):
            codes = target_codes(targets, len(run.identities))
            return anonymizer.run(image=images, target=codes)["protected"]

        return cls(
            run.config,
            run.identities,
            run.expressions,
            lambda images: encoder.run(image=images)["latent"],
            anonymize,
        )

    def resolve_targets(self, target, count, seed=0):
        return resolve_targets(target, count, self.identities, seed)

    def protect(self, images, target="random", seed=0):
        return self.protect_and_encode(images, self.resolve_targets(target, len(images), seed), seed)[0]

    def encode(self, images, seed=None):
        """The latent's mean; with a seed a draw, whose noise has the prior's std times `protection_noise`."""
        means = self.encode_mean(images)
        return means if seed is None else self._draw(means, seed)

    def protect_and_encode(self, images, targets, seed):
        """What `protect`, `encode` and `encode` with the seed give; as that of PPRLVGAN."""
        means = self.encode_mean(images)
        drawn = self._draw(means, seed)
        return self.render(images, drawn if self.noisy else means, targets), means, drawn

    def _draw(self, means, seed):
        noise = np.random.default_rng(seed).standard_normal(means.shape, np.float32)
        return means + np.float32(self.config.protection_noise) * noise


def load_exported(run, folder, recipe=None):
    """The anonymizer and encoder files of an export of a run.

    Args:
        run: Run.
        folder: export folder.
        recipe: which files; without it the one that a device would take.

    Returns:
        DeviceModel.

    Raises:
        InputError: no such files, or not exported from this run.
    """
    export = open_export(folder)
    if export.weights_sha256 != run.weights_sha256():
        # Another split may have trained them on what would be the test images here.
        raise InputError(f"{folder}: not exported from {run.folder} as it is now; export it again")
    return DeviceModel.of_files(run, *(export.model(part, recipe) for part in ("anonymizer", "encoder")))
