"""The roads by which a reader comes, as far as they can be walked here: Binder, a wheel, CI, a container."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

import batchlab.__main__ as copying

from .test_project import ROOT, needs_make, tracked

PACKAGES = Path(sys.prefix) / "roads"
needs_packages = pytest.mark.skipif(not PACKAGES.is_dir(), reason="`make test` installs what it needs")


def with_packages(*command, folder=ROOT):
    env = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=folder, env=env, capture_output=True, text=True
    )


# ---------------------------------------------------------------------------------------------------------- Binder


@needs_packages
def test_binder_keeps_the_environment_and_builds_as_a_user_who_is_not_root():
    command = ["repo2docker", "--no-build", "--debug", "--user-id", "1000", "--user-name", "jovyan", "."]
    done = with_packages(*command)
    assert done.returncode == 0, done.stderr
    assert "Building conda environment for python=3.11\n" in done.stderr
    steps, user = [], "root"
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        user = rest if word == "USER" else user
        if word in ("RUN", "COPY"):
            steps.append((user, rest))
    installs = ("${NB_USER}", '${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "binder/requirements.txt"')
    copies = ("root", "--chown=1000:1000 src/ ${REPO_DIR}/")
    builds = ("${NB_USER}", "./binder/postBuild")
    assert steps.index(installs) < steps.index(copies) < steps.index(builds)
    before = [rest for _, rest in steps[: steps.index(copies)] if "src/" in rest]
    assert before == ["--chown=1000:1000 src/binder/requirements.txt ${REPO_DIR}/binder/requirements.txt"]


# ------------------------------------------------------------------------------------------ python -m batchlab


COURSE = sorted(
    [*(path.name for path in tracked("notebooks/[01][0-9]_*.ipynb")), "GLOSSARY.md"]
    + [f"images/open-in-{name}.svg" for name in ("binder", "colab")]
)


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_notebooks_are_copied_and_a_changed_one_is_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "batchlab-notebooks"
    assert copying.main(["--no-open"]) == 0
    assert files_in(folder) == COURSE
    assert f"{len(COURSE)} files copied into {folder}\n" in capsys.readouterr().out
    changed = folder / "01_count_epochs_batches_iterations.ipynb"
    changed.write_text("mine", encoding="utf-8")
    (folder / "GLOSSARY.md").unlink()
    assert copying.main(["--no-open"]) == 0
    said = capsys.readouterr().out
    assert "1 file copied" in said
    assert f"Kept, though the course's own differ: {changed.name}. Rename yours" in said
    assert f"Open {folder / copying.START} in JupyterLab, Jupyter" in said
    assert changed.read_text(encoding="utf-8") == "mine"
    assert files_in(folder) == COURSE
    monkeypatch.setattr(copying.importlib.util, "find_spec", lambda name: None)
    assert copying.main([]) == 0
    assert "in JupyterLab (pip install jupyterlab), Jupyter" in capsys.readouterr().out


def test_a_folder_that_cannot_be_is_said(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        copying.main([str(tmp_path / "file"), "--no-open"])
    assert "file" in capsys.readouterr().err.splitlines()[-1]


def test_a_library_without_notebooks_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(copying, "source", lambda: tmp_path)
    with pytest.raises(SystemExit):
        copying.main([str(tmp_path / "course"), "--no-open"])
    assert "there are no notebooks in" in capsys.readouterr().err


def test_jupyterlab_understands_how_it_is_opened(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(copying, "serve", commands.append)
    copying.main([str(tmp_path)])
    (command,) = commands
    shown = subprocess.run([*command, "--show-config-json"], capture_output=True, text=True, check=True)
    config = json.loads(shown.stdout)
    assert config["ServerApp"]["root_dir"] == str(tmp_path)
    assert config["LabApp"]["default_url"] == "/lab/tree/00_start_here.ipynb"


@pytest.mark.skipif(os.name == "nt", reason="a process there has no parent to interrupt")
def test_control_c_leaves_the_server_to_ask():
    code = "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(0.5); raise SystemExit(3)"
    assert copying.serve([sys.executable, "-c", code]) == 3


@needs_packages
def test_a_wheel_brings_the_notebooks(tmp_path):
    done = with_packages("hatchling", "build", "--target", "wheel", "--directory", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("batchlab-*.whl")
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(place)
    for path in tracked("lib/*"):
        assert path.relative_to(ROOT / "lib").as_posix() in names
    for path in tracked("benchmarks/results/*"):
        assert f"batchlab/course/ch07_devices/results/{path.name}" in names
    command = [sys.executable, "-m", "batchlab", "course", "--no-open"]
    env = {**os.environ, "PYTHONPATH": str(place)}
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    assert files_in(tmp_path / "course") == COURSE
    # A cell that installs finds the library there: its second half, which no plain Python understands, is not reached.
    notebook = nbformat.read(tmp_path / "course/00_start_here.ipynb", as_version=4)
    install = notebook.cells[1].source.replace("    %pip", "    raise SystemExit  # %pip")
    code = f"{install}\nimport batchlab\nprint(batchlab.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == str(place / "batchlab/__init__.py")


# ----------------------------------------------------------------------------------------- containers and CI


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps_of(path):
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    for job in jobs.values():
        assert set([job.get("needs", [])] if isinstance(job.get("needs"), str) else job.get("needs", [])) <= set(jobs)
        assert job["runs-on"]
        yield from job["steps"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_what_is_there(path):
    for step in steps_of(path):
        assert ("run" in step) != ("uses" in step), step
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
        elif step["run"].startswith("make "):
            assert exists_for_make(step["run"].split()[1:]), step
        else:
            assert (ROOT / step["run"].split()[0]).is_file(), step


def test_the_workflow_runs_all_tests_and_deploys_the_site():
    steps = list(steps_of(ROOT / ".github/workflows/ci.yml"))
    assert {".ci/run", "make site"} <= {step.get("run") for step in steps}
    (upload,) = (step for step in steps if "upload-pages" in step.get("uses", ""))
    assert upload["with"]["path"] == "build/site/html"


def exists_for_make(targets):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return all(re.search(rf"^{re.escape(target)}:", makefile, re.M) for target in targets)


@needs_make
def test_the_container_sets_up_the_environment_and_opens_the_first_chapter():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"python:3\.1[1-4]-bookworm", container["image"])
    program, *targets = container["postCreateCommand"].split()
    assert program == "make"
    assert exists_for_make(targets)
    dry_run = subprocess.run(
        ["make", "-n", "-B", *targets], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    custom = container["customizations"]
    interpreter = custom["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert f"{interpreter.removeprefix('${containerWorkspaceFolder}/')} -m pip install" in dry_run
    for name in custom["codespaces"]["openFiles"]:
        assert (ROOT / name).is_file()
