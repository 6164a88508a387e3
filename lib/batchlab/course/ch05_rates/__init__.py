"""Chapter 5, match the rate to the batch: a map of both."""

from . import exercise
from .exercise import moons
from .grids import BUDGETS, OPTIMIZERS, RateGrid, best_rates, digits, drawn
from .lab import RateMap
from .plans import descend, follow
from .views import against_rate, one_rate, powers, rules, schedules
