"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

from . import chapters, compiled, data, descent, history, live, models, plots, quiz, stage
from .data import Problem
from .descent import fit
from .history import History
from .live import Lab
from .models import Model

__all__ = [
    "History",
    "Lab",
    "Model",
    "Problem",
    "chapters",
    "compiled",
    "data",
    "descent",
    "fit",
    "history",
    "live",
    "models",
    "plots",
    "quiz",
    "stage",
]
