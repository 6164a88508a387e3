"""Chapter 9, escape a poor minimum: what it asks, and its exercise."""

import numpy as np

from .. import quiz

quiz.read(__file__)


def noise_deviation(grads, batch_size):
    """Return the standard deviation of a batch gradient about the mean of all grads."""
    n = len(grads)
    return np.sqrt(np.var(grads) / batch_size * (n - batch_size) / (n - 1))


def _wrong_ways(grads, b):
    """What comes out of typical mistakes, and what is said about each."""
    n, v = len(grads), np.var(grads)
    shrink = (n - b) / (n - 1)
    return [
        (v / b * shrink, "this is the variance. The noise is multiplied by a standard deviation: take the root."),
        (np.sqrt(v / b), "this is right for draws with replacement. Without it there is a factor (N - B)/(N - 1)."),
        (np.sqrt(v * shrink), "this does not get smaller with B as a mean does: divide the variance by B."),
        (np.sqrt(v), "this is the deviation of a single gradient, not of the mean of B."),
        (np.sqrt(v) / b * np.sqrt(shrink), "a variance is divided by B, and so a deviation by the root of B."),
        (np.sqrt(v) / b, "a variance is divided by B, and so a deviation by the root of B."),
        (np.sqrt(v / n * shrink), "the batch has B samples: divide by B, not by N."),
        (np.sqrt(v / n), "the batch has B samples: divide by B, not by N."),
        (np.sqrt(v * b * shrink), "this grows with B. A mean of more samples is surer: divide by B."),
        (np.sqrt(v / b) * shrink, "the factor (N - B)/(N - 1) belongs to the variance: put it under the root."),
        (np.sqrt(v / b * (n - b) / n), "(N - B)/N goes with a variance divided by N - 1; yours is divided by N."),
        (np.sqrt(v * n / (n - 1) / b * shrink), "the N gradients are all there are, no draw from more: divide by N."),
        (np.sqrt(np.mean(grads**2) / b * shrink), "the noise is about the full gradient: subtract the mean first."),
        (np.sqrt(np.mean(grads**2) / b), "the noise is about the full gradient: subtract the mean first."),
    ]  # fmt: skip


_CASES = (
    (np.array([2.0, 4.0, 9.0, 1.0, -3.0]), 2),
    (np.array([6.0, 1.0, -2.0, 3.0, 5.0, 12.0, 0.5, 2.5]), 5),
    (np.array([-1.0, 7.0, 3.0, 8.0]), 1),
)


@quiz.register("09.noise", solution=noise_deviation)
def check_noise(answer):
    """Check `noise_deviation(grads, batch_size)` on gradients whose batches can be counted.

    `grads` holds one gradient of the single parameter for each of N samples, as an array. The standard deviation of
    the gradient of a batch drawn without replacement is returned.
    """
    for grads, batch_size in (*_CASES, (_CASES[0][0], len(_CASES[0][0]))):
        result = quiz.filled_in(answer(grads.copy(), batch_size))
        case = f"for the gradients {grads.tolist()} and B = {batch_size} it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{case} {result!r}. Return one number, the standard deviation.") from None
        right = noise_deviation(grads, batch_size)
        if abs(value - right) <= 1e-6 * max(right, 1e-3):
            continue
        ways = _wrong_ways(grads, batch_size)
        told = [advice for wrong, advice in ways if abs(value - wrong) <= 1e-6 * abs(wrong)]
        advice = told[0] if told else "start from np.var(grads), and ask what a mean of B draws does to a variance."
        raise quiz.Wrong(f"{case} {value:.4g}; right is {right:.4g}. Look: {advice}")
