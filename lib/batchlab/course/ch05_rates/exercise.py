"""Chapter 5, match the rate to the batch: what it asks, and its exercise."""

import numpy as np

from .. import quiz

quiz.read(__file__)


def best_rate(known_rate, known_size, batch_size, noise_scale):
    """Return the best rate for a batch size, from the best rate of another one and the noise scale."""
    largest = known_rate * (1 + noise_scale / known_size)
    return largest / (1 + noise_scale / batch_size)


def _wrong_ways(rate, known, size, scale):
    """What comes out of typical mistakes, and what is said about each."""
    up = (1 + scale / known) / (1 + scale / size)
    return [
        (rate, "the rate does not depend on the batch size."),
        (rate * size / known, "this is the linear rule, η ∝ B, for every batch size. It holds only while B is far "
         "below the noise scale."),
        (rate * np.sqrt(size / known), "this is a square-root rule. The measured rates grow in proportion at first."),
        (rate * known / size, "this is the linear rule the wrong way round: a larger batch bears a higher rate."),
        (rate / up, "the two batch sizes are swapped: 1 + B_noise/B_known is above the line, 1 + B_noise/B below."),
        (rate / (1 + scale / size), "the known rate is taken for η_max. It was found at batch size B_known: multiply "
         "it by 1 + B_noise/B_known first."),
        (rate * (1 + scale / size), "at B the rate is η_max *divided* by 1 + B_noise/B."),
        (rate * (1 + scale / known), "this is η_max. Divide it by 1 + B_noise/B for the batch size that is asked for."),
        (rate * (1 + known / scale) / (1 + size / scale), "B and B_noise are swapped in the ratio: it is B_noise/B, "
         "which vanishes for large batches."),
        (rate * (1 + size / scale) / (1 + known / scale), "B and B_noise are swapped in the ratio, and the fraction is "
         "upside down: this grows with B for ever."),
        (rate * min(size, scale) / min(known, scale), "this goes straight up to the noise scale and then turns flat at "
         "once. The rule bends: at B = B_noise it has reached half of η_max."),
        (rate * np.sqrt(up), "the ratio is right, but its root is taken."),
        (rate * (known + scale) / (size + scale), "this is the number of *samples* that grows like B + B_noise. The "
         "rate goes up with B: B / (B + B_noise)."),
    ]  # fmt: skip


_CASES = ((0.5, 4, 64, 48), (3.0, 128, 8, 20), (0.1, 1, 4096, 300), (0.2, 16, 16, 70), (1.2, 64, 100, 1000))


@quiz.register("05.best_rate", solution=best_rate)
def check_best_rate(answer):
    """Check `best_rate(known_rate, known_size, batch_size, noise_scale)`: one rate."""
    for case in _CASES:
        rate, known, size, scale = case
        result = quiz.filled_in(answer(*case))
        said = f"for rate {rate} at batch size {known}, asked for {size}, noise scale {scale}, it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{said} {result!r}. Return one number, the rate.") from None
        right = best_rate(*case)
        if abs(value - right) <= 1e-6 * right:
            continue
        ways = _wrong_ways(*case)
        told = [advice for wrong, advice in ways if abs(value - wrong) <= 1e-6 * abs(wrong)]
        advice = told[0] if told else "find η_max from the known pair first, then put B into the rule."
        raise quiz.Wrong(f"{said} {value:.4g}; right is {right:.4g}. Look: {advice}")
