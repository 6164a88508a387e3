"""Chapter 1, count epochs, batches, iterations: one update by hand, and the batches that a run really takes."""

from . import exercise, stills
from .exercise import one_epoch
from .lab import Counting, batches, watch
from .stills import left_out, losses_by_epoch, staircase, step_lengths, usage
from .update import LINE, START, Update, gradients, points
