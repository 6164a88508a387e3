"""Chapter 1, count epochs, batches, iterations: what it asks, and its two exercises."""

import numpy as np

from .. import quiz
from ..answers import numbers, solved, told
from .update import START, gradients, points

quiz.read(__file__)


def one_epoch(weights, x, y, order, batch_size, rate):
    """Return the weights after one epoch."""
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        weights = weights - rate * gradients(weights, x[batch], y[batch]).mean(axis=0)
    return weights


def _mistaken_epochs(weights, x, y, order, batch_size, rate):
    """What the typical mistakes make of an epoch, and what is said to each: pairs."""

    def walk(batches, combine=np.mean, factor=rate, fixed=False):
        at = weights
        for batch in batches:
            grads = gradients(weights if fixed else at, x[batch], y[batch])
            at = at - factor * combine(grads, axis=0)
        return at

    def cut(order):
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]

    right = cut(order)
    whole = [batch for batch in right if len(batch) == batch_size]
    yield walk(right, np.sum), "the gradients of a batch are added up. Take their mean."
    yield walk(right, factor=-rate), "it climbs: the gradient points to a higher loss, so subtract it."
    yield walk(right, fixed=True), ("all gradients are taken at the weights before the epoch. Each update changes the "
                                    "weights: take the next batch's gradients at the new ones.")  # fmt: skip
    yield walk(right[:1]), "that is one update. An epoch goes on until each sample was used once."
    yield walk([order]), "that is one update with all samples at once. Cut them into batches, and update after each."
    yield walk(right, np.sum, rate / batch_size), ("the last batch is divided by batch_size, too, but it holds fewer "
                                                   "samples. Take the mean over those that it has.")  # fmt: skip
    yield walk(whole), "the last, smaller batch is forgotten, so its samples are not used in this epoch."
    yield walk(cut(np.arange(len(order)))), "the samples are taken as they lie. Take them in the shuffled order."
    yield walk(np.array_split(order, batch_size)), "batch_size is the number of samples in a batch, not of batches."


@quiz.register("01.one_epoch", solution=one_epoch)
def check_one_epoch(answer):
    """Check `one_epoch(weights, x, y, order, batch_size, rate)` where the typical mistakes give different weights."""
    problem, rng = points(seed=1), np.random.default_rng(1)
    x, y, weights = problem.x[:, 0].astype(float), problem.y[:, 0].astype(float), np.array(START)
    for n, batch_size in [(8, 3), (8, 4), (8, 8), (5, 1)]:
        given = x[:n], y[:n], rng.permutation(n), batch_size, 0.1
        case = f"for {n} samples in batches of {batch_size} it"
        lacking = f"{case} did not return two weights. Return slope and intercept, as one array."
        found, right = numbers(answer(weights.copy(), *given), (2,), lacking), one_epoch(weights, *given)
        if not np.allclose(found, right, rtol=1e-4, atol=1e-6):
            advice = "follow it by hand: gradients, their mean, the step, then the next batch at the new weights."
            advice = told(found, _mistaken_epochs(weights, *given), advice)
            ends = f"ends at {found.round(3).tolist()}; right is {right.round(3).tolist()}"
            raise quiz.Wrong(f"{case} {ends}. Look: {advice}")


EXPERIMENT = """
problem = bl.data.noisy_sine(n=250)
small = bl.fit(problem, batch_size=10, num_epochs=10, learning_rate=0.01)
full = bl.fit(problem, batch_size=250, num_epochs=1000, learning_rate=0.01)
epochs = int(np.argmax(full.train_loss <= small.train_loss[-1]))  # the first that is low enough
answer = epochs, small.iterations[-1], full.iterations[epochs]
"""


@quiz.register("01.same_loss", solution=EXPERIMENT.strip())
def check_same_loss(answer):
    """Check (epochs of the full batch, updates of batch size 10, updates of the full batch)."""
    lacking = "hand in three numbers: epochs of the full batch, updates of both runs."
    epochs, small_updates, full_updates = numbers(answer, (3,), lacking)
    found = solved(EXPERIMENT)
    small, full, right = found["small"], found["full"], found["epochs"]
    if small_updates == small.num_epochs:
        raise quiz.Wrong("10 is the number of epochs at batch size 10. An epoch has more than one update there.")
    if small_updates != small.iterations[-1]:
        raise quiz.Wrong(f"batch size 10 does not make {small_updates:g} updates in 10 epochs of 250 samples. "
                         "Count the batches of one epoch.")  # fmt: skip
    if epochs == np.argmax(full.val_loss <= small.val_loss[-1]):
        raise quiz.Wrong(f"after {epochs:g} epochs the validation losses are equal. Compare the training losses.")
    if epochs < right - 2:
        reached, goal = full.train_loss[max(round(epochs), 0)], small.train_loss[-1]
        raise quiz.Wrong(f"after {epochs:g} epochs the full batch has a training loss of {reached:.3f}; batch size 10 "
                         f"came to {goal:.3f}. Train longer.")  # fmt: skip
    if epochs > right + 2:
        raise quiz.Wrong(f"the full batch was there before epoch {epochs:g}. Find the first epoch that is low enough.")
    if full_updates != epochs:
        raise quiz.Wrong(f"the full batch does not make {full_updates:g} updates in {epochs:g} epochs. All samples are "
                         "one batch: how many updates is that in an epoch?")  # fmt: skip
