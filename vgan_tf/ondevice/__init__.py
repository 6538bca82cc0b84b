"""On the device: NumPy, Pillow and LiteRT only. Importing it imports no TensorFlow."""

from vgan_tf.ondevice.export_folder import Export, open_export
from vgan_tf.ondevice.expression_reader import ExpressionReader
from vgan_tf.ondevice.lite import LiteModel
from vgan_tf.ondevice.people.live import Live
from vgan_tf.ondevice.protector import Protector, fixed_target

__all__ = ["Export", "ExpressionReader", "LiteModel", "Live", "Protector", "fixed_target", "open_export"]
