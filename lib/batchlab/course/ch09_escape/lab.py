"""Escape from a poor minimum: 200 descents released from one start on the wheel's bumpy loss, and where they end."""

import functools

import numpy as np
import optax

from ...checks import check_integer
from ...live import Number, Steps, Whole, press, running_loop
from ..placing import Placed, device_menu, on_device
from ..plots import BOX, counted, note
from . import views
from .bumps import N, descend, wheel

SEEDS = 200  # descents that are released together
UPDATES, STOP = 512, 16  # updates of a descent, and after how many of them its place is remembered
PLAY_SECONDS = 6.4  # in which all of them are played
SIZES = (1, 2, 4, 8, 16, 32, 64)  # batch sizes on the curve
SETTINGS = 8  # starts and rates whose runs are remembered
SLICE = 128  # epochs of a run in a slice: batches of up to 16 are one, so that a slider that is dragged moves the dots


class Updates(Steps):
    """How many updates: a typed number becomes the nearest that is remembered, one beyond the last is refused."""

    def validate(self, lab, value):
        """The nearest of the numbers."""
        return round(check_integer(self.label, value, 0, UPDATES, "The descents end there.") / STOP) * STOP


class EscapeLab(Placed):
    """200 descents released from one start on the wheel's bumpy loss, and the share in the best basin against B.

    Mini-batch descents are runs of `batchlab.fit`; beside them full-batch descents of as many updates, with artificial
    Gaussian noise of the same variance, and without. Places are looked up at the end of the last whole epoch.

    Args:
        batch_size, learning_rate, start_at, updates: where the controls begin; the batch size is from 1 to 64.
        locked: begin with the controls off and the outcome hidden, for a prediction to unlock.

    >>> lab = EscapeLab(batch_size=8)
    >>> lab.batch_size = 64
    >>> lab.words()[:53]
    'batch size 64, rate 0.02, start 1, 512 updates: 0 of '
    """

    recorded = (("batch_size", 6), ("learning_rate", 4), ("updates", 8))
    size, narrow_height = (9.0, 3.9), 8.6
    batch_size = Whole("batch size", 1, N, 4, log=True, hint=f"1: SGD, {N}: full-batch GD",
                       remedy=f"{N} are all samples: full-batch gradient descent.")  # fmt: skip
    learning_rate = Number("learning rate", 0, 1, 0.02, log=True, slider=(1e-3, 0.2), low_allowed=False)
    start_at = Number("start", *views.WINDOW, 1.0, hint="turns a second")
    updates = Updates("updates", range(0, UPDATES + 1, STOP), UPDATES, hint="looks up what was trained")

    def __init__(self, *, locked=False, **settings):
        self.scene, self._playing = wheel(), False
        self._known = functools.lru_cache(maxsize=SETTINGS)(lambda *_setting: {})  # see `known`
        self._fills = running_loop() is None  # else the first picture does not wait for the whole curve
        super().__init__(locked=locked, **settings)

    @press(lambda lab: "pause" if lab.playing else "play", tip="follow the descents, or pause")
    def play(self):
        """Follow the descents from update to update, from the start again after the last; or pause."""
        self._playing = not self.playing
        if self._playing and self.updates == UPDATES:
            self.updates = 0

    device = device_menu()

    @property
    def playing(self):
        """Whether the descents are followed."""
        return self._playing and self.busy

    def first_frame(self):
        """The first picture does not wait for the whole curve."""
        self.wait()
        self._fills = True
        self.do(self.work())

    # ---- work --------------------------------------------------------------------------------------------------------

    def begin(self, changed):
        """What hides the outcome is drawn before the prediction alone."""
        if "locked" in changed:
            self.redraw()

    def trained(self):
        """The wheel with its model of one parameter, all descents at once."""
        return self.scene.problem, {"model": self.scene.model, "optimizer": optax.sgd, "seeds": SEEDS}

    @on_device
    def work(self):
        """Measure what the picture needs at the present batch size; then play, or measure the rest of the curve."""
        self.say(self._remark())
        if self.locked:
            return
        yield from self._measure(self.batch_size)
        yield from self._measure(N)
        while self._playing and self.updates < UPDATES:
            yield PLAY_SECONDS * STOP / UPDATES
            self.updates += STOP
        self._playing = False
        for size in SIZES if self._fills else ():
            yield from self._measure(size)

    @property
    def known(self):
        """Places at this rate and start, on this device: {(batch size, "batches" or "noise"): (stops, SEEDS)}."""
        return self._known(self.learning_rate, self.start_at, self.device)

    def _measure(self, size):
        """The places of all descents at every stop of the slider: with batches of this size, and with their noise."""
        rate, start, known, per_epoch = self.learning_rate, self.start_at, self.known, -(-N // size)
        epochs = np.arange(0, UPDATES + 1, STOP) // per_epoch  # those that are complete at each stop
        if (size, "batches") not in known:
            run = self.scene.fit(start, seeds=SEEDS, batch_size=size, learning_rate=rate, num_epochs=0)
            while run.num_epochs < epochs[-1]:
                run.train(min(SLICE, epochs[-1] - run.num_epochs))
                if run.num_epochs < epochs[-1]:
                    yield
            known[size, "batches"] = np.stack([run.params_at(epoch)[:, 0] for epoch in epochs])
            if size == N:  # the error of all samples is none
                known[N, "noise"] = known[N, "batches"]
            yield
        if (size, "noise") not in known:
            places = descend(self.scene, np.full(SEEDS, start), rate, batch_size=size)
            known[size, "noise"] = places[:, epochs * per_epoch].T  # as many updates
            yield

    def _remark(self):
        """What to say of these settings beside the picture."""
        if self.locked:
            return "Make your prediction above, or skip it: then the controls unlock."
        edge = 2 / self.scene.curvature(self.scene.minima[self.scene.basin(self.start_at)])
        if self.learning_rate > edge:
            return f"Above {edge:.2g}, 2 / curvature, no descent settles in the minimum of this start, noise or none."
        return ""

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The loss and the descents below it on the left, shares against the batch size on the right."""
        loss, strips, shares = views.axes_of(figure)
        views.landscape(loss, self.scene)
        for axes in (strips, shares) if self.locked else ():
            note(axes, 0.5, 0.5, "predict first", ha="center", color="0.4", bbox=BOX)
        released = views.released(strips, self.scene, SEEDS)
        return [views.origin(loss, self.scene), released, views.against_batch_size(shares, SIZES)]

    def _places(self, size, kind):
        """Where the descents are at the updates asked for, (200,), or None if that is not yet known."""
        places = self.known.get((size, kind))
        return None if places is None else places[self.updates // STOP]

    def share(self, size, kind):
        """The share in the best basin with its interval, an `Estimate`, or None if it is not yet known."""
        places = self._places(size, kind)
        return None if places is None else self.scene.share(places)

    def show(self):
        """Bring the views up to date."""
        size, (origin, released, shares) = self.batch_size, self.picture.views
        origin.update(self.start_at)
        released.update([self._places(size, "batches"), self._places(size, "noise"), self._places(N, "batches")])
        curves = [{each: self.share(each, kind) for each in sorted({*SIZES, size})} for kind in ("batches", "noise")]
        shares.update(size, curves)

    def facts(self):
        """What is counted."""
        each = -(-N // self.batch_size)
        whole = counted(self.updates // each, "whole epoch")
        return [
            f"N = {N} photographs",
            f"{SEEDS} descents of each kind",
            f"B = {self.batch_size}: {counted(each, 'update')} per epoch, {whole}",
            "bars: 95 % intervals",
            *self.place_said(),
        ]

    def words(self):
        """What the picture shows, in words."""
        size, good = self.batch_size, self.scene.minima[self.scene.good]
        text = f"batch size {size}, rate {self.learning_rate:.3g}, start {self.start_at:.3g}, {self.updates} updates: "
        if self.locked:
            return text + "nothing has been released yet."
        places, noisy, full = self._places(size, "batches"), self._places(size, "noise"), self._places(N, "batches")
        if places is None:
            return text + "being computed."
        lost = np.sum((places < views.WINDOW[0]) | (places > views.WINDOW[1]))
        stayed = np.sum(self.scene.basin(places) == self.scene.basin(self.start_at))
        text += f"{self._said(places)} in the best basin, around {good:.2g}; {stayed} in the basin of the start"
        text += f"; {lost} outside the picture. " if lost else ". "
        text += f"Full batch with noise of the same variance: {self._said(noisy)}. "
        text += f"Full batch without noise: {self._said(full)}. "
        shares = {each: self.share(each, "batches") for each in SIZES}
        told = ", ".join(f"{each}: {share.value:.0%}" for each, share in shares.items() if share)
        return text + f"Share by batch size: {told}." if told else text.strip()

    def _said(self, places):
        if places is None:
            return "being computed"
        value, low, high = self.scene.share(places)
        count = f"{round(value * SEEDS)} of {SEEDS}"
        if np.ptp(places) == 0:
            return f"{count} (all descents are the same)"
        return f"{count} (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"

    def __repr__(self):
        return "EscapeLab: wheel"
