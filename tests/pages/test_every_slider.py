"""Every slider of every chapter, dragged with the mouse and moved by keys that are held, in JupyterLab."""

import json
import pathlib

import pytest

from ..course.every_lab import LABS
from . import browser

pytestmark = pytest.mark.browser
EVERY_LAB = pathlib.Path(__file__).parents[1] / "course/every_lab.py"
SHOWS = """import json
rows = [row for row in lab.rows["list"] if row["kind"] in ("number", "whole", "steps") and not row.get("hidden")]
values = {row["label"]: [row["name"], getattr(lab, row["name"])] for row in rows}
print(json.dumps({"values": values, "words": lab.words(), "error": repr(lab.error), "busy": lab.busy}))"""
FIRST = f"""import runpy
from batchlab.course import ch09_escape
ch09_escape.lab.SIZES = (1, 2, 16, 64)  # fewer to compute
LABS = runpy.run_path({str(EVERY_LAB)!r})['LABS']"""
SHOWN = "lab = LABS['{}']()\nlab"
CELLS = [FIRST, SHOWS, *(SHOWN.format(name) for name in LABS), "lab.close()"]
# What a menu must say for further sliders to be seen.
FURTHER = {"02": {"at equal": ("iterations",)}}
HELD = 12  # presses of a key that is held


@pytest.fixture(scope="module")
def opened(chromium, tmp_path_factory):
    """A notebook with a cell for each lab; only one is there at a time, and it is seen whole."""
    scratch = tmp_path_factory.mktemp("every_slider")
    notebook = browser.put_notebook(CELLS, scratch / "notebooks", "python3")
    with (
        browser.chromium_at(chromium) as chromium_open,
        browser.Server("JupyterLab", scratch / "notebooks", scratch / "server") as server,
        browser.Reader(chromium_open, server, notebook, height=3000) as reader,
    ):
        reader.run_cell(0)
        yield reader


def sliders(reader):
    """The labels of those that can be moved."""
    ranges = reader.page.locator(".batchlab input[type=range]:enabled").filter(visible=True)
    return ranges.evaluate_all("(all) => all.map((one) => one.ariaLabel)")


def told(reader):
    """What the kernel says of the lab."""
    return json.loads(browser.wait_until(lambda: reader.run_cell(1), "nothing is told"))


def agree(reader):
    """Nothing went wrong; what the kernel holds, the picture was drawn for, the words say and the controls show."""

    def differ():
        lab, shows = told(reader), reader.shows()
        assert lab["error"] == "None", lab["error"]
        assert "This did not work" not in reader.alarm(), reader.alarm()
        boxes = {label: float(reader.box(label).input_value()) for label in lab["values"]}
        values = {label: value for label, (_, value) in lab["values"].items()}
        shown = {label: shows[name] for label, (name, _) in lab["values"].items()}
        wrong = [] if boxes == pytest.approx(values, rel=6e-3) else [("controls", boxes, values)]
        wrong += [] if shown == pytest.approx(values) else [("picture", shown, values)]
        wrong += [] if reader.words() == lab["words"] else [("words", reader.words(), lab["words"])]
        return wrong + [("busy",)] * lab["busy"]

    browser.wait_until(lambda: not differ(), lambda: str(differ()), 30)


def moved(reader, label, move):
    """Move a slider: its number follows, and all agree."""
    before = reader.box(label).input_value()
    move()
    agree(reader)
    assert reader.box(label).input_value() != before, label


def hold(reader, label, key):
    reader.slider(label).focus()
    for _ in range(HELD):
        reader.page.keyboard.down(key)  # as a key that is held repeats itself
    reader.page.keyboard.up(key)


def drag_and_hold(reader, label):
    there = 0.1 if float(reader.slider(label).input_value()) > 0.5 else 0.9
    away, back = ("ArrowRight", "ArrowLeft")[:: 1 if there < 0.5 else -1]
    picture = reader.picture()
    moved(reader, label, lambda: reader.drag(label, 1 - there, 1, 0, there))
    assert reader.picture() != picture, label
    moved(reader, label, lambda: hold(reader, label, away))
    moved(reader, label, lambda: reader.press(label, back))


@pytest.mark.parametrize("name", LABS)
def test_every_slider_follows_the_mouse_and_the_keys(name, opened):
    reader, done = opened, set()
    try:
        reader.run_cell(CELLS.index(SHOWN.format(name)))
        browser.wait_until(reader.words, "no picture")
        agree(reader)
        for menu, options in {None: (None,), **FURTHER.get(name, {})}.items():
            for option in options:
                if menu:
                    reader.menu(menu).select_option(option)
                    browser.wait_until(lambda: set(sliders(reader)) - done, "no other slider comes")
                for label in [label for label in sliders(reader) if label not in done]:
                    drag_and_hold(reader, label)
                    done.add(label)
        assert done
        assert reader.trouble() == []
    finally:  # what fails here must not stand before the next
        reader.run_cell(len(CELLS) - 1)
        browser.wait_until(lambda: not reader.words(), "the lab is still there")
