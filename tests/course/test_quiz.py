"""The questions keep their secrets, their answers survive, and a check knows each typical mistake."""

import contextlib
import html
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from batchlab import quiz
from batchlab.course import NOTEBOOKS
from batchlab.course import ch03_overfit as ch03

ROOT = Path(__file__).resolve().parents[2]

QUESTION = "What happens to the validation loss?"
OPTIONS = {
    "It falls.": "Only the training loss does.",
    "It falls & rises.": "Overfitting.",
    "Nothing.": "It is learned too.",
}


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    """The path of a progress file that does not exist yet; what a test answers goes there."""
    monkeypatch.setattr(quiz.progress, "_progress", None)
    monkeypatch.setattr(quiz.questions, "ASKED", {})
    monkeypatch.setenv("BATCHLAB_STRICT", "1")
    path = tmp_path / ".batchlab-progress.json"
    monkeypatch.setenv("BATCHLAB_PROGRESS", str(path))
    return path


@pytest.fixture
def restart(monkeypatch):
    """A function that forgets what the process knew, as a restarted kernel does."""
    return lambda: monkeypatch.setattr(quiz.progress, "_progress", None)


class Lab:
    locked = True


def ask(key="03.more_epochs", answer=1, **more):
    return quiz.Prediction(quiz.Question(key, QUESTION, OPTIONS, answer=answer), **more)


class Reader:
    """What the page does with a prediction: a wish for each button."""

    def __init__(self, guess):
        self.guess, self.count = guess, 0

    def press(self, kind, value=True):
        self.count += 1
        self.guess.wishes = {**self.guess.wishes, kind: [value, self.count]}


def page(guess):
    """Everything that a browser is told about a prediction, but for its script."""
    state = {name: value for name, value in guess.get_state().items() if name not in ("_esm", "_css")}
    return json.dumps(state, default=str)


def status(guess):
    return guess.shown["said"]


# ---- predictions ---------------------------------------------------------------------------------------------------


def test_right_and_wrong_answers_get_their_own_explanation():
    wrong, right = ask("03.a").commit(0), ask("03.b").commit(1)
    assert repr(wrong) == "You predicted: It falls.\nNot so: Only the training loss does."
    assert not wrong
    assert repr(right) == "You predicted: It falls & rises.\nRight: Overfitting."
    assert right
    assert "Not so: It is learned too." in repr(ask("03.c").commit(2))


def test_several_options_can_be_right():
    assert ask("03.a", answer=(0, 1)).commit(0)
    assert not ask("03.b", answer=(0, 1)).commit(2)


@pytest.mark.parametrize("answer", [3, -1, (), (0, 3)])
def test_an_answer_that_is_no_option_is_refused(answer):
    with pytest.raises(ValueError, match=r"03.more_epochs.*0 to 2"):
        ask(answer=answer)


@pytest.mark.parametrize("answer", [0, 1, 2])
def test_nothing_gives_the_answer_away_before_it_is_committed(answer):
    guess = ask(answer=answer)
    sent = page(guess)
    assert not any(why in sent for why in OPTIONS.values())
    assert sent == sent.replace("Right", "").replace("Not so", "")
    assert guess.shown["answer"] is None
    bundle, _ = guess._repr_mimebundle_()
    assert sorted(guess.shown["options"]) == sorted(OPTIONS)
    listed = "".join(f"<li>{html.escape(text)}</li>" for text in guess.shown["options"])
    assert bundle["text/plain"] == f"Prediction “{QUESTION}”: 3 options"
    assert bundle["text/html"] == f"<p><b>Your prediction:</b> {QUESTION}</p><ul>{listed}</ul>"
    guess.commit(0)
    after, _ = guess._repr_mimebundle_()
    assert {kind: after[kind] for kind in ("text/plain", "text/html")} == {
        kind: bundle[kind] for kind in ("text/plain", "text/html")
    }


def test_options_stand_in_an_order_of_their_own_for_each_question():
    orders = {key: tuple(ask(key).shown["options"]) for key in ("03.a", "03.b", "03.c", "03.d", "03.e", "03.f")}
    assert len(set(orders.values())) > 1
    assert all(tuple(ask(key).shown["options"]) == order for key, order in orders.items())


def test_widget_view_stays_in_the_bundle():
    guess = ask()
    bundle, _ = guess._repr_mimebundle_(include=None, exclude=None)
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == guess.model_id


def test_the_buttons_commit_freeze_and_open_again():
    guess, lab = ask(), Lab()
    guess.unlock(lab)
    reader = Reader(guess)
    reader.press("commit", None)
    assert "Choose one of the answers first" in status(guess)
    assert lab.locked
    assert not guess.shown["frozen"]

    reader.press("commit", "It falls.")
    assert status(guess) == "You predicted: It falls.\nNow look: the picture is unlocked."
    assert guess.shown["right"] is None
    assert guess.shown["frozen"]
    assert guess.shown["unexplained"]
    assert not any(why in page(guess) for why in OPTIONS.values())
    assert not lab.locked

    reader.press("explain")
    assert status(guess) == "You predicted: It falls.\nNot so: Only the training loss does."
    assert guess.shown["right"] is False
    assert not guess.shown["unexplained"]

    reader.press("again")
    assert not guess.shown["frozen"]
    assert "Not so" not in status(guess)
    reader.press("commit", "It falls & rises.")
    assert "Right: Overfitting.\nYour first answer was: It falls." in status(guess)
    given = quiz.load().read()["predictions"]["03.more_epochs"]
    assert given == [{"answer": "It falls.", "right": False}, {"answer": "It falls & rises.", "right": True}]


def test_after_a_restart_the_explanation_stands_at_once(restart):
    ask(unlocks=Lab()).commit(0)
    restart()
    guess = ask(unlocks=Lab())
    assert "Not so: Only the training loss does." in status(guess)
    assert not guess.shown["unexplained"]


def test_a_skipped_question_has_nothing_to_explain():
    guess = ask(unlocks=Lab())
    guess.skip()
    assert "Now look" in status(guess)
    assert not guess.shown["unexplained"]


def test_wishes_that_arrive_together_count_in_their_order():
    guess = ask()
    guess.wishes = {"again": [True, 2], "commit": ["It falls.", 1]}
    assert not guess.shown["frozen"]
    assert len(quiz.load().read()["predictions"]["03.more_epochs"]) == 1


def test_the_same_answer_again_is_one_answer():
    guess = ask()
    guess.commit(0)
    guess.commit(0)
    assert len(quiz.load().read()["predictions"]["03.more_epochs"]) == 1


def test_skipping_is_one_click_shown_as_skipped_and_unlocks():
    guess, lab = ask(), Lab()
    guess.unlock(lab)
    Reader(guess).press("skip")
    assert "You skipped this one." in status(guess)
    assert not any(why in page(guess) for why in OPTIONS.values())
    assert not lab.locked
    assert "At first you skipped." in repr(guess.commit(1))


def test_unlocking_does_not_depend_on_the_order():
    opened, early, late, listed = [], Lab(), Lab(), [Lab(), Lab()]
    guess = ask(unlocks=early)
    guess.unlock(lambda: opened.append("function"), *listed)
    assert early.locked
    assert opened == []
    guess.commit(2)
    guess.unlock(late)
    again = Lab()
    ask(unlocks=[again])
    assert not any(lab.locked for lab in (early, late, again, *listed))
    assert opened == ["function"]


def test_what_cannot_be_unlocked_is_refused():
    with pytest.raises(TypeError, match="A str cannot be unlocked"):
        ask(unlocks="lab")


@pytest.mark.parametrize("choice", [3, -1, None])
def test_a_choice_that_does_not_exist_is_refused_and_not_recorded(choice):
    guess = ask()
    with pytest.raises(ValueError, match="choose from 0 to 2"):
        guess.commit(choice)
    assert quiz.load().read()["predictions"] == {}


def test_a_failing_callback_is_said_in_the_widget_and_fails_a_strict_test(monkeypatch):
    def fail():
        raise OSError("no such device")

    guess = ask(unlocks=fail)
    reader = Reader(guess)
    with pytest.raises(OSError, match="no such device"):
        reader.press("commit", "It falls & rises.")
    assert "You predicted: It falls & rises." in status(guess)
    assert "OSError: no such device" in status(guess)
    monkeypatch.delenv("BATCHLAB_STRICT")
    reader.press("commit", "It falls & rises.")
    with pytest.raises(OSError, match="no such device"):
        guess.commit(1)


# ---- numbers -------------------------------------------------------------------------------------------------------


def number(**more):
    return quiz.Prediction(quiz.NumberQuestion("03.best", "Which epoch is best?", 1, 500, unit="epochs"), **more)


@pytest.mark.parametrize(
    ("guessed", "measured", "verdict"),
    [
        (105, 84, "Right: the measurement gives 84 epochs, yours is 21 too high"),
        (106, 84, "Not so: the measurement gives 84 epochs, yours is 22 too high"),
        (63, 84, "Right: the measurement gives 84 epochs, yours is 21 too low"),
        (62, 84, "Not so: the measurement gives 84 epochs, yours is 22 too low"),
        (84, 84, "Right: the measurement gives 84 epochs, as you said"),
        (1, 0, "Not so: the measurement gives 0 epochs, yours is 1 too high"),
    ],
)
def test_a_number_is_compared_with_the_measured_one(guessed, measured, verdict):
    guess = number()
    guess.commit(guessed)
    words = guess.reveal(measured)
    assert verdict in repr(words)
    assert bool(words) == verdict.startswith("Right")
    assert quiz.load().read()["predictions"]["03.best"][-1]["right"] == bool(words)


def test_a_number_that_guards_a_picture_is_explained_after_the_look_even_if_all_cells_were_run():
    guess = number(unlocks=lambda: None)
    guess.reveal(84)
    guess.commit(90)
    assert "Now look" in status(guess)
    assert guess.shown["unexplained"]
    guess.explain()
    assert "the measurement gives 84 epochs" in status(guess)


def test_a_number_is_not_revealed_before_it_is_predicted():
    guess = number()
    words = guess.reveal(123.75)
    assert "123." not in repr(words) + page(guess)
    Reader(guess).press("skip")
    assert "Now the measurement gives 123.8 epochs" in status(guess)


@pytest.mark.parametrize("typed", ["", "many", "0", "501", "nan", "inf"])
def test_what_is_not_a_number_in_the_range_is_said_and_not_recorded(typed):
    guess = number()
    Reader(guess).press("commit", typed)
    assert "Type a number from 1 to 500 first" in status(guess)
    assert quiz.load().read()["predictions"] == {}


def test_a_typed_number_is_restored_and_array_scalars_are_taken(restart):
    np = pytest.importorskip("numpy")
    guess = number()
    Reader(guess).press("commit", " 90 ")
    assert guess.reveal(np.float32(84))
    restart()
    again = number()
    assert again.shown["answer"] == 90
    assert "You predicted: 90 epochs" in status(again)
    again.commit(np.int64(400))
    assert "Your first answer was: 90 epochs" in repr(again.reveal(np.int32(84)))
    with pytest.raises(ValueError, match="501 is out of range"):
        again.commit(501)


def test_a_first_number_that_was_right_is_judged_too_and_what_is_no_number_stays(progress):
    entries = [{"answer": 90, "right": None}, {"answer": "It falls.", "right": False}]
    record = {"predictions": {"03.best": entries}, "exercises": {}, "chapters": {}}
    progress.write_text(json.dumps(record))  # of a version in which the question had options
    guess = number()
    assert "84 epochs, yours is 6 too high" in repr(guess.reveal(84))
    guess.commit(400)
    kept = [(entry["answer"], entry["right"]) for entry in quiz.load().read()["predictions"]["03.best"]]
    assert kept == [(90, True), ("It falls.", False), (400, False)]
    assert "right 0, right at once 1" in repr(quiz.summary())


def test_a_number_shows_its_range_without_a_kernel():
    bundle, _ = number()._repr_mimebundle_()
    assert bundle["text/plain"] == "Prediction “Which epoch is best?”: a number from 1 to 500"
    assert "a number from 1 to 500 epochs" in bundle["text/html"]


# ---- progress ------------------------------------------------------------------------------------------------------


def test_answers_survive_a_restart(progress, restart):
    ask("03.a").commit(0)
    ask("03.b").skip()
    restart()
    lab, other, never = Lab(), Lab(), Lab()
    guess = ask("03.a", unlocks=lab)
    assert "You predicted: It falls.\nNot so" in status(guess)
    assert guess.shown["answer"] == "It falls."
    assert guess.shown["frozen"]
    assert "You skipped this one." in status(ask("03.b", unlocks=other))
    ask("03.c", unlocks=never)
    assert not lab.locked
    assert not other.locked
    assert never.locked
    assert json.loads(progress.read_text())["predictions"]["03.b"] == [{"answer": None, "right": None}]
    assert [path.name for path in progress.parent.iterdir()] == [progress.name]


def test_an_answer_to_another_wording_does_not_count(restart):
    ask().commit(0)
    restart()
    guess = quiz.Prediction(quiz.Question("03.more_epochs", QUESTION, {"Up.": "No.", "Down.": "Yes."}, answer=1))
    assert not guess.shown["frozen"]


def test_nothing_is_written_before_something_is_answered(progress):
    ask(), number(), quiz.summary()
    assert not progress.exists()


def test_two_kernels_keep_each_others_answers(progress):
    one, two = quiz.Progress(progress), quiz.Progress(progress)
    for kernel, chapter in ((one, "01"), (two, "02"), (one, "03")):
        with kernel.change() as record:
            record["chapters"][chapter] = True
    assert set(json.loads(progress.read_text())["chapters"]) == {"01", "02", "03"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"predictions": {}}', '{"predictions": {"03.a": []}, "exercises": {}, "chapters": {}}', "\udcff"],
    ids=["empty", "cut off", "list", "a part missing", "no answer", "not UTF-8"],
)
def test_a_corrupt_file_is_set_aside_and_said_in_words(progress, text):
    content = text.encode("utf-8", "surrogateescape")
    backups = [progress.with_name(progress.name + end) for end in (".bak", ".1.bak")]
    for expected in backups:
        progress.write_bytes(content)
        guess = ask()
        assert f"could not be understood. The old one is kept as {expected.name};" in status(guess)
        assert expected.read_bytes() == content
    assert "could not be" not in repr(guess.commit(1))
    assert "03.more_epochs" in json.loads(progress.read_text())["predictions"]


def refuse(*_args, **_kwargs):
    raise PermissionError(13, "Permission denied")


def test_a_file_that_is_locked_for_a_moment_is_written_all_the_same(progress, monkeypatch):
    """On Windows a virus scanner, or another kernel that reads it, locks the file for some milliseconds."""
    replace, refusals = os.replace, iter([1, 2, 3])
    monkeypatch.setattr(os, "replace", lambda *paths: refuse() if next(refusals, None) else replace(*paths))
    assert "this kernel" not in repr(ask().commit(1))
    assert next(refusals, None) is None
    assert "03.more_epochs" in json.loads(progress.read_text())["predictions"]


@pytest.mark.parametrize("what", ["replace", "folder"])
def test_a_read_only_folder_works_in_memory_and_is_said_once(progress, monkeypatch, what):
    if what == "replace":
        monkeypatch.setattr(os, "replace", refuse)
    else:
        monkeypatch.setenv("BATCHLAB_PROGRESS", str(progress.parent / "missing" / "p.json"))
    first, second = ask("03.a").commit(1), ask("03.b").commit(1)
    assert "Answers last only as long as this kernel" in repr(first)
    assert "this kernel" not in repr(second)
    assert set(quiz.load().read()["predictions"]) == {"03.a", "03.b"}
    assert "Right: Overfitting." in status(ask("03.a"))
    assert not progress.exists()


def test_a_file_that_may_not_be_read_or_renamed_stays_untouched(progress, monkeypatch):
    progress.write_text("{")
    monkeypatch.setattr(os, "replace", refuse)
    assert "Answers last only as long as this kernel" in status(ask())
    assert ask().commit(1)
    assert progress.read_text() == "{"


def test_progress_can_be_switched_off(progress, monkeypatch):
    monkeypatch.setenv("BATCHLAB_PROGRESS", "off")
    monkeypatch.chdir(progress.parent)
    guess = ask()
    guess.commit(1)
    assert "Right" in status(ask())
    quiz.reset()
    assert "Right" not in status(ask())
    assert list(progress.parent.iterdir()) == []


def test_the_file_lies_beside_the_notebook_by_default(progress, monkeypatch):
    monkeypatch.delenv("BATCHLAB_PROGRESS")
    monkeypatch.chdir(progress.parent)
    ask().commit(1)
    assert progress.exists()


def test_reset_keeps_the_old_file(progress):
    ask().commit(1)
    before = progress.read_text()
    words = quiz.reset()
    backup = progress.with_name(progress.name + ".bak")
    assert backup.name in repr(words)
    assert backup.read_text() == before
    assert not progress.exists()
    assert not ask().shown["frozen"]


def test_summary_counts_by_chapter():
    ask("03.a").commit(0)
    ask("03.a").commit(1)
    ask("03.b").commit(1)
    ask("03.c").skip()
    ask("04.a").commit(2)
    quiz.exercise("03.early_stopping").check(ch03.early_stopping)
    words = quiz.summary()
    lines = repr(words).splitlines()
    assert len(lines) == 12
    assert lines[0] == (
        "00 Start here: predicted 0, right 0, right at once 0, skipped 0, exercises right 0, finished no"
    )
    assert lines[3].endswith(": predicted 2, right 2, right at once 1, skipped 1, exercises right 1, finished no")
    assert lines[4].endswith(": predicted 1, right 0, right at once 0, skipped 0, exercises right 0, finished no")
    linked = '<td><a href="03_stop_at_the_right_epoch.ipynb">03 Stop at the right epoch</a></td>'
    assert f"{linked}<td>2</td><td>2</td><td>1</td><td>1</td><td>1</td><td>no</td>" in words._repr_html_()


@pytest.mark.parametrize("chapter", [*NOTEBOOKS, "final"])
def test_a_chapter_ends_with_a_link_to_the_next(chapter):
    numbers = list(NOTEBOOKS)
    following = numbers[numbers.index(chapter) + 1 :][:1] if chapter in NOTEBOOKS else []
    words = quiz.chapter_done(chapter)
    linked = re.findall(r'<a href="([^"]*)">', words._repr_html_())
    assert linked == [NOTEBOOKS[number][1] for number in following]
    assert all((ROOT / "notebooks" / name).exists() for name in linked)


def test_a_chapter_is_finished_only_when_nothing_is_open(restart, monkeypatch):
    monkeypatch.setattr(
        quiz.exercises,
        "EXERCISES",
        {"03.early_stopping": quiz.exercise("03.early_stopping"), "04.x": quiz.exercise("04.two_batch")},
    )
    guess, other = ask("03.a"), ask("04.a")
    done = quiz.chapter_done("03")
    assert f"the prediction “{QUESTION}”, the exercise “Early stopping”" in repr(done)
    assert repr(done).count(QUESTION) == 1
    assert not done
    guess.skip()
    quiz.exercise("03.early_stopping").check(lambda val_loss, patience: (0, 0))
    assert "Still open in chapter 03: the exercise “Early stopping”." in repr(quiz.chapter_done("03"))
    quiz.exercise("03.early_stopping").check(ch03.early_stopping)
    assert quiz.chapter_done("03")
    restart()
    assert quiz.load().read()["chapters"] == {"03": True}
    assert "finished yes" in repr(quiz.summary())
    other.close()


def test_what_is_wrong_with_the_file_is_said_at_the_end_of_a_chapter_that_is_still_open(progress):
    progress.write_text("{")
    words = quiz.chapter_done("03")
    assert repr(words).startswith("Still open in chapter 03: the exercise")
    assert f"The progress file could not be understood. The old one is kept as {progress.name}.bak" in repr(words)


# ---- exercises -----------------------------------------------------------------------------------------------------


def entry():
    return quiz.load().read()["exercises"]["03.early_stopping"]


def check(answer):
    return quiz.exercise("03.early_stopping").check(answer)


def test_the_solution_that_is_shown_passes():
    namespace = {}
    exec(quiz.exercise("03.early_stopping").code, namespace)
    words = check(namespace["early_stopping"])
    assert words
    assert repr(words) == "Right: Early stopping."
    assert entry() == {"done": True, "tries": 1}


def test_a_solution_written_with_numpy_passes():
    np = pytest.importorskip("numpy")

    def early_stopping(val_loss, patience):
        val_loss = np.where(np.isnan(val_loss), np.inf, np.asarray(val_loss))
        for epoch in range(len(val_loss)):
            best = np.argmin(val_loss[: epoch + 1])
            if epoch - best >= patience:
                return np.array([best, epoch])
        return best, np.int64(epoch)

    assert check(early_stopping)


def walk(val_loss, patience, *, better=lambda loss, best: loss < best, wait=lambda patience: patience, since="best"):
    """Early stopping with one part replaced: what is better, how long to wait, and since when the wait counts."""
    best_epoch, best_loss, waited, last = 0, math.inf, 0, math.inf
    for epoch, loss in enumerate(val_loss):
        improved = loss < last if since == "last" else better(loss, best_loss)
        waited = waited + (not improved) if since == "start" or not improved else 0
        if better(loss, best_loss):
            best_epoch, best_loss = epoch, loss
        elif waited >= wait(patience):
            return best_epoch, epoch
        last = loss
    return best_epoch, len(val_loss) - 1


def argmin(val_loss):
    return min(range(len(val_loss)), key=lambda epoch: math.inf if math.isnan(val_loss[epoch]) else val_loss[epoch])


MISTAKES = {
    "the lowest of all, to the end": (
        lambda losses, patience: (argmin(losses), len(losses) - 1),
        "it goes on to the end; wait `patience` epochs",
    ),
    "the lowest of all, then patience": (
        lambda losses, patience: (argmin(losses), min(argmin(losses) + patience, len(losses) - 1)),
        "what follows epoch 4 is unknown",
    ),
    "one epoch early": (lambda losses, p: walk(losses, p, wait=lambda p: p - 1), "one epoch too early"),
    "one epoch late": (lambda losses, p: walk(losses, p, wait=lambda p: p + 1), "one epoch too late"),
    "a tie is better": (lambda losses, p: walk(losses, p, better=lambda a, b: a <= b), "a tie is not better"),
    "NaN is better": (lambda losses, p: walk(losses, p, better=lambda a, b: not a >= b), "NaN (diverged training)"),
    "waits since the last fall": (lambda losses, p: walk(losses, p, since="last"), "better than the epoch before"),
    "never waits anew": (lambda losses, p: walk(losses, p, since="start"), "from there the wait starts anew"),
    "stops at the first rise": (lambda losses, p: walk(losses, p, wait=lambda p: 1), "Look: wait `patience` epochs"),
    "swapped": (lambda losses, p: walk(losses, p)[::-1], "the two are swapped"),
    "one number": (lambda losses, p: walk(losses, p)[0], "Return two numbers"),
    "the loss": (lambda losses, p: (losses[walk(losses, p)[0]], walk(losses, p)[1]), "not losses"),
    "no last epoch": (lambda losses, p: (0, 0) if len(losses) == 1 else None, "nothing is filled in"),
    "always patience 3": (lambda losses, p: walk(losses, 3), "with patience 1"),
    "beyond the end": (
        lambda losses, p: walk(losses, p) if p > 2 or losses[1] < 3 else (3, 4),
        "nothing stops it early",
    ),
}


def test_the_mistakes_are_made_in_a_right_program():
    assert check(walk)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_typical_mistake_fails_with_its_own_words(mistake):
    answer, told = MISTAKES[mistake]
    words = check(answer)
    assert not words
    assert not entry()["done"]
    assert repr(words).startswith("Not yet: ")
    assert told in repr(words)
    others = {repr(check(other)) for name, (other, _) in MISTAKES.items() if name != mistake}
    assert repr(words) not in others


BLANKS = {
    "None": None,
    "Ellipsis": ...,
    "NotImplemented": NotImplemented,
    "returns None": lambda val_loss, patience: None,
    "returns a pair": lambda val_loss, patience: (..., ...),
}


@pytest.mark.parametrize("blank", BLANKS.values(), ids=BLANKS)
def test_what_is_not_filled_in_is_no_error_and_no_try(blank):
    words = check(blank)
    assert repr(words).startswith("Not yet: nothing is filled in.")
    assert not words
    assert entry() == {"done": False, "tries": 0}


def test_a_template_that_raises_is_not_filled_in():
    def early_stopping(val_loss, patience):
        raise NotImplementedError

    assert repr(check(early_stopping)) == "Not yet: it is not implemented."
    assert entry()["tries"] == 0


def test_an_exception_of_the_readers_code_is_said_with_its_line():
    def early_stopping(val_loss, patience):
        return val_loss[99], patience

    words = check(early_stopping)
    line = early_stopping.__code__.co_firstlineno + 1
    assert repr(words) == (
        f"Not yet: your code stopped in line {line}, `return val_loss[99], patience`, "
        "with IndexError: list index out of range"
    )
    assert "TypeError" in repr(check(lambda val_loss: 3))
    assert repr(check(lambda val_loss, patience: next(iter(())))).endswith(", with StopIteration")
    assert repr(check(3)) == "Not yet: the check stopped at 3 with TypeError: 'int' object is not callable"
    assert entry() == {"done": False, "tries": 4}


def test_the_line_is_the_readers_own_even_where_a_library_raised():
    def early_stopping(val_loss, patience):
        return json.loads("{")

    assert '`return json.loads("{")`, with JSONDecodeError' in repr(check(early_stopping))


def loops(val_loss, patience):
    while True:
        with contextlib.suppress(Exception):
            patience += 1


needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no timer: Kernel > Interrupt"
)


@needs_timer
def test_an_endless_loop_is_ended_and_said_with_its_line(monkeypatch):
    monkeypatch.setattr(quiz.Exercise, "limit", 0.2)
    before = signal.getsignal(signal.SIGPROF)
    words = check(loops)
    said = re.fullmatch(
        r"Not yet: your code was ended in line (\d+), `.+`, after 0.2 seconds of computing: does its loop end\?",
        repr(words),
    )
    assert 1 <= int(said[1]) - loops.__code__.co_firstlineno <= 5
    assert entry() == {"done": False, "tries": 1}
    assert signal.getsignal(signal.SIGPROF) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert check(ch03.early_stopping)


def test_a_title_that_asks_keeps_its_question_mark_alone(monkeypatch):
    monkeypatch.setitem(quiz.questions.EXERCISE_TEXTS, "03.x", {"title": "Which is it?"})
    assert repr(quiz.Exercise("03.x", lambda value: None).check(3)) == "Right: Which is it?"


@needs_timer
def test_a_value_and_another_thread_have_no_time_limit(monkeypatch):
    monkeypatch.setattr(signal, "setitimer", lambda *_: pytest.fail("a timer was set"))
    monkeypatch.setitem(quiz.questions.EXERCISE_TEXTS, "03.x", {"title": "X"})
    assert repr(quiz.Exercise("03.x", lambda value: None).check(3)) == "Right: X."
    said = []
    thread = threading.Thread(target=lambda: said.append(check(ch03.early_stopping)))
    thread.start()
    thread.join()
    assert said[0]


@needs_timer
@pytest.mark.slow
def test_an_endless_loop_is_ended_in_a_kernel_which_goes_on():
    loop = "def early_stopping(val_loss, patience):\n    while True:\n        patience += 1\n"
    cells = [f"from batchlab import quiz\n{loop}", "quiz.exercise('03.early_stopping').check(early_stopping)", "1 + 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    first, second = (cell.outputs[0].data["text/plain"] for cell in notebook.cells[1:])
    assert re.match(r"Not yet: your code was ended in line [34], `.*`, after 10 seconds of computing", first)
    assert second == "2"


def test_an_answer_that_changes_the_losses_does_not_spoil_the_check():
    def early_stopping(val_loss, patience):
        val_loss.sort()
        return 0, 0

    check(early_stopping)
    assert check(ch03.early_stopping)


def test_done_stays_done_and_tries_are_counted_until_then(restart):
    check(lambda val_loss, patience: (0, 0))
    check(ch03.early_stopping)
    restart()
    assert not check(lambda val_loss, patience: (0, 0))
    assert entry() == {"done": True, "tries": 2}


def test_hints_come_one_by_one_and_the_solution_is_folded(monkeypatch):
    texts = {"title": "A & B", "hints": ("Round up.", "Use -(-n // b).")}
    monkeypatch.setitem(quiz.questions.EXERCISE_TEXTS, "01.x", texts)
    task = quiz.Exercise("01.x", print, "a < b\n")
    said = [repr(task.hint()) for _ in range(3)]
    assert said[:2] == ["Hint 1 of 2: Round up.", "Hint 2 of 2: Use -(-n // b)."]
    assert "no further hint" in said[2]
    assert repr(task.solution()) == "a < b"
    folded = task.solution()._repr_html_()
    assert folded.startswith("<details><summary>")
    assert "a &lt; b" in folded
    assert "open" not in folded


def test_exercises_are_registered_and_an_unknown_one_is_said(monkeypatch):
    monkeypatch.setitem(quiz.questions.EXERCISE_TEXTS, "99.double", {"title": "Double"})

    @quiz.register("99.double", solution="2 * x")
    def check_double(answer):
        if answer != 4:
            raise quiz.Wrong(f"twice 2 is 4, not {answer}.")

    try:
        assert repr(quiz.exercise("99.double").check(5)) == "Not yet: twice 2 is 4, not 5."
        assert quiz.exercise("99.double").check(4)
        with pytest.raises(quiz.Wrong):
            check_double(5)
    finally:
        del quiz.EXERCISES["99.double"]
    with pytest.raises(KeyError, match=r"99.double.*03.early_stopping"):
        quiz.exercise("99.double")


# ---- records without a widget ----------------------------------------------------------------------------------------


def test_a_question_keeps_judges_and_explains_an_answer_without_a_widget():
    asked = quiz.Question("03.a", QUESTION, OPTIONS, answer=1)
    assert (asked.standing(), asked.words().text, asked.answers()) == ("open", "", [])
    assert repr(asked.record("It falls.")) == "You predicted: It falls.\nNot so: Only the training loss does."
    assert asked.standing() == "wrong"
    assert asked.record(asked.option(1)).right
    assert asked.standing() == "right"
    assert repr(asked.record(None)) == "You skipped this one.\nYour first answer was: It falls."
    assert asked.standing() == "skipped"
    assert asked.answers() == ["It falls.", "It falls & rises.", None]


def test_a_number_can_have_its_own_explanation():
    asked = quiz.NumberQuestion("03.count", "How many?", 1, 500, within=0, whys={24: "Count the last batch, too."})
    asked.record(24)
    assert "too low. Count the last batch, too." in asked.reveal(27).text
    asked.record(27)
    assert asked.reveal(27).text.splitlines()[1] == "Right: the measurement gives 27, as you said."


def test_a_number_question_waits_for_its_measurement():
    asked = quiz.NumberQuestion("03.best", "Which epoch is best?", 1, 500, unit="epochs")
    asked.record(90)
    assert asked.standing() == "given"
    assert asked.reveal(84).right
    assert asked.standing() == "right"


def test_a_progress_file_of_an_earlier_version_is_still_read(progress):
    chosen = next(iter(quiz.QUESTIONS["03.more_epochs"].right))
    given = [{"answer": None, "right": None}, {"answer": chosen, "right": True}]
    coded = {"03.early_stopping": {"done": True, "tries": 2}}
    record = {"predictions": {"03.more_epochs": given}, "exercises": coded, "chapters": {"02": True}}
    progress.write_text(json.dumps(record, indent=1))
    assert "At first you skipped." in status(quiz.ask("03.more_epochs"))
    assert quiz.ask("03.more_epochs").state == "right"
    assert "exercises right 1" in repr(quiz.summary())
    assert json.loads(progress.read_text()) == record


# ---- text files ------------------------------------------------------------------------------------------------------

TEXTS = """
[questions."98.up"]
title = "Up"
question = \"\"\"
Which way is
up?\"\"\"
[[questions."98.up".options]]
text = "This way."
right = true
why = "So it is."
[[questions."98.up".options]]
text = "That way."
why = "That is down."
[questions."98.many"]
kind = "number"
question = "How many?"
low = 1
high = 9
unit = "ways"
[exercises."98.double"]
title = "Double"
hints = ["Twice."]
solution = \"\"\"
def double(x):
    return 2 * x
\"\"\"
[exercises."98.double".advice]
half = "{x} became {y:.1f}. Multiply."
same = "Nothing has changed."
"""
CHINESE = """
[questions."98.up"]
question = "哪边是上？"
[[questions."98.up".options]]
text = "这边。"
right = true
why = "正是。"
[[questions."98.up".options]]
text = "那边。"
why = "那是下。"
[exercises."98.double"]
title = "加倍"
hints = ["两倍。"]
[exercises."98.double".advice]
same = "没有变化。"
"""


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """A function that writes such files beside each other and has them read."""
    for name in ("QUESTIONS", "EXERCISE_TEXTS"):
        monkeypatch.setattr(quiz.questions, name, {})
    monkeypatch.setattr(quiz.questions, "_sources", set())
    monkeypatch.setattr(quiz.questions, "_language", "en")

    def write(english=TEXTS, **others):
        (tmp_path / "questions.toml").write_text(english, encoding="utf-8")
        for code, text in others.items():
            (tmp_path / f"questions.{code}.toml").write_text(text, encoding="utf-8")
        quiz.read(tmp_path / "exercise.py")

    return write


def test_a_text_file_holds_questions_and_the_texts_of_exercises(texts):
    texts()
    guess = quiz.ask("98.up")
    assert (guess.question.text, guess.question.name) == ("Which way is up?", "Up")
    assert "Not so: That is down." in repr(guess.commit(1))
    assert "You predicted: 5 ways" in repr(quiz.ask("98.many").commit(5))
    task = quiz.Exercise("98.double", print)
    assert (task.title, task.hints) == ("Double", ("Twice.",))
    assert task.code == "def double(x):\n    return 2 * x"
    assert str(quiz.wrong("98.double", "half", x=3, y=1.5)) == "3 became 1.5. Multiply."


def test_another_language_is_a_second_file_and_english_fills_its_gaps(texts):
    texts(zh=CHINESE)
    task = quiz.Exercise("98.double", print)
    assert quiz.language() == "en"
    assert quiz.language("zh") == "zh"
    assert quiz.ask("98.up").question.text == "哪边是上？"
    assert quiz.ask("98.up").commit(0)
    assert quiz.ask("98.many").question.text == "How many?"
    assert (task.title, repr(task.hint())) == ("加倍", "Hint 1 of 1: 两倍。")
    assert task.code.endswith("return 2 * x")
    assert [str(quiz.wrong("98.double", name, x=3, y=6)) for name in ("same", "half")] == [
        "没有变化。",
        "3 became 6.0. Multiply.",
    ]
    quiz.language("fr")  # no such file: English throughout
    assert quiz.ask("98.up").question.text == "Which way is up?"
    assert quiz.ask("98.up").state == "open"  # what was answered was worded otherwise
    with pytest.raises(ValueError, match="a short code such as 'en' or 'zh'"):
        quiz.language("../zh")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("questions.", "question.", "no part called 'question', only 'questions' and 'exercises'"),
        ('why = "So it is."', "", "an option of 98.up needs a text 'why'"),
        ('text = "That way."', 'text = "This way."', "98.up has the same option twice"),
        ("right = true", "", "98.up has no option with `right = true`"),
        ('question = "How many?"', "", "98.many needs a text 'question'"),
        ("low = 1", "", "98.many asks for a number: it needs 'low' and 'high'"),
        ('kind = "number"', 'kind = "essay"', "98.many is of kind 'essay'; it must be 'choice' or 'number'"),
        ('kind = "number"', "", "98.many needs two options or more"),
        ('title = "Double"', "title = 2", "98.double needs a text 'title'"),
        ('hints = ["Twice."]', 'hints = "Twice."', "the hints of 98.double must be a list of texts"),
        ('title = "Up"', "title = Up", "line 3"),
        ('same = "Nothing has changed."', "same = 3", "the advice of 98.double needs a text 'same'"),
        ('[exercises."98.double".advice]', '[[exercises."98.double".advice]]', "the advice of 98.double must be texts"),
    ],
)
def test_a_text_file_of_another_shape_is_refused_in_words(texts, before, after, said):
    with pytest.raises(ValueError, match=f"questions.toml: .*{re.escape(said)}"):
        texts(TEXTS.replace(before, after))


@pytest.mark.parametrize("change", [("right = true", ""), ("98.up", "98.down")])
def test_a_translation_that_does_not_fit_is_refused(texts, change):
    other = CHINESE.replace(*change)
    other = other if "right" in other else other.replace('text = "那边。"', 'text = "那边。"\nright = true')
    texts()
    with pytest.raises(ValueError, match=r"questions\.zh\.toml: .* must be asked as in questions\.toml"):
        texts(zh=other), quiz.language("zh")


def test_a_translation_judges_a_number_as_english_does(texts):
    english = TEXTS.replace('unit = "ways"', 'unit = "ways"\nwithin = 0')
    other = CHINESE + '[questions."98.many"]\nkind = "number"\nquestion = "多少？"\nlow = 1\nhigh = 9\n'
    texts(english, zh=other + "within = 0\n")
    assert quiz.language("zh") == "zh"
    assert quiz.ask("98.many").question.within == 0
    with pytest.raises(ValueError, match=r"98.many must be asked as in questions\.toml: .* low, high and within"):
        texts(english, zh=other)


def test_a_chapter_is_imported_when_it_is_asked_for():
    code = """
from batchlab import quiz
assert not quiz.EXERCISES
print(quiz.ask("04.hundredfold").question.title, "|", quiz.exercise("04.two_batch").title)
print(sorted({key[:2] for key in quiz.EXERCISES}))
print(quiz.chapter_done("03"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, chapters, second, third = done.stdout.splitlines()
    assert first == f"A hundred times the batch | {quiz.exercise('04.two_batch').title}"
    assert chapters == "['04']"
    assert second.startswith("Still open in chapter 03: the exercise “")
    assert third == "Next: 04 Measure the gradient noise"


# ---- the final quiz --------------------------------------------------------------------------------------------------

FINAL = {key: kept for key, kept in quiz.QUESTIONS.items() if key.startswith("final.")}


def answers(question, right):
    """The positions of the right, or of the wrong options."""
    asked = question.question
    return [at for at, text in enumerate(asked.options) if (text in asked.right) == right]


def test_it_draws_one_question_from_each_chapter_and_attempts_differ():
    chapters = [f"{number:02}" for number in range(1, 11)]
    drawn = [[shown.question.key for shown in quiz.Final(attempt).questions] for attempt in range(1, 9)]
    assert all([key.split(".")[1] for key in keys] == chapters for keys in drawn)
    stems = [[key.rsplit(".", 1)[0] for key in keys] for keys in drawn]
    assert stems[0] == [shown.question.key.rsplit(".", 1)[0] for shown in quiz.Final(1).questions]
    # In eight attempts all questions come up.
    assert {stem for stems_ in stems for stem in stems_} == set(FINAL)


def test_every_answer_of_it_is_explained_and_one_is_right():
    assert len(FINAL) == 20
    for key, asked in FINAL.items():
        assert asked.text, key
        assert len(asked.options) >= 3, key
        assert all(len(explanation) > 20 for explanation in asked.options.values()), key
        assert len(set(asked.options.values())) == len(asked.options), key
        assert len(asked.right) == 1, key
    # The right answer does not stand at one place.
    assert len({min(asked.form[1]) for asked in FINAL.values()}) == 3


def test_the_score_is_kept_in_words_and_says_what_to_read_again(progress):
    final = quiz.Final()
    assert final.said.text == "0 of 10 right. 10 still open."
    for number, question in enumerate(final.questions):
        question.commit(answers(question, right=number not in (2, 5))[0])
    assert final.said.text == "8 of 10 right. Worth a second look, by chapter: 03, 06. The course is finished."
    assert final.said.right
    assert quiz.load().read()["chapters"] == {"final": True}
    assert final.said.text in final._score.value
    # Answers survive a new kernel; another attempt begins empty.
    assert quiz.Final().said.text == final.said.text
    assert quiz.Final(2).said.text == "0 of 10 right. 10 still open."
    assert "The final quiz: predicted 10, right 8" in quiz.summary().text


def test_too_few_right_answers_do_not_finish_it(progress):
    final = quiz.Final()
    for number, question in enumerate(final.questions):
        question.commit(answers(question, right=number < 7)[0])
    assert final.said.text == "7 of 10 right. Worth a second look, by chapter: 08, 09, 10."
    assert quiz.load().read()["chapters"] == {}
    final.questions[9].answer_again()
    final.questions[9].commit(answers(final.questions[9], right=True)[0])
    assert final.said.text.startswith("8 of 10 right. Worth a second look, by chapter: 08, 09.")
    assert quiz.load().read()["chapters"] == {"final": True}


def test_a_skipped_question_is_not_open_and_not_right(progress):
    final = quiz.Final()
    final.questions[0].skip()
    assert final.said.text == "0 of 10 right. 9 still open. Worth a second look, by chapter: 01."


def test_the_end_of_a_chapter_gives_memory_back(monkeypatch):
    given = []
    monkeypatch.setattr(quiz.exercises.process, "release_memory", lambda: given.append(True))
    quiz.chapter_done("03")
    assert given == [True]


def test_no_chapter_waits_for_the_final_quiz(progress):
    quiz.Final()
    assert quiz.chapter_done("final").right


def test_where_no_kernel_runs_it_shows_the_questions_and_no_answer():
    final = quiz.Final()
    bundle = final._repr_mimebundle_()
    assert bundle["text/plain"] == "Final quiz: 10 questions, one from each chapter"
    for asked in (shown.question for shown in final.questions):
        assert asked.text.split("“")[0][:30] in bundle["text/html"]
        assert not any(explanation in bundle["text/html"] for explanation in asked.options.values())


@pytest.mark.parametrize("attempt", [0, 1.5, "2"])
def test_an_attempt_is_a_whole_number(attempt):
    with pytest.raises((TypeError, ValueError), match="attempt is"):
        quiz.Final(attempt)
