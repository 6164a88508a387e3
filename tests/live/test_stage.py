"""The live picture without a browser: wishes, slices, the pace of frames, and getting over whatever was raised."""

import asyncio
import contextlib
import io
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from batchlab.live import loop as pacing
from batchlab.live import press

from . import page
from .toy import Toy


@pytest.fixture
def said_not_raised(monkeypatch):
    """As a reader has it: errors are said and not raised."""
    monkeypatch.delenv("BATCHLAB_STRICT")


def waiting():
    """What the running loop has still in store: tasks but for this one, and timers."""
    timers = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] + timers


async def until(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


# ------------------------------------------------------------------------------------------------------------- wishes


def test_it_begins_with_its_work_done_and_sent():
    lab = Toy(total=4, batch_size=2)
    assert lab.frame["words"] == "batch size 2, counted to 4"
    assert lab.frame["facts"] == ["n = 10"]
    assert lab.frame["values"] == lab.frame["shows"]
    assert lab.began == [{"data", "batch_size", "rate", "total", "width_of", "title", "bold", "bump"}]
    assert (lab.busy, lab.error, lab.frame["busy"]) == (False, None, False)


def test_wishes_are_taken_in_the_order_of_declaration_and_refused_one_by_one():
    lab = Toy()
    reader = page.Page(lab)
    reader.wish(total=7, batch_size=400, data="large", rate="fast", bold=True)
    assert lab.frame["refused"] == {"batch_size": 400, "rate": "fast"}  # the limits followed after `begin`
    assert (lab.data, lab.total, lab.bold, lab.batch_size) == ("large", 7, True, 3)
    assert "batch size is 400; it must be" in reader.message
    assert "rate is 'fast'; it must be" in reader.message
    assert reader.shows == lab.frame["values"]
    reader.wish(total=8)
    assert (reader.message, lab.frame["alarm"], lab.frame["refused"]) == ("", False, {})


def test_a_wish_is_taken_once_and_a_repeated_one_again():
    lab = Toy()
    reader = page.Page(lab)
    reader.wish(batch_size=5)
    lab.batch_size = 6
    reader.wish(total=9)  # in the message the older wish is there, too
    assert lab.batch_size == 6
    reader.wish(batch_size=5)
    assert lab.batch_size == 5
    for count in (1, 2, 3):
        reader.press("bump")
        assert lab.presses == count
    lab.bump()
    assert lab.presses == 4
    reader.wish(bump=5)  # two at once
    reader.wish(bump=1)  # of another page, which has not heard of the others
    assert lab.presses == 7
    reader.wish(bump=6)
    assert lab.presses == 8


def test_what_a_button_sets_is_taken_together():
    class Double(Toy):
        @press("both")
        def both(self):
            self.batch_size, self.total = 7, 9

    lab = Double()
    began, frames = len(lab.began), lab.frame["count"]
    lab.both()
    assert lab.began[began:] == [{"batch_size", "total", "both"}]
    assert (lab.frame["count"], lab.frame["words"]) == (frames + 1, "batch size 7, counted to 9")


def test_clicks_come_in_pixels_from_the_lower_left_corner():
    lab = Toy()
    page.Page(lab).click(10, 20)
    assert lab.clicks == [(10, lab.picture.height - 20)]
    assert lab.rows["clicks"] is True


def test_while_locked_nothing_is_taken_and_only_the_first_view_shows():
    lab = Toy(locked=True)
    reader = page.Page(lab)
    moving = len(page.unpacked(lab.frame["strokes"]))
    reader.wish(batch_size=5, bump=True, click=[1, 1])
    lab.bump()
    assert (lab.batch_size, lab.presses, lab.clicks, lab.count) == (3, 0, [], 0)
    assert lab.rows["locked"] is True
    assert set(lab.frame["heard"]) == {"batch_size", "bump", "click"}  # it was heard, and left alone
    lab.locked = False
    assert (lab.count, lab.rows["locked"]) == (5, False)
    assert len(page.unpacked(lab.frame["strokes"])) > moving
    reader.wish(batch_size=5)
    assert reader.shows["batch_size"] == 5


def test_a_narrow_page_is_drawn_for_anew_and_a_wide_one_again():
    lab = Toy()
    reader = page.Page(lab)
    wide = lab.standing
    for width, size in ((380, (380, 400)), (200, (300, 400)), (700, (700, 250))):
        reader.wish(width=width)
        assert (lab.standing["width"], lab.standing["height"]) == size
        assert lab.frame["standing"] == lab.standing["count"]
        assert reader.words == "batch size 3, counted to 5"
    assert lab.standing["strokes"] == wide["strokes"]
    assert len(wide["panels"]) == 2
    assert (wide["wide"], wide["narrow"]) == (700, 600)


# ---------------------------------------------------------------------------------------------------------- two layers


def test_what_stands_still_is_sent_only_when_it_has_changed():
    lab = Toy()
    standing, drawn = lab.standing, lab.drawn
    lab.batch_size = 7
    assert lab.standing is standing
    assert lab.drawn == drawn
    lab.line.axes.set_title("another title")
    lab.batch_size = 8
    assert lab.standing["count"] == lab.frame["standing"] == lab.frame["count"]
    assert lab.drawn == drawn
    lab.redraw()
    lab.batch_size = 9
    assert lab.drawn == drawn + 1


def test_the_static_picture_is_the_figure_at_twice_its_size_with_its_words():
    lab = Toy()
    bundle, metadata = lab._repr_mimebundle_()
    image = Image.open(io.BytesIO(bundle["image/png"]))
    assert (image.format, image.mode, image.size) == ("PNG", "P", (1400, 500))
    assert metadata["image/png"] == {"alt": lab.words(), "width": 700, "height": 250}
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(lab) == f"Toy: {lab.words()}"
    before = lab.frame
    assert (np.asarray(image.convert("RGB"))[-3:] == 255).all()
    lab.batch_size = 9
    assert lab._repr_mimebundle_()[0]["image/png"] != bundle["image/png"]
    assert lab.frame["standing"] == before["standing"]  # painting made nothing stale


def test_the_static_picture_and_its_words_are_of_the_same_moment():
    async def scene():
        lab = Toy()
        lab.batch_size = 9  # in the cell that shows the picture: it is drawn when the cell is done
        assert lab._repr_mimebundle_()[1]["image/png"]["alt"] == "batch size 3, counted to 5"
        await page.settled(lab)
        assert lab._repr_mimebundle_()[1]["image/png"]["alt"] == "batch size 9, counted to 5"

    page.kernel(scene)


# ------------------------------------------------------------------------------------------- work, where no loop runs


def test_without_a_loop_a_wish_is_answered_when_it_is_set():
    lab = Toy()
    frames = lab.frame["count"]
    lab.total = 50
    assert (lab.frame["words"], lab.busy) == ("batch size 3, counted to 50", False)
    assert lab.frame["count"] == frames + 1  # nobody could have seen another
    assert lab.wait() is lab


def test_in_colab_the_work_is_done_in_the_callback(monkeypatch):
    async def scene():
        lab = Toy()
        page.Page(lab).wish(total=30)
        assert lab.frame["words"] == "batch size 3, counted to 30"
        assert waiting() == []

    monkeypatch.setitem(sys.modules, "google.colab", object())
    asyncio.run(scene())


def test_a_pace_is_for_those_who_watch():
    lab = Toy()
    lab.pace = 1000
    lab.total = 50
    assert lab.count == 50


# ---------------------------------------------------------------------------------------------- work, on a running loop


def test_on_a_loop_work_is_done_in_slices_and_nothing_is_left_behind():
    async def scene():
        lab = Toy()
        await page.settled(lab)
        lab.total = 40
        assert lab.count == 5  # whoever sets it only leaves it behind
        await page.settled(lab)
        assert lab.frame["words"] == "batch size 3, counted to 40"
        await asyncio.sleep(0.02)
        assert waiting() == []
        frames = lab.frame["count"]
        await asyncio.sleep(0.1)
        assert (lab.frame["count"], waiting()) == (frames, [])

    page.kernel(scene)


def test_the_newest_wish_wins_whatever_thread_it_comes_from():
    async def scene():
        lab = Toy()
        await page.settled(lab)
        lab.threads.clear()
        reader = page.Page(lab)

        def hammer():
            for number in range(300):
                reader.wish(total=1000 + number)
                if number % 20 == 0:
                    time.sleep(0.004)
            reader.wish(total=77)

        await asyncio.to_thread(hammer)
        await page.settled(lab)
        assert (lab.count, reader.shows["total"], reader.words) == (77, 77, "batch size 3, counted to 77")
        assert lab.threads == {threading.main_thread()}
        assert len(lab.began) < 300
        assert lab.error is None

    page.kernel(scene)


def test_new_work_does_not_wait_for_a_rest_or_a_pace():
    async def scene():
        lab = Toy()
        await page.settled(lab)
        lab.pace = 1000
        lab.total = 50
        await until(lambda: lab.count == 1 and lab.busy)
        lab.pace = None
        lab.total = 60
        await page.settled(lab)
        assert lab.count == 60
        lab.pace = 1000
        lab.total = 70
        await until(lambda: lab.count == 1)
        assert lab.wait().count == 70  # in a cell nobody watches
        await asyncio.sleep(0.02)
        assert waiting() == []

    page.kernel(scene)


def test_buttons_that_are_pressed_on_another_thread_act_on_the_loop():
    async def scene():
        lab = Toy()
        await page.settled(lab)
        lab.threads.clear()
        await asyncio.to_thread(lab.bump)
        await page.settled(lab)
        assert (lab.presses, lab.threads) == (1, {threading.main_thread()})

    page.kernel(scene)


def test_other_work_is_done_behind_the_reader_s_back_until_a_wish_replaces_it():
    async def scene():
        lab, done = Toy(), []
        await page.settled(lab)

        def endless():
            while True:
                done.append(1)
                yield

        lab.do(endless())
        await until(lambda: len(done) > 5)
        lab.total = 8
        await page.settled(lab)
        count = len(done)
        await asyncio.sleep(0.05)
        assert (len(done), lab.count) == (count, 8)

    page.kernel(scene)
    lab = Toy()
    lab.do(iter([1]))
    assert not lab.busy


def test_a_picture_that_starts_without_waiting_shows_itself_and_goes_on():
    class Patient(Toy):
        def first_frame(self):
            self.start()

    async def scene():
        lab = Patient(total=200)
        assert (lab.frame["count"], lab.busy) == (1, True)
        await page.settled(lab)
        assert lab.count == 200
        lab.close()

    page.kernel(scene)


def test_closing_stops_everything():
    async def scene():
        lab, other = Toy(), Toy()
        for one in (lab, other):
            one.total = 100_000
        await until(lambda: min(lab.count, other.count) > 10)
        lab.close()
        count, frames, beyond = lab.count, lab.frame["count"], other.count
        await until(lambda: other.count > beyond + 5)
        lab.batch_size = 9  # late
        page.Page(lab).wish(total=3)
        lab.wait()
        assert (lab.count, lab.frame["count"], lab.busy) == (count, frames, False)
        other.pace = 1000
        other.total = 99_999
        await until(lambda: other.count == 1)
        other.close()
        await asyncio.sleep(0.05)
        assert waiting() == []

    page.kernel(scene)


# -------------------------------------------------------------------------------------------------------------- pace


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(pacing.time, "monotonic", lambda: now[0])
    return now


def test_the_pace_of_frames(clock):
    pace = pacing.Pace()
    pace.owe(fresh=True)
    assert (pace.owed, pace.due(0.025), pace.sends(), pace.owed) == (True, 0, 1, False)
    pace.owe()
    assert pace.due(0.025) == pytest.approx(pacing.SILENCE_SECONDS)  # the first has not been seen yet
    pace.owe(fresh=True)
    assert pace.due(0.025) == 0  # a wish never waits for one frame
    assert pace.sends() == 2
    pace.owe(fresh=True)
    assert pace.due(0.025) > 0  # but for two
    clock[0] += 0.4
    assert pace.due(0.025) == pytest.approx(0.6)
    pace.acknowledged(1)
    assert pace.due(0.025) == 0
    pace.sends()
    pace.acknowledged(1000)  # nonsense
    pace.owe()
    assert pace.due(0.025) == pytest.approx(0.025)
    clock[0] += 0.01
    assert pace.due(0.025) == pytest.approx(0.015)
    assert pace.due(0) == 0  # the last frame of the work
    pace.sends()
    pace.owe()
    clock[0] += 1.001
    assert pace.due(0.025) == 0  # nobody has answered for a second


def test_over_a_quick_link_few_frames_ask_for_an_answer(clock):
    pace, asked = pacing.Pace(), []
    for _ in range(100):
        pace.owe()
        assert pace.due(0.025) == 0
        count = pace.sends()
        clock[0] += 0.03
        if pace.asks:
            asked.append(count)
            pace.acknowledged(count)
    assert asked == [1, *range(pacing.SELDOM, 101, pacing.SELDOM)]


def test_over_a_slow_link_every_frame_asks_again(clock):
    pace = pacing.Pace()
    pace.acknowledged(pace.sends())  # at once
    asked = []
    for _ in range(30):
        pace.owe()
        clock[0] += pace.due(0.025)
        count = pace.sends()
        clock[0] += 0.2
        if pace.asks:
            asked.append(count)
            pace.acknowledged(count)
    assert asked == list(range(pacing.SELDOM, 32))  # it was taken for quick until the first of them


def test_a_wish_goes_out_while_an_answer_is_awaited(clock):
    pace = pacing.Pace()
    pace.acknowledged(pace.sends())
    while not pace.asks or pace._sent == 1:
        pace.sends()
    pace.owe(fresh=True)
    assert pace.due(0.025) == 0
    assert not (pace.sends(), pace.asks)[1]
    pace.owe()
    assert pace.due(0.025) > 0.9
    pace.acknowledged(pacing.SELDOM)  # what follows it did not ask
    assert pace.due(0.025) == pytest.approx(0.025)


def test_frames_of_the_same_work_wait_until_the_page_has_seen_the_one_before(monkeypatch):
    monkeypatch.setattr(pacing, "QUICK_SECONDS", 0)  # a slow page

    async def scene():
        lab = Toy()
        await page.settled(lab)
        start, began = lab.frame["count"], time.monotonic()
        lab.total = 100_000
        await until(lambda: lab.count > 20)
        assert lab.frame["count"] - start <= 1 or time.monotonic() - began > 0.9
        lab._acknowledged(lab, {"seen": lab.frame["count"]}, [])
        seen = lab.frame["count"]
        await until(lambda: lab.frame["count"] == seen + 1)  # it is woken
        seen = lab.frame["count"]
        lab.batch_size = 7
        await until(lambda: lab.frame["shows"]["batch_size"] == 7)
        assert lab.frame["count"] == seen + 1
        lab._acknowledged(lab, {}, [])  # says nothing
        lab.close()

    page.kernel(scene)


def test_a_page_that_never_answers_gets_a_frame_a_second():
    async def scene():
        lab = Toy(total=3)
        lab.total = 100_000
        await until(lambda: lab.count > 3)
        seen = lab.frame["count"]
        await until(lambda: lab.frame["count"] > seen, 3)
        lab.total = 4
        await until(lambda: not lab.busy and lab.frame["words"].endswith("counted to 4"), 4)
        await asyncio.sleep(0.02)
        assert waiting() == []

    page.kernel(scene)


# ----------------------------------------------------------------------------------------------- what can go wrong


@pytest.mark.parametrize("where", ["begin", "work", "show", "draw", "words"])
@pytest.mark.parametrize("on_loop", [False, True], ids=["at once", "on a loop"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("total is <1>."), "total is <1>."),
        (KeyError(5), "This did not work: KeyError: 5."),
        (ValueError(), "This did not work: ValueError"),
    ],
    ids=["value", "other", "wordless"],
)
def test_after_whatever_was_raised_the_next_wish_works(where, on_loop, error, said, said_not_raised):
    async def scene():
        async def rest():
            if on_loop:
                await page.settled(lab)

        lab = Toy()
        reader = page.Page(lab)
        await rest()
        before = {name: lab.frame[name] for name in ("words", "strokes", "shows", "facts")}
        lab.broken = {where: error}
        if where == "draw":
            lab.redraw()
        for batch_size in (5, 6):
            reader.wish(batch_size=batch_size)
            await rest()
            assert reader.message.startswith(said)
            assert (lab.frame["alarm"], lab.error, lab.busy, lab.frame["busy"]) == (True, error, False, False)
            assert {name: lab.frame[name] for name in before} == before  # picture and words stay together
            assert reader.values["batch_size"] == batch_size
        lab.broken = {}
        reader.wish(batch_size=7)
        await rest()
        assert (reader.message, lab.frame["alarm"], lab.error) == ("", False, None)
        assert (reader.words, reader.shows["batch_size"]) == ("batch size 7, counted to 5", 7)

    if on_loop:
        page.kernel(scene)
    else:
        with contextlib.suppress(StopIteration):
            scene().send(None)


@pytest.mark.parametrize("where", ["press", "click"])
def test_what_goes_wrong_in_one_wish_leaves_the_others_alone(where, said_not_raised):
    lab = Toy()
    lab.broken = {where: KeyError(5)}
    reader = page.Page(lab)
    reader.wish(batch_size=5, bump=True, click=[1, 1], total=9)
    assert reader.message == "This did not work: KeyError: 5."
    assert (reader.shows["batch_size"], reader.words) == (5, "batch size 5, counted to 9")
    reader.wish(batch_size=6)
    assert (reader.message, reader.words) == ("", "batch size 6, counted to 9")


def test_a_control_whose_hint_cannot_be_told_is_got_over(said_not_raised, monkeypatch):
    lab = Toy()
    with monkeypatch.context() as patch:
        patch.setitem(Toy.batch_size.looks, "hint", lambda lab: 1 / 0)
        lab.batch_size = 5
        assert "ZeroDivisionError" in lab.frame["message"]
    lab.batch_size = 6
    assert (lab.frame["message"], lab.frame["shows"]["batch_size"]) == ("", 6)


def test_where_tests_ask_for_it_errors_are_raised_by_whoever_looks_at_the_outcome():
    lab = Toy()
    lab.broken = {"work": KeyError(5)}
    with pytest.raises(KeyError):
        lab.total = 6
    with pytest.raises(KeyError):
        lab.wait()
    lab.broken = {}
    lab.total = 7
    assert lab.frame["words"] == "batch size 3, counted to 7"

    async def scene():
        lab = Toy()
        await page.settled(lab)
        lab.broken = {"show": KeyError(5)}
        lab.total = 6
        await page.settled(lab)
        with pytest.raises(KeyError):
            lab.wait()

    page.kernel(scene)


def test_what_is_wrong_from_the_beginning_is_raised():
    class Broken(Toy):
        def begin(self, changed):
            raise ValueError("no such data")

    with pytest.raises(ValueError, match="no such data"):
        Broken()


def test_what_is_said_is_sent_as_text_and_can_be_taken_back():
    lab = Toy()
    lab.say("a < b & <b>bold</b>")
    lab.wait()
    assert (lab.frame["message"], lab.frame["alarm"]) == ("a < b & <b>bold</b>", False)
    lab.say("")
    lab.wait()
    assert lab.frame["message"] == ""


def test_a_frame_that_failed_at_a_narrow_page_comes_with_the_next_width(said_not_raised):
    lab = Toy()
    reader = page.Page(lab)
    lab.broken = {"work": KeyError(5)}
    reader.wish(batch_size=5)
    reader.wish(width=380)
    assert lab.standing["width"] == 380  # the picture fits, and the message stays
    assert "KeyError" in reader.message
