"""The paper's applications (Chen et al. 2018, section 4): morphing, completion, synthesis without input."""

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.images import IMAGE_SIZE

# Named regions of a 64x64 face: x0, y0, x1, y1 in pixels, the far edges excluded. The mouth is the authors'.
MASKS = {
    "mouth": (18, 40, 47, 55),
    "eyes": (10, 20, 54, 36),
    "left": (0, 0, IMAGE_SIZE // 2, IMAGE_SIZE),
    "right": (IMAGE_SIZE // 2, 0, IMAGE_SIZE, IMAGE_SIZE),
}
HIDDEN = 128  # The grey that the encoder sees in place of a masked region: 0 in [-1, 1].


def morph(model, first, last, target, frames):
    """Move from one image's expression to another's at one target identity: linear in the latent's mean.

    Args:
        model: PPRLVGAN.
        first, last: uint8 `(64, 64, 3)`.
        target: name of a target identity.
        frames: number of pictures, at least 2, both ends included.

    Returns:
        uint8 `(frames, 64, 64, 3)`.
    """
    if frames < 2:
        raise InputError(f"frames={frames}: a morph needs at least 2, its two ends")
    ends = model.encode(np.stack([first, last]))
    share = np.linspace(0.0, 1.0, frames, dtype=np.float32)[:, None]
    latents = (1.0 - share) * ends[0] + share * ends[1]
    return model.decode(latents, model.resolve_targets(target, frames))


def parse_mask(text):
    """Turn a region's name or "x0,y0,x1,y1" into a box; raise InputError where it is neither."""
    if text in MASKS:
        return MASKS[text]
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"mask {text!r}: must be {', '.join(MASKS)} or x0,y0,x1,y1 in pixels") from None
    if not (0 <= x0 < x1 <= IMAGE_SIZE and 0 <= y0 < y1 <= IMAGE_SIZE):
        raise InputError(f"mask {text!r}: needs 0 <= x0 < x1 <= {IMAGE_SIZE} and 0 <= y0 < y1 <= {IMAGE_SIZE}")
    return x0, y0, x1, y1


def complete(model, image, box, target):
    """Hide a region, encode what is left, decode it, and paste back the region alone.

    Args:
        model: PPRLVGAN.
        image: uint8 `(64, 64, 3)`.
        box: x0, y0, x1, y1 in pixels, the far edges excluded.
        target: name of a target identity, or "same": the identity that D2 reads in the masked image.

    Returns:
        (uint8 `(64, 64, 3)` masked image, uint8 `(64, 64, 3)` completed image, name of the identity used).
    """
    x0, y0, x1, y1 = box
    masked = image.copy()
    masked[y0:y1, x0:x1] = HIDDEN
    if target == "same":
        target = model.identities[int(model.read_identity(masked[None])[0])]
    synthesis = model.decode(model.encode(masked[None]), model.resolve_targets(target, 1))[0]
    completed = image.copy()
    completed[y0:y1, x0:x1] = synthesis[y0:y1, x0:x1]
    return masked, completed, target


def synthesize(model, target, count, seed=0):
    """Faces without any input: latents drawn from the prior N(0, I), or of the prototypes where there are some.

    The authors draw with std 1.649, from their third reading of the encoder's output; we take the prior's own std, 1.

    Args:
        model: PPRLVGAN.
        target: name of a target identity.
        count: how many.
        seed: of the latents; the same seed gives the same expressions for every target.

    Returns:
        uint8 `(count, 64, 64, 3)`.
    """
    if count < 1:
        raise InputError(f"count={count}: must be at least 1")
    random = np.random.default_rng(seed)
    if model.prototypes is None:
        latents = random.standard_normal((count, model.config.latent_dim)).astype(np.float32)
    else:
        prototypes = model.nearest(model.prototypes.get_weights()[-1])
        latents = prototypes[random.integers(0, len(prototypes), count)]
    return model.decode(latents, model.resolve_targets(target, count))
