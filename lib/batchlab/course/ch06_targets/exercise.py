"""Chapter 6, reach the same accuracy: what it asks, and its exercises."""

import math

from .. import quiz

quiz.read(__file__)


def quickest(noise_scale, saturation):
    """Return the batch size that reaches the target in the fewest seconds."""
    return (noise_scale * saturation) ** 0.5


def _wrong_ways(noise, knee):
    """What comes out of typical mistakes, and what is said about each."""
    return [
        (noise, "this is the noise scale: a fair bargain of iterations against samples, but not of seconds."),
        (knee, "this is the knee, where a step begins to cost more. How many steps does it take there?"),
        (noise * knee, "this is their product, in samples squared. Is there a root to take?"),
        ((noise + knee) / 2, "this is the mean of the two. Write down the seconds as a function of B, and derive."),
        (noise + knee, "this is the sum. Multiply the two brackets: only two of the four terms depend on B."),
        (math.sqrt(knee / noise), "this is the root of a ratio, a number without a unit; B counts samples."),
        (math.sqrt(noise / knee), "this is the root of a ratio; a ratio has no unit, a batch is a number of samples."),
        (2 * noise * knee / (noise + knee), "this is the harmonic mean. Where does B/knee + noise/B have slope 0?"),
    ]  # fmt: skip


@quiz.register("06.quickest", solution=quickest)
def check_quickest(answer):
    """Check `quickest(noise_scale, saturation)`: the batch size of the fewest seconds to the target."""
    for noise, knee in ((100.0, 400.0), (90.0, 10.0), (50.0, 50.0), (5.0, 2000.0)):
        result = quiz.filled_in(answer(noise, knee))
        case = f"for a noise scale of {noise:g} and a knee at {knee:g} it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{case} {result!r}. Return one number of samples.") from None
        right = quickest(noise, knee)
        if math.isclose(value, right, rel_tol=0.01, abs_tol=0.5):
            continue
        told = [advice for wrong, advice in _wrong_ways(noise, knee) if math.isclose(value, wrong, rel_tol=1e-6)]
        advice = told[0] if told else "at the right B the seconds of neighbouring batch sizes are higher on both sides."
        raise quiz.Wrong(f"{case} {value:.4g}; there the seconds are not the fewest. Look: {advice}")


# What the solution's race gave on draws of the data from 0 to 3, and room on both sides.
AT_FIXED, AT_BEST = (5.0, 16.0), (1.8, 7.0)


ADAM = """
import optax

race = bl.measure.sweep(ch06_targets.digits(), optimizer=optax.adam, batch_sizes=[16, 256],
                        learning_rates=[0.008, 0.016, 0.032, 0.064, 0.128], num_epochs=[8, 60], seeds=4,
                        target={"val_accuracy": 0.94}, checks=16, hidden=(32,))
at_fixed = np.median(race.epochs_to_target[:, 0], axis=1)
at_best = np.median(race.epochs_to_target, axis=2).min(axis=1)
answer = at_fixed[1] / at_fixed[0], at_best[1] / at_best[0]
"""


@quiz.register("06.adam", solution=ADAM.strip())
def check_adam(answer):
    """Check (at the fixed rate, at the best rates): how many times the epochs of B = 16 Adam needs at B = 256."""
    quiz.filled_in(answer)
    try:
        fixed, best = (float(number) for number in answer)
    except (TypeError, ValueError):
        raise quiz.Wrong(f"the answer is {answer!r}. Hand in two numbers: at the fixed rate, at the best.") from None
    for value, what in ((fixed, "first"), (best, "second")):
        if not 0 < value < math.inf:
            raise quiz.Wrong(
                f"the {what} number is {value:g}. A median is infinite if half of the runs do not arrive: give them "
                "more epochs."
            )
        if value < 1:
            raise quiz.Wrong(
                f"the {what} number is {value:.3g}, below 1. Divide the epochs of B = 256 by those of B = 16, and take "
                "epochs, not iterations."
            )
    if fixed < best:
        raise quiz.Wrong(
            "the first number, at the fixed rate, is the smaller one. Are the two in the right order? The fixed rate "
            "suits small batches."
        )
    if not AT_FIXED[0] <= fixed <= AT_FIXED[1]:
        sgd = " This is what SGD gives: pass optimizer=optax.adam." if 16 < fixed < 28 else ""
        raise quiz.Wrong(
            f"at the fixed rate 0.008 you found {fixed:.3g} times the epochs; Adam's race gives another number.{sgd} "
            "Are both batch sizes at 0.008, and medians over the seeds?"
        )
    if not AT_BEST[0] <= best <= AT_BEST[1]:
        raise quiz.Wrong(
            f"with the best rates you found {best:.3g} times the epochs. Take for each batch size the rate of its "
            "lowest median, and let the rates reach from 0.008 to 0.128."
        )
