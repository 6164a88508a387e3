"""What the noise lab shows: the cloud of batch gradients, their variance, and the noise scale along a run."""

import numpy as np

from ...live import View
from .. import plots

REACH = 4.0  # the cloud's axes reach this far from the tip of the full gradient, in its lengths
WITHOUT, WITH, FULL, PAIRS = plots.TRAINING, plots.VALIDATION, plots.BEST, "#56B4E9"
BOX = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}


def _heading(axes, **look):
    """A moving title of two lines above the axes."""
    return axes.text(0.0, 1.02, "", transform=axes.transAxes, va="bottom", linespacing=1.15, **look)


def cloud(axes):
    """Batch gradients as dots in the plane of `measure.plane`; `update(points, batch_size, cosine, length)`."""
    axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    (dots,) = axes.plot([], [], "o", color=WITHOUT, markersize=2.8, markeredgewidth=0)
    (full,) = axes.plot([0, 1], [0, 0], color=FULL, linewidth=3)
    (tip,) = axes.plot([1], [0], "*", color=FULL, markersize=13, markeredgecolor="white")
    (one,) = axes.plot([], [], color=WITH, linewidth=1.6)
    look = {"transform": axes.transAxes, "bbox": BOX}
    star = axes.text(0.97, 0.97, "★ full gradient G", color=plots.DARK[0], ha="right", va="top", **look)
    said = axes.text(0.03, 0.03, "", **look)
    heading = _heading(axes)
    axes.set(xlim=(1 - REACH, 1 + REACH), ylim=(-REACH, REACH))
    axes.set_xlabel("part along G, in units of |G|")
    axes.set_ylabel("part across G", labelpad=0)

    def update(points, batch_size, cosine, length):
        dots.set_data(*points.T)
        one.set_data([0, points[0, 0]], [0, points[0, 1]])
        heading.set_text(f"batch gradients, B = {batch_size}\n(orange: one of them)")
        said.set_text(f"median cosine {np.median(cosine):.2f}\nmedian length {np.median(length):.2f} |G|")

    return View([dots, full, one, tip, star, said, heading], update)


def against_batch_size(axes, n):
    """Variance against B, measured and by theory; `update(sizes, curves, scale, batch_size, variance)`, in |G|^2."""
    low, high = 1e-3, 1e4
    shaded = axes.axvspan(n, n, color="0.93", linewidth=0)
    fine = np.unique(np.concatenate([np.geomspace(1, n / 2, 40), n - np.geomspace(1e-3, n / 2, 40)]))
    signal = axes.axhline(1, color="0.6", linewidth=1)
    with_theory = axes.plot([], [], color=WITH, linewidth=1.3, linestyle=(0, (5, 2)))[0]
    without_theory = axes.plot([], [], color=WITHOUT, linewidth=1.3)[0]
    look = {"linestyle": "none", "markeredgewidth": 0}
    with_dots = axes.plot([], [], "s", color=WITH, markersize=4, label="with replacement", **look)[0]
    without_dots = axes.plot([], [], "o", color=WITHOUT, markersize=4.5, label="without (an epoch)", **look)[0]
    mark = axes.axvline(1, color=FULL, linewidth=1.4)
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":")
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=6)[0]
    word = axes.text(0.03, 0.03, "", transform=axes.transAxes, bbox=BOX)
    axes.set(xscale="log", yscale="log", xlim=(1, n * 1.1), ylim=(low, high), xlabel="batch size B")
    axes.set_title("variance |g − G|² / |G|²\n(grey: noise = signal)", fontsize="medium", linespacing=1.15, pad=3)
    key = axes.legend(loc="upper right", handletextpad=0.2, borderaxespad=0.1, labelspacing=0.3)
    axes.xaxis.set_major_formatter(plots.NUMBERS)
    axes.minorticks_off()
    axes.set_yticks([1e-2, 1, 100, 1e4], ["0.01", "1", "100", "10⁴"])

    def update(sizes, curves, scale, batch_size, variance):
        with_theory.set_data([1, n], [scale, scale / n])
        shrink = (n - fine) / (n - 1)
        without_theory.set_data(fine, np.where(shrink > 0, scale / fine * shrink, np.nan))
        for dots, curve in zip((without_dots, with_dots), curves, strict=True):
            seen = curve > low  # what is not measured yet is NaN
            dots.set_data(sizes[seen], curve[seen])
        edge = min(max(scale, 1.0), n)
        shaded.set(x=edge, width=1.1 * n - edge)
        mark.set_xdata([edge, edge])
        beyond = "shaded: all samples\nat most double a step" if scale < n else "more than N:\nevery sample counts"
        word.set_text(f"noise scale {plots.figures(scale)}\n{beyond}")
        now.set_xdata([batch_size, batch_size])
        dot.set_data([batch_size], [max(variance, low)])

    artists = [shaded, signal, with_theory, without_theory, with_dots, without_dots, mark, now, dot, word, key]
    return View(artists, update)


def along_run(axes, n, num_epochs):
    """The noise scale at epochs of a run, with two-batch estimates; `update(estimates, epoch, here)`."""
    low, high = 1.0, 1e5
    axes.axhline(n, color="0.6", linewidth=1)
    (pairs,) = axes.plot([], [], "o", color=PAIRS, markersize=3, markeredgewidth=0, label="from two batches")
    (line,) = axes.plot([], [], color=FULL, linewidth=1.6, label="from all samples")
    now = axes.axvline(0, color=plots.NOW, linewidth=1, linestyle=":")
    (dot,) = axes.plot([], [], "o", color=plots.NOW, markersize=6)
    axes.set(yscale="log", xlim=(-0.02 * num_epochs, 1.02 * num_epochs), ylim=(low, high), xlabel="epoch")
    axes.set_title(f"noise scale tr Σ / |G|²\n(grey: N = {n})", fontsize="medium", linespacing=1.15, pad=3)
    axes.legend(loc="lower right", handletextpad=0.4, borderaxespad=0.1, labelspacing=0.3)
    axes.minorticks_off()
    axes.set_yticks([1, 100, 1e4], ["1", "100", "10⁴"])

    def update(estimates, epoch, here):
        stops = sorted(estimates)
        line.set_data(stops, [estimates[stop][0] for stop in stops])
        tries = [(stop, min(value, high)) for stop in stops for value in estimates[stop][1]]
        pairs.set_data([stop for stop, _ in tries], [value for _, value in tries])
        now.set_xdata([epoch, epoch])
        dot.set_data([epoch], [here])

    return View([pairs, line, now, dot], update)
