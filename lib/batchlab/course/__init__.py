"""What belongs to chapters: a folder each, with its picture, what its reader writes, and what it asks.

A chapter's package is imported by name, as in `from batchlab.course import ch04_noise`; that registers its questions
and exercises. No chapter knows another: what two share stands here.
"""

from .. import process

with process.imports():
    from . import plots, quiz
    from .contents import NOTEBOOKS

process.keep_programs()
quiz.read(__file__, "final")

__all__ = ["NOTEBOOKS", "plots", "quiz"]
