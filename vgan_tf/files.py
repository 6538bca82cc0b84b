"""Writing files so that nothing half-written is ever left looking whole."""

import contextlib
import glob
import json
import os
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where leftovers stay
    fcntl = None

LEFT_SECONDS = 60  # after which a temporary file that no process holds is taken for a leftover


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path beside `path` that takes its name once the block has succeeded.

    What processes that were killed have left of the same file is removed.

    Args:
        path: str or Path of the final file; its folder is created.

    Yields:
        Path in the same folder whose name ends in the final name, to be written to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=f"-{path.name}", dir=path.parent)
    temporary = Path(name)
    locked = _lock(handle)  # as long as this process writes
    if not locked:
        os.close(handle)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        if locked:
            os.close(handle)
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path):
    """Remove temporary files of `replacing(path)` that no process holds any more."""
    for left in path.parent.glob(f".partial-*-{glob.escape(path.name)}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime < LEFT_SECONDS:
                continue  # perhaps it is just being created
            with open(left, "rb") as file:
                if _lock(file.fileno()):
                    left.unlink()


def _lock(handle):
    """Whether a file could be locked until it is closed, or its process ends."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
