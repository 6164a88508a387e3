"""What the lab of the signs shows: the weights by their gradients, the losses of three rules, and where they end."""

import numpy as np

from ...live import NARROW, View
from .. import plots
from .rules import EPOCHS, RULES, STYLES

LOW, HIGH = 0.001, 100.0  # what the axes of the loss show
STRETCHES = 60  # of a curve, of which the lowest and the highest point are drawn


def predict_first(axes):
    """What stands where the outcome will be."""
    axes.text(0.5, 0.5, "predict first", transform=axes.transAxes, ha="center", color="0.4")


def _heading(axes):
    """A moving title of two lines above the axes."""
    return axes.text(0.0, 1.02, "", transform=axes.transAxes, fontsize=11, va="bottom", linespacing=1.15)


def signs_of_weights(axes):
    """Size of each weight's gradient and worth of its sign; `update(sizes, agreement, rule, epoch, batch_size)`."""
    low, high = 1e-6, 1e1
    axes.axhline(0.5, color="0.6", linewidth=1)
    axes.text(low * 1.5, 0.51, "a coin", color="0.3", va="bottom")
    (dots,) = axes.plot([], [], "o", color=plots.NOW, markersize=4.5, alpha=0.75, markeredgewidth=0)
    heading = _heading(axes)
    silent = axes.text(0.03, 0.97, "", transform=axes.transAxes, va="top")
    axes.set(xscale="log", xlim=(low, high), ylim=(-0.03, 1.03), xlabel="|full gradient| of a weight")
    axes.set_ylabel("batches with its sign", labelpad=1)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤ 10⁻⁶", "10⁻⁴", "0.01", "1"])
    axes.minorticks_off()

    def update(sizes, agreement, rule, epoch, batch_size):
        dots.set_data(np.clip(sizes, low, high), agreement)
        heading.set_text(f"are a batch's signs right?\n{rule}, epoch {epoch}, B = {batch_size}")
        none = int(np.isnan(agreement).sum())
        silent.set_text(f"{none} weights have no gradient" if none else "")

    return View([dots, heading, silent], update)


def _of_loss(axes):
    axes.set(yscale="log", ylim=(0.8 * LOW, 1.2 * HIGH))
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10, 100], ["≤ 0.001", "0.01", "0.1", "1", "10", "≥ 100"])
    axes.minorticks_off()
    axes.grid(axis="y")


def losses(axes):
    """Training loss of each rule along the epochs; `update(losses, epoch, batch_size)`."""
    lines = [axes.plot([], [], color=color, linewidth=1.8, linestyle=style, label=name)[0]
             for (name, color), style in zip(RULES.items(), STYLES, strict=True)]  # fmt: skip
    now = axes.axvline(0, color=plots.NOW, linewidth=1, linestyle=":")
    heading = _heading(axes)
    _of_loss(axes)
    axes.set(xlim=(0, 1.01 * EPOCHS), xlabel="epoch")
    box = {"loc": "upper left", "bbox_to_anchor": (-0.02, 1.02), "handletextpad": 0.3, "columnspacing": 0.7}
    axes.legend(ncols=3 if axes.figure.get_figwidth() >= NARROW else 2, handlelength=1.5, borderaxespad=0.1, **box)

    def update(losses, epoch, batch_size):
        for line, loss in zip(lines, losses, strict=True):
            line.set_data(*plots.thinned(np.arange(len(loss)), np.clip(loss, LOW, HIGH), STRETCHES))
        now.set_xdata([epoch, epoch])
        heading.set_text(f"training loss, nats\nbatch size {batch_size}")

    return View([*lines, now, heading], update)


def last_losses(axes, n):
    """Last loss of each rule against the batch size; `update(sizes, losses, batch_size, losses_here)`."""
    lines = [axes.plot([], [], marker, color=color, markersize=4, linewidth=1, linestyle=style)[0]
             for (color, style, marker) in zip(RULES.values(), STYLES, "os^", strict=True)]  # fmt: skip
    here = axes.plot([], [], "D", color=plots.NOW, markersize=5)[0]
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":")
    _of_loss(axes)
    axes.set(xscale="log", xlim=(0.9, 1.1 * n), xlabel="batch size B")
    axes.set_xticks([1, 10, n], ["1", "10", str(n)])
    axes.minorticks_off()
    heading = _heading(axes)
    heading.set_text(f"training loss\nafter {EPOCHS} epochs")

    def update(sizes, losses, batch_size, losses_here):
        for line, loss in zip(lines, losses, strict=True):
            line.set_data(sizes, np.clip(loss, LOW, HIGH))
        here.set_data([batch_size] * len(losses_here), np.clip(losses_here, LOW, HIGH))
        now.set_xdata([batch_size, batch_size])

    return View([now, *lines, here, heading], update)
