"""The live picture of rate and batch size: a map of final losses over both, its edge, and its best rates."""

import numpy as np

from ...checks import check_integer
from ...live import Live, Menu, Steps, View, columns, press, running_loop
from .. import plots
from . import grids, views


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
    A click into the map chooses a cell, as the two sliders do. Each optimizer has a map of its own.

    Args:
        problem: what to train on, or None, see `grids.RateGrid`; or a `RateGrid` of SGD.
        optimizer, batch_size, learning_rate: what is chosen at first.
        controls, locked: see `Live`; while locked the outcome is hidden, the runs go on.

    >>> from batchlab import data
    >>> lab = RateMap(grids.RateGrid(data.two_moons(n=8), seeds=1, hidden=(), keep=False), batch_size=8)
    >>> lab.wait().words()[:34]
    'batch size 8, learning rate 1: aft'
    """

    size, narrow_height = (9.0, 4.3), 9.4
    frame_seconds = 0.3  # drawing takes its time from the runs: the map is seen to fill now and then
    optimizer = Menu("optimizer", grids.OPTIMIZERS)
    batch_size = BatchSize(
        "batch size",
        lambda lab: lab.grid.batch_sizes.tolist(),
        32,
        hint=lambda lab: f"1: SGD, {lab.grid.batch_sizes[-1]}: full-batch GD",
    )
    learning_rate = Steps("learning rate", lambda lab: lab.grid.rates(lab.batch_size), 1.0)
    compare = Menu("compare at", grids.BUDGETS)

    def __init__(self, problem=None, *, optimizer="SGD", batch_size=32, learning_rate=1.0, controls=None, locked=False):
        first = problem if isinstance(problem, grids.RateGrid) else grids.RateGrid(problem)
        self._grids, self._going, self._mapped = {"SGD": first}, True, None
        cell = {"optimizer": optimizer, "batch_size": batch_size, "learning_rate": learning_rate}
        super().__init__(controls=controls, locked=locked, **cell)

    @property
    def grid(self):
        """The runs of the chosen optimizer."""
        if self.optimizer not in self._grids:
            self._grids[self.optimizer] = self._grids["SGD"].beside(self.optimizer)
        return self._grids[self.optimizer]

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

    def clicked(self, x, y):
        """Choose the cell at a place of the map."""
        point = plots.point_in(self.picture.figure.axes[0], x, y)
        if point is not None:
            sizes = self.grid.batch_sizes.tolist()
            self.batch_size = sizes[min(max(round(point[0]), 0), len(sizes) - 1)]
            self._choose_rate(2.0 ** point[1])

    def begin(self, changed):
        """Another batch size or optimizer may have been run at other rates: the nearest is chosen."""
        if "optimizer" in changed:
            self.redraw()
        self._choose_rate(self.learning_rate)

    def _choose_rate(self, rate):
        """Choose the nearest of the batch size's rates, however far away it is."""
        self.learning_rate = float(np.clip(rate, *self.grid.coarse[[0, -1]]))

    def first_frame(self):
        """In a kernel the map fills after the cell; where nothing will go on, it is shown finished."""
        self.wait() if running_loop() is None else self.start()

    def work(self):
        """Make the runs that are missing, unless the reader has stopped that."""
        waiting = "Make your prediction above, or skip it: then the map is shown." if self.locked else ""
        if self._going and not self.complete:
            if self.grid.slices is None:
                self.say(waiting or f"Training with {self.optimizer} is being compiled: a few seconds, once.")
                yield  # so that the wait is seen as one
            for _ in self.grid.work():  # which loses nothing when newer work replaces this
                self.say(waiting)
                yield
        self.say(waiting)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The map with its lines on the left, the runs of the chosen cell on the right."""
        top = (0.6, 0.45) if plots.narrow(figure) else (0.55, 0.35)
        left, right = columns(figure, (1.35, 1), left=(0.85, 0.75), right=(0.75, 0.15), top=top, bottom=0.5)
        self._map, self._lines = views.map_of_losses(left, self.grid), views.lines_on_map(left, self.grid)
        self._curves, self._mapped = views.curves_of_cell(right, self.grid), None
        return [View([], None), self._map, self._lines, self._curves]  # nothing is seen before the prediction

    def show(self):
        """Bring the views up to date."""
        grid, budget, cell = self.grid, self.compare, (self.batch_size, self.learning_rate)
        if (grid.finished, budget) != self._mapped:
            found = [grid.best_and_edge(size, budget) for size in grid.batch_sizes.tolist()]
            self.best, *self.around_edge = np.transpose(found)
            known = np.isfinite(self.best[:4])
            self.share = np.median((self.best / grid.batch_sizes)[:4][known]) if known.any() else np.nan
            self._map.update(*views.image(grid, budget))
            self._mapped = grid.finished, budget
        title = f"{self.optimizer}, {grids.BUDGETS[budget]}"
        self._lines.update(self.best, self.around_edge, self.share, cell, title)
        self._curves.update(*cell, budget)

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
        text = "" if self.optimizer == "SGD" else f"{self.optimizer}, "
        text += f"batch size {size}, learning rate {rate:.3g}: "
        if self.locked:
            return text + "its outcome is shown after your prediction."
        ends = grid.ends(size, rate, budget)
        if ends is None:
            return text + f"not run yet, {self._progress()}."
        at = grid.epochs_at(size, budget)
        updates = round(at * grid.updates(size))
        losses, lost = np.median(ends, axis=0), int(np.sum(~np.isfinite(ends[:, 0])))
        text += f"after {at:.3g} epochs ({updates:,} updates) "
        text += f"training loss {losses[0]:.3g}, validation loss {losses[1]:.3g}" if np.isfinite(losses[0]) else "lost"
        text += f"; {lost} of {len(ends)} runs diverged. " if lost else f" (medians of {len(ends)} seeds). "
        best, edge, beyond = grid.best_and_edge(size, budget)
        if np.isfinite(best):
            verdict = "beyond the edge of stability" if rate >= beyond > edge else f"{rate / best:.3g} times the best"
            where = f"between {edge:.3g} and {beyond:.3g}" if np.isfinite(beyond) else f"beyond {edge:.3g}"
            stable = "no rate is better than guessing" if np.isnan(edge) else f"the edge lies {where}"
            text += f"For this batch size, {best:.3g} is the best rate, and {stable}: this rate is {verdict}. "
            text += f"In proportion to B it would be {self.share * size:.3g}."
        return text

    def __repr__(self):
        return f"RateMap: {self.grid.problem.name}"
