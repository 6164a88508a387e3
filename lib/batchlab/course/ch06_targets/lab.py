"""The live picture of what a target costs: epochs, iterations, samples or seconds against the batch size."""

import numpy as np

from ... import data, measure, process
from ...checks import check_number
from ...descent import fit
from ...live import Live, Menu, Steps, View, Whole, press, running_loop
from .. import plots
from . import views

SIZES = (1, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
RATES = tuple(0.02 * 2.0**k for k in range(9))
RUNS_AT = {"best rates": True, "fixed rate": False}
REFRESH = 0.4  # seconds between two frames while the sweep goes on
BESIDE = 4  # batch sizes that the right panel draws besides the present one


def digits_sweep(seeds=8, seed=0, **settings):
    """The sweep of chapter 6, not yet run: 1,000 real digits with right labels, to a validation accuracy of 0.9.

    A run that has not got there after 1 + B / 8 epochs is given up.

    Args:
        seeds: how many starts, with their shuffles.
        seed: which samples, and the first start.
        settings: of `measure.Sweep`, in place of the chapter's.

    >>> digits_sweep().total  # 10 batch sizes, 9 rates, 8 seeds
    720
    """
    settings = {
        "batch_sizes": SIZES,
        "learning_rates": RATES,
        "num_epochs": [1 + size // 8 for size in settings.get("batch_sizes", SIZES)],
        "target": {"val_accuracy": 0.9},
        "checks": 16,
        "hidden": (32,),
        **settings,
    }
    return measure.Sweep(data.digits(n=1000, label_noise=0.0, seed=seed), seeds=seeds, seed=seed, **settings)


class SweptRate(Steps):
    """A learning rate of the sweep: a typed one becomes the nearest, one beyond them all is refused."""

    def validate(self, lab, value):
        """The nearest rate that was swept."""
        check_number(self.label, value, lab.rates[0], lab.rates[-1], remedy="The sweep tried no other.")
        return super().validate(lab, value)


class TargetLab(Live):
    """What it costs to reach a target: against the batch size, at one fixed rate and with the best rate for each.

    The sweep is trained in slices while the picture fills up. Controls only look up what it has found; where a batch
    size or a rate was not swept, the nearest one is shown.

    Args:
        sweep: a `measure.Sweep` with a validation accuracy as target and the same rates for all batch sizes, run or
            not; None takes `digits_sweep()`.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.
        settings: where the controls begin: batch_size, learning_rate, against, runs_at.

    >>> lab = TargetLab(digits_sweep(batch_sizes=(250, 500, 1000), learning_rates=(0.64, 1.28, 2.56), seeds=3))
    >>> lab.batch_size = 300
    >>> lab.words()[:61]
    'batch size 300, of which 250 is the nearest in the sweep: val'
    """

    size, narrow_height = (9.0, 3.9), 8.0
    batch_size = Whole(
        "batch size", 1, lambda lab: lab.n, 32, log=True, remedy=lambda lab: f"{lab.n} are all samples: full-batch GD."
    )
    learning_rate = SweptRate("learning rate", lambda lab: lab.rates.tolist(), 0.08, hint="the fixed one")
    against = Menu("against", plots.AXES)
    runs_at = Menu("right panel", RUNS_AT)

    def __init__(self, sweep=None, *, locked=False, **settings):
        process.keep_programs()
        sweep = digits_sweep() if sweep is None else sweep
        if not isinstance(sweep, measure.Sweep) or not sweep.target or "val_accuracy" not in sweep.target:
            raise ValueError("sweep must be a measure.Sweep with a target such as {'val_accuracy': 0.9}.")
        rates = sweep.learning_rates
        if (rates != rates[0]).any() or (np.diff(rates[0]) <= 0).any() or (np.diff(sweep.batch_sizes) <= 0).any():
            raise ValueError(
                "batch_sizes and learning_rates must ascend, and the rates be the same for every batch size."
            )
        self.sweep, self.n, self.goal = sweep, len(sweep.problem.x), sweep.target["val_accuracy"]
        self.sizes, self.rates = sweep.batch_sizes, rates[0]
        self.seconds, self.along = {}, None  # of an epoch; the mean noise scale along the full-batch run
        self._slices, self._stopped, self._looked_up, self._layout = None, False, -1, None
        begin = {"batch_size": min(32, self.n), "learning_rate": float(self.rates[len(self.rates) // 4])}
        super().__init__(locked=locked, **begin | {name: v for name, v in settings.items() if v is not None})

    @press(lambda lab: "go on with it" if lab._stopped else "stop the sweep", tip="stop the sweep, or go on with it",
           disabled=lambda lab: lab._looked_up == lab.sweep.total)  # fmt: skip
    def stop_or_go_on(self):
        """Stop the sweep, or go on with it."""
        self._stopped = not self._stopped

    def first_frame(self):
        """The sweep takes long: where a loop runs the picture fills up as it goes on."""
        self.wait() if running_loop() is None else self.start()

    @property
    def frame_seconds(self):
        """While the sweep goes on, it is the sweep that should get the time."""
        return Live.frame_seconds if self._slices is None else REFRESH

    # ---- work --------------------------------------------------------------------------------------------------------

    def begin(self, changed):
        """Take what the sweep has found meanwhile; axes that suit what is counted."""
        self._arrange()
        if "locked" in changed:
            self.redraw()

    def work(self):
        """Go on with the sweep, and measure what is compared with it."""
        self._tell()
        if self.along is not None:
            return
        yield
        while not self._stopped and self.sweep.finished < self.sweep.total:
            self._go_on()
            self._tell()
            yield
        if not self._stopped:
            self._slices = None
        self._arrange()
        for size in () if self._stopped else self.sizes.tolist():
            if size not in self.seconds:
                self.say(f"The sweep is done. Now the seconds of an epoch are measured: batch size {size}.")
                yield
                self.seconds[size] = measure.seconds_per_epoch(self.sweep.problem, size, model=self.sweep.model)
        if not self._stopped:
            self.say("Now the noise scale is measured along the full-batch run, as in chapter 4.")
            yield
            self.along = self._noise_scale_along()
        self._arrange()
        self._tell()

    def _go_on(self):
        """A slice of the sweep. What makes the slices is kept, so that a moved slider does not end it."""
        slices, self._slices = self._slices or self.sweep.work(), None
        if next(slices, self) is not self:
            self._slices = slices

    def _noise_scale_along(self):
        """The mean noise scale of the steps of the full batch to the target, at its best rate; NaN if there is none."""
        steps = np.median(self.best[-1])
        if self.sizes[-1] < self.n or not np.isfinite(steps):
            return np.nan
        run = fit(self.sweep.problem, model=self.sweep.model, batch_size=self.n, seed=self.sweep.seed,
                  learning_rate=self.best_rates[-1], num_epochs=int(np.ceil(steps)))  # fmt: skip
        return float(np.mean(measure.noise_scales_along(run, range(run.num_epochs))))

    def _tell(self):
        """Say how far the sweep is."""
        done, total = self.sweep.finished, self.sweep.total
        words = "Make your prediction above, or skip it: then the controls unlock. " if self.locked else ""
        if done < total:
            what = "was stopped after" if self._stopped else "goes on, and has finished"
            words += f"The sweep {what} {done} of {total} runs."
        self.say(words.strip())

    # ---- answers -----------------------------------------------------------------------------------------------------

    def _look_up(self):
        """Take from the sweep what it has found since the last time."""
        if self._looked_up == self.sweep.total or self._looked_up == (done := self.sweep.finished):
            return
        self._looked_up, self.epochs = done, self.sweep.epochs_to_target  # (batch sizes, rates, seeds)
        self.epochs[np.isnan(self.epochs).any(axis=(1, 2))] = np.nan  # which rate is best is not known half-way
        places, self.best = measure.best_rates(self.epochs)
        self.best_rates = self.rates[places]
        try:
            self.law = measure.fit_law(self.sizes, self.epochs * -(-self.n // self.sizes)[:, None, None])
        except ValueError:  # too few batch sizes are there yet
            self.law = None

    @property
    def units(self):
        """How much of the chosen axis an epoch is, for each batch size: (batch sizes,)."""
        return {
            "epochs": np.ones(len(self.sizes)),
            "iterations": -(-self.n // self.sizes),
            "samples seen": np.full(len(self.sizes), self.n),
            "seconds": np.array([self.seconds.get(size, np.nan) for size in self.sizes.tolist()]),
        }[self.against]

    def place(self):
        """Which batch size and which rate of the sweep are nearest to what is set."""
        apart = np.log(self.sizes / self.batch_size), np.log(self.rates / self.learning_rate)
        return tuple(int(np.argmin(np.abs(ratio))) for ratio in apart)

    def costs(self):
        """What the target costs on the chosen axis, with the best rates and at the fixed one: (batch sizes, seeds)."""
        return [counts * self.units[:, None] for counts in (self.best, self.epochs[:, self.place()[1]])]

    def run_of(self, at):
        """The run of a batch size's median seed, on the chosen axis: (places, validation accuracies), or None."""
        best = RUNS_AT[self.runs_at]
        rate = self.best_rates[at] if best else self.rates[self.place()[1]]
        epochs = self.best[at] if best else self.epochs[at, self.place()[1]]
        if np.isnan(epochs).any():
            return None
        seed = self.sweep.seeds[np.argsort(epochs, kind="stable")[(len(epochs) - 1) // 2]]
        x, y = self.sweep.curve("val_accuracy", int(self.sizes[at]), float(rate), int(seed))
        end = np.sort(epochs)[(len(epochs) - 1) // 2]
        if np.isfinite(end):  # the last measurement lies behind the target
            x, y = np.append(x[:-1], end), np.append(y[:-1], self.goal)
        return x * self.units[at], y

    # ---- what is shown -----------------------------------------------------------------------------------------------

    @property
    def _counted(self):
        """What an axis must hold: its unit for each batch size (or 1, before seconds are known), and its right end."""
        known = bool(np.isfinite(self.units).all())
        units, ends = self.units if known else np.ones(len(self.sizes)), np.median(self.best, axis=1)
        reached = np.isfinite(ends)
        near = self._looked_up == self.sweep.total and RUNS_AT[self.runs_at] and reached.any()
        # the best runs are all short
        return units, float(2 * np.max((ends * units)[reached]) if near else 4 * np.max(units * self.sweep.num_epochs))

    def _arrange(self):
        """Draw anew what stands still, if the axes must hold something else."""
        self._look_up()
        units, last = self._counted
        layout = self.against, units.tolist(), last
        if layout != self._layout:
            self._layout = layout
            self.redraw()

    def draw(self, figure):
        """What the target costs on the left, the runs on the right; before the prediction neither can be seen."""
        left, right = views.two_axes(figure)
        units, last = self._counted
        low, high = 0.5 * np.min(units / self.sweep.checks), 8 * np.max(units * self.sweep.num_epochs)
        shown = np.unique(np.linspace(0, len(self.sizes) - 1, BESIDE).round().astype(int))
        self._costs = views.costs_of_target(left, self.n, self.against, (low, high))
        self._runs = views.runs_to_target(right, self.sizes, shown, self.against, (low, last), self.goal)
        for axes in (left, right) if self.locked else ():
            views.predict_first(axes)
        return [View([], None), self._costs, self._runs]

    def show(self):
        """Bring the views up to date."""
        self._look_up()
        (at, rate), units = self.place(), self.units
        fitted = self.law.iterations(self.sizes) / -(-self.n // self.sizes) * units if self.law else None
        scale = self.law.noise_scale.value if self.law else np.nan, np.nan if self.along is None else self.along
        self._costs.update(self.sizes, self.costs(), fitted, scale, self.batch_size, self.rates[rate])
        self._runs.update([self.run_of(place) for place in range(len(self.sizes))], at, self.runs_at)

    def facts(self):
        """What is drawn."""
        seeds = f"median of {len(self.sweep.seeds)} seeds, band: all of them; right: the run of the median seed"
        return [f"N = {self.n} training samples", seeds, f"star: the batch size with the fewest {self.against}"]

    def words(self):
        """What the picture shows, in words."""
        size, text = self.batch_size, f"batch size {self.batch_size}, "
        if self.locked:
            return text + "the outcome is hidden until the prediction."
        (at, rate), counted = self.place(), self.against
        best, fixed = (np.median(costs, axis=1) for costs in self.costs())
        text += "" if self.sizes[at] == size else f"of which {self.sizes[at]} is the nearest in the sweep: "
        if np.isnan(best[at]):
            missing = "its runs are not finished" if np.isnan(self.best[at]).any() else "its seconds are not measured"
            return f"{text}{missing} yet."
        text += f"validation accuracy {self.goal:g} is reached {said(best[at], counted)} with its best rate "
        text += f"{self.best_rates[at]:g}, {said(fixed[at], counted)} at the fixed rate {self.rates[rate]:g} "
        text += (
            f"(median of {len(self.sweep.seeds)} seeds). Fewest {counted}: {fewest(self.sizes, best)} with the best "
        )
        text += f"rates, {fewest(self.sizes, fixed)} at the fixed one."
        if self.law:
            value, low, high = self.law.noise_scale
            text += f" Noise scale: {value:.3g} fitted, 95 % interval from {low:.3g} to {high:.3g}"
            known = self.along is not None and np.isfinite(self.along)
            text += f"; {self.along:.3g} measured along the full-batch run." if known else "."
        return text

    def __repr__(self):
        return f"TargetLab: {self.sweep.problem.name}, validation accuracy {self.goal:g}"


def said(cost, counted):
    """What the target costs, in words."""
    if np.isinf(cost):
        return "by fewer than half of the runs"
    return f"after ≈ {1e3 * cost:.3g} ms" if counted == "seconds" else f"after {plots.figures(cost)} {counted}"


def fewest(sizes, costs):
    """The cheapest batch size, in words."""
    known = np.isfinite(costs)
    return f"batch size {sizes[np.argmin(np.where(known, costs, np.inf))]}" if known.any() else "none"
