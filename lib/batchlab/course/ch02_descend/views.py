"""What the three descents show: their paths, what each has learnt, and how far its loss has come down."""

import functools
import itertools

import numpy as np
import optax

from ...live import View, columns, still
from .. import plots
from ..plots import BEST, TRAINING, VALIDATION
from .surfaces import N, basins, decayed_sgd, path, straight_line

LINE, DOTS = 100, 100  # updates of a path that are drawn as a line, and epochs whose ends are drawn as dots
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
        words = "" if len(minima) == 1 else ("poorer" if at else "lowest")
        plots.beside(axes, words, point, (0, -40), bbox=plots.BOX)
    names = surface.names
    axes.set(xlim=surface.window[0], ylim=surface.window[1], xlabel=names[0], ylabel=names[1])
    return losses, stars


def strays(minima, starts, reached):
    """Which starts of `basins` do not lead to the minimum that is nearest: (n,) bool."""
    return reached != np.linalg.norm(starts[:, None] - minima[None], axis=-1).argmin(axis=1)


@still(height=4.2)
def basins_map(figure, surface, minima):
    """The starts of `basins` on the surface, each marked by the minimum that descent came to, as a `Still`."""
    starts, reached = basins(surface, minima)
    away, axes = strays(minima, starts, reached), figure.subplots()
    for at, color, marker, name in ((0, BEST, "*", "the lowest"), (1, VALIDATION, "X", "the poorer")):
        look = {"color": color, "alpha": 0.8, "markersize": 7, "markeredgewidth": 0}
        axes.plot(*starts[reached == at].T, marker, **look, label=f"ends in {name}")
    axes.plot(*starts[away].T, "o", color="black", fillstyle="none", markersize=11, label="not in the nearest")
    contours(axes, surface, minima)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    axes.set_title("Where gradient descent ends, by where it starts")
    return (
        f"Of {len(starts)} starts on a grid, {np.sum(reached == 0)} lead to the lowest minimum, {np.sum(reached == 1)} "
        f"to the poorer one. {np.sum(away)} of them, which are ringed, do not lead to the minimum that is nearest."
    )


# ---- the measurements, each with its spread --------------------------------------------------------------------------

SIZES = np.array([1, 2, 4, 8, 16, 32, 64])
FACTORIES = {"SGD": optax.sgd, "momentum 0.9": functools.partial(optax.sgd, momentum=0.9), "Adam": optax.adam}


def distances(surface, batch_size, learning_rate, optimizer=optax.sgd):
    """How far twenty seeds go in one epoch: along the path, and from its start to its end: (20,), (20,)."""
    settings = {"batch_size": int(batch_size), "learning_rate": learning_rate, "optimizer": optimizer}
    points = path(surface.fit(num_epochs=1, seeds=20, **settings))
    steps = np.linalg.norm(np.diff(points, axis=1), axis=-1)
    return steps.sum(axis=1), np.linalg.norm(points[:, -1] - points[:, 0], axis=-1)


@still()
def distances_picture(figure, surface, learning_rate=0.02):
    """What three optimizers travel in an epoch against the batch size, as a `Still`: path, displacement, rate ~ B."""
    panels, said = figure.subplots(1, len(FACTORIES), sharey=True), []
    looks = (
        ("path", 0.31, VALIDATION, ":", "o"),
        ("displacement", 0.2, TRAINING, "-", "s"),
        ("displacement, rate ∝ B", 0.09, BEST, "--", "^"),
    )
    for axes, (name, optimizer) in zip(panels, FACTORIES.items(), strict=True):
        fixed = np.array([distances(surface, size, learning_rate, optimizer) for size in SIZES])
        scaled = np.array([distances(surface, size, learning_rate / 20 * size, optimizer)[1] for size in SIZES])
        for (_, _, *look), values in zip(looks, (fixed[:, 0], fixed[:, 1], scaled), strict=True):
            plots.spread(axes, SIZES, values.T, "", *look)
        middles = np.median(fixed[[0, -1]], axis=2)  # (first and last size, path and displacement)
        ratios = middles[0] / middles[1]
        said.append(f"{name}: the path {ratios[0]:.0f} times, the displacement {ratios[1]:.0f} times as long")
        axes.set(xscale="log", yscale="log", xlabel="batch size B", title=name)
        plots.ticks(axes.xaxis, [1, 8, 64])
        axes.grid()
    panels[0].set_ylabel("distance in one epoch")
    plots.ticks(panels[0].yaxis, [0.1, 1, 10])
    for words, height, color, *_ in looks:
        plots.note(panels[0], 0.03, height, words, color=color, va="top")
    return "At batch size 1, against 64, in one epoch at one rate: " + "; ".join(said) + "."


def late_excess(surface, minima, seeds=20, **settings):
    """How far the loss of each seed stays above the lowest, mean over epochs 200 to 400: (seeds,)."""
    run = surface.fit(num_epochs=400, seeds=seeds, **settings)
    return run.train_loss[:, 200:].mean(axis=1) - float(surface.losses(minima[0]))


@still()
def floors_picture(figure, surface, minima, rates=(0.025, 0.05, 0.1, 0.2)):
    """The floor against the learning rate, for two batch sizes and for a rate that decays, as a `Still`."""
    axes, said = figure.subplots(), []
    for words, settings, *look in (
        ("B = 1", {"batch_size": 1}, VALIDATION, "-", "s"),
        ("B = 8", {"batch_size": 8}, BEST, "--", "D"),
        ("B = 1, the rate decays", {"batch_size": 1, "optimizer": decayed_sgd}, TRAINING, ":", "o"),
    ):
        values = [late_excess(surface, minima, seeds=10, learning_rate=rate, **settings) for rate in rates]
        values = np.maximum(np.transpose(values), 1e-8)
        plots.spread(axes, np.array(rates), values, words, *look)
        said.append(f"{words}: {np.median(values[:, 0]):.1g} to {np.median(values[:, -1]):.1g}")
    axes.set(xscale="log", yscale="log", xlim=(rates[0] * 0.9, rates[-1] * 2.2), xlabel="learning rate")
    axes.set(ylabel="loss above the lowest", title="Where the loss stays, epochs 200 to 400 (ten seeds)")
    plots.ticks(axes.xaxis, rates)
    axes.yaxis.minorticks_off()
    axes.grid()
    return f"Loss above the lowest, at rates from {rates[0]} to {rates[-1]}. " + "; ".join(said) + "."


def highest_rates(surface, batch_size, rates, seeds=10):
    """The highest of these rates at which half of the seeds do not diverge, and at which half end near the lowest loss.

    60 epochs from the start of the surface. To diverge is to end above 100 times the first loss; near is within 10 %.
    NaN where there is no such rate.
    """
    lowest = float(surface.losses(surface.minima()[0]))
    settings = {"batch_size": int(batch_size), "num_epochs": 60, "seeds": seeds}
    losses = np.array([surface.fit(learning_rate=rate, **settings).train_loss for rate in rates])
    stays = np.mean(losses[:, :, -1] < 100 * losses[:, :, 0], axis=1) >= 0.5
    near = np.median(losses[:, :, -20:], axis=(1, 2)) < 1.1 * lowest
    return max(rates[stays], default=np.nan), max(rates[near], default=np.nan)


@still()
def rates_picture(figure, draws=3, sizes=(1, 2, 4, 8, 64)):
    """The highest rates against the batch size, on several draws of the straight line, as a `Still`."""
    rates, axes = np.geomspace(0.06, 0.6, 30), figure.subplots()
    scenes = [straight_line(seed=seed) for seed in range(draws)]
    values = np.array([[highest_rates(scene, size, rates, seeds=6) for size in sizes] for scene in scenes])
    said = []
    for kind, place, words, *look in (
        (0, (1.4, 0.52), "half of the seeds do not diverge", VALIDATION, "-", "s"),
        (1, (6, 0.17), "half of the seeds end within 10 % of the lowest loss", TRAINING, "--", "o"),
    ):
        plots.spread(axes, sizes, values[:, :, kind], "", *look)
        axes.text(*place, words, color=look[0])
        ends = np.median(values[:, [0, sizes.index(8), -1], kind], axis=0)
        said.append("{:.2f}, {:.2f} and {:.2f}".format(*ends))
    axes.set(xscale="log", ylim=(0, 0.6), xlabel="batch size B", ylabel="learning rate")
    axes.set_title(f"The highest rate at which ... ({draws} draws of the data)")
    plots.ticks(axes.xaxis, sizes)
    axes.grid()
    return (
        f"Highest rate at batch sizes 1, 8 and {N}: not to diverge {said[0]}; to end within 10 % of the lowest loss "
        f"{said[1]}."
    )


def drawn_path(points, each):
    """What is drawn of a path: the line of its first LINE updates, and where each later epoch has ended.

    All its updates would be a blot that hides the minimum. Of many epochs about DOTS are drawn, evenly chosen.
    """
    ends = np.arange(-(-LINE // each) * each, len(points), each)
    return points[: LINE + 1], points[ends[:: -(-len(ends) // DOTS) or 1]]


def descents_view(figure, surface, minima):
    """The three panels: a surface with the paths, what each has learnt, and how far its loss has come down.

    `update(paths, horizon, unit)` takes for each of LOOKS the points of its path, its losses above the lowest, where
    they lie on the horizontal axis, and how many make an epoch; then where this axis ends, and what it counts.
    """
    wide = not plots.narrow(figure)
    problem, spans = surface.problem, np.ptp(surface.window, axis=1)
    above = 0.66 if wide else 0.88  # inches, for a title and the legend
    room = {"left": (0.74, 0.68), "right": (0.1, 0.15), "top": (above, 0.36), "bottom": 0.54}
    plane, data, curves = columns(figure, (1.25, 1), rows=[1, 2], **room)
    losses, stars = contours(plane, surface, minima)
    left = plots.begin(plane)
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
        look = {"color": color, "markeredgecolor": "white"}
        artists[role] = [
            plane.plot([], [], ".", color=color, markersize=4, alpha=0.6, markeredgewidth=0)[0],
            *lines,
            plane.plot([], [], mark, markersize=6, **look)[0],
        ]
    origin = plane.plot([], [], "P", color="black", markersize=9, markeredgecolor="white")[0]
    handles = [
        plane.plot([], [], color=color, marker=mark, markeredgecolor="white", **line)[0]
        for color, line, mark in reversed(LOOKS.values())
    ]
    names = [f"GD (B = {len(problem.x)})", "mini-batch", "SGD (B = 1)"]
    look = {"handlelength": 1.8, "handletextpad": 0.5, "borderaxespad": 0, "borderpad": 0}
    plane.legend(handles, names, loc="lower left", bbox_to_anchor=(left, 1.03), ncols=3 if wide else 2, **look)

    def update(paths, horizon, unit):
        for role, (points, above, places, each) in paths.items():
            cloud, trail, fit, curve, end = artists[role]
            line, ends = drawn_path(np.where(np.abs(points) < 20 * spans, points, np.nan), each)
            trail.set_data(*line.T)
            cloud.set_data(*ends.T)
            end.set_data(*points[-1:].T)
            outputs = surface.model.predict(np.clip(points[-1], -1e6, 1e6), grid)  # a lost one would overflow
            fit.set_data(grid[:, 0], np.asarray(outputs)[:, 0])
            curve.set_data(*plots.thinned(places, np.clip(above, LOW, HIGH), most=60))
            origin.set_data(*points[:1].T)
        if (curves.get_xlim()[1], curves.get_xlabel()) != (horizon, unit):  # else all that stands still is drawn anew
            curves.set(xlim=(0, horizon), xlabel=unit)

    return View([*itertools.chain(*artists.values()), *stars, origin], update)
