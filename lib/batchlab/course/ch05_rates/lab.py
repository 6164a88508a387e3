"""The live picture of rate and batch size: a map of final losses over both, its edge, its best rates, and two rules."""

import ipywidgets as widgets
import jax
import numpy as np
from matplotlib.colors import ListedColormap

from ... import measure
from ...checks import check_integer, check_number
from .. import plots
from ..stage import ChoiceControl, LogIntegerControl, Picture, Stage, facts, in_words
from . import grids

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # between the colours of the map
LOW, HIGH = 2e-4, 30.0  # of the loss curves
FEW = 10  # points of a curve: each is marked
RANGE = np.log2(grids.COARSE[0]) - 1, np.log2(grids.COARSE[-1]) + 1  # of the rates, as powers of 2
ROWS = 16  # of the map's image, for each factor of 4 in the rate
PREDICTED, LINEAR = plots.VALIDATION, "#CC79A7"
LARGEST_SCALE, SWEEP_FRAME_SECONDS = 4096, 0.3  # of its slider; between two frames while runs are made


class RateMap(Stage):
    """A map of final training losses over batch size and learning rate; point at a cell and see its runs.

    The map fills while the runs are made, coarse at first, then refined around the best rates and the edge of
    stability. Finished runs are kept: they are looked up when a cell is chosen, and not made again in a later session.
    A click into the map chooses a cell, as the two sliders do.

    Args:
        problem: what to train on, or None, see `grids.RateGrid`; or a `RateGrid`.
        batch_size, learning_rate: the cell that is chosen at first.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock. The runs go on.

    >>> from batchlab import data
    >>> lab = RateMap(grids.RateGrid(data.two_moons(n=8), seeds=1, hidden=(), keep=False), batch_size=8)
    >>> lab.wait().words()[:34]
    'batch size 8, learning rate 1: aft'
    """

    def __init__(self, problem=None, *, batch_size=32, learning_rate=1.0, locked=False):
        self.grid = problem if isinstance(problem, grids.RateGrid) else grids.RateGrid(problem)
        self._going, self._quiet, self._drawn, self._finished = True, False, None, 0
        params = self.grid.model.init(jax.random.key(0))
        inner = measure.inner_products(self.grid.problem, self.grid.model, params)
        self.measured_scale = measure.noise_scale(inner)
        super().__init__(self._controls(), Picture(width=9.0, height=4.1))
        self._draw()
        self.batch_size.value, self.learning_rate.value = self._check_size(batch_size), learning_rate
        if self._loop is None:  # nothing will go on between the cells: the picture is shown finished
            self.wait_for(self._pursue())
        self.show()
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked
        self.start(self._pursue())

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        style, wide = {"description_width": "6.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        sizes = self.grid.batch_sizes.tolist()
        self.batch_size = ChoiceControl("batch size", sizes, self._check_size, self.fail, **look)
        self.batch_size.hint.value = f"1: SGD, {sizes[-1]}: full-batch GD"
        rates, room = self.grid.rates(sizes[0]), len(grids.COARSE) + grids.MORE
        self.learning_rate = ChoiceControl("learning rate", rates, self._check_rate, self.fail, room, **look)
        self.noise_scale = LogIntegerControl("noise scale", self._check_scale, self.fail, **look)
        self.noise_scale.set_range(LARGEST_SCALE, max(1, round(self.measured_scale)))
        self.noise_scale.hint.value = f"of the orange curve; before training {self.measured_scale:.0f}"
        self.compare = widgets.Dropdown(options=list(grids.BUDGETS), description="compare at", style=style, layout=wide)
        self._buttons = [widgets.Button(description=name, layout={"width": "6em"}) for name in ("stop", "refine")]
        for control in (self.batch_size, self.learning_rate, self.noise_scale, self.compare):
            control.observe(self._moved, "value")
        for button, action in zip(self._buttons, (self._stop, self._refine), strict=True):
            button.on_click(action)
        column = widgets.VBox([self.batch_size, self.learning_rate, self.noise_scale])
        beside = widgets.VBox([self.compare, widgets.HBox(self._buttons)])
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        return [widgets.HBox([column, beside], layout=wrap)]

    def _check_size(self, value):
        n = int(self.grid.batch_sizes[-1])
        return check_integer("batch size", value, 1, n, f"{n} are all samples.")

    def _check_rate(self, value):
        return check_number("learning rate", value, 0, 1e6, low_allowed=False)

    def _check_scale(self, value):
        return check_integer("noise scale", value, 1, LARGEST_SCALE)

    @in_words
    def _moved(self, change):
        if not self._quiet:
            self._next_frame = 0.0  # the map can wait, a reader cannot
            if change["owner"] is self.batch_size:
                self._set_rates()
            self.start(self._pursue())

    @in_words
    def _stop(self, _button):
        self._going = not self._going
        self.start(self._pursue())

    @in_words
    def _refine(self, _button):
        self.grid.refine()
        self._going = True
        self.start(self._pursue())

    def clicked(self, x, y):
        """Choose the cell at a place in the picture, in parts of its width and height from the upper left corner."""
        width, height = self.picture.canvas.get_width_height()
        axes = self.picture.figure.axes[0]
        across, up = axes.transData.inverted().transform((x * width, (1 - y) * height))
        left, right, low, high = *axes.get_xlim(), *axes.get_ylim()
        if not self.locked and left <= across <= right and low <= up <= high:
            self.batch_size.value = int(self.grid.batch_sizes[int(np.clip(round(across), 0, self._columns - 1))])
            self.learning_rate.value = float(2.0**up)

    @in_words
    def _lock(self, _change):
        for control in (self.batch_size, self.learning_rate, self.noise_scale):
            control.disable(self.locked)
        for control in (self.compare, *self._buttons):
            control.disabled = self.locked
        self._hide()
        self.start(self._pursue())

    # ---- work --------------------------------------------------------------------------------------------------------

    def _pursue(self):
        """Make the runs that are missing, unless the reader has stopped that."""
        self.say("Make your prediction above, or skip it: then the map is shown." if self.locked else "")
        work = self.grid.work()  # which loses nothing when newer work replaces this
        while self._going and next(work, self) is not self:
            yield
        if not self._going or self.grid.finished == self.grid.total:
            self._set_rates()

    def _set_rates(self):
        self._quiet = True
        try:
            self.learning_rate.set_choices(self.grid.rates(self.batch_size.value))
        finally:
            self._quiet = False

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _draw(self):
        figure, grid = self.picture.figure, self.grid
        axes = figure.subplots(1, 2, width_ratios=(1.35, 1))
        figure.subplots_adjust(left=0.07, right=0.985, top=0.79, bottom=0.125, wspace=0.42)
        self._columns = len(grid.batch_sizes)
        self._views = [map_of_losses(axes[0], grid), lines_on_map(axes[0], grid), curves_of_cell(axes[1], grid)]
        self.picture.artists = [artist for view in self._views[1:] for artist in view.artists]
        self._hide()

    def _hide(self):
        """Before the prediction there is only the frame of the map."""
        for view in self._views:
            for artist in view.artists:
                artist.set_visible(not self.locked)
        self.picture.redraw()

    def show(self):
        """Bring picture and words up to date."""
        grid, budget = self.grid, self.compare.value
        sizes, size, rate = grid.batch_sizes, self.batch_size.value, self.learning_rate.value
        self._finished = grid.finished
        if (self._finished, budget) != self._drawn:
            self.best = grid.best(budget)
            self.beyond = np.array([grid.best_and_edge(b, budget)[1:] for b in sizes.tolist()])
            self._views[0].update(*_image(grid, budget))
            self._drawn = self._finished, budget
            self.picture.redraw()  # the map stands still while a cell is chosen
        known = np.isfinite(self.best)
        self.largest, self.linear = np.nan, np.nan
        if known.any():
            self.largest = measure.fitted_largest(sizes[known], self.best[known], self.noise_scale.value)
            self.linear = float(np.median((self.best / sizes)[known][:4]))
        rules = self.linear, self.largest, self.noise_scale.value
        self._views[1].update(self.best, self.beyond, rules, (size, rate), budget)
        self._views[2].update(grid.curves(size, rate), size, rate, budget)
        self.picture.show()
        self._buttons[0].description = "stop" if self._going else "go on"
        done = self._finished == grid.total
        self._buttons[0].disabled, self._buttons[1].disabled = self.locked or done, self.locked or not done
        self._frame_seconds = SWEEP_FRAME_SECONDS if self.busy else None  # drawing takes its time from the runs
        self.speak()
        self.counters.value = facts((self._progress(), f"N = {sizes[-1]} training samples", f"{len(grid.seeds)} seeds"))

    def _progress(self):
        total = self.grid.total
        if self._finished == total:
            return f"all {total} runs are done"
        return f"{self._finished} of {total} runs" + ("" if self._going else ", stopped")

    def words(self):
        """What the picture shows, in words."""
        grid, budget = self.grid, self.compare.value
        size, rate = self.batch_size.value, self.learning_rate.value
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
            predicted = measure.matched_rate(size, self.largest, self.noise_scale.value)
            text += f"The curve with noise scale {self.noise_scale.value} says {predicted:.3g}, "
            text += f"the linear rule {self.linear * size:.3g}."
        return text

    def __repr__(self):
        return f"RateMap: {self.grid.problem.name}"


# ---- views -----------------------------------------------------------------------------------------------------------


def _heights(rates):
    """Where the cells of a column meet: (r + 1,), as powers of two."""
    places = np.log2(rates)
    middle = (places[1:] + places[:-1]) / 2
    return np.concatenate([[places[0] - 1], middle, [places[-1] + 1]])


def _image(grid, budget):
    """The map by colours, rates upwards: (rows, b), -1 for no run yet, else how many BOUNDS are passed; the lost."""
    low, high = RANGE
    fine = np.arange(low, high, 2 / ROWS) + 1 / ROWS
    image, lost = np.full((len(fine), len(grid.batch_sizes)), -1), []
    for column, size in enumerate(grid.batch_sizes.tolist()):
        rates, losses = grid.losses(size, budget)
        if rates:
            kinds = np.searchsorted([*BOUNDS, grid.limit], losses, side="right")
            image[:, column] = kinds[np.clip(np.searchsorted(_heights(rates), fine) - 1, 0, len(rates) - 1)]
            lost += [(column, np.log2(rate)) for rate, kind in zip(rates, kinds, strict=True) if kind > len(BOUNDS)]
    return image, np.reshape(lost, (-1, 2))


def map_of_losses(axes, grid):
    """The map itself; `update(image, lost)`, see `_image`."""
    colors = ListedColormap(["white", *plots.STEPS, "white"])
    columns, sizes = np.arange(len(grid.batch_sizes)), grid.batch_sizes
    look = {"cmap": colors, "vmin": -1.5, "vmax": len(BOUNDS) + 1.5, "aspect": "auto", "origin": "lower"}
    extent, blank = (-0.5, len(sizes) - 0.5, *RANGE), np.full((2, len(sizes)), -1)
    image = axes.imshow(blank, extent=extent, interpolation="nearest", **look)
    (lost,) = axes.plot([], [], "x", color="0.6", markersize=5, antialiased=False, label="no better than guessing")
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="batch size B")
    axes.set_ylabel("learning rate", labelpad=1)
    axes.set_xticks(columns, sizes)
    axes.set_yticks(np.log2(grids.COARSE), [f"{rate:g}" if rate >= 1 else f"1/{1 / rate:g}" for rate in grids.COARSE])
    key, kinds = axes.inset_axes((1.03, 0.0, 0.035, 1.0)), np.arange(len(BOUNDS) + 1)
    key.imshow(kinds[:, None], **look)
    key.set_yticks(kinds[:-1] + 0.5, [f"{bound:g}" for bound in BOUNDS], fontsize=8)
    key.yaxis.tick_right()
    key.set_xticks([])
    key.set_title("training\nloss", fontsize=8, loc="left", pad=3)

    def update(values, places):
        image.set_data(values)
        lost.set_data(*places.T)

    return plots.View([image, lost], update)


def lines_on_map(axes, grid):
    """Best rates, edge, both rules and the chosen cell; `update(best, beyond, rules, cell, budget)`."""
    sizes, columns = grid.batch_sizes, np.arange(len(grid.batch_sizes))
    (edge,) = axes.plot([], [], color="black", linewidth=2, drawstyle="steps-mid", label="edge of stability")
    (linear,) = axes.plot(
        [], [], color=LINEAR, linewidth=2, linestyle=(0, (4, 2)), label=r"linear rule, $\eta \propto B$"
    )
    (curve,) = axes.plot([], [], color=PREDICTED, linewidth=2.2, label=r"$\eta_{max}\,/\,(1 + B_{noise}/B)$")
    look = {"markersize": 7, "markerfacecolor": "white", "markeredgecolor": "black", "linestyle": "none"}
    (dots,) = axes.plot([], [], "o", label="best rate", **look)
    (around,) = axes.plot([], [], color="white", linewidth=3.5)
    (cell,) = axes.plot([], [], color="black", linewidth=1.5, label="chosen cell")
    place = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "ncols": 2, "frameon": False, "fontsize": 8}
    heading = axes.text(-0.02, 1.245, "", transform=axes.transAxes, fontsize=10, va="bottom")
    handles = [dots, edge, curve, linear, axes.lines[0], cell]
    axes.legend(handles=handles, handlelength=1.8, columnspacing=1.2, labelspacing=0.25, **place)
    fine = np.linspace(-0.5, len(sizes) - 0.5, 120)
    at = np.interp(fine, columns, np.log2(sizes))  # the last column is N, whatever that is
    at += np.minimum(fine, 0) + np.maximum(fine - columns[-1], 0)

    def update(best, beyond, rules, chosen, budget):
        heading.set_text(f"median loss {grids.BUDGETS[budget]}, {len(grid.seeds)} seeds")
        dots.set_data(columns, np.log2(best))
        line = np.log2(np.sqrt(beyond[:, 0] * beyond[:, 1]))
        edge.set_data([-0.5, *columns, columns[-1] + 0.5], [line[0], *line, line[-1]])
        through, largest, scale = rules
        linear.set_data(fine, np.log2(through) + at)
        curve.set_data(fine, np.log2(measure.matched_rate(2.0**at, largest, scale)))
        size, rate = chosen
        x, rates = sizes.tolist().index(size), grid.rates(size)
        y = _heights(rates)[[rates.index(rate), rates.index(rate) + 1]]
        for outline in (around, cell):
            outline.set_data(x + np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), y[[0, 0, 1, 1, 0]])

    return plots.View([linear, curve, edge, dots, around, cell, heading], update)


def curves_of_cell(axes, grid):
    """The losses of a cell's runs, medians with the range of the seeds; `update(curves, size, rate, budget)`."""
    blank = [0, 1], [1, 1], [1, 1]
    pairs = (plots.TRAINING, "-", "training loss"), (plots.VALIDATION, (0, (4, 1.2)), "validation loss")
    bands = [axes.fill_between(*blank, color=color, alpha=0.2, linewidth=0) for color, _, _ in pairs]
    lines = [axes.plot([], [], color=c, linestyle=s, linewidth=1.7, label=name)[0] for c, s, name in pairs]
    axes.axhline(grid.limit, color="0.6", linewidth=1, antialiased=False)
    heading = axes.text(0.0, 1.13, "", transform=axes.transAxes, fontsize=10, va="bottom")
    said = axes.text(0.97, 0.03, "", transform=axes.transAxes, fontsize=9, ha="right", va="bottom")
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0}
    guess = axes.text(0.98, grid.limit * 1.2, "guessing", fontsize=8, ha="right", bbox=box)
    guess.set_transform(axes.get_yaxis_transform())
    axes.set(yscale="log", ylim=(LOW, HIGH))
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
    axes.minorticks_off()
    place = {"loc": "lower left", "bbox_to_anchor": (-0.03, 0.98), "ncols": 2, "frameon": False, "fontsize": 8}
    axes.legend(handles=lines, handlelength=1.6, columnspacing=1, **place)

    def update(curves, size, rate, budget):
        epochs, right = budget == "equal epochs", grid.epochs_at(size, budget)
        each = 1 if epochs else grid.updates[grid.batch_sizes.tolist().index(size)]
        axes.set_xlim(0, grids.EPOCHS if epochs else grids.ITERATIONS)
        axes.set_xlabel("epochs" if epochs else "updates (iterations)")
        heading.set_text(f"runs of batch size {size}, rate {rate:.3g}")
        longest = max((at for at, _ in curves), key=len, default=np.zeros(0))
        longest = longest[: np.searchsorted(longest, right - 1e-9) + 1]
        values = np.full((len(curves), len(longest), 2), HIGH)
        for run, (_, curve) in zip(values, curves, strict=True):
            run[: len(curve)] = np.clip(np.nan_to_num(curve[: len(longest), :2], nan=HIGH), LOW, HIGH)
        lost = sum(at[-1] < right - 1e-9 for at, _ in curves)
        said.set_text(f"diverged: {lost} of {len(curves)}" if lost else "" if curves else "not run yet")
        for which, (line, band) in enumerate(zip(lines, bands, strict=True)):
            shown = values[:, :, which] if len(curves) else np.full((1, 0), 1.0)
            line.set_data(each * longest, np.median(shown, axis=0))
            line.set_marker("o" if len(longest) < FEW else "")
            if len(longest):
                band.set_data(each * longest, shown.min(axis=0), shown.max(axis=0))
            band.set_visible(bool(len(longest)) and line.get_visible())

    return plots.View([*bands, *lines, heading, said, guess], update)
