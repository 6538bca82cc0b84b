"""Steps on JAX: a step is a function from the values of all variables to new values, which XLA compiles."""

import functools

import jax
import keras
import numpy as np

JIT_COMPILE = "auto"
VERSION = jax.__version__
batch_norm = None  # XLA makes one kernel of Keras's


def step(function):
    """Turn `(model, data)` -> logs into what `fit` calls on JAX: `(model, state, data)` -> (logs, state)."""

    @functools.wraps(function)
    def stateless(model, state, data):
        *held, metrics = state
        optimizer = [model.optimizer.variables] if len(held) == 3 else []  # Validation has no use for it.
        groups = [model.trainable_variables, model.non_trainable_variables, *optimizer, model.metrics_variables]
        values = [*held, metrics]
        pairs = [pair for group in zip(groups, values, strict=True) for pair in zip(*group, strict=True)]
        with keras.StatelessScope(pairs) as scope:
            logs = function(model, data)
        return logs, tuple([scope.get_current_value(variable) for variable in group] for group in groups)

    return stateless


def descend(model, learners, loss):
    """Take one step down a loss; arguments as on TensorFlow."""
    variables = [variable for _, trained in learners for variable in trained]
    trained = {id(variable) for variable in variables}
    # All else that a loss may read or change: moving statistics, metrics, random states.
    others = [*model.trainable_variables, *model.non_trainable_variables, *model.metrics_variables]
    others = [variable for variable in others if id(variable) not in trained]
    current = [(variable, variable.value) for variable in others]

    def stateless(values):
        with keras.StatelessScope([*current, *zip(variables, values, strict=True)]) as scope:
            value = loss()
        return value, [scope.get_current_value(variable) for variable in others]

    gradients, after = jax.grad(stateless, has_aux=True)([variable.value for variable in variables])
    for variable, value in zip(others, after, strict=True):
        variable.assign(value)
    gradients = iter(gradients)
    for optimizer, trained in learners:
        optimizer.apply([next(gradients) for _ in trained], trained)


def near(images):
    """Images in the memory of a GPU, where batches of them are then made; on a CPU as they are.

    Made in NumPy and copied, batches would take several times as long as the steps.
    """
    return images if jax.default_backend() == "cpu" else jax.numpy.asarray(np.asarray(images))


def make_deterministic():
    """Nothing to do on a CPU; a GPU needs XLA_FLAGS=--xla_gpu_deterministic_ops=true before Python starts."""
