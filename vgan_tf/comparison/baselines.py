"""Simple anonymizers to compare with, from no protection to tables of stored pictures.

Each is a function `(dump) -> protect`, which may learn from the training images of the dump, and `protect` makes uint8
pictures of `Images`. `BASELINES` names them all. The two tables are the ones to beat: they show nobody's face but the
target's, and keep the name of the expression.
"""

import dataclasses

import numpy as np
from sklearn.metrics import euclidean_distances

from vgan_tf.audit import processing
from vgan_tf.audit.dump import LATENTS
from vgan_tf.audit.utility.tables import STRENGTHS, table_of
from vgan_tf.errors import InputError


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
    protected = np.empty_like(faces.x)
    random = np.random.default_rng(0)
    for expression in np.unique(faces.ep):
        rows = random.permutation(np.flatnonzero(faces.ep == expression))
        pixels = faces.x[rows].reshape(len(rows), -1).astype(np.float32)
        clusters = similar_people(pixels, faces.id[rows], k)
        if not clusters:
            raise InputError(f"k-same needs {k} people who show each expression; leave it out, or add people")
        means = np.stack([pixels[cluster].mean(axis=0) for cluster in clusters])
        nearest = euclidean_distances(pixels, means).argmin(axis=1)
        for number, cluster in enumerate(clusters):
            nearest[cluster] = number
        protected[rows] = np.rint(means[nearest]).astype(np.uint8).reshape(-1, *faces.x.shape[1:])
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
    missing = np.setdiff1d(faces.ep, train.ep)
    if missing.size:
        raise InputError(f"label-only: no training image shows expression number {missing[0]}; add some")
    means = np.zeros((train.ep.max() + 1, *train.x.shape[1:]), np.uint8)
    for expression in np.unique(train.ep):
        means[expression] = np.rint(train.x[train.ep == expression].mean(axis=0))
    return means[faces.ep]


def _of_pixels(change, *arguments):
    return lambda dump: lambda images: change(images.x, *arguments)


# Each series from the weakest to the strongest protection.
LADDERS = {
    "none": {"unprotected": _of_pixels(np.copy)},
    "blur": {f"blur-{pixels}": _of_pixels(processing.blur, pixels) for pixels in (1, 2, 4, 8)},
    "pixelation": {f"pixelate-{cell}": _of_pixels(pixelate, cell) for cell in (4, 8, 16, 32)},
    "noise": {f"noise-{levels}": _of_pixels(processing.add_noise, levels, 0) for levels in (16, 32, 64, 128)},
    "k-same": {f"k-same-{k}": lambda dump, k=k: lambda images: k_same(images, k) for k in (2, 5, 10)},
    "label only": {"label-only": lambda dump: lambda images: label_only(images, dump.train)},
}
BASELINES = {name: fit for ladder in LADDERS.values() for name, fit in ladder.items()}
# Always compared with: name -> how many stored pictures there are of each target and expression.
TABLES = {"table": STRENGTHS["one_each"], "table of strengths": STRENGTHS["strengths"]}


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
        Dump without latents, release and targets. Its further images are protected likewise. What trained the
        anonymizer is not known of it, so that as many images are tested as of the dump.

    Raises:
        InputError: the baseline cannot be applied to this data.
    """
    protect = BASELINES[name](dump)
    bare = dataclasses.replace(dump.without("c", "r", *LATENTS), release=name, discrete=False, target_policy="unknown")
    return _untrained(bare.changed(lambda images: dataclasses.replace(images, p=protect(images))))


def table_dumps(dump, classifier):
    """As `baseline_dump`, of the tables of pictures. They have targets, and their release is a code.

    `classifier`: of originals; it decides which picture is shown.

    Returns:
        {key of `TABLES`: Dump}.
    """
    bare, dumps = dump.without(*LATENTS), {}
    for name, strengths in TABLES.items():
        table = table_of(dump, strengths, classifier=classifier)
        codes = np.eye(table.pictures_of_each, dtype=np.float32)

        def protect(images, table=table, codes=codes):
            pictures, shown = table.protect(images)
            return dataclasses.replace(images, p=pictures, r=codes[shown % len(codes)])

        dumps[name] = _untrained(dataclasses.replace(bare, release=name, discrete=True).changed(protect))
    return dumps


def _untrained(dump):
    """The dump with nothing said of what trained it, unless its people were held out."""
    return dump if dump.people_held_out else dataclasses.replace(dump, trained=None)
