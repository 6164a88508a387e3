"""Pictures of what was measured: where descents end, how many escape, and what that brings on new images."""

import numpy as np
from matplotlib.colors import ListedColormap

from ...live import still
from .. import plots
from ..plots import beside, ticks
from . import views
from .accuracy import LOSSES, RATES, differences

STRIPES = ("#8FD4BC", plots.REGIONS[0], plots.REGIONS[3], plots.REGIONS[1], plots.REGIONS[4])

KINDS = {
    "batches": ("batches of B", plots.TRAINING, "o"),
    "gaussian": ("full batch + Gaussian noise", plots.VALIDATION, "s"),
    "redrawn": ("full batch + noise drawn anew", plots.BEST, "D"),
}
SIZES = {
    1: (plots.TRAINING, "o"),
    2: (plots.VALIDATION, "s"),
    4: (plots.BEST, "D"),
    8: (plots.KEPT[0], "^"),
    16: (plots.KEPT[3], "v"),
}


def _percent(axes, top=1.0):
    axes.set(ylim=(-0.03, top + 0.03), yticks=np.linspace(0, 1, 6), yticklabels=[f"{20 * at} %" for at in range(6)])


def _bars(axes, x, estimates, **look):
    """Estimates with their 95 % intervals; returns values and upper ends."""
    value, low, high = np.transpose(estimates)
    axes.errorbar(x, value, [value - low, high - value], elinewidth=1.3, **look)
    return value, high


@still(height=3.0)
def landscape(figure, scene):
    """The loss of a wheel and its minima, as a `Still`."""
    axes = figure.subplots()
    views.landscape(axes, scene, shaded=False)
    axes.set_xlabel("speed v, turns a second")
    told = ", ".join(f"v = {scene.minima[at]:.2f}" for at in views.seen(scene))
    return f"The loss over the speed v has minima at {told}; the lowest is at {scene.minima[scene.good]:.2f}."


@still(height=4.6)
def ends_map(figure, scene, starts, rates, numbers):
    """The outcome of `ends` as a `Still`: stripes are basins, dashes lie half-way between neighbouring minima."""
    edges = {
        "1 / largest curvature": 1 / scene.curvature(scene.grid).max(),
        "2 / curvature of the best minimum": 2 / scene.curvature(scene.minima[scene.good]),
    }
    loss, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    views.landscape(loss, scene)
    stripes = np.where(numbers == scene.good, 0, 1 + numbers % (len(STRIPES) - 1))
    stripes[numbers == -1] = len(STRIPES)
    looks = {"cmap": ListedColormap([*STRIPES, "white"]), "vmin": 0, "vmax": len(STRIPES), "rasterized": True}
    axes.pcolormesh(starts, rates, stripes, shading="nearest", **looks)
    for at in views.seen(scene):
        words = f"{scene.minima[at]:.1f}" + ("\nbest" if at == scene.good else "")
        axes.text(scene.minima[at], rates[0] * 1.3, words, ha="center", va="bottom")
    for left, right in zip(scene.minima[:-1], scene.minima[1:], strict=True):
        axes.axvline((left + right) / 2, color="0.2", linewidth=1, linestyle=(0, (4, 3)))
    for words, edge in edges.items():
        axes.axhline(edge, color="black", linewidth=1.2)
        axes.text(views.WINDOW[0] + 0.05, edge, words, va="center", bbox=plots.BOX | {"alpha": 1})
    axes.set(yscale="log", xlim=views.WINDOW, ylim=(rates[0], rates[-1]))
    ticks(axes.yaxis, [rate for rate in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if rates[0] <= rate <= rates[-1]])
    axes.set(xlabel="start, turns a second (dashes: half-way between minima)", ylabel="learning rate")
    axes.set_title("the minimum in which full-batch descent ends (white: it does not settle)")
    own = np.mean(numbers[rates < edges["1 / largest curvature"]] == scene.basin(starts))
    return (
        f"Full-batch descent from {len(starts)} starts at {len(rates)} rates. Below the lower line, 1 / largest "
        f"curvature, {own:.0%} of the starts end in the minimum of their own basin: upright stripes. A stripe ends at "
        f"2 / curvature of its minimum; {np.mean(numbers == -1):.0%} of all descents do not settle."
    )


@still()
def slow(figure, scenes):
    """Descents from 2.6 at one rate, against the gradients of single photographs that they cost, as a `Still`.

    The scenes are a wheel with 64 photographs, and one with 640.
    """
    (few, many), axes, said = scenes, figure.subplots(), []
    for scene, size, name, (color, mark), up in (
        (few, 64, "64 photographs, full batch", SIZES[1], -9),
        (many, 640, "640 photographs, full batch", SIZES[2], 7),
        (many, 64, "640, in batches of 64", SIZES[4], 7),
    ):
        run = scene.fit(2.6, seeds=1, batch_size=size, learning_rate=0.01, num_epochs=40)
        apart = np.abs([run.params_at(epoch)[0, 0] - scene.minima[scene.good] for epoch in range(41)])
        first = int(np.argmax(apart < 0.1))
        axes.plot(run.samples_seen[: first + 1], apart[: first + 1], color=color, marker=mark, markersize=5)
        beside(axes, name, (run.samples_seen[first], 0.1), (8, up), color=color)
        said.append(f"{name}: epoch {first}, {run.samples_seen[first]:,} gradients")
    axes.axhline(0.1, color="0.6", linewidth=1, linestyle=":")
    axes.set(xlabel="gradients of single photographs computed (one mark an epoch)", ylabel="distance from\nthe minimum")
    axes.set(xlim=(-150, 9500), ylim=(0, 0.45))
    axes.set_title("the way down to within 0.1 of the best minimum, at one rate")
    return f"Three descents from 2.6 come within 0.1 of the best minimum. {'; '.join(said)}."


@still(height=4.2)
def shares(figure, wheels):
    """The outcome of `escapes` on several wheels as a `Still`: a mark with its 95 % interval for each wheel."""
    sizes, axes, said = sorted({size for _, size in wheels[0]}), figure.subplots(), []
    for at, (kind, (name, color, mark)) in enumerate(KINDS.items()):
        for number, found in enumerate(wheels):
            x = np.arange(len(sizes)) + 0.26 * (at - 1) + 0.07 * (number - (len(wheels) - 1) / 2)
            label = name if number == 0 else None
            _bars(axes, x, [found[kind, size] for size in sizes], fmt=mark, color=color, label=label)
        told = ((size, [f"{found[kind, size].value:.0%}" for found in wheels]) for size in sizes)
        said.append(f"{name}: " + ", ".join(f"B = {size}: {' '.join(each)}" for size, each in told))
    axes.set_xticks(range(len(sizes)), [f"B = {size}" for size in sizes])
    _percent(axes)
    axes.legend(loc="upper right")
    axes.set_title(f"share of 200 descents in the best basin: {len(wheels)} wheels each, bars are 95 % intervals")
    return f"Share of 200 descents from 1 in the best basin, on {len(wheels)} wheels. {'; '.join(said)}."


@still(height=4.0)
def shares_by_rate(figure, found, scene):
    """The outcome of `escapes_by_rate` as a `Still`: against the rate, and against the rate divided by B."""
    edge = 2 / scene.curvature(scene.minima[scene.good])
    panels, said = figure.subplots(1, 2, sharey=True), []
    for size, (color, mark) in SIZES.items():
        q = np.array([ratio for each, ratio in found if each == size])
        calm = q * size <= edge
        for axes, x in zip(panels, (q * size, q), strict=True):
            value, high = _bars(axes, x, [found[size, ratio] for ratio in q], color=color, linewidth=1.3)
            for shown, face in ((calm, color), (~calm, "white")):
                axes.plot(x[shown], value[shown], mark, color=color, markerfacecolor=face)
        top = np.argmax(value)
        look = {"color": color, "ha": "right" if size == 1 else "left"}
        beside(panels[0], f"B = {size}", (q[top] * size, high[top]), (0, 4), **look)
        said.append(f"B = {size}: highest, {value[top]:.0%}, at {q[top] * size:.3g}")
    shown = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    for axes, name, most in zip(panels, ("learning rate", "learning rate / B"), (6, 3), strict=True):
        axes.set(xscale="log", xlabel=name)
        ticks(axes.xaxis, shown[:most])
        _percent(axes, 1.06)
    panels[0].set_title("share in the best basin after 16 epochs")
    panels[1].set_title(f"the same shares (hollow: rate above {edge:.2g})")
    return f"Share of 200 descents in the best basin against the rate and against rate / B. {'; '.join(said)}."


@still(height=4.2)
def gains(figure, right, wrong, one_draw):
    """What small batches gain on the full batch in validation accuracy, with 95 % intervals, as a `Still`.

    `right` are the `accuracies` of eight draws with right labels, `wrong` those with 30 % wrong ones, and `one_draw`
    those of one draw with wrong labels and eight seeds.
    """
    rows = [f"B = {size}, rate {rate}" for size in list(RATES)[1:] for rate in RATES[size]]
    panels, said = figure.subplots(1, 2, sharey=True), []
    for axes, (wrongs, losses), eight in zip(panels, LOSSES.items(), (right, wrong), strict=True):
        marks = [
            (eight, 0, plots.TRAINING, "o", f"8 draws, loss {losses[0]}"),
            (eight, 1, plots.VALIDATION, "s", f"8 draws, loss {losses[1]}"),
            (one_draw, 0, "0.35", "X", f"1 draw, 8 seeds, loss {losses[0]}"),
        ]
        for number, (found, level, color, mark, name) in enumerate(marks if wrongs else marks[:2]):
            mean, half = (each[..., level].ravel() for each in differences(found))
            y = np.arange(len(rows)) + 0.2 * (number - 1)
            axes.errorbar(mean, y, xerr=half, fmt=mark, color=color, label=name, elinewidth=1.5)
            told = ", ".join(f"{row} {m:+.1f} ± {h:.1f}" for row, m, h in zip(rows, mean, half, strict=True))
            said.append(f"{100 * wrongs:.0f} % wrong labels, {name}: {told}")
        axes.axvline(0, color="0.4", linewidth=1)
        axes.set(xlim=(-2.4, 2.4), ylim=(len(rows) - 0.5, -0.6), xlabel="gain on the full batch, percentage points")
        axes.set_title("all labels right" if not wrongs else f"{100 * wrongs:.0f} % of the labels wrong")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
    panels[0].set_yticks(range(len(rows)), rows)
    return f"Validation accuracy minus that of the full batch, with 95 % intervals. {'; '.join(said)}."
