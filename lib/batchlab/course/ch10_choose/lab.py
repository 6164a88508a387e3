"""The live picture of a choice: batch size, rate and epochs for one's own data, predicted, committed, then tested."""

import math

import ipywidgets as widgets
import numpy as np
from matplotlib.ticker import FuncFormatter

from ... import data
from ...checks import check_integer, check_number
from .. import plots, quiz
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words
from . import planning, report

RULE, MEASURED, MINE = plots.VALIDATION, plots.TRAINING, plots.NOW
# Cost over the lowest, up to: a square of this colour and size. The dearer, the paler and smaller.
STEPS = ((1.5, "#0072B2", 13), (3, "#8FC1DE", 11), (10, "#BBD9EB", 9), (math.inf, "0.82", 6))
KEY = "10.choice"
START = {"batch_size": 16, "learning_rate": 0.05, "epochs": 20}  # what is often copied from somewhere
HIDDEN = "Make your prediction above, or skip it: then the controls unlock."


class Choice(Stage):
    """Choose batch size, learning rate and epochs with the help of three rules, commit, and see a sweep judge.

    Args:
        given: a `Problem`, or the `planning.Plan` that has been made for one.
        hidden: widths of the hidden layers.
        locked: begin with the controls off and the rules hidden, for a prediction to unlock.

    >>> choice = Choice(data.two_moons(n=60, n_val=60))
    >>> choice.batch_size.value = 8
    >>> choice.words()[:51]
    'batch size 8, learning rate 0.05, epochs 20: by the'
    """

    def __init__(self, given, *, hidden=(32,), locked=False):
        self.plan = given if isinstance(given, planning.Plan) else planning.plan(given, hidden)
        self.trial, self.committed, self._quiet, self._errand = None, None, False, iter(())
        super().__init__(self._controls(), Picture(width=9.0, height=3.3))
        self._take(self.plan)
        self.wait_for(iter(()))
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        style, wide = {"description_width": "6.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        self.batch_size = LogIntegerControl("batch size", self._check_batch_size, self.fail, **look)
        self.learning_rate = NumberControl(
            widgets.FloatLogSlider(description="learning rate", min=-4, max=1, step=0.02, value=0.05, **look),
            lambda value: check_number("learning rate", value, 0, 1e3, low_allowed=False),
            self.fail,
        )
        slider = widgets.IntSlider(description="epochs", min=1, max=100, value=START["epochs"], **look)
        self.epochs = NumberControl(slider, lambda value: check_integer("epochs", value, 1, 1000), self.fail)
        style = {"description_width": "8em"}
        text = {"style": style, "layout": wide, "continuous_update": False}
        self.path = widgets.Text(description="CSV file", placeholder="mine.csv, then Enter", **text)
        self.target = widgets.Text(description="target column", placeholder="empty: the last one", **text)
        self.author = widgets.Text(description="your name", placeholder="for the report", style=style, layout=wide)
        self._numbers = (self.batch_size, self.learning_rate, self.epochs)
        for control in self._numbers:
            control.observe(self._moved, "value")
        for field in (self.path, self.target):
            field.observe(self._asked, "value")
        self._buttons = [
            widgets.Button(description=name, layout={"width": "8em"}) for name in ("commit", "save report")
        ]
        for button, action in zip(self._buttons, (self._commit, self._save), strict=True):
            button.on_click(action)
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        columns = [widgets.VBox(self._numbers), widgets.VBox([self.path, self.target, self.author])]
        return [widgets.HBox(columns, layout=wrap), widgets.HBox(self._buttons)]

    def _check_batch_size(self, value):
        n = self.batch_size.high
        return check_integer("batch size", value, 1, n, f"{n} are all training samples.")

    @in_words
    def _moved(self, _change):
        if not self._quiet:
            self.start(self._errand)  # a sweep or a file goes on

    @in_words
    def _asked(self, _change):
        if self.path.value.strip():
            self._errand = self._reading(self.path.value.strip(), self.target.value.strip() or None)
            self.start(self._errand)

    @in_words
    def _commit(self, _button):
        self.commit(self.batch_size.value, self.learning_rate.value, self.epochs.value)

    @in_words
    def _save(self, _button):
        self.say(self.report("report.html").text)

    @in_words
    def _lock(self, _change):
        for control in self._numbers:
            control.disable(self.locked)
        for control in (*self._buttons, self.path, self.target):
            control.disabled = self.locked
        self.say(HIDDEN if self.locked else "")
        self.start(self._errand)

    # ---- work --------------------------------------------------------------------------------------------------------

    def commit(self, batch_size, learning_rate, epochs, *, mine=True):
        """Commit a choice; the sweep then judges it. It is kept with the reader's predictions.

        One that is not `mine` stands in for a reader who has committed nothing: it is judged, for cells and the report
        to look at, but neither shown nor kept.
        """
        sweep = self.trial.sweep if self.trial and self.trial.plan is self.plan else None
        self.trial = planning.Trial(self.plan, batch_size, learning_rate, epochs, sweep)
        self.committed = (batch_size, learning_rate, epochs) if mine else None
        if mine:
            self._remember(batch_size, learning_rate, epochs)
        self._errand = self._testing(self.trial)
        self.start(self._errand)

    def _remember(self, batch_size, learning_rate, epochs):
        """Put the sliders where the reader has committed, and keep it with the predictions."""
        self._quiet = True
        try:
            self.batch_size.value, self.learning_rate.value, self.epochs.value = batch_size, learning_rate, epochs
        finally:
            self._quiet = False
        with quiz.load().change() as record:
            said = f"{self.plan.problem.name}: batch size {batch_size}, rate {learning_rate:.3g}, epochs {epochs}"
            given = record["predictions"].setdefault(KEY, [])
            if not given or given[-1]["answer"] != said:
                given.append({"answer": said, "right": None})

    def _testing(self, trial):
        total = sum(part.total for part in (trial.sweep, trial.to_target, trial.long))
        for _ in trial.work():
            done = sum(part.finished for part in (trial.sweep, trial.to_target, trial.long))
            what = "Committed. Now" if self.committed else "To judge what the rules choose,"
            self.say(f"{what} {total} runs are trained: {done} finished. You can go on reading.")
            yield
        self.say(HIDDEN if self.locked else "")

    def _reading(self, path, target):
        """Read a file and plan for it; what is wrong is said, and what was there stays until all is well."""
        problem = data.from_csv(path, target)
        self.say(f"{problem.name}: {len(problem.x) + len(problem.x_val):,} rows. Two probes are being trained.")
        yield
        made = None
        for made in planning.probing(problem, self.plan.hidden):  # noqa: B007, the last one counts
            yield
        self.trial = self.committed = None
        self._take(made)
        self.say(" ".join(made.notes))

    def _take(self, plan):
        """Bring a plan onto the stage."""
        self.plan, n = plan, len(plan.problem.x)
        self._quiet = True
        try:
            self.batch_size.set_range(n, min(START["batch_size"], n))
            self.batch_size.hint.value = f"1: SGD, {n}: full-batch GD"
            self.learning_rate.value, self.epochs.value = START["learning_rate"], START["epochs"]
        finally:
            self._quiet = False
        self._draw()

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _draw(self):
        figure = self.picture.clear()
        axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
        figure.subplots_adjust(left=0.055, right=0.99, top=0.85, bottom=0.24, wspace=0.25)
        self._views = [
            to_target(axes[0], self.plan, "epochs"),
            to_target(axes[1], self.plan, "iterations"),
            settings(axes[2], self.plan),
        ]
        look = {"loc": "lower center", "frameon": False, "fontsize": 8, "handletextpad": 0.2, "columnspacing": 1.0}
        for at, across, columns in ((0, 0.33, 5), (2, 0.81, 3)):
            handles = axes[at].get_legend_handles_labels()
            figure.legend(*handles, bbox_to_anchor=(across, -0.02), ncols=columns, markerscale=0.8, **look)
        self.picture.artists = [artist for view in self._views for artist in view.artists]

    def show(self):
        """Bring picture and words up to date."""
        size, rate, epochs = (control.value for control in self._numbers)
        committed = None if self.locked else self.committed
        trial = self.trial if committed and self.trial.finished else None
        for view in self._views:
            view.update(size, rate, epochs, committed, trial, self.locked)
        self.picture.show()
        self.speak()
        problem = self.plan.problem
        kind = f"{len(problem.classes)} classes" if problem.classes else "a regression"
        rows = f"N = {len(problem.x)} training and {len(problem.x_val)} validation samples"
        target = f"target: validation loss {self.plan.target:.3g}"
        inputs = f"{problem.x.shape[1]} input{'s' if problem.x.shape[1] > 1 else ''}, {kind}"
        self.counters.value = facts([rows, inputs, target, f"{planning.SEEDS} seeds"])

    def words(self):
        """What the picture shows, in words."""
        plan, (size, rate, epochs) = self.plan, (control.value for control in self._numbers)
        text = f"batch size {size}, learning rate {rate:.3g}, epochs {epochs}: "
        if self.locked:
            return text + "what the rules say is hidden until your prediction."
        text += f"by the rules this batch size reaches the target after {plan.epochs(size):.3g} epochs"
        text += f" or {plan.iterations(size):.3g} iterations, at a rate of {plan.learning_rate(size):.2g}."
        text += f" Noise scale {plan.noise_scale:.3g}."
        if self.committed is None:
            return text + " Nothing is committed yet."
        return text + (" " + self.judgement() if self.trial.finished else " The sweep is running.")

    def judgement(self):
        """How the choice did, in words."""
        trial, who = self.trial, "Committed" if self.committed else "By the rules, nothing being committed"
        chosen, rate = trial.num_epochs, trial.learning_rate
        text = f"{who}: batch size {trial.batch_size}, rate {rate:.3g}, {chosen} epochs. "
        at_end, lowest, when = trial.early_stopping()
        if not math.isfinite(trial.epochs()):
            most = int(trial.to_target.num_epochs[0])
            lost = trial.to_target.diverged.sum()
            text += f"Most of its runs did not reach the target within {most} epochs"
            text += f"; {lost} of {planning.SEEDS} diverged: lower the rate. " if lost else ". "
        else:
            text += f"It reached the target after {trial.epochs():.3g} epochs. "
            factors = trial.against_best()
            parts = [f"{times(factor)} the fewest {name}" for name, factor in list(factors.items())[:2]]
            cost = factors["epochs x iterations"]
            said = f"That is {' and '.join(parts)} of the sweep; their product is {times(cost)} its lowest. "
            text += said if not math.isnan(cost) else "No setting of the sweep reached it. "
        if not math.isfinite(at_end):
            return text + f"Trained for {chosen} epochs it diverges."
        text += f"After {chosen} epochs the validation loss is {at_end:.3g}; "
        if when <= chosen:
            return text + f"early stopping would have kept {lowest:.3g}, at epoch {when:.3g}."
        end = int(trial.long.num_epochs[0])
        if when > 0.95 * end:
            return text + f"it is still falling: trained on to epoch {end} it comes to {lowest:.3g}."
        return text + f"trained on, it would be lowest at epoch {when:.3g}: {lowest:.3g}."

    # ---- the report --------------------------------------------------------------------------------------------------

    def report(self, path="report.html", *, overwrite=False):
        """Save what was chosen and how it did as one HTML page, and say where; see `report.page`.

        A file of that name is left as it is, and the report gets a number, unless `overwrite`.

        Raises:
            ValueError: nothing is committed, the sweep is not finished, or nothing can be written there.
        """
        if self.trial is None:
            raise ValueError("there is nothing to report yet; choose, and press commit.")
        if not self.trial.finished:
            raise ValueError("the sweep is still running; save the report when its result stands below the picture.")
        picture = self.picture.frame(), self.words()
        page = report.choice_page(self.trial, self.author.value, picture, self.judgement(), bool(self.committed))
        saved = report.save(page, path, overwrite)
        other = f" The older {report.pathlib.Path(path).name} is left as it is." if saved.name not in str(path) else ""
        return quiz.Words(f"The report is saved as {saved.name}. Open it in a browser; print it from there.{other}")

    def __repr__(self):
        return "Choice: batch size, learning rate, epochs"


# ---- views -----------------------------------------------------------------------------------------------------------


def times(factor):
    """A factor in words, with two figures."""
    return f"{factor:.2g} times" if not factor >= 100 else f"{float(f'{factor:.2g}'):,.0f} times"


def _star(mine, x, y, low, high):
    """Put the star of what was committed at a place, or an arrow at the edge beyond which it lies."""
    mine.set_data([x], [np.clip(y, 1.15 * low, high / 1.15)])
    mine.set_marker("^" if y > high else "v" if y < low else "*")


def _plain(axis):
    """Numbers without powers on a logarithmic axis."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def to_target(axes, plan, unit):
    """Epochs or iterations to the target against B: the rule, the choice, and later what the sweep measured."""
    n, sizes = len(plan.problem.x), np.geomspace(1, len(plan.problem.x), 60)
    rule = getattr(plan, unit)
    ends = [float(rule(1)), float(rule(n))]
    (line,) = axes.plot(sizes, rule(sizes), color=RULE, linewidth=1.6, linestyle=(0, (5, 2)), label="rule")
    scale = axes.axvline(min(plan.noise_scale, n), color=plots.BEST, linewidth=1.4, label="noise scale")
    (points,) = axes.plot([], [], "o", color=MEASURED, markersize=6, label="measured")
    (now,) = axes.plot([], [], "o", color=MINE, markersize=9, fillstyle="none", clip_on=False, label="your sliders")
    (mine,) = axes.plot(
        [], [], "*", color=MINE, markersize=13, markeredgecolor="white", clip_on=False, label="committed"
    )
    low, high = min(ends) / 4, max(ends) * 8
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.6 * n), ylim=(low, high), xlabel="batch size B")
    axes.set_title(f"{unit} to the target", loc="left", fontsize=10)
    axes.minorticks_off()
    _plain(axes.xaxis)
    _plain(axes.yaxis)

    def update(size, _rate, epochs, committed, trial, locked):
        per_epoch = 1 if unit == "epochs" else -(-n // size)
        now.set_data([size], [np.clip(epochs * per_epoch, 1.1 * low, high / 1.1)])
        line.set_visible(not locked)
        scale.set_visible(not locked)
        points.set_data([], [])
        mine.set_data([], [])
        if committed:
            own = committed[2] if trial is None else trial.epochs()
            count = 1 if unit == "epochs" else -(-n // committed[0])
            _star(mine, committed[0], own * count, low, high)
        if trial:
            best, _ = trial.measured()
            counts = 1 if unit == "epochs" else trial.per_epoch(trial.sweep.batch_sizes)
            points.set_data(trial.sweep.batch_sizes, np.where(np.isfinite(best), best * counts, np.nan))

    return plots.View([line, scale, points, now, mine], update)


def settings(axes, plan):
    """The map of batch size and rate: the rule, the choice, and later each setting's cost, epochs x iterations."""
    n, sizes = len(plan.problem.x), np.geomspace(1, len(plan.problem.x), 60)
    rates = plan.rates()
    names = ["up to 1.5 × the lowest", "3 ×", "10 ×", "more"]
    squares = [
        axes.plot([], [], "s", color=color, markersize=side, **plots.CRISP, label=name)[0]
        for (_, color, side), name in zip(STEPS, names, strict=True)
    ]
    (lost,) = axes.plot([], [], "x", color="0.45", markersize=6, label="not reached")
    (line,) = axes.plot(sizes, plan.learning_rate(sizes), color=RULE, linewidth=1.6, linestyle=(0, (5, 2)))
    (now,) = axes.plot([], [], "o", color=MINE, markersize=9, fillstyle="none", clip_on=False)
    (mine,) = axes.plot([], [], "*", color=MINE, markersize=13, markeredgecolor="white", clip_on=False)
    low, high = min(rates[0], 0.02) / 2, max(rates[-1], 0.2) * 1.6
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.6 * n), ylim=(low, high), xlabel="batch size B")
    axes.set_title("rate, and cost = epochs × iterations", loc="left", fontsize=10)
    axes.minorticks_off()
    _plain(axes.xaxis)
    _plain(axes.yaxis)

    def update(size, rate, _epochs, committed, trial, locked):
        now.set_data([size], [np.clip(rate, 1.1 * low, high / 1.1)])
        line.set_visible(not locked)
        mine.set_data([], [])
        if committed:
            _star(mine, *committed[:2], low, high)
        for square in (*squares, lost):
            square.set_data([], [])
        if trial is None:
            return
        costs = trial.costs()
        lowest = costs.min() if np.isfinite(costs).any() else 1.0
        places = np.stack(np.broadcast_arrays(trial.sweep.batch_sizes[:, None], trial.sweep.learning_rates), axis=-1)
        finite = np.isfinite(costs)
        lost.set_data(*places[~finite].T)
        below = 0.0
        for square, (most, _, _) in zip(squares, STEPS, strict=True):
            square.set_data(*places[finite & (costs > below * lowest) & (costs <= most * lowest)].T)
            below = most

    return plots.View([*squares, lost, line, now, mine], update)
