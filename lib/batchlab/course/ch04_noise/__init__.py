"""Chapter 4, measure the gradient noise."""

from . import exercise, pictures, runs
from .exercise import two_batch
from .lab import NoiseLab, RunLab
from .runs import steps_of_draws
