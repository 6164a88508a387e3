"""Chapter 10, choose for your own data: a plan, its trial, and a report."""

from . import exercise
from .lab import Choice
from .picker import Picker
from .planning import Trial, plan
from .stills import beyond, probes, result, trust
