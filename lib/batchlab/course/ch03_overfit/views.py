"""What the overfitting lab shows: the fit in four kinds, the two losses and their best epoch."""

import math
import textwrap

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.legend import Legend
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator

from ...live import View
from .. import plots
from ..plots import BEST, BOX, NOW, TRAINING, VALIDATION, across, along, heading, median, narrow, note, plain, thinned

MANY = 120  # training samples: more are drawn smaller
LONGEST = 14  # letters of a class's name beside its row
MARGIN = 1.05  # times the lowest loss: up to there a loss counts as near it


def fit_view(axes, problem, predict):
    """The picture of the fit that suits a problem; `update(params, epoch)`."""
    if problem.kind == "regression":
        view = fitted_curve if problem.x.shape[1] == 1 and problem.y.shape[1] == 1 else predicted_against_measured
    elif problem.image_shape:
        view = misread_images
    else:
        view = decision_regions if problem.x.shape[1] == 2 and problem.y.shape[1] == 2 else confusion
    return view(axes, problem, predict)


def _units(problem):
    """What stands behind the name of an input."""
    return " (standardised)" if problem.standardised else ""


def _marks(problem):
    """How large training samples are drawn: many of them small."""
    return {"markersize": 6} if len(problem.x) <= MANY else {"markersize": 3.5}


def fitted_curve(axes, problem, predict):
    """Regression on one input: the fitted curve over the training and validation points."""
    axes.plot(problem.x_val, problem.y_val, "s", color=plots.SMALL, markersize=1.8, label="validation")
    axes.plot(problem.x, problem.y, "o", color=TRAINING, **_marks(problem), label="training")
    low, high = np.min(problem.x_val), np.max(problem.x_val)
    if low == high:
        low, high = low - 1, high + 1
    grid = np.linspace(low, high, 400, dtype=np.float32)[:, None]
    if problem.truth is not None:
        axes.plot(grid, problem.truth(problem.in_original_units(grid)), color=BEST, linewidth=1, label="truth")
    (curve,) = axes.plot(grid, np.zeros_like(grid), color=NOW, linewidth=2, label="fit")
    y = np.concatenate([problem.y, problem.y_val])
    margin, rows = 0.15 * float(np.ptp(y)) or 1.0, 1 if axes.bbox.width > 300 else 2  # of the key, at the bottom
    axes.set(xlim=(low, high), ylim=(y.min() - rows * margin, y.max() + margin), xlabel=f"x{_units(problem)}")
    axes.set_ylabel("y", labelpad=0)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))  # the same ticks, however wide the picture
    look = {"handletextpad": 0.2, "columnspacing": 0.6, "handlelength": 1.0, "labelspacing": 0.2}
    axes.legend(loc="lower left", borderaxespad=0.1, ncols=4 // rows, **look)
    title = heading(axes)

    def update(params, epoch):
        curve.set_ydata(predict(params, grid))
        title.set_text(f"the fit after {epoch} epochs")

    return View([curve, title], update)


def predicted_against_measured(axes, problem, predict):
    """Regression on several inputs: predicted against measured targets; on the diagonal a prediction is right."""
    y = np.concatenate([problem.y.ravel(), problem.y_val.ravel()])
    limits = (y.min() - 0.1 * np.ptp(y), y.max() + 0.1 * np.ptp(y))
    axes.plot(limits, limits, color="0.6", linewidth=1)
    (val,) = axes.plot([], [], ".", color=VALIDATION, alpha=0.5, label="validation sample")
    (train,) = axes.plot([], [], "o", color=TRAINING, markersize=4, label="training sample")
    axes.set(xlim=limits, ylim=limits, xlabel=f"measured{_units(problem)}", ylabel="predicted")
    axes.legend(loc="upper left")
    title = heading(axes)

    def update(params, epoch):
        train.set_data(problem.y.ravel(), np.ravel(predict(params, problem.x)))
        val.set_data(problem.y_val.ravel(), np.ravel(predict(params, problem.x_val)))
        title.set_text(f"predictions after {epoch} epochs")

    return View([val, train, title], update)


def decision_regions(axes, problem, predict):
    """Two classes of two inputs: where the model decides for which, over the training samples."""
    low, high = problem.x_val.min(axis=0) - 0.3, problem.x_val.max(axis=0) + 0.3
    columns, rows = (np.linspace(low[i], high[i], 80, dtype=np.float32) for i in (0, 1))
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    steps = ListedColormap(plots.REGIONS)
    extent = (low[0], high[0], low[1], high[1])
    blank = np.zeros((len(rows), len(columns)))
    image = axes.imshow(blank, extent=extent, origin="lower", aspect="auto", cmap=steps, vmin=0, vmax=1, zorder=0)
    artists = [image]
    for label, ((colour, marker), name) in enumerate(zip(plots.CLASSES, problem.classes, strict=True)):
        small = problem.x_val[problem.y_val[:, label] == 1][:60]
        large = problem.x[problem.y[:, label] == 1]
        artists += axes.plot(*small.T, "s", color=colour, markersize=1.8, markeredgewidth=0)
        look = {"markeredgecolor": "white", **_marks(problem)}
        artists += axes.plot(*large.T, marker, color=colour, **look, label=name)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel=f"$x_1${_units(problem)}", ylabel=f"$x_2${_units(problem)}")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=2, frameon=False, handletextpad=0.2)
    title = note(axes, 0.02, 0.02, bbox=BOX)

    def update(params, epoch):
        logits = np.nan_to_num(np.asarray(predict(params, grid)))  # what is no number decides for neither
        image.set_data((1 / (1 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -50, 50)))).reshape(blank.shape))
        title.set_text(f"the decision after {epoch} epochs")

    return View([*artists, title], update)


def misread_images(axes, problem, predict):
    """Images: the first twelve validation images that are misread, each with what it is and what it was read as."""
    height, width = problem.image_shape
    rows, columns, gap = 3, 4, 3
    canvas = np.zeros((rows * (height + gap), columns * (width + gap)))
    pictures = problem.in_original_units(problem.x_val).reshape(-1, height, width)
    image = axes.imshow(canvas, cmap="Greys", vmin=0, vmax=pictures.max(), interpolation="nearest")
    corners = [(row * (height + gap), column * (width + gap)) for row in range(rows) for column in range(columns)]
    look = {"ha": "center", "va": "top"}
    labels = [axes.text(left + width / 2 - 0.5, top + height - 0.3, "", **look) for top, left in corners]
    axes.set_axis_off()
    title = heading(axes)
    truth, names = problem.y_val.argmax(axis=1), problem.classes

    def update(params, epoch):
        read = np.asarray(predict(params, problem.x_val)).argmax(axis=1)
        misread = np.flatnonzero(read != truth)
        canvas[:] = 0
        for label in labels:
            label.set_text("")
        for which, label, (top, left) in zip(misread, labels, corners, strict=False):
            canvas[top : top + height, left : left + width] = pictures[which]
            label.set_text(f"{names[truth[which]]} as {names[read[which]]}")
        image.set_data(canvas)
        title.set_text(f"{len(misread)} of {len(truth)} misread after {epoch} epochs")

    return View([image, *labels, title], update)


def keep_labels(axes, margin=4):
    """Make axes smaller until their labels lie within the picture, by `margin` pixels."""
    place, labels = axes.get_position(original=True), axes.get_tightbbox()
    width, height = axes.figure.bbox.size
    left, below = max(0, margin - labels.x0) / width, max(0, margin - labels.y0) / height
    axes.set_position([place.x0 + left, place.y0 + below, place.width - left, place.height - below])


def confusion(axes, problem, predict):
    """Classification in general: how often each class is taken for which, on the validation samples."""
    k = len(problem.classes)
    image = axes.imshow(np.zeros((k, k)), cmap="Blues", vmin=0, vmax=1)
    cells = [axes.text(j, i, "", ha="center", va="center") for i in range(k) for j in range(k)]
    names = [name if len(name) <= LONGEST else name[: LONGEST - 1] + "…" for name in problem.classes]
    axes.set_xticks(range(k), names, **({"rotation": 45, "ha": "right"} if max(map(len, names)) > 3 else {}))
    axes.set_yticks(range(k), names)
    axes.set(xlabel="predicted class", ylabel="true class")
    title = heading(axes)
    truth = problem.y_val.argmax(axis=1)

    def update(params, epoch):
        read = np.asarray(predict(params, problem.x_val)).argmax(axis=1)
        counts = problem.y_val.T @ np.eye(k)[read]
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image.set_data(shares)
        for cell, count, share in zip(cells, counts.ravel(), shares.ravel(), strict=True):
            cell.set(text=f"{count:.0f}" if count and k <= 12 else "", color="white" if share > 0.5 else "black")
        title.set_text(f"{(read != truth).sum()} of {len(truth)} wrong after {epoch} epochs")

    return View([image, *cells, title], update)


def best_epoch(run):
    """The epoch with the lowest validation loss; of several runs, that of their median curve."""
    loss = median(run.val_loss)
    return int(np.argmin(np.where(np.isnan(loss), np.inf, loss)))


def near_lowest(run):
    """The first epoch whose validation loss is within 5 % of the lowest; of several runs, on their median curve."""
    loss = median(run.val_loss)
    return int(np.argmax(loss <= MARGIN * loss[best_epoch(run)]))


def overfits(run):
    """Whether the validation loss has risen by more than 5 % since its best epoch, and by more than it wobbles.

    Medians over a fortieth of the run are compared, around the best epoch and at the end (there over five epochs, if so
    many have passed), since a noisy loss is lowest in some lucky epoch, and everything after it looks like a rise.
    Less than three epochs are none. In a run of ten or more the rise must be four times its standard error, where the
    deviation of single epochs is told from the bends between neighbours.
    """
    loss, best = median(run.val_loss), best_epoch(run)
    bends = np.abs(np.diff(loss[np.isfinite(loss)], n=2))
    loss = np.where(np.isfinite(loss), loss, np.inf)
    width = max(1, len(loss) // 40)
    deviation = np.median(bends) / 1.65 if len(bends) >= 8 else 0.0  # of Gaussian noise: 0.674 * sqrt(6)
    since = len(loss) - 1 - best
    if since < 3:
        return False
    end, lowest = loss[-max(width, min(5, since)) :], loss[max(0, best - width) : best + width + 1]
    error = 1.25 * deviation * np.sqrt(1 / len(end) + 1 / len(lowest))  # of the difference of two medians
    rise = np.median(end) - np.median(lowest) if np.isfinite(np.median(lowest)) else 0.0
    return bool(rise > max((MARGIN - 1) * np.median(lowest), 4 * error))


def round_number(value, up):
    """The next of ..., 0.5, 1, 2, 5, 10, ... at or above a positive value, or at or below it."""
    value = float(value)  # a float32 of 0.1 lies beside the 0.1 of the ticks
    steps = np.array([0.5, 1, 2, 5, 10, 20]) * 10.0 ** math.floor(math.log10(value))  # logarithms are rounded
    return float(steps[steps >= value][0] if up else steps[steps <= value][-1])


def set_limits(axes, right, low, high, label, first=None):
    """Limits and readable ticks of the loss curves.

    Where `first` is given the horizontal axis is logarithmic beyond it, and a short straight piece up to it holds zero.
    """
    logarithmic = first is not None and right > first
    if logarithmic:
        axes.set_xscale("symlog", linthresh=first, linscale=0.3)
        decades = first * 10.0 ** np.arange(math.floor(math.log10(right / first) + 1e-9) + 1)
        axes.xaxis.set_major_locator(FixedLocator([0, *decades]))
    else:
        axes.set_xscale("linear")
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set(xlim=(0, right), ylim=(low, high), xlabel=f"{label} (logarithmic)" if logarithmic else label)
    subs = (1.0, 2.0, 5.0) if np.log10(high / low) < 2.5 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    plain(axes.xaxis, axes.yaxis)


def kept_runs(axes):
    """Runs that stay for comparison: thin curves that stand still, and their key; `update(kept, axis)`.

    A kept run has its curves, and `settings`: in words, what it was trained with, the batch size first. The key moves,
    so that it lies above the curves that do.
    """
    lines, key = [], []

    def update(kept, axis):
        for artist in (*lines, *key):
            artist.remove()
        lines[:] = key[:] = []
        for run, color in zip(kept, plots.KEPT, strict=False):
            x, label = along(run, axis), f"kept: {', '.join(run.settings)}"
            train, val = (thinned(x, median(loss), across=across(axes, x)) for loss in (run.train_loss, run.val_loss))
            lines.extend(axes.plot(*train, color=color, linewidth=1))
            lines.extend(axes.plot(*val, color=color, linewidth=1.4, linestyle=(0, (4, 1.5)), label=label))
        if kept:  # on a narrow page above the legend of the present run; the pictures' style is off by now
            look = {"loc": "lower left", "bbox_to_anchor": (0, 0.26 if narrow(axes) else 0), "fontsize": 11}
            look |= {"handlelength": 1.0, "handletextpad": 0.4, "labelspacing": 0.2, "borderpad": 0.2}
            look |= {"borderaxespad": 0.3, "frameon": True, "framealpha": 0.9}
            key.append(axes.legend(lines[1::2], _labels(axes, [run.settings for run in kept]), **look))
            key[0].set_animated(True)

    return View(key, update)


def _labels(axes, settings):
    """What the key says of each kept run: on a narrow page only in what they differ, on any no more than a line holds.

    A setting is not broken in two.
    """
    if not narrow(axes):
        settings = [[f"kept: {first}", *more] for first, *more in settings]
    elif len(settings) > 1:
        shared = set.intersection(*map(set, settings))
        settings = [[first, *(one for one in more if one not in shared)] for first, *more in settings]
    whole = [", ".join(setting.replace(" ", "\xa0") for setting in run) for run in settings]
    room = int((axes.bbox.width - 36) / 7.3)  # letters of usual width
    return [textwrap.fill(words, room).replace("\xa0", " ") for words in whole]


def loss_curves(axes, problem):
    """Training and validation loss, growing; `update(run, epoch, axis)` marks the epoch, the best, and both sides."""
    blank = [0, 1], [1, 1], [1, 1]
    bands = [axes.fill_between(*blank, color=color, alpha=0.2, linewidth=0) for color in (TRAINING, VALIDATION)]
    past = axes.axvspan(0, 0, color=VALIDATION, alpha=0.07, linewidth=0)
    (train,) = axes.plot([], [], color=TRAINING, linewidth=1.6, label="training loss")
    (val,) = axes.plot([], [], color=VALIDATION, linewidth=2, linestyle=(0, (4, 1.2)), label="validation loss")
    best = axes.axvline(0, color=BEST, linewidth=1.4)
    now = axes.axvline(0, color=NOW, linewidth=1, linestyle=":")
    (dots,) = axes.plot([], [], "o", color=NOW, markersize=5)
    under_word, over_word = (note(axes, 0, 0.97, bbox=BOX) for _ in range(2))
    wide = not narrow(axes)
    low = 0.15 if wide else 0.4  # above the legend
    best_word = note(axes, 0, low, va="top", color=plots.DARK[0], bbox=BOX)
    unit = "squared error" if problem.kind == "regression" else "cross-entropy"
    axes.set_yscale("log")
    axes.set_title(unit, y=1.0)  # where it is: to look for it takes time
    axes.grid()

    def update(run, epoch, axis):
        x = along(run, axis)
        places = across(axes, x)
        for line, band, values in ((train, bands[0], run.train_loss), (val, bands[1], run.val_loss)):
            line.set_data(*thinned(x, median(values), across=places))
            band.set_visible(values.ndim == 2)
            if values.ndim == 2:
                band.set_data(x, values.min(axis=0), values.max(axis=0))
        at = x[epoch]
        now.set_xdata([at, at])
        dots.set_data([at, at], [median(run.train_loss)[epoch], median(run.val_loss)[epoch]])
        turn, over = best_epoch(run), overfits(run)
        lost = not np.isfinite([median(run.train_loss)[-1], median(run.val_loss)[-1]]).all()
        begun = run.num_epochs > 0 and not lost
        past.set(x=x[turn], width=x[-1] - x[turn] if over and not lost else 0)
        best.set(xdata=[x[turn], x[turn]], alpha=float(begun))
        under, share = places[near_lowest(run)], places[turn]
        place, ha = ((0.01, 0.97), "left") if under < 0.3 else ((under - 0.015, 0.97), "right")
        under_word.set(text="underfitting" if begun else "", position=place, ha=ha)
        near_end = share > 0.78
        place = (0.99 if near_end else share + 0.015, 0.87 if share < 0.25 or near_end else 0.97)
        said = "diverged" if lost else "overfitting" if over else ""
        over_word.set(text=said, position=place, ha="right" if near_end else "left")
        height = low if axes.get_legend() is None else 0.77  # above the key of kept runs
        place, ha = ((share + 0.015, height), "left") if share < 0.6 else ((share - 0.015, height), "right")
        best_word.set(text=f"best epoch {turn}" if begun else "", position=place, ha=ha)

    place = {"loc": "lower right", "bbox_to_anchor": (1.01, 0.98), "ncols": 2} if wide else {"loc": "lower left"}
    axes.add_artist(Legend(axes, [train, val], [line.get_label() for line in (train, val)], borderaxespad=0.3, **place))
    return View([past, *bands, train, val, best, now, dots, under_word, over_word, best_word], update)
