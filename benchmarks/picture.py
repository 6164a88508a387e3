"""What a frame costs: bytes as sent and time in the kernel, for every live picture; and the exported lab."""

import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

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
)
from batchlab.live.picture import png

from .devtools import Tab, browser, chromium
from .tables import heading, progress, table, verdict

FRAMES = 60
LABS = {
    "01 update": lambda: ch01_count.Update(batch_size=8),
    "01 counting": lambda: ch01_count.Counting(),
    "02 descents": lambda: ch02_descend.Descents("two bumps"),
    "03 overfitting, noisy sine": lambda: bl.Lab("noisy sine"),
    "03 overfitting, two moons": lambda: bl.Lab("two moons"),
    "03 overfitting, digits": lambda: bl.Lab("digits"),
    "04 noise": lambda: ch04_noise.NoiseLab("digits"),
    "05 rate map": lambda: ch05_rates.RateMap(),
    "06 targets": lambda: ch06_targets.TargetLab(),
    "07 a step": lambda: ch07_devices.StepLab(),
    "08 signs": lambda: ch08_rprop.SignLab(),
    "09 escape": lambda: ch09_escape.EscapeLab(),
    "10 choice": lambda: ch10_choose.Choice(bl.data.digits(n=400)),
}
EXPORTED = {"batch_size": range(1, 13), "learning_rate": [0.02, 0.05, 0.1]}
EPOCHS = 60


def costs(make):
    """Bytes of a moving and of a standing layer, and milliseconds of a frame: recorded and sent, and painted as PNG."""
    lab = make()
    lab.wait()
    lab._send_frame()
    moving, standing = len(lab.frame["strokes"]), len(lab.standing["strokes"])
    sent, painted = [], []
    for _ in range(FRAMES):
        began = time.perf_counter()
        lab._send_frame()
        sent.append(1e3 * (time.perf_counter() - began))
    for _ in range(5):
        began = time.perf_counter()
        png(lab.picture.painted(scale=1))
        painted.append(1e3 * (time.perf_counter() - began))
    lab.close()
    return moving, standing, statistics.median(sent), statistics.median(painted)


def exported(folder):
    """Bytes, frames and seconds of the overfitting lab's export, and what Chromium makes of the page: ms."""
    lab = bl.Lab("noisy sine")
    epochs = np.unique(np.rint(np.expm1(np.linspace(0, np.log1p(3000), EPOCHS + 11))).astype(int))
    epochs = epochs[np.rint(np.linspace(0, len(epochs) - 1, EPOCHS)).astype(int)]
    began = time.perf_counter()
    page = lab.export(folder / "lab.html", progress=False, **EXPORTED, epochs=epochs)
    seconds = time.perf_counter() - began
    count = len(epochs) * len(EXPORTED["batch_size"]) * len(EXPORTED["learning_rate"])
    if not chromium():
        return page.stat().st_size, count, seconds, None, None
    with browser() as tabs, contextlib.closing(Tab(tabs, f"file://{page}", "")) as tab:
        opened = tab.evaluate(
            "new Promise(done => { const look = () => document.querySelector('.picture')?.dataset.frame"
            " ? done(performance.now()) : setTimeout(look, 5); look(); })"
        )
        moves = tab.evaluate(
            """(async () => {
                const [slider] = document.querySelectorAll(".batchlab input[type=range]");
                const picture = document.querySelector(".picture"), times = [];
                const press = (key) => slider.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
                const rest = (ms) => new Promise((done) => setTimeout(done, ms));
                for (let i = 0; i < 11; i++) {
                    const before = picture.dataset.frame, began = performance.now();
                    press("ArrowRight");
                    while (picture.dataset.frame === before && performance.now() - began < 2000) await rest(0);
                    times.push(performance.now() - began);
                    press("ArrowLeft");
                    await rest(50);
                }
                return times;
            })()"""
        )
    return page.stat().st_size, count, seconds, opened, max(moves)


def report():
    heading(
        "Pictures",
        f"A frame of every live picture in its default state: kilobytes as sent (deflated, base64), and milliseconds "
        f"in the kernel from the numbers to the message, median of {FRAMES}; beside it the same picture painted by Agg "
        "and packed as PNG.",
    )
    rows, most = [], {}
    for name, make in LABS.items():
        progress(f"pictures: {name}")
        moving, standing, sent, painted = most[name] = costs(make)
        rows.append([name, f"{moving / 1e3:.1f}", f"{standing / 1e3:.1f}", f"{sent:.1f}", f"{painted:.0f}"])
    table(["lab", "kB a frame", "kB standing", "ms a frame", "ms painted"], rows)
    progress("pictures: the exported lab")
    with tempfile.TemporaryDirectory() as folder:
        size, count, seconds, opened, moved = exported(Path(folder))
    default = most["03 overfitting, noisy sine"]
    largest = max(moving for moving, *_ in most.values())
    rows = [
        ["default lab, kB a frame", "at most 4", f"{default[0] / 1e3:.1f}", verdict(default[0] <= 4e3)],
        ["largest of all, kB a frame", "at most 9", f"{largest / 1e3:.1f}", verdict(largest <= 9e3)],
        ["default lab, ms a frame", "at most 3", f"{default[2]:.1f}", verdict(default[2] <= 3)],
        [f"exported lab, {count:,} frames, MB", "at most 2", f"{size / 1e6:.2f}", verdict(size <= 2e6)],
        ["its export, seconds", "", f"{seconds:.0f}", ""],
    ]
    if opened is not None:
        rows += [
            ["its page opens, ms", "at most 1,000", f"{opened:.0f}", verdict(opened <= 1000)],
            ["a slider of it answers, most, ms", "at most 16.7", f"{moved:.1f}", verdict(moved <= 16.7)],
        ]
    table(["pictures", "target", "seen", ""], rows)
