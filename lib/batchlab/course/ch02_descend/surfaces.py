"""Loss surfaces of models of exactly two parameters, and the path of every update on them."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ...checks import check_integer, check_number
from ...data import Problem
from ...descent import fit
from ...models import Model, loss_of

N = 64  # training samples of a surface
BLOCK = 256  # points whose losses are computed together
LOST = 1e3  # a descent whose loss is as many times that of its start has diverged


# ---- surfaces --------------------------------------------------------------------------------------------------------


class Surface(NamedTuple):
    """The loss of a model of two parameters on a problem, and where to look at it.

    Attributes:
        problem: a regression `Problem` with one input.
        model: a `Model` whose params are an array of shape (2,).
        names: what the two parameters are called.
        window: ((low, high), (low, high)) of the two parameters in the picture.
        start: where the paths begin.
        learning_rate: a rate that suits the surface.
        guesses: a point near each of its minima, the lowest first.
    """

    problem: Problem
    model: Model
    names: tuple[str, str]
    window: tuple[tuple[float, float], tuple[float, float]]
    start: tuple[float, float]
    learning_rate: float
    guesses: tuple[tuple[float, float], ...]

    def fit(self, start=None, optimizer=optax.sgd, **settings):
        """A run of `batchlab.fit` from a point of the surface, which also keeps the path for `path`."""
        start = np.asarray(self.start if start is None else start, np.float32)
        settings = {"learning_rate": self.learning_rate, **settings}
        return fit(self.problem, model=self.model, optimizer=recorded(optimizer), params=start, **settings)

    def losses(self, points):
        """Mean training loss at points (..., 2) -> (...)."""
        points = np.asarray(points, np.float32)
        flat = points.reshape(-1, 2)
        blocks = np.pad(flat, ((0, -len(flat) % BLOCK), (0, 0))).reshape(-1, BLOCK, 2)
        losses = [_losses(self.model, block, self.problem.x, self.problem.y) for block in blocks]
        return np.concatenate(losses, dtype=float)[: len(flat)].reshape(points.shape[:-1])

    def minima(self):
        """The minima, the lowest first: where full-batch gradient descent ends."""
        settings = {"batch_size": len(self.problem.x), "num_epochs": 2000}
        return np.stack([self.fit(guess, **settings).params_at(2000) for guess in self.guesses])


@functools.partial(jax.jit, static_argnums=0)
def _losses(model, points, x, y):
    return jax.vmap(lambda params: loss_of(model, "regression")(params, x, y).mean())(points)


LINE = Model(lambda key: jnp.zeros(2), lambda params, x: params[0] * x + params[1])
BUMP = Model(lambda key: jnp.zeros(2), lambda params, x: params[1] * jnp.exp(-2.0 * (x - params[0]) ** 2))


def straight_line(noise=0.5, seed=0):
    """A straight line, y = slope x + intercept: a bowl with one minimum, long one way and steep the other."""
    rng = np.random.default_rng(check_integer("seed", seed, 0))
    x = rng.uniform(0, 2, size=(2 * N, 1))
    y = x - 0.5 + check_number("noise", noise, 0) * rng.normal(size=x.shape)
    problem = Problem(x[:N], y[:N], x[N:], y[N:], name="straight line")
    return Surface(problem, LINE, ("slope", "intercept"), ((-1.2, 2.2), (-1.9, 1.9)), (-0.8, -1.4), 0.05, ((1, -0.5),))


def two_bumps(noise=0.15, seed=0):
    """One bump, y = height exp(-2 (x - centre)^2), for data that have a high bump and a low one: two minima."""
    rng = np.random.default_rng(check_integer("seed", seed, 0))
    x = rng.uniform(-2.2, 2.2, size=(2 * N, 1))
    y = 0.7 * np.exp(-2 * (x + 1.1) ** 2) + np.exp(-2 * (x - 1) ** 2)
    y += check_number("noise", noise, 0) * rng.normal(size=x.shape)
    problem = Problem(x[:N], y[:N], x[N:], y[N:], name="two bumps")
    guesses = ((1, 1), (-1.1, 0.7))
    return Surface(problem, BUMP, ("centre", "height"), ((-2.0, 2.0), (-0.3, 1.5)), (-0.35, 0.95), 0.2, guesses)


SURFACES = {"straight line": straight_line, "two bumps": two_bumps}


@functools.lru_cache(maxsize=8)
def scene(name):
    """The named surface: "straight line" or "two bumps"."""
    if name not in SURFACES:
        raise ValueError(f"there is no surface {name!r}; choose one of {', '.join(SURFACES)}.")
    return SURFACES[name]()


@functools.lru_cache(maxsize=8)
def surface(name):
    """The named surface and its minima, which have to be computed."""
    return scene(name), scene(name).minima()


# ---- paths -----------------------------------------------------------------------------------------------------------


def decayed_sgd(learning_rate):
    """Gradient descent whose rate falls with the iteration t as rate / (1 + t / N) (Robbins and Monro 1951)."""
    return optax.sgd(lambda t: learning_rate / (1 + t / N))


@functools.lru_cache(maxsize=64)
def recorded(optimizer):
    """The optax factory, made to remember the parameters after each of the last N updates, for `path`."""

    def factory(learning_rate):
        inner = optimizer(learning_rate)

        def init(params):
            return inner.init(params), jnp.zeros((N, *params.shape)), jnp.int32(0)

        def update(grads, state, params):
            state, path, t = state
            updates, state = inner.update(grads, state, params)
            return updates, (state, path.at[t % N].set(optax.apply_updates(params, updates)), t + 1)

        return optax.GradientTransformation(init, update)

    return factory


def path(run, first=0):
    """Parameters before training and after every update of a run with a `recorded` optimizer.

    Args:
        run: a `History` from `Surface.fit`.
        first: leave out what came before this epoch.

    Returns:
        (iterations + 1, 2) from the end of epoch `first` on; with seeds, (seeds, iterations + 1, 2).

    >>> run = straight_line().fit(batch_size=16, num_epochs=3)
    >>> path(run).shape, bool((path(run)[-1] == run.params_at(3)).all())
    ((13, 2), True)
    """
    each, points = run.iterations_per_epoch, [np.expand_dims(run.params_at(first), -2)]
    for epoch in range(first, run.num_epochs, N // each):
        until = min(epoch + N // each, run.num_epochs)  # a state reaches back N updates
        (_, (_, trace, _)), reached = run.kept_state(until)
        if reached < until:
            raise ValueError(f"the run has {run.num_epochs} epochs, too many for every step of its path to be kept.")
        points.append(np.take(trace, np.arange(epoch * each, until * each) % N, axis=-2))
    return np.concatenate(points, axis=-2)


class Walk:
    """One descent: its run, and every point of its path with the loss there, as far as it has come."""

    def __init__(self, surface, start, **settings):
        self.surface, self.settings = surface, (start, settings)
        self.run = surface.fit(start, num_epochs=0, **settings)
        self.points = path(self.run)
        self.losses = surface.losses(self.points)

    def reach(self, updates):
        """Train on by one slice if the path is shorter than this; whether it has arrived."""
        if len(self.points) <= updates and not self.lost():
            each = self.run.iterations_per_epoch
            first = (len(self.points) - 1) // each  # not the run's, which an error may have left further on
            self.run.train(min(-(-updates // each) - first, 64))
            points = path(self.run, first)[1:]
            losses = self.surface.losses(points)
            self.points, self.losses = np.concatenate([self.points, points]), np.concatenate([self.losses, losses])
        return len(self.points) > updates or self.lost()

    def lost(self, updates=-1):
        """Whether it has diverged by then: its loss is no finite number, or very much higher than at the start."""
        return not self.losses[updates] < LOST * (self.losses[0] + 1e-3)


def basins(surface, minima, learning_rate=None, updates=500, shape=(20, 12)):
    """Where full-batch gradient descent ends, for every start of a grid: starts (n, 2), and the minimum's number (n,).

    The number is -1 where no minimum was reached, to a hundredth of the window.
    """
    sides = [np.linspace(*limits, 2 * n + 1)[1::2] for limits, n in zip(surface.window, shape, strict=True)]
    starts, rate = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2), learning_rate or surface.learning_rate
    ends = np.asarray(_descended(surface.model, starts, surface.problem.x, surface.problem.y, rate, updates))
    apart = np.linalg.norm((ends[:, None] - minima[None]) / np.ptp(surface.window, axis=1), axis=-1)
    return starts, np.where(apart.min(axis=1) < 0.01, apart.argmin(axis=1), -1)


@functools.partial(jax.jit, static_argnums=0)
def _descended(model, points, x, y, rate, updates):
    """Gradient descent from many starts at once: (n, 2) -> (n, 2)."""
    slopes = jax.grad(lambda points: _losses(model, points, x, y).sum())  # a point changes its own loss alone
    return jax.lax.fori_loop(0, updates, lambda _, points: points - rate * slopes(points), points)
