"""What the rate map shows: the map, the lines on it, the runs of a cell; and still pictures of what was measured."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import LogLocator, MaxNLocator

from ...live import View, still
from .. import plots
from ..plots import BOX, DARK, NOW, TRAINING, VALIDATION, beside, figures, heading, median, note, spread, ticks
from . import grids

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # between the colours of the map
LOW, HIGH = 2e-4, 30.0  # of the loss curves
FEW = 10  # points of a curve: each is marked
ROWS = 16  # of the map's image, for each factor of 4 in the rate
LINEAR = "#8A3F6B"  # of words about a line in KEPT[0]


def _range(grid):
    """The rates of the map, as powers of 2."""
    return np.log2(grid.coarse[[0, -1]]) + np.array([-1, 1])


def _heights(rates):
    """Where the cells of a column meet: (r + 1,), as powers of two."""
    places = np.log2(rates)
    return np.concatenate([[places[0] - 1], (places[1:] + places[:-1]) / 2, [places[-1] + 1]])


def _highest(line):
    """The highest point of a line that is drawn; part of it may be unknown or beyond the map."""
    return max(line[np.isfinite(line)], default=-np.inf)


def image(grid, budget):
    """The map by colours, rates upwards: (rows, b), -1 for no run yet, else how many BOUNDS are passed; the lost."""
    low, high = _range(grid)
    fine = np.arange(low, high, 2 / ROWS) + 1 / ROWS
    kinds_at, lost = np.full((len(fine), len(grid.batch_sizes)), -1), []
    for column, size in enumerate(grid.batch_sizes.tolist()):
        rates, losses = grid.losses(size, budget)
        if rates:
            losses = np.where(np.less(losses, grid.limit), losses, np.inf)
            kinds = np.searchsorted((*BOUNDS, np.inf), losses, side="right")
            kinds_at[:, column] = kinds[np.searchsorted(_heights(rates)[1:-1], fine)]
            lost += [(column, np.log2(rate)) for rate, kind in zip(rates, kinds, strict=True) if kind > len(BOUNDS)]
    return kinds_at, np.reshape(lost, (-1, 2))


def map_of_losses(axes, grid):
    """The map itself; `update(image, lost)`, see `image`."""
    colors = ListedColormap(["white", *plots.STEPS, "white"])
    columns, sizes = np.arange(len(grid.batch_sizes)), grid.batch_sizes
    look = {"cmap": colors, "vmin": -1.5, "vmax": len(BOUNDS) + 1.5, "aspect": "auto", "origin": "lower"}
    extent, blank = (-0.5, len(sizes) - 0.5, *_range(grid)), np.full((2, len(sizes)), -1)
    colored = axes.imshow(blank, extent=extent, interpolation="nearest", **look)
    (lost,) = axes.plot([], [], "x", color="0.6", markersize=5)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="batch size B")
    axes.set_ylabel("learning rate", labelpad=1)
    every = 3 if plots.narrow(axes) else 1
    axes.set_xticks(columns, ["" if at % every else size for at, size in enumerate(sizes)])
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
    """Best rates, edge, line in proportion to B and chosen cell; `update(best, around_edge, share, cell, said)`."""
    sizes, columns = grid.batch_sizes, np.arange(len(grid.batch_sizes))
    (edge,) = axes.plot([], [], color="black", linewidth=2, drawstyle="steps-mid")
    (linear,) = axes.plot([], [], color=plots.KEPT[0], linewidth=2.2, linestyle=(0, (4, 2)))
    look = {"markersize": 7, "markerfacecolor": "white", "markeredgecolor": "black", "linestyle": "none"}
    (dots,) = axes.plot([], [], "o", **look)
    (around,) = axes.plot([], [], color="white", linewidth=3.5)
    (cell,) = axes.plot([], [], color="black", linewidth=1.5)
    space, up = ("\n", 1.3) if plots.narrow(axes) else (" ", 0.7)  # in a label; how far it is above the edge
    words = [
        axes.text(0, 0, said, color=color, ha=ha, va="center", bbox=BOX)
        for said, color, ha in (
            (f"edge of{space}stability", "black", "left"),
            (f"in proportion{space}to B", LINEAR, "right"),
            (f"best{space}rates", "black", "left"),
        )
    ]
    title = heading(axes)
    fine = np.linspace(-0.5, len(sizes) - 0.5, 120)
    at = np.interp(fine, columns, np.log2(sizes))  # the last column is N, whatever that is
    at += np.minimum(fine, 0) + np.maximum(fine - columns[-1], 0)
    top = _range(grid)[1]

    def update(best, around_edge, share, chosen, said):
        title.set_text(said)
        dots.set_data(columns, np.log2(best))
        line = np.mean(np.log2(around_edge), axis=0)
        edge.set_data([-0.5, *columns, columns[-1] + 0.5], [line[0], *line, line[-1]])
        straight = np.log2(share) + at
        linear.set_data(fine, straight)
        known = bool(np.isfinite([line[0], share, best[1]]).all())
        if known:
            words[0].set_position((-0.4, _highest(line[:4]) + up))
            leaves = min(np.searchsorted(straight, top - 1.2), len(fine) - 1)  # where the line is to leave the map
            height = max(straight[leaves] + 0.9, _highest(line[-4:]) + up)
            words[1].set_position((fine[leaves] - 0.25, min(top - 0.3 - up, height)))
            words[2].set_position((1.3, np.log2(best[1]) - 0.9))
        for word in words:
            word.set_visible(known)
        size, rate = chosen
        x, rates = sizes.tolist().index(size), grid.rates(size)
        low, high = _heights(rates)[rates.index(rate) :][:2]
        for outline in (around, cell):
            outline.set_data(x + np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), [low, low, high, high, low])

    return View([linear, edge, dots, around, cell, *words, title], update)


def curves_of_cell(axes, grid):
    """The losses of a cell's runs, medians with the range of the seeds; `update(size, rate, budget)`."""
    blank = [0, 1], [1, 1], [1, 1]
    pairs = (TRAINING, "-", "training loss"), (VALIDATION, (0, (4, 1.2)), "validation loss")
    bands = [axes.fill_between(*blank, color=color, alpha=0.2, linewidth=0) for color, _, _ in pairs]
    lines = [axes.plot([], [], color=c, linestyle=s, linewidth=1.7)[0] for c, s, _ in pairs]
    words = [axes.text(0.98, 0, said, color=c, ha="right", va="center", bbox=BOX) for c, _, said in pairs]
    axes.axhline(grid.limit, color="0.6", linewidth=1)
    title, said = heading(axes), note(axes, 0.97, 0.03)
    guess = axes.text(0.02, grid.limit * 1.2, "guessing", va="bottom", bbox=BOX)
    for word in (guess, *words):
        word.set_transform(axes.get_yaxis_transform())
    axes.set(yscale="log", ylim=(LOW, HIGH))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ticks(axes.yaxis, [0.001, 0.01, 0.1, 1, 10])
    apart = (HIGH / LOW) ** 0.075  # between two words, as a factor of the loss

    def update(size, rate, budget):
        epochs, right = budget == "equal epochs", grid.epochs_at(size, budget)
        label = "epochs" if epochs else "updates (iterations)"
        if axes.get_xlabel() != label:  # else what stands still need not be drawn anew
            axes.set(xlim=(0, grids.EPOCHS if epochs else grids.ITERATIONS), xlabel=label)
        title.set_text(f"runs of batch size {size}, rate {rate:.3g}")
        curves, ends = grid.curves(size, rate), grid.ends(size, rate, budget)
        lost = 0 if ends is None else np.isinf(ends[:, 0]).sum()
        said.set_text(f"diverged: {lost} of {len(ends)}" if lost else "" if curves else "not run yet")
        x = max((at for at, _ in curves), key=len, default=np.zeros(0))
        x = x[: np.searchsorted(x, right - 1e-9) + 1]
        values = np.full((len(curves), len(x), 2), HIGH)
        for run, (_, curve) in zip(values, curves, strict=True):
            run[: len(curve)] = np.maximum(np.fmin(curve[: len(x), :2], HIGH), LOW)  # of NaN and HIGH it takes HIGH
        x = x if epochs else x * grid.updates(size)
        medians = np.median(values, axis=0) if curves else np.zeros((0, 2))
        for line, band, word, middle, shown in zip(lines, bands, words, medians.T, values.T, strict=True):
            line.set_data(x, middle)
            line.set_marker("o" if len(x) < FEW else "")
            band.set_visible(bool(curves))
            word.set_visible(bool(curves))
            if curves:
                band.set_data(x, shown.min(axis=1), shown.max(axis=1))
        if curves:
            first, second = medians[-1]
            words[0].set_y(np.clip(first / apart, LOW * apart**0.6, HIGH / apart**2.2))
            words[1].set_y(np.clip(second * apart, words[0].get_position()[1] * apart**1.2, HIGH / apart))

    return View([*bands, *lines, title, guess, *words, said], update)


# ---- still pictures --------------------------------------------------------------------------------------------------


def _batch_sizes(axes, sizes):
    """Logarithmic axes over batch sizes, each with its number."""
    axes.set(xscale="log", yscale="log", xlabel="batch size B")
    axes.yaxis.set_major_locator(LogLocator(numticks=12))
    plots.plain(axes.yaxis)
    ticks(axes.xaxis, sizes)


def _labels(axes, x, entries):
    """Label lines where they end, at x: entries of (y, text, color); labels that would overlap are moved apart."""
    tall, (low, high) = 190, np.log(axes.get_ylim())  # points, about the height of the axes
    floor = -np.inf
    for y, said, color in sorted(entries):
        half = 7.5 * (1 + said.count("\n"))
        at = tall * (np.log(y) - low) / (high - low)
        place = max(at, floor + half)
        floor = place + half
        beside(axes, said, (x, y), (7, place - at), color=color, va="center", annotation_clip=False)


@still()
def rules(figure, best, said):
    """The best rates of several draws of the data, a `BestRates`, and what rules say of them, as a `Still`.

    said: name of a rule -> its rates (b,).
    """
    axes, sizes, measured = figure.subplots(), best.batch_sizes, median(best.rates)
    off = {name: np.exp(np.abs(np.log(rates / measured)).max()) for name, rates in said.items()}
    ends = []
    for (name, rates), color, style in zip(said.items(), (DARK[1], LINEAR, NOW), plots.STYLES, strict=False):
        axes.plot(sizes, rates, color=color, linestyle=style, linewidth=2)
        ends.append((rates[-1], f"{name}:\noff by up to {off[name]:.1f}×", color))
    spread(axes, sizes, best.rates, "", TRAINING, style=" ")
    beside(axes, "measured", (sizes[2], measured[2]), (9, -9), color=TRAINING, va="center")
    _batch_sizes(axes, sizes)
    _labels(axes, sizes[-1], ends)
    axes.set(ylabel="best learning rate", title=f"{best.optimizer}, {best.budget}, {len(best.rates)} draws of the data")
    rates = ", ".join(f"{rate:.2g} at B = {size}" for size, rate in zip(sizes, measured, strict=True))
    each = "; ".join(f"{name}: off by a factor of up to {factor:.1f}" for name, factor in off.items())
    return f"Best learning rate of {best.optimizer} against batch size, {len(best.rates)} draws: {rates}. {each}."


@still()
def powers(figure, *measured, high=32):
    """How the best rates of several optimizers grow with the batch size, as a `Still`; each a `BestRates`."""
    axes, sizes, ends, said = figure.subplots(), measured[0].batch_sizes, [], []
    for values, name, style in ((sizes, "in proportion", "-"), (np.sqrt(sizes), "square root", (0, (4, 2)))):
        axes.plot(sizes, values, color="0.6", linestyle=style, linewidth=1.2)
        ends.append((values[-1], name, "0.4"))
    for best, color, marker in zip(measured, (TRAINING, *DARK), "osD", strict=False):
        power, relative = best.power(high=high), best.rates / best.rates[:, :1]
        spread(axes, sizes, relative, "", color, marker=marker)
        text = f"{power.value:.2f}\n({power.low:.2f} to {power.high:.2f})"
        ends.append((median(relative)[-1], f"{best.optimizer}: power {text}", color))
        said.append(f"{best.optimizer}: {text}".replace("\n", " "))
    _batch_sizes(axes, sizes)
    _labels(axes, sizes[-1], ends)
    budget, count = measured[0].budget, len(measured[0].rates)
    axes.set(ylabel="best rate, as a multiple\nof that at B = 1", title=f"{budget}; power of B from B = 1 to {high}")
    return (
        f"Best rate at {budget}, as a multiple of that at B = 1, {count} draws of the data. Power of B up to "
        f"B = {high}, with its 95 % interval: {'; '.join(said)}."
    )


@still()
def one_rate(figure, grid, rate):
    """What one rate for all batch sizes costs, at equal epochs and at equal updates, as a `Still`."""
    sizes, said = grid.batch_sizes, []
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (budget, at) in zip(panels, grids.BUDGETS.items(), strict=True):
        for fixed, label, name, *look in (
            (rate, f"rate {rate:g}", "one rate", VALIDATION, "--", "s"),
            (None, "best rate", "best rates", TRAINING, "-", "o"),
        ):
            losses = np.minimum([grid.loss_at(size, fixed, budget) for size in sizes.tolist()], grid.limit).T
            spread(axes, sizes, losses, label, *look)
            first, *_, last = map(figures, median(losses))
            said.append(f"{budget}, {name}: {first} at B = 1, {last} at B = {sizes[-1]}")
        _batch_sizes(axes, sizes[::3])
        axes.set_title(f"{budget}: {at}")
    panels[0].set_ylabel("training loss")
    ends = "; ".join(said)
    return f"Training loss against batch size with rate {rate:g} for all and with the best of each. {ends}."


@still()
def against_rate(figure, rates, ends):
    """Losses at the end of runs against their learning rate, as a `Still`; ends: name -> (rates, seeds)."""
    axes, said = figure.subplots(), []
    for (name, losses), *look, away in zip(
        ends.items(), (VALIDATION, TRAINING), ("--", "-"), "so", ((-9, 0), (9, -4)), strict=True
    ):
        losses = np.minimum(losses, HIGH).T
        spread(axes, rates, losses, "", *look)
        middle = median(losses)
        at = int(np.argmax(middle > 0.1))
        beside(axes, name, (rates[at], middle[at]), away, color=look[0])
        said.append(f"{name}: {', '.join(map(figures, middle))} at rates {', '.join(map(figures, rates))}")
    _batch_sizes(axes, rates)
    axes.set(xlabel="learning rate", ylabel="training loss at the end")
    axes.xaxis.set_major_formatter("{x:.2g}")
    return f"Training loss at the end against learning rate, {len(losses)} seeds. {'; '.join(said)}."


@still()
def schedules(figure, runs):
    """Losses of runs whose rate or batch size changes on the way, against epochs and against updates, as a `Still`.

    runs: name -> (updates (k,), losses (seeds, k)), after each epoch from the start on.
    """
    (left, right), said = figure.subplots(1, 2, sharey=True), []
    looks = ((NOW, "-", 1.6, 0), (TRAINING, "-", 4.0, 0), (VALIDATION, (0, (4, 2)), 2.0, -9))
    for (name, (updates, losses)), (color, style, width, up) in zip(runs.items(), looks, strict=True):
        middle = median(losses)
        for axes, x in ((left, np.arange(len(updates))), (right, updates)):
            axes.plot(x, middle, color=color, linestyle=style, linewidth=width)
            axes.fill_between(x, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.15, linewidth=0)
        dark = DARK[1] if color == VALIDATION else color
        beside(right, name, (updates[-1], middle[-1]), (6, up), color=dark, va="center", annotation_clip=False)
        said.append(f"{name}: {middle[-1]:.3g} after {updates[-1]:,} updates")
    left.set(xlabel="epochs", ylabel="training loss", yscale="log", title="at equal epochs")
    left.set_xlim(0, max(losses.shape[1] for _, losses in runs.values()) - 1)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="updates (iterations)", title="at equal updates")
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    plots.plain(left.yaxis)
    return f"Training loss against epochs and against updates, medians of the seeds. At the end {'; '.join(said)}."
