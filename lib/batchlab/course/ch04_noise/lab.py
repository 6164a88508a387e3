"""The live picture of gradient noise: a cloud of batch gradients, its variance against B, the noise scale of a run."""

import ipywidgets as widgets
import numpy as np
from matplotlib.ticker import FuncFormatter

from ... import data, measure
from ...checks import check_integer
from ...descent import fit
from .. import plots
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words

DRAWS, SIZES, DOTS = 200, 20, 80  # batches of one size and sizes on the curve; batches in the cloud
PAIRS, TRIES, STOPS = 20, 4, 21  # pairs in one two-batch estimate, estimates at an epoch, epochs where they are made
REACH = 4.0  # the cloud's axes reach this far from the tip of the full gradient, in its lengths
MEASURED, WITHOUT, WITH, FULL = "#333333", plots.TRAINING, plots.VALIDATION, plots.BEST

# More samples than where the course wants overfitting: there should be something to average over.
RUNS = {
    "noisy sine": (
        lambda: data.noisy_sine(n=400),
        {"hidden": (32, 32), "batch_size": 64, "learning_rate": 0.001},
        200,
    ),
    "two moons": (
        lambda: data.two_moons(n=300),
        {"hidden": (32, 32), "batch_size": 64, "learning_rate": 0.01},
        100,
    ),
    "digits": (lambda: data.digits(n=400), {"hidden": (128,), "batch_size": 64, "learning_rate": 0.01}, 50),
}


class NoiseLab(Stage):
    """Batch gradients around the full gradient, at any batch size and any epoch of a run, live.

    The cloud is drawn without replacement: its batches are the beginnings of the same 80 shuffles at every size.
    Nothing is trained when a slider moves: the run is trained once, and the gradients are measured along it.

    Args:
        dataset: "noisy sine", "two moons" or "digits".
        batch_size, epoch: where the picture starts.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = NoiseLab("noisy sine", epoch=0)
    >>> lab.batch_size.value = 400
    >>> lab.words()[:60]
    'batch size 400, epoch 0: cosine with the full gradient 1.00 '
    """

    def __init__(self, dataset="noisy sine", *, batch_size=16, epoch=5, locked=False):
        if dataset not in RUNS:
            raise ValueError(f"there is no dataset {dataset!r}; choose one of {', '.join(RUNS)}.")
        self._known, self._taken, self._quiet, self._first = {}, None, False, dataset
        super().__init__(self._controls(dataset), Picture(width=9.0, height=3.1))
        self._take(dataset, batch_size, epoch)
        self.wait_for(self._pursue())
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self, dataset):
        style, wide = {"description_width": "6.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        self.dataset = widgets.Dropdown(
            options=list(RUNS), value=dataset, description="dataset", style=style, layout=wide
        )
        self.batch_size = LogIntegerControl("batch size", self._check_batch_size, self.fail, **look)
        self.epoch = NumberControl(widgets.IntSlider(description="epoch", **look), self._check_epoch, self.fail)
        for control in (self.dataset, self.batch_size, self.epoch):
            control.observe(self._moved, "value")
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        return [widgets.HBox([widgets.VBox([self.batch_size, self.epoch]), self.dataset], layout=wrap)]

    def _check_batch_size(self, value):
        n = self.batch_size.high
        return check_integer("batch size", value, 1, n, f"{n} are all samples: the full gradient itself.")

    def _check_epoch(self, value):
        return check_integer("epoch", value, 0, RUNS[self.dataset.value][2], "The run was trained no longer.")

    @in_words
    def _moved(self, _change):
        if not self._quiet:
            self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in (self.batch_size, self.epoch):
            control.disable(self.locked)
        self.dataset.disabled = self.locked
        self._hide()
        self.start(self._pursue())

    # ---- work --------------------------------------------------------------------------------------------------------

    def _take(self, name, batch_size=None, epoch=None):
        """Bring a dataset onto the stage; what was measured on it before is still known."""
        make, settings, num_epochs = RUNS[name]
        if name not in self._known:
            run = fit(make(), num_epochs=0, **settings)
            self._known[name] = {"run": run, "inner": {}, "curves": {}, "scale": {}, "dots": {}}
        self.known, self.run = self._known[name], self._known[name]["run"]
        n = len(self.run.problem.x)
        self._sizes, self._shown, self._taken = measure.spread_sizes(n, SIZES), None, name
        stops = np.linspace(0, num_epochs, STOPS).round().astype(int)
        self._stops = [int(stop) for stop in stops]
        self._quiet = True
        try:
            asked = self.batch_size.value if batch_size is None else self._check_size_of(n, batch_size)
            self.batch_size.set_range(n, min(asked, n))
            self.batch_size.hint.value = f"1: SGD, {n}: full-batch GD"
            epoch = min(self.epoch.value, num_epochs) if epoch is None else self._check_epoch(epoch)
            self.epoch.set_range(num_epochs, epoch)
            self.epoch.hint.value = f"of a run with batch size {self.run.batch_size}"
        finally:
            self._quiet = False
        self._draw(n, num_epochs)

    def _check_size_of(self, n, batch_size):
        return check_integer("batch_size", batch_size, 1, n, f"There are {n} training samples.")

    def _pursue(self):
        """Train the run once; measure what is asked for, then along the run, slice by slice."""
        if self._taken != self.dataset.value:
            self.say(f"Preparing {self.dataset.value}: its programs are compiled once.")
            yield
            self._take(self.dataset.value)
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        known, epoch, num_epochs = self.known, self.epoch.value, RUNS[self._taken][2]
        while self.run.num_epochs < num_epochs:
            self.run.train(min(5, num_epochs - self.run.num_epochs))
            yield
        if epoch not in known["inner"]:
            known["inner"][epoch] = self._inner(epoch)
            yield
        inner = known["inner"][epoch]
        if epoch not in known["curves"]:
            curves = []
            for replace in (False, True):
                measured = []
                for size in self._sizes:
                    measured.append(measure.noise_curve(inner, [size], DRAWS, replace=replace)[0])
                    if len(measured) % 5 == 0:
                        yield
                curves.append(np.array(measured))
            known["curves"][epoch] = curves, measure.plane(inner)
        self._shown = epoch
        yield
        for stop in [] if self.locked else self._stops:
            if stop not in known["scale"]:
                inner = known["inner"].get(stop)
                inner = self._inner(stop) if inner is None else inner
                known["scale"][stop] = measure.noise_scale(inner)
                known["dots"][stop] = [self._two_batch(inner, TRIES * stop + k) for k in range(TRIES)]
                yield

    def _inner(self, epoch):
        while len(self.known["inner"]) > 8:  # a megabyte each for the digits
            self.known["inner"].pop(next(iter(self.known["inner"])))
        return measure.inner_products(self.run.problem, self.run.model, self.run.params_at(epoch))

    def _two_batch(self, inner, seed):
        n = len(inner)
        sizes = 8, n // 2
        batches = [measure.draw_batches(n, size, PAIRS, replace=True, seed=seed) for size in sizes]
        lengths = [measure.squared_length(inner, rows) for rows in batches]
        return measure.two_batch_noise_scale(*lengths, *sizes).value

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _draw(self, n, num_epochs):
        """Axes that stay as they are while a dataset is shown, and the views in them."""
        figure = self.picture.clear()
        axes = figure.subplots(1, 3, width_ratios=(1, 1.15, 1))
        figure.subplots_adjust(left=0.065, right=0.985, top=0.84, bottom=0.15, wspace=0.28)
        self._views = [cloud(axes[0]), against_batch_size(axes[1], n), along_run(axes[2], n, num_epochs)]
        self.picture.artists = [artist for view in self._views for artist in view.artists]
        self._hide()

    def _hide(self):
        """Before the prediction only the cloud can be seen."""
        for view in self._views[1:]:
            for artist in view.artists:
                artist.set_visible(not self.locked)

    def show(self):
        """Bring picture and words up to date."""
        if self._shown is None:
            return
        known, n, size = self.known, len(self.run.problem.x), self.batch_size.value
        inner, (curves, plane) = known["inner"][self._shown], known["curves"][self._shown]
        weights = measure.draw_batches(n, size, DOTS)
        self.cosine, self.points = measure.cosine(inner, weights), weights @ plane
        self.scale, self.unit = measure.noise_scale(inner), max(inner.mean(), 1e-300)
        self.length = np.sqrt(measure.squared_length(inner, weights) / self.unit)
        self.variance = measure.squared_deviation(inner, weights).mean() / self.unit
        self.expected = measure.expected_deviation(inner, size) / self.unit
        self._views[0].update(self.points, size, self.cosine, self.length)
        self._views[1].update(self._sizes, [curve / self.unit for curve in curves], self.scale, size, self.variance)
        self._views[2].update(known["scale"], known["dots"], self._shown, self.scale)
        self.picture.show()
        self.speak()
        pairs = f"{PAIRS} pairs of batches of 8 and {n // 2}; at the upper edge no signal was found"
        cells = (
            f"N = {n} training samples",
            f"left: {DOTS} batches",
            f"middle: {DRAWS} of each size",
            f"a dot on the right: {pairs}",
        )
        self.counters.value = facts(cells)

    def words(self):
        """What the picture shows, in words."""
        n, size, low, high = len(self.run.problem.x), self.batch_size.value, *np.percentile(self.cosine, [5, 95])
        outside = int(np.sum(np.abs(self.points - [1, 0]).max(axis=1) > REACH))
        text = (
            f"batch size {size}, epoch {self._shown}: cosine with the full gradient {np.median(self.cosine):.2f} "
            f"(nine in ten lie between {low:.2f} and {high:.2f}), length {np.median(self.length):.2f} times that of "
            "the full gradient, in the median."
        )
        if outside:
            text += f" {outside} of {DOTS} batches lie outside the left panel."
        if self.locked:
            return text
        text += (
            f" Variance in units of |G|²: measured on {DOTS} batches {self.variance:.3g}, theory {self.expected:.3g}."
        )
        text += f" Noise scale {plots.figures(self.scale)}: "
        if size == n:
            return text + "this batch is all samples, and no noise is left."
        ratio = (
            "noise outweighs signal"
            if self.expected > 1
            else "drawn without replacement, its noise is below the signal"
        )
        if self.scale >= n:
            return text + f"more than all {n} samples; {ratio}, and every further sample still counts."
        beyond = "this batch is beyond it: all samples together could at most double the progress of a step."
        return text + (f"this batch is below it; {ratio}." if size < self.scale else beyond)

    def __repr__(self):
        return f"NoiseLab: {self._first}"


# ---- views -----------------------------------------------------------------------------------------------------------

_BOX = {"boxstyle": "round,pad=0.2", "facecolor": "white", "linewidth": 0}


def cloud(axes):
    """Batch gradients as dots in the plane of `measure.plane`; `update(points, batch_size, cosine, length)`."""
    axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    (dots,) = axes.plot([], [], "s", color=WITHOUT, markersize=2.2, **plots.CRISP)
    (full,) = axes.plot([0, 1], [0, 0], color=FULL, linewidth=3, solid_capstyle="butt")
    (tip,) = axes.plot([1], [0], "*", color=FULL, markersize=13, markeredgecolor="white")
    (one,) = axes.plot([], [], color=WITH, linewidth=1.6)
    look = {"transform": axes.transAxes, "bbox": _BOX}
    star = axes.text(0.97, 0.97, "★ full gradient G", fontsize=9, color=plots.DARK[0], ha="right", va="top", **look)
    said = axes.text(0.03, 0.03, "", fontsize=8, **look)
    heading = axes.text(0.0, 1.02, "", transform=axes.transAxes, fontsize=10, va="bottom")
    axes.set(xlim=(1 - REACH, 1 + REACH), ylim=(-REACH, REACH))
    axes.set_xlabel("part along G, in units of |G|")
    axes.set_ylabel("part across G", labelpad=1)

    def update(points, batch_size, cosine, length):
        dots.set_data(*points.T)
        one.set_data([0, points[0, 0]], [0, points[0, 1]])
        heading.set_text(f"batch gradients, B = {batch_size}\n(orange: one)")
        said.set_text(f"median cosine {np.median(cosine):.2f}\nmedian length {np.median(length):.2f} |G|")

    return plots.View([dots, full, one, tip, star, said, heading], update)


def against_batch_size(axes, n):
    """Variance against B, measured and by theory; `update(sizes, curves, scale, batch_size, variance)`, in |G|^2."""
    low, high = 1e-3, 1e4
    span = axes.axvspan(n, n, color="0.93", linewidth=0)
    fine = np.unique(np.concatenate([np.geomspace(1, n, 60), n - np.geomspace(1e-3, n / 2, 60)]))
    signal = axes.axhline(1, color="0.6", linewidth=1, antialiased=False)
    with_theory = axes.plot([], [], color=WITH, linewidth=1.3, linestyle=(0, (5, 2)))[0]
    without_theory = axes.plot([], [], color=WITHOUT, linewidth=1.3)[0]
    with_dots = axes.plot([], [], "s", color=WITH, markersize=4, **plots.CRISP, label="with replacement")[0]
    without_dots = axes.plot([], [], "o", color=WITHOUT, markersize=4.5, **plots.CRISP, label="without (an epoch)")[0]
    mark = axes.axvline(1, color=FULL, linewidth=1.4)
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=6)[0]
    word = axes.text(0.03, 0.03, "", transform=axes.transAxes, fontsize=8, bbox=_BOX)
    axes.set(xscale="log", yscale="log", xlim=(1, n * 1.1), ylim=(low, high), xlabel="batch size B")
    axes.set_title("variance |g − G|² / |G|²\n(grey: noise = signal)", loc="left", fontsize=10)
    legend = axes.legend(loc="upper right", fontsize=8, handletextpad=0.2, borderaxespad=0.2, edgecolor="none")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.set_yticks([1e-2, 1, 100, 1e4], ["0.01", "1", "100", "10⁴"])

    def update(sizes, curves, scale, batch_size, variance):
        with_theory.set_data(fine, scale / fine)
        shrink = (n - fine) / (n - 1)
        without_theory.set_data(fine, np.where(shrink > 0, scale / fine * shrink, np.nan))
        for dots, curve in zip((without_dots, with_dots), curves, strict=True):
            seen = curve > low
            dots.set_data(sizes[seen], curve[seen])
        edge = min(max(scale, 1.0), n)
        span.set(x=edge, width=1.1 * n - edge)
        mark.set_xdata([edge, edge])
        beyond = "shaded: all samples together\nat most double a step"
        word.set_text(
            f"noise scale {plots.figures(scale)}\n{beyond if scale < n else 'more than N: every sample counts'}"
        )
        now.set_xdata([batch_size, batch_size])
        dot.set_data([batch_size], [max(variance, low)])

    artists = [span, signal, with_theory, without_theory, with_dots, without_dots, mark, now, dot, word, legend]
    return plots.View(artists, update)


def along_run(axes, n, num_epochs):
    """The noise scale at epochs of a run, with two-batch estimates; `update(scale, dots, epoch, here)`."""
    low, high = 1.0, 1e5
    axes.axhline(n, color="0.6", linewidth=1, antialiased=False)
    axes.text(num_epochs, 1.3, f"grey: N = {n}", fontsize=8, ha="right", va="bottom")
    (estimates,) = axes.plot([], [], ".", color="#56B4E9", markersize=4, **plots.CRISP, label="from two batches")
    (line,) = axes.plot([], [], color=FULL, linewidth=1.6, label="from all samples")
    now = axes.axvline(0, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    (dot,) = axes.plot([], [], "o", color=plots.NOW, markersize=6)
    axes.set(yscale="log", xlim=(-0.02 * num_epochs, 1.02 * num_epochs), ylim=(low, high), xlabel="epoch")
    axes.set_title("noise scale tr Σ / |G|²\nalong the run", loc="left", fontsize=10)
    axes.legend(loc="upper left", fontsize=8, handletextpad=0.4, borderaxespad=0.2, frameon=False)
    axes.minorticks_off()
    axes.set_yticks([1, 100, 1e4], ["1", "100", "10⁴"])

    def update(scale, dots, epoch, here):
        epochs = sorted(scale)
        line.set_data(epochs, [scale[epoch] for epoch in epochs])
        pairs = [(epoch, min(dot, high)) for epoch in epochs for dot in dots[epoch]]
        estimates.set_data([epoch for epoch, _ in pairs], [dot for _, dot in pairs])
        now.set_xdata([epoch, epoch])
        dot.set_data([epoch], [here])

    return plots.View([estimates, line, now, dot], update)
