"""What the target lab shows: what the target costs, and the runs that reach it."""

import numpy as np

from ...live import NARROW, View, columns
from ..plots import BEST, KEPT, NOW, NUMBERS, STYLES, TRAINING, VALIDATION, thinned

LEGEND = 40  # points of its height; on a narrow page it stands below the heading
MOST_POINTS = 90  # of a curve; see `thinned`
BOX = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}


def predict_first(axes):
    """What stands where the outcome will be."""
    axes.text(0.5, 0.5, "predict first", transform=axes.transAxes, ha="center", color="0.4")


def two_axes(figure):
    """Axes for the costs and for the runs."""
    legend = LEGEND / 72 if figure.get_figwidth() < NARROW else 0
    return columns(figure, (1.1, 1), left=(0.72, 0.58), top=(0.72 + legend, 0.72), bottom=0.52)


def _heading(axes, above=0):
    """A moving title of two lines, by so many points above the axes."""
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    return axes.annotate("", (0, 1), xytext=(0, 6 + above), **place)


def costs_of_target(axes, n, counted, limits):
    """What the target costs against B; `update(sizes, costs, fitted, scales, batch_size, learning_rate)`."""
    bands = [axes.fill_between([1, n], [1, 1], [1, 1], color=color, alpha=0.2, linewidth=0)
             for color in (TRAINING, VALIDATION)]  # fmt: skip
    (law,) = axes.plot([], [], color=NOW, linewidth=1.2, label="the law, fitted to it")
    (best,) = axes.plot([], [], "o", color=TRAINING, markersize=5.5, label="best rate for each B")
    (fixed,) = axes.plot([], [], "s--", color=VALIDATION, linewidth=1.6, markersize=4.5, label="one fixed rate")
    lost = [axes.plot([], [], "^", color=color, markersize=size)[0] for color, size in ((TRAINING, 9), (VALIDATION, 5))]
    stars = [axes.plot([], [], "*", color=color, markersize=14, markeredgecolor="black", zorder=5)[0]
             for color in (TRAINING, VALIDATION)]  # fmt: skip
    scales = [axes.axvline(1, color=BEST, linewidth=1.4, linestyle=style) for style in ("-", (0, (2, 2)))]
    now = axes.axvline(1, color=NOW, linewidth=1, linestyle=":")
    words = axes.text(0.98, 0.03, "", transform=axes.transAxes, ha="right", bbox=BOX)
    narrow, top = axes.figure.get_figwidth() < NARROW, limits[1]
    heading = _heading(axes, LEGEND if narrow else 0)
    axes.set(xscale="log", yscale="log", xlim=(0.85, 1.2 * n), ylim=limits, xlabel="batch size B")
    axes.axhline(top / 5, color="0.8", linewidth=0.8)
    axes.text(0.95, top / 1.1, "not reached", color="0.4", va="top")
    place = (
        {"loc": "lower left", "bbox_to_anchor": (0, 1)} if narrow else {"loc": "lower right", "bbox_to_anchor": (1, 1)}
    )
    axes.legend(labelspacing=0.2, borderaxespad=0.2, handletextpad=0.4, **place)
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
            none.set_data(sizes[np.isinf(medians)], np.full(np.isinf(medians).sum(), top / 3.2))
            first = [np.argmin(np.where(reached, medians, np.inf))] if reached.any() else []
            star.set_data(sizes[first], medians[first])
        law.set_data(*(([], []) if fitted is None else (sizes, fitted)))
        now.set_xdata([batch_size, batch_size])
        for mark, value in zip(scales, noise_scales, strict=True):
            mark.set_xdata([value, value])
        fit_scale, along = noise_scales
        fit_words = "noise scale: {:.3g} (green)" if narrow else "noise scale (green), fitted: {:.3g}"
        first = "noise scale: not yet" if np.isnan(fit_scale) else fit_words.format(fit_scale)
        words.set_text(first if np.isnan(along) else f"{first}\nalong the run: {along:.3g} (dashed)")
        heading.set_text(f"{counted} to the target\nat B = {batch_size}; fixed rate {learning_rate:g}")

    return View([*bands, law, best, fixed, *lost, *scales, now, *stars, words, heading], update)


def runs_to_target(axes, sizes, shown, counted, limits, target):
    """Validation accuracy of some batch sizes along the chosen axis; `update(curves, at, rates)`."""
    lines = [axes.plot([], [], color=color, linestyle=style, label=f"B = {sizes[place]}")[0]
             for place, (color, style) in zip(shown, zip(KEPT, STYLES, strict=True), strict=False)]  # fmt: skip
    (ends,) = axes.plot([], [], "o", color="0.3", markersize=4)
    (mine,) = axes.plot([], [], color=NOW, linewidth=2.4)
    heading = _heading(axes)
    axes.axhline(target, color=BEST, linewidth=1)
    axes.text(0.01, target + 0.015, "target", transform=axes.get_yaxis_transform())
    axes.set(xscale="log", xlim=limits, ylim=(0, 1), xlabel=counted)
    axes.legend(loc="lower right", handlelength=2.6, labelspacing=0.3)
    axes.xaxis.set_major_formatter(NUMBERS)
    axes.minorticks_off()

    def update(curves, at, rates):
        last = []
        for place, line in [*zip(shown, lines, strict=False), (at, mine)]:
            curve = curves[place]
            line.set_data(*(_thin(curve[0][1:], curve[1][1:]) if curve else ([], [])))
            last += [(curve[0][-1], curve[1][-1])] if curve else []
        ends.set_data([x for x, _ in last], [y for _, y in last])
        heading.set_text(f"validation accuracy, {rates}\n(black: B = {sizes[at]})")

    return View([*lines, mine, ends, heading], update)


def _thin(x, y):
    return thinned(x, y, most=MOST_POINTS, across=np.log(x))
