"""What the three descents show: their paths, what each has learnt, and how far its loss has come down."""

import numpy as np

from ...live import NARROW, Still, View, columns
from .. import plots
from ..plots import BEST, TRAINING, VALIDATION

CELL, MOST = 3.0, 700  # pixels that a path is told apart by at first, and the most points of a path
LOW, HIGH = 1e-5, 1e9  # losses beyond are drawn there

# Who descends: a name, a colour, a line, the mark at its end.
LOOKS = {
    "SGD": (VALIDATION, {"linewidth": 0.9}, "s"),
    "mini-batch": (BEST, {"linewidth": 1.4, "linestyle": (0, (4, 1))}, "D"),
    "GD": (TRAINING, {"linewidth": 1.9}, "o"),
}


def contours(axes, surface, minima):
    """Contour lines, each twice as far above the lowest loss as the last, and the minima: losses of a grid, marks."""
    across, up = (np.linspace(*limits, 90) for limits in surface.window)
    losses = surface.losses(np.stack(np.meshgrid(across, up), axis=-1))
    lowest = surface.losses(minima)[0]
    levels = lowest + (losses.max() - lowest) * 2.0 ** np.arange(-7, -0.5, 1.0)
    axes.contour(across, up, losses, levels, colors="0.6", linewidths=0.7)
    stars = []
    for at, point in enumerate(minima):
        look = {"marker": "X" if at else "*", "markersize": 9 if at else 13, "markeredgecolor": "white"}
        stars += axes.plot(*point, color="black", zorder=3, **look)
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0}
        words = "" if len(minima) == 1 else ("poorer" if at else "lowest")
        axes.annotate(words, point, (0, -40), textcoords="offset points", ha="center", va="top", bbox=box)
    names = surface.names
    axes.set(xlim=surface.window[0], ylim=surface.window[1], xlabel=names[0], ylabel=names[1])
    return losses, stars


def basins_map(surface, minima, starts, reached):
    """The starts of `basins` on the surface, each marked by the minimum that descent came to, as a `Still`."""
    counts = [int(np.sum(reached == at)) for at in (0, 1, -1)]
    said = "Of {} starts on a grid, {} lead to the lowest minimum, {} to the poorer one, {} to neither."
    still = Still(said.format(len(starts), *counts) + " Starts beside a minimum lead to it.", height=4.0)
    axes = still.subplots()
    looks = ((0, BEST, "*", "lowest"), (1, VALIDATION, "X", "poorer"), (-1, "0.6", ".", "neither, yet"))
    for (at, color, marker, name), count in zip(looks, counts, strict=True):
        if count:
            axes.plot(*starts[reached == at].T, marker, color=color, alpha=0.7, label=f"ends in: {name}")
    contours(axes, surface, minima)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    axes.set_title("Where gradient descent ends, by where it starts")
    return still


def thinned_path(axes, points):
    """The points (n, 2) of a path without those that run where it has been before; NaN where it is interrupted.

    Where a path has been is known to a few pixels: as many as it takes to keep no more than about MOST points.
    """
    inside = np.isfinite(points).all(axis=1)
    pixels = axes.transData.transform(np.where(inside[:, None], points, 0.0))
    cell = CELL
    while True:
        cells = np.floor(pixels / cell) @ [1.0, 1e6]
        new = np.zeros(len(points), bool)
        new[np.unique(cells, return_index=True)[1]] = True
        kept = new | np.roll(new, -1) | np.roll(new, 1)  # a line into a new cell, and out of it
        kept[[0, -1]] = True
        if kept.sum() <= MOST or len(points) <= MOST:
            break
        cell *= 1.5
    if len(points) <= MOST:
        return points
    at = np.flatnonzero(kept)
    gaps = np.flatnonzero(np.diff(at) > 1) + 1
    return np.insert(points[at].astype(float), gaps, np.nan, axis=0)


def descents_view(figure, surface, minima, outputs):
    """The three panels; `update(walks, shown, unit, floor)`, and the axes of the losses, whose limits its owner sets.

    Args:
        figure: an empty figure.
        surface: a `Surface`.
        minima: its minima, the lowest first.
        outputs: `outputs(params, x)`, what the model makes of inputs, a NumPy array.

    Returns:
        The `View`, whose `update(paths, start, batch_size)` takes for each of LOOKS the points of its path, its losses
        above the lowest and where they lie on the horizontal axis; and the axes of these losses.
    """
    wide = figure.get_figwidth() >= NARROW
    problem, spans = surface.problem, np.ptp(surface.window, axis=1)
    plane, data, curves = columns(
        figure,
        (1.25, 1),
        rows=[1, 2],
        left=(0.74, 0.68),
        right=(0.1, 0.15),
        top=(0.66 if wide else 0.88, 0.36),
        bottom=0.54,
    )
    losses, stars = contours(plane, surface, minima)
    left = 0.0 if wide else -0.66 * 100 / plane.bbox.width  # a narrow page needs the room beside the axes, too
    plane.set_title("three descents on one loss surface", x=left, y=1.0 + (36 if wide else 58) / plane.bbox.height)
    data.plot(problem.x, problem.y, "s", color="0.6", markersize=3, markeredgewidth=0)
    data.set(xlabel="x", ylabel="y", xlim=(problem.x.min(), problem.x.max()))
    data.set_title("what each has learnt", x=left)
    curves.set(yscale="log", ylim=(1e-4, losses.max()))
    curves.set_title("training loss above its lowest value", x=left)
    curves.set_ylabel("squared error", labelpad=1)
    curves.grid()
    for axes in (plane, data, curves):
        axes.locator_params(axis="x", nbins=5)
    grid = np.linspace(problem.x.min(), problem.x.max(), 100, dtype=np.float32)[:, None]
    artists = {}
    for role, (color, line, mark) in LOOKS.items():
        lines = [axes.plot([], [], color=color, **line)[0] for axes in (plane, data, curves)]
        artists[role] = [*lines, plane.plot([], [], mark, color=color, markersize=6, markeredgecolor="white")[0]]
    origin = plane.plot([], [], "P", color="black", markersize=9, markeredgecolor="white")[0]
    handles = [
        plane.plot([], [], color=color, marker=mark, markeredgecolor="white", **line)[0]
        for color, line, mark in reversed(LOOKS.values())
    ]
    names = [f"GD (B = {len(problem.x)})", "mini-batch", "SGD (B = 1)"]
    look = {"handlelength": 1.8, "handletextpad": 0.5, "borderaxespad": 0, "borderpad": 0}
    plane.legend(handles, names, loc="lower left", bbox_to_anchor=(left, 1.03), ncols=3 if wide else 2, **look)

    def update(paths, start):
        for role, (points, above, places) in paths.items():
            trail, fit, curve, end = artists[role]
            near = np.where(np.abs(points) < 20 * spans, points, np.nan)
            trail.set_data(*thinned_path(plane, near).T)
            end.set_data(*near[-1:].T)
            fit.set_data(grid[:, 0], np.clip(outputs(points[-1], grid)[:, 0], -1e6, 1e6))
            curve.set_data(*plots.thinned(places, np.clip(above, LOW, HIGH), most=60))
        origin.set_data(*[[value] for value in start])

    lines = [line for four in artists.values() for line in four]
    return View([*lines, *stars, origin], update), curves
