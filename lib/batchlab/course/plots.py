"""What the views and stills of the chapters share: colours, words and ticks, and how a run becomes a line.

Colours are those of Okabe and Ito, told apart by colour-blind readers too, and line styles and markers say the same
once more. What is drawn again and again is made once: a view (`batchlab.live.View`) changes it and draws nothing.
"""

import numpy as np
from matplotlib.ticker import FuncFormatter

from ..live import NARROW

TRAINING, VALIDATION, BEST, NOW = "#0072B2", "#D55E00", "#009E73", "#333333"
KEPT = ("#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F")
CLASSES = ((TRAINING, "o"), ("#E69F00", "^"))
SMALL, REGIONS = "#EBA77A", ("#8FC1DE", "#BBD9EB", "#F4F4F4", "#F8E7BC", "#F3D58A")
DARK = ("#00644A", "#9A4300")  # of words beside a line in BEST or VALIDATION
# Of a map, from the lowest value to the highest: "cividis" (Nunez et al. 2018), made for colour-blind readers.
STEPS = ("#00204D", "#143D6D", "#414D6B", "#666970", "#8A8678", "#B0A473", "#D6C35E", "#FFE945")
STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))  # of lines that have the colours KEPT
AXES = {"epochs": "num_epochs", "iterations": "iterations", "samples seen": "samples_seen", "seconds": "seconds"}
NUMBERS = FuncFormatter(lambda value, _: f"{value:g}")  # as they are, also on a logarithmic axis


def figures(value):
    """A number with three figures, or as a whole number where it has more."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def counted(count, one, many=None):
    """A number of things: "1 batch", "2 batches"; many is None where the word takes an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


# ---- words and ticks -------------------------------------------------------------------------------------------------

BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.85, "linewidth": 0}  # behind words on lines


def narrow(part):
    """Whether the columns of a picture, a `Figure` or one of its `Axes`, stand one below the other."""
    return part.figure.get_figwidth() < NARROW


def begin(axes):
    """Where words above axes begin, in parts of their width: a narrow page needs the room beside the axes, too."""
    return (8 - axes.bbox.x0) / axes.bbox.width if narrow(axes) else 0.0


def heading(axes):
    """A title that moves, above the axes; empty at first."""
    return axes.text(begin(axes), 1.02, "", transform=axes.transAxes, va="bottom")


def note(axes, x, y, words="", **look):
    """Words in a corner of the axes, at parts of their width and height; the nearer sides are those they end at."""
    aligned = {"ha": "right" if x > 0.5 else "left", "va": "top" if y > 0.5 else "bottom"}
    return axes.text(x, y, words, transform=axes.transAxes, **aligned | look)


def beside(axes, words, point, away, **look):
    """Words beside a point of the data, `away` (points to the right, points up) from it."""
    right, up = away
    aligned = {
        "ha": "left" if right > 0 else "right" if right else "center",
        "va": "bottom" if up > 0 else "top" if up else "center",
    }
    return axes.annotate(words, point, away, textcoords="offset points", **aligned | look)


def ticks(axis, values, labels=None):
    """Ticks at these values and nowhere else, also on a logarithmic axis, with these labels or the numbers."""
    axis.set_ticks(values, [f"{value:g}" for value in values] if labels is None else labels)
    axis.set_ticks([], minor=True)


def plain(*axes):
    """Numbers as they are on logarithmic axes (each an `Axis`), and no minor ticks."""
    for axis in axes:
        axis.set_major_formatter(NUMBERS)
        axis.minorticks_off()


# ---- runs ------------------------------------------------------------------------------------------------------------


def along(run, axis):
    """Where each epoch of a run lies on the chosen horizontal axis, a key of AXES: (num_epochs + 1,)."""
    return np.arange(run.num_epochs + 1) if axis == "epochs" else getattr(run, AXES[axis])


def median(values):
    """The run, or the median of several: (num_epochs + 1,) or (k, num_epochs + 1) -> (num_epochs + 1,)."""
    return np.median(values, axis=0) if values.ndim == 2 else values


def spread(axes, x, values, label, colour, style="-", marker="o"):
    """Draw a measurement with its spread: the median of several seeds, a band from the lowest to the highest.

    values: (k, len(x)), a row a seed. The label stands at the right end, in the colour of the line.
    """
    middle = np.median(values, axis=0)
    axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, middle, linestyle=style, color=colour, marker=marker, markersize=5)
    beside(axes, label, (x[-1], middle[-1]), (6, 0), color=colour)


def thinned(x, y, most=180, across=None):
    """About 2 `most` points that draw the same picture: of each stretch of the axis the lowest and the highest.

    They stay where they are, so that what falls all the way still does; the first and the last point stay, too.
    `across` is where the points lie across the picture, ascending in any unit; None: as x does.
    """
    across = x if across is None else across
    if len(y) <= 2 * most or not across[-1] > across[0]:
        return x, y
    stretch = ((across - across[0]) * (most / (across[-1] - across[0]))).astype(int)
    first = np.flatnonzero(np.diff(stretch, prepend=-1))
    counts = np.diff(first, append=len(y))
    places = [0, len(y) - 1]
    for extreme in (np.fmin, np.fmax):
        at = np.flatnonzero(y == np.repeat(extreme.reduceat(y, first), counts))
        places += at[np.unique(stretch[at], return_index=True)[1]].tolist()
    places = np.unique(places)
    return x[places], y[places]


def point_in(axes, x, y):
    """Where a click at pixels (x, y) of the figure lies in axes, in units of their data; None if it is beside them."""
    return axes.transData.inverted().transform((x, y)) if axes.bbox.contains(x, y) else None


def across(axes, x):
    """Where places on the horizontal axis lie across it, from 0 at the left end to 1 at the right end."""
    scale = axes.xaxis.get_transform()
    left, right = scale.transform(np.asarray(axes.get_xlim(), float))
    return (scale.transform(np.asarray(x, float)) - left) / (right - left)
