"""The stage: cheap frames that equal full draws, slices of work of which the newest wins, numbers that are typed."""

import asyncio
import io
import math
import random
import sys
import threading

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from batchlab.checks import check_integer, check_number
from batchlab.course import stage


class Counter(stage.Stage):
    """A stage that counts: the smallest there can be."""

    def __init__(self):
        self.count, self.shown, self.threads = 0, [], set()
        super().__init__([], stage.Picture(1, 1))

    def counting(self, upto):
        while self.count < upto:
            self.count += 1
            self.threads.add(threading.current_thread())
            yield

    def show(self):
        self.threads.add(threading.current_thread())
        self.picture.show()
        self.shown.append(self.count)

    def words(self):
        return f"counted to {self.count}"


def failing(error):
    yield
    raise error


async def settled(*stages, seconds=20):
    """Wait until the stages have nothing left to do."""
    async with asyncio.timeout(seconds):
        while any(one.busy for one in stages) or len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.005)


async def until(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


def waiting():
    """What the running loop has still in store: tasks but for this one, and timers."""
    timers = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] + timers


async def nothing_waits():
    for _ in range(100):
        await asyncio.sleep(0.01)
        if not waiting():
            return
    assert waiting() == []


# -------------------------------------------------------------------------------------------------------- the picture


@pytest.fixture
def picture():
    picture = stage.Picture(3, 2)
    axes = picture.figure.subplots()
    axes.plot([0, 1], [0, 1], color="red")
    (line,) = axes.plot([0, 1], [1, 0], color="blue")
    picture.artists = [line]
    return picture


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def drawn(picture):
    """The pixels on the canvas, before they are written with fewer colours."""
    picture.frame()
    return np.asarray(picture.canvas.buffer_rgba())[:, :, :3].astype(int)


def test_a_frame_is_what_a_full_draw_would_be(picture):
    (line,) = picture.artists
    first = drawn(picture)
    for height in (0.2, 0.5, 0.9):
        line.set_ydata([height, height])
        frame = drawn(picture)
        assert (frame != first).any()
        picture.redraw()
        np.testing.assert_array_equal(frame, drawn(picture))


def test_colours_survive_the_palette_even_those_that_appear_later(picture):
    (line,) = picture.artists
    (bar,) = picture.figure.axes[0].bar([0.5], [0.8], 0.4, color="#009E73", visible=False)
    picture.artists = [bar, line]
    assert abs(pixels(picture.frame()) - drawn(picture)).mean() < 2
    bar.set_visible(True)
    assert abs(pixels(picture.frame()) - drawn(picture)).mean() < 2
    green = (drawn(picture) == (0, 0x9E, 0x73)).all(axis=2)
    assert green.sum() > 1000
    assert abs(pixels(picture.frame())[green] - (0, 0x9E, 0x73)).max() < 40


def test_what_stands_still_is_drawn_once_until_a_redraw_is_asked_for(picture, monkeypatch):
    draws, draw = [], picture.canvas.draw
    monkeypatch.setattr(picture.canvas, "draw", lambda: draws.append(draw()))
    for height in (0.1, 0.2, 0.3):
        picture.artists[0].set_ydata([height, height])
        picture.frame()
    assert len(draws) == 1
    before = pixels(picture.frame())
    picture.figure.axes[0].set_title("a title")
    np.testing.assert_array_equal(pixels(picture.frame()), before)
    picture.redraw()
    assert (pixels(picture.frame()) != before).any()
    assert len(draws) == 2


@pytest.fixture
def two_axes():
    """A picture of two axes, with a moving line, a text and standing words in either."""
    picture = stage.Picture(4, 2)
    picture.axes = picture.figure.subplots(1, 2)
    picture.figure.subplots_adjust(top=0.8)  # the legend lies beside the axes, not over them
    picture.artists = [axes.plot([0, 1], [0, 1], color="blue")[0] for axes in picture.axes]
    picture.figure.legend(handles=picture.artists, labels=["left", "right"], loc="upper center", ncols=2)
    return picture


def test_axes_that_change_alone_are_drawn_alone(two_axes, monkeypatch):
    left, right = two_axes.axes
    draws = []
    for axes in two_axes.axes:
        monkeypatch.setattr(
            axes, "draw", lambda renderer, axes=axes, draw=axes.draw: draws.append(axes) or draw(renderer)
        )
    two_axes.redraw(right)
    two_axes.frame()
    assert draws == [left, right]
    for top in (2, 5, 300):
        before = drawn(two_axes)
        right.set(ylim=(0, top), xlabel=f"up to {top}")
        two_axes.artists[0].set_ydata([0, 1 / top])
        two_axes.redraw(right)
        draws.clear()
        alone = drawn(two_axes)
        assert draws == [right]
        assert (alone != before).any()
        np.testing.assert_array_equal(drawn(two_axes), alone)
        two_axes.redraw()
        np.testing.assert_array_equal(drawn(two_axes), alone)  # of the old limits nothing is left
        two_axes.redraw(right)


def test_axes_are_whole_again_in_a_redraw_of_everything(two_axes):
    _, right = two_axes.axes
    whole = drawn(two_axes)
    two_axes.redraw(right)
    np.testing.assert_array_equal(drawn(two_axes), whole)
    two_axes.redraw()
    assert not right.get_animated()
    np.testing.assert_array_equal(drawn(two_axes), whole)


def test_new_artists_of_axes_that_are_drawn_alone_move(two_axes):
    _, right = two_axes.axes
    two_axes.redraw(right)
    two_axes.frame()
    (new,) = right.plot([0, 1], [1, 0], color="red")
    two_axes.artists.append(new)
    two_axes.redraw(right)
    first = drawn(two_axes)
    new.set_ydata([0.9, 0.9])
    moved = drawn(two_axes)
    assert (moved != first).any()
    two_axes.redraw()
    np.testing.assert_array_equal(drawn(two_axes), moved)  # it stood in the background nowhere


def test_frames_are_small_palette_pngs_of_the_figure_s_size(picture):
    image = Image.open(io.BytesIO(picture.frame()))
    assert (image.format, image.mode, image.size) == ("PNG", "P", (300, 200))
    assert picture.frame() == picture.frame()


def test_the_image_widget_shows_the_frame_and_keeps_its_proportions(picture):
    picture.show()
    assert picture.image.value == picture.png
    assert picture.image.layout.max_width == "300px"  # else it would stretch in its box


# ------------------------------------------------------------------------------------------- work, where no loop runs


def test_without_a_loop_work_is_done_at_once():
    one = Counter()
    one.start(one.counting(50))
    assert (one.count, one.busy, one.error) == (50, False, None)
    assert one.shown[-1] == 50


def test_frames_come_no_more_often_than_a_link_can_carry(monkeypatch):
    monkeypatch.setattr(stage, "LINK_BYTES_PER_SECOND", 1e-3)
    one = Counter()
    one.start(one.counting(500))
    assert one.shown in ([500], [1, 500])  # the first frame and the last: nothing stale comes in between
    monkeypatch.setattr(stage, "FRAME_SECONDS", 0.0)
    monkeypatch.setattr(stage, "LINK_BYTES_PER_SECOND", 1e12)
    one = Counter()
    one.start(one.counting(20))
    assert one.shown == [*range(1, 21), 20]
    assert len(one.frame_bytes) == 21
    assert set(one.frame_bytes) == {len(one.picture.png)}


@pytest.mark.parametrize(("frame_seconds", "shown"), [(60.0, [10, 20, 21]), (0.0, [10, 11, 12, 20, 21, 21])])
def test_new_work_is_seen_at_once_and_overtaken_work_only_if_a_frame_is_overdue(monkeypatch, frame_seconds, shown):
    monkeypatch.setattr(stage, "FRAME_SECONDS", frame_seconds)
    monkeypatch.setattr(stage, "OVERDUE_SECONDS", 0.0)
    monkeypatch.setattr(stage, "LINK_BYTES_PER_SECOND", 1e12)
    one = Counter()

    def old():
        for one.count in (10, 11):
            yield
        one.count, one._work = 12, new()
        yield

    def new():
        for one.count in (20, 21):
            yield

    one.start(old())
    assert one.shown == shown


def test_new_work_does_not_wait_for_the_rest_after_a_slice(monkeypatch):
    monkeypatch.setattr(stage, "REST_SECONDS", 60.0)

    async def scene():
        one = Counter()
        for upto in (100, 200, 300):
            seen = len(one.shown)
            one.start(one.counting(upto))
            await until(lambda: len(one.shown) > seen)  # noqa: B023
        one.close()
        await nothing_waits()
        return one.shown

    assert asyncio.run(scene()) == [1, 2, 3]


def test_a_thread_that_waits_gets_its_turn_within_a_millisecond():
    async def scene():
        before = sys.getswitchinterval()
        try:
            Counter().close()
            return sys.getswitchinterval()
        finally:
            sys.setswitchinterval(before)

    assert asyncio.run(scene()) <= 1e-3


def test_work_can_be_finished_here_and_now_and_new_work_replaces_old():
    one = Counter()
    one._work = one.counting(1000)  # as if begun on a loop
    assert one.busy
    one.start(one.counting(3))
    assert one.count == 3
    assert one.wait_for(one.counting(7)) is one
    assert one.count == 7
    assert one.wait() is one


def test_work_that_starts_new_work_is_replaced_by_it():
    one = Counter()

    def handing_over():
        yield
        one._work = one.counting(5)
        yield
        one.count = -100  # never: this work is not the newest any more

    one.start(handing_over())
    assert one.count == 5


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("epochs is 0; it must be <1> or more."), "epochs is 0; it must be &lt;1&gt; or more."),
        (TypeError("a word"), "a word"),
        (ZeroDivisionError("division by zero"), "This did not work: ZeroDivisionError: division by zero."),
        (ValueError(), "This did not work: ValueError"),
    ],
    ids=["value", "type", "other", "wordless"],
)
def test_what_goes_wrong_is_said_and_raised_where_tests_ask_for_it(error, said, monkeypatch):
    one = Counter()
    with pytest.raises(type(error)):
        one.start(failing(error))
    monkeypatch.delenv("BATCHLAB_STRICT")
    other = Counter()
    other.start(failing(error))
    for each in (one, other):
        assert said in each.message.value
        assert 'role="alert"' in each.message.value
        assert (each.error, each.busy) == (error, False)
    other.start(other.counting(2))
    assert (other.count, other.error) == (2, None)


def test_a_picture_that_cannot_be_drawn_is_said_too(monkeypatch):
    one = Counter()
    monkeypatch.setattr(one, "show", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.start(one.counting(1))
    assert "ZeroDivisionError" in one.message.value


def test_what_is_said_is_text_and_can_be_taken_back():
    one = Counter()
    one.say("a < b & <b>bold</b>")
    assert "a &lt; b &amp; &lt;b&gt;bold&lt;/b&gt;" in one.message.value
    assert 'role="status"' in one.message.value
    one.say("")
    assert one.message.value == ""


def test_in_words_says_what_a_callback_raised(monkeypatch):
    @stage.in_words
    def callback(one, _change):
        raise KeyError("missing")

    one = Counter()
    with pytest.raises(KeyError):
        callback(one, None)
    monkeypatch.delenv("BATCHLAB_STRICT")
    callback(one, None)
    assert "KeyError" in one.message.value


def test_a_closed_stage_does_nothing():
    one = Counter()
    one._work = one.counting(10)
    one.close()
    one.wait()
    one.start(one.counting(10))
    assert (one.count, one.shown, one.busy) == (0, [], False)


def test_a_notebook_gets_a_picture_and_words_beside_the_widget():
    one = Counter()
    one.start(one.counting(1))
    bundle, metadata = one._repr_mimebundle_()
    assert bundle["image/png"] == one.picture.png
    assert metadata["image/png"]["alt"] == "counted to 1"
    assert bundle["text/plain"] == repr(one)
    assert "application/vnd.jupyter.widget-view+json" in bundle


# ---------------------------------------------------------------------------------------------- work, on a running loop


def test_on_a_loop_work_is_done_in_slices_and_nothing_is_left_behind():
    async def main():
        one = Counter()
        one.start(one.counting(20))
        assert one.count == 0  # the callback only leaves work behind
        await settled(one)
        assert (one.count, one.shown[-1]) == (20, 20)
        assert waiting() == []
        shown = len(one.shown)
        await asyncio.sleep(0.1)
        assert (len(one.shown), waiting()) == (shown, [])
        one.start(one.counting(25))  # and it wakes up again
        await settled(one)
        assert one.shown[-1] == 25

    asyncio.run(main())


def test_the_newest_work_wins_whatever_thread_it_comes_from():
    async def main():
        one, began = Counter(), []

        def work(number):
            began.append(number)
            while True:
                one.count = number
                one.threads.add(threading.current_thread())
                yield
                if number == 300:
                    return

        def hammer():
            for number in range(1, 301):
                one.start(work(number))
                if random.random() < 0.05:
                    threading.Event().wait(0.004)

        one.start(work(0))
        await until(lambda: began == [0])
        await asyncio.to_thread(hammer)
        await settled(one)
        assert one.count == one.shown[-1] == began[-1] == 300
        assert began == sorted(began)  # what was replaced never goes on
        assert one.threads == {threading.main_thread()}

    asyncio.run(main())


def test_pausing_leaves_the_work_as_it_stands():
    async def main():
        one = Counter()
        one.start(one.counting(10**9))
        await until(lambda: one.count > 3)
        one.pause()
        await settled(one)
        count = one.count
        assert one.shown[-1] == count
        await asyncio.sleep(0.05)
        assert (one.count, one.busy, waiting()) == (count, False, [])

    asyncio.run(main())


def test_closing_stops_the_work():
    async def main():
        one, other = Counter(), Counter()
        one.start(one.counting(10**9))
        other.start(other.counting(10**9))
        await until(lambda: min(one.count, other.count) > 3)
        one.close()
        count, of_other = one.count, other.count
        await until(lambda: other.count > of_other + 5)  # the other one does not notice
        assert one.count == count
        assert not one.busy
        other.close()
        await nothing_waits()

    asyncio.run(main())


def paced(one, seconds):
    for _ in range(100):
        one.count += 1
        yield seconds


def test_work_may_ask_for_a_pace_and_newer_work_does_not_wait_for_it():
    async def main():
        one = Counter()
        one.start(paced(one, 0.02))
        await until(lambda: one.count >= 3)
        one.start(paced(one, 1000))
        count = one.count
        await until(lambda: one.count == count + 1)
        await asyncio.sleep(0.02)
        assert one.busy
        assert len(asyncio.all_tasks()) == 1  # between its slices nothing runs
        one.start(one.counting(200))
        await settled(one)
        assert (one.count, waiting()) == (200, [])
        assert one.wait_for(paced(one, 1000)).count == 300  # in a cell nobody watches
        one.start(paced(one, 1000))
        await until(lambda: one.count == 301)
        await asyncio.sleep(0.02)
        one.close()
        await nothing_waits()

    asyncio.run(main())


def test_on_a_loop_what_goes_wrong_is_said_and_kept():
    async def main():
        one = Counter()
        one.start(failing(ZeroDivisionError("division by zero")))
        await settled(one)
        assert "ZeroDivisionError" in one.message.value
        with pytest.raises(ZeroDivisionError):
            one.wait()  # whoever looks at the outcome hears of it
        one.start(one.counting(2))
        await settled(one)
        assert (one.count, one.error) == (2, None)

    asyncio.run(main())


def test_waiting_on_a_loop_finishes_the_work_in_the_cell():
    async def main():
        one = Counter()
        one.start(one.counting(30))
        assert one.wait().count == 30

    asyncio.run(main())


# ----------------------------------------------------------------------------------------- numbers, dragged and typed


def number_control(slider, check=float):
    complaints, values = [], []
    control = stage.NumberControl(slider, check, lambda error: complaints.append(error) if error else None)
    control.observe(lambda change: values.append(change["new"]), "value")
    return control, values, complaints


def epochs_control(**settings):
    slider = widgets.IntSlider(description="epochs", **{"min": 0, "max": 6000, "step": 15, "value": 3000} | settings)
    return number_control(slider, lambda value: check_integer("epochs", value, 0, 100_000))


def rate_control():
    slider = widgets.FloatLogSlider(description="rate", min=-4, max=1, step=0.02, value=0.1)
    return number_control(slider, lambda value: check_number("rate", value, 0, low_allowed=False))


def place(slider):
    """The step at which a slider's front end draws its handle: it knows whole steps only."""
    position = math.log10(slider.value) if isinstance(slider, widgets.FloatLogSlider) else slider.value
    return round((position - slider.min) / slider.step)


def put(slider, step):
    """Move the handle to a step, as keys and pointer do."""
    position = min(slider.min + step * slider.step, slider.max)
    slider.value = 10**position if isinstance(slider, widgets.FloatLogSlider) else position


def press(slider, steps=1):
    put(slider, place(slider) + steps)


def test_slider_box_and_value_agree():
    control, values, _ = epochs_control()
    control.slider.value = 1500
    assert (control.value, control.box.value, values) == (1500, "1500", [1500])
    control.box.value = "37"
    assert (control.value, control.slider.value, values) == (37, 37, [1500, 37])
    control.value = 90
    assert (control.slider.value, control.box.value, values) == (90, "90", [1500, 37, 90])


@pytest.mark.parametrize("typed", ["45", " 45 ", "45.0", "4.5e1"])
def test_a_whole_number_may_be_typed_in_any_form(typed):
    control, values, complaints = epochs_control()
    control.box.value = typed
    assert (values, complaints, control.box.value) == ([45], [], "45")
    assert type(control.value) is int


@pytest.mark.parametrize("typed", ["", "abc", "2.5", "-1", "100001", "nan", "inf", "1e400", "1,5"])
def test_what_cannot_be_is_refused_and_changes_nothing(typed):
    control, values, complaints = epochs_control()
    control.box.value = typed
    assert (values, control.value, control.slider.value) == ([], 3000, 3000)
    assert control.box.value == typed  # to be corrected, not typed again
    (complaint,) = complaints
    assert "it must be a whole number from 0 to 100000" in str(complaint)
    assert "epochs is " in str(complaint)


class Page:
    """What a page does with a slider: it keeps its handle in the range, on a step, and reports where it had to go."""

    def __init__(self, slider):
        self.slider, self.reports = slider, []
        self.model = {name: getattr(slider, name) for name in ("min", "max", "step", "value")}
        self.range, self.handle = (slider.min, slider.max, slider.step), slider.value
        slider.send_state = self.hears

    def hears(self, key=None):
        told = {name: getattr(self.slider, name) for name in ([key] if isinstance(key, str) else key)}
        changed = [name for name in told if told[name] != self.model[name]]
        self.model |= told
        for name in changed:  # one handler after the other, in the order of the message
            if name != "value":
                self.range = self.model["min"], self.model["max"], self.model["step"]
            self.put(self.model["value"])

    def put(self, value):
        low, high, step = self.range
        self.handle = min(max(low + round((value - low) / step) * step, low), high)
        if self.handle != self.model["value"]:  # also by an error of rounding
            self.model["value"] = self.handle
            self.reports.append(self.handle)


@pytest.mark.parametrize(
    ("high", "value", "step"), [(1000, 500, 5), (1000, 1000, 5), (50, 7, 1), (20_000, 9000, 40), (20_000, 3000, 7)]
)
def test_a_new_range_never_makes_a_page_move_its_handle(high, value, step):
    control, values, complaints = epochs_control()
    control.slider.step, control.value = 15, 2995  # typed, beside a step
    page = Page(control.slider)
    control.set_range(high, value, step=step)
    assert (control.slider.max, control.slider.step, control.slider.value, control.value) == (high, step, value, value)
    assert (control.box.value, values[-1], complaints) == (str(value), value, [])
    assert all(abs(report - value) < step for report in page.reports)  # at most to the step beside the value
    for report in page.reports:
        control.slider.value = report
    assert control.value == value


def test_a_new_lower_end_never_makes_a_page_move_its_handle():
    slider = widgets.FloatSlider(description="start", min=-2, max=2, step=0.05, value=-1.5)
    control, *_ = number_control(slider, lambda value: value)
    page = Page(slider)
    for low, high, value in ((-0.3, 3, 1.2), (-1, 3, -0.4), (-2, 2, 0.05), (4, 5, 4.3)):
        page.reports.clear()
        control.set_range(high, value, low=low)
        for report in page.reports:
            slider.value = report
        assert (slider.min, slider.max, control.value) == (low, high, value)
        assert page.handle == pytest.approx(value)
        assert page.reports == pytest.approx([value] * len(page.reports))


def test_a_value_beyond_the_slider_s_end_moves_the_end_or_leaves_the_handle_there():
    control, values, complaints = epochs_control()
    control.box.value = "9000"
    assert (control.slider.max, control.slider.value) == (9000, 9000)
    rate, rates, _ = rate_control()
    rate.box.value = "1e-6"
    assert rate.slider.value == pytest.approx(1e-4)
    press(rate.slider, 3)
    assert (values, complaints) == ([9000], [])
    assert rates == pytest.approx([1e-6, 10**-3.94])


@pytest.mark.parametrize("make", [epochs_control, rate_control])
def test_the_front_end_s_rounded_echo_changes_nothing(make):
    control, values, _ = make()
    for typed in (37, 36.9, 44, 1, 0.0512, 0.333, 5.87, 8.9999):
        if make is epochs_control and typed % 1:
            continue
        control.box.value = str(typed)
        put(control.slider, place(control.slider))  # the nearest step, as the front end may report it back
        assert control.value == typed
        assert values[-1] == typed


@pytest.mark.parametrize("make", [epochs_control, rate_control])
@pytest.mark.parametrize("steps", [1, -1, 5, -5])
def test_every_key_press_counts_wherever_the_value_lies_between_two_steps(make, steps):
    for fraction in np.linspace(0, 1, 15, endpoint=False):
        control, _, _ = make()
        typed = 1500 + round(15 * fraction) if make is epochs_control else 10 ** (-1 + 0.02 * fraction)
        control.box.value = str(typed)
        before = control.value
        press(control.slider, steps)
        assert (control.value - before) * steps > 0, f"the press at {typed} was lost"


def test_a_control_can_be_switched_off():
    control, _, _ = epochs_control()
    control.disable(True)
    assert control.slider.disabled
    assert control.box.disabled
    control.disable(False)
    assert not control.slider.disabled
    assert not control.box.disabled


# -------------------------------------------------------------------------- every whole number on a logarithmic slider


def log_control(high, value=1):
    complaints, values = [], []
    control = stage.LogIntegerControl(
        "batch size", lambda value: check_integer("batch size", value, 1, high), complaints.append
    )
    control.set_range(high, value)
    control.observe(lambda change: values.append(change["new"]), "value")
    return control, values


@pytest.mark.parametrize("high", [1, 2, 3, 12, 100, 400, 1787])
def test_arrow_keys_reach_every_whole_number_in_both_directions(high):
    control, values = log_control(high)
    for _ in range(high + 1):
        press(control.slider)
    assert values == list(range(2, high + 1))
    for _ in range(high + 1):
        press(control.slider, -1)
    assert values == [*range(2, high + 1), *range(high - 1, 0, -1)]
    assert (control.value, control.box.value) == (1, "1")


def test_page_keys_step_by_five_and_merged_presses_by_their_number():
    control, values = log_control(400, 10)
    for steps in (5, 5, -5, 2, 20, -20, 17):
        before = control.value
        press(control.slider, steps)
        assert control.value == before + steps
    assert len(values) == 7
    press(control.slider, -5)
    press(control.slider, 5)
    assert control.value == 34


@pytest.mark.parametrize(("high", "start"), [(12, 3), (400, 10), (400, 395), (1787, 1)])
@pytest.mark.parametrize("step", [1, -1])
def test_keys_count_though_the_page_has_not_yet_heard_where_the_handle_was_put(high, start, step):
    control, _ = log_control(high, start)
    begin, end = place(control.slider), round(control.slider.max / control.slider.step)
    value = start
    for at in range(begin + step, begin + 8 * step, step):
        if 0 <= at <= end:
            put(control.slider, at)  # from where the page still has its handle
            value = min(max(value + step, 1), high)
            assert control.value == value
    press(control.slider, -step)  # now it has heard
    assert control.value == min(max(value - step, 1), high)


def test_on_a_running_kernel_the_slider_is_not_moved_under_the_keys():
    """What the page has not sent yet is lost when it is told another place: 5 quick presses came to 2 or 3."""

    async def main():
        control, _ = log_control(400, 10)
        begin = place(control.slider)
        for presses in range(1, 8):
            await asyncio.to_thread(put, control.slider, begin + presses)
            await asyncio.sleep(0.01)
            assert control.value == 10 + presses
            assert place(control.slider) == begin + presses
        await until(lambda: place(control.slider) == round(math.log(17, 400) / control.slider.step))  # when they rest
        press(control.slider)
        assert control.value == 18

    asyncio.run(main())


def test_keys_stop_at_the_ends():
    control, _ = log_control(12, 10)
    press(control.slider, 5)
    assert control.value == 12
    press(control.slider, -5)
    press(control.slider, -5)
    assert control.value == 2
    press(control.slider, -5)
    assert control.value == 1


@pytest.mark.parametrize("high", [2, 12, 400, 100_000])
def test_home_end_and_drags_scale(high):
    control, values = log_control(high)
    control.slider.value = 10**control.slider.max
    assert control.value == high
    control.slider.value = 10**control.slider.min
    assert control.value == 1
    for position in np.linspace(0.01, 0.99, 40):
        control.slider.value = 10**position
        assert control.value == round(high**position)
    assert set(values) <= set(range(1, high + 1))
    assert {type(value) for value in values} == {int}


@pytest.mark.parametrize("high", [12, 400, 1787])
def test_drags_reach_small_numbers_and_keys_go_on_from_there(high):
    control, _ = log_control(high, high)
    for number in range(1, 13):
        control.slider.value = 10 ** min(math.log(number * 1.01, high), 1)
        assert control.value == number
        press(control.slider)
        assert control.value == min(number + 1, high)
        press(control.slider, -1 if number < high else 0)
        assert control.value == number


@pytest.mark.parametrize("high", [12, 400, 5000, 100_000])
def test_every_number_can_be_typed_and_its_rounded_echo_changes_nothing(high):
    control, values = log_control(high)
    for number in {2, 3, 7, 10, high // 3, high // 2 + 1, high - 1, high}:
        control.box.value = str(number)
        assert control.value == number
        echo = 10 ** (round(math.log10(control.slider.value) / control.slider.step) * control.slider.step)
        for noise in (1, 1 + 1e-15, 1 - 1e-15):
            control.slider.value = min(echo * noise, 10**control.slider.max)
        assert (control.value, control.box.value, values[-1]) == (number, str(number), number)


def test_a_new_range_keeps_slider_and_box_in_step():
    control, values = log_control(400, 64)
    control.set_range(12, 3)
    assert (control.value, control.box.value, values) == (3, "3", [3])
    assert (control.slider.min, control.slider.max) == (0, 1)  # a page told of another range would answer with a place
    assert control.slider.value == pytest.approx(10 ** math.log(3, 12), rel=1e-5)
    press(control.slider)
    assert control.value == 4
    control.set_range(1787, 16)
    press(control.slider, -1)
    assert (control.value, values) == (15, [3, 4, 16, 15])


def test_a_page_that_repeats_late_what_it_was_told_changes_nothing():
    """When a slider is first shown, the page sends its place back, maybe after a cell has set another value."""
    control, _ = log_control(400, 16)
    told = control.slider.value
    control.value = 70
    place = control.slider.value
    control._places = control._places[-1:]  # as after some seconds
    control.slider.value = told
    assert (control.value, control.slider.value, control.box.value) == (70, place, "70")
    control.slider.value = 10 ** (math.log10(told) + 30 * control.slider.step)  # a pointer
    assert control.value == 16


def test_no_frame_is_drawn_while_a_callback_waits_for_the_loop_but_the_last_one_is():
    counter = Counter()
    counter._work, counter._next_frame = counter.counting(2), math.inf
    stage._waiting.append(None)
    try:
        assert counter._step()
        assert counter.shown == []
        counter.wait()
        assert counter.shown == [2]
    finally:
        stage._waiting.clear()
