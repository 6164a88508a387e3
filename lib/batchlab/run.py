"""A run: training in chunks of epochs, measured after each, kept in its history, continued at will."""

import os
import time

import jax
import numpy as np
from tqdm.auto import tqdm

from . import pieces, sharding
from .checks import check_integer
from .data import SHUFFLES, shuffles
from .history import KEEP_BYTES, History


class Run(History):
    """A run of gradient descent that can go on, by the compiled programs that `descent.programs` makes."""

    def __init__(self, problem, model, programs, batch_size, learning_rate, seed, seeds, params=None):
        super().__init__(problem, batch_size, learning_rate, seed, seeds)
        self.model, (start, self._measure, self._trains, compiled) = model, programs
        devices = sharding.devices_of(problem)
        placed = sharding.spread(problem, devices) if devices else problem
        self._data = placed.x, placed.y, placed.x_val, placed.y_val
        self._device = None if devices else pieces.device_of(problem)
        if not devices:  # copies, since JAX can take over an array as it lies; `jnp.array` would compile for each shape
            self._data = jax.device_put(tuple(map(np.array, self._data)), self._device)
        starts = np.uint32(seed) if seeds is None else np.arange(seed, seed + seeds).astype(np.uint32)
        with jax.default_device(pieces.device_of(problem)):
            self._state = jax.device_put(start(starts, np.float32(learning_rate), params), self._device)
        state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(self._state))
        self._chunk = max(1, min(SHUFFLES, KEEP_BYTES // (8 * state_bytes)))
        states = jax.tree.map(self._repeated, self._state)
        self.add(states, self._measured(states, 1), np.zeros(1))
        shapes = self._width(), seeds, *(array.shape for array in self._data)
        if shapes not in compiled:  # once and here, so that `seconds` never counts it
            self._train(self._state, 0, 0)
            compiled.add(shapes)

    def train(self, num_epochs, progress=False):
        """Train num_epochs more. However a run is cut into calls, it is the same, bit for bit."""
        end = self.num_epochs + check_integer("num_epochs", num_epochs, 0)
        silent = not progress or "TQDM_DISABLE" in os.environ
        with tqdm(total=num_epochs, unit=" epochs", delay=1, leave=False, disable=silent) as bar:
            while self.num_epochs < end:
                began = time.perf_counter()
                state, states, count = self._train(self._state, self.num_epochs, end - self.num_epochs)
                values = self._measured(states, count)
                spent = (time.perf_counter() - began) * np.arange(1, count + 1) / count
                self.add(states, values, self.seconds[-1] + spent)
                self._state = state  # last, so that an interrupted run can go on
                bar.update(count)
        return self

    def prepare(self, widths=None):
        """Compile what the other batch sizes need, so that no later change of a setting compiles."""
        for width in widths or self._trains:
            self._train(self._state, 0, 0, width)

    def params_at(self, epoch):
        """Parameters after `epoch` epochs, as the model's pytree; retrained from the nearest state that was kept."""
        epoch = check_integer("epoch", epoch, 0, self.num_epochs, "Train further to look further.")
        state, reached = self.kept_state(epoch)
        state = jax.device_put(state, self._device)
        while reached < epoch:
            state, _, count = self._train(state, reached, epoch - reached)
            reached += count
        return jax.tree.map(np.asarray, state[0])

    def _repeated(self, leaf):
        """A part of the state as `_measure` takes it, with the axis of epochs; nothing is copied."""
        row = np.expand_dims(leaf, self._axis)
        return np.broadcast_to(row, (*row.shape[: self._axis], self._chunk, *row.shape[self._axis + 1 :]))

    def _width(self):
        """The width that a batch is padded to, or the largest, in which it is added up."""
        return next((width for width in self._trains if width >= self.batch_size), max(self._trains))

    def _measured(self, states, count):
        return np.take(np.asarray(self._measure(states, self._data, np.int32(count))), range(count), self._axis)

    def _train(self, state, first, count, width=None):
        """At most `count` epochs after the `first`, within one block of shuffles: last state, all states, how many."""
        block, offset = divmod(first, SHUFFLES)
        count, n = min(count, SHUFFLES - offset, self._chunk), len(self.problem.x)
        orders = np.tile(np.arange(n, dtype=np.int32), (self.seeds or 1, self._chunk, 1))
        if count and self.batch_size < n:  # the full batch takes no shuffle, and so cannot depend on it
            for run, order in enumerate(orders):
                order[:count] = shuffles(self.seed + run, block, n)[offset : offset + count]
        orders = orders[0] if self.seeds is None else orders
        settings = np.int32(self.batch_size), np.float32(self.learning_rate), np.int32(count)
        return *self._trains[width or self._width()](state, self._data, orders, *settings), count
