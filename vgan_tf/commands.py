"""How every command ends: status 0, or one line on stderr and status 2 (wrong input) or 1 (anything else).

A failed verification has one line for each failed check.
"""

import contextlib
import faulthandler
import logging
import os
import sys
import tempfile
import warnings

from vgan_tf.errors import InputError, VerificationError

# By extra of pyproject.toml: what needs it, and the packages that it brings.
EXTRAS = {
    "train": ("training", ("h5py", "keras", "tensorflow", "tqdm")),
    "audit": ("the audit", ("jinja2", "matplotlib", "scipy", "sklearn", "threadpoolctl")),
    "export": ("the export", ("flatbuffers", "tensorflow_model_optimization", "tf_keras")),
    "heads": ("rendering people", ("moderngl", "glcontext")),
    "jax": ("KERAS_BACKEND=jax", ("jax",)),
}


def run_command(command):
    """Call `command()` and exit with the status that its outcome asks for."""
    with quiet_libraries():
        try:
            command()
        except InputError as error:
            _fail(2, str(error))
        except KeyboardInterrupt:
            _fail(1, "interrupted; nothing half-written was left")
        except OSError as error:
            _fail(1, f"{error.filename or 'file'}: {error.strerror or error}; what was written before is whole")
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            extra = next((extra for extra, (_, packages) in EXTRAS.items() if package in packages), None)
            if extra is None:
                raise
            hint = "; or train on JAX: KERAS_BACKEND=jax" if package == "tensorflow" else ""
            _fail(1, f'{EXTRAS[extra][0]} needs the extra "{extra}": pip install "pprl-vgan[{extra}]"{hint}')
        except VerificationError as error:
            _fail(1, *str(error).splitlines())
        except (FloatingPointError, MemoryError) as error:
            _fail(1, str(error) or "out of memory; try a smaller --batch-size")


@contextlib.contextmanager
def quiet_libraries():
    """Hide the warnings and logs of libraries, and what their native code writes to stderr past Python.

    TensorFlow, XLA, cuDNN and LiteRT do so at any log level. TF_CPP_MIN_LOG_LEVEL=0 shows everything. An exception
    that nobody expected shows what was hidden before it, and a crash of native code shows where Python was.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
    sys.stderr.flush()
    before, descriptor = sys.stderr, os.dup(2)
    with warnings.catch_warnings(), tempfile.TemporaryFile("w+", errors="replace") as hidden:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        os.dup2(hidden.fileno(), 2)
        if before is sys.__stderr__:
            # Not closed at the end: handlers of logs may still hold it.
            sys.stderr = os.fdopen(descriptor, "w", buffering=1, errors="backslashreplace", closefd=False)
            faulthandler.enable(sys.stderr)
        try:
            yield
        except Exception:
            hidden.seek(0)
            sys.stderr.write(hidden.read())
            raise
        finally:
            sys.stderr = before
            os.dup2(descriptor, 2)
            logging.disable(logging.NOTSET)


def _fail(status, *messages):
    for message in messages:
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
