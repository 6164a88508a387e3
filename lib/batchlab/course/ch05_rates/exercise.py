"""Chapter 5, match the rate to the batch: what it asks, and its two exercises."""

import numpy as np

from ... import data, measure
from .. import quiz

quiz.read(__file__)

# ---- from a few measured rates to another batch size -----------------------------------------------------------------


def rate_for(batch_size, sizes, rates):
    """Return the rate for a batch size, from the best rates of a few others below and above the corner."""
    per_sample = max(rate / size for size, rate in zip(sizes, rates, strict=True))
    return min(per_sample * batch_size, max(rates))


def _wrong_ways(batch_size, sizes, rates):
    """What comes out of typical mistakes, and what is said about each."""
    (first, *_), (lowest, *_), last, highest = sizes, rates, sizes[-1], rates[-1]
    slope = np.polyfit(np.log(sizes), np.log(rates), 1)
    return [
        (lowest * batch_size / first, "this is in proportion to B without end. The measured rates stop growing."),
        (highest * batch_size / last, "this takes the proportion from the last pair, which is beyond the corner."),
        (highest, "this is the rate beyond the corner. Below it a smaller batch wants a lower rate."),
        (lowest * np.sqrt(batch_size / first), "this is a square-root rule. The small batches grow in proportion."),
        (np.interp(batch_size, sizes, rates), "this draws a straight line from pair to pair, and so cuts the corner."),
        (np.exp(np.interp(np.log(batch_size), np.log(sizes), np.log(rates))), "this draws straight lines from pair to "
         "pair in the logarithms, and so cuts the corner."),
        (np.exp(np.polyval(slope, np.log(batch_size))), "this is one power of B through all pairs, below and beyond "
         "the corner."),
        (np.mean(np.divide(rates, sizes)) * batch_size, "this averages rate / B over all pairs; beyond the corner that "
         "is too low."),
    ]  # fmt: skip


# batch size asked for, sizes, rates: on a straight line up to a corner, then flat
_CASES = (
    (16, (2, 8, 64, 256), (0.25, 1.0, 6.0, 6.0)),
    (400, (2, 8, 64, 256), (0.25, 1.0, 6.0, 6.0)),
    (1, (4, 16, 128), (0.02, 0.08, 0.3)),
    (48, (4, 16, 128), (0.02, 0.08, 0.3)),
    (100, (4, 16, 128), (0.02, 0.08, 0.3)),
)


@quiz.register("05.rate_for", solution=rate_for)
def check_rate_for(answer):
    """Check `rate_for(batch_size, sizes, rates)`: one rate."""
    for case in _CASES:
        batch_size, sizes, rates = case
        result = quiz.filled_in(answer(*case))
        said = f"with rates {rates} at batch sizes {sizes}, asked for {batch_size}, it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{said} {result!r}. Return one number, the rate.") from None
        right = rate_for(*case)
        if abs(value - right) <= 1e-6 * right:
            continue
        told = [advice for wrong, advice in _wrong_ways(*case) if abs(value - wrong) <= 1e-6 * abs(wrong)]
        advice = told[0] if told else "the pairs tell two things: rate / B below the corner, and the rate beyond it."
        raise quiz.Wrong(f"{said} {value:.4g}; right is {right:.4g}. Look: {advice}")


# ---- an experiment ---------------------------------------------------------------------------------------------------

TUNED = (2, 16, 128)  # batch sizes of the experiment
AWAY = 3  # the rate that is handed in must beat those so many times lower and higher


def moons():
    """The data of the experiment: 128 points of two moons."""
    return data.two_moons(n=128)


def tuned_losses(batch_size, learning_rates):
    """Final training losses of the experiment, medians of 5 seeds: a perceptron 2-16-2, 20 epochs of SGD."""
    settings = {"hidden": (16,), "seeds": 5, "num_epochs": 20, "keep": False, "progress": False}
    done = measure.sweep(moons(), batch_sizes=[batch_size], learning_rates=learning_rates, **settings)
    return np.median(done.last("train_loss")[0], axis=1)


_EXPERIMENT = """
done = bl.measure.sweep(ch05_rates.moons(), batch_sizes=[2, 16, 128], learning_rates=2.0 ** np.arange(-5, 6),
                        seeds=5, num_epochs=20, hidden=(16,))
losses = np.median(done.last("train_loss"), axis=2)  # (batch sizes, rates)
found = {size: 2.0 ** (np.argmin(row) - 5) for size, row in zip([2, 16, 128], losses)}
"""


@quiz.register("05.three_rates", solution=_EXPERIMENT)
def check_three_rates(found):
    """Check {2: rate, 16: rate, 128: rate}: train with each, and with a third and three times of it."""
    if not isinstance(found, dict) or set(found) != set(TUNED):
        raise quiz.Wrong(f"hand in a rate for each of the batch sizes {TUNED}, as {{2: ..., 16: ..., 128: ...}}.")
    rates = [quiz.filled_in(found[size]) for size in TUNED]
    if not all(isinstance(rate, (int, float, np.number)) and 0 < rate < 1e4 for rate in rates):
        raise quiz.Wrong(f"the rates are {rates}; each must be a number above 0.")
    if max(rates) < 1.5 * min(rates):
        raise quiz.Wrong("the three rates are nearly the same. Tune each batch size by itself.")
    for size, rate in zip(TUNED, rates, strict=True):
        lower, here, higher = tuned_losses(size, [rate / AWAY, rate, rate * AWAY])
        ends = f"at batch size {size} the rate {rate:g} ends at loss {here:.3g}"
        if lower <= here:
            raise quiz.Wrong(f"{ends}, and a third of it at {lower:.3g}: it is too high.")
        if higher <= here:
            raise quiz.Wrong(f"{ends}, and three times as much at {higher:.3g}: it is too low.")
