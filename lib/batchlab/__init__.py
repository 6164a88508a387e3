"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

import importlib

from . import process

process.inline_small_loops()
with process.imports():
    from . import data, measure, models, sharding
    from .data import Problem
    from .descent import fit
    from .history import History
    from .models import Model

LATE = {"Lab": ".course.ch03_overfit", "course": ".course", "quiz": ".course.quiz"}  # they load matplotlib and widgets
__all__ = ["History", "Model", "Problem", "data", "fit", "measure", "models", "process", "sharding", *LATE]


def __getattr__(name):
    """Load what needs matplotlib and widgets when it is first asked for."""
    if name not in LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(LATE[name], __name__)
    return module.Lab if name == "Lab" else module


def __dir__():
    return sorted({*globals(), *__all__})
