"""Chapter 9, escape a poor minimum: a wheel with a bumpy loss."""

from . import exercise
from .bumps import NOISES, descend, ends, wheel
from .exercise import noise_deviation
from .lab import EscapeLab
from .views import ends_map

__all__ = ["NOISES", "EscapeLab", "descend", "ends", "ends_map", "exercise", "noise_deviation", "wheel"]
