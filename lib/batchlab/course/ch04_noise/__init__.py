"""Chapter 4, measure the gradient noise."""

from . import exercise
from .exercise import two_batch
from .lab import NoiseLab

__all__ = ["NoiseLab", "exercise", "two_batch"]
