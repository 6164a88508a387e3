"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

from . import (
    chapters,
    compiled,
    counting,
    data,
    descending,
    descent,
    devices,
    history,
    live,
    measure,
    models,
    noise,
    plots,
    quiz,
    sharding,
    stage,
)
from .data import Problem
from .descending import Descents
from .descent import fit
from .devices import StepLab
from .history import History
from .live import Lab
from .models import Model
from .noise import NoiseLab

__all__ = [
    "Descents",
    "History",
    "Lab",
    "Model",
    "NoiseLab",
    "Problem",
    "StepLab",
    "chapters",
    "compiled",
    "counting",
    "data",
    "descending",
    "descent",
    "devices",
    "fit",
    "history",
    "live",
    "measure",
    "models",
    "noise",
    "plots",
    "quiz",
    "sharding",
    "stage",
]
