"""A notebook in a real browser, as a reader has it: a server, a Chromium, and what hands, eyes and ears do there."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

APPS = {"JupyterLab": ("jupyterlab", "doc/tree"), "Notebook 7": ("notebook", "notebooks")}
CLASSIC = "Notebook 6"  # of other versions; test_classic.py has them
SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
)
OVERRIDES = pathlib.Path(__file__).parents[2] / "lib/batchlab_server/overrides.json"
SITE = pathlib.Path(__file__).parents[2] / ".venv/site"
NOT_OURS = (
    "Cannot read properties of undefined (reading 'schema')",  # of Notebook 7, whatever notebook is opened
    "Access to font at 'about:blank'",  # of the classic Notebook's MathJax, which tries its own blank font; and this:
    "Failed to load resource: net::ERR_FAILED (about:blank)",
)

PIXELS = "(canvas) => canvas.toDataURL()"
SETTLED = """async () => {
  const transitions = document.getAnimations().filter((one) => one instanceof CSSTransition);
  await Promise.allSettled(transitions.map((one) => one.finished));
}"""
WORDS = """() => {
  const regions = [...document.querySelectorAll('.batchlab .words[aria-live]')];
  return regions.find((region) => region.getClientRects().length)?.innerText.trim() ?? '';
}"""


def wait_until(condition, what, seconds=60):
    """Wait until the condition holds; its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what() if callable(what) else what} (waited {seconds} s)"
        time.sleep(0.1)
    return value


class Server:
    """A server on a folder, with settings of its own, in a scratch folder that need not exist yet."""

    def __init__(self, app, folder, scratch):
        module, self._route = APPS["Notebook 7" if app == CLASSIC else app]
        self.app = app
        settings = scratch / "config/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
        for name, values in json.loads(OVERRIDES.read_text()).items():  # what make lab sets for all
            package, plugin = name.split(":")
            place = scratch / "config/lab/user-settings" / package / f"{plugin}.jupyterlab-settings"
            place.parent.mkdir(parents=True)
            place.write_text(json.dumps(values))
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = probe.getsockname()[1]
        self._root, self._token, self._log = f"http://localhost:{port}", secrets.token_hex(16), scratch / "server.log"
        command = [sys.executable, "-m", module, "--no-browser", "--ip=localhost", f"--port={port}"]
        if app == CLASSIC:
            command += ["--NotebookApp.port_retries=0", f"--NotebookApp.token={self._token}"]
            command += [f"--NotebookApp.notebook_dir={folder}"]
        else:
            command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={self._token}"]
            command += [f"--ServerApp.root_dir={folder}"]
        command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        places = {f"JUPYTER_{name.upper()}_DIR": str(scratch / name) for name in ("config", "data", "runtime")}
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, env={**os.environ, **places}, stdout=log, stderr=log)

    def __enter__(self):
        try:
            wait_until(self._answers, lambda: f"the server is not up: {self.log()[-2000:]}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()  # takes its kernels along
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self):
        """What the server has said."""
        return self._log.read_text()

    def url(self, notebook):
        return f"{self._root}/{self._route}/{notebook}?token={self._token}"

    def ask(self, path, method="GET"):
        headers = {"Authorization": f"token {self._token}"}
        request = urllib.request.Request(f"{self._root}/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read() or "null")

    def _answers(self):
        assert self._process.poll() is None, f"the server ended: {self.log()[-2000:]}"
        with contextlib.suppress(OSError):
            return bool(self.ask("status"))

    def kernel(self, notebook):
        """The kernel of an open notebook: its id and its state; an empty dictionary before there is one."""
        sessions = (session for session in self.ask("sessions") if session["path"] == notebook)
        return next((session["kernel"] for session in sessions), {})


def put_notebook(source, folder, kernel):
    """Put a copy of a notebook (a path, or its cells) into a folder, to be run by the kernel of that name; its name."""
    folder.mkdir(exist_ok=True)
    if isinstance(source, pathlib.Path):
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        stem, notebook = source.stem, json.loads(source.read_text(encoding="utf-8"))
    else:
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        cells = [{**cell, "id": f"cell-{i}", "source": code} for i, code in enumerate(source)]
        stem, notebook = "small", {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    name = f"{stem}-{kernel}.ipynb"
    (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    return name


def packages_of_the_site(name):
    """Where a package of the site's environment is; without it the test is skipped, or fails where it is required."""
    for folder in (*sys.path, SITE):
        if pathlib.Path(folder, name).is_dir():
            return pathlib.Path(folder)
    reason = f"{name} is not there: `make test` installs it into .venv/site"
    pytest.fail(reason) if os.environ.get("BATCHLAB_BROWSER") == "required" else pytest.skip(reason)


def barriers(page):
    """What axe-core finds on a page, of any impact: the rule, its impact, and where."""
    script = packages_of_the_site("axe_playwright_python") / "axe_playwright_python/axe.min.js"
    page.evaluate(script.read_text(encoding="utf-8"))
    page.evaluate(SETTLED)  # a colour half-way from light to dark is none that a reader reads
    # Without `preload` axe does not ask for the style sheets once more, which a page opened as a file may not do.
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'], preload: false })")["violations"]
    return [(one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]]) for one in found]


@contextlib.contextmanager
def chromium_at(path):
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield chromium
        chromium.close()


class Reader:
    """Someone in front of an open notebook, who uses keys, and a mouse for dragging alone."""

    cells, prompt, output = ".jp-Notebook .jp-CodeCell", ".jp-InputArea-prompt", ".jp-OutputArea"
    errors_shown = "[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type='application/vnd.jupyter.error']"

    def __init__(self, chromium, server, notebook, height=1400):
        self.errors, self._server, self._notebook = [], server, notebook
        self.page = chromium.new_page(viewport={"width": 1300, "height": height})
        self.page.set_default_timeout(60_000)
        self.page.on("pageerror", lambda error: self._heard(f"page: {error}"))
        self.page.on("console", self._logged)
        self.page.goto(server.url(notebook), wait_until="domcontentloaded")
        self.page.wait_for_selector(self.cells)
        self.wait_for_kernel()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.close()
        if kernel := self._server.kernel(self._notebook):
            self._server.ask(f"kernels/{kernel['id']}", "DELETE")

    def _logged(self, message):
        if message.type == "error":
            self._heard(f"console: {message.text} ({message.location['url']})")

    def _heard(self, text):
        if not any(theirs in text for theirs in NOT_OURS):
            self.errors.append(text)

    def wait_for_kernel(self, seconds=120):
        """Wait until the kernel has nothing to do."""
        wait_until(lambda: self.state() == "idle", lambda: f"the kernel is {self.state()}", seconds)

    def state(self):
        return self._server.kernel(self._notebook).get("execution_state")

    def run_all(self):
        self.page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        self.page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")

    def run_cell(self, number):
        """Run one code cell, counted from 0; the text that it prints."""
        cell = self.page.locator(self.cells).nth(number)
        prompt = cell.locator(self.prompt)
        prompt.click()
        prompt.evaluate("(one) => (one.textContent = '')")  # an earlier number is not this one's
        self.page.keyboard.press("Control+Enter")
        wait_until(lambda: re.search(r"\[\d+\]", prompt.inner_text()), "the cell does not end", 120)
        return cell.locator(self.output).inner_text()

    def restart(self):
        """Restart the kernel by the menu."""
        self.page.click(".lm-MenuBar-itemLabel:text-is('Kernel')")
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Restart Kernel.$")).click()
        self.page.click(".jp-Dialog .jp-mod-accept")

    def saved(self):
        """When the notebook was saved last."""
        return self._server.ask(f"contents/{self._notebook}?content=0")["last_modified"]

    # ---- hands

    def slider(self, label):
        return self.page.get_by_role("slider", name=label, exact=True).filter(visible=True).first

    def box(self, label):
        return self.page.get_by_label(f"{label}, typed", exact=True).filter(visible=True).first

    def menu(self, label):
        return self.page.get_by_role("combobox", name=label, exact=True).filter(visible=True)

    def drag(self, label, *shares):
        """Take the handle of a slider and move it to these shares of its way, with the mouse."""
        slider = self.slider(label)
        box, now = slider.bounding_box(), float(slider.input_value())
        at, y = lambda share: box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2
        self.page.mouse.move(at(now), y)
        self.page.mouse.down()
        for share in shares:
            self.page.mouse.move(at(share), y, steps=4)
        self.page.mouse.up()

    def press(self, label, *keys):
        """Focus the slider with this label and press keys, as quickly as they come."""
        self.slider(label).focus()
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, label, text):
        """Type a value into the box beside the slider with this label."""
        self.box(label).focus()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def push(self, name, key="Enter"):
        """Push a button by a key."""
        self.page.get_by_role("button", name=name, exact=True).filter(visible=True).focus()
        self.page.keyboard.press(key)

    # ---- eyes and ears

    def words(self):
        """What the live region says of the picture."""
        return self.page.evaluate(WORDS)

    def hears(self, beginning, seconds=30):
        """Wait until the words of the picture begin so; all of them."""
        wait_until(
            lambda: self.words().startswith(beginning), lambda: f"{beginning!r} is not {self.words()!r}", seconds
        )
        return self.words()

    def alarm(self):
        return "\n".join(self.page.locator(".batchlab [role=alert]").filter(visible=True).all_inner_texts())

    def canvas(self):
        return self.page.locator("canvas.picture").filter(visible=True).first

    def picture(self):
        """A fingerprint of the lab's picture."""
        return self.canvas().evaluate(PIXELS)

    def shows(self):
        """The values of the controls for which the picture was drawn."""
        return json.loads(self.canvas().get_attribute("data-shows"))

    def trouble(self):
        """Tracebacks and what was written to stderr, on the page, and errors of the page itself."""
        return [*self.errors, *(output.inner_text() for output in self.page.locator(self.errors_shown).all())]

    def names(self, root):
        """What a screen reader calls everything below that can be focused, and every image: pairs of role and name."""
        session = self.page.context.new_cdp_session(self.page)
        handle = session.send("Runtime.evaluate", {"expression": f"document.querySelector({root!r})"})
        tree = session.send("Accessibility.queryAXTree", {"objectId": handle["result"]["objectId"]})
        session.detach()
        found = []
        for node in tree["nodes"]:
            about = {part["name"]: part["value"].get("value") for part in node.get("properties", ())}
            role = node.get("role", {}).get("value")
            if not node["ignored"] and (about.get("focusable") or role == "image"):
                found.append((role, node.get("name", {}).get("value", "")))
        return found
