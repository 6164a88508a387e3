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
    """What the typical mistakes make of an epoch, each with the name under which the text file has its advice."""

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
    yield walk(right, np.sum), "sum"
    yield walk(right, factor=-rate), "uphill"
    yield walk(right, fixed=True), "old weights"
    yield walk(right[:1]), "one update"
    yield walk([order]), "one batch"
    yield walk(right, np.sum, rate / batch_size), "divided by batch_size"
    yield walk(whole), "last forgotten"
    yield walk(cut(np.arange(len(order)))), "not shuffled"
    yield walk(np.array_split(order, batch_size)), "number of batches"


@quiz.register("01.one_epoch", solution=one_epoch)
def check_one_epoch(answer):
    """Check `one_epoch(weights, x, y, order, batch_size, rate)` where the typical mistakes give different weights."""
    problem, rng = points(seed=1), np.random.default_rng(1)
    x, y, weights = problem.x[:, 0].astype(float), problem.y[:, 0].astype(float), np.array(START)
    for n, batch_size in [(8, 3), (8, 4), (8, 8), (5, 1)]:
        given = x[:n], y[:n], rng.permutation(n), batch_size, 0.1
        case = {"n": n, "batch_size": batch_size}
        lacking = quiz.wrong("01.one_epoch", "no weights", **case)
        found, right = numbers(answer(weights.copy(), *given), (2,), lacking), one_epoch(weights, *given)
        if not np.allclose(found, right, rtol=1e-4, atol=1e-6):
            advice = quiz.wrong("01.one_epoch", told(found, _mistaken_epochs(weights, *given), "another"))
            ends = {"found": found.round(3).tolist(), "right": right.round(3).tolist()}
            raise quiz.wrong("01.one_epoch", "look", **case, **ends, advice=advice)


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
    lacking = quiz.wrong("01.same_loss", "no numbers")
    epochs, small_updates, full_updates = numbers(answer, (3,), lacking)
    found = solved(EXPERIMENT)
    small, full, right = found["small"], found["full"], found["epochs"]
    if small_updates == small.num_epochs:
        raise quiz.wrong("01.same_loss", "epochs of small")
    if small_updates != small.iterations[-1]:
        raise quiz.wrong("01.same_loss", "updates of small", updates=small_updates)
    if epochs == np.argmax(full.val_loss <= small.val_loss[-1]):
        raise quiz.wrong("01.same_loss", "validation", epochs=epochs)
    if epochs < right - 2:
        losses = {"reached": full.train_loss[max(round(epochs), 0)], "goal": small.train_loss[-1]}
        raise quiz.wrong("01.same_loss", "too few", epochs=epochs, **losses)
    if epochs > right + 2:
        raise quiz.wrong("01.same_loss", "too many", epochs=epochs)
    if full_updates != epochs:
        raise quiz.wrong("01.same_loss", "updates of full", epochs=epochs, updates=full_updates)
