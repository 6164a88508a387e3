"""Memory of a Jupyter kernel: after the imports, after a default lab, after the main notebook."""

import subprocess
from pathlib import Path

from .tables import heading, progress, table, verdict

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "03_stop_at_the_right_epoch.ipynb"
TARGET = 450  # MB, what a Binder pod is sure to have

KERNELS = {
    "kernel alone": "pass",
    "peer: kernel with PyTorch imported": "import torch",
    "peer: kernel with pyplot and scikit-learn imported": "import matplotlib.pyplot, sklearn.neural_network",
    "kernel with batchlab imported": "import batchlab as bl",
    "kernel with a default lab": "import batchlab as bl\nlab = bl.Lab()\nlab.wait()",
}


def memory(pid):
    """What a process holds now and held at most, in MB; where the system tells no peak, what it holds now, twice."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    import psutil

    held = psutil.Process(pid).memory_info()
    return held.rss / 2**20, getattr(held, "peak_wset", held.rss) / 2**20


def memory_after(cells):
    """The memory of a kernel that has executed these cells."""
    import nbformat

    return memory_of(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]))


def memory_of(notebook, folder=None):
    from nbclient import NotebookClient

    resources = {"metadata": {"path": str(folder)}} if folder else {}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
    with client.setup_kernel(stderr=subprocess.DEVNULL):  # its errors come as messages
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        return memory(client.km.provisioner.pid)


def report():
    heading(
        "Memory",
        "Resident memory of the kernel's process, in MB, afterwards and at its peak. All is compiled afresh, which "
        "takes the most memory.",
    )
    try:
        import nbclient
        import nbformat
    except ImportError:
        print("nbclient: not installed\n")
        return
    measured = {}
    for name, code in KERNELS.items():
        progress(f"memory: {name}")
        try:
            measured[name] = memory_after([code])
        except nbclient.exceptions.CellExecutionError as error:
            if error.ename not in ("ModuleNotFoundError", "ImportError"):
                raise
            measured[name] = None
    if NOTEBOOK.exists():
        progress(f"memory: {NOTEBOOK.name}")
        measured[NOTEBOOK.name] = memory_of(nbformat.read(NOTEBOOK, as_version=4), NOTEBOOK.parent)
    else:
        print(f"{NOTEBOOK.name} is not there yet: not measured.\n")
    ours = next(reversed(measured.values()))[0]
    rows = []
    for name, sizes in measured.items():
        if sizes is None:
            rows.append([name, "not installed", "", "", "", ""])
        else:
            peer = name.startswith(("peer", "kernel alone"))
            goal = ["", ""] if peer else [f"at most {TARGET}", verdict(sizes[0] <= TARGET)]
            rows.append([name, f"{sizes[0]:.0f}", f"{sizes[1]:.0f}", f"{sizes[0] / ours:.2f}x", *goal])
    table(["after", "MB afterwards", "MB at most", "of the last row", "target afterwards", ""], rows)
