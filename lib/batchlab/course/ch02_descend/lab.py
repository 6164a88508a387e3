"""Three descents on one loss surface, drawn as they go."""

import functools

import jax
import numpy as np
import optax

from ...live import Menu, Number, Tick, Whole, press
from .. import plots
from ..placing import device_menu, in_place, on_device
from ..prepared import Prepared
from . import views
from .surfaces import SURFACES, N, Walk, decayed_sgd, scene, surface

PLAY_SECONDS, PLAY_FRAMES = 5.0, 125  # to draw the paths as they go
HORIZONS = (0.05, 0.1, 0.2, 0.5, 1.0)  # how long the axis of the losses can be, in parts of the longest


def _window(axis, end):
    """The limit of a start: where the picture ends."""
    return lambda lab: scene(lab.surface).window[axis][end]


class Descents(Prepared):
    """Gradient descent, stochastic and mini-batch descent from one start on one loss surface, drawn as they go.

    Every path is a run of `batchlab.fit`; the three differ in the batch size alone. Moving a control draws them anew;
    `play` draws them as they go. All stop after the same number of epochs or iterations.

    Args:
        surface: "straight line" or "two bumps".
        learning_rate: None takes that of the surface.
        start: where the paths begin, a pair; None takes that of the surface.
        controls, locked: see `Live`; while locked no path is drawn.
        settings: where other controls begin: batch_size, epochs, iterations, same, seed, decay.

    >>> lab = Descents("straight line", batch_size=4)
    >>> lab.batch_size = 8
    >>> lab.words()[:25]
    'batch size 8, epoch 20: m'
    """

    recorded = (("learning_rate", 5), ("start_across", 9), ("batch_size", 7), ("epochs", 14))
    size, narrow_height = (9.0, 4.3), 9.0
    batch_size = Whole(
        "batch size",
        1,
        N,
        8,
        log=True,
        hint="of the mini-batch path",
        remedy=f"1 is SGD, {N} (all samples) is full-batch gradient descent.",
    )
    learning_rate = Number("learning rate", 0, 1e3, 0.05, log=True, slider=(1e-3, 3), low_allowed=False)
    epochs = Whole("epochs", 0, 100, 20, log=True, hidden=lambda lab: lab.same != "epochs")
    iterations = Whole("iterations", 0, 2000, 200, log=True, hidden=lambda lab: lab.same != "iterations")
    same = Menu("at equal", ["epochs", "iterations"])
    surface = Menu("surface", SURFACES)
    seed = Whole("seed", 0, 2**31 - 1, 0, slider=(0, 20))
    start_across = Number(lambda lab: f"start {scene(lab.surface).names[0]}", _window(0, 0), _window(0, 1), 0.0)
    start_up = Number(lambda lab: f"start {scene(lab.surface).names[1]}", _window(1, 0), _window(1, 1), 0.0)

    def __init__(
        self, surface="straight line", *, learning_rate=None, start=None, controls=None, locked=False, **settings
    ):
        self._loaded, self._chosen = None, set()
        self._playing, self._frames_played, self._until, self._followed = False, 0, 0, None
        self.walks, self._horizon = {}, None
        given = {"learning_rate": learning_rate} if learning_rate is not None else {}
        given |= dict(zip(("start_across", "start_up"), start or (), strict=start is not None))
        self._given = self._defaults(surface) | given | settings
        super().__init__(controls=controls, locked=locked, surface=surface, **self._given)

    @press(lambda lab: "pause" if lab.playing else "play", tip="draw the paths as they go, or pause")
    def play(self):
        """Draw the paths as they go: from where they were paused, or from the start."""
        self._playing = not self.playing
        if self._frames_played == PLAY_FRAMES:
            self._frames_played = 0
        self._follow()

    @press("reset", tip="all controls of this surface back")
    def reset(self):
        """Put every control where it was when the surface came up."""
        for name, value in self._given.items():
            setattr(self, name, value)

    decay = Tick("let the rate decay")
    device = device_menu()

    def _defaults(self, name):
        """Where the controls begin on a surface."""
        made = scene(name)
        first = {"learning_rate": made.learning_rate, "start_across": made.start[0], "start_up": made.start[1]}
        others = ("batch_size", "epochs", "iterations", "same", "seed", "decay")
        return first | {name: getattr(type(self), name).default_value for name in others}

    def clicked(self, x, y):
        """Place the start by a click on the surface."""
        point = plots.point_in(self.picture.figure.axes[0], x, y)
        if point is not None:
            self.start_across, self.start_up = (float(f"{value:.3g}") for value in point)

    # ---- what is asked for -------------------------------------------------------------------------------------------

    @property
    def amount(self):
        """How many epochs or iterations are asked for."""
        return getattr(self, self.same)

    @property
    def playing(self):
        """Whether the paths are being drawn as they go."""
        return self._playing and self.busy

    def begin(self, changed):
        """A control that the reader moves ends the playing, and all is drawn; the slider that follows it does not."""
        if self.same in changed:
            changed = changed - {self.same} if self.amount == self._followed else changed
            self._followed = None
        if "surface" in changed:
            self._chosen = changed  # what is set together with the surface is meant for it
        moved = changed & {self.same, "same", "surface", "locked"}
        if moved:
            self._until, self._frames_played = self.amount, 0
        if self._playing and changed - {"play"}:
            self._playing = False
            if not moved:
                setattr(self, self.same, self._until)
        if "locked" in changed and self.ready is not None and not self.locked:
            self._playing = True
            self._follow()

    def _settings(self):
        """What each descent is asked for: role -> settings of a `Walk`."""
        sizes = {"SGD": 1, "mini-batch": self.batch_size, "GD": N}
        optimizer = decayed_sgd if self.decay else optax.sgd
        common = {"learning_rate": self.learning_rate, "seed": self.seed, "optimizer": optimizer}
        return {role: {"batch_size": size, **common} for role, size in sizes.items()}

    def _updates(self, role, amount):
        """How many updates a descent makes in an amount of the unit."""
        each = self.walks[role].run.iterations_per_epoch if self.same == "epochs" else 1
        return int(amount * each + 1e-6)

    # ---- work --------------------------------------------------------------------------------------------------------

    def _load(self):
        """Bring the chosen surface up, with its settings, except for what was set together with it."""
        made, minima = surface(self.surface)
        if self._loaded is not None:
            kept = {"batch_size": self.batch_size, "seed": self.seed}
            self._given = self._defaults(self.surface) | kept
            for name, value in self._given.items():
                if name not in self._chosen:
                    setattr(self, name, value)
        self.walks = self._walks(made, {})
        self.scene, self.minima, self._loaded = made, minima, self.surface
        self._floor = float(made.losses(minima)[0])
        self.redraw()

    def _walks(self, made, old):
        """The three descents that are asked for; one that there is goes on."""
        start, walks = (self.start_across, self.start_up), {}
        for role, settings in self._settings().items():
            there = role in old and old[role].settings == (start, settings) and in_place(old[role].run)
            walks[role] = old[role] if there else Walk(made, start, **settings)
        return walks

    def trained(self):
        """The surface's data and its model of two parameters."""
        made = scene(self.surface)
        return made.problem, {"model": made.model, "optimizer": optax.sgd}

    @on_device
    def work(self):
        """Bring the three paths to where the controls ask for, slice by slice; then play."""
        if self.ready is not None and not self.locked and (self.surface, self.decay) not in self.ready:
            self.say("Preparing: the programs for this are compiled once.")
            yield
        if self._loaded != self.surface:
            self._load()
        self.walks = self._walks(self.scene, self.walks)
        for role, walk in () if self.locked else self.walks.items():
            while not walk.reach(self._updates(role, self._goal())):
                yield
        yield from self.prepare()
        self.say(*self._verdict())
        while self._playing and self._frames_played < PLAY_FRAMES:
            self._frames_played += 1
            self._follow()
            yield PLAY_SECONDS / PLAY_FRAMES
        self._playing = False

    def programs(self):
        """Those of the surface and the rule, whatever the batch size."""
        return self.walks["GD"].run, (self._loaded, self.decay)

    def _goal(self):
        """How far the paths will go."""
        return max(self._until, self.amount) if self._playing else self.amount

    def _position(self):
        """How far the paths are drawn: slowly at first, where most happens."""
        return self._until * (self._frames_played / PLAY_FRAMES) ** 2 if self._playing else self.amount

    def _follow(self):
        """Have the slider follow the picture."""
        position = int(self._position() + 1e-6)
        if position != self.amount:
            self._followed = position
            setattr(self, self.same, position)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The surface with the paths, what each has learnt, and how far its loss has come down."""
        view, self._losses = views.descents_view(figure, self.scene, self.minima, _outputs(self.scene.model))
        self._horizon = None
        return [view]

    def shown(self, role):
        """How many updates of a descent the picture shows."""
        if self.locked:
            return 0
        return min(self._updates(role, self._position()), len(self.walks[role].points) - 1)

    def show(self):
        """Bring the views up to date."""
        self._fit_axis()
        paths = {}
        for role, walk in self.walks.items():
            last = self.shown(role)
            each = walk.run.iterations_per_epoch
            places = np.arange(last + 1) / (each if self.same == "epochs" else 1)
            paths[role] = walk.points[: last + 1], walk.losses[: last + 1] - self._floor, places, each
        self.picture.views[0].update(paths, next(iter(self.walks.values())).points[0])

    def _fit_axis(self):
        """The horizontal axis of the losses: a round length, so that it seldom changes."""
        most = getattr(type(self), self.same).looks["high"]
        horizon = next(most * part for part in HORIZONS if most * part >= self._goal() - 1e-9)
        if self._horizon != (horizon, self.same):
            self._horizon = horizon, self.same
            self._losses.set(xlim=(0, horizon), xlabel=self.same)

    def _verdict(self):
        """What to say when all have arrived, and whether it is an alarm."""
        if self.locked:
            return ("Make your prediction above, or skip it: then the controls unlock and the paths are drawn.",)
        lost = [f"{role} (B = {walk.run.batch_size})" for role, walk in self.walks.items() if walk.lost()]
        if lost:
            them = "it" if len(lost) == 1 else "them"
            rate = f"{self.learning_rate:.3g}"
            return f"Diverged: {', '.join(lost)}. The learning rate {rate} is too high for {them}; lower it.", True
        return ("",)

    def words(self):
        """What the picture shows, in words."""
        parts = {role: _told(walk, self.shown(role), self.minima) for role, walk in self.walks.items()}
        mini = self.walks["mini-batch"].run
        epoch = self.shown("mini-batch") // mini.iterations_per_epoch
        text = f"batch size {mini.batch_size}, epoch {epoch}: mini-batch descent made {parts['mini-batch']}. "
        text += f"GD (B = {N}) made {parts['GD']}. SGD (B = 1) made {parts['SGD']}. "
        if self.locked:
            return text + "Nothing has been drawn yet."
        return text + f"The lowest loss is {self._floor:.3g}."

    def facts(self):
        """What is counted."""
        each = {role: walk.run.iterations_per_epoch for role, walk in reversed(self.walks.items())}
        made = [f"{role}: {plots.counted(count, 'iteration')} per epoch" for role, count in each.items()]
        return [f"N = {N} training samples", *made, *self.place_said()]

    def __repr__(self):
        return f"Descents: {self._loaded}"


def _told(walk, last, minima):
    """How many updates a descent has made and where it is, in words."""
    point, loss = walk.points[last], walk.losses[last]
    names = zip(walk.surface.names, point, strict=True)
    said = f"{plots.counted(last, 'update')}, "
    if walk.lost() and last == len(walk.points) - 1:
        return f"{said}and diverged"
    said += f"to {' and '.join(f'{name} {value:.2f}' for name, value in names)}, loss {loss:.3g}"
    if len(minima) > 1:
        nearest = np.linalg.norm(minima - point[None], axis=1).argmin()
        said += f", nearest to the {'poorer' if nearest else 'lowest'} minimum"
    return said


@functools.lru_cache(maxsize=16)
def _outputs(model):
    """A model's outputs as NumPy arrays."""
    jitted = jax.jit(model.predict)
    return lambda params, x: np.asarray(jitted(params, x))
