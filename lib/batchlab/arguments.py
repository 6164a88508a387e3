"""The model, the parameters and the optimizer that a reader hands over, checked in words."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from .checks import check_integer
from .models import mlp


def check_model(model, hidden, problem):
    """The model that was asked for: a `Model`, or a perceptron with these hidden widths for the problem."""
    if model is None:
        if isinstance(hidden, int) or not isinstance(hidden, list | tuple):
            raise TypeError(f"hidden is {hidden!r}; it must be a tuple of widths, such as (32, 32), or () for none.")
        hidden = [check_integer(f"hidden[{i}]", width, 1, 4096) for i, width in enumerate(hidden)]
        return mlp((problem.x.shape[1], *hidden, problem.y.shape[1]))
    if not (callable(getattr(model, "init", None)) and callable(getattr(model, "predict", None))):
        raise TypeError(f"model is {model!r}; it must be a bl.Model(init, predict) of two functions.")
    params, x = (
        jax.eval_shape(lambda: model.init(jax.random.key(0))),
        jax.ShapeDtypeStruct(problem.x.shape, jnp.float32),
    )
    try:
        shape = _shapes(jax.eval_shape(model.predict, params, x))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the model's `predict` cannot take x of shape {x.shape}: {error}") from error
    if shape != problem.y.shape:
        raise ValueError(f"the model predicts {shape} from x {x.shape}; y needs {problem.y.shape}.")
    return model


def check_params(model, params):
    """The parameters that were asked for, in single precision: a pytree of the shapes that the model starts with."""
    wanted, given = jax.eval_shape(lambda: model.init(jax.random.key(0))), jax.tree.map(np.asarray, params)
    if jax.tree.structure(given) != jax.tree.structure(wanted) or _shapes(given) != _shapes(wanted):
        raise ValueError(f"params have the shapes {_shapes(given)}; the model starts with {_shapes(wanted)}.")
    return jax.tree.map(lambda leaf, like: leaf.astype(like.dtype), given, wanted)


def _shapes(tree):
    return jax.tree.map(lambda leaf: leaf.shape, tree)


def check_optimizer(optimizer):
    """The optax factory that was asked for; equal `functools.partial`s become one, so that they compile once."""
    if not callable(optimizer):
        raise TypeError(
            "optimizer must be a factory that takes a learning rate, such as optax.sgd; pass it uncalled, and the rate "
            f"as learning_rate. It is {optimizer!r}."
        )
    made = optimizer(0.1)
    if not (callable(getattr(made, "init", None)) and callable(getattr(made, "update", None))):
        raise TypeError(f"optimizer(0.1) is {made!r}; it must be an optax optimizer, such as optax.sgd(0.1).")
    if isinstance(optimizer, functools.partial):
        try:
            return _one_partial(optimizer.func, optimizer.args, tuple(sorted(optimizer.keywords.items())))
        except TypeError:
            raise TypeError(
                f"optimizer has a setting that cannot be compared: {optimizer.keywords}; put it into a function "
                "that takes the learning rate, and pass that function."
            ) from None
    return optimizer


@functools.lru_cache(maxsize=64)
def _one_partial(func, args, keywords):
    return functools.partial(func, *args, **dict(keywords))
