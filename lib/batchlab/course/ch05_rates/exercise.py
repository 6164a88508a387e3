"""Chapter 5, match the rate to the batch: what it asks, and its two exercises."""

import numpy as np

from ... import data, measure
from .. import answers, quiz
from ..answers import numbers, told

quiz.read(__file__)

# ---- from a few measured rates to another batch size -----------------------------------------------------------------


def rate_for(batch_size, sizes, rates):
    """Return the rate for a batch size, from the best rates of a few others below and above the corner."""
    per_sample = max(rate / size for size, rate in zip(sizes, rates, strict=True))
    return min(per_sample * batch_size, max(rates))


def typical_mistakes(batch_size, sizes, rates):
    """What comes out of each, with the name under which the text file has its advice."""
    (first, *_, last), (lowest, *_, highest) = sizes, rates
    at, log_sizes, log_rates = np.log(batch_size), np.log(sizes), np.log(rates)
    yield lowest * batch_size / first, "in proportion without end"
    yield highest * batch_size / last, "in proportion to the last pair"
    yield highest, "the highest"
    yield lowest * np.sqrt(batch_size / first), "square root"
    yield np.interp(batch_size, sizes, rates), "interpolated"
    yield np.exp(np.interp(at, log_sizes, log_rates)), "interpolated in the logarithms"
    yield np.exp(np.polyval(np.polyfit(log_sizes, log_rates, 1), at)), "one power"
    yield np.mean(np.divide(rates, sizes)) * batch_size, "mean ratio"


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
    for asked, sizes, rates in _CASES:
        result, right = answer(asked, sizes, rates), rate_for(asked, sizes, rates)
        case = f"with rates {rates} at batch sizes {sizes}, asked for {asked}, it returned"
        value = numbers(result, (), quiz.wrong("05.rate_for", "no number", case=case, result=result))
        if not np.isclose(value, right, rtol=1e-6, atol=0):
            advice = quiz.wrong("05.rate_for", told(value, typical_mistakes(asked, sizes, rates), "another"))
            raise quiz.wrong("05.rate_for", "not the rate", case=case, value=value, right=right, advice=advice)


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
    rates = answers.rates(found, TUNED)
    if max(rates) < 1.5 * min(rates):
        raise quiz.Wrong("the three rates are nearly the same. Tune each batch size by itself.")
    for size, rate in zip(TUNED, rates, strict=True):
        lower, here, higher = tuned_losses(size, [rate / AWAY, rate, rate * AWAY])
        ends = f"at batch size {size} the rate {rate:g} ends at loss {here:.3g}"
        if lower <= here:
            raise quiz.Wrong(f"{ends}, and a third of it at {lower:.3g}: it is too high.")
        if higher <= here:
            raise quiz.Wrong(f"{ends}, and three times as much at {higher:.3g}: it is too low.")
