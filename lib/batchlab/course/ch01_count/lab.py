"""Epochs, batches and iterations, counted: the samples of a dataset are used up batch by batch, in the real order.

`batches` says which samples `fit` puts into which batch, `watch` observes it inside a run, `Counting` shows it.
"""

import functools
import time
from typing import NamedTuple

import ipywidgets as widgets
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ...checks import check_integer
from ...data import SHUFFLES, Problem, shuffles
from ...descent import fit
from ...models import Model
from .. import plots
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words

STEP_SECONDS, PLAY_SECONDS = 0.35, 20  # an iteration lasts the one, a run at most the other
MOST_SAMPLES, MOST_EPOCHS = 100, 8
COLUMNS = 10  # of the grid of samples
WAITING, USED, NOW, EDGE, INK = "white", plots.REGIONS[1], plots.KEPT[1], "0.6", plots.NOW  # of the frames' palette
RAGGED = {"facecolor": "none", "hatch": "///", "edgecolor": "0.6"}
KEYS = {"waiting": WAITING, "used in this epoch": USED, "batch of this iteration": NOW}


def batches(epoch, n, batch_size, seed=0):
    """Return the batches of an epoch, counted from 1, as `fit` uses them: arrays of sample numbers, the last ragged.

    >>> [batch.tolist() for batch in batches(epoch=1, n=7, batch_size=3)]
    [[1, 3, 6], [0, 4, 2], [5]]
    """
    block, row = divmod(epoch - 1, SHUFFLES)
    order = shuffles(seed, block, n)[row] if batch_size < n else np.arange(n)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]


@functools.lru_cache(maxsize=8)
def _one_weight_a_sample(n, rows):
    """A linear model on one-hot samples, with room to write down `rows` gradients."""

    def init(_key):
        return {"weights": jnp.zeros((n, 1)), "shares": jnp.zeros((rows, n)), "updates": jnp.zeros(())}

    return Model(init, lambda params, x: x @ params["weights"])


def _recorder(_learning_rate):
    """An optimizer that does not descend: it writes each gradient down, and counts."""

    def update(grads, state, params):
        # The targets are 1 and the outputs 0, so that a batch of b samples has the gradient -2 / b for each of them.
        row = jnp.arange(len(params["shares"])) == params["updates"]
        shares = jnp.where(row[:, None], -0.5 * grads["weights"].T, 0.0)
        return {"weights": jnp.zeros_like(grads["weights"]), "shares": shares, "updates": jnp.ones(())}, state

    return optax.GradientTransformation(lambda params: (), update)


def watch(n, batch_size, num_epochs, seed=0):
    """Observe which samples `fit` uses in which update.

    The model has one weight for each sample, so that a batch's gradient shows who was in it; in place of an optimizer
    stands one that only writes the gradients down.

    Args:
        n: number of samples.
        batch_size: samples in a batch.
        num_epochs: passes over the samples.
        seed: which shuffles.

    Returns:
        The `History` of the run, and (updates, n) each sample's share in each update: 1 / b in a batch of b, else 0.

    >>> run, shares = watch(n=5, batch_size=2, num_epochs=1)
    >>> shares.shape, shares.sum(axis=1).tolist()  # 2 + 2 + 1 samples; the shares of a batch add up to 1
    ((3, 5), [1.0, 1.0, 1.0])
    """
    one_hot, ones = np.eye(n), np.ones((n, 1))
    problem = Problem(one_hot, ones, one_hot, ones, name="one weight a sample")
    model = _one_weight_a_sample(n, n * num_epochs)  # as many as there can be, so that no batch size compiles anew
    run = fit(problem, model=model, optimizer=_recorder, batch_size=batch_size, num_epochs=num_epochs, seed=seed)
    params = run.params_at(num_epochs)
    return run, params["shares"][: int(params["updates"])]


class Plan(NamedTuple):
    """What is counted."""

    samples: int
    batch_size: int
    epochs: int
    locked: bool


class Counting(Stage):
    """The samples as a grid, used up batch by batch, beside all batches of all epochs; played, or step by step.

    A sample of the grid carries the number of the iteration that used it in the present epoch. In the plan each row is
    an epoch and each block a batch, as wide as it has samples; a batch with fewer than the others is hatched.

    Args:
        samples, batch_size, epochs: where it starts.
        seed: which shuffles.
        locked: begin with the controls off and the plan hidden, for a prediction to unlock.

    >>> counting = Counting(samples=50, batch_size=6, epochs=3)
    >>> _ = counting.go_to(9)
    >>> counting.words()[:60]
    'batch size 6, epoch 1, iteration 9: this batch is the 9th of'
    """

    def __init__(self, samples=50, batch_size=6, epochs=3, *, seed=0, locked=False):
        samples = check_integer("samples", samples, 1, MOST_SAMPLES)
        check_integer("batch size", batch_size, 1, samples)
        check_integer("epochs", epochs, 1, MOST_EPOCHS)
        self.seed, self.done, self._steps = check_integer("seed", seed, 0), 0, 0
        self._quiet, self._playing, self._words_due = True, False, 0.0
        super().__init__(self._controls(), Picture())
        self.samples.value, self.epochs.value = samples, epochs
        self.batch_size.set_range(samples, batch_size)
        self._quiet = False
        self._lay_out()
        self.go_to(2 * self.per_epoch if epochs > 1 else self.per_epoch)
        self._static = self.picture.png, self.words()  # in the middle of the course, where there is something to see
        self.observe(self._lock, "locked")
        self.go_to(0)
        self.locked = locked

    # What is shown is the plan, which the controls, moved on another thread maybe, may already have left behind.
    per_epoch = property(lambda self: -(-self._plan.samples // self._plan.batch_size), doc="Iterations in an epoch.")
    total = property(lambda self: self._plan.epochs * self.per_epoch, doc="Iterations in all epochs.")

    def go_to(self, iteration):
        """Show the state after this many iterations."""
        self.wait_for(self._pursue(play=False, anew=True))
        self._steps = check_integer("iteration", iteration, 0, self.total)
        return self.wait_for(self._pursue(play=False))

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self):
        look = {"readout": False, "style": {"description_width": "6.5em"}, "layout": widgets.Layout(width="22em")}
        self.samples = NumberControl(
            widgets.IntSlider(description="samples N", min=1, max=MOST_SAMPLES, **look),
            lambda value: check_integer("samples", value, 1, MOST_SAMPLES, "The grid has room for them."),
            self.fail,
        )
        self.batch_size = LogIntegerControl(
            "batch size",
            lambda value: check_integer("batch size", value, 1, self.samples.value, "All samples are one full batch."),
            self.fail,
            **look,
        )
        self.epochs = NumberControl(
            widgets.IntSlider(description="epochs", min=1, max=MOST_EPOCHS, **look),
            lambda value: check_integer("epochs", value, 1, MOST_EPOCHS, "The plan has room for them."),
            self.fail,
        )
        actions = {
            "play": (self._play_or_pause, "one iteration after the other, or pause"),
            "step": (self._step_once, "one iteration"),
            "next epoch": (self._step_epoch, "to the end of an epoch"),
            "start over": (self._start_over, "before the first iteration"),
        }
        self._buttons = [
            widgets.Button(description=name, tooltip=tip, layout={"width": "8em"}) for name, (_, tip) in actions.items()
        ]
        for button, (action, _) in zip(self._buttons, actions.values(), strict=True):
            button.on_click(action)
        for control in (self.samples, self.batch_size, self.epochs):
            control.observe(self._moved, "value")
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        sliders = [widgets.VBox([self.samples, self.batch_size]), widgets.VBox([self.epochs])]
        return [widgets.HBox(sliders, layout=wrap), widgets.HBox(self._buttons, layout=wrap)]

    @in_words
    def _moved(self, change):
        if self._quiet:
            return
        if change["owner"] is self.samples:
            self._quiet = True  # the batch size follows, which is not a second change
            try:
                self.batch_size.set_range(self.samples.value, min(self.batch_size.value, self.samples.value))
            finally:
                self._quiet = False
        self._pursue_from_here(self._playing and self.busy)

    @in_words
    def _play_or_pause(self, _button):
        self._pursue_from_here(not (self._playing and self.busy), anew=self.done == self.total)

    @in_words
    def _step_once(self, _button):
        self._steps += 1
        self._pursue_from_here(play=False)

    @in_words
    def _step_epoch(self, _button):
        done = self.done + self._steps
        self._steps += self.per_epoch - done % self.per_epoch
        self._pursue_from_here(play=False)

    @in_words
    def _start_over(self, _button):
        self._pursue_from_here(play=False, anew=True)

    def _pursue_from_here(self, play, anew=False):
        self._playing = play
        self.start(self._pursue(play, anew))

    @in_words
    def _lock(self, _change):
        for control in (self.samples, self.batch_size, self.epochs):
            control.disable(self.locked)
        for button in self._buttons:
            button.disabled = self.locked
        self._start_over(None)

    # ---- work --------------------------------------------------------------------------------------------------------

    def _pursue(self, play, anew=False):
        """Go the steps that were asked for, and play on if that was asked for."""
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        if self._plan != self._settings():
            self._lay_out()
        elif anew:
            self.done, self._steps = 0, 0
        steps, self._steps = self._steps, 0
        self.done = min(self.done + steps, self.total)
        while play and self.done < self.total:
            self.done += 1
            yield min(STEP_SECONDS, PLAY_SECONDS / self.total)

    def _settings(self):
        return Plan(self.samples.value, self.batch_size.value, self.epochs.value, self.locked)

    def _lay_out(self):
        """Make a new plan: draw what stands still, and make what moves."""
        self._plan, self.done, self._steps = self._settings(), 0, 0
        (n, batch_size, epochs, locked), per_epoch = self._plan, self.per_epoch
        figure = self.picture.clear()
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
        figure.subplots_adjust(left=0.01, right=0.985, top=0.9, bottom=0.145, wspace=0.13)

        # The grid: sample i stands in row i // COLUMNS.
        self._at = [(i % COLUMNS, i // COLUMNS) for i in range(n)]
        self._grid = _boxes(left, [(x + 0.06, y + 0.06, 0.88, 0.88) for x, y in self._at])
        self._marks = [_label(left, x + 0.5, y + 0.5) for x, y in self._at]
        left.set(xlim=(0, COLUMNS), ylim=(max(n // COLUMNS, MOST_SAMPLES / COLUMNS), 0), aspect="equal", anchor="N")
        left.set_axis_off()
        self._heading = left.set_title("", loc="left", fontsize=10, pad=5)
        keys = [Patch(facecolor=color, edgecolor=EDGE, label=name) for name, color in KEYS.items()]
        keys.append(Patch(label="smaller last batch", **RAGGED))
        figure.legend(handles=keys, loc="lower left", ncols=4, frameon=False, fontsize=8.5, columnspacing=1.2,
                      handlelength=1, handleheight=1, bbox_to_anchor=(0.0, -0.01))  # fmt: skip

        # The plan: row e - 1 is epoch e, and the length of a block is the size of its batch.
        sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
        shown = 0 if locked else epochs
        places = [(i * batch_size, e + 0.1, size, 0.8) for e in range(shown) for i, size in enumerate(sizes)]
        ragged = sizes[-1] < batch_size
        self._blocks = _boxes(right, places)
        self._numbers = (
            [_label(right, x + w / 2, y + h / 2) for x, y, w, h in places]
            if per_epoch <= 20 and len(places) <= 60
            else []
        )
        last = [place for i, place in enumerate(places) if ragged and (i + 1) % per_epoch == 0]
        self._ragged = _boxes(right, last, **RAGGED)
        right.set(xlim=(0, n), ylim=(max(epochs, 3), 0), xlabel="samples used in the epoch", ylabel="epoch")
        right.set_yticks([e + 0.5 for e in range(epochs)], range(1, epochs + 1))
        right.tick_params(axis="y", length=0)
        right.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for side in ("top", "right", "left"):
            right.spines[side].set_visible(False)
        self._tally = right.set_title("", loc="left", fontsize=10, pad=5)
        if locked:
            right.text(0.5, 0.5, "the batches: predict first", transform=right.transAxes, ha="center", color="0.4")
        moving = [self._grid, *self._marks, self._heading, self._blocks, self._ragged, *self._numbers, self._tally]
        self.picture.artists = moving

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def position(self):
        """Epoch, counted from 1, and batch in it, counted from 0, of the last iteration; (0, -1) before the first."""
        return (0, -1) if self.done == 0 else (1 + (self.done - 1) // self.per_epoch, (self.done - 1) % self.per_epoch)

    def show(self):
        """Bring picture and words up to date."""
        epoch, at = self.position()
        before = self.done - at - 1  # iterations of earlier epochs
        used = np.full(self._plan.samples, -1)
        for i, batch in enumerate(batches(max(epoch, 1), self._plan.samples, self._plan.batch_size, self.seed)):
            used[batch] = i if i <= at else -1
        self._grid.set_facecolor([WAITING if i < 0 else NOW if i == at else USED for i in used])
        for mark, i in zip(self._marks, used, strict=True):
            mark.set(text=f"{before + i + 1}" if i >= 0 else "", weight="bold" if i == at else "normal")
        self._blocks.set_facecolor([USED if i + 1 < self.done else NOW if i + 1 == self.done else WAITING
                                    for i in range(self.total)])  # fmt: skip
        for i, mark in enumerate(self._numbers):
            mark.set(text=f"{i + 1}", weight="bold" if i + 1 == self.done else "normal")
        count = f"{(used >= 0).sum()} of {len(used)} samples used"
        self._heading.set_text(f"epoch {epoch}: {count}" if epoch else f"{len(used)} samples, none used yet")
        tally = f"iteration {self.done} of {self.total}: each block is one batch, one update"
        self._tally.set_text("" if self._plan.locked else tally)
        self.picture.show()
        self._buttons[0].description = "pause" if self._playing and self.busy else "play"
        if not self.busy or time.perf_counter() >= self._words_due:
            self.speak()
            self.counters.value = self._count()
            self._words_due = time.perf_counter() + 1.0  # a listener cannot follow quicker

    def words(self):
        """What the picture shows, in words."""
        (epoch, at), n, each = self.position(), self._plan.samples, self._plan.batch_size
        if self._plan.locked:
            epochs = self._plan.epochs
            return f"batch size {each}, {epochs} epochs, {n} samples: the batches are shown once you have predicted."
        where = f"batch size {each}, epoch {epoch}, iteration {self.done}: "
        if not epoch:
            return f"{where}nothing is used yet. Each epoch will be {_plural(self.per_epoch, 'batch', 'batches')}."
        size = min(each, n - at * each)
        text = f"{where}this batch is the {_nth(at + 1)} of {self.per_epoch} in this epoch and has "
        text += _plural(size, "sample", "samples") + (", fewer than the others" if size < each else "")
        text += f". In this epoch {min((at + 1) * each, n)} of {n} samples have been used."
        if at + 1 == self.per_epoch:
            text += f" Epoch {epoch} is complete: every sample was used once in it."
        return text + (" This is the last iteration." if self.done == self.total else "")

    def _count(self):
        if self._plan.locked:
            return ""
        n, each, epochs = self._plan.samples, self._plan.batch_size, self._plan.epochs
        cells = (
            f"\u2308{n} / {each}\u2309 = {_plural(self.per_epoch, 'iteration', 'iterations')} per epoch",
            f"{_plural(epochs, 'epoch', 'epochs')} = {_plural(self.total, 'iteration', 'iterations')}",
            f"last batch of an epoch: {_plural(n - (self.per_epoch - 1) * each, 'sample', 'samples')}",
        )
        return facts(cells)

    def __repr__(self):
        return "Counting epochs, batches and iterations"


def _boxes(axes, places, facecolor=WAITING, edgecolor=EDGE, **look):
    """Rectangles (x, y, width, height) as one artist."""
    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in places]
    boxes = PolyCollection(corners, facecolors=facecolor, edgecolors=edgecolor, linewidths=0.8, clip_on=False, **look)
    return axes.add_collection(boxes, autolim=False)


def _label(axes, x, y):
    return axes.text(x, y, "", ha="center", va="center_baseline", fontsize=8, color=INK)


def _plural(count, one, many):
    return f"{count} {one if count == 1 else many}"


def _nth(count):
    ending = "th" if count // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"
