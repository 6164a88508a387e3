"""What the chapter shows: sizes of gradients, two bowls, what units do, the drift, and the two panels of the lab."""

import numpy as np
import optax

from ... import measure
from ...live import View, still
from .. import plots
from .rules import NINE_AND_ONE, bowls, follow, left_by, one_in_ten, rprop, wine

RULES = {"SGD": plots.TRAINING, "Rprop": plots.VALIDATION, "RMSprop": plots.BEST}  # and their colours
STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))
LOW, HIGH = 0.001, 10.0  # what the axes of the lab's losses show
TARGET, EPOCHS = 0.1, 600  # a training loss, and after how many epochs a run is given up


# ---- pictures that stand still ---------------------------------------------------------------------------------------


@still(height=2.8)
def gradient_sizes(figure, problem, model, params):
    """How large the full gradient of each weight is, layer by layer, as a `Still`.

    The model is a perceptron of `models.mlp`; params are its parameters, a list of at most three (weight, bias).
    """
    if len(params) > 3:
        raise ValueError(f"the model has {len(params)} layers; the picture has colours for three.")
    gradient = measure.batch_gradient(problem, model, params)
    stops = np.cumsum([weight.size + bias.size for weight, bias in params])[:-1]
    layers = [np.abs(part[part != 0]) for part in np.split(gradient, stops)]
    axes = figure.subplots()
    for name, part, color, style in zip(("first", "second", "third"), layers, RULES.values(), STYLES, strict=False):
        look = {"histtype": "step", "color": color, "linewidth": 2, "label": f"{name} layer, {len(part):,} weights"}
        shares = np.full(len(part), 100 / len(part))
        *_, (outline,) = axes.hist(part, np.logspace(-6, 0, 31), weights=shares, **look)
        outline.set_linestyle(style)  # matplotlib 3.10.0 takes no dashes in `hist`
    axes.set(xscale="log", xlabel="size of a weight's gradient", ylabel="% of the layer's weights")
    axes.set_title("One network, one full batch: gradients of very different sizes")
    axes.legend(loc="upper left")
    axes.grid()
    most, every = measure.decades(gradient), measure.decades(gradient, middle=1.0)
    return (
        "Share of the weights against the size of their gradient, which is on a logarithmic axis. Nine in ten of "
        f"{sum(map(len, layers))} lie within {most:.1f} decades, all within {every:.1f}."
    )


@still(height=3.4)
def bowls_picture(figure):
    """What GD at each rate, and Rprop, leave of the loss of two kinds of bowls in 100 updates, as a `Still`."""
    panels, rates, said = figure.subplots(1, 2, sharey=True), np.geomspace(0.01, 1.96, 60), []
    for axes, (name, (curvature, start)) in zip(panels, bowls().items(), strict=True):
        gd = np.array([np.sum(curvature * (start * (1 - rate * curvature) ** 100) ** 2, axis=1) for rate in rates])
        gd = np.maximum(gd / np.sum(curvature * start**2, axis=1), 1e-14)
        signs = np.tile(left_by(rprop(0.01), curvature, start), (2, 1))
        plots.spread(axes, rates, gd.T, "", RULES["SGD"], marker="")
        plots.spread(axes, rates[[0, -1]], signs.T, "", RULES["Rprop"], "--", marker="")
        said.append(f"{name}: GD at its best rate {np.median(gd, axis=1).min():.1g}, Rprop {np.median(signs):.1g}")
        axes.set(xscale="log", yscale="log", ylim=(1e-15, 10), xlabel="learning rate of GD", title=name)
        axes.xaxis.set_major_formatter(plots.NUMBERS)
        axes.grid()
        axes.text(0.012, 0.006, "GD", color=RULES["SGD"])
        axes.text(0.012, 3e-11, "Rprop", color=RULES["Rprop"])
    panels[0].set_ylabel("share of the loss that is left")
    return "Share of the loss that is left after 100 updates, median of ten bowls. " + "; ".join(said) + "."


def epochs_to(problem, optimizer, rates, seeds=5):
    """Epochs of full batches to a loss of TARGET, at the best of these rates: (seeds,), infinite if over EPOCHS."""
    settings = {"batch_sizes": [len(problem.x)], "learning_rates": rates, "hidden": (8,), "seeds": seeds}
    settings |= {"optimizer": optimizer, "num_epochs": EPOCHS, "target": {"train_loss": TARGET}}
    return measure.best_rates(measure.sweep(problem, progress=False, **settings).epochs_to_target)[1][0]


TUNED = {  # a rule, and the rates of which it takes the best
    "GD": (optax.sgd, np.geomspace(0.01, 10, 7)),
    "Rprop": (rprop, [0.01]),
    "Adam": (optax.adam, np.geomspace(0.003, 0.3, 5)),
}


def units(draws=3):
    """Problems whose inputs have units that differ by a factor: {what is said: [problems]}."""
    made = {}
    for ratio in (1, 10, 100, 1000):
        scales = np.geomspace(1, 1 / ratio, 4) * ratio**0.5
        words = f"units differ {ratio:,}-fold" if ratio > 1 else "standardised"
        made[f"one in ten, {words}"] = [one_in_ten(scales=scales, seed=seed) for seed in range(draws)]
    return made | {"wine, standardised": [wine()], "wine, in its own units": [wine(standardised=False)]}


@still(height=4.0)
def units_picture(figure, draws=3):
    """Epochs of full batches to a loss of TARGET: GD, Rprop and Adam, on data in several units, as a `Still`."""
    axes, problems, said, never = figure.subplots(), units(draws), [], 1.35 * EPOCHS
    marks = zip(TUNED.items(), RULES.values(), "os^", (-0.22, 0, 0.22), strict=True)
    for (name, (optimizer, rates)), color, mark, shift in marks:
        for row, (words, several) in enumerate(problems.items()):
            epochs = np.concatenate([epochs_to(problem, optimizer, rates) for problem in several])
            look = {"color": color, "alpha": 0.7, "label": None if row else name}
            axes.plot(np.minimum(epochs, never), np.full(len(epochs), row + shift), mark, **look)
            middle = np.median(epochs)
            said.append(f"{words}, {name}: {f'not within {EPOCHS}' if middle > EPOCHS else f'{middle:.0f}'}")
    axes.axvline(1.12 * EPOCHS, color="0.6", linewidth=1)
    axes.set_yticks(range(len(problems)), list(problems))
    axes.set(xscale="log", xlim=(1, 2.2 * EPOCHS), ylim=(len(problems) - 0.5, -0.5))
    plots.ticks(axes.xaxis, [1, 10, 100, never], ["1", "10", "100", "never"])
    axes.set(xlabel=f"epochs to a training loss of {TARGET} (a dot a seed; never: not within {EPOCHS})")
    axes.set_title("Full batches: GD and Adam at their best rate, Rprop untuned")
    axes.legend(loc="lower left", bbox_to_anchor=(1.0, 0.3))
    axes.grid(axis="x")
    return f"Median epochs to a training loss of {TARGET}. {'; '.join(said)}."


@still(height=3.4)
def drift(figure, cycles=5):
    """A weight under the ten gradients, over and over, by SGD, RMSprop and three kinds of Rprop, as a `Still`."""
    axes, said = figure.subplots(), []
    for name, rule, style, up in (
        ("SGD", optax.sgd(0.01), "-", 8),
        ("RMSprop", optax.rmsprop(0.01), ":", -4),
        ("Rprop that goes on", rprop(0.01, change="go"), ":", -8),
        ("Rprop of 1993", rprop(0.01, change="back"), "--", 0),
        ("Rprop that waits", rprop(0.01), "-", 0),
    ):
        path, color = follow(rule, NINE_AND_ONE * cycles), RULES[name.split()[0]]
        axes.plot(np.arange(len(path) + 1), [0.0, *path], color=color, linestyle=style, linewidth=2)
        plots.beside(axes, name, (len(path), path[-1]), (6, up), va="center", color=color)
        said.append(f"{name} {path[9]:.2f} and {path[-1]:.2f}")
    axes.set(xlim=(0, 13.5 * cycles), xlabel="update, each with one of the ten gradients", ylabel="the weight")
    axes.set_xticks(range(0, 10 * cycles + 1, 10))
    axes.set_title("Nine gradients of 0.01 and one of -0.09, over and over")
    axes.grid()
    return f"Where the weight is after one cycle and after {cycles}, from 0: {', '.join(said)}."


# ---- the live picture ------------------------------------------------------------------------------------------------


def _of_loss(axes):
    axes.set(yscale="log", ylim=(0.8 * LOW, 1.25 * HIGH))
    plots.ticks(axes.yaxis, [LOW, 0.01, 0.1, 1, HIGH], [f"≤ {LOW:g}", "0.01", "0.1", "1", f"≥ {HIGH:g}"])
    axes.grid(axis="y")


def losses(axes, epochs):
    """Training loss along the epochs; `update({rule: (rates, epochs + 1)}, {rule: which is best}, batch_size)`."""
    looks = list(zip(RULES.items(), STYLES, strict=True))
    others = axes.plot([], [], color=RULES["SGD"], linewidth=0.8, alpha=0.45)[0]
    lines = {name: axes.plot([], [], color=color, linewidth=2.2, linestyle=style)[0] for (name, color), style in looks}
    heading, x = plots.heading(axes), np.arange(epochs + 1)
    _of_loss(axes)
    axes.set(xlim=(0, epochs), xlabel="epoch")

    def update(all_rates, best, batch_size):
        for name, line in lines.items():
            line.set_data(*((x, np.clip(all_rates[name][best[name]], LOW, HIGH)) if name in all_rates else ([], [])))
        rows = np.clip(all_rates["SGD"], LOW, HIGH)
        others.set_data(np.tile([*x, np.nan], len(rows)), np.insert(rows, len(x), np.nan, axis=1).ravel())
        heading.set_text(f"training loss, batch size {batch_size}")

    return View([others, *lines.values(), heading], update)


def last_losses(axes, n, epochs):
    """Last loss of each rule against the batch size; `update({rule: (sizes, losses (sizes, seeds))}, batch_size)`."""
    lines, bars = {}, {}
    for (name, color), style, marker in zip(RULES.items(), STYLES, "os^", strict=True):
        label = {"SGD": "SGD, best rate", "Rprop": "Rprop"}.get(name)
        bars[name] = axes.plot([], [], color=color, linewidth=5, alpha=0.3)[0]
        look = {"marker": marker, "markersize": 5, "linewidth": 1.4, "linestyle": style}
        lines[name] = axes.plot([], [], color=color, label=label, **look)[0]
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":")
    _of_loss(axes)
    axes.set(xscale="log", xlim=(0.8, 1.25 * n), xlabel="batch size B", title=f"after {epochs} epochs")
    plots.ticks(axes.xaxis, [1, 10, n])
    axes.legend(loc="upper right", borderaxespad=0.1, handlelength=2.4, bbox_to_anchor=(0.97, 0.9))  # free on all data
    third = plots.note(axes, 0.98, 0.97, color=RULES["RMSprop"])

    def update(ends, batch_size):
        for name, line in lines.items():
            sizes, losses = ends.get(name, (np.zeros(0), np.zeros((0, 1))))
            losses = np.clip(losses, LOW, HIGH)
            line.set_data(sizes, np.median(losses, axis=1))
            low, high = losses.min(axis=1), losses.max(axis=1)
            bars[name].set_data(np.repeat(sizes, 3), np.stack([low, high, np.nan * low], axis=1).ravel())
        now.set_xdata([batch_size, batch_size])
        third.set_text("▲ RMSprop, best rate" if "RMSprop" in ends else "")

    return View([now, *bars.values(), *lines.values(), third], update)
