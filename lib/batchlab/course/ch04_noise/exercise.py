"""Chapter 4, measure the gradient noise: what it asks, and its exercise."""

import numpy as np

from .. import quiz
from ..answers import numbers, solved, told

quiz.read(__file__)


def two_batch(small, large, batch_size, large_batch_size):
    """Return the noise scale from |g_B|^2 of batches of two sizes."""
    small, large = np.mean(small), np.mean(large)
    signal = (large_batch_size * large - batch_size * small) / (large_batch_size - batch_size)
    noise = (small - large) / (1 / batch_size - 1 / large_batch_size)
    return noise / signal


def _wrong_ways(small, large, b, big):
    """What comes out of typical mistakes, and what is said about each."""
    s, m = np.mean(small), np.mean(large)
    signal, noise = (big * m - b * s) / (big - b), (s - m) / (1 / b - 1 / big)
    ratios = [two_batch(*pair, b, big) for pair in zip(small, large, strict=True)]  # a pair without signal is anything
    yield signal / noise, "this is |G|² / tr Σ; the noise scale is the other way up."
    yield noise, "this is tr Σ alone. Divide it by |G|²."
    yield signal, "this is |G|² alone. The noise scale is tr Σ divided by it."
    yield noise / np.sqrt(signal), "tr Σ is divided by |G|, not by |G|²."
    yield np.mean(ratios), ("average tr Σ and |G|² over the pairs first, and divide once: the mean of ratios is "
                            "biased.")  # fmt: skip
    yield noise / m, "the large batch has noise of its own, so |g_large|² is too long for |G|². Solve for |G|²."
    yield (s - m) / signal, "|g_small|² - |g_large|² is tr Σ times (1/B_small - 1/B_large): divide by that."
    yield -noise / signal, "the sign of tr Σ is wrong: 1/B_small is the larger one."
    yield noise / ((b * m - big * s) / (b - big)), "in |G|² each size belongs to its own length: B_large |g_large|²."
    yield two_batch(np.sqrt(small), np.sqrt(large), b, big), "the lengths come squared already: do not take the root."
    yield two_batch(small**2, large**2, b, big), "the lengths come squared already: do not square them again."
    yield two_batch(large, small, b, big), "small and large are swapped."


_CASES = (
    (np.array([9.5, 5.5, 8.5, 12.5]), np.array([2.75, 3.25, 2.5, 3.5]), 2, 16),
    (np.array([30.0, 50.0, 41.0]), np.array([4.0, 6.5, 5.25]), 1, 10),
    (np.array([7.0, 6.0]), np.array([3.25, 2.75]), 4, 64),
)


@quiz.register("04.two_batch", solution=two_batch)
def check_two_batch(answer):
    """Check `two_batch(small, large, batch_size, large_batch_size)` on lengths whose noise scale is known.

    `small` and `large` hold |g_B|^2 of pairs of batches, as arrays. The noise scale tr Sigma / |G|^2 is returned.
    """
    for small, large, batch_size, large_batch_size in _CASES:
        result = answer(small.copy(), large.copy(), batch_size, large_batch_size)
        case = f"for {small.tolist()} at B = {batch_size} and {large.tolist()} at B = {large_batch_size} it returned"
        if np.shape(result) == small.shape:
            raise quiz.Wrong(f"{case} one number a pair. Take the mean over the pairs before dividing.")
        value = numbers(result, (), f"{case} {result!r}. Return one number, the noise scale.")
        right = two_batch(small, large, batch_size, large_batch_size)
        if not np.isclose(value, right, rtol=1e-6, atol=0):
            ways = _wrong_ways(small, large, batch_size, large_batch_size)
            advice = told(value, ways, "write the two equations down and solve them for tr Σ and |G|².")
            raise quiz.Wrong(f"{case} {value:.4g}; right is {right:.4g}. Look: {advice}")


# ---- an experiment ---------------------------------------------------------------------------------------------------

ASKED = "four times the samples", "sixteen times the width", "60 % wrong labels"
CLOSE = 0.3  # by how much a factor may differ from the measured one: other seeds are welcome
SOLUTION = """
def median_scale(n=400, width=128, label_noise=0.3):
    scales = []
    for seed in range(5):
        problem = bl.data.digits(n=n, label_noise=label_noise, seed=seed)
        run = bl.fit(problem, hidden=(width,), batch_size=64, learning_rate=0.01, num_epochs=0, seed=seed)
        inner = bl.measure.inner_products(problem, run.model, run.params_at(0))
        scales.append(bl.measure.noise_scale(inner))
    return np.median(scales)


samples = median_scale(n=800) / median_scale(n=200)
width = median_scale(width=512) / median_scale(width=32)
wrong_labels = median_scale(label_noise=0.6) / median_scale(label_noise=0)
"""


def factors():
    """What each change of `ASKED` makes of the noise scale: the solution is run."""
    found = solved(SOLUTION)
    return found["samples"], found["width"], found["wrong_labels"]


@quiz.register("04.what_raises_it", solution=SOLUTION)
def check_what_raises_it(answer):
    """Check three factors, measured by the reader: samples 200 to 800, width 32 to 512, wrong labels 0 to 60 %."""
    given = numbers(answer, (3,), f"hand in {len(ASKED)} numbers: the factors for {', '.join(ASKED)}.")
    right = np.array(factors())
    wrong = np.flatnonzero(~_close(given, right))
    if not len(wrong):
        return
    at, value = wrong[0], given[wrong[0]]
    if _close(np.sort(given), np.sort(right)).all():
        said = f"The order is: {', '.join(ASKED)}."
    elif at == 0:
        said = "Compare n=200 with n=800, the rest as it was, and take the median of five seeds."
    elif at == 1:
        said = "The start of a run is asked for: num_epochs=0 and params_at(0), hidden=(32,) against (512,)."
    elif value > 0 and _close(1 / value, right[at]):
        said = "This is the factor the other way round: divide the noise scale with wrong labels by that without."
    elif value > 10:
        said = "That looks like a noise scale itself. Divide it by the one without wrong labels."
    elif value < 1.5:
        said = "The labels matter. Did label_noise reach digits(), and did you divide tr Σ by |G|²?"
    else:
        said = "Too far off. Take |G|², not |G|, label_noise=0 against 0.6, and the median of five seeds."
    raise quiz.Wrong(f"{ASKED[at]}: {value:.3g}. {said}")


def _close(value, to):
    return np.abs(value - to) <= CLOSE * to
