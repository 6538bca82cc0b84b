"""Export: a run folder becomes a folder of verified `.tflite` files. `export_run` does it.

Public names load on first use, so that asking for help imports no TensorFlow.
"""

import importlib

_HOMES = {"RECIPES": "convert", "export_run": "pipeline"}

__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
