"""The lab in classic Notebook 6.5, for whose page Colab's version of the widgets was made; `make colab` runs this.

Once with the stand-in for `google.colab`, where frames are sent only while a message is answered, and once without.
"""

import itertools
import json
import os
import pathlib
import time
from importlib.metadata import version

import pytest

import batchlab as bl

from . import browser

pytestmark = pytest.mark.browser
if version("notebook").split(".")[0] != "6":
    pytest.skip("this is not the classic Notebook; `make colab` installs it", allow_module_level=True)

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks/03_stop_at_the_right_epoch.ipynb"
CELLS = (
    "import sys, ipykernel as k, ipywidgets as w\nprint(k.__version__, w.__version__, 'google.colab' in sys.modules)",
    "import batchlab as bl\nlab = bl.Lab()\nlab",
)
SINE = bl.data.DEFAULTS["noisy sine"]
B, EPOCHS, N = SINE["batch_size"], SINE["num_epochs"], len(bl.data.noisy_sine().x)
BEGUN = f"batch size {B}, epoch {EPOCHS}: "
# Every sentence that the words have been since.
LISTEN = """(region) => {
  window.heard = [];
  new MutationObserver(() => heard.push(region.innerText)).observe(region, {childList: true, characterData: true});
}"""


class Reader(browser.Reader):
    """Someone in front of an open notebook, who can see when the kernel is busy, and when a frame comes."""

    cells, prompt, output = ".code_cell", ".input_prompt", ".output"
    errors_shown = ".output_stderr, .output_error"

    def __init__(self, chromium, server, notebook, **size):
        self.line = []  # what came down, in order: busy, idle, frame
        super().__init__(_Listening(chromium, self._came), server, notebook, **size)

    def _came(self, text):
        message = json.loads(text)
        if message["msg_type"] == "status":
            self.line.append(message["content"]["execution_state"])
        elif "frame" in message["content"].get("data", {}).get("state", {}):
            self.line.append("frame")

    def state(self):
        """What the page says: this server may miss a kernel's first word, and then says "starting" for good."""
        return "idle" if self.page.locator("#kernel_indicator_icon.kernel_idle_icon").count() else "not idle"

    def frames_while_idle(self):
        """How many times frames came after the kernel had said that it has nothing to do."""
        return sum(pair == ("idle", "frame") for pair in itertools.pairwise(self.line))


class _Listening:
    """A browser whose pages tell what comes down to them from the kernel."""

    def __init__(self, chromium, tell):
        self._chromium, self._tell = chromium, tell

    def new_page(self, **settings):
        page = self._chromium.new_page(**settings)
        page.on("websocket", lambda line: line.on("framereceived", self._tell))
        return page


@pytest.fixture(scope="module", params=["plain", "Colab"])
def server(request, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "Colab":
            patch.setenv("PYTHONPATH", str(ROOT / "tests/colab"), prepend=os.pathsep)
        (scratch / "notebooks").mkdir()
        with browser.Server(browser.CLASSIC, scratch / "notebooks", scratch / "server") as server:
            server.folder, server.colab = scratch / "notebooks", request.param == "Colab"
            yield server


@pytest.fixture(scope="module")
def opened(server, chromium_open):
    """A small notebook with a lab in it."""
    notebook = browser.put_notebook(CELLS, server.folder, "python3")
    with Reader(chromium_open, server, notebook) as reader:
        assert reader.run_cell(0).split() == [version("ipykernel"), version("ipywidgets"), str(server.colab)]
        reader.run_cell(1)
        reader.hears(BEGUN, 60)
        reader.page.locator(".batchlab .words").evaluate(LISTEN)
        yield reader


@pytest.fixture
def lab(opened):
    """The lab as it began; nothing may have gone wrong when the test is over."""
    opened.push("reset")
    time.sleep(0.5)  # the words may be the same as before
    opened.hears(BEGUN)
    opened.wait_for_kernel()
    opened.page.evaluate("heard.length = 0")
    opened.line.clear()
    yield opened
    assert opened.trouble() == []


def test_these_are_the_front_ends_versions():
    assert [version(name) for name in ("notebook", "widgetsnbextension")] == ["6.5.7", "3.6.10"]


def test_arrow_keys_move_the_batch_size_the_words_and_the_picture(lab):
    words, picture = lab.words(), lab.picture()
    for size in range(B + 1, B + 6):
        lab.press("batch size", "ArrowRight")
        lab.hears(f"batch size {size}, epoch {EPOCHS}: ")
        assert lab.shows()["batch_size"] == size
        assert lab.box("batch size").input_value() == str(size)
    assert lab.picture() != picture
    lab.press("batch size", *["ArrowLeft"] * 5)  # as quickly as they come
    assert lab.hears(BEGUN) == words
    for key, size in (("PageUp", 4), ("ArrowUp", 5), ("ArrowDown", 4), ("PageDown", 3), ("End", N), ("Home", 1)):
        lab.press("batch size", key)
        lab.hears(f"batch size {size}, epoch {EPOCHS}: ")
    assert lab.shows()["batch_size"] == 1


def test_values_can_be_typed_and_bad_ones_are_answered_in_words(lab):
    lab.type("batch size", "7")
    lab.hears(f"batch size 7, epoch {EPOCHS}: ")
    lab.press("batch size", "ArrowRight", "ArrowRight")
    lab.hears(f"batch size 9, epoch {EPOCHS}: ")
    lab.type("batch size", str(N + 1))
    expected = f"batch size is {N + 1}; it must be a whole number from 1 to {N}."
    browser.wait_until(lambda: lab.alarm().startswith(expected), lab.alarm)
    assert lab.shows()["batch_size"] == 9
    lab.type("epochs", "37")
    lab.hears("batch size 9, epoch 37: ")
    lab.press("epochs", "Home")
    lab.hears("batch size 9, epoch 0: ")
    lab.press("epochs", "ArrowRight")
    lab.hears("batch size 9, epoch 1: ")


def test_menus_buttons_and_boxes_work_by_keys(lab):
    page, picture = lab.page, lab.picture()
    menu = lab.menu("against")
    menu.focus()
    page.keyboard.press("ArrowDown")
    browser.wait_until(lambda: lab.shows()["against"] == "iterations", lab.shows)
    browser.wait_until(lambda: lab.picture() != picture, "the axis stays")
    page.get_by_role("checkbox", name="logarithmic axis").focus()
    page.keyboard.press("Space")
    browser.wait_until(lambda: lab.shows()["logarithmic"] is False, lab.shows)
    lab.push("best epoch")
    browser.wait_until(lambda: "This is the best epoch." in lab.words(), lab.words)


def test_plain_keys_in_a_control_are_no_shortcuts(lab):
    lab.press("batch size", "a", "b", "d", "d", "x", "ArrowRight")
    lab.hears(f"batch size {B + 1}, epoch {EPOCHS}: ")
    assert lab.page.locator(".cell").count() == len(CELLS)


def test_on_colab_each_movement_is_answered_with_the_finished_run_and_elsewhere_one_sees_it_train(lab, server):
    """Colab shows nothing that comes between two messages."""
    for size in (B + 1, B + 2):
        lab.press("batch size", "ArrowRight")
        lab.hears(f"batch size {size}, epoch {EPOCHS}: ")
    lab.drag("batch size", 0.9, 0.1, 0.7, 0.0, 1.0)
    lab.hears(f"batch size {N}, epoch {EPOCHS}: ")
    lab.wait_for_kernel()
    heard = lab.page.evaluate("heard")
    unfinished = [words for words in heard if f", epoch {EPOCHS}: " not in words]
    assert "frame" in lab.line
    if server.colab:
        assert len(heard) >= 3
        assert (unfinished, lab.frames_while_idle()) == ([], 0)
    else:
        assert unfinished
        assert lab.frames_while_idle()


def test_a_question_is_answered_and_unlocks(server, chromium_open):
    notebook = browser.put_notebook(NOTEBOOK, server.folder, "python3")
    with Reader(chromium_open, server, notebook, height=9000) as reader:
        for cell in itertools.takewhile(lambda _: not reader.words(), itertools.count()):
            reader.run_cell(cell)
        reader.hears(f"batch size {B}, epoch 0: ")
        assert reader.slider("noise").is_disabled()
        assert reader.box("noise").is_disabled()
        answers = reader.page.get_by_role("radio").filter(visible=True)
        answers.first.focus()
        reader.page.keyboard.press("Space")
        reader.page.keyboard.press("ArrowDown")
        assert answers.nth(1).is_checked()
        reader.push("Commit")
        reader.hears(BEGUN)
        picture = reader.picture()
        reader.press("noise", "Home")
        browser.wait_until(lambda: reader.picture() != picture, "it does not move")
        reader.push("I have looked: explain")
        said = reader.page.locator(".batchlab-quiz .said").filter(visible=True).first
        browser.wait_until(lambda: said.get_attribute("data-right") == "false", said.inner_text)
        assert reader.trouble() == []
