"""What a reader can set. Each control is a checked trait of its live picture in Python, and a native input on the page.

    class NoiseLab(Live):
        dataset = Menu("dataset", ["noisy sine", "digits"])
        batch_size = Whole("batch size", 1, lambda lab: lab.n, 16, log=True)

        @press("reset", tip="all controls back")
        def reset(self): ...

Whatever a control takes beside its default - limits, remedy, hint, tip, hidden, disabled, label - may be a function of
the lab, since it may depend on the data; it is asked anew for every frame.
"""

import math
import numbers

import traitlets

from ..checks import check_integer, check_number

ERRORS = (ValueError, TypeError)  # whose words are written for the reader


class Control(traitlets.TraitType):
    """A trait that the page shows as a control.

    Args:
        label: its accessible name.
        default: where it begins; a box to tick is off, a line of text empty.
        hint: a few words behind a number, or in a line of text that is empty.
        tip: what a mouse that rests on it reads.
        hidden, disabled: whether it is left out, or shown but off.
        looks: what only one kind of control has.
    """

    kind = ""

    def __init__(self, label, default=traitlets.Undefined, *, hint="", tip="", hidden=False, disabled=False, **looks):
        super().__init__(default)
        self.looks = {"label": label, "hint": hint, "tip": tip, "hidden": hidden, "disabled": disabled, **looks}

    @property
    def label(self):
        """Its label; its name, where the label changes."""
        return self.name if callable(self.looks["label"]) else self.looks["label"]

    def look(self, lab, name):
        """One of the looks now; what is to be chosen from is a list."""
        value = self.looks[name]
        value = value(lab) if callable(value) else value
        return list(value) if name in ("options", "steps") else value

    def along(self, lab, count):
        """About so many of its values, from one end to the other."""
        raise TypeError(f"{self.look(lab, 'label')} has no positions.")

    def row(self, lab):
        """What the page needs to know of the control now; what is empty is left out."""
        looks = {name: self.look(lab, name) for name in self.looks if name != "remedy"}
        said = {name: look for name, look in looks.items() if look is not None and look is not False and look != ""}
        return {"kind": self.kind, "name": self.name, **said}


class Number(Control):
    """A number from `low` to `high` on a slider, or typed.

    Args:
        low, high: what is allowed.
        log: spread the small ones; from low = 0 on by log(1 + x).
        slider: (low, high) of the slider where that is less than what can be typed.
        low_allowed: whether `low` itself is allowed.
        remedy: what to do, for the error.
    """

    kind = "number"

    def __init__(self, label, low, high, default, *, log=False, slider=None, low_allowed=True, remedy="", **looks):
        super().__init__(label, default, low=low, high=high, log=log, slider=slider, remedy=remedy, **looks)
        self._low_allowed = low_allowed

    def validate(self, lab, value):
        """The value as a float in its range, or an error in words."""
        label, low, high, remedy = (self.look(lab, name) for name in ("label", "low", "high", "remedy"))
        return check_number(label, value, low, high, low_allowed=self._low_allowed, remedy=remedy)

    def along(self, lab, count):
        """Numbers at equal distances on the slider, the present one among them."""
        row, now = self.row(lab), getattr(lab, self.name)
        low, high, log = row["low"], row["high"], row.get("log")
        to, back = (math.log1p, math.expm1) if log and low == 0 else (math.log, math.exp) if log else (float, float)
        places = [back(to(low) + (to(high) - to(low)) * i / max(count - 1, 1)) for i in range(count)]
        return sorted({now, *(self.validate(lab, min(max(self._rounded(p), low), high)) for p in places)})

    def _rounded(self, number):
        return float(f"{number:.3g}")

    def row(self, lab):
        """The limits in the row are the slider's; JSON has no infinity."""
        row, value = super().row(lab), getattr(lab, self.name)
        low, high = row.pop("slider", None) or (row["low"], row["high"])
        return row | {"low": min(low, value), "high": max(high, value)}


class Whole(Number):
    """A whole number; the arrow keys go from one to the next, on a logarithmic slider too.

    With `digits=2` the slider and its keys stop at numbers of two digits, 1,200,000; any can be typed.
    """

    kind = "whole"

    def _rounded(self, number):
        return round(number)

    def validate(self, lab, value):
        """The value as an int in its range, or an error in words."""
        label, low, high, remedy = (self.look(lab, name) for name in ("label", "low", "high", "remedy"))
        return check_integer(label, value, low, high, remedy)


class Steps(Control):
    """One of a list of numbers, increasing: an arrow key goes to the next, a typed one becomes the nearest by ratio.

    What lies outside of them by more than a step is refused, with `remedy` in the error.
    """

    kind = "steps"

    def __init__(self, label, steps, default, *, remedy="The nearest of its steps is taken.", **looks):
        super().__init__(label, default, steps=steps, remedy=remedy, **looks)

    def validate(self, lab, value):
        """The nearest of the numbers, or an error in words."""
        steps = [float(step) if isinstance(step, float) else int(step) for step in self.look(lab, "steps")]
        low, high = steps[0], steps[-1]
        if isinstance(value, numbers.Real) and _outside(steps) <= value <= _outside(steps[::-1]):
            value = min(max(value, low), high)
        check_number(self.look(lab, "label"), value, low, high, remedy=self.look(lab, "remedy"))
        return min(steps, key=lambda step: abs(math.log(step / value)) if min(step, value) > 0 else abs(step - value))

    def along(self, lab, count):
        """Steps at equal distances in the list."""
        steps = self.look(lab, "steps")
        return [steps[i] for i in sorted({round(i * (len(steps) - 1) / max(count - 1, 1)) for i in range(count)})]


def _outside(steps):
    """The number that lies as far outside of the first step as the second lies inside, by ratio where that can be."""
    end, inner = steps[0], steps[min(1, len(steps) - 1)]
    return end * end / inner if min(end, inner) > 0 else 2 * end - inner


class Menu(Control):
    """One of a few names."""

    kind = "menu"

    def __init__(self, label, options, default="", **looks):
        first = "" if callable(options) else next(iter(options))
        super().__init__(label, default or first, options=options, **looks)

    def validate(self, lab, value):
        """The name, or an error that lists them all."""
        options = self.look(lab, "options")
        if value not in options:
            raise ValueError(f"there is no {self.look(lab, 'label')} {value!r}; choose one of {', '.join(options)}.")
        return value

    def along(self, lab, count):
        """All of its names."""
        return self.look(lab, "options")


class Tick(Control):
    """A box to tick."""

    kind, default_value = "tick", False

    def validate(self, lab, value):
        """True or False."""
        if not isinstance(value, bool):
            raise TypeError(f"{self.look(lab, 'label')} is {value!r}; it must be True or False.")
        return value

    def along(self, lab, count):
        """Off and on."""
        return [False, True]


class Words(Control):
    """A line of text."""

    kind, default_value = "words", ""

    def validate(self, lab, value):
        """The text without spaces at its ends; a number that was typed is text here."""
        return str(value).strip()


class Press(Control):
    """A button; see `press`. Its value counts how often it was pressed, and calling it from Python presses it."""

    kind = "press"

    def __init__(self, label, action, **looks):
        super().__init__(label, 0, **looks)
        self.action = action
        self.__doc__ = action.__doc__

    def __get__(self, lab, cls=None):
        """The action, to be called from Python."""
        return self if lab is None else lambda: lab.pressed(self)


def press(label, **looks):
    """Make a button of a method: `@press("keep", tip="keep these curves to compare with")`."""
    return lambda action: Press(label, action, **looks)
