"""Steps on JAX: a step is a function from the values of all variables to new values, which XLA compiles."""

import functools

import jax
import keras

JIT_COMPILE = "auto"
VERSION = jax.__version__


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


def descend(model, optimizer, variables, loss):
    """Take one step of an optimizer; arguments as on TensorFlow."""
    # All that a loss may read or change: moving statistics, metrics, random states, the discriminator's optimizer.
    state = [*model.trainable_variables, *model.non_trainable_variables, *model.metrics_variables]
    current = [(variable, variable.value) for variable in state]

    def stateless(values):
        with _Assignments([*current, *zip(variables, values, strict=True)]) as scope:
            value = loss()
        return value, {n: scope.get_current_value(v) for n, v in enumerate(state) if id(v) in scope.assigned}

    gradients, assigned = jax.grad(stateless, has_aux=True)([variable.value for variable in variables])
    # The others must stay as they are, or a loss around this one would lose its gradients.
    for number, value in assigned.items():
        state[number].assign(value)
    optimizer.apply(gradients, variables)


class _Assignments(keras.StatelessScope):
    """As on TensorFlow, no gradient flows through what was assigned.

    Else a pass in inference mode after one in training mode would also train by way of the moving statistics.
    """

    def __init__(self, state_mapping):
        super().__init__(state_mapping)
        self.assigned = set()

    def add_update(self, update):
        variable, value = update
        self.assigned.add(id(variable))
        super().add_update((variable, jax.lax.stop_gradient(value)))


def make_deterministic():
    """Nothing to do on a CPU; a GPU needs XLA_FLAGS=--xla_gpu_deterministic_ops=true before Python starts."""
