"""Whatever thread Jupyter calls a stage on, its picture is touched on the kernel's main loop alone."""

import asyncio
import contextlib
import threading
import time

import ipywidgets as widgets
import pytest
from matplotlib.artist import Artist

import batchlab as bl
from batchlab.course import (
    ch01_count,
    ch02_descend,
    ch04_noise,
    ch05_rates,
    ch06_targets,
    ch07_devices,
    ch08_rprop,
    ch09_escape,
    ch10_choose,
    stage,
)

from . import labs


def rate_map(**settings):
    problem = bl.data.digits(n=24, label_noise=0, n_val=20)
    return ch05_rates.RateMap(ch05_rates.RateGrid(problem, hidden=(), seeds=1, keep=False), batch_size=8, **settings)


def target_lab(**settings):
    sweep = {"batch_sizes": (200, 1000), "learning_rates": (0.32, 1.28), "num_epochs": [4, 20], "seeds": 2, "checks": 4}
    return ch06_targets.TargetLab(ch06_targets.digits_sweep(**sweep, target={"val_accuracy": 0.8}), **settings)


def choice(**settings):
    return ch10_choose.Choice(ch10_choose.plan(bl.data.two_moons(n=60, n_val=60, seed=3)), **settings)


STAGES = {
    "01": ch01_count.Counting,
    "02": ch02_descend.Descents,
    "03": lambda **settings: bl.Lab(epochs=40, **settings),
    "04": lambda **settings: ch04_noise.NoiseLab("noisy sine", **settings),
    "05": rate_map,
    "06": target_lab,
    "07": ch07_devices.StepLab,
    "08": ch08_rprop.SignLab,
    "09": lambda **settings: ch09_escape.EscapeLab(batch_size=2, **settings),
    "10": choice,
}


def inner(widget):
    """A widget's parts that a reader can move, from top to bottom."""
    for child in getattr(widget, "children", ()):
        if isinstance(child, widgets.Widget) and hasattr(child, "children"):
            yield from inner(child)
        else:
            yield child


def move(part):
    """Give a control another value; True if it is one."""
    if isinstance(part, widgets.FloatLogSlider):
        part.value = part.base ** (part.min + 0.4 * (part.max - part.min))
    elif isinstance(part, widgets.IntSlider):
        part.value = (part.min + part.max) // 2 + (part.value == (part.min + part.max) // 2)
    elif isinstance(part, widgets.FloatSlider):
        part.value = part.min + 0.4 * (part.max - part.min)
    elif isinstance(part, widgets.Dropdown):
        part.index = ((part.index or 0) + 1) % len(part.options)
    elif isinstance(part, widgets.Checkbox):
        part.value = not part.value
    elif isinstance(part, widgets.Button):
        part.click()
    else:
        return False
    return True


@contextlib.contextmanager
def touching(monkeypatch):
    """The threads on which anything in a picture changes."""
    threads, stale = set(), Artist.stale

    def touch(artist, value):
        threads.add(threading.current_thread())
        stale.fset(artist, value)

    with monkeypatch.context() as patch:
        patch.setattr(Artist, "stale", property(stale.fget, touch))
        yield threads


@pytest.mark.parametrize("make", STAGES.values(), ids=STAGES)
def test_a_picture_is_touched_on_the_loop_alone(make, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where chapter 10 saves its report

    async def session():
        stage, loop = make(locked=True), asyncio.get_running_loop()
        await labs.rest(stage)

        def read():  # as a reader on another thread
            stage.locked = False
            moved = 0
            for part in list(inner(stage)):
                moved += move(part)
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0.02), loop).result()
                while stage.busy and isinstance(part, widgets.Button):  # what is committed is saved when it is done
                    time.sleep(0.01)
            return moved

        with touching(monkeypatch) as threads:
            assert await asyncio.to_thread(read) >= 3
            async with asyncio.timeout(60):
                await labs.rest(stage)
        assert threads == {threading.main_thread()}
        stage.close()

    asyncio.run(session())


def test_a_key_is_heard_while_the_control_is_being_written():
    async def session():
        control = stage.LogIntegerControl("batch size", lambda value: value, lambda error: None)
        control.set_range(100, 10)
        seen = []
        control.observe(lambda change: seen.append((change["new"], threading.current_thread())), "value")
        with control._passing_on(control):  # as the loop does when it writes into the box or places the slider
            await asyncio.to_thread(setattr, control.slider, "value", control.slider.value * 10**control.slider.step)
        await asyncio.sleep(0.1)
        assert seen == [(11, threading.main_thread())]
        assert control.box.value == "11"

    asyncio.run(session())


def test_changes_are_heard_in_their_order_and_the_last_one_stays():
    async def session():
        control = stage.NumberControl(widgets.IntSlider(description="epochs", max=1000), int, lambda error: None)
        seen = []
        control.observe(lambda change: seen.append(change["new"]), "value")

        def drag():
            for value in range(1, 200):
                control.slider.value = value

        await asyncio.to_thread(drag)
        await asyncio.sleep(0.1)
        assert seen == list(range(1, 200))
        assert (control.value, control.slider.value, control.box.value) == (199, 199, "199")

    asyncio.run(session())
