"""Chapter 3, stop at the right epoch: the overfitting lab, and what ten draws of the data say."""

from . import exercise
from .draws import ten_draws
from .exercise import early_stopping
from .lab import Lab
from .stills import against_batch, best_epochs, condition, one_for_all, patience, rise, turn
