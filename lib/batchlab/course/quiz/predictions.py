"""The widgets that show a question, keep its answer on view, and unlock what it guards."""

import itertools
import os
import random

import ipywidgets
import traitlets

from ...checks import check_integer
from . import questions
from .progress import Words, load
from .widget import QuizWidget, text_of


class Prediction(QuizWidget):
    """A question whose answer is committed, or skipped, before a picture unlocks.

    Where it guards a picture, a commitment unlocks that and says "now look"; `explain` then says what was right. What
    the reader wishes comes up in `wishes`, {"commit", "skip", "again" or "explain": [value, count]}; what the page
    shows goes down in `shown`. Options stand in an order that is shuffled by the question's key.

    Args:
        question: a `Question`.
        unlocks: what opens then, one or a list: an object whose `locked` is set to False, or a function that is called.

    >>> from batchlab.course.quiz import NumberQuestion, Question, progress_file
    >>> _ = progress_file("off")
    >>> guess = Prediction(Question("01.x", "Are 10 samples in batches of 3 four batches?", {"Yes.": "3 + 3 + 3 + 1.",
    ...                             "No.": "The last, smaller one counts."}, answer=0))  # fmt: skip
    >>> guess
    Prediction “Are 10 samples in batches of 3 four batches?”: 2 options
    >>> guess.commit(0)
    You predicted: Yes.
    Right: 3 + 3 + 3 + 1.
    >>> guess = Prediction(NumberQuestion("03.best", "Which epoch is best?", 1, 500, unit="epochs"))
    >>> guess.commit(90)
    You predicted: 90 epochs
    >>> guess.reveal(84)
    You predicted: 90 epochs
    Right: the measurement gives 84 epochs, yours is 6 too high (at most 25 % off counts as right).
    """

    _esm = text_of("question.js")
    wishes = traitlets.Dict(help="from the page").tag(sync=True, echo_update=False)
    shown = traitlets.Dict(help="to the page").tag(sync=True)
    state = traitlets.Unicode("open", help="open, skipped, right, wrong, or given: a number not yet compared")

    def __init__(self, question, unlocks=()):
        self.question, self._targets, self._heard = question, [], 0
        super().__init__()
        self.observe(self._wished, "wishes")
        questions.ASKED[question.key] = question.name
        self._looked = bool(question.answers())
        self._show()
        self.unlock(*(unlocks if isinstance(unlocks, (list, tuple)) else [unlocks]))

    def commit(self, choice):
        """Commit option number `choice`, counted from 0, or a number; return what is said then."""
        return self._record(self.question.option(choice))

    def skip(self):
        """Go on without a prediction; it is shown as skipped."""
        return self._record(None)

    def explain(self):
        """Say whether the answer was right, and why."""
        self._looked = True
        return self._show()

    def reveal(self, measured):
        """Say how far the predicted number is from the measured one; before it is predicted, nothing is given away."""
        self._looked = self._looked or bool(self.question.answers())  # a run of all cells has not looked yet
        words = self.question.reveal(measured)
        return self._show(words) if self.question.answers() else words

    def answer_again(self):
        """Let the reader choose again; the first answer stays on record."""
        return self._show(Words("Choose again. Your first answer stays on record."), anew=True)

    def unlock(self, *targets):
        """Open `targets` as soon as there is an answer: at once, if there is one already."""
        for target in targets:
            if not (hasattr(target, "locked") or callable(target)):
                raise TypeError(f"A {type(target).__name__} cannot be unlocked: it has no `locked` and is no function.")
        self._targets += targets
        if self.question.answers():
            self._open(targets)

    def _open(self, targets):
        for target in targets:
            if hasattr(target, "locked"):
                target.locked = False
            else:
                target()

    def _record(self, answer):
        self._looked = self._looked or not self._targets
        words = self._show(self.question.record(answer, self._looked))
        self._open(self._targets)
        return words

    def _show(self, words=None, anew=False):
        """Show the latest answer and what is said of it, controls frozen; without one, or `anew`, the open question."""
        answers = self.question.answers()
        self.state = self.question.standing()
        words = self.question.words(self._looked) if words is None else words
        frozen = bool(answers) and not anew
        self.shown = {
            "heading": self.question.heading,
            "text": self.question.text,
            **self.question.field(),
            "answer": answers[-1] if answers else None,
            "frozen": frozen,
            "unexplained": frozen and not self._looked and bool(self.question.judge(answers[-1])[1]),
            "said": words.text,
            "right": words.right,
        }
        return words

    def _wished(self, change):
        """Do what the page wishes. Exceptions, else lost in a log, are said, and raised too if BATCHLAB_STRICT=1."""
        doing = {"skip": self.skip, "again": self.answer_again, "explain": self.explain}
        wishes = sorted((count, name, value) for name, (value, count) in change["new"].items() if count > self._heard)
        for count, name, value in wishes:
            self._heard = count
            try:
                if name in doing:
                    doing[name]()
                elif (answer := self.question.taken(value)) is None:
                    self._show(Words(self.question.wanted), anew=True)
                else:
                    self._record(answer)
            except Exception as error:
                failure = f"This failed, and not through you. {type(error).__name__}: {error}"
                self.shown = {**self.shown, "said": f"{self.shown['said']}\n{failure}".strip(), "right": False}
                if os.environ.get("BATCHLAB_STRICT") == "1":
                    raise

    def as_html(self):
        """The question for viewers without a kernel."""
        return self.question.as_html()

    def __repr__(self):
        return f"Prediction “{self.question.name}”: {self.question.asks}"


def ask(key, unlocks=()):
    """Return the `Prediction` of the question kept as `key`, such as "03.more_epochs"."""
    return Prediction(questions.find(questions.QUESTIONS, key, "question"), unlocks)


class Final(ipywidgets.VBox):
    """The final quiz: one question from each chapter, explained when answered, with the score and what to read again.

    Args:
        attempt: which draw, from 1 on; each remembers its own answers.
    """

    GOOD = 8  # right answers with which it counts as finished
    SAID = {  # noqa: RUF012, said on pages without a kernel, too, by a script
        "right": "{right} of {all} right.",
        "open": "{open} still open.",
        "again": "Worth a second look, by chapter: {chapters}.",
        "done": "The course is finished.",
    }

    def __init__(self, attempt=1):
        attempt = check_integer("attempt", attempt, 1)
        keys = sorted(key for key in questions.QUESTIONS if key.startswith("final."))
        choose, self.questions = random.Random(attempt), []
        for _, same in itertools.groupby(keys, lambda key: key.split(".")[1]):
            asked = questions.QUESTIONS[key := choose.choice(list(same))]
            drawn = questions.FinalQuestion(f"{key}.{attempt}", asked.text, asked.options, answer=asked.form[1])
            self.questions.append(Prediction(drawn))
        self._score = ipywidgets.HTML()
        super().__init__([*self.questions, self._score])
        for shown in self.questions:
            shown.observe(lambda _: self._count(), "state")
        self._count()

    def _count(self):
        states = {shown.question.key.split(".")[1]: shown.state for shown in self.questions}
        right, left = (list(states.values()).count(state) for state in ("right", "open"))
        again = [chapter for chapter, state in states.items() if state not in ("open", "right")]
        done = not left and right >= self.GOOD
        if done:
            with load().change() as record:
                record["chapters"]["final"] = True
        parts = {"right": True, "open": left, "again": again, "done": done}
        text = " ".join(self.SAID[part] for part, said in parts.items() if said)
        text = text.format(right=right, all=len(states), open=left, chapters=", ".join(again))
        self.said = Words(text, right=True if done else None)
        self._score.value = self.said._repr_html_()

    def __repr__(self):
        return f"Final quiz: {len(self.questions)} questions, one from each chapter"

    _ipython_display_ = None  # of ipywidgets 7, which knows no bundle

    def _repr_mimebundle_(self, **kwargs):
        """Add the questions as HTML for viewers without a kernel."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        asked = "\n".join(shown.as_html() for shown in self.questions)
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": repr(self), "text/html": asked}
