"""Gradient descent, stochastic gradient descent and mini-batch descent: one function of the batch size.

An epoch walks once through the training samples in a fresh random order, `batch_size` of them at a time, and after each
batch updates the parameters with the gradient of the batch's mean loss. batch_size = 1 is stochastic gradient descent,
batch_size = N (all samples) is full-batch gradient descent, and mini-batch descent lies between. Batch size, learning
rate, seed and number of epochs are traced values: no change of them compiles anything, see `pieces`.
"""

import functools

import jax
import jax.numpy as jnp
import optax

from . import pieces, sharding
from .arguments import check_model, check_optimizer, check_params
from .checks import check_integer, check_number
from .data import check_problem
from .history import History
from .models import loss_of, metrics_of


def train_epoch(loss, optimizer, state, x, y, order, batch_size, width, several, devices=1, updates=None):
    """One epoch: every sample once, in the given order, one update a batch; the last batch may be smaller.

    A batch is taken in one piece of this width, or in `several`, see `pieces.batch_gradient`. With `updates` =
    (first, last) only these of its updates are made, from the first up to, not including, the last.
    """
    n, lay_out = len(order), pieces.lay_out if devices == 1 else sharding.deal
    take = lay_out(x, y, jnp.pad(order, (0, width)), width)

    def update(i, state):
        params, optimizer_state = state
        start = i * batch_size
        stop = jnp.minimum(start + batch_size, n)
        grads = pieces.batch_gradient(loss, params, take, start, stop, width, several)
        grads = grads if devices == 1 else sharding.add_up(grads)
        updates, optimizer_state = optimizer.update(grads, optimizer_state, params)
        return optax.apply_updates(params, updates), optimizer_state

    return jax.lax.fori_loop(*(updates or (0, -(-n // batch_size))), update, state)


@functools.lru_cache(maxsize=64)
def run_programs(model, kind, optimizer, many=False, platform="cpu", devices=()):
    """What a run compiles, as `pieces.Programs`; with `many`, runs lie along a first axis."""

    def start(seed, learning_rate, params):
        params = model.init(jax.random.key(seed)) if params is None else params
        return params, optimizer(learning_rate).init(params)

    def measure(states, data, num_epochs):
        def epoch(e, values):
            return values.at[e].set(metrics_of(model, kind)(jax.tree.map(lambda rows: rows[e], states[0]), *data))

        return jax.lax.fori_loop(0, num_epochs, epoch, jnp.zeros((len(jax.tree.leaves(states)[0]), 2, 2)))

    def train(state, data, orders, batch_size, learning_rate, num_epochs, *, width, several, devices):
        def epoch(e, carry):
            state, states = carry
            taken = orders[e], batch_size, width, several, devices
            state = train_epoch(loss_of(model, kind), optimizer(learning_rate), state, *data[:2], *taken)
            return state, jax.tree.map(lambda rows, row: rows.at[e].set(row), states, state)

        states = jax.tree.map(lambda leaf: jnp.zeros((len(orders), *leaf.shape), leaf.dtype), state)
        return jax.lax.fori_loop(0, num_epochs, epoch, (state, states))

    return pieces.Programs(start, measure, train, many=many, platform=platform, devices=devices)


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
        problem: a `Problem` of N samples; training runs where its x was placed, else on `jax.default_device`.
        hidden: widths of the hidden layers of a tanh perceptron; ignored if `model` is given.
        model: a `Model` of your own.
        batch_size: samples in a batch, from 1 (stochastic gradient descent) to N (full-batch gradient descent).
        num_epochs: passes over the training samples, 0 or more; the history can `train` further.
        learning_rate: factor of the gradient, finite and above 0.
        optimizer: an optax factory of a learning rate: `optax.adam`, `functools.partial(optax.sgd, momentum=0.9)`, ...
        seed: start and shuffles, a whole number. Runs that differ in other settings share both.
        seeds: train this many runs at once, from the seeds seed, seed + 1, ...; None trains one, without the axis.
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
    placed = pieces.device_of(problem).platform, sharding.devices_of(problem)
    made = run_programs(model, problem.kind, optimizer, seeds is not None, *placed)
    history = History(problem, model, made, batch_size, learning_rate, seed, seeds, params)
    if num_epochs:
        history.train(num_epochs, progress)
        if seeds is None:
            history.prepare()
    return history
