"""What the rate map shows: the map, the lines on it, the runs of a cell; and still pictures of what was measured."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ...live import NARROW, Still, View
from ..plots import DARK, KEPT, NOW, NUMBERS, STEPS, STYLES, TRAINING, VALIDATION, figures, median, spread
from . import grids

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # between the colours of the map
LOW, HIGH = 2e-4, 30.0  # of the loss curves
FEW = 10  # points of a curve: each is marked
ROWS = 16  # of the map's image, for each factor of 4 in the rate
BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.85, "linewidth": 0}


def _wide(axes):
    """Whether the columns of the picture stand side by side."""
    return axes.figure.get_figwidth() >= NARROW


def _range(grid):
    """The rates of the map, as powers of 2."""
    return np.log2(grid.coarse[[0, -1]]) + np.array([-1, 1])


def _heights(rates):
    """Where the cells of a column meet: (r + 1,), as powers of two."""
    places = np.log2(rates)
    middle = (places[1:] + places[:-1]) / 2
    return np.concatenate([[places[0] - 1], middle, [places[-1] + 1]])


def image(grid, budget):
    """The map by colours, rates upwards: (rows, b), -1 for no run yet, else how many BOUNDS are passed; the lost."""
    low, high = _range(grid)
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
    extent, blank = (-0.5, len(sizes) - 0.5, *_range(grid)), np.full((2, len(sizes)), -1)
    colored = axes.imshow(blank, extent=extent, interpolation="nearest", **look)
    (lost,) = axes.plot([], [], "x", color="0.6", markersize=5)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="batch size B")
    axes.set_ylabel("learning rate", labelpad=1)
    axes.set_xticks(columns, sizes if _wide(axes) else ["" if at % 2 else size for at, size in enumerate(sizes)])
    names = [f"{rate:g}" if rate >= 1 else f"1/{1 / rate:g}" for rate in grid.coarse]
    axes.set_yticks(np.log2(grid.coarse), names)
    key, kinds = axes.inset_axes((1.03, 0.0, 0.035, 1.0)), np.arange(len(BOUNDS) + 1)
    key.imshow(kinds[:, None], **look)
    key.set_yticks(kinds[:-1] + 0.5, [f"{bound:g}" for bound in BOUNDS])
    key.yaxis.tick_right()
    key.set_xticks([])
    key.set_title("training\nloss", fontsize=11, pad=3)

    def update(values, places):
        colored.set_data(values)
        lost.set_data(*places.T)

    return View([colored, lost], update)


def lines_on_map(axes, grid):
    """Best rates, edge, the line in proportion to B and the chosen cell; `update(best, beyond, share, cell, title)`."""
    sizes, columns = grid.batch_sizes, np.arange(len(grid.batch_sizes))
    (edge,) = axes.plot([], [], color="black", linewidth=2, drawstyle="steps-mid")
    (linear,) = axes.plot([], [], color=KEPT[0], linewidth=2.2, linestyle=(0, (4, 2)))
    look = {"markersize": 7, "markerfacecolor": "white", "markeredgecolor": "black", "linestyle": "none"}
    (dots,) = axes.plot([], [], "o", **look)
    (around,) = axes.plot([], [], color="white", linewidth=3.5)
    (cell,) = axes.plot([], [], color="black", linewidth=1.5)
    words = [
        axes.text(0, 0, said, color=color, ha=ha, va="center", bbox=BOX)
        for said, color, ha in (
            ("edge of stability", "black", "left"),
            ("in proportion to B", "#8A3F6B", "right"),
            ("best rates", "black", "left"),
        )
    ]
    heading = axes.text(-0.02, 1.02, "", transform=axes.transAxes, fontsize=11, va="bottom")
    fine = np.linspace(-0.5, len(sizes) - 0.5, 120)
    at = np.interp(fine, columns, np.log2(sizes))  # the last column is N, whatever that is
    at += np.minimum(fine, 0) + np.maximum(fine - columns[-1], 0)
    top = _range(grid)[1]

    def update(best, beyond, share, chosen, title):
        heading.set_text(title)
        dots.set_data(columns, np.log2(best))
        line = np.log2(np.sqrt(beyond[:, 0] * beyond[:, 1]))
        edge.set_data([-0.5, *columns, columns[-1] + 0.5], [line[0], *line, line[-1]])
        straight = np.log2(share) + at
        linear.set_data(fine, straight)
        known = np.isfinite([line[0], share, best[1]]).all()
        if known:
            words[0].set_position((-0.4, line[:4].max() + 0.7))
            leaves = min(
                np.searchsorted(straight, top - 1.2), len(fine) - 1
            )  # where the line is about to leave the map
            height = max(straight[leaves] + 0.9, line[-4:].max() + 0.7)
            words[1].set_position((fine[leaves] - 0.25, min(top - 1.0, height)))
            words[2].set_position((1.3, np.log2(best[1]) - 0.9))
        for word in words:
            word.set_visible(bool(known) and dots.get_visible())
        size, rate = chosen
        x, rates = sizes.tolist().index(size), grid.rates(size)
        y = _heights(rates)[[rates.index(rate), rates.index(rate) + 1]]
        for outline in (around, cell):
            outline.set_data(x + np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), y[[0, 0, 1, 1, 0]])

    return View([linear, edge, dots, around, cell, *words, heading], update)


def curves_of_cell(axes, grid):
    """The losses of a cell's runs, medians with the range of the seeds; `update(curves, size, rate, budget)`."""
    blank = [0, 1], [1, 1], [1, 1]
    pairs = (TRAINING, "-", "training loss"), (VALIDATION, (0, (4, 1.2)), "validation loss")
    bands = [axes.fill_between(*blank, color=color, alpha=0.2, linewidth=0) for color, _, _ in pairs]
    lines = [axes.plot([], [], color=c, linestyle=s, linewidth=1.7)[0] for c, s, _ in pairs]
    words = [axes.text(0.98, 0, said, color=c, ha="right", va="center", bbox=BOX) for c, _, said in pairs]
    axes.axhline(grid.limit, color="0.6", linewidth=1)
    heading = axes.text(0.0, 1.02, "", transform=axes.transAxes, fontsize=11, va="bottom")
    said = axes.text(0.97, 0.03, "", transform=axes.transAxes, ha="right", va="bottom")
    guess = axes.text(0.02, grid.limit * 1.2, "guessing", va="bottom", bbox=BOX)
    for word in (guess, *words):
        word.set_transform(axes.get_yaxis_transform())
    axes.set(yscale="log", ylim=(LOW, HIGH))
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
    axes.minorticks_off()
    apart = (HIGH / LOW) ** 0.075  # between two words, as a factor of the loss
    counted = None

    def update(curves, size, rate, budget):
        nonlocal counted
        epochs, right = budget == "equal epochs", grid.epochs_at(size, budget)
        each = 1 if epochs else grid.updates[grid.batch_sizes.tolist().index(size)]
        if counted != budget:  # else what stands still need not be drawn anew
            axes.set_xlim(0, grids.EPOCHS if epochs else grids.ITERATIONS)
            axes.set_xlabel("epochs" if epochs else "updates (iterations)")
            counted = budget
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
            words[which].set_visible(bool(len(longest)) and line.get_visible())
        if len(longest):
            ends = np.median(values[:, -1], axis=0)
            words[0].set_y(np.clip(ends[0] / apart, LOW * apart**0.6, HIGH / apart**2.2))
            words[1].set_y(np.clip(ends[1] * apart, words[0].get_position()[1] * apart**1.2, HIGH / apart))

    return View([*bands, *lines, heading, guess, *words, said], update)


# ---- still pictures --------------------------------------------------------------------------------------------------


def _batch_sizes(axes, sizes):
    """Logarithmic axes over batch sizes, each with its number."""
    axes.set(xscale="log", yscale="log", xlabel="batch size B")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.yaxis.set_major_locator(LogLocator(numticks=12))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(NUMBERS)


def _labels(axes, x, entries, tall=190):
    """Label lines where they end, at x: entries of (y, text, color); labels that would overlap are moved apart.

    `tall` is about the height of the axes, in points.
    """
    low, high = np.log(axes.get_ylim())
    floor = -np.inf
    for y, said, color in sorted(entries):
        half = 7.5 * (1 + said.count("\n"))
        at = tall * (np.log(y) - low) / (high - low)
        place = max(at, floor + half)
        floor = place + half
        look = {"textcoords": "offset points", "color": color, "va": "center", "annotation_clip": False}
        axes.annotate(said, (x, y), (7, place - at), **look)


def rules(best, said):
    """The best rates of several draws of the data, and what rules say of them, as a `Still`.

    Args:
        best: a `BestRates`.
        said: name of a rule -> its rates (b,).
    """
    sizes, measured = best.batch_sizes, median(best.rates)
    off = {name: np.exp(np.abs(np.log(rates / measured)).max()) for name, rates in said.items()}
    each = "; ".join(f"{name}: off by a factor of up to {factor:.1f}" for name, factor in off.items())
    rates = ", ".join(f"{rate:.2g} at B = {size}" for size, rate in zip(sizes, measured, strict=True))
    still = Still(
        f"Best learning rate of {best.optimizer} against batch size, {len(best.rates)} draws: {rates}. {each}."
    )
    axes = still.subplots()
    looks = list(zip(said.items(), (DARK[1], "#8A3F6B", NOW), STYLES, strict=False))
    for (_, values), color, style in looks:
        axes.plot(sizes, values, color=color, linestyle=style, linewidth=2)
    spread(axes, sizes, best.rates, "", TRAINING, style=" ")
    axes.annotate("measured", (sizes[2], measured[2]), (9, -9), textcoords="offset points", color=TRAINING, va="center")
    _batch_sizes(axes, sizes)
    ends = [(values[-1], f"{name}:\noff by up to {off[name]:.1f}×", color) for (name, values), color, _ in looks]
    _labels(axes, sizes[-1], ends)
    axes.set_ylabel("best learning rate")
    axes.set_title(f"{best.optimizer}, {best.budget}, {len(best.rates)} draws of the data", loc="left")
    return still


def powers(*measured, high=32):
    """How the best rates of several optimizers grow with the batch size, as a `Still`; each a `BestRates`."""
    sizes = measured[0].batch_sizes
    found = {best.optimizer: best.power(high=high) for best in measured}
    said = "; ".join(f"{name}: {e.value:.2f} ({e.low:.2f} to {e.high:.2f})" for name, e in found.items())
    budget, count = measured[0].budget, len(measured[0].rates)
    still = Still(
        f"Best rate at {budget}, as a multiple of that at B = 1, {count} draws of the data. Power of B up to "
        f"B = {high}, with its 95 % interval: {said}."
    )
    axes = still.subplots()
    ends = []
    for values, name, style in ((sizes, "in proportion", "-"), (np.sqrt(sizes), "square root", (0, (4, 2)))):
        axes.plot(sizes, values, color="0.6", linestyle=style, linewidth=1.2)
        ends.append((values[-1], name, "0.4"))
    for best, color, marker in zip(measured, (TRAINING, DARK[0], DARK[1]), "osD", strict=False):
        power, relative = found[best.optimizer], best.rates / best.rates[:, :1]
        spread(axes, sizes, relative, "", color, marker=marker)
        text = f"{best.optimizer}: power {power.value:.2f}\n({power.low:.2f} to {power.high:.2f})"
        ends.append((median(relative)[-1], text, color))
    _batch_sizes(axes, sizes)
    _labels(axes, sizes[-1], ends)
    axes.set(
        ylabel="best rate, as a multiple\nof that at B = 1",
    )
    axes.set_title(f"{budget}; power of B from B = 1 to {high}", loc="left")
    return still


def one_rate(grid, rate):
    """What one rate for all batch sizes costs, at equal epochs and at equal updates, as a `Still`."""
    sizes = grid.batch_sizes
    losses = {
        (budget, fixed): np.minimum([grid.loss_at(size, fixed, budget) for size in sizes.tolist()], grid.limit).T
        for budget in grids.BUDGETS
        for fixed in (rate, None)
    }
    ends = "; ".join(
        f"{budget}, {'one rate' if fixed else 'best rates'}: {figures(middle[0])} at B = 1, {figures(middle[-1])} at "
        f"B = {sizes[-1]}"
        for (budget, fixed), middle in ((key, median(values)) for key, values in losses.items())
    )
    still = Still(f"Training loss against batch size with rate {rate:g} for all and with the best of each. {ends}.")
    looks = (rate, f"rate {rate:g}", VALIDATION, "--", "s"), (None, "best rate", TRAINING, "-", "o")
    for axes, (budget, at) in zip(still.subplots(1, 2, sharey=True), grids.BUDGETS.items(), strict=True):
        for fixed, name, color, style, marker in looks:
            spread(axes, sizes, losses[budget, fixed], name, color, style, marker)
        _batch_sizes(axes, sizes[::3])
        axes.set_title(f"{budget}: {at}", loc="left")
    still.figure.axes[0].set_ylabel("training loss")
    return still


def against_rate(rates, ends):
    """Losses at the end of runs against their learning rate, as a `Still`; ends: name -> (rates, seeds)."""
    shown = {name: np.minimum(losses, HIGH).T for name, losses in ends.items()}
    said = "; ".join(
        f"{name}: {', '.join(figures(loss) for loss in median(losses))} at rates {', '.join(map(figures, rates))}"
        for name, losses in shown.items()
    )
    still = Still(f"Training loss at the end against learning rate, {len(next(iter(shown.values())))} seeds. {said}.")
    axes = still.subplots()
    for (name, losses), color, style, marker in zip(
        shown.items(), (VALIDATION, TRAINING), ("--", "-"), "so", strict=True
    ):
        spread(axes, rates, losses, "", color, style, marker)
        at = int(np.argmax(median(losses) > 0.1))
        place, ha = ((-9, 0), "right") if color == VALIDATION else ((9, -4), "left")
        axes.annotate(name, (rates[at], median(losses)[at]), place, textcoords="offset points", color=color, ha=ha)
    _batch_sizes(axes, rates)
    axes.set(xlabel="learning rate", ylabel="training loss at the end")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:.2g}"))
    return still


def schedules(runs):
    """Losses of runs whose rate or batch size changes on the way, against epochs and against updates, as a `Still`.

    runs: name -> (updates (k,), losses (seeds, k)), after each epoch from the start on.
    """
    said = "; ".join(
        f"{name}: {median(losses)[-1]:.3g} after {updates[-1]:,} updates" for name, (updates, losses) in runs.items()
    )
    still = Still(f"Training loss against epochs and against updates, medians of the seeds. At the end {said}.")
    left, right = still.subplots(1, 2, sharey=True)
    looks = zip((NOW, TRAINING, VALIDATION), ("-", "-", (0, (4, 2))), (1.6, 4.0, 2.0), strict=True)
    for (updates, losses), (color, style, width) in zip(runs.values(), looks, strict=True):
        for axes, x in ((left, np.arange(len(updates))), (right, updates)):
            axes.plot(x, median(losses), color=color, linestyle=style, linewidth=width)
            axes.fill_between(x, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.15, linewidth=0)
    left.set(xlabel="epochs", ylabel="training loss", yscale="log")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_xlim(0, max(losses.shape[1] for _, losses in runs.values()) - 1)
    right.set(xlabel="updates (iterations)")
    left.set_title("at equal epochs", loc="left")
    right.set_title("at equal updates", loc="left")
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter(NUMBERS)
    left.yaxis.set_minor_locator(NullLocator())
    for (name, (updates, losses)), color, down in zip(runs.items(), (NOW, TRAINING, DARK[1]), (0, 0, 9), strict=True):
        place = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        right.annotate(name, (updates[-1], median(losses)[-1]), (6, -down), color=color, **place)
    return still
