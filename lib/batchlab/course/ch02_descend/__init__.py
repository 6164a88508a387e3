"""Chapter 2, descend three ways: loss surfaces, and the paths on them."""

from . import exercise
from .exercise import one_epoch
from .lab import Descents
from .surfaces import basins, decayed_sgd, path, straight_line, surface, two_bumps
from .views import basins_map

__all__ = [
    "Descents",
    "basins",
    "basins_map",
    "decayed_sgd",
    "exercise",
    "one_epoch",
    "path",
    "straight_line",
    "surface",
    "two_bumps",
]
