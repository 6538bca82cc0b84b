"""Writing files so that nothing half-written is ever left looking whole."""

import contextlib
import glob
import json
import os
import tempfile
import time
from pathlib import Path

LEFT_SECONDS = 3600  # after which a temporary file that nobody has written to is taken for a leftover


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path beside `path` that takes its name once the block has succeeded.

    What processes that were killed have left of the same file is removed once nobody has written to it for an hour.

    Args:
        path: str or Path of the final file; its folder is created.

    Yields:
        Path in the same folder whose name ends in the final name, to be written to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=f"-{path.name}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path):
    """Remove old temporary files of `replacing(path)`."""
    for left in path.parent.glob(f".partial-*-{glob.escape(path.name)}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                left.unlink()


def cache_folder():
    """Folder of what can be made again: drawn faces, decoded images."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgan_tf"


def write_text(path, text):
    """Write a UTF-8 text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write `value` as indented JSON, atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
