"""The same run on several draws of the data: what chapter 3 says is measured on ten."""

from typing import NamedTuple

import numpy as np

from ... import data
from ...descent import fit
from ...progress import progress_bar

DRAWS = 10
_measured = {}  # what `ten_draws` was asked for -> its `Draws`, half a megabyte each


class Draws(NamedTuple):
    """Losses of runs that differ in the draw of the data, the start and the shuffles: (draws, num_epochs + 1)."""

    train_loss: np.ndarray
    val_loss: np.ndarray
    iterations_per_epoch: int

    best_epoch = property(lambda self: np.nanargmin(self.val_loss, axis=1))  # NaN after a run has diverged
    lowest = property(lambda self: np.nanmin(self.val_loss, axis=1))

    def interval(self):
        """The median best epoch, and an interval that holds the true median with 98 % confidence.

        Of ten draws the second lowest and the second highest: it misses only if nine of ten fall on one side.
        """
        ordered = np.sort(self.best_epoch)
        return np.median(ordered), ordered[1], ordered[-2]


def ten_draws(name, *, n=None, noise=None, progress=False, **settings):
    """Ten runs on a dataset under its default settings but for `settings`: draw 0 with seed 0, draw 1 with seed 1, ...

    n and noise are those of the dataset, None for its own. A second call with the same arguments trains nothing.
    """
    drawn = {"label_noise" if name == "digits" else "noise": data.NOISE.get(name) if noise is None else noise}
    drawn |= {} if n is None else {"n": n}
    settings = data.DEFAULTS.get(name, {}) | settings
    asked = name, *sorted(drawn.items()), *sorted(settings.items())
    if asked not in _measured:
        problems = [data.load(name, seed=seed, **drawn) for seed in range(DRAWS)]
        num_epochs, losses = settings.pop("num_epochs"), []
        with progress_bar(DRAWS, " draws", progress) as bar:
            for seed, problem in enumerate(problems):
                run = fit(problem, seed=seed, num_epochs=0, **settings).train(num_epochs)
                losses.append((run.train_loss, run.val_loss))
                bar.update(1)
        _measured[asked] = Draws(*np.swapaxes(losses, 0, 1), run.iterations_per_epoch)
    return _measured[asked]
