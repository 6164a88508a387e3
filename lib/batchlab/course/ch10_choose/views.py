"""What the picture of a choice shows: epochs and iterations to the target, and the map of batch sizes and rates."""

import math

import numpy as np
from matplotlib.ticker import FuncFormatter

from ...live import View, columns
from .. import plots

RULE, MEASURED, MINE = plots.VALIDATION, plots.TRAINING, plots.NOW
# Cost over the lowest, up to: a square of this colour and size. The dearer, the paler and smaller.
STEPS = (
    (1.5, "#0072B2", 12, "≤ 1.5 ×"),
    (3, "#8FC1DE", 10, "≤ 3 ×"),
    (10, "#BBD9EB", 8, "≤ 10 ×"),
    (math.inf, "0.82", 6, "more"),
)
KEYS = {
    "loc": "upper center",
    "handletextpad": 0.3,
    "columnspacing": 0.7,
    "handlelength": 1.3,
    "labelspacing": 0.25,
    "borderaxespad": 0,
}


def three_axes(figure):
    """Axes for epochs, for iterations and for rates, with room for their keys below."""
    return columns(figure, (1, 1, 1.1), left=(0.5, 0.62, 0.62), right=(0.12, 0.12, 0.15), top=0.62, bottom=1.0)


def predict_first(axes):
    """What stands where the rules will be."""
    axes.text(0.5, 0.95, "predict first", transform=axes.transAxes, ha="center", va="top", color="0.4")


def _plain(axis):
    """Numbers without powers on a logarithmic axis."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _arrange(axes, plan, low, high):
    """Both axes logarithmic, the batch size below."""
    n = len(plan.problem.x)
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.6 * n), ylim=(low, high), xlabel="batch size B")
    axes.minorticks_off()
    _plain(axes.xaxis)
    _plain(axes.yaxis)


def _key(axes, artists, ncols):
    """What the marks mean, below the axes."""
    below = -0.52 / (axes.get_position().height * axes.figure.get_figheight())  # inches, under the axis's name
    names = [artist.get_label() for artist in artists]
    axes.legend(artists, names, bbox_to_anchor=(0.42, below), ncols=ncols, markerscale=0.8, **KEYS)


def _star(mine, x, y, low, high):
    """Put the star of what was committed at a place, or an arrow at the edge beyond which it lies."""
    mine.set_data([x], [np.clip(y, 1.15 * low, high / 1.15)])
    mine.set_marker("^" if y > high else "v" if y < low else "*")


def _of_choice(axes):
    """The star of what was committed."""
    look = {"color": MINE, "markersize": 13, "markeredgecolor": "white", "linestyle": "none"}
    return axes.plot([], [], marker="*", clip_on=False, label="committed", **look)[0]


def _range(plan, unit):
    """What the axis of epochs or iterations holds."""
    ends = [float(getattr(plan, unit)(size)) for size in (1, len(plan.problem.x))]
    return min(ends) / 4, max(ends) * 8


def _rates(plan):
    """What the axis of rates holds."""
    rates = plan.rates()
    return min(rates[0], 0.02) / 2, max(rates[-1], 0.2) * 1.6


def place_of_sliders(panels, plan):
    """A circle in each panel; `update(size, rate, epochs)`."""
    n, look = len(plan.problem.x), {"color": MINE, "markersize": 9, "fillstyle": "none", "clip_on": False}
    circles = [axes.plot([], [], "o", label="your sliders", **look)[0] for axes in panels]
    limits = [_range(plan, "epochs"), _range(plan, "iterations"), _rates(plan)]

    def update(size, rate, epochs):
        for circle, y, (low, high) in zip(circles, (epochs, epochs * -(-n // size), rate), limits, strict=True):
            circle.set_data([size], [np.clip(y, 1.1 * low, high / 1.1)])

    return View(circles, update)


def to_target(axes, plan, unit):
    """Epochs or iterations to the target against B: the rule, and what was committed and measured.

    `update(committed, trial)`: batch size, rate and epochs, or None; and a finished `planning.Trial`, or None.
    """
    n, sizes = len(plan.problem.x), np.geomspace(1, len(plan.problem.x), 60)
    (line,) = axes.plot(
        sizes, getattr(plan, unit)(sizes), color=RULE, linewidth=1.6, linestyle=(0, (5, 2)), label="rule"
    )
    scale = axes.axvline(min(plan.noise_scale, n), color=plots.BEST, linewidth=1.4, label="noise scale")
    (points,) = axes.plot([], [], "o", color=MEASURED, markersize=6, label="measured by the sweep")
    mine = _of_choice(axes)
    low, high = _range(plan, unit)
    _arrange(axes, plan, low, high)
    axes.set_title(f"{unit} to the target")
    circle = axes.lines[0]
    _key(axes, [line, scale, circle, mine] if unit == "epochs" else [points], 2)

    def update(committed, trial):
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

    return View([line, scale, points, mine], update)


def settings(axes, plan):
    """The map of batch size and rate: the rule, what was committed, and each setting's cost, epochs x iterations.

    `update(committed, trial)`, as in `to_target`.
    """
    sizes = np.geomspace(1, len(plan.problem.x), 60)
    squares = [
        axes.plot([], [], "s", color=color, markersize=side, markeredgewidth=0, label=name)[0]
        for _, color, side, name in STEPS
    ]
    (lost,) = axes.plot([], [], "x", color="0.45", markersize=6, label="not reached")
    (line,) = axes.plot(sizes, plan.learning_rate(sizes), color=RULE, linewidth=1.6, linestyle=(0, (5, 2)))
    mine = _of_choice(axes)
    low, high = _rates(plan)
    _arrange(axes, plan, low, high)
    axes.set_title("learning rate; squares:\nepochs × iterations / lowest", linespacing=1.15)
    _key(axes, [*squares, lost], 3)

    def update(committed, trial):
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
        for square, (most, *_) in zip(squares, STEPS, strict=True):
            square.set_data(*places[finite & (costs > below * lowest) & (costs <= most * lowest)].T)
            below = most

    return View([*squares, lost, line, mine], update)
