"""The overfitting lab: a run that is trained while the sliders move, its fit beside its losses. No mathematics."""

import functools
import math
import time
from types import SimpleNamespace

import ipywidgets as widgets
import jax
import numpy as np
import optax

from . import data, pieces, plots
from .data import check_integer, check_number
from .descent import WIDTHS, fit
from .stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words

SLICE_SECONDS = 0.010  # of training between two looks at the controls
BAND = 5  # seeds in a band
LOST = 10  # times the loss at the start: a run that diverges is not drawn beyond
FAR = 50  # deviations, beyond which no standardised data are expected: a few hundred samples reach 3 or 4
CONTROLS = ("batch size", "epochs", "learning rate", "dataset", "noise", "seed", "against", "buttons")


@functools.lru_cache(maxsize=64)
def predictor(predict, platform):
    """A model's `predict`, compiled as quickly as it can be, for pictures: its outputs are NumPy arrays."""
    jitted = jax.jit(predict, compiler_options={"xla_backend_optimization_level": 0} if platform == "cpu" else None)
    return lambda params, x: np.asarray(jitted(params, x))


class Lab(Stage):
    """The overfitting lab: the fit beside training and validation loss, live.

    Moving any control but `epochs` trains anew from the same start and in the same order of samples, so that two
    settings differ in nothing else. The epochs slider looks up what has been trained, and trains on when it is moved
    beyond.

    Args:
        problem: a `Problem`, or the name of a dataset: "noisy sine", "two moons" or "digits".
        hidden: widths of the hidden layers.
        batch_size, learning_rate, epochs: where the lab starts. None, here and above, takes `data.DEFAULTS`.
        optimizer: an optax factory that takes a learning rate.
        seed: start and shuffles.
        controls: which controls to show, of `live.CONTROLS`.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = Lab("noisy sine", epochs=50)
    >>> lab.batch_size.value = 6
    >>> lab.words()[:23]
    'batch size 6, epoch 50:'
    """

    def __init__(
        self,
        problem="noisy sine",
        *,
        hidden=None,
        batch_size=None,
        learning_rate=None,
        epochs=None,
        optimizer=optax.sgd,
        seed=0,
        controls=CONTROLS,
        locked=False,
    ):
        self._own = {} if isinstance(problem, str) else {data.check_problem(problem).name: problem}
        first = next(iter(self._own), problem)
        if first not in self._own and first not in data.DATASETS:
            raise ValueError(f"there is no dataset {first!r}; choose one of {', '.join(data.DATASETS)}.")
        if unknown := sorted(set(controls) - set(CONTROLS)):
            raise ValueError(f"there is no control {unknown[0]!r}; choose from {', '.join(CONTROLS)}.")
        given = {"hidden": hidden, "batch_size": batch_size, "learning_rate": learning_rate, "num_epochs": epochs}
        self._start = {name: value for name, value in given.items() if value is not None}
        self._optimizer, self._seed, self._first = optimizer, check_integer("seed", seed, 0, 2**31 - 1 - BAND), first
        self.run, self.kept, self._kept_artists = None, [], []
        self._quiet, self._words_due, self._prepared = False, 0.0, set()
        super().__init__(self._controls(controls), Picture())
        self._take(first)
        self.wait_for(self._pursue(prepare=False))  # the first picture does not wait for other widths' programs
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        if locked:
            self.locked = True
        else:
            self.start(self._prepare())

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self, shown):
        style, wide = {"description_width": "6.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        names = [*self._own, *(name for name in data.DATASETS if name not in self._own)]
        self.dataset = widgets.Dropdown(
            options=names, value=self._first, description="dataset", style=style, layout=wide
        )
        self.against = widgets.Dropdown(options=list(plots.AXES), description="against", style=style, layout=wide)
        self.batch_size = LogIntegerControl("batch size", self._check_batch_size, self.fail, **look)
        self.epochs = NumberControl(
            widgets.IntSlider(description="epochs", **look),
            lambda value: check_integer("epochs", value, 0, 100_000),
            self.fail,
        )
        self.learning_rate = NumberControl(
            widgets.FloatLogSlider(description="learning rate", min=-4, max=1, step=0.02, value=0.1, **look),
            lambda value: check_number("learning rate", value, 0, 1e3, low_allowed=False),
            self.fail,
        )
        self.noise = NumberControl(
            widgets.FloatSlider(description="noise", max=1, step=0.05, **look),
            lambda value: check_number("noise", value, 0, 1),
            self.fail,
        )
        self.seed = NumberControl(
            widgets.IntSlider(description="seed", max=20, **look),
            lambda value: check_integer("seed", value, 0, 2**31 - 1 - BAND),
            self.fail,
        )
        self.seed.value = self._seed
        self.band = widgets.Checkbox(description=f"band over {BAND} seeds", indent=False, layout={"width": "12em"})
        self.logarithmic = widgets.Checkbox(True, description="log axis", indent=False, layout={"width": "8em"})
        self._buttons = [widgets.Button(description=name, layout={"width": "6em"}) for name in ("run", "keep", "reset")]
        for button, action, tip in zip(
            self._buttons,
            (self._run_or_pause, self._keep, self._reset),
            ("pause, or train on", "keep these curves to compare with", "all controls back, kept curves away"),
            strict=True,
        ):
            button.tooltip = tip
            button.on_click(action)
        self._numbers = (self.batch_size, self.epochs, self.learning_rate, self.noise, self.seed)
        self._choices = (self.dataset, self.band, self.against, self.logarithmic)
        for control in (*self._numbers, *self._choices):
            control.observe(self._moved, "value")
        columns = (
            {"batch size": self.batch_size, "epochs": self.epochs, "learning rate": self.learning_rate},
            {"dataset": self.dataset, "noise": self.noise, "seed": self.seed, "against": self.against},
        )
        boxes = [widgets.VBox([box for name, box in column.items() if name in shown]) for column in columns]
        self._buttons += [box for name, box in (("seed", self.band), ("against", self.logarithmic)) if name in shown]
        row = widgets.HBox(self._buttons if "buttons" in shown else [])
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        return [widgets.HBox(boxes, layout=wrap), row]

    def _check_batch_size(self, value):
        n = self.batch_size.high
        return check_integer("batch size", value, 1, n, f"1 is SGD, {n} (all samples) is full-batch gradient descent.")

    @in_words
    def _moved(self, _change):
        if not self._quiet:
            self.start(self._pursue())

    @in_words
    def _run_or_pause(self, _button):
        if self.busy:
            self._buttons[0].description = "run"
            self.pause()
        elif self.run.num_epochs >= self._target():
            self.epochs.value = self.run.num_epochs + self._horizon
        else:
            self.start(self._pursue())

    @in_words
    def _keep(self, _button):
        if self.run is not None and self.run.num_epochs:
            shown = self.noise.layout.display is None
            noise = f", {self.noise.slider.description} {self.noise.value:.3g}" if shown else ""
            seeds = f"seed {self.run.seed}" if self.run.seeds is None else f"{self.run.seeds} seeds"
            label = f"kept: B = {self.run.batch_size}, rate {self.run.learning_rate:.3g}{noise}, {seeds}"
            names = ("num_epochs", "train_loss", "val_loss", *list(plots.AXES.values())[1:])
            curves = SimpleNamespace(label=label, **{name: getattr(self.run, name) for name in names})
            self.kept = [*self.kept, curves][-len(plots.KEPT) :]
        if self.busy:
            self.start(self._pursue())
        else:
            self.pause()

    @in_words
    def _reset(self, _button):
        self._quiet = True
        try:
            self.seed.value, self.band.value = self._seed, False
            self.against.value, self.logarithmic.value = "epochs", True
        finally:
            self._quiet = False
        self._take(self.dataset.value)
        self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in self._numbers:
            control.disable(self.locked)
        for control in (*self._choices, *self._buttons):
            control.disabled = self.locked
        if not self.locked:
            self.run = None  # the run begins when the reader has said what it will do
        self.start(self._pursue())

    def _take(self, name):
        """Bring a dataset onto the stage: its problem, its default settings, its views."""
        settings = {**data.OWN, **({} if name in self._own else data.DEFAULTS[name])}
        settings |= self._start if name == self._first else {}
        self._quiet = True
        try:
            self.noise.slider.description = "label noise" if name == "digits" else "noise"
            self.noise.layout.display = "none" if name in self._own else None
            self.noise.value = data.NOISE.get(name, 0.0)
            self._load()
            n = len(self.problem.x)
            asked = settings["batch_size"] if "batch_size" in self._start else min(settings["batch_size"], n)
            self.batch_size.set_range(n, check_integer("batch_size", asked, 1, n, f"There are {n} training samples."))
            self.batch_size.hint.value = f"1: SGD, {n}: full-batch GD"
            self._horizon = check_integer("epochs", settings["num_epochs"], 1, 50_000)
            self.epochs.set_range(2 * self._horizon, self._horizon, step=max(1, self._horizon // 600))
            self.learning_rate.value = self.learning_rate.check(settings["learning_rate"])
            self.dataset.value = name
        finally:
            self._quiet = False
        self._model = {"hidden": settings["hidden"], "optimizer": self._optimizer}
        self.run, self.kept = None, []

    def _load(self):
        """Make the problem that the controls ask for, and axes and views for it."""
        name = self.dataset.value
        self._loaded = name, self.noise.value
        noise = {"label_noise" if name == "digits" else "noise": self.noise.value}
        self.problem = self._own[name] if name in self._own else data.load(name, **noise)
        figure = self.picture.clear()
        left, self._axes = figure.subplots(1, 2, width_ratios=(1, 1.4))
        figure.subplots_adjust(left=0.07, right=0.97, top=0.9, bottom=0.13, wspace=0.14)
        self._left = plots.fit_view(left, self.problem, self._predict)
        self._right = plots.loss_curves(self._axes, self.problem)
        if name in self._own:  # names of classes, numbers in units of their own
            plots.keep_labels(left)
        self.picture.artists = [*self._left.artists, *self._right.artists]
        self._limits, self._kept_artists, self._kept_drawn = None, [], None

    def _predict(self, params, x):
        return predictor(self.run.model.predict, pieces.device_of().platform)(params, x)

    # ---- work --------------------------------------------------------------------------------------------------------

    def _target(self):
        return 0 if self.locked else max(self._horizon, self.epochs.value)

    def _pursue(self, prepare=True):
        """Train what the controls ask for, slice by slice."""
        if self._loaded != (self.dataset.value, self.noise.value):
            if self._loaded[0] != self.dataset.value:
                self._buttons[0].description = "pause"
                self.say(f"Preparing {self.dataset.value}: its programs are compiled once.")
                yield
                self._take(self.dataset.value)
            else:
                self._load()
            self.run = None
        settings = {
            "batch_size": self.batch_size.value,
            "learning_rate": self.learning_rate.value,
            "seed": self.seed.value,
            "seeds": BAND if self.band.value else None,
        }
        stale = self.run is None or any(getattr(self.run, name) != value for name, value in settings.items())
        if stale or (self.locked and self.run.num_epochs):  # a locked lab keeps the outcome to itself
            self.run = fit(self.problem, num_epochs=0, **settings, **self._model)
        if not self.locked:
            self.say("")
        count = 1
        while self.run.num_epochs < self._target() and self.lost_at() is None:
            began, run = time.perf_counter(), self.run
            run.train(min(count, self._target() - run.num_epochs))
            count = max(1, round(count * min(4.0, SLICE_SECONDS / (time.perf_counter() - began))))
            yield
            self._buttons[0].description = "pause"  # after the first picture, which is on its way by now
        self._buttons[0].description = "run"
        self.say(*self._verdict())
        if prepare:
            yield from self._prepare()

    def _prepare(self):
        """Once for a problem and model: compile what other batch sizes need, before they are asked for."""
        signature = self.run.model, self.problem.x.shape, self.problem.x_val.shape, self.band.value
        for width in () if signature in self._prepared or self.locked else WIDTHS:
            self.run.prepare([width])
            yield
        self._prepared.add(signature)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def lost_at(self):
        """The first epoch at which a loss of the run is not a finite number, or None."""
        lost = [self.run.diverged_at] if self.run.seeds is None else self.run.diverged_at
        return min((at for at in lost if at is not None), default=None)

    def shown_epoch(self):
        """The epoch that the picture shows: what the slider says, as far as the run has come and makes sense."""
        if self.lost_at() is None:
            return min(self.epochs.value, self.run.num_epochs)
        loss = plots.middle(self.run.train_loss)[: self.lost_at()]
        return min(self.epochs.value, int(np.flatnonzero(loss <= LOST * loss[0])[-1]))

    def show(self):
        """Bring picture and words up to date."""
        if self.run is None:
            return
        epoch = self.shown_epoch()
        params = self.run.params_at(epoch)
        self._left.update(params if self.run.seeds is None else jax.tree.map(lambda leaf: leaf[0], params), epoch)
        self._fit_axes()
        self._right.update(self.run, epoch, self.against.value)
        self.picture.show()
        if not self.busy or time.perf_counter() >= self._words_due:
            self.speak()
            self.counters.value = self._count()
            self._words_due = time.perf_counter() + 0.5

    def _fit_axes(self):
        """Limits that only grow while a problem is shown, so that runs can be compared, and the kept curves.

        They grow in steps, since to draw the axes anew takes as long as three frames.
        """
        axis, run, axes, logarithmic = self.against.value, self.run, self._axes, self.logarithmic.value
        target = run.num_epochs if self.lost_at() is not None else max(self._target(), run.num_epochs)
        reach = plots.along(run, axis)[-1] / max(run.num_epochs, 1) * max(target, 1)
        right = max([reach, *(plots.along(kept, axis)[-1] for kept in self.kept)]) or 1.0
        old_axis, _, old_right, low, high = self._limits or (axis, logarithmic, 0.0, math.inf, 0.0)
        if axis == old_axis == "seconds" and self.busy and plots.along(run, axis)[-1] <= old_right:
            right = old_right  # the estimate wavers while the run goes on
        losses = np.concatenate([plots.middle(loss) for loss in (run.train_loss, run.val_loss)])
        losses = np.maximum(losses[np.isfinite(losses)], np.finfo(np.float32).tiny)
        ceiling = LOST * float(plots.middle(run.val_loss)[0])
        low = min(low, plots.round_number(losses.min() / 1.1, up=False))
        high = max(high, plots.round_number(1.1 * min(losses.max(), ceiling), up=True))
        first = {"epochs": 1.0, "iterations": 1.0, "samples seen": 10.0 ** math.floor(math.log10(len(run.problem.x)))}
        first = first.get(axis, 10.0 ** math.floor(math.log10(right / 1000)))
        if self._limits != (axis, logarithmic, right, low, high):
            self._limits = axis, logarithmic, right, low, high
            plots.set_limits(axes, right, low, high, axis, first if logarithmic else None)
            self.picture.redraw(axes)
        if self._kept_drawn != (axis, logarithmic, [id(kept) for kept in self.kept]):
            self._kept_drawn = axis, logarithmic, [id(kept) for kept in self.kept]
            for artist in self._kept_artists:
                artist.remove()
            pairs = zip(self.kept, plots.KEPT, strict=False)
            self._kept_artists = [line for kept, color in pairs for line in plots.kept_curves(axes, kept, axis, color)]
            if (legend := plots.kept_legend(axes)) is not None:
                self._kept_artists.append(legend)
            self.picture.artists = [*self._left.artists, *self._right.artists, *self._kept_artists[-1:]]
            self.picture.redraw(axes)

    def _verdict(self):
        """What to say when a run has come to its end, and whether it is an alarm."""
        if self.locked:
            return ("Make your prediction above, or skip it: then the controls unlock and the run begins.",)
        if self.lost_at() is not None:
            largest = max(float(np.abs(values).max()) for values in (self.problem.x, self.problem.y))
            far = largest > FAR and not self.problem.standardised
            raw = f" Its data go up to {largest:.3g}: bl.Problem.from_arrays standardises them." if far else ""
            return (
                f"The run diverged: from epoch {self.lost_at()} on its loss is no longer a finite number. The learning "
                f"rate {self.run.learning_rate:.3g} is too high for batch size {self.run.batch_size}; lower it.{raw}",
                True,
            )
        return ("",)

    def words(self):
        """What the picture shows, in words."""
        run, epoch = self.run, self.shown_epoch()
        train, val = plots.middle(run.train_loss)[epoch], plots.middle(run.val_loss)
        best = plots.best_epoch(run)
        text = (
            f"batch size {run.batch_size}, epoch {epoch}: training loss {train:.3g}, validation loss {val[epoch]:.3g}"
        )
        if run.problem.kind == "classification":
            text += f", validation accuracy {plots.middle(run.val_accuracy)[epoch]:.1%}"
        if run.seeds:
            text += f" (medians of {run.seeds} seeds)"
        if self.lost_at() is not None:
            return f"{text}. The run diverged at epoch {self.lost_at()}."
        if run.num_epochs == 0:
            return f"{text}. Nothing has been trained yet."
        text += (
            f". Lowest validation loss {'of this run' if epoch < best else 'so far'} {val[best]:.3g}, at epoch {best}. "
        )
        if epoch < plots.near_lowest(run):
            return text + "Underfitting: the lowest is still to come."
        if epoch < best:
            return text + "It is near its lowest already."
        if epoch > best and plots.overfits(run):
            return text + f"Overfitting: the validation loss is {val[epoch] / val[best]:.2f} times its lowest."
        return text + "This is the best epoch." if epoch == best else text + "No overfitting so far."

    def _count(self):
        run = self.run
        each = f"{run.seconds[-1] / max(run.num_epochs, 1) * 1e3:.3g} ms per epoch"
        cells = (
            f"N = {len(run.problem.x)} training samples",
            f"{run.iterations_per_epoch} iteration{'s' if run.iterations_per_epoch > 1 else ''} per epoch",
            f"{run.num_epochs} epochs = {run.iterations[-1]:,} iterations = {run.samples_seen[-1]:,} samples seen",
            each,
        )
        return facts(cells)

    def __repr__(self):
        return f"Lab: {self._first}"
