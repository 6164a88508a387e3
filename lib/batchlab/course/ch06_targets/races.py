"""The runs of chapter 6: the sweep of the picture, shorter ones over several draws of the data, how far weights go."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ... import data, measure, models
from ...descent import fit
from ...progress import progress_bar
from ...shuffling import shuffles

# The target: one percentage point below the accuracy that full-batch descent reaches in the end, in whole percent, with
# every seed on every draw of the data (95 %). Closer to it chance decides when a run arrives.
TARGET = 0.94
HIDDEN, CHECKS, SEEDS, DRAWS = (32,), 16, 4, 6
SIZES = (1, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
RATES = tuple(0.02 * 2.0**k for k in range(10))
FIXED = 0.16  # the rate for all
# Over several draws: fewer sizes, each with the fixed rate and those around its best.
FEWER = {1: (0, 1, 2, 3, 4), 4: (1, 2, 3, 4, 5), 16: (3, 4, 5, 6, 7), 64: (3, 5, 6, 7, 8), 256: (3, 6, 7, 8, 9),
         1000: (3, 6, 7, 8, 9)}  # fmt: skip
BUDGETS = {4: 4, 64: 8, 1000: 60}  # batch sizes that are compared at equal budgets, and their epochs


def digits(draw=0):
    """1,000 real digits with right labels, and 500 others for validation; each draw takes other ones."""
    return data.digits(n=1000, label_noise=0.0, seed=draw)


def digits_sweep(draw=0, **settings):
    """The sweep of chapter 6, not yet run: every batch size with every rate, to the target.

    A run that has not got there after 2 + B / 5 epochs, rounded down, is given up.

    Args:
        draw: which samples, and the first start.
        settings: of `measure.Sweep`, in place of the chapter's.

    >>> digits_sweep().total  # 10 batch sizes, 10 rates, 4 seeds
    400
    """
    settings = {
        "batch_sizes": SIZES,
        "learning_rates": RATES,
        "num_epochs": [2 + size // 5 for size in settings.get("batch_sizes", SIZES)],
        "target": {"val_accuracy": TARGET},
        "checks": CHECKS,
        "hidden": HIDDEN,
        "seeds": SEEDS,
        **settings,
    }
    return measure.Sweep(digits(draw), seed=draw, **settings)


class Race(NamedTuple):
    """What a draw of the data costs: batch sizes (b,), epochs at the best rates and at the fixed one (b, seeds)."""

    sizes: np.ndarray
    best: np.ndarray
    fixed: np.ndarray
    places: np.ndarray  # which of its rates is the best, (b,)
    sweep: measure.Sweep

    @property
    def updates(self):
        """Iterations in an epoch, (b,)."""
        return -(-len(self.sweep.problem.x) // self.sizes)

    @property
    def steps(self):
        """Iterations to the target at the best rates, medians over the seeds: (b,)."""
        return np.median(self.best, axis=1) * self.updates

    @property
    def law(self):
        """The `measure.Law` of its iterations."""
        return measure.fit_law(self.sizes, self.sweep.iterations_to_target)

    def noise_scales(self, best=True, most=8):
        """The noise scale along the full-batch run to the target, at its best rate or at the fixed one.

        Of a longer run `most` steps are measured, evenly spaced. Their mean is the B_noise of the law that is to be
        expected: each full-batch step takes 1 + B_noise / B steps of batch size B. Source: McCandlish et al. 2018,
        section 2.3.
        """
        rate = self.sweep.learning_rates[-1, self.places[-1]] if best else FIXED
        steps = np.median((self.best if best else self.fixed)[-1])
        run = fit(self.sweep.problem, model=self.sweep.model, batch_size=int(self.sizes[-1]), learning_rate=rate,
                  num_epochs=int(np.ceil(steps)), seed=self.sweep.seed)  # fmt: skip
        params = map(run.params_at, np.unique(np.linspace(0, run.num_epochs - 1, most).astype(int)).tolist())
        return np.array([measure.noise_scale(measure.inner_products(run.problem, run.model, one)) for one in params])

    def longer(self):
        """The runs of three batch sizes at their best rates, beyond the target: a finished `Sweep`."""
        places = np.searchsorted(self.sizes, list(BUDGETS))
        rates = self.sweep.learning_rates[places, self.places[places]][:, None]
        return measure.sweep(self.sweep.problem, batch_sizes=list(BUDGETS), learning_rates=rates, seeds=SEEDS,
                             num_epochs=list(BUDGETS.values()), checks=CHECKS, hidden=HIDDEN, seed=self.sweep.seed,
                             progress=False)  # fmt: skip


def race(sweep):
    """A finished sweep as a `Race`."""
    epochs = sweep.epochs_to_target
    places, best = measure.best_rates(epochs)
    at = np.argmin(np.abs(np.log(sweep.learning_rates / FIXED)), axis=1)
    return Race(sweep.batch_sizes, best, epochs[np.arange(len(at)), at], places, sweep)


@functools.lru_cache(maxsize=1)
def races(progress=True):
    """The `Race` of each of several draws of the data: six batch sizes, the fixed rate and those around the best."""
    rates = np.take(RATES, list(FEWER.values()))
    sweeps = [digits_sweep(draw, batch_sizes=tuple(FEWER), learning_rates=rates) for draw in range(DRAWS)]
    with progress_bar(sum(sweep.total for sweep in sweeps), " runs", progress) as bar:
        for sweep in sweeps:
            for _ in sweep.work():
                bar.update(sum(each.finished for each in sweeps) - bar.n)
    return [race(sweep) for sweep in sweeps]


# ---- how far the weights go in an epoch ------------------------------------------------------------------------------

OPTIMIZERS = {"SGD": optax.sgd(FIXED), "momentum": optax.sgd(0.016, momentum=0.9), "Adam": optax.adam(0.008)}
TRAVELLED = (8, 40, 200, 1000)  # batch sizes: multiples of the first, which divide 1,000


def travel(optimizer, seeds=SEEDS, draw=0):
    """How far the weights go in the first epoch: length of their path, and distance from start to end, (2, seeds, b).

    One program for all of TRAVELLED: it takes 8 samples at a time, and makes an update when a batch is complete.
    """
    problem, model = digits(draw), models.mlp((64, *HIDDEN, 10))
    loss, smallest = models.loss_of(model, problem.kind), TRAVELLED[0]

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, 0, None))
    @functools.partial(jax.vmap, in_axes=(None, None, 0))
    def epoch(seed, order, pieces):
        batches = optax.MultiSteps(optimizer, lambda _: pieces)  # its updates are 0 while it collects gradients

        def step(carry, piece):
            params, state, length = carry
            grads = jax.grad(lambda params: loss(params, *piece).mean())(params)
            updates, state = batches.update(grads, state, params)
            return (optax.apply_updates(params, updates), state, length + optax.tree.norm(updates)), None

        start = model.init(jax.random.key(seed))
        x, y = (jnp.asarray(array)[order].reshape(-1, smallest, array.shape[1]) for array in (problem.x, problem.y))
        (end, _, length), _ = jax.lax.scan(step, (start, batches.init(start), 0.0), (x, y))
        return jnp.stack([length, optax.tree.norm(optax.tree.sub(end, start))])

    orders = np.stack([shuffles(seed, 0, len(problem.x))[0] for seed in range(seeds)])
    found = epoch(np.arange(seeds), orders, np.array(TRAVELLED) // smallest)
    return np.moveaxis(np.asarray(found, np.float64), 2, 0)
