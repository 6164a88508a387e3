"""What chapter 6 shows: what a target costs, the runs that reach it, and the pictures of its statements."""

import numpy as np

from ...live import View, still
from .. import plots
from ..plots import BEST, BOX, DARK, KEPT, NOW, STYLES, TRAINING, VALIDATION, beside, plain, spread, ticks
from .races import FIXED, TRAVELLED


def costs_of_target(axes, n, counted, limits):
    """What the target costs against B; `update(sizes, costs, batch_size, learning_rate)`."""
    top, artists = limits[1], []
    for colour, style, size, word in (
        (TRAINING, "o-", 9, {"s": "best rate", "color": TRAINING, "ha": "left", "va": "top"}),
        (VALIDATION, "s--", 5, {"s": "fixed rate", "color": DARK[1], "ha": "right", "va": "bottom"}),
    ):
        band = axes.fill_between([1, n], [1, 1], [1, 1], color=colour, alpha=0.2, linewidth=0)
        (line,) = axes.plot([], [], style, color=colour, markersize=5)
        (lost,) = axes.plot([], [], "^", color=colour, markersize=size)
        (star,) = axes.plot([], [], "*", color=colour, markersize=14, markeredgecolor="black", zorder=5)
        artists.append((band, line, lost, star, axes.text(1, 1, bbox=BOX, **word)))
    bands, lines, lost, stars, names = zip(*artists, strict=True)
    now, heading = axes.axvline(1, color=NOW, linewidth=1, linestyle=":"), plots.heading(axes)
    axes.set(xscale="log", yscale="log", xlim=(0.85, 1.2 * n), ylim=limits, xlabel="batch size B")
    axes.axhline(top / 5, color="0.8", linewidth=0.8)
    axes.text(0.95, top / 1.1, "not reached", color="0.4", va="top")
    plain(axes.xaxis, axes.yaxis)

    def update(sizes, costs, batch_size, learning_rate):
        for (band, line, lost, star, name), values in zip(artists, costs, strict=True):
            medians, known = np.median(values, axis=1), ~np.isnan(values).any(axis=1)
            reached = np.flatnonzero(np.isfinite(medians))
            ends = np.where(np.isfinite(values), values, top)[known]
            fewest = reached[[np.argmin(medians[reached])]] if len(reached) else reached
            line.set_data(sizes[reached], medians[reached])
            lost.set_data(sizes[np.isinf(medians)], np.full(np.isinf(medians).sum(), top / 3.2))
            star.set_data(sizes[fewest], medians[fewest])
            band.set_visible(bool(known.any()))
            if known.any():
                band.set_data(sizes[known], ends.min(axis=1), ends.max(axis=1))
            name.set_visible(len(reached) > 0)
            if len(reached):
                last = sizes[reached[-1]], 1.6 * medians[reached[-1]]
                first = 0.95, 0.7 * ends[: max(1, np.sum(sizes[known] <= 8))].min()  # below what stands above the word
                name.set_position(first if name.get_ha() == "left" else last)
        now.set_xdata([batch_size, batch_size])
        heading.set_text(f"{counted} to the target\nstar: the fewest; fixed rate {learning_rate:g}")

    return View([*bands, *lines, *lost, now, *stars, *names, heading], update)


def runs_to_target(axes, sizes, counted, limits, target):
    """Validation accuracy of four runs along the chosen axis; `update(curves, batch_size)`.

    The curves are those of the smallest and of the largest batch size, and of the chosen one at its best rate and at
    the fixed one.
    """
    looks = [(KEPT[0], STYLES[2], 1.7), (KEPT[1], STYLES[3], 1.7), (NOW, "-", 2.2), (VALIDATION, "--", 1.6)]
    lines = [axes.plot([], [], color=colour, linestyle=style, linewidth=width)[0] for colour, style, width in looks]
    (ends,), heading = axes.plot([], [], "o", color="0.3", markersize=4), plots.heading(axes)
    axes.axhline(target, color=BEST, linewidth=1)
    place = {"transform": axes.get_yaxis_transform(), "ha": "right"}
    axes.text(0.99, target + 0.015, f"target {target:g}", color=DARK[0], **place)
    axes.set(xscale="log", xlim=limits, ylim=(0, 1.08), xlabel=counted)
    plain(axes.xaxis)
    names = [f"B = {sizes[0]}", f"B = {sizes[-1]}", "B as chosen", "same, fixed rate"]
    axes.legend(lines, names, loc="lower right", borderaxespad=0.1, labelspacing=0.2)

    def update(curves, batch_size):
        last = []
        for line, (x, y) in zip(lines, curves, strict=True):
            x, y = x[1:], y[1:]  # the axis is logarithmic, and a run starts at 0
            line.set_data(*plots.thinned(x, y, most=90, across=np.log(x)))
            last += [(x[-1], y[-1])] if len(x) and y[-1] >= target else []
        ends.set_data(*np.reshape(last, (-1, 2)).T)
        heading.set_text(f"validation accuracy, best rates\nchosen: B = {batch_size}")

    return View([*lines, ends, heading], update)


# ---- the statements --------------------------------------------------------------------------------------------------


@still(height=3.7)
def accuracy_at_equal_budgets(figure, races):
    """Validation accuracy of three batch sizes, against epochs and against iterations: a `Still`."""
    panels, sweeps, said = figure.subplots(1, 2, sharey=True), [race.longer() for race in races], []
    sizes, looks = sweeps[0].batch_sizes.tolist(), ((TRAINING, "-"), (DARK[0], "--"), (VALIDATION, "-."))
    counts = ("epochs", np.geomspace(0.05, 20, 40), 1), ("iterations", np.geomspace(1, 400, 40), 4)
    for axes, (counted, x, budget) in zip(panels, counts, strict=True):
        medians = []
        for at, (size, look) in enumerate(zip(sizes, looks, strict=True)):
            each = 1 if counted == "epochs" else -(-len(sweeps[0].problem.x) // size)
            runs = [sweep.curve("val_accuracy", size, sweep.learning_rates[at, 0], seed)
                    for sweep in sweeps for seed in sweep.seeds.tolist()]  # fmt: skip
            rows = np.array([np.interp([*x, budget], each * epochs, found, right=np.nan) for epochs, found in runs])
            medians.append(f"{np.median(rows[:, -1]):.2f} at B = {size}")
            known = np.isfinite(rows[:, :-1]).all(axis=0)
            spread(axes, x[known], rows[:, :-1][:, known], "", *look, marker="")
        said.append(f"at {budget} {counted}: {', '.join(medians)}")
        axes.set(xscale="log", xlim=(x[0], x[-1]), ylim=(0, 1), xlabel=counted, title=f"equal {counted}")
        axes.legend(axes.lines, [f"B = {size}" for size in sizes], loc="lower right", handlelength=2.5)
        plain(axes.xaxis)
    panels[0].set_ylabel("validation accuracy")
    return f"Validation accuracy of {len(rows)} runs each. Medians {'; '.join(said)}."


@still(height=3.7)
def travelled(figure, found):
    """How far the weights go in the first epoch against B, for several optimizers: a `Still`.

    found: {optimizer: (2, seeds, b)}, see `races.travel`.
    """
    titles = "length of the path", "distance from start to end"
    medians = {name: np.median(values, axis=1) for name, values in found.items()}
    ratios = {name: values[:, 0] / values[:, -1] for name, values in medians.items()}
    for row, (axes, title) in enumerate(zip(figure.subplots(1, 2, sharey=True), titles, strict=True)):
        for name, colour, style in zip(found, (TRAINING, VALIDATION, DARK[0]), ("-", "--", "-."), strict=True):
            spread(axes, TRAVELLED, found[name][row], f"{name}: {ratios[name][row]:.0f}-fold", colour, style)
        axes.set(xscale="log", yscale="log", xlim=(6, 40_000), xlabel="batch size B", title=title)
        ticks(axes.xaxis, TRAVELLED)
        axes.yaxis.minorticks_off()
    said = "; ".join(f"{name}: path {a:.0f} times, distance {b:.0f} times" for name, (a, b) in ratios.items())
    return f"What B = {TRAVELLED[0]} moves in an epoch, compared with B = {TRAVELLED[-1]}. {said}."


@still()
def epochs_over_draws(figure, races):
    """Epochs to the target against B over several draws, with the best rates and at the fixed one: a `Still`."""
    axes, sizes = figure.subplots(), races[0].sizes
    best, fixed = (np.concatenate([getattr(race, name) for race in races], axis=1).T for name in ("best", "fixed"))
    arrived, most = np.isfinite(fixed).mean(axis=0) > 0.5, np.max(fixed[np.isfinite(fixed)])
    spread(axes, sizes, best, "best rate for each B", TRAINING)
    spread(axes, sizes[arrived], np.minimum(fixed, 2 * most)[:, arrived], f"fixed rate {FIXED}", DARK[1], "--", "s")
    for size in sizes[~arrived]:
        axes.plot(size, 1.5 * most, "^", color=DARK[1])
        beside(axes, "most runs do not arrive", (size, 1.5 * most), (10, 0), color=DARK[1])
    axes.set(xscale="log", yscale="log", xlim=(0.8, 8000), xlabel="batch size B", ylabel="epochs to the target")
    axes.set_title(f"median of {len(best)} runs, {len(races)} draws of the data; bands: all of them")
    ticks(axes.xaxis, sizes)
    plain(axes.yaxis)
    said = []
    for name, values in (("best rate", best), (f"fixed rate {FIXED}", fixed)):
        medians = zip(sizes, np.median(values, axis=0), strict=True)
        said.append(f"{name}: " + ", ".join(f"{value:.2g} at B = {size}" for size, value in medians))
    return f"Epochs to the target, medians of {len(best)} runs on {len(races)} draws. {'; '.join(said)}."


@still()
def law_and_noise(figure, races):
    """Iterations to the target against B in units of the law, and its noise scale beside measured ones: a `Still`."""
    (left, right), laws = figure.subplots(1, 2), [race.law for race in races]
    fitted, low, high = np.transpose([law.noise_scale for law in laws])
    along = {"full batch, best rate": [race.noise_scales().mean() for race in races],
             f"full batch, rate {FIXED}": [race.noise_scales(best=False).mean() for race in races]}  # fmt: skip
    ratio = np.geomspace(0.003, 30, 60)
    left.plot(ratio, 1 + 1 / ratio, color=NOW, linewidth=1.2)
    for race, law, colour, marker in zip(races, laws, (TRAINING, VALIDATION, BEST, *KEPT), "os^Dv*", strict=False):
        left.plot(race.sizes / law.noise_scale.value, race.steps / law.s_min, marker, color=colour)
    beside(left, "$1 + B_{noise}/B$", (0.02, 51), (8, 4))
    left.axhline(1, color="0.6", linewidth=1, linestyle=":")
    left.set(xscale="log", yscale="log", xlabel="B / fitted $B_{noise}$", ylabel="iterations / $S_{min}$")
    left.set_title("one curve for all draws of the data")
    plain(left.xaxis, left.yaxis)
    rows = np.arange(len(races))
    right.hlines(rows, low, high, color=TRAINING, linewidth=2)
    right.plot(fitted, rows, "o", color=TRAINING, label="fitted to the race, 95 %")
    for (name, values), marker, colour in zip(along.items(), "Ds", (VALIDATION, KEPT[3]), strict=True):
        right.plot(values, rows, marker, color=colour, label=name)
    right.set(xscale="log", xlim=(30, 700), ylim=(len(races) + 2.2, -0.6), xlabel="noise scale")
    right.set_title("from the race, and from gradients")
    ticks(right.xaxis, [50, 100, 200, 400])
    ticks(right.yaxis, rows, [f"draw {row + 1}" for row in rows])
    right.legend(loc="lower left", labelspacing=0.2)
    off = [race.steps / law.iterations(race.sizes) - 1 for race, law in zip(races, laws, strict=True)]
    said = [f"{name}: {', '.join(f'{value:.0f}' for value in values)}"
            for name, values in {"B_noise of each draw, fitted": fitted, **along}.items()]  # fmt: skip
    return f"Left: iterations follow 1 + B_noise/B within {100 * np.abs(off).max():.0f} %. Right: {'; '.join(said)}."
