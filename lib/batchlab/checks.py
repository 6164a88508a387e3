"""A setting, checked in words: what was given, what is allowed, and what to do."""

import math
import numbers

import numpy as np


def check_integer(name, value, low, high=None, remedy=""):
    """Return value as an int, or raise with the value, the allowed range and the remedy."""
    allowed = f"a whole number from {low} to {high}" if high is not None else f"a whole number, {low} or more"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {value!r}; it must be {allowed}. {remedy}".strip())
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} is {value}; it must be {allowed}. {remedy}".strip())
    return int(value)


def check_number(name, value, low, high=math.inf, *, low_allowed=True, remedy=""):
    """Return value as a float, or raise with the value, the allowed range and the remedy."""
    if math.isinf(high):
        allowed = f"a finite number, {low} or more" if low_allowed else f"a finite number, above {low}"
    else:
        allowed = f"a number from {low} to {high:,.15g}" if low_allowed else f"a number above {low}, up to {high:,.15g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}; it must be {allowed}. {remedy}".strip())
    single = in_single_precision(value)  # what is computed with: 1e-50 would be 0, 1e50 infinite
    within = low <= value <= high and (value > low or low_allowed)
    if not within or not math.isfinite(single) or (single == low and not low_allowed):
        rounded = ", also in single precision" if within and abs(value) != math.inf else ""
        raise ValueError(f"{name} is {value}; it must be {allowed}{rounded}. {remedy}".strip())
    return float(value)


def in_single_precision(value):
    """The value as a 32-bit number, infinite where it is too large."""
    try:
        with np.errstate(over="ignore", under="ignore"):
            return float(np.float32(value))
    except OverflowError:
        return math.inf
