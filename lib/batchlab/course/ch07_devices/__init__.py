"""Chapter 7, fill the memory and the device: bytes and seconds of a step."""

from . import exercise
from .exercise import accumulate
from .lab import StepLab

__all__ = ["StepLab", "accumulate", "exercise"]
