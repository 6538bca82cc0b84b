"""How every command ends: status 0, or one line on stderr and status 2 (wrong input) or 1 (anything else)."""

import os
import sys

from vgan_tf.errors import InputError


def run_command(command):
    """Call `command()` and exit with the status that its outcome asks for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        command()
    except InputError as error:
        _fail(2, str(error))
    except KeyboardInterrupt:
        _fail(1, "interrupted; nothing half-written was left")
    except OSError as error:
        _fail(1, f"{error.filename or 'file'}: {error.strerror or error}; what was written before is whole")
    except (FloatingPointError, MemoryError) as error:
        _fail(1, str(error) or "out of memory; try a smaller --batch-size")


def _fail(status, message):
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
