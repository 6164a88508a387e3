"""What this chapter measured over several draws of data and start, as pictures that stand still."""

import numpy as np

from ... import measure
from ...live import Still
from .. import plots
from . import runs, views

NAMES, COLOURS, MARKERS = list(runs.RUNS), (plots.TRAINING, plots.VALIDATION, plots.BEST), "os^"
SPREAD = f"Lines are medians of {runs.SEEDS} draws of data and start, bands reach from the lowest to the highest"


def _sizes(axes, n, xlabel="batch size B"):
    axes.set(xscale="log", xlabel=xlabel)
    axes.set_xticks([size for size in (1, 4, 16, 64, 256) if size <= n])
    axes.xaxis.set_major_formatter(plots.NUMBERS)
    axes.minorticks_off()


def direction(draws=300):
    """Against B: the median cosine of batch gradients with G, and how many point away from it, as a `Still`."""
    sizes = np.array([1, 4, 16, 64, 256])
    measured = {}
    for name in NAMES:
        n, tables = runs.RUNS[name].n, runs.inner_products(name)[:, 0]
        cosines = [[measure.cosine(table, measure.draw_batches(n, size, draws)) for size in sizes] for table in tables]
        measured[name] = np.median(cosines, axis=2), 100 * np.mean(np.array(cosines) < 0, axis=2)
    said = [
        f"{name}: median cosine {np.median(cosine[:, 0]):.2f} at B = 1 and {np.median(cosine[:, 3]):.2f} at B = 64, "
        f"{np.median(away[:, 0]):.0f} % of single samples point away from G"
        for name, (cosine, away) in measured.items()
    ]
    still = Still(f"Two panels against the batch size. {SPREAD}. {'; '.join(said)}.")
    panels = still.subplots(1, 2)
    for axes, part, title in zip(
        panels, (0, 1), ("median cosine with G", "batches that point away from G, %"), strict=True
    ):
        for name, colour, marker in zip(NAMES, COLOURS, MARKERS, strict=True):
            plots.spread(axes, sizes, measured[name][part], "", colour, marker=marker)
        _sizes(axes, 256)
        axes.set_title(title)
    panels[0].set_ylim(top=1.05)
    panels[1].set_ylim(0, 55)
    for name, colour, marker, row in zip(NAMES, COLOURS, ("●", "■", "▲"), range(3), strict=True):
        panels[1].text(
            0.98,
            0.95 - 0.11 * row,
            f"{marker} {name}",
            color=colour,
            ha="right",
            va="top",
            transform=panels[1].transAxes,
        )
    return still


def distance(draws=400):
    """The distance of an epoch's batches from G against B, in parts of that at B = 1, with the law, as a `Still`."""
    still = Still(
        f"Three panels, a dataset each: the root mean square distance of batches from G against the batch size, both "
        f"logarithmic. {SPREAD}. All lie on the law with the factor (N - B)/(N - 1), which leaves the straight line "
        "1/√B beyond a quarter of the samples and is zero at B = N."
    )
    for axes, name in zip(still.subplots(1, 3, sharey=True), NAMES, strict=True):
        n = runs.RUNS[name].n
        sizes = np.append(measure.spread_sizes(n // 2, 8), [round(0.8 * n), round(0.95 * n)])
        fine = np.append(np.geomspace(1, n / 2, 30), n - np.geomspace(n / 2, 0.1, 40))
        axes.plot([1, n], [1, n**-0.5], color="0.5", linestyle=(0, (5, 2)))
        axes.plot(fine, views.without_replacement(fine, n), color="0.2", linewidth=1)
        tables = runs.inner_products(name)[:, 0]
        ratios = [np.sqrt(measure.noise_curve(table, sizes, draws) / measure.variance(table)) for table in tables]
        plots.spread(axes, sizes, np.array(ratios), "", plots.TRAINING, style="none")
        _sizes(axes, n)
        axes.set(yscale="log", ylim=(3e-3, 1.5))
        axes.set_title(f"{name}, N = {n}")
        axes.text(2, 0.004, "exactly 0 at B = N →", color=plots.TRAINING)
    still.figure.axes[0].set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    still.figure.axes[0].set_ylabel("distance, B = 1 is 1")
    still.figure.axes[0].text(12, 0.4, "1/√B", color="0.35")
    return still


def decrease(seeds=runs.SEEDS):
    """What one step of the best length brings against B, in units of two noise scales, as a `Still`."""
    still = Still("", height=3.9)
    panels = still.subplots(1, 2, sharey=True)
    times, said = np.geomspace(1e-4, 100, 100), []
    for axes, title in zip(panels, ("tr Σ / |G|²", "tr HΣ / GᵀHG"), strict=True):
        axes.plot(times, 100 / (1 + 1 / times), color="0.4", linewidth=1.3)
        axes.set(xscale="log", xlabel="batch size B, in noise scales", ylim=(0, 104), xlim=(3e-4, 60))
        axes.set_title(f"noise scale {title}")
        axes.set_xticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
        axes.axvline(1, color="0.8", linewidth=1, zorder=0)
        axes.minorticks_off()
    panels[0].set_ylabel("decrease by one step, % of GD's")
    for late, colour in enumerate((plots.TRAINING, plots.VALIDATION)):
        for name, marker in zip(NAMES, MARKERS, strict=True):
            made = runs.steps_of_draws(name, runs.RUNS[name].num_epochs if late else runs.EARLY, seeds)
            shares = 100 * np.array([one.shares for one in made])
            middle = np.median(shares, axis=0)
            ends = np.abs(np.array([shares.min(axis=0), shares.max(axis=0)]) - middle)
            for axes, unit in zip(panels, ("scale", "curved"), strict=True):
                x = np.median([one.batch_sizes / getattr(one, unit) for one in made], axis=0)
                axes.errorbar(x, middle, ends, fmt=marker, color=colour, markersize=5, elinewidth=1)
            at = shares[:, runs.TIMES.index(1)]
            said.append(
                f"{name}, {'late' if late else 'early'}: {np.median(at):.0f} % ({at.min():.0f} to {at.max():.0f})"
            )
    panels[0].text(
        0.02, 0.95, f"early: epoch {runs.EARLY}", color=plots.TRAINING, va="top", transform=panels[0].transAxes
    )
    panels[0].text(0.02, 0.86, "late: last epoch", color=plots.DARK[1], va="top", transform=panels[0].transAxes)
    panels[1].text(0.02, 0.95, "● noisy sine\n■ two moons\n▲ digits", va="top", transform=panels[1].transAxes)
    panels[1].text(1.3, 30, "line: 1/(1 + scale/B)", color="0.3")
    still.alt = (
        "The decrease of the loss by one step of the best length against the batch size in noise scales, in percent of "
        f"what the full gradient brings; medians and ranges of {seeds} draws. At one noise scale tr Σ / |G|²: "
        f"{'; '.join(said)}. In units of tr HΣ / GᵀHG all points lie near the curve 1/(1 + scale/B)."
    )
    return still


def along_the_run():
    """The noise scale along the run of each dataset, as a `Still`."""
    still, said = Still(""), []
    axes = still.subplots()
    for name, colour, marker in zip(NAMES, COLOURS, MARKERS, strict=True):
        epochs = tuple(epoch for epoch in (0, 1, 2, 5, 10, 20, 50, 100, 200) if epoch <= runs.RUNS[name].num_epochs)
        scales = np.array([[measure.noise_scale(table) for table in run] for run in runs.inner_products(name, epochs)])
        plots.spread(axes, np.array(epochs), scales, name, colour, marker=marker)
        said.append(f"{name}: from {np.median(scales[:, 0]):.0f} to {np.median(scales[:, -1]):.0f}")
    still.alt = f"The noise scale against the epoch, both logarithmic. {SPREAD}. Medians, {'; '.join(said)}."
    views.epochs(axes, 200)
    axes.set(yscale="log", xlim=(0, 700), ylim=(2, 3000), ylabel="noise scale tr Σ / |G|²")
    axes.set_yticks([10, 100, 1000], ["10", "100", "1,000"])
    axes.minorticks_off()
    axes.grid(axis="y")
    return still


def two_batches(name="digits", pairs=5, tries=40):
    """Estimates of the noise scale from a few pairs of batches of 8 and N / 2 along a run, as a `Still`."""
    n, epochs, top = runs.RUNS[name].n, (0, 10, 20, 30, 40, 50), 1e4
    tables, lost = runs.inner_products(name, epochs)[0], []
    still = Still("")
    axes = still.subplots()
    for epoch, inner in zip(epochs, tables, strict=True):
        values = []
        for seed in range(tries):
            batches = [measure.draw_batches(n, size, pairs, replace=True, seed=(epoch, seed)) for size in (8, n // 2)]
            lengths = [measure.squared_length(inner, rows) for rows in batches]
            values.append(min(measure.two_batch_noise_scale(*lengths, 8, n // 2).value, top))
        lost.append(values.count(top))
        axes.plot(epoch + np.linspace(-0.8, 0.8, tries), values, "o", color=plots.TRAINING, markersize=4, alpha=0.6)
    axes.plot(epochs, [measure.noise_scale(inner) for inner in tables], color=plots.BEST, linewidth=2)
    axes.set(yscale="log", xlabel="epoch", ylabel="noise scale", ylim=(20, 1.5 * top))
    axes.set_yticks([100, 1000, top], ["100", "1,000", "no signal found"])
    axes.minorticks_off()
    look = {"ha": "right", "transform": axes.transAxes}
    axes.text(0.98, 0.14, f"a dot: {pairs} pairs of batches of 8 and {n // 2}", color=plots.TRAINING, **look)
    axes.text(0.98, 0.04, "line: from all per-sample gradients", color=plots.DARK[0], **look)
    still.alt = (
        f"{tries} estimates of the noise scale at six epochs of the {name}, from {pairs} pairs of batches each, "
        f"beside the value from all samples. At the last epoch {lost[-1]} of {tries} find no signal."
    )
    return still
