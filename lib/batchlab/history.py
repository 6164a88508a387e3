"""A run and what it leaves behind: losses at every epoch, and parameters within a bound on memory.

It is trained in chunks of epochs, measured after each, and can go on; however it is cut, it is the same.
"""

import csv
import time

import jax
import numpy as np

from . import pieces, process, sharding
from .checks import check_integer
from .progress import progress_bar
from .shuffling import SHUFFLES, shuffles

KEEP_BYTES = 8 * 2**20  # bound on the states that a history keeps; others are trained again when asked for


class History:
    """A run of gradient descent. Entry e of an array is after e epochs, entry 0 before the first.

    With seeds=k the losses, the accuracies and the parameters have a leading axis of k runs, and `best_epoch` and
    `diverged_at` hold one entry a run.

    Attributes:
        problem, model: the `Problem` that is trained on, and the `Model`.
        batch_size, learning_rate, seed, seeds: the settings of the run.
        device: where it is trained; None if it is spread over several devices.
        num_epochs: how many epochs have been trained.
        train_loss, val_loss: (num_epochs + 1,) mean loss over the training and over the validation samples.
        train_accuracy, val_accuracy: (num_epochs + 1,) fraction classified right; NaN for regression.
        iterations: (num_epochs + 1,) updates made by then, epoch * ceil(N / batch_size).
        samples_seen: (num_epochs + 1,) samples used by then, epoch * N.
        seconds: (num_epochs + 1,) time spent on training and measuring by then, without compilation.
        best_epoch: the epoch with the lowest validation loss, the first of several.
        diverged_at: the first epoch whose training or validation loss is not a finite number; None if there is none.
    """

    def __init__(self, problem, model, programs, batch_size, learning_rate, seed, seeds, params=None):
        self.problem, self.model, self._programs = problem, model, programs
        self.batch_size, self.learning_rate, self.seed, self.seeds = batch_size, learning_rate, seed, seeds
        self._axis = 0 if seeds is None else 1  # of the epochs, in every array that has one
        self._values = None  # (..., num_epochs + 1, loss or accuracy, training or validation)
        self._kept, self._stride = [], 1  # (epochs, states after them), one pair for each call of `_add`
        state, self.seconds = self._placed(params), np.zeros(0)
        self._state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        self._chunk = max(1, min(SHUFFLES, KEEP_BYTES // (8 * self._state_bytes)))
        states = jax.tree.map(self._repeated, state)
        states = states if self.device is None else jax.device_put(states, self.device)  # as training returns them
        self._add(state, states, self._measured(states, 1), np.zeros(1))
        self.prepare([self._width])  # here, so that `seconds` never counts it

    def _placed(self, params):
        """Put the data where they are trained, and return the start, put there too."""
        problem, devices, first = self.problem, sharding.devices_of(self.problem), pieces.device_of(self.problem)
        placed = sharding.spread(problem, devices) if devices else problem
        self._data, self.device = (placed.x, placed.y, placed.x_val, placed.y_val), None if devices else first
        if not devices:  # copies, since JAX can take over an array as it lies; `jnp.array` would compile for each shape
            self._data = jax.device_put(tuple(map(np.array, self._data)), first)
        seeds = np.uint32(self.seed) if self.seeds is None else np.arange(self.seed, self.seed + self.seeds, dtype="u4")
        with jax.default_device(first):
            start = self._programs.start(seeds, np.float32(self.learning_rate), params)
        return jax.device_put(start, self.device)

    num_epochs = property(lambda self: len(self.seconds) - 1)
    _width = property(lambda self: pieces.rung(self._programs.train, self.batch_size))  # it may change
    train_loss = property(lambda self: self._values[..., 0, 0])
    val_loss = property(lambda self: self._values[..., 0, 1])
    train_accuracy = property(lambda self: self._values[..., 1, 0])
    val_accuracy = property(lambda self: self._values[..., 1, 1])
    iterations_per_epoch = property(lambda self: -(-len(self.problem.x) // self.batch_size))
    iterations = property(lambda self: np.arange(self.num_epochs + 1) * self.iterations_per_epoch)
    samples_seen = property(lambda self: np.arange(self.num_epochs + 1) * len(self.problem.x))

    @property
    def best_epoch(self):
        """The epoch with the lowest validation loss, the first of several; of each run, with seeds."""
        best = np.argmin(np.where(np.isnan(self.val_loss), np.inf, self.val_loss), axis=-1)
        return int(best) if self.seeds is None else best

    @property
    def diverged_at(self):
        """The first epoch at which a loss is not a finite number, or None; of each run, with seeds."""
        lost = ~(np.isfinite(self.train_loss) & np.isfinite(self.val_loss))
        first = [int(np.argmax(run)) if run.any() else None for run in np.atleast_2d(lost)]
        return first[0] if self.seeds is None else first

    def train(self, num_epochs, progress=False):
        """Train num_epochs more. However a run is cut into calls, it is the same, bit for bit."""
        end = self.num_epochs + check_integer("num_epochs", num_epochs, 0)
        with progress_bar(num_epochs, " epochs", progress) as bar:
            while self.num_epochs < end:
                began = time.perf_counter()
                state, states, count = self._train(self._state, self.num_epochs, end - self.num_epochs)
                values = self._measured(states, count)
                spent = (time.perf_counter() - began) * np.arange(1, count + 1) / count
                self._add(state, states, values, self.seconds[-1] + spent)
                bar.update(count)
        return self

    def prepare(self, widths=None):
        """Compile what batches up to these widths need, or of all, so that no later change of a setting compiles."""
        where = self.seeds, *((array.shape, array.sharding) for array in self._data)
        new = [width for width in widths or self._programs.train if (width, where) not in self._programs.known]
        for width in new:
            self._train(self._state, 0, 0, width)
            self._programs.known.add((width, where))
        if new:
            process.release_memory()

    def params_at(self, epoch):
        """Parameters after `epoch` epochs, as the model's pytree; retrained from the nearest state that was kept."""
        epoch = check_integer("epoch", epoch, 0, self.num_epochs, "Train further to look further.")
        state, reached = self.kept_state(epoch)
        while reached < epoch:
            state = jax.device_put(state, self.device)
            state, _, count = self._train(state, reached, epoch - reached)
            reached += count
        return jax.tree.map(np.asarray, state[0])

    def _repeated(self, leaf):
        """A part of the state as `_measure` takes it, with the axis of epochs; nothing is copied."""
        row = np.expand_dims(leaf, self._axis)
        return np.broadcast_to(row, (*row.shape[: self._axis], self._chunk, *row.shape[self._axis + 1 :]))

    def _measured(self, states, count):
        return np.take(
            np.asarray(self._programs.measure(states, self._data, np.int32(count))), range(count), self._axis
        )

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
        return *self._programs.train[width or self._width](state, self._data, orders, *settings), count

    def _add(self, state, states, values, seconds):
        """Append epochs: the last state, all with the axis of epochs, their values, and when each was reached."""
        epochs, stride = len(self.seconds) + np.arange(len(seconds)), self._stride
        kept = self._kept + self._every(stride, [(epochs, jax.tree.map(np.asarray, states))])
        while (count := sum(len(epochs) for epochs, _ in kept)) > 1 and count * self._state_bytes > KEEP_BYTES:
            stride *= 2
            kept = self._every(stride, kept)
        values = values if self._values is None else np.concatenate([self._values, values], self._axis)
        seconds = np.concatenate([self.seconds, seconds])
        # On one line, which no interrupt cuts: a run that was stopped goes on as if nothing had been.
        self._state, self._kept, self._stride, self._values, self.seconds = state, kept, stride, values, seconds

    def _every(self, stride, kept):
        """The states of every `stride`-th epoch, copied (states may have rows beyond their epochs)."""
        thinned = []
        for epochs, states in kept:
            rows = np.flatnonzero(epochs % stride == 0)
            if len(rows):
                states = jax.tree.map(lambda leaf: np.take(leaf, rows, self._axis), states)  # noqa: B023
                thinned.append((epochs[rows], states))
        return thinned

    def kept_state(self, epoch):
        """The last kept state at or before an epoch, and its epoch."""
        epochs, states = next(kept for kept in reversed(self._kept) if kept[0][0] <= epoch)
        at = int(np.searchsorted(epochs, epoch, side="right")) - 1
        return jax.tree.map(lambda leaf: np.take(leaf, at, self._axis), states), int(epochs[at])

    def to_csv(self, path):
        """Write one line an epoch (and a run, with seeds) to a CSV file that spreadsheets and pandas read."""
        columns = "seed", "batch_size", "learning_rate", "epoch", "iteration", "samples", "seconds"
        counts = self.iterations.tolist(), self.samples_seen.tolist(), self.seconds.tolist()
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, "train_loss", "val_loss", "train_accuracy", "val_accuracy"])
            for run, values in enumerate(np.reshape(self._values, (-1, self.num_epochs + 1, 4)).tolist()):
                settings = self.seed + run, self.batch_size, self.learning_rate
                for epoch, (*at, row) in enumerate(zip(*counts, values, strict=True)):
                    writer.writerow([*settings, epoch, *at, *row])
