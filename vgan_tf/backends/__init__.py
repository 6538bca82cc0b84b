"""What differs between the backends of Keras: how gradients are taken, and where variables live during a step.

`vgan_tf.model` is written once, as though variables were assigned in place. TensorFlow stays the default, and the one
that audits and exports.
"""

import keras

from vgan_tf.errors import InputError

if keras.backend.backend() == "tensorflow":
    from vgan_tf.backends.tensorflow import JIT_COMPILE, VERSION, batch_norm, descend, make_deterministic, step
elif keras.backend.backend() == "jax":
    from vgan_tf.backends.jax import JIT_COMPILE, VERSION, batch_norm, descend, make_deterministic, step
else:
    raise InputError(f"KERAS_BACKEND={keras.backend.backend()}: must be tensorflow or jax")

__all__ = ["JIT_COMPILE", "VERSION", "batch_norm", "descend", "make_deterministic", "require_tensorflow", "step"]


def require_tensorflow(what):
    """Raise InputError where Keras runs on another backend than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"{what} needs TensorFlow: start Python with KERAS_BACKEND=tensorflow; it reads any run folder"
        )
