"""Where a picture trains: on the quicker kind of device, or where the reader says; with simulated kinds."""

import subprocess
import sys

import ipywidgets
import jax
import optax
import pytest

import batchlab as bl
from batchlab.course import ch02_descend, ch09_escape
from batchlab.course.placing import QUICKER
from batchlab.measure import devices

from ..live.page import Page

LABS = {
    "Descents": lambda: ch02_descend.Descents("straight line", epochs=2),
    "Lab": lambda: bl.Lab("noisy sine", epochs=3),
    "EscapeLab": lambda: ch09_escape.EscapeLab(batch_size=64, updates=16),
}


@pytest.fixture
def slow(monkeypatch):
    """Two kinds of device, and a list of those that were timed; `slow[kind]` is what its updates take."""
    took, timed = {"CPU": 640e-6, "GPU": 6400e-6}, []
    monkeypatch.setattr(devices, "kinds_of_device", lambda: dict.fromkeys(took, jax.local_devices()[0]))

    def seconds(problem, device, **settings):
        timed.append(settings["model"])
        return took[list(took)[(len(timed) - 1) % len(took)]]

    monkeypatch.setattr(devices, "seconds_of_updates", seconds)
    devices.update_times.cache_clear()
    yield took, timed
    devices.update_times.cache_clear()


@pytest.mark.parametrize("name", LABS)
def test_a_lab_says_where_it_trains_and_why_and_lets_the_reader_choose(slow, name):
    _, timed = slow
    lab = LABS[name]()
    page = Page(lab)
    assert page.row("device")["options"] == [QUICKER, "CPU", "GPU"]
    assert "hidden" not in page.row("device")
    said = lab.frame["facts"]
    assert "trained on the CPU" in said
    assert "an update at B = 1: 10 µs on the CPU, 100 µs on the GPU" in said
    assert len(timed) == 2  # once for each kind
    page.wish(device="GPU")
    assert "trained on the GPU" in lab.frame["facts"]
    assert "µs on the" not in lab.frame["facts"]
    page.wish(device=QUICKER)
    assert "trained on the CPU" in lab.frame["facts"]
    assert len(timed) == 2
    with pytest.raises(ValueError, match="there is no device 'TPU'; choose one of the quicker one, CPU, GPU"):
        lab.device = "TPU"


@pytest.mark.parametrize("name", ["Descents", "Lab"])
def test_reset_puts_the_device_back_too(slow, name):
    lab = LABS[name]()
    lab.device = "GPU"
    lab.reset()
    assert lab.device == QUICKER
    assert "trained on the CPU" in lab.frame["facts"]


def test_the_kind_that_took_less_is_the_quicker_one(slow):
    took, timed = slow
    problem, settings = bl.data.noisy_sine(n=12), {"hidden": (4,), "optimizer": optax.sgd}
    assert devices.quickest(problem, **settings) == ("CPU", took)
    assert devices.quickest(bl.data.noisy_sine(n=90), **settings)[0] == "CPU"
    assert len(timed) == 2  # of the same shapes nothing is timed again
    took["CPU"] = 1.0
    assert devices.quickest(problem, hidden=(5,), optimizer=optax.sgd) == ("GPU", took)
    assert len(timed) == 4


def test_what_the_reader_has_placed_or_set_is_not_timed(slow):
    _, timed = slow
    problem = bl.data.noisy_sine(n=12)
    with jax.default_device(jax.local_devices()[0]):
        assert devices.quickest(problem, optimizer=optax.sgd) == ("CPU", {})
    placed = bl.Problem(jax.device_put(problem.x, jax.local_devices()[0]), problem.y, problem.x_val, problem.y_val)
    assert devices.quickest(placed, optimizer=optax.sgd) == ("CPU", {})
    assert not timed


def test_where_there_is_a_cpu_only_nothing_is_timed_nor_said(monkeypatch):
    monkeypatch.setattr(devices, "seconds_of_updates", None)  # whoever called it would fail
    lab = LABS["Lab"]()
    assert Page(lab).row("device")["hidden"]
    assert "trained on" not in lab.frame["facts"]
    assert lab.placed is None


def test_the_times_are_those_of_real_updates():
    seconds = devices.seconds_of_updates(bl.data.noisy_sine(n=12), jax.local_devices()[0], hidden=(4,))
    assert 0 < seconds < 1
    times = devices.update_times(bl.models.mlp((64, 8, 10)), "classification", 64, 10, optax.sgd, 2)
    assert list(times) == ["CPU"]
    assert 0 < times["CPU"] < 1


TWO = """
import jax
jax.config.update("jax_num_cpu_devices", 2)
import batchlab as bl
from batchlab.measure import devices

first, second = jax.devices()
devices.kinds_of_device = lambda: {"CPU": first, "GPU": second}
really, slow = devices.seconds_of_updates, {first}
devices.seconds_of_updates = lambda problem, device, **rest: really(problem, device, **rest) + (device in slow)

def where(run):
    return {device for leaf in jax.tree.leaves((run._state, run._data)) for device in leaf.devices()}

lab = bl.Lab("noisy sine", epochs=3)
assert lab.placed[0] == "GPU" and lab.placed[1]["CPU"] > 1 > lab.placed[1]["GPU"] > 0, lab.placed
assert where(lab.run) == {second} and lab.run.device == second
losses = lab.run.train_loss
lab.epochs = 5  # trains on, where it was
lab.wait()
assert where(lab.run) == {second} and lab.run.num_epochs == 5
lab.device = "CPU"
lab.wait()
assert where(lab.run) == {first} and (lab.run.train_loss[:4] == losses).all()
assert where(bl.fit(lab.problem, num_epochs=1)) == {first}  # JAX's default
assert jax.config.jax_default_device is None
with jax.default_device(second):
    assert where(bl.fit(lab.problem, num_epochs=1)) == {second}
print("all there")
"""


def test_the_run_is_where_the_picture_says():
    old = (
        ["-W", "ignore::DeprecationWarning"] if ipywidgets.__version__ < "8" else []
    )  # Colab's packages are full of them
    command = [sys.executable, "-W", "error", *old, "-c", TWO]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout == "all there\n", done.stderr[-3000:]
