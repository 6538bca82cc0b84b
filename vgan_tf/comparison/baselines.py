"""Simple anonymizers to compare with, from no protection to one picture for each expression.

Each is a function `(faces, train) -> uint8 images`: it protects `faces`, and may learn from `train`, the training
images of the same dump. `BASELINES` names them all.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from sklearn.metrics import euclidean_distances

from vgan_tf.audit import processing
from vgan_tf.audit.dump import EXTRAS, LATENTS
from vgan_tf.errors import InputError


class Faces(NamedTuple):
    """images: uint8 `(n, height, width, 3)`; identity, expression: int64 `(n,)`."""

    images: np.ndarray
    identity: np.ndarray
    expression: np.ndarray


def pixelate(images, cell):
    """The mean colour of each square of `cell` pixels; those at the right and lower edge may be smaller."""
    means = images.astype(np.float32)
    for axis in (1, 2):
        side = means.shape[axis]
        starts = np.arange(0, side, cell)
        sizes = np.diff(starts, append=side)
        shape = [-1 if dimension == axis else 1 for dimension in range(4)]
        means = (np.add.reduceat(means, starts, axis=axis) / sizes.reshape(shape)).repeat(sizes, axis=axis)
    return np.rint(means).astype(np.uint8)


def k_same(faces, k):
    """The mean of k similar faces of different people replaces each of the k.

    k-Same-Pixel of Newton, Sweeney and Malin (2005). They have one image of each person; here a cluster holds at most
    one image of each. Clusters are formed within an expression (k-Same-Select of Gross, Airoldi, Malin and Sweeney,
    2005), as averages over expressions would keep little of any. Faces left over get the mean of the nearest cluster.

    Raises:
        InputError: fewer than k people show an expression.
    """
    protected = np.empty_like(faces.images)
    random = np.random.default_rng(0)
    for expression in np.unique(faces.expression):
        rows = random.permutation(np.flatnonzero(faces.expression == expression))
        pixels = faces.images[rows].reshape(len(rows), -1).astype(np.float32)
        clusters = similar_people(pixels, faces.identity[rows], k)
        if not clusters:
            raise InputError(f"k-same needs {k} people who show each expression; leave it out, or add people")
        means = np.stack([pixels[cluster].mean(axis=0) for cluster in clusters])
        nearest = euclidean_distances(pixels, means).argmin(axis=1)
        for number, cluster in enumerate(clusters):
            nearest[cluster] = number
        protected[rows] = np.rint(means[nearest]).astype(np.uint8).reshape(-1, *faces.images.shape[1:])
    return protected


def similar_people(pixels, identity, k):
    """Greedy clusters of k images each: one image, and the nearest images of k - 1 other people.

    Args:
        pixels: float32 `(n, d)`.
        identity: int `(n,)`.
        k: size of a cluster.

    Returns:
        list of lists of row numbers; rows of the last k - 1 people or fewer are left over.
    """
    distances, left, clusters = euclidean_distances(pixels), np.ones(len(pixels), bool), []
    while len(np.unique(identity[left])) >= k:
        # Starts with the person with most images left, so that few images are left over.
        counts = np.bincount(identity[left], minlength=identity.max() + 1)
        first = int(np.flatnonzero(left & (identity == counts.argmax()))[0])
        cluster = [first]
        for row in np.argsort(distances[first], kind="stable"):
            if len(cluster) < k and left[row] and identity[row] not in identity[cluster]:
                cluster.append(int(row))
        left[cluster] = False
        clusters.append(cluster)
    return clusters


def label_only(faces, train):
    """The mean training face of the true expression: it can show nobody, so it bounds what privacy may cost.

    Raises:
        InputError: no training image shows one of the expressions.
    """
    missing = np.setdiff1d(faces.expression, train.expression)
    if missing.size:
        raise InputError(f"label-only: no training image shows expression number {missing[0]}; add some")
    means = np.zeros((train.expression.max() + 1, *train.images.shape[1:]), np.uint8)
    for expression in np.unique(train.expression):
        means[expression] = np.rint(train.images[train.expression == expression].mean(axis=0))
    return means[faces.expression]


# Each series from the weakest to the strongest protection.
LADDERS = {
    "none": {"unprotected": lambda faces, train: faces.images.copy()},
    "blur": {
        f"blur-{pixels}": lambda faces, train, pixels=pixels: processing.blur(faces.images, pixels)
        for pixels in (1, 2, 4, 8)
    },
    "pixelation": {
        f"pixelate-{cell}": lambda faces, train, cell=cell: pixelate(faces.images, cell) for cell in (4, 8, 16, 32)
    },
    "noise": {
        f"noise-{levels}": lambda faces, train, levels=levels: processing.add_noise(faces.images, levels, seed=0)
        for levels in (16, 32, 64, 128)
    },
    "k-same": {f"k-same-{k}": lambda faces, train, k=k: k_same(faces, k) for k in (2, 5, 10)},
    "label only": {"label-only": label_only},
}
BASELINES = {name: protect for ladder in LADDERS.values() for name, protect in ladder.items()}


def baseline_names(text):
    """The baselines named by "all", "none" or "NAME,NAME,..."; an unknown name raises InputError."""
    names = {"all": list(BASELINES), "none": []}.get(text, text.split(","))
    for name in names:
        if name not in BASELINES:
            raise InputError(f"baseline {name!r}: give all, none, or some of {', '.join(BASELINES)}")
    return names


def baseline_dump(dump, name):
    """A dump as though a baseline had protected its originals.

    Args:
        dump: `Dump`.
        name: key of `BASELINES`.

    Returns:
        Dump without latents and targets. Its further images are protected likewise; no image trained the baseline.

    Raises:
        InputError: the baseline cannot be applied to this data.
    """
    protect = BASELINES[name]
    train = Faces(dump.train.x, dump.train.id, dump.train.ep)
    test = Faces(dump.test.x, dump.test.id, dump.test.ep)
    bare = dump.without("c", *LATENTS)
    extras = {}
    for kind in EXTRAS:
        extra = getattr(bare, kind)
        if extra is not None:
            extras[kind] = dataclasses.replace(extra, p=protect(Faces(extra.x, extra.id, extra.ep), train))
    return dataclasses.replace(
        bare,
        p_train=protect(train, train),
        p_test=protect(test, train),
        trained=np.zeros(len(dump.train.x), bool),
        target_policy="unknown",
        **extras,
    )
