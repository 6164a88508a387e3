"""From a key press to changed pixels: JupyterLab in a real Chromium, our lab against what notebooks do otherwise."""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .devtools import Tab, browser, chromium
from .link import Link
from .tables import heading, progress, table, verdict

HERE = Path(__file__).resolve().parent
PRESSES = 45
FIRST = 4  # the batch size that every slider starts at; each press takes the next
PACE = 0.100  # seconds between presses while a run is going on
LABEL = "batch size"
ERRORS = """[...document.querySelectorAll(
    ".jp-OutputArea-output[data-mime-type*=error], .jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
)]"""
LAB = """
import zlib
import batchlab as bl
sent = open("frames.txt", "w", buffering=1)
lab = bl.Lab({})
def note(change):
    count, strokes, standing = (change["new"][name] for name in ("count", "strokes", "standing"))
    print(count, zlib.crc32(strokes.encode(), standing), len(strokes), file=sent)
lab.observe(note, "frame")
lab
"""
# 2,000 epochs of 256 samples take longer than PACE at every batch size that is visited.
UNSEEN = LAB.format(f"bl.data.noisy_sine(n=256), batch_size={FIRST}, epochs=2000")
DEFAULT = LAB.format(f"batch_size={FIRST}")

OURS, INLINE, IPYMPL = "the lab", "interact, inline backend", "interact, ipympl"


def missing(*modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


@contextlib.contextmanager
def jupyterlab(folder):
    """A server on the folder with settings of its own; yields its address."""
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=localhost", f"--port={port}"]
    command += [
        "--IdentityProvider.token=bench",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={folder / 'notebooks'}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            with socket.socket() as probe:
                if probe.connect_ex(("localhost", port)) == 0:
                    break
            time.sleep(0.25)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)


class Page:
    """A notebook of one cell, run in JupyterLab, with its slider in focus."""

    def __init__(self, browser_address, address, folder, name, code):
        self.sent, self.shown = folder / "frames.txt", None
        self.sent.unlink(missing_ok=True)
        cell = {
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": code,
            "id": "cell",
        }
        notebook = {
            "cells": [cell],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        }
        (folder / f"{name}.ipynb").write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}))
        script = f"window.batchlabCanvas = {json.dumps(name == 'ipympl')};\n" + (HERE / "page.js").read_text()
        self.tab = Tab(browser_address, f"{address}/doc/tree/{name}.ipynb?token=bench", script)
        self.tab.wait_for("document.querySelector('.jp-Notebook .jp-CodeCell') !== null")
        kernel = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
        self.tab.wait_for(f"{kernel} === 'idle'")
        self.tab.evaluate("jupyterapp.commands.execute('notebook:run-all-cells'), null")
        self.tab.wait_for(f"batchlabFocus({json.dumps(LABEL)}) || {ERRORS}.length > 0")
        if errors := self.tab.evaluate(f"{ERRORS}.map(element => element.innerText).join('\\n')"):
            raise RuntimeError(errors)
        self.settle(quiet=3.0)
        self.tab.evaluate(f"batchlabFocus({json.dumps(LABEL)})")

    def settle(self, quiet):
        """Wait until no new picture has come for so many seconds."""
        count, since, end = None, time.monotonic(), time.monotonic() + 300
        while time.monotonic() - since < quiet:
            now = self.tab.evaluate("batchlabRecord.frames.length")
            if now != count:
                count, since = now, time.monotonic()
            if time.monotonic() > end:
                raise TimeoutError("the picture does not come to rest")
            time.sleep(0.1)
        return count

    def press(self, times, *, pace=None, keys=("ArrowRight",)):
        """Press the keys in turn; one press every `pace` seconds, or as soon as the picture has come to rest."""
        due = time.monotonic()
        for i in range(times):
            before = self.tab.evaluate("batchlabRecord.frames.length")
            self.tab.press(keys[i % len(keys)])
            if pace is None:
                with contextlib.suppress(TimeoutError):  # then it counts as unanswered
                    self.tab.wait_for(f"batchlabRecord.frames.length > {before}", seconds=5)
                self.settle(quiet=0.5)
            else:
                due += pace
                time.sleep(max(0.0, due - time.monotonic()))
        self.settle(quiet=1.5)

    def record(self):
        """Presses and changed pictures since the last call, in ms, and the bytes of the lab's frames so far."""
        record = self.tab.evaluate("batchlabCollect()")
        lines = self.sent.read_text().splitlines() if self.sent.exists() else []
        sent = {number: (picture, size) for number, picture, size in (map(int, line.split()) for line in lines)}
        record["bytes"] = [size for _, size in sent.values()] or [frame["bytes"] for frame in record["frames"]
                                                                  if "bytes" in frame]  # fmt: skip
        changed = []
        for frame in record["frames"]:
            picture = sent.get(frame.get("number"), (object(),))[0]
            if picture != self.shown:
                changed.append(frame)
            self.shown = picture
        return record | {"frames": changed}


def answers(record, first=None):
    """Milliseconds from each press to the first picture that answers it, and to the last one before the next press.

    Where nothing is going on that is the first changed picture. While a run goes on, pictures of it keep coming: with
    `first`, the batch size after the first press, a picture answers a press if it shows that press's batch size or a
    later one.
    """
    presses, frames = record["presses"], record["frames"]
    to_first, to_last = [], []
    for i, press in enumerate(presses):
        before = presses[i + 1] if i + 1 < len(presses) else float("inf")
        if first is None:
            times = [frame["time"] - press for frame in frames if press < frame["time"] < before]
        else:
            sizes = [(frame["time"] - press, frame["shows"]["batch_size"]) for frame in frames if frame["time"] > press]
            times = [delay for delay, size in sizes if size >= first + i]
        to_first.append(times[0] if times else float("inf"))
        to_last.append(times[-1] if times else float("inf"))
    return to_first, to_last


def late(delays):
    """The 95th percentile; infinite if more than that share was never answered."""
    return np.percentile(delays, 95, method="higher")


def in_a_run(record):
    """How many presses fell into a run: a picture had come less than PACE before."""
    times = np.array([frame["time"] for frame in record["frames"]])
    return sum(bool(((times < press) & (times > press - 1e3 * PACE)).any()) for press in record["presses"][1:])


def report():
    absent = missing("websocket", "jupyterlab", "ipywidgets")
    if not chromium():
        absent.append("chromium")
    heading(
        "Latency",
        f"Milliseconds from a key press on the slider `{LABEL}` to changed pixels, in JupyterLab in Chromium, measured "
        f"in the page: {PRESSES} presses through values not seen before, a two-panel figure of 256 samples. The lab "
        "trains 2,000 epochs after each press; the peers show what was computed before. Idle: the next press comes "
        f"when the picture is at rest. While training: a press every {1e3 * PACE:.0f} ms; only a picture of its own or "
        "a later batch size answers a press.",
    )
    if absent:
        print(f"{', '.join(absent)}: not installed\n")
        return
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder = root / "notebooks"
        folder.mkdir()
        address = stack.enter_context(jupyterlab(root))
        tabs = stack.enter_context(browser())
        print_tables(measure(lambda name, code: Page(tabs, address, folder, name, code)))
        with Link(int(address.rsplit(":", 1)[1])) as link:
            progress("latency: the default lab over a slow link")
            page = Page(tabs, f"http://localhost:{link.port}", folder, "far", DEFAULT)
            link.slow()
            print_link(over_a_link(page))


def over_a_link(page):
    """From each press to the right picture, at rest; and from the last of quick presses to the last picture, in ms."""
    page.settle(quiet=1.0)
    page.record()
    page.press(24, keys=("ArrowRight", "ArrowLeft"))
    record = page.record()
    shown = [FIRST + 1 if i % 2 == 0 else FIRST for i in range(24)]
    right = []
    for press, size in zip(record["presses"], shown, strict=True):
        times = [frame["time"] - press for frame in record["frames"]
                 if frame["time"] > press and frame["shows"]["batch_size"] == size]  # fmt: skip
        right.append(min(times, default=float("inf")))
    still = []
    for _ in range(3):
        page.press(20, pace=PACE, keys=("ArrowRight", "ArrowLeft"))
        record = page.record()
        still.append(record["frames"][-1]["time"] - record["presses"][-1])
    return right, still


def print_link(measured):
    right, still = measured
    rows = [
        ["to the right picture, median", "at most 190 ms", np.median(right), 190],
        ["to the right picture, 95th percentile", "at most 250 ms", late(right), 250],
        ["20 presses in 2 s: from the last press until all is still", "at most 700 ms", np.median(still), 700],
    ]
    rows = [[name, target, f"{value:.0f} ms", verdict(value <= most)] for name, target, value, most in rows]
    table(["the default lab over 1 Mbit/s with a round trip of 100 ms", "target", "seen", ""], rows)


def measure(open_page):
    """Records by what was measured; None where a peer is not installed."""
    results = {}
    progress("latency: the lab, idle")
    page = open_page("lab", UNSEEN)
    page.record()
    page.press(PRESSES)
    results[OURS, "idle"] = page.record()
    progress("latency: the lab, while training")
    page.press(PRESSES, pace=PACE)
    results[OURS, "while training"] = page.record()
    page.tab.close()
    progress("latency: the default lab")
    page = open_page("default", DEFAULT)
    page.record()
    page.press(12, keys=("ArrowRight", "ArrowLeft"))  # it has few samples, so few batch sizes
    results["the default lab", "idle"] = page.record()
    page.tab.close()
    for peer, name, module in ((INLINE, "inline", "matplotlib_inline"), (IPYMPL, "ipympl", "ipympl")):
        progress(f"latency: {peer}")
        if missing(module):
            results[peer, "idle"] = None
            continue
        page = open_page(name, (HERE / "peers" / f"interact_{name}.py").read_text())
        page.record()
        page.press(PRESSES)
        results[peer, "idle"] = page.record()
        page.tab.close()
    return results


def print_tables(results):
    ours = np.median(answers(results[OURS, "idle"])[0])
    rows, delays = [], {}
    for (name, state), record in results.items():
        if record is None:
            rows.append([f"{name}, {state}", *["not installed"] * 8])
            continue
        first = FIRST + PRESSES + 1 if state == "while training" else None
        to_first, to_last = delays[name, state] = answers(record, first)
        lost = sum(not np.isfinite(delay) for delay in to_first)
        frames = record["bytes"]
        rows.append(
            [
                f"{name}, {state}",
                f"{np.median(to_first):.0f}",
                f"{late(to_first):.0f}",
                f"{np.median(to_first) / ours:.1f}x",
                f"{np.median(to_last):.0f}" if state == "idle" else "",
                f"{np.median(frames) / 1e3:.1f} / {max(frames) / 1e3:.1f}" if frames else "a canvas",
                f"{len(record['frames']) / len(to_first):.1f}",
                f"{record['received'] / len(to_first) / 1e3:.0f}",
                lost,
            ]
        )
    table(
        [
            "to changed pixels, ms",
            "median",
            "95th percentile",
            "the lab, idle = 1",
            "to the last picture, median",
            "kB a picture, median / most",
            "pictures a press",
            "kB received a press",
            "unanswered presses",
        ],
        rows,
    )
    training = results[OURS, "while training"]
    reached, right = training["frames"][-1]["shows"]["batch_size"], FIRST + 2 * PRESSES
    print(
        f"{in_a_run(training)} of {PRESSES} quick presses fell into a run. "
        f"Afterwards the batch size was {reached}; with every press taken it is {right}: {verdict(reached == right)}.\n"
    )
    print_targets(delays)


def print_targets(delays):
    idle = np.median(delays[OURS, "idle"][0])
    training = late(delays[OURS, "while training"][0])
    complete = np.median(delays["the default lab", "idle"][1])
    rows = [
        ["idle, median", "at most 40 ms", f"{idle:.0f} ms", verdict(idle <= 40)],
        ["while training, 95th percentile", "at most 100 ms", f"{training:.0f} ms", verdict(training <= 100)],
        ["default lab, to the complete curve", "at most 1,000 ms", f"{complete:,.0f} ms", verdict(complete <= 1000)],
    ]
    for peer, target in ((INLINE, 4), (IPYMPL, None)):
        if (peer, "idle") in delays:
            ratio = np.median(delays[peer, "idle"][0]) / idle
            goal = (
                ["", f"{ratio:.1f}x", ""]
                if target is None
                else [f"{target}x", f"{ratio:.1f}x", verdict(ratio >= target)]
            )
            rows.append([f"quicker than {peer}", *goal])
    table(["latency", "target", "seen", ""], rows)
