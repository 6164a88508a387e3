"""What the labs of this chapter show: a cloud of batch gradients, their distance against B, and signal and noise."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from ...live import View
from .. import plots

REACH = 5.0  # the cloud's axes reach this far from the tip of the full gradient, in its lengths
WITHOUT, WITH, FULL = plots.TRAINING, plots.VALIDATION, plots.BEST


def cloud(axes, centre, reach, unit=", in units of |G|"):
    """Batch gradients as dots in the plane of `measure.plane`; `update(points, title, said, length)`, of G."""
    axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    (dots,) = axes.plot([], [], "o", color=WITHOUT, markersize=3, markeredgewidth=0)
    (full,) = axes.plot([], [], color=FULL, linewidth=3)
    (tip,) = axes.plot([], [], "*", color=FULL, markersize=14, markeredgecolor="white")
    star = plots.note(axes, 0.97, 0.97, "★ full gradient G", color=plots.DARK[0], bbox=plots.BOX)
    saying, title = plots.note(axes, 0.03, 0.03, bbox=plots.BOX), plots.heading(axes)
    width, height = axes.bbox.size
    across = reach * width / height  # so that angles are seen as they are
    axes.set(xlim=(centre - across, centre + across), ylim=(-reach, reach))
    axes.xaxis.set_major_locator(MaxNLocator(5, prune="upper"))
    axes.set_xlabel(f"part along G{unit}")
    axes.set_ylabel("part across G", labelpad=0)

    def update(points, heading, said, length):
        dots.set_data(*points.T)
        full.set_data([0, length], [0, 0])
        tip.set_data([length], [0])
        title.set_text(heading)
        saying.set_text(said)

    return View([dots, full, tip, star, saying, title], update)


def without_replacement(batch_sizes, n):
    """The distance of an epoch's batches from G by theory, in parts of that at B = 1."""
    return np.sqrt((n - batch_sizes) / (n - 1) / batch_sizes)


def distances(axes, n, scale):
    """Distance from G against B, by theory and measured; `update(sizes, curves, batch_size, distance)`, in |G|."""
    low, high, first = 3e-2, 4e1, np.sqrt(scale)
    fine = np.unique(np.concatenate([np.geomspace(1, n / 2, 30), n - np.geomspace(1e-3, n / 2, 40)]))
    axes.axhline(1, color="0.6", linewidth=1)
    axes.text(n, 1.05, "length of G", color="0.35", ha="right", va="bottom")
    axes.plot([1, n], [first, first / np.sqrt(n)], color=WITH, linewidth=1.3, linestyle=(0, (5, 2)))
    axes.plot(fine, first * without_replacement(fine, n), color=WITHOUT, linewidth=1.3)
    plots.note(axes, 0.98, 0.97, "a sample may come twice ■", color=plots.DARK[1])
    plots.note(axes, 0.98, 0.88, "none twice, as in an epoch ●", color=WITHOUT)
    plots.note(axes, 0.9, 0.03, "exactly 0 at B = N  ↓", color=WITHOUT)
    look = {"linestyle": "none", "markeredgewidth": 0}
    with_dots = axes.plot([], [], "s", color=WITH, markersize=4, **look)[0]
    without_dots = axes.plot([], [], "o", color=WITHOUT, markersize=4.5, **look)[0]
    dot = axes.plot([], [], "o", color=plots.NOW, markersize=7)[0]
    axes.set(xscale="log", yscale="log", xlim=(0.95, n * 1.15), ylim=(low, high), xlabel="batch size B")
    axes.set_title("distance |g − G| / |G|")
    plots.plain(axes.xaxis, axes.yaxis)

    def update(sizes, curves, batch_size, distance):
        for dots, curve in zip((without_dots, with_dots), curves, strict=True):
            seen = curve > low  # what is not measured yet is NaN
            dots.set_data(sizes[seen], curve[seen])
        dot.set_data([batch_size], [max(distance, low)])

    return View([with_dots, without_dots, dot], update)


def signal_and_noise(axes, num_epochs):
    """|G|^2 and tr Sigma along a run; `update(along, epoch, signal, noise)`, where along is {epoch: (|G|^2, tr)}."""
    (above,) = axes.plot([], [], color=WITH, linestyle=(0, (5, 2)))
    (below,) = axes.plot([], [], color=FULL)
    (gap,) = axes.plot([], [], "-", color=plots.NOW, linewidth=1.4, marker="o", markersize=6)
    said = axes.text(0, 1, "", va="center", bbox=plots.BOX)
    names = [
        axes.text(num_epochs, 1, "noise tr Σ", color=plots.DARK[1], ha="right", va="bottom"),
        axes.text(num_epochs, 1, "signal |G|²", color=plots.DARK[0], ha="right", va="top"),
    ]
    epochs(axes, num_epochs)
    axes.set(yscale="log", ylim=(3e-4, 1e3))
    axes.set_title("the gap is the noise scale")
    plots.ticks(axes.yaxis, [0.01, 1, 100])

    def update(along, epoch, signal, noise):
        stops = sorted(along)
        curves = np.array([along[stop] for stop in stops]).reshape(-1, 2).T
        for line, curve, name, away in zip((below, above), curves, reversed(names), (0.6, 1.6), strict=True):
            line.set_data(stops, curve)
            if stops:
                name.set_y(away * curve[-1])
        gap.set_data([epoch, epoch], [signal, noise])
        right = axes.transLimits.transform(axes.transScale.transform((epoch, 1.0)))[0] < 0.6
        said.set(text=f"  × {plots.figures(noise / signal)}  ", ha="left" if right else "right")
        said.set_position((epoch, np.sqrt(signal * noise)))

    return View([above, below, gap, *names, said], update)


def epochs(axes, num_epochs):
    """An axis of epochs that spreads the first ones and holds zero."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.set(xlim=(0, 1.06 * num_epochs), xlabel="epoch (logarithmic)")
    plots.ticks(axes.xaxis, [tick for tick in (0, 1, 10, 100) if tick <= num_epochs])
