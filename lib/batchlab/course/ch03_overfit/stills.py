"""What chapter 3 measures on ten draws of the data, as pictures that stand still."""

import numpy as np

from ...live import still
from ..plots import BEST, DARK, KEPT, TRAINING, VALIDATION, beside, plain, spread, ticks
from .exercise import early_stopping

LAST = 100  # epochs at the end of a run, over which its last loss is averaged
COLOURS = (TRAINING, VALIDATION, BEST, *KEPT)


def rise(draws):
    """By how much the validation loss has risen from its lowest to the last epochs, for each draw."""
    return draws.val_loss[:, -LAST:].mean(axis=1) - draws.lowest


def _stretches(losses, count=36):
    """The mean loss of each stretch of epochs that is as long as the others on a logarithmic axis; where it begins."""
    first = np.unique(np.geomspace(1, losses.shape[1], count).astype(int))[:-1]
    lengths = np.diff(first, append=losses.shape[1])
    return first, np.add.reduceat(losses[:, 1:], first - 1, axis=1) / lengths


@still(height=3.2)
def turn(figure, draws):
    """Both losses of ten draws against the epochs, as a `Still`: the median, and a band that holds eight of the ten."""
    axes, (best, first, last) = figure.subplots(), draws.interval()
    for losses, *look in (
        (draws.train_loss, "training", TRAINING, "-"),
        (draws.val_loss, "validation", VALIDATION, "--"),
    ):
        epochs, means = _stretches(losses / draws.lowest[:, None])
        spread(axes, epochs, np.sort(means, axis=0)[1:-1], *look, marker="")
    axes.axvline(best, color=BEST, linewidth=1.4)
    beside(axes, f"best epoch, median {best:.0f}", (best, 3.6), (4, 0), color=DARK[0])
    axes.set(xscale="log", xlim=(1, epochs[-1]), xlabel="epochs")
    axes.set(ylim=(0, 4), ylabel="times the lowest\nvalidation loss")
    ticks(axes.xaxis, [tick for tick in (1, 10, 100, 1000) if tick <= epochs[-1]])
    axes.set_title("The validation loss falls, then rises; the training loss falls on")
    axes.grid()
    ends = [np.median(loss / draws.lowest) for loss in (draws.val_loss[:, 1], draws.val_loss[:, -LAST:].mean(axis=1))]
    return (
        "Both losses of ten draws of the noisy sine, as multiples of the lowest validation loss of each draw. The "
        "training loss falls to the end. The median validation loss is "
        f"{ends[0]:.1f} times the lowest after one epoch and {ends[1]:.1f} times at the end; the best epoch is "
        f"{best:.0f} in the median, from {first} to {last} in eight of ten draws."
    )


@still(height=3.2)
def condition(figure, by_noise, by_samples):
    """The rise of the validation loss against the noise of the samples and their number, {value: `Draws`} each."""
    both, said = figure.subplots(1, 2, sharey=True), []
    for axes, measured, label, title in (
        (both[0], by_noise, "noise (deviation) of 12 samples", "Less noise, less overfitting"),
        (both[1], by_samples, "samples, of noise 0.3", "More samples, less overfitting"),
    ):
        rises = np.transpose([rise(draws) for draws in measured.values()])
        spread(axes, list(measured), rises, "", VALIDATION)
        axes.set(xlabel=label, title=title)
        axes.grid()
        middles = zip(measured, np.median(rises, axis=0), strict=True)
        said.append(f"{label}: " + ", ".join(f"{at:g} {middle:.3f}" for at, middle in middles))
    both[0].set(ylabel="rise of the validation loss", ylim=(0, None))
    both[1].set_xscale("log")
    ticks(both[1].xaxis, list(by_samples))
    return f"How much the validation loss rises after its best epoch, medians of ten draws. {'. '.join(said)}."


@still(height=3.2)
def against_batch(figure, by_size):
    """The best epoch against the batch size, counted in epochs and in updates, as a `Still`; {batch size: `Draws`}."""
    sizes, draws = list(by_size), list(by_size.values())
    epochs = np.transpose([one.best_epoch for one in draws])
    updates = epochs * [one.iterations_per_epoch for one in draws]
    for axes, values, title, colour in zip(
        figure.subplots(1, 2, sharey=True),
        (epochs, updates),
        ("best epoch, in epochs", "the same, in updates"),
        (BEST, TRAINING),
        strict=True,
    ):
        spread(axes, sizes, np.sort(values, axis=0)[1:-1], "", colour)
        for size, value in zip(sizes, np.median(values, axis=0), strict=True):
            beside(axes, f"{value:.0f}", (size, value), (0, 7))
        axes.set(xscale="log", yscale="log", xlabel="batch size", title=title)
        axes.margins(x=0.1)
        axes.yaxis.set_major_formatter("{x:g}")
        ticks(axes.xaxis, sizes)
        axes.grid()
    said = ", ".join(
        f"B = {size}: {e:.0f} epochs, {u:.0f} updates"
        for size, e, u in zip(sizes, np.median(epochs, axis=0), np.median(updates, axis=0), strict=True)
    )
    return f"The best epoch against the batch size B at one rate, medians of ten draws. {said}."


def one_for_all(runs):
    """The number of epochs that serves all problems best, and what it costs the one that it serves worst.

    The cost of an epoch is the validation loss there, as a multiple of the lowest; the median of ten draws.
    """
    length = min(one.val_loss.shape[1] for one in runs.values())
    costs = [np.median(one.val_loss[:, :length] / one.lowest[:, None], axis=0) for one in runs.values()]
    worst = np.max(costs, axis=0)
    return int(worst.argmin()), float(worst.min())


@still()
def best_epochs(figure, runs):
    """The best epochs of ten draws of each problem, counted in epochs and in updates, as a `Still`; {name: `Draws`}."""
    figure.set_figheight(1.3 + 0.5 * len(runs))
    (common, cost), both = one_for_all(runs), figure.subplots(1, 2, sharey=True)
    for axes, title in zip(
        both, (f"best epoch (dotted: {common}, the best for all)", "the same, in updates"), strict=True
    ):
        for row, (one, color) in enumerate(zip(runs.values(), COLOURS, strict=False)):
            best = np.maximum(one.best_epoch, 1) * (1 if axes is both[0] else one.iterations_per_epoch)
            axes.plot(best, np.full(len(best), row), "o", color=color, alpha=0.5)
            axes.plot([np.median(best)], [row], "|", color="black", markersize=22, markeredgewidth=2)
        axes.set(xscale="log", ylim=(len(runs) - 0.4, -0.6), xlabel="one dot a draw, the bar is the median")
        axes.set_title(title)
        plain(axes.xaxis)
        axes.grid(axis="x")
    both[0].set_yticks(range(len(runs)), list(runs))
    both[0].axvline(common, color="black", linewidth=1, linestyle=":")
    said = [f"{name}: median {m:.0f}, {a} to {b} in eight of ten, {m * one.iterations_per_epoch:.0f} updates"
            for name, one in runs.items() for m, a, b in [one.interval()]]  # fmt: skip
    return (
        "Best epoch of each draw on a logarithmic axis. " + "; ".join(said) + ". The single number of epochs that "
        f"serves all best is {common}; with it one problem still has {cost:.1f} times its lowest loss."
    )


@still(height=3.2)
def patience(figure, draws, patiences=(1, 3, 10, 30, 100, 300, 1000)):
    """What early stopping finds and costs on ten draws, against its patience, as a `Still`."""
    found = np.array([[early_stopping(loss, p) for p in patiences] for loss in draws.val_loss])  # (draws, patiences, 2)
    cost = np.take_along_axis(draws.val_loss, found[..., 0], axis=1) / draws.lowest[:, None]
    both = figure.subplots(1, 2)
    for axes, values, label, title, colour in (
        (both[0], cost, "loss found / lowest loss", "Too little patience stops too early", DARK[0]),
        (both[1], found[..., 1], "epochs trained", "Much patience trains long for nothing", TRAINING),
    ):
        spread(axes, patiences, values, "", colour)
        axes.set(xlabel="patience, in epochs", ylabel=label, xscale="log", yscale="log", title=title)
        plain(axes.yaxis)
        ticks(axes.xaxis, patiences)
        axes.grid()
    ticks(both[0].yaxis, [1, 2, 3, 5])
    said = ", ".join(
        f"{p}: {c:.2f} times the lowest loss after {e:.0f} epochs"
        for p, c, e in zip(patiences, np.median(cost, axis=0), np.median(found[..., 1], axis=0), strict=True)
    )
    return f"Early stopping against its patience, medians of ten draws. {said}."
