"""Chapter 6, reach the same accuracy: what a target costs."""

from . import exercise
from .lab import TargetLab
from .races import OPTIMIZERS, digits, digits_sweep, race, races, travel
from .views import accuracy_at_equal_budgets, epochs_over_draws, law_and_noise, travelled
