"""Markdown tables, and the machine that their numbers hold for."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

PACKAGES = ("jax", "numpy", "torch", "scikit-learn", "matplotlib", "ipywidgets", "ipykernel", "jupyterlab", "ipympl")


def machine():
    """One line: processor, cores, system, versions; and a warning where others are using the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    line = f"{model}, {cores} cores, {platform.system()} {platform.machine()}; {', '.join(versions)}"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return (
        line
        if load < 0.5
        else f"{line}\n\n**The load is {load:.1f}: something else is running, the numbers are noisy.**"
    )


def heading(text, *paragraphs):
    print(f"\n## {text}\n", *(f"\n{paragraph}\n" for paragraph in paragraphs), sep="", flush=True)


def table(header, rows):
    """Print a Markdown table; columns after the first are numbers and stand to the right."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in [rows[0], rule, *rows[1:]]:
        first, *rest = (f"{cell:{'>' if i else '<'}{widths[i]}}" for i, cell in enumerate(row))
        print(f"| {' | '.join([first, *rest])} |")
    print(flush=True)


def progress(text):
    """Say what is being measured; on stderr, so that the tables can be kept by redirecting stdout."""
    print(f"... {text}", file=sys.stderr, flush=True)


def verdict(met):
    return "met" if met else "MISSED"
