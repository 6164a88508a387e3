"""Chapter 5, match the rate to the batch: a map of both."""

from . import exercise
from .exercise import best_rate
from .grids import BUDGETS, RateGrid
from .lab import RateMap
from .views import schedules

__all__ = ["BUDGETS", "RateGrid", "RateMap", "best_rate", "exercise", "schedules"]
