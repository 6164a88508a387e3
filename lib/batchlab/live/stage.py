"""A live picture: the reader's wishes go up, one frame comes down, and between them work is done in slices.

All changes since the last slice are taken together, so the newest wish wins, and nothing runs when there is nothing to
do; see `loop`. What goes over the wire is in `channel`.
"""

import contextlib
import os

from .channel import Channel, declared
from .controls import ERRORS, Press
from .export import export, reach


class Live(Channel):
    """A picture with controls; see `controls` for how they are declared. A subclass defines what follows.

    size: width and height in inches of 100 pixels; narrow_height: the height where a page has no room for that width.
    frame_seconds: the least time between two frames of the same work; longer where drawing takes its time from it.
    recorded: pairs of a control and about how many of its values, for an `export` that names no positions; the last
        moves first. None takes the first two sliders.

    Args:
        controls: the labels of those controls to be shown; None shows all.
        locked: begin with the controls off, for a prediction to unlock.
        focus: one of these; the page is brought here, wherever "Run All" has led to, and its keys to that.
        settings: values of controls, set in the order in which they are declared.
    """

    frame_seconds, recorded = 0.025, None

    def __init__(self, *, controls=None, locked=False, focus="", **settings):
        everything = declared(type(self))
        values = [name for name, control in everything.items() if not isinstance(control, Press)]
        for name in settings:
            if name not in values:
                raise ValueError(f"there is no setting {name!r}; choose from {', '.join(values)}.")
        shown = everything if controls is None else _named(everything, controls)
        self._focus = next(iter(_named(shown, focus))) if focus else ""
        super().__init__(shown)
        with self._turns.within():
            self.locked = locked
            for name in values:
                if name in settings:
                    setattr(self, name, settings[name])
            self._turns.changed.extend(everything)
            self._take_changes()
        if self.error is not None:
            raise self.error
        self.first_frame()

    # ---- for subclasses, with `clicked` ------------------------------------------------------------------------------

    def begin(self, changed):
        """What follows from the names of changed controls, at first all, before anything is computed.

        Limits, data, axes. It may set controls.
        """

    def draw(self, figure):
        """Fill the figure, at first and after `redraw`; return its views; only the first shows while locked."""
        raise NotImplementedError

    def work(self):
        """A generator that computes what the controls ask for and yields after each slice of about 10 ms.

        It may yield the seconds until its next slice, to be watched at a pace. Newer wishes replace it. Only its last
        frame is drawn where nobody could see another.
        """
        yield from ()

    def show(self):
        """Bring the views up to date."""

    def words(self):
        """What the picture shows, in words, for the live region and as alternative text."""
        raise NotImplementedError

    def facts(self):
        """A line of short facts."""
        return []

    def first_frame(self):
        """What is to be seen when the constructor returns: the outcome of the first work; `start` does not wait."""
        self.wait()

    def start(self):
        """Send the picture as it stands, and go on with the work when the cell is done."""
        self._send_frame()
        self._turns.come()

    def do(self, work):
        """Do this work next, behind the reader's back: where a loop runs, and until a wish replaces it."""
        if self._turns.loop:
            self._turns.begin(work)
            self._turns.come()

    def redraw(self):
        """Have `draw` fill the figure anew for the next frame."""
        self._drawn = False

    def say(self, message, alarm=False):
        """Say something above the picture; the empty text takes it away."""
        self._message = message, alarm

    def pause(self):
        """Leave the present work as it stands."""
        self._turns.work = None

    # ---- from outside ------------------------------------------------------------------------------------------------

    @property
    def busy(self):
        """Whether there is work to do."""
        return self._turns.work is not None

    def wait(self):
        """Finish the present work here and now; for cells and tests that look at the outcome."""
        self._turns.finish()
        with self._turns.within():
            self._send_frame()
        if self.error is not None and os.environ.get("BATCHLAB_STRICT"):
            raise self.error
        return self

    @contextlib.contextmanager
    def aside(self):
        """In this block nothing is sent, and changes wait until `outcome` is asked for; then the lab is as it was."""
        before = self._values(declared(type(self)))
        self._turns.aside = True
        try:
            yield
        finally:
            try:
                reach(self, before)
            finally:
                self._turns.aside = False
                self._turns.wake()

    def outcome(self):
        """What is seen when the work for the present controls is done; see `_snapshot`."""
        with self._turns.within():
            self._turns.finish()
            if self.error is not None:
                raise self.error
            return self._snapshot()

    def export(self, path, *, title=None, progress=True, **positions):
        """Write a page on which the picture moves without a kernel; see `export.export`."""
        return export(self, path, positions, title=title, progress=progress)

    def close(self):
        """Stop all work and take the widget away."""
        if self._turns is not None:  # else it was refused before it was made
            self._turns.close()
        super().close()

    # ---- changes -----------------------------------------------------------------------------------------------------

    def _take_changes(self):
        """Begin anew if anything has changed; what had gone wrong before is over then."""
        earlier = self.error
        self._take_wishes()
        if not self._turns.changed:
            return
        if earlier is not None and self.error is earlier:
            self.error = None
            self.say("")
        self._halted = False
        try:
            while self._turns.changed:
                self.begin({self._turns.changed.popleft() for _ in range(len(self._turns.changed))})
            self._turns.begin(self.work())
        except Exception as error:
            self._halt(error)

    def fail(self, error):
        """Say an error in words; what the reader had set and seen stays."""
        self.error = error
        self._turns.pace.owe()
        ours = isinstance(error, ERRORS) and str(error)
        self.say(str(error) if ours else f"This did not work: {type(error).__name__}: {error}.", alarm=True)

    def _halt(self, error):
        """The work has failed: the picture and its words stay as they are, together, until the next wish."""
        self._halted, self._turns.work = True, None
        self.fail(error)


def _named(controls, wanted):
    """Those of the controls that are wanted, by name or label; one name, too, or an error that lists the labels."""
    wanted = [wanted] if isinstance(wanted, str) else wanted
    for one in wanted:
        if not any(one in (name, control.label) for name, control in controls.items()):
            labels = ", ".join(control.label for control in controls.values())
            raise ValueError(f"there is no control {one!r}; choose from {labels}.")
    return {name: control for name, control in controls.items() if not {name, control.label}.isdisjoint(wanted)}
