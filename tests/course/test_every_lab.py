"""What every chapter's picture keeps to: nothing of it moves before the prediction, everything does afterwards."""

import pytest
from matplotlib.legend import Legend

from batchlab.course import ch09_escape
from batchlab.live import Press

from ..live.page import Page
from .dragging import stops
from .every_lab import LABS


@pytest.fixture(autouse=True)
def fewer_sizes_to_compute(monkeypatch):
    monkeypatch.setattr(ch09_escape.lab, "SIZES", (1, 2, 16, 64))


def edges(figure):
    """Where each word of a figure and the numbers of each axis begin and end: (what, box)."""
    for axes in [*figure.axes, *(inset for one in figure.axes for inset in one.child_axes)]:
        keys = [text for key in axes.get_children() if isinstance(key, Legend) for text in key.get_texts()]
        # The title that is aligned to the left has no public name.
        for text in (axes.title, axes._left_title, *axes.texts, *keys):
            clipped = text.get_clip_on() and text.get_clip_path() is not None  # on purpose, by the edge of its axes
            if text.get_visible() and text.get_text().strip() and not clipped:
                yield text.get_text(), text.get_window_extent()
        for axis in (axes.xaxis, axes.yaxis):
            if box := axes.axison and axis.get_tightbbox():
                yield f"numbers of {axis.get_label_text()!r}", box


@pytest.mark.parametrize("make", LABS.values(), ids=LABS)
@pytest.mark.parametrize("width", [900, 380, 300])
def test_no_word_is_cut_off_however_narrow_the_page(width, make):
    lab = make()
    page = Page(lab)
    page.wish(width=width)
    for moved in ("next_update", "commit_sliders", "keep"):  # buttons that write something into the picture
        if moved in lab.controls:
            page.press(moved)
            lab.wait()
    wide, high = lab.picture.figure.bbox.size
    assert wide == pytest.approx(100 * lab.size[0] if width > 600 else width)
    words = list(edges(lab.picture.figure))
    assert [what for what, box in words if min(box.x0, box.y0, wide - box.x1, high - box.y1) < -1.5] == []
    panels = lab.standing["panels"] if width > 600 else [[0, wide]]  # a recording is cut between these, on a phone
    inside = [any(left - 1.5 < box.x0 and box.x1 < right + 1.5 for left, right in panels) for _, box in words]
    assert [what for (what, _), whole in zip(words, inside, strict=True) if not whole] == []
    lab.close()


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
