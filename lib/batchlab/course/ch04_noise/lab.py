"""The live picture of gradient noise: a cloud of batch gradients, its variance against B, the noise scale of a run."""

from typing import Any, NamedTuple

import numpy as np

from ... import data, measure, process
from ...descent import fit
from ...live import NARROW, Live, Menu, Whole, columns
from .. import plots
from . import views

DRAWS, SIZES, DOTS = 200, 20, 80  # batches of one size and sizes on the curve; batches in the cloud
PAIRS, TRIES, STOPS = 20, 4, 21  # pairs in one two-batch estimate, estimates at an epoch, epochs where they are made
KEPT = 9  # epochs whose inner products are kept: a megabyte each for the digits
AT_ONCE = 4  # sizes of the curve that are measured in a slice

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


class Gradients(NamedTuple):
    """All gradients at one epoch of a run, by their inner products (N, N) and seen in a plane (N, 2)."""

    epoch: int
    inner: Any
    plane: Any


class Measured:
    """The run of a dataset, trained once, and what has been measured along it so far.

    Whatever takes long is a generator that yields after each slice; dropped anywhere, it goes on when called again.
    """

    def __init__(self, name):
        make, settings, self.num_epochs = RUNS[name]
        self.run = fit(make(), num_epochs=0, **settings)
        self.n = len(self.run.problem.x)
        self.sizes = measure.spread_sizes(self.n, SIZES)
        self.stops = np.linspace(0, self.num_epochs, STOPS).round().astype(int).tolist()
        self.curves, self.estimates, self._kept = {}, {}, {}

    def train(self):
        """Train the run to its end."""
        while self.run.num_epochs < self.num_epochs:
            self.run.train(min(5, self.num_epochs - self.run.num_epochs))
            yield

    def gradients(self, epoch):
        """The `Gradients` at an epoch; those that were asked for last are kept."""
        found = self._kept.pop(epoch, None)
        if found is None:
            inner = measure.inner_products(self.run.problem, self.run.model, self.run.params_at(epoch))
            found = Gradients(epoch, inner, measure.plane(inner))
        self._kept[epoch] = found
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)))
        return found

    def measure_variance(self, epoch):
        """Fill `curves[epoch]`: the variance of batches of each size, without and with replacement, NaN at first."""
        if epoch not in self.curves:
            self.curves[epoch] = np.full((2, len(self.sizes)), np.nan)
        inner = self.gradients(epoch).inner
        for replace, curve in enumerate(self.curves[epoch]):
            while len(missing := np.flatnonzero(np.isnan(curve))[:AT_ONCE]):
                curve[missing] = measure.noise_curve(inner, self.sizes[missing], DRAWS, replace=bool(replace))
                yield

    def measure_noise_scales(self):
        """Fill `estimates`: at each stop the noise scale of all samples, and what single pairs of batches say."""
        for stop in self.stops:
            if stop not in self.estimates:
                inner = self.gradients(stop).inner
                tries = [self._two_batch(inner, TRIES * stop + k) for k in range(TRIES)]
                self.estimates[stop] = measure.noise_scale(inner), tries
                yield

    def _two_batch(self, inner, seed):
        sizes = 8, self.n // 2
        batches = [measure.draw_batches(self.n, size, PAIRS, replace=True, seed=seed) for size in sizes]
        lengths = [measure.squared_length(inner, rows) for rows in batches]
        return measure.two_batch_noise_scale(*lengths, *sizes).value


class NoiseLab(Live):
    """Batch gradients around the full gradient, at any batch size and any epoch of a run, live.

    The cloud is drawn without replacement: its batches are the beginnings of the same 80 shuffles at every size.
    Nothing is trained when a slider moves: the run is trained once, and the gradients are measured along it.

    Args:
        dataset: "noisy sine", "two moons" or "digits".
        batch_size, epoch: where the picture starts.
        controls: the labels of the controls to show; None shows all.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = NoiseLab("noisy sine", epoch=0)
    >>> lab.batch_size = 400
    >>> lab.words()[:60]
    'batch size 400, epoch 0: cosine with the full gradient 1.00 '
    """

    size, narrow_height = (9.0, 3.7), 10.2
    batch_size = Whole(
        "batch size",
        1,
        lambda lab: lab.measured.n,
        16,
        log=True,
        hint=lambda lab: f"1: SGD, {lab.measured.n}: full-batch GD",
        remedy=lambda lab: f"{lab.measured.n} are all samples: the full gradient itself.",
    )
    epoch = Whole(
        "epoch",
        0,
        lambda lab: lab.measured.num_epochs,
        5,
        log=True,
        hint=lambda lab: f"of a run with batch size {lab.measured.run.batch_size}",
        remedy="The run was trained no longer.",
    )
    dataset = Menu("dataset", RUNS)

    def __init__(self, dataset="noisy sine", *, batch_size=16, epoch=5, controls=None, locked=False):
        process.keep_programs()
        self._first = NoiseLab.dataset.validate(self, dataset)
        self.measured = Measured(dataset)
        self._known, self.gradients = {dataset: self.measured}, None
        super().__init__(controls=controls, locked=locked, batch_size=batch_size, epoch=epoch, dataset=dataset)

    # ---- work --------------------------------------------------------------------------------------------------------

    def work(self):
        """Train the run once; measure the gradients at the epoch that is asked for, then along the run.

        What is shown is changed in one step, when it is ready: until then the old picture stays, whole.
        """
        if self.dataset not in self._known:
            self.say(f"Preparing {self.dataset}: its programs are compiled once.")
            yield
            self._known[self.dataset] = Measured(self.dataset)
        measured = self._known[self.dataset]
        yield from measured.train()
        gradients = measured.gradients(min(self.epoch, measured.num_epochs))
        if measured is not self.measured:
            self._take(measured)
        self.gradients = gradients
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        yield
        yield from measured.measure_variance(gradients.epoch)
        if not self.locked:
            yield from measured.measure_noise_scales()

    def _take(self, measured):
        """Bring another dataset onto the stage: its limits and its axes."""
        self.measured = measured
        self.batch_size, self.epoch = min(self.batch_size, measured.n), min(self.epoch, measured.num_epochs)
        self.redraw()

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """Axes that stay as they are while a dataset is shown, and the views in them."""
        wide = figure.get_figwidth() >= NARROW
        room = {"left": (0.55, 0.6, 0.6), "right": 0.12, "top": 0.55, "bottom": 0.5 if wide else 0.55}
        first, second, third = columns(figure, (1, 1.15, 1), **room)
        n, num_epochs = self.measured.n, self.measured.num_epochs
        self._views = [
            views.cloud(first),
            views.against_batch_size(second, n),
            views.along_run(third, n, num_epochs),
        ]
        return self._views

    def show(self):
        """Bring the views up to date."""
        measured, (epoch, inner, plane), size = self.measured, self.gradients, self.batch_size
        weights = measure.draw_batches(measured.n, size, DOTS)
        self.cosine, self.points = measure.cosine(inner, weights), weights @ plane
        self.scale, unit = measure.noise_scale(inner), max(inner.mean(), 1e-300)
        self.length = np.sqrt(measure.squared_length(inner, weights) / unit)
        self.variance = measure.squared_deviation(inner, weights).mean() / unit
        self.expected = measure.expected_deviation(inner, size) / unit
        curves = measured.curves.get(epoch, np.full((2, len(measured.sizes)), np.nan)) / unit
        cloud, against_batch_size, along_run = self._views
        cloud.update(self.points, size, self.cosine, self.length)
        against_batch_size.update(measured.sizes, curves, self.scale, size, self.variance)
        along_run.update(measured.estimates, epoch, self.scale)

    def facts(self):
        """What is counted, and what the dots are."""
        return [
            f"N = {self.measured.n} training samples",
            f"batch gradients: {DOTS} batches",
            f"variance: {DRAWS} batches of each size",
            f"a dot from two batches: {PAIRS} pairs of batches of 8 and {self.measured.n // 2}; at the upper edge no "
            "signal was found",
        ]

    def words(self):
        """What the picture shows, in words."""
        n, size, low, high = self.measured.n, self.batch_size, *np.percentile(self.cosine, [5, 95])
        outside = int(np.sum(np.abs(self.points - [1, 0]).max(axis=1) > views.REACH))
        text = (
            f"batch size {size}, epoch {self.gradients.epoch}: cosine with the full gradient "
            f"{np.median(self.cosine):.2f} (nine in ten lie between {low:.2f} and {high:.2f}), length "
            f"{np.median(self.length):.2f} times that of the full gradient, in the median."
        )
        if outside:
            text += f" {outside} of {DOTS} batches lie outside the first panel."
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
