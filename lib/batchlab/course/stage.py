"""What every live picture needs: a figure that is redrawn cheaply, work in slices, and controls that can be typed into.

Drawing and training happen on the kernel's main loop only, and so do the callbacks of a stage, which Jupyter may call
from another thread. A callback merely leaves new work behind; the newest work wins, and nothing runs when there is
none. Where there is no running loop (plain Python, tests) or none that shows updates between cells (Colab), the work is
done in the callback.
"""

import asyncio
import collections
import contextlib
import functools
import html
import importlib.resources
import io
import math
import os
import sys
import threading
import time

import ipywidgets as widgets
import numpy as np
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from PIL import Image

from .. import process
from .plots import BEST, DARK, KEPT, NOW, REGIONS, SMALL, STEPS, TRAINING, VALIDATION

FRAME_SECONDS = 0.025  # the least time between two frames
OVERDUE_SECONDS = 0.035  # a frame that is so late is shown even if newer work has come meanwhile
REST_SECONDS = 0.006  # between two slices of work, so that new settings can come in
LINK_BYTES_PER_SECOND = 90e3 if "BINDER_SERVICE_HOST" in os.environ or "BINDER_REPO_URL" in os.environ else 10e6
PAGE = importlib.resources.files(__package__).joinpath("page.js").read_text(encoding="utf-8")
# The arrow of a menu is dark in every theme.
ARROW = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'><path fill='%23ddd' d='M4 7h10l-5 5z'/></svg>"
STYLE = (
    f'body[data-jp-theme-light="false"] .batchlab {{ --jp-widgets-dropdown-arrow: url("data:image/svg+xml,{ARROW}") }}'
)
TINTS = ("#FCF4EF", "#CCE3F0", "#F7DFCC")  # the stretch of overfitting, the bands over seeds
GREYS = ("0.15", "0.3", "0.45", "0.6", "0.72", "0.82", "0.93")
# What every frame can show.
PALETTE = (TRAINING, VALIDATION, BEST, NOW, SMALL, *DARK, *TINTS, *KEPT, *REGIONS, *GREYS, *STEPS)
OWN_COLORS = 4  # besides, the most frequent of the picture's own, edges mostly
TIP = "tooltip" if hasattr(widgets.Text, "tooltip") else "description_tooltip"  # ipywidgets 8, or 7 on Colab


def palette(canvas):
    """A palette for the frames of the picture on an Agg canvas: its own main colours, and all that may yet appear."""
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    own = np.reshape(
        image.quantize(OWN_COLORS, method=Image.Quantize.FASTOCTREE).getpalette()[: 3 * OWN_COLORS], (-1, 3)
    )
    named = np.rint(255 * to_rgba_array(["white", "black", *PALETTE])[:, :3]).astype(int)
    # Colours are matched in coarse steps: one that is nearly white would take the place of white.
    own = own[abs(own[:, None] - named).max(axis=2).min(axis=1) >= 12]
    colors = Image.new("P", (1, 1))
    colors.putpalette([*named.ravel().tolist(), *own.ravel().tolist()])
    return colors


def png(canvas, colors=None):
    """The picture on an Agg canvas as PNG bytes, in few colours: a quarter of the bytes, and quicker to make."""
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    file = io.BytesIO()
    image.quantize(palette=colors or palette(canvas), dither=Image.Dither.NONE).save(file, "png")
    return file.getvalue()


class Picture:
    """A Matplotlib figure of which only the moving artists are redrawn, and its image as a widget."""

    def __init__(self, width=9.0, height=3.6):
        self.figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self.artists, self.png, self._colors = [], b"", None
        self._apart, self._rest, self._background = [], None, None  # axes by themselves; all without them; with them
        size = widgets.Layout(width="100%", max_width=f"{width * 100:.0f}px", object_fit="contain")
        self.image = widgets.Image(format="png", layout=size)

    def clear(self):
        """Take everything out of the figure; returns it, to be filled anew."""
        self.figure.clear()
        self.artists = []
        self.redraw()
        return self.figure

    def redraw(self, axes=None):
        """Have the next frame draw what stands still too: after a change of axes, labels or standing artists.

        Where all that has changed is in one Axes, it alone is drawn: from its first time on it is a layer of its own,
        over all that is not. So nothing of the figure itself, such as its legend, may lie over these axes.
        """
        self._background = None
        if axes is None:
            for apart in self._apart:
                apart.set_animated(False)
            self._apart, self._rest = [], None
        elif axes not in self._apart:
            self._apart, self._rest = [*self._apart, axes], None

    def frame(self):
        """Draw the moving artists over the rest; return the picture as PNG bytes."""
        if self._background is None:
            self._background, self._colors = self._standing(), None
        self.canvas.restore_region(self._background)
        for artist in self.artists:
            artist.draw(self.canvas.get_renderer())
        if self._colors is None:
            self._colors = palette(self.canvas)
        self.png = png(self.canvas, self._colors)
        return self.png

    def _standing(self):
        """What stands still, drawn anew as far as it has changed."""
        for artist in (*self.artists, *self._apart):
            artist.set_animated(True)  # left out by `draw`
        if self._rest is None:
            self.canvas.draw()
            self._rest = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self._rest)
        for axes in self._apart:
            axes.draw(self.canvas.get_renderer())
        return self.canvas.copy_from_bbox(self.figure.bbox)

    def show(self):
        """Send a new frame to the reader."""
        self.image.value = self.frame()


_waiting = collections.deque()  # callbacks that other threads have left for the loop


def on_the_loop(callback):
    """Wrap a callback of what has a `_loop`: it runs there in its turn, whatever thread Jupyter calls it on."""

    def in_turn(self, *args):
        _waiting.popleft()
        callback(self, *args)

    @functools.wraps(callback)
    def wrapped(self, *args):
        if self._loop in (None, running_loop()):
            callback(self, *args)
        else:
            _waiting.append(callback)
            self._loop.call_soon_threadsafe(in_turn, self, *args)

    return wrapped


def in_words(callback):
    """Wrap a stage's callback: it runs on the loop, and what goes wrong is said on the stage, not lost in a log."""

    @on_the_loop
    @functools.wraps(callback)
    def wrapped(stage, *args):
        try:
            callback(stage, *args)
        except Exception as error:
            stage.fail(error)

    return wrapped


def running_loop():
    """The kernel's loop, or None where there is none, or none that shows what it does between cells (Colab).

    BATCHLAB_WAIT=1 does without it, too: so a notebook that is run to be read shows its pictures finished.
    """
    try:
        waits = "google.colab" in sys.modules or os.environ.get("BATCHLAB_WAIT") == "1"
        return None if waits else asyncio.get_running_loop()
    except RuntimeError:
        return None


def facts(cells):
    """Short facts side by side, as HTML for `Stage.counters`."""
    return '<div style="opacity: 0.8; line-height: 1.5">' + " &nbsp;·&nbsp; ".join(cells) + "</div>"


class Stage(widgets.VBox):
    """A picture, what it says in words, and work that is done in slices until newer work replaces it.

    Subclasses put controls above the picture, define `show()` (bring picture and words up to date), perhaps also
    `clicked(x, y)` (a click into the picture, for what keys can do as well), and call `start` with a generator that
    yields after each slice of about 10 ms. To be watched at a pace it yields the seconds until its next slice; newer
    work does not wait for them, and `wait` leaves them out.
    """

    _static = None  # (picture as PNG bytes, its words), set aside by a subclass
    _refused = None  # the control whose box holds what was refused
    _loop = _work = _alarm = None  # a stage that was never finished can be closed, too
    _closed = False
    _frame_seconds = None  # between two frames, where a subclass has no use for many; `FRAME_SECONDS` otherwise
    locked = traitlets.Bool(False, help="controls are off until a prediction has been made")

    def __init__(self, controls, picture, **traits):
        process.keep_programs()
        self.picture = picture
        self.status, self.counters, self.message = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.error, self.frame_bytes = None, []
        self._work, self._closed, self._rest, self._alarm = None, False, None, None
        self._framed, self._next_frame, self._link_free = None, 0.0, 0.0  # whose frame came last; when the next may
        self._loop = running_loop()
        if self._loop is not None:  # drawing holds the interpreter; a key must get its turn at once
            process.share_threads()
        # An event handler is the one kind of script that every front end runs in a widget without an extension.
        page = widgets.HTML(
            f'<style onload="{html.escape(PAGE)}">{STYLE}</style>', layout=widgets.Layout(display="none")
        )
        super().__init__([*controls, self.message, picture.image, self.status, self.counters, page], **traits)
        if hasattr(self, "clicked"):
            self._hear_clicks()
        self.add_class("batchlab")
        self.status.add_class("batchlab-status")

    def _hear_clicks(self):
        """Have `clicked(x, y)` called for a click into the picture, in parts of its width and height; see page.js."""
        place = widgets.Text(layout=widgets.Layout(display="none"))
        place.add_class("batchlab-click")
        place.observe(self._heard_click, "value")
        self.children = [*self.children, place]

    @in_words
    def _heard_click(self, change):
        x, y = change["new"].split()[:2]
        self.clicked(float(x), float(y))

    def start(self, work):
        """Do this work from now on, in place of any other."""
        if self._closed:
            return
        self._work, self.error = work, None
        if self._loop is None:
            self.wait()
        else:
            self._loop.call_soon_threadsafe(self._awake)

    def pause(self):
        """Leave the present work as it stands; the picture is brought up to date."""
        self.start(iter(()))

    def wait_for(self, work):
        """Do this work here and now; only its last frame is drawn, since nobody could see another."""
        self._work, self.error = work, None
        self._framed, self._next_frame = work, math.inf
        return self.wait()

    @property
    def busy(self):
        """Whether there is work to do."""
        return self._work is not None

    def wait(self):
        """Finish the present work here and now; for cells and tests that look at the outcome."""
        while self._step():
            pass
        if self.error is not None and os.environ.get("BATCHLAB_STRICT"):
            raise self.error
        return self

    def close(self):
        """Stop all work and take the widget away."""
        self._closed, self._work = True, None
        if self._alarm is not None:
            self._alarm.cancel()
        super().close()

    def _awake(self):
        """One slice now, the next after a rest; newer work does not wait for the rest to end."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._step():
            self._alarm = self._loop.call_later(self._rest or REST_SECONDS, self._awake)

    def _step(self):
        """One slice of the newest work and, if due before the next one, a frame; False when nothing is left to do."""
        work = self._work
        if work is None or self._closed:
            return False
        try:
            rest = next(work, self)
            finished = rest is self
            self._rest = None if finished else rest
            if finished and self._work is work:
                self._work = None
            overtaken = self._work not in (None, work) or (_waiting and self._work is work)
            if overtaken and time.perf_counter() < self._next_frame + OVERDUE_SECONDS:
                return True  # the next frame is that of the newer work
            due = self._next_frame if work is self._framed else self._link_free  # new work is seen at once
            if self._work is None or time.perf_counter() + (self._rest or 0) >= due:
                self.show()
                self.frame_bytes, self._framed = [*self.frame_bytes[-999:], len(self.picture.png)], work
                self._link_free = time.perf_counter() + len(self.picture.png) / LINK_BYTES_PER_SECOND
                self._next_frame = max(time.perf_counter() + (self._frame_seconds or FRAME_SECONDS), self._link_free)
        except Exception as error:
            self._work = None
            self.fail(error)
        return self._work is not None

    def show(self):
        """Bring picture and words up to date."""
        raise NotImplementedError

    def speak(self):
        """Put the words of the picture into the live region, where a screen reader finds them."""
        self.status.value = f'<div role="status" aria-live="polite" style="line-height: 1.5">{self.words()}</div>'

    def say(self, text, alarm=False):
        """Say something in words above the picture; the empty text takes it away."""
        if self._refused is not None:  # what was typed goes when its complaint does
            self._refused._write()
            self._refused = None
        edge = "#b3261e" if alarm else "#00639b"
        box = f"border-left: 4px solid {edge}; padding: 2px 10px; line-height: 1.5; max-width: 60em"
        role = "alert" if alarm else "status"
        value = f'<div role="{role}" style="{box}">{html.escape(text)}</div>' if text else ""
        if self.message.value != value:
            self.message.value = value

    def fail(self, error):
        """Say an error in words, or nothing for None; what the reader had set and seen stays."""
        if error is None:
            self.say("")
            return
        self.error = error
        refused = getattr(error, "control", None)
        if refused is self._refused:  # its box holds something else by now
            self._refused = None
        ours = isinstance(error, ValueError | TypeError) and str(error)
        self.say(str(error) if ours else f"This did not work: {type(error).__name__}: {error}.", alarm=True)
        self._refused = refused
        if os.environ.get("BATCHLAB_STRICT") and self._loop is None:
            raise error

    def _repr_mimebundle_(self, **kwargs):
        """The live view, and a picture with words for where no kernel runs."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle = {**bundle, "text/plain": repr(self), "image/png": self.static_png()}
        return bundle, {"image/png": {"alt": self.static_words()}}

    def static_png(self):
        """The picture for where no kernel runs: the one that a subclass has set aside, or the present one."""
        return self._static[0] if self._static else self.picture.png

    def static_words(self):
        """What that picture shows, in words."""
        return self._static[1] if self._static else self.words()

    def words(self):
        """What the picture shows now, in words."""
        raise NotImplementedError


def number(text):
    """The number that a text means, whole if it can be."""
    try:
        value = float(text)
    except ValueError:
        return text  # the check of the control says what is wrong with it
    return int(value) if value.is_integer() else value


class _Source(threading.local):
    """Whose change of a number this thread is passing on: that of a slider, a box or a control; None if of none."""

    now = None


class NumberControl(widgets.HBox):
    """One number, by a slider or typed into a box; `value` holds it.

    Args:
        slider: a slider with a description.
        check: takes a number (or whatever was typed), returns the value, or raises an error that says what is allowed.
        complain: takes that error, and None when what was typed is in order.
    """

    WRITE = 0.03  # seconds after which the box says where the slider has gone: the picture comes first
    value = traitlets.Any()

    def __init__(self, slider, check, complain):
        self.slider, self.check, self._complain, self._source = slider, check, complain, _Source()
        self._loop = running_loop()
        tip = f"{slider.description}: type a value and press Enter"
        size = widgets.Layout(width="5em")
        self.box = widgets.Text(continuous_update=False, layout=size, **{TIP: tip})
        self.hint = widgets.Label()
        super().__init__([slider, self.box, self.hint], layout=widgets.Layout(overflow="visible"))
        self.add_class("batchlab-number")
        slider.observe(lambda change: self._source.now or self._slid(change["new"]), "value")
        self.box.observe(lambda change: self._source.now or self._typed(change["new"]), "value")
        self.value = slider.value

    def set_range(self, high, value, *, low=None, step=None):
        """Let the slider run up to `high` (from `low`, in other steps), and set a value in that range.

        A page that has to move its handle by itself, to keep it in the range or on a step, reports where to, and that
        would count as the reader's wish. So it is told all at once, and the range before the value.
        """
        slider, low = self.slider, self.slider.min if low is None else low
        with self._passing_on(self), slider.hold_sync():
            slider.min, slider.max = min(low, slider.min), max(high, slider.max)
            self.value = value
            self._place()
            slider.min, slider.max, slider.step = low, high, step or slider.step
            slider.send_state(["min", "max", "step", "value"])  # by itself it would send them in any order

    @contextlib.contextmanager
    def _passing_on(self, source):
        """What changes in this block is no new wish of the reader; yields whose wish was being passed on before."""
        before, self._source.now = self._source.now, source
        try:
            yield before
        finally:
            self._source.now = before

    @on_the_loop
    def _slid(self, position):
        if not self._same_place(position):
            self._set(position, self.slider)

    def _same_place(self, position):
        """Whether this is the step next to the value: a page can only place its slider on a step, and reports it."""
        scale = math.log10 if isinstance(self.slider, widgets.FloatLogSlider) else float
        low = self.slider.min  # of a logarithmic slider an exponent
        nearest = round((scale(self.value) - low) / self.slider.step)
        return abs((scale(position) - low) / self.slider.step - nearest) < 0.01

    @on_the_loop
    def _typed(self, text):
        try:
            value = self.check(number(text))
            self._complain(None)
            self._set(value, self.box)
        except (TypeError, ValueError) as error:
            error.control = self
            self._complain(error)

    def _set(self, value, source):
        """Take a value from the slider or the box, which is left as the reader put it."""
        with self._passing_on(source):
            self.value = value
        if source is self.box:
            self._write()

    @traitlets.observe("value")
    def _changed(self, _change):
        with self._passing_on(self) as source:
            if source is not self.slider:
                self._place()
            if source is self.slider and self._loop is not None:
                self._loop.call_later(self.WRITE, self._write)
            elif source is not self.box:
                self._write()

    def _write(self):
        with self._passing_on(self):
            self.box.value = f"{self.value:.3g}" if isinstance(self.value, float) else str(self.value)

    def _place(self):
        """Put the slider at the value; a value beyond its end moves the end."""
        with self._passing_on(self):
            if isinstance(self.slider, widgets.IntSlider):
                self.slider.max = max(self.slider.max, self.value)
            self.slider.value = self.value

    def disable(self, disabled):
        """Switch the control off or on."""
        self.slider.disabled = self.box.disabled = disabled


class LogIntegerControl(NumberControl):
    """Every whole number from 1 to `high` on a logarithmic slider: dragging scales, an arrow key steps by one.

    The slider's own step is so fine that a pointer always moves it by many. So a place within a few steps of one where
    the slider has just been can only come from keys, and counts as so many whole numbers, after which the slider is put
    where that number belongs. Keys that were pressed before it got there tell their steps from an earlier place.

    The slider itself always runs over one decade, whatever `high` is: a page that is told of another range answers with
    a place in it, and goes to its old end on the key End.
    """

    STEPS, KEYS = 500_000, 20  # steps along the slider; the most of them that keys make between two events
    SECONDS = 2.0  # for which an earlier place may still be the origin of a step
    PAUSE = 0.4  # seconds without a key after which the slider is put in its place

    def __init__(self, label, check, complain, **look):
        slider = widgets.FloatLogSlider(description=label, base=10, min=0, max=1, value=1, step=1 / self.STEPS, **look)
        self.high, self._places = 10, [(0, 0.0)]  # where the slider was, in steps, and when; the last is where it is
        self._timer = None
        self._put = []  # the last places where the slider was put, for other reasons than keys or a pointer
        super().__init__(slider, check, complain)
        self.value = 1

    def set_range(self, high, value):
        """Let the slider run from 1 to high."""
        self.high = high
        self.value = value
        self._place()
        self._write()

    @on_the_loop
    def _slid(self, position):
        place = round(math.log10(position) * self.STEPS)
        steps = self._steps(place)
        if steps == 0:
            return  # the page repeats what it was told
        if steps is None and place in self._put[:-1] and 0 < place < self.STEPS:
            return self._place()  # a page that was late repeats what it was told before; no pointer hits so well
        self._been(place)
        if steps is not None:
            self._set(min(max(self.value + steps, 1), self.high), self.slider)
            if self._loop is None:
                self._place()
            else:  # a slider that is moved under the keys loses those that the page has not sent yet
                self._place_soon()
        else:
            number = round(max(self.high, 2) ** (place / self.STEPS))
            self._set(min(max(number, 1), self.high), self.slider)

    def _place_soon(self):
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self.PAUSE, self._place)

    def _steps(self, place):
        """How many steps keys have made to get here; None if it was no keys."""
        steps = place - self._places[-1][0]
        if abs(steps) <= self.KEYS:
            return steps
        if place in (0, self.STEPS):
            return None  # Home and End
        earlier = [place - at for at, when in self._places if time.monotonic() - when < self.SECONDS]
        steps = min(earlier, key=abs, default=0)
        return steps if 0 < abs(steps) <= self.KEYS else None

    def _been(self, place):
        now = time.monotonic()
        recent = [earlier for earlier in self._places[-32:] if now - earlier[1] < self.SECONDS]
        self._places = [*recent, (place, now)]

    def _place(self):
        place = round(math.log(self.value) / math.log(max(self.high, 2)) * self.STEPS)
        self._been(place)
        self._put = [*self._put[-8:], place]
        with self._passing_on(self):
            self.slider.value = 10 ** (place / self.STEPS)


class ChoiceControl(NumberControl):
    """One of a list of numbers: an arrow key goes to the next of them, a typed number to the nearest by its ratio.

    `room` is how many there may come to be: a page whose slider gets another end later goes to the old one on End.
    """

    def __init__(self, label, choices, check, complain, room=0, **look):
        self.choices = list(choices)
        slider = widgets.IntSlider(description=label, min=0, max=max(len(choices), room) - 1, **look)
        super().__init__(slider, lambda value: self.nearest(check(value)), complain)
        self.value = self.choices[0]

    def nearest(self, value):
        """The choice that differs from a value by the smallest factor."""
        return min(self.choices, key=lambda choice: abs(math.log(choice / value)))

    def set_choices(self, choices):
        """Offer other numbers; the value becomes the nearest of them."""
        self.choices, value = list(choices), self.value
        with self._passing_on(self):
            self.slider.max = max(self.slider.max, len(self.choices) - 1)
        self.value = self.nearest(value)
        self._place()

    @traitlets.validate("value")
    def _one_of_them(self, proposal):
        value = proposal["value"]
        return self.nearest(value) if value > 0 else self.choices[0]

    @on_the_loop
    def _slid(self, position):
        self._set(self.choices[min(position, len(self.choices) - 1)], self.slider)

    def _place(self):
        with self._passing_on(self):
            self.slider.value = self.choices.index(self.value)
