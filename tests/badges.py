"""Where the repository lives stands in pyproject.toml alone; this writes it wherever a reader opens a notebook from it.

`make badges ADDRESS=https://github.com/OWNER/NAME` sets the address, and writes the badges of README.md and of every
notebook, and the cell with which a notebook on Colab installs the library.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
START = "00_start_here.ipynb"
BEGIN, END = "<!-- badges -->", "<!-- end of badges -->"
INSTALL = """import importlib.util

if importlib.util.find_spec("batchlab") is None:
    %pip install --quiet "batchlab @ git+{address}"
"""


def address():
    """The repository's address."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def badges(notebook, images="images"):
    """The badges that open a notebook on Binder and on Colab; Markdown behind a comment, on its line, would be HTML."""
    place = address().removeprefix("https://github.com/")
    binder = f"https://mybinder.org/v2/gh/{place}/HEAD?urlpath=lab/tree/notebooks/{notebook}"
    colab = f"https://colab.research.google.com/github/{place}/blob/HEAD/notebooks/{notebook}"
    one, other = (f"[![open in {name}]({images}/open-in-{name.lower()}.svg)]" for name in ("Binder", "Colab"))
    return f"{BEGIN}\n{one}({binder}) {other}({colab})\n{END}"


def marked(text, line):
    """A text with the line in place of the badges that it has, or below its heading."""
    if BEGIN in text:
        return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: line, text, flags=re.DOTALL)
    heading, _, rest = text.partition("\n")
    return f"{heading}\n\n{line}\n{rest}"


def written(path):
    """A file as it must be."""
    if path.suffix == ".md":
        return marked(path.read_text(encoding="utf-8"), badges(START, "notebooks/images"))
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0]
    first.source = marked(first.source, badges(path.name))
    if notebook.cells[1].id != "install":
        cell = nbformat.v4.new_code_cell(id="install", execution_count=None)
        notebook.cells.insert(1, cell)
    notebook.cells[1].source = INSTALL.format(address=address()).rstrip("\n")
    return nbformat.writes(notebook) + "\n"


def files():
    """Where the address stands."""
    return [ROOT / "README.md", *sorted((ROOT / "notebooks").glob("[01]*.ipynb"))]


if __name__ == "__main__":
    if sys.argv[1:]:
        project = ROOT / "pyproject.toml"
        if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", sys.argv[1].rstrip("/")):
            sys.exit(f"ADDRESS is {sys.argv[1]!r}; it must be like https://github.com/OWNER/NAME.")
        text = project.read_text(encoding="utf-8")
        text = re.sub(r'(?m)^Repository = ".*"$', f'Repository = "{sys.argv[1].rstrip("/")}"', text)
        project.write_text(text, encoding="utf-8")
    for path in files():
        path.write_text(written(path), encoding="utf-8")
