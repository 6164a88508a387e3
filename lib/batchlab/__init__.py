"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

from . import (
    chapters,
    compiled,
    counting,
    data,
    descending,
    descent,
    grids,
    history,
    live,
    measure,
    models,
    noise,
    plots,
    quiz,
    rates,
    stage,
    sweeps,
)
from .data import Problem
from .descending import Descents
from .descent import fit
from .history import History
from .live import Lab
from .models import Model
from .noise import NoiseLab
from .rates import RateMap

__all__ = [
    "Descents",
    "History",
    "Lab",
    "Model",
    "NoiseLab",
    "Problem",
    "RateMap",
    "chapters",
    "compiled",
    "counting",
    "data",
    "descending",
    "descent",
    "fit",
    "grids",
    "history",
    "live",
    "measure",
    "models",
    "noise",
    "plots",
    "quiz",
    "rates",
    "stage",
    "sweeps",
]
