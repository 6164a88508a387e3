"""The live picture of rate and batch size: a map of final losses over both, its edge, its best rates, and two rules."""

import jax
import numpy as np

from ... import measure, process
from ...checks import check_integer
from ...live import NARROW, Live, Menu, Steps, View, Whole, columns, press, running_loop
from . import grids, views

LARGEST_SCALE, SWEEP_FRAME_SECONDS = 4096, 0.3  # of its slider; between two frames while runs are made


class BatchSize(Steps):
    """A batch size of the map: a typed one becomes the nearest."""

    def validate(self, lab, value):
        """The nearest batch size, or an error in words."""
        n = int(lab.grid.batch_sizes[-1])
        return super().validate(lab, check_integer("batch size", value, 1, n, f"{n} are all samples."))


class RateMap(Live):
    """A map of final training losses over batch size and learning rate; point at a cell and see its runs.

    The map fills while the runs are made, coarse at first, then refined around the best rates and the edge of
    stability. Finished runs are kept: they are looked up when a cell is chosen, and not made again in a later session.
    A click into the map chooses a cell, as the two sliders do.

    Args:
        problem: what to train on, or None, see `grids.RateGrid`; or a `RateGrid`.
        batch_size, learning_rate: the cell that is chosen at first.
        controls: the labels of the controls to show; None shows all.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock. The runs go on.

    >>> from batchlab import data
    >>> lab = RateMap(grids.RateGrid(data.two_moons(n=8), seeds=1, hidden=(), keep=False), batch_size=8)
    >>> lab.wait().words()[:34]
    'batch size 8, learning rate 1: aft'
    """

    size, narrow_height = (9.0, 4.3), 9.4
    batch_size = BatchSize(
        "batch size",
        lambda lab: lab.grid.batch_sizes.tolist(),
        32,
        hint=lambda lab: f"1: SGD, {lab.grid.batch_sizes[-1]}: full-batch GD",
    )
    learning_rate = Steps("learning rate", lambda lab: lab.grid.rates(lab.batch_size), 1.0)
    noise_scale = Whole(
        "noise scale",
        1,
        LARGEST_SCALE,
        1,
        log=True,
        hint=lambda lab: f"of the orange curve; before training {lab.measured_scale:.0f}",
    )
    compare = Menu("compare at", grids.BUDGETS)

    def __init__(self, problem=None, *, batch_size=32, learning_rate=1.0, controls=None, locked=False):
        process.keep_programs()
        self.grid = problem if isinstance(problem, grids.RateGrid) else grids.RateGrid(problem)
        params = self.grid.model.init(jax.random.key(0))
        self.measured_scale = measure.noise_scale(measure.inner_products(self.grid.problem, self.grid.model, params))
        self._going, self._mapped = True, None
        scale = min(max(1, round(self.measured_scale)), LARGEST_SCALE)
        cell = {"batch_size": batch_size, "learning_rate": learning_rate}
        super().__init__(controls=controls, locked=locked, noise_scale=scale, **cell)

    @press(lambda lab: "stop" if lab._going else "go on", disabled=lambda lab: lab.complete, tip="stop or go on")
    def stop_or_go_on(self):
        """Stop making runs, or go on with it."""
        self._going = not self._going

    @press("refine", disabled=lambda lab: not lab.complete, tip="further rates around the best ones and the edge")
    def refine(self):
        """Ask for a further pass of runs."""
        self.grid.refine()
        self._going = True

    @property
    def complete(self):
        """Whether all runs that were asked for are made."""
        return self.grid.finished == self.grid.total

    @property
    def frame_seconds(self):
        """Drawing takes its time from the runs: while they are made the map is seen to fill now and then."""
        return SWEEP_FRAME_SECONDS

    def clicked(self, x, y):
        """Choose the cell at a place of the map."""
        axes = self.picture.figure.axes[0]
        across, up = axes.transData.inverted().transform((x, y))
        left, right, low, high = *axes.get_xlim(), *axes.get_ylim()
        if left <= across <= right and low <= up <= high:
            sizes = self.grid.batch_sizes
            self.batch_size = int(sizes[int(np.clip(round(across), 0, len(sizes) - 1))])
            self.learning_rate = float(2.0**up)

    def begin(self, changed):
        """Another batch size may have been run at other rates: the nearest is chosen."""
        del changed
        self.learning_rate = self.learning_rate

    def first_frame(self):
        """In a kernel the map fills after the cell; where nothing will go on, it is shown finished."""
        if running_loop() is None:
            self.wait()
        else:
            self.start()

    def work(self):
        """Make the runs that are missing, unless the reader has stopped that."""
        self.say("Make your prediction above, or skip it: then the map is shown." if self.locked else "")
        if self._going:
            yield from self.grid.work()  # which loses nothing when newer work replaces this

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The map with its lines on the left, the runs of the chosen cell on the right."""
        top = (1.15, 0.7) if figure.get_figwidth() >= NARROW else (1.75, 0.95)
        room = {"left": (0.6, 0.75), "right": (0.75, 0.15), "top": top, "bottom": 0.5}
        left, right = columns(figure, (1.35, 1), **room)
        self._map, self._lines = views.map_of_losses(left, self.grid), views.lines_on_map(left, self.grid)
        self._curves, self._mapped = views.curves_of_cell(right, self.grid), None
        return [View([], None), self._map, self._lines, self._curves]  # nothing is seen before the prediction

    def show(self):
        """Bring the views up to date."""
        grid, budget, sizes = self.grid, self.compare, self.grid.batch_sizes
        if (grid.finished, budget) != self._mapped:
            self.best = grid.best(budget)
            self.beyond = np.array([grid.best_and_edge(b, budget)[1:] for b in sizes.tolist()])
            self._map.update(*views.image(grid, budget))
            self._mapped = grid.finished, budget
        known = np.isfinite(self.best)
        self.largest, self.linear = np.nan, np.nan
        if known.any():
            self.largest = measure.fitted_largest(sizes[known], self.best[known], self.noise_scale)
            self.linear = float(np.median((self.best / sizes)[known][:4]))
        rules, cell = (self.linear, self.largest, self.noise_scale), (self.batch_size, self.learning_rate)
        self._lines.update(self.best, self.beyond, rules, cell, budget)
        self._curves.update(grid.curves(*cell), *cell, budget)

    def facts(self):
        """How far the runs are."""
        return [self._progress(), f"N = {self.grid.batch_sizes[-1]} training samples", f"{len(self.grid.seeds)} seeds"]

    def _progress(self):
        total = self.grid.total
        if self.complete:
            return f"all {total} runs are done"
        return f"{self.grid.finished} of {total} runs" + ("" if self._going else ", stopped")

    def words(self):
        """What the picture shows, in words."""
        grid, budget = self.grid, self.compare
        size, rate = self.batch_size, self.learning_rate
        text = f"batch size {size}, learning rate {rate:.3g}: "
        ends = grid.ends(size, rate, budget)
        if self.locked:
            return f"{text}its outcome is shown after your prediction."
        if ends is None:
            return text + f"not run yet, {self._progress()}."
        at = grid.epochs_at(size, budget)
        updates = round(at * grid.updates[grid.batch_sizes.tolist().index(size)])
        losses, lost = np.median(ends, axis=0), int(np.sum(~np.isfinite(ends[:, 0])))
        text += f"after {at:.3g} epochs ({updates:,} updates) "
        text += f"training loss {losses[0]:.3g}, validation loss {losses[1]:.3g}" if np.isfinite(losses[0]) else "lost"
        text += f"; {lost} of {len(ends)} runs diverged. " if lost else f" (medians of {len(ends)} seeds). "
        best, edge, beyond = grid.best_and_edge(size, budget)
        if np.isfinite(best):
            verdict = "beyond the edge of stability" if losses[0] >= grid.limit else f"{rate / best:.3g} times the best"
            text += f"For this batch size {best:.3g} is the best rate, and the edge lies between {edge:.3g} and "
            text += f"{beyond:.3g}: this rate is {verdict}. "
            predicted = measure.matched_rate(size, self.largest, self.noise_scale)
            text += f"The curve with noise scale {self.noise_scale} says {predicted:.3g}, "
            text += f"the linear rule {self.linear * size:.3g}."
        return text

    def __repr__(self):
        return f"RateMap: {self.grid.problem.name}"
