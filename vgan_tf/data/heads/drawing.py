"""From what a picture is made of to the picture."""

from vgan_tf.data.heads import camera

VERSION = 6  # raise it whenever a pixel or a motion changes: what other versions prepared is not used


def draw(renderer, person, motion, nuisance, size):
    """Render one head and take its picture.

    Args:
        renderer: `renderer.Renderer`.
        person: Person.
        motion: Motion.
        nuisance: Nuisance.
        size: side of the picture in pixels.

    Returns:
        uint8 `(size, size, 4)`: sRGB, and the share of each pixel that the head covers.
    """
    return camera.take(renderer.render(person, motion, nuisance, size), nuisance)
