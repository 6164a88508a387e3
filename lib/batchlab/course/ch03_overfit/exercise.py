"""Chapter 3, stop at the right epoch: what it asks, and its exercise."""

from .. import quiz

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
        result = quiz.filled_in(answer(list(val_loss), patience))
        case = f"for the losses {val_loss} and patience {patience} it returned".replace("nan", "NaN")
        try:
            best, stopped = (float(number) for number in result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{case} {result!r}. Return two numbers: best_epoch, stopped_epoch.") from None
        if not (best.is_integer() and stopped.is_integer()):
            raise quiz.Wrong(
                f"{case} {best:g} and {stopped:g}. Return epochs, which are positions in the list, not losses."
            )
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
