"""The site: the course as static pages that are opened as files, with the network off, or from a web server.

Few positions are recorded here, and no number is measured, which takes longest. `make site` does both, and
refuses a page of more than eight megabytes.
"""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from batchlab.course import NOTEBOOKS

from . import browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [name.replace(".ipynb", ".html") for _, name in NOTEBOOKS.values()]
MOVING = ["index.html", *CHAPTERS]
PAGES = [*MOVING, "GLOSSARY.html", "genindex.html", "search.html"]
FREE = {"index.html", CHAPTERS[0]}  # nothing is asked there before the picture moves
# Milliseconds from the opening of a page until its first picture has answered a key.
MOVED = """async () => {
  const until = async (found) => {
    while (!found()) await new Promise((done) => setTimeout(done, 1));
    return found();
  };
  const picture = await until(() => document.querySelector('canvas.picture[data-frame]'));
  const slider = document.querySelector('.batchlab input[type=range]'), before = picture.dataset.shows;
  for (const key of ['Home', 'End']) slider.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  await until(() => picture.dataset.shows !== before);
  return performance.now();
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    folder = tmp_path_factory.mktemp("site")
    paths = [str(browser.packages_of_the_site("sphinx")), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "BATCHLAB_SITE_FEW": "2"}
    command = [sys.executable, ROOT / "site/build.py", folder]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


READY = """() =>
    [...document.querySelectorAll('.batchlab-picture')].every((one) => one.querySelector('canvas[data-frame]')) &&
    [...document.querySelectorAll('.batchlab-question')].every((one) => one.querySelector('button'))"""


@pytest.fixture(scope="module")
def offline(site, chromium_open):
    """`offline(name)` opens a page of the site with the network off; all that fails or is missing counts."""
    complaints = []

    def show(name):
        context = chromium_open.new_context(offline=True, viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto((site / name).as_uri())
        page.wait_for_function(READY)
        return page

    yield show
    assert complaints == []


@pytest.fixture
def served(site):
    """The address of a web server that has the pages."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_every_page_is_there(site):
    assert {path.name for path in site.glob("*.html")} == set(PAGES)


@pytest.mark.parametrize("name", MOVING)
def test_no_page_asks_for_what_only_a_notebook_can(site, name):
    text = (site / name).read_text(encoding="utf-8")
    asked = re.findall(r"Run All|this cell again|the cell again|beside the notebooks|\[!\[open in", text)
    assert not asked


def test_from_a_web_server_the_first_picture_moves_within_a_second_of_opening(served, chromium_open):
    took, asked = [], []
    for _ in range(3):  # the quickest counts: other tests run beside this one
        page = chromium_open.new_context().new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served}/index.html", wait_until="commit")
        took.append(page.evaluate(MOVED))
        page.context.close()
    assert all(address.startswith((served, "data:")) for address in asked)
    assert min(took) < 1000, took


def questions(page):
    return page.locator(".batchlab-question:has(.batchlab-quiz)").all()


def answer(question):
    """Commit an answer, and look; what is said then."""
    field = question.locator("input").first
    if field.get_attribute("type") == "text":
        field.fill(field.get_attribute("placeholder").split()[0])
    else:
        field.check()
    question.get_by_role("button", name="Commit").click()
    explain = question.get_by_role("button", name="I have looked: explain")
    if explain.is_visible():
        explain.click()
    return question.locator(".said").inner_text()


def shown(picture):
    """What a picture shows, and what is said of it."""
    return picture.locator("canvas").get_attribute("data-shows"), picture.locator(".words").inner_text()


@pytest.mark.parametrize("name", MOVING)
def test_questions_answer_and_unlock_pictures_that_move_by_keyboard(offline, name):
    page = offline(name)
    locked = page.locator("fieldset.rows:disabled")
    assert (locked.count() == 0) == (name in FREE)
    for question in questions(page):
        said = answer(question)
        assert said.startswith("You ")
        assert "Right: " in said or "Not so: " in said
    assert locked.count() == 0
    for picture in page.locator(".batchlab-picture").all():
        before, seen = shown(picture), []
        for slider in picture.locator("input[type=range]").all():
            slider.focus()
            for key in ("Home", "End"):
                page.keyboard.press(key)
                seen.append(shown(picture))
        assert any(shows != before[0] and words != before[1] for shows, words in seen), before
    page.context.close()


def test_the_final_quiz_keeps_score(offline):
    page = offline(CHAPTERS[-1])
    final = page.locator(".batchlab-final")
    asked = final.locator(".batchlab-question").all()
    score = final.locator("> [role=status]")
    assert score.inner_text() == f"0 of {len(asked)} right. {len(asked)} still open."
    right = sum("Right: " in answer(question) for question in asked)
    assert score.inner_text().startswith(f"{right} of {len(asked)} right. Worth a second look, by chapter: ")
    page.context.close()


def test_answers_stay_in_the_browser(offline):
    page = offline(CHAPTERS[3])
    locked = page.locator("fieldset.rows:disabled").count()
    questions(page)[0].get_by_role("button", name="Skip").click()
    page.reload()
    page.wait_for_function(READY)
    assert "You skipped this one." in questions(page)[0].locator(".said").inner_text()
    assert page.locator("fieldset.rows:disabled").count() == locked - 1
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(offline, name):
    page = offline(name)
    for width in (420, 320):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)  # pictures are drawn anew for the new width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_barrier_light_and_open_nor_dark_and_answered(offline, name):
    page = offline(name)
    assert browser.barriers(page) == []
    for question in questions(page):
        answer(question)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert browser.barriers(page) == []
    page.context.close()
