"""The boxes "In your framework" of the notebooks: what they show, and running it.

A chapter's last section but the reading is headed "## In your framework". Under **PyTorch**, **Keras** and **Optax** it
shows a fenced block of Python each. A block may use names that the section's text gives it, such as `x` and `y`.
"""

import ast
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
FRAMEWORKS = ("PyTorch", "Keras", "Optax")
HEADING = "## In your framework"


def boxes(chapter):
    """The blocks of a chapter, {framework: source}, as "03" shows them."""
    (path,) = FOLDER.glob(f"{chapter}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    section = re.split(r"(?m)^## ", text.partition(f"{HEADING}\n")[2])[0]
    found = re.findall(r"(?ms)\*\*(\w+)\*\*[^\n]*\n+```python\n(.*?)^```", section)
    for _, source in found:
        ast.parse(source)
    return dict(found)


def run(chapter, framework, **names):
    """Run a chapter's block with these names; return all names that there are then. PyTorch may be missing."""
    if framework == "PyTorch":
        pytest.importorskip("torch")
    exec(compile(boxes(chapter)[framework], f"{chapter} in {framework}", "exec"), names)
    return names
