"""What a step takes with other optimizers, as the compiler plans it."""

import functools

import jax
import jax.numpy as jnp
import optax

from ... import measure, models
from ...checks import check_integer

STEP = models.mlp((64, 128, 10)), "classification", 64, 10  # the digits of chapter 4
OPTIMIZERS = {"SGD": optax.sgd(0.1), "momentum": optax.sgd(0.1, momentum=0.9), "Adam": optax.adam(0.1)}


def parameter_bytes(step=STEP):
    """Bytes of the parameters of a step's model, in float32."""
    return 4 * sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(step[0].init, jax.random.key(0))))


@functools.lru_cache(maxsize=64)
def plan(optimizer, batch_size, step=STEP):
    """The `measure.Bytes` of one step with an optax optimizer: it is given, and returns, parameters and state."""
    if not hasattr(optimizer, "update"):
        raise TypeError(f"optimizer is {optimizer!r}; it must be one with its rate, such as optax.adam(0.001).")
    batch_size, (model, kind, n_inputs, n_outputs) = check_integer("batch_size", batch_size, 1), step
    loss = models.loss_of(model, kind)

    def take(params, state, x, y):
        grads = jax.grad(lambda params: loss(params, x, y).mean())(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params = jax.eval_shape(model.init, jax.random.key(0))
    x, y = (jax.ShapeDtypeStruct((batch_size, width), jnp.float32) for width in (n_inputs, n_outputs))
    found = jax.jit(take).lower(params, jax.eval_shape(optimizer.init, params), x, y).compile().memory_analysis()
    return measure.Bytes(found.argument_size_in_bytes, found.temp_size_in_bytes, found.output_size_in_bytes)


def law(optimizer, step=STEP):
    """Constant and bytes a sample with this optimizer, from two plans."""
    return measure.byte_law({size: plan(optimizer, size, step).total for size in (1024, 1_000_000)})
