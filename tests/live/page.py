"""A page for tests that need no browser: it wishes as the page does, and looks at what came down."""

import asyncio
import base64
import contextlib
import json
import zlib

import jax


class Page:
    """What a reader's page does with a live picture, without its pixels."""

    def __init__(self, lab):
        self.lab, self.count = lab, max([0, *(count for _, count in lab.wishes.values())])

    def wish(self, **values):
        """Move controls together: what a page sends in one message."""
        wishes = dict(self.lab.wishes)
        for name, value in values.items():
            self.count += 1
            wishes[name] = [value, self.count]
        self.lab.wishes = wishes

    def press(self, name):
        """Press a button; the page counts how often."""
        self.wish(**{name: self.lab.wishes.get(name, (0, 0))[0] + 1})

    def click(self, x, y):
        """Click into the picture, in pixels from its upper left corner."""
        self.wish(click=[x, y])

    def row(self, name):
        """A control as the page shows it."""
        return next(row for row in self.lab.rows["list"] if row["name"] == name)

    message = property(lambda self: self.lab.frame["message"])
    words = property(lambda self: self.lab.frame["words"])
    shows = property(lambda self: self.lab.frame["shows"])
    values = property(lambda self: self.lab.frame["values"])

    def texts(self):
        """All texts of the picture."""
        layers = unpacked(self.lab.standing["strokes"]) + unpacked(self.lab.frame["strokes"])
        return [head[2] for head in layers if head[0] == "t"]


def unpacked(text):
    """The heads of a packed layer's strokes."""
    whole = zlib.decompress(base64.b64decode(text))
    length = int.from_bytes(whole[:4], "little")
    return json.loads(whole[4 : 4 + length])


def kernel(scenario):
    """Run `async def scenario()` on a running loop, as in a kernel; a lab made in it works in slices."""
    return asyncio.run(scenario())


async def settled(lab, seconds=30):
    """Wait until a lab on a running loop has nothing left to do and has sent it."""
    async with asyncio.timeout(seconds):
        await asyncio.sleep(0.01)
        while lab.busy or lab._turns.pace.owed or lab._turns.changed:
            lab._turns.acknowledged(lab.frame["count"])
            await asyncio.sleep(0.005)


@contextlib.contextmanager
def compilations():
    """Count what JAX compiles in this block: `with compilations() as names: ...` fills the list."""
    names = []

    def note(event, seconds, **about):
        if event.endswith("backend_compile_duration"):
            names.append(about.get("fun_name", event))

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield names
    finally:
        unregister = getattr(jax.monitoring, "unregister_event_duration_listener", None)
        if unregister is not None:
            unregister(note)
        else:  # before jax 0.8
            from jax._src import monitoring

            monitoring._unregister_event_duration_listener_by_callback(note)
