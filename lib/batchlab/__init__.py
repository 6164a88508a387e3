"""See what epochs and batch size do: small models trained by gradient descent, and a lab with sliders to watch it."""

import importlib

from . import process

process.inline_small_loops()
with process.imports():
    from . import (
        arguments,
        checks,
        data,
        descent,
        history,
        measure,
        models,
        pieces,
        progress,
        sharding,
        shuffling,
        sweeps,
        tables,
    )
    from .data import Problem
    from .descent import fit
    from .history import History
    from .models import Model

__all__ = [
    "History",
    "Lab",
    "Model",
    "Problem",
    "arguments",
    "checks",
    "course",
    "data",
    "descent",
    "fit",
    "history",
    "measure",
    "models",
    "pieces",
    "process",
    "progress",
    "quiz",
    "sharding",
    "shuffling",
    "sweeps",
    "tables",
]


def __getattr__(name):
    """Load what needs matplotlib and widgets when it is first asked for."""
    if name == "Lab":
        return importlib.import_module(".course.ch03_overfit", __name__).Lab
    if name in ("course", "quiz"):
        return importlib.import_module({"course": ".course", "quiz": ".course.quiz"}[name], __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
