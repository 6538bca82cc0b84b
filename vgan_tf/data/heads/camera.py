"""From light to a picture, as a camera makes it: background, exposure, tone curve, lens, sensor and file."""

import functools
import io
import math

import numpy as np
from PIL import Image, ImageFilter

from vgan_tf.data.heads import backgrounds, occluders

_BRIGHTEST = 4.0  # light above it is white
_STEPS = 16384  # of the tone curve: fine enough that dark greys keep their own level
_SHOULDER = 0.7  # light above it is compressed, so that nothing burns out at once


def _tone_curve():
    light = np.linspace(0, _BRIGHTEST, _STEPS)
    above = np.maximum(light - _SHOULDER, 0)
    light = np.minimum(light, _SHOULDER) + (1 - _SHOULDER) * (1 - np.exp(-above / (1 - _SHOULDER)))
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


_TONES = _tone_curve()
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def take(picture, nuisance):
    """Photograph a lit head.

    Args:
        picture: float32 `(size, size, 4)`, linear RGB premultiplied by alpha.
        nuisance: Nuisance. Of the default one nothing but the tone curve remains: sRGB, with a soft shoulder.

    Returns:
        uint8 `(size, size, 4)`: sRGB, and as alpha how much of a pixel the head covers, but not where an occluder hides
        it. Without a background, RGB is the head's own wherever alpha is above 0, and black elsewhere.
    """
    size = len(picture)
    # Whole planes are three times as fast as pixels of four values.
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    light, alpha = planes[:3], planes[3]
    if nuisance.background == "none":
        light /= np.maximum(alpha, np.float32(1e-6))
    else:
        light += (1 - alpha) * backgrounds.draw(nuisance, size)
    if nuisance.occluder != "none":
        cover, shadow = occluders.draw(nuisance, size)
        open_part = 1 - cover[3]
        light *= (1 - shadow * alpha) * open_part
        light += cover[:3]
        alpha *= open_part
    gains = np.array(nuisance.white_balance) * (2.0**nuisance.exposure * (_STEPS - 1) / _BRIGHTEST)
    light *= gains.astype(np.float32)[:, None, None]
    tones = _TONES.take(light.astype(np.int32), mode="clip")
    if nuisance.saturation != 1:
        grey = np.tensordot(_LUMA, tones, 1)
        tones = grey + np.float32(nuisance.saturation) * (tones - grey)
    planes[:3] = np.float32(255 * nuisance.contrast) * (tones - np.float32(0.5)) + np.float32(127.5)
    alpha *= 255
    if nuisance.blur or nuisance.motion_blur:
        planes = _blurred(_levels(planes), nuisance).astype(np.float32)
    if nuisance.noise:
        planes[:3] += _noise(nuisance, size)
    image = np.ascontiguousarray(_levels(planes).transpose(1, 2, 0))
    if nuisance.jpeg:
        image[..., :3] = _compressed(image[..., :3], nuisance.jpeg)
    return image


def _levels(values):
    return np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)


def _blurred(planes, nuisance):
    """Blur uint8 `(4, size, size)` by the lens and by motion, alpha too: an edge covers what is seen."""
    size = planes.shape[1]
    # Before nothing, only what is covered has a colour to spread.
    mode = "RGBa" if nuisance.background == "none" else "RGBA"
    picture = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0))).convert(mode)
    if nuisance.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(nuisance.blur * size))
    length = nuisance.motion_blur * size
    if length > 0.5:
        count = math.ceil(length) + 1
        angle = math.radians(nuisance.motion_blur_angle)
        values = np.asarray(picture)
        margin = math.ceil(length / 2) + 1
        values = np.pad(values, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        total = np.zeros((size, size, 4), np.uint16)
        for place in np.linspace(-length / 2, length / 2, count):
            x, y = margin + round(place * math.cos(angle)), margin + round(place * math.sin(angle))
            total += values[y : y + size, x : x + size]
        picture = Image.frombytes(mode, picture.size, (total // count).astype(np.uint8).tobytes())
    return np.asarray(picture.convert("RGBA")).transpose(2, 0, 1)


@functools.cache
def _grain(size):
    """Unit normal noise from which pictures of a size take theirs, each another piece: faster than drawing it anew."""
    return np.random.default_rng(size).standard_normal(6 * size * size, np.float32)


def _noise(nuisance, size):
    """Noise of a sensor, float32 `(3, size, size)`: two thirds of its power is grey, the rest coloured spots."""
    generator = np.random.default_rng([nuisance.seed, 2])
    half = (size + 1) // 2  # spots of two pixels, as between a sensor's cells
    first, second = generator.integers(3 * size * size, size=2)
    grain = _grain(size)
    grey = grain[first : first + size * size].reshape(size, size)
    colour = grain[second : second + 3 * half * half].reshape(3, half, half) * np.float32(math.sqrt(1 / 3))
    colour = colour.repeat(2, axis=1).repeat(2, axis=2)[:, :size, :size]
    return np.float32(nuisance.noise) * (np.float32(math.sqrt(2 / 3)) * grey + colour)


def _compressed(image, quality):
    """uint8 `(size, size, 3)` through a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
