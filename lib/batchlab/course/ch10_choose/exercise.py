"""Chapter 10, choose for your own data: what it asks, and its exercise, which a sweep judges."""

import math

import numpy as np

from .. import quiz
from .views import times

quiz.read(__file__)

DEAR, LONG = 3, 3  # a plan may cost so many times the lowest, and be so many times as long as it must


@quiz.register("10.plan")
def check_plan(choice):
    """Check what has been committed in a `Choice`, with the sweep that has judged it."""
    trial = choice.wait().committed  # a file that was still being read takes it away
    if trial is None:
        raise NotImplementedError("nothing is committed. Set the sliders, press commit, then run this cell again.")
    if mistake := mistake_of(trial):
        size, rate, planned = trial.setting
        said = {"size": size, "rate": rate, "planned": planned, "needed": trial.epochs(), "most": DEAR}
        cost = "does not reach the target" if math.isinf(trial.cost()) else f"costs {times(trial.cost())} the lowest"
        raise quiz.wrong("10.plan", mistake, lost=trial.to_target.diverged.sum(), cost=cost, **said)


def mistake_of(trial):
    """The mistake in the choice that a finished trial has tested, by its name in the text file, or None."""
    size, rate, planned = trial.setting
    if trial.to_target.diverged.any():
        return "diverged"
    if trial.cost() > DEAR:
        best, rates = trial.measured()
        near = int(np.argmin(np.abs(np.log(trial.sweep.batch_sizes / size))))
        enough = best[near] ** 2 * trial.per_epoch(size) <= DEAR * trial.costs().min()  # at the best rate
        if enough or trial.epochs() > 2 * best[near]:
            return "rate too low" if rate < rates[near] else "rate too high"
        cheapest = trial.sweep.batch_sizes[np.argmin(trial.costs().min(axis=1))]
        return "batch too small" if size < cheapest else "batch too large"
    if planned < trial.epochs():
        return "too few epochs"
    return "too many epochs" if planned > LONG * math.ceil(trial.epochs()) else None
