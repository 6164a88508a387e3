"""Chapter 1, count epochs, batches, iterations: what it asks, and its two exercises."""

import itertools

import numpy as np

from .. import quiz

quiz.read(__file__)


def count_updates(n, batch_size, num_epochs):
    """Return the number of updates."""
    return num_epochs * -(-n // batch_size)  # the whole part of -n / batch_size rounds n / batch_size up


# What is said to whoever computes something else; the first that fits is told.
_COUNTS = [
    (lambda n, b, e: e * (n // b), "the last, smaller batch of each epoch is forgotten. Round up, not down."),
    (lambda n, b, e: e * (n // b + 1), "where the batch size divides n there is no smaller batch to add. Round up."),
    (lambda n, b, e: n * e / b, "that is a division without rounding. A batch of fewer samples is one update too."),
    (lambda n, b, e: -(-n * e // b), "it rounds once for all epochs together, but no batch reaches across the border "
     "of two epochs. Round up for one epoch, then multiply."),
    (lambda n, b, e: n * e // b, "it divides the samples of all epochs together and rounds down. Round up, and for "
     "one epoch; then multiply."),
    (lambda n, b, e: -(-n // b), "those are the updates of one epoch. Multiply by the number of epochs."),
    (lambda n, b, e: e, "that is the number of epochs, and an epoch has many updates. If you divided: n by batch_size, "
     "not the other way round."),
    (lambda n, b, e: b * e, "batch_size is the number of samples in a batch, not the number of batches."),
    (lambda n, b, e: n * e, "that is the number of samples seen; those of one batch share one update."),
    (lambda n, b, e: e * (b // n), "n and batch_size are swapped: divide n by batch_size."),
]  # fmt: skip


@quiz.register("01.count_updates", solution=count_updates)
def check_count_updates(answer):
    """Check `count_updates(n, batch_size, num_epochs)` where the typical mistakes give different numbers."""
    for case in [(10, 4, 5), (12, 3, 4), (50, 6, 3), (7, 7, 2), (5, 1, 2), (1, 1, 1)]:
        n, batch_size, num_epochs = case
        result = quiz.filled_in(answer(*case))
        said = f"for n = {n}, batch_size = {batch_size}, num_epochs = {num_epochs} it returned {result!r}"
        try:
            number = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{said}. Return one number.") from None
        right = count_updates(*case)
        if number == right:
            continue
        sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
        advice = f"an epoch has batches of {', '.join(map(str, sizes))} samples; count them, {num_epochs} times."
        advice = next((words for formula, words in _COUNTS if formula(*case) == number), advice)
        raise quiz.Wrong(f"{said}; right is {right}. Look: {advice}")


def epoch_batches(order, batch_size):
    """Yield the batches of one epoch, in this order."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


@quiz.register("01.epoch_batches", solution=epoch_batches)
def check_epoch_batches(answer):
    """Check `epoch_batches(order, batch_size)`: a list of batches, or a generator of them."""
    rng = np.random.default_rng(1)
    for n, batch_size in [(10, 4), (6, 3), (50, 6), (5, 5), (3, 1)]:
        order = (rng.permutation(n) + 100).tolist()  # so that a sample is not taken for a position
        right = [order[start : start + batch_size] for start in range(0, n, batch_size)]
        returned = quiz.filled_in(answer(np.array(order), batch_size))
        said = f"for order = {order} and batch_size = {batch_size}"
        try:
            found = list(itertools.islice(returned, 10 * n))
        except TypeError:
            raise quiz.Wrong(f"{said} it returned {returned!r}. Return a list of batches, or yield them.") from None
        quiz.filled_in(tuple(found) if all(np.ndim(batch) == 0 for batch in found) else ())
        try:
            found = [[int(sample) for sample in batch] for batch in found]
        except (TypeError, ValueError):
            raise quiz.Wrong(
                f"{said} the first thing that came was {found[0]!r}. Each batch must hold samples: a part of order."
            ) from None
        if found != right:
            raise quiz.Wrong(f"{said} the batches are {_short(found)}; right is {_short(right)}. "
                             f"Look: {_what_is_wrong(found, right, order, batch_size)}")  # fmt: skip


def _short(batches):
    return str(batches) if len(batches) <= 4 else f"{str(batches[:3])[:-1]}, ...]"


def _what_is_wrong(found, right, order, batch_size):
    """Say which of the typical mistakes explains these batches."""
    used = [sample for batch in found for sample in batch]
    uses = {sample: used.count(sample) for sample in order}
    missing = [sample for sample, count in uses.items() if count == 0]
    twice = [sample for sample, count in uses.items() if count > 1]
    if [] in found:
        return "one batch is empty. Stop when all samples are used."
    if set(used) <= set(range(len(order))):
        return "these are positions. Take what stands there: a part of order."
    if found == right[:-1]:
        return f"the last batch is forgotten, so samples {missing} are not used in this epoch."
    if len(found) == batch_size and len(max(found, key=len)) - len(min(found, key=len)) <= 1:
        return "batch_size is the number of samples in a batch, not the number of batches."
    if found[:-1] == right[:-1] and len(found[-1]) > len(right[-1]):
        return "the last batch is filled up with samples that were used already. It may be smaller than the others."
    if twice:
        return f"sample {twice[0]} is used {uses[twice[0]]} times in one epoch" + (
            f", and sample {missing[0]} not at all: batches are cut from the order one after the other, not drawn anew."
            if missing
            else ": the batches overlap. The next one starts where the last one ended."
        )
    if missing:
        return f"samples {missing} are not used in this epoch."
    if sorted(used) == sorted(order) and used != order:
        return "the samples are in another order. The order is given: do not sort or shuffle it again."
    return "every sample is there, but the batches have other sizes: batch_size each, what is left in the last."
