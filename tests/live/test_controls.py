"""Controls: checked traits in Python, rows for the page, and wishes that are refused in the same words."""

import asyncio
import math

import ipywidgets as widgets
import numpy as np
import pytest

from batchlab.live import Steps

from . import page
from .toy import Toy

BAD = {
    "batch_size": (
        [0, 11, -3, 2.5, "abc", "", math.nan, None],
        "batch size is {}; it must be a whole number from 1 to 10",
    ),
    "total": ([-1, 100_001, 2.5, "abc", math.inf], "total is {}; it must be a whole number from 0 to 100000"),
    "rate": ([0, -1, 11, "abc", math.nan, math.inf], "rate is {}; it must be a number above 0, up to 10"),
    "width_of": (
        [0, -1, 0.4, 17, 1e9, "abc", math.nan],
        "line width is {}; it must be a number from 1 to 8. The nearest",
    ),
    "data": (["medium", 3, None], "there is no data {}; choose one of small, large."),
    "bold": ([1, "yes", None], "bold is {}; it must be True or False."),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in BAD for value in BAD[name][0]])
def test_a_cell_and_a_page_are_refused_in_the_same_words(name, value):
    lab = Toy()
    before = lab.frame["values"]
    with pytest.raises((ValueError, TypeError)) as refused:
        setattr(lab, name, value)
    assert str(refused.value).startswith(BAD[name][1].format(repr(value)))
    assert lab.frame["values"] == before
    reader = page.Page(lab)
    reader.wish(**{name: value})
    assert (reader.message, lab.frame["alarm"]) == (str(refused.value), True)
    assert reader.values == before
    assert lab.frame["refused"] == {name: value}
    assert lab.frame["heard"][name] == reader.count


GOOD = {
    "batch_size": [(1, 1), (10, 10), (np.int64(4), 4), ("5", 5)],
    "rate": [(0.01, 0.01), (10, 10.0), (np.float32(0.5), 0.5), ("2e-3", 0.002)],
    "width_of": [(1, 1), (3, 4), (2.5, 2), (16, 8), (0.5, 1)],
    "title": [(" two words ", "two words"), (7, "7"), ("", "")],
    "data": [("large", "large")],
    "bold": [(True, True), (False, False)],
}


@pytest.mark.parametrize(("name", "value", "meant"), [(name, *pair) for name in GOOD for pair in GOOD[name]])
def test_what_can_be_is_taken_as_plain_numbers(name, value, meant):
    lab = Toy()
    if isinstance(value, str) and not isinstance(meant, str):
        with pytest.raises((ValueError, TypeError)):  # text is no number; the page makes numbers of what is typed
            setattr(lab, name, value)
        return
    setattr(lab, name, value)
    assert getattr(lab, name) == meant
    assert type(getattr(lab, name)) is type(meant)
    assert lab.frame["values"][name] == meant


def test_a_remedy_follows_and_limits_follow_the_data():
    lab = Toy()
    with pytest.raises(ValueError, match=r"from 1 to 10, not 400. 10 is all|10 is all\."):
        lab.batch_size = 400
    lab.data = "large"
    lab.batch_size = 400
    assert page.Page(lab).row("batch_size")["high"] == 400
    lab.data = "small"
    assert lab.batch_size == 10
    assert page.Page(lab).row("batch_size")["high"] == 10
    with pytest.raises(ValueError, match="from 1 to 10"):
        lab.batch_size = 11


def test_the_remedy_of_steps_may_follow_the_data_too():
    class Stepped(Toy):
        pieces = Steps("pieces", (1, 2, 4), 1, remedy=lambda lab: f"There are {lab.n} samples.")

    with pytest.raises(ValueError, match=r"pieces is 16; .* There are 10 samples\."):
        Stepped().pieces = 16


def test_rows_hold_what_a_page_needs_and_no_more():
    lab = Toy()
    rows = {row["name"]: row for row in lab.rows["list"]}
    assert list(rows) == ["data", "batch_size", "rate", "total", "width_of", "title", "bold", "bump"]
    assert rows["batch_size"] == {
        "kind": "whole",
        "name": "batch_size",
        "label": "batch size",
        "low": 1,
        "high": 10,
        "log": True,
    }
    assert rows["data"]["options"] == ["small", "large"]
    assert rows["bump"] == {"kind": "press", "name": "bump", "label": "bump", "tip": "one more"}
    assert (rows["rate"]["low"], rows["rate"]["high"]) == (0.01, 1)
    lab.rate, lab.total = 7.0, 5000  # beyond the slider: its end moves there
    assert page.Page(lab).row("rate")["high"] == 7
    assert page.Page(lab).row("total")["high"] == 5000
    lab.rate = 0.001
    assert page.Page(lab).row("rate")["low"] == 0.001


def test_settings_and_controls_that_there_are_not_are_refused():
    for settings, words in (
        ({"brake": 1}, "there is no setting 'brake'; choose from data, batch_size"),
        ({"bump": 1}, "there is no setting 'bump'"),
        ({"controls": ["brake"]}, "there is no control 'brake'; choose from data, batch size"),
        ({"batch_size": 11}, "batch size is 11; it must be"),
    ):
        with pytest.raises(ValueError, match=words):
            Toy(**settings)
    for focus in ("brake", "total"):  # one that there is not, and one that is not shown
        with pytest.raises(ValueError, match=f"there is no control '{focus}'; choose from batch size, bold"):
            Toy(controls=["batch size", "bold"], focus=focus)
    assert Toy(focus="batch size").rows["focus"] == Toy(focus="batch_size").rows["focus"] == "batch_size"
    assert [row["name"] for row in Toy(controls="batch size").rows["list"]] == ["batch_size"]
    lab = Toy(controls=["batch size", "bold"], data="large")
    assert [row["name"] for row in lab.rows["list"]] == ["batch_size", "bold"]
    page.Page(lab).wish(total=50)  # not shown, not heard
    assert lab.total == 5


# -------------------------------------------------------------------------------------------- what readers know: links


def test_a_control_is_linked_with_a_plain_slider_in_both_directions():
    lab = Toy()
    slider = widgets.IntSlider(value=1, min=1, max=10)
    link = widgets.link((lab, "batch_size"), (slider, "value"))
    assert slider.value == 3
    slider.value = 7
    assert (lab.batch_size, lab.frame["shows"]["batch_size"]) == (7, 7)
    page.Page(lab).wish(batch_size=4)
    assert slider.value == 4
    lab.batch_size = 9
    assert slider.value == 9
    link.unlink()
    slider.value = 1
    assert lab.batch_size == 9


def test_it_can_stand_in_boxes_be_observed_and_used_with_interact():
    lab, seen = Toy(), []
    box = widgets.VBox([widgets.HBox([lab, widgets.Label("beside")]), widgets.Label("below")])
    assert box.children[0].children[0] is lab
    lab.observe(lambda change: seen.append((change["name"], change["new"])), ["batch_size", "total"])
    run = widgets.interactive(lambda b: setattr(lab, "batch_size", b), b=widgets.IntSlider(value=2, min=1, max=10))
    run.children[0].value = 6
    page.Page(lab).wish(total=8)
    assert (lab.batch_size, lab.frame["shows"]["batch_size"]) == (6, 6)
    assert seen[-2:] == [("batch_size", 6), ("total", 8)]


def test_a_linked_slider_may_move_on_another_thread():
    async def scene():
        lab = Toy(total=300)
        await page.settled(lab)
        lab.threads.clear()
        slider = widgets.IntSlider(value=1, min=1, max=10)
        widgets.link((lab, "batch_size"), (slider, "value"))

        def drag():
            for value in [*range(1, 11)] * 10:
                slider.value = value

        await asyncio.to_thread(drag)
        await page.settled(lab)
        assert (lab.batch_size, lab.frame["shows"]["batch_size"], slider.value) == (10, 10, 10)
        assert lab.words() == lab.frame["words"] == "batch size 10, counted to 300"
        assert {thread.name for thread in lab.threads} == {"MainThread"}
        assert lab.error is None

    page.kernel(scene)
