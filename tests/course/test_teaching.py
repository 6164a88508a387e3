"""How the chapters teach: predict before you know, see instead of reading logs, plain words."""

import collections
import json
import re
from pathlib import Path

import pytest

from batchlab import quiz
from batchlab.course import NOTEBOOKS

from . import frameworks

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [number for number in NOTEBOOKS if number != "00"]
FINAL = "final."
MOST_LINES, LEAST_PICTURES = 150, 26


def cells(chapter):
    path = ROOT / "notebooks" / NOTEBOOKS[chapter][1]
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def printed(cell):
    """The lines that a cell prints, or shows as text alone."""
    for output in cell.get("outputs", ()):
        shown = output.get("data", {})
        if output["output_type"] == "stream":
            yield from "".join(output["text"]).splitlines()
        elif set(shown) == {"text/plain"}:
            yield from "".join(shown["text/plain"]).splitlines()


def pictures(cell):
    """The alternative texts of the pictures that are stored with a cell."""
    for output in cell.get("outputs", ()):
        if "image/png" in output.get("data", {}):
            yield output.get("metadata", {}).get("image/png", {}).get("alt", "")


def seen(cell):
    """All that a reader sees of a cell, but for the questions in it."""
    return "\n".join([source(cell), *printed(cell), *pictures(cell)])


def asked(chapter):
    """The questions of a chapter's notebook: (key, number of the cell)."""
    for number, cell in enumerate(cells(chapter)):
        if cell["cell_type"] == "code":
            yield from ((key, number) for key in re.findall(r'quiz\.ask\("([^"]+)"', source(cell)))


ASKED = [(key, chapter, number) for chapter in NOTEBOOKS for key, number in asked(chapter)]


def right_texts(question):
    """What is right, and why; of a number, only what is asked."""
    if isinstance(question, quiz.NumberQuestion):
        return question.text
    return "\n".join(f"{text}\n{question.options[text]}" for text in question.right)


# ------------------------------------------------------------------------------------------ predict before you know


def test_questions_are_asked_in_every_chapter():
    assert {chapter for _, chapter, _ in ASKED} == set(CHAPTERS)


@pytest.mark.parametrize(("key", "chapter", "number"), ASKED, ids=[key for key, _, _ in ASKED])
def test_nothing_above_a_question_gives_its_answer_away(key, chapter, number):
    question = quiz.ask(key).question
    assert question.spoilers, f"questions.toml names no `spoilers` of {key}: patterns that would give it away"
    above, below = cells(chapter)[: number + 1], cells(chapter)[number:]
    told = right_texts(question) + "\n".join(seen(cell) for cell in below)
    for pattern in question.spoilers:
        assert re.search(pattern, told, re.IGNORECASE), f"{pattern!r} is found nowhere, so it guards nothing"
        for cell in above:
            found = re.search(pattern, seen(cell), re.IGNORECASE)
            assert not found, f"{key} is given away by {found.group()!r} in: {source(cell)[:80]!r}"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_first_question_stands_before_what_was_seen(chapter):
    texts = [source(cell) for cell in cells(chapter)]
    first = min(number for _, number in asked(chapter))
    seen_at = next(number for number, text in enumerate(texts) if re.search(r"(?m)^## What did you see", text))
    assert first < seen_at


@pytest.mark.parametrize("kind", ["the final quiz", "the chapters"])
def test_the_right_option_stands_at_no_favourite_place(kind):
    for chapter in CHAPTERS:
        quiz.questions.import_chapter(chapter)
    places = collections.Counter()
    for key, question in quiz.QUESTIONS.items():
        if key.startswith(FINAL) == (kind == "the final quiz") and not isinstance(question, quiz.NumberQuestion):
            shown = quiz.Prediction(question).shown["options"]
            places.update(shown.index(text) for text in question.right)
    assert places.total() >= 10
    assert max(places.values()) <= 0.5 * places.total(), places


# ------------------------------------------------------------------------------------------- pictures, not logs


def test_the_notebooks_print_little_and_never_true_or_false():
    lines = [(chapter, line) for chapter in NOTEBOOKS for cell in cells(chapter) for line in printed(cell)]
    assert not [line for line in lines if re.search(r"\b(True|False)\W*$", line[1])]
    assert len(lines) <= MOST_LINES, collections.Counter(chapter for chapter, _ in lines)


def test_the_notebooks_show_pictures_and_every_picture_has_words():
    shown = [alt for chapter in NOTEBOOKS for cell in cells(chapter) for alt in pictures(cell)]
    assert len(shown) >= LEAST_PICTURES
    assert all(len(alt) > 40 for alt in shown)


# ------------------------------------------------------------------------------------------- into practice, in words


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_ends_in_your_framework(chapter):
    found = frameworks.boxes(chapter)
    assert set(found) == set(frameworks.FRAMEWORKS)
    assert all(len(text.splitlines()) <= 15 for text in found.values())


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_a_cell_of_code_is_short(chapter):
    for cell in cells(chapter):
        if cell["cell_type"] == "code":
            assert len(source(cell).splitlines()) <= 14, source(cell)


STILTED = r"\b(whoever|foretells?|is no matter of|easily got wrong|comes? to rest|all the same|no statement at all)\b"


def test_the_language_is_plain():
    texts = {str(path): path.read_text(encoding="utf-8") for path in (ROOT / "lib/batchlab/course").rglob("*.toml")}
    for chapter in NOTEBOOKS:
        texts[chapter] = "\n".join(source(cell) for cell in cells(chapter) if cell["cell_type"] == "markdown")
    found = {(name, word) for name, text in texts.items() for word in re.findall(STILTED, text, re.IGNORECASE)}
    assert not found
