"""The widgets that show a question, keep its answer on view, and unlock what it guards."""

import html
import os
import random

import ipywidgets
import traitlets

from ...checks import check_integer
from . import questions
from .progress import Words, load

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
        question: a `Question`.
        unlocks: what opens then, one or a list: an object whose `locked` is set to False, or a function that is called.

    >>> from batchlab.course.quiz import Question, progress_file
    >>> _ = progress_file("off")
    >>> guess = Prediction(Question("01.x", "Are 10 samples in batches of 3 four batches?", {"Yes.": "3 + 3 + 3 + 1.",
    ...                             "No.": "The last, smaller one counts."}, answer=0))  # fmt: skip
    >>> guess
    Prediction 01.x: 2 options
    >>> guess.commit(0)
    You predicted: Yes.
    Right: 3 + 3 + 3 + 1.
    """

    state = traitlets.Unicode("open", help="open, skipped, right, wrong, or given: a number not yet compared")

    def __init__(self, question, unlocks=()):
        self.question, self._targets = question, []
        self._field = self._make_field()
        self._commit = ipywidgets.Button(description="Commit", button_style="primary")
        self._skip, self._again = (ipywidgets.Button(description=name) for name in ("Skip", "Answer again"))
        for button, action in (self._commit, self._press), (self._skip, self.skip), (self._again, self._reopen):
            button.on_click(self._in_words(action))
        asked = ipywidgets.HTML(f"{_STYLE}<b>{question.heading}:</b> {html.escape(question.text)}")
        self._buttons, self._status = ipywidgets.HBox(), ipywidgets.HTML()
        super().__init__([asked, self._field, self._buttons, self._status], layout={"max_width": "48em"})
        self.add_class("batchlab-quiz")
        questions.ASKED[question.key] = question.name
        self._show()
        self.unlock(*(unlocks if isinstance(unlocks, (list, tuple)) else [unlocks]))

    def commit(self, choice):
        """Commit option number `choice`, counted from 0, or a number; return what is said about it."""
        return self._record(self.question.option(choice))

    def skip(self):
        """Go on without a prediction; it is shown as skipped."""
        return self._record(None)

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
        words = self._show(self.question.record(answer))
        self._open(self._targets)
        return words

    def _show(self, words=None):
        """Show the latest answer and what is said about it, controls frozen; without an answer, the open question."""
        answers = self.question.answers()
        self.state = self.question.standing()
        self._field.disabled = bool(answers)
        self._buttons.children = [self._again] if answers else [self._commit, self._skip]
        if answers and answers[-1] is not None:
            self._field.value = str(answers[-1])
        return self._say(words or self.question.words())

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

    # What a question with another kind of field does in its own way:

    def _make_field(self):
        # Nothing is chosen at first: a default would be an answer that nobody gave.
        return ipywidgets.RadioButtons(options=list(self.question.options), index=None)

    def _chosen(self):
        if self._field.index is None:
            raise ValueError("Choose one of the answers first, or skip.")
        return self._field.index

    def _choices(self):
        return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in self.question.options) + "</ul>"

    def __repr__(self):
        return f"Prediction {self.question.key}: {len(self.question.options)} options"

    def _repr_mimebundle_(self, **kwargs):
        """Add the question, never the right answer, as HTML for viewers without a kernel, such as GitHub."""
        bundle = super()._repr_mimebundle_(**kwargs)
        asked = f"<p><b>{self.question.heading}:</b> {html.escape(self.question.text)}</p>"
        bundle["text/html"] = f"{asked}{self._choices()}"
        return bundle


class NumberPrediction(Prediction):
    """A prediction that is a number, compared by `reveal` with the measured one.

    >>> from batchlab.course.quiz import NumberQuestion, progress_file
    >>> _ = progress_file("off")
    >>> guess = NumberPrediction(NumberQuestion("03.best", "Which epoch is best?", 1, 500, unit="epochs"))
    >>> guess.commit(90)
    You predicted: 90 epochs
    >>> guess.reveal(84)
    You predicted: 90 epochs
    Right: the measurement gives 84 epochs, yours is 6 too high (at most 25 % off counts as right).
    """

    def reveal(self, measured):
        """Say how far the prediction is from the measured value. Before there is one, nothing is given away."""
        words = self.question.reveal(measured)
        return self._show(words) if self.question.answers() else words

    def _make_field(self):
        # A text field, since every numeric one starts with a number, and a number on view is a hint.
        asked = self.question
        return ipywidgets.Text(placeholder=f"{asked.low} to {asked.high}", description=asked.unit or "number")

    def _chosen(self):
        try:
            number = float(self._field.value)
        except ValueError:
            number = None
        if not self.question.fits(number):
            raise ValueError(f"Type a number from {self.question.low} to {self.question.high} first, or skip.")
        return int(number) if number.is_integer() else number

    def _choices(self):
        asked = self.question
        return f"<p>Answer: a number from {asked.low} to {asked.high} {html.escape(asked.unit)}</p>"

    def __repr__(self):
        return f"NumberPrediction {self.question.key}: a number from {self.question.low} to {self.question.high}"


def ask(key, unlocks=()):
    """Return the `Prediction` of the question kept as `key`, such as "03.more_epochs"."""
    asked = questions.find(questions.QUESTIONS, key, "question")
    return (NumberPrediction if isinstance(asked, questions.NumberQuestion) else Prediction)(asked, unlocks)


class Final(ipywidgets.VBox):
    """The final quiz: one question from each chapter, explained when answered, with the score and what to read again.

    Args:
        attempt: which draw, from 1 on; each remembers its own answers.
    """

    GOOD = 8  # right answers with which it counts as finished

    def __init__(self, attempt=1):
        attempt = check_integer("attempt", attempt, 1)
        by_chapter = {}
        for key in sorted(key for key in questions.QUESTIONS if key.startswith("final.")):
            by_chapter.setdefault(key.split(".")[1], []).append(key)
        choose = random.Random(attempt)
        self.questions = []
        for keys in by_chapter.values():
            asked = questions.QUESTIONS[key := choose.choice(keys)]
            drawn = questions.FinalQuestion(f"{key}.{attempt}", asked.text, asked.options, answer=asked.form[1])
            self.questions.append(Prediction(drawn))
        self._score = ipywidgets.HTML()
        super().__init__([*self.questions, self._score])
        for shown in self.questions:
            shown.observe(lambda _: self._count(), "state")
        self._count()

    def _count(self):
        states = {shown.question.key.split(".")[1]: shown.state for shown in self.questions}
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
        asked = [shown._repr_mimebundle_()["text/html"] for shown in self.questions]
        return {**bundle, "text/plain": repr(self), "text/html": "\n".join(asked)}
