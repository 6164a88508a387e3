"""Gradient descent, stochastic gradient descent and mini-batch descent: one function of the batch size.

An epoch walks once through the training samples in a fresh random order, `batch_size` of them at a time, and after each
batch updates the parameters with the gradient of the batch's mean loss. batch_size = 1 is stochastic gradient descent,
batch_size = N (all samples) is full-batch gradient descent, and mini-batch descent lies between.

Batch size, learning rate, seed and number of epochs are traced values, so no change of them compiles anything; how a
batch of any size is taken in pieces of a few widths is told in `pieces`.
"""

import functools

import jax
import jax.numpy as jnp
import optax

from . import pieces, process, sharding
from .checks import check_integer, check_number
from .data import check_problem
from .models import LOSSES, accuracy, check_model, check_optimizer, check_params
from .pieces import batch_gradient
from .run import Run

__all__ = ["fit", "programs", "train_epoch"]


def train_epoch(loss, optimizer, state, x, y, order, batch_size, width, several, devices=1, updates=None):
    """One epoch: every sample once, in the given order, one update a batch; the last batch may be smaller.

    A batch is taken in one piece of this width, or in `several`, see `pieces.batch_gradient`.

    `updates` = (first, last) makes only these of its updates, from the first up to, not including, the last.
    """
    n = len(order)
    order = jnp.pad(order, (0, width))
    if devices == 1:
        x, y = x[order], y[order]

    def take(at):  # where in the epoch the samples of a piece stand, and their rows
        return at + jnp.arange(width), [jax.lax.dynamic_slice_in_dim(array, at, width) for array in (x, y)]

    if devices > 1:
        take = sharding.deal(x, y, order, width)

    def update(i, state):
        params, optimizer_state = state
        start = i * batch_size
        stop = jnp.minimum(start + batch_size, n)
        grads = batch_gradient(loss, params, take, start, stop, width, several)
        grads = grads if devices == 1 else sharding.add_up(grads)
        updates, optimizer_state = optimizer.update(grads, optimizer_state, params)
        return optax.apply_updates(params, updates), optimizer_state

    return jax.lax.fori_loop(*(updates or (0, -(-n // batch_size))), update, state)


@functools.lru_cache(maxsize=64)
def programs(model, kind, optimizer, many=False, platform="cpu", devices=()):
    """What a run compiles: `start`, `measure`, and `train` for each width; with `many`, runs lie along a first axis.

    Besides, a set in which runs note the widths and shapes of data that have been compiled.

    Over several devices each of them takes a piece of one of the WIDTHS.
    """
    count = max(len(devices), 1)

    def loss(params, x, y):
        return LOSSES[kind](model.predict(params, x), y)

    def metrics(params, x, y):
        outputs = model.predict(params, x)
        mean_loss = LOSSES[kind](outputs, y).mean()
        return jnp.stack([mean_loss, accuracy(outputs, y) if kind == "classification" else jnp.nan])

    def start(seed, learning_rate, params=None):
        def one(seed):
            begin = model.init(jax.random.key(seed)) if params is None else params
            return begin, optimizer(learning_rate).init(begin)

        return jax.vmap(one)(seed) if many else one(seed)

    def measure(states, data, num_epochs):
        def epoch(e, values):
            params = jax.tree.map(lambda rows: rows[e], states[0])
            return values.at[e].set(jnp.stack([metrics(params, *data[:2]), metrics(params, *data[2:])], axis=1))

        return jax.lax.fori_loop(0, num_epochs, epoch, jnp.zeros((len(jax.tree.leaves(states)[0]), 2, 2)))

    def train(state, data, orders, batch_size, learning_rate, num_epochs, width, several):
        def epoch(e, carry):
            state, states = carry
            order, rule = orders[e], optimizer(learning_rate)
            state = train_epoch(loss, rule, state, *data[:2], order, batch_size, width, several, count)
            return state, jax.tree.map(lambda rows, row: rows.at[e].set(row), states, state)

        states = jax.tree.map(lambda leaf: jnp.zeros((len(orders), *leaf.shape), leaf.dtype), state)
        return jax.lax.fori_loop(0, num_epochs, epoch, (state, states))

    trains = {
        most: functools.partial(train, width=width, several=several)
        for most, (width, several) in pieces.ladder(platform, count).items()
    }
    if many:
        measure = jax.vmap(measure, in_axes=(0, None, None))
        trains = {width: jax.vmap(train, in_axes=(0, None, 0, None, None, None)) for width, train in trains.items()}
    if devices:
        trains = {width: sharding.over(train, devices) for width, train in trains.items()}
    options = pieces.options(platform)
    start, measure = jax.jit(start, compiler_options=options), jax.jit(measure, compiler_options=options)
    return start, measure, {width: jax.jit(train, compiler_options=options) for width, train in trains.items()}, set()


def fit(
    problem,
    *,
    hidden=(32, 32),
    model=None,
    batch_size=8,
    num_epochs=100,
    learning_rate=0.05,
    optimizer=optax.sgd,
    seed=0,
    seeds=None,
    params=None,
    progress=False,
):
    """Train a model by gradient descent of the given batch size.

    Args:
        problem: a `Problem` of N training samples. They are trained on where their x was put by `jax.device_put` or
            `sharding.spread`, and else on the device of `jax.default_device`.
        hidden: widths of the hidden layers of a tanh perceptron; ignored if `model` is given.
        model: a `Model` of your own.
        batch_size: samples in a batch, from 1 (stochastic gradient descent) to N (full-batch gradient descent).
        num_epochs: passes over the training samples, 0 or more; the history can `train` further.
        learning_rate: factor of the gradient, finite and above 0.
        optimizer: an optax factory that takes a learning rate, such as `optax.adam`; use `functools.partial(optax.sgd,
            momentum=0.9)` for further settings.
        seed: start and shuffles, a whole number. Runs that differ in other settings share both.
        seeds: train this many runs at once, from the seeds seed, seed + 1, ...; None trains one, without the axis. What
            other batch sizes need is compiled when they come, or by `history.prepare()`.
        params: start from these parameters, a pytree as `model.init` makes it, in place of those that the seed draws.
        progress: show a progress bar when the run takes longer than a second.

    Returns:
        A `History`. The same arguments give the same numbers, bit for bit, on the same machine.

    Raises:
        ValueError, TypeError: a setting out of its range; the message names the range. Nothing has been computed.

    >>> from batchlab import data
    >>> history = fit(data.noisy_sine(n=256), batch_size=16, num_epochs=100)
    >>> history.train_loss.shape, int(history.iterations[-1])
    ((101,), 1600)
    """
    n = len(check_problem(problem).x)
    remedy = f"1 is stochastic gradient descent, {n} (all samples) is full-batch gradient descent."
    batch_size = check_integer("batch_size", batch_size, 1, n, remedy)
    num_epochs = check_integer("num_epochs", num_epochs, 0)
    learning_rate = check_number("learning_rate", learning_rate, 0, low_allowed=False)
    seed = check_integer("seed", seed, 0, 2**31 - 1)
    seeds = None if seeds is None else check_integer("seeds", seeds, 1)
    model, optimizer = check_model(model, hidden, problem), check_optimizer(optimizer)
    params = None if params is None else check_params(model, params)
    known = programs.cache_info().misses
    platform, devices = pieces.device_of(problem).platform, sharding.devices_of(problem)
    made = programs(model, problem.kind, optimizer, seeds is not None, platform, devices)
    history = Run(problem, model, made, batch_size, learning_rate, seed, seeds, params)
    if num_epochs:
        history.train(num_epochs, progress)
        if seeds is None:
            history.prepare()
        if programs.cache_info().misses > known:
            process.release_memory()
    return history
