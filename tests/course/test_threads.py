"""Whatever thread Jupyter calls a lab on, it works and touches its picture on the kernel's main loop alone."""

import asyncio
import threading

import numpy as np
import pytest
from matplotlib.artist import Artist

from batchlab.course import ch09_escape
from batchlab.live import Picture, Press

from ..live.page import Page, kernel, settled
from .every_lab import LABS


@pytest.fixture(autouse=True)
def fewer_sizes_to_compute(monkeypatch):
    monkeypatch.setattr(ch09_escape.lab, "SIZES", (1, 2, 16, 64))


@pytest.fixture
def watched(monkeypatch):
    """`watched(lab)`: the threads on which it does anything, by what was done; told from when it is called."""

    def note(owner, name, seen):
        original = getattr(owner, name)

        def noting(*args):
            seen.setdefault(name, set()).add(threading.current_thread())
            return original(*args)

        monkeypatch.setattr(owner, name, noting)

    def watch(lab):
        seen, stale, work = {}, Artist.stale, lab.work

        def touch(artist, value):
            seen.setdefault("artists", set()).add(threading.current_thread())
            stale.fset(artist, value)

        def working():
            seen.setdefault("work", set()).add(threading.current_thread())
            for rest in work():
                seen["work"].add(threading.current_thread())
                yield rest

        monkeypatch.setattr(Artist, "stale", property(stale.fget, touch))
        monkeypatch.setattr(lab, "work", working)
        for name in ("begin", "draw", "show", "words", "facts", "clicked"):
            note(lab, name, seen)
        for name in ("draw", "stand", "move"):
            note(Picture, name, seen)
        for control in lab.controls.values():
            if isinstance(control, Press):
                note(control, "action", seen)
        return seen

    return watch


class Reader:
    """A reader whose every message comes on another thread than the loop's; its methods are called there."""

    def __init__(self, lab):
        self.lab, self.page, self.loop = lab, Page(lab), asyncio.get_running_loop()
        assert threading.current_thread() is threading.main_thread()

    def rest(self, seconds=None):
        """Wait until the lab has nothing left to do, or for so many seconds."""
        wait = settled(self.lab, 60) if seconds is None else asyncio.sleep(seconds)
        asyncio.run_coroutine_threadsafe(wait, self.loop).result()

    def see(self):
        """Say that the page has seen the frame."""
        self.lab._acknowledged(self.lab, {"seen": self.lab.frame["count"]}, [])

    def free(self, *, buttons):
        """The controls that the reader can use now, buttons or the others."""
        rows = self.lab.rows["list"]
        return [
            row["name"]
            for row in rows
            if (row["kind"] == "press") == buttons and not row.get("hidden") and not row.get("disabled")
        ]


def others(row, value):
    """Some other values of a control, the present one `value` last but one."""
    if row["kind"] in ("menu", "tick", "words"):
        options = {"menu": row.get("options"), "tick": [False, True], "words": ["one", "another", value]}[row["kind"]]
        at = options.index(value)
        return [options[at - 1], value, options[(at + 1) % len(options)]]
    if row["kind"] == "steps":
        steps = [step for step in row["steps"] if step != value]
        return [*steps[:3], value, steps[len(steps) // 2]]
    low, high = row["low"], row["high"]
    spread = np.geomspace(low + 1, high + 1, 9)[1:-1] - 1 if row.get("log") else np.linspace(low, high, 9)[1:-1]
    values = [round(one) if row["kind"] == "whole" else one for one in spread.tolist()]
    return [*[one for one in values if one != value], value, next(one for one in values[2:] if one != value)]


def assert_shown(reader, name, value):
    """The newest wish has won, and nothing has gone wrong."""
    lab, page = reader.lab, reader.page
    assert lab.error is None, lab.error
    assert lab.frame["refused"] == {}, page.message
    assert page.shows[name] == page.values[name] == getattr(lab, name)
    assert page.shows[name] == (value if isinstance(value, str) else pytest.approx(value)), name


def move_everything(reader):
    """Move every control, by wishes of the page and by assignments in Python, a burst each."""
    lab, page = reader.lab, reader.page
    for name in reader.free(buttons=False):
        for send in (lambda name, value: page.wish(**{name: value}), lambda name, value: setattr(lab, name, value)):
            row = page.row(name)
            if name == "path":  # of a file that is read at once
                continue
            if len(set(row.get("options", (1, 2)))) < 2:
                continue
            for value in others(row, getattr(lab, name)):
                send(name, value)
                reader.see()
            reader.rest()
            assert_shown(reader, name, value)


@pytest.mark.parametrize("make", LABS.values(), ids=LABS)
def test_a_picture_is_touched_on_the_loop_alone(make, watched, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # a report is saved

    async def session():
        lab = make(locked=True)
        await settled(lab)
        reader, seen = Reader(lab), watched(lab)
        buttons = [name for name, control in lab.controls.items() if isinstance(control, Press)]

        def read():
            lab.locked = False
            reader.rest()
            assert not lab.rows["locked"]
            move_everything(reader)
            for name in buttons:
                if name in reader.free(buttons=True):
                    reader.page.press(name)
                    reader.rest(0.02)
                getattr(lab, name)()  # what was begun is ended, if it can be
                reader.rest(0.02)
            reader.page.click(300, 150)
            reader.page.wish(width=400)
            reader.see()
            reader.rest()
            name = reader.free(buttons=False)[0]
            value = others(reader.page.row(name), getattr(lab, name))[-1]
            reader.page.wish(**{name: value})
            reader.rest()
            assert_shown(reader, name, value)
            assert lab.standing["width"] == 400

        await asyncio.to_thread(read)
        assert {"artists", "begin", "work", "draw", "show", "words", "stand", "move"} <= set(seen)
        assert bool(buttons) == ("action" in seen)
        assert {name: threads for name, threads in seen.items() if threads != {threading.main_thread()}} == {}
        lab.close()

    kernel(session)
