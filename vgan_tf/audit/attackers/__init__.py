"""Attackers: classifiers of different kinds that try to predict a label from images or from latents.

An attacker is `Attacker(name, fit)`, where

    fit(train, validation, classes, seed, quick) -> score

`train` and `validation` are `Examples`; `score(features)` returns `(n, tasks, classes)`: log-probabilities where the
attacker has them, else any numbers of which the highest is the prediction. Validation examples serve for every choice
(when to stop, how strongly to regularise) and for nothing else. Tasks are independent labellings of the same features,
one column each: a real attack has one, the negative control has one for each permutation, so that a network or a
factorisation is paid for once. To add an attacker, write such a `fit` and add it to a tuple below.
"""

from vgan_tf.audit.attackers.augmentation import shift_light_and_cover
from vgan_tf.audit.attackers.boosting import fit_boosting
from vgan_tf.audit.attackers.components import principal_components
from vgan_tf.audit.attackers.interface import (
    VALIDATION_SHARE,
    Attacker,
    Examples,
    Seen,
    attack,
    stratified_sample,
    train,
    train_scores,
)
from vgan_tf.audit.attackers.linear import (
    fit_kernel_ridge,
    fit_kernel_ridge_of_expression,
    fit_logistic,
    fit_lowest_bit_ridge,
    fit_pixel_ridge,
)
from vgan_tf.audit.attackers.neighbours import fit_neighbours
from vgan_tf.audit.attackers.networks import (
    cnn,
    fit_bit_cnn,
    fit_large_cnn,
    fit_medium_cnn,
    fit_mlp,
    fit_network,
    fit_small_cnn,
    in_batches,
    train_network,
)

__all__ = [
    "VALIDATION_SHARE",
    "Examples",
    "Seen",
    "attack",
    "cnn",
    "fit_network",
    "in_batches",
    "principal_components",
    "shift_light_and_cover",
    "stratified_sample",
    "train",
    "train_network",
    "train_scores",
]

SMALL_CNN = Attacker("small CNN", fit_small_cnn, "network")
CNN = Attacker("medium CNN", fit_medium_cnn, "network")
LARGE_CNN = Attacker("large CNN", fit_large_cnn, "network")
BIT_CNN = Attacker("CNN on bit planes", fit_bit_cnn, "bits")
PIXEL_RIDGE = Attacker("ridge on pixels", fit_pixel_ridge, "linear")
LOWEST_BIT_RIDGE = Attacker("ridge on lowest bits", fit_lowest_bit_ridge, "bits")
COMPONENT_KERNEL_RIDGE = Attacker("kernel ridge on components", fit_kernel_ridge, "similarity", on_components=True)
COMPONENT_NEIGHBOURS = Attacker("nearest neighbours on components", fit_neighbours, "similarity", on_components=True)
COMPONENTS_OF_EXPRESSION = Attacker(
    "kernel ridge on components, expression known",
    fit_kernel_ridge_of_expression,
    "similarity",
    on_components=True,
    knows_expression=True,
)
LOGISTIC = Attacker("logistic", fit_logistic, "linear")
MLP = Attacker("MLP", fit_mlp, "network")
KERNEL_RIDGE = Attacker("kernel ridge", fit_kernel_ridge, "similarity")
BOOSTING = Attacker("boosted trees", fit_boosting, "trees", permutations=8)
NEIGHBOURS = Attacker("nearest neighbours", fit_neighbours, "similarity")
KERNEL_RIDGE_OF_EXPRESSION = Attacker(
    "kernel ridge, expression known", fit_kernel_ridge_of_expression, "similarity", knows_expression=True
)

IMAGE_ATTACKERS = (
    *(SMALL_CNN, CNN, LARGE_CNN, BIT_CNN),
    *(PIXEL_RIDGE, LOWEST_BIT_RIDGE, COMPONENT_KERNEL_RIDGE, COMPONENT_NEIGHBOURS, COMPONENTS_OF_EXPRESSION),
)
LATENT_ATTACKERS = (LOGISTIC, MLP, KERNEL_RIDGE, BOOSTING, NEIGHBOURS, KERNEL_RIDGE_OF_EXPRESSION)
# Each kind by its cheapest.
QUICK_IMAGE_ATTACKERS = (SMALL_CNN, PIXEL_RIDGE, LOWEST_BIT_RIDGE, COMPONENT_NEIGHBOURS, COMPONENTS_OF_EXPRESSION)
QUICK_LATENT_ATTACKERS = (LOGISTIC, KERNEL_RIDGE, NEIGHBOURS, KERNEL_RIDGE_OF_EXPRESSION)
# Those that also learn from fresh images, across targets, from averages, or on what other attackers made.
FRESH_IMAGE_ATTACKERS = (CNN, PIXEL_RIDGE, COMPONENT_KERNEL_RIDGE)
QUICK_FRESH_IMAGE_ATTACKERS = (PIXEL_RIDGE,)
FRESH_LATENT_ATTACKERS = (LOGISTIC, KERNEL_RIDGE)
TRANSFER_ATTACKERS = (PIXEL_RIDGE,)
# Those that find what is hidden in lowest bits, and those too costly to train for every processing of the images.
BIT_ATTACKERS = (BIT_CNN, LOWEST_BIT_RIDGE)
COSTLY_ATTACKERS = (LARGE_CNN,)


def for_images(quick):
    """The attackers on images that an audit runs."""
    return QUICK_IMAGE_ATTACKERS if quick else IMAGE_ATTACKERS


def for_latents(quick):
    """The attackers on latents that an audit runs."""
    return QUICK_LATENT_ATTACKERS if quick else LATENT_ATTACKERS
