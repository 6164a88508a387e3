"""A grid of runs over batch size and learning rate: coarse at first, then refined where it is decided.

A map of runs costs most where nothing happens. So every batch size gets a few rates that lie far apart, and then, in
one pass or more, further rates half-way between those that matter: around its best rate, and at its edge of stability.
What a run has come to can be asked after equally many epochs or after equally many updates, since every run is trained
until it has had both. That question decides what is seen: at equal epochs a large batch makes few updates.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import optax

from ... import data, measure
from ...checks import check_integer
from ...progress import progress_bar
from ...sweeps import METRICS, Sweep


class Optimizer(NamedTuple):
    """An optax factory of a rate, and the rates that every batch size gets, a factor of 4 apart."""

    make: Callable
    rates: np.ndarray


OPTIMIZERS = {
    "SGD": Optimizer(optax.sgd, 4.0 ** np.arange(-3, 4)),
    "momentum": Optimizer(functools.partial(optax.sgd, momentum=0.9), 4.0 ** np.arange(-4, 4)),
    "Adam": Optimizer(optax.adam, 4.0 ** np.arange(-5, 2)),
}
EPOCHS, ITERATIONS = 10, 64  # at which runs are compared
BUDGETS = {"equal epochs": f"after {EPOCHS} epochs", "equal iterations": f"after {ITERATIONS} updates"}
SEEDS, CHECKS, MORE = 3, 8, 4  # runs of a cell; measurements in an epoch; rates that a pass adds to each batch size
DRAWS = 5  # of the data, for `best_rates`


def digits(draw=0):
    """The chapter's data: 512 handwritten digits without wrong labels."""
    return data.digits(n=512, label_noise=0, n_val=256, seed=draw)


class RateGrid:
    """Runs of every batch size 1, 2, 4, ..., N at many learning rates, several seeds each.

    Args:
        problem: what to train on; None takes `digits()`.
        optimizer: one of OPTIMIZERS.
        hidden: widths of the hidden layers of a tanh perceptron.
        seeds: starts and shuffles of each cell, from `seed` on.
        seed: the first of them.
        keep: whether finished runs are kept, see `measure.sweep`.

    Attributes:
        batch_sizes: (b,) int.
        coarse: the rates that every batch size gets.
        limit: the loss that counts as lost, that of guessing; see `measure.best_and_edge`.

    >>> grid = RateGrid(data.two_moons(n=8), seeds=1, hidden=(), keep=False).run(progress=False)
    >>> grid.batch_sizes.tolist(), grid.finished == grid.total
    ([1, 2, 4, 8], True)
    """

    def __init__(self, problem=None, *, optimizer="SGD", hidden=(32,), seeds=SEEDS, seed=0, keep=True):
        self.problem = digits() if problem is None else data.check_problem(problem)
        self.coarse, n = OPTIMIZERS[optimizer].rates, len(self.problem.x)
        self.batch_sizes = np.array([*(2**k for k in range(n.bit_length()) if 2**k < n), n])
        self.updates = -(-n // self.batch_sizes)  # in an epoch
        self._asked = {"hidden": hidden, "seeds": check_integer("seeds", seeds, 1), "seed": seed, "keep": keep}
        self._settings = self._asked | {
            "batch_sizes": self.batch_sizes,
            "num_epochs": np.maximum(EPOCHS, -(-ITERATIONS // self.updates)),
            "checks": CHECKS,
            "optimizer": OPTIMIZERS[optimizer].make,
        }
        self.limit = measure.guessing_loss(self.problem)
        self.passes, self._going, self._ends, self._medians = 1, None, {}, {}
        self._sweeps = [Sweep(self.problem, learning_rates=self.coarse, **self._settings)]
        self.model, self.seeds = self._sweeps[0].model, self._sweeps[0].seeds

    def beside(self, optimizer):
        """The same grid for another optimizer."""
        return RateGrid(self.problem, optimizer=optimizer, **self._asked)

    # ---- training ----------------------------------------------------------------------------------------------------

    @property
    def total(self):
        """How many runs the grid has, as far as is known: where to refine is decided when the pass before is done."""
        coming = self.passes + 1 - len(self._sweeps)
        return sum(sweep.total for sweep in self._sweeps) + coming * MORE * len(self.batch_sizes) * len(self.seeds)

    @property
    def finished(self):
        """How many of them are finished."""
        return sum(sweep.finished for sweep in self._sweeps)

    def refine(self):
        """Ask for a further pass; `run` or `work` makes it."""
        self.passes += 1

    def run(self, progress=True):
        """Train what is not finished yet. It can be stopped, and goes on when it is called again."""
        with progress_bar(self.total, " runs", progress, self.finished) as bar:
            for _ in self.work():
                bar.update(self.finished - bar.n)
        return self

    def work(self):
        """A generator that trains and yields after each slice of some 20 ms; whoever drops it loses nothing."""
        while self._step():
            yield

    def _step(self):
        self._going = self._going or self._all()
        try:
            going = next(self._going, self) is not self
        except BaseException:  # stopped by the reader: the next call begins where the last run ended
            self._going = None
            raise
        self._going = self._going if going else None
        return going

    def _all(self):
        while True:
            yield from self._sweeps[-1].work()
            if len(self._sweeps) > self.passes:
                return
            self._sweeps.append(Sweep(self.problem, learning_rates=self._between(), **self._settings))

    def _between(self):
        """MORE new rates for each batch size, half-way between those that there are."""
        low, high = self.coarse[[0, -1]]
        step = np.sqrt(self.coarse[1] / low) ** (0.5 ** (len(self._sweeps) - 1))
        half_way, added = np.exp(np.arange(np.log(low * step), np.log(high), 2 * np.log(step))), []
        for size in self.batch_sizes.tolist():
            known = [rate for sweep in self._sweeps for rate in self._rates_of(sweep, size)]
            found = [self.best_and_edge(size, budget)[:2] for budget in BUDGETS]
            around = [(best, edge if np.isfinite(edge) else best) for best, edge in found]
            wanted = [rate for best, edge in around for rate in (best * step, best / step, edge * step)]
            wanted += sorted(half_way, key=lambda rate: abs(np.log(rate / around[0][0])))
            new = []
            for rate in wanted:
                if low < rate < high and not np.isclose(rate, [*known, *new], rtol=0.01, atol=0).any():
                    new.append(float(rate))
            added.append(sorted(new[:MORE]))
        return np.array(added)

    # ---- answers -----------------------------------------------------------------------------------------------------

    def rates(self, batch_size):
        """The learning rates of a batch size, increasing, whether run yet or not."""
        return sorted(rate for sweep in self._sweeps for rate in self._rates_of(sweep, batch_size))

    def _rates_of(self, sweep, batch_size):
        return sweep.learning_rates[self.batch_sizes.tolist().index(batch_size)].tolist()

    def epochs_at(self, batch_size, budget):
        """After how many epochs the runs of a batch size are compared."""
        at = self.batch_sizes.tolist().index(batch_size)
        return EPOCHS if budget == "equal epochs" else ITERATIONS / self.updates[at]

    def curves(self, batch_size, learning_rate):
        """The finished runs of a cell: [(epochs (k,), values (k, 4)), ...], the metrics in the order of METRICS."""
        runs = [(batch_size, learning_rate, int(seed)) for seed in self.seeds]
        found = [sweep.curves[run] for run in runs for sweep in self._sweeps if run in sweep.curves]
        return [(self._sweeps[0].epochs(batch_size, len(curve)), curve) for curve in found]

    def ends(self, batch_size, learning_rate, budget):
        """The four metrics of each seed at the budget, (seeds, 4); None while a seed is missing.

        Between two measurements of a run a straight line is taken. A run that diverged before has infinite losses.
        """
        cell = batch_size, learning_rate, budget
        if cell not in self._ends:
            curves = self.curves(batch_size, learning_rate)
            if len(curves) < len(self.seeds):
                return None
            at = self.epochs_at(batch_size, budget)
            lost = np.array([0.0 if metric.endswith("accuracy") else np.inf for metric in METRICS])
            values = [
                [np.interp(at, epochs, column) for column in curve.T] if epochs[-1] >= at - 1e-9 else lost
                for epochs, curve in curves
            ]
            self._ends[cell] = np.array(values)
            losses = self._ends[cell][:, 0]
            self._medians[cell] = float(np.median(np.where(np.isnan(losses), np.inf, losses)))
        return self._ends[cell]

    def losses(self, batch_size, budget):
        """The rates of a batch size that have been run, and the median training loss over the seeds: two lists."""
        known = [rate for rate in self.rates(batch_size) if self.ends(batch_size, rate, budget) is not None]
        return known, [self._medians[batch_size, rate, budget] for rate in known]

    def loss_at(self, batch_size, learning_rate, budget):
        """The training loss of each seed, at a rate that was run or at the best one if that is None: (seeds,)."""
        rate = self.best_and_edge(batch_size, budget)[0] if learning_rate is None else learning_rate
        return self.ends(batch_size, rate, budget)[:, 0]

    def best_and_edge(self, batch_size, budget, limit=None):
        """What `measure.best_and_edge` finds for a batch size; three times NaN until its coarse rates have been run."""
        rates, losses = self.losses(batch_size, budget)
        if not set(self.coarse) <= set(rates):
            return np.nan, np.nan, np.nan
        return measure.best_and_edge(rates, losses, self.limit if limit is None else limit)

    def best(self, budget="equal epochs"):
        """The rate with the lowest loss for each batch size: (b,)."""
        return np.array([self.best_and_edge(size, budget)[0] for size in self.batch_sizes.tolist()])

    def edge(self, budget="equal epochs", limit=None):
        """The edge of stability for each batch size: (b,)."""
        return np.array([self.best_and_edge(size, budget, limit)[1] for size in self.batch_sizes.tolist()])

    def finer_best(self, budget="equal epochs"):
        """The best rates (b,), between the steps of the grid: the lowest point of a parabola in the logarithms."""
        return np.array([_lowest(*self.losses(size, budget)) for size in self.batch_sizes.tolist()])


def _lowest(rates, losses):
    """Where a parabola through the lowest of these losses and its two neighbours is lowest."""
    x, y = np.log(rates), np.log(np.where(np.isfinite(losses), losses, 1e6))
    at = int(np.argmin(y))
    if not 0 < at < len(x) - 1:
        return rates[at]
    bend, slope, _ = np.polyfit(x[at - 1 : at + 2] - x[at], y[at - 1 : at + 2], 2)
    return float(rates[at] * np.exp(np.clip(-slope / (2 * bend), x[at - 1] - x[at], x[at + 1] - x[at])))


class BestRates(NamedTuple):
    """The best rates of an optimizer. Each row has data, start and shuffles of its own."""

    optimizer: str
    budget: str  # of BUDGETS
    batch_sizes: np.ndarray  # (b,)
    rates: np.ndarray  # (draws, b)

    def power(self, low=1, high=32):
        """The power of B with which the rates grow from batch size `low` to `high`: a `measure.Estimate`.

        The slope of a straight line through the logarithms, for each draw; the mean of the draws, and its 95 % interval
        (Student's t).
        """
        from scipy.special import stdtrit

        among = (low <= self.batch_sizes) & (self.batch_sizes <= high)
        slopes = np.polyfit(np.log(self.batch_sizes[among]), np.log(self.rates[:, among].T), 1)[0]
        half = stdtrit(len(slopes) - 1, 0.975) * slopes.std(ddof=1) / np.sqrt(len(slopes))
        return measure.Estimate(*(float(slopes.mean() + shift) for shift in (0, -half, half)))

    def times(self, low, high):
        """How many times as high the best rate is at batch size `high` as at `low`: the median of the draws."""
        at = self.batch_sizes.tolist()
        return float(np.median(self.rates[:, at.index(high)] / self.rates[:, at.index(low)]))

    def law(self, around=64):
        """The corner, and the rates (b,) of the law: in proportion to B up to the corner, then flat.

        Both heights are medians over all draws: of rate / B below batch size `around`, and of the rate beyond it.
        """
        below, beyond = self.batch_sizes < around, self.batch_sizes > around
        per_sample = np.median((self.rates / self.batch_sizes)[:, below])
        corner = float(np.median(self.rates[:, beyond]) / per_sample)
        return corner, per_sample * np.minimum(self.batch_sizes, corner)


@functools.lru_cache(maxsize=8)
def drawn(optimizer="SGD", draws=DRAWS, progress=True):
    """Finished grids for several draws of the digits, one run a cell; each with its own digits, start and shuffles."""
    made = [RateGrid(digits(draw), optimizer=optimizer, seeds=1, seed=draw) for draw in range(draws)]
    with progress_bar(sum(grid.total for grid in made), " runs", progress) as bar:
        for grid in made:
            for _ in grid.work():
                bar.update(sum(grid.finished for grid in made) - bar.n)
    return made


def best_rates(optimizer="SGD", budget="equal epochs", progress=True):
    """The best rate of each batch size for several draws of the digits, see `drawn`: `BestRates`."""
    made = drawn(optimizer, progress=progress)
    return BestRates(optimizer, budget, made[0].batch_sizes, np.array([grid.finer_best(budget) for grid in made]))
