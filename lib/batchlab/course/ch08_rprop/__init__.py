"""Chapter 8, go by the sign: Rprop."""

from . import exercise
from .exercise import rprop_step
from .lab import SignLab
from .rules import NINE_AND_ONE, bowls, follow, left_by, one_in_ten, rprop, wine
from .views import bowls_picture, drift, epochs_to, gradient_sizes, units_picture
