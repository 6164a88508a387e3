"""Where a live picture trains: on the device that answers sooner for its model, or on that which the reader chooses."""

import contextlib
import functools

import jax

from ..live import Live, Menu
from ..measure import devices
from ..pieces import device_of

QUICKER = "the quicker one"


def device_menu():
    """The control: the quicker kind of device, or one of those that there are; hidden where there is one."""
    one = {"hidden": lambda lab: len(devices.kinds_of_device()) == 1, "tip": "where it is trained"}
    return Menu("device", lambda lab: lab.places(), QUICKER, **one)


class Placed(Live):
    """A live picture whose slices of work run on a device that it chooses.

    A subclass marks its work with `on_device` and has a control `device`, a `device_menu`. Where the process has one
    kind of device the menu is hidden, nothing is timed, and JAX's default stays what it is.
    """

    placed = None  # (kind of device, {kind: seconds of the updates that were timed}); None where there is one kind

    def places(self):
        """What the menu offers."""
        return [QUICKER, *devices.kinds_of_device()]

    def trained(self):
        """The problem that is trained, and the settings of `fit` that say what is compiled for it."""
        raise NotImplementedError

    def there(self):
        """A block in which JAX's default device is the one that was chosen: `with self.there(): ...`."""
        kinds = devices.kinds_of_device()
        if len(kinds) == 1:
            return contextlib.nullcontext()
        problem, settings = self.trained()
        chosen, times = devices.quickest(problem, **settings) if self.device == QUICKER else (self.device, {})
        self.placed = chosen, times
        if self.device == QUICKER and not times:  # the reader has placed the samples, or set a default of JAX
            return contextlib.nullcontext()
        return jax.default_device(kinds[chosen])

    def place_said(self):
        """Facts: where it is trained, and why there; none where there is one kind of device."""
        if self.placed is None:
            return []
        name, times = self.placed
        each = [f"{1e6 * seconds / devices.SAMPLES:,.0f} µs on the {kind}" for kind, seconds in times.items()]
        return [f"trained on the {name}", *([f"an update at B = 1: {', '.join(each)}"] if each else [])]


def on_device(work):
    """Have every slice of a `Placed` picture's work run where `there` says."""

    @functools.wraps(work)
    def placed(lab):
        slices, end = work(lab), object()
        while True:
            with lab.there():
                pause = next(slices, end)
            if pause is end:
                return
            yield pause

    return placed


def in_place(run):
    """Whether a run is where it would be trained now, asked in a slice of work; one on several devices stays there."""
    return run.device in (None, device_of(run.problem))
