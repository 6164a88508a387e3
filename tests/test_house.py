"""The house: who may import whom, how large its parts may be, and what importing it loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import batchlab

HOUSE = Path(__file__).resolve().parents[1] / "lib/batchlab"
MODULES = sorted(HOUSE.rglob("*.py"))
LINES, CLASS_LINES = 400, 200  # the most of a module, and of a class, outside course/
BELOW_LIVE = {"checks", "progress", "process"}  # what a live picture may know of the library


def name(path):
    """The parts of a module's name below `batchlab`: course/plots.py -> ("course", "plots")."""
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(path):
    """What a module imports of the house, as parts of names; a name that is imported counts as a part."""
    package = name(path) if path.name == "__init__.py" else name(path)[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [(0, alias.name.split("."), None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [(node.level, (node.module or "").split("."), alias.name) for alias in node.names]
        else:
            continue
        for level, parts, last in found:
            parts = [part for part in [*parts, last] if part]
            if level:
                yield (*package[: len(package) + 1 - level], *parts)
            elif parts[0] == "batchlab":
                yield tuple(parts[1:])


def forbidden(path):
    """What a module imports and must not."""
    here = name(path)
    for there in imported(path):
        room = there[0] if there else ""
        if here[:1] == ("live",):
            wrong = room != "live" and room not in BELOW_LIVE
        elif here[:1] == ("course",):
            chapters = [
                parts[1] for parts in (here, there) if parts[0] == "course" and parts[1:2] and is_chapter(parts[1])
            ]
            wrong = len(set(chapters)) > 1 or (chapters and not is_chapter((*here, "")[1]))
        else:
            wrong = room in ("live", "course")
        if wrong:
            yield ".".join(there)


def is_chapter(part):
    return part.startswith("ch") and part[2:4].isdigit()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(name(path)) or "batchlab")
class TestModule:
    def test_it_imports_only_what_it_stands_on(self, path):
        assert not list(forbidden(path))

    def test_it_is_short(self, path):
        here = ".".join(name(path))
        if here.startswith("course"):
            return
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LINES
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                assert node.end_lineno - node.lineno < CLASS_LINES, node.name


CORE = ("data", "models", "descent", "history")  # what a learner reads


def lines(*modules):
    return sum(len((HOUSE / f"{module}.py").read_text(encoding="utf-8").splitlines()) for module in modules)


def test_what_a_learner_reads_is_short():
    assert lines("descent") <= 130
    assert lines(*CORE) <= 700


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("data", "from . import live"),
        ("data", "from batchlab.course import plots"),
        ("measure/rates", "from ..course.plots import png"),
        ("measure/rates", "import batchlab.live"),
        ("live/stage", "from .. import data"),
        ("live/stage", "from ..descent import fit"),
        ("live/stage", "import batchlab.course"),
        ("course/ch03_overfit/lab", "from ..ch04_noise import lab"),
        ("course/ch03_overfit/lab", "from .. import ch04_noise"),
        ("course/ch03_overfit/lab", "from batchlab.course.ch04_noise.lab import NoiseLab"),
        ("course/plots", "from .ch04_noise import lab"),
    ],
)
def test_what_must_not_be_imported_is_found(tmp_path, monkeypatch, module, text):
    monkeypatch.setitem(globals(), "HOUSE", tmp_path)
    path = tmp_path / f"{module}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")
    assert list(forbidden(path))
    path.write_text("import numpy\n")
    assert not list(forbidden(path))


HEAVY = ("matplotlib", "ipywidgets", "anywidget", "tqdm.auto")  # the last loads ipywidgets inside a kernel


def loaded(code):
    """Which of the heavy packages are loaded after some code, in a process of its own."""
    code += f"\nimport sys\nprint(*(package for package in {HEAVY} if package in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_importing_the_library_loads_neither_matplotlib_nor_widgets():
    assert loaded("import batchlab as bl\nbl.fit(bl.data.noisy_sine(), batch_size=3, num_epochs=1)") == []


def test_the_lab_the_quiz_and_the_course_come_when_they_are_asked_for():
    assert "ipywidgets" in loaded("import batchlab as bl\nassert {'Lab', 'course', 'quiz'} <= set(dir(bl))\nbl.Lab")
    loaded("import batchlab as bl\nbl.quiz.reset, bl.course.NOTEBOOKS")


def test_what_is_not_there_is_said():
    with pytest.raises(AttributeError, match="'batchlab' has no attribute 'Labs'"):
        batchlab.Labs  # noqa: B018
