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
