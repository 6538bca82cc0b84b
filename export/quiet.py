"""Silence for native code that writes past Python to stdout and stderr."""

import contextlib
import os
import sys
import tempfile
import warnings


@contextlib.contextmanager
def quietly():
    """Discard what the process writes to its stdout and stderr; if the block raises, pass it on to stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
        said = b""
        try:
            yield
        except BaseException:
            written.seek(0)
            said = written.read()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            os.write(2, said)
