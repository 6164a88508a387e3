"""The site: the course as static pages that are opened as files, with the network off.

Few positions are recorded here; `make site` says how large the whole pages are, and refuses more than eight megabytes.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchlab.course import NOTEBOOKS

from . import browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / ".venv/site"
PAGES = [*(name.replace(".ipynb", ".html") for _, name in NOTEBOOKS.values()), "index.html"]
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    if os.environ.get("BATCHLAB_SITE") != "1":
        pytest.skip("it takes minutes; `make sitetest` runs it")
    if not PACKAGES.exists() and importlib.util.find_spec("sphinx") is None:
        reason = "Sphinx is not there; `make test` installs it"
        pytest.fail(reason) if os.environ.get("BATCHLAB_BROWSER") == "required" else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("site")
    paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, ROOT / "site/build.py", folder]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def offline(site, chromium):
    """`offline(name, scheme)` opens a page of the site with the network off; all that fails or is missing counts."""
    with browser.chromium_at(chromium) as opened:
        complaints = []

        def show(name, scheme="light"):
            context = opened.new_context(offline=True, color_scheme=scheme, viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("requestfailed", lambda request: complaints.append(request.url))
            page.goto((site / name).as_uri())
            return page

        yield show
        assert complaints == []


def test_every_page_is_there(site):
    assert all((site / name).exists() for name in PAGES)


def test_the_first_picture_moves_within_a_second_of_opening(offline):
    page = offline("index.html")
    page.wait_for_selector("canvas.picture[data-frame]")
    took = page.evaluate(
        "async () => { const picture = document.querySelector('canvas.picture'), before = picture.dataset.frame;"
        " const slider = document.querySelector('.batchlab input[type=range]');"
        " slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));"
        " while (picture.dataset.frame === before) await new Promise((done) => setTimeout(done, 1));"
        " return picture.dataset.shows !== undefined; }"
    )
    assert took
    page.context.close()


def questions(page):
    return page.locator(".batchlab-question:has(.batchlab-quiz)")


@pytest.mark.parametrize("name", [name for name in PAGES if name[:2] not in ("00", "in")])
def test_a_question_is_answered_and_its_picture_moves_by_keyboard(offline, name):
    page = offline(name)
    page.wait_for_selector("canvas.picture[data-frame]")
    locked = page.locator("fieldset.rows:disabled").count()
    assert locked > 0
    for number in range(questions(page).count()):
        question = questions(page).nth(number)
        if question.locator("input[type=text]").count():
            question.locator("input[type=text]").fill(question.locator("input").get_attribute("placeholder").split()[0])
        else:
            question.locator("input[type=radio]").first.check()
        question.get_by_role("button", name="Commit").click()
        assert "You " in question.locator(".said").inner_text()
        explain = question.get_by_role("button", name="I have looked: explain")
        if explain.is_visible():
            explain.click()
    assert page.locator("fieldset.rows:disabled").count() == 0
    for picture in page.locator(".batchlab-picture").all():
        before = picture.locator("canvas").get_attribute("data-shows"), picture.locator(".words").inner_text()
        moved = False
        for slider in picture.locator("input[type=range]").all():
            slider.focus()
            for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
                page.keyboard.press(key)
                page.wait_for_timeout(60)
                now = picture.locator("canvas").get_attribute("data-shows"), picture.locator(".words").inner_text()
                moved = moved or (now[0] != before[0] and now[1] != before[1])
        assert moved, before
    page.context.close()


def test_answers_stay_in_the_browser(offline):
    page = offline(PAGES[3])
    page.wait_for_selector("canvas.picture[data-frame]")
    locked = page.locator("fieldset.rows:disabled").count()
    questions(page).first.get_by_role("button", name="Skip").click()
    page.reload()
    page.wait_for_selector("canvas.picture[data-frame]")
    assert "You skipped this one." in questions(page).first.locator(".said").inner_text()
    assert page.locator("fieldset.rows:disabled").count() == locked - 1
    page.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_barrier(offline, site, name, scheme):
    (script,) = [
        path for place in [*sys.path, str(PACKAGES)] for path in Path(place).glob("axe_playwright_python/axe.min.js")
    ][:1]
    page = offline(name, scheme)
    if page.locator(".batchlab-picture").count():
        page.wait_for_selector("canvas.picture[data-frame]")
    page.wait_for_timeout(300)
    page.evaluate(script.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run()")["violations"]
    told = [(one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]]) for one in found]
    assert not told
    page.context.close()
