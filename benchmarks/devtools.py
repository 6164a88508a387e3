"""A Chromium that is driven by its DevTools protocol and no more.

Whoever drives it shares the cores with what is measured. A tool for tests listens to all that the page sends and
receives, which on two cores added 17 ms to every key press; here the page runs alone until it is asked.
"""

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

KEYS = {"ArrowLeft": 37, "ArrowRight": 39}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1300,1000",
    "--remote-debugging-port=0",
]


def chromium():
    """The browser that is installed, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def browser():
    """Start Chromium; yields the address to open tabs at."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = Path(folder) / "DevToolsActivePort"
            for _ in range(240):
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended with {process.returncode}")
                if port.exists() and port.read_text():
                    break
                time.sleep(0.25)
            yield f"http://localhost:{port.read_text().split()[0]}"
        finally:
            process.terminate()
            process.wait(20)


class Tab:
    """A tab: it opens an address after a script, evaluates expressions, and is pressed keys on."""

    def __init__(self, browser_address, address, script):
        import websocket

        blank = urllib.request.Request(f"{browser_address}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(blank) as answer:
            target = json.load(answer)["webSocketDebuggerUrl"]
        self._socket = websocket.create_connection(target, timeout=60, suppress_origin=True)
        self._count = itertools.count(1)
        self.call("Page.bringToFront")  # a tab behind another one draws a frame now and then only
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)  # as a window that is worked in
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self.call("Page.navigate", url=address)
        self.call("Page.disable")

    def call(self, method, **params):
        """What the browser answers to a command."""
        number = next(self._count)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                break
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def evaluate(self, expression):
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression, seconds=120.0, pause=0.2):
        """The value of the expression as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.evaluate(expression):
                return value
            time.sleep(pause)
        raise TimeoutError(f"not so within {seconds:.0f} s: {expression}")

    def press(self, key):
        """Press and release a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    def close(self):
        self.call("Page.close")
        self._socket.close()
