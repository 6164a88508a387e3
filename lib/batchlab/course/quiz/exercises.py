"""What is coded: a checker, a plain function that raises `Wrong`, runs over the reader's lines and answers in words."""

import contextlib
import html
import inspect
import reprlib
import signal
import threading
import traceback

from IPython import get_ipython
from IPython.display import display

from ... import process
from ..contents import NOTEBOOKS, after, link
from . import questions
from .closing import Closing
from .progress import Words, load


class Wrong(Exception):
    """Raised by a checker: says what is wrong with an answer and what to try."""


def wrong(key, mistake, **values):
    """What the chapter's text file advises on a mistake in an exercise, with values in it: a `Wrong` to raise."""
    return Wrong(questions.EXERCISE_TEXTS[key]["advice"][mistake].format(**values))


class OutOfTime(BaseException):
    """Raised in an answer that does not end; no Exception, so that an answer's `except Exception` lets it through."""


@contextlib.contextmanager
def time_limit(seconds):
    """Raise `OutOfTime` in the block once the process has computed for so long, on the main thread of a POSIX system.

    The time is the processor's, so that a busy machine ends no right answer; from then on it is raised every second.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number, _frame):
        raise OutOfTime

    handler, timer = signal.signal(signal.SIGPROF, stop), signal.setitimer(signal.ITIMER_PROF, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *timer)
        signal.signal(signal.SIGPROF, handler)


def filled_in(value):
    """Return `value`, unless it is, or holds, what a template leaves open: None, ... or NotImplemented.

    Raises:
        NotImplementedError: nothing is filled in; a check says so without counting it as a try.
    """
    parts = value if isinstance(value, tuple) else (value,)
    if any(part is blank for part in parts for blank in (None, ..., NotImplemented)):
        raise NotImplementedError("nothing is filled in. Write your lines above, run them, then run this cell again.")
    return value


class Exercise:
    """A few lines for the reader to write: `check(answer)`, `hint()` (one more at each call) and `solution()`.

    The title, the hints and, unless it is given, the solution are those of the chapter's text file.

    >>> from batchlab.course.quiz import progress_file
    >>> _ = progress_file("off")
    >>> def check_ceil(count):
    ...     if count(10, 3) != 4:
    ...         raise Wrong(f"10 samples in batches of 3 are 4 iterations, not {count(10, 3)}: count the last.")
    >>> questions.EXERCISE_TEXTS["01.ceil"] = {"title": "Iterations per epoch", "hints": ("Round up.",), "advice": {}}
    >>> ceil = Exercise("01.ceil", check_ceil, solution="-(-n // b)")
    >>> ceil.check(lambda n, b: n // b)
    Not yet: 10 samples in batches of 3 are 4 iterations, not 3: count the last.
    >>> ceil.check(lambda n, b: -(-n // b))
    Right: Iterations per epoch.
    """

    limit = 10  # seconds

    def __init__(self, key, checker, solution=None):
        self.key, self.checker, self._hinted = key, checker, 0
        self._solution = inspect.getsource(solution) if callable(solution) else solution

    @property
    def title(self):
        """What it is called."""
        return questions.EXERCISE_TEXTS[self.key]["title"]

    @property
    def hints(self):
        """The hints, from the vaguest to the plainest."""
        return questions.EXERCISE_TEXTS[self.key]["hints"]

    @property
    def code(self):
        """The solution: the source of a function, or a text."""
        return self._solution or questions.EXERCISE_TEXTS[self.key]["solution"]

    def check(self, answer):
        """Say whether `answer`, usually the reader's function, is right. It never raises, so that "Run all" goes on.

        After `limit` seconds of computing it ends the answer and says so; on Windows Kernel > Interrupt Kernel does.
        """
        limited = time_limit(self.limit) if callable(answer) else contextlib.nullcontext()  # a value does not loop
        try:
            with limited:
                self.checker(filled_in(answer))
        except NotImplementedError as error:
            right, said = None, f"Not yet: {str(error) or 'it is not implemented.'}"
        except Wrong as error:
            right, said = False, f"Not yet: {error}"
        except OutOfTime as error:
            where = f"{_line(error, answer)} after {self.limit} seconds of computing"
            right, said = False, f"Not yet: your code was ended{where}: does its loop end?"
        except Exception as error:
            what = f"{type(error).__name__}: {error}".removesuffix(": ")  # where it says no more than its name
            code, value = f"your code stopped{_line(error, answer)}", f"the check stopped at {reprlib.repr(answer)}"
            right, said = False, f"Not yet: {code if callable(answer) else value} with {what}"
        else:
            right, said = True, f"Right: {self.title}{'' if self.title.endswith('?') else '.'}"
        with load().change() as record:
            entry = record["exercises"].setdefault(self.key, {"done": False, "tries": 0})
            entry["tries"] += right is not None and not entry["done"]
            entry["done"] = entry["done"] or right is True
        return Words(f"{said} {load().notice()}", right)

    def hint(self):
        """Return the next hint."""
        self._hinted += 1
        if self._hinted > len(self.hints):
            return Words("There is no further hint; solution() shows one way to write it.")
        return Words(f"Hint {self._hinted} of {len(self.hints)}: {self.hints[self._hinted - 1]}")

    def solution(self):
        """Return the solution, folded where the page can fold."""
        folded = f"<summary>One solution: {html.escape(self.title)}</summary><pre>{html.escape(self.code)}</pre>"
        return Words(self.code, markup=f"<details>{folded}</details>")

    def __repr__(self):
        return f"Exercise {self.key}: {self.title}"


def _line(error, answer):
    """Say the line of the reader's cell in which an exception was raised; nothing where it was in none."""
    home = getattr(getattr(answer, "__code__", None), "co_filename", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == home]
    return f" in line {frames[-1].lineno}, `{frames[-1].line}`," if frames else ""


EXERCISES = {}


def register(key, *, solution=None):
    """Decorate a checker: keep it as `exercise(key)`. The solution is a function, shown as its source, or a text."""

    def keep(checker):
        EXERCISES[key] = Exercise(key, checker, solution)
        return checker

    return keep


def exercise(key):
    """Return the exercise registered as `key`, such as "03.early_stopping"."""
    return questions.find(EXERCISES, key, "exercise")


def chapter_done(chapter):
    """Record chapter "03" as finished, or say what of it is still open; with a link to the next chapter.

    In a notebook a button shuts the kernel down. What the chapter used and freed goes back to the system.
    """
    process.release_memory()  # 80 MB of chapter 4
    questions.import_chapter(chapter)
    with load().change() as record:
        given, done = record["predictions"], {key for key, entry in record["exercises"].items() if entry["done"]}
        left = [(key, f"the prediction “{name}”") for key, name in sorted(questions.ASKED.items()) if key not in given]
        left += [(key, f"the exercise “{coded.title}”") for key, coded in EXERCISES.items() if key not in done]
        left = [name for key, name in left if key.split(".")[0] == chapter != "final"]
        if not left:
            record["chapters"][chapter] = True
    text = f"Chapter {chapter} is finished."
    if left:
        text = f"Still open in chapter {chapter}: {', '.join(left)}. Then run this cell again."
    if get_ipython() is not None:
        display(Closing())
    words, following = Words(f"{text} {load().notice()}", right=None if left else True), after(chapter)
    if following is None:
        return words
    markup = f"{words._repr_html_()}<p>Next: {link(following)}</p>"
    return Words(f"{words.text}\nNext: {following} {NOTEBOOKS[following][0]}", words.right, markup)
