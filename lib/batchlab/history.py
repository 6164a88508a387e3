"""What a run leaves behind: losses at every epoch, and parameters within a bound on memory."""

import csv

import jax
import numpy as np

KEEP_BYTES = 8 * 2**20  # bound on the states that a history keeps; others are trained again when asked for


class History:
    """What was measured in a run. Entry e of an array is after e epochs, entry 0 before the first.

    With seeds=k the losses, the accuracies and the parameters have a leading axis of k runs, and `best_epoch` and
    `diverged_at` hold one entry a run.

    Attributes:
        problem: the `Problem` that was trained on.
        batch_size, learning_rate, seed, seeds: the settings of the run.
        num_epochs: how many epochs have been trained.
        train_loss, val_loss: (num_epochs + 1,) mean loss over the training and over the validation samples.
        train_accuracy, val_accuracy: (num_epochs + 1,) fraction classified right; NaN for regression.
        iterations: (num_epochs + 1,) updates made by then, epoch * ceil(N / batch_size).
        samples_seen: (num_epochs + 1,) samples used by then, epoch * N.
        seconds: (num_epochs + 1,) time spent on training and measuring by then, without compilation.
        best_epoch: the epoch with the lowest validation loss, the first of several.
        diverged_at: the first epoch whose training or validation loss is not a finite number; None if there is none.
    """

    def __init__(self, problem, batch_size, learning_rate, seed, seeds):
        self.problem, self.batch_size, self.learning_rate = problem, batch_size, learning_rate
        self.seed, self.seeds = seed, seeds
        self.num_epochs, self.seconds = 0, np.zeros(0)
        self._axis = 0 if seeds is None else 1  # of the epochs, in every array that has one
        self._values = None  # (..., num_epochs + 1, loss or accuracy, training or validation)
        self._kept, self._stride = [], 1  # (epochs, states after them), one pair for each call of `add`

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

    def add(self, states, values, seconds):
        """Append epochs: their states, pytrees with the axis of epochs, their values, and when each was reached."""
        epochs = len(self.seconds) + np.arange(len(seconds))
        self._values = values if self._values is None else np.concatenate([self._values, values], self._axis)
        self.num_epochs, self.seconds = int(epochs[-1]), np.concatenate([self.seconds, seconds])
        self._kept.extend(self._every_stride([(epochs, jax.tree.map(np.asarray, states))]))
        leaves = jax.tree.leaves(states)
        state_bytes = sum(leaf.nbytes for leaf in leaves) / leaves[0].shape[self._axis]
        while (kept := sum(len(epochs) for epochs, _ in self._kept)) > 1 and kept * state_bytes > KEEP_BYTES:
            self._stride *= 2
            self._kept = self._every_stride(self._kept)

    def _every_stride(self, kept):
        """The states of every `stride`-th epoch, copied (states may have rows beyond their epochs)."""
        thinned = []
        for epochs, states in kept:
            rows = np.flatnonzero(epochs % self._stride == 0)
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
        columns = ["train_loss", "val_loss", "train_accuracy", "val_accuracy"]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["seed", "batch_size", "learning_rate", "epoch", "iteration", "samples", "seconds", *columns]
            )
            for run, values in enumerate(np.reshape(self._values, (-1, self.num_epochs + 1, 4))):
                settings = self.seed + run, self.batch_size, self.learning_rate
                for epoch, row in enumerate(values.tolist()):
                    at = epoch, int(self.iterations[epoch]), int(self.samples_seen[epoch]), float(self.seconds[epoch])
                    writer.writerow([*settings, *at, *row])
