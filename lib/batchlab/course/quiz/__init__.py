"""Predict first, then look; write it yourself, then be told what is wrong.

A picture that is merely watched teaches little; one whose outcome was predicted first teaches more (Crouch et al. 2004,
https://doi.org/10.1119/1.1707018). So a picture stays locked until its reader has said what it will show, and a chapter
ends with a few lines to write and a check that answers in words. The story has three parts:

1. `Progress` remembers what was answered, in one small file beside the notebooks.
2. `Prediction` and `NumberPrediction` ask, explain, keep the answer on view, and unlock the picture; `Final` asks at
   the end of the course.
3. `Exercise` runs a checker over the reader's code. A checker is a plain function that raises `Wrong`.

The questions and exercises of a chapter stand in `chapters/`, one file a chapter, and register themselves here. A key
begins with its chapter: "03.more_epochs". All texts are plain text. Nothing here draws or trains.
"""

import contextlib
import html
import inspect
import json
import os
import pathlib
import random
import threading
import traceback

import ipywidgets
import traitlets

from ...checks import check_integer


class Words:
    """What is said to the reader: text in a terminal, a paragraph in a notebook; true only if it says "right".

    >>> words = Words("Right: an epoch uses every sample once.", right=True)
    >>> words, bool(words)
    (Right: an epoch uses every sample once., True)
    """

    def __init__(self, text, right=None, markup=None):
        self.text, self.right, self._markup = text.strip(), right, markup

    def __bool__(self):
        return self.right is True

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        colour = {True: "#0072b2", False: "#d55e00", None: "#888888"}[self.right]  # the words say it too
        style = f"border-left: 4px solid {colour}; padding-left: 0.7em; line-height: 1.5; max-width: 48em"
        text = html.escape(self.text).replace("\n", "<br>")
        return self._markup or f'<div role="status" aria-live="polite" style="{style}">{text}</div>'


# ---- 1. What is remembered -----------------------------------------------------------------------------------------


class Progress:
    """The reader's answers, in a JSON file or, with `path=None`, in memory only.

    Every change reads the file again and replaces it in one step, so a second open notebook keeps its answers and a
    crash leaves the old file whole. A file that cannot be understood is renamed, never overwritten; where nothing can
    be written, memory takes over. `notice()` tells the reader so, once.

    >>> progress = Progress(None)
    >>> with progress.change() as record:
    ...     record["chapters"]["03"] = True
    >>> progress.read()
    {'predictions': {}, 'exercises': {}, 'chapters': {'03': True}}
    """

    def __init__(self, path):
        self.path = path and pathlib.Path(path).absolute()
        self._record, self._notice = _nothing(), ""
        self._lock = threading.RLock()  # a widget's callback may run on another thread than the cells

    def read(self):
        """Return the record: what is known under "predictions" and "exercises" by key, under "chapters" by chapter."""
        with self._lock:
            try:
                if self.path:
                    self._record = _understood(self.path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                self._record = _nothing()
            except OSError as error:
                self._keep_in_memory(error)
            except (ValueError, LookupError, TypeError, AttributeError):
                self.set_aside("The progress file could not be understood. ")
            return self._record

    @contextlib.contextmanager
    def change(self):
        """Hand out the record, then write it: `with progress.change() as record: ...`."""
        with self._lock:
            yield self.read()
            try:
                if self.path:
                    draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
                    draft.write_text(json.dumps(self._record, indent=1), encoding="utf-8")
                    os.replace(draft, self.path)
            except OSError as error:
                self._keep_in_memory(error)

    def set_aside(self, why=""):
        """Begin a new record; the file is renamed to the first free backup name."""
        self._record = _nothing()
        if not (self.path and self.path.exists()):
            return
        number, backup = 1, self.path.with_name(f"{self.path.name}.bak")
        while backup.exists():
            number, backup = number + 1, self.path.with_name(f"{self.path.name}.{number}.bak")
        try:
            os.replace(self.path, backup)
            self._notice = f"{why}The old one is kept as {backup.name}; a new one begins."
        except OSError as error:
            self._keep_in_memory(error)

    def notice(self):
        """Return what the reader has to know about the file, once; then the empty string."""
        said, self._notice = self._notice, ""
        return said

    def _keep_in_memory(self, error):
        self._notice = f"Answers last only as long as this kernel: {self.path.name} is not usable ({error.strerror})."
        self.path = None


def _nothing():
    return {"predictions": {}, "exercises": {}, "chapters": {}}


def _understood(text):
    """Return the record written in `text`; raise one of Python's own errors if it has another shape."""
    record = json.loads(text)
    for answers in record["predictions"].values():
        _ = answers[0], [(entry["answer"], entry["right"]) for entry in answers]
    _ = [(entry["done"], entry["tries"]) for entry in record["exercises"].values()], record["chapters"].items()
    return record


_progress = None


def progress_file(path):
    """Keep progress in the file `path` from now on ("off": in memory only) and return the `Progress`."""
    global _progress
    _progress = Progress(None if str(path) == "off" else path)
    return _progress


def load():
    """Return the progress in use: at first BATCHLAB_PROGRESS (a path or "off") or `.batchlab-progress.json` here."""
    return _progress or progress_file(os.environ.get("BATCHLAB_PROGRESS") or ".batchlab-progress.json")


def reset():
    """Forget every answer; the file is kept under another name."""
    load().read()
    load().set_aside()
    return Words(f"Progress starts again from nothing. {load().notice()}")


def summary(titles=None):
    """Return what was predicted and coded, chapter by chapter.

    Args:
        titles: chapter -> title, such as {"03": "Stop at the right epoch"}; these chapters are always listed.
    """
    record, titles, rows = load().read(), titles or {}, []
    for chapter in sorted({key.split(".")[0] for part in record.values() for key in part} | set(titles)):
        given = [answers for key, answers in record["predictions"].items() if key.split(".")[0] == chapter]
        coded = [entry for key, entry in record["exercises"].items() if key.split(".")[0] == chapter]
        row = {
            "chapter": f"{chapter} {titles.get(chapter, '')}".strip(),
            "predicted": sum(answers[-1]["answer"] is not None for answers in given),
            "right": sum(answers[-1]["right"] is True for answers in given),
            "right at once": sum(answers[0]["right"] is True for answers in given),
            "skipped": sum(answers[-1]["answer"] is None for answers in given),
            "exercises right": sum(entry["done"] for entry in coded),
            "finished": "yes" if chapter in record["chapters"] else "no",
        }
        rows.append(row)
    notice = load().notice()
    if not rows:
        return Words(f"Nothing is recorded yet. {notice}")
    lines = [f"{row['chapter']}: " + ", ".join(f"{k} {v}" for k, v in list(row.items())[1:]) for row in rows]
    head = "".join(f'<th scope="col">{name}</th>' for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row.values()) + "</tr>" for row in rows)
    markup = f"<table><caption>Your progress. {html.escape(notice)}</caption><tr>{head}</tr>{body}</table>"
    return Words("\n".join([*lines, notice]), markup=markup)


def chapter_done(chapter):
    """Record chapter "03" as finished, or say which of its predictions and exercises are still open."""
    with load().change() as record:
        left = [f"prediction {key}" for key in sorted(_asked) if key not in record["predictions"]]
        left += [f"exercise {key}" for key in EXERCISES if not record["exercises"].get(key, {}).get("done")]
        left = [name for name in left if name.split()[1].split(".")[0] == chapter]
        if not left:
            record["chapters"][chapter] = True
    if left:
        return Words(f"Chapter {chapter} is not finished. Still open: {', '.join(left)}. Then run this cell again.")
    return Words(f"Chapter {chapter} is finished. {load().notice()}", right=True)


# ---- 2. What is predicted ------------------------------------------------------------------------------------------

_asked = set()  # keys of the predictions asked in this kernel

# Radio buttons are made for a word or two: one line each, 300 px wide. Ours are sentences, which must wrap.
_STYLE = """<style>
.batchlab-quiz .widget-radio, .batchlab-quiz .widget-radio-box { width: auto; max-width: 100%; }
.batchlab-quiz .widget-radio-box label { display: flex; width: auto; height: auto; margin: 3px 0; line-height: 1.4;
  white-space: normal; overflow: visible; }
.batchlab-quiz .widget-radio-box input { flex: none; order: -1; height: 1.4em; margin: 0 0.6em 0 0; }
.batchlab-quiz .widget-html-content { line-height: 1.5; }
</style>"""


class Prediction(ipywidgets.VBox):
    """A question whose answer is committed, or skipped, before a picture unlocks.

    Args:
        key: the name under which the answer is kept, beginning with the chapter: "03.more_epochs".
        question: the question.
        options: answer -> what is said to whoever chose it. Each wrong answer deserves its own explanation.
        answer: position of the right option, counted from 0, or several of them.
        unlocks: what opens then, one or a list: an object whose `locked` is set to False, or a function that is called.

    >>> _ = progress_file("off")
    >>> guess = Prediction(
    ...     "01.drawn",
    ...     "How often does one epoch use a sample?",
    ...     {"Once.": "An epoch is one pass.", "B times.": "B is the size of a batch, not a number of uses."},
    ...     answer=0,
    ... )
    >>> guess
    Prediction 01.drawn: 2 options
    >>> guess.commit(1)
    You predicted: B times.
    Not so: B is the size of a batch, not a number of uses.
    """

    heading, answered = "Your prediction", "You predicted"
    state = traitlets.Unicode("open", help="open, skipped, right, wrong, or given: a number not yet compared")

    def __init__(self, key, question, options, *, answer, unlocks=()):
        self.options, texts = dict(options), list(options)
        positions = {answer} if isinstance(answer, int) else set(answer)
        if not positions or not positions <= set(range(len(texts))):
            raise ValueError(f"{key}: answer={answer} must be positions from 0 to {len(texts) - 1}.")
        self.right = {texts[position] for position in positions}
        # Nothing is chosen at first: a default would be an answer that nobody gave.
        self._build(key, question, ipywidgets.RadioButtons(options=texts, index=None), unlocks)

    def _build(self, key, question, field, unlocks):
        self.key, self.question, self._field, self._targets = key, question, field, []
        self._commit = ipywidgets.Button(description="Commit", button_style="primary")
        self._skip, self._again = (ipywidgets.Button(description=name) for name in ("Skip", "Answer again"))
        for button, action in (self._commit, self._press), (self._skip, self.skip), (self._again, self._reopen):
            button.on_click(self._in_words(action))
        asked = ipywidgets.HTML(f"{_STYLE}<b>{self.heading}:</b> {html.escape(question)}")
        self._buttons, self._status = ipywidgets.HBox(), ipywidgets.HTML()
        super().__init__([asked, field, self._buttons, self._status], layout={"max_width": "48em"})
        self.add_class("batchlab-quiz")
        _asked.add(key)
        self._show()
        self.unlock(*(unlocks if isinstance(unlocks, (list, tuple)) else [unlocks]))

    def commit(self, choice):
        """Commit option number `choice`, counted from 0; return what is said about it."""
        if choice not in range(len(self.options)):
            raise ValueError(f"There is no option {choice}: choose from 0 to {len(self.options) - 1}.")
        return self._record(list(self.options)[choice])

    def skip(self):
        """Go on without a prediction; it is shown as skipped."""
        return self._record(None)

    def unlock(self, *targets):
        """Open `targets` as soon as there is an answer: at once, if there is one already."""
        for target in targets:
            if not (hasattr(target, "locked") or callable(target)):
                raise TypeError(f"A {type(target).__name__} cannot be unlocked: it has no `locked` and is no function.")
        self._targets += targets
        if self._answers():
            self._open(targets)

    def _open(self, targets):
        for target in targets:
            if hasattr(target, "locked"):
                target.locked = False
            else:
                target()

    @property
    def _standing(self):
        """How the latest answer stands; see `state`."""
        answers = self._answers()
        if not answers:
            return "open"
        right = self._judge(answers[-1])[0]
        return "skipped" if answers[-1] is None else {True: "right", False: "wrong", None: "given"}[right]

    def _answers(self):
        """Return the answers so far, oldest first, None for a skip. Answers to another wording do not count."""
        given = [entry["answer"] for entry in load().read()["predictions"].get(self.key, [])]
        return [answer for answer in given if answer is None or self._fits(answer)]

    def _record(self, answer):
        with load().change() as record:
            given = record["predictions"].setdefault(self.key, [])
            if not given or given[-1]["answer"] != answer:
                given.append({"answer": answer, "right": self._judge(answer)[0]})
        words = self._show()
        self._open(self._targets)
        return words

    def _show(self):
        """Show the latest answer and what is said about it, controls frozen; without an answer, the open question."""
        answers = self._answers()
        self.state = self._standing
        self._field.disabled = bool(answers)
        self._buttons.children = [self._again] if answers else [self._commit, self._skip]
        if not answers:
            return self._say(Words(load().notice()))
        first, latest = answers[0], answers[-1]
        right, why = self._judge(latest)
        lines = ["You skipped this one." if latest is None else f"{self.answered}: {self._spoken(latest)}", why]
        if latest is not None:
            self._field.value = self._typed(latest)
        if first != latest:
            lines.append("At first you skipped." if first is None else f"Your first answer was: {self._spoken(first)}")
        return self._say(Words("\n".join(filter(None, [*lines, load().notice()])), right))

    def _reopen(self):
        self._field.disabled = False
        self._buttons.children = [self._commit, self._skip]
        self._say(Words("Choose again. Your first answer stays on record."))

    def _say(self, words):
        self._said, self._status.value = words, words._repr_html_() if words.text else ""
        return words

    def _press(self):
        try:
            choice = self._chosen()
        except ValueError as nothing_usable:
            self._say(Words(str(nothing_usable)))
        else:
            self.commit(choice)

    def _in_words(self, action):
        """Wrap a callback: its exceptions, else lost in a log, are said here, and raised too if BATCHLAB_STRICT=1."""

        def callback(_button):
            try:
                action()
            except Exception as error:
                failure = f"This failed, and not through you. {type(error).__name__}: {error}"
                self._say(Words(f"{self._said.text}\n{failure}", right=False))
                if os.environ.get("BATCHLAB_STRICT") == "1":
                    raise

        return callback

    # What a question with another kind of field says in its own way:

    def _chosen(self):
        if self._field.index is None:
            raise ValueError("Choose one of the answers first, or skip.")
        return self._field.index

    def _fits(self, answer):
        return answer in self.options

    def _judge(self, answer):
        """Return whether `answer` is right (None: not known) and what to say about it."""
        if answer is None:
            return None, ""
        return answer in self.right, f"{'Right' if answer in self.right else 'Not so'}: {self.options[answer]}"

    def _spoken(self, answer):
        return answer

    def _typed(self, answer):
        return answer

    def _choices(self):
        return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in self.options) + "</ul>"

    def __repr__(self):
        return f"Prediction {self.key}: {len(self.options)} options"

    def _repr_mimebundle_(self, **kwargs):
        """Add the question, never the right answer, as HTML for viewers without a kernel, such as GitHub."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/html"] = f"<p><b>{self.heading}:</b> {html.escape(self.question)}</p>{self._choices()}"
        return bundle


class NumberPrediction(Prediction):
    """A prediction that is a number from `low` to `high`, compared by `reveal` with the measured one.

    It counts as right if it differs by at most the fraction `within` of the measured value.

    >>> _ = progress_file("off")
    >>> guess = NumberPrediction("03.best", "At which epoch is the validation loss lowest?", 1, 500, unit="epochs")
    >>> guess.commit(90)
    You predicted: 90 epochs
    >>> guess.reveal(84)
    You predicted: 90 epochs
    Right: the measurement gives 84 epochs, yours is 6 too high (at most 25 % off counts as right).
    """

    def __init__(self, key, question, low, high, *, unit="", within=0.25, unlocks=()):
        self.low, self.high, self.unit, self.within, self._measured = low, high, unit, within, None
        # A text field, since every numeric one starts with a number, and a number on view is a hint.
        field = ipywidgets.Text(placeholder=f"{low} to {high}", description=unit or "number")
        self._build(key, question, field, unlocks)

    def commit(self, choice):
        """Commit the number `choice`; return what is said about it."""
        if not self._fits(choice := _plain(choice)):
            raise ValueError(f"{choice} is out of range: choose a number from {self.low} to {self.high}.")
        return self._record(choice)

    def reveal(self, measured):
        """Say how far the prediction is from the measured value. Before there is one, nothing is given away."""
        self._measured = _plain(measured)
        if not self._answers():
            return Words("The measured value is shown once you have predicted or skipped. Then run this cell again.")
        with load().change() as record:
            latest = record["predictions"][self.key][-1]
            latest["right"] = self._judge(latest["answer"])[0]
        return self._show()

    def _chosen(self):
        try:
            number = float(self._field.value)
        except ValueError:
            number = None
        if not self._fits(number):
            raise ValueError(f"Type a number from {self.low} to {self.high} first, or skip.")
        return int(number) if number.is_integer() else number

    def _fits(self, answer):
        return isinstance(answer, (int, float)) and self.low <= answer <= self.high

    def _judge(self, answer):
        if self._measured is None:
            return None, ""
        measured = f"the measurement gives {self._spoken(self._measured)}"
        if answer is None:
            return None, f"Now {measured}."
        gap = answer - self._measured
        right = abs(gap) <= self.within * abs(self._measured)
        apart = f"yours is {abs(gap):.4g} too {'high' if gap > 0 else 'low'}" if gap else "as you said"
        rule = f"at most {100 * self.within:g} % off counts as right"
        return right, f"{'Right' if right else 'Not so'}: {measured}, {apart} ({rule})."

    def _spoken(self, answer):
        return f"{answer if isinstance(answer, int) else format(answer, '.4g')} {self.unit}".strip()

    def _typed(self, answer):
        return str(answer)

    def _choices(self):
        return f"<p>Answer: a number from {self.low} to {self.high} {html.escape(self.unit)}</p>"

    def __repr__(self):
        return f"NumberPrediction {self.key}: a number from {self.low} to {self.high}"


def _plain(number):
    """Return a NumPy or JAX scalar as the Python number that JSON can hold."""
    return number.item() if hasattr(number, "item") else number


QUESTIONS = {}


def question(key, text, options, answer):
    """Keep a question as `ask(key)`; the arguments are those of `Prediction`."""
    QUESTIONS[key] = text, options, answer


def ask(key, unlocks=()):
    """Return the `Prediction` of the question kept as `key`, such as "03.more_epochs"."""
    if key not in QUESTIONS:
        raise KeyError(f"There is no question {key!r}. There are: {', '.join(QUESTIONS)}.")
    text, options, answer = QUESTIONS[key]
    return Prediction(key, text, options, answer=answer, unlocks=unlocks)


class Question(Prediction):
    """A question of the final quiz: asked, answered and remembered as a `Prediction` is."""

    heading, answered = "Question", "You answered"


class Final(ipywidgets.VBox):
    """The final quiz: one question from each chapter, explained when answered, with the score and what to read again.

    Args:
        attempt: which draw, from 1 on; each remembers its own answers.
    """

    GOOD = 8  # right answers with which it counts as finished

    def __init__(self, attempt=1):
        attempt = check_integer("attempt", attempt, 1)
        by_chapter = {}
        for key in sorted(key for key in QUESTIONS if key.startswith("final.")):
            by_chapter.setdefault(key.split(".")[1], []).append(key)
        choose = random.Random(attempt)
        self.questions = []
        for keys in by_chapter.values():
            text, options, answer = QUESTIONS[key := choose.choice(keys)]
            self.questions.append(Question(f"{key}.{attempt}", text, options, answer=answer))
        _asked.difference_update(question.key for question in self.questions)  # no chapter waits for them
        self._score = ipywidgets.HTML()
        super().__init__([*self.questions, self._score])
        for question in self.questions:
            question.observe(lambda _: self._count(), "state")
        self._count()

    def _count(self):
        states = {question.key.split(".")[1]: question.state for question in self.questions}
        left = sum(state == "open" for state in states.values())
        again = [chapter for chapter, state in states.items() if state not in ("open", "right")]
        right = sum(state == "right" for state in states.values())
        text = f"{right} of {len(states)} right."
        if left:
            text += f" {left} still open."
        if again:
            text += f" Worth a second look: chapter{'s' if len(again) > 1 else ''} {', '.join(again)}."
        if not left and right >= self.GOOD:
            with load().change() as record:
                record["chapters"]["final"] = True
            text += " The course is finished."
        self.said = Words(text, right=True if not left and right >= self.GOOD else None)
        self._score.value = self.said._repr_html_()

    def __repr__(self):
        return f"Final quiz: {len(self.questions)} questions, one from each chapter"

    def _repr_mimebundle_(self, **kwargs):
        """Add the questions as HTML for viewers without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        asked = [question._repr_mimebundle_()["text/html"] for question in self.questions]
        return {**bundle, "text/plain": repr(self), "text/html": "\n".join(asked)}


# ---- 3. What is coded ----------------------------------------------------------------------------------------------


class Wrong(Exception):
    """Raised by a checker: says what is wrong with an answer and what to try."""


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

    >>> def check_ceil(count):
    ...     if count(10, 3) != 4:
    ...         raise Wrong(f"10 samples in batches of 3 are 4 iterations, not {count(10, 3)}: count the last.")
    >>> ceil = Exercise("01.ceil", check_ceil, title="Iterations per epoch", hints=["Round up."], solution="-(-n // b)")
    >>> _ = progress_file("off")
    >>> ceil.check(lambda n, b: n // b)
    Not yet: 10 samples in batches of 3 are 4 iterations, not 3: count the last.
    >>> ceil.check(lambda n, b: -(-n // b))
    Right: Iterations per epoch.
    """

    def __init__(self, key, checker, *, title, hints=(), solution):
        self.key, self.checker, self.title, self.hints, self._hinted = key, checker, title, tuple(hints), 0
        self.code = inspect.getsource(solution) if callable(solution) else solution

    def check(self, answer):
        """Say whether `answer`, usually the reader's function, is right. It never raises, so that "Run all" goes on."""
        tries, words = 1, Words(f"Right: {self.title}.", right=True)
        try:
            self.checker(filled_in(answer))
        except NotImplementedError as error:
            tries, words = 0, Words(f"Not yet: {error}" if str(error) else "Not yet: it is not implemented.")
        except Wrong as error:
            words = Words(f"Not yet: {error}", right=False)
        except Exception as error:
            words = Words(f"Not yet: {_failure(error, answer)}", right=False)
        with load().change() as record:
            entry = record["exercises"].setdefault(self.key, {"done": False, "tries": 0})
            entry["tries"] += 0 if entry["done"] else tries
            entry["done"] = entry["done"] or bool(words)
        return Words(f"{words.text} {load().notice()}", words.right)

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


def _failure(error, answer):
    """Say an exception of the reader's code in words, with the line of their cell where it happened."""
    home = getattr(getattr(answer, "__code__", None), "co_filename", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == home]
    where = f" in line {frames[-1].lineno}, `{frames[-1].line}`," if frames else ""
    return f"your code stopped{where} with {type(error).__name__}: {error}"


EXERCISES = {}


def register(key, *, title, hints=(), solution):
    """Decorate a checker: keep it as `exercise(key)`. The solution is a function, shown as its source, or a text."""

    def keep(checker):
        EXERCISES[key] = Exercise(key, checker, title=title, hints=hints, solution=solution)
        return checker

    return keep


def exercise(key):
    """Return the exercise registered as `key`, such as "03.early_stopping"."""
    if key not in EXERCISES:
        raise KeyError(f"There is no exercise {key!r}. There are: {', '.join(EXERCISES)}.")
    return EXERCISES[key]
