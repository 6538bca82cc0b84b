"""Export: a run folder becomes a folder of verified `.tflite` files, by `export_run`."""

__all__ = ["export_run"]


def __getattr__(name):
    """Load `export_run` on first use, so that `--help` imports no TensorFlow."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .pipeline import export_run

    return export_run
