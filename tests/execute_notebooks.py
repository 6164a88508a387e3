"""Run the notebooks in fresh kernels and write them as a reader should meet them.

What only a running kernel can show is left out: a widget gives place to the picture and the words that stand beside
it. Names on the command line choose notebooks; without any, all are run.
"""

import os
import pathlib
import sys

import nbformat
from nbclient import NotebookClient

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path):
    """Run one notebook from top to bottom and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                del output["data"][WIDGET]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ.update(BATCHLAB_PROGRESS="off", TQDM_DISABLE="1", JAX_ENABLE_COMPILATION_CACHE="false")
    os.environ["BATCHLAB_STATIC"] = "1"  # pictures are finished before they are shown: nobody waits for the rest
    for path in [FOLDER / name for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        execute(path)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")
