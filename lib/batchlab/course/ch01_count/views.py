"""What the counting lab shows: the samples of an epoch as a grid, and the plan of all its batches."""

import numpy as np
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from ...live import NARROW, View
from .. import plots

COLUMNS = 10  # of the grid of samples
WAITING, USED, NOW, EDGE = "white", plots.REGIONS[1], plots.KEPT[1], "0.6"
RAGGED = {"facecolor": "none", "hatch": "///", "edgecolor": EDGE}
KEYS = {"waiting": WAITING, "used in this epoch": USED, "batch of this iteration": NOW}
DIGIT = 11.0  # pixels of a digit of 10 points, bold, and some room
SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
OUTLINE = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]


def sample_grid(axes, n, most):
    """A square for each of n samples; `update(used, at, before, heading)`.

    `used` says for each sample in which batch of this epoch it was used, from 0, or -1; `at` is the present batch, and
    `before` the number of iterations before this epoch.
    """
    places = np.array([(i % COLUMNS + 0.06, i // COLUMNS + 0.06, 0.88, 0.88) for i in range(n)])
    _boxes(axes, WAITING, places)
    used_boxes, now_boxes = _boxes(axes, USED), _boxes(axes, NOW)
    marks = [_number(axes, x + 0.44, y + 0.44) for x, y, _, _ in places]
    axes.set(xlim=(0, COLUMNS), ylim=(most / COLUMNS, 0), aspect="equal", anchor="NW")
    axes.set_axis_off()
    heading_text = _heading(axes)
    wide = axes.figure.get_figwidth() >= NARROW
    keys = [Patch(facecolor=color, edgecolor=EDGE, label=name) for name, color in KEYS.items()]
    keys.append(Patch(label="smaller last batch", **RAGGED))
    look = {"handlelength": 1, "handleheight": 1, "handletextpad": 0.5, "borderpad": 0, "borderaxespad": 0}
    axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, -0.03), ncols=2 if wide else 1, **look)

    def update(used, at, before, heading):
        used_boxes.set_path(_squares(places[(used >= 0) & (used != at)]))
        now_boxes.set_path(_squares(places[(used >= 0) & (used == at)]))
        for mark, batch in zip(marks, used.tolist(), strict=True):
            mark.set(text=f"{before + batch + 1}" if batch >= 0 else "", weight="bold" if batch == at else "normal")
        heading_text.set_text(heading)

    return View([used_boxes, now_boxes, *marks, heading_text], update)


def batch_plan(axes, n, batch_size, epochs, *, locked=False):
    """A row for each epoch and a block for each batch, as wide as it has samples; `update(done)` after an iteration.

    Blocks that are smaller than the others are hatched. While locked there are none.
    """
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    rows = 0 if locked else epochs
    places = np.array([(i * batch_size, e + 0.1, size, 0.8) for e in range(rows) for i, size in enumerate(sizes)])
    places = places.reshape(-1, 4)
    wide = axes.figure.get_figwidth() >= NARROW
    axes.set(xlim=(0, n), ylim=(max(epochs, 3), 0), xlabel="samples used in the epoch", ylabel="epoch")
    axes.set_yticks([e + 0.5 for e in range(epochs)], range(1, epochs + 1))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.spines["left"].set_visible(False)
    if locked:
        axes.text(0.5, 0.5, "the batches: predict first", transform=axes.transAxes, ha="center", color="0.4")
    scale = axes.bbox.width / n  # pixels of a sample
    thin = {"linewidth": min(0.8, 0.1 * batch_size * scale)}
    _boxes(axes, WAITING, places, **thin)
    used_boxes, now_boxes = _boxes(axes, USED, **thin), _boxes(axes, NOW, **thin)
    last = places[len(sizes) - 1 :: len(sizes)] if sizes[-1] < batch_size else places[:0]
    ragged = _boxes(axes, places=last, **RAGGED)
    numbers = _block_numbers(axes, places, len(sizes), scale)
    tally = _heading(axes, 0 if wide else -45 / axes.bbox.width)

    def update(done):
        used_boxes.set_path(_squares(places[: max(done - 1, 0)]))
        now_boxes.set_path(_squares(places[max(done - 1, 0) : done]))
        for i, number in enumerate(numbers, start=1):
            number.set_weight("bold" if i == done else "normal")
        said = ": each block is one batch, one update" if wide else ": a block each"
        tally.set_text(f"iteration {done} of {len(places)}{said}")

    return View([used_boxes, now_boxes, ragged, *numbers, tally], update)


def _block_numbers(axes, places, per_epoch, scale):
    """The numbers of the blocks where there is room; that of a narrow last block stands at its right."""
    room = DIGIT * len(str(len(places)))
    if not len(places) or len(places) > 60 or (per_epoch > 1 and places[0, 2] * scale < room):
        return []
    numbers = [_number(axes, x + w / 2, y + h / 2, f"{i}") for i, (x, y, w, h) in enumerate(places, start=1)]
    for number, (x, _, w, _) in zip(numbers, places, strict=True):
        if w * scale < room:
            number.set(x=x + w + 3 / scale, ha="left")
    return numbers


def _squares(places):
    """Rectangles (x, y, width, height) as one path."""
    places = np.reshape(places, (-1, 4))
    corners = places[:, None, :2] + SQUARE * places[:, None, 2:]
    return Path(corners.reshape(-1, 2), OUTLINE * len(places), closed=False)


def _boxes(axes, facecolor=WAITING, places=(), **look):
    """Rectangles as one artist."""
    look = {"edgecolor": EDGE, "linewidth": 0.8, "clip_on": False, **look}
    return axes.add_artist(PathPatch(_squares(places), facecolor=facecolor, **look))


def _number(axes, x, y, text=""):
    return axes.text(x, y, text, ha="center", va="center_baseline", fontsize=10, color=plots.NOW)


def _heading(axes, x=0.0):
    """A moving title above the axes."""
    return axes.text(x, 1.02, "", transform=axes.transAxes, fontsize=11, va="bottom")
