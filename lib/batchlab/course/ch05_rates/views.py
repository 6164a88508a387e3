"""Losses of schedules, against epochs and against updates."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ..plots import BEST, GREYS, TRAINING, VALIDATION, Still, median


def schedules(runs, unit="training loss (cross-entropy)"):
    """Losses of runs whose rate or batch size changes on the way, against epochs and against updates, as a `Still`.

    Args:
        runs: name -> (updates (k,), losses (seeds, k)), after each epoch from the start on.
        unit: what the losses are.
    """
    said = "; ".join(
        f"{name}: {median(losses)[-1]:.3g} after {updates[-1]:,} updates" for name, (updates, losses) in runs.items()
    )
    still = Still(f"Training loss against epochs and against updates, medians of the seeds. At the end {said}.")
    left, right = still.figure.subplots(1, 2, sharey=True)
    looks = zip((GREYS[3], TRAINING, VALIDATION, BEST), ("-", "-", (0, (4, 2)), ":"), (1.6, 4.0, 2.0, 2.0), strict=True)
    for (name, (updates, losses)), (color, style, width) in zip(runs.items(), looks, strict=False):
        for axes, x in ((left, np.arange(len(updates))), (right, updates)):
            axes.plot(x, median(losses), color=color, linestyle=style, linewidth=width, label=name)
            axes.fill_between(x, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.15, linewidth=0)
    left.set(xlabel="epochs", ylabel=unit, yscale="log")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_xlim(0, max(losses.shape[1] for _, losses in runs.values()) - 1)
    right.set(xlabel="updates (iterations)")
    left.set_title("at equal epochs", loc="left", fontsize=10)
    right.set_title("at equal updates", loc="left", fontsize=10)
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.yaxis.set_minor_locator(NullLocator())
    left.legend(fontsize=9, frameon=False)
    return still
