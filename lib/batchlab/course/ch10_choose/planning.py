"""Batch size, learning rate and epochs for new data: a short probe, three rules, and a sweep that tests them.

How many epochs and iterations a batch size B needs to reach a target follows from its noise scale (McCandlish et al.
2018, section 2, https://arxiv.org/abs/1812.06162), and so does the rate that suits it:

    epochs(B)     = E_min (1 + B / B_noise)
    iterations(B) = S_min (1 + B_noise / B)        S_min = N E_min / B_noise
    rate(B)       = rate_max / (1 + B_noise / B)

Three numbers are unknown: B_noise, E_min and rate_max. A `Plan` takes them from the gradients of a short run and from
two probes, at one small batch size and at the full batch. The product epochs * iterations is then least at B = B_noise,
where both are twice their minimum. A `Trial` puts this, or any other choice, to the test of a sweep.

The gradients' noise scale takes all directions of the weights for equally steep. Where they are not, the steepest one
limits the rate, and batches stop paying earlier. The full batch's best rate shows it: the rates have a noise scale of
their own, and the smaller of the two counts.
"""

import collections
import dataclasses
import math

import jax
import numpy as np

from ... import measure
from ...arguments import check_model
from ...checks import check_integer, check_number
from ...data import Problem, check_problem
from ...descent import fit
from ...sweeps import Sweep

MOST = 1000  # training samples, and validation samples, that are used: a sweep should take seconds
SEEDS = 4
RATES = 0.004 * 2.0 ** np.arange(11)  # of the probe
UPDATES, SHORTEST, LONGEST = 300, 20, 300  # the probe's updates; bounds on its epochs
FULL_UPDATES = 50  # of the full batch's probe
WAY = 0.95  # of the way from the untrained loss to the lowest: there is the target
SLOWER = 8  # the noise scale is looked up along a run of so much lower a rate: an epoch is then a small step
PARTS = 4  # looks at the losses in an epoch
LOOKS = 7  # at the noise scale along that run
SIZES, STEPS, SPAN = 6, 6, 128  # batch sizes and rates of the sweep; the largest at most so many times the least
GIVEN_UP, FEWEST, MANY = 6, 10, 400  # a run may take so many times the epochs that are predicted; bounds on them
HARDLY = 0.98  # a lowest loss above this part of the untrained one is no learning


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What a probe has found out about a problem, and what the rules make of it. Losses are validation losses."""

    problem: Problem  # at most MOST training and validation samples of what was given
    hidden: tuple[int, ...]  # widths of the hidden layers of the perceptron
    start_loss: float  # untrained
    lowest_loss: float  # in the probe
    target: float  # to be reached
    start_scale: float  # noise scale before training, median of the seeds
    scales: tuple[float, ...]  # noise scale of each seed at the first epoch with half of start_loss - target gone
    halves: tuple[float, ...]  # the losses there
    probe_size: int  # the probe's batch size
    probe_rate: float  # its best rate
    probe_epochs: float  # its epochs to the target
    full_rate: float  # the rate at which the full batch comes down quickest
    ladder: np.ndarray  # (rates, seeds) epochs of the probe to the target at each of RATES, infinite if not reached
    full_ladder: np.ndarray  # (rates, seeds) loss of the full batch, the mean over its first updates
    path: np.ndarray  # (2, looks) loss and noise scale along a slow run
    notes: tuple[str, ...] = ()  # what a reader should know about these data, sentences

    @property
    def n(self):
        """N, the number of training samples."""
        return len(self.problem.x)

    @property
    def gradient_scale(self):
        """The noise scale of the gradients: the median of `scales`."""
        return float(np.median(self.scales))

    @property
    def rate_scale(self):
        """The noise scale of the rates: where the rule passes through the probe's rate and that of the full batch."""
        if self.full_rate <= self.probe_rate:
            return 0.0
        slope = self.probe_rate / self.probe_size - self.full_rate / self.n
        return (self.full_rate - self.probe_rate) / slope if slope > 0 else math.inf  # infinite: in proportion up to N

    @property
    def noise_scale(self):
        """B_noise: the smaller of both, but not below the probe's batch size, which is the scale before training."""
        return max(min(self.gradient_scale, self.rate_scale), float(self.probe_size))

    @property
    def least_epochs(self):
        """E_min, from the probe: epochs / (1 + B / B_noise)."""
        return self.probe_epochs / (1 + self.probe_size / self.noise_scale)

    @property
    def least_iterations(self):
        """S_min = N E_min / B_noise."""
        return self.n * self.least_epochs / self.noise_scale

    def epochs(self, batch_size):
        """Epochs to the target, E_min (1 + B / B_noise)."""
        return self.least_epochs * (1 + np.asarray(batch_size) / self.noise_scale)

    def iterations(self, batch_size):
        """Iterations to the target, S_min (1 + B_noise / B)."""
        return self.least_iterations * (1 + self.noise_scale / np.asarray(batch_size))

    def learning_rate(self, batch_size):
        """The rate that suits a batch size: rate_max / (1 + B_noise / B), but not above the rate of the full batch.

        It is the probe's own at the probe's batch size.
        """
        rate_max = self.probe_rate * (1 + self.noise_scale / self.probe_size)
        rule = measure.matched_rate(batch_size, rate_max, self.noise_scale)
        return np.minimum(rule, max(self.full_rate, self.probe_rate))

    @property
    def choice(self):
        """What the rules would choose: batch size (the noise scale, at most N), rate, and whole number of epochs."""
        size = min(round(self.noise_scale), self.n)
        return size, float(f"{self.learning_rate(size):.2g}"), max(1, math.ceil(self.epochs(size)))

    @property
    def by_gradients(self):
        """The same by the noise scale of the gradients alone, as if the full batch bore any rate."""
        return dataclasses.replace(self, full_rate=math.inf).choice

    def sizes(self):
        """The batch sizes of the sweep."""
        return np.unique(np.round(np.geomspace(max(1, self.n / SPAN), self.n, SIZES)).astype(int))

    def rates(self):
        """The rates of the sweep, the same for every batch size: from below the least by the rule to above the most."""
        low, high = self.learning_rate(self.sizes()[0]) / 2, 2 * self.learning_rate(self.n)
        return np.array([float(f"{rate:.3g}") for rate in np.geomspace(low, high, STEPS)])

    def most_epochs(self, sizes):
        """Epochs after which runs of these batch sizes are given up."""
        return np.clip(np.ceil(GIVEN_UP * self.epochs(sizes)), FEWEST, MANY).astype(int)


def few_enough(problem):
    """The problem, or a random part of it: at most MOST training and MOST validation samples."""
    rows = [len(check_problem(problem).x), len(problem.x_val)]
    if max(rows) <= MOST:
        return problem
    train, val = (np.sort(np.random.default_rng(0).permutation(count)[:MOST]) for count in rows)
    arrays = {"x": problem.x[train], "y": problem.y[train], "x_val": problem.x_val[val], "y_val": problem.y_val[val]}
    return dataclasses.replace(problem, **arrays)


def constant_loss(problem):
    """Validation loss of the best answer that looks at no input: the mean target, or the classes' frequencies."""
    mean = problem.y.mean(axis=0)
    if problem.kind == "regression":
        return float(np.mean(np.sum((problem.y_val - mean) ** 2, axis=1)))
    share = np.maximum(mean, 0.5 / len(problem.y))  # a class that was never trained on is not impossible
    return float(-np.mean(np.sum(problem.y_val * np.log(share / share.sum()), axis=1)))


def plan(problem, hidden=(32,)):
    """Probe a problem and plan for it; see `Plan`.

    Raises:
        ValueError: nothing is learnt from these data, or no rate trains; the message says what to look at.

    >>> from batchlab import data
    >>> made = plan(data.two_moons(n=60, n_val=60))
    >>> bool(made.lowest_loss < made.target < made.start_loss), made.probe_rate in RATES
    (True, True)
    """
    (made,) = collections.deque(probing(problem, hidden), maxlen=1)
    return made


def probing(given, hidden=(32,)):
    """A generator that does the work of `plan` in slices: yields None after each, and at last the `Plan`."""
    problem = few_enough(given)
    n, model = len(problem.x), check_model(None, hidden, problem)

    def scale(params):
        return measure.noise_scale(measure.inner_products(problem, model, params))

    begun = []
    for seed in range(SEEDS):
        begun.append(scale(model.init(jax.random.key(seed))))
        yield
    size = int(np.clip(round(min(np.median(begun), n)), 1, max(n // 4, 1)))
    settings = {"batch_sizes": [size], "learning_rates": RATES, "seeds": SEEDS, "checks": PARTS, "hidden": hidden}
    settings["num_epochs"] = int(np.clip(np.ceil(UPDATES * size / n), SHORTEST, LONGEST))
    probe = Sweep(problem, **settings)
    yield from probe.work()
    start, lowest = level(probe)
    target = lowest + (1 - WAY) * (start - lowest)
    to_target = Sweep(problem, **settings, target={"val_loss": target})
    yield from to_target.work()
    ladder = to_target.epochs_to_target[0]
    best = int(np.argmin(np.median(ladder, axis=1)))
    rate, epochs = float(RATES[best]), float(np.median(ladder[best]))

    # The full batch; the mean of its losses, since the last would favour slow rates where the quick ones have begun
    # to overfit by then.
    whole = Sweep(problem, **settings | {"batch_sizes": [n], "num_epochs": FULL_UPDATES, "checks": 1})
    yield from whole.work()
    full_ladder = np.array([[run.astype(float).mean() for run in row] for row in val_losses(whole)])
    full_ladder[whole.diverged[0]] = np.inf

    # The noise scale half way to the target, and along a slow run.
    run = fit(problem, hidden=hidden, batch_size=size, learning_rate=rate / SLOWER, num_epochs=0, seeds=SEEDS)
    half, longest = (start + target) / 2, min(2 * SLOWER * math.ceil(epochs), LONGEST)
    while run.num_epochs < longest and not (run.val_loss.min(axis=1) <= half).all():
        run.train(1)
        yield

    def look(seed, epoch):
        return run.val_loss[seed, epoch], scale(jax.tree.map(lambda leaf: leaf[seed], run.params_at(epoch)))

    looks = []
    for seed, losses in enumerate(run.val_loss):
        looks.append(look(seed, int(np.argmax(losses <= half)) if losses.min() <= half else run.num_epochs))
        yield
    run.train(min(2 * run.num_epochs, longest) - run.num_epochs)
    path = []
    for epoch in np.unique(np.geomspace(1, run.num_epochs + 1, LOOKS).astype(int)) - 1:
        path.append(look(0, epoch))
        yield
    scales = tuple(found for _, found in looks)
    yield Plan(
        problem=problem, hidden=tuple(hidden), start_loss=start, lowest_loss=lowest, target=target,
        start_scale=float(np.median(begun)), scales=scales, halves=tuple(float(loss) for loss, _ in looks),
        probe_size=size, probe_rate=rate, probe_epochs=epochs,
        full_rate=float(RATES[np.argmin(np.median(full_ladder, axis=1))]),
        ladder=ladder, full_ladder=full_ladder, path=np.transpose(path),
        notes=tuple(notes(given, problem, lowest, float(np.median(scales)), rate)),
    )  # fmt: skip


def val_losses(sweep):
    """The validation losses of each run of a sweep of one batch size, [rate][seed]."""
    size, seeds = int(sweep.batch_sizes[0]), sweep.seeds.tolist()
    return [[sweep.curve("val_loss", size, rate, seed)[1] for seed in seeds] for rate in RATES.tolist()]


def level(probe):
    """Where a probe begins, and how low it comes with every seed at the best rate for that: validation losses.

    Raises:
        ValueError: nothing has been learnt.
    """
    runs = val_losses(probe)
    start = float(np.median([run[0] for run in runs[0]]))
    lowest = float(min(np.max([np.nanmin(run) for run in row]) for row in runs))
    if not lowest < HARDLY * start:
        raise ValueError(
            f"the probe learnt nothing: its lowest validation loss is {lowest:.3g}, the untrained model has "
            f"{start:.3g}. Does the target follow from the other columns at all? Check the target column, or bring "
            "more rows."
        )
    return start, lowest


def notes(given, problem, lowest, scale, rate):
    """What a reader should know about the data and the probe, sentences."""
    n, rows, constant = len(problem.x), len(given.x), constant_loss(problem)
    if n < rows or len(problem.x_val) < len(given.x_val):
        yield (
            f"Of {rows:,} training and {len(given.x_val):,} validation samples at most {MOST:,} each are used, drawn "
            "at random, so that the sweep takes seconds."
        )
    if len(problem.x_val) < 50:
        yield (
            f"There are only {len(problem.x_val)} validation samples: the losses, and all that is decided by them, "
            "are partly luck."
        )
    if scale >= n:
        yield (
            f"The noise scale, {scale:.3g}, is not below the {n} training samples: by the rule even the full batch is "
            "not too large."
        )
    if lowest > 0.95 * constant:
        yield (
            f"The lowest validation loss, {lowest:.3g}, is hardly below that of one and the same answer for every "
            f"sample, {constant:.3g}: the inputs tell the model little about the target."
        )
    if rate in (RATES[0], RATES[-1]):
        yield f"The best rate of the probe, {rate:.3g}, is the last of its ladder: a better one may lie beyond."


class Trial:
    """A choice of batch size, rate and number of epochs against a sweep; `for _ in trial.work()` does it in slices.

    Args:
        plan: a `Plan`.
        batch_size, learning_rate, num_epochs: the choice.
        sweep: the sweep of an earlier trial of the same plan, so that it is not done again.

    Attributes:
        setting: the choice.
        sweep: `Sweep` over `plan.sizes()` and `plan.rates()` to the target.
        to_target: `Sweep` of the choice alone, to the target.
        parts: both.
    """

    def __init__(self, plan, batch_size, learning_rate, num_epochs, sweep=None):
        self.plan = plan
        size = check_integer("batch_size", batch_size, 1, plan.n, f"There are {plan.n} training samples.")
        rate = check_number("learning_rate", learning_rate, 0, 1e3, low_allowed=False)
        epochs = check_integer("num_epochs", num_epochs, 1, 10 * MANY)
        self.setting = size, rate, epochs

        def to_target(sizes, rates, most):
            common = {"seeds": SEEDS, "checks": PARTS, "hidden": plan.hidden, "target": {"val_loss": plan.target}}
            return Sweep(plan.problem, batch_sizes=sizes, learning_rates=rates, num_epochs=most, **common)

        self.sweep = sweep or to_target(plan.sizes(), plan.rates(), plan.most_epochs(plan.sizes()))
        self.to_target = to_target([size], [rate], max(epochs, int(plan.most_epochs(size))))
        self.parts = self.to_target, self.sweep

    def work(self):
        """A generator that trains what is not finished and yields after each slice."""
        for part in self.parts:
            yield from part.work()

    def run(self, progress=True):
        """Do all of it, with progress bars."""
        for part in self.parts:
            part.run(progress)
        return self

    @property
    def finished(self):
        """Whether all runs are finished."""
        return all(part.finished == part.total for part in self.parts)

    def measured(self):
        """Epochs to the target at the best rate of each batch size, and that rate: (b,), (b,); medians of the seeds."""
        best, epochs = measure.best_rates(self.sweep.epochs_to_target)
        return np.median(epochs, axis=1), self.sweep.learning_rates[np.arange(len(best)), best]

    def costs(self):
        """The median product epochs * iterations to the target of every setting of the sweep: (b, r)."""
        epochs = np.median(self.sweep.epochs_to_target, axis=2)
        return epochs**2 * self.per_epoch(self.sweep.batch_sizes)[:, None]

    def per_epoch(self, batch_size):
        """Iterations in an epoch, ceil(N / B)."""
        return -(-self.plan.n // np.asarray(batch_size))

    def epochs(self):
        """Epochs of the choice to the target, the median of the seeds; infinite where most did not reach it."""
        return float(np.median(self.to_target.epochs_to_target))

    def cost(self):
        """Epochs x iterations of the choice to the target, over the lowest of the sweep.

        It is infinite where the choice did not reach the target, NaN where no setting of the sweep did.
        """
        lowest = self.costs().min()
        return float(self.epochs() ** 2 * self.per_epoch(self.setting[0]) / lowest) if lowest < np.inf else math.nan
