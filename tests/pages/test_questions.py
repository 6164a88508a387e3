"""A question without a kernel says what it says with one; and every question and every lab is open to all readers."""

import json
import re
import sys
from pathlib import Path

import pytest

from batchlab import quiz
from batchlab.course.quiz import questions
from batchlab.course.quiz.closing import Closing
from batchlab.live import export

from ..course import every_lab
from . import browser

pytestmark = pytest.mark.browser
SCRIPT = Path(questions.__file__).with_name("question.js")
THEMES = Path(sys.prefix, "share/jupyter/lab/themes/@jupyterlab")
DRESSES = {
    "exported, light": ("light", None),
    "exported, dark": ("dark", None),
    "JupyterLab, light": ("light", "light"),
    "JupyterLab, dark": ("dark", "dark"),
}
MEASURED = 27.4  # of every question for a number, here

for chapter in range(11):
    questions.import_chapter(f"{chapter:02}")
ASKED = quiz.QUESTIONS


@pytest.fixture(scope="module", autouse=True)
def measured():
    """Every number is known; nothing of it is left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "ASKED", {})
        for question in ASKED.values():
            if isinstance(question, quiz.NumberQuestion):
                patch.setattr(question, "measured", MEASURED)
        yield


@pytest.fixture(scope="module")
def page(chromium_open):
    page = chromium_open.new_page()
    page.set_content("<!doctype html><html lang='en'><title>questions</title><main></main>")
    source = SCRIPT.read_text(encoding="utf-8")
    address = "'data:text/javascript;charset=utf-8,' + encodeURIComponent(source)"
    page.evaluate(f"async (source) => (window.question = await import({address}))", source)
    yield page
    page.close()


def put(page, key, guards=False, earlier=None):
    """A question on the page, as the site shows it; its guess, and its place."""
    guess = quiz.ask(key, unlocks=[lambda: None] if guards else [])
    page.evaluate(
        "([shown, words, guards, earlier]) => { const place = document.createElement('section');"
        " document.querySelector('main').replaceChildren(place); window.unlocked = false;"
        " const unlock = guards ? () => { window.unlocked = true; } : null;"
        " window.question.playQuestion(place, shown, words, { unlock, earlier }); }",
        [guess.shown, json.loads(json.dumps(guess.question.for_a_page())), guards, earlier],
    )
    return guess, page.locator("section")


def answers(question):
    if not isinstance(question, quiz.NumberQuestion):
        return list(question.options)
    edges = [MEASURED * (1 + share * question.within) for share in (-1.01, -0.5, 0, 0.5, 1.01)]
    numbers = [question.low, question.high, *question.whys, *(float(f"{edge:.3g}") for edge in edges)]
    return [number for number in numbers if question.fits(number)]


@pytest.mark.parametrize("key", ASKED)
def test_a_page_without_a_kernel_says_of_every_answer_what_the_kernel_says(page, key):
    for answer in [None, *answers(ASKED[key])]:
        _, place = put(page, key, earlier=[answer])
        quiz.progress_file("off")
        said = ASKED[key].record(answer)
        assert place.locator(".said").text_content() == said.text
        right = {True: "true", False: "false", None: ""}[said.right]
        assert place.locator(".said").get_attribute("data-right") == right


@pytest.mark.parametrize(("key", "choice"), [("03.more_epochs", 0), ("03.batch_size", 90)])
def test_the_explanation_waits_until_the_reader_has_looked_as_with_a_kernel(page, key, choice):
    guess, place = put(page, key, guards=True)
    said = place.locator(".said")

    def push(name):
        place.get_by_role("button", name=name).click()

    push("Commit")
    assert said.text_content() == guess.question.wanted
    assert not page.evaluate("window.unlocked")
    if place.locator("input[type=text]").count():
        place.locator("input").fill(str(choice))
    else:
        place.get_by_label(guess.question.option(choice), exact=True).check()
    push("Commit")
    assert said.text_content() == guess.commit(choice).text
    assert guess.question.look in said.text_content()
    assert page.evaluate("window.unlocked")
    push("I have looked: explain")
    assert said.text_content() == guess.explain().text
    push("Answer again")
    assert place.locator("fieldset input:disabled").count() == 0
    push("Skip")
    assert said.text_content().startswith(guess.question.skipped)


def test_an_answer_that_was_kept_from_another_wording_leaves_the_question_open(page):
    _, place = put(page, "03.more_epochs", earlier=["It was worded so."])
    assert place.get_by_role("button", name="Commit").is_visible()
    assert place.locator(".said").is_hidden()


@pytest.mark.parametrize("key", ["03.more_epochs", "03.batch_size"])
def test_the_keyboard_goes_on_where_it_was_when_a_button_goes_away(page, key):
    put(page, key, guards=True)
    focused = "document.activeElement.textContent || document.activeElement.type"

    def press(*keys):
        for one in keys:
            page.keyboard.press(one)
        return page.evaluate(focused)

    page.locator("input").first.focus()
    choose = ("Space", "Tab", "Enter") if key == "03.more_epochs" else ("5", "Enter")
    assert press(*choose) == "I have looked: explain"
    assert press("Enter") == "Answer again"
    assert press("Enter") in ("radio", "text")
    assert page.evaluate("document.activeElement.value") == page.evaluate("document.querySelector('input').value")


def test_two_views_of_a_question_go_on_counting_where_the_other_stopped(page):
    shown = quiz.ask("03.more_epochs").shown
    page.evaluate(
        "(shown) => { const state = { shown, wishes: {} }; window.state = state;"
        " const model = { get: (name) => state[name], set: (name, value) => (state[name] = value),"
        "   save_changes: () => {}, on: () => {}, off: () => {} };"
        " document.querySelector('main').replaceChildren(...['one', 'two'].map((id) => {"
        "   const el = Object.assign(document.createElement('section'), { id });"
        "   window.question.default.render({ model, el }); return el; })); }",
        shown,
    )
    for count, view in enumerate(("one", "two", "one", "one", "two"), 1):
        page.locator(f"#{view}").get_by_role("button", name="Skip").click()
        assert page.evaluate("window.state.wishes") == {"skip": [True, count]}


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        ("{ shutdown: async () => {} }", "The kernel is shut down, its memory is free."),
        ("{ shutdown: async () => { throw new Error('not here'); } }", "To free the memory of this chapter: Kernel >"),
        ("{}", "To free the memory of this chapter: Kernel >"),
        ("undefined", "To free the memory of this chapter: Kernel >"),
    ],
    ids=["shuts down", "refuses", "cannot", "no kernel"],
)
def test_the_button_that_closes_a_chapter_says_how_where_it_cannot(page, kernel, said):
    source = SCRIPT.with_name("closing.js").read_text(encoding="utf-8")
    cleanup = page.evaluate(
        "async ([source, instead]) => {"
        " const script = await import('data:text/javascript;charset=utf-8,' + encodeURIComponent(source));"
        " const el = document.createElement('section');"
        " document.querySelector('main').replaceChildren(el);"
        f" const model = {{ widget_manager: {{ kernel: {kernel} }}, get: () => instead }};"
        " return script.default.render({ model, el }); }",
        [source, Closing().instead],
    )
    assert cleanup is None
    if "shutdown" in kernel:
        page.get_by_role("button").click()
    page.get_by_text(said).wait_for(timeout=2000)
    assert page.get_by_role("button").count() == 0


# ----------------------------------------------------------------------------------------------------------- barriers


@pytest.fixture(scope="module")
def all_of_them(measured):
    """Every lab, one frame of each, and every question, open and answered, on one page, to be dressed by a style."""
    parts = [re.sub(r"(?m)^export (?=(async )?function)|^export default.*", "", path.read_text(encoding="utf-8"))
             for path in (export.HERE / "live.js", SCRIPT)]  # fmt: skip
    script = "".join(
        f"const {name} = (() => {{ {part}\nreturn {name}; }})();\n"
        for name, part in zip(("playBack", "playQuestion"), parts, strict=True)
    )
    for name, make in every_lab.LABS.items():
        lab = make()
        control = next(iter(export.usual(lab)))
        recording = export.record(lab, {control: [getattr(lab, control)]}, progress=False)
        lab.close()
        script += f"playBack(place({json.dumps(name)}), {json.dumps(recording)});\n"
    for key, question in ASKED.items():
        guess = quiz.ask(key)
        for earlier in (None, [answers(question)[0]]):
            given = json.dumps([guess.shown, question.for_a_page(), {"earlier": earlier}])
            script += f"playQuestion(place({json.dumps(key)}), ...{given});\n"
    place = (
        "const place = (name) => { const made = document.createElement('div');"
        " document.querySelector('main').append(made); return made; };\n"
    )
    style = "".join(path.with_suffix(".css").read_text(encoding="utf-8") for path in (export.HERE / "live.js", SCRIPT))
    return (
        "<!doctype html><html lang='en'><title>all</title><style>:root { color-scheme: light dark; } STYLE</style>"
        f"<style>{style}</style><body DRESS><main><h1>All</h1></main><script>{place}{script}</script>"
    )


def dressed(whole, theme):
    """The page as a browser shows it, or in a theme of JupyterLab."""
    if theme is None:
        return whole.replace("STYLE", "").replace("DRESS", "")
    style = (THEMES / f"theme-{theme}-extension/index.css").read_text(encoding="utf-8")
    ground = "body { background: var(--jp-layout-color0); color: var(--jp-content-font-color1); }"
    dress = f'data-jp-theme-light="{str(theme == "light").lower()}"'
    return whole.replace("STYLE", f"{style} {ground}").replace("DRESS", dress)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "theme"), DRESSES.values(), ids=DRESSES)
def test_axe_finds_no_barrier_in_any_lab_or_question(chromium_open, all_of_them, scheme, theme):
    page = chromium_open.new_page(color_scheme=scheme)
    page.set_content(dressed(all_of_them, theme))
    count = len(every_lab.LABS)
    page.wait_for_function(f"document.querySelectorAll('canvas.picture[data-frame]').length === {count}")
    assert page.locator(".batchlab-quiz").count() == 2 * len(ASKED)
    assert browser.barriers(page) == []
    page.close()
