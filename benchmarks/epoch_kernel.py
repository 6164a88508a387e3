"""Whole epochs of a small perceptron in one kernel: its parameters never leave the chip between two updates.

A GPU that runs `bl.fit` at batch size 1 launches several kernels for each update, and waits for each. Here one kernel
makes all updates of an epoch, and of the next ones: the parameters are values of its loop, in registers. A run is one
program of the grid, so that hundreds of runs fill the GPU side by side. Written in Pallas for its Triton backend; on a
CPU it is interpreted, slowly. It trains what the sine of the course takes: 1-WIDTH-WIDTH-1, tanh, squared error, plain
SGD. It is a benchmark: nothing of it is in the library before it has been measured to help on a GPU.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from batchlab import models
from batchlab.shuffling import shuffles

WIDTH = 32  # of both hidden layers; a power of two, as Triton wants every side of an array
TILE = 16  # samples of a batch that are taken together; Triton's products want no fewer
IEEE = jax.lax.Precision.HIGHEST


def tiles(params):
    """The parameters of `models.mlp((1, WIDTH, WIDTH, 1))` as arrays of two axes, biases and last weights as rows."""
    (w1, b1), (w2, b2), (w3, b3) = params
    return w1, b1[..., None, :], w2, b2[..., None, :], jnp.swapaxes(w3, -1, -2), b3[..., None, :]


def layers(tiled):
    """The inverse of `tiles`."""
    w1, b1, w2, b2, w3, b3 = tiled
    return [(w1, b1[..., 0, :]), (w2, b2[..., 0, :]), (jnp.swapaxes(w3, -1, -2), b3[..., 0, :])]


def product(a, b):
    """The matrix product; of a single row or column as sums, which Triton's own product does not take."""
    if a.shape[0] == 1 or a.shape[1] == 1:
        return jnp.sum(a[:, :, None] * b, axis=1) if a.shape[1] == 1 else jnp.sum(a.T * b, axis=0)[None]
    return jnp.dot(a, b, precision=IEEE)


def gradient(params, x, y, weights):
    """The gradient of sum_i weights_i (f(x_i) - y_i)^2: x, y and weights are (rows, 1)."""
    w1, b1, w2, b2, w3, b3 = params
    first = jnp.tanh(x * w1 + b1)  # (rows, WIDTH), as is what follows
    second = jnp.tanh(product(first, w2) + b2)
    error = 2 * weights * (jnp.sum(second * w3, axis=1)[:, None] + b3 - y)
    back_second = error * w3 * (1 - second * second)
    back_first = product(back_second, w2.T) * (1 - first * first)
    return (
        jnp.sum(x * back_first, axis=0)[None],
        jnp.sum(back_first, axis=0)[None],
        first.T * back_second if len(x) == 1 else product(first.T, back_second),
        jnp.sum(back_second, axis=0)[None],
        jnp.sum(second * error, axis=0)[None],
        jnp.sum(error, axis=0)[None],
    )


def _train(x_ref, y_ref, orders_ref, rate_ref, *refs, n, batch_size, num_epochs):
    """One run: its parameters after every epoch."""
    starts, ends = refs[:6], refs[6:]
    rows, rate = 1 if batch_size == 1 else TILE, rate_ref[...]
    places = jnp.arange(rows)

    def update(i, params, epoch):
        start = i * batch_size
        stop = jnp.minimum(start + batch_size, n)

        def piece(at):
            samples = orders_ref[epoch, pl.ds(at, rows)]
            weights = jnp.where(at + places < stop, 1.0, 0.0) / (stop - start)
            return gradient(params, x_ref[samples][:, None], y_ref[samples][:, None], weights[:, None])

        if batch_size <= rows:
            grads = piece(start)
        else:
            zero = tuple(map(jnp.zeros_like, params))
            grads = jax.lax.fori_loop(
                0,
                -(-batch_size // rows),
                lambda j, total: tuple(map(jnp.add, total, piece(start + j * rows))),
                zero,
            )
        return tuple(leaf - rate * grad for leaf, grad in zip(params, grads, strict=True))

    def epoch(e, params):
        params = jax.lax.fori_loop(0, -(-n // batch_size), functools.partial(update, epoch=e), params)
        for ref, leaf in zip(ends, params, strict=True):
            ref[e] = leaf
        return params

    jax.lax.fori_loop(0, num_epochs, epoch, tuple(ref[...] for ref in starts))


@functools.partial(jax.jit, static_argnames=("batch_size", "interpret", "warps"))
def train(params, x, y, orders, learning_rates, batch_size, interpret=False, warps=4):
    """Train runs side by side, each in a program of its own.

    Args:
        params: of `models.mlp((1, WIDTH, WIDTH, 1))`, with a leading axis of runs.
        x, y: (N, 1) the training samples, float32, the same for all runs.
        orders: (runs, num_epochs, N) int32, in which each epoch takes the samples.
        learning_rates: (runs,) float32.
        batch_size: 1 to N; each compiles anew.
        interpret: run it without a GPU, one operation after the other.
        warps: groups of 32 threads that work on one run.

    Returns:
        The parameters after every epoch, with leading axes (runs, num_epochs).
    """
    runs, num_epochs, n = orders.shape
    padded = jnp.pad(orders, ((0, 0), (0, 0), (0, -n % TILE + 2 * TILE)))  # a tile may reach beyond the last batch
    starts = tiles(params)

    def of_run(*shape):
        return pl.BlockSpec((None, *shape), lambda run: (run, *[0] * len(shape)))

    def shared(*shape):
        return pl.BlockSpec(shape, lambda run: (0,) * len(shape))

    ends = pl.pallas_call(
        functools.partial(_train, n=n, batch_size=batch_size, num_epochs=num_epochs),
        out_shape=[jax.ShapeDtypeStruct((runs, num_epochs, *leaf.shape[1:]), leaf.dtype) for leaf in starts],
        grid=(runs,),
        in_specs=[
            shared(n),
            shared(n),
            of_run(*padded.shape[1:]),
            of_run(1, 1),
            *(of_run(*leaf.shape[1:]) for leaf in starts),
        ],
        out_specs=[of_run(num_epochs, *leaf.shape[1:]) for leaf in starts],
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=1),
        interpret=interpret,
    )(x[:, 0], y[:, 0], padded, learning_rates[:, None, None], *starts)
    return layers(ends)


def arguments(problem, seeds, learning_rates, num_epochs):
    """What `train` takes for runs of these seeds and rates, (runs,) each: starts and orders are those of `bl.fit`."""
    model, seeds = models.mlp((1, WIDTH, WIDTH, 1)), np.asarray(seeds, np.uint32)
    params = jax.vmap(lambda seed: model.init(jax.random.key(seed)))(seeds)
    orders = {seed: shuffles(seed, 0, len(problem.x))[:num_epochs] for seed in set(seeds.tolist())}
    orders = jnp.asarray(np.stack([orders[seed] for seed in seeds.tolist()]))
    return params, *map(jnp.asarray, (problem.x, problem.y)), orders, jnp.asarray(learning_rates, jnp.float32)


@jax.jit
def losses(params, x, y, x_val, y_val):
    """Training and validation loss of parameters with leading axes (runs, num_epochs): (runs, num_epochs, 2)."""
    metrics = models.metrics_of(models.mlp((1, WIDTH, WIDTH, 1)), "regression")
    return jax.vmap(jax.vmap(lambda params: metrics(params, x, y, x_val, y_val)[0]))(params)
