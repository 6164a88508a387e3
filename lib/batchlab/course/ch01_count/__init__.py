"""Chapter 1, count epochs, batches, iterations: a rectangle for every batch, and the gradients that show it."""

from . import exercise
from .exercise import count_updates, epoch_batches
from .lab import Counting, batches, watch
from .update import LINE, START, Update, gradients, points

__all__ = ["Counting", "batches", "count_updates", "epoch_batches", "exercise", "watch"]
