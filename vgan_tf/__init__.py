"""PPRL-VGAN for Keras. Public names load on first use, so that importing the package imports no TensorFlow."""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "Config": "vgan_tf.config",
    "PPRLVGAN": "vgan_tf.model",
    "load_faces": "vgan_tf.data",
    "load_run": "vgan_tf.run",
    "preset": "vgan_tf.config",
}

__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'vgan_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
