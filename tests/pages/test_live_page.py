"""The page of a live picture without Jupyter: it replays what Agg would paint, and its controls are at hand for all."""

import json
import re

import numpy as np
import pytest

import batchlab as bl
from batchlab.live import Whole, export

from ..course import every_lab
from ..live.toy import Toy
from . import browser, fidelity, figures

pytestmark = pytest.mark.browser
MOST, MOST_ALONE = 0.03, 0.007  # shares of pixels that may differ, and that may have nothing like them within a pixel
LABS = {
    **{f"03, {name}": lambda name=name: bl.Lab(name, epochs=100) for name in bl.data.DATASETS},
    **{f"chapter {name}": make for name, make in every_lab.LABS.items()},
}
FIGURES = {name: lambda make=make: figures.Gallery(make) for name, make in figures.FIGURES.items()}


def narrowed(lab):
    lab.wishes = {"width": [380, 1]}
    return lab


def assert_the_same(lab, chromium, folder):
    folder.mkdir(exist_ok=True)
    differ, alone = fidelity.compare(lab, chromium, folder)
    print(f"{differ:.2%} of the pixels differ, {alone:.2%} have nothing like them near by")
    assert differ < MOST, f"see {folder}"
    assert alone < MOST_ALONE, f"see {folder}"


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_the_page_shows_the_figures_that_agg_paints(make, chromium_open, tmp_path):
    assert_the_same(make(), chromium_open, tmp_path)


@pytest.mark.parametrize("make", LABS.values(), ids=LABS)
def test_the_page_shows_what_agg_paints_of_a_lab_wide_and_narrow(make, chromium_open, tmp_path):
    lab = make()
    assert_the_same(lab, chromium_open, tmp_path / "wide")
    assert_the_same(narrowed(lab), chromium_open, tmp_path / "narrow")
    lab.close()


def test_pictures_that_differ_are_told_apart():
    lab = figures.Gallery(figures.lines)
    one = fidelity.painted(lab.picture.painted(scale=1))
    assert fidelity.unmatched(one, one).mean() == 0
    assert fidelity.unmatched(one, np.roll(one, 4, axis=0)).mean() > MOST_ALONE
    other = fidelity.painted(figures.Gallery(figures.shapes).picture.painted(scale=1))
    assert fidelity.unmatched(one, other).mean() > MOST_ALONE


# ----------------------------------------------------------------------------------------------- places and numbers


@pytest.fixture(scope="module")
def scripted(chromium_open):
    """A page with what live.js exports."""
    page = chromium_open.new_page()
    source = (export.HERE / "live.js").read_text(encoding="utf-8")
    address = "'data:text/javascript;charset=utf-8,' + encodeURIComponent(source)"
    page.evaluate(f"async (source) => (window.live = await import({address}))", source)
    yield page
    page.close()


@pytest.fixture
def script(scripted):
    """It is called with values: `script("toPlace", row, 5)`."""
    call = "([name, values]) => window.live[name](...values)"
    return lambda name, *values: scripted.evaluate(call, [name, list(values)])


ROWS = {
    "log from 1": {"kind": "whole", "low": 1, "high": 400, "log": True},
    "log from 0": {"kind": "whole", "low": 0, "high": 6000, "log": True},
    "whole": {"kind": "whole", "low": 0, "high": 20},
    "one alone": {"kind": "whole", "low": 1, "high": 1, "log": True},
    "steps": {"kind": "steps", "values": [1, 4, 16, 64]},
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_number_has_a_place_and_comes_back_from_it(row, script):
    numbers = row.get("values") or range(row["low"], row["high"] + 1)
    numbers = sorted({*numbers[:30], *numbers[::97], numbers[-1]})
    places = [script("toPlace", row, number) for number in numbers]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == (1 if len(places) > 1 else 0)
    assert [script("toNumber", row, place) for place in places] == list(numbers)


def test_numbers_that_are_not_whole_come_back_with_three_digits(script):
    ends = ((1e-4, 10, True), (0, 1, False), (-1.61803, 1.61803, False))  # the last have more than three digits
    for row in ({"kind": "number", "low": low, "high": high, "log": log} for low, high, log in ends):
        assert script("toNumber", row, 0) == row["low"]
        assert script("toNumber", row, 1) == row["high"]
        for number in (0.0123, 0.5, 0.999):
            assert script("toNumber", row, script("toPlace", row, number)) == pytest.approx(number, rel=1e-3)


def test_a_slider_of_few_digits_stops_at_whole_numbers(script):
    row = {"kind": "whole", "low": 1, "high": 1000, "log": True, "digits": 2}
    stops = {script("toNumber", row, place / 200) for place in range(201)}
    assert {1, 12, 120, 1000} <= stops
    assert {stop % 1 for stop in stops} == {0}
    assert not stops & {121, 123, 999}


@pytest.mark.parametrize("name", ["log from 1", "log from 0", "whole"])
def test_whole_numbers_step_by_one_and_pages_go_further(name, script):
    row = ROWS[name]
    low, high = row["low"], row["high"]
    assert (script("afterKey", row, 7, "Home"), script("afterKey", row, 7, "End")) == (low, high)
    for key, step in (("ArrowRight", 1), ("ArrowUp", 1), ("ArrowLeft", -1), ("ArrowDown", -1)):
        for number in (low, low + 1, 5, high // 2, high - 1, high):
            assert script("afterKey", row, number, key) == min(max(number + step, low), high)
    value, seen = low, []
    for _ in range(200):
        value = script("afterKey", row, value, "PageUp")
        seen.append(value)
    assert seen == sorted(seen)
    assert len(set(seen)) <= 20
    assert value == high
    assert script("afterKey", row, high, "PageDown") < high
    assert script("afterKey", row, 5, "a") is None


def test_steps_go_to_the_next_of_them_and_numbers_a_hundredth_of_the_slider(script):
    row = ROWS["steps"]
    keys = {"ArrowRight": 16, "ArrowLeft": 1, "Home": 1, "End": 64, "PageUp": 16, "PageDown": 1}
    assert {key: script("afterKey", row, 4, key) for key in keys} == keys
    assert script("afterKey", row, 64, "ArrowRight") == 64
    long = {"kind": "steps", "values": list(range(0, 300, 3))}
    assert script("afterKey", long, 30, "PageUp") == 60
    rate = {"kind": "number", "low": 1e-4, "high": 10, "log": True}
    for key in ("ArrowRight", "PageUp"):
        assert script("afterKey", rate, 0.1, key) > 0.1
    assert script("afterKey", rate, 10, "ArrowRight") == 10
    assert script("afterKey", rate, 1e-4, "ArrowLeft") == 1e-4


# ------------------------------------------------------------------------------------------------- wishes of a view

VIEWS = """(state) => {
  const save_changes = () => (window.wishes = JSON.parse(JSON.stringify(state.wishes)));
  const model = { get: (name) => state[name], set: (name, value) => (state[name] = value), save_changes };
  for (const name of ["on", "off", "send"]) model[name] = () => {};
  document.body.replaceChildren(...[1, 2].map(() => document.createElement("div")));
  for (const el of document.body.children) window.live.default.render({ model, el });
}"""


@pytest.fixture
def views(scripted):
    """Two views of one picture, as JupyterLab makes them; its kernel is silent, and would get `window.wishes`."""
    rate = {"kind": "number", "name": "rate", "label": "rate", "low": 0, "high": 10}
    menu = {"kind": "menu", "name": "data", "label": "data", "options": ["small", "large"], "tip": "what is drawn"}
    rows = [rate, menu, {"kind": "press", "name": "bump", "label": "bump"}]
    state = {"wishes": {}, "standing": {}, "frame": {"values": {"rate": 1, "data": "small"}, "heard": {"rate": 7}}}
    scripted.evaluate(VIEWS, state | {"rows": {"list": rows, "focus": "data"}})
    return scripted


def test_two_views_of_a_picture_count_their_wishes_together(views):
    one, other = (views.get_by_role("button", name="bump").nth(i) for i in (0, 1))
    for wished, button in enumerate((one, one, other, one), 1):
        button.click()
        assert views.evaluate("window.wishes.bump") == [wished, 7 + wished]  # as many presses, the newest count


@pytest.mark.parametrize("typed", ["1e400", "Infinity", "-1e400", "ten"])
def test_what_is_no_number_for_json_is_wished_as_it_was_typed(typed, views):
    box = views.get_by_label("rate, typed", exact=True).first
    box.fill(typed)
    box.press("Enter")
    assert views.evaluate("window.wishes.rate[0]") == typed


def test_a_menu_has_its_tip_and_may_get_the_focus(views):
    assert views.get_by_label("data", exact=True).first.get_attribute("title") == "what is drawn"
    browser.wait_until(lambda: views.evaluate("document.activeElement.tagName") == "SELECT", "it has no focus", 10)


# -------------------------------------------------------------------------------------------------- an exported page


class Page:
    """An exported page in front of a reader."""

    def __init__(self, context, path):
        self.page, self.errors = context.new_page(), []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".picture[data-frame]")

    def control(self, label):
        return self.page.get_by_label(label, exact=True)

    def box(self, label):
        return self.page.get_by_label(f"{label}, typed", exact=True)

    def shows(self, **values):
        """Wait until the picture shows these values, and the words say the same."""
        read = "JSON.parse(document.querySelector('.picture').dataset.shows)"
        browser.wait_until(
            lambda: values.items() <= self.page.evaluate(read).items(), lambda: str(self.page.evaluate(read)), 10
        )
        words = self.words()
        for name, text in (("batch_size", "batch size {},"), ("total", "counted to {}")):
            assert text.format(self.page.evaluate(read)[name]) in f"{words},", words
        return words

    def words(self):
        return self.page.locator(".words").inner_text()

    def picture(self):
        return self.page.evaluate(fidelity.PIXELS)


POSITIONS = {"batch_size": [1, 2, 3, 7, 10], "total": [0, 5, 50], "bold": [False, True], "data": ["small", "large"]}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return Toy().export(tmp_path_factory.mktemp("page") / "page.html", **POSITIONS)


@pytest.fixture
def opened(chromium_open, path):
    context = chromium_open.new_context(viewport={"width": 1100, "height": 800}, offline=True)
    page = Page(context, path)
    yield page
    context.close()
    assert page.errors == []


def test_keys_move_the_controls_the_words_and_the_picture(opened):
    opened.shows(batch_size=3, total=5, bold=False)
    picture, slider = opened.picture(), opened.control("batch size")
    slider.focus()
    for key, size in (
        ("ArrowRight", 7),
        ("ArrowUp", 10),
        ("ArrowRight", 10),
        ("ArrowLeft", 7),
        ("Home", 1),
        ("End", 10),
    ):
        opened.page.keyboard.press(key)
        opened.shows(batch_size=size, total=5)
        assert (opened.box("batch size").input_value(), slider.get_attribute("aria-valuetext")) == (
            str(size),
            str(size),
        )
    assert opened.picture() != picture
    opened.control("bold").focus()
    opened.page.keyboard.press("Space")
    opened.shows(bold=True)
    opened.control("data").select_option("large")
    opened.shows(data="large", batch_size=10)
    opened.control("batch size").fill("0.5")
    opened.shows(batch_size=3)


def test_typed_numbers_go_to_the_nearest_and_words_are_refused(opened):
    box = opened.box("batch size")
    for typed, size in (("6", 7), ("1000", 10), ("-4", 1), ("4.4e0", 3)):
        box.fill(typed)
        box.press("Enter")
        opened.shows(batch_size=size)
        assert box.input_value() == str(size)
        assert opened.page.evaluate("[document.activeElement.selectionStart, document.activeElement.selectionEnd]") == [
            0,
            len(str(size)),
        ]
    alarm = opened.page.get_by_role("alert")
    for typed in ("abc", "", "nan"):
        box.fill(typed)
        box.press("Enter")
        browser.wait_until(lambda: "batch size is" in alarm.inner_text(), "nothing is said", 10)
        assert alarm.inner_text() == f"batch size is '{typed}'; on this page it is a number from 1 to 10."
        assert (box.input_value(), box.get_attribute("aria-invalid")) == (typed, "true")
        opened.shows(batch_size=3)
    opened.control("total").press("End")
    opened.shows(batch_size=3, total=50)
    assert not opened.page.locator(".message").is_visible()
    assert (box.input_value(), box.get_attribute("aria-invalid")) == ("3", None)


def test_tab_goes_through_the_controls_as_they_are_seen(opened):
    places, names = [], []
    focused = """() => { const one = document.activeElement, { x, y, height } = one.getBoundingClientRect();
        return one.closest('.batchlab') && [y + height / 2, x, one.ariaLabel ?? one.labels[0].innerText]; }"""
    opened.page.keyboard.press("Tab")
    while place := opened.page.evaluate(focused):
        places.append((round(place[0] / 20), place[1]))
        names.append(place[2].strip().split("\n")[0])
        opened.page.keyboard.press("Tab")
    assert places == sorted(places)
    assert names == ["batch size", "batch size, typed", "total", "total, typed", "bold", "data"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_is_legible(scheme, chromium_open, path):
    context = chromium_open.new_context(color_scheme=scheme)
    page = Page(context, path).page
    for element in page.locator("input, select, button").all():
        name = element.evaluate("(one) => one.ariaLabel || one.labels?.[0]?.innerText || one.innerText")
        assert name.strip(), element.evaluate("(one) => one.outerHTML")
    assert page.locator("[aria-live]").count() == 1
    picture = page.get_by_role("img")
    assert picture.count() == 1
    assert picture.get_attribute("aria-label") == page.locator(".words").inner_text()
    assert page.evaluate("document.documentElement.lang && document.title")
    light = """(one) => { const over = (node) => { const color = getComputedStyle(node).backgroundColor;
        return /, 0\\)$|transparent/.test(color) && node.parentElement ? over(node.parentElement) : color; };
        return [getComputedStyle(one).color, over(one), getComputedStyle(document.documentElement).colorScheme]; }"""
    for selector in (".words", ".facts", "label > span", "input.box", "select"):
        ink, ground = map(brightness, page.locator(selector).first.evaluate(light)[:2])
        ground = ground if ground is not None else (1.0 if scheme == "light" else 0.005)  # the canvas of the page
        high, low = max(ink, ground), min(ink, ground)
        assert (high + 0.05) / (low + 0.05) > 4.5, (selector, ink, ground)
    assert page.locator(".frame").evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(255, 255, 255)"
    context.close()


def brightness(color):
    """The relative luminance of a CSS colour, None where it is transparent."""
    *rgb, alpha = ([float(part) for part in re.findall(r"[\d.]+", color)] + [1.0])[:4]
    if alpha == 0:
        return None
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in rgb)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_a_finger_drags_and_taps(chromium_open, path):
    context = chromium_open.new_context(viewport={"width": 380, "height": 800}, has_touch=True, is_mobile=True)
    opened = Page(context, path)
    slider = opened.control("batch size")
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    opened.page.touchscreen.tap(box["x"] + box["width"] - 3, y)
    opened.shows(batch_size=10)
    session = context.new_cdp_session(opened.page)
    for kind, share in (
        ("touchStart", 0.95),
        ("touchMove", 0.7),
        ("touchMove", 0.3),
        ("touchMove", 0.02),
        ("touchEnd", None),
    ):
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    opened.shows(batch_size=1)
    opened.control("bold").tap()
    opened.shows(bold=True)
    context.close()
    assert opened.errors == []


def test_on_a_narrow_page_the_panels_stand_below_each_other(chromium_open, path):
    context = chromium_open.new_context(viewport={"width": 1100, "height": 800})
    opened = Page(context, path)
    wide = opened.page.locator(".picture").bounding_box()
    assert wide["width"] / wide["height"] == pytest.approx(700 / 250, rel=0.01)
    opened.page.set_viewport_size({"width": 380, "height": 900})
    narrow = browser.wait_until(
        lambda: (box := opened.page.locator(".picture").bounding_box())["height"] > box["width"] and box, "it stays", 10
    )
    assert narrow["x"] + narrow["width"] <= 380
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 380
    opened.control("batch size").press("End")
    opened.shows(batch_size=10)
    opened.page.set_viewport_size({"width": 1100, "height": 800})
    browser.wait_until(lambda: opened.page.locator(".picture").bounding_box() == wide, "it stays narrow", 10)
    context.close()
    assert opened.errors == []


@pytest.mark.parametrize("width", [320, 420, 520])
def test_on_a_narrow_page_a_number_stands_beside_its_slider_and_the_focus_is_seen(width, chromium_open, path):
    context = chromium_open.new_context(viewport={"width": width, "height": 800})
    opened = Page(context, path)
    slider, box = (one.bounding_box() for one in (opened.control("batch size"), opened.box("batch size")))
    assert slider["y"] <= box["y"] + box["height"] / 2 <= slider["y"] + slider["height"]
    assert slider["x"] + slider["width"] <= box["x"]
    assert slider["width"] >= 60
    rooms = """(one) => { const { left, right } = one.getBoundingClientRect(), ring = 3;
        const edges = one.closest('.batchlab').getBoundingClientRect();
        return [left - ring - edges.left, edges.right - right - ring]; }"""  # JupyterLab cuts off what stands outside
    for control in opened.page.locator("input, select, button").filter(visible=True).all():
        assert min(control.evaluate(rooms)) >= 0, control.evaluate("(one) => one.outerHTML")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert opened.errors == []


def test_in_the_dark_the_picture_is_a_white_card(chromium_open, path):
    edges = """(one) => { const { paddingLeft, paddingBottom, borderTopLeftRadius } = getComputedStyle(one);
        return [paddingLeft, paddingBottom, borderTopLeftRadius].map(parseFloat); }"""
    for width in (420, 1100):
        context = chromium_open.new_context(color_scheme="dark", viewport={"width": width, "height": 800})
        opened = Page(context, path)
        frame, canvas = opened.page.locator(".frame"), opened.page.locator(".picture").bounding_box()
        assert min(frame.evaluate(edges)) >= 6
        around = frame.bounding_box()
        assert around["width"] - canvas["width"] == pytest.approx(16, abs=1)  # nothing is cut off
        assert around["height"] - canvas["height"] == pytest.approx(16, abs=1)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def test_the_picture_has_the_screen_s_own_resolution(chromium_open, path):
    for ratio in (1, 2, 3):
        context = chromium_open.new_context(viewport={"width": 800, "height": 600}, device_scale_factor=ratio)
        page = Page(context, path).page
        canvas, shown = page.evaluate(
            "(({ width, clientWidth }) => [width, clientWidth])(document.querySelector('.picture'))"
        )
        assert canvas == pytest.approx(ratio * shown, abs=ratio)
        context.close()


def test_on_another_screen_the_picture_has_that_one_s_resolution(opened):
    shown = "(({ width, clientWidth }) => [width, clientWidth])(document.querySelector('.picture'))"
    session = opened.page.context.new_cdp_session(opened.page)
    size, wide = {"width": 1100, "height": 800, "mobile": False}, opened.page.evaluate(shown)[1]
    for ratio in (2, 1, 3):
        session.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": ratio})
        # The emulated screen does not tell the page; emulated media have it ask its queries anew.
        contrast = {"name": "prefers-contrast", "value": "more" if ratio == 2 else "less"}
        session.send("Emulation.setEmulatedMedia", {"features": [contrast]})
        wanted = pytest.approx([ratio * wide, wide], abs=ratio)
        browser.wait_until(lambda: opened.page.evaluate(shown) == wanted, "it stays", 10)  # noqa: B023


class Limited(Toy):
    """Where some positions have no frame, also the first ones of the control that moves first."""

    recorded = ("batch_size", 4), ("data", 2), ("total", 1)
    batch_size = Whole("batch size", 1, lambda lab: lab.n, 3, log=True, hint=lambda lab: f"of {lab.n}")


def test_where_a_position_has_no_frame_what_was_moved_stays_and_the_others_give_way(chromium_open, tmp_path):
    lab = Limited(data="large")
    lab.batch_size = 400
    context = chromium_open.new_context(viewport={"width": 1100, "height": 800})
    opened = Page(context, lab.export(tmp_path / "page.html"))
    assert opened.page.locator(".hint").first.inner_text() == "of 400"
    opened.control("data").select_option("small")  # which does not allow 400
    opened.shows(batch_size=7, data="small", total=5)
    assert (opened.box("batch size").input_value(), opened.control("data").input_value()) == ("7", "small")
    assert opened.page.locator(".hint").first.inner_text() == "of 10"
    opened.control("batch size").press("End")
    opened.shows(batch_size=400, data="large", total=5)
    assert (opened.box("batch size").input_value(), opened.control("data").input_value()) == ("400", "large")
    opened.control("total").press("Home")
    opened.shows(batch_size=400, data="large", total=0)
    context.close()
    assert opened.errors == []


def test_a_picture_without_sliders_is_a_page_too(chromium_open, tmp_path):
    context = chromium_open.new_context()
    opened = Page(context, Toy(controls=["bump"]).export(tmp_path / "page.html"))
    assert opened.words() == "batch size 3, counted to 5"
    context.close()
    assert opened.errors == []


def test_a_locked_recording_is_off_until_it_is_unlocked(scripted):
    scripted.set_content("<div></div>")
    recording = export.record(Toy(locked=True), {"batch_size": [1, 3]})
    start = "async (text) => { window.opened = await window.live.playBack(document.querySelector('div'), text); }"
    scripted.evaluate(start, recording)
    slider, words = scripted.get_by_label("batch size", exact=True), scripted.locator(".words")
    browser.wait_until(lambda: words.inner_text() == "batch size 3, counted to 0", "it is not shown", 10)
    assert slider.is_disabled()
    scripted.evaluate("window.opened.unlock()")
    browser.wait_until(lambda: words.inner_text() == "batch size 3, counted to 5", "it stays locked", 10)
    slider.press("Home")
    browser.wait_until(lambda: words.inner_text() == "batch size 1, counted to 5", "it does not move", 10)


def test_two_recordings_on_a_page_keep_their_pictures(chromium_open, tmp_path):
    def page(name, *recordings):
        calls = [f'playBack(document.body.appendChild(document.createElement("div")), "{one}");' for one in recordings]
        source = (export.HERE / "live.js").read_text(encoding="utf-8")
        text = f'<!doctype html><meta charset="utf-8"><body><script type="module">{source}\n{" ".join(calls)}</script>'
        (tmp_path / name).write_text(text, encoding="utf-8")
        opened = chromium_open.new_page(viewport={"width": 1100, "height": 800})
        opened.goto((tmp_path / name).as_uri())
        opened.wait_for_function("(n) => document.querySelectorAll('[data-frame]').length === n", arg=len(recordings))
        for width in (1000, 1100):
            opened.set_viewport_size({"width": width, "height": 800})
            opened.evaluate(fidelity.REST)
        seen = opened.evaluate("[...document.querySelectorAll('.picture')].map((one) => one.toDataURL())")
        opened.close()
        return seen

    one, other = (export.record(Toy(batch_size=size), {"bold": [False]}) for size in (1, 9))
    assert page("both.html", one, other) == page("one.html", one) + page("other.html", other)


def test_the_overfitting_lab_s_page_is_small(tmp_path, chromium_open):
    lab = bl.Lab(epochs=60)
    path = lab.export(tmp_path / "lab.html", batch_size=[1, 3, 12], learning_rate=[0.02, 0.05], epochs=range(1, 61, 3))
    assert path.stat().st_size < 250_000  # 120 frames
    context = chromium_open.new_context(offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".picture[data-frame]")
    page.get_by_label("epochs", exact=True).press("Home")
    browser.wait_until(lambda: ", epoch 1:" in page.locator(".words").inner_text(), "it stays", 10)
    assert json.loads(page.locator(".picture").get_attribute("data-shows"))["epochs"] == 1
    context.close()
