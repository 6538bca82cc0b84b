"""Labelled faces: drawn or read from any source, splitting them, and feeding them to training.

NumPy and Pillow only; `pipeline.py`, which needs Keras, is imported by its own name.
"""

from vgan_tf.data.faces import FaceSet
from vgan_tf.data.sources import brings_counterparts, companions, load_faces
from vgan_tf.data.splits import Split, partition, split

__all__ = ["FaceSet", "Split", "brings_counterparts", "companions", "load_faces", "partition", "split"]
