"""How high the learning rate of a batch size can be, by rule and by measurement."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..data import check_problem
from ..models import loss_of

STEPS = 60  # of the power iteration


def matched_rate(batch_size, largest, noise_scale):
    """The best learning rate for a batch size, eta_max / (1 + B_noise / B): in proportion to B, then flat.

    Source: McCandlish et al. 2018, equation 2.6, https://arxiv.org/abs/1812.06162, for one step on a quadratic loss.

    Args:
        batch_size: B, one or several.
        largest: eta_max, the best rate of an exact gradient.
        noise_scale: B_noise.

    >>> matched_rate(np.array([1, 30, 3000]), 3.1, 30).round(2).tolist()
    [0.1, 1.55, 3.07]
    """
    return largest / (1 + noise_scale / np.asarray(batch_size))


def fitted_largest(batch_sizes, rates, noise_scale):
    """The eta_max with which `matched_rate` lies nearest to these best rates: the median over the batch sizes.

    >>> fitted_largest(np.array([1, 10]), np.array([0.2, 1.1]), 10)
    2.2
    """
    return float(np.median(np.asarray(rates) * (1 + noise_scale / np.asarray(batch_sizes))))


def largest_rate(problem, model, params):
    """The rate of the step along the full gradient that lowers the loss most, |G|^2 / (G . H G), H the Hessian.

    It is eta_max of `matched_rate` at these parameters, if the loss is taken for a quadratic. Infinite where the loss
    does not bend upwards along G. Source: McCandlish et al. 2018, equation 2.4, https://arxiv.org/abs/1812.06162.

    >>> from batchlab import data, models
    >>> problem, model = data.noisy_sine(n=12), models.mlp((1, 8, 1))
    >>> largest_rate(problem, model, model.init(jax.random.key(0))) > 0
    True
    """
    squared, curvature = _curvature(model, check_problem(problem).kind, params, problem.x, problem.y)
    return float(squared / curvature) if curvature > 0 else float("inf")


@functools.partial(jax.jit, static_argnums=(0, 1))
def _curvature(model, kind, params, x, y):
    """|G|^2 and the curvature along G, G . H G."""
    flat, gradient = _gradient(model, kind, params, x, y)
    grads, along = jax.jvp(gradient, (flat,), (gradient(flat),))
    return grads @ grads, grads @ along


def _gradient(model, kind, params, x, y):
    """The parameters as one vector, and the gradient of the mean loss as a function of it."""
    flat, unravel = ravel_pytree(params)
    return flat, jax.grad(lambda flat: loss_of(model, kind)(unravel(flat), x, y).mean())


def stable_rate(problem, model, params):
    """2 / lambda, lambda the largest curvature: the rate up to which descent along the full gradient is stable.

    On a quadratic loss; the largest eigenvalue of the Hessian is found by power iteration. Infinite where the loss
    bends upwards in no direction. Source: Cohen et al. 2021, section 2, https://arxiv.org/abs/2103.00065.

    >>> from batchlab import data, models
    >>> problem, model = data.noisy_sine(n=12), models.mlp((1, 8, 1))
    >>> params = model.init(jax.random.key(0))
    >>> 0 < stable_rate(problem, model, params) < 1
    True
    """
    largest = float(_largest_eigenvalue(model, check_problem(problem).kind, params, problem.x, problem.y))
    return 2 / largest if largest > 0 else float("inf")


@functools.partial(jax.jit, static_argnums=(0, 1))
def _largest_eigenvalue(model, kind, params, x, y):
    """The largest eigenvalue of the Hessian."""
    flat, gradient = _gradient(model, kind, params, x, y)

    def iterate(shift, direction):
        def step(_, carry):
            direction = carry[0] / jnp.linalg.norm(carry[0])
            product = jax.jvp(gradient, (flat,), (direction,))[1] - shift * direction  # H times the direction
            return product, direction @ product

        return jax.lax.fori_loop(0, STEPS, step, (direction, jnp.float32(0)))

    direction, value = iterate(0.0, gradient(flat))  # the eigenvalue of the largest size
    shift = jnp.minimum(value, 0.0)  # if that is a negative one, it is moved to zero
    return iterate(shift, jnp.where(shift < 0, gradient(flat), direction))[1] + shift


def guessing_loss(problem):
    """The training loss of the best constant answer: the entropy of the classes, or the variance of the targets.

    >>> from batchlab import data
    >>> round(guessing_loss(data.two_moons(n=100)), 1)  # nearly log 2
    0.7
    """
    y = np.asarray(check_problem(problem).y, np.float64)
    if problem.kind == "regression":
        return float(y.var(axis=0).sum())
    shares = y.mean(axis=0)
    return float(-np.sum(shares * np.log(np.where(shares > 0, shares, 1))))


def best_and_edge(rates, losses, limit):
    """The best of some learning rates, and the edge of stability above it.

    The EDGE is the last rate, going up from the best, before the first whose loss is not below the limit: a run there
    has diverged, or is worse off than one that guesses. (Below the best a high loss only means too slow a run.) In the
    literature the word also has a narrower meaning: the rate at which full-batch descent hovers at curvature 2 / rate.

    Args:
        rates: (r,), increasing.
        losses: (r,), infinite where runs diverged.
        limit: see above, `guessing_loss` for example.

    Returns:
        The best rate, the edge, and the first rate beyond the edge (infinite if there is none). Where not even the best
        loss is below the limit, the edge is NaN.

    >>> best_and_edge([1, 2, 4, 8], [3.0, 0.5, 0.7, 2.5], 2.3)
    (2.0, 4.0, 8.0)
    """
    rates, losses = np.asarray(rates, np.float64), np.asarray(losses, np.float64)
    losses = np.where(np.isnan(losses), np.inf, losses)
    best = int(np.argmin(losses))
    beyond = [at for at in range(best, len(rates)) if losses[at] >= limit]
    edge = float("nan") if losses[best] >= limit else float(rates[(beyond[0] if beyond else len(rates)) - 1])
    return float(rates[best]), edge, float(rates[beyond[0]]) if beyond else float("inf")
