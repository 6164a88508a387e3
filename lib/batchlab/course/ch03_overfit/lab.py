"""The overfitting lab: a run that is trained while the sliders move, its fit beside its losses. No mathematics."""

import functools
import math
import time
from types import SimpleNamespace

import jax
import numpy as np
import optax

from ... import data, pieces
from ...descent import fit
from ...live import Menu, Number, Tick, Whole, columns, press
from .. import plots
from ..placing import QUICKER, device_menu, in_place, on_device
from ..prepared import Prepared
from . import views

SLICE_SECONDS = 0.010  # of training between two looks at the controls
BAND = 5  # seeds in a band
LOST = 10  # times the loss at the start: a run that diverges is not drawn beyond
FAR = 50  # deviations, beyond which no standardised data are expected: a few hundred samples reach 3 or 4
LAST_SEED = 2**31 - 1 - BAND
# The draw of each dataset that is shown first: of the default runs on draws 0 to 9, that with the sixth-earliest best
# epoch. So the picture shows neither a lucky draw nor an unlucky one.
DRAWS = {"noisy sine": 7, "two moons": 5, "digits": 2}


@functools.lru_cache(maxsize=64)
def predictor(predict, platform):
    """A model's `predict`, compiled as quickly as it can be, for pictures: its outputs are NumPy arrays."""
    jitted = jax.jit(predict, compiler_options={"xla_backend_optimization_level": 0} if platform == "cpu" else None)
    return lambda params, x: np.asarray(jitted(params, x))


def own_data(lab):
    """Whether a reader's own data are shown: they have the noise that they have."""
    return lab.dataset in lab.own


class Lab(Prepared):
    """The overfitting lab: the fit beside training and validation loss, live.

    Moving any control but `epochs` trains anew from the same start and in the same order of samples, so that two
    settings differ in nothing else. The epochs slider looks up what has been trained, and trains on when it is moved
    beyond.

    Args:
        problem: a `Problem`, or the name of a dataset: "noisy sine", "two moons" or "digits".
        hidden: widths of the hidden layers. None, here and for batch_size, learning_rate and epochs, takes
            `data.DEFAULTS`.
        optimizer: an optax factory that takes a learning rate.
        controls, locked: see `Live`; while locked the outcome is hidden.
        focus: the control that gets the keys, see `Live`.
        start: begin at this epoch, and train no further than the slider asks; None trains all epochs at once.
        settings: where the controls begin: batch_size, learning_rate, epochs, seed, noise, data_seed.

    >>> lab = Lab("noisy sine", epochs=50)
    >>> lab.batch_size = 6
    >>> lab.words()[:23]
    'batch size 6, epoch 50:'
    """

    recorded = (("dataset", 3), ("noise", 3), ("learning_rate", 4), ("batch_size", 8), ("epochs", 30))

    batch_size = Whole(
        "batch size",
        1,
        lambda lab: lab.n,
        3,
        log=True,
        hint=lambda lab: f"1: SGD, {lab.n}: full-batch GD",
        remedy=lambda lab: f"1 is SGD, {lab.n} (all samples) is full-batch gradient descent.",
    )
    epochs = Whole("epochs", 0, 100_000, 0, log=True, slider=lambda lab: (0, 2 * lab.horizon))
    learning_rate = Number("learning rate", 0, 1e3, 0.05, log=True, slider=(1e-4, 10), low_allowed=False)
    dataset = Menu("dataset", lambda lab: [*lab.own, *(name for name in data.DATASETS if name not in lab.own)])
    noise = Number(lambda lab: "label noise" if lab.dataset == "digits" else "noise", 0, 1, 0.3, hidden=own_data)
    data_seed = Whole("data seed", 0, LAST_SEED, 0, slider=(0, 9), tip="which samples are drawn", hidden=own_data)
    seed = Whole("seed", 0, LAST_SEED, 0, slider=(0, 20), tip="which start and which shuffles")
    against = Menu("against", plots.AXES)

    def __init__(
        self,
        problem="noisy sine",
        *,
        hidden=None,
        optimizer=optax.sgd,
        controls=None,
        locked=False,
        focus="",
        start=None,
        **settings,
    ):
        self.problem = data.load(problem) if isinstance(problem, str) else data.check_problem(problem)
        self._first = self.problem.name
        self.own = {} if isinstance(problem, str) else {self._first: problem}
        self._hidden, self._optimizer, self._start = hidden, optimizer, start
        self._given = {name: value for name, value in settings.items() if value is not None}
        self.run, self.kept, self._paused = None, [], False
        self.horizon, self._loaded = 1, None
        super().__init__(controls=controls, locked=locked, focus=focus, dataset=self._first, **self._given)

    @property
    def n(self):
        """Number of training samples."""
        return len(self.problem.x)

    @press(lambda lab: "pause" if lab.busy else "run", tip="pause, or train on")
    def run_or_pause(self):
        """Leave the run as it stands, or train on."""
        self._paused = self.busy
        if not self.busy and self.run.num_epochs >= self._target():
            self.epochs = self.run.num_epochs + self.horizon

    @press("best epoch", tip="go to the epoch with the lowest validation loss so far")
    def go_to_best(self):
        """Show the epoch with the lowest validation loss."""
        self.epochs = views.best_epoch(self.run)

    @press("keep", tip="keep these curves to compare with")
    def keep(self):
        """Keep the curves of this run beside the next ones."""
        run, (name, noise, data_seed) = self.run, self._loaded  # what it was trained with, whatever is wished by now
        if not run.num_epochs:
            return
        settings = [f"B = {run.batch_size}", f"rate {run.learning_rate:g}"]
        if name not in self.own:
            settings.append(f"{Lab.noise.look(self, 'label')} {noise:g}")
            settings += [f"data seed {data_seed}"] if data_seed != DRAWS[name] else []
        settings.append(f"seed {run.seed}" if run.seeds is None else f"{run.seeds} seeds from {run.seed}")
        curves = {field: getattr(run, field) for field in ("train_loss", "val_loss", *plots.AXES.values())}
        others = [one for one in self.kept if one.settings != settings]
        self.kept = [*others, SimpleNamespace(settings=settings, **curves)][-len(plots.KEPT) :]

    @press("reset", tip="all controls back, kept curves away")
    def reset(self):
        """Put all controls back."""
        self.seed, self.band, self.against, self.logarithmic = self._given.get("seed", 0), False, "epochs", True
        self.device = QUICKER
        self._take(self.dataset)

    def clicked(self, x, y):
        """Go to the epoch whose losses lie at a place of the curves."""
        if plots.point_in(self._axes, x, y) is not None:
            epochs = plots.across(self._axes, plots.along(self.run, self.against))
            place = (x - self._axes.bbox.x0) / self._axes.bbox.width
            self.epochs = int(np.abs(epochs - place).argmin())

    band = Tick(f"band over {BAND} seeds")
    logarithmic = Tick("logarithmic axis", True)
    device = device_menu()

    # ---- data --------------------------------------------------------------------------------------------------------

    def _take(self, name):
        """Bring a dataset onto the stage: its problem, its default settings."""
        given = self._given if name == self._first else {}
        settings = data.OWN if name in self.own else data.DEFAULTS[name]
        self.noise = given.get("noise", data.NOISE.get(name, 0.0))
        self.data_seed = given.get("data_seed", DRAWS.get(name, 0))
        self.kept = []  # curves of another dataset cannot be compared
        self._load(name)
        self.horizon = given.get("epochs", settings["num_epochs"])
        self.epochs = self.horizon if self._start is None else self._start
        self.batch_size = given.get("batch_size", min(settings["batch_size"], self.n))
        self.learning_rate = given.get("learning_rate", settings["learning_rate"])
        hidden = settings["hidden"] if self._hidden is None else self._hidden
        self._model = {"hidden": hidden, "optimizer": self._optimizer}

    def _load(self, name):
        """Make the problem that the controls ask for; the picture is drawn for it."""
        noise = {"label_noise" if name == "digits" else "noise": self.noise}
        self.problem = self.own.get(name) or data.load(name, seed=self.data_seed, **noise)
        self._loaded, self.run = (name, self.noise, self.data_seed), None
        self.redraw()

    def begin(self, changed):
        """The first dataset is taken at once, a later one after a word to the reader; see `work`."""
        if self._loaded is None:
            self._take(self._first)
        if not changed <= {"run_or_pause", "keep", "against", "logarithmic"}:
            self._paused = False

    # ---- work --------------------------------------------------------------------------------------------------------

    def _target(self):
        return 0 if self.locked else max(self.epochs, self.horizon if self._start is None else 0)

    def trained(self):
        """The dataset with its model."""
        return self.problem, {**self._model, "seeds": BAND if self.band else None}

    @on_device
    def work(self):
        """Train what the controls ask for, slice by slice."""
        if self._loaded != (self.dataset, self.noise, self.data_seed):
            if self._loaded[0] != self.dataset:
                self.say(f"Preparing {self.dataset}: its programs are compiled once.")
                yield
                self._take(self.dataset)
            else:
                self._load(self.dataset)
        settings = {name: getattr(self, name) for name in ("batch_size", "learning_rate", "seed")}
        settings["seeds"] = BAND if self.band else None
        stays = self.run is not None and in_place(self.run) and not (self.locked and self.run.num_epochs)
        if not stays or any(getattr(self.run, name) != value for name, value in settings.items()):
            self.run = fit(self.problem, num_epochs=0, **settings, **self._model)
        if not self.locked:
            self.say("")
        count = 1
        while not self._paused and self.run.num_epochs < self._target() and self.lost_at() is None:
            began, run = time.perf_counter(), self.run
            run.train(min(count, self._target() - run.num_epochs))
            count = max(1, round(count * min(4.0, SLICE_SECONDS / (time.perf_counter() - began))))
            yield
        self.say(*self._verdict())
        yield from self.prepare()

    def programs(self):
        """Those of the model and the shape of the data, whatever the batch size."""
        return self.run, (self.run.model, self.problem.x.shape, self.problem.x_val.shape, self.band)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The fit on the left, the losses on the right."""
        left, self._axes = columns(figure, (1, 1.4), left=(0.5, 0.6), right=(0.15, 0.22), top=0.38, bottom=0.5)
        self._left = views.fit_view(left, self.problem, self._predict)
        self._right = views.loss_curves(self._axes, self.problem)
        views.keep_labels(left)  # names of classes, numbers in units of their own
        self._kept, self._limits = views.kept_runs(self._axes), None
        return [self._left, self._right, self._kept]

    def _predict(self, params, x):
        with self.there():
            return predictor(self.run.model.predict, pieces.device_of(self.problem).platform)(params, x)

    def lost_at(self):
        """The first epoch at which a loss of the run is not a finite number, or None."""
        lost = [self.run.diverged_at] if self.run.seeds is None else self.run.diverged_at
        return min((at for at in lost if at is not None), default=None)

    def shown_epoch(self):
        """The epoch that the picture shows: what the slider says, as far as the run has come and makes sense."""
        if self.lost_at() is None:
            return min(self.epochs, self.run.num_epochs)
        loss = plots.median(self.run.train_loss)[: self.lost_at()]
        return min(self.epochs, int(np.flatnonzero(loss <= LOST * loss[:1]).max(initial=0)))

    def show(self):
        """Bring the views up to date."""
        epoch = self.shown_epoch()
        params = self.run.params_at(epoch)
        self._left.update(params if self.run.seeds is None else jax.tree.map(lambda leaf: leaf[0], params), epoch)
        self._fit_axes()
        self._right.update(self.run, epoch, self.against)

    def _fit_axes(self):
        """Limits that only grow while a problem is shown, so that runs can be compared, and the kept curves.

        They grow in steps, so that what stands still seldom changes.
        """
        axis, run, axes, logarithmic = self.against, self.run, self._axes, self.logarithmic
        target = run.num_epochs if self.lost_at() is not None else max(self._target(), self.horizon, run.num_epochs)
        reach = target if axis == "epochs" else plots.along(run, axis)[-1] / max(run.num_epochs, 1) * max(target, 1)
        right = max([reach, *(plots.along(kept, axis)[-1] for kept in self.kept)]) or 1.0
        old_axis, old_right, low, high, *_ = self._limits or (axis, 0.0, math.inf, 0.0)
        if axis == old_axis == "seconds" and self.busy and plots.along(run, axis)[-1] <= old_right:
            right = old_right  # the estimate wavers while the run goes on
        runs = [run] if self._limits else [run, *self.kept]  # limits that there are hold the kept runs
        losses = [plots.median(loss) for one in runs for loss in (one.train_loss, one.val_loss)]
        losses = np.concatenate(losses)
        losses = losses[np.isfinite(losses)] if np.isfinite(losses).any() else np.ones(1)
        losses = np.maximum(losses, np.finfo(np.float32).tiny)
        ceiling = LOST * float(plots.median(run.val_loss)[0])
        low = min(low, views.round_number(losses.min() / 1.1, up=False))
        high = max(high, views.round_number(1.1 * min(losses.max(), ceiling), up=True))
        first = {"epochs": 1.0, "iterations": 1.0, "samples seen": 10.0 ** math.floor(math.log10(len(run.problem.x)))}
        first = first.get(axis, 10.0 ** math.floor(math.log10(right / 1000)))
        limits = axis, right, low, high, logarithmic, [id(kept) for kept in self.kept]
        if self._limits != limits:
            self._limits = limits
            views.set_limits(axes, right, low, high, axis, first if logarithmic else None)
            self._kept.update(self.kept, axis)

    def _verdict(self):
        """What to say when a run has come to its end, and whether it is an alarm."""
        if self.locked:
            return ("Make your prediction above, or skip it: then the controls unlock and the run begins.",)
        if self.lost_at() is None:
            return ("",)
        problem = self.problem
        largest = max(float(np.abs(values).max()) for values in (problem.x, problem.y, problem.x_val, problem.y_val))
        far = largest > FAR and not problem.standardised
        raw = f" Its data go up to {largest:.3g}: bl.Problem.from_arrays standardises them." if far else ""
        if self.lost_at() == 0:
            return f"The loss is no finite number even before training.{raw}", True
        return (
            f"The run diverged: from epoch {self.lost_at()} on its loss is no longer a finite number. The learning "
            f"rate {self.run.learning_rate:.3g} is too high for batch size {self.run.batch_size}; lower it.{raw}",
            True,
        )

    def words(self):
        """What the picture shows, in words: a headline, whose numbers stand in `facts`."""
        run, epoch, lost = self.run, self.shown_epoch(), self.lost_at()
        val, best = plots.median(run.val_loss), views.best_epoch(run)
        if lost is not None:
            said = f"the run diverged at epoch {lost}."
        elif run.num_epochs == 0:
            said = "nothing has been trained yet."
        elif epoch < views.near_lowest(run):
            said = "underfitting. The lowest validation loss is still to come."
        elif epoch < best:
            said = "near the lowest validation loss."
        elif epoch == best:
            said = "the lowest validation loss so far." if best == run.num_epochs else "This is the best epoch."
        elif views.overfits(run):
            said = f"overfitting. The validation loss is {val[epoch] / val[best]:.2f} times its lowest."
        else:
            said = "no clear rise of the validation loss so far."
        return f"batch size {run.batch_size}, epoch {epoch}: {said}"

    def facts(self):
        """What is measured and counted."""
        run, epoch = self.run, self.shown_epoch()
        train, val = plots.median(run.train_loss), plots.median(run.val_loss)
        said = [f"training loss {train[epoch]:.3g}", f"validation loss {val[epoch]:.3g}"]
        if run.problem.kind == "classification":
            said.append(f"validation accuracy {plots.median(run.val_accuracy)[epoch]:.1%}")
        if run.num_epochs and self.lost_at() is None:
            best = views.best_epoch(run)
            said.append(f"lowest {val[best]:.3g} at epoch {best}")
        if run.seeds:
            said.append(f"medians of {run.seeds} seeds")
        each = plots.counted(run.iterations_per_epoch, "iteration")
        said.append(f"{self.n} training samples, {each} per epoch")
        return [*said, f"{run.iterations[-1]:,} iterations trained", *self.place_said()]

    def __repr__(self):
        return f"Lab: {self._first}"
