"""A grid of runs over batch size and learning rate: coarse at first, then refined where it is decided.

A map of runs costs most where nothing happens. So every batch size gets a few rates that lie far apart, and then, in
one pass or more, further rates half-way between those that matter: around its best rate, and at its edge of stability.
What a run has come to can be asked after equally many epochs or after equally many updates, since every run is trained
until it has had both. That question decides what is seen: at equal epochs a large batch makes few updates.
"""

import functools
from typing import NamedTuple

import numpy as np
import optax

from ... import data, measure
from ...progress import progress_bar
from ...sweeps import Sweep

OPTIMIZERS = {  # an optax factory of a rate, and the rates that every batch size gets, a factor of 4 apart
    "SGD": (optax.sgd, 4.0 ** np.arange(-3, 4)),
    "momentum": (functools.partial(optax.sgd, momentum=0.9), 4.0 ** np.arange(-4, 4)),
    "Adam": (optax.adam, 4.0 ** np.arange(-5, 2)),
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
        slices: the training that goes on, None before it begins and after its end.

    >>> grid = RateGrid(data.two_moons(n=8), seeds=1, hidden=(), keep=False).run(progress=False)
    >>> grid.batch_sizes.tolist(), grid.finished == grid.total
    ([1, 2, 4, 8], True)
    """

    def __init__(self, problem=None, *, optimizer="SGD", hidden=(32,), seeds=SEEDS, seed=0, keep=True):
        self.problem = digits() if problem is None else data.check_problem(problem)
        self.limit, n = measure.guessing_loss(self.problem), len(self.problem.x)
        self.batch_sizes = np.append(2 ** np.arange((n - 1).bit_length()), n)
        make, self.coarse = OPTIMIZERS[optimizer]
        self._asked = {"hidden": hidden, "seeds": seeds, "seed": seed, "keep": keep}
        self._settings = self._asked | {
            "batch_sizes": self.batch_sizes,
            "num_epochs": np.maximum(EPOCHS, -(-ITERATIONS // self.updates(self.batch_sizes))),
            "checks": CHECKS,
            "optimizer": make,
        }
        self._sweep = Sweep(self.problem, learning_rates=self.coarse, **self._settings)
        self.model, self.seeds = self._sweep.model, self._sweep.seeds
        self._passes, self._step = 1, 4.0  # passes to come; what two neighbours of the finest rates are apart, a factor
        self.slices, self._ends = None, {}

    def beside(self, optimizer):
        """The same grid for another optimizer."""
        return RateGrid(self.problem, optimizer=optimizer, **self._asked)

    # ---- training ----------------------------------------------------------------------------------------------------

    @property
    def total(self):
        """How many runs the grid has, as far as is known: where to refine is decided when the pass before is done."""
        return self._sweep.total + self._passes * MORE * len(self.batch_sizes) * len(self.seeds)

    @property
    def finished(self):
        """How many of them are finished."""
        return self._sweep.finished

    def refine(self):
        """Ask for a further pass; `run` or `work` makes it."""
        self._passes += 1

    def run(self, progress=True):
        """Train what is not finished yet. It can be stopped, and goes on when it is called again."""
        _trained([self], progress)
        return self

    def work(self):
        """A generator that trains and yields after each slice of some 20 ms; whoever drops it loses nothing."""
        while True:
            slices, self.slices = self.slices or self._passes_in_turn(), None  # what the reader stops is begun anew
            if next(slices, self) is self:
                return
            self.slices = slices
            yield

    def _passes_in_turn(self):
        yield from self._sweep.work()
        while self._passes:
            rates = np.append(self._sweep.learning_rates, self._between(), axis=1)
            finer = Sweep(self.problem, learning_rates=rates, **self._settings)
            finer.curves |= self._sweep.curves
            self._sweep, self._passes, self._step = finer, self._passes - 1, self._step**0.5
            yield from self._sweep.work()

    def _between(self):
        """MORE new rates for each batch size (b, MORE), half-way between those that there are."""
        (low, *_, high), step = self.coarse, self._step**0.5
        half_way = low * step ** np.arange(1, np.log(high / low) / np.log(step), 2)
        added = []
        for size in self.batch_sizes.tolist():
            found = [self.best_and_edge(size, budget) for budget in BUDGETS]
            wanted = [rate for best, edge, _ in found for rate in (best * step, best / step, edge * step)]
            wanted += sorted(half_way, key=lambda rate: abs(np.log(rate / found[0][0])))
            rates = self.rates(size)
            known = len(rates)
            for rate in wanted:
                if low < rate < high and not np.isclose(rate, rates, rtol=0.01, atol=0).any():
                    rates.append(rate)
            added.append(rates[known : known + MORE])
        return added

    # ---- answers -----------------------------------------------------------------------------------------------------

    def rates(self, batch_size):
        """The learning rates of a batch size, increasing, whether run yet or not."""
        return sorted(self._sweep.learning_rates[self.batch_sizes == batch_size][0].tolist())

    def updates(self, batch_size):
        """How many updates an epoch has."""
        return -(-len(self.problem.x) // batch_size)

    def epochs_at(self, batch_size, budget):
        """After how many epochs the runs of a batch size are compared."""
        return EPOCHS if budget == "equal epochs" else ITERATIONS / self.updates(batch_size)

    def curves(self, batch_size, learning_rate):
        """The finished runs of a cell: [(epochs (k,), values (k, 4)), ...], the metrics in the order of METRICS."""
        found = [self._sweep.curves.get((batch_size, learning_rate, seed)) for seed in self.seeds.tolist()]
        return [(self._sweep.epochs(batch_size, len(curve)), curve) for curve in found if curve is not None]

    def ends(self, batch_size, learning_rate, budget):
        """Training and validation loss of each seed at the budget, (seeds, 2); None while a seed is missing.

        Between two measurements of a run a straight line is taken. The losses of a run that has diverged are infinite.
        """
        cell = batch_size, learning_rate, budget
        if cell not in self._ends:
            curves = self.curves(batch_size, learning_rate)
            if len(curves) < len(self.seeds):
                return None
            at = self.epochs_at(batch_size, budget) - 1e-9  # a run that is measured there has come so far
            ends = np.array([[np.interp(at, x, y, right=np.inf) for y in curve.T[:2]] for x, curve in curves])
            self._ends[cell] = np.where(np.isfinite(ends).all(axis=1, keepdims=True), ends, np.inf)
        return self._ends[cell]

    def losses(self, batch_size, budget):
        """The rates of a batch size that have been run, and the median training loss over the seeds: two lists."""
        known = [rate for rate in self.rates(batch_size) if self.ends(batch_size, rate, budget) is not None]
        return known, [float(np.median(self.loss_at(batch_size, rate, budget))) for rate in known]

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


def _trained(made, progress):
    """Train what these grids have not finished yet, with one progress bar for all: the same grids."""

    def finished():
        return sum(grid.finished for grid in made)

    with progress_bar(sum(grid.total for grid in made), " runs", progress, finished()) as bar:
        for grid in made:
            for _ in grid.work():
                bar.update(finished() - bar.n)
    return made


@functools.lru_cache(maxsize=8)
def drawn(optimizer="SGD", progress=True):
    """Finished grids for several draws of the digits, one run a cell; each with its own digits, start and shuffles."""
    made = [RateGrid(digits(draw), optimizer=optimizer, seeds=1, seed=draw) for draw in range(DRAWS)]
    return _trained(made, progress)


def best_rates(optimizer="SGD", budget="equal epochs", progress=True):
    """The best rate of each batch size for several draws of the digits, see `drawn`: `BestRates`."""
    made = drawn(optimizer, progress=progress)
    return BestRates(optimizer, budget, made[0].batch_sizes, np.array([grid.finer_best(budget) for grid in made]))
