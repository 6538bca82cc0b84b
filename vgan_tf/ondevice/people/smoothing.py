"""Motion over time without the tremble of frames that are read one by one."""

import numpy as np

# Of the One Euro filter: cut-offs in Hz, of a motion that rests and of its speed; and how much the former grows with
# the speed, in Hz for one unit of the latent a second. Chosen on rendered clips (docs/on-device.md).
RESTING_HZ, SPEED_HZ, HZ_PER_SPEED = 1.0, 1.0, 4.0


def smoothed(latents, rate):
    """Latents of one face in the frames of a video, smoothed over time.

    The One Euro filter (Casiez, Roussel and Vogel 2012) smooths what rests more than what moves. It runs forwards, then
    backwards over the result, which takes back its lag.

    Args:
        latents: float32 `(frames, d)`.
        rate: frames a second.

    Returns:
        float32 of the same shape.
    """
    return _one_euro(_one_euro(latents, rate)[::-1], rate)[::-1].astype(np.float32)


def _one_euro(values, rate):
    def share(cutoff):
        """The weight of a new value, for a low pass of this cut-off in Hz."""
        return 1 / (1 + rate / (2 * np.pi * cutoff))

    filtered = np.array(values, np.float64)
    speed = np.zeros(filtered.shape[1])
    for number in range(1, len(filtered)):
        change = (values[number] - values[number - 1]) * rate
        speed += share(SPEED_HZ) * (change - speed)
        weight = share(RESTING_HZ + HZ_PER_SPEED * np.abs(speed))
        filtered[number] = filtered[number - 1] + weight * (values[number] - filtered[number - 1])
    return filtered
