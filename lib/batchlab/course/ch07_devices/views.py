"""What the step lab shows: bytes of a step, and samples a second, against the batch size."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ... import measure
from ...live import NARROW, View
from .. import plots

BYTES, BUDGET, PIECE, FULL, RATE = plots.TRAINING, plots.VALIDATION, plots.BEST, plots.KEPT[0], plots.TRAINING
BOX = {"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0, "alpha": 0.8}
GREY = {"color": "0.45", "linewidth": 1}
LOWEST, HIGHEST = 1e4, 1e12  # bytes


def in_bytes(count):
    """Bytes in words, three digits of them.

    >>> in_bytes(131188), in_bytes(16_000_000_000)
    ('131 kB', '16 GB')
    """
    power = min(max(len(str(int(count))) - 1, 0) // 3, 4)
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def _decades(axis):
    """Ticks in words: 1, 100, 10 k, 1 M."""

    def short(value, _):
        for unit, word in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
            if value >= unit:
                return f"{value / unit:g}{word}"
        return f"{value:g}"

    axis.set_major_formatter(FuncFormatter(short))
    axis.set_minor_locator(NullLocator())


def _narrow(axes):
    """Whether there is little room."""
    return axes.figure.get_figwidth() < NARROW


def top(figure):
    """Inches above each column: where there is little room, of two lines on the left."""
    return (0.58, 0.35) if figure.get_figwidth() < NARROW else 0.35


def predict_first(axes):
    """What stands where the outcome will be."""
    axes.text(0.5, 0.5, "predict first", transform=axes.transAxes, ha="center", color="0.4")


def budget_line(axes, most):
    """Axes for bytes up to the batch size `most`, and the memory budget in them; `update(budget)`."""
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * most), ylim=(LOWEST, HIGHEST), xlabel="batch size B")
    axes.set_title("bytes of one step")
    axes.set_yticks([1e4, 1e6, 1e8, 1e10], ["10 kB", "1 MB", "100 MB", "10 GB"])
    axes.set_xticks([1, 100, 1e4, 1e6])
    _decades(axes.xaxis)
    axes.yaxis.set_minor_locator(NullLocator())
    line = axes.axhline(1e9, color=BUDGET, linewidth=1.6)
    word, name = axes.text(1, 1e9, "", color=plots.DARK[1], bbox=BOX), "budget" if _narrow(axes) else "memory budget"

    def update(budget):
        line.set_ydata([budget, budget])
        below = budget > 3e10  # above it stands the name of the full batch
        word.set(text=f"{name} {in_bytes(budget)}", position=(1, budget / 1.3 if below else 1.2 * budget))
        word.set_verticalalignment("top" if below else "bottom")

    return View([line, word], update)


def bytes_of_step(axes, reports, most):
    """Bytes of a step against batch size; `update(batch_size, here, n, full, budget, piece)`."""
    sizes, (constant, each) = sorted(reports), measure.byte_law(reports)
    fine = np.unique(np.concatenate([np.geomspace(1, most, 120), sizes]))
    axes.plot([0.8, 1.3 * most], [constant] * 2, linestyle="--", **GREY)
    axes.plot(fine[[0, -1]], each * fine[[0, -1]], linestyle=":", **GREY)
    axes.plot(fine, measure.bytes_at(reports, fine), color=BYTES, linewidth=1.6)
    axes.plot(sizes, [reports[size] for size in sizes], "o", color=BYTES, markersize=4.5)
    level = axes.text(most, 0.7 * constant, f"constant: {in_bytes(constant)}", ha="right", va="top", bbox=BOX)
    law = axes.text(most, 1, f"dotted: {each:.0f}\nbytes a sample", ha="right", va="center", bbox=BOX)
    above = axes.text(most, 1, "", ha="right", va="bottom", color=plots.DARK[0], bbox=BOX)
    pieces = axes.plot([], [], color=PIECE, linewidth=2, linestyle=(0, (5, 1.5)))[0]
    everything = axes.axvline(1, color=FULL, linewidth=1, linestyle="-.")
    star = axes.plot([], [], "D", color=FULL, markersize=7, markeredgecolor="white")[0]
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":")
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=7)[0]
    corner = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right", "va": "baseline"}
    says = axes.annotate("", (1, 1), xytext=(0, 21 if _narrow(axes) else 5), **corner)
    name, beside = axes.text(1, 0.8 * HIGHEST, "", va="top", bbox=BOX), 1e6 if _narrow(axes) else 2e6

    def update(batch_size, here, n, full, budget, piece):
        pieces.set_data(([piece[0], most], [piece[1]] * 2) if piece else ([], []))
        everything.set_xdata([n, n])
        star.set_data([n], [full])
        large = n > 2000  # then there is room to the left of its line
        name.set_text(f"full batch {in_bytes(full)}")
        name.set(x=0.7 * n if large else 1.5 * n, ha="right" if large else "left")
        law.set(visible=piece is None, y=2.5e5 if 0.4 < budget / beside < 8 else beside)  # not on the budget's line
        above.set(text=f"micro-batches of {piece[0]}" if piece else "", y=1.2 * piece[1] if piece else 1)
        now.set_xdata([batch_size, batch_size])
        dot.set_data([batch_size], [here])
        says.set_text(f"B = {batch_size:,}: {in_bytes(here)}")

    return View([pieces, everything, now, level, law, above, name, star, dot, says], update)


def rate_axes(axes, sizes, seconds, fit):
    """Axes for samples a second."""
    measured, most = sizes / seconds, fit.knee / fit.start
    low, high = 10.0 ** np.floor(np.log10(measured.min())), 10.0 ** np.ceil(np.log10(1.5 * max(most, measured.max())))
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * sizes[-1]), ylim=(low, high), xlabel="batch size B")
    axes.set_title("samples a second" if _narrow(axes) else "samples a second (line: fitted)")
    axes.set_xticks([1, 10, 100, 1000, 10000])
    _decades(axes.xaxis)
    axes.yaxis.set_major_locator(LogLocator())
    _decades(axes.yaxis)


def samples_a_second(axes, sizes, seconds, fit):
    """Samples a second against batch size, timed and fitted; `update(batch_size, rate)`."""
    (start, knee), fine = fit, np.geomspace(1, sizes[-1], 80)
    axes.plot(fine[[0, -1]], fine[[0, -1]] / start, linestyle=":", **GREY)
    axes.plot([0.8, 1.3 * sizes[-1]], [knee / start] * 2, linestyle="--", **GREY)
    axes.plot(fine, fit.samples_per_second(fine), color=RATE, linewidth=1.6)
    axes.plot(sizes, sizes / seconds, "o", color=RATE, markersize=4.5)
    axes.axvline(knee, color=PIECE, linewidth=1.4)
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":")
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=7)[0]
    left = knee > sizes[-1] ** 0.6  # there is no room to the right of it
    place = {"ha": "right" if left else "left", "bbox": BOX, "transform": axes.get_xaxis_transform()}
    label = f"knee: B = {knee:.2g}\nhalf of the most"
    word = axes.text(knee / 1.2 if left else 1.2 * knee, 0.05, label, color=plots.DARK[0], **place)

    def update(batch_size, rate):
        now.set_xdata([batch_size, batch_size])
        dot.set_data(([], []) if rate is None else ([batch_size], [rate]))

    return View([now, word, dot], update)
