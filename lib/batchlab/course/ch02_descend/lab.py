"""Three descents on one loss surface, and their picture."""

import functools
import time

import ipywidgets as widgets
import jax
import numpy as np
import optax

from ...checks import check_integer, check_number
from ...descent import WIDTHS
from .. import plots
from ..plots import BEST, VALIDATION, Still
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words
from .surfaces import SURFACES, N, Walk, decayed_sgd, surface

PLAY_SECONDS = 5.0  # to draw the paths as they go
UNITS = {"epochs": (20, 100), "iterations": (200, 2000), "milliseconds": (1.0, 5.0)}  # where it starts, how far it goes


# ---- pictures --------------------------------------------------------------------------------------------------------

# Who descends: a name, a colour, a line, the mark at its end.
LOOKS = {
    "SGD": (VALIDATION, {"linewidth": 0.8, "antialiased": False}, "s"),
    "mini-batch": (BEST, {"linewidth": 1.4, "linestyle": (0, (4, 1)), "antialiased": False}, "D"),
    "GD": (plots.TRAINING, {"linewidth": 1.8}, "o"),
}


def contours(axes, surface, minima):
    """Contour lines, each twice as far above the lowest loss as the last, and the minima: losses of a grid, marks."""
    across, up = (np.linspace(*limits, 90) for limits in surface.window)
    losses = surface.losses(np.stack(np.meshgrid(across, up), axis=-1))
    lowest = surface.losses(minima)[0]
    levels = lowest + (losses.max() - lowest) * 2.0 ** np.arange(-7, -0.5, 1.0)
    axes.contour(across, up, losses, levels, colors="0.6", linewidths=0.6, antialiased=False)
    stars = []
    for at, point in enumerate(minima):
        look = {"marker": "X" if at else "*", "markersize": 9 if at else 13, "markeredgecolor": "white"}
        stars += axes.plot(*point, color="black", zorder=3, **look)
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0}
        words = "" if len(minima) == 1 else ("poorer" if at else "lowest")
        axes.annotate(words, point, (0, -40), textcoords="offset points", ha="center", va="top", fontsize=9, bbox=box)
    names = surface.names
    axes.set(xlim=surface.window[0], ylim=surface.window[1], xlabel=names[0], ylabel=names[1])
    return losses, stars


def basins_map(surface, minima, starts, reached):
    """The starts of `basins` on the surface, each marked by the minimum that descent came to, as a `Still`."""
    counts = [int(np.sum(reached == at)) for at in (0, 1, -1)]
    said = "Of {} starts on a grid, {} lead to the lowest minimum, {} to the poorer one, {} to neither."
    still = Still(said.format(len(starts), *counts) + " Starts beside a minimum lead to it.", height=4.0)
    axes = still.figure.subplots()
    looks = ((0, BEST, "*", "lowest"), (1, VALIDATION, "X", "poorer"), (-1, "0.6", ".", "neither, yet"))
    for (at, color, marker, name), count in zip(looks, counts, strict=True):
        if count:
            axes.plot(*starts[reached == at].T, marker, color=color, alpha=0.7, label=f"ends in: {name}")
    contours(axes, surface, minima)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    axes.set_title("Where gradient descent ends, by where it starts", loc="left", fontsize=10)
    return still


# ---- the lab ---------------------------------------------------------------------------------------------------------


class Descents(Stage):
    """Gradient descent, stochastic and mini-batch descent from one start on one loss surface, drawn as they go.

    Every path is a run of `batchlab.fit`; the three differ in the batch size alone. Moving a control draws them anew;
    `play` draws them as they go. All stop after the same number of epochs, iterations or milliseconds.

    Args:
        name: "straight line" or "two bumps".
        batch_size: that of the mini-batch path, from 1 to 64.
        learning_rate, start: None takes those of the surface.
        amount: how many epochs at first.
        seed: the shuffles.
        locked: begin with the controls off and no path drawn, for a prediction to unlock.

    >>> lab = Descents("straight line", batch_size=4)
    >>> lab.batch_size.value = 8
    >>> lab.words()[:25]
    'batch size 8, epoch 20: m'
    """

    def __init__(
        self,
        name="straight line",
        *,
        batch_size=8,
        learning_rate=None,
        start=None,
        amount=None,
        seed=0,
        locked=False,
    ):
        batch_size = check_integer("batch_size", batch_size, 1, N, f"1 is SGD, {N} is full-batch gradient descent.")
        self._given = name, batch_size, learning_rate, start, amount, check_integer("seed", seed, 0, 2**31 - 1)
        self._quiet, self._share, self._words_due, self._loaded, self._prepared = False, 1.0, 0.0, None, set()
        surface(name)
        super().__init__(self._controls(), Picture(8.6, 4.0))
        self._reset_controls()
        self.wait_for(self._pursue())
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        if locked:
            self.locked = True
        else:
            self.start(self._prepare())

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        style, wide = {"description_width": "7.5em"}, widgets.Layout(width="23em")
        look = {"readout": False, "style": style, "layout": wide}
        menu = {"style": style, "layout": wide}
        self.surface = widgets.Dropdown(options=list(SURFACES), description="surface", **menu)
        self.same = widgets.Dropdown(options=list(UNITS), description="at equal", **menu)
        self.batch_size = LogIntegerControl("batch size", self._check_batch_size, self.fail, **look)
        self.batch_size.set_range(N, 8)
        self.batch_size.hint.value = "of the mini-batch path"
        self.learning_rate = NumberControl(
            widgets.FloatLogSlider(description="learning rate", min=-3, max=0.5, step=0.02, value=0.1, **look),
            lambda value: check_number("learning rate", value, 0, 1e3, low_allowed=False),
            self.fail,
        )
        self.seed = NumberControl(
            widgets.IntSlider(description="seed", max=20, **look),
            lambda value: check_integer("seed", value, 0, 2**31 - 1),
            self.fail,
        )
        self.begin = [
            NumberControl(
                widgets.FloatSlider(description="start", min=-2, max=2, step=0.05, **look),
                functools.partial(self._check_start, axis),
                self.fail,
            )
            for axis in (0, 1)
        ]
        self.amount = NumberControl(widgets.FloatSlider(description="epochs", **look), self._check_amount, self.fail)
        self.decay = widgets.Checkbox(description="let the rate decay", indent=False, layout={"width": "12em"})
        self._buttons = [widgets.Button(description=name, layout={"width": "6em"}) for name in ("play", "reset")]
        actions = (self._play, "draw the paths as they go"), (self._reset, "all controls of this surface back")
        for button, (action, tip) in zip(self._buttons, actions, strict=True):
            button.tooltip = tip
            button.on_click(action)
        self._numbers = (self.batch_size, self.learning_rate, self.seed, *self.begin, self.amount)
        self._choices = (self.surface, self.same, self.decay)
        for control in (*self._numbers, *self._choices):
            control.observe(self._moved, "value")
        left = widgets.VBox([self.batch_size, self.learning_rate, self.amount, self.same])
        right = widgets.VBox([*self.begin, self.seed, self.surface])
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        return [widgets.HBox([left, right], layout=wrap), widgets.HBox([*self._buttons, self.decay])]

    def _check_batch_size(self, value):
        return check_integer("batch size", value, 1, N, f"1 is SGD, {N} (all samples) is full-batch gradient descent.")

    def _check_start(self, axis, value):
        low, high = self.scene.window[axis]
        return check_number(f"start {self.scene.names[axis]}", value, low, high)

    def _check_amount(self, value):
        return check_number(self.same.value, value, 0, UNITS[self.same.value][1])

    @in_words
    def _moved(self, change):
        if self._quiet:
            return
        if change["owner"] is self.same:
            self._rescale()
        if change["owner"] is self.surface:
            self._given = (self.surface.value, self.batch_size.value, None, None, None, self.seed.value)
            self._reset_controls()
        self.start(self._pursue())

    @in_words
    def _play(self, _button):
        self.start(self._playing())

    @in_words
    def _reset(self, _button):
        self._reset_controls()
        self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in self._numbers:
            control.disable(self.locked)
        for control in (*self._choices, *self._buttons):
            control.disabled = self.locked
        self.start(self._pursue() if self.locked else self._playing())

    def _reset_controls(self):
        """Put every control where it was when the surface came up."""
        name, batch_size, learning_rate, start, amount, seed = self._given
        scene, _ = surface(name)
        self._quiet = True
        try:
            if self._loaded != name:
                self._load(name)
            self.surface.value, self.same.value, self.decay.value = name, "epochs", False
            self.batch_size.value, self.seed.value = batch_size, seed
            self.learning_rate.value = self.learning_rate.check(learning_rate or scene.learning_rate)
            self._rescale()
            self.amount.value = self._check_amount(self.amount.value if amount is None else amount)
            for axis, control in enumerate(self.begin):
                low, high = scene.window[axis]
                control.slider.description = f"start {scene.names[axis]}"
                control.set_range(high, self._check_start(axis, (start or scene.start)[axis]), low=low)
        finally:
            self._quiet = False

    def _rescale(self):
        """Let the amount count in another unit."""
        first, most = UNITS[self.same.value]
        quiet, self._quiet = self._quiet, True
        try:
            self.amount.slider.description = self.same.value
            self.amount.set_range(most, first, step=most / 100)
            self._horizon = 0
        finally:
            self._quiet = quiet

    def _load(self, name):
        """Bring a surface onto the stage, with axes and artists for it."""
        self.scene, self.minima = surface(name)
        self._loaded, self.walks, self._paces, problem = name, {}, {}, self.scene.problem
        figure = self.picture.clear()
        grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1), left=0.08, right=0.98, top=0.85, bottom=0.115)
        grid.update(wspace=0.2, hspace=0.75)
        plane, data, curves = self._axes = [figure.add_subplot(part) for part in (grid[:, 0], grid[0, 1], grid[1, 1])]
        losses, stars = contours(plane, self.scene, self.minima)
        plane.set_title("three descents on one loss surface", loc="left", fontsize=10)
        data.plot(problem.x, problem.y, "s", color="0.6", markersize=3, **plots.CRISP)
        data.set(xlabel="x", ylabel="y")
        for axes in (plane, data, curves):
            axes.tick_params(labelsize=9)
            axes.locator_params(axis="x", nbins=5)
        data.set_title("what each has learnt", loc="left", fontsize=10)
        self._grid = np.linspace(problem.x.min(), problem.x.max(), 100, dtype=np.float32)[:, None]
        self._floor = float(self.scene.losses(self.minima)[0])
        curves.set(yscale="log", ylim=(1e-4, losses.max()))
        curves.set_title("training loss above its lowest value", loc="left", fontsize=10)
        curves.grid(color="0.93", linewidth=0.8)
        self._artists, artists = {}, []
        for role, (color, line, mark) in LOOKS.items():
            lines = [axes.plot([], [], color=color, **line)[0] for axes in (plane, data, curves)]
            end = plane.plot([], [], mark, color=color, markersize=6, markeredgecolor="white", zorder=4)[0]
            self._artists[role] = [*lines, end]
            artists += [*lines, end]
        self._origin = plane.plot([], [], "P", color="black", markersize=9, markeredgecolor="white")[0]
        names = {"GD": f"GD, B = {N}", "mini-batch": "mini-batch, B by slider", "SGD": "SGD, B = 1"}
        handles = [
            plane.plot([], [], color=color, marker=mark, label=names[role], markeredgecolor="white", **line)[0]
            for role, (color, line, mark) in reversed(LOOKS.items())
        ]
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.07, 1.0), ncols=3, frameon=False, fontsize=9)
        self.picture.artists = [*artists, *stars, self._origin]

    # ---- work --------------------------------------------------------------------------------------------------------

    def _settings(self):
        """What each descent is asked for: role -> settings of a `Walk`."""
        sizes = {"SGD": 1, "mini-batch": self.batch_size.value, "GD": N}
        common = {
            "learning_rate": self.learning_rate.value,
            "seed": self.seed.value,
            "optimizer": decayed_sgd if self.decay.value else optax.sgd,
        }
        return {role: {"batch_size": size, **common} for role, size in sizes.items()}

    def _updates(self, role, amount):
        """How many updates a descent makes in an amount of the unit."""
        if self.same.value == "epochs":
            amount *= self.walks[role].run.iterations_per_epoch
        elif self.same.value == "milliseconds":
            amount /= self._pace(role)
        return int(amount + 1e-6)

    def _pace(self, role):
        key = self.walks[role].run.batch_size, self.decay.value
        if key not in self._paces:
            self._paces[key] = self.walks[role].pace()
        return self._paces[key]

    def _pursue(self):
        """Bring the three paths to where the controls ask for, slice by slice."""
        self._share = 1.0
        start = tuple(control.value for control in self.begin)
        if (self._loaded, self.decay.value) not in self._prepared and not self.locked:
            self.say("Preparing: the programs for this are compiled once.")
            yield
        for role, settings in self._settings().items():
            if role not in self.walks or self.walks[role].settings != (start, settings):
                self.walks[role] = Walk(self.scene, start, **settings)
        for role, walk in self.walks.items():
            while not (self.locked or walk.reach(self._updates(role, self.amount.value))):
                yield
        yield from self._prepare()
        self.say(*self._verdict())

    def _prepare(self):
        """Once for a surface and a rule: compile what other batch sizes need, before they are asked for."""
        key = self._loaded, self.decay.value
        for width in () if key in self._prepared or self.locked else WIDTHS:
            self.walks["GD"].run.prepare([width])
            yield
        if not self.locked:
            self._prepared.add(key)

    def _playing(self):
        yield from self._pursue()
        began = time.perf_counter()
        while self._loop is not None and (share := (time.perf_counter() - began) / PLAY_SECONDS) < 1:
            self._share = share**2  # slowly at first, where most happens
            yield
        self._share = 1.0

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def shown(self, role):
        """How many updates of a descent the picture shows."""
        if self.locked:
            return 0
        return min(self._updates(role, self.amount.value * self._share), len(self.walks[role].points) - 1)

    def show(self):
        """Bring picture and words up to date."""
        if len(self.walks) < len(LOOKS):
            return
        self._fit_axis()
        spans = np.ptp(self.scene.window, axis=1)
        for role, walk in self.walks.items():
            last = self.shown(role)
            points, losses = walk.points[: last + 1], walk.losses[: last + 1]
            points = np.where(np.abs(points) < 20 * spans, points, np.nan)
            trail, fit_, curve, end = self._artists[role]
            trail.set_data(*points.T)
            end.set_data(*points[-1:].T)
            outputs = _outputs(self.scene.model)(walk.points[last], self._grid)
            fit_.set_data(self._grid[:, 0], np.clip(outputs[:, 0], -1e6, 1e6))
            unit = {"epochs": 1 / walk.run.iterations_per_epoch, "iterations": 1.0}
            x = np.arange(last + 1) * (unit[self.same.value] if self.same.value in unit else self._pace(role))
            curve.set_data(*plots.thinned(x, np.clip(losses - self._floor, 1e-5, 1e9), most=40))
        self._origin.set_data(*[[control.value] for control in self.begin])
        self.picture.show()
        if not self.busy or time.perf_counter() >= self._words_due:
            self.speak()
            self.counters.value = self._count()
            self._words_due = time.perf_counter() + 0.5

    def _fit_axis(self):
        """The horizontal axis of the losses: a round length, so that it seldom changes."""
        most = UNITS[self.same.value][1]
        horizon = next(most * part for part in (0.05, 0.1, 0.2, 0.5, 1.0) if most * part >= self.amount.value - 1e-9)
        if self._horizon != (horizon, self._loaded):
            self._horizon = horizon, self._loaded
            self._axes[2].set(xlim=(0, horizon), xlabel=self.same.value)
            self.picture.redraw(self._axes[2])

    def _verdict(self):
        """What to say when all have arrived, and whether it is an alarm."""
        if self.locked:
            return ("Make your prediction above, or skip it: then the controls unlock and the paths are drawn.",)
        lost = [f"{role} (B = {walk.run.batch_size})" for role, walk in self.walks.items() if walk.lost()]
        if lost:
            rate = f"{self.learning_rate.value:.3g}"
            them = "it" if len(lost) == 1 else "them"
            return f"Diverged: {', '.join(lost)}. The learning rate {rate} is too high for {them}; lower it.", True
        return ("",)

    def words(self):
        """What the picture shows, in words."""
        parts = {role: self._place(role) for role in LOOKS}
        mini = self.walks["mini-batch"].run
        epoch = self.shown("mini-batch") // mini.iterations_per_epoch
        text = f"batch size {mini.batch_size}, epoch {epoch}: mini-batch descent made {parts['mini-batch']}. "
        text += f"GD (B = {N}) made {parts['GD']}. SGD (B = 1) made {parts['SGD']}. "
        if self.locked:
            return text + "Nothing has been drawn yet."
        return text + f"The lowest loss is {self._floor:.3g}."

    def _place(self, role):
        walk, last = self.walks[role], self.shown(role)
        point, loss = walk.points[last], walk.losses[last]
        names = zip(self.scene.names, point, strict=True)
        said = f"{last:,} update{'' if last == 1 else 's'}, "
        if walk.lost() and last == len(walk.points) - 1:
            return f"{said}and diverged"
        said += f"to {' and '.join(f'{name} {value:.2f}' for name, value in names)}, loss {loss:.3g}"
        if len(self.minima) > 1:
            nearest = np.linalg.norm(self.minima - point[None], axis=1).argmin()
            said += f", nearest to the {'poorer' if nearest else 'lowest'} minimum"
        return said

    def _count(self):
        cells = [f"N = {N} training samples"]
        for role, walk in reversed(self.walks.items()):
            each = walk.run.iterations_per_epoch
            pace = f", {self._pace(role) * 1e3:.2g} µs per update" if self.same.value == "milliseconds" else ""
            cells.append(f"{role}: {each} iteration{'s' if each > 1 else ''} per epoch{pace}")
        return facts(cells)

    def __repr__(self):
        return f"Descents: {self._given[0]}"


@functools.lru_cache(maxsize=16)
def _outputs(model):
    return jax.jit(model.predict)
