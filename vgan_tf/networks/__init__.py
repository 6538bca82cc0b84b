"""Builders of encoder, generator and discriminator, of the heads on the latent and of the expression classifier."""

from vgan_tf.networks import edge, paper
from vgan_tf.networks.expression import expression_classifier
from vgan_tf.networks.layers import latent_classifier, sample_latent

__all__ = ["build", "expression_classifier", "latent_classifier", "sample_latent"]


def build(config, identity_count, expression_count):
    """Build the three networks that `config.architecture` names.

    Args:
        config: Config.
        identity_count, expression_count: classes of D2 and D3; the first is also the length of the target code.

    Returns:
        (encoder, generator, discriminator), functional `keras.Model`s:
        encoder: image `(batch, 64, 64, 3)` in [-1, 1] -> z_mean, z_log_var, each `(batch, latent_dim)`;
        generator: latent `(batch, latent_dim)`, one-hot target `(batch, identity_count)` -> image in [-1, 1];
        discriminator: image -> logits of real `(batch, 1)`, identity and expression, then its inner feature maps.
    """
    networks = paper if config.architecture == "paper" else edge
    return (
        networks.encoder(config),
        networks.generator(config, identity_count),
        networks.discriminator(config, identity_count, expression_count),
    )
