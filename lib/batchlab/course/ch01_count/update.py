"""One update, by hand: a line through eight points, what each sample asks for, and the step that is their mean.

`points` are the samples and `LINE` the model, for `batchlab.fit` too; `gradients` is the whole mathematics; `Update`
shows it.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ...checks import check_integer
from ...data import Problem
from ...live import Live, Number, Whole, press
from ...models import Model
from ..plots import counted, figures
from . import views
from .lab import batches

N, NAMES = 8, "abcdefgh"  # samples, named from left to right
START = (0.2, -1.2)  # slope and intercept
LOST = 100.0  # weights beyond are not stepped any further

LINE = Model(lambda key: jnp.array(START), lambda weights, x: weights[0] * x + weights[1])


def points(seed=0):
    """Eight samples near the line y = 0.8 x + 0.8, from left to right: a `Problem`.

    >>> points().x.shape
    (8, 1)
    """
    rng = np.random.default_rng(check_integer("seed", seed, 0))
    x = np.linspace(-1.8, 1.8, N)[:, None] + rng.uniform(-0.15, 0.15, size=(N, 1))
    y = 0.8 * x + 0.8 + 0.6 * rng.normal(size=x.shape)
    return Problem(x, y, x, y, name="eight points")


def gradients(weights, x, y):
    """The gradient of each sample's squared error by slope and intercept: (2,), (n,), (n,) -> (n, 2)."""
    slope, intercept = weights
    error = slope * x + intercept - y
    return np.stack([2 * error * x, 2 * error], axis=1)


class Step(NamedTuple):
    """One update: from the weights `old`, with the gradients (b, 2) of the samples in `batch`, to the weights `new`."""

    old: np.ndarray
    batch: np.ndarray
    grads: np.ndarray
    rate: float

    mean = property(lambda self: self.grads.mean(axis=0), doc="The mean gradient.")
    new = property(lambda self: self.old - self.rate * self.mean, doc="The weights after it.")
    arrows = property(lambda self: -self.rate * self.grads, doc="The step that each sample alone would make.")


class Update(Live):
    """A line is fitted to eight points, one update at a press; each sample's arrow is the step it alone would make.

    Args:
        batch_size, learning_rate: where the controls begin.
        seed: which points, and which shuffles.
        controls, locked: see `Live`; while locked the arrows are hidden.

    >>> lab = Update(batch_size=2)
    >>> lab.next_update()
    >>> lab.words()[:24]
    'batch size 2, update 1: '
    """

    size, narrow_height = (9.0, 4.9), 10.2
    batch_size = Whole("batch size", 1, N, 1, remedy=f"There are {N} samples.", hint=f"of {N} samples")
    learning_rate = Number("learning rate", 0, 1, 0.15, slider=(0.01, 0.5), low_allowed=False)

    def __init__(self, batch_size=1, learning_rate=0.15, *, seed=0, controls=None, locked=False):
        problem, self.seed = points(seed), seed
        self.x, self.y = problem.x[:, 0].astype(float), problem.y[:, 0].astype(float)
        self._begin_anew()
        super().__init__(controls=controls, locked=locked, batch_size=batch_size, learning_rate=learning_rate)

    @press("next update", tip="make the step", disabled=lambda lab: lab.lost)
    def next_update(self):
        """Make the step; the next batch is due."""
        if not self.lost:
            self.path.append(self._coming().new)
            self._done += 1
            if self._done * self._cut >= N:
                self.epoch, self._done = self.epoch + 1, 0

    @press("back to the start", tip="before the first update")
    def back(self):
        """Go back before the first update."""
        self._begin_anew()

    def _begin_anew(self):
        self.path = [np.array(START)]  # of the weights
        self.epoch, self._done, self._cut = 1, 0, None  # of this epoch: batches used, and the batch size

    def _coming(self):
        """The step that is due; another batch size cuts a new epoch."""
        if self._cut != self.batch_size:
            self.epoch, self._done, self._cut = self.epoch + (self._done > 0), 0, self.batch_size
        batch = np.sort(batches(self.epoch, N, self._cut, self.seed)[self._done])
        old = self.path[-1]
        return Step(old, batch, gradients(old, self.x[batch], self.y[batch]), self.learning_rate)

    @property
    def lost(self):
        """Whether the weights have run away."""
        return bool(np.abs(self.path[-1]).max() > LOST)

    def begin(self, changed):
        """Whatever changed, another step is due."""
        self.step = self._coming()
        if self.locked:
            self.say("Make your prediction above, or skip it: then the controls unlock.")
        elif not views.in_plane(self.step.old):
            self.say("The weights have left the picture: the steps are too long. Lower the rate, go back.", alarm=True)
        else:
            self.say("")

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The line and its errors on the left, the plane of the two weights on the right."""
        best = np.polyfit(self.x, self.y, 1)
        return views.update_views(figure, self.x, self.y, NAMES, best)

    def show(self):
        """Bring the views up to date."""
        for view in self.picture.views:
            view.update(self.step, self.path, self._place())

    def _place(self):
        return f"epoch {self.epoch}, batch {self._done + 1} of {-(-N // self._cut)}"

    def _loss(self):
        slope, intercept = self.step.old
        return np.mean((slope * self.x + intercept - self.y) ** 2)

    def _lengths(self):
        step, arrows = self.step.rate * self.step.mean, self.step.arrows
        arrow = np.linalg.norm(arrows, axis=1).mean()
        return f"the step is {np.linalg.norm(step):.2f} long, its arrows {arrow:.2f} on average"

    def words(self):
        """What the picture shows, in words."""
        step, signed = self.step, views.signed
        text = f"batch size {self._cut}, update {len(self.path) - 1}: a line of slope {signed(step.old[0])} and "
        text += f"intercept {signed(step.old[1])} through {N} points; its mean loss is {figures(self._loss())}. "
        if self.locked:
            return text + "The samples' arrows are shown once you have predicted."
        them, their = ("sample", "Its") if len(step.batch) == 1 else ("samples", "Their mean")
        text += f"{self._place().capitalize()}: {them} {', '.join(NAMES[i] for i in step.batch)}. {their} gradient "
        text += f"is {signed(step.mean[0])} by the slope and {signed(step.mean[1])} by the intercept. The next update "
        text += f"takes the slope to {signed(step.new[0])} and the intercept to {signed(step.new[1])}. "
        return f"{text}{self._lengths().capitalize()}."

    def facts(self):
        """What is counted and measured."""
        if self.locked:
            return []
        made = f"{counted(len(self.path) - 1, 'update')} made"
        return [made, f"mean loss of all {N} samples {figures(self._loss())}", self._lengths()]

    def __repr__(self):
        return "One update by hand"
