"""The principal components of images, on which some attackers work."""

import numpy as np
from sklearn.decomposition import PCA

from vgan_tf.images import to_float

PRINCIPAL_COMPONENTS = 64


def principal_components(images, seed, quick=False):
    """Fit the leading principal components of images: project, uint8 images -> float32 `(n, components)`."""

    def flat(others):
        return to_float(others[:, ::2, ::2] if quick else others).reshape(len(others), -1)

    count = min(PRINCIPAL_COMPONENTS, *flat(images).shape)
    with np.errstate(invalid="ignore"):  # images that are all the same have no variance
        model = PCA(count, svd_solver="randomized", random_state=seed).fit(flat(images))
    return lambda others: model.transform(flat(others))
