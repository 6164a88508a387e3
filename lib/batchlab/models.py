"""Models as pure functions over parameter pytrees, and the losses that are averaged over a batch.

A model is a pair of functions and nothing else: `init` makes parameters from a random key, `predict` maps parameters
and inputs to outputs. Bring your own as `bl.Model(init, predict)`; define it once, at module level, because a new pair
of functions is a new model and is compiled anew.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Model(NamedTuple):
    """A model: `init(key) -> params` and `predict(params, x) -> outputs`, x of shape (n, d), outputs (n, k)."""

    init: Callable[[jax.Array], Any]
    predict: Callable[[Any, jax.Array], jax.Array]


@functools.lru_cache(maxsize=64)
def mlp(widths):
    """A multilayer perceptron: affine layers with tanh between them.

    Weights and biases start uniform with variance 1 / fan_in, so that a layer's sums have about the variance of its
    inputs (LeCun et al. 1998, "Efficient BackProp", section 4.6); random biases spread the bends of the units.

    Args:
        widths: tuple of layer widths, inputs and outputs included; `(1, 32, 32, 1)` has two hidden layers.

    Returns:
        A `Model` whose params are a list of `(weight (fan_in, fan_out), bias (fan_out,))`.

    >>> model = mlp((1, 32, 1))
    >>> params = model.init(jax.random.key(0))
    >>> [weight.shape for weight, bias in params]
    [(1, 32), (32, 1)]
    >>> model.predict(params, jnp.zeros((5, 1))).shape
    (5, 1)
    """
    shapes = list(itertools.pairwise(widths))

    def init(key):
        sizes = [(fan_in + 1) * fan_out for fan_in, fan_out in shapes]
        draws = jax.random.uniform(key, (sum(sizes),), minval=-1.0, maxval=1.0)  # one draw compiles quicker than many
        layers = jnp.split(draws, list(itertools.accumulate(sizes))[:-1])
        layers = [
            layer.reshape(fan_in + 1, fan_out) * math.sqrt(3 / fan_in)
            for layer, (fan_in, fan_out) in zip(layers, shapes, strict=True)
        ]
        return [(layer[:-1], layer[-1]) for layer in layers]

    def predict(params, x):
        for weight, bias in params[:-1]:
            x = jnp.tanh(x @ weight + bias[None])
        weight, bias = params[-1]
        return x @ weight + bias[None]

    return Model(init, predict)


def squared_error(outputs, y):
    """Squared error of each sample, summed over the outputs: (n, k), (n, k) -> (n,).

    >>> squared_error(jnp.array([[1.0], [3.0]]), jnp.array([[0.0], [3.0]])).tolist()
    [1.0, 0.0]
    """
    return jnp.sum((outputs - y) ** 2, axis=-1)


def cross_entropy(outputs, y):
    """Cross-entropy of each sample, in nats: logits (n, k), one-hot labels (n, k) -> (n,).

    -sum_c y_c log softmax(outputs)_c. Guessing evenly among k classes costs log k.

    >>> round(float(cross_entropy(jnp.zeros((1, 10)), jnp.eye(10)[:1])[0]), 3)  # log 10
    2.303
    """
    return optax.losses.softmax_cross_entropy(outputs, y)


def accuracy(outputs, y):
    """Fraction of samples whose largest logit is at the label: (n, k), (n, k) -> scalar.

    >>> float(accuracy(jnp.array([[2.0, 1.0], [0.0, 1.0]]), jnp.array([[1.0, 0.0], [1.0, 0.0]])))
    0.5
    """
    return jnp.mean(jnp.argmax(outputs, axis=-1) == jnp.argmax(y, axis=-1))


LOSSES = {"regression": squared_error, "classification": cross_entropy}


def loss_of(model, kind):
    """The loss of each sample as a function of the parameters: (params, x (n, d), y (n, k)) -> (n,).

    `kind` is that of the problem: "regression" takes the squared error, "classification" the cross-entropy.
    """

    def loss(params, x, y):
        return LOSSES[kind](model.predict(params, x), y)

    return loss


def metrics_of(model, kind):
    """What is measured after an epoch, as a function (params, x, y, x_val, y_val) -> (2, 2).

    Rows are the mean loss and the accuracy (NaN for a regression), columns the training and the validation samples.
    """

    def one(params, x, y):
        outputs = model.predict(params, x)
        mean_loss = LOSSES[kind](outputs, y).mean()
        return jnp.stack([mean_loss, accuracy(outputs, y) if kind == "classification" else jnp.nan])

    def metrics(params, x, y, x_val, y_val):
        return jnp.stack([one(params, x, y), one(params, x_val, y_val)], axis=1)

    return metrics
