"""Epochs, batches and iterations, counted: the samples of a dataset are used up batch by batch, in the real order.

`batches` says which samples `fit` puts into which batch, `watch` observes it inside a run, `Counting` shows it.
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

from ...checks import check_integer
from ...data import Problem
from ...descent import fit
from ...live import Live, Whole, columns, press
from ...models import Model
from ...shuffling import SHUFFLES, shuffles
from ..plots import counted
from . import views

STEP_SECONDS, PLAY_SECONDS = 0.35, 20  # an iteration lasts the one, a run at most the other
MOST_SAMPLES, MOST_EPOCHS = 100, 8


def batches(epoch, n, batch_size, seed=0):
    """Return the batches of an epoch, counted from 1, as `fit` uses them: arrays of sample numbers, the last ragged.

    >>> [batch.tolist() for batch in batches(epoch=1, n=7, batch_size=3)]
    [[1, 3, 6], [0, 4, 2], [5]]
    """
    block, row = divmod(check_integer("epoch", epoch, 1) - 1, SHUFFLES)
    order = shuffles(seed, block, n)[row] if check_integer("batch_size", batch_size, 1, n) < n else np.arange(n)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]


@functools.lru_cache(maxsize=8)
def _observer(n, rows):
    """A linear model of n one-hot samples, and an optimizer that does not descend, but keeps up to `rows` gradients."""

    def update(grads, state, params):
        # The targets are -1 and the outputs 0, so that a batch of b samples has the gradient 2 / b for each of them.
        shares, count = state
        return jnp.zeros_like(grads), (shares.at[count].set(grads[:, 0] / 2), count + 1)

    optimizer = optax.GradientTransformation(lambda params: (jnp.zeros((rows, n)), jnp.int32(0)), update)
    return Model(lambda key: jnp.zeros((n, 1)), lambda params, x: x @ params), lambda learning_rate: optimizer


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
    one_hot, targets = np.eye(n), -np.ones((n, 1))
    problem = Problem(one_hot, targets, one_hot, targets, name="one weight a sample")
    model, optimizer = _observer(n, n * num_epochs)  # as many as there can be, so that no batch size compiles anew
    run = fit(problem, model=model, optimizer=optimizer, batch_size=batch_size, num_epochs=num_epochs, seed=seed)
    (_, (shares, count)), _ = run.kept_state(num_epochs)
    return run, shares[:count]


class Plan(NamedTuple):
    """What is counted."""

    samples: int
    batch_size: int
    epochs: int
    locked: bool

    per_epoch = property(lambda self: -(-self.samples // self.batch_size), doc="Iterations in an epoch.")
    total = property(lambda self: self.epochs * self.per_epoch, doc="Iterations in all epochs.")


class Counting(Live):
    """The samples as a grid, used up batch by batch, beside all batches of all epochs; played, or step by step.

    A sample of the grid carries the number of the iteration that used it in the present epoch. In the plan each row is
    an epoch and each block a batch, as wide as it has samples; a batch with fewer than the others is hatched.

    Args:
        samples, batch_size, epochs: where it starts.
        seed: which shuffles.
        controls, locked: see `Live`; while locked the plan is hidden.
        settings: other controls: iteration.

    >>> counting = Counting(samples=50, batch_size=6, epochs=3)
    >>> counting.iteration = 9
    >>> counting.words()[:60]
    'batch size 6, epoch 1, iteration 9: this batch is the 9th of'
    """

    size, narrow_height, recorded = (9.0, 4.2), 8.2, (("batch_size", 12), ("iteration", 28))
    samples = Whole("samples N", 1, MOST_SAMPLES, 50, remedy="The grid has room for them.")
    batch_size = Whole("batch size", 1, lambda lab: lab.samples, 6, log=True, remedy="All samples are one full batch.")
    epochs = Whole("epochs", 1, MOST_EPOCHS, 3, remedy="The plan has room for them.")
    iteration = Whole("iteration", 0, lambda lab: lab.total, 0)

    def __init__(self, samples=50, batch_size=6, epochs=3, *, seed=0, controls=None, locked=False, **settings):
        self.seed = check_integer("seed", seed, 0)
        self.plan, self.done, self._playing = None, 0, False
        settings |= {"samples": samples, "batch_size": batch_size, "epochs": epochs}
        super().__init__(controls=controls, locked=locked, **settings)

    @property
    def total(self):
        """Iterations in all epochs."""
        return self._asked().total

    @press(lambda lab: "pause" if lab.playing else "play", tip="one iteration after the other, or pause")
    def play(self):
        """Go on from iteration to iteration, from the first again after the last; or pause."""
        self._playing = not self.playing
        if self._playing:
            self.iteration = self.iteration % self.total + 1

    @press("step", tip="one iteration")
    def step(self):
        """Go one iteration further."""
        self._go_to(self.iteration + 1)

    @press("next epoch", tip="to the end of an epoch")
    def next_epoch(self):
        """Go to the end of this epoch, or from there to the end of the next."""
        each = self._asked().per_epoch
        self._go_to((self.iteration // each + 1) * each)

    @press("start over", tip="before the first iteration")
    def start_over(self):
        """Go back before the first iteration."""
        self._go_to(0)

    def _go_to(self, iteration):
        self._playing = False
        self.iteration = min(iteration, self.total)

    # ---- work --------------------------------------------------------------------------------------------------------

    @property
    def playing(self):
        """Whether it goes on by itself."""
        return self._playing and self.busy

    def _asked(self):
        """What the controls ask for; what is shown is `plan`, which they may have left behind on another thread."""
        return Plan(self.samples, self.batch_size, self.epochs, self.locked)

    def begin(self, changed):
        """Fewer samples take the batch size along, and another plan begins before its first iteration."""
        self.batch_size = min(self.batch_size, self.samples)
        asked = self._asked()
        if asked != self.plan:
            if self.plan is not None and ("locked" in changed or "iteration" not in changed):
                self.iteration = 0
            self.plan = asked
            self.redraw()
        self.iteration = min(self.iteration, asked.total)
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")

    def work(self):
        """Play on if that was asked for."""
        while self._playing and self.iteration < self.total:
            yield min(STEP_SECONDS, PLAY_SECONDS / self.total)
            self.iteration += 1
        self._playing = False

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The samples on the left, the plan on the right."""
        n, batch_size, epochs, locked = self.plan
        left, right = columns(figure, (1, 1.6), left=(0.1, 0.55), right=(0.05, 0.35), top=0.38, bottom=(0.4, 0.55))
        self._samples = views.sample_grid(left, n, MOST_SAMPLES)
        self._blocks = views.batch_plan(right, n, batch_size, epochs, locked=locked)
        return [self._samples, self._blocks]

    def position(self):
        """Epoch, counted from 1, and batch in it, counted from 0, of the last iteration; (0, -1) before the first."""
        each = self.plan.per_epoch
        return (0, -1) if self.done == 0 else (1 + (self.done - 1) // each, (self.done - 1) % each)

    def show(self):
        """Bring the views up to date."""
        self.done = min(self.iteration, self.plan.total)
        epoch, at = self.position()
        used = np.full(self.plan.samples, -1)
        for i, batch in enumerate(batches(max(epoch, 1), self.plan.samples, self.plan.batch_size, self.seed)[: at + 1]):
            used[batch] = i
        count = f"{(used >= 0).sum()} of {len(used)} samples used"
        heading = f"epoch {epoch}: {count}" if epoch else f"{counted(len(used), 'sample')}, none used yet"
        self._samples.update(used, at, self.done - at - 1, heading)
        self._blocks.update(self.done)

    def words(self):
        """What the picture shows, in words."""
        (epoch, at), (n, each, epochs, locked) = self.position(), self.plan
        if locked:
            planned = f"batch size {each}, {counted(epochs, 'epoch')}, {counted(n, 'sample')}"
            return f"{planned}: the batches are shown once you have predicted."
        per_epoch, size = self.plan.per_epoch, min(each, n - at * each)
        text = f"batch size {each}, epoch {epoch}, iteration {self.done}: "
        if not epoch:
            return f"{text}nothing is used yet. Each epoch will be {counted(per_epoch, 'batch', 'batches')}."
        text += f"this batch is the {_nth(at + 1)} of {per_epoch} in this epoch and has {counted(size, 'sample')}"
        text += ", fewer than the others" if size < each else ""
        text += f". In this epoch {min((at + 1) * each, n)} of {n} samples have been used."
        if at + 1 == per_epoch:
            text += f" Epoch {epoch} is complete: every sample was used once in it."
        return text + (" This is the last iteration." if self.done == self.plan.total else "")

    def facts(self):
        """What is counted."""
        n, each, epochs, locked = self.plan
        if locked:
            return []
        per_epoch = self.plan.per_epoch
        return [
            f"\u2308{n} / {each}\u2309 = {counted(per_epoch, 'iteration')} per epoch",
            f"{counted(epochs, 'epoch')} = {counted(self.plan.total, 'iteration')}",
            f"last batch of an epoch: {counted(n - (per_epoch - 1) * each, 'sample')}",
        ]

    def __repr__(self):
        return "Counting epochs, batches and iterations"


def _nth(count):
    ending = "th" if count // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"
