"""Chapter 3, stop at the right epoch: the overfitting lab."""

from . import exercise
from .exercise import early_stopping
from .lab import Lab
from .views import best_epochs

__all__ = ["Lab", "best_epochs", "early_stopping", "exercise"]
