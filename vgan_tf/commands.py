"""How every command ends: status 0, or one line on stderr and status 2 (wrong input) or 1 (anything else).

A failed verification has one line for each failed check.
"""

import os
import sys

from vgan_tf.errors import InputError, VerificationError


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
    except ModuleNotFoundError as error:
        if error.name not in ("tensorflow", "jax"):
            raise
        _fail(1, f"{error.name} is not installed; training and protecting also work on JAX: KERAS_BACKEND=jax")
    except VerificationError as error:
        _fail(1, *str(error).splitlines())
    except (FloatingPointError, MemoryError) as error:
        _fail(1, str(error) or "out of memory; try a smaller --batch-size")


def _fail(status, *messages):
    for message in messages:
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
