"""A bumpy loss of one parameter, gradient descent on it, and the noise of a batch without the batch.

A wheel with one painted spoke turns v times a second, and 64 noisy photographs say where the spoke was. Most were taken
early, a quarter about a second later, when a wheel that has made one turn more or less looks nearly the same. So the
loss over the speed v, a mean over all photographs, has one minimum for every number of turns, and one is the best.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ... import measure
from ...checks import check_integer, check_number
from ...data import Problem
from ...descent import fit
from ...models import Model, loss_of

N, SPEED, ERROR = 64, 3.0, 0.7  # photographs; true turns a second; deviation of a place, in lengths of the spoke
REACH = (-2.0, 8.0)  # speeds among which minima are looked for
NOISES = ("gaussian", "redrawn")


# ---- the surface -----------------------------------------------------------------------------------------------------


def _spoke(params, x):
    turn = 2 * jnp.pi * params[0] * x
    return jnp.concatenate([jnp.cos(turn), jnp.sin(turn)], axis=1)


WHEEL = Model(lambda key: jnp.ones(1), _spoke)


class Bumps(NamedTuple):
    """A loss of one parameter, seen whole."""

    problem: Problem  # its mean training loss is the loss
    model: Model  # its params are an array of shape (1,)
    grid: np.ndarray  # parameter values
    losses: np.ndarray  # the loss there
    minima: np.ndarray  # where the loss is lowest in each basin, from left to right
    tops: np.ndarray  # the borders between them, one fewer
    good: int  # the number of the lowest minimum

    def basin(self, points):
        """The number of the basin that each point lies in; between two borders lies one minimum.

        >>> scene = wheel()
        >>> bool((scene.basin(scene.minima) == np.arange(len(scene.minima))).all())
        True
        """
        return np.searchsorted(self.tops, points)

    def share(self, points):
        """The share of points that lie in the basin of the lowest minimum: a `measure.Estimate`."""
        return measure.share(int(np.sum(self.basin(points) == self.good)), np.size(points))

    def curvature(self, points):
        """Second derivative of the loss, by differences of the losses on the grid."""
        second = np.gradient(np.gradient(self.losses, self.grid), self.grid)
        return np.interp(points, self.grid, second)

    def fit(self, start, **settings):
        """A run of `batchlab.fit` from a point."""
        return fit(self.problem, model=self.model, params=np.array([start], np.float32), **settings)

    def places(self, stages, seeds=200, seed=0):
        """Where mini-batch descents from v = 1 end that differ in their seeds alone: (seeds,).

        Args:
            stages: a list of (batch size, learning rate, epochs), made one after the other.
            seeds: how many.
            seed: the first seed.

        >>> wheel().places([(1, 0.02, 4), (64, 0.02, 4)], seeds=3).shape
        (3,)
        """
        size, rate, _ = stages[0]
        run = self.fit(1.0, seeds=seeds, seed=seed, batch_size=size, learning_rate=rate, num_epochs=0)
        for run.batch_size, run.learning_rate, epochs in stages:
            run.train(epochs)
        return run.params_at(run.num_epochs)[:, 0]


@functools.lru_cache(maxsize=8)
def wheel(seed=0, n=N):
    """The speed of a wheel from n photographs of its spoke: three quarters early, a quarter about a second later.

    Args:
        seed: the errors of the photographs; the times are the same for every seed.
        n: how many, a multiple of 4.
    """
    n = 4 * (check_integer("n", n, 8) // 4)
    rng = np.random.default_rng(check_integer("seed", seed, 0))
    times = np.concatenate([np.linspace(0.0, 0.3, n - n // 4), np.linspace(0.86, 1.14, n // 4)])[:, None]
    places = np.asarray(_spoke(jnp.array([SPEED]), jnp.asarray(times, jnp.float32)))
    y, y_val = (places + ERROR * rng.normal(size=places.shape) for _ in range(2))
    problem = Problem(times, y, times, y_val, name="wheel")
    grid = np.linspace(*REACH, 4001)
    losses = np.asarray(_mean_losses(grid.astype(np.float32), problem.x, problem.y), np.float64)
    rises = np.diff(losses) > 0  # of two equal losses side by side one is the turn
    minima, tops = (1 + np.flatnonzero(turn) for turn in (rises[:-1] < rises[1:], rises[:-1] > rises[1:]))
    tops = tops[(tops > minima[0]) & (tops < minima[-1])]
    return Bumps(problem, WHEEL, grid, losses, grid[minima], grid[tops], int(losses[minima].argmin()))


def _loss(place, x, y):
    return loss_of(WHEEL, "regression")(place[None], x, y).mean()


@jax.jit
def _mean_losses(points, x, y):
    return jax.lax.map(lambda place: _loss(place, x, y), points)


# ---- full batch plus noise -------------------------------------------------------------------------------------------


@functools.partial(jax.jit, static_argnames=("updates", "noise"))
def _descend(starts, key, x, y, batch_size, learning_rate, updates, noise):
    n = len(x)
    shrink = (n - batch_size) / (n - 1)  # a batch drawn without replacement
    each = jax.vmap(jax.grad(lambda place, x, y: _loss(place, x[None], y[None])), in_axes=(None, 0, 0))

    def one(place, key):
        def update(place, key):
            grads = each(place, x, y)
            if noise == "gaussian":
                error = jnp.sqrt(grads.var() / batch_size * shrink) * jax.random.normal(key)
            else:
                drawn = grads[jax.random.randint(key, (n,), 0, n)]
                taken = jnp.where(jnp.arange(n) < batch_size, drawn, 0.0).sum() / batch_size
                error = jnp.sqrt(shrink) * (taken - grads.mean())
            place = place - learning_rate * (grads.mean() + error)
            return place, place

        return jax.lax.scan(update, place, jax.random.split(key, updates))[1]

    return jax.vmap(one)(starts, jax.random.split(key, len(starts)))


def descend(scene, starts, learning_rate, *, batch_size=N, updates=512, noise="gaussian", seed=0):
    """Full-batch descent with artificial noise of the variance that a batch's gradient would have: the control.

    Every update takes the full gradient G and adds an error of mean 0 and variance (tr Sigma / B) (N - B) / (N - 1),
    with Sigma from the per-sample gradients where the descent stands. At batch_size = N it is gradient descent itself.
    Every update is as noisy as one of a whole batch; an epoch's last batch, where smaller, has no counterpart.

    Args:
        scene: the `Bumps`.
        starts: where the descents begin, (k,).
        learning_rate: of all.
        batch_size: the B of the variance.
        updates: how many.
        noise: "gaussian", or "redrawn": the error of B samples drawn anew, with replacement, shrunk to that variance,
            so that not only the variance but the whole shape is that of a batch's error.
        seed: of the noise.

    Returns:
        Their places, (k, updates + 1).

    >>> descend(wheel(), [1.0, 2.2], 0.02, updates=100).shape
    (2, 101)
    """
    n = len(scene.problem.x)
    batch_size = check_integer("batch_size", batch_size, 1, n)
    learning_rate = check_number("learning_rate", learning_rate, 0, low_allowed=False)
    if noise not in NOISES:
        raise ValueError(f"there is no noise {noise!r}; choose one of {', '.join(NOISES)}.")
    starts, key = np.asarray(starts, np.float32), jax.random.key(check_integer("seed", seed, 0))
    settings = np.float32(batch_size), np.float32(learning_rate), check_integer("updates", updates, 1), noise
    places = _descend(starts, key, scene.problem.x, scene.problem.y, *settings)
    return np.concatenate([starts[:, None], places], axis=1)


# ---- what becomes of many descents -----------------------------------------------------------------------------------


def ends(scene, starts, rates, updates=300):
    """In which basin full-batch descent ends, by rate and start: (rates, starts), -1 where it has not settled.

    Settled: in the last update it has moved by less than a thousandth.
    """
    kept = [descend(scene, starts, rate, updates=updates)[:, -2:] for rate in rates]
    before, last = np.moveaxis(kept, -1, 0)
    return np.where(np.abs(last - before) < 1e-3, scene.basin(last), -1)


def nearest_share(scene, starts, learning_rate=0.02):
    """Of the starts from which full-batch descent settles, the share that ends in the minimum nearest by distance."""
    ended = ends(scene, starts, [learning_rate], updates=600)[0]
    nearest = np.abs(starts[:, None] - scene.minima).argmin(axis=1)
    return float(np.mean((ended == nearest)[ended >= 0]))


def escapes(scene, sizes, learning_rate=0.02, updates=512):
    """The share of 200 descents from v = 1 that ends in the best basin, after equally many updates.

    Returns:
        {(kind, batch size): `measure.Estimate`} with the kinds "batches" and NOISES.
    """
    shares, starts = {}, np.ones(200)
    for size in sizes:
        epochs = updates // -(-len(scene.problem.x) // size)
        shares["batches", size] = scene.share(scene.places([(size, learning_rate, epochs)]))
        for noise in NOISES:
            settings = {"batch_size": size, "updates": updates, "noise": noise}
            shares[noise, size] = scene.share(descend(scene, starts, learning_rate, **settings)[:, -1])
    return shares


def escapes_by_rate(scene, sizes, ratios, epochs=16):
    """The share of 200 descents from v = 1 that ends in the best basin after equally many epochs.

    Returns:
        {(batch size, learning rate / batch size): `measure.Estimate`}.
    """
    return {(size, q): scene.share(scene.places([(size, q * size, epochs)])) for size in sizes for q in ratios}
