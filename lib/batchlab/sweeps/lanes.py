"""Runs of one batch size, trained side by side in LANES of the device (`jax.vmap`).

Each lane has a rate, a seed and an epoch of its own. A run that is over leaves its lane to the next one that waits, so
finished runs cost nothing more.
"""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from .. import pieces, process
from ..descent import train_epoch
from ..models import loss_of, metrics_of
from ..shuffling import SHUFFLES, shuffles

LANES = {"cpu": 8, "gpu": 256}  # runs at once: on a CPU the parameters of all lanes should fit into its cache
SLICE_SECONDS, MOST_PARTS = 0.02, 16  # of training in one call; at most so many parts of an epoch
METRICS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")  # the rows of `metrics_of`, one after the other


@functools.lru_cache(maxsize=16)
def sweep_programs(model, kind, optimizer, platform):
    """What a sweep compiles: `start`, which puts new runs into lanes, and `advance` for each width of a batch."""
    loss = loss_of(model, kind)

    def metrics(params, data):
        return metrics_of(model, kind)(params, *data).ravel()

    def start(state, new, seeds, learning_rates, data):
        def one(old, new, seed, learning_rate):
            fresh = first_state(model, optimizer, jax.random.key(seed), learning_rate)
            return jax.tree.map(lambda fresh, old: jnp.where(new, fresh, old), fresh, old)

        state = jax.vmap(one)(state, new, seeds, learning_rates)
        return state, jax.vmap(metrics, in_axes=(0, None))(state[0], data)

    def advance(state, data, orders, updates, batch_size, learning_rate, count, width, several):
        def part(i, carry):
            state, values = carry
            made = optimizer(learning_rate)
            taken = orders[i], batch_size, width, several
            state = train_epoch(loss, made, state, *data[:2], *taken, updates=tuple(updates[i]))
            return state, values.at[i].set(metrics(state[0], data))

        return jax.lax.fori_loop(0, count, part, (state, jnp.zeros((len(orders), len(METRICS)))))

    options = pieces.options(platform)
    lanes = {
        most: jax.jit(
            jax.vmap(functools.partial(advance, width=width, several=several), in_axes=(0, None, 0, 0, None, 0, None)),
            compiler_options=options,
            donate_argnums=0,
        )
        for most, (width, several) in pieces.ladder(platform).items()
    }
    return jax.jit(start, compiler_options=options), lanes


def first_state(model, optimizer, key, learning_rate):
    """The state with which a run begins: parameters, and what the optimizer remembers."""
    params = model.init(key)
    return params, optimizer(learning_rate).init(params)


def train(problem, model, optimizer, size, checks, waiting, end):
    """A generator that trains the waiting runs of one batch size and yields after each slice of some 20 ms.

    Args:
        problem: a `Problem`.
        model: a `Model`.
        optimizer: an optax factory that takes a learning rate.
        size: the batch size.
        checks: how many parts an epoch has; the METRICS are measured after each.
        waiting: list of (batch size, rate, seed), taken from its end until it is empty.
        end: `end(curve)` is the part of a run after which it has nothing more to say, or None.

    Yields:
        {run: curve (parts + 1, 4)} of the runs that finished in the slice.
    """
    device = pieces.device_of(problem)
    start, advances = sweep_programs(model, problem.kind, optimizer, device.platform)
    n, lanes = len(problem.x), LANES.get(device.platform, LANES["gpu"])
    advance = advances[pieces.rung(advances, size)]
    data = jax.device_put(tuple(map(np.array, (problem.x, problem.y, problem.x_val, problem.y_val))), device)
    runs, curves = [None] * lanes, [None] * lanes
    seeds, rates = np.zeros(lanes, np.uint32), np.full(lanes, waiting[0][1], np.float32)
    shapes = jax.eval_shape(functools.partial(first_state, model, optimizer), jax.random.key(0), 0.1)
    state = jax.device_put(jax.tree.map(lambda leaf: np.zeros((lanes, *leaf.shape), leaf.dtype), shapes), device)
    orders = np.tile(np.arange(n, dtype=np.int32), (lanes, MOST_PARTS, 1))
    updates = np.zeros((lanes, MOST_PARTS, 2), np.int32)
    pace = np.inf  # seconds of a part, not yet measured
    while waiting or any(runs):
        free = [lane for lane, run in enumerate(runs) if run is None][: len(waiting)]
        if free:
            for lane in free:
                runs[lane] = waiting.pop()
                rates[lane], seeds[lane] = runs[lane][1:]
            state, values = start(state, np.isin(np.arange(lanes), free), seeds, rates, data)
            for lane in free:
                curves[lane] = np.asarray(values)[lane, None]
        count = int(np.clip(SLICE_SECONDS / pace, 1, MOST_PARTS))
        updates[:] = 0  # a lane without a run does nothing
        for lane, run in enumerate(runs):
            if run:
                _plan(size, n, checks, run[2], len(curves[lane]) - 1, orders[lane, :count], updates[lane, :count])
        began = time.perf_counter()
        state, values = advance(state, data, orders, updates, np.int32(size), rates, np.int32(count))
        values = np.asarray(values)
        pace = (time.perf_counter() - began) / count
        finished = {}
        for lane, run in enumerate(runs):
            if run:
                curves[lane] = np.concatenate([curves[lane], values[lane, :count]])
                last = end(curves[lane])
                if last is not None:
                    finished[run], runs[lane] = curves[lane][: last + 1], None
        yield finished
    process.release_memory()  # of what was compiled: some 50 MB for an optimizer


def _plan(size, n, checks, seed, first, orders, updates):
    """Fill in the shuffles and the (first, last) updates of the parts after the `first`."""
    of_an_epoch = -(-n // size)
    for i, place in enumerate(range(first, first + len(orders))):
        epoch, part = divmod(place, checks)
        updates[i] = np.array([part, part + 1]) * of_an_epoch // checks
        if size < n:  # the full batch takes no shuffle
            block, row = divmod(epoch, SHUFFLES)
            orders[i] = shuffles(seed, block, n)[row]
