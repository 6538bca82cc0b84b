"""The built-in data: people drawn with Pillow. Identity, motion and nuisance in, a picture out."""

from vgan_tf.data.avatars.appearance import Identity, Motion, Nuisance
from vgan_tf.data.avatars.dataset import Avatars, load, load_companions, parse_options
from vgan_tf.data.avatars.drawing import draw_face

__all__ = ["Avatars", "Identity", "Motion", "Nuisance", "draw_face", "load", "load_companions", "parse_options"]
