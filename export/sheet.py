"""A picture of all target identities, by which users choose one."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgan_tf.images import enlarge, tile

COLUMNS = 4
LEAST_SIDE = 128  # pixels of one face on the sheet
STRIP = 20  # pixels below a face for its name


def identity_sheet(model, latents):
    """Draw every target identity with the same motion, its name below.

    Args:
        model: PPRLVGAN.
        latents: float32 `(n, latent_dim)`, of examples; where the model has no prototypes their mean is drawn, else the
            first one.

    Returns:
        uint8 `(height, width, 3)`.
    """
    latent = latents[:1] if model.prototypes is not None else latents.mean(axis=0, keepdims=True)
    count = len(model.identities)
    faces = model.decode(np.repeat(latent, count, axis=0), np.arange(count))
    cells = []
    for name, face in zip(model.identities, faces, strict=True):
        face = enlarge(face, -(-LEAST_SIDE // len(face)))
        cell = Image.new("RGB", (len(face), len(face) + STRIP), "white")
        cell.paste(Image.fromarray(face))
        middle = len(face) / 2, len(face) + STRIP / 2
        ImageDraw.Draw(cell).text(middle, name, "black", ImageFont.load_default(STRIP * 0.7), anchor="mm")
        cells.append(np.asarray(cell))
    return tile(cells, columns=min(COLUMNS, count), gap=4)
