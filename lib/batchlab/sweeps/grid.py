"""A sweep: every combination of batch sizes, learning rates and seeds, trained until it has answered what was asked.

A learner who compares batch sizes at one learning rate and one seed compares accidents. A sweep trains them all. Its
runs share data, starts and shuffles, so that two of them differ in nothing but the setting that is compared.

Batch sizes are taken in turn; the runs of one lie side by side, see `lanes`. A run is over when it has reached its
target, has diverged, or has had its epochs. What is finished is kept in a small file: a sweep that was stopped goes on
where it was, and one that was done is not done again.
"""

import functools

import numpy as np
import optax

from ..arguments import check_model, check_optimizer
from ..checks import check_integer, check_number
from ..data import check_problem
from ..progress import progress_bar
from . import lanes
from .kept import Kept, identity
from .lanes import METRICS

LOST = 10.0  # a run whose loss exceeds this many times that of its start counts as diverged


class Sweep:
    """Runs of every batch size, learning rate and seed, with the arguments of `measure.sweep`; see there.

    Attributes:
        batch_sizes: (b,) int; learning_rates: (b, r); seeds: (s,) int; num_epochs: (b,) int, the most of each.
        target: {metric: value} or None.
        checks: (b,) int, how many parts an epoch has; the METRICS are measured after each.
        curves: {(batch_size, learning_rate, seed): (parts + 1, 4) float32}, the METRICS of every finished run after
            each part of its epochs; `epochs` tells when that was.
    """

    def __init__(
        self,
        problem,
        *,
        batch_sizes,
        learning_rates,
        seeds=8,
        num_epochs=50,
        target=None,
        checks=1,
        hidden=(32,),
        model=None,
        optimizer=optax.sgd,
        seed=0,
        keep=True,
    ):
        n = len(check_problem(problem).x)
        self.problem, self.seed = problem, check_integer("seed", seed, 0, 2**31 - 1)
        remedy = f"The {n} samples together are full-batch gradient descent."
        sizes = [
            check_integer("a batch size of batch_sizes", size, 1, n, remedy) for size in np.ravel(batch_sizes).tolist()
        ]
        if not sizes or len(set(sizes)) < len(sizes):
            raise ValueError(f"batch_sizes is {sizes}; it must hold one or more batch sizes, each once.")
        rates = np.asarray(learning_rates, np.float64)
        rates = np.tile(rates, (len(sizes), 1)) if rates.ndim < 2 else rates
        if rates.ndim != 2 or len(rates) != len(sizes) or not rates.size:
            raise ValueError(
                f"learning_rates has shape {np.shape(learning_rates)}; it must be (rates,), or (batch sizes, rates) "
                f"with a row for each of the {len(sizes)} batch sizes."
            )
        for rate in rates.ravel().tolist():
            check_number("a rate of learning_rates", rate, 0, low_allowed=False)
        seeds = check_integer("seeds", seeds, 1)
        epochs = np.ravel(num_epochs).tolist()
        epochs = epochs * len(sizes) if len(epochs) == 1 else epochs
        if len(epochs) != len(sizes):
            raise ValueError(f"num_epochs has {len(epochs)} entries; it must have 1, or one for each batch size.")
        self.batch_sizes, self.learning_rates = np.array(sizes), rates
        self.seeds = np.arange(self.seed, self.seed + seeds)
        self.num_epochs = np.array([check_integer("num_epochs", count, 1) for count in epochs])
        self._updates = -(-n // self.batch_sizes)  # in an epoch
        self._asked = check_integer("checks", checks, 1)
        self.checks = np.minimum(self._asked, self._updates)
        self.target = self._checked(target)
        self.model, self.optimizer = check_model(model, hidden, problem), check_optimizer(optimizer)
        self.curves, self._kept = {}, None
        if keep:
            self._kept = Kept(identity(problem, self.model, self.optimizer, self._asked))
            for at in range(len(sizes)):
                for run in self._runs(at):
                    curve = self._kept.curves.get(run)
                    if curve is not None and (end := self._end(at, curve)) is not None:
                        self.curves[run] = curve[: end + 1]

    def _checked(self, target):
        if target is None:
            return None
        if not isinstance(target, dict) or len(target) != 1 or next(iter(target)) not in METRICS:
            raise ValueError(f"target is {target!r}; it must be like {{'val_accuracy': 0.9}}, with one of {METRICS}.")
        ((metric, value),) = target.items()
        if metric.endswith("accuracy") and self.problem.kind != "classification":
            raise ValueError(f"target is {target!r}, but {self.problem.name!r} is a regression; choose a loss.")
        high = 1.0 if metric.endswith("accuracy") else np.inf
        return {metric: check_number(f"the target {metric}", value, 0, high, low_allowed=False)}

    # ---- training ----

    def run(self, progress=True):
        """Train whatever is not finished yet, with a progress bar if that takes longer than a second.

        It can be stopped (the kernel's stop button): what is finished is kept, and the next call goes on.
        """
        with progress_bar(self.total, " runs", progress, self.finished) as bar:
            for _ in self.work():
                bar.update(self.finished - bar.n)
        return self

    @property
    def total(self):
        """How many runs were asked for."""
        return self.learning_rates.size * len(self.seeds)

    @property
    def finished(self):
        """How many of them are finished."""
        return sum(run in self.curves for run in self._runs())

    def _runs(self, at=None):
        """(batch size, rate, seed) of every run, or of those of one batch size."""
        places = range(len(self.batch_sizes)) if at is None else [at]
        for b in places:
            for rate in self.learning_rates[b].tolist():
                for seed in self.seeds.tolist():
                    yield int(self.batch_sizes[b]), rate, seed

    def work(self):
        """A generator that trains what is not finished and yields after each slice of some 20 ms."""
        try:
            for at, size in enumerate(self.batch_sizes.tolist()):
                if waiting := [run for run in self._runs(at) if run not in self.curves]:
                    shared = self.problem, self.model, self.optimizer, size, int(self.checks[at])
                    for finished in lanes.train(*shared, waiting[::-1], functools.partial(self._end, at)):
                        self.curves |= finished
                        yield
                    self._save()
        finally:
            self._save()

    def _save(self):
        if self._kept is not None:
            self._kept.add(self.curves)

    def _end(self, at, curve):
        """The part of a run after which it has nothing more to say, or None."""
        over = self._lost(curve) | (np.arange(len(curve)) >= self.num_epochs[at] * self.checks[at])
        if self.target:
            over |= self._reached(curve)
        return int(np.argmax(over)) if over.any() else None

    def _lost(self, curve):
        """Whether a run counts as diverged after each of its epochs."""
        return ~np.isfinite(curve[:, :2]).all(axis=1) | (curve[:, 0] > LOST * curve[0, 0])

    def _reached(self, curve):
        ((metric, value),) = self.target.items()
        values = curve[:, METRICS.index(metric)]
        return values >= value if metric.endswith("accuracy") else values <= value

    # ---- answers ----

    def last(self, metric):
        """The metric at the end of each run: (batch sizes, rates, seeds); NaN where none has been run.

        Where a run has diverged, it is the worst there is: an infinite loss, an accuracy of zero.
        """
        column = _column(metric)
        worst = 0.0 if metric.endswith("accuracy") else np.inf
        return self._each(lambda _, curve: worst if self._lost(curve)[-1] else curve[-1, column])

    @property
    def diverged(self):
        """Whether each run diverged: (batch sizes, rates, seeds)."""
        return self._each(lambda _, curve: float(self._lost(curve)[-1])) == 1

    @property
    def epochs_to_target(self):
        """Epochs until the target was reached: (batch sizes, rates, seeds); infinite where it was not, NaN if not run.

        Between the last measurement before and the first one after, the metric is taken for a straight line.
        """
        if self.target is None:
            raise ValueError("the sweep has no target; make it with target={'val_accuracy': 0.9}, for example.")
        return self._each(self._crossing)

    @property
    def iterations_to_target(self):
        """Updates until the target was reached, `epochs_to_target` times ceil(N / B)."""
        return self.epochs_to_target * self._updates[:, None, None]

    def epochs(self, batch_size, count):
        """When the first `count` entries of a run of this batch size were measured, in epochs: (count,)."""
        at = self.batch_sizes.tolist().index(batch_size)
        epoch, part = np.divmod(np.arange(count), self.checks[at])
        return epoch + part * self._updates[at] // self.checks[at] / self._updates[at]

    def curve(self, metric, batch_size, learning_rate, seed=None):
        """One run: the epochs at which it was measured, and the metric there."""
        run = batch_size, learning_rate, self.seed if seed is None else seed
        if run not in self.curves:
            raise ValueError(f"there is no finished run of batch size, learning rate, seed = {run} in this sweep.")
        values = self.curves[run][:, _column(metric)]
        return self.epochs(batch_size, len(values)), values

    def _each(self, value):
        values = [value(run, self.curves[run]) if run in self.curves else np.nan for run in self._runs()]
        return np.reshape(values, (*self.learning_rates.shape, len(self.seeds)))

    def _crossing(self, run, curve):
        reached = self._reached(curve) & ~self._lost(curve)
        if not reached.any():
            return np.inf
        ((metric, value),) = self.target.items()
        after = int(np.argmax(reached))
        epochs, values = self.epochs(run[0], after + 1), curve[:, METRICS.index(metric)].astype(float)
        if after == 0:
            return 0.0
        share = (value - values[after - 1]) / (values[after] - values[after - 1])
        return epochs[after - 1] + share * (epochs[after] - epochs[after - 1])


def _column(metric):
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; it must be one of {', '.join(METRICS)}.")
    return METRICS.index(metric)


def sweep(problem, *, progress=True, **settings):  # noqa: D417, the arguments are those of `Sweep`
    """Train every combination of batch sizes, learning rates and seeds, each until it has answered what is asked.

    Args:
        problem: a `Problem` of N training samples.
        batch_sizes: the batch sizes, from 1 to N.
        learning_rates: the rates of every batch size (r,), or its own rates for each (b, r).
        seeds: this many starts with their shuffles, from `seed` on; the same for every setting.
        num_epochs: epochs after which a run is given up; one number, or one for each batch size.
        target: a run ends where it reaches this, such as {"val_accuracy": 0.9} or {"train_loss": 0.1}; None trains
            every run to the end.
        checks: how often an epoch is measured, as far as it has so many updates; the target can be reached in between.
        hidden: widths of the hidden layers of a tanh perceptron; ignored if `model` is given.
        model: a `Model` of your own.
        optimizer: an optax factory that takes a learning rate.
        seed: the first seed.
        keep: whether finished runs are kept in a file in the user's cache folder, and taken from there.
        progress: show a progress bar when it takes longer than a second.

    Returns:
        A finished `Sweep`. A run is what `fit` makes of the same arguments, up to rounding. It counts as diverged, and
        ends, where a loss is not finite or the training loss exceeds ten times that of its start.

    Raises:
        ValueError, TypeError: a setting out of its range; nothing has been computed.

    >>> from batchlab import data
    >>> done = sweep(data.noisy_sine(n=16), batch_sizes=[1, 16], learning_rates=[0.01, 0.1], seeds=2, num_epochs=3)
    >>> done.last("train_loss").shape
    (2, 2, 2)
    """
    return Sweep(problem, **settings).run(progress)
