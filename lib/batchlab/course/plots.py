"""Views: each takes Axes and data, makes its artists once, and returns what brings them up to date.

A view draws what stands still into the axes, and lists in `artists` what moves, from back to front. `update` changes
the moving artists and draws nothing; who owns the figure decides when to draw. Colours are those of Okabe and Ito, told
apart by colour-blind readers too, and line styles and markers say the same once more.
"""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from PIL import Image

TRAINING, VALIDATION, BEST, NOW = "#0072B2", "#D55E00", "#009E73", "#333333"
KEPT = ("#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F")
CLASSES = ((TRAINING, "o"), ("#E69F00", "^"))
SMALL, REGIONS = "#EBA77A", ("#8FC1DE", "#BBD9EB", "#F4F4F4", "#F8E7BC", "#F3D58A")
DARK = ("#00644A", "#9A4300")  # of words beside a line in BEST or VALIDATION
TINTS = ("#FCF4EF", "#CCE3F0", "#F7DFCC")  # the stretch of overfitting, the bands over seeds
GREYS = ("0.15", "0.3", "0.45", "0.6", "0.72", "0.82", "0.93")
# Of a map, from the lowest value to the highest: "cividis" (Nunez et al. 2018), made for colour-blind readers.
STEPS = ("#00204D", "#143D6D", "#414D6B", "#666970", "#8A8678", "#B0A473", "#D6C35E", "#FFE945")
# What every frame can show.
PALETTE = (TRAINING, VALIDATION, BEST, NOW, SMALL, *DARK, *TINTS, *KEPT, *REGIONS, *GREYS, *STEPS)
OWN_COLORS = 4  # besides, the most frequent of the picture's own, edges mostly
CRISP = {"antialiased": False, "markeredgewidth": 0}  # hard-edged small marks: many cost few bytes
STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))  # of lines that have the colours KEPT
AXES = {"epochs": "num_epochs", "iterations": "iterations", "samples seen": "samples_seen", "seconds": "seconds"}
NUMBERS = FuncFormatter(lambda value, _: f"{value:g}")  # as they are, also on a logarithmic axis


def figures(value):
    """A number with three figures, or as a whole number where it has more."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def palette(canvas):
    """A palette for the frames of the picture on an Agg canvas: its own main colours, and all that may yet appear."""
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    own = np.reshape(
        image.quantize(OWN_COLORS, method=Image.Quantize.FASTOCTREE).getpalette()[: 3 * OWN_COLORS], (-1, 3)
    )
    named = np.rint(255 * to_rgba_array(["white", "black", *PALETTE])[:, :3]).astype(int)
    # Colours are matched in coarse steps: one that is nearly white would take the place of white.
    own = own[abs(own[:, None] - named).max(axis=2).min(axis=1) >= 12]
    colors = Image.new("P", (1, 1))
    colors.putpalette([*named.ravel().tolist(), *own.ravel().tolist()])
    return colors


def png(canvas, colors=None):
    """The picture on an Agg canvas as PNG bytes, in few colours: a quarter of the bytes, and quicker to make."""
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    file = io.BytesIO()
    image.quantize(palette=colors or palette(canvas), dither=Image.Dither.NONE).save(file, "png")
    return file.getvalue()


class Still:
    """A picture that stands still, with its alternative text; a notebook shows it when it is a cell's last value."""

    def __init__(self, alt, width=9.0, height=3.6):
        self.alt, self.figure = alt, Figure(figsize=(width, height), dpi=100, facecolor="white", layout="constrained")

    def __repr__(self):
        return "A picture; its alternative text says what it shows."

    def _repr_mimebundle_(self, **kwargs):
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        return {"text/plain": repr(self), "image/png": png(canvas)}, {"image/png": {"alt": self.alt}}


class View(NamedTuple):
    """The moving artists of a picture, and the function that brings them up to date."""

    artists: list[Any]
    update: Callable[..., None]


def along(run, axis):
    """Where each epoch of a run lies on the chosen horizontal axis, a key of AXES: (num_epochs + 1,)."""
    return np.arange(run.num_epochs + 1) if axis == "epochs" else getattr(run, AXES[axis])


def median(values):
    """The run, or the median of several: (num_epochs + 1,) or (k, num_epochs + 1) -> (num_epochs + 1,)."""
    return np.median(values, axis=0) if values.ndim == 2 else values


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


def across(axes, x):
    """Where places on the horizontal axis lie across it, from 0 at the left end to 1 at the right end."""
    scale = axes.xaxis.get_transform()
    left, right = scale.transform(np.asarray(axes.get_xlim(), float))
    return (scale.transform(np.asarray(x, float)) - left) / (right - left)
