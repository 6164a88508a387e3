"""The still pictures of chapter 1: measurements, each with its spread where it has one."""

import itertools

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from ...live import Still
from ...live.picture import STYLE
from .. import plots
from .lab import batches
from .update import START, N, gradients, points
from .views import SAMPLE


def relative_lengths(weights, x, y):
    """The step's length over that of its arrows on average: (N,), for each batch size the mean over all batches."""
    grads = gradients(weights, x, y)
    ratios = []
    for size in range(1, len(x) + 1):
        chosen = grads[list(itertools.combinations(range(len(x)), size))]
        ratios.append(
            np.mean(np.linalg.norm(chosen.mean(axis=1), axis=1) / np.linalg.norm(chosen, axis=2).mean(axis=1))
        )
    return np.array(ratios)


@rc_context(STYLE)
def step_lengths(draws=10):
    """The length of a step against the batch size, over several draws of the eight points, as a `Still`."""
    samples = [(problem.x[:, 0], problem.y[:, 0]) for problem in map(points, range(draws))]
    first = np.array([relative_lengths(START, x, y) for x, y in samples])
    last = np.array([relative_lengths(np.polyfit(x, y, 1), x, y) for x, y in samples])
    said = "Length of a step against the batch size, the average length of its arrows being 1. At batch size 1 it is 1."
    said += f" At batch size 8 it is {np.median(first[:, -1]):.2f} at the start and {abs(np.median(last[:, -1])):.2f} "
    still = Still(said + "where the mean loss is lowest.", height=3.4)
    axes = still.subplots()
    sizes = np.arange(1, N + 1)
    axes.axhline(1, color="0.6", linewidth=1)
    axes.annotate("step as long as its arrows on average", (N, 1), (0, 4), textcoords="offset points", ha="right")
    plots.spread(axes, sizes, first, "at the start", plots.TRAINING)
    plots.spread(axes, sizes, last, "where the mean\nloss is lowest", plots.DARK[1], "--", "s")
    axes.set(xlabel="batch size", ylabel="step / average arrow", ylim=(-0.12, 1.2), xlim=(0.8, N + 0.2))
    axes.set_title(f"Arrows that disagree shorten the step (medians of {draws} draws of the points, band: all)")
    return still


@rc_context(STYLE)
def usage(shares, num_epochs):
    """Which samples each update used, from what `watch` observed, (updates, n), as a `Still`."""
    count, n = shares.shape
    each = count // num_epochs
    said = f"A table of {count} rows, the updates, and {n} columns, the samples. In each of {num_epochs} epochs every "
    still = Still(said + f"column has one mark, and the last row of an epoch has {(shares[-1] > 0).sum()}.", height=4.2)
    axes = still.subplots()
    update, sample = np.nonzero(shares)
    for epoch, colour in zip(range(num_epochs), itertools.cycle((plots.TRAINING, SAMPLE)), strict=False):
        here = update // each == epoch
        axes.plot(sample[here] + 1, update[here] + 1, "s", color=colour, markersize=5)
        middle = 1 + epoch * each + (each - 1) / 2
        axes.annotate(f"epoch {epoch + 1}", (n, middle), (14, 0), textcoords="offset points", color="0.15", va="center")
        axes.axhline(0.5 + (epoch + 1) * each, color="0.6", linewidth=1)
    axes.set(xlim=(0, n + 1), ylim=(count + 0.5, 0.5), xlabel="sample", ylabel="update")
    axes.yaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.set_title("Which samples each update used: one mark a column in every epoch")
    return still


@rc_context(STYLE)
def staircase(n=50):
    """Updates in an epoch against the batch size, as a `Still`."""
    made = np.array([len(batches(1, n, size)) for size in range(1, n + 1)])
    said = f"Updates in an epoch of {n} samples against the batch size, a staircase from {n} at batch size 1 down to 1 "
    said += f"at batch size {n}: {made[5]} at batch size 6, {made[8]} at batch size 9."
    still = Still(said, height=3.6)
    axes = still.subplots()
    sizes = np.arange(1, n + 1)
    axes.step(sizes, made, where="mid", color="0.55", linewidth=1)
    whole = n % sizes == 0
    axes.plot(sizes[~whole], made[~whole], "o", color=plots.TRAINING, markerfacecolor="white", markersize=5)
    axes.plot(sizes[whole], made[whole], "s", color=plots.TRAINING, markersize=7)
    for size, side in ((6, (8, 6)), (9, (8, 6))):
        axes.annotate(f"batch size {size}: {made[size - 1]} updates", (size, made[size - 1]), side,
                      textcoords="offset points")  # fmt: skip
    axes.annotate("filled: all batches are of one size", (25, made[24]), (0, 14), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="batch size", ylabel="updates in an epoch")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([1, 2, 5, 10, 20, 50])
        axis.set_ticks([], minor=True)
        axis.set_major_formatter(plots.NUMBERS)
    axes.set_title(f"An epoch of {n} samples, for every batch size")
    return still


@rc_context(STYLE)
def left_out(n=50, batch_size=6, num_epochs=30):
    """How often each sample is used where the ragged last batch is dropped, as a `Still`."""
    kept = n // batch_size * batch_size
    orders = [np.concatenate(batches(epoch, n, batch_size)) for epoch in range(1, num_epochs + 1)]
    uses = np.bincount(np.concatenate([order[:kept] for order in orders]), minlength=n)
    fixed = np.where(np.arange(n) < kept, num_epochs, 0)
    said = (
        f"How often {num_epochs} passes use each of {n} samples without the last batch: shuffled before each pass from "
    )
    said += f"{uses.min()} to {uses.max()} times; never shuffled, the last {n - kept} samples are not used at all."
    still = Still(said, height=3.2)
    axes = still.subplots()
    axes.plot(np.arange(1, n + 1), uses, "o", color=plots.TRAINING, markersize=5)
    axes.plot(np.arange(1, n + 1), fixed, "x", color=plots.DARK[1], markersize=6)
    axes.annotate(
        "shuffled before each pass", (1, uses.min()), (0, -16), textcoords="offset points", color=plots.TRAINING
    )
    axes.annotate(
        "never shuffled", (kept, 0), (-6, 0), textcoords="offset points", color=plots.DARK[1], ha="right", va="center"
    )
    axes.set(xlabel="sample", ylabel=f"uses in {num_epochs} passes", ylim=(-2.5, num_epochs + 3))
    axes.set_title(f"Without the last batch of {n - kept} a pass is not an epoch")
    return still


@rc_context(STYLE)
def losses_by_epoch(runs):
    """Validation losses against epochs, as a `Still`.

    Args:
        runs: batch size -> `History`s of several draws.
    """
    ends = {size: np.median([run.val_loss[-1] for run in some]) for size, some in runs.items()}
    said = "; ".join(f"batch size {size} ends at {end:.2f}" for size, end in ends.items())
    still = Still(f"Validation loss against epochs, medians: {said}.", height=3.6)
    axes = still.subplots()
    looks = (("-", plots.DARK[1]), ("--", plots.DARK[0]), (":", plots.TRAINING))
    for (size, some), (style, colour) in zip(runs.items(), looks, strict=False):
        losses, name = np.array([run.val_loss for run in some]), f"batch size {size}"
        plots.spread(axes, np.arange(losses.shape[1]), losses, name, colour, style, marker="")
    axes.set(xlabel="epochs", ylabel="validation loss", yscale="log", xlim=(0, losses.shape[1] - 1))
    axes.set_yticks([0.1, 0.2, 0.5, 1])
    axes.set_yticks([], minor=True)
    axes.yaxis.set_major_formatter(plots.NUMBERS)
    axes.set_title(
        f"As many epochs, three trainings (medians of {len(losses)} draws of the data, band: all)", loc="left"
    )
    return still
