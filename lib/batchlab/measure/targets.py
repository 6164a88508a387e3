"""What a target costs: the best rates of a sweep, the law of iterations, seconds, and shares with their intervals."""

from typing import NamedTuple

import numpy as np

from ..checks import check_integer
from ..descent import fit
from .gradients import Estimate

DRAWS = 400  # how often the seeds are drawn anew for an interval


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


def fit_law(batch_sizes, iterations):
    """Fit S = S_min (1 + B_noise / B) to the iterations that each batch size takes to a target, at its best rate.

    S of a batch size is the lowest, over the rates, of the medians over the seeds. The law is a straight line in 1 / B,
    S_min + c / B with c = S_min B_noise; its two numbers minimise sum_B ((S_min + c / B) / S_B - 1)^2, so that every
    batch size counts by its relative error. A batch size that does not reach the target counts nothing. The interval
    draws the seeds anew with replacement and chooses the rates again (the bootstrap, Efron 1979).

    Args:
        batch_sizes: (b,).
        iterations: (b, rates, seeds), such as `Sweep.iterations_to_target`.

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
    rows = np.random.default_rng(0).integers(count, size=(DRAWS, count))
    rows = np.concatenate([[np.arange(count)], np.sort(rows, axis=1)])  # as measured, then drawn anew
    with np.errstate(invalid="ignore"):
        least = np.median(iterations[:, :, rows], axis=3).min(axis=1)  # (b, 1 + DRAWS)
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


def seconds_per_epoch(problem, batch_size, *, hidden=(32,), repeats=5, **settings):
    """Seconds that one run of this batch size takes for an epoch, on this device, now: the median of some repeats.

    One `fit` is timed alone, after compilation, with the measurement of its losses after each epoch. A repeat is as
    many epochs as take some 10 ms. Other settings are those of `fit`.
    """
    settings = {"learning_rate": 0.01, **settings}
    run = fit(problem, hidden=hidden, batch_size=batch_size, num_epochs=0, **settings)
    run.train(1)
    epochs = int(np.clip(np.ceil(0.01 / max(run.seconds[-1], 1e-6)), 1, 64))
    ends = [run.train(epochs).seconds[-1] for _ in range(repeats + 1)]
    return float(np.median(np.diff(ends)) / epochs)


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
    return Estimate(p, float(low) if hits else 0.0, float(high) if hits < trials else 1.0)
