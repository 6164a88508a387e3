"""What the step lab shows: bytes of a step, and samples a second, against the batch size."""

import numpy as np
from matplotlib.ticker import EngFormatter

from ... import measure
from ...live import View, still
from ...pieces import device_of
from .. import plots
from ..plots import BOX, beside, narrow, ticks
from . import plans

BYTES, BUDGET, PIECE, FULL, RATE = plots.TRAINING, plots.VALIDATION, plots.BEST, plots.KEPT[0], plots.TRAINING
GREY = {"color": "0.45", "linewidth": 1}
HIGHEST = 1e12  # bytes


def in_bytes(count):
    """Bytes in words, three digits of them.

    >>> in_bytes(131188), in_bytes(999_999), in_bytes(16_000_000_000)
    ('131 kB', '1 MB', '16 GB')
    """
    return EngFormatter("B")(float(f"{count:.3g}"))


def decades(axis):
    """Ticks in words: 1, 100, 10 k, 1 M."""
    axis.set_major_formatter(EngFormatter())
    axis.set_ticks([], minor=True)


def at_knee(axes, knee, height, words, away=6, **look):
    """Words beside the line of the knee, at a part of the height."""
    return beside(axes, words, (knee, height), (away, 0), xycoords=axes.get_xaxis_transform(), va="bottom", **look)


def budget_line(axes, most):
    """Axes for bytes up to the batch size `most`, and the memory budget in them; `update(budget)`."""
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * most), ylim=(1e4, HIGHEST), xlabel="batch size B")
    axes.set_title("bytes of one step")
    ticks(axes.yaxis, [1e4, 1e6, 1e8, 1e10], ["10 kB", "1 MB", "100 MB", "10 GB"])
    axes.set_xticks([1, 100, 1e4, 1e6])
    decades(axes.xaxis)
    line = axes.axhline(1e9, color=BUDGET, linewidth=1.6)
    word, name = axes.text(1, 1e9, "", color=plots.DARK[1], bbox=BOX), "budget" if narrow(axes) else "memory budget"

    def update(budget):
        line.set_ydata([budget, budget])
        below = budget > 3e10  # above it stands the name of the full batch
        word.set(text=f"{name} {in_bytes(budget)}", position=(1, budget / 1.5 if below else 1.5 * budget))
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
    corner = {"xycoords": "axes fraction", "ha": "right", "va": "baseline"}
    says = beside(axes, "", (1, 1), (0, 21 if narrow(axes) else 5), **corner)
    name, height = axes.text(1, 0.8 * HIGHEST, "", va="top", bbox=BOX), 1e6 if narrow(axes) else 2e6

    def update(batch_size, here, n, full, budget, piece):
        pieces.set_data(([piece[0], most], [piece[1]] * 2) if piece else ([], []))
        everything.set_xdata([n, n])
        star.set_data([n], [full])
        large = n > 2000  # then there is room to the left of its line
        name.set_text(f"full batch {in_bytes(full)}")
        name.set(x=0.7 * n if large else 1.5 * n, ha="right" if large else "left")
        law.set(visible=piece is None, y=2.5e5 if 0.4 < budget / height < 8 else height)  # not on the budget's line
        above.set(text=f"micro-batches of {piece[0]}" if piece else "", y=1.4 * piece[1] if piece else 1)
        now.set_xdata([batch_size, batch_size])
        dot.set_data([batch_size], [here])
        says.set_text(f"B = {batch_size:,}: {in_bytes(here)}")

    return View([pieces, everything, now, level, law, above, name, star, dot, says], update)


def rate_axes(axes, sizes, seconds, fit):
    """Axes for samples a second."""
    measured, most = sizes / seconds, fit.knee / fit.start
    low, high = 10.0 ** np.floor(np.log10(measured.min())), 10.0 ** np.ceil(np.log10(1.5 * max(most, measured.max())))
    axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * sizes[-1]), ylim=(low, high), xlabel="batch size B")
    axes.set_title("samples a second" if narrow(axes) else "samples a second (line: fitted)")
    axes.set_xticks([1, 10, 100, 1000, 10000])
    decades(axes.xaxis)
    decades(axes.yaxis)


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
    label = f"knee: B = {knee:.2g}\nhalf of the most"
    word = at_knee(axes, knee, 0.05, label, -6 if left else 6, color=plots.DARK[0], bbox=BOX)

    def update(batch_size, rate):
        now.set_xdata([batch_size, batch_size])
        dot.set_data(([], []) if rate is None else ([batch_size], [rate]))

    return View([now, word, dot], update)


# ---- still pictures --------------------------------------------------------------------------------------------------


@still()
def optimizers_memory(figure):
    """Bytes of a step with three optimizers: the constant in copies of the parameters, and against B. A `Still`."""
    sizes, copy = (1, 16, 64, 256, 1024, 16_384, 1_000_000), plans.parameter_bytes()
    laws = {name: plans.law(optimizer) for name, optimizer in plans.OPTIMIZERS.items()}
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    for row, (constant, _) in enumerate(laws.values()):
        state = round(constant / copy / 2) - 1  # copies of the parameters that the optimizer keeps
        for at, (width, colour, hatch) in enumerate(((1, BYTES, ""), (state, BUDGET, "//"))):
            left.barh(row, 2 * width, left=2 * at, color=colour, hatch=hatch, edgecolor="white", height=0.7)
        left.text(2 * state + 2.1, row, in_bytes(constant), va="center")
    left.set_yticks(range(len(laws)), list(laws))
    left.set(xlim=(0, 7.8), ylim=(2.6, -1.1), xlabel="copies of the parameters, old and new", xticks=range(0, 7, 2))
    left.text(0.05, -0.45, "parameters", color=BYTES, va="bottom")
    left.text(2.5, -0.45, "optimizer's state", color=plots.DARK[1], va="bottom")
    left.set_title("the constant")
    looks = ((BYTES, "-", 0), (PIECE, "--", 0), (BUDGET, "-.", 3))  # and how far up its name stands
    for (name, optimizer), (colour, style, up) in zip(plans.OPTIMIZERS.items(), looks, strict=True):
        total = [plans.plan(optimizer, size).total for size in sizes]
        right.plot(sizes, total, style, color=colour, marker="o", markersize=4)
        beside(right, name, (1, total[0]), (-6, up), color=colour)
    right.set(xscale="log", yscale="log", xlim=(0.004, 3e6), xlabel="batch size B", xticks=[1, 100, 1e4, 1e6])
    ticks(right.yaxis, [1e5, 1e6, 1e7, 1e8, 1e9], ["100 kB", "1 MB", "10 MB", "100 MB", "1 GB"])
    decades(right.xaxis)
    right.set_title("bytes of a step")
    said = [f"{name}: {in_bytes(constant)} and {each:,.0f} bytes a sample" for name, (constant, each) in laws.items()]
    return f"What a step takes, as the {device_of().platform.upper()}'s compiler plans it. {'; '.join(said)}."


@still(height=3.8)
def speed(figure, lab):
    """Seconds of a step against B, as a lab has timed it, with the fitted line and its knee: a `Still`."""
    known = lab.wait().known
    times, fit = 1e6 * np.array(known["times"]), known["fit"]
    sizes = np.array(lab.timed)
    axes, fine = figure.subplots(), np.geomspace(1, sizes[-1], 80)
    axes.fill_between(sizes, *np.percentile(times, [25, 75], axis=0), color=RATE, alpha=0.25, linewidth=0)
    axes.plot(sizes, np.median(times, axis=0), "o", color=RATE)
    axes.plot(fine, 1e6 * fit.seconds(fine), color=plots.NOW, linewidth=1.2)
    axes.axhline(1e6 * fit.start, linestyle="--", **GREY)
    axes.axvline(fit.knee, color=PIECE, linewidth=1.4)
    at_knee(axes, fit.knee, 0.9, f"knee: B = {fit.knee:.2g}", color=plots.DARK[0])
    axes.text(sizes[-1], 1.1 * 1e6 * fit.start, f"$t_0$ = {1e6 * fit.start:.0f} µs", ha="right")
    axes.set(xscale="log", yscale="log", xlabel="batch size B", ylabel="µs of a step")
    axes.set_title(f"dots: timed on your {lab.measured_on}, band: half of {len(times)} repeats; line: fitted")
    decades(axes.xaxis)
    decades(axes.yaxis)
    off = np.abs(fit.seconds(sizes) / known["seconds"] - 1)
    told = (f"{1e6 * value:,.0f} at B = {size:,}" for size, value in zip(sizes, known["seconds"], strict=True))
    return (
        f"Microseconds of a step on the {lab.measured_on}: {', '.join(told)}. The line has its knee at {fit.knee:.2g} "
        f"samples and is off by up to {100 * off.max():.0f} %."
    )
