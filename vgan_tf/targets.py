"""Target identities: by name, at random, or by index. NumPy only."""

import numpy as np

from vgan_tf.errors import InputError


def resolve_targets(target, count, identities, seed=None):
    """Turn what a user calls a target into indices.

    Args:
        target: name of a target identity, "random" for one drawn for each image, or int `(count,)` of indices.
        count: images.
        identities: names, in the order of the target code.
        seed: of the random targets; None for others at each call.

    Returns:
        int64 `(count,)`.

    Raises:
        InputError: unknown name, or indices that do not fit.
    """
    if isinstance(target, str):
        if target == "random":
            return np.random.default_rng(seed).integers(0, len(identities), count)
        if target not in identities:
            raise InputError(f"target {target!r}: must be random or one of {', '.join(identities)}")
        return np.full(count, identities.index(target))
    targets, last = np.asarray(target), len(identities) - 1
    if targets.shape != (count,):
        raise InputError(f"targets of shape {targets.shape}: expected ({count},), one for each image")
    if not np.issubdtype(targets.dtype, np.integer) or targets.min() < 0 or targets.max() > last:
        raise InputError(f"target {target!r}: indices must be whole numbers from 0 to {last}")
    return targets


def target_codes(targets, identity_count):
    """One-hot codes: int `(n,)` -> float32 `(n, identity_count)`."""
    return np.eye(identity_count, dtype=np.float32)[np.asarray(targets)]
