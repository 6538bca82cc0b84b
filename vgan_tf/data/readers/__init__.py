"""Readers of labelled faces: image folders, arrays, tables. The formats: docs/data.md."""

from vgan_tf.data.readers.files import read_files

__all__ = ["read_files"]
