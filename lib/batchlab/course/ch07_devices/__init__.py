"""Chapter 7, fill the memory and the device: bytes and seconds of a step."""

from . import exercise
from .exercise import accumulate
from .gpus import on_a_gpu
from .lab import StepLab
from .plans import OPTIMIZERS, STEP, plan
from .views import optimizers_memory, speed
