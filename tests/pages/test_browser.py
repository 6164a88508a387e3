"""The lab in front of a reader: JupyterLab and Notebook 7, ipykernel 6 and 7, by keys and by mouse."""

import contextlib
import itertools
import os
import pathlib
import re
import time

import pytest
from jupyter_client.kernelspec import find_kernel_specs

import batchlab as bl
from batchlab.course import ch02_descend, ch03_overfit

from . import browser

pytestmark = pytest.mark.browser
NOTEBOOK = pathlib.Path(__file__).parents[2] / "notebooks/03_stop_at_the_right_epoch.ipynb"
KERNELS = {"ipykernel 7": "python3", "ipykernel 6": "ipykernel6"}
CELLS = (
    "import ipykernel\nimport batchlab as bl\nprint('ipykernel', ipykernel.__version__)",
    "lab = bl.Lab()\nlab",
    "run = lab.run\nlab.close()\nreached = run.num_epochs",
    "print('went on:', run.num_epochs > reached)\nprint('busy:', lab.busy)",
)
SINE = bl.data.DEFAULTS["noisy sine"]
B, EPOCHS, N = SINE["batch_size"], SINE["num_epochs"], len(bl.data.noisy_sine().x)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Programs compiled once for all the kernels of these tests, in a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_ENABLE_COMPILATION_CACHE", "true")
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield


@pytest.fixture(scope="module", params=browser.APPS)
def server(request, environment, chromium_open, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("jupyter")
    (scratch / "notebooks").mkdir()
    with browser.Server(request.param, scratch / "notebooks", scratch / "server") as server:
        server.folder = scratch / "notebooks"
        yield server


@pytest.fixture(scope="module", params=KERNELS)
def kernel(request):
    name = KERNELS[request.param]
    if name not in find_kernel_specs():
        reason = f"there is no kernel {name!r}; `make test` installs it"
        if os.environ.get("BATCHLAB_BROWSER") == "required":
            pytest.fail(f"{reason}, and BATCHLAB_BROWSER=required")
        pytest.skip(reason)
    return request.param


def epoch(lab):
    return int(re.search(r"epoch (\d+)", lab.words())[1])


@pytest.fixture(scope="module")
def opened(server, kernel, chromium_open):
    """A small notebook with a lab in it."""
    notebook = browser.put_notebook(CELLS, server.folder, KERNELS[kernel])
    with browser.Reader(chromium_open, server, notebook) as reader:
        assert f"{kernel}." in reader.run_cell(0)
        reader.run_cell(1)
        reader.hears(f"batch size {B}, epoch {EPOCHS}: ")
        yield reader


@pytest.fixture
def lab(opened):
    """The lab as it began; nothing may have gone wrong when the test is over."""
    opened.push("reset")
    time.sleep(0.3)  # the words may be the same as before
    begun = f"batch size {B}, epoch {EPOCHS}: "
    browser.wait_until(lambda: at_rest(opened)[0].startswith(begun), opened.words)
    yield opened
    assert opened.trouble() == []


def at_rest(lab):
    """Words and picture, when the last ones sent have come through: a busy machine shows them late."""
    seen = []
    browser.wait_until(
        lambda: seen.append((lab.words(), lab.picture())) or seen[-3:].count(seen[-1]) == 3, "it does not come to rest"
    )
    return seen[-1]


def test_the_server_holds_nothing_back(server, opened):
    """That it does so is in test_server.py; here it has found the extension by itself."""
    assert "batchlab_server | extension was successfully loaded" in server.log()


def test_arrow_keys_move_the_batch_size_the_words_and_the_picture(lab):
    words, picture = lab.words(), lab.picture()
    lab.press("batch size", *["ArrowRight"] * 5)
    lab.hears(f"batch size {B + 5}, epoch {EPOCHS}: ")
    assert lab.box("batch size").input_value() == str(B + 5)
    assert lab.picture() != picture
    lab.press("batch size", *["ArrowLeft"] * 5)
    assert lab.hears(f"batch size {B}, epoch {EPOCHS}: ") == words
    for key, size in (("PageUp", 4), ("ArrowUp", 5), ("ArrowDown", 4), ("PageDown", 3), ("End", N), ("Home", 1)):
        lab.press("batch size", key)
        lab.hears(f"batch size {size}, epoch {EPOCHS}: ")
    assert lab.shows()["batch_size"] == 1


def test_a_change_while_training_supersedes_it(lab):
    lab.type("epochs", "100000")
    browser.wait_until(lambda: epoch(lab) > EPOCHS, "it does not train on")
    lab.type("epochs", "500")
    lab.press("batch size", "ArrowRight")
    lab.hears(f"batch size {B + 1}, epoch 500: ")
    browser.wait_until(lambda: lab.page.get_by_role("button", name="run", exact=True).is_visible(), "it does not rest")
    words, picture = at_rest(lab)
    time.sleep(0.5)
    assert (lab.words(), lab.picture()) == (words, picture)
    assert words.startswith(f"batch size {B + 1}, epoch 500: ")


def test_a_bad_value_is_answered_in_words_and_changes_nothing(lab):
    words, picture = lab.words(), lab.picture()
    for typed, said in (("abc", "'abc'"), ("0", "0"), (str(N + 1), str(N + 1)), ("2.5", "2.5")):
        lab.type("batch size", typed)
        expected = f"batch size is {said}; it must be a whole number from 1 to {N}."
        browser.wait_until(lambda expected=expected: lab.alarm().startswith(expected), lab.alarm)
        assert (lab.words(), lab.picture()) == (words, picture)
    lab.type("batch size", "5")
    lab.hears(f"batch size 5, epoch {EPOCHS}: ")
    browser.wait_until(lambda: lab.alarm() == "", "the complaint stays though it was answered")


def test_values_can_be_typed_and_keys_go_on_from_there(lab):
    lab.type("batch size", "7")
    lab.hears(f"batch size 7, epoch {EPOCHS}: ")
    lab.press("batch size", "ArrowRight", "ArrowRight")
    lab.hears(f"batch size 9, epoch {EPOCHS}: ")
    lab.type("epochs", "37")
    lab.hears("batch size 9, epoch 37: ")
    lab.press("epochs", "ArrowRight")
    lab.hears("batch size 9, epoch 38: ")
    assert lab.box("epochs").input_value() == "38"


def test_the_epochs_slider_goes_back_to_the_start(lab):
    picture = lab.picture()
    lab.press("epochs", "Home")
    lab.hears(f"batch size {B}, epoch 0: ")
    assert lab.picture() != picture
    for epochs in (1, 2, 3):
        lab.press("epochs", "ArrowRight")
        lab.hears(f"batch size {B}, epoch {epochs}: ")
    lab.push("best epoch")
    best = lab.hears(f"batch size {B}, epoch ")
    browser.wait_until(lambda: "This is the best epoch." in lab.words(), best)


def test_end_goes_to_the_end_that_a_slider_has_now(lab):
    moons = bl.data.DEFAULTS["two moons"]
    menu = lab.menu("dataset")
    for name, settings, n in (("two moons", moons, 100), ("noisy sine", SINE, N)):
        menu.select_option(name)
        lab.hears(f"batch size {settings['batch_size']}, epoch {settings['num_epochs']}: ", 60)
        assert lab.box("batch size").input_value() == str(settings["batch_size"])
        lab.press("batch size", "End")
        lab.hears(f"batch size {n}, epoch {settings['num_epochs']}: ")
        lab.press("epochs", "End")
        lab.hears(f"batch size {n}, epoch {2 * settings['num_epochs']}: ", 60)


def test_divergence_is_said(lab):
    lab.press("learning rate", "End")
    browser.wait_until(lambda: "lower it" in lab.alarm(), "nothing is said")
    browser.wait_until(lambda: "the run diverged" in lab.words(), lab.words)
    lab.press("learning rate", "PageDown")
    lab.push("reset", "Space")
    browser.wait_until(lambda: lab.alarm() == "", "the alarm goes on")


def test_menus_buttons_and_boxes_work_by_keys(lab):
    page, picture = lab.page, lab.picture()
    menu = lab.menu("against")
    menu.focus()
    page.keyboard.press("ArrowDown")
    browser.wait_until(lambda: menu.input_value() == "iterations", "the arrow went elsewhere")
    browser.wait_until(lambda: lab.picture() != picture, "the axis stays")
    for key in ("Enter", "Space"):
        lab.push("keep", key)
    picture = lab.picture()
    check = page.get_by_role("checkbox", name="logarithmic axis").filter(visible=True)
    check.focus()
    page.keyboard.press("Space")
    browser.wait_until(lambda: lab.picture() != picture, "it stays logarithmic")
    check = page.get_by_role("checkbox", name="band over").filter(visible=True)
    check.focus()
    page.keyboard.press("Space")
    facts = lab.page.locator(".batchlab .facts").filter(visible=True).first
    browser.wait_until(lambda: f"medians of {ch03_overfit.lab.BAND} seeds" in facts.inner_text(), "no band")


def test_plain_keys_in_a_control_are_no_shortcuts_and_others_still_are(lab):
    lab.press("batch size", "a", "b", "d", "d", "x")
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == len(CELLS)
    saved = lab.saved()
    lab.press("batch size", "Control+s")
    browser.wait_until(lambda: lab.saved() > saved, "it is not saved")
    lab.press("batch size", "Escape", "ArrowRight")
    lab.hears(f"batch size {B + 1}, epoch {EPOCHS}: ")


def test_every_control_has_a_name_and_its_value(lab):
    lab.page.get_by_role("button", name="run", exact=True).filter(visible=True).first.wait_for()  # else it is "pause"
    names = lab.names(".batchlab")
    assert all(name for _, name in names), names
    sliders = [name for role, name in names if role == "slider"]
    assert sliders == ["batch size", "epochs", "learning rate", "noise", "data seed", "seed"]
    for label in sliders:
        assert any(role == "textbox" and label in name for role, name in names)
    assert {name for role, name in names if role == "combobox"} == {"dataset", "against"}
    assert {name for role, name in names if role == "button"} == {"run", "best epoch", "keep", "reset"}
    assert [name for role, name in names if role == "image"] == [lab.words()]
    lab.press("batch size", "ArrowRight")
    lab.hears(f"batch size {B + 1}, ")
    spoken = {"batch size": str(B + 1), "epochs": str(EPOCHS), "learning rate": str(SINE["learning_rate"])}
    for label, value in spoken.items():
        slider = lab.slider(label)
        browser.wait_until(lambda: slider.get_attribute("aria-valuetext") == value, label)  # noqa: B023


def test_every_control_is_reached_by_tab(lab):
    expected = lab.page.locator(".batchlab").locator("input, select, button").filter(visible=True).count()
    lab.slider("batch size").focus()
    reached = set()
    for _ in range(expected):
        reached.add(
            lab.page.evaluate(
                """() => document.activeElement.closest('.batchlab') &&
                     [...document.querySelectorAll('*')].indexOf(document.activeElement)"""
            )
        )
        lab.page.keyboard.press("Tab")
    assert None not in reached
    assert len(reached) == expected


def test_the_live_region_stays_while_its_words_change(lab):
    """A region that is put in anew with its words is not spoken by every screen reader."""
    lab.page.evaluate(
        """() => { window.regions = [...document.querySelectorAll('[aria-live=polite]')].filter(
             (region) => region.innerText.trim().startsWith('batch size')) }"""
    )
    lab.press("batch size", "ArrowRight")
    lab.hears(f"batch size {B + 1}, ")
    still = lab.page.evaluate("window.regions.filter((region) => region.isConnected).map((region) => region.innerText)")
    assert still
    assert all(words.strip().startswith(f"batch size {B + 1}, ") for words in still)


def test_a_drag_in_both_directions_while_it_trains_ends_at_the_last_place(lab):
    lab.type("epochs", "100000")
    browser.wait_until(lambda: epoch(lab) > EPOCHS, "it does not train on")
    lab.drag("batch size", 0.9, 0.1, 0.7, 0.0, 1.0)
    browser.wait_until(lambda: lab.shows()["batch_size"] == N, lambda: lab.shows())
    lab.drag("epochs", 0.8, 0.2, 0.6, 0.0)
    browser.wait_until(lambda: lab.words().startswith(f"batch size {N}, epoch 0: "), lab.words)
    lab.drag("learning rate", 0.9, 0.2, 0.5)
    lab.drag("seed", 1.0, 0.0)
    assert lab.menu("against").select_option("iterations")
    browser.wait_until(lambda: lab.shows()["against"] == "iterations", lambda: lab.shows())
    words, _ = at_rest(lab)
    shows = lab.shows()
    assert words.startswith(f"batch size {shows['batch_size']}, epoch {shows['epochs']}: ")
    assert (shows["batch_size"], shows["epochs"], shows["seed"], lab.alarm()) == (N, 0, 0, "")
    for label, name in (("batch size", "batch_size"), ("epochs", "epochs"), ("learning rate", "learning_rate")):
        assert float(lab.box(label).input_value()) == pytest.approx(shows[name], rel=1e-2)


@pytest.mark.parametrize("label", ["batch size", "epochs", "learning rate", "noise", "seed"])
def test_a_held_key_goes_there_and_back(lab, label):
    name, value = label.replace(" ", "_"), float(lab.box(label).input_value())
    lab.slider(label).focus()
    for key, sign in (("ArrowRight", 1), ("ArrowLeft", -1)):
        before = value
        for _ in range(30):
            lab.page.keyboard.down(key)  # as a key that is held repeats itself
        lab.page.keyboard.up(key)
        value = float(lab.box(label).input_value())
        assert (value - before) * sign > 0
        browser.wait_until(lambda: lab.shows()[name] == pytest.approx(value, rel=1e-2), lambda: lab.shows())  # noqa: B023
    words, _ = at_rest(lab)
    assert words.startswith(f"batch size {lab.shows()['batch_size']}, epoch {lab.shows()['epochs']}: ")
    assert lab.alarm() == ""


def test_what_is_typed_is_not_written_over_while_it_trains(lab):
    lab.type("epochs", "100000")
    browser.wait_until(lambda: epoch(lab) > EPOCHS, "it does not train on")
    box = lab.box("batch size")
    box.focus()
    lab.page.keyboard.press("Control+a")
    for digit in "11":
        lab.page.keyboard.type(digit)
        time.sleep(0.3)  # frames come meanwhile
    assert box.input_value() == "11"
    lab.page.keyboard.press("Enter")
    lab.hears("batch size 11, epoch ")
    lab.type("epochs", "20")
    lab.hears("batch size 11, epoch 20: ")
    assert (lab.shows()["batch_size"], lab.shows()["epochs"], lab.alarm()) == (11, 20, "")


def test_closing_stops_the_run_and_takes_the_lab_away(lab):
    lab.type("epochs", "100000")
    browser.wait_until(lambda: epoch(lab) > EPOCHS, "it does not train on")
    lab.run_cell(2)
    browser.wait_until(lambda: not lab.words(), "the lab is still there")
    assert lab.run_cell(3).split() == ["went", "on:", "False", "busy:", "False"]
    lab.wait_for_kernel(10)
    lab.run_cell(1)  # `reset` belongs to the next one
    lab.hears(f"batch size {B}, epoch {EPOCHS}: ")


def test_the_main_notebook_from_prediction_to_sliders(server, kernel, chromium_open):
    notebook = browser.put_notebook(NOTEBOOK, server.folder, KERNELS[kernel])
    with browser.Reader(chromium_open, server, notebook, height=9000) as reader:
        page = reader.page
        if (server.app, kernel) == ("JupyterLab", "ipykernel 7"):
            reader.run_all()
        else:  # the rest takes long, and is no concern of the page
            for cell in itertools.takewhile(lambda _: not reader.words(), itertools.count()):
                reader.run_cell(cell)
        reader.hears(f"batch size {B}, epoch 0: ", 120)
        assert reader.slider("noise").is_disabled()
        assert reader.box("noise").is_disabled()
        reader.wait_for_kernel(180)
        answers = page.get_by_role("radio").filter(visible=True)
        answers.first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        assert answers.nth(1).is_checked()
        page.get_by_role("button", name="Commit").filter(visible=True).first.focus()
        page.keyboard.press("Enter")
        reader.hears(f"batch size {B}, epoch {EPOCHS}: ")
        picture = reader.picture()
        reader.press("noise", "Home")
        browser.wait_until(lambda: reader.picture() != picture, "it does not move")
        reader.type("epochs", "120")
        reader.hears(f"batch size {B}, epoch 120: ")
        reader.type("epochs", "many")
        browser.wait_until(lambda: reader.alarm().startswith("epochs is 'many'; it must be"), reader.alarm)
        reader.press("epochs", "Home")
        reader.hears(f"batch size {B}, epoch 0: ")
        assert reader.trouble() == []


@contextlib.contextmanager
def reading(server, chromium_open, *cells):
    """A reader of a small notebook that has been run; nothing may have gone wrong in the end."""
    notebook = browser.put_notebook(cells, server.folder, "python3")
    with browser.Reader(chromium_open, server, notebook) as reader:
        reader.run_all()
        yield reader
        assert reader.trouble() == []


def test_a_value_that_a_cell_sets_stays_while_the_page_is_still_drawing_the_control(server, chromium_open):
    cells = (
        "import batchlab as bl\nlab = bl.Lab(bl.data.noisy_sine(n=400), batch_size=16, epochs=20)\nlab",
        "lab.batch_size = 70",
        "print(lab.batch_size)",
    )
    with reading(server, chromium_open, *cells) as reader:
        reader.hears("batch size 70, epoch 20: ", 60)
        time.sleep(2)  # the page has shown all, and said what it has to say
        assert reader.run_cell(2).strip() == "70"
        assert reader.box("batch size").input_value() == "70"
        assert reader.words().startswith("batch size 70, epoch 20: ")


def test_a_batch_size_stays_when_there_come_to_be_more_samples(server, chromium_open):
    code = "from batchlab.course import ch07_devices\nch07_devices.StepLab(batch_size=10, samples=9000)"
    with reading(server, chromium_open, code) as reader:
        reader.hears("batch size 10, 9,000 samples", 60)
        for typed, samples in (("5000", 5000), ("70", 70), ("123456", 123_456)):
            reader.type("samples N", typed)
            reader.hears(f"batch size 10, {samples:,} samples")
            time.sleep(1)  # whatever the page answers
            assert reader.words().startswith(f"batch size 10, {samples:,} samples")
            assert reader.box("batch size").input_value() == "10"
        reader.press("batch size", "End")
        reader.hears("batch size 123,456, 123,456 samples")


def test_another_surface_brings_its_own_start(server, chromium_open):
    code = "from batchlab.course import ch02_descend\nch02_descend.Descents('straight line')"
    with reading(server, chromium_open, code) as reader:
        reader.hears("batch size 8, epoch 20: ", 60)
        menu = reader.menu("surface")
        for name, labels in (("two bumps", ("centre", "height")), ("straight line", ("slope", "intercept"))):
            menu.select_option(name)
            start = ch02_descend.Descents(name).scene.start
            for label, value in zip(labels, start, strict=True):
                box = reader.box(f"start {label}")
                browser.wait_until(lambda: box.is_visible(), label)  # noqa: B023
                browser.wait_until(lambda: float(box.input_value()) == value, label)  # noqa: B023
            time.sleep(1)  # whatever the page answers
            assert [float(reader.box(f"start {label}").input_value()) for label in labels] == list(start)


BROKEN = """from batchlab.live import Live, View, Whole
class Broken(Live):
    size = 4, 2
    number = Whole("number", 0, 9, 1)
    def draw(self, figure):
        (self.line,) = figure.add_subplot().plot([0, 1], [0, 1])
        return [View([self.line], None)]
    def show(self):
        self.line.set_ydata([0, 1 / (self.number - 5)])
    def words(self):
        return f"batch size: the number is {self.number}"
Broken()"""


def test_an_exception_is_said_and_the_next_wish_works(server, chromium_open):
    with reading(server, chromium_open, BROKEN) as reader:
        reader.hears("batch size: the number is 1", 60)
        picture = reader.picture()
        reader.type("number", "5")
        browser.wait_until(lambda: "ZeroDivisionError" in reader.alarm(), "nothing is said")
        assert (reader.picture(), reader.words(), reader.shows()) == (
            picture,
            "batch size: the number is 1",
            {"number": 1},
        )
        reader.press("number", "ArrowRight")
        reader.hears("batch size: the number is 6")
        browser.wait_until(lambda: reader.alarm() == "", "the alarm goes on")
        assert reader.shows() == {"number": 6}


def test_after_a_restart_of_the_kernel_the_picture_says_how_to_bring_it_back(server, chromium_open):
    with reading(server, chromium_open, BROKEN) as reader:
        reader.hears("batch size: the number is 1", 60)
        picture = reader.picture()
        reader.restart()
        state = reader.page.locator(".batchlab .state").filter(visible=True)
        said = "Run the cell above again to bring it back."
        browser.wait_until(lambda: said in "".join(state.all_inner_texts()), "nothing is said", 15)
        reader.wait_for_kernel()
        reader.press("number", "ArrowRight")
        time.sleep(3)  # a wish that nobody hears changes nothing of it
        assert said in "".join(state.all_inner_texts())
        assert reader.picture() == picture
        reader.run_cell(0)
        reader.hears("batch size: the number is 1", 60)
        reader.press("number", "ArrowRight")
        reader.hears("batch size: the number is 2")
        assert not state.count()


# The chapters take the two applications in turn; what every stage needs of both is tested with the lab, in both.
CHAPTERS = [path.name for path in sorted(NOTEBOOK.parent.glob("*.ipynb")) if path != NOTEBOOK]


IN_TURN = list(zip(itertools.cycle(browser.APPS), CHAPTERS))


@pytest.mark.parametrize(("server", "name"), IN_TURN, indirect=["server"])
def test_the_first_picture_of_every_other_chapter_moves(server, chromium_open, name):
    notebook = browser.put_notebook(NOTEBOOK.with_name(name), server.folder, "python3")
    with browser.Reader(chromium_open, server, notebook, height=9000) as reader:
        for cell in itertools.takewhile(lambda _: not reader.words(), itertools.count()):
            reader.run_cell(cell)
        skip = reader.page.get_by_role("button", name="Skip", exact=True).filter(visible=True)
        while left := skip.count():  # a question that guards no picture may stand before
            skip.first.focus()
            reader.page.keyboard.press("Enter")
            browser.wait_until(lambda left=left: skip.count() < left, "it cannot be skipped")
        browser.wait_until(lambda: not reader.box("batch size").first.is_disabled(), "it stays locked")
        words, picture = reader.words(), reader.picture()
        slider = reader.slider(
            "epochs" if name.startswith("00") else "batch size"
        ).first  # there nothing is trained yet
        at_its_end = float(slider.input_value()) == 1
        slider.focus()
        reader.page.keyboard.press("ArrowLeft" if at_its_end else "ArrowRight")
        browser.wait_until(lambda: reader.words() != words, "the words stay")
        browser.wait_until(lambda: reader.picture() != picture, "the picture stays")
        assert reader.trouble() == []


def test_a_click_into_the_map_chooses_a_cell(server, chromium_open):
    cells = (
        "import batchlab as bl\nfrom batchlab.course import ch05_rates",
        "problem = bl.data.digits(n=24, label_noise=0, n_val=20)",
        "ch05_rates.RateMap(ch05_rates.RateGrid(problem, hidden=(), seeds=1, keep=False), batch_size=8)",
    )
    notebook = browser.put_notebook(cells, server.folder, "python3")
    with browser.Reader(chromium_open, server, notebook) as reader:
        for cell in range(len(cells)):
            reader.run_cell(cell)
        reader.hears("batch size 8, learning rate 1: after", 60)
        picture, box = reader.picture(), reader.canvas().bounding_box()
        for column, size in ((0, 1), (5, 24), (0, 1)):  # the middle of a column of six, at a rate of about 1
            reader.page.mouse.click(
                box["x"] + box["width"] * (0.07 + 0.434 * (column + 0.5) / 6), box["y"] + 0.54 * box["height"]
            )
            reader.hears(f"batch size {size}, learning rate ")
        browser.wait_until(lambda: reader.picture() != picture, "the picture stays")
        reader.press("batch size", "ArrowRight")  # keys go on from there
        reader.hears("batch size 2, learning rate ")
        assert reader.trouble() == []


def test_a_chapter_is_closed_and_its_kernel_with_it(server, chromium_open):
    notebook = browser.put_notebook(("import batchlab as bl\nbl.quiz.chapter_done('03')",), server.folder, "python3")
    with browser.Reader(chromium_open, server, notebook) as reader:
        assert "Still open in chapter 03" in reader.run_cell(0)
        link = reader.page.get_by_role("link", name="04 Measure the gradient noise")
        assert link.get_attribute("href") is not None
        kernel = server.kernel(notebook)["id"]
        reader.push("Close this chapter: shut its kernel down")
        closed = lambda: kernel not in [running["id"] for running in server.ask("kernels")]  # noqa: E731
        browser.wait_until(closed, "the kernel still runs")
        reader.page.get_by_text("its memory is free").wait_for()  # the page hears of it after the server's list does


def test_a_saved_notebook_shows_its_pictures_and_questions_without_a_kernel(server, chromium_open):
    """With the setting that `make lab` brings along; without it ipywidgets says "model not found"."""
    cells = (BROKEN, "import batchlab as bl\nbl.quiz.ask('03.more_epochs')")
    notebook = browser.put_notebook(cells, server.folder, "python3")
    with browser.Reader(chromium_open, server, notebook) as reader:
        reader.run_all()
        reader.hears("batch size: the number is 1", 60)
        reader.type("number", "3")
        reader.hears("batch size: the number is 3")
        assert reader.page.get_by_role("radio").first.is_enabled()
        saved = reader.saved()
        reader.page.keyboard.press("Control+s")
        browser.wait_until(lambda: reader.saved() > saved, "it is not saved")
    with browser.Reader(chromium_open, server, notebook) as reader:
        reader.hears("batch size: the number is 3", 60)
        assert reader.shows() == {"number": 3}
        state = reader.page.locator(".batchlab .state").filter(visible=True)
        assert "Run the cell above again to bring it back." in state.inner_text()
        reader.press("number", "ArrowRight")  # nobody hears it
        assert reader.page.get_by_role("radio").first.is_disabled()
        assert "To answer, run the cell above again." in reader.page.locator(".batchlab-quiz .said").inner_text()
        reader.run_cell(0)
        reader.hears("batch size: the number is 1", 60)
        reader.press("number", "ArrowRight")
        reader.hears("batch size: the number is 2")
        assert not state.count()
        assert reader.trouble() == []


def test_a_file_is_chosen_as_the_browser_does_and_its_name_can_be_entered_again(server, chromium_open, tmp_path):
    table, lines = tmp_path / "flats.csv", [f"{i},{i * i % 7},{i / 7}" for i in range(30)]
    code = (
        "from batchlab import data\nfrom batchlab.course import ch10_choose",
        "choice = ch10_choose.Choice(data.two_moons(n=60, n_val=60))\ndisplay(choice, ch10_choose.Picker(choice))",
    )
    with reading(server, chromium_open, "\n".join(code)) as reader:
        reader.hears("batch size 16, learning rate 0.05, epochs 20: 80 iterations.", 120)
        for count, samples in ((30, 22), (24, 18)):  # the second time the file has changed
            table.write_text("\n".join(["a,b,y", *lines[:count]]))
            with reader.page.expect_file_chooser() as chooser:
                button = reader.page.get_by_role("button", name="choose a CSV file")  # and how many have been
                button.focus()
                button.press("Enter")
            chooser.value.set_files(table)
            facts = reader.page.locator(".batchlab .facts")
            browser.wait_until(lambda: f"N = {samples} training" in facts.inner_text(), facts.inner_text)  # noqa: B023
        name, own = reader.page.get_by_label("CSV file", exact=True), server.folder / "own.csv"
        own.write_text("a,b,y\n1,two,3\n2,3,\n")
        name.fill("own.csv")
        name.press("Enter")
        for said in ("row 2, column 'b' holds 'two'", "row 3, column 'y' is empty"):
            browser.wait_until(lambda: said in reader.alarm(), reader.alarm)  # noqa: B023
        own.write_text("\n".join(["a,b,y", *lines]))
        name.fill("own.csv")
        name.press("Enter")
        browser.wait_until(lambda: "N = 22 training" in facts.inner_text(), facts.inner_text)
        assert reader.alarm().startswith("There are only 8 validation samples")
        assert not reader.page.locator(".batchlab .alarm").count()
