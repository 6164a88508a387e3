"""Chapter 10, choose for your own data: what it asks, and its exercise, which a sweep judges."""

import math

import numpy as np

from .. import quiz
from .views import times

quiz.read(__file__)

DEAR, LONG = 3, 3  # a plan may cost so many times the lowest, and be so many times as long as it must
SOLUTION = """\
scale = plan.gradient_scale  # the first picture: where half of the loss is gone
size = round(scale)
rate = plan.probe_rate * (1 + scale / plan.probe_size) / (1 + scale / size)  # the second picture and the third rule
rate = min(rate, plan.full_rate)  # the third picture
epochs = plan.probe_epochs * (1 + size / scale) / (1 + plan.probe_size / scale)  # the first rule
choice.commit(size, rate, -int(-epochs // 1))"""


@quiz.register("10.plan", solution=SOLUTION)
def check_plan(choice):
    """Check what has been committed in a `Choice`, with the sweep that has judged it."""
    if choice.committed is None:
        raise NotImplementedError("nothing is committed. Set the sliders, press commit, then run this cell again.")
    judge(choice.wait().committed)


def judge(trial):
    """Say what is wrong with the choice that a finished trial has tested."""
    size, rate, planned = trial.setting
    needed, said = trial.epochs(), f"batch size {size} at rate {rate:.3g}"
    if trial.to_target.diverged.any():
        raise quiz.Wrong(f"{said}: {trial.to_target.diverged.sum()} of 4 runs diverged. Lower the rate.")
    if trial.cost() > DEAR:
        best, rates = trial.measured()
        near = int(np.argmin(np.abs(np.log(trial.sweep.batch_sizes / size))))
        cost = f"costs {times(trial.cost())} the lowest" if needed < math.inf else "does not reach the target"
        said += f" {cost}; at most {DEAR} × is asked for. "
        if needed > 2 * best[near]:
            raise quiz.Wrong(said + f"The rate is too {'low' if rate < rates[near] else 'high'} for this batch size.")
        if size < trial.cheapest()[0]:
            raise quiz.Wrong(said + "The batch is too small: few epochs, but very many iterations.")
        raise quiz.Wrong(said + "The batch is too large: few iterations, but very many epochs.")
    if planned < needed:
        raise quiz.Wrong(f"{said} is a good pair, but it reaches the target after {needed:.2g} epochs: plan for more.")
    if planned > LONG * math.ceil(needed):
        raise quiz.Wrong(f"{said} reaches the target after {needed:.2g} epochs; you planned {planned}: plan for fewer.")
