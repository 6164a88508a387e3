"""What every chapter's picture keeps to: nothing of it moves before the prediction, everything does afterwards."""

import pytest

from batchlab.course import ch09_escape
from batchlab.live import Press

from ..live.page import Page
from .dragging import stops
from .every_lab import LABS


@pytest.fixture(autouse=True)
def fewer_sizes_to_compute(monkeypatch):
    monkeypatch.setattr(ch09_escape.lab, "SIZES", (1, 2, 16, 64))


def wish_for_everything(lab, page):
    """Move all controls and press all buttons, as a page would that did not know that they are off."""
    for name, control in lab.controls.items():
        row = page.row(name)
        if isinstance(control, Press):
            page.press(name)
        elif row["kind"] in ("whole", "number", "steps"):
            page.wish(**{name: next(value for value in stops(row) if value != getattr(lab, name))})
        elif row["kind"] == "menu":
            page.wish(**{name: row["options"][-1]})
    page.click(300, 150)


@pytest.mark.parametrize("make", LABS.values(), ids=LABS)
def test_a_guarded_picture_moves_only_after_the_prediction(make):
    lab = make(locked=True)
    page, strokes, words, values = Page(lab), lab.frame["strokes"], lab.words(), dict(lab.frame["values"])
    assert lab.rows["locked"]
    wish_for_everything(lab, page)
    assert (lab.frame["strokes"], page.words, page.values) == (strokes, words, values)
    lab.locked = False
    assert not lab.rows["locked"]
    assert lab.error is None
    name = "batch_size" if "batch_size" in lab.controls else "epoch"
    places = stops(page.row(name))
    for value in (places[0], places[-1]):
        page.wish(**{name: value})
        assert page.words.replace(",", "").startswith(f"{name.replace('_', ' ')} {value}")
    assert (lab.frame["strokes"], page.words) != (strokes, words)
    assert (lab.error, lab.frame["refused"]) == (None, {})
    lab.close()
