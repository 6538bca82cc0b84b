"""What is read frame by frame, without its tremble."""

import numpy as np

# Of the One Euro filter: cut-offs in Hz, of a motion that rests and of its speed; and how much the former grows with
# the speed, in Hz for one unit of the latent a second. Chosen on rendered clips (docs/on-device.md).
RESTING_HZ, SPEED_HZ, HZ_PER_SPEED = 1.0, 1.0, 4.0


class OneEuro:
    """The One Euro filter (Casiez, Roussel and Vogel 2012), which smooths what rests more than what moves.

    Args:
        resting_hz: cut-off in Hz of what rests.
        hz_per_speed: how much it grows with the speed, in Hz for one unit a second.
    """

    def __init__(self, resting_hz=RESTING_HZ, hz_per_speed=HZ_PER_SPEED):
        self._resting_hz, self._hz_per_speed = resting_hz, hz_per_speed
        self._seen = None

    def step(self, values, seconds):
        """Smooth the next values, float `(d,)`, which came so many seconds after those before: float64 `(d,)`."""
        values = np.array(values, np.float64)
        if self._seen is None:
            self._filtered, self._speed = values, np.zeros_like(values)
        else:
            self._speed = self._speed + _share(SPEED_HZ, seconds) * ((values - self._seen) / seconds - self._speed)
            weight = _share(self._resting_hz + self._hz_per_speed * np.abs(self._speed), seconds)
            self._filtered = self._filtered + weight * (values - self._filtered)
        self._seen = values
        return self._filtered


def smoothed(latents, rate):
    """Latents of one face in the frames of a video, smoothed over time.

    The One Euro filter runs forwards, then backwards over the result, which takes back its lag.

    Args:
        latents: float32 `(frames, d)`.
        rate: frames a second.

    Returns:
        float32 of the same shape.
    """
    for _ in range(2):
        one_euro = OneEuro()
        latents = np.stack([one_euro.step(latent, 1 / rate) for latent in latents])[::-1]
    return latents.astype(np.float32)


def _share(cutoff, seconds):
    """The weight of a new value, for a low pass of this cut-off in Hz."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))
