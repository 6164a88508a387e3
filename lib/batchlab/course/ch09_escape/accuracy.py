"""Does the batch size change how well new images are read? 400 digits, trained to the same training loss."""

import functools

import numpy as np

from ... import data
from ...descent import fit
from ...progress import progress_bar

RATES = {400: (0.4, 0.8), 16: (0.1, 0.2), 4: (0.025, 0.05)}  # of each batch size a lower and a higher one
LOSSES = {0.0: (0.1, 0.01), 0.3: (1.0, 0.05)}  # by the share of wrong labels: early, and near the minimum
MOST = 2000  # epochs
STUDENT = 2.365  # 97.5 % point of Student's t with 7 degrees of freedom: of 8 runs


@functools.lru_cache(maxsize=4)
def accuracies(label_noise, draws, seeds=1, progress=True):
    """Validation accuracy, in %, where the training loss first is at most each of LOSSES.

    Args:
        label_noise: share of wrong training labels, a key of LOSSES.
        draws: which draws of the digits, a range: other images, other wrong labels.
        seeds: runs of each; they differ in start and shuffles.
        progress: show a progress bar.

    Returns:
        (draws x seeds, batch sizes, rates, losses); NaN where a loss is not reached within MOST epochs.
    """
    found = np.zeros((len(draws), seeds, len(RATES), 2, 2))
    with progress_bar(found[:, 0, :, :, 0].size, " settings", progress) as bar:
        for at, b, r in np.ndindex(len(draws), len(RATES), 2):
            problem = data.digits(n=400, label_noise=label_noise, seed=draws[at])
            settings = {"batch_size": list(RATES)[b], "learning_rate": list(RATES.values())[b][r], "num_epochs": 0}
            run = fit(problem, hidden=(32,), seeds=seeds, seed=draws[at], **settings)
            while (run.train_loss.min(axis=1) > LOSSES[label_noise][-1]).any() and run.num_epochs < MOST:
                run.train(50)
            for level, loss in enumerate(LOSSES[label_noise]):
                found[at, :, b, r, level] = 100 * at_training_loss(run, loss)[1]
            bar.update()
    return found.reshape(-1, len(RATES), 2, 2)


def at_training_loss(run, target):
    """The first epoch at which each run's training loss is at most `target`, and the validation accuracy there.

    Args:
        run: a `History` with seeds.
        target: a training loss.

    Returns:
        Epochs (seeds,), -1 where it was never reached, and accuracies (seeds,), NaN there.
    """
    there = run.train_loss <= target
    first = there.argmax(axis=1)
    accuracy = run.val_accuracy[np.arange(len(first)), first]
    return np.where(there.any(axis=1), first, -1), np.where(there.any(axis=1), accuracy, np.nan)


def differences(accuracies):
    """What each batch size gains on the full batch, paired run by run: means and 95 % half-widths of 8 runs.

    Returns:
        Two arrays, (batch sizes but the full one, rates, losses), in percentage points.
    """
    gained = accuracies[:, 1:] - accuracies[:, :1]
    return gained.mean(axis=0), STUDENT * gained.std(axis=0, ddof=1) / np.sqrt(len(gained))
