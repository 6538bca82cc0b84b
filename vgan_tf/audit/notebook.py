"""What an unfinished audit has found, kept on disk, so that an interrupted one goes on where it stopped."""

import dataclasses
import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np

from vgan_tf.files import replacing, write_json


class Notebook:
    """Results of finished steps of one audit, in a folder of its own.

    A result is found again only for the same dump, the same settings and the same code.

    Args:
        folder: Path.
        dump: `Dump`.
        settings: JSON types, whatever else decides the results.
        progress: called with one line of text when a result is found again.
    """

    def __init__(self, folder, dump, settings, progress):
        self.folder, self.progress = Path(folder), progress
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for path in sorted(Path(__file__).parent.rglob("*.py")):
            digest.update(path.read_bytes())
        _update(digest, dump)
        self.key = digest.hexdigest()

    def part(self, name, compute):
        """The result of the step `name`: found, or computed and kept.

        `compute`: () -> (dict of JSON types, dict of arrays), which is what is given back.
        """
        path, pictures = self.folder / f"{name}.json", self.folder / f"{name}.npz"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["key"] == self.key:
                with np.load(pictures, allow_pickle=False) as arrays:
                    found = kept["result"], dict(arrays)
                self.progress(f"{name}: found, measured before")
                return found
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # Nothing kept, or not whole: computed again.
        result, arrays = compute()
        with replacing(pictures) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        write_json(path, {"key": self.key, "result": result})
        return result, arrays

    def close(self):
        """The audit is finished: forget its steps."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _update(digest, record):
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        digest.update(field.name.encode())
        if dataclasses.is_dataclass(value):
            _update(digest, value)
        elif isinstance(value, np.ndarray):
            digest.update(repr((value.shape, value.dtype.str)).encode() + np.ascontiguousarray(value).tobytes())
        else:
            digest.update(repr(value).encode())
