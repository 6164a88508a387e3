"""Chapter 3, stop at the right epoch: what it asks, and its exercises."""

import functools

import numpy as np

from ... import data
from ...descent import fit
from .. import quiz
from ..answers import numbers
from .lab import DRAWS

quiz.read(__file__)


def early_stopping(val_loss, patience):
    """Return (best_epoch, stopped_epoch)."""
    best_epoch, best_loss = 0, float("inf")
    for epoch, loss in enumerate(val_loss):
        if loss < best_loss:  # never true for NaN
            best_epoch, best_loss = epoch, loss
        elif epoch - best_epoch == patience:
            return best_epoch, epoch
    return best_epoch, len(val_loss) - 1


# Validation losses, patience, and what is said to whoever falls into this trap. The first trap that catches is told.
_NAN = float("nan")
_TRAPS = [
    ([4.5, 2.5, 3.5, 5.5, 6.5, 7.5, 8.5, 9.5], 3, "wait `patience` epochs after the best one, no less and no more."),
    ([5.5, 3.5, 4.3, 4.4, 4.5, 1.5, 1.4, 2.5], 3, "what follows epoch 4 is unknown: training has stopped by then."),
    ([5.5, 3.5, 4.5, 4.6, 1.5, 2.5, 2.6, 2.7, 2.8], 3, "epoch 4 comes in time; from there the wait starts anew."),
    ([5.5, 2.5, 4.5, 3.5, 4.4, 3.4, 4.3, 3.3], 3, "better than the epoch before is not yet better than the best."),
    ([3.5, 1.5, 2.5, 1.5, 2.5, 2.6, 2.7, 2.8], 3, "a tie is not better: of equal losses the first counts."),
    ([3.5, 2.5, _NAN, _NAN, _NAN, _NAN], 3, "NaN (diverged training) is never better, but it counts as waiting."),
    ([5.5, 4.5, 3.5, 2.5], 2, "nothing stops it early, so the last epoch is the stopped one."),
    ([2.5], 3, "a single entry is epoch 0, the state before training."),
    ([3.5, 2.5, 1.5, 2.4, 2.5], 1, "with patience 1 the first disappointment stops it."),
]


@quiz.register("03.early_stopping", solution=early_stopping)
def check_early_stopping(answer):
    """Check `early_stopping(val_loss, patience) -> (best_epoch, stopped_epoch)` on curves that are traps.

    Epochs are taken in order; entry 0 is the loss before training. Only a strictly lower loss is better. Training
    stops at the first epoch that lies `patience` epochs after the best one so far; without one, at the last epoch.
    """
    for val_loss, patience, advice in _TRAPS:
        result = answer(list(val_loss), patience)
        case = f"for the losses {val_loss} and patience {patience} it returned".replace("nan", "NaN")
        best, stopped = numbers(result, (2,), f"{case} {result!r}. Return two numbers: best_epoch, stopped_epoch.")
        if not (best.is_integer() and stopped.is_integer()):
            said = f"{case} {best:g} and {stopped:g}"
            raise quiz.Wrong(f"{said}. Return epochs, which are positions in the list, not losses.")
        right = early_stopping(val_loss, patience)
        if (best, stopped) == right:
            continue
        if (stopped, best) == right:
            advice = "the two are swapped: the best epoch comes first."
        elif best == right[0] and abs(stopped - right[1]) == 1:
            advice = f"it stops one epoch too {'early' if stopped < right[1] else 'late'}; {advice}"
        elif best == right[0] and stopped == len(val_loss) - 1:
            advice = f"it goes on to the end; {advice}"
        raise quiz.Wrong(f"{case} {(int(best), int(stopped))}; right is {right}. Look: {advice}")


# ---- the experiment: the rate that brings the best epoch back --------------------------------------------------------

RATE, SMALL, LARGE = data.ALIKE["learning_rate"], data.ALIKE["batch_size"], 6
CLOSE, SAME = 0.25, 0.02  # how far apart the best epochs may lie; how exactly a measured number must be told


@functools.lru_cache(maxsize=32)
def _measured(batch_size, learning_rate):
    """The best epochs of ten seeds on the lab's draw of the sine, and how many of the runs diverge."""
    problem = data.noisy_sine(seed=DRAWS["noisy sine"])
    run = fit(problem, batch_size=batch_size, learning_rate=learning_rate, num_epochs=1500, seeds=10)
    return run.best_epoch, sum(at is not None for at in run.diverged_at)


_SOLUTION = """
small = bl.fit(lab.problem, batch_size=3, learning_rate=0.05, num_epochs=1500, seeds=10)
large = bl.fit(lab.problem, batch_size=6, learning_rate=0.10, num_epochs=1500, seeds=10)
answer = 0.10, np.median(small.best_epoch), np.median(large.best_epoch)
"""


@quiz.register("03.same_turn", solution=_SOLUTION)
def check_same_turn(answer):
    """Check (rate, median best epoch at B = 3 and rate 0.05, median best epoch at B = 6 and the rate handed in)."""
    lacking = "hand in three numbers: the rate, the best epoch at B = 3, the best epoch at B = 6."
    rate, small, large = numbers(answer, (3,), lacking)
    if not 0 < rate < 10:
        raise quiz.Wrong(f"the rate is {rate:g}; the first number must be the learning rate for B = {LARGE}.")
    _told(small, SMALL, RATE)
    if rate == RATE:
        raise quiz.Wrong(f"{RATE} is the rate of B = {SMALL}. The task is to find another for B = {LARGE}.")
    epochs, lost = _measured(LARGE, rate)
    if lost:
        raise quiz.Wrong(f"at the rate {rate:g}, {lost} of ten runs with B = {LARGE} diverge. Look at `diverged_at`.")
    _told(large, LARGE, rate)
    wanted, found = np.median(_measured(SMALL, RATE)[0]), np.median(epochs)
    if abs(found - wanted) > CLOSE * wanted:
        side = "still later" if found > wanted else "already earlier"
        advice = " A lower rate takes more epochs, not fewer." if rate < RATE else ""
        raise quiz.Wrong(
            f"at the rate {rate:g} the best epoch with B = {LARGE} is {found:g}, {side} than the {wanted:g} of "
            f"B = {SMALL}.{advice} It shall be within {CLOSE:.0%}."
        )


def _told(number, batch_size, rate):
    """Whether a number that is handed in is the median best epoch; the usual confusions are named."""
    epochs, _ = _measured(batch_size, rate)
    wanted = np.median(epochs)
    if abs(number - wanted) <= SAME * wanted:
        return
    updates = -(-len(data.noisy_sine().x) // batch_size)
    if abs(number - updates * wanted) <= SAME * updates * wanted:
        raise quiz.Wrong(f"{number:g} counts updates, {updates} an epoch; count epochs (B = {batch_size}).")
    if number in epochs:
        raise quiz.Wrong(f"{number:g} is the best epoch of one seed (B = {batch_size}); take the median of ten.")
    if number < 1:
        raise quiz.Wrong(f"{number:g} is a loss; `best_epoch` says when it was reached (B = {batch_size}).")
    said = f"for B = {batch_size} at the rate {rate:g} ten seeds do not give {number:g}"
    raise quiz.Wrong(f"{said}. Take seeds=10, num_epochs=1500 and np.median(run.best_epoch).")
