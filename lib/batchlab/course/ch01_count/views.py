"""What chapter 1 shows: one update, the samples of an epoch as a grid, the plan of all its batches, still pictures."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from ...live import View, columns
from .. import plots

COLUMNS = 10  # of the grid of samples
WAITING, USED, NOW, EDGE = "white", plots.REGIONS[1], plots.KEPT[1], "0.6"
KEYS = {"waiting": WAITING, "used": USED, "this batch": NOW}
DIGIT = 12.0  # pixels of a digit of 11 points, bold, and some room


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
    heading_text = plots.heading(axes)
    keys = [Patch(facecolor=color, edgecolor=EDGE, label=name) for name, color in KEYS.items()]
    look = {"handlelength": 1, "handleheight": 1, "handletextpad": 0.5, "borderpad": 0, "borderaxespad": 0}
    axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, -0.03), ncols=3, **look)

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
    wide = not plots.narrow(axes)
    axes.set(xlim=(0, n), ylim=(max(epochs, 3), 0), xlabel="samples used in the epoch", ylabel="epoch")
    axes.set_yticks([e + 0.5 for e in range(epochs)], range(1, epochs + 1))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.spines["left"].set_visible(False)
    if locked:
        plots.note(axes, 0.5, 0.5, "the batches: predict first", ha="center", color="0.4")
    scale = axes.bbox.width / n  # pixels of a sample
    thin = {"linewidth": min(0.8, 0.1 * batch_size * scale)}
    _boxes(axes, WAITING, places, **thin)
    used_boxes, now_boxes = _boxes(axes, USED, **thin), _boxes(axes, NOW, **thin)
    last = places[len(sizes) - 1 :: len(sizes)] if sizes[-1] < batch_size else places[:0]
    ragged = _boxes(axes, "none", last, hatch="///")
    numbers = _block_numbers(axes, places, len(sizes), scale)
    tally = plots.heading(axes)

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
    places, corners = np.reshape(places, (-1, 1, 4)), np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return Path.make_compound_path_from_polys(places[..., :2] + corners * places[..., 2:])


def _boxes(axes, facecolor, places=(), **look):
    """Rectangles as one artist."""
    look = {"facecolor": facecolor, "edgecolor": EDGE, "linewidth": 0.8, "clip_on": False, **look}
    return axes.add_artist(PathPatch(_squares(places), **look))


def _number(axes, x, y, text=""):
    return axes.text(x, y, text, ha="center", va="center_baseline", color=plots.NOW)


# ---- one update ------------------------------------------------------------------------------------------------------

PLANE = ((-0.9, 2.3), (-1.7, 1.5))  # slopes and intercepts that the plane shows
SAMPLE, STEP = plots.KEPT[1], plots.TRAINING


def in_plane(weights):
    """Whether the plane shows these weights."""
    return all(low <= weight <= high for weight, (low, high) in zip(weights, PLANE, strict=True))


def signed(value):
    """A number with two decimals and a minus as it is printed; never minus zero."""
    return f"{round(float(value), 2) + 0.0:.2f}".replace("-", "\u2212")


def update_views(figure, x, y, names, best):
    """Line and place before the step, and its arrows: two views; `update(step, path, where)`.

    Args:
        figure: an empty figure.
        x: (n,) inputs of the samples.
        y: (n,) their targets.
        names: a letter for each.
        best: slope and intercept at the lowest mean loss.
    """
    wide = not plots.narrow(figure)
    data, plane = columns(figure, (1, 1), left=(0.6, 0.75), right=(0.1, 0.15), top=0.42, bottom=1.3 if wide else 1.8)
    low, high = np.array([-2.2, 2.2])
    data.set(xlim=(low, high), ylim=(-3.2, 4.2), xlabel="x", ylabel="y")
    data.set_title("the line, and its errors in this batch", x=plots.begin(data))
    _equally(plane, *PLANE)
    plane.set(xlabel="slope", ylabel="intercept")
    plane.set_title("each sample's arrow, and the step", x=plots.begin(plane))
    data.plot(x, y, "o", color="white", markeredgecolor="0.4", markersize=8)
    for name, *point in zip(names, x, y, strict=True):
        plots.beside(data, name, point, (7, 5), color="0.35")
    plane.plot(*best, "*", color="black", markersize=13)
    (errors,) = data.plot([], [], color=SAMPLE, linewidth=2)
    (line,) = data.plot([], [], color=plots.NOW, linewidth=2)
    (used,) = data.plot([], [], "o", color=SAMPLE, markeredgecolor="0.2", markersize=8)
    (trail,) = plane.plot([], [], "-", color="0.6", linewidth=1, marker=".", markersize=6)
    lowest = plots.beside(plane, "lowest mean loss", best, (0, 11), bbox=plots.BOX)
    (here,) = plane.plot([], [], "o", color=plots.NOW, markersize=7)
    place = _below(data, 0)
    asks = [_arrow(plane, SAMPLE, 1.6) for _ in names]
    step_arrow = _arrow(plane, STEP, 4)
    marks = [plane.text(0, 0, name, ha="center", va="center", clip_on=True) for name in ("step", *names)]
    rows = [_below(plane, row) for row in range(3 if wide else 5)]

    def stand(step, path, where):
        line.set_data([low, high], step.old[0] * np.array([low, high]) + step.old[1])
        errors.set_data(*_errors(step, x, y))
        used.set_data(x[step.batch], y[step.batch])
        trail.set_data(*np.array(path[-200:]).T)
        here.set_data(*step.old[:, None])
        place.set_text(f"{where}: {', '.join(names[i] for i in step.batch)}")

    def move(step, path, where):
        tips = np.tile(step.old, (1 + len(names), 1))
        tips[0], tips[1 + step.batch] = step.new, step.old + step.arrows
        taken = []  # by words, and by the thick arrow
        for arrow, mark, tip in zip((step_arrow, *asks), marks, tips, strict=True):
            _point(arrow, step.old, tip)
            _mark(mark, step.old, tip, taken)
            if arrow is step_arrow and taken:
                taken += list(plane.transData.transform([(step.old + tip) / 2, tip]))
        for row, text in zip(rows, _sums(step, wide), strict=True):
            row.set_text(text)

    return [
        View([errors, line, used, trail, lowest, here, place], stand),
        View([*asks, step_arrow, *marks, *rows], move),
    ]


def _sums(step, wide):
    """The formula of the update, and its numbers for both weights; on a narrow page these have lines of their own."""
    yield "new = old \u2212 rate \u00d7 mean gradient"
    for name, new, old, mean in zip(("slope", "intercept"), step.new, step.old, step.mean, strict=True):
        factor = signed(mean) if signed(mean)[0].isdigit() else f"({signed(mean)})"
        numbers = f"{signed(new)} = {signed(old)} \u2212 {step.rate:.3g} \u00d7 {factor}"
        yield from [f"{name}: {numbers}"] if wide else [f"{name}:", f"    {numbers}"]


def _errors(step, x, y):
    """The errors of a batch as vertical lines, interrupted between them."""
    x, y = x[step.batch], y[step.batch]
    fitted, gap = step.old[0] * x + step.old[1], np.full(len(x), np.nan)
    return np.repeat(x, 3), np.stack([y, fitted, gap], axis=1).ravel()


def _equally(axes, across, up):
    """Show at least these limits, in one scale for both directions: lengths can be compared."""
    middle, sides = np.mean([across, up], axis=1), np.ptp([across, up], axis=1)
    half = np.array(axes.bbox.size) * max(sides / axes.bbox.size) / 2
    axes.set(xlim=middle[0] + half[0] * np.array([-1, 1]), ylim=middle[1] + half[1] * np.array([-1, 1]))


def _below(axes, row):
    """A line of text below axes and their label, from the left end of the tick labels on."""
    x, y = min(-36 / axes.bbox.width, plots.begin(axes)), -(62 + 24 * row) / axes.bbox.height
    return axes.text(x, y, "", transform=axes.transAxes, va="top")


def _arrow(axes, colour, width):
    arrow = FancyArrowPatch((0, 0), (1, 1), arrowstyle="-|>", shrinkA=0, shrinkB=0, color=colour, linewidth=width)
    return axes.add_patch(arrow)


def _point(arrow, start, tip):
    """Have an arrow point from start to tip; one too short to be seen is not drawn."""
    length = np.hypot(*_pixels(arrow.axes, start, tip))
    arrow.set_visible(bool(length > 3))
    arrow.set_mutation_scale(min(8 + 2.5 * arrow.get_linewidth(), 0.7 * length))
    arrow.set_positions(tuple(start), tuple(tip))


def _pixels(axes, start, tip):
    return axes.transData.transform(tip) - axes.transData.transform(start)


def _mark(mark, start, tip, taken):
    """A word beyond the tip of an arrow, unless that is short or outside, or another word stands there."""
    along = _pixels(mark.axes, start, tip)
    length = np.hypot(*along)
    place = mark.axes.transData.transform(start) + along * (1 + (10 + 3 * len(mark.get_text())) / max(length, 1))
    free = length > 25 and mark.axes.bbox.padded(-12).contains(*place)
    free = free and all(np.any(np.abs(place - other) > (22, 13)) for other in taken)
    taken += [place] if free else []
    mark.set(position=mark.axes.transData.inverted().transform(place), visible=bool(free))
