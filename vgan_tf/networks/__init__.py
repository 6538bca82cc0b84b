"""Builders of encoder, generator and discriminator, of the latent's heads, of expression classifier and alignment."""

import contextlib
from typing import NamedTuple

import keras

from vgan_tf.networks import edge, paper
from vgan_tf.networks.alignment import alignment_network
from vgan_tf.networks.expression import expression_classifier
from vgan_tf.networks.layers import latent_classifier, sample_latent

__all__ = [
    "Networks",
    "alignment_network",
    "build",
    "expression_classifier",
    "latent_classifier",
    "sample_latent",
]


class Networks(NamedTuple):
    """The networks of the game, functional `keras.Model`s.

    encoder: image `(batch, image_size, image_size, 3)` in [-1, 1] -> z_mean, z_log_var, each `(batch, latent_dim)`.
    generator: latent `(batch, latent_dim)`, one-hot target `(batch, identities)` -> image in [-1, 1].
    discriminator: image -> logits of real, identity and expression (`layers.discriminator_heads`), then its inner
        feature maps.
    style_encoder: image -> mean and log-variance of the style, each `(batch, style_dim)`; None without a style.
    styled_generator: latent, target, style -> image; the generator's layers, and the generator itself at style 0; None
        without a style.
    """

    encoder: keras.Model
    generator: keras.Model
    discriminator: keras.Model
    style_encoder: keras.Model | None = None
    styled_generator: keras.Model | None = None


def build(config, identity_count, expression_count):
    """Build the networks that `config.architecture` names, to compute in `config.precision`.

    Their outputs are float32 in any case, but for the discriminator's feature maps.

    Args:
        config: Config.
        identity_count, expression_count: classes of D2 and D3; the first is also the length of the target code.

    Returns:
        Networks.
    """
    with _computing_in(config.precision):
        if config.architecture == "paper":
            return Networks(
                paper.encoder(config),
                paper.generator(config, identity_count),
                paper.discriminator(config, identity_count, expression_count),
            )
        generator, styled_generator = edge.generators(config, identity_count)
        return Networks(
            edge.encoder(config),
            generator,
            edge.discriminator(config, identity_count, expression_count),
            edge.style_encoder(config) if config.style_dim else None,
            styled_generator,
        )


@contextlib.contextmanager
def _computing_in(precision):
    """Have the layers made inside compute in `precision`, their weights in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
