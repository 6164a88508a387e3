"""Escape from a poor minimum: 200 descents released from one start on the wheel's bumpy loss, and where they end."""

import ipywidgets as widgets
import numpy as np
from matplotlib.colors import ListedColormap

from ...checks import check_integer, check_number
from .. import plots
from ..plots import TRAINING, VALIDATION, Still
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words
from .bumps import N, descend, wheel

SEEDS = 200  # descents that are released together
UPDATES, STOP = 512, 16  # updates of a descent, and after how many of them its place is remembered
SIZES = (1, 2, 4, 8, 16, 32, 64)  # batch sizes on the curve
SETTINGS = 8  # starts and rates whose runs are remembered
WINDOW = (-0.5, 6.5)  # speeds in the picture
GOOD = plots.TINTS[1]
STRIPES = ("#8FD4BC", plots.REGIONS[0], plots.REGIONS[3], plots.REGIONS[1], plots.REGIONS[4])


# ---- the lab ---------------------------------------------------------------------------------------------------------


class EscapeLab(Stage):
    """200 descents released from one start on the wheel's bumpy loss, and the share in the best basin against B.

    Mini-batch descents are runs of `batchlab.fit`; beside them full-batch descents of as many updates, with artificial
    Gaussian noise of the same variance, and without. Places are looked up at the end of the last whole epoch.

    Args:
        batch_size: from 1 to 64.
        learning_rate, start, updates: where the picture begins.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = EscapeLab(batch_size=8)
    >>> lab.batch_size.value = 64
    >>> lab.words()[:53]
    'batch size 64, rate 0.02, start 1, 512 updates: 0 of '
    """

    def __init__(self, *, batch_size=4, learning_rate=0.02, start=1.0, updates=UPDATES, locked=False):
        batch_size = check_integer("batch_size", batch_size, 1, N, f"1 is SGD, {N} is full-batch gradient descent.")
        self.scene, self._known, self._quiet = wheel(), {}, True
        self._jitter = 0.3 * np.sin(1.0 + 2.4 * np.arange(SEEDS))  # height in its strip, the same for a seed
        super().__init__(self._controls(), Picture(8.3, 3.3))
        asked = batch_size, learning_rate, start, updates
        for control, value in zip(self._numbers, asked, strict=True):
            control.value = control.check(value)
        self._quiet = False
        self._draw()
        self.wait_for(self._pursue())
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        style, wide = {"description_width": "6.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        self.batch_size = LogIntegerControl(
            "batch size",
            lambda value: check_integer("batch size", value, 1, N, f"{N} are all samples."),
            self.fail,
            **look,
        )
        self.batch_size.set_range(N, 4)
        self.batch_size.hint.value = f"1: SGD, {N}: full-batch GD"
        self.learning_rate = NumberControl(
            widgets.FloatLogSlider(description="learning rate", min=-3, max=-0.7, step=0.02, value=0.02, **look),
            lambda value: check_number("learning rate", value, 0, 1, low_allowed=False),
            self.fail,
        )
        self.begin = NumberControl(
            widgets.FloatSlider(description="start", min=WINDOW[0], max=WINDOW[1], step=0.05, value=1, **look),
            lambda value: check_number("start", value, *WINDOW),
            self.fail,
        )
        self.begin.hint.value = "turns a second"
        self.updates = NumberControl(
            widgets.IntSlider(description="updates", min=0, max=UPDATES, step=STOP, value=UPDATES, **look),
            lambda value: round(check_integer("updates", value, 0, UPDATES, "The descents end there.") / STOP) * STOP,
            self.fail,
        )
        self.updates.hint.value = "looks up what was trained"
        self._numbers = (self.batch_size, self.learning_rate, self.begin, self.updates)
        for control in self._numbers:
            control.observe(self._moved, "value")
        left, right = widgets.VBox(self._numbers[:2]), widgets.VBox(self._numbers[2:])
        return [widgets.HBox([left, right], layout=widgets.Layout(flex_flow="row wrap", overflow="visible"))]

    @in_words
    def _moved(self, _change):
        if not self._quiet:
            self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in self._numbers:
            control.disable(self.locked)
        for artist in self._outcome:
            artist.set_visible(not self.locked)
        self.start(self._pursue())

    # ---- work --------------------------------------------------------------------------------------------------------

    def _pursue(self):
        """Measure what the picture needs, the present batch size first, then the curve, slice by slice."""
        rate, begin, size = self.learning_rate.value, self.begin.value, self.batch_size.value
        self.say(*self._remark(rate, begin))
        known = self._known.pop((rate, begin), {})
        self._known[rate, begin] = known  # the newest last
        while len(self._known) > SETTINGS:
            del self._known[next(iter(self._known))]
        if self.locked and not known:
            return
        for each in (size, *SIZES):
            if (each, "batches") not in known:
                yield from self._batches(each, rate, begin, known)
            if (each, "noise") not in known and each == N:  # the error of all samples is none
                known[each, "noise"] = known[each, "batches"]
            elif (each, "noise") not in known:
                places = descend(self.scene, np.full(SEEDS, begin), rate, batch_size=each)
                known[each, "noise"] = places[:, _whole_epochs(each) * -(-N // each)].T  # as many updates
                yield

    def _batches(self, size, rate, begin, known):
        run = self.scene.fit(begin, seeds=SEEDS, batch_size=size, learning_rate=rate, num_epochs=0)
        epochs = _whole_epochs(size)
        while run.num_epochs < epochs[-1]:
            run.train(min(64, epochs[-1] - run.num_epochs))
            yield
        known[size, "batches"] = np.stack([run.params_at(epoch)[:, 0] for epoch in epochs])

    def _remark(self, rate, begin):
        """What to say of these settings beside the picture."""
        if self.locked:
            return ("Make your prediction above, or skip it: then the controls unlock.",)
        bottom = self.scene.minima[self.scene.basin(begin)]
        if rate * self.scene.curvature(bottom) > 2:
            edge = 2 / self.scene.curvature(bottom)
            return (
                f"Above {edge:.2g}, 2 / curvature, no descent can rest in the minimum of this start, noise or none.",
            )
        return ("",)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _draw(self):
        figure = self.picture.figure
        grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1), height_ratios=(1.15, 1))
        grid.update(left=0.115, right=0.985, top=0.92, bottom=0.15, wspace=0.17, hspace=0.08)
        loss, strips, shares = (figure.add_subplot(part) for part in (grid[0, 0], grid[1, 0], grid[:, 1]))
        _landscape(loss, self.scene)
        loss.tick_params(labelbottom=False)
        self._views = [released(loss, strips, self.scene, self._jitter), against_batch_size(shares)]
        self._outcome = [*self._views[0].artists[1:-1], *self._views[1].artists]  # not the origin, nor the word
        self.picture.artists = [artist for view in self._views for artist in view.artists]

    def _places(self, size, kind):
        """Where the descents are at the updates asked for, (200,), or None if that is not yet known."""
        places = self._known.get((self.learning_rate.value, self.begin.value), {}).get((size, kind))
        return None if places is None else places[self.updates.value // STOP]

    def share(self, size, kind):
        """The share in the best basin with its interval, an `Estimate`, or None if it is not yet known."""
        places = self._places(size, kind)
        return None if places is None else self.scene.share(places)

    def show(self):
        """Bring picture and words up to date."""
        size = self.batch_size.value
        rows = [self._places(size, "batches"), self._places(size, "noise"), self._places(N, "batches")]
        self._views[0].update(self.begin.value, size, rows)
        curves = [{each: self.share(each, kind) for each in sorted({*SIZES, size})} for kind in ("batches", "noise")]
        self._views[1].update(size, curves)
        self.picture.show()
        self.speak()
        each = -(-N // size)
        cells = (
            f"N = {N} photographs",
            f"{SEEDS} descents of each kind",
            f"B = {size}: {each} update{'s' if each > 1 else ''} per epoch, {self.updates.value // each} whole epochs",
            "bars: 95 % intervals",
        )
        self.counters.value = facts(cells)

    def words(self):
        """What the picture shows, in words."""
        size, good = self.batch_size.value, self.scene.minima[self.scene.good]
        text = f"batch size {size}, rate {self.learning_rate.value:.3g}, start {self.begin.value:.3g}, "
        text += f"{self.updates.value} updates: "
        if self.locked:
            return text + "nothing has been released yet."
        places, noisy = self._places(size, "batches"), self._places(size, "noise")
        if places is None or noisy is None:
            return text + "being computed."
        lost = np.sum((places < WINDOW[0]) | (places > WINDOW[1]))
        stayed = np.sum(self.scene.basin(places) == self.scene.basin(self.begin.value))
        text += f"{self._said(places)} in the best basin, around {good:.2g}; {stayed} in the basin of the start"
        text += f"; {lost} outside the picture. " if lost else ". "
        text += f"Full batch with noise of the same variance: {self._said(noisy)}. "
        if (full := self._places(N, "batches")) is not None:
            text += f"Full batch without noise: {self._said(full)}. "
        shares = {each: self.share(each, "batches") for each in SIZES}
        told = ", ".join(f"{each}: {share.value:.0%}" for each, share in shares.items() if share)
        return text + f"Share by batch size: {told}."

    def _said(self, places):
        value, low, high = self.scene.share(places)
        count = f"{round(value * SEEDS)} of {SEEDS}"
        if np.ptp(places) == 0:
            return f"{count} (all descents are the same)"
        return f"{count} (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"

    def __repr__(self):
        return "EscapeLab: wheel"


def _whole_epochs(batch_size):
    """The epochs that are complete at each stop of the slider: batches are looked at after whole epochs."""
    return np.arange(0, UPDATES + 1, STOP) // -(-N // batch_size)


# ---- views -----------------------------------------------------------------------------------------------------------


def _seen(scene):
    """Numbers of the minima that lie in the window."""
    return [at for at, place in enumerate(scene.minima) if WINDOW[0] < place < WINDOW[1]]


def _landscape(axes, scene):
    """The loss with its minima and the borders of their basins; the best basin is shaded. It stands still."""
    seen = (scene.grid > WINDOW[0]) & (scene.grid < WINDOW[1])
    low, high = ([*scene.tops, WINDOW[1]][at] for at in (scene.good - 1, scene.good))
    axes.axvspan(low, high, color=GOOD, linewidth=0)
    axes.plot(scene.grid[seen], scene.losses[seen], color=plots.NOW, linewidth=1.5, antialiased=False)
    for at in _seen(scene):
        mark, size = ("*", 13) if at == scene.good else ("X", 8)
        place = scene.minima[at : at + 1]
        depth = np.interp(place, scene.grid, scene.losses)
        axes.plot(place, depth, mark, color="black", markersize=size, markeredgecolor="white")
    for top in scene.tops:
        axes.axvline(top, color="0.75", linewidth=0.8, linestyle=":", zorder=0)
    axes.set(xlim=WINDOW, ylim=(scene.losses.min() - 0.3, None), ylabel="loss")
    axes.set_title("the loss; star and shade: best minimum, its basin", loc="left", fontsize=10)


def released(loss, axes, scene, jitter):
    """The start on the loss, and three strips of dots below; `update(start, batch_size, rows)`."""
    low, high = ([*scene.tops, WINDOW[1]][at] for at in (scene.good - 1, scene.good))
    axes.axvspan(low, high, color=GOOD, linewidth=0)
    for top in scene.tops:
        axes.axvline(top, color="0.75", linewidth=0.8, linestyle=":", zorder=0)
    (origin,) = loss.plot([], [], "P", color=VALIDATION, markersize=10, markeredgecolor="white")
    looks = ((TRAINING, "s"), (VALIDATION, "s"), ("black", "s"))
    strips = [axes.plot([], [], mark, color=color, markersize=2, **plots.CRISP)[0] for color, mark in looks]
    word = axes.text(-0.015, 2, "", transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=9)
    for height, name in ((1, "full batch\n+ noise"), (0, "full batch")):
        axes.text(-0.015, height, name, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=9)
    axes.set(xlim=WINDOW, ylim=(-0.5, 2.5), yticks=[], xlabel="v, turns a second (orange plus: the start)")

    def update(start, batch_size, rows):
        origin.set_data([start], np.interp([start], scene.grid, scene.losses))
        word.set_text(f"batches,\nB = {batch_size}")
        for height, strip, places in zip((2, 1, 0), strips, rows, strict=True):
            places = np.zeros(0) if places is None else np.clip(places, -100, 100)
            strip.set_data(places, height + jitter[: len(places)])

    return plots.View([origin, *strips, word], update)


def against_batch_size(axes):
    """Shares with intervals against B; `update(batch_size, curves)`, two dictionaries of B -> `Estimate` or None."""
    looks = ((TRAINING, "o", "-", "batches of B", 0.97), (VALIDATION, "s", (0, (4, 2)), "full batch + noise", 1.03))
    lines, bars = [], []
    for color, mark, style, name, _ in looks:
        look = {"color": color, "linestyle": style, "linewidth": 1.3, "antialiased": False}
        lines += axes.plot([], [], marker=mark, markersize=5, markeredgecolor="white", label=name, **look)
        bars += axes.plot([], [], color=color, linewidth=1.2, antialiased=False)
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    axes.set(xscale="log", xlim=(0.85, 1.2 * N), ylim=(-0.02, 1.28), xlabel="batch size B (dotted: now)")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.set_yticks(np.linspace(0, 1, 6), [f"{value:.0%}" for value in np.linspace(0, 1, 6)])
    axes.minorticks_off()
    axes.set_title("share in the best basin", loc="left", fontsize=10)
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9)

    def update(batch_size, curves):
        now.set_xdata([batch_size, batch_size])
        for curve, line, bar, look in zip(curves, lines, bars, looks, strict=True):
            known = {size * look[-1]: share for size, share in curve.items() if share is not None}
            line.set_data(list(known), [share.value for share in known.values()])
            points = [(at, end) for at, share in known.items() for end in (share.low, share.high, np.nan)]
            bar.set_data([at for at, _ in points], [end for _, end in points])

    return plots.View([now, *bars, *lines], update)


# ---- where gradient descent ends, as a map ---------------------------------------------------------------------------


def ends_map(scene, starts, rates, numbers):
    """The outcome of `ends` as a `Still`: stripes are basins, dashes lie half-way between neighbouring minima."""
    calm = rates < 1 / scene.curvature(scene.grid).max()
    own = np.mean(numbers[calm] == scene.basin(starts))
    alt = (
        f"Full-batch descent from {len(starts)} starts at {len(rates)} rates. Below the lower line, 1 / largest "
        f"curvature, {own:.0%} of the starts end in the minimum of their own basin: upright stripes. A stripe ends at "
        f"2 / curvature of its minimum; {np.mean(numbers == -1):.0%} of all descents do not come to rest."
    )
    still = Still(alt, height=4.6)
    loss, axes = still.figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    _landscape(loss, scene)
    shown = np.full(numbers.shape, len(STRIPES), int)
    for at in range(len(scene.minima)):
        shown[numbers == at] = 0 if at == scene.good else 1 + at % (len(STRIPES) - 1)
    shown[numbers == -1] = len(STRIPES)
    colours = ListedColormap([*STRIPES, "white"])
    axes.pcolormesh(starts, rates, shown, cmap=colours, vmin=0, vmax=len(STRIPES), shading="nearest", rasterized=True)
    for at in _seen(scene):
        words = f"{scene.minima[at]:.1f}" + ("\nbest" if at == scene.good else "")
        axes.text(scene.minima[at], rates[0] * 1.3, words, ha="center", va="bottom", fontsize=9)
    for left, right in zip(scene.minima[:-1], scene.minima[1:], strict=True):
        axes.axvline((left + right) / 2, color="0.2", linewidth=1, linestyle=(0, (4, 3)))
    edges = {"1 / largest curvature": 1 / scene.curvature(scene.grid).max()}
    edges["2 / curvature of the best minimum"] = 2 / scene.curvature(scene.minima[scene.good])
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0}
    for words, edge in edges.items():
        axes.axhline(edge, color="black", linewidth=1.2)
        axes.text(WINDOW[0] + 0.05, edge, words, fontsize=8, va="center", bbox=box)
    axes.set(yscale="log", xlim=WINDOW, ylim=(rates[0], rates[-1]))
    axes.set_yticks([rate for rate in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if rates[0] <= rate <= rates[-1]])
    axes.yaxis.set_major_formatter(plots.NUMBERS)
    axes.minorticks_off()
    axes.set(xlabel="start, turns a second (dashes: half-way between minima)", ylabel="learning rate")
    axes.set_title("the minimum in which full-batch descent ends (white: it does not rest)", loc="left", fontsize=10)
    return still
