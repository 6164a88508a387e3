"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

import gc

# What the imports make is no garbage. To look through it takes a tenth of a second, and would again while a lab runs.
_collecting = gc.isenabled()
gc.disable()

from . import (
    bumps,
    chapters,
    choosing,
    compiled,
    counting,
    data,
    descending,
    descent,
    devices,
    escaping,
    grids,
    history,
    live,
    measure,
    models,
    noise,
    pieces,
    planning,
    plots,
    quiz,
    rates,
    reaching,
    report,
    rules,
    sharding,
    signs,
    stage,
    sweeps,
)
from .choosing import Choice
from .data import Problem
from .descending import Descents
from .descent import fit
from .devices import StepLab
from .escaping import EscapeLab
from .history import History
from .live import Lab
from .models import Model
from .noise import NoiseLab
from .rates import RateMap
from .reaching import TargetLab
from .signs import SignLab

__all__ = [
    "Choice",
    "Descents",
    "EscapeLab",
    "History",
    "Lab",
    "Model",
    "NoiseLab",
    "Problem",
    "RateMap",
    "SignLab",
    "StepLab",
    "TargetLab",
    "bumps",
    "chapters",
    "choosing",
    "compiled",
    "counting",
    "data",
    "descending",
    "descent",
    "devices",
    "escaping",
    "fit",
    "grids",
    "history",
    "live",
    "measure",
    "models",
    "noise",
    "pieces",
    "planning",
    "plots",
    "quiz",
    "rates",
    "reaching",
    "report",
    "rules",
    "sharding",
    "signs",
    "stage",
    "sweeps",
]

compiled.inline_small_loops()
gc.freeze()
if _collecting:
    gc.enable()
