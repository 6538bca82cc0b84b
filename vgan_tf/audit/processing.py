"""What happens to a picture on its way: compression, blur, noise, fewer levels. uint8 images in, uint8 images out."""

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


def jpeg(images, quality):
    """Write and read each image as a JPEG of a quality of 1 to 95."""
    results = np.empty_like(images)
    for index, image in enumerate(images):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        results[index] = np.asarray(Image.open(buffer))
    return results


def blur(images, pixels):
    """Gaussian blur; `pixels` is its standard deviation."""
    return np.rint(gaussian_filter(images.astype(np.float32), (0, pixels, pixels, 0))).astype(np.uint8)


def add_noise(images, levels, seed):
    """Gaussian noise, independent for each pixel and channel; `levels` is its standard deviation, of 255."""
    random, results = np.random.default_rng(seed), np.empty_like(images)
    for index, image in enumerate(images):
        noise = levels * random.standard_normal(image.shape, np.float32)
        results[index] = np.clip(np.rint(image + noise), 0, 255)
    return results


def quantise(images, bits):
    """Keep the upper bits of each channel, and put each value in the middle of its step."""
    step = 1 << (8 - bits)
    return images // step * step + step // 2


# Name for the tables -> function (images, seed) -> images. The images themselves come in eight bits.
PROCESSINGS = {
    "JPEG, quality 75": lambda images, seed: jpeg(images, 75),
    "JPEG, quality 30": lambda images, seed: jpeg(images, 30),
    "blur of 1 pixel": lambda images, seed: blur(images, 1.0),
    "noise of 10 levels": lambda images, seed: add_noise(images, 10.0, seed),
    "5 bits a channel": lambda images, seed: quantise(images, 5),
}
QUICK_PROCESSINGS = ("JPEG, quality 75", "blur of 1 pixel")
