"""`PPRLVGAN`: the game between encoder, generator and discriminator, as a Keras model."""

from typing import Any, NamedTuple

import keras
from keras import ops

from vgan_tf import backends, losses
from vgan_tf.config import Config
from vgan_tf.errors import InputError
from vgan_tf.networks import build, latent_classifier, sample_latent
from vgan_tf.networks.release import mirror_network, prototype_network, threshold_network
from vgan_tf.protection import Protection

ADAM_BETA_1 = 0.5  # the usual choice for GANs (Radford et al. 2016)
RMSPROP_DECAY = 1e-6  # of the learning rate, in each step; the authors'
# The discriminator's smoothed targets for real and for generated images are drawn from these ranges.
REAL_TARGETS, FAKE_TARGETS = (0.9, 1.0), (0.0, 0.1)


class Synthesis(NamedTuple):
    """Protected images and what they were made from; all float.

    protected: `(batch, image_size, image_size, 3)` in [-1, 1]. latent: `(batch, latent_dim)`.
    z_mean, z_log_var: `(encoded, latent_dim)`, of all images encoded: the first `batch` are those of `latent`; None
        where the encoder learns apart.
    style_mean, style_log_var: `(encoded, style_dim)`, likewise, or None.
    """

    protected: Any
    latent: Any
    z_mean: Any = None
    z_log_var: Any = None
    style_mean: Any = None
    style_log_var: Any = None


@keras.saving.register_keras_serializable("vgan_tf")
class PPRLVGAN(keras.Model, Protection):
    """PPRL-VGAN (Chen, Konrad, Ishwar, CVPR Workshops 2018, arXiv 1803.07100).

    Trained with `compile` and `fit` on batches of `(images, labels)`: images float32
    `(batch, image_size, image_size, 3)`, RGB in [-1, 1]; labels a dict of

        identity, expression: int `(batch,)`, indices into the label lists.
        target: int `(batch,)`, target identities; drawn in the step where it is missing.
        counterpart: float32, shaped like what is generated: the target identity with the motion of the image; may be
            missing.
        motion: float32 `(batch, config.motion_dim)`, what the face does; may be missing.

    Where a batch has counterparts, they are what the discriminator takes for real, and the generator's output is
    compared with them whatever the target. The people of the images need not be among `identities` then.

    Where the latent is the motion (`config.motion_dim`) encoder and generator learn *apart*: the encoder in a stage of
    its own, the generator always from the true motion. From what an encoder misreads it would learn to draw averages:
    half-closed eyes, half a smile.

    Where `config.dependence_images` is above 0 the game is played with the first `config.batch_size` images of a batch;
    the others are encoded only. Where `config.protection_prototypes` is above 0, call `adapt` after `fit`, before
    protecting; where `config.protection_threshold` and `config.motion_dim` are, too.

    Deviations from the authors' code: the discriminator learns from real and generated images in one step, not two; it
    sees images that the generator made in training mode; all steps of one iteration use the same images and target
    identities, each with noise of its own.

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
        mirrored = config.protection_mirrored and config.motion_dim
        self.mirror = mirror_network(config.latent_dim) if mirrored else None
        self.prototypes = prototype_network(config.latent_dim, prototypes) if prototypes else None
        strengths = sum(name != "neutral" for name in expressions) if config.motion_dim else 0
        threshold = config.protection_threshold
        self.threshold = threshold_network(config.latent_dim, threshold, strengths) if threshold else None

        # Settings
        self.config = config
        self.identities = tuple(identities)
        self.expressions = tuple(expressions)
        self.discriminator_optimizer = self.encoder_optimizer = None
        self.seed_generator = keras.random.SeedGenerator(config.seed)
        self.kl_ramp_steps = 0
        self.game_steps = None
        self.stage = "game"  # see `enter`

        # Metric trackers
        self.loss_trackers = {
            name: keras.metrics.Mean(name=name)
            for name in (
                "discriminator_loss",
                "generator_loss",
                "kl",
                "reconstruction",
                "counterpart",
                "gradient",
                "features",
                "latent_expression",
                "latent_motion",
                "latent_dependence",
                "style_kl",
                "style_dependence",
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
        """Set the optimizers; without them, those of the configuration.

        Args:
            discriminator_optimizer, generator_optimizer: keras.optimizers.Optimizer. The second one is
                `model.optimizer`, which Keras's callbacks read; it also trains the encoder, unless that learns by
                itself (`config.encoder_epochs`, with an optimizer of its own) or not at all (`apart`).
            total_steps: iterations that Adam's cosine schedule spans; RMSprop needs none.
            kwargs: passed to `keras.Model.compile`.
        """
        kwargs.setdefault("jit_compile", backends.JIT_COMPILE)
        config = self.config
        alone, early = config.encoder_epochs, config.encoder_epochs + config.warmup_epochs

        def steps(first_epoch, end, each=1):
            share = (min(end, config.epochs) - min(first_epoch, config.epochs)) / max(1, config.epochs)
            return None if total_steps is None else share * total_steps * each

        each = config.generator_steps
        self.kl_ramp_steps = (steps(0, alone) or 0) * each
        self.game_steps = steps(early, config.epochs)
        generator_optimizer = generator_optimizer or _optimizer(
            config, config.learning_rate, steps(alone, config.epochs, each)
        )
        super().compile(optimizer=generator_optimizer, **kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer or _optimizer(
            config, config.discriminator_learning_rate, self.game_steps
        )
        if alone:
            # One of its own, as the generator begins later; its schedule spans the steps that the encoder takes.
            length = total_steps and steps(0, alone, each) + (0 if self.apart else steps(early, config.epochs, each))
            self.encoder_optimizer = _optimizer(config, config.learning_rate, length)
            self.encoder_optimizer.build(self.encoder_variables)
        self.generator_optimizer.build(self.generator_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def apart(self):
        """Whether encoder and generator never learn from each other, as the latent is the motion."""
        return self.config.motion_dim > 0

    @property
    def generator_variables(self):
        """What the generator's optimizer trains: generator, style networks, and an encoder without one of its own."""
        variables = [] if self.apart or self.encoder_optimizer else self.encoder_variables
        if not self.config.style_dim:
            return variables + self.generator.trainable_variables
        return variables + self.style_encoder.trainable_variables + self.styled_generator.trainable_variables

    @property
    def encoder_variables(self):
        """The encoder and the heads on its latent that the configuration gives weight."""
        variables = self.encoder.trainable_variables
        if self.config.latent_expression_weight:
            variables = variables + self.latent_expression_head.trainable_variables
        return variables

    def enter(self, stage):
        """Settle who learns in the steps to come: "encoder", "warmup" (the generator, from the true motion) or "game".

        Raises:
            InputError: "encoder" without `config.encoder_epochs`, for which `compile` makes an optimizer; "warmup"
                without `config.motion_dim`.
        """
        if stage == "encoder" and not self.encoder_optimizer:
            raise InputError("stage 'encoder': set encoder_epochs above 0, then compile")
        if stage == "warmup" and not self.config.motion_dim:
            raise InputError("stage 'warmup': the generator draws the true motion; set motion_dim")
        if stage != self.stage:
            self.stage = stage
            self.make_train_function(force=True)
            self.make_test_function(force=True)

    @property
    def players(self):
        """Images of a batch that the game is played with; the others are encoded only."""
        return self.config.batch_size

    @property
    def non_trainable_variables(self):
        """With the other optimizers: on JAX `fit` carries along what it finds here and in `optimizer`."""
        others = [one for one in (self.discriminator_optimizer, self.encoder_optimizer) if one]
        return super().non_trainable_variables + [variable for one in others for variable in one.variables]

    @property
    def metrics(self):
        return [*self.loss_trackers.values(), *self.real_accuracy_trackers, *self.protected_accuracy_trackers]

    def call(self, inputs, training=False):
        """Protect float images for given target codes: `(images, one-hot targets)` -> images; no noise."""
        images, targets = inputs
        z_mean, _ = self._read(images)
        return self.generator([self._released(z_mean), targets], training=training)

    @backends.step
    def train_step(self, data):
        """One discriminator step, then `generator_steps` generator steps, on one batch."""
        images, labels = self._with_targets(data, self.seed_generator)
        if self.stage == "game":
            self._discriminator_step(images, labels)
        step = {"encoder": self._encoder_step, "warmup": self._drawing_step, "game": self._generator_step}[self.stage]
        for _ in range(self.config.generator_steps):
            step(images, labels)
        return {metric.name: metric.result() for metric in self.metrics}

    def _discriminator_step(self, images, labels):
        images, labels = images[: self.players], {name: values[: self.players] for name, values in labels.items()}
        protected = ops.stop_gradient(self.synthesize(images, labels, self.seed_generator, training=True).protected)

        def loss():
            return self.discriminator_loss(images, protected, labels, self.seed_generator, training=True)

        backends.descend(self, [(self.discriminator_optimizer, self.discriminator.trainable_variables)], loss)

    def _encoder_step(self, images, labels):
        def loss():
            return self.encoder_loss(images, labels, self.seed_generator, training=True)

        backends.descend(self, [(self.encoder_optimizer, self.encoder_variables)], loss)

    def _drawing_step(self, images, labels):
        def loss():
            return self.drawing_loss(labels, training=True)

        backends.descend(self, [(self.generator_optimizer, self.generator.trainable_variables)], loss)

    def _generator_step(self, images, labels):
        def loss():
            synthesis = self.synthesize(images, labels, self.seed_generator, training=True)
            return self.generator_loss(images, synthesis, labels, self.seed_generator, training=True)

        learners = [(self.generator_optimizer, self.generator_variables)]
        if self.encoder_optimizer and not self.apart:
            learners.append((self.encoder_optimizer, self.encoder_variables))
        backends.descend(self, learners, loss)

    @backends.step
    def test_step(self, data):
        """The same losses and accuracies in inference mode; targets and noise are the same at each call."""
        seed = self.config.seed
        images, labels = self._with_targets(data, seed)
        if self.stage == "encoder":
            self.encoder_loss(images, labels, seed, training=False)
        elif self.stage == "warmup":
            self.drawing_loss(labels, training=False)
        else:
            synthesis = self.synthesize(images, labels, seed, training=False, players=ops.shape(images)[0])
            self.discriminator_loss(images, synthesis.protected, labels, seed, training=False)
            self.generator_loss(images, synthesis, labels, seed, training=False)
        return {metric.name: metric.result() for metric in self.metrics}

    def _with_targets(self, data, seed):
        """Images and labels of a batch, with target identities drawn where the batch brings none."""
        images, labels = data
        if "target" not in labels:
            if "counterpart" in labels:
                raise InputError("the batch has 'counterpart' but no 'target'; add the target identities that it shows")
            labels = {**labels, "target": self.draw_targets(labels["identity"], seed)}
        return images, labels

    def draw_targets(self, identity, seed):
        """Draw target identities, uniform over all: int `(batch,)`.

        A share `true_target_fraction` of them is the true identity in any case, for the reconstruction.
        `data.pipeline.draw_targets` is the same for batches made in NumPy.
        """
        identity, shape = ops.cast(identity, "int32"), ops.shape(identity)
        targets = keras.random.randint(shape, 0, len(self.identities), seed=seed)
        if self.config.true_target_fraction:
            keep = keras.random.uniform(shape, seed=seed) < self.config.true_target_fraction
            targets = ops.where(keep, identity, targets)
        return targets

    def synthesize(self, images, labels, seed, training, players=None):
        """Encode all images; sample, and generate for the target of each, the first `players` of them.

        With a style, images of the true identity are given that of the input, so that they can be compared with it; all
        others one drawn from the prior.

        Args:
            images, labels: of a batch, targets included.
            seed: int or keras.random.SeedGenerator.
            training: whether batch normalisation and dropout are in training mode.
            players: `self.players` without it.

        Returns:
            Synthesis.
        """
        players = self.players if players is None else players
        targets = labels["target"][:players]
        code = ops.one_hot(targets, len(self.identities), dtype="float32")
        if self.apart:
            latent = self._true_latent(images[:players], {name: values[:players] for name, values in labels.items()})
            return Synthesis(self.generator([latent, code], training=training), latent)
        z_mean, z_log_var = self.encoder(images, training=training)
        latent = sample_latent(z_mean[:players], z_log_var[:players], seed=seed)
        if not self.config.style_dim:
            return Synthesis(self.generator([latent, code], training=training), latent, z_mean, z_log_var)
        style_mean, style_log_var = self.style_encoder(images, training=training)
        own_style = sample_latent(style_mean[:players], style_log_var[:players], seed=seed)
        drawn_style = keras.random.normal(ops.shape(own_style), seed=seed)
        same = _same(targets, labels["identity"][:players])
        style = ops.where(same[:, None] > 0, own_style, drawn_style)
        protected = self.styled_generator([latent, code, style], training=training)
        return Synthesis(protected, latent, z_mean, z_log_var, style_mean, style_log_var)

    def _true_latent(self, images, labels):
        """The true motion, and what protection decodes where an image comes without: `(batch, latent_dim)`."""
        if "motion" not in labels:
            raise InputError("motion_dim is set, but the batch has no motion; add it")
        if "paired" not in labels:
            return labels["motion"]
        released = ops.stop_gradient(self._released(self._read(images)[0]))
        return ops.where(labels["paired"][:, None] > 0, labels["motion"], released)

    def discriminate(self, images, identity, expression, seed, training):
        """D's logits of real, identity and expression, and its feature maps, for noisy images.

        Where D1 is conditional it is asked for a real face of the given identity and expression, int `(batch,)`. The
        noise, absent from the paper, has D read only what is there to see. It fades over the game, as it hides what is
        fine, too.
        """
        if training and self.config.discriminator_noise:
            noise = self.config.discriminator_noise
            if self.game_steps:
                played = ops.cast(self.discriminator_optimizer.iterations, "float32")
                noise = noise * ops.maximum(0.0, 1 - played / self.game_steps)
            images = images + noise * keras.random.normal(ops.shape(images), seed=seed)
        real_logits, *others = self.discriminator(images, training=training)
        if self.config.conditional_real_fake:
            codes = [ops.one_hot(identity, len(self.identities)), ops.one_hot(expression, len(self.expressions))]
            asked = ops.concatenate([ops.ones_like(real_logits[:, :1]), *codes], axis=-1)
            real_logits = ops.sum(asked * real_logits, axis=-1, keepdims=True)
        return real_logits, *others

    def discriminator_loss(self, images, protected, labels, seed, training):
        """L_D (Chen et al. 2018, section 3), averaged over the batch; D2 and D3 learn from real images alone."""
        config, expression = self.config, labels["expression"]
        real, identity = _real(images, labels)
        real_targets = keras.random.uniform(ops.shape(identity), *REAL_TARGETS, seed=seed)
        fake_targets = keras.random.uniform(ops.shape(identity), *FAKE_TARGETS, seed=seed)
        real_logits, identity_logits, expression_logits, *_ = self.discriminate(
            real, identity, expression, seed, training
        )
        fake_logits, *_ = self.discriminate(protected, labels["target"], expression, seed, training)
        shown = _paired(labels)
        loss = config.discriminator_fake_weight * losses.real_fake(fake_logits, fake_targets) + shown * (
            config.discriminator_real_weight * losses.real_fake(real_logits, real_targets)
            + config.discriminator_identity_weight * losses.classification(identity_logits, identity)
            + config.discriminator_expression_weight * losses.classification(expression_logits, expression)
        )
        self._track_loss("discriminator_loss", loss)
        logits = identity_logits, expression_logits
        _track_accuracies(self.real_accuracy_trackers, (identity, expression), logits, sample_weight=shown)
        return ops.mean(loss)

    def encoder_loss(self, images, labels, seed, training):
        """What of L_G needs the encoder and the heads on its latent alone, averaged over the batch."""
        z_mean, z_log_var = self.encoder(images, training=training)
        loss = self._latent_loss(z_mean, z_log_var, sample_latent(z_mean, z_log_var, seed=seed), labels, training)
        self._track_loss("generator_loss", loss)
        return ops.mean(loss)

    def _latent_loss(self, z_mean, z_log_var, latent, labels, training):
        """The terms of L_G on the posterior and the heads on the latent sampled from it: float `(batch,)`."""
        config, count = self.config, ops.shape(latent)[0]
        kl = losses.kl_divergence(z_mean[:count], z_log_var[:count])
        self._track_loss("kl", kl)
        loss = config.kl_weight * kl
        if self.kl_ramp_steps:
            # From the start at full weight, it would have the posterior collapse before anything is learnt.
            steps = ops.cast(self.encoder_optimizer.iterations, "float32")
            loss = loss * ops.minimum(1.0, steps / self.kl_ramp_steps)
        if config.latent_motion_weight and "motion" in labels:
            error, paired = losses.regression(latent, labels["motion"][:count]), _paired(labels)[:count]
            self._track_loss("latent_motion", error, sample_weight=paired)
            loss = loss + config.latent_motion_weight * paired * error
        if config.latent_expression_weight:
            logits = self.latent_expression_head(latent, training=training)
            error = losses.classification(logits, labels["expression"][:count])
            self._track_loss("latent_expression", error)
            loss = loss + config.latent_expression_weight * error
        return loss

    def generator_loss(self, images, synthesis, labels, seed, training):
        """L_G (Chen et al. 2018, section 3) and the additions that the configuration gives weight, averaged."""
        config, protected = self.config, synthesis.protected
        count = ops.shape(protected)[0]
        encoded = {name: labels[name] for name in ("identity", "expression")}
        images, identity = images[:count], encoded["identity"][:count]
        targets = labels["target"][:count]
        same = _same(targets, identity)
        loss = self._game_loss(images, protected, same, labels, seed, training)
        if not self.apart:
            loss = loss + self._latent_loss(synthesis.z_mean, synthesis.z_log_var, synthesis.latent, labels, training)
        if config.reconstruction_weight:
            error = losses.reconstruction(images, protected)
            self._track_loss("reconstruction", error, sample_weight=same)
            loss = loss + config.reconstruction_weight * same * error
        if config.counterpart_weight and "counterpart" in labels:
            loss = loss + self._counterpart_loss(protected, labels)
        if config.latent_dependence_weight:
            dependence = losses.label_dependence(synthesis.z_mean, encoded["identity"], within=encoded["expression"])
            self._track_loss("latent_dependence", dependence)
            loss = loss + config.latent_dependence_weight * ops.mean(dependence)
        if config.style_dim:
            kl = losses.kl_divergence(synthesis.style_mean[:count], synthesis.style_log_var[:count])
            self._track_loss("style_kl", kl, sample_weight=same)
            loss = loss + config.style_kl_weight * same * kl
            dependence = sum(losses.label_dependence(synthesis.style_mean, values) for values in encoded.values())
            self._track_loss("style_dependence", dependence)
            loss = loss + config.style_dependence_weight * ops.mean(dependence)
        self._track_loss("generator_loss", loss)
        return ops.mean(loss)

    def drawing_loss(self, labels, training):
        """How far what the generator draws of the true motion is from the counterpart, averaged over the batch.

        Raises:
            InputError: the batch has no motion or no counterparts.
        """
        if missing := {"motion", "counterpart"} - set(labels):
            raise InputError(
                f"stage 'warmup': the batch has no {' and no '.join(sorted(missing))}; add it, or enter 'game'"
            )
        code = ops.one_hot(labels["target"], len(self.identities), dtype="float32")
        loss = self._counterpart_loss(self.generator([labels["motion"], code], training=training), labels)
        self._track_loss("generator_loss", loss)
        return ops.mean(loss)

    def _counterpart_loss(self, protected, labels):
        """The terms of L_G that compare pictures with their counterparts: float `(batch,)`."""
        config, count = self.config, ops.shape(protected)[0]
        counterpart, paired = labels["counterpart"][:count], _paired(labels)[:count]
        error = losses.reconstruction(counterpart, protected)
        self._track_loss("counterpart", error, sample_weight=paired)
        loss = config.counterpart_weight * paired * error
        if config.gradient_weight:
            error = losses.gradient_difference(counterpart, protected)
            self._track_loss("gradient", error, sample_weight=paired)
            loss = loss + config.gradient_weight * paired * error
        return loss

    def _game_loss(self, images, protected, same, labels, seed, training):
        """The terms of L_G that the discriminator judges: float `(batch,)`; arguments as in `generator_loss`."""
        config, count = self.config, ops.shape(protected)[0]
        identity, expression, targets = (labels[name][:count] for name in ("identity", "expression", "target"))
        real_logits, identity_logits, expression_logits, *fake_maps = self.discriminate(
            protected, targets, expression, seed, training
        )
        loss = (
            config.adversarial_weight * losses.real_fake(real_logits, ops.ones_like(same))
            + config.identity_weight * losses.classification(identity_logits, targets)
            + config.expression_weight * losses.classification(expression_logits, expression)
        )
        _track_accuracies(self.protected_accuracy_trackers, (targets, expression), (identity_logits, expression_logits))
        if config.feature_weight:
            comparable = _paired(labels)[:count] if "counterpart" in labels else same
            real, real_identity = _real(images, {**labels, "identity": identity})
            _, _, _, *real_maps = self.discriminate(real[:count], real_identity[:count], expression, seed, training)
            error = losses.feature_matching(real_maps, fake_maps)
            self._track_loss("features", error, sample_weight=comparable)
            loss = loss + config.feature_weight * comparable * error
        return loss

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


def _real(images, labels):
    """What the discriminator takes for real, and whom it shows: counterparts and their targets, else the images."""
    if "counterpart" in labels:
        return labels["counterpart"], labels["target"]
    return images, labels["identity"]


def _paired(labels):
    """float `(batch,)`: 0 for rows without a counterpart in a batch where others have one, else 1."""
    return labels["paired"] if "paired" in labels else ops.ones_like(labels["expression"], dtype="float32")


def _same(targets, identity):
    """float `(batch,)`: 1 where the target is the true identity, else 0."""
    return ops.cast(ops.equal(ops.cast(targets, "int32"), ops.cast(identity, "int32")), "float32")


def _track_accuracies(trackers, labels, logits, sample_weight=None):
    for tracker, true, predicted in zip(trackers, labels, logits, strict=True):
        tracker.update_state(true, predicted, sample_weight=sample_weight)


def _optimizer(config, learning_rate, total_steps):
    if config.optimizer == "rmsprop":
        schedule = keras.optimizers.schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=RMSPROP_DECAY)
        return keras.optimizers.RMSprop(schedule)
    if total_steps is None:
        raise InputError("optimizer 'adam': give compile(total_steps=...) for its schedule, or optimizers of your own")
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps=max(1, total_steps))
    return keras.optimizers.Adam(schedule, beta_1=ADAM_BETA_1)
