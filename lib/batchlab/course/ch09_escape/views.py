"""What the escape lab shows: the bumpy loss, the descents on it, and their share in the best basin."""

import numpy as np

from ...live import View, columns
from .. import plots
from ..plots import TRAINING, VALIDATION
from .bumps import N

WINDOW = (-0.5, 6.5)  # speeds in the picture
EDGES = WINDOW[0] + 0.35, WINDOW[1] - 0.35  # of a word in it
GOOD = "#CCE3F0"  # the basin of the good minimum


def axes_of(figure):
    """Axes for the loss, for the descents close below it, and for the shares."""
    top = 0.62 if plots.narrow(figure) else 0.42
    loss, strips, shares = columns(figure, (1.25, 1), rows=(2, 1), left=(1.05, 0.65), right=0.12, top=top, bottom=0.5)
    above, below = loss.get_position(), strips.get_position()
    bottom = below.y1 + 0.12 / figure.get_figheight()
    loss.set_position([above.x0, bottom, above.width, above.y1 - bottom])
    loss.tick_params(labelbottom=False)
    return loss, strips, shares


def seen(scene):
    """Numbers of the minima that lie in the window."""
    return [at for at, place in enumerate(scene.minima) if WINDOW[0] < place < WINDOW[1]]


def _basins(axes, scene):
    """The best basin, shaded, and the borders of all."""
    low, high = ([*scene.tops, WINDOW[1]][at] for at in (scene.good - 1, scene.good))
    axes.axvspan(low, high, color=GOOD, linewidth=0)
    for top in scene.tops:
        axes.axvline(top, color="0.75", linewidth=0.8, linestyle=":", zorder=0)


def landscape(axes, scene, shaded=True):
    """The loss with its minima; unless told not to, the borders of their basins, and the best one shaded."""
    window = (scene.grid > WINDOW[0]) & (scene.grid < WINDOW[1])
    if shaded:
        _basins(axes, scene)
    axes.plot(scene.grid[window], scene.losses[window], color=plots.NOW, linewidth=1.5)
    for at in seen(scene):
        mark, size = ("*", 13) if at == scene.good else ("X", 8)
        place = scene.minima[at : at + 1]
        depth = np.interp(place, scene.grid, scene.losses)
        axes.plot(place, depth, mark, color="black", markersize=size, markeredgecolor="white")
    axes.set(xlim=WINDOW, ylim=(scene.losses.min() - 0.6, None), ylabel="loss")
    between = "\n" if plots.narrow(axes) else " "
    axes.set_title("★ best minimum" + f",{between}shaded: its basin" * shaded, linespacing=1.15)


def origin(loss, scene):
    """The start on the loss; `update(start)`."""
    (plus,) = loss.plot([], [], "P", color=VALIDATION, markersize=10, markeredgecolor="white")
    name = loss.text(0, 0, "start", color=plots.DARK[1], ha="center", va="top", bbox=plots.BOX)

    def update(start):
        height = np.interp(start, scene.grid, scene.losses)
        plus.set_data([start], [height])
        low, high = loss.get_ylim()
        slope = np.interp(start + 0.1, scene.grid, scene.losses) - np.interp(start - 0.1, scene.grid, scene.losses)
        beside = 0 if abs(slope) < 0.1 else 0.35 * np.sign(slope)  # where the curve does not go
        name.set_position((np.clip(start + beside, *EDGES), height - 0.06 * (high - low)))

    return View([name, plus], update)


def released(axes, scene, count):
    """Three strips of dots, one a descent; `update(rows)`, the places in each or None."""
    _basins(axes, scene)
    jitter = 0.3 * np.sin(1.0 + 2.4 * np.arange(count))  # height in its strip, the same for a seed
    looks = {"linestyle": "none", "marker": "o", "markersize": 2.6, "markeredgewidth": 0}
    strips = [axes.plot([], [], color=color, **looks)[0] for color in (TRAINING, VALIDATION, "black")]
    for height, name in ((2, "batches"), (1, "full + noise"), (0, "full batch")):
        axes.text(-0.02, height, name, transform=axes.get_yaxis_transform(), ha="right", va="center")
    axes.set(xlim=WINDOW, ylim=(-0.5, 2.5), yticks=[], xlabel="speed v, turns a second")

    def update(rows):
        for height, strip, places in zip((2, 1, 0), strips, rows, strict=True):
            places = np.zeros(0) if places is None else np.clip(places, -100, 100)
            strip.set_data(places, height + jitter[: len(places)])

    return View(strips, update)


def against_batch_size(axes, sizes):
    """Shares with intervals against B; `update(batch_size, curves)`, two dictionaries of B -> `Estimate` or None."""
    looks = ((TRAINING, "o", "-", "batches of B", 0.97), (VALIDATION, "s", (0, (4, 2)), "full batch + noise", 1.03))
    lines, bars = [], []
    for color, mark, style, name, _ in looks:
        look = {"color": color, "linestyle": style, "linewidth": 1.3}
        lines += axes.plot([], [], marker=mark, markersize=5, markeredgecolor="white", label=name, **look)
        bars += axes.plot([], [], color=color, linewidth=1.2)
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":")
    top = 1.5 if plots.narrow(axes) else 1.28  # for the key
    axes.set(xscale="log", xlim=(0.85, 1.2 * N), ylim=(-0.02, top), xlabel="batch size B (dotted: now)")
    plots.ticks(axes.xaxis, sizes)
    plots.ticks(axes.yaxis, np.linspace(0, 1, 6), [f"{value:.0%}" for value in np.linspace(0, 1, 6)])
    axes.set_title("share in the best basin")
    axes.legend(loc="upper right", borderaxespad=0.1)

    def update(batch_size, curves):
        now.set_xdata([batch_size, batch_size])
        for curve, line, bar, look in zip(curves, lines, bars, looks, strict=True):
            known = {size * look[-1]: share for size, share in curve.items() if share is not None}
            line.set_data(list(known), [share.value for share in known.values()])
            points = [(at, end) for at, share in known.items() for end in (share.low, share.high, np.nan)]
            bar.set_data([at for at, _ in points], [end for _, end in points])

    return View([now, *bars, *lines], update)
