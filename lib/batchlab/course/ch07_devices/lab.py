"""The live picture of memory and throughput: bytes of a step, and samples a second, against batch size."""

import jax
import numpy as np

from ... import measure
from ...live import Live, Menu, Whole, columns
from ...measure import devices
from ...pieces import device_of
from ..placing import device_menu
from ..plots import narrow, note
from . import views
from .plans import STEP
from .views import in_bytes

TIMED = (1, 4, 16, 64, 256, 1024, 4096, 16384)  # batch sizes that are timed
ASKED = (*TIMED, 1_000_000, 50_000_000)  # batch sizes whose bytes the compiler is asked for
PIECES = (64, 256, 1024)  # micro-batches to choose from
MICRO_BATCHES = {"none: the whole batch": None, **{f"of {size} samples": size for size in PIECES}}
REPEATS = 9
MOST = ASKED[-1]


class StepLab(Live):
    """What one step of training takes, in bytes and in time, at any batch size; and whether it fits into a memory.

    On the left the bytes as the compiler plans them, on the right samples a second as timed here. A step is one update
    of a perceptron 64-128-10, as for the digits. Everything is compiled and timed once for a device; a slider looks up.

    Args:
        batch_size, samples: where the picture starts; the dataset is a number of samples, none of which exist.
        budget: of memory, in megabytes.
        measured: another `StepLab`, whose measurements are taken over; None measures.
        pieces: whether micro-batches can be chosen.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.
        settings: where the other controls begin: micro_batches, device.

    >>> lab = StepLab(batch_size=256, samples=1_000_000)
    >>> lab.words()[:48]
    'batch size 256, 1,000,000 samples: a step takes '
    """

    recorded = (("micro_batches", 5), ("batch_size", 12), ("samples", 16))
    size, narrow_height = (9.0, 3.8), 7.0
    batch_size = Whole(
        "batch size",
        1,
        lambda lab: lab.samples,
        256,
        log=True,
        remedy=lambda lab: f"{lab.samples} are all samples: full batch.",
    )
    samples = Whole("samples N", 10, MOST, 1_000_000, log=True, digits=2, remedy="The picture ends there.")
    budget = Whole("budget", 1, 100_000, 1000, log=True, digits=2, hint="MB of memory", remedy="It is in megabytes.")
    micro_batches = Menu("micro-batches", MICRO_BATCHES, hidden=lambda lab: not lab.pieces)
    device = device_menu()

    def __init__(self, batch_size=256, samples=1_000_000, budget=1000, *, measured=None, pieces=True, **settings):
        self.devices, self.pieces = devices.kinds_of_device(), pieces
        self._known = {} if measured is None else measured.wait()._known  # device -> what is known of it
        self.measured_on = None  # the device that is shown
        self.samples = samples  # the batch size is checked against it
        begin = {"batch_size": batch_size, "budget": budget, "device": device_of().platform.upper()}
        super().__init__(**begin | settings)

    def places(self):
        """Each kind: here they are compared, so none is chosen for the reader."""
        return list(self.devices)

    def begin(self, changed):
        """A batch is at most as large as the dataset."""
        self.batch_size = min(self.batch_size, self.samples)
        if "locked" in changed:
            self.redraw()

    def work(self):
        """Compile and time what has not been for this device, slice by slice; then there is nothing left to do."""
        name = self.device
        known = self._known.setdefault(name, {"bytes": {}, "pieces": {}, "times": []})
        yield from self._compile(name, known)
        while len(known["times"]) < REPEATS:
            self.say(f"{name}: timing steps of 1 to {TIMED[-1]:,} samples, {len(known['times']) + 1} of {REPEATS}.")
            times = []
            for size in TIMED:
                yield
                times.append(measure.time_step(*STEP, size, self.devices[name]))
            known["times"].append(times)
        if self.measured_on != name:
            known["seconds"] = np.median(known["times"], axis=0)
            known["fit"] = measure.fit_saturation(TIMED, known["seconds"])
            self.measured_on, self.known = name, known
            self.redraw()
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")

    def _compile(self, name, known):
        """Ask the compiler for the bytes of each size, whole and in pieces."""
        device = self.devices[name]
        for size in ASKED:
            if size not in known["bytes"]:
                self.say(f"{name}: compiling a step of {size:,} samples.")
                yield
                try:
                    known["bytes"][size] = measure.step_bytes(*STEP, size, device=device).total
                except jax.errors.JaxRuntimeError:  # some compilers refuse what exceeds their device: the law goes on
                    if size in TIMED:
                        raise
                    known["bytes"][size] = int(measure.bytes_at(known["bytes"], size))
        for size in PIECES:
            if size not in known["pieces"]:
                self.say(f"{name}: compiling micro-batches of {size} samples.")
                yield
                known["pieces"][size] = measure.step_bytes(*STEP, MOST, size, device).total

    # ---- answers -----------------------------------------------------------------------------------------------------

    timed = property(lambda self: TIMED, doc="Batch sizes that are timed.")
    fit = property(lambda self: self.known["fit"], doc="The `measure.Saturation` of the timed steps.")
    piece = property(lambda self: MICRO_BATCHES[self.micro_batches], doc="Samples of a micro-batch, or None.")

    @property
    def at_once(self):
        """Samples that are on the device at the same time."""
        return min(self.batch_size, self.piece or self.batch_size)

    @property
    def here(self):
        """Bytes of a step as it is set: of the whole batch, or of one micro-batch after the other."""
        if self.at_once < self.batch_size:
            return self.known["pieces"][self.piece]
        return float(measure.bytes_at(self.known["bytes"], self.batch_size))

    @property
    def full(self):
        """Bytes of a step with all samples, in one piece."""
        return float(measure.bytes_at(self.known["bytes"], self.samples))

    @property
    def rate(self):
        """Samples a second by the fitted law, or None beyond what was timed."""
        return float(self.fit.samples_per_second(self.at_once)) if self.at_once <= TIMED[-1] else None

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The bytes on the left, the rate on the right; before the prediction only the budget can be seen."""
        top = (0.58, 0.35) if narrow(figure) else 0.35  # narrow: two lines above the first
        left, right = columns(figure, (1.25, 1), left=(0.8, 0.7), top=top, bottom=0.55)
        self._budget, self._views = views.budget_line(left, MOST), []
        if self.measured_on is None:
            return [self._budget]
        timed = np.array(TIMED), self.known["seconds"], self.fit
        views.rate_axes(right, *timed)
        if self.locked:
            for axes in (left, right):
                note(axes, 0.5, 0.5, "predict first", ha="center", color="0.4")
        else:
            self._views = [views.bytes_of_step(left, self.known["bytes"], MOST), views.samples_a_second(right, *timed)]
        return [self._budget, *self._views]

    def show(self):
        """Bring the views up to date."""
        budget = 1e6 * self.budget
        self._budget.update(budget)
        if self._views:
            piece = None if self.piece is None else (self.piece, self.known["pieces"][self.piece])
            self._views[0].update(self.batch_size, self.here, self.samples, self.full, budget, piece)
            self._views[1].update(self.at_once, self.rate)

    def facts(self):
        """What is measured, and how."""
        if self.measured_on is None:
            return []
        constant, each = measure.byte_law(self.known["bytes"])
        cells = [f"perceptron 64-128-10 on the {self.measured_on}, plain SGD",
                 f"bytes: what its compiler plans for {len(ASKED)} sizes",
                 f"law: {in_bytes(constant)} + {each:.0f} bytes a sample",
                 f"times: medians of {REPEATS}, fitted with t0 = {1e6 * self.fit.start:.0f} µs"]  # fmt: skip
        return cells[:2] if self.locked else cells

    def words(self):
        """What the picture shows, in words."""
        size, n, budget = self.batch_size, self.samples, 1e6 * self.budget
        text = f"batch size {size:,}, {n:,} samples: "
        if self.locked:
            return text + f"the memory budget is {in_bytes(budget)}."
        if self.measured_on is None:
            return text + "nothing has been measured yet."
        text += f"a step takes {in_bytes(self.here)} and {'fits' if self.here <= budget else 'does not fit'} into "
        text += f"{in_bytes(budget)}; full batch in one piece takes {in_bytes(self.full)} and "
        text += "fits." if self.full <= budget else "does not."
        if self.piece is None:
            most = measure.largest_batch(self.known["bytes"], budget)
            text += f" The largest batch that fits: {min(most, n):,}{' (all samples)' if most >= n else ''}."
        elif size <= self.piece:
            text += f" It is a single micro-batch, since these hold up to {self.piece} samples."
        else:
            text += f" The batch goes through the device {self.piece} samples at a time."
        if self.rate is None:
            return text + f" Steps of more than {TIMED[-1]:,} samples were not timed."
        share, rate = self.rate * self.fit.start / self.fit.knee, float(f"{self.rate:.2g}")
        text += f" By the fitted line about {rate:,.0f} samples a second, {share:.0%} of the most;"
        return text + f" the knee is at {self.fit.knee:.2g} samples."

    def __repr__(self):
        return f"StepLab: {self.samples:,} samples, a budget of {self.budget} MB"
