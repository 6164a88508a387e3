"""Chapter 2, descend three ways: what it asks, and its exercise."""

import numpy as np

from .. import quiz

quiz.read(__file__)


def one_epoch(params, gradients, order, batch_size, learning_rate):
    """Return the parameters after every update, a list of arrays."""
    path = []
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        params = params - learning_rate * gradients(params, batch).mean(axis=0)
        path.append(params)
    return path


def _batches(order, size):
    return [order[start : start + size] for start in range(0, len(order), size)]


def _walk(params, gradients, order, size, rate, *, batches=_batches, mean=lambda rows, size: rows.mean(axis=0)):
    """One epoch with another cut into batches, or another mean."""
    path = [params]
    for batch in batches(order, size):
        path.append(path[-1] - rate * mean(gradients(path[-1], batch), size))
    return path[1:]


def _stale(params, gradients, order, size, rate):
    moves = [rate * gradients(params, batch).mean(axis=0) for batch in _batches(order, size)]
    return list(params - np.cumsum(moves, axis=0))


# What is returned by whoever makes this mistake, and what is then said. The first that fits is told.
_MISTAKES = [
    (
        lambda *case: _walk(*case, mean=lambda rows, _: -rows.mean(axis=0)),
        "it goes uphill: the gradient points to where the loss rises, so subtract it.",
    ),
    (
        lambda *case: _walk(*case, mean=lambda rows, _: rows.sum(axis=0)),
        "it takes the sum of the batch's gradients; with their mean the step does not grow with the batch size.",
    ),
    (
        lambda *case: _walk(*case, mean=lambda rows, size: rows.sum(axis=0) / size),
        "the last batch is smaller: divide by how many samples it has, not by batch_size.",
    ),
    (
        lambda *case: _walk(*case, mean=lambda rows, size: rows.sum(axis=0) / len(case[2])),
        "it divides by the number of all samples; divide by how many are in the batch.",
    ),
    (
        lambda *case: _walk(*case, batches=lambda order, size: [order] * -(-len(order) // size)),
        "every update uses the full gradient; use only the batch's samples.",
    ),
    (
        lambda *case: _walk(*case, batches=lambda order, size: [order]),
        "batch_size is ignored: it makes one update with all samples.",
    ),
    (
        lambda *case: _walk(*case, batches=lambda order, size: _batches(order, 1)),
        "batch_size is ignored: it makes an update for every single sample.",
    ),
    (
        lambda *case: _walk(*case, batches=lambda order, size: _batches(order, size)[: len(order) // size]),
        "the last, smaller batch is missing; every sample counts in every epoch.",
    ),
    (
        lambda *case: _walk(*case, batches=lambda order, size: _batches(np.sort(order), size)),
        "the samples are not taken in the given order.",
    ),
    (
        lambda *case: _walk(*case, batches=lambda order, size: [order[:size]] * -(-len(order) // size)),
        "every update uses the first batch; go on to the next samples.",
    ),
    (_stale, "all gradients are taken at the first parameters; take each at where the last update came to."),
    (
        lambda *case: _walk(*case[:4], 1.0),
        "the learning rate is missing: it is the factor of the gradient.",
    ),
    (
        lambda *case: [case[0], *one_epoch(*case)],
        "the parameters before the first update are in the list; keep only those after an update.",
    ),
    (
        lambda *case: [case[0], *one_epoch(*case)[:-1]],
        "it keeps the parameters before each update; keep them after it.",
    ),
    (
        lambda *case: one_epoch(*case)[-1:],
        "it returns the last parameters alone; return those after every update, in a list.",
    ),
    (
        lambda *case: one_epoch(*case)[-1:] * len(one_epoch(*case)),
        "all entries are one and the same array: `params -= ...` changes it in place; write params = params - ...",
    ),
]


@quiz.register("02.one_epoch", solution=one_epoch)
def check_one_epoch(answer):
    """Check `one_epoch(params, gradients, order, batch_size, learning_rate)` on seven samples.

    `gradients(params, batch)` has a row for each sample of the batch; the result is the list of parameters after every
    update. Batches of 7, 1, 3 and 2 stand for GD, SGD and mini-batches; 3 and 2 do not divide 7.
    """
    rng = np.random.default_rng(2)
    slopes, centres = rng.uniform(0.5, 1.5, (7, 1)), rng.normal(size=(7, 2))
    order, params = rng.permutation(7), np.array([1.5, -2.0])

    def gradients(params, batch):
        batch = np.atleast_1d(batch)
        return slopes[batch] * (np.asarray(params) - centres[batch])

    for size, name in ((3, "mini-batch"), (2, "mini-batch"), (1, "SGD"), (7, "GD")):
        result = quiz.filled_in(answer(params.copy(), gradients, order.copy(), size, 0.1))
        try:
            result = np.array([np.asarray(point, float) for point in result])
        except (TypeError, ValueError):
            raise quiz.Wrong(f"for batch size {size} it returned {result!r}; return a list of arrays.") from None
        case = params, gradients, order, size, 0.1
        right = np.array(one_epoch(*case))
        if result.shape == right.shape and np.allclose(result, right):
            continue
        for mistake, advice in _MISTAKES:
            wrong = np.array(mistake(*case))
            if wrong.shape == result.shape and np.allclose(wrong, result):
                break
            if result.shape == (2,) and np.allclose(result, wrong[-1]):
                advice = "it returns the last parameters alone; return those after every update, in a list."
                break
        else:
            advice = f"it has {len(result)} updates of shape {result.shape[1:]}, and {len(right)} of (2,) are right."
            if result.shape == right.shape:
                at = int(np.argmax(~np.isclose(result, right).all(axis=1)))
                advice = f"update {at + 1} leads to {result[at].round(3)}; right is {right[at].round(3)}."
        raise quiz.Wrong(f"for batch size {size} of 7 samples ({name}): {advice}")
