"""A page without a kernel: every position has its frame, what is equal is there once, and the lab stays as it was."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from batchlab.live import Number, Whole, export

from . import page
from .toy import Toy


def content(text):
    """What a recording holds: the JSON before its points, and how many bytes of points there are."""
    whole = zlib.decompress(base64.b64decode(text))
    length = int.from_bytes(whole[:4], "little")
    return json.loads(whole[4 : 4 + length]), whole[4 + length :]


def recorded(lab, **positions):
    return content(export.record(lab, positions))[0]


def test_there_is_a_frame_for_every_position_and_the_last_control_moves_first():
    about = recorded(Toy(), batch_size=[1, 5, 9], total=[0, 4])
    words = [frame[2] for frame in about["frames"]]
    assert words == [f"batch size {b}, counted to {t}" for b in (1, 5, 9) for t in (0, 4)]
    assert [row["values"] for row in about["rows"]] == [[1, 5, 9], [0, 4]]
    assert [row["label"] for row in about["rows"]] == ["batch size", "total"]
    assert about["start"] == {"batch_size": 3, "total": 5}
    assert about["size"] == {"width": 700, "height": 250, "panels": about["size"]["panels"]}


def test_what_is_equal_is_stored_once():
    about = recorded(Toy(), batch_size=[1, 5, 9], total=[0, 4])
    assert len({frame[0] for frame in about["frames"]}) == 1  # nothing that stands still has changed
    moving = [frame[1] for frame in about["frames"]]
    assert moving[0] == moving[1] != moving[2]
    strokes = [json.dumps(stroke) for stroke in about["strokes"]]
    _, data = content(export.record(Toy(), {"batch_size": [1, 5, 9]}))
    heads = content(export.record(Toy(), {"batch_size": [1, 5, 9]}))[0]["strokes"]
    assert sum(head[-1] for head in heads) == len(data)
    assert len(strokes) == len(heads)


@pytest.mark.parametrize(
    "values", [range(1, 4), np.arange(1, 4), (1, 2, 3), iter([1, 2, 3])], ids=["range", "array", "tuple", "iterator"]
)
def test_values_may_be_anything_that_can_be_gone_through(values):
    assert len(recorded(Toy(), batch_size=values)["frames"]) == 3


def test_one_value_needs_no_list_and_steps_become_the_nearest():
    about = recorded(Toy(), data="large", width_of=[1, 3])
    assert [row["values"] for row in about["rows"]] == [["large"], [1, 4]]
    assert len(about["frames"]) == 2


def test_limits_that_follow_another_control_hold_in_every_position():
    lab = Toy(data="large")
    lab.batch_size = 300
    about = recorded(lab, data=["small", "large"], total=[1, 2])
    assert [frame[3] for frame in about["frames"]] == [["n = 10"], ["n = 10"], ["n = 400"], ["n = 400"]]
    assert (lab.data, lab.batch_size, lab.total, lab.n) == ("large", 300, 5, 400)
    assert lab.frame["words"] == "batch size 300, counted to 5"


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        ({"brake": [1]}, "there is no control 'brake' to move; choose from data, batch_size"),
        ({"bump": [1]}, "there is no control 'bump' to move"),
        ({"batch_size": []}, "batch_size has no values; give at least one"),
        ({"batch_size": [1, 11]}, "batch size is 11; it must be a whole number from 1 to 10"),
        ({"data": ["medium"]}, "there is no data 'medium'"),
        ({"batch_size": range(1, 11), "total": range(2000)}, "make 20,000 frames; at most 10,000 fit .* of 'total'"),
    ],
    ids=str,
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(positions, words, tmp_path):
    lab = Toy()
    before, seen = lab.frame, lab.shown[:]
    with pytest.raises(ValueError, match=words):
        lab.export(tmp_path / "page.html", **positions)
    assert list(tmp_path.iterdir()) == []
    assert (lab.batch_size, lab.total, lab.data) == (3, 5, "small")
    assert lab.frame["words"] == before["words"]
    assert seen == lab.shown[: len(seen)]
    lab.batch_size = 4  # and it lives on
    assert lab.frame["shows"]["batch_size"] == 4


def test_a_folder_that_there_is_not_and_a_closed_lab_are_named_before_anything_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "record", None)
    lab = Toy()
    with pytest.raises(ValueError, match=r"there is no folder .*nowhere\. Make it, or name another"):
        lab.export(tmp_path / "nowhere/page.html", batch_size=[1])
    lab.close()
    with pytest.raises(ValueError, match="was closed; make it anew to export it"):
        lab.export(tmp_path / "page.html", batch_size=[1])
    assert list(tmp_path.iterdir()) == []


def test_the_lab_is_as_it_was_and_nothing_is_sent_meanwhile(tmp_path):
    async def scene():
        lab = Toy(batch_size=7)
        await page.settled(lab)
        before, values = lab.frame, lab._values()
        sent = []
        lab.observe(lambda change: sent.append(change["name"]), ["frame", "standing", "rows"])
        assert lab.export(tmp_path / "page.html", batch_size=[1, 2], total=[3, 4]) == tmp_path / "page.html"
        assert sent == []
        await page.settled(lab)
        assert lab._values() == values
        assert (lab.frame["words"], lab.frame["strokes"]) == (before["words"], before["strokes"])
        page.Page(lab).wish(batch_size=2)
        await page.settled(lab)
        assert lab.frame["words"] == "batch size 2, counted to 5"

    page.kernel(scene)


def test_the_page_is_one_file_that_needs_nothing_else(tmp_path):
    text = Toy().export(tmp_path / "page.html", title="A <title>", batch_size=[1, 2]).read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", text)
    assert "<title>A &lt;title&gt;</title>" in text
    assert "<noscript>batch size 3, counted to 5</noscript>" in text
    (recording,) = re.findall(r'playBack\(document.getElementById\("picture"\), "([^"]*)"\)', text)
    assert len(content(recording)[0]["frames"]) == 2
    assert not re.search(r"/(home|root|tmp|work)/", text)


def test_the_same_export_has_the_same_bytes():
    positions = {"batch_size": [1, 2], "total": [3, 4]}
    assert export.record(Toy(), positions) == export.record(Toy(), positions)


# ------------------------------------------------------------------------------------- what is recorded by itself


def test_without_positions_the_first_two_sliders_move():
    about = recorded(Toy())
    (size, rate) = about["rows"]
    assert (size["name"], rate["name"]) == ("batch_size", "rate")
    assert {1, 3, 10} <= set(size["values"])
    assert 0.5 in rate["values"]
    assert rate["values"][0] == 0.01
    assert 20 <= len(rate["values"]) <= 41
    assert len(about["frames"]) == len(size["values"]) * len(rate["values"])


def test_what_is_recorded_lies_within_limits_of_many_digits():
    class Turned(Toy):
        angle = Number("angle", -1.61803, 1.61803, 0.0)
        recorded = (("angle", 3),)

    assert recorded(Turned())["rows"][0]["values"] == [-1.61803, 0.0, 1.61803]


def test_a_picture_names_what_is_recorded_of_it():
    class Counted(Toy):
        recorded = ("data", 2), ("bold", 2), ("width_of", 2), ("total", 3)

    values = {row["name"]: row["values"] for row in recorded(Counted())["rows"]}
    assert values["data"] == ["small", "large"]
    assert values["bold"] == [False, True]
    assert values["width_of"] == [1, 8]
    assert values["total"] == [0, 5, 9, 100]  # at equal distances on the slider, and where it stands


def test_of_these_what_is_not_allowed_has_no_frame():
    class Limited(Toy):
        recorded = ("data", 2), ("batch_size", 4)

    lab = Limited(data="large")
    lab.batch_size = 400
    about = recorded(lab)
    allowed = [frame is not None for frame in about["frames"]]
    sizes = about["rows"][1]["values"]
    assert allowed == [size <= 10 for size in sizes] + [True] * len(sizes)
    with pytest.raises(ValueError, match="batch size is 400"):
        export.record(Toy(), {"data": ["small"], "batch_size": [400]})


def test_what_a_control_says_of_itself_is_recorded_with_each_frame():
    class Hinted(Toy):
        batch_size = Whole("batch size", 1, lambda lab: lab.n, 3, hint=lambda lab: f"of {lab.n}")

    about = recorded(Hinted(), data=["small", "large"], batch_size=[1, 2])
    hints = [about["looks"][frame[-1]][1]["hint"] for frame in about["frames"]]
    assert hints == ["of 10", "of 10", "of 400", "of 400"]
    assert len(about["looks"]) == 2
    assert "high" not in about["looks"][0][1]  # the recorded values are its limits


def test_a_locked_picture_is_recorded_locked_and_open():
    lab = Toy(locked=True, total=5)
    about = recorded(lab, batch_size=[1, 3])
    assert about["locked"][2] == "batch size 3, counted to 0"
    assert [frame[2] for frame in about["frames"]] == ["batch size 1, counted to 5", "batch size 3, counted to 5"]
    assert lab.locked
    assert recorded(Toy(), batch_size=[1])["locked"] is None
