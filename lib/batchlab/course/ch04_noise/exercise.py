"""Chapter 4, measure the gradient noise: what it asks, and its exercise."""

import functools
import sys

import numpy as np

from .. import quiz

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
    # One pair at a time: the mean of the ratios. A pair without signal makes it anything.
    pair_signal = (big * large - b * small) / (big - b)
    pair_noise = (small - large) / (1 / b - 1 / big)
    return [
        (1 / (noise / signal), "this is |G|² / tr Σ; the noise scale is the other way up."),
        (noise, "this is tr Σ alone. Divide it by |G|²."),
        (signal, "this is |G|² alone. The noise scale is tr Σ divided by it."),
        (noise / np.sqrt(signal), "tr Σ is divided by |G|, not by |G|²."),
        (np.mean(pair_noise / pair_signal), "average tr Σ and |G|² over the pairs first, and divide once: the mean "
         "of ratios is biased."),
        (noise / m, "the large batch has noise of its own, so |g_large|² is too long for |G|². Solve for |G|²."),
        ((s - m) / signal, "|g_small|² - |g_large|² is tr Σ times (1/B_small - 1/B_large): divide by that."),
        ((s - m) / (1 / big - 1 / b) / signal, "the sign of tr Σ is wrong: 1/B_small is the larger one."),
        (noise / ((b * m - big * s) / (b - big)), "in |G|² each size belongs to its own length: B_large |g_large|²."),
        (two_batch(np.sqrt(small), np.sqrt(large), b, big), "the lengths come squared already: do not take the root."),
        (two_batch(small**2, large**2, b, big), "the lengths come squared already: do not square them again."),
        (two_batch(large, small, b, big), "small and large are swapped."),
    ]  # fmt: skip


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
        result = quiz.filled_in(answer(small.copy(), large.copy(), batch_size, large_batch_size))
        case = f"for {small.tolist()} at B = {batch_size} and {large.tolist()} at B = {large_batch_size} it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            if np.ndim(result) == 1 and len(result) == len(small):
                raise quiz.Wrong(f"{case} one number a pair. Take the mean over the pairs before dividing.") from None
            raise quiz.Wrong(f"{case} {result!r}. Return one number, the noise scale.") from None
        right = two_batch(small, large, batch_size, large_batch_size)
        if abs(value - right) <= 1e-6 * abs(right):
            continue
        with np.errstate(all="ignore"):
            ways = _wrong_ways(small, large, batch_size, large_batch_size)
        told = [advice for wrong, advice in ways if abs(value - wrong) <= 1e-6 * abs(wrong)]
        advice = told[0] if told else "write the two equations down and solve them for tr Σ and |G|²."
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


@functools.cache
def factors():
    """What each change of `ASKED` makes of the noise scale: the solution is run."""
    names = {"bl": sys.modules["batchlab"], "np": np}
    exec(SOLUTION, names)
    return names["samples"], names["width"], names["wrong_labels"]


@quiz.register("04.what_raises_it", solution=SOLUTION)
def check_what_raises_it(answer):
    """Check three factors, measured by the reader: samples 200 to 800, width 32 to 512, wrong labels 0 to 60 %."""
    if not isinstance(answer, (tuple, list)) or len(answer) != len(ASKED):
        raise quiz.Wrong(f"hand in {len(ASKED)} numbers: the factors for {', '.join(ASKED)}.")
    given, right = [float(quiz.filled_in(value)) for value in answer], factors()

    def close(value, to):
        return abs(value - to) <= CLOSE * to

    wrong = [place for place, (value, to) in enumerate(zip(given, right, strict=True)) if not close(value, to)]
    if not wrong:
        return
    value, name = given[wrong[0]], ASKED[wrong[0]]
    if all(close(one, to) for one, to in zip(sorted(given), sorted(right), strict=True)):
        told = f"the order is: {', '.join(ASKED)}."
    elif value > 0 and close(1 / value, right[wrong[0]]) and wrong[0] == 2:
        told = "this is the factor the other way round: divide the noise scale with wrong labels by that without."
    elif wrong[0] == 2 and value > 10:
        told = "that looks like a noise scale itself. Divide it by the one without wrong labels."
    elif wrong[0] == 2 and value < 1.5:
        told = "the labels matter. Did label_noise reach digits(), and did you divide tr Σ by |G|²?"
    elif wrong[0] == 2:
        told = "too far off. Take |G|², not |G|, label_noise=0 against 0.6, and the median of five seeds."
    elif wrong[0] == 1:
        told = "the start of a run is asked for: num_epochs=0 and params_at(0), hidden=(32,) against (512,)."
    else:
        told = "compare n=200 with n=800, the rest as it was, and take the median of five seeds."
    raise quiz.Wrong(f"{name}: {value:.3g}. {told[0].upper()}{told[1:]}")
