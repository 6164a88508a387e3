"""Chapter 7, fill the memory and the device: what it asks, and its exercises."""

import numpy as np
import optax

from ... import measure, models
from .. import quiz
from ..answers import numbers, told
from . import plans

quiz.read(__file__)


def accumulate(gradient, x, y, micro_batch):
    """Return the gradient of the mean loss over all samples, taken in pieces of at most micro_batch samples."""
    total = 0.0
    for start in range(0, len(x), micro_batch):
        x_piece, y_piece = x[start : start + micro_batch], y[start : start + micro_batch]
        total = total + len(x_piece) / len(x) * gradient(x_piece, y_piece)
    return total


def _gradient_at(w, most, case):
    """A function for the gradient of the mean of (x_i . w - y_i)^2 / 2, of at most so many samples."""

    def gradient(x, y):
        if np.ndim(x) != 2 or np.ndim(y) != 1 or len(x) != len(y):
            raise quiz.Wrong(
                f"`gradient` was called with shapes {np.shape(x)} and {np.shape(y)}. Give it rows of x and the same "
                "rows of y, such as x[a:b] and y[a:b]."
            )
        if len(x) == 0:
            raise quiz.Wrong("`gradient` was called with no samples at all. Stop at the last sample.")
        if len(x) > most:
            raise quiz.Wrong(
                f"{case}, `gradient` was asked for {len(x)} samples at once: that would not fit into the memory. "
                f"Never give it more than {most}."
            )
        return (x @ w - y) @ x / len(x)

    return gradient


def _wrong_ways(grads, sizes, most):
    """What comes out of typical mistakes, and what is said about each."""
    n, whole = sum(sizes), [grad for grad, size in zip(grads, sizes, strict=True) if size == most]
    return [
        (np.mean(grads, axis=0), "the last piece is smaller, and counts as much as the others. Weigh each piece by its "
         "share of the samples, or a few samples pull harder than the rest."),
        (np.sum(grads, axis=0), "this is the sum of the pieces' means: as many times too long as there are pieces. The "
         "learning rate would have to be that much smaller."),
        (np.sum(grads, axis=0) / n, "the pieces' means are added up, and divided by the number of samples. Each of "
         "them has been divided by its own samples already."),
        (np.dot(sizes, grads), "this is the sum over the samples. Divide by their number, once."),
        (np.sum(grads, axis=0) / most, "the sum of the pieces' means is divided by the size of a piece. Weigh each "
         "piece by its share of all samples."),
        (grads[-1], "this is the gradient of the last piece alone: each piece replaces the one before it. Add."),
        (grads[0], "this is the gradient of the first piece alone. Is `return` inside the loop?"),
        *((way, "the last piece, smaller than the others, is left out. Its samples belong to the batch.")
          for way in (np.mean(whole or grads, axis=0), np.sum(whole or grads, axis=0) * most / n)),
    ]  # fmt: skip


@quiz.register("07.accumulate", solution=accumulate)
def check_accumulate(answer):
    """Check `accumulate(gradient, x, y, micro_batch)`, which never may ask for more samples than a micro-batch.

    `gradient(x, y)` returns the gradient of the mean loss over the samples it is given, as an array.
    """
    rng = np.random.default_rng(7)
    for n, most in ((8, 4), (10, 4), (7, 3), (5, 1), (3, 8)):
        x, y, case = rng.normal(size=(n, 3)), rng.normal(size=n), f"with {n} samples in micro-batches of {most}"
        gradient = _gradient_at(rng.normal(size=3), most, case)
        result = quiz.filled_in(answer(gradient, x.copy(), y.copy(), most))
        pieces = [(x[start : start + most], y[start : start + most]) for start in range(0, n, most)]
        try:
            value = np.asarray(result, float)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{case} the result is {result!r}. Return the sum of the pieces, an array.") from None
        if value.shape != (3,):
            several = value.shape == (len(pieces), 3)
            more = "These are the gradients of the pieces: add them up." if several else "Return the sum of the pieces."
            raise quiz.Wrong(f"{case} the shape of the result is {value.shape}, and a gradient's is (3,). {more}")
        if not np.allclose(value, accumulate(gradient, x, y, most), rtol=1e-6, atol=1e-12):
            ways = _wrong_ways([gradient(*piece) for piece in pieces], [len(piece) for piece, _ in pieces], most)
            advice = "the gradients of the pieces, each times its share of the samples, add up to it."
            advice = told(value, ways, advice)
            raise quiz.Wrong(f"{case} the result is not the gradient of the mean over all {n}. Look: {advice}")


ADAM, BUDGET, IMAGES = optax.adam(0.001), 20e6, (models.mlp((784, 256, 10)), "classification", 784, 10)
LARGEST = """
import optax

step = bl.models.mlp((784, 256, 10)), "classification", 784, 10
reports = {size: ch07_devices.plan(optax.adam(0.001), size, step).total for size in (1024, 4096)}
constant, each = bl.measure.byte_law(reports)
answer = int((20e6 - constant) / each)
"""


@quiz.register("07.largest", solution=LARGEST.strip())
def check_largest(answer):
    """Check the largest batch of 784-256-10 that Adam can take within 20 MB, to 2 %, as this compiler plans it."""
    lacking = f"the answer is {answer!r}. Hand in one number of samples."
    value = numbers(answer, (), lacking)
    if not value >= 1:  # or NaN
        raise quiz.Wrong(lacking)
    copy = plans.parameter_bytes(IMAGES)
    constant, each = measure.byte_law({size: plans.plan(ADAM, size, IMAGES).total for size in (1024, 4096)})
    right = (BUDGET - constant) / each
    if 0.98 * right <= value <= 1.002 * right:
        return
    for wrong, advice in (
        (BUDGET / each, "the constant is missing: it takes its part of the budget before the first sample comes."),
        ((BUDGET - 2 * copy) / each, "this is SGD's constant. Adam keeps two numbers for each parameter, old and new."),
        ((BUDGET - 3 * copy) / each, "this counts parameters and state once. Old and new ones exist at the same time."),
        (BUDGET / (4 * 794), "this counts the images and their labels. Their activations take more room."),
        (BUDGET / plans.plan(ADAM, 1, IMAGES).total, "this takes every sample for as dear as B = 1. The "
         "parameters are there only once."),
        (measure.largest_batch({size: measure.step_bytes(*plans.STEP, size).total for size in (1024, 4096)}, BUDGET),
         "this is the chapter's network. The exercise has larger images."),
    ):  # fmt: skip
        if abs(value - wrong) < max(0.02 * wrong, 1):
            raise quiz.Wrong(f"{value:,.0f} is not it: {advice}")
    side = "does not fit" if value > right else "leaves room"
    raise quiz.Wrong(f"a batch of {value:,.0f} {side}. Ask `plan` at two large sizes, and draw the line through them.")
