"""What is asked: read from a text file beside its chapter, judged and explained. Plain Python, without a widget.

The file `questions.toml` holds, for each question, its title, its text and its options, each with what is said to
who chose it, and for each exercise its title, hints, advice on typical mistakes, and solution. Another language is a
second file beside it, such as `questions.zh.toml`; what it does not hold is said in English.
"""

import html
import importlib
import os
import pathlib
import random
import re
import tomllib

from .progress import Words, load

QUESTIONS = {}  # key -> Question
EXERCISE_TEXTS = {}  # key -> {"title", "hints", "advice": {name of a mistake: what is said of it}, "solution"}
ASKED = {}  # key -> name, of the questions asked in this kernel

_sources = set()  # the English files read so far
_language = os.environ.get("BATCHLAB_LANGUAGE", "en")


class Question:
    """A question with a few answers to choose from, and what is on record about it.

    Args:
        key: the name under which the answer is kept, beginning with the chapter: "03.more_epochs".
        text: the question.
        options: answer -> what is said to who chose it. Each wrong answer deserves its own explanation.
        answer: position of the right option, counted from 0, or several of them.
        title: what to call it in a list.
        spoilers: regular expressions of what would give the answer away; a test looks for them above the question.

    >>> from batchlab.course import quiz
    >>> _ = quiz.progress_file("off")
    >>> drawn = Question(
    ...     "01.drawn",
    ...     "How often does one epoch use a sample?",
    ...     {"Once.": "An epoch is one pass.", "B times.": "B is the size of a batch, not a number of uses."},
    ...     answer=0,
    ... )
    >>> drawn.record(drawn.option(1))
    You predicted: B times.
    Not so: B is the size of a batch, not a number of uses.
    >>> drawn.standing()
    'wrong'
    """

    heading, answered, skipped = "Your prediction", "You predicted", "You skipped this one."
    look = "Now look: the picture is unlocked."
    wanted = "Choose one of the answers first, or skip."

    def __init__(self, key, text, options, *, answer, title="", spoilers=()):
        self.key, self.text, self.options, self.title, self.spoilers = key, text, dict(options), title, spoilers
        self.name = title or text  # what to call it
        positions = {answer} if isinstance(answer, int) else set(answer)
        if not positions or not positions <= set(range(len(self.options))):
            raise ValueError(f"{key}: answer={answer} must be positions from 0 to {len(self.options) - 1}.")
        self.right = {self.option(position) for position in positions}
        self.form = len(self.options), positions  # what a translation leaves as it is
        self.asks = f"{len(self.options)} options"  # what there is to choose from, in words

    def option(self, choice):
        """The option at a position, counted from 0."""
        if choice not in range(len(self.options)):
            raise ValueError(f"There is no option {choice}: choose from 0 to {len(self.options) - 1}.")
        return list(self.options)[choice]

    def answers(self):
        """The answers so far, oldest first, None for a skip. Answers to another wording do not count."""
        given = [entry["answer"] for entry in load().read()["predictions"].get(self.key, [])]
        return [answer for answer in given if answer is None or self.fits(answer)]

    def record(self, answer, explained=True):
        """Put an answer on record, None for a skip; return what is said about it."""
        with load().change() as record:
            given = record["predictions"].setdefault(self.key, [])
            if not given or given[-1]["answer"] != answer:
                given.append({"answer": answer, "right": self.judge(answer)[0]})
        return self.words(explained)

    def standing(self):
        """How the latest answer stands: open, skipped, right, wrong, or given: a number not yet compared."""
        answers = self.answers()
        if not answers:
            return "open"
        if answers[-1] is None:
            return "skipped"
        return {True: "right", False: "wrong", None: "given"}[self.judge(answers[-1])[0]]

    def words(self, explained=True):
        """What is said about the latest answer; nothing if there is none. Unless `explained`, only that it is given."""
        answers, notice = self.answers(), load().notice()
        if not answers:
            return Words(notice)
        first, latest = answers[0], answers[-1]
        right, why = self.judge(latest) if explained else (None, self.look)
        lines = [self.skipped if latest is None else f"{self.answered}: {self.spoken(latest)}", why]
        if first != latest:
            lines.append("At first you skipped." if first is None else f"Your first answer was: {self.spoken(first)}")
        return Words("\n".join(filter(None, [*lines, notice])), right)

    def fits(self, answer):
        """Whether this is an answer to this question."""
        return answer in self.options

    def judge(self, answer):
        """Return whether an answer is right (None: not known) and what to say about it."""
        if answer is None:
            return None, ""
        return answer in self.right, f"{'Right' if answer in self.right else 'Not so'}: {self.options[answer]}"

    def spoken(self, answer):
        """An answer, as it is said."""
        return answer

    # What the page needs; a question with another kind of field has its own.

    def field(self):
        """What the page offers: the options, in an order that is shuffled by the question's key."""
        return {"options": random.Random(self.key).sample(list(self.options), len(self.options))}

    def taken(self, value):
        """The answer that the page hands in; None if it is none."""
        return value if value in self.options else None

    def as_html(self):
        """The question for viewers without a kernel."""
        return f"<p><b>{self.heading}:</b> {html.escape(self.text)}</p>{self._field_as_html()}"

    def _field_as_html(self):
        return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in self.field()["options"]) + "</ul>"

    def for_a_page(self):
        """All that may be said about answers, for `playQuestion` of question.js, which has no kernel to ask."""
        fixed = {name: getattr(self, name) for name in ("answered", "skipped", "look", "wanted")}
        return {**fixed, "unanswered": self.judge(None), **self._judgements()}

    def _judgements(self):
        return {"options": {option: self.judge(option) for option in self.options}}


class FinalQuestion(Question):
    """A question of the final quiz, which is answered rather than predicted."""

    heading, answered = "Question", "You answered"


class NumberQuestion(Question):
    """A question whose answer is a number from `low` to `high`, compared with a measured one once that is known.

    It counts as right if it differs by at most the fraction `within` of the measured value. `whys` says more to who
    chose a certain number: {number: what is said}.
    """

    def __init__(self, key, text, low, high, *, unit="", within=0.25, whys=None, title="", spoilers=()):
        self.key, self.text, self.title, self.name, self.spoilers = key, text, title, title or text, spoilers
        self.low, self.high, self.unit, self.within, self.measured = low, high, unit, within, None
        self.whys, self.form, self.asks = whys or {}, (low, high, within), f"a number from {low} to {high}"
        self.wanted = f"Type {self.asks} first, or skip."

    def option(self, choice):
        """The number, as JSON can hold it."""
        choice = _plain(choice)
        if not self.fits(choice):
            raise ValueError(f"{choice} is out of range: choose {self.asks}.")
        return choice

    def reveal(self, measured):
        """Compare with the measured value. Before there is an answer, nothing is given away."""
        self.measured = _plain(measured)
        if not self.answers():
            return Words("The measured value is shown once you have predicted or skipped. Then run this cell again.")
        with load().change() as record:
            for entry in record["predictions"][self.key]:
                if self.fits(entry["answer"]):
                    entry["right"] = self.judge(entry["answer"])[0]
        return self.words()

    def fits(self, answer):
        """Whether this is a number in the range."""
        return isinstance(answer, (int, float)) and self.low <= answer <= self.high

    def judge(self, answer):
        """Return whether a number is right (None: not known) and what to say about it."""
        if self.measured is None:
            return None, ""
        if answer is None:
            return None, f"Now {self._found()}."
        gap = answer - self.measured
        right = abs(gap) <= self.within * abs(self.measured)
        said = self._verdict(right, (gap > 0) - (gap < 0)).replace("{gap}", format(abs(gap), ".4g"))
        return right, f"{said} {self.whys.get(answer, '')}".strip()

    def _found(self):
        return f"the measurement gives {self.spoken(self.measured)}"

    def _verdict(self, right, side):
        """What is said to a number that is too low (-1), exact (0) or too high (1), by {gap}."""
        apart = {-1: "yours is {gap} too low", 0: "as you said", 1: "yours is {gap} too high"}[side]
        rule = f" (at most {100 * self.within:g} % off counts as right)" if self.within else ""
        return f"{'Right' if right else 'Not so'}: {self._found()}, {apart}{rule}."

    def _judgements(self):
        if self.measured is None:
            raise ValueError(f"{self.key} is not measured yet: call `reveal` first.")
        verdicts = {right: {side: self._verdict(right, side) for side in (-1, 0, 1)} for right in (False, True)}
        return {"measured": self.measured, "within": self.within, "verdicts": verdicts, "whys": self.whys}

    def spoken(self, answer):
        """A number with its unit."""
        return f"{answer if isinstance(answer, int) else format(answer, '.4g')} {self.unit}".strip()

    def field(self):
        """What the page offers: a box to type a number of this range into."""
        return {"low": self.low, "high": self.high, "unit": self.unit}

    def taken(self, value):
        """The number that was typed; None if it is none of this range."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        if not self.fits(number):
            return None
        return int(number) if number.is_integer() else number

    def _field_as_html(self):
        return f"<p>Answer: {self.asks} {html.escape(self.unit)}</p>"


def _plain(number):
    """Return a NumPy or JAX scalar as the Python number that JSON can hold."""
    return number.item() if hasattr(number, "item") else number


# ---- text files ------------------------------------------------------------------------------------------------------


def read(beside, name="questions"):
    """Take up the questions and the texts of exercises in `<name>.toml` beside a Python file."""
    path = pathlib.Path(beside).with_name(f"{name}.toml")
    _sources.add(path)
    _take_up(path)


def language(code=None):
    """Ask in this language, such as "zh", wherever a chapter has a file for it, and in English ("en") elsewhere.

    Returns the language in use; the environment variable BATCHLAB_LANGUAGE chooses it at the start. An answer is
    remembered in the words in which it was given, so a question asked in other words is open again.
    """
    global _language
    if code is not None:
        if not re.fullmatch(r"[A-Za-z]{2,3}([-_]\w+)?", str(code)):
            raise ValueError(f"language is {code!r}; it must be a short code such as 'en' or 'zh'.")
        _language = code
        for path in _sources:
            _take_up(path)
    return _language


def _take_up(path):
    questions, exercises = _understood(path)
    other = path.with_name(f"{path.stem}.{_language}.toml")
    if other.exists():
        said, worked = _understood(other)
        for key, translated in said.items():
            if key not in questions or questions[key].form != translated.form:
                same = "the options in the same order, or the same low, high and within"
                raise ValueError(f"{other.name}: {key} must be asked as in {path.name}: {same}.")
        for key, translated in worked.items():
            english = exercises.get(key, translated)
            exercises[key] = english | translated | {"advice": english["advice"] | translated["advice"]}
        questions |= said
    QUESTIONS.update(questions)
    EXERCISE_TEXTS.update(exercises)


def _understood(path):
    """The questions and the texts of the exercises in a file, or an error that says what is wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        unknown = set(content) - {"questions", "exercises"}
        if unknown:
            raise ValueError(f"there is no part called {min(unknown)!r}, only 'questions' and 'exercises'")
        questions = {key: _question(key, entry) for key, entry in content.get("questions", {}).items()}
        exercises = {key: _exercise_text(key, entry) for key, entry in content.get("exercises", {}).items()}
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}.") from None
    return questions, exercises


def _question(key, entry):
    kind, options, one = entry.get("kind", "choice"), entry.get("options", []), f"an option of {key}"
    asked = {"text": _text(entry, "question", key), "title": _text(entry, "title", key, needed=False)}
    asked["spoilers"] = _texts(entry, "spoilers", key)
    if kind == "number":
        about = {name: entry[name] for name in ("low", "high", "unit", "within") if name in entry}
        if not all(isinstance(about.get(end), (int, float)) for end in ("low", "high")):
            raise ValueError(f"{key} asks for a number: it needs 'low' and 'high'")
        whys = {option.get("number"): _text(option, "why", one) for option in options}
        return NumberQuestion(key, **asked, **about, whys=whys)
    if kind != "choice":
        raise ValueError(f"{key} is of kind {kind!r}; it must be 'choice' or 'number'")
    if not isinstance(options, list) or len(options) < 2:
        raise ValueError(f'{key} needs two options or more, each under [[questions."{key}".options]]')
    whys = {_text(option, "text", one): _text(option, "why", one) for option in options}
    right = tuple(at for at, option in enumerate(options) if option.get("right") is True)
    if len(whys) < len(options):
        raise ValueError(f"{key} has the same option twice")
    if not right:
        raise ValueError(f"{key} has no option with `right = true`")
    return Question(key, **asked, options=whys, answer=right)


def _exercise_text(key, entry):
    texts = {"title": _text(entry, "title", key), "hints": _texts(entry, "hints", key)}
    advice = entry.get("advice", {})
    if not isinstance(advice, dict):
        raise ValueError(f"the advice of {key} must be texts, each under the name of a mistake")
    texts["advice"] = {name: _text(advice, name, f"the advice of {key}") for name in advice}
    return texts | ({"solution": entry["solution"].strip()} if _text(entry, "solution", key, needed=False) else {})


def _texts(entry, name, key):
    """A list of texts of an entry, each on one line."""
    texts = entry.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the {name} of {key} must be a list of texts")
    return tuple(" ".join(text.split()) for text in texts)


def _text(entry, name, whose, needed=True):
    """A text of an entry, on one line however it is wrapped in the file."""
    value = entry.get(name, "") if isinstance(entry, dict) else None
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ValueError(f"{whose} needs a text {name!r}")
    return " ".join(value.split())


def find(kept, key, what):
    """What is kept under a key; the chapter that it begins with is imported if it has not been."""
    if key not in kept:
        import_chapter(key.split(".")[0])
    if key not in kept:
        raise KeyError(f"There is no {what} {key!r}. There are: {', '.join(kept)}.")
    return kept[key]


def import_chapter(number):
    """Import the package of chapter "03", which registers its questions and exercises; nothing if there is none."""
    for package in pathlib.Path(__file__).parents[1].glob(f"ch{number}_*/__init__.py"):
        importlib.import_module(f"...{package.parent.name}", __name__)
