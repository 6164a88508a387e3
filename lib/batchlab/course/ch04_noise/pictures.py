"""What this chapter measured over several draws of data and start, as pictures that stand still."""

import numpy as np

from ... import measure
from ...live import still
from .. import plots
from . import runs, views

NAMES, COLOURS, MARKERS = list(runs.RUNS), (plots.TRAINING, plots.VALIDATION, plots.BEST), "os^"
SPREAD = f"Lines are medians of {runs.SEEDS} draws of data and start, bands reach from the lowest to the highest"


def _sizes(axes, n):
    """A logarithmic axis of batch sizes up to n."""
    axes.set(xscale="log", xlabel="batch size B")
    plots.ticks(axes.xaxis, [size for size in (1, 4, 16, 64, 256) if size <= n])


@still()
def direction(figure, draws=300):
    """Against B: the median cosine of batch gradients with G, and how many point away from it, as a `Still`."""
    (left, right), sizes, said = figure.subplots(1, 2), np.array([1, 4, 16, 64, 256]), []
    for row, (name, colour, marker, sign) in enumerate(zip(NAMES, COLOURS, MARKERS, "●■▲", strict=True)):
        n, tables = runs.RUNS[name].n, runs.early(name)
        cosines = [[measure.cosine(table, measure.draw_batches(n, size, draws)) for size in sizes] for table in tables]
        cosine, away = np.median(cosines, axis=2), 100 * np.mean(np.array(cosines) < 0, axis=2)
        plots.spread(left, sizes, cosine, "", colour, marker=marker)
        plots.spread(right, sizes, away, "", colour, marker=marker)
        plots.note(right, 0.98, 0.95 - 0.11 * row, f"{sign} {name}", color=colour)
        said.append(
            f"{name}: median cosine {np.median(cosine[:, 0]):.2f} at B = 1 and {np.median(cosine[:, 3]):.2f} at "
            f"B = 64, {np.median(away[:, 0]):.0f} % of single samples point away from G"
        )
    _sizes(left, 256)
    _sizes(right, 256)
    left.set(ylim=(None, 1.05), title="median cosine with G")
    right.set(ylim=(0, 55), title="batches that point away from G, %")
    return f"Two panels against the batch size. {SPREAD}. {'; '.join(said)}."


@still()
def distance(figure, draws=400):
    """The distance of an epoch's batches from G against B, in parts of that at B = 1, with the law, as a `Still`."""
    panels = figure.subplots(1, 3, sharey=True)
    for axes, name in zip(panels, NAMES, strict=True):
        n = runs.RUNS[name].n
        sizes = np.append(measure.spread_sizes(n // 2, 8), [round(0.8 * n), round(0.95 * n)])
        fine = np.append(np.geomspace(1, n / 2, 30), n - np.geomspace(n / 2, 0.1, 40))
        axes.plot([1, n], [1, n**-0.5], color="0.5", linestyle=(0, (5, 2)))
        axes.plot(fine, views.without_replacement(fine, n), color="0.2", linewidth=1)
        tables = runs.early(name)
        ratios = [np.sqrt(measure.noise_curve(table, sizes, draws) / measure.variance(table)) for table in tables]
        plots.spread(axes, sizes, np.array(ratios), "", plots.TRAINING, style="none")
        _sizes(axes, n)
        axes.set(yscale="log", ylim=(3e-3, 1.5), title=f"{name}, N = {n}")
        axes.text(2, 0.004, "exactly 0 at B = N →", color=plots.TRAINING)
    panels[0].set_ylabel("distance, B = 1 is 1")
    panels[0].text(12, 0.4, "1/√B", color="0.35")
    plots.ticks(panels[0].yaxis, [0.01, 0.1, 1])
    return (
        f"Three panels, a dataset each: the root mean square distance of batches from G against the batch size, both "
        f"logarithmic. {SPREAD}. All lie on the law with the factor (N - B)/(N - 1), which leaves the straight line "
        "1/√B beyond a quarter of the samples and is zero at B = N."
    )


@still(height=3.9)
def decrease(figure, seeds=runs.SEEDS):
    """What one step of the best length brings against B, in units of two noise scales, as a `Still`."""
    panels, times, said = figure.subplots(1, 2, sharey=True), np.geomspace(1e-4, 100, 100), []
    for axes, title in zip(panels, ("tr Σ / |G|²", "tr HΣ / GᵀHG"), strict=True):
        axes.plot(times, 100 / (1 + 1 / times), color="0.4", linewidth=1.3)
        axes.set(xscale="log", xlabel="batch size B, in noise scales", ylim=(0, 104), xlim=(3e-4, 60))
        axes.set_title(f"noise scale {title}")
        plots.ticks(axes.xaxis, [0.001, 0.01, 0.1, 1, 10])
        axes.axvline(1, color="0.8", linewidth=1, zorder=0)
    panels[0].set_ylabel("decrease by one step, % of GD's")
    for late, colour in enumerate((plots.TRAINING, plots.VALIDATION)):
        for name, marker in zip(NAMES, MARKERS, strict=True):
            made = runs.steps_of_draws(name, runs.RUNS[name].num_epochs if late else runs.EARLY, seeds)
            shares = 100 * np.array([one.shares for one in made])
            middle, at = np.median(shares, axis=0), shares[:, runs.TIMES.index(1)]
            ends = np.abs(np.array([shares.min(axis=0), shares.max(axis=0)]) - middle)
            for axes, unit in zip(panels, ("scale", "curved"), strict=True):
                x = np.median([one.batch_sizes / getattr(one, unit) for one in made], axis=0)
                axes.errorbar(x, middle, ends, fmt=marker, color=colour, markersize=5, elinewidth=1)
            when = "late" if late else "early"
            said.append(f"{name}, {when}: {np.median(at):.0f} % ({at.min():.0f} to {at.max():.0f})")
    plots.note(panels[0], 0.02, 0.95, f"early: epoch {runs.EARLY}", color=plots.TRAINING)
    plots.note(panels[0], 0.02, 0.86, "late: last epoch", color=plots.DARK[1])
    plots.note(panels[1], 0.02, 0.95, "● noisy sine\n■ two moons\n▲ digits")
    panels[1].text(1.3, 30, "line: 1/(1 + scale/B)", color="0.3")
    return (
        "The decrease of the loss by one step of the best length against the batch size in noise scales, in percent of "
        f"what the full gradient brings; medians and ranges of {seeds} draws. At one noise scale tr Σ / |G|²: "
        f"{'; '.join(said)}. In units of tr HΣ / GᵀHG all points lie near the curve 1/(1 + scale/B)."
    )


@still()
def along_the_run(figure):
    """The noise scale along the run of each dataset, as a `Still`."""
    axes, said = figure.subplots(), []
    for name, colour, marker in zip(NAMES, COLOURS, MARKERS, strict=True):
        epochs = tuple(epoch for epoch in (0, 1, 2, 5, 10, 20, 50, 100, 200) if epoch <= runs.RUNS[name].num_epochs)
        scales = np.array([[measure.noise_scale(table) for table in run] for run in runs.inner_products(name, epochs)])
        plots.spread(axes, np.array(epochs), scales, name, colour, marker=marker)
        said.append(f"{name}: from {np.median(scales[:, 0]):.0f} to {np.median(scales[:, -1]):.0f}")
    views.epochs(axes, 200)
    axes.set(yscale="log", xlim=(0, 700), ylim=(2, 3000), ylabel="noise scale tr Σ / |G|²")
    plots.ticks(axes.yaxis, [10, 100, 1000], ["10", "100", "1,000"])
    axes.grid(axis="y")
    return f"The noise scale against the epoch, both logarithmic. {SPREAD}. Medians, {'; '.join(said)}."


@still()
def two_batches(figure, name="digits", pairs=5, tries=40):
    """Estimates of the noise scale from a few pairs of batches of 8 and N / 2 along a run, as a `Still`."""
    n, epochs, top = runs.RUNS[name].n, (0, 10, 20, 30, 40, 50), 1e4
    (tables,), axes = runs.inner_products(name, epochs, seeds=1), figure.subplots()
    for epoch, inner in zip(epochs, tables, strict=True):
        values = []
        for seed in range(tries):
            batches = [measure.draw_batches(n, size, pairs, replace=True, seed=(epoch, seed)) for size in (8, n // 2)]
            lengths = [measure.squared_length(inner, rows) for rows in batches]
            values.append(min(measure.two_batch_noise_scale(*lengths, 8, n // 2).value, top))
        axes.plot(epoch + np.linspace(-0.8, 0.8, tries), values, "o", color=plots.TRAINING, markersize=4, alpha=0.6)
    axes.plot(epochs, [measure.noise_scale(inner) for inner in tables], color=plots.BEST, linewidth=2)
    axes.set(yscale="log", xlabel="epoch", ylabel="noise scale", ylim=(20, 1.5 * top))
    plots.ticks(axes.yaxis, [100, 1000, top], ["100", "1,000", "no signal found"])
    plots.note(axes, 0.98, 0.14, f"a dot: {pairs} pairs of batches of 8 and {n // 2}", color=plots.TRAINING)
    plots.note(axes, 0.98, 0.04, "line: from all per-sample gradients", color=plots.DARK[0])
    return (
        f"{tries} estimates of the noise scale at six epochs of the {name}, from {pairs} pairs of batches each, "
        f"beside the value from all samples. At the last epoch {values.count(top)} of {tries} find no signal."
    )
