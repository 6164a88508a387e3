"""What the target lab shows: what the target costs, and the runs that reach it."""

import numpy as np

from ..plots import BEST, KEPT, NOW, NUMBERS, STYLES, TRAINING, VALIDATION, View, thinned


def costs_of_target(axes, n, counted, limits):
    """What the target costs against B; `update(sizes, costs, fitted, scales, batch_size, learning_rate)`."""
    bands = [axes.fill_between([1, n], [1, 1], [1, 1], color=color, alpha=0.2, linewidth=0, antialiased=False)
             for color in (TRAINING, VALIDATION)]  # fmt: skip
    (law,) = axes.plot([], [], color=NOW, linewidth=1.2, label="the law, fitted to it")
    (best,) = axes.plot([], [], "o", color=TRAINING, markersize=5.5, label="best rate for each B")
    (fixed,) = axes.plot([], [], "s--", color=VALIDATION, linewidth=1.6, markersize=4.5, label="one fixed rate")
    lost = [axes.plot([], [], "^", color=color, markersize=size)[0] for color, size in ((TRAINING, 9), (VALIDATION, 5))]
    stars = [axes.plot([], [], "*", color=color, markersize=14, markeredgecolor="black", zorder=5)[0]
             for color in (TRAINING, VALIDATION)]  # fmt: skip
    scales = [axes.axvline(1, color=BEST, linewidth=1.4, linestyle=style) for style in ("-", (0, (2, 2)))]
    now = axes.axvline(1, color=NOW, linewidth=1, linestyle=":")
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}
    words = axes.text(0.98, 0.03, "", transform=axes.transAxes, fontsize=8, ha="right", bbox=box)
    heading = axes.text(0.0, 1.02, "", transform=axes.transAxes, va="bottom")
    top = limits[1]
    axes.set(xscale="log", yscale="log", xlim=(0.85, 1.2 * n), ylim=limits, xlabel="batch size B")
    axes.axhline(top / 3, color="0.8", linewidth=0.8)
    axes.text(0.9, top / 1.1, "not reached", fontsize=8, color="0.4", va="top")
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2, "handletextpad": 0.4}
    axes.legend(fontsize=8, labelspacing=0.3, frameon=False, **place)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(NUMBERS)
    axes.minorticks_off()

    def update(sizes, costs, fitted, noise_scales, batch_size, learning_rate):
        for band, line, star, none, values in zip(bands, (best, fixed), stars, lost, costs, strict=True):
            medians, known = np.median(values, axis=1), ~np.isnan(values).any(axis=1)
            reached = np.isfinite(medians)
            line.set_data(sizes[reached], medians[reached])
            ends = np.where(np.isfinite(values), values, top)[known]
            band.set_visible(bool(known.any()))
            if known.any():
                band.set_data(sizes[known], ends.min(axis=1), ends.max(axis=1))
            none.set_data(sizes[np.isinf(medians)], np.full(np.isinf(medians).sum(), top / 2.2))
            first = [np.argmin(np.where(reached, medians, np.inf))] if reached.any() else []
            star.set_data(sizes[first], medians[first])
        law.set_data(*(([], []) if fitted is None else (sizes, fitted)))
        now.set_xdata([batch_size, batch_size])
        for mark, value in zip(scales, noise_scales, strict=True):
            mark.set_xdata([value, value])
        fit_scale, along = noise_scales
        first = "noise scale: not yet" if np.isnan(fit_scale) else f"noise scale (green), fitted: {fit_scale:.3g}"
        words.set_text(first if np.isnan(along) else f"{first}\nalong the run: {along:.3g} (dashed)")
        heading.set_text(f"{counted} to the target\nat B = {batch_size}; fixed rate {learning_rate:g}")

    return View([*bands, law, best, fixed, *lost, *scales, now, *stars, words, heading], update)


def runs_to_target(axes, sizes, shown, counted, limits, target):
    """Validation accuracy of some batch sizes along the chosen axis; `update(curves, at, rates)`."""
    lines = [axes.plot([], [], color=color, linestyle=style, label=f"B = {sizes[place]}", antialiased=False)[0]
             for place, (color, style) in zip(shown, zip(KEPT, STYLES, strict=True), strict=False)]  # fmt: skip
    (ends,) = axes.plot([], [], "o", color="0.3", markersize=4)
    (mine,) = axes.plot([], [], color=NOW, linewidth=2.4, antialiased=False)
    heading = axes.text(0.0, 1.02, "", transform=axes.transAxes, va="bottom")
    axes.axhline(target, color=BEST, linewidth=1)
    axes.text(0.99, target + 0.012, "target", transform=axes.get_yaxis_transform(), fontsize=8, ha="right")
    axes.set(xscale="log", xlim=limits, ylim=(0, 1), xlabel=counted)
    axes.legend(loc="lower right", fontsize=8, handlelength=2.6, frameon=False)
    axes.xaxis.set_major_formatter(NUMBERS)
    axes.minorticks_off()

    def update(curves, at, rates):
        last = []
        for place, line in [*zip(shown, lines, strict=False), (at, mine)]:
            curve = curves[place]
            line.set_data(*(thinned(curve[0][1:], curve[1][1:], across=np.log(curve[0][1:])) if curve else ([], [])))
            last += [(curve[0][-1], curve[1][-1])] if curve else []
        ends.set_data([x for x, _ in last], [y for _, y in last])
        heading.set_text(f"validation accuracy, {rates}\n(black: B = {sizes[at]})")

    return View([*lines, mine, ends, heading], update)
