"""Chapter 6, reach the same accuracy: what it asks, and its exercise."""

import math

import numpy as np

from .. import quiz

quiz.read(__file__)


def epochs_to_target(epochs, accuracy, target):
    """Return after how many epochs the target is reached first; infinity if it never is."""
    for i, value in enumerate(accuracy):
        if value >= target:
            if i == 0:
                return epochs[0]
            share = (target - accuracy[i - 1]) / (value - accuracy[i - 1])
            return epochs[i - 1] + share * (epochs[i] - epochs[i - 1])
    return float("inf")


def _wrong_ways(epochs, accuracy, target):
    """What comes out of typical mistakes where the target is reached between two measurements."""
    i = int(np.argmax(accuracy >= target))
    last = len(accuracy) - int(np.argmax(accuracy[::-1] < target))  # the first of those that stay above
    step, share = epochs[i] - epochs[i - 1], (target - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])
    dip = (target - accuracy[last - 1]) / (accuracy[last] - accuracy[last - 1])
    late = "the accuracy falls below the target once more after that. What counts is the first time."
    return [
        (epochs[i], "this is the first measurement at or above the target. It was reached on the way there: take the "
         "accuracy for a straight line between two measurements."),
        (epochs[i - 1], "this is the last measurement before the target. It was reached after that: take the accuracy "
         "for a straight line between two measurements."),
        ((epochs[i] + epochs[i - 1]) / 2, "this is halfway between two measurements. How far along the line is the "
         "target?"),
        (i, "this is the number of the measurement. Return its place in `epochs`."),
        (i - 1 + share, "this counts measurements. Return epochs: they may be any distance apart."),
        (epochs[i - 1] + share, "the share of the way is a share of the distance between the two measurements: "
         "multiply."),
        (epochs[i] - share * step, "the share of the way is counted from the wrong end."),
        (epochs[int(np.argmax(accuracy))], "this is where the accuracy is highest, not where it reaches the target."),
        (epochs[last - 1] + dip * (epochs[last] - epochs[last - 1]), late),
        (epochs[last], late),
        (math.inf, "the target is reached: look for accuracies at or above it."),
    ]  # fmt: skip


_EPOCHS = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 4.0, 6.0])
_CASES = (
    (_EPOCHS, np.array([0.1, 0.3, 0.5, 0.9, 0.7, 0.95, 0.96]), 0.8),
    (_EPOCHS, np.array([0.1, 0.2, 0.4, 0.45, 0.6, 0.55, 0.8]), 0.59),
    (_EPOCHS, np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.85, 0.88]), 0.9),  # never
    (_EPOCHS, np.array([0.92, 0.9, 0.94, 0.95, 0.95, 0.96, 0.96]), 0.9),  # from the start
    (_EPOCHS, np.array([0.1, 0.3, 0.5, 0.75, 0.8, 0.9, 0.91]), 0.75),  # by a measurement itself
)


@quiz.register("06.to_target", solution=epochs_to_target)
def check_to_target(answer):
    """Check `epochs_to_target(epochs, accuracy, target)` on five curves.

    `epochs` says when `accuracy` was measured, both arrays. The first crossing is returned, or infinity.
    """
    for epochs, accuracy, target in _CASES:
        result = quiz.filled_in(answer(epochs.copy(), accuracy.copy(), target))
        case = f"for the accuracies {accuracy.tolist()} at epochs {epochs.tolist()} and target {target} it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{case} {result!r}. Return one number of epochs.") from None
        right = epochs_to_target(epochs, accuracy, target)
        if value == right or abs(value - right) <= 1e-9:
            continue
        if math.isinf(right):
            advice = "the target is never reached, which takes for ever: return float('inf')."
        elif right == epochs[0]:
            advice = "the first measurement is above the target already: there is none before it to draw a line from."
        else:
            ways = _wrong_ways(epochs, accuracy, target)
            told = [advice for wrong, advice in ways if value == wrong or abs(value - wrong) <= 1e-9]
            advice = told[0] if told else "find the first measurement at or above the target, and the one before it."
        raise quiz.Wrong(f"{case} {value:.4g}; right is {right:.4g}. Look: {advice}")
