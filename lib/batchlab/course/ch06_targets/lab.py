"""The live picture of what a target costs: epochs, iterations, samples or seconds against the batch size."""

import time

import ipywidgets as widgets
import numpy as np

from ... import data, measure
from ...checks import check_integer, check_number
from ...descent import fit
from .. import plots
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words
from . import views

SIZES = (1, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
RATES = tuple(0.02 * 2.0**k for k in range(9))
AXES = tuple(plots.AXES)  # epochs, iterations, samples seen, seconds
RUNS_AT = {"best rates": True, "fixed rate": False}
REFRESH = 0.4  # seconds between two frames while the sweep goes on: it is the sweep that should get the time
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


class TargetLab(Stage):
    """What it costs to reach a target: against the batch size, at one fixed rate and with the best rate for each.

    The sweep is trained in slices while the picture fills up. Controls only look up what it has found; where a batch
    size or a rate was not swept, the nearest one is shown.

    Args:
        sweep: a `measure.Sweep` with a validation accuracy as target and the same rates for all batch sizes, run or
            not; None takes `digits_sweep()`.
        batch_size, learning_rate: where the picture starts.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = TargetLab(digits_sweep(batch_sizes=(250, 500, 1000), learning_rates=(0.64, 1.28, 2.56), seeds=3))
    >>> lab.batch_size.value = 300
    >>> lab.words()[:61]
    'batch size 300, of which 250 is the nearest in the sweep: val'
    """

    def __init__(self, sweep=None, *, batch_size=32, learning_rate=None, locked=False):
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
        self._sweeping, self._stopped, self._quiet = None, False, True
        self._due, self._done, self._drawn = 0.0, -1, ()
        super().__init__(self._controls(), Picture(width=9.0, height=3.5))
        self.batch_size.set_range(self.n, check_integer("batch_size", batch_size, 1, self.n))
        self.learning_rate.value = self._check_rate(learning_rate or float(self.rates[len(self.rates) // 4]))
        self._quiet = False
        if self._loop is None:  # nobody waits for the sweep: the picture is finished before it is shown
            self.wait_for(self._pursue())
            self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked
        if self._loop is not None:
            self.show()
            self.start(self._pursue())

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        style, wide = {"description_width": "6.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        self.batch_size = LogIntegerControl(
            "batch size",
            lambda value: check_integer("batch size", value, 1, self.n, f"{self.n} are all samples: full-batch GD."),
            self.fail,
            **look,
        )
        low, high = np.log10(self.rates[[0, -1]])
        step = (high - low) / (len(self.rates) - 1) if high > low else 1.0
        self.learning_rate = NumberControl(
            widgets.FloatLogSlider(description="learning rate", min=low, max=high, step=step, value=10**low, **look),
            self._check_rate,
            self.fail,
        )
        self.learning_rate.hint.value = "the fixed one"
        self.against, self.runs_at = (
            widgets.Dropdown(options=list(options), description=name, style=style, layout=wide)
            for name, options in (("against", AXES), ("right panel", RUNS_AT))
        )
        self.pausing = widgets.Button(description="stop the sweep", tooltip="stop the sweep, or go on with it")
        self.pausing.on_click(self._stop_or_go_on)
        for control in (self.batch_size, self.learning_rate, self.against, self.runs_at):
            control.observe(self._moved, "value")
        columns = [widgets.VBox([self.batch_size, self.learning_rate]),
                   widgets.VBox([self.against, self.runs_at]), self.pausing]  # fmt: skip
        return [widgets.HBox(columns, layout=widgets.Layout(flex_flow="row wrap", overflow="visible"))]

    def _check_rate(self, value):
        return check_number("learning rate", value, *self.rates[[0, -1]].tolist(), remedy="The sweep tried no other.")

    @in_words
    def _moved(self, _change):
        if not self._quiet:
            self.start(self._pursue())

    @in_words
    def _stop_or_go_on(self, _button):
        self._stopped = not self._stopped
        self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in (self.batch_size, self.learning_rate):
            control.disable(self.locked)
        for control in (self.against, self.runs_at):
            control.disabled = self.locked
        self.start(self._pursue())

    # ---- work --------------------------------------------------------------------------------------------------------

    def _pursue(self):
        """Show what was asked for; then go on with the sweep, and measure what is compared with it."""
        self._due = 0.0
        self._tell()
        if self.along is not None:
            return
        yield
        if self._sweeping is None:
            self._sweeping = self.sweep.work()  # kept, so that a moved slider does not end it
        while not self._stopped and next(self._sweeping, self) is not self:
            if time.perf_counter() >= self._due:
                self._tell()
            yield
        for size in () if self._stopped else self.sizes.tolist():
            if size not in self.seconds:
                self.say(f"The sweep is done. Now the seconds of an epoch are measured: batch size {size}.")
                yield
                self.seconds[size] = measure.seconds_per_epoch(self.sweep.problem, size, model=self.sweep.model)
        if not self._stopped:
            self.say("Now the noise scale is measured along the full-batch run, as in chapter 4.")
            yield
            self.along = self._noise_scale_along()
        self._due = 0.0
        self._tell()

    def _noise_scale_along(self):
        """The mean noise scale of the steps of the full batch to the target, at its best rate; NaN if there is none."""
        self._look_up()
        steps = np.median(self.best[-1])
        if self.sizes[-1] < self.n or not np.isfinite(steps):
            return np.nan
        run = fit(self.sweep.problem, model=self.sweep.model, batch_size=self.n, seed=self.sweep.seed,
                  learning_rate=self.best_rates[-1], num_epochs=int(np.ceil(steps)))  # fmt: skip
        return float(np.mean(measure.noise_scales_along(run, range(run.num_epochs))))

    def _tell(self):
        """Say how far the sweep is."""
        done, total = self._done if self._done == self.sweep.total else self.sweep.finished, self.sweep.total
        self.pausing.disabled = done == total
        self.pausing.description = "go on with it" if self._stopped else "stop the sweep"
        words = "Make your prediction above, or skip it: then the controls unlock. " if self.locked else ""
        if done < total:
            what = "was stopped after" if self._stopped else "goes on, and has finished"
            words += f"The sweep {what} {done} of {total} runs."
        self.say(words.strip())

    # ---- answers -----------------------------------------------------------------------------------------------------

    def _look_up(self):
        """Take from the sweep what it has found since the last time."""
        if self._done == self.sweep.total or self._done == (done := self.sweep.finished):
            return
        self._done, self.epochs = done, self.sweep.epochs_to_target  # (batch sizes, rates, seeds)
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
        }[self.against.value]

    def place(self):
        """Which batch size and which rate of the sweep are nearest to what is set."""
        apart = np.log(self.sizes / self.batch_size.value), np.log(self.rates / self.learning_rate.value)
        return tuple(int(np.argmin(np.abs(ratio))) for ratio in apart)

    def costs(self):
        """What the target costs on the chosen axis, with the best rates and at the fixed one: (batch sizes, seeds)."""
        return [counts * self.units[:, None] for counts in (self.best, self.epochs[:, self.place()[1]])]

    def run_of(self, at):
        """The middle one of a batch size's seeds, on the chosen axis: (places, validation accuracies), or None."""
        best = RUNS_AT[self.runs_at.value]
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

    def _draw(self):
        """Axes for what is counted, and their views, unless they are there."""
        known = bool(np.isfinite(self.units).all())
        units, ends = self.units if known else np.ones(len(self.sizes)), np.median(self.best, axis=1)
        near = self._done == self.sweep.total and RUNS_AT[self.runs_at.value] and bool(np.isfinite(ends).any())
        wanted = self.against.value, known, self.locked, near
        if wanted == self._drawn:
            return
        self._drawn, figure = wanted, self.picture.clear()
        axes = figure.subplots(1, 2, width_ratios=(1.1, 1))
        figure.subplots_adjust(left=0.075, right=0.985, top=0.83, bottom=0.145, wspace=0.2)
        low, high = 0.5 * np.min(units / self.sweep.checks), 4 * np.max(units * self.sweep.num_epochs)
        shown = np.unique(np.linspace(0, len(self.sizes) - 1, BESIDE).round().astype(int))
        costs = views.costs_of_target(axes[0], self.n, self.against.value, (low, high))
        last = 2 * np.max((ends * units)[np.isfinite(ends)]) if near else high  # the best runs are all short
        runs = views.runs_to_target(axes[1], self.sizes, shown, self.against.value, (low, last), self.goal)
        self._views = [costs, runs]
        self.picture.artists = [artist for view in self._views for artist in view.artists]
        for artist in self.picture.artists:
            artist.set_visible(not self.locked)
        for panel in axes if self.locked else ():
            panel.text(0.5, 0.5, "predict first", transform=panel.transAxes, ha="center", color="0.4")

    def show(self):
        """Bring picture and words up to date."""
        now = time.perf_counter()
        if now < self._due:
            return
        self._look_up()
        self._due = now + REFRESH if self._done < self.sweep.total else 0.0
        self._draw()
        if not self.locked:
            (at, rate), units = self.place(), self.units
            fitted = self.law.iterations(self.sizes) / -(-self.n // self.sizes) * units if self.law else None
            scale = self.law.noise_scale.value if self.law else np.nan, np.nan if self.along is None else self.along
            self._views[0].update(self.sizes, self.costs(), fitted, scale, self.batch_size.value, self.rates[rate])
            self._views[1].update([self.run_of(place) for place in range(len(self.sizes))], at, self.runs_at.value)
        self.picture.show()
        self.speak()
        seeds = f"median of {len(self.sweep.seeds)} seeds, band: all of them; right: the middle one"
        star = f"star: the batch size with the fewest {self.against.value}"
        self.counters.value = facts([f"N = {self.n} training samples", seeds, star])

    def words(self):
        """What the picture shows, in words."""
        size, text = self.batch_size.value, f"batch size {self.batch_size.value}, "
        if self.locked:
            return text + "the outcome is hidden until the prediction."
        (at, rate), counted = self.place(), self.against.value
        best, fixed = (np.median(costs, axis=1) for costs in self.costs())
        text += "" if self.sizes[at] == size else f"of which {self.sizes[at]} is the nearest in the sweep: "
        if np.isnan(best[at]):
            missing = "its runs are not finished" if np.isnan(self.best[at]).any() else "its seconds are not measured"
            return f"{text}{missing} yet."
        asked = self.learning_rate.value
        near = "" if abs(self.rates[rate] / asked - 1) < 0.01 else f", in the sweep the nearest to {asked:.3g}"
        text += f"validation accuracy {self.goal:g} is reached {said(best[at], counted)} with its best rate "
        text += f"{self.best_rates[at]:g}, {said(fixed[at], counted)} at the fixed rate {self.rates[rate]:g}{near} "
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
