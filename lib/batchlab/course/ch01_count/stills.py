"""The still pictures of chapter 1: measurements, each with its spread where it has one."""

import itertools

import numpy as np
from matplotlib.ticker import MaxNLocator

from ...checks import check_integer
from ...live import still
from .. import plots
from .lab import batches
from .update import START, N, gradients, points
from .views import SAMPLE


def relative_lengths(weights, x, y):
    """The step's length over that of its arrows on average: (N,), for each batch size the mean over all batches."""
    grads, ratios = gradients(weights, x, y), []
    for size in range(1, len(x) + 1):
        chosen = grads[list(itertools.combinations(range(len(x)), size))]
        steps, arrows = np.linalg.norm(chosen.mean(axis=1), axis=1), np.linalg.norm(chosen, axis=2).mean(axis=1)
        ratios.append(np.mean(steps / arrows))
    return np.array(ratios)


@still(height=3.4)
def step_lengths(figure, draws=10):
    """The length of a step against the batch size, over several draws of the eight points, as a `Still`."""
    samples = [(problem.x[:, 0], problem.y[:, 0]) for problem in map(points, range(draws))]
    first = np.array([relative_lengths(START, x, y) for x, y in samples])
    last = np.array([relative_lengths(np.polyfit(x, y, 1), x, y) for x, y in samples])
    axes, sizes = figure.subplots(), np.arange(1, N + 1)
    axes.axhline(1, color="0.6", linewidth=1)
    plots.beside(axes, "step as long as its arrows on average", (N, 1), (0, 4), ha="right")
    plots.spread(axes, sizes, first, "at the start", plots.TRAINING)
    plots.spread(axes, sizes, last, "where the mean\nloss is lowest", plots.DARK[1], "--", "s")
    axes.set(xlabel="batch size", ylabel="step / average arrow", ylim=(-0.12, 1.2), xlim=(0.8, N + 0.2))
    axes.set_title(f"Arrows that disagree shorten the step (medians of {draws} draws of the points, band: all)")
    return (
        "Length of a step against the batch size, the average length of its arrows being 1. At batch size 1 it is 1. "
        f"At batch size 8 it is {np.median(first[:, -1]):.2f} at the start and {abs(np.median(last[:, -1])):.2f} where "
        "the mean loss is lowest."
    )


@still(height=4.2)
def usage(figure, shares, num_epochs):
    """Which samples each update used, from what `watch` observed, (updates, n), as a `Still`."""
    (count, n), (update, sample) = shares.shape, np.nonzero(shares)
    observed = np.count_nonzero(shares[:, 0])  # each epoch uses the first sample once
    if num_epochs != observed:
        raise ValueError(f"num_epochs is {num_epochs}, but `watch` observed {observed}: write num_epochs={observed}.")
    axes, each = figure.subplots(), count // num_epochs
    for epoch, colour in zip(range(num_epochs), itertools.cycle((plots.TRAINING, SAMPLE)), strict=False):
        here = update // each == epoch
        axes.plot(sample[here] + 1, update[here] + 1, "s", color=colour, markersize=5)
        plots.beside(axes, f"epoch {epoch + 1}", (n, (epoch + 0.5) * each + 0.5), (14, 0), color="0.15")
        axes.axhline(0.5 + (epoch + 1) * each, color="0.6", linewidth=1)
    axes.set(xlim=(0, n + 1), ylim=(count + 0.5, 0.5), xlabel="sample", ylabel="update")
    axes.yaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.set_title("Which samples each update used: one mark a column in every epoch")
    return (
        f"A table of {count} rows, the updates, and {n} columns, the samples. In each of {num_epochs} epochs every "
        f"column has one mark, and the last row of an epoch has {(shares[-1] > 0).sum()}."
    )


@still()
def staircase(figure, n=50):
    """Updates in an epoch of n samples, from 9 to 1000, against the batch size, as a `Still`."""
    axes, sizes = figure.subplots(), np.arange(1, check_integer("n", n, 9, 1000) + 1)
    made, whole = np.array([len(batches(1, n, size)) for size in sizes.tolist()]), n % sizes == 0
    axes.step(sizes, made, where="mid", color="0.55", linewidth=1)
    axes.plot(sizes[~whole], made[~whole], "o", color=plots.TRAINING, markerfacecolor="white", markersize=5)
    axes.plot(sizes[whole], made[whole], "s", color=plots.TRAINING, markersize=7)
    for size in (6, 9):
        plots.beside(axes, f"batch size {size}: {made[size - 1]} updates", (size, made[size - 1]), (8, 4))
    filled = sizes[whole][-2]
    plots.beside(axes, "filled: all batches are of one size", (filled, made[filled - 1]), (0, 14), ha="left")
    axes.set(xscale="log", yscale="log", xlabel="batch size", ylabel="updates in an epoch")
    for axis in (axes.xaxis, axes.yaxis):
        plots.ticks(axis, [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= n])
    axes.set_title(f"An epoch of {n} samples, for every batch size")
    return (
        f"Updates in an epoch of {n} samples against the batch size, a staircase from {n} at batch size 1 down to 1 at "
        f"batch size {n}: {made[5]} at batch size 6, {made[8]} at batch size 9."
    )


@still(height=3.2)
def left_out(figure, n=50, batch_size=6, num_epochs=30):
    """How often each sample is used where the ragged last batch is dropped, as a `Still`."""
    kept, sample = n // check_integer("batch_size", batch_size, 1, n) * batch_size, np.arange(1, n + 1)
    if kept == n:
        raise ValueError(
            f"batches of {batch_size} leave none of {n} samples out: take a size that does not divide {n}."
        )
    orders = [np.concatenate(batches(epoch, n, batch_size)) for epoch in range(1, num_epochs + 1)]
    uses = np.bincount(np.concatenate([order[:kept] for order in orders]), minlength=n)
    axes = figure.subplots()
    axes.plot(sample, uses, "o", color=plots.TRAINING, markersize=5)
    axes.plot(sample, np.where(sample <= kept, num_epochs, 0), "x", color=plots.DARK[1], markersize=6)
    plots.beside(axes, "shuffled before each pass", (1, uses.min()), (0, -6), ha="left", color=plots.TRAINING)
    plots.beside(axes, "never shuffled", (kept, 0), (-6, 0), color=plots.DARK[1])
    axes.set(xlabel="sample", ylabel=f"uses in {num_epochs} passes", ylim=(-2.5, num_epochs + 3))
    axes.set_title(f"Without the last batch of {n - kept} a pass is not an epoch")
    return (
        f"How often {num_epochs} passes use each of {n} samples without the last batch: shuffled before each pass from "
        f"{uses.min()} to {uses.max()} times; never shuffled, the last {n - kept} samples are not used at all."
    )


@still()
def losses_by_epoch(figure, runs):
    """Validation losses against epochs, as a `Still`; runs: batch size -> `History`s of several draws."""
    axes, said = figure.subplots(), []
    looks = (("-", plots.DARK[1]), ("--", plots.DARK[0]), (":", plots.TRAINING))
    for (size, some), (style, colour) in zip(runs.items(), itertools.cycle(looks), strict=False):
        losses, name = np.array([run.val_loss for run in some]), f"batch size {size}"
        plots.spread(axes, np.arange(losses.shape[1]), losses, name, colour, style, marker="")
        said.append(f"{name} ends at {np.median(losses[:, -1]):.2f}")
    axes.set(xlabel="epochs", ylabel="validation loss", yscale="log", xlim=(0, losses.shape[1] - 1))
    plots.ticks(axes.yaxis, [0.1, 0.2, 0.5, 1])
    axes.set_title(f"As many epochs, {len(runs)} trainings (medians of {len(losses)} draws of the data, band: all)")
    return f"Validation loss against epochs, medians: {'; '.join(said)}."
