"""A grid of runs over batch size and learning rate: coarse at first, then refined where it is decided.

A map of runs costs most where nothing happens. So every batch size gets a few rates that lie far apart, and then, in
one pass or more, further rates half-way between those that matter: around its best rate, and at its edge of stability.
What a run has come to can be asked after equally many epochs or after equally many updates, since every run is trained
until it has had both. That question decides what is seen: at equal epochs a large batch makes few updates.
"""

import os

import numpy as np
from tqdm.auto import tqdm

from ... import data, measure
from ...checks import check_integer
from ...sweeps import METRICS, Sweep

COARSE = 4.0 ** np.arange(-3, 4)  # the rates of every batch size, a factor of 4 apart
EPOCHS, ITERATIONS = 10, 64  # at which runs are compared
BUDGETS = {"equal epochs": f"after {EPOCHS} epochs", "equal iterations": f"after {ITERATIONS} updates"}
SEEDS, CHECKS, MORE = 3, 8, 4  # runs of a cell; measurements in an epoch; rates that a pass adds to each batch size


class RateGrid:
    """Runs of every batch size 1, 2, 4, ..., N at many learning rates, several seeds each.

    Args:
        problem: what to train on; None takes 512 handwritten digits without wrong labels.
        hidden: widths of the hidden layers of a tanh perceptron.
        seeds: starts and shuffles of each cell.
        keep: whether finished runs are kept, see `measure.sweep`.

    Attributes:
        batch_sizes: (b,) int.
        limit: the loss that counts as lost, that of guessing; see `measure.best_and_edge`.

    >>> grid = RateGrid(data.two_moons(n=8), seeds=1, hidden=(), keep=False).run(progress=False)
    >>> grid.batch_sizes.tolist(), grid.finished == grid.total
    ([1, 2, 4, 8], True)
    """

    def __init__(self, problem=None, *, hidden=(32,), seeds=SEEDS, keep=True):
        self.problem = data.digits(n=512, label_noise=0, n_val=256) if problem is None else data.check_problem(problem)
        n = len(self.problem.x)
        self.batch_sizes = np.array([*(2**k for k in range(n.bit_length()) if 2**k < n), n])
        self.updates = -(-n // self.batch_sizes)  # in an epoch
        epochs = np.maximum(EPOCHS, -(-ITERATIONS // self.updates))
        self._settings = {
            "batch_sizes": self.batch_sizes,
            "hidden": hidden,
            "seeds": check_integer("seeds", seeds, 1),
            "num_epochs": epochs,
            "checks": CHECKS,
            "keep": keep,
        }
        self.limit = measure.guessing_loss(self.problem)
        self.passes, self._going, self._ends, self._medians = 1, None, {}, {}
        self._sweeps = [Sweep(self.problem, learning_rates=COARSE, **self._settings)]
        self.model, self.seeds = self._sweeps[0].model, self._sweeps[0].seeds

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
        silent = not progress or "TQDM_DISABLE" in os.environ
        with tqdm(total=self.total, initial=self.finished, unit=" runs", delay=1, leave=False, disable=silent) as bar:
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
        step = np.sqrt(COARSE[1] / COARSE[0]) ** (0.5 ** (len(self._sweeps) - 1))
        half_way, added = np.exp(np.arange(np.log(COARSE[0] * step), np.log(COARSE[-1]), 2 * np.log(step))), []
        for size in self.batch_sizes.tolist():
            known = [rate for sweep in self._sweeps for rate in self._rates_of(sweep, size)]
            found = [self.best_and_edge(size, budget)[:2] for budget in BUDGETS]
            around = [(best, edge if np.isfinite(edge) else best) for best, edge in found]
            wanted = [rate for best, edge in around for rate in (best * step, best / step, edge * step)]
            wanted += sorted(half_way, key=lambda rate: abs(np.log(rate / around[0][0])))
            new = []
            for rate in wanted:
                inside = COARSE[0] < rate < COARSE[-1]
                if inside and not np.isclose(rate, [*known, *new], rtol=0.01, atol=0).any():
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
            ends = self._ends[cell]  # a regression has no accuracy
            self._medians[cell] = np.median(np.where(np.isnan(ends), np.inf, ends), axis=0)
        return self._ends[cell]

    def losses(self, batch_size, budget, metric="train_loss"):
        """The rates of a batch size that have been run, and the median of a loss over the seeds: two lists."""
        column, pairs = METRICS.index(metric), []
        for rate in self.rates(batch_size):
            if self.ends(batch_size, rate, budget) is not None:
                pairs.append((rate, float(self._medians[batch_size, rate, budget][column])))
        return [rate for rate, _ in pairs], [loss for _, loss in pairs]

    def best_and_edge(self, batch_size, budget, metric="train_loss", limit=None):
        """What `measure.best_and_edge` finds for a batch size; three times NaN until its coarse rates have been run."""
        rates, losses = self.losses(batch_size, budget, metric)
        if not set(COARSE) <= set(rates):
            return np.nan, np.nan, np.nan
        return measure.best_and_edge(rates, losses, self.limit if limit is None else limit)

    def best(self, budget="equal epochs", metric="train_loss"):
        """The rate with the lowest loss for each batch size: (b,)."""
        return np.array([self.best_and_edge(size, budget, metric)[0] for size in self.batch_sizes.tolist()])

    def edge(self, budget="equal epochs", limit=None):
        """The edge of stability for each batch size: (b,)."""
        return np.array([self.best_and_edge(size, budget, limit=limit)[1] for size in self.batch_sizes.tolist()])

    def slope(self, rates, most=32):
        """The power of B with which rates (b,) grow, by a straight line through the logarithms up to `most`."""
        small = self.batch_sizes <= most
        return float(np.polyfit(np.log(self.batch_sizes[small]), np.log(rates[small]), 1)[0])
