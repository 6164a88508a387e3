"""What the repository promises as a whole: one set of pins, clean notebooks, nothing of anyone's machine."""

import fnmatch
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import badges, verdicts

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLATFORMS = [
    {"python_version": minor, "python_full_version": f"{minor}.9"} | system
    for minor, system in itertools.product(
        ["3.11", "3.12", "3.13", "3.14"],
        [
            {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
            {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
            {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
        ],
    )
]


def lines_of(text):
    """The lines that pip or repo2docker acts on."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


HAS_GIT = shutil.which("git") is not None and (ROOT / ".git").exists()
needs_git = pytest.mark.skipif(not HAS_GIT, reason="git is missing, or the folder comes from a ZIP file")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")
IGNORED = lines_of((ROOT / ".gitignore").read_text(encoding="utf-8"))


def ignored(name):
    """Whether .gitignore names a file or a folder above it."""
    parts = name.split("/")
    return any(
        fnmatch.fnmatchcase(name, pattern)
        if "/" in pattern.rstrip("/")
        else any(fnmatch.fnmatchcase(part, pattern.rstrip("/")) for part in parts[: -1 if pattern[-1] == "/" else None])
        for pattern in IGNORED
    )


def walked():
    """The names of all files here that .gitignore does not name."""
    for folder, folders, files in os.walk(ROOT):
        inside = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if name != ".git" and not ignored((inside / name / "x").as_posix())]
        yield from (name for file in files if not ignored(name := (inside / file).as_posix()) and name != ".git")


def tracked(pattern="*"):
    """What git tracks, or where there is no git all that it would."""
    if HAS_GIT:
        listing = git("ls-files", "-z")
        assert listing.returncode == 0, listing.stderr
        names = listing.stdout.split("\0")
    else:
        names = walked()
    return sorted(ROOT / name for name in names if fnmatch.fnmatchcase(name, pattern) and (ROOT / name).is_file())


NOTEBOOKS = tracked("notebooks/[01][0-9]_*.ipynb")  # a reader's own are nobody's business


# ---------------------------------------------------------------------------------------------------- dependencies


def listed(name):
    return [Requirement(line) for line in lines_of((ROOT / name).read_text()) if line != "-e ."]


def pins():
    return listed("requirements.txt") + listed("tests/requirements.txt")


def ranges():
    extras = PYPROJECT["project"]["optional-dependencies"]
    return [Requirement(text) for text in PYPROJECT["project"]["dependencies"] + extras["lab"] + extras["test"]]


@pytest.mark.parametrize("wanted", ranges(), ids=lambda wanted: wanted.name)
def test_pin_is_in_the_range_of_pyproject(wanted):
    for platform in PLATFORMS:
        found = [
            pin
            for pin in pins()
            if canonicalize_name(pin.name) == canonicalize_name(wanted.name)
            and (pin.marker is None or pin.marker.evaluate(platform))
        ]
        assert len(found) == 1, f"{wanted.name} has {len(found)} pins for {platform}: run make pins"
        (specifier,) = found[0].specifier
        assert specifier.operator == "=="
        assert wanted.specifier.contains(specifier.version), f"{found[0]} is not in {wanted}: run make pins"


def test_every_pin_names_one_version_and_no_place():
    for pin in pins():
        assert [specifier.operator for specifier in pin.specifier] == ["=="], f"{pin} is not pinned"
        assert pin.url is None, f"{pin} comes from a place of its own"


def test_the_library_itself_is_installed_last():
    assert lines_of((ROOT / "requirements.txt").read_text())[-1] == "-e ."


def test_readers_install_nothing_that_only_tests_need():
    names = {canonicalize_name(pin.name) for pin in listed("requirements.txt")}
    assert not names & {"pytest", "playwright", "ruff", "nbval", "coverage", "sphinx"}
    assert not names & {canonicalize_name(pin.name) for pin in listed("tests/requirements.txt")}


def test_slow_jaxlib_is_excluded():
    assert not next(wanted for wanted in ranges() if wanted.name == "jaxlib").specifier.contains("0.11.1")
    assert "0.11.1" not in [next(iter(pin.specifier)).version for pin in pins() if pin.name == "jaxlib"]


def test_every_range_ends_before_the_next_major():
    for wanted in ranges():
        operators = {specifier.operator for specifier in wanted.specifier}
        assert operators & {"<", "=="} or wanted.name == "packaging", f"{wanted} admits any future release"


# ---------------------------------------------------------------------------------------------------------- Binder


@needs_make
def test_make_lab_installs_the_requirements():
    dry_run = subprocess.run(["make", "-n", "-B", "lab"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    installs = [line for line in dry_run.splitlines() if "pip install" in line]
    assert len(installs) == 1, installs
    assert installs[0].endswith("-r requirements.txt"), installs


@needs_make
def test_make_help_lists_every_target_and_what_it_does():
    asked = ["make", "--no-print-directory", "help"]  # `make test` runs this, and then a make names its folder
    _, *said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (\w+)$", makefile, re.M)
    assert [line.split()[1] for line in said] == targets
    for line in said:
        assert re.fullmatch(r"  make \w+ +\w.{10,}", line), line


def test_binder_installs_what_make_lab_installs():
    """`make lab` installs requirements.txt from the root; with binder/ there, repo2docker reads nothing at the root."""
    # repo2docker prefers a conda environment, a Pipfile or a Dockerfile where it finds one.
    assert {path.name for path in (ROOT / "binder").iterdir()} == {"requirements.txt", "runtime.txt", "postBuild"}
    assert [*lines_of((ROOT / "binder/requirements.txt").read_text()), "-e ."] == lines_of(
        (ROOT / "requirements.txt").read_text()
    )
    installs = [line for line in lines_of((ROOT / "binder/postBuild").read_text()) if "install" in line]
    assert installs == ["pip install --quiet --no-cache-dir --no-deps -e ."]


def test_binder_keeps_the_environment_from_build_to_build():
    """repo2docker installs before it copies the repository only if no line refers to a file of it."""
    for line in lines_of((ROOT / "binder/requirements.txt").read_text()):
        assert not line.startswith("-"), line
        assert "/" not in line, line


def test_binder_has_the_oldest_python_that_is_supported():
    assert (ROOT / "binder/runtime.txt").read_text().strip() == "python-3.11"
    assert PYPROJECT["project"]["requires-python"] == ">=3.11"


@pytest.mark.parametrize("path", badges.files(), ids=lambda path: path.name)
def test_badges_and_installing_have_the_address_of_the_project(path):
    assert path.read_text(encoding="utf-8") == badges.written(path), "run make badges"


@pytest.mark.parametrize("path", badges.files(), ids=lambda path: path.name)
def test_badges_are_shown_as_links(path):
    """Markdown takes a line that begins with a comment for HTML, and shows what stands behind it as it is."""
    text = path.read_text(encoding="utf-8")
    text = text if path.suffix == ".md" else "".join(json.loads(text)["cells"][0]["source"])
    assert re.search(r"^\[!\[open in Binder\]", text, re.MULTILINE)


def test_an_address_of_another_kind_is_refused():
    before = (ROOT / "README.md").read_bytes(), (ROOT / "pyproject.toml").read_bytes()
    command = [sys.executable, ROOT / "tests/badges.py", "git@github.com:OWNER/NAME.git"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "ADDRESS is 'git@github.com:OWNER/NAME.git'; it must be like" in done.stderr
    assert before == ((ROOT / "README.md").read_bytes(), (ROOT / "pyproject.toml").read_bytes())


# ------------------------------------------------------------------------------------------------------- the files

# Folders of somebody's machine; /home/jovyan is Binder's. Hosts that an installer would contact are spelt in two
# halves, so that this file does not hold them.
MACHINE_PATH = re.compile(rb"(?<![\w.*)\]])/(?:root|work|opt|Users/\w+|home/(?!jovyan\b)\w+|tmp/ipykernel)[_/]")
HOSTS = ["pypi" + ".org", "python" + "hosted", "npm" + "js.org", "deb." + "debian", "download." + "pytorch"]


def traces(content):
    """What in a file's bytes tells of a machine or a registry."""
    found = [match.group().decode() for match in MACHINE_PATH.finditer(content)]
    return found + [host for host in HOSTS if host.encode() in content]


def test_no_file_tells_of_a_machine_or_a_registry():
    told = {path.relative_to(ROOT).as_posix(): traces(path.read_bytes()) for path in tracked()}
    assert {"README.md", "lib/batchlab/data.py", "notebooks/00_start_here.ipynb"} <= set(told)
    assert not {name: found for name, found in told.items() if found}


@pytest.mark.parametrize("folder", ["root/x", "work/x", "home/ann/x", "Users/ann/x", "tmp/ipykernel_12/x"])
def test_a_trace_is_found(folder):
    assert traces(f'File "/{folder}"'.encode())
    assert not traces(f"../{folder}".encode())


@pytest.mark.parametrize(
    "name",
    [
        ".venv/bin/python",
        ".venv-bench/bin/python",
        "notebooks/.batchlab-progress.json",
        "notebooks/.batchlab/progress.json",
        "notebooks/.ipynb_checkpoints/x.ipynb",
        "lib/batchlab/__pycache__/data.pyc",
        ".pytest_cache/x",
        ".ruff_cache/x",
    ],
)
def test_a_file_is_ignored(name):
    assert ignored(name)
    assert not HAS_GIT or git("check-ignore", "--no-index", "-q", name).returncode == 0


@pytest.mark.parametrize("name", ["lib/batchlab/data.py", "lib/batchlab/new.py", "notebooks/00_start_here.ipynb"])
def test_a_file_is_not_ignored(name):
    assert not ignored(name)
    assert not HAS_GIT or git("check-ignore", "--no-index", "-q", name).returncode == 1


@needs_git
def test_without_git_the_same_files_are_found():
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
    assert sorted(walked()) == sorted(name for name in names if name and (ROOT / name).is_file())


@needs_git
def test_text_has_line_feeds_on_every_system():
    """Of git's words for a file the third is what a checkout makes of it."""
    lines = [line.split() for line in git("ls-files", "--eol").stdout.splitlines()]
    told = {words[-1]: words for words in lines}
    assert told["binder/postBuild"][2:4] == ["attr/text=auto", "eol=lf"]
    assert told["tests/library/stored_losses.npz"][2] == "attr/-text"
    assert not [words for words in lines if words[0] not in ("i/lf", "i/none") and words[2] != "attr/-text"]


# --------------------------------------------------------------------------------------------------- the notebooks


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def lines_in(cell):
    return [line for line in "".join(cell["source"]).splitlines() if line.strip()]


def test_there_are_notebooks():
    assert NOTEBOOKS, "git tracks no notebook in notebooks/"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    @pytest.fixture
    def notebook(self, path):
        return json.loads(path.read_text(encoding="utf-8"))

    def test_static_viewers_can_show_it(self, notebook):
        """GitHub refuses a notebook whose metadata.widgets lacks the state."""
        assert "widgets" not in notebook["metadata"]

    def test_it_was_run_from_top_to_bottom(self, notebook):
        counts = [cell["execution_count"] for cell in code_cells(notebook) if lines_in(cell)]
        assert counts == list(range(1, len(counts) + 1))
        assert counts

    def test_nothing_went_wrong(self, notebook):
        for cell in code_cells(notebook):
            for output in cell["outputs"]:
                assert output["output_type"] != "error", output["ename"]
                assert output.get("name") != "stderr", "".join(output["text"])

    def test_code_cells_are_short(self, notebook):
        for cell in code_cells(notebook):
            assert len(lines_in(cell)) <= 12, "".join(cell["source"])

    def test_setup_is_short(self, notebook):
        assert len(lines_in(code_cells(notebook)[0])) <= 6


# ---- the twenty statements -------------------------------------------------------------------------------------------

STATEMENT_TESTS = (ROOT / "tests/test_statements.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("statement", verdicts.STATEMENTS)
def test_a_statement_has_its_test_and_its_verdict(statement):
    number = int(statement[1:])
    assert re.search(rf"^def test_s{number:02}_\w+\(", STATEMENT_TESTS, re.M)
    # One test says what was measured, and the README holds it.
    assert STATEMENT_TESTS.count(f'"{statement}"') == 1
    assert verdicts.table()[statement], "run `make verdicts`"


def test_the_readme_has_the_table_as_it_is_written(tmp_path, monkeypatch):
    before = verdicts.README.read_text(encoding="utf-8")
    monkeypatch.setattr(verdicts, "README", tmp_path / "README.md")
    verdicts.README.write_text(before, encoding="utf-8")
    verdicts.write({})
    assert verdicts.README.read_text(encoding="utf-8") == before


def test_an_outdated_verdict_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "README", tmp_path / "README.md")
    verdicts.README.write_text(f"# Title\n\n{verdicts.BEGIN}\n{verdicts.END}\n\nmore\n", encoding="utf-8")
    verdicts.write({"S15": "ratio ≈ 1.00 of 1,234 in 3 seeds"})
    assert verdicts.README.read_text(encoding="utf-8").startswith("# Title\n")
    assert verdicts.README.read_text(encoding="utf-8").endswith("\n\nmore\n")
    verdicts.check("S15", "ratio ≈ 1.10 of 1,234 in 3 seeds")  # measured: another processor may round differently
    for other in (
        "ratio ≈ 1.60 of 1,234 in 3 seeds",
        "ratio ≈ 1.00 of 1,234 in 5 seeds",
        "ratio ≈ 1.00 of 1,235 in 3 seeds",
        "the ratio ≈ 1.00 of 1,234 in 3 seeds",
        "ratio 1.00 of 1,234 in 3 seeds",
    ):
        with pytest.raises(AssertionError, match="make verdicts"):
            verdicts.check("S15", other)
    with pytest.raises(AssertionError, match="make verdicts"):
        verdicts.check("S16", "nothing was there")
