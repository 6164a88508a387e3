"""Chapter 8, go by the sign: what it asks, and its exercise."""

import functools
import inspect

import numpy as np

from ...descent import fit
from .. import quiz
from ..answers import told
from .rules import one_in_ten, rprop

quiz.read(__file__)


def rprop_step(gradient, before, step):
    """Return the change of the weights, the signs to remember, and the new steps."""
    sign = np.sign(gradient)
    same, changed = sign * before > 0, sign * before < 0
    step = np.where(same, np.minimum(1.2 * step, 50.0), step)
    step = np.where(changed, np.maximum(0.5 * step, 1e-6), step)
    sign = np.where(changed, 0.0, sign)
    return -step * sign, sign, step


# A typical mistake, by the name under which the text file has its advice: these pieces of the solution, written so.
MISTAKES = {
    "size": {"-step * sign, ": "-step * gradient * (sign != 0), "},
    "swapped": {"1.2 * step": "0.5 * step", "0.5 * step, 1e-6": "1.2 * step, 1e-6"},
    "1 / 1.2": {"0.5 * step": "step / 1.2"},
    "no limits": {"np.minimum(1.2 * step, 50.0)": "1.2 * step", "np.maximum(0.5 * step, 1e-6)": "0.5 * step"},
    "no upper limit": {"np.minimum(1.2 * step, 50.0)": "1.2 * step"},
    "no lower limit": {"np.maximum(0.5 * step, 1e-6)": "0.5 * step"},
    "uphill": {"-step * sign, ": "step * sign, "},
    "late": {"sign = np.sign(gradient)": "sign, old = np.sign(gradient), step", "-step * sign, ": "-old * sign, "},
    "no wait": {"np.where(changed, 0.0, sign)": "sign"},
    "half a wait": {"-step * sign, ": "-step * np.sign(gradient), "},
    "no forgetting": {"sign, step\n": "np.sign(gradient), step\n"},
    "old sign": {"sign, step\n": "before, step\n"},
    "always grows": {"before > 0, sign * before < 0": "before > -2, sign * before < -2"},
    "never shrinks": {"before < 0": "before < -2"},
    "grows first": {"before > 0": "before >= 0"},
    "shrinks first": {"before < 0": "before <= 0"},
    "zero is a change": {"sign * before < 0": "(sign != before) & (before != 0)"},
    "one step for all": {
        "sign * before > 0": "np.full(len(step), np.sum(sign * before) > 0)",
        "sign * before < 0": "np.full(len(step), np.sum(sign * before) < 0)",
    },
}


def mistaken(pieces):
    """`rprop_step` with pieces of it written otherwise: {piece: what stands there instead}."""
    code, made = inspect.getsource(rprop_step), {"np": np}
    for piece, instead in pieces.items():
        code = code.replace(piece, instead)
    exec(code, made)
    return made["rprop_step"]


# Twelve weights at once: all cases, and both limits.
WEIGHTS = {
    "gradient": np.array([0.3, 0.02, -4.0, -0.5, 0.01, -0.7, 0.6, 0.0, 0.0, 2.0, -0.09, 5.0]),
    "before": np.array([1.0, -1.0, -1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 1.0, 1.0]),
    "step": np.array([0.1, 0.2, 0.01, 0.04, 0.1, 0.03, 49.0, 0.5, 0.7, 1.5e-6, 0.043, 0.001]),
}
PARTS = "the change", "the signs to remember", "the new steps"


def as_rows(result):
    """A result as one array, a row a part: (3, 12). What is remembered may be gradients in place of signs."""
    change, remembered, step = (np.asarray(part, float) for part in result)
    return np.array([change, np.sign(remembered), step])


@quiz.register("08.rprop_step", solution=rprop_step)
def check_rprop_step(answer):
    """Check `rprop_step(gradient, before, step)` on the twelve weights.

    All are arrays of one entry a weight. It returns the change, the signs to remember and the new steps.
    """
    result = answer(*(array.copy() for array in WEIGHTS.values()))
    quiz.filled_in(tuple(result) if isinstance(result, list) else result)
    if not isinstance(result, tuple | list) or len(result) != 3:
        raise quiz.wrong("08.rprop_step", "three arrays")
    for name, part in zip(PARTS, result, strict=True):
        if np.shape(part) != (12,):
            raise quiz.wrong("08.rprop_step", "shape", name=name, shape=np.shape(part))
    found, right = as_rows(result), as_rows(rprop_step(**WEIGHTS))
    same = np.isclose(found, right, rtol=1e-6, atol=1e-12)
    if not same.all():
        mistakes = ((as_rows(mistaken(pieces)(**WEIGHTS)), name) for name, pieces in MISTAKES.items())
        advice = quiz.wrong("08.rprop_step", told(found, mistakes, "another"))
        part, at = np.argwhere(~same)[0]
        case = {name: array[at] for name, array in WEIGHTS.items()} | {"name": PARTS[part], "advice": advice}
        raise quiz.wrong("08.rprop_step", "look", **case, right=right[part, at], found=found[part, at])


FIRST_STEPS, GOOD = tuple(10.0**power for power in range(-6, 3)), 0.1


@functools.cache
def last_loss(first_step):
    """The training loss of Rprop after 200 epochs of full batches on `one_in_ten`, the median of ten seeds."""
    settings = {"hidden": (8,), "batch_size": 100, "num_epochs": 200, "seeds": 10}
    return float(np.median(fit(one_in_ten(), optimizer=rprop, learning_rate=first_step, **settings).train_loss[:, -1]))


@quiz.register("08.first_step")
def check_first_step(answer):
    """Check a list of first steps: those of FIRST_STEPS with which Rprop ends below GOOD."""
    try:
        given = [float(step) for step in answer]
    except (TypeError, ValueError):
        raise quiz.wrong("08.first_step", "no list", answer=answer) from None
    if not given:
        raise quiz.wrong("08.first_step", "empty")
    for step in given:
        if not np.isclose(step, FIRST_STEPS, rtol=1e-3, atol=0).any():
            raise quiz.wrong("08.first_step", "odd", odd=step)
    for step in FIRST_STEPS:
        loss, is_given = last_loss(step), np.isclose(step, given, rtol=1e-3, atol=0).any()
        if is_given and loss >= GOOD:
            raise quiz.wrong("08.first_step", "too long", step=step, loss=loss, good=GOOD)
        if not is_given and loss < GOOD:
            raise quiz.wrong("08.first_step", "shorter" if step < min(given) else "left out", step=step)
