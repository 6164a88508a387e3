"""Chapter 5, match the rate to the batch: what it asks, and its exercise."""

import numpy as np

from .. import quiz

quiz.question(
    "05.best_rate",
    "A network learns 512 digits for 10 epochs. For every batch size the best learning rate is searched, from batch "
    "size 1 (SGD) to 512 (full batch). On the way from 1 to 512 the best rate",
    {
        "stays about the same: it belongs to the network and its data.": "That would be so if an update knew the way. "
        "At batch size 1 most of an update is noise, and a high rate follows the noise. So the best rate belongs to "
        "the batch size, too.",
        "grows 512-fold, in proportion.": "It does grow in proportion at first: half the updates, each twice as long. "
        "But a rate also has a limit that has nothing to do with noise: beyond it even the exact gradient oversteps.",
        "grows about 23-fold, like the square root.": "The noise of a batch gradient does shrink like a square root. "
        "But what counts is its variance against the signal squared, and that shrinks in proportion to 1/B.",
        "grows in proportion at first, and then hardly any more.": "While noise outweighs signal, twice the batch "
        "bears twice the rate. Once the gradient is nearly exact, the rate of the exact gradient is the limit.",
        "falls: a mean over more samples makes longer updates.": "A sum would. The batch gradient is a mean over its "
        "samples, and does not grow with their number; it only gets more accurate.",
    },
    answer=3,
)

quiz.question(
    "05.decay_or_grow",
    "A run with batch size 8 comes down only slowly by now: its noise keeps the loss up. One copy goes on with a "
    "quarter of the rate, another with four times the batch size and the old rate. In the epochs that follow",
    {
        "the copy with the lower rate is ahead: it makes four times as many updates.": "It makes four times as many, "
        "each a quarter as long: together they go equally far, and meet as much noise on the way.",
        "the copy with the larger batch is ahead: its rate is still high.": "Its updates are four times as long, but "
        "there are only a quarter as many of them in an epoch.",
        "both come down, on nearly the same curve.": "In an epoch both go equally far, and the noise on the way "
        "depends on rate / B alone. The copy with the larger batch needs a quarter of the updates for it.",
        "neither comes down: the noise belongs to the data.": "The noise of one sample does. What reaches the weights "
        "is the rate times the noise of a batch: less rate, or more samples in a batch, and the run comes down.",
    },
    answer=2,
)


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


@quiz.register(
    "05.best_rate",
    title="The best rate for another batch size",
    hints=[
        "The rule η(B) = η_max / (1 + B_noise/B) has one unknown, η_max. The known pair fixes it.",
        "Solve known_rate = η_max / (1 + B_noise/known_size) for η_max.",
        "Then put η_max and the batch size that is asked for into the rule.",
    ],
    solution=best_rate,
)
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
