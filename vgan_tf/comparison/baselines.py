"""Simple anonymizers to compare with, from doing nothing to drawing the expression's label alone.

Each is a function `(faces, train) -> uint8 images` of two `Faces`: those to protect, and those of the training part,
for what is learnt from data. `BASELINES` names them all.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from vgan_tf.audit import processing
from vgan_tf.audit.dump import EXTRAS, LATENTS, PARTS
from vgan_tf.errors import InputError


class Faces(NamedTuple):
    """images: uint8 `(n, height, width, 3)`; identity, expression: int64 `(n,)`."""

    images: np.ndarray
    identity: np.ndarray
    expression: np.ndarray


def none(faces, train):
    """The originals: all utility, no privacy."""
    return faces.images.copy()


def blur(faces, train, sigma):
    """Gaussian blur of standard deviation `sigma` pixels."""
    return processing.blur(faces.images, sigma)


def pixelate(faces, train, cell):
    """The mean colour of each square of `cell` pixels; those at the right and lower edge may be smaller."""
    means = faces.images.astype(np.float32)
    for axis in (1, 2):
        side = means.shape[axis]
        starts = np.arange(0, side, cell)
        sizes = np.diff(starts, append=side)
        shape = [-1 if dimension == axis else 1 for dimension in range(4)]
        means = (np.add.reduceat(means, starts, axis=axis) / sizes.reshape(shape)).repeat(sizes, axis=axis)
    return np.rint(means).astype(np.uint8)


def add_noise(faces, train, deviation, seed=0):
    """Independent Gaussian noise of `deviation` levels of 255 on each pixel and colour, clipped."""
    return processing.add_noise(faces.images, deviation, seed)


def k_same(faces, train, k, seed=0):
    """The mean of k similar faces of different people, which all k of them get.

    k-Same-Pixel of Newton, Sweeney and Malin (2005), which takes one image of each person; here clusters hold at most
    one of each. Clusters are formed within an expression (the variant k-Same-Select of Gross, Airoldi, Malin and
    Sweeney, 2005), as otherwise little of it would be left. Faces in no whole cluster get the nearest cluster's mean.

    Raises:
        InputError: an expression is shown by fewer than k people.
    """
    protected = np.empty_like(faces.images)
    random = np.random.default_rng(seed)
    for expression in np.unique(faces.expression):
        rows = random.permutation(np.flatnonzero(faces.expression == expression))
        pixels = faces.images[rows].reshape(len(rows), -1).astype(np.float32)
        clusters = similar_people(pixels, faces.identity[rows], k)
        if not clusters:
            raise InputError(f"k-same needs {k} people who show each expression; leave it out, or add people")
        means = np.stack([pixels[cluster].mean(axis=0) for cluster in clusters])
        belongs = np.full(len(rows), -1)
        for number, cluster in enumerate(clusters):
            belongs[cluster] = number
        left = np.flatnonzero(belongs < 0)
        belongs[left] = _distances(pixels[left], means).argmin(axis=1)
        protected[rows] = np.rint(means[belongs]).astype(np.uint8).reshape(-1, *faces.images.shape[1:])
    return protected


def similar_people(pixels, identity, k):
    """Greedy clusters of k rows each: the first one left, and the nearest of k - 1 other identities.

    Args:
        pixels: float32 `(n, d)`.
        identity: int `(n,)`.
        k: size of a cluster.

    Returns:
        list of lists of row numbers, as long as k identities are left.
    """
    distances, left, clusters = _distances(pixels, pixels), np.ones(len(pixels), bool), []
    while len(np.unique(identity[left])) >= k:
        # Begun with the identity of which most is left, so that few faces end in no cluster.
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
    """The mean training face of the true expression: no identity can be left, so it bounds what privacy may cost."""
    means = np.zeros((train.expression.max() + 1, *train.images.shape[1:]), np.uint8)
    for expression in np.unique(train.expression):
        means[expression] = np.rint(train.images[train.expression == expression].mean(axis=0)).astype(np.uint8)
    missing = np.setdiff1d(faces.expression, train.expression)
    if missing.size:
        raise InputError(f"label-only: no training image shows expression number {missing[0]}; add some")
    return means[faces.expression]


def _distances(some, others):
    """Squared Euclidean distances: `(n, d)` and `(m, d)` -> `(n, m)`."""
    return np.square(some).sum(axis=1)[:, None] + np.square(others).sum(axis=1) - 2 * some @ others.T


# Each ladder from the weakest to the strongest.
LADDERS = {
    "none": {"none": none},
    "blur": {f"blur-{sigma}": functools.partial(blur, sigma=sigma) for sigma in (1, 2, 4, 8)},
    "pixelation": {f"pixelate-{cell}": functools.partial(pixelate, cell=cell) for cell in (4, 8, 16, 32)},
    "noise": {f"noise-{levels}": functools.partial(add_noise, deviation=levels) for levels in (16, 32, 64, 128)},
    "k-same": {f"k-same-{k}": functools.partial(k_same, k=k) for k in (2, 5, 10)},
    "label only": {"label-only": label_only},
}
BASELINES = {name: function for ladder in LADDERS.values() for name, function in ladder.items()}


def baseline_dump(dump, name):
    """A dump as though a baseline had protected its originals.

    Args:
        dump: `Dump`.
        name: key of `BASELINES`.

    Returns:
        Dump without latents and targets, further images protected likewise; no image trained the baseline.

    Raises:
        InputError: no such baseline, or it cannot be applied to this data.
    """
    if name not in BASELINES:
        raise InputError(f"baseline {name!r}: must be one of {', '.join(BASELINES)}")
    protect = BASELINES[name]
    train = Faces(dump.x_train, dump.id_train, dump.ep_train)
    changes = {"target_policy": "unknown", "trained_train": np.zeros(len(train.images), bool)}
    for part in PARTS:
        faces = Faces(*(getattr(dump, f"{kind}_{part}") for kind in ("x", "id", "ep")))
        changes[f"p_{part}"] = protect(faces, train)
    bare = dump.without("c", *LATENTS)
    for part in EXTRAS:
        extra = getattr(bare, part)
        if extra is not None:
            changes[part] = dataclasses.replace(extra, p=protect(Faces(extra.x, extra.id, extra.ep), train))
    return dataclasses.replace(bare, **changes)


def applicable(dump, names):
    """Those of `names` that the data allows: k-same needs k people who show each expression in each part."""
    parts = [(dump.id_train, dump.ep_train), (dump.id_test, dump.ep_test)]
    extras = [getattr(dump, part) for part in EXTRAS]
    parts += [(extra.id, extra.ep) for extra in extras if extra is not None]
    people = min(
        len(np.unique(identity[expression == one])) for identity, expression in parts for one in np.unique(expression)
    )
    return [name for name in names if not (name in LADDERS["k-same"] and int(name.rpartition("-")[2]) > people)]
