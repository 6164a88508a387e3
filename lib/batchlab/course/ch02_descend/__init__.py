"""Chapter 2, descend three ways: loss surfaces, and the paths on them."""

from . import exercise
from .lab import Descents
from .surfaces import basins, decayed_sgd, path, straight_line, surface, two_bumps
from .views import (
    FACTORIES,
    basins_map,
    distances,
    distances_picture,
    floors_picture,
    highest_rates,
    late_excess,
    rates_picture,
    strays,
)

__all__ = [
    "FACTORIES",
    "Descents",
    "basins",
    "basins_map",
    "decayed_sgd",
    "distances",
    "distances_picture",
    "exercise",
    "floors_picture",
    "highest_rates",
    "late_excess",
    "path",
    "rates_picture",
    "straight_line",
    "strays",
    "surface",
    "two_bumps",
]
