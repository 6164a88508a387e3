"""Three descents on one loss surface, drawn as they go."""

import numpy as np
import optax

from ...live import Menu, Number, Tick, Whole, press
from .. import plots
from ..placing import QUICKER, device_menu, in_place, on_device
from ..prepared import Prepared
from . import views
from .surfaces import SURFACES, N, Walk, decayed_sgd, scene, surface

PLAY_SECONDS, PLAY_FRAMES = 5.0, 125  # to draw the paths as they go
# How long the axis of the losses can be: round lengths, so that it seldom changes.
HORIZONS = {"epochs": (5, 10, 20, 50, 100), "iterations": (100, 200, 400, 1000, 2000)}


def _window(axis, end):
    """The limit of a start: where the picture ends."""
    return lambda lab: scene(lab.surface).window[axis][end]


class Descents(Prepared):
    """Gradient descent, stochastic and mini-batch descent from one start on one loss surface, drawn as they go.

    Every path is a run of `batchlab.fit`; the three differ in the batch size alone. Moving a control draws them anew;
    `play` draws them as they go. All stop after the same number of epochs or iterations.

    Args:
        surface: "straight line" or "two bumps".
        controls, locked: see `Live`; while locked no path is drawn.
        settings: where other controls begin: batch_size, epochs, iterations, same, seed, decay; and learning_rate,
            start_across, start_up, in place of those of the surface.

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

    def __init__(self, surface="straight line", *, controls=None, locked=False, **settings):
        self._playing, self._frames_played, self._until = False, 0, 0
        self.scene, self.walks = None, {}
        self._named, self._given = surface, self._defaults(surface) | settings
        super().__init__(controls=controls, locked=locked, surface=surface, **self._given)

    @press(lambda lab: "pause" if lab.playing else "play", tip="draw the paths as they go, or pause")
    def play(self):
        """Draw the paths as they go: from where they were paused, or from the start."""
        self._playing = not self.playing
        if self._playing and (self._frames_played == PLAY_FRAMES or not self._follows()):
            self._until, self._frames_played = self.amount, 0
            setattr(self, self.same, 0)

    @press("reset", tip="all controls of this surface back")
    def reset(self):
        """Put every control where it was when the surface came up."""
        for name, value in self._given.items():
            setattr(self, name, value)
        self.device = QUICKER

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

    def _reached(self):
        """How far the playing has come: slowly at first, where most happens."""
        return self._until * (self._frames_played / PLAY_FRAMES) ** 2 + 1e-6

    def _follows(self):
        """Whether the slider stands where the playing has come, be it paused."""
        return self.amount == int(self._reached())

    def _goal(self):
        """How far the paths will go."""
        return self._until if self._follows() else self.amount

    def begin(self, changed):
        """A control that the reader moves ends the playing, and all is drawn; the slider that follows it does not."""
        changed = changed - {self.same} if self._follows() else changed
        if self.surface != self._named:
            kept = {"batch_size": self.batch_size, "seed": self.seed}
            self._named, self._given = self.surface, self._defaults(self.surface) | kept
            for name, value in self._given.items():
                if name not in changed:  # what is set together with the surface is meant for it
                    setattr(self, name, value)
        moved = changed & {self.same, "same", "surface"}
        if self._playing and changed - {"play"}:
            self._playing = False
            if not moved:
                setattr(self, self.same, self._until)
        if moved:
            self._until = self._frames_played = 0
        if "locked" in changed and self.ready is not None and not self.locked:
            self.play()

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

    def _walks(self, made):
        """The three descents that are asked for on a surface; one that there is goes on."""
        start, walks = (self.start_across, self.start_up), {}
        for role, settings in self._settings().items():
            walk = self.walks.get(role)
            kept = (
                walk is not None and walk.surface is made and walk.settings == (start, settings) and in_place(walk.run)
            )
            walks[role] = walk if kept else Walk(made, start, **settings)
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
        made, minima = surface(self.surface)
        walks = self._walks(made)
        if made is not self.scene:
            self._floor = float(made.losses(minima)[0])
            self.scene, self.minima = made, minima
            self.redraw()
        self.walks = walks
        for role, walk in () if self.locked else self.walks.items():
            while not walk.reach(self._updates(role, self._goal())):
                yield
        yield from self.prepare()
        self._judge()
        while self._playing and self._frames_played < PLAY_FRAMES:
            self._frames_played += 1
            setattr(self, self.same, int(self._reached()))
            yield PLAY_SECONDS / PLAY_FRAMES
        self._playing = False

    def programs(self):
        """Those of the surface and the rule, whatever the batch size."""
        return self.walks["GD"].run, (self.scene.problem.name, self.decay)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The surface with the paths, what each has learnt, and how far its loss has come down."""
        return [views.descents_view(figure, self.scene, self.minima)]

    def shown(self, role):
        """How many updates of a descent the picture shows."""
        if self.locked:
            return 0
        position = self._reached() if self._playing else self.amount
        return min(self._updates(role, position), len(self.walks[role].points) - 1)

    def show(self):
        """Bring the views up to date."""
        paths = {}
        for role, walk in self.walks.items():
            last, each = self.shown(role), walk.run.iterations_per_epoch
            places = np.arange(last + 1) / (each if self.same == "epochs" else 1)
            paths[role] = walk.points[: last + 1], walk.losses[: last + 1] - self._floor, places, each
        horizon = next(end for end in HORIZONS[self.same] if end >= self._goal())
        self.picture.views[0].update(paths, horizon, self.same)

    def _judge(self):
        """Say which of the paths that are shown have diverged."""
        lost = [f"{role} (B = {w.run.batch_size})" for role, w in self.walks.items() if w.lost(self.shown(role))]
        if self.locked:
            self.say("Make your prediction above, or skip it: then the controls unlock and the paths are drawn.")
        elif lost:
            them, rate = "it" if len(lost) == 1 else "them", f"{self.learning_rate:.3g}"
            words = f"Diverged: {', '.join(lost)}. The learning rate {rate} is too high for {them}; lower it."
            self.say(words, alarm=True)
        else:
            self.say("")

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
        return f"Descents: {self.surface}"


def _told(walk, last, minima):
    """How many updates a descent has made and where it is, in words."""
    point, loss = walk.points[last], walk.losses[last]
    names = zip(walk.surface.names, point, strict=True)
    said = f"{plots.counted(last, 'update')}, "
    if walk.lost(last):
        return f"{said}and diverged"
    said += f"to {' and '.join(f'{name} {value:.2f}' for name, value in names)}, loss {loss:.3g}"
    if len(minima) > 1:
        nearest = np.linalg.norm(minima - point[None], axis=1).argmin()
        said += f", nearest to the {'poorer' if nearest else 'lowest'} minimum"
    return said
