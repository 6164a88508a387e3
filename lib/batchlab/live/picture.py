"""A figure in two layers: what stands still, recorded when it has changed, and what moves, recorded for each frame."""

import functools
import inspect
import io
import itertools
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from .recorder import Recorder

STYLE = matplotlib.rc_params_from_file(
    pathlib.Path(__file__).with_name("batchlab.mplstyle"), use_default_template=False
)
NARROW = 6.0  # inches, below which the columns of a picture stand one below the other
DPI, STILL_SCALE = 100, 2  # pixels of an inch on the page; a picture without a page is painted at twice the size


class View(NamedTuple):
    """A part of a picture: its moving artists, from back to front, and the function that brings them up to date."""

    artists: list[Any]
    update: Callable[..., None]


class Picture:
    """A matplotlib figure of `width` times `height` inches, recorded or painted.

    An artist that moves is "animated" in matplotlib's sense: when it changes, the rest of the figure does not. So
    `figure.stale` tells whether what stands still must be recorded anew; nobody has to say so.
    """

    def __init__(self, width, height):
        self.width, self.height = round(width * DPI), round(height * DPI)
        inches = [(pixels + 1e-6) / DPI for pixels in (self.width, self.height)]  # Agg rounds down: 8.2 * 100 < 820
        self.figure = Figure(figsize=inches, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)  # measures texts
        self.views, self.shown = [], None
        self.standing, self.panels = [], []
        self._recorder = Recorder(self.width, self.height, DPI)

    def draw(self, draw):
        """Empty the figure and have `draw(figure)` fill it, in the course's style; it returns the views."""
        self.figure.clear()
        with matplotlib.rc_context(STYLE):
            self.views = draw(self.figure)
        for artist in (artist for view in self.views for artist in view.artists):
            artist.set_animated(True)
        for image in self.figure.findobj(AxesImage):
            if image.get_interpolation() in ("nearest", "auto", "antialiased"):
                image.set_interpolation("none")  # the same for Agg; only this is recorded pixel by pixel, unscaled
        self.panels = []

    def stand(self):
        """What stands still, the very same recording as long as it has not changed."""
        if self.panels and not self.figure.stale:
            return self.standing
        with matplotlib.rc_context(STYLE):  # ticks are made while they are drawn
            self.standing = self._recorder.record(self._draw_standing)
            self.panels = self.panels or _panels(self.figure, self._recorder)
        self.figure.stale = False
        return self.standing

    def _draw_standing(self, renderer):
        """Hide moving images, which matplotlib draws with what stands still even if they are animated."""
        images = [a for view in self.views for a in view.artists if isinstance(a, AxesImage) and a.get_visible()]
        for image in images:
            image.set_visible(False)
        try:
            self.figure.draw(renderer)
        finally:
            for image in images:
                image.set_visible(True)

    def move(self):
        """Record what moves: the first `shown` views, or all if that is None."""
        stale = self.figure.stale
        strokes = self._recorder.record(self._draw_moving)
        self.figure.stale = stale  # a legend that moves lays itself out while it is drawn
        return strokes

    def _draw_moving(self, renderer):
        for view in self.views[: self.shown]:
            for artist in view.artists:
                artist.draw(renderer)

    def painted(self, scale=STILL_SCALE):
        """The same picture painted by Agg: an (height, width, 4) array of bytes."""
        stale, self.figure.dpi = self.figure.stale, DPI * scale
        try:
            return _painted(self.figure, self._draw_standing, self._draw_moving)
        finally:
            self.figure.dpi, self.figure.stale = DPI, stale

    def png(self, scale=STILL_SCALE):
        """The same as PNG, in a palette of 256 colours: a third of the bytes."""
        return png(self.painted(scale))


def columns(figure, widths=(1, 1), *, rows=None, left=0.65, right=0.15, top=0.4, bottom=0.55):
    """Axes side by side, or one below the other where the figure is narrow.

    Args:
        figure: an empty figure.
        widths: how the room is shared by the columns.
        rows: how many axes each column holds, one below the other; None: one.
        left: inches for labels beside each axes; a number, or one for each column.
        right: the same at its right.
        top: the same above it.
        bottom: the same below it.

    Returns:
        The axes, a list; those of the first column come first.
    """
    count = len(widths)
    rows = [1] * count if rows is None else rows
    left, right, top, bottom = (np.broadcast_to(margin, count) for margin in (left, right, top, bottom))
    width, height = figure.get_size_inches()
    narrow = width < NARROW
    if narrow:
        across, tall = width - left - right, np.full(count, height / sum(rows))
    else:
        across = np.array(widths) / np.sum(widths) * (width - np.sum(left + right))
        tall = height / np.array(rows)
    made, x, y = [], 0.0, height
    for column in range(count):
        for _ in range(rows[column]):
            y -= tall[column]
            box = (x + left[column], y + bottom[column], across[column], tall[column] - top[column] - bottom[column])
            made.append(figure.add_axes(np.array(box) / (width, height, width, height)))
        if not narrow:
            x, y = x + left[column] + across[column] + right[column], height
    return made


def _panels(figure, renderer):
    """The columns of axes, [[left, right], ...] in pixels: on a narrow page they stand one below the other."""
    columns = []
    for axes in sorted(figure.axes, key=lambda axes: axes.bbox.x0):
        # What stands beside axes: the numbers of theirs, and insets, such as the key of a map's colours.
        parts = [part.get_tightbbox(renderer) for part in (axes.xaxis, axes.yaxis, *axes.child_axes)]
        boxes = [axes.bbox, *filter(None, parts)]
        left, right = min(box.x0 for box in boxes), max(box.x1 for box in boxes)
        if columns and axes.bbox.x0 < columns[-1][1]:
            columns[-1] = [min(columns[-1][0], left), max(columns[-1][1], right)]
        else:
            columns.append([left, right])
    between = [round((one[1] + other[0]) / 2) for one, other in itertools.pairwise(columns)]
    return [list(pair) for pair in itertools.pairwise([0, *between, round(figure.bbox.width)])]


def png(pixels):
    """An array of (height, width, 4) bytes as PNG bytes in at most 256 colours."""
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(pixels).convert("RGB")
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return file.getvalue()


def _painted(figure, *layers):
    """Layers of a figure, each a `draw(renderer)`, painted by Agg in the course's style: (height, width, 4) bytes."""
    canvas = FigureCanvasAgg(figure)
    try:
        with matplotlib.rc_context(STYLE):
            for draw in layers:
                draw(canvas.get_renderer())
        return np.array(canvas.buffer_rgba())
    finally:
        FigureCanvasAgg(figure)  # in place of the canvas with the pixels: some 5 MB a picture
        for text in figure.findobj(Text):
            text._renderer = None  # texts keep the renderer that drew them, and so its pixels


class Still:
    """A picture that stands still, with its alternative text; a notebook shows it when it is a cell's last value."""

    def __init__(self, figure, alt):
        self.figure, self.alt = figure, alt

    def __repr__(self):
        return "A picture; its alternative text says what it shows."

    def _repr_mimebundle_(self, **kwargs):
        bundle = {"text/plain": repr(self), "image/png": png(_painted(self.figure, self.figure.draw))}
        width, height = self.figure.get_size_inches() * DPI
        return bundle, {"image/png": {"alt": self.alt, "width": round(width), "height": round(height)}}


def still(width=9.0, height=3.6):
    """Decorate a function that draws a `Still`: its first argument is the empty figure, what it returns the words.

    Whoever calls it leaves the figure out, and gets the `Still`. All of it is drawn in the course's style.

    >>> @still(height=3.0)
    ... def line(figure, slope):
    ...     figure.subplots().plot([0, 1], [0, slope])
    ...     return f"A line of slope {slope}."
    >>> line(slope=2).alt
    'A line of slope 2.'
    """

    def decorate(draw):
        @functools.wraps(draw)
        def drawn(*args, **settings):
            with matplotlib.rc_context(STYLE):
                figure = Figure(figsize=(width, height), dpi=DPI * STILL_SCALE, layout="constrained")
                return Still(figure, draw(figure, *args, **settings))

        _, *asked = inspect.signature(draw).parameters.values()
        drawn.__signature__ = inspect.Signature(asked)
        return drawn

    return decorate
