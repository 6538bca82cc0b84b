"""On the device: NumPy, Pillow and LiteRT only. Importing it imports no TensorFlow."""
