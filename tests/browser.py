"""A notebook in a real browser, as a reader has it: a server, a Chromium, and what hands and eyes do there."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from playwright.sync_api import sync_playwright

APPS = {"JupyterLab": ("jupyterlab", "doc/tree"), "Notebook 7": ("notebook", "notebooks")}
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
)
SETTINGS = {
    "notification": {"fetchNews": "false", "checkForUpdates": False},
}


@contextlib.contextmanager
def server(app, folder, scratch):
    """Serve a folder with one of APPS, with settings and progress of its own; the address of a notebook in it."""
    module, route = APPS[app]
    settings = scratch / "config/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    for name, values in SETTINGS.items():
        (settings / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    places = {f"JUPYTER_{name.upper()}_DIR": str(scratch / name) for name in ("config", "data", "runtime")}
    token = secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    log = scratch / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, env={**os.environ, **places}, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/api/status?token={token}", process), log.read_text)
        yield lambda notebook: f"http://127.0.0.1:{port}/{route}/{notebook}?token={token}"
    finally:
        process.send_signal(signal.SIGTERM)  # takes its kernels along
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url, process):
    assert process.poll() is None, "the server ended"
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def wait_until(condition, report, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so after {seconds} s: {report()}"
        time.sleep(0.2)


def copy_notebook(source, folder, kernel):
    """Put a notebook (a path, or its cells) into a folder, to be run by the kernel of that name."""
    if isinstance(source, pathlib.Path):
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        path, notebook = folder / source.name, json.loads(source.read_text(encoding="utf-8"))
    else:
        cells = [
            {"cell_type": "code", "id": f"c{i}", "source": code, "metadata": {}, "outputs": [], "execution_count": None}
            for i, code in enumerate(source)
        ]
        path, notebook = folder / "small.ipynb", {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path.name


@contextlib.contextmanager
def browser(executable):
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        yield chromium
        chromium.close()


class Reader:
    """Someone in front of an open notebook."""

    def __init__(self, chromium, url):
        self.errors = []
        self.page = chromium.new_page(viewport={"width": 1300, "height": 1600})
        self.page.set_default_timeout(90_000)
        self.page.on("pageerror", lambda error: self.errors.append(f"page: {error}"))
        self.page.on("console", self._console)
        self.page.goto(url, wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")

    def _console(self, message):
        if message.type == "error":
            self.errors.append(f"console: {message.text} {message.location.get('url', '')}")

    def run_all(self):
        self.page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        self.page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
