"""Chapter 6, reach the same accuracy: what it asks, and its exercises."""

import math

from .. import quiz
from ..answers import numbers, told

quiz.read(__file__)


def quickest(noise_scale, saturation):
    """Return the batch size that reaches the target in the fewest seconds."""
    return (noise_scale * saturation) ** 0.5


def typical_mistakes(noise, knee):
    """What comes out of each, with the name under which the text file has its advice."""
    return (
        (noise, "noise scale"),
        (knee, "knee"),
        (noise * knee, "product"),
        ((noise + knee) / 2, "mean"),
        (noise + knee, "sum"),
        (math.sqrt(knee / noise), "root of a ratio"),
        (math.sqrt(noise / knee), "root of the other ratio"),
        (2 * noise * knee / (noise + knee), "harmonic mean"),
    )


@quiz.register("06.quickest", solution=quickest)
def check_quickest(answer):
    """Check `quickest(noise_scale, saturation)`: the batch size of the fewest seconds to the target."""
    for noise, knee in ((100.0, 400.0), (90.0, 10.0), (50.0, 50.0), (5.0, 2000.0)):
        result = answer(noise, knee)
        case = f"for a noise scale of {noise:g} and a knee at {knee:g} it returned"
        value = numbers(result, (), quiz.wrong("06.quickest", "no number", case=case, result=result))
        if not math.isclose(value, quickest(noise, knee), rel_tol=0.01, abs_tol=0.5):
            advice = quiz.wrong("06.quickest", told(value, typical_mistakes(noise, knee), "another"))
            raise quiz.wrong("06.quickest", "not the fewest", case=case, value=value, advice=advice)


# What the solution's race gave on draws of the data from 0 to 3, and room on both sides.
AT_FIXED, AT_BEST = (5.0, 16.0), (1.8, 7.0)


@quiz.register("06.adam")
def check_adam(answer):
    """Check (at the fixed rate, at the best rates): how many times the epochs of B = 16 Adam needs at B = 256."""
    fixed, best = numbers(answer, (2,), quiz.wrong("06.adam", "no pair", answer=answer))
    for value, which in ((fixed, "first"), (best, "second")):
        if not value < math.inf:
            raise quiz.wrong("06.adam", "not arrived", which=which, value=value)
        if value < 1:
            raise quiz.wrong("06.adam", "below 1", which=which, value=value)
    if fixed < best:
        raise quiz.wrong("06.adam", "swapped")
    if not AT_FIXED[0] <= fixed <= AT_FIXED[1]:
        raise quiz.wrong("06.adam", "as SGD" if 16 < fixed < 28 else "another race", fixed=fixed)
    if not AT_BEST[0] <= best <= AT_BEST[1]:
        raise quiz.wrong("06.adam", "not the best rates", best=best)
