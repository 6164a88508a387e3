"""The library among Colab's own packages; `make colab` runs this, the tests and the notebooks there."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from IPython.core.formatters import DisplayFormatter

import batchlab as bl
from batchlab.course.quiz.closing import Closing

ROOT = Path(__file__).resolve().parents[1]

if version("ipywidgets").split(".")[0] != "7":
    pytest.skip("these are not Colab's packages; `make colab` installs them", allow_module_level=True)


def test_installing_the_library_changes_nothing_else():
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--disable-pip-version-check", ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    would = [line for line in done.stdout.splitlines() if line.startswith("Would install")]
    assert would == [f"Would install batchlab-{version('batchlab')}"], done.stdout + done.stderr


def test_the_stand_in_for_colab_is_believed():
    code = "import asyncio\nfrom batchlab.live import running_loop\n"
    code += "async def ask():\n    print(running_loop())\nasyncio.run(ask())"
    for folder, said in ((ROOT / "tests/colab", "None"), (ROOT / "tests", "<_UnixSelectorEventLoop")):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": f"{folder}:{ROOT / 'lib'}"}, capture_output=True, text=True
        )
        assert done.stdout.startswith(said), done.stderr


@pytest.mark.parametrize(
    ("make", "still"),
    [
        (lambda: bl.Lab("noisy sine", epochs=3), "image/png"),
        (lambda: bl.quiz.ask("03.more_epochs"), "text/html"),
        (Closing, "text/html"),
    ],
    ids=["picture", "question", "button"],
)
def test_what_is_shown_is_a_widget_and_something_for_where_no_kernel_runs(make, still):
    """ipywidgets 7 shows a widget by a way of its own, which knows only the widget."""
    bundle, _ = DisplayFormatter().format(make())
    assert {"application/vnd.jupyter.widget-view+json", "text/plain", still} <= set(bundle)
