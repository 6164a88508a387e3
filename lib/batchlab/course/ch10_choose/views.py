"""What the picture of a choice shows: what epochs are paid for iterations, and the map of batch sizes and rates."""

import math

import numpy as np

from ...live import View, columns
from .. import plots

RULE, MEASURED = plots.VALIDATION, plots.TRAINING
# Cost over the lowest, up to: a square of this colour and size. The dearer, the paler and smaller.
STEPS = ((1.5, "#0072B2", 12, "≤ 1.5 ×"), (3, "#8FC1DE", 10, "≤ 3 ×"), (10, "#BBD9EB", 8, "≤ 10 ×"),
         (math.inf, "0.82", 6, "more"))  # fmt: skip
YOURS, COURSES, COPIED = "yours", "course", "copied"
MARKS = {YOURS: ("*", plots.NOW, 14), COURSES: ("D", RULE, 8), COPIED: ("P", plots.KEPT[3], 10)}
SIGNS = {YOURS: "★", COURSES: "◆", COPIED: "✚"}  # the same in words


def times(cost):
    """A cost over the lowest, with two figures."""
    return f"{float(f'{cost:.2g}'):,g} ×" if np.isfinite(cost) else "not reached" if np.isinf(cost) else "not known"


def verdict_of(trial):
    """How a setting did, as texts: batch size, rate, epochs planned, epochs needed, cost over the lowest."""
    (size, rate, planned), needed = trial.setting, trial.epochs()
    reached = np.isfinite(needed)
    return (
        str(size), f"{rate:.3g}", str(planned), f"{needed:.3g}" if reached else "never",
        times(trial.cost()) if reached else "–",
    )  # fmt: skip


def told(trials):
    """How settings did, {name: finished `planning.Trial`}, in words."""
    said = []
    for name, trial in trials.items():
        size, rate, _, needed, cost = verdict_of(trial)
        text = f"{name}: batch size {size}, rate {rate}, {plots.counted(trial.setting[2], 'epoch')} planned, "
        text += f"{needed} needed, {cost} the lowest cost" if needed != "never" else "the target not reached"
        lost = trial.to_target.diverged.sum()
        said.append(text + (f" ({lost} of {trial.to_target.total} runs diverged: lower the rate)" if lost else ""))
    return "; ".join(said) + "."


def two_axes(figure):
    """Axes for the trade and for the map, with room for their keys and for the verdict below."""
    return columns(figure, (1, 1), left=0.75, right=0.2, top=0.4, bottom=1.62)


def _arrange(axes, xlim, ylim, **names):
    """Both axes logarithmic, with plain numbers."""
    axes.set(xscale="log", yscale="log", xlim=xlim, ylim=ylim, **names)
    plots.plain(axes.xaxis, axes.yaxis)


def key(axes, artists):
    """What the marks mean, below the axes."""
    below = -0.52 / (axes.get_position().height * axes.figure.get_figheight())  # inches, under the axis's name
    place, count = ((plots.begin(axes), below), 2) if plots.narrow(axes) else ((-0.16, below), 3)
    looks = {"markerscale": 0.8, "handletextpad": 0.3, "columnspacing": 0.8, "handlelength": 1.3, "borderaxespad": 0}
    axes.legend(handles=artists, loc="upper left", bbox_to_anchor=place, ncols=count, **looks)


def verdict(axes):
    """How each setting did, as a small table below the axes; `update(trials)`, empty before the test."""
    places = (22, 56, 84, 114, 160) if plots.narrow(axes) else (36, 84, 118, 158, 213)
    ends = dict(zip(("B", "rate", "plan", "need", "cost"), places, strict=True))  # of the columns, in points

    def put(text, x, row, ha="right", **look):
        corner = {"xycoords": "axes fraction", "annotation_clip": False}
        return plots.beside(axes, text, (0, 0), (x, -66 - 14.5 * row), ha=ha, va="baseline", **corner, **look)

    for name, end in ends.items():
        put(name, end, 0, color="0.35")
    for row, (name, (_, color, _)) in enumerate(MARKS.items(), 1):
        put(f"{SIGNS[name]} {name}", -50, row, "left", color=color)
    cells = {name: [put("", end, row) for end in ends.values()] for row, name in enumerate(MARKS, 1)}

    def update(trials):
        for name, row in cells.items():
            for cell, text in zip(row, verdict_of(trials[name]) if name in trials else [""] * len(row), strict=True):
                cell.set_text(text)

    return View([cell for row in cells.values() for cell in row], update)


def _inside(value, ends):
    return np.clip(value, 1.15 * ends[0], ends[1] / 1.15)


def _marks(axes):
    """The mark of each setting, not yet placed; `put(trials, place)` places them, beyond the edge at the edge."""
    marks = {}
    for name, (mark, color, size) in MARKS.items():
        look = {"color": color, "markersize": size, "markeredgecolor": "white", "linestyle": "none", "clip_on": False}
        marks[name] = axes.plot([], [], marker=mark, zorder=4, **look)[0]

    def put(trials, place):
        for name, mark in marks.items():
            x, y = place(trials[name]) if name in trials else ([], [])
            mark.set_data(np.atleast_1d(_inside(x, axes.get_xlim())), np.atleast_1d(_inside(y, axes.get_ylim())))

    return list(marks.values()), put


def _ends(plan):
    """What the axes of epochs, of iterations, of batch sizes and of rates hold."""
    n, rates = plan.n, plan.rates()
    epochs = plan.least_epochs / 2, max(4 * plan.epochs(n), 30)
    iterations = plan.least_iterations / 3, 3 * plan.iterations(n / 128)
    return epochs, iterations, (0.8, 1.6 * n), (min(rates[0], 0.02) / 2, max(rates[-1], 0.2) * 1.6)


def place_of_sliders(panels, plan):
    """A circle in each panel; `update(size, rate, epochs)`."""
    epochs_ends, iterations_ends, _, rate_ends = _ends(plan)
    look = {"color": plots.NOW, "markersize": 9, "fillstyle": "none", "clip_on": False, "label": "your sliders"}
    circles = [axes.plot([], [], "o", **look)[0] for axes in panels]

    def update(size, rate, epochs):
        iterations = _inside(epochs * -(-plan.n // size), iterations_ends)
        circles[0].set_data([_inside(epochs, epochs_ends)], [iterations])
        circles[1].set_data([size], [_inside(rate, rate_ends)])

    return View(circles, update)


def trade(axes, plan):
    """Iterations against epochs to the target: each batch size of the sweep, the rule, and three settings.

    `update(trials)`: {name of a setting: finished `planning.Trial`}, empty before the test.
    """
    epochs_ends, iterations_ends, *_ = _ends(plan)
    sizes = np.geomspace(1, plan.n, 60)
    (rule,) = axes.plot([], [], color=RULE, linewidth=1.6, linestyle=(0, (5, 2)), label="rule")
    (points,) = axes.plot([], [], "o", color=MEASURED, markersize=7, label="sweep, by B")
    words = [axes.text(1, 1, f"{size}", color=MEASURED, va="center") for size in plan.sizes()]
    marks, put = _marks(axes)
    _arrange(axes, epochs_ends, iterations_ends, xlabel="epochs to the target", ylabel="iterations to the target")
    axes.set_title("work and waiting")
    key(axes, [points, rule])

    def update(trials):
        put(trials, lambda each: (each.epochs(), each.epochs() * each.per_epoch(each.setting[0])))
        trial = next(iter(trials.values()), None)
        best = trial.measured()[0] if trial else np.full(len(words), np.inf)
        iterations, reached = best * -(-plan.n // plan.sizes()), np.isfinite(best)
        rule.set_data(*((plan.epochs(sizes), plan.iterations(sizes)) if trial else ([], [])))
        points.set_data(best[reached], iterations[reached])
        for word, x, y, seen in zip(words, best, iterations, reached, strict=True):
            word.set_visible(bool(seen))
            word.set_position((1.12 * x, 1.1 * y) if seen else (1, 1))

    return View([rule, points, *words, *marks], update)


def costs(axes, plan):
    """The map of batch size and rate: the cost of each setting of the sweep, and three settings; `update(trials)`."""
    *_, size_ends, rate_ends = _ends(plan)
    squares = []
    for _, color, side, name in STEPS:
        squares += axes.plot([], [], "s", color=color, markersize=side, markeredgewidth=0, label=name)
    squares += axes.plot([], [], "x", color="0.45", markersize=6, label="not reached")
    marks, put = _marks(axes)
    _arrange(axes, size_ends, rate_ends, xlabel="batch size B", ylabel="learning rate")
    axes.set_title("epochs × iterations over the lowest", x=plots.begin(axes))
    key(axes, squares)

    def update(trials):
        put(trials, lambda each: each.setting[:2])
        places, step = np.zeros((0, 2)), np.zeros(0)
        if trials:
            trial = next(iter(trials.values()))  # all have the same sweep
            cost, sweep = trial.costs(), trial.sweep
            places = np.stack(np.broadcast_arrays(sweep.batch_sizes[:, None], sweep.learning_rates), axis=-1)
            step = np.full(cost.shape, len(STEPS))  # not reached
            reached = np.isfinite(cost)
            step[reached] = np.searchsorted([most for most, *_ in STEPS], cost[reached] / cost.min())
        for at, square in enumerate(squares):
            square.set_data(*places[step == at].T)

    return View([*squares, *marks], update)


def tested(panels, plan):
    """All that shows how settings did: their trade, their costs, and the verdict on them; `update(trials)` of each."""
    left, right = panels
    return [trade(left, plan), costs(right, plan), verdict(left)]
