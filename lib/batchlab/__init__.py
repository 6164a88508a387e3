"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

from . import (
    chapters,
    choosing,
    compiled,
    counting,
    data,
    descending,
    descent,
    history,
    live,
    measure,
    models,
    noise,
    planning,
    plots,
    quiz,
    report,
    stage,
    sweeps,
)
from .choosing import Choice
from .data import Problem
from .descending import Descents
from .descent import fit
from .history import History
from .live import Lab
from .models import Model
from .noise import NoiseLab

__all__ = [
    "Choice",
    "Descents",
    "History",
    "Lab",
    "Model",
    "NoiseLab",
    "Problem",
    "chapters",
    "choosing",
    "compiled",
    "counting",
    "data",
    "descending",
    "descent",
    "fit",
    "history",
    "live",
    "measure",
    "models",
    "noise",
    "planning",
    "plots",
    "quiz",
    "report",
    "stage",
    "sweeps",
]
