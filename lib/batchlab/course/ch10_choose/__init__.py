"""Chapter 10, choose for your own data: a plan, its trial, and a report."""

from . import exercise
from .exercise import predict_epochs
from .lab import Choice
from .planning import Trial, plan

__all__ = ["Choice", "Trial", "exercise", "plan", "predict_epochs"]
