"""What a face shows at rest, which tells who it is, taken out of what it does."""

import numpy as np

from vgan_tf.ondevice.expression_reader import ANGLES

SHARE, LEAST_FRAMES = 0.2, 5  # of a face's frames, those with the weakest expression, of which rest is judged
SLIGHT = 0.2  # strength of an expression, up to which a face may be at rest; beyond, it may be one that is held


def without_rest(latents, names):
    """Latents of one face in the frames of a video, without what it shows at rest.

    A face at rest reads as a slight expression, the same at all times and another for each person. What it is is judged
    by the median of the frames with the weakest expression; where that is more than slight, nothing is taken out. Pose
    and gaze stay as they are.

    Args:
        latents: float32 `(frames, d)`.
        names: what each number of a latent says, as of `Export.latent_names`.

    Returns:
        float32 of the same shape.
    """
    slow = np.array([name not in (*ANGLES["pose"], *ANGLES["gaze"]) for name in names])
    strengths = slow & [not name.startswith("motion_") for name in names]
    strongest = latents[:, strengths].max(axis=1, initial=-np.inf)
    weakest = np.argsort(strongest, kind="stable")[: max(LEAST_FRAMES, round(SHARE * len(latents)))]
    rest = np.where(slow, np.median(latents[weakest], axis=0), 0)
    held = (rest[strengths] > SLIGHT).any()
    return latents if held else (latents - rest).astype(np.float32)
