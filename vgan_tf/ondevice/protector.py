"""A face in, the face of another identity with the same expression out."""

import functools
import hmac
import numbers

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.images import square
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.ondevice.pictures import open_picture
from vgan_tf.targets import target_codes

# Largest difference from the input, in levels of 255, up to which an output counts as the input handed through.
HANDED_THROUGH_LEVELS = 2


class Protector:
    """Replaces the identity in face crops.

    Deterministic by default: the same picture at the same target gives the same pixels. With noise the latent is
    `mean + noise * N(0, I)`, by the encoder's and the generator's files in place of the anonymizer's; files of integers
    clip it at the range that they were calibrated for.

    An object serves one thread at a time: give each thread its own.

    Args:
        folder: export folder; None takes the weights shipped with the package.
        recipe: one of export_folder.RECIPES; None takes the preferred one of those that are there.
        threads: CPU threads.
        noise: scale of the noise on the latent, in standard deviations of the prior N(0, I); 0 for none.
        seed: makes random targets and noise repeatable, and so predictable: for tests. None draws the seed from the
            operating system's entropy.

    Attributes:
        identities: names of the target identities.

    Raises:
        InputError: see `open_export` and `Export.model`; or a bad noise or seed.
    """

    def __init__(self, folder=None, recipe=None, threads=1, noise=0.0, seed=None):
        self._export = open_export(folder)
        self.identities = self._export.identities
        self._model = functools.cache(lambda part: self._export.model(part, recipe, threads))
        self.noise = _noise_scale(noise)
        for part in ("encoder", "generator") if self.noise else ("anonymizer",):
            self._model(part)
        if seed is not None and (not isinstance(seed, int) or seed < 0):
            raise InputError(f"seed={seed}: must be a whole number, 0 or more")
        self._random = np.random.default_rng(seed)

    def protect(self, image, target="random", noise=None):
        """Protect one face crop.

        Args:
            image: path, PIL picture, or uint8 array `(height, width, 3)`, RGB; its central square is the face.
            target: the name of an identity; or "random": drawn anew for each call, uniformly over all; or
                "fixed:SECRET": see `fixed_target`.
            noise: scale of the noise; or the noise itself, float `(latent_dim,)`; None takes the object's.

        Returns:
            PIL picture, 64x64, RGB, made of the model's output alone: it carries no metadata.

        Raises:
            InputError: the image cannot be read, the target is unknown, or what the model gave is no protected face.
                There is no way to get a picture then.
        """
        pixels = square(open_picture(image))[None]
        code = target_codes([self.identities.index(self.choose(target))], len(self.identities))
        noise = self._draw_noise(self.noise if noise is None else noise)
        if noise is None:
            protected = self._run("anonymizer", image=pixels, target=code)["protected"]
        else:
            latent = self._run("encoder", image=pixels)["latent"] + noise
            protected = self._run("generator", latent=latent, target=code)["protected"]
        _require_protected(protected[0], pixels[0])
        return Image.fromarray(protected[0])

    def protect_batch(self, images, target="random"):
        """`protect` each of several images: list of PIL pictures; a random target is drawn for each."""
        return [self.protect(image, target) for image in images]

    def encode(self, image):
        """The latent's mean of one face crop, float32 `(latent_dim,)`: what an attacker with the encoder would see."""
        return self._run("encoder", image=square(open_picture(image))[None])["latent"][0]

    def choose(self, target):
        """The name of the identity that `protect` would use; "random" draws one.

        Raises:
            InputError: no such identity, or an empty secret.
        """
        if target == "random":
            return self.identities[self._random.integers(len(self.identities))]
        if isinstance(target, str) and target.startswith("fixed:"):
            return fixed_target(target.removeprefix("fixed:"), self.identities)
        if target not in self.identities:
            raise InputError(f"target {target!r}: must be random, fixed:SECRET or one of {', '.join(self.identities)}")
        return target

    def _run(self, part, **arrays):
        try:
            return self._model(part).run(**arrays)
        except FloatingPointError as error:
            raise InputError(str(error)) from None

    def _draw_noise(self, noise):
        latent_dim = self._export.latent_dim
        if np.ndim(noise) == 0:
            return self._random.normal(size=latent_dim) * noise if _noise_scale(noise) else None
        noise = np.asarray(noise, np.float32)
        if noise.shape != (latent_dim,) or not np.isfinite(noise).all():
            raise InputError(f"noise of shape {noise.shape}: must be {latent_dim} finite numbers")
        return noise


def fixed_target(secret, identities):
    """One identity for a device, from a secret that its user keeps.

    For each name the HMAC-SHA-256 with the secret's UTF-8 bytes as key is computed; the name with the largest wins.
    So the choice is the same in each version and whatever the order of the names, it cannot be told without the secret,
    and another name in the list changes it for few devices only. All pictures of one device then show one identity, by
    which they can be linked to each other.

    Args:
        secret: str, not empty.
        identities: names to choose from.

    Returns:
        one of `identities`.
    """
    if not secret:
        raise InputError("target fixed: without a secret; write fixed:SECRET")
    key = secret.encode("utf-8", "surrogateescape")
    return max(identities, key=lambda name: hmac.digest(key, name.encode(), "sha256"))


def _noise_scale(noise):
    if not isinstance(noise, numbers.Real) or not 0 <= noise < np.inf:
        raise InputError(f"noise={noise}: must be a finite number, 0 or more")
    return float(noise)


def _require_protected(protected, original):
    if (protected == protected[0, 0]).all():
        raise InputError("the model gave a picture of one colour: no face; export it again")
    if np.abs(protected.astype(int) - original).max() <= HANDED_THROUGH_LEVELS:
        raise InputError("the model gave the picture back unprotected; export it again")
