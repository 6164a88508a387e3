"""The widget of a live picture, and what goes between the kernel and its pages: wishes up, everything else down."""

import math
import pathlib

import anywidget
import traitlets

from .controls import ERRORS, Control, Press
from .loop import Loop
from .picture import DPI, NARROW, Picture
from .recorder import pack

HERE = pathlib.Path(__file__).parent


class Channel(anywidget.AnyWidget):
    """A widget that takes the wishes of its pages and sends them frames; `Live` says what is in them.

    No trait runs both ways, so nothing that a page rounds or repeats can come back as a wish.
    """

    size, narrow_height = (9.0, 3.6), 6.4
    _turns = None
    _esm = traitlets.Unicode((HERE / "live.js").read_text(encoding="utf-8")).tag(sync=True)
    _css = traitlets.Unicode((HERE / "live.css").read_text(encoding="utf-8")).tag(sync=True)
    wishes = traitlets.Dict(help="from the page: {control: [newest value, count]}").tag(sync=True, echo_update=False)
    rows = traitlets.Dict(help="to the page, as all that follows: the controls").tag(sync=True)
    standing = traitlets.Dict(help="what stands still").tag(sync=True)
    frame = traitlets.Dict(help="what moves, and what is said about it").tag(sync=True)
    locked = traitlets.Bool(False, help="controls are off until a prediction has been made")

    def __init__(self, controls):
        super().__init__()
        self.controls = controls  # those that are shown
        self._turns = Loop(self)
        self._fit(math.inf)
        self.error, self._message, self._halted = None, ("", False), False
        self._heard, self._refused, self._pressed = {}, {}, {}
        self.frame_bytes = []
        self.observe(self._set, [*declared(type(self)), "locked"])
        self.observe(lambda _change: self._turns.wake(), "wishes")
        self.on_msg(self._acknowledged)

    # ---- up ----------------------------------------------------------------------------------------------------------

    def _set(self, change):
        """A control has another value, whoever set it, on whatever thread."""
        self._turns.changed.append(change["name"])
        self._turns.wake()

    def pressed(self, press):
        """Press one of the buttons; what it does, it does on the loop."""
        if self._turns.elsewhere:
            self._turns.loop.call_soon_threadsafe(self._try, self.pressed, press)
            self._turns.come()
        elif not self.locked:
            with self._turns.within():  # all that it sets is taken together
                press.action(self)
            self._turns.changed.append(press.name)
            self._turns.wake()

    def _take_wishes(self):
        """Set what the page has wished since the last time, each refused by itself."""
        new = {name: value for name, (value, count) in self.wishes.items() if count > self._heard.get(name, 0)}
        if not new:
            return
        self._heard |= {name: self.wishes[name][1] for name in new}
        self._refused = {}
        self._turns.pace.owe()
        for control in self._in_turn(new):
            self._try(self._wished, control, new[control.name])
        if "click" in new and not self.locked:
            self._try(self.clicked, new["click"][0], self.picture.height - new["click"][1])
        if "width" in new:
            self._fit(new["width"])

    def _in_turn(self, new):
        """The controls of new wishes: buttons when they were pressed, what was moved between in order of declaration.

        Of controls that are moved together one may set the limits of another.
        """
        wished = [control for name, control in self.controls.items() if name in new]
        presses = [self._heard[control.name] for control in wished if isinstance(control, Press)]

        def turn(control):
            return sum(press < self._heard[control.name] for press in presses), isinstance(control, Press)

        return sorted(wished, key=turn)

    def _wished(self, control, value):
        off = self.locked or control.look(self, "disabled")
        try:
            if isinstance(control, Press):  # its value counts how often it was pressed
                before = self._pressed.get(control.name, 0)
                self._pressed[control.name] = max(value, before)
                for _ in range(0 if off else max(value - before, 1)):  # another page may not know of all
                    self.pressed(control)
            elif not off:
                setattr(self, control.name, value)
        except ERRORS as error:
            self._refused[control.name] = value, str(error)

    def _try(self, action, *values):
        """One wish; what goes wrong in it is said, and leaves the others alone."""
        try:
            action(*values)
        except Exception as error:
            self.fail(error)

    def _fit(self, pixels):
        """Draw the picture for a page with so much room: where it is narrow, its columns one below the other."""
        width, height = self.size
        if pixels < DPI * NARROW:
            width, height = max(pixels, 300) / DPI, self.narrow_height
        self.picture, self._drawn, self._standing = Picture(width, height), False, None  # nothing of it is sent
        self._turns.pace.owe(fresh=True)

    def clicked(self, x, y):
        """A click into the picture, in pixels of the figure from the lower left corner, as matplotlib counts."""

    def _acknowledged(self, _widget, content, _buffers):
        """A page has seen a frame."""
        self._turns.acknowledged(content.get("seen") or 0)

    # ---- down --------------------------------------------------------------------------------------------------------

    def _send_frame(self):
        """Send the picture as it is now, its words and its controls, in one message."""
        if self._turns.closed or self._turns.aside:
            return
        values, now, rows = self._values(), {}, self.rows
        try:
            rows = self._rows()
            if not self._halted or self._standing is None:
                now = self._snapshot()
        except Exception as error:  # the picture and its words stay, together
            if not self._halted:
                self._halt(error)
        count = self._turns.pace.sends()
        complaints = " ".join(words for _, words in self._refused.values())
        message, alarm = (complaints, True) if complaints else self._message
        heard, refused = dict(self._heard), {name: value for name, (value, _) in self._refused.items()}
        frame = {**self.frame, "count": count, "asks": self._turns.pace.asks, "busy": self.busy, "values": values}
        frame |= {"heard": heard, "refused": refused, "message": message, "alarm": alarm}
        with self.hold_sync():
            if now:
                if now["standing"] is not self._standing:
                    self._standing = now["standing"]
                    size = {"width": self.picture.width, "height": self.picture.height, "panels": self.picture.panels}
                    size |= {"wide": round(DPI * self.size[0]), "narrow": round(DPI * NARROW)}
                    self.standing = {"count": count, "strokes": pack(self._standing), **size}
                    self.frame_bytes.append(len(self.standing["strokes"]))
                frame |= {"standing": self.standing["count"], "strokes": pack(now["moving"])}
                frame |= {"shows": values, "words": now["words"], "facts": now["facts"]}
                self.frame_bytes = [*self.frame_bytes[-999:], len(frame["strokes"])]
            self.frame, self.rows = frame, rows

    def _snapshot(self):
        """The strokes of both layers, and what is said: words, facts, message and whether it is an alarm."""
        if not self._drawn:
            self.picture.draw(self.draw)
            self._drawn = True
        self.picture.shown = 1 if self.locked else None
        self.show()
        layers = {"standing": self.picture.stand(), "moving": self.picture.move()}
        return layers | {"words": self.words(), "facts": self.facts(), "said": self._message}

    def _rows(self):
        rows = [control.row(self) for control in self.controls.values()]
        clicks = type(self).clicked is not Channel.clicked
        return {"list": rows, "locked": self.locked, "clicks": clicks} | ({"focus": self._focus} if self._focus else {})

    def _values(self, controls=None):
        """The values of the controls, of those that are shown if none are given; a button has none."""
        controls = self.controls if controls is None else controls
        return {name: getattr(self, name) for name, c in controls.items() if not isinstance(c, Press)}

    # ---- where no kernel runs ----------------------------------------------------------------------------------------

    _ipython_display_ = None  # of ipywidgets 7, which knows no bundle

    def _repr_mimebundle_(self, **kwargs):
        """The live view, and a picture with words for where no kernel runs."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        still = {"alt": self.frame.get("words", ""), "width": self.picture.width, "height": self.picture.height}
        bundle = {**bundle, "text/plain": repr(self), "image/png": self.picture.png()}
        return bundle, {**metadata, "image/png": still}

    def __repr__(self):
        return f"{type(self).__name__}: {self.words()}"


def declared(cls):
    """The controls of a class by name, in the order in which they are declared."""
    found = {}
    for base in reversed(cls.__mro__):
        found |= {name: control for name, control in vars(base).items() if isinstance(control, Control)}
    return found
