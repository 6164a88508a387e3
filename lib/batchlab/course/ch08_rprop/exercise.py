"""Chapter 8, go by the sign: what it asks, and its exercise."""

import functools

import numpy as np

from ...descent import fit
from .. import quiz
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


def _variant(gradient, before, step, grow=1.2, shrink=0.5, most=50.0, least=1e-6, mistake=None):
    """The same with a mistake in it."""
    sign = np.sign(gradient)
    agree = sign * before
    same, changed = agree > 0, agree < 0
    if mistake == "always grows":
        same, changed = agree > -2, agree < -2
    if mistake == "never shrinks":
        changed = agree < -2
    if mistake == "grows first":
        same = agree >= 0
    if mistake == "shrinks first":
        changed = agree <= 0
    if mistake == "zero is a change":
        changed = (sign != before) & (before != 0)
    if mistake == "one step for all":
        same, changed = np.full(agree.shape, agree.sum() > 0), np.full(agree.shape, agree.sum() < 0)
    new = np.where(changed, np.maximum(shrink * step, least), np.where(same, np.minimum(grow * step, most), step))
    kept = np.where(changed, 0.0, sign)
    change = -new * kept
    if mistake == "size":
        change = -new * np.where(changed, 0.0, gradient)
    if mistake == "late":
        change = -step * kept
    if mistake == "uphill":
        change = new * kept
    if mistake == "no wait":
        change, kept = -new * sign, sign
    if mistake == "half a wait":
        change = -new * sign
    if mistake == "no forgetting":
        kept = sign
    if mistake == "old sign":
        kept = before
    return change, kept, new


_WAYS = (
    ({"mistake": "size"}, "the change has the size of the gradient in it. Only its sign may count: -step * sign."),
    ({"grow": 0.5, "shrink": 1.2}, "the factors are swapped: 1.2 where the sign is the same, 0.5 where it changed."),
    ({"grow": 1.2, "shrink": 1 / 1.2}, "a step shrinks by 0.5, not by 1 / 1.2."),
    ({"most": np.inf, "least": 0.0}, "the steps have no limits. They stay between 1e-6 and 50."),
    ({"most": np.inf}, "a step has grown beyond 50, the upper limit."),
    ({"least": 0.0}, "a step has shrunk below 1e-6, the lower limit."),
    ({"mistake": "uphill"}, "the weights go uphill: the change is minus the step times the sign."),
    ({"mistake": "late"}, "the change is made with the old step. Resize the step first, then go."),
    ({"mistake": "no wait"}, "where the sign has changed the weight must wait: no change, and 0 to remember. (A step "
     "there, halved, is a rule of its own, called Rprop-.)"),
    ({"mistake": "half a wait"}, "where the sign has changed the weight still moves. It must wait for one iteration."),
    ({"mistake": "no forgetting"}, "where the sign has changed, remember 0, or the next step is resized once more."),
    ({"mistake": "old sign"}, "the signs to remember are the old ones: the next call would compare with the wrong "
     "gradient. Remember those of this one."),
    ({"mistake": "always grows"}, "every step grows. Compare the sign with the one before."),
    ({"mistake": "never shrinks"}, "no step ever shrinks. Where the sign has changed it is halved."),
    ({"mistake": "grows first"}, "a step has grown though nothing was remembered (0): then it stays as it is."),
    ({"mistake": "shrinks first"}, "a step has shrunk though nothing was remembered (0): then it stays as it is."),
    ({"mistake": "zero is a change"}, "a gradient of 0 is taken for a change of sign. The sign has changed where both "
     "are opposite: sign * before < 0."),
    ({"mistake": "one step for all"}, "all steps grew or shrank together. Each weight decides for itself."),
)  # fmt: skip

_GRADIENTS = np.array([0.3, 0.02, -4.0, -0.5, 0.01, -0.7, 0.6, 0.0, 0.0, 2.0, -0.09, 5.0])
_BEFORE = np.array([1.0, -1.0, -1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 1.0, 1.0])
_STEPS = np.array([0.1, 0.2, 0.01, 0.04, 0.1, 0.03, 49.0, 0.5, 0.7, 1.5e-6, 0.043, 0.001])


def _alike(result, right):
    """Whether two results are the same; what is remembered may be gradients in place of their signs."""
    pairs = zip((result[0], np.sign(result[1]), result[2]), (right[0], np.sign(right[1]), right[2]), strict=True)
    return all(np.allclose(one, other, rtol=1e-6, atol=1e-12) for one, other in pairs)


@quiz.register("08.rprop_step", solution=rprop_step)
def check_rprop_step(answer):
    """Check `rprop_step(gradient, before, step)` on twelve weights at once: all cases, and both limits.

    All are arrays of one entry a weight. It returns the change, the signs to remember and the new steps.
    """
    result = quiz.filled_in(answer(_GRADIENTS.copy(), _BEFORE.copy(), _STEPS.copy()))
    if not isinstance(result, tuple | list) or len(result) != 3:
        raise quiz.Wrong("return three arrays: the change of the weights, the signs to remember, the new steps.")
    quiz.filled_in(tuple(result))
    names = "the change", "the signs to remember", "the new steps"
    for name, part in zip(names, result, strict=True):
        if np.shape(part) != _GRADIENTS.shape:
            raise quiz.Wrong(
                f"{name} has shape {np.shape(part)}; there are {len(_GRADIENTS)} weights, and each has an entry."
            )
    result = [np.asarray(part, np.float64) for part in result]
    right = rprop_step(_GRADIENTS, _BEFORE, _STEPS)
    if _alike(result, right):
        return
    told = [advice for way, advice in _WAYS if _alike(result, _variant(_GRADIENTS, _BEFORE, _STEPS, **way))]
    parts = zip(names, (result[0], np.sign(result[1]), result[2]), right, strict=True)
    name, at = next(
        (name, int(np.argmin(np.isclose(mine, true, rtol=1e-6, atol=1e-12))))
        for name, mine, true in parts
        if not np.allclose(mine, true, rtol=1e-6, atol=1e-12)
    )
    where = names.index(name)
    case = (
        f"for gradient {_GRADIENTS[at]:g}, remembered sign {_BEFORE[at]:g} and step {_STEPS[at]:g}, {name} should be "
    )
    case += f"{right[where][at]:.4g}; it is {result[where][at]:.4g}."
    advice = told[0] if told else "take the three cases one by one: same sign, changed sign, nothing remembered."
    raise quiz.Wrong(f"{case} Look: {advice}")


FIRST_STEPS, GOOD = tuple(10.0**power for power in range(-6, 3)), 0.1


@functools.cache
def last_loss(first_step):
    """The training loss of Rprop after 200 epochs of full batches on `one_in_ten`, the median of ten seeds."""
    settings = {"hidden": (8,), "batch_size": 100, "num_epochs": 200, "seeds": 10}
    return float(np.median(fit(one_in_ten(), optimizer=rprop, learning_rate=first_step, **settings).train_loss[:, -1]))


@quiz.register(
    "08.first_step",
    solution="""
for first_step in 10.0 ** np.arange(-6, 3):
    run = bl.fit(problem, optimizer=ch08_rprop.rprop, learning_rate=first_step, **settings)
    print(first_step, np.median(run.train_loss[:, -1]))
# Seven powers of ten do: steps that are too short grow in a few epochs. Only 10 and 100 are too long.
good_steps = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1]
""",
)
def check_first_step(answer):
    """Check a list of first steps: those of FIRST_STEPS with which Rprop ends below GOOD."""
    try:
        given = {min(FIRST_STEPS, key=lambda step: abs(np.log(step / float(one)))) for one in answer if float(one) > 0}
        odd = [one for one in answer if not any(np.isclose(float(one), step, rtol=1e-3) for step in FIRST_STEPS)]
    except (TypeError, ValueError):
        raise quiz.Wrong(f"hand in a list of numbers, such as [0.01, 0.1]; it is {answer!r}.") from None
    if odd:
        raise quiz.Wrong(f"{odd[0]!r} is not one of the nine first steps from 1e-6 to 100. Hand in steps, not powers.")
    if not given:
        raise quiz.Wrong("the list is empty; at least 0.01, the first step of this chapter, ends below 0.1.")
    for step in FIRST_STEPS:
        loss = last_loss(step)
        if step in given and loss >= GOOD:
            raise quiz.Wrong(f"with a first step of {step:g} the loss ends at {loss:.2g}, not below {GOOD}: too long a "
                             "step throws the weights far away before it is halved often enough.")  # fmt: skip
        if step not in given and loss < GOOD and step < min(given):
            raise quiz.Wrong(
                f"shorter first steps do as well. Try {step:g}: how long does a step take to grow tenfold?"
            )
        if step not in given and loss < GOOD:
            raise quiz.Wrong(f"a first step of {step:g} does as well, and is not in the list. Have you measured it?")
