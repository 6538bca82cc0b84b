"""Steps on TensorFlow: variables change in place, and a tape records what a loss did with them."""

import tensorflow as tf

JIT_COMPILE = False  # XLA convolutions are four times slower on CPU.
VERSION = tf.__version__


def step(function):
    """`train_step` or `test_step` of a model, `(model, data)` -> logs: on TensorFlow what `fit` calls."""
    return function


def descend(model, learners, loss):
    """Take one step down a loss.

    Args:
        model: the PPRLVGAN whose variables `loss` reads and changes.
        learners: pairs of a keras.optimizers.Optimizer and the list of the variables that it trains.
        loss: function without arguments -> scalar.
    """
    variables = [variable for _, trained in learners for variable in trained]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        # The optimizer adds up the gradients of the replicas, of which each has an equal share of the batch.
        value = loss() / tf.distribute.get_strategy().num_replicas_in_sync
    gradients = iter(tape.gradient(value, variables))
    for optimizer, trained in learners:
        optimizer.apply([next(gradients) for _ in trained], trained)


def batch_norm(inputs, scale, offset, epsilon):
    """Normalise maps over the batch.

    Args:
        inputs: float `(batch, height, width, channels)`.
        scale, offset: float32 `(channels,)`.
        epsilon: added to the variance.

    Returns:
        (tensor like `inputs`; mean and variance, float32 `(channels,)`, without gradients).
    """
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=scale, offset=offset, mean=[], variance=[], epsilon=epsilon
    )
    count = tf.cast(tf.size(inputs) / tf.size(scale), variance.dtype)
    return outputs, tf.stop_gradient(mean), tf.stop_gradient(variance * (1 - 1 / count))  # it has the unbiased one


def near(images):
    """Images as they are: batches of them are made in NumPy."""
    return images


def make_deterministic():
    """Have the same seed give the same weights on one machine."""
    tf.config.experimental.enable_op_determinism()
