"""What differs between the backends of Keras: gradients, where variables and images live, fast batch norm.

`vgan_tf.model` is written once, as though variables were assigned in place. TensorFlow stays the default, and the one
that audits and exports.
"""

import keras

from vgan_tf.errors import InputError

if keras.backend.backend() == "tensorflow":
    from vgan_tf.backends.tensorflow import JIT_COMPILE, VERSION, batch_norm, descend, make_deterministic, near, step
elif keras.backend.backend() == "jax":
    from vgan_tf.backends.jax import JIT_COMPILE, VERSION, batch_norm, descend, make_deterministic, near, step
else:
    raise InputError(f"KERAS_BACKEND={keras.backend.backend()}: must be tensorflow or jax")

__all__ = [
    "BatchNormalization",
    "JIT_COMPILE",
    "VERSION",
    "batch_norm",
    "descend",
    "make_deterministic",
    "near",
    "require_tensorflow",
    "step",
]


@keras.saving.register_keras_serializable("vgan_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer; while training on TensorFlow maps are normalised by one kernel, in a third to a fifth of the time.

    In bfloat16 the kernel is slower than Keras's own way unless the channels are a multiple of 16.
    """

    def call(self, inputs, training=None, mask=None):
        slow = keras.backend.standardize_dtype(inputs.dtype) != "float32" and inputs.shape[-1] % 16
        if not training or len(inputs.shape) != 4 or self.synchronized or batch_norm is None or slow:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = batch_norm(inputs, self.gamma, self.beta, self.epsilon)
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs


def require_tensorflow(what):
    """Raise InputError where Keras runs on another backend than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"{what} needs TensorFlow: start Python with KERAS_BACKEND=tensorflow; it reads any run folder"
        )
