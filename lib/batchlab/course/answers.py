"""What checks share: answers as numbers, the mistake that explains a wrong one, and what a shown solution finds."""

import functools
import sys

import numpy as np

from . import quiz


def numbers(answer, shape, otherwise):
    """An answer as numbers of this shape, () for a single one; anything else is `Wrong`, and told `otherwise`."""
    try:
        found = np.array(quiz.filled_in(tuple(answer) if isinstance(answer, list) else answer), float)
    except (TypeError, ValueError):
        found = None
    if found is None or found.shape != shape:
        raise quiz.Wrong(otherwise)
    return found


def rates(answer, batch_sizes):
    """The learning rates that are handed in as {batch size: rate}, in the order of the batch sizes: a list."""
    if not isinstance(answer, dict) or set(answer) != set(batch_sizes):
        asked = ", ".join(f"{size}: ..." for size in batch_sizes)
        raise quiz.Wrong(f"hand in a rate for each batch size, as {{{asked}}}; it is {answer!r}.")
    found = []
    for size, rate in zip(batch_sizes, quiz.filled_in(tuple(answer[size] for size in batch_sizes)), strict=True):
        refused = f"the rate of batch size {size} is {rate!r}; it must be a number above 0 and below 10,000."
        found.append(float(numbers(rate, (), refused)))
        if not 0 < found[-1] < 1e4:
            raise quiz.Wrong(refused)
    return found


def told(answer, mistakes, otherwise):
    """What is said to a wrong answer: the words of the first of the pairs (what a mistake gives, words) that fits."""
    return next((words for wrong, words in mistakes if np.allclose(answer, wrong, atol=0)), otherwise)


@functools.cache
def solved(solution):
    """What the code of a solution leaves behind: name -> value."""
    names = {"bl": sys.modules["batchlab"], "np": np}
    exec(solution, names)
    return names
