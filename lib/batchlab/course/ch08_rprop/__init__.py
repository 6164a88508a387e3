"""Chapter 8, go by the sign: Rprop."""

from . import exercise
from .exercise import rprop_step
from .lab import SignLab
from .rules import NINE_AND_ONE, drift, follow, gradient_sizes, one_in_ten, rprop

__all__ = [
    "NINE_AND_ONE",
    "SignLab",
    "drift",
    "exercise",
    "follow",
    "gradient_sizes",
    "one_in_ten",
    "rprop",
    "rprop_step",
]
