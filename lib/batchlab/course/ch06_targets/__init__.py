"""Chapter 6, reach the same accuracy: what a target costs."""

from . import exercise
from .exercise import epochs_to_target
from .lab import TargetLab, digits_sweep

__all__ = ["TargetLab", "digits_sweep", "epochs_to_target", "exercise"]
