"""How noisy a gradient is: the gradient of a batch against that of all samples, and the batch size at which they agree.

With g_i the gradient of sample i's loss, the full gradient is G = (1/N) sum_i g_i, and that of a batch is the mean of
its g_i. Whatever is asked about batches follows from the N x N inner products g_i . g_j: a batch is a row of N weights
that sum to 1, and its length, its deviation from G and its angle to G are quadratic forms in these weights. So the
inner products are computed once for given parameters, in pieces that bound the memory; after that a thousand batches
are one product of matrices, and no gradient of P numbers is ever stored for a batch or for all samples at once.

At the end: what the noise means for the learning rate.
"""

import contextlib
import functools
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .data import check_integer, check_problem
from .descent import fit
from .models import LOSSES
from .sweeps import Sweep as Sweep
from .sweeps import sweep as sweep

__all__ = ["Estimate", "Sweep", "sweep"]  # and all below
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
def programs(model, kind):
    """What measuring compiles: per-sample gradients (n, P), the gradient of a batch (P,), inner products (n, n)."""

    def loss(params, x, y):
        return LOSSES[kind](model.predict(params, x), y)

    def flat(grads, *lead):
        return jnp.concatenate([leaf.reshape(*lead, -1) for leaf in jax.tree.leaves(grads)], axis=-1)

    def samples(params, x, y):
        one = jax.grad(lambda params, x, y: loss(params, x[None], y[None])[0])
        return flat(jax.vmap(one, in_axes=(None, 0, 0))(params, x, y), len(x))

    def batch(params, x, y, weights):
        return flat(jax.grad(lambda params: weights @ loss(params, x, y))(params))

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
    return np.asarray(programs(model, problem.kind)[0](params, problem.x, problem.y))


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
    return np.asarray(programs(model, problem.kind)[1](params, problem.x, problem.y, weights.astype(np.float32)))


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
    table = np.asarray(programs(model, problem.kind)[2](params, x, y), np.float64)[:n, :n]
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


def sign_agreement(per_sample, weights):
    """How many batches have the sign of the full gradient, weight by weight: (N, P), (draws, N) -> (P,), from 0 to 1.

    A weight whose full gradient is zero or no number has no sign to agree with: NaN.

    >>> nine_and_one = np.array([0.1] * 9 + [-0.8])[:, None]  # the sum is above zero
    >>> sign_agreement(nine_and_one, np.eye(10)).tolist()  # batches of one sample
    [0.9]
    """
    full = per_sample.mean(axis=0, dtype=np.float64)
    agree = np.sign(weights @ per_sample.astype(np.float64)) == np.sign(full)
    return np.where(np.isfinite(full) & (full != 0), agree.mean(axis=0), np.nan)


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
    means = []
    for values in (small, large):
        means.append(np.concatenate([[values.mean()], (values.sum() - values) / max(pairs - 1, 1)]))
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
    return np.array(
        [
            squared_deviation(inner, draw_batches(len(inner), size, draws, replace=replace, seed=seed)).mean()
            for size in batch_sizes
        ]
    )


def spread_sizes(n, count=20):
    """Batch sizes from 1 to n, `count` of them where n allows, nearly evenly spread on a logarithmic axis.

    >>> spread_sizes(100, 5).tolist()
    [1, 3, 10, 32, 100]
    """
    points = range(count, 10 * count)  # rounded to whole numbers, the smallest sizes coincide: so try a few more
    trials = (np.unique(np.round(np.geomspace(1, n, number)).astype(int)) for number in points)
    return next((sizes for sizes in trials if len(sizes) >= count), np.arange(1, n + 1))


# ---- the learning rate -----------------------------------------------------------------------------------------------


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
    squared, bend = _bend(model, check_problem(problem).kind)(params, problem.x, problem.y)
    return float(squared / bend) if bend > 0 else float("inf")


@functools.lru_cache(maxsize=64)
def _bend(model, kind):
    """|G|^2 and G . H G."""

    def both(params, x, y):
        gradient = jax.grad(lambda params: LOSSES[kind](model.predict(params, x), y).mean())
        grads = gradient(params)
        along = jax.jvp(gradient, (params,), (grads,))[1]
        return [sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, pair), strict=True))
                for pair in ((grads, grads), (grads, along))]  # fmt: skip

    return jax.jit(both)


def stable_rate(problem, model, params, steps=60):
    """2 / lambda, lambda the largest curvature: the rate up to which descent along the full gradient is stable.

    On a quadratic loss; the largest eigenvalue of the Hessian is found by power iteration. Infinite where the loss
    bends upwards in no direction. Source: Cohen et al. 2021, section 2, https://arxiv.org/abs/2103.00065.

    >>> from batchlab import data, models
    >>> problem, model = data.noisy_sine(n=12), models.mlp((1, 8, 1))
    >>> params = model.init(jax.random.key(0))
    >>> 0 < stable_rate(problem, model, params) < 1
    True
    """
    bend = float(_largest_bend(model, check_problem(problem).kind, steps)(params, problem.x, problem.y))
    return 2 / bend if bend > 0 else float("inf")


@functools.lru_cache(maxsize=64)
def _largest_bend(model, kind, steps):
    """The largest eigenvalue of the Hessian."""

    def largest(params, x, y):
        gradient = jax.grad(lambda params: LOSSES[kind](model.predict(params, x), y).mean())

        def iterate(shift, direction):
            def step(_, carry):
                direction, _ = carry
                length = jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(direction)))
                direction = jax.tree.map(lambda leaf: leaf / length, direction)
                bent = jax.jvp(gradient, (params,), (direction,))[1]
                bent = jax.tree.map(lambda bent, leaf: bent - shift * leaf, bent, direction)
                value = sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (direction, bent)), strict=True))
                return bent, value

            return jax.lax.fori_loop(0, steps, step, (direction, jnp.float32(0)))

        direction, value = iterate(0.0, gradient(params))  # the eigenvalue of the largest size
        shift = jnp.minimum(value, 0.0)  # if that is a negative one, it is moved to zero
        start = jax.tree.map(lambda bent, leaf: jnp.where(shift < 0, leaf, bent), direction, gradient(params))
        return iterate(shift, start)[1] + shift

    return jax.jit(largest)


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


# ---- to a target -----------------------------------------------------------------------------------------------------


class Law(NamedTuple):
    """S = S_min (1 + B_noise / B): the iterations to a target at each batch size.

    `s_min` is what is left of them for the largest batches; `noise_scale` is an `Estimate`.
    """

    s_min: float
    noise_scale: Estimate

    def iterations(self, batch_sizes):
        """S of these batch sizes."""
        return self.s_min * (1 + self.noise_scale.value / np.asarray(batch_sizes, np.float64))


def best_rates(counts):
    """The learning rate of each batch size at which a target is reached soonest, in the median over the seeds.

    Args:
        counts: epochs or iterations to the target, (batch sizes, rates, seeds), infinite where it was not reached.

    Returns:
        (batch sizes,) which rate, and (batch sizes, seeds) the counts there.

    >>> places, counts = best_rates(np.array([[[4.0, 4.0, 5.0], [2.0, 3.0, np.inf]]]))
    >>> places.tolist(), counts.tolist()
    ([1], [[2.0, 3.0, inf]])
    """
    medians = np.median(counts, axis=2)
    places = np.argmin(np.where(np.isnan(medians), np.inf, medians), axis=1)
    return places, counts[np.arange(len(counts)), places]


def fit_law(batch_sizes, iterations, *, draws=400, seed=0):
    """Fit S = S_min (1 + B_noise / B) to the iterations that each batch size takes to a target, at its best rate.

    S of a batch size is the lowest, over the rates, of the medians over the seeds. The law is a straight line in 1 / B,
    S_min + c / B with c = S_min B_noise; its two numbers minimise sum_B ((S_min + c / B) / S_B - 1)^2, so that every
    batch size counts by its relative error. A batch size that does not reach the target counts nothing. The interval
    draws the seeds anew with replacement and chooses the rates again (the bootstrap, Efron 1979).

    Args:
        batch_sizes: (b,).
        iterations: (b, rates, seeds), such as `Sweep.iterations_to_target`.
        draws: how often the seeds are drawn anew.
        seed: which draws.

    Returns:
        A `Law`. Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", equation 2.11.

    Raises:
        ValueError: fewer than two batch sizes reached the target.

    >>> sizes = np.array([1, 4, 16, 64])
    >>> law = fit_law(sizes, np.tile((5 * (1 + 20 / sizes))[:, None, None], (1, 1, 8)))
    >>> round(law.s_min, 6), [round(value, 6) for value in law.noise_scale]
    (5.0, [20.0, 20.0, 20.0])
    """
    iterations = np.asarray(iterations, np.float64)
    count = iterations.shape[2]
    rows = np.random.default_rng(seed).integers(count, size=(draws, count))
    rows = np.concatenate([[np.arange(count)], np.sort(rows, axis=1)])  # as measured, then drawn anew
    with np.errstate(invalid="ignore"):
        least = np.median(iterations[:, :, rows], axis=3).min(axis=1)  # (b, 1 + draws)
    reached = np.isfinite(least)
    if reached[:, 0].sum() < 2:
        raise ValueError(
            f"{reached[:, 0].sum()} of {len(least)} batch sizes reached the target in the median; a law takes two."
        )
    a = np.where(reached, 1 / least, 0)  # what S_min is multiplied by, relative to S
    b = a / np.asarray(batch_sizes, np.float64)[:, None]  # and c
    aa, ab, bb = (np.sum(product, axis=0) for product in (a * a, a * b, b * b))
    determinant = np.maximum(aa * bb - ab**2, 1e-300)
    s_min = (a.sum(axis=0) * bb - b.sum(axis=0) * ab) / determinant
    c = (b.sum(axis=0) * aa - a.sum(axis=0) * ab) / determinant
    scales = np.where(s_min > 0, np.maximum(c, 0) / np.maximum(s_min, 1e-300), np.inf)
    low, high = np.percentile(scales[1:], [2.5, 97.5], method="nearest")
    return Law(float(s_min[0]), Estimate(float(scales[0]), float(low), float(high)))


def noise_scales_along(run, epochs):
    """The `noise_scale` at each of these epochs of a run: (len(epochs),).

    Of a full-batch run, whose epochs are single steps, their mean up to a target is the B_noise of `fit_law` that is to
    be expected: each step takes 1 + B_noise / B steps of batch size B. Source: McCandlish et al. 2018, section 2.3.
    """
    inner = (inner_products(run.problem, run.model, run.params_at(epoch)) for epoch in epochs)
    return np.array([noise_scale(table) for table in inner])


def seconds_per_epoch(problem, batch_size, *, hidden=(32,), model=None, repeats=5):
    """Seconds that one run of this batch size takes for an epoch, on this device, now: the median of some repeats.

    One `fit` is timed alone, after compilation, with the measurement of its losses after each epoch. A repeat is as
    many epochs as take some 10 ms.
    """
    run = fit(problem, hidden=hidden, model=model, batch_size=batch_size, num_epochs=0, learning_rate=0.01)
    run.train(1)
    epochs = int(np.clip(np.ceil(0.01 / max(run.seconds[-1], 1e-6)), 1, 64))
    ends = [run.train(epochs).seconds[-1] for _ in range(repeats + 1)]
    return float(np.median(np.diff(ends)) / epochs)


# ---- memory and throughput -------------------------------------------------------------------------------------------


class Bytes(NamedTuple):
    """Bytes of a compiled step: what it is given, what it holds meanwhile, what it returns."""

    arguments: int
    temporaries: int
    outputs: int

    @property
    def total(self):
        """All three together: none of them can be given up while the step runs."""
        return sum(self)


class Saturation(NamedTuple):
    """Seconds of a step as t(B) = start * (1 + B / knee)."""

    start: float
    knee: float

    def seconds(self, batch_size):
        """Seconds of one step."""
        return self.start * (1 + np.asarray(batch_size) / self.knee)

    def samples_per_second(self, batch_size):
        """Samples a second: B / t(B), at most knee / start, and half of that at the knee."""
        return np.asarray(batch_size) / self.seconds(batch_size)


@functools.lru_cache(maxsize=64)
def steps(model, kind):
    """Two ways to take a batch, as functions to compile.

    `update(params, x, y, learning_rate)` takes it whole: one step of gradient descent on the mean loss. `add(total,
    params, x, y, weights)` takes a piece of it and adds its part of the gradient to the total; weights are 1 / B each.
    """

    def loss(params, x, y):
        return LOSSES[kind](model.predict(params, x), y)

    def update(params, x, y, learning_rate):
        grads = jax.grad(lambda params: loss(params, x, y).mean())(params)
        return jax.tree.map(lambda leaf, grad: leaf - learning_rate * grad, params, grads)

    def add(total, params, x, y, weights):
        grads = jax.grad(lambda params: weights @ loss(params, x, y))(params)
        return jax.tree.map(jnp.add, total, grads)

    return update, add


@functools.lru_cache(maxsize=64)
def compiled_step(model, kind, n_inputs, n_outputs, batch_size, micro_batch=None, device=None):
    """The program of one step for a device, compiled from shapes alone: no batch has to exist.

    With a micro-batch smaller than the batch it is the program that takes one piece, `steps(model, kind)[1]`.
    """
    whole = micro_batch is None or micro_batch >= batch_size
    place = None if device is None else jax.sharding.SingleDeviceSharding(device)

    def shape(*sizes):
        return jax.ShapeDtypeStruct(sizes, jnp.float32, sharding=place)

    params = jax.tree.map(lambda leaf: shape(*leaf.shape), jax.eval_shape(model.init, jax.random.key(0)))
    rows = batch_size if whole else micro_batch
    x, y = shape(rows, n_inputs), shape(rows, n_outputs)
    update, add = steps(model, kind)
    if whole:
        return jax.jit(update).lower(params, x, y, shape()).compile()
    return jax.jit(add).lower(params, params, x, y, shape(rows)).compile()


def step_bytes(model, kind, n_inputs, n_outputs, batch_size, micro_batch=None, device=None):
    """The memory of one step, as the compiler plans it before anything is run: `Bytes`.

    Temporaries are mostly what the forward pass leaves for the backward pass, for each sample of the batch. Source:
    `jax.stages.Compiled.memory_analysis`.

    Args:
        model: what is trained.
        kind: "regression" or "classification".
        n_inputs: columns of x.
        n_outputs: columns of y.
        batch_size: samples in the batch; no data are needed, so it can be larger than any memory.
        micro_batch: take the batch in pieces of this many samples, one after the other; the bytes are those of a piece.
        device: compile for this one; None is JAX's default.

    >>> from batchlab import models
    >>> one, many = (step_bytes(models.mlp((64, 32, 10)), "classification", 64, 10, size) for size in (1, 10**9))
    >>> many.arguments - one.arguments == (10**9 - 1) * (64 + 10) * 4  # the samples themselves, in float32
    True
    """
    batch_size = check_integer("batch_size", batch_size, 1)
    micro_batch = None if micro_batch is None else check_integer("micro_batch", micro_batch, 1)
    plan = compiled_step(model, kind, n_inputs, n_outputs, batch_size, micro_batch, device).memory_analysis()
    return Bytes(plan.argument_size_in_bytes, plan.temp_size_in_bytes, plan.output_size_in_bytes)


def byte_law(reports):
    """Constant and bytes a sample of the straight line through the two largest sizes of {batch size: bytes}.

    >>> byte_law({1: 110, 10: 300, 20: 500})
    (100.0, 20.0)
    """
    small, large = sorted(reports)[-2:]
    each = (reports[large] - reports[small]) / (large - small)
    return reports[small] - each * small, each


def bytes_at(reports, batch_size):
    """Bytes at any batch size, from {batch size: bytes}: straight between neighbours, and by the law beyond them all.

    >>> float(bytes_at({1: 110, 10: 300, 20: 500}, 15)), float(bytes_at({1: 110, 10: 300, 20: 500}, 100))
    (400.0, 2100.0)
    """
    sizes, (constant, each) = sorted(reports), byte_law(reports)
    inside = np.interp(batch_size, sizes, [reports[size] for size in sizes])
    return np.where(np.asarray(batch_size) > sizes[-1], constant + each * np.asarray(batch_size), inside)


def largest_batch(reports, budget):
    """The largest batch size whose bytes are within the budget, by {batch size: bytes}; 0 if there is none.

    >>> largest_batch({1: 110, 10: 300, 20: 500}, 2100), largest_batch({1: 110, 10: 300, 20: 500}, 100)
    (100, 0)
    """
    sizes, (constant, each) = sorted(reports), byte_law(reports)
    if budget < reports[sizes[0]]:
        return 0
    if budget > reports[sizes[-1]]:
        return int((budget - constant) / each)
    return int(np.interp(budget, [reports[size] for size in sizes], sizes) + 1e-6)


def device_peak(device=None):
    """The most bytes that the device itself has counted in use at one time, or None: a CPU does not count."""
    stats = (device or jax.local_devices()[0]).memory_stats()
    return None if stats is None else stats["peak_bytes_in_use"]


def kinds_of_device():
    """One device of each kind that this process can use: {"CPU": device, ...}."""
    found = {}
    for platform in ("cpu", "gpu", "tpu"):
        with contextlib.suppress(RuntimeError):  # there is none of this kind
            found[platform.upper()] = jax.local_devices(backend=platform)[0]
    return found


@functools.lru_cache(maxsize=64)
def _ready_step(model, kind, n_inputs, n_outputs, batch_size, device):
    """A compiled step with a batch and parameters to run it on."""
    program = compiled_step(model, kind, n_inputs, n_outputs, batch_size, None, device)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch_size, n_inputs))
    y = (
        np.eye(n_outputs)[np.arange(batch_size) % n_outputs]
        if kind == "classification"
        else x[:, :1] + np.zeros(n_outputs)
    )
    given = model.init(jax.random.key(0)), *(array.astype(np.float32) for array in (x, y))
    return program, *jax.device_put(given, device or jax.local_devices()[0])


def time_step(model, kind, n_inputs, n_outputs, batch_size, device=None):
    """Seconds of one step, the mean of a few in a row on the same batch; it has been compiled and run before."""
    ready = _ready_step.cache_info().misses
    program, params, x, y = _ready_step(model, kind, n_inputs, n_outputs, batch_size, device)
    learning_rate = jax.device_put(np.float32(0.01), device or jax.local_devices()[0])
    if _ready_step.cache_info().misses > ready:
        jax.block_until_ready(program(params, x, y, learning_rate))
    count = max(1, min(20, 2048 // batch_size))
    began = time.perf_counter()
    for _ in range(count):
        params = program(params, x, y, learning_rate)
    jax.block_until_ready(params)
    return (time.perf_counter() - began) / count


def throughput(model, kind, n_inputs, n_outputs, batch_sizes, repeats=9, device=None):
    """Seconds of one step at each batch size: (len(batch_sizes),), the median of several times.

    The sizes take turns, so that a machine that is busy for a while is so for all of them.
    """
    times = [
        [time_step(model, kind, n_inputs, n_outputs, size, device) for size in batch_sizes] for _ in range(repeats)
    ]
    return np.median(times, axis=0)


def fit_saturation(batch_sizes, seconds):
    """Fit t(B) = t0 (1 + B / B_sat) to the seconds of a step: a `Saturation`.

    t0 is what a step costs before its first sample, and t0 / B_sat what each sample adds. Least squares on relative
    errors, since the times span decades.

    >>> fit = fit_saturation([1, 10, 100], [2.1, 3.0, 12.0])  # 2 + B / 10
    >>> round(fit.start, 6), round(fit.knee, 6), round(float(fit.samples_per_second(20)), 6)
    (2.0, 20.0, 5.0)
    """
    sizes, seconds = np.asarray(batch_sizes, np.float64), np.asarray(seconds, np.float64)
    rows = np.stack([1 / seconds, sizes / seconds], axis=1)
    start, each = np.linalg.lstsq(rows, np.ones(len(sizes)))[0]
    start = max(start, 1e-3 * seconds.min())  # times that fall with B, on a busy machine, have no start of their own
    return Saturation(float(start), float(start / max(each, 1e-6 * seconds.max() / sizes.max())))


# ---- shares ----------------------------------------------------------------------------------------------------------


def share(hits, trials):
    """How large a share of all is, when `hits` of `trials` were seen: an `Estimate` with Wilson's 95 % interval.

    (p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.96, p = hits/n. Unlike p -+ z sqrt(p (1 - p)/n)
    it has a width at p = 0 and p = 1, too: none of 200 does not prove that it never happens. Source: Wilson 1927,
    "Probable inference, the law of succession, and statistical inference".

    >>> value, low, high = share(0, 200)
    >>> value, low, round(high, 3)
    (0.0, 0.0, 0.019)
    """
    trials = check_integer("trials", trials, 1)
    hits = check_integer("hits", hits, 0, trials)
    z, p = 1.96, hits / trials
    middle = p + z**2 / (2 * trials)
    half = z * np.sqrt(p * (1 - p) / trials + (z / trials) ** 2 / 4)
    low, high = ((middle + sign * half) / (1 + z**2 / trials) for sign in (-1, 1))
    return Estimate(p, float(max(low, 0.0) if hits else 0.0), float(min(high, 1.0) if hits < trials else 1.0))


def at_training_loss(run, target):
    """The first epoch at which each run's training loss is at most `target`, and the validation accuracy there.

    Args:
        run: a `History` with seeds.
        target: a training loss.

    Returns:
        Epochs (seeds,), -1 where it was never reached, and accuracies (seeds,), NaN there.
    """
    there = run.train_loss <= target
    first = there.argmax(axis=1)
    accuracy = run.val_accuracy[np.arange(len(first)), first]
    return np.where(there.any(axis=1), first, -1), np.where(there.any(axis=1), accuracy, np.nan)
