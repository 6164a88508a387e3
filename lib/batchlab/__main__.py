"""`python -m batchlab [FOLDER]` copies the notebooks of the course into a folder and opens them in JupyterLab."""

import argparse
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

START = "00_start_here.ipynb"
PATTERNS = ("[01][0-9]_*.ipynb", "*.md", "images/*.svg")


def source():
    """The folder of the notebooks: inside an installed library, or beside `lib` where it is used from its sources."""
    inside = Path(__file__).parent / "notebooks"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / "notebooks"


def copy(folder):
    """Copy what is missing in `folder`; return how many files were copied, and the names of those kept as they were.

    Raises:
        FileNotFoundError: the notebooks did not come with the library.
    """
    copied, kept = 0, []
    files = [path for pattern in PATTERNS for path in sorted(source().glob(pattern))]
    if START not in [path.name for path in files]:
        raise FileNotFoundError(f"there are no notebooks in {source()}; install the library anew, from a wheel")
    for path in files:
        name = path.relative_to(source())
        place = folder / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            copied += 1
        elif place.read_bytes() != path.read_bytes():
            kept.append(str(name))
    return copied, kept


def serve(command):
    """Run a server and return its exit status; Ctrl+C reaches it, too, and it asks whether to stop."""
    with subprocess.Popen(command) as server:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return server.wait()


def main(arguments=None):
    """Copy, say what was copied and what was not, and open the first notebook; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m batchlab", description=__doc__.replace("`", ""))
    parser.add_argument("folder", nargs="?", type=Path, default=Path("batchlab-notebooks"), help="default: %(default)s")
    parser.add_argument("--no-open", action="store_true", help="copy only")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder.absolute()
    try:
        copied, kept = copy(folder)
    except OSError as error:
        parser.error(str(error))
    print(f"{copied} file{'s' * (copied != 1)} copied into {folder}")
    if kept:
        print(f"Kept, though the course's own differ: {', '.join(kept)}. Rename yours to have the course's copied.")
    lacking = importlib.util.find_spec("jupyterlab") is None
    if chosen.no_open or lacking:
        how = " (pip install jupyterlab)" * lacking
        print(f"Open {folder / START} in JupyterLab{how}, Jupyter Notebook or VS Code.")
        return 0
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += [f"--LabApp.default_url=/lab/tree/{START}", "--ServerApp.jpserver_extensions=batchlab_server=True"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return serve(command)


if __name__ == "__main__":
    sys.exit(main())
