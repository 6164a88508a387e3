"""Chapter 9, escape a poor minimum: a wheel with a bumpy loss."""

from . import accuracy, exercise
from .accuracy import accuracies, differences
from .bumps import NOISES, descend, ends, escapes, escapes_by_rate, nearest_share, wheel
from .lab import EscapeLab
from .stills import ends_map, gains, landscape, shares, shares_by_rate, slow
