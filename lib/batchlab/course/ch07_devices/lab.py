"""The live picture of memory and throughput: bytes of a step, and samples a second, against batch size."""

import ipywidgets as widgets
import jax
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ... import measure, models
from ...checks import check_integer
from .. import plots
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words, on_the_loop

STEP = models.mlp((64, 128, 10)), "classification", 64, 10  # the digits of chapter 4
TIMED = (1, 4, 16, 64, 256, 1024, 4096, 16384)  # batch sizes that are timed
ASKED = (*TIMED, 1_000_000, 50_000_000)  # batch sizes whose bytes the compiler is asked for
PIECES = (64, 256, 1024)  # micro-batches to choose from
REPEATS = 9
MOST, MOST_MEGABYTES = ASKED[-1], 100_000
BYTES, BUDGET, PIECE, FULL, RATE = plots.TRAINING, plots.VALIDATION, plots.BEST, plots.KEPT[0], plots.TRAINING


def in_bytes(count):
    """Bytes in words, three digits of them.

    >>> in_bytes(131188), in_bytes(16_000_000_000)
    ('131 kB', '16 GB')
    """
    power = min(max(len(str(int(count))) - 1, 0) // 3, 4)
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


class DecadeControl(NumberControl):
    """A whole number on a logarithmic slider that stops ten times a decade, or any, typed."""

    def __init__(self, slider, check, complain):
        super().__init__(slider, check, complain)
        self.value = round(self.value)
        self._write()

    @on_the_loop
    def _slid(self, position):
        if not self._same_place(position):
            self._set(int(float(f"{position:.2g}")), self.slider)


class StepLab(Stage):
    """What one step of training takes, in bytes and in time, at any batch size; and whether it fits into a memory.

    On the left the bytes as the compiler plans them, on the right samples a second as timed here. A step is one update
    of a perceptron 64-128-10, as for the digits. Everything is compiled and timed once for a device; a slider looks up.

    Args:
        batch_size, samples: where the picture starts; the dataset is a number of samples, none of which exist.
        megabytes: the memory budget.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = StepLab(batch_size=256, samples=1_000_000)
    >>> lab.words()[:48]
    'batch size 256, 1,000,000 samples: a step takes '
    """

    def __init__(self, batch_size=256, samples=1_000_000, megabytes=1000, *, locked=False):
        self._known, self._quiet, self._taken = {}, True, None
        super().__init__(self._controls(), Picture(width=9.0, height=3.5))
        self.samples.value = self._check_samples(samples)
        self.budget.value = self._check_budget(megabytes)
        self.batch_size.set_range(samples, self._check_batch_size(batch_size, samples))
        self._quiet = False
        self.wait_for(self._pursue())
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        look = {"readout": False, "style": {"description_width": "7.5em"}, "layout": widgets.Layout(width="22em")}
        decades = {"base": 10, "step": 0.1, **look}
        menu = {"style": look["style"], "layout": look["layout"]}
        self.batch_size = LogIntegerControl("batch size", self._check_batch_size, self.fail, **look)
        self.samples = DecadeControl(
            widgets.FloatLogSlider(description="samples N", value=1e6, min=1, max=np.log10(MOST), **decades),
            self._check_samples,
            self.fail,
        )
        self.budget = DecadeControl(
            widgets.FloatLogSlider(description="budget, MB", value=1e3, min=0, max=np.log10(MOST_MEGABYTES), **decades),
            self._check_budget,
            self.fail,
        )
        whole = [("none: the whole batch", 0)]  # None would be no choice at all
        self.pieces = widgets.Dropdown(
            options=whole + [(f"of {size} samples", size) for size in PIECES], description="micro-batches", **menu
        )
        self._devices = measure.kinds_of_device()
        default = jax.local_devices()[0].platform.upper()
        shown = widgets.Layout(width="22em", display="none" if len(self._devices) == 1 else None)
        self.device = widgets.Dropdown(
            options=list(self._devices), value=default, description="device", style=look["style"], layout=shown
        )
        for control in (self.batch_size, self.samples, self.budget, self.pieces, self.device):
            control.observe(self._moved, "value")
        for control in (self.batch_size, self.samples, self.budget):
            control.box.layout.width = "6.5em"
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        left, right = [self.batch_size, self.samples], [self.budget, self.pieces, self.device]
        return [widgets.HBox([widgets.VBox(left), widgets.VBox(right)], layout=wrap)]

    def _check_batch_size(self, value, n=None):
        n = n or self.batch_size.high
        return check_integer("batch size", value, 1, n, f"{n} are all samples: full batch.")

    def _check_samples(self, value):
        return check_integer("samples", value, 10, MOST, "The picture ends there.")

    def _check_budget(self, value):
        return check_integer("memory budget", value, 1, MOST_MEGABYTES, "It is in megabytes.")

    @in_words
    def _moved(self, change):
        if self._quiet:
            return
        if change["owner"] is self.samples:
            self._quiet = True  # the batch size follows, which is not a second change
            try:
                self.batch_size.set_range(self.samples.value, min(self.batch_size.value, self.samples.value))
            finally:
                self._quiet = False
        self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in (self.batch_size, self.samples, self.budget):
            control.disable(self.locked)
        self.pieces.disabled = self.device.disabled = self.locked
        self._hide()
        self.start(self._pursue())

    # ---- work --------------------------------------------------------------------------------------------------------

    def _pursue(self):
        """Compile and time what has not been for this device, slice by slice; then there is nothing left to do."""
        name = self.device.value
        device = self._devices[name]
        known = self._known.setdefault(name, {"bytes": {}, "pieces": {}, "times": []})
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
        while len(known["times"]) < REPEATS:
            self.say(f"{name}: timing steps of 1 to {TIMED[-1]:,} samples, {len(known['times']) + 1} of {REPEATS}.")
            times = []
            for size in TIMED:
                yield
                times.append(measure.time_step(*STEP, size, device))
            known["times"].append(times)
        if self._taken != name:
            known["seconds"] = np.median(known["times"], axis=0)
            known["fit"] = measure.fit_saturation(TIMED, known["seconds"])
            self._taken, self.known = name, known
            self._draw()
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _draw(self):
        """Axes that stay as they are while a device is shown, and the views in them."""
        figure = self.picture.clear()
        axes = figure.subplots(1, 2, width_ratios=(1.25, 1))
        figure.subplots_adjust(left=0.08, right=0.985, top=0.91, bottom=0.14, wspace=0.19)
        self._views = [bytes_view(axes[0], self.known["bytes"]), rate_view(axes[1], self.known["seconds"], self.fit)]
        self.picture.artists = [artist for view in self._views for artist in view.artists]
        self._hide()

    def _hide(self):
        """Before the prediction only the budget can be seen."""
        for artist in self.picture.artists:
            artist.set_visible(not self.locked or artist.get_gid() == "given")
        self.picture.redraw()

    fit = property(lambda self: self.known["fit"], doc="The `measure.Saturation` of the timed steps.")

    def bytes_of(self, batch_size):
        """Bytes of a step as it is set: of the whole batch, or of one micro-batch after the other."""
        piece = self.pieces.value
        if 0 < piece < batch_size:
            return self.known["pieces"][piece]
        return float(measure.bytes_at(self.known["bytes"], batch_size))

    def show(self):
        """Bring picture and words up to date."""
        if self._taken is None:
            return
        size, n, budget = self.batch_size.value, self.samples.value, 1e6 * self.budget.value
        self.here, self.full = self.bytes_of(size), float(measure.bytes_at(self.known["bytes"], n))
        at_once = min(size, self.pieces.value or size)
        self.rate = float(self.fit.samples_per_second(at_once)) if at_once <= TIMED[-1] else None
        piece = (self.pieces.value, self.bytes_of(MOST)) if self.pieces.value else None
        self._views[0].update(size, self.here, n, self.full, budget, piece)
        self._views[1].update(at_once, self.rate)
        self.picture.show()
        self.speak()
        constant, each = measure.byte_law(self.known["bytes"])
        cells = (f"perceptron 64-128-10 on the {self._taken}", f"bytes: what the compiler plans for {len(ASKED)} sizes",
                 f"law: {in_bytes(constant)} + {each:.0f} bytes a sample",
                 f"times: medians of {REPEATS}, fitted with t0 = {1e6 * self.fit.start:.0f} µs")  # fmt: skip
        self.counters.value = facts(cells[:2] if self.locked else cells)

    def words(self):
        """What the picture shows, in words."""
        size, n, budget = self.batch_size.value, self.samples.value, 1e6 * self.budget.value
        text = f"batch size {size:,}, {n:,} samples: "
        if self.locked:
            return text + f"the memory budget is {in_bytes(budget)}."
        text += f"a step takes {in_bytes(self.here)} and {'fits' if self.here <= budget else 'does not fit'} into "
        text += f"{in_bytes(budget)}; full batch in one piece takes {in_bytes(self.full)} and "
        text += "fits." if self.full <= budget else "does not."
        if not self.pieces.value:
            most = measure.largest_batch(self.known["bytes"], budget)
            text += f" The largest batch that fits: {min(most, n):,}{' (all samples)' if most >= n else ''}."
        elif size <= self.pieces.value:
            text += f" It is a single micro-batch, since these hold up to {self.pieces.value} samples."
        else:
            text += f" The batch goes through the device {self.pieces.value} samples at a time."
        if self.rate is None:
            return text + f" Steps of more than {TIMED[-1]:,} samples were not timed."
        share, rate = self.rate * self.fit.start / self.fit.knee, float(f"{self.rate:.2g}")
        text += f" By the fitted line about {rate:,.0f} samples a second, {share:.0%} of the most;"
        return text + f" the knee is at {self.fit.knee:.2g} samples."

    def __repr__(self):
        return f"StepLab: {self.samples.value:,} samples, a budget of {self.budget.value} MB"


# ---- views -----------------------------------------------------------------------------------------------------------

_BOX = {"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0, "alpha": 0.75}
_GREY = {"color": "0.45", "linewidth": 1, "antialiased": False}


def _decades(axis):
    """Ticks in words: 1, 100, 10 k, 1 M."""

    def short(value, _):
        for unit, word in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
            if value >= unit:
                return f"{value / unit:g}{word}"
        return f"{value:g}"

    axis.set_major_formatter(FuncFormatter(short))
    axis.set_minor_locator(NullLocator())


def bytes_view(axes, reports):
    """Bytes of a step against batch size; `update(batch_size, here, n, full, budget, piece)`."""
    sizes, (constant, each) = sorted(reports), measure.byte_law(reports)
    fine = np.unique(np.concatenate([np.geomspace(1, MOST, 200), sizes]))
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * MOST), ylim=(1e4, 3e11), xlabel="batch size B")
    axes.set_title("bytes of one step", loc="left", fontsize=10, pad=5)
    flat = axes.plot([0.8, 1.3 * MOST], [constant] * 2, linestyle="--", **_GREY)[0]
    steep = axes.plot(fine, each * fine, linestyle=":", **_GREY)[0]
    said = [
        axes.text(MOST, 0.85 * constant, f"constant: {in_bytes(constant)}", fontsize=8, ha="right", va="top"),
        axes.text(MOST, 3e6, f"dotted: {each:.0f} bytes\nfor each sample", fontsize=8, ha="right", va="center"),
        axes.text(MOST, 4.6e5, "", fontsize=9, ha="right", va="bottom", color=plots.DARK[0], bbox=_BOX),
    ]
    line = axes.plot(fine, measure.bytes_at(reports, fine), color=BYTES, linewidth=1.6)[0]
    dots = axes.plot(sizes, [reports[size] for size in sizes], "o", color=BYTES, markersize=4.5, **plots.CRISP)[0]
    pieces = axes.plot([], [], color=PIECE, linewidth=2, linestyle=(0, (5, 1.5)))[0]
    limit = axes.axhline(1e9, color=BUDGET, linewidth=1.6, gid="given")
    word = axes.text(1, 1e9, "", fontsize=9, va="bottom", color=plots.DARK[1], gid="given")
    everything = axes.axvline(1, color=FULL, linewidth=1, linestyle="-.")
    star = axes.plot([], [], "D", color=FULL, markersize=7, markeredgecolor="white")[0]
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=7)[0]
    says = axes.text(1, 1.02, "", transform=axes.transAxes, fontsize=10, ha="right", va="bottom")
    name = axes.text(1, 1, "", fontsize=9, ha="right", va="bottom", bbox=_BOX)
    axes.set_yticks([1e4, 1e6, 1e8, 1e10], ["10 kB", "1 MB", "100 MB", "10 GB"])
    axes.set_xticks([1, 100, 1e4, 1e6])
    _decades(axes.xaxis)
    axes.yaxis.set_minor_locator(NullLocator())

    def update(batch_size, here, n, full, budget, piece):
        limit.set_ydata([budget, budget])
        word.set(text=f"memory budget {in_bytes(budget)}", position=(1, 1.15 * budget))
        pieces.set_data(([piece[0], MOST], [piece[1]] * 2) if piece else ([], []))
        everything.set_xdata([n, n])
        star.set_data([n], [full])
        large = n > 300  # then there is room to the left of the diamond
        name.set(
            text=f"full batch {in_bytes(full)}", position=(0.75 * n, 1.3 * full) if large else (1.7 * n, full / 1.6)
        )
        name.set(ha="right" if large else "left", va="bottom" if large else "top")
        said[1].set_text("" if piece else f"dotted: {each:.0f} bytes\nfor each sample")  # they would lie on each other
        said[2].set(text=f"micro-batches of {piece[0]}" if piece else "", y=1.15 * piece[1] if piece else 1e6)
        now.set_xdata([batch_size, batch_size])
        dot.set_data([batch_size], [here])
        says.set_text(f"B = {batch_size:,}: {in_bytes(here)}")

    artists = [flat, steep, *said, limit, word, line, dots, pieces, everything, now, name, star, dot, says]
    return plots.View(artists, update)


def rate_view(axes, seconds, fit):
    """Samples a second against batch size, timed and fitted; `update(batch_size, rate)`."""
    sizes, (start, knee) = np.array(TIMED), fit
    fine = np.geomspace(1, TIMED[-1], 120)
    measured, most = sizes / seconds, knee / start
    low, high = 10.0 ** np.floor(np.log10(measured.min())), 10.0 ** np.ceil(np.log10(1.5 * max(most, measured.max())))
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * TIMED[-1]), ylim=(low, high), xlabel="batch size B")
    axes.set_title("samples a second (dots: timed, line: fitted)", loc="left", fontsize=10, pad=5)
    rising = axes.plot(fine, fine / start, linestyle=":", **_GREY)[0]
    flat = axes.plot([0.8, 1.3 * TIMED[-1]], [most] * 2, linestyle="--", **_GREY)[0]
    line = axes.plot(fine, fit.samples_per_second(fine), color=RATE, linewidth=1.6)[0]
    dots = axes.plot(sizes, measured, "o", color=RATE, markersize=4.5, **plots.CRISP)[0]
    mark = axes.axvline(knee, color=PIECE, linewidth=1.4)
    place = {"transform": axes.get_xaxis_transform(), "fontsize": 9, "bbox": _BOX}
    word = axes.text(1.15 * knee, 0.05, f"knee: B = {knee:.2g}\nhalf of the most", color=plots.DARK[0], **place)
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=7)[0]
    axes.set_xticks([1, 10, 100, 1000, 10000])
    _decades(axes.xaxis)
    axes.yaxis.set_major_locator(LogLocator())
    _decades(axes.yaxis)

    def update(batch_size, rate):
        now.set_xdata([batch_size, batch_size])
        dot.set_data(([], []) if rate is None else ([batch_size], [rate]))

    return plots.View([rising, flat, line, dots, mark, now, word, dot], update)
