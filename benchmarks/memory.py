"""Memory of a Jupyter kernel, after the imports, a default lab, the main notebook; and of all chapters one by one."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from unittest import mock

from .latency import jupyterlab, missing
from .tables import heading, progress, table, verdict

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "03_stop_at_the_right_epoch.ipynb"
TARGET = 450  # MB, what a Binder pod is sure to have
COURSE_TARGET = 1600  # MB, of the 2,048 of a pod, for the server and every chapter that was opened

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


def held():
    """What the children of this process hold, theirs included, in MB; what several share counts once (on Linux)."""
    import psutil

    total = 0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            sizes = child.memory_full_info()
            total += getattr(sizes, "pss", sizes.rss)
    return total / 2**20


def ask(address, path, method, /, **fields):
    """Ask the Jupyter server for something, as its page does."""
    headers = {"Authorization": "token bench", "Content-Type": "application/json"}
    data = json.dumps(fields).encode() if fields else None
    request = urllib.request.Request(f"{address}/api/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read() or "null")


def run(connection, path):
    """Run a notebook's cells in a kernel of the server."""
    import jupyter_client
    import nbformat

    client = jupyter_client.BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels(hb=False)  # on a busy machine a heartbeat that is late would count as death
    client.wait_for_ready(timeout=120)
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            reply = client.execute_interactive(cell.source, timeout=900, output_hook=lambda message: None)
            assert reply["content"]["status"] == "ok", (path.name, cell.source, reply["content"])
    client.stop_channels()


def course(close):
    """What server and kernels hold together, first without a kernel, then after each chapter: opened in turn, all run.

    Args:
        close: whether a chapter's kernel is shut down before the next chapter is opened.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        notebooks = shutil.copytree(NOTEBOOK.parent, folder / "notebooks")
        settings = {
            "BATCHLAB_WAIT": "1",
            "BATCHLAB_CACHE": str(folder / "kept"),
        }  # a picture is finished; sweeps are run
        with mock.patch.dict(os.environ, settings), jupyterlab(folder) as address:
            ask(address, "status", "GET")
            yield "server alone", held()
            for path in sorted(notebooks.glob("[01]*.ipynb")):
                progress(f"memory: {path.name}, {'others closed' if close else 'others open'}")
                kernel = ask(address, "kernels", "POST", name="python3", path="")["id"]
                run(folder / f"runtime/kernel-{kernel}.json", path)
                yield path.stem, held()
                if close:
                    ask(address, f"kernels/{kernel}", "DELETE")


def report():
    report_kernels()
    report_course()


def report_course():
    heading(
        "Memory of the course",
        "JupyterLab's server and its kernels together, in MB, after all cells of each chapter were run; what processes "
        "share counts once.",
    )
    if absent := missing("psutil", "jupyterlab", "nbformat"):
        print(f"{', '.join(absent)}: not installed\n")
        return
    alone, together = dict(course(close=True)), dict(course(close=False))
    rows = [[name, f"{alone[name]:.0f}", f"{together[name]:.0f}"] for name in together]
    most = max(alone.values()), max(together.values())
    rows.append(["at most", *(f"{size:.0f}" for size in most)])
    rows.append([f"target: at most {COURSE_TARGET}", *(verdict(size <= COURSE_TARGET) for size in most)])
    table(["after", "closed before the next", "all left open"], rows)


def report_kernels():
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
