"""The library on the oldest JAX that pyproject.toml admits, which `make test` puts into a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .test_project import PYPROJECT, ROOT, lines_of

OLDEST = Path(sys.prefix) / "oldest"
LIBRARY = ("test_descent", "test_history", "test_models", "test_sweeps", "test_measure", "test_data")
LISTED = [Requirement(line) for line in lines_of((ROOT / "tests/oldest.txt").read_text())]


@pytest.mark.parametrize("name", ["jax", "jaxlib", "optax"])
def test_what_is_tried_is_the_oldest_that_is_admitted(name):
    (wanted,) = (wanted for wanted in map(Requirement, PYPROJECT["project"]["dependencies"]) if wanted.name == name)
    (tried,) = (tried for tried in LISTED if tried.name == name)
    (low,) = (part.version for part in wanted.specifier if part.operator == ">=")
    assert str(tried.specifier) == f"=={low}"


@pytest.mark.slow
def test_the_library_runs_on_the_oldest_jax():
    if not OLDEST.is_dir():
        pytest.skip("`make test` installs it")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = os.pathsep.join(map(str, (OLDEST, ROOT / "lib")))
    asked = [sys.executable, "-c", "import jax, batchlab; print(jax.__version__, batchlab.__file__)"]
    version, place = subprocess.run(asked, env=env, capture_output=True, text=True, check=True).stdout.split()
    assert f"jax=={version}" in [str(tried) for tried in LISTED]
    assert Path(place) == ROOT / "lib/batchlab/__init__.py"
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "--import-mode=importlib"]
    command += [f"tests/library/{name}.py" for name in LIBRARY]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
