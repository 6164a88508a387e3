"""The live picture of what a target costs: epochs, iterations, samples or seconds against the batch size."""

import numpy as np

from ... import measure
from ...live import Live, Menu, Steps, View, Whole, columns, press, running_loop
from .. import plots
from . import views
from .races import FIXED, digits_sweep


class TargetLab(Live):
    """What it costs to reach a target: against the batch size, at one fixed rate and with the best rate for each.

    The sweep is trained in slices while the picture fills up. Controls only look up what it has found; where a batch
    size or a rate was not swept, the nearest one is shown.

    Args:
        sweep: a `measure.Sweep` with a validation accuracy as target and the same rates for all batch sizes, run or
            not; None takes `digits_sweep()`.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.
        settings: where the controls begin: batch_size, learning_rate, against.

    >>> lab = TargetLab(digits_sweep(batch_sizes=(250, 500, 1000), learning_rates=(0.64, 1.28, 2.56), seeds=3))
    >>> lab.batch_size = 300
    >>> lab.words()[:61]
    'batch size 300, of which 250 is the nearest in the sweep: val'
    """

    recorded = (("against", 4), ("batch_size", 10), ("learning_rate", 8))
    size, narrow_height = (9.0, 3.9), 8.0
    frame_seconds = 0.4  # while the sweep goes on, it is the sweep that should get the time
    batch_size = Whole(
        "batch size", 1, lambda lab: lab.n, 32, log=True, remedy=lambda lab: f"{lab.n} are all samples: full-batch GD."
    )
    learning_rate = Steps(
        "learning rate", lambda lab: lab.rates.tolist(), FIXED, hint="the fixed one", remedy="The sweep tried no other."
    )
    against = Menu("against", plots.AXES)

    def __init__(self, sweep=None, *, locked=False, **settings):
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
        self.seconds = {}  # of an epoch, by batch size
        self._slices, self._stopped, self._looked_up = None, False, -1
        begin = {"batch_size": min(32, self.n), "learning_rate": float(np.clip(FIXED, self.rates[0], self.rates[-1]))}
        super().__init__(locked=locked, **begin | settings)

    @press(lambda lab: "go on with the sweep" if lab._stopped else "pause the sweep", tip="pause, or go on",
           disabled=lambda lab: lab.sweep.finished == lab.sweep.total)  # fmt: skip
    def stop_or_go_on(self):
        """Pause the sweep, or go on with it."""
        self._stopped = not self._stopped

    def first_frame(self):
        """The sweep takes long: where a loop runs the picture fills up as it goes on."""
        self.wait() if running_loop() is None else self.start()

    # ---- work --------------------------------------------------------------------------------------------------------

    def begin(self, changed):
        """Axes that suit what is counted."""
        if not changed.isdisjoint(("against", "locked")):
            self.redraw()

    def work(self):
        """Go on with the sweep, and measure the seconds of an epoch."""
        self._tell()
        if len(self.seconds) == len(self.sizes):
            return
        yield
        while not self._stopped:
            slices, self._slices = self._slices or self.sweep.work(), None
            if next(slices, self) is self:
                break
            self._slices = slices  # kept, so that a moved slider does not end the sweep
            self._tell()
            yield
        if self._stopped:
            return
        for size in self.sizes.tolist():
            if size not in self.seconds:
                self.say(f"The sweep is done. Now the seconds of an epoch are measured: batch size {size}.")
                yield
                self.seconds[size] = measure.seconds_per_epoch(self.sweep.problem, size, model=self.sweep.model)
        if self.against == "seconds":
            self.redraw()
        self._tell()

    def _tell(self):
        """Say how far the sweep is."""
        done, total = self.sweep.finished, self.sweep.total
        words = "Make your prediction above, or skip it: then the controls unlock. " if self.locked else ""
        if done < total:
            what = "is paused after" if self._stopped else "goes on, and has finished"
            words += f"The sweep {what} {done} of {total} runs."
        self.say(words.strip())

    # ---- answers -----------------------------------------------------------------------------------------------------

    def _look_up(self):
        """Take from the sweep what it has found since the last time."""
        if self._looked_up == self.sweep.finished:
            return
        self._looked_up, self.epochs = self.sweep.finished, self.sweep.epochs_to_target  # (batch sizes, rates, seeds)
        self.epochs[np.isnan(self.epochs).any(axis=(1, 2))] = np.nan  # which rate is best is not known half-way
        places, self.best = measure.best_rates(self.epochs)  # (batch sizes, seeds)
        self.best_rates = self.rates[places]

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

    def run_of(self, at, best=True):
        """The run of a batch size's median seed, on the chosen axis: places and validation accuracies, (k,) each.

        `best`: at the best rate for this batch size, or else at the fixed one. Both are empty until its runs are done.
        """
        fixed = self.place()[1]
        rate, epochs = (self.best_rates[at], self.best[at]) if best else (self.rates[fixed], self.epochs[at, fixed])
        if np.isnan(epochs).any():
            return np.zeros((2, 0))
        median = np.argsort(epochs, kind="stable")[(len(epochs) - 1) // 2]
        x, y = self.sweep.curve("val_accuracy", int(self.sizes[at]), float(rate), int(self.sweep.seeds[median]))
        if np.isfinite(epochs[median]):  # the last measurement lies behind the target
            x, y = np.append(x[:-1], epochs[median]), np.append(y[:-1], self.goal)
        return x * self.units[at], y

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """What the target costs on the left, the runs on the right; before the prediction neither can be seen."""
        left, right = columns(figure, (1.1, 1), left=(0.72, 0.62), top=0.72, bottom=0.52)
        units = np.nan_to_num(self.units, nan=1.0)  # before seconds are known
        low, high = 0.5 * np.min(units / self.sweep.checks), 8 * np.max(units * self.sweep.num_epochs)
        self._costs = views.costs_of_target(left, self.n, self.against, (low, high))
        self._runs = views.runs_to_target(right, self.sizes, self.against, (low, high), self.goal)
        for axes in (left, right) if self.locked else ():
            plots.note(axes, 0.5, 0.5, "predict first", ha="center", color="0.4")
        return [View([], None), self._costs, self._runs]

    def show(self):
        """Bring the views up to date."""
        self._look_up()
        at, rate = self.place()
        self._costs.update(self.sizes, self.costs(), self.batch_size, self.rates[rate])
        self._runs.update([self.run_of(place) for place in (0, -1, at)] + [self.run_of(at, best=False)], self.sizes[at])

    def facts(self):
        """What is drawn."""
        seeds = f"left: median of {len(self.sweep.seeds)} seeds, band: all of them; right: the median seed"
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
        seeds = f"median of {len(self.sweep.seeds)} seeds"
        return (
            f"{text}validation accuracy {self.goal:g} is reached {said(best[at], counted)} with its best rate "
            f"{self.best_rates[at]:g}, {said(fixed[at], counted)} at the fixed rate {self.rates[rate]:g} ({seeds}). "
            f"Fewest {counted}: {fewest(self.sizes, best)} with the best rates, {fewest(self.sizes, fixed)} at the "
            "fixed one."
        )

    def __repr__(self):
        return f"TargetLab: {self.sweep.problem.name}, validation accuracy {self.goal:g}"


def said(cost, counted):
    """What the target costs, in words."""
    if np.isinf(cost):
        return "by half of the runs or fewer"
    return f"after ≈ {1e3 * cost:.3g} ms" if counted == "seconds" else f"after {plots.figures(cost)} {counted}"


def fewest(sizes, costs):
    """The cheapest batch size, in words."""
    return f"batch size {sizes[np.nanargmin(costs)]}" if np.isfinite(costs).any() else "none"
