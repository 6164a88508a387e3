"""A live picture: the reader's wishes go up, one frame comes down, and between them work is done in slices.

Drawing and computing happen on the kernel's main loop only. Whatever changes a control - the page, a cell, a linked
widget, on whatever thread - leaves the change behind and wakes the loop; there all changes since the last slice are
taken together, so the newest wish wins, and nothing runs when there is nothing to do. Where there is no running loop
(plain Python, tests), or none that shows updates between cells (Colab), the work is done at once.
"""

import asyncio
import collections
import contextlib
import os
import pathlib
import sys
import threading
import time

import anywidget
import traitlets

from .controls import Control, Press
from .export import export
from .picture import NARROW, Picture
from .recorder import pack

HERE = pathlib.Path(__file__).parent
REST_SECONDS = 0.006  # between two slices of work, so that new wishes can come in
FRAME_SECONDS = 0.025  # the least time between two frames of the same work
SILENCE_SECONDS = 1.0  # after which a frame that no page has acknowledged is taken for seen
ERRORS = (ValueError, TypeError)  # whose words are written for the reader


def running_loop():
    """The kernel's loop, or None where there is none, or none that shows what it does between cells (Colab).

    BATCHLAB_WAIT=1 does without it, too: so a notebook that is run to be read shows its pictures finished.
    """
    try:
        waits = "google.colab" in sys.modules or os.environ.get("BATCHLAB_WAIT") == "1"
        return None if waits else asyncio.get_running_loop()
    except RuntimeError:
        return None


class Live(anywidget.AnyWidget):
    """A picture with controls; see `controls` for how they are declared. A subclass defines these.

    size: width and height in inches of 100 pixels; narrow_height: the height where a page has no room for that width.
    frame_seconds: the least time between two frames of the same work; longer where drawing takes its time from it.
    begin(changed): what follows from the names of the controls that have changed, before anything is computed: limits,
        data, axes. It may set controls. At first all names are in it.
    draw(figure): fills the figure and returns its views, `picture.View`; only the first is shown while locked. It is
        called at first, and again after `self.redraw()`.
    work(): a generator that computes what the controls ask for and yields after each slice of about 10 ms, or yields
        the seconds until its next slice, to be watched at a pace. Newer wishes replace it. Only its last frame is drawn
        where nobody could see another.
    show(): brings the views up to date.
    words(): what the picture shows, in words, for the live region and as alternative text.
    facts(): a line of short facts, a list.
    clicked(x, y): a click into the picture, in pixels of the figure from the lower left corner, as matplotlib counts.

    Args:
        controls: the labels of those controls to be shown; None shows all.
        locked: begin with the controls off, for a prediction to unlock.
        settings: values of controls, set in the order in which they are declared.
    """

    size, narrow_height = (9.0, 3.6), 6.4
    frame_seconds = FRAME_SECONDS
    _esm = traitlets.Unicode((HERE / "live.js").read_text(encoding="utf-8")).tag(sync=True)
    _css = traitlets.Unicode((HERE / "live.css").read_text(encoding="utf-8")).tag(sync=True)
    wishes = traitlets.Dict(help="from the page: {control: [newest value, count]}").tag(sync=True, echo_update=False)
    rows = traitlets.Dict(help="to the page, as all that follows: the controls").tag(sync=True)
    standing = traitlets.Dict(help="what stands still").tag(sync=True)
    frame = traitlets.Dict(help="what moves, and what is said about it").tag(sync=True)
    locked = traitlets.Bool(False, help="controls are off until a prediction has been made")

    def __init__(self, *, controls=None, locked=False, **settings):
        declared = _declared(type(self))
        _check_names(declared, controls, settings)
        super().__init__()
        self.controls = {c.name: c for c in declared if controls is None or not {c.name, c.label}.isdisjoint(controls)}
        self.picture, self._drawn, self._shows = Picture(*self.size), False, {}
        self._loop, self._alarm, self._closed, self._aside = running_loop(), None, False, False
        self._work, self.error, self._message = None, None, ("", False)
        self._changed, self._inside = collections.deque(), threading.get_ident()
        self._heard, self._refused, self._standing = {}, {}, None
        self._sent, self._seen, self._sent_at, self._owed, self._fresh = 0, 0, -SILENCE_SECONDS, False, False
        self.frame_bytes = []
        self.observe(self._set, [*(control.name for control in declared), "locked"])
        self.observe(lambda _change: self._wake(), "wishes")
        self.on_msg(self._acknowledged)
        self.locked = locked
        for control in declared:
            if control.name in settings:
                setattr(self, control.name, settings[control.name])
        self._changed.extend(control.name for control in declared)
        self._take_changes(strictly=True)
        self._inside = None
        self.first_frame()

    # ---- for subclasses ----------------------------------------------------------------------------------------------

    def begin(self, changed):
        """What follows from changed controls before anything is computed."""

    def draw(self, figure):
        """Fill the figure; return its views."""
        raise NotImplementedError

    def work(self):
        """Compute what the controls ask for, in slices."""
        yield from ()

    def show(self):
        """Bring the views up to date."""

    def words(self):
        """What the picture shows, in words."""
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
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._turn)

    def do(self, work):
        """Do this work next, behind the reader's back: where a loop runs, and until a wish replaces it."""
        if self._loop is not None:
            self._work = work
            self._loop.call_soon_threadsafe(self._turn)

    def redraw(self):
        """Have `draw` fill the figure anew for the next frame."""
        self._drawn = False

    def say(self, message, alarm=False):
        """Say something above the picture; the empty text takes it away."""
        self._message = message, alarm

    # ---- from outside ------------------------------------------------------------------------------------------------

    @property
    def busy(self):
        """Whether there is work to do."""
        return self._work is not None

    def wait(self):
        """Finish the present work here and now; for cells and tests that look at the outcome."""
        with self._within():
            self._finish()
            self._send_frame()
        if self.error is not None and os.environ.get("BATCHLAB_STRICT"):
            raise self.error
        return self

    def _finish(self):
        self._take_changes()
        while self._slice() is not False or self._changed:
            self._take_changes()

    @contextlib.contextmanager
    def aside(self):
        """In this block nothing is sent, and changes wait until `outcome` is asked for; then the lab is as it was."""
        before, self._aside = self._values(), True
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)
            self._aside = False
            self._wake()

    def outcome(self):
        """What is seen when the work for the present controls is done; see `_snapshot`."""
        with self._within():
            self._take_changes(strictly=True)
            self._finish()
            if self.error is not None:
                raise self.error
            return self._snapshot()

    def pause(self):
        """Leave the present work as it stands."""
        self._work = None

    def pressed(self, press):
        """Press one of the buttons."""
        if self.locked:
            return
        press.action(self)
        self._changed.append(press.name)
        self._wake()

    def export(self, path, *, progress=True, **positions):
        """Write a page on which the picture moves without a kernel; see `export.export`."""
        return export(self, path, positions, progress=progress)

    def close(self):
        """Stop all work and take the widget away."""
        self._closed, self._work = True, None
        super().close()

    # ---- wishes and changes ------------------------------------------------------------------------------------------

    def _set(self, change):
        """A control has another value, whoever set it, on whatever thread."""
        self._changed.append(change["name"])
        self._wake()

    def _wake(self):
        if self._closed or self._aside or self._inside == threading.get_ident():  # what the lab sets itself it takes
            return
        if self._loop is None:
            self.wait()
        else:
            self._loop.call_soon_threadsafe(self._turn)

    @contextlib.contextmanager
    def _within(self):
        """In this block the lab is at work: what it sets on this thread needs no waking."""
        before, self._inside = self._inside, threading.get_ident()
        try:
            yield
        finally:
            self._inside = before

    def _take_wishes(self):
        """Set what the page has wished since the last time, in the order of declaration, each refused by itself."""
        new = {name: value for name, (value, count) in self.wishes.items() if count > self._heard.get(name, 0)}
        if not new:
            return
        self._heard |= {name: self.wishes[name][1] for name in new}
        self._refused, self._owed = {}, True
        for name, control in self.controls.items():
            if name not in new or self.locked or control.look(self, "disabled"):
                continue
            try:
                control.wished(self, new[name])
            except ERRORS as error:
                self._refused[name] = new[name], str(error)
        if "click" in new:
            self._click(new["click"])
        if "width" in new:
            self._fit(new["width"])

    def _click(self, place):
        if not self.locked:
            self.clicked(place[0], self.picture.height - place[1])

    def _fit(self, pixels):
        """Draw the picture for a page with so much room: where it is narrow, its columns one below the other."""
        width, height = self.size
        if pixels < 100 * NARROW:
            width, height = max(pixels, 300) / 100, self.narrow_height
        self.picture, self._owed, self._fresh = Picture(width, height), True, True
        self.redraw()

    def _take_changes(self, strictly=False):
        """Begin anew if anything has changed."""
        try:
            self._take_wishes()
            if not self._changed:
                return
            while self._changed:
                self.begin({self._changed.popleft() for _ in range(len(self._changed))})
            self._work, self.error = self.work(), None
            self._owed, self._fresh = True, True
        except Exception as error:
            if strictly:
                raise
            self.fail(error)

    def clicked(self, x, y):
        """A click into the picture."""

    def fail(self, error):
        """Say an error in words; what the reader had set and seen stays."""
        self.error, self._owed = error, True
        ours = isinstance(error, ERRORS) and str(error)
        self.say(str(error) if ours else f"This did not work: {type(error).__name__}: {error}.", alarm=True)

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def _turn(self):
        """On the loop: take what has changed, do a slice, send a frame if one is due, and come again if need be."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._closed:
            return
        with self._within():
            self._take_changes()
            rest = self._slice()
            due = self._due()
            if due <= 0:
                self._send_frame()
        again = [rest] if rest is not False else []
        again += [due] if self._owed and due > 0 else []
        again += [0] if self._changed else []
        if again and not self._closed:
            self._alarm = self._loop.call_later(max(min(again), 0.001), self._turn)

    def _slice(self):
        """A slice of the work; the seconds until the next one, or False when nothing is left to do."""
        if self._work is None:
            return False
        work = self._work
        try:
            rest = next(work, self)
            if rest is not self:
                self._owed = True
                return rest or REST_SECONDS
        except Exception as error:
            self.fail(error)
        if self._work is work:
            self._work = None
        self._owed = True
        return False

    def _due(self):
        """In how many seconds a frame may go; at once where pages have seen what was sent, and it was long enough ago.

        The first frame of new work may follow one that is still on its way, so a wish never waits for a stale frame.
        """
        if not self._owed:
            return SILENCE_SECONDS
        since = time.monotonic() - self._sent_at
        if since > SILENCE_SECONDS:
            return 0
        if self._sent - self._seen > (1 if self._fresh else 0):
            return SILENCE_SECONDS - since
        return 0 if self._fresh or not self.busy else self.frame_seconds - since

    def _acknowledged(self, _widget, content, _buffers):
        """A page has seen a frame: another may go."""
        self._seen = max(self._seen, min(content.get("seen", 0), self._sent))
        if self._owed and self._loop is not None:
            self._loop.call_soon_threadsafe(self._turn)

    def _send_frame(self):
        """Send the picture as it is now, its words and its controls, in one message."""
        if self._closed or self._aside:
            return
        self._owed = self._fresh = False
        now = {}
        try:
            now = self._snapshot()
            self._shows = self._values()
        except Exception as error:  # the picture and its words stay, together
            self.fail(error)
            self._owed, self._work = False, None
        self._sent, self._sent_at = self._sent + 1, time.monotonic()
        frame = {**self.frame, "count": self._sent, "busy": self.busy, "values": self._values(), "shows": self._shows}
        frame |= {"heard": dict(self._heard), "refused": {name: value for name, (value, _) in self._refused.items()}}
        complaints = " ".join(words for _, words in self._refused.values())
        frame["message"], frame["alarm"] = (complaints, True) if complaints else self._message
        with self.hold_sync():
            if now:
                standing, moving = now["standing"], pack(now["moving"])
                if standing is not self._standing:
                    self._standing = standing
                    size = {"width": self.picture.width, "height": self.picture.height, "panels": self.picture.panels}
                    size |= {"wide": round(100 * self.size[0]), "narrow": round(100 * NARROW)}
                    self.standing = {"count": self._sent, "strokes": pack(standing), **size}
                    self.frame_bytes.append(len(self.standing["strokes"]))
                frame |= {"standing": self.standing["count"], "strokes": moving}
                frame |= {"words": now["words"], "facts": now["facts"]}
                self.frame_bytes = [*self.frame_bytes[-999:], len(moving)]
            self.frame = frame
            self.rows = {"list": [control.row(self) for control in self.controls.values()], "locked": self.locked,
                         "clicks": type(self).clicked is not Live.clicked}  # fmt: skip

    def _snapshot(self):
        """The strokes of both layers, and what is said: words, facts, message, alarm."""
        if not self._drawn:
            self.picture.draw(self.draw)
            self._drawn = True
        self.picture.shown = 1 if self.locked else None
        self.show()
        layers = {"standing": self.picture.stand(), "moving": self.picture.move()}
        return layers | {"words": self.words(), "facts": self.facts(), "said": self._message}

    def _values(self):
        """The values of the controls; a button has none."""
        return {name: getattr(self, name) for name, c in self.controls.items() if not isinstance(c, Press)}

    # ---- where no kernel runs ----------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs):
        """The live view, and a picture with words for where no kernel runs."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        still = {"alt": self.words(), "width": self.picture.width, "height": self.picture.height}
        bundle = {**bundle, "text/plain": repr(self), "image/png": self.picture.png()}
        return bundle, {**metadata, "image/png": still}

    def __repr__(self):
        return f"{type(self).__name__}: {self.words()}"


def _declared(cls):
    """The controls of a class, in the order in which they are declared."""
    found = {}
    for base in reversed(cls.__mro__):
        found |= {name: control for name, control in vars(base).items() if isinstance(control, Control)}
    return list(found.values())


def _check_names(declared, controls, settings):
    """Refuse controls and settings that there are not."""
    names = [control.name for control in declared]
    labels = [control.label for control in declared]
    values = [control.name for control in declared if not isinstance(control, Press)]
    for wanted, allowed, offered, what in (
        (controls or (), {*names, *labels}, labels, "control"),
        (settings, values, values, "setting"),
    ):
        for name in wanted:
            if name not in allowed:
                raise ValueError(f"there is no {what} {name!r}; choose from {', '.join(offered)}.")
