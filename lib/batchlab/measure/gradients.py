"""How noisy a gradient is: the gradient of a batch against that of all samples, and the batch size at which they agree.

With g_i the gradient of sample i's loss, the full gradient is G = (1/N) sum_i g_i, and that of a batch is the mean of
its g_i. Whatever is asked about batches follows from the N x N inner products g_i . g_j: a batch is a row of N weights
that sum to 1, and its length, its deviation from G and its angle to G are quadratic forms in these weights. So the
inner products are computed once for given parameters, in pieces that bound the memory; after that a thousand batches
are one product of matrices, and no gradient of P numbers is ever stored for a batch or for all samples at once.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..checks import check_integer
from ..data import check_problem
from ..models import loss_of

PIECE_BYTES = 32 * 2**20  # bound on the per-sample gradients that exist at one time
POWERS = 100  # steps of the power iteration
FEWEST = 10  # values that an interval is computed from; fewer tell nothing of their own scatter


class Estimate(NamedTuple):
    """An estimate and its 95 % interval, which may reach to infinity."""

    value: float
    low: float
    high: float


# ---- gradients -------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def gradient_programs(model, kind):
    """What measuring compiles: per-sample gradients (n, P), the gradient of a batch (P,), inner products (n, n)."""
    loss = loss_of(model, kind)

    def samples(params, x, y):
        one = jax.grad(lambda params, x, y: loss(params, x[None], y[None])[0])
        return jax.vmap(lambda x, y: ravel_pytree(one(params, x, y))[0])(x, y)

    def batch(params, x, y, weights):
        return ravel_pytree(jax.grad(lambda params: weights @ loss(params, x, y))(params))[0]

    def inner(params, x, y):  # x: (pieces, rows, d); only blocks on and below the diagonal are filled
        pieces, rows = x.shape[:2]

        def block(i, table):
            left = samples(params, x[i], y[i])

            def beside(j, table):
                right = samples(params, x[j], y[j])
                return jax.lax.dynamic_update_slice(table, left @ right.T, (i * rows, j * rows))

            table = jax.lax.fori_loop(0, i, beside, table)
            return jax.lax.dynamic_update_slice(table, left @ left.T, (i * rows, i * rows))

        return jax.lax.fori_loop(0, pieces, block, jnp.zeros((pieces * rows, pieces * rows)))

    return jax.jit(samples), jax.jit(batch), jax.jit(inner)


def per_sample_gradients(problem, model, params):
    """The gradient of each training sample's loss, g_i: (N, P) float32. P counts all parameters.

    This takes 4 N P bytes; everything below does without it. Source: `jax.vmap(jax.grad(...))`, as in the JAX
    documentation, "Advanced automatic differentiation", per-example gradients.

    >>> from batchlab import data, models
    >>> problem, model = data.noisy_sine(n=12), models.mlp((1, 8, 1))
    >>> per_sample_gradients(problem, model, model.init(jax.random.key(0))).shape
    (12, 25)
    """
    check_problem(problem)
    return np.asarray(gradient_programs(model, problem.kind)[0](params, problem.x, problem.y))


def batch_gradient(problem, model, params, rows=None):
    """The gradient of the mean loss over some samples, (1/B) sum_i g_i: (P,) float32.

    Args:
        problem: the samples.
        model: the model that is trained on them.
        params: where in training.
        rows: positions of the B samples in the training set; None takes all, which gives the full gradient G.
    """
    n = len(check_problem(problem).x)
    weights = np.full(n, 1 / n) if rows is None else np.bincount(rows, minlength=n) / len(rows)
    gradient = gradient_programs(model, problem.kind)[1]
    return np.asarray(gradient(params, problem.x, problem.y, weights.astype(np.float32)))


def inner_products(problem, model, params):
    """The inner products g_i . g_j of all per-sample gradients: (N, N), computed in float32, given in float64.

    At most PIECE_BYTES of per-sample gradients exist twice at one time, whatever N and P are: the samples are walked
    in equal pieces, and the gradients of a piece are computed again rather than stored.

    >>> from batchlab import data, models
    >>> problem, model = data.noisy_sine(n=12), models.mlp((1, 8, 1))
    >>> inner_products(problem, model, model.init(jax.random.key(0))).shape
    (12, 12)
    """
    n = len(check_problem(problem).x)
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(params))
    most = max(1, PIECE_BYTES // (4 * size))
    pieces = -(-n // most)
    rows = -(-n // pieces)
    x, y = (
        np.pad(array, ((0, pieces * rows - n), (0, 0))).reshape(pieces, rows, -1) for array in (problem.x, problem.y)
    )
    table = np.asarray(gradient_programs(model, problem.kind)[2](params, x, y), np.float64)[:n, :n]
    return np.tril(table) + np.tril(table, -1).T


# ---- batches ---------------------------------------------------------------------------------------------------------


def draw_batches(n, batch_size, draws, *, replace=False, seed=0):
    """Random batches as rows of weights, count / B for each of the n samples: (draws, n).

    Without replacement a batch is the beginning of a shuffle, as in an epoch, and draw k begins the same shuffle at
    every batch size.

    >>> draw_batches(4, 2, 3).sum(axis=1).tolist()
    [1.0, 1.0, 1.0]
    """
    batch_size = check_integer("batch_size", batch_size, 1, None if replace else n)
    if replace:
        rows = np.random.default_rng((seed, batch_size)).integers(n, size=(draws, batch_size))
        counts = np.bincount((rows + n * np.arange(draws)[:, None]).ravel(), minlength=draws * n).reshape(draws, n)
    else:
        counts = ranks(n, draws, seed) < batch_size
    return counts / batch_size


@functools.lru_cache(maxsize=8)
def ranks(n, draws, seed):
    """The place of each sample in `draws` shuffles: (draws, n)."""
    places = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (draws, 1)), axis=1)
    places.flags.writeable = False  # it is shared
    return places


def squared_length(inner, weights):
    """|g_B|^2 of batches: (N, N), (draws, N) -> (draws,)."""
    return np.maximum(np.sum((weights @ inner) * weights, axis=1), 0)


def squared_deviation(inner, weights):
    """|g_B - G|^2 of batches: (N, N), (draws, N) -> (draws,). It is zero for the batch of all samples."""
    return squared_length(inner, (weights - 1 / len(inner)).astype(inner.dtype))


def cosine(inner, weights):
    """The cosine of the angle between the batch gradient and G, g_B . G / (|g_B| |G|): (N, N), (draws, N) -> (draws,).

    It is taken in all P dimensions. At 1 the batch points where all samples together point, at 0 across.
    """
    full = np.full((1, len(inner)), 1 / len(inner))
    lengths = np.sqrt(squared_length(inner, weights) * squared_length(inner, full))
    return np.clip(weights @ inner.mean(axis=1) / np.maximum(lengths, 1e-300), -1, 1)


def plane(inner):
    """Per-sample gradients seen in a plane: (N, N) -> (N, 2), in units of |G|; a batch is the mean of its rows.

    The first axis is the full gradient, so that G itself is at (1, 0). The second is the direction across it in which
    the g_i vary most: the first principal component of what is left of them without their part along G, by power
    iteration.
    """
    length = np.sqrt(max(inner.mean(), 1e-300))
    along = inner.mean(axis=1) / length
    rest = inner - along[:, None] * along
    direction = np.sin(1.0 + np.arange(len(inner)))  # a start that favours nothing, the same every time
    for _ in range(POWERS):
        direction = rest @ direction
        direction /= max(np.linalg.norm(direction), 1e-300)
    across = np.sqrt(max(direction @ rest @ direction, 0)) * direction
    across *= np.sign(np.sum(across**3)) or 1.0  # an eigenvector has no sign of its own
    return np.stack([along, across], axis=1) / length


# ---- size and sign of each weight ------------------------------------------------------------------------------------


def decades(gradient, middle=0.9):
    """By how many powers of ten the entries of a gradient differ in size: log10 of a high over a low quantile of |g_w|.

    Args:
        gradient: (P,) one entry a weight; those that are exactly zero (a pixel that is always blank) are left out.
        middle: the fraction of the entries that lie between the two quantiles.

    >>> round(decades(np.array([0.001, -0.01, 0.1, 0.0]), middle=1.0), 6)
    2.0
    """
    sizes = np.abs(gradient[gradient != 0])
    if not len(sizes):
        return 0.0
    low, high = np.quantile(np.log10(sizes.astype(np.float64)), [(1 - middle) / 2, (1 + middle) / 2])
    return float(high - low)


# ---- variance and noise scale ----------------------------------------------------------------------------------------


def variance(inner):
    """The variance of one sample's gradient, all P directions together: tr Sigma = (1/N) sum_i |g_i - G|^2."""
    return float(np.trace(inner) / len(inner) - inner.mean())


def expected_deviation(inner, batch_size, *, replace=False):
    """E |g_B - G|^2, what `squared_deviation` is on average.

    tr Sigma / B with replacement. Without it, (tr Sigma / B) (N - B) / (N - 1): exactly zero at B = N. Source: the
    variance of the mean of a sample from a finite population (Cochran 1977, "Sampling Techniques", theorem 2.2).
    """
    n, batch_size = len(inner), np.asarray(batch_size)
    return variance(inner) / batch_size * (1.0 if replace else (n - batch_size) / (n - 1))


def noise_scale(inner):
    """B_noise = tr Sigma / |G|^2 of these N samples: the batch size at which noise and signal are equally long.

    Source: the "simple" noise scale of McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", equation
    2.9, https://arxiv.org/abs/1812.06162.

    >>> noise_scale(np.array([[4.0, 0.0], [0.0, 4.0]]))  # two gradients of length 2, at a right angle
    1.0
    """
    return variance(inner) / max(float(inner.mean()), 1e-300)


def estimate_noise_scale(inner):
    """B_noise of what the n samples were drawn from, from their per-sample gradients: an `Estimate`.

    tr Sigma is estimated by S = sum_i |g_i - g|^2 / (n - 1), and |G|^2 by |g|^2 - S / n, since the mean g of n samples
    is longer than G by its own noise. The interval leaves out one sample at a time (the jackknife, Efron and Stein
    1981) on |G|^2 / tr Sigma, which is nearly linear in what is noisy, and is turned over at the end.
    """
    n, total, squares = len(inner), inner.sum(), np.diag(inner)
    at = np.concatenate([[total], total - 2 * inner.sum(axis=1) + squares])  # |sum of g_i|^2: all, then all but one
    sums = np.concatenate([[squares.sum()], squares.sum() - squares])
    count = np.concatenate([[n], np.full(n, n - 1)])
    spread = (sums - at / count) / (count - 1)
    return _turned_over((at / count**2 - spread / count) / spread)


def two_batch_noise_scale(small, large, batch_size, large_batch_size):
    """B_noise from the lengths of batch gradients of two sizes alone, as a running training can measure them.

    E |g_B|^2 = |G|^2 + tr Sigma / B holds at both sizes, which are two equations for two unknowns:

        |G|^2    = (B_large |g_large|^2 - B_small |g_small|^2) / (B_large - B_small)
        tr Sigma = (|g_small|^2 - |g_large|^2) / (1 / B_small - 1 / B_large)

    Both are averaged over the pairs before they are divided, since the mean of a ratio is biased. The interval leaves
    out one pair at a time, see `estimate_noise_scale`. Source: McCandlish et al. 2018, appendix A.1.

    Args:
        small: |g_B|^2 of batches of the small size, (pairs,); fewer than ten tell nothing of an interval, which is
            then from 0 to infinity.
        large: |g_B|^2 of batches of the large size, (pairs,).
        batch_size: the small size.
        large_batch_size: the large size.

    >>> two_batch_noise_scale(np.array([5.0, 5.0]), np.array([2.0, 2.0]), 1, 4).value  # |G|^2 = 1, tr Sigma = 4
    4.0
    """
    small, large = (np.atleast_1d(np.asarray(values, np.float64)) for values in (small, large))
    pairs = len(small)
    means = [
        np.concatenate([[values.mean()], (values.sum() - values) / max(pairs - 1, 1)]) for values in (small, large)
    ]
    squared = (large_batch_size * means[1] - batch_size * means[0]) / (large_batch_size - batch_size)
    spread = (means[0] - means[1]) / (1 / batch_size - 1 / large_batch_size)
    return _turned_over(squared / spread)


def _turned_over(ratios):
    """The `Estimate` of 1 / ratio, from the ratio of all samples and those that leave one out."""
    ratio, others = ratios[0], ratios[1:]
    n = len(others)
    half = 1.96 * np.sqrt((n - 1) / n * np.sum((others - others.mean()) ** 2)) if n >= FEWEST else np.inf
    value, low, high = (1 / bound if bound > 0 else np.inf for bound in (ratio, ratio + half, ratio - half))
    return Estimate(float(value), float(low), float(high))


def noise_curve(inner, batch_sizes, draws=200, *, replace=False, seed=0):
    """The mean of |g_B - G|^2 over random batches of each size, measured: (len(batch_sizes),)."""
    inner = inner.astype(np.float32)  # half the time, and six digits are more than 200 draws have
    batches = (draw_batches(len(inner), size, draws, replace=replace, seed=seed) for size in batch_sizes)
    return np.array([squared_deviation(inner, weights).mean() for weights in batches])


def spread_sizes(n, count=20):
    """Batch sizes from 1 to n, `count` of them where n allows, nearly evenly spread on a logarithmic axis.

    >>> spread_sizes(100, 5).tolist()
    [1, 3, 10, 32, 100]
    """
    points = range(count, 10 * count)  # rounded to whole numbers, the smallest sizes coincide: so try a few more
    trials = (np.unique(np.round(np.geomspace(1, n, number)).astype(int)) for number in points)
    return next((sizes for sizes in trials if len(sizes) >= count), np.arange(1, n + 1))
