"""The runs whose gradients this chapter measures, over several draws of data and start, and single steps from there."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from ... import data, measure, process
from ...descent import fit
from ...models import loss_of

SEEDS, EARLY = 5, 5  # draws of data, start and shuffles; an epoch at which most is still to be learnt
TIMES = 1 / 16, 1 / 4, 1, 4, 16  # batch sizes of single steps, in noise scales
CHOOSE, DRAWS, PIECE = 32, 64, 64  # batches that choose the rate, others that are measured; points at once
COARSE, FINE = 2.0 ** np.arange(-14, 2, 2), 2.0 ** np.arange(-1, 1.1, 0.5)  # rates, in units of the full gradient's


class Task(NamedTuple):
    """A dataset's run: more samples than where the course wants overfitting, so that there is something to average."""

    n: int
    num_epochs: int
    settings: dict[str, Any]

    def run(self, name, seed=0, num_epochs=None):
        """The `History` of a draw, to its end or for fewer epochs."""
        problem = data.load(name, n=self.n, seed=seed)
        return fit(
            problem, seed=seed, num_epochs=self.num_epochs if num_epochs is None else num_epochs, **self.settings
        )


RUNS = {
    "noisy sine": Task(400, 200, {"hidden": (32, 32), "batch_size": 64, "learning_rate": 0.001}),
    "two moons": Task(300, 100, {"hidden": (32, 32), "batch_size": 64, "learning_rate": 0.01}),
    "digits": Task(400, 50, {"hidden": (128,), "batch_size": 64, "learning_rate": 0.01}),
}


def inner_products(name, epochs=(EARLY,), seeds=SEEDS):
    """Inner products of the per-sample gradients at these epochs of a run: (len(epochs), N, N) for each seed."""
    for seed in range(seeds):
        run = RUNS[name].run(name, seed, max(epochs))
        yield np.stack([measure.inner_products(run.problem, run.model, run.params_at(epoch)) for epoch in epochs])


@functools.lru_cache(maxsize=len(RUNS))
def early(name):
    """The same at the epoch EARLY, which several pictures show: (SEEDS, N, N)."""
    return np.concatenate(list(inner_products(name)))


# ---- one step --------------------------------------------------------------------------------------------------------


class Steps(NamedTuple):
    """What one step of the best length brings with batches of several sizes, and two noise scales.

    shares: the mean decrease of the loss with the rate that is best for the size, as a share of what the full gradient
        with the rate that is best for it brings.
    scale: tr Sigma / |G|^2.
    curved: tr(H Sigma) / (G . H G), the same weighted with the curvature: H is the Hessian of the mean loss.
    """

    batch_sizes: np.ndarray
    shares: np.ndarray
    scale: float
    curved: float


@functools.lru_cache(maxsize=8)
def _programs(model, kind):
    """The mean loss at parameters (PIECE, P): (PIECE,), and v . H v of vectors (k, P): (k,)."""
    _, back = ravel_pytree(model.init(jax.random.key(0)))

    def loss(flat, x, y):
        return loss_of(model, kind)(back(flat), x, y).mean()

    def curvature(flat, x, y, vectors):
        _, times_hessian = jax.linearize(lambda flat: jax.grad(loss)(flat, x, y), flat)
        return jax.lax.map(lambda vector: vector @ times_hessian(vector), vectors, batch_size=PIECE)

    return jax.jit(jax.vmap(loss, (0, None, None))), jax.jit(curvature)


def steps(run, epoch, seed=0):
    """One step from an epoch of a run, with batches of TIMES the noise scale: `Steps`.

    The batches are drawn with replacement. Some choose the rate, others are measured: the rate is not fitted to them.
    Source of both noise scales: McCandlish et al. 2018, section 2.2.
    """
    x, y, params = run.problem.x, run.problem.y, run.params_at(epoch)
    losses, curvature = _programs(run.model, run.problem.kind)
    flat, grads = np.asarray(ravel_pytree(params)[0]), measure.per_sample_gradients(run.problem, run.model, params)
    full = grads.mean(axis=0, keepdims=True)
    scale = float(np.sum((grads - full) ** 2) / len(grads) / np.sum(full**2))

    def lowest(grads, rates):
        """The rate that brings the mean loss lowest, and that mean."""
        points = (flat - rates[:, None, None] * grads).reshape(-1, flat.size)
        pieces = [points[i : i + PIECE] for i in range(0, len(points), PIECE)]
        values = [losses(np.pad(p, ((0, PIECE - len(p)), (0, 0))), x, y)[: len(p)] for p in pieces]
        means = np.concatenate(values).reshape(len(rates), -1).mean(axis=1)
        return rates[np.nanargmin(means)], np.nanmin(means)

    _, start = lowest(full, np.zeros(1))
    full_rate, best = lowest(full, 2.0 ** np.arange(-10, 6, 0.5))
    sizes = np.array([max(1, round(times * scale)) for times in TIMES])
    shares = []
    for size in sizes:
        rows = measure.draw_batches(len(grads), size, CHOOSE + DRAWS, replace=True, seed=seed).astype(np.float32)
        choose, measured = np.split(rows @ grads, [CHOOSE])
        rate, _ = lowest(choose, full_rate * COARSE)
        rate, _ = lowest(choose, rate * FINE)
        shares.append((start - lowest(measured, np.array([rate]))[1]) / (start - best))
    bent = np.asarray(curvature(flat, x, y, np.concatenate([full, grads - full])))
    return Steps(sizes, np.array(shares), scale, float(bent[1:].mean() / bent[0]))


@functools.lru_cache(maxsize=16)
def steps_of_draws(name, epoch, seeds=SEEDS):
    """`steps` from an epoch of a dataset's run, for several draws: a list."""
    made = [steps(RUNS[name].run(name, seed, epoch), epoch) for seed in range(seeds)]
    process.release_memory()  # 150 MB of temporary arrays
    return made
