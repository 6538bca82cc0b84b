"""The configuration of a run: one frozen, flat dataclass, and the named presets.

Importing this module imports no TensorFlow.
"""

import dataclasses
import json
import math

from vgan_tf.errors import InputError

CHOICES = {
    "architecture": ("paper", "edge"),
    "split": ("image", "clip", "subject", "given"),
    "optimizer": ("rmsprop", "adam"),
    "precision": ("float32", "bfloat16"),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides how a run turns out. The defaults are the reference recipe, preset `paper`.

    Attributes:
        preset: name of the preset this started from.
        data: SOURCE as on the command line.
        pairs: SOURCE of images with counterparts, whose targets become the run's, to train on beside `data`, as half of
            each batch; "" for none.
        start: run folder whose weights training begins with; "" for fresh ones.
        split: how test images are set apart: by "image", "clip", "subject", or as "given" by the data.
        test_fraction: share of the images (clips, subjects) kept for testing.
        image_size: side of the pictures in pixels, a power of two from 32.
        architecture: "paper" or "edge".
        latent_dim: length of the latent f(I).
        kernel_size: side of the convolutions of the paper's networks; 5 for FERG, 8 for MUG in the authors' code.
        encoder_depth: convolutions on each map of 16 pixels and less of the edge encoder; the first one halves the map.
        encoder_filters, generator_filters, discriminator_filters, classifier_filters: channels of each stage for
            pictures of 64 pixels; other sizes have more or fewer stages (`networks.layers.stage_filters`).
        generator_bumps: maps of the edge generator with a bump whose place the latent decides; 0 for none; not in the
            paper.
        discriminator_real_weight, discriminator_fake_weight: weight of each half of the real/fake term in L_D.
        discriminator_identity_weight, discriminator_expression_weight: weights of D2 and D3 in L_D.
        adversarial_weight, identity_weight, expression_weight, kl_weight: the four weights of L_G.
        reconstruction_weight: mean absolute pixel error, the middle of the picture counting most, where the target is
            the true identity; in L_G, not in the paper.
        counterpart_weight: the same error between the output and its counterpart, the picture of the target identity
            with the input's motion, where the source can draw one; in L_G, not in the paper.
        gradient_weight: mean absolute error of the differences between neighbouring pixels, between the output and its
            counterpart; in L_G, not in the paper.
        alpha: whether the generator gives, as fourth channel, where the head is; the counterparts must have it.
        motion_dim: how many parameters of motion the data know; training sets it, and latent_dim with it: the latent
            is the motion then.
        latent_motion_weight: squared error of the latent as the motion, where the data know it; in L_G, not in the
            paper.
        latent_expression_weight: cross-entropy of a linear expression classifier on the latent; in L_G, not in the
            paper.
        feature_weight: mean absolute error of the discriminator's feature maps where the target is the true identity;
            in L_G, not in the paper.
        latent_dependence_weight: dependence of the latent's mean on the identity within one expression; in L_G, not in
            the paper.
        dependence_images: further images an iteration that are encoded only, for better estimates of dependences.
        batch_people: people whose images make up a batch, in turns; the fewer, the more pairs of one person's images
            the penalties of dependence compare. 0 for all people.
        style_dim: length of the style, what of an image is neither expression nor identity (light, background, pose);
            training reconstructs images with their style, protection leaves it out. 0 for none; not in the paper.
        style_kl_weight, style_dependence_weight: KL of the style's posterior, and its dependence on both labels.
        true_target_fraction: share of the training targets set to the true identity beyond those drawn uniformly.
        conditional_real_fake: D1 judges whether a face is a real one of its identity and expression, not whether it is
            real alone; not in the paper.
        discriminator_noise: std of the noise added to every image that the discriminator sees, at the start of the
            game; it fades to 0 at its end. Not in the paper.
        generator_steps: generator steps for each discriminator step.
        encoder_epochs: epochs at the start in which only the encoder learns, from the truth about its latent and from
            mirror images, too, while kl_weight grows from 0. It has an optimizer of its own then. Where the latent is
            the motion it learns in these epochs alone. Not in the paper.
        warmup_epochs: epochs after those in which only the generator learns, to draw counterparts from the true motion.
            Not in the paper.
        protection_noise: scale of the posterior's noise when protecting; 1 samples the latent, 0 uses its mean.
        protection_prototypes: protection decodes the nearest of so many prototypes of each expression in place of the
            latent (`vgan_tf.protection`); 0 for the latent itself; not in the paper.
        protection_threshold: protection sets what is smaller in the latent to 0, as misreading is what tells people
            apart there, but spares what goes with an expression (`networks.release.threshold_network`); 0 for none; not
            in the paper.
        protection_mirrored: where the latent is the motion, protection reads a face and its mirror image, and takes the
            mean of both; not in the paper.
        augment_shift_px: random shift of training images, up to so many pixels. augment_flip: random mirror images.
        optimizer: "rmsprop" with the authors' decay of the learning rate, or "adam" with a cosine schedule from
            learning_rate to 0 over the run.
        learning_rate, discriminator_learning_rate: at the start.
        precision: in which the networks compute while they train; weights, losses and a loaded run stay "float32".
            "bfloat16" pays where the processor computes in it (docs/scale.md).
        batch_size, epochs: of training; an epoch is one pass over the training images.
        seed: of everything random.
    """

    preset: str = "paper"
    data: str = "avatars"
    pairs: str = ""
    start: str = ""
    split: str = "image"
    test_fraction: float = 0.15
    image_size: int = 64
    architecture: str = "paper"
    latent_dim: int = 128
    kernel_size: int = 5
    encoder_depth: int = 1
    encoder_filters: tuple = (32, 64, 128, 256)
    generator_filters: tuple = (256, 128, 128)
    discriminator_filters: tuple = (32, 64, 128, 256)
    classifier_filters: tuple = (16, 32, 64, 96)
    generator_bumps: int = 0
    discriminator_real_weight: float = 0.25
    discriminator_fake_weight: float = 0.25
    discriminator_identity_weight: float = 0.5
    discriminator_expression_weight: float = 0.25
    adversarial_weight: float = 0.108
    identity_weight: float = 0.6
    expression_weight: float = 0.29
    kl_weight: float = 0.002
    reconstruction_weight: float = 0.0
    counterpart_weight: float = 0.0
    gradient_weight: float = 0.0
    alpha: bool = False
    motion_dim: int = 0
    latent_motion_weight: float = 0.0
    latent_expression_weight: float = 0.0
    feature_weight: float = 0.0
    latent_dependence_weight: float = 0.0
    dependence_images: int = 0
    batch_people: int = 0
    style_dim: int = 0
    style_kl_weight: float = 0.0
    style_dependence_weight: float = 0.0
    true_target_fraction: float = 0.0
    conditional_real_fake: bool = False
    discriminator_noise: float = 0.0
    generator_steps: int = 2
    encoder_epochs: int = 0
    warmup_epochs: int = 0
    protection_noise: float = 1.0
    protection_prototypes: int = 0
    protection_threshold: float = 0.0
    protection_mirrored: bool = False
    augment_shift_px: int = 0
    augment_flip: bool = False
    optimizer: str = "rmsprop"
    learning_rate: float = 3e-4
    discriminator_learning_rate: float = 3e-4
    precision: str = "float32"
    batch_size: int = 256
    epochs: int = 300
    seed: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _coerce(field, getattr(self, field.name)))
        for allowed, holds, names in CHECKS:
            for name in names:
                if not holds(getattr(self, name)):
                    raise InputError(f"{name}={getattr(self, name)!r}: must be {allowed}")
        if self.style_dim and self.architecture == "paper":
            raise InputError(f"style_dim={self.style_dim}: the paper's generator has no style; must be 0")
        if self.alpha and (self.architecture == "paper" or not self.counterpart_weight):
            raise InputError("alpha=true: for the edge architecture with a counterpart_weight; must be false")
        if self.motion_dim not in (0, self.latent_dim):
            raise InputError(f"motion_dim={self.motion_dim}: the latent is the motion; latent_dim must be as large")
        if self.motion_dim and self.latent_dependence_weight:
            raise InputError(
                f"latent_dependence_weight={self.latent_dependence_weight}: where the latent is the motion, the encoder"
                " learns from that alone; must be 0"
            )
        if self.warmup_epochs and not (self.encoder_epochs or self.start):
            raise InputError(f"warmup_epochs={self.warmup_epochs}: the encoder learns before; set encoder_epochs, too")
        if self.generator_bumps and self.architecture == "paper":
            raise InputError(f"generator_bumps={self.generator_bumps}: the paper's generator has none; must be 0")
        stages = {"paper": 3, "edge": 4}[self.architecture]
        if len(self.generator_filters) != stages:
            raise InputError(
                f"generator_filters={self.generator_filters}: the {self.architecture} generator needs {stages} numbers"
            )

    def replace(self, **changes):
        """A copy with some values changed; an unknown key raises InputError."""
        known = {field.name for field in dataclasses.fields(self)}
        for key in changes:
            if key not in known:
                raise InputError(f"unknown configuration key {key!r}; known keys: {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)

    def to_dict(self):
        """The configuration as JSON types."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values):
        """The inverse of `to_dict`; an unknown or missing key raises InputError."""
        missing = sorted({field.name for field in dataclasses.fields(cls)} - set(values))
        if missing:
            raise InputError(f"configuration without {', '.join(missing)}: damaged, or of another version")
        return cls().replace(**values)


def _named(ending):
    return [field.name for field in dataclasses.fields(Config) if field.name.endswith(ending)]


# What is allowed, the same as a test, and the fields that it holds for.
CHECKS = (
    *((f"one of {', '.join(names)}", names.__contains__, [field]) for field, names in CHOICES.items()),
    ("a power of two from 32", lambda value: value >= 32 and value & (value - 1) == 0, ["image_size"]),
    (
        "at least 1",
        lambda value: value >= 1,
        ["batch_size", "latent_dim", "generator_steps", "kernel_size", "encoder_depth"],
    ),
    (
        "0 or more",
        lambda value: value >= 0,
        [
            *(
                "epochs",
                "encoder_epochs",
                "warmup_epochs",
                "seed",
                "motion_dim",
                "dependence_images",
                "batch_people",
                "style_dim",
                "generator_bumps",
                "augment_shift_px",
            ),
            *("protection_noise", "protection_prototypes", "protection_threshold", "discriminator_noise"),
            *_named("_weight"),
        ],
    ),
    ("in [0, 1)", lambda value: 0 <= value < 1, ["true_target_fraction"]),
    ("above 0 and below 1", lambda value: 0 < value < 1, ["test_fraction"]),
    ("above 0", lambda value: value > 0, _named("learning_rate")),
    (
        "whole numbers of at least 1",
        lambda value: value and all(type(count) is int and count >= 1 for count in value),
        _named("_filters"),
    ),
)


_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "text",
    tuple: "a list of numbers",
}


def _coerce(field, value):
    """Check one value against its field's type; JSON lists become tuples and whole numbers floats."""
    wanted = field.type if isinstance(field.type, type) else {"tuple": tuple}.get(field.type, field.type)
    if wanted is tuple and isinstance(value, (list, tuple)) and all(isinstance(v, (int, float)) for v in value):
        return tuple(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is wanted and (wanted is not float or math.isfinite(value)):
        return value
    raise InputError(f"{field.name}={value!r}: must be {_KINDS[wanted]}")


def parse_assignments(assignments):
    """Turn `["key=value", ...]` into a dict; values are JSON, anything else is a plain string.

    Raises:
        InputError: an entry has no `=`.
    """
    changes = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise InputError(f"--set {assignment!r}: expected key=value")
        try:
            changes[key.strip()] = json.loads(text)
        except json.JSONDecodeError:
            changes[key.strip()] = text
    return changes


def preset(name, counterparts=False):
    """The named configuration.

    Args:
        name: key of `PRESETS`.
        counterparts: whether the data bring the counterpart of each image; `edge` is another one then.

    Raises:
        InputError: there is no such preset.
    """
    if name not in PRESETS:
        raise InputError(f"preset {name!r}: must be one of {', '.join(PRESETS)}")
    return edge_with_counterparts() if counterparts and name == "edge" else PRESETS[name]()


def paper():
    """The authors' recipe: kernel 5, latent 128, RMSprop, one discriminator step and two generator steps.

    Its 300 epochs are beyond a CPU; docs/results/faces.md has what a few of them gave.
    """
    return Config()


def edge():
    """Ours, for phones, and the default; measured in docs/results/history.md.

    Its additions to the game are each a weight or a size; 0 switches one off: reconstruction and feature matching where
    the target is the true identity, the style, the conditional D1, and the latent's expression head and its penalty of
    dependence on the identity. Its protection decodes one latent for each expression; with
    `protection_prototypes=0` it decodes what the encoder found.
    """
    return Config(
        preset="edge",
        architecture="edge",
        latent_dim=8,
        encoder_filters=(24, 48, 96, 128),
        generator_filters=(128, 96, 64, 32),
        discriminator_filters=(16, 32, 64, 128),
        discriminator_real_weight=0.5,
        discriminator_fake_weight=0.5,
        discriminator_expression_weight=0.5,
        adversarial_weight=0.1,
        # Small: classifiers trained along with a generator are easily fooled by it; likeness comes from reconstruction.
        identity_weight=0.03,
        expression_weight=0.05,
        kl_weight=0.002,
        reconstruction_weight=20.0,
        feature_weight=5.0,
        latent_expression_weight=1.0,
        latent_dependence_weight=15.0,
        dependence_images=224,
        batch_people=8,
        style_dim=16,
        style_kl_weight=0.003,
        style_dependence_weight=1.0,
        true_target_fraction=0.5,
        conditional_real_fake=True,
        discriminator_noise=0.2,
        generator_steps=1,
        # The exported anonymizer is deterministic, so what is audited is the mean.
        protection_noise=0.0,
        # What else the latent says tells strangers apart; docs/results/history.md has what more of them keep.
        protection_prototypes=1,
        augment_shift_px=2,
        augment_flip=True,
        optimizer="adam",
        learning_rate=1.2e-3,
        discriminator_learning_rate=1e-3,
        batch_size=32,
        epochs=100,
    )


def edge_with_counterparts():
    """`edge` where the data bring counterparts: a continuous latent that keeps the motion, and faces with alpha.

    The generator's output is compared with the counterpart for every target, so that nothing has to be said of what is
    not motion: no reconstruction of the input, no style, no penalties of dependence. Batches and epochs are for a GPU
    and 80,000 pictures. How the weights that come with the package were trained: docs/results/edge.md.
    """
    return Config(
        preset="edge",
        architecture="edge",
        image_size=128,
        latent_dim=32,
        encoder_depth=2,
        # All files that ship, in float32 and 8 bits, are to take less than 12 MB.
        encoder_filters=(48, 80, 80, 64),
        generator_filters=(80, 64, 64, 96),
        generator_bumps=48,
        discriminator_filters=(32, 48, 64, 96),
        classifier_filters=(48, 80, 80, 64),  # those of the encoder, from which it starts
        discriminator_real_weight=0.5,
        discriminator_fake_weight=0.5,
        discriminator_expression_weight=0.5,
        adversarial_weight=0.1,
        identity_weight=0.01,
        expression_weight=0.02,
        kl_weight=0.004,
        counterpart_weight=10.0,
        gradient_weight=10.0,
        alpha=True,
        feature_weight=1.0,
        latent_expression_weight=0.5,
        latent_motion_weight=1.0,
        conditional_real_fake=True,
        discriminator_noise=0.1,
        generator_steps=1,
        encoder_epochs=15,
        warmup_epochs=12,
        protection_noise=0.0,
        protection_threshold=0.15,
        protection_mirrored=True,
        augment_shift_px=4,
        optimizer="adam",
        learning_rate=5e-3,
        discriminator_learning_rate=6e-4,
        batch_size=128,
        epochs=31,
    )


def demo():
    """`edge`, sized for `make demo`.

    Drawn people with counterparts on a cast of six, at 64 pixels; 60 of 300 people are held out. Measured in
    docs/results/demo.md.
    """
    filters = {name: getattr(edge(), name) for name in vars(edge()) if name.endswith("_filters")}
    filters["encoder_filters"] = 32, 48, 96, 128  # batch norm of 24 channels takes longer than of 32
    return edge_with_counterparts().replace(
        **filters,
        preset="demo",
        data="avatars:identities=300,images=8400,seed=1,counterparts=1",
        split="subject",
        test_fraction=0.2,
        image_size=64,
        encoder_depth=1,
        alpha=False,
        protection_threshold=0.0,
        protection_mirrored=False,
        augment_shift_px=0,
        adversarial_weight=0.02,
        feature_weight=0.5,
        discriminator_noise=0.2,
        batch_size=32,
        encoder_epochs=9,
        warmup_epochs=12,
        epochs=23,
    )


def tiny():
    """For tests: seconds on a CPU, and no image worth looking at."""
    return edge().replace(
        preset="tiny",
        data="avatars:identities=3,images=210,seed=1",
        dependence_images=0,
        style_dim=0,
        protection_prototypes=0,
        encoder_filters=(4, 8, 8, 8),
        generator_filters=(8, 8, 8, 8),
        discriminator_filters=(4, 8, 8, 8),
        classifier_filters=(4, 8, 8, 8),
        batch_size=16,
        epochs=2,
    )


PRESETS = {"paper": paper, "edge": edge, "demo": demo, "tiny": tiny}
