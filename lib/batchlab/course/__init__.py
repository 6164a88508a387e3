"""What belongs to chapters: a folder each, with its picture, what its reader writes, and what it asks.

A chapter's package is imported by name, as in `from batchlab.course import ch04_noise`; that registers its questions
and exercises. No chapter knows another: what two share stands here.
"""

from .. import process

with process.imports():
    from . import plots, quiz

quiz.read(__file__, "final")

__all__ = ["TITLES", "plots", "quiz"]

TITLES = {
    "01": "Count epochs, batches, iterations",
    "02": "Descend three ways",
    "03": "Stop at the right epoch",
    "04": "Measure the gradient noise",
    "05": "Match the rate to the batch",
    "06": "Reach the same accuracy",
    "07": "Fill the memory and the device",
    "08": "Go by the sign: Rprop",
    "09": "Escape a poor minimum",
    "10": "Choose for your own data",
    "final": "The final quiz",
}
