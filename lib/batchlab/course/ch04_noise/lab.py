"""The live pictures of gradient noise: batch gradients around the full one at any batch size, and along a run."""

import functools
from typing import Any, NamedTuple

import numpy as np

from ... import measure
from ...live import Live, Menu, Whole, columns
from .. import plots
from . import views
from .runs import EARLY, RUNS

DRAWS, SIZES, DOTS = 200, 20, 80  # batches of one size and sizes on the curve; batches in the cloud
STOPS, ALONG_SIZE = 25, 16  # epochs on the curve of a run; batch size of the cloud along it
KEPT = 9  # epochs whose inner products are kept: a megabyte each for the digits
AT_ONCE = 4  # sizes of the curve that are measured in a slice


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
        self.num_epochs, self.run = RUNS[name].num_epochs, RUNS[name].run(name, num_epochs=0)
        self.n = len(self.run.problem.x)
        self.sizes = measure.spread_sizes(self.n, SIZES)
        self.stops = np.unique(np.expm1(np.linspace(0, np.log1p(self.num_epochs), STOPS)).round().astype(int)).tolist()
        self.variances, self.along = np.full((2, len(self.sizes)), np.nan), {}
        self.gradients = functools.lru_cache(maxsize=KEPT)(self._gradients)  # the `Gradients` at an epoch

    def train(self):
        """Train the run to its end."""
        while self.run.num_epochs < self.num_epochs:
            self.run.train(min(5, self.num_epochs - self.run.num_epochs))
            yield

    def _gradients(self, epoch):
        inner = measure.inner_products(self.run.problem, self.run.model, self.run.params_at(epoch))
        return Gradients(epoch, inner, measure.plane(inner))

    def measure_variances(self, inner):
        """Fill `variances`: those of batches of each size, without and with replacement, NaN at first."""
        for replace, curve in enumerate(self.variances):
            while len(missing := np.flatnonzero(np.isnan(curve))[:AT_ONCE]):
                curve[missing] = measure.noise_curve(inner, self.sizes[missing], DRAWS, replace=bool(replace))
                yield

    def measure_along(self):
        """Fill `along`: |G|^2 and tr Sigma at each stop."""
        for stop in self.stops:
            if stop not in self.along:
                inner = self.gradients(stop).inner
                self.along[stop] = inner.mean(), measure.variance(inner)
                yield


class GradientLab(Live):
    """What both pictures share: a dataset whose run is trained once, and the gradients at one of its epochs."""

    size, narrow_height = (9.0, 3.7), 7.0
    dataset = Menu("dataset", RUNS)

    def __init__(self, dataset="noisy sine", *, controls=None, locked=False, **settings):
        self._first = GradientLab.dataset.validate(self, dataset)
        self.measured = Measured(dataset)
        self._known, self.gradients = {dataset: self.measured}, None
        super().__init__(controls=controls, locked=locked, dataset=dataset, **settings)

    def work(self):
        """Train the run once; take the gradients at the epoch that is asked for; measure what is drawn of the run.

        What is shown is changed in one step, when it is ready: until then the old picture stays, whole.
        """
        if self.dataset not in self._known:
            self.say(f"Preparing {self.dataset}: its programs are compiled once.")
            yield
            self._known[self.dataset] = Measured(self.dataset)
        measured = self._known[self.dataset]
        yield from measured.train()
        gradients = measured.gradients(min(self.epoch, measured.num_epochs))
        if measured is not self.measured or self.gradients is None:
            self._take(measured)
        self.gradients = gradients
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        yield
        if not self.locked:
            yield from self.measure()

    def _take(self, measured):
        """Bring another dataset onto the stage: its limits and its axes."""
        self.measured = measured
        self.redraw()

    def panels(self, figure):
        """Two axes side by side."""
        below = 0.6 if plots.narrow(figure) else 0.5
        return columns(figure, (1, 1.3), left=(0.6, 0.75), right=0.15, top=0.4, bottom=below)

    def __repr__(self):
        return f"{type(self).__name__}: {self._first}"


class NoiseLab(GradientLab):
    """Batch gradients around the full gradient early in a run, at any batch size, live.

    The cloud is drawn without replacement: its batches are the beginnings of the same 80 shuffles at every size.
    Nothing is trained when a slider moves: the run is trained once.

    Args:
        dataset: "noisy sine", "two moons" or "digits".
        batch_size: where the picture starts.
        controls, locked: see `Live`; while locked the outcome is hidden.

    >>> lab = NoiseLab("noisy sine")
    >>> lab.batch_size = 400
    >>> lab.words()[:53]
    'batch size 400: distance from the full gradient 0 |G|'
    """

    recorded = (("dataset", 3), ("batch_size", 14))

    epoch = EARLY
    batch_size = Whole(
        "batch size",
        1,
        lambda lab: lab.measured.n,
        1,
        log=True,
        hint=lambda lab: f"1: SGD, {lab.measured.n}: full-batch GD",
        remedy=lambda lab: f"{lab.measured.n} are all samples: the full gradient itself.",
    )

    def measure(self):
        """The curve of the second panel."""
        return self.measured.measure_variances(self.gradients.inner)

    def _take(self, measured):
        super()._take(measured)
        self.batch_size = min(self.batch_size, measured.n)

    def draw(self, figure):
        """Axes that stay as they are while a dataset is shown, and the views in them."""
        first, second = self.panels(figure)
        scale = measure.noise_scale(self.gradients.inner)
        return [views.cloud(first, 1.0, views.REACH), views.distances(second, self.measured.n, scale)]

    def show(self):
        """Bring the views up to date."""
        measured, (_, inner, plane), size = self.measured, self.gradients, self.batch_size
        weights, unit = measure.draw_batches(measured.n, size, DOTS), max(inner.mean(), 1e-300)
        self.cosine, self.points = measure.cosine(inner, weights), weights @ plane
        self.distance = np.sqrt(measure.squared_deviation(inner, weights).mean() / unit)
        self.expected = np.sqrt(measure.expected_deviation(inner, size) / unit)
        cloud, distances = self.picture.views
        cloud.update(self.points, f"{DOTS} batches of {size}", f"median cosine {np.median(self.cosine):.2f}", 1.0)
        distances.update(measured.sizes, np.sqrt(measured.variances / unit), size, self.distance)

    def facts(self):
        """What is counted, and where."""
        run = self.measured.run
        return [
            f"N = {self.measured.n} training samples",
            f"epoch {EARLY} of a run with batch size {run.batch_size}",
            f"right: root mean square of {DRAWS} batches of each size",
        ]

    def words(self):
        """What the picture shows, in words."""
        low, high = np.percentile(self.cosine, [5, 95])
        outside = int(np.sum(np.abs(self.points - [1, 0]).max(axis=1) > views.REACH))
        text = (
            f"batch size {self.batch_size}: distance from the full gradient {self.distance:.3g} |G| (root mean square "
            f"of {DOTS} batches), median cosine {np.median(self.cosine):.2f} (nine in ten: {low:.2f} to {high:.2f})."
        )
        if outside:
            text += f" {outside} of {DOTS} batches lie outside the first panel."
        if self.locked:
            return text
        text += f" Theory for the batches of an epoch: {self.expected:.3g} |G|."
        if self.batch_size == self.measured.n:
            return text + " This batch is all samples: no noise is left."
        return text + f" The error is {'longer' if self.expected > 1 else 'shorter'} than the full gradient itself."


class RunLab(GradientLab):
    """Batch gradients around the full gradient at any epoch of a run, and signal and noise along it, live.

    Args:
        dataset: "noisy sine", "two moons" or "digits".
        epoch: where the picture starts.
        controls, locked: see `Live`; while locked the outcome is hidden.

    >>> RunLab("two moons", epoch=0).words()[:15]
    'epoch 0: signal'
    """

    recorded = (("dataset", 3), ("epoch", 20))

    epoch = Whole(
        "epoch",
        0,
        lambda lab: lab.measured.num_epochs,
        0,
        log=True,
        hint=lambda lab: f"of a run with batch size {lab.measured.run.batch_size}",
        remedy="The run was trained no longer.",
    )

    def measure(self):
        """The curves of the second panel."""
        return self.measured.measure_along()

    def _take(self, measured):
        super()._take(measured)
        self.epoch = min(self.epoch, measured.num_epochs)

    def draw(self, figure):
        """Axes that stay as they are while a dataset is shown, and the views in them."""
        first, second = self.panels(figure)
        inner = self.measured.gradients(0).inner  # the start is the noisiest and has the longest gradient
        length, reach = np.sqrt(inner.mean()), 1.6 * np.sqrt(inner.mean() + measure.variance(inner) / ALONG_SIZE)
        along = views.signal_and_noise(second, self.measured.num_epochs)
        return [views.cloud(first, length / 2, reach, unit=""), along]

    def show(self):
        """Bring the views up to date."""
        epoch, inner, plane = self.gradients
        self.signal, self.noise, length = inner.mean(), measure.variance(inner), np.sqrt(inner.mean())
        points = measure.draw_batches(self.measured.n, ALONG_SIZE, DOTS) @ plane * length
        cloud, curves = self.picture.views
        cloud.update(points, f"{DOTS} batches of {ALONG_SIZE}, epoch {epoch}", f"|G| = {length:.2g}", length)
        curves.update(self.measured.along, epoch, self.signal, self.noise)

    def facts(self):
        """What is counted."""
        return [f"N = {self.measured.n} training samples", f"left: {DOTS} batches of {ALONG_SIZE}, in fixed units"]

    def words(self):
        """What the picture shows, in words."""
        text = f"epoch {self.gradients.epoch}: signal |G|² {self.signal:.3g}, noise tr Σ {self.noise:.3g}"
        return f"{text}." if self.locked else f"{text}: noise scale {plots.figures(self.noise / self.signal)}."
