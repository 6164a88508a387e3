"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

from . import data, descent, history, models
from .data import Problem
from .descent import fit
from .history import History
from .models import Model

__all__ = ["History", "Model", "Problem", "data", "descent", "fit", "history", "models"]
