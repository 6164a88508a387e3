"""Finished runs, kept in a small file in the user's cache folder, so that none is trained twice."""

import hashlib
import os
import pathlib
import zipfile

import jax
import numpy as np
import platformdirs

from .. import pieces
from ..models import loss_of
from .lanes import first_state

LIBRARY = pathlib.Path(__file__).parents[1]
# A change of these makes kept runs worthless: of shuffles, losses, training, and what the compiler is told.
SOURCES = ("shuffling", "models", "pieces", "descent", "process", "sweeps/lanes", "sweeps/grid", "sweeps/kept")
CACHE_BYTES = 50e6  # of kept sweeps; beyond it the oldest goes


class Kept:
    """The runs that are known of a problem and a model: `curves` is {(batch size, rate, seed): curve}.

    A file that cannot be read counts as none, and where nothing can be written, nothing is kept.
    """

    def __init__(self, name):
        self._file = _file(name)
        self.curves = {} if self._file is None else _read(self._file)

    def add(self, curves):
        """Write all runs with these, in one move, so that no half file is ever read; of two of a run the longer."""
        longer = {run: curve for run, curve in curves.items() if len(curve) > len(self.curves.get(run, ()))}
        if self._file is None or not longer:
            return
        curves = self.curves | longer
        values = list(curves.values())
        ends = np.cumsum([len(curve) for curve in values])
        beside = self._file.with_suffix(f".{os.getpid()}")
        try:
            with open(beside, "wb") as file:
                np.savez_compressed(file, runs=np.array(list(curves)), ends=ends, values=np.concatenate(values))
            beside.replace(self._file)
            self.curves = curves
            _forget(self._file.parent)
        except OSError:  # a full disk, a folder that cannot be written to: it will be computed again
            pass
        finally:
            beside.unlink(missing_ok=True)  # half a file


def identity(problem, model, optimizer, *settings):
    """A name for everything that the numbers of a run depend on, apart from batch size, rate and seed."""
    params, state = first_state(model, optimizer, jax.random.key(0), 0.1)
    loss = loss_of(model, problem.kind)

    def update(params, state, rate, x, y):
        grads = jax.grad(lambda params: loss(params, x, y).mean())(params)
        return optimizer(rate).update(grads, state, params)

    traced = jax.make_jaxpr(update)(params, state, 0.1, problem.x[:1], problem.y[:1])
    parts = [
        jax.__version__,
        pieces.device_of(problem).device_kind,
        traced.pretty_print(use_color=False),
        problem.kind,
        *map(str, settings),
    ]
    parts += [(LIBRARY / f"{name}.py").read_text("utf-8") for name in SOURCES]
    arrays = [problem.x, problem.y, problem.x_val, problem.y_val, *traced.consts, *jax.tree.leaves((params, state))]
    name = hashlib.sha256("".join(parts).encode())
    for array in arrays:
        name.update(f"{np.shape(array)}".encode() + np.asarray(array).tobytes())
    return name.hexdigest()[:32]


def _read(path):
    try:
        with open(path, "rb") as file, np.load(file) as kept:
            runs, ends, values = kept["runs"], kept["ends"], kept["values"]
        names = [(int(size), float(rate), int(seed)) for size, rate, seed in runs]
        return dict(zip(names, np.split(values, ends[:-1]), strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _file(name):
    """Where the runs of this name are kept, or None where nothing can be.

    The folder is the user's own cache folder, or that of the variable BATCHLAB_CACHE; BATCHLAB_CACHE=off keeps nothing.
    """
    folder = os.environ.get("BATCHLAB_CACHE") or platformdirs.user_cache_dir("batchlab", appauthor=False)
    if folder == "off":
        return None
    folder = pathlib.Path(folder) / "sweeps"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"{name}.npz"


def _forget(folder):
    """Remove the oldest sweeps until what is kept is within CACHE_BYTES."""
    files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
    sizes = np.cumsum([file.stat().st_size for file in files])
    for file, so_far in zip(files[1:], sizes[1:], strict=True):
        if so_far > CACHE_BYTES:
            file.unlink(missing_ok=True)
