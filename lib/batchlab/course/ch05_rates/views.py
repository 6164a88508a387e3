"""What the rate map shows: the map of final losses, the lines on it, the runs of a cell; and losses of schedules."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ... import measure
from ...live import NARROW, Still, View
from ..plots import BEST, STEPS, TRAINING, VALIDATION, median
from . import grids

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # between the colours of the map
LOW, HIGH = 2e-4, 30.0  # of the loss curves
FEW = 10  # points of a curve: each is marked
RANGE = np.log2(grids.COARSE[0]) - 1, np.log2(grids.COARSE[-1]) + 1  # of the rates, as powers of 2
ROWS = 16  # of the map's image, for each factor of 4 in the rate
PREDICTED, LINEAR = VALIDATION, "#CC79A7"


def _wide(axes):
    """Whether the columns of the picture stand side by side."""
    return axes.figure.get_figwidth() >= NARROW


def _heights(rates):
    """Where the cells of a column meet: (r + 1,), as powers of two."""
    places = np.log2(rates)
    middle = (places[1:] + places[:-1]) / 2
    return np.concatenate([[places[0] - 1], middle, [places[-1] + 1]])


def image(grid, budget):
    """The map by colours, rates upwards: (rows, b), -1 for no run yet, else how many BOUNDS are passed; the lost."""
    low, high = RANGE
    fine = np.arange(low, high, 2 / ROWS) + 1 / ROWS
    kinds_at, lost = np.full((len(fine), len(grid.batch_sizes)), -1), []
    for column, size in enumerate(grid.batch_sizes.tolist()):
        rates, losses = grid.losses(size, budget)
        if rates:
            kinds = np.searchsorted([*BOUNDS, grid.limit], losses, side="right")
            kinds_at[:, column] = kinds[np.clip(np.searchsorted(_heights(rates), fine) - 1, 0, len(rates) - 1)]
            lost += [(column, np.log2(rate)) for rate, kind in zip(rates, kinds, strict=True) if kind > len(BOUNDS)]
    return kinds_at, np.reshape(lost, (-1, 2))


def map_of_losses(axes, grid):
    """The map itself; `update(image, lost)`, see `image`."""
    colors = ListedColormap(["white", *STEPS, "white"])
    columns, sizes = np.arange(len(grid.batch_sizes)), grid.batch_sizes
    look = {"cmap": colors, "vmin": -1.5, "vmax": len(BOUNDS) + 1.5, "aspect": "auto", "origin": "lower"}
    extent, blank = (-0.5, len(sizes) - 0.5, *RANGE), np.full((2, len(sizes)), -1)
    colored = axes.imshow(blank, extent=extent, interpolation="nearest", **look)
    (lost,) = axes.plot([], [], "x", color="0.6", markersize=5, label="no better than guessing")
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="batch size B")
    axes.set_ylabel("learning rate", labelpad=1)
    axes.set_xticks(columns, sizes if _wide(axes) else ["" if at % 2 else size for at, size in enumerate(sizes)])
    axes.set_yticks(np.log2(grids.COARSE), [f"{rate:g}" if rate >= 1 else f"1/{1 / rate:g}" for rate in grids.COARSE])
    key, kinds = axes.inset_axes((1.03, 0.0, 0.035, 1.0)), np.arange(len(BOUNDS) + 1)
    key.imshow(kinds[:, None], **look)
    key.set_yticks(kinds[:-1] + 0.5, [f"{bound:g}" for bound in BOUNDS])
    key.yaxis.tick_right()
    key.set_xticks([])
    key.set_title("training\nloss", fontsize="small", pad=3)

    def update(values, places):
        colored.set_data(values)
        lost.set_data(*places.T)

    return View([colored, lost], update)


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
    place = {"loc": "lower left", "bbox_to_anchor": (-0.02, 0.99), "ncols": 2 if _wide(axes) else 1}
    heading = axes.text(-0.02, 1.3 if _wide(axes) else 1.55, "", transform=axes.transAxes, fontsize=11, va="bottom")
    handles = [dots, edge, curve, linear, axes.lines[0], cell]
    axes.legend(handles=handles, handlelength=1.8, columnspacing=1.2, labelspacing=0.25, **place)
    fine = np.linspace(-0.5, len(sizes) - 0.5, 120)
    at = np.interp(fine, columns, np.log2(sizes))  # the last column is N, whatever that is
    at += np.minimum(fine, 0) + np.maximum(fine - columns[-1], 0)

    seeds = f", {len(grid.seeds)} seeds" if _wide(axes) else ""

    def update(best, beyond, rules, chosen, budget):
        heading.set_text(f"median loss {grids.BUDGETS[budget]}{seeds}")
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

    return View([linear, curve, edge, dots, around, cell, heading], update)


def curves_of_cell(axes, grid):
    """The losses of a cell's runs, medians with the range of the seeds; `update(curves, size, rate, budget)`."""
    blank = [0, 1], [1, 1], [1, 1]
    pairs = (TRAINING, "-", "training loss"), (VALIDATION, (0, (4, 1.2)), "validation loss")
    bands = [axes.fill_between(*blank, color=color, alpha=0.2, linewidth=0) for color, _, _ in pairs]
    lines = [axes.plot([], [], color=c, linestyle=s, linewidth=1.7, label=name)[0] for c, s, name in pairs]
    axes.axhline(grid.limit, color="0.6", linewidth=1)
    heading = axes.text(0.0, 1.13 if _wide(axes) else 1.17, "", transform=axes.transAxes, fontsize=11, va="bottom")
    said = axes.text(0.97, 0.03, "", transform=axes.transAxes, ha="right", va="bottom")
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0}
    guess = axes.text(0.98, grid.limit * 1.2, "guessing", ha="right", bbox=box)
    guess.set_transform(axes.get_yaxis_transform())
    axes.set(yscale="log", ylim=(LOW, HIGH))
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
    axes.minorticks_off()
    place = {"loc": "lower left", "bbox_to_anchor": (-0.03, 0.98), "ncols": 2 if _wide(axes) else 1}
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

    return View([*bands, *lines, heading, said, guess], update)


def schedules(runs, unit="training loss (cross-entropy)"):
    """Losses of runs whose rate or batch size changes on the way, against epochs and against updates, as a `Still`.

    Args:
        runs: name -> (updates (k,), losses (seeds, k)), after each epoch from the start on.
        unit: what the losses are.
    """
    said = "; ".join(
        f"{name}: {median(losses)[-1]:.3g} after {updates[-1]:,} updates" for name, (updates, losses) in runs.items()
    )
    still = Still(f"Training loss against epochs and against updates, medians of the seeds. At the end {said}.")
    left, right = still.subplots(1, 2, sharey=True)
    looks = zip(("0.6", TRAINING, VALIDATION, BEST), ("-", "-", (0, (4, 2)), ":"), (1.6, 4.0, 2.0, 2.0), strict=True)
    for (name, (updates, losses)), (color, style, width) in zip(runs.items(), looks, strict=False):
        for axes, x in ((left, np.arange(len(updates))), (right, updates)):
            axes.plot(x, median(losses), color=color, linestyle=style, linewidth=width, label=name)
            axes.fill_between(x, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.15, linewidth=0)
    left.set(xlabel="epochs", ylabel=unit, yscale="log")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_xlim(0, max(losses.shape[1] for _, losses in runs.values()) - 1)
    right.set(xlabel="updates (iterations)")
    left.set_title("at equal epochs", loc="left")
    right.set_title("at equal updates", loc="left")
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.yaxis.set_minor_locator(NullLocator())
    left.legend()
    return still
