"""Predict first, then look; write it yourself, then be told what is wrong.

A picture that is merely watched teaches little; one whose outcome was predicted first teaches more (Crouch et al. 2004,
https://doi.org/10.1119/1.1707018). So a picture stays locked until its reader has said what it will show, and a chapter
ends with a few lines to write and a check that answers in words. The story has four parts:

1. `progress` remembers what was answered, in one small file beside the notebooks.
2. `questions` reads what a chapter asks, from a text file beside it, judges an answer, and explains it.
3. `predictions` shows a question, keeps the answer on view, and unlocks the picture; `Final` asks at the end.
4. `exercises` runs a checker over the reader's code. A checker is a plain function that raises `Wrong`.

A key begins with its chapter: "03.more_epochs". All texts are plain text. Nothing here draws or trains.
"""

# ruff: noqa: F401, the names are for those who ask and check

from . import exercises, predictions, progress, questions
from .exercises import EXERCISES, Exercise, Wrong, chapter_done, exercise, filled_in, register, wrong
from .predictions import Final, Prediction, ask
from .progress import Progress, Words, load, progress_file, reset, summary
from .questions import QUESTIONS, NumberQuestion, Question, language, read
