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
from vgan_tf.audit.attackers.interface import (
    VALIDATION_SHARE,
    Attacker,
    Examples,
    attack,
    attack_scores,
    stratified_sample,
    train,
    train_scores,
)
from vgan_tf.audit.attackers.linear import fit_kernel_ridge, fit_logistic, fit_lowest_bit_ridge, fit_pixel_ridge
from vgan_tf.audit.attackers.neighbours import fit_neighbours, on_components, principal_components
from vgan_tf.audit.attackers.networks import (
    cnn,
    fit_bit_cnn,
    fit_large_cnn,
    fit_medium_cnn,
    fit_mlp,
    fit_network,
    fit_small_cnn,
    in_batches,
    train_classifier,
    train_network,
)

__all__ = [
    "VALIDATION_SHARE",
    "Examples",
    "attack",
    "attack_scores",
    "cnn",
    "fit_network",
    "in_batches",
    "principal_components",
    "shift_light_and_cover",
    "stratified_sample",
    "train",
    "train_classifier",
    "train_network",
    "train_scores",
]

SMALL_CNN = Attacker("small CNN", fit_small_cnn)
CNN = Attacker("medium CNN", fit_medium_cnn)
LARGE_CNN = Attacker("large CNN", fit_large_cnn)
BIT_CNN = Attacker("CNN on bit planes", fit_bit_cnn)
PIXEL_RIDGE = Attacker("ridge on pixels", fit_pixel_ridge)
LOWEST_BIT_RIDGE = Attacker("ridge on lowest bits", fit_lowest_bit_ridge)
COMPONENT_KERNEL_RIDGE = Attacker("kernel ridge on components", on_components(fit_kernel_ridge))
COMPONENT_NEIGHBOURS = Attacker("nearest neighbours on components", on_components(fit_neighbours))
LOGISTIC = Attacker("logistic", fit_logistic)
MLP = Attacker("MLP", fit_mlp)
KERNEL_RIDGE = Attacker("kernel ridge", fit_kernel_ridge)
BOOSTING = Attacker("boosted trees", fit_boosting, permutations=8)
NEIGHBOURS = Attacker("nearest neighbours", fit_neighbours)

IMAGE_ATTACKERS = (
    *(SMALL_CNN, CNN, LARGE_CNN, BIT_CNN),
    *(PIXEL_RIDGE, LOWEST_BIT_RIDGE, COMPONENT_KERNEL_RIDGE, COMPONENT_NEIGHBOURS),
)
LATENT_ATTACKERS = (LOGISTIC, MLP, KERNEL_RIDGE, BOOSTING, NEIGHBOURS)
# Each kind by its cheapest.
QUICK_IMAGE_ATTACKERS = (SMALL_CNN, PIXEL_RIDGE, LOWEST_BIT_RIDGE, COMPONENT_NEIGHBOURS)
QUICK_LATENT_ATTACKERS = (LOGISTIC, KERNEL_RIDGE, NEIGHBOURS)
# Those that also learn from fresh images, across targets, or from averages.
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
