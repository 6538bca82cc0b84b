"""`PPRLVGAN`: the game between encoder, generator and discriminator, as a Keras model."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from vgan_tf import backends, losses
from vgan_tf.config import Config
from vgan_tf.errors import InputError
from vgan_tf.images import IMAGE_SIZE, to_float, to_uint8
from vgan_tf.looks import change_looks
from vgan_tf.networks import (
    build,
    fit_prototypes,
    latent_classifier,
    prototype_network,
    require_prototypes,
    sample_latent,
)
from vgan_tf.targets import resolve_targets, target_codes

NETWORKS = ("encoder", "generator", "discriminator", "style_encoder", "styled_generator", "latent_expression_head")


class Synthesis(NamedTuple):
    """Protected images and what they were made from; all float.

    protected: `(batch, 64, 64, 3)` in [-1, 1]. latent: `(batch, latent_dim)`.
    z_mean, z_log_var: `(encoded, latent_dim)`, of all images encoded: the first `batch` are those of `latent`.
    style_mean, style_log_var: `(encoded, style_dim)`, likewise, or None.
    """

    protected: Any
    latent: Any
    z_mean: Any
    z_log_var: Any
    style_mean: Any = None
    style_log_var: Any = None


@keras.saving.register_keras_serializable("vgan_tf")
class PPRLVGAN(keras.Model):
    """PPRL-VGAN (Chen, Konrad, Ishwar, CVPR Workshops 2018, arXiv 1803.07100).

    Trained with `compile` and `fit` on batches of `(images, {"identity": ..., "expression": ...})`:
    images float32 `(batch, 64, 64, 3)`, RGB in [-1, 1]; labels int `(batch,)`, indices into the label lists. Where
    `config.dependence_images` is above 0 the game is played with the first `config.batch_size` images of a batch; the
    others are encoded only. Where `config.protection_prototypes` is above 0, `adapt` after `fit`, before protecting.

    Deviations from the authors' code: the discriminator learns from real and protected images in one step, not two; it
    sees protected images that the generator made in training mode; its step and the first generator step share one
    forward pass of encoder and generator (the generator has not changed in between); all steps of one iteration use the
    same images, each with target identities and noise of its own but for that shared pass.

    Args:
        config: Config.
        identities: names of the target identities, in the order of the target code.
        expressions: names of the expressions.

    Raises:
        InputError: fewer than two identities or expressions.
    """

    def __init__(self, config, identities, expressions, **kwargs):
        super().__init__(**kwargs)
        if len(identities) < 2 or len(expressions) < 2:
            raise InputError(
                f"{len(identities)} identities and {len(expressions)} expressions: the game needs at least two of each"
            )
        # Networks
        networks = build(config, len(identities), len(expressions))
        self.encoder, self.generator, self.discriminator, self.style_encoder, self.styled_generator = networks
        self.latent_expression_head = latent_classifier(config.latent_dim, len(expressions))
        prototypes = config.protection_prototypes * len(expressions)
        self.prototypes = prototype_network(config.latent_dim, prototypes) if prototypes else None

        # Settings
        self.config = config
        self.identities = tuple(identities)
        self.expressions = tuple(expressions)
        self.discriminator_optimizer = None
        self.seed_generator = keras.random.SeedGenerator(config.seed)

        # Metric trackers
        self.loss_trackers = {
            name: keras.metrics.Mean(name=name)
            for name in (
                "discriminator_loss",
                "generator_loss",
                "kl",
                "reconstruction",
                "features",
                "latent_expression",
                "latent_dependence",
                "style_kl",
                "style_dependence",
                "latent_style_dependence",
            )
        }
        self.real_accuracy_trackers = [
            keras.metrics.SparseCategoricalAccuracy(name="identity_accuracy"),
            keras.metrics.SparseCategoricalAccuracy(name="expression_accuracy"),
        ]
        self.protected_accuracy_trackers = [
            keras.metrics.SparseCategoricalAccuracy(name="target_success"),
            keras.metrics.SparseCategoricalAccuracy(name="protected_expression_accuracy"),
        ]
        self.built = True

    def compile(self, discriminator_optimizer=None, generator_optimizer=None, total_steps=None, **kwargs):
        """Set the two optimizers; without them, those of the configuration.

        Args:
            discriminator_optimizer, generator_optimizer: keras.optimizers.Optimizer. The second one also trains the
                encoder and is `model.optimizer`, which Keras's callbacks read.
            total_steps: iterations that a "cosine" schedule spans; needed for that schedule only.
            kwargs: passed to `keras.Model.compile`.
        """
        kwargs.setdefault("jit_compile", backends.JIT_COMPILE)
        config = self.config
        generator_optimizer = generator_optimizer or _optimizer(
            config, config.learning_rate, None if total_steps is None else total_steps * config.generator_steps
        )
        super().compile(optimizer=generator_optimizer, **kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer or _optimizer(
            config, config.discriminator_learning_rate, total_steps
        )
        self.generator_optimizer.build(self.generator_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def generator_variables(self):
        """What the generator step trains: encoder, generator, the style's networks and the latent's expression head.

        The last two where the configuration has a style, and a weight for that head.
        """
        variables = self.encoder.trainable_variables
        if self.config.style_dim:
            variables = variables + self.style_encoder.trainable_variables + self.styled_generator.trainable_variables
        else:
            variables = variables + self.generator.trainable_variables
        if self.config.latent_expression_weight:
            variables = variables + self.latent_expression_head.trainable_variables
        return variables

    @property
    def players(self):
        """Images of a batch that the game is played with; the others are encoded only."""
        return self.config.batch_size

    @property
    def non_trainable_variables(self):
        """With the discriminator's optimizer: on JAX `fit` carries along what it finds here and in `optimizer`."""
        optimizer = self.discriminator_optimizer
        return super().non_trainable_variables + (optimizer.variables if optimizer else [])

    @property
    def metrics(self):
        return [*self.loss_trackers.values(), *self.real_accuracy_trackers, *self.protected_accuracy_trackers]

    def call(self, inputs, training=False):
        """Protect float images for given target codes: `(images, one-hot targets)` -> images; no noise."""
        images, targets = inputs
        z_mean, _ = self.encoder(images, training=training)
        latent = z_mean if self.prototypes is None else self.prototypes(z_mean)
        return self.generator([latent, targets], training=training)

    def draw_targets(self, identity, seed):
        """Draw target identities: int `(batch,)`, uniform over all, or over all but the true one, as configured.

        A share `true_target_fraction` of them is the true identity in any case, for the reconstruction.
        """
        config, count = self.config, len(self.identities)
        identity, shape = ops.cast(identity, "int32"), ops.shape(identity)
        if config.target_policy == "exclude-true":
            targets = (identity + keras.random.randint(shape, 1, count, seed=seed)) % count
        else:
            targets = keras.random.randint(shape, 0, count, seed=seed)
        if config.true_target_fraction:
            keep = keras.random.uniform(shape, seed=seed) < config.true_target_fraction
            targets = ops.where(keep, identity, targets)
        return targets

    def synthesize(self, images, targets, same, seed, training, seen=None):
        """Encode, sample, generate; where there are more images than targets, the last ones are encoded only.

        The encoder sees the images themselves, or in their place `seen`; the style is that of the images.

        With a style, images of the true identity (`same`, float `(batch,)`, 1 there) are given that of the input,
        so that they can be compared with it; all others one drawn from the prior.

        Returns:
            Synthesis.
        """
        z_mean, z_log_var = self.encoder(images if seen is None else seen, training=training)
        count = ops.shape(targets)[0]
        latent = sample_latent(z_mean[:count], z_log_var[:count], seed=seed)
        code = ops.one_hot(targets, len(self.identities), dtype="float32")
        if not self.config.style_dim:
            return Synthesis(self.generator([latent, code], training=training), latent, z_mean, z_log_var)
        style_mean, style_log_var = self.style_encoder(images, training=training)
        own_style = sample_latent(style_mean[:count], style_log_var[:count], seed=seed)
        drawn_style = keras.random.normal(ops.shape(own_style), seed=seed)
        style = ops.where(same[:, None] > 0, own_style, drawn_style)
        protected = self.styled_generator([latent, code, style], training=training)
        return Synthesis(protected, latent, z_mean, z_log_var, style_mean, style_log_var)

    def discriminate(self, images, identity, expression, seed, training):
        """D's logits of real, identity and expression, and its feature maps, for noisy images.

        Where D1 is conditional it is asked for a real face of the given identity and expression, int `(batch,)`. The
        noise, absent from the paper, has D read only what is there to see.
        """
        if training and self.config.discriminator_noise:
            images = images + self.config.discriminator_noise * keras.random.normal(ops.shape(images), seed=seed)
        real_logits, *others = self.discriminator(images, training=training)
        if self.config.conditional_real_fake:
            codes = [ops.one_hot(identity, len(self.identities)), ops.one_hot(expression, len(self.expressions))]
            asked = ops.concatenate([ops.ones_like(real_logits[:, :1]), *codes], axis=-1)
            real_logits = ops.sum(asked * real_logits, axis=-1, keepdims=True)
        return real_logits, *others

    def discriminator_loss(self, images, protected, targets, identity, expression, seed, training):
        """L_D (Chen et al. 2018, section 3), averaged over the batch; D2 and D3 learn from real images alone."""
        config = self.config
        real_targets = keras.random.uniform(ops.shape(identity), *config.real_label_range, seed=seed)
        fake_targets = keras.random.uniform(ops.shape(identity), *config.fake_label_range, seed=seed)
        real_logits, identity_logits, expression_logits, *_ = self.discriminate(
            images, identity, expression, seed, training
        )
        fake_logits, *_ = self.discriminate(protected, targets, expression, seed, training)
        loss = (
            config.discriminator_real_weight * losses.real_fake(real_logits, real_targets)
            + config.discriminator_fake_weight * losses.real_fake(fake_logits, fake_targets)
            + config.discriminator_identity_weight * losses.classification(identity_logits, identity)
            + config.discriminator_expression_weight * losses.classification(expression_logits, expression)
        )
        self._track_loss("discriminator_loss", loss)
        _track_accuracies(self.real_accuracy_trackers, (identity, expression), (identity_logits, expression_logits))
        return ops.mean(loss)

    def generator_loss(self, images, synthesis, targets, identity, expression, seed, training):
        """L_G (Chen et al. 2018, section 3) and the additions that the configuration gives weight, averaged."""
        config, protected = self.config, synthesis.protected
        count = ops.shape(targets)[0]
        encoded = {"identity": identity, "expression": expression}
        images, identity, expression = images[:count], identity[:count], expression[:count]
        real_logits, identity_logits, expression_logits, *fake_maps = self.discriminate(
            protected, targets, expression, seed, training
        )
        kl = losses.kl_divergence(synthesis.z_mean[:count], synthesis.z_log_var[:count])
        loss = (
            config.adversarial_weight * losses.real_fake(real_logits, ops.ones_like(kl))
            + config.identity_weight * losses.classification(identity_logits, targets)
            + config.expression_weight * losses.classification(expression_logits, expression)
            + config.kl_weight * kl
        )
        self._track_loss("kl", kl)
        same = _same(targets, identity)
        if config.reconstruction_weight:
            error = losses.reconstruction(images, protected)
            self._track_loss("reconstruction", error, sample_weight=same)
            loss = loss + config.reconstruction_weight * same * error
        if config.feature_weight:
            _, _, _, *real_maps = self.discriminate(images, identity, expression, seed, training)
            error = losses.feature_matching(real_maps, fake_maps)
            self._track_loss("features", error, sample_weight=same)
            loss = loss + config.feature_weight * same * error
        if config.latent_expression_weight:
            error = losses.classification(self.latent_expression_head(synthesis.latent, training=training), expression)
            self._track_loss("latent_expression", error)
            loss = loss + config.latent_expression_weight * error
        if config.latent_dependence_weight:
            dependence = losses.label_dependence(synthesis.z_mean, encoded["identity"], within=encoded["expression"])
            self._track_loss("latent_dependence", dependence)
            loss = loss + config.latent_dependence_weight * ops.mean(dependence)
        if config.style_dim:
            kl = losses.kl_divergence(synthesis.style_mean[:count], synthesis.style_log_var[:count])
            self._track_loss("style_kl", kl, sample_weight=same)
            loss = loss + config.style_kl_weight * same * kl
            dependence = sum(losses.label_dependence(synthesis.style_mean, labels) for labels in encoded.values())
            self._track_loss("style_dependence", dependence)
            loss = loss + config.style_dependence_weight * ops.mean(dependence)
            dependence = losses.code_dependence(synthesis.z_mean, ops.stop_gradient(synthesis.style_mean))
            self._track_loss("latent_style_dependence", dependence)
            loss = loss + config.latent_style_dependence_weight * ops.mean(dependence)
        self._track_loss("generator_loss", loss)
        _track_accuracies(self.protected_accuracy_trackers, (targets, expression), (identity_logits, expression_logits))
        return ops.mean(loss)

    @backends.step
    def train_step(self, data):
        """One discriminator step and `generator_steps` generator steps on one batch."""
        images, labels = data
        for number in range(self.config.generator_steps):
            self._generator_step(images, labels, after_discriminator=number == 0)
        return {metric.name: metric.result() for metric in self.metrics}

    def _generator_step(self, images, labels, after_discriminator):
        players = slice(self.players if self.config.dependence_images else None)
        played = {name: values[players] for name, values in labels.items()}
        targets = self.draw_targets(played["identity"], seed=self.seed_generator)
        same = _same(targets, played["identity"])
        seen = change_looks(images, labels["identity"], self.config, seed=self.seed_generator)

        def loss():
            synthesis = self.synthesize(images, targets, same, seed=self.seed_generator, training=True, seen=seen)
            if after_discriminator:
                self._discriminator_step(images[players], played, ops.stop_gradient(synthesis.protected), targets)
            return self.generator_loss(images, synthesis, targets, **labels, seed=self.seed_generator, training=True)

        backends.descend(self, self.generator_optimizer, self.generator_variables, loss)

    def _discriminator_step(self, images, labels, protected, targets):
        def loss():
            return self.discriminator_loss(
                images, protected, targets, **labels, seed=self.seed_generator, training=True
            )

        backends.descend(self, self.discriminator_optimizer, self.discriminator.trainable_variables, loss)

    @backends.step
    def test_step(self, data):
        """The same losses and accuracies in inference mode; targets and noise are the same at each call."""
        images, labels = data
        seed = self.config.seed
        targets = self.draw_targets(labels["identity"], seed=seed)
        same = _same(targets, labels["identity"])
        synthesis = self.synthesize(images, targets, same, seed=seed, training=False)
        self.discriminator_loss(images, synthesis.protected, targets, **labels, seed=seed, training=False)
        self.generator_loss(images, synthesis, targets, **labels, seed=seed, training=False)
        return {metric.name: metric.result() for metric in self.metrics}

    def adapt(self, images, expression):
        """Find the prototypes that protection decodes, where the configuration asks for some; after training.

        Args:
            images: training images, as for `encode`.
            expression: int `(n,)`.

        Raises:
            InputError: an expression with fewer images than it is to have prototypes.
        """
        each = self.config.protection_prototypes
        if not each:
            return
        require_prototypes(expression, self.expressions, each)
        means, _ = self._posterior(images)
        self.prototypes.set_weights(fit_prototypes(means, np.asarray(expression), len(self.expressions), each))

    def encode(self, images, seed=None, noise=1.0, batch_size=128):
        """The latent of images, as protection decodes it: the nearest prototype, where there are some.

        Args:
            images: uint8 `(n, 64, 64, 3)`, or float32 of that shape in [-1, 1].
            seed: int for one draw of the posterior, None for its mean.
            noise: scale of the draw's noise.
            batch_size: images at a time.

        Returns:
            float32 `(n, latent_dim)`.
        """
        means, log_vars = self._posterior(images, batch_size)
        return self.nearest(means if seed is None else sample_latent(means, log_vars, seed, noise))

    def nearest(self, latents):
        """The prototypes nearest to latents, float32 `(n, latent_dim)`; the latents where there are no prototypes.

        Raises:
            InputError: there are to be prototypes, but `adapt` has not found them.
        """
        if self.prototypes is None:
            return ops.convert_to_numpy(latents)
        if not any(np.any(weights) for weights in self.prototypes.get_weights()):
            raise InputError("protection_prototypes: none found yet; call model.adapt(images, expression) after fit")
        return ops.convert_to_numpy(self.prototypes(latents))

    def protect_and_encode(self, images, targets, seed):
        """What `protect`, `encode` and `encode` with the seed give, by one pass through the encoder.

        Args:
            images: as for `encode`.
            targets: int `(n,)`.
            seed: int.
        """
        means, log_vars = self._posterior(images)
        used, drawn = (
            self.nearest(sample_latent(means, log_vars, seed, noise)) for noise in (self.config.protection_noise, 1.0)
        )
        return self.decode(used, targets), self.nearest(means), drawn

    def _posterior(self, images, batch_size=128):
        _check_images(images)
        means, log_vars = zip(
            *(
                map(ops.convert_to_numpy, self.encoder(_as_floats(images[i : i + batch_size]), training=False))
                for i in range(0, len(images), batch_size)
            ),
            strict=True,
        )
        return np.concatenate(means), np.concatenate(log_vars)

    def decode(self, latents, targets, batch_size=128):
        """The faces of target identities with the expression of latents.

        Args:
            latents: float32 `(n, latent_dim)`.
            targets: int `(n,)`, indices into `identities`.

        Returns:
            uint8 `(n, 64, 64, 3)`.
        """
        codes = target_codes(targets, len(self.identities))
        latents = np.asarray(latents, np.float32)
        batches = range(0, len(latents), batch_size)
        return np.concatenate(
            [
                to_uint8(self.generator([latents[i : i + batch_size], codes[i : i + batch_size]], training=False))
                for i in batches
            ]
        )

    def read_identity(self, images):
        """The identity that D2 sees in images: int64 `(n,)`; images as for `encode`."""
        _check_images(images)
        _, identity_logits, *_ = self.discriminator(_as_floats(images), training=False)
        return ops.convert_to_numpy(identity_logits).argmax(axis=-1)

    def protect(self, images, target="random", seed=0):
        """Replace the identity of faces and keep their expression.

        Args:
            images: uint8 `(n, 64, 64, 3)`, or float32 of that shape in [-1, 1].
            target: name of a target identity, "random" for one drawn for each image, or int `(n,)` of indices.
            seed: of the random targets and, where `config.protection_noise` is above 0, of the latent's noise.

        Returns:
            uint8 `(n, 64, 64, 3)`.

        Raises:
            InputError: unknown target, or images of another shape or type.
        """
        _check_images(images)
        targets = self.resolve_targets(target, len(images), seed)
        return self.decode(self.encode_for_protection(images, seed), targets)

    def encode_for_protection(self, images, seed=0):
        """The latent that `protect` decodes: mean + protection_noise * std * epsilon."""
        return self.encode(images, seed, self.config.protection_noise)

    def resolve_targets(self, target, count, seed=0):
        """Turn a target's name, "random", or an int array into int64 `(count,)`; else raise InputError."""
        return resolve_targets(target, count, self.identities, seed)

    def get_config(self):
        return {
            **super().get_config(),
            "config": self.config.to_dict(),
            "identities": list(self.identities),
            "expressions": list(self.expressions),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{**config, "config": Config.from_dict(config["config"])})

    def _track_loss(self, name, values, sample_weight=None):
        self.loss_trackers[name].update_state(values, sample_weight=sample_weight)


def _same(targets, identity):
    """float `(batch,)`: 1 where the target is the true identity, else 0."""
    return ops.cast(ops.equal(ops.cast(targets, "int32"), ops.cast(identity, "int32")), "float32")


def _track_accuracies(trackers, labels, logits):
    for tracker, true, predicted in zip(trackers, labels, logits, strict=True):
        tracker.update_state(true, predicted)


def _optimizer(config, learning_rate, total_steps):
    if config.learning_rate_schedule == "cosine":
        if total_steps is None:
            raise InputError("schedule 'cosine': give compile(total_steps=...), or optimizers of your own")
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps=max(1, total_steps))
    else:
        schedule = keras.optimizers.schedules.InverseTimeDecay(
            learning_rate, decay_steps=1, decay_rate=config.learning_rate_decay
        )
    if config.optimizer == "adam":
        return keras.optimizers.Adam(schedule, beta_1=config.adam_beta_1)
    return keras.optimizers.RMSprop(schedule)


def _check_images(images):
    if np.ndim(images) != 4 or np.shape(images)[1:] != (IMAGE_SIZE, IMAGE_SIZE, 3) or not len(images):
        raise InputError(
            f"images of shape {np.shape(images)}: expected (n, {IMAGE_SIZE}, {IMAGE_SIZE}, 3), n at least 1"
        )


def _as_floats(images):
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return to_float(images)
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"images of dtype {images.dtype}: expected uint8, or float in [-1, 1]")
    if not np.isfinite(images).all() or np.abs(images).max() > 1.0001:
        raise InputError("float images must be finite and in [-1, 1]; divide uint8 images by 127.5 and subtract 1")
    return images.astype(np.float32)
